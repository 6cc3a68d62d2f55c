#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""
What operators see and do while the daemon runs: metrics, health, systemd, a new configuration.
Real connections run through the node meanwhile.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import time

from lab import daemon as daemons
from lab import documents, netns, nfnetlink, packets, scrape, tap
from lab.daemon import BINARY, Daemon
from lab.node import Node
from lab.probes import Probe, Prober
from lab.streams import Stream, exchange_more, send_more
from lab.systemd import Manager
from lab.tap import check, equal, wait_for
from test_live import (ALL, LEDGER, PODS, SERVICES, WEB, Live, group, nothing_arrives, rules_only,
                       usual_groups)

PORT = 9254
DROPPED = "podsg_dropped_packets_total"
COUNTED = 0.6  # seconds; a page may be as old as METRICS_KEPT


class Operated(Live):
    """A daemon that serves metrics, begun anew wherever a case asks for it."""

    def __init__(self, node, daemon):
        super().__init__(node, daemon)
        self.name = node.name("node")
        self.mark = 0

    def reset(self, **nft_sync):
        """But for the start: the table and the documents begin anew, too."""
        self.daemon.stop()
        self.groups = usual_groups()
        self.post()
        self.node.run("nft", "delete", "table", "inet", "podsg", check=False)
        self.configure(**nft_sync)

    def configure(self, more=None, **nft_sync):
        self.daemon.configure(nftSync={"metrics": f"127.0.0.1:{PORT}", **nft_sync},
                              **(more or {}))
        self.mark = len(self.daemon.log_text())

    def begin(self, **nft_sync):
        self.reset(**nft_sync)
        self.daemon.start()

    def news(self):
        """What was logged since the configuration was last set."""
        return self.daemon.log_text()[self.mark:]

    def reconfigure(self, event, more=None, **nft_sync):
        """Writes the configuration, and waits until it is taken or refused."""
        self.configure(more, **nft_sync)
        with open(self.daemon.path("podsg.yaml"), "w", encoding="utf-8") as file:
            json.dump(self.daemon.configuration(), file, indent=2)
        self.hang_up(event)

    def hang_up(self, event):
        self.daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: f"event={event}" in self.news(), f"the log has {event}")

    def page(self, path, port=PORT):
        return scrape.page(self.name, port, path)

    def metrics(self):
        """As they are now, not half a second ago."""
        time.sleep(COUNTED)
        status, text = self.page("/metrics")
        equal(status, 200, "status of /metrics")
        return scrape.samples(text)

    def refused_in_health(self, part):
        status, text = self.page("/healthz")
        return status == 503 and part in text


# Metrics

def drops_are_counted_as_they_happen(live, prober):
    """Seven packets that vault's groups do not name, three that come from a forged address."""
    live.begin()
    before = live.metrics()
    for _ in range(7):
        port = prober.fresh_port()
        prober.probe([Probe("web", "10.0.1.5", "10.0.1.8", packets.UDP, 53, port)])
    for _ in range(3):
        port = prober.fresh_port()
        prober.probe([Probe("web", "10.0.1.99", "10.0.1.6", packets.UDP, 8080, port)])
    after = live.metrics()
    expected = {("vault", "ingress", "rules"): 7, ("web", "egress", "source"): 3,
                ("web", "egress", "rules"): 0, ("api", "ingress", "rules"): 0}
    for (pod, direction, reason), packets_more in expected.items():
        labels = {"pod": pod, "namespace": "default", "direction": direction, "reason": reason,
                  "interface": live.node.by_name[pod].interface}
        more = scrape.value(after, DROPPED, **labels) - scrape.value(before, DROPPED, **labels)
        equal(more, packets_more, f"drops of {labels}")
        more = (scrape.value(after, "podsg_dropped_bytes_total", **labels)
                - scrape.value(before, "podsg_dropped_bytes_total", **labels))
        check((more > 0) == (packets_more > 0), f"{more} bytes dropped of {labels}")


