/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/ec2_grammar.h"

static const struct ec2_member cidr_ranges[] = {
	{.xml = "cidrIp", .json = "CidrIp"}, {.xml = "description", .json = "Description"}, {0}};
static const struct ec2_member cidr_ranges_v6[] = {{.xml = "cidrIpv6", .json = "CidrIpv6"},
                                                   {.xml = "description", .json = "Description"},
                                                   {0}};
static const struct ec2_member prefix_list_ids[] = {{.xml = "prefixListId", .json = "PrefixListId"},
                                                    {.xml = "description", .json = "Description"},
                                                    {0}};
static const struct ec2_member group_pairs[] = {
	{.xml = "groupId", .json = "GroupId"}, {.xml = "description", .json = "Description"}, {0}};
static const struct ec2_member permission[] = {
	{.xml = "ipProtocol", .json = "IpProtocol"},
	{.xml = "fromPort", .json = "FromPort", .shape = EC2_NUMBER},
	{.xml = "toPort", .json = "ToPort", .shape = EC2_NUMBER},
	{.xml = "groups", .json = "UserIdGroupPairs", .shape = EC2_LIST, .item = group_pairs},
	{.xml = "ipRanges", .json = "IpRanges", .shape = EC2_LIST, .item = cidr_ranges},
	{.xml = "ipv6Ranges", .json = "Ipv6Ranges", .shape = EC2_LIST, .item = cidr_ranges_v6},
	{.xml = "prefixListIds",
         .json = "PrefixListIds",
         .shape = EC2_LIST,
         .item = prefix_list_ids},
	{0}};
static const struct ec2_member group[] = {
	{.xml = "groupId", .json = "GroupId", .id = true},
	{.xml = "groupName", .json = "GroupName"},
	{.xml = "vpcId", .json = "VpcId"},
	{.xml = "ipPermissions", .json = "IpPermissions", .shape = EC2_LIST, .item = permission},
	{.xml = "ipPermissionsEgress",
         .json = "IpPermissionsEgress",
         .shape = EC2_LIST,
         .item = permission},
	{0}};

static const struct ec2_member interface_group[] = {{.xml = "groupId", .json = "GroupId"}, {0}};
static const struct ec2_member private_address[] = {
	{.xml = "privateIpAddress", .json = "PrivateIpAddress"}, {0}};
static const struct ec2_member ipv6_address[] = {{.xml = "ipv6Address", .json = "Ipv6Address"},
                                                 {0}};
static const struct ec2_member ipv4_prefix[] = {{.xml = "ipv4Prefix", .json = "Ipv4Prefix"}, {0}};
static const struct ec2_member ipv6_prefix[] = {{.xml = "ipv6Prefix", .json = "Ipv6Prefix"}, {0}};
static const struct ec2_member interface[] = {
	{.xml = "networkInterfaceId", .json = "NetworkInterfaceId", .id = true},
	{.xml = "sourceDestCheck", .json = "SourceDestCheck", .shape = EC2_FLAG},
	{.xml = "privateIpAddress", .json = "PrivateIpAddress"},
	{.xml = "groupSet", .json = "Groups", .shape = EC2_LIST, .item = interface_group},
	{.xml = "privateIpAddressesSet",
         .json = "PrivateIpAddresses",
         .shape = EC2_LIST,
         .item = private_address},
	{.xml = "ipv6AddressesSet",
         .json = "Ipv6Addresses",
         .shape = EC2_LIST,
         .item = ipv6_address},
	{.xml = "ipv4PrefixSet", .json = "Ipv4Prefixes", .shape = EC2_LIST, .item = ipv4_prefix},
	{.xml = "ipv6PrefixSet", .json = "Ipv6Prefixes", .shape = EC2_LIST, .item = ipv6_prefix},
	{0}};

static const struct ec2_member tags[] = {
	{.xml = "key", .json = "Key"}, {.xml = "value", .json = "Value"}, {0}};
static const struct ec2_member group_use[] = {
	{.xml = "groupId", .json = "GroupId", .id = true},
	{.xml = "groupName", .json = "GroupName"},
	{.xml = "vpcId", .json = "VpcId"},
	{.xml = "tagSet", .json = "Tags", .shape = EC2_LIST, .item = tags},
	{0}};
static const struct ec2_member group_vpc[] = {{.xml = "groupId", .json = "GroupId"},
                                              {.xml = "vpcId", .json = "VpcId", .id = true},
                                              {.xml = "state", .json = "State"},
                                              {0}};
