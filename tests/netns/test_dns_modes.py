#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
Who is served by the cache on the node, who is refused, who goes round it: pods of every mode and
the node itself, by the cluster's DNS address and by the node-local one, UDP and TCP, IPv4 and
IPv6, while the cache is up, killed and stopped, and while groups and pods change.
"""

import concurrent.futures
import itertools
import signal
import sys

from lab import daemon as daemons
from lab import dns, documents, tap
from lab.daemon import NODE_NAME, Daemon
from lab.node import Network, Node, Pod, Service
from lab.tap import PATIENCE, check, equal, wait_for

MAY, MAY_NOT, MAY_UDP, VAULT = (f"sg-0{number:016x}" for number in (0xd1, 0xd2, 0xd3, 0xd4))
ALL = ["0.0.0.0/0", "::/0"]

PODS = [
    Pod("permitted", ("10.0.1.5", "2001:db8:0:1::5"), "standard", 5),
    Pod("denied", ("10.0.1.6", "2001:db8:0:1::6"), "standard", 6),
    Pod("half", ("10.0.1.7", "2001:db8:0:1::7"), "standard", 7),
    Pod("strict", ("10.0.1.8", "2001:db8:0:1::8"), "strict", 8),
    Pod("routed", ("10.0.0.61", "2001:db8::61"), "strict"),
    Pod("ordinary", ("10.0.0.60", "2001:db8::60")),
]
GROUP_OF = {"permitted": MAY, "denied": MAY_NOT, "half": MAY_UDP, "strict": VAULT, "routed": VAULT}
COREDNS = Pod("coredns", ("10.0.0.70", "2001:db8::70"))
NEW = Pod("new", ("10.0.1.9", "2001:db8:0:1::9"), "strict", 9)

CLUSTER = ("172.20.0.10", "fd12:3456::a")
LOCAL = ("169.254.20.10", "fd00:20::10")
EVERYWHERE = CLUSTER + LOCAL
SERVED, WENT_ROUND, NODE = "served", "went round", "the node"
REFUSED, SILENCE = "refused", "silence"
AWAY = 10.0  # seconds; a fraction of one where nobody else wants the processors


def services(servers):
    return [Service(address, protocol, dns.PORT, server, dns.PORT)
            for address, server in zip(CLUSTER, servers) for protocol in ("udp", "tcp")]


def group(name, *egress):
    return documents.security_group(name, [], [documents.permission(*rule) for rule in egress])


def usual_groups(servers):
    dns_rules = [(protocol, 53, 53, list(servers)) for protocol in ("udp", "tcp")]
    return {
        MAY: group(MAY, *dns_rules),
        # A rule for the cache's own address is not what EC2 would go by.
        MAY_NOT: group(MAY_NOT, ("tcp", 443, 443, ALL),
                       ("udp", 53, 53, [address + "/128" if ":" in address else address + "/32"
                                        for address in EVERYWHERE])),
        MAY_UDP: group(MAY_UDP, dns_rules[0]),
        VAULT: group(VAULT, *dns_rules),
    }


def cidrs(addresses):
    return [address + ("/128" if ":" in address else "/32") for address in addresses]


class Modes:
    def __init__(self, node, daemon, where, servers):
        self.node = node
        self.daemon = daemon
        self.servers = servers
        self.cluster = dns.ClusterServer(node.name(where), servers)
        self.cache = dns.Cache(node, daemon, EVERYWHERE, servers)
        self.groups = usual_groups(cidrs(self.servers))
        self.changes = 0
        daemon.configure(dns={"clusterServers": list(self.servers), "listen": list(EVERYWHERE)})
        self.write(list(node.pods))

    def write(self, pods=None):
        if pods is not None:
            items = [documents.pod(pod, NODE_NAME, {"app": pod.name}) for pod in pods]
            items += [documents.policy("default", name, [ids], {"matchLabels": {"app": name}})
                      for name, ids in GROUP_OF.items()]
            documents.write(self.daemon.documents, "cluster.json", documents.listed(items))
        documents.write(self.daemon.documents, "groups.json",
                        documents.security_groups(self.groups.values()))
        self.changes += 1
        self.daemon.write_sentinel(self.changes)
        if self.daemon.process:
            self.daemon.wait_sentinel(self.changes)

    def close(self):
        self.cache.kill()
        self.cluster.close()

    # What came of a question

    def _whose(self, who, seen):
        """Who asked the cluster's server: the pod itself, or the node in its place."""
        if seen in self.node.network.node:
            return NODE
        pod = self.node.by_name.get(who)
        return WENT_ROUND if pod and pod.owns(seen) else f"seen as {seen}"

    def ask(self, who, server, protocol, patience=PATIENCE):
        name = f"q{next(dns.numbers)}.example"
        answer = dns.exchange(self.node.name(who), server, protocol, dns.question(name), patience)
        if answer is None:
            return SILENCE
        if answer[3] & 15:
            return REFUSED if answer[3] & 15 == dns.REFUSED else f"rcode {answer[3] & 15}"
        equal(dns.name_in(answer), name, "the name of the answer")
        said = self._whose(who, self.cluster.asked.get(name))
        return SERVED if said == NODE and who != "node" else said

    def expect(self, expected):
        """expected: (who, which servers, protocols) and what has to come of it."""
        questions = [(who, server, protocol, outcome)
                     for (who, servers, protocols), outcome in expected
                     for server, protocol in itertools.product(servers, protocols)]

        def failure(question):
            who, server, protocol, outcome = question
            patience = dns.SILENCE if outcome == SILENCE else PATIENCE
            found = self.ask(who, server, protocol, patience)
            return f"{who} asks {server} by {protocol}: {found}, not {outcome}" \
                if found != outcome else ""
        # Silence is waited for meanwhile.
        with concurrent.futures.ThreadPoolExecutor() as pool:
            silent = pool.map(failure, [one for one in questions if one[3] == SILENCE])
            others = [failure(one) for one in questions if one[3] != SILENCE]
            failures = [text for text in (*others, *silent) if text]
        check(not failures, "\n".join(failures))

    # States

    BOTH = ("udp", "tcp")

    def strict_resolves(self):
        for who in ("strict", "routed"):
            self.expect([((who, EVERYWHERE, self.BOTH), WENT_ROUND)])

    def others_by_the_cluster(self, addresses):
        """Nobody is at home: kube-proxy's way, judged as any other packet."""
        self.expect([
            (("permitted", addresses, self.BOTH), WENT_ROUND),
            (("ordinary", addresses, self.BOTH), WENT_ROUND),
            (("node", addresses, self.BOTH), NODE),
            (("half", addresses, ("udp",)), WENT_ROUND),
            (("half", addresses[:1], ("tcp",)), SILENCE),
            (("denied", addresses[:1], self.BOTH), SILENCE),
        ])

    def up(self):
        self.expect([
            (("permitted", EVERYWHERE, self.BOTH), SERVED),
            (("ordinary", EVERYWHERE, self.BOTH), SERVED),
            (("node", EVERYWHERE, self.BOTH), NODE),
            (("half", EVERYWHERE, ("udp",)), SERVED),
            (("half", EVERYWHERE, ("tcp",)), REFUSED),
            (("denied", EVERYWHERE, self.BOTH), REFUSED),
        ])

    # Cases

    def before_there_is_a_cache(self):
        self.strict_resolves()
        self.others_by_the_cluster(CLUSTER)

    def with_the_cache(self):
        self.cache.start()
        self.up()

    def strict_with_the_cache(self):
        before = self.cache.counters()["passed"]
        self.strict_resolves()
        check(self.cache.counters()["passed"] > before, "strict packets are not counted")

    def nothing_is_tracked(self):
        """What the cache takes is in no conntrack entry: nobody can DNAT it away."""
        self.node.forget_flows()
        self.up()
        flows = self.node.run("conntrack", "-L", check=False).stdout
        for address in LOCAL[:1] + CLUSTER[:1]:
            check(f"dst={address} " not in flows, f"tracked all the same:\n{flows}")

    def wait_until_denied_is(self, outcome):
        """The cache reads branches.json a moment after it has been written."""
        wait_for(lambda: self.ask("denied", CLUSTER[0], "udp") == outcome, f"denied is {outcome}")

    def groups_change(self):
        self.groups[MAY_NOT] = group(MAY_NOT, ("udp", 53, 53, cidrs(self.servers)))
        self.write()
        self.wait_until_denied_is(SERVED)
        self.expect([(("denied", EVERYWHERE, ("udp",)), SERVED),
                     (("denied", EVERYWHERE, ("tcp",)), REFUSED)])
        self.groups = usual_groups(cidrs(self.servers))
        self.write()
        self.wait_until_denied_is(REFUSED)
        self.expect([(("denied", EVERYWHERE, self.BOTH), REFUSED)])

    def strict_group_changes(self):
        self.groups[VAULT] = group(VAULT, ("tcp", 443, 443, ALL))
        self.write()
        self.node.forget_flows()
        self.expect([(("strict", (server,), ("udp",)), SILENCE) for server in
                     (CLUSTER[0], LOCAL[0])])
        self.groups = usual_groups(cidrs(self.servers))
        self.write()
        self.strict_resolves()

    def a_strict_pod_that_nobody_has_told_of(self):
        """Made a moment ago: in no document, in no list. The name of its interface has to do."""
        self.node.add_pod(NEW)
        try:
            self.expect([(("new", CLUSTER, self.BOTH), WENT_ROUND)])
        finally:
            self.node.remove_pod(NEW)

    def foreign_untracked(self):
        """A cache that knows no modes: who may not ask is dropped, not served."""
        self.cache.kill()
        self.node.nft("table inet foreign { chain p { type filter hook prerouting priority -300;\n"
                      "th dport 53 notrack\n}\n"
                      "chain o { type filter hook output priority -300;\nth sport 53 notrack\n}\n}")
        cache = dns.Forwarder(self.node.name("node"), LOCAL, self.servers)
        try:
            self.expect([(("denied", LOCAL[:1], ("udp",)), SILENCE),
                         (("half", LOCAL[:1], ("tcp",)), SILENCE),
                         (("permitted", LOCAL, self.BOTH), SERVED)])
        finally:
            cache.close()
            self.node.nft("delete table inet foreign")
            self.cache.start()

    def no_rules_killed_too(self):
        """Our daemon beside it is away as well: its rules stay."""
        self.daemon.kill()
        try:
            self.up()
            self.strict_resolves()
        finally:
            self.daemon.start()

    def killed(self):
        self.cache.kill()
        wait_for(lambda: self.ask("permitted", CLUSTER[0], "udp", dns.SILENCE) == WENT_ROUND,
                 "resolved", AWAY)
        self.strict_resolves()
        self.others_by_the_cluster(EVERYWHERE)

    def up_again(self):
        self.cache.start()
        self.up()
        self.strict_resolves()

    def stopped(self):
        self.cache.stop()
        self.strict_resolves()
        self.others_by_the_cluster(CLUSTER)
        tables = self.node.run("nft", "list", "tables").stdout
        check("podsg-dns" not in tables, f"left behind: {tables}")
        links = self.node.run("ip", "link").stdout
        check("nodelocaldns" not in links, f"left behind: {links}")

    def stopped_again(self):
        self.cache.start()
        self.stopped()

    def probes_are_judged(self):
        """Without node-probe, answers of the cache come all the same."""
        self.daemon.stop(signal.SIGTERM)
        self.daemon.config["exempt"] = {"node-probe": False}
        self.daemon.start()
        self.cache.start()
        self.up()
        self.cache.stop()

    def explained(self):
        rows = [("default/permitted", LOCAL[0], "udp/53", True),
                ("default/denied", LOCAL[0], "udp/53", False),
                ("default/half", LOCAL[1], "tcp/53", False),
                ("default/half", LOCAL[1], "udp/53", True),
                ("default/strict", LOCAL[0], "udp/53", True)]
        for source, destination, what, permitted in rows:
            answer = self.daemon.control("explain", source, destination, what)
            equal(daemons.explained(answer), permitted, f"{source} to {destination} {what}")
        answer = self.daemon.control("explain", "default/strict", LOCAL[0], "udp/53")
        equal(answer["destination"], self.servers[0], "where the strict pod's query goes")


