# SPDX-License-Identifier: GPL-2.0-or-later
"""
A throw-away Kubernetes node shaped like the VPC CNI's, and the VPC around it:

    pods -- host veths -- NODE -- eth0 -------- FABRIC -- db    (all of the VPC behind the router)
                               \\_ vlan.eth.N _/       \\_ inet  (everything outside it)

The fabric delivers a packet for a pod with a branch ENI to that pod's vlan.eth.N link, everything
else of the node to eth0, and filters nothing. A vlan.eth.N is one end of a veth pair: who looks
at the node sees the names, routes and rules that the VPC CNI makes.
"""

import dataclasses
import hashlib
import ipaddress

from . import netns

MTU = 9001
INTERNET_MTU = 1500
FABRIC_MAC = "02:00:00:00:00:01"
NODE_MAC = "02:00:00:00:00:0a"
POD_GATEWAY = {4: "169.254.1.1", 6: "fe80::1"}
BRANCH_GATEWAY6 = "fe80:ec2::1"
SNAT_MARK = 0x80


@dataclasses.dataclass(frozen=True)
class Pod:
    """mode "" is an ordinary pod. vlan 0: no branch ENI, the pod lives on the primary interface."""

    name: str
    addresses: tuple
    mode: str = ""
    vlan: int = 0
    namespace: str = "default"
    uid: str = ""

    @property
    def interface(self):
        digest = hashlib.sha1(f"{self.namespace}.{self.name}".encode()).hexdigest()[:11]
        return ("vlan" if self.mode == "strict" else "eni") + digest

    @property
    def device(self):
        return f"vlan.eth.{self.vlan}" if self.vlan else ""

    @property
    def mac(self):
        return f"02:00:00:01:{self.vlan >> 8:02x}:{self.vlan & 255:02x}"

    @property
    def host_mac(self):
        digest = hashlib.sha1(self.interface.encode()).digest()
        return ":".join(f"{byte:02x}" for byte in b"\x0a\x00" + digest[:4])

    def address(self, family):
        for address in self.addresses:
            if ipaddress.ip_address(address).version == family:
                return address
        return None

    def owns(self, address):
        return ipaddress.ip_address(address) in [ipaddress.ip_address(a) for a in self.addresses]


@dataclasses.dataclass(frozen=True)
class Service:
    """What kube-proxy makes of a Service with one endpoint; address None: a NodePort."""

    address: str | None
    protocol: str
    port: int
    backend: str
    backend_port: int

    def rule(self):
        family = "ip6" if ipaddress.ip_address(self.backend).version == 6 else "ip"
        target = f"[{self.backend}]" if family == "ip6" else self.backend
        if self.address:
            match = f"{family} daddr {self.address}"
        else:
            match = f"meta nfproto {'ipv6' if family == 'ip6' else 'ipv4'} fib daddr type local"
        return (f"{match} {self.protocol} dport {self.port} "
                f"dnat {family} to {target}:{self.backend_port}")


@dataclasses.dataclass(frozen=True)
class Network:
    """The addresses of everything that is not a pod. The defaults are documentation ranges."""

    vpc4: str = "10.0.0.0/16"
    vpc6: str = "2001:db8::/48"
    node: tuple = ("10.0.0.10", "2001:db8::10")
    gateway: tuple = ("10.0.0.1", "2001:db8::1")
    node_subnets: tuple = ("10.0.0.0/24", "2001:db8::/64")
    resolver: str = "10.0.0.2"
    branch_gateway: str = "10.0.1.1"
    db: tuple = ("10.0.2.20", "2001:db8:0:2::20")
    internet: tuple = ("203.0.113.10", "2001:db8:ffff::10")

    def in_vpc(self, address):
        parsed = ipaddress.ip_address(address)
        return parsed in ipaddress.ip_network(self.vpc4 if parsed.version == 4 else self.vpc6)


def family_of(address):
    return ipaddress.ip_address(address).version


def rule(address):
    """A batch has one family for rules that name no address; IPv6 ones go into a second one."""
    return "rule" if family_of(address) == 4 else "-6 rule"


def everything(address):
    return "0.0.0.0/0" if family_of(address) == 4 else "::/0"


def bits(address):
    return 32 if family_of(address) == 4 else 128


