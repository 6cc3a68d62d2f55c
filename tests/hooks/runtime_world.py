# SPDX-License-Identifier: GPL-2.0-or-later
"""
A node with the daemon and container runtimes, and pods that are known by nothing but their
addresses: a runtime without a kubelet says no name that a pod document could have.
"""

import json
import os
import re

from lab import documents, listing, netns, tap
from lab.daemon import NODE_NAME, Daemon
from lab.node import Node, Pod
from lab.streams import Listener
from runtime import NOT_BACK, OWN_PLUGIN, Machine
from runtime import conflist, host_local, own, ptp

WEB = f"sg-0{0xa1:016x}"
EVERYBODY = ["0.0.0.0/0", "::/0"]
OPEN_PORT, CLOSED_PORTS = 8080, (22, 443)
DB4, DB6 = "10.0.2.20", "2001:db8:0:2::20"
SHOWN = 20
# Of a pod, not of the gateway that a bridge is.
POD_FLOW = re.compile(r"=(10\.0\.1\.\d\d|2001:db8:0:1::\w\w)\b")
POD_RANGES = ("10.0.1.0/24", "2001:db8:0:1::/64")

# From its first instruction on, all that the pod's group forbids, over and over; then what it
# permits, until that succeeds. Who gets an answer says so.
ATTACK = f"""
try() {{ echo hello | timeout 2 nc -w 1 "$1" "$2" 2>/dev/null | grep -q hello; }}
look() {{ nslookup -timeout=1 -retry=1 name "$1" >/dev/null 2>&1; }}
for where in {DB4} {DB6}; do
	for port in {' '.join(map(str, CLOSED_PORTS))}; do
		while :; do try $where $port && echo THROUGH $where $port; sleep 0.05; done &
	done
	while :; do look $where && echo THROUGH dns $where; sleep 0.05; done &
	while :; do ping -c 1 -W 1 $where >/dev/null 2>&1 && echo THROUGH ping $where; sleep .05; done &
	until try $where {OPEN_PORT}; do sleep 0.1; done
	echo PERMITTED $where
done
echo STARTED
trap exit TERM
while :; do sleep 3600 & wait $!; done
"""
PERMITTED = [f"PERMITTED {DB4}", f"PERMITTED {DB6}"]
QUIET = "echo STARTED; trap exit TERM; while :; do sleep 3600 & wait $!; done"

# What has come from pods as far as the fabric, whatever became of it there. Without a connection's
# answers: their ports say nothing.
WATCH = """
table inet watch {
	set ports4 { type ipv4_addr . inet_proto . inet_service; flags dynamic; size 65535; }
	set ports6 { type ipv6_addr . inet_proto . inet_service; flags dynamic; size 65535; }
	set pings4 { type ipv4_addr; flags dynamic; size 65535; }
	set pings6 { type ipv6_addr; flags dynamic; size 65535; }
	chain forward { type filter hook forward priority -300;
		iifname != "node0" return
		ct direction reply return
		meta l4proto { tcp, udp } update @ports4 { ip saddr . meta l4proto . th dport }
		meta l4proto { tcp, udp } update @ports6 { ip6 saddr . meta l4proto . th dport }
		icmp type echo-request update @pings4 { ip saddr }
		icmpv6 type echo-request update @pings6 { ip6 saddr }
	}
}
"""


def pod(number, namespace="shop"):
    return Pod(f"pod-{number}", (f"10.0.1.{number}", f"2001:db8:0:1::{number:x}"),
               namespace=namespace)


