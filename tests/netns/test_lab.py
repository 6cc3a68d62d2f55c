#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""The lab itself, without the daemon: every way exists, and the oracle knows the ways."""

import json
import subprocess
import sys
import tempfile

from lab import netns, packets, tap
from lab.node import Node, Pod, Service, family_of
from lab.probes import Probe, Prober, batches
from lab.tap import check, equal
from oracle import Documents, Oracle, Settings

PODS = [
    Pod("web", ("10.0.1.5", "2001:db8:0:1::5"), "standard", 5),
    Pod("api", ("10.0.1.6", "2001:db8:0:1::6"), "standard", 6),
    Pod("ledger", ("10.0.1.7", "2001:db8:0:1::7"), "strict", 7),
    Pod("vault", ("10.0.1.8", "2001:db8:0:1::8"), "strict", 8),
    Pod("plain", ("10.0.0.50", "2001:db8::50"), "standard"),
    Pod("ordinary", ("10.0.0.60", "2001:db8::60")),
]
SERVICES = [
    Service("172.20.0.10", "tcp", 80, "10.0.1.5", 8080),
    Service("172.20.0.11", "udp", 53, "10.0.1.8", 5353),
    Service("fd00:20::11", "udp", 53, "2001:db8:0:1::8", 5353),
    Service(None, "tcp", 30080, "10.0.1.6", 8080),
]
# Source ports are the probes' own, so a way needs no addresses.
RECORDER = """
table inet recorder {
	set seen { typeof meta iifname . meta oifname . th sport . th dport; flags dynamic; size 65535; }
	chain record {
		meta l4proto { tcp, udp } update @seen { iifname . oifname . th sport . th dport }
	}
	chain forward { type filter hook forward priority 0; jump record; }
	chain input { type filter hook input priority 0; jump record; }
	chain output { type filter hook output priority 0; jump record; }
}
"""
WALL = """
table inet wall {
	chain forward { type filter hook forward priority 0; udp dport 8080 drop; }
}
"""


def addresses_of(node):
    ends = {"node": node.network.node, "db": node.network.db, "inet": node.network.internet}
    return {**ends, **{pod.name: pod.addresses for pod in node.pods}}


def everybody_to_everybody(node, prober):
    """Every protocol of both families over every pair; the router between db and inet left out."""
    ends = addresses_of(node)
    probes = []
    for origin, own in ends.items():
        for destination in (a for who in ends for a in ends[who] if who != origin):
            if {origin, node.who_has(destination)} == {"db", "inet"}:
                continue
            family = family_of(destination)
            source = own[0 if family == 4 else 1]
            icmp = (packets.ICMP, 8) if family == 4 else (packets.ICMPV6, 128)
            for protocol in (packets.TCP, packets.UDP, icmp[0], packets.GRE, packets.ESP,
                             packets.SCTP, packets.EXPERIMENT):
                fragmented = protocol in (packets.UDP, icmp[0]) and prober.next_port % 3 == 0
                probes.append(Probe(origin, source, destination, protocol, 8080,
                                    prober.fresh_port(), icmp[1], 0, fragmented=fragmented))
    return probes


def everything_arrives(node, prober):
    missing = []
    for batch in batches(everybody_to_everybody(node, prober)):
        node.forget_flows()
        awaited = [(probe, node.who_has(probe.destination)) for probe in batch]
        for probe, result in zip(batch, prober.probe(batch, awaited)):
            parts = {0, 1} if probe.fragmented else {0}
            if result.seen.get(node.who_has(probe.destination)) != parts:
                missing.append(f"{probe}: {result}")
    check(not missing, "did not arrive:\n" + "\n".join(missing))


def port_probes(node, prober):
    probes = [p for p in everybody_to_everybody(node, prober)
              if p.protocol in (packets.TCP, packets.UDP)]
    for service in node.services:
        family = family_of(service.backend)
        target = service.address or node.network.node[0]
        for origin, own in addresses_of(node).items():
            if (service.address and origin in ("db", "inet")) or origin == "node":
                continue
            if not service.address and origin in ("api", "inet"):
                continue
            protocol = packets.TCP if service.protocol == "tcp" else packets.UDP
            probes.append(Probe(origin, own[0 if family == 4 else 1], target, protocol,
                                service.port, prober.fresh_port()))
    return probes


def recorded(node):
    listing = json.loads(node.run("nft", "-j", "list", "set", "inet", "recorder", "seen").stdout)
    elements = next(item["set"] for item in listing["nftables"] if "set" in item)["elem"]
    return {tuple(str(part) for part in element["concat"]) for element in elements}


def oracle_knows_the_ways(node, prober):
    with tempfile.TemporaryDirectory() as empty:
        oracle = Oracle(Documents(empty), Settings("node"), node)
    probes = port_probes(node, prober)
    expected = set()
    for probe in probes:
        for p in oracle.passes(probe)[0]:
            expected.add((p.entry, p.exit, str(p.source_port), str(p.port)))
    node.nft(RECORDER)
    for batch in batches(probes):
        prober.probe(batch, [(probe, oracle.passes(probe)[1]) for probe in batch])
    seen = {way for way in recorded(node) if int(way[2]) > 20000}
    node.nft("delete table inet recorder")
    unexpected = sorted(seen - expected)
    missing = sorted(expected - seen)
    check(not unexpected and not missing,
          "not foreseen:\n" + "\n".join(map(str, unexpected[:20])) +
          "\nforeseen but not seen:\n" + "\n".join(map(str, missing[:20])))
    tap.note(f"{len(probes)} probes, {len(expected)} passes")


def drops_are_seen(node, prober):
    node.nft(WALL)
    probes = [Probe("web", "10.0.1.5", "10.0.1.6", packets.UDP, port, prober.fresh_port())
              for port in (8080, 8081)]
    results = prober.probe(probes, [(probes[1], "api")])
    node.nft("delete table inet wall")
    equal([r.arrived("api") for r in results], [False, True], "a dropped and a permitted packet")


def nothing_is_left(_):
    class Interrupted(BaseException):
        pass

    node = Node(PODS, tag="x")
    try:
        with node:
            raise Interrupted()
    except Interrupted:
        pass
    equal([name for name in netns.existing() if name in node.names], [], "namespaces left")


def dead_runs_are_cleaned(_):
    done = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True)
    name = f"podsg{done.stdout.strip()}-node"
    netns.run(["ip", "netns", "add", name])
    netns.cleanup()
    check(name not in netns.existing(), f"{name} is still there")


def main():
    tap.need_kernel()
    program = tap.Program()
    with Node(PODS, SERVICES) as node, Prober(node) as prober:
        node.mute_all()
        program.case("without rules every packet arrives, both families, seven protocols",
                     everything_arrives, node, prober)
        program.case("the oracle foresees every pass of every packet, Services included",
                     oracle_knows_the_ways, node, prober)
        program.case("a packet that a foreign rule drops is not seen", drops_are_seen, node, prober)
    program.case("nothing is left behind, even when the run is interrupted", nothing_is_left, None)
    program.case("namespaces of dead runs are removed by the next one", dead_runs_are_cleaned, None)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
