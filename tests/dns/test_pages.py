#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""What podsg-dnscache tells of itself over HTTP: metrics, health, readiness."""

import contextlib
import ctypes
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

import place
from place import check, query
from lab import tap
from lab.tap import equal, wait_for
from upstream import denies, says

HEALTH_PORT = place.PORT + 10001
READY_PORT = place.PORT + 10002
OWN_PORT = place.PORT + 10003
SERVER = f"dns://{place.address(1)}:{place.PORT}"

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WAIT_ALL = 0x40000000  # __WALL: of threads, too


class Stopped:
    """Context manager: a thread of a child process of ours does not run."""

    libc = ctypes.CDLL(None, use_errno=True)

    def __init__(self, thread):
        self.thread = thread

    def ptrace(self, request):
        null = ctypes.c_void_p(0)
        if self.libc.ptrace(request, self.thread, null, null) < 0:
            raise OSError(ctypes.get_errno(), f"ptrace request {request:#x}")

    def __enter__(self):
        self.ptrace(PTRACE_SEIZE)
        self.ptrace(PTRACE_INTERRUPT)
        os.waitpid(self.thread, WAIT_ALL)

    def __exit__(self, *_):
        try:
            self.ptrace(PTRACE_DETACH)
        except OSError:
            # It has been killed, and its process cannot end before we have seen that.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.thread, WAIT_ALL)


def threads_of(daemon):
    """All but the main one; workers have been made first."""
    threads = sorted(map(int, os.listdir(f"/proc/{daemon.process.pid}/task")))
    threads.remove(daemon.process.pid)
    return threads


