#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What podsg-dnscache makes of a client's query, and what its reply looks like."""

import struct
import sys

import place
from place import check, dns, query
from lab import tap
from lab.tap import equal
from upstream import denies, says

AA, AD, CD, RD, TC = (getattr(dns.flags, name) for name in ("AA", "AD", "CD", "RD", "TC"))
ECS = dns.edns.ECSOption("192.0.2.0", 24)
UNKNOWN = dns.edns.GenericOption(65001, b"secret")
BIG = [f'@ 300 TXT "{i:03}{"x" * 200}"' for i in range(4)]


def header(flags=0x0100, questions=1, answers=0, authorities=0, additionals=0, ident=0x1234):
    return struct.pack("!6H", ident, flags, questions, answers, authorities, additionals)


QUESTION = b"\3www\4test\0\0\1\0\1"
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"


class Case:
    def __init__(self, up, daemon):
        self.up = up
        self.daemon = daemon
        self.client = daemon.client

    def rcode_of(self, wire):
        back = self.client.send(wire)
        check(back is not None, "no answer")
        equal(back[:2], wire[:2], "id")
        check(back[2] & 0x80, "QR is not set")
        flags, = struct.unpack("!H", back[2:4])
        return flags & 15

    def case_is_echoed(self):
        for asked in ("MixedCase.tESt", "mIXEDcASE.TeSt"):
            answer = self.client.ask(asked)
            spelled = b"".join(bytes([len(label)]) + label.encode() for label in asked.split("."))
            check(spelled + b"\0" in answer.wire, f"{asked} is not in the reply")
            equal(answer.message.question[0].name.to_text(), asked + ".", "question")
        equal(len(self.up.questions("mixedcase.test")), 1, "questions upstream")

    def owner_is_pointer(self):
        for _ in range(2):
            wire = self.client.ask("PoinTer.test", edns=False).wire
            body = wire.index(b"\0\0\1\0\1") + 5
            equal(wire[body:body + 2], b"\xc0\x0c", "owner")

    def size_is_ours(self):
        for payload in (512, 1232, 4096, 65535):
            name = f"size{payload}.test"
            answer = self.client.ask(name, payload=payload)
            equal(answer.message.payload, 1232, "the size that we announce to a client")
            asked, = self.up.questions(name)
            equal(asked.message.payload, 1232, "the size that we announce upstream")

    def bufsize_changes_it(self):
        answer = self.client.ask("bufsize.small")
        equal(answer.message.payload, 700, "the size that we announce to a client")
        asked, = self.up.questions("bufsize.small")
        equal(asked.message.payload, 700, "the size that we announce upstream")

    def no_opt_for_plain(self):
        answer = self.client.ask("plain.test", edns=False)
        equal(answer.message.edns, -1, "EDNS version")
        asked, = self.up.questions("plain.test")
        equal(asked.message.edns, 0, "upstream's EDNS version")

    def badvers(self):
        made = query("badvers.test")
        made.use_edns(1)
        answer = place.Answer(self.client.send(made.to_wire()), 0)
        equal(answer.rcode, "BADVERS", "rcode")
        equal(answer.message.edns, 0, "EDNS version")
        equal(answer.message.question[0].name.to_text(), "badvers.test.", "question")
        equal(self.up.questions("badvers.test"), [], "questions upstream")

    def formerr(self):
        wires = {
            "no question": header(questions=0),
            "two questions": header(questions=2) + QUESTION * 2,
            "two OPTs": header(additionals=2) + QUESTION + OPT * 2,
            "bytes behind the end": header() + QUESTION + b"!",
            "an OPT that is cut": header(additionals=1) + QUESTION + OPT[:-1],
            "an OPT among the answers": header(answers=1) + QUESTION + OPT,
            "an OPT with an owner": header(additionals=1) + QUESTION + b"\1a" + OPT,
            "an option that is longer than its OPT":
                header(additionals=1) + QUESTION + OPT[:-1] + b"\5\0\x0a\0\x08!",
            "a cookie of 9 bytes":
                header(additionals=1) + QUESTION + OPT[:-1] + b"\x0d\0\x0a\0\x09" + b"c" * 9,
            "a question that is cut": header() + QUESTION[:-2],
            "a pointer in the question": header() + b"\xc0\x0c\0\1\0\1",
            "a name of 256 bytes": header() + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1",
            "a record that is promised and missing": header(answers=1) + QUESTION,
        }
        for what, wire in wires.items():
            equal(self.rcode_of(wire), 1, what)

    def notimp(self):
        for opcode in (1, 2, 3, 4, 5, 6, 15):
            equal(self.rcode_of(header(flags=opcode << 11) + QUESTION), 4, f"opcode {opcode}")
        wire = self.client.send(header(flags=4 << 11, additionals=1) + QUESTION + OPT)
        equal(place.Answer(wire, 0).ede, [21], "EDE")

    def other_class(self):
        for klass in ("CH", "HS", "ANY"):
            name = "version.bind" if klass == "CH" else "class.test"
            equal(self.client.ask(name, "TXT", klass=klass).rcode, "REFUSED", klass)
        for kind in ("AXFR", "TYPE249", "TYPE0"):
            answer = self.client.ask("class.test", kind)
            equal((answer.rcode, answer.ede), ("REFUSED", [21]), kind)

    def silence(self):
        for what, wire in {"an answer": header(flags=0x8180) + QUESTION,
                           "a broken answer": header(flags=0x8180) + b"\xff",
                           "nothing": b"", "a byte": b"\0", "a runt": header()[:11]}.items():
            with self.client.socket() as made:
                made.send(wire)
                # What was sent behind it is answered, so it would have been by now.
                made.send(header(ident=0x7777) + QUESTION)
                equal(made.recv(512)[:2], b"\x77\x77", f"the first reply after {what}")

    def question_echoed_in_errors(self):
        wire = header(additionals=2) + QUESTION + OPT * 2
        check(QUESTION in self.client.send(wire), "FORMERR without the question")

    def do_is_passed(self):
        address = "@ 300 A 192.0.2.7"
        signature = "@ 300 RRSIG A 8 2 300 20380101000000 20200101000000 1 test. AAAA"
        self.up.on("signed.test", says(address), says(address, signature))
        equal(len(self.client.ask("signed.test").records()), 1, "records without DO")
        with_do = self.client.ask("signed.test", dnssec=True)
        equal(len(with_do.records()), 2, "records with DO")
        check(with_do.message.ednsflags & dns.flags.DO, "DO is not in the reply's OPT")
        equal([asked.dnssec for asked in self.up.questions("signed.test")], [False, True],
              "DO upstream")

    def cd_is_passed(self):
        for flags in (RD, RD | CD):
            for _ in range(2):
                answer = self.client.ask("checking.test", flags=flags)
                equal(answer.has(CD), bool(flags & CD), "CD in the reply")
        equal([asked.has(CD) for asked in self.up.questions("checking.test")], [False, True],
              "CD upstream")

    def ad_for_who_can_use_it(self):
        self.up.on("validated.test", says("@ 300 A 192.0.2.8", flags=AD))
        for _ in range(2):
            check(not self.client.ask("validated.test").has(AD), "AD without AD or DO")
            check(self.client.ask("validated.test", flags=RD | AD).has(AD), "no AD with AD")
            check(self.client.ask("validated.test", dnssec=True).has(AD), "no AD with DO")
        check(not self.client.ask("unvalidated.test", flags=RD | AD).has(AD), "AD of our own")

    def aa_only_when_fresh(self):
        check(self.client.ask("authority.test").has(AA), "no AA when fresh")
        check(not self.client.ask("authority.test").has(AA), "AA on a hit")
        self.up.on("noauthority.test", says("@ 300 A 192.0.2.8", flags=0))
        check(not self.client.ask("noauthority.test").has(AA), "AA of our own")

    def ra_is_set(self):
        check(self.client.ask("ra.test").has(dns.flags.RA), "RA is not set")

    def any_is_hinfo(self):
        answer = self.client.ask("any.test", "ANY")
        (owner, ttl, kind, data), = answer.records()
        equal((owner, kind, data), ("any.test.", "HINFO", '"RFC8482" ""'), "answer")
        check(ttl > 0, "TTL 0")
        equal(self.up.questions("any.test"), [], "questions upstream")

    def without_recursion(self):
        answer = self.client.ask("norecursion.test", flags=0)
        equal((answer.rcode, answer.ede), ("REFUSED", [20]), "what is not cached")
        equal(self.up.questions("norecursion.test"), [], "questions upstream")
        self.client.ask("norecursion.test")
        answer = self.client.ask("norecursion.test", flags=0)
        equal((answer.rcode, answer.data), ("NOERROR", ["192.0.2.1"]), "what is cached")
        check(not answer.has(RD), "RD in the reply")

    def options_are_stripped(self):
        answer = self.client.ask("options.test", options=[ECS, UNKNOWN])
        asked, = self.up.questions("options.test")
        equal([int(option.otype) for option in asked.message.options], [], "options upstream")
        equal(answer.message.options, (), "options in the reply")
        check(b"secret" not in asked.wire, "the client's option went upstream")

    def ede_on_miss_and_hit(self):
        self.up.on("ede.test", denies(300, 300, ede=(17, "filtered")))
        for _ in range(2):
            answer = self.client.ask("ede.test")
            equal((answer.rcode, answer.ede), ("NXDOMAIN", [17]), "answer")
        equal(len(self.up.questions("ede.test")), 1, "questions upstream")
        equal(self.client.ask("ede.test", edns=False).message.edns, -1, "EDNS for a plain client")

    def truncated_to_client(self):
        self.up.on("big.test", says(*BIG))
        for how, room, kept in (({"edns": False}, 512, 0), ({"payload": 512}, 512, 0),
                                ({"payload": 900}, 900, 0), ({"payload": 4096}, 1232, 4)):
            for _ in range(2):
                answer = self.client.ask("big.test", "TXT", **how)
                check(len(answer.wire) <= room, f"{len(answer.wire)} bytes for {how}")
                equal((len(answer.records()), answer.has(TC)), (kept, kept == 0), str(how))

    def additional_goes_first(self):
        glue = [f"ns{i}.test. 300 AAAA 2001:db8::{i:x}" for i in range(1, 30)]
        self.up.on("glue.test", says("@ 300 MX 1 ns1.test.", additional=glue))
        answer = self.client.ask("glue.test", "MX", edns=False)
        equal((len(answer.records()), answer.has(TC)), (1, False), "answer")

    def big_over_tcp(self):
        self.up.on("huge.test", says(*[f'@ 300 TXT "{i:04}{"y" * 240}"' for i in range(240)]))
        for _ in range(2):
            answer = self.client.ask("huge.test", "TXT", tcp=True)
            equal((len(answer.records()), answer.has(TC)), (240, False), "over TCP")
        check(self.client.ask("huge.test", "TXT").has(TC), "no TC over UDP")

    def ds_of_parent(self):
        """RFC 4035 §3.1.4.1: of the zone "child.test" the block of "." knows DS."""
        equal(self.client.ask("child.test").data, ["192.0.2.99"], "A is the child's")
        equal(self.client.ask("child.test", "DS").rcode, "NXDOMAIN", "DS is the parent's")
        equal(self.client.ask("www.child.test", "DS").data[0].split()[0], "7", "DS below")

    def ds_without_parent(self):
        """Who serves only the child asks there, as CoreDNS does."""
        client = place.Client(place.address(4))
        equal(client.ask("alone.test", "DS").data[0].split()[0], "7", "DS")

    def no_zone(self):
        answer = place.Client(place.address(4)).ask("www.elsewhere")
        equal((answer.rcode, answer.ede), ("REFUSED", [20]), "what no block serves")
        equal(place.Client(place.address(4)).ask("www.alone.test").data, ["192.0.2.99"],
              "what one does")

    def longest_names(self):
        label = "a" * 63
        for name in (f"{label}.{label}.{label}.{'a' * 56}.test", ".".join("a" * 127), "."):
            equal(self.client.ask(name).data, ["192.0.2.1"], name)

    def bytes_in_names(self):
        name = dns.name.Name([b"\0\xff. \\\"", b"test", b""])
        answer = self.client.ask(name)
        equal(answer.message.question[0].name, name, "question")
        equal(answer.message.answer[0].name, name, "owner")

    def all_workers(self):
        """A port a query: both sockets of the port have their turn."""
        for i in range(64):
            equal(self.client.ask("workers.test").data, ["192.0.2.1"], f"answer {i}")

    def six(self):
        answer = place.Client("::1").ask("six.test", "AAAA")
        equal(answer.rcode, "NOERROR", "over UDP")
        equal(place.Client("::1").ask("six.test", "AAAA", tcp=True).rcode, "NOERROR", "over TCP")


