# SPDX-License-Identifier: GPL-2.0-or-later
"""
The same rules in three filters: podsg, nft rules one after the other, and iptables with ipset.
Two pods on one node; the packets of the first pass its own egress rules and the other's ingress
rules in the forward hook. Connection tracking is on everywhere, without any rules too.
"""

import contextlib
import dataclasses
import ipaddress

from lab import documents, netns, tap
from lab.daemon import NODE_NAME, Daemon
from lab.node import Node, Pod

GROUPS = 5
DENIED = ("10.250.0.1", "10.251.0.1", 9)
STREAM_PORT = 5001
# Everything that the clients send to and that is not a pod's own address.
BEYOND = "10.128.0.0/9"

TRACKING = """
table inet tracking {
	chain prerouting { type filter hook prerouting priority -150; ct state invalid counter; }
}
"""
# The packets end where they arrive, at the same price for all.
SINK = """
table ip sink {
	counter arrived { }
	chain prerouting {
		type filter hook prerouting priority -300;
		meta l4proto udp counter name arrived drop
	}
}
"""


@dataclasses.dataclass(frozen=True)
class Rule:
    """A prefix and port of each direction, and a packet that both permit and no other rule does."""

    source: str
    destination: str
    port: int
    packet: tuple


def _around(address, length):
    return str(ipaddress.ip_network(f"{address}/{length}", strict=False))


def scattered(count):
    """Every rule has a prefix of its own; few ports."""
    found = []
    for index in range(count):
        place = f"{index // 250}.{index % 250}"
        source, destination = f"10.{64 + index % 8}.{place}", f"10.{128 + index % 8}.{place}"
        length = (32, 32, 31, 30)[index % 4]
        port = (443, 80, 5432, 6379, 9092, 8080, 8443, 3306, 53, 11211)[index % 10]
        found.append((source, destination, length, port))
    return [Rule(_around(source, length), _around(destination, length), port,
                 (source, destination, port)) for source, destination, length, port in found]


def nested(count):
    """Every rule's prefix holds the peer; the ports are apart, so that nothing can be merged."""
    source, destination = "10.77.77.77", "10.177.77.77"
    lengths = (8, 16, 20, 24, 28, 32)
    return [Rule(_around(source, lengths[index % 6]), _around(destination, lengths[index % 6]),
                 2000 + 13 * index, (source, destination, 2000 + 13 * index))
            for index in range(count)]


SHAPES = {"scattered": scattered, "nested": nested}
CLIENTS = {"scattered": Pod("client-s", ("10.0.1.50",), "standard", 50),
           "nested": Pod("client-n", ("10.0.1.51",), "standard", 51)}
SERVERS = {"scattered": Pod("server-s", ("10.0.1.60",), "standard", 60),
           "nested": Pod("server-n", ("10.0.1.61",), "standard", 61)}


class Pairs(Node):
    """
    A node with, for each shape of rules, a client and a server that have as many rules a
    direction as said. What leaves the client of a shape goes to the server of that shape.
    """

    filter = "none"

    def __init__(self, count, tag):
        self.count = count
        self.rules = {shape: make(count) for shape, make in SHAPES.items()}
        super().__init__([*CLIENTS.values(), *SERVERS.values()], tag=tag)

    def foreign_rules(self):
        return TRACKING

    def start(self, stack):
        """Puts the rules in force until the stack unwinds."""
        for shape, server in SERVERS.items():
            self.nft(SINK, server.name)
            table = 1000 + server.vlan
            netns.ip_batch([
                f"route add {BEYOND} via {server.address(4)} dev {server.interface} onlink "
                f"table {table}",
                f"rule add pref 600 iif {CLIENTS[shape].interface} to {BEYOND} lookup {table}",
            ], self.name("node"))
        self.apply(stack)

    def apply(self, stack):
        pass

    def arrived(self, shape):
        text = self.run("nft", "list", "counter", "ip", "sink", "arrived",
                        who=SERVERS[shape].name).stdout
        return int(text.partition("packets")[2].split()[0])

    def tracked(self):
        return int(self.run("conntrack", "-C").stdout)

    def chains(self):
        """(interface, is it egress, rules as (prefix, port)) of all ends."""
        for shape, rules in self.rules.items():
            yield CLIENTS[shape], True, [(rule.destination, rule.port) for rule in rules]
            yield SERVERS[shape], False, [(rule.source, rule.port) for rule in rules]


