# SPDX-License-Identifier: GPL-2.0-or-later
"""A kubelet that a program starts, not the boot: what the drop-in for its unit is for."""

import contextlib
import json
import os

import system
import world
from lab.tap import check, equal, wait_for
from world import NFT_SYNC

SHIPPED = "/usr/share/doc/podsg-hooks/examples/kubelet.service.d/10-podsg.conf"
KUBELET = "kubelet.service"
FIRST = ("podsg-boot.service", "podsg-close.service")
SLOW = "[Service]\nExecStartPre=/bin/sleep 2\n"
SEEN = "/run/kubelet-journal"
ENTRY = "0123456789abcdef:eth0.json"
OLD = {"version": 1, "sandbox": "0123456789abcdef", "ifname": "eth0",
       "boot": "11111111-2222-3333-4444-555555555555", "namespace": "default", "pod": "old-0",
       "created": 1_790_000_000_000, "mode": "strict", "state": "ready"}


@contextlib.contextmanager
def drop_ins(files):
    """{path: text}; each is the only one in its directory."""
    for path, text in files.items():
        os.makedirs(os.path.dirname(path))
        world.write(path, text)
    system.run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        for path in files:
            os.unlink(path)
            os.rmdir(os.path.dirname(path))
        system.run("systemctl", "daemon-reload")


def of(unit):
    return f"/etc/systemd/system/{unit}.d/test.conf"


def start_kubelet():
    """Nothing of podsg has run yet, and an older boot has left a sandbox. Returns what kubelet
    found in the journal."""
    system.run("systemctl", "stop", KUBELET, NFT_SYNC, *FIRST)
    os.makedirs(world.JOURNAL, exist_ok=True)
    world.write(os.path.join(world.JOURNAL, ENTRY), json.dumps(OLD))
    system.run("systemctl", "start", KUBELET)
    with open(SEEN, encoding="utf-8") as file:
        return file.read().split()


def without_it():
    equal(start_kubelet(), [ENTRY], "what kubelet found")
    for unit in (*FIRST, NFT_SYNC):
        check(not system.is_active(unit), f"{unit} is active")


def with_it():
    equal(start_kubelet(), [], "what kubelet found")
    began = system.started(KUBELET)
    for unit in FIRST:
        check(0 < system.ended(unit) < began, f"kubelet did not wait for {unit}")
    wait_for(lambda: system.is_active(NFT_SYNC), f"{NFT_SYNC} is active", world.PATIENCE, step=0.2)
    check(system.ended("podsg-close.service") < system.started(NFT_SYNC),
          f"{NFT_SYNC} did not wait for podsg-close")


def what_it_is_for():
    """What is waited for takes its time, so that no order is chance."""
    with open(SHIPPED, encoding="utf-8") as file:
        shipped = file.read()
    try:
        with drop_ins({of(unit): SLOW for unit in FIRST}):
            without_it()
            with drop_ins({of(KUBELET): shipped}):
                with_it()
    finally:
        system.run("systemctl", "stop", KUBELET, "podsg-boot.service")
        system.run("systemctl", "start", NFT_SYNC)
        os.unlink(SEEN)


def tests(program):
    program.case("a kubelet that no boot starts waits for podsg-boot and podsg-close by its "
                 "drop-in, and not without", what_it_is_for)
