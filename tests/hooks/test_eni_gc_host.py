#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
podsg-eni-gc host on a bare node: what pods that are gone left goes, whatever lives stays, and of
each thing it is said why.

usage: test_eni_gc_host.py [PART OF A CASE'S NAME]
"""

import concurrent.futures
import contextlib
import fcntl
import json
import os
import pty
import random
import select
import subprocess
import sys
import threading
import time

import comparer
import cri
import pods
import runtime
from cni_setting import Setting
from lab import netns, tap
from lab.tap import PATIENCE, check, equal, note, wait_for

sys.path.insert(1, os.path.join(pods.ROOT, "tests", "live"))

import fake_apiserver as fake  # noqa: E402

PROGRAM = os.path.join(pods.BUILD, "podsg-eni-gc")
BOOT = open("/proc/sys/kernel/random/boot_id", encoding="ascii").read().strip()
OLD_BOOT = "00000000-0000-0000-0000-000000000000"
NODE_NAME = "node-a"
VLANS = 120
IN_OPEN = 0x20  # of inotify(7)
PAUSE = 1  # seconds
ROUNDS = int(os.environ.get("PODSG_CHURN_ROUNDS", 40))
KINDS = (("strict", {"address": "10.0.1.3"}), ("standard", {"address": "10.0.1.3"}),
         ("strict", {"address6": "2001:db8::3"}), ("standard", {"address6": "2001:db8::3"}))
# What is none of ours: secondary ENIs, node ports, external services, an ordinary pod on a
# secondary ENI.
OTHERS = ("rule add pref 1024 fwmark 0x80/0x80 lookup main",
          "rule add pref 1535 to 192.0.2.0/24 lookup main",
          "rule add pref 1536 from 10.0.9.9 lookup 2",
          "rule add pref 512 to 10.0.9.9 lookup main",
          "rule add pref 32765 from 10.0.0.77 lookup 3",
          "rule add pref 1536 from 10.0.9.8 lookup 10004",
          "rule add pref 10 iif gone0 lookup 99", "rule add pref 11 iif gone0 lookup 103",
          "rule add pref 20 from all lookup local",
          "-6 rule add pref 1024 fwmark 0x80/0x80 lookup main")


def missing():
    return None if os.access(PROGRAM, os.X_OK) else "podsg-eni-gc is not built"


class Said:
    """What the program said, as -o json has it."""

    def __init__(self, status, out, err):
        self.status = status
        self.err = err
        self.lines = [json.loads(line) for line in out.splitlines()]

    def of(self, event):
        return [line for line in self.lines if line["event"] == event]

    def things(self, outcome):
        return sorted(line["thing"] for line in self.of("thing") if line["outcome"] == outcome)

    def verdicts(self):
        return {line.get("sandbox") or line["subject"]: line["verdict"]
                for line in self.lines if "verdict" in line}

    def whys(self):
        return " | ".join(line["why"] for line in self.lines if "why" in line)

    def texts(self, event):
        return " | ".join(line["text"] for line in self.of(event))


class Place(Setting):
    """A node with a journal and the collector."""

    def aws_plugin(self, mode):
        return {"type": "aws-cni", "ipamd": self.ipamd.path, "vethPrefix": "eni",
                "podSGEnforcingMode": mode}

    def unaware(self, mode="strict"):
        """A chain without podsg: what was there before it came."""
        return self.stack.enter_context(pods.Chain(self.node, [self.aws_plugin(mode)], "0.4.0"))

    def run(self, *words, runtimes=("/nonexistent",), settle=1, prefix=(), timeout=120):
        """No runtime of the machine that the test runs on is asked."""
        argv = [*prefix, PROGRAM, "host", "--config", self.path("podsg.yaml"),
                *(word for one in runtimes for word in ("--cri", one)), *words]
        if "--boot" not in words and settle:
            argv += ["--settle", str(settle)]
        return netns.run(argv, name=self.node, check=False, timeout=timeout)

    def collect(self, *words, status=0, **how):
        done = self.run("-o", "json", *words, **how)
        if done.returncode != status or "Sanitizer" in done.stderr:
            raise tap.Failure(f"status {done.returncode} instead of {status}: {done.stderr}"
                              f"{done.stdout}")
        return Said(done.returncode, done.stdout, done.stderr)

    def write_entry(self, name="s" * 16, **changes):
        entry = {"version": 1, "sandbox": name, "ifname": "eth0", "boot": BOOT,
                 "namespace": "default", "pod": "web-0", "created": 1_790_000_000_000,
                 "mode": "strict", "state": "ready", **changes}
        os.makedirs(self.journal, exist_ok=True)
        with open(os.path.join(self.journal, f"{name}:eth0.json"), "w", encoding="utf-8") as file:
            json.dump({key: value for key, value in entry.items() if value is not None}, file)
        return name

    def forget(self, living):
        """As if podsg had not been there when the pod came."""
        os.unlink(os.path.join(self.journal, living.sandbox.id + ":eth0.json"))

    def everything(self):
        """All of the kernel's state that may matter, as text."""
        words = (("-d", "link"), ("rule",), ("-6", "rule"), ("route", "show", "table", "all"),
                 ("-6", "route", "show", "table", "all"))
        return "\n".join(netns.run(["ip", *one], name=self.node).stdout for one in words)

    def index(self, name):
        return json.loads(netns.run(["ip", "-j", "link", "show", name],
                                    name=self.node).stdout)[0]["ifindex"]

    def ip(self, *lines):
        netns.ip_batch(lines, self.node)

    def links(self):
        return comparer.links(self.node)

    def matches(self, living, without_entry=(), when=""):
        """The kernel and the journal are the living pods' and nobody else's."""
        journal = self.entries()
        for one in without_entry:
            check(one.sandbox.id not in journal, f"{one.sandbox.pod} has an entry")
            journal[one.sandbox.id] = {"state": "ready"}
        equal(comparer.differences(self.node, journal, living), [],
              f"what is different from the living pods' state {when}".rstrip())


def vanish(living):
    """The sandbox ends, and nobody tells a plugin."""
    living.sandbox.destroy()


def late_delete(place, chain, living):
    """DEL with an empty network namespace, when the pod object and the namespace are gone."""
    vanish(living)
    chain.delete(living.sandbox, CNI_NETNS="")


# The case of grace period 0.

def grace_period_zero(journalled):
    """A StatefulSet's next pod has the old one's name and another VLAN."""
    for mode, facts in KINDS:
        with Place() as place:
            chain = place.aws(mode) if journalled else place.unaware(mode)
            old = place.start(chain, "default/web-0", mode, vlan=3, **facts)
            entry = place.entry(old.sandbox)
            if not journalled:
                place.connect(old)
            place.ipamd.remove("default/web-0")
            facts = {key: value[:-1] + "4" for key, value in facts.items()}
            new = place.start(chain, "default/web-0", mode, vlan=5, uid="uid-new", **facts)
            other = place.start(chain, "default/web-1", mode, vlan=6, address="10.0.1.6")
            living = [new, other]
            # podsg's own DEL would leave nothing; here it never ran.
            unaware = place.unaware(mode)
            unaware.results = chain.results
            late_delete(place, unaware, old)
            check("vlan.eth.3" in place.links(), "the VPC CNI left nothing")
            if journalled:
                check(entry and place.entry(old.sandbox), "the old pod has no entry")
            before = place.everything()
            without = () if journalled else living
            dry = place.collect("--dry-run")
            equal(place.everything(), before, "the kernel after a dry run")
            said = place.collect()
            place.matches(living, without, f"{mode} {facts}")
            equal(said.things("removed"), dry.things("would-remove"), "what was announced")
            equal(said.things("failed"), [], "failures")
            again = place.collect()
            equal(again.things("removed"), [], "removed by a second run")
            equal(set(again.verdicts().values()), {"lives"}, "verdicts of a second run")
            vanish(new)
            vanish(other)
            place.collect()
            place.matches([])


def same_vlan_again():
    """The controller gives the old pod's VLAN to the next one; the device is new."""
    with Place() as place:
        chain = place.aws()
        old = place.start(chain, "default/web-0", vlan=3, address="10.0.1.3")
        vanish(old)
        new = place.start(chain, "default/api-0", vlan=3, address="10.0.1.9")
        said = place.collect()
        place.matches([new])
        equal(said.verdicts()[old.sandbox.id], "gone", "verdict of the old one")


def same_address_again():
    """An ordinary pod has the address by now, and the old pod's rule leads it astray."""
    for journalled in (True, False):
        with Place() as place:
            chain = place.aws("standard")
            old = place.start(chain, "default/web-0", "standard", vlan=3, address="10.0.1.3")
            if not journalled:
                place.forget(old)
            vanish(old)
            new = place.start(chain, "default/job-0", "standard", vlan=0, address="10.0.1.3")
            place.ip("link del vlan.eth.3")
            check(any("from 10.0.1.3 lookup 103" in line
                      for line in comparer.rules(place.node, 4)), "no rule was left")
            place.collect()
            place.matches([new])


def strict_pod_of_the_same_address_and_vlan():
    """What was a standard pod's is a strict pod's now, which has no rule of its address."""
    for journalled in (True, False):
        with Place() as place:
            old = place.start(place.aws("standard"), "default/web-0", "standard", vlan=3,
                              address="10.0.1.3")
            place.forget(old)
            vanish(old)
            chain = place.aws() if journalled else place.unaware()
            new = place.start(chain, "default/web-0", vlan=3, address="10.0.1.3")
            place.collect()
            place.matches([new], [] if journalled else [new], f"journalled: {journalled}")


def two_of_one_vlan():
    """One of them has an entry. What the other left goes in the same run."""
    with Place() as place:
        chain = place.aws("standard")
        for name, address in (("web-0", "10.0.1.3"), ("web-1", "10.0.1.4")):
            old = place.start(chain, f"default/{name}", "standard", vlan=3, address=address)
            if name == "web-0":
                place.forget(old)
            vanish(old)
        place.collect()
        place.matches([])


def living_pod_without_entry():
    """It has address and VLAN of the one that is gone, and an even older rule has its address."""
    with Place() as place:
        unaware, aware = place.unaware("standard"), place.aws("standard")
        vanish(place.start(unaware, "default/job-0", "standard", vlan=2, address="10.0.1.3"))
        place.ip("link del vlan.eth.2")
        vanish(place.start(aware, "default/web-0", "standard", vlan=3, address="10.0.1.3"))
        living = place.start(unaware, "default/web-1", "standard", vlan=3, address="10.0.1.3")
        place.collect()
        place.matches([living], [living])


# What was there before podsg.

def living_pod_beside_an_older_device():
    """A dead pod's rule leads from its address to a device that is older than its veth."""
    with Place() as place:
        chain = place.aws("standard")
        older = place.start(chain, "default/db-0", "standard", vlan=2, address="10.0.1.14")
        place.forget(older)
        vanish(older)
        old = place.start(chain, "default/web-0", "standard", vlan=5, address="10.0.1.14")
        vanish(old)
        new = place.start(place.unaware("standard"), "default/web-0", "standard", vlan=5,
                          address="10.0.1.14")
        said = place.collect()
        equal(said.verdicts()[old.sandbox.id], "gone", "verdict of the old one")
        place.matches([new], [new])


def leftovers_without_journal():
    with Place() as place:
        chain = {mode: place.unaware(mode) for mode in ("strict", "standard")}
        gone = [place.start(chain[mode], f"a/gone-{number}", mode, vlan=10 + number,
                            **{key: f"{value}{number}" for key, value in facts.items()})
                for number, (mode, facts) in enumerate(KINDS)]
        living = [place.start(chain[mode], f"a/lives-{number}", mode, vlan=20 + number,
                              **{key: f"{value}{number + 5}" for key, value in facts.items()})
                  for number, (mode, facts) in enumerate(KINDS)]
        living.append(place.start(chain["strict"], "a/ordinary", vlan=0, address="10.0.1.90"))
        place.ip(*OTHERS)
        for one in gone:
            vanish(one)
        kept = others(place)
        said = place.collect()
        differences = [line for line in comparer.differences(place.node, {}, living)
                       if "10.0.9." not in line and "iif gone0" not in line
                       and not line.startswith("not in the journal")]
        equal(differences, [], "what is different from the living pods' state")
        equal(others(place), kept, "rules of others")
        equal(said.things("failed"), [], "failures")
        check("vlan.eth.20" in said.whys() or "lives" in said.verdicts().values(),
              "does not say why the living were kept")


def others(place):
    """Every rule but those of branch interfaces."""
    return [line for family in ("-4", "-6")
            for line in netns.run(["ip", family, "rule"], name=place.node).stdout.splitlines()
            if not any(f"lookup 1{number:02}" in line for number in range(10, 24))
            and not line.startswith("512:\tfrom all to 10.0.1.")
            and "to 2001:db8::" not in line]


def all_vlans_left():
    with Place() as place:
        lines = []
        for vlan in range(1, VLANS + 1):
            lines += [f"link add vlan.eth.{vlan} type veth peer name b{vlan}",
                      f"link set vlan.eth.{vlan} up",
                      f"route add default dev vlan.eth.{vlan} table {100 + vlan}",
                      f"rule add pref 10 iif vlan.eth.{vlan} lookup {100 + vlan}",
                      f"rule add pref 10 iif vlangone{vlan} lookup {100 + vlan}",
                      f"rule add pref 512 to 10.1.1.{vlan} lookup main",
                      f"rule add pref 1536 from 10.1.1.{vlan} lookup {100 + vlan}"]
        place.ip(*lines)
        start = time.monotonic()
        said = place.collect()
        note(f"{VLANS} VLANs and their rules removed in {time.monotonic() - start - 1:.2f} s "
             "behind the second between the looks")
        place.matches([])
        equal(len(said.things("removed")), 5 * VLANS, "things removed")


def many_addresses_of_one_vlan():
    """More than one clean-up holds."""
    with Place() as place:
        place.ip(*(f"rule add pref 1536 from 10.1.1.{number} lookup 107" for number in range(30)),
                 *(f"rule add pref 512 to 10.1.1.{number} lookup main" for number in range(30)),
                 *(f"rule add pref 10 iif gone{number} lookup 107" for number in range(5)))
        place.collect()
        place.matches([])


# Two looks.

def device_made_between_the_looks():
    with Place() as place:
        place.ip("link add vlan.eth.3 type veth peer name b3")
        old = place.index("vlan.eth.3")
        timer = threading.Timer(1.0, lambda: place.ip(
            "link del vlan.eth.3", "link add vlan.eth.3 type veth peer name b3"))
        timer.start()
        said = place.collect(settle=3)
        timer.join()
        check(place.index("vlan.eth.3") != old, "the device is still the old one")
        check("it has changed meanwhile" in said.whys(), f"says only {said.whys()}")
        equal(said.things("removed"), [], "removed")


def pod_in_the_middle_of_its_add():
    """aws-cni rests between the links and the rules."""
    for mode, facts in KINDS[:2]:
        with Place() as place:
            for chain, journalled in ((place.unaware(mode), False), (place.aws(mode), True)):
                place.ipamd.put("default/web-0", vlan=3, uid="u", pause=PAUSE, **facts)
                started = []
                thread = threading.Thread(target=lambda: started.append(place.start(
                    chain, "default/web-0", mode, vlan=3, pause=PAUSE, **facts)))
                thread.start()
                tap.wait_for(lambda: "vlan.eth.3" in place.links(), "the device is there")
                place.collect(settle=PAUSE + 5)
                thread.join()
                place.matches(started, () if journalled else started, f"{mode} {facts}")
                chain.stop(started[0].sandbox)
                place.collect()
                place.matches([])


class Churn:
    """Pods of few names, VLANs and addresses come, and go in every way that there is."""

    def __init__(self, place, seed):
        self.place = place
        self.random = random.Random(seed)
        self.aware = {mode: place.aws(mode) for mode in ("strict", "standard")}
        self.unaware = {mode: place.unaware(mode) for mode in ("strict", "standard")}
        self.living = {}
        self.chains = {}
        self.leave = (self.stop, self.delete_late, self.never_delete, self.lose_entry)

    def stop(self, chain, one):
        chain.stop(one.sandbox)

    def delete_late(self, chain, one):
        unaware = self.unaware[one.mode]
        unaware.results = dict(chain.results)
        late_delete(self.place, unaware, one)

    @staticmethod
    def never_delete(_, one):
        vanish(one)

    def lose_entry(self, _, one):
        if one.sandbox.id in self.place.entries():
            self.place.forget(one)
        vanish(one)

    def free(self, values, taken):
        return self.random.choice([value for value in values if value not in taken])

    def step(self):
        name = self.random.choice(["a/web-0", "a/web-1", "a/web-2"])
        if name in self.living:
            one = self.living.pop(name)
            self.random.choice(self.leave)(self.chains.pop(name), one)
        mode = self.random.choice(["strict", "standard"])
        chain = self.random.choice([self.aware, self.unaware])[mode]
        facts = [one.facts for one in self.living.values()]
        self.living[name] = self.place.start(
            chain, name, mode, vlan=self.free(range(1, 6), [one["vlan"] for one in facts]),
            address=self.free([f"10.0.1.{number}" for number in range(11, 16)],
                              [one["address"] for one in facts]))
        self.chains[name] = chain


def collector_beside_churn():
    seed = tap.seed()
    with Place() as place:
        churn = Churn(place, seed)
        done = threading.Event()
        counts = {"runs": 0, "removed": 0}

        def collect():
            while not done.is_set():
                said = place.collect()
                counts["runs"] += 1
                counts["removed"] += len(said.things("removed"))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            collector = pool.submit(collect)
            try:
                for number in range(ROUNDS):
                    churn.step()
                    lost = [line for line in comparer.differences(
                        place.node, {}, churn.living.values()) if line.startswith("missing")]
                    equal(lost, [], f"what the living lack after {number + 1} rounds")
            finally:
                done.set()
                collector.result()
        place.collect()
        journal = dict.fromkeys((one.sandbox.id for one in churn.living.values()),
                                {"state": "ready"})
        equal(comparer.differences(place.node, {**journal, **place.entries()},
                                   list(churn.living.values())), [], "differences in the end")
        note(f"{ROUNDS} rounds beside {counts['runs']} runs, which removed {counts['removed']}")


# The journal.

def boot_clears_what_is_of_an_earlier_one():
    with Place() as place:
        chain = place.aws()
        living = place.start(chain, "default/web-0", vlan=3, address="10.0.1.3")
        for number in range(50):
            place.write_entry(f"old{number}", boot=OLD_BOOT, interface="vlanx", interfaceIndex=7,
                              vlan=3, device="vlan.eth.3", addresses=["10.0.1.3"])
        place.write_entry("dead", interface="vlanx", interfaceIndex=99999)
        place.ip("link add vlan.eth.9 type veth peer name b9")
        before = place.everything()
        start = time.monotonic()
        said = place.collect("--boot", runtimes=())
        note(f"50 entries of an earlier boot in {(time.monotonic() - start) * 1000:.0f} ms")
        equal(place.everything(), before, "the kernel after --boot")
        equal(sorted(place.entries()), sorted([living.sandbox.id, "dead"]), "the journal")
        equal(said.things("removed"), ["journal entry"] * 50, "removed")
        place.write_entry("old", boot=OLD_BOOT)
        place.collect("--boot", "--dry-run", runtimes=())
        equal(len(place.entries()), 3, "entries after a dry run")


def dead_flows_go_and_living_ones_stay():
    with Place() as place:
        chain = place.aws()
        gone = place.start(chain, "default/web-0", vlan=3, address="10.0.1.3")
        living = place.start(chain, "default/web-1", vlan=4, address="10.0.1.4")
        for one in (gone, living):
            place.connect(one)
        vanish(gone)
        place.collect("--dry-run")
        equal(comparer.flow_differences(place.node, [gone, living]), [], "flows after a dry run")
        said = place.collect()
        equal(comparer.flow_differences(place.node, [living]), [], "flows")
        check("1 conntrack entries of 10.0.1.3" in said.things("removed"), said.things("removed"))


def broken_file_is_told_and_stays():
    with Place() as place:
        gone = place.start(place.aws(), "default/web-0", vlan=3, address="10.0.1.3")
        vanish(gone)
        names = ["broken:eth0.json", "a\033[31m\n\xff:eth0.json"]
        for name in names:
            with open(os.path.join(place.journal, name), "w", encoding="utf-8") as file:
                file.write("{\"version\": 1, \"sandbox\": \"\033[31m\"")
        text = place.run().stdout
        check("\033" not in text and "broken:eth0.json" in text, repr(text))
        said = place.collect(status=1)
        equal(len(said.of("error")), 2, "errors")
        equal(sorted(name for name in os.listdir(place.journal) if name[0] != "."),
              sorted(names), "the journal")
        equal(comparer.measured(place.node), [], "the kernel")


def deleted_but_not_finished():
    """DEL could not do it, and nft-sync is away."""
    with Place() as place:
        place.ip("link add vlan.eth.3 type veth peer name b3",
                 "rule add pref 10 iif vlan.eth.3 lookup 103")
        place.write_entry(state="gone", left="it was late", vlan=3, device="vlan.eth.3",
                          deviceIndex=place.index("vlan.eth.3"))
        said = place.collect()
        place.matches([])
        check("it was late" in said.whys(), said.whys())


def doubtful_ones_are_kept():
    with Place() as place:
        netns.run(["ip", "netns", "add", f"{netns.own_prefix('s')}-doubt"])
        path = netns.path(f"{netns.own_prefix('s')}-doubt")
        stale = place.path("stale")
        open(stale, "w", encoding="utf-8").close()
        lost = {"interface": "vlanx", "interfaceIndex": 99999}
        place.write_entry("there", netns=path, **lost)
        place.write_entry("unknown")
        place.write_entry("unmounted", netns=stale, **lost)
        place.write_entry("absent", netns="/nonexistent", **lost)
        place.write_entry("process", netns=f"/proc/{os.getpid()}/ns/net", **lost)
        place.write_entry("hosts", netns=netns.path(place.node), **lost)
        said = place.collect()
        equal(said.verdicts(), {"there": "doubtful", "unknown": "doubtful", "unmounted": "gone",
                                "absent": "gone", "process": "gone", "hosts": "gone"}, "verdicts")
        equal(sorted(place.entries()), ["there", "unknown"], "the journal")


def locked_journal_is_not_touched():
    with Place() as place:
        gone = place.start(place.aws(), "default/web-0", vlan=3, address="10.0.1.3")
        vanish(gone)
        before = place.everything()
        with open(os.path.join(place.journal, ".lock"), "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            said = place.collect(status=1)
        equal(place.everything(), before, "the kernel")
        check("held by somebody else" in said.whys(), said.whys())
        place.collect()
        place.matches([])


@contextlib.contextmanager
def opens_of(path):
    """A function that says whether anybody has opened the file since."""
    watch = netns.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    check(netns.libc.inotify_add_watch(watch, path.encode(), IN_OPEN) >= 0, "no watch")
    try:
        yield lambda: bool(select.select([watch], [], [], 0)[0])
    finally:
        os.close(watch)


def entry_written_anew_is_kept():
    """By an ADD of the same sandbox that came between the look and the lock."""
    with Place() as place:
        name = place.write_entry(interface="vlanx", interfaceIndex=99999, created=1)
        with open(os.path.join(place.journal, ".lock"), "ab") as file, \
                opens_of(file.name) as opened:
            fcntl.flock(file, fcntl.LOCK_EX)
            argv = [PROGRAM, "host", "--journal", place.journal, "-o", "json", "--cri",
                    "/nonexistent", "--settle", "1"]
            with netns.entered(place.node):
                process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
            wait_for(opened, "it wants the lock")
            place.write_entry(name, interface="vlanx", interfaceIndex=99999, created=2)
        out, _ = process.communicate(timeout=PATIENCE)
        said = Said(process.returncode, out, "")
        equal(said.status, 0, "status")
        check("it was written anew" in said.whys(), said.whys())
        equal(list(place.entries()), [name], "the journal")


def read_only_journal():
    """The kernel is cleaned up all the same."""
    with Place() as place:
        gone = place.start(place.aws(), "default/web-0", vlan=3, address="10.0.1.3")
        vanish(gone)
        said = place.collect(status=1, prefix=["unshare", "--mount", "sh", "-c",
                                               f"mount --bind {place.journal} {place.journal} && "
                                               f"mount -o remount,bind,ro {place.journal} && "
                                               'exec "$@"', "sh"])
        equal(comparer.measured(place.node), [], "the kernel")
        equal(list(place.entries()), [gone.sandbox.id], "the journal")
        check("Read-only" in said.whys(), said.whys())
        place.collect()
        place.matches([])


def blind():
    with Place() as place:
        open(place.path("file"), "w", encoding="utf-8").close()
        place.ip("link add vlan.eth.3 type veth peer name b3")
        done = place.run("--journal", place.path("file"))
        equal(done.returncode, 3, "status")
        check("Not a directory" in done.stderr, done.stderr)
        check("vlan.eth.3" in place.links(), "the device is gone")


# The rule of table local.

def node_that_answers_nobody():
    with Place() as place:
        for family in ("-4", "-6"):
            netns.run(["ip", family, "rule", "del", "pref", "0"], name=place.node)
        dry = place.collect("--dry-run", status=1)
        equal(len(dry.of("error")), 2, "errors of a dry run")
        equal(local_rules(place), [[], []], "after a dry run")
        said = place.collect(status=1)
        check("Rule 20 was added" in said.texts("error"), said.texts("error"))
        equal(local_rules(place), [["20:"], ["20:"]], "priorities")
        equal(place.collect().of("error"), [], "errors of a second run")


def local_rules(place):
    return [[line.split()[0] for line in
             netns.run(["ip", family, "rule"], name=place.node).stdout.splitlines()
             if line.endswith("lookup local")] for family in ("-4", "-6")]


def local_rule_is_where_somebody_put_it():
    """With conditions it does not count."""
    with Place() as place:
        place.ip("rule add pref 32000 lookup local", "rule del pref 0",
                 "-6 rule add pref 0 from fe80:ec2::1 lookup local",
                 "-6 rule add pref 20 lookup local", "-6 rule del pref 0 from all")
        place.collect()
        place.ip("rule add pref 5 fwmark 1 lookup local", "rule add pref 6 iif lo lookup local",
                 "rule del pref 32000")
        place.collect(status=1)
        equal(local_rules(place)[0], ["5:", "6:", "20:"], "priorities")


# Runtimes.

def runtime_that_lies():
    """Whatever it says: what its list says counts if the list is whole."""
    ready = cri.sandbox("s" * 16)
    dead = cri.sandbox("s" * 16, ready=False)
    cases = [
        ("ready", "doubtful", "is ready, but its interface", [cri.answer(ready)]),
        ("not ready", "gone", "not ready", [cri.answer(dead)]),
        ("unknown", "gone", "does not know", [cri.answer(cri.sandbox("other"))]),
        ("empty list", "gone", "does not know", [cri.answer(b"")]),
        ("v1alpha2", "gone", "not ready", [cri.UNKNOWN_SERVICE, cri.answer(dead)]),
        ("no CRI", "doubtful", "gRPC status 12: unknown service", [cri.UNKNOWN_SERVICE]),
        ("status", "doubtful", "status 14: lost?[31m?", [cri.refusal(14, "lost%1b%5b31m%0a")]),
        ("status behind a list", "doubtful", "status 4: late",
         [cri.head() + cri.data(cri.frame(dead)) + cri.trailers(4, "late")]),
        ("no status", "doubtful", "ends without grpc-status",
         [cri.head() + cri.data(cri.frame(dead)) + cri.http2(cri.DATA, cri.END_STREAM, b"", 1)]),
        ("a page", "doubtful", "only a page", [cri.answer(dead + cri.field(2, "next"))]),
        ("no message", "doubtful", "has no message", [cri.head() + cri.trailers()]),
        ("two messages", "doubtful", "announced",
         [cri.head() + cri.data(cri.frame(dead) + cri.frame(b"")) + cri.trailers()]),
        ("longer than it is", "doubtful", "announced", [cri.answer(dead, length=0xffffffff)]),
        ("compressed", "doubtful", "compressed", [cri.answer(dead, compressed=1)]),
        ("17 MiB", "doubtful", "exceeds", [cri.answer(bytes(17 << 20))]),
        ("20,000 sandboxes", "doubtful", "more than",
         [cri.answer(b"".join(cri.sandbox(f"{number:064x}") for number in range(20000)))]),
        ("no protobuf", "doubtful", "not a list", [cri.answer(b"\xff\xff")]),
        ("no id", "doubtful", "an id that is none", [cri.answer(cri.sandbox("a/b"))]),
        ("HTTP 503", "doubtful", "HTTP status 503", [cri.head(503) + cri.trailers()]),
        ("HTTP/1", "doubtful", "runtime ignored", [b"HTTP/1.1 400 Bad\r\n\r\ncut"]),
        ("cut", "doubtful", "runtime ignored",
         [cri.head() + cri.data(cri.frame(dead)) + b"cut"]),
        ("hangs", "doubtful", "no answer in time", [None]),
    ]
    with Place() as place:
        name = f"{netns.own_prefix('s')}-liar"
        netns.run(["ip", "netns", "add", name])
        entry = place.write_entry(netns=netns.path(name), interface="vlanx", interfaceIndex=99999)
        for what, verdict, why, answers in cases:
            with cri.Liar(place.path("s"), *answers):
                said = place.collect("--dry-run", runtimes=["unix://" + place.path("s")])
            equal(said.verdicts(), {entry: verdict}, what)
            said_all = said.whys() + said.texts("note")
            check(why in said_all, f"{what}: {said_all}")


def two_runtimes():
    """What the one does not know may be the other's."""
    with Place() as place:
        name = f"{netns.own_prefix('s')}-two"
        netns.run(["ip", "netns", "add", name])
        entry = place.write_entry(netns=netns.path(name), interface="vlanx", interfaceIndex=99999)
        paths = [place.path("a"), place.path("b")]
        with cri.Liar(paths[0], cri.answer(b"")), \
                cri.Liar(paths[1], cri.answer(cri.sandbox(entry))) as second:
            equal(place.collect("--dry-run", runtimes=paths).verdicts(), {entry: "doubtful"},
                  "known to the second")
            second.answers = [cri.refusal(14)]
            equal(place.collect("--dry-run", runtimes=paths).verdicts(), {entry: "doubtful"},
                  "the second does not answer")
            second.answers = [cri.answer(b"")]
            equal(place.collect("--dry-run", runtimes=paths).verdicts(), {entry: "gone"},
                  "known to neither")


def living_pod_that_the_runtime_denies():
    with Place() as place:
        living = place.start(place.aws(), "default/web-0", vlan=3, address="10.0.1.3")
        for answer in (cri.answer(b""), cri.answer(cri.sandbox(living.sandbox.id, ready=False))):
            with cri.Liar(place.path("s"), answer):
                said = place.collect(runtimes=[place.path("s")])
            equal(said.verdicts(), {living.sandbox.id: "doubtful"}, "verdict")
            place.matches([living])


def real_containerd():
    """Sandboxes of its own making, in its own words; then it dies without a word to any plugin."""
    with Place(timeout="1s", policy="ignore") as place, runtime.Machine(place.node) as machine:
        place.daemon.stop()
        containerd = runtime.Containerd(machine, cri=True)
        machine.install(pods.PODSG_CNI)
        machine.write_conflist(runtime.conflist(
            runtime.ptp(runtime.host_local("10.0.1.10", "10.0.1.20")), place.ours()))
        containerd.start()
        containerd.import_image()
        client = cri.Runtime(machine.inside("/run/containerd/containerd.sock"),
                             f"/{machine.cgroup}")
        asked = {"runtimes": [client.path]}
        equal(place.collect(**asked).verdicts(), {}, "an empty node")
        ids = [client.run(f"web-{number}") for number in range(2)]
        equal(sorted(place.entries()), sorted(ids), "the journal")
        said = place.collect(**asked)
        equal(said.verdicts(), dict.fromkeys(ids, "lives"), "verdicts")
        check("the runtime says that the sandbox is ready" in said.whys(), said.whys())
        host = client.run("host", cri.HOST_NETWORK)
        place.write_entry(host, interface="vlanx", interfaceIndex=99999)
        equal(place.collect(**asked).verdicts()[host], "doubtful", "an entry of a ready sandbox")
        client.stop(host)
        equal(place.collect(**asked).verdicts()[host], "gone", "an entry of a stopped sandbox")
        equal(sorted(place.entries()), sorted(ids), "the journal")
        die_without_a_word(place, machine, containerd, ids)


def die_without_a_word(place, machine, containerd, ids):
    """What containerd#12923 describes: ADD ran, and DEL is never sent."""
    entries = place.entries()
    containerd.service.kill()
    for entry in entries.values():
        netns.run(["ip", "link", "del", entry["interface"]], name=place.node)
        machine.run(["umount", entry["netns"]], check=False)
    said = place.collect()
    equal(said.verdicts(), dict.fromkeys(ids, "gone"), "verdicts")
    equal(place.entries(), {}, "the journal")


# The API server.

def pod(name, vlan, phase="Running", node=NODE_NAME, annotation=None):
    eni = json.dumps([{"eniId": "eni-1", "ifAddress": "02:00:00:00:00:01", "ipv6Addr": "",
                       "privateIp": "10.0.0.9", "vlanId": vlan, "subnetCidr": "10.0.0.0/24",
                       "subnetV6Cidr": "", "associationID": "a"}])
    return {"metadata": {"name": name, "namespace": "shop", "uid": "uid-" + name,
                         "annotations": {"vpc.amazonaws.com/pod-eni": annotation or eni}},
            "spec": {"nodeName": node, "containers": []},
            "status": {"phase": phase, "podIPs": [{"ip": "10.0.0.9"}]}}


@contextlib.contextmanager
def api_server(place):
    """Reached in the node's network namespace."""
    with netns.entered(place.node):
        api = fake.FakeApi()
    kubeconfig = place.path("kubeconfig")
    with open(kubeconfig, "w", encoding="utf-8") as file:
        json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "c",
                   "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                   "clusters": [{"name": "c", "cluster": {"server": api.url}}],
                   "users": [{"name": "u", "user": {}}]}, file)
    with open(place.path("podsg.yaml"), "w", encoding="utf-8") as file:
        json.dump({"version": 1, "node": {"name": NODE_NAME},
                   "sources": {"kubernetes": {"kubeconfig": kubeconfig}},
                   "hooks": {"journal": place.journal}}, file)
    try:
        yield api
    finally:
        api.stop()


