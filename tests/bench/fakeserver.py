# SPDX-License-Identifier: GPL-2.0-or-later
"""
An API server of a large cluster that serves lists in pages and watches, fast enough to measure its
client: pods with the fields and the size that a real server sends, everything else from memory.
"""

import http.server
import json
import re
import ssl
import threading
import time
import urllib.parse

from api import HOST, PORT
from lab import documents, netns

REPLICAS = 50
NAMESPACES = 200
MEMBER_OF = 20
TICK = 0.01
KINDS = {"pods": ("v1", "PodList"), "nodes": ("v1", "NodeList"), "services": ("v1", "ServiceList"),
         "serviceaccounts": ("v1", "ServiceAccountList"),
         "securitygrouppolicies": ("vpcresources.k8s.aws/v1beta1", "SecurityGroupPolicyList"),
         "cninodes": ("vpcresources.k8s.aws/v1alpha1", "CNINodeList"),
         "endpointslices": ("discovery.k8s.io/v1", "EndpointSliceList")}


def namespace_of(index):
    return f"team-{index // REPLICAS % NAMESPACES}"


def is_member(index):
    """One Deployment in twenty has the role that the policies give the group."""
    return index // REPLICAS % MEMBER_OF == 0


def address_of(index):
    return f"10.{64 + (index >> 16)}.{index >> 8 & 255}.{index & 255}"


def _container():
    return {
        "name": "app", "image": "registry.example/platform/storefront-app:2026.03.02-1f2e3d4c",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"},
                  {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
        "env": [{"name": f"SETTING_{number}", "value": f"value of the setting {number}"}
                for number in range(8)],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi", "vpc.amazonaws.com/pod-eni": "1"},
                      "requests": {"cpu": "250m", "memory": "512Mi",
                                   "vpc.amazonaws.com/pod-eni": "1"}},
        "volumeMounts": [{"name": "kube-api-access-x7k2p", "readOnly": True,
                          "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
        "livenessProbe": {"httpGet": {"path": "/live", "port": "http", "scheme": "HTTP"},
                          "timeoutSeconds": 1, "periodSeconds": 10, "failureThreshold": 3},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"},
                           "timeoutSeconds": 1, "periodSeconds": 5, "failureThreshold": 3},
        "terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "IfNotPresent",
    }


def _managed_fields():
    labels = {f"f:{name}": {} for name in ("app", "pod-template-hash", "role", "team", "version")}
    spec = {f"f:{name}": {} for name in ("affinity", "dnsPolicy", "restartPolicy", "schedulerName",
                                         "serviceAccountName", "terminationGracePeriodSeconds")}
    return [{"manager": manager, "operation": "Update", "apiVersion": "v1",
             "time": documents.CREATED, "fieldsType": "FieldsV1",
             "fieldsV1": {"f:metadata": {"f:labels": labels}, "f:spec": spec, "f:status": {
                 "f:conditions": {"k:{\"type\":\"Ready\"}": {"f:status": {}, "f:type": {}}},
                 "f:phase": {}, "f:podIP": {}, "f:startTime": {}}}}
            for manager in ("kube-controller-manager", "kubelet", "vpc-resource-controller")]


def _annotation():
    text = json.dumps([{
        "eniId": "eni-$hex", "ifAddress": "02:00:00:01:00:05", "privateIp": "$address",
        "ipv6Addr": "$address6", "vlanId": 7, "subnetCidr": "10.64.0.0/12",
        "subnetV6Cidr": "2001:db8::/64", "associationID": "trunk-assoc-$hex"}])
    return {"kubernetes.io/psp": "eks.privileged", "vpc.amazonaws.com/pod-eni": text}


def _deployment_labels():
    return {"app": "storefront-app-$deployment", "pod-template-hash": "$deployment",
            "role": "$role", "team": "$namespace", "version": "2026.03.02"}


def _stateful_labels():
    """No two pods have the same."""
    return {"app": "storefront-app-$deployment", "apps.kubernetes.io/pod-index": "$ordinal",
            "controller-revision-hash": "storefront-app-$deployment-6c8f7d9b5",
            "role": "$role", "statefulset.kubernetes.io/pod-name": "$name",
            "team": "$namespace", "version": "2026.03.02"}


def _pod_item(labels):
    ready = [{"type": kind, "status": "True", "lastProbeTime": None,
              "lastTransitionTime": documents.CREATED}
             for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")]
    image = "registry.example/platform/storefront-app"
    return {
        "metadata": {
            "name": "$name", "namespace": "$namespace",
            "generateName": "storefront-app-$deployment-", "uid": "$uid",
            "resourceVersion": "$version", "creationTimestamp": documents.CREATED,
            "labels": labels,
            "annotations": _annotation(),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": True,
                                 "name": "storefront-app-$deployment", "uid": "$uid",
                                 "blockOwnerDeletion": True}],
            "managedFields": _managed_fields()},
        "spec": {
            "volumes": [{"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420,
                         "sources": [{"serviceAccountToken": {"expirationSeconds": 3607,
                                                              "path": "token"}},
                                     {"configMap": {"name": "kube-root-ca.crt", "items": [
                                         {"key": "ca.crt", "path": "ca.crt"}]}}]}}],
            "containers": [_container()], "restartPolicy": "Always", "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default", "serviceAccount": "default", "priority": 0,
            "nodeName": "ip-10-0-7-$node.us-west-2.compute.internal", "securityContext": {},
            "tolerations": [{"key": f"node.kubernetes.io/{key}", "operator": "Exists",
                             "effect": "NoExecute", "tolerationSeconds": 300}
                            for key in ("not-ready", "unreachable")]},
        "status": {
            "phase": "Running", "conditions": ready, "hostIP": "10.0.7.1", "podIP": "$address",
            "podIPs": [{"ip": "$address"}, {"ip": "$address6"}], "startTime": documents.CREATED,
            "containerStatuses": [{
                "name": "app", "state": {"running": {"startedAt": documents.CREATED}},
                "lastState": {}, "ready": True, "restartCount": 0, "started": True,
                "image": image + ":2026.03.02-1f2e3d4c", "imageID": f"{image}@sha256:" + "5e" * 32,
                "containerID": "containerd://" + "a7" * 32}],
            "qosClass": "Burstable"}}


