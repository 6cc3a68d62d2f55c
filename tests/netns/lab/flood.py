# SPDX-License-Identifier: GPL-2.0-or-later
"""UDP packets as fast as one thread of the kernel makes them: sendmmsg() by hand."""

import ctypes
import os
import socket
import threading
import time

from . import netns
from .node import family_of
from .tap import wait_for

BATCH = 512
PAYLOAD = b"flood"


class Buffer(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("length", ctypes.c_size_t)]


class Message(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32),
                ("buffers", ctypes.POINTER(Buffer)), ("buffer_count", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class Sent(ctypes.Structure):
    _fields_ = [("message", Message), ("length", ctypes.c_uint)]


class Flood:
    """Sends from start() to stop(); count is what was sent, seconds how long it took."""

    def __init__(self, node, who, address, port):
        family = socket.AF_INET if family_of(address) == 4 else socket.AF_INET6
        self.socket = netns.make_socket(node.name(who), family, socket.SOCK_DGRAM)
        self.socket.connect((address, port))
        self.buffer = Buffer(PAYLOAD, len(PAYLOAD))
        self.batch = (Sent * BATCH)()
        for sent in self.batch:
            sent.message.buffers = ctypes.pointer(self.buffer)
            sent.message.buffer_count = 1
        self.count = 0
        self.seconds = 0.0
        self.running = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        begin = time.monotonic()
        while self.running:
            sent = netns.libc.sendmmsg(self.socket.fileno(), self.batch, BATCH, 0)
            if sent < 0 and ctypes.get_errno() not in (11, 105, 111):
                break
            self.count += max(sent, 0)
        self.seconds = time.monotonic() - begin

    def start(self):
        self.running = True
        self.thread.start()
        return self

    def stop(self):
        self.running = False
        self.thread.join()
        self.socket.close()
        return self

    def send(self, count):
        """A flood of so many packets and a few more."""
        self.start()
        wait_for(lambda: self.count >= count or not self.thread.is_alive(), "packets are sent")
        return self.stop()


def cpu_seconds(pid):
    """What a process has used of the processors so far, in user mode and in the kernel."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