def api_server_names_a_vlan():
    with Place() as place, api_server(place) as api:
        for vlan in range(3, 8):
            place.ip(f"link add vlan.eth.{vlan} type veth peer name b{vlan}")
        place.ip("rule add pref 10 iif vlangone lookup 103")
        api.put(fake.PODS, pod("runs", 3))
        api.put(fake.PODS, pod("done", 4, phase="Succeeded"))
        api.put(fake.PODS, pod("elsewhere", 5, node="node-b"))
        api.put(fake.PODS, pod("broken", 6, annotation="[{"))
        said = place.collect()
        equal([link for link in place.links() if link.startswith("vlan.")], ["vlan.eth.3"],
              "devices")
        equal([line for line in comparer.rules(place.node, 4) if "rule 10 " in line], [], "rules")
        check("the API server says that shop/runs has VLAN 3" in said.whys(), said.whys())
        check("1 pods could not be understood" in said.texts("note"), said.texts("note"))
        api.delete(fake.PODS, "shop/runs")
        place.collect()
        place.matches([])


def api_server_that_fails():
    def refuse(request):
        request.fail(500, "InternalError", "it is tired")
        return True

    def hang(request):
        time.sleep(8)
        return False

    def break_off(request):
        request.begin_stream()
        request.chunk(b'{"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [{}')
        request.cut()
        return True
    with Place() as place, api_server(place) as api:
        for lie, why in ((refuse, "tired"), (hang, "no list of pods in 5 s"),
                         (break_off, "API server ignored")):
            place.ip("link add vlan.eth.3 type veth peer name b3")
            api.put(fake.PODS, pod("first", 8))
            api.put(fake.PODS, pod("second", 3))
            api.lie(fake.PODS, lie)
            said = place.collect()
            check(why in said.texts("note"), said.texts("note"))
            # The kernel, twice, says that it is nobody's.
            equal(said.things("removed"), ["link vlan.eth.3"], "removed")


