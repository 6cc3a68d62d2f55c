# SPDX-License-Identifier: GPL-2.0-or-later
"""
Container runtimes on a lab's node, without a trace on the machine that they run on.

A Machine is a process tree with mounts and process ids of its own in the node's network namespace:
what it writes to /etc, /opt, /run and /var is seen by nobody else, and whatever has been started in
it dies with it. A Containerd is the distribution's containerd in such a machine, with the paths
that it has everywhere.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

from busybox_image import BUSYBOX, IMAGE, write_image
from lab import netns
from lab.daemon import BUILD
from lab.tap import PATIENCE, Failure, note, wait_for

PLUGINS = "/usr/lib/cni"
CONFLISTS = "/etc/cni/net.d"
BINARIES = "/opt/cni/bin"
OWN_PLUGIN = os.path.join(BUILD, "podsg-cni")
CGROUPS = "/sys/fs/cgroup"
BRIDGE = "pods0"
START_TIMEOUT = 2 * PATIENCE

FATAL = re.compile(r"F\d{4} |panic:|fatal error:")
# The first process of a PID namespace inherits every orphan; ignored, they leave no zombies.
FIRST_PROCESS = """
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
while True:
    signal.pause()
"""
PREPARE = """
set -e
cd {directory}
mkdir -p netns private
mount --rbind /run/netns netns
mount -t tmpfs private private
for place in etc opt var; do
	mkdir private/$place private/$place.work
	mount -t overlay -o lowerdir=/$place,upperdir=private/$place,workdir=private/$place.work \
		$place /$place
done
mount -t tmpfs -o mode=755 run /run
rm -rf /etc/cni /opt/cni /var/lib/cni
mkdir -p /etc/cni/net.d /opt/cni/bin /run/lock /run/netns
# Neither snapshots nor a kubelet like an overlay beneath them.
for place in containerd containers kubelet; do
	mkdir -p /var/lib/$place
	mount -t tmpfs -o mode=755 $place /var/lib/$place
