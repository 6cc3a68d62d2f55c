# SPDX-License-Identifier: GPL-2.0-or-later
"""A node with one pod that an API server tells of, for the daemon beside sources that lie."""

import contextlib
import functools
import itertools
import json
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "live"))

import fake_apiserver as fake  # noqa: E402
from lab import documents, netns, tap  # noqa: E402
from lab.bare import Bare  # noqa: E402
from lab.daemon import NODE_NAME, Daemon  # noqa: E402
from lab.node import Pod  # noqa: E402
from lab.tap import check  # noqa: E402

try:
    import ec2_endpoint as ec2
except ImportError as error:
    tap.skip(f"{error}: python3-botocore is needed")

places = itertools.count()  # cases may run beside each other
PATIENCE = 60.0  # seconds; a refused request is tried again after 5, then 10
GROUP = "sg-0000000000000a001"
# Without a branch ENI nothing but the policy says that it is to be filtered.
POD = Pod("web", ("10.0.1.5",), "standard")
LABELS = {"app": "web"}
LIST = "pl-0000000000000b001"
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


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
            json.dump(documents.kubeconfig(api.url), file)
        return path

    def write_groups(self):
        documents.write(self.daemon.documents, "groups.json",
                        documents.security_groups([group("10.0.0.0/8")]))

    def configure(self, **sources):
        self.daemon.configure(sources={
            "files": {"directory": self.daemon.documents},
            "kubernetes": {"kubeconfig": self.write_kubeconfig(self.api)}, **sources})

    @contextlib.contextmanager
    def ec2_world(self):
        """EC2 has the pod's group, whose rules refer to a prefix list."""
        with netns.entered(self.node.name()):
            world = ec2.World()
        try:
            world.keys[ACCESS] = (SECRET, "", False)
            world.groups[GROUP] = group(LIST)
            world.prefix_lists[LIST] = ["10.7.0.0/16"]
            os.environ.update(AWS_ACCESS_KEY_ID=ACCESS, AWS_SECRET_ACCESS_KEY=SECRET, no_proxy="*",
                              AWS_EC2_METADATA_DISABLED="true")
            self.configure(ec2={"region": ec2.REGION, "endpoint": world.url, "refresh": "1s"})
            yield world
        finally:
            world.close()

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
    @functools.wraps(case)
    def run():
        with Bare([POD], f"live{next(places)}") as node, Daemon(node) as daemon:
            setting = Setting(node, daemon)
            try:
                case(setting)
            finally:
                daemon.stop()
                setting.close()
    return run
