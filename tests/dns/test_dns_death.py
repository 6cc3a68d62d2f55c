#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: alone
"""
The daemon is killed, restarted, stopped, starved, stuck, and its upstream is gone, slow and lying:
what a client sees of it. On loopback, with a service manager that keeps sockets and cache.
"""

import ctypes
import fcntl
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

import load
import place
import upstream
from lab import tap
from lab.tap import check, equal, note, wait_for
from manager import Manager
from place import BUILD, PORT, block, framed, query, receive_framed
from upstream import plain_answer

BINARY = os.path.join(BUILD, os.environ.get("PODSG_DNSCACHE", "podsg-dnscache"))
RATE = 20000
BACK_WITHIN = 0.5
LOAD = 0.1  # of RATE, at least: what a machine carries that has much else to do
QUEUED = 3000  # queries that have not been read: what comes in 150 ms
CONNECTIONS = 300  # that have not been accepted
ADDRESSES_MIN = 64 << 20  # below it the program is not even loaded
BATCH = 32  # what a worker has read and not answered when it is killed
WORKERS = 2
UNANSWERED = 4  # seconds: less than a question waits for an upstream that is silent
NOERROR, SERVFAIL = 0, 2
SO_MEMINFO = 55


def open_upstream():
    """At a port of its own: some cases listen everywhere."""
    return upstream.Upstream(place.address(2), PORT - 10000)


class World:
    """Context manager: upstream, configuration, and a manager that has not started anything."""

    def __init__(self, workers=WORKERS, words=(), **manager):
        self.directory = tempfile.mkdtemp(prefix="podsg-death-")
        self.upstream = open_upstream()
        self.upstream.fast = plain_answer
        self.write_corefile()
        with open(self.path("podsg.yaml"), "w", encoding="utf-8") as file:
            json.dump({"version": 1, "nftSync": {"branches": self.path("branches.json")},
                       "dns": {"clientOutstanding": 65536}}, file)  # the flood is one client
        self.argv = [BINARY, "--config", self.path("podsg.yaml"), "-conf", self.path("Corefile"),
                     "-setupinterface=false", "-setupiptables=false", "-kubednscm", self.directory,
                     "-metrics-listen-address", "", "--workers", str(workers), *words]
        self.manager = Manager(self.directory, self.argv, **manager)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write_corefile(self, *binds, bind=None, lines=()):
        with open(self.path("Corefile.new"), "w", encoding="utf-8") as file:
            file.write(block(".", "cache 3600", f"forward . {self.upstream.place}", *lines,
                             bind=" ".join(binds) or bind))
        os.rename(self.path("Corefile.new"), self.path("Corefile"))

    def set_workers(self, count):
        self.manager.argv[self.manager.argv.index("--workers") + 1] = str(count)

    def __enter__(self):
        self.manager.__enter__()
        return self

    def __exit__(self, *_):
        try:
            self.manager.__exit__()
        finally:
            self.upstream.close()
        said = self.manager.log_text() if os.path.exists(self.manager.log) else ""
        shutil.rmtree(self.directory)
        check(not place.COMPLAINTS.search(said), said)

    def queue_drops(self):
        """What the kernel has dropped at the UDP sockets, which outlive processes."""
        drops = 0
        with self.manager.lock:
            for name, fd in self.manager.store:
                if name.startswith("udp-"):
                    with socket.socket(fileno=os.dup(fd)) as made:
                        drops += struct.unpack("9I", made.getsockopt(socket.SOL_SOCKET, SO_MEMINFO,
                                                                     36))[-1]
        return drops

    # Clients

    def exchange(self, wire, patience=5.0, number=1):
        return place.Client(place.address(number)).send(wire, patience)

    def ask(self, name, patience=5.0, number=1):
        """The rcode; None: no answer."""
        answer = self.exchange(query(name).to_wire(), patience, number)
        return None if answer is None else answer[3] & 15

    def expect_served(self, count=20, number=1):
        for turn in range(count):
            equal(self.ask("served.example", number=number), NOERROR, f"question {turn}")

    def flood(self, seconds, rate=RATE, unseen=0):
        return load.flood(self.directory, place.address(1), PORT, seconds, rate, unseen)

    def prober(self):
        return load.Prober(place.Client().socket())


