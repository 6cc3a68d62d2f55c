# SPDX-License-Identifier: GPL-2.0-or-later
"""What podsgctl check takes for the dumps of a large cluster, as kubectl and aws print them, beside
what Python's JSON reader takes for the same files."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time

from lab import documents
from lab.daemon import CONTROL
from measure import Row, judged, median, quartiles

PODS, NODES, NAMESPACES, DEPLOYMENTS = 10000, 100, 30, 40
GROUPS, RULES, POLICIES, SERVICES = 500, 20, 300, 120
PODS_PER_FILE = 1000
ROUNDS = 7
TARGET = 2.0  # seconds
READER = ("import json, sys\n"
          "for path in sys.argv[1:]:\n"
          "    with open(path, encoding='utf-8') as file:\n"
          "        json.load(file)\n")
VPC = "vpc-0a1b2c3d4e5f60718"


def namespace(index):
    return f"team-{index % NAMESPACES}"


def node_name(index):
    return f"ip-10-0-{index // 50}-{index % 50}.us-west-2.compute.internal"


def group(index):
    return documents.made_id("sg", f"group-{index}")


def pod_spec():
    probe = {"httpGet": {"path": "/live", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1,
             "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    return {
        "containers": [{
            "name": "app", "image": "registry.example/platform/storefront-app:2026.03.02-1f2e3d4c",
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"},
                      {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
            "env": [{"name": f"SETTING_{number}", "value": f"value of the setting {number}"}
                    for number in range(12)],
            "resources": {"limits": {"cpu": "1", "memory": "1Gi",
                                     "vpc.amazonaws.com/pod-eni": "1"},
                          "requests": {"cpu": "250m", "memory": "512Mi",
                                       "vpc.amazonaws.com/pod-eni": "1"}},
            "livenessProbe": probe, "readinessProbe": probe,
            "terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "IfNotPresent"}],
        "volumes": [{"name": "kube-api-access-x7k2p", "projected": {
            "defaultMode": 420, "sources": [{"serviceAccountToken": {
                "expirationSeconds": 3607, "path": "token"}}]}}],
        "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler",
        "tolerations": [{"key": f"node.kubernetes.io/{key}", "operator": "Exists",
                         "effect": "NoExecute", "tolerationSeconds": 300}
                        for key in ("not-ready", "unreachable")]}


def pod_text():
    """With marks where pods differ."""
    annotation = json.dumps([{
        "eniId": "eni-0@INDEX@", "ifAddress": "02:00:00:01:00:05", "privateIp": "@ADDRESS@",
        "vlanId": 7, "subnetCidr": "10.64.0.0/12"}])
    conditions = [{"type": kind, "status": "True", "lastProbeTime": None,
                   "lastTransitionTime": documents.CREATED}
                  for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")]
    return json.dumps({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "app-@DEPLOYMENT@-6c8f7d9b5-@INDEX@", "namespace": "@NAMESPACE@",
            "uid": "0a1b2c3d-@INDEX@", "resourceVersion": "184467",
            "creationTimestamp": documents.CREATED,
            "labels": {"app": "app-@DEPLOYMENT@", "pod-template-hash": "6c8f7d9b5",
                       "role": "role-@ROLE@"},
            "annotations": {"vpc.amazonaws.com/pod-eni": annotation},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": True,
                                 "name": "app-@DEPLOYMENT@-6c8f7d9b5", "uid": "1",
                                 "blockOwnerDeletion": True}]},
        "spec": {**pod_spec(), "nodeName": "@NODE@"},
        "status": {"phase": "Running", "conditions": conditions, "podIP": "@ADDRESS@",
                   "podIPs": [{"ip": "@ADDRESS@"}], "hostIP": "10.0.0.10"}}, indent=4)


def pods():
    template = pod_text()
    for index in range(PODS):
        address = f"10.{64 + (index >> 16)}.{index >> 8 & 255}.{index & 255}"
        values = {"INDEX": f"{index:08x}", "DEPLOYMENT": str(index % DEPLOYMENTS),
                  "NAMESPACE": namespace(index % DEPLOYMENTS), "ROLE": str(index % DEPLOYMENTS % 10),
                  "NODE": node_name(index % NODES), "ADDRESS": address}
        text = template
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        yield text


def deployment(index):
    labels = {"app": f"app-{index}", "role": f"role-{index % 10}"}
    return {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": documents.metadata("Deployment", f"app-{index}", namespace(index), labels),
            "spec": {"replicas": PODS // DEPLOYMENTS, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": pod_spec()}}}


def policy(index):
    ids = [group((index * 3 + offset) % GROUPS) for offset in range(2)]
    return documents.policy(namespace(index), f"policy-{index}", ids,
                            {"matchLabels": {"role": f"role-{index // NAMESPACES}"}})


def security_group(index):
    rules = [documents.permission("tcp", 8000 + number, 8000 + number,
                                  [f"10.{number}.0.0/16", group((index + number) % GROUPS)])
             for number in range(RULES // 2)]
    found = documents.security_group(group(index), rules, rules)
    return {**found, "VpcId": VPC, "OwnerId": "111122223333"}


def interface(index):
    address = f"10.64.{index >> 8 & 255}.{index & 255}"
    found = documents.network_interface(f"eni-0{index:08x}", [address], [group(index % GROUPS)])
    return {**found, "VpcId": VPC}


def service(index):
    return {"apiVersion": "v1", "kind": "Service",
            "metadata": documents.metadata("Service", f"app-{index}", namespace(index)),
            "spec": {"type": "NodePort" if index % 4 else "LoadBalancer",
                     "externalTrafficPolicy": "Local", "clusterIP": f"172.20.{index}.10",
                     "selector": {"app": f"app-{index % DEPLOYMENTS}"},
                     "ports": [{"port": 80, "targetPort": 8080, "nodePort": 30000 + index}]}}


def network_policy(index):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": documents.metadata("NetworkPolicy", f"np-{index}", namespace(index)),
            "spec": {"podSelector": {"matchLabels": {"app": f"app-{index % DEPLOYMENTS}"}},
                     "policyTypes": ["Ingress"]}}


def node(index):
    return {"apiVersion": "v1", "kind": "Node",
            "metadata": documents.metadata("Node", node_name(index), None, {
                "node.kubernetes.io/instance-type": "m5.4xlarge", "kubernetes.io/os": "linux"}),
            "status": {"capacity": {"pods": "234", "vpc.amazonaws.com/pod-eni": "54"},
                       "allocatable": {"pods": "234", "vpc.amazonaws.com/pod-eni": "54"},
                       "addresses": [{"type": "InternalIP", "address": f"10.0.0.{index}"}]}}


def write_dumps(directory):
    texts = list(pods())
    for first in range(0, PODS, PODS_PER_FILE):
        items = ",\n".join(texts[first:first + PODS_PER_FILE])
        with open(os.path.join(directory, f"pods-{first}.json"), "w", encoding="utf-8") as file:
            file.write(f'{{"apiVersion": "v1", "kind": "List", "items": [\n{items}\n]}}\n')
    documents.write(directory, "groups.json",
                    documents.security_groups(security_group(index) for index in range(GROUPS)))
    documents.write(directory, "interfaces.json", documents.network_interfaces(
        interface(index) for index in range(PODS // 5)))
    for name, make, count in (("deployments", deployment, DEPLOYMENTS),
                              ("policies", policy, POLICIES), ("services", service, SERVICES),
                              ("networkpolicies", network_policy, SERVICES), ("nodes", node, NODES)):
        documents.write(directory, name + ".json",
                        documents.listed(make(index) for index in range(count)))
    return sorted(os.path.join(directory, name) for name in os.listdir(directory))


def timed(command):
    """Seconds on the clock and of CPU, and what it said."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, done


