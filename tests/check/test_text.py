#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What podsgctl check prints for people: to the letter where it is short, and nothing is missing."""

import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "netns"))

from lab import tap  # noqa: E402
from lab.tap import check, equal  # noqa: E402

BUILD = os.environ.get("B", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"))
PODSGCTL = os.path.join(BUILD, "asan", "podsgctl")
CASES = os.path.join(HERE, "cases")
SENTENCE_MAX = 11 + 90  # the margin, and a line of sentences

GROUPED = """\
Teardown
  warning grace-period-zero: a termination grace period of 0 seconds (4)
    Pod shop/lonely  (pods.json:4)
    Pod shop/nightly-1-abc  (pods.json:78)
    CronJob shop/nightly  (templates.json:70)
    Deployment shop/web  (templates.json:4)
           terminationGracePeriodSeconds is 0
      fix: terminationGracePeriodSeconds: 30    # in the pod's spec; 1 is enough
      why: The API server forgets such a pod before the node has taken its network down: the VPC CNI
           may leave its VLAN device, ip rules and branch ENI behind, and the next pod of that name
           may find itself without a network.

0 errors, 4 warnings, 0 for information; checks: 0 clean, 0 without anything to judge, 0 not judged
"""
NEEDS = """\
Not judged, or (*) not of all, for want of
  kubectl get securitygrouppolicies -A -o json
      policy-group-unknown, grace-period-zero
  aws ec2 describe-security-groups
      policy-group-unknown
  kubectl get deployments,statefulsets,daemonsets,jobs,cronjobs -A -o json
      grace-period-zero

0 errors, 0 warnings, 0 for information; checks: 0 clean, 0 without anything to judge, 2 not judged
"""
PARTLY = """\
Not judged, or (*) not of all, for want of
  kubectl get deployments,statefulsets,daemonsets,jobs,cronjobs -A -o json
      grace-period-zero*

Not read
  torn.json:1: not JSON, truncated: a member's name in quotes is expected

0 errors, 0 warnings, 0 for information; checks: 0 clean, 0 without anything to judge, 1 not judged
"""


def run(directory, *options):
    return subprocess.run([PODSGCTL, "check", *options, "."], cwd=directory, text=True,
                          capture_output=True, timeout=120, check=False)


def text_of(directory, *options):
    return run(directory, *options).stdout.replace("./", "")


def the_same_of_many_objects_is_explained_once():
    directory = os.path.join(CASES, "grace-period-zero", "found")
    equal(text_of(directory, "--only", "grace-period-zero"), GROUPED, "text")


def what_is_needed_is_said_once_and_by_whom():
    directory = os.path.join(CASES, "grace-period-zero", "needs")
    equal(text_of(directory, "--only", "grace-period-zero,policy-group-unknown"), NEEDS, "text")


def what_is_judged_in_part_and_what_is_not_read_are_marked():
    clean = os.path.join(CASES, "grace-period-zero", "clean")
    with tempfile.TemporaryDirectory() as directory:
        for name in ("pods.json", "policies.yaml"):
            os.symlink(os.path.join(clean, name), os.path.join(directory, name))
        with open(os.path.join(directory, "torn.json"), "w", encoding="utf-8") as file:
            file.write("{")
        equal(text_of(directory, "--only", "grace-period-zero"), PARTLY, "text")


def words(text):
    return " ".join(text.split())


def nothing_that_a_finding_says_is_missing():
    """Whatever is grouped: each object, what is wrong with it, why, and the whole fix."""
    for directory in sorted(glob.glob(os.path.join(CASES, "*", "found*"))):
        only = ("--only", os.path.basename(os.path.dirname(directory)))
        text = words(text_of(directory, *only))
        findings = json.loads(run(directory, *only, "-o", "json").stdout)["findings"]
        for finding in findings:
            named = finding["object"]
            namespace = named["namespace"] + "/" if named.get("namespace") else ""
            place = finding["file"].removeprefix("./")
            place = f" ({place}:{finding['line']})" if finding.get("line") else ""
            said = [f"{named['kind']} {namespace}{named['name']}{place}", finding["what"],
                    "why: " + finding["why"]]
            said += ["fix: " + finding["fix"]] if finding.get("fix") else []
            for part in said:
                check(words(part) in text, f"{directory}: \"{part}\" is not in {text}")
        equal(text.count(" why: "), len({finding["check"] for finding in findings}), "whys")


def each_is_under_its_own_explanation():
    """What is said stands behind the objects that it is said of, before those of others."""
    for directory in sorted(glob.glob(os.path.join(CASES, "*", "found*"))):
        only = ("--only", os.path.basename(os.path.dirname(directory)))
        text = words(text_of(directory, *only))
        at = 0
        for finding in json.loads(run(directory, *only, "-o", "json").stdout)["findings"]:
            at = text.index(finding["object"]["name"], at)
            check(text.find(words(finding["what"]), at) >= 0,
                  f"{directory}: nothing is said of {finding['object']['name']}")


def sentences_are_broken_into_lines():
    listed = {entry["id"]: entry["why"] for entry in json.loads(subprocess.run(
        [PODSGCTL, "check", "--list", "-o", "json"], capture_output=True, text=True,
        check=False).stdout)}
    for directory in sorted(glob.glob(os.path.join(CASES, "*", "found"))):
        only = os.path.basename(os.path.dirname(directory))
        text = text_of(directory, "--only", only)
        why = text.partition("      why: ")[2].partition("\n\n")[0]
        equal(words(why), words(listed[only]), f"why of {only}")
        check(max(len(line) for line in why.split("\n")) <= SENTENCE_MAX, f"long lines: {why}")


TESTS = (
    the_same_of_many_objects_is_explained_once,
    what_is_needed_is_said_once_and_by_whom,
    what_is_judged_in_part_and_what_is_not_read_are_marked,
    nothing_that_a_finding_says_is_missing,
    each_is_under_its_own_explanation,
    sentences_are_broken_into_lines,
)


def main():
    program = tap.Selection(2)
    for test in TESTS:
        program.case(test.__name__.replace("_", " "), test)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
