#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""STATUS, CHECK and GC of podsg-cni: what a runtime asks between ADD and DEL, and beside them."""

import copy
import os
import sys
import types

import comparer
import pods
from cni_setting import Setting, answer, fails
from lab import netns, tap
from lab.tap import check, equal

UNDECODABLE, UNAVAILABLE, LIMITED, NOT_AS_ADDED = 6, 50, 51, 100
OLD_BOOT = "00000000-0000-4000-8000-000000000000"


def status():
    with Setting() as setting:
        chain = setting.ptp("1.1.0")
        chain.status()
        setting.daemon.status = {"ok": True, "kernel": {"inForce": False, "error": "EBUSY again"}}
        check("EBUSY again" in fails(LIMITED, chain.status).details, "the kernel's error")
        setting.daemon.status = {"ok": True, "kernel": {"inForce": False},
                                 "health": {"failures": ["pods of this node: not read yet"]}}
        check("not read yet" in fails(LIMITED, chain.status).details, "the reason")
        setting.daemon.status = {"ok": False, "error": "permission denied"}
        fails(LIMITED, chain.status)
        setting.daemon.stop()
        fails(UNAVAILABLE, chain.status)
        setting.configure(failurePolicy="ignore")
        chain.status()


# CHECK.

class Checked:
    """A strict pod of the VPC CNI, and CHECK of our plugin alone."""

    def __init__(self, setting):
        self.setting = setting
        self.chain = setting.aws(version="1.1.0")
        self.pod = setting.start(self.chain, "a/p", vlan=3, address="10.0.1.3").sandbox
        self.result = self.chain.results[self.pod.id, "eth0"]

    def ask(self, result=None, **environment):
        chain, ours = self.chain, self.chain.ours()
        chain.call(ours, chain.environment("CHECK", self.pod, **environment),
                   chain.conf(ours, self.result if result is None else result))

    def fails(self, reason, code=NOT_AS_ADDED, **how):
        error = fails(code, self.ask, **how)
        check(reason in error.msg + error.details, f"{reason!r} in {error}")


def a_chain_is_checked():
    with Setting() as setting:
        chain = setting.ptp()
        sandbox = pods.Sandbox("a/p")
        chain.run(sandbox)
        chain.check(sandbox)
        setting.daemon.attach = answer("waiting", "the kernel refused the batch")
        check("refused the batch" in fails(NOT_AS_ADDED, chain.check, sandbox).details, "reason")


def the_journal_knows_it():
    with Setting() as setting:
        place = Checked(setting)
        place.ask()
        path = setting.entry_path(place.pod)
        os.rename(path, path + ".away")
        place.fails("does not know this sandbox")
        os.rename(path + ".away", path)
        place.ask()
        setting.change_entry(place.pod, state="gone", left="it was busy")
        place.fails("it was busy")


def one_that_was_let_pass():
    """As it was added, as long as that is what the node's owner wants."""
    with Setting() as setting:
        place = Checked(setting)
        setting.change_entry(place.pod, state="unfiltered")
        setting.daemon.attach = answer("waiting", "the pod is not known")
        setting.configure(failurePolicy="ignore")
        place.ask()
        setting.configure(failurePolicy="fail")
        place.fails("the pod is not known")
        setting.daemon.attach = answer("enforced")
        place.ask()


def its_interface_is_another_one():
    with Setting() as setting:
        place = Checked(setting)
        node, interface = setting.node, setting.entry(place.pod)["interface"]
        netns.run(["ip", "link", "set", interface, "down"], name=node)
        netns.run(["ip", "link", "set", interface, "name", "renamed0"], name=node)
        place.fails("renamed0")
        netns.run(["ip", "link", "del", "renamed0"], name=node)
        netns.run(["ip", "link", "add", interface, "type", "veth"], name=node)
        place.fails("is gone")


def its_namespace_is_another_one():
    with Setting() as setting:
        place = Checked(setting)
        other = setting.start(place.chain, "a/other", vlan=4, address="10.0.1.4")
        interface = setting.entry(other.sandbox)["interface"]
        place.fails(f"leads to {interface}", CNI_NETNS=other.sandbox.netns)
        place.fails("No such file", CNI_NETNS="/run/netns/none")


