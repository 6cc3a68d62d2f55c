# SPDX-License-Identifier: GPL-2.0-or-later
"""
DNS in the lab: a client in any namespace, the cluster's server, which remembers who asked it for
what, and a cache on the node that forwards. A question is a name that nobody has asked for before.
"""

import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import threading

from . import daemon, netns
from .tap import PATIENCE, Failure, check, wait_for

PORT = 53
REFUSED = 5
SILENCE = 1.0  # seconds
BINARY = os.path.join(daemon.BUILD, "podsg-dnscache")
DRIVER = os.path.join(daemon.ROOT, os.environ.get("B", "build"), "live", "dns_network")
ANSWER = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x1e\x00\x04\xc0\x00\x02\x01"
numbers = itertools.count(os.getpid() * 1000)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def question(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", next(numbers) & 0xffff, 0x0100, 1, 0, 0, 0) + labels + \
        b"\x00\x00\x01\x00\x01"


def name_in(message):
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels)


def reply(message, rcode=0):
    """Without an OPT, whatever the question had."""
    head = message[:2] + struct.pack("!5H", 0x8180 | rcode, 1, 0 if rcode else 1, 0, 0)
    end = message.index(b"\0", 12) + 5
    return head + message[12:end] + (b"" if rcode else ANSWER)


def read_message(connection):
    head = connection.recv(2, socket.MSG_WAITALL)
    if len(head) < 2:
        return b""
    return connection.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)


def write_message(connection, message):
    connection.sendall(struct.pack("!H", len(message)) + message)


def exchange(where, server, protocol, message, patience=SILENCE):
    """The answer to a message; None: silence, or nobody there. where: a namespace's name."""
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with netns.make_socket(where, family_of(server), kind) as client:
        client.settimeout(patience)
        try:
            client.connect((server, PORT))
            if protocol == "udp":
                client.send(message)
                return client.recv(4096)
            write_message(client, message)
            return read_message(client) or None
        except OSError:
            return None


class Server:
    """Answers on addresses of a namespace, UDP and TCP, in threads, until it is closed."""

    def __init__(self, where, addresses, port=PORT):
        self.sockets = []
        self.open = True
        for address in addresses:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                self._listen(where, address, port, kind)

    def _listen(self, where, address, port, kind):
        found = netns.make_socket(where, family_of(address), kind)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((address, port))
        serve = self._serve_udp
        if kind == socket.SOCK_STREAM:
            found.listen(64)
            serve = self._serve_tcp
        self.sockets.append(found)
        threading.Thread(target=serve, args=(found,), daemon=True).start()

    def _serve_udp(self, found):
        while self.open:
            try:
                message, peer = found.recvfrom(4096)
                if peer is None:  # shut down
                    return
                threading.Thread(target=self._answer_udp, args=(found, message, peer),
                                 daemon=True).start()
            except OSError:
                return

    def _answer_udp(self, found, message, peer):
        answer = self.answer(message, peer[0], "udp")
        if answer and self.open:
            found.sendto(answer, peer)

    def _serve_tcp(self, found):
        while self.open:
            try:
                connection, peer = found.accept()
            except OSError:
                return
            threading.Thread(target=self._answer_tcp, args=(connection, peer),
                             daemon=True).start()

    def _answer_tcp(self, connection, peer):
        with connection:
            connection.settimeout(PATIENCE)
            try:
                message = read_message(connection)
                answer = self.answer(message, peer[0], "tcp") if message else None
                if answer:
                    write_message(connection, answer)
            except OSError:
                pass

    def answer(self, message, peer, protocol):
        raise NotImplementedError

    def close(self):
        self.open = False
        for found in self.sockets:
            try:
                found.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            found.close()


class ClusterServer(Server):
    """What kube-proxy leads to. asked: the name of a question, and the address that asked."""

    def __init__(self, where, addresses, port=PORT):
        self.asked = {}
        super().__init__(where, addresses, port)

    def answer(self, message, peer, protocol):
        self.asked[name_in(message)] = peer
        return reply(message)


