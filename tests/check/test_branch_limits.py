#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The table of branch interfaces: what packaging/generate-branch-limits makes of what AWS publishes,
and that the table in the tree is what it makes.
"""

import hashlib
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "netns"))

from lab import tap  # noqa: E402
from lab.tap import check, equal  # noqa: E402

GENERATOR = os.path.join(TOP, "packaging", "generate-branch-limits")
TABLE = os.path.join(TOP, "nft-sync", "check", "branch_limits.c")
LIMITS = os.path.join(HERE, "limits.go")
DESCRIBED = os.path.join(HERE, "instance-types.json")

# Of the table that the resource controller published on 2026-03-20: "a1.2xlarge 38", a line a type,
# sorted. A new table has new ones.
TYPES = 1164
DIGEST = "dc285c8d100d79c4dcf63299fa1b96e64e18454464d7886da383d9ec36771459"
SAMPLES = {"m5.large": (9, 3, 10), "c5.4xlarge": (54, 8, 30), "m5.24xlarge": (107, 15, 50),
           "a1.medium": (10, 2, 4), "t3.large": (0, 3, 12), "m7i.metal-24xl": (107, 15, 50),
           # Of several network cards the VPC CNI uses the first.
           "p5.48xlarge": (120, 2, 50), "c6in.32xlarge": (106, 8, 50)}


def load_generator():
    loader = importlib.machinery.SourceFileLoader("generate_branch_limits", GENERATOR)
    spec = importlib.util.spec_from_loader("generate_branch_limits", loader)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def generate(*arguments):
    return subprocess.run([sys.executable, GENERATOR, *arguments], capture_output=True, text=True,
                          timeout=60, check=False)


def made(*arguments):
    """The table that comes of it, read back."""
    result = generate(*arguments)
    equal(result.returncode, 0, result.stderr)
    with tempfile.NamedTemporaryFile("w", suffix=".c", encoding="utf-8") as file:
        file.write(result.stdout)
        file.flush()
        return load_generator().read_table(file.name)


def go_is_read():
    equal(made(LIMITS), {"c5.large": (9, 3, 10), "c5d.large": (9, 3, 10), "c5.metal": (107, 15, 50),
                         "c5d.metal": (107, 15, 50), "t3.micro": (0, 2, 2),
                         "p5.48xlarge": (120, 2, 50)}, "the table")


def families_that_are_alike_share_a_row():
    text = generate(LIMITS).stdout
    check('"c5 c5d"' in text, "c5 and c5d have rows of their own")
    equal(text.count("large=9/3/10"), 1, "rows with their sizes")
    check('"2026-03-20"' in text, "the date of the limits is lost")


def ec2_goes_before_what_is_published():
    equal(made("--instance-types", DESCRIBED, LIMITS)["c5.large"], (9, 4, 12), "c5.large")


def types_nobody_knows_the_branches_of_are_left_out():
    result = generate("--instance-types", DESCRIBED, LIMITS)
    check("m99.large" not in result.stdout, "it is in the table")
    check("m99.large" in result.stderr, "nobody is told")


def json_will_do():
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump({"m5.large": {"branch": 9, "trunking": True},
                   "x9.large": {"branch": 7, "trunking": False}}, file)
        file.flush()
        equal(made(file.name), {"m5.large": (9, 0, 0), "x9.large": (0, 0, 0)}, "the table")


def comparison_finds_what_differs():
    result = generate("--compare", LIMITS, TABLE)
    equal(result.returncode, 1, "exit status")
    check("p5.48xlarge" not in result.stdout, "it is in both")
    check("m5.large: None in the limits" in result.stdout, "m5.large is in the table only")


def twice_is_the_same():
    equal(generate(LIMITS).stdout, generate(LIMITS).stdout, "the table")


def the_tree_has_what_was_published():
    table = load_generator().read_table(TABLE)
    lines = "".join(f"{name} {table[name][0]}\n" for name in sorted(table))
    equal(len(table), TYPES, "types")
    equal(hashlib.sha256(lines.encode()).hexdigest(), DIGEST, "their branch interfaces")
    equal({name: table[name] for name in SAMPLES}, SAMPLES, "limits")


def the_tree_is_what_is_generated():
    """Written by nobody's hand: its own contents make it again."""
    generator = load_generator()
    table = generator.read_table(TABLE)
    with open(TABLE, encoding="utf-8") as file:
        text = file.read()
    for names, sizes in generator.rows(table):
        for part in generator.literal(names) + generator.literal(sizes):
            check(part in text, f"{part} is not in it")


def main():
    program = tap.Selection(2)
    for test in (go_is_read, families_that_are_alike_share_a_row, ec2_goes_before_what_is_published,
                 types_nobody_knows_the_branches_of_are_left_out, json_will_do,
                 comparison_finds_what_differs, twice_is_the_same,
                 the_tree_has_what_was_published, the_tree_is_what_is_generated):
        program.case(test.__name__.replace("_", " "), test)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
