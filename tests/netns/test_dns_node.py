#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
What the daemon makes of the node: as flags say, as branches.json says while it runs (nobody else
is here: the file is the test's), and whether it notices a path that is cut.
"""

import json
import os
import socket
import sys
import urllib.error
import urllib.request

from lab import dns, netns, tap
from lab.node import Node, Service
from lab.tap import PATIENCE, check, equal, wait_for
from test_dns_death import BINARY, CLUSTER, INTERFACE, LOCAL, WEB, World

HEALTH_PORT = 8181


class Cases:
    def __init__(self, node, cluster):
        self.node = node
        self.cluster = cluster

    def links(self):
        return {link["ifname"] for link in
                json.loads(self.node.run("ip", "-j", "link").stdout)}

    def asked_by(self, world, server, protocol="udp", patience=PATIENCE):
        """Who asked the cluster's server; None: no answer."""
        name = f"q{next(dns.numbers)}.example"
        answered = world.ask(server, protocol, patience, name=name) == 0
        return self.cluster.asked.get(name) if answered else None

    # Flags

    def named(self):
        with World(self.node, "-interfacename", "dnslocal") as world:
            world.manager.start()
            check("dnslocal" in self.links() and INTERFACE not in self.links(), self.links())
            world.expect_resolved()
            world.manager.stop()
            check("dnslocal" not in self.links(), self.links())

    def interface_only(self):
        with World(self.node, "-setupiptables=false") as world:
            world.manager.start()
            equal(world.tables(), set(), "tables")
            world.expect_resolved((LOCAL[0],))
            world.manager.stop()
            equal(world.addresses(), None, "the interface")

    def tables_only(self):
        with World(self.node, "-setupinterface=false") as world:
            world.manager.start()
            equal(world.addresses(), None, "the interface")
            equal(world.tables(), {"podsg-dns", "podsg-dns-away"}, "tables")
            self.node.run("ip", "address", "add", LOCAL[0] + "/32", "dev", "lo")
            try:
                world.expect_resolved((LOCAL[0],))
                world.manager.stop()
                equal(world.tables(), set(), "tables afterwards")
            finally:
                self.node.run("ip", "address", "delete", LOCAL[0] + "/32", "dev", "lo")

    def left_where_it_is(self):
        """-skipteardown: the way round stays, too."""
        with World(self.node, "-skipteardown") as world:
            world.manager.start()
            world.manager.stop()
            equal(world.tables(), {"podsg-dns-away"}, "tables afterwards")
            check(world.addresses(), "the interface is gone")
            world.expect_resolved()
            world.clean_up()
            check(world.is_gone(), f"left behind: {world.addresses()}, {world.tables()}")

    def other_port(self):
        with World(self.node, "-dns.port", "5353") as world:
            world.manager.start()
            client = netns.make_socket(self.node.name("web"), dns.family_of(LOCAL[0]),
                                       socket.SOCK_DGRAM)
            with client:
                client.settimeout(PATIENCE)
                client.connect((LOCAL[0], 5353))
                client.send(dns.question(f"q{next(dns.numbers)}.example"))
                equal(client.recv(512)[3] & 15, 0, "rcode at port 5353")

    def health_is_not_tracked(self):
        """kubelet asks where the pods ask: nobody may DNAT that away."""
        with World(self.node, "-health-port", str(HEALTH_PORT)) as world:
            self.serve_health(world)
            world.manager.start()
            self.node.forget_flows()
            for port, tracked in ((HEALTH_PORT, False), (HEALTH_PORT + 1, True)):
                equal(self.get_health(port), 200, f"/health on port {port}")
                flows = self.node.run("conntrack", "-L", "-p", "tcp", check=False).stdout
                equal(f"dport={port} " in flows, tracked, f"port {port} is tracked")

    # Health

    def serve_health(self, world):
        world.write("Corefile", f". {{\n    cache 3600\n    forward . {self.node.network.db[0]}\n"
                    f"    health {LOCAL[0]}:{HEALTH_PORT}\n"
                    f"    prometheus {LOCAL[0]}:{HEALTH_PORT + 1}\n}}\n")

    def get_health(self, port=HEALTH_PORT):
        with netns.entered(self.node.name("node")):
            try:
                with urllib.request.urlopen(f"http://{LOCAL[0]}:{port}/health",
                                            timeout=PATIENCE) as reply:
                    return reply.status
            except urllib.error.HTTPError as error:
                return error.code

    def path_is_cut(self):
        """Its port is open, its workers turn; but queries do not reach it."""
        with World(self.node) as world:
            self.serve_health(world)
            world.manager.start()
            equal(self.get_health(), 200, "at first")
            for address in (LOCAL[0], CLUSTER[1]):
                family = "ip6" if ":" in address else "ip"
                self.node.nft("table inet firewall { chain input {\n"
                              "type filter hook input priority 0;\n"
                              f"{family} daddr {address} udp dport 53 drop\n}}\n}}")
                wait_for(lambda: self.get_health() == 503, f"{address} is cut and noticed")
                self.node.nft("delete table inet firewall")
                wait_for(lambda: self.get_health() == 200, "it is well again")
            check(not world.manager.life.ended, "it ended")

    # branches.json

    def strict_while_it_runs(self):
        """By names that tell nothing: from one version of the file to the next."""
        web = {"interface": WEB.interface, "device": "", "pod": "default/web", "uid": "u",
               "addresses": list(WEB.addresses),
               "dns": {"udp": True, "tcp": True, "reason": ""}}
        with World(self.node) as world:
            world.manager.start()
            for version, mode in enumerate(("standard", "strict", "standard", "strict", None)):
                if mode:
                    world.write("new", json.dumps({"version": 1, "generation": version,
                                                   "branches": [{**web, "mode": mode}]}))
                    os.rename(world.path("new"), world.path("branches.json"))
                else:
                    os.unlink(world.path("branches.json"))
                own = mode == "strict"
                wait_for(lambda: (self.asked_by(world, CLUSTER[0], patience=dns.SILENCE)
                                  in WEB.addresses) == own, f"mode {mode} is followed")
                for protocol in ("udp", "tcp"):
                    for server in (*CLUSTER, *LOCAL):
                        seen = self.asked_by(world, server, protocol)
                        expected = WEB.addresses if own else self.node.network.node
                        check(seen in expected, f"{mode}: {server} by {protocol} seen as {seen}")


def main():
    program = tap.Program()
    tap.need_kernel()
    if not os.access(BINARY, os.X_OK):
        tap.skip(f"{BINARY} is not built")
    network = Node([]).network
    services = [Service(address, protocol, dns.PORT, server, dns.PORT)
                for address, server in zip(CLUSTER, network.db) for protocol in ("udp", "tcp")]
    with Node([WEB], services, tag="node") as node:
        cluster = dns.ClusterServer(node.name("db"), network.db)
        cases = Cases(node, cluster)
        try:
            for name, case in (
                    ("-interfacename", cases.named),
                    ("-setupiptables=false", cases.interface_only),
                    ("-setupinterface=false", cases.tables_only),
                    ("-skipteardown", cases.left_where_it_is),
                    ("-dns.port", cases.other_port),
                    ("-health-port", cases.health_is_not_tracked),
                    ("/health is about the way that queries take", cases.path_is_cut),
                    ("a pod becomes strict and standard in branches.json",
                     cases.strict_while_it_runs)):
                if len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]):
                    program.case(name, case)
        finally:
            cluster.close()
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
