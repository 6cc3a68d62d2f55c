#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
The Grafana dashboard and the alert rules ask for nothing that the daemons do not emit, Prometheus
understands them, and every alert fires when it should and is silent when it should be.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

from lab import daemon as daemons
from lab import dns, documents, netns, scrape, tap
from lab.bare import Bare
from lab.daemon import NODE_NAME, Daemon
from lab.node import Pod
from lab.tap import PATIENCE, check, equal, wait_for

GRAFANA = os.path.join(daemons.ROOT, "packaging", "grafana")
ALERTS = os.path.join(GRAFANA, "alerts.yaml")
GROUP = "sg-0000000000000a001"
POD = Pod("web", ("10.0.1.5",), "standard", 5)
SYNC_PORT, DNS_PORT = 9254, 9353
COREFILE = ".:5301 {\n    bind 127.0.0.1\n    errors\n    cache 30\n    prometheus :9253\n" \
           "    forward . 127.0.0.1:5302\n}\n"
NAME = re.compile(r"\b(?:podsg|coredns|process|go)_[a-z0-9_]+")
BRACES = re.compile(r"\{[^}]*\}")
SUFFIX = re.compile(r"_(?:bucket|sum|count)$")
EXTRA_LABELS = {"instance", "job", "le"}  # what Prometheus adds, and what a histogram has

# Of each alert: series of promtool's test language under which it fires, and under which it does
# not; how long both last, and the labels that it then has besides its own.
N = 'instance="n"'
CASES = {
    "PodsgDown": (f'up{{job="podsg-nft-sync",{N}}}', "0x60", "1x60"),
    "PodsgNotInForce": (f"podsg_in_force{{{N}}}", "0x60", "1 0 1x58"),
    "PodsgUnhealthy": (f"podsg_healthy{{{N}}}", "0x60", "1 0 0 1x57"),
    "PodsgInterfacesClosed": (f'podsg_interfaces{{{N},state="closed"}}', "2x60", "0x60"),
    "PodsgUnfilteredPods": (f'podsg_attachments{{{N},state="unfiltered"}}', "1x60", "0x60"),
    "PodsgSourceStale": (f'podsg_source_current{{{N},source="ec2",what="groups"}}', "0x60",
                         "0x5 1x54"),
    "PodsgDocumentRefused": (f'podsg_source_file_good{{{N},file="a.json"}}', "0x60", "1x60"),
    "PodsgConfigurationRefused": (f"podsg_config_last_reload_successful{{{N}}}", "0x60", "1x60"),
    "PodsgTableChangedByOthers": (f"podsg_repairs_total{{{N}}}", "0x55 1x4", "3x60"),
    "PodsgCommitsFail": (f"podsg_commit_errors_total{{{N}}}", "0+1x60", "0x30 1x29"),
    "PodsgManyDrops": (f'podsg_dropped_packets_total{{{N},namespace="a",pod="b",reason="rules",'
                       'direction="ingress"}', "0+1200x60", "0+300x60"),
    "PodsgCleanUpsOpen": (f"podsg_clean_ups_open{{{N}}}", "1x60", "1x20 0x39"),
    "PodsgDnsForwardingLoop": (f"podsg_dns_forwarding_loop{{{N}}}", "1x60", "0x60"),
    "PodsgDnsFailures": (f'coredns_dns_responses_total{{{N},rcode="SERVFAIL"}}', "0+10x60",
                         "0+1x60"),
    "PodsgDnsOverloaded": (f"podsg_dns_overloaded_total{{{N}}}", "0+60x60", "7x60"),
}
# Beside the series of the case, for those that compare.
BESIDE = {"PodsgDnsFailures": (f'coredns_dns_responses_total{{{N},rcode="NOERROR"}}', "0+100x60")}


class Cache:
    """Context manager: podsg-dnscache for its metrics only."""

    def __init__(self, daemon, where):
        self.daemon = daemon
        self.where = where

    def __enter__(self):
        corefile = self.daemon.path("Corefile")
        with open(corefile, "w", encoding="utf-8") as file:
            file.write(COREFILE)
        argv = [dns.BINARY, "--config", self.daemon.path("podsg.yaml"), "-conf", corefile,
                "-setupinterface=false", "-setupiptables=false", "-pidfile",
                self.daemon.path("dns.pid"), "-metrics-listen-address", f"127.0.0.1:{DNS_PORT}"]
        self.process = subprocess.Popen(netns.command_in(self.where, argv), stdout=self.daemon.log,
                                        stderr=self.daemon.log, preexec_fn=netns.die_with_parent)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)


class Place:
    def __init__(self, node):
        self.where = node.name()
        self.families = {}  # name: its labels

    def read(self):
        for port in (SYNC_PORT, DNS_PORT, 9253):
            _, text = wait_for(lambda port=port: self.served(port), f"port {port} is served",
                               PATIENCE)
            for name in re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE):
                self.families.setdefault(name, set())
            for name, labels in scrape.samples(text):
                family = name if name in self.families else SUFFIX.sub("", name)
                self.families[family] |= {label for label, _ in labels}

    def served(self, port):
        status, text = scrape.page(self.where, port, "/metrics")
        return (status, text) if status == 200 else None

    def knows(self, name):
        return name in self.families or SUFFIX.sub("", name) in self.families


def dashboards():
    for path in glob.glob(os.path.join(GRAFANA, "*.json")):
        with open(path, encoding="utf-8") as file:
            yield json.load(file)


def panels():
    return [panel for dashboard in dashboards() for panel in dashboard["panels"]
            if panel["type"] != "row"]


