# SPDX-License-Identifier: GPL-2.0-or-later
"""What the cloud's controllers do with a node's pods."""

import ipaddress
import itertools
import json
import threading

from lab import documents, netns
from lab.daemon import NODE_NAME
from lab.node import Pod

VLANS = range(1, 121)
# Of pods with a branch ENI and without. A subnet's first addresses are EC2's.
RESERVED = 10
BRANCHES = ipaddress.ip_network("10.0.1.0/24")
ORDINARY = ipaddress.ip_network("10.0.0.128/25")


class ResourceController:
    """
    Stands in for the VPC resource controller and for EC2's fabric: a pod with the label "eni" that
    has been given to the node gets a VLAN, an address and the annotation that says so, ipamd learns
    of every pod, and the fabric delivers to every branch device. Numbers go round: as with the
    controller's cool-down, a late DEL of the VPC CNI, which looks at nothing but the number, meets
    no newer pod.
    """

    def __init__(self, client, ipamd, node, namespace):
        self.client = client
        self.ipamd = ipamd
        self.node = node
        self.namespace = namespace
        self.taken = {}  # pod's uid: number
        self.names = {}  # pod's uid: namespace/name
        self.numbers = itertools.cycle(VLANS)
        self.running = True
        self.error = None  # the last one
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self):
        self.running = False
        self.thread.join(30.0)
        self.client.close()

    def _run(self):
        while self.running:
            try:
                self._look()
            except Exception as error:  # the cluster is shut down, or restarts: tried again
                self.error = error
            threading.Event().wait(0.03)

    def _look(self):
        listed = [pod for pod in self.client.list("Pod", self.namespace)
                  if pod["spec"].get("nodeName") == NODE_NAME]
        living = {pod["metadata"]["uid"] for pod in listed
                  if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")}
        for uid in set(self.taken) - living:
            self._forget(uid)
        for pod in listed:
            if pod["metadata"]["uid"] in living:
                self._serve(pod)
        self._deliver()

    def _forget(self, uid):
        """A pod of the same name may be there already."""
        del self.taken[uid]
        name = self.names.pop(uid)
        if self.ipamd.state["pods"].get(name, {}).get("uid") == uid:
            self.ipamd.remove(name)

    def _serve(self, pod):
        """The address is the number's, of another range where the pod has no branch ENI."""
        metadata = pod["metadata"]
        if metadata["uid"] in self.taken:
            return
        number = next(n for n in self.numbers if n not in self.taken.values())
        self.taken[metadata["uid"]] = number
        name = self.names[metadata["uid"]] = f"{self.namespace}/{metadata['name']}"
        if "eni" not in metadata.get("labels", {}):
            self.ipamd.put(name, uid=metadata["uid"], address=str(ORDINARY[number]))
            return
        branch = self._branch(number, metadata["name"])
        self.ipamd.put(name, uid=metadata["uid"], vlan=number, address=branch.address(4),
                       mac=branch.mac)
        self.client.patch("Pod", self.namespace, metadata["name"], {"metadata": {"annotations": {
            "vpc.amazonaws.com/pod-eni": documents.pod_eni_annotation(branch)}}})

    def _deliver(self):
        """Of branch devices that the CNI has just made: the other end is down."""
        listed = json.loads(self.node.run("ip", "-j", "link", "show", "type", "veth",
                                          who="fabric").stdout or "[]")
        lines = []
        for link in listed:
            name = link["ifname"]
            if name[0] == "b" and name[1:].isdigit() and "UP" not in link["flags"]:
                branch = self._branch(int(name[1:]))
                lines += [f"link set {name} up",
                          f"neighbour replace {branch.address(4)} lladdr {branch.mac} dev {name} "
                          "nud permanent",
                          f"route replace {branch.address(4)}/32 dev {name}"]
        if lines:
            netns.run(["ip", "-n", self.node.name("fabric"), "-force", "-batch", "-"], check=False,
                      text_input="\n".join(lines) + "\n")

    def _branch(self, number, name=""):
        return Pod(name, (str(BRANCHES[RESERVED + number]),), "standard", number, self.namespace)
