#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of pods, policies, accounts and DNS servers of a real API server."""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "netns")]
sys.dont_write_bytecode = True

import control_plane  # noqa: E402
from api import path_of  # noqa: E402
from lab import daemon as daemons  # noqa: E402
from lab import documents, tap  # noqa: E402
from lab.daemon import NODE_NAME  # noqa: E402
from lab.tap import check, equal, wait_for  # noqa: E402
from world import (API, DNS_SERVER, LEDGER, NAMESPACE, OTHER_DNS_SERVER, OTHER_NODE,  # noqa: E402
                   RESOLVED, UNKNOWN, WEB, World, local_pod, remote_pod)

QUIET_SECONDS = 3.0
HEARTBEATS = 30


def matching(**labels):
    return {"matchLabels": labels}


def expression(key, operator, *values):
    found = {"key": key, "operator": operator}
    if values:
        found["values"] = list(values)
    return {"matchExpressions": [found]}


# Pods and policies

def pod_comes_and_goes(world):
    pod = local_pod(10)
    world.create_policy("web", [WEB], matching(app="web"))
    world.create_pod(pod, {"app": "web"})
    world.wait_groups(pod, [WEB])
    check(pod.interface in world.daemon.ruleset(), "the pod's interface is not in the rules")
    world.api.delete("Pod", NAMESPACE, pod.name)
    time.sleep(0.2)
    check(pod.interface in world.daemon.ruleset(),
          "the rules went although the interface is still there")
    world.delete_links(pod)
    wait_for(lambda: pod.interface not in world.daemon.ruleset(), "the rules went with the veth")


def annotation_comes_later(world):
    """As the VPC resource controller does it: first the pod, then its branch ENI."""
    pod = local_pod(11)
    item = documents.pod(pod, NODE_NAME, {"app": "web"})
    annotations = item["metadata"].pop("annotations")
    item["status"] = {"phase": "Pending"}
    world.node.add_links([pod])
    world.links.append(pod)
    world.create_policy("web", [WEB], matching(app="web"))
    world.api.create(item)
    world.wait_groups(pod, [WEB])
    equal(world.pods()[f"{NAMESPACE}/{pod.name}"]["device"], "", "device before the annotation")
    world.api.patch("Pod", NAMESPACE, pod.name, {"metadata": {"annotations": annotations}})
    wait_for(lambda: world.pods()[f"{NAMESPACE}/{pod.name}"]["device"] == pod.device,
             "the annotation's device is known")
    wait_for(lambda: pod.address(4) in world.daemon.ruleset(),
             "the annotation's address is in the rules")


def labels_change(world):
    pod = local_pod(12)
    world.create_policy("web", [WEB], matching(app="web"))
    world.create_policy("api", [API], matching(app="api"))
    world.create_pod(pod, {"app": "web"})
    world.wait_groups(pod, [WEB])
    world.api.patch("Pod", NAMESPACE, pod.name, {"metadata": {"labels": {"app": "api"}}})
    world.wait_groups(pod, [API])


def policies_add_up(world):
    pod = local_pod(13)
    world.create_pod(pod, {"app": "web"})
    world.create_policy("a-web", [WEB], matching(app="web"))
    world.create_policy("b-all", [API, WEB], {})
    world.wait_groups(pod, [WEB, API])
    world.api.patch("SecurityGroupPolicy", NAMESPACE, "b-all",
                    {"spec": {"securityGroups": {"groupIds": [LEDGER]}}})
    world.wait_groups(pod, [WEB, LEDGER])
    world.api.delete("SecurityGroupPolicy", NAMESPACE, "a-web")
    world.wait_groups(pod, [LEDGER])


def finished_pod_has_no_groups(world):
    pod = local_pod(14)
    world.create_policy("web", [WEB], matching(app="web"))
    world.create_pod(pod, {"app": "web"})
    world.wait_groups(pod, [WEB])
    world.api.patch_status("Pod", NAMESPACE, pod.name, {"phase": "Succeeded"})
    world.delete_links(pod)
    wait_for(lambda: world.groups_of(pod) is None, "the finished pod is forgotten")


