# SPDX-License-Identifier: GPL-2.0-or-later
"""EC2's Query API, EKS's DescribeCluster and the instance metadata service on loopback, for tests.

What it answers is written by botocore's own model of the API, what it is asked is checked with
botocore's own signer; and it throttles, breaks off and lies when it is told to.
"""

import fnmatch
import http.server
import json
import re
import socket
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.loaders

from instance_metadata import Metadata

REGION = "eu-central-1"
NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/(ec2|eks)/aws4_request, "
    r"\s*SignedHeaders=([^,]+), \s*Signature=([0-9a-f]{64})")
MODEL = botocore.loaders.Loader().load_service_model("ec2", "service-2")
RESULTS = {"DescribeSecurityGroups": "SecurityGroups",
           "DescribeNetworkInterfaces": "NetworkInterfaces",
           "GetManagedPrefixListEntries": "Entries",
           "DescribeInstances": "Reservations",
           "DescribeManagedPrefixLists": "PrefixLists",
           "DescribeSubnets": "Subnets",
           "DescribeVpcs": "Vpcs",
           "DescribeRouteTables": "RouteTables",
           "DescribeInstanceTypes": "InstanceTypes",
           "DescribeSecurityGroupVpcAssociations": "SecurityGroupVpcAssociations"}
ATTRIBUTES = ("DescribeVpcAttribute",)
CHANGES = ("DeleteNetworkInterface", "DeleteSecurityGroup", "RevokeSecurityGroupIngress",
           "RevokeSecurityGroupEgress", "DisassociateSecurityGroupVpc")


# What older models do not know yet, in their own words.
ADDED_SHAPES = {
    "DescribeSecurityGroupVpcAssociationsResult": {"type": "structure", "members": {
        "SecurityGroupVpcAssociations": {"shape": "SecurityGroupVpcAssociationList",
                                         "locationName": "securityGroupVpcAssociationSet"},
        "NextToken": {"shape": "String", "locationName": "nextToken"}}},
    "SecurityGroupVpcAssociationList": {"type": "list",
                                        "member": {"shape": "SecurityGroupVpcAssociation"}},
    "SecurityGroupVpcAssociation": {"type": "structure", "members": {
        name: {"shape": "String", "locationName": name[0].lower() + name[1:]}
        for name in ("GroupId", "VpcId", "VpcOwnerId", "State", "StateReason")}}}
MODEL["shapes"] = {**ADDED_SHAPES, **MODEL["shapes"]}


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code = status, code


def xml_of(shape_name, value):
    """The inside of an element of that shape, as EC2 writes it."""
    shape = MODEL["shapes"][shape_name]
    if shape["type"] == "structure":
        inner = ""
        for name, member in shape["members"].items():
            if name in value:
                tag = member.get("locationName", name)
                inner += f"<{tag}>{xml_of(member['shape'], value[name])}</{tag}>\n"
        return inner
    if shape["type"] == "list":
        return "".join(f"<item>{xml_of(shape['member']['shape'], item)}</item>\n"
                       for item in value)
    if shape["type"] == "boolean":
        return "true" if value else "false"
    return escape(str(value))


def response(action, value):
    shape = f"{action}Result"
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<{action}Response xmlns="{NAMESPACE}">\n'
            f"<requestId>{time.monotonic_ns()}</requestId>{xml_of(shape, value)}"
            f"</{action}Response>").encode()


def done(action):
    """What EC2 says of a change, which the models do not have."""
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<{action}Response xmlns="{NAMESPACE}">\n'
            f"<requestId>{time.monotonic_ns()}</requestId><return>true</return>"
            f"</{action}Response>").encode()


def complaint(code, message):
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>{code}</Code>'
            f"<Message>{escape(message)}</Message></Error></Errors>"
            f"<RequestID>r-1</RequestID></Response>").encode()


def listed(form, name):
    """The values of name.1, name.2, … in their order."""
    values = []
    while f"{name}.{len(values) + 1}" in form:
        values.append(form[f"{name}.{len(values) + 1}"])
    return values


# What filters look at.

def tag_values(item):
    return {tag["Key"]: tag["Value"] for tag in item.get("TagSet") or item.get("Tags") or ()}


def peers(group, key):
    return [pair["GroupId"] for permission in group[key]
            for pair in permission["UserIdGroupPairs"]]


