#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""
The table in the kernel is what the documents say, whoever else changes the rule set meanwhile.
No packets here: test_verdicts.py and test_live.py send them. PODSG_SEED repeats a run.
"""

import contextlib
import os
import random
import shutil
import signal
import sys
import time

from lab import daemon as daemons
from lab import documents, listing, netns, nfnetlink, tap
from lab.bare import Bare
from lab.daemon import BINARY, NODE_NAME, Daemon
from lab.node import Pod
from lab.tap import check, equal, wait_for
from worlds import random_config, random_pods, random_world

WORLDS = 8
CHANGES = 200
MANY = 60  # pods
ALL = ["0.0.0.0/0", "::/0"]
NOT_OWNED = {"nftSync": {"ownTable": False}}
GROUP, PEER = "sg-0000000000000a001", "sg-0000000000000a002"
POD = Pod("web", ("10.0.1.5", "2001:db8:0:1::5"), "standard", 5)


def merged(*configs):
    """Two levels deep, as the configuration is."""
    result = {}
    for config in configs:
        for key, value in config.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = {**result[key], **value} if both else value
    return result


class Instance(Daemon):
    """A daemon whose configuration keeps its socket and files, whatever a test sets beside them."""

    def __init__(self, node, config=None):
        super().__init__(node)
        self.extra = config or {}

    def configuration(self):
        return merged(super().configuration(), self.extra)

    def load(self, world):
        for name in os.listdir(self.documents):
            os.unlink(os.path.join(self.documents, name))
        for name, document in world.files.items():
            documents.write(self.documents, name, document)

    def is_right(self):
        """Whether the kernel has what --print says."""
        wanted = listing.loaded(self.run_job("--print").stdout, "right")
        return listing.normal(self.ruleset()) == listing.normal(wanted)

    def must_be_right(self, what):
        wanted = listing.loaded(self.run_job("--print").stdout, "right")
        listing.same(self.ruleset(), wanted, what)


# What is printed, applied and listed


def printed_equals_applied(rng):
    for number in range(WORLDS):
        with Bare(random_pods(rng)) as node, Instance(node, random_config(rng, node)) as daemon:
            daemon.load(random_world(rng, node))
            printed = daemon.run_job("--print").stdout
            expected = listing.loaded(printed, "print")
            daemon.run_job("--once")
            listing.same(listing.table(node.name()), expected, f"world {number}")


def second_once_changes_nothing(rng):
    with Bare(random_pods(rng)) as node, Instance(node) as daemon:
        daemon.load(random_world(rng, node))
        daemon.run_job("--once")
        before = listing.table(node.name(), handles=True)
        number = nfnetlink.generation(node.name())
        log = daemon.run_job("--once").stderr
        # With an owner that is gone, the table is adopted: one transaction that changes no rule.
        adopted = nfnetlink.generation(node.name()) - number
        check(adopted <= 1, f"{adopted} transactions the second time:\n{log}")
        check("committed" not in log or "added=0 deleted=0" in log, log)
        equal(listing.COUNTED.sub("", listing.table(node.name(), handles=True)),
              listing.COUNTED.sub("", before), "rules and handles")


def second_once_without_owner_commits_nothing(rng):
    with Bare(random_pods(rng)) as node, Instance(node, NOT_OWNED) as daemon:
        daemon.load(random_world(rng, node))
        daemon.run_job("--once")
        number = nfnetlink.generation(node.name())
        daemon.run_job("--once")
        equal(nfnetlink.generation(node.name()), number, "generation of the rule set")


def listing_is_readable_by_nft(rng):
    with Bare(random_pods(rng)) as node, Instance(node, NOT_OWNED) as daemon:
        daemon.load(random_world(rng, node))
        daemon.run_job("--once")
        ruleset = node.run("nft", "list", "ruleset").stdout
        listing.same(listing.loaded(ruleset, "again"), listing.table(node.name()),
                     "nft list ruleset | nft -f -")


def printing_needs_no_privileges(rng):
    with Bare(random_pods(rng)) as node, Instance(node) as daemon:
        daemon.load(random_world(rng, node))
        daemon.write_config()
        as_root = daemon.run_job("--print").stdout
        binary = daemon.path("podsg-nft-sync")
        shutil.copy(BINARY, binary)
        os.chmod(binary, 0o755)
        os.chmod(daemon.directory, 0o755)
        argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary, "--config",
                daemon.path("podsg.yaml"), "--print"]
        equal(netns.run(argv, name=node.name()).stdout, as_root, "what nobody prints")
        left = os.listdir(daemon.directory)
        check("documents.good" not in left, f"--print wrote something: {left}")


def no_branch_interface_no_hook():
    with Bare() as node, Instance(node) as daemon:
        daemon.run_job("--once")
        check("hook" not in listing.table(node.name()), "a node without pods filters packets")


# A small world that changes


def peers(count):
    return [documents.network_interface(f"eni-0{number:016x}",
                                        (f"10.0.{4 + number // 250}.{number % 250 + 1}",), [PEER])
            for number in range(count)]


def changed(daemon, number, rng):
    """Rules, members or both become others."""
    rules = [documents.permission("tcp", port, port, [PEER, "10.0.0.0/8"])
             for port in range(1000, 1001 + rng.randrange(20))]
    group = documents.security_group(GROUP, rules, [documents.permission("-1", None, None, ALL)])
    if number % 3 != 1:
        documents.write(daemon.documents, "groups.json", documents.security_groups(
            [group, documents.security_group(PEER)]))
    if number % 3 != 0:
        documents.write(daemon.documents, "peers.json",
                        documents.network_interfaces(peers(rng.randrange(50))))


@contextlib.contextmanager
def small(rng, node, config=None):
    with Instance(node, config) as daemon:
        documents.write(daemon.documents, "pods.json", documents.listed([
            documents.pod(POD, NODE_NAME, {"app": "web"}),
            documents.policy("default", "web", [GROUP], {})]))
        for number in range(3):
            changed(daemon, number, rng)
        yield daemon


def changes_under_a_busy_writer(rng):
    with Bare([POD]) as node, small(rng, node) as daemon:
        with nfnetlink.Writer(node.name()) as writer:
            daemon.start()
            for number in range(CHANGES):
                changed(daemon, number, rng)
                if number % 40 == 39:
                    daemon.write_sentinel(number)
                    daemon.wait_sentinel(number)
                    daemon.must_be_right(f"after {number + 1} changes")
                else:
                    time.sleep(0.005)
        status = daemon.control("status")
        equal(status["kernel"]["inForce"], True, "inForce")
        attempts = daemon.log_text().count("event=committed")
        tap.note(f"{CHANGES} changes, {attempts} commits beside {writer.commits} of another; "
                 f"{status['kernel']['errors']:.0f} errors on the way")


def once_under_a_busy_writer(rng):
    with Bare(random_pods(rng)) as node, Instance(node) as daemon:
        daemon.load(random_world(rng, node))
        with nfnetlink.Writer(node.name(), pause=0.0002) as writer:
            for _ in range(5):
                daemon.run_job("--once")
        daemon.must_be_right("after --once")
        tap.note(f"{writer.commits} commits of another meanwhile")


def fill_large(daemon):
    """Pods of the node with a group each: a first batch of many hundred messages."""
    groups = [documents.security_group(f"sg-{n:017x}", [
        documents.permission("tcp", n + 1, n + 9, [f"10.{n}.0.0/16"])]) for n in range(MANY)]
    documents.write(daemon.documents, "groups.json", documents.security_groups(groups))
    items = [item for n, pod in enumerate(daemon.node.pods) for item in (
        documents.pod(pod, NODE_NAME, {"app": pod.name}),
        documents.policy("default", pod.name, [f"sg-{n:017x}"],
                         {"matchLabels": {"app": pod.name}}))]
    documents.write(daemon.documents, "pods.json", documents.listed(items))


def many_pods():
    return [Pod(f"pod-{n}", (f"10.0.1.{n + 1}",), "standard", n + 1) for n in range(MANY)]


def the_first_refusal_of_many_is_told(_rng):
    """The table is refused, and with it every message: more errors than a socket's buffer holds."""
    with Bare(many_pods()) as node, Instance(node, NOT_OWNED) as daemon:
        fill_large(daemon)
        with nfnetlink.Owner(node.name("node")):
            done = daemon.run_job("--once", check=False)
        check(done.returncode == 1, f"status {done.returncode}")
        check("Operation not permitted" in done.stderr, done.stderr)


