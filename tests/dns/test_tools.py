#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""
podsg-dnscache between other people's programs: the test server ldns-testns behind it, dig and kdig
in front, the Corefile of packaging/examples, and a kube-dns ConfigMap that changes.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import place
from place import check
from lab import tap
from lab.tap import equal, wait_for
from upstream import says

TOOLS = ("ldns-testns", "dig", "kdig")
SCRIPT = """\
$ORIGIN tools.test.
$TTL 300
ENTRY_BEGIN
MATCH opcode qtype qname
ADJUST copy_id
REPLY QR AA RD RA NOERROR
SECTION QUESTION
www IN A
SECTION ANSWER
www IN A 192.0.2.10
www IN A 192.0.2.11
ENTRY_END
ENTRY_BEGIN
MATCH opcode qtype qname
ADJUST copy_id
REPLY QR AA RD RA NXDOMAIN
SECTION QUESTION
none IN A
SECTION AUTHORITY
@ IN SOA ns hostmaster 1 3600 900 86400 60
ENTRY_END
ENTRY_BEGIN
MATCH opcode qtype qname UDP
ADJUST copy_id
REPLY QR AA TC RD RA NOERROR
SECTION QUESTION
big IN TXT
ENTRY_END
ENTRY_BEGIN
MATCH opcode qtype qname TCP
ADJUST copy_id
REPLY QR AA RD RA NOERROR
SECTION QUESTION
big IN TXT
SECTION ANSWER
big IN TXT "over TCP"
ENTRY_END
ENTRY_BEGIN
MATCH opcode qtype qname
ADJUST copy_id sleep=1
REPLY QR AA RD RA NOERROR
SECTION QUESTION
slow IN A
SECTION ANSWER
slow IN A 192.0.2.12
ENTRY_END
"""


class Testns:
    """Context manager. It listens at its port everywhere, and answers from 127.0.0.1."""

    def __init__(self, directory, port):
        self.script = os.path.join(directory, "script")
        self.port = port
        self.place = f"127.0.0.1:{port}"
        with open(self.script, "w", encoding="ascii") as file:
            file.write(SCRIPT)

    def __enter__(self):
        self.process = subprocess.Popen(["ldns-testns", "-p", str(self.port), self.script],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False).stdout


def dig(name, kind="A", *words):
    return run("dig", f"@{place.address(1)}", "-p", str(place.PORT), "+tries=1", "+timeout=8", name,
               kind, *words)


def kdig(name, kind="A", *words):
    return run("kdig", f"@{place.address(1)}", "-p", str(place.PORT), "+retry=0", "+timeout=8",
               name, kind, *words)


class Case:
    def __init__(self, daemon):
        self.daemon = daemon

    def plain(self):
        for ask in (dig, kdig):
            text = ask("www.tools.test")
            check("status: NOERROR" in text and "192.0.2.10" in text and "192.0.2.11" in text, text)
            text = ask("none.tools.test")
            check("status: NXDOMAIN" in text and "SOA" in text, text)
            check("WARNING" not in text and "malformed" not in text, text)

    def ttl_counts_down(self):
        def ttl():
            return int(re.search(r"www\.tools\.test\.\s+(\d+)\s+IN\s+A", dig("www.tools.test"))[1])
        first = ttl()
        time.sleep(1.2)
        check(first - 20 <= ttl() < first, "the TTL does not count down")

    def truncated(self):
        text = dig("big.tools.test", "TXT")
        check('"over TCP"' in text, text)

    def slow(self):
        """The server takes a second for each question: it is asked once."""
        before = self.daemon.metric("coredns_forward_requests_total")
        argv = ["dig", f"@{place.address(1)}", "-p", str(place.PORT), "+tries=1", "slow.tools.test"]
        asking = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        for process in asking:
            check("192.0.2.12" in process.communicate(timeout=20)[0], "no answer")
        equal(self.daemon.metric("coredns_forward_requests_total") - before, 1,
              "questions upstream")

    def cookies(self):
        text = dig("www.tools.test", "A", "+cookie")
        check("COOKIE:" in text and "(good)" in text, text)

    def many_on_a_connection(self):
        """kdig keeps a connection open for all of its questions."""
        text = kdig("www.tools.test", "A", "+tcp", "+keepopen", "none.tools.test", "A", "+tcp",
                    "www.tools.test", "A", "+tcp")
        equal((text.count("status: NOERROR"), text.count("status: NXDOMAIN")), (2, 1), text)

    def padding_and_subnet(self):
        text = kdig("www.tools.test", "A", "+padding=64", "+subnet=192.0.2.0/24", "+nsid")
        check("192.0.2.10" in text and "CLIENT-SUBNET" not in text, text)

    def notimp(self):
        check("status: NOTIMP" in dig("www.tools.test", "SOA", "+opcode=notify"), "notify")
        check("status: BADVERS" in dig("www.tools.test", "A", "+edns=1", "+noednsneg"), "EDNS 1")
        check("status: REFUSED" in dig("version.bind", "TXT", "-c", "CH"), "class CH")


