#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""podsg-cni with the real podsg-nft-sync, pods like the VPC CNI's, documents like the API's."""

import concurrent.futures
import fcntl
import os
import shutil
import signal
import sys
import threading
import time

import comparer
import pods
from cni_setting import Living, RealSetting
from lab import daemon as daemons
from lab import documents, tap
from lab.daemon import NODE_NAME
from lab.node import Pod
from lab.tap import check, equal, note, wait_for
from pods import AGAIN, CniError

GROUP = "sg-0123456789abcdef0"
LABELS = {"filtered": "yes"}
MANY = 60


class Node(RealSetting):
    """Pods in two places: with ipamd, and in the documents that the daemon reads."""

    def __enter__(self):
        super().__enter__()
        documents.write(self.daemon.documents, "groups.json", documents.security_groups(
            [documents.security_group(GROUP)]))
        documents.write(self.daemon.documents, "policy.json", documents.policy(
            "a", "filtered", [GROUP], {"matchLabels": LABELS}))
        return self

    def document(self, pod, uid, vlan=0, address="", labels=None):
        """A Pod as it is when its sandbox is made: without an address of its own."""
        name = pod.split("/")[1]
        found = documents.pod(Pod(name, (address,), "standard", vlan, "a"), NODE_NAME,
                              LABELS if labels is None else labels, phase="Pending")
        found["metadata"]["uid"] = uid
        found["status"] = {"phase": "Pending"}
        documents.write(self.daemon.documents, f"pod-{name}.json", found)

    def forget(self, name):
        path = os.path.join(self.daemon.documents, f"pod-{name.split('/')[1]}.json")
        if os.path.exists(path):
            os.unlink(path)

    def run_pod(self, chain, name, mode="strict", labels=None, **facts):
        self.document(name, facts["uid"], facts.get("vlan", 0), facts["address"], labels)
        return self.start(chain, name, mode, **facts)

    def filters(self, living):
        return comparer.interface_of(living) in self.daemon.ruleset()

    def shown(self, name):
        found = [pod for pod in self.daemon.control("pods")["pods"]
                 if f"{pod['namespace']}/{pod['name']}" == name]
        return found[0] if found else None


def in_force_when_add_returns():
    with Node() as node:
        for mode in ("strict", "standard"):
            chain = node.aws(mode)
            living = node.run_pod(chain, "a/web-0", mode, uid=f"u-{mode}", vlan=3,
                                  address="10.0.1.3")
            check(node.filters(living), f"{mode}: ADD has returned, and the rules are not there")
            equal(node.entry(living.sandbox)["state"], "ready", "state")
            equal(node.shown("a/web-0")["mode"], mode, "the mode that is enforced")
            chain.check(living.sandbox)
            chain.stop(living.sandbox)
            node.forget("a/web-0")
            node.compare([])
            wait_for(lambda gone=living: not node.filters(gone), "its rules go with it")


def the_pod_becomes_known_while_add_waits():
    with Node() as node:
        chain = node.aws()
        node.ipamd.put("a/web-0", uid="u", vlan=3, address="10.0.1.3")
        sandbox = pods.Sandbox("a/web-0", "u").create()
        timer = threading.Timer(0.5, node.document, ("a/web-0", "u", 3, "10.0.1.3"))
        timer.start()
        begin = time.monotonic()
        chain.add(sandbox)
        check(time.monotonic() - begin > 0.4, "did not wait")
        check(node.filters(Living(sandbox, {"vlan": 3, "address": "10.0.1.3"}, "strict")), "rules")


def a_pod_that_nobody_knows():
    with Node(timeout="500ms") as node:
        chain = node.aws()
        node.ipamd.put("a/web-0", uid="u", vlan=3, address="10.0.1.3")
        sandbox = pods.Sandbox("a/web-0", "u")
        try:
            chain.run(sandbox)
        except CniError as error:
            equal(error.code, AGAIN, "code")
            check("a/web-0" in error.details and "not known" in error.details, str(error))
        else:
            raise tap.Failure("ADD went through")
        node.compare([])
        node.configure(failurePolicy="ignore")
        living = node.start(chain, "a/web-0", uid="u", vlan=3, address="10.0.1.3")
        equal(node.entry(living.sandbox)["state"], "unfiltered", "state")
        node.document("a/web-0", "u", 3, "10.0.1.3")
        wait_for(lambda: node.filters(living), "its rules, later")
        chain.stop(living.sandbox)
        node.compare([])


def a_pod_without_a_policy():
    with Node() as node:
        chain = node.aws()
        begin = time.monotonic()
        living = node.run_pod(chain, "a/plain", labels={}, uid="u", address="10.0.0.9", table=2)
        check(time.monotonic() - begin < 50, "waited for rules that never come")
        check(not node.filters(living), "it has rules")
        chain.stop(living.sandbox)
        node.compare([])


