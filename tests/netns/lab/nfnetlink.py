# SPDX-License-Identifier: GPL-2.0-or-later
"""Just enough nf_tables netlink to be somebody else who changes the rule set, and to see it."""

import socket
import struct
import threading
import time

from . import netns
from .tap import PATIENCE

NETLINK_NETFILTER = 12
SUBSYSTEM = 10
BATCH_BEGIN, BATCH_END = 0x10, 0x11
NEWTABLE, DELTABLE, GETGEN = (SUBSYSTEM << 8) | 0, (SUBSYSTEM << 8) | 2, (SUBSYSTEM << 8) | 16
REQUEST, ACK, CREATE = 1, 4, 0x400
INET = 1
TABLE_NAME, TABLE_FLAGS = 1, 2
TABLE_OWNER = 2
GENERATION = 1


def _attribute(kind, value):
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)


def _message(kind, flags, family, resource=0, payload=b""):
    body = struct.pack("=BB", family, 0) + struct.pack(">H", resource) + payload
    return struct.pack("=IHHII", 16 + len(body), kind, REQUEST | flags, 1, 0) + body


def _batch(kind, flags, table):
    name = _attribute(TABLE_NAME, table.encode() + b"\0")
    return (_message(BATCH_BEGIN, 0, 0, SUBSYSTEM) + _message(kind, flags | ACK, INET, 0, name)
            + _message(BATCH_END, 0, 0, SUBSYSTEM))


def _open(name):
    sock = netns.make_socket(name, socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    sock.bind((0, 0))
    sock.settimeout(PATIENCE)
    return sock


def generation(name):
    """The number that every transaction of the namespace raises."""
    with _open(name) as sock:
        sock.send(_message(GETGEN, 0, 0))
        answer = sock.recv(4096)
    offset = 20
    while offset + 4 <= len(answer):
        length, kind = struct.unpack_from("=HH", answer, offset)
        if kind == GENERATION:
            return struct.unpack_from(">I", answer, offset + 4)[0]
        offset += (length + 3) & ~3
    raise OSError("no generation in the kernel's answer")


class Owner:
    """
    Context manager: the kernel keeps everybody else off this table, made in place of the one that
    may be there, until the block ends; the table goes with it.
    """

    def __init__(self, name, table="podsg"):
        self._sock = _open(name)
        self._name = _attribute(TABLE_NAME, table.encode() + b"\0")

    def __enter__(self):
        flags = _attribute(TABLE_FLAGS, struct.pack(">I", TABLE_OWNER))
        self._sock.send(
            _message(BATCH_BEGIN, 0, 0, SUBSYSTEM)
            + _message(NEWTABLE, CREATE, INET, 0, self._name)
            + _message(DELTABLE, 0, INET, 0, self._name)
            + _message(NEWTABLE, CREATE | ACK, INET, 0, self._name + flags)
            + _message(BATCH_END, 0, 0, SUBSYSTEM))
        error = -struct.unpack_from("=i", self._sock.recv(4096), 16)[0]
        if error:
            raise OSError(error, "the kernel does not give the table away")
        return self

    def __exit__(self, *_):
        self._sock.close()


class Writer:
    """Context manager: a thread that commits to a table of its own all the time."""

    def __init__(self, name, pause=0.0005, table="somebody-else"):
        self.pause = pause
        self.commits = 0
        self._sock = _open(name)
        self._made = _batch(NEWTABLE, CREATE, table)
        self._gone = _batch(DELTABLE, 0, table)
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._running = False
        self._thread.join()
        self._sock.close()

    def _run(self):
        while self._running:
            for batch in (self._made, self._gone):
                self._sock.send(batch)
                answer = self._sock.recv(4096)
                if struct.unpack_from("=i", answer, 16)[0] == 0:
                    self.commits += 1
                time.sleep(self.pause)
