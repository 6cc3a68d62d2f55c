#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
What must hold while things happen: documents change, the daemon dies, others meddle with the
rules. Real connections run through the node meanwhile.
"""

import contextlib
import errno
import os
import re
import socket
import sys
import time

from lab import daemon as daemons
from lab import documents, netns, packets, tap
from lab.daemon import NODE_NAME, Daemon
from lab.nflog import DropLog
from lab.node import Node, Pod, Service
from lab.probes import Probe, Prober
from lab.streams import (Intruder, Listener, Stream, can_connect, connect, echoes, exchange_more,
                         send_more, socket_family)
from lab.tap import PATIENCE, check, equal, wait_for

WEB, API, LEDGER, VAULT = (f"sg-0{number:016x}" for number in (0xa1, 0xa2, 0xb1, 0xb2))
ALL = ["0.0.0.0/0", "::/0"]
# Seconds; a tenth of one where nobody else wants the processors.
CUT_WITHIN = REPAIRED_WITHIN = 10.0

PODS = [
    Pod("web", ("10.0.1.5", "2001:db8:0:1::5"), "standard", 5),
    Pod("api", ("10.0.1.6", "2001:db8:0:1::6"), "standard", 6),
    Pod("ledger", ("10.0.1.7", "2001:db8:0:1::7"), "strict", 7),
    Pod("vault", ("10.0.1.8", "2001:db8:0:1::8"), "strict", 8),
    Pod("ordinary", ("10.0.0.60", "2001:db8::60")),
]
GROUP_OF = {"web": WEB, "api": API, "ledger": LEDGER, "vault": VAULT}
PORT_OF = {"web": 8080, "api": 8080, "ledger": 9000, "vault": 9443, "db": 5432, "inet": 443}
SERVICES = [
    Service("172.20.0.20", "tcp", 443, "10.0.1.8", 9443),
    Service("172.20.0.21", "tcp", 80, "10.0.1.5", 8080),
    Service("172.20.0.22", "tcp", 80, "10.0.1.7", 9000),
]
MASQUERADE = """
table ip masquerade-all {
	chain postrouting {
		type nat hook postrouting priority 100;
		ip saddr 10.0.0.0/16 ip daddr != 10.0.0.0/16 masquerade
	}
}
"""


def group(name, ingress=(), egress=()):
    return documents.security_group(name, [documents.permission(*rule) for rule in ingress],
                                    [documents.permission(*rule) for rule in egress])


def usual_groups():
    return {
        WEB: group(WEB, [("tcp", 8080, 8080, ALL)], [("-1", None, None, ALL)]),
        API: group(API, [("tcp", 8080, 8080, [WEB]), ("udp", 8080, 8080, [WEB])]),
        LEDGER: group(LEDGER, [("tcp", 9000, 9000, [VAULT])], [("tcp", 9443, 9443, [VAULT])]),
        VAULT: group(VAULT, [("tcp", 9443, 9443, [LEDGER])],
                     [("tcp", 443, 443, ALL), ("tcp", 9000, 9000, [LEDGER]),
                      ("udp", 7000, 7000, ALL)]),
    }


class Live:
    """A node, its daemon and the documents that tests change. Every case begins as usual."""

    def __init__(self, node, daemon):
        self.node = node
        self.daemon = daemon
        self.groups = usual_groups()
        self.listeners = {who: Listener(node, who, port) for who, port in PORT_OF.items()}
        self.changes = 0
        items = [documents.pod(pod, NODE_NAME, {"app": pod.name}) for pod in node.pods]
        items += [documents.policy("default", name, [ids], {"matchLabels": {"app": name}})
                  for name, ids in GROUP_OF.items()]
        documents.write(daemon.documents, "cluster.json", documents.listed(items))
        self.write()

    def write(self):
        """The groups as they stand now; returns once the daemon has them."""
        self.post()
        if self.daemon.process:
            self.daemon.wait_sentinel(self.changes)

    def post(self):
        self.changes += 1
        documents.write(self.daemon.documents, "groups.json",
                        documents.security_groups(self.groups.values()))
        self.daemon.write_sentinel(self.changes)

    def set(self, name, ingress=(), egress=()):
        self.groups[name] = group(name, ingress, egress)
        self.write()

    def restore(self):
        self.node.nft("flush ruleset\n" + self.node.foreign_rules() if self.foreign_gone() else "")
        self.groups = usual_groups()
        if self.daemon.process is None or self.daemon.process.poll() is not None:
            self.daemon.process = None
            self.daemon.configure()
            self.daemon.start()
        self.write()

    def forget_table(self):
        """The next start makes the table anew, with an owner where the kernel knows that."""
        self.daemon.kill()
        self.node.run("nft", "delete", "table", "inet", "podsg")

    def foreign_gone(self):
        return "aws-cni-like" not in self.node.run("nft", "list", "tables").stdout

    def connects(self, who, address, port):
        """Whether, where it should not: silence is waited for."""
        return can_connect(self.node, who, address, port)

    def reaches(self, who, address, port):
        return can_connect(self.node, who, address, port, PATIENCE)

    @contextlib.contextmanager
    def streams(self):
        """Established flows of both modes, both families, on the node and across the fabric."""
        running = [
            Stream(self.node, "web", "10.0.1.6", 8080),
            Stream(self.node, "web", "2001:db8:0:1::6", 8080),
            Stream(self.node, "ledger", "10.0.1.8", 9443),
            Stream(self.node, "ledger", "2001:db8:0:1::8", 9443),
            Stream(self.node, "db", "10.0.1.5", 8080),
            Stream(self.node, "vault", "203.0.113.10", 443),
        ]
        try:
            yield running
        finally:
            for stream in running:
                stream.stop()

    @contextlib.contextmanager
    def intruders(self):
        """Senders of denied packets: same node in both modes, from the fabric, IPv6."""
        running = [
            Intruder(self.node, "web", "10.0.1.5", "10.0.1.6", 53, "api"),
            Intruder(self.node, "ledger", "10.0.1.7", "10.0.1.8", 53, "vault"),
            Intruder(self.node, "db", "10.0.2.20", "10.0.1.6", 53, "api"),
            Intruder(self.node, "db", "2001:db8:0:2::20", "2001:db8:0:1::8", 53, "vault"),
        ]
        try:
            yield running
        finally:
            for intruder in running:
                intruder.stop()


def nothing_arrives(intruders):
    """After some more packets; whatever came so far counts."""
    send_more(intruders)
    arrived = [f"intruder {i}: {len(x.arrivals)} of {x.sent} in {x.window():.3f} s"
               for i, x in enumerate(intruders) if x.arrivals]
    check(not arrived, "denied packets arrived: " + "; ".join(arrived))
    tap.note(f"{sum(x.sent for x in intruders)} denied packets sent, none arrived")


def rules_only(listing):
    return re.sub(r"counter packets \d+ bytes \d+", "counter", listing)


def contents(listing):
    """What is in the table, whatever order a hash has put it in and whoever owns the table."""
    listing = re.sub(r"flags owner|# progname \S+", "", rules_only(listing))
    return sorted(filter(None, re.split(r"[,\n{}=]\s*", listing)))


# Documents

def a_new_rule_opens(live):
    check(not live.connects("web", "10.0.1.7", 9000), "web reached ledger before the rule")
    live.groups[LEDGER] = group(LEDGER, [("tcp", 9000, 9000, [WEB])])
    begin = time.monotonic()
    live.post()
    wait_for(lambda: can_connect(live.node, "web", "10.0.1.7", 9000, 0.1),
             "the new rule lets web reach ledger", step=0.001)
    tap.note(f"document written to first connection: {(time.monotonic() - begin) * 1000:.0f} ms")


def a_withdrawn_rule_closes_and_keeps(live):
    with contextlib.closing(Listener(live.node, "api", 8081)):
        stream = Stream(live.node, "web", "10.0.1.6", 8080)
        live.set(API, [("udp", 8080, 8080, [WEB])])
        check(not live.connects("web", "10.0.1.6", 8080), "a new connection was let through")
        exchange_more([stream])
        stream.stop()


def a_withdrawn_rule_cuts(live):
    live.daemon.stop()
    live.daemon.configure(establishedFlows="cut")
    live.daemon.start()
    cut = Stream(live.node, "web", "10.0.1.6", 8080)
    kept = Stream(live.node, "ledger", "10.0.1.8", 9443)
    live.set(API, [("udp", 8080, 8080, [WEB])])
    before = cut.exchanges

    def is_cut():
        late = cut.exchanges
        exchange_more([kept], 100)
        return cut.exchanges == late
    wait_for(is_cut, "the stream without permission stops", CUT_WITHIN)
    tap.note(f"{cut.exchanges - before} exchanges after the rule was gone")
    for stream in (cut, kept):
        stream.running = False
        stream.socket.close()
    live.daemon.stop()


def a_broken_document_changes_nothing(live):
    before = rules_only(live.daemon.ruleset())
    path = os.path.join(live.daemon.documents, "groups.json")
    with open(path, encoding="utf-8") as file:
        whole = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(whole[:len(whole) // 2])
    wait_for(lambda: "groups.json" in live.daemon.log_tail(5),
             "the log names the broken document")
    equal(rules_only(live.daemon.ruleset()), before, "rules after a broken document")
    status = live.daemon.control_text("status")
    check("groups.json" in status, f"status does not name the broken document:\n{status}")


def a_new_pod_is_filtered(live):
    """The pod's object is there before its interface, as the annotation is on a real node."""
    newcomer = Pod("newcomer", ("10.0.1.20", "2001:db8:0:1::20"), "strict", 20)
    items = [documents.pod(newcomer, NODE_NAME, {"app": "api"})]
    documents.write(live.daemon.documents, "newcomer.json", documents.listed(items))
    wait_for(lambda: "newcomer" in live.daemon.branches(), "the new pod is known")
    live.node.add_pod(newcomer)
    try:
        with contextlib.closing(Listener(live.node, "newcomer", 8080)):
            check(not live.connects("ordinary", "10.0.1.20", 8080),
                  "the new pod is open to whom its groups do not name")
            check(live.reaches("web", "10.0.1.20", 8080), "web does not reach the new pod")
    finally:
        os.unlink(os.path.join(live.daemon.documents, "newcomer.json"))
        live.node.remove_pod(newcomer)
    wait_for(lambda: newcomer.interface not in live.daemon.ruleset(),
             "the rules of a pod that is gone are gone")


