# SPDX-License-Identifier: GPL-2.0-or-later
"""
What following an API server costs: from an object to the rules, a list of a large cluster, rest,
and a watch full of what does not matter. A real server where it is built, a fast one of our own for
what a real one on this machine is too slow to send.
"""

import contextlib
import functools
import os
import re
import tempfile
import time

import cluster
import control_plane
import fakeserver
import world
from changes import Bench, Listener, LoggedDaemon
from control_plane import Authority
from lab import documents, netns, tap
from lab.daemon import NODE_NAME
from lab.node import Pod
from measure import Row, judged, median, memory, percentile, quartiles

PODS = cluster.PODS
SAMPLES = 120
REST = 0.03
EVENT_MAX = 20
REMOTE_PODS = 100000
LIST_MAX = 15
RESIDENT_MAX = 64
POD_MAX = 400
RATE = 1000
FLOOD_SECONDS = 15
FLOOD_MAX = 5
TELLING_PAUSE = 5.0
IDLE_SECONDS = 30
IDLE_MAX = 0.1
START_TIMEOUT = 120.0


def cpu_nanoseconds(pid):
    """Of the scheduler, of all threads: /proc/PID/stat only counts ticks."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total


class Usage:
    """Percent of a core that the daemon takes between begin and end."""

    def __init__(self, pid):
        self.pid = pid
        self.cpu = cpu_nanoseconds(pid)
        self.begin = time.monotonic_ns()

    def percent(self):
        return 100 * (cpu_nanoseconds(self.pid) - self.cpu) / (time.monotonic_ns() - self.begin)


def own_policy(index):
    return documents.policy(world.NAMESPACE, f"app-{index}",
                            [cluster.own_group(index, number)
                             for number in range(cluster.GROUPS_PER_POD)],
                            {"matchLabels": {"app": f"app-{index}"}})


def local_pods():
    return [Pod(pod.name, pod.addresses, pod.mode, pod.vlan, world.NAMESPACE)
            for pod in cluster.pods()]


class Live(world.World):
    """A node of 120 branch interfaces with five groups each, all different, by as many policies."""

    def __init__(self, pods):
        node = Bench(pods)
        super().__init__(node, LoggedDaemon(node))

    def fill(self):
        cluster.write_groups(self.daemon.documents)
        for index, pod in enumerate(self.node.pods):
            self.api.create(documents.pod(pod, NODE_NAME, {"app": f"app-{index}"}))
            self.api.create(own_policy(index))
        self.create_policy("member", [cluster.referenced(0)], {"matchLabels": {"member": "yes"}})


class Event:
    """
    A change of an object. The server answers when it has stored it, and by then, or a little later,
    tells those that watch.
    """

    def __init__(self, listener, act, *arguments):
        begin = time.monotonic_ns()
        act(*arguments)
        answered = time.monotonic_ns()
        arrived = listener.transaction()[0]
        self.milliseconds = (arrived - answered) / 1e6
        self.whole = (arrived - begin) / 1e6


def member_comes(live, number):
    pod = documents.pod(world.remote_pod(number), world.OTHER_NODE, {"member": "yes"})
    pod.pop("status")
    return live.api.create, pod


def labels_change(live, number):
    pod = live.node.pods[number % PODS]
    labels = {"app": f"app-{(number + 1) % PODS}"}
    return live.api.patch, "Pod", world.NAMESPACE, pod.name, {"metadata": {"labels": labels}}


def policy_changes(live, number):
    """It still selects one pod, which gets a list of groups that no pod had before."""
    groups = [cluster.own_group((number + 1) % PODS, 0), cluster.own_group((number + 2) % PODS, 1)]
    return (live.api.patch, "SecurityGroupPolicy", world.NAMESPACE, f"app-{number % PODS}",
            {"spec": {"securityGroups": {"groupIds": groups}}})


def samples(live, listener, change):
    """One after another, with a rest behind each, so that each has the kernel's news of its own."""
    found = []
    for number in range(SAMPLES):
        found.append(Event(listener, *change(live, number)))
        time.sleep(REST)
        live.daemon.lines.skip()
        listener.lines.skip()
    return found


