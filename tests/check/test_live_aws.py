#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
podsgctl check on a live EKS cluster: with all permissions everything is judged; without one of them
exactly the checks that need it are not.
"""

import contextlib
import copy
import json
import os
import socket
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE] + [os.path.join(os.path.dirname(HERE), name) for name in ("netns", "live")]

import fake_apiserver as fake  # noqa: E402
from lab import documents, tap  # noqa: E402
from lab.tap import check, equal  # noqa: E402
from test_live import (  # noqa: E402
    ACCESS, CLEAN_EXIT, GROUP, KEYS, NOT_JUDGED, Place, SECRET, SUBNET, ec2)

APPS, BATCH = "/apis/apps/v1/", "/apis/batch/v1/"
KINDS = {
    **{fake.CORE + name: ("v1", kind) for name, kind in (
        ("namespaces", "Namespace"), ("services", "Service"), ("endpoints", "Endpoints"),
        ("namespaces/kube-system/configmaps", "ConfigMap"))},
    **{APPS + kind.lower() + "s": ("apps/v1", kind)
       for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")},
    **{BATCH + kind.lower() + "s": ("batch/v1", kind) for kind in ("Job", "CronJob")},
    "/apis/discovery.k8s.io/v1/endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
    "/apis/networking.k8s.io/v1/networkpolicies": ("networking.k8s.io/v1", "NetworkPolicy"),
}
fake.KINDS.update(KINDS)

VPC, ACCOUNT = documents.VPC, documents.ACCOUNT
NODE, INSTANCE = "ip-10-0-0-10.us-west-2.compute.internal", "i-0a1b2c3d4e5f60718"
NODES_GROUP, CLUSTER_GROUP = "sg-0dddddddddddddddd", "sg-0cccccccccccccccc"
SECOND = {**SUBNET, "SubnetId": "subnet-0bbbbbbbbbbbbbbb2", "AvailabilityZone": "us-west-2b",
          "CidrBlock": "10.0.1.0/24", "AvailableIpAddressCount": 200,
          "Ipv6CidrBlockAssociationSet": []}
THIRD = {**SECOND, "SubnetId": "subnet-0cccccccccccccc3", "AvailabilityZone": "us-west-2a",
         "CidrBlock": "10.0.2.0/24"}
BRANCH = "eni-0bbbbbbbbbbbbbbbb"
OWNED = [{"Key": "kubernetes.io/cluster/shop", "Value": "owned"}]
CLUSTER = {
    "name": "shop", "arn": f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/shop", "version": "1.34",
    "resourcesVpcConfig": {
        "subnetIds": [SECOND["SubnetId"], THIRD["SubnetId"]], "securityGroupIds": [],
        "clusterSecurityGroupId": CLUSTER_GROUP, "vpcId": VPC, "endpointPublicAccess": True,
        "endpointPrivateAccess": True, "publicAccessCidrs": ["0.0.0.0/0"]},
    "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"},
    "status": "ACTIVE"}
EVERYTHING = [documents.permission("-1", None, None, ["0.0.0.0/0", "::/0"])]


def daemon_set(name, environment, image):
    return {"metadata": documents.metadata("DaemonSet", name, "kube-system", {"k8s-app": name}),
            "spec": {"selector": {"matchLabels": {"k8s-app": name}}, "template": {
                "metadata": {"labels": {"k8s-app": name}},
                "spec": {"hostNetwork": True, "containers": [{
                    "name": name, "image": image,
                    "env": [{"name": key, "value": value}
                            for key, value in environment.items()]}]}}}}


def node(instance_type):
    return {"metadata": documents.metadata("Node", NODE, None, {
                "node.kubernetes.io/instance-type": instance_type, "kubernetes.io/os": "linux",
                "topology.kubernetes.io/zone": "us-west-2a"}),
            "spec": {"providerID": f"aws:///us-west-2a/{INSTANCE}"},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.10"}],
                       "capacity": {"pods": "29", "vpc.amazonaws.com/pod-eni": "9"}}}


def pod(name, namespace, labels, address, eni=None):
    annotations = {"vpc.amazonaws.com/pod-eni": json.dumps([{
        "eniId": eni, "ifAddress": "02:00:00:01:00:05", "privateIp": address, "vlanId": 1,
        "subnetCidr": "10.0.0.0/24"}])}
    branches = {"vpc.amazonaws.com/pod-eni": "1"}
    return {"metadata": documents.metadata("Pod", name, namespace, labels, eni and annotations),
            "spec": {"nodeName": NODE, "terminationGracePeriodSeconds": 30,
                     "containers": [{"name": "web", "resources": {
                         "limits": branches, "requests": branches} if eni else {}}]},
            "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}


def dns_slice():
    return {"metadata": documents.metadata("EndpointSlice", "kube-dns-x7k2p", "kube-system",
                                           {"kubernetes.io/service-name": "kube-dns"}),
            "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.20"],
                                                  "conditions": {"ready": True}}],
            "ports": [{"name": "dns", "port": 53, "protocol": "UDP"},
                      {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]}


def fill_cluster(api, instance_type):
    api.put(fake.NODES, node(instance_type))
    api.put(fake.CNINODES, {"metadata": documents.metadata("CNINode", NODE),
                            "spec": {"features": [{"name": "SecurityGroupsForPods"}]}})
    api.put(APPS + "daemonsets", daemon_set("aws-node", {
        "ENABLE_POD_ENI": "true", "POD_SECURITY_GROUP_ENFORCING_MODE": "strict",
        "AWS_VPC_K8S_CNI_EXTERNALSNAT": "false"},
        "602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:v1.18.1-eksbuild.3"))
    api.put(APPS + "daemonsets", daemon_set("kube-proxy", {}, "eks/kube-proxy:v1.34.0"))
    api.put(fake.PODS, pod("web", "shop", {"app": "web"}, "10.0.0.7", BRANCH))
    api.put(fake.PODS, pod("coredns-0", "kube-system", {"k8s-app": "kube-dns"}, "10.0.0.20"))
    api.put("/apis/discovery.k8s.io/v1/endpointslices", dns_slice())
    api.put(fake.CORE + "namespaces/kube-system/configmaps", {
        "metadata": documents.metadata("ConfigMap", "kube-proxy-config", "kube-system"),
        "data": {"config": "kind: KubeProxyConfiguration\nmode: iptables\n"}})


def fill_ec2(world):
    world.keys[ACCESS] = (SECRET, "", False)
    for group, tags in ((GROUP, []), (NODES_GROUP, OWNED), (CLUSTER_GROUP, [])):
        world.groups[group] = {**documents.security_group(group, EVERYTHING, EVERYTHING),
                               "Tags": tags}
    own = documents.network_interface("eni-0a1b2c3d4e5f60718", ["10.0.0.10", "10.0.0.20"],
                                      [NODES_GROUP])
    own["Attachment"] = {"AttachmentId": "eni-attach-0a1b2c3d4e5f60718", "DeviceIndex": 0,
                         "InstanceId": INSTANCE, "InstanceOwnerId": ACCOUNT, "Status": "attached"}
    world.interfaces[own["NetworkInterfaceId"]] = {**own, "SubnetId": SUBNET["SubnetId"]}
    world.interfaces[BRANCH] = {
        **documents.network_interface(BRANCH, ["10.0.0.7"], [GROUP], kind="branch"),
        "SubnetId": SUBNET["SubnetId"]}
    for subnet in (SUBNET, SECOND, THIRD):
        world.subnets.append({**copy.deepcopy(subnet), "VpcId": VPC, "AvailableIpAddressCount": 200})
    world.vpcs.append({"VpcId": VPC, "OwnerId": ACCOUNT, "State": "available",
                       "CidrBlock": "10.0.0.0/16"})
    world.route_tables.append({
        "RouteTableId": "rtb-0a1b2c3d4e5f60718", "VpcId": VPC, "Associations": [{"Main": True}],
        "Routes": [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local",
                    "State": "active"},
                   {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-0a1b2c3d4e5f60718",
                    "State": "active"}]})
    world.vpc_attributes[VPC] = {name: {"Value": True}
                                 for name in ("EnableDnsSupport", "EnableDnsHostnames")}
    world.clusters["shop"] = copy.deepcopy(CLUSTER)


class EksPlace(Place):
    """A whole, small cluster with nothing wrong in it."""

    def __init__(self, directory, instance_type="m5.large"):
        super().__init__(directory)
        self.api.absent.clear()
        fill_cluster(self.api, instance_type)
        self.world = ec2.World()
        fill_ec2(self.world)
        self.sources["ec2"] = {"region": ec2.REGION, "endpoint": self.world.url}

    def judge_all(self, *options, **environment):
        """Of the checks that a machine that is no node of the cluster can run, by their ids."""
        result = self.run("-o", "json", *options, **{
            **KEYS, "AWS_ENDPOINT_URL_EKS": self.world.url, **environment})
        check(result.stdout, f"no answer, exit {result.returncode}: {result.stderr}")
        answer = json.loads(result.stdout)
        answer["exit"] = result.returncode
        answer["of"] = {entry["id"]: entry for entry in answer["checks"]}
        return answer


@contextlib.contextmanager
def eks_place(**options):
    with tempfile.TemporaryDirectory() as directory:
        place = EksPlace(directory, **options)
        try:
            yield place
        finally:
            place.api.stop()
            place.world.close()


def needs(answer):
    return {identity: entry["needs"] for identity, entry in answer["of"].items() if entry["needs"]}


def judged(answer):
    """What came of each check, without what it needs."""
    return {identity: (entry["judged"], entry["found"]) for identity, entry in answer["of"].items()}


def with_all_permissions_all_is_judged():
    with eks_place() as place:
        answer = place.judge_all()
        equal(answer["notRead"], [], "what was not read")
        equal(needs(answer), {}, "what checks need")
        equal((answer["findings"], answer["exit"]), ([], CLEAN_EXIT), "findings, exit status")
        for identity in ("endpoint-dns", "network-size", "max-pods-high", "policy-group-vpc",
                         "control-plane-to-nodes", "cluster-zones", "dns-egress"):
            check(answer["of"][identity]["judged"] > 0, f"{identity} judges nothing")
        equal(place.world.bad_signatures, 0, "signatures that were wrong")
        equal(place.world.count("DescribeInstanceTypes"), 0, "questions for a type that is known")


EKS = "permission eks:DescribeCluster (IAM)"
# Each permission, and who cannot judge without it.
PERMISSIONS = {
    "DescribeSubnets": {"no-way-to-internet", "network-size", "subnet-full", "subnet-few-addresses",
                        "cluster-subnet-shared", "cluster-zones"},
    "DescribeVpcs": {"network-size"},
    "DescribeRouteTables": {"no-way-to-internet"},
    "DescribeVpcAttribute": {"endpoint-dns"},
    "DescribeSecurityGroupVpcAssociations": set(),
    "DescribeManagedPrefixLists": set(),
}
LISTED = (fake.PODS, fake.POLICIES, fake.NODES, APPS + "daemonsets", BATCH + "cronjobs",
          fake.CORE + "services", "/apis/networking.k8s.io/v1/networkpolicies")


def a_permission_that_is_refused_is_missed_by_who_needs_it():
    with eks_place() as place:
        whole = judged(place.judge_all())
        for action, expected in PERMISSIONS.items():
            place.world.faults[action] = [ec2.fails(403, "UnauthorizedOperation")] * 2
            answer = place.judge_all()
            del place.world.faults[action]
            equal(needs(answer), {identity: [f"permission ec2:{action} (IAM)"] for identity in expected},
                  f"needs without {action}")
            rest = judged(answer)
            equal({key: value for key, value in rest.items() if key not in expected},
                  {key: value for key, value in whole.items() if key not in expected},
                  f"what others judge without {action}")
            check(answer["findings"] == [] and answer["exit"] == NOT_JUDGED,
                  f"without {action}: exit {answer['exit']}, {answer['findings']}")
            check(all(one["lacking"] and action in one["error"] for one in answer["notRead"]),
                  f"{answer['notRead']}")


def whoever_misses_a_permission_says_which():
    """Of those that many checks need: nobody asks for a command that would be refused, too."""
    with eks_place() as place:
        for action in ("DescribeSecurityGroups", "DescribeNetworkInterfaces"):
            place.world.faults[action] = [ec2.fails(403, "UnauthorizedOperation")]
            named = {text for texts in needs(place.judge_all("--cluster", "shop")).values()
                     for text in texts}
            equal(named, {f"permission ec2:{action} (IAM)"}, f"needs without {action}")
        for path in LISTED:
            place.api.forbidden = {path}
            named = {text for texts in needs(place.judge_all("--cluster", "shop")).values()
                     for text in texts}
            equal(named, {f"permission to list {path.rpartition('/')[2]} (RBAC)"},
                  f"needs without {path}")


def the_instance_role_is_good_for_eks_too():
    with eks_place() as place:
        place.world.keys = {"ASIAOLD": ("old", "old-token", True),
                            "ASIANEW": ("new", "new-token", False)}
        place.world.metadata.give_role("node", "ASIANEW", "new", "new-token", 3600)
        metadata = {"AWS_EC2_METADATA_DISABLED": "false",
                    "AWS_EC2_METADATA_SERVICE_ENDPOINT": place.world.url,
                    "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": place.directory}
        answer = place.judge_all("--only", "cluster-zones", **metadata)
        equal((needs(answer), answer["notRead"]), ({}, []), "needs, what was not read")
        fetched = sum(path.endswith("/node") for path in place.world.metadata.asked)
        place.world.metadata.asked.clear()
        place.world.faults["DescribeCluster"] = [
            ec2.eks_fails(403, "ExpiredTokenException", "The security token is expired")]
        answer = place.judge_all("--only", "cluster-zones", **metadata)
        equal((needs(answer), answer["notRead"]), ({}, []), "needs, once the keys were refused")
        equal(sum(path.endswith("/node") for path in place.world.metadata.asked), fetched + 1,
              "keys that were fetched, those that were refused among them")


def eks_that_refuses_is_missed_by_who_needs_it():
    with eks_place() as place:
        place.world.faults["DescribeCluster"] = [ec2.eks_fails(403, "AccessDeniedException")]
        answer = place.judge_all()
        missed = needs(answer)
        check(missed and all(texts == [EKS] for texts in missed.values()), f"{missed}")
        check("endpoint-dns" in missed and "load-balancer-tag" not in missed, f"{sorted(missed)}")
        check("allow eks:DescribeCluster to" in answer["notRead"][0]["error"],
              f"{answer['notRead']}")
        equal(answer["exit"], NOT_JUDGED, "exit status")
        equal(place.judge_all("--partial")["exit"], CLEAN_EXIT, "exit status with --partial")


def of_other_vpcs_is_not_said_what_is_not_known():
    """The group may be associated with the cluster's VPC: who may not see that does not know."""
    with eks_place() as place:
        place.world.groups[GROUP]["VpcId"] = "vpc-0fffffffffffffff9"
        association = {"GroupId": GROUP, "VpcId": VPC, "State": "associated"}
        equal(place.judge_all("--only", "policy-group-vpc")["of"]["policy-group-vpc"]["found"], 1,
              "findings without an association")
        action = "DescribeSecurityGroupVpcAssociations"
        place.world.faults[action] = [ec2.fails(403, "UnauthorizedOperation")]
        entry = place.judge_all("--only", "policy-group-vpc")["of"]["policy-group-vpc"]
        equal((entry["found"], entry["needs"]), (0, [f"permission ec2:{action} (IAM)"]),
              "findings, needs")
        place.world.group_vpcs += [{**association, "GroupId": CLUSTER_GROUP}, association,
                                   {**association, "GroupId": NODES_GROUP}]
        entry = place.judge_all("--only", "policy-group-vpc")["of"]["policy-group-vpc"]
        equal((entry["found"], entry["needs"], entry["judged"]), (0, [], 1),
              "findings, needs and judged policies with an association")


