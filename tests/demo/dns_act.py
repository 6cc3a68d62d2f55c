# SPDX-License-Identifier: GPL-2.0-or-later
"""
DNS, shown: the cluster's two servers behind kube-proxy's DNAT, podsg-dnscache in front of them with
NodeLocal DNSCache's Corefile, and pods that ask. What the servers saw tells who answered.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import threading
import time

from lab import daemon as daemons
from lab import dns, netns, scrape, tap
from lab.node import Service

COREFILE = os.path.join(daemons.ROOT, "packaging", "examples", "Corefile.nodelocaldns")
CLUSTER, LOCAL = "172.20.0.10", "169.254.20.10"
SERVERS = ("10.0.2.53", "10.0.2.54")
METRICS_PORT = 9353
OPT = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
EDE, PROHIBITED = 15, 18

# What comes of two queries for one name.
SERVED, CLUSTER_DNS, REFUSED, SILENCE = "the cache", "cluster's DNS", "REFUSED, EDE 18", "dropped"

# Who, where, how, what is expected with the cache and without it, what it shows.
ROWS = [
    ("node", CLUSTER, "udp", SERVED, CLUSTER_DNS, "a process of the node"),
    ("agent", CLUSTER, "udp", SERVED, CLUSTER_DNS, "a pod without security groups"),
    ("agent", LOCAL, "tcp", SERVED, CLUSTER_DNS, "by the node-local address"),
    ("web", CLUSTER, "udp", SERVED, CLUSTER_DNS, "standard, its group permits everything"),
    ("web", LOCAL, "tcp", SERVED, CLUSTER_DNS, "the same by the node-local address"),
    ("api", CLUSTER, "udp", REFUSED, SILENCE, "standard, its group permits no DNS"),
    ("api", LOCAL, "tcp", REFUSED, SILENCE, "nobody else on this node would stop it"),
    ("ledger", CLUSTER, "udp", CLUSTER_DNS, CLUSTER_DNS, "strict: goes round the cache"),
    ("vault", LOCAL, "tcp", CLUSTER_DNS, CLUSTER_DNS, "strict, even by the node-local address"),
]


@dataclasses.dataclass(frozen=True)
class ClusterDns(Service):
    """A Service with two endpoints."""

    def rule(self):
        ends = ", ".join(f"{i} : {server}" for i, server in enumerate(SERVERS))
        return (f"ip daddr {self.address} {self.protocol} dport {self.port} "
                f"dnat ip to numgen random mod {len(SERVERS)} map {{ {ends} }}")


SERVICES = [ClusterDns(CLUSTER, protocol, dns.PORT, SERVERS[0], dns.PORT)
            for protocol in ("udp", "tcp")]
CONFIG = {"clusterServers": list(SERVERS), "listen": [LOCAL, CLUSTER]}


class CoreDns(dns.Server):
    """One of the cluster's servers; seen: who asked for which name."""

    def __init__(self, where, address, seen, lock):
        self.seen, self.lock = seen, lock
        super().__init__(where, [address])

    def answer(self, message, peer, protocol):
        with self.lock:
            self.seen[dns.name_in(message)].append(peer)
        return dns.reply(message)


def question(name):
    """With EDNS, so that a refusal can say why."""
    message = dns.question(name)
    return message[:10] + b"\x00\x01" + message[12:] + OPT


def error_code(answer):
    """The extended error of an answer without records, and its text."""
    at = answer.index(b"\x00", 12) + 5 + len(OPT)
    while at + 4 <= len(answer):
        code, size = (int.from_bytes(answer[i:i + 2], "big") for i in (at, at + 2))
        if code == EDE:
            return (int.from_bytes(answer[at + 4:at + 6], "big"),
                    answer[at + 6:at + 4 + size].decode())
        at += 4 + size
    return None, ""


