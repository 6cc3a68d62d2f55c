# SPDX-License-Identifier: GPL-2.0-or-later
"""
A virtual machine under qemu: Debian's cloud kernel, emulated in software. What the host brings is a
tar on its second disk; what the guest says comes by its second serial port, the console by the
first. Its own disk forgets everything when qemu ends, and nothing when the guest reboots.
"""

import os
import queue
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MEMORY = 2048
CONSOLE_SHOWN = 40

sys.path.insert(0, os.path.join(ROOT, "tests", "netns"))

from lab import netns  # noqa: E402


def image():
    """The directory with the image, made where it is absent, which takes minutes."""
    done = subprocess.run([os.path.join(HERE, "build-image")], stdout=subprocess.PIPE, text=True,
                          check=True)
    return done.stdout.strip()


def missing():
    """What keeps this machine from running another one, as a sentence; None where nothing does."""
    if os.geteuid() != 0:
        return "not root: no image can be made"
    for tool in ("qemu-system-x86_64", "mmdebstrap", "mke2fs", "cpio", "dpkg-scanpackages"):
        if not shutil.which(tool):
            return f"the command {tool} is not installed"
    return None


class Ended(Exception):
    """The machine said nothing more, and why."""


class Machine:
    """Context manager; lines() gives what the guest says until it turns itself off."""

    def __init__(self, directory, payload, console):
        self.directory = directory
        self.payload = payload
        self.console = console
        self.heard = queue.Queue()

    def __enter__(self):
        self.process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, preexec_fn=netns.die_with_parent)
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def _file(self, name):
        return os.path.join(self.directory, name)

    def _command(self):
        """The trunk is a cable between two network cards: the node's, and the fabric's."""
        disk = "if=virtio,format=raw,file="
        cable = [word for name in ("node", "fabric")
                 for word in ("-netdev", f"hubport,id={name},hubid=0",
                              "-device", f"virtio-net-pci,netdev={name},host_mtu=9001,romfile=")]
        return ["qemu-system-x86_64", "-nodefaults", "-nographic", "-machine", "q35",
                "-accel", "tcg,thread=multi", "-cpu", "Nehalem", "-smp", "2", "-m", str(MEMORY),
                "-kernel", self._file("vmlinuz"), "-initrd", self._file("initrd"),
                "-append", "console=ttyS0 loglevel=5 mitigations=off net.ifnames=0 panic=-1",
                "-drive", f"{disk}{self._file('root.ext4')},snapshot=on",
                "-drive", f"{disk}{self.payload},readonly=on",
                "-object", "rng-random,id=random,filename=/dev/urandom",
                "-device", "virtio-rng-pci,rng=random",
                "-serial", f"file:{self.console}", "-serial", "stdio", *cable]

    def _listen(self):
        for line in self.process.stdout:
            self.heard.put(line.decode(errors="replace").rstrip("\r\n"))
        self.heard.put(None)

    def lines(self, patience, total):
        """patience: seconds without a word, total: seconds in all, after which Ended is raised."""
        end = time.monotonic() + total
        while True:
            left = min(patience, end - time.monotonic())
            try:
                line = self.heard.get(timeout=max(left, 0))
            except queue.Empty:
                raise Ended(f"nothing was heard for {max(left, 0):.0f} s") from None
            if line is None:
                return
            yield line


def tail(console):
    with open(console, encoding="utf-8", errors="replace") as file:
        return "the console's end:\n" + "".join(file.readlines()[-CONSOLE_SHOWN:])