def large_table_is_read_under_a_busy_writer(rng):
    """Reading takes longer than the other one pauses."""
    with Bare([POD]) as node, small(rng, node) as daemon:
        documents.write(daemon.documents, "peers.json", documents.network_interfaces(peers(20000)))
        daemon.run_job("--once")
        with nfnetlink.Writer(node.name(), pause=0.0002) as writer:
            begin = time.monotonic()
            daemon.start()
            tap.note(f"started in {time.monotonic() - begin:.2f} s beside {writer.commits} commits")
        daemon.must_be_right("after the start")


# Others in our table

MEDDLING = {
    "an element that we will add": "add element inet podsg {peers} {{ 10.0.250.1 }}",
    "an element that we will delete is gone": "delete element inet podsg {peers} {{ 10.0.4.1 }}",
    "a foreign set": "add set inet podsg theirs {{ type ipv4_addr; }}",
    "a foreign set of a kind that we never make":
        "add set inet podsg theirs {{ type mark; flags timeout; }}",
    "a foreign chain that goes to ours":
        "add chain inet podsg theirs; add rule inet podsg theirs goto {rules}",
    "a foreign rule in our chain": "insert rule inet podsg {rules} accept",
    "a foreign rule that looks into our set":
        "add chain inet podsg theirs; add rule inet podsg theirs ip saddr @{peers} accept",
    "a foreign element in a verdict map":
        "add element inet podsg rules-egress {{ \"theirs0\" : drop }}",
    "a set of ours deleted and made as another kind":
        "flush chain inet podsg {asker}; delete set inet podsg {peers}; "
        "add set inet podsg {peers} {{ type ipv6_addr; }}",
    "a chain of ours deleted":
        "flush map inet podsg rules-ingress; flush chain inet podsg {rules}; "
        "delete chain inet podsg {rules}",
    "a base chain of ours made anew with another hook":
        "delete chain inet podsg rerouted; add chain inet podsg rerouted "
        "{{ type filter hook prerouting priority 5; }}",
    "the table deleted": "delete table inet podsg",
    "everything deleted": "flush ruleset",
}


