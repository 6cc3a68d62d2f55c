# SPDX-License-Identifier: GPL-2.0-or-later
"""What make deb and make rpm have left in build/, and what tests look at when it is installed."""

import glob
import os
import re
import subprocess

from lab.daemon import BUILD, ROOT
from lab.tap import check

PACKAGES = ("podsg-nft-sync", "podsg-dnscache", "podsg-hooks", "podsg")
CONFIG = "/etc/podsg/podsg.yaml"
CONFLIST = "/etc/cni/net.d/10-test.conflist"
CHAIN = '{"cniVersion": "1.0.0", "name": "test", "plugins": [{"type": "ptp"}]}\n'
# The package managers' own, and what others keep of it.
NOT_OURS = re.compile(r"^/(var/lib/(dpkg|apt|dnf|systemd/deb-systemd-helper-enabled)|var/cache"
                      r"|var/log|run|tmp|packages|etc/(group|gshadow|passwd|shadow|subuid|subgid)-?$"
                      r"|etc/\.pwd\.lock|etc/ld\.so\.cache)")
# The directory of licences is the distribution's, and not there on Debian.
NOT_OURS_BY_RPM = re.compile(r"rpmdb|/var/lib/rpm/|^/usr/share/licenses$")


def debs():
    return [path for path in sorted(glob.glob(os.path.join(BUILD, "podsg*.deb")))
            if "-dbgsym_" not in path]


def rpms():
    return [path for path in sorted(glob.glob(os.path.join(BUILD, "podsg*.rpm")))
            if not path.endswith(".src.rpm") and "-debuginfo-" not in path]


def version():
    with open(os.path.join(ROOT, "VERSION"), encoding="utf-8") as file:
        return file.read().strip()


def output(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"{' '.join(argv)}: status {done.returncode}: {done.stderr}")
    return done.stdout


def left_behind(root):
    found = {path for path in root.changed() if root.exists(path) and not NOT_OURS.match(path)}
    return sorted(path for path in found if not NOT_OURS_BY_RPM.search(path))
