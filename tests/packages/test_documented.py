#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
What --help names is completed by bash and explained by the manual, the keys of podsg.yaml are where
people look for them, and make install installs all that its units name. Needs no privileges.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "netns")]
sys.dont_write_bytecode = True

from built import BUILD, ROOT, output  # noqa: E402
from lab import tap  # noqa: E402
from lab.tap import check, equal  # noqa: E402

PACKAGING = os.path.join(ROOT, "packaging")
MANUAL = os.path.join(PACKAGING, "man")
PROGRAMS = [os.path.basename(path)[:-2] for path in sorted(glob.glob(f"{MANUAL}/*.8"))]
COMMAND = re.compile(r"^  ([a-z]+) {2,}\S", re.M)
OPTION = re.compile(r"(?<![\w-])--?[a-z][\w.-]*\w|(?<![\w-])-o\b")
NO_OPTIONS = {"-flag"}  # "-flag=false" in podsg-dnscache's help stands for all of them
COMPLETE = """
. "$1"
program=$2
shift 2
COMP_WORDS=("$program" "$@")
COMP_CWORD=$#
function=$(complete -p "$program" | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
"$function" "$program" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
# Distributions have sbin apart, or no sbin, or all of it beside their own packages.
LAYOUTS = ({}, {"PREFIX": "/usr"}, {"PREFIX": "/usr", "sbindir": "/usr/bin"})
UNIT = re.compile(r"\bpodsg-[a-z@-]+\.(?:service|path|timer)\b")
OURS = re.compile(r"/[\w./-]*/podsg-[a-z-]+")


def usage(name, *words):
    return output(os.path.join(BUILD, name), *words, "--help")


def options(text):
    return set(OPTION.findall(text.replace("\\-", "-"))) - NO_OPTIONS


def page(name):
    with open(os.path.join(MANUAL, name), encoding="utf-8") as file:
        return file.read()


def helps(name):
    """{words: text}, of the program and of its commands that have a text of their own."""
    found = {(): usage(name)}
    for command in COMMAND.findall(found[()]):
        said = usage(name, command)
        if said != found[()]:
            found[(command,)] = said
    return found


# Completion

def completed(name, *words):
    """The last of the words is the one that is completed. Names of files are left out."""
    path = os.path.join(PACKAGING, "bash-completion", name)
    with tempfile.TemporaryDirectory(prefix="podsg-words-") as empty:
        done = subprocess.run(["bash", "-c", COMPLETE, "bash", path, name, *words], cwd=empty,
                              capture_output=True, text=True, check=False)
    equal((done.returncode, done.stderr), (0, ""), f"completion of {name} {words}")
    return set(done.stdout.split())


def commands_and_options_are_completed(name):
    texts = helps(name)
    commands = set(COMMAND.findall(texts[()]))
    offered = completed(name, "")
    equal({word for word in offered if word[0] != "-"}, commands, f"commands of {name}")
    known = offered - commands
    for command in commands:
        words = {word for word in completed(name, command, "-") if word[0] == "-"}
        if (command,) in texts:
            equal(words, options(texts[(command,)]), f"options of {name} {command}")
        known |= words
    equal(known, set().union(*map(options, texts.values())), f"options of {name}")


def every_command_is_completed():
    names = os.listdir(os.path.join(PACKAGING, "bash-completion"))
    # Runtimes run these two, and nobody else.
    equal(set(PROGRAMS) - set(names), {"podsg-cni", "podsg-oci-hook"}, "without completion")
    for name in names:
        commands_and_options_are_completed(name)


# The manual

def every_option_is_in_the_manual():
    for name in PROGRAMS:
        known = options(page(f"{name}.8"))
        for words, said in helps(name).items():
            equal(options(said) - known, set(), f"{name} {words}: not in its page")


def commands_are_in_the_manual():
    for name in PROGRAMS:
        text = page(f"{name}.8")
        for command in COMMAND.findall(usage(name)):
            check(re.search(rf"^\.(B|BR|SS|TP).*\b{command}\b", text, re.M),
                  f"{name} {command} is not in its page")


def keys_are_where_people_look():
    with open(os.path.join(ROOT, "common", "config.c"), encoding="utf-8") as file:
        keys = set(re.findall(r'^\t\{"([\w.-]+)",', file.read(), re.M))
    check(len(keys) > 40, f"keys that config.c reads: {keys}")
    manual = set(re.findall(r'^\.BR? ([\w.-]+)(?: " \(.*)?$', page("podsg.yaml.5"), re.M))
    equal(keys - manual, set(), "not in podsg.yaml(5)")
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        readme = set(re.findall(r"^\| `([\w.-]+)` \|", file.read(), re.M))
    equal(keys - readme, set(), "not in README.md")
    first = {key.split(".")[0] for key in keys}
    said = {key for key in manual | readme if key.split(".")[0] in first and "." in key}
    equal({key for key in said - keys if key != "sources.ec2"}, set(), "keys that there are not")


# make install

def files_below(place):
    return {os.path.join(at, name)[len(place):] for at, _, names in os.walk(place)
            for name in names}


def installed_whole(place, layout):
    words = [f"{key}={value}" for key, value in layout.items()]
    output("make", "--no-print-directory", "-C", ROOT, "install", f"DESTDIR={place}", *words)
    files = files_below(place)
    units = [path for path in files if "/systemd/system/podsg-" in path]
    hook = [path for path in files if path.endswith("/podsg-oci-hook.json")]
    drop_in = [path for path in files if path.endswith("/10-podsg.conf")]
    check(len(units) > 8 and hook and drop_in, f"{words}: {sorted(files)}")
    known = {os.path.basename(path) for path in units}
    for path in units + hook + drop_in:
        with open(place + path, encoding="utf-8") as file:
            text = "".join(line for line in file if not line.startswith("#"))
        programs = set(OURS.findall(text))
        equal(programs - files, set(), f"{words}: programs that {path} names")
        equal({name.replace("@%i.", "@.") for name in UNIT.findall(text)} - known, set(),
              f"{words}: units that {path} names")
    pages = {os.path.basename(path) for path in files if "/man/man" in path}
    equal(pages, set(os.listdir(MANUAL)), f"{words}: pages")


def make_install_is_whole():
    for layout in LAYOUTS:
        with tempfile.TemporaryDirectory(prefix="podsg-install-") as place:
            installed_whole(place, layout)


CASES = (
    ("bash completes every command and every option of --help, and nothing else",
     every_command_is_completed),
    ("every option of --help is in the manual", every_option_is_in_the_manual),
    ("every command is in the manual", commands_are_in_the_manual),
    ("podsg.yaml's keys are in podsg.yaml(5) and README.md", keys_are_where_people_look),
    ("make install: units and hook name only what is there", make_install_is_whole),
)


def main():
    program = tap.Program()
    for name, function in CASES:
        program.case(name, function)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
