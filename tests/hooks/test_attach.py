#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
nft-sync's half of the hooks: what the journal says of sandboxes, the question whether one may
start, and what a DEL has left. podsg-cni is played here: files are written as it writes them.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import signal
import socket
import statistics
import sys
import threading
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "netns"))
sys.dont_write_bytecode = True

from lab import daemon as daemons  # noqa: E402
from lab import documents, netns, nfnetlink, tap  # noqa: E402
from lab.daemon import NODE_NAME, Daemon  # noqa: E402
from lab.node import Node, Pod  # noqa: E402
from lab.streams import Listener, can_connect  # noqa: E402
from lab.tap import PATIENCE, check, equal, note, wait_for  # noqa: E402

GROUP = "sg-0123456789abcdef0"
LABELS = {"filtered": "yes"}
OPEN_PORT = 8080
CLOSED_PORT = 9090
CLIENT = Pod("client", ("10.0.9.9",))
PLENTY = 60000  # milliseconds: an answer that takes so long is none
STEP = 0.05


@dataclasses.dataclass(frozen=True)
class Box(Pod):
    """A sandbox of the pod `of`, behind a host interface of any name; `name` is its namespace."""

    host: str = ""
    of: str = ""
    index: int = 0  # of the host interface, where it is known

    @property
    def interface(self):
        return self.host or super().interface

    @property
    def documented(self):
        return Pod(self.of or self.name, self.addresses, self.mode, self.vlan, self.namespace)


def boot_id():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


