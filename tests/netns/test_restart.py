#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""
A restart beside servers that refuse to say what they said before: the rules in the kernel outlast
it. No packets here.
"""

import sys
import time

from lab import daemon as daemons
from lab import documents, netns, tap
from lab.tap import check, equal, wait_for
from live_setting import GROUP, LABELS, PATIENCE, Cluster, ec2, fake, with_setting

def forbidden(path, what):
    @with_setting
    def case(setting):
        daemon, api = setting.daemon, setting.api
        setting.write_groups()
        setting.configure()
        if path == fake.ACCOUNTS:
            policy = documents.policy("default", "web", [GROUP], {"matchLabels": LABELS})
            policy["spec"]["serviceAccountSelector"] = {"matchLabels": {"role": "web"}}
            api.put(fake.POLICIES, policy)
        setting.start()
        before = setting.rules()
        daemon.stop()
        api.forbidden.add(path)
        daemon.launch()
        wait_for(lambda: setting.source(what).get("failures", 0) >= 2, "refused twice", PATIENCE)
        time.sleep(1)
        source = setting.source(what)
        check(source["state"] == "not read yet" and "forbidden" in source["error"], source)
        check(not daemon.in_force(), "committed without " + what)
        check(setting.rules() == before, "the table is another one")
        api.forbidden.clear()
        wait_for(daemon.in_force, "in force once it is allowed", PATIENCE)
        check(setting.filters(), "the pod is filtered")
    return case


@with_setting
def ec2_is_away(setting):
    daemon = setting.daemon
    with setting.ec2_world() as world:
        setting.start()
        wait_for(lambda: "10.7.0.0" in daemon.ruleset(), "the prefix list is in the rules")
        before = setting.rules()
        daemon.stop()
        world.faults = {action: [ec2.fails(503, "Unavailable")] * 1000 for action in ec2.RESULTS}
        for life in range(2):
            daemon.start(PATIENCE)
            check("10.7.0.0" in daemon.ruleset(), f"the prefix list is gone in life {life}")
            check(setting.rules() == before, "the table is another one")
            daemon.stop()


@with_setting
def kubeconfig_changes(setting):
    """Nobody restarts anything here."""
    daemon = setting.daemon
    setting.write_groups()
    setting.configure()
    setting.start()
    with open(daemon.path("kubeconfig"), "w", encoding="utf-8") as file:
        file.write("current-context: nowhere\n")
    wait_for(lambda: "nowhere" in setting.source("configuration").get("error", ""), "refused")
    setting.api.put(fake.NODES, {"metadata": {"name": daemons.NODE_NAME}})
    wait_for(lambda: setting.source("this node").get("objects") == 1, "the one before is followed")
    with netns.entered(setting.node.name()):
        other = Cluster()
    try:
        other.delete(fake.POLICIES, "default/web")
        setting.write_kubeconfig(other)
        wait_for(lambda: not setting.filters(), "what the other server says is in force", 20.0)
        equal(setting.source("configuration"), {}, "what is wrong with it")
    finally:
        other.stop()


def main():
    daemons.need()
    program = tap.Program()
    for path, what in ((fake.PODS, "pods of this node"),
                       (fake.POLICIES, "security group policies"),
                       (fake.ACCOUNTS, "service accounts")):
        program.case(f"{what} are forbidden", forbidden(path, what))
    program.case("EC2 is away", ec2_is_away)
    program.case("another kubeconfig, and a broken one before", kubeconfig_changes)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