def expressions():
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def alert_expressions():
    with open(ALERTS, encoding="utf-8") as file:
        return re.findall(r"expr: (?:>-\n)?((?:.+\n)(?: {10}.*\n)*?)(?= {8}\w)", file.read())


def names_in(expression):
    return set(NAME.findall(BRACES.sub("", expression)))


def metrics_are_emitted(place, texts):
    names = set().union(*map(names_in, texts))
    check(len(names) > 10, f"only {names}")
    unknown = sorted(name for name in names if not place.knows(name))
    equal(unknown, [], "metrics that no daemon emits")


def labels_are_emitted(place, texts):
    """Of series that are there; some come with the first event."""
    for text in texts:
        for name, braces in re.findall(r"([a-z_]+)\{([^}]*)\}", text):
            has = place.families.get(name) or place.families.get(SUFFIX.sub("", name))
            if name == "up" or not has:
                continue
            asked = set(re.findall(r"(\w+)(?==|!=)", braces)) - EXTRA_LABELS
            check(asked <= has, f"{name} has the labels {sorted(has)}, not {sorted(asked)}")


def the_dashboard_is_whole():
    """As Grafana wants it: ids once, panels that do not overlap, a data source that is chosen."""
    for dashboard in dashboards():
        numbers = [panel["id"] for panel in dashboard["panels"]]
        equal(len(set(numbers)), len(numbers), "ids")
        taken = set()
        for panel in dashboard["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                     for y in range(at["y"], at["y"] + at["h"])}
            check(at["x"] + at["w"] <= 24 and not cells & taken, f"place of {panel['title']}")
            taken |= cells
        variables = {variable["name"] for variable in dashboard["templating"]["list"]}
        used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard)))
        equal(sorted(used - variables), ["__all", "__range", "__rate_interval"], "variables")


def prometheus_understands(prometheus):
    """All queries, as Grafana would send them."""
    for text in expressions():
        text = text.replace("$instance", ".*").replace("$__rate_interval", "1m")
        text = text.replace("$__range", "1h")
        path = "/api/v1/query?query=" + urllib.parse.quote(text)
        _, _, body = scrape.request(prometheus.name, prometheus.PORT, path,
                                    text=f"GET {path} HTTP/1.0\r\n\r\n")
        answer = json.loads(body)
        equal(answer["status"], "success", f"{text}: {answer.get('error')}")


def promtool(*words):
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=120)
    check(done.returncode == 0, f"promtool {words}: {done.stdout}{done.stderr}")


def alert_test(alert, fires):
    """The alerts of the whole file are looked at, so that no other one fires by the same series."""
    series, bad, good = CASES[alert]
    inputs = [{"series": series, "values": bad if fires else good}]
    if alert in BESIDE:
        inputs.append(dict(zip(("series", "values"), BESIDE[alert])))
    return {"interval": "1m", "input_series": inputs,
            "promql_expr_test": [{"expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
                                          " or vector(0)", "eval_time": "59m",
                                  "exp_samples": [{"labels": "{}", "value": int(fires)}]}]}


def alert_fires(alert, fires):
    with tempfile.TemporaryDirectory(prefix="podsg-alerts-") as directory:
        path = os.path.join(directory, "test.yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"rule_files": [ALERTS], "evaluation_interval": "1m",
                       "tests": [alert_test(alert, fires)]}, file)
        promtool("test", "rules", path)


def every_alert_has_cases():
    with open(ALERTS, encoding="utf-8") as file:
        equal(sorted(re.findall(r"- alert: (\w+)", file.read())), sorted(CASES), "alerts")


def cases(place):
    yield "the dashboard asks for metrics that the daemons emit", \
        lambda: metrics_are_emitted(place, expressions())
    yield "the alerts ask for metrics that the daemons emit", \
        lambda: metrics_are_emitted(place, alert_expressions())
    yield "and for labels that these have", \
        lambda: labels_are_emitted(place, expressions() + alert_expressions())
    yield "panels do not overlap, variables are defined", the_dashboard_is_whole
    yield "promtool check rules", lambda: promtool("check", "rules", ALERTS)
    yield "every alert has a case", every_alert_has_cases
    for alert in CASES:
        yield f"{alert} fires", lambda alert=alert: alert_fires(alert, True)
        yield f"{alert} is silent", lambda alert=alert: alert_fires(alert, False)


def write_documents(daemon):
    rules = [documents.permission("tcp", 443, 443, ["0.0.0.0/0"])]
    documents.write(daemon.documents, "groups.json", documents.security_groups(
        [documents.security_group(GROUP, rules, rules)]))
    documents.write(daemon.documents, "pods.json", documents.listed([
        documents.pod(POD, NODE_NAME, {}), documents.policy("default", "web", [GROUP], {})]))


def main():
    daemons.need(dns.missing)
    for tool in ("prometheus", "promtool"):
        if not shutil.which(tool):
            tap.skip(f"{tool} is not installed")
    program = tap.Program()
    with Bare([POD]) as node, Daemon(node) as daemon:
        write_documents(daemon)
        daemon.configure(nftSync={"metrics": f"127.0.0.1:{SYNC_PORT}"})
        daemon.start()
        with Cache(daemon, node.name()):
            place = Place(node)
            place.read()
            for name, function in cases(place):
                program.case(name, function)
            with scrape.Prometheus(node.name(), f"127.0.0.1:{SYNC_PORT}") as prometheus:
                prometheus.wait_query("up")
                program.case("Prometheus understands every query of the dashboard",
                             prometheus_understands, prometheus)
        daemon.keep = program.failed > 0
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
