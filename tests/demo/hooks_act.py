# SPDX-License-Identifier: GPL-2.0-or-later
"""
The hooks, shown: a pod of a StatefulSet is deleted with grace period 0, the next one of its name
is there at once, and DEL of the old one comes late and without a network namespace. Twice, on two
nodes: with the VPC CNI alone (a stand-in, which does what the VPC CNI does) and with podsg-cni
behind it.
"""

import contextlib
import os
import re
import sys

from lab import daemon as daemons
from lab import documents, netns
from lab.bare import Bare
from lab.daemon import Daemon
from lab.node import Pod

sys.path.append(os.path.join(daemons.ROOT, "tests", "hooks"))

from pods import Chain, Ipamd, Sandbox  # noqa: E402
from pods import missing as missing_plugin  # noqa: E402

__all__ = ["Act", "missing_plugin"]

GROUP = f"sg-0{0xb2:016x}"
OLD = Pod("queue-0", ("10.0.1.30",), "standard", 7, "payments", "old")
NEW = Pod("queue-0", ("10.0.1.31",), "standard", 8, "payments", "new")
# EC2 gives an address to somebody else as soon as its interface is gone.
HEIR = Pod("web-1", OLD.addresses, "standard", 9, "shop", "heir")
ELSEWHERE = "203.0.113.10"


def named(pod):
    return f"{pod.namespace}/{pod.name}"


class Stage:
    """Context manager: a node with the VPC CNI's chain, with podsg behind it or not."""

    def __init__(self, ours):
        self.ours = ours
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        try:
            self.node = self.stack.enter_context(Bare(tag="h" if self.ours else "g"))
            netns.sysctls(self.node.name(), {"net.ipv4.ip_forward": 1})
            self.daemon = self.stack.enter_context(Daemon(self.node))
            self.ipamd = Ipamd(self.daemon.path("ipamd.json"))
            plugins = [{"type": "aws-cni", "podSGEnforcingMode": "standard", "vethPrefix": "eni",
                        "ipamd": self.daemon.path("ipamd.json")}]
            if self.ours:
                self._start_podsg()
                plugins.append({"type": "podsg-cni", "config": self.daemon.path("podsg.yaml")})
            self.chain = self.stack.enter_context(Chain(self.node.name(), plugins))
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()

    def _start_podsg(self):
        everything = [documents.permission("-1", None, None, ["0.0.0.0/0"])]
        documents.write(self.daemon.documents, "groups.json", documents.security_groups(
            [documents.security_group(GROUP, everything, everything)]))
        self.daemon.configure(enforcingMode="standard",
                              hooks={"journal": self.daemon.path("journal")})
        self.daemon.start()

    def _announce(self, pod):
        """What the API server says from now on; an older pod of the name is not there any more."""
        self.ipamd.put(named(pod), uid=pod.uid, vlan=pod.vlan, address=pod.addresses[0])
        item = documents.pod(pod, daemons.NODE_NAME, {"app": pod.name})
        item["metadata"]["uid"] = pod.uid
        documents.write(self.daemon.documents, f"{pod.name}.json", documents.listed(
            [item, documents.policy(pod.namespace, pod.name, [GROUP], {})]))

    def start(self, pod):
        self._announce(pod)
        sandbox = Sandbox(named(pod), pod.uid).create()
        self.stack.callback(sandbox.destroy)
        self.chain.add(sandbox)
        return sandbox

    def delete_late(self, sandbox):
        sandbox.destroy()
        self.chain.delete(sandbox, CNI_NETNS="")

    def ip(self, *words):
        return self.node.run("ip", "-o", *words, check=False).stdout.splitlines()

    def traces(self, pod):
        """What the node holds of a pod's VLAN and addresses."""
        words = [pod.device, *pod.addresses, f"table {100 + pod.vlan}", f"lookup {100 + pod.vlan}"]
        listed = [("link", line.split(": ", 1)[1].split("@")[0]) for line in self.ip("link")]
        listed += [("rule", line) for line in self.ip("rule")]
        listed += [("route", line) for line in self.ip("route", "show", "table", "all", "scope",
                                                       "link")]
        tidy = [f"{kind:6}{' '.join(line.split())}" for kind, line in listed]
        return [line for line in tidy
                if any(re.search(rf"{re.escape(word)}(?![.\d])", line) for word in words)]

    def leaves_by(self, pod):
        """The device by which a packet of the pod leaves the node."""
        found = " ".join(self.ip("route", "get", ELSEWHERE, "from", pod.addresses[0], "iif",
                                 pod.interface))
        device = re.search(r"dev (\S+)", found)
        return device.group(1) if device else "no device"


class Act:
    def __init__(self, demo, say):
        self.demo = demo
        self.heading, self.colour = say

    def play(self):
        self.heading("A pod is deleted with grace period 0, its StatefulSet makes the next at once")
        print(f"        {named(OLD)}, {OLD.device}, {OLD.addresses[0]} is deleted, the next "
              f"{named(NEW)} gets {NEW.device},\n        {NEW.addresses[0]}; then DEL of the old "
              "one comes, without a network namespace")
        for ours in (False, True):
            with Stage(ours) as stage:
                self.scene(stage, ours)

    def scene(self, stage, ours):
        who = "with podsg-cni behind it" if ours else "the VPC CNI alone"
        old = stage.start(OLD)
        stage.start(NEW)
        whole = stage.traces(NEW)
        stage.delete_late(old)
        left = stage.traces(OLD)
        self.demo.expect(ours != bool(left), f"{who}: " + (
            f"{len(left)} things are left of the old pod" if left else
            "nothing is left of the old pod"))
        for line in left:
            print(self.colour("31", f"          {line}"))
        self.demo.expect(stage.traces(NEW) == whole,
                         f"{who}: device, rules and routes of the new pod are all there")
        stage.start(HEIR)
        device = stage.leaves_by(HEIR)
        right = device == HEIR.device
        self.demo.expect(ours == right, f"{who}: {OLD.addresses[0]} goes to {named(HEIR)} with "
                         f"{HEIR.device}; its packets leave by {device}"
                         + ("" if right else ", under the old pod's groups"))
