#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
The interface and the tables that bring packets to podsg-dnscache: made, adopted, repaired, changed
without a gap in the counters, gone with the process, and left alone where they are others'.
"""

import contextlib
import json
import socket
import sys

from lab import dns, netns, tap
from lab.tap import PATIENCE, check, equal

LISTEN = ("169.254.20.10", "172.20.0.10", "fd00:20::10")
SERVERS = ("10.0.2.20", "10.0.2.21", "2001:db8:0:2::20")
INTERFACE = "nodelocaldns"


class Place:
    def __init__(self, name):
        self.name = name

    def run(self, *argv, check=True):
        return netns.run(list(argv), name=self.name, check=check)

    def link(self):
        """None: there is none. Else (type, up, addresses)."""
        done = self.run("ip", "-j", "-d", "address", "show", "dev", INTERFACE, check=False)
        if done.returncode != 0:
            return None
        link = json.loads(done.stdout)[0]
        addresses = {f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"]}
        return link["linkinfo"]["info_kind"], "UP" in link["flags"], addresses

    def tables(self):
        return {line.split()[-1] for line in self.run("nft", "list", "tables").stdout.splitlines()}

    def table(self, name):
        return self.run("nft", "-s", "list", "table", "inet", name).stdout

    def ask_itself(self, address):
        """A query of the node itself, UDP; whether it was seen at the address."""
        server = netns.make_socket(self.name, dns.family_of(address), socket.SOCK_DGRAM)
        with server:
            server.bind((address, dns.PORT))
            server.settimeout(PATIENCE)
            client = netns.make_socket(self.name, dns.family_of(address), socket.SOCK_DGRAM)
            with client:
                client.sendto(b"?", (address, dns.PORT))
                try:
                    peer = server.recvfrom(16)[1]
                    server.sendto(b"!", peer)
                    client.settimeout(PATIENCE)
                    return client.recv(16) == b"!"
                except TimeoutError:
                    return False


@contextlib.contextmanager
def place():
    name = netns.own_prefix("net") + "-host"
    netns.ip_batch([f"netns add {name}"])
    try:
        netns.ip_batch(["link set lo up"], name)
        yield Place(name)
    finally:
        netns.delete([name])


@contextlib.contextmanager
def network(where, **more):
    found = dns.Network(where.name, LISTEN, SERVERS, **more)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.end()


EXPECTED = {"169.254.20.10/32", "172.20.0.10/32", "fd00:20::10/128"}


def portless(where):
    """A type that this kernel has."""
    for kind in ("dummy", "ifb"):
        done = where.run("ip", "link", "add", "probe0", "type", kind, check=False)
        if done.returncode == 0:
            where.run("ip", "link", "delete", "probe0")
            return kind
    tap.skip("the kernel has neither dummy nor ifb")


def interface_is_made():
    with place() as where, network(where) as net:
        net.obey("interface")
        equal(where.link(), (portless(where), True, EXPECTED), "the interface")
        for address in LISTEN:
            check(where.ask_itself(address), f"{address} does not answer")


def interface_is_left_as_it_is():
    with place() as where, network(where) as net:
        net.obey("interface")
        before = where.run("ip", "-o", "address").stdout
        net.obey("interface")
        equal(where.run("ip", "-o", "address").stdout, before, "the addresses")


def interface_is_adopted():
    """As node-cache leaves it: down, and with addresses that are no longer wanted."""
    with place() as where, network(where) as net:
        where.run("ip", "link", "add", INTERFACE, "type", portless(where))
        for address in ("169.254.20.10/32", "169.254.25.10/32", "172.20.0.99/32"):
            where.run("ip", "address", "add", address, "dev", INTERFACE)
        net.obey("interface")
        equal(where.link(), (portless(where), True, EXPECTED), "the interface")


def interface_is_repaired():
    with place() as where, network(where) as net:
        net.obey("interface")
        where.run("ip", "address", "delete", "172.20.0.10/32", "dev", INTERFACE)
        where.run("ip", "link", "set", INTERFACE, "down")
        net.obey("interface")
        equal(where.link(), (portless(where), True, EXPECTED), "after an address was taken away")
        where.run("ip", "link", "delete", INTERFACE)
        net.obey("interface")
        equal(where.link(), (portless(where), True, EXPECTED), "after it was deleted")


def interface_of_others():
    with place() as where, network(where) as net:
        where.run("ip", "link", "add", INTERFACE, "type", "veth", "peer", "name", "other")
        said = net.tell("interface")
        check(said.startswith("error -17") and "not ours" in said, said)
        net.obey("interface-down")
        check(where.link() is not None, "somebody else's interface was deleted")


def tables_stand_and_go():
    with place() as where, network(where) as net:
        net.obey("interface")
        net.obey("rules")
        equal(where.tables(), {"podsg-dns", "podsg-dns-away"}, "the tables")
        net.obey("rules-down")
        net.obey("interface-down")
        equal((where.tables(), where.link()), (set(), None), "what is left")


def what_is_right_is_left_alone():
    with place() as where, network(where) as net:
        net.obey("interface")
        net.obey("rules", "vlan0", "cali0")
        before = where.run("nft", "-a", "list", "ruleset").stdout
        net.obey("rules", "vlan0", "cali0")
        equal(where.run("nft", "-a", "list", "ruleset").stdout, before, "handles of the rules")


def flush_by_others():
    """The owned table is out of reach; the other one comes back."""
    with place() as where, network(where) as net:
        net.obey("interface")
        net.obey("rules")
        away = where.table("podsg-dns-away")
        where.run("nft", "flush", "ruleset")
        equal(where.tables(), {"podsg-dns"}, "what a flush leaves")
        net.obey("rules")
        equal(where.table("podsg-dns-away"), away, "the repaired table")


def changed_rule_is_repaired():
    with place() as where, network(where) as net:
        net.obey("interface")
        net.obey("rules")
        away = where.table("podsg-dns-away")
        where.run("nft", "flush", "chain", "inet", "podsg-dns-away", "prerouting")
        net.obey("rules")
        equal(where.table("podsg-dns-away"), away, "the repaired table")


def strict_change_keeps_counters():
    with place() as where, network(where) as net:
        net.obey("interface")
        net.obey("rules", "cali0")
        check(where.ask_itself(LISTEN[0]), "no answer")
        before = net.counters()
        check(before["answers"] > 0, f"nothing was counted: {before}")
        net.obey("rules", "cali0", "cali1")
        check('"cali1" : goto passed' in where.table("podsg-dns"), where.table("podsg-dns"))
        equal(net.counters(), before, "the counters")
        net.obey("rules")
        check("cali" not in where.table("podsg-dns"), "a strict interface that is gone")
        equal(net.counters(), before, "the counters")


def many_strict_interfaces():
    with place() as where, network(where) as net:
        net.obey("interface")
        net.obey("rules", *(f"cali{number:011x}" for number in range(200)))
        equal(where.table("podsg-dns").count(": goto passed"), 200, "strict interfaces")


def servers_change():
    """Each protocol at its port, each family by itself; and no news is no change."""
    with place() as where, network(where) as net:
        net.obey("interface")
        net.obey("rules")
        before = where.table("podsg-dns")
        led = where.table("podsg-dns-away")
        check("0 : 10.0.2.20 . 53, 1 : 10.0.2.21 . 53 " in led, led)
        for servers, expected in (
                (("10.0.2.30",), ("udp dport 53 dnat ip to numgen random mod 1 map "
                                  "{ 0 : 10.0.2.30 . 53 }",
                                  "tcp dport 53 dnat ip to numgen random mod 1 map "
                                  "{ 0 : 10.0.2.30 . 5353 }")),
                ((), ("0 : 10.0.2.30 . 53 ",)),
                (("2001:db8::53",), ("dnat ip6 to numgen random mod 1 map "
                                     "{ 0 : 2001:db8::53 . 53 }",)),
                (tuple(f"10.0.3.{n}" for n in range(40)), ("mod 32", "31 : 10.0.3.31 . 5353"))):
            net.obey("servers", *servers)
            net.obey("rules")
            led = where.table("podsg-dns-away")
            for rule in expected:
                check(rule in led, f"{rule} is missing after {servers}:\n{led}")
        check("10.0.2." not in led and "2001:db8::53" not in led, led)
        equal(where.table("podsg-dns"), before, "the other table")
        handles = where.run("nft", "-a", "list", "ruleset").stdout
        net.obey("servers", *servers)
        net.obey("rules")
        equal(where.run("nft", "-a", "list", "ruleset").stdout, handles, "handles of the rules")


def death_takes_the_owned_table():
    with place() as where, network(where) as net:
        net.obey("interface")
        net.obey("rules")
        net.kill()
        equal(where.tables(), {"podsg-dns-away"}, "what a killed process leaves")
        with network(where) as next_one:
            next_one.obey("interface")
            next_one.obey("rules")
            equal(where.tables(), {"podsg-dns", "podsg-dns-away"}, "the successor's")


def another_process_cleans_up():
    """--clean-up: nothing is known of what was made, and everything goes."""
    with place() as where:
        with network(where) as net:
            net.obey("interface")
            net.obey("rules")
            net.kill()
        with network(where) as cleaner:
            cleaner.obey("rules-down")
            cleaner.obey("interface-down")
            cleaner.obey("rules-down")
            cleaner.obey("interface-down")
        equal((where.tables(), where.link()), (set(), None), "what is left")


def two_at_once():
    """The second one is told, and the first one goes on."""
    with place() as where, network(where) as first, network(where) as second:
        first.obey("interface")
        first.obey("rules")
        said = second.tell("rules")
        check(said.startswith("error -1 "), said)
        check("podsg-dns" in where.tables(), "the first one's table is gone")


def main():
    program = tap.Program()
    tap.need_kernel()
    reason = dns.no_driver()
    if reason:
        tap.skip(reason)
    netns.cleanup()
    for name, case in (
            ("the interface has the addresses, of both families, and no others", interface_is_made),
            ("what is right is not touched", interface_is_left_as_it_is),
            ("node-cache's interface is adopted", interface_is_adopted),
            ("what others took away comes back", interface_is_repaired),
            ("an interface of another type is not ours", interface_of_others),
            ("the tables stand and go", tables_stand_and_go),
            ("tables that are right are not touched", what_is_right_is_left_alone),
            ("a foreign flush is repaired", flush_by_others),
            ("a changed rule is repaired", changed_rule_is_repaired),
            ("counters go on when strict interfaces change", strict_change_keeps_counters),
            ("200 strict interfaces", many_strict_interfaces),
            ("the cluster's servers change", servers_change),
            ("a killed process takes its table along", death_takes_the_owned_table),
            ("another process cleans up", another_process_cleans_up),
            ("two at once", two_at_once)):
        program.case(name, case)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
