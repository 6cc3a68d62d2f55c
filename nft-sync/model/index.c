/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/siphash.h"
#include "nft-sync/model/index.h"

#define BUCKETS_MIN 64

static uint64_t hash_key(const struct index *index, const struct index_key *key)
{
	struct siphash hash = siphash_begin(index->seed);

	siphash_word(&hash, key->kind);
	siphash_bytes(&hash, key->first, key->first_size);
	siphash_bytes(&hash, key->second, key->second_size);
	return siphash_end(&hash);
}

static bool bytes_equal(const void *a, size_t a_size, const void *b, size_t b_size)
{
	return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static bool key_equal(const struct index_key *a, const struct index_key *b)
{
	return a->kind == b->kind &&
	       bytes_equal(a->first, a->first_size, b->first, b->first_size) &&
	       bytes_equal(a->second, a->second_size, b->second, b->second_size);
}

static struct index_entry *find_from(struct index_entry *entry, uint64_t hash,
                                     const struct index_key *key)
{
	for (; entry != NULL; entry = entry->next)
		if (entry->hash == hash && key_equal(&entry->key, key))
			return entry;
	return NULL;
}

static struct index_entry **bucket_of(const struct index *index, uint64_t hash)
{
	return &index->buckets[hash & (index->bucket_count - 1)];
}

static void push(struct index *index, struct index_entry *entry)
{
	struct index_entry **bucket = bucket_of(index, entry->hash);

	entry->next = *bucket;
	*bucket = entry;
}

struct index_key index_key_string(unsigned kind, const char *name)
{
	return (struct index_key){.kind = kind, .first = name, .first_size = strlen(name)};
}

struct index_key index_key_strings(unsigned kind, const char *scope, const char *name)
{
	return (struct index_key){.kind = kind,
	                          .first = scope,
	                          .first_size = strlen(scope),
	                          .second = name,
	                          .second_size = strlen(name)};
}

int index_init(struct index *index)
{
	*index = (struct index){0};
	if (getrandom(index->seed, sizeof(index->seed), 0) != sizeof(index->seed))
		return errno != 0 ? -errno : -EIO;
	return index_reserve(index, BUCKETS_MIN);
}

void index_done(struct index *index)
{
	free(index->buckets);
	*index = (struct index){0};
}

int index_reserve(struct index *index, size_t more)
{
	size_t wanted = index->bucket_count != 0 ? index->bucket_count : BUCKETS_MIN;

	while (wanted - index->count < more && wanted <= SIZE_MAX / 4)
		wanted *= 2;
	if (wanted == index->bucket_count)
		return 0;

	struct index bigger = *index;

	bigger.buckets = calloc(wanted, sizeof(struct index_entry *));
	if (bigger.buckets == NULL)
		return -ENOMEM;
	bigger.bucket_count = wanted;
	for (size_t i = 0; i < index->bucket_count; i++) {
		struct index_entry *entry = index->buckets[i];

		while (entry != NULL) {
			struct index_entry *next = entry->next;

			push(&bigger, entry);
			entry = next;
		}
	}
	free(index->buckets);
	*index = bigger;
	return 0;
}

void index_insert(struct index *index, struct index_entry *entry)
{
	entry->hash = hash_key(index, &entry->key);
	push(index, entry);
	index->count++;
}

void index_remove(struct index *index, struct index_entry *entry)
{
	struct index_entry **link = bucket_of(index, entry->hash);

	while (*link != NULL && *link != entry)
		link = &(*link)->next;
	if (*link == NULL)
		return;
	*link = entry->next;
	index->count--;
}

struct index_entry *index_first(const struct index *index, const struct index_key *key)
{
	uint64_t hash = hash_key(index, key);

	return find_from(*bucket_of(index, hash), hash, key);
}

struct index_entry *index_next(const struct index_entry *entry)
{
	return find_from(entry->next, entry->hash, &entry->key);
}
