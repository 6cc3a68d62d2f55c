#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""
podsg-conflist beside the agents that write the same files: aws-node, which rewrites its own at each
start, agents that append themselves as Istio's and Linkerd's do, and some that never give way.
"""

import configparser
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "netns")]
sys.dont_write_bytecode = True

from lab import tap  # noqa: E402
from lab.tap import PATIENCE, check, equal, note, wait_for  # noqa: E402

BUILD = os.environ.get("PODSG_BUILD") or os.path.join(ROOT, os.environ.get("B", "build"))
PROGRAM = os.path.join(BUILD, "podsg-conflist")
UNITS = os.path.join(ROOT, "packaging", "systemd")
MANAGER = "/lib/systemd/systemd"
OURS = "podsg-cni"
MOVES = 3  # within an hour; then another's insistence is given way to
# Seconds from another agent's write to ours; a hundredth where nobody else wants the processors.
PROMISE = 10.0

AWS = {
    "cniVersion": "0.4.0",
    "name": "aws-cni",
    "disableCheck": True,
    "plugins": [
        {"name": "aws-cni", "type": "aws-cni", "vethPrefix": "eni", "mtu": "9001",
         "podSGEnforcingMode": "standard", "pluginLogFile": "/var/log/plugin.log",
         "pluginLogLevel": "DEBUG",
         "capabilities": {"io.kubernetes.cri.pod-annotations": True}},
        {"name": "egress-cni", "type": "egress-cni", "mtu": "9001", "enabled": "false",
         "ipam": {"type": "host-local", "ranges": [[{"subnet": "fd00::ac:00/118"}]]}},
        {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
    ],
}
# What is left of it by way of aws-node's Go struct, which knows neither disableCheck nor snat.
AWS_POOR = {
    "cniVersion": "0.4.0",
    "name": "aws-cni",
    "plugins": [
        {"name": "aws-cni", "type": "aws-cni", "vethPrefix": "eni", "mtu": "9001"},
        {"type": "portmap", "capabilities": {"portMappings": True}},
        {"type": "bandwidth", "capabilities": {"bandwidth": True}},
    ],
}


def rich():
    return json.dumps(AWS, indent=2) + "\n"


def poor():
    return json.dumps(AWS_POOR, separators=(",", ":"))


def types(text):
    return [plugin["type"] for plugin in json.loads(text)["plugins"]]


class Node:
    """Context manager: a directory of network configurations, and a plugin's binary."""

    def __enter__(self):
        self.place = tempfile.mkdtemp(prefix="podsg-conflist-")
        self.directory = self.path("net.d")
        self.binary = self.path("bin/podsg-cni")
        self.moves = self.path("run/moves")
        self.log = self.path("log")
        for name in ("net.d", "bin", "run"):
            os.mkdir(self.path(name))
        self.install()
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.place)

    def path(self, name):
        return os.path.join(self.place, name)

    def file(self, name="10-aws.conflist"):
        return os.path.join(self.directory, name)

    def install(self):
        with open(self.binary, "w", encoding="utf-8"):
            os.chmod(self.binary, 0o755)

    def read(self, name="10-aws.conflist"):
        with open(self.file(name), encoding="utf-8") as file:
            return file.read()

    def types(self, name="10-aws.conflist"):
        return types(self.read(name))

    def put(self, text, name="10-aws.conflist"):
        """As aws-node writes it."""
        new = f"{self.file(name)}.{threading.get_ident()}.tmp"
        with open(new, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(new, 0o644)
        os.rename(new, self.file(name))

    def command(self, *options):
        return [PROGRAM, "--config-directory", self.directory, "--binary", self.binary,
                "--moves", self.moves, *options]

    def run(self, *options):
        done = subprocess.run(self.command(*options), capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        check("Sanitizer" not in done.stderr, done.stderr)
        return done

    def status(self, *options):
        return self.run(*options).returncode

    @contextlib.contextmanager
    def watched(self, *options):
        """podsg-conflist --watch, from its first look on."""
        with open(self.log, "w", encoding="utf-8") as log:
            process = subprocess.Popen(self.command("--watch", *options), stderr=log)
        try:
            wait_for(lambda: os.path.getsize(self.log) > 0, "its first look", PATIENCE)
            yield process
            equal(process.poll(), None, "exit status while it watches")
            process.send_signal(signal.SIGTERM)
            equal(process.wait(PATIENCE), 0, "exit status after SIGTERM")
        finally:
            process.kill()
            process.wait()
        check("Sanitizer" not in self.logged(), self.logged())

    def logged(self, event=""):
        with open(self.log, encoding="utf-8") as log:
            return "".join(line for line in log if event in line)

    def count(self, event):
        return self.logged(f"event={event} ").count("\n")

    def is_last(self, *others):
        try:
            return self.types() == [*others, OURS]
        except (FileNotFoundError, json.JSONDecodeError):
            return False

    def leftovers(self):
        return [name for name in os.listdir(self.directory)
                if ".podsg-" in name or name.endswith(".tmp")]

    def wait_last(self, text):
        """Seconds until ours stands behind what was written."""
        began = time.monotonic()
        wait_for(lambda: self.is_last(*types(text)), f"ours is last: {self.read()}", PATIENCE,
                 0.002)
        return time.monotonic() - began


def each_status(node):
    node.put(rich())
    equal(node.status("--check"), 5, "--check before")
    equal(node.status(), 0, "first")
    equal(node.status("--check"), 0, "--check after")
    equal(node.status(), 0, "again")
    equal(node.status("--remove"), 0, "--remove")
    equal(node.read(), rich(), "the file after --remove")
    node.put("{", "05-broken.conflist")
    equal(node.status(), 3, "with a broken file")
    equal(node.types(), [*types(rich()), OURS], "the chain behind it")
    os.unlink(node.binary)
    equal(node.status(), 4, "without the binary")
    equal(node.read(), rich(), "the file without the binary")
    os.rename(node.directory, node.path("away"))
    with open(node.directory, "w", encoding="utf-8"):
        pass
    equal(node.status(), 1, "with a directory that is none")


def each_wrong_command(node):
    for options in (["x"], ["--settle"], ["--settle", "0"], ["--settle", "-1"],
                    ["--settle", "4x"], ["-o", "yaml"], ["--no-such-option"]):
        done = node.run(*options)
        equal((done.returncode, done.stdout), (2, ""), options)
        check("Usage: podsg-conflist" in done.stderr, done.stderr)
    for option in ("--help", "--version"):
        done = node.run(option)
        equal((done.returncode, done.stderr), (0, ""), option)
        check("podsg-conflist" in done.stdout, done.stdout)


def all_else_is_kept(node):
    """cniVersion, unknown keys, numbers as they are written, mode and owner."""
    text = rich().replace('"9001"', "9.0010e+3").replace('"disableCheck"', '"x-unknown"')
    node.put(text)
    os.chmod(node.file(), 0o640)
    os.chown(node.file(), 1, 2)
    equal(node.status(), 0, "exit status")
    written = node.read()
    kept = json.loads(written)
    equal(kept["plugins"].pop(), {"type": OURS}, "the last plugin")
    equal(kept, json.loads(text), "the rest")
    status = os.stat(node.file())
    equal((status.st_mode & 0o7777, status.st_uid, status.st_gid), (0o640, 1, 2), "mode, owner")
    removed = [line for line in text.splitlines() if line not in written.splitlines()]
    equal(removed, [], "lines that were changed")
    equal(node.leftovers(), [], "leftovers")


def results_are_json(node):
    node.put(rich())
    done = node.run("-o", "json")
    equal(json.loads(done.stdout), {"directory": node.directory, "exit": 0, "files": [
        {"file": "10-aws.conflist", "outcome": "inserted", "why": ""}]}, "standard output")


def rewritten_once(node):
    node.put(rich())
    with node.watched():
        node.wait_last(rich())
        for text in (poor(), rich(), poor()):
            node.put(text)
            took = node.wait_last(text)
            note(f"back after {took * 1000:.0f} ms")
            check(took < PROMISE, f"back after {took:.3f} s")
    equal(node.leftovers(), [], "leftovers")


def rewritten_fifty_times(node):
    chance = random.Random(tap.seed())
    with node.watched():
        for i in range(50):
            text = chance.choice((rich, poor))()
            node.put(text)
            time.sleep(chance.choice((0, 0, 0.001, 0.01, 0.05)))
            if i % 10 == 9:
                took = node.wait_last(text)
                check(took < PROMISE, f"back after {took:.3f} s")
    equal(node.leftovers(), [], "leftovers")
    equal(node.count("left-alone"), 0, "complaints about half a file")


def written_in_place(node):
    """An agent that truncates the file and writes it piece by piece."""
    node.put(poor())
    with node.watched():
        node.wait_last(poor())
        for _ in range(10):
            with open(node.file(), "w", encoding="utf-8") as file:
                for piece in rich().splitlines(keepends=True):
                    file.write(piece)
                    file.flush()
                    time.sleep(0.001)
            node.wait_last(rich())


def written_in_place_of_the_link(node):
    os.mkdir(node.path("elsewhere"))
    os.symlink("../elsewhere/aws", node.file())
    with open(node.path("elsewhere/aws"), "w", encoding="utf-8") as file:
        file.write(rich())
    equal(node.status(), 0, "exit status")
    check(os.path.islink(node.file()), "the link is none any more")
    equal(node.types(), [*types(rich()), OURS], "plugins")


class Agent(threading.Thread):
    """Another one who looks at the file all the time and edits it; edit(list) may change it."""

    def __init__(self, node, edit):
        super().__init__()
        self.node = node
        self.edit = edit
        self.writes = 0
        self.ended = threading.Event()
        self.failure = None

    def run(self):
        try:
            while not self.ended.wait(0.01):
                self.look()
        except Exception as failure:  # told by the test that waits for the thread
            self.failure = failure

    def look(self):
        text = self.node.read()
        chain = json.loads(text)
        before = list(chain["plugins"])
        self.edit(chain["plugins"])
        if chain["plugins"] != before:
            self.node.put(json.dumps(chain, indent=2))
            self.writes += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()
        if self.failure:
            raise self.failure


def append_if_absent(name):
    def edit(plugins):
        if not any(plugin["type"] == name for plugin in plugins):
            plugins.append({"type": name, "log_level": "info"})
    return edit


def insist_on_the_end(name):
    def edit(plugins):
        if plugins[-1]["type"] != name:
            plugins[:] = [plugin for plugin in plugins if plugin["type"] != name]
            plugins.append({"type": name, "log_level": "info"})
    return edit


def take_out(plugins):
    plugins[:] = [plugin for plugin in plugins if plugin["type"] != OURS]


def is_settled(node):
    before = node.read()
    time.sleep(0.3)
    return node.read() == before


def others_append_themselves(node):
    """Istio's and Linkerd's agents want to be there, aws-node takes all of them out."""
    node.put(rich())
    names = {"istio-cni", "linkerd-cni"}
    agents = [Agent(node, append_if_absent(name)) for name in sorted(names)]
    with node.watched(), agents[0], agents[1]:
        for _ in range(5):
            node.put(rich())
            wait_for(lambda: names | {OURS} <= set(node.types()), "all are there", PATIENCE)
            wait_for(lambda: is_settled(node), "the file is settled")
            equal(sorted(node.types()), sorted([*types(rich()), *names, OURS]), "plugins")


def somebody_insists_on_the_end(node):
    node.put(rich())
    with node.watched(), Agent(node, insist_on_the_end("linkerd-cni")) as agent:
        wait_for(lambda: node.count("not-last"), "ours gives way", PATIENCE)
        wait_for(lambda: is_settled(node), "the file is settled")
        writes = agent.writes
        time.sleep(1)
        equal(agent.writes, writes, "writes of the other while both are there")
        equal(node.types(), [*types(rich()), OURS, "linkerd-cni"], "plugins")
        check(node.count("moved") <= MOVES, node.logged())
    # A new process, as a path unit starts them, remembers it.
    equal(node.status(), 0, "exit status")
    equal(node.types(), [*types(rich()), OURS, "linkerd-cni"], "plugins")


def somebody_takes_ours_out(node):
    """For ever: it is put in for ever, but not at any pace."""
    node.put(rich())
    with node.watched() as process, Agent(node, take_out) as agent:
        wait_for(lambda: node.count("contested"), "it is contested")
        writes = agent.writes
        began = time.monotonic()
        time.sleep(3)
        check(agent.writes - writes <= 2, f"{agent.writes - writes} writes in "
              f"{time.monotonic() - began:.1f} s")
        check(process.poll() is None, "it has ended")


def a_binary_that_comes_and_goes(node):
    node.put(rich())
    with node.watched():
        node.wait_last(rich())
        for _ in range(3):
            os.unlink(node.binary)
            wait_for(lambda: node.read() == rich(), "ours leaves with its binary", PATIENCE)
            node.install()
            node.wait_last(rich())
        os.chmod(node.binary, 0o644)
        wait_for(lambda: node.read() == rich(), "what cannot be run is missing", PATIENCE)
    check("why=" in node.logged("no-binary"), node.logged())


def a_directory_that_comes_and_goes(node):
    os.rmdir(node.directory)
    shutil.rmtree(os.path.dirname(node.binary))
    with node.watched():
        for name in ("net.1", "net.2"):
            os.mkdir(node.path(name))
            os.rename(node.path(name), node.directory)
            node.put(rich())
            os.makedirs(os.path.dirname(node.binary), exist_ok=True)
            node.install()
            node.wait_last(rich())
            os.rename(node.directory, node.path(name))


def the_active_file_changes(node):
    """Another network sorts before, and goes again."""
    node.put(rich())
    with node.watched():
        node.wait_last(rich())
        node.put(poor(), "05-cilium.conflist")
        wait_for(lambda: node.types("05-cilium.conflist")[-1] == OURS, "in the new one", PATIENCE)
        equal(node.status("--remove"), 0, "--remove")


def settles_when_nothing_changes(node):
    node.put(rich())
    with open(node.log, "w", encoding="utf-8") as log:
        process = subprocess.Popen(node.command("--settle", "4"), stderr=log)
    for _ in range(10):
        time.sleep(0.5)
        node.put(poor())
    equal(process.poll(), None, "exit status while the file is rewritten")
    equal(process.wait(PATIENCE), 0, "exit status")
    equal(node.types(), [*types(poor()), OURS], "plugins")


def killed_at_any_moment(node):
    """The file is always whole, and what is left is no configuration."""
    chance = random.Random(tap.seed())
    began = time.monotonic()
    for _ in range(5):
        node.put(rich())
        node.run()
    whole = (time.monotonic() - began) / 5
    for _ in range(150):
        node.put(rich())
        process = subprocess.Popen(node.command(), stderr=subprocess.DEVNULL)
        time.sleep(chance.random() * whole)
        process.kill()
        process.wait()
        check(node.types() in ([*types(rich())], [*types(rich()), OURS]), node.read())
        names = [name for name in os.listdir(node.directory) if name != "10-aws.conflist"]
        check(all(name.startswith(".10-aws.conflist.podsg-") for name in names), names)
    note(f"{len(node.leftovers())} leftovers")
    equal(node.status(), 0, "exit status")
    equal(node.types(), [*types(rich()), OURS], "plugins")


def without_room_on_the_disk(node):
    os.rmdir(node.directory)
    os.mkdir(node.directory)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "full", node.directory], check=True)
    try:
        node.put(rich())
        with contextlib.suppress(OSError), open(node.file("fill"), "wb", buffering=0) as file:
            while True:
                file.write(b"x" * 512)
        done = node.run()
        equal(done.returncode, 1, "exit status on a full disk")
        check("No space left" in done.stderr, done.stderr)
        equal((node.read(), node.leftovers()), (rich(), []), "what stands there")
        os.unlink(node.file("fill"))
        subprocess.run(["mount", "-o", "remount,ro", node.directory], check=True)
        done = node.run()
        equal(done.returncode, 1, "exit status on a read-only disk")
        check("Read-only" in done.stderr, done.stderr)
    finally:
        subprocess.run(["umount", node.directory], check=True)