# The daemon's death

def restart_under_traffic(live, stop):
    with live.streams() as streams, live.intruders() as intruders:
        send_more(intruders)
        stop()
        exchange_more(streams)
        nothing_arrives(intruders)
        begin = time.monotonic()
        live.daemon.start()
        tap.note(f"restarted in {(time.monotonic() - begin) * 1000:.0f} ms")
        exchange_more(streams)
        nothing_arrives(intruders)


def killed_and_restarted(live):
    restart_under_traffic(live, live.daemon.kill)


def stopped_and_restarted(live):
    def stop():
        equal(live.daemon.stop(), 0, "exit status")
    restart_under_traffic(live, stop)


def restart_changes_nothing(live):
    before = rules_only(live.daemon.ruleset(handles=True))
    live.daemon.kill()
    live.daemon.start()
    time.sleep(0.2)
    equal(rules_only(live.daemon.ruleset(handles=True)), before, "rules and handles")


def changes_while_dead_are_applied(live):
    live.daemon.kill()
    live.set(API, [("tcp", 8080, 8080, [VAULT])])
    check(live.reaches("web", "10.0.1.6", 8080), "rules did not stay while the daemon was dead")
    live.daemon.start()
    check(not live.connects("web", "10.0.1.6", 8080), "the change was not applied at start")


