# SPDX-License-Identifier: GPL-2.0-or-later
"""Pods on the machine itself, the documents that tell of them, and what filters them."""

import json
import os
import re
import subprocess
import sys

import system
from lab import dns, documents, netns
from lab.daemon import NODE_NAME
from lab.node import Pod, Service
from lab.streams import Listener, can_connect
from lab.tap import check, equal, wait_for
from trunk import RootNode

HERE = os.path.dirname(os.path.abspath(__file__))
README = "/srv/vm/README.md"
TURNS_ON = re.compile(r" +sudo[^#]* systemctl enable [^#]*$")
DOCUMENTS = "/var/lib/podsg/documents"
JOURNAL = "/var/lib/podsg/journal"
CONFIG = "/etc/podsg/podsg.yaml"
COREFILE = "/etc/podsg/Corefile"
CONFLIST = "/etc/cni/net.d/10-aws.conflist"
CHAIN = {"cniVersion": "0.4.0", "name": "aws-cni", "plugins": [{"type": "aws-cni", "mtu": "9001"}]}
NFT_SYNC, DNSCACHE = "podsg-nft-sync.service", "podsg-dnscache.service"
LOCAL, CLUSTER = "169.254.20.10", "172.20.0.10"
INTERFACE = "nodelocaldns"
GROUP = "sg-0123456789abcdef0"
LABELS = {"app": "filtered"}
PORT, FORBIDDEN = 443, 9000
STANDARD = Pod("standard", ("10.0.1.5", "2001:db8:0:1::5"), "standard", 5)
STRICT = Pod("strict", ("10.0.1.6", "2001:db8:0:1::6"), "strict", 6)
PLAIN = Pod("plain", ("10.0.0.60", "2001:db8::60"))
SLOW = 5.0  # seconds to connect, emulated
PATIENCE = 60.0


# systemd goes on with the boot while it waits.
HELD_BACK = f"/etc/systemd/system/{NFT_SYNC}.d/held-back.conf"
GO = "/run/podsg-vm-go"
HOLD = f"""[Service]
Type=exec
WatchdogSec=0
ExecStart=
ExecStart=/bin/sh -c 'until test -e {GO}; do sleep 0.2; done; exec /usr/sbin/podsg-nft-sync'
"""


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def configure(network):
    """As an administrator does it after the installation."""
    write(CONFIG, json.dumps({
        "version": 1, "node": {"name": NODE_NAME}, "vpcCidrs": [network.vpc4, network.vpc6],
        "dns": {"clusterServers": [network.db[0]], "listen": [LOCAL, CLUSTER]}}, indent=2) + "\n")
    write(COREFILE, f". {{\n    errors\n    cache 30\n    forward . {network.db[0]}\n}}\n")


def write_documents(network):
    anywhere = documents.permission("tcp", PORT, PORT, ["0.0.0.0/0", "::/0"])
    server = [documents.permission(protocol, 53, 53, [network.db[0] + "/32"])
              for protocol in ("udp", "tcp")]
    group = documents.security_group(GROUP, (), [anywhere, *server])
    documents.write(DOCUMENTS, "groups.json", documents.security_groups([group]))
    documents.write(DOCUMENTS, "pods.json", documents.listed([
        documents.policy("default", "filtered", [GROUP], {"matchLabels": LABELS}),
        *(documents.pod(pod, NODE_NAME, LABELS) for pod in (STANDARD, STRICT)),
        documents.pod(PLAIN, NODE_NAME, {})]))


def control(*words):
    """podsgctl's answer; None where nobody is there."""
    out = netns.run(["podsgctl", "-o", "json", *words], check=False).stdout
    return json.loads(out) if out.strip() else None


def in_force():
    status = control("status")
    return bool(status and status["kernel"]["inForce"])


def filtered():
    """Whether both pods have their rules."""
    shown = control("pods") or {"pods": []}
    return {pod["name"] for pod in shown["pods"]} >= {"standard", "strict"} and in_force()


def link_kind(name):
    """None: it is not there."""
    out = netns.run(["ip", "-j", "-d", "link", "show", "dev", name], check=False).stdout
    return json.loads(out)[0].get("linkinfo", {}).get("info_kind") if out.strip() else None


