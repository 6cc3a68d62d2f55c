# SPDX-License-Identifier: GPL-2.0-or-later
"""The little of the Kubernetes API that the tests need to make, change and read objects."""

import contextlib
import copy
import http.client
import json
import re
import ssl

from lab import netns

HOST, PORT = "127.0.0.1", 6443
TIMEOUT = 30.0
MERGE_PATCH = "application/merge-patch+json"
YAML = "application/yaml"

# kind: API version's path, plural, namespaced
RESOURCES = {
    "Namespace": ("/api/v1", "namespaces", False),
    "Node": ("/api/v1", "nodes", False),
    "Pod": ("/api/v1", "pods", True),
    "Service": ("/api/v1", "services", True),
    "Secret": ("/api/v1", "secrets", True),
    "Event": ("/api/v1", "events", True),
    "StatefulSet": ("/apis/apps/v1", "statefulsets", True),
    "ServiceAccount": ("/api/v1", "serviceaccounts", True),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1beta1", "endpointslices", True),
    "CustomResourceDefinition": ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions",
                                 False),
    "ClusterRole": ("/apis/rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings", True),
    "SecurityGroupPolicy": ("/apis/vpcresources.k8s.aws/v1beta1", "securitygrouppolicies", True),
    "CNINode": ("/apis/vpcresources.k8s.aws/v1alpha1", "cninodes", False),
}


class ApiError(Exception):
    def __init__(self, status, text):
        super().__init__(f"status {status}: {text}")
        self.status = status


def path_of(kind, namespace=None, name=None):
    prefix, plural, namespaced = RESOURCES[kind]
    where = f"/namespaces/{namespace}" if namespaced and namespace else ""
    return f"{prefix}{where}/{plural}" + (f"/{name}" if name else "")


def place_of(item):
    """Of an object: kind, namespace and name."""
    metadata = item["metadata"]
    return item["kind"], metadata.get("namespace", "default"), metadata["name"]


def for_creation(item):
    """Without what the server alone may set."""
    made = copy.deepcopy(item)
    made.pop("status", None)
    for key in ("uid", "resourceVersion", "creationTimestamp"):
        made["metadata"].pop(key, None)
    return made


class Connection(http.client.HTTPSConnection):
    """Its socket lives in a network namespace, whatever namespace its user is in."""

    def __init__(self, namespace, context):
        super().__init__(HOST, PORT, timeout=TIMEOUT, context=context)
        self.namespace = namespace

    def connect(self):
        with netns.entered(self.namespace):
            super().connect()


class Api:
    """One connection that stays; not for several threads at once."""

    def __init__(self, namespace, authority, token):
        self.connection = Connection(namespace, ssl.create_default_context(cafile=authority))
        self.token = token

    def close(self):
        self.connection.close()

    def _exchange(self, method, path, body, content_type):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")

    def raw(self, method, path, body=None, content_type="application/json"):
        """The server may have closed the connection since it was last used."""
        try:
            status, text = self._exchange(method, path, body, content_type)
        except (http.client.HTTPException, OSError):
            self.connection.close()
            status, text = self._exchange(method, path, body, content_type)
        if not 200 <= status < 300:
            with contextlib.suppress(ValueError, KeyError):
                text = json.loads(text)["message"]
            raise ApiError(status, text)
        return text

    def request(self, method, path, body=None, content_type="application/json"):
        data = None if body is None else json.dumps(body)
        return json.loads(self.raw(method, path, data, content_type))

    def answers(self):
        try:
            self.raw("GET", "/readyz")
        except (OSError, http.client.HTTPException, ApiError):
            self.connection.close()
            return False
        return True

    def create(self, item):
        """Creates it, and gives it the status that it has here."""
        kind, namespace, name = place_of(item)
        made = self.request("POST", path_of(kind, namespace), for_creation(item))
        if item.get("status"):
            made = self.patch_status(kind, namespace, name, item["status"])
        return made

    def patch_status(self, kind, namespace, name, status):
        return self.request("PATCH", path_of(kind, namespace, name) + "/status",
                            {"status": status}, MERGE_PATCH)

    def patch(self, kind, namespace, name, change):
        return self.request("PATCH", path_of(kind, namespace, name), change, MERGE_PATCH)

    def get(self, kind, namespace, name):
        return self.request("GET", path_of(kind, namespace, name))

    def list(self, kind, namespace=None):
        return self.request("GET", path_of(kind, namespace))["items"]

    def delete(self, kind, namespace, name, missing_ok=False):
        """Of pods, too, at once: there is no kubelet that would end them."""
        grace = "?gracePeriodSeconds=0" if kind == "Pod" else ""
        try:
            self.request("DELETE", path_of(kind, namespace, name) + grace)
        except ApiError as error:
            if not missing_ok or error.status != 404:
                raise

    def delete_all(self, kind, namespace=None):
        for item in self.list(kind, namespace):
            metadata = item["metadata"]
            self.delete(kind, metadata.get("namespace"), metadata["name"], missing_ok=True)

    def apply_yaml(self, text):
        """The documents of a file, as they stand there; the server reads YAML itself."""
        for document in re.split(r"^---$", text, flags=re.MULTILINE):
            kind = re.search(r"^kind: (\S+)$", document, re.MULTILINE)
            if kind:
                namespace = re.search(r"^  namespace: (\S+)$", document, re.MULTILINE)
                path = path_of(kind.group(1), namespace.group(1) if namespace else None)
                self.raw("POST", path, document, YAML)

    def bound_token(self, namespace, account, secret=None, seconds=3600):
        """
        A token of a service account, by the TokenRequest API. Bound to a secret, it dies with it.
        """
        spec = {"expirationSeconds": seconds}
        if secret:
            uid = self.get("Secret", namespace, secret)["metadata"]["uid"]
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Secret", "name": secret,
                                      "uid": uid}
        made = self.request("POST", path_of("ServiceAccount", namespace, account) + "/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
        return made["status"]["token"]
