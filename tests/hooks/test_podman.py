#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
Podman of the distribution with its CNI backend, podsg-cni at the end of the chain, and
podsg-oci-hook for the ends that CNI does not hear of.
"""

import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "netns")]
sys.dont_write_bytecode = True

import runtime  # noqa: E402
import runtime_cases as cases  # noqa: E402
from lab import daemon as daemons  # noqa: E402
from lab import tap  # noqa: E402
from lab.tap import check, wait_for  # noqa: E402
from runtime_world import ATTACK, PERMITTED, QUIET, World  # noqa: E402

HOOK = os.path.join(daemons.BUILD, "podsg-oci-hook")
PACKAGED = os.path.join(daemons.ROOT, "packaging", "oci", "podsg-oci-hook.json")


def missing_backend():
    """Podman 5 knows netavark only."""
    said = subprocess.run(["podman", "--version"], capture_output=True, text=True).stdout
    version = re.search(r"(\d+)\.", said)
    return None if version and int(version.group(1)) < 5 else f"no CNI backend in {said.strip()}"


def missing_hook():
    return None if os.access(HOOK, os.X_OK) else "podsg-oci-hook is not built"


def install_hook(world, engine):
    """The hook as it is packaged, where it has been built, with this world's configuration."""
    with open(PACKAGED, encoding="utf-8") as file:
        packaged = json.load(file)
    packaged["hook"]["path"] = HOOK
    packaged["hook"]["args"] = ["podsg-oci-hook", "--config", world.daemon.path("podsg.yaml")]
    engine.write_hook(packaged)


def hook_cleans_up_what_del_missed(world, engine):
    """Another agent has rewritten the conflist: DEL does not reach podsg-cni."""
    world.chain(29)
    with cases.running(engine, "forgotten", ATTACK, "STARTED", *PERMITTED):
        world.chain(29, ours=False)
    wait_for(lambda: not world.journal_files(), "the journal is empty")


def hook_is_not_needed(world, engine):
    engine.write_hook({"version": "1.0.0", "hook": {"path": "/bin/false"},
                       "when": {"never": True}, "stages": []})
    try:
        world.chain(29)
        with cases.running(engine, "hookless", QUIET, "STARTED"):
            check(world.journal_files(), "the journal does not know of it")
    finally:
        install_hook(world, engine)


CASES = (
    *cases.CASES,
    ("the OCI hook cleans up what DEL has missed", hook_cleans_up_what_del_missed),
    ("without the OCI hook", hook_is_not_needed),
)


def main():
    daemons.need(runtime.need("podman", "runc", "conmon"), missing_backend,
                 runtime.need_own_plugin, missing_hook)
    program = tap.Program()
    with World() as world:
        engine = runtime.Podman(world.machine)
        engine.start()
        engine.import_image()
        install_hook(world, engine)
        world.daemon.start()
        for name, function in CASES:
            program.case(name, cases.traceless, world, function, engine)
        world.daemon.keep = bool(program.failed)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
