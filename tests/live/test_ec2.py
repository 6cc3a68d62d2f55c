# SPDX-License-Identifier: GPL-2.0-or-later
"""The EC2 source against an endpoint that the AWS CLI itself talks to."""

import functools
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "netns"))

from lab import netns  # noqa: E402
from lab.tap import Selection, check, equal, note, seed, skip, wait_for  # noqa: E402

try:
    import ec2_endpoint as ec2
except ImportError as missing:
    skip(f"{missing}: python3-botocore is needed")

DRIVER = os.environ.get("EC2_SOURCE",
                        os.path.join(ROOT, os.environ.get("B", "build"), "live", "ec2_source"))
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
GROUPS, INTERFACES, LISTS = "security groups", "network interfaces", "prefix lists"
INSTANCE = "instance metadata"
MAC = "0e:00:00:00:00:01"
INTERFACE_PATH = f"meta-data/network/interfaces/macs/{MAC}/"


# What EC2 knows

def permission(protocol="tcp", ports=(443, 443), v4=(), v6=(), lists=(), groups=()):
    ranges = {} if protocol == "-1" else {"FromPort": ports[0], "ToPort": ports[1]}
    return {"IpProtocol": protocol, **ranges,
            "IpRanges": [{"CidrIp": cidr, "Description": "from & to"} for cidr in v4],
            "Ipv6Ranges": [{"CidrIpv6": cidr} for cidr in v6],
            "PrefixListIds": [{"PrefixListId": name} for name in lists],
            "UserIdGroupPairs": [{"GroupId": name, "UserId": "111122223333"} for name in groups]}


def group(name, ingress=(), egress=()):
    return {"GroupId": name, "GroupName": f"the <{name}> & more", "Description": "d",
            "OwnerId": "111122223333", "VpcId": "vpc-1", "Tags": [{"Key": "a", "Value": "b"}],
            "IpPermissions": list(ingress), "IpPermissionsEgress": list(egress)}


def interface(name, groups, v4=(), v6=(), v4_prefixes=(), v6_prefixes=(), checked=True):
    value = {"NetworkInterfaceId": name, "Description": "x", "SourceDestCheck": checked,
             "Groups": [{"GroupId": g, "GroupName": "n"} for g in groups],
             "PrivateIpAddresses": [{"PrivateIpAddress": a, "Primary": i == 0,
                                     "Association": {"PublicIp": "198.51.100.1"}}
                                    for i, a in enumerate(v4)],
             "Ipv6Addresses": [{"Ipv6Address": a} for a in v6],
             "Ipv4Prefixes": [{"Ipv4Prefix": p} for p in v4_prefixes],
             "Ipv6Prefixes": [{"Ipv6Prefix": p} for p in v6_prefixes],
             "TagSet": [], "Status": "in-use"}
    if v4:
        value["PrivateIpAddress"] = v4[0]
    return value


def describe_instance(world):
    below = INTERFACE_PATH
    world.metadata.values = {
        "meta-data/mac": MAC, "meta-data/instance-id": "i-1", "meta-data/instance-type": "m5.large",
        "meta-data/placement/region": ec2.REGION,
        "meta-data/placement/availability-zone": "eu-central-1a",
        below + "security-group-ids": "sg-n1\nsg-n2\n", below + "local-ipv4s": "10.0.0.1\n10.0.0.2",
        below + "ipv6s": "2001:db8::1", below + "vpc-ipv4-cidr-blocks": "10.0.0.0/16\n10.1.0.0/16",
        below + "vpc-ipv6-cidr-blocks": "2001:db8::/56",
        below + "subnet-ipv4-cidr-block": "10.0.0.0/24"}


def simple_world(page=1000):
    world = ec2.World()
    world.page = page
    world.keys[ACCESS] = (SECRET, "", False)
    for name in ("sg-a", "sg-b", "sg-c"):
        world.groups[name] = group(name, [permission(v4=["10.0.0.0/8"])])
    world.interfaces["eni-1"] = interface("eni-1", ["sg-b"], ["10.0.0.5", "10.0.0.6"],
                                          ["2001:db8::5"], ["10.1.0.16/28"],
                                          ["2001:db8:1:2:3::/80"], checked=False)
    world.interfaces["eni-2"] = interface("eni-2", ["sg-a", "sg-b"], ["10.0.0.7"])
    world.prefix_lists["pl-1"] = [f"10.{i}.0.0/16" for i in range(250)]
    describe_instance(world)
    return world


