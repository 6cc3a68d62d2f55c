#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""Clients of podsg-dnscache that come by TCP: many, slow, rude, or gone in the middle."""

import contextlib
import resource
import select
import socket
import struct
import sys
import time

import place
from place import check, dns, query
from lab import tap
from lab.tap import equal, wait_for
from upstream import Gate, later, says, silent

IDLE = 6  # seconds, in the Corefile
READ = 3
WRITE = 1
CONNECTIONS = 10000
FEW_FILES = 200
KEEPALIVE = 11
ANSWERS = 100
HUGE = [f'@ 300 TXT "{i:04}{"y" * 240}"' for i in range(240)]


def ends_within(connection, seconds):
    """Whether the other side closes; what it sends before is read."""
    end = time.monotonic() + seconds
    connection.settimeout(seconds)
    with contextlib.suppress(ConnectionError, TimeoutError):
        while time.monotonic() < end:
            if not connection.recv(65536):
                return True
        return False
    return not select.select([connection], [], [], 0)[1] and time.monotonic() < end


class Case:
    def __init__(self, up, daemon):
        self.up = up
        self.daemon = daemon
        self.client = daemon.client

    def out_of_order(self):
        """RFC 7766 §6.2.1.1: who is slow keeps nobody."""
        gate = Gate(says("@ 300 A 192.0.2.9"))
        self.up.on("slow.test", gate)
        names = ["slow.test", *(f"quick{i}.test" for i in range(20))]
        with self.client.connect() as connection:
            connection.sendall(b"".join(place.framed(query(name).to_wire()) for name in names))
            quick = sorted(place.asked_in(place.receive_framed(connection)) for _ in names[1:])
            equal(quick, sorted(names[1:]), "answers")
            gate.open()
            equal(place.asked_in(place.receive_framed(connection)), "slow.test", "the last answer")

    def byte_by_byte(self):
        with self.client.connect() as connection:
            for byte in place.framed(query("bytes.test").to_wire()):
                connection.sendall(bytes([byte]))
                time.sleep(0.003)
            equal(place.Answer(place.receive_framed(connection), 0).data, ["192.0.2.1"], "answer")

    def many_on_one(self):
        """More than may be in flight at once: they wait their turn."""
        self.up.on("*.turn.test", later(0.1, says("@ 300 A 192.0.2.1")))
        wires = [query(f"{i}.turn.test").to_wire() for i in range(500)]
        with self.client.connect() as connection:
            connection.sendall(b"".join(map(place.framed, wires)))
            ids = sorted(place.receive_framed(connection)[:2] for _ in wires)
        equal(ids, sorted(wire[:2] for wire in wires), "ids")

    def half_closed(self):
        """Who has said all it wants is answered all it asked."""
        self.up.on("last.test", later(0.5, says("@ 300 A 192.0.2.1")))
        with self.client.connect() as connection:
            connection.sendall(place.framed(query("last.test").to_wire()))
            connection.shutdown(socket.SHUT_WR)
            equal(place.Answer(place.receive_framed(connection), 0).data, ["192.0.2.1"], "answer")
            check(ends_within(connection, place.PATIENCE), "the connection stays")

    def gone_before_the_answer(self):
        self.up.on("gone.test", later(0.5, says("@ 300 A 192.0.2.1")))
        for _ in range(20):
            with self.client.connect() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sendall(place.framed(query("gone.test").to_wire()) * 3)
        time.sleep(0.8)
        equal(self.client.ask("gone.test").data, ["192.0.2.1"], "afterwards")

    def idle(self):
        with self.client.connect() as connection:
            began = time.monotonic()
            connection.sendall(place.framed(query("idle.test").to_wire()))
            place.receive_framed(connection)
            check(ends_within(connection, place.PATIENCE), "the connection stays")
            took = time.monotonic() - began
            check(took > IDLE - 0.3, f"closed after {took:.1f} s")

    def never_said_anything(self):
        with self.client.connect() as connection:
            check(ends_within(connection, place.PATIENCE), "the connection stays")

    def keepalive(self):
        """RFC 7828: in units of 100 ms, for who has sent the option over TCP."""
        ask = dns.edns.GenericOption(KEEPALIVE, b"")
        told, = self.client.ask("alive.test", tcp=True, options=[ask]).option(KEEPALIVE)
        equal(struct.unpack("!H", told.to_wire()), (IDLE * 10,), "time")
        equal(self.client.ask("alive.test", options=[ask]).option(KEEPALIVE), [], "over UDP")
        equal(self.client.ask("alive.test", tcp=True).option(KEEPALIVE), [], "unasked")

    def slow_writer(self):
        """A message has the time of `timeouts read` to come; a byte now and then buys no more."""
        with self.client.connect() as connection:
            began = time.monotonic()
            with contextlib.suppress(ConnectionError):
                for byte in place.framed(query("drip.test").to_wire()) * 3:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.3)
                    if time.monotonic() - began > place.PATIENCE:
                        break
            took = time.monotonic() - began
        check(took < place.PATIENCE - 2, f"closed after {took:.1f} s")

    def read_with_pauses(self, pause, first=0.0):
        """How many bytes come to one who reads no faster, and of how many. The kernel takes 2.6 MB
        of them on loopback."""
        self.up.on("read.test", says(*HUGE))
        asks = place.framed(query("read.test", "TXT").to_wire()) * ANSWERS
        whole = (2 + len(self.client.ask("read.test", "TXT", tcp=True).wire)) * ANSWERS
        got = 0
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            connection.settimeout(place.PATIENCE)
            connection.connect((place.address(1), place.PORT))
            connection.sendall(asks)
            time.sleep(first)
            with contextlib.suppress(ConnectionError):
                while got < whole:
                    more = len(connection.recv(1 << 16))
                    if more == 0:
                        break
                    got += more
                    time.sleep(pause)
        return got, whole

    def slow_reader(self):
        """Longer than every limit, but never for so long nothing at all."""
        got, whole = self.read_with_pauses(0.05)
        equal(got, whole, "bytes")

    def no_reader(self):
        """Between `timeouts write` and `timeouts idle`."""
        got, whole = self.read_with_pauses(0, first=(WRITE + IDLE) / 2)
        check(got < whole, f"all of {whole} bytes came")

    def waiting_is_not_idle(self):
        """It is asked again after two seconds: longer than the idle time for one answer."""
        self.up.on("a.patient", silent(), says("@ 300 A 192.0.2.1"))
        with self.client.connect() as connection:
            time.sleep(IDLE - 1.5)
            connection.sendall(place.framed(query("a.patient").to_wire()))
            equal(place.Answer(place.receive_framed(connection), 0).data, ["192.0.2.1"], "answer")

    def runts(self):
        """Nothing is answered to what is no query, and the next one is."""
        wires = [b"", b"\0", b"\0" * 11, b"\0\1\x80\0" + b"\0" * 8, query("after.test").to_wire()]
        with self.client.connect() as connection:
            connection.sendall(b"".join(map(place.framed, wires)))
            equal(place.receive_framed(connection)[:2], wires[-1][:2], "the first answer's id")

    def too_long(self):
        """64 KiB that begin like a query: no query is that long."""
        wire = query("long.test").to_wire()
        with self.client.connect() as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(struct.pack("!H", 65535) + wire + b"x" * (65535 - len(wire)))
            check(ends_within(connection, place.PATIENCE), "the connection stays")
        equal(self.client.ask("afterlong.test").data, ["192.0.2.1"], "afterwards")

    def limited_family(self):
        equal(place.Client("::1").ask("six.test", tcp=True).data, ["192.0.2.1"], "answer")


