#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""podsg-dnscache under clients that want too much, upstreams that give nothing, and garbage."""

import collections
import contextlib
import multiprocessing
import os
import random
import select
import signal
import socket
import statistics
import struct
import sys
import time

import place
from place import check, dns, query
from lab import tap
from lab.tap import equal, wait_for
from upstream import Gate, plain_answer, says, silent

TC = dns.flags.TC
COOKIE = 10
CLIENT_COOKIE = bytes(range(8))
RATE = 20  # queries a second
OUTSTANDING = 8
MEMORY = 44  # MiB
NAMES = int(os.environ.get("PODSG_DNS_NAMES", 300_000))
PACKETS = int(os.environ.get("PODSG_DNS_PACKETS", 100_000))
WINDOW = 250  # queries in flight of a flood: below what a socket's queue takes
NOT_READY, STALE = 14, 3  # EDE
CROWD = 20000
WAITING = 8192  # queries that wait in one worker
OVERLOAD = (5000, 4)  # queries a second, seconds


def cookie(data=CLIENT_COOKIE):
    return dns.edns.GenericOption(COOKIE, data)


def told(answer):
    """The cookie of a reply."""
    option, = answer.option(COOKIE)
    return option.to_wire()


def ask_hits(client, seconds, results):
    """In a process of its own, that waits for no other thread: what each took, sorted."""
    took = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        took.append(client.ask("hit.test").took)
        time.sleep(0.01)
    results.send(sorted(took))


class Limited:
    """With limits of clients in podsg.yaml."""

    def __init__(self, up, daemon):
        self.up = up
        self.daemon = daemon

    def slips(self):
        """Over its rate a client is told TC over UDP, and served over TCP."""
        client, other = (place.Client(source=place.address(i)) for i in (30, 31))
        equal(other.ask("rate.test").data, ["192.0.2.1"], "somebody else")
        answers = client.burst(*(query("rate.test") for _ in range(3 * RATE)))
        slipped = [answer for answer in answers if answer.has(TC)]
        check(len(slipped) >= RATE, f"{len(slipped)} of {3 * RATE} have TC")
        check(all(not answer.data and answer.rcode == "NOERROR" for answer in slipped),
              "a slip says something")
        equal(client.ask("rate.test", tcp=True).data, ["192.0.2.1"], "over TCP")
        equal(other.ask("rate.test").data, ["192.0.2.1"], "somebody else meanwhile")
        check(self.daemon.metric("podsg_dns_refused_total", reason="rate") >= len(slipped),
              "not counted")
        wires = [query("rate.test").to_wire() for _ in range(3 * RATE)]
        with client.connect() as connection:
            connection.sendall(b"".join(map(place.framed, wires)))
            over = [place.Answer(place.receive_framed(connection), 0) for _ in wires]
        check({(answer.rcode, *answer.ede) for answer in over} == {("NOERROR",), ("REFUSED", 0)},
              "TCP has no limit, or serves nobody")
        wait_for(lambda: not client.ask("rate.test").has(TC), "it is served again")

    def badcookie(self):
        """Over its rate a client with a cookie is told ours, and served with it."""
        client = place.Client(source=place.address(32))

        def over_the_rate(sent):
            """At once: the next token is there in 50 ms."""
            plain = (query("rate.test") for _ in range(4 * RATE))
            return client.burst(*plain, query("rate.test", options=[cookie(sent)]))[-1]
        answer = over_the_rate(CLIENT_COOKIE)
        equal(answer.rcode, "BADCOOKIE", "rcode without the server's part")
        again = client.ask("rate.test", options=[cookie(told(answer))])
        equal(again.data, ["192.0.2.1"], "answer with it")
        forged = told(answer)[:-1] + bytes([told(answer)[-1] ^ 1])
        equal(over_the_rate(forged).rcode, "BADCOOKIE", "a forged one")

    def outstanding(self):
        """Who has too much waiting is refused, and only he."""
        gate = Gate(says("@ 300 A 192.0.2.1"))
        self.up.on("*.wait.test", gate)
        client, other = (place.Client(source=place.address(i)) for i in (33, 34))
        with client.socket() as made, other.socket() as second:
            wires = [query(f"{i}.wait.test").to_wire() for i in range(OUTSTANDING + 4)]
            for wire in wires:
                made.send(wire)
            refused = [place.Answer(made.recv(4096), 0) for _ in range(4)]
            equal({(answer.rcode, *answer.ede) for answer in refused}, {("REFUSED", 0)},
                  "answers at once")
            second.send(query("0.wait.test").to_wire())
            gate.open()
            equal(place.Answer(second.recv(4096), 0).rcode, "NOERROR", "somebody else")
            rest = [place.Answer(made.recv(4096), 0).rcode for _ in range(OUTSTANDING)]
            equal(set(rest), {"NOERROR"}, "the others")
        equal(client.ask("again.wait.test").rcode, "NOERROR", "when they are answered")
        equal(self.daemon.metric("podsg_dns_refused_total", reason="outstanding"), 4, "counted")


