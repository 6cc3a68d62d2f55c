#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""The evaluator itself: one row for each sentence of the verdict rules. Needs no kernel."""

import sys
import tempfile

from lab import documents, tap
from lab.documents import permission
from lab.node import Node, Pod, Service
from lab.probes import Probe
from oracle import Documents, Oracle, Settings

A, B, C, N, EMPTY, UNKNOWN = "sg-a", "sg-b", "sg-c", "sg-node", "sg-empty", "sg-unknown"
TCP, UDP, ICMP, GRE, ICMPV6 = 6, 17, 1, 47, 58

PODS = [
    Pod("a", ("10.0.1.5", "2001:db8:0:1::5"), "standard", 5),
    Pod("b", ("10.0.1.6", "2001:db8:0:1::6"), "standard", 6),
    Pod("s", ("10.0.1.7", "2001:db8:0:1::7"), "strict", 7),
    Pod("t", ("10.0.1.8", "2001:db8:0:1::8"), "strict", 8),
    Pod("closed", ("10.0.1.9",), "standard", 9),
    Pod("ordinary", ("10.0.0.60",)),
]
GROUPS_OF = {"a": [A], "b": [B, UNKNOWN], "s": [C], "t": [C], "closed": [UNKNOWN]}
SERVICES = [Service("172.20.0.1", "tcp", 80, "10.0.1.6", 8080),
            Service("172.20.0.2", "tcp", 80, "10.0.1.5", 8080),
            Service(None, "tcp", 30080, "10.0.1.6", 8080)]
GROUPS = [
    documents.security_group(A, [permission("tcp", 8080, 8080, ["0.0.0.0/0"])],
                             [permission("-1", None, None, ["0.0.0.0/0", "::/0"])]),
    documents.security_group(B, [permission("tcp", 8080, 8081, [A]),
                                 permission("icmp", 8, -1, ["10.0.0.0/8"]),
                                 permission(47, None, None, [EMPTY, "pl-known"]),
                                 permission("tcp", 1, 65535, [UNKNOWN, EMPTY, "pl-unknown"])],
                             [permission("udp", 1000, 2000, ["10.0.2.0/24"]),
                              permission("icmpv6", 128, 0, ["::/0"])]),
    documents.security_group(C, [permission("tcp", 443, 443, [C])],
                             [permission("tcp", 443, 443, [C]),
                              permission("tcp", 22, 22, ["10.0.0.0/8"])]),
    documents.security_group(N, [permission("tcp", 30080, 30080, ["203.0.113.0/24"])],
                             [permission("tcp", 443, 443, ["0.0.0.0/0"])]),
    documents.security_group(EMPTY),
]

