#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run: shares
"""podsg-eni-gc enis against an EC2 endpoint that the AWS CLI itself talks to."""

import contextlib
import copy
import fcntl
import json
import os
import pty
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "netns"))
sys.path.insert(0, os.path.join(ROOT, "tests", "live"))

from lab import netns  # noqa: E402
from lab.tap import Selection, check, equal, note, seed, skip, wait_for  # noqa: E402

try:
    import ec2_endpoint as ec2
except ImportError as missing:
    skip(f"{missing}: python3-botocore is needed")

BUILD = os.environ.get("PODSG_BUILD") or os.path.join(ROOT, os.environ.get("B", "build"))
PROGRAM = os.path.join(BUILD, "podsg-eni-gc")
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
DONE, FAILED, USAGE, PARTIAL, WAITS, LIVES = range(6)
CONTROLLER, CNI = "eks-vpc-resource-controller", "amazon-vpc-cni"
COOL_DOWN = 60
DESCRIBE, DELETE = "DescribeNetworkInterfaces", "DeleteNetworkInterface"


# What EC2 knows

def tags_of(values):
    return [{"Key": key, "Value": value} for key, value in values.items() if value is not None]


def eni(name, description="aws-k8s-branch-eni", cluster="prod", tags=(), **members):
    """A leaked branch interface, but for what is said. A tag of None is left out. In use, EC2 shows
    one as "in-use" without an attachment."""
    values = {"vpcresources.k8s.aws/vlan-id": "3",
              "vpcresources.k8s.aws/trunk-eni-id": "eni-0aa",
              "node.k8s.amazonaws.com/instance_id": "i-0aaa",
              "eks:eni:owner": CONTROLLER, f"kubernetes.io/cluster/{cluster}": "owned"}
    values.update(tags)
    return {"NetworkInterfaceId": name, "Status": "available", "Description": description,
            "InterfaceType": "branch", "RequesterId": "895095153028", "RequesterManaged": False,
            "SourceDestCheck": True, "PrivateIpAddress": "10.0.0.5", "VpcId": "vpc-1",
            "Groups": [{"GroupId": "sg-a", "GroupName": "a"}], "TagSet": tags_of(values), **members}


def attach(interface, instance="i-0aaa", device=1):
    interface["Status"] = "in-use"
    interface["Attachment"] = {"AttachmentId": "eni-attach-1", "InstanceId": instance,
                               "InstanceOwnerId": "111122223333", "DeviceIndex": device,
                               "Status": "attached"}


def detach(interface):
    interface["Status"] = "available"
    del interface["Attachment"]


def attached(interface, *where):
    attach(interface, *where)
    return interface


def trunk(name, **members):
    return eni(name, "aws-k8s-trunk-eni", tags={"vpcresources.k8s.aws/vlan-id": None}, **members)


def of_the_cni(name, owner=CNI, **members):
    return eni(name, "aws-K8S-i-0aaa", tags={
        "eks:eni:owner": owner, "kubernetes.io/cluster/prod": None,
        "vpcresources.k8s.aws/vlan-id": None, "cluster.k8s.amazonaws.com/name": "prod"}, **members)


def group(name, ingress=(), egress=(), tags=(), title=None):
    return {"GroupId": name, "GroupName": title or f"the {name}", "Description": "d",
            "VpcId": "vpc-1", "Tags": tags_of(dict(tags)), "IpPermissions": list(ingress),
            "IpPermissionsEgress": list(egress)}


def permission(protocol, ports, *groups):
    ranges = {} if ports is None else {"FromPort": ports[0], "ToPort": ports[1]}
    return {"IpProtocol": protocol, **ranges, "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
            "Ipv6Ranges": [], "PrefixListIds": [],
            "UserIdGroupPairs": [{"GroupId": name, "UserId": "111122223333",
                                  "Description": "why it is there"} for name in groups]}


def instance(name, state):
    return {"InstanceId": name, "State": {"Code": 16, "Name": state},
            "Tags": tags_of({"kubernetes.io/cluster/prod": "owned"})}