class Open:
    """Without limits of clients."""

    def __init__(self, up, daemon):
        self.up = up
        self.daemon = daemon
        self.client = daemon.client

    def cookies(self):
        """RFC 9018, the hash is its unit test's business; stable, and never asked for in vain."""
        first = told(self.client.ask("cookie.test", options=[cookie()]))
        equal((len(first), first[:8]), (24, CLIENT_COOKIE), "size and client's part")
        equal(first[8:12], b"\1\0\0\0", "version and reserved")
        made, = struct.unpack("!I", first[12:16])
        check(abs(made - time.time()) < 60, f"made at {made}")
        again = told(self.client.ask("cookie.test", options=[cookie(first)]))
        equal(again[:12], first[:12], "with the server's part")
        wrong = self.client.ask("cookie.test", options=[cookie(first[:-1] + b"!")])
        equal((wrong.rcode, wrong.data), ("NOERROR", ["192.0.2.1"]), "with a wrong one")
        other = place.Client(source=place.address(35)).ask("cookie.test", options=[cookie()])
        check(told(other)[16:] != first[16:], "the same for another address")
        equal(len(told(self.client.ask("cookie.test", tcp=True, options=[cookie()]))), 24,
              "over TCP")

    def mutated(self):
        """Garbage over the real socket: every query has one answer at most, the rest none."""
        dice = random.Random(tap.seed())
        options = [cookie(), dns.edns.ECSOption("192.0.2.0", 24)]
        seeds = [query("www.fuzz.test", kind, options=options, dnssec=True).to_wire()
                 for kind in ("A", "TXT", "ANY", "DS")]
        seeds += [query("www.fuzz.test", edns=False).to_wire()]
        with self.client.socket() as asking, self.client.socket() as mute:
            asking.setblocking(False)
            sent = answered = lost = 0
            for _ in range(PACKETS):
                wire = bytearray(dice.choice(seeds))
                for _ in range(dice.choice((1, 1, 2, 4, 16))):
                    wire[dice.randrange(len(wire))] = dice.randrange(256)
                if dice.random() < 0.2:
                    wire = wire[:dice.randrange(len(wire) + 1)]
                if len(wire) < 12 or wire[2] & 0x80:
                    mute.send(wire)
                    continue
                asking.send(wire)
                sent += 1
                while sent - answered - lost > WINDOW:
                    if not select.select([asking], [], [], 2)[0]:
                        lost = sent - answered
                    answered += self.drain(asking)
            while select.select([asking], [], [], 2)[0]:
                answered += self.drain(asking)
            mute.setblocking(False)
            equal(self.drain(mute), 0, "answers to what was no query")
            check(answered <= sent, f"{answered} answers to {sent} queries")
            check(answered > sent * 0.95, f"{answered} answers to {sent} queries")
        equal(self.client.ask("www.fuzz.test").data, ["192.0.2.1"], "afterwards")

    @staticmethod
    def drain(made):
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                check(made.recv(4096)[2] & 0x80, "a reply without QR")
                count += 1
        return count

    def mutated_over_tcp(self):
        dice = random.Random(tap.seed())
        good = place.framed(query("www.fuzz.test", options=[cookie()]).to_wire())
        for _ in range(PACKETS // 500):
            stream = bytearray(good * 20)
            for _ in range(dice.randint(1, 40)):
                stream[dice.randrange(len(stream))] = dice.randrange(256)
            with self.client.connect() as connection, contextlib.suppress(OSError):
                connection.sendall(stream)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
        equal(self.client.ask("www.fuzz.test", tcp=True).data, ["192.0.2.1"], "afterwards")


class Loaded:
    """Against the program without sanitizers, whose memory is what it says."""

    def __init__(self, up, daemon):
        self.up = up
        self.daemon = daemon
        self.client = daemon.client

    def many_names(self):
        """More names than there is room for: the ceiling holds, and the newest are known."""
        asked = iter(range(NAMES))
        suffix = b"\5names\4test\0\0\1\0\1"
        head = b"\1\0\0\1\0\0\0\0\0\0"
        most = 0.0

        def wire(i):
            name = b"name-%08d" % i
            return struct.pack("!H", i & 0xffff) + head + bytes([len(name)]) + name + suffix
        with self.client.socket() as made:
            made.settimeout(5)
            flying = lost = 0
            for i in asked:
                made.send(wire(i))
                flying += 1
                try:
                    while flying >= WINDOW:
                        made.recv(512)
                        flying -= 1
                except TimeoutError:
                    lost += flying
                    flying = 0
                if i % 10000 == 0:
                    most = max(most, self.daemon.rss())
            with contextlib.suppress(TimeoutError):
                for _ in range(flying):
                    made.recv(512)
        most = max(most, self.daemon.rss())
        tap.note(f"{NAMES} names, at most {most:.1f} MiB, {lost} packets lost")
        check(most < MEMORY, f"{most:.1f} MiB of {MEMORY}")
        check(lost < NAMES / 100, f"{lost} packets lost")
        before = self.up.count
        self.client.send(wire(NAMES - 1))
        equal(self.up.count, before, "questions upstream for the newest name")
        check(self.daemon.metric("coredns_cache_evictions_total") > 0, "no evictions counted")

    def queue_drops(self):
        return self.daemon.metric("podsg_dns_receive_queue_drops_total")

    def overload(self):
        """Upstream is silent: memory is bounded, all are answered, hits at once."""
        rate, seconds = OVERLOAD
        self.client.ask("hit.test")
        before, drops = self.daemon.rss(), self.queue_drops()
        base = query("00000000.silent.test").to_wire()
        wires = [base[:13] + b"%08d" % i + base[21:] for i in range(rate * seconds)]
        process = multiprocessing.get_context("fork")
        results, back = process.Pipe(duplex=False)
        hitter = process.Process(target=ask_hits, args=(self.client, seconds, back))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as never_read:
            never_read.bind((place.address(6), place.PORT))
            hitter.start()
            replies = self.client.flood(wires, pause=50 / rate)
            took = results.recv()
            hitter.join()
        grown = self.daemon.rss() - before
        tap.note(f"{len(wires)} questions, {len(replies)} answers, {grown:.1f} MiB more, "
                 f"{len(took)} hits, median {statistics.median(took) * 1000:.1f} ms, "
                 f"90 % in {took[len(took) * 9 // 10] * 1000:.0f} ms")
        check(all(wire[3] & 15 == 2 for wire in replies), "other than SERVFAIL")
        lost = self.queue_drops() - drops
        check(len(replies) > len(wires) / 2 and len(replies) + lost > len(wires) * 0.95,
              f"{len(replies)} answers to {len(wires)}, {lost} dropped by the kernel")
        check(grown < 12, f"{grown:.1f} MiB more")
        # A question upstream takes five seconds.
        check(took[len(took) * 9 // 10] < 1, "hits wait")
        check(self.daemon.metric("podsg_dns_overloaded_total") > 0, "not counted")
        check(self.daemon.rss() < MEMORY, f"{self.daemon.rss():.1f} MiB of {MEMORY}")

    def ask_from_everywhere(self, wire, then=lambda: None):
        """Replies to as many as CROWD; then: what is done when all are sent. And MiB meanwhile."""
        replies = []
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(self.client.socket()) for _ in range(CROWD // 100)]
            for made in sockets:
                for i in range(100):
                    made.send(wire)
                    if i % 50 == 49:
                        time.sleep(0.001)
            most = self.daemon.rss()
            then()
            for made in sockets:
                made.settimeout(6)
                with contextlib.suppress(TimeoutError):
                    for _ in range(100):
                        replies.append(made.recv(512))
        return replies, most

    def crowd(self):
        """More queries for one name than may wait: the rest is told at once, all are answered."""
        self.up.fast = None
        name = ".".join(["c" * 63] * 3 + ["c" * 50, "test"])
        gate = Gate(says("@ 300 A 192.0.2.1"))
        self.up.on(name, gate)
        wire = query(name, options=[cookie(bytes(40))]).to_wire()
        overloaded = self.daemon.metric("podsg_dns_overloaded_total")
        timeouts = self.daemon.metric("podsg_dns_upstream_timeouts_total")
        drops = self.queue_drops()
        replies, most = self.ask_from_everywhere(wire, gate.open)
        self.up.fast = plain_answer
        counts = collections.Counter(reply[3] & 15 for reply in replies)
        tap.note(f"{CROWD} queries for one name: rcodes {dict(counts)}, {most:.1f} MiB")
        check(set(counts) == {0, 2}, f"rcodes {counts}")
        refusal = next(reply for reply in replies if reply[3] & 15)
        equal(place.Answer(refusal, 0).ede, [NOT_READY], "EDE of who may not wait")
        dropped = self.queue_drops() - drops
        check(len(replies) + dropped > CROWD * 0.99,
              f"{len(replies)} of {CROWD} answered, {dropped} dropped by the kernel")
        check(counts[0] <= WAITING * 2, f"{counts[0]} waited")
        equal(self.daemon.metric("podsg_dns_overloaded_total") - overloaded, counts[2], "counted")
        timeouts = self.daemon.metric("podsg_dns_upstream_timeouts_total") - timeouts
        check(len(self.up.questions(name)) <= 2 + timeouts, "one question a worker")
        check(most < MEMORY, f"{most:.1f} MiB of {MEMORY}")

    def crowd_for_what_is_stale(self):
        """Who finds no room to wait is told what there is."""
        self.up.fast = None
        self.up.on("crowd.stale", says("@ 1 A 192.0.2.1"), silent())
        self.client.ask("crowd.stale")
        time.sleep(1.1)
        overloaded = self.daemon.metric("podsg_dns_overloaded_total")
        replies, _ = self.ask_from_everywhere(query("crowd.stale").to_wire())
        self.up.fast = plain_answer
        check(self.daemon.metric("podsg_dns_overloaded_total") > overloaded, "all found room")
        answers = {(*answer.data, *answer.ede)
                   for answer in (place.Answer(reply, 0) for reply in set(replies))}
        equal(answers, {("192.0.2.1", STALE)}, "answers")

    def stands_still(self):
        """More comes than a queue holds: the kernel's count is on the page."""
        before = self.queue_drops()
        wire = query("hit.test").to_wire()
        self.daemon.signal(signal.SIGSTOP)
        with self.client.socket() as made:
            for _ in range(CROWD):
                made.send(wire)
            self.daemon.signal(signal.SIGCONT)
        wait_for(lambda: self.queue_drops() > before, "dropped packets are counted",
                 timeout=place.PATIENCE)

    def recovers(self):
        """As soon as upstream answers again."""
        with place.upstream(6):
            wait_for(lambda: self.client.ask(f"{time.monotonic_ns()}.silent.test").rcode ==
                     "NOERROR", "answers", timeout=20)


def main():
    program = tap.Program()
    with place.upstream() as up:
        corefile = place.block(".", "cache 3600", f"forward . {up.place}")
        config = f"clientQueriesPerSecond: {RATE}, clientOutstanding: {OUTSTANDING}"
        with place.running(program, corefile, config=config) as daemon:
            cases = Limited(up, daemon)
            program.case("over its rate a client is slipped TC", cases.slips)
            program.case("over its rate a client's cookie is BADCOOKIE, or serves it",
                         cases.badcookie)
            program.case("a client has so many questions waiting, and no more", cases.outstanding)
        with place.running(program, corefile, workers=2,
                           config="clientOutstanding: 65536") as daemon:
            cases = Open(up, daemon)
            up.fast = plain_answer
            program.case("a client's cookie is answered as RFC 9018 says", cases.cookies)
            program.case(f"{PACKETS} mutated packets: no crash, no answer to a non-query",
                         cases.mutated)
            program.case("mutated streams", cases.mutated_over_tcp)
        corefile += place.block("silent.test", "cache 3600",
                                f"forward . {place.address(6)}:{place.PORT}")
        corefile += place.block("stale", "cache {", "serve_stale 1h verify 1m", "}",
                                f"forward . {up.place}")
        with place.running(program, corefile, workers=2, program=place.PLAIN,
                           config=f"clientOutstanding: 65536, memory: {MEMORY}MiB") as daemon:
            cases = Loaded(up, daemon)
            program.case("upstream silent under thousands of questions a second", cases.overload)
            program.case("and everything is well when it answers", cases.recovers)
            program.case("what finds a queue full is counted", cases.stands_still)
            program.case(f"{CROWD} queries wait for one name", cases.crowd)
            program.case(f"{CROWD} queries for one name that is stale",
                         cases.crowd_for_what_is_stale)
            program.case(f"{NAMES} names stay below `memory`", cases.many_names)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