# Killed and restarted

def kill_under_load():
    """Whether the first answer came in time, and no more was lost than could not be helped."""
    with World() as world:
        life = world.manager.start()
        with world.flood(3) as report, world.prober() as prober:
            time.sleep(1)
            killed = time.monotonic()
            world.manager.send(signal.SIGKILL)
            successor = world.manager.wait_successor(life)
            time.sleep(0.5)
        back = prober.first_since(killed)
        note(f"ready after {successor.ready - killed:.3f} s, first answer after {back:.3f} s, "
             f"{report['lost']} of {report['sent']} queries lost")
        check(report["sent"] > LOAD * 3 * RATE, f"no load: {report}")
        equal(list(report["rcodes"]), ["0"], "rcodes")
        # What each worker had read and not answered: one batch.
        by_us = report["lost"] - world.queue_drops()
        return back < BACK_WITHIN and by_us <= BATCH * WORKERS


def killed_under_load():
    """The best of three: where a machine does something else meanwhile, the flood's own queues run
    over, too."""
    check(any(kill_under_load() for _ in range(3)), "three times too late, or too much was lost")


def restarted_under_load():
    with World() as world:
        life = world.manager.start()
        with world.flood(4) as report, world.prober() as prober:
            times = []
            for _ in range(3):
                time.sleep(0.5)
                times.append(time.monotonic())
                world.manager.restart()
            time.sleep(0.5)
        equal([l.status for l in world.manager.lives[:-1]], [0, 0, 0], "exit statuses")
        note(f"first answers after {[round(prober.first_since(t), 3) for t in times]} s, "
             f"{report['lost']} of {report['sent']} queries lost")
        equal(report["lost"], 0, "lost queries")
        equal(list(report["rcodes"]), ["0"], "rcodes")
        check(world.manager.life is not life, "the same process")



def restart_with_misses():
    """The rcodes, while some wait for an upstream that takes its time."""
    with World() as world:
        world.manager.start()
        world.upstream.fast = None
        world.upstream.default = upstream.later(0.05, upstream.says("@ 60 A 192.0.2.1"))
        with world.flood(3, rate=2000, unseen=3) as report:
            for _ in range(3):
                time.sleep(0.6)
                world.manager.restart()
        note(f"{len(world.upstream.questions())} questions upstream, "
             f"{report['lost']} of {report['sent']} queries lost, rcodes {report['rcodes']}")
        equal(report["lost"], 0, "lost queries")
        return list(report["rcodes"])


def restarted_with_misses():
    """What upstream does not answer within 0.3 s of a restart is told SERVFAIL; that it takes so
    long may be the machine's fault."""
    check(any(restart_with_misses() == ["0"] for _ in range(3)), "three times SERVFAIL")


# What outlives a process

def cache_outlives():
    with World() as world:
        life = world.manager.start()
        equal(world.ask("kept.example"), NOERROR, "the first answer")
        world.upstream.fast = lambda wire: None
        asked = world.upstream.count
        world.manager.restart()
        equal(world.ask("kept.example"), NOERROR, "after a restart")
        life = world.manager.life
        world.manager.send(signal.SIGKILL)
        world.manager.wait_successor(life)
        equal(world.ask("kept.example"), NOERROR, "after a kill")
        equal(world.upstream.count, asked, "questions upstream")
        equal(world.manager.names().count("cache"), 1, "caches in the store")


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
    os.ftruncate(made, os.fstat(fd).st_size)
    os.pwrite(made, os.pread(fd, 1 << 20, 0), 0)
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


# TCP

def tcp_query(connection, name):
    connection.sendall(framed(query(name).to_wire()))