class World:
    """
    Context manager: the machine runs nothing yet, the daemon has not been started. Pods 21 to 29
    have documents, a group and, once a runtime starts them, an interface.
    """

    NUMBERS = range(21, 30)

    def __init__(self):
        self.node = Node([])
        self.machine = Machine(self.node.name("node"))
        self.daemon = Daemon(self.node)

    def __enter__(self):
        self.node.__enter__()
        try:
            self._furnish()
            self.machine.__enter__()
            self.machine.install(OWN_PLUGIN)
            self.daemon.__enter__()
            self.configure()
            self.write_documents()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, kind, *_):
        if self.daemon.log:
            self.daemon.__exit__(kind)
        self.machine.__exit__()
        for listener in self.listeners:
            listener.close()
        self.node.__exit__()

    listeners = ()

    def _furnish(self):
        node4, node6 = self.node.network.node
        netns.ip_batch([f"route add {POD_RANGES[0]} via {node4} dev node0 onlink",
                        f"-6 route add {POD_RANGES[1]} via {node6} dev node0 onlink"],
                       self.node.name("fabric"))
        self.node.nft(NOT_BACK)
        self.node.nft(WATCH, "fabric")
        self.listeners = [Listener(self.node, "db", port) for port in (OPEN_PORT, *CLOSED_PORTS)]

    def configure(self, **hooks):
        self.daemon.configure(enforcingMode="standard", hooks={
            "journal": self.journal, "attachTimeout": "60s", **hooks})
        self.daemon.write_config()

    @property
    def journal(self):
        return self.daemon.path("journal")

    def write_documents(self):
        permitted = [documents.permission("tcp", OPEN_PORT, OPEN_PORT, EVERYBODY)]
        documents.write(self.daemon.documents, "groups.json", documents.security_groups(
            [documents.security_group(WEB, permitted, permitted)]))
        items = [documents.pod(pod(number), NODE_NAME, {"app": "web"}) for number in self.NUMBERS]
        items.append(documents.policy("shop", "web", [WEB], {"matchLabels": {"app": "web"}}))
        documents.write(self.daemon.documents, "pods.json", documents.listed(items))

    # Chains

    def addresses(self, first, last=None):
        """IPAM that gives a pod both of its number's addresses."""
        ipam = host_local(pod(first).addresses[0], pod(last or first).addresses[0])
        low, high = (pod(number).addresses[1] for number in (first, last or first))
        ipam["ranges"].append([{"subnet": POD_RANGES[1], "rangeStart": low, "rangeEnd": high}])
        ipam["routes"].append({"dst": "::/0"})
        return ipam

    def chain(self, first, last=None, ours=True, base=ptp, **more):
        """Puts a conflist in force whose pods get the numbers from first to last."""
        plugins = [base(self.addresses(first, last))]
        if ours:
            plugins.append(own(self.daemon.path("podsg.yaml")))
        self.machine.write_conflist(conflist(*plugins, **more))

    # What came through

    def _elements(self, name):
        listed = self.node.run("nft", "-j", "list", "set", "inet", "watch", name, who="fabric")
        found = next(item["set"] for item in json.loads(listed.stdout)["nftables"]
                     if "set" in item)
        return found.get("elem", [])

    def seen(self):
        """Address, protocol and port of everything that pods have sent past the node so far."""
        found = set()
        for family in (4, 6):
            for element in self._elements(f"ports{family}"):
                address, protocol, port = element["concat"]
                found.add((address, protocol, port))
            found |= {(address, "ping", 0) for address in self._elements(f"pings{family}")}
        return found

    def forget_seen(self):
        for name in ("ports4", "ports6", "pings4", "pings6"):
            self.node.run("nft", "flush", "set", "inet", "watch", name, who="fabric")

    # What is left

    def branches(self):
        """What the daemon says of its interfaces, by their pods."""
        return {f"{found['namespace']}/{found['name']}": found
                for found in self.daemon.control("pods")["pods"]}

    def journal_files(self):
        if not os.path.isdir(self.journal):
            return []
        return sorted(name for name in os.listdir(self.journal) if name != ".lock")

    def flows(self):
        said = "".join(self.node.run("conntrack", "-L", "-f", family, check=False).stdout
                       for family in ("ipv4", "ipv6"))
        return sorted(line for line in said.splitlines() if POD_FLOW.search(line))

    def state(self):
        """Everything that a pod could leave on its node, as text by kind."""
        def ip(*words):
            # The numbers of interfaces and how long things have lived differ, and mean nothing.
            text = self.node.run("ip", "-o", *words, check=False).stdout
            return sorted(re.sub(r"^\d+: |@if\d+| link-netnsid \d+|\bexpires \S+|  +", " ",
                                 line).strip() for line in text.splitlines())
        return {
            "links": ip("link"),
            "rules": ip("-4", "rule") + ip("-6", "rule"),
            "routes": [route for family in ("-4", "-6")
                       for route in ip(family, "route", "show", "table", "all")],
            "flows": self.flows(),
            "table": listing.normal(self.daemon.ruleset()).splitlines(),
            "journal": self.journal_files(),
            "cached results": self.machine.list("/var/lib/cni/results"),
            "leases": [name for network in self.machine.list("/run/cni-addresses")
                       for name in self.machine.list(f"/run/cni-addresses/{network}")
                       if name != "lock" and not name.startswith("last_reserved_ip")],
        }

    def wait_state(self, expected, timeout=tap.PATIENCE):
        """Until everything is as it was; says what is not."""
        try:
            tap.wait_for(lambda: self.state() == expected, "", timeout, 0.1)
        except tap.Failure:
            found = list(differences(self.state(), expected))
            more = f"and {len(found) - SHOWN} more\n" if len(found) > SHOWN else ""
            raise tap.Failure("\n".join(found[:SHOWN])
                              + f"\n{more}{self.daemon.log_tail()}") from None


def differences(measured, expected):
    for kind, lines in expected.items():
        for line in measured[kind]:
            if line not in lines:
                yield f"left behind, {kind}: {line}"
        for line in lines:
            if line not in measured[kind]:
                yield f"gone, {kind}: {line}"
