/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RULE_IMAGE_H
#define PODSG_RULE_IMAGE_H

/* A compiled rule set as sets and chains of an image. */

#include "nft-sync/compile/rule_set.h"
#include "nft-sync/draw/image.h"
#include "nft-sync/draw/peer_chains.h"
#include "nft-sync/draw/render_members.h"

struct rule_image {
	struct image_set **sets;
	size_t set_count;
	struct image_chain **chains; /* shared ones too; the first is where judging begins */
	size_t chain_count;
};

/* Of the compiled content: equal digests, equal sets and chains. */
uint64_t rule_image_digest(const struct rule_set *set, const struct member_image *const *members);

/*
 * members: those of each peer group of the rule set, in its order. groups: what people call it, for
 * comments. Chains of peer groups come from peer_chains. -ENOMEM.
 */
int rule_image_make(const struct rule_set *set, const struct member_image *const *members,
                    enum direction direction, enum rules_use use, uint64_t digest,
                    const char *groups, struct peer_chains *peer_chains, struct rule_image **ret);
void rule_image_free(struct rule_image *image); /* accepts NULL */

#endif
