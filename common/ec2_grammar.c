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

static const struct ec2_member owned_group_pairs[] = {
	{.xml = "groupId", .json = "GroupId"},
	{.xml = "userId", .json = "UserId"},
	{.xml = "vpcId", .json = "VpcId"},
	{.xml = "vpcPeeringConnectionId", .json = "VpcPeeringConnectionId"},
	{.xml = "peeringStatus", .json = "PeeringStatus"},
	{0}};
static const struct ec2_member owned_permission[] = {
	{.xml = "ipProtocol", .json = "IpProtocol"},
	{.xml = "fromPort", .json = "FromPort", .shape = EC2_NUMBER},
	{.xml = "toPort", .json = "ToPort", .shape = EC2_NUMBER},
	{.xml = "groups", .json = "UserIdGroupPairs", .shape = EC2_LIST, .item = owned_group_pairs},
	{.xml = "ipRanges", .json = "IpRanges", .shape = EC2_LIST, .item = cidr_ranges},
	{.xml = "ipv6Ranges", .json = "Ipv6Ranges", .shape = EC2_LIST, .item = cidr_ranges_v6},
	{.xml = "prefixListIds",
         .json = "PrefixListIds",
         .shape = EC2_LIST,
         .item = prefix_list_ids},
	{0}};
static const struct ec2_member owned_group[] = {
	{.xml = "groupId", .json = "GroupId", .id = true},
	{.xml = "groupName", .json = "GroupName"},
	{.xml = "ownerId", .json = "OwnerId"},
	{.xml = "vpcId", .json = "VpcId"},
	{.xml = "ipPermissions",
         .json = "IpPermissions",
         .shape = EC2_LIST,
         .item = owned_permission},
	{.xml = "ipPermissionsEgress",
         .json = "IpPermissionsEgress",
         .shape = EC2_LIST,
         .item = owned_permission},
	{.xml = "tagSet", .json = "Tags", .shape = EC2_LIST, .item = tags},
	{0}};
static const struct ec2_member owned_interface[] = {
	{.xml = "networkInterfaceId", .json = "NetworkInterfaceId", .id = true},
	{.xml = "status", .json = "Status"},
	{.xml = "description", .json = "Description"},
	{.xml = "interfaceType", .json = "InterfaceType"},
	{.xml = "ownerId", .json = "OwnerId"},
	{.xml = "requesterId", .json = "RequesterId"},
	{.xml = "vpcId", .json = "VpcId"},
	{.xml = "subnetId", .json = "SubnetId"},
	{.xml = "sourceDestCheck", .json = "SourceDestCheck", .shape = EC2_FLAG},
	{.xml = "privateIpAddress", .json = "PrivateIpAddress"},
	{.xml = "groupSet", .json = "Groups", .shape = EC2_LIST, .item = interface_group},
	{.xml = "attachment", .json = "Attachment", .shape = EC2_OBJECT, .item = attachment},
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
	{.xml = "tagSet", .json = "TagSet", .shape = EC2_LIST, .item = tags},
	{0}};
static const struct ec2_member prefix_list[] = {
	{.xml = "prefixListId", .json = "PrefixListId", .id = true},
	{.xml = "addressFamily", .json = "AddressFamily"},
	{.xml = "state", .json = "State"},
	{.xml = "prefixListName", .json = "PrefixListName"},
	{.xml = "maxEntries", .json = "MaxEntries", .shape = EC2_NUMBER},
	{.xml = "ownerId", .json = "OwnerId"},
	{0}};
static const struct ec2_member block_state[] = {{.xml = "state", .json = "State"}, {0}};
static const struct ec2_member subnet_block_v6[] = {
	{.xml = "ipv6CidrBlock", .json = "Ipv6CidrBlock"},
	{.xml = "ipv6CidrBlockState",
         .json = "Ipv6CidrBlockState",
         .shape = EC2_OBJECT,
         .item = block_state},
	{0}};
static const struct ec2_member vpc_block[] = {{.xml = "cidrBlock", .json = "CidrBlock"},
                                              {.xml = "cidrBlockState",
                                               .json = "CidrBlockState",
                                               .shape = EC2_OBJECT,
                                               .item = block_state},
                                              {0}};
