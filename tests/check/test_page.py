#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""podsg-checks(7) says what podsgctl says of its checks, and roff makes every one of it readable."""

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
PAGE = os.path.join(ROOT, "packaging", "man", "podsg-checks.7")
WRITER = os.path.join(ROOT, "packaging", "checks-page")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def ids(text):
    return re.findall(r"^\.SS (\S+)$", text.replace("\\-", "-"), re.MULTILINE)


def the_page_is_what_its_writer_writes():
    with open(PAGE, encoding="utf-8") as file:
        written = file.read()
    listed = [entry["id"] for entry in json.loads(output(PODSGCTL, "check", "--list", "-o", "json"))]
    equal(ids(written), listed, "ids; packaging/checks-page writes the page anew")
    check(written == output(sys.executable, WRITER, PODSGCTL),
          "the page differs; packaging/checks-page writes it anew")


def words(text):
    """Hyphenation and line ends aside, as roff's own marks are."""
    return re.sub(r"[\s\u00ad\u2010-]+", "", text)


def every_word_is_on_the_page():
    # In one piece, not in pages with a head and a foot.
    shown = words(output("groff", "-man", "-Tutf8", "-P-cbou", "-rHY=0", "-rcR=1", PAGE))
    for entry in json.loads(output(PODSGCTL, "check", "--list", "-o", "json")):
        for key in ("id", "title", "source"):
            check(words(entry[key]) in shown, f"{entry['id']}: {key} is not shown")


CASES = (the_page_is_what_its_writer_writes, every_word_is_on_the_page)


def main():
    return tap.run((case.__name__.replace("_", " "), case) for case in CASES)


if __name__ == "__main__":
    sys.exit(main())
