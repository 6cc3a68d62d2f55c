/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RULE_IMAGE_H
#define PODSG_RULE_IMAGE_H

/* A compiled rule set as sets and chains of an image. */

#include "nft-sync/image.h"
#include "nft-sync/render_members.h"
#include "nft-sync/rule_set.h"

/* What a match in a chain of rules leads to. */
enum rules_use {
	RULES_OF_BRANCH, /* goto permit-…, else drop-…-rules */
	RULES_OF_NODE,   /* return, else drop-…-node-groups */
};

struct rule_image {
	struct image_set **sets;
	size_t set_count;
	struct image_chain *chains[2]; /* [1], NULL where not needed: flows behind a DNAT */
};

/* Of the compiled content: equal digests, equal sets and chains. */
uint64_t rule_image_digest(const struct rule_set *set, const struct member_image *const *members);

/*
 * members: those of each peer group of the rule set, in its order. groups: what people call it, for
 * comments. -ENOMEM.
 */
int rule_image_make(const struct rule_set *set, const struct member_image *const *members,
                    enum direction direction, enum rules_use use, uint64_t digest,
                    const char *groups, struct rule_image **ret);
void rule_image_free(struct rule_image *image); /* accepts NULL */

#endif
