#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""What podsg-dnscache keeps, for how long, and what it does when upstream no longer answers."""

import sys
import time

import place
from place import check, dns, query
from lab import tap
from lab.tap import equal, wait_for
from upstream import Gate, denies, says, silent

MANY = 100
PREFETCH_AFTER = 8.6  # seconds of a TTL of 16: less than 50 % of it are left, but not too little
SLACK = 5  # seconds that a machine with more to do may take for what is done at once


class Case:
    def __init__(self, up, daemon):
        self.up = up
        self.daemon = daemon
        self.client = daemon.client

    def count(self, name):
        return len(self.up.questions(name))

    def at_once(self, wires, gate):
        """Asks from one socket, and opens the gate when all of them wait behind it; the answers."""
        witness = query(f"{time.monotonic_ns()}.witness.test").to_wire()
        with self.client.socket() as made:
            for wire in (*wires, witness):
                made.send(wire)
            # The socket is read in order.
            equal(made.recv(4096)[:2], witness[:2], "the id of the only answer until then")
            gate.open()
            replies = [made.recv(4096) for _ in wires]
        equal(sorted(wire[:2] for wire in replies), sorted(wire[:2] for wire in wires), "ids")
        return [place.Answer(wire, 0) for wire in replies]

    def each_record_decays(self):
        self.up.on("decay.test", says("@ 50 CNAME real.test.", "real.test. 100 A 192.0.2.1"))
        began = time.monotonic()
        first = [record[1] for record in self.client.ask("decay.test").records()]
        equal(first, [50, 100], "TTLs at first")
        time.sleep(2.1)
        left = [record[1] for record in self.client.ask("decay.test").records()]
        most = time.monotonic() - began + 1
        check(50 - most <= left[0] <= 48 and left[1] - left[0] == 50, f"TTLs after 2 s: {left}")
        equal(self.count("decay.test"), 1, "questions upstream")

    def gone_in_time(self):
        self.up.on("short.test", says("@ 2 A 192.0.2.1"))
        equal(self.client.ask("short.test").ttl, 2, "TTL")
        time.sleep(2.1)
        equal(self.client.ask("short.test").ttl, 2, "TTL of the next one")
        equal(self.count("short.test"), 2, "questions upstream")

    def ttl_zero(self):
        gate = Gate(says("@ 0 A 192.0.2.1"))
        self.up.on("zero.test", gate)
        wires = [query("zero.test").to_wire() for _ in range(20)]
        equal({answer.ttl for answer in self.at_once(wires, gate)}, {0}, "TTLs")
        equal(self.count("zero.test"), 1, "questions upstream for 20 at once")
        equal(self.client.ask("zero.test").ttl, 0, "TTL of the next one")
        equal(self.count("zero.test"), 2, "questions upstream in all")

    def least_and_largest(self):
        self.up.on("one.minimum", says("@ 1 A 192.0.2.1"))
        self.up.on("long.minimum", says("@ 1000 A 192.0.2.1"))
        equal(self.client.ask("one.minimum").ttl, 7, "a TTL below MINTTL")
        equal(self.client.ask("long.minimum").ttl, 20, "a TTL above TTL")
        time.sleep(1.5)
        self.client.ask("one.minimum")
        equal(self.count("one.minimum"), 1, "questions upstream")

    def wild_ttl(self):
        """RFC 2181 §8."""
        self.up.on("wild.test", says("@ 2147483648 A 192.0.2.1"))
        equal(self.client.ask("wild.test").ttl, 0, "a TTL with the first bit set")

    def negative_ttl(self):
        for rcode in ("NXDOMAIN", "NOERROR"):
            for soa_ttl, minimum in ((100, 60), (60, 100)):
                name = f"{rcode}{soa_ttl}.test".lower()
                self.up.on(name, denies(soa_ttl, minimum, rcode=rcode))
                for _ in range(2):
                    answer = self.client.ask(name)
                    equal(answer.rcode, rcode, "rcode")
                    ttl = answer.records("authority")[0][1]
                    check(60 - SLACK <= ttl <= 60, f"{name}: the SOA's TTL is {ttl}")
                equal(self.count(name), 1, f"questions upstream for {name}")

    def negative_ends(self):
        self.up.on("born.test", denies(100, 1), says("@ 300 A 192.0.2.1"))
        equal(self.client.ask("born.test").rcode, "NXDOMAIN", "at first")
        time.sleep(1.1)
        equal(self.client.ask("born.test").rcode, "NOERROR", "after SOA MINIMUM")

    def negative_without_soa(self):
        for rcode in ("NXDOMAIN", "NOERROR"):
            name = f"nosoa{rcode}.test".lower()
            self.up.on(name, says(rcode=rcode))
            for _ in range(2):
                equal(self.client.ask(name).rcode, rcode, "rcode")
            equal(self.count(name), 2, f"questions upstream for {name}")

    def servfail_is_kept(self):
        self.up.on("broken.test", says(rcode="SERVFAIL"), says("@ 300 A 192.0.2.1"))
        first, second = self.client.ask("broken.test"), self.client.ask("broken.test")
        equal((first.rcode, second.rcode), ("SERVFAIL", "SERVFAIL"), "rcodes")
        equal((first.ede, second.ede), ([], [13]), "EDE")
        equal(self.count("broken.test"), 1, "questions upstream")
        time.sleep(5.2)
        equal(self.client.ask("broken.test").rcode, "NOERROR", "after 5 s")

    def servfail_not_kept(self):
        self.up.on("broken.minimum", says(rcode="SERVFAIL"), says("@ 300 A 192.0.2.1"))
        equal(self.client.ask("broken.minimum").rcode, "SERVFAIL", "at first")
        equal(self.client.ask("broken.minimum").rcode, "NOERROR", "with `servfail 0`")

    def silence_is_servfail(self):
        self.up.on("silent.test", silent())
        answer = self.client.ask("silent.test")
        equal((answer.rcode, answer.ede), ("SERVFAIL", [22]), "answer")
        check(4.5 < answer.took < 5 + SLACK, f"told after {answer.took:.1f} s")
        asked = self.count("silent.test")
        again = self.client.ask("silent.test")
        equal((again.rcode, 13 in again.ede), ("SERVFAIL", True), "the next one")
        check(again.took < 2, f"the next one is told after {again.took:.1f} s")
        equal(self.count("silent.test"), asked, "questions upstream")

    def refused_is_not_kept(self):
        self.up.on("refused.test", says(rcode="REFUSED"))
        for _ in range(2):
            equal(self.client.ask("refused.test").rcode, "REFUSED", "rcode")
        equal(self.count("refused.test"), 2, "questions upstream")

    def coalesced(self):
        gate = Gate(says("@ 300 A 192.0.2.1"))
        self.up.on("many.test", gate)
        answers = self.at_once([query("many.test").to_wire() for _ in range(MANY)], gate)
        equal({answer.rcode for answer in answers}, {"NOERROR"}, "rcodes")
        equal(self.count("many.test"), 1, "questions upstream")
        check(self.daemon.metric("podsg_dns_coalesced_total") >= MANY - 1, "not counted")

    def coalesced_by_key(self):
        """UDP and TCP, any case: one question. Another DO or type: another one."""
        gate = Gate(says("@ 300 A 192.0.2.1"))
        self.up.on("keys.test", gate)
        wires = [query("keys.test").to_wire(), query("KEYS.test").to_wire(),
                 query("keys.test", edns=False).to_wire(),
                 query("keys.test", dnssec=True).to_wire(),
                 query("keys.test", "AAAA").to_wire(),
                 query("keys.test", flags=dns.flags.RD | dns.flags.CD).to_wire()]
        with self.client.connect() as connection:
            witness = query("tcp.witness.test").to_wire()
            connection.sendall(place.framed(query("keys.test").to_wire()) + place.framed(witness))
            equal(place.receive_framed(connection)[:2], witness[:2], "the id of the first answer")
            self.at_once(wires, gate)
            place.receive_framed(connection)
        equal(self.count("keys.test"), 4, "questions upstream")

    def without_cache(self):
        for _ in range(2):
            self.client.ask("each.uncached")
        equal(self.count("each.uncached"), 2, "questions upstream")

    def only_some_zones(self):
        for name, times in (("a.kept.some", 1), ("a.other.some", 2)):
            for _ in range(2):
                self.client.ask(name)
            equal(self.count(name), times, f"questions upstream for {name}")

    def keepttl(self):
        self.client.ask("a.keep")
        time.sleep(1.2)
        equal(self.client.ask("a.keep").ttl, 300, "TTL")

    def disabled(self):
        self.up.on("no.disable", denies(60, 60))
        for name, times in (("yes.disable", 1), ("no.disable", 2)):
            for _ in range(2):
                self.client.ask(name)
            equal(self.count(name), times, f"questions upstream for {name}")

    def blocks_are_apart(self):
        """The same name and other upstreams, at another address."""
        elsewhere = place.Client(place.address(4))
        self.up.on("both.test", says("@ 300 A 192.0.2.1"))
        for _ in range(2):
            equal(self.client.ask("both.test").data, ["192.0.2.1"], "here")
            equal(elsewhere.ask("both.test").data, ["192.0.2.2"], "there")

    def prefetched(self):
        self.up.on("popular.prefetch", says("@ 16 A 192.0.2.1"), says("@ 600 A 192.0.2.2"))
        for _ in range(4):
            self.client.ask("popular.prefetch")
        equal(self.count("popular.prefetch"), 1, "questions upstream at first")
        time.sleep(PREFETCH_AFTER)
        equal(self.client.ask("popular.prefetch").data, ["192.0.2.1"], "when little time is left")
        wait_for(lambda: self.client.ask("popular.prefetch").data == ["192.0.2.2"],
                 "a new answer before the old one ends", timeout=10)
        equal(self.count("popular.prefetch"), 2, "questions upstream")

    def not_prefetched(self):
        self.up.on("rare.prefetch", says("@ 16 A 192.0.2.1"))
        self.client.ask("rare.prefetch")
        time.sleep(PREFETCH_AFTER)
        self.client.ask("rare.prefetch")
        time.sleep(0.3)
        equal(self.count("rare.prefetch"), 1, "questions upstream")

    def prefetch_asks_once(self):
        gate = Gate(says("@ 600 A 192.0.2.2"))
        self.up.on("slow.prefetch", says("@ 16 A 192.0.2.1"), gate)
        for _ in range(4):
            self.client.ask("slow.prefetch")
        time.sleep(PREFETCH_AFTER)
        for _ in range(10):
            equal(self.client.ask("slow.prefetch").data, ["192.0.2.1"], "answer meanwhile")
        equal(self.count("slow.prefetch"), 2, "questions upstream")
        gate.open()

    def prefetch_fails(self):
        self.up.on("failing.prefetch", says("@ 16 A 192.0.2.1"), says(rcode="SERVFAIL"))
        for _ in range(4):
            self.client.ask("failing.prefetch")
        time.sleep(PREFETCH_AFTER)
        self.client.ask("failing.prefetch")
        wait_for(lambda: self.count("failing.prefetch") == 2, "it is asked again")
        time.sleep(0.3)
        for _ in range(3):
            equal(self.client.ask("failing.prefetch").data, ["192.0.2.1"], "answer")
        equal(self.count("failing.prefetch"), 2, "questions upstream")