def event_rows(what, events):
    times = [event.milliseconds for event in events]
    tail = percentile(times, 99)
    whole = percentile([event.whole for event in events], 99)
    return [Row(f"{what}: p50", f"{median(times):.2f} ms", noise=f"{len(times)}"),
            judged(f"{what}: p99", tail, f"{tail:.2f} ms", f"< {EVENT_MAX} ms", EVENT_MAX,
                   f"{len(times)}, {quartiles(times)} ms"),
            Row(f"{what}: p99 from the request on", f"{whole:.2f} ms")]


def wait_told(live):
    """Events on pods go out one a second: until the last one has, the daemon is not at rest."""
    told = -1
    while told != (told := len(live.api.list("Event", world.NAMESPACE))):
        time.sleep(TELLING_PAUSE)


def idle_rows(live):
    live.wait_current()
    wait_told(live)
    usage = Usage(live.daemon.process.pid)
    time.sleep(IDLE_SECONDS)
    share = usage.percent()
    return [judged("idle: CPU", share, f"{share:.3f} %", f"< {IDLE_MAX} %", IDLE_MAX,
                   f"over {IDLE_SECONDS} s")]


def measure_real(listener_program, table):
    with Live(local_pods()) as live:
        live.fill()
        live.daemon.start()
        live.wait_current()
        tap.equal(live.daemon.control("status")["interfaces"]["open"], PODS, "open interfaces")
        # First: what changes do is told by events for minutes.
        rest = idle_rows(live)
        live.daemon.lines.skip()
        with Listener(live.node, listener_program) as listener:
            table.add(f"Kubernetes: {PODS} interfaces x 5 groups; from the API server's answer to "
                      "who changes an object to the kernel's notification",
                      event_rows("a member comes", samples(live, listener, member_comes)) +
                      event_rows("a pod's labels change", samples(live, listener, labels_change)) +
                      event_rows("a policy changes", samples(live, listener, policy_changes)))
        table.add("Kubernetes: at rest, with all this loaded", rest)


# The large cluster

LEDGER = Pod("ledger", ("10.0.1.5",), "strict", 1, "team-0")


def fake_policies():
    """One pod of this node, whose group refers to the group of many others."""
    web = [documents.policy(f"team-{number}", "web", [world.WEB], {"matchLabels": {"role": "web"}})
           for number in range(fakeserver.NAMESPACES)]
    return web + [documents.policy("team-0", "ledger", [world.LEDGER],
                                   {"matchLabels": {"app": "ledger"}})]


class Fake:
    """The node of one pod, and the daemon that follows the fast server."""

    def __init__(self, node, authority):
        self.authority = authority
        self.daemon = LoggedDaemon(node)

    def configure(self):
        path = self.daemon.path("kubeconfig")
        control_plane.write_kubeconfig(path, self.authority, {"token": "anything"})
        self.daemon.configure(sources={"kubernetes": {"kubeconfig": path}})
        documents.write(self.daemon.documents, "groups.json", world.groups())

    def member_count(self):
        """In the kernel; there is no set before the first one is known."""
        listing = netns.run(["nft", "list", "set", "inet", "podsg", f"members-{world.WEB}-4"],
                            name=self.daemon.node.name("node"), check=False).stdout
        return len(re.findall(r"\b10\.\d+\.\d+\.\d+", listing))


def resident_without_pods(following):
    """MiB of a daemon that follows the same, but no pod of another node."""
    with following(0) as (fake, server):
        fake.daemon.start()
        tap.wait_for(server.watched.is_set, "the list is complete", START_TIMEOUT, 0.01)
        time.sleep(2.0)
        return memory(fake.daemon.process.pid)[1]


