#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: alone
"""
The cache grows beyond what its control group may have, and the kernel kills it: pods resolve names
meanwhile, and what follows does not go on dying of the cache that it was left. Who starts it is
told before.
"""

import contextlib
import itertools
import json
import os
import re
import struct
import subprocess
import sys
import threading
import time

from lab import daemon, memory_group, netns, tap
from lab.memory_group import MemoryGroup
from lab.node import Node, Service
from lab.tap import check, equal, note, wait_for
from test_dns_death import BINARY, CLUSTER, EVERYWHERE, FLOOD, LOCAL, SOON, WEB, Far, World, dns

MEBIBYTE = 1 << 20
ROOM = 24 * MEBIBYTE  # beyond what it has when it starts
SETTLED = 3  # seconds
NAMES = 20
GROWTH = 240  # seconds at most; it is quicker than a tenth of that
UNIT = os.path.join(daemon.ROOT, "packaging", "systemd", "podsg-dnscache.service")
USUAL = None  # dns.memory is not written
DATA = b"\xfa" + b"x" * 250


def large_answer(wire):
    """Four TXT records of 251 bytes each, whatever is asked."""
    end = wire.index(b"\0", 12) + 5
    record = b"\xc0\x0c\0\x10\0\1\0\0\x0e\x10" + struct.pack("!H", len(DATA)) + DATA
    return wire[:2] + b"\x81\x80\0\1\0\4\0\0\0\0" + wire[12:end] + 4 * record


class Limited(World):
    """A daemon in a control group, which has less than dns.memory allows, or has not."""

    def __init__(self, node, group, memory="512MiB"):
        super().__init__(node)
        memory = {} if memory == USUAL else {"memory": memory}
        self.write("podsg.yaml", json.dumps({
            "version": 1, "nftSync": {"branches": self.path("branches.json")},
            "dns": {"clusterServers": list(node.network.db), "listen": list(EVERYWHERE),
                    **memory}}))
        self.manager.before_exec = group.join
        self.group = group

    @contextlib.contextmanager
    def growth(self):
        """New names are asked for, as fast as they are answered."""
        self.write("none", "served.example A\n")
        argv = netns.command_in(self.node.name("web"), [
            FLOOD, "-s", "8", "-w", "256", "-t", str(GROWTH), "-r", "1500", "-u", "100", "-d",
            "new.example", CLUSTER[0], str(dns.PORT), self.path("none")])
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.kill()
            process.wait()


class Asker:
    """
    Context manager: a pod asks at both addresses, again and again; how long it got nothing. For a few
    names, as new ones would fill the cache, too.
    """

    def __init__(self, world):
        self.world = world
        self.longest = 0.0

    def __enter__(self):
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.running = False
        self.thread.join()

    def _run(self):
        for number in itertools.count():
            if not self.running:
                return
            name = f"few{number % NAMES}.example"
            for server in (CLUSTER[0], LOCAL[0]):
                began = time.monotonic()
                while self.world.ask(server, patience=0.1, name=name) != 0 and self.running:
                    pass
                self.longest = max(self.longest, time.monotonic() - began)


def unit_limit():
    """MiB that systemd gives the service, as it is installed."""
    with open(UNIT, encoding="ascii") as file:
        return int(re.search(r"^MemoryMax=(\d+)M$", file.read(), re.MULTILINE)[1])


class Cases:
    def __init__(self, node):
        self.node = node

    def warnings(self, group, memory):
        """Of limits, said until it is ready."""
        with Limited(self.node, group, memory) as world:
            world.manager.start()
            lines = world.manager.log_text().splitlines()
        return [line for line in lines if "event=memory-limit-low" in line]

    def told_of_a_low_limit(self):
        """By both figures and the group's name, once; also of a limit of a group above its own."""
        name = f"podsg-dns-limit-{os.getpid()}"
        with MemoryGroup(name) as above, MemoryGroup(os.path.join(name, "own")) as own:
            for limit, memory, is_told in (
                    (unit_limit(), USUAL, False), (128, "64MiB", False), (128, "112MiB", False),
                    (128, "113MiB", True), (128, "128MiB", True), (128, "1GiB", True)):
                above.set_limit(limit * MEBIBYTE)
                said = self.warnings(own, memory)
                equal(len(said), int(is_told), f"warnings of {memory} below {limit} MiB: {said}")
                if is_told:
                    amount = memory.replace("1GiB", "1024MiB").replace("MiB", " MiB")
                    for word in (f"dns.memory is {amount},", f"{name} ", f" {limit} MiB"):
                        check(word in said[0], f"{said[0]} lacks {word}")

    def killed_for_memory(self):
        with MemoryGroup(f"podsg-dns-{os.getpid()}") as group, Limited(self.node, group) as world:
            world.manager.start()
            world.expect_resolved()
            limit = group.usage + ROOM
            group.set_limit(limit)
            with Asker(world) as asker:
                with world.growth():
                    wait_for(lambda: group.kills > 0, "the kernel kills it", GROWTH)
                time.sleep(SETTLED)
                wait_for(lambda: world.manager.life.ready and not world.manager.life.ended and
                         time.monotonic() - world.manager.life.began > SETTLED,
                         "one lives on, now that nothing grows any more")
            note(f"limit {limit >> 20} MiB, killed {group.kills} times, "
                 f"{len(world.manager.lives)} processes, "
                 f"{asker.longest:.2f} s without an answer at most")
            check(asker.longest < SOON, f"{asker.longest:.2f} s without an answer")
            check(world.is_whole(), f"{world.addresses()}, {world.tables()}")
            world.expect_resolved()


def main():
    program = tap.Program()
    tap.need_kernel()
    for path in (BINARY, FLOOD):
        if not os.access(path, os.X_OK):
            tap.skip(f"{path} is not built")
    if reason := memory_group.missing():
        tap.skip(reason)
    network = Node([]).network
    services = [Service(address, protocol, dns.PORT, server, dns.PORT)
                for address, server in zip(CLUSTER, network.db) for protocol in ("udp", "tcp")]
    with Node([WEB], services, tag="mem") as node, \
            Far(node.name("db"), network.db[0]) as far, Far(node.name("db"), network.db[1]) as six:
        far.fast = six.fast = large_answer
        cases = Cases(node)
        program.case("a low limit is told of at the start", cases.told_of_a_low_limit)
        program.case("killed for its memory", cases.killed_for_memory)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
