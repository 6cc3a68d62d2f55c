#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""What a Corefile's plugins do to queries and answers, and what podsg-dnscache logs of them."""

import re
import sys

import place
from place import check, dns
from lab import tap
from lab.tap import equal, wait_for
from upstream import denies, says

HOSTS = """192.0.2.50 db.hosted.test db-alias.hosted.test
2001:db8::50 db.hosted.test
192.0.2.51 other.example
"""


class Case:
    def __init__(self, up, daemon):
        self.up = up
        self.daemon = daemon
        self.client = daemon.client

    def rewrite_name(self):
        self.up.on("new.internal", says("@ 300 A 192.0.2.31"))
        for _ in range(2):
            answer = self.client.ask("Old.rewritten")
            equal(answer.records(), [("Old.rewritten.", 300, "A", "192.0.2.31")], "answer")
        equal(self.up.questions("old.rewritten"), [], "the old name upstream")
        equal(len(self.up.questions("new.internal")), 1, "the new name upstream")

    def rewrite_suffix(self):
        self.up.on("web.new.suffix", says("@ 300 A 192.0.2.32"))
        equal(self.client.ask("web.old.rewritten").records()[0],
              ("web.old.rewritten.", 300, "A", "192.0.2.32"), "answer")

    def rewrite_regex(self):
        self.up.on("a.b.svc.internal", says("@ 300 A 192.0.2.33"))
        equal(self.client.ask("b-a.rewritten").records()[0],
              ("b-a.rewritten.", 300, "A", "192.0.2.33"), "answer")

    def rewrite_type(self):
        self.client.ask("typed.rewrittentype", "ANY")
        answer = self.client.ask("typed.rewrittentype", "HINFO")
        equal(answer.message.question[0].rdtype, dns.rdatatype.HINFO, "question")
        equal([asked.type for asked in self.up.questions("typed.rewrittentype")], ["A"], "upstream")

    def rewrite_ttl(self):
        self.up.on("a.rewrittenttl", says("@ 300 A 192.0.2.34"))
        equal(self.client.ask("a.rewrittenttl").ttl, 15, "TTL")

    def template_answers(self):
        answer = self.client.ask("ip-10-1-2-3.templated")
        equal(answer.records(), [("ip-10-1-2-3.templated.", 60, "A", "10.1.2.3")], "answer")
        equal(self.up.questions("ip-10-1-2-3.templated"), [], "questions upstream")
        equal(self.daemon.metric("coredns_template_matches_total", zone="templated.", type="A"),
              1, "counted")

    def template_fails(self):
        for name, text, metric in (
                ("words.failed", "to no record", "coredns_template_rr_failures_total"),
                ("many.groups.failed", "in it", "coredns_template_template_failures_total")):
            answer = self.client.ask(name, "AAAA")
            equal((answer.rcode, answer.ede), ("SERVFAIL", [0]), text)
            equal(self.daemon.metric(metric, zone="failed.", type="AAAA"), 1, metric)
        equal(self.daemon.metric("coredns_template_matches_total", zone="failed."), 2, "matches")

    def template_falls_through(self):
        equal(self.client.ask("other.templated").data, ["192.0.2.1"], "what does not match")

    def template_denies(self):
        answer = self.client.ask("anything.denied")
        equal((answer.rcode, len(answer.records("authority"))), ("NXDOMAIN", 1), "answer")

    def hosts(self):
        equal(self.client.ask("db.hosted.test").data, ["192.0.2.50"], "A")
        equal(self.client.ask("DB-alias.hosted.test").data, ["192.0.2.50"], "an alias")
        equal(self.client.ask("db.hosted.test", "AAAA").data, ["2001:db8::50"], "AAAA")
        equal(self.client.ask("inline.hosted.test").data, ["192.0.2.77"], "an inline entry")
        equal(self.client.ask("absent.hosted.test").data, ["192.0.2.1"], "fallthrough")
        equal(self.up.questions("db.hosted.test"), [], "questions upstream")

    def hosts_reverse(self):
        equal(self.client.ask("50.2.0.192.in-addr.arpa", "PTR").data[:1], ["db.hosted.test."],
              "PTR")

    def hosts_reload(self):
        self.daemon.write("hosts", HOSTS + "192.0.2.60 fresh.hosted.test\n")
        wait_for(lambda: self.client.ask("fresh.hosted.test").data == ["192.0.2.60"],
                 "a new entry is told", timeout=20, step=0.2)
        self.daemon.write("hosts", HOSTS)
        wait_for(lambda: self.client.ask("fresh.hosted.test").data == ["192.0.2.1"],
                 "and no more when it is gone", timeout=20, step=0.2)

    def dns64(self):
        self.up.on("four.dns64", denies(300, 300, rcode="NOERROR"), kind="AAAA")
        self.up.on("four.dns64", says("@ 200 A 192.0.2.33"), kind="A")
        for _ in range(2):
            equal(self.client.ask("four.dns64", "AAAA").data, ["64:ff9b::c000:221"], "made from A")
        self.up.on("six.dns64", says("@ 300 AAAA 2001:db8::1"), kind="AAAA")
        equal(self.client.ask("six.dns64", "AAAA").data, ["2001:db8::1"], "a native one")
        equal(self.client.ask("four.dns64").data, ["192.0.2.33"], "A itself")
        own = self.client.ask("four.dns64", "AAAA", dnssec=True,
                              flags=dns.flags.RD | dns.flags.CD)
        equal(own.data, [], "for who validates by himself")

    def dns64_by_family(self):
        """Each has its own answer, whoever has asked before."""
        self.up.on("four.dns64six", denies(300, 300, rcode="NOERROR"), kind="AAAA")
        self.up.on("four.dns64six", says("@ 200 A 192.0.2.33"), kind="A")
        six = place.Client("::1")
        for _ in range(2):
            equal(self.client.ask("four.dns64six", "AAAA").data, [], "for who comes by IPv4")
            equal(six.ask("four.dns64six", "AAAA").data, ["64:ff9b::c000:221"], "by IPv6")

    def loadbalance(self):
        addresses = [f"192.0.2.{i}" for i in range(1, 5)]
        self.up.on("many.balanced", says(*[f"@ 300 A {one}" for one in addresses]))
        answers = [self.client.ask("many.balanced").data for _ in range(40)]
        check(all(sorted(answer) == addresses for answer in answers), "an address is missing")
        equal({answer[0] for answer in answers}, set(addresses), "first addresses")
        self.up.on("alias.balanced", says("@ 300 CNAME x.balanced.",
                                          *[f"x.balanced. 300 A {one}" for one in addresses]))
        for _ in range(10):
            equal(self.client.ask("alias.balanced").data[0], "x.balanced.", "the alias is first")

    def unbalanced(self):
        addresses = [f"192.0.2.{i}" for i in range(1, 5)]
        self.up.on("many.test", says(*[f"@ 300 A {one}" for one in addresses]))
        for _ in range(10):
            equal(self.client.ask("many.test").data, addresses, "order")

    def log_lines(self, name):
        def found():
            return [line for line in self.daemon.log.splitlines() if name in line]
        wait_for(found, f"a line about {name}")
        return found()

    def log_common(self):
        self.up.on("no.logged", denies(300, 300))
        self.client.ask("yes.logged", dnssec=True)
        self.client.ask("yes.logged", tcp=True)
        self.client.ask("no.logged", "AAAA", edns=False)
        wait_for(lambda: len(self.log_lines("yes.logged")) == 2, "both are logged")
        common = (r'\[INFO\] {}:\d+ - \d+ "{} IN {}\. {} \d+ {} \d+" {} {} \d+ \d+\.\d+s$')
        address = re.escape(place.address(1)[:place.address(1).rindex(".")]) + r"\.\d+"
        miss, hit = self.log_lines("yes.logged")
        denied, = self.log_lines("no.logged")
        for line, words in ((miss, ("A", "yes.logged", "udp", "true", "NOERROR", "qr,aa,rd,ra")),
                            (hit, ("A", "yes.logged", "tcp", "false", "NOERROR", "qr,aa,rd,ra")),
                            (denied, ("AAAA", "no.logged", "udp", "false", "NXDOMAIN",
                                      "qr,aa,rd,ra"))):
            kind, name, protocol, do, rcode, flags = words
            pattern = common.format(r"127\.[\d.]+", kind, re.escape(name), protocol, do, rcode,
                                    flags)
            check(re.match(pattern, line), f"{line!r} is not as CoreDNS would write ({address})")

    def log_format(self):
        self.client.ask("a.formatted")
        line, = self.log_lines("a.formatted.")
        equal(line, "[INFO] A a.formatted. said NOERROR by udp", "line")

    def log_classes(self):
        self.up.on("no.errorsonly", says(rcode="SERVFAIL"))
        self.client.ask("yes.errorsonly")
        self.client.ask("no.errorsonly")
        self.log_lines("no.errorsonly")
        check("yes.errorsonly" not in self.daemon.log, "what is no error is logged")

    def errors(self):
        self.up.on("bad.failing", lambda asked, way: way.send(asked.wire[:2] + b"\x81\x80" +
                                                              asked.wire[4:-5]))
        self.up.on("loop.failing", says("@ 300 CNAME l.failing.", "l.failing. 300 CNAME "
                                        "loop.failing."))
        self.client.ask("loop.failing", "AAAA")
        wait_for(lambda: "name=loop.failing." in self.daemon.said, "it is said")
        check(re.search(r'event=question-failed name=loop\.failing\. type=AAAA why="[^"]+"',
                        self.daemon.said), "not with name, type and reason")

    def debug(self):
        """Of the questions of its block, each once; of others none."""
        for _ in range(2):
            self.client.ask("a.debugged")
        self.client.ask("b.logged")
        wait_for(lambda: "name=a.debugged. " in self.daemon.said, "it is said")
        line, = re.findall(r".*name=a\.debugged\. .*", self.daemon.said)
        check(re.fullmatch(r"level=debug event=question-answered name=a\.debugged\. type=A "
                           r"rcode=NOERROR by=forward milliseconds=\d+\.\d", line), line)
        check("name=b.logged." not in self.daemon.said, "a question of another block")

    def errors_consolidated(self):
        for i in range(20):
            name = f"l{i}.consolidated"
            self.up.on(name, says("@ 300 CNAME r.test.", f"r.test. 300 CNAME {name}."))
            self.client.ask(name)
        wait_for(lambda: "event=questions-failed" in self.daemon.said, "the sum is said",
                 timeout=30)
        line, = re.findall(r".*event=questions-failed.*", self.daemon.said)
        check("level=error" in line and "count=20" in line, line)
        check("name=l1.consolidated" not in self.daemon.said, "each is said, too")


