#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: alone
"""
What podsgctl monitor says of real packets that were dropped: every reason, both directions, by
name; and that nobody pays for it, neither the node in a flood nor the daemon for a slow reader.
"""

import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time

from lab import daemon as daemons
from lab import documents, netns, packets, tap
from lab.daemon import CONTROL, NODE_NAME, Daemon
from lab.flood import Flood, cpu_seconds, resident_bytes
from lab.nflog import DropLog
from lab.node import Node, Pod, Service
from lab.probes import Probe, Prober
from lab.streams import Listener, Stream, exchange_more
from lab.tap import PATIENCE, check, equal, note, wait_for
from lab.viewer import Viewer

WEB, API, LEDGER, VAULT, NODE, GONE = (f"sg-0{number:016x}" for number in range(0xa1, 0xa7))
ALL = ["0.0.0.0/0", "::/0"]
GROUP = 100
PER_SECOND = 50
FLOOD_SECONDS = 2
MORE_THAN_FITS = 60000  # packets; of the socket that the drop log is read from
SOME = 20000

PODS = [
    Pod("web", ("10.0.1.5", "2001:db8:0:1::5"), "standard", 5),
    Pod("api", ("10.0.1.6", "2001:db8:0:1::6"), "standard", 6),
    Pod("ledger", ("10.0.1.7", "2001:db8:0:1::7"), "strict", 7),
    Pod("vault", ("10.0.1.8", "2001:db8:0:1::8"), "strict", 8),
    Pod("lost", ("10.0.1.9",), "standard", 9),
    Pod("old", ("10.0.1.10",), "standard", 10),
    Pod("plain", ("10.0.0.50", "2001:db8::50"), "standard"),
]
GROUP_OF = {"web": WEB, "api": API, "ledger": LEDGER, "vault": VAULT, "lost": GONE, "old": WEB,
            "plain": WEB}
SERVICES = [Service("172.20.0.10", "tcp", 80, "10.0.1.6", 9090)]


def group(name, title, ingress=(), egress=()):
    return documents.security_group(name, [documents.permission(*rule) for rule in ingress],
                                    [documents.permission(*rule) for rule in egress], title)


def write_documents(directory):
    items = [documents.pod(pod, NODE_NAME, {"app": pod.name}) for pod in PODS]
    items += [documents.policy("default", name, [ids], {"matchLabels": {"app": name}})
              for name, ids in GROUP_OF.items()]
    newer = documents.pod(Pod("new", ("10.0.1.10",), "standard", 10), NODE_NAME, {"app": "old"})
    newer["metadata"]["creationTimestamp"] = "2026-05-01T00:00:00Z"
    documents.write(directory, "cluster.json", documents.listed([*items, newer]))
    documents.write(directory, "groups.json", documents.security_groups([
        group(WEB, "web", [("tcp", 8080, 8080, ALL)],
              [("tcp", 1, 65535, ALL), ("udp", 1, 9999, ALL), ("icmp", -1, -1, ["0.0.0.0/0"])]),
        group(API, "api", [("tcp", 8080, 8080, [WEB]), ("udp", 5353, 5353, [LEDGER])]),
        group(LEDGER, "ledger", [("tcp", 9000, 9000, [VAULT])], [("-1", None, None, ALL)]),
        group(VAULT, "vault"),
        group(NODE, "node", [("tcp", 10250, 10250, ["10.0.0.0/16"])], [("tcp", 443, 443, ALL)]),
    ]))
    documents.write(directory, "interfaces.json", documents.network_interfaces([
        documents.network_interface("eni-0db", ["10.0.2.20"], ["sg-0db"])]))


def instances(node):
    """Groups of nfnetlink_log that somebody listens to."""
    text = node.run("cat", "/proc/net/netfilter/nfnetlink_log").stdout
    return [int(line.split()[0]) for line in text.splitlines()]


def nobody_listens(node):
    wait_for(lambda: not instances(node), "nobody listens to the drop log")


class Case:
    """A packet that must be dropped, and what has to be said of it."""

    def __init__(self, name, probe, pod, direction, reason, text="", way=(), **more):
        self.name, self.probe, self.pod = name, probe, pod
        self.direction, self.reason, self.text = direction, reason, text
        self.way = way  # an address and the pod whose interface leads to it, past its own routes
        self.more = more


def icmp(origin, source, destination, kind, protocol=packets.ICMP, **more):
    return Probe(origin, source, destination, protocol, 0, 0, kind, 0, **more)


