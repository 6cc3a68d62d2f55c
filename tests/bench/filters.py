# SPDX-License-Identifier: GPL-2.0-or-later
"""
The same rules in three filters: podsg, nft rules one after the other, and iptables with ipset.
Two pods on one node; the packets of the first pass its own egress rules and the other's ingress
rules in the forward hook. Connection tracking is on everywhere, without any rules too.
"""

import contextlib
import ipaddress

from lab import documents, netns, tap
from lab.daemon import NODE_NAME, Daemon
from lab.node import Node, Pod

CLIENT, SERVER = "10.0.0.50", "10.0.0.51"
GROUPS = 5
LENGTHS = (8, 16, 20, 24, 28, 32)
FIRST_PORT, PORT_STEP = 2000, 13
DENIED_PORT = FIRST_PORT + 1
STREAM_PORT = 5001

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


def ports(count):
    """Apart from each other, so that no compiler makes one range of them."""
    return [FIRST_PORT + PORT_STEP * index for index in range(count)]


def rules(count, peer):
    """(prefix that holds the peer, port); the prefixes are nested in each other."""
    return [(str(ipaddress.ip_network(f"{peer}/{LENGTHS[index % len(LENGTHS)]}", strict=False)),
             port) for index, port in enumerate(ports(count))]


class Pair(Node):
    """A node with two pods of its own, with as many rules a direction as said."""

    filter = "none"

    def __init__(self, count, tag):
        self.client = Pod("client", (CLIENT,), "standard")
        self.server = Pod("server", (SERVER,), "standard")
        self.count = count
        super().__init__([self.client, self.server], tag=tag)

    def foreign_rules(self):
        return TRACKING

    def start(self, stack):
        """Puts the rules in force until the stack unwinds."""
        self.nft(SINK, "server")
        self.apply(stack)

    def apply(self, stack):
        pass

    def arrived(self):
        text = self.run("nft", "list", "counter", "ip", "sink", "arrived", who="server").stdout
        return int(text.partition("packets")[2].split()[0])

    def tracked(self):
        return int(self.run("conntrack", "-C").stdout)


class Podsg(Pair):
    filter = "podsg"

    def apply(self, stack):
        daemon = stack.enter_context(Daemon(self))
        items = []
        for pod, peer, direction in ((self.client, SERVER, "egress"),
                                     (self.server, CLIENT, "ingress")):
            groups = self._groups(pod.name, peer, direction)
            documents.write(daemon.documents, f"{pod.name}.json",
                            documents.security_groups(groups))
            labels = {"app": pod.name}
            items += [documents.pod(pod, NODE_NAME, labels),
                      documents.policy("default", pod.name, [g["GroupId"] for g in groups],
                                       {"matchLabels": labels})]
        documents.write(daemon.documents, "cluster.json", documents.listed(items))
        daemon.start()

    def _groups(self, name, peer, direction):
        """An interface has no more than five groups of EC2's usual 60 or raised 200 rules."""
        permissions = [documents.permission("udp", port, port, [prefix])
                       for prefix, port in rules(self.count, peer)]
        permissions.append(documents.permission("tcp", STREAM_PORT, STREAM_PORT, [peer + "/32"]))
        return [documents.security_group(documents.made_id("sg", f"{name}-{index}"),
                                         **{direction: permissions[index::GROUPS]})
                for index in range(GROUPS)]


class Linear(Pair):
    filter = "nft, linear"

    def apply(self, stack):
        lines = {side: "\n".join(f"ip {side} {prefix} udp dport {port} return"
                                 for prefix, port in rules(self.count, peer))
                 for side, peer in (("daddr", SERVER), ("saddr", CLIENT))}
        self.nft(f"""
table inet linear {{
	chain egress {{
{lines["daddr"]}
	drop
	}}
	chain ingress {{
{lines["saddr"]}
	drop
	}}
	chain forward {{ type filter hook forward priority 0;
		ct state established,related accept
		iifname "{self.client.interface}" jump egress
		oifname "{self.server.interface}" jump ingress
	}}
}}
""")


class Ipset(Pair):
    filter = "iptables + ipset"
    command = "iptables-legacy"

    def apply(self, stack):
        lines = []
        for name, peer in (("egress", SERVER), ("ingress", CLIENT)):
            lines.append(f"create {name} hash:net,port")
            lines += [f"add {name} {prefix},udp:{port}"
                      for prefix, port in rules(self.count, peer)]
        netns.run(["ipset", "restore"], name=self.name("node"), text_input="\n".join(lines) + "\n")
        chains = (("egress", "-i", self.client.interface, "dst,dst"),
                  ("ingress", "-o", self.server.interface, "src,dst"))
        text = ["*filter", ":FORWARD ACCEPT [0:0]", ":egress - [0:0]", ":ingress - [0:0]",
                "-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"]
        for name, option, interface, fields in chains:
            text += [f"-A FORWARD {option} {interface} -j {name}",
                     f"-A {name} -m set --match-set {name} {fields} -j RETURN",
                     f"-A {name} -j DROP"]
        netns.run([self.command + "-restore"], name=self.name("node"),
                  text_input="\n".join([*text, "COMMIT", ""]))


def check_judged(pair, send):
    """That the permitted pass, each as a flow of its own, and, where there are rules, no others."""
    count = 200
    before = pair.arrived()
    pair.forget_flows()
    send(pair, count, ports(pair.count))
    tap.equal(pair.arrived() - before, count, f"{pair.filter}: permitted packets that arrived")
    tap.equal(pair.tracked(), count, f"{pair.filter}: flows that are tracked")
    before = pair.arrived()
    pair.forget_flows()
    send(pair, count, [DENIED_PORT])
    tap.equal(pair.arrived() - before, 0 if pair.filter != "none" else count,
              f"{pair.filter}: packets of a port that no rule permits")


@contextlib.contextmanager
def running(pairs):
    with contextlib.ExitStack() as stack:
        for pair in pairs:
            stack.enter_context(pair)
            pair.start(stack)
        yield pairs
