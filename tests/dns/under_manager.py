# SPDX-License-Identifier: GPL-2.0-or-later
"""podsg-dnscache on loopback under a service manager that keeps its sockets and its cache."""

import json
import os
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time

import load
import place
import upstream
from lab import tap
from lab.tap import check, equal
from manager import Manager
from place import BUILD, PORT, block, framed, query
from upstream import plain_answer

BINARY = os.path.join(BUILD, os.environ.get("PODSG_DNSCACHE", "podsg-dnscache"))
RATE = 20000
WORKERS = 2
UNANSWERED = 4  # seconds: less than a question waits for an upstream that is silent
NOERROR, SERVFAIL = 0, 2
SO_MEMINFO = 55


def open_upstream():
    """At a port of its own: some cases listen everywhere."""
    return upstream.Upstream(place.address(2), PORT - 10000)


class World:
    """Context manager: upstream, configuration, and a manager that has not started anything."""

    def __init__(self, workers=WORKERS, words=(), **manager):
        self.directory = tempfile.mkdtemp(prefix="podsg-death-")
        self.upstream = open_upstream()
        self.upstream.fast = plain_answer
        self.write_corefile()
        with open(self.path("podsg.yaml"), "w", encoding="utf-8") as file:
            json.dump({"version": 1, "nftSync": {"branches": self.path("branches.json")},
                       "dns": {"clientOutstanding": 65536}}, file)  # the flood is one client
        self.argv = [BINARY, "--config", self.path("podsg.yaml"), "-conf", self.path("Corefile"),
                     "-setupinterface=false", "-setupiptables=false", "-kubednscm", self.directory,
                     "-metrics-listen-address", "", "--workers", str(workers), *words]
        self.manager = Manager(self.directory, self.argv, **manager)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write_corefile(self, *binds, bind=None, lines=()):
        with open(self.path("Corefile.new"), "w", encoding="utf-8") as file:
            file.write(block(".", "cache 3600", f"forward . {self.upstream.place}", *lines,
                             bind=" ".join(binds) or bind))
        os.rename(self.path("Corefile.new"), self.path("Corefile"))

    def set_workers(self, count):
        self.manager.argv[self.manager.argv.index("--workers") + 1] = str(count)

    def __enter__(self):
        self.manager.__enter__()
        return self

    def __exit__(self, *_):
        try:
            self.manager.__exit__()
        finally:
            self.upstream.close()
        said = self.manager.log_text() if os.path.exists(self.manager.log) else ""
        shutil.rmtree(self.directory)
        check(not place.COMPLAINTS.search(said), said)

    def queue_drops(self):
        """What the kernel has dropped at the UDP sockets, which outlive processes."""
        drops = 0
        with self.manager.lock:
            for name, fd in self.manager.store:
                if name.startswith("udp-"):
                    with socket.socket(fileno=os.dup(fd)) as made:
                        drops += struct.unpack("9I", made.getsockopt(socket.SOL_SOCKET, SO_MEMINFO,
                                                                     36))[-1]
        return drops

    # Clients

    def exchange(self, wire, patience=5.0, number=1):
        return place.Client(place.address(number)).send(wire, patience)

    def ask(self, name, patience=5.0, number=1):
        """The rcode; None: no answer."""
        answer = self.exchange(query(name).to_wire(), patience, number)
        return None if answer is None else answer[3] & 15

    def expect_served(self, count=20, number=1):
        for turn in range(count):
            equal(self.ask("served.example", number=number), NOERROR, f"question {turn}")

    def flood(self, seconds, rate=RATE, unseen=0):
        return load.flood(self.directory, place.address(1), PORT, seconds, rate, unseen)

    def prober(self):
        return load.Prober(place.Client().socket())


class Stalls:
    """Context manager: the longest time that this process stood still, in seconds."""

    def __enter__(self):
        self.longest = 0.0
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def _run(self):
        before = time.monotonic()
        while self.running:
            time.sleep(0.01)
            now = time.monotonic()
            self.longest = max(self.longest, now - before)
            before = now

    def __exit__(self, *_):
        self.running = False
        self.thread.join()


def unless_stalled(attempt, stall, what, times=3):
    """attempt returns whether all was well. What was not is excused only by a machine that stood
    still meanwhile, for longer than stall (seconds), and then it is tried again."""
    for _ in range(times):
        with Stalls() as stalls:
            well = attempt()
        if well:
            return
        check(stalls.longest > stall, what)
        tap.note(f"again: this process stood still for {stalls.longest:.2f} s")
    check(False, f"{what}, {times} times while the machine stood still")


def tcp_query(connection, name):
    connection.sendall(framed(query(name).to_wire()))


def run(cases):
    """All, or those that have one of the command line's words in their names. The exit status."""
    program = tap.Program()
    for path in (BINARY, load.FLOOD):
        if not os.access(path, os.X_OK):
            tap.skip(f"{path} is not built")
    os.environ["PODSG_SEED"] = str(tap.seed())  # one for all cases
    for name, case in cases:
        if len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]):
            program.case(name, case)
    return program.finish()
