# SPDX-License-Identifier: GPL-2.0-or-later
"""
Pods without a kubelet: sandboxes, and a chain of CNI plugins run as a runtime runs it. Libcni's
ways: every plugin gets the list's name and cniVersion; ADD hands each result to the next plugin and
caches the last; DEL goes the other way round, with the cached result, and stops where one fails.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(1, os.path.join(ROOT, "tests", "netns"))
sys.dont_write_bytecode = True

from lab import netns, tap  # noqa: E402

BUILD = os.environ.get("PODSG_BUILD") or os.path.join(ROOT, os.environ.get("B", "build"))
PODSG_CNI = os.path.join(BUILD, "podsg-cni")
AWS_CNI = os.path.join(ROOT, "tests", "hooks", "aws_cni")
STOCK_PLUGINS = ("/usr/lib/cni", "/opt/cni/bin")
AGAIN = 11  # CNI's code for "try again later"


def missing():
    if not os.access(PODSG_CNI, os.X_OK):
        return f"{os.path.relpath(PODSG_CNI, ROOT)} is not built"
    return None


def stock(name):
    """A plugin of containernetworking-plugins."""
    for directory in STOCK_PLUGINS:
        path = os.path.join(directory, name)
        if os.access(path, os.X_OK):
            return path
    tap.skip(f"the CNI plugin {name} (containernetworking-plugins) is missing")
    return None


class CniError(Exception):
    """What a plugin said when it failed."""

    def __init__(self, plugin, status, out, err):
        self.plugin = plugin
        self.status = status
        self.err = err
        try:
            said = json.loads(out)
        except ValueError:
            said = {}
        self.answer = said
        self.code = said.get("code")
        self.msg = said.get("msg", "")
        self.details = said.get("details", "")
        super().__init__(f"{plugin}: status {status}, code {self.code}: {self.msg} "
                         f"{self.details} {err.strip()} {'' if said else out.strip()}")


_numbers = itertools.count(1)


@dataclasses.dataclass(eq=False)
class Sandbox:
    """A pod's sandbox: a network namespace and what a kubelet says of it. pod "": no kubelet."""

    pod: str = ""  # namespace/name
    uid: str = ""
    id: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex * 2)
    ifname: str = "eth0"
    name: str = dataclasses.field(
        default_factory=lambda: f"{netns.own_prefix('s')}-{next(_numbers)}")

    @property
    def netns(self):
        return netns.path(self.name)

    @property
    def args(self):
        if not self.pod:
            return ""
        namespace, name = self.pod.split("/")
        pairs = [("IgnoreUnknown", "1"), ("K8S_POD_NAMESPACE", namespace), ("K8S_POD_NAME", name),
                 ("K8S_POD_INFRA_CONTAINER_ID", self.id)]
        if self.uid:
            pairs.append(("K8S_POD_UID", self.uid))
        return ";".join("=".join(pair) for pair in pairs)

    def create(self):
        netns.run(["ip", "netns", "add", self.name])
        return self

    def destroy(self):
        """As the runtime does it: the pod's end of the veth goes with it, at once."""
        if os.path.exists(self.netns):
            netns.run(["sh", "-c", f"ip -n {self.name} link del {self.ifname} 2>/dev/null; "
                       f"ip netns del {self.name}"], check=False)

    def run(self, *argv, check=True):
        return netns.run(list(argv), name=self.name, check=check)


