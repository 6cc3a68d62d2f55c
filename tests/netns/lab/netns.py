# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces: made, entered, and deleted whatever happens."""

import contextlib
import ctypes
import os
import re
import socket
import subprocess

NETNS_DIRECTORY = "/run/netns"
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
SIGKILL = 9

libc = ctypes.CDLL(None, use_errno=True)


def own_prefix(tag=""):
    """Names carry the process id, so that leftovers of a dead run can be told from a live one's."""
    return f"podsg{os.getpid()}{tag}"


def path(name):
    return os.path.join(NETNS_DIRECTORY, name)


def setns(fd):
    if libc.setns(fd, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "setns")


@contextlib.contextmanager
def entered(name):
    """The calling thread is in the namespace inside the block; sockets made there stay there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(path(name), os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(there)
        try:
            yield
        finally:
            setns(home)
    finally:
        os.close(there)
        os.close(home)


def make_socket(name, family, kind, protocol=0):
    with entered(name):
        return socket.socket(family, kind, protocol)


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)


def command_in(name, argv):
    return ["nsenter", f"--net={path(name)}", "--", *argv]


def run(argv, name=None, text_input=None, check=True, timeout=120.0):
    """Runs a command to its end; a failure carries what it said."""
    argv = command_in(name, argv) if name else argv
    done = subprocess.run(argv, input=text_input, capture_output=True, text=True,
                          timeout=timeout)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: status {done.returncode}: {done.stderr.strip()}")
    return done


def ip_batch(lines, name=None):
    """Lines for `ip -batch`; those that begin with "-6 " run behind the others, as ip -6."""
    batches = (([], [line for line in lines if not line.startswith("-6 ")]),
               (["-6"], [line[3:] for line in lines if line.startswith("-6 ")]))
    for family, batch in batches:
        if batch:
            argv = ["ip", *family] + (["-n", name] if name else []) + ["-batch", "-"]
            run(argv, text_input="\n".join(batch) + "\n")


def nft(name, text):
    return run(["nft", "-f", "-"], name=name, text_input=text)


def sysctls(name, settings):
    """Missing settings are an error only where the kernel has the family."""
    with entered(name):
        for key, value in settings.items():
            with open("/proc/sys/" + key.replace(".", "/"), "w", encoding="ascii") as file:
                file.write(str(value))


def existing():
    try:
        return os.listdir(NETNS_DIRECTORY)
    except FileNotFoundError:
        return []


def delete(names):
    """Deletes those of the names that exist; a failure of one does not keep the others."""
    present = set(existing())
    for name in names:
        if name in present:
            run(["ip", "netns", "delete", name], check=False)


def leftovers():
    """Namespaces of runs whose process is gone."""
    found = []
    for name in existing():
        match = re.match(r"podsg(\d+)[a-z]*\d*-", name)
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            found.append(name)
    return found


def cleanup():
    names = leftovers()
    delete(names)
    return names


def missing():
    """What keeps this machine from running packet tests, as a sentence; None when nothing does."""
    if os.geteuid() != 0:
        return "not root: network namespaces cannot be made"
    for tool in ("ip", "nft", "nsenter", "conntrack"):
        if run(["sh", "-c", f"command -v {tool}"], check=False).returncode != 0:
            return f"the command {tool} is not installed"
    name = own_prefix("probe") + "-try"
    try:
        run(["ip", "netns", "add", name])
    except RuntimeError as error:
        return f"network namespaces cannot be made: {error}"
    try:
        nft(name, "table inet try { chain c { type nat hook postrouting priority 0; "
            "ct state new; }; }")
        run(["ip", "-n", name, "link", "add", "try0", "type", "veth",
             "peer", "name", "try1"])
    except RuntimeError as error:
        return f"the kernel lacks nf_tables, conntrack, NAT or veth: {error}"
    finally:
        delete([name])
    return None
