#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
podsg's packages on a node of their own: a virtual machine with systemd, Debian's cloud kernel, a
real trunk and a reboot. tests/vm/guest says what is tried there, and its TAP is passed on.
"""

import os
import signal
import sys
import tempfile

import machine
import payload
from lab import tap

SILENCE = 600  # seconds: the longest case, on a machine that has other things to do
TOTAL = 1700
LOGS = os.path.join(payload.BUILD, "test-logs")


def relay(one):
    """Returns how many tests have failed."""
    finished, failed = False, 0
    for line in one.lines(SILENCE, TOTAL):
        print(line, flush=True)
        finished = finished or line.startswith("1..")
        failed += line.startswith("not ok")
    if not finished:
        raise machine.Ended("the machine ended before its tests did")
    return failed


def main():
    reason = payload.missing() or machine.missing()
    if reason:
        tap.skip(reason)
    os.makedirs(LOGS, exist_ok=True)
    console = os.path.join(LOGS, "vm-console.log")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="podsg-vm-") as directory:
        packed = payload.pack(directory)
        try:
            with machine.Machine(machine.image(), packed, console) as one:
                return 1 if relay(one) else 0
        except machine.Ended as ended:
            tap.note(f"{ended}\n{machine.tail(console)}")
            print("not ok - the machine comes to its end", flush=True)
            return 1


if __name__ == "__main__":
    sys.exit(main())
