# SPDX-License-Identifier: GPL-2.0-or-later
"""Start of the daemon and changes of documents, on a node with a large cluster's documents."""

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import time

import cluster
from lab import documents, netns, tap
from lab.daemon import Daemon
from lab.node import Network
from measure import Row, cpu_seconds, judged, median, memory, percentile, quartiles

COLD_STARTS = 5
RESTARTS = 3
MEMBERS = 250
REPLACEMENTS = 120
PAGES = 20
IDLE_SECONDS = 12.0
START_TIMEOUT = 60.0
CHANGE_TIMEOUT = 5.0
MESSAGES_MAX = 3
COLD_START_MAX = 1.5
RESIDENT_MAX = 64
MEMBER_MAX = 10
REPLACEMENT_MAX = 50

COMMITTED = re.compile(r"event=committed generation=(\d+) messages=(\d+) bytes=(\d+) "
                       r"added=(\d+) deleted=(\d+).* milliseconds=([\d.]+)")


class Bench:
    """A node's own namespace with the links that its pods' interfaces need, and nothing else."""

    def __init__(self, pods):
        self.pods = pods
        self.network = Network()
        self.prefix = netns.own_prefix("bench")

    def name(self, who):
        return f"{self.prefix}-{who}"

    def __enter__(self):
        netns.cleanup()
        netns.ip_batch([f"netns add {self.name('node')}"])
        try:
            netns.sysctls(self.name("node"), {"net.ipv6.conf.default.accept_dad": 0})
            netns.ip_batch(self._links(), self.name("node"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        netns.delete([self.name("node")])

    def _links(self):
        lines = ["link set lo up", "link add eth0 type veth peer name fabric0",
                 "link set eth0 up", "link set fabric0 up",
                 f"address add {cluster.NODE_ADDRESS}/24 dev eth0",
                 "route add default via 10.0.0.1"]
        for index, pod in enumerate(self.pods):
            lines += [f"link add {pod.interface} type veth peer name pod{index}",
                      f"link add {pod.device} type veth peer name trunk{index}"]
        return lines


class Lines:
    """What a process writes, line by line, as soon as it is there."""

    def __init__(self, fd):
        self.fd = fd
        self.rest = b""

    def next(self, timeout):
        end = time.monotonic() + timeout
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return None
            data = os.read(self.fd, 65536)
            if not data:
                return None
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode(errors="replace")

    def find(self, pattern, timeout=CHANGE_TIMEOUT):
        """The match of the first line that has one."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            line = self.next(left)
            if line is None:
                break
            found = re.search(pattern, line)
            if found:
                return found
        raise tap.Failure(f"not within {timeout:g} s: a line with {pattern}")

    def skip(self):
        while self.next(0.0) is not None:
            continue


class LoggedDaemon(Daemon):
    """Its log is a pipe, so that a line is known when it is written."""

    def __enter__(self):
        super().__enter__()
        self.log.close()
        end, self.log = os.pipe()
        self.lines = Lines(end)
        self.log = os.fdopen(self.log, "wb")
        return self

    def __exit__(self, *reason):
        super().__exit__(*reason)
        os.close(self.lines.fd)

    def in_force(self):
        self.lines.find("event=running", START_TIMEOUT)
        return True

    def log_tail(self, lines=20):
        return self.lines.rest.decode(errors="replace")

    def forget(self):
        """The state of a machine on which it never ran."""
        netns.run(["nft", "delete", "table", "inet", "podsg"], name=self.node.name("node"),
                  check=False)
        shutil.rmtree(self.documents + ".good", ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path("branches.json"))


class Listener:
    """The helper that says when the kernel's rule set changed."""

    def __init__(self, node, helper):
        self.process = subprocess.Popen(netns.command_in(node.name("node"), [helper]),
                                        stdout=subprocess.PIPE,
                                        preexec_fn=netns.die_with_parent)
        self.lines = Lines(self.process.stdout.fileno())
        self.lines.find("ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def transaction(self):
        """Nanoseconds on the monotonic clock, elements added, elements deleted."""
        found = self.lines.find(r"^(\d+) \d+ (\d+) (\d+) \d+$")
        return tuple(int(number) for number in found.groups())


class Start:
    def __init__(self, daemon):
        begin = time.monotonic()
        daemon.start()
        self.seconds = time.monotonic() - begin
        self.cpu = cpu_seconds(daemon.process.pid)
        self.peak, self.resident = memory(daemon.process.pid)
        daemon.lines.skip()


def starts(daemon, count, cold):
    found = []
    for _ in range(count):
        daemon.stop()
        if cold:
            daemon.forget()
        found.append(Start(daemon))
    return found


def start_rows(what, found, target):
    seconds = [start.seconds for start in found]
    peak = max(start.peak for start in found)
    noise = f"{len(found)}, {quartiles(seconds)} s"
    text = f"{median(seconds):.2f} s"
    time_row = (judged(f"{what}: until running", median(seconds), text, f"< {target} s", target,
                       noise) if target else Row(f"{what}: until running", text, noise=noise))
    cpu = [start.cpu for start in found]
    return [time_row,
            Row(f"{what}: CPU time of the daemon", f"{median(cpu):.2f} s",
                noise=f"{len(found)}, {quartiles(cpu)} s"),
            judged(f"{what}: peak of resident memory", peak, f"{peak:.1f} MiB",
                   f"< {RESIDENT_MAX} MiB", RESIDENT_MAX, f"highest of {len(found)}")]


def check_complete(daemon):
    """That the kernel holds what was asked for: all interfaces open, all members there."""
    status = daemon.control("status")
    text = str(status)
    tap.check(status["kernel"]["inForce"], f"the rules are not in force: {text}")
    listed = netns.run(["nft", "list", "sets", "inet"], name=daemon.node.name("node")).stdout
    for index in range(cluster.REFERENCED):
        tap.check(cluster.referenced(index) in listed, "a referenced group has no set")
    return status["kernel"]