def metrics_agree_with_podsgctl(live):
    measured = live.metrics()
    for pod in live.daemon.control("pods")["pods"]:
        for key, count in pod["drops"].items():
            direction, reason = key.split("-", 1)
            equal(scrape.value(measured, DROPPED, pod=pod["name"], direction=direction,
                               reason=reason), count, f"{pod['name']} {key}")


def permitted_flows_are_counted(live):
    """Three connections, each once at either end, whatever they carry."""
    ends = [("web", "egress"), ("api", "ingress")]

    def counts():
        measured = live.metrics()
        return [scrape.value(measured, "podsg_permitted_flows_total", pod=pod, direction=direction)
                for pod, direction in ends]
    before = counts()
    for _ in range(3):
        stream = Stream(live.node, "web", "10.0.1.6", 8080)
        exchange_more([stream])
        stream.stop()
    equal([more - less for more, less in zip(counts(), before)], [3, 3], f"flows of {ends}")


def exemptions_are_counted(live):
    labels = {"exemption": "imds", "direction": "egress"}
    before = scrape.value(live.metrics(), "podsg_exempt_flows_total", **labels)
    check(not live.connects("api", "169.254.169.254", 80), "somebody answers for IMDS")
    after = scrape.value(live.metrics(), "podsg_exempt_flows_total", **labels)
    check(after > before, f"before {before}, after {after}")


def counters_survive_the_daemon(live):
    before = live.metrics()
    live.daemon.kill()
    live.daemon.start()
    after = live.metrics()
    equal(scrape.value(after, DROPPED, pod="vault"), scrape.value(before, DROPPED, pod="vault"),
          "drops of vault")
    check(scrape.value(before, DROPPED, pod="vault") > 0, "nothing was dropped")


def commits_and_interfaces_are_counted(live):
    before = live.metrics()
    live.set(WEB, [("tcp", 8081, 8081, ALL)], [("-1", None, None, ALL)])
    after = live.metrics()
    check(scrape.value(after, "podsg_commit_duration_seconds_count")
          > scrape.value(before, "podsg_commit_duration_seconds_count"), "no commit was observed")
    equal(scrape.value(after, "podsg_in_force"), 1, "podsg_in_force")
    equal(scrape.value(after, "podsg_interfaces", state="open"), 4, "open interfaces")
    # The sentinel, whose group nobody knows.
    equal(scrape.value(after, "podsg_interfaces", state="closed"), 1, "closed interfaces")
    equal(scrape.value(after, "podsg_source_file_good", file="groups.json"), 1, "groups.json")