def probe(origin, source, destination, protocol, port=0, **more):
    return Probe(origin, source, destination, protocol, port, **more)


CASES = [
    Case("tcp to another port", probe("web", "10.0.1.5", "10.0.1.6", packets.TCP, 9090),
         "api", "ingress", "rules",
         f"{API} (api) tcp/8080 from {WEB}: port 9090 is not 8080", what="tcp/9090",
         peer={"address": "10.0.1.5", "pod": "default/web", "eni": None,
               "groups": [{"id": WEB, "name": "web"}]}),
    Case("udp of a peer that is no member",
         probe("web", "10.0.1.5", "10.0.1.6", packets.UDP, 5353), "api", "ingress", "rules",
         f"{API} (api) udp/5353 from {LEDGER}: 10.0.1.5 is not a member of {LEDGER}"),
    Case("IPv6", probe("web", "2001:db8:0:1::5", "2001:db8:0:1::6", packets.TCP, 22),
         "api", "ingress", "rules", "port 22 is not 8080", what="tcp/22",
         source="2001:db8:0:1::5"),
    Case("a ping", icmp("web", "10.0.1.5", "10.0.1.6", 8), "api", "ingress", "rules",
         "icmp is not tcp", what="icmp/8/0", icmpType=8),
    Case("a ping of IPv6",
         icmp("web", "2001:db8:0:1::5", "2001:db8:0:1::6", 128, packets.ICMPV6), "web", "egress",
         "rules", "icmpv6 is not tcp", what="icmpv6/128/0"),
    Case("a protocol without ports", probe("db", "10.0.2.20", "10.0.1.6", packets.GRE),
         "api", "ingress", "rules", "no ingress rule of its groups comes near",
         what="protocol 47", peer={"address": "10.0.2.20", "eni": "eni-0db",
                                   "groups": [{"id": "sg-0db"}]}),
    Case("fragments", probe("db", "10.0.2.20", "10.0.1.5", packets.UDP, 8080, fragmented=True),
         "web", "ingress", "rules", "udp is not tcp", what="udp/8080"),
    Case("fragments of IPv6", probe("db", "2001:db8:0:2::20", "2001:db8:0:1::5", packets.UDP, 8080,
                                    fragmented=True),
         "web", "ingress", "rules", "udp is not tcp", what="udp/8080"),
    Case("egress", probe("web", "10.0.1.5", "10.0.2.20", packets.UDP, 12345), "web", "egress",
         "rules", f"{WEB} (web) udp/1-9999 to 0.0.0.0/0: port 12345 is not in 1-9999"),
    Case("a Service", probe("web", "10.0.1.5", "172.20.0.10", packets.TCP, 80),
         "api", "ingress", "rules", "port 9090 is not 8080",
         original={"address": "172.20.0.10", "port": 80}, what="tcp/9090"),
    Case("a forged source", probe("web", "10.0.1.99", "10.0.2.20", packets.TCP, 80),
         "web", "egress", "source", "not an address of the pod"),
    Case("into a strict pod past its device",
         probe("web", "10.0.1.5", "10.0.1.7", packets.TCP, 9000), "ledger", "ingress", "path",
         "its own branch device only", ("10.0.1.7", "ledger")),
    Case("out of a strict pod past its device",
         probe("ledger", "10.0.1.7", "10.0.1.5", packets.TCP, 8080), "ledger", "egress", "path",
         "its own branch device only", ("10.0.1.5", "web")),
    Case("out of a strict pod", probe("vault", "10.0.1.8", "10.0.2.20", packets.TCP, 443),
         "vault", "egress", "rules", "no egress rule of its groups comes near"),
    Case("into a strict pod", probe("db", "10.0.2.20", "10.0.1.7", packets.TCP, 9000),
         "ledger", "ingress", "rules", f"10.0.2.20 is not a member of {VAULT}"),
    Case("the node's groups, in", probe("db", "10.0.2.20", "10.0.0.50", packets.TCP, 8080),
         "plain", "ingress", "node-groups",
         f"{NODE} (node) tcp/10250 from 10.0.0.0/16: port 8080 is not 10250"),
    Case("the node's groups, out", probe("plain", "10.0.0.50", "10.0.2.20", packets.TCP, 80),
         "plain", "egress", "node-groups", "port 80 is not 443"),
    Case("no group is known, in", probe("db", "10.0.2.20", "10.0.1.9", packets.TCP, 1),
         "lost", "ingress", "closed", "none of its groups is known"),
    Case("no group is known, out", probe("lost", "10.0.1.9", "10.0.2.20", packets.TCP, 1),
         "lost", "egress", "closed", "none of its groups is known"),
    Case("a newer pod, in", probe("db", "10.0.2.20", "10.0.1.10", packets.TCP, 8080),
         "old", "ingress", "claimed", "a newer pod"),
    Case("a newer pod, out", probe("old", "10.0.1.10", "10.0.2.20", packets.TCP, 8080),
         "old", "egress", "claimed", "a newer pod"),
]


