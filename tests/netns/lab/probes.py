# SPDX-License-Identifier: GPL-2.0-or-later
"""
Probes: packets that begin a flow, and whether they arrive.

What decides is that the packet's token is seen in the namespace it is meant for: by a packet
socket in pods and hosts (in front of their own filters), by raw sockets in the node (behind the
input hook). A token seen late still counts, so a slow packet is never taken for a dropped one.
"""

import dataclasses
import ipaddress
import selectors
import socket
import time

from . import netns, packets
from .tap import PATIENCE

ETH_P_ALL = 3
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33
CAPTURE_BUFFER = 16 << 20
WATCHED_ON_NODE = (packets.ICMP, packets.TCP, packets.UDP, packets.GRE, packets.ESP, packets.ICMPV6,
                   packets.SCTP, packets.EXPERIMENT)
SETTLE = 0.03


@dataclasses.dataclass
class Probe:
    """origin is where it is sent: a pod, "node", "db" or "inet". source_port is the id of ICMP."""

    origin: str
    source: str
    destination: str
    protocol: int
    port: int = 0
    source_port: int = 0
    icmp_type: int = 0
    icmp_code: int = 0
    hop_limit: int = 64
    fragmented: bool = False
    number: int = 0

    @property
    def family(self):
        return ipaddress.ip_address(self.source).version

    def flows(self):
        """Two probes that have one of these in common would share a conntrack entry."""
        pair = frozenset((self.source, self.destination))
        if self.protocol in (packets.TCP, packets.UDP, packets.SCTP):
            return {(self.protocol, pair, frozenset((self.source_port, self.port)))}
        if self.protocol in (packets.ICMP, packets.ICMPV6):
            return {(self.protocol, pair, self.icmp_type, self.source_port)}
        # Source NAT cannot tell two senders apart where there are no ports.
        return {(self.protocol, pair), (self.protocol, self.destination)}

    def __str__(self):
        what = packets.protocol_name(self.protocol)
        if self.protocol in (packets.ICMP, packets.ICMPV6):
            what += f"/{self.icmp_type}/{self.icmp_code} id {self.source_port}"
        elif self.protocol in (packets.TCP, packets.UDP, packets.SCTP):
            what += f"/{self.port} from port {self.source_port}"
        notes = " in fragments" if self.fragmented else ""
        notes += f" hop limit {self.hop_limit}" if self.hop_limit != 64 else ""
        return f"{what} {self.source} -> {self.destination} sent by {self.origin}{notes}"


@dataclasses.dataclass
class Result:
    probe: Probe
    sent: bool = True
    refused: bool = False
    seen: dict = dataclasses.field(default_factory=dict)

    def arrived(self, who):
        return who in self.seen

    def is_carried_by(self, protocol, icmp_type):
        """An ICMP error that quotes the probe is not the probe."""
        if protocol != self.probe.protocol:
            return False
        typed = protocol in (packets.ICMP, packets.ICMPV6) and icmp_type is not None
        return not typed or icmp_type == self.probe.icmp_type


class Prober:
    """Holds sockets in every namespace of a node; one process sends and watches everything."""

    def __init__(self, node):
        self.node = node
        self.selector = selectors.DefaultSelector()
        self.senders = {}
        self.results = {}
        self.next_number = 1
        self.next_port = 20000

    def __enter__(self):
        for who in ("db", "inet", *self.node.by_name):
            self.watch_interface(who)
            self._open_senders(who)
        self._watch_node()
        self._open_senders("node")
        return self

    def __exit__(self, *_):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        for sock in self.senders.values():
            sock.close()
        self.selector.close()

    def watch_interface(self, who, interface="eth0"):
        sock = netns.make_socket(self.node.name(who), socket.AF_PACKET, socket.SOCK_DGRAM,
                                 socket.htons(ETH_P_ALL))
        sock.bind((interface, ETH_P_ALL))
        self._register(sock, who, self._in_interface)

    def _watch_node(self):
        for protocol in WATCHED_ON_NODE:
            for family in (socket.AF_INET, socket.AF_INET6):
                sock = netns.make_socket(self.node.name("node"), family, socket.SOCK_RAW, protocol)
                self._register(sock, "node", self._on_node if family == socket.AF_INET else
                               lambda data, _, protocol=protocol: (protocol, data[0]))

    @staticmethod
    def _in_interface(data, address):
        return None if address[2] == PACKET_OUTGOING else packets.protocol_of(data)

    @staticmethod
    def _on_node(data, _):
        return packets.protocol_of(data)

    def _register(self, sock, who, kind_of):
        """kind_of says of what came (protocol, ICMP type), or None for what does not count."""
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, CAPTURE_BUFFER)
        sock.setblocking(False)
        self.selector.register(sock, selectors.EVENT_READ, (who, kind_of))

    def _open_senders(self, who):
        with netns.entered(self.node.name(who)):
            self.senders[who, 4] = packets.raw_socket(socket.AF_INET)
            self.senders[who, 6] = packets.raw_socket(socket.AF_INET6)

    def fresh_port(self):
        """A source port, or ICMP id, that no other probe of the last 40,000 had."""
        self.next_port = self.next_port + 1 if self.next_port < 60000 else 20001
        return self.next_port

    def send(self, probe):
        """Every sending is a probe of its own: the number, and with it the token, is new."""
        probe.number = self.next_number
        self.next_number += 1
        result = self.results[probe.number] = Result(probe)
        sender = self.senders[probe.origin, probe.family]
        to = (probe.destination, 0) if probe.family == 4 else (probe.destination, 0, 0, 0)
        for packet in packets.build(probe):
            try:
                sender.sendto(packet, to)
            except PermissionError:
                result.refused = True
            except OSError:
                result.sent = False
        return result

    def drain(self, timeout=0.0):
        """Reads what has arrived; True if a token was among it."""
        found = False
        for key, _ in self.selector.select(timeout):
            who, kind_of = key.data
            while True:
                try:
                    data, address = key.fileobj.recvfrom(65535)
                except BlockingIOError:
                    break
                tokens = packets.tokens_in(data)
                if tokens:
                    self._note(who, tokens, kind_of(data, address))
                    found = True
        return found

    def _note(self, who, tokens, kind):
        for number, part in tokens:
            result = self.results.get(number)
            if result and kind and result.is_carried_by(*kind):
                result.seen.setdefault(who, set()).add(part)

    def probe(self, batch, awaited=()):
        """
        Sends a batch and waits until every awaited (probe, where) has arrived, but not longer than
        the patience, and until nothing more comes.
        """
        for index, probe in enumerate(batch):
            self.send(probe)
            if index % 32 == 31:
                self.drain()
        end = time.monotonic() + PATIENCE
        quiet = time.monotonic() + SETTLE
        while time.monotonic() < end:
            if self.drain(SETTLE):
                quiet = time.monotonic() + SETTLE
            complete = all(self.results[p.number].arrived(who) for p, who in awaited)
            if complete and time.monotonic() >= quiet:
                break
        return [self.results[probe.number] for probe in batch]


def batches(probes, size=100):
    """Groups of probes in which no two share a conntrack entry; flows are forgotten in between."""
    groups = []
    for probe in probes:
        flows = probe.flows()
        for taken, group in groups:
            if len(group) < size and taken.isdisjoint(flows):
                taken |= flows
                group.append(probe)
                break
        else:
            groups.append((set(flows), [probe]))
    return [group for _, group in groups]