def starts_without_what_is_slow(_node):
    libraries = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
    slow = ("libuv", "libcurl", "libsystemd", "libyaml", "libcrypto")
    for name in () if "libasan" in libraries else slow:
        check(name not in libraries, libraries)


def units(node):
    """The packaged units with this node's paths, which are in /tmp; and without what a user's manager
    can't do: it makes nothing inaccessible."""
    for name in ("path", "timer", "service"):
        with open(os.path.join(UNITS, f"podsg-conflist.{name}"), encoding="utf-8") as file:
            text = file.read()
        text = text.replace("/usr/sbin/podsg-conflist", " ".join(node.command()))
        text = text.replace("/etc/cni/net.d", node.directory)
        text = text.replace("/opt/cni/bin/podsg-cni", node.binary)
        text = "".join(line for line in text.splitlines(keepends=True)
                       if not line.startswith(("Documentation=", "PrivateTmp=", "ProtectKernel")))
        yield f"podsg-conflist.{name}", text


def units_are_valid(node):
    paths = []
    for name, text in units(node):
        paths.append(node.path(name))
        with open(paths[-1], "w", encoding="utf-8") as file:
            file.write(text)
    done = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True,
                          check=False)
    equal((done.returncode, done.stderr), (0, ""), "systemd-analyze verify")