def tcp_across_a_restart():
    with World() as world:
        manager = world.manager
        manager.start()
        world.upstream.fast = None
        gate = upstream.Gate(upstream.says("@ 60 A 192.0.2.1"))
        world.upstream.on("slow.example", gate)
        client = place.Client()
        with client.connect() as waits, client.connect() as sent:
            tcp_query(waits, "slow.example")
            wait_for(lambda: world.upstream.questions("slow.example"), "it is asked")
            manager.send(signal.SIGSTOP)
            tcp_query(sent, "fast.example")
            manager.send(signal.SIGUSR2)
            manager.send(signal.SIGCONT)
            gate.open()
            for connection in (waits, sent):
                equal(receive_framed(connection)[3] & 15, NOERROR, "the answer")
        manager.wait_successor(manager.lives[0])


def tcp_while_nobody_runs():
    with World(pause=1.5) as world:
        manager = world.manager
        manager.start()
        for number in (signal.SIGKILL, signal.SIGUSR2):
            life = manager.life
            manager.send(number)
            manager.wait_end(life)
            with place.Client().connect() as connection:
                tcp_query(connection, "queued.example")
                check(not manager.life.ready or manager.life is life, "too late for a test")
                equal(receive_framed(connection)[3] & 15, NOERROR, "the answer")
            manager.wait_successor(life)


# Stopped

def stop_with_questions_in_flight():
    """The rcodes."""
    with World() as world:
        world.manager.start()
        world.upstream.fast = None
        gate = upstream.Gate(upstream.says("@ 60 A 192.0.2.1"))
        world.upstream.default = gate
        client = place.Client()
        with client.socket() as udp, client.connect() as tcp:
            udp.send(query("udp.example").to_wire())
            tcp_query(tcp, "tcp.example")
            wait_for(lambda: len(world.upstream.questions()) == 2, "both are asked")
            threading.Timer(0.1, gate.open).start()
            took = world.manager.stop()
            rcodes = udp.recv(512)[3] & 15, receive_framed(tcp)[3] & 15
        check(took < UNANSWERED, f"it took {took:.2f} s")
        equal(world.manager.life.status, 0, "exit status")
        return rcodes


def stopped_with_questions_in_flight():
    """What takes more than 0.8 s is told SERVFAIL, be it that the machine stood still."""
    check(any(stop_with_questions_in_flight() == (NOERROR, NOERROR) for _ in range(3)),
          "what was in flight is not answered")


