# SPDX-License-Identifier: GPL-2.0-or-later
"""
A DNS server that says what it is told, question by question, and remembers what it was asked.

A step is what happens to one question: a function of the question and the way back. on() gives a
name its steps; every question takes the next one, and the last goes on for ever.
"""

import asyncio
import collections
import random
import struct
import threading
import time

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

LOOPBACK_QUEUE = 4 << 20


class Asked:
    """A question as it came. connection: 0 for UDP, else the number of the connection."""

    def __init__(self, wire, peer, connection):
        self.at = time.monotonic()
        self.wire = wire
        self.peer = peer
        self.connection = connection
        self.message = dns.message.from_wire(wire)
        question = self.message.question[0]
        self.name = question.name.to_text(omit_final_dot=True).lower()
        self.type = dns.rdatatype.to_text(question.rdtype)

    @property
    def tcp(self):
        return self.connection > 0

    @property
    def port(self):
        return self.peer[1]

    @property
    def id(self):
        return self.message.id

    def has(self, flag):
        return bool(self.message.flags & flag)

    @property
    def dnssec(self):
        return bool(self.message.ednsflags & dns.flags.DO)


class Way:
    """Back to whoever asked."""

    def __init__(self, loop, send, close):
        self.loop = loop
        self.send = send
        self.close = close


def records(asked, lines):
    """From lines such as "@ 60 A 192.0.2.1"; @ is the name that was asked for."""
    sets = collections.OrderedDict()
    for line in lines:
        owner, ttl, kind, data = line.split(None, 3)
        name = asked.message.question[0].name if owner == "@" else dns.name.from_text(owner)
        sets.setdefault((name, kind, int(ttl)), []).append(data)
    return [dns.rrset.from_text(name, ttl, "IN", kind, *data)
            for (name, kind, ttl), data in sets.items()]


def message(asked, answer=(), authority=(), additional=(), rcode="NOERROR", flags=dns.flags.AA,
            ede=None, edns=True):
    reply = dns.message.make_response(asked.message, recursion_available=True)
    reply.flags |= flags
    reply.answer = records(asked, answer)
    reply.authority = records(asked, authority)
    reply.additional = records(asked, additional)
    if edns and asked.message.edns >= 0:
        options = []
        if ede is not None:
            code, text = ede
            options.append(dns.edns.EDEOption(code, text))
        reply.use_edns(0, asked.message.ednsflags, 1232, options=options)
    else:
        reply.use_edns(-1)
    reply.set_rcode(dns.rcode.from_text(rcode))
    return reply.to_wire(max_size=65535, want_shuffle=False)


def says(*answer, **more):
    return lambda asked, way: way.send(message(asked, answer, **more))


def denies(soa_ttl, minimum, rcode="NXDOMAIN", **more):
    soa = f". {soa_ttl} SOA ns.test. root.test. 1 2 3 4 {minimum}"
    return says(authority=[soa], rcode=rcode, **more)


def silent():
    return lambda asked, way: None


def later(seconds, step):
    return lambda asked, way: way.loop.call_later(seconds, step, asked, way)


class Gate:
    """A step that keeps questions until it is opened, and does to them what `step` does."""

    def __init__(self, step):
        self.step = step
        self.lock = threading.Lock()
        self.kept = []

    def __call__(self, asked, way):
        with self.lock:
            if self.kept is not None:
                self.kept.append((asked, way))
                return
        self.step(asked, way)

    def open(self):
        """For good."""
        with self.lock:
            kept, self.kept = self.kept, None
        for asked, way in kept:
            way.loop.call_soon_threadsafe(self.step, asked, way)


def each(*steps):
    def run(asked, way):
        for step in steps:
            step(asked, way)
    return run


def by_protocol(udp, tcp):
    return lambda asked, way: (tcp if asked.tcp else udp)(asked, way)


def truncated():
    return says(flags=dns.flags.TC)


