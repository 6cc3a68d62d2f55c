/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_POOL_H
#define PODSG_POOL_H

/*
 * Memory for a great many small things that live long. Between those that malloc() hands out they
 * would leave the holes that a parser's short-lived pieces then have to be gathered from, for ever
 * slower. What is given back is used for others of its size.
 */

#include <stddef.h>

#define POOL_PIECE_MAX 1024 /* bytes; malloc() has what is larger */

struct pool_block;
struct pool_piece;

/* Zero to begin with. */
struct pool {
	struct pool_block *blocks;
	size_t used;                                              /* units of the newest block */
	struct pool_piece *free[POOL_PIECE_MAX / sizeof(void *)]; /* by size */
};

void *pool_take(struct pool *pool, size_t size); /* zeroed; NULL: no memory */
void pool_give(struct pool *pool, void *piece, size_t size);
/* Every piece larger than the maximum has been given back. */
void pool_done(struct pool *pool);

#endif
