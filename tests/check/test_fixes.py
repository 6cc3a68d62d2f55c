#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What podsgctl check says how to mend: commands with the ids of what was found, and what fits it."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "netns"))

from lab import tap  # noqa: E402
from lab.tap import check  # noqa: E402

PODSGCTL = os.path.join(os.environ.get("B", os.path.join(TOP, "build")), "asan", "podsgctl")

# Of each case, what has to be in its first finding's fix.
FIXES = (
    ("instance-cannot-trunk/found", "--instance-types m5.large"),
    ("instance-cannot-trunk/found-arm", "--instance-types m6g.xlarge"),
    ("branch-capacity-tight/found", "update-nodegroup-config"),
    ("branch-capacity-tight/found-cooling", "--instance i-0a1b2c3d4e5f60718"),
    ("max-pods-high/found", "maxPods: 29"),
    ("max-pods-high/found-custom-networking", "maxPods: 20"),
    ("max-pods-high/found-ordinary", "maxPods: 20"),
    ("max-pods-low/found", "maxPods: 29"),
    # One of the same zone behind a NAT gateway is known there.
    ("no-way-to-internet/found", "--subnets subnet-0aaaaaaaaaaaaaaa3"),
    ("no-way-to-internet/found-other-zone", "--subnets subnet-0aaaaaaaaaaaaaaa3"),
    ("no-way-to-internet/found-main-table", "--subnets SUBNET"),
    ("subnet-full/found", "--vpc-id vpc-0123456789abcdef0"),
    ("cluster-zones/found", "--name shop"),
    ("control-plane-to-nodes/found",
     "aws ec2 authorize-security-group-ingress --group-id sg-0bbbbbbbbbbbbbbb1 --ip-permissions "
     "'IpProtocol=tcp,FromPort=10250,ToPort=10250,"
     "UserIdGroupPairs=[{GroupId=sg-0cccccccccccccccc}]'"),
    ("nodes-to-control-plane/found-egress",
     "aws ec2 authorize-security-group-egress --group-id sg-0bbbbbbbbbbbbbbb1"),
    ("endpoint-no-way/found", "aws eks update-cluster-config --name shop"),
    ("endpoint-dns/found",
     "aws ec2 modify-vpc-attribute --vpc-id vpc-0123456789abcdef0 --enable-dns-hostnames"),
    ("pod-not-admitted/found", "kubectl delete pod web-1 -n shop"),
    ("branch-capacity-replicas/found", "--nodegroup-name spare"),
    ("pod-without-trunk/found-selector", "kubectl get nodes -o custom-columns="
     "NAME:.metadata.name,ENIS:.status.capacity.vpc\\.amazonaws\\.com/pod-eni"),
    ("rule-reference-gone/found", "UserIdGroupPairs=[{GroupId=sg-0eeeeeeeeeeeeeeee}]'"),
    ("rule-reference-gone/found-account",
     "UserIdGroupPairs=[{GroupId=sg-0eeeeeeeeeeeeeee1,UserId=444455556666}]'"),
    ("rule-ports-ignored/found", "aws ec2 revoke-security-group-ingress --group-id "
     "sg-0aaaaaaaaaaaaaaa1 --ip-permissions 'IpProtocol=-1,IpRanges=[{CidrIp=10.0.0.0/8}]'"),
    ("probe-not-admitted/found", "'IpProtocol=tcp,FromPort=8080,ToPort=8080,"
     "UserIdGroupPairs=[{GroupId=sg-0dddddddddddddddd}]'"),
    ("dns-egress/found-both", "'IpProtocol=tcp,FromPort=53,ToPort=53,"),
    ("dns-ingress/found", "--group-id sg-0dddddddddddddddd --ip-permissions 'IpProtocol=tcp,"
     "FromPort=53,ToPort=53,UserIdGroupPairs=[{GroupId=sg-0aaaaaaaaaaaaaaa1}]'"),
    ("pod-without-trunk/found-cninodes", "ENABLE_POD_ENI=true"),
    ("pod-fargate-groups/found", "kubectl delete pod other -n shop"),
    ("pod-windows/found", "kubectl edit securitygrouppolicy web -n shop"),
    ("policy-no-selector/found-namespace", "podSelector: {matchLabels: {app: elsewhere}}"),
    ("policy-group-unknown/found-name", "groupIds: [sg-0aaaaaaaaaaaaaaa1]"),
    ("policy-group-unknown/found-none", "--group-ids sg-0aaaaaaaaaaaaaaa1"),
    ("policy-group-vpc/found", "aws ec2 associate-security-group-vpc --group-id "
     "sg-0aaaaaaaaaaaaaaa2 --vpc-id vpc-0a1b2c3d4e5f60718"),
    ("policy-group-owner/found", "--principals 111122223333 --resource-arns "
     "arn:aws:ec2:REGION:444455556666:security-group/sg-0aaaaaaaaaaaaaaa2"),
    ("pod-groups-many/found", "--desired-value 6"),
    ("pod-groups-outdated/found-template", "kubectl rollout restart deployment/web -n shop"),
    ("cni-mode-unknown/found", "POD_SECURITY_GROUP_ENFORCING_MODE=strict"),
    ("strict-service-local/found-unset", "kubectl patch service web -n shop -p "
     "'{\"spec\":{\"externalTrafficPolicy\":\"Cluster\"}}'"),
    ("strict-instance-targets/found", "kubectl annotate --overwrite service legacy -n shop "
     "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type=ip"),
    ("strict-network-policy/found", "POD_SECURITY_GROUP_ENFORCING_MODE=standard"),
    ("strict-pod-identity/found-template", "kubectl annotate serviceaccount default -n shop"),
    ("load-balancer-tag/found", "aws ec2 create-tags --resources sg-0aaaaaaaaaaaaaaa1 --tags "
     "Key=kubernetes.io/cluster/prod"),
    # EKS tags the cluster's own group anew: that one keeps its tag.
    ("load-balancer-tag/found-cluster-group",
     "aws ec2 delete-tags --resources sg-0aaaaaaaaaaaaaaa1 --tags Key=kubernetes.io/cluster/prod"),
)


def fix_has(case, text):
    directory = os.path.join(HERE, "cases", case)
    result = subprocess.run([PODSGCTL, "check", "--only", case.split("/", maxsplit=1)[0], "-o",
                             "json", directory], capture_output=True, text=True, timeout=120,
                            check=False)
    check(result.stdout, result.stderr)
    findings = json.loads(result.stdout)["findings"]
    check(findings, "nothing was found")
    check(text in findings[0]["fix"], f"\"{text}\" is not in: {findings[0]['fix']}")


def main():
    program = tap.Selection(2)
    for case, text in FIXES:
        program.case(case, fix_has, case, text)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
