/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/siphash.h"
#include "nft-sync/model/id_index.h"

#define BUCKETS_MIN 64

static struct id_entry **bucket_of(const struct id_index *index, struct id_key key)
{
	struct siphash hash = siphash_begin(siphash_process_key());

	siphash_bytes(&hash, key.ids, key.count * sizeof(*key.ids));
	return &index->buckets[siphash_end(&hash) & (index->bucket_count - 1)];
}

static bool key_equal(struct id_key a, struct id_key b)
{
	return a.count == b.count &&
	       (a.count == 0 || memcmp(a.ids, b.ids, a.count * sizeof(*a.ids)) == 0);
}

static void push(const struct id_index *index, struct id_entry *entry)
{
	struct id_entry **bucket = bucket_of(index, index->key_of(entry));

	entry->next = *bucket;
	*bucket = entry;
}

static int resize(struct id_index *index, size_t bucket_count)
{
	struct id_index bigger = *index;

	bigger.bucket_count = bucket_count;
	bigger.buckets = calloc(bucket_count, sizeof(struct id_entry *));
	if (!bigger.buckets)
		return -ENOMEM;
	for (size_t i = 0; i < index->bucket_count; i++) {
		struct id_entry *entry = index->buckets[i];

		while (entry) {
			struct id_entry *next = entry->next;

			push(&bigger, entry);
			entry = next;
		}
	}
	free(index->buckets);
	*index = bigger;
	return 0;
}

int id_index_init(struct id_index *index, struct id_key (*key_of)(const struct id_entry *entry))
{
	*index = (struct id_index){.key_of = key_of};
	return resize(index, BUCKETS_MIN);
}

void id_index_done(struct id_index *index)
{
	free(index->buckets);
	*index = (struct id_index){0};
}

int id_index_reserve(struct id_index *index)
{
	return index->count < index->bucket_count ? 0 : resize(index, 2 * index->bucket_count);
}

void id_index_insert(struct id_index *index, struct id_entry *entry)
{
	push(index, entry);
	index->count++;
}

void id_index_remove(struct id_index *index, const struct id_entry *entry)
{
	struct id_entry **link = bucket_of(index, index->key_of(entry));

	while (*link && *link != entry)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = entry->next;
	index->count--;
}

struct id_entry *id_index_find(const struct id_index *index, struct id_key key)
{
	struct id_entry *entry = *bucket_of(index, key);

	while (entry && !key_equal(index->key_of(entry), key))
		entry = entry->next;
	return entry;
}