class Attached:
    """A node, its daemon, a journal, and the documents of pods."""

    def __init__(self, node, daemon):
        self.node = node
        self.daemon = daemon
        self.journal = daemon.path("journal")
        self.created = int(time.time() * 1000)
        self.lock = threading.Lock()
        self.uids = {}

    def configure(self, own_table=True, **more):
        self.daemon.configure(
            hooks={"journal": self.journal},
            nftSync={"metrics": "127.0.0.1:9254", "ownTable": own_table}, **more)

    def begin(self, **more):
        """Nothing of the case before is left."""
        self.daemon.stop()
        for directory in (self.daemon.documents, self.daemon.documents + ".good", self.journal):
            for name in os.listdir(directory) if os.path.isdir(directory) else []:
                os.unlink(os.path.join(directory, name))
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(self.journal)
            os.unlink(self.daemon.path("branches.json"))
        self.node.run("nft", "delete", "table", "inet", "podsg", check=False)
        for box in [pod for pod in self.node.pods if isinstance(pod, Box)]:
            self.forget(box)
        rules = [documents.permission("tcp", OPEN_PORT, OPEN_PORT, ["0.0.0.0/0"])]
        documents.write(self.daemon.documents, "groups.json", documents.security_groups(
            [documents.security_group(GROUP, rules, rules)]))
        documents.write(self.daemon.documents, "policy.json", documents.policy(
            "default", "filtered", [GROUP], {"matchLabels": LABELS}))
        self.configure(**more)
        self.mark = len(self.daemon.log_text())
        self.daemon.start()

    def forget(self, box):
        """Whatever of it is left."""
        netns.delete([self.node.name(box.name)])
        self.node.run("ip", "link", "del", box.interface, check=False)
        for address in box.addresses:
            while self.node.run("ip", "rule", "del", "pref", "512", "to", address,
                                check=False).returncode == 0:
                pass
        if box.device:
            self.node.run("ip", "rule", "del", "pref", "1536", "from", box.addresses[0])
            self.node.run("ip", "link", "del", box.device, check=False)
        self.node.pods.remove(box)
        self.node.by_name.pop(box.name, None)
        self.node.by_interface.pop(box.interface, None)

    def news(self):
        return self.daemon.log_text()[self.mark:]

    def index_of(self, interface):
        done = self.node.run("ip", "-j", "link", "show", "dev", interface, check=False)
        return json.loads(done.stdout)[0]["ifindex"] if done.returncode == 0 else 0

    def write(self, sandbox, box=None, remove=(), **more):
        """As podsg-cni writes it: beside, renamed into place."""
        with self.lock:
            self.created += 1
        entry = {"version": 1, "sandbox": sandbox, "ifname": "eth0", "boot": boot_id(),
                 "mode": "standard", "created": self.created, "state": "adding"}
        if box:
            entry |= {"namespace": box.namespace, "pod": box.documented.name,
                      "uid": self.uid_of(box), "interface": box.interface,
                      "interfaceIndex": box.index or self.index_of(box.interface),
                      "addresses": list(box.addresses), "device": box.device}
        entry |= more
        for key in remove:
            entry.pop(key, None)
        self.put(f"{sandbox}:{entry['ifname']}.json", json.dumps(entry))

    def put(self, name, text):
        os.makedirs(self.journal, mode=0o700, exist_ok=True)
        beside = os.path.join(self.journal, f".{name}.beside")
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(beside, os.path.join(self.journal, name))

    def remove(self, sandbox):
        os.unlink(os.path.join(self.journal, f"{sandbox}:eth0.json"))

    def entries(self):
        return sorted(name for name in os.listdir(self.journal) if not name.startswith("."))

    def uid_of(self, box):
        name = box.documented.name
        return self.uids.get(name) or documents.uid(f"Pod/{box.namespace}/{name}")

    def document(self, box, labels=None, addressed=True, annotations=None, **more):
        pod = documents.pod(box.documented, more.pop("node", NODE_NAME),
                            LABELS if labels is None else labels, **more)
        pod["metadata"]["uid"] = self.uid_of(box)
        pod["metadata"].setdefault("annotations", {}).update(annotations or {})
        if not addressed:
            pod["status"] = {"phase": "Pending"}
        documents.write(self.daemon.documents, f"pod-{box.documented.name}.json", pod)

    def forget_document(self, box):
        os.unlink(os.path.join(self.daemon.documents, f"pod-{box.documented.name}.json"))

    def sandbox(self, *args, **more):
        box = Box(*args, **more)
        self.node.add_pod(box)
        return box

    def ask(self, **request):
        return Question(self.daemon.path("control.sock"), request).answer()

    def attach(self, sandbox, wait=PLENTY, **more):
        return self.ask(command="attach", sandbox=sandbox, ifname="eth0", wait=wait, **more)

    def pods(self):
        return {pod["name"]: pod for pod in self.daemon.control("pods")["pods"]}

    def filters(self, box):
        """Only what its group permits gets in."""
        address = box.addresses[0]
        with contextlib.closing(Listener(self.node, box.name, OPEN_PORT)), \
                contextlib.closing(Listener(self.node, box.name, CLOSED_PORT)):
            check(can_connect(self.node, "client", address, OPEN_PORT, PATIENCE),
                  "the open port is closed")
            return not can_connect(self.node, "client", address, CLOSED_PORT)

    def rules(self):
        return self.node.run("nft", "-s", "list", "table", "inet", "podsg").stdout

    def metric(self, name):
        page = netns.run(["curl", "-s", "http://127.0.0.1:9254/metrics"],
                         name=self.node.name("node")).stdout
        found = [line.split()[-1] for line in page.splitlines() if line.startswith(name + " ")]
        check(found, f"no metric {name}")
        return float(found[0])


class Question:
    """One line to the control socket; its answer when it comes."""

    def __init__(self, path, request):
        self.asked = time.monotonic()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(2 * PATIENCE)
        self.socket.connect(path)
        self.socket.sendall(json.dumps(request).encode() + b"\n")

    def answer(self):
        data = b""
        with self.socket:
            while not data.endswith(b"\n"):
                more = self.socket.recv(65536)
                check(more, "the daemon closed the connection")
                data += more
        self.took = time.monotonic() - self.asked
        return json.loads(data)


def rules_to(place, address):
    return address in place.node.run("ip", "rule").stdout


