/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NODE_USE_H
#define PODSG_NODE_USE_H

/* How much of each node is taken: by pods of all namespaces, whichever are judged. */

#include "nft-sync/check/check.h"
#include "nft-sync/check/facts_nodes.h"
#include "nft-sync/check/facts_pods.h"
#include "nft-sync/check/instance_types.h"

struct node_use {
	const struct node_facts *node;
	struct instance_limits limits; /* of its type; nothing known: branches is below 0 */
	int branches;                  /* it can have; below 0: not known */
	size_t pods;                   /* on it, finished ones left out */
	size_t ordinary;               /* of these, those that need one of the node's addresses */
	size_t with_branch; /* of these, those that have a branch interface or want one */
	size_t cooling; /* branch interfaces of the node that no pod has: soon deleted, or leaked */
};

struct node_uses {
	struct node_use *items; /* as nodes are sorted */
	size_t count;
	size_t waiting; /* pods without a node that want a branch interface */
	const struct pod_facts *first_waiting;
};

/* In the run's arena. On lack of memory there are none, and the run has failed. */
struct node_uses node_uses_of(struct check_run *run);

#endif
