# SPDX-License-Identifier: GPL-2.0-or-later
"""
The lab's node with a real trunk: two virtio network cards that a cable joins. Every vlan.eth.N is
made by the 8021q driver on the node's, and its other end on the fabric's.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(HERE)), "netns"))

from lab import netns, node  # noqa: E402
from lab.tap import wait_for  # noqa: E402

TRUNK, FABRIC = "ens6", "ens7"
NASCENT = "primary0"


def name_cards():
    """The kernel gives them names that the lab's node has for its own."""
    for name, wanted in (("eth0", TRUNK), ("eth1", FABRIC)):
        if os.path.exists(f"/sys/class/net/{name}"):
            netns.run(["ip", "link", "set", name, "name", wanted])


def cards_are_back():
    """A card outlives the namespace that it was in, and comes home a moment later."""
    return all(os.path.exists(f"/sys/class/net/{name}") for name in (TRUNK, FABRIC))


class TrunkNode(node.Node):
    def __enter__(self):
        wait_for(cards_are_back, "the network cards are back", 30)
        return super().__enter__()

    def _fabric_links(self):
        return [*super()._fabric_links(), *self._trunk_links()]

    def _trunk_links(self):
        return [f"link set {TRUNK} netns {self.name('node')}",
                f"link set {FABRIC} netns {self.name('fabric')}"]

    def _pod_links(self, pod):
        return super()._pod_links(pod)[:1]

    def _node_base(self):
        return [*super()._node_base(), f"link set {TRUNK} mtu {node.MTU} up"]

    def _fabric_base(self):
        return [*super()._fabric_base(), f"link set {FABRIC} mtu {node.MTU} up"]

    @staticmethod
    def _vlan(card, name, mac, number):
        return (f"link add link {card} name {name} address {mac} mtu {node.MTU} "
                f"type vlan id {number}")

    def _node_side(self, pod):
        made = [self._vlan(TRUNK, pod.device, pod.mac, pod.vlan)] if pod.vlan else []
        return made + super()._node_side(pod)

    def _fabric_side(self, pod):
        made = [self._vlan(FABRIC, f"b{pod.vlan}", node.FABRIC_MAC, pod.vlan)] if pod.vlan else []
        return made + super()._fabric_side(pod)


class RootNode(TrunkNode):
    """The node is the machine itself, with what is installed there; the rest are namespaces."""

    @property
    def names(self):
        return [name for name in super().names if name != self.name("node")]

    def __exit__(self, *_):
        super().__exit__()
        self._restore()

    def _restore(self):
        """The machine has its own rules again, and nothing of the pods'."""
        nowhere = [f"link del {pod.device}" for pod in self.pods
                   if pod.vlan and os.path.exists(f"/sys/class/net/{pod.device}")]
        netns.ip_batch([*nowhere, f"link set {TRUNK} down",
                        "rule add pref 0 lookup local", "rule flush",
                        "rule add pref 32766 lookup main", "rule add pref 32767 lookup default",
                        "-6 rule del pref 0", "-6 rule add pref 0 lookup local", "-6 rule flush",
                        "-6 rule add pref 32766 lookup main"])
        netns.run(["nft", "delete table inet kube-proxy-like; delete table ip aws-cni-like"])
        wait_for(lambda: cards_are_back() and not os.path.exists("/sys/class/net/eth0"),
                 "the namespaces are gone", 30)

    def _create(self):
        netns.run(["ip", "netns", "attach", self.name("node"), "1"])
        netns.sysctls(self.name("node"), node.COMMON_SYSCTLS)
        super()._create()

    def _trunk_links(self):
        return [f"link set {FABRIC} netns {self.name('fabric')}"]

    def _of_pods(self, lines_of):
        """
        Before Linux 6.13, no link that goes to another namespace may be made with a name that is
        taken here (rtnl_newlink looks it up where the request comes from): our eth0 is the last.
        """
        lines = super()._of_pods(lines_of)
        return [*lines, f"link set {NASCENT} name eth0"] if lines_of == self._pod_links else lines

    def _veth(self, name, at, *words, **how):
        return super()._veth(NASCENT if (name, at) == ("eth0", "node") else name, at, *words, **how)