FILTERS = {
    "group-id": lambda item: [g["GroupId"] for g in item["Groups"]] if "Groups" in item
                else [item["GroupId"]],
    "description": lambda item: [item.get("Description", "")],
    "status": lambda item: [item.get("Status", "")],
    "ip-permission.group-id": lambda group: peers(group, "IpPermissions"),
    "egress.ip-permission.group-id": lambda group: peers(group, "IpPermissionsEgress"),
    "instance-state-name": lambda instance: [instance["State"]["Name"]],
    "tag-key": tag_values,
    "instance-type": lambda item: [item["InstanceType"]],
}


def filter_values(item, name):
    if name.startswith("tag:"):
        value = tag_values(item).get(name[4:])
        return [] if value is None else [value]
    if name not in FILTERS:
        raise Refused(400, "InvalidParameterValue", f"The filter '{name}' is invalid")
    return FILTERS[name](item)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are sent one after the other

    def log_message(self, *_):
        pass

    def send(self, status, body=b"", headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.world.post(self, body)

    def do_PUT(self):
        self.server.world.metadata.put(self)

    def do_GET(self):
        if self.path.startswith("/clusters/"):
            self.server.world.describe_cluster(self)
        else:
            self.server.world.metadata.get(self)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, world):
        super().__init__(("127.0.0.1", 0), Handler)
        self.world = world

    def handle_error(self, *_):
        pass  # a client that was broken off


