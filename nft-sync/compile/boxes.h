/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_BOXES_H
#define PODSG_BOXES_H

/* The compiler's middle: any heap of boxes becomes disjoint sets of them. */

#include "nft-sync/compile/rule_set.h"

struct placed_box {
	struct box box;
	enum match_class class;
	unsigned depth;
};

/*
 * Merges, drops what another box covers, gives every box that is left its depth and orders them by
 * set (family, class, depth), then as struct box_set says. In place; *count becomes what is left.
 * -ENOMEM.
 */
int boxes_normalise(struct placed_box *boxes, size_t *count, struct arena *scratch);

#endif
