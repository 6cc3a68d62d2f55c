#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
A restart beside servers that refuse to say what they said before: the rules in the kernel outlast
it. No packets here.
"""

import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(HERE), "live"))

import fake_apiserver as fake  # noqa: E402
from lab import daemon as daemons  # noqa: E402
from lab import documents, netns, tap  # noqa: E402
from lab.bare import Bare  # noqa: E402
from lab.daemon import NODE_NAME, Daemon  # noqa: E402
from lab.node import Pod  # noqa: E402
from lab.tap import check, equal, wait_for  # noqa: E402

try:
    import ec2_endpoint as ec2
except ImportError as missing:
    tap.skip(f"{missing}: python3-botocore is needed")

PATIENCE = 60.0  # seconds; a refused request is tried again after 5, then 10
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
GROUP, LIST = "sg-0000000000000a001", "pl-0000000000000b001"
# Without a branch ENI nothing but the policy says that it is to be filtered.
POD = Pod("web", ("10.0.1.5",), "standard")
LABELS = {"app": "web"}


def group(peer):
    rule = documents.permission("tcp", 443, 443, [peer])
    return documents.security_group(GROUP, [rule], [rule])


class Cluster(fake.FakeApi):
    """An API server with one pod of this node, which a policy matches."""

    def __init__(self):
        super().__init__()
        self.put(fake.PODS, documents.pod(POD, NODE_NAME, LABELS))
        self.put(fake.POLICIES, documents.policy("default", "web", [GROUP],
                                                 {"matchLabels": LABELS}))
        account = documents.metadata("ServiceAccount", "default", "default", {"role": "web"})
        self.put(fake.ACCOUNTS, {"metadata": account})


class Setting:
    def __init__(self, node, daemon):
        self.node = node
        self.daemon = daemon
        with netns.entered(node.name()):
            self.api = Cluster()

    def write_kubeconfig(self, api):
        path = self.daemon.path("kubeconfig")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "c",
                       "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                       "clusters": [{"name": "c", "cluster": {"server": api.url}}],
                       "users": [{"name": "u", "user": {}}]}, file)
        return path

    def configure(self, **sources):
        self.daemon.configure(sources={
            "files": {"directory": self.daemon.documents},
            "kubernetes": {"kubeconfig": self.write_kubeconfig(self.api)}, **sources})

    def source(self, name):
        status = self.daemon.control("status", check=False) or {"sources": []}
        return next((source for source in status["sources"] if source["name"] == name), {})

    def rules(self):
        """But for whose table it is: nobody's, until the daemon has committed."""
        return self.daemon.ruleset().partition("flags")[2].partition("\n")[2]

    def filters(self):
        return POD.interface in self.daemon.ruleset()

    def start(self):
        self.daemon.start(PATIENCE)
        check(self.filters(), "the pod is filtered")

    def close(self):
        self.api.stop()


def with_setting(case):
    def run():
        with Bare([POD], "restart") as node, Daemon(node) as daemon:
            setting = Setting(node, daemon)
            try:
                case(setting)
            finally:
                daemon.stop()
                setting.close()
    return run


def write_groups(setting):
    documents.write(setting.daemon.documents, "groups.json",
                    documents.security_groups([group("10.0.0.0/8")]))


def forbidden(path, what):
    @with_setting
    def case(setting):
        daemon, api = setting.daemon, setting.api
        write_groups(setting)
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
    with netns.entered(setting.node.name()):
        world = ec2.World()
    try:
        world.keys[ACCESS] = (SECRET, "", False)
        world.groups[GROUP] = group(LIST)
        world.prefix_lists[LIST] = ["10.7.0.0/16"]
        os.environ.update(AWS_ACCESS_KEY_ID=ACCESS, AWS_SECRET_ACCESS_KEY=SECRET, no_proxy="*",
                          AWS_EC2_METADATA_DISABLED="true")
        setting.configure(ec2={"region": ec2.REGION, "endpoint": world.url, "refresh": "1s"})
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
    finally:
        world.close()


@with_setting
def kubeconfig_changes(setting):
    """Nobody restarts anything here."""
    daemon = setting.daemon
    write_groups(setting)
    setting.configure()
    setting.start()
    with open(daemon.path("kubeconfig"), "w", encoding="utf-8") as file:
        file.write("current-context: nowhere\n")
    wait_for(lambda: "nowhere" in setting.source("configuration").get("error", ""), "refused")
    setting.api.put(fake.NODES, {"metadata": {"name": NODE_NAME}})
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
    reason = daemons.missing() or netns.missing()
    if reason:
        tap.skip(reason)
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
