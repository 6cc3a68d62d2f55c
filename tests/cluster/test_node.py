#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
A real node: pods come and go by the API server, kubelet and containerd call the chain, and daemons
die under it. After every case the kernel holds what the API's pods need, and nothing else.
"""

import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "netns")]
sys.dont_write_bytecode = True

from lab import daemon as daemons  # noqa: E402
from lab import tap  # noqa: E402
from lab.streams import can_connect  # noqa: E402
from lab.tap import check, wait_for  # noqa: E402
from node import CLOSED_PORT, OPEN_PORT, Cluster, missing  # noqa: E402
from runtime import OWN_PLUGIN  # noqa: E402

CROWD = 50
CROWD_TIMEOUT = 300.0
# kubelet's pause after a sandbox that could not be made.
RETRY = 90.0
ROUNDS = 5
SETTLED = 3.0


def uid_of(cluster, name):
    pod = cluster.pods().get(name)
    return pod and pod["metadata"]["uid"]


def wait_replaced(cluster, name, uid, timeout=60.0):
    """The StatefulSet's next pod of the name runs."""
    wait_for(lambda: uid_of(cluster, name) not in (None, uid), f"{name} is another one", timeout,
             0.1)
    cluster.wait_running(name, timeout=timeout)


def is_filtered(cluster, name):
    """From elsewhere in the VPC the pod answers on the port that its group opens, and no other."""
    address = cluster.address(name)
    wait_for(lambda: can_connect(cluster.node, "db", address, OPEN_PORT),
             f"{name} answers on its open port", 20.0, 0.1)
    check(not can_connect(cluster.node, "db", address, CLOSED_PORT),
          f"{name} answers on a port that its group does not open")


# Pods

def pods_of_every_kind(cluster):
    """With branch ENI and policy, with a policy alone, with nothing."""
    kinds = {"both": {}, "policy": {"eni": False}, "plain": {"eni": False, "policy": False}}
    for name, how in kinds.items():
        cluster.create(name, **how)
    cluster.wait_running(*kinds)
    cluster.state.compare()
    is_filtered(cluster, "both")
    is_filtered(cluster, "policy")
    check(can_connect(cluster.node, "db", cluster.address("plain"), CLOSED_PORT),
          "the ordinary pod is filtered")


def filtered_from_the_first_packet(cluster):
    """Two pods try what is forbidden from their first instruction on; one has no policy."""
    attack = (f"for port in {CLOSED_PORT} {OPEN_PORT}; do while :; do "
              f"timeout 1 nc -w 1 {cluster.node.network.db[0]} $port </dev/null; done & done; "
              "trap exit TERM; wait")
    with cluster.listeners() as listeners:
        cluster.create("attacker", command=attack)
        cluster.create("free", command=attack, eni=False, policy=False)
        cluster.wait_running("attacker", "free")
        attacker, free = cluster.address("attacker"), cluster.address("free")
        for port, who in ((OPEN_PORT, attacker), (OPEN_PORT, free), (CLOSED_PORT, free)):
            wait_for(lambda port=port, who=who: who in listeners[port].peers,
                     f"{who} gets through to port {port}", 20.0, 0.1)
        time.sleep(2.0)
        check(attacker not in listeners[CLOSED_PORT].peers, "the attack has got through")


def finished_pod_leaves_nothing(cluster):
    """Its object stays."""
    cluster.create("job", command="echo done", restart="Never")
    wait_for(lambda: cluster.phase("job") == "Succeeded", "the pod has finished", 60.0, 0.1)
    cluster.state.compare()


def container_restarts_in_its_sandbox(cluster):
    cluster.create("restarting", command="sleep 2; exit 1")
    wait_for(lambda: restarts(cluster, "restarting") >= 1, "the container is restarted", 60.0, 0.2)
    cluster.create("still", command="trap exit TERM; sleep 3600 & wait")
    cluster.wait_running("still")
    check(restarts(cluster, "restarting") >= 1, "no restart")


