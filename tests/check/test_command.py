#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
podsgctl check as a command: exit statuses, forms of output, what is chosen and left out, documents
that are refused.
"""

import glob
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
    equal([suite.get("skipped") for suite in tests if suite.get("skipped") != "0"], ["1"],
          "skipped")
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


def a_list_of_nothing_is_known_by_its_file_name():
    """kubectl writes kind List whatever it was asked for."""
    nothing = {"apiVersion": "v1", "items": [], "kind": "List",
               "metadata": {"resourceVersion": "", "selfLink": ""}}
    templates = "kubectl get deployments,statefulsets,daemonsets,jobs,cronjobs -A -o json"
    for name, content, expected in (
            ("cronjobs.json", nothing, []), ("shop-jobs,cronjobs.json", nothing, []),
            ("deployments.v1.yaml", nothing, []),
            ("rest.json", nothing, [templates]), ("rest.jobs.json", nothing, [templates]),
            ("badjobs.json", nothing, [templates]), ("jobsite.json", nothing, [templates]),
            ("jobs.json", {**nothing, "kind": "ReplicaSetList"}, [templates]),
            ("jobs.json", {**nothing, "items": [{"apiVersion": "v1", "kind": "Secret",
                                                 "metadata": {"name": "a"}}]}, [templates])):
        with tempfile.TemporaryDirectory() as directory:
            for kept in ("pods.json", "policies.yaml"):
                shutil.copy(os.path.join(CLEAN, kept), directory)
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                json.dump(content, file)
            answer = json.loads(run(*ONLY, "-o", "json", directory).stdout)
            equal((answer["notRead"], answer["checks"][0]["needs"]), ([], expected),
                  f"what is not read, and needs, with {name}")


def hostile_names(directory):
    """Files that anybody may have made, one of them with a pod in it that is found, one torn."""
    shutil.copytree(FOUND, directory, dirs_exist_ok=True)
    os.rename(os.path.join(directory, "pods.json").encode(),
              os.path.join(directory, "po\033[31m\x07<&\"").encode() + b"\xff\xc2\x9b.json")
    with open(os.path.join(directory, "z\033]0;\n.json"), "w", encoding="utf-8") as file:
        file.write("{")


def names_of_files_do_not_draw_on_the_terminal():
    with tempfile.TemporaryDirectory() as directory:
        hostile_names(directory)
        for form in ("text", "json", "junit"):
            result = subprocess.run([PODSGCTL, "check", *ONLY, "-o", form, directory],
                                    capture_output=True, timeout=120, check=False)
            text = result.stdout.decode()  # or it is no UTF-8
            equal([byte for byte in text if byte < " " and byte not in "\n\t"], [], f"{form}: controls")
            check("\x9b" not in text, f"{form}: a control of C1")
            equal(result.returncode, NOT_JUDGED, f"{form}: exit status")
        text = run(*ONLY, directory).stdout
        check(r"po\x1b[31m\x07<&" in text and r"z\x1b]0;\x0a.json" in text, "names as text")
        names = {one["file"] for one in json.loads(run(*ONLY, "-o", "json", directory).stdout)
                 ["findings"]}
        check(any(name.endswith(r'po\x1b[31m\x07<&"\xff\xc2\x9b.json') for name in names), f"{names}")


# What Jenkins' schema (junit-10.xsd) allows, as far as we write it: attributes, those that have to
# be there, children.
JUNIT = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "time", "id", "package"},
                  {"name", "tests", "failures", "errors"},
                  {"testsuite", "properties", "testcase", "system-out", "system-err"}),
    "testcase": ({"name", "time", "classname", "group"}, {"name"},
                 {"skipped", "failure", "system-out", "system-err"}),
    "failure": ({"type", "message"}, set(), set()),
    "skipped": ({"type", "message"}, set(), set()),
    "system-out": (set(), set(), set()),
}


def follows_schema(element):
    allowed, required, children = JUNIT[element.tag]
    check(required <= set(element.attrib) <= allowed, f"<{element.tag}>: {element.attrib}")
    for child in element:
        check(child.tag in children, f"<{child.tag}> in <{element.tag}>")
        follows_schema(child)


def junit_is_as_pipelines_read_it():
    """Errors, warnings, information, what is not judged, what is not read: each has its place."""
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(FOUND, directory, dirs_exist_ok=True)
        for number, other in enumerate(("instance-cannot-trunk", "rule-shadowed")):
            for name in os.listdir(os.path.join(HERE, "cases", other, "found")):
                shutil.copy(os.path.join(HERE, "cases", other, "found", name),
                            os.path.join(directory, f"{number}-{name}"))
        with open(os.path.join(directory, "zz.json"), "w", encoding="utf-8") as file:
            file.write("{")
        root = xml.etree.ElementTree.fromstring(run("-o", "junit", directory).stdout)
        answer = json.loads(run("-o", "json", directory).stdout)
    follows_schema(root)
    summary = answer["summary"]
    equal(int(root.get("failures")), summary["errors"] + summary["warnings"] + 1, "failures")
    equal(len(list(root.iter("skipped"))), summary["notJudged"], "skipped")
    equal(len(list(root.iter("system-out"))), summary["infos"], "information")
    for key, tag in (("tests", "testcase"), ("failures", "failure")):
        equal(int(root.get(key)), len(list(root.iter(tag))), f"{key} of all")
        for suite in root:
            equal(int(suite.get(key)), len(list(suite.iter(tag))), f"{key} of {suite.get('name')}")
    for suite in root:
        equal(int(suite.get("skipped")), len(list(suite.iter("skipped"))),
              f"skipped of {suite.get('name')}")
    check(min(summary[key] for key in ("errors", "warnings", "infos", "notJudged")) > 0,
          f"not everything is there: {summary}")


def cases_of_junit_have_names_of_their_own():
    """Of two of one name pipelines show one."""
    several = 0
    for directory in sorted(glob.glob(os.path.join(HERE, "cases", "*", "found*"))):
        only = os.path.basename(os.path.dirname(directory))
        suites = xml.etree.ElementTree.fromstring(
            run("--only", only, "-o", "junit", directory).stdout)
        names = [case.get("name") for case in suites.iter("testcase")]
        equal(sorted(names), sorted(set(names)), f"names of the cases of {directory}")
        several += any(name.endswith(" (2)") for name in names)
    check(several > 0, "nowhere are there several of one object")


def states_follow_from_what_was_judged():
    answer = json.loads(run("-o", "json", os.path.join(HERE, "cases", "rule-shadowed", "found")).stdout)
    seen = set()
    for entry in answer["checks"]:
        expected = ("found" if entry["found"] else "not judged" if entry["needs"]
                    else "clean" if entry["judged"] else "nothing to judge")
        equal(entry["state"], expected, f"state of {entry}")
        seen.add(expected)
    equal(len(seen), 4, f"states that were seen: {seen}")


def findings_say_where_they_are():
    answer = json.loads(run(*ONLY, "-o", "json", FOUND).stdout)
    places = {one["object"]["name"]: (os.path.basename(one["file"]), one["line"])
              for one in answer["findings"]}
    equal(places["nightly"], ("templates.json", 70), "file and line")


def a_check_of_the_node_that_is_asked_for_says_where_it_runs():
    answer = json.loads(status_is(NOT_JUDGED, "--only", "node-plugin-last", "-o", "json",
                                  CLEAN).stdout)
    equal(answer["checks"][0]["needs"], ["podsgctl check without DOCUMENTS, on the node"], "needs")


def the_graver_exit_status_goes_first():
    """Errors, what could not be read, warnings, what could not be judged."""
    def status(*parts, options=()):
        with tempfile.TemporaryDirectory() as directory:
            for number, part in enumerate(parts):
                for name in os.listdir(part) if os.path.isdir(part) else ():
                    shutil.copy(os.path.join(part, name),
                                os.path.join(directory, f"{number}-{name}"))
            if "torn" in parts:
                with open(os.path.join(directory, "zz.json"), "w", encoding="utf-8") as file:
                    file.write("{")
            return run(*options, directory).returncode
    error = os.path.join(HERE, "cases", "policy-no-groups", "found")
    both = ("--only", f"{CHECK},policy-no-groups")
    unknown = ("--only", f"{CHECK},dns-egress")  # which needs more
    equal(status(FOUND, error, options=both), ERRORS, "errors and warnings")
    equal(status(FOUND, error, "torn", options=both), ERRORS, "and a document that is broken")
    equal(status(FOUND, "torn", options=ONLY), NOT_JUDGED, "warnings, and a broken document")
    equal(status(FOUND, "torn", options=(*ONLY, "--partial")), NOT_JUDGED, "likewise, --partial")
    equal(status(FOUND, options=unknown), WARNINGS, "warnings, and not everything is judged")
    equal(status(CLEAN, options=unknown), NOT_JUDGED, "not everything is judged")
    equal(status(CLEAN, options=(*unknown, "--partial")), CLEAN_EXIT, "likewise, --partial")
    equal(status(CLEAN, "torn", options=(*unknown, "--partial")), NOT_JUDGED, "broken, --partial")


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
    a_list_of_nothing_is_known_by_its_file_name,
    names_of_files_do_not_draw_on_the_terminal,
    junit_is_as_pipelines_read_it,
    cases_of_junit_have_names_of_their_own,
    states_follow_from_what_was_judged,
    findings_say_where_they_are,
    a_check_of_the_node_that_is_asked_for_says_where_it_runs,
    the_graver_exit_status_goes_first,
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
