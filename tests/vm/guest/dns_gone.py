# SPDX-License-Identifier: GPL-2.0-or-later
"""podsg-dnscache.service is gone for good, each time in another way: what is left then."""

import contextlib
import ctypes
import os
import signal
import threading

import system
import world
from lab.tap import check, equal, wait_for
from world import DNSCACHE, INTERFACE

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000
DROP_IN = f"/run/systemd/system/{DNSCACHE}.d/wrong.conf"
WRONG = "[Service]\nExecStart=\nExecStart=/usr/sbin/podsg-dnscache --nonsense\n"


def expect_nothing_left(one):
    wait_for(lambda: not os.path.exists(f"/sys/class/net/{INTERFACE}") and not world.dns_tables(),
             "interface and tables go", world.PATIENCE, step=0.1)
    check(not system.is_active(DNSCACHE), "it runs")
    for who in ("plain", "strict", "standard"):
        check(one.resolves(who, world.CLUSTER), f"{who} has no DNS without the cache")


def start(one):
    system.run("systemctl", "start", DNSCACHE)
    one.expect_names()


@contextlib.contextmanager
def another_text(path, text):
    """In place of a file's own."""
    with open(path, encoding="utf-8") as file:
        before = file.read()
    world.write(path, text)
    try:
        yield
    finally:
        world.write(path, before)


def stopped_between_starts(one):
    """Whether systemd is in the middle of one is chance: several times."""
    for _ in range(3):
        with another_text(world.COREFILE, "nonsense {\n"):
            os.kill(system.main_pid(DNSCACHE), signal.SIGKILL)
            wait_for(lambda: int(system.shown(DNSCACHE, "NRestarts")[0]) > 2,
                     "it is started again and again", world.PATIENCE)
            equal(world.link_kind(INTERFACE), "dummy", "what is there between starts")
            system.run("systemctl", "stop", DNSCACHE)
            expect_nothing_left(one)
        start(one)


def hangs(one):
    """SIGTERM does nothing: after TimeoutStopSec it is killed."""
    pid = system.main_pid(DNSCACHE)
    libc = ctypes.CDLL(None, use_errno=True)
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        check(libc.ptrace(request, pid, None, None) == 0, os.strerror(ctypes.get_errno()))
    os.waitpid(pid, WALL)
    # It cannot end before whoever traces it has seen its end.
    threading.Thread(target=os.waitpid, args=(pid, WALL), daemon=True).start()
    system.run("systemctl", "stop", DNSCACHE)
    equal(system.shown(DNSCACHE, "Result"), ["timeout"], "how it was stopped")
    expect_nothing_left(one)
    start(one)


def has_a_wrong_command_line(one):
    """No other start can mend it, and none follows."""
    os.makedirs(os.path.dirname(DROP_IN))
    world.write(DROP_IN, WRONG)
    try:
        system.run("systemctl", "daemon-reload")
        os.kill(system.main_pid(DNSCACHE), signal.SIGKILL)
        wait_for(lambda: system.shown(DNSCACHE, "ActiveState") == ["failed"], "it is given up",
                 world.PATIENCE)
        expect_nothing_left(one)
    finally:
        os.unlink(DROP_IN)
        os.rmdir(os.path.dirname(DROP_IN))
        system.run("systemctl", "daemon-reload")
    start(one)


def tests(program, one):
    for name, case in (("stopped between starts that fail", stopped_between_starts),
                       ("stopped, and hanging", hangs),
                       ("given up for its command line", has_a_wrong_command_line)):
        program.case(f"podsg-dnscache {name}: nothing is left, and DNS works", case, one)
