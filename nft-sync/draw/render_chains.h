/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RENDER_CHAINS_H
#define PODSG_RENDER_CHAINS_H

/* The chains that are the same whatever the rules say: which question is asked when. */

#include "nft-sync/draw/image.h"
#include "nft-sync/resolve/resolution.h"

struct chain_plan {
	const struct config *config;
	const char *primary_interface;       /* "" = unknown */
	const char *node_chains[DIRECTIONS]; /* "" = the node's groups are not asked */
	bool strict;                         /* there are strict interfaces */
	bool claimed; /* there are interfaces whose pod lost its address: nothing of theirs passes
	               */
};

/* Adds all of them. Chains of previous (may be NULL) that stay the same are taken over. -ENOMEM. */
int render_chains(const struct chain_plan *plan, const struct image *previous, struct image *image);

/* The two bits of the connection mark. An end is the flow's originator's or its responder's. */
uint32_t mark_of_originator(const struct config *config);
uint32_t mark_of_responder(const struct config *config);

/* "drop-egress-source" and the like. */
extern const struct drop_reason {
	enum direction direction;
	const char *reason;
} drop_reasons[];
extern const size_t drop_reason_count;

/* "podsg ingress rules: ", as the reason's packets are logged. Returns buffer. */
#define DROP_PREFIX_MAX 64
const char *drop_prefix(const struct drop_reason *drop, char buffer[static DROP_PREFIX_MAX]);

#endif
