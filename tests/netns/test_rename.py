#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
Somebody gives a pod's host interface another name while the pod runs. Rules go by names, what they
are of does not: they follow the interface, and nothing more passes than before.
"""

import contextlib
import dataclasses
import json
import os
import signal
import sys

from lab import daemon as daemons
from lab import documents, netns, tap
from lab.daemon import NODE_NAME, Daemon
from lab.node import Node, Pod
from lab.streams import Intruder, Listener, can_connect, send_more
from lab.tap import PATIENCE, check, equal, wait_for

GROUP = "sg-0123456789abcdef0"
LABELS = {"filtered": "yes"}
ALL = ["0.0.0.0/0"]
OPEN, CLOSED = 8080, 9090
CLIENT = Pod("client", ("10.0.9.9",))
OTHER_NAME = "renamed0"


@dataclasses.dataclass(frozen=True)
class Called(Pod):
    """A pod whose host interface has this name now."""

    host: str = ""

    @property
    def interface(self):
        return self.host or super().interface

    @property
    def first_name(self):
        return super().interface


WEB = Called("web", ("10.0.1.5",), "standard")
API = Called("api", ("10.0.1.6",), "standard")
LEDGER = Called("ledger", ("10.0.1.7",), "strict", 7)


def boot_id():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


class Renamed:
    """A node whose pods' interfaces get other names, and its daemon."""

    def __init__(self, node, daemon):
        self.node = node
        self.daemon = daemon
        self.journal = daemon.path("journal")
        self.created = 0

    def begin(self):
        rules = [documents.permission("tcp", OPEN, OPEN, ALL)]
        documents.write(self.daemon.documents, "groups.json", documents.security_groups(
            [documents.security_group(GROUP, rules, rules)]))
        documents.write(self.daemon.documents, "policy.json", documents.policy(
            "default", "filtered", [GROUP], {"matchLabels": LABELS}))
        for pod in (WEB, API, LEDGER):
            self.document(pod)
        os.mkdir(self.journal, 0o700)
        self.daemon.configure(hooks={"journal": self.journal})
        self.daemon.start()

    def document(self, pod):
        documents.write(self.daemon.documents, f"pod-{pod.name}.json",
                        documents.pod(Pod(pod.name, pod.addresses, pod.mode, pod.vlan), NODE_NAME,
                                      LABELS))

    def forget_document(self, pod):
        os.unlink(os.path.join(self.daemon.documents, f"pod-{pod.name}.json"))

    def index_of(self, interface):
        return json.loads(self.node.run("ip", "-j", "link", "show", interface).stdout)[0]["ifindex"]

    def write_entry(self, pod):
        """As podsg-cni writes it."""
        self.created += 1
        name = f"{pod.name}-sandbox"
        entry = {"version": 1, "sandbox": name, "ifname": "eth0", "boot": boot_id(),
                 "mode": pod.mode, "created": self.created, "state": "ready",
                 "namespace": pod.namespace, "pod": pod.name,
                 "uid": documents.uid(f"Pod/{pod.namespace}/{pod.name}"),
                 "interface": pod.interface, "interfaceIndex": self.index_of(pod.interface),
                 "addresses": list(pod.addresses), "device": pod.device}
        path = os.path.join(self.journal, f"{name}:eth0.json")
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(entry, file)
        os.rename(path + ".new", path)

    def rename(self, **names):
        """All at once, as far as it goes; what routes to them is made anew."""
        pods = [self.node.by_name[name] for name in names]
        renamed = [dataclasses.replace(pod, host=names[pod.name]) for pod in pods]
        down = [f"link set {pod.interface} down" for pod in pods]
        apart = [f"link set {pod.interface} name apart{i}" for i, pod in enumerate(pods)]
        together = [f"link set apart{i} name {pod.interface}" for i, pod in enumerate(renamed)]
        for before, now in zip(pods, renamed):
            self.node.pods[self.node.pods.index(before)] = now
            self.node.by_name[now.name] = now
        up = [line for before, now in zip(pods, renamed) for line in self.way(before, now)]
        netns.ip_batch(down + apart + together + up, self.node.name("node"))

    @staticmethod
    def way(before, now):
        address, lines = now.addresses[0], [f"link set {now.interface} up"]
        if now.mode != "strict":
            return [*lines, f"route replace {address}/32 dev {now.interface} scope link"]
        table = 100 + now.vlan
        return [*lines, f"rule del pref 10 iif {before.interface}",
                f"rule add pref 10 iif {now.interface} lookup {table}",
                f"route replace {address}/32 dev {now.interface} scope link table {table}"]

    def filters(self, name):
        """What its group permits passes both ways, and nothing else."""
        pod = self.node.by_name[name]
        at = "db" if pod.vlan else "client"
        address = pod.addresses[0]
        peer = self.node.network.db[0] if pod.vlan else CLIENT.addresses[0]
        intruders = [Intruder(self.node, name, address, peer, CLOSED, at),
                     Intruder(self.node, at, peer, address, CLOSED, name)]
        try:
            wait_for(lambda: stops(intruders), f"{name}, now {pod.interface}, is filtered", 10)
        finally:
            for intruder in intruders:
                intruder.stop()
        with contextlib.closing(Listener(self.node, name, OPEN)), \
                contextlib.closing(Listener(self.node, at, OPEN)):
            # Once more: links that were down a moment ago may not answer ARP in time.
            wait_for(lambda: can_connect(self.node, at, address, OPEN, PATIENCE),
                     f"{name}, now {pod.interface}, is reached")
            wait_for(lambda: can_connect(self.node, name, peer, OPEN, PATIENCE),
                     f"{name}, now {pod.interface}, reaches others")
        equal(self.branch(name).get("interface"), pod.interface, f"{name}'s, by podsgctl")

    def all_filter(self):
        for name in ("web", "api", "ledger"):
            self.filters(name)

    def branch(self, name):
        pods = self.daemon.control("pods")["pods"]
        return next((pod for pod in pods if pod["name"] == name), {})

    def problems(self):
        return " ".join(self.daemon.control("status")["problems"])


