#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: alone
"""
The daemon is killed, restarted and stopped: what a client sees of it. On loopback, with a service
manager that keeps sockets and cache.
"""

import os
import signal
import sys
import threading
import time

import load
import place
import upstream
from lab.tap import check, equal, note, wait_for
from manager import Manager
from place import query, receive_framed
from under_manager import (NOERROR, RATE, UNANSWERED, WORKERS, World, run, tcp_query,
                           unless_stalled)

START_WITHIN = 0.3  # seconds
QUEUES_HOLD = 0.3  # seconds of RATE, for which sockets have room
SOON = 5.0  # seconds; a tenth of one where nobody else wants the processors
LOAD = 0.1  # of RATE, at least: what a machine carries that has much else to do
QUEUED = 3000  # queries that have not been read: what comes in 150 ms
CONNECTIONS = 300  # that have not been accepted
BATCH = 32  # what a worker has read and not answered when it is killed


def waited(life):
    """Seconds that its main thread could have run and did not: others had the processors."""
    with open(f"/proc/{life.pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[1]) / 1e9


def killed_under_load():
    """What is lost is counted exactly, whatever else the machine does; of the time, its own."""
    with World() as world:
        life = world.manager.start()
        with world.flood(3) as report, world.prober() as prober:
            time.sleep(1)
            killed = time.monotonic()
            world.manager.send(signal.SIGKILL)
            successor = world.manager.wait_successor(life)
            start = successor.ready - successor.began - waited(successor)
            time.sleep(0.5)
        back = prober.first_since(killed)
        lost, drops = load.lost(report), world.queue_drops()
        note(f"ready after {successor.ready - killed:.3f} s, its own start took {start:.3f} s, "
             f"first answer after {back:.3f} s; of {report['sent']} queries {lost} lost, {drops} "
             f"of them found a queue full")
        check(report["sent"] > LOAD * 3 * RATE, f"no load: {report}")
        equal(list(report["rcodes"]), ["0"], "rcodes")
        check(start < START_WITHIN, f"its start took {start:.3f} s")
        check(back < SOON, f"the first answer came after {back:.3f} s")
        # What each worker had read and not answered: one batch.
        check(lost - drops <= BATCH * WORKERS, f"{lost - drops} queries lost by us")
        check(drops == 0 or back > QUEUES_HOLD, f"{drops} found a queue full")


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
             f"{load.lost(report)} of {report['sent']} queries lost")
        equal(load.lost(report), 0, "lost queries")
        equal(list(report["rcodes"]), ["0"], "rcodes")
        check(world.manager.life is not life, "the same process")


def restart_with_misses():
    """Whether all are answered, while some wait for an upstream that takes its time."""
    with World() as world:
        world.manager.start()
        world.upstream.fast = None
        world.upstream.default = upstream.later(0.05, upstream.says("@ 60 A 192.0.2.1"))
        with world.flood(3, rate=2000, unseen=3) as report:
            for _ in range(3):
                time.sleep(0.6)
                world.manager.restart()
        note(f"{len(world.upstream.questions())} questions upstream, "
             f"{load.lost(report)} of {report['sent']} queries lost, rcodes {report['rcodes']}")
        equal(load.lost(report), 0, "lost queries")
        return list(report["rcodes"]) == ["0"]


def restarted_with_misses():
    """What upstream does not answer within 0.3 s of a restart is told SERVFAIL."""
    unless_stalled(restart_with_misses, 0.1, "SERVFAIL though upstream was quick enough")


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


def stop_with_questions_in_flight():
    """Whether both are answered."""
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
        return rcodes == (NOERROR, NOERROR)


def stopped_with_questions_in_flight():
    """What takes more than 0.8 s is told SERVFAIL."""
    unless_stalled(stop_with_questions_in_flight, 0.3, "what was in flight is not answered")


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
                equal(load.lost(report), 0, "lost queries")
                equal(list(report["rcodes"]), ["0"], "rcodes")
                world.expect_served(40)
    return case


def main():
    return run((
        ("killed under 20,000 queries a second", killed_under_load),
        ("restarted under 20,000 queries a second", restarted_under_load),
        ("restarted while some questions go upstream", restarted_with_misses),
        ("the cache outlives the process", cache_outlives),
        ("TCP: asked before a restart, answered", tcp_across_a_restart),
        ("TCP: asked while nobody runs, answered", tcp_while_nobody_runs),
        ("stopped: questions in flight are answered", stopped_with_questions_in_flight),
        ("stopped: so are those in the queues", stopped_with_questions_in_the_queue),
        ("stopped: a slow upstream is not waited for", stopped_with_a_slow_upstream),
        ("two at once, and one of them goes", two_at_once(None)),
        ("two at once everywhere, and one of them goes", two_at_once("0.0.0.0"))))


if __name__ == "__main__":
    sys.exit(main())