def broken_annotation_is_refused_alone(world):
    good, bad = local_pod(15), local_pod(16)
    world.create_policy("web", [WEB], matching(app="web"))
    for pod in (good, bad):
        world.create_pod(pod, {"app": "web"})
        world.wait_groups(pod, [WEB])
    world.api.patch("Pod", NAMESPACE, bad.name, {"metadata": {
        "labels": {"app": "api"}, "annotations": {"vpc.amazonaws.com/pod-eni": "[{\"vlanId\": "}}})
    wait_for(lambda: bad.name in world.daemon.log_text(), "the log names the broken pod")
    status = world.daemon.control_text("status")
    check(bad.name in status, f"the status does not name the broken pod:\n{status}")
    equal(world.groups_of(bad), [WEB], "groups of the broken pod: its last good version")
    world.api.patch("Pod", NAMESPACE, good.name, {"metadata": {"labels": {"app": "none"}}})
    world.wait_groups(good, [])


# What a policy selects, of three pods: kind of selector, podSelector, serviceAccountSelector.
SELECTED = (
    ("matchLabels", matching(app="web"), None, "web"),
    ("matchLabels, two", matching(app="web", tier="back"), None, ""),
    ("In", expression("app", "In", "web", "api"), None, "web api"),
    ("NotIn", expression("app", "NotIn", "web"), None, "api bare"),
    ("Exists", expression("tier", "Exists"), None, "web"),
    ("DoesNotExist", expression("app", "DoesNotExist"), None, "bare"),
    ("labels and expression", {**matching(app="web"), **expression("tier", "NotIn", "front")}, None,
     ""),
    ("{}", {}, None, "web api bare"),
    ("nil and nil", None, None, ""),
    ("account, matchLabels", None, matching(team="pay"), "api"),
    ("account, DoesNotExist", None, expression("team", "DoesNotExist"), "web bare"),
    ("account, {}", None, {}, "web api bare"),
    ("both", matching(app="api"), matching(team="pay"), "api"),
    ("both, apart", matching(app="web"), matching(team="pay"), ""),
)
SELECTABLE = {
    "web": (local_pod(20, "web"), {"app": "web", "tier": "front"}, "default"),
    "api": (local_pod(21, "api"), {"app": "api"}, "payments"),
    "bare": (local_pod(22, "bare"), {}, "default"),
}


def selectable(world):
    world.api.create(documents.service_account(NAMESPACE, "payments", {"team": "pay"}))
    for pod, labels, account in SELECTABLE.values():
        world.create_pod(pod, labels, account)
        world.wait_groups(pod, [])


def selected(world, pods, accounts, expected):
    world.create_policy("selecting", [WEB], pods, accounts)
    try:
        # What is not selected has nothing that could be waited for: another pod's turn tells.
        world.create_policy("zz-behind", [API], {})
        for name, (pod, _, _) in SELECTABLE.items():
            world.wait_groups(pod, ([WEB] if name in expected.split() else []) + [API])
    finally:
        for name in ("selecting", "zz-behind"):
            world.api.delete("SecurityGroupPolicy", NAMESPACE, name)
    for pod, _, _ in SELECTABLE.values():
        world.wait_groups(pod, [])


def account_labels_change(world):
    pod = local_pod(24)
    world.api.create(documents.service_account(NAMESPACE, "worker"))
    world.create_policy("pay", [WEB], None, matching(team="pay"))
    world.create_pod(pod, {}, "worker")
    world.wait_groups(pod, [])
    labels = {"team": "pay"}
    world.api.patch("ServiceAccount", NAMESPACE, "worker", {"metadata": {"labels": labels}})
    world.wait_groups(pod, [WEB])
    world.api.delete("ServiceAccount", NAMESPACE, "worker")
    world.wait_groups(pod, [])


# Members

def remote_pods_are_members(world):
    pod = local_pod(30)
    world.create_policy("ledger", [LEDGER], matching(app="ledger"))
    world.create_policy("web", [WEB], matching(app="web"))
    for number in (1, 2):
        world.create_pod(remote_pod(number), {"app": "web"}, node=OTHER_NODE)
    world.create_pod(pod, {"app": "ledger"})
    world.wait_members(WEB, [remote_pod(1).address(4), remote_pod(2).address(4)])
    world.api.delete("Pod", NAMESPACE, remote_pod(1).name)
    world.create_pod(remote_pod(3), {"app": "web"}, node=OTHER_NODE)
    world.wait_members(WEB, [remote_pod(2).address(4), remote_pod(3).address(4)])
    world.api.patch("Pod", NAMESPACE, remote_pod(2).name, {"metadata": {"labels": {"app": "x"}}})
    world.wait_members(WEB, [remote_pod(3).address(4)])


