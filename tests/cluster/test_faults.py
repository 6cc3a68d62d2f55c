#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A real API server that goes away, forgets, knows nothing yet, or has very much to tell."""

import concurrent.futures
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "netns")]
sys.dont_write_bytecode = True

import control_plane  # noqa: E402
from lab import daemon as daemons  # noqa: E402
from lab import documents, tap  # noqa: E402
from lab.tap import check, equal, wait_for  # noqa: E402
from world import (LEDGER, NAMESPACE, OTHER_NODE, WEB, World, local_pod, remote_pod)  # noqa: E402

AGAIN = 60.0
REMOTE_PODS = 5000
WRITERS = 4
# A server that has just started does not know its definitions either.
ABSENT_WITHIN = 150.0
ABSENT_FOR = 240.0
DEFINITIONS = ("securitygrouppolicies.vpcresources.k8s.aws", "cninodes.vpcresources.k8s.aws")

numbers = iter(range(10, 120))


def web_pod(world):
    pod = local_pod(next(numbers))
    world.create_pod(pod, {"app": "web"})
    return pod


def while_it_is_away(world, away, back):
    """
    One pod stays, one changes, one goes and one comes while the daemon follows nothing. Nothing
    of what it knows changes until it knows better.
    """
    stays, changes, goes = (web_pod(world) for _ in range(3))
    for pod in (stays, changes, goes):
        world.wait_groups(pod, [WEB])
    rules = world.daemon.ruleset()
    away()
    world.api.delete("Pod", NAMESPACE, goes.name)
    world.api.patch("Pod", NAMESPACE, changes.name, {"metadata": {"labels": {"app": "none"}}})
    comes = web_pod(world)
    check(goes.interface in rules and goes.interface in world.daemon.ruleset(),
          "a pod's rules went while nothing was known")
    back()
    world.wait_groups(comes, [WEB], AGAIN)
    world.wait_groups(changes, [], AGAIN)
    world.delete_links(goes)
    wait_for(lambda: world.groups_of(goes) is None, "the pod that went is forgotten", AGAIN)
    equal(world.groups_of(stays), [WEB], "groups of the pod that stayed")
    world.wait_current(AGAIN)


def server_restarts(world):
    pods = [web_pod(world) for _ in range(2)]
    for pod in pods:
        world.wait_groups(pod, [WEB])
    commits = world.commits()
    for how in (signal.SIGTERM, signal.SIGKILL):
        world.plane.stop(how)
        wait_for(lambda: not world.all_current(), "the status says that nothing is followed", AGAIN)
        equal([world.groups_of(pod) for pod in pods], [[WEB]] * 2, "groups while it is away")
        world.plane.start()
        world.wait_current(AGAIN)
    equal(world.commits(), commits, "commits: nothing had changed")
    later = web_pod(world)
    world.wait_groups(later, [WEB])


def stopped(world):
    world.daemon.process.send_signal(signal.SIGSTOP)


def continued(world):
    world.daemon.process.send_signal(signal.SIGCONT)


def missed_events_are_caught_up(world):
    """The daemon sleeps while the server restarts and things change."""
    def away():
        stopped(world)
        world.plane.restart()
    while_it_is_away(world, away, lambda: continued(world))


def revision_is_compacted(world):
    """
    Without its cache the server asks etcd, which has forgotten the revision that the watch would
    go on from: 410 Gone.
    """
    def back():
        world.plane.compact()
        continued(world)

    def away():
        stopped(world)
        world.plane.restart("--watch-cache=false")
    try:
        while_it_is_away(world, away, back)
        seen = [uri for verb, uri, _ in world.plane.requests() if verb == "list"]
        check(seen, "no list was asked for")
    finally:
        world.plane.restart()
        world.wait_current(AGAIN)


def daemon_restarts_without_server(world):
    """The rules of before stay in force; nothing is taken for gone."""
    pod = web_pod(world)
    world.wait_groups(pod, [WEB])
    world.stop()
    world.plane.stop()
    try:
        world.daemon.launch()
        time.sleep(2.0)
        check(pod.interface in world.daemon.ruleset(), "the rules went without a server")
        check(world.daemon.process.poll() is None, "the daemon ended")
    finally:
        world.plane.start()
    wait_for(world.daemon.in_force, "the daemon says that its rules are in force", AGAIN)
    world.wait_groups(pod, [WEB], AGAIN)


# Very much

