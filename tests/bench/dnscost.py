# SPDX-License-Identifier: GPL-2.0-or-later
"""podsg-dnscache beside other caches on one core, the client and the upstream on the other."""

import contextlib
import json
import os
import re
import shutil
import socket
import tempfile
import time

import dns_loads
import dns_servers
from dns_servers import ADDRESS, UPSTREAM_PORT, Echo, Podsg, Unbound, Upstream, client_command
from lab import netns
from measure import Row, cpu_seconds, judged, median, memory, quartiles

FIRST_PORT = 5300
ROUNDS = 15
SECONDS = 0.4
RATE = 20000
ARRIVALS = {"one by one": 1, "32 at once": 32}
STARTS = 10
START_SECONDS = 5
NAMES = 100000
ECHO_RATIO_MAX = 1.25
MISSES_MAX = 7   # on a machine where the bare echo takes ECHO_THEN; more on a slower one
ECHO_THEN = 3.9
START_MAX = 20
MEMORY_MAX = 40
FAILED_MAX = 0.01


class Bench:
    """The servers, what they are asked, and what was found."""

    def __init__(self, namespace, directory, tools):
        self.namespace = namespace
        self.directory = directory
        self.tools = tools
        self.loads = dns_loads.loads(directory)
        self.notes = []
        self.cpu = {}
        self.p99 = {}
        self.seeds = iter(range(1, 1 << 16))

    def server(self, kind, port):
        return kind(self.namespace, self.directory, port, self.tools)

    def servers(self):
        """The upstream first; those that are not installed are left out."""
        kinds = [Echo, Podsg]
        for kind in dns_servers.PEERS:
            reason = kind.missing()
            if reason:
                self.notes.append(reason)
            else:
                kinds.append(kind)
        return [self.server(kind, FIRST_PORT + number) for number, kind in enumerate(kinds)]

    def upstream(self):
        upstream = self.server(Upstream, UPSTREAM_PORT)
        upstream.services = dns_loads.services()
        return upstream

    def flood(self, server, file, *options):
        argv = [self.tools["dns_flood"], "-S", str(next(self.seeds)), *options, ADDRESS,
                str(server.port), file]
        return json.loads(netns.run(client_command(argv), self.namespace).stdout)

    def check(self, server, load, told):
        """A server that answers something else than asked for is not compared in silence."""
        answered = sum(told["rcodes"].values())
        denied = told["rcodes"].get("3", 0)
        failed = answered - denied - told["rcodes"].get("0", 0)
        if failed + told["lost"] > FAILED_MAX * told["sent"]:
            self.notes.append(f"{server.name}, {load.name}: {failed} failures and "
                              f"{told['lost']} lost of {told['sent']}")
        if abs(denied - load.denied * answered) > 0.05 * answered:
            self.notes.append(f"{server.name}, {load.name}: {denied} NXDOMAIN of {answered}")

    def take_cpu(self, server, load):
        before = cpu_seconds(server.pid)
        told = self.flood(server, load.file, "-t", str(SECONDS), *load.options)
        used = cpu_seconds(server.pid) - before
        self.cpu.setdefault((server.name, load.name), []).append(used / told["answered"] * 1e6)
        if not isinstance(server, Echo):
            self.check(server, load, told)

    def take_p99(self, server, arrival):
        told = self.flood(server, self.loads[0].file, "-t", str(SECONDS), "-r", str(RATE),
                          "-b", str(ARRIVALS[arrival]))
        self.p99.setdefault((server.name, arrival), []).append(told["microseconds"]["99"])

    def warm(self, servers):
        """Twice: what was lost the first time is there then."""
        for server in servers:
            if isinstance(server, Echo):
                continue
            for load in self.loads * 2:
                self.flood(server, load.file)

    def compare(self, servers):
        """Those that are compared have their turns right after each other, whatever else the
        machine does; each round in another order."""
        self.warm(servers)
        for number in range(ROUNDS):
            turn = number % len(servers)
            order = servers[turn:] + servers[:turn]
            for load in self.loads:
                for server in order:
                    self.take_cpu(server, load)
            for arrival in ARRIVALS:
                for server in order:
                    self.take_p99(server, arrival)