def list_rows(fake, server, resident_before):
    expected = sum(fakeserver.is_member(index) for index in range(REMOTE_PODS))
    begin = time.monotonic()
    fake.daemon.start()
    tap.wait_for(server.watched.is_set, "the list is complete", START_TIMEOUT, 0.01)
    listed = time.monotonic() - begin
    tap.wait_for(lambda: fake.member_count() == expected, "every member is in the kernel", 30.0)
    seconds = time.monotonic() - begin
    peak, resident = memory(fake.daemon.process.pid)
    cost = (resident - resident_before) * 1024 * 1024 / REMOTE_PODS
    cpu = cpu_nanoseconds(fake.daemon.process.pid) / 1e9
    size = f"{server.bytes / 1e6:.0f} MB in {server.pages} pages"
    return [judged(f"{REMOTE_PODS} pods listed", listed, f"{listed:.2f} s", f"< {LIST_MAX} s",
                   LIST_MAX, size),
            Row(f"{expected} of them are members in the kernel", f"{seconds:.2f} s"),
            Row("CPU time of the daemon", f"{cpu:.2f} s"),
            judged("peak of resident memory", peak, f"{peak:.1f} MiB", f"< {RESIDENT_MAX} MiB",
                   RESIDENT_MAX),
            judged("resident memory for each pod", cost, f"{cost:.0f} bytes",
                   f"<= {POD_MAX} bytes", POD_MAX)]


def flood_rows(fake, server):
    time.sleep(2.0)
    before = fake.daemon.control("status")["kernel"]["lastCommit"]["commits"]
    server.rate = RATE
    time.sleep(1.0)
    events, usage = server.events, Usage(fake.daemon.process.pid)
    time.sleep(FLOOD_SECONDS)
    share, sent = usage.percent(), (server.events - events) / FLOOD_SECONDS
    server.rate = 0
    after = fake.daemon.control("status")["kernel"]["lastCommit"]["commits"]
    tap.equal(after, before, "commits: nothing that matters has changed")
    tap.check(sent > 0.9 * RATE, f"the server only sent {sent:.0f} events/s")
    _, resident = memory(fake.daemon.process.pid)
    return [judged(f"watch of {RATE} irrelevant pod events/s: CPU", share, f"{share:.2f} %",
                   f"< {FLOOD_MAX} %", FLOOD_MAX, f"{sent:.0f} events/s over {FLOOD_SECONDS} s"),
            Row("resident memory behind it", f"{resident:.1f} MiB")]


@contextlib.contextmanager
def following_a_fake(shape, count):
    with tempfile.TemporaryDirectory(prefix="podsg-bench-") as directory, Bench([LEDGER]) as node:
        authority = Authority(directory)
        fake = Fake(node, authority)
        items = {"pods": [documents.pod(LEDGER, NODE_NAME, {"app": "ledger"})],
                 "securitygrouppolicies": fake_policies()}
        with (fakeserver.Server(node.name("node"), authority, count, items, shape) as server,
              fake.daemon):
            fake.configure()
            yield fake, server


def measure_fake(table):
    for shape, what in ((fakeserver.DEPLOYMENT, "of Deployments"),
                        (fakeserver.STATEFUL_SET, "of StatefulSets, no two with the same labels")):
        following = functools.partial(following_a_fake, shape)
        resident_before = resident_without_pods(following)
        with following(REMOTE_PODS) as (fake, server):
            size = len(fakeserver.pod_text(0, shape=shape))
            table.add(f"Kubernetes: {REMOTE_PODS} pods of other nodes, {what}, {size} bytes each, "
                      "from a fast server of our own, over TLS",
                      list_rows(fake, server, resident_before))
            table.add(f"Kubernetes: churn that does not matter, pods {what}",
                      flood_rows(fake, server))


def measure(listener_program, table):
    measure_fake(table)
    reason = control_plane.missing()
    if reason:
        table.add("Kubernetes: a real API server", [Row("skipped", reason)])
        return
    measure_real(listener_program, table)