def a_broken_document_shows(live):
    path = os.path.join(live.daemon.documents, "broken.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write("{")
    wait_for(lambda: "broken.json" in live.page("/healthz")[1], "/healthz names the document")
    equal(live.page("/healthz")[0], 200, "status of /healthz")
    equal(scrape.value(live.metrics(), "podsg_source_file_good", file="broken.json"), 0,
          "podsg_source_file_good")
    os.unlink(path)
    wait_for(lambda: live.page("/healthz")[1] == "ok\n", "/healthz is ok again")


def promtool_has_nothing_to_say(live):
    status, text = live.page("/metrics")
    equal(status, 200, "status of /metrics")
    scrape.check_with_promtool(text)


def prometheus_scrapes_it(live):
    with scrape.Prometheus(live.name, f"127.0.0.1:{PORT}") as prometheus:
        equal(prometheus.wait_query("up"), [1.0], "up")
        measured = prometheus.wait_query("sum(podsg_dropped_packets_total)")
        equal(measured, [scrape.value(live.metrics(), DROPPED)], "drops as prometheus has them")
        equal(len(prometheus.wait_query("podsg_commit_duration_seconds_bucket")), 13, "buckets")


def hostile_clients_keep_nobody_out(live):
    """Slow heads on all places, a head without end, and somebody who never reads."""
    with contextlib.ExitStack() as stack:
        for text in 40 * [b"GET /metrics HTTP/1.1\r\nX:", b"", b"GET /metrics HTTP/1.1\r\n\r\n"]:
            sock = stack.enter_context(
                netns.make_socket(live.name, socket.AF_INET, socket.SOCK_STREAM))
            sock.connect(("127.0.0.1", PORT))
            with contextlib.suppress(OSError):
                sock.sendall(text)
        status, _, body = scrape.request(live.name, PORT, "/healthz")
        equal((status, body), (200, "ok\n"), "/healthz meanwhile")
        equal(live.daemon.control("status")["kernel"]["inForce"], True, "in force")
    status, _, _ = scrape.request(live.name, PORT, "/", text="POST / HTTP/1.1\r\n\r\n")
    equal(status, 405, "status of a POST")
    status, head, body = scrape.request(live.name, PORT, "/", text="HEAD / HTTP/1.0\n\n")
    equal((status, body), (200, ""), f"a HEAD: {head}")


def an_address_in_use_is_waited_for(live):
    live.reset()
    with netns.make_socket(live.name, socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", PORT))
        taken.listen(1)
        live.daemon.start()
        wait_for(lambda: "metrics-unavailable" in live.news(), "the log says so")
        equal(live.daemon.control("status")["kernel"]["inForce"], True, "in force")
    wait_for(lambda: live.page("/healthz")[0] == 200, "/healthz is served")
    equal(live.news().count("metrics-unavailable"), 1, "lines in the log")


# Health

def health_turns_and_returns(live):
    """Somebody else owns the table, and the kernel lets nobody else touch it."""
    live.begin(ownTable=False)
    equal(live.page("/healthz"), (200, "ok\n"), "/healthz to begin with")
    with nfnetlink.Owner(live.name):
        wait_for(lambda: live.refused_in_health("failed: not in force: table podsg"),
                 "/healthz is 503 and says why")
        status = live.daemon.control("status")
        equal(status["health"]["healthy"], False, "health in podsgctl status")
        check("not in force" in status["health"]["failures"][0], str(status["health"]))
        equal(scrape.value(live.metrics(), "podsg_healthy"), 0, "podsg_healthy")
        check(scrape.value(live.metrics(), "podsg_commit_errors_total") > 0, "no errors counted")
    wait_for(lambda: live.page("/healthz") == (200, "ok\n"), "/healthz is ok again")
    check(not live.connects("ordinary", "10.0.1.7", 9000), "the rules are not in force")


# systemd

def ready_comes_with_the_first_commit(live):
    live.reset(ownTable=False)
    with Manager(live.daemon.path("notify")) as manager:
        with nfnetlink.Owner(live.name):
            live.daemon.launch()
            wait_for(lambda: live.refused_in_health("not in force"), "/healthz is 503")
            equal(manager.times("READY=1"), [], "READY=1 before the first commit")
            wait_for(lambda: any("not in force" in s for s in manager.statuses()),
                     "the status says why")
        manager.wait_for("READY=1")
        wait_for(lambda: manager.statuses()[-1].startswith("4 interfaces open, 1 closed"),
                 f"the status counts interfaces: {manager.statuses()}")
        equal(live.daemon.stop(), 0, "exit status")
        manager.wait_for("STOPPING=1")
        equal(len(manager.times("READY=1")), 1, "READY=1")


def reloads_are_told(live):
    live.reset()
    with Manager(live.daemon.path("notify")) as manager:
        live.daemon.start()
        manager.wait_for("READY=1")
        live.reconfigure("config-reloaded", dropLog={"perSecond": 9})
        manager.wait_for("READY=1", 2)
        check("limit rate 9/second" in live.daemon.ruleset(), "the rules are not the new ones")
        live.reconfigure("config-refused", unknown=1)
        manager.wait_for("READY=1", 3)
        equal(len(manager.times("RELOADING=1")), 2, "RELOADING=1")
        check(all(reloading < ready for reloading, ready in
                  zip(manager.times("RELOADING=1"), manager.times("READY=1")[1:])), "order")
        wait_for(lambda: "earlier one" in manager.statuses()[-1], "the status says it")
        live.daemon.stop()


def the_watchdog_is_fed_by_the_loop(live):
    live.reset()
    with Manager(live.daemon.path("notify"), watchdog_seconds=0.4) as manager:
        live.daemon.start()
        manager.wait_for("WATCHDOG=1", 5)
        live.daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        stopped = len(manager.times("WATCHDOG=1"))
        time.sleep(1.0)
        equal(len(manager.times("WATCHDOG=1")), stopped, "pings while the loop stands still")
        live.daemon.process.send_signal(signal.SIGCONT)
        manager.wait_for("WATCHDOG=1", stopped + 2)
        live.daemon.stop()


# Another configuration

@contextlib.contextmanager
def undisturbed(live):
    """No established flow breaks inside the block, and no denied packet arrives."""
    with live.streams() as streams, live.intruders() as intruders:
        send_more(intruders)
        yield
        exchange_more(streams)
        nothing_arrives(intruders)


def a_new_configuration_is_taken_under_traffic(live):
    """Rules, metrics' address, and the directory of the documents."""
    live.begin()
    check(live.reaches("web", "10.0.1.6", 8080), "web does not reach api")
    moved = live.daemon.path("moved")
    shutil.copytree(live.daemon.documents, moved)
    try:
        with undisturbed(live):
            live.reconfigure("config-reloaded",
                             {"exempt": {"imds": False}, "sources": {"files": {"directory": moved}}},
                             metrics=f"127.0.0.1:{PORT + 1}", dropLog={"perSecond": 11})
            wait_for(lambda: "limit rate 11/second" in live.daemon.ruleset(), "the new rules")
        check("169.254.169.254" not in live.daemon.ruleset(), "IMDS is still exempt")
        equal(live.page("/healthz")[0], 0, "the former address of the metrics")
        equal(live.page("/healthz", PORT + 1), (200, "ok\n"), "the new one")
        names = {source["name"] for source in live.daemon.control("status")["sources"]
                 if source["kind"] == "file"}
        equal(names, {"cluster.json", "groups.json", "zz-sentinel.json"}, "documents")
    finally:
        shutil.rmtree(moved)


def the_new_directory_is_followed(live):
    """And the former one is nobody's business any more."""
    live.begin()
    moved = live.daemon.path("moved")
    shutil.copytree(live.daemon.documents, moved)
    live.reconfigure("config-reloaded", {"sources": {"files": {"directory": moved}}})
    usual = list(live.groups.values())
    opened = [group(LEDGER, [("tcp", 9000, 9000, [WEB])]) if one["GroupId"] == LEDGER else one
              for one in usual]
    documents.write(moved, "groups.json", documents.security_groups(opened))
    wait_for(lambda: live.connects("web", "10.0.1.7", 9000), "the new rule is in force")
    live.post()
    time.sleep(0.5)
    check(live.reaches("web", "10.0.1.7", 9000), "the former directory still counts")
    shutil.rmtree(moved)


def a_broken_configuration_is_refused(live):
    live.begin()
    before = live.daemon.ruleset()
    with undisturbed(live):
        live.reconfigure("config-refused", {"enforcingMode": "strikt"})
    equal(rules_only(live.daemon.ruleset()), rules_only(before), "the rules")
    check('enforcingMode: \\"strikt\\": expected strict or standard' in live.news(), live.news())
    check("podsg.yaml:" in live.news(), "the log does not name the line")
    status = live.daemon.control("status")
    check(any("strikt" in problem for problem in status["problems"]), str(status["problems"]))
    code, text = live.page("/healthz")
    check(code == 200 and "warning: the configuration in force is an earlier one" in text, text)
    equal(scrape.value(live.metrics(), "podsg_config_last_reload_successful"), 0, "metric")
    live.reconfigure("config-reloaded")
    wait_for(lambda: live.page("/healthz") == (200, "ok\n"), "/healthz is ok again")


def what_needs_a_restart_is_refused_whole(live):
    live.begin()
    before = live.daemon.ruleset()
    with undisturbed(live):
        live.reconfigure("config-refused", {"exempt": {"imds": False}}, table="other")
    equal(rules_only(live.daemon.ruleset()), rules_only(before), "the rules")
    check("needs a restart" in live.news(), live.news())
    check("other" not in live.node.run("nft", "list", "tables").stdout, "there is a new table")


def documents_that_are_gone_are_refused(live):
    """A directory that is not there would close every pod."""
    live.begin()
    with undisturbed(live):
        live.reconfigure("config-refused", {"sources": {"files": {"directory": "/nowhere/at/all"}}})
    check("/nowhere/at/all" in live.news(), live.news())


def hundreds_of_reloads_leave_nothing_behind(live):
    live.begin()
    measured = []
    for number in range(120):
        live.reconfigure("config-reloaded", dropLog={"perSecond": 10 + number % 2})
        if number in (20, 119):
            measured.append(live.metrics())
    # The sanitizer keeps what was freed.
    names = ["process_open_fds", *(["process_resident_memory_bytes"] if "asan" not in BINARY else [])]
    for name in names:
        first, last = (scrape.value(one, name) for one in measured)
        check(last <= first * 1.1 + 1, f"{name}: {first}, after a hundred reloads {last}")


def cases(live, prober):
    yield "dropped packets and bytes are counted by interface, pod, direction and reason", \
        lambda: drops_are_counted_as_they_happen(live, prober)
    yield "metrics and podsgctl pods show the same numbers", \
        lambda: metrics_agree_with_podsgctl(live)
    yield "permitted flows are counted, once at each end", \
        lambda: permitted_flows_are_counted(live)
    yield "flows that an exemption lets through are counted", lambda: exemptions_are_counted(live)
    yield "the kernel's counters go on over kill -9 and a restart", \
        lambda: counters_survive_the_daemon(live)
    yield "commits, interfaces and files are shown", \
        lambda: commits_and_interfaces_are_counted(live)
    yield "a broken document is a warning, and a metric", lambda: a_broken_document_shows(live)
    yield "promtool check metrics has nothing to say", lambda: promtool_has_nothing_to_say(live)
    yield "a real prometheus scrapes the same numbers", lambda: prometheus_scrapes_it(live)
    yield "slow, endless and deaf HTTP clients keep nobody out", \
        lambda: hostile_clients_keep_nobody_out(live)
    yield "an address in use is said once, waited for, and no reason to end", \
        lambda: an_address_in_use_is_waited_for(live)
    yield "/healthz turns 503 while another process owns the table, and back", \
        lambda: health_turns_and_returns(live)
    yield "READY=1 comes with the first commit, STATUS says why not before, STOPPING=1 at the end", \
        lambda: ready_comes_with_the_first_commit(live)
    yield "SIGHUP: RELOADING=1, then READY=1, whether the configuration is taken or not", \
        lambda: reloads_are_told(live)
    yield "WATCHDOG=1 stops when the event loop does", \
        lambda: the_watchdog_is_fed_by_the_loop(live)
    yield "SIGHUP takes a new configuration: no stream breaks, no denied packet arrives", \
        lambda: a_new_configuration_is_taken_under_traffic(live)
    yield "documents are followed in the new directory, and not in the former one", \
        lambda: the_new_directory_is_followed(live)
    yield "SIGHUP with a broken configuration: refused, named, the old one stands", \
        lambda: a_broken_configuration_is_refused(live)
    yield "SIGHUP with what needs a restart: refused as a whole", \
        lambda: what_needs_a_restart_is_refused_whole(live)
    yield "SIGHUP with a directory that is not there: refused, the documents stand", \
        lambda: documents_that_are_gone_are_refused(live)
    yield "a hundred reloads leave no descriptor and no memory behind", \
        lambda: hundreds_of_reloads_leave_nothing_behind(live)


def main():
    daemons.need()
    for tool in ("prometheus", "promtool"):
        if not shutil.which(tool):
            tap.skip(f"{tool} is not installed")
    program = tap.Program()
    with Node(PODS, SERVICES) as node, Daemon(node) as daemon, Prober(node) as prober:
        live = Operated(node, daemon)
        for name, function in cases(live, prober):
            program.case(name, function)
        daemon.keep = program.failed > 0
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