def a_name_that_only_the_journal_knows(place):
    equal(place.daemon.control("status")["health"]["warnings"], [], "warnings without a journal")
    box = place.sandbox("web", ("10.0.1.5",), host="veth1f00d")
    place.document(box, addressed=False)
    place.write("s1", box)
    answer = place.attach("s1")
    equal(answer["state"], "enforced", answer)
    equal((answer["interface"], answer["pod"]), ("veth1f00d", "default/web"), "what is enforced")
    check(place.filters(box), "it is not filtered")
    pod = place.pods()["web"]
    equal((pod["sandbox"], pod["attachment"], pod["addresses"], pod["mode"]),
          ("s1", "adding", ["10.0.1.5"], "standard"), "what podsgctl pods says")
    place.write("s1", box, state="ready")
    wait_for(lambda: place.pods()["web"]["attachment"] == "ready", "the journal is followed")
    with open(place.daemon.path("branches.json"), encoding="utf-8") as file:
        equal(json.load(file)["branches"][0]["interface"], "veth1f00d", "in branches.json")


def the_mode_is_that_of_the_journal(place):
    for mode, other in (("standard", "strict"), ("strict", "standard")):
        place.begin(enforcingMode=other)
        box = place.sandbox("web", ("10.0.1.5",), host="veth1f00d")
        place.document(box)
        place.write("s1", box, mode=mode)
        equal(place.attach("s1")["mode"], mode, "the mode")
        equal(place.daemon.control("pods")["nodeMode"], other, "the node's mode")
        check(f"mode {mode} (the node's is {other})" in place.daemon.control_text("pods"),
              "podsgctl shows one mode only")


def whose_addresses(place):
    annotated = place.sandbox("eni", ("10.0.1.5",), "standard", 5, host="veth5")
    place.document(annotated)
    place.write("s5", annotated, addresses=["10.0.1.55"])
    told = place.sandbox("told", ("10.0.1.6",), host="veth6")
    place.document(told)
    place.write("s6", told, addresses=["10.0.1.66"])
    silent = place.sandbox("silent", ("10.0.1.7",), host="veth7")
    place.document(silent)
    place.write("s7", silent, remove=("addresses",))
    for number in (5, 6, 7):
        equal(place.attach(f"s{number}")["state"], "enforced", f"s{number}")
    found = {name: pod["addresses"] for name, pod in place.pods().items()}
    equal(found, {"eni": ["10.0.1.5"], "told": ["10.0.1.66"], "silent": ["10.0.1.7"]},
          "annotation, journal, status")


def the_pod_is_seen_later(place):
    box = place.sandbox("web", ("10.0.1.5",), host="veth1f00d")
    place.write("s1", box)
    answer = place.attach("s1", wait=200)
    equal(answer["state"], "waiting", answer)
    check("pod default/web is not known" in answer["reason"], answer)
    question = Question(place.daemon.path("control.sock"),
                        {"command": "attach", "sandbox": "s1", "ifname": "eth0", "wait": PLENTY})
    time.sleep(STEP)
    place.document(box)
    equal(question.answer()["state"], "enforced", "the answer")
    check(question.took < PLENTY / 2000, f"it took {question.took:.3f} s")


def the_interface_comes_later(place):
    box = Box("web", ("10.0.1.5",), host="veth1f00d")
    place.document(box)
    place.write("s1", box)
    answer = place.attach("s1", wait=0)
    equal(answer["state"], "waiting", answer)
    check("interface veth1f00d" in answer["reason"], answer)
    question = Question(place.daemon.path("control.sock"),
                        {"command": "attach", "sandbox": "s1", "ifname": "eth0", "wait": PLENTY})
    place.node.add_pod(box)
    equal(question.answer()["state"], "enforced", "the answer")


def unmanaged(place):
    box = place.sandbox("web", ("10.0.1.5",), host="veth1f00d")
    for state, reason, document in (
            ("unmanaged", "no policy selects it", {"labels": {}}),
            ("unmanaged", "on the node's own network", {"host_network": True}),
            ("unmanaged", "it has ended", {"phase": "Succeeded"}),
            ("waiting", "is of node \"elsewhere\"", {"node": "elsewhere"}),
            ("enforced", "", {})):
        place.document(box, **document)
        place.write("s1", box)
        wait_for(lambda: place.attach("s1", wait=0)["state"] == state, state)
        answer = place.attach("s1", wait=0)
        check(reason in answer.get("reason", ""), answer)


