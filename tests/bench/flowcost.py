# SPDX-License-Identifier: GPL-2.0-or-later
"""What a new flow's first packet costs in each filter, at 10, 100 and 1,000 rules a direction."""

import shutil

from filters import CLIENTS, SHAPES, Ipset, Linear, Pairs, Podsg, check_judged, running
from lab import netns, tap
from measure import Row, judged, median, quartiles

COUNTS = (10, 100, 1000)
FILTERS = (Podsg, Linear, Ipset)
ROUNDS = 30
PACKETS = 4000
FLAT_WITHIN = 1.5
EXPLANATIONS = {
    "scattered": "each rule with a prefix of its own, ten ports",
    "nested": "every rule's prefix holds the peer, each with a port of its own",
}


def missing():
    for tool in ("ipset", Ipset.command):
        if not shutil.which(tool):
            return f"the command {tool} is not installed"
    return None


def make_nodes():
    """The first has no rules; then each filter with each count."""
    kinds = [(Pairs, COUNTS[-1])] + [(kind, count) for kind in FILTERS for count in COUNTS]
    return [kind(count, f"flow{chr(ord('a') + index)}")
            for index, (kind, count) in enumerate(kinds)]


class Sender:
    def __init__(self, helper):
        self.helper = helper

    def __call__(self, node, shape, count, targets=None):
        """Nanoseconds a packet, on the clock and of CPU time."""
        targets = targets or [rule.packet for rule in node.rules[shape]]
        text = "".join(f"{source} {destination} {port}\n" for source, destination, port in targets)
        client = CLIENTS[shape]
        words = [self.helper, "eth0", client.host_mac, str(count)]
        said = netns.run(words, name=node.name(client.name), text_input=text).stdout
        wall, cpu = said.split()
        return int(wall) / count, int(cpu) / count


def rounds(nodes, shape, send):
    """One sample of every node a round, each round in another order."""
    cpu = {node: [] for node in nodes}
    wall = {node: [] for node in nodes}
    for number in range(ROUNDS):
        turn = number % len(nodes)
        for node in nodes[turn:] + nodes[:turn]:
            node.forget_flows()
            before = node.arrived(shape) if number % 10 == 0 else None
            on_clock, of_cpu = send(node, shape, PACKETS)
            wall[node].append(on_clock)
            cpu[node].append(of_cpu)
            if before is not None:
                tap.equal(node.arrived(shape) - before, PACKETS,
                          f"{node.filter}: packets arrived")
    return wall, cpu


def costs(nodes, cpu):
    """Of each filter and count: what it took more than no rules did in the same round."""
    base, *others = nodes
    return {(node.filter, node.count): [with_rules - without for with_rules, without
                                        in zip(cpu[node], cpu[base])] for node in others}


def base_rows(wall, cpu):
    return [Row("no rules, tracked (the base)", f"{median(cpu):.0f} ns",
                noise=f"{len(cpu)}, {quartiles(cpu, ' ns', 0)}"),
            Row("the same on the clock", f"{median(wall):.0f} ns",
                noise=f"{len(wall)}, {quartiles(wall, ' ns', 0)}")]


def cost_rows(found):
    return [Row(f"{name}, {count} rules", f"{median(samples):.0f} ns",
                noise=f"{len(samples)}, {quartiles(samples, ' ns', 0)}")
            for (name, count), samples in found.items()]


def ratio_rows(found):
    middle = {key: median(samples) for key, samples in found.items()}
    few, many = COUNTS[0], COUNTS[-1]
    flat = max(middle["podsg", count] for count in COUNTS) / middle["podsg", few]
    rows = [judged(f"podsg: dearest / at {few} rules", flat, f"{flat:.2f}", f"<= {FLAT_WITHIN}",
                   FLAT_WITHIN)]
    for kind in FILTERS[1:]:
        growth = middle[kind.filter, many] / middle[kind.filter, few]
        rows.append(Row(f"{kind.filter}: at {many} / at {few} rules", f"{growth:.2f}"))
    for kind in FILTERS[1:]:
        shares = [middle["podsg", count] / middle[kind.filter, count] for count in COUNTS]
        rows.append(Row(f"podsg / {kind.filter}, at {', '.join(map(str, COUNTS))} rules",
                        ", ".join(f"{share:.2f}" for share in shares)))
    return rows


def measure(helper, table):
    """Returns the samples of each shape, filter and count in ns, for the plot."""
    send = Sender(helper)
    found = {}
    with running(make_nodes()) as nodes:
        for shape in SHAPES:
            for node in nodes:
                check_judged(node, shape, send)
            wall, cpu = rounds(nodes, shape, send)
            found[shape] = costs(nodes, cpu)
            table.add("New flow, two ends judge: CPU time of the first packet above that without "
                      f"rules; {EXPLANATIONS[shape]}",
                      base_rows(wall[nodes[0]], cpu[nodes[0]]) + cost_rows(found[shape]) +
                      ratio_rows(found[shape]))
    return found
