# SPDX-License-Identifier: GPL-2.0-or-later
"""systemd's side of sd_notify(3): a datagram socket that keeps what it hears."""

import os
import socket
import threading
import time

from .tap import PATIENCE, wait_for


class Manager:
    """Context manager: programs started inside the block notify this socket."""

    def __init__(self, path, watchdog_seconds=None):
        self.environment = {"NOTIFY_SOCKET": path}
        if watchdog_seconds:
            self.environment["WATCHDOG_USEC"] = str(int(watchdog_seconds * 1e6))
        self.path = path
        self.heard = []  # (time, message)

    def __enter__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(0.2)
        self.running = True
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        os.environ.update(self.environment)
        return self

    def __exit__(self, *_):
        for name in self.environment:
            del os.environ[name]
        self.running = False
        self.thread.join()
        self.socket.close()
        os.unlink(self.path)

    def _listen(self):
        while self.running:
            try:
                message = self.socket.recv(4096).decode()
            except TimeoutError:
                continue
            self.heard.append((time.monotonic(), message))

    def times(self, word):
        """When a message had this line."""
        return [when for when, message in self.heard if word in message.split("\n")]

    def statuses(self):
        return [message.removeprefix("STATUS=") for _, message in self.heard
                if message.startswith("STATUS=")]

    def wait_for(self, word, count=1, timeout=PATIENCE):
        return wait_for(lambda: len(self.times(word)) >= count and self.times(word),
                        f"systemd hears {word} ({count})", timeout)
