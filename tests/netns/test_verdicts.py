#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
Random documents in the real daemon, random packets through the real kernel, compared with the
independent evaluator and with podsgctl explain. PODSG_SEED repeats a run, PODSG_PROBES sets how
many packets it has (3600).
"""

import os
import random
import shutil
import sys
import time

from lab import daemon as daemons
from lab import documents, packets, tap
from lab.daemon import Daemon
from lab.probes import Prober, batches
from oracle import Documents, Oracle, Settings
from worlds import NODE_NAME, ProbeMaker, random_config, random_node, random_world

ROUNDS = 12
PROBES = int(os.environ.get("PODSG_PROBES", "3600"))
ROUNDS_PER_START = 3
TRIES = 3
EXPLAINED = (packets.TCP, packets.UDP)
SHOWN = 10


class Round:
    """One set of documents, and the packets sent under it."""

    def __init__(self, node, prober, daemon, config):
        self.node = node
        self.prober = prober
        self.daemon = daemon
        settings = Settings(NODE_NAME, node_addresses=node.network.node,
                            vpc_cidrs=(node.network.vpc4, node.network.vpc6),
                            node_groups=tuple(config["node"]["securityGroups"]),
                            standard_node_groups=config["standardNodeGroups"],
                            without_eni=config["withoutEni"], exempt=config["exempt"],
                            dns_listen=tuple(config["dns"]["listen"]),
                            dns_servers=tuple(config["dns"]["clusterServers"]))
        self.oracle = Oracle(Documents(daemon.documents), settings, node)
        self.verdicts = {}
        self.failures = []
        self.permitted = self.compared = self.retried = 0

    def run(self, probes):
        for batch in batches(probes):
            self._send(batch)
        for probe in probes:
            self._compare(probe)
        self._explain_all(probes)

    def _send(self, batch):
        """A packet that should have come and did not gets another chance: loss is not a verdict."""
        for attempt in range(TRIES):
            self.node.forget_flows()
            for probe in batch:
                probe.source_port = self._source_port(probe, attempt)
            judged = [(probe, *self.oracle.verdict(probe)) for probe in batch]
            self.prober.probe(batch, [(p, where) for p, permitted, where, _ in judged if permitted])
            for probe, permitted, where, why in judged:
                self.verdicts[id(probe)] = (permitted, where, why, probe.number)
            batch = [p for p, permitted, where, _ in judged
                     if permitted and not self._whole(p, where)]
            if not batch:
                return
            self.retried += len(batch) if attempt + 1 < TRIES else 0

    def _source_port(self, probe, attempt):
        client = probe.source_port in (68, 546)
        return probe.source_port if client or not attempt else self.prober.fresh_port()

    def _seen(self, probe, where):
        return self.prober.results[probe.number].seen.get(where, set())

    def _whole(self, probe, where):
        return self._seen(probe, where) == ({0, 1} if probe.fragmented else {0})

    def _compare(self, probe):
        permitted, where, why, _ = self.verdicts[id(probe)]
        seen = self._seen(probe, where)
        self.permitted += permitted
        good = self._whole(probe, where) if permitted else not seen
        if not good:
            measured = "arrived" if self._whole(probe, where) else f"arrived in part: {seen}" \
                if seen else "did not arrive"
            self._failed(probe, f"expected {'permit' if permitted else 'drop'}, {measured}", why)

    def _failed(self, probe, what, why):
        self.failures.append(
            f"{probe}\n  {what}\n  oracle: {'; '.join(map(str, why)) or 'no end'}\n"
            f"  passes: {self.oracle.passes(probe)[0]}\n  explain: {self._explain_text(probe)}")

    @staticmethod
    def _words(probe):
        return (probe.source, probe.destination,
                f"{packets.protocol_name(probe.protocol)}/{probe.port}")

    def _explain_text(self, probe):
        if len(self.failures) >= SHOWN or probe.protocol not in EXPLAINED:
            return "not asked"
        return self.daemon.control_text("explain", *self._words(probe)).strip()

    def _explainable(self, probe):
        """explain takes addresses only: what it cannot be told is left out."""
        pod = self.node.by_name.get(probe.origin)
        honest = pod.owns(probe.source) if pod else self.node.pod_at(probe.source) is None
        services = {service.address for service in self.node.services}
        node_ports = {service.port for service in self.node.services if not service.address}
        return (probe.protocol in EXPLAINED and honest and probe.destination not in services
                and probe.source_port not in (68, 546)
                and not (probe.destination in self.node.network.node and probe.port in node_ports))

    def _explain_all(self, probes):
        for probe in filter(self._explainable, probes):
            _, where, why, _ = self.verdicts[id(probe)]
            answer = self.daemon.control("explain", *self._words(probe))
            self.compared += 1
            arrived = self._whole(probe, where)
            if daemons.explained(answer) != arrived:
                self._failed(probe, f"explain says {'permit' if not arrived else 'drop'}, "
                             f"the packet {'arrived' if arrived else 'did not arrive'}", why)


class Run:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.total = self.permitted = self.compared = self.retried = 0
        self.seconds = 0.0

    def load(self, daemon, number):
        world = random_world(self.random, daemon.node)
        for name in os.listdir(daemon.documents):
            if name not in world.files and not name.startswith("zz-"):
                os.unlink(os.path.join(daemon.documents, name))
        for name, document in world.files.items():
            documents.write(daemon.documents, name, document)
        daemon.write_sentinel(number)

    def round(self, number, node, prober, daemon):
        restart = number % ROUNDS_PER_START == 0
        if restart:
            daemon.stop()
            daemon.configure(**random_config(self.random, node))
        self.load(daemon, number)
        if restart:
            daemon.start()
        daemon.wait_sentinel(number)
        broken = [s for s in daemon.control("status")["sources"] if s["state"] != "good"]
        tap.equal(broken, [], "documents that were refused")
        maker = ProbeMaker(self.random, node, prober)
        one = Round(node, prober, daemon, daemon.config)
        begin = time.monotonic()
        one.run([maker.make() for _ in range(PROBES // ROUNDS)])
        self.seconds += time.monotonic() - begin
        self.total += PROBES // ROUNDS
        self.permitted += one.permitted
        self.compared += one.compared
        self.retried += one.retried
        if one.failures:
            kept = daemon.path(f"round-{number}")
            shutil.copytree(daemon.documents, kept)
            daemon.keep = True
            shown = "\n".join(one.failures[:SHOWN])
            raise tap.Failure(f"{len(one.failures)} of {PROBES // ROUNDS} packets, documents in "
                              f"{kept}, configuration {daemon.config}\n{shown}")


def main():
    daemons.need()
    program = tap.Program()
    run = Run(tap.seed())
    with random_node(run.random) as node, Prober(node) as prober, Daemon(node) as daemon:
        node.mute_all()
        for number in range(ROUNDS):
            how = "restarted" if number % ROUNDS_PER_START == 0 else "documents changed live"
            program.case(f"round {number} ({how}): kernel, evaluator and explain agree",
                         run.round, number, node, prober, daemon)
        tap.note(f"{run.total} packets in {run.seconds:.1f} s: {run.permitted} permitted, "
                 f"{run.total - run.permitted} dropped, {run.compared} explained, "
                 f"{run.retried} sent again")
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