def raw(make):
    """make(asked) returns the bytes."""
    return lambda asked, way: way.send(make(asked))


def wrong_id(*answer):
    def make(asked):
        wire = message(asked, answer)
        return struct.pack("!H", asked.id ^ 0x5555) + wire[2:]
    return raw(make)


def wrong_question(name, *answer):
    def make(asked):
        other = dns.message.make_query(name, asked.type, id=asked.id)
        return message(Asked(other.to_wire(), asked.peer, 0), answer)
    return raw(make)


def mutated(seed, *answer):
    """Some bytes behind the id are others."""
    dice = random.Random(seed)

    def make(asked):
        wire = bytearray(message(asked, answer))
        for _ in range(dice.randint(1, 8)):
            wire[dice.randrange(2, len(wire))] = dice.randrange(256)
        return bytes(wire[:dice.randint(2, len(wire))] if dice.random() < 0.2 else wire)
    return raw(make)


def hangs_up():
    return lambda asked, way: way.close()


def plain_answer(wire):
    """One A record, without a library between: for loads."""
    end = wire.index(b"\0", 12) + 5
    return (wire[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + wire[12:end]
            + b"\xc0\x0c\0\1\0\1\0\0\x0e\x10\0\4\xc0\0\2\1")


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server):
        self.server = server
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        self.server.take(data, peer, 0, lambda wire: self.transport.sendto(wire, peer),
                         lambda: None)


class Upstream:
    def __init__(self, address, port):
        self.address = address
        self.port = port
        self.asked = []
        self.count = 0  # of fast ones
        self.fast = None  # bytes to bytes or None, instead of the steps
        self.default = says("@ 300 A 192.0.2.1")
        self.connections = 0
        self._rules = {}
        self._writers = set()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise OSError(f"nothing listens on {address} port {port}")

    @property
    def place(self):
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"

    def on(self, name, *steps, kind=None):
        """kind: a type; None: of any."""
        self._rules[name, kind] = collections.deque(steps)

    def questions(self, name=None, kind=None):
        return [asked for asked in list(self.asked)
                if name in (None, asked.name) and kind in (None, asked.type)]

    def forget(self):
        self.asked = []

    def _step(self, asked):
        steps = self._rules.get((asked.name, asked.type)) or self._rules.get((asked.name, None))
        name = asked.name
        while not steps and name:
            name = name.partition(".")[2]
            steps = self._rules.get(("*." + name, None))
        if not steps:
            return self.default
        return steps.popleft() if len(steps) > 1 else steps[0]

    def take(self, data, peer, connection, send, close):
        if self.fast:
            self.count += 1
            wire = self.fast(data)
            if wire:
                send(wire)
            return
        asked = Asked(data, peer, connection)
        self.asked.append(asked)
        self._step(asked)(asked, Way(self._loop, send, close))

    async def _connection(self, reader, writer):
        self.connections += 1
        number = self.connections
        peer = writer.get_extra_info("peername")

        def send(wire):
            if not writer.is_closing():
                writer.write(struct.pack("!H", len(wire)) + wire)
        self._writers.add(writer)
        try:
            while True:
                size, = struct.unpack("!H", await reader.readexactly(2))
                self.take(await reader.readexactly(size), peer, number, send, writer.close)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _open(self):
        udp, _ = await self._loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(self.address, self.port))
        udp.get_extra_info("socket").setsockopt(1, 33, LOOPBACK_QUEUE)
        tcp = await asyncio.start_server(self._connection, self.address, self.port, backlog=512)
        self._ready.set()
        return udp, tcp

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._udp, self._tcp = self._loop.run_until_complete(self._open())
        self._loop.run_forever()

    def _shut(self):
        self._udp.close()
        self._tcp.close()
        for writer in list(self._writers):
            writer.close()
        self._loop.call_later(0.05, self._loop.stop)

    def close(self):
        """Afterwards nobody listens at the address."""
        self._loop.call_soon_threadsafe(self._shut)
        self._thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
