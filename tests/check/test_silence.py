#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What podsgctl check does not judge, for it does not matter there, or not yet."""

import datetime
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "netns"))

from lab import tap  # noqa: E402
from lab.tap import check, equal  # noqa: E402

PODSGCTL = os.path.join(os.environ.get("B", os.path.join(TOP, "build")), "asan", "podsgctl")
NODE = "ip-10-0-1-10.us-west-2.compute.internal"
NOT_JUDGED = 3
FOUND_ERRORS = 2
LATER = "another look: pods came to their nodes less than 30 seconds ago"


def kubernetes_list(kind, *items):
    return {"apiVersion": "v1", "kind": f"{kind}List", "metadata": {"resourceVersion": "48213"},
            "items": list(items)}


def node(instance_type, pods, provider="aws:///us-west-2a/i-0a1b2c3d4e5f60718"):
    return {"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": NODE, "labels": {
                "kubernetes.io/os": "linux", "node.kubernetes.io/instance-type": instance_type}},
            "spec": {"providerID": provider},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.0.1.10"}],
                       "capacity": {"pods": str(pods)}}}


def policies(*names):
    return kubernetes_list("SecurityGroupPolicy", *(
        {"apiVersion": "vpcresources.k8s.aws/v1beta1", "kind": "SecurityGroupPolicy",
         "metadata": {"name": name, "namespace": "shop"},
         "spec": {"podSelector": {"matchLabels": {"app": name}},
                  "securityGroups": {"groupIds": ["sg-0aaaaaaaaaaaaaaa1"]}}} for name in names))


AWS_NODE = kubernetes_list("DaemonSet", {
    "apiVersion": "apps/v1", "kind": "DaemonSet",
    "metadata": {"name": "aws-node", "namespace": "kube-system"},
    "spec": {"template": {"spec": {"hostNetwork": True, "containers": [
        {"name": "aws-node", "image": "602401143452.dkr.ecr.us-west-2.amazonaws.com/"
                                      "amazon-k8s-cni:v1.20.1-eksbuild.3",
         "env": [{"name": "ENABLE_POD_ENI", "value": "true"}]}]}}}})


def cluster(family):
    return {"cluster": {"name": "shop", "resourcesVpcConfig": {"vpcId": "vpc-0a1b2c3d4e5f60718"},
                        "kubernetesNetworkConfig": {"ipFamily": family}}}


def ask(*documents, only=None):
    with tempfile.TemporaryDirectory() as directory:
        for number, document in enumerate(documents):
            with open(os.path.join(directory, f"{number}.json"), "w", encoding="utf-8") as file:
                json.dump(document, file)
        options = ["--only", only] if only else []
        result = subprocess.run([PODSGCTL, "check", *options, "-o", "json", directory],
                                capture_output=True, text=True, timeout=120, check=False)
    check(result.stdout, result.stderr)
    answer = json.loads(result.stdout)
    equal(answer["notRead"], [], "documents that were refused")
    return answer, result.returncode


def judge(identity, *documents):
    answer, status = ask(*documents, only=identity)
    return answer["checks"][0], answer["findings"], status


def without_policies_any_instance_will_do():
    documents = (kubernetes_list("Node", node("t3.large", 35)), kubernetes_list("Pod"))
    entry, findings, status = judge("instance-cannot-trunk", *documents, policies())
    equal((entry["judged"], findings, status), (0, [], 0), "judged, findings, exit status")
    entry, findings, _ = judge("instance-cannot-trunk", *documents, policies("web"))
    equal((entry["judged"], len(findings)), (1, 1), "judged and found where there is a policy")


def with_ipv6_addresses_are_no_limit():
    documents = (kubernetes_list("Node", node("m5.large", 110)), kubernetes_list("Pod"), AWS_NODE)
    entry, findings, status = judge("max-pods-high", *documents, cluster("ipv6"))
    equal((entry["judged"], findings, status), (0, [], 0), "judged, findings, exit status")
    entry, findings, _ = judge("max-pods-high", *documents, cluster("ipv4"))
    equal((entry["judged"], len(findings)), (1, 1), "judged and found with IPv4")


