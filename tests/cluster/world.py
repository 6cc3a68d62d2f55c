# SPDX-License-Identifier: GPL-2.0-or-later
"""A node whose daemon follows a real API server, and the objects that tests make there."""

import json
import os
import re

from control_plane import ACCOUNT, ControlPlane
from lab import documents, netns
from lab.bare import Bare
from lab.daemon import NODE_NAME, Daemon
from lab.node import Pod
from lab.tap import Failure, wait_for

PATIENCE = 10.0
START_TIMEOUT = 60.0
EVERYBODY = ["0.0.0.0/0", "::/0"]
OTHER_NODE = "ip-10-0-0-11.us-west-2.compute.internal"
NAMESPACE = "shop"
WEB, API, LEDGER, RESOLVED, UNKNOWN = (f"sg-0{number:016x}"
                                       for number in (0xa1, 0xa2, 0xb1, 0xc1, 0xff))
DNS_SERVER, OTHER_DNS_SERVER = "10.0.3.53", "10.0.4.53"


def groups():
    """ledger's rules refer to web: its members are needed from all over the cluster."""
    allowed = documents.permission
    return documents.security_groups([
        documents.security_group(WEB, [allowed("tcp", 8080, 8080, EVERYBODY)]),
        documents.security_group(API, [allowed("tcp", 8081, 8081, EVERYBODY)]),
        documents.security_group(LEDGER, [allowed("tcp", 9000, 9000, [WEB])]),
        documents.security_group(RESOLVED, [], [allowed("udp", 53, 53, [DNS_SERVER + "/32"])]),
    ])


def local_pod(number, name=None, mode="strict"):
    """Of this node. Numbers are VLANs, so no two pods of a test may share one."""
    return Pod(name or f"pod-{number}", (f"10.0.1.{number}", f"2001:db8:0:1::{number:x}"), mode,
               number, NAMESPACE)


def remote_pod(number):
    """Of another node; its VLAN there means nothing here."""
    address = f"10.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
    return Pod(f"remote-{number}", (address,), "strict", number % 100 + 1, NAMESPACE)


