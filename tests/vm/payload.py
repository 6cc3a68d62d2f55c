# SPDX-License-Identifier: GPL-2.0-or-later
"""What is brought into the virtual machine: packages, built in two versions, and the tests."""

import glob
import os
import shutil
import subprocess
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get("B", "build"))
NEWER = os.path.join(BUILD, "newer")
TESTS = ("netns", "hooks", "live", "vm")
INSTALLED = ("/usr/sbin/podsg-nft-sync", "/usr/bin/podsgctl", "/usr/sbin/podsg-dnscache",
             "/opt/cni/bin/podsg-cni")


def packages(directory):
    """Without those of debug symbols."""
    return [path for path in sorted(glob.glob(os.path.join(directory, "podsg*.deb")))
            if "-dbgsym_" not in path]


def missing():
    for directory, target in ((BUILD, "deb"), (NEWER, "newer-deb")):
        if not packages(directory):
            return f"there are no packages: run 'make {target}'"
    return None


def _run(*argv, **how):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, **how)


def _index(repository):
    with open(os.path.join(repository, "Packages"), "w", encoding="utf-8") as file:
        _run("dpkg-scanpackages", "-m", ".", cwd=repository, stdout=file,
             stderr=subprocess.DEVNULL)


def _make_repositories(directory):
    """What is installed, and the same built once more in a higher version."""
    found = []
    for name, built in (("repository", BUILD), ("newer", NEWER)):
        repository = os.path.join(directory, name)
        os.mkdir(repository)
        for package in packages(built):
            shutil.copy(package, repository)
        _index(repository)
        found.append(repository)
    return found


def _link_programs(directory):
    """Where the lab looks for programs, it finds what is installed."""
    links = os.path.join(directory, "installed")
    os.mkdir(links)
    for path in INSTALLED:
        os.symlink(path, os.path.join(links, os.path.basename(path)))
    return links


def _wanted(member):
    return None if "__pycache__" in member.name else member


def pack(directory):
    """Returns the path of a tar, unpacked by the guest below /srv/vm."""
    path = os.path.join(directory, "payload.tar")
    with tarfile.open(path, "w") as tar:
        for made in (*_make_repositories(directory), _link_programs(directory)):
            tar.add(made, os.path.basename(made))
        for name in TESTS:
            tar.add(os.path.join(ROOT, "tests", name), f"tests/{name}", filter=_wanted)
        tar.add(os.path.join(ROOT, "README.md"), "README.md")
    return path
