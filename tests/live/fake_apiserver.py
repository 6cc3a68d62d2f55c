# SPDX-License-Identifier: GPL-2.0-or-later
"""An API server that keeps objects, lists them in pages, lets them be watched, and lies when it is
told to."""

import base64
import http.server
import json
import threading
import urllib.parse

CORE = "/api/v1/"
AWS = "/apis/vpcresources.k8s.aws/"
SLICES = "/namespaces/kube-system/endpointslices"

PODS = CORE + "pods"
POLICIES = AWS + "v1beta1/securitygrouppolicies"
ACCOUNTS = CORE + "serviceaccounts"
NODES = CORE + "nodes"
CNINODES = AWS + "v1alpha1/cninodes"
SERVICES = CORE + "namespaces/kube-system/services"
ENDPOINTS = "/apis/discovery.k8s.io/v1" + SLICES
ENDPOINTS_BETA = "/apis/discovery.k8s.io/v1beta1" + SLICES

KINDS = {
    PODS: ("v1", "Pod"),
    POLICIES: ("vpcresources.k8s.aws/v1beta1", "SecurityGroupPolicy"),
    ACCOUNTS: ("v1", "ServiceAccount"),
    NODES: ("v1", "Node"),
    CNINODES: ("vpcresources.k8s.aws/v1alpha1", "CNINode"),
    SERVICES: ("v1", "Service"),
    ENDPOINTS: ("discovery.k8s.io/v1", "EndpointSlice"),
    ENDPOINTS_BETA: ("discovery.k8s.io/v1beta1", "EndpointSlice"),
}


def key_of(item):
    metadata = item["metadata"]
    return metadata.get("namespace", "") + "/" + metadata["name"]


def status(code, reason, message):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code}


GONE = status(410, "Expired", "too old resource version: 1 (9)")


class Collection:
    def __init__(self):
        self.items = {}
        self.events = []  # (version, type, item)
        self.compacted = 0  # a watch from before is refused
        self.epoch = 0  # rises: watches end


