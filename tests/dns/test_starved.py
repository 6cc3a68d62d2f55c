#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
The daemon without what it needs: its upstream is gone, slow or lying, a thread does not run, memory
fails, nothing can be written, and the wall clock jumps.
"""

import ctypes
import fcntl
import os
import random
import re
import resource
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

import place
import upstream
from lab import tap
from lab.tap import check, equal, note, wait_for
from place import query
from under_manager import NOERROR, SERVFAIL, World, open_upstream, run
from upstream import plain_answer

ADDRESSES_MIN = 64 << 20  # bytes; below it the program is not even loaded
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MS_REC, MS_PRIVATE, CLONE_NEWNS = 1, 16384, 1 << 18, 0x20000
MOUNTS = {"full": (0, b"size=4096,nr_inodes=1"), "read-only": (MS_RDONLY, b"size=4096")}


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
    cases = [
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
    return run(cases)


if __name__ == "__main__":
    sys.exit(main())
