# SPDX-License-Identifier: GPL-2.0-or-later
"""Test programs that report in TAP and end with 77 where the machine cannot run them."""

import concurrent.futures
import os
import random
import signal
import sys
import time
import traceback

from . import netns

SKIPPED = 77
PATIENCE = 60.0  # seconds; a machine that is busy with other things is no failure


class Failure(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failure(message)


def equal(measured, expected, what):
    check(measured == expected, f"{what}: expected {expected!r}, measured {measured!r}")


def note(text):
    for line in str(text).splitlines() or [""]:
        print(f"# {line}", flush=True)


def seed():
    value = int(os.environ.get("PODSG_SEED") or random.SystemRandom().randrange(1 << 32))
    note(f"PODSG_SEED={value}")
    return value


def skip(reason):
    print(f"1..0 # SKIP {reason}", flush=True)
    sys.exit(SKIPPED)


def need_kernel():
    reason = netns.missing()
    if reason:
        skip(reason)


def wait_for(condition, what, timeout=PATIENCE, step=0.01):
    """The condition's value once it is true; how long it took is the caller's to measure."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise Failure(f"not within {timeout:g} s: {what}")
        time.sleep(step)


def _terminated(*_):
    raise SystemExit(143)


class Program:
    """Cases run in order; each is one line of TAP, and a failure does not keep the next."""

    def __init__(self):
        self.count = 0
        self.failed = 0
        signal.signal(signal.SIGTERM, _terminated)

    def case(self, name, function, *arguments):
        self.count += 1
        try:
            function(*arguments)
        except Exception as error:  # a test must not end the program, whatever it raises
            self.failed += 1
            print(f"not ok {self.count} - {name}", flush=True)
            note(error if isinstance(error, Failure) else traceback.format_exc())
        else:
            print(f"ok {self.count} - {name}", flush=True)

    def finish(self):
        print(f"1..{self.count}", flush=True)
        return 1 if self.failed else 0


def run(cases):
    """All of (name, function), and the exit status."""
    program = Program()
    for name, function in cases:
        program.case(name, function)
    return program.finish()


class Selection(Program):
    """
    All cases, or those whose names have one of the words of the command line. They share nothing and
    mostly wait: many run at a time.
    """

    def __init__(self, at_once):
        super().__init__()
        self.pool = concurrent.futures.ThreadPoolExecutor(at_once)
        self.running = []

    def case(self, name, function, *arguments):
        if not sys.argv[1:] or any(word in name for word in sys.argv[1:]):
            self.running.append((name, self.pool.submit(function, *arguments)))

    def finish(self):
        for name, outcome in self.running:
            super().case(name, outcome.result)
        return super().finish()
