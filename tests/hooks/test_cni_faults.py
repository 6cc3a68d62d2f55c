#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
podsg-cni when things go wrong: killed at every step, a journal that is full, read-only, broken or
locked, a DEL that comes late, twice, or knows nothing. After each, the kernel and the journal hold
exactly what the living pods have.
"""

import collections
import contextlib
import fcntl
import itertools
import json
import os
import random
import re
import shutil
import sys
import threading
import time

import pods
from cni_setting import Setting
from lab import netns, tap
from lab.tap import check, equal, note
from pods import AGAIN, CniError

IO_FAILURE = 5
TRACED = {"ASAN_OPTIONS": "detect_leaks=0"}  # LeakSanitizer wants to be the tracer itself
# Between two of these, nothing that others can see has changed.
STEPS = ("openat", "write", "fsync", "rename", "renameat", "renameat2", "unlink", "unlinkat",
         "mkdir", "flock", "close", "connect", "sendto", "sendmsg", "recvfrom", "recvmsg",
         "utimensat", "socket", "setns", "poll")
KINDS = (("strict", {"address": "10.0.1.3"}), ("standard", {"address": "10.0.1.3"}),
         ("strict", {"address6": "2001:db8::3"}), ("standard", {"address6": "2001:db8::3"}))


def start_pair(setting, chain, mode, **facts):
    """One that will go and one that must not notice."""
    gone = setting.start(chain, "a/web-0", mode, vlan=3, **facts)
    stays = setting.start(chain, "a/web-1", mode, vlan=4, address="10.0.1.4")
    return gone, stays


def remove_entry(setting, sandbox):
    for name in os.listdir(setting.journal):
        if name.startswith(sandbox.id):
            os.unlink(os.path.join(setting.journal, name))


# DEL, whatever it knows.

def deleted_with(setting, mode, facts, known):
    with_netns, with_result, with_entry, with_daemon = known
    chain = setting.aws(mode)
    gone, stays = start_pair(setting, chain, mode, **facts)
    # Without anything of ours, the VPC CNI has to do it: it asks for the pod.
    if with_entry or with_result:
        setting.ipamd.remove(gone.sandbox.pod)
    if not with_entry:
        remove_entry(setting, gone.sandbox)
    if not with_daemon:
        setting.daemon.stop()
    if not with_netns:
        gone.sandbox.destroy()
    changes = {} if with_netns else {"CNI_NETNS": ""}
    chain.delete(gone.sandbox, previous=with_result, **changes)
    gone.sandbox.destroy()
    setting.compare([stays], f"{mode} {facts} {known}")
    chain.delete(gone.sandbox, previous=with_result, CNI_NETNS=None)
    setting.compare([stays], f"{mode} {facts} {known}, again")
    if not with_daemon:
        setting.daemon.start()
    chain.stop(stays.sandbox)
    setting.compare([], f"{mode} {facts} {known}, in the end")


def delete_knows_much_or_little(mode, facts):
    with Setting() as setting:
        for known in itertools.product((True, False), repeat=4):
            deleted_with(setting, mode, facts, known)


def delete_of_nothing():
    """Of a sandbox that nobody has ever seen, by every kind of call."""
    with Setting() as setting:
        chain = setting.aws()
        stays = setting.start(chain, "a/web-1", vlan=4, address="10.0.1.4")
        ours = chain.ours()
        stranger = pods.Sandbox("a/web-0", "x")
        environment = chain.environment("DEL", stranger)
        for conf in (chain.conf(ours), chain.conf(ours, []), chain.conf(ours, {"ips": 3}),
                     {**chain.conf(ours), "cniVersion": "7.0.0"}, b"{", b"",
                     {**chain.conf(ours), "config": "/nonexistent"}):
            chain.call(ours, environment, conf)
        for change in ({"CNI_CONTAINERID": "../x"}, {"CNI_IFNAME": "a/b"}, {"CNI_ARGS": "x;=;;K8S"},
                       {"CNI_NETNS": "/" * 5000}, {"CNI_ARGS": "K8S_POD_NAME=" + "p" * 9999}):
            chain.call(ours, {**environment, **change}, chain.conf(ours))
        setting.compare([stays])


def a_late_delete_spares_the_newer_pod(same_vlan):
    """terminationGracePeriodSeconds 0 of a StatefulSet's pod: the next one is there before DEL."""
    def case():
        with Setting() as setting:
            for mode, facts in KINDS:
                chain = setting.aws(mode)
                old = setting.start(chain, "a/web-0", mode, vlan=3, **facts)
                old.sandbox.destroy()
                setting.ipamd.remove("a/web-0")
                other = ({"address": "10.0.1.9"} if "address" in facts
                         else {"address6": "2001:db8::9"})
                new = setting.start(chain, "a/web-0", mode, vlan=3 if same_vlan else 5,
                                    **(facts if same_vlan else other))
                chain.delete(old.sandbox, CNI_NETNS="")
                setting.compare([new], f"{mode} {facts}")
                chain.stop(new.sandbox)
                setting.compare([])
    return case


