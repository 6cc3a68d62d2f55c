# SPDX-License-Identifier: GPL-2.0-or-later
"""
The independent evaluator: what the verdict rules say of a packet, read naively from the documents.

It shares nothing with the daemon: every rule of every group is tried in turn, membership is
recomputed for each question, and the packet's way through the node is derived from the lab's ip
rules. Slow and plain on purpose.
"""

import dataclasses
import ipaddress
import json
import os

ND_TYPES = range(133, 138)
PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}
SERVICES = {
    "imds": ((6,), 80, ("169.254.169.254", "fd00:ec2::254")),
    "vpc-dns": ((6, 17), 53, ("169.254.169.253", "fd00:ec2::253")),
    "time": ((17,), 123, ("169.254.169.123", "fd00:ec2::123")),
    "pod-identity": ((6,), 80, ("169.254.170.23", "fd00:ec2::23")),
    "ecs": ((6,), 80, ("169.254.170.2",)),
}
PORTS = (6, 17)
ICMPS = (1, 58)
TRACKED_ICMP = (8, 13, 15, 17)


@dataclasses.dataclass
class Settings:
    """The part of podsg.yaml that a verdict depends on."""

    node_name: str
    primary: str = "eth0"
    node_addresses: tuple = ()
    node_groups: tuple = ()
    standard_node_groups: str = "crossing"
    without_eni: str = "enforce"
    vpc_cidrs: tuple = ()
    exempt: dict = dataclasses.field(default_factory=dict)
    dns_listen: tuple = ("169.254.20.10",)
    dns_servers: tuple = ()

    def exempts(self, name):
        return self.exempt.get(name, True)


@dataclasses.dataclass
class Packet:
    """One pass through the node, as the hook sees it: behind DNAT, before source NAT."""

    entry: str
    exit: str
    source: str
    destination: str
    protocol: int
    port: int = 0
    source_port: int = 0
    original_port: int = 0
    icmp_type: int = 0
    icmp_code: int = 0
    hop_limit: int = 64

    @property
    def version(self):
        return ipaddress.ip_address(self.source).version


@dataclasses.dataclass
class Branch:
    pod: str
    interface: str
    device: str
    mode: str
    addresses: list
    groups: list
    checked: bool


@dataclasses.dataclass
class Judgement:
    permitted: bool
    reason: str
    pod: str = ""
    direction: str = ""

    def __str__(self):
        word = "permit" if self.permitted else "drop"
        return f"{word} ({self.pod} {self.direction}: {self.reason})"


def same(a, b):
    return ipaddress.ip_address(a) == ipaddress.ip_address(b)


def within(address, prefix):
    network = ipaddress.ip_network(prefix, strict=False)
    parsed = ipaddress.ip_address(address)
    return parsed.version == network.version and parsed in network


class Documents:
    """Everything the JSON files of a directory hold, as they hold it."""

    def __init__(self, directory):
        self.groups = {}
        self.interfaces = {}
        self.entries = {}
        self.pods = []
        self.policies = []
        self.accounts = {}
        for name in sorted(os.listdir(directory)):
            if name.endswith(".json"):
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    self._add(json.load(file))

    def _add(self, document):
        for group in document.get("SecurityGroups", []):
            self.groups[group["GroupId"]] = group
        for interface in document.get("NetworkInterfaces", []):
            self.interfaces[interface["NetworkInterfaceId"]] = interface
        if "Entries" in document:
            self.entries[document["PrefixListId"]] = [e["Cidr"] for e in document["Entries"]]
        items = document["items"] if "items" in document else [document]
        for item in items:
            kind = item.get("kind")
            if kind == "Pod":
                self.pods.append(item)
            elif kind == "SecurityGroupPolicy":
                self.policies.append(item)
            elif kind == "ServiceAccount":
                metadata = item["metadata"]
                key = (metadata["namespace"], metadata["name"])
                self.accounts[key] = metadata.get("labels") or {}


def selects(selector, labels):
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions") or []:
        key, operator = expression["key"], expression["operator"]
        values = expression.get("values") or []
        holds = {
            "In": key in labels and labels[key] in values,
            "NotIn": key not in labels or labels[key] not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }[operator]
        if not holds:
            return False
    return True