# Meddling

def start_without_ownership(live):
    """
    As on kernels before 6.9, which let anybody change the table: one that is there already and
    has no owner cannot be given one.
    """
    live.daemon.kill()
    live.node.run("nft", "delete", "table", "inet", "podsg")
    live.node.run("nft", "add", "table", "inet", "podsg")
    live.daemon.start()
    check("flags owner" not in live.daemon.ruleset(), "the table has an owner")


def owned_table_is_left_alone(live):
    """Where the kernel knows owners, nobody else gets at the rules at all."""
    if "flags owner" not in live.daemon.ruleset():
        tap.note("this kernel has no table owner that survives the daemon")
        return
    with live.streams() as streams, live.intruders() as intruders:
        for meddle in (flushed, table_deleted, chain_flushed, rule_inserted):
            with contextlib.suppress(RuntimeError):
                meddle(live)
        exchange_more(streams)
        nothing_arrives(intruders)


def repaired_within(live, before):
    """A table that is not there has no contents."""
    def is_back():
        with contextlib.suppress(RuntimeError):
            return contents(live.daemon.ruleset()) == before
        return False
    with contextlib.suppress(tap.Failure):
        wait_for(is_back, "", REPAIRED_WITHIN)
    equal(contents(live.daemon.ruleset()), before, "the rules after the repair")