def detour(node, way, what):
    address, pod = way
    node.run("ip", "rule", what, "pref", "5", "to", address, "lookup", "999")
    node.run("ip", "route", "replace" if what == "add" else "flush",
             *((address, "dev", node.by_name[pod].interface) if what == "add" else ()),
             "table", "999")


def is_told(node, prober, viewer, case):
    sent = case.probe
    if sent.protocol in (packets.TCP, packets.UDP):
        sent.source_port = prober.fresh_port()
    node.forget_flows()
    if case.way:
        detour(node, case.way, "add")
    try:
        prober.send(sent)
        event = viewer.read(until=lambda e: e["event"] == "drop" and e["source"] == sent.source)
    finally:
        if case.way:
            detour(node, case.way, "del")
    check(event, "nothing is told")
    said = {key: event.get(key) for key in ("pod", "direction", "reason", "interface")}
    equal(said, {"pod": f"default/{case.pod}", "direction": case.direction, "reason": case.reason,
                 "interface": node.by_name[case.pod].interface}, "pod, direction, reason")
    check(case.text in event["text"], f"the text is {event['text']!r}")
    for key, value in case.more.items():
        # Only kernels with CONFIG_NETFILTER_NETLINK_GLUE_CT say where a packet was sent first.
        if key == "original" and key not in event:
            note(f"{case.name}: this kernel does not say what the destination was")
        elif isinstance(value, dict):
            equal({part: event[key].get(part) for part in value}, value, key)
        else:
            equal(event.get(key), value, key)
    if sent.protocol in (packets.TCP, packets.UDP):
        equal(event["sourcePort"], sent.source_port, "source port")


def every_drop_is_told(program, lab):
    with Viewer(lab.daemon) as viewer:
        for case in CASES:
            program.case(f"{case.reason}, {case.direction}: {case.name}", is_told, lab.node,
                         lab.prober, viewer, case)


def send_drop(lab, port=9090):
    """web to api, where no rule is for that port."""
    lab.prober.send(probe("web", "10.0.1.5", "10.0.1.6", packets.TCP, port,
                          source_port=lab.prober.fresh_port()))


def has_port(port):
    return lambda event: event["event"] == "drop" and event.get("port") == port


def filters_narrow(lab):
    web = lab.node.by_name["web"]
    with Viewer(lab.daemon) as everything, \
            Viewer(lab.daemon, pod="default/web", direction="egress") as pod, \
            Viewer(lab.daemon, interface=web.interface, reason="source") as source:
        send_drop(lab, 9091)
        lab.prober.send(probe("web", "10.0.1.5", "10.0.2.20", packets.UDP, 10001,
                              source_port=lab.prober.fresh_port()))
        lab.prober.send(probe("web", "10.0.1.99", "10.0.2.20", packets.TCP, 80,
                              source_port=lab.prober.fresh_port()))
        for viewer in (everything, pod, source):
            viewer.read(until=lambda event: event.get("reason") == "source")
        told = [[(e["direction"], e["reason"]) for e in v.drops] for v in (everything, pod, source)]
    equal(told, [[("ingress", "rules"), ("egress", "rules"), ("egress", "source")],
                 [("egress", "rules"), ("egress", "source")], [("egress", "source")]],
          "what each viewer was told")


def bad_filters_are_refused(lab):
    for request, words in (({"reason": "whim"}, "expected rules"),
                           ({"direction": "up"}, "expected ingress"),
                           ({"pod": "web"}, "NAMESPACE/NAME"), ({"interface": 5}, "interface"),
                           ({"pod": "x" * 600}, "pod")):
        with Viewer(lab.daemon, **request) as viewer:
            check(not viewer.answer["ok"] and words in viewer.answer["error"],
                  f"{request}: {viewer.answer}")
    nobody_listens(lab.node)