# what it shows, origin, source, destination, protocol, port, other fields, permitted, why
ROWS = [
    ("no end, not ours", "ordinary", "10.0.0.60", "10.0.2.20", TCP, 1, {}, True, None),
    ("both ends permit", "a", "10.0.1.5", "10.0.1.6", TCP, 8080, {}, True, "rule of sg-b"),
    ("the last port of a range", "a", "10.0.1.5", "10.0.1.6", TCP, 8081, {}, True, "rule of sg-b"),
    ("one port further", "a", "10.0.1.5", "10.0.1.6", TCP, 8082, {}, False, "no rule"),
    ("not in the referenced group", "ordinary", "10.0.0.60", "10.0.1.6", TCP, 8080, {}, False,
     "no rule"),
    ("a foreign source", "a", "10.0.1.99", "10.0.1.6", TCP, 8080, {}, False, "source check"),
    ("icmp type with any code", "a", "10.0.1.5", "10.0.1.6", ICMP, 0, {"icmp_type": 8,
     "icmp_code": 7}, True, "rule of sg-b"),
    ("another icmp type", "a", "10.0.1.5", "10.0.1.6", ICMP, 0, {"icmp_type": 13}, False,
     "no rule"),
    ("icmpv6 type and code", "b", "2001:db8:0:1::6", "2001:db8:0:2::20", ICMPV6, 0,
     {"icmp_type": 128}, True, "rule of sg-b"),
    ("icmpv6 with another code", "b", "2001:db8:0:1::6", "2001:db8:0:2::20", ICMPV6, 0,
     {"icmp_type": 128, "icmp_code": 1}, False, "no rule"),
    ("a protocol by number and a prefix list", "a", "10.0.1.5", "10.0.1.6", GRE, 0, {}, True,
     "rule of sg-b"),
    ("empty and unknown groups, unknown lists", "ordinary", "10.0.0.60", "10.0.1.6", TCP, 99, {},
     False, "no rule"),
    ("strict to strict, two passes", "s", "10.0.1.7", "10.0.1.8", TCP, 443, {}, True,
     "rule of sg-c"),
    ("strict ingress has its own say", "s", "10.0.1.7", "10.0.1.8", TCP, 22, {}, False, "no rule"),
    ("strict to the node leaves by the fabric", "s", "10.0.1.7", "10.0.0.10", TCP, 22, {}, True,
     "rule of sg-c"),
    ("the node to a strict pod is no probe", "node", "10.0.0.10", "10.0.1.7", TCP, 443, {}, False,
     "no rule"),
    ("the node to a standard pod", "node", "10.0.0.10", "10.0.1.6", TCP, 1, {}, True,
     "exempt node-probe"),
    ("the node's groups permit what leaves by eth0", "a", "10.0.1.5", "203.0.113.1", TCP, 443, {},
     True, "rule of sg-a"),
    ("the node's groups do not", "a", "10.0.1.5", "203.0.113.1", TCP, 80, {}, False,
     "node's groups"),
    ("the branch device is not the node's", "a", "10.0.1.5", "10.0.2.20", TCP, 80, {}, True,
     "rule of sg-a"),
    ("a NodePort: the node judges the original port, the pod its own", "inet", "203.0.113.7",
     "10.0.0.10", TCP, 30080, {}, False, "no rule"),
    ("a NodePort that the node does not permit", "inet", "198.51.100.1", "10.0.0.10", TCP, 30080,
     {}, False, "node's groups"),
    ("a Service is judged behind DNAT", "a", "10.0.1.5", "172.20.0.1", TCP, 80, {}, True,
     "rule of sg-b"),
    ("hairpin", "a", "10.0.1.5", "172.20.0.2", TCP, 80, {}, True, "exempt hairpin"),
    ("instance metadata from a closed pod", "closed", "10.0.1.9", "169.254.169.254", TCP, 80, {},
     True, "exempt imds"),
    ("instance metadata, another port", "closed", "10.0.1.9", "169.254.169.254", TCP, 81, {}, False,
     "node's groups"),
    ("DNS of the VPC", "closed", "10.0.1.9", "10.0.0.2", UDP, 53, {}, True, "exempt vpc-dns"),
    ("closed", "closed", "10.0.1.9", "10.0.2.20", TCP, 80, {}, False, "closed: no group is known"),
    ("DHCP", "closed", "10.0.1.9", "10.0.2.20", UDP, 67, {"source_port": 68}, True, "exempt dhcp"),
    ("neighbour discovery to the node", "b", "2001:db8:0:1::99", "2001:db8::10", ICMPV6, 0,
     {"icmp_type": 135, "hop_limit": 255}, True, "neighbour discovery"),
    ("neighbour discovery that came through a router", "b", "2001:db8:0:1::6", "2001:db8::10",
     ICMPV6, 0, {"icmp_type": 135, "hop_limit": 254}, False, "no rule"),
]


def write_documents(directory):
    documents.write(directory, "groups.json", documents.security_groups(GROUPS))
    documents.write(directory, "list.json", documents.prefix_list_entries("pl-known",
                                                                          ["10.0.1.0/29"]))
    items = [documents.pod(pod, "node", {"app": pod.name}) for pod in PODS]
    items += [documents.policy("default", name, groups, {"matchLabels": {"app": name}})
              for name, groups in GROUPS_OF.items()]
    documents.write(directory, "cluster.json", documents.listed(items))


def row(oracle, origin, source, destination, protocol, port, fields, permitted, why):
    probe = Probe(origin, source, destination, protocol, port, **fields)
    verdict, _, judgements = oracle.verdict(probe)
    tap.equal((verdict, judgements[-1].reason if judgements else None), (permitted, why), probe)


def main():
    program = tap.Program()
    node = Node(PODS, SERVICES)
    settings = Settings("node", node_addresses=node.network.node, node_groups=(N,),
                        vpc_cidrs=(node.network.vpc4,))
    with tempfile.TemporaryDirectory() as directory:
        write_documents(directory)
        oracle = Oracle(Documents(directory), settings, node)
        for name, *arguments in ROWS:
            program.case(name, row, oracle, *arguments)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