def an_endpoint_that_does_not_know_an_action_is_asked_for_the_rest():
    with eks_place() as place:
        place.world.faults["DescribeSecurityGroupVpcAssociations"] = [
            ec2.fails(400, "InvalidAction", "The action is not valid for this web service")]
        answer = place.judge_all()
        equal([(one["document"], one["lacking"]) for one in answer["notRead"]],
              [("ec2/security-group-vpc-associations", True)], "what was not read")
        equal(needs(answer), {}, "needs")


def entries_that_may_not_be_read_are_asked_for_once():
    """It would be refused for every list."""
    with eks_place() as place:
        place.world.prefix_lists.update({f"pl-{number}": [] for number in range(5)})
        action = "GetManagedPrefixListEntries"
        place.world.faults[action] = [ec2.fails(403, "UnauthorizedOperation")] * 5
        equal(len(place.judge_all()["notRead"]), 1, "what was not read")
        equal(place.world.count(action), 1, "questions")


def a_list_with_an_id_that_is_none_is_refused_alone():
    with eks_place() as place:
        endless = "pl-" + "0" * 4000
        place.world.prefix_lists.update({endless: [], "pl-0a1b2c3d4e5f60718": []})
        answer = place.judge_all()
        check(answer["findings"] == [] and len(answer["of"]) > 1, f"{answer}")
        refused = {one["document"]: one["error"] for one in answer["notRead"]}
        equal(sorted(name[:24] for name in refused), ["ec2/prefix-lists", "ec2/prefix-lists/pl-0000"],
              "what was not read")