COMMON_SYSCTLS = {
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
    "net.ipv6.conf.all.disable_ipv6": 0,
    "net.ipv6.conf.default.disable_ipv6": 0,
    "net.ipv6.conf.default.accept_dad": 0,
    "net.ipv6.conf.default.accept_ra": 0,
    "net.ipv6.conf.default.router_solicitations": 0,
}
ROUTER_SYSCTLS = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
    "net.ipv4.conf.all.send_redirects": 0,
    "net.ipv4.conf.default.send_redirects": 0,
}
NODE_SYSCTLS = {"net.ipv4.tcp_early_demux": 0, "net.ipv4.udp_early_demux": 0}

# Observers must not answer what they only watch: an answer would be a flow of its own.
MUTE = """
table inet mute {
	chain input {
		type filter hook input priority 0; policy drop;
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept
		iifname "lo" accept
	}
}
"""


class Node:
    """Context manager: the namespaces exist inside the block only."""

    def __init__(self, pods, services=(), network=Network(), tag=""):
        self.pods = list(pods)
        self.services = list(services)
        self.network = network
        self.prefix = netns.own_prefix(tag)
        self.by_name = {pod.name: pod for pod in self.pods}
        self.by_interface = {pod.interface: pod for pod in self.pods}

    def name(self, who):
        return f"{self.prefix}-{who}"

    @property
    def names(self):
        return [self.name(who) for who in ("node", "fabric", "db", "inet", *self.by_name)]

    def __enter__(self):
        netns.cleanup()
        try:
            self._create()
        except BaseException:
            netns.delete(self.names)
            raise
        return self

    def __exit__(self, *_):
        netns.delete(self.names)

    def pod_at(self, address):
        return next((pod for pod in self.pods if pod.owns(address)), None)

    def who_has(self, address):
        """The name of the namespace that a packet for the address ends up in."""
        pod = self.pod_at(address)
        if pod:
            return pod.name
        if address in self.network.node:
            return "node"
        return "db" if self.network.in_vpc(address) else "inet"

    def nft(self, text, who="node"):
        return netns.nft(self.name(who), text)

    def run(self, *argv, who="node", check=True):
        return netns.run(list(argv), name=self.name(who), check=check)

    def mute(self, *whom):
        for who in whom:
            self.nft(MUTE, who)

    def mute_all(self):
        self.mute("db", "inet", *self.by_name)

    def forget_flows(self):
        self.run("conntrack", "-F")

    def add_pod(self, pod):
        """A pod that is created while the node runs, as the CNI's ADD does it."""
        self.pods.append(pod)
        self.by_name[pod.name] = pod
        self.by_interface[pod.interface] = pod
        netns.ip_batch([f"netns add {self.name(pod.name)}"])
        netns.sysctls(self.name(pod.name), COMMON_SYSCTLS)
        netns.ip_batch(self._pod_links(pod))
        netns.ip_batch(self._pod_side(pod), self.name(pod.name))
        netns.ip_batch(self._node_side(pod), self.name("node"))
        netns.ip_batch(self._fabric_side(pod), self.name("fabric"))

    def remove_pod(self, pod):
        """As a DEL that works: the namespace and, with it, the veth; device, rules, routes."""
        netns.delete([self.name(pod.name)])
        lines = []
        for address in pod.addresses:
            if pod.mode == "strict":
                lines += [f"{rule(address)} del pref 10 iif {pod.interface}",
                          f"{rule(address)} del pref 10 iif {pod.device}"]
            else:
                lines.append(f"{rule(address)} del pref 512 to {address}")
                if pod.vlan:
                    lines.append(f"{rule(address)} del pref 1536 from {address}")
        if pod.vlan:
            lines.append(f"link del {pod.device}")
        netns.ip_batch(lines, self.name("node"))
        self.pods.remove(pod)
        del self.by_name[pod.name], self.by_interface[pod.interface]

    def _create(self):
        netns.ip_batch([f"netns add {name}" for name in self.names])
        for name in self.names:
            netns.sysctls(name, COMMON_SYSCTLS)
        for who in ("node", "fabric"):
            netns.sysctls(self.name(who), ROUTER_SYSCTLS)
        netns.sysctls(self.name("node"), NODE_SYSCTLS)
        netns.ip_batch(self._fabric_links() + self._of_pods(self._pod_links))
        netns.sysctls(self.name("node"), {"net.ipv4.conf.eth0.rp_filter": 2})
        for pod in self.pods:
            netns.ip_batch(self._pod_side(pod), self.name(pod.name))
        netns.ip_batch(self._node_base() + self._of_pods(self._node_side), self.name("node"))
        netns.ip_batch(self._fabric_base() + self._of_pods(self._fabric_side),
                       self.name("fabric"))
        netns.ip_batch(self._host(self.network.db), self.name("db"))
        netns.ip_batch(self._host(self.network.internet), self.name("inet"))
        self.nft(self.foreign_rules())

    def _of_pods(self, lines_of):
        return [line for pod in self.pods for line in lines_of(pod)]

    def _veth(self, name, at, peer, peer_at, mac="", peer_mac="", mtu=MTU):
        address = f"address {mac}" if mac else ""
        peer_address = f"address {peer_mac}" if peer_mac else ""
        return (f"link add {name} {address} mtu {mtu} netns {self.name(at)} type veth "
                f"peer name {peer} {peer_address} mtu {mtu} netns {self.name(peer_at)}")

    def _fabric_links(self):
        return [
            self._veth("eth0", "node", "node0", "fabric", NODE_MAC, FABRIC_MAC),
            self._veth("eth0", "db", "db0", "fabric", "02:00:00:00:00:0b", FABRIC_MAC),
            self._veth("eth0", "inet", "inet0", "fabric", "02:00:00:00:00:0c", FABRIC_MAC,
                       mtu=INTERNET_MTU),
        ]

    def _pod_links(self, pod):
        lines = [self._veth(pod.interface, "node", "eth0", pod.name, pod.host_mac)]
        if pod.vlan:
            lines.append(self._veth(pod.device, "node", f"b{pod.vlan}", "fabric", pod.mac,
                                    FABRIC_MAC))
        return lines

    def _pod_side(self, pod):
        lines = ["link set lo up", "link set eth0 up"]
        for address in pod.addresses:
            family = family_of(address)
            gateway = POD_GATEWAY[family]
            nodad = "nodad" if family == 6 else ""
            lines += [
                f"address add {address}/{bits(address)} dev eth0 {nodad}",
                f"neighbour replace {gateway} lladdr {pod.host_mac} dev eth0 nud permanent",
                f"route add {gateway}/{bits(gateway)} dev eth0 scope link",
                f"route add {everything(address)} via {gateway} dev eth0",
            ]
        return lines

    def _node_base(self):
        lines = ["link set lo up", "link set eth0 up"]
        for address, gateway, subnet in zip(self.network.node, self.network.gateway,
                                            self.network.node_subnets):
            family = family_of(address)
            length = subnet.split("/")[1]
            lines += [
                f"address add {address}/{length} dev eth0 {'nodad' if family == 6 else ''}",
                f"neighbour replace {gateway} lladdr {FABRIC_MAC} dev eth0 nud permanent",
                f"route add {everything(address)} via {gateway} dev eth0",
                f"{rule(address)} add pref 20 lookup local",
                f"{rule(address)} del pref 0",
            ]
        lines.append(f"neighbour replace {self.network.resolver} lladdr {FABRIC_MAC} dev eth0 "
                     "nud permanent")
        lines.append(f"-6 rule add pref 0 from {BRANCH_GATEWAY6} ipproto ipv6-icmp lookup local")
        lines.append(f"rule add pref 1024 fwmark {SNAT_MARK:#x}/{SNAT_MARK:#x} lookup main")
        return lines

    def _node_side(self, pod):
        lines = [f"link set {pod.interface} up"]
        if pod.vlan:
            lines.append(f"link set {pod.device} up")
        for address in pod.addresses:
            lines += self._branch_table(pod, address) if pod.vlan else []
            lines += self._pod_rules(pod, address)
        return lines

    def _branch_table(self, pod, address):
        family = family_of(address)
        gateway = self.network.branch_gateway if family == 4 else BRANCH_GATEWAY6
        table = 100 + pod.vlan
        return [
            f"neighbour replace {gateway} lladdr {FABRIC_MAC} dev {pod.device} nud permanent",
            f"route add {gateway}/{bits(gateway)} dev {pod.device} scope link table {table}",
            f"route add {everything(address)} via {gateway} dev {pod.device} onlink table {table}",
        ]

    def _pod_rules(self, pod, address):
        host = f"{address}/{bits(address)}"
        scope = "scope link" if family_of(address) == 4 else ""
        if pod.mode == "strict" and pod.vlan:
            table = 100 + pod.vlan
            return [
                f"{rule(address)} add pref 10 iif {pod.device} lookup {table}",
                f"{rule(address)} add pref 10 iif {pod.interface} lookup {table}",
                f"route add {host} dev {pod.interface} {scope} table {table}",
            ]
        lines = [f"route add {host} dev {pod.interface} {scope}",
                 f"{rule(address)} add pref 512 to {host} lookup main"]
        if pod.vlan:
            lines.append(f"{rule(address)} add pref 1536 from {host} lookup {100 + pod.vlan}")
        return lines

    def _fabric_base(self):
        network = self.network
        lines = [f"link set {name} up" for name in ("lo", "node0", "db0", "inet0")]
        for index, family in enumerate((4, 6)):
            vpc = network.vpc4 if family == 4 else network.vpc6
            gateway, node = network.gateway[index], network.node[index]
            db, internet = network.db[index], network.internet[index]
            lines += [
                f"address add {gateway}/{bits(gateway)} dev node0 {'nodad' if family == 6 else ''}",
                f"neighbour replace {node} lladdr {NODE_MAC} dev node0 nud permanent",
                f"neighbour replace {db} lladdr 02:00:00:00:00:0b dev db0 nud permanent",
                f"neighbour replace {internet} lladdr 02:00:00:00:00:0c dev inet0 nud permanent",
                f"route add {node}/{bits(node)} dev node0",
                f"route add {vpc} via {db} dev db0 onlink",
                f"route add {everything(internet)} via {internet} dev inet0 onlink",
            ]
        return lines

    def _fabric_side(self, pod):
        lines = [f"link set b{pod.vlan} up"] if pod.vlan else []
        for address in pod.addresses:
            host = f"{address}/{bits(address)}"
            if pod.vlan:
                lines += [f"neighbour replace {address} lladdr {pod.mac} dev b{pod.vlan} "
                          "nud permanent",
                          f"route replace {host} dev b{pod.vlan}"]
            else:
                node = self.network.node[0 if family_of(address) == 4 else 1]
                lines.append(f"route replace {host} via {node} dev node0 onlink")
        return lines

    def _host(self, addresses):
        lines = ["link set lo up", "link set eth0 up"]
        for address, gateway in zip(addresses, self.network.gateway):
            family = family_of(address)
            lines += [
                f"address add {address}/{bits(address)} dev eth0 {'nodad' if family == 6 else ''}",
                f"neighbour replace {gateway} lladdr {FABRIC_MAC} dev eth0 nud permanent",
                f"route add {everything(address)} via {gateway} dev eth0 onlink",
            ]
        return lines

    def foreign_rules(self):
        """
        What other tools have on a node: kube-proxy's DNAT, and the CNI's marks and source NAT for
        traffic that leaves the VPC by the primary interface.
        """
        services = "\n".join("\t\t" + service.rule() for service in self.services)
        vpc = self.network.vpc4
        return f"""
table inet kube-proxy-like {{
	chain services {{
{services}
	}}
	chain prerouting {{ type nat hook prerouting priority -100; jump services; }}
	chain output {{ type nat hook output priority -100; jump services; }}
	chain hairpin {{ type nat hook postrouting priority 100;
{self._hairpins()}
	}}
}}
table ip aws-cni-like {{
	chain nodeport {{ type filter hook prerouting priority -150;
		iifname "eth0" fib daddr type local ct mark set ct mark or {SNAT_MARK:#x}
	}}
	chain connmark {{ type filter hook prerouting priority -90;
		iifname != "eni*" return
		ct direction original ip daddr != {vpc} ct mark set ct mark or {SNAT_MARK:#x}
		ct mark and {SNAT_MARK:#x} == {SNAT_MARK:#x} meta mark set meta mark or {SNAT_MARK:#x}
	}}
	chain source {{ type nat hook postrouting priority 100;
		oifname "eth0" fib saddr type != local ip daddr != {vpc} masquerade
	}}
}}
"""

    def _hairpins(self):
        lines = []
        for backend in sorted({service.backend for service in self.services}):
            family = "ip6" if family_of(backend) == 6 else "ip"
            lines.append(f"\t\t{family} saddr {backend} {family} daddr {backend} masquerade")
        return "\n".join(lines)