class Request:
    """One request as the server's lies see it."""

    def __init__(self, handler, path, query):
        self.handler = handler
        self.path = path
        self.query = query
        self.watch = query.get("watch") == "1"

    def answer(self, code, body, headers=(), content_type="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.handler.send_response(code)
        self.handler.send_header("Content-Type", content_type)
        self.handler.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def fail(self, code, reason, message, headers=()):
        self.answer(code, status(code, reason, message), headers)

    def begin_stream(self):
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", "application/json")
        self.handler.send_header("Transfer-Encoding", "chunked")
        self.handler.end_headers()
        self.handler.wfile.flush()

    def chunk(self, data):
        self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.handler.wfile.flush()

    def event(self, kind, item):
        self.chunk(json.dumps({"type": kind, "object": item}).encode() + b"\n")

    def cut(self):
        """The connection ends in the middle of whatever was said."""
        self.handler.wfile.flush()
        self.handler.close_connection = True
        self.handler.connection.shutdown(2)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.serve()

    def do_POST(self):
        self.serve()

    def serve(self):
        path, _, query = self.path.partition("?")
        request = Request(self, path, dict(urllib.parse.parse_qsl(query)))
        try:
            self.server.api.serve(request)
        except OSError:
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def matches_field(item, selector):
    field, negated, value = selector.partition("!=")
    if not negated:
        field, _, value = selector.partition("=")
    found = item
    for step in field.split("."):
        found = found.get(step, "") if isinstance(found, dict) else ""
    return (found != value) if negated else (found == value)


def matches(item, query):
    selector = query.get("fieldSelector")
    return not selector or all(matches_field(item, part) for part in selector.split(","))


class FakeApi:
    def __init__(self):
        self.lock = threading.Condition()
        self.version = 100
        self.collections = {path: Collection() for path in KINDS}
        self.absent = set()  # paths that are answered 404
        self.forbidden = set()
        self.lies = {}  # path: function(request), True when it has answered
        self.requests = []  # (path, query)
        self.posted = []  # (path, object)
        self.largest_page = 500
        self.stopped = False
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.api = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.server.server_address[1]

    def stop(self):
        with self.lock:
            self.stopped = True
            self.lock.notify_all()
        self.server.shutdown()
        self.server.server_close()

    # What the test does

    def put(self, path, item, tell=True):
        """tell: watchers hear of it; else only the next list has it."""
        version, kind = KINDS[path]
        with self.lock:
            collection = self.collections[path]
            self.version += 1
            item = json.loads(json.dumps(item))
            item.update(apiVersion=version, kind=kind)
            item["metadata"]["resourceVersion"] = str(self.version)
            known = key_of(item) in collection.items
            collection.items[key_of(item)] = item
            if tell:
                collection.events.append((self.version, "MODIFIED" if known else "ADDED", item))
            self.lock.notify_all()

    def delete(self, path, name, tell=True):
        with self.lock:
            collection = self.collections[path]
            self.version += 1
            item = collection.items.pop(name)
            item = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self.version)}}
            if tell:
                collection.events.append((self.version, "DELETED", item))
            self.lock.notify_all()

    def bookmark(self, path):
        version, kind = KINDS[path]
        with self.lock:
            self.version += 1
            item = {"kind": kind, "apiVersion": version,
                    "metadata": {"resourceVersion": str(self.version), "creationTimestamp": None}}
            self.collections[path].events.append((self.version, "BOOKMARK", item))
            self.lock.notify_all()

    def inject(self, path, kind, item):
        """An event that the objects do not show."""
        with self.lock:
            self.version += 1
            self.collections[path].events.append((self.version, kind, item))
            self.lock.notify_all()

    def compact(self, path):
        with self.lock:
            self.version += 1
            collection = self.collections[path]
            collection.compacted = self.version
            collection.events.clear()

    def end_watches(self, path):
        with self.lock:
            self.collections[path].epoch += 1
            self.lock.notify_all()

    def lie(self, path, function):
        with self.lock:
            self.lies[path] = function

    def be_honest(self, path):
        with self.lock:
            self.lies.pop(path, None)

    def count(self, path, watch):
        with self.lock:
            return sum(1 for p, q in self.requests if p == path and (q.get("watch") == "1") == watch)

    # What the server does

    def serve(self, request):
        with self.lock:
            # A watch that count() has seen is one that end_watches() ends.
            epoch = self.collections[request.path].epoch if request.path in KINDS else 0
            self.requests.append((request.path, request.query))
            lie = self.lies.get(request.path)
        if lie and lie(request):
            return
        if request.handler.command == "POST":
            self.take_post(request)
        elif request.path not in KINDS or request.path in self.absent:
            request.fail(404, "NotFound", "the server could not find the requested resource")
        elif request.path in self.forbidden:
            name = request.path.rpartition("/")[2]
            request.fail(403, "Forbidden", f'{name} is forbidden: User "node" cannot list')
        elif request.watch:
            self.serve_watch(request, epoch)
        else:
            self.serve_list(request)

    def take_post(self, request):
        length = int(request.handler.headers.get("Content-Length", 0))
        item = json.loads(request.handler.rfile.read(length))
        with self.lock:
            taken = any(path == request.path and other["metadata"]["name"] == item["metadata"]["name"]
                        for path, other in self.posted)
            if not taken:
                self.posted.append((request.path, item))
        if taken:
            request.fail(409, "AlreadyExists", "already exists")
        else:
            request.answer(201, item)

    def page(self, request):
        """What a list answers: version, items, and the token of the next page."""
        start = ""
        with self.lock:
            version = str(self.version)
            if "continue" in request.query:
                token = json.loads(base64.urlsafe_b64decode(request.query["continue"]))
                start, version = token["start"], token["version"]
            items = self.collections[request.path].items
            selected = [items[key] for key in sorted(items)
                        if key > start and matches(items[key], request.query)]
        limit = min(int(request.query.get("limit", 500)), self.largest_page)
        if request.query.get("resourceVersion") == "0" or len(selected) <= limit:
            return version, selected, ""
        token = {"start": key_of(selected[limit - 1]), "version": version}
        return (version, selected[:limit],
                base64.urlsafe_b64encode(json.dumps(token).encode()).decode())

    def list_text(self, request):
        version, items, token = self.page(request)
        api_version, kind = KINDS[request.path]
        metadata = {"resourceVersion": version}
        if token:
            metadata["continue"] = token
        bare = [{k: v for k, v in item.items() if k not in ("kind", "apiVersion")} for item in items]
        return json.dumps({"kind": kind + "List", "apiVersion": api_version, "metadata": metadata,
                           "items": bare}).encode()

    def serve_list(self, request):
        request.answer(200, self.list_text(request))

    def serve_watch(self, request, epoch):
        collection = self.collections[request.path]
        at = int(request.query["resourceVersion"])
        if at < collection.compacted:
            request.answer(410, GONE)
            return
        request.begin_stream()
        self.follow(request, collection, at, epoch)
        request.chunk(b"")

    def follow(self, request, collection, at, epoch):
        while True:
            with self.lock:
                events = [e for e in collection.events if e[0] > at]
                if not events:
                    if self.stopped or collection.epoch != epoch:
                        return
                    self.lock.wait(0.5)
                    continue
            for version, kind, item in events:
                at = version
                if kind in ("BOOKMARK", "ERROR") or matches(item, request.query):
                    request.event(kind, item)
