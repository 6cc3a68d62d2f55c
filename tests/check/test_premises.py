#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Where no node is an EC2 instance, what EC2 and EKS would say is beside the point: it is not asked
for. One instance among the nodes, and it is.
"""

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
OF_EC2 = ("Capacity", "Max pods", "Source NAT", "Network plan", "Control plane and nodes",
          "API server endpoint")

POLICY = """\
apiVersion: vpcresources.k8s.aws/v1beta1
kind: SecurityGroupPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, securityGroups: {groupIds: [sg-0aaaaaaaaaaaaaaa1]}}
"""
NODE = """\
---
apiVersion: v1
kind: Node
metadata: {name: NAME, labels: {node.kubernetes.io/instance-type: k3s, kubernetes.io/os: linux}}
spec: {providerID: PROVIDER}
status: {addresses: [{type: InternalIP, address: 192.168.0.10}], capacity: {pods: "110"}}
"""
POD = """\
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: here, containers: [{name: web}]}
status: {phase: Running, podIP: 10.42.0.7, podIPs: [{ip: 10.42.0.7}]}
"""
HERE_NODE = NODE.replace("NAME", "here").replace("PROVIDER", "k3s://here")
EC2_NODE = NODE.replace("NAME", "there").replace("PROVIDER", "aws:///us-west-2a/i-0a1b2c3d4e5f60718")


def outcomes(documents):
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "all.yaml"), "w", encoding="utf-8") as file:
            file.write(documents)
        result = subprocess.run([PODSGCTL, "check", "-o", "json", directory], capture_output=True,
                                text=True, timeout=120, check=False)
    check(result.stdout, result.stderr)
    answer = json.loads(result.stdout)
    equal(answer["notRead"], [], "documents that were refused")
    return [entry for entry in answer["checks"] if entry["group"] in OF_EC2]


def nothing_is_asked_for_on_premises():
    entries = outcomes(POLICY + HERE_NODE + POD)
    equal({entry["group"] for entry in entries}, set(OF_EC2), "groups of checks")
    for entry in entries:
        equal((entry["judged"], entry["found"], entry["needs"]), (0, 0, []), entry["id"])


def one_instance_is_enough():
    entries = outcomes(POLICY + HERE_NODE + EC2_NODE + POD)
    equal({entry["group"] for entry in entries if entry["needs"]}, set(OF_EC2), "groups that ask")


def main():
    program = tap.Selection(2)
    for test in (nothing_is_asked_for_on_premises, one_instance_is_enough):
        program.case(test.__name__.replace("_", " "), test)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