static const struct ec2_member subnet[] = {
	{.xml = "subnetId", .json = "SubnetId", .id = true},
	{.xml = "vpcId", .json = "VpcId"},
	{.xml = "ownerId", .json = "OwnerId"},
	{.xml = "state", .json = "State"},
	{.xml = "availabilityZone", .json = "AvailabilityZone"},
	{.xml = "cidrBlock", .json = "CidrBlock"},
	{.xml = "availableIpAddressCount", .json = "AvailableIpAddressCount", .shape = EC2_NUMBER},
	{.xml = "mapPublicIpOnLaunch", .json = "MapPublicIpOnLaunch", .shape = EC2_FLAG},
	{.xml = "ipv6Native", .json = "Ipv6Native", .shape = EC2_FLAG},
	{.xml = "ipv6CidrBlockAssociationSet",
         .json = "Ipv6CidrBlockAssociationSet",
         .shape = EC2_LIST,
         .item = subnet_block_v6},
	{.xml = "tagSet", .json = "Tags", .shape = EC2_LIST, .item = tags},
	{0}};
static const struct ec2_member vpc[] = {
	{.xml = "vpcId", .json = "VpcId", .id = true},
	{.xml = "ownerId", .json = "OwnerId"},
	{.xml = "state", .json = "State"},
	{.xml = "cidrBlock", .json = "CidrBlock"},
	{.xml = "isDefault", .json = "IsDefault", .shape = EC2_FLAG},
	{.xml = "cidrBlockAssociationSet",
         .json = "CidrBlockAssociationSet",
         .shape = EC2_LIST,
         .item = vpc_block},
	{.xml = "ipv6CidrBlockAssociationSet",
         .json = "Ipv6CidrBlockAssociationSet",
         .shape = EC2_LIST,
         .item = subnet_block_v6},
	{.xml = "tagSet", .json = "Tags", .shape = EC2_LIST, .item = tags},
	{0}};
static const struct ec2_member route[] = {
	{.xml = "destinationCidrBlock", .json = "DestinationCidrBlock"},
	{.xml = "destinationIpv6CidrBlock", .json = "DestinationIpv6CidrBlock"},
	{.xml = "destinationPrefixListId", .json = "DestinationPrefixListId"},
	{.xml = "egressOnlyInternetGatewayId", .json = "EgressOnlyInternetGatewayId"},
	{.xml = "gatewayId", .json = "GatewayId"},
	{.xml = "instanceId", .json = "InstanceId"},
	{.xml = "natGatewayId", .json = "NatGatewayId"},
	{.xml = "transitGatewayId", .json = "TransitGatewayId"},
	{.xml = "networkInterfaceId", .json = "NetworkInterfaceId"},
	{.xml = "vpcPeeringConnectionId", .json = "VpcPeeringConnectionId"},
	{.xml = "localGatewayId", .json = "LocalGatewayId"},
	{.xml = "carrierGatewayId", .json = "CarrierGatewayId"},
	{.xml = "coreNetworkArn", .json = "CoreNetworkArn"},
	{.xml = "state", .json = "State"},
	{0}};
static const struct ec2_member association[] = {{.xml = "main", .json = "Main", .shape = EC2_FLAG},
                                                {.xml = "subnetId", .json = "SubnetId"},
                                                {.xml = "gatewayId", .json = "GatewayId"},
                                                {0}};
static const struct ec2_member route_table[] = {
	{.xml = "routeTableId", .json = "RouteTableId", .id = true},
	{.xml = "vpcId", .json = "VpcId"},
	{.xml = "ownerId", .json = "OwnerId"},
	{.xml = "associationSet", .json = "Associations", .shape = EC2_LIST, .item = association},
	{.xml = "routeSet", .json = "Routes", .shape = EC2_LIST, .item = route},
	{.xml = "tagSet", .json = "Tags", .shape = EC2_LIST, .item = tags},
	{0}};

/* No association has a name of its own. */
static const struct ec2_member owned_group_vpc[] = {
	{.xml = "groupId", .json = "GroupId", .id = true},
	{.xml = "vpcId", .json = "VpcId", .id = true},
	{.xml = "state", .json = "State"},
	{0}};
static const struct ec2_member network_card[] = {
	{.xml = "networkCardIndex", .json = "NetworkCardIndex", .shape = EC2_NUMBER},
	{.xml = "maximumNetworkInterfaces",
         .json = "MaximumNetworkInterfaces",
         .shape = EC2_NUMBER},
	{0}};
static const struct ec2_member network_info[] = {
	{.xml = "maximumNetworkInterfaces",
         .json = "MaximumNetworkInterfaces",
         .shape = EC2_NUMBER},
	{.xml = "defaultNetworkCardIndex", .json = "DefaultNetworkCardIndex", .shape = EC2_NUMBER},
	{.xml = "networkCards", .json = "NetworkCards", .shape = EC2_LIST, .item = network_card},
	{.xml = "ipv4AddressesPerInterface",
         .json = "Ipv4AddressesPerInterface",
         .shape = EC2_NUMBER},
	{0}};
static const struct ec2_member instance_type[] = {
	{.xml = "instanceType", .json = "InstanceType", .id = true},
	{.xml = "networkInfo", .json = "NetworkInfo", .shape = EC2_OBJECT, .item = network_info},
	{0}};
