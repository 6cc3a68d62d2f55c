# SPDX-License-Identifier: GPL-2.0-or-later
"""What a new flow's first packet costs in each filter, at 10, 100 and 1,000 rules a direction."""

from filters import Ipset, Linear, Pair, Podsg, check_judged, ports, running
from lab import netns, tap
from measure import Row, judged, median, quartiles

COUNTS = (10, 100, 1000)
FILTERS = (Podsg, Linear, Ipset)
ROUNDS = 40
PACKETS = 4000
FLAT_WITHIN = 1.5


def make_pairs():
    """In the order of creation: the one without rules, then each filter with each count."""
    kinds = [(Pair, COUNTS[-1])] + [(kind, count) for kind in FILTERS for count in COUNTS]
    return [kind(count, f"flow{chr(ord('a') + index)}")
            for index, (kind, count) in enumerate(kinds)]


class Sender:
    def __init__(self, helper):
        self.helper = helper

    def __call__(self, pair, count, destination_ports):
        """Nanoseconds a packet, on the clock and of CPU time."""
        client = pair.client
        words = [self.helper, "eth0", client.host_mac, client.address(4), pair.server.address(4),
                 str(count), *(str(port) for port in destination_ports)]
        wall, cpu = netns.run(words, name=pair.name("client")).stdout.split()
        return int(wall) / count, int(cpu) / count


def rounds(pairs, send):
    """One sample of every pair a round, each round in another order."""
    cpu = {pair: [] for pair in pairs}
    wall = {pair: [] for pair in pairs}
    for number in range(ROUNDS):
        turn = number % len(pairs)
        for pair in pairs[turn:] + pairs[:turn]:
            pair.forget_flows()
            before = pair.arrived() if number % 10 == 0 else None
            on_clock, of_cpu = send(pair, PACKETS, ports(pair.count))
            wall[pair].append(on_clock)
            cpu[pair].append(of_cpu)
            if before is not None:
                tap.equal(pair.arrived() - before, PACKETS, f"{pair.filter}: packets arrived")
    return wall, cpu


def costs(pairs, cpu):
    """Of each filter and count: what it took more than no rules did in the same round."""
    base, *others = pairs
    return {(pair.filter, pair.count): [with_rules - without for with_rules, without
                                        in zip(cpu[pair], cpu[base])] for pair in others}


def cost_rows(found):
    rows = []
    for (name, count), samples in found.items():
        rows.append(Row(f"{name}, {count} rules", f"{median(samples):.0f} ns",
                        noise=f"{len(samples)}, {quartiles(samples, ' ns', 0)}"))
    return rows


def ratio_rows(found):
    middle = {key: median(samples) for key, samples in found.items()}
    few, many = COUNTS[0], COUNTS[-1]
    flat = max(middle["podsg", count] for count in COUNTS) / middle["podsg", few]
    rows = [judged(f"podsg: dearest / at {few} rules", flat, f"{flat:.2f}", f"<= {FLAT_WITHIN}",
                   FLAT_WITHIN)]
    for kind in FILTERS[1:]:
        growth = middle[kind.filter, many] / middle[kind.filter, few]
        rows.append(Row(f"{kind.filter}: at {many} / at {few} rules", f"{growth:.2f}"))
    for count in COUNTS:
        for kind in FILTERS[1:]:
            share = middle["podsg", count] / middle[kind.filter, count]
            rows.append(Row(f"podsg / {kind.filter}, {count} rules", f"{share:.2f}"))
    return rows


def measure(helper, table):
    """Returns the samples of each filter and count in ns, for the plot."""
    send = Sender(helper)
    with running(make_pairs()) as pairs:
        for pair in pairs:
            check_judged(pair, send)
        wall, cpu = rounds(pairs, send)
    found = costs(pairs, cpu)
    base = cpu[pairs[0]]
    table.add("New flow: CPU time of its first packet above that without rules, two ends judge",
              [Row("no rules, tracked (the base)", f"{median(base):.0f} ns",
                   noise=f"{len(base)}, {quartiles(base, ' ns', 0)}"),
               Row("the same on the clock", f"{median(wall[pairs[0]]):.0f} ns",
                   noise=f"{len(base)}, {quartiles(wall[pairs[0]], ' ns', 0)}")] +
              cost_rows(found) + ratio_rows(found))
    return found
