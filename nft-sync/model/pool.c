/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "nft-sync/model/pool.h"

#define BLOCK_UNITS 8191 /* 64 KiB with the link */

struct pool_block {
	struct pool_block *next;
	void *units[BLOCK_UNITS];
};

struct pool_piece {
	struct pool_piece *next; /* of those that are free */
};

/* At least one. */
static size_t units_of(size_t size)
{
	return size > 0 ? (size + sizeof(void *) - 1) / sizeof(void *) : 1;
}

/* What is left of a block that the piece does not fit into is lost. */
static void *cut(struct pool *pool, size_t units)
{
	struct pool_block *block = pool->blocks;

	if (!block || pool->used + units > BLOCK_UNITS) {
		block = malloc(sizeof(*block));
		if (!block)
			return NULL;
		block->next = pool->blocks;
		pool->blocks = block;
		pool->used = 0;
	}
	pool->used += units;
	return &block->units[pool->used - units];
}

void *pool_take(struct pool *pool, size_t size)
{
	size_t units = units_of(size);
	struct pool_piece *known;
	void *piece;

	if (size > POOL_PIECE_MAX)
		return calloc(1, size);
	known = pool->free[units - 1];
	if (known)
		pool->free[units - 1] = known->next;
	piece = known ? known : cut(pool, units);
	return piece ? memset(piece, 0, size) : NULL;
}

void pool_give(struct pool *pool, void *piece, size_t size)
{
	struct pool_piece *free_piece = piece;

	if (size > POOL_PIECE_MAX) {
		free(piece);
		return;
	}
	free_piece->next = pool->free[units_of(size) - 1];
	pool->free[units_of(size) - 1] = free_piece;
}

void pool_done(struct pool *pool)
{
	struct pool_block *next;

	for (struct pool_block *block = pool->blocks; block; block = next) {
		next = block->next;
		free(block);
	}
	*pool = (struct pool){0};
}