def dns_tables():
    lines = netns.run(["nft", "list", "tables"]).stdout.splitlines()
    return [line for line in lines if "podsg-dns" in line]


def hold_back():
    """From the next boot on podsg-nft-sync does nothing until it is let go."""
    os.makedirs(os.path.dirname(HELD_BACK))
    write(HELD_BACK, HOLD)


def let_go():
    os.unlink(HELD_BACK)
    os.rmdir(os.path.dirname(HELD_BACK))
    write(GO, "")


def start(script, *arguments):
    """One of this directory's, in a process of its own, until its standard input ends."""
    process = subprocess.Popen([sys.executable, os.path.join(HERE, script), *arguments], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               preexec_fn=netns.die_with_parent)
    check(process.stdout.readline() == "begun\n", f"{script} has not begun")
    return process


class World:
    """Context manager: a node with its pods, a server that listens, the cluster's DNS server."""

    def __enter__(self):
        services = [Service(CLUSTER, protocol, dns.PORT, self.network().db[0], dns.PORT)
                    for protocol in ("udp", "tcp")]
        self.node = RootNode([STANDARD, STRICT, PLAIN], services).__enter__()
        self.listeners = [Listener(self.node, "db", port) for port in (PORT, FORBIDDEN)]
        self.cluster = start("answers.py", self.node.name("db"), *self.network().db)
        return self

    def __exit__(self, *_):
        self.cluster.communicate()
        for listener in self.listeners:
            listener.close()
        self.node.__exit__()

    @staticmethod
    def network():
        return RootNode.__init__.__defaults__[1]

    def resolves(self, who, server, patience=SLOW):
        answer = dns.exchange(self.node.name(who), server, "udp",
                              dns.question(f"q{next(dns.numbers)}.example"), patience)
        return answer is not None and answer[3] & 15 == 0

    def expect_filtered(self):
        """Both modes and families: what the group permits goes through, all else does not."""
        for who in ("standard", "strict"):
            for address in self.network().db:
                check(can_connect(self.node, who, address, PORT, SLOW),
                      f"{who} cannot connect to {address} port {PORT}")
                check(not can_connect(self.node, who, address, FORBIDDEN, 1.0),
                      f"{who} connects to {address} port {FORBIDDEN}")
        check(can_connect(self.node, "plain", self.network().db[0], FORBIDDEN, SLOW),
              "an ordinary pod is filtered")

    def expect_names(self):
        for who in ("standard", "strict", "plain", "node"):
            for server in (LOCAL, CLUSTER):
                wait_for(lambda who=who, server=server: self.resolves(who, server),
                         f"{who} resolves a name at {server}", PATIENCE)

    def traffic_of(self):
        """What traffic.Traffic is to be: permitted streams, an intruder, who asks for names."""
        network = self.network()
        return ([("standard", network.db[0], PORT), ("strict", network.db[1], PORT)],
                ("db", network.db[0], STANDARD.addresses[0], FORBIDDEN, "standard"),
                ("plain", LOCAL))


def readme_lines():
    """What it says of each part; podsg.yaml is edited already."""
    with open(README, encoding="utf-8") as file:
        lines = [line.strip() for line in file if TURNS_ON.match(line)]
    equal(len(lines), 3, f"lines that turn a part on: {lines}")
    return [line.replace(f"sudoedit {CONFIG} && ", "").replace("sudo ", "") for line in lines]


def turn_on():
    """The three parts, as README says."""
    for line in readme_lines():
        system.run("sh", "-ec", line)
    for unit in (NFT_SYNC, DNSCACHE, "podsg-boot.service", "podsg-conflist.path"):
        system.must_be_active(unit)
    wait_for(filtered, "both pods have their rules", PATIENCE, step=0.2)
    equal(link_kind(INTERFACE), "dummy", f"what {INTERFACE} is")


def plugins():
    """The types of the node's CNI chain, in order."""
    with open(CONFLIST, encoding="utf-8") as file:
        return [plugin["type"] for plugin in json.load(file)["plugins"]]


def journal_entries():
    """Sandboxes; the rest are the journal's own files."""
    names = os.listdir(JOURNAL) if os.path.isdir(JOURNAL) else []
    return sorted(name for name in names if not name.startswith("."))