def listens_only_while_watched(lab):
    nobody_listens(lab.node)
    with Viewer(lab.daemon):
        equal(instances(lab.node), [GROUP], "groups listened to with a viewer")
        with Viewer(lab.daemon):
            pass
        time.sleep(0.2)
        equal(instances(lab.node), [GROUP], "groups listened to with one of two viewers")
    nobody_listens(lab.node)


def two_viewers_are_told_the_same(lab):
    with Viewer(lab.daemon) as one, Viewer(lab.daemon) as other:
        for port in range(9100, 9110):
            send_drop(lab, port)
        for viewer in (one, other):
            check(viewer.read(until=has_port(9109)), "the last packet is not told")
    equal(one.drops, other.drops, "what the viewers were told")
    equal([event["port"] for event in one.drops], list(range(9100, 9110)), "ports, in order")


def too_many_viewers_are_refused(lab):
    viewers = [Viewer(lab.daemon) for _ in range(9)]
    equal([viewer.answer["ok"] for viewer in viewers], [True] * 8 + [False], "answers")
    for viewer in viewers:
        viewer.socket.close()
    nobody_listens(lab.node)


def somebody_else_listens(lab):
    with DropLog(lab.node.name("node"), GROUP):
        with Viewer(lab.daemon) as viewer:
            check("another process listens to nfnetlink_log group 100" in viewer.answer["error"],
                  f"{viewer.answer}")
        done = lab.monitor_text()
        equal(done.returncode, 2, "status of podsgctl")
        check("nftSync.dropLog.group" in done.stderr, done.stderr)
    with Viewer(lab.daemon) as viewer:
        check(viewer.answer["ok"], f"the group is free again: {viewer.answer}")


def dropped_so_far(lab):
    pods = lab.daemon.control("pods")["pods"]
    return sum(count for pod in pods for count in pod["drops"].values())


def account(lab, viewer, before, *kinds):
    """Reads until the viewer was told of every packet, or of how many it was not; drops so far."""
    def difference():
        viewer.read(0.1)
        told = len(viewer.drops) + sum(viewer.missed[kind] for kind in kinds)
        return dropped_so_far(lab) - before - told
    with contextlib.suppress(tap.Failure):
        wait_for(lambda: difference() == 0, "everything is accounted for")
    dropped = dropped_so_far(lab) - before
    equal(difference(), 0,
          f"{dropped} dropped, {len(viewer.drops)} told, {viewer.missed}; the rest")
    return dropped


def catch_up(lab, viewer, port):
    """Reads until the viewer is told of a new packet; those of the first ones may be lost, too."""
    def is_told():
        send_drop(lab, port)
        return viewer.read(0.2, has_port(port))
    wait_for(is_told, f"a packet to port {port} is told")


def a_flood_costs_nothing(lab):
    """Everything is accounted for; the daemon is told some, counts the rest, and hardly works."""
    stream = Stream(lab.node, "web", "10.0.1.6", 8080)
    before = dropped_so_far(lab)
    with Viewer(lab.daemon) as one, Viewer(lab.daemon, direction="egress") as other:
        used = cpu_seconds(lab.daemon.process.pid)
        flood = Flood(lab.node, "web", "10.0.1.6", 5353).start()
        time.sleep(FLOOD_SECONDS)
        exchange_more([stream], 50)
        flood.stop()
        used = cpu_seconds(lab.daemon.process.pid) - used
        dropped = account(lab, one, before, "more")
        other.read(0.1)
    stream.stop()
    told = len(one.drops)
    note(f"{flood.count / flood.seconds:.0f} packets/s for {flood.seconds:.1f} s, "
         f"{dropped} dropped, {told} told, {one.missed}; "
         f"daemon {100 * used / flood.seconds:.2f} % of a core")
    check(dropped > 0.99 * flood.count, "packets that were not dropped")
    check(told <= PER_SECOND * (flood.seconds + 2), f"{told} packets were told")
    equal((other.drops, other.missed["more"]), ([], 0), "what a viewer of egress was told")
    check(used < 0.1 * flood.seconds, f"the daemon used {used:.2f} s")
    check(stream.error is None, f"the stream broke: {stream.error}")


def a_daemon_that_was_busy_says_so(lab):
    lab.restart(perSecond=1000000)
    before = dropped_so_far(lab)
    with Viewer(lab.daemon) as viewer:
        lab.daemon.process.send_signal(signal.SIGSTOP)
        flood = Flood(lab.node, "web", "10.0.1.6", 5353).send(MORE_THAN_FITS)
        lab.daemon.process.send_signal(signal.SIGCONT)

        # A loss shows by the next message's number.
        catch_up(lab, viewer, 9300)
        dropped = account(lab, viewer, before, "lost", "slow")
    note(f"{flood.count} packets, {dropped} dropped, {len(viewer.drops)} told, {viewer.missed}")
    check(viewer.missed["lost"] > 0, "no message is said to be lost")