class Stale(Case):
    """Names in the zone "stale": `serve_stale 1h`; "now": immediate; "brief": 2 s."""

    @staticmethod
    def told_at_once(answers):
        """Nobody has waited 1.8 s for upstream; one of them may have waited for the machine."""
        took = min(answer.took for answer in answers)
        check(took < 1.5, f"the first was told after {took:.2f} s")

    def let_expire(self, name, *steps, first=None):
        self.up.on(name, first or says("@ 1 A 192.0.2.1"), *steps)
        self.client.ask(name)
        time.sleep(1.1)

    def upstream_first(self):
        self.let_expire("first.stale", says("@ 300 A 192.0.2.2"))
        answer = self.client.ask("first.stale")
        equal((answer.data, answer.ede), (["192.0.2.2"], []), "answer")

    def told_after_a_while(self):
        chain = says("@ 1 CNAME real.stale.", "real.stale. 300 A 192.0.2.1")
        self.let_expire("slow.stale", silent(), says("@ 300 A 192.0.2.2"), first=chain)
        answer = self.client.ask("slow.stale")
        # Never longer than upstream's.
        equal([record[1] for record in answer.records()], [1, 30], "TTLs")
        equal((answer.data, answer.ede), (["real.stale.", "192.0.2.1"], [3]), "stale answer")
        check(1.7 < answer.took < 4.5, f"told after {answer.took:.2f} s")
        wait_for(lambda: self.client.ask("slow.stale").data == ["192.0.2.2"],
                 "what has come late is kept", timeout=10)
        equal(self.count("slow.stale"), 3, "questions upstream")

    def told_on_failure(self):
        names = [f"failed{i}.stale" for i in range(3)]
        for name in names:
            self.up.on(name, says("@ 1 A 192.0.2.1"), says(rcode="SERVFAIL"))
            self.client.ask(name)
        time.sleep(1.1)
        answers = [self.client.ask(name) for name in names]
        for answer in answers:
            equal((answer.rcode, answer.data, answer.ede), ("NOERROR", ["192.0.2.1"], [3]),
                  "answer")
        self.told_at_once(answers)

    def recheck_pause(self):
        """RFC 8767 §5: who has failed is not asked again for 30 s."""
        self.let_expire("pause.stale", says(rcode="SERVFAIL"))
        for _ in range(10):
            answer = self.client.ask("pause.stale")
            equal((answer.data, answer.ede), (["192.0.2.1"], [3]), "answer")
            time.sleep(0.05)
        equal(self.count("pause.stale"), 2, "questions upstream")

    def nxdomain(self):
        self.let_expire("nx.stale", says(rcode="SERVFAIL"), first=denies(1, 1))
        answer = self.client.ask("nx.stale")
        equal((answer.rcode, answer.ede), ("NXDOMAIN", [19]), "answer")

    def refused_upstream(self):
        """REFUSED is an answer: it is told."""
        self.let_expire("refused.stale", says(rcode="REFUSED"))
        equal(self.client.ask("refused.stale").rcode, "REFUSED", "rcode")

    def denial_replaces(self):
        self.let_expire("removed.stale", denies(300, 300))
        equal(self.client.ask("removed.stale").rcode, "NXDOMAIN", "rcode")

    def immediate(self):
        gate = Gate(says("@ 300 A 192.0.2.2"))
        self.let_expire("at.now", gate)
        answers = [self.client.ask("at.now") for _ in range(3)]
        for answer in answers:
            equal((answer.data, answer.ede), (["192.0.2.1"], [3]), "stale answer")
        self.told_at_once(answers)
        gate.open()
        wait_for(lambda: self.client.ask("at.now").data == ["192.0.2.2"], "a new answer", 10)
        equal(self.count("at.now"), 2, "questions upstream")

    def not_for_ever(self):
        self.let_expire("old.brief", says(rcode="SERVFAIL"))
        time.sleep(2.1)
        equal(self.client.ask("old.brief").rcode, "SERVFAIL", "2 s behind its end")

    def not_without(self):
        self.let_expire("none.test", says(rcode="SERVFAIL"))
        equal(self.client.ask("none.test").rcode, "SERVFAIL", "without serve_stale")

    def told_to_many(self):
        """Those who come later, too, and each in his own way."""
        self.let_expire("crowd.stale", silent())
        wires = [query("crowd.stale", edns=i % 2).to_wire() for i in range(20)]
        with self.client.socket() as made, self.client.connect() as connection:
            connection.sendall(b"".join(place.framed(wire) for wire in wires[:10]))
            for wire in wires[10:]:
                made.send(wire)
            time.sleep(2.5)
            made.send(query("crowd.stale").to_wire())
            replies = [made.recv(4096) for _ in range(11)]
            replies += [place.receive_framed(connection) for _ in range(10)]
        for wire in replies:
            equal(place.Answer(wire, 0).data, ["192.0.2.1"], "answer")

    def without_recursion(self):
        self.let_expire("snooped.stale", says(rcode="SERVFAIL"))
        equal(self.client.ask("snooped.stale", flags=0).rcode, "REFUSED", "rcode")


