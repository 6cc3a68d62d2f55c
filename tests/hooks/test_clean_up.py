#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
common/clean_up.h in the real kernel: whatever is left of a pod that is gone goes, whatever a newer
pod holds stays. What should be there is written down anew here, from the living pods alone.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "netns")]
sys.dont_write_bytecode = True

from lab import netns, tap  # noqa: E402

PROGRAM = os.path.join(ROOT, os.environ.get("B", "build"), "live", "clean_up")
GENEROUS = 60
GATEWAY = {4: "10.0.0.1", 6: "fe80:ec2::1"}
MAIN = 254
PRIORITIES = (10, 512, 1536)
BOOT = open("/proc/sys/kernel/random/boot_id", encoding="ascii").read().strip()
OLD_BOOT = "00000000-0000-0000-0000-000000000000"

numbers = itertools.count(1)


@dataclasses.dataclass(eq=False)
class Pod:
    """As the VPC CNI makes it; the pod's end of the veth stays in the node's network namespace."""

    name: str = "default/web-0"
    vlan: int = 3
    address: str = "10.0.0.5"
    mode: str = "strict"
    table: int = MAIN  # of an ordinary pod, whose vlan is 0

    def __post_init__(self):
        self.number = next(numbers)
        self.sandbox = f"{self.number:064x}"
        self.created = 1_790_000_000_000 + self.number
        self.seen = {}

    @property
    def family(self):
        return 6 if ":" in self.address else 4

    @property
    def veth(self):
        prefix = "vlan" if self.mode == "strict" and self.vlan else "eni"
        return prefix + hashlib.sha1(self.name.replace("/", ".").encode()).hexdigest()[:11]

    @property
    def device(self):
        return f"vlan.eth.{self.vlan}"

    @property
    def lookup(self):
        return 100 + self.vlan if self.vlan else self.table

    def link_lines(self):
        yield f"link add {self.veth} type veth peer name p{self.number}"
        yield f"link set {self.veth} up"
        if self.vlan:
            yield f"link add {self.device} type veth peer name b{self.number}"
            yield f"link set {self.device} up"

    def route_lines(self):
        if self.vlan:
            gateway, table = GATEWAY[self.family], self.lookup
            yield f"route replace {gateway} dev {self.device} scope link table {table}"
            yield f"route replace default via {gateway} dev {self.device} onlink table {table}"
        table = self.lookup if self.vlan and self.mode == "strict" else MAIN
        yield f"route replace {self.address} dev {self.veth} scope link table {table}"

    def rule_lines(self):
        if self.vlan and self.mode == "strict":
            yield f"rule add pref 10 iif {self.device} lookup {self.lookup}"
            yield f"rule add pref 10 iif {self.veth} lookup {self.lookup}"
            return
        yield f"rule add pref 512 to {self.address} lookup main"
        if self.lookup != MAIN:
            yield f"rule add pref 1536 from {self.address} lookup {self.lookup}"

    def things(self, without_veth=False):
        """What the kernel holds of it."""
        table = self.lookup
        strict = self.vlan and self.mode == "strict"
        if not without_veth:
            yield f"link {self.veth}"
            where = table if strict else MAIN
            yield f"route {self.address} dev {self.veth} table {where}"
        if self.vlan:
            yield f"link {self.device}"
            yield f"route {GATEWAY[self.family]} dev {self.device} table {table}"
            yield f"route default dev {self.device} table {table}"
        if strict:
            yield f"rule{self.family} 10 iif {self.device} lookup {table}"
            yield f"rule{self.family} 10 iif {self.veth} lookup {table}"
            return
        yield f"rule{self.family} 512 to {self.address} lookup {MAIN}"
        if table != MAIN:
            yield f"rule{self.family} 1536 from {self.address} lookup {table}"

    def attachment(self, **changes):
        namespace, name = self.name.split("/")
        known = {"version": 1, "sandbox": self.sandbox, "ifname": "eth0", "boot": BOOT,
                 "namespace": namespace, "pod": name, "netns": f"/run/netns/absent-{self.number}",
                 "interface": self.veth, "interfaceIndex": self.seen.get(self.veth),
                 "addresses": [self.address], "mode": self.mode, "created": self.created,
                 "state": "ready"}
        if self.vlan:
            known.update(device=self.device, deviceIndex=self.seen.get(self.device), vlan=self.vlan)
        known.update(changes)
        return {key: value for key, value in known.items() if value is not None}


UNSEEN = {"interfaceIndex": None, "deviceIndex": None}
# What DEL knows where the journal's entry is lost: CNI_ARGS and prevResult.
RECALLED = dict(UNSEEN, created=None, netns=None)
NAMED = dict(RECALLED, interface=None, device=None, vlan=None, addresses=None)


