# SPDX-License-Identifier: GPL-2.0-or-later
"""What is asked: files of names as dnsperf reads them, and how they are drawn."""

import dataclasses
import random

from dns_servers import CLUSTER

SEARCH = (f"default.svc.{CLUSTER}", f"svc.{CLUSTER}", CLUSTER)
SERVICES = tuple(f"service-{number:02d}" for number in range(25))
NEW_PERCENT = "10"
NXDOMAIN_SHARE = 0.73


@dataclasses.dataclass
class Load:
    name: str
    file: str
    options: tuple = ()
    denied: float = 0  # expected share of NXDOMAIN


def services():
    return [f"{service}.{SEARCH[0]}" for service in SERVICES]


def _write(path, names, types=("A",)):
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"{name} {kind}\n" for name in names for kind in types)
    return path


def hosts(directory, count):
    """Names of about 30 bytes."""
    return _write(f"{directory}/hosts-{count}",
                  (f"host-{number:06d}.west.example.com" for number in range(count)))


def search_list(directory):
    """Pods with ndots:5 that look up names outside the cluster through the search list, and as many
    of services, found at once, that NXDOMAIN_SHARE of the answers are NXDOMAIN."""
    outside = [[f"www{number}.example.org.{domain}" for domain in SEARCH]
               + [f"www{number}.example.org"] for number in range(300)]
    denied = len(outside) * len(SEARCH)
    found = round(denied / NXDOMAIN_SHARE) - denied - len(outside)
    lookups = outside + [[f"{SERVICES[number % len(SERVICES)]}.{SEARCH[0]}"]
                         for number in range(found)]
    random.Random(1).shuffle(lookups)
    return _write(f"{directory}/search-list", (name for lookup in lookups for name in lookup),
                  ("A", "AAAA"))


def loads(directory):
    return [
        Load("cached", hosts(directory, 1000)),
        Load("10 % never seen", hosts(directory, 50000),
             ("-z", "-u", NEW_PERCENT, "-d", "new.example.net")),
        Load("search list, 73 % NXDOMAIN", search_list(directory), denied=NXDOMAIN_SHARE),
    ]