CASES = (
    ("every record's TTL counts down by itself", Case.each_record_decays),
    ("nothing is kept longer than upstream says", Case.gone_in_time),
    ("TTL 0 is answered, coalesced and not kept", Case.ttl_zero),
    ("the Corefile's MINTTL and TTL are limits", Case.least_and_largest),
    ("a TTL above 2^31 is 0", Case.wild_ttl),
    ("a denial is kept for min(SOA TTL, SOA MINIMUM)", Case.negative_ttl),
    ("a denial ends", Case.negative_ends),
    ("a denial without SOA is not kept", Case.negative_without_soa),
    ("SERVFAIL is kept for 5 s, and told with EDE 13", Case.servfail_is_kept),
    ("`servfail 0` keeps none", Case.servfail_not_kept),
    ("silence upstream is SERVFAIL after 5 s with EDE 22, and kept", Case.silence_is_servfail),
    ("REFUSED is passed on and not kept", Case.refused_is_not_kept),
    (f"{MANY} queries for one name are one question upstream", Case.coalesced),
    ("the key of the cache says what is one question", Case.coalesced_by_key),
    ("without a `cache` line every query goes upstream", Case.without_cache),
    ("`cache TTL ZONE` keeps names of the zone alone", Case.only_some_zones),
    ("`keepttl` lets no TTL count down", Case.keepttl),
    ("`disable denial` keeps no denial", Case.disabled),
    ("blocks with other upstreams have answers of their own", Case.blocks_are_apart),
    ("what is popular is asked again before it ends", Case.prefetched),
    ("what is not is not", Case.not_prefetched),
    ("a prefetch under way is the only one", Case.prefetch_asks_once),
    ("one that fails takes the place of nothing", Case.prefetch_fails),
)
STALE_CASES = (
    ("stale: upstream is asked first", Stale.upstream_first),
    ("stale: told after 1.8 s with TTL 30 and EDE 3; what comes late is kept",
     Stale.told_after_a_while),
    ("stale: told at once when upstream fails", Stale.told_on_failure),
    ("stale: who has failed is not asked again at once", Stale.recheck_pause),
    ("stale: an NXDOMAIN has EDE 19", Stale.nxdomain),
    ("stale: REFUSED from upstream is told instead", Stale.refused_upstream),
    ("stale: a denial takes its place", Stale.denial_replaces),
    ("stale: `immediate` is told at once, and asked again", Stale.immediate),
    ("stale: not longer than the Corefile says", Stale.not_for_ever),
    ("stale: not without `serve_stale`", Stale.not_without),
    ("stale: told to all who wait, by UDP and TCP", Stale.told_to_many),
    ("stale: not for RD=0", Stale.without_recursion),
)