LIMITS = {"InstanceType": "m99.large", "NetworkInfo": {
    "MaximumNetworkInterfaces": 8, "DefaultNetworkCardIndex": 0, "Ipv4AddressesPerInterface": 10,
    "NetworkCards": [{"NetworkCardIndex": 0, "MaximumNetworkInterfaces": 3},
                     {"NetworkCardIndex": 1, "MaximumNetworkInterfaces": 5}]}}


def a_type_that_nobody_knows_is_asked_for():
    with eks_place(instance_type="m99.large") as place:
        place.world.instance_types += [LIMITS, {**LIMITS, "InstanceType": "m98.large"}]
        entry = place.judge_all("--only", "max-pods-high")["of"]["max-pods-high"]
        equal((entry["judged"], entry["needs"]), (1, []), "judged nodes, needs")
        equal([form["Filter.1.Value.1"] for action, form, _ in place.world.asked
               if action == "DescribeInstanceTypes"], ["m99.large"], "types that were asked for")
        place.world.instance_types[0] = {**LIMITS, "NetworkInfo": {
            **LIMITS["NetworkInfo"], "Ipv4AddressesPerInterface": 4}}
        answer = place.judge_all("--only", "max-pods-high")
        check("addresses for 6" in answer["findings"][0]["what"],
              f"3 pods on each of 3 interfaces, of which the trunk has none: {answer['findings']}")
        place.world.faults["DescribeInstanceTypes"] = [ec2.fails(403, "UnauthorizedOperation")]
        equal(needs(place.judge_all("--only", "max-pods-high")),
              {"max-pods-high": ["permission ec2:DescribeInstanceTypes (IAM)"]}, "needs")


