#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""podsg-dnscache and servers behind it that fail, lie, break off and send questions back."""

import socket
import sys
import threading
import time

import place
from place import check, dns, query
from lab import tap
from lab.tap import equal, wait_for
from upstream import (Gate, by_protocol, each, hangs_up, later, mutated, plain_answer, raw, says,
                      silent, truncated, wrong_id, wrong_question)

GOOD = "@ 300 A 192.0.2.1"
BAD = "@ 300 A 203.0.113.66"
TC = dns.flags.TC
MUTATIONS = 2000


class Case:
    def __init__(self, ups, daemon):
        self.up = ups[2]
        self.ups = ups
        self.daemon = daemon
        self.client = daemon.client

    def truncated_is_retried(self):
        self.up.on("tc.test", by_protocol(truncated(), says(GOOD)))
        answer = self.client.ask("tc.test")
        equal((answer.data, answer.has(TC)), (["192.0.2.1"], False), "answer")
        equal([asked.tcp for asked in self.up.questions("tc.test")], [False, True], "by TCP")

    def truncated_and_no_tcp(self):
        """In a zone of its own: questions of one zone share connections, and their ends."""
        self.up.on("a.tconly", by_protocol(truncated(), hangs_up()))
        for _ in range(2):
            answer = self.client.ask("a.tconly")
            equal((answer.rcode, answer.has(TC), answer.data), ("NOERROR", True, []), "answer")
        equal(len([a for a in self.up.questions("a.tconly") if not a.tcp]), 2,
              "questions upstream: TC is not kept")

    def ports_and_ids(self):
        for i in range(60):
            self.client.ask(f"port{i}.test")
        asked = [asked for asked in self.up.questions() if asked.name.startswith("port")]
        ports, ids = {one.port for one in asked}, [one.id for one in asked]
        check(len(ports) >= 50, f"60 questions came from {len(ports)} ports")
        check(len(set(ids)) >= 58, f"60 questions had {len(set(ids))} ids")
        steps = {(b - a) & 0xffff for a, b in zip(ids, ids[1:])}
        check(len(steps) >= 50, "ids follow a pattern")
        check(max(ids) - min(ids) > 0x4000, "ids are near to each other")

    def spoofed(self):
        lies = (wrong_id(BAD), wrong_question("other.test", BAD), raw(lambda asked: b""),
                raw(lambda asked: asked.wire), raw(lambda asked: asked.wire[:2]))
        for i, lie in enumerate(lies):
            name = f"spoofed{i}.test"
            self.up.on(name, each(lie, lie, later(0.3, says(GOOD))))
            equal(self.client.ask(name).data, ["192.0.2.1"], f"after lie {i}")
        check(self.daemon.metric("podsg_dns_upstream_mismatches_total") > 0, "none is counted")

    def spoofed_from_elsewhere(self):
        """The right id and question, from another address."""
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.bind((place.address(9), place.PORT))

        def lie(asked, way):
            stranger.sendto(asked.wire[:2] + plain_answer(asked.wire)[2:], asked.peer)
        with stranger:
            self.up.on("elsewhere.test", each(lie, later(0.3, says("@ 300 A 192.0.2.5"))))
            equal(self.client.ask("elsewhere.test").data, ["192.0.2.5"], "answer")

    def only_lies(self):
        self.up.on("lies.test", wrong_id(BAD))
        equal(self.client.ask("lies.test").rcode, "SERVFAIL", "rcode")

    def garbage(self):
        """Right id and question, and behind them something else."""
        self.up.on("garbage.test", raw(lambda asked: plain_answer(asked.wire)[:-3]))
        answer = self.client.ask("garbage.test")
        equal((answer.rcode, answer.ede), ("SERVFAIL", [24]), "answer")

    def mutated_answers(self):
        seed = tap.seed()
        self.up.on("*.mutated.test", mutated(
            seed, "@ 300 CNAME c.test.", "c.test. 60 A 192.0.2.1", "c.test. 60 MX 1 d.test.",
            'c.test. 60 TXT "text" "more"', "c.test. 60 SRV 1 2 3 e.test."))
        wires = [query(f"{i}.mutated.test", ("A", "MX", "TXT", "SRV")[i % 4]).to_wire()
                 for i in range(MUTATIONS)]
        replies = self.client.flood(wires, pause=0.02)
        equal(sorted(wire[:2] for wire in replies), sorted(wire[:2] for wire in wires), "ids")
        check(all(wire[2] & 0x80 for wire in replies), "a reply without QR")
        self.up.on("*.mutated.test", says(GOOD))
        wait_for(lambda: self.client.ask(f"{time.monotonic_ns()}.mutated.test").data
                 == ["192.0.2.1"], "all is well afterwards", timeout=place.PATIENCE)

    def scrubbed(self):
        self.up.on("alias.test", says("@ 300 CNAME real.test.", "real.test. 300 A 192.0.2.7",
                                      "bank.test. 300 A 203.0.113.66",
                                      authority=["bank.test. 300 NS evil.test."],
                                      additional=["bank.test. 300 A 203.0.113.66"]))
        answer = self.client.ask("alias.test")
        equal(answer.data, ["real.test.", "192.0.2.7"], "answer")
        check(b"bank" not in answer.wire, "what was not asked is told")
        self.up.on("bank.test", says("@ 300 A 192.0.2.8"))
        equal(self.client.ask("bank.test").data, ["192.0.2.8"], "the other name")

    def chain(self):
        def links(count):
            return [f"{'@' if i == 0 else f'c{i}.test.'} 300 CNAME c{i + 1}.test."
                    for i in range(count)] + [f"c{count}.test. 300 A 192.0.2.9"]
        self.up.on("chain16.test", says(*links(16)))
        equal(len(self.client.ask("chain16.test").records()), 17, "records of a chain of 16")
        self.up.on("chain17.test", says(*links(17)))
        equal(self.client.ask("chain17.test").rcode, "SERVFAIL", "a chain of 17")
        self.up.on("ring.test", says("@ 300 CNAME r.test.", "r.test. 300 CNAME ring.test."))
        equal(self.client.ask("ring.test").rcode, "SERVFAIL", "a ring")

    def plain_server(self):
        """One from before EDNS."""
        def old(asked, way):
            step = says(rcode="FORMERR", edns=False) if asked.message.edns >= 0 else says(GOOD)
            step(asked, way)
        self.ups[3].on("old.plain", old)
        equal(self.client.ask("old.plain").data, ["192.0.2.1"], "answer")

    def tcp_for_tcp(self):
        self.client.ask("bytcp.test", tcp=True)
        equal({asked.tcp for asked in self.up.questions("bytcp.test")}, {True}, "by TCP")

    def force_tcp(self):
        self.client.ask("a.forced")
        equal({asked.tcp for asked in self.up.questions("a.forced")}, {True}, "by TCP")

    def prefer_udp(self):
        self.client.ask("a.preferred", tcp=True)
        equal([asked.tcp for asked in self.up.questions("a.preferred")], [False], "by TCP")

    def pipelined_out(self):
        """Thirty questions on one connection, the first answered last."""
        for i in range(30):
            self.up.on(f"p{i}.forced", later((30 - i) * 0.02, says(f"@ 300 A 192.0.2.{i}")))
        wires = [query(f"p{i}.forced").to_wire() for i in range(30)]
        with self.client.socket() as made:
            for wire in wires:
                made.send(wire)
            answers = {place.Answer(made.recv(4096), 0).message.question[0].name.to_text():
                       0 for _ in wires}
        equal(len(answers), 30, "answers")
        asked = [one for one in self.up.questions() if one.name.startswith("p")
                 and one.name.endswith(".forced") and one.name != "a.preferred"]
        check(len({one.connection for one in asked}) <= 2, "more than two connections")

    def tcp_broken_off(self):
        """The connection ends with a question on it: another one is made."""
        self.up.on("broken.forced", hangs_up(), says(GOOD))
        answer = self.client.ask("broken.forced")
        equal((answer.data, answer.took < 5), (["192.0.2.1"], True), "answer in time")

    def half_open(self):
        """Accepts, and says nothing for ever."""
        server = socket.socket()
        with server:
            server.bind((place.address(8), place.PORT))
            server.listen(16)
            answer = self.client.ask("a.halfopen")
            equal(answer.rcode, "SERVFAIL", "rcode")
            check(answer.took < 12, f"told after {answer.took:.1f} s")

    def dead_is_passed_over(self):
        """The first of two does not exist."""
        for i in range(5):
            answer = self.client.ask(f"{i}.dead")
            equal(answer.data, ["192.0.2.3"], "answer of the second")
            check(answer.took < 4, f"after {answer.took:.1f} s")

    def silent_is_passed_over(self):
        """The first of two is silent: after max_fails checks nobody waits for it any more, and
        when it answers again it is asked again."""
        self.ups[4].default = silent()
        first = self.client.ask("first.silent")
        equal(first.data, ["192.0.2.3"], "answer of the second")
        wait_for(lambda: self.client.ask(f"{time.monotonic_ns()}.silent").took < 1,
                 "questions no longer wait", timeout=30)
        self.ups[4].default = says("@ 300 A 192.0.2.4")
        wait_for(lambda: self.client.ask(f"{time.monotonic_ns()}.silent").data == ["192.0.2.4"],
                 "the first is asked again", timeout=30)

    def sequential(self):
        for i in range(10):
            equal(self.client.ask(f"{i}.sequential").data, ["192.0.2.3"], "the first answers")

    def round_robin(self):
        got = [self.client.ask(f"{i}.robin").data[0] for i in range(12)]
        equal(sorted(got), ["192.0.2.3"] * 6 + ["192.0.2.5"] * 6, "who answered")
        check(all(a != b for a, b in zip(got, got[1:])), "not in turn")

    def at_random(self):
        got = [self.client.ask(f"{i}.random").data[0] for i in range(60)]
        check(10 < got.count("192.0.2.3") < 50, f"{got.count('192.0.2.3')} of 60 by the first")

    def failover(self):
        self.ups[3].on("a.failover", says(rcode="SERVFAIL"))
        equal(self.client.ask("a.failover").data, ["192.0.2.5"], "answer of the second")
        self.ups[3].on("b.failover", says(rcode="NXDOMAIN"))
        equal(self.client.ask("b.failover").rcode, "NXDOMAIN", "what is no failure stays")

    def unreachable(self):
        """Port unreachable, at once and for good, is another thing than silence."""
        answer = self.client.ask("a.unreachable")
        equal((answer.rcode, answer.ede, answer.ede_text),
              ("SERVFAIL", [23], "upstream cannot be reached"), "answer")
        again = self.client.ask("a.unreachable")
        equal((again.rcode, 13 in again.ede, 23 in again.ede), ("SERVFAIL", True, True), "kept")

    def failfast(self):
        wait_for(lambda: self.client.ask(f"{time.monotonic_ns()}.failfast").took < 0.5,
                 "SERVFAIL at once", timeout=30)

    def excepted(self):
        equal(self.client.ask("www.excepted.test").rcode, "REFUSED", "rcode")
        equal(self.up.questions("www.excepted.test"), [], "questions upstream")

    def longest_from(self):
        equal(self.client.ask("a.two.longest").data, ["192.0.2.5"], "forward two.longest")
        equal(self.client.ask("a.longest").data, ["192.0.2.3"], "forward .")

    def max_concurrent(self):
        gate = Gate(says(GOOD))
        self.ups[3].on("*.bounded", gate)
        wires = [query(f"{i}.bounded").to_wire() for i in range(6)]
        with self.client.socket() as made:
            for wire in wires:
                made.send(wire)
            refused = [place.Answer(made.recv(4096), 0) for _ in wires[2:]]
            equal([(answer.rcode, answer.ede) for answer in refused], [("SERVFAIL", [14])] * 4,
                  "answers with max_concurrent 2")
            gate.open()
            rcodes = [place.Answer(made.recv(4096), 0).rcode for _ in wires[:2]]
            equal(rcodes, ["NOERROR"] * 2, "rcodes of the two")
        for wire in wires[2:]:
            equal(place.Answer(self.client.send(wire), 0).rcode, "NOERROR", "what was refused, now")

    def loop(self):
        """A server that sends everything back here, and stops to."""
        back = place.Client()
        looping = threading.Event()
        looping.set()

        def returns(asked, way):
            def carry():
                wire = back.send(asked.wire, 3) if looping.is_set() else None
                if wire:
                    way.loop.call_soon_threadsafe(way.send, wire)
            if looping.is_set():
                threading.Thread(target=carry, daemon=True).start()
            else:
                says(GOOD)(asked, way)
        self.ups[5].on("*.looped", returns)

        def asks():
            return self.client.ask(f"{time.monotonic_ns()}.looped")
        wait_for(lambda: self.daemon.metric("podsg_dns_forwarding_loop") == 1, "a loop is found",
                 timeout=30)
        answer = asks()
        equal((answer.rcode, answer.ede), ("SERVFAIL", [22]), "while it loops")
        check(answer.took < 4, f"told after {answer.took:.1f} s")
        check("loop-found" in self.daemon.said, "nothing is said")
        equal(self.client.ask("unlooped.test").rcode, "NOERROR", "other zones")
        looping.clear()
        wait_for(lambda: asks().rcode == "NOERROR", "answers when the loop is over", timeout=45,
                 step=0.5)
        wait_for(lambda: "loop-over" in self.daemon.said, "its end is said")
        equal(self.daemon.metric("podsg_dns_forwarding_loop"), 0, "the metric")


