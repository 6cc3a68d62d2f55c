#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
podsg-nft-sync --close: a node at boot, before the daemon knows its pods. Strict pods that come are
closed, nobody else is touched, and the daemon takes over without a moment in which more passes.
"""

import contextlib
import json
import re
import socket
import sys

from lab import daemon as daemons
from lab import documents, listing, netns, tap
from lab.daemon import NODE_NAME, Daemon
from lab.node import Node, Pod
from lab.streams import Intruder, Listener, can_connect, send_more
from lab.tap import PATIENCE, check, equal, wait_for

GROUP = "sg-0000000000000a001"
ALL = ["0.0.0.0/0", "::/0"]
# Those who run when the node is closed, and the one that comes then.
WEB = Pod("web", ("10.0.1.5", "2001:db8:0:1::5"), "standard", 5)
OLD = Pod("old", ("10.0.1.6", "2001:db8:0:1::6"), "strict", 6)
ORDINARY = Pod("ordinary", ("10.0.0.60", "2001:db8::60"))
LEDGER = Pod("ledger", ("10.0.1.7", "2001:db8:0:1::7"), "strict", 7)
PORTS = {"web": 8080, "old": 8081, "ordinary": 8082, "ledger": 9000, "db": 5432}
FORBIDDEN = 9999
COUNT = 20
SOLICITATION, REDIRECT, ECHO = 135, 137, 128
COUNTER = re.compile(r"counter packets (\d+) bytes \d+ drop")
LIKE_A_VLAN = "vlan10"


class Boot:
    """A node, its daemon, and who listens and sends there."""

    def __init__(self, node, daemon):
        self.node = node
        self.daemon = daemon
        self.listeners = []
        self.intruders = []

    def listen(self, *whom):
        self.listeners += [Listener(self.node, who, PORTS[who]) for who in whom]

    def write_documents(self):
        rules = [documents.permission("tcp", port, port, ALL) for port in PORTS.values()]
        documents.write(self.daemon.documents, "groups.json", documents.security_groups(
            [documents.security_group(GROUP, rules, rules)]))
        documents.write(self.daemon.documents, "cluster.json", documents.listed([
            documents.policy("default", "all", [GROUP], {"matchLabels": {"app": "grouped"}}),
            *(documents.pod(pod, NODE_NAME, {"app": "grouped"}) for pod in (WEB, OLD, LEDGER)),
            documents.pod(ORDINARY, NODE_NAME, {})]))

    def close(self):
        """What --close says."""
        return self.daemon.run_job("--close").stderr

    def has_table(self):
        return "inet podsg" in self.node.run("nft", "list", "tables").stdout

    def dropped(self, direction):
        argv = ("nft", "list", "chain", "inet", "podsg", f"closed-{direction}")
        return int(COUNTER.search(self.node.run(*argv).stdout).group(1))

    def connects(self, who, whom, family, *patience):
        addresses = self.node.network.db if whom == "db" else self.node.by_name[whom].addresses
        return can_connect(self.node, who, addresses[family], PORTS[whom], *patience)

    def passes(self, who, whom, family):
        return self.connects(who, whom, family, PATIENCE)

    def is_silent(self, who, whom, family):
        return not self.connects(who, whom, family)

    def intrude(self):
        """New flows both ways that the pod's rules do not permit either."""
        for family in (0, 1):
            db, pod = self.node.network.db[family], LEDGER.addresses[family]
            self.intruders += [Intruder(self.node, "ledger", pod, db, FORBIDDEN, "db"),
                               Intruder(self.node, "db", db, pod, FORBIDDEN, "ledger")]

    def stop_intruders(self):
        """How many of their packets have arrived, of each."""
        for intruder in self.intruders:
            intruder.stop()
        arrived = [len(intruder.arrivals) for intruder in self.intruders]
        tap.note(f"{sum(x.sent for x in self.intruders)} packets sent, {sum(arrived)} arrived")
        self.intruders = []
        return arrived

    def end(self):
        self.stop_intruders()
        for listener in self.listeners:
            listener.close()