static const struct ec2_member attachment[] = {
	{.xml = "attachmentId", .json = "AttachmentId"},
	{.xml = "instanceId", .json = "InstanceId"},
	{.xml = "instanceOwnerId", .json = "InstanceOwnerId"},
	{.xml = "deviceIndex", .json = "DeviceIndex", .shape = EC2_NUMBER},
	{.xml = "status", .json = "Status"},
	{0}};
static const struct ec2_member interface_use[] = {
	{.xml = "networkInterfaceId", .json = "NetworkInterfaceId", .id = true},
	{.xml = "status", .json = "Status"},
	{.xml = "description", .json = "Description"},
	{.xml = "interfaceType", .json = "InterfaceType"},
	{.xml = "requesterId", .json = "RequesterId"},
	{.xml = "requesterManaged", .json = "RequesterManaged", .shape = EC2_FLAG},
	{.xml = "groupSet", .json = "Groups", .shape = EC2_LIST, .item = interface_group},
	{.xml = "attachment", .json = "Attachment", .shape = EC2_OBJECT, .item = attachment},
	{.xml = "tagSet", .json = "TagSet", .shape = EC2_LIST, .item = tags},
	{0}};
static const struct ec2_member instance_state[] = {{.xml = "name", .json = "Name"}, {0}};
static const struct ec2_member instance[] = {
	{.xml = "instanceId", .json = "InstanceId"},
	{.xml = "instanceState", .json = "State", .shape = EC2_OBJECT, .item = instance_state},
	{0}};
static const struct ec2_member reservation[] = {
	{.xml = "reservationId", .json = "ReservationId", .id = true},
	{.xml = "instancesSet", .json = "Instances", .shape = EC2_LIST, .item = instance},
	{0}};

static const struct ec2_member entry[] = {{.xml = "cidr", .shape = EC2_BARE, .id = true}, {0}};

const struct ec2_grammar ec2_grammars[] = {
	[EC2_SECURITY_GROUPS] = {"DescribeSecurityGroups",
                                 "DescribeSecurityGroupsResponse",
                                 {{.xml = "securityGroupInfo", .shape = EC2_LIST, .item = group},
                                  {.xml = "nextToken", .shape = EC2_TOKEN}}},
	[EC2_NETWORK_INTERFACES] =
		{"DescribeNetworkInterfaces",
                 "DescribeNetworkInterfacesResponse",
                 {{.xml = "networkInterfaceSet", .shape = EC2_LIST, .item = interface},
                  {.xml = "nextToken", .shape = EC2_TOKEN}}},
	[EC2_PREFIX_LIST_ENTRIES] = {"GetManagedPrefixListEntries",
                                     "GetManagedPrefixListEntriesResponse",
                                     {{.xml = "entrySet", .shape = EC2_LIST, .item = entry},
                                      {.xml = "nextToken", .shape = EC2_TOKEN}}},
	[EC2_INTERFACE_USES] =
		{"DescribeNetworkInterfaces",
                 "DescribeNetworkInterfacesResponse",
                 {{.xml = "networkInterfaceSet", .shape = EC2_LIST, .item = interface_use},
                  {.xml = "nextToken", .shape = EC2_TOKEN}}},
	[EC2_GROUP_USES] = {"DescribeSecurityGroups",
                            "DescribeSecurityGroupsResponse",
                            {{.xml = "securityGroupInfo", .shape = EC2_LIST, .item = group_use},
                             {.xml = "nextToken", .shape = EC2_TOKEN}}},
	[EC2_GROUP_VPCS] =
		{"DescribeSecurityGroupVpcAssociations",
                 "DescribeSecurityGroupVpcAssociationsResponse",
                 {{.xml = "securityGroupVpcAssociationSet", .shape = EC2_LIST, .item = group_vpc},
                  {.xml = "nextToken", .shape = EC2_TOKEN}}},
	[EC2_INSTANCES] = {"DescribeInstances",
                           "DescribeInstancesResponse",
                           {{.xml = "reservationSet", .shape = EC2_LIST, .item = reservation},
                            {.xml = "nextToken", .shape = EC2_TOKEN}}},
	[EC2_DELETE_INTERFACE] = {"DeleteNetworkInterface",
                                  "DeleteNetworkInterfaceResponse",
                                  {{.xml = "return", .shape = EC2_DONE}}},
	[EC2_DELETE_GROUP] = {"DeleteSecurityGroup",
                              "DeleteSecurityGroupResponse",
                              {{.xml = "return", .shape = EC2_DONE}}},
};