@dataclasses.dataclass
class Outcome:
    code: int
    microseconds: int
    text: str
    removed: list
    kept: dict
    failed: dict


class Cleaner:
    """The driver, in the node's network namespace."""

    def __init__(self, node, journal, program=()):
        argv = netns.command_in(node, [*(program or [PROGRAM]), journal])
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def start(self, path, dry=False):
        self.process.stdin.write(path + (" dry\n" if dry else "\n"))
        self.process.stdin.flush()

    def finish(self):
        said = {"removed": {}, "kept": {}, "failed": {}}
        while True:
            line = self.process.stdout.readline()
            tap.check(line, "the driver has died")
            word, rest = line.rstrip("\n").split(" ", 1)
            if word == "done":
                code, microseconds, text = rest.split(" ", 2)
                return Outcome(int(code), int(microseconds), text, list(said["removed"]),
                               said["kept"], said["failed"])
            thing, why = rest.split("\t")
            said[word][thing] = why

    def close(self):
        self.process.stdin.close()
        return self.process.wait(GENEROUS)


class Node:
    """Context manager: a network namespace, a journal, and the pods in both."""

    def __init__(self):
        self.name = netns.own_prefix("cu") + f"-{next(numbers)}"

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="podsg-clean-up-")
        self.journal = os.path.join(self.directory, "journal")
        os.mkdir(self.journal)
        netns.run(["ip", "netns", "add", self.name])
        self.ip(["link set lo up"])
        self.cleaner = Cleaner(self.name, self.journal)
        return self

    def __exit__(self, *_):
        status = self.cleaner.close()
        netns.delete([self.name])
        shutil.rmtree(self.directory, ignore_errors=True)
        tap.equal(status, 0, "the driver's status")

    def ip(self, lines, family=4, check=True):
        return netns.run(["ip", f"-{family}", "-n", self.name, "-force", "-batch", "-"],
                         text_input="".join(line + "\n" for line in lines), check=check)

    def listed(self, *words):
        return json.loads(netns.run(["ip", "-n", self.name, "-j", *words]).stdout or "[]")

    def add(self, *pods, journal=True):
        for pod in pods:
            self.ip([f"link del {pod.veth}", f"link del {pod.device}"], check=False)
            for rule in self.listed(f"-{pod.family}", "rule", "show", "pref", "10"):
                if rule.get("iif") == pod.veth:
                    self.ip([f"rule del pref 10 iif {pod.veth} lookup {rule['table']}"], pod.family)
            self.ip(pod.link_lines())
            self.ip([*pod.route_lines(), *pod.rule_lines()], pod.family, check=False)
            self.see(pod)
            if journal:
                self.write(pod.attachment())

    def see(self, pod):
        pod.seen = {link["ifname"]: link["ifindex"] for link in self.listed("link", "show")}

    def lose(self, *pods):
        """The netns goes, and the veth with it."""
        for pod in pods:
            self.ip([f"link del {pod.veth}"])

    def path(self, attachment):
        return os.path.join(self.journal, f"{attachment['sandbox']}:eth0.json")

    def write(self, attachment):
        with open(self.path(attachment), "w", encoding="utf-8") as file:
            json.dump(attachment, file)

    def forget(self, pod):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(pod.attachment()))

    def start(self, attachment, dry=False):
        path = os.path.join(self.directory, "gone.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(attachment, file)
        self.cleaner.start(path, dry)

    def clean(self, attachment, dry=False, code=0):
        self.start(attachment, dry)
        outcome = self.cleaner.finish()
        tap.equal(outcome.code, code, f"the result ({outcome.text})")
        return outcome

    def state(self):
        return set(self.links()) | set(self.rules()) | set(self.routes())

    def links(self):
        for link in self.listed("link", "show"):
            if link["ifname"].startswith(("vlan", "eni")):
                yield f"link {link['ifname']}"

    def rules(self):
        for family in (4, 6):
            for rule in self.listed(f"-{family}", "rule", "show"):
                words = [f"{word} {rule[key]}" for word, key in (("iif", "iif"), ("to", "dst"))
                         if key in rule]
                words += [f"from {rule['src']}"] if rule["src"] != "all" else []
                table = MAIN if rule["table"] == "main" else rule["table"]
                if rule["priority"] in PRIORITIES:
                    yield f"rule{family} {rule['priority']} {' '.join(words)} lookup {table}"

    def routes(self):
        for family in (4, 6):
            for route in self.listed(f"-{family}", "route", "show", "table", "all"):
                table = MAIN if route.get("table", "main") == "main" else route["table"]
                if str(table) in ("local", "default") or route.get("protocol") == "kernel":
                    continue
                yield f"route {route['dst']} dev {route.get('dev', '-')} table {table}"

    def holds(self, *pods, more=()):
        expected = set(more).union(*(set(pod.things()) for pod in pods))
        state = self.state()
        tap.check(state == expected, "the kernel holds too much: "
                  f"{sorted(state - expected)}; lacks: {sorted(expected - state)}")


def in_both_modes(function):
    return [(f"{function.__name__.replace('_', ' ')}, {mode}", function, mode)
            for mode in ("strict", "standard")]


CASES = []


def case(function):
    CASES.append((function.__name__.replace("_", " "), function))
    return function


def case_of_modes(function):
    CASES.extend(in_both_modes(function))
    return function


def addresses(family):
    return ("10.0.0.5", "10.0.0.6") if family == 4 else ("2001:db8::5", "2001:db8::6")


@case_of_modes
def everything_of_a_dead_pod_goes(mode):
    for family in (4, 6):
        for changes in ({}, UNSEEN, RECALLED):
            with Node() as node:
                gone = Pod(mode=mode, address=addresses(family)[0])
                other = Pod("default/other", 4, addresses(family)[1], mode)
                node.add(gone, other)
                node.lose(gone)
                node.forget(gone)
                outcome = node.clean(gone.attachment(**changes))
                node.holds(other)
                tap.equal(outcome.kept, {}, "what was kept")
                tap.check(f"link {gone.device}" in outcome.removed, "it does not say the device")


@case_of_modes
def a_pod_whose_netns_is_still_there_keeps_its_veth_and_nothing_else(mode):
    """DEL comes to us first: before the CNI's own plugin, before the namespace is deleted."""
    for family, changes in itertools.product((4, 6), ({}, UNSEEN, RECALLED, NAMED)):
        with Node() as node:
            gone = Pod(mode=mode, address=addresses(family)[0])
            node.add(gone)
            node.clean(gone.attachment(**dict(changes, netns=netns.path(node.name))))
            node.holds(more=[f"link {gone.veth}"])


@case
def an_ordinary_pod_has_a_rule_a_route_and_another_table():
    with Node() as node:
        gone = Pod(vlan=0, table=2)
        other = Pod("default/other", 0, "10.0.0.6", table=2)
        node.add(gone, other)
        node.clean(gone.attachment(netns=netns.path(node.name)))
        node.holds(other, more=[f"link {gone.veth}", "rule4 1536 from 10.0.0.5 lookup 2"])


@case_of_modes
def a_second_time_finds_nothing(mode):
    with Node() as node:
        gone = Pod(mode=mode)
        node.add(gone)
        node.lose(gone)
        node.clean(gone.attachment())
        for changes in ({}, UNSEEN, RECALLED, NAMED):
            outcome = node.clean(gone.attachment(**changes))
            tap.equal((outcome.removed, outcome.kept), ([], {}), "what was found")


@case_of_modes
def a_dry_run_changes_nothing_and_says_what_the_real_one_does(mode):
    with Node() as node:
        gone, newer = Pod(mode=mode), Pod("default/other", 4, "10.0.0.5", "standard")
        node.add(gone)
        node.lose(gone)
        node.add(newer)
        before = node.state()
        dry = node.clean(gone.attachment(), dry=True)
        tap.equal(node.state(), before, "the kernel after a dry run")
        real = node.clean(gone.attachment())
        tap.equal((dry.removed, dry.kept), (real.removed, real.kept), "dry and real")
        node.holds(newer)


@case_of_modes
def a_same_name_pod_with_another_vlan_survives(mode):
    """cni#1374, #1375: StatefulSet, terminationGracePeriodSeconds 0."""
    for journal in (True, False):
        for changes in ({}, UNSEEN) if journal else ({},):
            with Node() as node:
                gone, newer = Pod(mode=mode), Pod(vlan=4, address="10.0.0.6", mode=mode)
                node.add(gone)
                node.add(newer, journal=journal)
                node.clean(gone.attachment(**changes))
                node.holds(newer)


@case
def a_stale_rule_leads_a_newer_veth_of_the_same_name_no_more():
    for journal in (True, False):
        with Node() as node:
            gone, newer = Pod(), Pod(vlan=4, address="10.0.0.6")
            node.add(gone)
            node.add(newer, journal=journal)
            node.ip([f"rule add pref 10 iif {gone.veth} lookup {gone.lookup}"])
            node.clean(gone.attachment())
            node.holds(newer)


@case_of_modes
def a_newer_pod_of_the_same_vlan_survives(mode):
    """cni#1644: a late DEL of an old sandbox deleted the new pod's device."""
    for journal, changes in ((True, {}), (True, UNSEEN), (True, RECALLED), (False, {}),
                             (False, UNSEEN), (False, RECALLED)):
        with Node() as node:
            gone, newer = Pod(mode=mode), Pod("default/other", 3, "10.0.0.6", mode)
            node.add(gone)
            node.lose(gone)
            node.add(newer, journal=journal)
            node.forget(gone)
            outcome = node.clean(gone.attachment(**changes))
            node.holds(newer)
            why = outcome.kept[f"link {newer.device}"]
            tap.check(not journal or why == f"pod {newer.name}, sandbox {newer.sandbox}", why)
            tap.check(why, "it does not say who holds the device")


@case_of_modes
def the_next_sandbox_of_the_same_pod_survives(mode):
    """Device, address and names are the same; only indices and sandbox tell them apart."""
    for journal, changes in ((True, {}), (True, UNSEEN), (True, RECALLED), (True, NAMED),
                             (False, {}), (False, dict(UNSEEN, created=1)), (False, NAMED)):
        with Node() as node:
            gone, newer = Pod(mode=mode), Pod(mode=mode)
            node.add(gone)
            node.add(newer, journal=journal)
            node.forget(gone)
            node.clean(gone.attachment(**changes))
            node.holds(newer)


@case
def an_address_reused_with_another_vlan_loses_only_the_old_rule():
    for journal, newer_mode, changes in itertools.product(
            (True, False), ("strict", "standard"), ({}, UNSEEN)):
        with Node() as node:
            gone = Pod(mode="standard")
            newer = Pod("default/other", 4, gone.address, newer_mode)
            node.add(gone)
            node.lose(gone)
            node.add(newer, journal=journal)
            node.clean(gone.attachment(**changes))
            node.holds(newer)


@case
def a_vlan_or_address_reused_in_the_other_mode_loses_the_rules_of_the_old_one():
    """A rule of a strict pod sends what comes for a standard one back to where it came from."""
    for journal, mode, changes in itertools.product((True, False), ("strict", "standard"),
                                                    ({}, UNSEEN)):
        with Node() as node:
            gone = Pod(mode=mode)
            newer = Pod("default/other", mode="standard" if mode == "strict" else "strict")
            node.add(gone)
            node.lose(gone)
            node.add(newer, journal=journal)
            node.clean(gone.attachment(**changes))
            node.holds(newer)


@case
def an_address_reused_by_an_ordinary_pod_loses_only_the_old_rule():
    for journal, table in itertools.product((True, False), (MAIN, 2)):
        with Node() as node:
            gone = Pod(mode="standard")
            newer = Pod("default/other", 0, gone.address, table=table)
            node.add(gone)
            node.lose(gone)
            node.add(newer, journal=journal)
            node.clean(gone.attachment())
            node.holds(newer)


@case
def address_and_vlan_reused_by_two_pods_are_told_apart():
    for journal in (True, False):
        with Node() as node:
            gone = Pod(mode="standard")
            one = Pod("default/one", 4, gone.address, "standard")
            two = Pod("default/two", gone.vlan, "10.0.0.6", "standard")
            node.add(gone)
            node.lose(gone)
            node.add(one, two, journal=journal)
            node.clean(gone.attachment())
            node.holds(one, two)


@case
def a_stale_rule_of_a_third_vlan_does_not_make_the_address_that_ones():
    """Only the kernel knows the living pod; table 102 is nobody's, or that of a pod beside."""
    stale = "rule4 1536 from 10.0.0.5 lookup 102"
    for beside in ([], [Pod("default/beside", 2, "10.0.0.6", "strict")],
                   [Pod("default/beside", 2, "10.0.0.6", "standard")]):
        with Node() as node:
            gone = Pod(mode="standard")
            living = Pod("default/other", 3, gone.address, "standard")
            node.ip(["rule add pref 1536 from 10.0.0.5 lookup 102"])
            node.add(*beside, journal=False)
            node.add(gone)
            node.lose(gone)
            node.add(living, journal=False)
            node.clean(gone.attachment())
            node.holds(living, *beside, more=[stale])


@case
def strict_pods_are_found_by_their_name_alone():
    with Node() as node:
        gone = Pod()
        node.add(gone)
        node.lose(gone)
        node.clean(gone.attachment(**NAMED))
        node.holds()


@case
def standard_pods_are_found_by_their_address_alone():
    with Node() as node:
        gone = Pod(mode="standard")
        node.add(gone)
        node.lose(gone)
        node.clean(gone.attachment(**dict(NAMED, addresses=[gone.address])))
        node.holds()


@case
def who_knows_nothing_touches_nothing():
    with Node() as node:
        gone = Pod()
        node.add(gone)
        node.lose(gone)
        before = node.state()
        outcome = node.clean(gone.attachment(**dict(NAMED, namespace=None, pod=None)))
        tap.equal((outcome.removed, outcome.kept), ([], {}), "what was found")
        tap.equal(node.state(), before, "the kernel")


@case_of_modes
def an_older_boot_has_nothing_in_this_kernel(mode):
    with Node() as node:
        pod = Pod(mode=mode)
        node.add(pod)
        outcome = node.clean(pod.attachment(boot=OLD_BOOT))
        tap.equal((outcome.removed, outcome.kept), ([], {}), "what was found")
        node.holds(pod)


@case_of_modes
def attachments_that_are_gone_older_or_of_another_boot_hold_nothing(mode):
    for changes in ({"state": "gone"}, {"boot": OLD_BOOT}, {"created": 1}):
        with Node() as node:
            gone, other = Pod(mode=mode), Pod("default/other", mode=mode)
            node.add(gone)
            node.lose(gone)
            node.write(other.attachment(**changes))
            node.clean(gone.attachment())
            node.holds()


@case_of_modes
def a_slow_add_that_saw_the_next_sandbox_takes_nothing_of_it(mode):
    """Its journal entry has the other one's indices, and may even be the newer one."""
    for later in (False, True):
        with Node() as node:
            slow, living = Pod(mode=mode), Pod(mode=mode)
            if later:
                slow.created, living.created = living.created, slow.created
            node.add(slow)
            node.add(living)
            slow.seen = living.seen
            node.clean(slow.attachment())
            node.holds(living)


@case_of_modes
def broken_and_missing_journals_leave_the_kernel_as_witness(mode):
    def break_file(node):
        for name in ("x:eth0.json", f"{'f' * 64}:eth0.json"):
            with open(os.path.join(node.journal, name), "w", encoding="utf-8") as file:
                file.write('{"version": 1, "sandbox": ')

    def remove(node):
        shutil.rmtree(node.journal)

    def replace(node):
        shutil.rmtree(node.journal)
        with open(node.journal, "w", encoding="utf-8"):
            pass

    for spoil in (break_file, remove, replace):
        with Node() as node:
            gone, newer = Pod(mode=mode), Pod("default/other", 3, "10.0.0.6", mode)
            third = Pod("default/third", 5, "10.0.0.7", mode)
            node.add(gone, third)
            node.lose(gone, third)
            node.add(newer)
            spoil(node)
            node.clean(gone.attachment())
            node.clean(third.attachment())
            node.holds(newer)


@case
def a_device_known_by_name_only_stays_while_the_journal_cannot_be_read():
    with Node() as node:
        gone = Pod()
        node.add(gone)
        node.lose(gone)
        shutil.rmtree(node.journal)
        with open(node.journal, "w", encoding="utf-8"):
            pass
        outcome = node.clean(gone.attachment(**UNSEEN), code=-11)
        tap.check("journal" in outcome.failed[f"link {gone.device}"], str(outcome.failed))
        tap.check(f"link {gone.device}" in node.state(), "the device is gone")


@case
def what_others_made_is_not_touched():
    foreign = [
        "rule add pref 9 iif vlan.eth.3 lookup 103",
        "rule add pref 10 fwmark 0x80/0x80 lookup 103",
        "rule add pref 10 iif vlan.eth.3 fwmark 0x80/0x80 lookup 103",
        "rule add pref 10 iif vlan.eth.3 lookup 5",
        "rule add pref 20 lookup local",
        "rule add pref 512 to 10.0.0.5 iif lo lookup main",
        "rule add pref 512 to 10.0.0.5 lookup 7",
        "rule add pref 512 to 10.0.0.0/24 lookup main",
        "rule add pref 1024 fwmark 0x80/0x80 lookup main",
        "rule add pref 1535 to 10.0.0.5 lookup main",
        "rule add pref 1536 from 10.0.0.5 lookup 3",
        "rule add pref 1536 from 10.0.0.5 ipproto tcp lookup 103",
        "rule add pref 32765 from 10.0.0.5 lookup 103",
        "route add 10.0.0.5 dev lo table 3",
        "route add 10.0.0.5 dev lo table 10003",
        "route add 10.0.0.0/24 dev lo",
        "route add blackhole 10.7.0.0/16",
    ]
    for mode in ("strict", "standard"):
        with Node() as node, Node() as bare:
            gone = Pod(mode=mode)
            node.add(gone)
            node.ip(foreign)
            bare.ip(foreign)
            node.lose(gone)
            outcome = node.clean(gone.attachment())
            tap.equal(outcome.kept, {}, "what was kept")
            tap.equal(node.listed("rule", "show"), bare.listed("rule", "show"), "the rules")
            tap.equal(node.state(), bare.state(), "the node")


@case
def a_rule_that_hides_behind_anothers_is_left_and_said():
    """The kernel deletes the first one that has all that is asked for, and perhaps more."""
    for mode, foreign, hidden in (
            ("standard", "rule add pref 1536 from 10.0.0.5 ipproto tcp lookup 103",
             "ip rule 1536 from 10.0.0.5 lookup 103"),
            ("standard", "rule add pref 512 to 10.0.0.5 iif lo lookup main",
             "ip rule 512 to 10.0.0.5 lookup main"),
            ("strict", "rule add pref 10 iif vlan.eth.3 fwmark 0x80/0x80 lookup 103",
             "ip rule 10 iif vlan.eth.3 lookup 103")):
        with Node() as node:
            gone = Pod(mode=mode)
            node.ip([foreign])
            node.add(gone)
            node.lose(gone)
            rules = node.listed("rule", "show")
            outcome = node.clean(gone.attachment(), code=-16)
            tap.equal(list(outcome.failed), [hidden], "what failed")
            tap.equal(len(outcome.removed), 2, f"how many were removed: {outcome.removed}")
            kept = [rule for rule in node.listed("rule", "show")]
            tap.equal(len(kept), len(rules) - 1, "how many rules are left")


@case
def what_somebody_laid_into_the_table_goes_with_it():
    with Node() as node:
        gone = Pod()
        node.ip(["link add nodelocaldns type veth peer name dns",
                 "link set nodelocaldns up"])
        node.add(gone)
        node.ip(["route add local 169.254.20.10 dev lo table 103",
                 "route add blackhole 10.7.0.0/16 table 103"])
        node.lose(gone)
        node.clean(gone.attachment())
        node.holds()


@case
def rules_of_interfaces_that_do_not_exist_go_with_their_table():
    with Node() as node:
        gone, newer = Pod(), Pod("default/other", 3, "10.0.0.6")
        node.add(gone)
        node.lose(gone)
        node.ip(["rule add pref 10 iif vlan0123456789a lookup 103"])
        node.add(newer)
        node.clean(gone.attachment())
        node.holds(newer)


def connect(node, source, destination, port):
    """An entry of conntrack, by a packet to a port that nobody listens at."""
    with netns.entered(node.name), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        sender.sendto(b"x", (destination, port))


def tracked(node, family="ipv4"):
    lines = netns.run(["conntrack", "-L", "-p", "udp", "-f", family],
                      name=node.name).stdout.splitlines()
    return sorted(next(word for word in line.split() if word.startswith("dport="))[6:]
                  for line in lines if "dport=" in line)


def count_entries(node):
    return int(netns.run(["conntrack", "-C"], name=node.name).stdout)


def crowd(node):
    """So many entries of others that the kernel is asked for ours, instead of for all."""
    with open("/proc/sys/net/netfilter/nf_conntrack_buckets", encoding="ascii") as file:
        count = int(file.read()) // 20 + 1
    path = os.path.join(node.directory, "crowd")
    with open(path, "w", encoding="ascii") as file:
        for number in range(count):
            address = f"10.{77 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
            file.write(f"-I -p tcp -s {address} -d 10.8.0.1 --sport 1 --dport 443 "
                       "--state ESTABLISHED --timeout 3600\n")
    netns.run(["conntrack", "-R", path], name=node.name)
    return count


def track(node):
    netns.nft(node.name, "table ip t { chain o { type nat hook output priority -100; "
              "ip daddr 10.9.0.9 dnat to 10.0.0.5; ip daddr 10.9.0.8 dnat to 10.0.0.6; }; "
              "chain p { type nat hook postrouting priority 100; udp dport 5 snat to 10.0.0.5; }; }")
    node.ip([f"address add {address}/32 dev lo" for address in
             ("10.0.0.5", "10.0.0.6", "10.0.0.7", "10.9.0.9", "10.9.0.8")])
    for port, source, destination in (
            (1, "10.0.0.5", "10.0.0.7"), (2, "10.0.0.7", "10.0.0.5"), (3, "10.0.0.7", "10.9.0.9"),
            (4, "10.0.0.5", "10.0.0.5"), (5, "10.0.0.7", "10.0.0.6"), (6, "10.0.0.6", "10.0.0.7"),
            (7, "10.0.0.7", "10.9.0.8"), (8, "10.0.0.6", "10.0.0.6")):
        connect(node, source, destination, port)
    tap.equal(tracked(node), [str(port) for port in range(1, 9)], "entries")


@case
def conntrack_forgets_the_address_in_every_place_and_no_other():
    cases = (("10.0.0.5", "678"), ("10.0.0.6", "1234"), ("10.0.0.9", "12345678"))
    for (address, rest), crowded in itertools.product(cases, (False, True)):
        with Node() as node:
            track(node)
            others = crowd(node) if crowded else 0
            gone = Pod(mode="standard", address=address)
            dry = node.clean(gone.attachment(), dry=True)
            tap.equal(len(tracked(node)), 8, "entries after a dry run")
            outcome = node.clean(gone.attachment())
            tap.equal(tracked(node), list(rest), "what is left")
            tap.equal(count_entries(node), others + len(rest), "entries in all")
            expected = [f"{8 - len(rest)} conntrack entries of {address}"]
            tap.equal(outcome.removed, expected if len(rest) < 8 else [], "what it says")
            tap.equal(dry.removed, outcome.removed, "what a dry run says")


@case
def conntrack_forgets_the_address_of_both_families():
    for mine, other, peer in (("10.0.0.5", "10.0.0.6", "10.9.0.1"),
                              ("2001:db8::5", "2001:db8::6", "2001:db8::9")):
        family = "ipv6" if ":" in mine else "ipv4"
        with Node() as node:
            for number, (source, destination) in enumerate(
                    ((mine, peer), (peer, mine), (other, peer), (peer, other), (mine, other))):
                netns.run(["conntrack", "-I", "-p", "udp", "-s", source, "-d", destination,
                           "--sport", "7", "--dport", str(number), "--timeout", "600"],
                          name=node.name)
            gone = Pod(mode="standard", address=mine)
            dry = node.clean(gone.attachment(), dry=True)
            outcome = node.clean(gone.attachment())
            tap.equal(tracked(node, family), ["2", "3"], "what is left")
            tap.equal(outcome.removed, [f"3 conntrack entries of {mine}"], "what it says")
            tap.equal(dry.removed, outcome.removed, "what a dry run says")


@case
def conntrack_keeps_the_entries_of_an_address_with_a_newer_owner():
    for journal in (True, False):
        with Node() as node:
            track(node)
            gone, newer = Pod(mode="standard"), Pod("default/other", 4, mode="standard")
            node.add(newer, journal=journal)
            outcome = node.clean(gone.attachment())
            tap.equal(len(tracked(node)), 8, "entries")
            tap.check("conntrack entries of 10.0.0.5" in outcome.kept, str(outcome.kept))


@case
def conntrack_forgets_many_thousands():
    with Node() as node:
        node.ip(["address add 10.0.0.5/32 dev lo"])
        netns.nft(node.name, "table ip t { chain c { type filter hook output priority 0; "
                  "ct state new accept; }; }")
        with netns.entered(node.name), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind(("10.0.0.5", 0))
            for port in range(1, 20001):
                with contextlib.suppress(ConnectionRefusedError):
                    sender.sendto(b"x", ("127.0.0.1", port))
        count = count_entries(node)
        tap.check(count > 10000, f"only {count} entries")
        outcome = node.clean(Pod(mode="standard").attachment())
        tap.note(f"{count} entries: {outcome.microseconds / 1000:.0f} ms")
        tap.equal(count_entries(node), 0, "entries left")


@case
def who_may_not_change_anything_says_so():
    with Node() as node:
        gone = Pod()
        node.add(gone)
        node.lose(gone)
        os.chmod(node.directory, 0o755)
        os.chmod(node.journal, 0o755)
        before = node.state()
        cleaner, node.cleaner = node.cleaner, Cleaner(
            node.name, node.journal, ["setpriv", "--bounding-set=-all", "--inh-caps=-all",
                                      "--no-new-privs", PROGRAM])
        try:
            outcome = node.clean(gone.attachment(), code=-1)
            tap.equal(outcome.removed, [], "what was removed")
            tap.check(f"link {gone.device}" in outcome.failed, str(outcome.failed))
            tap.equal(node.state(), before, "the kernel")
        finally:
            node.cleaner.close()
            node.cleaner = cleaner


@case
def one_of_120_pods_goes_and_119_stay():
    with Node() as node:
        pods = [Pod(f"default/pod-{vlan}", vlan, f"10.0.1.{vlan}",
                    "strict" if vlan % 2 else "standard") for vlan in range(1, 121)]
        node.add(*pods)
        times = {}
        for gone in (pods[60], pods[61]):
            node.lose(gone)
            node.forget(gone)
            outcome = node.clean(gone.attachment())
            times[gone.mode] = outcome.microseconds / 1000
            pods = [pod for pod in pods if pod is not gone]
        node.holds(*pods)
        tap.note(f"120 pods on the node, under sanitizers: {times} ms")


class Rounds:
    """Pods that come and go at random, names, VLANs and addresses used again, DEL late."""

    def __init__(self, node, seed):
        self.node = node
        self.random = random.Random(seed)
        self.living = []
        self.dead = []

    def add(self):
        names = [f"default/web-{i}" for i in range(4)]
        free = [name for name in names if name not in [pod.name for pod in self.living]]
        used = [pod.vlan for pod in self.living]
        taken = [pod.address for pod in self.living]
        pod = Pod(self.random.choice(free or ["default/extra"]),
                  self.random.choice([vlan for vlan in range(1, 8) if vlan not in used]),
                  self.random.choice([f"10.0.0.{i}" for i in range(5, 12)
                                      if f"10.0.0.{i}" not in taken]),
                  self.random.choice(("strict", "standard")))
        # The kernel alone has to tell whose it is where ADD never came to write its entry.
        self.node.add(pod, journal=self.random.random() < 0.8)
        self.living.append(pod)

    def die(self):
        pod = self.living.pop(self.random.randrange(len(self.living)))
        self.node.lose(pod)
        if self.random.random() < 0.7:
            self.clean(pod)
        else:
            self.dead.append(pod)

    def clean(self, pod):
        """Sometimes DEL finds no journal entry."""
        changes = self.random.choice(({}, {}, {}, UNSEEN, RECALLED))
        if "created" in changes:
            self.node.forget(pod)
        self.node.clean(pod.attachment(**changes))
        self.node.forget(pod)

    def step(self):
        if self.dead and self.random.random() < 0.4:
            self.clean(self.dead.pop(self.random.randrange(len(self.dead))))
        elif len(self.living) < 4 and (not self.living or self.random.random() < 0.5):
            self.add()
        else:
            self.die()
        missing = set().union(*(set(pod.things()) for pod in self.living)) - self.node.state()
        tap.check(not missing, f"a living pod has lost {sorted(missing)}")

    def end(self):
        while self.dead:
            self.clean(self.dead.pop())
        self.node.holds(*self.living)


def living_pods_lose_nothing_and_dead_ones_leave_nothing(seed):
    for run in range(int(os.environ.get("PODSG_ROUNDS", "3"))):
        with Node() as node:
            rounds = Rounds(node, seed + run)
            for _ in range(60):
                rounds.step()
            rounds.end()


def an_add_that_races_loses_nothing(seed):
    """The new sandbox is being added while the old one's leftovers go, by the same names."""
    chance = random.Random(seed)
    given_back = 0
    for turn in range(int(os.environ.get("PODSG_ROUNDS", "75"))):
        if turn % 25 == 0:
            stack = contextlib.ExitStack()
            node = stack.enter_context(Node())
        mode = chance.choice(("strict", "standard"))
        gone = Pod(mode=mode)
        newer = chance.choice((Pod(mode=mode), Pod(vlan=4, mode=mode),
                               Pod("default/other", 3, "10.0.0.6", mode),
                               Pod("default/other", 4, "10.0.0.5", "standard"),
                               Pod("default/other", 3, "10.0.0.5", mode)))
        node.add(gone)
        node.lose(gone)
        node.forget(gone)
        adding = threading.Thread(target=add_slowly, args=(node, newer, chance.random() / 100))
        adding.start()
        time.sleep(chance.random() / 50)
        node.start(gone.attachment())
        outcome = node.cleaner.finish()
        adding.join()
        given_back += sum(thing in outcome.removed for thing in outcome.kept)
        # ADD has come to its end: nobody takes anything of the old one now but a second DEL.
        node.clean(gone.attachment())
        try:
            node.holds(newer)
        except tap.Failure as failure:
            raise tap.Failure(f"turn {turn}: {gone}, {newer}: {failure}") from failure
        node.lose(newer)
        node.see(newer)
        node.clean(newer.attachment(deviceIndex=newer.seen.get(newer.device)))
        node.holds()
        if turn % 25 == 24:
            stack.close()
    stack.close()
    tap.note(f"{given_back} rules were given back")


def add_slowly(node, pod, pause):
    node.ip([f"link del {pod.veth}", f"link del {pod.device}"], check=False)
    node.ip(pod.link_lines())
    time.sleep(pause)
    node.ip([*pod.route_lines(), *pod.rule_lines()], pod.family, check=False)


def main():
    tap.need_kernel()
    if not os.access(PROGRAM, os.X_OK):
        tap.skip(f"{os.path.relpath(PROGRAM, ROOT)} is not built: make test-programs")
    seed = tap.seed()
    program = tap.Program()
    for name, function, *arguments in CASES:
        program.case(name, function, *arguments)
    for function in (living_pods_lose_nothing_and_dead_ones_leave_nothing,
                     an_add_that_races_loses_nothing):
        program.case(function.__name__.replace("_", " "), function, seed)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