def stopped_with_questions_in_the_queue():
    with World() as world:
        manager = world.manager
        manager.start()
        world.expect_served(1)
        clients = [place.Client().socket() for _ in range(100)]
        connection = place.Client().connect()
        manager.send(signal.SIGSTOP)
        for client in clients:
            for _ in range(QUEUED // len(clients)):
                client.send(query("served.example").to_wire())
        tcp_query(connection, "served.example")
        late = [place.Client().connect() for _ in range(CONNECTIONS)]
        for client in late:
            tcp_query(client, "served.example")
        threading.Timer(0.1, manager.send, (signal.SIGCONT,)).start()
        manager.stop()
        for client in clients:
            client.settimeout(place.PATIENCE)
            for _ in range(QUEUED // len(clients)):
                equal(client.recv(512)[3] & 15, NOERROR, "an answer")
            client.close()
        for client in (connection, *late):
            equal(receive_framed(client)[3] & 15, NOERROR, "an answer over TCP")
            client.close()


def stopped_with_a_slow_upstream():
    with World() as world:
        world.manager.start()
        world.upstream.fast = lambda wire: None
        with place.Client().socket() as udp:
            udp.send(query("never.example").to_wire())
            wait_for(lambda: world.upstream.count, "it is asked")
            took = world.manager.stop()
        check(took < UNANSWERED, f"it took {took:.2f} s")
        equal(world.manager.life.status, 0, "exit status")


# What is in the store

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


def two_at_once(bind):
    """Two generations: each has its half of the queries, and takes none along when it goes."""
    def case():
        with World() as world:
            world.write_corefile(bind=bind)
            directory = world.path("other")
            os.mkdir(directory)
            world.manager.start()
            with Manager(directory, world.argv) as other:
                other.start()
                with world.flood(2) as report:
                    time.sleep(0.7)
                    world.manager.stop()
                    time.sleep(0.7)
                equal(report["lost"], 0, "lost queries")
                equal(list(report["rcodes"]), ["0"], "rcodes")
                world.expect_served(40)
    return case


# Upstream

def upstream_gone():
    with World() as world:
        world.manager.start()
        world.expect_served(1)
        world.upstream.close()
        began = time.monotonic()
        equal(world.ask("new.example", place.PATIENCE), SERVFAIL, "the answer")
        took = time.monotonic() - began
        note(f"SERVFAIL after {took:.2f} s")
        check(took < 9, f"it took {took:.2f} s")
        world.expect_served(5)
        world.upstream = open_upstream()
        wait_for(lambda: world.ask(f"n{time.monotonic_ns()}.example") == NOERROR, "served", 10)


def upstream_slow():
    with World() as world:
        world.manager.start()
        world.expect_served(1)
        world.upstream.fast = None
        world.upstream.default = upstream.later(3, upstream.says("@ 60 A 192.0.2.1"))
        with place.Client().socket() as client:
            began = time.monotonic()
            client.send(query("slow.example").to_wire())
            hits = [place.Client().ask("served.example").took for _ in range(5)]
            check(statistics.median(hits) < 0.5, f"hits wait for a miss: {hits}")
            rcode = client.recv(512)[3] & 15
        took = time.monotonic() - began
        note(f"rcode {rcode} after {took:.2f} s")
        check(rcode in (NOERROR, SERVFAIL) and took < 9, f"rcode {rcode} after {took:.2f} s")


def upstream_lies():
    lies = {
        "id.example": upstream.wrong_id("@ 60 A 192.0.2.66"),
        "question.example": upstream.wrong_question("other.example", "@ 60 A 192.0.2.66"),
        "runt.example": upstream.raw(lambda asked: asked.wire[:5]),
        "mutated.example": upstream.mutated(tap.seed(), "@ 60 A 192.0.2.66"),
    }
    with World() as world:
        world.manager.start()
        world.upstream.fast = None
        for name, lie in lies.items():
            world.upstream.on(name, lie)
        clients = {name: place.Client().socket() for name in lies}
        for name, client in clients.items():
            client.send(query(name).to_wire())
        for name, client in clients.items():
            rcode = client.recv(512)[3] & 15
            check(rcode == SERVFAIL or name == "mutated.example", f"{name}: rcode {rcode}")
            client.close()
        equal(world.ask("other.example"), NOERROR, "a name that a lie was about")
        equal(len(world.manager.lives), 1, "processes")


# Stuck

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def threads_of(life):
    return sorted(int(name) for name in os.listdir(f"/proc/{life.pid}/task"))


def freeze(thread):
    """One thread stands still, the others go on."""
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if libc.ptrace(request, thread, None, None) != 0:
            tap.check(False, f"ptrace: {os.strerror(ctypes.get_errno())}")
    os.waitpid(thread, WALL)


def bury(thread):
    """Its process cannot end before whoever traces it has seen its end."""
    threading.Thread(target=os.waitpid, args=(thread, WALL), daemon=True).start()


def worker_is_stuck():
    with World() as world:
        life = world.manager.start()
        world.expect_served(1)
        thread = threads_of(life)[-1]
        freeze(thread)
        bury(thread)
        began = time.monotonic()
        world.manager.wait_successor(life, 30)
        note(f"given up after {time.monotonic() - began:.1f} s")
        equal(life.status, -signal.SIGABRT, "status")
        # Its clients may miss it before the main thread does.
        check(re.search(r'event=stuck text="(.*does not turn|no answer on )',
                        world.manager.log_text()), world.manager.log_tail())
        world.expect_served(40)


def main_thread_is_stuck():
    with World(watchdog=3.0) as world:
        life = world.manager.start()
        time.sleep(4)
        check(not life.ended, "ended although it is well")
        freeze(life.pid)
        world.expect_served(20)
        world.manager.wait_successor(life, 30)
        equal(life.status, -signal.SIGABRT, "status")
        world.expect_served(40)


# Starved

def library(directory):
    made = os.path.join(directory, "fault.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fault.c")
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O1", "-shared", "-fPIC", "-o", made,
                    source], check=True)
    return made