def a_slow_reader_costs_no_memory(lab):
    pid = lab.daemon.process.pid
    with Viewer(lab.daemon) as slow, Viewer(lab.daemon) as quick:
        def flood(number):
            Flood(lab.node, "web", "10.0.1.6", 5353).send(SOME)
            catch_up(lab, quick, 9310 + number)
        flood(0)
        memory = resident_bytes(pid)
        for number in range(1, 6):
            flood(number)
        grown = resident_bytes(pid) - memory
        slow.read(until=lambda event: event["event"] == "missed" and event["slow"])
    note(f"{len(quick.drops)} told to the quick one, {len(slow.drops)} to the slow one; "
         f"memory grew by {grown >> 10} KiB; {slow.missed}")
    check(slow.missed["slow"] > 0, "no line is said to be missed")
    check(len(slow.drops) < len(quick.drops), "the slow reader was told everything")
    check(grown < 8 << 20, f"memory grew by {grown} bytes")


def nothing_is_logged_without_a_rate(lab):
    lab.restart(perSecond=0)
    with Viewer(lab.daemon) as viewer:
        check("perSecond is 0" in viewer.answer["error"], f"{viewer.answer}")
    lab.restart()


# podsgctl


def text_is_aligned(lab):
    monitor = lab.monitor("--count", "3")
    wait_for(lambda: instances(lab.node), "podsgctl is connected")
    for port in (9401, 9402, 9403):
        send_drop(lab, port)
    out, err = monitor.communicate(timeout=PATIENCE)
    lines = out.splitlines()
    equal((monitor.returncode, len(lines)), (0, 4), f"status and lines of:\n{out}{err}")
    columns = [lines[0].index(word) for word in ("POD", "DIRECTION", "PEER", "WHAT", "REASON",
                                                 "NEAREST")]
    words = ("default/api", "ingress", "10.0.1.5 default/web", "tcp/9402", "rules", API)
    equal([lines[2].index(word) for word in words], columns, f"columns of:\n{out}")
    check("\033" not in out, "colours where there is no terminal")
    check("3 dropped packets seen" in err, err)


def a_terminal_gets_colours_and_headers(lab):
    """Of 6 lines: the header comes again once a screen."""
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 6, 200, 0, 0))
    monitor = lab.monitor("--count", "12", stdout=terminal)
    os.close(terminal)
    wait_for(lambda: instances(lab.node), "podsgctl is connected")
    for port in range(9430, 9442):
        send_drop(lab, port)
    monitor.communicate(timeout=PATIENCE)
    text = os.read(master, 65536).decode()
    os.close(master)
    lines = text.split("\r\n")
    headers = [number for number, line in enumerate(lines) if "NEAREST" in line]
    equal((headers, len(lines)), ([0, 5, 10], 16), f"headers and lines of:\n{text}")
    check("\033[31mrules" in text, "no colours on a terminal")


def interrupted_with_a_summary(lab):
    for how in (signal.SIGINT, signal.SIGTERM):
        monitor = lab.monitor("-o", "json")
        wait_for(lambda: instances(lab.node), "podsgctl is connected")
        send_drop(lab, 9410)
        event = json.loads(monitor.stdout.readline())
        equal((event["event"], event["port"]), ("drop", 9410), "the first line")
        monitor.send_signal(how)
        _, err = monitor.communicate(timeout=PATIENCE)
        equal(monitor.returncode, 0, "status")
        check("1 dropped packets seen" in err, err)
        nobody_listens(lab.node)


def a_restarted_daemon_is_found_again(lab):
    monitor = lab.monitor("-o", "json", "--count", "2")
    wait_for(lambda: instances(lab.node), "podsgctl is connected")
    send_drop(lab, 9420)
    equal(json.loads(monitor.stdout.readline())["port"], 9420, "port")
    lab.daemon.stop()
    lab.daemon.start()
    wait_for(lambda: instances(lab.node), "podsgctl is connected again")
    send_drop(lab, 9421)
    out, err = monitor.communicate(timeout=PATIENCE)
    equal((json.loads(out)["port"], monitor.returncode), (9421, 0), "port and status")
    check("gone" in err and "there again" in err, err)


