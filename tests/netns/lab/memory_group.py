# SPDX-License-Identifier: GPL-2.0-or-later
"""A control group whose processes have a limit of memory, of version 1 or 2."""

import contextlib
import os
import time


def _mounts():
    """(directory, version) of the memory controller, where there is one."""
    with open("/proc/mounts", encoding="ascii", errors="replace") as file:
        mounts = [line.split()[1:4] for line in file]
    for directory, kind, options in mounts:
        if kind == "cgroup" and "memory" in options.split(","):
            yield directory, 1
        if kind == "cgroup2":
            with open(os.path.join(directory, "cgroup.controllers"), encoding="ascii") as file:
                if "memory" in file.read().split():
                    yield directory, 2


class MemoryGroup:
    """Context manager. Whoever is still in it at the end is killed."""

    FILES = {1: ("memory.limit_in_bytes", "memory.usage_in_bytes"),
             2: ("memory.max", "memory.current")}

    def __init__(self, name):
        self.mount, self.version = next(_mounts())
        self.path = os.path.join(self.mount, name)
        self.limit_file, self.usage_file = self.FILES[self.version]

    def _write(self, name, text):
        with open(os.path.join(self.path, name), "w", encoding="ascii") as file:
            file.write(str(text))

    def _read(self, name):
        with open(os.path.join(self.path, name), encoding="ascii") as file:
            return file.read()

    def __enter__(self):
        if self.version == 2:
            with open(os.path.join(self.mount, "cgroup.subtree_control"), "w",
                      encoding="ascii") as file:
                file.write("+memory")
        os.mkdir(self.path)
        return self

    def __exit__(self, *_):
        for pid in self._read("cgroup.procs").split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), 9)
        for _ in range(100):
            with contextlib.suppress(OSError):
                os.rmdir(self.path)
                return
            time.sleep(0.02)

    def join(self):
        """The calling process is one of the group from now on."""
        self._write("cgroup.procs", os.getpid())

    def set_limit(self, size):
        self._write(self.limit_file, size)

    @property
    def usage(self):
        return int(self._read(self.usage_file))

    @property
    def kills(self):
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        fields = dict(line.split() for line in self._read(name).splitlines())
        return int(fields["oom_kill"])


def missing():
    """What keeps this machine from having one; None: nothing."""
    try:
        with MemoryGroup(f"podsg-try-{os.getpid()}") as group:
            group.set_limit(64 << 20)
            return None if group.kills == 0 else "the kernel has killed nobody and says it has"
    except (StopIteration, OSError, KeyError) as error:
        return f"no memory control group can be made: {error or 'there is no controller'}"
