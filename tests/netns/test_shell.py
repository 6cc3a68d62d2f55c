#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: waits
"""
What an administrator meets: configuration, command lines, exit statuses, signals, the control
socket, and a machine whose disk is full or read-only.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

from lab import daemon as daemons
from lab import documents, listing, netns, tap
from lab.bare import Bare
from lab.daemon import BINARY, BUILD, CONTROL, NODE_NAME, ROOT, Daemon
from lab.node import Pod
from lab.tap import PATIENCE, check, equal, wait_for

ALL = ["0.0.0.0/0", "::/0"]
GROUP = "sg-0000000000000a001"
POD = Pod("web", ("10.0.1.5", "2001:db8:0:1::5"), "strict", 5)
STATUS_LINES = 24
PROGRAMS = ("podsg-nft-sync", "podsgctl", "podsg-dnscache", "podsg-cni", "podsg-conflist",
            "podsg-oci-hook", "podsg-eni-gc")
LOG_LINE = re.compile(
    r'level=(error|warning|info|debug) event=[a-z-]+( [A-Za-z-]+=("([^"\\]|\\.)*"|[^\s"]*))*')


def usual_documents(directory):
    rules = [documents.permission("tcp", 443, 443, ALL)]
    documents.write(directory, "groups.json", documents.security_groups(
        [documents.security_group(GROUP, rules, rules)]))
    documents.write(directory, "pods.json", documents.listed([
        documents.pod(POD, NODE_NAME, {"app": "web"}),
        documents.policy("default", "web", [GROUP], {})]))


def job(daemon, *words):
    argv = netns.command_in(daemon.node.name(), [BINARY, *words])
    return subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)


def configured(daemon, *words):
    return daemon.run_job(*words, check=False)


def ctl(daemon, *words):
    argv = [CONTROL, "--socket", daemon.path("control.sock"), *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)


def as_nobody(argv):
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *argv]


def rules_for(port, daemon):
    """The listing names the port once the rule is in force."""
    return wait_for(lambda: re.search(rf"\b{port}\b", daemon.ruleset()), f"a rule for {port}")


def open_port(daemon, port):
    rules = [documents.permission("tcp", port, port, ALL)]
    documents.write(daemon.documents, "groups.json", documents.security_groups(
        [documents.security_group(GROUP, rules, rules)]))


@contextlib.contextmanager
def mounted(directory, size):
    os.makedirs(directory, exist_ok=True)
    netns.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory])
    try:
        yield
    finally:
        netns.run(["umount", "--lazy", directory])


def remount(directory, how):
    netns.run(["mount", "-o", f"remount,{how}", directory])


# Configuration and command lines

BROKEN = (
    ("version: 1\nnftSync:\n  tables: podsg\n", 3, ["nftSync.tables"]),
    ("version: 1\nnode: {primaryInterface: a-name-that-is-too-long}\n", 2,
     ["node.primaryInterface", "a-name-that-is-too-long", "15"]),
    ("version: 2\n", 1, ["version", "expected 1"]),
    ("version: 1\nenforcingMode: lenient\n", 2, ["enforcingMode", "lenient", "strict", "standard"]),
    ("version: 1\nvpcCidrs: [10.0.0.0/33]\n", 2, ["vpcCidrs", "10.0.0.0/33"]),
    ("version: 1\nnftSync: {socket: relative.sock}\n", 2, ["nftSync.socket", "absolute"]),
    ("version: 1\nnftSync: {connmark: 7}\n", 2, ["nftSync.connmark", "two bits"]),
    ("version: 1\nexempt: {imds: perhaps}\n", 2, ["exempt.imds", "perhaps"]),
    ("version: 1\n  node: [\n", 2, []),
)


def configuration_errors(daemon):
    path = daemon.path("broken.yaml")
    for text, line, words in BROKEN:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        for mode in ((), ("--check",), ("--print",), ("--once",)):
            done = job(daemon, "--config", path, *mode)
            equal(done.returncode, 1, f"status with {text!r}")
            missing = [w for w in [f"{path}:{line}", *words] if w not in done.stderr]
            check(not missing, f"{text!r}: {done.stderr.strip()!r} lacks {missing}")
            equal(done.stderr.count("\n"), 1, f"lines of {done.stderr!r}")


def command_lines(daemon):
    for words, status in ((["--nonsense"], 2), (["extra"], 2), (["--config"], 2),
                          (["--config", "/nonexistent/podsg.yaml"], 1), (["--help"], 0)):
        done = job(daemon, *words)
        equal(done.returncode, status, f"status of podsg-nft-sync {' '.join(words)}")
        check(done.stdout if status == 0 else done.stderr, f"{words}: nothing is said")
    for words, status in ((["--nonsense"], 2), ([], 2), (["frobnicate"], 2),
                          (["status", "extra"], 2),
                          (["explain", "10.0.0.1"], 2), (["-o", "xml", "status"], 2),
                          (["--original-port", "abc", "explain", "10.0.0.1", "10.0.0.2"], 2),
                          (["--original-port", "65536", "explain", "10.0.0.1", "10.0.0.2"], 2),
                          (["--help"], 0), (["status"], 3)):
        done = ctl(daemon, *words)
        equal(done.returncode, status, f"status of podsgctl {' '.join(words)}")
        check(done.stdout if status == 0 else done.stderr, f"{words}: nothing is said")


def help_and_version(_daemon):
    with open(os.path.join(ROOT, "VERSION"), encoding="ascii") as file:
        version = file.read().strip()
    for name in PROGRAMS:
        said = {}
        for option in ("--version", "--help"):
            done = subprocess.run([os.path.join(BUILD, name), option], capture_output=True,
                                  text=True, timeout=PATIENCE)
            equal((done.returncode, done.stderr), (0, ""), f"{name} {option}")
            said[option] = done.stdout
        equal(said["--version"], f"{name} {version}\n", f"{name} --version")
        check("--version" in said["--help"], f"{name} --help: {said['--help']}")


def control_beside_a_broken_configuration(daemon):
    """The daemon has refused it, and can say so; by default it is at the default socket."""
    path = daemon.path("broken.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("version: 2\n")
    done = subprocess.run([CONTROL, "--config", path, "status"], capture_output=True, text=True,
                          timeout=PATIENCE)
    for word in (f"{path}:1", "/run/podsg/nft-sync.sock"):
        check(word in done.stderr, f"podsgctl does not say {word}: {done.stderr}")


def check_finds(daemon):
    usual_documents(daemon.documents)
    done = configured(daemon, "--check")
    equal((done.returncode, done.stdout), (0, ""), "--check of good documents")
    with open(os.path.join(daemon.documents, "bad.yaml"), "w", encoding="utf-8") as file:
        file.write("SecurityGroups:\n- GroupId: sg-1\n  IpPermissions:\n  - IpProtocol: tpc\n")
    done = configured(daemon, "--check")
    equal(done.returncode, 1, "status of --check with a bad document")
    for word in ("error: ", "bad.yaml:4", "IpProtocol", '"tpc"'):
        check(word in done.stdout, f"--check does not say {word}: {done.stdout}")
    os.unlink(os.path.join(daemon.documents, "bad.yaml"))
    os.unlink(os.path.join(daemon.documents, "groups.json"))
    done = configured(daemon, "--check")
    equal(done.returncode, 1, "status of --check with a group missing")
    check(GROUP in done.stdout, f"--check does not name the group: {done.stdout}")


def check_finds_no_directory(daemon):
    os.rename(daemon.documents, daemon.documents + ".away")
    done = configured(daemon, "--check")
    os.rename(daemon.documents + ".away", daemon.documents)
    equal(done.returncode, 1, "status of --check without a directory")
    check(daemon.documents in done.stdout, f"--check does not name it: {done.stdout}")


# The running daemon


def exit_statuses(daemon):
    for words, status in ((["status"], 0), (["pods"], 0), (["groups"], 0),
                          (["explain", "10.0.1.5", "198.51.100.1", "tcp/443"], 0),
                          (["explain", "default/web", "198.51.100.1", "tcp/80"], 1),
                          (["explain", "default/nobody", "198.51.100.1"], 2),
                          (["explain", "10.0.1.5", "198.51.100.1", "tcp/http"], 2),
                          (["explain", "10.0.1.5", "2001:db8::1", "tcp/443"], 2)):
        for form in ([], ["-o", "json"]):
            done = ctl(daemon, *form, *words)
            equal(done.returncode, status, f"status of podsgctl {' '.join(words)}: {done.stderr}")
            check(done.stderr if status == 2 else done.stdout, f"{words}: nothing is said")


def json_is_valid(daemon):
    for words, keys in ((["status"], {"node", "sources", "interfaces", "kernel", "problems"}),
                        (["pods"], {"pods", "nodeMode"}), (["groups"], {"groups"}),
                        (["explain", "10.0.1.5", "198.51.100.1", "tcp/443"],
                         {"permitted", "passes", "source", "destination", "what"})):
        answer = json.loads(ctl(daemon, "-o", "json", *words).stdout)
        check(keys <= set(answer), f"{words}: {sorted(answer)}")
        equal(answer["ok"], True, f"ok of {words}")


def one_screen(daemon):
    text = ctl(daemon, "status").stdout
    check(len(text.splitlines()) <= STATUS_LINES, text)
    for word in ("groups.json", "pods.json", "in force", "last commit", "Problems: 0"):
        check(word in text, f"status does not show {word!r}:\n{text}")


def socket_is_guarded(daemon):
    path = daemon.path("control.sock")
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o660, "mode of the socket")
    os.chmod(daemon.directory, 0o755)
    tool = daemon.path("podsgctl")
    shutil.copy(CONTROL, tool)
    os.chmod(tool, 0o755)
    ask = as_nobody([tool, "--socket", path, "status"])
    for mode in (0o660, 0o666):
        os.chmod(path, mode)
        done = subprocess.run(ask, capture_output=True, text=True, timeout=PATIENCE)
        equal(done.returncode, 3, f"status of nobody's question, mode {mode:o}: {done.stdout}")
    os.chmod(path, 0o660)


def clients_that_leave(daemon):
    for _ in range(50):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(daemon.path("control.sock"))
            client.send(b'{"command":"status"}\n' * 50)
    equal(ctl(daemon, "status").returncode, 0, "status after clients left without their answers")


def stopped(daemon, how):
    before = listing.normal(daemon.ruleset())
    equal(daemon.stop(how), 0, "exit status")
    equal(listing.normal(daemon.ruleset()), before, "the table after the daemon has ended")
    equal(ctl(daemon, "status").returncode, 3, "podsgctl without a daemon")
    daemon.start()


def log_can_be_parsed(daemon):
    """One event a line, every value a word or quoted: also where an error quotes something."""
    with open(os.path.join(daemon.documents, "bad.json"), "w", encoding="utf-8") as file:
        file.write('{"SecurityGroups":[{"GroupId":"\\u001b[31m \\" x"}]}')
    wait_for(lambda: "bad.json" in daemon.log_text(), "the bad document is logged")
    os.unlink(os.path.join(daemon.documents, "bad.json"))
    bad = [line for line in daemon.log_text().splitlines() if not LOG_LINE.fullmatch(line)]
    bad += [line for line in configured_log(daemon) if not LOG_LINE.fullmatch(line)]
    check(not bad, "\n".join(bad))


def configured_log(daemon):
    path = daemon.path("broken.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write('version: 1\nenforcingMode: "a \\"b\\""\n')
    return job(daemon, "--config", path, "--check").stderr.splitlines()


# Disks


def branches(daemon, path):
    with open(path, encoding="utf-8") as file:
        return [branch["pod"] for branch in json.load(file)["branches"]]


def reported(daemon, path):
    wait_for(lambda: path in daemon.log_text(), f"the log names {path}")
    problems = daemon.control("status")["problems"]
    check([p for p in problems if path in p], f"status does not name {path}: {problems}")


def branches_not_writable(daemon, spoil, mend):
    """The kernel is right all the same; the file follows once it can be written."""
    run = daemon.path("run")
    path = os.path.join(run, "branches.json")
    daemon.configure(nftSync={"branches": path})
    with mounted(run, "64k"):
        daemon.start()
        equal(branches(daemon, path), ["default/web"], "branches.json")
        spoil(run)
        open_port(daemon, 4433)
        second = Pod("second", ("10.0.1.6",), "strict", 6)
        documents.write(daemon.documents, "second.json", documents.listed(
            [documents.pod(second, NODE_NAME, {"app": "web"})]))
        rules_for(4433, daemon)
        wait_for(lambda: second.interface in daemon.ruleset(), "the second pod is in force")
        reported(daemon, path)
        equal(ctl(daemon, "status").returncode, 0, "status: the kernel is right")
        mark = daemon.log_text().count("branches-not-written")
        time.sleep(1.0)
        equal(daemon.log_text().count("branches-not-written"), mark, "errors logged again")
        mend(run)
        wait_for(lambda: "default/second" in branches(daemon, path), "branches.json follows")
        equal([p for p in daemon.control("status")["problems"] if path in p], [], "problems")
        daemon.stop()


def fill(directory):
    with contextlib.suppress(OSError), open(os.path.join(directory, "fill"), "wb", 0) as file:
        while True:
            file.write(b"x" * 512)


def run_is_read_only(daemon):
    branches_not_writable(daemon, lambda run: remount(run, "ro"), lambda run: remount(run, "rw"))


def run_is_full(daemon):
    branches_not_writable(daemon, fill, lambda run: os.unlink(os.path.join(run, "fill")))


def started_on_read_only_run(daemon):
    """Neither branches.json nor the socket can be made: the rules are more important."""
    run = daemon.path("run")
    daemon.configure(nftSync={"branches": os.path.join(run, "branches.json"),
                              "socket": os.path.join(run, "control.sock")})
    with mounted(run, "64k"):
        remount(run, "ro")
        daemon.launch()
        wait_for(lambda: "event=running" in daemon.log_text(), "the daemon runs")
        check(POD.interface in daemon.ruleset(), "the rules are not in force")
        check("control.sock" in daemon.log_text(), "the log does not name the socket")
        remount(run, "rw")
        wait_for(lambda: os.path.exists(os.path.join(run, "control.sock")), "the socket is there")
        done = subprocess.run([CONTROL, "--socket", os.path.join(run, "control.sock"), "status"],
                              capture_output=True, text=True, timeout=PATIENCE)
        equal(done.returncode, 0, "podsgctl status")
        wait_for(lambda: os.path.exists(os.path.join(run, "branches.json")), "branches.json")
        daemon.stop()


def no_room_for_copies(daemon):
    copies = daemon.documents + ".good"
    with mounted(copies, "64k"):
        interfaces = [documents.network_interface(f"eni-{n:017x}", (f"10.0.3.{n}",), [GROUP])
                      for n in range(1, 200)]
        documents.write(daemon.documents, "interfaces.json",
                        documents.network_interfaces(interfaces))
        daemon.start()
        open_port(daemon, 4434)
        rules_for(4434, daemon)
        sources = {s["name"]: s for s in daemon.control("status")["sources"]}
        equal(sources["interfaces.json"]["state"], "good", "state of the large document")
        check(copies in sources["interfaces.json"].get("copyError", ""),
              f"status has no copyError: {sources['interfaces.json']}")
        check("copyError" not in sources["groups.json"], "a small document has no copy")
        check(copies in daemon.log_text(), "the log does not name the copy")
        check("no copy kept" in ctl(daemon, "status").stdout, "status hides it")
        equal(sorted(n for n in os.listdir(copies) if n.endswith(".new")), [], "leftovers")
        daemon.stop()


STARTED = (
    ("exit statuses of podsgctl", exit_statuses),
    ("-o json is JSON", json_is_valid),
    ("status fits on a screen", one_screen),
    ("the socket answers root and its group only", socket_is_guarded),
    ("clients that leave before their answers harm nobody", clients_that_leave),
    ("every line of the log can be parsed", log_can_be_parsed),
    ("SIGTERM ends the daemon with 0 and leaves the table",
     lambda daemon: stopped(daemon, signal.SIGTERM)),
    ("SIGINT ends the daemon with 0 and leaves the table",
     lambda daemon: stopped(daemon, signal.SIGINT)),
)
FRESH = (
    ("configuration errors name file, line, key, value and rule", configuration_errors),
    ("bad command lines are status 2, no answer is 3", command_lines),
    ("every program says its version, and how it is used", help_and_version),
    ("podsgctl asks the daemon also when the configuration is broken",
     control_beside_a_broken_configuration),
    ("--check is 0 for good documents and says what is wrong with others", check_finds),
    ("--check says that the directory is missing", check_finds_no_directory),
    ("/run turns read-only: the kernel is right, the error is reported and retried",
     run_is_read_only),
    ("/run is full: the kernel is right, the error is reported and retried", run_is_full),
    ("/run is read-only at the start: the rules come into force, the socket follows",
     started_on_read_only_run),
    ("no room for copies of documents: the kernel is right, the error is reported",
     no_room_for_copies),
)


def main():
    daemons.need()
    program = tap.Program()
    with Bare([POD]) as node:
        with Daemon(node) as daemon:
            usual_documents(daemon.documents)
            daemon.start()
            for name, function in STARTED:
                program.case(name, function, daemon)
        for name, function in FRESH:
            with Daemon(node) as daemon:
                usual_documents(daemon.documents)
                program.case(name, function, daemon)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