class Act:
    def __init__(self, demo, say):
        self.demo, self.node, self.daemon = demo, demo.node, demo.daemon
        self.heading, self.colour = say
        self.seen, self.lock = collections.defaultdict(list), threading.Lock()
        self.process = None
        self.said = ""  # with the last refusal

    def __enter__(self):
        where = self.node.name("db")
        netns.ip_batch([f"address add {server}/32 dev eth0" for server in SERVERS], where)
        self.servers = [CoreDns(where, server, self.seen, self.lock) for server in SERVERS]
        directory = self.daemon.path("kube-dns")
        os.mkdir(directory)
        with open(os.path.join(directory, "upstreamNameservers"), "w", encoding="ascii") as file:
            json.dump(list(SERVERS), file)
        return self

    def __exit__(self, *_):
        self.end(signal.SIGKILL)
        for server in self.servers:
            server.close()

    # The daemon

    def start(self):
        """Returns once it answers and its rules stand: how long that took, in milliseconds."""
        pid_file = self.daemon.path("dns.pid")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(pid_file)
        argv = [dns.BINARY, "--config", self.daemon.path("podsg.yaml"), "-conf", COREFILE,
                "-kubednscm", self.daemon.path("kube-dns"), "-pidfile", pid_file]
        begin = time.monotonic()
        self.process = subprocess.Popen(
            netns.command_in(self.node.name("node"), argv), stdout=self.daemon.log,
            stderr=self.daemon.log, preexec_fn=netns.die_with_parent)
        tap.wait_for(lambda: self.runs(pid_file), "podsg-dnscache runs", 10, 0.002)
        return (time.monotonic() - begin) * 1000

    def runs(self, pid_file):
        if self.process.poll() is not None:
            raise tap.Failure(f"podsg-dnscache: status {self.process.returncode}\n"
                              f"{self.daemon.log_tail()}")
        return os.path.exists(pid_file)

    def end(self, how):
        if self.process is None:
            return None
        self.process.send_signal(how)
        status, self.process = self.process.wait(10), None
        return status

    # Queries

    def ask(self, who, server, protocol, name):
        """What is wrong with the answer; "": nothing."""
        answer = dns.exchange(self.node.name(self.demo.namespace(who)), server, protocol,
                              question(name))
        if answer is None:
            return SILENCE
        rcode, records = answer[3] & 15, answer[7]
        if rcode == 0 and records == 1:
            return ""
        code, self.said = error_code(answer)
        return REFUSED if (rcode, code) == (dns.REFUSED, PROHIBITED) else f"rcode {rcode}"

    def whose(self, who, peer):
        """Who asked the cluster's servers."""
        if peer in self.node.network.node:
            return "the node"
        return who if peer == self.demo.address(who, 4) else peer

    def outcome(self, who, server, protocol):
        """A name is asked for twice: the second time a cache does not ask for it again."""
        name = f"q{next(dns.numbers)}.cluster.local"
        said = [self.ask(who, server, protocol, name)]
        if not said[0]:
            said.append(self.ask(who, server, protocol, name))
        if any(said):
            return next(filter(None, said)), ""
        with self.lock:
            peers = list(self.seen[name])
        asked = " and ".join(sorted({self.whose(who, peer) for peer in peers}))
        return (SERVED if len(peers) == 1 else CLUSTER_DNS), f"{len(peers)} × from {asked}"

    def rows(self, column):
        print(f"  {'':5} {'who asks':9}{'server':14}{'by':5}{'expected':17}{'measured':17}"
              "the cluster's servers saw")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            measured = list(pool.map(lambda row: self.outcome(*row[:3]), ROWS))
        for row, (found, saw) in zip(ROWS, measured):
            expected = row[column]
            self.demo.expect(found == expected, f"{row[0]:9}{row[1]:14}{row[2]:5}{expected:17}"
                             f"{found:17}{saw or 'nothing'}")
            print(self.colour("2", f"{'':59}{row[5]}"))

    # Scenes

    def up(self):
        self.heading("DNS: podsg-dnscache starts beside podsg-nft-sync; a name is asked for twice")
        print(f"        answers {self.start():.0f} ms after its start")
        self.forbid_dns()
        self.rows(3)
        print(f"        the refusal says: {self.said}")
        self.counted()

    def forbid_dns(self):
        """api's group loses its rules for port 53."""
        served = self.outcome("api", CLUSTER, "udp")[0]
        self.demo.expect(served == SERVED, "api may ask the cluster's DNS, so the cache serves it")
        path = os.path.join(self.daemon.documents, "security-groups.json")
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        group = next(g for g in document["SecurityGroups"] if g["GroupName"] == "shop-api")
        group["IpPermissionsEgress"] = [p for p in group["IpPermissionsEgress"]
                                        if p.get("FromPort") != dns.PORT]
        with open(path + ".tmp", "w", encoding="utf-8") as file:
            json.dump(document, file, indent=4)
        os.rename(path + ".tmp", path)
        begin = time.monotonic()
        with contextlib.suppress(tap.Failure):
            tap.wait_for(lambda: self.outcome("api", CLUSTER, "udp")[0] == REFUSED, "", 5)
        took = (time.monotonic() - begin) * 1000
        self.demo.expect(took < 5000, f"its group loses tcp/53 and udp/53: refused after {took:.0f} ms")

    def counted(self):
        _, page = scrape.page(self.node.name("node"), METRICS_PORT, "/metrics")
        pod = f'pod="shop/{self.demo.namespace("api")}"'
        line = next((line for line in page.splitlines()
                     if line.startswith("podsg_dns_refused_total") and pod in line), "")
        self.demo.expect(line and float(line.split()[-1]) > 0,
                         line or "the refusals are not counted")

    def killed(self):
        self.heading("DNS: kill -9, and asked at once")
        begin = time.monotonic()
        self.end(signal.SIGKILL)
        first = self.ask("agent", CLUSTER, "udp", "first.cluster.local")
        took = (time.monotonic() - begin) * 1000
        self.demo.expect(not first, f"the first query is answered, {took:.1f} ms after the signal")
        self.rows(4)

    def stopped(self):
        self.heading("DNS: started again and stopped")
        took = self.start()
        self.demo.expect(self.outcome("web", LOCAL, "udp")[0] == SERVED,
                         f"served again by the cache, {took:.0f} ms after its start")
        status = self.end(signal.SIGTERM)
        tables = self.node.run("nft", "list", "tables").stdout
        links = self.node.run("ip", "-o", "link").stdout
        left = [name for name, text in (("podsg-dns", tables), ("nodelocaldns", links))
                if name in text]
        self.demo.expect(status == 0 and not left, "stopped: of interface, addresses and tables "
                         f"{'nothing' if not left else ', '.join(left)} is left behind")
        for who in ("web", "ledger"):
            self.demo.expect(self.outcome(who, CLUSTER, "udp")[0] == CLUSTER_DNS,
                             f"{who} asks the cluster's DNS as if nobody had been here")
