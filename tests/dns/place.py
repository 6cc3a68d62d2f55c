# SPDX-License-Identifier: GPL-2.0-or-later
"""
Where podsg-dnscache runs in these tests: on loopback addresses of the test program's own, with
servers of upstream.py behind it, and a client in front.
"""

import concurrent.futures
import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(1, os.path.join(ROOT, "tests", "netns"))

from lab import tap  # noqa: E402
from lab.tap import check, wait_for  # noqa: E402

try:
    import dns.edns
    import dns.flags
    import dns.message
    import dns.name
    import dns.rcode
    import dns.rdataclass
    import dns.rdatatype
except ImportError:
    tap.skip("python3-dnspython is missing")

from upstream import Upstream  # noqa: E402

UDP_QUEUE = 4 << 20  # bytes; the usual one takes 250 small answers
SO_RCVBUFFORCE = 33
BUILD = os.path.join(ROOT, os.environ.get("B", "build"))
SANITIZED = os.path.join(BUILD, "asan", "podsg-dnscache")
PLAIN = os.path.join(BUILD, "podsg-dnscache")
PATIENCE = 15  # seconds for what takes milliseconds
COMPLAINTS = re.compile(r"Sanitizer|runtime error:")

# Of the program's own: 127.64.0.0/10 by its process number, as is the port.
NET = f"127.{64 + (os.getpid() >> 8 & 63)}.{os.getpid() & 255}."
PORT = 20000 + os.getpid() % 10000


def address(number):
    return NET + str(number)


def upstream(number=2):
    return Upstream(address(number), PORT)


def block(zone=".", *lines, bind=None, port=PORT):
    """A server block. bind: None for the usual address, "" for everywhere."""
    bound = [] if bind == "" else [f"bind {bind or address(1)}"]
    return "\n".join([f"{zone}:{port} {{", *(f"    {line}" for line in [*bound, *lines]), "}", ""])


class Answer:
    """A reply, and when it came."""

    def __init__(self, wire, took):
        self.wire = wire
        self.took = took
        self.message = dns.message.from_wire(wire)

    @property
    def rcode(self):
        return dns.rcode.to_text(self.message.rcode())

    def has(self, flag):
        return bool(self.message.flags & flag)

    def records(self, section="answer"):
        """(owner, TTL, type, data) of each."""
        return [(rrset.name.to_text(), rrset.ttl, dns.rdatatype.to_text(rrset.rdtype),
                 rdata.to_text())
                for rrset in getattr(self.message, section) for rdata in rrset]

    @property
    def data(self):
        return [record[3] for record in self.records()]

    @property
    def ttl(self):
        """Of the one answer."""
        return self.records()[0][1]

    @property
    def ede(self):
        return [int(option.code) for option in self.message.options
                if isinstance(option, dns.edns.EDEOption)]

    @property
    def ede_text(self):
        """Of the one EDE that there is."""
        text, = [option.text for option in self.message.options
                 if isinstance(option, dns.edns.EDEOption)]
        return text

    def option(self, code):
        return [option for option in self.message.options if option.otype == code]


def query(name, kind="A", edns=True, dnssec=False, payload=1232, flags=dns.flags.RD, options=(),
          klass="IN"):
    """A message with a random id."""
    made = dns.message.make_query(name, kind, klass, flags=flags)
    if edns or dnssec or options:
        made.use_edns(0, dns.flags.DO if dnssec else 0, payload, options=list(options))
    return made


def receive_all(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError(f"closed after {len(data)} of {size} bytes")
        data += more
    return data


def receive_framed(connection):
    size, = struct.unpack("!H", receive_all(connection, 2))
    return receive_all(connection, size)


def asked_in(wire):
    """The name in a message's question."""
    return dns.message.from_wire(wire).question[0].name.to_text(omit_final_dot=True)


def framed(wire):
    return struct.pack("!H", len(wire)) + wire


class Client:
    """Asks one server, from a new port each time."""

    def __init__(self, server=None, port=PORT, source=None):
        self.server = server or address(1)
        self.port = port
        self.source = source
        self.family = socket.AF_INET6 if ":" in self.server else socket.AF_INET

    def socket(self, kind=socket.SOCK_DGRAM):
        made = socket.socket(self.family, kind)
        made.settimeout(PATIENCE)
        if self.source:
            made.bind((self.source, 0))
        made.connect((self.server, self.port))
        return made

    def connect(self):
        return self.socket(socket.SOCK_STREAM)

    def send(self, wire, timeout=PATIENCE):
        """The bytes that come back over UDP, or None."""
        with self.socket() as made:
            made.settimeout(timeout)
            made.send(wire)
            try:
                return made.recv(65535)
            except (TimeoutError, ConnectionRefusedError):
                return None

    def burst(self, *queries):
        """Sends all of them before it reads; the answers, in their order."""
        with self.socket() as made:
            for one in queries:
                made.send(one.to_wire())
            replies = [Answer(made.recv(65535), 0) for _ in queries]
        by_id = {answer.message.id: answer for answer in replies}
        return [by_id[one.id] for one in queries]

    def flood(self, wires, pause=0.0, burst=50, patience=8):
        """Sends all of them from one port, and returns what comes back until nothing does."""
        replies = []
        with self.socket() as made:
            with contextlib.suppress(PermissionError):
                made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, UDP_QUEUE)
            made.settimeout(patience)

            def read():
                with contextlib.suppress(TimeoutError):
                    while len(replies) < len(wires):
                        replies.append(made.recv(65535))
            reader = threading.Thread(target=read)
            reader.start()
            for i, wire in enumerate(wires):
                made.send(wire)
                if pause and i % burst == burst - 1:
                    time.sleep(pause)
            reader.join()
        return replies

    def ask(self, name, kind="A", tcp=False, **how):
        wire = query(name, kind, **how).to_wire()
        began = time.monotonic()
        if tcp:
            with self.connect() as connection:
                connection.sendall(framed(wire))
                back = receive_framed(connection)
        else:
            back = self.send(wire)
        took = time.monotonic() - began
        check(back is not None, f"no answer to {name} {kind}")
        check(back[:2] == wire[:2], f"the answer to {name} {kind} has another id")
        return Answer(back, took)


