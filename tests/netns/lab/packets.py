# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets made by hand, so that every field can be anything; each carries a token."""

import ipaddress
import socket
import struct

ICMP, TCP, UDP, GRE, ESP, ICMPV6, SCTP = 1, 6, 17, 47, 50, 58, 132
EXPERIMENT = 253
FRAGMENT_HEADER = 44

MAGIC = b"\xf5podsg\xf5"
TOKEN = struct.Struct("!7sIB")
LONG_PAYLOAD = 3000
FRAGMENT_SIZE = 1400

PROTOCOL_NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmpv6", GRE: "gre", ESP: "esp",
                  SCTP: "sctp"}


def protocol_name(protocol):
    return PROTOCOL_NAMES.get(protocol, str(protocol))


def token(number, part=0):
    return TOKEN.pack(MAGIC, number, part)


def tokens_in(data):
    """Every (number, part) that the bytes carry."""
    found = []
    at = data.find(MAGIC)
    while at >= 0 and at + TOKEN.size <= len(data):
        _, number, part = TOKEN.unpack_from(data, at)
        found.append((number, part))
        at = data.find(MAGIC, at + TOKEN.size)
    return found


def ones_complement(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packed(address):
    return ipaddress.ip_address(address).packed


def pseudo_header(source, destination, protocol, length):
    if len(packed(source)) == 4:
        return packed(source) + packed(destination) + struct.pack("!BBH", 0, protocol, length)
    return packed(source) + packed(destination) + struct.pack("!IHBB", length, 0, 0, protocol)


def crc32c(data):
    value = 0xffffffff
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82f63b78 if value & 1 else 0)
    return value ^ 0xffffffff


def with_checksum(probe, header, offset, payload):
    """A transport header with its checksum over header, payload and pseudo header filled in."""
    body = header + payload
    start = pseudo_header(probe.source, probe.destination, probe.protocol, len(body))
    value = ones_complement(start + body) or 0xffff
    return body[:offset] + struct.pack("!H", value) + body[offset + 2:]


def tcp(probe, payload):
    flags = 0x5000 | 0x02
    header = struct.pack("!HHIIHHHH", probe.source_port, probe.port, probe.number, 0, flags, 65535,
                         0, 0)
    return with_checksum(probe, header, 16, payload)


def udp(probe, payload):
    header = struct.pack("!HHHH", probe.source_port, probe.port, 8 + len(payload), 0)
    return with_checksum(probe, header, 6, payload)


def icmp(probe, payload):
    header = struct.pack("!BBHHH", probe.icmp_type, probe.icmp_code, 0, probe.source_port, 1)
    if probe.protocol == ICMPV6:
        return with_checksum(probe, header, 2, payload)
    value = ones_complement(header + payload)
    return header[:2] + struct.pack("!H", value) + header[4:] + payload


def sctp(probe, payload):
    """An INIT chunk with the token in a parameter that a receiver ignores."""
    payload += b"\0" * (-len(payload) % 4)
    parameter = struct.pack("!HH", 0xc000, 4 + len(payload)) + payload
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20 + len(parameter), 1, 65535, 1, 1, 1) + parameter
    header = struct.pack("!HHI", probe.source_port, probe.port, 0)
    checksum = crc32c(header + b"\0\0\0\0" + chunk)
    return header + struct.pack("<I", checksum) + chunk


def gre(_, payload):
    return struct.pack("!HH", 0, 0x0800) + payload


def other(_, payload):
    return b"\0" * 8 + payload


BODIES = {TCP: tcp, UDP: udp, ICMP: icmp, ICMPV6: icmp, SCTP: sctp, GRE: gre}


def ip4(probe, body, identification, offset=0, more=False):
    flags = (0x2000 if more else 0) | offset // 8
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), identification, flags,
                         probe.hop_limit, probe.protocol, 0, packed(probe.source),
                         packed(probe.destination))
    checksum = ones_complement(header)
    return header[:10] + struct.pack("!H", checksum) + header[12:] + body


def ip6(probe, body, next_header):
    return struct.pack("!IHBB16s16s", 6 << 28, len(body), next_header, probe.hop_limit,
                       packed(probe.source), packed(probe.destination)) + body


def fragments(body):
    cut = FRAGMENT_SIZE - FRAGMENT_SIZE % 8
    return [(at, body[at:at + cut], at + cut < len(body)) for at in range(0, len(body), cut)]


def build(probe):
    """The IP packets of a probe: one, or as many as it has fragments."""
    payload = token(probe.number)
    if probe.fragmented:
        filler = LONG_PAYLOAD - 2 * TOKEN.size
        payload += b"\0" * filler + token(probe.number, 1)
    body = BODIES.get(probe.protocol, other)(probe, payload)
    identification = probe.number % 65535 + 1
    version = ipaddress.ip_address(probe.source).version
    if not probe.fragmented:
        return [ip4(probe, body, identification) if version == 4 else
                ip6(probe, body, probe.protocol)]
    packets = []
    for offset, piece, more in fragments(body):
        if version == 4:
            packets.append(ip4(probe, piece, identification, offset, more))
        else:
            header = struct.pack("!BBHI", probe.protocol, 0, offset | more, identification)
            packets.append(ip6(probe, header + piece, FRAGMENT_HEADER))
    return packets


def protocol_of(packet):
    """(protocol, ICMP type): an ICMP error quotes packets, tokens included. No type: None."""
    if packet[0] >> 4 == 4:
        protocol, start = packet[9], (packet[0] & 15) * 4
        offset = struct.unpack_from("!H", packet, 6)[0] & 0x1fff
    else:
        protocol, start, offset = packet[6], 40, 0
        if protocol == FRAGMENT_HEADER:
            protocol, start = packet[40], 48
            offset = struct.unpack_from("!H", packet, 42)[0] >> 3
    typed = protocol in (ICMP, ICMPV6) and offset == 0
    return protocol, packet[start] if typed else None


def raw_socket(family):
    """A socket that takes whole IP packets; made in the namespace the caller is in."""
    sock = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return sock
