# SPDX-License-Identifier: GPL-2.0-or-later
"""Installed, turned on, killed, restarted, upgraded; and what the second boot is to find."""

import json
import os
import subprocess
import sys
import time

import dns_gone
import drop_in
import hanging
import leaked
import pod_life
import system
import this_kernel
import world
from lab.tap import check, equal, note, wait_for
from traffic import Traffic
from world import DNSCACHE, INTERFACE, NFT_SYNC, World

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(os.path.dirname(HERE))
REPOSITORIES = ("/srv/vm/repository", "/srv/vm/newer")
PACKAGES = ("podsg", "podsg-nft-sync", "podsg-dnscache", "podsg-hooks")
DAEMONS = (NFT_SYNC, DNSCACHE)
OTHERS = ("podsg-boot.service", "podsg-close.service", "podsg-eni-gc-host.service",
          "podsg-eni-gc-enis@test.service", "podsg-conflist.service",
          "podsg-dnscache-clean-up.service")
EXPOSURE = 2.5
BEFORE = "/var/lib/podsg-vm/before.json"
KUBELET = """[Unit]
Description=A stand-in: writes down what it finds when it starts
[Service]
ExecStartPre=/bin/sh -c 'ls /var/lib/podsg/journal >/run/kubelet-journal'
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
"""


# Installation


def installs():
    for directory in ("/etc/cni/net.d", "/opt/cni/bin"):
        os.makedirs(directory)
    world.write("/etc/systemd/system/kubelet.service", KUBELET)
    world.write(world.CONFLIST, json.dumps(world.CHAIN))
    world.write("/opt/cni/bin/aws-cni", "")
    system.run("systemctl", "enable", "kubelet.service")
    system.use_packages(REPOSITORIES[0])
    with open(BEFORE, "w", encoding="utf-8") as file:
        json.dump(system.snapshot(), file)
    said = system.apt("install", "podsg")
    for package in PACKAGES:
        check(f"Setting up {package} " in said, said)


def enables_nothing_dangerous():
    system.must_be_active(NFT_SYNC)
    for unit in (DNSCACHE, "podsg-boot.service", "podsg-conflist.path", "podsg-conflist.timer",
                 "podsg-eni-gc-host.timer"):
        check(not system.is_enabled(unit), f"{unit} is enabled")
        check(not system.is_active(unit), f"{unit} is active")
    rules = system.run("nft", "list", "ruleset").stdout
    check("hook" not in rules, f"packets are looked at:\n{rules}")
    equal(world.control("status")["kernel"]["inForce"], True, "inForce")
    equal(world.plugins(), ["aws-cni"], "the chain of plugins")


def is_hardly_exposed():
    marks = {unit: system.exposure(unit) for unit in DAEMONS + OTHERS}
    note(", ".join(f"{unit} {mark}" for unit, mark in marks.items()))
    for unit, mark in marks.items():
        check(mark <= EXPOSURE, f"{unit}: {mark}")


# The suites of tests/netns, on this kernel


def run_suite(name, **environment):
    script = os.path.join(TESTS, "netns", name)
    env = dict(os.environ, **environment)
    done = subprocess.run([sys.executable, os.path.join(HERE, "on_trunk"), script], env=env,
                          capture_output=True, text=True, timeout=600)
    passed = done.stdout.count("\nok ")
    check(done.returncode == 0, f"status {done.returncode}\n{done.stdout}{done.stderr}")
    note(f"{name}: {passed} cases; {done.stdout.strip().splitlines()[-2]}")


def verdicts():
    run_suite("test_verdicts.py", PODSG_PROBES=os.environ.get("PODSG_PROBES", "240"))


# Turned on


def turns_on():
    world.configure(World.network())
    world.write_documents(World.network())
    world.turn_on()


def chain_has_podsg():
    wanted = ["aws-cni", "podsg-cni"]
    wait_for(lambda: world.plugins() == wanted, "podsg-cni is in the chain", world.PATIENCE)
    world.write(world.CONFLIST, json.dumps(world.CHAIN))
    wait_for(lambda: world.plugins() == wanted, "podsg-cni is in the chain again", world.PATIENCE)


def limits_are_in_force():
    """cgroup v2, as systemd has set it up."""
    for unit, limit in ((NFT_SYNC, 1 << 30), (DNSCACHE, 512 << 20)):
        group = system.shown(unit, "ControlGroup")[0]
        with open(f"/sys/fs/cgroup{group}/memory.max", encoding="ascii") as file:
            equal(int(file.read()), limit, f"memory.max of {unit}")


# Deaths