class Daemon:
    """podsg-dnscache with a Corefile; it must end without a complaint of the sanitizers."""

    def __init__(self, corefile, workers=1, config="", options=(), program=SANITIZED, preexec=None):
        self.directory = tempfile.TemporaryDirectory(prefix="podsg-dns-")
        self.corefile = self.path("Corefile")
        os.mkdir(self.path("kube-dns"))
        self.client = Client()
        self.write("Corefile", corefile)
        self.branches = self.path("branches.json")
        self.write("podsg.yaml", f"version: 1\nnftSync: {{branches: {self.branches}}}\n"
                   + (config and f"dns: {{{config}}}\n"))
        self.command = [program, "--config", self.path("podsg.yaml"), "-conf", self.corefile,
                        "-setupinterface=false", "-setupiptables=false", "--workers", str(workers),
                        "-kubednscm", self.path("kube-dns"), "-pidfile", self.path("pid"),
                        "-metrics-listen-address", f"{address(1)}:{PORT + 10000}", *options]
        self.preexec = preexec
        self.process = None
        self.status = None

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def write(self, name, text):
        """As tools write: whole, renamed into place."""
        with open(self.path(name + ".new"), "w") as file:
            file.write(text)
        os.rename(self.path(name + ".new"), self.path(name))

    def read(self, name):
        with open(self.path(name), errors="replace") as file:
            return file.read()

    @property
    def said(self):
        return self.read("stderr")

    @property
    def log(self):
        return self.read("stdout")

    def start(self):
        with open(self.path("stdout"), "ab") as out, open(self.path("stderr"), "ab") as err:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=err, preexec_fn=self.preexec)
        wait_for(self._runs, "podsg-dnscache runs", timeout=30)

    def _runs(self):
        if self.process.poll() is not None:
            raise tap.Failure(f"podsg-dnscache ended at once:\n{self.said}")
        return os.path.exists(self.path("pid"))

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self, corefile):
        """By signal, and waits until it has been read."""
        before = self.said.count("corefile-re")
        self.write("Corefile", corefile)
        self.signal(signal.SIGUSR1)
        wait_for(lambda: self.said.count("corefile-re") > before, "the Corefile is read",
                 timeout=PATIENCE)

    def stop(self):
        """Its exit status."""
        if self.process and self.status is None:
            if self.process.poll() is None:
                self.process.terminate()
            try:
                self.status = self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.status = self.process.wait()
        return self.status

    def rss(self):
        """MiB."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024

    def cpu(self):
        """Seconds."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def get(self, path, port=PORT + 10000):
        """(status, body)."""
        url = f"http://{address(1)}:{port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def samples(self):
        """(name, labels, value) of each; a page that has one twice is refused by Prometheus."""
        seen = set()
        for line in self.get("/metrics")[1].splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if found:
                sample = found[1], found[2] or ""
                check(sample not in seen, f"twice on the page: {line}")
                seen.add(sample)
                yield found[1], dict(re.findall(r'(\w+)="([^"]*)"', sample[1])), float(found[3])

    def metric(self, name, **labels):
        """The sum of the samples that have these labels."""
        return sum(value for found, has, value in self.samples()
                   if found == name and labels.items() <= has.items())

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, *_):
        status = self.stop()
        said = self.said
        complaint = COMPLAINTS.search(said)
        if kind or complaint or status != 0:
            tap.note(said[-8000:])
        self.directory.cleanup()
        if kind is None:
            check(not complaint, "the sanitizers complain")
            check(status == 0, f"exit status {status}")


@contextlib.contextmanager
def running(report, corefile, **how):
    """A daemon for the cases inside; how it ends is one more of them. corefile: or a Daemon."""
    daemon = corefile if isinstance(corefile, Daemon) else Daemon(corefile, **how)
    daemon.__enter__()
    try:
        yield daemon
    except BaseException:
        daemon.__exit__(*sys.exc_info())
        raise
    report.case("podsg-dnscache ends, and the sanitizers have nothing to say",
                daemon.__exit__, None, None, None)


def together(program, cases, *arguments):
    """Cases that mostly wait: all at once, told in their order."""
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        running_cases = [(name, pool.submit(function, *arguments)) for name, function in cases]
        for name, case in running_cases:
            program.case(name, case.result)
