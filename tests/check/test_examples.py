#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What podsgctl check finds in the example documents is what their README explains, and no more."""

import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "netns"))

from lab import tap  # noqa: E402
from lab.tap import check, equal  # noqa: E402

BUILD = os.environ.get("B", os.path.join(ROOT, "build"))
PODSGCTL = os.path.join(BUILD, "asan", "podsgctl")
EXAMPLES = os.path.join(ROOT, "packaging", "examples")
EXPLAINED = re.compile(r"^\| ([a-z0-9-]+) \| (\w+ \S+) \| (.+) \|$", re.MULTILINE)


def judge(path):
    result = subprocess.run([PODSGCTL, "check", "--partial", "-o", "json", path], timeout=120,
                            capture_output=True, text=True, check=False)
    check(result.stdout, f"no answer, exit {result.returncode}: {result.stderr}")
    return json.loads(result.stdout)


def explained():
    with open(os.path.join(EXAMPLES, "README.md"), encoding="utf-8") as file:
        table = file.read().partition("| finding | object |")[2].partition("\n\n")[0]
    return [(identity, named) for identity, named, _ in EXPLAINED.findall(table)]


def found(answer):
    for finding in answer["findings"]:
        named = finding["object"]
        namespace = named.get("namespace")
        yield (finding["check"],
               f"{named['kind']} {namespace + '/' if namespace else ''}{named['name']}")


def the_readme_explains_what_is_found():
    equal(sorted(found(judge(os.path.join(EXAMPLES, "documents")))), sorted(explained()),
          "findings, and what packaging/examples/README.md explains")


def every_document_is_read():
    answer = judge(os.path.join(EXAMPLES, "documents"))
    equal(answer["notRead"], [], "what was not read")
    check(answer["summary"]["clean"] > 5, f"hardly anything was judged: {answer['summary']}")


CASES = (the_readme_explains_what_is_found, every_document_is_read)


def main():
    return tap.run((case.__name__.replace("_", " "), case) for case in CASES)


if __name__ == "__main__":
    sys.exit(main())
