# SPDX-License-Identifier: GPL-2.0-or-later
"""What podsg-cni adds to a pod's start and end, beside containernetworking-plugins."""

import json
import os
import resource
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
ATTACHED = 100
SHARE = 1 / 3
WAIT_LIMIT = 20.0  # milliseconds
OTHERS = ({"type": "tuning", "sysctl": {"net.core.somaxconn": "500"}},
          {"type": "bandwidth", "ingressRate": 100000000, "ingressBurst": 8000000})
GROUP = "sg-0123456789abcdef0"


def missing():
    for name in ("ptp", "host-local", *(other["type"] for other in OTHERS)):
        if not any(os.access(os.path.join(directory, name), os.X_OK)
                   for directory in pods.STOCK_PLUGINS):
            return f"the CNI plugin {name} (containernetworking-plugins) is missing"
    return pods.missing()


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(chain, plugin, command, sandbox, previous):
    """Milliseconds from the start of the process to its end, and of CPU."""
    env, conf = chain.environment(command, sandbox), chain.conf(plugin, previous)
    cpu, begin = cpu_of_children(), time.monotonic()
    chain.call(plugin, env, conf)
    return (time.monotonic() - begin) * 1000, (cpu_of_children() - cpu) * 1000


def whole_life(chain, samples):
    """The pod's first plugin is not measured: it makes the interface."""
    sandbox = pods.Sandbox("a/measured", "u").create()
    first = chain.plugins[0]
    previous = json.loads(chain.call(first, chain.environment("ADD", sandbox), chain.conf(first)))
    for plugin in chain.plugins[1:]:
        samples[plugin["type"]]["ADD"].append(timed(chain, plugin, "ADD", sandbox, previous))
    for plugin in reversed(chain.plugins[1:]):
        samples[plugin["type"]]["DEL"].append(timed(chain, plugin, "DEL", sandbox, previous))
    chain.call(first, chain.environment("DEL", sandbox), chain.conf(first, previous))
    sandbox.destroy()


def without_waiting():
    """{plugin: {command: samples}}; the daemon's answer is there at once."""
    with Setting(tag="b") as setting:
        neighbours = setting.aws("standard")
        for number in range(1, NEIGHBOURS + 1):
            setting.start(neighbours, f"a/web-{number}", "standard", vlan=number,
                          address=f"10.0.2.{number}")
        ptp = {"type": "ptp", "ipMasq": False, "ipam": {
            "type": "host-local", "dataDir": setting.path("leases"), "subnet": "10.22.0.0/24"}}
        chain = setting.chain(ptp, *OTHERS)
        samples = {plugin["type"]: {"ADD": [], "DEL": []} for plugin in chain.plugins[1:]}
        # Entered once: to enter it is not the plugins' time.
        with netns.entered(setting.node):
            chain.node = None
            for _ in range(ROUNDS):
                whole_life(chain, samples)
        return samples


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
            samples.append(timed(chain, ours, "ADD", sandbox, previous)[0])
    return samples


def said(samples):
    return f"median {median(samples):.1f} ms, p99 {percentile(samples, 99):.1f} ms"


def rows_of(command, samples, column, what):
    """A third of the cheaper one of the others is the target."""
    taken = {name: [sample[column] for sample in found[command]]
             for name, found in samples.items()}
    own = taken.pop("podsg-cni")
    limit = min(median(found) for found in taken.values()) * SHARE
    yield judged(f"{command} by podsg-cni, {what}", median(own), said(own),
                 f"<= {limit:.1f} ms, 1/3 of the cheaper one", limit,
                 f"{len(own)}; {quartiles(own, ' ms')}")
    for name, found in taken.items():
        yield Row(f"{command} by {name}, {what}", said(found),
                  noise=f"{len(found)}; {quartiles(found, ' ms')}")


def measure(table):
    samples = without_waiting()
    rows = [row for column, what in enumerate(("time", "CPU")) for command in ("ADD", "DEL")
            for row in rows_of(command, samples, column, what)]
    plain = median([sample[0] for sample in samples["podsg-cni"]["ADD"]])
    waits = [max(0.0, took - plain) for took in with_the_daemon()]
    rows.append(judged("ADD's wait for podsg-nft-sync, p99", percentile(waits, 99),
                       f"{percentile(waits, 99):.1f} ms, median {median(waits):.1f} ms",
                       f"< {WAIT_LIMIT:.0f} ms", WAIT_LIMIT,
                       f"{len(waits)}; {quartiles(waits, ' ms')}"))
    table.add(f"Hooks: one pod more on a node with {NEIGHBOURS} or more", rows)