def elsewhere(program):
    """The cluster's DNS servers are on another node."""
    servers = Network().db
    with Node(PODS, services(servers), tag="dns") as node, Daemon(node) as daemon:
        modes = Modes(node, daemon, "db", servers)
        try:
            daemon.start()
            for name, case in (
                    ("without a cache all go by the cluster's address",
                     modes.before_there_is_a_cache),
                    ("the cache serves and refuses as groups say", modes.with_the_cache),
                    ("strict pods go round it", modes.strict_with_the_cache),
                    ("what the cache takes is not tracked", modes.nothing_is_tracked),
                    ("explain says the same", modes.explained),
                    ("a group that changes, changes who is served", modes.groups_change),
                    ("a strict pod's own groups judge its way", modes.strict_group_changes),
                    ("a strict pod that nobody has told of",
                     modes.a_strict_pod_that_nobody_has_told_of),
                    ("nft-sync away: nothing changes", modes.no_rules_killed_too),
                    ("another cache does not serve who may not ask", modes.foreign_untracked),
                    ("killed: everybody is back on the cluster's DNS", modes.killed),
                    ("and served again once it is back", modes.up_again),
                    ("stopped: nothing is left behind", modes.stopped),
                    ("answers come though probes are judged", modes.probes_are_judged)):
                program.case(name, case)
        finally:
            modes.close()


def on_this_node(program):
    """One of them is a pod of this node: what a strict pod asks it, passes the node twice."""
    with Node([*PODS, COREDNS], services(COREDNS.addresses), tag="near") as node, \
            Daemon(node) as daemon:
        modes = Modes(node, daemon, COREDNS.name, COREDNS.addresses)
        try:
            daemon.start()
            for name, case in (
                    ("without a cache", modes.before_there_is_a_cache),
                    ("the cache serves and refuses", modes.with_the_cache),
                    ("strict pods go round it", modes.strict_with_the_cache),
                    ("killed", modes.killed),
                    ("stopped", modes.stopped_again)):
                program.case(f"DNS on this node: {name}", case)
        finally:
            modes.close()


def main():
    program = tap.Program()
    daemons.need(dns.missing)
    elsewhere(program)
    on_this_node(program)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
