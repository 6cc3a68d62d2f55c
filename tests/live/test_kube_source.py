#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""The Kubernetes source against an API server that breaks off, throttles and lies.

usage: test_kube_source.py [PART OF A CASE'S NAME]"""

import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "netns")]

import fake_apiserver as fake  # noqa: E402
from lab import tap  # noqa: E402

BUILD = os.environ.get("B", "build")
NODE = "node-a"
PATIENCE = 60.0  # seconds; nothing here takes a tenth of it on an idle machine
AT_A_TIME = 8  # cases: they mostly wait
ENI = json.dumps([{"eniId": "eni-1", "ifAddress": "02:00:00:00:00:01", "privateIp": "10.0.0.9",
                   "ipv6Addr": "", "vlanId": 7, "subnetCidr": "10.0.0.0/24", "subnetV6Cidr": "",
                   "associationID": "trunk-assoc-1"}])


def pod(name, node=NODE, annotation=ENI, namespace="shop", **more):
    metadata = {"name": name, "namespace": namespace, "uid": "uid-" + name,
                "labels": {"app": name}}
    if annotation:
        metadata["annotations"] = {"vpc.amazonaws.com/pod-eni": annotation}
    metadata.update(more)
    return {"metadata": metadata, "spec": {"nodeName": node, "containers": []},
            "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.9"}]}}


def policy(name, by_account=False):
    selector = {"serviceAccountSelector" if by_account else "podSelector": {}}
    return {"metadata": {"name": name, "namespace": "shop"},
            "spec": {**selector, "securityGroups": {"groupIds": ["sg-1"]}}}


def account(name):
    return {"metadata": {"name": name, "namespace": "shop", "labels": {"role": "web"}}}


def node(heartbeat):
    return {"metadata": {"name": NODE},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
                       "conditions": [{"type": "Ready", "lastHeartbeatTime": heartbeat}]}}


def a_while(seconds):
    """In pieces, so that a machine that stands still does not use all of it up."""
    for _ in range(20):
        time.sleep(seconds / 20)