def sandbox_is_killed(cluster):
    """The same pod gets another one, with the same VLAN and address."""
    cluster.create("sturdy")
    cluster.wait_running("sturdy")
    before = cluster.running_sandboxes()
    for sandbox in before:
        cluster.containerd.ctr("task", "kill", "--signal", "KILL", sandbox)
    wait_for(lambda: cluster.running_sandboxes() - before, "another sandbox runs", RETRY, 0.2)
    cluster.wait_running("sturdy")
    cluster.state.compare(60.0)
    is_filtered(cluster, "sturdy")


def restarts(cluster, name):
    statuses = cluster.pods()[name]["status"].get("containerStatuses", [])
    return sum(status["restartCount"] for status in statuses)


# StatefulSets

def set_is_deleted_pod_by_pod(cluster):
    cluster.create_set("db", 3)
    names = [f"db-{number}" for number in range(3)]
    cluster.wait_running(*names)
    for _ in range(2):
        before = {name: uid_of(cluster, name) for name in names}
        for name in names:
            cluster.delete(name, 1)
        for name in names:
            wait_replaced(cluster, name, before[name])
        cluster.state.compare()
    is_filtered(cluster, "db-0")


def set_is_deleted_by_force(cluster):
    """
    Grace period 0: the object is gone at once, and the next pod of the name comes while kubelet
    ends the old one. Not while it still starts it: this kubelet then makes another sandbox for the
    pod that is gone, and the VPC CNI's ADD, which asks for pods by name, takes the new one's
    device.
    """
    cluster.create_set("queue", 2)
    names = ["queue-0", "queue-1"]
    cluster.wait_running(*names)
    for _ in range(ROUNDS):
        time.sleep(SETTLED)
        before = {name: uid_of(cluster, name) for name in names}
        for name in names:
            cluster.delete(name, 0)
        for name in names:
            wait_replaced(cluster, name, before[name], RETRY)
        cluster.state.compare(30.0)
    is_filtered(cluster, "queue-0")


# Daemons

def kubelet_restarts(cluster):
    """Killed while one pod runs, one is made, one ends."""
    cluster.create("stays")
    cluster.create("ends")
    cluster.wait_running("stays", "ends")
    cluster.kubelet.kill()
    cluster.delete("ends", 0)
    cluster.create("comes")
    time.sleep(1.0)
    cluster.kubelet.start()
    cluster.wait_running("stays", "comes")
    cluster.wait_gone("ends")
    cluster.state.compare(60.0)
    is_filtered(cluster, "stays")


def containerd_restarts(cluster):
    """Killed while sandboxes are made: the kubelet begins again."""
    cluster.create("stays")
    cluster.wait_running("stays")
    names = [f"made-{number}" for number in range(4)]
    for name in names:
        cluster.create(name)
    time.sleep(0.7)
    cluster.restart_containerd(signal.SIGKILL)
    cluster.wait_running("stays", *names, timeout=RETRY)
    cluster.state.compare(60.0)
    is_filtered(cluster, "stays")
    is_filtered(cluster, names[0])


def daemon_is_away(cluster):
    """Pods wait, and start when it is back; those that run stay filtered."""
    cluster.create("before")
    cluster.wait_running("before")
    cluster.configure(attachTimeout="2s")
    cluster.daemon.stop()
    cluster.create("waiting")
    wait_for(lambda: "podsg" in cluster.describe("waiting"), "an event says what is missing", 60.0,
             0.2)
    check(not cluster.running("waiting"), "a pod runs although nobody filters it")
    check(not can_connect(cluster.node, "db", cluster.address("before"), CLOSED_PORT),
          "a pod is not filtered while the daemon is away")
    cluster.configure()
    cluster.daemon.start(60.0)
    cluster.wait_running("before", "waiting", timeout=RETRY)
    cluster.state.compare()
    is_filtered(cluster, "waiting")


def daemon_restarts_under_pods(cluster):
    cluster.create("before")
    cluster.wait_running("before")
    cluster.daemon.kill()
    cluster.daemon.start(60.0)
    cluster.state.compare()
    is_filtered(cluster, "before")


def pod_ends_while_the_daemon_is_away(cluster):
    cluster.create("before")
    cluster.wait_running("before")
    cluster.daemon.stop()
    cluster.delete("before", 0)
    cluster.wait_gone("before")
    cluster.wait_no_sandbox()
    cluster.daemon.start(60.0)
    cluster.state.compare()


# The conflist