def a_reload_takes_the_monitor_along(lab):
    monitor = lab.monitor("-o", "json", "--count", "2")
    wait_for(lambda: instances(lab.node), "podsgctl is connected")
    send_drop(lab, 9450)
    equal(json.loads(monitor.stdout.readline())["port"], 9450, "port")
    lab.configure(group=GROUP + 1)
    lab.reload()
    wait_for(lambda: instances(lab.node) == [GROUP + 1], "another group is listened to")
    wait_for(lambda: f" group {GROUP + 1} " in lab.daemon.ruleset(), "it is logged to")
    send_drop(lab, 9451)
    out, err = monitor.communicate(timeout=PATIENCE)
    equal((json.loads(out)["port"], monitor.returncode), (9451, 0), f"port and status: {err}")
    lab.restart()


def options_are_checked(lab):
    for words in (["--count", "0"], ["--count", "-1"], ["--count", "x"], ["--pod"], ["web"]):
        equal(lab.monitor_text(*words).returncode, 2, f"status of {words}")
    done = lab.monitor_text("--reason", "whim")
    equal((done.returncode, "expected rules" in done.stderr), (2, True), done.stderr)
    done = subprocess.run([CONTROL, "--socket", lab.daemon.path("nobody"), "monitor"],
                          capture_output=True, text=True, timeout=PATIENCE)
    equal(done.returncode, 3, f"status without a daemon: {done.stderr}")


class Lab:
    def __init__(self, node, daemon, prober):
        self.node, self.daemon, self.prober = node, daemon, prober

    def restart(self, **drop_log):
        self.daemon.stop()
        self.configure(**drop_log)
        self.daemon.start()

    def reload(self):
        with open(self.daemon.path("podsg.yaml"), "w", encoding="utf-8") as file:
            json.dump(self.daemon.configuration(), file)
        self.daemon.process.send_signal(signal.SIGHUP)

    def configure(self, **drop_log):
        self.daemon.configure(node={"name": NODE_NAME, "securityGroups": [NODE]},
                              nftSync={"dropLog": {"group": GROUP, **drop_log}})

    def argv(self, words):
        return [CONTROL, "--socket", self.daemon.path("control.sock"), "monitor", *words]

    def monitor(self, *words, stdout=subprocess.PIPE):
        return subprocess.Popen(self.argv(words), stdout=stdout, stderr=subprocess.PIPE, text=True,
                                preexec_fn=netns.die_with_parent)

    def monitor_text(self, *words):
        return subprocess.run(self.argv(words), capture_output=True, text=True, timeout=PATIENCE)


CHECKS = [
    ("filters narrow what is told", filters_narrow),
    ("a filter that nothing can match is refused", bad_filters_are_refused),
    ("the drop log is listened to only while somebody watches", listens_only_while_watched),
    ("two viewers are told the same", two_viewers_are_told_the_same),
    ("the ninth viewer is refused", too_many_viewers_are_refused),
    ("a group that another process listens to is a clear error", somebody_else_listens),
    ("podsgctl: one aligned line a packet, and a header", text_is_aligned),
    ("podsgctl: a terminal gets colours, and the header once a screen",
     a_terminal_gets_colours_and_headers),
    ("podsgctl: an interrupt ends it with a summary", interrupted_with_a_summary),
    ("podsgctl: a restarted daemon is found again", a_restarted_daemon_is_found_again),
    ("podsgctl: a reloaded configuration takes it along", a_reload_takes_the_monitor_along),
    ("podsgctl: what it is told is checked", options_are_checked),
    ("a flood costs nothing and is accounted for to the packet", a_flood_costs_nothing),
    ("messages that a busy daemon lost are counted", a_daemon_that_was_busy_says_so),
    ("a slow reader costs no memory and is told what it missed", a_slow_reader_costs_no_memory),
    ("without a rate nothing is logged, and that is said", nothing_is_logged_without_a_rate),
]


def main():
    daemons.need()
    program = tap.Program()
    with Node(PODS, SERVICES) as node, Daemon(node) as daemon, Prober(node) as prober:
        lab = Lab(node, daemon, prober)
        node.mute_all()
        listener = Listener(node, "api", 8080)
        node.run("nft", "delete", "table", "inet", "mute", who="api")
        node.run("nft", "delete", "table", "inet", "mute", who="web")
        write_documents(daemon.documents)
        lab.configure()
        daemon.start()
        every_drop_is_told(program, lab)
        for name, function in CHECKS:
            program.case(name, function, lab)
        listener.close()
        daemon.keep = program.failed > 0
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
