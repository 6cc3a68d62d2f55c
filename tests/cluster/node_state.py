# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the cluster's node must hold, told from nothing but the API server's pods, against what kernel,
runtime and journal do hold. What is left of nobody and what somebody lacks are the same mistake.
"""

import dataclasses
import ipaddress
import json
import os
import re

import comparer
from lab import netns
from lab.tap import Failure, wait_for
from resources import BRANCHES, ORDINARY

ANNOTATION = "vpc.amazonaws.com/pod-eni"
SHOWN = 25


@dataclasses.dataclass(frozen=True)
class Named:
    pod: str


@dataclasses.dataclass(frozen=True)
class Living:
    """A pod, as the comparer wants it. vlan 0: without a branch ENI."""

    sandbox: Named
    address: str
    vlan: int
    mode: str
    managed: bool

    @property
    def facts(self):
        return {"vlan": self.vlan}


def living(pods, mode):
    """Of the API server's pods those that have a network of their own now."""
    for pod in pods:
        metadata, status = pod["metadata"], pod["status"]
        if status["phase"] != "Running":
            continue
        annotation = metadata.get("annotations", {}).get(ANNOTATION)
        vlan = json.loads(annotation)[0]["vlanId"] if annotation else 0
        yield Living(Named(f"{metadata['namespace']}/{metadata['name']}"), status.get("podIP", ""),
                     vlan, mode, bool(vlan) or "app" in metadata.get("labels", {}))


def filtered(where):
    """The pods' interfaces that our table names."""
    said = netns.run(["nft", "list", "table", "inet", "podsg"], name=where).stdout
    return set(re.findall(r'"((?:eni|vlan)[0-9a-f]{11})"', said))


def is_pods(text):
    address = ipaddress.ip_address(text)
    return address in BRANCHES or address in ORDINARY


def flows(where):
    """Addresses of pods that the kernel tracks connections of."""
    said = netns.run(["conntrack", "-L", "-f", "ipv4"], name=where, check=False).stdout
    return {address for address in re.findall(r"\b(?:src|dst)=([\d.]+)", said) if is_pods(address)}


def journal(directory):
    """Files and their states. A writer's temporary file counts: nobody writes while we compare."""
    found = {}
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        if name != ".lock":
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                found[name] = json.load(file)["state"]
    return found


def _lines(kind, expected, measured):
    for thing in sorted(measured - expected):
        yield f"{kind}: of nobody: {thing}"
    for thing in sorted(expected - measured):
        yield f"{kind}: missing: {thing}"


class NodeState:
    """before: what the node held when no pod had been there yet."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.where = cluster.node.name("node")
        self.before = set(comparer.measured(self.where))

    def differences(self):
        pods = list(living(self.cluster.pods().values(), self.cluster.mode))
        wanted = self.before.union(*(comparer.expected_of(pod) for pod in pods))
        yield from _lines("kernel", wanted, set(comparer.measured(self.where)))
        yield from _lines("filtered", {comparer.interface_of(pod) for pod in pods if pod.managed},
                          filtered(self.where))
        yield from _lines("flow", set(), flows(self.where) - {pod.address for pod in pods})
        sandboxes = self.cluster.running_sandboxes()
        if len(sandboxes) != len(pods):
            yield f"{len(sandboxes)} sandboxes run for {len(pods)} pods"
        yield from _lines("journal", {(f"{sandbox}:eth0.json", "ready") for sandbox in sandboxes},
                          set(journal(self.cluster.journal).items()))

    def compare(self, timeout=20.0):
        """Returns once the node holds the living pods' state and nothing else."""
        try:
            wait_for(lambda: not list(self.differences()), "", timeout, 0.3)
        except Failure:
            found = list(self.differences())
            raise Failure("\n".join([f"{len(found)} differences from what the API's pods need",
                                     *found[:SHOWN],
                                     f"the resource controller: {self.cluster.resources.error}",
                                     self.cluster.daemon.log_tail()])) from None