CASES = (
    ("rewrite name: upstream sees the new one, the client the old one", Case.rewrite_name),
    ("rewrite name suffix", Case.rewrite_suffix),
    ("rewrite name regex", Case.rewrite_regex),
    ("rewrite type", Case.rewrite_type),
    ("rewrite ttl", Case.rewrite_ttl),
    ("template answers", Case.template_answers),
    ("template falls through", Case.template_falls_through),
    ("template fails: SERVFAIL, and counted by why", Case.template_fails),
    ("template denies", Case.template_denies),
    ("hosts answers from file and Corefile, and falls through", Case.hosts),
    ("hosts answers PTR", Case.hosts_reverse),
    ("hosts is read again when it changes", Case.hosts_reload),
    ("dns64 makes AAAA from A where there is none", Case.dns64),
    ("dns64 is for clients that come by IPv6, unless it says otherwise", Case.dns64_by_family),
    ("loadbalance turns addresses, behind their alias", Case.loadbalance),
    ("without it the order is upstream's", Case.unbalanced),
    ("log has CoreDNS's common format", Case.log_common),
    ("log has formats of one's own", Case.log_format),
    ("log has classes", Case.log_classes),
    ("errors says name, type and why", Case.errors),
    ("debug says each question that was asked", Case.debug),
    ("errors consolidate says a number once", Case.errors_consolidated),
)