def cluster_is_followed_only_where_needed(world):
    """The pods of other nodes are not listed before some rule refers to a group."""
    def asked():
        return [uri for _, uri, _ in world.plane.requests() if "nodeName%21%3D" in uri]
    pod = local_pod(31)
    world.create_pod(remote_pod(4), {"app": "web"}, node=OTHER_NODE)
    world.create_policy("web", [WEB], matching(app="web"))
    world.create_pod(pod, {"app": "web"})
    world.wait_groups(pod, [WEB])
    time.sleep(1.0)
    equal(asked(), [], "requests for pods of other nodes while nothing needs them")
    world.create_policy("ledger", [LEDGER], matching(app="web"))
    world.wait_members(WEB, [pod.address(4), remote_pod(4).address(4)])
    check(asked(), "the members are known, but were not asked for")


# Rest

def heartbeats_change_nothing(world):
    """A kubelet's: the node's status and that of pods, over and over."""
    pod = local_pod(32)
    world.create_policy("web", [WEB], matching(app="web"))
    world.create_pod(pod, {"app": "web"})
    world.wait_groups(pod, [WEB])
    time.sleep(0.5)
    commits, log = world.commits(), len(world.daemon.log_text())
    for beat in range(HEARTBEATS):
        condition = {"type": "Ready", "status": "True", "message": f"beat {beat}"}
        beaten = {"lastHeartbeatTime": f"2026-03-02T09:15:{beat:02d}Z"}
        world.api.patch_status("Node", None, NODE_NAME, {"conditions": [condition | beaten]})
        world.api.patch_status("Pod", NAMESPACE, pod.name, {"conditions": [condition]})
    world.create_pod(local_pod(33), {"app": "web"})
    world.wait_groups(local_pod(33), [WEB])
    equal(world.commits(), commits + 1, "commits: one, of the pod that came behind the heartbeats")
    new = world.daemon.log_text()[log:]
    check(len(new.splitlines()) <= 4, f"the log was not left alone:\n{new}")


def nothing_is_polled(world):
    world.wait_current()
    before = world.plane.requests()
    time.sleep(QUIET_SECONDS)
    equal(world.plane.requests()[len(before):], [], f"requests in {QUIET_SECONDS:g} s of quiet")


def requests_are_permitted(world):
    refused = sorted({(verb, uri) for verb, uri, status in world.plane.requests()
                      if status in (401, 403)})
    equal(refused, [], "requests that the roles of packaging/kubernetes do not permit")
    verbs = {verb for verb, _, _ in world.plane.requests()}
    check(verbs <= {"list", "watch", "create"}, f"verbs: {verbs}")


# Events

def events_tell_what_is_in_force(world):
    pod = local_pod(40)
    world.create_policy("web", [WEB, API], matching(app="web"))
    world.create_pod(pod, {"app": "web"})
    world.wait_event(pod, "SecurityGroupsEnforced", WEB, API, "strict")


def events_name_a_missing_group(world):
    pod = local_pod(41)
    world.create_policy("web", [WEB, UNKNOWN], matching(app="web"))
    world.create_pod(pod, {"app": "web"})
    world.wait_event(pod, "SecurityGroupMissing", UNKNOWN)


def events_say_that_an_interface_is_closed(world):
    pod = local_pod(42)
    world.create_policy("web", [UNKNOWN], matching(app="web"))
    world.create_pod(pod, {"app": "web"})
    world.wait_event(pod, "BranchInterfaceClosed")


def events_say_that_modes_differ(world):
    """The node's mode is strict; the interface that exists is a standard one."""
    pod = local_pod(43, mode="standard")
    world.create_policy("web", [WEB], matching(app="web"))
    world.create_pod(pod, {"app": "web"})
    world.wait_event(pod, "EnforcingModeDiffers", "standard", "strict")


def events_warn_of_grace_period_zero(world):
    pod = local_pod(44)
    world.create_policy("web", [WEB], matching(app="web"))
    world.create_pod(pod, {"app": "web"})
    world.wait_groups(pod, [WEB])
    world.api.delete("Pod", NAMESPACE, pod.name)
    world.wait_event(pod, "GracePeriodZero")


def usual_end_is_no_grace_period_zero(world):
    """The kubelet's last word on every pod is a deletion with grace period 0, too."""
    pod, forced = local_pod(45), local_pod(46)
    world.create_policy("web", [WEB], matching(app="web"))
    for each in (pod, forced):
        world.create_pod(each, {"app": "web"})
        world.wait_groups(each, [WEB])
    world.api.request("DELETE", path_of("Pod", NAMESPACE, pod.name) + "?gracePeriodSeconds=30")
    time.sleep(0.3)
    world.api.delete("Pod", NAMESPACE, pod.name)
    world.api.delete("Pod", NAMESPACE, forced.name)
    world.wait_event(forced, "GracePeriodZero")
    reasons = [reason for reason, _ in world.events(pod)]
    check("GracePeriodZero" not in reasons, f"events of a pod that ended as usual: {reasons}")