CASES = (
    ("a truncated answer is fetched over TCP", Case.truncated_is_retried),
    ("TC is told, and not kept, where TCP fails", Case.truncated_and_no_tcp),
    ("every question has a fresh random port and id", Case.ports_and_ids),
    ("answers with another id, question or no answer bit are ignored", Case.spoofed),
    ("answers from another address are ignored", Case.spoofed_from_elsewhere),
    ("nothing but such answers is SERVFAIL", Case.only_lies),
    ("an answer that cannot be read is SERVFAIL with EDE 24", Case.garbage),
    ("records beside the chain from the question are dropped", Case.scrubbed),
    ("a chain of 16 aliases is told; a longer one and a ring are SERVFAIL", Case.chain),
    ("a server without EDNS is asked again without", Case.plain_server),
    ("a question that came by TCP goes by TCP", Case.tcp_for_tcp),
    ("force_tcp", Case.force_tcp),
    ("prefer_udp", Case.prefer_udp),
    ("questions are pipelined on a connection upstream", Case.pipelined_out),
    ("a connection that breaks off loses no question", Case.tcp_broken_off),
    ("a connection that says nothing is SERVFAIL in time", Case.half_open),
    ("a server that is not there is passed over", Case.dead_is_passed_over),
    ("a silent server is left out until it answers again", Case.silent_is_passed_over),
    ("policy sequential", Case.sequential),
    ("policy round_robin", Case.round_robin),
    ("policy random", Case.at_random),
    ("failover by rcode", Case.failover),
    ("an upstream that is not there is SERVFAIL with EDE 23", Case.unreachable),
    ("failfast_all_unhealthy_upstreams", Case.failfast),
    ("except", Case.excepted),
    ("of two `forward` lines the longer name", Case.longest_from),
    ("max_concurrent", Case.max_concurrent),
    ("a forwarding loop is found, said and survived, and so is its end", Case.loop),
)


