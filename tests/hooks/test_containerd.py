#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
containerd and runc of the distribution, `ctr run --cni` with podsg-cni at the end of the chain:
containers that attack from their first instruction on, daemons that are away, and what is left.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "netns")]
sys.dont_write_bytecode = True

import runtime  # noqa: E402
import runtime_cases as cases  # noqa: E402
from lab import daemon as daemons  # noqa: E402
from lab import tap  # noqa: E402
from lab.tap import check  # noqa: E402
from runtime_world import ATTACK, PERMITTED, QUIET, World  # noqa: E402


def containerd_dies_under_it(world, engine):
    """ctr gives up, and says DEL of a container that lives on: nothing opens for it."""
    world.chain(29)
    container = engine.container("abandoned", ATTACK)
    container.wait_said("STARTED", *PERMITTED)
    engine.service.kill()
    container.wait()
    cases.attack_goes_on(world, 29)
    cases.only_permitted(world, 29)
    engine.service.start()
    engine.wait()
    engine.discard("abandoned")


def pod_behind_a_bridge_is_refused(world, engine):
    """Its packets come from the bridge, and past every rule of its interface."""
    world.chain(28, base=runtime.bridge)
    try:
        container = engine.container("bridged", ATTACK)
        check(container.wait() != 0, "the container ran")
        check(runtime.BRIDGE in container.output(), f"why is not said: {container.output()}")
        check("STARTED" not in container.output(), "an instruction of it ran")
    finally:
        engine.discard("bridged")
        world.node.run("ip", "link", "delete", runtime.BRIDGE, check=False)


def stranger_behind_a_bridge_is_not(world, engine):
    world.chain(cases.UNKNOWN_NUMBER, base=runtime.bridge)
    try:
        with cases.running(engine, "stranger", QUIET, "STARTED"):
            pass
    finally:
        world.node.run("ip", "link", "delete", runtime.BRIDGE, check=False)


CASES = (
    *cases.CASES,
    ("containerd is killed under it", containerd_dies_under_it),
    ("a pod behind a bridge is refused", pod_behind_a_bridge_is_refused),
    ("a container behind a bridge that is nobody's pod is not", stranger_behind_a_bridge_is_not),
)


def main():
    daemons.need(runtime.need("containerd", "ctr", "runc"), runtime.need_own_plugin)
    program = tap.Program()
    with World() as world:
        engine = runtime.Containerd(world.machine)
        engine.start()
        engine.import_image()
        world.daemon.start()
        for name, function in CASES:
            program.case(name, cases.traceless, world, function, engine)
        world.daemon.keep = bool(program.failed)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