# The command line.

def command_lines():
    cases = [(["--settle", "0"], 2, "1 to 300"), (["--settle", "301"], 2, "1 to 300"),
             (["--settle", "-1"], 2, "1 to 300"), (["--settle", "5x"], 2, "1 to 300"),
             (["--cri", "tcp://1.2.3.4"], 2, "unix:///PATH"), (["--cri", "/" + "x" * 108], 2, "longer"),
             (["--cri", "/a"] * 9, 2, "at most 8"), (["-o", "yaml"], 2, "expected json"),
             (["--nonsense"], 2, "Usage"), (["more"], 2, "more: unexpected"),
             (["--config", "/nonexistent"], 2, "nonexistent")]
    for words, status, said in cases:
        done = subprocess.run([PROGRAM, "host", *words], capture_output=True, text=True)
        equal(done.returncode, status, f"status of {words}")
        check(said in done.stderr, f"{words}: {done.stderr}")
    done = subprocess.run([PROGRAM, "host", "--help"], capture_output=True, text=True)
    equal((done.returncode, done.stderr), (0, ""), "--help")
    check(done.stdout.startswith("Usage: podsg-eni-gc host"), done.stdout)


def text_for_people():
    with Place() as place:
        chain = place.aws()
        living = place.start(chain, "default/web-1", vlan=4, address="10.0.1.4")
        vanish(place.start(chain, "default/web-0", vlan=3, address="10.0.1.3"))
        plain = place.run("--dry-run").stdout
        check("default/web-0 eth0 (sandbox " in plain and ", vlan 3): gone: " in plain, plain)
        check("\n  would remove  link vlan.eth.3\n" in plain, plain)
        check("\033" not in plain, "colours in a file")
        check("\033[" in on_terminal(place), "no colours on a terminal")
        check("\033[" not in on_terminal(place, NO_COLOR="1"), "colours against NO_COLOR")
        quiet = place.run("--quiet").stdout
        check("web-0" in quiet and "web-1" not in quiet, quiet)
        place.collect()
        with cri.Liar(place.path("s"), cri.answer(cri.sandbox(living.sandbox.id))):
            equal(place.run("--quiet", runtimes=[place.path("s")]).stdout, "",
                  "said where nothing is to be done")