class Source:
    """The driver program and the newest line that it printed."""

    def __init__(self, api):
        self.api = api
        self.directory = tempfile.mkdtemp(prefix="podsg-kube-")
        config = self.write_kubeconfig(api.url)
        self.log = os.path.join(self.directory, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([f"{BUILD}/live/kube_source", config, NODE],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=log)
        self.state = {}
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def write_kubeconfig(self, server):
        path = os.path.join(self.directory, "kubeconfig")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "c",
                       "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                       "clusters": [{"name": "c", "cluster": {"server": server}}],
                       "users": [{"name": "u", "user": {}}]}, file)
        return path

    def read(self):
        for line in self.process.stdout:
            self.state = json.loads(line)

    def command(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def logged(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def status(self, what):
        return self.state.get("status", {}).get(what, {})

    def has(self, name):
        return "kubernetes/" + name in self.state.get("documents", [])

    def wait(self, condition, what, patience=PATIENCE):
        try:
            tap.wait_for(condition, what, patience)
        except tap.Failure as failure:
            raise tap.Failure(f"{failure}\n{json.dumps(self.state)}\n{self.logged()}") from None

    def wait_synced(self):
        self.wait(lambda: self.state.get("synced"), "synced")

    def memory(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def close(self):
        """Ends it in order, so that the sanitizers have their say."""
        try:
            if self.process.poll() is None:
                self.command("close")
            status = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            log = self.logged()
            shutil.rmtree(self.directory)
        tap.check(status == 0, f"ended with {status}\n{log}")


def with_source(test, *prepare):
    def run():
        api = fake.FakeApi()
        for step in prepare:
            step(api)
        source = Source(api)
        try:
            test(api, source)
        finally:
            try:
                source.close()
            finally:
                api.stop()
    return run


def one_pod(api):
    api.put(fake.PODS, pod("web"))


def one_policy(api):
    api.put(fake.POLICIES, policy("all"))


# What is followed

def test_follows(api, source):
    source.wait_synced()
    tap.check(source.has("pods/shop/web") and source.has("policies/shop/all"), source.state)
    api.put(fake.PODS, pod("db"))
    source.wait(lambda: source.has("pods/shop/db"), "a pod that was added")
    api.put(fake.PODS, pod("elsewhere", node="node-b"))
    api.delete(fake.PODS, "shop/web")
    source.wait(lambda: not source.has("pods/shop/web"), "a pod that was deleted is gone")
    tap.check(not source.has("pods/shop/elsewhere"), "a pod of another node")
    tap.equal(source.status("pods of this node")["objects"], 1, "pods")
    tap.equal(api.count(fake.PODS, watch=False), 1, "lists of pods")


def test_everything_once(api, source):
    source.wait_synced()
    tap.equal(sorted(source.state["status"]),
              ["CNINode of this node", "endpoints of the cluster DNS", "pods of this node",
               "security group policies", "service of the cluster DNS", "this node"],
              "what is followed")
    time.sleep(1.5)
    for path in fake.KINDS:
        tap.check(api.count(path, False) <= 1, f"{path} was listed again")
        tap.check(api.count(path, True) <= 1, f"{path} was watched again")


def test_heartbeats(api, source):
    source.wait(lambda: source.state.get("synced") and source.has("nodes/" + NODE), "synced")
    api.put(fake.PODS, pod("first"))
    source.wait(lambda: source.has("pods/shop/first"), "a pod before the heartbeats")
    a_while(0.3)
    changes = source.state["changes"]
    for beat in range(20):
        api.put(fake.NODES, node(str(beat)))
        web = pod("web")
        web["status"]["conditions"] = [{"type": "Ready", "lastProbeTime": str(beat)}]
        api.put(fake.PODS, web)
    api.put(fake.PODS, pod("mark"))
    source.wait(lambda: source.has("pods/shop/mark"), "a pod behind the heartbeats")
    a_while(0.3)
    tap.equal(source.state["changes"], changes + 1, "changes")


def test_accounts(api, source):
    api.put(fake.ACCOUNTS, account("web"))
    source.wait_synced()
    tap.equal(api.count(fake.ACCOUNTS, False), 0, "lists of service accounts")
    api.put(fake.POLICIES, policy("by-account", by_account=True))
    source.wait(lambda: source.has("serviceaccounts/shop/web"), "accounts are followed")
    api.delete(fake.POLICIES, "shop/by-account")
    source.wait(lambda: not source.has("serviceaccounts/shop/web"), "accounts are dropped")
    tap.check("service accounts" not in source.state["status"], "they are followed no more")


def test_synced_with_accounts(api, source):
    source.wait_synced()
    tap.check(source.has("serviceaccounts/shop/web"), "synced before the accounts were there")


def test_remote(api, source):
    source.wait_synced()
    tap.equal(source.state["remote"], 0, "remote pods")
    source.command("want")
    source.wait(lambda: source.state["remote"] == 2, "remote pods are followed")
    api.delete(fake.PODS, "shop/far-1")
    source.wait(lambda: source.state["remote"] == 1, "a remote pod was deleted")
    source.command("unwant")
    api.put(fake.PODS, pod("far-3", node="node-c"))
    source.wait(lambda: source.state["remote"] == 2, "they are followed a while longer")
    tap.check(not source.has("pods/shop/far-3"), "remote pods are no documents")


def test_remote_none(api, source):
    """Whoever waits for the source hears of it also where there was nothing to read."""
    source.wait_synced()
    a_while(0.3)
    changes = source.state["changes"]
    source.command("want")
    source.wait(lambda: source.status("pods of other nodes").get("synced"), "they were listed")
    source.wait(lambda: source.state["changes"] > changes, "it was told")


def test_beta_endpoints(api, source):
    api.absent.add(fake.ENDPOINTS)
    api.end_watches(fake.ENDPOINTS)
    source.wait(lambda: api.count(fake.ENDPOINTS_BETA, True) > 0, "the older form is followed")
    source.wait(lambda: source.status("endpoints of the cluster DNS").get("current"), "current")


# Lists

def many_pods(api):
    for i in range(45):
        api.put(fake.POLICIES, policy(f"p{i:02}"))
    api.largest_page = 10


def policies_of(source):
    return [d for d in source.state.get("documents", []) if d.startswith("kubernetes/policies/")]


def test_pages(api, source):
    source.wait_synced()
    tap.equal(len(policies_of(source)), 45, "policies of five pages")
    tap.equal(api.count(fake.POLICIES, False), 5, "pages")


def cut_page(api):
    def answer(request):
        text = api.list_text(request)
        request.handler.send_response(200)
        request.handler.send_header("Content-Length", str(len(text)))
        request.handler.end_headers()
        request.handler.wfile.write(text[:len(text) // 2])
        request.cut()
    return answer


BREAKS = {
    "is cut": cut_page,
    "answers 410": lambda api: lambda request: request.answer(410, fake.GONE),
    "answers 500": lambda api: lambda request: request.fail(500, "Internal", "etcd is away"),
    "is HTML": lambda api: lambda request: request.answer(200, b"<html>", content_type="text/html"),
    "is empty": lambda api: lambda request: request.answer(200, b""),
    "is of another kind": lambda api: lambda request: request.answer(
        200, {"kind": "NodeList", "metadata": {"resourceVersion": "1"}, "items": []}),
    "is a redirect": lambda api: lambda request: request.answer(
        302, b"", [("Location", "http://127.0.0.1:1/")]),
    "is garbage": lambda api: lambda request: (request.handler.wfile.write(b"\0\1garbage\r\n\r\n"),
                                               request.cut()),
}


def test_broken_list(how):
    """While the list is broken off nothing is deleted; the next one deletes what is gone."""
    def test(api, source):
        source.wait_synced()
        seen = []

        def lie(request):
            if request.watch:
                return False
            seen.append(len(policies_of(source)))
            if len(seen) != 3:
                return False
            BREAKS[how](api)(request)
            return True
        api.lie(fake.POLICIES, lie)
        for i in range(0, 45, 2):
            api.delete(fake.POLICIES, f"shop/p{i:02}", tell=False)
        api.compact(fake.POLICIES)
        api.end_watches(fake.POLICIES)
        source.wait(lambda: len(policies_of(source)) == 22, "the deleted ones are gone")
        tap.check(len(seen) > 3, "the list was not asked for again")
        tap.check(all(count == 45 for count in seen), f"deleted before the list was whole: {seen}")
        source.wait(lambda: source.status("security group policies")["current"], "current again")
    return test


def test_endless_pages(api, source):
    def lie(request):
        if request.watch:
            return False
        request.answer(200, {"kind": "PodList", "items": [],
                             "metadata": {"resourceVersion": "1", "continue": "again"}})
        return True
    api.lie(fake.PODS, lie)
    source.wait(lambda: "pages" in source.status("pods of this node").get("error", ""), "an error",
                2 * PATIENCE)
    api.be_honest(fake.PODS)
    source.wait_synced()


# Watches

def test_watch_ends(how):
    """After each end of a watch what happened meanwhile is there, nothing is lost or listed anew."""
    def test(api, source):
        source.wait_synced()
        lists = api.count(fake.PODS, False)
        for i in range(3):
            watches = api.count(fake.PODS, True)
            if how == "ends":
                api.end_watches(fake.PODS)
            else:
                api.lie(fake.PODS, lambda request: request.cut() or True)
                api.inject(fake.PODS, "BOOKMARK", {"kind": "Pod",
                                                   "metadata": {"resourceVersion": "1"}})
                api.be_honest(fake.PODS)
                api.end_watches(fake.PODS)
            api.put(fake.PODS, pod(f"late-{i}"))
            source.wait(lambda: source.has(f"pods/shop/late-{i}"), "what came meanwhile")
            source.wait(lambda: api.count(fake.PODS, True) > watches, "a new watch")
        tap.equal(api.count(fake.PODS, False), lists, "lists")
    return test


def relisted(api, source, make_old, patience=PATIENCE):
    """A pod that only a list can tell of."""
    source.wait_synced()
    source.wait(lambda: api.count(fake.PODS, True) > 0, "a watch")
    api.delete(fake.PODS, "shop/web", tell=False)
    api.put(fake.PODS, pod("new"), tell=False)
    make_old()
    source.wait(lambda: source.has("pods/shop/new") and not source.has("pods/shop/web"),
                "a fresh list", patience)
    source.wait(lambda: source.status("pods of this node")["current"], "current", patience)


def test_gone_by_status(api, source):
    def make_old():
        api.compact(fake.PODS)
        api.end_watches(fake.PODS)
    relisted(api, source, make_old)


def test_gone_by_event(api, source):
    relisted(api, source, lambda: api.inject(fake.PODS, "ERROR", fake.GONE))


def test_garbage_in_watch(api, source):
    lies = [b"garbage\n", b'{"type":"ADDED","object":{"kind":"Node","metadata":{"name":"x"}}}\n',
            b"[" * 5000]

    def lie(request):
        if not request.watch or not lies:
            return False
        request.begin_stream()
        request.chunk(lies.pop())
        request.chunk(b"\n")
        request.chunk(b"")
        return True

    def make_old():
        api.lie(fake.PODS, lie)
        api.end_watches(fake.PODS)
    relisted(api, source, make_old, 60)
    source.wait(lambda: not lies, "all the garbage was read", 90)
    source.wait(lambda: source.status("pods of this node")["current"], "current", 60)


def test_bookmarks(api, source):
    source.wait_synced()
    source.wait(lambda: api.count(fake.PODS, True) > 0, "a watch")
    api.bookmark(fake.PODS)
    a_while(0.5)
    marked = api.version
    watches = api.count(fake.PODS, True)
    api.end_watches(fake.PODS)
    source.wait(lambda: api.count(fake.PODS, True) > watches, "a new watch")
    query = [q for p, q in api.requests if p == fake.PODS and q.get("watch")][-1]
    tap.equal(query["resourceVersion"], str(marked), "the version that the new watch begins with")
    tap.equal(query.get("allowWatchBookmarks"), "true", "bookmarks")
    tap.check(300 <= int(query["timeoutSeconds"]) <= 600, query)


def test_endless_event(api, source):
    source.wait_synced()
    before = source.memory()
    sent = []

    def lie(request):
        if not request.watch or sent:
            return False
        request.begin_stream()
        request.chunk(b'{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"')
        sent.append(0)
        piece = b"x" * (1 << 20)
        try:
            for _ in range(1024):
                request.chunk(piece)
                sent[0] += len(piece)
        except OSError:
            pass
        request.handler.close_connection = True
        return True
    api.lie(fake.PODS, lie)
    api.end_watches(fake.PODS)
    source.wait(lambda: "more than" in source.status("pods of this node")["error"], "an error")
    tap.check(sent[0] < 64 << 20, f"{sent[0]} bytes were taken")
    source.wait(lambda: source.status("pods of this node")["current"], "current")
    tap.check(source.has("pods/shop/web"), "the last good state stays")
    # Freed memory stays in the sanitizer's quarantine.
    tap.check(source.memory() - before < 300 << 20, "memory")


def test_huge_page(api, source):
    """A list that does not end, of a gigabyte, costs no more than its limit."""
    sent = []

    def lie(request):
        if request.watch or sent:
            return False
        request.begin_stream()
        sent.append(0)
        piece = b" " * (1 << 20)
        try:
            for _ in range(1024):
                request.chunk(piece)
                sent[0] += len(piece)
        except OSError:
            pass
        request.handler.close_connection = True
        return True
    api.lie(fake.PODS, lie)
    source.wait_synced()
    tap.check(sent and sent[0] < 128 << 20, f"{sent} bytes were taken")


# Answers that are none

def refused_twice(api, source, path, what):
    """A server may not mean it the first time."""
    source.wait(lambda: source.status(what).get("failures", 0) >= 2, "refused twice")
    time.sleep(0.5)
    return source.status(what)


def test_essential_is_forbidden(path, what):
    """What would leave pods unfiltered if it were taken for empty."""
    def test(api, source):
        status = refused_twice(api, source, path, what)
        tap.check(not status["synced"] and "forbidden" in status["error"], status)
        tap.check(not source.state["synced"], "synced without " + what)
        tap.equal(source.logged().count("kubernetes-not-current"), 1, "lines in the log")
        api.forbidden.clear()
        source.wait_synced()
        tap.check(source.has("pods/shop/web") and source.has("policies/shop/by-account") and
                  source.has("serviceaccounts/shop/web"), source.state)
    return test


def forbid_remote_pods(api):
    def lie(request):
        if "!=" not in request.query.get("fieldSelector", ""):
            return False
        request.fail(403, "Forbidden", 'pods is forbidden: User "node" cannot list')
        return True
    api.lie(fake.PODS, lie)


def test_rest_is_forbidden(api, source):
    source.command("want")
    source.wait_synced()
    for what in ("this node", "CNINode of this node", "service of the cluster DNS",
                 "endpoints of the cluster DNS", "pods of other nodes"):
        status = source.status(what)
        tap.check(not status["current"] and "forbidden" in status["error"], status)
    tap.check(source.has("pods/shop/web") and source.has("policies/shop/all"), source.state)


def test_forbidden_later(api, source):
    source.wait_synced()
    api.forbidden.update((fake.POLICIES, fake.PODS))
    for path, what in ((fake.POLICIES, "security group policies"), (fake.PODS, "pods of this node")):
        api.end_watches(path)
        tap.check("forbidden" in refused_twice(api, source, path, what)["error"], source.state)
    tap.check(source.has("pods/shop/web") and source.has("policies/shop/all"), source.state)
    tap.check(source.state["synced"], "it was read once")


def test_absent(api, source):
    """A server that is still starting does not know its CRDs: for a minute that proves nothing."""
    begin = time.monotonic()
    source.wait(lambda: "404" in source.status("security group policies").get("error", ""), "404")
    tap.check(source.status("CNINode of this node")["absent"], "the CNINode need not be waited for")
    source.wait(lambda: source.state["synced"], "synced", 120)
    tap.check(time.monotonic() - begin >= 58, "policies were not waited for")
    policies = source.status("security group policies")
    tap.check(policies["absent"] and not policies["error"], policies)


def test_comes_later(api, source):
    source.wait(lambda: source.status("CNINode of this node").get("absent"), "absent")
    source.wait_synced()
    api.absent.clear()
    source.wait(lambda: source.has("cninodes/" + NODE), "read once it is there")
    tap.check(not source.status("CNINode of this node")["absent"], "it is there")


def test_core_is_never_absent(api, source):
    """Every server knows pods: one that does not is none."""
    status = refused_twice(api, source, fake.PODS, "pods of this node")
    tap.check(not status["absent"] and "404" in status["error"], status)
    tap.check(not source.state["synced"], "synced without its pods")


def test_gone_for_a_while(api, source):
    """A server that is still starting does not know its CRDs: nothing is taken from that."""
    source.wait_synced()
    api.absent.add(fake.POLICIES)
    api.end_watches(fake.POLICIES)
    source.wait(lambda: source.status("security group policies")["error"], "an error")
    tap.check(source.has("policies/shop/all"), "the last good state stays")
    api.absent.clear()
    source.wait(lambda: source.status("security group policies")["current"], "current")


def test_retry_after(api, source):
    times = []

    def lie(request):
        times.append(time.monotonic())
        if len(times) > 2:
            return False
        request.fail(429, "TooManyRequests", "slow down", [("Retry-After", "3")])
        return True
    api.lie(fake.PODS, lie)
    source.wait_synced()
    tap.check(times[1] - times[0] >= 3 and times[2] - times[1] >= 3, f"asked at {times}")


def test_backs_off(api, source):
    """A server that answers nothing but errors is not asked often."""
    source.wait_synced()
    api.lie(fake.PODS, lambda request: request.fail(500, "Internal", "no") or True)
    requests = api.count(fake.PODS, True)
    api.end_watches(fake.PODS)
    time.sleep(6)
    asked = api.count(fake.PODS, True) - requests
    tap.check(asked <= 12, f"{asked} requests in six seconds")
    source.wait(lambda: api.count(fake.PODS, True) - requests >= 2, "it is asked again")
    tap.check(source.has("pods/shop/web"), "the last good state stays")
    tap.equal(source.logged().count("kubernetes-not-current"), 1, "lines in the log")
    api.be_honest(fake.PODS)
    source.wait(lambda: source.status("pods of this node")["current"], "current")


def test_slow_loris(api, source):
    """A list that comes byte by byte holds up nothing else, and neither does a silent one."""
    def drip(request):
        text = api.list_text(request)
        request.begin_stream()
        for at in range(len(text)):
            request.chunk(text[at:at + 1])
            time.sleep(0.01)
        request.chunk(b"")
        return True
    api.lie(fake.POLICIES, drip)
    api.lie(fake.NODES, lambda request: time.sleep(120) or True)
    source.wait(lambda: source.status("pods of this node").get("current"), "pods")
    tap.check(not source.state["synced"], "synced without its policies")
    source.wait(lambda: source.has("policies/shop/all"), "a list that came byte by byte")
    api.be_honest(fake.NODES)
    source.wait(lambda: "silent" in source.status("this node").get("error", ""), "given up", 120)
    source.wait_synced()


# Another kubeconfig under the same name

def test_kubeconfig_changes(api, source):
    source.wait_synced()
    source.command("reload")
    time.sleep(0.3)
    tap.equal(source.logged().count("source-opened"), 1, "opened: nothing has changed")
    other = fake.FakeApi()
    try:
        other.put(fake.PODS, pod("other"))
        source.write_kubeconfig(other.url)
        source.command("reload")
        source.wait(lambda: source.has("pods/shop/other"), "pods of the other server")
        source.wait(lambda: not source.has("pods/shop/web"), "those of the first one are gone")
        source.wait_synced()
    finally:
        other.stop()


def test_kubeconfig_breaks(api, source):
    source.wait_synced()
    source.write_kubeconfig("nowhere")
    for _ in range(3):
        source.command("reload")
    source.wait(lambda: "source-not-opened" in source.logged(), "the broken one is refused")
    api.put(fake.PODS, pod("db"))
    source.wait(lambda: source.has("pods/shop/db"), "the one before is gone by")
    tap.equal(source.logged().count("source-not-opened"), 1, "lines in the log")


# Objects

def test_broken_object(api, source):
    source.wait_synced()
    api.put(fake.PODS, pod("web", annotation="[{]"))
    source.wait(lambda: "web" in source.status("pods of this node")["error"], "a complaint")
    tap.check(source.has("pods/shop/web"), "its last good version stays")
    tap.check(source.status("pods of this node")["current"], "the rest is current")
    api.put(fake.PODS, pod("db"))
    source.wait(lambda: source.has("pods/shop/db"), "others are taken")
    tap.equal(source.logged().count("object-refused"), 1, "lines in the log")
    api.put(fake.PODS, pod("web"))
    source.wait(lambda: not source.status("pods of this node")["error"], "mended")


def test_broken_from_the_start(api, source):
    source.wait_synced()
    tap.check(not source.has("pods/shop/bad") and source.has("pods/shop/web"), source.state)
    api.delete(fake.PODS, "shop/bad")
    source.wait(lambda: not source.status("pods of this node")["error"], "no complaint is left")


# Events on pods

def events(api):
    with api.lock:
        return [(path, dict(item)) for path, item in api.posted]


def reasons(api):
    return sorted(item["reason"] for _, item in events(api))


def test_events(api, source):
    source.wait_synced()
    source.command("commit open strict sg-known")
    source.wait(lambda: reasons(api) == ["SecurityGroupsEnforced"], "an event")
    path, event = events(api)[0]
    tap.equal(path, "/api/v1/namespaces/shop/events", "path")
    tap.equal(event["involvedObject"], {"apiVersion": "v1", "kind": "Pod", "namespace": "shop",
                                        "name": "web", "uid": "uid-web"}, "object")
    tap.equal(event["source"], {"component": "podsg-nft-sync", "host": NODE}, "source")
    tap.equal(event["type"], "Normal", "type")
    tap.check("sg-known" in event["message"] and "strict" in event["message"], event["message"])
    for _ in range(3):
        source.command("commit open strict sg-known")
    source.command("commit closed standard sg-unknown")
    source.wait(lambda: len(events(api)) >= 4, "events of what changed")
    time.sleep(0.5)
    tap.equal(reasons(api), ["BranchInterfaceClosed", "EnforcingModeDiffers",
                             "SecurityGroupMissing", "SecurityGroupsEnforced"], "reasons")
    warnings = [e for _, e in events(api) if e["type"] == "Warning"]
    tap.equal(len(warnings), 3, "warnings")
    tap.check(all("sg-unknown" in e["message"] for e in warnings
                  if e["reason"] == "SecurityGroupMissing"), warnings)


def test_events_of_pods_that_were_let_pass(api, source):
    source.wait_synced()
    source.command("pass web")
    source.wait(lambda: reasons(api) == ["StartedUnfiltered"], "an event on a pod that is not known")
    source.command("pass web")
    source.command("passed")
    source.wait(lambda: len(events(api)) == 3, "events once it is known")
    tap.equal(reasons(api), ["SecurityGroupsEnforced", "StartedUnfiltered", "StartedUnfiltered"],
              "reasons")
    found = [e for _, e in events(api) if e["reason"] == "StartedUnfiltered"]
    tap.check("nothing filters it" in found[0]["message"] and "veth7" in found[0]["message"], found)
    tap.check("they are by now" in found[1]["message"], found)
    tap.equal({e["type"] for e in found}, {"Warning"}, "types")
    tap.equal(found[0]["involvedObject"]["uid"], "uid-unknown", "uid")


def test_events_of_a_former_life(api, source):
    source.wait_synced()
    source.command("commit open strict sg-known")
    source.wait(lambda: events(api), "an event")
    second = Source(api)
    try:
        second.wait_synced()
        second.command("commit open strict sg-known")
        second.command("commit closed strict sg-known")
        second.wait(lambda: len(events(api)) == 2, "only what was not said")
    finally:
        second.close()
    tap.equal(reasons(api), ["BranchInterfaceClosed", "SecurityGroupsEnforced"], "reasons")


EVENTS = "/api/v1/namespaces/shop/events"


def test_events_forbidden(api, source):
    asked = []

    def lie(request):
        asked.append(request)
        request.handler.rfile.read(int(request.handler.headers["Content-Length"]))
        request.fail(403, "Forbidden", 'events is forbidden: User "node" cannot create')
        return True
    api.lie(EVENTS, lie)
    source.wait_synced()
    source.command("commit open strict sg-known")
    source.wait(lambda: asked, "an event")
    source.command("commit closed standard sg-unknown")
    time.sleep(1)
    tap.equal(len(asked), 1, "asked again")
    tap.equal(source.logged().count("pod-events-forbidden"), 1, "lines in the log")


def test_events_tried_again(api, source):
    times = []

    def lie(request):
        times.append(time.monotonic())
        if len(times) > 2:
            return False
        request.handler.rfile.read(int(request.handler.headers["Content-Length"]))
        request.fail(500, "Internal", "etcd is away")
        return True
    api.lie(EVENTS, lie)
    source.wait_synced()
    source.command("commit open strict sg-known")
    source.wait(lambda: reasons(api) == ["SecurityGroupsEnforced"], "an event in the end")


def test_events_of_many_pods(api, source):
    source.wait_synced()
    begin = time.monotonic()
    source.command("commit open strict sg-known")
    source.wait(lambda: len(events(api)) >= 150, "the first events")
    time.sleep(1)
    told = len(events(api))
    tap.check(told <= 155 + time.monotonic() - begin, f"{told} events: more than one a second")


def test_deleted_at_once(api, source):
    source.wait_synced()
    api.delete(fake.PODS, "shop/web")
    source.wait(lambda: reasons(api) == ["GracePeriodZero"], "a warning")
    going = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}
    gone = {**going, "deletionGracePeriodSeconds": 0}
    api.put(fake.PODS, pod("graceful", **going))
    api.put(fake.PODS, pod("graceful", **gone))
    api.delete(fake.PODS, "shop/graceful")
    api.delete(fake.PODS, "shop/ordinary")
    api.put(fake.PODS, pod("finalized", **gone))
    source.wait(lambda: len(events(api)) == 2, "a second warning")
    time.sleep(0.5)
    tap.equal([e["involvedObject"]["name"] for _, e in events(api)], ["web", "finalized"], "pods")


class Cases(tap.Program):
    """Several run at a time, and are told in their order."""

    def __init__(self, only):
        super().__init__()
        self.only = only
        self.pool = concurrent.futures.ThreadPoolExecutor(AT_A_TIME)
        self.running = []

    def take(self, name, test, *prepare):
        if self.only in name:
            self.running.append((name, self.pool.submit(with_source(test, *prepare))))

    def finish(self):
        for name, outcome in self.running:
            self.case(name, outcome.result)
        return super().finish()


def main():
    if not os.path.exists(f"{BUILD}/live/kube_source"):
        tap.skip("kube_source is not built")
    program = Cases(sys.argv[1] if len(sys.argv) > 1 else "")
    case = program.take  # the longest first
    by_account = (one_pod, lambda api: api.put(fake.POLICIES, policy("by-account", by_account=True)),
                  lambda api: api.put(fake.ACCOUNTS, account("web")))
    for path, what in ((fake.PODS, "pods of this node"), (fake.ACCOUNTS, "service accounts"),
                       (fake.POLICIES, "security group policies")):
        case(f"not synced while {what} are forbidden", test_essential_is_forbidden(path, what),
             *by_account, lambda api, path=path: api.forbidden.add(path))
    case("synced while all the rest is forbidden", test_rest_is_forbidden, one_pod, one_policy,
         forbid_remote_pods, lambda api: api.forbidden.update(
             (fake.NODES, fake.CNINODES, fake.SERVICES, fake.ENDPOINTS, fake.ENDPOINTS_BETA)))
    case("what is forbidden later stays as it was", test_forbidden_later, one_pod, one_policy)
    case("policies that the server does not know", test_absent, one_policy,
         lambda api: api.absent.update((fake.POLICIES, fake.CNINODES)))
    case("a CNINode that the server only knows later", test_comes_later,
         lambda api: api.absent.add(fake.CNINODES),
         lambda api: api.put(fake.CNINODES, {"metadata": {"name": NODE}}))
    case("pods that the server does not know", test_core_is_never_absent, one_policy,
         lambda api: api.absent.add(fake.PODS))
    case("garbage in a watch", test_garbage_in_watch, one_pod)
    case("slow and silent answers", test_slow_loris, one_pod, one_policy)
    case("a list without an end", test_endless_pages, one_pod)
    case("objects come and go as the server says", test_follows, one_pod, one_policy)
    case("nothing is polled", test_everything_once, one_pod, one_policy)
    case("heartbeats change nothing", test_heartbeats, one_pod,
         lambda api: api.put(fake.NODES, node("before")))
    case("service accounts only while a policy selects by them", test_accounts, one_policy)
    case("not synced before the accounts that a policy selects by", test_synced_with_accounts,
         lambda api: api.put(fake.POLICIES, policy("by-account", by_account=True)),
         lambda api: api.put(fake.ACCOUNTS, account("web")))
    case("pods of other nodes only while members are wanted", test_remote, one_pod,
         lambda api: api.put(fake.PODS, pod("far-1", node="node-b")),
         lambda api: api.put(fake.PODS, pod("far-2", node="node-b")))
    case("no pods of other nodes", test_remote_none, one_pod)
    case("endpoint slices in their older form", test_beta_endpoints)
    case("a list of several pages", test_pages, many_pods)
    for how in BREAKS:
        case(f"nothing is deleted when a page {how}", test_broken_list(how), many_pods)
    for how in ("ends", "is cut"):
        case(f"a watch that {how}", test_watch_ends(how), one_pod)
    case("410 by status", test_gone_by_status, one_pod)
    case("410 by event", test_gone_by_event, one_pod)
    case("bookmarks move the version on", test_bookmarks, one_pod)
    case("an event without an end", test_endless_event, one_pod)
    case("a page of a gigabyte", test_huge_page, one_pod)
    case("a resource that the server forgets for a while", test_gone_for_a_while, one_policy)
    case("Retry-After is obeyed", test_retry_after, one_pod)
    case("errors are answered by patience", test_backs_off, one_pod)
    case("another kubeconfig under the same name", test_kubeconfig_changes, one_pod)
    case("a broken kubeconfig under the same name", test_kubeconfig_breaks, one_pod)
    case("a broken object is refused alone", test_broken_object, one_pod)
    case("a broken object from the start", test_broken_from_the_start, one_pod,
         lambda api: api.put(fake.PODS, pod("bad", annotation="[{]")))
    case("events on a pod, each once", test_events, one_pod)
    case("events on pods that were let pass", test_events_of_pods_that_were_let_pass, one_pod)
    case("what a former life has said is not said again", test_events_of_a_former_life, one_pod)
    case("events are forbidden", test_events_forbidden, one_pod)
    case("an event is tried again", test_events_tried_again, one_pod)
    case("events of many pods at once are slowed down", test_events_of_many_pods,
         lambda api: [api.put(fake.PODS, pod(f"p{i}")) for i in range(200)])
    case("a pod that is deleted at once", test_deleted_at_once, one_pod,
         lambda api: api.put(fake.PODS, pod("graceful")),
         lambda api: api.put(fake.PODS, pod("finalized")),
         lambda api: api.put(fake.PODS, pod("ordinary", annotation=None)))
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