done
ln -s {plugins}/* /opt/cni/bin/
"""


def need(*commands):
    """A function that says what of the commands is missing, for lab.daemon.need()."""
    def missing():
        for command in commands:
            if not shutil.which(command):
                return f"the command {command} is not installed"
        needed = {BUSYBOX: "busybox-static", PLUGINS: "containernetworking-plugins"}
        return next((f"{path} is missing: install {package}" for path, package in needed.items()
                     if not os.path.exists(path)), None)
    return missing


def need_own_plugin():
    return None if os.access(OWN_PLUGIN, os.X_OK) else "podsg-cni is not built"


# Of a node: packets to a pod that is gone would go round between it and the fabric, and be tracked.
NOT_BACK = """
table inet not-back {
	chain forward { type filter hook forward priority -400; iifname eth0 oifname eth0 drop; }
}
"""


# The machine

def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return []


class Service:
    """A program that stays, inside of a machine; its log is outside of it."""

    def __init__(self, machine, name, argv, env=None):
        self.machine = machine
        self.name = name
        self.argv = argv
        self.env = env
        self.process = None
        self.pid = None

    def start(self):
        with open(self.machine.path(self.name + ".log"), "ab") as log:
            self.process = subprocess.Popen(
                self.machine.command(self.argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(self.env or {})}, preexec_fn=netns.die_with_parent)
        # nsenter cannot become the program: only a child of it is in the PID namespace.
        self.pid = wait_for(lambda: children(self.process.pid) or self.process.poll(),
                            f"{self.name} runs")
        if not isinstance(self.pid, list):
            raise Failure(f"{self.name} did not start:\n{self.log_tail()}")
        self.pid = self.pid[0]

    def send(self, how):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, how)

    def stop(self, how=signal.SIGTERM):
        """What it has started itself goes on."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.send(how)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.send(signal.SIGKILL)
                self.process.wait()
        self.process = None

    def kill(self):
        self.stop(signal.SIGKILL)

    def check_alive(self):
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended with status {self.process.returncode}:\n"
                          f"{self.log_tail()}")
        return True

    def log_tail(self, lines=20):
        """What a program of Go dies of stands before the stacks of all its threads."""
        with open(self.machine.path(self.name + ".log"), encoding="utf-8",
                  errors="replace") as file:
            said = file.readlines()
        fatal = [line for line in said if FATAL.match(line)]
        return "".join(fatal or said[-lines:])


class Machine:
    """Context manager. where: the name of the network namespace that it lives in."""

    def __init__(self, where):
        self.where = where
        self.cgroup = f"podsg-{os.getpid()}"
        self.process = None
        self.keep = False

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="podsg-machine-")
        try:
            self._start()
            self.run(["sh", "-c", PREPARE.format(directory=self.directory, plugins=PLUGINS)])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()
        self._remove_cgroups()
        if self.keep:
            note(f"kept: {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def _start(self):
        argv = netns.command_in(self.where, [
            "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
            "--mount-proc", "/usr/bin/python3", "-c", FIRST_PROCESS])
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        preexec_fn=netns.die_with_parent)
        if self.process.stdout.readline() != b"ready\n":
            raise Failure("no machine: " + " ".join(argv))
        self.first = children(self.process.pid)[0]

    def command(self, argv):
        return ["nsenter", f"--target={self.first}", "--mount", "--pid", "--net", "--", *argv]

    def run(self, argv, check=True, timeout=2 * PATIENCE, text_input=None):
        return netns.run(self.command(argv), check=check, timeout=timeout, text_input=text_input)

    def inside(self, path):
        """A path of the machine, for who is outside of it."""
        return f"/proc/{self.first}/root{path}"

    def outside_netns(self, name):
        """A network namespace of the lab, for who is inside."""
        return os.path.join(self.path("netns"), name)

    def read(self, path):
        with open(self.inside(path), encoding="utf-8") as file:
            return file.read()

    def write(self, path, text):
        """Beside and renamed, as agents write their files."""
        with open(self.inside(path) + ".tmp", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.inside(path) + ".tmp", self.inside(path))

    def list(self, path):
        """The names in a directory; none where there is no such directory."""
        try:
            return sorted(os.listdir(self.inside(path)))
        except FileNotFoundError:
            return []

    def write_conflist(self, conflist, name="10-test.conflist"):
        self.write(os.path.join(CONFLISTS, name), json.dumps(conflist, indent=2))

    def install(self, path, name=None):
        """A plugin, as a copy of its own."""
        target = os.path.join(self.inside(BINARIES), name or os.path.basename(path))
        shutil.copy(path, target + ".new")
        os.rename(target + ".new", target)

    def make_cgroups(self):
        """A kubelet wants its root to be there, in every hierarchy."""
        hierarchies = [CGROUPS] if os.path.exists(f"{CGROUPS}/cgroup.procs") else \
            [os.path.join(CGROUPS, name) for name in os.listdir(CGROUPS)]
        for hierarchy in hierarchies:
            os.makedirs(os.path.join(hierarchy, self.cgroup), exist_ok=True)

    def _own_cgroups(self):
        for top, names, _ in os.walk(CGROUPS):
            if self.cgroup in names:
                yield os.path.join(top, self.cgroup)
            if top.count("/") > CGROUPS.count("/"):
                names.clear()

    def _remove_cgroups(self):
        """They belong to the whole machine, and outlive the processes by a moment."""
        def gone():
            for top in list(self._own_cgroups()):
                for path, _, _ in os.walk(top, topdown=False):
                    with contextlib.suppress(OSError):
                        os.rmdir(path)
            return not list(self._own_cgroups())
        with contextlib.suppress(Failure):
            wait_for(gone, "the cgroups are gone", 30.0, 0.05)


# Chains of plugins

def host_local(first, last=None, subnet="10.0.1.0/24"):
    """Addresses from first to last, the next one after the last that was given."""
    return {"type": "host-local", "dataDir": "/run/cni-addresses",
            "ranges": [[{"subnet": subnet, "rangeStart": first, "rangeEnd": last or first}]],
            "routes": [{"dst": "0.0.0.0/0"}]}


def ptp(ipam):
    return {"type": "ptp", "ipMasq": False, "mtu": 1500, "ipam": ipam}


def bridge(ipam):
    return {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "mtu": 1500, "ipam": ipam}


def own(config):
    return {"type": "podsg-cni", "config": config}


def conflist(*plugins, name="test", version="1.0.0"):
    return {"cniVersion": version, "name": name, "plugins": list(plugins)}


# containerd

CONTAINERD_CONFIG = """
version = 2
{disabled}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image}"
  netns_mounts_under_state_dir = false
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
"""


class Container:
    """A runtime's command that stays until its container ends; what both say is in output()."""

    def __init__(self, machine, name, run, kill):
        self.machine = machine
        self.name = name
        self.kill = kill
        self.log = machine.path(name + ".out")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(machine.command(run), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log,
                                            preexec_fn=netns.die_with_parent)

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def said(self, *lines):
        """Whether it has said the lines; fails where it has ended."""
        output = self.output()
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended with status {self.process.returncode}:\n{output}")
        return all(line in output.splitlines() for line in lines)

    def wait_said(self, *lines):
        wait_for(lambda: self.said(*lines), f"{self.name} says {lines}", PATIENCE)

    def wait(self, timeout=2 * PATIENCE):
        """The status of the command, which is the container's where that ran."""
        return self.process.wait(timeout)

    def end(self):
        if self.process.poll() is None:
            self.machine.run(self.kill, check=False)
        return self.wait()


class Containerd:
    """The daemon of a machine; with cri, kubelet's way in is open, too."""

    def __init__(self, machine, cri=False):
        self.machine = machine
        self.cri = cri
        self.service = Service(machine, "containerd", ["containerd"])

    def start(self):
        disabled = "" if self.cri else 'disabled_plugins = ["io.containerd.grpc.v1.cri"]'
        self.machine.run(["mkdir", "-p", "/etc/containerd"])
        self.machine.write("/etc/containerd/config.toml",
                           CONTAINERD_CONFIG.format(image=IMAGE, disabled=disabled))
        self.service.start()
        self.wait()

    def wait(self):
        wait_for(lambda: self.service.check_alive() and self.answers(), "containerd answers",
                 START_TIMEOUT, 0.05)

    def answers(self):
        return self.ctr("version", check=False).returncode == 0

    def ctr(self, *words, check=True):
        namespace = "k8s.io" if self.cri else "default"
        return self.machine.run(["ctr", "--namespace", namespace, *words], check=check)

    def import_image(self):
        path = self.machine.path("image.tar")
        write_image(path)
        self.ctr("images", "import", "--snapshotter", "native", path)

    def container(self, name, script):
        run = ["ctr", "run", "--rm", "--cni", "--snapshotter", "native",
               "--cgroup", f"/{self.machine.cgroup}/{name}", IMAGE, name, "sh", "-c", script]
        return Container(self.machine, name, run, ["ctr", "task", "kill", "--signal", "KILL", name])

    def discard(self, name):
        """What ctr leaves of a container that it could not start, or of which it lost sight."""
        self.ctr("task", "delete", "--force", name, check=False)
        self.ctr("container", "delete", name, check=False)


# Podman

PODMAN_CONFIG = """
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_backend = "cni"
default_network = "test"
"""
PODMAN_STORAGE = """
[storage]
driver = "vfs"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
"""


class Podman:
    """No daemon: the command, with the paths that it has everywhere. Its hooks are OCI hooks."""

    HOOKS = "/etc/containers/oci/hooks.d"

    def __init__(self, machine):
        self.machine = machine

    def start(self):
        self.machine.run(["mkdir", "-p", self.HOOKS])
        for name, text in (("containers.conf", PODMAN_CONFIG), ("storage.conf", PODMAN_STORAGE),
                           ("policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}')):
            self.machine.write("/etc/containers/" + name, text)

    def write_hook(self, hook):
        self.machine.write(os.path.join(self.HOOKS, "podsg.json"), json.dumps(hook))

    def import_image(self):
        path = self.machine.path("image.tar")
        write_image(path)
        self.machine.run(["podman", "load", "--input", path])

    def container(self, name, script):
        run = ["podman", "--hooks-dir", self.HOOKS, "run", "--rm", "--pull", "never", "--name",
               name, "--network", "test", "--cgroup-parent", "/" + self.machine.cgroup,
               "--cap-add", "NET_RAW", IMAGE, "sh", "-c", script]
        return Container(self.machine, name, run, ["podman", "kill", "--signal", "KILL", name])

    def discard(self, name):
        self.machine.run(["podman", "rm", "--force", "--ignore", name])
