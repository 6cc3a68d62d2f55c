# SPDX-License-Identifier: GPL-2.0-or-later
"""What the second boot makes of what the first one left, and what a purge leaves."""

import json

import system
import world
from first_boot import BEFORE, DAEMONS, PACKAGES
from lab.streams import can_connect
from lab.tap import check, equal, note, wait_for
from world import DNSCACHE, INTERFACE, NFT_SYNC, World


def in_order():
    wait_for(lambda: system.is_active("kubelet.service"), "kubelet runs", world.PATIENCE, step=0.2)
    for unit in DAEMONS:
        system.must_be_active(unit)
    ended = system.ended("podsg-boot.service")
    status = system.shown("podsg-boot.service", "ExecMainStatus")[0]
    equal(status, "0", "podsg-boot's status: " + system.journal("podsg-boot.service"))
    closed = system.ended("podsg-close.service")
    times = {unit: system.started(unit) for unit in (NFT_SYNC, DNSCACHE, "kubelet.service")}
    note(f"microseconds: podsg-close ended at {closed}, podsg-boot at {ended}, " +
         ", ".join(f"{unit} started at {at}" for unit, at in times.items()))
    check(0 < ended < times["kubelet.service"], "kubelet did not wait for podsg-boot")
    check(0 < closed < times["kubelet.service"], "kubelet did not wait for podsg-close")
    check(closed < times[NFT_SYNC], "podsg-nft-sync did not wait for podsg-close")
    check(ended < times[NFT_SYNC], "podsg-nft-sync did not wait for podsg-boot")
    check(times[NFT_SYNC] < times[DNSCACHE], "podsg-dnscache came before podsg-nft-sync")


def older_boot_is_purged():
    with open("/run/kubelet-journal", encoding="utf-8") as file:
        equal(file.read().split(), [], "the journal when kubelet started")


def closed_until_rendered(one):
    """podsg-nft-sync waits until it is let go; no hook has seen these pods."""
    said = system.journal("podsg-close.service")
    check("event=closed" in said, said)
    equal(world.control("status"), None, "what the daemon says")
    for address in World.network().db:
        for who, connects in (("strict", False), ("standard", True), ("plain", True)):
            patience = world.SLOW if connects else 1.0
            equal(can_connect(one.node, who, address, world.PORT, patience), connects,
                  f"{who} connects to {address} port {world.PORT}")
    world.let_go()


def filtered_again(one):
    wait_for(world.filtered, "both pods have their rules", world.PATIENCE, step=0.2)
    one.expect_filtered()
    equal(world.link_kind(INTERFACE), "dummy", f"what {INTERFACE} is")
    one.expect_names()


def purge_leaves_nothing():
    system.apt("purge", *PACKAGES)
    with open(BEFORE, encoding="utf-8") as file:
        before = json.load(file)
    with open(world.CONFLIST, encoding="utf-8") as file:
        equal(json.load(file), world.CHAIN, "the chain of plugins")
    found = system.differences(before, system.snapshot())
    equal(found, [], "what is different from before the installation")


def tests(program):
    program.case("podsg-boot and podsg-close end before kubelet and podsg-nft-sync start", in_order)
    program.case("kubelet finds no sandbox of the older boot", older_boot_is_purged)
    with World() as one:
        program.case("a strict pod is closed until podsg-nft-sync has its rules, others are not",
                     closed_until_rendered, one)
        program.case("rules and DNS are back after a reboot", filtered_again, one)
    program.case("purge: kernel and file system as before the installation", purge_leaves_nothing)
