# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold with every container runtime that runs chains of CNI plugins."""

import contextlib
import signal
import time

from lab.streams import can_connect
from lab.tap import PATIENCE, check, equal, wait_for
from runtime_world import ATTACK, OPEN_PORT, PERMITTED, QUIET, pod

ATTACKS = 20  # packets
UNKNOWN_NUMBER = 90  # no document has its address
MANY = 9


@contextlib.contextmanager
def running(engine, name, script, *lines):
    """A container that has said the lines; ended behind the block."""
    container = engine.container(name, script)
    try:
        container.wait_said(*lines)
        yield container
    finally:
        container.end()


def packets_of(world, number):
    return {found for found in world.seen() if found[0] in pod(number).addresses}


def permitted_packets(number):
    return {(address, "tcp", OPEN_PORT) for address in pod(number).addresses}


def only_permitted(world, *numbers):
    """Nothing but what is permitted has come through, and that of all of them."""
    expected = set().union(*(permitted_packets(number) for number in numbers))
    found = set().union(*(packets_of(world, number) for number in numbers))
    check(found == expected, f"came through: {sorted(found - expected)[:10]}; "
          f"did not: {sorted(expected - found)[:10]}")


def interface_of(world, number):
    return world.branches()[f"shop/pod-{number}"]["interface"]


def dropped(world, number):
    pods = world.daemon.control("pods")["pods"]
    return sum(sum(one["drops"].values()) for one in pods if one["name"] == f"pod-{number}")


def attack_goes_on(world, number):
    """Returns once so many more packets have been dropped."""
    before = dropped(world, number)
    wait_for(lambda: dropped(world, number) >= before + ATTACKS, "the attack goes on")


# Filtered from the first packet on

def without_ours_the_attack_succeeds(world, engine):
    """The test of the test: nothing else keeps the packets from the fabric."""
    world.chain(21, ours=False)
    with running(engine, "bare", ATTACK, "STARTED", *PERMITTED):
        wait_for(lambda: {("tcp", 22), ("tcp", 443), ("udp", 53), ("ping", 0), ("tcp", OPEN_PORT)}
                 <= {found[1:] for found in packets_of(world, 21)},
                 "every kind of packet has come through", PATIENCE)
    world.node.forget_flows()


def attack_never_succeeds(world, engine):
    world.chain(22)
    with running(engine, "attacker", ATTACK, "STARTED", *PERMITTED) as container:
        attack_goes_on(world, 22)
        check("THROUGH" not in container.output(), container.output())
        only_permitted(world, 22)


def nobody_gets_in(world, engine):
    """The pod's group permits one port from anywhere."""
    world.chain(23)
    listens = f"nc -ll -p {OPEN_PORT} -e cat & nc -ll -p 22 -e cat & " + QUIET
    with running(engine, "server", listens, "STARTED"):
        for address in pod(23).addresses:
            wait_for(lambda address=address: can_connect(world.node, "db", address, OPEN_PORT),
                     f"{address} {OPEN_PORT} answers", PATIENCE)
            check(not can_connect(world.node, "db", address, 22), f"{address} 22 can be reached")


# Up only when the rules are in force

def waits_for_a_stopped_daemon(world, engine):
    """The daemon stands still while the container is made: no instruction of it runs."""
    world.chain(24)
    world.daemon.process.send_signal(signal.SIGSTOP)
    try:
        container = engine.container("patient", ATTACK)
        wait_for(world.journal_files, "the journal knows of it", PATIENCE)
        time.sleep(2.0)
        equal(container.output(), "", "what the container has said")
        equal(packets_of(world, 24), set(), "what came through")
    finally:
        world.daemon.process.send_signal(signal.SIGCONT)
    try:
        container.wait_said("STARTED", *PERMITTED)
        only_permitted(world, 24)
    finally:
        container.end()


def fails_without_a_daemon(world, engine):
    world.chain(25)
    world.configure(attachTimeout="1s")
    world.daemon.stop()
    try:
        container = engine.container("refused", ATTACK)
        check(container.wait() != 0, "the container ran")
        check("podsg" in container.output(), f"who refused it is not said: {container.output()}")
        check("STARTED" not in container.output(), "an instruction of it ran")
        equal(packets_of(world, 25), set(), "what came through")
    finally:
        engine.discard("refused")
        world.configure()
        world.daemon.start()