@contextlib.contextmanager
def booting(*pods, tag):
    with Node(pods, tag=tag) as node, Daemon(node) as daemon:
        boot = Boot(node, daemon)
        try:
            yield boot
        finally:
            boot.end()


def empty_configuration(boot):
    said = boot.close()
    check("not-closed" in said and "no source" in said, said)
    check(not boot.has_table(), "there is a table")


def ec2_alone(boot):
    boot.daemon.configure(sources={"ec2": {"region": "us-west-2"}})
    said = boot.close()
    boot.daemon.configure()
    check("not-closed" in said, said)
    check(not boot.has_table(), "there is a table")


def closes(boot):
    boot.write_documents()
    said = boot.close()
    check("event=closed" in said and "there-before=1" in said, said)
    check("podsg-nft-sync --clean-up" in said, f"it does not say how to open: {said}")
    boot.node.add_pod(LEDGER)
    boot.listen("ledger")


def strict_pod_is_closed(boot):
    for family in (0, 1):
        for who, whom in (("ledger", "db"), ("db", "ledger"), ("node", "ledger"),
                          ("web", "ledger"), ("ordinary", "ledger"), ("old", "ledger")):
            check(boot.is_silent(who, whom, family), f"{who} reaches {whom}")


def others_are_untouched(boot):
    for family in (0, 1):
        for who, whom in (("web", "db"), ("db", "web"), ("node", "web"), ("ordinary", "web"),
                          ("ordinary", "db"), ("db", "ordinary"), ("web", "ordinary"),
                          ("node", "ordinary"), ("node", "db"),
                          ("old", "db"), ("db", "old"), ("web", "old")):
            check(boot.passes(who, whom, family), f"{who} does not reach {whom}")


