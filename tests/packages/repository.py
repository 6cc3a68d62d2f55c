# SPDX-License-Identifier: GPL-2.0-or-later
"""A repository of rpms in a directory: those of build/, and the same in a higher version."""

import glob
import os
import re
import shutil

from built import BUILD, CONFIG, PACKAGES, ROOT, output, rpms, version
from throwaway import copy_into

RPM = os.path.join(ROOT, "packaging", "rpm")
NEWER = "999.0"
MARK = "# newer\n"
UNIT = "/usr/lib/systemd/system/podsg-nft-sync.service"
# What the rpms ask for, and a distribution's own packages provide.
STAND_IN = """Name: distribution
Version: 1
Release: 1
Summary: Provides what podsg asks for
License: GPL-2.0-or-later
BuildArch: noarch
{provides}
%description
{summary}
%files
"""


def build(place, spec, *more):
    path = os.path.join(place, "spec")
    with open(path, "w", encoding="utf-8") as file:
        file.write(spec)
    output("rpmbuild", "-bb", "--nodeps", "--define", f"_topdir {place}", "--define",
           f"_sourcedir {BUILD}", *more, path)
    return [os.path.join(at, name) for at, _, names in os.walk(os.path.join(place, "RPMS"))
            for name in names]


def stand_in(place):
    wanted = set("".join(output("rpm", "-qp", "--requires", path) for path in rpms()).splitlines())
    ours = re.compile(r"rpmlib\(|config\(|(" + "|".join(PACKAGES) + r")\b")
    provides = "\n".join(f"Provides: {name}" for name in sorted(wanted) if not ours.match(name))
    return build(place, STAND_IN.format(provides=provides, summary="All of it."))


def installed_files(place):
    output("rpm", "--root", place, "--dbpath", "/rpmdb", "-i", "--nodeps", "--noscripts", *rpms())
    shutil.rmtree(os.path.join(place, "rpmdb"))
    # What rpmbuild makes anew.
    for path in ("usr/lib/.build-id", f"usr/share/*/podsg*-{version()}"):
        for directory in glob.glob(os.path.join(place, path)):
            shutil.rmtree(directory)
    for path in (CONFIG, UNIT):
        with open(place + path, "a", encoding="utf-8") as file:
            file.write(MARK)


def newer_spec(files):
    """With all scripts and lists of files; nothing is compiled a second time."""
    name = f"podsg-{version()}"
    spec = output("tar", "-xOf", os.path.join(BUILD, f"{name}.tar.gz"), f"{name}/podsg.spec")
    head, _, rest = spec.partition("%prep\n")
    head = head.replace("podsg-%{version}.tar.gz", f"{name}.tar.gz")
    head = re.sub(r"(?m)^(Version: +).*", rf"\g<1>{NEWER}", head)
    scripts = rest[rest.index("%pre nft-sync\n"):]
    return (f"%global debug_package %{{nil}}\n{head}%prep\n%setup -q -n {name}\n"
            f"%install\ncp -a {files}/. %{{buildroot}}\n\n{scripts}")


def newer(place):
    files = os.path.join(place, "files")
    os.mkdir(files)
    installed_files(files)
    on_debian = os.path.exists("/etc/debian_version")
    macros = ("--load", os.path.join(RPM, "macros.debian")) if on_debian else ()
    return build(place, newer_spec(files), *macros, "--define", "__os_install_post %{nil}")


class Repository:
    """Below /packages of a Root."""

    def __init__(self, root, place):
        self.root = root
        for name in ("stand-in", "newer"):
            os.mkdir(os.path.join(place, name))
        self.higher = newer(os.path.join(place, "newer"))
        self.offer([*rpms(), *stand_in(os.path.join(place, "stand-in"))])

    def offer(self, paths):
        copy_into(self.root, paths)
        self.root.run("createrepo_c", "--quiet", "/packages")

    def dnf(self, *words, check=True):
        return self.root.run("dnf", "--assumeyes", "--releasever=1", "--disablerepo=*",
                             "--refresh", "--repofrompath=podsg,/packages",
                             "--setopt=podsg.gpgcheck=0", *words, check=check)