class Forwarder(Server):
    """A cache that keeps nothing and knows no modes."""

    def __init__(self, where, addresses, servers):
        self.where = where
        self.servers = servers
        super().__init__(where, addresses)

    def answer(self, message, peer, protocol):
        server = next(s for s in self.servers if family_of(s) == family_of(peer))
        return exchange(self.where, server, protocol, message, PATIENCE)


class Network:
    """dnscache/node/network.h in a process of its own: what it says is obeyed or fails."""

    def __init__(self, where, listen, servers, interface="nodelocaldns", health=8080):
        argv = [DRIVER, f"interface={interface}", f"health={health}",
                *(f"listen={a}" for a in listen), *(f"server={a}" for a in servers)]
        self.process = subprocess.Popen(
            netns.command_in(where, argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, preexec_fn=netns.die_with_parent)

    def tell(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def obey(self, *words):
        said = self.tell(*words)
        check(said.split()[0] == "ok", f"{' '.join(words)}: {said}")
        return said.split()[1:]

    def counters(self):
        return dict(zip(("queries", "answers", "passed"), map(int, self.obey("counters"))))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self._gone()

    def end(self):
        """As a process that forgets to clean up."""
        self.process.stdin.close()
        if self._gone() != 0:
            raise Failure(f"the network's driver ended with status {self.process.returncode}")

    def _gone(self):
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return status


class Cache:
    """The real one on the node, from start() to kill() or stop()."""

    def __init__(self, node, nft_sync, listen, servers, words=(), environment=()):
        self.where = node.name("node")
        self.nft_sync = nft_sync
        self.listen, self.servers = listen, servers
        self.words, self.environment = words, dict(environment)
        self.process = None

    def _configure(self):
        with open(self.nft_sync.path("Corefile"), "w", encoding="ascii") as file:
            file.write(f".:53 {{\n\tbind {' '.join(self.listen)}\n\terrors\n\tcache 30\n"
                       f"\tforward . {' '.join(self.servers)}\n}}\n")

    def start(self):
        self._configure()
        argv = [BINARY, "--config", self.nft_sync.path("podsg.yaml"),
                "-conf", self.nft_sync.path("Corefile"), "-localip", ",".join(self.listen),
                "-metrics-listen-address", "", *self.words]
        self.process = subprocess.Popen(
            netns.command_in(self.where, argv), stdout=self.nft_sync.log,
            stderr=self.nft_sync.log, preexec_fn=netns.die_with_parent,
            env={**os.environ, **self.environment})
        wait_for(self._intercepts, "the cache takes queries")

    def _intercepts(self):
        if self.process.poll() is not None:
            raise Failure(f"the cache ended with status {self.process.returncode}\n"
                          f"{self.nft_sync.log_tail()}")
        return "table inet podsg-dns\n" in netns.run(["nft", "list", "tables"], self.where).stdout

    def counters(self):
        text = netns.run(["nft", "-j", "list", "counters", "table", "inet", "podsg-dns"],
                         self.where).stdout
        found = [item["counter"] for item in json.loads(text)["nftables"] if "counter" in item]
        return {counter["name"]: counter["packets"] for counter in found}

    def kill(self):
        self._end(signal.SIGKILL)

    def stop(self):
        status = self._end(signal.SIGTERM)
        check(status in (0, None), f"the cache ended with status {status}")

    def _end(self, how):
        if not self.process:
            return None
        self.process.send_signal(how)
        status = self.process.wait(PATIENCE)
        self.process = None
        return status


def no_driver():
    if not os.access(DRIVER, os.X_OK):
        return f"{os.path.relpath(DRIVER, daemon.ROOT)} is not built"
    return None


def missing():
    if not os.access(BINARY, os.X_OK):
        return f"{os.path.relpath(BINARY, daemon.ROOT)} is not built"
    return None