def vpc_attributes_matter_to_private_endpoints_only():
    with eks_place() as place:
        place.world.vpc_attributes[VPC]["EnableDnsHostnames"]["Value"] = False
        answer = place.judge_all("--only", "endpoint-dns")
        equal([one["what"] for one in answer["findings"]], ["enableDnsHostnames is off"], "findings")
        config = place.world.clusters["shop"]["resourcesVpcConfig"]
        config["endpointPrivateAccess"] = False
        place.world.asked.clear()
        equal(place.judge_all("--only", "endpoint-dns")["findings"], [], "findings")
        equal(place.world.count("DescribeVpcAttribute"), 0, "questions")


def the_cluster_is_named_by_tags_labels_or_the_command():
    with eks_place() as place:
        only = ("--only", "cluster-zones")
        place.world.groups[NODES_GROUP]["Tags"] = []
        answer = place.judge_all(*only)
        equal(needs(answer), {"cluster-zones": ["the cluster's name: --cluster NAME"]}, "needs")
        check("give --cluster" in answer["notRead"][0]["error"], f"{answer['notRead']}")
        equal(needs(place.judge_all(*only, "--cluster", "shop")), {}, "needs with --cluster")
        own = next(iter(place.world.interfaces.values()))
        own["TagSet"] = [{"Key": "cluster.k8s.amazonaws.com/name", "Value": "shop"}]
        equal(needs(place.judge_all(*only)), {}, "needs with a tag of the interface")
        own["TagSet"] = []
        labelled = node("m5.large")
        labelled["metadata"]["labels"]["alpha.eksctl.io/cluster-name"] = "shop"
        place.api.put(fake.NODES, labelled)
        equal(needs(place.judge_all(*only)), {}, "needs with eksctl's label")
        equal(place.world.count("DescribeCluster"), 3, "questions")