class Place:
    """A world, a directory with the state, and the program."""

    def __init__(self, *interfaces):
        self.world = ec2.World()
        self.world.keys[ACCESS] = (SECRET, "", False)
        self.add(*interfaces)
        self.directory = tempfile.mkdtemp(prefix="podsg-enis-")
        self.state = os.path.join(self.directory, "state")
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("AWS_")}
        self.environment.update(
            HOME=self.directory, AWS_ACCESS_KEY_ID=ACCESS, AWS_SECRET_ACCESS_KEY=SECRET,
            AWS_EC2_METADATA_DISABLED="true", AWS_PAGER="", no_proxy="*", TERM="xterm")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.world.close()
        shutil.rmtree(self.directory)

    def add(self, *interfaces):
        for interface in interfaces:
            self.world.interfaces[interface["NetworkInterfaceId"]] = interface

    def argv(self, *words):
        if not any(word.startswith("--") and word[2:] in ("deleted-cluster", "blocking", "cluster")
                   for word in words):
            words = ("--cluster", "prod", *words)
        return [PROGRAM, "enis", "--region", ec2.REGION, "--endpoint", self.world.url,
                "--state", self.state, "--rate", "100", *words]

    def start(self, *words):
        return subprocess.Popen(self.argv(*words), env=self.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                preexec_fn=netns.die_with_parent)

    def finish(self, process, expected):
        out, self.errors = process.communicate(timeout=560)
        lines = [json.loads(line) for line in out.splitlines()]
        self.lines = [line for line in lines if "summary" not in line]
        self.summary = lines[-1]["summary"] if lines else {}
        equal(process.returncode, expected, f"status; {out[-2000:]} {self.errors[-2000:]}")
        equal(self.world.bad_signatures, 0, "bad signatures")

    def run(self, expected, *words):
        self.finish(self.start(*words), expected)
        return self

    def lines_by(self, action):
        return [line for line in self.lines if line["action"] == action]

    def lines_of(self, action):
        return {line.get("interface") or line.get("group"): line for line in self.lines_by(action)}

    def state_file(self):
        names = [n for n in os.listdir(self.state) if n.endswith(".json")] \
            if os.path.isdir(self.state) else []
        check(len(names) <= 1, names)
        return os.path.join(self.state, names[0]) if names else None

    def text(self):
        with open(self.state_file(), encoding="utf-8") as file:
            return file.read()

    def write(self, text):
        with open(self.state_file(), "w", encoding="utf-8") as file:
            file.write(text)

    def age(self, seconds=COOL_DOWN + 1):
        """As if the first sightings were so much older: from before the boot, where need be."""
        state = json.loads(self.text())
        for sighting in state["sightings"]:
            sighting["time"] -= seconds * 1000
            sighting["uptime"] -= seconds * 1000
            if sighting["uptime"] < 0:
                sighting.update(uptime=0, boot="the-one-before")
        self.write(json.dumps(state))

    def seen(self, *words):
        """Everything has been seen once, long enough ago."""
        self.run(WAITS, *words)
        self.age()
        return self

    def aws(self, *words):
        done = subprocess.run(["aws", "--endpoint-url", self.world.url, "--region", ec2.REGION,
                               "--output", "json", "ec2", *words], env=self.environment,
                              capture_output=True, text=True, timeout=120)
        check(done.returncode == 0, f"aws {' '.join(words)}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None


def then(change):
    """A fault that is none: the good answer, and behind it the world is another one."""
    def fault(handler, good):
        change()
        handler.send(200, good)
    return fault


# Two phases

def the_aws_cli_says_that_the_endpoint_is_right():
    with Place(eni("eni-1"), attached(eni("eni-2")), eni("eni-3", cluster="other")) as place:
        place.world.page = 2
        found = place.aws("describe-network-interfaces", "--filters", "Name=status,Values=available",
                          "Name=tag:kubernetes.io/cluster/prod,Values=owned")
        equal([i["NetworkInterfaceId"] for i in found["NetworkInterfaces"]], ["eni-1"], "filtered")
        equal(found["NetworkInterfaces"][0]["TagSet"], place.world.interfaces["eni-1"]["TagSet"],
              "tags")
        found = place.aws("describe-network-interfaces", "--network-interface-ids", "eni-2")
        equal(found["NetworkInterfaces"][0]["Attachment"]["InstanceId"], "i-0aaa", "attachment")
        place.aws("delete-network-interface", "--network-interface-id", "eni-1")
        equal(place.world.deleted, ["eni-1"], "deleted")
        place.world.instances["i-0aaa"] = instance("i-0aaa", "running")
        found = place.aws("describe-instances", "--filters",
                          "Name=tag-key,Values=kubernetes.io/cluster/*")
        equal(found["Reservations"][0]["Instances"][0]["State"]["Name"], "running", "instance")
        place.world.group_vpcs = [{"GroupId": "sg-a", "VpcId": "vpc-2", "State": "associated"}]
        found = place.aws("describe-security-group-vpc-associations")
        equal(found["SecurityGroupVpcAssociations"], place.world.group_vpcs, "associations")


def what_is_seen_twice_is_deleted_by_the_second_run():
    with Place(*[eni(f"eni-{i}") for i in range(5)]) as place:
        place.run(WAITS)
        equal(place.summary["waiting"], 5, "waiting")
        equal(place.world.deleted, [], "deleted by the first run")
        place.age()
        place.run(DONE)
        equal(sorted(place.world.deleted), [f"eni-{i}" for i in range(5)], "deleted")
        equal(place.summary["deleted"], 5, "deleted, as it says")
        equal(place.world.count(DESCRIBE), 2 + 5, "each asked for again")
        place.run(DONE)
        equal(json.loads(place.text())["sightings"], [], "sightings")


def what_was_seen_too_short_ago_waits():
    with Place(eni("eni-1")) as place:
        place.run(WAITS)
        place.age(COOL_DOWN - 15)
        place.run(WAITS)
        place.age(COOL_DOWN - 15)
        place.run(DONE)
        equal(place.world.deleted, ["eni-1"], "deleted")


def one_run_can_wait_for_both():
    with Place(eni("eni-1"), eni("eni-2")) as place:
        process = place.start("--wait", "--cool-down", "30")
        wait_for(lambda: os.path.isdir(place.state) and place.state_file(), "the first phase")
        attach(place.world.interfaces["eni-2"])
        place.add(eni("eni-3"))
        begin = time.monotonic()
        place.finish(process, WAITS)
        check(time.monotonic() - begin > 25, "it waited")
        equal(place.world.deleted, ["eni-1"], "deleted")
        equal(list(place.lines_of("waits")), ["eni-3"], "what came meanwhile")


NEVER = {
    "in use": dict(Status="in-use"),
    "being associated": dict(Status="associated"),
    "available, but attached": dict(Attachment={"AttachmentId": "a", "Status": "attached"}),
    "of another cluster": dict(cluster="other"),
    "of a cluster whose name begins alike": dict(cluster="prod-2"),
    "shared with the cluster": dict(tags={"kubernetes.io/cluster/prod": "shared"}),
    "of another owner": dict(tags={"eks:eni:owner": CNI}),
    "of no owner": dict(tags={"eks:eni:owner": None}),
    "without a VLAN": dict(tags={"vpcresources.k8s.aws/vlan-id": None}),
    "with a VLAN that is none": dict(tags={"vpcresources.k8s.aws/vlan-id": "3x"}),
    "with VLAN 0": dict(tags={"vpcresources.k8s.aws/vlan-id": "0"}),
    "with another description": dict(description="aws-k8s-branch-eni-2"),
    "of the CNI": dict(description="aws-K8S-i-0aaa"),
    "without tags": dict(TagSet=[]),
    "managed by AWS": dict(RequesterManaged=True),
}


def what_is_no_leaked_branch_interface_of_the_cluster_stays():
    """Also when EC2 forgets its filters."""
    for lying in (False, True):
        with Place(eni("eni-0")) as place:
            for i, members in enumerate(NEVER.values(), 1):
                place.add(eni(f"eni-{i}", **members))
            if lying:
                place.world.filtered = lambda form, items: items
            place.seen()
            place.run(DONE)
            equal(place.world.deleted, ["eni-0"], f"deleted, lying: {lying}")
            equal(place.world.count(DELETE), 1, f"deletions tried, lying: {lying}")


def the_newer_tag_names_the_cluster_as_well():
    with Place(eni("eni-1", tags={"kubernetes.io/cluster/prod": None,
                                  "cluster.k8s.amazonaws.com/name": "prod"})) as place:
        place.seen().run(DONE)
        equal(place.world.deleted, ["eni-1"], "deleted")


def an_instance_restricts_it():
    other = {"node.k8s.amazonaws.com/instance_id": "i-0bbb"}
    with Place(eni("eni-1"), eni("eni-2", tags=other)) as place:
        place.seen("--instance", "i-0bbb").run(DONE, "--instance", "i-0bbb")
        equal(place.world.deleted, ["eni-2"], "deleted")
        sent = [form for action, form, _ in place.world.asked if action == DESCRIBE][0]
        equal(sent["Filter.3.Name"], "tag:node.k8s.amazonaws.com/instance_id", "filter")


# What happens meanwhile

def what_was_attached_between_the_phases_survives_and_begins_anew():
    with Place(eni("eni-1"), eni("eni-2")) as place:
        place.seen()
        attach(place.world.interfaces["eni-1"])
        place.run(DONE)
        equal(place.world.deleted, ["eni-2"], "deleted")
        detach(place.world.interfaces["eni-1"])
        place.run(WAITS)
        place.age()
        place.run(DONE)
        equal(place.world.deleted, ["eni-2", "eni-1"], "deleted, seen anew")


def change_tag(interface):
    interface["TagSet"][0]["Value"] = "4"


MEANWHILE = {"attached": attach, "changed": change_tag,
             "given another group": lambda i: i.update(Groups=[{"GroupId": "sg-b"}]),
             "associated with a trunk": lambda i: i.update(Status="in-use")}


def between_the_list_and_the_look_again(change):
    def case():
        with Place(eni("eni-1"), eni("eni-2")) as place:
            place.seen()
            place.world.faults[DESCRIBE] = [
                then(lambda: change(place.world.interfaces["eni-1"]))]
            place.run(DONE)
            equal(place.world.deleted, ["eni-2"], "deleted")
            check(place.lines_of("kept")["eni-1"]["why"], place.lines)
            equal(place.world.count(DELETE), 1, "deletions tried")
    return case


def changed_between_the_phases(change):
    def case():
        with Place(eni("eni-1"), eni("eni-2")) as place:
            place.seen()
            change(place.world.interfaces["eni-1"])
            place.run(WAITS)
            equal(place.world.deleted, ["eni-2"], "deleted")
            check("changed" in place.lines_of("waits")["eni-1"]["why"], place.lines)
    return case


def tags_in_another_order_are_the_same():
    with Place(eni("eni-1")) as place:
        place.seen()
        place.world.interfaces["eni-1"]["TagSet"].reverse()
        place.run(DONE)
        equal(place.world.deleted, ["eni-1"], "deleted")


def ec2_has_the_last_word_on_what_is_in_use():
    with Place(eni("eni-1"), eni("eni-2")) as place:
        place.seen()
        place.world.faults[DESCRIBE] = [None, then(lambda: attach(
            place.world.interfaces["eni-1"]))]
        place.run(DONE)
        equal(place.world.deleted, ["eni-2"], "deleted")
        check("currently in use" in place.lines_of("kept")["eni-1"]["why"], place.lines)


def what_is_gone_already_is_success():
    with Place(*[eni(f"eni-{i}") for i in range(3)]) as place:
        place.seen()
        gone = place.world.interfaces.pop
        place.world.faults[DESCRIBE] = [then(lambda: gone("eni-0")), None]
        place.world.faults[DESCRIBE].append(then(lambda: gone("eni-1")))
        place.run(DONE)
        equal(place.world.deleted, ["eni-2"], "deleted")
        equal(sorted(place.lines_of("gone")), ["eni-0", "eni-1"], "gone")


def a_deletion_whose_answer_is_lost_is_no_failure():
    with Place(eni("eni-1")) as place:
        place.seen()
        place.world.faults[DELETE] = [ec2.hangs_up]
        place.run(DONE)
        equal(place.world.deleted, ["eni-1"], "deleted")
        equal(list(place.lines_of("gone")), ["eni-1"], "the second try")


# Lists that are not whole

PARTIAL_LISTS = {
    "a page that fails": [None, *[ec2.fails(500, "InternalError")] * 9],
    "the first page that fails": [ec2.fails(503, "Unavailable")] * 9,
    "a page that is refused": [None, ec2.fails(403, "UnauthorizedOperation")],
    "a token that EC2 does not take": [ec2.edited("page 2", "page 2"),
                                       ec2.fails(400, "InvalidNextToken")],
    "half a page": [None, ec2.half],
    "a page that breaks off": [None, ec2.breaks_off],
    "a page without the list": [None, ec2.without_list],
    "another answer": [None, ec2.says(b"<DescribeRegionsResponse/>")],
    "HTML": [None, ec2.says(b"<html><body>log in</body></html>")],
    "nothing": [None, ec2.says(b"")],
    "a page that names itself": [None, ec2.edited("page 4", "page 2")],
    "an interface without an id": [None, ec2.edited("networkInterfaceId", "name")],
    "an interface without a status": [None, ec2.edited("status", "condition")],
    "a token without an end": [ec2.edited("page 2/=", "x" * 5000)],
}


def nothing_is_done_on(faults):
    def case():
        with Place(*[eni(f"eni-{i}") for i in range(6)]) as place:
            place.seen()
            before, place.world.page = place.text(), 2
            place.world.faults[DESCRIBE] = list(faults)
            place.run(PARTIAL)
            equal((place.world.deleted, place.world.count(DELETE)), ([], 0), "deleted")
            check("nothing was done" in place.errors, place.errors)
            equal(place.text(), before, "sightings")
            # That it was the list, and not something else:
            place.world.faults = {}
            place.run(DONE)
            equal(len(place.world.deleted), 6, "deleted in the end")
    return case


def throttling_is_waited_out():
    with Place(eni("eni-1")) as place:
        throttled = ec2.fails(503, "RequestLimitExceeded")
        place.world.faults[DESCRIBE] = [throttled, throttled, None, None, throttled]
        place.world.faults[DELETE] = [throttled, throttled]
        place.seen().run(DONE)
        equal(place.world.deleted, ["eni-1"], "deleted")
        equal(place.world.count(DELETE), 3, "deletions tried")


def throttling_without_end_ends_the_run():
    with Place(*[eni(f"eni-{i}") for i in range(9)]) as place:
        place.seen()
        place.world.faults[DELETE] = [ec2.fails(503, "RequestLimitExceeded")] * 99
        place.run(FAILED)
        equal((place.summary["failed"], place.summary["left"]), (5, 4), "failed and left")
        equal(place.world.count(DELETE), 20, "deletions tried")
        place.world.faults = {}
        place.run(DONE)
        equal(len(place.world.deleted), 9, "deleted")


def a_failure_does_not_keep_the_others():
    with Place(*[eni(f"eni-{i}") for i in range(3)]) as place:
        place.seen()
        place.world.faults[DELETE] = [None, ec2.fails(400, "OperationNotPermitted")]
        place.run(FAILED)
        equal((place.summary["failed"], place.summary["deleted"]), (1, 2), "counts")


def who_may_not_is_told_what_is_missing():
    with Place(eni("eni-1")) as place:
        place.seen()
        place.world.faults[DELETE] = [ec2.fails(403, "UnauthorizedOperation")]
        place.run(FAILED)
        check("allow ec2:DeleteNetworkInterface to" in place.lines[0]["why"], place.lines)
        place.world.faults[DESCRIBE] = [ec2.fails(403, "UnauthorizedOperation")]
        place.run(PARTIAL)
        check("allow ec2:DescribeNetworkInterfaces to" in place.errors, place.errors)
        place.world.keys.clear()
        place.run(PARTIAL)
        check("the environment" in place.errors, place.errors)


# What is remembered

def a_dry_run_changes_nothing():
    with Place(eni("eni-1"), eni("eni-2", cluster="other")) as place:
        place.run(WAITS, "--dry-run")
        check(not os.path.exists(place.state), "it remembered")
        place.seen()
        before = place.text()
        place.run(DONE, "--dry-run")
        equal(list(place.lines_of("would-delete")), ["eni-1"], "would delete")
        equal((place.world.deleted, place.world.count(DELETE)), ([], 0), "deleted")
        equal(place.text(), before, "sightings")


BROKEN = {
    "empty": lambda text: "",
    "cut short": lambda text: text[:len(text) // 2],
    "garbage": lambda text: "\0\xff" * 50,
    "of another version": lambda text: text.replace('"version":1', '"version":2'),
    "of another cluster": lambda text: text.replace("prod", "test"),
    "with an id that is too long": lambda text: text.replace("eni-1", "eni-" + "1" * 99),
    "with a time before all times": lambda text: text.replace('"time":', '"time":-'),
    "with a fingerprint that is none": lambda text: text.replace('"fingerprint":"',
                                                                 '"fingerprint":"x'),
    "deep": lambda text: "[" * 100000,
    "too large": lambda text: " " * (17 << 20) + text,
}


def sightings_that_are_broken_begin_anew(damage):
    def case():
        with Place(eni("eni-1")) as place:
            place.seen()
            place.write(damage(place.text().replace(": ", ":")))
            place.run(WAITS)
            equal(place.world.deleted, [], "deleted")
            check("beginning anew" in place.errors, place.errors)
            place.age()
            place.run(DONE)
            equal(place.world.deleted, ["eni-1"], "deleted in the end")
    return case


def a_sighting_from_the_future_is_none():
    with Place(eni("eni-1"), eni("eni-2")) as place:
        place.seen()
        state = json.loads(place.text())
        first, second = state["sightings"]
        first["uptime"] += 3600000
        second["boot"], second["time"] = "another-boot", second["time"] + 3600000
        place.write(json.dumps(state))
        place.run(WAITS)
        equal(place.world.deleted, [], "deleted")
        check(all("future" in line["why"] for line in place.lines), place.lines)


def what_cannot_be_remembered_is_not_acted_upon():
    with Place(eni("eni-1")) as place:
        place.seen()
        kept = place.state_file()
        inside = "mount -t tmpfs -o size=8k none $1; cp $2 $1; head -c 9000 /dev/zero >$1/full; " \
                 "shift 2; exec \"$@\""
        argv = ["unshare", "-m", "sh", "-c", inside, "sh", place.state,
                shutil.copy(kept, place.directory), *place.argv()]
        process = subprocess.Popen(argv, env=place.environment, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        place.finish(process, FAILED)
        equal(place.world.count(DELETE), 0, "deletions tried")
        check("No space" in place.errors, place.errors)
        place.state = os.path.join(kept, "below-a-file")
        place.run(FAILED)
        equal(place.world.count(DELETE), 0, "deletions tried")


def a_second_run_at_the_same_time_does_nothing():
    with Place(eni("eni-1")) as place:
        place.seen()
        process = place.start("--wait", "--cool-down", "3600")
        first = place.state_file()
        wait_for(lambda: '"uptime":' in place.text() and place.text() != first, "its list")
        wait_for(lambda: place.world.count(DESCRIBE) >= 2, "it has asked")
        asked = len(place.world.asked)
        place.run(WAITS)
        check("another run" in place.errors, place.errors)
        equal(len(place.world.asked), asked, "questions")
        process.kill()
        process.wait()
        place.age()
        place.run(DONE)


def killed_at_any_time_it_goes_on(rng):
    """Each time a little later; what has been remembered is enough."""
    with Place(*[eni(f"eni-{i:02}") for i in range(30)]) as place:
        for _ in range(3):
            process = place.start("--wait")
            time.sleep(rng.random() * 0.5)
            process.kill()
            process.communicate()
        equal(place.world.deleted, [], "deleted before the second sighting")
        place.seen()
        for round in range(40):
            process = place.start("--rate", "10")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1 + rng.random() * 0.5)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if len(place.world.deleted) == 30:
                break
        note(f"{round + 1} runs")
        place.run(DONE)
        equal(len(place.world.deleted), 30, "deleted")
        equal(len(set(place.world.deleted)), 30, "once each")


class Model:
    """Which interfaces a run deletes: those that were in every complete list for the cool-down and
    looked the same in each. Reckons with a clock of its own."""

    def __init__(self):
        self.first = {}   # id -> (how it looked, when)
        self.later = 0.0  # seconds, by which age() moved everything

    def now(self):
        return time.monotonic() + self.later

    def run(self, interfaces):
        """A complete list. What has to be deleted, and what may be: some are close to it."""
        looks = {name: json.dumps([i["TagSet"], i["Groups"]]) for name, i in interfaces.items()
                 if i["Status"] == "available"}
        ages = {}
        for name, look in looks.items():
            before, when = self.first.get(name, (None, 0))
            ages[name] = self.now() - when if before == look else None
            if ages[name] is None or ages[name] > 48 * 3600:
                ages[name], when = 0, self.now()
            self.first[name] = (look, when)
        self.first = {name: self.first[name] for name in looks}
        return ({name for name, age in ages.items() if age > COOL_DOWN + 8},
                {name for name, age in ages.items() if age > COOL_DOWN - 8})


def change_something(rng, interfaces, step):
    name = rng.choice(sorted(interfaces)) if interfaces else None
    what = rng.choice(["add", "add", "use", "release", "tag", "group", "remove", "nothing"])
    if what == "add":
        interfaces[f"eni-{step:03}"] = eni(f"eni-{step:03}")
    elif name and what == "use":
        interfaces[name]["Status"] = "in-use"
    elif name and what == "release":
        interfaces[name]["Status"] = "available"
    elif name and what == "tag":
        interfaces[name]["TagSet"][1]["Value"] = f"eni-{step}"
    elif name and what == "group":
        interfaces[name]["Groups"] = [{"GroupId": f"sg-{step}"}]
    elif name and what == "remove":
        del interfaces[name]


def whatever_happens_it_deletes_what_the_model_says(rng):
    model, deleted = Model(), 0
    with Place(*[eni(f"eni-a{i}") for i in range(5)]) as place:
        place.world.page = 3
        for step in range(60):
            for _ in range(rng.randrange(4)):
                change_something(rng, place.world.interfaces, step)
            seconds = rng.choice([0, 0, 30, 100, 50 * 3600 if rng.random() < 0.3 else 100])
            if seconds and place.state_file():
                place.age(seconds)
                model.later += seconds
            place.world.deleted, before = [], dict(place.world.interfaces)
            if rng.random() < 0.2:
                place.world.faults[DESCRIBE] = [rng.choice([
                    ec2.half, ec2.fails(403, "UnauthorizedOperation"), ec2.without_list])]
                place.run(PARTIAL)
                equal(place.world.deleted, [], f"deleted on a partial list in step {step}")
                continue
            must, may = model.run(before)
            if must == may:
                place.run(WAITS if model.first.keys() - may else DONE)
            else:
                place.start().communicate()
            done = set(place.world.deleted)
            check(must <= done <= may, f"step {step}: {done}, must {must}, may {may}")
            deleted += len(done)
    check(deleted > 0, "nothing was ever deleted")
    note(f"{deleted} deleted in 60 steps")


def five_thousand():
    with Place(*[eni(f"eni-{i:04}") for i in range(5000)]) as place:
        place.add(*[attached(eni(f"eni-u{i:03}")) for i in range(500)])
        begin = time.monotonic()
        place.run(WAITS)
        note(f"listed in {time.monotonic() - begin:.1f} s, {os.path.getsize(place.state_file())} "
             "bytes of sightings")
        equal(place.summary["waiting"], 5000, "waiting")
        equal(place.world.count(DESCRIBE), 5, "pages")
        place.age()
        begin = time.monotonic()
        place.run(DONE)
        note(f"deleted in {time.monotonic() - begin:.1f} s")
        equal(len(place.world.deleted), 5000, "deleted")
        equal(len(place.world.interfaces), 500, "those in use")


# A deleted cluster

def leftovers():
    owned = {"kubernetes.io/cluster/prod": "owned"}
    place = Place(eni("eni-1"), trunk("eni-2"), of_the_cni("eni-3"), of_the_cni("eni-4", None),
                  eni("eni-5", "somebody's own"), eni("eni-6", cluster="other"),
                  eni("eni-7", "aws-k8s-trunk-eni", tags={"eks:eni:owner": None}),
                  eni("eni-8", tags={"kubernetes.io/cluster/prod": "shared"}))
    for interface in place.world.interfaces.values():
        interface["Groups"] = []
    place.world.groups = {
        "sg-a": group("sg-a", tags=owned), "sg-b": group("sg-b", tags=owned),
        "sg-c": group("sg-c", [permission("tcp", (443, 443), "sg-b")]),
        "sg-d": group("sg-d", tags={"kubernetes.io/cluster/prod": "shared"})}
    place.world.instances["i-0aaa"] = instance("i-0aaa", "terminated")
    return place


def what_a_deleted_cluster_leaves_goes_in_two_phases():
    with leftovers() as place:
        words = ("--deleted-cluster", "prod")
        place.seen(*words)
        equal(place.world.deleted, [], "deleted by the first run")
        place.run(DONE, *words)
        equal(sorted(place.world.deleted), ["eni-1", "eni-2", "eni-3", "eni-4"], "deleted")
        equal(sorted(place.lines_of("kept")), ["eni-5", "eni-7", "eni-8"], "kept")
        equal(sorted(place.lines_of("found")), ["sg-a", "sg-b", "sg-d"], "groups, only listed")


def its_groups_go_where_it_is_asked_for():
    with leftovers() as place:
        words = ("--deleted-cluster", "prod", "--delete-groups")
        place.seen(*words).run(DONE, *words)
        check("sg-a" in place.world.deleted, place.world.deleted)
        equal(sorted(place.world.groups), ["sg-b", "sg-c", "sg-d"], "groups that are left")
        advice = place.lines_of("kept")["sg-b"]["do"]
        equal(advice, "podsg-eni-gc enis --blocking sg-b", "advice")
        equal(place.world.deleted.index("sg-a"), 4, "interfaces first")


SIGNS_OF_LIFE = {
    "an instance": lambda w: w.instances.update({"i-0bbb": instance("i-0bbb", "running")}),
    "a stopped instance": lambda w: w.instances.update({"i-0bbb": instance("i-0bbb", "stopped")}),
    "a branch interface": lambda w: attach(w.interfaces["eni-1"]),
    "an interface of the CNI": lambda w: attach(w.interfaces["eni-3"]),
    "its control plane": lambda w: w.interfaces.update({"eni-cp": eni(
        "eni-cp", "Amazon EKS prod", TagSet=[], Status="in-use", RequesterManaged=True)}),
}


def a_cluster_that_lives_is_left_alone(sign):
    def case():
        with leftovers() as place:
            words = ("--deleted-cluster", "prod")
            place.seen(*words)
            before = copy.deepcopy((place.world.interfaces, place.world.instances))
            sign(place.world)
            place.run(LIVES, *words)
            equal((place.world.deleted, place.world.count(DELETE)), ([], 0), "deleted")
            equal(place.summary["lives"], 1, "signs of life")
            # It seemed dead once: that counts no more.
            place.world.interfaces, place.world.instances = before
            place.run(WAITS, *words)
            equal(place.world.deleted, [], "deleted")
    return case


def whether_a_cluster_lives_has_to_be_known():
    with leftovers() as place:
        words = ("--deleted-cluster", "prod")
        place.seen(*words)
        for action in ("DescribeInstances", "DescribeSecurityGroups"):
            place.world.faults[action] = [ec2.fails(403, "UnauthorizedOperation")]
            place.run(PARTIAL, *words)
            check(f"allow ec2:{action} to" in place.errors, place.errors)
        equal(place.world.count(DELETE), 0, "deletions tried")


# What blocks a group

def blocked():
    place = Place(
        eni("eni-1"), attached(eni("eni-2")), attached(trunk("eni-3")),
        attached(of_the_cni("eni-4")), of_the_cni("eni-5"),
        attached(eni("eni-6", "Primary network interface", TagSet=[]), "i-0ccc", 0),
        eni("eni-7", "ELB app/web/123", TagSet=[], Status="in-use", RequesterManaged=True,
            RequesterId="amazon-elb"),
        eni("eni-8", "VPC Endpoint Interface vpce-1", TagSet=[], Status="in-use",
            InterfaceType="vpc_endpoint", RequesterManaged=True),
        eni("eni-9", "Amazon EKS test", TagSet=[], Status="in-use", RequesterManaged=True),
        eni("eni-a", "by hand", TagSet=[]),
        eni("eni-b", "new thing", TagSet=[], Status="in-use", RequesterManaged=True,
            RequesterId="amazon-new"),
        eni("eni-c", Groups=[{"GroupId": "sg-b"}]))
    place.world.groups = {
        "sg-a": group("sg-a", [permission("tcp", (80, 80), "sg-a")]),
        "sg-b": group("sg-b", [permission("tcp", (443, 443), "sg-a", "sg-c"),
                               permission("tcp", (1, 5), "sg-c")],
                      [permission("-1", None, "sg-a")]),
        "sg-c": group("sg-c", [], [permission("icmp", (8, -1), "sg-a"),
                                   permission("udp", (53, 54), "sg-a")]),
        "sg-d": group("sg-d", [permission("tcp", (80, 80), "sg-b")]),
        "sg-e": dict(group("sg-e", [permission("tcp", (80, 80), "sg-a")]), VpcId="vpc-9")}
    place.world.group_vpcs = [{"GroupId": "sg-a", "VpcId": "vpc-2", "State": "associated"},
                              {"GroupId": "sg-b", "VpcId": "vpc-3", "State": "associated"}]
    return place


ADVICE = {
    "eni-1": "podsg-eni-gc enis --cluster prod", "eni-2": "SecurityGroupPolicy",
    "eni-3": "replace the node", "eni-4": "replace the node",
    "eni-5": "podsg-eni-gc enis --deleted-cluster prod", "eni-6": "terminate the instance",
    "eni-7": "load balancer", "eni-8": "VPC endpoint", "eni-9": "control plane",
    "eni-a": "delete-network-interface --network-interface-id eni-a", "eni-b": "amazon-new",
}


def everything_that_blocks_a_group_is_named():
    with blocked() as place:
        place.world.page = 3
        place.run(FAILED, "--blocking", "sg-a")
        interfaces = {line["interface"]: line for line in place.lines if "interface" in line}
        equal(sorted(interfaces), sorted(ADVICE), "interfaces")
        for name, words in ADVICE.items():
            check(words in interfaces[name]["do"], f"{name}: {interfaces[name]}")
        equal((interfaces["eni-6"]["instance"], interfaces["eni-6"]["status"],
               interfaces["eni-7"]["requester"], interfaces["eni-7"]["description"]),
              ("i-0ccc", "in-use", "amazon-elb", "ELB app/web/123"), "what is said")
        rules = sorted((line["group"], line["rule"]) for line in place.lines if "rule" in line
                       and line["action"] == "blocks")
        equal(rules, [("sg-b", "egress every protocol to sg-a"),
                      ("sg-b", "ingress tcp/443 from sg-a"), ("sg-c", "egress icmp/8/-1 to sg-a"),
                      ("sg-c", "egress udp/53-54 to sg-a")], "rules")
        equal(list(place.lines_of("found")), ["sg-e"], "rules of a peered VPC, which block nothing")
        equal([line["vpc"] for line in place.lines if "vpc" in line], ["vpc-2"], "VPCs")
        equal(place.summary["blocking"], len(ADVICE) + 5, "counted")


def the_advice_about_rules_is_right():
    """The AWS CLI follows it, and then EC2 deletes the group."""
    with blocked() as place:
        place.world.interfaces.clear()
        place.run(FAILED, "--blocking", "sg-a")
        for line in place.lines_by("blocks"):
            words = shlex.split(line["do"])
            equal(words[:2], ["aws", "ec2"], "advice")
            place.aws(*words[2:])
        place.run(DONE, "--blocking", "sg-a")
        equal(len(place.lines), 1, "the peered VPC's rule")
        place.aws("delete-security-group", "--group-id", "sg-a")
        check("sg-a" not in place.world.groups, "the group is there")
        equal(len(place.world.groups["sg-b"]["IpPermissions"][0]["UserIdGroupPairs"]), 1,
              "the other group's permission")


def the_advice_names_commands_that_there_are():
    names = ("RDSNetworkInterface", "EFS mount target for fs-1", "ElastiCache web",
             "AWS Lambda VPC ENI-f")
    with blocked() as place:
        place.add(*[eni(f"eni-s{i}", name, TagSet=[], Status="in-use", RequesterManaged=True)
                    for i, name in enumerate(names)])
        place.run(FAILED, "--blocking", "sg-a")
        commands = {match for line in place.lines
                    for match in re.findall(r"aws ([a-z0-9]+ [a-z0-9-]+)", line["do"])}
        check(len(commands) >= 10, commands)
        for command in commands:
            done = subprocess.run(["aws", *command.split(), "--generate-cli-skeleton"],
                                  env=place.environment, capture_output=True, text=True)
            check(done.returncode == 0, f"aws {command}: {done.stderr}")


def half_of_what_blocks_is_shown_and_said_to_be_half():
    with blocked() as place:
        place.world.faults["DescribeSecurityGroupVpcAssociations"] = [
            ec2.fails(403, "UnauthorizedOperation")]
        place.run(PARTIAL, "--blocking", "sg-a")
        equal(place.summary["blocking"], len(ADVICE) + 4, "counted")
        check("allow ec2:DescribeSecurityGroupVpcAssociations" in place.errors, place.errors)
        place.run(FAILED, "--blocking", "sg-0")
        check("'sg-0' does not exist" in place.errors, place.errors)
        place.world.faults["DescribeSecurityGroupVpcAssociations"] = [
            ec2.fails(400, "InvalidAction")]
        place.run(FAILED, "--blocking", "sg-a")
        place.world.groups["sg-f"] = group("sg-f", title="default")
        place.run(FAILED, "--blocking", "sg-f")
        check("default group" in place.lines[0]["why"], place.lines)


# The command

BAD_COMMANDS = [
    [], ["--cluster"], ["--cluster", ""], ["--cluster", "a*"], ["--cluster", "x" * 101],
    ["--cluster", "a", "--deleted-cluster", "a"], ["--blocking", "eni-1"], ["--blocking", "sg-*"],
    ["--cluster", "a", "--cool-down", "29"], ["--cluster", "a", "--cool-down", "60s"],
    ["--cluster", "a", "--rate", "0"], ["--cluster", "a", "--instance", "all"],
    ["--deleted-cluster", "a", "--instance", "i-1"], ["--cluster", "a", "--delete-groups"],
    ["--cluster", "a", "--dry-run", "--wait"], ["--cluster", "a", "--state", ""], ["--cluster", "a", "-o", "yaml"],
    ["--cluster", "a", "more"], ["--cluster", "a", "--no-such-option"],
    ["--cluster", "a", "--config", "/dev/null/none"],
    ["--cluster", "a", "--region", "not a region"],
]


def bad_command_lines_are_refused():
    for words in BAD_COMMANDS:
        done = subprocess.run([PROGRAM, "enis", *words], capture_output=True, text=True)
        equal((done.returncode, done.stdout), (USAGE, ""), f"{words}: {done.stderr}")
        check("podsg-eni-gc: " in done.stderr, f"{words}: {done.stderr}")
    for words in ([], ["no-such-command"], ["--version", "host"]):
        equal(subprocess.run([PROGRAM, *words], capture_output=True).returncode, USAGE, words)
    for words in (["--help"], ["enis", "--help"], ["enis", "--cluster", "a", "--help"]):
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True)
        equal((done.returncode, done.stderr), (DONE, ""), words)
        check(done.stdout.startswith("Usage: "), done.stdout)


def the_configuration_says_where_ec2_is():
    with Place(eni("eni-1")) as place:
        path = os.path.join(place.directory, "podsg.yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"version": 1, "sources": {"ec2": {"region": ec2.REGION,
                                                         "endpoint": place.world.url}}}, file)
        place.argv = lambda *words: [PROGRAM, "enis", "--config", path, "--state", place.state,
                                     "--cluster", "prod", *words]
        place.run(WAITS)
        equal(place.summary["region"], ec2.REGION, "region")


