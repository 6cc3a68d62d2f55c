# SPDX-License-Identifier: GPL-2.0-or-later
"""Just enough nfnetlink_log to see what the drop log is offered."""

import socket
import struct

from . import netns

NETLINK_NETFILTER = 12
CONFIG = (4 << 8) | 1
COMMAND, BIND = 1, 1
COPY_MODE, COPY_NONE = 2, 0
PREFIX = 10
REQUEST, ACK = 1, 4
PATIENCE = 0.5


class DropLog:
    """Context manager: binds a group of a namespace's log. read() gives the prefixes so far."""

    def __init__(self, name, group):
        self.sock = netns.make_socket(name, socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.sock.bind((0, 0))
        self.sock.settimeout(PATIENCE)
        self.group = group

    def __enter__(self):
        self._configure(struct.pack("=HHB3x", 5, COMMAND, BIND))
        self._configure(struct.pack("=HHIBB2x", 10, COPY_MODE, 0, COPY_NONE, 0))
        return self

    def __exit__(self, *_):
        self.sock.close()

    def _configure(self, attribute):
        body = struct.pack("=BB", 0, 0) + struct.pack(">H", self.group) + attribute
        self.sock.send(struct.pack("=IHHII", 16 + len(body), CONFIG, REQUEST | ACK, 1, 0) + body)
        answer = self.sock.recv(4096)
        error = -struct.unpack_from("=i", answer, 16)[0]
        if error:
            raise OSError(error, "nfnetlink_log refuses the configuration")

    def read(self):
        prefixes = set()
        try:
            while True:
                prefixes |= set(_prefixes(self.sock.recv(65536)))
        except TimeoutError:
            return prefixes


def _prefixes(data):
    """Of one datagram, which may hold several messages."""
    while len(data) >= 20:
        length = struct.unpack_from("=I", data)[0]
        offset = 20
        while offset + 4 <= length:
            size, kind = struct.unpack_from("=HH", data, offset)
            if kind == PREFIX:
                yield data[offset + 4:offset + size].rstrip(b"\0").decode()
            offset += max(4, (size + 3) & ~3)
        data = data[max(20, (length + 3) & ~3):]