def random_permission(rng, names):
    protocol = rng.choice(["tcp", "udp", "icmp", "icmpv6", "-1", "47"])
    low = rng.randrange(65536)
    ports = (rng.choice([-1, 8]), rng.choice([-1, 0])) if protocol.startswith("icmp") else \
        (low, rng.randrange(low, 65536))
    return permission(protocol, ports,
                      [f"10.{rng.randrange(256)}.0.0/16" for _ in range(rng.randrange(3))],
                      [f"2001:db8:{rng.randrange(65536):x}::/48" for _ in range(rng.randrange(2))],
                      rng.sample(["pl-1", "pl-2"], rng.randrange(2)),
                      rng.sample(names, rng.randrange(3)))


def random_world(rng):
    world = simple_world(page=rng.choice([1, 3, 1000]))
    names = [f"sg-{i:x}" for i in rng.sample(range(1 << 32), rng.randrange(3, 30))]
    world.groups = {name: group(name, [random_permission(rng, names) for _ in range(3)],
                                [random_permission(rng, names) for _ in range(2)])
                    for name in names}
    for i in range(rng.randrange(40)):
        world.interfaces[f"eni-{i}"] = interface(
            f"eni-{i}", rng.sample(names, rng.randrange(1, 3)),
            [f"10.0.{i}.{rng.randrange(1, 255)}"], [f"2001:db8::{i:x}"] * rng.randrange(2),
            [f"10.9.{i}.16/28"] * rng.randrange(2), checked=rng.random() < 0.5)
    world.prefix_lists = {name: [f"10.{rng.randrange(256)}.{i % 256}.0/24"
                                 for i in range(rng.randrange(300))]
                          for name in ("pl-1", "pl-2")}
    return world


# Who asks