def the_daemon_dies_and_is_back():
    with Node() as node:
        chain = node.aws()
        first = node.run_pod(chain, "a/web-0", uid="u0", vlan=3, address="10.0.1.3")
        node.daemon.stop(signal.SIGKILL)
        second = []
        thread = threading.Thread(target=lambda: second.append(
            node.run_pod(chain, "a/web-1", uid="u1", vlan=4, address="10.0.1.4")))
        thread.start()
        time.sleep(1)
        equal(second, [], "started while nobody enforces anything")
        check(node.filters(first), "the rules of the one before are gone")
        node.daemon.start()
        thread.join()
        check(node.filters(second[0]), "the rules of the new one")
        node.compare([first, second[0]])


def statefulset_with_grace_zero():
    """Object gone, successor of the same name up, then DEL with an empty netns."""
    with Node() as node:
        for mode in ("strict", "standard"):
            chain = node.aws(mode)
            old = node.run_pod(chain, "a/web-0", mode, uid=f"old-{mode}", vlan=3,
                               address="10.0.1.3")
            node.forget("a/web-0")
            node.ipamd.remove("a/web-0")
            old.sandbox.destroy()
            new = node.run_pod(chain, "a/web-0", mode, uid=f"new-{mode}", vlan=5,
                               address="10.0.1.5")
            chain.delete(old.sandbox, CNI_NETNS="")
            node.compare([new])
            check(node.filters(new), "the new pod's rules")
            equal(node.shown("a/web-0")["sandbox"], new.sandbox.id, "whose sandbox is enforced")
            chain.stop(new.sandbox)
            node.forget("a/web-0")
            node.compare([])


def what_del_left_is_finished():
    with Node() as node:
        chain = node.aws()
        gone = node.run_pod(chain, "a/web-0", uid="u0", vlan=3, address="10.0.1.3")
        stays = node.run_pod(chain, "a/web-1", uid="u1", vlan=4, address="10.0.1.4")
        with open(os.path.join(node.journal, ".lock"), encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            gone.sandbox.destroy()
            chain.delete(gone.sandbox, CNI_NETNS="")
            equal(node.entry(gone.sandbox)["state"], "gone", "state")
        wait_for(lambda: gone.sandbox.id not in node.entries(), "nft-sync finishes it")
        node.compare([stays])


def a_killed_del_is_finished():
    """Killed where it has marked the entry and opens its first socket to the kernel."""
    with Node() as node:
        chain = node.aws()
        gone = node.run_pod(chain, "a/web-0", uid="u0", vlan=3, address="10.0.1.3")
        stays = node.run_pod(chain, "a/web-1", uid="u1", vlan=4, address="10.0.1.4")
        gone.sandbox.destroy()
        chain.prefix = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=socket:signal=KILL:when=1"]
        try:
            chain.delete(gone.sandbox, CNI_NETNS="")
        except CniError as error:
            check(error.status in (-9, 137), str(error))
        else:
            raise tap.Failure("DEL was not killed")
        chain.prefix = []
        wait_for(lambda: gone.sandbox.id not in node.entries(), "nft-sync finishes it")
        node.compare([stays])


def many_at_once():
    with Node() as node, concurrent.futures.ThreadPoolExecutor(12) as pool:
        chain = node.aws()
        facts = {f"a/web-{number}": {"uid": f"u{number}", "vlan": number,
                                     "address": f"10.0.2.{number}"}
                 for number in range(1, MANY + 1)}
        for name, known in facts.items():
            node.ipamd.put(name, **known)
            node.document(name, known["uid"], known["vlan"], known["address"])

        def start(name):
            living = Living(pods.Sandbox(name, facts[name]["uid"]), facts[name], "strict")
            chain.run(living.sandbox)
            return living, node.filters(living)
        begin = time.monotonic()
        started = list(pool.map(start, facts))
        note(f"{MANY} pods in {time.monotonic() - begin:.1f} s")
        equal([one.sandbox.pod for one, filtered in started if not filtered], [], "without rules")
        living = [one for one, _ in started]
        node.compare(living)
        list(pool.map(lambda one: chain.stop(one.sandbox), living))
        wait_for(lambda: not node.entries(), "what was left to nft-sync is finished")
        node.compare([])


def readiness():
    with Node() as node:
        chain = node.aws(version="1.1.0")
        chain.status()
        node.daemon.stop()
        try:
            chain.status()
        except CniError as error:
            equal(error.code, 50, "code")
        else:
            raise tap.Failure("ready without a daemon")
        node.daemon.start()
        chain.status()


CASES = [
    ("rules are in force when ADD returns", in_force_when_add_returns),
    ("the pod becomes known while ADD waits", the_pod_becomes_known_while_add_waits),
    ("a pod that nobody knows", a_pod_that_nobody_knows),
    ("a pod without a policy", a_pod_without_a_policy),
    ("the daemon dies and is back", the_daemon_dies_and_is_back),
    ("grace 0, and the successor is there", statefulset_with_grace_zero),
    ("what DEL left is finished", what_del_left_is_finished),
    ("a killed DEL is finished", a_killed_del_is_finished),
    (f"{MANY} pods at once", many_at_once),
    ("STATUS", readiness),
]


def main():
    daemons.need(pods.missing,
                 lambda: None if shutil.which("strace") else "strace is not installed")
    program = tap.Program()
    for name, function in CASES:
        program.case(name, function)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