CASES = (
    ("the question comes back letter for letter, and letters make no other question",
     Case.case_is_echoed),
    ("an answer's owner points to the client's own question", Case.owner_is_pointer),
    ("our size is 1232 both ways, whatever the client offers", Case.size_is_ours),
    ("bufsize changes it both ways, for its own block", Case.bufsize_changes_it),
    ("a client without EDNS gets no OPT; upstream does", Case.no_opt_for_plain),
    ("another EDNS version is BADVERS", Case.badvers),
    ("what is no well-formed query is FORMERR", Case.formerr),
    ("FORMERR has the question in it", Case.question_echoed_in_errors),
    ("an opcode other than QUERY is NOTIMP", Case.notimp),
    ("a class other than IN, a transfer and a meta type are REFUSED", Case.other_class),
    ("answers and runts are met with silence", Case.silence),
    ("DO goes upstream, and signatures only to who set it", Case.do_is_passed),
    ("CD goes upstream and comes back", Case.cd_is_passed),
    ("AD is told to who set AD or DO", Case.ad_for_who_can_use_it),
    ("AA is passed on when fresh and clear on hits", Case.aa_only_when_fresh),
    ("RA is set", Case.ra_is_set),
    ("ANY is answered HINFO, and upstream is not asked", Case.any_is_hinfo),
    ("RD=0 is answered from the cache or REFUSED", Case.without_recursion),
    ("ECS and unknown options neither go upstream nor come back", Case.options_are_stripped),
    ("EDE of upstream is told on a miss and on a hit", Case.ede_on_miss_and_hit),
    ("a reply is cut to what the client takes, by whole RRsets, with TC", Case.truncated_to_client),
    ("additional records are left out first, without TC", Case.additional_goes_first),
    ("60 KB go over TCP", Case.big_over_tcp),
    ("DS is asked of the parent's block", Case.ds_of_parent),
    ("DS is asked of the child's block where no other is", Case.ds_without_parent),
    ("a name that no block serves is REFUSED", Case.no_zone),
    ("the longest names, the most labels and the root are answered", Case.longest_names),
    ("every byte can stand in a name", Case.bytes_in_names),
    ("every worker answers", Case.all_workers),
    ("IPv6 is served", Case.six),
)


def main():
    program = tap.Program()
    with place.upstream() as up, place.upstream(3) as child:
        child.default = says("@ 300 A 192.0.2.99")
        for name in ("alone.test", "www.child.test"):
            child.on(name, says("@ 300 DS 7 8 2 " + "00" * 32), kind="DS")
        up.on("child.test", denies(60, 60), kind="DS")
        corefile = (place.block(".", "cache 300", f"forward . {up.place}")
                    + place.block(".", "cache 300", f"forward . {up.place}", bind="::1")
                    + place.block("small", "bufsize 700", "cache", f"forward . {up.place}")
                    + place.block("child.test", "cache", f"forward . {child.place}")
                    + place.block("alone.test", "cache", f"forward . {child.place}",
                                  bind=place.address(4)))
        with place.running(program, corefile, workers=2) as daemon:
            cases = Case(up, daemon)
            for name, function in CASES:
                program.case(name, function, cases)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