def rules_chain(daemon):
    return next(line.split()[1] for line in daemon.ruleset().splitlines()
                if line.strip().startswith("chain rules-ingress-"))


def meddled(rng, text):
    """Behind the daemon's back, together with a change of its own to the same objects."""
    with Bare([POD]) as node, small(rng, node, NOT_OWNED) as daemon:
        documents.write(daemon.documents, "peers.json", documents.network_interfaces(peers(9)))
        daemon.start()
        names = {"peers": f"members-{PEER}-4", "asker": f"from-{PEER}",
                 "rules": rules_chain(daemon)}
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            node.nft(text.format(**names))
            more = documents.network_interface("eni-1", ("10.0.250.1",), [PEER])
            documents.write(daemon.documents, "peers.json",
                            documents.network_interfaces([*peers(9)[1:], more]))
            changed(daemon, 0, rng)
        finally:
            daemon.process.send_signal(signal.SIGCONT)
        daemon.write_sentinel(1)
        daemon.wait_sentinel(1)
        wait_for(daemon.is_right, "the table is right again")
        equal(daemon.control("status")["kernel"]["inForce"], True, "inForce")


def meddled_all_the_time(rng):
    """Another one inserts and deletes in our table while documents change."""
    with Bare([POD]) as node, small(rng, node, NOT_OWNED) as daemon:
        daemon.start()
        for number in range(60):
            text = MEDDLING[rng.choice(list(MEDDLING))]
            with contextlib.suppress(RuntimeError, StopIteration):
                node.nft(text.format(peers=f"members-{PEER}-4", asker=f"from-{PEER}",
                                     rules=rules_chain(daemon)))
            changed(daemon, number, rng)
        daemon.write_sentinel(1)
        daemon.wait_sentinel(1)
        wait_for(daemon.is_right, "the table is right in the end")


