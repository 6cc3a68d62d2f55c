#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: alone
"""
The rpms by dnf, from a repository: installed, upgraded and removed with their scripts, as debs are.
systemctl is a stub that writes down what it is asked for, and what there is at that moment.
"""

import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "netns")]
sys.dont_write_bytecode = True

from lab import tap  # noqa: E402
from lab.tap import check, equal  # noqa: E402
import repository  # noqa: E402
from built import CHAIN, CONFIG, CONFLIST, PACKAGES, left_behind, rpms  # noqa: E402
from repository import MARK, NEWER, Repository  # noqa: E402
from throwaway import Root, unwritable  # noqa: E402

CALLS = "/run/systemctl-calls"
PLUGIN = "/opt/cni/bin/podsg-cni"
SYSTEMCTL = f"""#!/bin/sh
is() {{ "$@" >/dev/null 2>&1 && echo yes || echo no; }}
echo "$*|$(is grep -x '{MARK.strip()}' {repository.UNIT})|$(is grep podsg-cni {CONFLIST})|$(
	is test -e {PLUGIN})" >>{CALLS}
"""
HOOK_UNITS = "podsg-boot.service podsg-conflist.path podsg-conflist.timer"


class Node:
    """A throw-away node that has systemd, as far as the scripts can tell."""

    def __init__(self, root, place):
        self.root = root
        os.makedirs(root.inside("/run/systemd/system"))
        root.write("/usr/bin/systemctl", SYSTEMCTL)
        self.repository = Repository(root, place)

    def dnf(self, *words):
        """What systemctl was asked for: (words, newer units, plugin in the chain, plugin there)."""
        self.root.write(CALLS, "")
        self.repository.dnf(*words)
        return self.calls()

    def calls(self):
        lines = self.root.read(CALLS).splitlines()
        return [(line.split("|")[0], *(word == "yes" for word in line.split("|")[1:]))
                for line in lines]

    def versions(self):
        said = self.root.run("rpm", "-q", "--qf", "%{VERSION}\n", *PACKAGES).stdout
        return set(said.splitlines())

    def rules(self):
        return self.root.run("nft", "list", "ruleset").stdout


def installed(node):
    """Distributions' presets decide what is on, and they know none of these."""
    calls = node.dnf("install", "podsg")
    equal({words.split(" podsg-")[0] for words, *_ in calls}, {"--no-reload preset"}, "calls")
    equal(node.root.run("getent", "group", "podsg").stdout.split(":")[0], "podsg", "group")
    equal(node.root.run("rpm", "-V", *PACKAGES).stdout, "", "what rpm -V finds changed")
    equal(node.rules(), "", "rules of nftables")


def upgraded(node):
    root = node.root
    configuration = root.read(CONFIG).replace("version: 1", "version: 1\nenforcingMode: standard")
    root.write(CONFIG, configuration)
    root.write(CONFLIST, CHAIN)
    root.run("podsg-conflist")
    chain = root.read(CONFLIST)
    check("podsg-cni" in chain, "podsg-cni is not in the chain")
    root.run("podsg-nft-sync", "--once")
    rules = node.rules()
    node.repository.offer(node.repository.higher)
    calls = node.dnf("upgrade")
    equal(node.versions(), {NEWER}, "versions")
    equal({words for words, *_ in calls}, {
        "daemon-reload", "try-restart podsg-nft-sync.service", "try-restart podsg-dnscache.service",
        "try-restart podsg-conflist.path podsg-conflist.timer podsg-eni-gc-host.timer"}, "calls")
    equal({tuple(state) for _, *state in calls}, {(True, True, True)},
          "newer units, plugin in the chain, plugin there")
    equal((root.read(CONFLIST), node.rules()), (chain, rules), "chain and rules")
    equal(root.read(CONFIG), configuration, CONFIG)
    check(root.read(f"{CONFIG}.rpmnew").endswith(MARK), f"{CONFIG}.rpmnew is not the newer one")


def unwritable_chain_keeps_the_plugin(node):
    with unwritable(node.root.inside(os.path.dirname(CONFLIST))):
        node.repository.dnf("remove", *PACKAGES, check=False)
    check("podsg-cni" in node.root.read(CONFLIST), "the chain was written all the same")
    check(node.root.exists(PLUGIN), "the plugin is gone, and the chain names it")


def removed(node):
    """Units, chain, plugin, in that order; the hooks before the daemon that they ask."""
    node.dnf("install", *PACKAGES)
    node.root.run("podsg-nft-sync", "--once")
    node.root.write(CONFIG, "nonsense: true\n")
    calls = [call for call in node.dnf("remove", *PACKAGES) if "disable" in call[0]]
    hooks = [i for i, call in enumerate(calls) if HOOK_UNITS in call[0]]
    daemon = [i for i, call in enumerate(calls) if "podsg-nft-sync" in call[0]]
    check(hooks and daemon and hooks[0] < daemon[0], f"calls: {calls}")
    equal(calls[hooks[0]][2:], (True, True), "plugin in the chain, plugin there, as units stop")
    equal(node.root.read(CONFLIST), CHAIN, "the chain")
    equal(node.rules(), "", "rules of nftables")
    equal(node.root.run("getent", "group", "podsg", check=False).stdout, "", "group")
    os.unlink(node.root.inside(CONFLIST))
    equal(left_behind(node.root), [os.path.dirname(CONFIG), f"{CONFIG}.rpmnew", f"{CONFIG}.rpmsave",
                                   "/usr/bin/systemctl"], "left behind")


CASES = (
    ("installed: presets decide what is on", installed),
    ("upgraded: restarted when the newer ones are there, configuration, chain and rules kept",
     upgraded),
    ("a chain that cannot be written keeps its plugin", unwritable_chain_keeps_the_plugin),
    ("removed: units, chain, plugin, and nothing is left but a changed configuration", removed),
)


def main():
    if os.geteuid() != 0:
        tap.skip("needs root")
    if not rpms():
        tap.skip("there are no packages: make rpm")
    program = tap.Program()
    with tempfile.TemporaryDirectory(prefix="podsg-repository-") as place, Root() as root:
        node = Node(root, place)
        for name, function in CASES:
            program.case(name, function, node)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
