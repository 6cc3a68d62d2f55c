/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_STRINGS_H
#define PODSG_STRINGS_H

/*
 * Strings kept once, counted, each known by a number. A million of them cost some 13 bytes each
 * beside their text. Memory of strings that are gone is used for others of their size.
 */

#include "common/vector.h"

#include <stddef.h>
#include <stdint.h>

#define STRING_MAX 1015 /* bytes; Kubernetes allows no name or label of more than 317 */
#define STRING_UNITS ((STRING_MAX + 1 + 8) / 8)

struct strings {
	uint64_t **blocks;
	size_t block_count;
	size_t block_capacity;
	size_t used;                     /* of the last block */
	uint32_t free[STRING_UNITS + 1]; /* of each size, linked; 0 = none */
	uint32_t *buckets;
	size_t bucket_count; /* a power of two, or 0 */
	size_t count;
};

int strings_init(struct strings *strings); /* -ENOMEM */
void strings_done(struct strings *strings);

/* Numbers are never 0. A new reference. -ENOMEM, -ENAMETOOLONG. */
int strings_ref(struct strings *strings, const char *text, uint32_t *ret);
void strings_unref(struct strings *strings, uint32_t id);

/* Several at once: puts a reference behind those in ids, a vector of uint32_t; and gives references
 * back. */
int strings_push(struct strings *strings, struct vector *ids, const char *text);
void strings_unref_all(struct strings *strings, const uint32_t *ids, size_t count);

uint32_t strings_find(const struct strings *strings, const char *text); /* 0: it is not there */
const char *strings_text(const struct strings *strings, uint32_t id);

#endif
