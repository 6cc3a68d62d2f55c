# SPDX-License-Identifier: GPL-2.0-or-later
"""A node without packets: one namespace with links of the right names that lead nowhere."""

from . import netns
from .node import Network


class Bare:
    """Context manager; stands where tests want a Node and send nothing through it."""

    def __init__(self, pods=(), tag=""):
        self.pods = list(pods)
        self.services = []
        self.network = Network()
        self.prefix = netns.own_prefix(tag)

    def name(self, who="node"):
        return f"{self.prefix}-{who}"

    def __enter__(self):
        netns.cleanup()
        try:
            netns.run(["ip", "netns", "add", self.name()])
            lines = ["link set lo up", self._link("eth0"), "link set eth0 up"]
            for address, subnet in zip(self.network.node, self.network.node_subnets):
                nodad = "nodad" if ":" in address else ""
                lines.append(f"address add {address}/{subnet.split('/')[1]} dev eth0 {nodad}")
            lines += [f"route add default via {self.network.gateway[0]} dev eth0",
                      f"-6 route add default via {self.network.gateway[1]} dev eth0"]
            netns.ip_batch(lines, self.name())
            self.add_links(self.pods)
        except BaseException:
            netns.delete([self.name()])
            raise
        return self

    def __exit__(self, *_):
        netns.delete([self.name()])

    @staticmethod
    def _names(pods):
        return [name for pod in pods if pod.mode for name in (pod.interface, pod.device) if name]

    @staticmethod
    def _link(name):
        """Its other end gets a name from the kernel."""
        return f"link add {name} type veth"

    def add_links(self, pods):
        netns.ip_batch([self._link(name) for name in self._names(pods)], self.name())

    def delete_links(self, pods):
        netns.ip_batch([f"link del {name}" for name in self._names(pods)], self.name())

    def run(self, *argv, check=True):
        return netns.run(list(argv), name=self.name(), check=check)

    def nft(self, text):
        return netns.nft(self.name(), text)