RESULTS = (
    ("an address that ADD did not see", "10.0.1.9",
     lambda result: result["ips"].append({"address": "10.0.1.9/32", "interface": 1})),
    ("another address", "10.0.1.9", lambda result: result["ips"][0].update(address="10.0.1.9/32")),
    ("another VLAN", "VLAN 9", lambda result: result["interfaces"][2].update(mac="9")),
    ("no VLAN", "VLAN 0", lambda result: result["interfaces"].pop()),
)


def the_result_is_another_one():
    """Another plugin, or an operator, gave the pod what the rules do not know."""
    with Setting() as setting:
        place = Checked(setting)
        for name, reason, change in RESULTS:
            result = copy.deepcopy(place.result)
            change(result)
            setting.daemon.attach = answer("enforced")
            place.fails(reason, result=result)
            # Who has no security groups may have what he likes.
            setting.daemon.attach = answer("unmanaged", name)
            place.ask(result=result)
        setting.daemon.attach = answer("enforced")
        result = copy.deepcopy(place.result)
        result["interfaces"].append({"name": "v6if0", "sandbox": place.pod.netns})
        result["ips"].append({"address": "fd00::9/128", "interface": 3})
        place.ask(result=result)
        place.fails("ips: expected a list", UNDECODABLE, result={**place.result, "ips": 3})


# GC.

def collected():
    with Setting() as setting:
        chain = setting.aws(version="1.1.0")
        dead = setting.start(chain, "a/dead", vlan=3, address="10.0.1.3")
        listed = setting.start(chain, "a/listed", vlan=4, address="10.0.1.4")
        other = setting.start(chain, "a/other", vlan=5, address="10.0.1.5")
        dead.sandbox.destroy()
        chain.collect([listed.sandbox])
        check(other.sandbox.id in chain.stderr and "kept" in chain.stderr,
              f"two runtimes: {chain.stderr}")
        setting.compare([listed, other])
        other.sandbox.destroy()
        chain.collect([listed.sandbox])
        setting.compare([listed])
        ours = chain.ours()
        for broken in (None, {}, [{"containerID": "a"}], [{"containerID": "a:b", "ifname": "e"}],
                       ["x"]):
            conf = chain.conf(ours, **{"cni.dev/valid-attachments": broken})
            fails(7, chain.call, ours, chain.environment("GC"), conf)
        setting.compare([listed])


def collected_without_an_interface():
    """Of one whose interface nobody saw, the network namespace is the sign of life."""
    with Setting() as setting:
        chain = setting.ptp()
        sandbox = pods.Sandbox("a/p")
        chain.run(sandbox)
        setting.change_entry(sandbox, interface=None, interfaceIndex=None)
        chain.collect([])
        check(sandbox.netns in chain.stderr and "kept" in chain.stderr, chain.stderr)
        check(setting.entry(sandbox), "the entry was removed")
        sandbox.destroy()
        chain.collect([])
        equal(setting.entries(), {}, "journal")


MOVES = """#!/usr/bin/python3
import json, os, subprocess, sys
conf = json.load(sys.stdin)
if os.environ["CNI_COMMAND"] == "ADD":
    name = "cali" + os.environ["CNI_CONTAINERID"][:11]
    inside = ["nsenter", "--net=" + os.environ["CNI_NETNS"], "ip", "link"]
    for argv in ([*inside, "add", name, "type", "veth", "peer", "name", os.environ["CNI_IFNAME"]],
                 [*inside, "set", name, "netns", str(os.getpid())],
                 ["ip", "link", "set", name, "up"],
                 ["ip", "route", "add", conf["address"], "dev", name]):
        subprocess.run(argv, check=True)
    print(json.dumps({"cniVersion": conf["cniVersion"], "interfaces": [{"name": name}],
                      "ips": [{"address": conf["address"] + "/32"}]}))
"""


class Moving:
    """
    A CNI that makes the veth in the sandbox and moves the host's end out, as Calico
    does. A moved interface keeps its index where that is free, so the next one gets the same again.
    first is gone without a DEL, second lives; both recorded the same index.
    """

    def __init__(self, setting):
        self.setting = setting
        self.first, _ = self.start("a/first", "10.9.0.4")
        self.first.destroy()
        self.second, self.chain = self.start("a/second", "10.9.0.5")
        indices = [self.setting.entry(one)["interfaceIndex"] for one in (self.first, self.second)]
        equal(indices[0], indices[1], "index of the second, which the first had")

    def start(self, pod, address):
        program = self.setting.path("moves")
        with open(program, "w", encoding="utf-8") as file:
            file.write(MOVES)
        os.chmod(program, 0o755)
        chain = self.setting.chain({"type": "moves", "address": address},
                                   programs={"moves": program})
        sandbox = pods.Sandbox(pod)
        chain.run(sandbox)
        return sandbox, chain