def lives_or_ends(world, what):
    """
    Answers, SERVFAIL among them, or ends; never hangs. libuv and libcrypto abort or crash where
    memory fails them at the start; another process comes then, as after any other end.
    """
    manager = world.manager
    life = manager.launch()
    wait_for(lambda: life.ready or life.ended, f"{what}: ready or ended", 10)
    answers = []
    if life.ready:
        answers = [world.ask(name, 1.0) for name in ("a.example", "b.example", "a.example")]
        world.upstream.fast = plain_answer
        manager.stop(timeout=10)
        equal(life.status, 0, f"{what}: status")
    elif life.status == 1:
        check("failed" in manager.log_tail(1), f"{what}: says nothing:\n{manager.log_tail()}")
    manager.stopping = True
    manager.empty_store()
    return bool(life.ready), answers


def allocation_fails():
    dice = random.Random(tap.seed())
    with World() as world:
        world.manager.stopping = True
        world.manager.environment["LD_PRELOAD"] = library(world.directory)
        ran = answered = 0
        for turn in range(60):
            first = int(10 ** dice.uniform(0, 3.6))
            count = dice.choice((1, 1, 3, 30))
            world.manager.environment.update(FAULT_FIRST=str(first), FAULT_COUNT=str(count))
            ready, answers = lives_or_ends(world, f"allocation {first} and {count} from there")
            ran += ready
            answered += any(answer is not None for answer in answers)
        note(f"{ran} of 60 became ready, {answered} answered")
        equal(answered, ran, "how many of those that were ready answered")


def address_space_is_short():
    with World() as world:
        life = world.manager.start()
        with open(f"/proc/{life.pid}/status", encoding="utf-8") as file:
            peak = next(int(line.split()[1]) for line in file if line.startswith("VmPeak")) * 1024
        world.manager.stop()
        world.manager.stopping = True
        outcomes = []
        for limit in (*(peak * percent // 100 for percent in (150, 100, 95, 90, 80, 60, 40, 25)),
                      ADDRESSES_MIN):
            world.manager.before_exec = lambda limit=limit: resource.setrlimit(
                resource.RLIMIT_AS, (limit, limit))
            outcomes.append((limit, *lives_or_ends(world, f"{limit} of {peak}")))
        note(outcomes)
        check(outcomes[0][1] and not outcomes[-1][1], "the limits are not where they matter")


MS_RDONLY, MS_REC, MS_PRIVATE, CLONE_NEWNS = 1, 16384, 1 << 18, 0x20000
MOUNTS = {"full": (0, b"size=4096,nr_inodes=1"), "read-only": (MS_RDONLY, b"size=4096")}


def nothing_can_be_written(kind):
    flags, options = MOUNTS[kind]

    def case():
        directory = tempfile.mkdtemp(prefix="podsg-run-")
        with World(words=("-pidfile", os.path.join(directory, "pid"))) as world:
            def mount():
                if libc.unshare(CLONE_NEWNS) != 0 or \
                        libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) != 0 or \
                        libc.mount(b"tmpfs", directory.encode(), b"tmpfs", flags, options) != 0:
                    os._exit(99)
            world.manager.before_exec = mount
            world.manager.start()
            world.expect_served(40)
            equal(world.manager.log_text().count("pid-file-not-written"), 1, "how often it is said")
            world.manager.restart()
            world.expect_served(40)
        os.rmdir(directory)
    return case


def a_pipe():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    return reader, writer


def a_socket():
    """As journald's stream is one."""
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return reader.detach(), writer.detach()


def a_full_disk():
    return os.open("/dev/null", os.O_RDONLY), os.open("/dev/full", os.O_WRONLY)


