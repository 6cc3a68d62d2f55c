#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
podsg-dnscache under an hour of everything: hits, new names, TCP, reloads, an upstream that goes away
and comes back. Its memory must stay under its ceiling and must not grow. What questions in flight
take comes and goes: the least of the last quarter of the time is compared with that of the second,
when the cache is full.

usage: soak.py            SOAK_SECONDS (3600), SOAK_MEMORY (32, MiB)
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

import place
from place import PLAIN, check, tap

SECONDS = int(os.environ.get("SOAK_SECONDS", "3600"))
MEMORY = int(os.environ.get("SOAK_MEMORY", "32"))
ROUND = 10    # seconds
GROWTH_MAX = 1.0  # MiB
FLOOD = os.path.join(place.BUILD, "bench", "dns_flood")
NAMES = 20000
HOST = place.address(2)

UPSTREAM = """server:
 do-daemonize: no
 username: ""
 chroot: ""
 pidfile: ""
 directory: "{directory}"
 use-syslog: no
 logfile: ""
 interface: {address}@{port}
 access-control: 127.0.0.0/8 allow
 do-ip6: no
 module-config: "iterator"
 local-zone: "example.com." redirect
 local-data: "example.com. 300 IN A 192.0.2.1"
 local-data: "example.com. 300 IN SOA ns.example.com. admin.example.com. 1 3600 900 86400 60"
 local-zone: "example.net." static
 local-data: "example.net. 300 IN SOA ns.example.net. admin.example.net. 1 3600 900 86400 60"
remote-control:
 control-enable: no
"""


def corefile(number):
    """Another one each time, with the same upstream."""
    return place.block(".", "cache {", f"success 9984 {300 + number % 2}", "serve_stale 1h",
                       "prefetch 2 1m 20%", "}", "errors", f"forward . {HOST}:{place.PORT}")


class Upstream:
    def __init__(self, directory):
        self.config = os.path.join(directory, "upstream.conf")
        with open(self.config, "w") as file:
            file.write(UPSTREAM.format(directory=directory, address=HOST, port=place.PORT))
        self.process = None

    def start(self):
        self.process = subprocess.Popen(["unbound", "-d", "-c", self.config],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.kill()
        self.process.wait()


def write_names(directory):
    path = os.path.join(directory, "names")
    with open(path, "w") as file:
        for i in range(NAMES):
            domain = "example.com" if i % 4 else "example.net"
            file.write(f"service-{i}.namespace.{domain} {'AAAA' if i % 3 == 0 else 'A'}\n")
    return path


def flood(names, seed):
    """Returns how many queries were answered."""
    done = subprocess.run(
        [FLOOD, "-t", str(ROUND - 2), "-r", "4000", "-b", "32", "-z", "-u", "20", "-d",
         "example.com", "-S", str(seed), place.address(1), str(place.PORT), names],
        capture_output=True, text=True, timeout=ROUND * 6, check=False)
    check(done.returncode == 0, done.stderr)
    return done.stdout


def disturb(daemon, upstream, number):
    """Something else every round."""
    if number % 3 == 0:
        daemon.reload(corefile(number))
    if number % 5 == 1:
        upstream.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        upstream.process.send_signal(signal.SIGCONT)
    if number % 7 == 2:
        upstream.stop()
        time.sleep(1)
        upstream.start()
    for i in range(20):
        daemon.client.ask(f"tcp-{number}-{i}.example.com", tcp=True)


def soak(daemon, upstream, names):
    began = time.monotonic()
    number, least = 0, [float("inf")] * 4
    while time.monotonic() - began < SECONDS:
        said = flood(names, number)
        disturb(daemon, upstream, number)
        passed, resident = time.monotonic() - began, daemon.rss()
        if number % 6 == 0:
            tap.note(f"{passed:6.0f} s: {resident:.1f} MiB; {said.strip()[:120]}")
        check(resident < MEMORY, f"{resident:.1f} MiB resident, the ceiling is {MEMORY}")
        quarter = min(3, int(4 * passed / SECONDS))
        least[quarter] = min(least[quarter], resident)
        number += 1
    tap.note(f"least MiB by quarters: {', '.join(f'{mib:.1f}' for mib in least)}; "
             f"{daemon.cpu():.0f} s of CPU")
    check(least[3] - least[1] < GROWTH_MAX, "it grows")


def main():
    report = tap.Program()
    with tempfile.TemporaryDirectory(prefix="podsg-soak-") as directory:
        names = write_names(directory)
        upstream = Upstream(directory)
        upstream.start()
        try:
            with place.running(report, corefile(0), workers=2, config=f"memory: {MEMORY}MiB",
                               program=PLAIN) as daemon:
                report.case(f"memory stays flat for {SECONDS} seconds", soak, daemon, upstream,
                            names)
        finally:
            upstream.stop()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
