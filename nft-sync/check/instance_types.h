/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_INSTANCE_TYPES_H
#define PODSG_INSTANCE_TYPES_H

/*
 * How many interfaces and addresses an instance type can have. `aws ec2 describe-instance-types`
 * says it of interfaces and addresses; of branch interfaces EC2's API says nothing, and
 * amazon-vpc-resource-controller-k8s publishes a table, of which ours is made.
 */

#include "nft-sync/check/facts.h"

struct instance_limits {
	int branches;   /* branch interfaces; 0: it can't have a trunk; below 0: not known */
	int interfaces; /* of the network card that the VPC CNI uses; 0: not known */
	int addresses;  /* IPv4 addresses of each, the first being its own; 0: not known */
};

/* Of describe-instance-types. */
struct instance_type_facts {
	struct fact fact;
	int interfaces;
	int addresses;
};

/* What the documents say, else our table. False: neither knows the type. */
bool instance_limits(const struct facts *facts, const char *type, struct instance_limits *ret);

void load_instance_type_facts(struct loader *loader, const struct field *type);

#define NEEDS_INSTANCE_TYPES "aws ec2 describe-instance-types"

/* Our table: branch_limits.c, which packaging/generate-branch-limits writes. */
struct branch_limits {
	const char *families; /* "c5 c5d": they have the same sizes with the same limits */
	const char *sizes;    /* "large=9/3/10 …": branches, interfaces, addresses */
};

extern const struct branch_limits branch_limits[]; /* families is NULL behind the last */
extern const char branch_limits_date[];            /* of the table that it was made of */

/* Of our table. */
bool branch_limits_find(const char *type, struct instance_limits *ret);

#endif