def events_are_not_repeated(world):
    pod = local_pod(47)
    world.create_policy("web", [WEB, UNKNOWN], matching(app="web"))
    world.create_pod(pod, {"app": "web"})
    world.wait_event(pod, "SecurityGroupMissing", UNKNOWN)
    for number in range(50, 55):
        world.create_pod(local_pod(number), {"app": "api"})
    time.sleep(1.0)
    missing = [event for event in world.events(pod) if event[0] == "SecurityGroupMissing"]
    equal(len(missing), 1, "events SecurityGroupMissing on the pod")


# DNS

def endpoint_slice(*addresses, ready=True):
    return {"apiVersion": "discovery.k8s.io/v1beta1", "kind": "EndpointSlice",
            "metadata": {"name": "kube-dns-abcde", "namespace": "kube-system",
                         "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address], "conditions": {"ready": ready}}
                          for address in addresses],
            "ports": [{"name": "dns", "port": 53, "protocol": "UDP"},
                      {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]}


def dns_servers_reach_branches(world):
    pod = local_pod(60)
    world.create_policy("resolved", [RESOLVED], matching(app="web"))
    world.create_pod(pod, {"app": "web"})
    world.api.create({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system"},
        "spec": {"clusterIP": "172.20.0.10", "ports": [
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]}})
    world.api.create(endpoint_slice(DNS_SERVER))
    wait_for(lambda: (world.dns_of(pod) or {}).get("udp") is True, "udp to the server is permitted")
    check(not world.dns_of(pod)["tcp"], "tcp, which no rule permits, is permitted")
    world.api.patch("EndpointSlice", "kube-system", "kube-dns-abcde",
                    {"endpoints": endpoint_slice(OTHER_DNS_SERVER)["endpoints"]})
    wait_for(lambda: world.dns_of(pod)["udp"] is False, "udp to the other server is not")
    check(world.dns_of(pod)["reason"], "no reason is given")


def node_objects_are_read(world):
    world.api.create({"apiVersion": "vpcresources.k8s.aws/v1alpha1", "kind": "CNINode",
                      "metadata": {"name": NODE_NAME},
                      "spec": {"features": [{"name": "SecurityGroupsForPods"}]}})
    wait_for(lambda: any("cninode" in name.lower() and source["objects"] == 1
                         for name, source in world.following().items()), "the CNINode is known")


CASES = (
    ("pods of other nodes are asked for only where needed", cluster_is_followed_only_where_needed),
    ("a pod comes and goes; its rules stay as long as its interface", pod_comes_and_goes),
    ("a branch ENI's annotation comes later than the pod", annotation_comes_later),
    ("a pod's labels change", labels_change),
    ("policies add up, change and go", policies_add_up),
    ("a pod that has finished has no groups", finished_pod_has_no_groups),
    ("a broken annotation is refused alone", broken_annotation_is_refused_alone),
    ("an account's labels change", account_labels_change),
    ("pods of other nodes are members", remote_pods_are_members),
    ("heartbeats commit nothing", heartbeats_change_nothing),
    ("nothing is polled", nothing_is_polled),
    ("event: the groups are in force", events_tell_what_is_in_force),
    ("event: a group is missing", events_name_a_missing_group),
    ("event: an interface is closed", events_say_that_an_interface_is_closed),
    ("event: the modes differ", events_say_that_modes_differ),
    ("event: deleted with grace period 0", events_warn_of_grace_period_zero),
    ("no event where a pod ends as usual", usual_end_is_no_grace_period_zero),
    ("events are not repeated", events_are_not_repeated),
    ("the cluster's DNS servers reach branches.json", dns_servers_reach_branches),
    ("the node's own objects are read", node_objects_are_read),
    ("the roles of packaging/kubernetes are enough, and least", requests_are_permitted),
)


def main():
    daemons.need(control_plane.missing)
    program = tap.Program()
    with World() as world:
        world.start()
        for name, function in CASES:
            program.case(name, world.cleared, function)
        program.case("pods for the selectors", selectable, world)
        for name, pods, accounts, expected in SELECTED:
            program.case(f"selector: {name}", selected, world, pods, accounts, expected)
        world.daemon.keep = bool(program.failed)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
