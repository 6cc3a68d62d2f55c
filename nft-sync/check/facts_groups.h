/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_GROUPS_H
#define PODSG_FACTS_GROUPS_H

/* What EC2 says of security groups and prefix lists that no verdict depends on. */

#include "nft-sync/check/facts.h"

/* A UserIdGroupPair: a group that rules refer to. Strings are "" where EC2 does not say. */
struct group_reference {
	enum direction direction;
	const char *group;
	const char *owner;  /* account */
	const char *vpc_id; /* said of other VPCs only */
	const char *status; /* of the peering: "active", "deleted", … */
	const char *peering;
};

/* Ports of a permission whose protocol has none: EC2 ignores them. */
struct ignored_ports {
	enum direction direction;
	int16_t protocol; /* PROTOCOL_ALL or a number */
	int from, to;
};

struct group_facts {
	struct fact fact; /* its name: the id */
	const char *title;
	const char *owner;
	const char *vpc_id;
	struct labels tags;
	struct group_reference *references;
	size_t reference_count;
	struct ignored_ports *ignored;
	size_t ignored_count;
	const struct security_group *group; /* in the model */
};

/* aws ec2 describe-stale-security-groups */
struct stale_group_facts {
	struct fact fact; /* its name: the id of the group whose rules these are */
	struct group_reference *references;
	size_t reference_count;
};

struct prefix_list_facts {
	struct fact fact; /* its name: the id */
	const char *title;
	const char *owner; /* account, or "AWS" */
	uint8_t family;    /* AF_UNSPEC: not said */
	int version;       /* 0: not said */
	int max_entries;   /* 0: not said, as of AWS's own */
};

/* NULL: not known. */
const struct group_facts *facts_group(const struct facts *facts, const char *id);
const struct prefix_list_facts *facts_prefix_list(const struct facts *facts, const char *id);

/* It is of that VPC, or somebody has associated it with it. */
bool group_is_of_vpc(const struct facts *facts, const struct group_facts *group, const char *vpc);

/* What a rule that refers to it counts against quotas; 0: not known. */
unsigned prefix_list_weight(const struct prefix_list_facts *list);

void load_group_facts(struct loader *loader, const struct field *group);
void load_groups_known(struct loader *loader, const struct field *document);
void load_stale_group_facts(struct loader *loader, const struct field *group);
void load_stale_groups_known(struct loader *loader, const struct field *document);
void load_group_vpc_facts(struct loader *loader, const struct field *association);
void load_group_vpcs_known(struct loader *loader, const struct field *document);
void load_prefix_list_facts(struct loader *loader, const struct field *list);
void load_prefix_lists_known(struct loader *loader, const struct field *document);

void facts_settle_groups(struct facts *facts);

#define NEEDS_GROUPS "aws ec2 describe-security-groups"
#define NEEDS_GROUP_VPCS "aws ec2 describe-security-group-vpc-associations"
#define NEEDS_PREFIX_LISTS "aws ec2 describe-managed-prefix-lists"
#define NEEDS_PREFIX_LIST_ENTRIES                                                                  \
	"aws ec2 get-managed-prefix-list-entries, of each list, with its PrefixListId added"

#endif