def without_eni_ignored(place):
    place.begin(withoutEni="ignore")
    box = place.sandbox("web", ("10.0.1.5",), host="veth1f00d")
    place.document(box)
    place.write("s1", box)
    wait_for(lambda: "withoutEni" in place.attach("s1", wait=0).get("reason", ""), "the reason")


def no_kubernetes(place):
    nobody = ("namespace", "pod", "uid")
    box = place.sandbox("plain", ("10.0.1.5",), host="veth1f00d")
    place.write("s1", box, remove=nobody)
    answer = place.attach("s1")
    equal(answer["state"], "unmanaged", answer)
    place.document(box)
    wait_for(lambda: place.attach("s1", wait=0)["state"] == "enforced", "the pod has its address")
    check(place.filters(box), "it is not filtered")


def static_pod(place):
    box = place.sandbox("static", ("10.0.1.5",), host="veth1f00d")
    place.document(box, annotations={"kubernetes.io/config.hash": "hash-of-the-file"})
    place.write("s1", box, uid="hash-of-the-file")
    equal(place.attach("s1")["state"], "enforced", "by the hash")
    place.write("s1", box, uid="another")
    answer = place.attach("s1", wait=0)
    equal(answer["state"], "waiting", answer)
    check("is known with the uid" in answer["reason"], answer)


def what_the_journal_lacks(place):
    box = place.sandbox("web", ("10.0.1.5",), host="veth1f00d")
    place.document(box)
    for put, reason in (
            (lambda: None, "no good entry s1:eth0"),
            (lambda: place.put("s1:eth0.json", "{"), "no good entry s1:eth0"),
            (lambda: place.write("s1", box, boot="0" * 36), "no good entry s1:eth0"),
            (lambda: place.write("s1", box, state="gone"), "is gone")):
        put()
        answer = place.attach("s1", wait=0)
        equal(answer["state"], "waiting", answer)
        check(reason in answer["reason"], answer)


def requests_that_make_no_sense(place):
    for request in ({"sandbox": "s1"}, {"ifname": "eth0"}, {"sandbox": 7, "ifname": "eth0"},
                    {"sandbox": "x" * 200, "ifname": "eth0"},
                    {"sandbox": "s1", "ifname": "x" * 16},
                    {"sandbox": "s1", "ifname": "eth0", "wait": -1},
                    {"sandbox": "s1", "ifname": "eth0", "wait": 60001},
                    {"sandbox": "s1", "ifname": "eth0", "wait": "long"}):
        answer = place.ask(command="attach", **request)
        check(not answer["ok"] and "expected" in answer["error"], (request, answer))
    equal(place.attach("../../etc/passwd", wait=0)["state"], "waiting", "a path")


def a_broken_file_takes_nothing_away(place):
    box = place.sandbox("web", ("10.0.1.5",), host="veth1f00d")
    place.document(box)
    place.write("s1", box)
    equal(place.attach("s1")["state"], "enforced", "to begin with")
    place.put("s1:eth0.json", "{\"version\": 1, \"sandbox\": 7}")
    wait_for(lambda: "journal-file-refused" in place.news(), "it is said")
    journal = next(source for source in place.daemon.control("status")["sources"]
                   if source["kind"] == "journal")
    equal((journal["state"], journal["objects"], journal["broken"]), ("broken", 1, 1), journal)
    check("s1:eth0.json" in journal["error"], journal)
    equal(place.attach("s1", wait=0)["state"], "enforced", "the good version")
    check(place.filters(box), "it is not filtered")


