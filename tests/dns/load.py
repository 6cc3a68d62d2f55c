# SPDX-License-Identifier: GPL-2.0-or-later
"""What keeps podsg-dnscache busy while something happens to it, and sees what clients see of that."""

import contextlib
import json
import os
import subprocess
import threading
import time

from place import BUILD, query

FLOOD = os.path.join(BUILD, "bench", "dns_flood")
NAMES = 200


@contextlib.contextmanager
def flood(directory, server, port, seconds, rate, unseen=0, prefix=()):
    """Fills the cache; yields a dictionary that has the flood's report behind the block. unseen: per
    cent of names that are new; prefix: a command that runs it."""
    names = os.path.join(directory, "names")
    with open(names, "w", encoding="ascii") as file:
        file.writelines(f"n{number}.example A\n" for number in range(NAMES))
    argv = [*prefix, FLOOD, "-s", "32", "-w", "8192"]
    where = [server, str(port), names]
    subprocess.run([*argv, "-n", str(NAMES), "-r", "2000", *where], check=True,
                   stdout=subprocess.DEVNULL)
    process = subprocess.Popen([*argv, "-t", str(seconds), "-r", str(rate), "-u", str(unseen),
                                "-d", "new.example", *where], stdout=subprocess.PIPE, text=True)
    found = {}
    try:
        yield found
        found.update(json.loads(process.communicate(timeout=seconds + 10)[0]))
    finally:
        process.kill()
        process.wait()


def lost(report):
    """Queries that were not answered, not even late. What found no room in the flood's own queues
    was."""
    return report["lost"] - report["late"] - report["dropped"]


class Prober:
    """Context manager: asks every 5 ms for what is in the cache, over a connected socket that is
    its own from then on."""

    def __init__(self, client):
        self.client = client
        self.client.settimeout(0.005)
        self.answered = []  # (asked, answered)

    def __enter__(self):
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.running = False
        self.thread.join()
        self.client.close()

    def _run(self):
        asked = {}
        while self.running:
            message = query("n1.example").to_wire()
            asked[message[:2]] = time.monotonic()
            with contextlib.suppress(OSError):
                self.client.send(message)
                while answer := self.client.recv(512):
                    self.answered.append((asked[answer[:2]], time.monotonic()))

    def first_since(self, when):
        """How long it took from then until something that was asked later was answered."""
        return min((answered for asked, answered in self.answered if asked >= when),
                   default=float("inf")) - when