def measure(table):
    with tempfile.TemporaryDirectory(prefix="podsg-bench-") as directory:
        files = write_dumps(directory)
        megabytes = sum(os.path.getsize(path) for path in files) / 1e6
        check, reader = [], []
        for _ in range(ROUNDS):
            check.append(timed([CONTROL, "check", "-o", "json", directory]))
            reader.append(timed([sys.executable, "-c", READER, *files]))
        answer = json.loads(check[0][2].stdout)
        if answer["notRead"] or max(entry["judged"] for entry in answer["checks"]) < PODS:
            raise RuntimeError(f"not judged: {check[0][2].stdout[:2000]}")
    seconds = [cpu for _, cpu, _ in check]
    ratio = median(seconds) / median([cpu for _, cpu, _ in reader])
    table.add(f"podsgctl check of {PODS} pods, {GROUPS} groups, {POLICIES} policies, "
              f"{megabytes:.0f} MB", [
                  judged("CPU time, reading and judging", median(seconds),
                         f"{median(seconds):.2f} s", f"< {TARGET:.0f} s", TARGET,
                         quartiles(seconds, " s")),
                  Row("until it has ended", f"{median([wall for wall, _, _ in check]):.2f} s"),
                  Row("CPU time beside Python's json.load of the same files", f"{ratio:.2f}"),
                  Row("checks; findings", f"{len(answer['checks'])}; {len(answer['findings'])}")])
