#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: alone
"""
The daemon with its interface and its tables is killed, restarted, stopped, robbed of both, and run
twice: whether a pod can resolve names all the same, by the cluster's DNS address and the
node-local one, and what is left behind.
"""

import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "dns"))

from lab import daemon, dns, netns, tap
from lab.node import Node, Pod, Service
from lab.tap import check, equal, note, wait_for

import load
import upstream
from load import FLOOD
from manager import Manager
from place import COMPLAINTS

BINARY = os.path.join(daemon.BUILD, "podsg-dnscache")
CLUSTER, LOCAL = ("172.20.0.10", "fd12:3456::a"), ("169.254.20.10", "fd00:20::10")
EVERYWHERE = CLUSTER + LOCAL
INTERFACE = "nodelocaldns"
WEB = Pod("web", ("10.0.0.60", "2001:db8::60"))
RATE = 5000  # queries a second; a stall of a second has room in the sockets
SOON = 5.0  # seconds; a tenth of one where nobody else wants the processors
BATCH, WORKERS = 32, 2


class Far(upstream.Upstream):
    """The cluster's DNS server, in its namespace."""

    def __init__(self, where, address):
        self.where = where
        super().__init__(address, dns.PORT)

    def _run(self):
        with netns.entered(self.where):
            super()._run()


class World:
    """Context manager: a daemon's directory and its manager on the node. Nothing runs yet."""

    def __init__(self, node, *words, pause=0.05):
        self.node = node
        self.where = node.name("node")
        self.directory = tempfile.mkdtemp(prefix="podsg-death-")
        self.write("podsg.yaml", json.dumps({
            "version": 1, "nftSync": {"branches": self.path("branches.json")},
            "dns": {"clusterServers": list(node.network.db), "listen": list(EVERYWHERE)}}))
        self.write("Corefile", f". {{\n    cache 3600\n    forward . {node.network.db[0]}\n}}\n")
        self.argv = [BINARY, "--config", self.path("podsg.yaml"), "-conf", self.path("Corefile"),
                     "-kubednscm", self.directory, "-metrics-listen-address", "", "--workers",
                     str(WORKERS), *words]
        self.manager = Manager(self.directory, self.argv, where=self.where, pause=pause)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def __enter__(self):
        self.manager.__enter__()
        return self

    def __exit__(self, *_):
        try:
            self.manager.__exit__()
        finally:
            self.clean_up()
        said = self.manager.log_text() if os.path.exists(self.manager.log) else ""
        shutil.rmtree(self.directory)
        check(not COMPLAINTS.search(said), said)

    def clean_up(self):
        self.node.run(*self.argv[:3], "--clean-up")

    # What there is

    def tables(self):
        lines = self.node.run("nft", "list", "tables").stdout.splitlines()
        return {line.split()[-1] for line in lines if "podsg" in line}

    def addresses(self):
        """None: the interface is not there."""
        done = self.node.run("ip", "-j", "address", "show", "dev", INTERFACE, check=False)
        if done.returncode != 0:
            return None
        link = json.loads(done.stdout)[0]
        return {entry["local"] for entry in link["addr_info"]} if "UP" in link["flags"] else set()

    def is_whole(self):
        return self.addresses() == set(EVERYWHERE) and \
            self.tables() == {"podsg-dns", "podsg-dns-away"}

    def is_gone(self):
        return self.addresses() is None and not self.tables()

    # What a pod gets

    def ask(self, server, protocol="udp", patience=tap.PATIENCE, who="web", name=None):
        message = dns.question(name or f"q{next(dns.numbers)}.example")
        answer = dns.exchange(self.node.name(who), server, protocol, message, patience)
        return None if answer is None else answer[3] & 15

    def expect_resolved(self, servers=EVERYWHERE, patience=tap.PATIENCE):
        for who in ("web", "node"):
            for server in servers:
                for protocol in ("udp", "tcp"):
                    equal(self.ask(server, protocol, patience, who), 0,
                          f"{who} asks {server} by {protocol}")

    def flood(self, server, seconds, rate=RATE):
        return load.flood(self.directory, server, dns.PORT, seconds, rate,
                          prefix=netns.command_in(self.node.name("web"), []))

    def prober(self, server):
        client = netns.make_socket(self.node.name("web"), socket.AF_INET, socket.SOCK_DGRAM)
        client.connect((server, dns.PORT))
        return load.Prober(client)