def nobody_reads(make):
    """Neither its log nor that of queries, each longer than what is between: it answers."""
    def case():
        with World() as world:
            world.write_corefile(lines=("log", "errors"))
            reader, writer = make()
            passed = fcntl.fcntl(writer, fcntl.F_DUPFD, 2000)

            def instead_of_a_log():
                os.dup2(passed, 1)
                os.dup2(passed, 2)
            world.manager.before_exec = instead_of_a_log
            life = world.manager.start()
            world.upstream.fast = lambda wire: plain_answer(wire) if b"served" in wire else None
            with place.Client().socket() as waits:
                for number in range(100):
                    waits.send(query(f"n{number}.silent").to_wire())
                world.expect_served(2000)
                for _ in range(100):
                    equal(waits.recv(512)[3] & 15, SERVFAIL, "what upstream does not answer")
            world.manager.send(signal.SIGHUP)
            time.sleep(1)
            world.expect_served(40)
            check(not life.ended, "it ended")
            took = world.manager.stop()
            check(took < 5, f"it took {took:.2f} s to stop")
            for fd in (reader, writer, passed):
                os.close(fd)
    return case


# The wall clock

def clock_jumps():
    with World() as world:
        with open(world.path("clock"), "wb") as file:
            file.write(bytes(8))
        world.manager.environment.update(LD_PRELOAD=library(world.directory),
                                         FAULT_CLOCK=world.path("clock"))
        life = world.manager.start()
        world.expect_served(1)
        asked = world.upstream.count
        for years in (10, -10, 0):
            with open(world.path("clock"), "r+b") as file:
                file.write(struct.pack("<q", years * 365 * 86400))
            answer = place.Client().ask("served.example")
            check(3590 <= answer.ttl <= 3600, f"TTL {answer.ttl} after {years} years")
            equal(world.upstream.count, asked, "questions upstream")
            equal(world.ask(f"y{years + 10}.example", 1.0), NOERROR, "a new name")
            asked += 1
        time.sleep(1.5)
        check(not life.ended, "it ended")


def main():
    program = tap.Program()
    for path in (BINARY, load.FLOOD):
        if not os.access(path, os.X_OK):
            tap.skip(f"{path} is not built")
    os.environ["PODSG_SEED"] = str(tap.seed())  # one for all cases
    cases = [
        ("killed under 20,000 queries a second", killed_under_load),
        ("restarted under 20,000 queries a second", restarted_under_load),
        ("restarted while some questions go upstream", restarted_with_misses),
        ("the cache outlives the process", cache_outlives),
        ("a cache of another layout is not taken", cache_of_another_version(other_layout)),
        ("nor one of another size", cache_of_another_version(other_size)),
        ("nor one that somebody could shrink", cache_of_another_version(not_sealed)),
        ("nor what is no memory at all", cache_of_another_version(not_memory)),
        ("a damaged cache harms nobody", cache_is_damaged),
        ("TCP: asked before a restart, answered", tcp_across_a_restart),
        ("TCP: asked while nobody runs, answered", tcp_while_nobody_runs),
        ("stopped: questions in flight are answered", stopped_with_questions_in_flight),
        ("stopped: so are those in the queues", stopped_with_questions_in_the_queue),
        ("stopped: a slow upstream is not waited for", stopped_with_a_slow_upstream),
        ("fewer workers leave no socket behind", fewer_workers),
        ("addresses that are served no more leave none", other_addresses),
        ("a refused reload leaves none", refused_reload),
        ("sockets in the store that are not ours", foreign_sockets),
        ("a store that is too small", small_store),
        ("two at once, and one of them goes", two_at_once(None)),
        ("two at once everywhere, and one of them goes", two_at_once("0.0.0.0")),
        ("upstream is gone", upstream_gone),
        ("upstream takes three seconds", upstream_slow),
        ("upstream lies", upstream_lies),
        ("a stuck worker ends the process", worker_is_stuck),
        ("a stuck main thread does", main_thread_is_stuck),
        ("an allocation fails", allocation_fails),
        ("the address space is short", address_space_is_short),
        ("a pipe that nobody reads its log from", nobody_reads(a_pipe)),
        ("a socket that nobody reads its log from", nobody_reads(a_socket)),
        ("a full disk for its log", nobody_reads(a_full_disk)),
        ("the wall clock jumps", clock_jumps),
    ]
    if os.geteuid() == 0:
        cases += [(f"a {kind} directory for the process number", nothing_can_be_written(kind))
                  for kind in MOUNTS]
    for name, case in cases:
        if len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]):
            program.case(name, case)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