# Two daemons


def two_of_one_mind(rng):
    with Bare([POD]) as node, small(rng, node, NOT_OWNED) as one, \
            Instance(node, NOT_OWNED) as two:
        shutil.copytree(one.documents, two.documents, dirs_exist_ok=True)
        one.start()
        two.start()
        for number in range(3):
            for daemon in (one, two):
                changed(daemon, number, random.Random(number))
            time.sleep(0.1)
        for daemon in (one, two):
            daemon.write_sentinel(1)
        for daemon in (one, two):
            daemon.wait_sentinel(1)
        wait_for(one.is_right, "the table is right")
        number = nfnetlink.generation(node.name())
        time.sleep(1.0)
        equal(nfnetlink.generation(node.name()), number, "generation after a second of rest")
        for daemon in (one, two):
            equal(daemon.control("status")["kernel"]["inForce"], True, "inForce")


def repairs(daemon):
    return daemon.control("status")["kernel"]["repairs"]["count"]


def two_that_disagree(rng):
    """Nobody can win; both go on answering, and neither burns the machine."""
    with Bare([POD]) as node, small(rng, node, NOT_OWNED) as one, \
            Instance(node, NOT_OWNED) as two:
        shutil.copytree(one.documents, two.documents, dirs_exist_ok=True)
        documents.write(two.documents, "groups.json", documents.security_groups(
            [documents.security_group(GROUP), documents.security_group(PEER)]))
        one.start()
        two.start()
        number = nfnetlink.generation(node.name())
        time.sleep(2.0)
        commits = nfnetlink.generation(node.name()) - number
        tap.note(f"{commits} transactions in 2 s of quarrel")
        check(commits < 200, f"{commits} transactions in 2 s")
        for daemon in (one, two):
            wait_for(lambda daemon=daemon: repairs(daemon) > 0, "each notices the other")
        two.stop()
        one.write_sentinel(1)
        one.wait_sentinel(1)
        wait_for(one.is_right, "the one that is left wins")


def the_owner_stays_the_owner(rng):
    with Bare([POD]) as node, small(rng, node) as one, Instance(node) as two:
        one.start()
        if "flags owner" not in one.ruleset():
            tap.note("this kernel has no table owner that survives the daemon")
            return
        shutil.copytree(one.documents, two.documents, dirs_exist_ok=True)
        documents.write(two.documents, "groups.json", documents.security_groups([]))
        before = listing.normal(one.ruleset())
        two.launch()
        wait_for(lambda: "not-in-force" in two.log_text(), "the second one says that it cannot")
        equal(listing.normal(one.ruleset()), before, "the owner's rules")
        one.stop()
        wait_for(lambda: two.in_force() and two.is_right(), "the second one takes over")


