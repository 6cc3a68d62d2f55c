/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "nft-sync/draw/member_cache.h"

#define GENERATION_NONE UINT64_MAX

struct member_cache {
	struct member_entry **entries; /* by group */
	size_t count, capacity;
	const struct resolution *resolution;
};

struct member_cache *member_cache_new(void)
{
	return calloc(1, sizeof(struct member_cache));
}

static void entry_free(struct member_entry *entry)
{
	if (!entry)
		return;
	member_image_unref(&entry->image);
	free(entry->group);
	free(entry);
}

void member_cache_free(struct member_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < cache->count; i++)
		entry_free(cache->entries[i]);
	free(cache->entries);
	free(cache);
}

static int bring_up_to_date(const struct member_cache *cache, struct member_entry *entry)
{
	const struct member_set *members = resolution_members(cache->resolution, entry->group);
	uint64_t generation = members ? members->generation : 0;
	struct member_image image;
	if (entry->generation == generation)
		return 0;
	int r = member_image_make(entry->group, members, &image);
	if (r < 0)
		return r;
	member_image_unref(&entry->image);
	entry->image = image;
	entry->generation = generation;
	return 0;
}

int member_cache_begin(struct member_cache *cache, const struct resolution *resolution)
{
	int r = 0;
	cache->resolution = resolution;
	for (size_t i = 0; r == 0 && i < cache->count; i++)
		r = bring_up_to_date(cache, cache->entries[i]);
	return r;
}

void member_cache_tidy(struct member_cache *cache)
{
	size_t kept = 0;
	for (size_t i = 0; i < cache->count; i++) {
		if (cache->entries[i]->holders > 0)
			cache->entries[kept++] = cache->entries[i];
		else
			entry_free(cache->entries[i]);
	}
	cache->count = kept;
}

static int compare_group(const void *key, const void *element)
{
	const struct member_entry *const *entry = element;
	return strcmp(key, (*entry)->group);
}

static struct member_entry *find(const struct member_cache *cache, const char *group)
{
	struct member_entry **found = NULL;
	if (cache->count)
		found = bsearch(group, cache->entries, cache->count, sizeof(cache->entries[0]),
		                compare_group);
	return found ? *found : NULL;
}

static bool make_room(struct member_cache *cache)
{
	if (cache->count < cache->capacity)
		return true;
	size_t capacity = cache->capacity ? 2 * cache->capacity : 64;
	struct member_entry **larger = reallocarray(cache->entries, capacity, sizeof(*larger));
	if (!larger)
		return false;
	cache->entries = larger;
	cache->capacity = capacity;
	return true;
}

static struct member_entry *add(struct member_cache *cache, const char *group)
{
	struct member_entry *entry = calloc(1, sizeof(*entry));
	if (!entry || !(entry->group = strdup(group)) || !make_room(cache)) {
		entry_free(entry);
		return NULL;
	}
	size_t place = cache->count++;
	while (place > 0 && strcmp(cache->entries[place - 1]->group, group) > 0) {
		cache->entries[place] = cache->entries[place - 1];
		place--;
	}
	cache->entries[place] = entry;
	entry->generation = GENERATION_NONE;
	return entry;
}

struct member_entry *member_cache_hold(struct member_cache *cache, const char *group)
{
	struct member_entry *entry = find(cache, group);
	if (!entry)
		entry = add(cache, group);
	if (!entry || bring_up_to_date(cache, entry) < 0)
		return NULL;
	entry->holders++;
	return entry;
}

void member_cache_release(struct member_entry *entry)
{
	if (entry)
		entry->holders--;
}
