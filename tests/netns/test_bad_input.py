#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
Bad documents, through the daemon: each is refused with file, line, item, value and rule in the log
and the status, and everything else stays in force.
"""

import json
import os
import sys
import time

from lab import daemon as daemons
from lab import documents, listing, tap
from lab.bare import Bare
from lab.daemon import NODE_NAME, Daemon
from lab.node import Pod
from lab.tap import check, equal, wait_for

ALL = ["0.0.0.0/0", "::/0"]
GROUP, OTHER = "sg-0000000000000a001", "sg-0000000000000a002"
POD = Pod("web", ("10.0.1.5", "2001:db8:0:1::5"), "strict", 5)


def rule(**fields):
    """A group with one rule, which is line 4."""
    return ('{"SecurityGroups": [\n{"GroupId": "sg-1",\n"IpPermissions": [\n'
            + json.dumps(fields) + "\n]}]}\n")


def tcp(low=1, high=2, cidr="10.0.0.0/8", **fields):
    return rule(IpProtocol="tcp", FromPort=low, ToPort=high, IpRanges=[{"CidrIp": cidr}], **fields)


def pod(name="bad", annotation=None, **status):
    """The annotation is line 13."""
    metadata = {"name": name, "namespace": "default", "uid": "u"}
    if annotation is not None:
        metadata["annotations"] = {"vpc.amazonaws.com/pod-eni": annotation}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "spec": {"nodeName": NODE_NAME},
                       "status": status, "metadata": metadata}, indent=1)


def million_rules():
    ranges = ",".join(f'{{"CidrIp":"10.{n >> 16}.{n >> 8 & 255}.{n & 255}/32"}}'
                      for n in range(1000000))
    return ('{"SecurityGroups":[{"GroupId":"sg-1","IpPermissions":[{"IpProtocol":"tcp",'
            f'"FromPort":1,"ToPort":2,"IpRanges":[{ranges}]}}]}}]}}')


def million_groups():
    groups = ",\n".join(f'{{"GroupId":"sg-{n}","IpPermissions":[{{"IpProtocol":"-1",'
                        '"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}' for n in range(500000))
    return '{"SecurityGroups":[' + groups + "]}"


def laughs():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for n in range(1, 9):
        lines.append(f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]")
    return "\n".join(lines) + "\nSecurityGroups: *a8\n"


# Name, file, text, and what the message has to contain behind the file's name.
REFUSED = (
    ("truncated JSON", "bad.json", '{"SecurityGroups":[\n{"GroupId":"sg-1",', [":2", "truncated"]),
    ("invalid JSON", "bad.json", '{"SecurityGroups":[\n{"GroupId" "sg-1"}]}', [":2", "colon"]),
    ("truncated YAML", "bad.yaml", "SecurityGroups:\n- GroupId: [sg-1\n", ["not YAML"]),
    ("invalid YAML", "bad.yaml", "SecurityGroups:\n\t- GroupId: sg-1\n", [":2", "not YAML"]),
    ("aliases that grow without end", "bad.yaml", laughs(), []),
    ("nesting without end", "bad.json", '{"a":' * 100000, [":1", "nested too deep"]),
    ("a NUL inside a string", "bad.json", '{"SecurityGroups":[\n{"GroupId":"sg-\0"}]}', [":2"]),
    ("a string that is not UTF-8", "bad.json", b'{"SecurityGroups":[\n{"GroupName":"\xff"}]}',
     [":2"]),
    ("a million rules in a group", "bad.json", million_rules,
     ["SecurityGroups[0]", "larger than"]),
    ("half a million groups", "bad.json", million_groups, []),
    ("one id twice in a document", "bad.json",
     '{"SecurityGroups":[\n{"GroupId":"sg-1"},\n{"GroupId":"sg-1"}]}',
     [":3", "SecurityGroups[1].GroupId", '"sg-1"', "already defined at line 2"]),
    ("a prefix that is too long", "bad.json", tcp(cidr="10.0.0.0/33"),
     [":4", "IpPermissions[0].IpRanges[0].CidrIp", '"10.0.0.0/33"', "length 0 to 32"]),
    ("an address that is none", "bad.json", tcp(cidr="10.0.0.256/8"),
     [":4", "CidrIp", '"10.0.0.256/8"', "expected an IPv4 prefix"]),
    ("an IPv4 prefix for IPv6", "bad.json",
     rule(IpProtocol="-1", Ipv6Ranges=[{"CidrIpv6": "10.0.0.0/8"}]),
     [":4", "Ipv6Ranges[0].CidrIpv6", '"10.0.0.0/8"', "expected an IPv6 prefix"]),
    ("reversed ports", "bad.json", tcp(443, 80),
     [":4", "IpPermissions[0].FromPort", '"443"', "at most ToPort, which is 80"]),
    ("a port beyond the last", "bad.json", tcp(0, 65536),
     [":4", "ToPort", '"65536"', "0 to 65535"]),
    ("an unknown protocol", "bad.json", rule(IpProtocol="tpc", FromPort=1, ToPort=2),
     [":4", "IpPermissions[0].IpProtocol", '"tpc"', "expected tcp, udp"]),
    ("a protocol number beyond the last", "bad.json", rule(IpProtocol="256"),
     [":4", "IpProtocol", '"256"', "0 to 255"]),
    ("control characters in an id", "bad.json",
     '{"SecurityGroups":[\n{"GroupId":"sg-\\u001b[2J"}]}',
     [":2", "SecurityGroups[0].GroupId", "x1b[2J", "printable"]),
    ("control characters in a group's name", "bad.yaml",
     'SecurityGroups:\n- GroupId: sg-1\n  GroupName: "a\\e[2J\\n"\n',
     [":3", "GroupName", "x1b[2J", "without control characters"]),
    ("control characters in a pod's name", "bad.json", pod("a\x1b[2J"),
     ["metadata.name", "x1b[2J", "printable"]),
    ("an annotation that is not JSON", "bad.json", pod(annotation="not json"),
     [":13", "vpc.amazonaws.com/pod-eni", '"not json"', "expected an array in JSON"]),
    ("an annotation with a VLAN beyond the last", "bad.json",
     pod(annotation='[{"eniId":"eni-1","vlanId":4095,"privateIp":"10.0.1.9"}]'),
     [":13", "vpc.amazonaws.com/pod-eni", "vlanId", "4095"]),
    ("a file without content", "bad.json", "", ["is empty"]),
)


def put(daemon, name, text):
    path = os.path.join(daemon.documents, name)
    data = text() if callable(text) else text
    with open(path + ".new", "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    os.rename(path + ".new", path)
    return path


def take_away(daemon, name):
    os.unlink(os.path.join(daemon.documents, name))
    wait_for(lambda: name not in sources(daemon), f"{name} is forgotten")


def sources(daemon):
    return {source["name"]: source for source in daemon.control("status")["sources"]}


def error_of(daemon, name):
    return sources(daemon).get(name, {}).get("error", "")


def snapshot(daemon):
    return listing.COUNTED.sub("", daemon.ruleset(handles=True))


def contains_all(text, words, where):
    missing = [word for word in words if word not in text]
    check(not missing, f"{where} lacks {missing}: {text}")


def refused(daemon, name, text, words):
    before = snapshot(daemon)
    mark = len(daemon.log_text())
    path = put(daemon, name, text)
    begin = time.monotonic()
    # Who asks while a large document is read may have to wait longer than podsgctl does.
    wait_for(lambda: name in daemon.log_text()[mark:], "the log says so")
    error = wait_for(lambda: error_of(daemon, name), "status says so")
    tap.note(f"{(time.monotonic() - begin) * 1000:.0f} ms: {error}")
    contains_all(error, [path, *words], "status")
    line = next(line for line in daemon.log_text()[mark:].splitlines() if name in line)
    contains_all(line.replace('\\"', '"'), ["level=error", "event=document-refused", path, *words],
                 "the log")
    check(line.isprintable() and error.isprintable(), f"control characters in {line!r}")
    equal(snapshot(daemon), before, "the table")
    equal([n for n, s in sources(daemon).items() if s["state"] != "good"], [name], "bad sources")
    answer = daemon.control("explain", "10.0.1.5", "198.51.100.1", "tcp/443")
    equal(answer["permitted"], True, "explain meanwhile")
    take_away(daemon, name)


def last_good_version_stays(daemon):
    """The document that everything hangs on is overwritten with half of itself, and mended."""
    before = snapshot(daemon)
    path = os.path.join(daemon.documents, "groups.json")
    with open(path, encoding="utf-8") as file:
        whole = file.read()
    put(daemon, "groups.json", whole[:len(whole) // 2])
    error = wait_for(lambda: error_of(daemon, "groups.json"), "status names the broken document")
    check("truncated" in error, error)
    source = sources(daemon)["groups.json"]
    check(source["objects"] > 0 and source["state"] != "good", f"{source}")
    equal(snapshot(daemon), before, "the table")
    put(daemon, "groups.json", whole)
    wait_for(lambda: sources(daemon)["groups.json"]["state"] == "good", "the document is mended")
    equal(snapshot(daemon), before, "the table after the document was mended")


def last_good_version_survives_a_restart(daemon):
    before = listing.normal(daemon.ruleset())
    path = os.path.join(daemon.documents, "groups.json")
    with open(path, encoding="utf-8") as file:
        whole = file.read()
    daemon.kill()
    put(daemon, "groups.json", whole[:len(whole) // 2])
    daemon.start()
    equal(listing.normal(daemon.ruleset()), before, "the table")
    check(error_of(daemon, "groups.json"), "status does not name the broken document")
    put(daemon, "groups.json", whole)
    wait_for(lambda: sources(daemon)["groups.json"]["state"] == "good", "the document is mended")


def huge_file(daemon):
    before = snapshot(daemon)
    path = os.path.join(daemon.documents, "bad.json")
    with open(path + ".new", "wb") as file:
        file.truncate(100 << 20)
    os.rename(path + ".new", path)
    error = wait_for(lambda: error_of(daemon, "bad.json"), "status says so")
    contains_all(error, [path, "67108864"], "status")
    equal(snapshot(daemon), before, "the table")
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    tap.note(f"most memory the daemon ever had: {peak // 1024} MiB")
    take_away(daemon, "bad.json")


def one_id_in_two_documents(daemon):
    """The one whose name sorts last wins, and a problem names both."""
    put(daemon, "zz-again.json", json.dumps(documents.security_groups(
        [documents.security_group(GROUP, [documents.permission("tcp", 999, 999, ALL)])])))
    wait_for(lambda: "999" in daemon.ruleset(), "the later document is in force")
    problems = [p for p in daemon.control("status")["problems"] if GROUP in p]
    check(problems, "status does not name the group")
    contains_all(problems[0], ["groups.json", "zz-again.json"], "the problem")
    take_away(daemon, "zz-again.json")
    wait_for(lambda: "999" not in daemon.ruleset(), "the earlier document is in force again")


def cycle_of_references(daemon):
    """Groups that refer to each other are usual."""
    cycle = [documents.security_group(group, [documents.permission("-1", None, None, peers)])
             for group, peers in ((GROUP, [OTHER]), (OTHER, [GROUP, OTHER]))]
    put(daemon, "zz-cycle.json", json.dumps(documents.security_groups(cycle)))
    wait_for(lambda: f"members-{OTHER}-4" in daemon.ruleset(), "the cycle is in force")
    equal(error_of(daemon, "zz-cycle.json"), "", "error of the document")
    groups = {group["id"] for group in daemon.control("groups")["groups"]}
    check({GROUP, OTHER} <= groups, f"groups in use: {groups}")
    take_away(daemon, "zz-cycle.json")


def host_bits_are_masked(daemon):
    put(daemon, "zz-mask.json", tcp(cidr="10.1.2.3/8").replace("sg-1", GROUP))
    wait_for(lambda: "10.0.0.0/8" in daemon.ruleset(), "the masked prefix is in force")
    equal(sources(daemon)["zz-mask.json"]["state"], "good", "state of the document")
    problem = [p for p in daemon.control("status")["problems"] if "10.1.2.3/8" in p]
    check(problem, "no warning")
    contains_all(problem[0], ["zz-mask.json:4", "CidrIp", "10.0.0.0/8"], "the warning")
    take_away(daemon, "zz-mask.json")


def unknown_kinds_are_skipped(daemon):
    before = snapshot(daemon)
    put(daemon, "zz-other.yaml", "kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n")
    wait_for(lambda: "zz-other.yaml" in sources(daemon), "the document is read")
    equal(sources(daemon)["zz-other.yaml"]["state"], "good", "state of the document")
    problems = [p for p in daemon.control("status")["problems"] if "zz-other.yaml" in p]
    equal(len(problems), 1, "warnings")
    equal(snapshot(daemon), before, "the table")
    take_away(daemon, "zz-other.yaml")


OTHERS = (
    ("a 100 MiB file is refused unread", huge_file),
    ("the last good version of a broken document stays in force", last_good_version_stays),
    ("the last good version survives a restart", last_good_version_survives_a_restart),
    ("one id in two documents: the last one wins and both are named", one_id_in_two_documents),
    ("a cycle of references is in force", cycle_of_references),
    ("host bits are masked with a warning", host_bits_are_masked),
    ("unknown kinds are skipped with one warning", unknown_kinds_are_skipped),
)


def main():
    daemons.need()
    program = tap.Program()
    with Bare([POD]) as node, Daemon(node) as daemon:
        rules = [documents.permission("tcp", 443, 443, ALL)]
        documents.write(daemon.documents, "groups.json", documents.security_groups(
            [documents.security_group(GROUP, rules, rules)]))
        documents.write(daemon.documents, "pods.json", documents.listed([
            documents.pod(POD, NODE_NAME, {"app": "web"}),
            documents.policy("default", "web", [GROUP], {"matchLabels": {"app": "web"}})]))
        daemon.start()
        for name, *arguments in REFUSED:
            program.case(f"{name}: refused, everything else stays", refused, daemon, *arguments)
        for name, function in OTHERS:
            program.case(name, function, daemon)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