@contextlib.contextmanager
def stopped(daemon):
    os.kill(daemon.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(daemon.process.pid, signal.SIGCONT)


def nft_noise(node):
    """More notifications than a socket's buffer holds."""
    node.nft("add table inet neighbour; add set inet neighbour s { type ipv4_addr; }")
    for net in range(12):
        elements = ", ".join(f"{net + 11}.{i >> 8}.{i & 255}.1" for i in range(20000))
        node.nft(f"add element inet neighbour s {{ {elements} }}")


def lost_rule_notifications_are_got_over(rng):
    with Bare([POD]) as node, small(rng, node, NOT_OWNED) as daemon:
        daemon.start()
        with stopped(daemon):
            nft_noise(node)
        daemon.write_sentinel(1)
        daemon.wait_sentinel(1)
        node.nft("delete table inet podsg")
        wait_for(daemon.is_right, "the table is back")


def lost_link_notifications_are_got_over(rng):
    with Bare() as node, small(rng, node) as daemon:
        daemon.start()
        with stopped(daemon):
            netns.ip_batch([f"address add 10.9.{i >> 8}.{i & 255}/32 dev lo"
                            for i in range(4000)], node.name())
        daemon.write_sentinel(1)
        daemon.wait_sentinel(1)
        node.add_links([POD])
        wait_for(lambda: daemon.control("status")["interfaces"]["absent"] == 1,
                 "a link that came later is seen")


def same_socket_is_refused(rng):
    with Bare([POD]) as node, small(rng, node) as one:
        one.start()
        before = one.ruleset()
        second = one.run_job(check=False)
        equal(second.returncode, 1, "exit status of the second daemon")
        check(one.path("control.sock") in second.stderr, second.stderr)
        equal(one.ruleset(), before, "the first one's rules")
        one.control("status")


# Interfaces


def interfaces_come_and_go(rng):
    pods = [Pod(f"pod-{n}", (f"10.0.{8 + n // 200}.{n % 200 + 1}",), rng.choice(["standard",
                                                                              "strict"]), 100 + n)
            for n in range(200)]
    with Bare() as node, Instance(node) as daemon:
        items = [documents.pod(pod, NODE_NAME, {"app": "many"}) for pod in pods]
        documents.write(daemon.documents, "pods.json", documents.listed(
            [*items, documents.policy("default", "many", [GROUP], {})]))
        documents.write(daemon.documents, "groups.json", documents.security_groups(
            [documents.security_group(GROUP, [documents.permission("tcp", 1, 9, ALL)])]))
        daemon.start()
        absent = lambda: daemon.control("status")["interfaces"]["absent"]
        equal(absent(), 200, "absent interfaces")
        for _ in range(2):
            node.add_links(pods)
            wait_for(lambda: absent() == 0, "all interfaces are seen")
            daemon.must_be_right("with all interfaces")
            half = rng.sample(pods, 100)
            node.delete_links(half)
            wait_for(lambda: absent() == 100, "half of them are gone")
            node.delete_links([pod for pod in pods if pod not in half])
            wait_for(lambda: absent() == 200, "all of them are gone")
        os.unlink(os.path.join(daemon.documents, "pods.json"))
        daemon.write_sentinel(1)
        daemon.wait_sentinel(1)
        daemon.must_be_right("without pods")


CASES = (
    ("what --print says is what --once puts into the kernel", printed_equals_applied),
    ("a second --once adopts the table and changes no rule", second_once_changes_nothing),
    ("without owner, a second --once commits nothing", second_once_without_owner_commits_nothing),
    ("nft reads its own listing of the table", listing_is_readable_by_nft),
    ("--print needs no privileges and writes nothing", printing_needs_no_privileges),
    ("200 document changes under a busy writer all end right", changes_under_a_busy_writer),
    ("--once beside a busy writer ends right", once_under_a_busy_writer),
    ("the first refusal of many is told", the_first_refusal_of_many_is_told),
    ("a large table is adopted beside a busy writer", large_table_is_read_under_a_busy_writer),
    ("meddling all the time while documents change ends right", meddled_all_the_time),
    ("two daemons of one mind share a table in peace", two_of_one_mind),
    ("two daemons that disagree keep answering and stay slow", two_that_disagree),
    ("a second daemon cannot touch the owner's table, and takes over when it is gone",
     the_owner_stays_the_owner),
    ("lost notifications of rules are got over", lost_rule_notifications_are_got_over),
    ("lost notifications of links are got over", lost_link_notifications_are_got_over),
    ("a second daemon on one socket is refused", same_socket_is_refused),
    ("200 interfaces come and go", interfaces_come_and_go),
)


def main():
    daemons.need()
    program = tap.Program()
    rng = random.Random(tap.seed())
    program.case("a node without branch interfaces has no hook", no_branch_interface_no_hook)
    for name, function in CASES:
        program.case(name, function, rng)
    for what, text in MEDDLING.items():
        program.case(f"{what}, right before a change: the table ends right", meddled, rng, text)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
