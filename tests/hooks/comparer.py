# SPDX-License-Identifier: GPL-2.0-or-later
"""
The kernel and the journal against what they should hold, as it follows from the living pods alone.
Shares nothing with the programs that it judges: what a pod of the VPC CNI has in the kernel is
written down here anew.
"""

import hashlib
import ipaddress
import json
import re

from pods import netns, tap

OURS = re.compile(r"^(vlan|eni)")
PRIORITIES = (10, 512, 1536)
MAIN = 254
GATEWAY6 = "fe80:ec2::1"


def interface_of(living):
    prefix = "vlan" if living.mode == "strict" and living.facts.get("vlan") else "eni"
    name = living.sandbox.pod.replace("/", ".", 1)
    return prefix + hashlib.sha1(name.encode()).hexdigest()[:11]


def expected_of(living):
    """Lines, each one thing that the kernel has."""
    vlan = living.facts.get("vlan", 0)
    veth, device, table = interface_of(living), f"vlan.eth.{vlan}", 100 + vlan
    address = str(ipaddress.ip_address(living.address))
    family = 6 if ":" in address else 4
    gateway = GATEWAY6 if family == 6 else living.facts.get("gateway", "10.0.1.1")
    yield f"link {veth}"
    if vlan:
        yield f"link {device}"
        yield f"ipv{family} route {gateway} dev {device} table {table}"
        yield f"ipv{family} route default dev {device} table {table}"
    if vlan and living.mode == "strict":
        yield f"ipv{family} route {address} dev {veth} table {table}"
        yield f"ipv{family} rule 10 iif {device} lookup {table}"
        yield f"ipv{family} rule 10 iif {veth} lookup {table}"
        return
    source_table = table if vlan else living.facts.get("table", MAIN)
    yield f"ipv{family} route {address} dev {veth} table {MAIN}"
    yield f"ipv{family} rule 512 to {address} lookup {MAIN}"
    if source_table != MAIN:
        yield f"ipv{family} rule 1536 from {address} lookup {source_table}"


def listed(node, family, *commands):
    """What each command shows; all of them are one process."""
    said = netns.run(["ip", "-j", f"-{family}", "-batch", "-"], name=node,
                     text_input="\n".join(commands) + "\n").stdout
    found = []
    while said := said.lstrip():
        one, end = json.JSONDecoder().raw_decode(said)
        found.append(one)
        said = said[end:]
    tap.equal(len(found), len(commands), f"lists of {commands}")
    return found


def table_number(name):
    return {"main": MAIN, "local": 255, "default": 253}.get(str(name)) or int(name)


def links(node):
    """The names of all of them."""
    return {link["ifname"] for link in listed(node, 4, "link show")[0]}


def rules(node, family):
    return rule_lines(listed(node, family, "rule show")[0], family)


def rule_lines(rules, family):
    for rule in rules:
        if rule["priority"] not in PRIORITIES:
            continue
        what = [f"{key} {rule[name]}" for key, name in (("iif", "iif"), ("to", "dst"))
                if name in rule]
        if rule["src"] != "all":
            what.append(f"from {rule['src']}")
        yield (f"ipv{family} rule {rule['priority']} {' '.join(what)} "
               f"lookup {table_number(rule['table'])}")


def route_lines(routes, family):
    """Not the kernel's own, nor the node's way out."""
    for route in routes:
        table = table_number(route.get("table", "main"))
        if route.get("protocol") == "kernel" or (table == MAIN and route["dst"] == "default"):
            continue
        if table == MAIN or 101 <= table <= 220:
            yield f"ipv{family} route {route['dst']} dev {route['dev']} table {table}"


def measured(node):
    found = []
    for family in (4, 6):
        links, rules, routes = listed(node, family, "link show", "rule show",
                                      "route show table all")
        found += [*rule_lines(rules, family), *route_lines(routes, family)]
    return found + [f"link {link['ifname']}" for link in links if OURS.match(link["ifname"])]


def flows(node):
    """The addresses that connections begin at."""
    for family in ("ipv4", "ipv6"):
        for line in netns.run(["conntrack", "-L", "-f", family], name=node).stdout.splitlines():
            yield re.search(r"src=(\S+)", line).group(1)


def flow_differences(node, living):
    """Every living pod has a connection, nobody else has."""
    there = sorted(flows(node))
    wanted = sorted(str(ipaddress.ip_address(one.address)) for one in living)
    return [] if there == wanted else [f"connections of {there}, expected {wanted}"]


def differences(node, journal, living):
    """Sentences; journal: {sandbox: what is written there, or None where it cannot be read}."""
    wanted = sorted(line for one in living for line in expected_of(one))
    there = sorted(measured(node))
    found = [f"missing: {line}" for line in wanted if line not in there]
    found += [f"too much: {line}" for line in there if line not in wanted]
    found += [f"twice: {line}" for line in set(there) if there.count(line) > 1]
    alive = {one.sandbox.id: one for one in living}
    found += [f"not in the journal: {one.sandbox.pod}" for key, one in alive.items()
              if key not in journal]
    found += [f"in the journal: {key} {entry and entry.get('pod')}"
              for key, entry in journal.items() if key not in alive]
    found += [f"in the journal as {journal[key]['state']}: {one.sandbox.pod}"
              for key, one in alive.items()
              if journal.get(key) and journal[key]["state"] not in ("ready", "unfiltered")]
    return found
