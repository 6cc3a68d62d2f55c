/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_VECTOR_H
#define PODSG_VECTOR_H

#include <stddef.h>

#include "common/arena.h"

/* An array that grows outside an arena, where growing would leave the old halves behind, and moves
 * into it once its size is known. A zeroed one with its item_size set is ready. */
struct vector {
	size_t item_size;
	void *items;
	size_t count;
	size_t capacity;
};

/* A zeroed item at the end, valid until the next push; NULL on lack of memory. */
void *vector_push(struct vector *vector);

/* Copies the items into the arena (none: NULL) and empties the vector, which keeps its memory.
 * Returns 0 or -ENOMEM. */
int vector_move(struct vector *vector, struct arena *arena, void *ret_items, size_t *ret_count);

void vector_done(struct vector *vector);

#endif