def delete_beside_an_add_of_that_name(rounds=12):
    with Setting(tag="r") as setting:
        rng = random.Random(tap.seed())
        for number in range(rounds):
            mode, facts = KINDS[number % 4]
            chain = setting.aws(mode)
            old = setting.start(chain, "a/web-0", mode, vlan=3, **facts)
            old.sandbox.destroy()
            vlan = rng.choice((3, 5))
            failed = []

            def delete():
                time.sleep(rng.random() * 0.15)
                try:
                    chain.delete(old.sandbox, CNI_NETNS="")
                except CniError as error:
                    failed.append(error)
            thread = threading.Thread(target=delete)
            thread.start()
            new = setting.start(chain, "a/web-0", mode, vlan=vlan, pause=rng.random() * 0.05,
                                **facts)
            thread.join()
            equal(failed, [], "DEL")
            setting.compare([new], f"round {number}, {mode}, VLAN {vlan}")
            chain.stop(new.sandbox)
            setting.compare([])


# Killed.

def steps_of(setting, chain, environment, conf):
    """(system call, how often) of a run that nobody disturbs."""
    trace = setting.path("trace")
    chain.prefix = ["strace", "-qq", "-o", trace, "-e", "trace=" + ",".join(STEPS)]
    chain.call(chain.ours(), environment, conf)
    chain.prefix = []
    with open(trace, encoding="utf-8", errors="replace") as file:
        lines = [match.group(1) for match in map(re.compile(r"(\w+)\(").match, file) if match]
    # The loader's are all alike: the first step is the one that opens the configuration.
    with open(trace, encoding="utf-8", errors="replace") as file:
        begun = next(number for number, line in enumerate(file) if "podsg.yaml" in line)
    counts = collections.Counter(lines)
    before = collections.Counter(lines[:begun])
    return [(name, number) for name, count in counts.items()
            for number in range(before[name] + 1, count + 1)]


def killed_at(setting, chain, step, environment, conf):
    name, number = step
    chain.prefix = ["strace", "-qq", "-o", "/dev/null", "-e",
                    f"inject={name}:signal=KILL:when={number}"]
    try:
        chain.call(chain.ours(), environment, conf)
    except CniError as error:
        check(error.status in (-9, 137), f"{step}: {error}")
        return True
    finally:
        chain.prefix = []
    return False


def add_is_killed():
    """What is found afterwards is a whole entry or none, and DEL removes it."""
    with Setting() as setting:
        chain = setting.aws()
        stays = setting.start(chain, "a/web-1", vlan=4, address="10.0.1.4")
        setting.ipamd.put("a/web-0", vlan=3, address="10.0.1.3")
        sandbox = pods.Sandbox("a/web-0", "x").create()
        first, ours = chain.plugins
        environment = chain.environment("ADD", sandbox, **TRACED)

        def attach():
            result = json.loads(chain.call(first, environment, chain.conf(first)))
            return chain.conf(ours, result)
        conf = attach()
        steps = steps_of(setting, chain, environment, conf)
        writes = [name for name, _ in steps if name == "fsync" or name.startswith("rename")]
        check(writes[:1] == ["fsync"] and len(writes) > 1, f"synced, then renamed: {writes}")
        killed = 0
        for step in steps:
            killed += killed_at(setting, chain, step, environment, conf)
            entry = setting.entry(sandbox)
            check(sandbox.id not in setting.entries() or entry["state"] in ("adding", "ready"),
                  f"{step}: {entry}")
            chain.call(ours, chain.environment("DEL", sandbox), conf)
            check(not setting.entry(sandbox), f"{step}: left in the journal")
            conf = attach()
        note(f"{killed} of {len(steps)} steps were the last one")
        check(killed > 40 and killed > len(steps) * 0.9, f"{killed} of {len(steps)} killed")
        chain.stop(sandbox)
        setting.compare([stays])