def nodes_outside_of_ec2_are_of_no_cluster_of_eks():
    with eks_place() as place:
        place.api.put(fake.NODES, {**node("k3s"), "spec": {"providerID": f"k3s://{NODE}"}})
        answer = place.judge_all("--only", "cluster-zones", "--cluster", "shop")
        equal((needs(answer), answer["notRead"]), ({}, []), "needs, what was not read")
        equal(place.world.count("DescribeCluster"), 0, "questions")


def a_name_that_is_none_is_not_asked_for():
    with eks_place() as place:
        for name in ("../clusters", "-shop", "a" * 101, "shop?x=1"):
            answer = place.judge_all("--only", "cluster-zones", "--cluster", name)
            check("is not the name of a cluster" in answer["notRead"][0]["error"],
                  f"{name}: {answer['notRead']}")
        equal(place.world.count("DescribeCluster"), 0, "questions")


def eks_that_knows_no_such_cluster_is_said():
    with eks_place() as place:
        answer = place.judge_all("--only", "cluster-zones", "--cluster", "depot")
        check("No cluster found for name: depot" in answer["notRead"][0]["error"],
              f"{answer['notRead']}")
        equal(needs(answer), {"cluster-zones": ["aws eks describe-cluster --name CLUSTER"]}, "needs")


