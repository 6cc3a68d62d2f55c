/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"

/* Small arenas are many (one a document), large ones few: chunks grow with their arena. */
#define CHUNK_SIZE_FIRST 256
#define CHUNK_SIZE_MAX (128UL << 10)

struct chunk {
	struct chunk *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct chunk *chunks; /* the first one has room left */
	size_t ceiling;
	size_t size;
	size_t next_chunk_size;
};

static struct chunk *chunk_new(size_t size)
{
	struct chunk *chunk;

	if (size > SIZE_MAX - sizeof(*chunk))
		return NULL;
	chunk = calloc(1, sizeof(*chunk) + size);
	if (chunk != NULL)
		chunk->size = size;
	return chunk;
}

/* A large piece gets a chunk of its own behind the first, whose room is not wasted so. */
static void *take_own_chunk(struct arena *arena, size_t size)
{
	struct chunk *chunk = chunk_new(size);

	if (chunk == NULL)
		return NULL;
	chunk->used = size;
	if (arena->chunks != NULL) {
		chunk->next = arena->chunks->next;
		arena->chunks->next = chunk;
	} else {
		arena->chunks = chunk;
	}
	return chunk->data;
}

static struct chunk *add_chunk(struct arena *arena)
{
	struct chunk *chunk = chunk_new(arena->next_chunk_size);

	if (chunk == NULL)
		return NULL;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	if (arena->next_chunk_size < CHUNK_SIZE_MAX)
		arena->next_chunk_size *= 2;
	return chunk;
}

/* Room in the first chunk, or NULL. */
static void *take_room(struct chunk *chunk, size_t size, size_t alignment)
{
	size_t start;

	if (chunk == NULL)
		return NULL;
	start = (chunk->used + alignment - 1) & ~(alignment - 1);
	if (start > chunk->size || size > chunk->size - start)
		return NULL;
	chunk->used = start + size;
	return chunk->data + start;
}

static void *take(struct arena *arena, size_t size, size_t alignment)
{
	void *piece;

	if (size == 0)
		size = 1;
	if (size > arena->ceiling - arena->size)
		return NULL;
	piece = take_room(arena->chunks, size, alignment);
	if (piece == NULL && size > arena->next_chunk_size / 4)
		piece = take_own_chunk(arena, size);
	else if (piece == NULL)
		piece = take_room(add_chunk(arena), size, alignment);
	if (piece != NULL)
		arena->size += size;
	return piece;
}

struct arena *arena_new(size_t ceiling)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena == NULL)
		return NULL;
	arena->ceiling = ceiling;
	arena->next_chunk_size = CHUNK_SIZE_FIRST;
	return arena;
}

void arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	while (arena->chunks != NULL) {
		struct chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		free(chunk);
	}
	free(arena);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return take(arena, size, alignof(max_align_t));
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
	char *copy;

	if (length == SIZE_MAX)
		return NULL;
	copy = take(arena, length + 1, 1);
	if (copy != NULL)
		memcpy(copy, text, length);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

size_t arena_size(const struct arena *arena)
{
	return arena->size;
}