def repaired(live, what, meddle):
    """Streams live, hardly anything gets through meanwhile, an event names the culprit."""
    start_without_ownership(live)
    mark = len(live.daemon.log_text())
    before = contents(live.daemon.ruleset())
    with live.streams() as streams, live.intruders() as intruders:
        send_more(intruders)
        begin = time.monotonic()
        meddle()
        repaired_within(live, before)
        marks = [intruder.sent for intruder in intruders]
        send_more(intruders)
        arrivals = [arrival for x in intruders for arrival in x.arrivals]
        last = max(arrivals, default=(begin, 0))[0]
        tap.note(f"{what}: {len(arrivals)} denied packets got through in "
                 f"{(last - begin) * 1000:.0f} ms")
        equal([number for x, mark in zip(intruders, marks) for _, number in x.arrivals
               if number > mark], [], "denied packets that were sent after the repair")
        exchange_more(streams)
    log = live.daemon.log_text()[mark:]
    check(re.search(r"process=\"?(nft|conntrack)|comm=\"?nft|by=\"?nft|\bnft\b", log),
          f"no event names nft:\n{log}")


def flushed(live):
    live.node.run("nft", "flush", "ruleset")


def table_deleted(live):
    live.node.run("nft", "delete", "table", "inet", "podsg")


def chain_flushed(live):
    listing = live.daemon.ruleset()
    chain = re.search(r"chain (\S+) \{\s+(?:comment \"[^\"]*\"\s+)?type filter hook forward",
                      listing).group(1)
    live.node.run("nft", "flush", "chain", "inet", "podsg", chain)


def rule_inserted(live):
    listing = live.daemon.ruleset()
    chain = re.search(r"chain (\S+) \{\s+(?:comment \"[^\"]*\"\s+)?type filter hook forward",
                      listing).group(1)
    live.node.run("nft", "insert", "rule", "inet", "podsg", chain, "accept")


# Packets

def answers_to_dropped_packets_are_new(live, prober):
    """vault may send to ledger, ledger drops it; ledger's "answer" needs a rule of its own."""
    port = prober.fresh_port()
    there = Probe("vault", "10.0.1.8", "10.0.1.7", packets.UDP, 7000, port)
    back = Probe("ledger", "10.0.1.7", "10.0.1.8", packets.UDP, port, 7000)
    live.node.forget_flows()
    equal(prober.probe([there])[0].arrived("ledger"), False, "a packet that ledger does not permit")
    equal(prober.probe([back])[0].arrived("vault"), False, "ledger's answer to it")


def answers_to_permitted_packets_pass(live, prober):
    live.set(LEDGER, [("udp", 7000, 7000, [VAULT])])
    port = prober.fresh_port()
    there = Probe("vault", "10.0.1.8", "10.0.1.7", packets.UDP, 7000, port)
    back = Probe("ledger", "10.0.1.7", "10.0.1.8", packets.UDP, port, 7000)
    live.node.forget_flows()
    arrived = prober.probe([there], [(there, "ledger")])[0].arrived("ledger")
    equal(arrived, True, "a permitted packet")
    equal(prober.probe([back], [(back, "vault")])[0].arrived("vault"), True, "its answer")


