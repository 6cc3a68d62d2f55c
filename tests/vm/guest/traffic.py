# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes on while something happens to the daemons, and what it has seen of that."""

import contextlib
import socket
import threading
import time

from lab import dns, netns
from lab.streams import Intruder, Stream
from lab.tap import check

# Emulation is slow: this is a load there, and servers and clients share one interpreter.
Stream.INTERVAL = 0.1
Intruder.INTERVAL = 0.1
ASK_EVERY = 0.1
NAMES = 20  # every now and then one has to be asked for upstream
LATE = 10.0
ENOUGH = 10


class Asker:
    """Asks a server for names, all the time, over one socket."""

    def __init__(self, where, server):
        self.asked = {}  # id -> when
        self.late = {}  # id -> seconds until its answer
        self.running = True
        self.socket = netns.make_socket(where, dns.family_of(server), socket.SOCK_DGRAM)
        self.socket.connect((server, dns.PORT))
        self.socket.settimeout(0.2)
        self.threads = [threading.Thread(target=run, daemon=True)
                        for run in (self._ask, self._hear)]
        for thread in self.threads:
            thread.start()

    def _ask(self):
        while self.running:
            message = dns.question(f"n{len(self.asked) % NAMES}.example")
            self.asked[message[:2]] = time.monotonic()
            with contextlib.suppress(OSError):
                self.socket.send(message)
            time.sleep(ASK_EVERY)

    def _hear(self):
        end = None
        while end is None or time.monotonic() < end:
            if end is None and not self.running:
                end = time.monotonic() + LATE
            if end and len(self.late) == len(self.asked):
                return
            with contextlib.suppress(OSError):
                answer = self.socket.recv(4096)
                if answer[:2] in self.asked and answer[3] & 15 == 0:
                    self.late[answer[:2]] = time.monotonic() - self.asked[answer[:2]]

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join(LATE + 5)
        self.socket.close()

    def lost(self, since=0.0):
        """How many of those asked since then have no answer."""
        return sum(key not in self.late for key, when in self.asked.items() if when >= since)


class Traffic:
    """
    Context manager: permitted streams of a pod of each mode, an intruder whom nobody may let
    through, and a pod that asks for names. Behind the block it fails where one of them suffered;
    dns_since: questions asked before that moment may be lost.
    """

    def __init__(self, node, streams, intruder, asker):
        self.node = node
        self.wanted = (streams, intruder, asker)
        self.dns_since = 0.0

    def __enter__(self):
        streams, intruder, asker = self.wanted
        self.streams = [Stream(self.node, *words) for words in streams]
        self.intruder = Intruder(self.node, *intruder)
        self.asker = Asker(self.node.name(asker[0]), asker[1])
        time.sleep(1)
        return self

    def __exit__(self, kind, *_):
        time.sleep(1)
        for one in (*self.streams, self.intruder, self.asker):
            one.stop()
        if not kind:
            self.judge()

    def judge(self):
        for stream in self.streams:
            check(stream.error is None, f"a stream broke: {stream.error!r}")
            check(stream.exchanges > ENOUGH, f"no load: {self.summary()}")
        check(self.intruder.sent > ENOUGH, f"no intruder: {self.summary()}")
        check(not self.intruder.arrivals, f"{len(self.intruder.arrivals)} of the intruder's "
              f"{self.intruder.sent} packets arrived")
        lost = self.asker.lost(self.dns_since)
        check(not lost, f"{lost} questions have no answer: {self.summary()}")
        check(len(self.asker.late) > ENOUGH, f"no questions: {self.summary()}")

    def summary(self):
        longest = max(stream.longest for stream in self.streams)
        return (f"{sum(stream.exchanges for stream in self.streams)} exchanges, the longest "
                f"{longest:.2f} s; {self.intruder.sent} packets of the intruder; "
                f"{len(self.asker.asked)} questions, the slowest answer after "
                f"{max(self.asker.late.values(), default=0):.2f} s, "
                f"{self.asker.lost()} without")