def send_datagrams(boot, who, address):
    with netns.make_socket(boot.node.name(who), socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(COUNT):
            sender.sendto(b"counted", (address, FORBIDDEN))


def drops_are_counted(boot):
    before = boot.dropped("egress"), boot.dropped("ingress")
    send_datagrams(boot, "ledger", boot.node.network.db[0])
    send_datagrams(boot, "db", LEDGER.addresses[0])
    wait_for(lambda: boot.dropped("egress") >= before[0] + COUNT, "counted, from the pod")
    wait_for(lambda: boot.dropped("ingress") >= before[1] + COUNT, "counted, to the pod")


def link_local(name, interface):
    shown = json.loads(netns.run(["ip", "-j", "-6", "address", "show", "dev", interface],
                                 name=name).stdout)
    return next(one["local"] for one in shown[0]["addr_info"] if one["scope"] == "link")


def is_sent(sender, kind, hops, to):
    """Whether the output hook lets an ICMPv6 message go."""
    target = socket.inet_pton(socket.AF_INET6, to[0])
    sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
    try:
        sender.sendto(bytes((kind, 0)) + bytes(6) + target, to)
    except PermissionError:
        return False
    return True


def from_the_node(boot):
    node = boot.node.name("node")
    with netns.entered(node):
        index = socket.if_nametoindex(LEDGER.interface)
    to = (link_local(boot.node.name("ledger"), "eth0"), 0, 0, index)
    with netns.make_socket(node, socket.AF_INET6, socket.SOCK_RAW,
                           socket.IPPROTO_ICMPV6) as sender:
        for kind, hops, passes in ((SOLICITATION, 255, True), (SOLICITATION, 254, False),
                                   (REDIRECT + 1, 255, False), (ECHO, 255, False)):
            equal(is_sent(sender, kind, hops, to), passes, f"type {kind}, hop limit {hops}")


def device_of_another_kind(boot):
    """The host's own VLAN, as far as its name goes."""
    for line in (f"link add {LIKE_A_VLAN} type bridge", f"link set {LIKE_A_VLAN} up",
                 f"address add 198.51.100.1/24 dev {LIKE_A_VLAN}"):
        boot.node.run("ip", *line.split())
    before = boot.dropped("ingress")
    send_datagrams(boot, "node", "198.51.100.2")
    equal(boot.dropped("ingress"), before, "dropped")


def another_time(boot):
    before = boot.daemon.ruleset()
    said = boot.close()
    check("not-closed" in said and "table is there" in said, said)
    listing.same(boot.daemon.ruleset(), before, "the table")


def daemon_takes_over(boot):
    boot.intrude()
    send_more(boot.intruders)
    check(boot.dropped("egress") > 0 and boot.dropped("ingress") > 0, "nothing was dropped")
    boot.daemon.start()
    check("closed-" not in boot.daemon.ruleset(), boot.daemon.ruleset())
    send_more(boot.intruders)
    equal(boot.stop_intruders(), [0] * 4, "packets that have arrived")
    for family in (0, 1):
        for who, whom in (("ledger", "db"), ("db", "ledger"), ("old", "db")):
            check(boot.passes(who, whom, family), f"{who} does not reach {whom}")


def beside_the_daemon(boot):
    another_time(boot)
    check(boot.daemon.in_force(), "not in force")
    check(boot.passes("db", "ledger", 0), "the pod is closed")


def clean_up_opens(boot):
    """The intruders, whom nothing keeps now, are those that would have been seen before."""
    boot.daemon.stop()
    boot.daemon.run_job("--clean-up")
    boot.close()
    check(boot.has_table(), "not closed")
    boot.daemon.run_job("--clean-up")
    check(not boot.has_table(), "there is a table")
    boot.intrude()
    send_more(boot.intruders)
    wait_for(lambda: all(intruder.arrivals for intruder in boot.intruders), "all get through")


def has_failures(daemon):
    status = daemon.control("status", check=False) or {"sources": []}
    return any(source.get("failures", 0) > 0 for source in status["sources"])


def source_is_away(boot):
    """No documents; an API server that does not answer is what the first commit waits for."""
    documents.write(boot.daemon.directory, "kubeconfig", documents.kubeconfig("http://127.0.0.1:1"))
    boot.daemon.configure(sources={"kubernetes": {"kubeconfig": boot.daemon.path("kubeconfig")}})
    check("event=closed" in boot.close(), "not closed")
    boot.node.add_pod(LEDGER)
    boot.listen("ledger", "db")
    before = boot.daemon.ruleset()
    boot.daemon.launch()
    wait_for(lambda: has_failures(boot.daemon), "the API server has not answered")
    listing.same(boot.daemon.ruleset(), before, "the table")
    check(boot.is_silent("ledger", "db", 0), "the pod is open")
    boot.daemon.run_job("--clean-up")
    check(boot.passes("ledger", "db", 0), "the pod is closed")
    check(not boot.has_table(), "the daemon has closed it again")


def sequence(program, own):
    how = "" if own else ", of a table that nobody owns"
    with booting(WEB, OLD, ORDINARY, tag="own" if own else "free") as boot:
        boot.listen("web", "old", "ordinary", "db")
        boot.daemon.configure(nftSync={"ownTable": own})
        if own:
            program.case("an empty configuration closes nothing", empty_configuration, boot)
            program.case("EC2, which names no pods, closes nothing", ec2_alone, boot)
            boot.daemon.configure(nftSync={"ownTable": own})
        program.case("with documents, it closes and says how to open" + how, closes, boot)
        program.case("a strict pod that comes is closed, both families" + how,
                     strict_pod_is_closed, boot)
        if own:
            program.case("standard and ordinary pods, the node and pods that ran are untouched",
                         others_are_untouched, boot)
            program.case("what is dropped is counted", drops_are_counted, boot)
            program.case("the node may ask a strict pod by neighbour discovery only",
                         from_the_node, boot)
            program.case("a device that is only named like a strict pod's is untouched",
                         device_of_another_kind, boot)
        program.case("another time changes nothing" + how, another_time, boot)
        program.case("the daemon takes over; what no rule permits never passes" + how,
                     daemon_takes_over, boot)
        program.case("beside the daemon it changes nothing" + how, beside_the_daemon, boot)
        program.case("--clean-up opens" + how, clean_up_opens, boot)


def main():
    daemons.need()
    program = tap.Program()
    sequence(program, own=True)
    sequence(program, own=False)
    with booting(ORDINARY, tag="away") as boot:
        program.case("an API server that is away keeps strict pods closed; --clean-up opens",
                     source_is_away, boot)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
