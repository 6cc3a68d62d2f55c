#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
What podsgctl check finds in documents. Each check has cases of its own, cases/ID/…: documents in
the shape that kubectl and the AWS CLI write, and by the name of the directory

    clean, clean-…   it judges something and finds nothing
    found, found-…   it finds what the file "expect" says: a line a finding, KIND NAME: WHAT
    idle, idle-…     it finds nothing that it could judge, and needs nothing
    needs, needs-…   it cannot judge, and "expect" names what it needs, a line each

"expect" may hold, before these, a line of options: "# --node NAME". "{case}" in it is the directory.
"""

import glob
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "netns"))

from lab import tap  # noqa: E402
from lab.tap import check, equal  # noqa: E402

BUILD = os.environ.get("B", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"))
PODSGCTL = os.path.join(BUILD, "asan", "podsgctl")
CASES = os.path.join(HERE, "cases")
FOUND_EXIT = {"error": 2, "warning": 1, "info": 0}
NOT_JUDGED = 3


def run(*arguments):
    return subprocess.run([PODSGCTL, "check", *arguments], capture_output=True, text=True,
                          timeout=120, check=False)


def listed():
    return json.loads(run("--list", "-o", "json").stdout)


def read_expected(directory):
    """Options, and lines."""
    path = os.path.join(directory, "expect")
    if not os.path.exists(path):
        return [], []
    with open(path, encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file if line.strip()]
    options = [word.replace("{case}", directory)
               for line in lines if line.startswith("# ") for word in line[2:].split()]
    return options, [line for line in lines if not line.startswith("# ")]


def object_text(finding):
    named = finding["object"]
    namespace = named.get("namespace")
    return f"{named['kind']} {namespace + '/' if namespace else ''}{named['name']}"


def judge(identity, directory, *options):
    result = run("--only", identity, "-o", "json", *options, directory)
    check(result.stdout, f"no answer, exit {result.returncode}: {result.stderr}")
    answer = json.loads(result.stdout)
    equal(answer["notRead"], [], "documents that were refused")
    equal([entry["id"] for entry in answer["checks"]], [identity], "checks that ran")
    return answer, answer["checks"][0], result.returncode


def is_clean(entry, directory):
    options, _ = read_expected(directory)
    answer, outcome, status = judge(entry["id"], directory, *options)
    equal(answer["findings"], [], "findings")
    check(outcome["judged"] > 0, "nothing was judged: the case shows nothing")
    equal(outcome["needs"], [], "what it needs")
    equal(status, 0, "exit status")


def is_idle(entry, directory):
    options, _ = read_expected(directory)
    answer, outcome, status = judge(entry["id"], directory, *options)
    equal(outcome["state"], "nothing to judge", "state")
    equal((answer["findings"], outcome["needs"]), ([], []), "findings, and what it needs")
    equal(status, 0, "exit status")


def is_found(entry, directory):
    options, expected = read_expected(directory)
    answer, outcome, status = judge(entry["id"], directory, *options)
    found = [f"{object_text(one)}: {one['what']}" for one in answer["findings"]]
    equal(sorted(found), sorted(expected), "findings")
    check(expected, "the case expects nothing")
    check(all(one.get("fix") for one in answer["findings"]) or entry["severity"] == "info",
          "a finding that nobody is told how to mend")
    check(all(one.get("file") for one in answer["findings"]), "a finding without its document")
    equal(outcome["needs"], [], "what it needs")
    equal(status, FOUND_EXIT[entry["severity"]], "exit status")


def is_not_judged(entry, directory):
    options, expected = read_expected(directory)
    answer, outcome, status = judge(entry["id"], directory, *options)
    equal(outcome["needs"], expected, "what it needs")
    equal(answer["findings"], [], "findings")
    equal(status, NOT_JUDGED, "exit status")
    equal(judge(entry["id"], directory, "--partial", *options)[2], 0, "exit status with --partial")


KINDS = {"clean": is_clean, "idle": is_idle, "found": is_found, "needs": is_not_judged}


def of_the_node(entry):
    """Judged on a node only: see test_node.py."""
    return entry["group"] == "Node"


def has_cases(entry):
    for kind in ("clean", "found"):
        check(glob.glob(os.path.join(CASES, entry["id"], kind + "*")), f"no case {kind}")


def every_case_is_of_a_check(checks):
    known = {entry["id"] for entry in checks}
    equal([name for name in sorted(os.listdir(CASES)) if name not in known], [], "unknown checks")


def main():
    checks = listed()
    program = tap.Selection(2)
    program.case("every case is of a check", every_case_is_of_a_check, checks)
    for entry in checks:
        if not of_the_node(entry):
            program.case(f"{entry['id']}: has a clean case and one where it finds", has_cases, entry)
        for directory in sorted(glob.glob(os.path.join(CASES, entry["id"], "*"))):
            name = os.path.basename(directory)
            program.case(f"{entry['id']}: {name}", KINDS[name.split("-")[0]], entry, directory)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
