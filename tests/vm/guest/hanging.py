# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon that does nothing any more, and systemd's watchdog, which kills it."""

import os
import signal
import time

import system
import world
from lab.tap import check, note, wait_for
from traffic import Traffic
from world import DNSCACHE, NFT_SYNC

SLACK = 60  # seconds: the machine is emulated, and others use its host


def watchdog(unit):
    """Its patience in seconds."""
    text = system.shown(unit, "WatchdogUSec")[0]
    check(text.endswith("s") and text[:-1].isdigit(), f"WatchdogUSec of {unit}: {text}")
    return int(text[:-1])


def stop_it(unit):
    """Returns its process, which is there and answers nobody."""
    pid = system.main_pid(unit)
    os.kill(pid, signal.SIGSTOP)
    return pid


def wait_for_watchdog(unit, pid):
    begin, clock = time.monotonic(), time.time()
    system.restarted(unit, pid, watchdog(unit) + SLACK)
    said = system.whole_journal(unit, clock)
    check("Watchdog timeout" in said and "timed out" not in said, f"{unit} says:\n{said}")
    wait_for(world.in_force, "in force", world.PATIENCE, step=0.2)
    note(f"there again {time.monotonic() - begin:.1f} s after it was stopped; the watchdog waits "
         f"for {watchdog(unit)} s")


def nft_sync_hangs(one):
    with Traffic(one.node, *one.traffic_of()) as traffic:
        wait_for_watchdog(NFT_SYNC, stop_it(NFT_SYNC))
    note(traffic.summary())
    one.expect_filtered()


def dnscache_hangs(one):
    """What was asked meanwhile waits in the sockets, which are the successor's."""
    with Traffic(one.node, *one.traffic_of()) as traffic:
        pid = stop_it(DNSCACHE)
        check(not one.resolves("plain", world.LOCAL, 1.0), "it does not hang")
        check(one.resolves("strict", world.CLUSTER), "a strict pod has no DNS")
        wait_for_watchdog(DNSCACHE, pid)
        time.sleep(1)
        traffic.dns_since = time.monotonic()
        time.sleep(2)
    note(traffic.summary())
    silence = traffic.questions.said["silence"]
    check(silence < watchdog(DNSCACHE) + SLACK, f"no answer for {silence} s")
    one.expect_names()


def tests(program, one):
    program.case("podsg-nft-sync hangs: its watchdog has it started again, and nothing gets in or "
                 "breaks", nft_sync_hangs, one)
    program.case("podsg-dnscache hangs: names again when its watchdog has it started again, and "
                 "always for strict pods", dnscache_hangs, one)
