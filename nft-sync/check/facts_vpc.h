/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_VPC_H
#define PODSG_FACTS_VPC_H

/* VPCs, subnets and route tables, as `aws ec2 describe-…` writes them. */

#include "nft-sync/check/facts.h"

struct vpc_facts {
	struct fact fact;
	const char *owner;       /* account; "" = not said */
	struct prefix *prefixes; /* associated blocks, IPv4 and IPv6 */
	size_t prefix_count;
};

/* What describe-vpc-attribute says of a VPC, one attribute a document. */
struct vpc_attribute_facts {
	struct fact fact; /* namespace: "enableDnsSupport"; name: the VPC */
	bool on;
};

struct subnet_facts {
	struct fact fact;
	const char *vpc;
	const char *zone;
	const char *owner;       /* account; "" = not said */
	struct prefix *prefixes; /* IPv4 and IPv6 */
	size_t prefix_count;
	int available;   /* free IPv4 addresses; below 0: not said, or it has none at all */
	bool public_ips; /* instances that start in it get public addresses */
};

struct route_table_facts {
	struct fact fact;
	const char *vpc;
	bool main;            /* of the subnets that have no table of their own */
	const char **subnets; /* associated with it */
	size_t subnet_count;
	const char *gateway; /* where 0.0.0.0/0 goes: "igw-…", "nat-…", …; "" = nowhere */
	const char *gateway_v6;
	bool leads_elsewhere; /* to another network: a VPN, a peering, a transit gateway */
};

const struct subnet_facts *facts_subnet(const struct facts *facts, const char *id);
const struct vpc_facts *facts_vpc(const struct facts *facts, const char *id);
/* The subnet of an address, in the cluster's VPC where that is known. */
const struct subnet_facts *subnet_at(const struct facts *facts, const struct prefix *address);
/* The block of that family; NULL: it has none. */
const struct prefix *subnet_prefix(const struct subnet_facts *subnet, int family);
/* NULL: not known. */
const struct route_table_facts *route_table_of(const struct facts *facts,
                                               const struct subnet_facts *subnet);
/* Its IPv4 packets to the internet go to an internet gateway: only public addresses get through. */
bool is_public(const struct route_table_facts *table);

void load_vpc_facts(struct loader *loader, const struct field *vpc);
void load_vpc_attribute_facts(struct loader *loader, const struct field *attribute);
void load_subnet_facts(struct loader *loader, const struct field *subnet);
void load_route_table_facts(struct loader *loader, const struct field *table);

#define NEEDS_VPCS "aws ec2 describe-vpcs"
#define NEEDS_VPC_DNS_SUPPORT                                                                      \
	"aws ec2 describe-vpc-attribute --attribute enableDnsSupport --vpc-id VPC"
#define NEEDS_VPC_DNS_HOSTNAMES                                                                    \
	"aws ec2 describe-vpc-attribute --attribute enableDnsHostnames --vpc-id VPC"
#define NEEDS_SUBNETS "aws ec2 describe-subnets"
#define NEEDS_ROUTE_TABLES "aws ec2 describe-route-tables"

#endif