def delete_is_killed():
    """The next DEL, or GC, finishes what was begun."""
    with Setting() as setting:
        chain = setting.aws(version="1.1.0")
        ours = chain.ours()
        stays = setting.start(chain, "a/web-1", vlan=4, address="10.0.1.4")

        def start():
            living = setting.start(chain, "a/web-0", vlan=3, address="10.0.1.3")
            living.sandbox.destroy()
            sandbox = living.sandbox
            return (sandbox, chain.environment("DEL", sandbox, CNI_NETNS="", **TRACED),
                    chain.conf(ours))
        steps = steps_of(setting, chain, *start()[1:])
        killed = 0
        for number, step in enumerate(steps):
            sandbox, environment, conf = start()
            killed += killed_at(setting, chain, step, environment, conf)
            if number % 2:
                chain.collect([stays.sandbox])
            else:
                chain.call(ours, environment, conf)
            setting.compare([stays], f"after a kill at {step}")
        note(f"{killed} of {len(steps)} steps were the last one")
        check(killed > 40 and killed > len(steps) * 0.9, f"{killed} of {len(steps)} killed")


# The journal.

@contextlib.contextmanager
def small_file_system(setting, options):
    path = setting.path("small")
    os.mkdir(path)
    netns.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path])
    setting.journal = os.path.join(path, "journal")
    setting.configure()
    try:
        yield path
    finally:
        netns.run(["umount", "-l", path])


def refused(setting, chain, reason):
    """By policy fail ADD fails, by ignore it goes on and says so."""
    setting.ipamd.put("a/new", vlan=9, address="10.0.1.9")
    sandbox = pods.Sandbox("a/new", "n")
    try:
        chain.run(sandbox)
    except CniError as error:
        equal(error.code, IO_FAILURE, "code")
        check(reason in error.details, str(error))
    else:
        raise tap.Failure("ADD went through without a journal")
    setting.configure(failurePolicy="ignore")
    chain.run(sandbox)
    check(reason in chain.stderr, chain.stderr)
    chain.stop(sandbox)
    setting.configure()


def a_full_disk():
    with Setting() as setting, small_file_system(setting, "size=64k,nr_inodes=64") as path:
        chain = setting.aws()
        gone, stays = start_pair(setting, chain, "strict", address="10.0.1.3")
        with contextlib.suppress(OSError), open(os.path.join(path, "filler"), "wb", 0) as file:
            while True:
                file.write(bytes(4096))
        refused(setting, chain, "No space left")
        setting.compare([gone, stays])
        chain.stop(gone.sandbox)
        setting.compare([stays], "after DEL on the full disk")
        os.unlink(os.path.join(path, "filler"))
        chain.stop(stays.sandbox)
        setting.compare([])


def a_read_only_disk():
    with Setting() as setting, small_file_system(setting, "size=256k") as path:
        chain = setting.aws(version="1.1.0")
        gone, stays = start_pair(setting, chain, "strict", address="10.0.1.3")
        netns.run(["mount", "-o", "remount,ro", path])
        refused(setting, chain, "Read-only")
        chain.stop(gone.sandbox)
        check("Read-only" in chain.stderr, chain.stderr)
        check(gone.sandbox.id in setting.entries(), "the entry is gone from a read-only disk")
        netns.run(["mount", "-o", "remount,rw", path])
        chain.collect([stays.sandbox])
        setting.compare([stays], "once it can be written again")


def no_journal_directory():
    """Made where it is missing; where it cannot be made, ADD says so and DEL does what it can."""
    with Setting() as setting:
        setting.journal = setting.path("deep/er/journal")
        setting.configure()
        chain = setting.aws()
        gone = setting.start(chain, "a/web-0", vlan=3, address="10.0.1.3")
        setting.compare([gone])
        shutil.rmtree(setting.path("deep"))
        with open(setting.path("deep"), "w", encoding="utf-8"):
            pass
        chain.stop(gone.sandbox)
        setting.compare([])
        refused(setting, chain, "Not a directory")


