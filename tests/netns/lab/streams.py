# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary sockets inside the namespaces: listeners, connections, and traffic that goes on."""

import contextlib
import socket
import threading
import time

from . import netns, packets
from .node import family_of
from .probes import ETH_P_ALL, PACKET_OUTGOING, Probe
from .tap import PATIENCE, Failure, note, wait_for

# The kernels of both ends connect by themselves, so that this long after the SYN, and before it
# is sent once more, there will be no answer.
SILENCE = 0.7


def socket_family(address):
    return socket.AF_INET if family_of(address) == 4 else socket.AF_INET6


class Listener:
    """Accepts and echoes until closed. Dual: one socket serves both families."""

    def __init__(self, node, who, port):
        self.socket = netns.make_socket(node.name(who), socket.AF_INET6, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(("::", port))
        self.socket.listen(64)
        self.peers = []
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, address = self.socket.accept()
            except OSError:
                return
            self.peers.append(address[0].removeprefix("::ffff:"))
            self.connections.append(connection)
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    @staticmethod
    def _echo(connection):
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                connection.sendall(data)

    def close(self):
        for sock in (self.socket, *self.connections):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


def connect(node, who, address, port, timeout=PATIENCE):
    """A connected socket, or None if there was no answer in time; refusal is an answer."""
    sock = netns.make_socket(node.name(who), socket_family(address), socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        sock.connect((address, port))
    except (TimeoutError, OSError):
        sock.close()
        return None
    return sock


def can_connect(node, who, address, port, timeout=SILENCE):
    sock = connect(node, who, address, port, timeout)
    if sock:
        sock.close()
    return sock is not None


def echoes(sock, timeout=PATIENCE):
    """Whether the connection still carries data both ways."""
    sock.settimeout(timeout)
    try:
        sock.sendall(b"ping")
        return sock.recv(16) == b"ping"
    except OSError:
        return False


class Stream:
    """One TCP connection with a question and an answer every few milliseconds."""

    INTERVAL = 0.002

    def __init__(self, node, who, address, port):
        self.socket = connect(node, who, address, port)
        if self.socket is None:
            raise RuntimeError(f"no connection from {who} to {address} port {port}")
        self.socket.settimeout(PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.exchanges = 0
        self.longest = 0.0
        self.error = None
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while self.running:
                begin = time.monotonic()
                self.socket.sendall(b"tick")
                if not self.socket.recv(16):
                    raise ConnectionError("closed by the peer")
                self.longest = max(self.longest, time.monotonic() - begin)
                self.exchanges += 1
                time.sleep(self.INTERVAL)
        except OSError as error:
            self.error = error

    def stop(self):
        self.running = False
        self.thread.join(2 * PATIENCE)
        self.socket.close()


class Intruder:
    """Sends packets that must not arrive, each a new flow, and notes when which one did."""

    INTERVAL = 0.001
    made = 0

    def __init__(self, node, who, source, destination, port, at):
        Intruder.made += 1
        self.first = Intruder.made % 128 << 24
        self.probe = lambda number: Probe(who, source, destination, packets.UDP, port,
                                          1024 + number % 60000, number=number)
        with netns.entered(node.name(who)):
            self.sender = packets.raw_socket(socket_family(destination))
        self.watcher = netns.make_socket(node.name(at), socket.AF_PACKET, socket.SOCK_DGRAM,
                                         socket.htons(ETH_P_ALL))
        self.watcher.bind(("eth0", ETH_P_ALL))
        self.watcher.settimeout(0.2)
        self.destination = destination
        self.sent = 0
        self.arrivals = []  # (time, how many had been sent then)
        self.running = True
        self.threads = [threading.Thread(target=run, daemon=True)
                        for run in (self._send, self._watch)]
        for thread in self.threads:
            thread.start()

    def _send(self):
        to = (self.destination, 0) + (() if family_of(self.destination) == 4 else (0, 0))
        while self.running:
            self.sent += 1
            packet = packets.build(self.probe(self.first + self.sent))[0]
            with contextlib.suppress(OSError):
                self.sender.sendto(packet, to)
            time.sleep(self.INTERVAL)

    def _watch(self):
        while self.running:
            try:
                data, address = self.watcher.recvfrom(65535)
            except (TimeoutError, OSError):
                continue
            if address[2] != PACKET_OUTGOING:
                self.arrivals += [(time.monotonic(), number - self.first)
                                  for number, _ in packets.tokens_in(data)
                                  if number >> 24 == self.first >> 24]

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join(PATIENCE)
        self.sender.close()
        self.watcher.close()

    def window(self):
        """Seconds from the first packet that got through to the last one; 0.0: none did."""
        return self.arrivals[-1][0] - self.arrivals[0][0] if self.arrivals else 0.0


def exchange_more(streams, count=20):
    """Returns once each stream has had so many more exchanges; fails where one is broken."""
    goals = [stream.exchanges + count for stream in streams]

    def reached(stream, goal):
        if stream.error:
            raise Failure(f"stream {streams.index(stream)}: {stream.error}")
        return stream.exchanges >= goal
    wait_for(lambda: all([reached(*one) for one in zip(streams, goals)]), "every stream goes on")
    note(f"{sum(s.exchanges for s in streams)} exchanges on {len(streams)} streams, "
         f"longest pause {max(s.longest for s in streams) * 1000:.0f} ms")


def send_more(intruders, count=50):
    """Returns once each of them has sent so many more packets."""
    goals = [intruder.sent + count for intruder in intruders]
    wait_for(lambda: all(x.sent >= goal for x, goal in zip(intruders, goals)), "they go on sending")
