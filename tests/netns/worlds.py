# SPDX-License-Identifier: GPL-2.0-or-later
"""Random nodes, documents and probes: few distinct values, so that edges are hit often."""

import dataclasses

from lab import documents, packets
from lab.daemon import NODE_NAME
from lab.node import Node, Pod, Service, family_of
from lab.probes import Probe

GROUPS = [f"sg-0{number:016x}" for number in range(1, 8)]
UNKNOWN_GROUPS = [f"sg-0ffffffffffffff{number:02x}" for number in range(2)]
PREFIX_LISTS = [f"pl-0{number:016x}" for number in range(1, 4)]
UNKNOWN_PREFIX_LIST = "pl-0ffffffffffffffff"

ELSEWHERE = ["10.0.2.20", "10.0.2.21", "10.0.2.127", "10.0.2.128", "10.0.3.255", "10.0.0.2",
             "203.0.113.10", "203.0.113.255", "198.51.100.7", "192.0.2.1",
             "2001:db8:0:2::20", "2001:db8:0:2::21", "2001:db8:0:2:8000::", "2001:db8:0:3::1",
             "2001:db8:ffff::10", "2001:db8:ffff:ffff::1", "2001:db8:fffe::5"]
NEVER_FILTERED = ["169.254.169.254", "169.254.169.253", "169.254.169.123", "169.254.170.23",
                  "169.254.170.2", "10.0.0.2", "fd00:ec2::254", "fd00:ec2::253", "fd00:ec2::123",
                  "fd00:ec2::23"]
DNS_LISTEN = ["169.254.20.10", "fd00:20::10"]
PREFIXES = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", "10.0.1.0/28",
            "10.0.1.4/30", "10.0.2.0/24", "10.0.2.0/25", "10.0.2.20/32", "10.0.2.20/31",
            "203.0.113.0/24", "203.0.113.128/25", "128.0.0.0/1", "10.0.0.10/32", "169.254.0.0/16",
            "::/0", "2001:db8::/32", "2001:db8::/48", "2001:db8:0:1::/64", "2001:db8:0:1::/126",
            "2001:db8:0:2::/64", "2001:db8:0:2::20/128", "2001:db8:0:2:8000::/65",
            "2001:db8:ffff::/48", "2001:db8::10/128", "8000::/1"]
WIDE = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "::/0", "2001:db8::/32"]
PORTS = [1, 22, 53, 80, 443, 8080, 65535]
NODE_PORTS = (30080, 30443)
ICMP4 = [(8, 0), (8, 0), (8, 1), (8, 255), (0, 0), (3, 1), (3, 4), (13, 0), (42, 0), (255, 0)]
ICMP6 = [(128, 0), (128, 0), (128, 1), (128, 255), (129, 0), (1, 4), (2, 0), (133, 0), (135, 0),
         (136, 0), (200, 0), (255, 0)]
UNPORTED = [packets.GRE, packets.ESP, packets.SCTP, packets.EXPERIMENT]
NAMESPACES = ["default", "payments"]
TIERS = ["front", "back", "batch"]


def random_pods(random):
    """Both modes, with and without a branch ENI, one family or both, and ordinary pods."""
    kinds = ([("standard", True)] * 3 + [("strict", True)] * 3 + [("standard", False)] * 2
             + [(random.choice(["strict", "standard"]), True)] * 2 + [("", False)])
    vlans = random.sample(range(1, 121), len(kinds))
    pods = []
    for index, (mode, has_eni) in enumerate(kinds):
        host = 4 + index
        subnet4, subnet6 = ("10.0.1.", "2001:db8:0:1::") if has_eni else ("10.0.0.1", "2001:db8::1")
        addresses = (f"{subnet4}{host}", f"{subnet6}{host}")
        if index in (2, 5) and random.random() < 0.3:
            addresses = addresses[random.randrange(2):][:1]
        pods.append(Pod(f"pod-{index}", addresses, mode, vlans[index] if has_eni else 0,
                        random.choice(NAMESPACES)))
    return pods


