/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_INDEX_H
#define PODSG_INDEX_H

/*
 * A hash index whose entries are the caller's memory. Several entries may have one key. The hash
 * is keyed with random bits: names come from whoever may create a pod.
 */

#include <stddef.h>
#include <stdint.h>

struct index_key {
	unsigned kind;
	const void *first;
	size_t first_size;
	const void *second;
	size_t second_size;
};

struct index_entry {
	struct index_entry *next; /* in the same bucket */
	uint64_t hash;
	struct index_key key; /* what it points to lives as long as the entry */
};

struct index {
	struct index_entry **buckets;
	size_t bucket_count; /* a power of two, or 0 */
	size_t count;
	uint64_t seed[2];
};

struct index_key index_key_string(unsigned kind, const char *name);
struct index_key index_key_strings(unsigned kind, const char *scope, const char *name);

int index_init(struct index *index);
void index_done(struct index *index); /* the entries stay the caller's */

/* After it `more` entries can be inserted without failing. -ENOMEM. */
int index_reserve(struct index *index, size_t more);
void index_insert(struct index *index, struct index_entry *entry);
void index_remove(struct index *index, struct index_entry *entry);

/* The entries of a key, in no particular order; NULL behind the last. */
struct index_entry *index_first(const struct index *index, const struct index_key *key);
struct index_entry *index_next(const struct index_entry *entry);

#endif
