# SPDX-License-Identifier: GPL-2.0-or-later
"""The real daemon in the lab's node, its configuration and its control command."""

import json
import os
import shutil
import signal
import subprocess
import tempfile

from . import documents, netns
from .node import Pod
from .tap import PATIENCE, Failure, need_kernel, note, skip, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
BUILD = os.environ.get("PODSG_BUILD") or os.path.join(ROOT, os.environ.get("B", "build"))
BINARY = os.path.join(BUILD, "podsg-nft-sync")
CONTROL = os.path.join(BUILD, "podsgctl")
SENTINEL_VLAN = 4094
NODE_NAME = "ip-10-0-0-10.us-west-2.compute.internal"


def missing():
    for path in (BINARY, CONTROL):
        if not os.access(path, os.X_OK):
            return f"{os.path.relpath(path, ROOT)} is not built"
    return None


def need(*more):
    """Skips the program where no daemon can run; more: functions that say what else is missing."""
    need_kernel()
    for reason in (function() for function in (missing, *more)):
        if reason:
            skip(reason)


class Daemon:
    """
    Context manager: a working directory with documents, configuration and log; the daemon runs
    from start() to stop(). The directory is kept where `keep` was set; `prefix` is a command that
    runs the daemon.
    """

    def __init__(self, node):
        self.node = node
        self.config = {}
        self.prefix = []
        self.process = None
        self.log = None
        self.keep = False

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="podsg-lab-")
        self.documents = os.path.join(self.directory, "documents")
        os.mkdir(self.documents)
        self.log = open(self.path("log"), "a", encoding="utf-8")
        return self

    def __exit__(self, kind, *_):
        self.stop()
        self.log.close()
        if self.keep:
            note(f"kept: {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def configuration(self):
        """YAML is a superset of JSON."""
        config = {
            "version": 1,
            "node": {"name": NODE_NAME},
            "vpcCidrs": [self.node.network.vpc4, self.node.network.vpc6],
            "sources": {"files": {"directory": self.documents}},
            "nftSync": {"socket": self.path("control.sock"), "metrics": "",
                        "branches": self.path("branches.json")},
        }
        for key, value in self.config.items():
            if isinstance(value, dict) and key in config:
                config[key] = {**config[key], **value}
            else:
                config[key] = value
        return config

    def configure(self, **config):
        self.config = config

    def write_config(self):
        with open(self.path("podsg.yaml"), "w", encoding="utf-8") as file:
            json.dump(self.configuration(), file, indent=2)

    def run_job(self, *words, check=True, timeout=2 * PATIENCE):
        """The program with words that make it end by itself."""
        self.write_config()
        argv = [BINARY, "--config", self.path("podsg.yaml"), *words]
        return netns.run(argv, name=self.node.name("node"), check=check, timeout=timeout)

    def launch(self):
        self.write_config()
        argv = netns.command_in(self.node.name("node"),
                                [*self.prefix, BINARY, "--config", self.path("podsg.yaml")])
        self.process = subprocess.Popen(argv, stdout=self.log, stderr=self.log,
                                        preexec_fn=netns.die_with_parent)

    def start(self, timeout=PATIENCE):
        """Returns once the daemon answers; the rules are in force then."""
        self.launch()
        try:
            wait_for(self.in_force, "the daemon says that its rules are in force", timeout)
        except Failure as failure:
            raise Failure(f"{failure}\n{self.log_tail()}") from None

    def in_force(self):
        if self.process.poll() is not None:
            raise Failure(f"the daemon ended with status {self.process.returncode}")
        status = self.control("status", check=False)
        return status is not None and status["kernel"]["inForce"]

    def log_tail(self, lines=20):
        with open(self.path("log"), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])

    def log_text(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self, how=signal.SIGTERM):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        status, self.process = self.process.returncode, None
        if "Sanitizer" in self.log_text():
            raise Failure(self.log_tail(60))
        return status

    def kill(self):
        return self.stop(signal.SIGKILL)

    def control(self, *words, check=True):
        """The answer of podsgctl -o json; None where it failed and check is off."""
        argv = [CONTROL, "--socket", self.path("control.sock"), "-o", "json", *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)
        if not done.stdout.strip():
            if check:
                raise Failure(f"podsgctl {' '.join(words)}: status {done.returncode}: "
                              f"{done.stderr.strip()}")
            return None
        return json.loads(done.stdout)

    def control_text(self, *words):
        argv = netns.command_in(self.node.name("node"),
                                [CONTROL, "--socket", self.path("control.sock"), *words])
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)
        return done.stdout + done.stderr

    def ruleset(self, handles=False):
        argv = ["nft", *(["-a"] if handles else []), "list", "table", "inet", "podsg"]
        return netns.run(argv, name=self.node.name("node")).stdout

    def write_sentinel(self, number):
        """
        The last of a round's documents: a pod that nobody sees. branches.json, which is written
        behind the kernel, names it once everything before it is in force.
        """
        pod = Pod(f"sentinel-{number}", ("192.0.2.200",), "standard", SENTINEL_VLAN, "sentinel")
        policy = documents.policy("sentinel", "all", ["sg-0eeeeeeeeeeeeeeee"], {})
        documents.write(self.documents, "zz-sentinel.json", documents.listed(
            [documents.pod(pod, NODE_NAME, {}), policy]))

    def wait_sentinel(self, number):
        wait_for(lambda: f"sentinel-{number}" in self.branches(),
                 f"the documents of round {number} are in force")

    def branches(self):
        try:
            with open(self.path("branches.json"), encoding="utf-8") as file:
                names = [branch["pod"].split("/")[-1] for branch in json.load(file)["branches"]]
        except FileNotFoundError:
            return []
        return names


def explained(answer):
    """Whether an answer of explain says that the packet goes through."""
    return bool(answer["permitted"])


def deciding(answer):
    """What decided, in one line: the end that dropped, else the last one that was asked."""
    ends = [end for one in answer["passes"] for end in one["ends"]]
    if not ends:
        return answer.get("problem") or answer.get("text") or "not ours"
    end = next((end for end in ends if not end["permitted"]), ends[-1])
    node_rule = f"; the node's group {end['nodeGroup']} too" if end.get("nodeGroup") else ""
    return f"{end['pod']} {end['direction']}: {end['text']}{node_rule}"