def check_reads_the_journal(place):
    box = place.sandbox("web", ("10.0.1.5",), host="veth1f00d")
    place.document(box)
    place.write("s1", box)
    done = place.daemon.run_job("--check", check=False)
    equal((done.returncode, done.stdout), (0, ""), "--check of a good journal")
    check("veth1f00d" in place.daemon.run_job("--print").stdout, "--print does not know it")
    place.put("s2:eth0.json", "{")
    done = place.daemon.run_job("--check", check=False)
    equal(done.returncode, 1, "status of --check with a broken file")
    check("s2:eth0.json" in done.stdout, f"--check does not name it: {done.stdout}")


def the_interface_is_made_anew(place):
    """Between the sandboxes of one name: its rules are there before anybody knows the pod."""
    first = place.sandbox("web-1", ("10.0.1.5",), host="veth1", of="web")
    place.document(first)
    place.write("s1", first)
    equal(place.attach("s1")["state"], "enforced", "the first")
    place.forget_document(first)
    wait_for(lambda: place.pods()["web"]["orphan"], "the pod is gone")
    place.forget(first)
    second = place.sandbox("web-2", ("10.0.1.5",), host="veth1", of="web")
    place.write("s2", second, uid="another")
    answer = place.attach("s2", wait=100)
    equal(answer["state"], "waiting", answer)
    place.uids["web"] = "another"
    place.document(second)
    equal(place.attach("s2")["state"], "enforced", "the second")
    check(place.filters(second), "the second is not filtered")
    place.uids.clear()


def a_second_sandbox_takes_over(place):
    first = place.sandbox("web-1", ("10.0.1.5",), host="veth1", of="web")
    place.document(first)
    place.write("s1", first)
    equal(place.attach("s1")["state"], "enforced", "the first")
    second = place.sandbox("web-2", ("10.0.1.6",), host="veth2", of="web")
    place.write("s2", second)
    answer = place.attach("s2")
    equal((answer["state"], answer.get("interface")), ("enforced", "veth2"), answer)
    check(place.filters(second), "the second is not filtered")
    check(place.filters(first), "the first, which still lives, is not filtered")
    answer = place.attach("s1", wait=0)
    place.write("s1", first, state="gone", created=place.created - 5)
    place.node.remove_pod(first)
    wait_for(lambda: "veth1\"" not in place.daemon.ruleset(), "nothing of the first is left")
    equal(place.attach("s2", wait=0)["state"], "enforced", "the second")


def a_second_sandbox_with_the_address_of_the_first(place):
    first = place.sandbox("web-1", ("10.0.1.5",), host="veth1", of="web")
    place.document(first)
    place.write("s1", first)
    equal(place.attach("s1")["state"], "enforced", "the first")
    place.node.run("ip", "route", "del", "10.0.1.5/32")
    place.node.run("ip", "rule", "del", "pref", "512", "to", "10.0.1.5")
    second = place.sandbox("web-2", ("10.0.1.5",), host="veth2", of="web")
    place.write("s2", second)
    equal(place.attach("s2")["interface"], "veth2", "the second")
    check(place.filters(second), "the second is not filtered")
    states = {pod["interface"]: pod["state"] for pod in place.daemon.control("pods")["pods"]}
    equal(states, {"veth1": "claimed", "veth2": "open"}, "states")
    check("held by its newer sandbox" in str(place.daemon.control("status")["problems"]),
          "the problem is not said")


def the_same_name_again(place):
    """A StatefulSet's pod: its DEL is late."""
    old = place.sandbox("db-0-old", ("10.0.1.5",), host="veth1", of="db-0")
    place.uids["db-0"] = "uid-of-the-old"
    place.document(old)
    place.write("s1", old)
    equal(place.attach("s1")["state"], "enforced", "the old")
    new = place.sandbox("db-0-new", ("10.0.1.6",), host="veth2", of="db-0")
    place.uids["db-0"] = "uid-of-the-new"
    place.write("s2", new)
    answer = place.attach("s2", wait=0)
    check("is known with the uid uid-of-the-old only" in answer["reason"], answer)
    place.document(new)
    answer = place.attach("s2")
    equal((answer["state"], answer.get("interface")), ("enforced", "veth2"), answer)
    check(place.filters(new), "the new one is not filtered")
    check(place.filters(old), "the old one, which still lives, is not filtered")
    place.uids["db-0"] = "uid-of-the-old"
    place.node.remove_pod(old)
    place.write("s1", old, state="gone", created=place.created - 5, interfaceIndex=1)
    wait_for(lambda: place.entries() == ["s2:eth0.json"], "the old one's file is gone")
    check(place.filters(new), "the new one is not filtered any more")
    place.uids.clear()