class Hostile:
    """Against the program without sanitizers, whose memory is what it says."""

    def __init__(self, up, daemon):
        self.up = up
        self.daemon = daemon
        self.client = daemon.client

    def connect_all(self, stack, count, write=b"", receive=None):
        """From many addresses, for one has 28,000 ports only."""
        made = []
        for i in range(count):
            one = socket.socket()
            stack.callback(one.close)
            if receive:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
            one.bind((place.address(20 + i % 200), 0))
            one.settimeout(place.PATIENCE)
            with contextlib.suppress(ConnectionError, TimeoutError):
                one.connect((place.address(1), place.PORT))
                one.sendall(write)
            made.append(one)
        return made

    def half_open(self):
        before = self.daemon.rss()
        with contextlib.ExitStack() as stack:
            self.connect_all(stack, CONNECTIONS, b"\0\x40half a query")
            equal(self.client.ask("crowd.test").data, ["192.0.2.1"], "over UDP")
            equal(self.client.ask("crowd.test", tcp=True).data, ["192.0.2.1"], "over TCP")
            open_now = self.daemon.metric("podsg_dns_tcp_connections")
            check(open_now <= 2001, f"{open_now:g} connections are open")
            grown = self.daemon.rss() - before
            check(grown < 24, f"{grown:.0f} MiB for {open_now:g} connections")
        wait_for(lambda: self.daemon.metric("podsg_dns_tcp_connections") <= 1,
                 "connections end", timeout=place.PATIENCE)

    def slow_readers(self):
        """Who does not read its answers costs a bounded amount."""
        self.up.on("huge.test", says(*HUGE))
        self.client.ask("huge.test", "TXT", tcp=True)
        before = self.daemon.rss()
        asks = place.framed(query("huge.test", "TXT").to_wire()) * 100
        with contextlib.ExitStack() as stack:
            self.connect_all(stack, 400, asks, receive=4096)
            time.sleep(1)
            equal(self.client.ask("readers.test").data, ["192.0.2.1"], "over UDP")
            grown = self.daemon.rss() - before
            check(grown < 24, f"{grown:.0f} MiB for 400 who do not read")

    def slow_readers_of_late_answers(self):
        """Likewise, with answers that all come after the last query was read."""
        self.up.on("late.test", later(1.5, says(*[line.replace("300", "0") for line in HUGE])))
        before = self.daemon.rss()
        asks = place.framed(query("late.test", "TXT").to_wire()) * 100
        with contextlib.ExitStack() as stack:
            self.connect_all(stack, 40, asks, receive=4096)
            time.sleep(3)
            grown = self.daemon.rss() - before
            check(grown < 40, f"{grown:.0f} MiB for 4,000 late answers that nobody reads")
        equal(self.client.ask("readers.test").data, ["192.0.2.1"], "afterwards")

    def big_buffers(self):
        """64 KiB announced, and almost as much sent."""
        before = self.daemon.rss()
        with contextlib.ExitStack() as stack:
            self.connect_all(stack, 600, b"\xff\xff" + b"x" * 65000)
            time.sleep(0.5)
            grown = self.daemon.rss() - before
            check(grown < 16, f"{grown:.0f} MiB for 600 endless queries")