static const struct ec2_member attribute_value[] = {
	{.xml = "value", .json = "Value", .shape = EC2_FLAG}, {0}};
static const struct ec2_member vpc_attribute[] = {{.xml = "vpcId", .json = "VpcId", .id = true},
                                                  {.xml = "enableDnsSupport",
                                                   .json = "EnableDnsSupport",
                                                   .shape = EC2_OBJECT,
                                                   .item = attribute_value},
                                                  {.xml = "enableDnsHostnames",
                                                   .json = "EnableDnsHostnames",
                                                   .shape = EC2_OBJECT,
                                                   .item = attribute_value},
                                                  {0}};

static const struct ec2_member entry[] = {{.xml = "cidr", .shape = EC2_BARE, .id = true}, {0}};
static const struct ec2_member whole_entry[] = {{.xml = "cidr", .json = "Cidr", .id = true},
                                                {.xml = "description", .json = "Description"},
                                                {0}};

/* All but what is deleted comes in pages. */
#define IN_PAGES(action, list, items)                                                              \
	{                                                                                          \
		action, action "Response",                                                         \
		{                                                                                  \
			{.xml = (list), .shape = EC2_LIST, .item = (items)},                       \
			{                                                                          \
				.xml = "nextToken", .shape = EC2_TOKEN                             \
			}                                                                          \
		}                                                                                  \
	}
#define AT_ONCE(action)                                                                            \
	{                                                                                          \
		action, action "Response",                                                         \
		{                                                                                  \
			{                                                                          \
				.xml = "return", .shape = EC2_DONE                                 \
			}                                                                          \
		}                                                                                  \
	}

#define ATTRIBUTE(of, name, whole)                                                                 \
	{                                                                                          \
		"Describe" of "Attribute", "Describe" of "AttributeResponse",                      \
			{{.shape = EC2_WHOLE, .item = (whole)}}, name                              \
	}

const struct ec2_grammar ec2_grammars[] = {
	[EC2_SECURITY_GROUPS] = IN_PAGES("DescribeSecurityGroups", "securityGroupInfo", group),
	[EC2_NETWORK_INTERFACES] =
		IN_PAGES("DescribeNetworkInterfaces", "networkInterfaceSet", interface),
	[EC2_PREFIX_LIST_ENTRIES] = IN_PAGES("GetManagedPrefixListEntries", "entrySet", entry),
	[EC2_INTERFACE_USES] =
		IN_PAGES("DescribeNetworkInterfaces", "networkInterfaceSet", interface_use),
	[EC2_GROUP_USES] = IN_PAGES("DescribeSecurityGroups", "securityGroupInfo", group_use),
	[EC2_GROUP_VPCS] = IN_PAGES("DescribeSecurityGroupVpcAssociations",
                                    "securityGroupVpcAssociationSet", group_vpc),
	[EC2_INSTANCES] = IN_PAGES("DescribeInstances", "reservationSet", reservation),
	[EC2_OWNED_GROUPS] = IN_PAGES("DescribeSecurityGroups", "securityGroupInfo", owned_group),
	[EC2_OWNED_INTERFACES] =
		IN_PAGES("DescribeNetworkInterfaces", "networkInterfaceSet", owned_interface),
	[EC2_PREFIX_LISTS] = IN_PAGES("DescribeManagedPrefixLists", "prefixListSet", prefix_list),
	[EC2_WHOLE_ENTRIES] = IN_PAGES("GetManagedPrefixListEntries", "entrySet", whole_entry),
	[EC2_SUBNETS] = IN_PAGES("DescribeSubnets", "subnetSet", subnet),
	[EC2_VPCS] = IN_PAGES("DescribeVpcs", "vpcSet", vpc),
	[EC2_ROUTE_TABLES] = IN_PAGES("DescribeRouteTables", "routeTableSet", route_table),
	[EC2_OWNED_GROUP_VPCS] = IN_PAGES("DescribeSecurityGroupVpcAssociations",
                                          "securityGroupVpcAssociationSet", owned_group_vpc),
	[EC2_INSTANCE_TYPES] = IN_PAGES("DescribeInstanceTypes", "instanceTypeSet", instance_type),
	[EC2_VPC_DNS_SUPPORT] = ATTRIBUTE("Vpc", "enableDnsSupport", vpc_attribute),
	[EC2_VPC_DNS_HOSTNAMES] = ATTRIBUTE("Vpc", "enableDnsHostnames", vpc_attribute),
	[EC2_DELETE_INTERFACE] = AT_ONCE("DeleteNetworkInterface"),
	[EC2_DELETE_GROUP] = AT_ONCE("DeleteSecurityGroup"),
};