class Chain:
    """
    Context manager: a conflist, a directory of plugins and a cache of results. node: the network
    namespace that stands for the host's. plugins: conflist entries; programs: the paths of their
    types where these are neither podsg-cni, aws-cni nor stock ones.
    """

    def __init__(self, node, plugins, version="1.0.0", name="podnet", programs=None, prefix=()):
        self.node = node
        self.plugins = [dict(plugin) for plugin in plugins]
        self.version = version
        self.name = name
        self.programs = {"podsg-cni": PODSG_CNI, "aws-cni": AWS_CNI, **(programs or {})}
        self.prefix = list(prefix)  # a command that runs our own plugin, such as strace
        self.results = {}  # (sandbox id, ifname) -> the cached result
        self.stderr = ""  # of the plugin that ran last

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="podsg-cni-")
        for plugin in self.plugins:
            path = self.programs.get(plugin["type"]) or stock(plugin["type"])
            link = os.path.join(self.directory, plugin["type"])
            if not os.path.lexists(link):
                os.symlink(path, link)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write_conflist(self, path):
        """For real runtimes."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"cniVersion": self.version, "name": self.name, "plugins": self.plugins},
                      file, indent=2)

    def environment(self, command, sandbox=None, **changes):
        env = {"CNI_COMMAND": command, "CNI_PATH": f"{self.directory}:{':'.join(STOCK_PLUGINS)}",
               "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        if sandbox:
            env.update(CNI_CONTAINERID=sandbox.id, CNI_NETNS=sandbox.netns,
                       CNI_IFNAME=sandbox.ifname, CNI_ARGS=sandbox.args)
        env.update({key: value for key, value in changes.items() if value is not None})
        for key in [key for key, value in changes.items() if value is None]:
            env.pop(key, None)
        return env

    def argv(self, plugin):
        prefix = self.prefix if plugin["type"] == "podsg-cni" else []
        return [*prefix, os.path.join(self.directory, plugin["type"])]

    def start(self, plugin, env, conf):
        """The process, its standard input written. It runs in the node's network namespace."""
        with netns.entered(self.node) if self.node else contextlib.nullcontext():
            process = subprocess.Popen(self.argv(plugin), env=env, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # One that does not want more input has closed its end.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(conf if isinstance(conf, bytes) else json.dumps(conf).encode())
            process.stdin.close()
        process.stdin = None
        return process

    def finish(self, plugin, process, timeout=120):
        out, err = (stream.decode(errors="replace")
                    for stream in process.communicate(timeout=timeout))
        self.stderr = err
        if process.returncode != 0 or "Sanitizer" in err:
            raise CniError(plugin["type"], process.returncode, out, err)
        return out

    def call(self, plugin, env, conf, timeout=120):
        return self.finish(plugin, self.start(plugin, env, conf), timeout)

    def conf(self, plugin, previous=None, **more):
        conf = {**plugin, "name": self.name, "cniVersion": self.version, **more}
        if previous is not None:
            conf["prevResult"] = previous
        return conf

    def add(self, sandbox, timeout=120, **changes):
        """The chain's result; CniError where a plugin fails. A runtime then calls DEL: run()."""
        env = self.environment("ADD", sandbox, **changes)
        previous = None
        for plugin in self.plugins:
            previous = json.loads(self.call(plugin, env, self.conf(plugin, previous), timeout))
        self.results[sandbox.id, sandbox.ifname] = previous
        return previous

    def delete(self, sandbox, previous=True, timeout=120, **changes):
        """previous False: the cached result is lost. Stops at the first plugin that fails."""
        env = self.environment("DEL", sandbox, **changes)
        cached = self.results.get((sandbox.id, sandbox.ifname)) if previous else None
        if self.version == "0.3.1":
            cached = None
        said = []
        for plugin in reversed(self.plugins):
            self.call(plugin, env, self.conf(plugin, cached), timeout)
            said.append(self.stderr)
        self.stderr = "".join(said)
        self.results.pop((sandbox.id, sandbox.ifname), None)

    def check(self, sandbox, **changes):
        env = self.environment("CHECK", sandbox, **changes)
        cached = self.results.get((sandbox.id, sandbox.ifname))
        for plugin in self.plugins:
            self.call(plugin, env, self.conf(plugin, cached))

    def collect(self, valid, only="podsg-cni"):
        """GC; valid: sandboxes that the runtime knows. Only one type of plugins is asked."""
        listed = [{"containerID": sandbox.id, "ifname": sandbox.ifname} for sandbox in valid]
        env = self.environment("GC")
        for plugin in self.plugins:
            if plugin["type"] == only:
                self.call(plugin, env, self.conf(plugin, **{"cni.dev/valid-attachments": listed,
                                                            "cni.dev/attachments": listed}))

    def status(self, only="podsg-cni"):
        env = self.environment("STATUS")
        for plugin in self.plugins:
            if plugin["type"] == only:
                self.call(plugin, env, self.conf(plugin))

    def ours(self):
        return next(plugin for plugin in self.plugins if plugin["type"] == "podsg-cni")

    def run(self, sandbox):
        """A whole start: the namespace, ADD, and DEL where ADD fails."""
        sandbox.create()
        try:
            return self.add(sandbox)
        except CniError:
            self.stop(sandbox)
            raise

    def stop(self, sandbox, **how):
        try:
            self.delete(sandbox, **how)
        finally:
            sandbox.destroy()


class Ipamd:
    """The file behind aws_cni: what the API server, EC2 and ipamd know."""

    def __init__(self, path, fabric=""):
        self.path = path
        self.state = {"pods": {}, "away": False}
        if fabric:
            self.state["fabric"] = netns.path(fabric)
        self.write()

    def write(self):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.state, file)
        os.rename(self.path + ".new", self.path)

    def put(self, pod, **facts):
        """vlan=3, address="10.0.1.5", gateway="10.0.1.1", uid="…", …: see aws_cni."""
        self.state["pods"][pod] = {"gateway": "10.0.1.1", **facts}
        self.write()

    def remove(self, pod):
        self.state["pods"].pop(pod, None)
        self.write()