def broken_entries():
    with Setting() as setting:
        chain = setting.aws(version="1.1.0")
        texts = ["", "{", "null", "[]", '{"version":2}', "\0" * 4096, "x" * (1 << 20)]
        for text in texts:
            gone, stays = start_pair(setting, chain, "strict", address="10.0.1.3")
            path = next(os.path.join(setting.journal, name) for name in os.listdir(setting.journal)
                        if name.startswith(gone.sandbox.id))
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            gone.sandbox.destroy()
            chain.collect([stays.sandbox])
            check(os.path.exists(path), "GC has removed what it could not read")
            check("journal-not-read" in chain.stderr, chain.stderr)
            chain.delete(gone.sandbox, CNI_NETNS="")
            setting.compare([stays], f"after DEL with {text[:20]!r} in the journal")
            chain.stop(stays.sandbox)


def a_read_amid_an_update():
    """A state changes in place: who reads meanwhile, without the lock, may get half of each."""
    with Setting() as setting:
        chain = setting.aws()
        gone, stays = start_pair(setting, chain, "strict", address="10.0.1.3")
        path = next(os.path.join(setting.journal, name) for name in os.listdir(setting.journal)
                    if name.startswith(gone.sandbox.id))
        gone.sandbox.destroy()
        setting.ipamd.remove(gone.sandbox.pod)
        chain.prefix = ["strace", "-qq", "-o", "/dev/null", "-P", path, "-e", "trace=read", "-e",
                        "inject=read:poke_exit=@arg2=7a7a7a7a:when=1"]
        chain.delete(gone.sandbox, previous=False, CNI_NETNS="", **TRACED)
        check("journal-not-read" not in chain.stderr, chain.stderr)
        setting.compare([stays])


def somebody_holds_the_lock():
    """DEL leaves its work to nft-sync, ADD is tried again; neither waits for ever."""
    with Setting(timeout="1s") as setting:
        chain = setting.aws(version="1.1.0")
        gone, stays = start_pair(setting, chain, "strict", address="10.0.1.3")
        with open(os.path.join(setting.journal, ".lock"), encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            gone.sandbox.destroy()
            start = time.monotonic()
            chain.delete(gone.sandbox, CNI_NETNS="")
            check(time.monotonic() - start < 60, "DEL waits")
            entry = setting.entry(gone.sandbox)
            equal((entry["state"], bool(entry["left"])), ("gone", True), "entry")
            setting.ipamd.put("a/new", vlan=9, address="10.0.1.9")
            with contextlib.ExitStack() as stack:
                sandbox = pods.Sandbox("a/new", "n").create()
                stack.callback(sandbox.destroy)
                try:
                    chain.add(sandbox)
                except CniError as error:
                    equal(error.code, AGAIN, "code")
                else:
                    raise tap.Failure("ADD went through without the lock")
        chain.stop(sandbox, previous=False)
        chain.collect([stays.sandbox])
        setting.compare([stays])


CASES = [
    *((f"DEL knows much or little: {mode}, {list(facts)[0]}",
       lambda mode=mode, facts=facts: delete_knows_much_or_little(mode, facts))
      for mode, facts in KINDS),
    ("DEL of nothing", delete_of_nothing),
    ("a late DEL, the newer pod of that name has another VLAN",
     a_late_delete_spares_the_newer_pod(False)),
    ("a late DEL, the newer pod of that name has the same VLAN and address",
     a_late_delete_spares_the_newer_pod(True)),
    ("DEL beside an ADD of that name", delete_beside_an_add_of_that_name),
    ("ADD is killed at every step", add_is_killed),
    ("DEL is killed at every step", delete_is_killed),
    ("a full disk", a_full_disk),
    ("a read-only disk", a_read_only_disk),
    ("no directory for the journal", no_journal_directory),
    ("broken entries in the journal", broken_entries),
    ("a read of an entry amid its update", a_read_amid_an_update),
    ("somebody holds the journal's lock", somebody_holds_the_lock),
]


def main():
    tap.need_kernel()
    reason = pods.missing()
    if reason or not shutil.which("strace"):
        tap.skip(reason or "strace is not installed")
    program = tap.Program()
    only = sys.argv[1:]
    for name, function in CASES:
        if not only or any(word in name for word in only):
            program.case(name, function)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