def running_pod(name, namespace="shop", **labels):
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"nodeName": NODE, "containers": [{"name": name}]},
            "status": {"phase": "Running", "podIPs": [{"ip": f"10.0.1.{20 + len(name)}"}]}}


RULES = {"SecurityGroups": [{
    "GroupId": "sg-0aaaaaaaaaaaaaaa1", "GroupName": "web", "OwnerId": "111122223333",
    "VpcId": "vpc-0a1b2c3d4e5f60718", "IpPermissions": [], "IpPermissionsEgress": [
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}]}


def outside_of_ec2_nobody_asks_for_the_vpc_cni():
    dns = running_pod("dns", "kube-system", **{"k8s-app": "kube-dns"})
    documents = (policies("web"), kubernetes_list("Pod", running_pod("web", app="web"), dns), RULES)
    elsewhere, _ = ask(kubernetes_list("Node", node("k3s", 110, f"k3s://{NODE}")), *documents)
    groups = ("Pods", "Pods' groups", "Probes", "DNS", "DNS and the node")
    needs = {need for entry in elsewhere["checks"] if entry["group"] in groups
             for need in entry["needs"]}
    equal({need for need in needs if "aws" in need}, set(), "what it needs")
    equal([one for one in elsewhere["findings"] if one["check"] == "pod-without-trunk"], [],
          "pods said to lack a trunk")
    on_ec2, _ = ask(kubernetes_list("Node", node("m5.large", 29)), *documents)
    check(any("aws-node" in need for entry in on_ec2["checks"] for need in entry["needs"]),
          "not asked for on EC2 either")


def without_the_vpc_cni_no_pod_asks_for_enis():
    documents = (policies("web"), kubernetes_list("Node", {
        **node("m5.large", 29), "status": {"capacity": {"vpc.amazonaws.com/pod-eni": "9"}}}),
                 kubernetes_list("Pod", running_pod("web", app="web")))
    entry, findings, _ = judge("pod-not-admitted", *documents)
    equal((entry["judged"], len(findings)), (1, 1), "judged and found with the VPC CNI")
    entry, findings, _ = judge("pod-not-admitted", *documents, kubernetes_list("DaemonSet"))
    equal((entry["judged"], findings), (0, []), "judged and found with another CNI")


def time_text(seconds_ago):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now - datetime.timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def waiting_pod(created, started):
    status = {"phase": "Pending"}
    if started is not None:
        status["startTime"] = time_text(started)
    return kubernetes_list("Pod", {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"},
                     "creationTimestamp": time_text(created)},
        "spec": {"nodeName": NODE, "containers": [
            {"name": "web", "resources": {"limits": {"vpc.amazonaws.com/pod-eni": "1"}}}]},
        "status": status})


def judge_waiting(created, started):
    entry, findings, status = judge("pod-without-eni", policies("web"),
                                    waiting_pod(created, started))
    return entry["needs"], len(findings), status


def a_pod_that_has_just_come_may_wait_for_its_eni():
    # Of 30 seconds there are 25 for this test.
    for created, started in ((5, None), (5, 4), (600, 5)):
        equal(judge_waiting(created, started), ([LATER], 0, NOT_JUDGED),
              f"made {created} s ago, on its node for {started} s: needs, findings, exit status")


def one_that_has_waited_is_found():
    for created, started in ((45, None), (600, 45), (-600, None)):
        equal(judge_waiting(created, started), ([], 1, FOUND_ERRORS),
              f"made {created} s ago, on its node for {started} s: needs, findings, exit status")


def main():
    program = tap.Selection(2)
    for test in (without_policies_any_instance_will_do, with_ipv6_addresses_are_no_limit,
                 outside_of_ec2_nobody_asks_for_the_vpc_cni,
                 without_the_vpc_cni_no_pod_asks_for_enis,
                 a_pod_that_has_just_come_may_wait_for_its_eni, one_that_has_waited_is_found):
        program.case(test.__name__.replace("_", " "), test)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
