#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
podsg-oci-hook in the real kernel, started by hand with the states that runtimes write, and by
runc, crun and Podman themselves. Whatever it is told, only what the kernel knows to be gone is
cleaned up.
"""

import fcntl
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "netns")]
sys.dont_write_bytecode = True

from lab import netns, tap  # noqa: E402
from lab.tap import PATIENCE, check, equal, note, wait_for  # noqa: E402

BUILD = os.environ.get("PODSG_BUILD") or os.path.join(ROOT, os.environ.get("B", "build"))
PROGRAM = os.path.join(BUILD, "podsg-oci-hook")
PACKAGED = os.path.join(ROOT, "packaging", "oci", "podsg-oci-hook.json")
BUSYBOX = "/bin/busybox"
# crun refuses to run where both versions of cgroups are mounted; it need not see the second.
CRUN = ("unshare", "--mount", "--propagation", "slave", "sh", "-c",
        'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun "$@"', "crun")
RUNTIMES = {"runc": ("runc",), "crun": CRUN}
LIMIT = 8.0  # seconds that the hook gives itself
GATEWAY = "10.0.0.1"
with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot_id:
    BOOT = boot_id.read().strip()


def crio(kind, sandbox):
    return {"io.kubernetes.cri-o.ContainerType": kind, "io.kubernetes.cri-o.SandboxID": sandbox}


def containerd(kind, sandbox):
    return {"io.kubernetes.cri.container-type": kind, "io.kubernetes.cri.sandbox-id": sandbox}


class Place:
    """Context manager: a node's network namespace, a journal and a configuration."""

    def __enter__(self):
        netns.cleanup()
        self.place = tempfile.mkdtemp(prefix="podsg-oci-")
        self.journal = self.path("journal")
        os.mkdir(self.journal)
        self.config = self.path("podsg.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"version: 1\nhooks: {{journal: {self.journal}}}\n")
        self.names = [self.name("node")]
        netns.run(["ip", "netns", "add", self.name("node")])
        netns.ip_batch(["link set lo up"], self.name("node"))
        return self

    def __exit__(self, *_):
        netns.delete(self.names)
        shutil.rmtree(self.place)

    def path(self, name):
        return os.path.join(self.place, name)

    @staticmethod
    def name(who):
        return f"{netns.own_prefix()}-{who}"

    def ip(self, *argv):
        return netns.run(["ip", "-n", self.name("node"), *argv]).stdout

    def batch(self, *lines):
        netns.ip_batch(lines, self.name("node"))

    def run(self, *argv, **how):
        return subprocess.run(netns.command_in(self.name("node"), argv), text=True,
                              timeout=60, check=False, **how)

    def hook(self, state, *options):
        """What it logged; the status is always 0."""
        text = state if isinstance(state, str) else json.dumps(state)
        done = self.run(PROGRAM, "--config", self.config, *options, input=text,
                        capture_output=True)
        check("Sanitizer" not in done.stderr, done.stderr)
        equal((done.returncode, done.stdout), (0, ""), "status and output")
        return done.stderr

    def index(self, link):
        return json.loads(self.ip("-j", "link", "show", "dev", link))[0]["ifindex"]

    def holds(self):
        """Rules, links and routes that are not the namespace's own."""
        links = {link["ifname"] for link in json.loads(self.ip("-j", "link"))}
        rules = {" ".join(line.split()) for line in self.ip("rule").splitlines()
                 if line.split(":")[0] in ("10", "512", "1536")}
        routes = {" ".join(line.split())
                  for line in self.ip("route", "show", "table", "all").splitlines()
                  if "table local" not in line}
        return links - {"lo"} | rules | routes

    def entries(self):
        return sorted(name for name in os.listdir(self.journal) if not name.startswith("."))


class Pod:
    """A strict pod as the VPC CNI makes it, and its entry in the journal."""

    def __init__(self, place, sandbox, vlan=3, address="10.0.0.5"):
        self.place = place
        self.sandbox = sandbox
        self.vlan = vlan
        self.address = address
        self.veth = f"vlan{sandbox[:11]}"
        self.device = f"vlan.eth.{vlan}"
        self.netns = ""

    def own_namespace(self):
        name = self.place.name(self.sandbox)
        self.place.names.append(name)
        netns.run(["ip", "netns", "add", name])
        self.netns = netns.path(name)
        return self.attach(name)

    def attach(self, namespace):
        """namespace: a name, or the id of a process."""
        table = 100 + self.vlan
        self.place.batch(
            f"link add {self.veth} type veth peer name eth0 netns {namespace}",
            f"link set {self.veth} up",
            f"link add {self.device} type veth peer name far{self.vlan}",
            f"link set {self.device} up",
            f"route add {GATEWAY} dev {self.device} scope link table {table}",
            f"route add default via {GATEWAY} dev {self.device} onlink table {table}",
            f"route add {self.address} dev {self.veth} scope link table {table}",
            f"rule add pref 10 iif {self.device} lookup {table}",
            f"rule add pref 10 iif {self.veth} lookup {table}")
        return self

    def write(self, **changes):
        entry = {"version": 1, "sandbox": self.sandbox, "ifname": "eth0", "boot": BOOT,
                 "namespace": "default", "pod": f"pod-{self.sandbox}", "netns": self.netns,
                 "interface": self.veth, "interfaceIndex": self.place.index(self.veth),
                 "device": self.device, "deviceIndex": self.place.index(self.device),
                 "vlan": self.vlan, "mode": "strict", "addresses": [self.address],
                 "created": int(time.time() * 1000), "state": "ready"}
        entry.update(changes)
        path = os.path.join(self.place.journal, f"{self.sandbox}:eth0.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(entry, file)
        return self

    def leave(self):
        """The namespace is deleted, and with it the veth, as soon as the kernel gets to it."""
        netns.run(["ip", "netns", "delete", os.path.basename(self.netns)])
        return self

    def wait_left(self):
        wait_for(lambda: self.veth not in self.place.holds(), "the veth is gone", PATIENCE)
        return self

    def state(self, **changes):
        return {"ociVersion": "1.0.2", "id": self.sandbox, "pid": 0, "status": "stopped",
                "bundle": "/b", **changes}


def gone(place, pod):
    equal((place.holds(), place.entries()), (set(), []), f"left of {pod.sandbox}")


def untouched(place, before, log):
    equal((place.holds(), place.entries()), before, f"what stood there; {log}")


def seen(place):
    return place.holds(), place.entries()


def a_sandbox_that_is_gone(place):
    for annotations in ({}, crio("sandbox", "s1"), containerd("sandbox", "s1")):
        pod = Pod(place, "s1").own_namespace().write().leave().wait_left()
        check(pod.device in place.holds(), "nothing was left to clean up")
        log = place.hook(pod.state(annotations=annotations))
        gone(place, pod)
        check("event=removed" in log, log)
        equal(place.hook(pod.state()), "", "log of a second time")


def a_sandbox_whose_network_stands(place):
    """containerd: the pause process has ended, DEL is still to come."""
    pod = Pod(place, "s1").own_namespace().write()
    before = seen(place)
    log = place.hook(pod.state(annotations=containerd("sandbox", "s1")))
    untouched(place, before, log)
    check("event=alive" in log, log)


def another_container_of_the_pod(place):
    pod = Pod(place, "s1").own_namespace().write().leave().wait_left()
    before = seen(place)
    for annotations in (crio("container", "s1"), containerd("container", "s1")):
        untouched(place, before, place.hook(pod.state(id="c1", annotations=annotations)))


def a_sandbox_that_nobody_knows(place):
    pod = Pod(place, "s1").own_namespace().write().leave().wait_left()
    before = seen(place)
    for sandbox in ("s2", "s", "s11", "S1"):
        untouched(place, before, place.hook(pod.state(id=sandbox)))


def the_kernel_takes_its_time(place):
    """The path of the namespace is gone, a process in it keeps the veth for a moment."""
    pod = Pod(place, "s1").own_namespace().write()
    holder = subprocess.Popen(netns.command_in(os.path.basename(pod.netns), ["sleep", "0.5"]))
    wait_for(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"),
             "the process is in the namespace", PATIENCE)
    pod.leave()
    check(pod.veth in place.holds(), "the veth went too early")
    place.hook(pod.state())
    holder.wait()
    gone(place, pod)


def a_namespace_without_a_path_that_lives_on(place):
    pod = Pod(place, "s1").own_namespace().write()
    holder = subprocess.Popen(netns.command_in(os.path.basename(pod.netns), ["sleep", "60"]))
    wait_for(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"),
             "the process is in the namespace", PATIENCE)
    pod.leave()
    before = seen(place)
    untouched(place, before, place.hook(pod.state()))
    holder.kill()
    holder.wait()


def of_an_earlier_boot(place):
    pod = Pod(place, "s1").own_namespace()
    pod.write(boot="00000000-0000-0000-0000-000000000000", interfaceIndex=1, deviceIndex=2)
    pod.leave().wait_left()
    place.hook(pod.state())
    equal(place.entries(), [], "journal")


def what_a_newer_pod_holds(place):
    """It has the VLAN and the address already, and a veth of its own."""
    old = Pod(place, "s1").own_namespace().write(created=1000)
    place.batch(f"link del {old.device}", f"rule del pref 10 iif {old.device} lookup 103")
    old.leave().wait_left()
    Pod(place, "s2").own_namespace().write()
    before = place.holds()
    log = place.hook(old.state())
    equal(place.entries(), ["s2:eth0.json"], "journal")
    equal(before - place.holds(), {f"10: from all iif {old.veth} [detached] lookup 103"},
          f"what was removed; {log}")


def a_container_that_was_started_again(place):
    """Podman: its id is the same, and its new network is in the journal."""
    old = Pod(place, "s1").own_namespace().write().leave().wait_left()
    place.batch(f"link del {old.device}", f"rule del pref 10 iif {old.veth} lookup 103",
                f"rule del pref 10 iif {old.device} lookup 103")
    new = Pod(place, "s1", vlan=4).own_namespace().write()
    before = seen(place)
    untouched(place, before, place.hook(new.state()))


def what_is_no_state(place):
    pod = Pod(place, "s1").own_namespace().write().leave().wait_left()
    before = seen(place)
    for text in ("", "{", "[]", "{}", '{"id":1}', '{"id":"' + "x" * 129 + '"}', "\0",
                 "x" * (5 << 20), "[" * 100000):
        log = place.hook(text)
        check("event=failed" in log, f"{text[:20]!r}: {log}")
        untouched(place, before, log)


def what_cannot_be_read(place):
    pod = Pod(place, "s1").own_namespace().write().leave().wait_left()
    before = seen(place)
    with open(place.path("bad.yaml"), "w", encoding="utf-8") as file:
        file.write("version: 1\nhoks: {}\n")
    for path in (place.path("bad.yaml"), place.path("none.yaml")):
        log = place.hook(pod.state(), "--config", path)
        check("event=failed" in log, log)
        untouched(place, before, log)
    with open(os.path.join(place.journal, "s1:eth0.json"), "w", encoding="utf-8") as file:
        file.write('{"version": 1, "sandbox": ')
    untouched(place, before, place.hook(pod.state()))


def a_wrong_command_line(place):
    for options in (["x"], ["--no-such-option"], ["--config"]):
        done = place.run(PROGRAM, *options, capture_output=True, stdin=subprocess.DEVNULL)
        equal((done.returncode, done.stdout), (2, ""), options)
        check("Usage: podsg-oci-hook" in done.stderr, done.stderr)
    for option in ("--help", "--version"):
        done = place.run(PROGRAM, option, capture_output=True, stdin=subprocess.DEVNULL)
        equal((done.returncode, done.stderr), (0, ""), option)
        check("podsg-oci-hook" in done.stdout, done.stdout)


def somebody_holds_the_journal(place):
    pod = Pod(place, "s1").own_namespace().write().leave().wait_left()
    before = seen(place)
    with open(os.path.join(place.journal, ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        log = place.hook(pod.state())
        check(time.monotonic() - began < LIMIT + 30, "too slow")
        check("event=failed" in log, log)
        untouched(place, before, log)
    place.hook(pod.state())
    gone(place, pod)


def what_cannot_be_removed(place):
    """It is noted, and done when somebody can."""
    pod = Pod(place, "s1").own_namespace().write().leave().wait_left()
    before = place.holds()
    done = place.run("setpriv", "--bounding-set", "-net_admin", PROGRAM, "--config", place.config,
                     input=json.dumps(pod.state()), capture_output=True)
    equal(done.returncode, 0, "exit status")
    check("event=not-removed" in done.stderr and "event=failed" in done.stderr, done.stderr)
    equal(place.holds(), before, "what stands there")
    with open(os.path.join(place.journal, "s1:eth0.json"), encoding="utf-8") as file:
        entry = json.load(file)
    equal(entry["state"], "gone", "state in the journal")
    check(entry["left"], "the journal does not say what is left")
    place.hook(pod.state())
    gone(place, pod)


def a_runtime_that_never_closes_the_pipe(place):
    process = subprocess.Popen([PROGRAM, "--config", place.config], stdin=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    began = time.monotonic()
    process.stdin.write(b'{"id":')
    process.stdin.flush()
    equal(process.wait(PATIENCE), 0, "exit status")
    check(time.monotonic() - began > 1, "it did not wait")
    check(b"gave up" in process.stderr.read(), "it does not say why")
    process.stdin.close()
    process.stderr.close()


def starts_in_no_time(place):
    """A fast way out for the containers that do not matter, which are nearly all."""
    libraries = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
    slow = ("libuv", "libcurl", "libsystemd", "libcrypto")
    for name in () if "libasan" in libraries else slow:
        check(name not in libraries, libraries)
    state = json.dumps({"id": "c", "annotations": crio("container", "s")})
    times = []
    for _ in range(50):
        began = time.monotonic()
        subprocess.run([PROGRAM], input=state, text=True, check=True)
        times.append((time.monotonic() - began) * 1000)
    note(f"{statistics.median(times):.1f} ms with the start of the process")


def the_packaged_hook(_place):
    """By the schema of oci-hooks(5), version 1.0.0."""
    with open(PACKAGED, encoding="utf-8") as file:
        hook = json.load(file)
    equal(hook["version"], "1.0.0", "version")
    equal(hook["stages"], ["poststop"], "stages")
    equal(hook["when"], {"always": True}, "when")
    equal(hook["hook"]["args"], ["podsg-oci-hook"], "args")
    check(hook["hook"]["path"].startswith("/"), "the path is not absolute")
    check(hook["hook"]["timeout"] > LIMIT, "the runtime kills it before it gives up")


class Container:
    """Context manager: a container of a real runtime, created, with the hook in its bundle."""

    def __init__(self, place, runtime, identifier, annotations=None, network=None):
        self.place = place
        self.runtime = [*RUNTIMES[runtime], "--root", place.path("runtime")]
        self.identifier = identifier
        self.bundle = place.path(f"bundle-{identifier}")
        self.log = place.path(f"hook-{identifier}")
        os.makedirs(os.path.join(self.bundle, "rootfs", "bin"))
        shutil.copy(BUSYBOX, os.path.join(self.bundle, "rootfs", "bin", "busybox"))
        self.write_config(annotations or {}, network)

    def write_config(self, annotations, network):
        subprocess.run(["runc", "spec"], cwd=self.bundle, check=True)
        path = os.path.join(self.bundle, "config.json")
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        config["process"].update(terminal=False, args=["/bin/busybox", "true"])
        for namespace in config["linux"]["namespaces"]:
            if namespace["type"] == "network" and network:
                namespace["path"] = network
        config["annotations"] = annotations
        # What it logs is the runtime's to drop; here it is kept.
        command = f"exec {PROGRAM} --config {self.place.config} 2>{self.log}"
        config["hooks"] = {"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", command],
                                         "timeout": 10}]}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)

    def call(self, *argv):
        done = self.place.run(*self.runtime, *argv, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        equal(done.returncode, 0, f"status of {' '.join(argv)}")
        return done.stdout

    def state(self):
        return json.loads(self.call("state", self.identifier))

    def __enter__(self):
        # No pipe: the container would keep it open.
        done = self.place.run(*self.runtime, "create", "--bundle", self.bundle, self.identifier,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
        equal(done.returncode, 0, "status of create")
        self.pid = self.state()["pid"]
        return self

    def end(self):
        self.call("start", self.identifier)
        wait_for(lambda: self.state()["status"] == "stopped", "the container has ended", PATIENCE)
        self.call("delete", self.identifier)

    def __exit__(self, *_):
        self.place.run(*self.runtime, "delete", "--force", self.identifier,
                       stdin=subprocess.DEVNULL, capture_output=True)

    def logged(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read()


def a_container_with_a_network_of_its_own(place, runtime):
    """Its namespace ends with it, and nobody calls CNI DEL."""
    with Container(place, runtime, "s1") as container:
        pod = Pod(place, "s1")
        pod.netns = f"/proc/{container.pid}/ns/net"
        pod.attach(container.pid).write()
        check(pod.veth in place.holds(), "no veth")
        container.end()
    gone(place, pod)
    check("event=removed" in container.logged(), container.logged())


def a_sandbox_in_a_namespace_that_stays(place, runtime):
    pod = Pod(place, "s1").own_namespace().write()
    before = seen(place)
    with Container(place, runtime, "s1", containerd("sandbox", "s1"), pod.netns) as container:
        container.end()
    untouched(place, before, container.logged())
    check("event=alive" in container.logged(), container.logged())


def an_application_in_it(place, runtime):
    pod = Pod(place, "s1").own_namespace().write().leave().wait_left()
    before = seen(place)
    with Container(place, runtime, "c1", crio("container", "s1")) as container:
        container.end()
    untouched(place, before, container.logged())


class Podman:
    """The command with storage of its own, and the hook as it is packaged in its hooks.d."""

    def __init__(self, place):
        self.place = place
        with open(PACKAGED, encoding="utf-8") as file:
            hook = json.load(file)
        hook["hook"]["path"] = PROGRAM
        hook["hook"]["args"] += ["--config", place.config]
        os.mkdir(place.path("hooks.d"))
        with open(place.path("hooks.d/podsg-oci-hook.json"), "w", encoding="utf-8") as file:
            json.dump(hook, file)
        os.makedirs(place.path("rootfs/bin"))
        shutil.copy(BUSYBOX, place.path("rootfs/bin/busybox"))

    def call(self, *argv):
        done = self.place.run(
            "podman", "--root", self.place.path("storage"), "--runroot", self.place.path("run"),
            "--tmpdir", self.place.path("tmp"), "--storage-driver", "vfs", "--cgroup-manager",
            "cgroupfs", "--events-backend", "file", "--hooks-dir", self.place.path("hooks.d"),
            "--runtime", "runc", *argv, stdin=subprocess.DEVNULL, capture_output=True)
        check(done.returncode == 0, f"podman {argv[0]}: {done.stderr}")
        return done.stdout.strip()

    def create(self):
        """Its own network namespace, and limits that a container may have in any machine."""
        return self.call("create", "--network", "none", "--log-driver", "none",
                         "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024",
                         "--rootfs", self.place.path("rootfs"), "/bin/busybox", "sleep", "600")

    def discard(self):
        self.call("rm", "--force", "--all", "--time", "0")
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            paths = [line.split()[1] for line in mounts if self.place.place in line]
        for path in reversed(paths):
            subprocess.run(["umount", path], check=True)


def a_container_of_podman(place):
    podman = Podman(place)
    try:
        identifier = podman.create()
        podman.call("start", identifier)
        pid = podman.call("inspect", "--format", "{{.State.Pid}}", identifier)
        pod = Pod(place, identifier)
        pod.netns = f"/proc/{pid}/ns/net"
        pod.attach(pid).write()
        check(pod.veth in place.holds(), "no veth")
        podman.call("kill", "--signal", "KILL", identifier)
        wait_for(lambda: not place.entries(), "the journal is empty", PATIENCE)
        gone(place, pod)
    finally:
        podman.discard()


CASES = (
    ("a sandbox that is gone, whoever says so", a_sandbox_that_is_gone),
    ("a sandbox whose network stands", a_sandbox_whose_network_stands),
    ("another container of the pod says nothing about it", another_container_of_the_pod),
    ("a sandbox that nobody knows", a_sandbox_that_nobody_knows),
    ("a namespace that the kernel takes down later", the_kernel_takes_its_time),
    ("a namespace that lives on without its path", a_namespace_without_a_path_that_lives_on),
    ("a sandbox of an earlier boot", of_an_earlier_boot),
    ("what a newer pod holds stays", what_a_newer_pod_holds),
    ("a container that was started again", a_container_that_was_started_again),
    ("what is no state", what_is_no_state),
    ("configuration and journal that cannot be read", what_cannot_be_read),
    ("a wrong command line", a_wrong_command_line),
    ("somebody holds the journal", somebody_holds_the_journal),
    ("what cannot be removed is noted", what_cannot_be_removed),
    ("a runtime that never closes the pipe", a_runtime_that_never_closes_the_pipe),
    ("it starts in no time", starts_in_no_time),
    ("the packaged hook", the_packaged_hook),
)
RUNTIME_CASES = (
    ("a container with a network of its own", a_container_with_a_network_of_its_own),
    ("a sandbox in a namespace that stays", a_sandbox_in_a_namespace_that_stays),
    ("an application of a sandbox that is gone", an_application_in_it),
)


def main():
    tap.need_kernel()
    if not os.access(PROGRAM, os.X_OK):
        tap.skip("podsg-oci-hook is not built")
    program = tap.Program()
    for name, function in CASES:
        with Place() as place:
            program.case(name, function, place)
    for runtime in RUNTIMES:
        if not all(map(shutil.which, (runtime, "runc", "busybox"))):
            program.count += 1
            print(f"ok {program.count} - {runtime} # SKIP {runtime}, runc or busybox is missing")
            continue
        for name, function in RUNTIME_CASES:
            with Place() as place:
                program.case(f"{runtime}: {name}", function, place, runtime)
    if all(map(shutil.which, ("podman", "runc", "busybox"))):
        with Place() as place:
            program.case("podman: a container with a network of its own",
                         a_container_of_podman, place)
    else:
        program.count += 1
        print(f"ok {program.count} - podman # SKIP podman, runc or busybox is missing")
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