def no_source_nat_for_strict(live):
    live.node.nft(MASQUERADE)
    try:
        inet = live.listeners["inet"]
        for who, expected in (("vault", "10.0.1.8"), ("web", "10.0.0.10")):
            inet.peers.clear()
            check(live.reaches(who, "203.0.113.10", 443), f"{who} does not reach the internet")
            wait_for(lambda: inet.peers, "the internet host sees the connection")
            equal(inet.peers[0], expected, f"the address that {who} is seen with")
    finally:
        live.node.run("nft", "delete", "table", "ip", "masquerade-all")


def udp_socket(live, who, address, port):
    sock = netns.make_socket(live.node.name(who), socket_family(address), socket.SOCK_DGRAM)
    sock.settimeout(PATIENCE)
    sock.connect((address, port))
    return sock


def port_unreachable_passes(live):
    """api sends an ICMP error that no rule of anybody permits."""
    for address in PODS[1].addresses:
        with udp_socket(live, "web", address, 8080) as sock:
            sock.send(b"anybody there?")
            try:
                sock.recv(16)
                error = 0
            except OSError as failed:
                error = failed.errno
            equal(error, errno.ECONNREFUSED, f"what web learns about {address}")


def path_mtu_is_learnt(live):
    """The way to the internet host is narrower than the pod's interface; only ICMP says so."""
    for address in live.node.network.internet:
        sock = connect(live.node, "vault", address, 443)
        check(sock, f"vault does not reach {address}")
        with sock:
            sock.settimeout(PATIENCE)
            sock.sendall(b"x" * 200000)
            got = 0
            while got < 200000:
                got += len(sock.recv(65536))


def cluster_ip_between_strict_pods(live):
    for _ in range(5):
        sock = connect(live.node, "ledger", "172.20.0.20", 443)
        check(sock, "ledger does not reach vault through the Service")
        with sock:
            check(echoes(sock), "the connection carries no data")
    check(not live.connects("web", "172.20.0.20", 443), "web reached vault through the Service")


def hairpin(live):
    for who, address in (("web", "172.20.0.21"), ("ledger", "172.20.0.22")):
        sock = connect(live.node, who, address, 80)
        check(sock, f"{who} does not reach itself through its Service")
        with sock:
            check(echoes(sock), f"{who}'s connection to itself carries no data")


def fragments_are_judged_whole(live, prober):
    probes, expected = [], []
    for source, destination in zip(PODS[0].addresses, PODS[1].addresses):
        for port, arrives in ((8080, {0, 1}), (8082, set())):
            probes.append(Probe("web", source, destination, packets.UDP, port, prober.fresh_port(),
                                fragmented=True))
            expected.append(arrives)
    results = prober.probe(probes, [(p, "api") for p in probes if p.port == 8080])
    equal([r.seen.get("api", set()) for r in results], expected, "parts that arrived")


def strict_path(live):
    """Somebody routes past the fabric: a strict pod talks to nothing but its branch device."""
    node, ledger = live.node, live.node.by_name["ledger"]
    live.set(LEDGER, [("-1", None, None, ALL)], [("-1", None, None, ALL)])
    check(live.reaches("ordinary", "10.0.1.7", 9000), "ordinary does not reach ledger")
    node.run("ip", "route", "add", "10.0.1.7/32", "dev", ledger.interface, "table", "999")
    node.run("ip", "rule", "add", "pref", "5", "to", "10.0.1.7", "lookup", "999")
    try:
        for who in ("ordinary", "node", "web"):
            check(not live.connects(who, "10.0.1.7", 9000), f"{who} reached ledger directly")
    finally:
        node.run("ip", "rule", "del", "pref", "5")
        node.run("ip", "route", "flush", "table", "999")


def drops_of(live, name):
    pods = {pod["name"]: pod["drops"] for pod in live.daemon.control("pods")["pods"]}
    return pods[name]


