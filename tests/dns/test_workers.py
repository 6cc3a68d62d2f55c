#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""
The same question at several workers of podsg-dnscache is one upstream. Clients have a port each:
the kernel spreads them over the workers.
"""

import collections
import contextlib
import itertools
import select
import sys
import time

import place
import test_cache
from place import check, query
from lab import tap
from lab.tap import equal, wait_for
from test_cache import MANY, PREFETCH_AFTER
from test_pages import Stopped, threads_of
from under_manager import unless_stalled
from upstream import Gate, by_protocol, denies, later, plain_answer, says, silent, truncated

CROWD = 2000
IN_FLIGHT = 20  # names, from each port
WORKERS = 4  # more than there are CPUs: they take turns at any point


class Case(test_cache.Case):
    def wait_for_waiting(self, count):
        wait_for(lambda: self.daemon.metric("podsg_dns_queries_waiting") == count,
                 f"{count} queries wait", timeout=place.PATIENCE)

    def from_everywhere(self, name, kind="A", gate=None, times=MANY):
        """Asks from as many ports; the answers. gate: opened when all of them wait for it."""
        wires = [query(name, kind).to_wire() for _ in range(times)]
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(self.client.socket()) for _ in wires]
            for made, wire in zip(sockets, wires):
                made.send(wire)
            if gate:
                self.wait_for_waiting(times)
                gate.open()
            replies = [made.recv(4096) for made in sockets]
        equal([wire[:2] for wire in replies], [wire[:2] for wire in wires], "ids")
        return [place.Answer(wire, 0) for wire in replies]

    def coalesced(self):
        before = self.daemon.metric("podsg_dns_coalesced_total")
        gate = Gate(says("@ 300 A 192.0.2.1"))
        self.up.on("many.test", gate)
        equal({tuple(answer.data) for answer in self.from_everywhere("many.test", gate=gate)},
              {("192.0.2.1",)}, "answers")
        equal(self.count("many.test"), 1, "questions upstream")
        equal(self.daemon.metric("podsg_dns_coalesced_total") - before, MANY - 1, "counted")
        equal(self.daemon.metric("podsg_dns_queries_waiting"), 0, "who still waits")

    def not_kept(self):
        """What others are told is not what they could find in the cache."""
        for name, step, rcode in (
                ("zero.test", says("@ 0 A 192.0.2.1"), "NOERROR"),
                ("refused.test", says(rcode="REFUSED"), "REFUSED"),
                ("none.uncached", says("@ 300 A 192.0.2.1"), "NOERROR"),
                ("broken.uncached", says(rcode="SERVFAIL"), "SERVFAIL")):
            gate = Gate(step)
            self.up.on(name, gate)
            equal({answer.rcode for answer in self.from_everywhere(name, gate=gate)}, {rcode}, name)
            equal(self.count(name), 1, f"questions upstream for {name}")
            self.client.ask(name)
            equal(self.count(name), 2, f"questions upstream for {name}, then")

    def large(self):
        lines = [f"@ 300 TXT {'x' * 250}{i:03}" for i in range(225)]
        gate = Gate(by_protocol(truncated(), says(*lines)))
        self.up.on("large.test", gate)
        wire = place.framed(query("large.test", "TXT").to_wire())
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(self.client.connect()) for _ in range(16)]
            for connection in connections:
                connection.sendall(wire)
            self.wait_for_waiting(len(connections))
            gate.open()
            for connection in connections:
                reply = place.Answer(place.receive_framed(connection), 0)
                equal(len(reply.data), 225, "records")
        equal(self.count("large.test"), 1, "questions upstream")

    def silence(self):
        self.up.on("silent.test", silent())
        answers = self.from_everywhere("silent.test")
        equal({(answer.rcode, *answer.ede) for answer in answers}, {("SERVFAIL", 22)}, "answers")
        # After two seconds each, in the five that there are for one client as for all.
        check(self.count("silent.test") <= 3, f"asked {self.count('silent.test')} times")
        check(13 in self.client.ask("silent.test").ede, "the failure is not kept")

    def stale(self):
        """Everybody waits his own 1.8 s, and what comes late is for all."""
        gate = Gate(says("@ 300 A 192.0.2.2"))
        self.up.on("slow.stale", says("@ 1 A 192.0.2.1"), gate)
        self.client.ask("slow.stale")
        time.sleep(1.1)
        answers = self.from_everywhere("slow.stale")
        equal({(*answer.data, *answer.ede) for answer in answers}, {("192.0.2.1", 3)}, "answers")
        gate.open()
        wait_for(lambda: self.client.ask("slow.stale").data == ["192.0.2.2"], "a new one", 10)
        check(self.count("slow.stale") <= 4, f"asked {self.count('slow.stale')} times")

    def failed_for_all(self):
        """RFC 8767 §5: the pause begins for every worker with the failure that one has got."""
        self.up.on("failed.stale", says("@ 1 A 192.0.2.1"), says(rcode="SERVFAIL"))
        self.client.ask("failed.stale")
        time.sleep(1.1)
        self.client.ask("failed.stale")
        answers = self.from_everywhere("failed.stale")
        equal({(*answer.data, *answer.ede) for answer in answers}, {("192.0.2.1", 3)}, "answers")
        equal(self.count("failed.stale"), 2, "questions upstream")

    def prefetched(self):
        self.up.on("popular.prefetch", says("@ 16 A 192.0.2.1"), silent(),
                   says("@ 600 A 192.0.2.2"))
        for _ in range(4):
            self.client.ask("popular.prefetch")
        time.sleep(PREFETCH_AFTER)
        for answer in self.from_everywhere("popular.prefetch"):
            equal(answer.data, ["192.0.2.1"], "while it is asked again")
        check(self.count("popular.prefetch") <= 3, "asked more often than one would")
        equal(self.daemon.metric("coredns_cache_prefetch_total"), 1, "prefetches")

    def rewritten(self):
        """What is asked for several names is one question for each; the second stage is one."""
        gate = Gate(denies(60, 60, rcode="NOERROR"))
        self.up.on("six.dns64", gate, later(0.3, says("@ 300 A 192.0.2.1")))
        for answer in self.from_everywhere("six.dns64", "AAAA", gate=gate):
            equal(answer.data, ["64:ff9b::c000:201"], "answer")
        equal([asked.type for asked in self.up.questions("six.dns64")], ["AAAA", "A"],
              "questions upstream")

    def is_taken_over(self, worker, its_client, others, name):
        """Long before it is given up, and its own client gets an answer when it goes on."""
        gate = Gate(says("@ 300 A 192.0.2.1"))
        self.up.on(name, gate, says("@ 300 A 192.0.2.1"))
        its_client.send(query(name).to_wire())
        wait_for(lambda: self.count(name) == 1, "it is asked")
        with Stopped(worker):
            began = time.monotonic()
            for made in others:
                made.send(query(name).to_wire())
            for made in others:
                equal(place.Answer(made.recv(4096), 0).data, ["192.0.2.1"], "answer")
            took = time.monotonic() - began
            equal(self.count(name), 2, "questions upstream")
        gate.open()
        own = place.Answer(its_client.recv(4096), 0)
        tap.note(f"taken over after {took:.1f} s; its own client gets {own.rcode} {own.data}")
        return 1.5 < took < 5 and own.data == ["192.0.2.1"]

    def worker_stands(self):
        """Its questions are asked by those who follow."""
        worker = threads_of(self.daemon)[0]
        self.up.on("known.test", says("@ 300 A 192.0.2.1"))
        self.client.ask("known.test")
        names = (f"stood{turn}.test" for turn in itertools.count())
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(self.client.socket()) for _ in range(40)]
            with Stopped(worker):
                for made in sockets:
                    made.send(query("known.test").to_wire())
                time.sleep(2)
                ready = select.select(sockets, [], [], 0)[0]
            theirs = [made for made in sockets if made not in ready]
            check(theirs and ready, f"{len(theirs)} of {len(sockets)} stand")
            for made in sockets:
                made.recv(4096)
            unless_stalled(lambda: self.is_taken_over(worker, theirs[0], ready, next(names)), 1,
                           "its questions are not taken over in time")

    def crowd_of_names(self):
        """At any moment, a question ends somewhere: each name from 8 ports at once."""
        asked = collections.Counter()
        names = [f"{i}.crowd" for i in range(CROWD)]

        def answer(wire):
            asked[wire[12:wire.index(0, 12)]] += 1
            return plain_answer(wire)
        self.up.fast = answer
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(self.client.socket()) for _ in range(8)]
            for first in range(0, CROWD, IN_FLIGHT):
                wires = [query(name).to_wire() for name in names[first:first + IN_FLIGHT]]
                for wire in wires:
                    for made in sockets:
                        made.send(wire)
                for made in sockets:
                    for _ in wires:
                        made.recv(4096)
        equal((len(asked), set(asked.values())), (CROWD, {1}), "names, and how often each")


CASES = (
    (f"{MANY} clients of {WORKERS} workers are one question upstream", Case.coalesced),
    ("what is not kept is told to all the same, once", Case.not_kept),
    ("an answer of 60 KB for all", Case.large),
    ("silence upstream is SERVFAIL for all", Case.silence),
    ("stale answers for all, and one new one", Case.stale),
    ("stale: what failed one of them, the others do not ask at once", Case.failed_for_all),
    ("what is popular is asked again by one of them", Case.prefetched),
    ("one that stands keeps no others waiting", Case.worker_stands),
    ("an answer of two questions is one of each", Case.rewritten),
    (f"{CROWD} names from 8 ports are {CROWD} questions", Case.crowd_of_names),
)


def corefile(up):
    forward = f"forward . {up.place}"
    return (place.block(".", "cache 3600", forward)
            + place.block("uncached", forward)
            + place.block("prefetch", "cache {", "prefetch 2 1m 50%", "}", forward)
            + place.block("stale", "cache {", "serve_stale 1h", "}", forward)
            + place.block("dns64", "cache", "dns64 {", "allow_ipv4", "}", forward))


def main():
    program = tap.Program()
    with place.upstream() as up:
        with place.running(program, corefile(up), workers=WORKERS,
                           config="clientOutstanding: 4096") as daemon:
            cases = Case(up, daemon)
            for name, case in CASES:
                program.case(name, case, cases)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
