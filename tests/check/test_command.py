#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
podsgctl check as a command: exit statuses, forms of output, what is chosen and left out, documents
that are refused.
"""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "netns"))

from lab import tap  # noqa: E402
from lab.tap import check, equal  # noqa: E402

BUILD = os.environ.get("B", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"))
PODSGCTL = os.path.join(BUILD, "asan", "podsgctl")
CHECK = "grace-period-zero"
CASES = os.path.join(HERE, "cases", CHECK)
FOUND, CLEAN, NEEDS = (os.path.join(CASES, name) for name in ("found", "clean", "needs"))
ONLY = ("--only", CHECK)
CLEAN_EXIT, WARNINGS, ERRORS, NOT_JUDGED = range(4)


def run(*arguments, before=("check",), **options):
    return subprocess.run([PODSGCTL, *before, *arguments], capture_output=True, text=True,
                          timeout=120, check=False, **options)


def status_is(expected, *arguments):
    result = run(*arguments)
    equal(result.returncode, expected, f"exit status of {arguments}: {result.stderr}")
    return result


def exit_statuses_say_what_was_found():
    status_is(CLEAN_EXIT, *ONLY, CLEAN)
    status_is(WARNINGS, *ONLY, FOUND)
    status_is(NOT_JUDGED, *ONLY, NEEDS)
    status_is(CLEAN_EXIT, *ONLY, "--partial", NEEDS)


def what_cannot_be_read_is_not_clean():
    for arguments in (["/nonexistent"], [os.path.join(CASES, "found", "expect")],
                      ["--only", "no-such-check", CLEAN], ["--no-such-option"],
                      ["-o", "html", CLEAN], [CLEAN, FOUND]):
        result = status_is(NOT_JUDGED, *arguments)
        check(result.stderr, f"{arguments}: nobody is told why")
        equal(result.stdout, "", f"{arguments}: answer")


def a_broken_document_is_named_and_the_others_are_judged():
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(CLEAN, directory, dirs_exist_ok=True)
        with open(os.path.join(directory, "zz.json"), "w", encoding="utf-8") as file:
            file.write('{"kind": "Pod", "apiVersion": "v1",\n "metadata": {"name": 3}}')
        answer = json.loads(status_is(NOT_JUDGED, *ONLY, "-o", "json", directory).stdout)
        equal([os.path.basename(one["document"]) for one in answer["notRead"]], ["zz.json"],
              "refused documents")
        check("zz.json:2: metadata.name" in answer["notRead"][0]["error"],
              f"file, line and item: {answer['notRead'][0]['error']}")
        check(answer["checks"][0]["judged"] > 0, "the other documents are judged")
        suite = xml.etree.ElementTree.fromstring(run(*ONLY, "-o", "junit", directory).stdout)
        equal(suite.get("failures"), "1", "failures in JUnit's form")


def a_directory_without_documents_is_not_clean():
    with tempfile.TemporaryDirectory() as directory:
        result = status_is(NOT_JUDGED, directory)
        check("no file in it ends in" in result.stderr, result.stderr)


def one_file_is_judged_alone():
    answer = json.loads(run(*ONLY, "-o", "json", os.path.join(FOUND, "templates.json")).stdout)
    equal(answer["checks"][0]["needs"][0], "kubectl get securitygrouppolicies -A -o json", "needs")


def the_forms_say_the_same():
    answer = json.loads(run(*ONLY, "-o", "json", FOUND).stdout)
    tests = xml.etree.ElementTree.fromstring(run(*ONLY, "-o", "junit", FOUND).stdout)
    text = run(*ONLY, FOUND).stdout
    failed = {case.get("name") for case in tests.iter("testcase") if case.find("failure") is not None}
    named = {f"{one['object']['kind']} {one['object']['namespace']}/{one['object']['name']}"
             for one in answer["findings"]}
    equal(failed, named, "failures in JUnit's form")
    equal(int(tests.get("failures")), len(answer["findings"]), "JUnit's count of failures")
    equal(int(tests.get("tests")), len(list(tests.iter("testcase"))), "JUnit's count of tests")
    for name in named:
        check(name in text, f"{name} is not in the text")
    check(text.rstrip().splitlines()[-1].startswith(f"0 errors, {len(named)} warnings"),
          "the summary is the last line")


def what_is_not_judged_is_skipped_in_junit():
    tests = xml.etree.ElementTree.fromstring(run(*ONLY, "-o", "junit", NEEDS).stdout)
    equal(tests.get("skipped"), "1", "skipped")
    check("not judged: needs" in tests.find(".//skipped").get("message"), "reason")


def skip_and_only_choose():
    listed = json.loads(run("--list", "-o", "json").stdout)
    answer = json.loads(run("--skip", CHECK, "--partial", "-o", "json", CLEAN).stdout)
    ran = {entry["id"] for entry in answer["checks"]}
    # Those of the node itself are out of place beside documents.
    equal(ran, {entry["id"] for entry in listed if entry["group"] != "Node"} - {CHECK},
          "checks that ran")


def a_namespace_and_a_node_limit_what_is_judged():
    for options, expected in ((("--namespace", "shop"), 4), (("--namespace", "other"), 0),
                              (("--node", "ip-10-0-0-10.us-west-2.compute.internal"), 4),
                              (("--node", "ip-10-0-0-99.us-west-2.compute.internal"), 2)):
        answer = json.loads(run(*ONLY, *options, "-o", "json", FOUND).stdout)
        equal(answer["checks"][0]["found"], expected, f"findings with {options}")


def options_may_stand_before_the_command():
    before = run(*ONLY, CLEAN, before=("-o", "json", "check"))
    equal(json.loads(before.stdout), json.loads(run(*ONLY, "-o", "json", CLEAN).stdout), "answer")


def colours_are_for_terminals():
    check("\033[" not in run(*ONLY, FOUND).stdout, "a pipe gets no colours")
    master, slave = pty.openpty()
    with subprocess.Popen([PODSGCTL, "check", *ONLY, FOUND], stdout=slave, stderr=slave) as process:
        os.close(slave)
        seen = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:
                break
            if not part:
                break
            seen += part
        process.wait()
    os.close(master)
    check(b"\033[33mwarning" in seen, "a terminal gets colours")


def what_others_named_is_escaped():
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(FOUND, directory, dirs_exist_ok=True)
        path = os.path.join(directory, "pods.json")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub('"name": "lonely"', '"name": "<b>&\\\\u0022]]>"', text))
        tests = xml.etree.ElementTree.fromstring(run(*ONLY, "-o", "junit", directory).stdout)
        check('Pod shop/<b>&"]]>' in {case.get("name") for case in tests.iter("testcase")},
              "JUnit's form is XML whatever a pod is called")


def the_list_needs_no_documents():
    for entry in json.loads(status_is(CLEAN_EXIT, "--list", "-o", "json").stdout):
        for key in ("id", "group", "severity", "title", "why", "source"):
            check(entry[key], f"{entry['id']}: {key} is missing")
        check(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", entry["id"]), f"{entry['id']}: not kebab-case")
        check(entry["why"].endswith("."), f"{entry['id']}: why is not a sentence")
    text = status_is(CLEAN_EXIT, "--list").stdout
    check(CHECK in text, "the list as text")


def no_id_is_there_twice():
    ids = [entry["id"] for entry in json.loads(run("--list", "-o", "json").stdout)]
    equal(sorted(ids), sorted(set(ids)), "ids")


CASES_HERE = (
    exit_statuses_say_what_was_found,
    what_cannot_be_read_is_not_clean,
    a_broken_document_is_named_and_the_others_are_judged,
    a_directory_without_documents_is_not_clean,
    one_file_is_judged_alone,
    the_forms_say_the_same,
    what_is_not_judged_is_skipped_in_junit,
    skip_and_only_choose,
    a_namespace_and_a_node_limit_what_is_judged,
    options_may_stand_before_the_command,
    colours_are_for_terminals,
    what_others_named_is_escaped,
    the_list_needs_no_documents,
    no_id_is_there_twice,
)


def main():
    program = tap.Selection(2)
    for case in CASES_HERE:
        program.case(case.__name__.replace("_", " "), case)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