class Oracle:
    """node is the lab's: its pods, their links and the services say how packets travel."""

    def __init__(self, documents, settings, node):
        self.documents = documents
        self.settings = settings
        self.node = node
        self.node_groups = self._node_groups()
        self.members = {}
        self.branches = {}
        for item in documents.pods:
            if item["spec"].get("nodeName") == settings.node_name:
                branch = self._branch(item)
                if branch:
                    self.branches[branch.interface] = branch

    # Who has which groups

    def _node_groups(self):
        if self.settings.node_groups:
            return list(self.settings.node_groups)
        for interface in self.documents.interfaces.values():
            addresses = self._interface_addresses(interface)
            if any(within(mine, prefix) for mine in self.settings.node_addresses
                   for prefix in addresses):
                return [group["GroupId"] for group in interface.get("Groups", [])]
        return []

    @staticmethod
    def _interface_addresses(interface):
        found = [a["PrivateIpAddress"] for a in interface.get("PrivateIpAddresses", [])]
        found += [a["Ipv6Address"] for a in interface.get("Ipv6Addresses", [])]
        found += [a["Ipv4Prefix"] for a in interface.get("Ipv4Prefixes", [])]
        found += [a["Ipv6Prefix"] for a in interface.get("Ipv6Prefixes", [])]
        if interface.get("PrivateIpAddress"):
            found.append(interface["PrivateIpAddress"])
        return found

    @staticmethod
    def _annotation(item):
        text = (item["metadata"].get("annotations") or {}).get("vpc.amazonaws.com/pod-eni")
        return json.loads(text)[0] if text else None

    def _policy_groups(self, item):
        metadata, groups = item["metadata"], []
        account = (metadata["namespace"], item["spec"].get("serviceAccountName") or "default")
        for policy in self.documents.policies:
            spec = policy["spec"]
            pods, accounts = spec.get("podSelector"), spec.get("serviceAccountSelector")
            ids = (spec.get("securityGroups") or {}).get("groupIds") or []
            if policy["metadata"]["namespace"] != metadata["namespace"] or not ids:
                continue
            if pods is None and accounts is None:
                continue
            if pods is not None and not selects(pods, metadata.get("labels") or {}):
                continue
            if accounts is not None and (account not in self.documents.accounts or not selects(
                    accounts, self.documents.accounts[account])):
                continue
            groups += [group for group in ids if group not in groups]
        return groups

    def _pod_groups(self, item):
        """None: the pod has no branch interface."""
        spec, phase = item["spec"], (item.get("status") or {}).get("phase")
        if spec.get("hostNetwork") or phase in ("Succeeded", "Failed"):
            return None
        eni, groups = self._annotation(item), self._policy_groups(item)
        if eni and eni["eniId"] in self.documents.interfaces:
            interface = self.documents.interfaces[eni["eniId"]]
            return [group["GroupId"] for group in interface.get("Groups", [])]
        if groups:
            return groups if eni or self.settings.without_eni == "enforce" else None
        if eni:
            return self.node_groups if spec.get("nodeName") == self.settings.node_name else []
        return None

    def _pod_addresses(self, item):
        eni = self._annotation(item)
        if eni:
            return [a for a in (eni.get("privateIp"), eni.get("ipv6Addr")) if a]
        return [a["ip"] for a in (item.get("status") or {}).get("podIPs") or []]

    def _branch(self, item):
        groups = self._pod_groups(item)
        if groups is None:
            return None
        eni, addresses = self._annotation(item), self._pod_addresses(item)
        pod = next((p for p in self.node.pods if p.name == item["metadata"]["name"]
                    and p.namespace == item["metadata"]["namespace"]), None)
        if pod is None:
            return None
        interface = self.documents.interfaces.get(eni["eniId"], {}) if eni else {}
        return Branch(pod=pod.name, interface=pod.interface, groups=groups, addresses=addresses,
                      device=f"vlan.eth.{eni['vlanId']}" if eni else "",
                      mode="strict" if pod.interface.startswith("vlan") else "standard",
                      checked=interface.get("SourceDestCheck", True))

    def _members_of(self, group):
        if group in self.members:
            return self.members[group]
        prefixes = []
        for interface in self.documents.interfaces.values():
            if group in [g["GroupId"] for g in interface.get("Groups", [])]:
                prefixes += self._interface_addresses(interface)
        for item in self.documents.pods:
            if group in (self._pod_groups(item) or []):
                prefixes += self._pod_addresses(item)
        if group in self.node_groups:
            prefixes += self.settings.node_addresses
        self.members[group] = prefixes
        return prefixes

    # What a rule says

    def _peers(self, permission):
        for item in permission.get("IpRanges", []):
            yield item["CidrIp"]
        for item in permission.get("Ipv6Ranges", []):
            yield item["CidrIpv6"]
        for item in permission.get("PrefixListIds", []):
            yield from self.documents.entries.get(item["PrefixListId"], [])
        for item in permission.get("UserIdGroupPairs", []):
            yield from self._members_of(item["GroupId"])

    @staticmethod
    def _protocol_matches(permission, packet, port):
        name = str(permission["IpProtocol"])
        if name == "-1":
            return True
        protocol = PROTOCOLS[name] if name in PROTOCOLS else int(name)
        if protocol != packet.protocol:
            return False
        low, high = permission.get("FromPort", -1), permission.get("ToPort", -1)
        if protocol in PORTS:
            return low <= port <= high
        if protocol in ICMPS:
            if (protocol == 1) != (packet.version == 4):
                return False
            return low == -1 or (low == packet.icmp_type and high in (-1, packet.icmp_code))
        return True

    def _permits(self, groups, direction, packet, port):
        """The id of the first group that has a rule for the packet."""
        key = "IpPermissions" if direction == "ingress" else "IpPermissionsEgress"
        peer = packet.source if direction == "ingress" else packet.destination
        for group in groups:
            for permission in self.documents.groups.get(group, {}).get(key, []):
                if self._protocol_matches(permission, packet, port):
                    if any(within(peer, prefix) for prefix in self._peers(permission)):
                        return group
        return None

    # What an end says

    def _exemption(self, branch, direction, packet):
        exempts = self.settings.exempts
        other = packet.exit if direction == "egress" else packet.entry
        if other == branch.interface and exempts("hairpin"):
            return "hairpin"
        if direction == "ingress":
            probe = packet.entry == "" and branch.mode == "standard" and exempts("node-probe")
            return "node-probe" if probe else None
        for name, (protocols, port, addresses) in SERVICES.items():
            if name == "vpc-dns":
                addresses += tuple(str(ipaddress.ip_network(cidr)[2])
                                   for cidr in self.settings.vpc_cidrs if ":" not in cidr)
            if exempts(name) and packet.protocol in protocols and packet.port == port:
                if any(same(packet.destination, address) for address in addresses):
                    return name
        client, server = (68, 67) if packet.version == 4 else (546, 547)
        ports = (packet.source_port, packet.port)
        if exempts("dhcp") and packet.protocol == 17 and ports == (client, server):
            return "dhcp"
        return None

    # DNS on the node

    def _listened_on(self, address):
        return any(same(address, listen) for listen in self.settings.dns_listen)

    def _may_ask(self, branch, protocol):
        """Whether its groups let it ask every one of the cluster's servers of some family."""
        if not self.settings.dns_servers:
            return any(self._protocol_matches(permission, Packet("", "", "::", "::", protocol), 53)
                       and any(True for _ in self._peers(permission))
                       for group in branch.groups
                       for permission in self.documents.groups.get(group, {}).get(
                           "IpPermissionsEgress", []))
        for version in (4, 6):
            servers = [server for server in self.settings.dns_servers
                       if ipaddress.ip_address(server).version == version]
            if servers and all(
                    self._permits(branch.groups, "egress",
                                  Packet("", "", server, server, protocol, 53), 53)
                    for server in servers):
                return True
        return False

    def _dns(self, branch, direction, packet):
        """None: the packet has nothing to do with the cache on the node. Else its permission."""
        if branch.mode != "standard" or packet.protocol not in PORTS:
            return None
        if direction == "egress" and packet.port == 53 and self._listened_on(packet.destination):
            return self._may_ask(branch, packet.protocol)
        if direction == "ingress" and packet.entry == "" and packet.source_port == 53:
            return True if self._listened_on(packet.source) else None
        return None

    def _led(self, entry, probe, destination, port):
        """Where a strict pod's query to a node-local address goes instead; None: it is none."""
        branch = self.branches.get(entry)
        address = ipaddress.ip_address(destination)
        if not branch or branch.mode != "strict" or probe.protocol not in PORTS or port != 53:
            return None
        local = address.is_link_local or (address.version == 6 and address.is_private)
        if not local or not self._listened_on(destination):
            return None
        return next((server for server in self.settings.dns_servers
                     if ipaddress.ip_address(server).version == address.version), None)

    def _node_judges(self, branch, other):
        policy = self.settings.standard_node_groups
        if branch.mode != "standard" or policy == "never":
            return False
        if not any(group in self.documents.groups for group in self.node_groups):
            return False
        return policy == "always" or other == self.settings.primary

    def _judge_end(self, branch, direction, packet):
        other = packet.exit if direction == "egress" else packet.entry
        said = lambda permitted, reason: Judgement(permitted, reason, branch.pod, direction)
        if packet.protocol == 58 and packet.icmp_type in ND_TYPES and packet.hop_limit == 255:
            return said(True, "neighbour discovery")
        if direction == "egress" and branch.checked:
            if not any(same(packet.source, address) for address in branch.addresses):
                return said(False, "source check")
        if branch.mode == "strict" and branch.device:
            if other not in (branch.device, branch.interface):
                return said(False, "strict path")
        exemption = self._exemption(branch, direction, packet)
        if exemption:
            return said(True, f"exempt {exemption}")
        dns = self._dns(branch, direction, packet)
        if dns is not None:
            return said(dns, "dns" if dns else "no rule for the cluster's dns")
        if self._node_judges(branch, other):
            port = packet.original_port if direction == "ingress" else packet.port
            if not self._permits(self.node_groups, direction, packet, port):
                return said(False, "node's groups")
        if not any(group in self.documents.groups for group in branch.groups):
            return said(False, "closed: no group is known")
        group = self._permits(branch.groups, direction, packet, packet.port)
        return said(group is not None, f"rule of {group}" if group else "no rule")

    def judge(self, packet):
        """The judgements of the ends that the packet meets, up to the first drop."""
        judgements = []
        for name, direction in ((packet.entry, "egress"), (packet.exit, "ingress")):
            branch = self.branches.get(name)
            if branch:
                judgements.append(self._judge_end(branch, direction, packet))
                if not judgements[-1].permitted:
                    break
        return judgements

    # Which way a packet goes

    def _translate(self, destination, protocol, port):
        names = {6: "tcp", 17: "udp"}
        for service in self.node.services:
            if service.protocol != names.get(protocol) or service.port != port:
                continue
            version = ipaddress.ip_address(service.backend).version
            if version != ipaddress.ip_address(destination).version:
                continue
            mine = destination in self.node.network.node
            if service.address == destination or (service.address is None and mine):
                return service.backend, service.backend_port
        return destination, port

    @staticmethod
    def _tracked(probe):
        """The CNI's mark sits on the conntrack entry: what has none takes the branch device."""
        return probe.protocol != 1 or probe.icmp_type in TRACKED_ICMP

    def _route(self, entry, probe, destination):
        """The ip rules of the lab in order: 10, 20, 512, 1024, 1536, main."""
        network = self.node.network
        for pod in self.node.pods:
            if pod.mode == "strict" and pod.vlan and entry in (pod.interface, pod.device):
                return pod.interface if pod.owns(destination) else pod.device
        if destination in network.node:
            return ""
        target = self.node.pod_at(destination)
        if target and not (target.mode == "strict" and target.vlan):
            return target.interface
        version = ipaddress.ip_address(destination).version
        leaves_vpc = version == 4 and not network.in_vpc(destination)
        if entry.startswith("eni") and leaves_vpc and self._tracked(probe):
            return "eth0"
        owner = self.node.pod_at(probe.source)
        if owner and owner.vlan and owner.mode == "standard":
            return owner.device
        return "eth0"

    def _fabric_delivers(self, destination):
        """The node's interface that the fabric hands the packet to; None: it is for elsewhere."""
        pod = self.node.pod_at(destination)
        if pod:
            return pod.device or "eth0"
        return "eth0" if destination in self.node.network.node else None

    def passes(self, probe):
        """The packet at each of its hooks, and the namespace where it ends if nobody drops it."""
        destination, port, hop_limit = probe.destination, probe.port, probe.hop_limit
        if probe.origin == "node":
            entry = ""
        elif probe.origin in self.node.by_name:
            entry = self.node.by_name[probe.origin].interface
        else:
            entry = self._fabric_delivers(destination)
            hop_limit -= 1
        found = []
        while entry is not None:
            original = port
            led = self._led(entry, probe, destination, port)
            destination, port = (led, 53) if led else self._translate(
                destination, probe.protocol, port)
            leave = self._route(entry, probe, destination)
            hop_limit -= 1 if entry and leave else 0
            found.append(Packet(entry, leave, probe.source, destination, probe.protocol, port,
                                probe.source_port, original, probe.icmp_type, probe.icmp_code,
                                hop_limit))
            if leave == "" or leave in self.node.by_interface:
                break
            entry = self._fabric_delivers(destination)
            hop_limit -= 1
        return found, self.node.who_has(destination)

    def verdict(self, probe):
        """(permitted, where it would arrive, why: the judgements in order)."""
        packets, where = self.passes(probe)
        why = []
        for packet in packets:
            why += self.judge(packet)
            if why and not why[-1].permitted:
                return False, where, why
        return True, where, why
