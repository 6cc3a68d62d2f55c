# SPDX-License-Identifier: GPL-2.0-or-later
"""
The documents of a large cluster as aws and kubectl print them: 120 pods of this node with 5 groups
each, all 600 groups different, 60 rules a group, direction and family; 20,000 other interfaces,
each in 5 of the 10 groups that the rules refer to, so that each of those has 10,000 members.
"""

import json
import os
import random
import string

from lab import documents
from lab.daemon import NODE_NAME
from lab.node import Pod

PODS = 120
GROUPS_PER_POD = 5
REFERENCED = 10
INTERFACES = 20000
GROUPS_PER_INTERFACE = 5
INTERFACES_PER_PAGE = 1000
PODS_PER_PAGE = 20
PERMISSIONS = 12
RANGES = 4
# The peer that every permission has besides its ranges counts for both families.
RULES = PERMISSIONS * (RANGES + 1)
LENGTHS4 = (32, 32, 32, 28, 26, 24, 24, 24, 22, 20, 20, 18, 16, 16, 12, 8)
LENGTHS6 = (128, 128, 64, 64, 64, 56, 56, 48, 48, 40, 32)

NODE_ADDRESS = "10.0.0.10"
NODE_GROUP = documents.made_id("sg", "nodes")


def referenced(index):
    return documents.made_id("sg", f"referenced-{index}")


def own_group(pod, index):
    return documents.made_id("sg", f"own-{pod}-{index}")


def pods():
    """Half of them strict; the first is standard."""
    return [Pod(f"app-{index}", (f"10.0.{16 + index // 64}.{10 + index % 64}",
                                 f"2001:db8:0:1::{index + 16:x}"),
                "strict" if index % 2 else "standard", index + 1)
            for index in range(PODS)]


def member_address(index):
    return f"10.{64 + index // 4096}.{index // 16 % 256}.{16 + index % 16}"


