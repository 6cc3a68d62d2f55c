# SPDX-License-Identifier: GPL-2.0-or-later
"""What podsgctl monitor is told, without podsgctl."""

import json
import socket
import time

from .tap import PATIENCE


class Viewer:
    """A client of the control socket that reads the events of one monitor."""

    def __init__(self, daemon, **request):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(daemon.path("control.sock"))
        self.socket.sendall(json.dumps({"command": "monitor", **request}).encode() + b"\n")
        self.buffer = b""
        self.drops = []
        self.missed = {"more": 0, "lost": 0, "slow": 0}
        self.answer = self._line(time.monotonic() + PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _line(self, end):
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                return None
            if not data:
                raise ConnectionError("the daemon has closed")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def read(self, seconds=PATIENCE, until=lambda event: False):
        """Until an event fits, which it returns, or the time is over."""
        end = time.monotonic() + seconds
        while (event := self._line(end)) is not None:
            if event["event"] == "drop":
                self.drops.append(event)
            elif event["event"] == "missed":
                for key in self.missed:
                    self.missed[key] += event[key]
            if until(event):
                return event
        return None
