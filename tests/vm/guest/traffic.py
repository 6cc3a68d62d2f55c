# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes on while something happens to the daemons, and what it has seen of that."""

import json
import time

from lab.streams import Intruder, Stream
from lab.tap import check
from world import start

# Emulation is slow: this is a load there, and servers and clients share one interpreter.
Stream.INTERVAL = 0.1
Intruder.INTERVAL = 0.1
ENOUGH = 10
QUESTIONS = 100


class Questions:
    """questions.py. said: what it has counted, once it was stopped."""

    def __init__(self, where, server):
        self.said = {}
        self.process = start("questions.py", where, server)

    def stop(self, since=0.0):
        out, _ = self.process.communicate(f"{since}\n")
        self.said = json.loads(out)


class Traffic:
    """
    Context manager: permitted streams of a pod of each mode, an intruder whom nobody may let
    through, and a pod that asks for names. Behind the block it fails where one of them suffered;
    dns_since: questions asked before that moment may be lost.
    """

    def __init__(self, node, streams, intruder, asker):
        self.node = node
        self.wanted = (streams, intruder, asker)
        self.dns_since = 0.0

    def __enter__(self):
        streams, intruder, asker = self.wanted
        self.streams = [Stream(self.node, *words) for words in streams]
        self.intruder = Intruder(self.node, *intruder)
        self.questions = Questions(self.node.name(asker[0]), asker[1])
        time.sleep(1)
        return self

    def __exit__(self, kind, *_):
        time.sleep(1)
        self.questions.stop(self.dns_since)
        for one in (*self.streams, self.intruder):
            one.stop()
        if not kind:
            self.judge()

    def judge(self):
        for stream in self.streams:
            check(stream.error is None, f"a stream broke: {stream.error!r}")
            check(stream.exchanges > ENOUGH, f"no load: {self.summary()}")
        check(self.intruder.sent > ENOUGH, f"no intruder: {self.summary()}")
        check(not self.intruder.arrivals, f"{len(self.intruder.arrivals)} of the intruder's "
              f"{self.intruder.sent} packets arrived")
        said = self.questions.said
        check(not said["lost since"], f"questions have no answer: {self.summary()}")
        check(said["answered"] > QUESTIONS, f"no questions: {self.summary()}")

    def summary(self):
        longest = max(stream.longest for stream in self.streams)
        said = self.questions.said
        return (f"{sum(stream.exchanges for stream in self.streams)} exchanges, the longest "
                f"{longest:.2f} s; {self.intruder.sent} packets of the intruder; "
                f"{said['asked']} questions, {said['lost']} without an answer, the slowest answer "
                f"after {said['slowest']} s, none for {said['silence']} s")
