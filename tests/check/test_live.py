#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
podsgctl check without documents: what live sources hold is judged as the same documents would be,
and what a source refuses, does not know, or breaks off is said, never taken for "none".
"""

import contextlib
import copy
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), name) for name in ("netns", "live")]

import fake_apiserver as fake  # noqa: E402
from lab import documents, tap  # noqa: E402
from lab.tap import check, equal  # noqa: E402

try:
    import ec2_endpoint as ec2
except ImportError as error:
    tap.skip(f"{error}: python3-botocore is needed")

BUILD = os.environ.get("B", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"))
PODSGCTL = os.path.join(BUILD, "asan", "podsgctl")
CHECK = "grace-period-zero"
FOUND = os.path.join(HERE, "cases", CHECK, "found")
GROUP = "sg-0a1b2c3d4e5f60718"
LIST = "pl-0a1b2c3d4e5f60718"
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
CLEAN_EXIT, WARNINGS, ERRORS, NOT_JUDGED = range(4)
TAGS = [{"Key": "Name", "Value": "shop"}]
# As the AWS CLI writes them: what EC2's answer in XML has to become again.
SUBNET = {"SubnetId": "subnet-0a1b2c3d4e5f60718", "VpcId": "vpc-0a1b2c3d4e5f60718",
          "OwnerId": "111122223333", "State": "available", "AvailabilityZone": "us-west-2a",
          "CidrBlock": "10.0.0.0/24", "AvailableIpAddressCount": 11, "MapPublicIpOnLaunch": True,
          "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": "2001:db8:0:1::/64",
                                           "Ipv6CidrBlockState": {"State": "associated"}}],
          "Tags": TAGS}


def pods(count, grace=30):
    for number in range(count):
        yield {"metadata": documents.metadata("Pod", f"web-{number}", "shop", {"app": "web"}),
               "spec": {"nodeName": "node-1", "terminationGracePeriodSeconds": grace,
                        "containers": [{"name": "web"}]}, "status": {"phase": "Running"}}


class Place:
    """An API server with pods that a policy gives groups, and a configuration that names it."""

    def __init__(self, directory):
        self.directory = directory
        self.api = fake.FakeApi()
        self.sources = {"files": {"directory": os.path.join(directory, "documents")},
                        "kubernetes": {"kubeconfig": os.path.join(directory, "kubeconfig")}}
        self.api.absent |= TEMPLATE_PATHS
        self.write("kubeconfig", documents.kubeconfig(self.api.url))
        self.api.put(fake.POLICIES, documents.policy("shop", "web", [GROUP],
                                                     {"matchLabels": {"app": "web"}}))

    def write(self, name, content):
        with open(os.path.join(self.directory, name), "w", encoding="utf-8") as file:
            json.dump(content, file)

    def add(self, *items):
        for item in items:
            self.api.put(fake.PODS, item)

    def run(self, *options, **environment):
        self.write("podsg.yaml", {"version": 1, "sources": self.sources})
        command = [PODSGCTL, "check", "--config", os.path.join(self.directory, "podsg.yaml"),
                   "--all-nodes", *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                              env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true",
                                   "no_proxy": "*", **environment})

    def junit(self, *options):
        result = self.run("-o", "junit", "--only", CHECK, *options)
        suites = xml.etree.ElementTree.fromstring(result.stdout)
        return suites.get("failures"), sum(int(suite.get("skipped")) for suite in suites)

    def judge(self, *options, only=CHECK, **environment):
        result = self.run("-o", "json", "--only", only, *options, **environment)
        check(result.stdout, f"no answer, exit {result.returncode}: {result.stderr}")
        answer = json.loads(result.stdout)
        answer["exit"] = result.returncode
        answer["refused"] = {one["document"]: one["error"] for one in answer["notRead"]}
        return answer

    def ec2_world(self):
        world = ec2.World()
        world.keys[ACCESS] = (SECRET, "", False)
        world.groups[GROUP] = documents.security_group(
            GROUP, [documents.permission("tcp", 443, 443, [LIST])])
        world.prefix_lists[LIST] = [f"10.{number}.0.0/16" for number in range(230)]
        world.subnets.append(copy.deepcopy(SUBNET))
        world.vpcs.append({"VpcId": SUBNET["VpcId"], "CidrBlock": "10.0.0.0/16"})
        self.sources["ec2"] = {"region": ec2.REGION, "endpoint": world.url}
        return contextlib.closing(world)


def with_place(case):
    def run():
        with tempfile.TemporaryDirectory() as directory:
            place = Place(directory)
            try:
                case(place)
            finally:
                place.api.stop()
    run.__name__ = case.__name__
    return run


KEYS = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET}
# The templates, of which this server knows nothing.
NEEDS = ["kubectl get deployments,statefulsets,daemonsets,jobs,cronjobs -A -o json"]
TEMPLATES = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1",
             "Job": "batch/v1", "CronJob": "batch/v1"}
fake.KINDS.update({f"/apis/{version}/{kind.lower()}s": (version, kind)
                   for kind, version in TEMPLATES.items()})
TEMPLATE_PATHS = {f"/apis/{version}/{kind.lower()}s" for kind, version in TEMPLATES.items()}


def found(answer):
    return sorted(finding["object"]["name"] for finding in answer["findings"])


def outcome(answer):
    return answer["checks"][0]


@with_place
def what_the_server_holds_is_judged(place):
    place.add(*pods(3, 0), {**next(pods(1)), "metadata": {"name": "good", "namespace": "shop"}})
    answer = place.judge()
    equal(found(answer), ["web-0", "web-1", "web-2"], "findings")
    equal({(one["file"], one.get("line")) for one in answer["findings"]},
          {("kubernetes/pods", None)}, "where they are")
    text = place.run("--only", CHECK).stdout
    check("Pod shop/web-0\n" in text, f"a place where there is none: {text}")
    equal(answer["exit"], WARNINGS, "exit status")
    equal(answer["notRead"], [], "what was not read")


@with_place
def a_kind_the_server_does_not_know_is_needed(place):
    place.add(*pods(1))
    answer = place.judge()
    equal((outcome(answer)["needs"], answer["exit"]), (NEEDS, NOT_JUDGED), "needs, exit status")
    equal(place.judge("--partial")["exit"], CLEAN_EXIT, "exit status with --partial")
    place.api.absent.add(fake.POLICIES)
    equal(outcome(place.judge())["needs"][0], "kubectl get securitygrouppolicies -A -o json",
          "needs without the CRD")


@with_place
def an_add_on_that_is_not_installed_has_no_objects(place):
    """Nobody can give documents of a kind that their cluster does not know."""
    place.api.put(fake.POLICIES, documents.policy("shop", "web", [GROUP, "sg-0b2c3d4e5f6071829"],
                                                  {"matchLabels": {"app": "web"}}))
    place.add(*pods(1))
    needs = outcome(place.judge(only="load-balancer-tag"))["needs"]
    equal([what for what in needs if "targetgroupbindings" in what], [], "needs")
    check("kubectl get services -A -o json" in needs, f"{needs}")


@with_place
def a_kind_that_may_not_be_listed_is_named_and_needed(place):
    place.add(*pods(1, 0))
    place.api.forbidden.add(fake.PODS)
    answer = place.judge()
    check("pods is forbidden" in answer["refused"]["kubernetes/pods"], f"{answer['notRead']}")
    check("permission to list pods (RBAC)" in outcome(answer)["needs"], f"{outcome(answer)}")
    equal((answer["findings"], answer["exit"]), ([], NOT_JUDGED), "findings, exit status")
    equal(place.judge("--partial")["exit"], CLEAN_EXIT, "exit status with --partial")
    check(answer["notRead"][0]["lacking"], "it is lacking, not broken")
    equal(place.junit("--partial"), ("0", 2), "failures and skipped tests in JUnit's form")


@with_place
def one_kind_of_many_that_may_not_be_listed_is_needed(place):
    """Whether CronJobs say the same as Deployments, which could be read, nobody knows."""
    place.api.absent -= TEMPLATE_PATHS
    place.add(*pods(1))
    equal(outcome(place.judge())["needs"], [], "needs")
    place.api.forbidden |= {"/apis/batch/v1/cronjobs", "/apis/apps/v1/daemonsets"}
    answer = place.judge()
    equal((outcome(answer)["needs"], outcome(answer)["judged"], answer["exit"]),
          (["permission to list daemonsets (RBAC)", "permission to list cronjobs (RBAC)"], 1,
           NOT_JUDGED), "needs, judged, exit status")


@with_place
def what_a_file_has_may_be_forbidden(place):
    os.mkdir(place.sources["files"]["directory"])
    place.write("documents/pods.json", documents.listed(
        {"apiVersion": "v1", "kind": "Pod", **one} for one in pods(2, 0)))
    place.api.forbidden.add(fake.PODS)
    answer = place.judge()
    equal((found(answer), outcome(answer)["needs"]), (["web-0", "web-1"], NEEDS),
          "findings, needs")


def broken(name):
    """Of which the model can make nothing."""
    return {**next(pods(1)), "metadata": {**documents.metadata("Pod", name, "shop"),
                                          "labels": {"app": 7}}}


@with_place
def an_object_that_is_broken_is_named_and_the_others_are_judged(place):
    place.add(*pods(40, 0), broken("torn"), broken("bad"))
    answer = place.judge()
    equal(len(found(answer)), 40, "pods")
    equal(sorted(answer["refused"]), ["kubernetes/pods/shop/bad", "kubernetes/pods/shop/torn"],
          "what was refused")
    for error in answer["refused"].values():
        check("metadata.labels.app: \"7\"" in error, error)
    equal(answer["exit"], NOT_JUDGED, "exit status")
    equal(place.judge("--partial")["exit"], NOT_JUDGED, "exit status with --partial")
    equal({one["file"] for one in answer["findings"]}, {"kubernetes/pods"}, "where they are")


@with_place
def a_page_of_broken_objects_does_not_drown_the_others(place):
    place.add(*pods(10, 0), *(broken(f"broken-{number}") for number in range(300)))
    answer = place.judge()
    check(20 <= len(answer["notRead"]) <= 40, f"{len(answer['notRead'])} are named")
    equal(answer["exit"], NOT_JUDGED, "exit status")
    rest = [one for one in answer["refused"] if " objects from " in one]
    check(rest, f"that there are more is not said: {list(answer['refused'])}")


@with_place
def all_pages_of_a_list_are_judged(place):
    place.api.largest_page = 7
    place.add(*pods(40, 0))
    equal(len(found(place.judge())), 40, "pods of six pages")


@with_place
def a_list_that_expires_between_pages_is_begun_anew(place):
    place.api.largest_page = 7
    place.add(*pods(20, 0))
    asked = []

    def expire(request):
        asked.append(request.query)
        if "continue" in request.query and len(asked) < 5:
            request.answer(410, fake.GONE)
            return True
        return False
    place.api.lie(fake.PODS, expire)
    equal(len(found(place.judge())), 20, "pods, each once")
    equal(sum("continue" not in query for query in asked), 3, "first pages that were asked for")


@with_place
def a_page_that_breaks_off_is_asked_for_again(place):
    place.add(*pods(20, 0))
    broken = []

    def break_off(request):
        if broken:
            return False
        broken.append(request)
        text = place.api.list_text(request)
        request.begin_stream()
        request.chunk(text[:len(text) // 2])
        request.cut()
        return True
    place.api.lie(fake.PODS, break_off)
    equal(len(found(place.judge())), 20, "pods")


@with_place
def half_a_list_is_none(place):
    """Its first pages came, the last one never does."""
    place.api.largest_page = 7
    place.add(*pods(20, 0))

    def fail(request):
        if "continue" in request.query:
            request.answer(400, fake.status(400, "BadRequest", "\033[31mthe token is no good"))
            return True
        return False
    place.api.lie(fake.PODS, fail)
    answer = place.judge()
    equal((answer["findings"], answer["exit"]), ([], NOT_JUDGED), "findings, exit status")
    check("?[31mthe token is no good" in answer["refused"]["kubernetes/pods"],
          f"{answer['notRead']}")
    equal(place.judge("--partial")["exit"], NOT_JUDGED, "exit status with --partial")


@with_place
def an_answer_that_is_no_list_is_refused(place):
    place.add(*pods(1, 0))
    for body in (b"", b"<html>", b'{"kind":"Status","apiVersion":"v1"}',
                 b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":7}',
                 b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":7}}]}',
                 *(b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[%b]}' % item
                   for item in (b"7", b"{}", b'{"metadata":{}}', b'{"metadata":{"name":""}}',
                                b'{"metadata":{"name":"\u0007"}}'))):
        def lie(request, body=body):
            request.answer(200, body)
            return True
        place.api.lie(fake.PODS, lie)
        answer = place.judge()
        equal((answer["findings"], answer["exit"]), ([], NOT_JUDGED), f"findings of {body}")
        check(answer["refused"].get("kubernetes/pods"), f"{body}: {answer['notRead']}")


@with_place
def a_server_that_is_away_is_said_once(place):
    place.api.stop()
    answer = place.judge()
    equal((len(answer["notRead"]), answer["exit"]), (1, NOT_JUDGED), f"{answer['notRead']}")
    check("refused" in answer["notRead"][0]["error"], f"{answer['notRead']}")


@with_place
def a_kubeconfig_that_is_broken_is_said(place):
    place.write("kubeconfig", {"current-context": "nowhere"})
    answer = place.judge()
    check("nowhere" in answer["refused"]["kubernetes"], f"{answer['notRead']}")


@with_place
def files_are_read_beside_the_server(place):
    place.sources["files"]["directory"] = FOUND
    place.add(*pods(1, 0))
    names = found(place.judge())
    check("web-0" in names and len(names) > 1, f"findings: {names}")


@with_place
def ec2_is_asked_for_all_that_checks_need(place):
    with place.ec2_world() as world:
        answer = place.judge(**KEYS)
        equal(list(answer["refused"]), ["eks/cluster"], "what was not read: nobody names a cluster")
        for action in ("DescribeSecurityGroups", "DescribeNetworkInterfaces", "DescribeSubnets",
                       "DescribeVpcs", "DescribeRouteTables", "DescribeManagedPrefixLists",
                       "DescribeSecurityGroupVpcAssociations"):
            equal(world.count(action), 1, f"questions: {action}")
        equal(world.count("GetManagedPrefixListEntries"), 3, "pages of a list of 230 entries")
        for identity in ("network-size", "rule-prefix-list-gone", "prefix-list-oversized"):
            entry = outcome(place.judge(only=identity, **KEYS))
            check(entry["judged"] > 0, f"EC2's answers do not reach {identity}: {entry}")


@with_place
def what_iam_does_not_allow_is_named_and_the_rest_is_read(place):
    with place.ec2_world() as world:
        world.faults["DescribeSubnets"] = [ec2.fails(403, "UnauthorizedOperation")]
        answer = place.judge("--partial", **KEYS)
        check("UnauthorizedOperation" in answer["refused"]["ec2/subnets"], f"{answer['notRead']}")
        equal((sorted(answer["refused"]), answer["exit"]),
              (["ec2/subnets", "eks/cluster"], CLEAN_EXIT), "what was not read, exit status")
        equal(world.count("DescribeRouteTables"), 1, "what is asked behind it")


@with_place
def ec2_that_is_away_is_said_once(place):
    with place.ec2_world() as world:
        world.close()
        answer = place.judge("--partial", **KEYS)
    equal((list(answer["refused"]), answer["exit"]), (["ec2/security-groups"], NOT_JUDGED),
          "what was not read, exit status")


CASES = (
    what_the_server_holds_is_judged,
    a_kind_the_server_does_not_know_is_needed,
    an_add_on_that_is_not_installed_has_no_objects,
    a_kind_that_may_not_be_listed_is_named_and_needed,
    one_kind_of_many_that_may_not_be_listed_is_needed,
    what_a_file_has_may_be_forbidden,
    an_object_that_is_broken_is_named_and_the_others_are_judged,
    a_page_of_broken_objects_does_not_drown_the_others,
    all_pages_of_a_list_are_judged,
    a_list_that_expires_between_pages_is_begun_anew,
    a_page_that_breaks_off_is_asked_for_again,
    half_a_list_is_none,
    an_answer_that_is_no_list_is_refused,
    a_server_that_is_away_is_said_once,
    a_kubeconfig_that_is_broken_is_said,
    files_are_read_beside_the_server,
    ec2_is_asked_for_all_that_checks_need,
    what_iam_does_not_allow_is_named_and_the_rest_is_read,
    ec2_that_is_away_is_said_once,
)


def main():
    program = tap.Selection(2)
    for case in CASES:
        program.case(case.__name__.replace("_", " "), case)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