class World:
    """Context manager: namespace, control plane, and a daemon that has not been started."""

    def __init__(self, node=None, daemon=None):
        self.node = node or Bare()
        self.plane = ControlPlane(self.node.name("node"))
        self.daemon = daemon or Daemon(self.node)
        self.links = []

    def __enter__(self):
        self.node.__enter__()
        try:
            self.plane.__enter__()
            self.api = self.plane.api
            self.daemon.__enter__()
            documents.write(self.daemon.documents, "groups.json", groups())
            self._furnish()
            self.use(self.token_user())
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, kind, *_):
        if self.daemon.log:
            self.daemon.__exit__(kind)
        self.plane.__exit__()
        self.node.__exit__()

    def _furnish(self):
        self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        self.api.create(documents.service_account(NAMESPACE, "default"))
        for name in (NODE_NAME, OTHER_NODE):
            self.api.create({
                "apiVersion": "v1", "kind": "Node",
                "metadata": {"name": name, "labels": {"kubernetes.io/os": "linux"}},
                "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.10"}]}})

    # The daemon

    def token_user(self):
        return {"token": self.api.bound_token(*ACCOUNT)}

    def use(self, user, **more):
        """From the next start on, the daemon is that user, of a kubeconfig."""
        kubeconfig = self.plane.kubeconfig("kubeconfig", user)
        self.daemon.configure(sources={"kubernetes": {"kubeconfig": kubeconfig}}, **more)

    def start(self):
        self.daemon.start(START_TIMEOUT)

    def stop(self):
        status = self.daemon.stop()
        if status not in (0, None):
            raise Failure(f"the daemon ended with status {status}:\n{self.daemon.log_tail()}")

    def restart(self):
        self.stop()
        self.start()

    def following(self):
        """What the status says of each thing that the Kubernetes source follows, by its name."""
        sources = self.daemon.control("status")["sources"]
        return {source["name"]: source for source in sources if source["kind"] == "kubernetes"}

    def all_current(self):
        followed = self.following()
        return followed and all(source["state"] in ("good", "absent")
                                for source in followed.values())

    def wait_current(self, timeout=60.0):
        wait_for(self.all_current, "everything is followed", timeout, 0.1)

    def commits(self):
        return self.daemon.control("status")["kernel"]["lastCommit"]["commits"]

    # What it makes of the cluster

    def pods(self):
        return {f"{pod['namespace']}/{pod['name']}": pod
                for pod in self.daemon.control("pods")["pods"]}

    def groups_of(self, pod):
        """None where the daemon does not know the pod."""
        found = self.pods().get(f"{pod.namespace}/{pod.name}")
        return found and found["groups"]

    def wait_groups(self, pod, expected, timeout=PATIENCE):
        try:
            wait_for(lambda: self.groups_of(pod) == expected, "", timeout)
        except Failure:
            raise Failure(f"{pod.name} has the groups {self.groups_of(pod)}, expected {expected}; "
                          f"the daemon's log ends:\n{self.daemon.log_tail()}") from None

    def members(self, group):
        """IPv4 addresses that the kernel holds as the group's members."""
        listing = netns.run(["nft", "list", "set", "inet", "podsg", f"members-{group}-4"],
                            name=self.node.name("node"), check=False).stdout
        return set(re.findall(r"\b10\.\d+\.\d+\.\d+", listing))

    def wait_members(self, group, expected, timeout=PATIENCE):
        try:
            wait_for(lambda: self.members(group) == set(expected), "", timeout)
        except Failure:
            found = self.members(group)
            raise Failure(f"members of {group}: {len(found)}, expected {len(expected)}; missing "
                          f"{sorted(set(expected) - found)[:5]}, too many "
                          f"{sorted(found - set(expected))[:5]}") from None

    def dns_of(self, pod):
        """What branches.json says of the pod and DNS."""
        try:
            with open(self.daemon.path("branches.json"), encoding="utf-8") as file:
                branches = json.load(file)["branches"]
        except FileNotFoundError:
            return None
        return next((branch["dns"] for branch in branches
                     if branch["pod"] == f"{pod.namespace}/{pod.name}"), None)

    def events(self, pod):
        """Reasons and messages of our events on the pod."""
        return [(event["reason"], event["message"]) for event in self.api.list("Event", NAMESPACE)
                if event["involvedObject"].get("name") == pod.name
                and event["source"].get("component") == "podsg-nft-sync"]

    def wait_event(self, pod, reason, *words):
        def said():
            return any(found == reason and all(word in message for word in words)
                       for found, message in self.events(pod))
        try:
            wait_for(said, "", 20.0, 0.1)
        except Failure:
            raise Failure(f"no event {reason} with {words} on {pod.name}; there are "
                          f"{self.events(pod)}") from None

    # The cluster

    def create_pod(self, pod, labels, account="default", node=NODE_NAME, **more):
        if node == NODE_NAME:
            self.node.add_links([pod])
            self.links.append(pod)
        return self.api.create(documents.pod(pod, node, labels, account, **more))

    def create_policy(self, name, ids, pods=None, accounts=None):
        return self.api.create(documents.policy(NAMESPACE, name, ids, pods, accounts))

    def delete_links(self, *pods):
        self.node.delete_links(pods)
        self.links = [pod for pod in self.links if pod not in pods]

    def clear(self):
        """No pod, policy, account or event of a case meets the next one."""
        for kind in ("SecurityGroupPolicy", "Pod", "Event"):
            self.api.delete_all(kind, NAMESPACE)
        for account in self.api.list("ServiceAccount", NAMESPACE):
            if account["metadata"]["name"] != "default":
                self.api.delete("ServiceAccount", NAMESPACE, account["metadata"]["name"])
        self.delete_links(*self.links)
        if self.daemon.process:
            wait_for(lambda: not self.pods(), "the daemon has forgotten the pods", 60.0)

    def cleared(self, function, *arguments):
        """Runs a case, and leaves nothing of it behind."""
        try:
            function(self, *arguments)
        finally:
            self.clear()

    def write_script(self, name, text):
        path = self.plane.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)
        return path
