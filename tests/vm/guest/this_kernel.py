# SPDX-License-Identifier: GPL-2.0-or-later
"""
Cases of tests/netns/test_kernel.py in which kernels differ: flags of tables and sets, generations,
how much of a refusal is heard. All of them would take too long, emulated.
"""

import random

import test_kernel
from lab import tap
from lab.bare import Bare
from lab.tap import check
from test_kernel import Instance

CASES = (
    ("what --print says is what --once puts into the kernel", test_kernel.printed_equals_applied),
    ("a second --once adopts the table and changes no rule",
     test_kernel.second_once_changes_nothing),
    ("without owner, a second --once commits nothing",
     test_kernel.second_once_without_owner_commits_nothing),
)
MEDDLING = ("a chain of ours deleted", "everything deleted")


def many_messages():
    """
    Where the kernel knows no persistent owner (before Linux 6.9), it refuses the table, and with it
    every other message: more errors than a socket's buffer holds. The first one has to be heard.
    """
    with Bare(test_kernel.many_pods()) as node, Instance(node) as daemon:
        test_kernel.fill_large(daemon)
        daemon.run_job("--once")
        rules = daemon.ruleset()
        check(all(pod.interface in rules for pod in node.pods), "a pod has no rules")


def tests(program):
    rng = random.Random(tap.seed())
    test_kernel.WORLDS = 2
    program.case("a large table is taken at the first start", many_messages)
    for name, function in CASES:
        program.case(name, function, rng)
    for what in MEDDLING:
        program.case(f"{what}, right before a change: the table ends right", test_kernel.meddled,
                     rng, test_kernel.MEDDLING[what])
