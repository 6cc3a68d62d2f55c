# SPDX-License-Identifier: GPL-2.0-or-later
"""Pods that the VPC CNI's stand-in and podsg-cni start and stop, on the trunk's 8021q devices."""

import os

import comparer
import pods
import system
import world
from cni_setting import Living
from lab import documents, netns
from lab.daemon import NODE_NAME
from lab.node import Pod
from lab.tap import check, equal

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = {"podsg-cni": "/opt/cni/bin/podsg-cni",
            "aws-cni": os.path.join(HERE, "aws_cni_on_trunk")}
IPAMD = "/run/ipamd.json"
VLAN = {"standard": 21, "strict": 22}
ADDRESS = {"standard": "10.0.1.21", "strict": "10.0.1.22"}


class Life:
    """Pods on the machine, beside those that are there already."""

    def __init__(self, node):
        self.where = node.name("node")
        self.ipamd = pods.Ipamd(IPAMD)
        self.before = sorted(comparer.measured(self.where))

    def chain(self, mode):
        return pods.Chain(None, [{"type": "aws-cni", "ipamd": IPAMD, "vethPrefix": "eni",
                                  "podSGEnforcingMode": mode}, {"type": "podsg-cni"}],
                          version="0.4.0", programs=PROGRAMS)

    def start(self, chain, name, mode):
        uid = f"uid-{name}"
        vlan, address = VLAN[mode], ADDRESS[mode]
        found = documents.pod(Pod(name, (address,), mode, vlan), NODE_NAME, world.LABELS)
        found["metadata"]["uid"] = uid
        documents.write(world.DOCUMENTS, f"pod-{mode}.json", found)
        facts = {"uid": uid, "vlan": vlan, "address": address}
        self.ipamd.put(f"default/{name}", **facts)
        sandbox = pods.Sandbox(f"default/{name}", uid)
        chain.run(sandbox)
        living = Living(sandbox, facts, mode)
        check(comparer.interface_of(living) in system.run("nft", "list", "table", "inet",
                                                          "podsg").stdout,
              f"{mode}: ADD has returned, and the rules are not there")
        equal(world.link_kind(f"vlan.eth.{vlan}"), "vlan", "the kind of the branch device")
        return living

    def forget(self, living):
        """As with grace period 0: the API server has no such pod any more, and nobody says why."""
        self.ipamd.remove(living.sandbox.pod)
        os.unlink(os.path.join(world.DOCUMENTS, f"pod-{living.mode}.json"))

    def compare(self, *living):
        wanted = sorted([*self.before, *(line for one in living
                                         for line in comparer.expected_of(one))])
        equal(sorted(comparer.measured(self.where)), wanted, "links, rules and routes of pods")


def start_and_stop(life):
    for mode in ("standard", "strict"):
        with life.chain(mode) as chain:
            living = life.start(chain, f"web-{mode}", mode)
            life.compare(living)
            chain.stop(living.sandbox)
            life.forget(living)
            life.compare()
    equal(world.journal_entries(), [], "the journal")


def grace_period_0(life):
    for mode in ("standard", "strict"):
        with life.chain(mode) as chain:
            living = life.start(chain, f"forced-{mode}", mode)
            life.forget(living)
            living.sandbox.destroy()
            chain.delete(living.sandbox, previous=False, CNI_NETNS="")
            life.compare()
    equal(world.journal_entries(), [], "the journal")


def never_deleted(life):
    """The collector finds what nobody has told it of."""
    with life.chain("strict") as chain:
        living = life.start(chain, "lost", "strict")
        life.forget(living)
        living.sandbox.destroy()
    system.run("systemctl", "start", "podsg-eni-gc-host.service")
    life.compare()
    equal(world.journal_entries(), [], "the journal")


def left_for_the_reboot(life):
    """They are in the journal when the machine goes down."""
    for mode in ("standard", "strict"):
        with life.chain(mode) as chain:
            life.forget(life.start(chain, f"old-{mode}", mode))
    netns.run(["sync"])
    equal(len(world.journal_entries()), 2, "sandboxes in the journal")


def tests(program, one):
    life = Life(one.node)
    program.case("pods start filtered on 8021q devices, and DEL leaves nothing", start_and_stop,
                 life)
    program.case("grace period 0: DEL without pod, namespace and result leaves nothing",
                 grace_period_0, life)
    program.case("the collector removes what no DEL came for", never_deleted, life)
    program.case("two pods are in the journal at the reboot", left_for_the_reboot, life)