def conflist_is_rewritten(cluster):
    """aws-node starts again, and its file has lost our plugin: podsg-conflist puts it back."""
    guardian = cluster.start_guardian()
    try:
        cluster.create("before")
        cluster.wait_running("before")
        for number in range(3):
            cluster.write_conflist(ours=False)
            wait_for(lambda: [plugin["type"] for plugin in cluster.active_plugins()]
                     == ["aws-cni", "podsg-cni"], "our plugin is back", 1.0)
            cluster.create(f"after-{number}")
            cluster.wait_running(f"after-{number}")
        cluster.delete("before", 1)
        cluster.wait_gone("before")
        cluster.state.compare()
        is_filtered(cluster, "after-0")
    finally:
        guardian.stop()
        cluster.write_conflist()


def pod_outlives_our_entry(cluster):
    """DEL without our plugin: the VPC CNI does its part, and nft-sync or the collector ours."""
    cluster.create("forgotten")
    cluster.wait_running("forgotten")
    cluster.write_conflist(ours=False)
    try:
        cluster.delete("forgotten", 1)
        cluster.wait_gone("forgotten")
        cluster.wait_no_sandbox()
    finally:
        cluster.write_conflist()
    cluster.collect()
    cluster.state.compare()


# Many

def crowd(cluster):
    """The usual number of pods at once, and their end."""
    names = [f"crowd-{number}" for number in range(CROWD)]
    began = time.monotonic()
    for name in names:
        cluster.create(name, eni=True)
    cluster.wait_running(*names, timeout=CROWD_TIMEOUT)
    tap.note(f"{CROWD} pods ran after {time.monotonic() - began:.1f} s")
    cluster.state.compare(60.0)
    for name in names:
        cluster.delete(name, 0)
    cluster.wait_gone(*names)
    cluster.wait_no_sandbox(CROWD_TIMEOUT)
    tap.note(f"their last sandbox was gone after {time.monotonic() - began:.1f} s")
    cluster.state.compare(60.0)


CASES = (
    ("pods with a branch ENI, with a policy alone, with nothing", pods_of_every_kind),
    ("filtered from the first packet on", filtered_from_the_first_packet),
    ("a pod that has finished leaves nothing", finished_pod_leaves_nothing),
    ("a container restarts in its sandbox", container_restarts_in_its_sandbox),
    ("a pod's sandbox is killed", sandbox_is_killed),
    ("a StatefulSet's pods are deleted one by one", set_is_deleted_pod_by_pod),
    ("a StatefulSet's pods are deleted with grace period 0", set_is_deleted_by_force),
    ("kubelet is killed and started again", kubelet_restarts),
    ("containerd is killed while sandboxes are made", containerd_restarts),
    ("nft-sync is away: pods wait, and start when it is back", daemon_is_away),
    ("nft-sync is killed and started again", daemon_restarts_under_pods),
    ("a pod ends while nft-sync is away", pod_ends_while_the_daemon_is_away),
    ("the conflist is rewritten under it", conflist_is_rewritten),
    ("a pod ends while the conflist lacks our plugin", pod_outlives_our_entry),
    (f"{CROWD} pods at once", crowd),
)
# What the mode makes a difference for: the life of pods, which is all before the daemons' cases.
STRICT_CASES = 7


def whole(cluster, function):
    """Behind every case the node holds what its pods need; then nothing, once they are gone."""
    try:
        function(cluster)
        cluster.state.compare(60.0)
    finally:
        cluster.clear()
    cluster.state.compare(60.0)


def selected():
    """Mode and case: all, or those whose names hold a word of the command line."""
    words = sys.argv[1:]
    for mode, cases in (("standard", CASES), ("strict", CASES[:STRICT_CASES])):
        yield mode, [case for case in cases if not words or any(word in case[0] for word in words)]


def main():
    daemons.need(missing, lambda: None if os.access(OWN_PLUGIN, os.X_OK)
                 else "podsg-cni is not built")
    program = tap.Program()
    for mode, cases in selected():
        with Cluster(mode) as cluster:
            for name, function in cases:
                program.case(f"{mode}: {name}", whole, cluster, function)
            cluster.daemon.keep = cluster.machine.keep = bool(program.failed)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
