/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DELTA_H
#define PODSG_DELTA_H

/*
 * What leads from one image to another, in an order that the kernel takes in one batch: nothing is
 * referred to before it exists, and nothing goes while it is referred to (EBUSY).
 */

#include "nft-sync/draw/image.h"

enum delta_kind {
	DELTA_DELETE_TABLE,
	DELTA_ADD_TABLE,
	DELTA_ADD_SET,
	DELTA_ADD_CHAIN,
	DELTA_FLUSH_CHAIN,
	DELTA_ADD_RULES,
	DELTA_DELETE_ELEMENTS,
	DELTA_ADD_ELEMENTS,
	DELTA_DELETE_SET,
	DELTA_DELETE_CHAIN,
};

/* Sets and chains belong to the images; indexes, where given, name the elements of set. */
struct delta_step {
	enum delta_kind kind;
	const struct image_set *set;
	const struct image_chain *chain;
	size_t *indexes; /* NULL: all elements */
	size_t count;
};

struct delta {
	struct delta_step *steps;
	size_t count, capacity;
	size_t elements_added, elements_deleted;
};

/* from NULL: nothing is there; to is not present: nothing is to be. -ENOMEM. Both images must
 * outlive the delta. */
int delta_make(const struct image *from, const struct image *to, struct delta **ret);
void delta_free(struct delta *delta); /* accepts NULL */

#endif
