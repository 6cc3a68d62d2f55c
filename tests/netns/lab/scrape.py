# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of the daemon's HTTP server, read as a scraper reads them, and by a real one."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile

from . import netns
from .tap import PATIENCE, Failure, wait_for

SAMPLE = re.compile(r"([a-z0-9_:]+)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def request(name, port, path, address="127.0.0.1", text=None):
    """Status, headers and body of one answer, inside the namespace; status 0: nobody answers."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with netns.make_socket(name, family, socket.SOCK_STREAM) as sock:
        sock.settimeout(PATIENCE)
        try:
            sock.connect((address, port))
        except ConnectionRefusedError:
            return 0, "", ""
        sock.sendall((text or f"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").encode())
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    head, _, body = answer.decode().partition("\r\n\r\n")
    return int(head.split()[1]), head, body


def page(name, port, path):
    status, _, body = request(name, port, path)
    return status, body


def samples(text):
    """{(name, frozenset of (label, value))): number}"""
    found = {}
    for line in text.splitlines():
        match = SAMPLE.fullmatch(line)
        if match:
            labels = frozenset(LABEL.findall(match.group(2) or ""))
            found[match.group(1), labels] = float(match.group(3))
        elif not line.startswith("# "):
            raise Failure(f"no sample and no comment: {line!r}")
    return found


def value(measured, name, **labels):
    """The sum of the samples that have these labels, whatever others they have."""
    wanted = set(labels.items())
    matching = [number for (found, having), number in measured.items()
                if found == name and wanted <= having]
    if not matching:
        raise Failure(f"no sample {name} with {labels}")
    return sum(matching)


def check_with_promtool(text):
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                          text=True, timeout=PATIENCE)
    if done.returncode != 0 or done.stderr.strip():
        raise Failure(f"promtool: status {done.returncode}: {done.stdout}{done.stderr}")


class Prometheus:
    """Context manager: a real one in the namespace, that scrapes one target every second."""

    PORT = 19090

    def __init__(self, name, target):
        self.name = name
        self.target = target

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="podsg-prometheus-")
        config = os.path.join(self.directory, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [
                {"job_name": "podsg", "static_configs": [{"targets": [self.target]}]}]}, file)
        argv = ["prometheus", f"--config.file={config}",
                f"--storage.tsdb.path={self.directory}/data",
                f"--web.listen-address=127.0.0.1:{self.PORT}"]
        with open(os.path.join(self.directory, "log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(netns.command_in(self.name, argv), stdout=log,
                                            stderr=log, preexec_fn=netns.die_with_parent)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def query(self, expression):
        """The numbers that it answers with; none while it does not answer."""
        with contextlib.suppress(OSError, ValueError):
            _, _, body = request(self.name, self.PORT, f"/api/v1/query?query={expression}",
                                 text=f"GET /api/v1/query?query={expression} HTTP/1.0\r\n\r\n")
            return [float(found["value"][1]) for found in json.loads(body)["data"]["result"]]
        return []

    def wait_query(self, expression, timeout=PATIENCE):
        return wait_for(lambda: self.query(expression), f"prometheus answers {expression}",
                        timeout, 0.2)