CASES = (
    ("dig and kdig are answered", Case.plain),
    ("a TTL counts down", Case.ttl_counts_down),
    ("what is truncated comes whole", Case.truncated),
    ("four at once for a slow answer", Case.slow),
    ("dig believes the cookie", Case.cookies),
    ("kdig asks three times over one connection", Case.many_on_a_connection),
    ("options that end here", Case.padding_and_subnet),
    ("what is refused by its form", Case.notimp),
)


def example(up):
    """With no cluster, and no privileges; only where it listens and whom it asks is ours."""
    path = os.path.join(place.ROOT, "packaging", "examples", "Corefile")
    with open(path, encoding="ascii") as file:
        text = file.read()
    check(subprocess.run([place.PLAIN, "--check", "-conf", path], check=False).returncode == 0,
          "--check says no")
    text = re.sub(r"(?m)^(\s*forward \.).*?( \{)?$", rf"\1 {up.place}\2", text, count=1)
    text = re.sub(r"127\.0\.0\.1\b", place.address(1), text)
    text = re.sub(r"(?m)^(\S+):(\d+) \{", rf"\1:{place.PORT} {{", text)
    with place.Daemon(text) as daemon:
        equal(daemon.client.ask("example.test").data, ["192.0.2.1"], "answer")


def config_map(up, other):
    """kube-dns's stubDomains and upstreamNameservers, as kubelet changes them."""
    corefile = place.block(".", "cache 30", "reload 2s 1s",
                           "forward . __PILLAR__UPSTREAM__SERVERS__")
    daemon = place.Daemon(corefile)
    daemon.write("kube-dns/upstreamNameservers", f'["{up.place}"]')
    daemon.command += ["-localip", place.address(1), "-dns.port", str(place.PORT)]
    with daemon:
        equal(daemon.client.ask("a.corp.test").data, ["192.0.2.1"], "before there is a stub domain")
        daemon.write("kube-dns/stubDomains", f'{{"corp.test": ["{other.place}"]}}')
        wait_for(lambda: daemon.client.ask("b.corp.test").data == ["192.0.2.2"],
                 "the stub domain's server is asked", timeout=30, step=0.5)
        equal(daemon.client.ask("b.elsewhere.test").data, ["192.0.2.1"], "everything else")
        daemon.write("kube-dns/upstreamNameservers", f'["{other.place}"]')
        wait_for(lambda: daemon.client.ask("c.elsewhere.test").data == ["192.0.2.2"],
                 "the other server is asked", timeout=30, step=0.5)
        daemon.write("kube-dns/stubDomains", "{")
        wait_for(lambda: "corefile-refused" in daemon.said, "a broken one is refused", timeout=30)
        equal(daemon.client.ask("d.corp.test").data, ["192.0.2.2"], "the one before")


def flags_that_print():
    for flag, expected in (("-version", "podsg-dnscache "), ("-plugins", "forward"),
                           ("--help", "-localip")):
        done = subprocess.run([place.PLAIN, flag], capture_output=True, text=True, check=False)
        equal(done.returncode, 0, f"{flag}: status")
        check(expected in done.stdout, done.stdout)
    done = subprocess.run([place.PLAIN, "-nonsense"], capture_output=True, text=True, check=False)
    check(done.returncode == 2 and "-nonsense" in done.stderr, done.stderr)


def how_much_is_logged(up):
    """-quiet: warnings and errors; --debug: everything."""
    for flag, expected in (("-quiet", (0, 0)), ("-quiet=false", (1, 0)), ("--debug", (1, 1))):
        with place.Daemon(place.block(".", f"forward . {up.place}"), options=[flag]) as daemon:
            daemon.client.ask("logged.test")
            for level, wanted in zip(("level=info", "level=debug"), expected):
                if wanted:
                    wait_for(lambda: level in daemon.said, f"{flag}: {level}")
            said = daemon.said
        equal(("level=info" in said, "level=debug" in said), expected, flag)


def main():
    program = tap.Program()
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        tap.skip(f"{', '.join(missing)} is missing")
    with tempfile.TemporaryDirectory(prefix="podsg-tools-") as directory, \
            Testns(directory, place.PORT - 10000) as server:
        corefile = place.block(".", "cache 300",
                               f"forward . {server.place}")
        with place.running(program, corefile) as daemon:
            for name, function in CASES:
                program.case(name, function, Case(daemon))
    with place.upstream() as up, place.upstream(3) as other:
        other.default = says("@ 1 A 192.0.2.2")
        up.default = says("@ 1 A 192.0.2.1")
        program.case("the Corefile of packaging/examples", example, up)
        program.case("flags that print", flags_that_print)
        program.case("how much is logged", how_much_is_logged, up)
        program.case("a kube-dns ConfigMap", config_map, up, other)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