def passes_without_a_daemon_where_told_so(world, engine):
    """The journal says so; the daemon filters it as soon as it is back."""
    world.chain(26)
    world.configure(attachTimeout="1s", failurePolicy="ignore")
    world.daemon.stop()
    try:
        with running(engine, "unfiltered", ATTACK, "STARTED", *PERMITTED):
            check(packets_of(world, 26) > permitted_packets(26), "nothing forbidden came through")
            world.configure(failurePolicy="ignore")
            world.daemon.start()
            world.forget_seen()
            world.node.forget_flows()
            attack_goes_on(world, 26)
            check(packets_of(world, 26) <= permitted_packets(26),
                  f"what came through: {packets_of(world, 26)}")
    finally:
        world.configure()
        world.daemon.stop()
        world.daemon.start()


def stranger_is_not_touched(world, engine):
    """A container whose address is in no document is nobody's pod."""
    world.chain(UNKNOWN_NUMBER)
    with running(engine, "stranger", ATTACK, "STARTED", *PERMITTED):
        wait_for(lambda: (pod(UNKNOWN_NUMBER).addresses[0], "tcp", 22)
                 in packets_of(world, UNKNOWN_NUMBER), "its packets come through", PATIENCE)
    world.node.forget_flows()


# Gone without trace

def ends_by_itself(world, engine):
    world.chain(27)
    container = engine.container("short", "echo STARTED")
    equal(container.wait(), 0, f"status; it said {container.output()}")
    equal(container.output(), "STARTED\n", "what it said")


def is_killed(world, engine):
    world.chain(27)
    with running(engine, "killed", ATTACK, "STARTED", *PERMITTED):
        check(world.flows(), "no flow of the container is tracked")


def daemon_is_killed_under_it(world, engine):
    world.chain(28)
    with running(engine, "survivor", ATTACK, "STARTED", *PERMITTED):
        world.daemon.kill()
        time.sleep(1.0)
        only_permitted(world, 28)
        world.daemon.start()
        attack_goes_on(world, 28)
        only_permitted(world, 28)
        check(interface_of(world, 28) in world.machine.run(["ip", "link"]).stdout,
              "the branch is not the container's")


def ends_while_the_daemon_is_away(world, engine):
    """DEL needs no daemon; the daemon that comes back finds nothing of the container."""
    world.chain(28)
    with running(engine, "orphan", QUIET, "STARTED"):
        world.daemon.stop()
    world.daemon.start()


def many_at_once(world, engine):
    world.chain(21, 29)
    containers = [engine.container(f"many-{number}", ATTACK)
                  for number in range(MANY)]
    try:
        for container in containers:
            container.wait_said("STARTED", *PERMITTED)
        only_permitted(world, *world.NUMBERS)
    finally:
        for container in containers:
            container.end()


CASES = (
    ("without podsg-cni the attack succeeds", without_ours_the_attack_succeeds),
    ("filtered from the first packet on, IPv4 and IPv6", attack_never_succeeds),
    ("who is not permitted does not get in", nobody_gets_in),
    ("no instruction runs before the rules are in force", waits_for_a_stopped_daemon),
    ("without a daemon it does not start", fails_without_a_daemon),
    ("failurePolicy ignore: it starts without a daemon, and is filtered later",
     passes_without_a_daemon_where_told_so),
    ("a container that is nobody's pod is not touched", stranger_is_not_touched),
    ("a container that ends by itself", ends_by_itself),
    ("a container that is killed, with open flows", is_killed),
    ("the daemon is killed and started again under it", daemon_is_killed_under_it),
    ("a container that ends while the daemon is away", ends_while_the_daemon_is_away),
    (f"{MANY} at once", many_at_once),
)


def traceless(world, function, engine):
    """Behind every case the node is as it was before."""
    world.forget_seen()
    world.node.forget_flows()
    before = world.state()
    function(world, engine)
    world.wait_state(before)