def first_answer(bench, port):
    """Milliseconds from the program's start to its first answer of the upstream."""
    server = bench.server(Podsg, port)
    with netns.make_socket(bench.namespace, socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((ADDRESS, port))
        client.settimeout(0.001)
        begin = time.monotonic()
        server.spawn()
        try:
            while time.monotonic() - begin < START_SECONDS:
                with contextlib.suppress(OSError):
                    client.send(dns_servers.query(dns_servers.PROBE))
                    if client.recv(4096)[3] & 15 == 0:
                        return (time.monotonic() - begin) * 1e3
        finally:
            server.stop()
    raise RuntimeError(f"no answer of podsg-dnscache in {START_SECONDS} s: {server.log()}")


def resident(bench, kind, port):
    """MiB with NAMES names in the cache, and before."""
    names = dns_loads.hosts(bench.directory, NAMES)
    server = bench.server(kind, port)
    with dns_servers.running([server]):
        before = memory(server.pid)[1]
        for _ in range(2):
            told = bench.flood(server, names)
            bench.check(server, dns_loads.Load(f"{NAMES} names", names), told)
        return memory(server.pid)[1], before


def dnsperf(bench, server):
    """Queries a second with as many in flight, and the mean latency in ms at RATE."""
    if not shutil.which("dnsperf"):
        return None
    argv = client_command(["dnsperf", "-s", ADDRESS, "-p", str(server.port),
                           "-d", bench.loads[0].file, "-l", "2", "-c", "4", "-T", "1"])
    most = netns.run([*argv, "-q", "128"], bench.namespace).stdout
    steady = netns.run([*argv, "-Q", str(RATE)], bench.namespace).stdout
    return (float(re.search(r"Queries per second:\s+([\d.]+)", most).group(1)),
            float(re.search(r"Average Latency \(s\):\s+([\d.]+)", steady).group(1)) * 1e3)


def ratios(bench, load):
    return [mine / echo for mine, echo in zip(bench.cpu[Podsg.name, load.name],
                                              bench.cpu[Echo.name, load.name])]


def cpu_rows(bench):
    cached, unseen, search = bench.loads
    order = [load.name for load in bench.loads]
    limit = MISSES_MAX * max(1, median(bench.cpu[Echo.name, cached.name]) / ECHO_THEN)
    rows = []
    for (server, load), samples in sorted(bench.cpu.items(),
                                          key=lambda item: order.index(item[0][1])):
        what, value = f"{load}: {server}", median(samples)
        noise = f"{len(samples)}, {quartiles(samples)}"
        if server == Podsg.name and load == unseen.name:
            rows.append(judged(what, value, f"{value:.2f}", f"<= {limit:.2f}", limit, noise))
        else:
            rows.append(Row(what, f"{value:.2f}", noise=noise))
    for load in (cached, search):
        shares = ratios(bench, load)
        rows.append(judged(f"{load.name}: podsg-dnscache / bare echo", median(shares),
                           f"{median(shares):.2f}", f"<= {ECHO_RATIO_MAX}", ECHO_RATIO_MAX,
                           f"{len(shares)}, {quartiles(shares)}"))
    return rows


def latency_rows(bench, measured):
    rows = []
    for (server, arrival), samples in sorted(bench.p99.items(),
                                             key=lambda item: list(ARRIVALS).index(item[0][1])):
        value, noise = median(samples), f"{len(samples)}, {quartiles(samples, digits=0)}"
        what, text = f"99th percentile, {arrival}: {server}", f"{value:.0f} µs"
        rival = bench.p99.get((Unbound.name, arrival))
        if server == Podsg.name and rival:
            rows.append(judged(what, value, text, "<= unbound's", median(rival), noise))
        else:
            rows.append(Row(what, text, noise=noise))
    for server, found in measured.items():
        if found:
            rows.append(Row(f"dnsperf: {server}", f"{found[0]:.0f} queries/s, mean "
                            f"{found[1] * 1e3:.0f} µs at {RATE}"))
    return rows


def rest_rows(starts, sizes):
    now, before = sizes[Podsg.name]
    rows = [judged("start to first answer", median(starts), f"{median(starts):.1f} ms",
                   f"< {START_MAX} ms", START_MAX, f"{len(starts)}, {quartiles(starts, ' ms', 1)}"),
            judged(f"resident with {NAMES} names: {Podsg.name}", now,
                   f"{now:.1f} MiB ({before:.1f} without)", f"< {MEMORY_MAX} MiB", MEMORY_MAX)]
    for server, (now, before) in sizes.items():
        if server != Podsg.name:
            rows.append(Row(f"resident with {NAMES} names: {server}",
                            f"{now:.1f} MiB ({before:.1f} without)"))
    return rows


def missing():
    return (Podsg.missing() or Upstream.missing()
            or (None if os.cpu_count() > 1 else "server and client need a core each"))


def measure(tools, table):
    namespace = netns.own_prefix("dns") + "-lo"
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="podsg-bench-"))
        os.chmod(directory, 0o755)
        stack.enter_context(dns_servers.undisturbed())
        netns.run(["ip", "netns", "add", namespace])
        stack.callback(netns.delete, [namespace])
        netns.run(["ip", "-n", namespace, "link", "set", "lo", "up"])
        bench = Bench(namespace, directory, tools)
        stack.enter_context(dns_servers.running([bench.upstream()]))
        servers = bench.servers()
        with dns_servers.running(servers):
            bench.compare(servers)
            measured = {server.name: dnsperf(bench, server) for server in servers
                        if isinstance(server, (Podsg, Unbound))}
        with dns_servers.prompt():
            starts = [first_answer(bench, FIRST_PORT + 100 + number) for number in range(STARTS)]
        sizes = {kind.name: resident(bench, kind, FIRST_PORT + 200)
                 for kind in (Podsg, Unbound) if not kind.missing()}
    table.add("DNS: CPU seconds of the server for a million queries", cpu_rows(bench))
    table.add(f"DNS: latency of cached answers at {RATE} queries/s", latency_rows(bench, measured))
    table.add("DNS: start and memory", rest_rows(starts, sizes))
    if bench.notes:
        table.add("DNS: to bear in mind", [Row(note, "") for note in dict.fromkeys(bench.notes)])
    return {load.name: {server: samples for (server, of), samples in bench.cpu.items()
                        if of == load.name} for load in bench.loads}
