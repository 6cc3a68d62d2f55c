#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
podsgctl report: what its matrix says is what explain says, and a real browser shows it; and what
podsgctl kubeconfig writes is what kubectl reads.
"""

import json
import os
import random
import re
import shutil
import socket
import stat
import subprocess
import sys
import time

from lab import browser, documents, packets, tap
from lab import daemon as daemons
from lab.bare import Bare
from lab.browser import Browser
from lab.daemon import CONTROL, NODE_NAME, Daemon
from lab.node import Node, Pod
from lab.probes import Probe, Prober
from lab.tap import PATIENCE, check, equal, note

WEB, API, VAULT, DB, GONE, NODE = (f"sg-0{number:016x}" for number in range(0xa1, 0xa7))
HOSTILE = "</bdi><script>document.title='pwned'</script><img src=x onerror=alert(1)>\"'&"
ALL = ["0.0.0.0/0", "::/0"]
PODS = [
    Pod("web", ("10.0.1.5", "2001:db8:0:1::5"), "standard", 5),
    Pod("api", ("10.0.1.6", "2001:db8:0:1::6"), "standard", 6),
    Pod("vault", ("10.0.1.8", "2001:db8:0:1::8"), "strict", 8),
    Pod("lost", ("10.0.1.9",), "standard", 9),
]
GROUP_OF = {"web": WEB, "api": API, "vault": VAULT, "lost": GONE}
PROBES = 400
MANY = 120
# A page of 120 pods in its making: how long any answer may keep others waiting. It takes 5 ms.
GENEROUS = 1.0


def group(name, title, ingress=(), egress=()):
    return documents.security_group(name, [documents.permission(*rule) for rule in ingress],
                                    [documents.permission(*rule) for rule in egress], title)


def write_documents(directory):
    items = [documents.pod(pod, NODE_NAME, {"app": pod.name}) for pod in PODS]
    items += [documents.policy("default", name, [ids], {"matchLabels": {"app": name}})
              for name, ids in GROUP_OF.items()]
    documents.write(directory, "cluster.json", documents.listed(items))
    documents.write(directory, "groups.json", documents.security_groups([
        group(WEB, HOSTILE, [("tcp", 8080, 8080, ALL)], [("-1", None, None, ALL)]),
        group(API, "api", [("tcp", 8080, 8090, [WEB]), ("icmp", 8, -1, ["10.0.0.0/16"]),
                           ("udp", 5353, 5353, [VAULT]), ("47", None, None, [WEB])],
              [("tcp", 5432, 5432, [DB]), ("tcp", 443, 443, ["198.51.100.0/24"])]),
        group(VAULT, "vault", [("tcp", 1, 65535, [DB])], [("udp", 5000, 6000, ALL)]),
        group(DB, "db"),
        group(NODE, "node", [("tcp", 10250, 10250, ["10.0.0.0/16"])], [("tcp", 443, 443, ALL)]),
    ]))
    documents.write(directory, "interfaces.json", documents.network_interfaces([
        documents.network_interface("eni-0db", ["10.0.2.20", "2001:db8:0:2::20"], [DB])]))


def ctl(daemon, *words):
    argv = [CONTROL, "--socket", daemon.path("control.sock"), *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120)


def report(daemon, *words):
    done = ctl(daemon, *words, "report")
    equal((done.returncode, done.stderr), (0, ""), f"podsgctl report {words}")
    return done.stdout


def data(daemon):
    return json.loads(report(daemon, "--seconds", "0", "-o", "json"))


def page(daemon, *words):
    path = daemon.path("report.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write(report(daemon, *(words or ("--seconds", "0"))))
    return path


def is_in(what, protocol, number):
    """Whether a list such as "tcp/80-443, udp" names the service; None: it says "everything"."""
    kind = {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "icmpv6": "icmpv6"}.get(protocol)
    for item in what.split(", "):
        name, _, rest = item.partition("/")
        if item.startswith("everything"):
            return None
        if item == kind or (kind is None and item in ("other protocols", f"protocol {protocol}")):
            return True
        if kind in ("tcp", "udp") and name == kind:
            low, _, high = rest.partition("-")
            if int(low) <= number <= int(high or low):
                return True
        elif kind in ("icmp", "icmpv6") and name == kind and rest == f"{number}/0":
            return True
    return False


def answer_for(family, protocol, number, named):
    """named: whether some answer names the service, or one like it, in so many words."""
    rest = None
    for answer in family["answers"]:
        found = is_in(answer["what"], protocol, number)
        if found:
            return answer
        rest = answer if found is None else rest
    if rest:
        return rest
    unnamed = "protocols without a rule" if protocol.isdigit() else "types without a rule"
    found = [answer for answer in family["answers"] if unnamed in answer["what"]]
    check(found and not named, f"{protocol}/{number} is told nowhere: {family['answers']}")
    return found[0]


def random_service(chooser, family):
    kind = chooser.choice(["tcp", "tcp", "udp", "udp", "icmp", "other"])
    if kind in ("tcp", "udp"):
        port = chooser.choice([chooser.randint(1, 65535), chooser.choice(
            [53, 80, 443, 4999, 5000, 5353, 5432, 6000, 6001, 8079, 8080, 8090, 8091, 65535])])
        return kind, port
    if kind == "icmp":
        protocol = "icmpv6" if family == 6 else "icmp"
        return protocol, chooser.choice([8, 128, 3, 13])
    return chooser.choice(["47", "132", "50"]), 0


def spelled(protocol, number):
    return protocol if protocol.isdigit() else f"{protocol}/{number}"


def cells_say_what_explain_says(daemon, found):
    """Of random pairs and services, in all families that they have."""
    chooser = random.Random(tap.seed())
    ends, seen = found["ends"], {True: 0, False: 0}
    for _ in range(PROBES):
        row, column = chooser.randrange(len(ends)), chooser.randrange(len(ends))
        cell = found["rows"][row][column]
        if not cell or row == column:
            continue
        family = chooser.choice(cell["families"] or [None])
        if not family or "problem" in family:
            continue
        protocol, number = random_service(chooser, family["family"])
        told = answer_for(family, protocol, number, protocol in ("tcp", "udp"))["permitted"]
        words = family["source"], family["destination"], spelled(protocol, number)
        equal(told, daemon.control("explain", *words)["permitted"], f"explain {words}: {family}")
        seen[told] += 1
    check(min(seen.values()) > PROBES / 50, f"permitted, dropped: {seen}")
    note(f"permitted and dropped: {seen}")


def verdicts_sum_up(found):
    signs = set()
    for row in found["rows"]:
        for cell in filter(None, row):
            told = {answer["permitted"] for family in cell["families"]
                    for answer in family["answers"]}
            expected = {(True,): "all", (False,): "none", (False, True): "some", (): "unknown"}
            equal(cell["verdict"], expected[tuple(sorted(told))], f"verdict of {cell}")
            signs.add(cell["verdict"])
    check({"all", "some", "none"} <= signs, f"only {signs}")


def ends_are_all_there(found):
    kinds = {end["name"]: end["kind"] for end in found["ends"]}
    for name, kind in ((f"default/{pod.name}", "pod") for pod in PODS):
        equal(kinds.get(name), kind, name)
    equal(kinds.get(f"db ({DB})"), "group", "a group of elsewhere")
    equal(kinds.get("198.51.100.0/24"), "network", "a network that a rule names")
    equal(sorted(kinds.values()).count("internet"), 1, "the internet")
    equal(kinds.get(NODE_NAME), "node", "the node")
    equal({len(row) for row in found["rows"]} | {len(found["rows"])}, {len(kinds)}, "sides")


def the_browser_shows_it(path, found):
    with Browser(path) as shown:
        ends = [end["name"] for end in found["ends"]]
        equal(shown.texts("#matrix tbody th"), ends, "rows")
        equal(shown.texts("#matrix thead th")[1:], ends, "columns")
        signs = {"all": "●", "some": "◐", "none": "✕", "unknown": "?"}
        measured = shown.run(
            "return [...document.querySelectorAll('#matrix tbody tr')].map("
            "tr => [...tr.querySelectorAll('td')].map(td => td.textContent.trim()))")
        equal(measured, [[signs[cell["verdict"]] if cell else "" for cell in row]
                         for row in found["rows"]], "signs")
        check("NOT" not in shown.element("header").text, "the rules are not in force")
        check(any("default/lost✕ closed" in row for row in shown.texts(".list tbody tr")),
              "the closed pod is not shown")
        equal(shown.run("return performance.getEntriesByType('resource').length"), 0, "loads")


def names_run_no_script(path):
    with Browser(path) as shown:
        check(shown.driver.title.startswith("podsg: "), f"title {shown.driver.title}")
        check(any(HOSTILE in text for text in shown.texts(".list td")), "its name is not shown")
        equal(shown.count("main img"), 0, "images")


def cell(row, column):
    return f"#matrix tbody tr:nth-child({row + 1}) td:nth-of-type({column + 1})"


def pointing_shows_the_rule(path, found):
    names = [end["name"] for end in found["ends"]]
    web, api = names.index("default/web"), names.index("default/api")
    with Browser(path) as shown:
        equal(shown.count("#detail"), 0, "details to begin with")
        shown.point_at(cell(web, api))
        text = shown.element("#detail").text
        for part in ("default/web → default/api", "tcp/8080-8090", f"tcp/8080-8090 from {WEB}",
                     "ingress: dropped: no rule of its groups allows it", "IPv6"):
            check(part in text, f"no {part!r} in {text!r}")


def keys_move_about(path, found):
    names = [end["name"] for end in found["ends"]]

    def title():
        return shown.element("#detail strong").text
    with Browser(path) as shown:
        shown.press("/", "TAB")
        for _ in range(8):
            if shown.run("return document.activeElement.tagName") == "TD":
                break
            shown.press("TAB")
        equal(title(), f"{names[0]} → {names[0]}", "the first cell")
        shown.press("ARROW_RIGHT", "ARROW_DOWN", "ARROW_RIGHT")
        equal(title(), f"{names[1]} → {names[2]}", "a right, down, right")
        shown.press("ARROW_UP", "ARROW_UP", "ARROW_LEFT")
        equal(title(), f"{names[0]} → {names[1]}", "up to the edge, left")


def the_filter_narrows(path, found):
    names = [end["name"] for end in found["ends"]]
    rows, columns = "#matrix tbody th", "#matrix thead th:not(.c)"
    with Browser(path) as shown:
        shown.press("/", "default/web > api")
        equal(shown.texts(rows), ["default/web"], "rows")
        equal(shown.texts(columns), ["default/api"], "columns")
        equal(shown.count("#matrix tbody td"), 1, "cells")
        equal(shown.texts("#shown"), [f"1 of {len(names)} rows, 1 of {len(names)} columns"], "text")
        shown.press("ESCAPE")
        equal((shown.texts(rows), shown.texts(columns)), (names, names), "all of it again")
        shown.press("10.0.2.20")
        equal(shown.texts(rows), [f"db ({DB})"], "rows by address")
        shown.press("ESCAPE", "no such thing")
        equal((shown.count(rows), shown.count(".list tbody tr")), (0, 0), "nothing")
    with Browser(path, "#filter=VAULT") as shown:
        equal(shown.texts(rows), ["default/vault"], "rows by the address of the page")


def light_and_dark(path):
    """Text and background differ enough to be read: WCAG asks for 4.5."""
    script = """
        const colour = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number).map(v => v / 255)
            .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
        const light = text => { const [r, g, b] = colour(text);
            return .2126 * r + .7152 * g + .0722 * b; };
        const back = e => { for (; e; e = e.parentElement) {
            const own = getComputedStyle(e).backgroundColor;
            if (!/, 0\\)$/.test(own)) return own; } return "rgb(255, 255, 255)"; };
        return arguments[0].map(s => document.querySelector(s)).map(e => {
            const a = light(getComputedStyle(e).color), b = light(back(e));
            return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); });"""
    places = ["body", ".hint", "#matrix td.a", "#matrix td.s", "#matrix td.n", "#matrix thead th.c",
              ".list td", "input"]
    with Browser(path) as shown:
        backs = []
        for scheme in ("light", "dark"):
            shown.prefer(scheme)
            for place, contrast in zip(places, shown.run(script, places)):
                check(contrast >= 4.5, f"{scheme}: contrast of {place} is {contrast:.1f}")
            backs.append(shown.run("return getComputedStyle(document.body).backgroundColor"))
        check(backs[0] != backs[1], f"one background for both: {backs}")


def drops_of_the_while_are_shown(daemon, prober):
    """They begin when the daemon listens, and go on until the page is there."""
    argv = [CONTROL, "--socket", daemon.path("control.sock"), "--seconds", "4", "report"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            prober.send(Probe("web", "10.0.1.5", "10.0.1.6", packets.TCP, 9999,
                              prober.fresh_port()))
            try:
                out, _ = process.communicate(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
            break
    rows = re.findall(r"<tr><td>20.*?</tr>", out)
    check(any("default/api" in row and "10.0.1.5 default/web" in row and "tcp/9999" in row
              and "port 9999 is not in 8080-8090" in row for row in rows), f"drops: {rows}")


def who_cannot_be_watched_is_said(daemon):
    """All places of monitors are taken; the rest of the page is made."""
    sockets = []
    try:
        for _ in range(8):
            sockets.append(socket.socket(socket.AF_UNIX))
            sockets[-1].connect(daemon.path("control.sock"))
            sockets[-1].sendall(b'{"command":"monitor"}\n')
            sockets[-1].settimeout(PATIENCE)
            check(b'"ok":true' in sockets[-1].recv(4096), "a monitor is refused")
        done = report(daemon, "--seconds", "1")
    finally:
        for one in sockets:
            one.close()
    check("They could not be watched: 8 monitors are connected already" in done, "nothing is said")


def findings_of_a_check_are_shown(daemon):
    """Whatever they hold: names and sentences are what others chose."""
    path = daemon.path("findings.json")
    answer = json.loads(subprocess.run([CONTROL, "check", "-o", "json", daemon.documents],
                                       capture_output=True, text=True, timeout=120).stdout)
    answer["findings"].append({
        "check": "grace-period-zero", "severity": "error", "why": "It matters.",
        "object": {"kind": "Pod", "namespace": "shop", "name": "<script>alert(1)</script>"},
        "what": "terminationGracePeriodSeconds is 0", "fix": "kubectl edit\n  & more"})
    documents.write(os.path.dirname(path), "findings.json", answer)
    shown = report(daemon, "--seconds", "0", "--findings", path)
    for text in ("Preflight findings", "Pod shop/&lt;script&gt;alert(1)", "kubectl edit\n  &amp; more",
                 f"{answer['summary']['notJudged']} not judged"):
        check(text in shown, f"the page does not have {text}")
    check("Preflight" not in report(daemon, "--seconds", "0"), "findings that nobody gave it")
    equal(json.loads(report(daemon, "--seconds", "0", "-o", "json", "--findings", path))["preflight"],
          answer, "the data of the page")
    for text in ("", "[]", '{"findings": 7}', '{"findings": []}'):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = ctl(daemon, "--findings", path, "report")
        equal((done.returncode, done.stdout), (3, ""), f"a file of findings that holds {text}")
        check("podsgctl check -o json" in done.stderr, done.stderr)


def what_cannot_be_is_refused(daemon):
    for words, status, says in (
            (("--seconds", "x", "report"), 2, "Usage"), (("--seconds", "-1", "report"), 2, "Usage"),
            (("--seconds", "601", "report"), 2, "Usage"), (("report", "more"), 2, "Usage"),
            (("-o", "html", "report"), 2, "Usage"),
            (("--socket", "/nonexistent", "report"), 3, "/nonexistent")):
        done = ctl(daemon, *words)
        equal((done.returncode, done.stdout), (status, ""), f"podsgctl {words}")
        check(says in done.stderr, f"podsgctl {words}: {done.stderr}")


def requests_are_checked(daemon):
    one = ["10.0.1.5"]
    for request, says in (({}, "list of addresses"), ({"source": one}, "destinations"),
                          ({"source": "x", "destinations": []}, "list of addresses"),
                          ({"source": ["x"], "destinations": [one]}, "is not an address"),
                          ({"source": one, "destinations": [one, [7]]}, "is not an address"),
                          ({"source": 99 * one, "destinations": [one]}, "at most")):
        answer, _ = asked(daemon, {"command": "services", **request})
        check(not answer["ok"] and says in answer["error"], f"{request}: {answer}")
    answer, _ = asked(daemon, {"command": "services", "source": one, "destinations": []})
    equal(answer, {"cells": [], "ok": True}, "no destinations")


def asked(daemon, request):
    """The answer, and how long it took."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(daemon.path("control.sock"))
        began = time.monotonic()
        client.sendall(json.dumps(request).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            answer += client.recv(1 << 20)
        return json.loads(answer), time.monotonic() - began


# Many pods

def many_pods():
    return [Pod(f"pod-{i}", (f"10.0.1.{i + 10}", f"2001:db8:0:1::{i + 10:x}"), "standard", i + 1)
            for i in range(MANY)]


def write_many(directory, pods):
    """Each pod has five groups, as many as EC2 gives by default, of a dozen rules each way."""
    ids = [f"sg-{i:017x}" for i in range(20)]
    groups = [group(one, f"group-{i}",
                    [("tcp", 100 * r + i, 100 * r + i + 9, [ids[(i + r) % 20]]) for r in range(12)],
                    [("udp", 50 * r, 50 * r + 5, ["10.0.0.0/16"]) for r in range(11)]
                    + [("tcp", 1, 65535, ALL)])
              for i, one in enumerate(ids)]
    items = [documents.pod(pod, NODE_NAME, {"app": f"a{n % 20}"}) for n, pod in enumerate(pods)]
    items += [documents.policy("default", f"p{i}", [ids[(i + k) % 20] for k in range(5)],
                               {"matchLabels": {"app": f"a{i}"}}) for i in range(20)]
    documents.write(directory, "cluster.json", documents.listed(items))
    documents.write(directory, "groups.json", documents.security_groups(groups))


def many_pods_make_a_page(daemon, kept):
    began = time.monotonic()
    with open(daemon.path("many.html"), "w", encoding="utf-8") as file:
        process = subprocess.Popen([CONTROL, "--socket", daemon.path("control.sock"), "--seconds",
                                    "0", "report"], stdout=file)
        waits = []
        while process.poll() is None:
            waits.append(asked(daemon, {"command": "none"})[1])
            time.sleep(0.01)
    equal(process.returncode, 0, "podsgctl report")
    waits.sort()
    note(f"{MANY} pods: page of {os.path.getsize(daemon.path('many.html')) / 1e6:.1f} MB in "
         f"{time.monotonic() - began:.1f} s; others wait {waits[len(waits) // 2] * 1e3:.1f} ms in "
         f"the median, {waits[-1] * 1e3:.1f} ms at most")
    check(waits[-1] < GENEROUS, f"somebody waited {waits[-1]:.3f} s")
    check(os.path.getsize(daemon.path("many.html")) < 32e6, "the page is too large to be opened")
    kept.append(daemon.path("many.html"))


def many_pods_are_shown(kept):
    with Browser(kept[0]) as shown:
        check(shown.count("#matrix tbody th.pod") == MANY, "rows")
        check(shown.count("#matrix tbody td") > MANY * MANY, "cells")
        shown.press("/", "default/pod-77")
        equal(shown.texts("#matrix tbody th"), ["default/pod-77"], "rows of one pod")
        shown.press(" > default/pod-7")
        equal(shown.count("#matrix tbody td"), 11, "cells of one pod and eleven")


# The kubeconfig

def kubeconfig(*words):
    return subprocess.run([CONTROL, "kubeconfig", *words], capture_output=True, text=True,
                          timeout=PATIENCE)


def usual_words(daemon, **other):
    paths = {"token": daemon.path("token"), "ca": daemon.path("ca.pem")}
    with open(paths["token"], "w", encoding="utf-8") as file:
        file.write("abc.def.ghi\n")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "/dev/null", "-subj",
                    "/CN=ca", "-out", paths["ca"]], check=True, capture_output=True)
    words = {"--server": "https://10.0.0.1:6443", "--token-file": paths["token"],
             "--ca-file": paths["ca"], **other}
    return [word for key, value in words.items() if value for word in (key, value)]