def _range4(dice):
    length = dice.choice(LENGTHS4)
    bits = dice.getrandbits(32) >> (32 - length) << (32 - length)
    return ".".join(str(bits >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{length}"


def _range6(dice):
    length = dice.choice(LENGTHS6)
    bits = (0x20010db8 << 96 | dice.getrandbits(96)) >> (128 - length) << (128 - length)
    words = ":".join(f"{bits >> shift & 0xffff:x}" for shift in range(112, -1, -16))
    return f"{words}/{length}"


def _distinct(make, dice, count):
    found = {}
    while len(found) < count:
        found[make(dice)] = None
    return list(found)


def _permissions(dice):
    """Each has a port, or a range of ports, of its own."""
    ranges4 = _distinct(_range4, dice, PERMISSIONS * RANGES)
    ranges6 = _distinct(_range6, dice, PERMISSIONS * RANGES)
    found = []
    for index, port in enumerate(sorted(dice.sample(range(1024, 60000), PERMISSIONS))):
        peers = ranges4[index::PERMISSIONS] + ranges6[index::PERMISSIONS]
        high = port + dice.choice((0, 0, 0, 100))
        permission = documents.permission(dice.choice(("tcp", "tcp", "udp")), port, high,
                                          peers + [referenced(dice.randrange(REFERENCED))])
        for item in permission["IpRanges"] + permission["Ipv6Ranges"]:
            item["Description"] = f"ticket {dice.randrange(1000, 9999)}"
        found.append(permission)
    return found


def large_group(name, seed):
    dice = random.Random(seed)
    return documents.security_group(name, _permissions(dice), _permissions(dice))


def small_group(name):
    return documents.security_group(
        name, [documents.permission("tcp", 10250, 10250, ["10.0.0.0/8"])],
        [documents.permission("-1", None, None, ["0.0.0.0/0", "::/0"])])


def _interface_template():
    """The field set of describe-network-interfaces, with $names where interfaces differ."""
    interface = documents.network_interface(
        "$eni", [], [f"$group{index}" for index in range(GROUPS_PER_INTERFACE)],
        "Amazon EKS $instance", mac="$mac")
    name = "ip-$dashed.us-west-2.compute.internal"
    interface["PrivateIpAddress"] = "$address"
    interface["PrivateIpAddresses"] = [
        {"Primary": True, "PrivateDnsName": name, "PrivateIpAddress": "$address"}]
    interface["PrivateDnsName"] = name
    interface["Attachment"] = {
        "AttachTime": documents.CREATED, "AttachmentId": "eni-attach-$hex",
        "DeleteOnTermination": True, "DeviceIndex": 0, "NetworkCardIndex": 0,
        "InstanceId": "$instance", "InstanceOwnerId": documents.ACCOUNT, "Status": "attached"}
    interface["TagSet"] = [
        {"Key": "cluster.k8s.amazonaws.com/name", "Value": "production"},
        {"Key": "node.k8s.amazonaws.com/instance_id", "Value": "$instance"}]
    return interface


def _interface_values(index):
    address = member_address(index)
    first = index % 2 * GROUPS_PER_INTERFACE
    values = {f"group{i}": referenced(first + i) for i in range(GROUPS_PER_INTERFACE)}
    return values | {
        "eni": f"eni-0{index:016x}", "address": address, "dashed": address.replace(".", "-"),
        "hex": f"0{index:016x}", "instance": f"i-0{index // 4:016x}",
        "mac": f"06:{index >> 16:02x}:{index >> 8 & 255:02x}:{index & 255:02x}:0a:01"}


def member_page(first, count):
    """As text: to print 20,000 interfaces with indents takes Python's encoder half a minute."""
    lines = json.dumps(_interface_template(), indent=4).splitlines()
    template = string.Template("\n".join("        " + line for line in lines))
    items = [template.substitute(_interface_values(index))
             for index in range(first, first + count)]
    return '{\n    "NetworkInterfaces": [\n' + ",\n".join(items) + "\n    ]\n}\n"


def one_member(index):
    """One more member of a single group, with an address that no other interface has."""
    template = string.Template(json.dumps(_interface_template()))
    interface = json.loads(template.substitute(_interface_values(INTERFACES + index)))
    interface["Groups"] = interface["Groups"][:1]
    return documents.network_interfaces([interface])


def _write_text(directory, name, text):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        file.write(text)


def write_members(directory):
    for page in range(INTERFACES // INTERFACES_PER_PAGE):
        text = member_page(page * INTERFACES_PER_PAGE, INTERFACES_PER_PAGE)
        _write_text(directory, f"network-interfaces-{page:02d}.json", text)


def _write_own_interfaces(directory, all_pods):
    interfaces = [documents.network_interface("eni-0fffffffffffffff0", [NODE_ADDRESS],
                                              [NODE_GROUP], "node")]
    for number, pod in enumerate(all_pods):
        groups = [own_group(number, index) for index in range(GROUPS_PER_POD)]
        interfaces.append(documents.network_interface(
            documents.eni_of(pod), pod.addresses, groups, "branch", "branch", mac=pod.mac))
    documents.write(directory, "network-interfaces-node.json",
                    documents.network_interfaces(interfaces))


def write_groups(directory):
    """The first group stands in a document of its own, which is the one that gets rewritten."""
    others = [small_group(referenced(index)) for index in range(REFERENCED)]
    others.append(small_group(NODE_GROUP))
    documents.write(directory, "security-groups-other.json", documents.security_groups(others))
    for first in range(0, PODS, PODS_PER_PAGE):
        groups = [large_group(own_group(pod, index), f"{pod} {index}")
                  for pod in range(first, first + PODS_PER_PAGE)
                  for index in range(GROUPS_PER_POD) if (pod, index) != (0, 0)]
        documents.write(directory, f"security-groups-{first // PODS_PER_PAGE:02d}.json",
                        documents.security_groups(groups))
    documents.write(directory, "security-group-first.json", first_group(0))


def first_group(version):
    return documents.security_groups([large_group(own_group(0, 0), f"version {version}")])


def _write_pods(directory, all_pods):
    items = []
    for number, pod in enumerate(all_pods):
        labels = {"app": pod.name}
        groups = [own_group(number, index) for index in range(GROUPS_PER_POD)]
        items += [documents.pod(pod, NODE_NAME, labels),
                  documents.policy("default", pod.name, groups, {"matchLabels": labels})]
    documents.write(directory, "cluster.json", documents.listed(items))


def write_all(directory, all_pods):
    write_members(directory)
    _write_own_interfaces(directory, all_pods)
    write_groups(directory)
    _write_pods(directory, all_pods)
