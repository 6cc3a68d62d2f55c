/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_PEER_CHAINS_H
#define PODSG_PEER_CHAINS_H

/*
 * The chains that ask whether a packet's peer belongs to one of some groups: "from-sg-0a1",
 * "to-sg-0b2". All rule sets that refer to the same groups share one.
 */

#include "common/objects.h"
#include "nft-sync/draw/image.h"
#include "nft-sync/draw/render_members.h"

/* What a match in a chain of rules leads to. */
enum rules_use {
	RULES_OF_BRANCH, /* goto permit-…, else drop-…-rules */
	RULES_OF_NODE,   /* return, else drop-…-node-groups */
};

/* The groups, in the order of their ids, and their member sets. */
struct peer_list {
	const char *ids[64];
	const struct member_image *members[64];
	size_t count;
};

struct peer_chains;

struct peer_chains *peer_chains_new(void);         /* NULL: no memory */
void peer_chains_free(struct peer_chains *chains); /* accepts NULL */

/* Forgets the chains that nobody else refers to any more. */
void peer_chains_tidy(struct peer_chains *chains);

/* The chain of these groups; the registry keeps its reference. NULL: no memory. */
struct image_chain *peer_chains_get(struct peer_chains *chains, enum direction direction,
                                    enum rules_use use, const struct peer_list *list);

/* What a match and what no match leads to; the rule, or the chain, ends with it. */
void rules_permit(struct image_rule *rule, enum direction direction, enum rules_use use);
void rules_drop(struct image_chain *chain, enum direction direction, enum rules_use use);

#endif