class Podsg(Pairs):
    filter = "podsg"

    def apply(self, stack):
        daemon = stack.enter_context(Daemon(self))
        items, interfaces = [], []
        for pod, egress, rules in self.chains():
            groups = self._groups(pod.name, egress, rules)
            ids = [group["GroupId"] for group in groups]
            documents.write(daemon.documents, f"{pod.name}.json",
                            documents.security_groups(groups))
            interfaces.append(documents.network_interface(
                documents.eni_of(pod), pod.addresses, ids, checked=False, mac=pod.mac))
            labels = {"app": pod.name}
            items += [documents.pod(pod, NODE_NAME, labels),
                      documents.policy("default", pod.name, ids, {"matchLabels": labels})]
        documents.write(daemon.documents, "interfaces.json",
                        documents.network_interfaces(interfaces))
        documents.write(daemon.documents, "cluster.json", documents.listed(items))
        daemon.start()

    @staticmethod
    def _groups(name, egress, rules):
        """EC2 allows 1,000 rules on an interface: five groups of 200."""
        permissions = [documents.permission("udp", port, port, [prefix]) for prefix, port in rules]
        permissions.append(documents.permission("tcp", STREAM_PORT, STREAM_PORT, ["10.0.1.0/24"]))
        return [documents.security_group(
            documents.made_id("sg", f"{name}-{index}"),
            **{"egress" if egress else "ingress": permissions[index::GROUPS]})
            for index in range(GROUPS)]


class Linear(Pairs):
    filter = "nft, linear"

    def apply(self, stack):
        chains, jumps = [], ["ct state established,related accept"]
        for pod, egress, rules in self.chains():
            side, way = ("daddr", "iifname") if egress else ("saddr", "oifname")
            lines = [f"ip {side} {prefix} udp dport {port} return" for prefix, port in rules]
            chains.append("\n".join([f"chain {pod.name} {{", *lines, "drop", "}"]))
            jumps.append(f'{way} "{pod.interface}" jump {pod.name}')
        forward = ["chain forward { type filter hook forward priority 0;", *jumps, "}"]
        self.nft("\n".join(["table inet linear {", *chains, *forward, "}", ""]))


class Ipset(Pairs):
    filter = "iptables + ipset"
    command = "iptables-legacy"

    def apply(self, stack):
        sets, chains, jumps = [], [], ["-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED "
                                       "-j ACCEPT"]
        for pod, egress, rules in self.chains():
            sets.append(f"create {pod.name} hash:net,port")
            sets += [f"add {pod.name} {prefix},udp:{port}" for prefix, port in rules]
            fields = "dst,dst" if egress else "src,dst"
            jumps.append(f"-A FORWARD {'-i' if egress else '-o'} {pod.interface} -j {pod.name}")
            chains += [f"-A {pod.name} -m set --match-set {pod.name} {fields} -j RETURN",
                       f"-A {pod.name} -j DROP"]
        names = [f":{pod.name} - [0:0]" for pod, _, _ in self.chains()]
        netns.run(["ipset", "restore"], name=self.name("node"), text_input="\n".join([*sets, ""]))
        netns.run([self.command + "-restore"], name=self.name("node"), text_input="\n".join(
            ["*filter", ":FORWARD ACCEPT [0:0]", *names, *jumps, *chains, "COMMIT", ""]))


def check_judged(node, shape, send):
    """That the permitted pass, each as a flow of its own, and, where there are rules, no others."""
    count = 200
    before = node.arrived(shape)
    node.forget_flows()
    send(node, shape, count)
    tap.equal(node.arrived(shape) - before, count, f"{node.filter}: permitted packets that arrived")
    tap.equal(node.tracked(), count, f"{node.filter}: flows that are tracked")
    before = node.arrived(shape)
    node.forget_flows()
    send(node, shape, count, [DENIED])
    tap.equal(node.arrived(shape) - before, 0 if node.filter != "none" else count,
              f"{node.filter}: packets that no rule permits")


@contextlib.contextmanager
def running(nodes):
    with contextlib.ExitStack() as stack:
        for node in nodes:
            stack.enter_context(node)
            node.start(stack)
        yield nodes