def eks_that_throttles_is_asked_again():
    with eks_place() as place:
        place.world.faults["DescribeCluster"] = [ec2.eks_fails(429, "ThrottlingException"),
                                                 ec2.eks_fails(503, "ServiceUnavailableException")]
        equal(needs(place.judge_all("--only", "cluster-zones")), {}, "needs")
        equal(place.world.count("DescribeCluster"), 3, "questions")


def an_endpoint_that_is_too_long_is_not_cut():
    with eks_place() as place:
        answer = place.judge_all("--only", "cluster-zones",
                                 AWS_ENDPOINT_URL_EKS=f"{place.world.url}/{'x' * 512}")
        check("AWS_ENDPOINT_URL_EKS: longer than 511 bytes" in answer["notRead"][0]["error"],
              f"{answer['notRead']}")
        equal(place.world.count("DescribeCluster"), 0, "questions")


def what_an_interim_answer_says_is_not_the_answer():
    answer = (b"HTTP/1.1 103 Early Hints\r\nx-amzn-ErrorType: AccessDeniedException\r\n\r\n"
              b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
    with eks_place() as place, socket.create_server(("127.0.0.1", 0)) as server:
        def speak():
            while True:
                connection = server.accept()[0]
                connection.recv(65536)
                connection.sendall(answer)
                connection.close()
        threading.Thread(target=speak, daemon=True).start()
        said = place.judge_all("--only", "cluster-zones", AWS_ENDPOINT_URL_EKS=(
            f"http://127.0.0.1:{server.getsockname()[1]}"))
        equal(needs(said), {"cluster-zones": ["aws eks describe-cluster --name CLUSTER"]}, "needs")
        check("HTTP status 404" in said["notRead"][0]["error"], f"{said['notRead']}")


def eks_without_a_way_there_is_not_waited_for():
    """A node with private endpoints need not have one of EKS: facts are missing, no more."""
    asked = []
    with eks_place() as place, socket.create_server(("127.0.0.1", 0)) as server:
        def hang_up():
            while True:
                asked.append(server.accept()[0].close())
        threading.Thread(target=hang_up, daemon=True).start()
        away = {"AWS_ENDPOINT_URL_EKS": f"http://127.0.0.1:{server.getsockname()[1]}"}
        answer = place.judge_all("--only", "cluster-zones", **away)
        equal((needs(answer), answer["exit"], len(asked)),
              ({"cluster-zones": ["aws eks describe-cluster --name CLUSTER"]}, NOT_JUDGED, 1),
              "needs, exit status, connections")
        equal(place.judge_all("--only", "cluster-zones", "--partial", **away)["exit"], CLEAN_EXIT,
              "exit status with --partial")


def what_eks_answers_is_believed_if_it_is_a_cluster():
    with eks_place() as place:
        for body in (b"", b"<html>", b"[]", b"{}", b'{"cluster":7}', b'{"cluster":{"name":7}}',
                     b'{"cluster":{"name":"shop"}}', b'{"cluster":' * 200):
            place.world.faults["DescribeCluster"] = [ec2.says(body)]
            answer = place.judge_all("--partial", "--only", "cluster-zones")
            equal(answer["exit"], NOT_JUDGED, f"exit of {body[:40]}")
            check(needs(answer), f"{body[:40]}: needs nothing")


def a_dump_of_the_cluster_goes_before_eks():
    with eks_place() as place:
        os.mkdir(place.sources["files"]["directory"])
        place.write("documents/cluster.json", {"cluster": CLUSTER})
        equal(needs(place.judge_all("--only", "cluster-zones")), {}, "needs")
        equal(place.world.count("DescribeCluster"), 0, "questions")


CASES = (
    with_all_permissions_all_is_judged,
    a_permission_that_is_refused_is_missed_by_who_needs_it,
    whoever_misses_a_permission_says_which,
    the_instance_role_is_good_for_eks_too,
    eks_that_refuses_is_missed_by_who_needs_it,
    of_other_vpcs_is_not_said_what_is_not_known,
    an_endpoint_that_does_not_know_an_action_is_asked_for_the_rest,
    entries_that_may_not_be_read_are_asked_for_once,
    a_list_with_an_id_that_is_none_is_refused_alone,
    a_type_that_nobody_knows_is_asked_for,
    vpc_attributes_matter_to_private_endpoints_only,
    the_cluster_is_named_by_tags_labels_or_the_command,
    nodes_outside_of_ec2_are_of_no_cluster_of_eks,
    a_name_that_is_none_is_not_asked_for,
    eks_that_knows_no_such_cluster_is_said,
    eks_that_throttles_is_asked_again,
    an_endpoint_that_is_too_long_is_not_cut,
    what_an_interim_answer_says_is_not_the_answer,
    eks_without_a_way_there_is_not_waited_for,
    what_eks_answers_is_believed_if_it_is_a_cluster,
    a_dump_of_the_cluster_goes_before_eks,
)


def main():
    program = tap.Selection(2)
    for case in CASES:
        program.case(case.__name__.replace("_", " "), case)
    return program.finish()


if __name__ == "__main__":
    sys.exit(main())
