/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SUBNET_USE_H
#define PODSG_SUBNET_USE_H

/* Who has addresses in each subnet, and who will have. */

#include "nft-sync/check/check.h"
#include "nft-sync/check/facts_nodes.h"
#include "nft-sync/check/facts_pods.h"
#include "nft-sync/check/facts_vpc.h"

struct subnet_use {
	const struct subnet_facts *subnet;
	const struct route_table_facts *table; /* NULL: not known */
	bool cluster;                          /* EKS puts its own interfaces there */
	size_t nodes;
	const struct node_facts *first_node;
	bool for_branches; /* pods with groups get their addresses there */
	size_t pods;       /* judged ones that have their branch interface there, with IPv4 */
	const struct pod_facts *first_pod;
};

struct subnet_uses {
	struct subnet_use *items; /* sorted by id; those of nobody, too */
	size_t count;
	bool strangers; /* some address is in no subnet that is known */
};

/* In the run's arena. On lack of memory there are none, and the run has failed. */
struct subnet_uses subnet_uses_of(struct check_run *run);

/* "ip-10-0-1-10 and 3 more"; cut to size, returns buffer. */
#define USERS_TEXT_MAX 320
const char *nodes_text(const struct subnet_use *use, char buffer[static USERS_TEXT_MAX]);

static inline bool is_used(const struct subnet_use *use)
{
	return use->cluster || use->nodes > 0 || use->for_branches || use->pods > 0;
}

#endif