def the_newer_sandbox_has_the_interface(place):
    """Two pods whose names make one: the journal's time counts, not the pod's."""
    old = place.sandbox("old", ("10.0.1.5",), host="veth1")
    place.document(old)
    place.write("s1", old)
    new = Box("new", ("10.0.1.6",), host="veth1")
    place.document(new)
    place.write("s2", new)
    equal(place.attach("s2")["pod"], "default/new", "the newer")
    answer = place.attach("s1", wait=0)
    check("claimed by the newer pod default/new" in answer["reason"], answer)


def restart(place):
    box = place.sandbox("web", ("10.0.1.5",), host="veth1f00d")
    place.document(box, addressed=False)
    place.write("s1", box, mode="standard")
    equal(place.attach("s1")["state"], "enforced", "to begin with")
    before = place.rules()
    place.daemon.kill()
    place.daemon.start()
    equal(place.attach("s1", wait=0)["state"], "enforced", "after a restart")
    equal(place.rules(), before, "the rules")
    check(place.filters(box), "it is not filtered")
    place.daemon.kill()
    place.remove("s1")
    place.document(box)
    place.daemon.start()
    equal(place.pods()["web"]["interface"], "veth1f00d", "when the journal was lost, too")
    check(place.filters(box), "it is not filtered when the journal was lost, too")


def the_pod_is_gone_and_its_veth_is_not(place):
    box = place.sandbox("web", ("10.0.1.5",), host="veth1f00d")
    place.document(box)
    place.write("s1", box)
    equal(place.attach("s1")["state"], "enforced", "to begin with")
    place.forget_document(box)
    wait_for(lambda: place.pods()["web"]["orphan"], "it is an orphan")
    equal(place.pods()["web"]["sandbox"], "s1", "its sandbox")
    place.daemon.kill()
    place.daemon.start()
    equal(place.pods()["web"]["sandbox"], "s1", "its sandbox after a restart")
    equal(place.attach("s1", wait=0)["state"], "enforced", "its rules stand")
    check(place.filters(box), "it is not filtered")
    place.write("s1", box, state="gone")
    wait_for(lambda: not place.pods()["web"]["sandbox"], "it is nobody's")


