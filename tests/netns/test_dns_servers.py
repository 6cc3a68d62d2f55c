#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
As NodeLocal DNSCache's manifest starts it: the cache knows no server of the cluster's DNS but the
address of a Service, which is nobody's once a packet has been led there. nft-sync tells it the
servers behind: whoever asks the node-local address finds one of them while nobody serves it.
"""

import json
import os
import sys

from lab import daemon as daemons
from lab import dns, documents, tap
from lab.daemon import Daemon
from lab.node import Network, Node, Service
from lab.tap import check, wait_for
from test_dns_modes import (CLUSTER, COREDNS, EVERYWHERE, MAY, MAY_NOT, MAY_UDP, PODS, VAULT, Modes,
                            cidrs, group)

UPSTREAM = ("172.20.0.11", "fd12:3456::b")
ODD_PORT = 5353


def slices(servers, port):
    """What the API server has of Service kube-dns."""
    return [{
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": documents.metadata("EndpointSlice", f"kube-dns-{address}", "kube-system",
                                       {"kubernetes.io/service-name": "kube-dns"}),
        "addressType": "IPv6" if ":" in address else "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "dns", "protocol": "UDP", "port": port},
                  {"name": "dns-tcp", "protocol": "TCP", "port": port}]} for address in servers]


def groups_of(servers, ports):
    rules = [(protocol, *ports, cidrs(servers)) for protocol in ("udp", "tcp")]
    return {MAY: group(MAY, *rules), MAY_NOT: group(MAY_NOT, ("tcp", 443, 443, ["0.0.0.0/0"])),
            MAY_UDP: group(MAY_UDP, rules[0]), VAULT: group(VAULT, *rules)}


class Fallback(Modes):
    """Modes where only documents say which servers the cluster's DNS has."""

    def __init__(self, node, daemon):
        super().__init__(node, daemon, "db", node.network.db)
        self.db = self.cluster
        self.coredns = dns.ClusterServer(node.name(COREDNS.name), COREDNS.addresses, ODD_PORT)
        self.cache = dns.Cache(node, daemon, EVERYWHERE, ["__PILLAR__CLUSTER__DNS__"],
                               ("-upstreamsvc", "kube-dns-upstream"),
                               {"KUBE_DNS_UPSTREAM_SERVICE_HOST": UPSTREAM[0]})
        daemon.configure(dns={"listen": list(EVERYWHERE)})
        self.groups = groups_of([*node.network.db, *COREDNS.addresses], (53, ODD_PORT))
        self.lead_to(self.db, node.network.db, dns.PORT)

    def lead_to(self, cluster, servers, port):
        """The cluster's DNS has other endpoints: kube-proxy and the API server know them."""
        self.cluster, self.servers = cluster, servers
        rules = "\n".join(Service(address, protocol, dns.PORT, server, port).rule()
                          for addresses in (CLUSTER, UPSTREAM)
                          for address, server in zip(addresses, servers)
                          for protocol in ("udp", "tcp"))
        self.node.nft("flush chain inet kube-proxy-like services\n"
                      f"table inet kube-proxy-like {{ chain services {{\n{rules}\n}}\n}}")
        self.node.forget_flows()
        documents.write(self.daemon.documents, "dns.json", documents.listed(slices(servers, port)))
        self.write()

    def close(self):
        super().close()
        for server in (self.db, self.coredns):
            server.close()

    def away(self):
        return self.node.run("nft", "list", "table", "inet", "podsg-dns-away").stdout

    def wait_led(self, *servers):
        wait_for(lambda: all(server in self.away() for server in servers),
                 f"the table for when nobody answers names {servers}")

    # Cases

    def serves_by_the_service(self):
        self.cache.start()
        self.up()
        self.strict_resolves()

    def killed(self):
        self.wait_led(*self.servers)
        super().killed()

    def other_servers(self):
        """By other addresses, and another port."""
        self.cache.start()
        self.lead_to(self.coredns, COREDNS.addresses, ODD_PORT)
        self.wait_led(*COREDNS.addresses)
        self.up()
        seen = len(self.db.asked)
        self.killed()
        check(len(self.db.asked) == seen, "a server that is none any more was asked")

    def no_server_for_a_while(self):
        self.cache.start()
        os.unlink(os.path.join(self.daemon.documents, "dns.json"))
        self.write()
        with open(self.daemon.path("branches.json"), encoding="utf-8") as file:
            check(json.load(file)["dnsServers"] == [], "nft-sync goes on naming servers")
        self.killed()

    def nobody_tells(self):
        """branches.json goes while the cache runs."""
        self.lead_to(self.coredns, COREDNS.addresses, ODD_PORT)
        self.cache.start()
        self.wait_led(*COREDNS.addresses)
        self.daemon.stop()
        os.unlink(self.daemon.path("branches.json"))
        wait_for(lambda: self.ask("half", EVERYWHERE[0], "tcp", dns.SILENCE) != "refused",
                 "it is noticed")
        self.killed()
        self.daemon.start()

    def configured_ones_win(self):
        self.lead_to(self.db, self.node.network.db, dns.PORT)
        self.daemon.config["dns"]["clusterServers"] = list(self.node.network.db)
        self.daemon.stop()
        self.daemon.start()
        self.daemon.stop()
        with open(self.daemon.path("branches.json"), encoding="utf-8") as file:
            told = json.load(file)
        told["dnsServers"] = [{"address": "192.0.2.1", "udp": 53, "tcp": 53}]
        documents.write(self.daemon.directory, "branches.json", told)
        self.cache.start()
        check("192.0.2.1" not in self.away(), self.away())
        self.killed()


def main():
    program = tap.Program()
    daemons.need(dns.missing)
    with Node([*PODS, COREDNS], (), Network(), tag="srv") as node, Daemon(node) as daemon:
        fallback = Fallback(node, daemon)
        try:
            daemon.start()
            for name, case in (
                    ("the cache forwards to a Service", fallback.serves_by_the_service),
                    ("killed: the node-local address leads to the Service's servers",
                     fallback.killed),
                    ("killed again, after they have become others", fallback.other_servers),
                    ("killed while no server is known: the last ones were right",
                     fallback.no_server_for_a_while),
                    ("killed after branches.json went", fallback.nobody_tells),
                    ("dns.clusterServers win", fallback.configured_ones_win)):
                program.case(name, case)
        finally:
            fallback.close()
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