def few_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FILES, FEW_FILES))


def out_of_files(up):
    """With fewer descriptors than clients: UDP and upstream go on, and nothing spins."""
    corefile = place.block(".", "cache", f"forward . {up.place}")
    with place.Daemon(corefile, preexec=few_files) as daemon, contextlib.ExitStack() as stack:
        for _ in range(2 * FEW_FILES):
            one = stack.enter_context(socket.socket())
            one.settimeout(place.PATIENCE)
            one.connect((place.address(1), place.PORT))
        def rests():
            before = daemon.cpu()
            time.sleep(1)
            return daemon.cpu() - before < 0.3
        wait_for(rests, "less than 0.3 s of CPU in a second", timeout=place.PATIENCE)
        for i in range(20):
            equal(daemon.client.ask(f"files{i}.test").data, ["192.0.2.1"], "over UDP")
        equal(daemon.client.ask("files.test", tcp=True).data, ["192.0.2.1"], "over TCP")


def crowded(up):
    """Of few connections most are taken: those that rest end long before `timeouts idle`, until
    there is room again."""
    corefile = place.block(".", "cache", "timeouts {", "idle 10m", "}", f"forward . {up.place}")
    with place.Daemon(corefile, preexec=few_files) as daemon, contextlib.ExitStack() as stack:
        wire = place.framed(query("crowded.test").to_wire())
        for _ in range(FEW_FILES * 9 // 20):
            connection = stack.enter_context(daemon.client.connect())
            connection.sendall(wire)
            place.receive_framed(connection)

        def count():
            return daemon.metric("podsg_dns_tcp_connections")
        wait_for(lambda: count() <= FEW_FILES * 3 // 8, "connections end", timeout=place.PATIENCE)
        time.sleep(3)
        check(count() >= FEW_FILES // 4, f"only {count():g} of them are left")


CASES = (
    ("answers come in the order they are had", Case.out_of_order),
    ("a query may come byte by byte", Case.byte_by_byte),
    ("more queries than may be in flight wait their turn", Case.many_on_one),
    ("who closes its half is answered, then the connection ends", Case.half_closed),
    ("who is gone before the answer hurts nobody", Case.gone_before_the_answer),
    ("an idle connection ends after `timeouts idle`", Case.idle),
    ("one that never said anything does, too", Case.never_said_anything),
    ("RFC 7828's option tells the idle time", Case.keepalive),
    ("who writes a byte now and then is not waited for", Case.slow_writer),
    ("who reads slowly is waited for", Case.slow_reader),
    ("who reads nothing is not, after `timeouts write`", Case.no_reader),
    ("who waits for an answer is not idle", Case.waiting_is_not_idle),
    ("what is no query gets no answer, the next one does", Case.runts),
    ("a message of 64 KiB ends the connection", Case.too_long),
    ("IPv6 is served", Case.limited_family),
)
HOSTILE_CASES = (
    (f"{CONNECTIONS} half-open connections keep nobody from being served", Hostile.half_open),
    ("clients that do not read their answers cost a bounded amount", Hostile.slow_readers),
    ("as do those whose answers come late", Hostile.slow_readers_of_late_answers),
    ("as do those who announce 64 KiB", Hostile.big_buffers),
)


def corefile(up):
    lines = ("cache 300", "timeouts {", f"idle {IDLE}s", f"read {READ}s", f"write {WRITE}s", "}",
             f"forward . {up.place}")
    by_udp = [*lines[:-1], f"{lines[-1]} {{", "prefer_udp", "}"]
    return (place.block(".", *lines) + place.block(".", *lines, bind="::1")
            + place.block("patient", *by_udp))


def main():
    program = tap.Program()
    config = "clientOutstanding: 65536, memory: 32MiB"
    with place.upstream() as up:
        with place.running(program, corefile(up), config=config) as daemon:
            place.together(program, CASES, Case(up, daemon))
        program.case("without descriptors left, all else goes on", out_of_files, up)
        program.case("idle connections end sooner where they are many", crowded, up)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        check(hard > CONNECTIONS + 500, f"{hard} descriptors are too few for these tests")
        with place.running(program, corefile(up), workers=2, config=config,
                           program=place.PLAIN) as daemon:
            for name, function in HOSTILE_CASES:
                program.case(name, function, Hostile(up, daemon))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
