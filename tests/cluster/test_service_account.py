#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The account of packaging/kubernetes with a token bound to the node's Secret, as README has it made:
the daemon does all its work with it, uses every right that it has, and has no other.
"""

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "netns")]
sys.dont_write_bytecode = True

import control_plane  # noqa: E402
from api import HOST, PORT, ApiError, path_of  # noqa: E402
from control_plane import ACCOUNT  # noqa: E402
from lab import daemon as daemons  # noqa: E402
from lab import documents, tap  # noqa: E402
from lab.daemon import CONTROL, NODE_NAME, ROOT  # noqa: E402
from lab.tap import Failure, check, equal, wait_for  # noqa: E402
from world import API, NAMESPACE, WEB, World, local_pod  # noqa: E402

NODE_TOKEN = os.path.join(ROOT, "packaging", "kubernetes", "node-token.yaml")
SECRET = (ACCOUNT[0], f"podsg-{NODE_NAME}")
YEAR = 8760 * 3600  # --duration 8760h
REVOKED_WITHIN = 30.0  # the server remembers for some seconds what it has said of a token
FOLLOWED_WITHIN = 60.0

# verb, API group, resource, name: all that it may do, in every namespace and in kube-system only.
EVERYWHERE = {(verb, group, resource, "") for verb in ("list", "watch") for group, resource in (
    ("", "pods"), ("", "serviceaccounts"), ("", "nodes"),
    ("vpcresources.k8s.aws", "securitygrouppolicies"), ("vpcresources.k8s.aws", "cninodes"))} | {
    ("create", "", "events", "")}
DNS_ONLY = {(verb, *what) for verb in ("list", "watch") for what in (
    ("", "services", "kube-dns"), ("discovery.k8s.io", "endpointslices", ""))}
FORBIDDEN = (
    ("GET", path_of("Secret")), ("GET", path_of("Secret", *SECRET)),
    ("GET", path_of("Service", "kube-system")), ("GET", path_of("Service", "default")),
    ("GET", path_of("EndpointSlice", NAMESPACE)), ("GET", path_of("Event", NAMESPACE)),
    ("GET", path_of("Pod", NAMESPACE, "web")), ("DELETE", path_of("Pod", NAMESPACE, "web")),
    ("GET", path_of("Node", None, NODE_NAME)), ("PATCH", path_of("Node", None, NODE_NAME)),
    ("POST", path_of("Pod", NAMESPACE)), ("POST", path_of("SecurityGroupPolicy", NAMESPACE)),
    ("POST", path_of("ServiceAccount", *ACCOUNT) + "/token"),
    ("POST", path_of("ClusterRoleBinding")),
)
URI = re.compile(r"/(?:api|apis/(?P<group>[^/]+))/v\w+(?:/namespaces/(?P<namespace>[^/?]+))?"
                 r"/(?P<resource>[a-z]+)(?:/[^?]*)?(?:\?(?P<query>.*))?")


def apply_node_token(world):
    with open(NODE_TOKEN, encoding="utf-8") as file:
        world.api.apply_yaml(file.read().replace("podsg-NODE", f"podsg-{NODE_NAME}"))


def create_token(world):
    """As kubectl create token; returns it."""
    token = world.api.bound_token(*ACCOUNT, SECRET[1], YEAR)
    path = world.plane.path("token")
    with open(path + ".new", "w", encoding="ascii", opener=lambda name, flags: os.open(
            name, flags, 0o600)) as file:
        file.write(token + "\n")
    os.rename(path + ".new", path)
    return token


def write_kubeconfig(world):
    path = world.plane.path("kubeconfig")
    argv = [CONTROL, "kubeconfig", "--server", f"https://{HOST}:{PORT}", "--token-file",
            world.plane.path("token"), "--ca-file", world.plane.authority.path("ca.crt"),
            "--output", path]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "podsgctl kubeconfig")
    world.daemon.configure(sources={"kubernetes": {"kubeconfig": path}})


def claims(token):
    middle = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))


class Account:
    """The daemon with its token, from the first step of the documentation on."""

    def __init__(self, world):
        self.world = world
        self.numbers = iter(range(10, 100))

    def pod_is_followed(self, timeout=10.0):
        pod = local_pod(next(self.numbers))
        self.world.create_pod(pod, {"app": "web"})
        self.world.wait_groups(pod, [WEB], timeout)
        return pod

    def refused(self, token, method, path):
        """The status; 0: it is not."""
        client = self.world.plane.client(token)
        try:
            client.raw(method, path, None if method in ("GET", "DELETE") else "{}")
        except ApiError as error:
            return error.status
        finally:
            client.close()
        return 0

    def rules(self, namespace):
        client = self.world.plane.client(self.token)
        try:
            review = client.request(
                "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
                {"kind": "SelfSubjectRulesReview", "apiVersion": "authorization.k8s.io/v1",
                 "spec": {"namespace": namespace}})
        finally:
            client.close()
        check(not review["status"]["incomplete"], "the list of rights is incomplete")
        return {(verb, group, resource, name) for rule in review["status"]["resourceRules"]
                for verb in rule["verbs"] for group in rule["apiGroups"]
                for resource in rule["resources"] for name in rule.get("resourceNames") or [""]
                # What everybody who has logged in may ask about himself.
                if group != "authorization.k8s.io"}

    def requests(self):
        """(verb, API group, resource, namespace), name or "", status."""
        for verb, uri, status in self.world.plane.requests():
            found = URI.fullmatch(uri)
            if found is None or found["group"] == "authorization.k8s.io":
                continue
            query = urllib.parse.parse_qs(found["query"] or "")
            name = re.fullmatch(r"metadata\.name=(.*)", query.get("fieldSelector", [""])[0])
            name = name[1] if name and found["namespace"] else ""
            yield (verb, found["group"] or "", found["resource"], name), found["namespace"], status

    def used(self, in_kube_system):
        return {what for what, namespace, _ in self.requests()
                if (namespace == ACCOUNT[0]) == in_kube_system}

    # Cases

    def made_as_documented(self):
        world = self.world
        apply_node_token(world)
        self.token = create_token(world)
        said = claims(self.token)
        equal(said["exp"] - said["iat"], YEAR, "seconds that the token is good for")
        equal(said["kubernetes.io"]["secret"]["name"], SECRET[1], "what it is bound to")
        write_kubeconfig(world)
        world.create_policy("web", [WEB], {"matchLabels": {"app": "web"}})
        world.start()
        world.wait_current()
        world.wait_event(self.pod_is_followed(), "SecurityGroupsEnforced", WEB)

    def rights_are_these(self):
        equal(self.rules(NAMESPACE), EVERYWHERE, f"rights in {NAMESPACE}")
        equal(self.rules(ACCOUNT[0]), EVERYWHERE | DNS_ONLY, f"rights in {ACCOUNT[0]}")

    def every_right_is_used(self):
        """As the server's audit log has it: a watch stands there when it has ended."""
        world = self.world
        world.create_policy("accounts", [API], None, {"matchLabels": {"team": "pay"}})
        world.api.create(documents.service_account(NAMESPACE, "worker", {"team": "pay"}))
        pod = local_pod(next(self.numbers))
        world.create_pod(pod, {"app": "none"}, "worker")
        world.wait_groups(pod, [API])
        world.stop()
        with contextlib.suppress(Failure):
            wait_for(lambda: self.used(True) >= DNS_ONLY and self.used(False) >= EVERYWHERE, "")
        equal(self.used(True), DNS_ONLY, "rights that were used in kube-system")
        equal(self.used(False), EVERYWHERE, "rights that were used elsewhere")
        refused = [what for what, _, status in self.requests() if status in (401, 403)]
        equal(refused, [], "requests that were refused")
        world.start()

    def all_else_is_forbidden(self):
        allowed = [what for what in FORBIDDEN if self.refused(self.token, *what) != 403]
        equal(allowed, [], "requests that were not refused with 403")

    def dies_with_the_secret(self):
        """Rules stay, the status says why; the daemon goes on with the token that comes next."""
        world = self.world
        pod = self.pod_is_followed()
        world.api.delete("Secret", *SECRET)
        wait_for(lambda: self.refused(self.token, "GET", path_of("Pod")) == 401,
                 "the token is refused", REVOKED_WITHIN, 0.2)
        world.plane.restart()
        wait_for(lambda: any("401" in source.get("error", "")
                             for source in world.following().values()), "the status says 401",
                 FOLLOWED_WITHIN, 0.2)
        equal(world.groups_of(pod), [WEB], "groups of a pod meanwhile")
        apply_node_token(world)
        self.token = create_token(world)
        self.pod_is_followed(FOLLOWED_WITHIN)
        world.wait_current()

    def renewed_before_the_end(self):
        """A server may grant less than is asked for, and says so in the token."""
        world = self.world
        world.plane.restart("--service-account-max-token-expiration=1h")
        old = self.token
        time.sleep(1.1)  # a token says its seconds
        self.token = create_token(world)
        said = claims(self.token)
        equal(said["exp"] - said["iat"], 3600, "seconds that the token is good for")
        check(self.token != old, "the token is the one of before")
        self.pod_is_followed(FOLLOWED_WITHIN)
        world.wait_current()


CASES = (
    ("made as documented: rules in force, and an event says so", Account.made_as_documented),
    ("its rights are what is listed here", Account.rights_are_these),
    ("every right is used", Account.every_right_is_used),
    ("all else is forbidden", Account.all_else_is_forbidden),
    ("the token dies with its Secret, and the next one is taken up", Account.dies_with_the_secret),
    ("a server may grant less time than is asked for", Account.renewed_before_the_end),
)


def main():
    daemons.need(control_plane.missing)
    program = tap.Program()
    with World() as world:
        account = Account(world)
        for name, function in CASES:
            program.case(name, function, account)
        world.stop()
        world.daemon.keep = bool(program.failed)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
