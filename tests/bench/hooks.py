# SPDX-License-Identifier: GPL-2.0-or-later
"""What podsg-cni adds to a pod's start and end, beside containernetworking-plugins."""

import collections
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import time

HOOKS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "hooks")
sys.path.append(HOOKS)

import pods  # noqa: E402
from cni_setting import RealSetting, Setting  # noqa: E402
from lab import documents, netns  # noqa: E402
from lab.daemon import NODE_NAME  # noqa: E402
from lab.node import Pod  # noqa: E402
from measure import Row, judged, median, percentile, quartiles  # noqa: E402

ROUNDS = 100
NEIGHBOURS = 60  # pods that the node has besides
MORE_ROUNDS = 30  # of what has no target
TRACKED = 1000
ATTACHED = 100
SHARE = 1 / 3
WAIT_LIMIT = 20.0  # milliseconds
OTHERS = ({"type": "tuning", "sysctl": {"net.core.somaxconn": "500"}},
          {"type": "bandwidth", "ingressRate": 100000000, "ingressBurst": 8000000})
COMMANDS = ("ADD", "DEL", "VERSION")  # the last one is a start and an end
TARGETS = ("ADD", "DEL")
BRANCH = {"vlan": 99, "address": "10.0.3.9"}
FLOOR = "nothing"
GROUP = "sg-0123456789abcdef0"


def missing():
    for name in ("ptp", "host-local", *(other["type"] for other in OTHERS)):
        if not any(os.access(os.path.join(directory, name), os.X_OK)
                   for directory in pods.STOCK_PLUGINS):
            return f"the CNI plugin {name} (containernetworking-plugins) is missing"
    return pods.missing()


@dataclasses.dataclass
class Sample:
    """Milliseconds: until the process was gone, less what the daemon's answer took; and of CPU."""

    wall: float
    cpu: float


class Stopwatch:
    """Runs plugins by a program of its own: what Python takes to start one is not theirs."""

    def __init__(self, programs, setting):
        self.plugin, self.nothing = programs["plugin"], programs["nothing"]
        self.socket, self.input = setting.path("control.sock"), setting.path("input")

    def run(self, program, env, conf):
        with open(self.input, "w", encoding="utf-8") as file:
            json.dump(conf, file)
        done = subprocess.run([self.plugin, self.socket, self.input, program], env=env,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr} {done.stdout}")
        wall, cpu, waited = (int(word) / 1000 for word in done.stdout.split())
        return Sample(wall - waited, cpu)

    def time(self, chain, plugin, command, sandbox, previous):
        return self.run(*chain.argv(plugin), chain.environment(command, sandbox),
                        chain.conf(plugin, previous))

    def floor(self):
        return self.run(self.nothing, {}, {})


@contextlib.contextmanager
def begun(chain):
    """A sandbox and the result of the chain's first plugin, which makes the interface."""
    sandbox = pods.Sandbox("a/measured", "u").create()
    first = chain.plugins[0]
    previous = json.loads(chain.call(first, chain.environment("ADD", sandbox), chain.conf(first)))
    yield sandbox, previous
    chain.call(first, chain.environment("DEL", sandbox), chain.conf(first, previous))
    sandbox.destroy()


def whole_life(stopwatch, chain, samples):
    """The pod's first plugin is not measured."""
    with begun(chain) as (sandbox, previous):
        for command, plugins in (("ADD", chain.plugins[1:]), ("DEL", chain.plugins[:0:-1]),
                                 ("VERSION", chain.plugins[1:])):
            for plugin in plugins:
                samples[command][plugin["type"]].append(
                    stopwatch.time(chain, plugin, command, sandbox, previous))
            samples[command][FLOOR].append(stopwatch.floor())


def own_life(stopwatch, chain, samples):
    with begun(chain) as (sandbox, previous):
        stopwatch.time(chain, chain.ours(), "ADD", sandbox, previous)
        samples.append(stopwatch.time(chain, chain.ours(), "DEL", sandbox, previous))


def track_connections(setting):
    """Those of pods that live; conntrack reads them from a file."""
    path = setting.path("connections")
    with open(path, "w", encoding="ascii") as file:
        for number in range(TRACKED):
            file.write(f"-I -p tcp -s 10.0.2.{number % NEIGHBOURS + 1} -d 203.0.113.1 --sport "
                       f"{2000 + number} --dport 443 --state ESTABLISHED --timeout 3600\n")
    netns.run(["conntrack", "-R", path])