# As a format of %: string.Template would take longer than everything else here.
def _format_of(labels):
    return re.sub(r"\$(\w+)", r"%(\1)s",
                  json.dumps(_pod_item(labels), separators=(",", ":")).replace("%", "%%"))


DEPLOYMENT, STATEFUL_SET = _format_of(_deployment_labels()), _format_of(_stateful_labels())


def pod_text(index, version=1000, shape=DEPLOYMENT):
    """Of a list: without kind and apiVersion, as a real server writes it."""
    deployment = index // REPLICAS
    return shape % {
        "name": f"storefront-app-{deployment:08x}-{index:05x}", "ordinal": index % REPLICAS,
        "deployment": f"{deployment:08x}", "hex": f"0{index:016x}",
        "namespace": namespace_of(index), "node": index % 250, "version": version,
        "address": address_of(index),
        "address6": f"2001:db8:0:7::{index >> 16:x}:{index & 65535:x}",
        "uid": f"{index:08x}-0000-4000-8000-000000000000",
        "role": "web" if is_member(index) else "worker"}


def event_text(kind, pod):
    return f'{{"type":"{kind}","object":{{"kind":"Pod","apiVersion":"v1",{pod[1:]}}}\n'


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, namespace, authority, count, items, shape=DEPLOYMENT):
        """count: pods of other nodes; items: everything else, by its plural."""
        with netns.entered(namespace):
            super().__init__((HOST, PORT), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.path("server.crt"), authority.path("server.key"))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.count = count
        self.newcomers = count + REPLICAS * (1 if is_member(count) else 0)
        self.items = items
        self.shape = shape
        self.bytes = self.pages = self.events = 0
        self.rate = 0
        self.closing = False
        self.watched = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A client that goes away is no news."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing = True
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        """Silent."""

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        plural = url.path.rsplit("/", 1)[-1]
        remote = plural == "pods" and "!=" in query.get("fieldSelector", "")
        if "watch" in query:
            self.send_watch(remote)
        elif remote:
            self.send_page(int(query["limit"]), int(query.get("continue", "0")))
        else:
            self.send_list(plural, ",".join(json.dumps(item) for item in
                                            self.server.items.get(plural, ())))

    def send_list(self, plural, items, more=""):
        version, kind = KINDS[plural]
        body = (f'{{"kind":"{kind}","apiVersion":"{version}","metadata":{{"resourceVersion":"1000"'
                f'{more}}},"items":[{items}]}}\n').encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.bytes += len(body)

    def send_page(self, limit, first):
        end = min(first + limit, self.server.count)
        left = self.server.count - end
        more = f',"continue":"{end}","remainingItemCount":{left}' if left else ""
        self.server.pages += 1
        pods = (pod_text(index, shape=self.server.shape) for index in range(first, end))
        self.send_list("pods", ",".join(pods), more)

    def send_chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def send_watch(self, remote):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if remote:
            self.server.watched.set()
        due, begin = 0, time.monotonic()
        while not self.server.closing:
            time.sleep(TICK)
            if not (remote and self.server.rate):
                due, begin = 0, time.monotonic()
                continue
            now = int((time.monotonic() - begin) * self.server.rate)
            if now > due:
                self.send_chunk("".join(self.churn() for _ in range(due, now)).encode())
                due = now

    def churn(self):
        """Statuses change; pods that are no members come and go."""
        number, self.server.events = self.server.events, self.server.events + 1
        kind = ("MODIFIED", "MODIFIED", "ADDED", "DELETED")[number % 4]
        if kind == "MODIFIED":
            index = number * 7919 % self.server.count
        else:
            index = self.server.newcomers + number // 4 % REPLICAS
        return event_text(kind, pod_text(index, 2000 + number, self.server.shape))