def a_del_is_finished(place):
    box = place.sandbox("web", ("10.0.1.5",), host="veth1f00d")
    place.document(box)
    place.write("s1", box)
    equal(place.attach("s1")["state"], "enforced", "to begin with")
    place.write("s1", box, state="gone", left="it was killed")
    place.forget_document(box)
    place.node.run("ip", "link", "del", "veth1f00d")
    check(rules_to(place, "10.0.1.5"), "nothing is left to begin with")
    with open(os.path.join(place.journal, ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wait_for(lambda: place.daemon.control("status")["cleanUps"]["open"] == 1, "it is open")
        time.sleep(2)
        check(rules_to(place, "10.0.1.5"), "cleaned up beside the holder of the lock")
        equal(place.metric("podsg_clean_ups_open"), 1, "podsg_clean_ups_open")
        equal(place.metric('podsg_attachments{state="gone"}'), 1, "podsg_attachments")
        check("1 open" in place.daemon.control_text("status"), "podsgctl status")
    wait_for(lambda: not place.entries(), "its file is gone")
    check(not rules_to(place, "10.0.1.5"), "its rule is left")
    wait_for(lambda: place.daemon.control("status")["cleanUps"]["open"] == 0, "it is not open")


def the_journal_is_read_only(place):
    place.write("s1", None, state="gone")
    netns.run(["mount", "--bind", place.journal, place.journal])
    try:
        netns.run(["mount", "-o", "remount,bind,ro", place.journal])
        wait_for(lambda: "not-cleaned-up" in place.news(), "it is said")
        wait_for(lambda: "Read-only" in place.daemon.control("status")["cleanUps"]["error"],
                 "the status says so")
        time.sleep(4)
        equal(place.news().count("not-cleaned-up"), 1, "how often it is said")
    finally:
        netns.run(["umount", place.journal])
    wait_for(lambda: not place.entries(), "its file is gone")


def the_kernel_refuses(place):
    place.begin(own_table=False)
    box = place.sandbox("web", ("10.0.1.5",), host="veth1f00d")
    place.document(box)
    with nfnetlink.Owner(place.node.name("node")):
        place.write("s1", box)
        answer = place.attach("s1", wait=500)
        equal(answer["state"], "waiting", answer)
        check("not in force: " in answer["reason"], answer)
    equal(place.attach("s1")["state"], "enforced", "when the table is free")
    check(place.filters(box), "it is not filtered")


def let_pass_unfiltered(place):
    box = place.sandbox("web", ("10.0.1.5",), host="veth1f00d")
    place.write("s1", box, state="unfiltered")
    said = "pod default/web runs unfiltered on veth1f00d"
    wait_for(lambda: said in str(place.daemon.control("status")["problems"]), "it is said")
    equal(place.metric('podsg_attachments{state="unfiltered"}'), 1, "podsg_attachments")
    place.document(box)
    wait_for(lambda: said not in str(place.daemon.control("status")["problems"]),
             "it is filtered")
    check(place.filters(box), "it is not filtered")


def many_boxes(place, first, count):
    """Host interfaces, documents and journal entries; the pods' ends are in the node, too."""
    boxes = [Box(f"many-{number}", (f"10.0.{4 + number // 200}.{number % 200 + 1}",),
                 host=f"vethm{number}") for number in range(first, first + count)]
    netns.ip_batch([f"link add {box.interface} type veth peer name p{box.interface}"
                    for box in boxes], place.node.name("node"))
    links = json.loads(place.node.run("ip", "-j", "link").stdout)
    index = {link["ifname"]: link["ifindex"] for link in links}
    return [dataclasses.replace(box, index=index[box.interface]) for box in boxes]


def forget_boxes(place, boxes):
    netns.ip_batch([f"link del {box.interface}" for box in boxes], place.node.name("node"))


def attach_all(place, boxes):
    """All write their files and ask before the first is heard. How long each answer took then."""
    path = place.daemon.path("control.sock")
    asked, took, wrong = [], [], []

    def one(box):
        place.write(f"s-{box.name}", box)
        question = Question(path, {"command": "attach", "sandbox": f"s-{box.name}",
                                   "ifname": "eth0", "wait": PLENTY})
        asked.append(question)
        answer = question.answer()
        took.append(question.took)
        if answer["state"] != "enforced" or answer["interface"] != box.interface:
            wrong.append(answer)

    threads = [threading.Thread(target=one, args=(box,)) for box in boxes]
    place.daemon.process.send_signal(signal.SIGSTOP)
    try:
        for thread in threads:
            thread.start()
        wait_for(lambda: len(asked) == len(boxes), "all have asked")
        for question in asked:
            question.asked = time.monotonic()
    finally:
        place.daemon.process.send_signal(signal.SIGCONT)
    for thread in threads:
        thread.join()
    equal(wrong, [], "answers")
    return took


def a_hundred_at_once(place):
    boxes = many_boxes(place, 0, 100)
    for box in boxes:
        place.document(box)
    wait_for(lambda: len(place.pods()) == len(boxes), "the pods are known")
    before = place.daemon.control("status")["kernel"]["lastCommit"]["commits"]
    took = attach_all(place, boxes)
    commits = place.daemon.control("status")["kernel"]["lastCommit"]["commits"] - before
    note(f"100 at once: {commits} commits, the last answer after {max(took) * 1000:.1f} ms")
    check(commits <= 20, f"{commits} commits")
    forget_boxes(place, boxes)


def one_after_the_other(place):
    """On a node with 120 pods; what it takes is told, and bounded only so that it isn't seconds."""
    boxes = many_boxes(place, 0, 120)
    for box in boxes:
        place.document(box)
    attach_all(place, boxes)
    more = many_boxes(place, 120, 100)
    for box in more:
        place.document(box, addressed=False)
    wait_for(lambda: len(place.pods()) == len(boxes) + len(more), "the pods are known")
    took = []
    for box in more:
        took += attach_all(place, [box])
    took.sort()
    note(f"with 120 pods: median {statistics.median(took) * 1000:.1f} ms, "
         f"p99 {took[98] * 1000:.1f} ms, most {took[-1] * 1000:.1f} ms")
    check(took[98] < 10, "p99 is more than ten seconds")
    forget_boxes(place, boxes + more)


def too_many_wait(place):
    path = place.daemon.path("control.sock")
    request = {"command": "attach", "sandbox": "nobody", "ifname": "eth0", "wait": 60000}
    waiting = [Question(path, request) for _ in range(512)]
    answer = place.attach("nobody")
    check(not answer["ok"] and "too many" in answer["error"], answer)
    check(place.daemon.control("status")["ok"], "others are not answered")
    for question in waiting:
        question.socket.close()
    wait_for(lambda: place.attach("nobody", wait=1)["ok"], "those who left are forgotten")


def stopped_while_somebody_waits(place):
    question = Question(place.daemon.path("control.sock"), {
        "command": "attach", "sandbox": "nobody", "ifname": "eth0", "wait": PLENTY})
    time.sleep(STEP)
    equal(place.daemon.stop(), 0, "status")
    equal(question.socket.recv(1), b"", "what the client hears")
    question.socket.close()


CASES = (
    ("a name that only the journal knows", a_name_that_only_the_journal_knows),
    ("the mode is that of the journal", the_mode_is_that_of_the_journal),
    ("addresses: annotation, journal, status", whose_addresses),
    ("the pod is seen later", the_pod_is_seen_later),
    ("the interface comes later", the_interface_comes_later),
    ("pods that are none of ours", unmanaged),
    ("a pod without an ENI where those are ignored", without_eni_ignored),
    ("a container that no Kubernetes knows", no_kubernetes),
    ("a static pod", static_pod),
    ("what the journal lacks", what_the_journal_lacks),
    ("requests that make no sense", requests_that_make_no_sense),
    ("a broken file takes nothing away", a_broken_file_takes_nothing_away),
    ("--check and --print read the journal", check_reads_the_journal),
    ("the interface is made anew", the_interface_is_made_anew),
    ("a second sandbox takes over", a_second_sandbox_takes_over),
    ("a second sandbox with the first one's address",
     a_second_sandbox_with_the_address_of_the_first),
    ("the same name again", the_same_name_again),
    ("the newer sandbox has the interface", the_newer_sandbox_has_the_interface),
    ("a restart, and the journal is lost", restart),
    ("the pod is gone and its veth is not", the_pod_is_gone_and_its_veth_is_not),
    ("a DEL is finished", a_del_is_finished),
    ("the journal is read-only", the_journal_is_read_only),
    ("the kernel refuses", the_kernel_refuses),
    ("let pass unfiltered", let_pass_unfiltered),
    ("a hundred at once", a_hundred_at_once),
    ("one after the other", one_after_the_other),
    ("too many wait", too_many_wait),
    ("stopped while somebody waits", stopped_while_somebody_waits),
)


def run_case(place, function):
    begin = time.monotonic()
    place.begin()
    function(place)
    note(f"{time.monotonic() - begin:.1f} s")


def main():
    daemons.need()
    program = tap.Program()
    with Node([CLIENT]) as node, Daemon(node) as daemon:
        place = Attached(node, daemon)
        for name, function in CASES:
            if len(sys.argv) > 1 and sys.argv[1] not in name:
                continue
            program.case(name, run_case, place, function)
        daemon.keep = bool(program.failed)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