class Case:
    def __init__(self, up, daemon):
        self.up = up
        self.daemon = daemon
        self.client = daemon.client

    def metric(self, name, **labels):
        return self.daemon.metric(name, **labels)

    def known_sequence(self):
        """In a zone of its own."""
        self.up.on("no.counted", denies(300, 300))
        self.up.on("bad.counted", says(rcode="SERVFAIL"))
        for _ in range(3):
            self.client.ask("yes.counted")
        self.client.ask("yes.counted", "AAAA", dnssec=True)
        self.client.ask("yes.counted", tcp=True)
        self.client.ask("no.counted", "MX")
        self.client.ask("no.counted", "MX")
        self.client.ask("bad.counted", "TXT")
        zone = {"server": SERVER, "zone": "counted."}
        zones = {"server": SERVER, "zones": "counted."}

        def requests(**labels):
            return self.metric("coredns_dns_requests_total", **zone, **labels)

        def responses(**labels):
            return self.metric("coredns_dns_responses_total", **zone, **labels)
        expected = {
            "requests": (requests(), 8),
            "A over UDP": (requests(type="A", proto="udp", family="1"), 3),
            "A over TCP": (requests(type="A", proto="tcp"), 1),
            "AAAA": (requests(type="AAAA"), 1),
            "MX": (requests(type="MX"), 2),
            "DO": (self.metric("coredns_dns_do_requests_total", **zone), 1),
            "NOERROR": (responses(rcode="NOERROR"), 5),
            "NXDOMAIN": (responses(rcode="NXDOMAIN"), 2),
            "SERVFAIL": (responses(rcode="SERVFAIL"), 1),
            "from the cache": (responses(plugin="cache"), 4),
            "durations": (self.metric("coredns_dns_request_duration_seconds_count", **zone), 8),
            "sizes of queries": (self.metric("coredns_dns_request_size_bytes_count", **zone), 8),
            "sizes of answers": (self.metric("coredns_dns_response_size_bytes_count", **zone), 8),
            "hits": (self.metric("coredns_cache_hits_total", type="success", **zones), 3),
            "denial hits": (self.metric("coredns_cache_hits_total", type="denial", **zones), 1),
            "misses": (self.metric("coredns_cache_misses_total", **zones), 4),
            "cache requests": (self.metric("coredns_cache_requests_total", **zones), 8),
        }
        for what, (measured, wanted) in expected.items():
            equal(measured, wanted, what)

    def dropped(self):
        """What CoreDNS refuses before it looks for a zone, or finds none."""
        here, there = SERVER, SERVER.replace(place.address(1), place.address(5))
        page = self.daemon.get("/metrics")[1]
        check('zone="dropped"' not in page, "before there was one")
        equal(self.client.ask("version.bind", "TXT", klass="CH").rcode, "REFUSED", "another class")
        elsewhere = place.Client(place.address(5))
        for tcp in (False, True):
            equal(elsewhere.ask("x.elsewhere", "MX", tcp=tcp).rcode, "REFUSED", "another zone")
        for server, times, kind in ((here, 1, "TXT"), (there, 2, "MX")):
            zone = {"server": server, "zone": "dropped"}
            equal(self.metric("coredns_dns_requests_total", type=kind, **zone), times, "requests")
            equal(self.metric("coredns_dns_responses_total", rcode="REFUSED", **zone), times,
                  "responses")
            equal(self.metric("coredns_dns_request_duration_seconds_count", **zone), times,
                  "durations")
        check('zones="dropped"' not in self.daemon.get("/metrics")[1], "the cache's")

    def upstreams(self):
        to = {"to": self.up.place}
        asked = len(self.up.questions())
        equal(self.metric("coredns_forward_requests_total", **to), asked, "by the legacy name")
        equal(self.metric("coredns_proxy_request_duration_seconds_count", proxy_name="forward",
                          **to), asked, "by the new one")
        equal(self.metric("coredns_proxy_request_duration_seconds_count", rcode="SERVFAIL", **to),
              1, "SERVFAIL")

    def malformed(self):
        before = self.metric("podsg_dns_malformed_total"), self.metric("podsg_dns_dropped_total")
        self.client.send(query("x.test").to_wire() + b"!")
        with self.client.socket() as made:
            made.send(b"runt")
        wait_for(lambda: self.metric("podsg_dns_dropped_total") == before[1] + 1, "a runt counted")
        equal(self.metric("podsg_dns_malformed_total"), before[0] + 1, "malformed ones")

    def promtool(self):
        if not shutil.which("promtool"):
            tap.note("promtool is missing: the page's form is not looked at")
            return
        done = subprocess.run(["promtool", "check", "metrics"], capture_output=True, text=True,
                              input=self.daemon.get("/metrics")[1], check=False)
        # Names are CoreDNS's, some of which promtool would have otherwise: 3 is about these.
        check(done.returncode in (0, 3), done.stdout + done.stderr)
        errors = [line for line in (done.stdout + done.stderr).splitlines() if "error" in line]
        equal(errors, [], "errors")

    def dashboards(self):
        page = self.daemon.get("/metrics")[1]
        for name in ("coredns_build_info", "coredns_panics_total", "coredns_plugin_enabled",
                     "coredns_dns_requests_total", "coredns_dns_request_duration_seconds_bucket",
                     "coredns_cache_entries", "coredns_cache_evictions_total",
                     "coredns_forward_healthcheck_broken_total",
                     "coredns_forward_max_concurrent_rejects_total",
                     "coredns_proxy_healthcheck_failures_total",
                     "coredns_health_request_failures_total", "coredns_reload_failed_total",
                     "coredns_nodecache_setup_errors_total", "coredns_forward_responses_total",
                     "coredns_dns_responses_total", "coredns_dns_request_size_bytes_bucket",
                     "coredns_dns_response_size_bytes_bucket", "coredns_dns_do_requests_total",
                     "coredns_cache_hits_total", "coredns_cache_misses_total",
                     "coredns_cache_requests_total", "coredns_cache_prefetch_total",
                     "coredns_cache_drops_total", "coredns_cache_served_stale_total",
                     "coredns_proxy_request_duration_seconds_bucket",
                     "coredns_proxy_conn_cache_hits_total",
                     "coredns_proxy_conn_cache_misses_total",
                     "coredns_health_request_duration_seconds_bucket",
                     "coredns_reload_version_info", "coredns_hosts_entries",
                     "coredns_hosts_reload_timestamp_seconds",
                     "coredns_dns64_requests_translated_total", "go_goroutines",
                     "coredns_forward_requests_total",
                     "coredns_forward_request_duration_seconds_bucket",
                     "coredns_forward_healthcheck_failures_total",
                     "podsg_dns_refused_total", "podsg_dns_coalesced_total",
                     "podsg_dns_receive_queue_drops_total", "podsg_dns_cache_bytes",
                     "podsg_dns_upstream_timeouts_total", "podsg_dns_log_lines_lost_total",
                     "process_resident_memory_bytes", "process_cpu_seconds_total"):
            check(f"\n{name}" in page, f"{name} is not on the page")

    def health_duration(self):
        """A second a probe of each address; an answer takes far less."""
        name = "coredns_health_request_duration_seconds"
        wait_for(lambda: self.metric(name + "_count") >= 2, "probes are counted", timeout=place.PATIENCE)
        count, quick = (self.metric(name + "_count"),
                        self.metric(name + "_bucket", le="0.25"))
        check(quick > 0 and count >= quick, f"{quick} of {count} in 0.25 s")

    def pages(self):
        equal(self.daemon.get("/metrics", OWN_PORT)[0], 200, "`prometheus`'s own address")
        equal(self.daemon.get("/health", HEALTH_PORT), (200, "OK"), "/health")
        equal(self.daemon.get("/ready", READY_PORT)[0], 200, "/ready")
        equal(self.daemon.get("/nothing", HEALTH_PORT)[0], 404, "another path")

    def worker_stands(self):
        """/health is about answers, not about a port that is open."""
        health = "/health", HEALTH_PORT
        with Stopped(threads_of(self.daemon)[0]):
            wait_for(lambda: "worker 0" in self.daemon.get(*health)[1], "it is said", timeout=20)
            equal(self.daemon.get(*health)[0], 503, "status")
        wait_for(lambda: self.daemon.get(*health)[0] == 200, "it is well again", timeout=20)
        equal(self.client.ask("well.test").rcode, "NOERROR", "rcode")


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def stuck_for_good(up):
    """Another process does better than one that does not answer: it ends."""
    corefile = place.block(".", f"forward . {up.place}")
    daemon = place.Daemon(corefile, preexec=no_core, program=place.PLAIN)
    daemon.start()
    try:
        with Stopped(threads_of(daemon)[0]):
            # A process does not end before all of its threads have.
            wait_for(lambda: "event=stuck" in daemon.said, "it gives up", timeout=30)
        equal(daemon.process.wait(10), -signal.SIGABRT, "exit status")
    finally:
        daemon.process.kill()
        daemon.process.wait()
        daemon.directory.cleanup()


