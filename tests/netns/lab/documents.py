# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents with the field sets that aws and kubectl print, from few words."""

import hashlib
import ipaddress
import json
import os

ACCOUNT = "111122223333"
VPC = "vpc-0a1b2c3d4e5f60718"
REGION_ZONE = "us-west-2a"
CREATED = "2026-03-02T09:15:04Z"


def made_id(prefix, text):
    return f"{prefix}-{hashlib.sha1(text.encode()).hexdigest()[:17]}"


def permission(protocol, low, high, peers):
    """peers: CIDRs, "pl-…" and "sg-…" ids. low None: the API leaves the ports out."""
    rule = {"IpProtocol": str(protocol), "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [],
            "UserIdGroupPairs": []}
    if low is not None:
        rule["FromPort"], rule["ToPort"] = low, high
    for peer in peers:
        if peer.startswith("pl-"):
            rule["PrefixListIds"].append({"PrefixListId": peer})
        elif peer.startswith("sg-"):
            rule["UserIdGroupPairs"].append({"GroupId": peer, "UserId": ACCOUNT})
        elif ":" in peer:
            rule["Ipv6Ranges"].append({"CidrIpv6": peer})
        else:
            rule["IpRanges"].append({"CidrIp": peer})
    return rule


def security_group(group, ingress=(), egress=(), name=""):
    return {
        "Description": name or f"group {group}",
        "GroupName": name or group,
        "IpPermissions": list(ingress),
        "OwnerId": ACCOUNT,
        "GroupId": group,
        "IpPermissionsEgress": list(egress),
        "Tags": [{"Key": "Name", "Value": name or group}],
        "VpcId": VPC,
        "SecurityGroupArn": f"arn:aws:ec2:us-west-2:{ACCOUNT}:security-group/{group}",
    }


def security_groups(groups):
    return {"SecurityGroups": list(groups)}


def network_interface(eni, addresses, groups, description="", kind="interface", prefixes=(),
                      checked=True, mac="02:00:00:00:00:ff"):
    private = [a for a in addresses if ipaddress.ip_address(a).version == 4]
    found = {
        "AvailabilityZone": REGION_ZONE,
        "Description": description,
        "Groups": [{"GroupName": group, "GroupId": group} for group in groups],
        "InterfaceType": kind,
        "Ipv6Addresses": [{"Ipv6Address": a} for a in addresses
                          if ipaddress.ip_address(a).version == 6],
        "Ipv4Prefixes": [{"Ipv4Prefix": p} for p in prefixes if ":" not in p],
        "Ipv6Prefixes": [{"Ipv6Prefix": p} for p in prefixes if ":" in p],
        "MacAddress": mac,
        "NetworkInterfaceId": eni,
        "OwnerId": ACCOUNT,
        "PrivateIpAddresses": [{"Primary": index == 0, "PrivateIpAddress": address}
                               for index, address in enumerate(private)],
        "RequesterManaged": False,
        "SourceDestCheck": checked,
        "Status": "in-use",
        "SubnetId": "subnet-0f1e2d3c4b5a69788",
        "TagSet": [],
        "VpcId": VPC,
    }
    if private:
        found["PrivateIpAddress"] = private[0]
    return found


def network_interfaces(interfaces):
    return {"NetworkInterfaces": list(interfaces)}


def prefix_list_entries(name, cidrs):
    return {"PrefixListId": name,
            "Entries": [{"Cidr": cidr, "Description": ""} for cidr in cidrs]}


def metadata(kind, name, namespace=None, labels=None, annotations=None):
    found = {"name": name, "uid": uid(f"{kind}/{namespace}/{name}"), "resourceVersion": "184467",
             "creationTimestamp": CREATED}
    if namespace:
        found["namespace"] = namespace
    if labels:
        found["labels"] = labels
    if annotations:
        found["annotations"] = annotations
    return found


def uid(text):
    digest = hashlib.sha1(text.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def eni_of(pod):
    return made_id("eni", f"{pod.namespace}/{pod.name}")


def pod_eni_annotation(pod):
    return json.dumps([{
        "eniId": eni_of(pod), "ifAddress": pod.mac, "privateIp": pod.address(4) or "",
        "ipv6Addr": pod.address(6) or "", "vlanId": pod.vlan, "subnetCidr": "10.0.1.0/24",
        "subnetV6Cidr": "2001:db8:0:1::/64",
        "associationID": made_id("trunk-assoc", pod.name)}], separators=(",", ":"))


def pod(lab_pod, node_name, labels, account="default", phase="Running", host_network=False):
    """The Pod object of one of the lab's pods."""
    annotations = {}
    if lab_pod.vlan:
        annotations["vpc.amazonaws.com/pod-eni"] = pod_eni_annotation(lab_pod)
    found = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": metadata("Pod", lab_pod.name, lab_pod.namespace, labels, annotations),
        "spec": {"containers": [{"name": "main", "image": "registry.example/app:1"}],
                 "nodeName": node_name, "serviceAccountName": account, "restartPolicy": "Always"},
        "status": {"phase": phase, "podIP": lab_pod.addresses[0],
                   "podIPs": [{"ip": address} for address in lab_pod.addresses]},
    }
    if host_network:
        found["spec"]["hostNetwork"] = True
    return found


def service_account(namespace, name, labels=None):
    return {"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": metadata("ServiceAccount", name, namespace, labels)}


def policy(namespace, name, groups, pods=None, accounts=None):
    spec = {"securityGroups": {"groupIds": list(groups)}}
    if pods is not None:
        spec["podSelector"] = pods
    if accounts is not None:
        spec["serviceAccountSelector"] = accounts
    return {"apiVersion": "vpcresources.k8s.aws/v1beta1", "kind": "SecurityGroupPolicy",
            "metadata": metadata("SecurityGroupPolicy", name, namespace), "spec": spec}


def listed(items):
    return {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""},
            "items": list(items)}


def kubeconfig(server):
    return {"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {}}]}


def write(directory, name, document):
    """Renamed into place, as a careful writer does it."""
    final = os.path.join(directory, name)
    with open(final + ".tmp", "w", encoding="utf-8") as file:
        json.dump(document, file, indent=4)
        file.write("\n")
    os.rename(final + ".tmp", final)