class Cases:
    def __init__(self, node):
        self.node = node

    def world(self, *words, **how):
        return World(self.node, *words, **how)

    def up(self):
        with self.world() as world:
            world.manager.start()
            check(world.is_whole(), f"{world.addresses()}, {world.tables()}")
            world.expect_resolved()

    def killed_under_load(self, server):
        with self.world() as world:
            life = world.manager.start()
            with world.flood(server, 3) as report, world.prober(server) as prober:
                time.sleep(1)
                killed = time.monotonic()
                world.manager.send(signal.SIGKILL)
                successor = world.manager.wait_successor(life)
                time.sleep(0.7)
            back = prober.first_since(killed)
            note(f"ready after {successor.ready - killed:.3f} s, first answer after {back:.3f} s, "
                 f"{load.lost(report)} of {report['sent']} queries lost")
            check(back < SOON, f"the first answer came after {back:.3f} s")
            check(load.lost(report) <= BATCH * WORKERS, report)
            check(world.is_whole(), f"{world.addresses()}, {world.tables()}")
            world.expect_resolved()
            check("level=error" not in world.manager.log_text(), world.manager.log_tail())

    def restarted_under_load(self, server):
        with self.world() as world:
            world.manager.start()
            with world.flood(server, 3) as report:
                for _ in range(2):
                    time.sleep(0.7)
                    world.manager.restart()
            note(f"{load.lost(report)} of {report['sent']} queries lost")
            equal(load.lost(report), 0, "lost queries")
            equal(list(report["rcodes"]), ["0"], "rcodes")
            check(world.is_whole(), f"{world.addresses()}, {world.tables()}")
            world.expect_resolved()
            check("level=error" not in world.manager.log_text(), world.manager.log_tail())

    def upgraded_under_load(self):
        """Another program at another path, and back."""
        with self.world() as world:
            newer = world.path("podsg-dnscache-newer")
            shutil.copy(BINARY, newer)
            world.manager.start()
            with world.flood(LOCAL[0], 3) as report:
                for path in (newer, BINARY):
                    time.sleep(0.7)
                    world.manager.argv[0] = path
                    world.manager.restart()
            note(f"{load.lost(report)} of {report['sent']} queries lost")
            equal(load.lost(report), 0, "lost queries")
            equal(list(report["rcodes"]), ["0"], "rcodes")

    def killed_for_good(self):
        with self.world() as world:
            world.manager.start()
            world.expect_resolved()
            world.manager.stopping = True
            world.manager.send(signal.SIGKILL)
            world.manager.wait_end()
            world.manager.empty_store()
            wait_for(lambda: world.ask(LOCAL[0], patience=dns.SILENCE) == 0, "resolved", SOON)
            world.expect_resolved()
            began = time.monotonic()
            world.clean_up()
            check(time.monotonic() - began < SOON, "cleaning up takes long")
            check(world.is_gone(), f"left behind: {world.addresses()}, {world.tables()}")
            world.expect_resolved(CLUSTER)

    def stopped(self):
        far = self.far
        with self.world() as world:
            world.manager.start()
            far.fast = None
            far.on("late.example", upstream.later(0.3, upstream.says("@ 60 A 192.0.2.1")))
            answers = {}

            def ask(server, protocol):
                answers[server, protocol] = world.ask(server, protocol, name="late.example")
            threads = [threading.Thread(target=ask, args=(server, protocol))
                       for server in (CLUSTER[0], LOCAL[0]) for protocol in ("udp", "tcp")]
            for thread in threads:
                thread.start()
            wait_for(lambda: far.questions("late.example"), "it is asked")
            time.sleep(0.05)
            took = world.manager.stop()
            for thread in threads:
                thread.join()
            check(took < SOON, f"it took {took:.2f} s")
            check(world.is_gone(), f"left behind: {world.addresses()}, {world.tables()}")
            check(len(answers) == 4 and set(answers.values()) == {0}, answers)
            far.fast = upstream.plain_answer
            world.expect_resolved(CLUSTER)

    def stopped_under_load(self):
        with self.world() as world:
            world.manager.start()
            # What comes afterwards is the cluster's server's to answer, and that one is slow.
            with world.flood(CLUSTER[0], 2, RATE // 5) as report:
                time.sleep(0.7)
                world.manager.stop()
            note(f"{load.lost(report)} of {report['sent']} queries lost")
            check(load.lost(report) <= BATCH * WORKERS, report)

    def robbed(self):
        with self.world() as world:
            life = world.manager.start()
            for argv in (("ip", "link", "delete", INTERFACE),
                         ("ip", "link", "set", INTERFACE, "down"),
                         ("ip", "address", "delete", LOCAL[0] + "/32", "dev", INTERFACE),
                         ("ip", "address", "delete", CLUSTER[1] + "/128", "dev", INTERFACE),
                         ("nft", "flush", "ruleset"),
                         ("nft", "delete", "table", "inet", "podsg-dns-away"),
                         ("nft", "flush", "chain", "inet", "podsg-dns-away", "prerouting")):
                if argv[:2] == ("nft", "flush"):
                    before = world.node.run("nft", "list", "ruleset").stdout
                began = time.monotonic()
                world.node.run(*argv)
                wait_for(world.is_whole, f"repaired after {' '.join(argv)}")
                note(f"{' '.join(argv)}: {time.monotonic() - began:.2f} s")
                if argv[1:] == ("flush", "ruleset"):
                    self.kube_proxy(before)
                world.expect_resolved()
            equal(len(world.manager.lives), 1, "processes")
            check(not life.ended, "it ended")

    def kube_proxy(self, ruleset):
        """Makes the tables of others again."""
        for part in ruleset.split("\ntable "):
            part = part if part.startswith("table ") else "table " + part
            if not part.startswith("table inet podsg-dns"):
                self.node.nft(part)

    def two_at_once(self, number):
        with self.world() as first:
            first.manager.start()
            with self.world() as second:
                second.manager.start()
                with second.flood(CLUSTER[0], 4) as report:
                    time.sleep(1)
                    first.manager.stopping = True
                    first.manager.send(number)
                    first.manager.wait_end()
                    first.manager.empty_store()
                    wait_for(second.is_whole, "the second one has made all of it")
                    second.expect_resolved()
                note(f"{load.lost(report)} of {report['sent']} queries lost")
                check(load.lost(report) < RATE * 0.3, report)
                second.expect_resolved()
                equal(len(second.manager.lives), 1, "processes of the second one")

    def never_starts(self):
        """A broken Corefile: whoever was served before is served by the cluster."""
        with self.world(pause=0.2) as world:
            world.manager.start()
            world.expect_resolved()
            world.write("Corefile", "nonsense {\n")
            world.manager.send(signal.SIGKILL)
            wait_for(lambda: len(world.manager.lives) > 3, "it is started again and again")
            world.expect_resolved()


def main():
    program = tap.Program()
    tap.need_kernel()
    for path in (BINARY, FLOOD):
        if not os.access(path, os.X_OK):
            tap.skip(f"{path} is not built")
    network = Node([]).network
    services = [Service(address, protocol, dns.PORT, server, dns.PORT)
                for address, server in zip(CLUSTER, network.db) for protocol in ("udp", "tcp")]
    with Node([WEB], services, tag="die") as node, \
            Far(node.name("db"), network.db[0]) as far, Far(node.name("db"), network.db[1]) as six:
        far.fast = six.fast = upstream.plain_answer
        cases = Cases(node)
        cases.far = far
        for name, case, *arguments in (
                ("up: both addresses, both families, both protocols", cases.up),
                ("killed under load, asked at the cluster's address", cases.killed_under_load,
                 CLUSTER[0]),
                ("killed under load, asked at the node-local one", cases.killed_under_load,
                 LOCAL[0]),
                ("restarted under load, asked at the cluster's address",
                 cases.restarted_under_load, CLUSTER[0]),
                ("restarted under load, asked at the node-local one", cases.restarted_under_load,
                 LOCAL[0]),
                ("upgraded under load", cases.upgraded_under_load),
                ("killed for good, then cleaned up behind", cases.killed_for_good),
                ("stopped: nothing is left, what was asked is answered", cases.stopped),
                ("stopped under load", cases.stopped_under_load),
                ("robbed of interface and tables", cases.robbed),
                ("two at once, the first one stops", cases.two_at_once, signal.SIGTERM),
                ("two at once, the first one is killed", cases.two_at_once, signal.SIGKILL),
                ("a successor that never starts", cases.never_starts)):
            if len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]):
                program.case(name, case, *arguments)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