def kubectl_reads_it(daemon):
    path = daemon.path("kubeconfig")
    words = usual_words(daemon)
    done = kubeconfig(*words, "--output", path)
    equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "podsgctl kubeconfig")
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode")
    done = kubeconfig(*words)
    with open(path, encoding="utf-8") as file:
        equal(done.stdout, file.read(), "standard output")
    if not shutil.which("kubectl"):
        note("kubectl is not installed")
        return
    done = subprocess.run(["kubectl", "--kubeconfig", path, "config", "view", "--minify", "-o",
                           "json"], capture_output=True, text=True, timeout=60)
    equal(done.returncode, 0, done.stderr)
    view = json.loads(done.stdout)
    equal(view["clusters"][0]["cluster"], {"server": "https://10.0.0.1:6443",
                                           "certificate-authority": daemon.path("ca.pem")}, "cluster")
    equal(view["users"][0]["user"], {"tokenFile": daemon.path("token")}, "user")


def bad_kubeconfigs_are_refused(daemon):
    path = daemon.path("none")
    for other in ({"--server": None}, {"--token-file": None}, {"--ca-file": None},
                  {"--server": "http://10.0.0.1"}, {"--ca-file": daemon.path("token")}):
        done = kubeconfig(*usual_words(daemon, **other), "--output", path)
        equal(done.returncode, 2, f"status with {other}: {done.stderr}")
        check(done.stderr.startswith("podsgctl: ") and not os.path.exists(path), f"{other}")
    done = kubeconfig(*usual_words(daemon, **{"--token-file": "/nonexistent"}))
    equal((done.returncode, done.stdout), (3, ""), "without the token")


