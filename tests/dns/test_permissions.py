#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Who may ask podsg-dnscache, as branches.json says: pods are loopback addresses here, so what the
kernel's rules would stop arrives, and the daemon itself has to refuse it.
"""

import json
import os
import sys
import threading

import place
from place import check, query
from lab import tap
from lab.tap import equal, wait_for
from upstream import says

PERMITTED, DENIED, HALF, STRICT, ANYBODY = range(40, 45)
REASON = "no egress rule permits udp/53 or tcp/53 to the cluster DNS"
PROHIBITED = 18


def branch(number, mode="standard", udp=False, tcp=False, reason=""):
    return {"interface": f"eni{number}", "device": "", "pod": f"shop/pod-{number}", "uid": "u",
            "mode": mode, "addresses": [place.address(number), f"fd00::{number}"],
            "dns": {"udp": udp, "tcp": tcp, "reason": reason}}


USUAL = (branch(PERMITTED, udp=True, tcp=True), branch(DENIED, reason=REASON),
         branch(HALF, udp=True, reason="no egress rule permits tcp/53 to the cluster DNS"),
         branch(STRICT, "strict", udp=True, tcp=True))


def client(number):
    return place.Client(source=place.address(number))


def rcode(number, name="cached.test", **how):
    return client(number).ask(name, **how).rcode


class Case:
    def __init__(self, up, daemon):
        self.up = up
        self.daemon = daemon
        self.generation = 0

    def write(self, *branches):
        self.generation += 1
        self.daemon.write("branches.json", json.dumps(
            {"version": 1, "generation": self.generation, "branches": branches}))

    def tell(self, *branches):
        """Followed when this returns: a pod of its own is in every version."""
        self.write(*branches, branch(100 + self.generation % 100))
        witness = 100 + (self.generation - 1) % 100
        wait_for(lambda: rcode(witness) == "REFUSED", "branches.json is followed")

    def refused(self, number, reason, text, **how):
        pod = f"shop/pod-{number}"
        before = self.daemon.metric("podsg_dns_refused_total", reason=reason, pod=pod)
        answer = client(number).ask("cached.test", **how)
        equal((answer.rcode, answer.ede, answer.data), ("REFUSED", [PROHIBITED], []), f"{how}")
        check(text in answer.ede_text, answer.ede_text)
        equal(self.daemon.metric("podsg_dns_refused_total", reason=reason, pod=pod), before + 1,
              "refusals of the pod")

    def usual(self):
        self.up.forget()
        self.tell(*USUAL)
        for number in (ANYBODY, PERMITTED):
            for tcp in (False, True):
                equal(rcode(number, tcp=tcp), "NOERROR", f"{number}, TCP {tcp}")
        self.refused(DENIED, "security-groups", REASON)
        self.refused(DENIED, "security-groups", REASON, tcp=True)
        equal(rcode(HALF), "NOERROR", "half by UDP")
        self.refused(HALF, "security-groups", "tcp/53", tcp=True)
        equal(len(self.up.questions("cached.test")), 1, "questions upstream")
        equal(rcode(DENIED, "unheard.test"), "REFUSED", "what is not cached")
        equal(self.up.questions("unheard.test"), [], "questions upstream for who may not ask")

    def strict(self):
        for tcp in (False, True):
            self.refused(STRICT, "strict-mode", "strict", tcp=tcp)

    def plain(self):
        answer = client(DENIED).ask("cached.test", edns=False)
        equal((answer.rcode, answer.message.edns), ("REFUSED", -1), "without EDNS")

    def changes(self):
        """On a connection that stays open, too."""
        with client(DENIED).connect() as connection:
            def asks():
                connection.sendall(place.framed(query("cached.test").to_wire()))
                return place.Answer(place.receive_framed(connection), 0).rcode
            equal(asks(), "REFUSED", "at first")
            self.tell(branch(DENIED, udp=True, tcp=True))
            equal((asks(), rcode(DENIED)), ("NOERROR", "NOERROR"), "permitted")
            self.tell(*USUAL)
            equal((asks(), rcode(DENIED)), ("REFUSED", "REFUSED"), "and no more")

    def mode_changes(self):
        self.tell(branch(STRICT, udp=True, tcp=True))
        equal(rcode(STRICT), "NOERROR", "standard")
        self.tell(*USUAL)
        equal(rcode(STRICT), "REFUSED", "strict")

    def broken(self):
        """The last good one stays, and it is said once a version."""
        before = self.daemon.metric("podsg_dns_branches_refused_total")
        for number, text in enumerate(("{", "[]", '{"version":2,"branches":[]}', "")):
            self.daemon.write("branches.json", text)
            wait_for(lambda: self.daemon.metric("podsg_dns_branches_refused_total")
                     == before + number + 1, f"{text!r} is refused")
            equal((rcode(DENIED), rcode(PERMITTED)), ("REFUSED", "NOERROR"), f"under {text!r}")
        check("branches-refused" in self.daemon.said, "it is not said")
        self.tell(branch(DENIED, udp=True, tcp=True))
        equal(rcode(DENIED), "NOERROR", "a good one after them")

    def partly_understood(self):
        self.tell(*USUAL, {"pod": 7}, branch(ANYBODY, "lax"))
        equal((rcode(DENIED), rcode(ANYBODY)), ("REFUSED", "NOERROR"), "the others")
        wait_for(lambda: "branches-skipped" in self.daemon.said, "it is said")

    def removed(self):
        self.tell(*USUAL)
        os.unlink(self.daemon.branches)
        wait_for(lambda: rcode(DENIED) == "NOERROR", "nobody is refused")
        equal(rcode(STRICT), "NOERROR", "who was strict")
        self.tell(*USUAL)
        equal(rcode(DENIED), "REFUSED", "it is there again")

    def under_load(self):
        """A hundred versions while pods ask: each answer is one of the two."""
        seen, done = set(), threading.Event()

        def load(number):
            while not done.is_set():
                seen.add((number, rcode(number)))
        loaders = [threading.Thread(target=load, args=(number,))
                   for number in (PERMITTED, DENIED, DENIED, ANYBODY)]
        for loader in loaders:
            loader.start()
        try:
            for i in range(100):
                self.write(*USUAL[:2 - i % 2])
                seen.add((PERMITTED, rcode(PERMITTED)))
        finally:
            done.set()
            for loader in loaders:
                loader.join()
        equal({pair for pair in seen if pair[0] != DENIED},
              {(PERMITTED, "NOERROR"), (ANYBODY, "NOERROR")}, "answers")
        equal({said for number, said in seen if number == DENIED}, {"NOERROR", "REFUSED"},
              "answers to who may and may not")
        self.tell()


CASES = (
    ("served as groups say, by protocol; refused with EDE 18, the reason, and the pod's count",
     Case.usual),
    ("a strict pod that comes here is refused", Case.strict),
    ("a refusal without EDNS", Case.plain),
    ("what changes is followed, on open connections too", Case.changes),
    ("so is a mode", Case.mode_changes),
    ("a broken file leaves the one before in force", Case.broken),
    ("an item that is not understood is left out", Case.partly_understood),
    ("a file that is removed restricts nobody", Case.removed),
    ("a hundred versions under load", Case.under_load),
)


def first_and_last(up):
    """Not there at the start, and made later; there at the next start."""
    daemon = place.Daemon(place.block(".", "cache 300", f"forward . {up.place}"))
    with daemon:
        cases = Case(up, daemon)
        equal(rcode(DENIED), "NOERROR", "before there is a file")
        cases.tell(*USUAL)
        equal(rcode(DENIED), "REFUSED", "after it has come")
    again = place.Daemon(place.block(".", f"forward . {up.place}"))
    again.write("branches.json", json.dumps({"version": 1, "branches": USUAL}))
    with again:
        equal(rcode(DENIED), "REFUSED", "the first answer of all")


def main():
    program = tap.Program()
    with place.upstream() as up:
        up.default = says("@ 300 A 192.0.2.1")
        corefile = place.block(".", "cache 300", f"forward . {up.place}")
        with place.running(program, corefile, workers=2) as daemon:
            cases = Case(up, daemon)
            for name, function in CASES:
                program.case(name, function, cases)
        program.case("a file that comes later, one that is there at the start", first_and_last, up)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
