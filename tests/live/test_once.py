#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""
--check, --print and --once beside live sources: what they say counts, or nothing is done.

Each case has a network namespace of its own, and all of them wait at once.
"""

import concurrent.futures
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "netns")]

from lab import daemon as daemons  # noqa: E402
from lab import nfnetlink, tap  # noqa: E402
from lab.tap import check, equal  # noqa: E402
from live_setting import POD, ec2, fake, with_setting  # noqa: E402

PATIENCE = 120.0  # seconds; they give up after 75


def job(setting, *words):
    return setting.daemon.run_job(*words, check=False, timeout=PATIENCE)


@with_setting
def prints_what_the_server_says(setting):
    setting.write_groups()
    setting.configure()
    printed = job(setting, "--print")
    equal(printed.returncode, 0, f"status; {printed.stderr}")
    check(POD.interface in printed.stdout, f"the pod is not in the rules:\n{printed.stdout}")


@with_setting
def applies_what_the_server_says(setting):
    setting.write_groups()
    setting.configure()
    equal(job(setting, "--once").returncode, 0, "status")
    check(setting.filters(), "the pod is not filtered")
    setting.api.delete(fake.POLICIES, "default/web")
    equal(job(setting, "--once").returncode, 0, "status without the policy")
    check(not setting.filters(), "the pod is still filtered")


@with_setting
def finds_nothing_wrong(setting):
    setting.write_groups()
    setting.configure()
    done = job(setting, "--check")
    equal((done.returncode, done.stdout), (0, ""), f"--check; {done.stderr}")


@with_setting
def finds_what_is_wrong(setting):
    setting.write_groups()
    setting.configure()
    policy = {"metadata": {"name": "more", "namespace": "default"},
              "spec": {"podSelector": {}, "securityGroups": {"groupIds": ["sg-unknown"]}}}
    setting.api.put(fake.POLICIES, policy)
    setting.api.forbidden.add(fake.CNINODES)
    done = job(setting, "--check")
    equal(done.returncode, 1, "status")
    for words in (("problem: ", "sg-unknown"), ("error: kubernetes: CNINode", "forbidden")):
        check(any(all(word in line for word in words) for line in done.stdout.splitlines()),
              f"--check does not say {words}:\n{done.stdout}")


@with_setting
def what_ec2_says_counts_too(setting):
    """It is asked for what the API server's objects need, and then for what EC2's answer needs."""
    with setting.ec2_world() as world:
        printed = job(setting, "--print")
        check("10.7.0.0/16" in printed.stdout, f"the prefix list is missing: {printed}")
        equal(job(setting, "--check").stdout, "", "--check")
        world.faults = {action: [ec2.fails(503, "Unavailable")] * 1000 for action in ec2.RESULTS}
        done = job(setting, "--check")
        equal(done.returncode, 1, "status of --check while EC2 is away")
        check("error: ec2: security groups" in done.stdout, done.stdout)


@with_setting
def a_server_that_is_away_leaves_the_kernel_alone(setting):
    setting.write_groups()
    setting.configure()
    equal(job(setting, "--once").returncode, 0, "status before")
    setting.api.stop()
    before = nfnetlink.generation(setting.node.name())
    done = job(setting, "--once")
    equal(done.returncode, 1, "status")
    for word in ("kubernetes: ", "not read in 75 s", "refused"):
        check(word in done.stderr, f"--once does not say {word}: {done.stderr}")
    equal(nfnetlink.generation(setting.node.name()), before, "generation of the rule set")
    check(setting.filters(), "the pod is not filtered any more")


@with_setting
def a_list_that_breaks_off_is_none(setting):
    def lie(request):
        text = setting.api.list_text(request)
        request.begin_stream()
        request.chunk(text[:len(text) // 2])
        request.cut()
        return True
    setting.write_groups()
    setting.configure()
    setting.api.lie(fake.POLICIES, lie)
    done = job(setting, "--check")
    equal(done.returncode, 1, "status")
    check("error: kubernetes: security group policies" in done.stdout, done.stdout)


@with_setting
def a_kubeconfig_that_is_broken_is_said_at_once(setting):
    setting.write_groups()
    setting.configure()
    with open(setting.daemon.path("kubeconfig"), "w", encoding="utf-8") as file:
        file.write("current-context: nowhere\n")
    for word, output in (("--check", "stdout"), ("--print", "stderr"), ("--once", "stderr")):
        done = job(setting, word)
        equal(done.returncode, 1, f"status of {word}")
        check("nowhere" in getattr(done, output), f"{word} does not say it: {done}")


CASES = (prints_what_the_server_says, applies_what_the_server_says, finds_nothing_wrong,
         finds_what_is_wrong, a_kubeconfig_that_is_broken_is_said_at_once,
         a_server_that_is_away_leaves_the_kernel_alone, a_list_that_breaks_off_is_none,
         what_ec2_says_counts_too)


def main():
    daemons.need()
    program = tap.Program()
    with concurrent.futures.ThreadPoolExecutor(len(CASES)) as pool:
        running = [(case.__name__.replace("_", " "), pool.submit(case)) for case in CASES]
        for name, outcome in running:
            program.case(name, outcome.result)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