def cases(daemon, prober):
    found, path = data(daemon), page(daemon)
    yield "pods, node, internet, groups and networks have rows and columns", \
        lambda: ends_are_all_there(found)
    yield f"{PROBES} random services: the matrix says what explain says", \
        lambda: cells_say_what_explain_says(daemon, found)
    yield "a cell's verdict sums up its answers", lambda: verdicts_sum_up(found)
    yield "Chromium shows every cell, and loads nothing", lambda: the_browser_shows_it(path, found)
    yield "names run no script", lambda: names_run_no_script(path)
    yield "pointing at a cell shows services and rules", \
        lambda: pointing_shows_the_rule(path, found)
    yield "Tab and arrows go from cell to cell", lambda: keys_move_about(path, found)
    yield "the filter narrows rows, columns and tables", lambda: the_filter_narrows(path, found)
    yield "light and dark can be read", lambda: light_and_dark(path)
    yield "packets dropped meanwhile are listed", \
        lambda: drops_of_the_while_are_shown(daemon, prober)
    yield "drops that can't be watched do not keep the page", \
        lambda: who_cannot_be_watched_is_said(daemon)
    yield "findings of a check are shown", lambda: findings_of_a_check_are_shown(daemon)
    yield "command lines that make no sense are refused", lambda: what_cannot_be_is_refused(daemon)
    yield "requests that make no sense are refused", lambda: requests_are_checked(daemon)
    yield "kubectl reads what podsgctl kubeconfig writes", lambda: kubectl_reads_it(daemon)
    yield "a kubeconfig that could not work is refused", \
        lambda: bad_kubeconfigs_are_refused(daemon)


def main():
    daemons.need(browser.missing)
    program = tap.Program()
    with Node(PODS) as node, Daemon(node) as daemon, Prober(node) as prober:
        write_documents(daemon.documents)
        daemon.configure(node={"name": NODE_NAME, "securityGroups": [NODE]})
        daemon.start()
        for name, function in cases(daemon, prober):
            program.case(name, function)
        daemon.keep = program.failed > 0
    pods, kept = many_pods(), []
    with Bare(pods, "many") as node, Daemon(node) as daemon:
        write_many(daemon.documents, pods)
        daemon.start(60)
        program.case(f"{MANY} pods with 120 rules each make a page, and nobody waits for it",
                     many_pods_make_a_page, daemon, kept)
        program.case("Chromium shows it", many_pods_are_shown, kept)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