def there_when_ready(up):
    """There is no room in the manager's queue but for what goes to its store: the daemon comes no
    further than to saying that it is ready."""
    daemon = place.Daemon(place.block(".", f"forward . {up.place}"))
    told = ("a former cache goes", "cache", "udp", "tcp")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as queue, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        queue.bind(daemon.path("notify"))
        queue.settimeout(place.PATIENCE)
        other.setblocking(False)
        filled = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                other.sendto(b"STATUS=another", daemon.path("notify"))
                filled += 1
        for _ in told:
            queue.recv(64)
        daemon.preexec = lambda: os.environ.update(NOTIFY_SOCKET=daemon.path("notify"))
        with daemon:
            place.Client(port=place.PORT + 10000).connect().close()
            for _ in range(filled - len(told)):
                queue.recv(64)
            said = [queue.recv(4096) for _ in (*told, "ready")]
            check(all(b"FDSTORE" in message for message in said[:-1]), said)
            equal(said[-1], b"READY=1", "what it waited for to say")
            queue.close()


def legacy(up):
    corefile = place.block(".", "cache", f"forward . {up.place}")
    with place.Daemon(corefile, options=["--legacy-metrics"]) as daemon:
        for _ in range(2):
            daemon.client.ask("legacy.test")
        equal(daemon.metric("coredns_dns_request_count_total"), 2, "requests")
        equal(daemon.metric("coredns_dns_request_type_count_total", type="A"), 2, "by type")
        equal(daemon.metric("coredns_dns_response_rcode_count_total", rcode="NOERROR"), 2, "rcode")
        equal(daemon.metric("coredns_cache_size", type="success"), 1, "cache")
        equal(daemon.metric("coredns_forward_request_count_total"), 1, "upstream")
    with place.Daemon(corefile) as daemon:
        check("dns_request_count_total" not in daemon.get("/metrics")[1], "there without the flag")


def slow_scraper(up):
    """Who opens connections to the page and says nothing keeps nobody."""
    with place.Daemon(place.block(".", f"forward . {up.place}")) as daemon:
        with contextlib.ExitStack() as stack:
            scraper = place.Client(port=place.PORT + 10000)
            for _ in range(50):
                stack.enter_context(scraper.connect()).sendall(b"GET /met")
            began = time.monotonic()
            equal(daemon.client.ask("scraped.test").rcode, "NOERROR", "rcode")
            check(time.monotonic() - began < 5, "it took long")


CASES = (
    ("queries of no zone have a zone of their own on the page", Case.dropped),
    ("the numbers after a known sequence", Case.known_sequence),
    ("upstreams are counted by address", Case.upstreams),
    ("what is malformed and what is dropped is counted", Case.malformed),
    ("promtool reads the page", Case.promtool),
    ("dashboards of CoreDNS find their names", Case.dashboards),
    ("how long it takes to answer itself", Case.health_duration),
    ("health, readiness and metrics are where the Corefile says", Case.pages),
    ("/health turns to 503 when a worker stands still, and back", Case.worker_stands),
)


def main():
    program = tap.Program()
    with place.upstream() as up:
        own = place.address(1)
        corefile = (place.block(".", "cache 300", f"health {own}:{HEALTH_PORT}",
                                f"ready {own}:{READY_PORT}", f"prometheus {own}:{OWN_PORT}",
                                f"forward . {up.place}")
                    + place.block("counted", "cache 300", f"forward . {up.place}")
                    + place.block("only", "cache 300", f"forward . {up.place}",
                                  bind=place.address(5)))
        with place.running(program, corefile, workers=2) as daemon:
            for name, function in CASES:
                program.case(name, function, Case(up, daemon))
        program.case("a worker that never comes back ends the process", stuck_for_good, up)
        program.case("the pages are there when it says that it is ready", there_when_ready, up)
        program.case("the oldest names of metrics, if wanted", legacy, up)
        program.case("a slow scraper keeps nobody", slow_scraper, up)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
