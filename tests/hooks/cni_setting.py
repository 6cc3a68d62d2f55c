# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the tests of podsg-cni share: a bare node with a journal, a chain on it, and a daemon that says
what a test wants said.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import socket
import tempfile
import threading
import time

import comparer
import pods
from lab import netns
from lab.bare import Bare
from lab.daemon import Daemon
from lab.tap import Failure, check, equal

NODE_SYSCTLS = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.disable_ipv6": 0,
                "net.ipv6.conf.default.disable_ipv6": 0, "net.ipv6.conf.default.accept_dad": 0,
                "net.ipv6.conf.default.router_solicitations": 0}


def fails(code, function, *arguments, **how):
    """The error that it fails with."""
    try:
        function(*arguments, **how)
    except pods.CniError as error:
        equal(error.code, code, f"code of {error}")
        check(error.msg and error.answer["cniVersion"], f"no error object: {error}")
        return error
    raise Failure(f"did not fail, expected code {code}")


def answer(state, reason=""):
    return {"ok": True, "state": state, "reason": reason}


class ScriptedDaemon:
    """
    The control socket of podsg-nft-sync. attach is what it answers: an object; or a function that
    gets connection and request, and may never answer.
    """

    def __init__(self, path):
        self.path = path
        self.attach = answer("enforced")
        self.status = {"ok": True, "kernel": {"inForce": True}}
        self.asked = []
        self.listener = None

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(256)
        threading.Thread(target=self._serve, args=(self.listener,), daemon=True).start()
        return self

    def stop(self):
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None

    def _serve(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if callable(self.attach):
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
            else:
                self._answer(connection)

    def _answer(self, connection):
        with connection, connection.makefile("rb") as lines, \
                contextlib.suppress(BrokenPipeError, ConnectionResetError):
            line = lines.readline()
            if not line:
                return
            request = json.loads(line)
            self.asked.append(request)
            if request["command"] == "status":
                self.say(connection, self.status)
            elif callable(self.attach):
                self.attach(connection, request)
            else:
                self.say(connection, self.attach)

    @staticmethod
    def say(connection, said):
        connection.sendall(said if isinstance(said, bytes) else json.dumps(said).encode() + b"\n")


def waits(reason):
    """As a daemon that does not learn what it needs in time."""
    def attach(connection, request):
        time.sleep(request["wait"] / 1000)
        ScriptedDaemon.say(connection, answer("waiting", reason))
    return attach


def hangs(connection, _):
    connection.recv(1)


def trickles(connection, _):
    """For two minutes."""
    for byte in json.dumps(answer("enforced")):
        connection.sendall(byte.encode())
        time.sleep(3)


@dataclasses.dataclass(eq=False)
class Living:
    """A pod that runs: all that the comparer knows of it."""

    sandbox: pods.Sandbox
    facts: dict  # as Ipamd.put() takes them
    mode: str

    @property
    def address(self):
        return self.facts.get("address") or self.facts["address6"]


class Setting:
    """Context manager: the node exists inside the block only."""

    def __init__(self, tag="c", timeout="60s", policy="fail"):
        self.tag, self.timeout, self.policy = tag, timeout, policy
        self.node = netns.own_prefix(tag) + "-node"
        self.fabric = netns.own_prefix(tag) + "-fabric"
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        netns.cleanup()
        self.directory = tempfile.mkdtemp(prefix="podsg-cni-")
        self.stack.callback(self.remove)
        self.make_node()
        self.config, self.journal = self.path("podsg.yaml"), self.path("journal")
        self.make_daemon()
        self.ipamd = pods.Ipamd(self.path("ipamd.json"), self.fabric)
        return self

    def __exit__(self, *_):
        self.stack.close()

    def remove(self):
        own = netns.own_prefix("s") + "-"
        netns.delete([self.node, self.fabric,
                      *(name for name in netns.existing() if name.startswith(own))])
        shutil.rmtree(self.directory, ignore_errors=True)

    def make_node(self):
        netns.ip_batch([f"netns add {self.node}", f"netns add {self.fabric}"])
        netns.sysctls(self.node, NODE_SYSCTLS)
        netns.ip_batch(["link set lo up"], self.node)

    def make_daemon(self):
        self.configure()
        self.daemon = ScriptedDaemon(self.path("control.sock")).start()
        self.stack.callback(self.daemon.stop)

    def path(self, name):
        return os.path.join(self.directory, name)

    def configure(self, **hooks):
        hooks = {"journal": self.journal, "attachTimeout": self.timeout,
                 "failurePolicy": self.policy, **hooks}
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump({"version": 1, "nftSync": {"socket": self.path("control.sock")},
                       "hooks": hooks}, file)

    def ours(self, **more):
        return {"type": "podsg-cni", "config": self.config, **more}

    def chain(self, *before, version="1.0.0", **how):
        return self.stack.enter_context(pods.Chain(self.node, [*before, self.ours()], version,
                                                    **how))

    def aws(self, mode="strict", version="0.4.0", **more):
        return self.chain({"type": "aws-cni", "ipamd": self.ipamd.path, "vethPrefix": "eni",
                           "podSGEnforcingMode": mode, **more}, version=version)

    def ptp(self, version="1.0.0"):
        return self.chain({"type": "ptp", "ipMasq": False, "ipam": {
            "type": "host-local", "dataDir": self.path("leases"),
            "subnet": "10.22.0.0/24"}}, version=version)

    def start(self, chain, pod, mode="strict", **facts):
        """A pod of the VPC CNI from its creation to the result of ADD."""
        facts.setdefault("uid", f"uid-{time.monotonic_ns()}")
        self.ipamd.put(pod, **facts)
        sandbox = pods.Sandbox(pod, facts["uid"])
        chain.run(sandbox)
        return Living(sandbox, dict(facts), mode)

    def entries(self):
        """The journal, by sandbox; a file that is no JSON is None."""
        found = {}
        for name in os.listdir(self.journal) if os.path.isdir(self.journal) else []:
            if name.startswith("."):
                continue
            try:
                with open(os.path.join(self.journal, name), encoding="utf-8") as file:
                    found[name.split(":")[0]] = json.load(file)
            except ValueError:
                found[name.split(":")[0]] = None
        return found

    def entry(self, sandbox):
        return self.entries().get(sandbox.id)

    def entry_path(self, sandbox):
        return os.path.join(self.journal, f"{sandbox.id}:{sandbox.ifname}.json")

    def change_entry(self, sandbox, **changes):
        """None: without that member."""
        entry = {**self.entry(sandbox), **changes}
        with open(self.entry_path(sandbox), "w", encoding="utf-8") as file:
            json.dump({key: value for key, value in entry.items() if value is not None}, file)

    def connect(self, living):
        """A connection of the pod's in conntrack; or that of who had its address before."""
        peer = "2001:db8:ffff::1" if ":" in living.address else "203.0.113.1"
        done = netns.run(["conntrack", "-I", "-p", "tcp", "-s", living.address, "-d", peer,
                          "--sport", "40000", "--dport", "443", "--state", "ESTABLISHED",
                          "--timeout", "3600"], name=self.node, check=False)
        check(done.returncode == 0 or "exists" in done.stderr, done.stderr)

    def compare(self, living, when="", connected=False):
        """connected: every pod has been given a connection."""
        living = list(living)
        found = comparer.differences(self.node, self.entries(), living)
        if connected:
            found += comparer.flow_differences(self.node, living)
        equal(found, [], f"what is different from the living pods' state {when}".rstrip())


class RealSetting(Setting):
    """The daemon is podsg-nft-sync; the node is bare, and no packet leaves it."""

    def make_node(self):
        self.bare = self.stack.enter_context(Bare(tag=self.tag))
        self.node = self.bare.name()
        netns.ip_batch([f"netns add {self.fabric}"])
        netns.sysctls(self.node, NODE_SYSCTLS)

    def make_daemon(self):
        self.daemon = self.stack.enter_context(Daemon(self.bare))
        self.config = self.daemon.path("podsg.yaml")
        self.configure()
        self.daemon.start()

    def configure(self, **hooks):
        self.daemon.configure(hooks={"journal": self.journal, "attachTimeout": self.timeout,
                                     "failurePolicy": self.policy, **hooks})
        self.daemon.write_config()
