# SPDX-License-Identifier: GPL-2.0-or-later
"""The servers that are compared: one thread each that serves, one upstream for all of them."""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

from lab import daemon, netns

ADDRESS = "127.0.0.1"
UPSTREAM_PORT = 5399
SERVER_CPU, CLIENT_CPU = 0, 1
PRIORITY = -20
PODSG = os.path.join(daemon.BUILD, "podsg-dnscache")
READY_SECONDS = 10
PROBE = "ready.example.com"

# Answers for all names below these, so that no list of names is long enough to slow it down.
WILDCARDS = ("example.com", "example.net", "example.org")
CLUSTER = "cluster.local"


def query(name, identity=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", identity, 0x100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, 1, 1)


def client_command(argv):
    return ["nice", "-n", str(PRIORITY), "taskset", "-c", str(CLIENT_CPU), *argv]


@contextlib.contextmanager
def undisturbed():
    """What else runs on the machine has less of the CPU meanwhile. Niceness alone is not enough
    where each session is a group to the scheduler."""
    group = "/proc/self/autogroup"
    try:
        with open(group, "r+", encoding="ascii") as file:
            before = file.read().split()[-1]
            file.write(str(PRIORITY))
    except OSError:
        before = None
    try:
        yield
    finally:
        if before:
            with open(group, "w", encoding="ascii") as file:
                file.write(before)


@contextlib.contextmanager
def prompt():
    """This program itself, where it is what measures, has the servers' priority."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


def answers(namespace, port, name=PROBE):
    """Whether a query gets an answer without an error."""
    with netns.make_socket(namespace, socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        client.connect((ADDRESS, port))
        try:
            client.send(query(name))
            return client.recv(4096)[3] & 15 == 0
        except OSError:
            return False


class Server:
    """One that runs in a namespace from start() to stop(), on a port and with a directory of its
    own. What a class needs: a name, a program, argv(), and configuration() if it reads one."""

    name = ""
    program = ""
    cpu = SERVER_CPU

    def __init__(self, namespace, directory, port, tools):
        self.namespace = namespace
        self.directory = os.path.join(directory, f"{type(self).__name__.lower()}-{port}")
        os.makedirs(self.directory, exist_ok=True)
        self.port = port
        self.tools = tools
        self.process = None

    @classmethod
    def missing(cls):
        return None if shutil.which(cls.program) else f"{cls.program} is not installed"

    def path(self, name):
        return os.path.join(self.directory, name)

    def configuration(self):
        return ""

    def argv(self):
        raise NotImplementedError

    def spawn(self):
        """The program itself, not yet answering; with nothing in between that takes time."""
        with open(self.path("config"), "w", encoding="utf-8") as file:
            file.write(self.configuration())
        with open(self.path("log"), "ab") as log, netns.entered(self.namespace):
            self.process = subprocess.Popen(
                self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.directory, preexec_fn=self._settle)

    def _settle(self):
        netns.die_with_parent()
        os.sched_setaffinity(0, {self.cpu})
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)

    def start(self):
        self.spawn()
        end = time.monotonic() + READY_SECONDS
        while not answers(self.namespace, self.port):
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f"{self.name} does not answer; {self.path('log')} says:\n"
                                   + self.log())
            time.sleep(0.05)
        return self

    def log(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    @property
    def pid(self):
        return self.process.pid


class Echo(Server):
    name = "bare echo"

    @classmethod
    def missing(cls):
        return None

    def argv(self):
        return [self.tools["dns_echo"], ADDRESS, str(self.port)]


class Podsg(Server):
    name = "podsg-dnscache"

    @classmethod
    def missing(cls):
        return None if os.access(PODSG, os.X_OK) else "podsg-dnscache is not built"

    def configuration(self):
        return (f".:{self.port} {{\n bind {ADDRESS}\n"
                " cache {\n  success 9984 3600 0\n  denial 9984 1800 0\n }\n"
                f" forward . {ADDRESS}:{UPSTREAM_PORT}\n}}\n")

    def argv(self):
        return [PODSG, "--workers", "1", "-conf", self.path("config"), "-setupinterface=false",
                "-setupiptables=false", "-metrics-listen-address", f"{ADDRESS}:{self.port + 1000}"]


UNBOUND = """server:
 do-daemonize: no
 username: ""
 chroot: ""
 pidfile: ""
 directory: "{directory}"
 use-syslog: no
 logfile: ""
 interface: {address}@{port}
 num-threads: 1
 so-reuseport: yes
 access-control: 127.0.0.0/8 allow
 do-not-query-localhost: no
 do-ip6: no
 module-config: "iterator"
"""


class Unbound(Server):
    name = "unbound"
    program = "unbound"

    def configuration(self):
        return (UNBOUND.format(directory=self.directory, address=ADDRESS, port=self.port)
                + " msg-cache-size: 64m\n rrset-cache-size: 128m\n"
                "remote-control:\n control-enable: no\n"
                f"forward-zone:\n name: \".\"\n forward-addr: {ADDRESS}@{UPSTREAM_PORT}\n")

    def argv(self):
        return ["unbound", "-d", "-c", self.path("config")]


class Upstream(Unbound):
    """Answers from what it is told here, so that it costs little."""

    name = "upstream"
    cpu = CLIENT_CPU
    services = ()

    def configuration(self):
        soa = "3600 IN SOA ns.example. admin.example. 1 3600 900 86400 1800"
        lines = []
        for zone in WILDCARDS:
            lines += [f'local-zone: "{zone}." redirect', f'local-data: "{zone}. {soa}"',
                      f'local-data: "{zone}. 3600 IN A 192.0.2.1"',
                      f'local-data: "{zone}. 3600 IN AAAA 2001:db8::1"']
        lines += [f'local-zone: "{CLUSTER}." static', f'local-data: "{CLUSTER}. {soa}"']
        for service in self.services:
            lines += [f'local-data: "{service}. 3600 IN A 10.96.0.1"',
                      f'local-data: "{service}. 3600 IN AAAA fd00::1"']
        return (UNBOUND.format(directory=self.directory, address=ADDRESS, port=self.port)
                + "".join(f" {line}\n" for line in lines)
                + "remote-control:\n control-enable: no\n")


class Dnsdist(Server):
    name = "dnsdist"
    program = "dnsdist"

    def configuration(self):
        return (f"setLocal('{ADDRESS}:{self.port}')\nsetSecurityPollSuffix('')\n"
                f"newServer({{address='{ADDRESS}:{UPSTREAM_PORT}', checkName='{PROBE}.'}})\n"
                "getPool(''):setCache(newPacketCache(400000, {maxTTL=3600}))\n")

    def argv(self):
        return ["dnsdist", "--supervised", "--disable-syslog", "-C", self.path("config")]


class KnotResolver(Server):
    name = "knot-resolver"
    program = "kresd"

    def configuration(self):
        return (f"net.listen('{ADDRESS}', {self.port}, {{kind = 'dns'}})\n"
                "cache.size = 200 * MB\ntrust_anchors.remove('.')\n"
                f"policy.add(policy.all(policy.STUB('{ADDRESS}@{UPSTREAM_PORT}')))\n")

    def argv(self):
        return ["kresd", "-n", "-q", "-c", self.path("config"), self.directory]


class Dnsmasq(Server):
    name = "dnsmasq"
    program = "dnsmasq"

    def argv(self):
        return ["dnsmasq", "-k", "-C", "/dev/null", "-u", "root", "-x", "", "-p", str(self.port),
                "-a", ADDRESS, "--bind-interfaces", "-R", "-h", "-S",
                f"{ADDRESS}#{UPSTREAM_PORT}", "-c", "200000"]


PEERS = (Unbound, Dnsdist, KnotResolver, Dnsmasq)


@contextlib.contextmanager
def running(servers):
    """All of them, until the block ends."""
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in reversed(servers):
            server.stop()