def random_services(random, pods):
    services = []
    for index, pod in enumerate(random.sample(pods, 4)):
        backend = random.choice(pod.addresses)
        address = f"172.20.0.{index + 1}" if family_of(backend) == 4 else f"fd00:20::{index + 1}"
        protocol = random.choice(["tcp", "udp"])
        services.append(Service(address, protocol, random.choice(PORTS), backend,
                                random.choice(PORTS)))
    standard = [pod for pod in pods if pod.mode != "strict"]
    for port in NODE_PORTS:
        backend = random.choice(random.choice(standard).addresses)
        services.append(Service(None, random.choice(["tcp", "udp"]), port, backend,
                                random.choice(PORTS)))
    return services


def random_node(random, tag=""):
    pods = random_pods(random)
    return Node(pods, random_services(random, pods), tag=tag)


def random_peers(random, addresses):
    peers = []
    for _ in range(random.choice([1, 1, 2, 3, 4])):
        kind = random.random()
        if kind < 0.3:
            peers.append(random.choice(WIDE))
        elif kind < 0.5:
            peers.append(random.choice(PREFIXES))
        elif kind < 0.6:
            address = random.choice(addresses)
            peers.append(f"{address}/{32 if family_of(address) == 4 else 128}")
        elif kind < 0.7:
            peers.append(random.choice(PREFIX_LISTS + [UNKNOWN_PREFIX_LIST]))
        else:
            peers.append(random.choice(GROUPS + UNKNOWN_GROUPS))
    return peers


def random_ports(random):
    if random.random() < 0.4:
        port = random.choice(PORTS)
        return port, port
    if random.random() < 0.4:
        return 0, 65535
    return tuple(sorted(random.choices(PORTS, k=2)))


def random_permission(random, addresses):
    protocol = random.choices(["tcp", "udp", "icmp", "icmpv6", "-1", 47, 50, 132, 253, "6", "17"],
                              weights=[9, 6, 4, 4, 4, 2, 2, 2, 2, 1, 1])[0]
    peers = random_peers(random, addresses)
    if str(protocol) in ("tcp", "udp", "6", "17"):
        return documents.permission(protocol, *random_ports(random), peers)
    if protocol in ("icmp", "icmpv6"):
        kind, code = random.choice(ICMP4 if protocol == "icmp" else ICMP6)
        low, high = random.choice([(-1, -1), (kind, -1), (kind, code)])
        return documents.permission(protocol, low, high, peers)
    if protocol != "-1" and random.random() < 0.5:
        return documents.permission(protocol, 80, 80, peers)
    return documents.permission(protocol, None, None, peers)


def many_networks(random):
    """So many of one length that they are looked up as hashes, and for a range as intervals."""
    length, network = random.choice([(64, "2001:db8:0:{:x}::/64"), (48, "2001:db8:{:x}::/48"),
                                     (32, "2001:{:x}::/32"), (128, "2001:db8::{:x}/128"),
                                     (57, "2001:db8:0:{:x}80::/57")])
    first = 0xdb0 if length == 32 else 0
    peers = [network.format(first + number) for number in random.sample(range(48), 40)]
    return documents.permission(random.choice(["tcp", "udp"]), *random_ports(random), peers)


def random_group(random, group, addresses):
    """Some permit a NodePort: where the node has such a group, its port is not the pod's."""
    count = lambda: random.choice([0, 2, 4, 8, 12])
    rules = lambda: [random_permission(random, addresses) for _ in range(count())]
    ingress, egress = rules(), rules()
    if random.random() < 0.5:
        ingress.append(documents.permission(random.choice(["tcp", "udp"]), *NODE_PORTS,
                                            ["0.0.0.0/0", "::/0"]))
    if random.random() < 0.5:
        random.choice([ingress, egress]).append(many_networks(random))
    return documents.security_group(group, ingress, egress)


def random_selector(random, names):
    kind = random.random()
    if kind < 0.15:
        return {}
    if kind < 0.5:
        return {"matchLabels": {"app": random.choice(names)}}
    if kind < 0.7:
        return {"matchLabels": {"tier": random.choice(TIERS)}}
    operator = random.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    expression = {"key": random.choice(["tier", "app", "absent"]), "operator": operator}
    if operator in ("In", "NotIn"):
        expression["values"] = random.sample(TIERS + names, 3)
    return {"matchExpressions": [expression]}


