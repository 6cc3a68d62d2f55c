# SPDX-License-Identifier: GPL-2.0-or-later
"""Start of the daemon and changes of documents, on a node with a large cluster's documents."""

import contextlib
import json
import os
import re
import select
import shutil
import subprocess
import time

import cluster
from lab import netns, tap
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
            left = max(0.0, end - time.monotonic())
            if not select.select([self.fd], [], [], left)[0]:
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


def list_set(daemon, name):
    return netns.run(["nft", "list", "set", "inet", "podsg", name],
                     name=daemon.node.name("node")).stdout


def check_complete(daemon):
    """That the kernel, not only the daemon, has every member and every interface."""
    members = cluster.INTERFACES * cluster.GROUPS_PER_INTERFACE // cluster.REFERENCED
    for index in range(cluster.REFERENCED):
        text = list_set(daemon, f"members-{cluster.referenced(index)}-4")
        tap.equal(len(re.findall(r"10\.\d+\.\d+\.\d+", text)), members,
                  f"members of group {index}")
    status = daemon.control("status")
    tap.equal(status["interfaces"]["open"], cluster.PODS, "open interfaces")
    return status["kernel"]


class Change:
    """How long from the document's rename to the kernel's notification, and what the log says."""

    def __init__(self, daemon, listener, document, name):
        temporary = os.path.join(daemon.documents, name + ".tmp")
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(document)
        begin = time.monotonic_ns()
        os.rename(temporary, os.path.join(daemon.documents, name))
        self._finish(begin, daemon, listener)

    def _finish(self, begin, daemon, listener):
        arrived, self.added, self.deleted = listener.transaction()
        self.milliseconds = (arrived - begin) / 1e6
        log = daemon.lines.find(COMMITTED)
        self.messages = int(log.group(2))


class Removal(Change):
    def __init__(self, daemon, listener, name):
        begin = time.monotonic_ns()
        os.unlink(os.path.join(daemon.documents, name))
        self._finish(begin, daemon, listener)


def rest():
    """The daemon writes branches.json and goes to sleep: changes come apart from each other."""
    time.sleep(0.01)


def members(daemon, listener):
    """One member each comes, and later goes."""
    added, removed = [], []
    for index in range(MEMBERS):
        document = json.dumps(cluster.one_member(index), indent=4)
        added.append(Change(daemon, listener, document, f"one-{index}.json"))
        rest()
    for index in range(MEMBERS):
        removed.append(Removal(daemon, listener, f"one-{index}.json"))
        rest()
    tap.check(all((c.added, c.deleted) == (1, 0) for c in added), "not one element was added")
    tap.check(all((c.added, c.deleted) == (0, 1) for c in removed), "not one was deleted")
    return added, removed


def replacements(daemon, listener):
    found = []
    for version in range(1, REPLACEMENTS + 1):
        document = json.dumps(cluster.first_group(version), indent=4)
        found.append(Change(daemon, listener, document, "security-group-first.json"))
        tap.check(found[-1].added > cluster.RULES, "the group's rules were not replaced")
        rest()
    return found


def pages(daemon, listener):
    """As aws writes it: the page of 1,000 interfaces, and one of them has left a group."""
    found = []
    size = cluster.INTERFACES_PER_PAGE
    whole = cluster.member_page(0, size)
    document = json.loads(whole)
    document["NetworkInterfaces"][0]["Groups"].pop()
    texts = (json.dumps(document, indent=4), whole)
    for index in range(PAGES):
        found.append(Change(daemon, listener, texts[index % 2], "network-interfaces-00.json"))
        tap.equal(found[-1].added + found[-1].deleted, 1, "changed elements")
        rest()
    return found


def change_rows(what, changes, target=None):
    times = [change.milliseconds for change in changes]
    tail = percentile(times, 99)
    noise = f"{len(times)}, {quartiles(times)} ms"
    text = f"{tail:.2f} ms"
    last = (judged(f"{what}: p99", tail, text, f"< {target} ms", target, noise) if target
            else Row(f"{what}: p99", text, noise=noise))
    return [Row(f"{what}: p50", f"{median(times):.2f} ms", noise=f"{len(times)}"), last]


def message_row(added, removed):
    most = max(change.messages for change in added + removed)
    return judged("one member: netlink messages besides the frame", most, f"{most}",
                  f"<= {MESSAGES_MAX}", MESSAGES_MAX, f"most of {len(added + removed)}")


def idle_rows(daemon):
    pid = daemon.process.pid
    before = cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    used = (cpu_seconds(pid) - before) / IDLE_SECONDS
    peak, resident = memory(pid)
    return [Row("idle: CPU", f"{100 * used:.2f} %", noise=f"over {IDLE_SECONDS:.0f} s"),
            Row("idle: resident memory", f"{resident:.1f} MiB"),
            judged("peak of resident memory, all changes included", peak, f"{peak:.1f} MiB",
                   f"< {RESIDENT_MAX} MiB", RESIDENT_MAX)]


def size_rows(kernel, directory):
    size = sum(entry.stat().st_size for entry in os.scandir(directory))
    return [Row("documents", f"{size / 1e6:.0f} MB in {len(os.listdir(directory))} files"),
            Row("rule sets, elements", f"{kernel['ruleSets']}, {kernel['elements']}"),
            Row("first batch", f"{kernel['lastCommit']['messages']} messages, "
                f"{kernel['lastCommit']['bytes'] / 1e6:.1f} MB")]


def measure(helper, table):
    """Returns the latencies in ms and the limit of each kind of change, for the plot."""
    all_pods = cluster.pods()
    with Bench(all_pods) as node, LoggedDaemon(node) as daemon:
        cluster.write_all(daemon.documents, all_pods)
        cold = starts(daemon, COLD_STARTS, True)
        kernel = check_complete(daemon)
        warm = starts(daemon, RESTARTS, False)
        table.add("Start: 120 interfaces x 5 groups x 60 rules a direction and family, "
                  "10 referenced groups of 10,000 members",
                  size_rows(kernel, daemon.documents) +
                  start_rows("cold start", cold, COLD_START_MAX) +
                  start_rows("restart, all adopted", warm, None))
        with Listener(node, helper) as listener:
            added, removed = members(daemon, listener)
            replaced = replacements(daemon, listener)
            paged = pages(daemon, listener)
        table.add("Changes: from the document's rename to the kernel's notification",
                  change_rows("one member added", added, MEMBER_MAX) +
                  change_rows("one member removed", removed, MEMBER_MAX) +
                  [message_row(added, removed)] +
                  change_rows("one group's rules replaced", replaced, REPLACEMENT_MAX) +
                  change_rows("one member of a document of 1,000", paged))
        table.add("At rest, with all this loaded", idle_rows(daemon))
    series = {"one member added": (added, MEMBER_MAX), "one member removed": (removed, None),
              "one group's rules replaced": (replaced, REPLACEMENT_MAX),
              "one member of a document of 1,000": (paged, None)}
    return {name: ([change.milliseconds for change in changes], limit)
            for name, (changes, limit) in series.items()}
