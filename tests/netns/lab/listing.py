# SPDX-License-Identifier: GPL-2.0-or-later
"""
Listings of nft made comparable: a hash has no order, what was made later stands later, counters
run, owners come and go.
"""

import difflib
import re

from . import netns, tap

COUNTED = re.compile(r"counter packets \d+ bytes \d+")
# nft 1.0.6 does not know the flag "persist" and shows an orphaned table's flags as nothing.
OWNERSHIP = re.compile(r"^\tflags.*\n|\s*# progname .*", re.MULTILINE)
BLOCK = re.compile(r"^\t(?:set|map|chain) .*?^\t\}$", re.MULTILINE | re.DOTALL)
ELEMENTS = re.compile(r"elements = \{(.*?)\s*\}\n", re.DOTALL)


def _sorted_elements(match):
    elements = sorted(" ".join(e.split()) for e in re.split(r",\s+", match.group(1).strip()))
    return "elements = { " + "\n".join(elements) + " }\n"


def normal(listing):
    listing = OWNERSHIP.sub("", COUNTED.sub("counter", listing))
    listing = ELEMENTS.sub(_sorted_elements, listing)
    rest = BLOCK.sub("", listing).split()
    return "\n".join([" ".join(rest), *sorted(BLOCK.findall(listing))])


def table(name, handles=False):
    argv = ["nft", *(["-a"] if handles else []), "list", "table", "inet", "podsg"]
    return netns.run(argv, name=name).stdout


def loaded(text, tag):
    """The listing of what nft makes of the text, in a namespace of its own."""
    name = netns.own_prefix(tag) + "-try"
    netns.run(["ip", "netns", "add", name])
    try:
        netns.nft(name, text)
        return table(name)
    finally:
        netns.delete([name])


def same(measured, expected, what):
    measured, expected = normal(measured), normal(expected)
    if measured == expected:
        return
    lines = difflib.unified_diff(expected.splitlines(), measured.splitlines(), "expected",
                                 "measured", n=1, lineterm="")
    raise tap.Failure(f"{what}:\n" + "\n".join(list(lines)[:40]))