def on_terminal(place, **environment):
    master, slave = pty.openpty()
    with os.fdopen(master, "rb", buffering=0) as screen:
        argv = netns.command_in(place.node, [
            PROGRAM, "host", "--dry-run", "--journal", place.journal, "--cri", "/nonexistent"])
        subprocess.run(argv, stdout=slave, stderr=subprocess.DEVNULL, timeout=PATIENCE,
                       env={**os.environ, **environment})
        os.close(slave)
        shown = b""
        with contextlib.suppress(OSError):
            while part := screen.read(65536):
                shown += part
    return shown.decode()


CASES = (
    ("grace period 0, from the journal: the old pod's things go, the new pod's stay",
     grace_period_zero, True),
    ("grace period 0, without a journal: likewise", grace_period_zero, False),
    ("the old pod's VLAN is a newer pod's", same_vlan_again),
    ("the old pod's address is an ordinary pod's", same_address_again),
    ("address and VLAN of the old pod are a strict pod's", strict_pod_of_the_same_address_and_vlan),
    ("a pod without an entry, and an older device", living_pod_beside_an_older_device),
    ("two old pods of one VLAN, one without an entry", two_of_one_vlan),
    ("a living pod of which the journal does not know keeps what it has", living_pod_without_entry),
    ("what was there before podsg goes, what lives and what is others' stays",
     leftovers_without_journal),
    (f"{VLANS} VLANs are left", all_vlans_left),
    ("a VLAN with more addresses than one clean-up holds", many_addresses_of_one_vlan),
    ("a device that is made between the looks is kept", device_made_between_the_looks),
    ("a pod in the middle of its ADD is not harmed", pod_in_the_middle_of_its_add),
    ("pods come and go beside it: none lacks anything, nothing is left", collector_beside_churn),
    ("--boot: entries of an earlier boot go, and nothing else",
     boot_clears_what_is_of_an_earlier_one),
    ("flows of the gone go, those of others stay", dead_flows_go_and_living_ones_stay),
    ("a broken file is told of, and stays", broken_file_is_told_and_stays),
    ("what DEL has left is finished", deleted_but_not_finished),
    ("what may live is kept, whatever its network namespace is called", doubtful_ones_are_kept),
    ("who cannot get the lock does nothing", locked_journal_is_not_touched),
    ("an entry that was written anew is kept", entry_written_anew_is_kept),
    ("a read-only journal", read_only_journal),
    ("a journal that cannot be read: nothing is done", blind),
    ("a node without the rule of table local gets it back", node_that_answers_nobody),
    ("the rule of table local may be anywhere, without conditions",
     local_rule_is_where_somebody_put_it),
    ("a runtime that lies", runtime_that_lies),
    ("two runtimes", two_runtimes),
    ("a pod that the runtime denies lives", living_pod_that_the_runtime_denies),
    ("a real containerd", real_containerd),
    ("the API server names a VLAN", api_server_names_a_vlan),
    ("an API server that fails", api_server_that_fails),
    ("command lines", command_lines),
    ("text for people", text_for_people),
)


def main():
    tap.need_kernel()
    for reason in (pods.missing(), missing(), runtime.need("containerd", "runc", "curl")()):
        if reason:
            tap.skip(reason)
    program = tap.Program()
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    for name, function, *arguments in CASES:
        if wanted in name:
            program.case(name, function, *arguments)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
