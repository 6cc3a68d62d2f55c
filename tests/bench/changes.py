# SPDX-License-Identifier: GPL-2.0-or-later
"""Start of the daemon and changes of documents, on a node with a large cluster's documents."""

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import time

import cluster
from lab import documents, netns, tap
from lab.daemon import Daemon
from lab.node import Network
from measure import Row, cpu_seconds, judged, median, memory, percentile, quartiles

COLD_STARTS = 5
RESTARTS = 3
MEMBERS = 250
REPLACEMENTS = 120
PAGES = 20
IDLE_SECONDS = 12.0
START_TIMEOUT = 60.0
CHANGE_TIMEOUT = 5.0
BATCH_FRAME_IS_NOT_COUNTED = 3

COMMITTED = re.compile(r"event=committed generation=(\d+) messages=(\d+) bytes=(\d+) "
                       r"added=(\d+) deleted=(\d+).* milliseconds=([\d.]+)")


class Bench:
    """A node's own namespace with the links that its pods' interfaces need, and nothing else."""

    def __init__(self, pods):
        self.pods = pods
        self.network = Network()
        self.prefix = netns.own_prefix("bench")

    def name(self, who):
        return f"{self.prefix}-{who}"

    def __enter__(self):
        netns.cleanup()
        netns.ip_batch([f"netns add {self.name('node')}"])
        try:
            netns.sysctls(self.name("node"), {"net.ipv6.conf.default.accept_dad": 0})
            netns.ip_batch(self._links(), self.name("node"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        netns.delete([self.name("node")])

    def _links(self):
        lines = ["link set lo up", "link add eth0 type veth peer name fabric0",
                 "link set eth0 up", "link set fabric0 up",
                 f"address add {cluster.NODE_ADDRESS}/24 dev eth0",
                 "route add default via 10.0.0.1"]
        for index, pod in enumerate(self.pods):
            lines += [f"link add {pod.interface} type veth peer name pod{index}",
                      f"link add {pod.device} type veth peer name trunk{index}"]
        return lines


class LoggedDaemon(Daemon):
    """Its log comes by a pipe, so that a line is known when it is written."""

    def __enter__(self):
        super().__enter__()
        self.pipe = None
        self.rest = b""
        return self

    def run(self):
        """Seconds until the daemon says that it is running."""
        self.write_configuration()
        argv = netns.command_in(self.node.name("node"),
                                [self.binary(), "--config", self.path("podsg.yaml")])
        begin = time.monotonic()
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        preexec_fn=netns.die_with_parent)
        self.pipe = self.process.stdout
        os.set_blocking(self.pipe.fileno(), False)
        self.wait_line("event=running", START_TIMEOUT)
        return time.monotonic() - begin
