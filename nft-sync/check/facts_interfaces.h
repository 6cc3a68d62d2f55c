/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_INTERFACES_H
#define PODSG_FACTS_INTERFACES_H

/* What EC2 says of network interfaces that no verdict depends on, and whose they are. */

#include "nft-sync/check/facts.h"

/* Strings are "" where EC2 does not say. */
struct interface_facts {
	struct fact fact; /* its name: the id */
	const char *owner;
	const char *subnet_id;
	const char *vpc_id;
	const char *status; /* "in-use", "available", … */
	const char *description;
	const char *type; /* "interface", "trunk", "branch", "efa", … */
	struct labels tags;
	const char *instance_id; /* "" also of branches: nothing is attached but their trunk */
	int device_index;        /* below 0: not attached */
	int card_index;
	const char **groups;
	size_t group_count;
	const struct network_interface *interface; /* in the model: its addresses */
};

/* NULL: not known. */
const struct interface_facts *facts_interface(const struct facts *facts, const char *id);
/* Of an instance, the one of device index 0. Looks at all. */
const struct interface_facts *facts_primary_interface(const struct facts *facts,
                                                      const char *instance_id);
const struct interface_facts *facts_interface_at(const struct facts *facts,
                                                 const struct prefix *address);

/* The security groups that a node's own packets have. */
struct node_groups {
	const char *const *ids;
	size_t count; /* 0: not known */
};

/*
 * Of the node of that name: the configured ones where it is the configuration's node, else those of
 * the listed interface that has the node's InternalIP, else the configured ones.
 */
struct node_groups facts_node_groups(const struct facts *facts, const char *node);

void load_interface_facts(struct loader *loader, const struct field *interface);
void load_interfaces_known(struct loader *loader, const struct field *document);

void facts_settle_interfaces(struct facts *facts);

#define NEEDS_INTERFACES "aws ec2 describe-network-interfaces"

#endif
