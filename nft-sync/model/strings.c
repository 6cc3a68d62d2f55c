/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/siphash.h"
#include "nft-sync/model/strings.h"

#define BUCKETS_MIN 64
#define BLOCK_UNITS 8192 /* of 8 bytes */
#define BLOCKS_MAX (UINT32_MAX / BLOCK_UNITS)

struct string {
	uint32_t next; /* in its bucket, or of the free ones */
	uint32_t references;
	char text[];
};

static struct string *string_at(const struct strings *strings, uint32_t id)
{
	void *at = strings->blocks[id / BLOCK_UNITS] + id % BLOCK_UNITS;

	return at;
}

static size_t units_of(size_t length)
{
	return (sizeof(struct string) + length + 1 + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

static uint32_t *bucket_of(const struct strings *strings, const char *text, size_t length)
{
	struct siphash hash = siphash_begin(siphash_process_key());

	siphash_bytes(&hash, text, length);
	return &strings->buckets[siphash_end(&hash) & (strings->bucket_count - 1)];
}

static void link_string(const struct strings *strings, uint32_t id)
{
	struct string *string = string_at(strings, id);
	uint32_t *bucket = bucket_of(strings, string->text, strlen(string->text));

	string->next = *bucket;
	*bucket = id;
}

static int grow_buckets(struct strings *strings)
{
	uint32_t *old = strings->buckets;
	size_t old_count = strings->bucket_count;
	size_t count = old_count > 0 ? 2 * old_count : BUCKETS_MIN;
	uint32_t *buckets;

	if (strings->count < old_count)
		return 0;
	buckets = calloc(count, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	strings->buckets = buckets;
	strings->bucket_count = count;
	for (size_t i = 0; i < old_count; i++) {
		for (uint32_t id = old[i], next; id > 0; id = next) {
			next = string_at(strings, id)->next;
			link_string(strings, id);
		}
	}
	free(old);
	return 0;
}

static int add_block(struct strings *strings)
{
	if (strings->block_count == strings->block_capacity) {
		size_t capacity = 2 * strings->block_capacity + 4;
		uint64_t **blocks = capacity <= BLOCKS_MAX ? reallocarray(strings->blocks, capacity,
		                                                          sizeof(*blocks))
		                                           : NULL;

		if (!blocks)
			return -ENOMEM;
		strings->blocks = blocks;
		strings->block_capacity = capacity;
	}
	strings->blocks[strings->block_count] = malloc(BLOCK_UNITS * sizeof(uint64_t));
	if (!strings->blocks[strings->block_count])
		return -ENOMEM;
	/* No string has the number 0. */
	strings->used = strings->block_count++ == 0 ? 1 : 0;
	return 0;
}

/* What is left of a block that the string does not fit into is lost. */
static uint32_t take_units(struct strings *strings, size_t units)
{
	uint32_t id = strings->free[units];

	if (id > 0) {
		strings->free[units] = string_at(strings, id)->next;
		return id;
	}
	if ((strings->block_count == 0 || strings->used + units > BLOCK_UNITS) &&
	    add_block(strings) < 0)
		return 0;
	id = (uint32_t)((strings->block_count - 1) * BLOCK_UNITS + strings->used);
	strings->used += units;
	return id;
}

static uint32_t find_in(const struct strings *strings, uint32_t first, const char *text)
{
	uint32_t id = first;

	while (id > 0 && strcmp(string_at(strings, id)->text, text) != 0)
		id = string_at(strings, id)->next;
	return id;
}

static int add(struct strings *strings, const char *text, size_t length, uint32_t *ret)
{
	struct string *string;

	*ret = grow_buckets(strings) == 0 ? take_units(strings, units_of(length)) : 0;
	if (*ret == 0)
		return -ENOMEM;
	string = string_at(strings, *ret);
	string->references = 1;
	memcpy(string->text, text, length + 1);
	link_string(strings, *ret);
	strings->count++;
	return 0;
}

int strings_init(struct strings *strings)
{
	*strings = (struct strings){0};
	return grow_buckets(strings);
}

void strings_done(struct strings *strings)
{
	for (size_t i = 0; i < strings->block_count; i++)
		free(strings->blocks[i]);
	free(strings->blocks);
	free(strings->buckets);
	*strings = (struct strings){0};
}

int strings_ref(struct strings *strings, const char *text, uint32_t *ret)
{
	size_t length = strlen(text);

	if (length > STRING_MAX)
		return -ENAMETOOLONG;
	*ret = find_in(strings, *bucket_of(strings, text, length), text);
	if (*ret == 0)
		return add(strings, text, length, ret);
	string_at(strings, *ret)->references++;
	return 0;
}

void strings_unref(struct strings *strings, uint32_t id)
{
	struct string *string = string_at(strings, id);
	size_t length = strlen(string->text);
	uint32_t *link;

	if (--string->references > 0)
		return;
	link = bucket_of(strings, string->text, length);
	while (*link != id)
		link = &string_at(strings, *link)->next;
	*link = string->next;
	string->next = strings->free[units_of(length)];
	strings->free[units_of(length)] = id;
	strings->count--;
}

int strings_push(struct strings *strings, struct vector *ids, const char *text)
{
	uint32_t *id = vector_push(ids);
	int ret = id ? strings_ref(strings, text, id) : -ENOMEM;

	if (id && ret < 0)
		ids->count--;
	return ret;
}

void strings_unref_all(struct strings *strings, const uint32_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		strings_unref(strings, ids[i]);
}

uint32_t strings_find(const struct strings *strings, const char *text)
{
	return find_in(strings, *bucket_of(strings, text, strlen(text)), text);
}

const char *strings_text(const struct strings *strings, uint32_t id)
{
	return string_at(strings, id)->text;
}