def without_waiting(programs):
    """{command: {plugin: samples}}, and samples of DEL {in which case: samples}"""
    with Setting(tag="b") as setting:
        neighbours = setting.aws("standard")
        for number in range(1, NEIGHBOURS + 1):
            setting.start(neighbours, f"a/web-{number}", "standard", vlan=number,
                          address=f"10.0.2.{number}")
        ptp = {"type": "ptp", "ipMasq": False, "ipam": {
            "type": "host-local", "dataDir": setting.path("leases"), "subnet": "10.22.0.0/24"}}
        chain = setting.chain(ptp, *OTHERS)
        setting.ipamd.put("a/measured", uid="u", **BRANCH)
        samples = {command: collections.defaultdict(list) for command in COMMANDS}
        branch, tracked = [], []
        setting.daemon.stop()
        stopwatch = Stopwatch(programs, setting)
        # Entered once: to enter it is not the plugins' time.
        with netns.entered(setting.node):
            chain.node = neighbours.node = None
            for _ in range(ROUNDS):
                whole_life(stopwatch, chain, samples)
            for _ in range(MORE_ROUNDS):
                own_life(stopwatch, neighbours, branch)
            track_connections(setting)
            for _ in range(MORE_ROUNDS):
                own_life(stopwatch, chain, tracked)
        return samples, {"of a pod with a branch interface": branch,
                         f"while {TRACKED:,} connections are tracked": tracked}


def timed(chain, plugin, env, conf):
    begin = time.monotonic()
    chain.call(plugin, env, conf)
    return (time.monotonic() - begin) * 1000


def with_the_daemon():
    """Milliseconds of ADD, one pod after the other, with podsg-nft-sync on a node that fills."""
    samples = []
    with RealSetting(tag="b", timeout="10s") as setting:
        directory = setting.daemon.documents
        documents.write(directory, "groups.json", documents.security_groups(
            [documents.security_group(GROUP)]))
        documents.write(directory, "policy.json", documents.policy("a", "all", [GROUP], {}))
        chain = setting.aws("standard")
        aws, ours = chain.plugins
        for number in range(1, ATTACHED + 1):
            name, facts = f"a/web-{number}", {"vlan": number, "address": f"10.0.2.{number}"}
            pod = documents.pod(Pod(f"web-{number}", (facts["address"],), "standard", number, "a"),
                                NODE_NAME, {}, phase="Pending")
            documents.write(directory, f"pod-{number}.json", pod)
            setting.ipamd.put(name, uid=pod["metadata"]["uid"], **facts)
            sandbox = pods.Sandbox(name, pod["metadata"]["uid"]).create()
            env = chain.environment("ADD", sandbox)
            previous = json.loads(chain.call(aws, env, chain.conf(aws)))
            samples.append(timed(chain, ours, env, chain.conf(ours, previous)))
    return samples


def said(samples):
    return f"median {median(samples):.2f} ms, p99 {percentile(samples, 99):.2f} ms"


def rows_of(command, samples, column, what):
    """A third of the cheaper one of the others is the target."""
    taken = {name: [getattr(sample, column) for sample in found]
             for name, found in samples[command].items()}
    own, floor = taken.pop("podsg-cni"), taken.pop(FLOOR)
    limit = min(median(found) for found in taken.values()) * SHARE
    noise = f"{len(own)}; {quartiles(own, ' ms')}"
    if command in TARGETS:
        yield judged(f"{command} by podsg-cni, {what}", median(own), said(own),
                     f"<= {limit:.2f} ms, 1/3 of the cheaper one", limit, noise)
    else:
        yield Row(f"{command} by podsg-cni, {what}", said(own), noise=noise)
    for name, found in (*taken.items(), ("a C program that does nothing", floor)):
        yield Row(f"{command} by {name}, {what}", said(found),
                  noise=f"{len(found)}; {quartiles(found, ' ms')}")


def more_rows(found, column, what):
    for case, samples in found.items():
        taken = [getattr(sample, column) for sample in samples]
        yield Row(f"DEL by podsg-cni {case}, {what}", said(taken),
                  noise=f"{len(taken)}; {quartiles(taken, ' ms')}")


def measure(programs, table):
    samples, more = without_waiting(programs)
    rows = []
    for column, what in (("wall", "time"), ("cpu", "CPU")):
        for command in COMMANDS:
            rows += rows_of(command, samples, column, what)
        rows += more_rows(more, column, what)
    plain = median([sample.wall for sample in samples["ADD"]["podsg-cni"]])
    waits = [max(0.0, took - plain) for took in with_the_daemon()]
    rows.append(judged("ADD's wait for podsg-nft-sync, p99", percentile(waits, 99),
                       f"{percentile(waits, 99):.1f} ms, median {median(waits):.1f} ms",
                       f"< {WAIT_LIMIT:.0f} ms", WAIT_LIMIT,
                       f"{len(waits)}; {quartiles(waits, ' ms')}"))
    table.add(f"Hooks: one pod more on a node with {NEIGHBOURS} or more", rows)
