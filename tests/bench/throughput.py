# SPDX-License-Identifier: GPL-2.0-or-later
"""Established TCP connections through a node with podsg, and through the same without."""

from filters import CLIENTS, SERVERS, STREAM_PORT, Pairs, Podsg, running
from lab import netns
from measure import Row, interval, judged, median, quartiles

RULES = 1000
TURNS = 600
MILLISECONDS = 20
WARM_UP = 10
RATIO_MIN = 0.97
SHAPE = "scattered"


class Untracked(Pairs):
    """No rules, and nothing that needs connection tracking."""

    filter = "nothing"

    def foreign_rules(self):
        return ""


NAMES = ("podsg, 1,000 rules a direction", "no rules, tracked", "no rules, not tracked")


def samples(helper, nodes):
    """For each node (GB a second, GB a second of CPU time), turn by turn."""
    words = [helper, str(TURNS + WARM_UP), str(MILLISECONDS), SERVERS[SHAPE].address(4),
             str(STREAM_PORT)]
    for node in nodes:
        words += [netns.path(node.name(CLIENTS[SHAPE].name)),
                  netns.path(node.name(SERVERS[SHAPE].name))]
    found = [[] for _ in nodes]
    for line in netns.run(words).stdout.splitlines():
        index, size, wall, cpu = (int(word) for word in line.split())
        found[index].append((size / wall, size / cpu))
    return [turns[WARM_UP:] for turns in found]


def rate_row(name, turns, which, what):
    rates = [turn[which] for turn in turns]
    return Row(f"{name}: {what}", f"{median(rates):.2f}",
               noise=f"{len(rates)}, {quartiles(rates)}")


def ratios(turns, base, which):
    return [mine[which] / other[which] for mine, other in zip(turns, base)]


def measure(helper, table):
    with running([Podsg(RULES, "streama"), Pairs(RULES, "streamb"),
                  Untracked(RULES, "streamc")]) as nodes:
        found = samples(helper, nodes)
    with_podsg, tracked, untracked = found
    on_clock = ratios(with_podsg, tracked, 0)
    rows = [rate_row(name, turns, 0, "GB/s") for name, turns in zip(NAMES, found)]
    rows.append(judged("podsg / no rules, tracked", median(on_clock), f"{median(on_clock):.3f}",
                       f">= {RATIO_MIN}", RATIO_MIN,
                       f"{len(on_clock)}, {interval(on_clock)}", least=True))
    for what, base, which in (("podsg / no rules, tracked, by CPU time", tracked, 1),
                              ("podsg / no rules, not tracked", untracked, 0)):
        shares = ratios(with_podsg, base, which)
        rows.append(Row(what, f"{median(shares):.3f}",
                        noise=f"{len(shares)}, {interval(shares)}"))
    table.add("Established TCP connections, pod to pod on one node, in turns of "
              f"{MILLISECONDS} ms", rows)