def corefile(up, hosts):
    forward = f"forward . {up.place}"
    return (
        place.block(".", "cache 300", forward)
        + place.block("rewritten", "cache 300", "rewrite name exact old.rewritten new.internal",
                      "rewrite name suffix .old.rewritten .new.suffix answer auto",
                      r"rewrite name regex ^(\w)-(\w)\.rewritten\.$ {2}.{1}.svc.internal "
                      "answer auto",
                      forward)
        + place.block("rewrittentype", "cache 300", "rewrite type HINFO A", forward)
        + place.block("rewrittenttl", "cache 300", "rewrite ttl suffix .rewrittenttl 15", forward)
        + place.block(
            "templated", "cache 300", "template IN A templated {",
            r'match "^ip-(?P<a>\d+)-(?P<b>\d+)-(?P<c>\d+)-(?P<d>\d+)\.templated\.$"',
            'answer "{{ .Name }} 60 IN A '
            '{{ .Group.a }}.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}"',
            "fallthrough", "}", forward)
        + place.block("failed", "template IN ANY failed {", r'match "^words\.failed\.$"',
                      'answer "{{ .Name }} are no record"', "fallthrough", "}",
                      "template IN ANY failed {", r'match "(.*)\.groups\.failed\.$"',
                      'answer "{{ .Name }} 60 IN AAAA ::{{ parseInt .Name 10 8 }}"', "}")
        + place.block("denied", "template IN ANY denied {", "rcode NXDOMAIN",
                      'authority "denied. 60 IN SOA ns.denied. root.denied. 1 60 60 60 60"', "}")
        + place.block(f"hosted.test:{place.PORT} 2.0.192.in-addr.arpa",
                      f"hosts {hosts} {{", "192.0.2.77 inline.hosted.test", "reload 1s",
                      "fallthrough", "}", forward)
        + place.block("dns64", "cache 300", "dns64 {", "allow_ipv4", "}", forward)
        + place.block("dns64six", "cache 300", "dns64", forward, bind=f"{place.address(1)} ::1")
        + place.block("balanced", "cache 300", "loadbalance", forward)
        + place.block("logged", "cache 300", "log", forward)
        + place.block("formatted", 'log . "{type} {name} said {rcode} by {proto}"', forward)
        + place.block("errorsonly", "log . {", "class error", "}", forward)
        + place.block("failing", "errors", forward)
        + place.block("debugged", "cache 300", "debug", forward)
        + place.block("consolidated", "errors {", 'consolidate 8s ".* chain of CNAMEs .*" error',
                      "}", forward))


def main():
    program = tap.Program()
    with place.upstream() as up:
        daemon = place.Daemon("")
        daemon.write("hosts", HOSTS)
        daemon.write("Corefile", corefile(up, daemon.path("hosts")))
        with place.running(program, daemon):
            place.together(program, CASES, Case(up, daemon))
            program.case("what dns64 has made is counted", equal,
                         daemon.metric("coredns_dns64_requests_translated_total"), 2, "counted")
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