def some_groups(random, most=3):
    """Now and then unknown ones only: a closed interface."""
    if random.random() < 0.06:
        return list(UNKNOWN_GROUPS)
    return random.sample(GROUPS + UNKNOWN_GROUPS, random.randint(1, most))


@dataclasses.dataclass
class World:
    """One round's documents by file name, and what the daemon's configuration adds."""

    files: dict
    config: dict


def random_policies(random, pods):
    names = [pod.name for pod in pods]
    policies = []
    for namespace in NAMESPACES:
        for index in range(random.randint(1, 4)):
            selector, accounts = random_selector(random, names), None
            if random.random() < 0.25:
                accounts = random.choice([{}, {"matchLabels": {"team": "a"}}])
                selector = random.choice([None, selector])
            policies.append(documents.policy(namespace, f"policy-{index}", some_groups(random),
                                             selector, accounts))
    return policies


def random_pod_objects(random, pods):
    items = []
    for pod in pods:
        labels = {"app": pod.name}
        if random.random() < 0.7:
            labels["tier"] = random.choice(TIERS)
        account = random.choice(["default", "worker", "absent"])
        items.append(documents.pod(pod, NODE_NAME, labels, account))
    for index in range(3):
        remote = Pod(f"remote-{index}", (f"10.0.2.{126 + index}", f"2001:db8:0:2::{126 + index:x}"),
                     "standard", 30 + index, random.choice(NAMESPACES))
        items.append(documents.pod(remote, "elsewhere", {"tier": random.choice(TIERS)}))
    finished = Pod("finished", ("10.0.2.21",), "standard", 40, "default")
    items.append(documents.pod(finished, "elsewhere", {"tier": "front"}, phase="Succeeded"))
    return items


def random_interfaces(random, node):
    interfaces = [
        documents.network_interface("eni-0db00000000000001", node.network.db, some_groups(random)),
        documents.network_interface("eni-0db00000000000002", ("10.0.3.255", "2001:db8:0:3::1"),
                                    some_groups(random),
                                    prefixes=("10.0.2.16/28", "2001:db8:0:2:8000::/80")),
    ]
    if random.random() < 0.7:
        interfaces.append(documents.network_interface("eni-0aaaaaaaaaaaaaaaa", node.network.node,
                                                      some_groups(random)))
    for pod in node.pods:
        if pod.vlan and random.random() < 0.35:
            interfaces.append(documents.network_interface(
                documents.eni_of(pod), pod.addresses, some_groups(random), kind="branch",
                checked=random.random() < 0.7))
    return interfaces


def random_accounts(random):
    for namespace in NAMESPACES:
        yield documents.service_account(namespace, "default")
        labels = {"team": random.choice("ab")}
        yield documents.service_account(namespace, "worker", labels)


def random_world(random, node):
    addresses = [a for pod in node.pods for a in pod.addresses] + ELSEWHERE
    known = [group for group in GROUPS if random.random() < 0.9]
    files = {
        "groups.json": documents.security_groups(
            random_group(random, group, addresses) for group in known),
        "interfaces.json": documents.network_interfaces(random_interfaces(random, node)),
        "policies.json": documents.listed(random_policies(random, node.pods)),
        "accounts.json": documents.listed(random_accounts(random)),
        "pods.json": documents.listed(random_pod_objects(random, node.pods)),
    }
    for name in PREFIX_LISTS[:random.randint(1, 3)]:
        entries = random.sample(PREFIXES, random.randint(0, 5))
        files[f"{name}.json"] = documents.prefix_list_entries(name, entries)
    return World(files, {})


def random_config(random, node):
    """What a restart may change: the node's groups and their use, exemptions, ENIs, DNS."""
    names = ["imds", "vpc-dns", "time", "dhcp", "pod-identity", "ecs", "node-probe", "hairpin"]
    node_groups = some_groups(random) if random.random() < 0.5 else []
    servers = [[a for a in (*node.network.db, *(a for pod in node.pods for a in pod.addresses))
                if family_of(a) == family] for family in (4, 6)]
    return {
        "dns": {"listen": DNS_LISTEN, "clusterServers": [
            random.choice(some) for some in servers if random.random() < 0.7]},
        "standardNodeGroups": random.choice(["crossing", "crossing", "always", "never"]),
        "withoutEni": random.choice(["enforce", "enforce", "ignore"]),
        "exempt": {name: random.random() < 0.7 for name in names},
        "node": {"name": NODE_NAME, "securityGroups": node_groups},
    }