def stops(intruders):
    """Whether so many more packets of each do not get through."""
    for intruder in intruders:
        intruder.arrivals.clear()
    send_more(intruders)
    return not any(intruder.arrivals for intruder in intruders)


def there_and_back(place):
    place.all_filter()
    place.rename(web=OTHER_NAME, ledger="renamed1")
    place.all_filter()
    place.rename(web="renamed2")
    place.all_filter()
    place.rename(web=WEB.first_name, ledger=LEDGER.first_name)
    place.all_filter()


def without_its_ip_rules(place):
    """Those are by name, too: a strict pod's packets go by the node's own table now."""
    address = LEDGER.addresses[0]
    place.node.run("ip", "link", "set", LEDGER.interface, "down")
    place.node.run("ip", "link", "set", LEDGER.interface, "name", OTHER_NAME)
    place.node.run("ip", "link", "set", OTHER_NAME, "up")
    intruders = [Intruder(place.node, "ledger", address, peer, CLOSED, at)
                 for peer, at in ((CLIENT.addresses[0], "client"),
                                  (place.node.network.db[0], "db"))]
    try:
        wait_for(lambda: stops(intruders), "nothing leaves by the node's own interface", 10)
    finally:
        for intruder in intruders:
            intruder.stop()
    check(place.branch("ledger")["drops"].get("egress-path"), "no drop is counted")


def exchanged(place):
    place.rename(web=API.first_name, api=WEB.first_name)
    place.all_filter()
    place.rename(web=LEDGER.first_name, ledger=API.first_name)
    place.all_filter()


def journalled(function):
    def case(place):
        for pod in (WEB, API, LEDGER):
            place.write_entry(pod)
        function(place)
    return case


@journalled
def it_is_said(place):
    place.rename(web=OTHER_NAME)
    said = f"{WEB.first_name} is called {OTHER_NAME} now"
    wait_for(lambda: said in place.problems(), "the status says so")
    place.rename(web=WEB.first_name)
    wait_for(lambda: "is called" not in place.problems(), "the status no longer says so")


@journalled
def while_the_daemon_is_away(place):
    place.all_filter()
    place.daemon.kill()
    place.rename(web=API.first_name, api=OTHER_NAME, ledger="renamed1")
    place.daemon.start()
    place.all_filter()


def an_orphan(place):
    place.filters("web")
    place.forget_document(WEB)
    place.rename(web=OTHER_NAME)
    place.filters("web")
    place.daemon.kill()
    place.daemon.start()
    place.filters("web")
    place.rename(web=WEB.first_name)
    place.filters("web")


def another_interface_of_the_same_number(place):
    """Made while nobody looked, for a pod without groups: it is nobody's successor."""
    index = place.index_of(API.first_name)
    place.daemon.process.send_signal(signal.SIGSTOP)
    try:
        place.node.run("ip", "link", "del", API.first_name)
        netns.ip_batch([f"link add other0 index {index} type veth peer name other1",
                        "link set other0 up"], place.node.name("node"))
    finally:
        place.daemon.process.send_signal(signal.SIGCONT)
    wait_for(lambda: not place.branch("api")["present"], "the daemon has seen that it is gone")
    check("other0" not in place.daemon.ruleset(), "rules of api for another one's interface")


CASES = (
    ("renamed, again, and back", there_and_back),
    ("the same, known from the journal", journalled(there_and_back)),
    ("a strict pod without its ip rules", without_its_ip_rules),
    ("each has got the other one's name", exchanged),
    ("the same, known from the journal", journalled(exchanged)),
    ("the status says so", it_is_said),
    ("renamed while the daemon was away", while_the_daemon_is_away),
    ("the pod is gone and its interface is renamed", an_orphan),
    ("another interface of the same number", another_interface_of_the_same_number),
)


def run_case(function):
    with Node([CLIENT, WEB, API, LEDGER]) as node, Daemon(node) as daemon:
        place = Renamed(node, daemon)
        place.begin()
        function(place)


def main():
    daemons.need()
    program = tap.Program()
    for name, function in CASES:
        if len(sys.argv) < 2 or sys.argv[1] in name:
            program.case(name, run_case, function)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
