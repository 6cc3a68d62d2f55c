#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""podsgctl check asks a real API server for all that its checks need, with the rights that
packaging/kubernetes has for it, and says what it lacks with fewer."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "netns")]
sys.dont_write_bytecode = True

import control_plane  # noqa: E402
from lab import daemon as daemons  # noqa: E402
from lab import documents, netns, tap  # noqa: E402
from lab.daemon import CONTROL, NODE_NAME, ROOT  # noqa: E402
from lab.tap import check, equal, wait_for  # noqa: E402
from world import NAMESPACE, OTHER_NODE, WEB, World, local_pod, remote_pod  # noqa: E402

RIGHTS = os.path.join(ROOT, "packaging", "kubernetes", "check.yaml")
CHECK = "grace-period-zero"
BEYOND = {"deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "cronjobs",
          "services", "endpointslices", "networkpolicies"}  # those that this server knows
TEMPLATES = [f"permission to list {kind} (RBAC)"
             for kind in ("deployments", "statefulsets", "daemonsets", "jobs", "cronjobs")]


def judge(world, *options, only=CHECK):
    world.daemon.write_config()
    command = netns.command_in(world.node.name("node"), [
        CONTROL, "check", "--config", world.daemon.path("podsg.yaml"), "-o", "json",
        *(("--only", only) if only else ()), *options])
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    check(result.stdout, f"no answer, exit {result.returncode}: {result.stderr}")
    answer = json.loads(result.stdout)
    answer["refused"] = {one["document"].removeprefix("kubernetes/") for one in answer["notRead"]}
    return answer


def found(answer):
    return {f"{one['object']['kind']} {one['object']['name']}" for one in answer["findings"]}


def at_once(item):
    spec = item["spec"].get("template", item)["spec"]
    spec["terminationGracePeriodSeconds"] = 0
    return item


def stateful_set(name):
    return {"apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"serviceName": name, "selector": {"matchLabels": {"app": "web"}},
                     "template": {"metadata": {"labels": {"app": "web"}},
                                  "spec": {"containers": [{"name": "main", "image": "a:1"}]}}}}


def with_the_daemons_own_rights_the_rest_is_named(world):
    answer = judge(world)
    check(BEYOND <= answer["refused"], f"not refused: {BEYOND - answer['refused']}")
    check("pods" not in answer["refused"], f"refused: {answer['refused']}")
    check("forbidden" in answer["notRead"][0]["error"], f"{answer['notRead'][0]}")
    equal(answer["checks"][0]["needs"], TEMPLATES, "what the check needs")


def with_the_rights_of_a_check_all_is_read(world):
    with open(RIGHTS, encoding="utf-8") as file:
        world.api.apply_yaml(file.read())
    wait_for(lambda: not judge(world)["refused"], "nothing is refused", 30.0, 0.5)
    equal(judge(world)["checks"][0]["needs"], [], "what the check needs")


def pods_and_templates_are_judged(world):
    world.create_policy("web", [WEB], {"matchLabels": {"app": "web"}})
    world.create_pod(local_pod(3), {"app": "web"})
    world.api.create(at_once(documents.pod(local_pod(4), NODE_NAME, {"app": "web"})))
    world.api.create(at_once(documents.pod(remote_pod(5), OTHER_NODE, {"app": "web"})))
    world.api.create(at_once(stateful_set("db")))
    equal(found(judge(world)), {"Pod pod-4", "StatefulSet db"}, "findings of this node")
    equal(found(judge(world, "--node", OTHER_NODE)), {"Pod remote-5", "StatefulSet db"},
          "findings of the other")
    equal(found(judge(world, "--all-nodes")), {"Pod pod-4", "Pod remote-5", "StatefulSet db"},
          "findings of all")


def many_pods_come_in_pages(world):
    """More than one page of 500."""
    for number in range(100, 700):
        world.api.create(at_once(documents.pod(remote_pod(number), OTHER_NODE, {"app": "web"})))
    answer = judge(world, "--all-nodes")
    equal(sum(name.startswith("Pod remote-") for name in found(answer)), 601, "pods")


def all_checks_run(world):
    answer = judge(world, "--all-nodes", "--partial", only=None)
    equal(answer["notRead"], [], "what was not read")
    check(len(answer["checks"]) > 1, "checks that ran")


CASES = (
    with_the_daemons_own_rights_the_rest_is_named,
    with_the_rights_of_a_check_all_is_read,
    pods_and_templates_are_judged,
    many_pods_come_in_pages,
    all_checks_run,
)


def main():
    daemons.need(control_plane.missing)
    program = tap.Program()
    with World() as world:
        for case in CASES:
            program.case(case.__name__.replace("_", " "), case, world)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