def create_remote(world, first):
    client = world.plane.client()
    for number in range(first, REMOTE_PODS, WRITERS):
        client.create(dict(documents.pod(remote_pod(number), OTHER_NODE, {"app": "remote"}),
                           status=None))
    client.close()


def thousands_of_pods_in_pages(world):
    world.create_policy("remote", [WEB], {"matchLabels": {"app": "remote"}})
    world.create_policy("ledger", [LEDGER], {"matchLabels": {"app": "ledger"}})
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(create_remote, world, first) for first in range(WRITERS)]:
            done.result()
    tap.note(f"{REMOTE_PODS} pods made in {time.monotonic() - begin:.0f} s")
    before = len(world.plane.requests())
    pod = local_pod(next(numbers))
    begin = time.monotonic()
    world.create_pod(pod, {"app": "ledger"})
    expected = [remote_pod(number).address(4) for number in range(REMOTE_PODS)]
    world.wait_members(WEB, expected, AGAIN)
    tap.note(f"all are members in the kernel {time.monotonic() - begin:.1f} s after the first pod "
             "whose rules need them")
    pages = [uri for verb, uri, _ in world.plane.requests()[before:]
             if verb == "list" and "/pods" in uri and "limit=500" in uri]
    check(len(pages) >= REMOTE_PODS // 500, f"{len(pages)} pages were asked for: {pages[:3]}")
    check(any("continue=" in uri for uri in pages), "no page continues another")


def members_survive_a_restart(world):
    """The list is made anew; no member is missing meanwhile."""
    expected = {remote_pod(number).address(4) for number in range(REMOTE_PODS)}
    equal(world.members(WEB), expected, "members before")
    world.stop()
    world.daemon.launch()
    lowest = REMOTE_PODS
    end = time.monotonic() + AGAIN
    while not (following := world.daemon.control("status", check=False)) or \
            not following["kernel"]["inForce"]:
        check(time.monotonic() < end, "the daemon does not say that its rules are in force")
        lowest = min(lowest, len(world.members(WEB)))
        time.sleep(0.1)
    world.wait_current(AGAIN)
    lowest = min(lowest, len(world.members(WEB)))
    equal(lowest, REMOTE_PODS, "fewest members at any time")


# Nothing known yet

def definitions_are_absent(world):
    world.stop()
    for name in DEFINITIONS:
        world.api.delete("CustomResourceDefinition", None, name)
    time.sleep(2.0)
    begin = time.monotonic()
    world.daemon.start(ABSENT_WITHIN)
    tap.note(f"{time.monotonic() - begin:.0f} s until it was believed that there are none")
    wait_for(lambda: any(source["state"] == "absent" for source in world.following().values()),
             "the status says that there are no policies", AGAIN)
    equal([source for source in world.following().values() if source.get("error")], [], "errors")
    check("level=error" not in world.daemon.log_tail(8), world.daemon.log_tail(8))


def definitions_are_installed(world):
    world.plane.define()
    world.create_policy("web", [WEB], {"matchLabels": {"app": "web"}})
    pod = web_pod(world)
    begin = time.monotonic()
    world.wait_groups(pod, [WEB], ABSENT_FOR)
    tap.note(f"policies were found {time.monotonic() - begin:.0f} s after they were defined")


def with_web_policy(world, function):
    world.create_policy("web", [WEB], {"matchLabels": {"app": "web"}})
    function(world)


def main():
    daemons.need(control_plane.missing)
    program = tap.Program()
    with World() as world:
        world.start()
        program.case("the server restarts: the last state stays, then is followed again",
                     world.cleared, with_web_policy, server_restarts)
        program.case("events are missed: what has gone goes, what has come comes",
                     world.cleared, with_web_policy, missed_events_are_caught_up)
        program.case("the revision is compacted: a fresh list",
                     world.cleared, with_web_policy, revision_is_compacted)
        program.case("the daemon starts before the server",
                     world.cleared, with_web_policy, daemon_restarts_without_server)
        program.case(f"{REMOTE_PODS} pods are listed in pages", thousands_of_pods_in_pages, world)
        program.case("no member is missing across a restart",
                     world.cleared, with_web_policy, members_survive_a_restart)
        program.case("without definitions there are no policies", definitions_are_absent, world)
        program.case("the definitions are installed later",
                     definitions_are_installed, world)
        world.daemon.keep = bool(program.failed)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