def corefile(ups):
    up, two, quiet, three = (ups[i].place for i in (2, 3, 4, 5))
    nobody, half_open = (f"{place.address(i)}:{place.PORT}" for i in (7, 8))
    both = f"{two} {three}"

    def zone(name, to, *options):
        return place.block(name, "cache 300", f"forward . {to} {{", *options, "}")
    return (zone(".", up, "except excepted.test")
            + zone("tconly", up)
            + zone("plain", two)
            + zone("forced", up, "force_tcp")
            + zone("preferred", up, "prefer_udp")
            + zone("halfopen", half_open, "force_tcp")
            + zone("dead", f"{nobody} {two}", "policy sequential")
            + zone("silent", f"{quiet} {two}", "policy sequential")
            + zone("sequential", both, "policy sequential")
            + zone("robin", both, "policy round_robin")
            + zone("random", both)
            + zone("failover", both, "policy sequential", "failover SERVFAIL")
            + zone("unreachable", nobody)
            + zone("failfast", nobody, "failfast_all_unhealthy_upstreams")
            + place.block("longest", f"forward . {two}", f"forward two.longest {three}")
            + zone("bounded", two, "max_concurrent 2")
            + place.block("looped", "loop", "errors", f"forward . {three}"))


def main():
    program = tap.Program()
    ups = {i: place.upstream(i) for i in (2, 3, 4, 5)}
    for i, up in ups.items():
        up.default = says(f"@ 300 A 192.0.2.{i}" if i > 2 else GOOD)
    with place.running(program, corefile(ups), config="clientOutstanding: 4096") as daemon:
        cases = Case(ups, daemon)
        place.together(program, CASES, cases)
        program.case(f"{MUTATIONS} mutated answers are each answered", Case.mutated_answers, cases)
    for up in ups.values():
        up.close()
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