class Source:
    """The driver, its snapshots and its log."""

    def __init__(self, directory, world, environment=None, **config):
        self.directory = directory
        section = {"region": ec2.REGION, "endpoint": world.url, "refresh": "1s", **config}
        path = os.path.join(directory, "podsg.yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"version": 1, "sources": {
                "files": {"directory": os.path.join(directory, "documents")},
                "ec2": {key: value for key, value in section.items() if value}}}, file)
        env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        env.update({"HOME": directory, "AWS_EC2_METADATA_SERVICE_ENDPOINT": world.url + "/",
                    "http_proxy": "", "no_proxy": "*",
                    "AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET})
        env.update(environment or {})
        self.log_path = os.path.join(directory, "log")
        self.log_file = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [DRIVER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log_file,
            text=True, env={k: v for k, v in env.items() if v is not None},
            preexec_fn=netns.die_with_parent)
        self.snapshot, self.file = None, None
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            value = json.loads(line)
            if "objects" in value:
                self.snapshot = value
            else:
                self.file = value

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        try:
            self.say("close")
            status = self.process.wait(30)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()
            status = self.process.wait()
        self.reader.join(5)
        self.log_file.close()
        if failure[0]:
            note(self.log())
        else:
            check(status == 0 and "Sanitizer" not in self.log(), f"status {status}: {self.log()}")

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def want(self, groups=(), members=(), lists=()):
        self.say("want " + " ".join(",".join(sorted(ids)) or "-" for ids in (groups, members, lists)))

    def load(self, path):
        self.file = None
        self.say("file " + path)
        return wait_for(lambda: self.file, "the file is shown", 20)["file"]

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def objects(self):
        return {name: value for name, value in self.snapshot["objects"].items()
                if name != "instance"}

    def wait(self, condition, what, timeout=40):
        wait_for(lambda: self.snapshot and condition(self.snapshot), what, timeout)
        return self.snapshot

    def wait_synced(self, timeout=40):
        return self.wait(lambda s: s["synced"], "synced", timeout)

    def wait_error(self, what, *words, timeout=40):
        return self.wait(lambda s: all(word in s["status"][what]["error"] for word in words),
                         f"{what}: {words}", timeout)

    def wait_log(self, text, timeout=40):
        wait_for(lambda: text in self.log(), f"log: {text}", timeout)


def cli(world, *words):
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env.update(AWS_ACCESS_KEY_ID=ACCESS, AWS_SECRET_ACCESS_KEY=SECRET,
               AWS_EC2_METADATA_DISABLED="true", AWS_PAGER="", no_proxy="*")
    done = subprocess.run(["aws", "--endpoint-url", world.url, "--region", ec2.REGION,
                           "--output", "json", "ec2", *words],
                          env=env, capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, f"aws {' '.join(words)}: {done.stderr}")
    return json.loads(done.stdout)


def on(world_maker):
    """Runs a case with a world and a directory of its own."""
    def decorate(case):
        @functools.wraps(case)
        def run():
            world = world_maker()
            try:
                with tempfile.TemporaryDirectory(prefix="podsg-ec2-") as directory:
                    case(world, directory)
            finally:
                world.close()
        return run
    return decorate


# Cases

@on(lambda: simple_world(page=2))
def the_cli_reads_the_endpoint(world, _):
    found = cli(world, "describe-security-groups", "--filters",
                "Name=group-id,Values=sg-a,sg-b,sg-c")["SecurityGroups"]
    equal([g["GroupId"] for g in found], ["sg-a", "sg-b", "sg-c"], "groups")
    equal(found[0]["IpPermissions"], world.groups["sg-a"]["IpPermissions"], "rules")
    found = cli(world, "describe-network-interfaces", "--filters",
                "Name=group-id,Values=sg-b")["NetworkInterfaces"]
    equal(found[0]["Ipv4Prefixes"], [{"Ipv4Prefix": "10.1.0.16/28"}], "prefixes")
    found = cli(world, "get-managed-prefix-list-entries", "--prefix-list-id", "pl-1")["Entries"]
    equal(len(found), 250, "entries")
    equal(world.bad_signatures, 0, "bad signatures")


@on(simple_world)
def what_is_wanted_is_read_whole(world, directory):
    world.page = 1
    with Source(directory, world) as source:
        source.want(["sg-a", "sg-c"], ["sg-b"], ["pl-1"])
        source.wait_synced()
        objects = source.objects()
        equal(sorted(objects), ["eni-1", "eni-2", "pl-1", "sg-a", "sg-c"], "objects")
        equal(objects["eni-1"], {
            "check": False, "groups": ["sg-b"],
            "addresses": ["10.0.0.5", "10.0.0.6", "2001:db8::5", "10.1.0.16/28",
                          "2001:db8:1:2:3::/80"]}, "interface")
        equal(len(objects["pl-1"]), 250, "entries")
        equal(world.bad_signatures, 0, "bad signatures")


@on(simple_world)
def with_nothing_wanted_nothing_is_asked(world, directory):
    with Source(directory, world) as source:
        source.want()
        source.wait_synced()
        time.sleep(1.5)
        equal(world.asked, [], "asked")


@on(simple_world)
def a_new_group_is_asked_for_at_once_and_an_equal_answer_changes_nothing(world, directory):
    with Source(directory, world, refresh="1h") as source:
        source.want(["sg-a"])
        source.wait_synced()
        changes = source.snapshot["changes"]
        source.want(["sg-a", "sg-b"])
        source.wait(lambda s: "sg-b" in s["objects"], "the new group")
        check(source.snapshot["changes"] > changes, "the change was told")
    with Source(directory, world) as source:
        source.want(["sg-a"], lists=["pl-1"])
        source.wait_synced()
        changes, asked = source.snapshot["changes"], len(world.asked)
        wait_for(lambda: len(world.asked) > asked + 4, "refreshed", 40)
        equal(source.snapshot["changes"], changes, "changes")


@on(simple_world)
def more_ids_than_a_filter_takes_go_into_several_calls(world, directory):
    names = [f"sg-{i:04}" for i in range(450)]
    world.groups = {name: group(name) for name in names}
    world.interfaces = {f"eni-{i}": interface(f"eni-{i}", [names[i], names[449 - i]],
                                              [f"10.0.{i}.1"]) for i in range(200)}
    with Source(directory, world, refresh="1h") as source:
        source.want(names)
        source.wait_synced()
        equal(len(source.objects()), 650, "objects, each once")
        equal(world.count("DescribeSecurityGroups"), 3, "calls")


@on(simple_world)
def a_group_goes_only_when_ec2_says_that_it_does_not_exist(world, directory):
    with Source(directory, world) as source:
        source.want(["sg-a", "sg-b"])
        source.wait_synced()
        # An answer without it is no proof: it is asked for by name.
        left_out = ec2.edited("<groupId>sg-b</groupId>", "<groupId>sg-a</groupId>")
        world.faults["DescribeSecurityGroups"] = [left_out]
        asked = world.count("DescribeSecurityGroups")
        wait_for(lambda: world.count("DescribeSecurityGroups") > asked + 2, "asked again", 40)
        check("sg-b" in source.snapshot["objects"], "it is still there")
        del world.groups["sg-b"]
        source.wait(lambda s: "sg-b" not in s["objects"], "it is gone")
        check("sg-a" in source.snapshot["objects"], "the other one is there")
        source.wait_error(GROUPS, "sg-b")
        source.wait_log('event=ec2-not-found what="security groups" id="sg-b"')
        asked = world.count("DescribeSecurityGroups")
        wait_for(lambda: world.count("DescribeSecurityGroups") > asked + 2, "asked again", 40)
        equal(source.log().count("event=ec2-not-found"), 1, "said once")
        world.groups["sg-b"] = group("sg-b")
        source.wait(lambda s: "sg-b" in s["objects"], "it is back")


@on(simple_world)
def a_prefix_list_that_is_gone_or_forbidden_leaves_the_others(world, directory):
    world.prefix_lists["pl-2"] = ["192.0.2.0/24"]
    with Source(directory, world) as source:
        source.want(["sg-a"], lists=["pl-1", "pl-2", "pl-3"])
        source.wait_synced()
        source.wait_error(LISTS, "pl-3")
        equal(source.objects()["pl-2"], ["192.0.2.0/24"], "entries")
        refused = ec2.fails(403, "UnauthorizedOperation", "You are not authorized")
        world.faults["GetManagedPrefixListEntries"] = [refused] + [None] * 4
        source.wait_log("allow ec2:GetManagedPrefixListEntries")
        world.prefix_lists["pl-2"] = ["198.51.100.0/24"]
        source.wait(lambda s: s["objects"]["pl-2"] == ["198.51.100.0/24"], "the other is read")
        equal(len(source.objects()["pl-1"]), 250, "what was forbidden stays")
        del world.prefix_lists["pl-1"]
        source.wait(lambda s: "pl-1" not in s["objects"], "gone")


def an_answer_that_is_none(fault, words):
    @on(lambda: simple_world(page=2))
    def case(world, directory):
        with Source(directory, world) as source:
            source.want(["sg-a", "sg-b", "sg-c"], lists=["pl-1"])
            source.wait_synced()
            before = source.objects()
            world.groups["sg-a"]["IpPermissions"] = []
            # The first page is good, the second is not: nothing of either is taken.
            world.faults["DescribeSecurityGroups"] = [None, *[fault] * 200]
            source.wait_error(GROUPS, *words, timeout=40)
            equal(source.objects(), before, "what is in force")
            status = source.snapshot["status"]
            check(not status[GROUPS]["current"] and status[GROUPS]["synced"], "status")
            check(status[LISTS]["current"] and status[INTERFACES]["current"], "the others")
            world.faults.clear()
            source.wait(lambda s: not s["objects"]["sg-a"]["ingress"], "the change", timeout=40)
            source.wait_log("event=ec2-read-again")
    return case


ANSWERS = {
    "half an answer, as if it were whole": (ec2.half, ["DescribeSecurityGroups"]),
    "an answer that breaks off": (ec2.breaks_off, ["DescribeSecurityGroups"]),
    "no answer": (ec2.hangs_up, ["DescribeSecurityGroups"]),
    "an answer without the list": (ec2.without_list, ["no <securityGroupInfo>"]),
    "the answer to another question": (
        ec2.says(ec2.response("DescribeNetworkInterfaces", {"NetworkInterfaces": []})),
        ["expected <DescribeSecurityGroupsResponse>"]),
    "groups nobody asked for": (
        ec2.edited("</securityGroupInfo>",
                   "<item><groupId>sg-x</groupId></item></securityGroupInfo>"),
        ["sg-x", "not asked for"]),
    "another group instead": (ec2.edited(">sg-c<", ">sg-x<"), ["sg-c", "neither"]),
    "rules that are none": (ec2.edited(">443<", ">99999999999<"), ["whole number"]),
    "a prefix that is none": (ec2.edited("10.0.0.0/8", "10.0.0.0/99"), ["IPv4 prefix"]),
    "an XML bomb": (ec2.says(ec2.BOMB), ["document type"]),
    "garbage": (ec2.says(b"\x00\xff<html>"), ["DescribeSecurityGroups"]),
    "HTML": (ec2.says(b"<html><body>captive portal</body></html>"), ["not <html>"]),
    "a page that names itself as the next one": (
        ec2.edited("</securityGroupInfo>", "</securityGroupInfo><nextToken>page 2/=</nextToken>"),
        ["names itself"]),
    "a refusal": (ec2.fails(403, "UnauthorizedOperation", "You are not authorized"),
                  ["allow ec2:DescribeSecurityGroups"]),
    "a proxy's refusal": (ec2.says(b"no", 407), ["HTTP status 407"]),
}


@on(lambda: simple_world(page=1))
def throttling_is_waited_out(world, directory):
    world.faults["DescribeSecurityGroups"] = [
        ec2.fails(503, "RequestLimitExceeded"), None, ec2.fails(500, "InternalError"),
        ec2.says(b"", 502), None]
    world.faults["DescribeNetworkInterfaces"] = [
        ec2.fails(503, "RequestLimitExceeded", headers=[("Retry-After", "2")])]
    begin = time.monotonic()
    with Source(directory, world, refresh="1h") as source:
        source.want(["sg-a", "sg-b", "sg-c"])
        source.wait_synced(40)
        check(time.monotonic() - begin >= 2, "Retry-After is obeyed")
        equal(source.snapshot["status"][GROUPS]["failures"], 0, "failures")
        equal(world.count("DescribeSecurityGroups"), 6, "calls: each page until it came")


@on(simple_world)
def throttling_without_end_is_an_error_and_not_a_flood(world, directory):
    world.faults["DescribeSecurityGroups"] = [ec2.fails(503, "RequestLimitExceeded")] * 1000
    with Source(directory, world) as source:
        source.want(["sg-a"])
        source.wait_error(GROUPS, "RequestLimitExceeded", timeout=40)
        check(world.count("DescribeSecurityGroups") <= 4, "asked at most four times")
        check(not source.snapshot["synced"], "not synced")


# Keys

def profile(directory, access, secret, token=None):
    os.makedirs(os.path.join(directory, ".aws"), exist_ok=True)
    path = os.path.join(directory, ".aws", "credentials")
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(f"[other]\naws_access_key_id = no\n\n[node]\naws_access_key_id = {access}\n"
                   f"aws_secret_access_key={secret}\n")
        if token:
            file.write(f"aws_session_token = {token}\n")
    os.rename(path + ".new", path)


NO_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


@on(simple_world)
def a_profile_is_read_and_read_again_when_it_changes(world, directory):
    world.keys["AKIDPROFILE"] = ("s1", "token/+==", False)
    profile(directory, "AKIDPROFILE", "s1", "token/+==")
    with open(os.path.join(directory, ".aws", "config"), "w", encoding="utf-8") as file:
        file.write(f"[profile node]\nregion = {ec2.REGION}\n")
    with Source(directory, world, {**NO_ENVIRONMENT, "AWS_PROFILE": "node"}, region="") as source:
        source.want(["sg-a"])
        source.wait_synced()
        equal({asked[2] for asked in world.asked}, {"AKIDPROFILE"}, "keys")
        world.keys = {"AKIDNEW": ("s2", "", False)}
        profile(directory, "AKIDNEW", "s2")
        wait_for(lambda: world.asked[-1][2] == "AKIDNEW", "the new keys", 40)
    equal(world.bad_signatures, 0, "bad signatures")


@on(simple_world)
def keys_that_are_refused_are_an_error_that_says_whose(world, directory):
    world.keys[ACCESS] = ("another", "", False)
    with Source(directory, world) as source:
        source.want(["sg-a"])
        source.wait_error(GROUPS, "SignatureDoesNotMatch")


@on(simple_world)
def the_role_is_used_renewed_and_replaced_when_it_is_refused(world, directory):
    world.metadata.give_role("node-role", "ASIA1", "s1", "t1", 25)
    world.keys["ASIA1"] = ("s1", "t1", False)
    world.keys["ASIA2"] = ("s2", "t2", False)
    world.keys["ASIA3"] = ("s3", "t3", False)
    with Source(directory, world, NO_ENVIRONMENT) as source:
        source.want(["sg-a"])
        source.wait_synced()
        equal({asked[2] for asked in world.asked}, {"ASIA1"}, "keys")
        # They last for 25 seconds, and 10 of those are reserve.
        world.metadata.give_role("node-role", "ASIA2", "s2", "t2", 3600)
        wait_for(lambda: world.asked[-1][2] == "ASIA2", "renewed", 60)
        # Revoked: EC2 says so, and IMDS has other ones.
        world.metadata.give_role("node-role", "ASIA3", "s3", "t3", 3600)
        world.keys["ASIA2"] = ("s2", "t2", True)
        wait_for(lambda: world.asked[-1][2] == "ASIA3", "replaced", 60)
        equal(source.snapshot["status"][GROUPS]["failures"], 0, "failures")
        # Those of before again, revoked: one more attempt a round, then the error.
        world.keys["ASIA3"] = ("s3", "t3", True)
        source.wait_error(GROUPS, "RequestExpired", "the instance's role node-role")


@on(simple_world)
def an_imds_token_that_is_refused_is_replaced(world, directory):
    world.metadata.give_role("node-role", "ASIA1", "s1", "t1", 25)
    world.keys["ASIA1"] = ("s1", "t1", False)
    with Source(directory, world, NO_ENVIRONMENT) as source:
        source.want(["sg-a"])
        source.wait_synced()
        world.metadata.tokens.clear()
        world.metadata.give_role("node-role", "ASIA1", "s1", "t1", 3600)
        asked = len(world.asked)
        wait_for(lambda: world.metadata.tokens and len(world.asked) > asked, "goes on", 60)


def no_keys(prepare, *words):
    @on(simple_world)
    def case(world, directory):
        environment = dict(NO_ENVIRONMENT)
        prepare(world, directory, environment)
        with Source(directory, world, environment) as source:
            source.want(["sg-a"])
            source.wait_error(GROUPS, *words, timeout=30)
            equal(world.asked, [], "asked")
    return case


def set_mode(mode):
    def prepare(world, directory, environment):
        world.metadata.mode = mode
    return prepare


def set_environment(**variables):
    def prepare(world, directory, environment):
        environment.update(variables)
    return prepare


def write_config(text):
    def prepare(world, directory, environment):
        os.mkdir(os.path.join(directory, ".aws"))
        with open(os.path.join(directory, ".aws", "config"), "w", encoding="utf-8") as file:
            file.write(text)
    return prepare


def old_role(world, directory, environment):
    world.metadata.give_role("node-role", "ASIA1", "s1", "t1", -60)


NO_KEYS = {
    "the hop limit": (set_mode("silent"), "HttpPutResponseHopLimit"),
    "IMDS disabled": (set_mode("403"), "403", "HttpEndpoint"),
    "no role": (set_mode(None), "no role", "instance profile"),
    "a role whose keys have expired": (old_role, "node-role", "have expired"),
    "no IMDS": (set_environment(AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:1"),
                "none in the environment", "no IMDS here"),
    "IMDS turned off": (set_environment(AWS_EC2_METADATA_DISABLED="true"),
                        "none in the environment", "AWS_EC2_METADATA_DISABLED"),
    "half a pair of keys": (set_environment(AWS_ACCESS_KEY_ID="a"),
                            "AWS_SECRET_ACCESS_KEY is not"),
    "a profile that is not there": (set_environment(AWS_PROFILE="nobody"), "profile nobody"),
    "a profile with a way that is not gone": (
        write_config("[default]\ncredential_process = /bin/true\n"), "credential_process"),
}


# The instance

@on(simple_world)
def the_instance_says_who_it_is(world, directory):
    below = INTERFACE_PATH
    with Source(directory, world, region="") as source:
        source.want(["sg-a"])
        source.wait_synced()
        expected = {"id": "i-1", "type": "m5.large", "region": ec2.REGION, "zone": "eu-central-1a",
                    "groups": ["sg-n1", "sg-n2"],
                    "addresses": ["10.0.0.1", "10.0.0.2", "2001:db8::1"],
                    "vpc": ["10.0.0.0/16", "10.1.0.0/16", "2001:db8::/56"],
                    "subnet": ["10.0.0.0/24"]}
        equal(source.snapshot["objects"]["instance"], expected, "instance")
        world.metadata.values[below + "security-group-ids"] = "sg-n3"
        source.wait(lambda s: s["objects"]["instance"]["groups"] == ["sg-n3"], "its new group")
        world.metadata.values[below + "security-group-ids"] = "sg n3\x7f"
        source.wait_error(INSTANCE, "security-group-ids")
        equal(source.snapshot["objects"]["instance"]["groups"], ["sg-n3"], "what stays")


@on(simple_world)
def without_imds_the_instance_is_absent_and_the_rest_works(world, directory):
    environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}
    with Source(directory, world, environment) as source:
        source.want(["sg-a"])
        source.wait_synced()
        status = source.snapshot["status"][INSTANCE]
        check(status["absent"] and "no IMDS" in status["error"], status)


@on(simple_world)
def without_region_the_error_says_what_to_give(world, directory):
    environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}
    with Source(directory, world, environment, region="") as source:
        source.want(["sg-a"])
        source.wait_error(GROUPS, "no region", "sources.ec2.region")


# Over a restart

WANTED = (["sg-a", "sg-c"], ["sg-b"], ["pl-1"])


def copies(directory):
    """Those that are being written have a name of their own."""
    found = {}
    for name in os.listdir(os.path.join(directory, "documents.ec2")):
        if not name.endswith(".json"):
            continue
        with open(os.path.join(directory, "documents.ec2", name), encoding="utf-8") as file:
            found[name] = file.read()
    return found


def live_once(world, directory):
    """A daemon's life in which all went well. What EC2 said in it."""
    with Source(directory, world) as source:
        source.want(*WANTED)
        source.wait_synced()
        source.say("commit")
        wait_for(lambda: len(copies(directory)) == 3, "copies", 20)
        return source.objects()


def fail_always(world, fault):
    world.faults = {action: [fault] * 1000 for action in ec2.RESULTS}


def want_as_it_becomes_known(source, timeout):
    """Pods come later than the daemon asks first, and rules later than pods."""
    source.want()
    source.wait_synced()
    source.want(*WANTED[:2])
    source.wait(lambda s: "sg-a" in s["objects"], "rules", timeout)
    source.want(*WANTED)
    return source.wait(lambda s: s["synced"] and "pl-1" in s["objects"], "all of it", timeout)


@on(simple_world)
def what_ec2_said_survives_a_restart_without_it(world, directory):
    before = live_once(world, directory)
    for name in copies(directory):
        path = os.path.join(directory, "documents.ec2", name)
        equal(os.stat(path).st_mode & 0o777, 0o600, name)
    fail_always(world, ec2.after(8, ec2.hangs_up))
    with Source(directory, world) as source:
        snapshot = want_as_it_becomes_known(source, 30)
        equal(source.objects(), before, "objects")
        status = snapshot["status"][GROUPS]
        check(status["synced"] and not status["current"] and status["fresh"], status)
        source.wait_log("event=ec2-copy-in-force")
        world.faults = {}
        world.groups["sg-a"]["IpPermissions"] = []
        source.wait(lambda s: not s["objects"]["sg-a"]["ingress"], "news", timeout=60)


@on(simple_world)
def what_is_not_wanted_yet_leaves_the_copies_alone(world, directory):
    before, kept = live_once(world, directory), copies(directory)
    with Source(directory, world) as source:
        source.want()
        source.wait_synced()
        time.sleep(0.5)
        equal(source.objects(), {}, "objects of nothing")
        check(all(status["current"] for status in source.snapshot["status"].values()), "status")
        source.want(["sg-a"])
        source.wait_synced()
        time.sleep(0.5)
        equal(copies(directory), kept, "copies before anything is in force")
    fail_always(world, ec2.fails(503, "Unavailable"))
    with Source(directory, world) as source:
        want_as_it_becomes_known(source, 60)
        equal(source.objects(), before, "objects")


@on(simple_world)
def what_is_wanted_later_is_waited_for(world, directory):
    """The first pods may come when all of nothing has been answered."""
    with Source(directory, world) as source:
        source.want()
        source.wait_synced()
        world.faults["DescribeSecurityGroups"] = [ec2.after(4)]
        source.want(["sg-a"])
        source.wait(lambda s: not s["synced"], "not synced any more")
        source.wait_synced()
        check("sg-a" in source.snapshot["objects"], "it has been answered")
        equal(source.log().count("event=ec2-synced"), 1, "said once")


@on(simple_world)
def what_nobody_wants_any_more_is_given_up_when_the_rules_are_in_force(world, directory):
    live_once(world, directory)
    with Source(directory, world) as source:
        want_as_it_becomes_known(source, 20)
        source.say("commit")
        source.want(*WANTED[:2])
        time.sleep(0.3)
        check("pl-1" in source.objects(), "it is still there")
        source.say("commit")
        source.wait(lambda s: "pl-1" not in s["objects"], "it is gone")
        check("prefix-lists.json" not in copies(directory), "its copy is gone")
        equal(source.snapshot["status"][LISTS]["objects"], 0, "objects of the status")
        source.want(*WANTED)
        source.wait(lambda s: "pl-1" in s["objects"], "it is back")
        # Of nothing at all it may be that it only seems to be wanted.
        source.want()
        source.say("commit")

        def nothing_is_asked():
            asked = len(world.asked)
            time.sleep(2)
            return len(world.asked) == asked
        wait_for(nothing_is_asked, "no questions about nothing", 20)
        equal(len(copies(directory)), 3, "copies")
        world.groups["sg-a"]["IpPermissions"] = []
        source.want(*WANTED)
        source.wait(lambda s: not s["objects"]["sg-a"]["ingress"], "asked again")


@on(simple_world)
def a_broken_copy_is_said_and_not_used(world, directory):
    os.mkdir(os.path.join(directory, "documents.ec2"))
    path = os.path.join(directory, "documents.ec2", "security-groups.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"SecurityGroups":[{"GroupId":')
    world.faults = {action: [ec2.fails(403, "UnauthorizedOperation")] * 1000
                    for action in ec2.RESULTS}
    with Source(directory, world) as source:
        source.want(["sg-a"])
        source.wait_log("event=ec2-copy-not-read")
        equal(source.objects(), {}, "objects")
        check(not source.snapshot["synced"], "not synced")


# The same by two ways

def both_ways_are_equal(rng):
    world = random_world(rng)
    names = sorted(world.groups)
    try:
        with tempfile.TemporaryDirectory(prefix="podsg-ec2-") as directory, \
                Source(directory, world, refresh="1h") as source:
            source.want(names, names, ["pl-1", "pl-2"])
            source.wait_synced(60)
            expected = {}
            answers = [cli(world, "describe-security-groups", "--filters",
                           "Name=group-id,Values=" + ",".join(names)),
                       cli(world, "describe-network-interfaces", "--filters",
                           "Name=group-id,Values=" + ",".join(names))]
            for name in ("pl-1", "pl-2"):
                entries = cli(world, "get-managed-prefix-list-entries", "--prefix-list-id", name)
                answers.append({**entries, "PrefixListId": name})
            for i, answer in enumerate(answers):
                path = os.path.join(directory, f"{i}.json")
                with open(path, "w", encoding="utf-8") as file:
                    json.dump(answer, file)
                expected.update(source.load(path))
            for name in ("pl-1", "pl-2"):
                expected[name] = sorted(set(expected[name]))
            measured = {name: sorted(value) if name.startswith("pl-") else value
                        for name, value in source.objects().items()}
            equal(measured, expected, "objects")
    finally:
        world.close()


def main():
    program = Selection(10)
    rng = random.Random(seed())
    for case in (the_cli_reads_the_endpoint,
                 what_is_wanted_is_read_whole,
                 with_nothing_wanted_nothing_is_asked,
                 a_new_group_is_asked_for_at_once_and_an_equal_answer_changes_nothing,
                 more_ids_than_a_filter_takes_go_into_several_calls,
                 a_group_goes_only_when_ec2_says_that_it_does_not_exist,
                 a_prefix_list_that_is_gone_or_forbidden_leaves_the_others,
                 throttling_is_waited_out,
                 throttling_without_end_is_an_error_and_not_a_flood,
                 a_profile_is_read_and_read_again_when_it_changes,
                 keys_that_are_refused_are_an_error_that_says_whose,
                 the_role_is_used_renewed_and_replaced_when_it_is_refused,
                 an_imds_token_that_is_refused_is_replaced,
                 the_instance_says_who_it_is,
                 without_imds_the_instance_is_absent_and_the_rest_works,
                 without_region_the_error_says_what_to_give,
                 what_ec2_said_survives_a_restart_without_it,
                 what_is_not_wanted_yet_leaves_the_copies_alone,
                 what_is_wanted_later_is_waited_for,
                 what_nobody_wants_any_more_is_given_up_when_the_rules_are_in_force,
                 a_broken_copy_is_said_and_not_used):
        program.case(case.__name__.replace("_", " "), case)
    for name, (fault, words) in ANSWERS.items():
        program.case(f"{name} leaves what is in force", an_answer_that_is_none(fault, words))
    for name, (prepare, *words) in NO_KEYS.items():
        program.case(f"no keys: {name}", no_keys(prepare, *words))
    for i in range(3):
        program.case(f"the AWS CLI's documents and ours are equal, world {i}",
                     both_ways_are_equal, random.Random(rng.randrange(1 << 32)))
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