def drops_are_counted_and_logged(live):
    """By interface, direction and reason: vault's groups do not name web."""
    before = {name: drops_of(live, name) for name in ("web", "vault")}
    with DropLog(live.node.name("node"), 100) as log:
        check(not live.connects("web", "10.0.1.8", 9443), "web reached vault")
        prefixes = log.read()
    check("podsg ingress rules: " in prefixes, f"the drop log says {prefixes}")
    after = {name: drops_of(live, name) for name in ("web", "vault")}
    check(after["vault"].get("ingress-rules", 0) > before["vault"].get("ingress-rules", 0),
          f"vault's drops do not grow: {before} {after}")
    equal(after["web"], before["web"], "drops of web, which dropped nothing")


def listing_names_everything(live):
    listing = live.daemon.ruleset()
    missing = [word for pod in live.node.pods if pod.mode for word in
               (pod.interface, pod.name, GROUP_OF[pod.name]) if word not in listing]
    equal(missing, [], "interfaces, pods and groups that the listing does not name")


def cases(live, prober):
    yield "nft lists the table; interfaces, pods and groups are in it by name", \
        lambda: listing_names_everything(live)
    yield "dropped packets are counted by interface, direction and reason, and logged", \
        lambda: drops_are_counted_and_logged(live)
    yield "a new rule lets connections through without a restart", lambda: a_new_rule_opens(live)
    yield "a withdrawn rule refuses new flows and keeps established ones", \
        lambda: a_withdrawn_rule_closes_and_keeps(live)
    yield "establishedFlows: cut ends exactly the flows that lost their permission", \
        lambda: a_withdrawn_rule_cuts(live)
    yield "a broken document leaves what stands and is named by log and status", \
        lambda: a_broken_document_changes_nothing(live)
    yield "a pod that comes is filtered from its first packet, and its rules go with it", \
        lambda: a_new_pod_is_filtered(live)
    yield "kill -9 and restart: no stream breaks, no denied packet arrives", \
        lambda: killed_and_restarted(live)
    yield "stop and restart: no stream breaks, no denied packet arrives", \
        lambda: stopped_and_restarted(live)
    yield "a restart changes no rule and no handle", lambda: restart_changes_nothing(live)
    yield "rules stay while the daemon is dead; what changed meanwhile is applied at start", \
        lambda: changes_while_dead_are_applied(live)
    yield "a table with an owner withstands flush, delete and insert by nft", \
        lambda: owned_table_is_left_alone(live)
    for what, meddle in (("flush ruleset", flushed), ("delete table", table_deleted),
                         ("flush chain", chain_flushed), ("insert rule", rule_inserted)):
        yield f"a foreign nft {what} is repaired at once, an event names nft", \
            lambda what=what, meddle=meddle: repaired(live, what, lambda: meddle(live))
    live.forget_table()
    yield "an answer to a packet that this end dropped is new traffic", \
        lambda: answers_to_dropped_packets_are_new(live, prober)
    yield "an answer to a permitted packet passes without a rule", \
        lambda: answers_to_permitted_packets_pass(live, prober)
    yield "a strict pod keeps its address though another tool masquerades", \
        lambda: no_source_nat_for_strict(live)
    yield "ICMP port unreachable reaches the sender", lambda: port_unreachable_passes(live)
    yield "path MTU discovery works from a strict pod, both families", \
        lambda: path_mtu_is_learnt(live)
    yield "a Service between strict pods of one node works, for those the rules name", \
        lambda: cluster_ip_between_strict_pods(live)
    yield "a pod reaches itself through a Service in both modes", lambda: hairpin(live)
    yield "fragments are judged as their whole", lambda: fragments_are_judged_whole(live, prober)
    yield "a strict pod exchanges packets with its branch device only", lambda: strict_path(live)


def main():
    daemons.need()
    program = tap.Program()
    with Node(PODS, SERVICES) as node, Daemon(node) as daemon, Prober(node) as prober:
        live = Live(node, daemon)
        daemon.start()
        for name, function in cases(live, prober):
            live.restore()
            program.case(name, function)
        daemon.keep = program.failed > 0
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