class ProbeMaker:
    def __init__(self, random, node, prober):
        self.random = random
        self.node = node
        self.prober = prober
        self.pod_addresses = [a for pod in node.pods for a in pod.addresses]

    def _of_family(self, addresses, family):
        return [a for a in addresses if family_of(a) == family]

    def _own(self, origin, family):
        network = self.node.network
        if origin == "node":
            return self._of_family(network.node, family)
        if origin in self.node.by_name:
            return self._of_family(self.node.by_name[origin].addresses, family)
        own = network.db if origin == "db" else network.internet
        return self._of_family(list(own) + ELSEWHERE, family)

    def _destination(self, origin):
        """An address and, for a Service, its protocol and port."""
        roll = self.random.random()
        if origin in ("db", "inet"):
            node_ports = [s for s in self.node.services if s.address is None]
            if roll < 0.35:
                service = self.random.choice(node_ports)
                family = family_of(service.backend)
                return self._of_family(self.node.network.node, family)[0], service
            return self.random.choice(self.pod_addresses), None
        if roll < 0.10:
            service = self.random.choice([s for s in self.node.services if s.address])
            return service.address, service
        if roll < 0.55 or origin == "node":
            return self.random.choice(self.pod_addresses), None
        if roll < 0.70:
            return self.random.choice(self.node.network.node), None
        if roll > 0.93:
            return self.random.choice(DNS_LISTEN), None
        return self.random.choice(ELSEWHERE if roll < 0.85 else NEVER_FILTERED), None

    def _protocol(self, probe, destination, service):
        random = self.random
        if service:
            probe.protocol = packets.TCP if service.protocol == "tcp" else packets.UDP
            probe.port = service.port
            return
        icmp = packets.ICMP if probe.family == 4 else packets.ICMPV6
        probe.protocol = random.choices([packets.TCP, packets.UDP, icmp, random.choice(UNPORTED)],
                                        weights=[8, 6, 4, 3])[0]
        probe.port = random.choice(PORTS) + random.choice([0, 0, 0, 1, -1])
        probe.port = min(max(probe.port, 1), 65535)
        if destination in NEVER_FILTERED:
            probe.port = random.choice([80, 53, 123, probe.port])
        if destination in DNS_LISTEN:
            probe.port = random.choice([53, 53, 53, probe.port])
        probe.icmp_type, probe.icmp_code = random.choice(ICMP4 if icmp == packets.ICMP else ICMP6)

    def _source(self, origin, family, service):
        own = self._own(origin, family)
        spoofs = own and not service and origin in self.node.by_name
        if spoofs and self.random.random() < 0.07:
            return self.random.choice(self._of_family(self.pod_addresses + ELSEWHERE, family))
        return self.random.choice(own) if own else None

    def _odd(self, probe):
        random, roll = self.random, self.random.random()
        if probe.protocol == packets.ICMPV6 and 133 <= probe.icmp_type <= 137:
            probe.hop_limit = random.choice([64, 254, 255])
        elif roll < 0.08 and probe.protocol in (packets.UDP, packets.ICMP, packets.EXPERIMENT):
            probe.fragmented = True
        elif roll < 0.12 and probe.protocol == packets.UDP and probe.origin in self.node.by_name:
            probe.source_port, probe.port = (68, 67) if probe.family == 4 else (546, 547)

    def make(self):
        while True:
            origin = self.random.choice(["node", "node", "db", "inet", "inet", *self.node.by_name])
            destination, service = self._destination(origin)
            source = self._source(origin, family_of(destination), service)
            if source is None or source == destination or self.node.who_has(destination) == origin:
                continue
            probe = Probe(origin, source, destination, 0, source_port=self.prober.fresh_port())
            self._protocol(probe, destination, service)
            if not service:
                self._odd(probe)
            return probe