def during(what, one, dns_may_suffer=False):
    """Runs it under traffic, which must not notice. After a SIGKILL the cache's questions may be
    lost for a second."""
    begin = time.time()
    with Traffic(one.node, *one.traffic_of()) as traffic:
        what()
        if dns_may_suffer:
            time.sleep(1)
            traffic.dns_since = time.monotonic()
            time.sleep(2)
    note(traffic.summary())
    for unit in DAEMONS:
        said = system.whole_journal(unit, begin)
        check("timed out" not in said, f"something hung:\n{said}")
    one.expect_filtered()


def killed(unit):
    def kill():
        pid = system.main_pid(unit)
        begin = time.monotonic()
        os.kill(pid, 9)
        system.restarted(unit, pid)
        note(f"started {system.started(unit) / 1e6 - begin:.2f} s later, emulated")
        # As there is no telling of a second here.
        pause = system.shown(unit, "RestartUSec")[0]
        check(pause.endswith("ms"), f"{unit} is not started before {pause}")
        wait_for(world.in_force, "in force", world.PATIENCE, step=0.2)
    return kill


def dns_is_killed(one):
    during(killed(DNSCACHE), one, dns_may_suffer=True)
    one.expect_names()


def restart(*units):
    pids = {unit: system.main_pid(unit) for unit in units}
    system.run("systemctl", "restart", *units)
    for unit, pid in pids.items():
        check(system.main_pid(unit) not in (0, pid), f"{unit} is the same process")


def stop_leaves_nothing(one):
    begin = time.monotonic()
    system.run("systemctl", "stop", DNSCACHE)
    seconds = time.monotonic() - begin
    equal(world.link_kind(INTERFACE), None, f"{INTERFACE} afterwards")
    equal(world.dns_tables(), [], "tables afterwards")
    note(f"stopped in {seconds:.2f} s, emulated")
    for who in ("plain", "strict", "standard"):
        check(one.resolves(who, world.CLUSTER), f"{who} has no DNS without the cache")
    system.run("systemctl", "start", DNSCACHE)
    one.expect_names()


def upgrade(one):
    old = {unit: system.main_pid(unit) for unit in DAEMONS}
    before = {unit: system.running_version(unit) for unit in DAEMONS}
    version = system.version_of("podsg-dnscache")

    def work():
        system.apt("upgrade")
        for unit, pid in old.items():
            system.restarted(unit, pid)

    system.use_packages(REPOSITORIES[1])
    during(work, one)
    newer = system.version_of("podsg-dnscache")
    for package in PACKAGES:
        check(system.version_of(package) == newer != version, f"{package} is still {version}")
    for unit in DAEMONS:
        program = unit.removesuffix(".service")
        equal((before[unit], system.running_version(unit)),
              (f"{program} {version}", f"{program} {newer}"), "what ran, and what runs")
    note(f"{version}, then {newer}")
    with open(world.CONFIG, encoding="utf-8") as file:
        check("clusterServers" in file.read(), "the configuration is another one")
    one.expect_names()


def deaths(program, one):
    program.case("SIGKILL of podsg-nft-sync: nothing gets in or breaks", during,
                 killed(NFT_SYNC), one)
    program.case("SIGKILL of podsg-dnscache: names again within a second", dns_is_killed, one)
    program.case("systemctl restart of both: no flow and no question is lost", during,
                 lambda: restart(*DAEMONS), one)
    program.case("stopped, podsg-dnscache leaves nothing, and DNS works", stop_leaves_nothing, one)
    dns_gone.tests(program, one)
    hanging.tests(program, one)


def on_the_node(program):
    with World() as one:
        program.case("the parts start when they are turned on", turns_on)
        program.case("podsg-cni is put into the chain of plugins, again where it is rewritten",
                     chain_has_podsg)
        program.case("memory limits are the control groups'", limits_are_in_force)
        program.case("pods of both modes are filtered, on the trunk too", one.expect_filtered)
        program.case("everybody resolves names, by a dummy interface", one.expect_names)
        deaths(program, one)
        program.case("an upgrade to a version built anew loses no flow and no question", upgrade,
                     one)
        pod_life.tests(program, one)


def tests(program):
    os.makedirs(os.path.dirname(BEFORE), exist_ok=True)
    program.case("apt installs the packages", installs)
    program.case("installing them looks at no packet and enables nothing else",
                 enables_nothing_dangerous)
    program.case(f"systemd marks the services {EXPOSURE} or less", is_hardly_exposed)
    drop_in.tests(program)
    with leaked.Account() as account:
        program.case("podsg-eni-gc-enis@ by its timer: leaked interfaces are seen once",
                     leaked.first_sighting, account)
        this_kernel.tests(program)
        program.case("verdicts on a trunk of 8021q devices, on this kernel", verdicts)
        program.case("podsg-eni-gc-enis@ by its timer: what is still leaked is deleted",
                     leaked.second_sighting, account)
        program.case("podsg-eni-gc-enis@ fails where EC2 does not say all",
                     leaked.ec2_says_half, account)
    on_the_node(program)
    world.hold_back()