def an_index_is_given_again():
    """An index alone shows no life; a new name of the same interface does not hide it."""
    with Setting() as setting:
        place, node = Moving(setting), setting.node
        place.chain.collect([place.second])
        equal(list(setting.entries()), [place.second.id], f"journal; {place.chain.stderr}")
        netns.run(["ip", "link", "set", setting.entry(place.second)["interface"], "down"],
                  name=node)
        netns.run(["ip", "link", "set", setting.entry(place.second)["interface"], "name", "new0"],
                  name=node)
        place.chain.collect([])
        equal(list(setting.entries()), [place.second.id], "journal after it was renamed")


def deleted_beside_one_of_the_same_index():
    with Setting() as setting:
        place = Moving(setting)
        setting.connect(types.SimpleNamespace(address="10.9.0.5"))
        place.chain.stop(place.second)
        equal(list(comparer.flows(setting.node)), [], "connections of the second")
        equal(list(setting.entries()), [place.first.id], "journal")


def another_boots_entries_go():
    with Setting() as setting:
        chain = setting.aws(version="1.1.0")
        old = setting.start(chain, "a/old", vlan=3, address="10.0.1.3")
        gone = setting.start(chain, "a/gone", vlan=4, address="10.0.1.4")
        for pod in (old, gone):
            setting.change_entry(pod.sandbox, boot=OLD_BOOT)
        before = netns.run(["ip", "rule"], name=setting.node).stdout
        ours = chain.ours()
        chain.call(ours, chain.environment("DEL", old.sandbox), chain.conf(ours))
        chain.collect([])
        equal(netns.run(["ip", "rule"], name=setting.node).stdout, before, "rules")
        equal(setting.entries(), {}, "journal")


def kernel_state(setting):
    return [netns.run(["ip", *words], name=setting.node).stdout
            for words in (("rule",), ("-br", "link"), ("route", "show", "table", "all"))]


def a_kernel_that_does_not_say_which_boot_it_is():
    """Nothing can be judged: what is there stays, and what DEL left is done when it can be."""
    with Setting() as setting:
        chain = setting.aws(version="1.1.0")
        pod = setting.start(chain, "a/p", vlan=3, address="10.0.1.3")
        chain.prefix = ["unshare", "--mount", "sh", "-c", "mount --bind /dev/null "
                        "/proc/sys/kernel/random/boot_id && exec \"$@\"", "sh"]
        added = fails(5, setting.start, chain, "a/next", vlan=4, address="10.0.1.4")
        check("no boot id" in added.details, f"ADD: {added}")
        for living in (True, False):
            if not living:
                pod.sandbox.destroy()
            before = kernel_state(setting)
            collected = fails(5, chain.collect, [])
            check("the next GC" in collected.details,
                  f"who goes on with what was not begun: {collected}")
            check("boot_id: holds no boot id" in chain.stderr, f"why: {chain.stderr}")
            equal(setting.entry(pod.sandbox)["state"], "ready", "state after GC")
            equal(kernel_state(setting), before, "rules, links and routes after GC")
        chain.delete(pod.sandbox, CNI_NETNS="")
        equal(setting.entry(pod.sandbox)["state"], "gone", "state")
        chain.prefix = []
        chain.collect([])
        setting.compare([])


CASES = [
    ("STATUS", status),
    ("CHECK of a chain", a_chain_is_checked),
    ("CHECK: the journal knows it", the_journal_knows_it),
    ("CHECK: one that was let pass", one_that_was_let_pass),
    ("CHECK: its interface is another one", its_interface_is_another_one),
    ("CHECK: its namespace is another one", its_namespace_is_another_one),
    ("CHECK: the result is another one", the_result_is_another_one),
    ("GC keeps what the kernel shows", collected),
    ("GC of what had no interface", collected_without_an_interface),
    ("GC where an index is given again", an_index_is_given_again),
    ("DEL beside one of the same index", deleted_beside_one_of_the_same_index),
    ("entries of another boot", another_boots_entries_go),
    ("the boot id cannot be read", a_kernel_that_does_not_say_which_boot_it_is),
]


def main():
    tap.need_kernel()
    reason = pods.missing()
    if reason:
        tap.skip(reason)
    return tap.run(CASES)


if __name__ == "__main__":
    sys.exit(main())