def units_have_no_start_limit(_node):
    for name, section, key in (("service", "Unit", "StartLimitIntervalSec"),
                               ("path", "Path", "TriggerLimitIntervalSec")):
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str
        unit.read(os.path.join(UNITS, f"podsg-conflist.{name}"))
        equal(unit[section].get(key), "0", f"{key} of podsg-conflist.{name}")


MANAGE = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system {runtime}
chmod 700 {runtime}
exec {manager} --user --unit=paths.target
"""


@contextlib.contextmanager
def managed(node):
    """A systemd of its own, with the packaged units started."""
    home = node.path("systemd")
    os.makedirs(f"{home}/systemd/user")
    for name, text in units(node):
        with open(f"{home}/systemd/user/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    os.mkdir(f"{home}/systemd/user/paths.target.wants")
    for name in ("path", "timer"):
        os.symlink(f"../podsg-conflist.{name}",
                   f"{home}/systemd/user/paths.target.wants/podsg-conflist.{name}")
    runtime = "/run/podsg-test"
    environment = dict(os.environ, XDG_CONFIG_HOME=home, XDG_RUNTIME_DIR=runtime,
                       SYSTEMD_LOG_TARGET="console", HOME=home)
    environment.pop("NOTIFY_SOCKET", None)
    with open(node.log, "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", MANAGE.format(runtime=runtime, manager=MANAGER)],
            env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
        equal(process.poll(), None, "exit status of systemd")
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def systemd_brings_it_back(node):
    """The packaged units under a real systemd: at its start, after one rewrite, and after many."""
    chance = random.Random(tap.seed())
    node.put(rich())
    with managed(node):
        node.wait_last(rich())
        time.sleep(6)  # the service has settled, and the path unit watches again
        for _ in range(2):
            node.put(poor())
            took = node.wait_last(poor())
            note(f"back after {took * 1000:.0f} ms")
            check(took < PROMISE, f"back after {took:.3f} s")
        for _ in range(50):
            node.put(chance.choice((rich, poor))())
            time.sleep(chance.choice((0, 0.001, 0.01, 0.05)))
        node.put(rich())
        check(node.wait_last(rich()) < PROMISE, "too late after 50 rewrites")
        time.sleep(6)
        os.unlink(node.binary)
        wait_for(lambda: node.read() == rich(), "ours leaves with its binary", PATIENCE)


CASES = (
    ("every exit status", each_status),
    ("a wrong command line", each_wrong_command),
    ("all else in the file is kept", all_else_is_kept),
    ("results as JSON", results_are_json),
    ("aws-node rewrites its file: back within a second", rewritten_once),
    ("rewritten fifty times, ours is last in the end", rewritten_fifty_times),
    ("a file that is written piece by piece", written_in_place),
    ("a symbolic link is followed and stays", written_in_place_of_the_link),
    ("agents that append themselves all find their place", others_append_themselves),
    ("an agent that insists on the last place gets it", somebody_insists_on_the_end),
    ("an agent that takes ours out is followed at a walk", somebody_takes_ours_out),
    ("no entry without a binary", a_binary_that_comes_and_goes),
    ("a directory that comes and goes", a_directory_that_comes_and_goes),
    ("another network becomes the active one", the_active_file_changes),
    ("--settle ends when nothing changes any more", settles_when_nothing_changes),
    ("killed at any moment, the file is whole", killed_at_any_moment),
    ("a full and a read-only disk", without_room_on_the_disk),
    ("no slow libraries", starts_without_what_is_slow),
    ("the units have no limit", units_have_no_start_limit),
)


def main():
    if not os.access(PROGRAM, os.X_OK):
        tap.skip("podsg-conflist is not built")
    if os.geteuid() != 0:
        tap.skip("needs root")
    program = tap.Program()
    cases = list(CASES)
    if shutil.which("systemd-analyze"):
        cases.append(("systemd-analyze accepts the units", units_are_valid))
    if os.access(MANAGER, os.X_OK):
        cases.append(("the units under a real systemd", systemd_brings_it_back))
    for name, function in cases:
        with Node() as node:
            program.case(name, function, node)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
