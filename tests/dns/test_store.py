#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
What the service manager's store holds for the next process, and what that one makes of a cache and
of sockets that it cannot use.
"""

import os
import random
import signal
import socket
import struct
import sys

import place
from lab import tap
from lab.tap import check, equal, wait_for
from place import PORT
from under_manager import WORKERS, World, run


def other_layout(fd):
    os.pwrite(fd, struct.pack("<I", 99), 8)
    return fd


def other_size(fd):
    os.close(fd)
    made = os.memfd_create("other")
    os.ftruncate(made, 8192)
    return made


def not_sealed(fd):
    made = os.memfd_create("other")
    size = os.fstat(fd).st_size
    while (done := os.lseek(made, 0, os.SEEK_CUR)) < size:
        check(os.sendfile(made, fd, done, size - done) > 0, "the copy is not whole")
    os.close(fd)
    return made


def not_memory(fd):
    os.close(fd)
    return os.open("/dev/null", os.O_RDWR)


def cache_of_another_version(change):
    def case():
        with World() as world:
            manager = world.manager
            manager.start()
            world.expect_served(1)
            manager.stopping = True
            manager.send(signal.SIGKILL)
            manager.wait_end()
            manager.store = [(name, change(fd) if name == "cache" else fd)
                             for name, fd in manager.store]
            asked = world.upstream.count
            for _ in range(2):
                manager.start()
                world.expect_served(3)
                equal(manager.names().count("cache"), 1, "caches in the store")
                equal(world.upstream.count, asked + 1, "asked anew, once")
                manager.stopping = True
                manager.send(signal.SIGUSR2)
                manager.wait_end()
    return case


def cache_is_damaged():
    """Whatever it says then, it answers."""
    dice = random.Random(tap.seed())
    with World() as world:
        manager = world.manager
        manager.start()
        names = [f"n{number}.example" for number in range(100)]
        for _ in range(5):
            for name in names:
                check(world.ask(name) is not None, f"no answer to {name}")
            manager.stopping = True
            manager.send(signal.SIGKILL)
            manager.wait_end()
            fd = dict(manager.store)["cache"]
            at = os.lseek(fd, 4096, os.SEEK_DATA)
            while at >= 0:
                for _ in range(200):
                    os.pwrite(fd, dice.randbytes(dice.randint(1, 8)), at + dice.randrange(4096))
                try:
                    at = os.lseek(fd, at + 4096, os.SEEK_DATA)
                except OSError:
                    at = -1
            manager.start()
        equal([life.status for life in manager.lives[:-1]], [-signal.SIGKILL] * 5, "statuses")


def names_of(*numbers, workers):
    return sorted(["cache"] + [f"{kind}-{place.address(number)}-{PORT}-{worker}"
                               for kind in ("udp", "tcp") for number in numbers
                               for worker in range(workers)])


def fewer_workers():
    with World(workers=4) as world:
        manager = world.manager
        manager.start()
        world.expect_served(1)
        for workers in (1, 4, 2):
            world.set_workers(workers)
            manager.restart()
            equal(manager.names(), names_of(1, workers=workers), "what is stored")
            world.expect_served(40)
        check(not manager.polled, f"a socket error would drop {manager.polled}")


def other_addresses():
    with World() as world:
        manager = world.manager
        world.write_corefile(place.address(1), place.address(3))
        manager.start()
        equal(manager.names(), names_of(1, 3, workers=WORKERS), "what is stored")
        for change in (manager.restart, lambda: manager.send(signal.SIGUSR1)):
            world.write_corefile(place.address(1))
            change()
            wait_for(lambda: manager.names() == names_of(1, workers=WORKERS), "3 is forgotten")
            with place.Client(place.address(3)).socket() as client:
                client.send(b"?" * 12)
                try:
                    client.recv(512)
                except ConnectionRefusedError:
                    pass
                else:
                    raise tap.Failure("an answer from an address that is served no more")
            world.write_corefile(place.address(1), place.address(3))
            manager.send(signal.SIGUSR1)
            wait_for(lambda: manager.names() == names_of(1, 3, workers=WORKERS), "3 is back")
            world.expect_served(40, 3)


def refused_reload():
    """Of two new addresses one cannot be had: the other one must not swallow what comes later."""
    with World() as world, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as occupant:
        manager = world.manager
        manager.start()
        occupant.bind((place.address(4), PORT))
        world.write_corefile(place.address(1), place.address(3), place.address(4))
        manager.send(signal.SIGUSR1)
        wait_for(lambda: "corefile-refused" in manager.log_text(), "it is refused")
        equal(manager.names(), names_of(1, workers=WORKERS), "what is stored")
        occupant.close()
        manager.send(signal.SIGUSR1)
        wait_for(lambda: "corefile-reloaded" in manager.log_text(), "it is taken")
        for number in (1, 3, 4):
            world.expect_served(40, number)


def foreign_sockets():
    """By the names of ours: of another address, shut, and of another kind."""
    with World() as world:
        manager = world.manager
        address = place.address(1)
        elsewhere, shut = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
        elsewhere.bind((place.address(9), PORT))
        shut.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shut.bind((address, PORT))
        manager.store = [(f"udp-{address}-{PORT}-0", elsewhere.detach()),
                         (f"tcp-{address}-{PORT}-0", shut.detach()),
                         (f"udp-{address}-{PORT}-1", os.open("/dev/null", os.O_RDONLY)),
                         ("unknown", os.open("/dev/null", os.O_RDONLY))]
        manager.start()
        equal(manager.names(), names_of(1, workers=WORKERS), "what is stored")
        world.expect_served(40)
        client = place.Client()
        for _ in range(20):
            equal(client.ask("served.example", tcp=True).rcode, "NOERROR", "over TCP")


def small_store():
    """What finds no room is opened anew."""
    with World(store_max=2) as world:
        world.manager.start()
        for _ in range(2):
            world.manager.restart()
            equal(len(world.manager.names()), 2, "what is stored")
            world.expect_served(40)


def main():
    return run((
        ("a cache of another layout is not taken", cache_of_another_version(other_layout)),
        ("nor one of another size", cache_of_another_version(other_size)),
        ("nor one that somebody could shrink", cache_of_another_version(not_sealed)),
        ("nor what is no memory at all", cache_of_another_version(not_memory)),
        ("a damaged cache harms nobody", cache_is_damaged),
        ("fewer workers leave no socket behind", fewer_workers),
        ("addresses that are served no more leave none", other_addresses),
        ("a refused reload leaves none", refused_reload),
        ("sockets in the store that are not ours", foreign_sockets),
        ("a store that is too small", small_store)))


if __name__ == "__main__":
    sys.exit(main())
