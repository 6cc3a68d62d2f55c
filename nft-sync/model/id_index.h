/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_ID_INDEX_H
#define PODSG_ID_INDEX_H

/*
 * A hash index of things that are known by the numbers of strings. Unlike those of index.h, its
 * entries cost a pointer: what tells them apart is the caller's anyway.
 */

#include <stddef.h>
#include <stdint.h>

struct id_entry {
	struct id_entry *next; /* in the same bucket */
};

struct id_key {
	const uint32_t *ids;
	size_t count;
};

struct id_index {
	struct id_entry **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
	struct id_key (*key_of)(const struct id_entry *entry);
};

int id_index_init(struct id_index *index, struct id_key (*key_of)(const struct id_entry *entry));
void id_index_done(struct id_index *index); /* the entries stay the caller's */

/* After it one more can be inserted without failing. -ENOMEM. */
int id_index_reserve(struct id_index *index);
void id_index_insert(struct id_index *index, struct id_entry *entry);
void id_index_remove(struct id_index *index, const struct id_entry *entry);
struct id_entry *id_index_find(const struct id_index *index, struct id_key key); /* NULL: none */

#endif