class World:
    """What EC2 knows. Groups and interfaces are written as the AWS CLI writes them."""

    def __init__(self):
        self.groups = {}
        self.interfaces = {}
        self.prefix_lists = {}
        self.instances = {}
        self.subnets = []      # these as the AWS CLI writes them, too
        self.vpcs = []
        self.route_tables = []
        self.group_vpcs = []   # associations
        self.instance_types = []
        self.vpc_attributes = {}  # VPC -> {"EnableDnsSupport": {"Value": True}, …}
        self.clusters = {}     # name -> as aws eks describe-cluster writes it
        self.deleted = []
        self.keys = {}         # access key -> (secret, token, whether it has expired)
        self.page = 1000
        self.faults = {}       # action -> list of functions of (world, handler, body); None: no fault
        self.asked = []        # (action, form, access key)
        self.bad_signatures = 0
        self.metadata = Metadata()
        self.server = Server(self)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def count(self, action):
        return sum(1 for asked in self.asked if asked[0] == action)

    # who asks

    def verify(self, handler, body, service="ec2"):
        match = AUTHORIZATION.fullmatch(handler.headers.get("Authorization", ""))
        if not match:
            raise Refused(401, "AuthFailure", "no signature that can be read")
        access, _, region, scope, signed, signature = match.groups()
        if access not in self.keys:
            raise Refused(401, "AuthFailure", "AWS was not able to validate the credentials")
        secret, token, expired = self.keys[access]
        request = botocore.awsrequest.AWSRequest(
            method=handler.command, url=self.url + handler.path, data=body,
            headers={name: handler.headers[name] for name in signed.split(";")})
        request.context["timestamp"] = handler.headers["X-Amz-Date"]
        signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(access, secret), service,
                                         region)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        if signer.signature(text, request) != signature or (region, scope) != (REGION, service):
            self.bad_signatures += 1
            raise Refused(403, "SignatureDoesNotMatch", "the signature is another one")
        if token and handler.headers.get("X-Amz-Security-Token") != token:
            raise Refused(401, "AuthFailure", "the session token is another one")
        if "host" not in signed.split(";") or "x-amz-date" not in signed.split(";"):
            raise Refused(403, "SignatureDoesNotMatch", "host and date have to be signed")
        if expired:
            raise Refused(400, "RequestExpired", "Request has expired.")
        return access

    # what is asked

    @staticmethod
    def filtered(form, items):
        """Those that match every filter, by one of its values with '*' and '?'."""
        for i in range(1, 1 + sum(key.endswith(".Name") for key in form)):
            name, values = form[f"Filter.{i}.Name"], listed(form, f"Filter.{i}.Value")
            if len(values) > 200:
                raise Refused(400, "FilterLimitExceeded", "more than 200 values")
            exact = set(value for value in values if not set(value) & set("*?["))
            wild = [value for value in values if value not in exact]
            items = [item for item in items
                     if any(found in exact or any(fnmatch.fnmatchcase(found, v) for v in wild)
                            for found in filter_values(item, name))]
        return items

    @staticmethod
    def by_name(form, parameter, known, code, what):
        """The things asked for by name, all of which have to exist; without names all."""
        names = listed(form, parameter)
        if names and "MaxResults" in form:
            raise Refused(400, "InvalidParameterCombination", f"MaxResults and {parameter}")
        for name in names:
            if name not in known:
                raise Refused(400, code, f"The {what} '{name}' does not exist")
        return [known[name] for name in names] if names else list(known.values())

    def DescribeSecurityGroups(self, form):
        return self.filtered(form, self.by_name(form, "GroupId", self.groups,
                                                "InvalidGroup.NotFound", "security group"))

    def DescribeNetworkInterfaces(self, form):
        return self.filtered(form, self.by_name(form, "NetworkInterfaceId", self.interfaces,
                                                "InvalidNetworkInterfaceID.NotFound",
                                                "networkInterface ID"))

    def DescribeInstances(self, form):
        return [{"ReservationId": f"r-{instance['InstanceId']}", "Instances": [instance]}
                for instance in self.filtered(form, list(self.instances.values()))]

    @staticmethod
    def page_size(form, most):
        if int(form.get("MaxResults", most)) > most:
            raise Refused(400, "InvalidParameterValue", "MaxResults")

    def DescribeManagedPrefixLists(self, form):
        self.page_size(form, 100)
        return [{"PrefixListId": name, "PrefixListName": f"list {name}", "State": "create-complete",
                 "AddressFamily": "IPv4", "MaxEntries": len(entries) + 10}
                for name, entries in self.prefix_lists.items()]

    def DescribeSubnets(self, form):
        return self.filtered(form, self.subnets)

    def DescribeVpcs(self, form):
        return self.filtered(form, self.vpcs)

    def DescribeRouteTables(self, form):
        self.page_size(form, 100)
        return self.filtered(form, self.route_tables)

    def DescribeSecurityGroupVpcAssociations(self, form):
        return self.filtered(form, self.group_vpcs)

    def DescribeInstanceTypes(self, form):
        self.page_size(form, 100)
        return self.filtered(form, self.instance_types)

    def DescribeVpcAttribute(self, form):
        vpc, attribute = form["VpcId"], form["Attribute"]
        key = attribute[0].upper() + attribute[1:]
        if vpc not in self.vpc_attributes:
            raise Refused(400, "InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist")
        return {"VpcId": vpc, key: self.vpc_attributes[vpc][key]}

    def DeleteNetworkInterface(self, form):
        name = form["NetworkInterfaceId"]
        if name not in self.interfaces:
            raise Refused(400, "InvalidNetworkInterfaceID.NotFound",
                          f"The networkInterface ID '{name}' does not exist")
        if self.interfaces[name]["Status"] != "available":
            raise Refused(400, "InvalidParameterValue",
                          f"Network interface '{name}' is currently in use.")
        del self.interfaces[name]
        self.deleted.append(name)

    def DeleteSecurityGroup(self, form):
        name = form["GroupId"]
        if name not in self.groups:
            raise Refused(400, "InvalidGroup.NotFound",
                          f"The security group '{name}' does not exist")
        users = [i for i in self.interfaces.values() if name in FILTERS["group-id"](i)]
        here = self.groups[name]["VpcId"]
        referring = [g for g in self.groups.values()
                     if g["GroupId"] != name and g["VpcId"] == here and name in
                     peers(g, "IpPermissions") + peers(g, "IpPermissionsEgress")]
        if users or referring or any(a["GroupId"] == name for a in self.group_vpcs):
            raise Refused(400, "DependencyViolation", f"resource {name} has a dependent object")
        del self.groups[name]
        self.deleted.append(name)

    def GetManagedPrefixListEntries(self, form):
        name = form["PrefixListId"]
        if name not in self.prefix_lists:
            raise Refused(400, "InvalidPrefixListID.NotFound",
                          f"The prefix list ID '{name}' does not exist")
        self.page_size(form, 100)
        return [{"Cidr": cidr, "Description": "an entry"} for cidr in self.prefix_lists[name]]

    def revoke(self, form, key):
        """One permission, of groups."""
        wanted = {"IpProtocol": form["IpPermissions.1.IpProtocol"],
                  **{name: int(form[f"IpPermissions.1.{name}"]) for name in ("FromPort", "ToPort")
                     if f"IpPermissions.1.{name}" in form}}
        numbers = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}
        wanted["IpProtocol"] = numbers.get(wanted["IpProtocol"], wanted["IpProtocol"])
        peer = form["IpPermissions.1.Groups.1.GroupId"]
        for permission in self.groups[form["GroupId"]][key]:
            pairs = permission["UserIdGroupPairs"]
            found = {name: permission[name] for name in ("IpProtocol", "FromPort", "ToPort")
                     if name in permission}
            if found == wanted and peer in (pair["GroupId"] for pair in pairs):
                permission["UserIdGroupPairs"] = [p for p in pairs if p["GroupId"] != peer]
                return
        raise Refused(400, "InvalidPermission.NotFound", "The specified rule does not exist")

    def RevokeSecurityGroupIngress(self, form):
        self.revoke(form, "IpPermissions")

    def RevokeSecurityGroupEgress(self, form):
        self.revoke(form, "IpPermissionsEgress")

    def DisassociateSecurityGroupVpc(self, form):
        gone = {"GroupId": form["GroupId"], "VpcId": form["VpcId"]}
        self.group_vpcs = [a for a in self.group_vpcs if not gone.items() <= a.items()]

    def answer(self, action, form):
        if form.get("Version") != "2016-11-15":
            raise Refused(400, "NoSuchVersion", "The requested version is not valid")
        if action in CHANGES:
            getattr(self, action)(form)
            return done(action)
        if action in ATTRIBUTES:
            return response(action, getattr(self, action)(form))
        items = getattr(self, action)(form)
        start = int(form.get("NextToken", "page 0/=").split()[1].rstrip("/="))
        size = min(self.page, int(form.get("MaxResults", 1000)))
        value = {RESULTS[action]: items[start:start + size]}
        if start + size < len(items):
            value["NextToken"] = f"page {start + size}/="
        return response(action, value)

    def post(self, handler, body):
        form = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        action = form.get("Action", "")
        try:
            access = self.verify(handler, body)
            self.asked.append((action, form, access))
            if action not in (*RESULTS, *CHANGES, *ATTRIBUTES):
                raise Refused(400, "InvalidAction", f"The action {action} is not valid")
            faults = self.faults.get(action) or [None]
            fault = faults.pop(0)
            if fault and getattr(fault, "instead", False):
                fault(handler, b"")
                return
            good = self.answer(action, form)
            if fault:
                fault(handler, good)
            else:
                handler.send(200, good, [("Content-Type", "text/xml;charset=UTF-8")])
        except Refused as refused:
            handler.send(refused.status, complaint(refused.code, str(refused)))


    def describe_cluster(self, handler):
        """EKS's REST API: JSON, and what kind of complaint it is in a header."""
        name = handler.path.removeprefix("/clusters/")
        try:
            access = self.verify(handler, b"", "eks")
            self.asked.append(("DescribeCluster", {"name": name}, access))
            faults = self.faults.get("DescribeCluster") or [None]
            fault = faults.pop(0)
            if fault:
                fault(handler, b"")
            elif name not in self.clusters:
                raise Refused(404, "ResourceNotFoundException",
                              f"No cluster found for name: {name}.")
            else:
                handler.send(200, json.dumps({"cluster": self.clusters[name]}).encode(),
                             [("Content-Type", "application/json")])
        except Refused as refused:
            eks_fails(refused.status, refused.code, str(refused))(handler, b"")


