/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CHAIN_DRAWING_H
#define PODSG_CHAIN_DRAWING_H

/* Chains drawn one after another; what went wrong is told once, in the end. */

#include "nft-sync/draw/render_chains.h"

struct chain_drawing {
	const struct chain_plan *plan;
	const struct image *previous; /* or NULL */
	struct image *image;
	int status; /* the first failure */
};

/* NULL, which every statement takes, where memory was short. */
struct image_chain *chain_begin(const char *name, const char *comment);
/* Gives the chain to the image, or the one of the previous image that is the same. */
void chain_end(struct chain_drawing *drawing, struct image_chain *chain);
void chain_go_to(struct image_chain *chain, const char *name);

/* IPv6 neighbour discovery passes; and the set that says what it is. -ENOMEM. */
void chain_pass_neighbours(struct image_chain *chain);
int draw_neighbours(struct image *image);

/* What every way ends in: permits, named exemptions, drops. */
void draw_verdicts(struct chain_drawing *drawing);

#endif