def the_instance_says_region_and_keys():
    with Place(eni("eni-1")) as place:
        metadata = place.world.metadata
        place.world.keys = {"ASIAROLE": ("secret", "token", False)}
        metadata.give_role("node", "ASIAROLE", "secret", "token", 3600)
        metadata.values["meta-data/placement/region"] = ec2.REGION
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
            del place.environment[name]
        place.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = place.world.url + "/"
        argv = place.argv
        place.argv = lambda *words: [word for word in argv(*words)
                                     if word not in ("--region", ec2.REGION)]
        place.seen().run(DONE)
        equal(place.world.deleted, ["eni-1"], "deleted")


def on_a_terminal(place, *words):
    """What a person sees, and the status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(PROGRAM, place.argv(*words), place.environment)
    seen = b""
    with contextlib.suppress(OSError):
        while data := os.read(terminal, 65536):
            seen += data
    os.close(terminal)
    return seen.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def people_see_progress_and_colours_and_nothing_hostile():
    hostile = eni("eni-2", "?", TagSet=[], Status="in-use", RequesterManaged=True)
    with Place(eni("eni-1"), hostile) as place:
        place.world.groups["sg-a"] = group("sg-a")
        place.seen()
        seen, status = on_a_terminal(place)
        equal(status, DONE, "status")
        check("\x1b[32mdeleted" in seen and "\r\x1b[Kdeleting [" in seen, repr(seen))
        check("prod: 1 deleted" in seen, repr(seen))
        hostile.update(Description="by hand \u009b31m", RequesterId="amazon\u009b31m")
        seen, status = on_a_terminal(place, "--blocking", "sg-a")
        check("by hand ??31m" in seen and "managed by amazon??31m" in seen, repr(seen))
        check("\u009b" not in seen, repr(seen))
        place.environment["NO_COLOR"] = "1"
        place.add(eni("eni-3"))
        seen, _ = on_a_terminal(place)
        check("\x1b[3" not in seen and "waits" in seen, repr(seen))
        done = subprocess.run(place.argv("-o", "text"), env=place.environment, text=True,
                              capture_output=True)
        check("\x1b" not in done.stdout + done.stderr and "waits" in done.stdout, done)


def main():
    program = Selection(4)
    rng = random.Random(seed())
    # The long ones first, so that the others run beside them.
    for case in (five_thousand,
                 one_run_can_wait_for_both,
                 throttling_without_end_ends_the_run,
                 the_aws_cli_says_that_the_endpoint_is_right,
                 what_is_seen_twice_is_deleted_by_the_second_run,
                 what_was_seen_too_short_ago_waits,
                 what_is_no_leaked_branch_interface_of_the_cluster_stays,
                 the_newer_tag_names_the_cluster_as_well,
                 an_instance_restricts_it,
                 what_was_attached_between_the_phases_survives_and_begins_anew,
                 tags_in_another_order_are_the_same,
                 ec2_has_the_last_word_on_what_is_in_use,
                 what_is_gone_already_is_success,
                 a_deletion_whose_answer_is_lost_is_no_failure,
                 throttling_is_waited_out,
                 a_failure_does_not_keep_the_others,
                 who_may_not_is_told_what_is_missing,
                 a_dry_run_changes_nothing,
                 a_sighting_from_the_future_is_none,
                 what_cannot_be_remembered_is_not_acted_upon,
                 a_second_run_at_the_same_time_does_nothing,
                 what_a_deleted_cluster_leaves_goes_in_two_phases,
                 its_groups_go_where_it_is_asked_for,
                 whether_a_cluster_lives_has_to_be_known,
                 everything_that_blocks_a_group_is_named,
                 the_advice_about_rules_is_right,
                 the_advice_names_commands_that_there_are,
                 half_of_what_blocks_is_shown_and_said_to_be_half,
                 bad_command_lines_are_refused,
                 the_configuration_says_where_ec2_is,
                 the_instance_says_region_and_keys,
                 people_see_progress_and_colours_and_nothing_hostile):
        program.case(case.__name__.replace("_", " "), case)
    program.case("killed at any time it goes on", killed_at_any_time_it_goes_on,
                 random.Random(rng.random()))
    for i in range(2):
        program.case(f"whatever happens it deletes what the model says, history {i}",
                     whatever_happens_it_deletes_what_the_model_says, random.Random(rng.random()))
    for name, change in MEANWHILE.items():
        program.case(f"{name} between the list and the look again it stays",
                     between_the_list_and_the_look_again(change))
        if not name.startswith(("attached", "associated")):
            program.case(f"{name} between the phases it begins anew",
                         changed_between_the_phases(change))
    for name, faults in PARTIAL_LISTS.items():
        program.case(f"nothing is done on {name}", nothing_is_done_on(faults))
    for name, damage in BROKEN.items():
        program.case(f"sightings that are {name} begin anew",
                     sightings_that_are_broken_begin_anew(damage))
    for name, sign in SIGNS_OF_LIFE.items():
        program.case(f"a cluster is left alone that shows {name}",
                     a_cluster_that_lives_is_left_alone(sign))
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
