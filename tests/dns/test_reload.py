#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""A Corefile that changes under podsg-dnscache, addresses that come and go, and its end."""

import contextlib
import itertools
import os
import signal
import socket
import sys
import threading
import time

import place
from place import check, query
from lab import tap
from lab.tap import equal, wait_for
from under_manager import unless_stalled
from upstream import Gate, says, silent

RELOAD = "reload 2s 1s"


class Case:
    def __init__(self, up, other):
        self.up = up
        self.other = other

    def forward(self, up=None):
        return f"forward . {(up or self.up).place}"

    def plain(self, *lines, bind=None, up=None):
        return place.block(".", "cache 300", *lines, self.forward(up), bind=bind)

    @contextlib.contextmanager
    def daemon(self, corefile, **how):
        with place.Daemon(corefile, **how) as daemon:
            yield daemon

    def by_signal(self):
        with self.daemon(self.plain()) as daemon:
            equal(daemon.client.ask("change.test").data, ["192.0.2.1"], "at first")
            daemon.reload(self.plain(up=self.other))
            check("event=corefile-reloaded" in daemon.said, "not said")
            wait_for(lambda: daemon.client.ask("change.test").data == ["192.0.2.2"],
                     "the new upstream's answer", timeout=place.PATIENCE)

    def by_itself(self):
        with self.daemon(self.plain(RELOAD)) as daemon:
            equal(daemon.client.ask("self.test").data, ["192.0.2.1"], "at first")
            daemon.write("Corefile", self.plain(RELOAD, up=self.other))
            wait_for(lambda: daemon.client.ask("self.test").data == ["192.0.2.2"],
                     "the new upstream's answer", timeout=place.PATIENCE)

    def same_text(self):
        """Renamed into place again: no reload, and the cache is as it was."""
        with self.daemon(self.plain(RELOAD)) as daemon:
            daemon.client.ask("same.test")
            daemon.write("Corefile", self.plain(RELOAD))
            time.sleep(5)
            check("corefile-reloaded" not in daemon.said, "it was read as another one")
        equal(len(self.up.questions("same.test")), 1, "questions upstream")

    def cache_survives(self):
        with self.daemon(self.plain()) as daemon:
            daemon.client.ask("kept.test")
            daemon.reload(self.plain("errors"))
            time.sleep(0.3)
            daemon.client.ask("kept.test")
        equal(len(self.up.questions("kept.test")), 1, "questions upstream")

    def debug_comes_and_goes(self):
        with self.daemon(self.plain()) as daemon:
            for line in ("loadbalance", "debug", "errors"):
                daemon.reload(self.plain(line))
                time.sleep(0.3)
                daemon.client.ask(f"{line}.test")
            said = [name for name in ("loadbalance", "debug", "errors")
                    if f"name={name}.test. " in daemon.said]
            equal(said, ["debug"], "logged")

    def bad_is_refused(self):
        with self.daemon(self.plain(RELOAD)) as daemon:
            daemon.reload(self.plain("cahce 30"))
            refusal, = [line for line in daemon.said.splitlines() if "corefile-refused" in line]
            check(f"{daemon.corefile}:4" in refusal and "cahce" in refusal, refusal)
            equal(daemon.client.ask("bad.test").data, ["192.0.2.1"], "the old one's answer")
            check(daemon.metric("coredns_reload_failed_total") >= 1, "not counted")
            time.sleep(4)
            equal(daemon.said.count("corefile-refused"), 1, "times that it is said")
            daemon.write("Corefile", self.plain(RELOAD, up=self.other))
            wait_for(lambda: daemon.client.ask("good.test").data == ["192.0.2.2"],
                     "a good one is taken", timeout=place.PATIENCE)

    def bad_at_first(self):
        daemon = place.Daemon(place.block(".", "forward . not-an-address"))
        with contextlib.suppress(tap.Failure):
            daemon.start()
            raise AssertionError("it runs")
        check(f"{daemon.corefile}:3" in daemon.said, daemon.said)
        equal(daemon.stop(), 1, "exit status")

    def address_added(self):
        one, two = place.address(1), place.address(4)
        with self.daemon(self.plain(bind=one)) as daemon:
            equal(place.Client(two).send(query("no.test").to_wire(), 0.5), None, "before")
            daemon.reload(self.plain(bind=f"{one} {two}"))
            wait_for(lambda: place.Client(two).send(query("yes.test").to_wire(), 1),
                     "the new address answers", timeout=place.PATIENCE)
            equal(place.Client(two).ask("tcp.test", tcp=True).rcode, "NOERROR", "over TCP")
            equal(place.Client(one).ask("old.test").rcode, "NOERROR", "the old one")
            daemon.reload(self.plain(bind=one))
            wait_for(lambda: not place.Client(two).send(query("gone.test").to_wire(), 0.5),
                     "silence where it no longer listens", timeout=place.PATIENCE)
            equal(place.Client(one).ask("still.test").rcode, "NOERROR", "the old one")

    def connection_goes_on(self):
        with self.daemon(self.plain()) as daemon, daemon.client.connect() as connection:
            for corefile in (self.plain("errors"), self.plain()):
                connection.sendall(place.framed(query("connected.test").to_wire()))
                answer = place.Answer(place.receive_framed(connection), 0)
                equal(answer.data, ["192.0.2.1"], "answer")
                daemon.reload(corefile)

    def address_taken(self):
        """By somebody else: refused as a whole, and taken when it is free."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rival:
            rival.bind((place.address(4), place.PORT))
            with self.daemon(self.plain(RELOAD)) as daemon:
                daemon.reload(self.plain(RELOAD, bind=f"{place.address(1)} {place.address(4)}"))
                check("corefile-refused" in daemon.said and place.address(4) in daemon.said,
                      daemon.said)
                equal(daemon.client.ask("rival.test").rcode, "NOERROR", "the old one")
                rival.close()
                second = place.Client(place.address(4))
                wait_for(lambda: second.send(query("a.test").to_wire(), 0.5),
                         "the address answers when it is free", timeout=place.PATIENCE)

    def everywhere(self):
        """Answers come from the address that was asked."""
        port = place.PORT - 10000  # of nobody else
        corefile = "".join(place.block(".", "cache 300", self.forward(), bind=bind, port=port)
                           for bind in ("0.0.0.0", "::"))
        with self.daemon(corefile, workers=2):
            for host in (*map(place.address, (1, 5, 250)), "127.0.0.1", "::1"):
                client = place.Client(host, port)
                for _ in range(3):
                    equal(client.ask("everywhere.test").data, ["192.0.2.1"], f"hit at {host}")
                equal(client.ask(f"x{abs(hash(host))}.test").data, ["192.0.2.1"], f"miss at {host}")
                equal(client.ask("everywhere.test", tcp=True).data, ["192.0.2.1"], f"TCP at {host}")

    def questions_outlive_plans(self):
        """Two reloads while questions wait, and others join them: each is answered."""
        self.up.on("*.outlives.test", silent())
        with self.daemon(self.plain()) as daemon:
            wires = [query("a.outlives.test").to_wire() for _ in range(4)]
            with daemon.client.socket() as made, daemon.client.connect() as connection:
                for i, wire in enumerate(wires):
                    made.send(wire)
                    connection.sendall(place.framed(wire))
                    time.sleep(0.2)
                    daemon.reload(self.plain("errors") if i % 2 else self.plain())
                    time.sleep(0.2)
                rcodes = {place.Answer(made.recv(4096), 0).rcode for _ in wires}
                rcodes |= {place.Answer(place.receive_framed(connection), 0).rcode for _ in wires}
        equal(rcodes, {"SERVFAIL"}, "rcodes")

    def under_load(self):
        """Thirty reloads between queries: none is lost."""
        lost = []
        done = threading.Event()

        def load(client):
            for i in range(100000):
                if done.is_set():
                    return
                if not client.send(query(f"l{i % 50}.test").to_wire()):
                    lost.append(i)
        with self.daemon(self.plain(), workers=2) as daemon:
            loaders = [threading.Thread(target=load, args=(daemon.client,)) for _ in range(4)]
            for loader in loaders:
                loader.start()
            for i in range(30):
                daemon.reload(self.plain("errors") if i % 2 else self.plain("loadbalance"))
            done.set()
            for loader in loaders:
                loader.join()
        equal(lost, [], "queries without an answer")

    def answered_after_sigterm(self, name):
        gate = Gate(says("@ 300 A 192.0.2.1"))
        self.up.on(name, gate)
        with self.daemon(self.plain()) as daemon, daemon.client.socket() as made:
            made.send(query(name).to_wire())
            wait_for(lambda: self.up.questions(name), "it is asked")
            daemon.signal(signal.SIGTERM)
            wait_for(lambda: "event=stopping" in daemon.said, "it stops")
            gate.open()
            made.settimeout(5)
            with contextlib.suppress(TimeoutError):
                equal(place.Answer(made.recv(4096), 0).data, ["192.0.2.1"], "answer")
                return True
            return False

    def ends_after_its_answers(self):
        """SIGTERM: what is in flight is answered, if that takes less than 0.8 s."""
        names = (f"last{i}.test" for i in itertools.count())
        unless_stalled(lambda: self.answered_after_sigterm(next(names)), 0.3, "no answer")

    def ends_in_time(self):
        """SIGTERM with questions that nobody answers, and clients that sit there."""
        self.up.on("*.never.test", silent())
        with self.daemon(self.plain(), workers=2) as daemon, daemon.client.connect() as connection:
            with daemon.client.socket() as made:
                for i in range(200):
                    made.send(query(f"{i}.never.test").to_wire())
                connection.sendall(place.framed(query("x.never.test").to_wire()) + b"\0")
                time.sleep(0.3)
                began = time.monotonic()
                daemon.signal(signal.SIGTERM)
                daemon.process.wait(place.PATIENCE)
                took = time.monotonic() - began
        check(took < 9, f"it took {took:.1f} s")

    def lame_duck(self):
        health = f"{place.address(1)}:{place.PORT + 10001}"
        corefile = self.plain(f"health {health} {{", "lameduck 5s", "}")
        with self.daemon(corefile) as daemon:
            wait_for(lambda: daemon.get("/health", place.PORT + 10001)[0] == 200, "it is well")
            daemon.signal(signal.SIGTERM)
            wait_for(lambda: daemon.get("/health", place.PORT + 10001)[0] == 503, "it says so",
                     timeout=4.5)
            equal(daemon.client.ask("lame.test").rcode, "NOERROR", "rcode meanwhile")

    def imports(self):
        """A mistake in a file that only the refused Corefile imports is seen to be mended."""
        with self.daemon(self.plain(RELOAD)) as daemon:
            daemon.write("snippet", "cahce 30\n")
            daemon.reload(place.block(".", RELOAD, f"import {daemon.path('snippet')}",
                                      self.forward(self.other)))
            check(f"{daemon.path('snippet')}:1" in daemon.said, daemon.said)
            daemon.write("snippet", "cache 30\n")
            wait_for(lambda: daemon.client.ask("mended.test").data == ["192.0.2.2"],
                     "the new one is followed", timeout=place.PATIENCE)

    def environment(self):
        os.environ["PODSG_TEST_UPSTREAM"] = self.other.place
        with self.daemon(place.block(".", "forward . {$PODSG_TEST_UPSTREAM}")) as daemon:
            equal(daemon.client.ask("env.test").data, ["192.0.2.2"], "answer")


CASES = (
    ("a Corefile is followed at a signal", Case.by_signal),
    ("a Corefile is followed when it changes", Case.by_itself),
    ("the same text again is no change", Case.same_text),
    ("the cache survives a reload that changes no answer", Case.cache_survives),
    ("`debug` logs as long as it is there", Case.debug_comes_and_goes),
    ("a bad Corefile is refused once, with file and line; the old one stays", Case.bad_is_refused),
    ("a bad Corefile at the start ends it, with file and line", Case.bad_at_first),
    ("addresses are added and removed live", Case.address_added),
    ("connections outlive reloads", Case.connection_goes_on),
    ("an address that somebody has is waited for, and the old Corefile stays", Case.address_taken),
    ("everywhere, an answer comes from the address that was asked", Case.everywhere),
    ("questions outlive reloads, and who joins them, too", Case.questions_outlive_plans),
    ("reloads under load lose no query", Case.under_load),
    ("SIGTERM: questions in flight are answered", Case.ends_after_its_answers),
    ("SIGTERM: nobody is waited for without end", Case.ends_in_time),
    ("lameduck: unhealthy, and answering", Case.lame_duck),
    ("a mistake in an imported file is mended", Case.imports),
    ("the environment's values stand in a Corefile", Case.environment),
)


def main():
    program = tap.Program()
    with place.upstream() as up, place.upstream(3) as other:
        other.default = says("@ 300 A 192.0.2.2")
        cases = Case(up, other)
        for name, function in CASES:
            program.case(name, function, cases)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
