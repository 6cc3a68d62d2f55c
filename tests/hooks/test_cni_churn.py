#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
Pods that come and go under the same names, with addresses and VLANs of those before them, and a
hundred at once. After each round the kernel and the journal hold what the living pods have, and
nothing else. PODSG_CHURN sets the number of rounds.
"""

import concurrent.futures
import os
import random
import sys

import pods
from cni_setting import Living, Setting
from lab import tap
from lab.tap import check, note
from pods import CniError

ROUNDS = int(os.environ.get("PODSG_CHURN", "200"))
NAMES = [f"shop/web-{number}" for number in range(4)]
VLANS = range(1, 7)
MANY = 100


class Churn:
    """A node with up to four pods of a StatefulSet, and the old ones' DELs that have not come."""

    def __init__(self, setting, rng, family):
        self.setting = setting
        self.family = family  # a cluster of the VPC CNI has one
        self.random = rng
        self.chains = {mode: setting.aws(mode) for mode in ("strict", "standard")}
        self.living = {}  # by name
        self.late = []  # (chain, sandbox) whose DEL is still to come

    def free_facts(self):
        """A VLAN and an address that no living pod has; a dead one may have had them just now."""
        taken = {living.facts["vlan"] for living in self.living.values()}
        vlan = self.random.choice([vlan for vlan in VLANS if vlan not in taken])
        number = self.random.choice([number for number in VLANS
                                     if number not in {living.facts["number"]
                                                       for living in self.living.values()}])
        if self.family == 6:
            return {"vlan": vlan, "number": number, "address6": f"2001:db8:1::{number}"}
        return {"vlan": vlan, "number": number, "address": f"10.0.1.{10 + number}"}

    def start(self, name):
        mode = self.random.choice(list(self.chains))
        living = self.setting.start(self.chains[mode], name, mode, **self.free_facts())
        self.setting.connect(living)
        self.living[name] = living

    def stop(self, name):
        """In time; or grace 0: object and sandbox are gone at once, and DEL comes later."""
        living = self.living.pop(name)
        chain = self.chains[living.mode]
        self.setting.ipamd.remove(name)
        if self.random.random() < 0.4:
            chain.stop(living.sandbox)
            return
        living.sandbox.destroy()
        self.late.append((chain, living.sandbox))

    def delete_late(self):
        """With an empty netns; the runtime may have lost the result, or ask twice."""
        while self.late:
            chain, sandbox = self.late.pop(self.random.randrange(len(self.late)))
            known = self.random.random() < 0.7
            for _ in range(self.random.choice((1, 1, 2))):
                try:
                    chain.delete(sandbox, previous=known, CNI_NETNS="")
                except CniError as error:
                    # The VPC CNI's own word, without a result, on a newer pod of that name.
                    check(error.plugin == "aws-cni" and "UID mismatch" in error.msg, str(error))

    def round(self):
        name = self.random.choice(NAMES)
        if name in self.living:
            self.stop(name)
        if self.random.random() < 0.8:
            self.start(name)
        if self.random.random() < 0.6:
            self.delete_late()
            self.setting.compare(self.living.values(), connected=True)


def churn(family, rounds):
    rng = random.Random(tap.seed())
    with Setting(tag="h") as setting:
        course = Churn(setting, rng, family)
        for number in range(rounds):
            try:
                course.round()
            except Exception:
                note(f"round {number}; alive: "
                     f"{[(name, one.mode, one.facts) for name, one in course.living.items()]}")
                raise
        course.delete_late()
        for name in list(course.living):
            course.stop(name)
        course.delete_late()
        setting.compare([], connected=True)


def many_at_once():
    """Up together, down together; half of them the way that leaves everything behind."""
    with Setting(tag="m") as setting, \
            concurrent.futures.ThreadPoolExecutor(16) as pool:
        chains = {mode: setting.aws(mode) for mode in ("strict", "standard")}
        for number in range(1, MANY + 1):
            setting.ipamd.put(f"shop/web-{number}", vlan=number, address=f"10.0.2.{number}",
                              uid=f"u{number}")

        def start(number):
            mode = "strict" if number % 2 else "standard"
            sandbox = pods.Sandbox(f"shop/web-{number}", f"u{number}")
            chains[mode].run(sandbox)
            return Living(sandbox, setting.ipamd.state["pods"][sandbox.pod], mode)
        living = list(pool.map(start, range(1, MANY + 1)))
        setting.compare(living)

        def stop(one):
            if one.facts["vlan"] % 4 < 2:
                chains[one.mode].stop(one.sandbox)
                return
            one.sandbox.destroy()
            chains[one.mode].delete(one.sandbox, CNI_NETNS="")
        half = MANY // 2
        for leaving, staying in ((living[:half], living[half:]), (living[half:], [])):
            list(pool.map(stop, leaving))
            # In the place of nft-sync: who did not get the lock in time has left it the work.
            left = [entry["left"] for entry in setting.entries().values() if entry.get("left")]
            note(f"{len(left)} were left to others")
            chains["strict"].collect([one.sandbox for one in staying])
            setting.compare(staying)


def main():
    tap.need_kernel()
    reason = pods.missing()
    if reason:
        tap.skip(reason)
    program = tap.Program()
    for family, rounds in ((4, ROUNDS - ROUNDS // 4), (6, ROUNDS // 4)):
        program.case(f"{rounds} rounds of pods of the same names, IPv{family}",
                     churn, family, rounds)
    program.case(f"{MANY} pods at once", many_at_once)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
