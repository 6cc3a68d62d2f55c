#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""
The Kubernetes source, and an API server that is suddenly no longer there: no FIN, no RST, not even
an ICMP error, as when a machine loses its power or a firewall its state. The bounds are README's.

Each case has a network namespace of its own, and all of them wait at once.
"""

import concurrent.futures
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "netns")]

import fake_apiserver as fake  # noqa: E402
import test_kube_source as kube  # noqa: E402
from lab import netns, tap  # noqa: E402
from lab.tap import check  # noqa: E402

# Seconds. A connection that answers no probe is given up after a minute, a list without a byte
# after half of one, a watch after 100 s; a pause before the next try is at most half a minute.
PROBED = 60
LIST_SILENT = 30
WATCH_SILENT = 100
SLACK = 30
AGAIN = 60

BLACKHOLE = """
table inet blackhole {
    chain input { type filter hook input priority 0; tcp sport PORT drop; tcp dport PORT drop; }
}
"""


class Place:
    """Context manager: a server and a source in a namespace where packets can be made to vanish."""

    def __init__(self, tag):
        self.name = f"{netns.own_prefix(tag)}-node"
        self.api = self.source = None

    def __enter__(self):
        netns.run(["ip", "netns", "add", self.name])
        netns.run(["ip", "-n", self.name, "link", "set", "lo", "up"])
        with netns.entered(self.name):
            self.api = fake.FakeApi()
            for number in range(3):
                self.api.put(fake.PODS, kube.pod(f"pod-{number}"))
            self.source = kube.Source(self.api)
        return self

    def __exit__(self, *_):
        try:
            self.pass_again()
            self.source.close()
        finally:
            self.api.stop()
            netns.delete([self.name])

    def vanish(self):
        """Packets of both sides get lost, those that end a connection as well."""
        port = self.api.server.server_address[1]
        netns.nft(self.name, BLACKHOLE.replace("PORT", str(port)))

    def forget_connections(self):
        """The server's machine has started anew, and knows of none. Its RSTs get lost."""
        port = self.api.server.server_address[1]
        netns.run(["ss", "-K", "-n", "-t", "sport", "=", f":{port}"], name=self.name)

    def pass_again(self):
        netns.run(["nft", "delete", "table", "inet", "blackhole"], name=self.name, check=False)

    def pods(self):
        return self.source.status("pods of this node")

    def wait_lost(self, within, said):
        """Returns after how many seconds it was noticed. What was known stands."""
        begin = time.monotonic()
        self.source.wait(lambda: said in self.pods()["error"], f"noticed: {said}", within + SLACK)
        check(not self.pods()["current"], "the status says that it is followed")
        check(self.source.has("pods/shop/pod-0"), "a pod went with the server")
        return time.monotonic() - begin

    def wait_followed(self, name):
        self.source.wait(lambda: self.source.has(f"pods/shop/{name}"), "listed again", AGAIN)
        self.source.wait(lambda: self.pods()["current"], "followed again", AGAIN)


def idle_watch():
    with Place("idle") as place:
        place.source.wait_synced()
        place.source.wait(lambda: place.pods()["current"], "followed")
        place.vanish()
        place.forget_connections()
        place.api.put(fake.PODS, kube.pod("late"), tell=False)
        place.api.delete(fake.PODS, "shop/pod-1", tell=False)
        place.api.compact(fake.PODS)
        seconds = place.wait_lost(PROBED, "timed out")
        check(not place.source.has("pods/shop/late"), "the server is not away")
        place.pass_again()
        place.wait_followed("late")
        check(not place.source.has("pods/shop/pod-1"), "a pod that went meanwhile is still there")
        return f"noticed after {seconds:.0f} s"


def back_before_it_was_missed():
    """The server's machine starts anew in a few seconds: it refuses what it does not know."""
    with Place("reboot") as place:
        place.source.wait_synced()
        place.vanish()
        lists = place.api.count(fake.PODS, watch=False)
        place.forget_connections()
        place.api.put(fake.PODS, kube.pod("late"), tell=False)
        place.api.compact(fake.PODS)
        time.sleep(5)
        place.pass_again()
        begin = time.monotonic()
        place.source.wait(lambda: place.source.has("pods/shop/late"), "listed again",
                          PROBED + AGAIN)
        check(place.api.count(fake.PODS, watch=False) > lists, "no list")
        check("reset by peer" in place.source.logged(), place.source.logged())
        return f"listed again {time.monotonic() - begin:.0f} s after the server was back"


def list_that_stops():
    """Half a page, and then nothing any more."""
    with Place("list") as place:
        place.source.wait_synced()

        def stop(request):
            if request.watch:
                return False
            text = place.api.list_text(request)
            request.begin_stream()
            request.chunk(text[:len(text) // 2])
            place.vanish()
            return True
        place.api.lie(fake.PODS, stop)
        place.api.compact(fake.PODS)
        place.api.end_watches(fake.PODS)
        seconds = place.wait_lost(LIST_SILENT, "silent")
        check(all(place.source.has(f"pods/shop/pod-{number}") for number in range(3)),
              "half a list removed a pod")
        place.api.be_honest(fake.PODS)
        place.api.put(fake.PODS, kube.pod("late"), tell=False)
        place.pass_again()
        place.wait_followed("late")
        return f"noticed after {seconds:.0f} s"


def event_that_stops():
    """Half an event, on a connection that stays as alive as a proxy in between may keep it."""
    with Place("event") as place:
        place.source.wait_synced()
        place.source.wait(lambda: place.pods()["current"], "followed")
        watches = place.api.count(fake.PODS, watch=True)

        def stop(request):
            if not request.watch:
                return False
            request.begin_stream()
            request.chunk(b'{"type":"ADDED","object":{"metadata":')
            time.sleep(WATCH_SILENT + SLACK)
            return True
        place.api.lie(fake.PODS, stop)
        place.api.end_watches(fake.PODS)
        place.source.wait(lambda: place.api.count(fake.PODS, watch=True) > watches, "half an event")
        begin = time.monotonic()
        place.api.be_honest(fake.PODS)
        place.api.put(fake.PODS, kube.pod("late"))
        place.source.wait(lambda: place.source.has("pods/shop/late"), "watched anew",
                          WATCH_SILENT + SLACK)
        return f"watched anew after {time.monotonic() - begin:.0f} s"


CASES = (("an idle watch whose server vanishes", idle_watch),
         ("a server that is back before it was missed", back_before_it_was_missed),
         ("a list that stops in the middle", list_that_stops),
         ("an event that stops in the middle", event_that_stops))


def main():
    if not os.path.exists(f"{kube.BUILD}/live/kube_source"):
        tap.skip("kube_source is not built")
    tap.need_kernel()
    netns.cleanup()
    program = tap.Program()
    with concurrent.futures.ThreadPoolExecutor(len(CASES)) as pool:
        running = [(name, pool.submit(function)) for name, function in CASES]
        for name, outcome in running:
            program.case(name, lambda outcome=outcome: tap.note(outcome.result()))
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
