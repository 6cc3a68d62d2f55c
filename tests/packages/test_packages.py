#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: alone
"""
The packages that make deb and make rpm have left in build/: what they hold, what they do when they
are installed, upgraded and removed, and what they leave behind. systemd is not there; the virtual
machine of tests/vm has it.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "netns")]
sys.dont_write_bytecode = True

from built import (BUILD, CHAIN, CONFIG, CONFLIST, PACKAGES, ROOT, debs, left_behind,  # noqa: E402
                   output, rpms, version)
from lab import tap  # noqa: E402
from lab.tap import check, equal, wait_for  # noqa: E402
from throwaway import Root, copy_into, unwritable  # noqa: E402

PROGRAMS = ("/usr/sbin/podsg-nft-sync", "/usr/bin/podsgctl", "/usr/sbin/podsg-dnscache",
            "/usr/sbin/podsg-conflist", "/usr/sbin/podsg-eni-gc", "/opt/cni/bin/podsg-cni",
            "/usr/libexec/podsg/podsg-oci-hook")
EXPOSURE = 25  # tenths
DOCUMENTED = ("/etc/podsg/Corefile", "/etc/podsg/kubeconfig", "/etc/podsg/token")
HOOK = "/etc/containers/oci/hooks.d/podsg-oci-hook.json"
CALLS = "/run/systemctl-calls"
SYSTEMCTL = f"""#!/bin/sh
echo "$*" >>{CALLS}
case " $* " in *" is-enabled "*) echo enabled ;; esac
"""
RESTARTED = {"podsg-nft-sync.service", "podsg-dnscache.service", "podsg-boot.service",
             "podsg-conflist.path", "podsg-conflist.service", "podsg-conflist.timer",
             "podsg-eni-gc-host.service", "podsg-eni-gc-host.timer"}
UNNEEDED = {"podsg-dnscache-clean-up.service"}  # stops when podsg-dnscache.service has
# Where Debian has it another way, or its packages have more.
ONLY_DEB = re.compile(r"^/usr/(lib/cni/|share/doc/|share/lintian/)")
ONLY_RPM = re.compile(r"^/usr/(share/doc/|share/licenses/|lib/\.build-id|lib/debug)")


def deb_files(path):
    """Files and links, not directories."""
    archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], capture_output=True, check=True)
    listing = subprocess.run(["tar", "-t"], input=archive.stdout, capture_output=True, check=True)
    return {line[1:] for line in listing.stdout.decode().splitlines() if not line.endswith("/")}


def rpm_files(path):
    lines = output("rpm", "-qp", "--qf", "[%{FILEMODES:perms} %{FILENAMES}\n]", path).splitlines()
    return {line.split(None, 1)[1] for line in lines if line[0] != "d"}


def everything(paths, files):
    return set().union(*(files(path) for path in paths))


# What is there

def names_and_version():
    equal({os.path.basename(path).split("_")[0] for path in debs()}, set(PACKAGES), "debs")
    for path in debs():
        equal(output("dpkg-deb", "-f", path, "Version").strip(), version(), path)
    equal({output("rpm", "-qp", "--qf", "%{NAME}", path) for path in rpms()}, set(PACKAGES), "rpms")
    for path in rpms():
        equal(output("rpm", "-qp", "--qf", "%{VERSION}", path), version(), path)


def readme_names_them():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        text = file.read()
    for manager, paths in (("apt", debs()), ("dnf", rpms())):
        words = re.search(rf"^ +sudo {manager} install (.+?)(?: {{2,}}.*)?$", text, re.M)[1]
        words = words.replace("./build/", f"{BUILD}/")
        named = output("bash", "-c", f"printf '%s\\n' {words}").split()
        equal(sorted(named), paths, f"what README installs by {manager}")


def debug_file(program):
    """Where a debugger looks for it."""
    found = re.search(r"Build ID: (\w\w)(\w+)", output("readelf", "--notes", program))
    check(found, f"{program} has no build id")
    return f"/usr/lib/debug/.build-id/{found[1]}/{found[2]}.debug"


def symbols_beside(place):
    for program in PROGRAMS:
        path = debug_file(place + program)
        check(os.path.exists(place + path), f"{program}: {path} is missing")
        check(".debug_info" in output("readelf", "--wide", "--sections", place + path), path)


def debug_symbols():
    with tempfile.TemporaryDirectory(prefix="podsg-symbols-") as place:
        for path in debs() + glob.glob(os.path.join(BUILD, "podsg*-dbgsym_*.deb")):
            output("dpkg-deb", "--extract", path, place)
        symbols_beside(place)
    with tempfile.TemporaryDirectory(prefix="podsg-symbols-") as place:
        output("rpm", "--root", place, "-i", "--nodeps", "--noscripts", *rpms(),
               *glob.glob(os.path.join(BUILD, "podsg-debuginfo-*.rpm")))
        symbols_beside(place)


def manual_and_completion():
    files = everything(debs(), deb_files)
    for program in PROGRAMS:
        name = os.path.basename(program)
        check(program in files, f"{program} is missing")
        check(f"/usr/share/man/man8/{name}.8.gz" in files, f"{name} has no man page")
        if program.startswith("/usr/") and "libexec" not in program:
            check(f"/usr/share/bash-completion/completions/{name}" in files,
                  f"{name} has no completion")
    for page in os.listdir(os.path.join(ROOT, "packaging", "man")):
        check(f"/usr/share/man/man{page[-1]}/{page}.gz" in files, f"{page} is missing")


def lint_debs():
    changes = glob.glob(os.path.join(BUILD, "deb", "*.changes"))
    equal(len(changes), 1, ".changes files")
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", *changes],
                          capture_output=True, text=True, check=False)
    equal((done.returncode, done.stdout.strip()), (0, ""), "lintian")


def lint_rpms():
    settings = os.path.join(ROOT, "packaging", "rpm", "rpmlint.toml")
    # The source's and that of debug information, too.
    paths = sorted(glob.glob(os.path.join(BUILD, "podsg*.rpm")))
    done = subprocess.run(["rpmlint", "-c", settings, *paths], capture_output=True, text=True,
                          check=False)
    check(" 0 errors, 0 warnings" in done.stdout, done.stdout)


def same_files():
    deb = {path for path in everything(debs(), deb_files) if not ONLY_DEB.match(path)}
    rpm = {path for path in everything(rpms(), rpm_files) if not ONLY_RPM.match(path)}
    deb = {re.sub("^/lib/", "/usr/lib/", path) for path in deb}
    equal(sorted(deb ^ rpm), [], "files of debs or rpms only")


def rpm_scripts():
    for path in rpms():
        text = output("rpm", "-qp", "--qf", "%{PREIN}\n%{POSTIN}\n%{PREUN}\n%{POSTUN}\n", path)
        text = text.replace("(none)", "")
        done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
        equal((done.returncode, done.stderr), (0, ""), path)
        check("%" not in text, f"{path}: a macro that nobody has defined: {text}")


def rpm_libraries():
    known = output("ldconfig", "-p")
    for path in rpms():
        wanted = re.findall(r"^(lib\S+?\.so\.\d+)\(", output("rpm", "-qp", "--requires", path), re.M)
        missing = [name for name in wanted if name not in known and name != "libc.so.6"]
        equal(missing, [], f"{path} asks for")


def rpm_into_an_empty_root():
    with tempfile.TemporaryDirectory(prefix="podsg-rpm-") as place:
        output("rpm", "--root", place, "--initdb")
        output("rpm", "--root", place, "-i", "--nodeps", "--noscripts", *rpms())
        for program in PROGRAMS:
            check(os.access(place + program, os.X_OK), f"{program} is missing")
        equal(output("rpm", "--root", place, "-V", "--nodeps", "--noscripts", *PACKAGES), "",
              "what rpm -V finds changed")
        output("rpm", "--root", place, "-e", "--nodeps", "--noscripts", *PACKAGES)
        left = [os.path.join(at, name) for at, _, names in os.walk(place) for name in names]
        # The data base is where the distribution's rpm has it.
        left = [path[len(place):] for path in left if "rpmdb" not in path and ".rpm.lock" not in path]
        equal(left, [], "left behind")


# Installed

def install(root, paths):
    root.run("dpkg", "--install", *copy_into(root, paths))


def installed_and_inert(root):
    # As on most nodes: nothing but the CNI plugins is below it.
    for name in os.listdir(root.inside("/opt")):
        shutil.rmtree(root.inside(f"/opt/{name}"))
    install(root, debs())
    for program in PROGRAMS:
        check(os.access(root.inside(program), os.X_OK), f"{program} cannot be run")
    equal(root.run("getent", "group", "podsg").stdout.split(":")[0], "podsg", "group")
    equal(root.run("nft", "list", "ruleset").stdout, "", "rules of nftables")
    check(not root.exists(HOOK), "the OCI hook is on")
    links = {path for path in root.changed() 
             if path.startswith("/etc/systemd/system/") and ".wants/" in path}
    equal(links, {"/etc/systemd/system/multi-user.target.wants/podsg-nft-sync.service"},
          "what is enabled")


def units_hold(root):
    # A unit of a template is verified by an instance of it.
    units = [path.replace("@.", "@test.") for path in everything(debs(), deb_files)
             if path.startswith("/lib/systemd/system/")]
    for unit in units:
        if not unit.endswith(".service"):
            continue
        done = root.run("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE}",
                        unit, check=False)
        equal(done.returncode, 0, f"{unit}: {done.stdout.strip().splitlines()[-1:]}")
    said = root.run("systemd-analyze", "verify", *sorted(units), check=False).stderr
    said = [line for line in said.splitlines() if "podsg" in line]
    equal(said, [], "systemd-analyze verify")


def without_documents_no_packet_is_touched(root):
    daemon = root.start("podsg-nft-sync")
    try:
        wait_for(lambda: root.run("podsgctl", "status", check=False).returncode == 0, "in force")
        rules = json.loads(root.run("nft", "--json", "list", "ruleset").stdout)["nftables"]
        kinds = sorted(next(iter(item)) for item in rules)
        equal(kinds, ["metainfo", "table"], "objects in the kernel")
    finally:
        daemon.terminate()
        daemon.wait()
    check("podsg" in root.run("nft", "list", "tables").stdout, "its table is gone with it")


def configuration_is_kept(root):
    changed = root.read(CONFIG).replace("version: 1", "version: 1\nenforcingMode: standard")
    root.write(CONFIG, changed)
    upgrade(root)
    equal(root.read(CONFIG), changed, CONFIG)
    check(root.exists(f"{CONFIG}.dpkg-dist"), "the newer version's configuration is not beside it")


def upgrade(root):
    with tempfile.TemporaryDirectory(prefix="podsg-deb-") as place:
        names = copy_into(root, [repack(path, place) for path in debs()])
        root.run("dpkg", "--force-confdef", "--force-confold", "--install", *names)


def repack(path, place):
    """The same package in a higher version, with another default configuration."""
    tree = os.path.join(place, "tree")
    output("dpkg-deb", "-R", path, tree)
    control = os.path.join(tree, "DEBIAN", "control")
    with open(control, encoding="utf-8") as file:
        text = re.sub(r"(?m)^(Version: .*)$", r"\1+newer", file.read())
    with open(control, "w", encoding="utf-8") as file:
        file.write(text)
    if os.path.exists(tree + CONFIG):
        with open(tree + CONFIG, "a", encoding="utf-8") as file:
            file.write("# newer\n")
    newer = os.path.join(place, "newer-" + os.path.basename(path))
    output("dpkg-deb", "-b", "--root-owner-group", "-Znone", tree, newer)
    shutil.rmtree(tree)
    return newer


def chain_first_plugin_last(root):
    root.write(CONFLIST, CHAIN)
    root.write("/etc/cni/net.d/20-other.conf", '{"cniVersion": "1.0.0", "name": "other", "type": "ptp"}')
    root.run("podsg-conflist")
    check("podsg-cni" in root.read(CONFLIST), "podsg-cni is not in the chain")
    os.makedirs(os.path.dirname(root.inside(HOOK)), exist_ok=True)
    os.symlink("/usr/share/podsg/oci/podsg-oci-hook.json", root.inside(HOOK))
    root.run("dpkg", "--remove", "podsg", "podsg-hooks")
    equal(root.read(CONFLIST), CHAIN, "the chain")
    check(not root.exists(HOOK), "the OCI hook is still on")
    check(not root.exists("/opt/cni"), "the plugin, or its directory, is still there")
    equal(os.stat(root.inside("/opt")).st_mode, 0o40755, "/opt, which base-files has made")


def a_chain_that_cannot_be_written_keeps_the_plugin(root):
    root.write(CONFLIST, CHAIN)
    root.run("podsg-conflist")
    with unwritable(root.inside("/etc/cni/net.d")):
        done = root.run("dpkg", "--remove", "podsg", "podsg-hooks", check=False)
    check(done.returncode != 0, "dpkg removed it all the same")
    check(root.exists("/opt/cni/bin/podsg-cni"), "the plugin is gone, and the chain names it")


def kill_a_cache(root):
    """It leaves its interface behind."""
    cache = root.start("podsg-dnscache")
    try:
        wait_for(lambda: "podsg-dns-away" in root.run("nft", "list", "tables").stdout or
                 "nodelocaldns" in root.run("ip", "link").stdout, "the cache is up")
        time.sleep(1)
    finally:
        cache.kill()
        cache.wait()


def removal_takes_rules_and_interface(root):
    kill_a_cache(root)
    # One by another name than usual.
    root.write(CONFIG, root.read(CONFIG) + "nftSync: {table: other}\n")
    root.run("podsg-nft-sync", "--once")
    tables = root.run("nft", "list", "tables").stdout
    check("inet other" in tables, f"tables: {tables}")
    root.run("nft", "delete", "table", "inet", "podsg")
    check("nodelocaldns" in root.run("ip", "link").stdout, "the killed cache left nothing")
    root.run("dpkg", "--remove", "podsg-dnscache", "podsg-nft-sync")
    equal(root.run("nft", "list", "tables").stdout, "", "tables")
    check("nodelocaldns" not in root.run("ip", "link").stdout, "the interface is still there")
    check(root.exists(CONFIG), "remove took the configuration")


def purge_leaves_nothing(root):
    root.write("/var/lib/podsg/documents/pods.json", "{}")
    root.write("/var/lib/podsg/journal/x", "{}")
    root.write("/run/podsg/branches.json", "{}")
    for path in DOCUMENTED:
        root.write(path, "")
    for path in (CONFLIST, "/etc/cni/net.d/20-other.conf"):
        os.unlink(root.inside(path))
    os.removedirs(os.path.dirname(root.inside(HOOK)))
    root.run("dpkg", "--purge", *PACKAGES)
    equal(left_behind(root), [], "left behind")
    for path in ("/var/lib/podsg", "/etc/podsg", "/run/podsg"):
        check(not root.exists(path), f"{path} is still there")
    equal(root.run("getent", "group", "podsg", check=False).stdout, "", "group")


def removal_needs_no_good_configuration():
    with Root() as root:
        install(root, debs())
        kill_a_cache(root)
        root.run("podsg-nft-sync", "--once")
        check("inet podsg\n" in root.run("nft", "list", "tables").stdout, "there is no table")
        check("nodelocaldns" in root.run("ip", "link").stdout, "the killed cache left nothing")
        root.write(CONFIG, "nonsense: true\n")
        root.run("dpkg", "--remove", *PACKAGES)
        equal(root.run("nft", "list", "tables").stdout, "", "tables")
        check("nodelocaldns" not in root.run("ip", "link").stdout, "the interface is still there")


# With systemd, as far as scripts can tell

def restarted_by_an_upgrade():
    """Everything runs, and only that is restarted which does no harm by it: not what closes pods once
    a boot, although they may have been opened by hand since then, nor what cleans up when it stops."""
    with Root() as root:
        install(root, debs())
        os.makedirs(root.inside("/run/systemd/system"))
        root.write("/usr/bin/systemctl", SYSTEMCTL)
        root.write("/usr/sbin/policy-rc.d", "#!/bin/sh\n")
        upgrade(root)
        calls = root.read(CALLS).splitlines()
        restarted = {unit for call in calls if " restart " in call
                     for unit in call.split(" restart ")[1].split()}
        equal(restarted, RESTARTED, "restarted")
        root.run("dpkg", "--remove", *PACKAGES)
        stopped = {unit for call in root.read(CALLS).splitlines()[len(calls):]
                   if call.startswith("stop ") for unit in call.split()[1:]}
        units = {os.path.basename(path) for path in everything(debs(), deb_files)
                 if path.startswith("/lib/systemd/system/") and "@" not in path}
        equal(units - stopped, UNNEEDED, "not stopped by a removal")


STATIC = (
    ("both kinds are there, in the version of the file VERSION", names_and_version),
    ("README's commands install them, and nothing else", readme_names_them),
    ("there are debug symbols of every program", debug_symbols),
    ("every program has a man page, every command completion", manual_and_completion),
    ("lintian: no error, no warning", lint_debs),
    ("rpmlint: nothing that is not explained", lint_rpms),
    ("debs and rpms hold the same", same_files),
    ("the scripts of the rpms are scripts", rpm_scripts),
    ("the rpms ask for libraries that there are", rpm_libraries),
    ("the rpms go into an empty root and out of it again", rpm_into_an_empty_root),
)
INSTALLED = (
    ("installed, nothing is on but podsg-nft-sync", installed_and_inert),
    ("every service: exposure 2.5 at most, nothing to complain of", units_hold),
    ("without documents no packet is touched", without_documents_no_packet_is_touched),
    ("an upgrade keeps the configuration", configuration_is_kept),
    ("a chain that cannot be written keeps its plugin", a_chain_that_cannot_be_written_keeps_the_plugin),
    ("removal: first out of the chain, then the plugin", chain_first_plugin_last),
    ("removal takes rules and interface of daemons that are gone", removal_takes_rules_and_interface),
    ("purge leaves nothing", purge_leaves_nothing),
)


def main():
    if os.geteuid() != 0:
        tap.skip("needs root")
    if not debs() or not rpms():
        tap.skip("there are no packages: make deb rpm")
    program = tap.Program()
    for name, function in STATIC:
        program.case(name, function)
    with Root() as root:
        for name, function in INSTALLED:
            program.case(name, function, root)
    program.case("removal takes rules and interface where podsg.yaml cannot be read",
                 removal_needs_no_good_configuration)
    program.case("an upgrade restarts daemons, not what acts once; a removal stops it all",
                 restarted_by_an_upgrade)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
