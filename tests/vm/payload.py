# SPDX-License-Identifier: GPL-2.0-or-later
"""What is brought into the virtual machine: packages, two versions of them, and the tests."""

import glob
import os
import re
import shutil
import subprocess
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get("B", "build"))
TESTS = ("netns", "hooks", "vm")
INSTALLED = ("/usr/sbin/podsg-nft-sync", "/usr/bin/podsgctl", "/usr/sbin/podsg-dnscache",
             "/opt/cni/bin/podsg-cni")


def packages():
    """Without those of debug symbols."""
    return [path for path in sorted(glob.glob(os.path.join(BUILD, "podsg*.deb")))
            if "-dbgsym_" not in path]


def missing():
    if not packages():
        return "there are no packages: run 'make deb'"
    return None


def _run(*argv, **how):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, **how)


def _raise_version(directory):
    """As a rebuild does it."""
    path = os.path.join(directory, "DEBIAN", "control")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r"(?m)^(Version: .*)$", r"\1+newer", text))


def _newer(package, directory, target):
    _run("dpkg-deb", "-R", package, directory)
    _raise_version(directory)
    _run("dpkg-deb", "-b", "--root-owner-group", "-Znone", directory, target,
         stdout=subprocess.DEVNULL)


def _index(repository):
    with open(os.path.join(repository, "Packages"), "w", encoding="utf-8") as file:
        _run("dpkg-scanpackages", "-m", ".", cwd=repository, stdout=file,
             stderr=subprocess.DEVNULL)


def _make_repositories(directory):
    """What is installed, and the same with a higher version."""
    found = [os.path.join(directory, name) for name in ("repository", "newer")]
    for repository in found:
        os.mkdir(repository)
    for package in packages():
        shutil.copy(package, found[0])
        name = os.path.basename(package)
        _newer(package, os.path.join(directory, name), os.path.join(found[1], name))
    for repository in found:
        _index(repository)
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