# Faults: what is sent instead of the good answer.

def eks_fails(status, code, message="no"):
    """As EKS says it."""
    def fault(handler, good):
        handler.send(status, json.dumps({"message": message}).encode(),
                     [("Content-Type", "application/json"),
                      ("x-amzn-ErrorType", f"{code}:http://internal.amazon.com/coral/")])
    return fault


def fails(status, code, message="no", headers=()):
    """Nothing is done, either."""
    def fault(handler, good):
        handler.send(status, complaint(code, message), headers)
    fault.instead = True
    return fault


def says(body, status=200):
    return lambda handler, good: handler.send(status, body)


def breaks_off(handler, good):
    """In the middle of the body, whose length was announced."""
    handler.send(200, good[:len(good) // 2], length=len(good))
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def hangs_up(handler, good):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def half(handler, good):
    """Half the XML, as if it were whole."""
    handler.send(200, good[:len(good) // 2])


def without_list(handler, good):
    text = good.decode()
    begin, end = text.index("</requestId>") + 12, text.rindex("</")
    handler.send(200, (text[:begin] + text[end:]).encode())


def edited(old, new):
    return lambda handler, good: handler.send(200, good.replace(old.encode(), new.encode()))


def after(seconds, fault=None):
    def late(handler, good):
        time.sleep(seconds)
        fault(handler, good) if fault else handler.send(200, good)
    return late


BOMB = (b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "lol">'
        + b"".join(f'<!ENTITY {chr(b)} "{f"&{chr(b - 1)};" * 10}">'.encode()
                   for b in range(ord("b"), ord("k")))
        + b"]><DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>&j;</groupId></item>"
          b"</securityGroupInfo></DescribeSecurityGroupsResponse>")