def corefile(up, other):
    forward = f"forward . {up.place}"
    return (place.block(".", "cache 3600", forward)
            + place.block("minimum", "cache {", "success 1000 20 7", "servfail 0", "}", forward)
            + place.block("uncached", forward)
            + place.block("some", "cache 60 kept.some", forward)
            + place.block("keep", "cache {", "keepttl", "}", forward)
            + place.block("disable", "cache {", "disable denial", "}", forward)
            + place.block("prefetch", "cache {", "prefetch 2 1m 50%", "}", forward)
            + place.block("stale", "cache {", "serve_stale 1h", "}", forward)
            + place.block("now", "cache {", "serve_stale 1h immediate", "}", forward)
            + place.block("brief", "cache {", "serve_stale 2s", "}", forward)
            + place.block(".", "cache 3600", f"forward . {other.place}", bind=place.address(4)))


def main():
    program = tap.Program()
    with place.upstream() as up, place.upstream(3) as other:
        other.default = says("@ 300 A 192.0.2.2")
        with place.running(program, corefile(up, other),
                           config="clientOutstanding: 4096") as daemon:
            place.together(program, CASES, Case(up, daemon))
            place.together(program, STALE_CASES, Stale(up, daemon))
            program.case("prefetches are counted once each", equal,
                         daemon.metric("coredns_cache_prefetch_total"), 3, "prefetches")
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
