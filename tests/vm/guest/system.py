# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine: its packages, its units, and what its file system and its kernel hold."""

import contextlib
import hashlib
import json
import os
import re
import stat
import subprocess

from lab import netns
from lab.tap import check, wait_for

SOURCES = "/etc/apt/sources.list"
PATIENT = 480
# Where the tests, apt and dpkg keep books, whatever is installed.
BOOKS = ("/srv/vm", "/var/lib/podsg-vm", "/var/log", "/var/cache", "/var/lib/apt", "/var/lib/dpkg",
         "/var/lib/systemd/timers", "/var/lib/systemd/random-seed", "/var/tmp", "/var/backups",
         "/tmp", "/root", SOURCES, "/etc/.pwd.lock", "/etc/group-", "/etc/gshadow-", "/etc/passwd-",
         "/etc/cni/net.d/10-aws.conflist")
VIRTUAL = ("/proc", "/sys", "/dev", "/run")


def run(*argv, **how):
    return netns.run(list(argv), timeout=PATIENT, **how)


def use_packages(*directories):
    with open(SOURCES, "w", encoding="ascii") as file:
        file.writelines(f"deb [trusted=yes] file:{directory} ./\n" for directory in directories)
    run("apt-get", "-qq", "update")


def apt(*words):
    """apt's own words where it fails, or where a maintainer's script only grumbles."""
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    done = subprocess.run(["apt-get", "-y", *words], env=env, capture_output=True, text=True,
                          timeout=PATIENT)
    check(done.returncode == 0, f"apt-get {' '.join(words)}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def version_of(package):
    return run("dpkg-query", "-W", "-f", "${Version}", package).stdout


# Units


def shown(unit, *names):
    """Properties of a unit, as text."""
    out = run("systemctl", "show", unit, *(f"--property={name}" for name in names)).stdout
    found = dict(line.split("=", 1) for line in out.splitlines())
    return [found[name] for name in names]


def is_active(unit):
    return run("systemctl", "is-active", unit, check=False).stdout.strip() == "active"


def is_enabled(unit):
    return run("systemctl", "is-enabled", unit, check=False).stdout.strip() == "enabled"


def main_pid(unit):
    return int(shown(unit, "MainPID")[0])


def running_version(unit):
    """Of the process itself, whatever is on disk by now."""
    return run(f"/proc/{main_pid(unit)}/exe", "--version").stdout.strip()


def started(unit):
    """Microseconds since the boot."""
    return int(shown(unit, "ExecMainStartTimestampMonotonic")[0])


def ended(unit):
    return int(shown(unit, "ExecMainExitTimestampMonotonic")[0])


def journal(unit, lines=30, since=0):
    return run("journalctl", "--no-pager", "-o", "cat", "-n", str(lines), f"--since=@{since:.0f}",
               "-u", unit).stdout


def whole_journal(unit, since):
    """With what journald has not come to yet."""
    run("journalctl", "--sync")
    return journal(unit, 1000, since)


def must_be_active(unit):
    check(is_active(unit), f"{unit} is not active:\n{journal(unit)}")


def restarted(unit, old, patience=60):
    """Waits until another process is the unit's, and says that it is ready."""
    wait_for(lambda: main_pid(unit) not in (0, old) and is_active(unit),
             f"{unit} has a new process", patience, step=0.1)


# Exposure


def exposure(unit):
    """systemd's mark for how much a unit may do, from 0 to 10."""
    out = run("systemd-analyze", "security", "--no-pager", unit).stdout
    return float(re.search(r"Overall exposure level for .*: ([\d.]+)", out).group(1))


# What there is


def _facts(path):
    found = os.lstat(path)
    facts = [stat.filemode(found.st_mode), found.st_uid, found.st_gid]
    if stat.S_ISLNK(found.st_mode):
        facts.append(os.readlink(path))
    elif stat.S_ISREG(found.st_mode):
        facts.append(found.st_size)
        if path.startswith("/etc/"):
            with open(path, "rb") as file:
                facts.append(hashlib.sha1(file.read()).hexdigest())
    return facts


def files():
    """{path: facts} of all that lasts."""
    found = {}
    for directory, inside, names in os.walk("/"):
        inside[:] = [name for name in inside
                     if os.path.join(directory, name) not in BOOKS + VIRTUAL]
        for name in inside + names:
            path = os.path.join(directory, name)
            with contextlib.suppress(FileNotFoundError):
                if path not in BOOKS:
                    found[path] = _facts(path)
    return found


def kernel():
    """What can be seen of the network."""
    links = json.loads(run("ip", "-j", "link").stdout)
    found = {"links": sorted(link["ifname"] for link in links),
             "addresses": sorted([link["ifname"], [a["local"] for a in link["addr_info"]]]
                                 for link in json.loads(run("ip", "-j", "address").stdout)),
             "rule set": run("nft", "list", "ruleset").stdout}
    for family in ("-4", "-6"):
        found[f"rules {family}"] = run("ip", family, "rule").stdout.split("\n")
        found[f"routes {family}"] = run("ip", family, "route", "show", "table", "all"
                                        ).stdout.split("\n")
    return found


def snapshot():
    units = run("systemctl", "list-unit-files", "--no-legend", "podsg*", check=False).stdout
    return {"files": files(), "kernel": kernel(), "units": units,
            "run": os.path.exists("/run/podsg")}


def differences(before, after):
    """Sentences on what one snapshot has and the other has not."""
    was, now = before["files"], after["files"]
    found = [f"too much: {path}" for path in sorted(now.keys() - was.keys())]
    found += [f"missing: {path}" for path in sorted(was.keys() - now.keys())]
    found += [f"other: {path}: {was[path]} before, {now[path]} now"
              for path in sorted(was.keys() & now.keys())
              if json.dumps(was[path]) != json.dumps(now[path])]
    kernels = before["kernel"], after["kernel"]
    for name in ("units", "run"):
        kernels[0][name], kernels[1][name] = before[name], after[name]
    found += [f"{name}: {kernels[0][name]} before, {kernels[1][name]} now"
              for name in kernels[0] if kernels[0][name] != kernels[1][name]]
    return found
