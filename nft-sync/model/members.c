/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/model/member_merge.h"

struct membership {
	struct member_group *group;
	struct prefix prefix;
};

struct layer {
	struct membership *items;
	size_t count;
	uint64_t stamp;
};

struct members {
	struct index groups;
	uint64_t serial;
	uint64_t generation;
	struct layer layers[MEMBER_LAYERS];
};

struct merged_groups {
	struct merged *items;
	size_t count;
	size_t capacity;
};

void member_list_unref(struct member_list *list)
{
	if (list != NULL && --list->references == 0)
		free(list);
}

static void group_free(struct members *members, struct member_group *group)
{
	index_remove(&members->groups, &group->entry);
	member_list_unref(group->list);
	free(group->references);
	free(group);
}

static struct member_group *group_find(const struct members *members, const char *id)
{
	struct index_key key = index_key_string(0, id);
	void *entry = index_first(&members->groups, &key);

	return entry;
}

static struct member_group *group_get(struct members *members, const char *id)
{
	struct member_group *group = group_find(members, id);
	size_t size = strlen(id) + 1;

	if (group != NULL)
		return group;
	if (index_reserve(&members->groups, 1) < 0)
		return NULL;
	group = calloc(1, sizeof(*group) + size);
	if (group == NULL)
		return NULL;
	memcpy(group->id, id, size);
	group->serial = ++members->serial;
	group->entry.key = index_key_string(0, group->id);
	index_insert(&members->groups, &group->entry);
	return group;
}

static void batch_reserve(struct member_batch *batch, size_t more)
{
	size_t capacity = batch->capacity != 0 ? batch->capacity : 256;
	struct member_change *changes;

	while (capacity - batch->count < more && capacity <= SIZE_MAX / 2)
		capacity *= 2;
	if (capacity == batch->capacity)
		return;
	changes = reallocarray(batch->changes, capacity, sizeof(*changes));
	if (changes == NULL) {
		batch->failed = true;
		return;
	}
	batch->changes = changes;
	batch->capacity = capacity;
}

static void batch_push(struct member_batch *batch, struct member_group *group,
                       const struct prefix *prefix, int by)
{
	if (!batch->failed)
		batch->changes[batch->count++] = (struct member_change){group, *prefix, (int8_t)by};
}

void member_batch_add(struct member_batch *batch, const char *group, const struct prefix *prefix,
                      int by)
{
	struct member_group *found = group_get(batch->members, group);

	if (found == NULL)
		batch->failed = true;
	batch_reserve(batch, 1);
	batch_push(batch, found, prefix, by);
}

static struct merged *merged_grow(struct merged_groups *groups)
{
	if (groups->count == groups->capacity) {
		size_t capacity = groups->capacity != 0 ? groups->capacity * 2 : 32;
		struct merged *items = reallocarray(groups->items, capacity, sizeof(*items));

		if (items == NULL)
			return NULL;
		groups->items = items;
		groups->capacity = capacity;
	}
	return &groups->items[groups->count];
}

static int merge_all(struct merged_groups *groups, const struct member_batch *batch)
{
	for (size_t from = 0, end; from < batch->count; from = end) {
		end = member_changes_end(batch, from);
		if (!member_changes_matter(batch, from, end))
			continue;

		struct merged *merged = merged_grow(groups);

		if (merged == NULL || member_merge(merged, batch, from, end) < 0)
			return -ENOMEM;
		groups->count++;
	}
	return 0;
}

/* Reference counts alone may change: then the list, which resolutions show, stays the same. */
static bool same_list(const struct member_list *a, const struct member_list *b)
{
	return a != NULL && a->count == b->count &&
	       memcmp(a->prefixes, b->prefixes, a->count * sizeof(struct prefix)) == 0;
}

static void commit(struct members *members, struct merged *merged)
{
	struct member_group *group = merged->group;

	free(group->references);
	group->references = merged->references;
	if (same_list(group->list, merged->list)) {
		member_list_unref(merged->list);
		return;
	}
	member_list_unref(group->list);
	group->list = merged->list;
	group->generation = ++members->generation;
}

static void merged_groups_done(struct merged_groups *groups)
{
	for (size_t i = 0; i < groups->count; i++) {
		member_list_unref(groups->items[i].list);
		free(groups->items[i].references);
	}
	free(groups->items);
}

/* Nobody is a member: forget the group, or a stream of ever new ids would fill the memory. The
 * batch is sorted, so each group comes once. */
static void free_empty_groups(struct members *members, const struct member_batch *batch)
{
	for (size_t from = 0, end; from < batch->count; from = end) {
		struct member_group *group = batch->changes[from].group;

		end = member_changes_end(batch, from);
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it takes two runs for one group */
		if (group->list == NULL || group->list->count == 0)
			group_free(members, group);
	}
}

int members_apply(struct members *members, struct member_batch *batch)
{
	struct merged_groups groups = {0};
	int ret = -ENOMEM;

	if (batch->count > 0)
		qsort(batch->changes, batch->count, sizeof(*batch->changes), member_change_compare);
	if (batch->failed)
		goto out;
	ret = merge_all(&groups, batch);
	if (ret < 0)
		goto out;
	for (size_t i = 0; i < groups.count; i++)
		commit(members, &groups.items[i]);
	groups.count = 0;
out:
	merged_groups_done(&groups);
	free_empty_groups(members, batch);
	free(batch->changes);
	*batch = (struct member_batch){.members = members};
	return ret;
}

static struct membership *additions_of(const struct member_batch *batch)
{
	struct membership *items =
		calloc(batch->count != 0 ? batch->count : 1, sizeof(struct membership));

	for (size_t i = 0; items != NULL && i < batch->count; i++)
		items[i] = (struct membership){batch->changes[i].group, batch->changes[i].prefix};
	return items;
}

int members_replace(struct members *members, enum member_layer layer, struct member_batch *batch,
                    uint64_t stamp)
{
	struct layer *old = &members->layers[layer];
	struct layer new = {.count = batch->count, .stamp = stamp};
	int ret;

	new.items = additions_of(batch);
	if (new.items == NULL)
		batch->failed = true;
	batch_reserve(batch, old->count);
	for (size_t i = 0; i < old->count; i++)
		batch_push(batch, old->items[i].group, &old->items[i].prefix, -1);
	ret = members_apply(members, batch);
	if (ret < 0) {
		free(new.items);
		return ret;
	}
	free(old->items);
	*old = new;
	return 0;
}

uint64_t members_stamp(const struct members *members, enum member_layer layer)
{
	return members->layers[layer].stamp;
}

struct member_list *members_of(const struct members *members, const char *id, uint64_t *generation)
{
	struct member_group *group = group_find(members, id);

	*generation = 0;
	if (group == NULL || group->list == NULL)
		return NULL;
	*generation = group->generation;
	group->list->references++;
	return group->list;
}

uint64_t members_generation(const struct members *members, const char *id)
{
	const struct member_group *group = group_find(members, id);

	return group != NULL && group->list != NULL ? group->generation : 0;
}

struct members *members_new(void)
{
	struct members *members = calloc(1, sizeof(*members));

	if (members != NULL && index_init(&members->groups) < 0) {
		free(members);
		return NULL;
	}
	return members;
}

void members_free(struct members *members)
{
	if (members == NULL)
		return;
	for (size_t i = 0; i < members->groups.bucket_count; i++) {
		while (members->groups.buckets[i] != NULL) {
			void *group = members->groups.buckets[i];

			group_free(members, group);
		}
	}
	for (size_t i = 0; i < MEMBER_LAYERS; i++)
		free(members->layers[i].items);
	index_done(&members->groups);
	free(members);
}
