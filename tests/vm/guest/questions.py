#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
questions.py NAMESPACE SERVER: asks for names, all the time, until standard input says since when
each question has to be answered. Says "begun", and in the end what it has counted, as JSON.
"""

import contextlib
import json
import os
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(HERE)), "netns"))
sys.dont_write_bytecode = True

from lab import dns, netns  # noqa: E402

ASKERS = 4
EVERY = 0.1  # seconds
NAMES = 20  # every now and then one has to be asked for upstream
LATE = 10.0


class Asker:
    """Asks over one socket."""

    def __init__(self, where, server):
        self.asked = {}  # id -> when
        self.answered = {}  # id -> when
        self.refused = set()
        self.running = True
        self.socket = netns.make_socket(where, dns.family_of(server), socket.SOCK_DGRAM)
        self.socket.connect((server, dns.PORT))
        self.socket.settimeout(0.2)
        self.threads = [threading.Thread(target=run, daemon=True)
                        for run in (self._ask, self._hear)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def _ask(self):
        while self.running:
            message = dns.question(f"n{len(self.asked) % NAMES}.example")
            self.asked[message[:2]] = time.monotonic()
            with contextlib.suppress(OSError):
                self.socket.send(message)
            time.sleep(EVERY)

    def _hear(self):
        end = None
        while end is None or time.monotonic() < end:
            if end is None and not self.running:
                end = time.monotonic() + LATE
            if end and len(self.answered) + len(self.refused) == len(self.asked):
                return
            with contextlib.suppress(OSError):
                self._note(self.socket.recv(4096))

    def _note(self, answer):
        if answer[3] & 15:
            self.refused.add(answer[:2])
        elif answer[:2] in self.asked:
            self.answered[answer[:2]] = time.monotonic()

    def stop(self):
        for thread in self.threads:
            thread.join(LATE + 5)
        self.socket.close()

    def lost(self, since):
        """How many of those asked since then have no answer."""
        return sum(key not in self.answered for key, when in self.asked.items() if when >= since)

    def slowest(self):
        return max((when - self.asked[key] for key, when in self.answered.items()), default=0)


def longest_silence(askers):
    """Seconds in which nobody was answered."""
    times = sorted(when for one in askers for when in one.answered.values())
    return max((after - before for before, after in zip(times, times[1:])), default=0)


def main():
    askers = [Asker(*sys.argv[1:]) for _ in range(ASKERS)]
    for one in askers:
        one.start()
    print("begun", flush=True)
    since = float(sys.stdin.readline())
    for one in askers:
        one.running = False
    for one in askers:
        one.stop()
    print(json.dumps({"asked": sum(len(one.asked) for one in askers),
                      "answered": sum(len(one.answered) for one in askers),
                      "lost": sum(one.lost(0) for one in askers),
                      "lost since": sum(one.lost(since) for one in askers),
                      "slowest": round(max(one.slowest() for one in askers), 2),
                      "silence": round(longest_silence(askers), 2)}))


if __name__ == "__main__":
    main()
