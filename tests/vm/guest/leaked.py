# SPDX-License-Identifier: GPL-2.0-or-later
"""
Leaked network interfaces of a cluster: podsg-eni-gc-enis@ by its timer, as its unit confines it,
and EC2. The keys are root's, as the AWS CLI keeps them.
"""

import json
import os
import subprocess

import system
import world
from lab.tap import check, equal, wait_for

CLUSTER = "prod-1_a"
TIMER, SERVICE = (f"podsg-eni-gc-enis@{CLUSTER}.{kind}" for kind in ("timer", "service"))
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEYS = f"[default]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n"
SIGHTINGS = "/var/lib/podsg/eni-sightings"
DROP_INS = "/run/systemd/system/podsg-eni-gc-enis@."
CONFIG = "/run/podsg-vm.yaml"
ELSEWHERE = f"[Service]\nBindReadOnlyPaths={CONFIG}:{world.CONFIG}\n"
# The cool-down is a minute.
SOON = """[Timer]
OnBootSec=
OnActiveSec=1s
OnUnitInactiveSec=62s
RandomizedDelaySec=0
AccuracySec=1s
"""
WAITS, PARTIAL = 4, 3
PATIENCE = 240


class Account:
    """Context manager: an account in EC2 with two interfaces that its cluster has leaked, one that
    it uses, and another cluster's. The timer is stopped in the end, and stays enabled."""

    def __enter__(self):
        # botocore takes seconds to load, emulated.
        import ec2_endpoint
        import test_eni_gc_enis as interfaces
        self.fails = ec2_endpoint.fails
        self.world = ec2_endpoint.World()
        self.world.keys[ACCESS] = (SECRET, "", False)
        for one in (interfaces.eni("eni-1", cluster=CLUSTER),
                    interfaces.eni("eni-2", cluster=CLUSTER),
                    interfaces.attached(interfaces.eni("eni-used", cluster=CLUSTER)),
                    interfaces.eni("eni-other", cluster="prod")):
            self.world.interfaces[one["NetworkInterfaceId"]] = one
        self._configure(ec2_endpoint.REGION)
        return self

    def __exit__(self, *_):
        system.run("systemctl", "stop", TIMER, check=False)
        self.world.close()

    def _configure(self, region):
        """podsg-nft-sync is not to ask EC2: the unit has a podsg.yaml of its own."""
        os.makedirs("/root/.aws", exist_ok=True)
        world.write("/root/.aws/credentials", KEYS)
        os.chmod("/root/.aws/credentials", 0o600)
        world.write("/root/.aws/config", f"[default]\nregion = {region}\n")
        world.write(CONFIG, json.dumps({"version": 1,
                                        "sources": {"ec2": {"endpoint": self.world.url}}}))
        for kind, text in (("service", ELSEWHERE), ("timer", SOON)):
            os.makedirs(f"{DROP_INS}{kind}.d")
            world.write(f"{DROP_INS}{kind}.d/vm.conf", text)
        system.run("systemctl", "daemon-reload")


def runs():
    """[(lines, summary)] of those that have ended, as the journal has them."""
    found, lines = [], []
    for text in system.journal(SERVICE, 1000).splitlines():
        if text.startswith("{"):
            line = json.loads(text)
            if "summary" in line:
                found.append((lines, line["summary"]))
                lines = []
            else:
                lines.append(line)
    return found


def status():
    return int(system.shown(SERVICE, "ExecMainStatus")[0])


def actions(lines):
    return sorted((line["action"], line.get("interface")) for line in lines)


def wait_for_end():
    wait_for(lambda: system.shown(SERVICE, "ActiveState") == ["inactive"], f"{SERVICE} has ended",
             world.PATIENCE, step=0.2)


def first_sighting(account):
    system.run("systemctl", "enable", "--now", TIMER)
    wait_for(runs, f"{SERVICE} has run", PATIENCE, step=0.5)
    wait_for_end()
    lines, summary = runs()[0]
    equal(actions(lines), [("waits", "eni-1"), ("waits", "eni-2")], "what it says")
    equal((summary["exit"], status()), (WAITS, WAITS), "exit status")
    equal(system.shown(SERVICE, "Result"), ["success"], "what systemd thinks of that")
    equal(account.world.deleted, [], "deleted")
    equal(os.stat(SIGHTINGS).st_mode & 0o7777, 0o700, f"mode of {SIGHTINGS}")


def second_sighting(account):
    """A minute later, by the timer; more runs may have followed."""
    wait_for(lambda: len(runs()) > 1, f"{SERVICE} has run twice", PATIENCE, step=0.5)
    lines, summary = runs()[1]
    equal(actions(lines), [("deleted", "eni-1"), ("deleted", "eni-2")], "what it says")
    equal((summary["exit"], summary["deleted"]), (0, 2), "exit status, and what it has deleted")
    equal(sorted(account.world.deleted), ["eni-1", "eni-2"], "what EC2 was told to delete")
    equal(sorted(account.world.interfaces), ["eni-other", "eni-used"], "what is left")
    equal(account.world.bad_signatures, 0, "bad signatures")
    system.run("systemctl", "stop", TIMER)
    wait_for_end()


def ec2_says_half(account):
    account.world.faults["DescribeNetworkInterfaces"] = [
        account.fails(403, "UnauthorizedOperation")]
    done = subprocess.run(["systemctl", "start", SERVICE], check=False, capture_output=True)
    check(done.returncode != 0, "systemctl start says that all is well")
    equal(status(), PARTIAL, "exit status")
    equal(system.shown(SERVICE, "ActiveState"), ["failed"], "state of the unit")
