# SPDX-License-Identifier: GPL-2.0-or-later
"""This machine's file system with a layer above it that is thrown away, and a network of its own."""

import contextlib
import os
import shutil
import subprocess
import tempfile

from lab import netns

KEPT = ("proc", "dev")  # shared with the machine


@contextlib.contextmanager
def unwritable(directory):
    subprocess.run(["mount", "--bind", directory, directory], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


def copy_into(root, paths):
    """Below /packages; as they are called in there."""
    place = root.inside("/packages")
    os.makedirs(place, exist_ok=True)
    return ["/packages/" + os.path.basename(shutil.copy(path, place)) for path in paths]


class Root:
    """Context manager. What is changed in it is found below `changes`."""

    def __enter__(self):
        self.place = tempfile.mkdtemp(prefix="podsg-packages-")
        self.name = netns.own_prefix("packages")
        self.mounted = []
        self._mount("tmpfs", "tmpfs", self.place)
        for part in ("changes", "work", "root"):
            os.mkdir(self.path(part))
        self.changes = self.path("changes")
        self.root = self.path("root")
        self._mount("overlay", "overlay", self.root, "-o",
                    f"lowerdir=/,upperdir={self.changes},workdir={self.path('work')}")
        for part in KEPT:
            self._mount("none", f"/{part}", os.path.join(self.root, part), "--rbind")
        # Without /run/systemd/system nobody takes systemd for running; nobody's sockets are there.
        self._mount("tmpfs", "tmpfs", os.path.join(self.root, "run"))
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        subprocess.run(["ip", "-n", self.name, "link", "set", "lo", "up"], check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "delete", self.name], check=False)
        for target in reversed(self.mounted):
            subprocess.run(["umount", "--recursive", "--lazy", target], check=False)
        os.rmdir(self.place)

    def _mount(self, kind, source, target, *options):
        how = ["--make-rslave"] if "--rbind" in options else []
        types = [] if "--rbind" in options else ["-t", kind]
        subprocess.run(["mount", *types, *options, source, target], check=True)
        self.mounted.append(target)
        if how:
            subprocess.run(["mount", *how, target], check=True)

    def path(self, *parts):
        return os.path.join(self.place, *parts)

    def inside(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def command(self, *argv):
        return netns.command_in(self.name, ["chroot", self.root, *argv])

    def run(self, *argv, check=True):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(self.command(*argv), capture_output=True, text=True, timeout=300,
                              stdin=subprocess.DEVNULL, env=environment, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: status {done.returncode}: "
                               f"{done.stdout.strip()} {done.stderr.strip()}")
        return done

    def start(self, *argv):
        return subprocess.Popen(self.command(*argv), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                preexec_fn=netns.die_with_parent)

    def write(self, path, text):
        place = self.inside(path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, path):
        with open(self.inside(path), encoding="utf-8") as file:
            return file.read()

    def exists(self, path):
        return os.path.lexists(self.inside(path))

    def changed(self):
        """Paths of all that was made, changed or deleted, directories left out that were there."""
        found = set()
        for place, directories, files in os.walk(self.changes):
            inside = place[len(self.changes):] or "/"
            found.update(os.path.join(inside, name) for name in files)
            found.update(path for path in (os.path.join(inside, name) for name in directories)
                         if not os.path.isdir(path))
        return found
