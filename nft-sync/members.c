/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/index.h"
#include "nft-sync/members.h"

struct member_group {
	struct index_entry entry; /* first: the index hands out entries */
	uint64_t serial;          /* order of creation, for sorting */
	uint64_t generation;
	struct member_list *list; /* NULL: empty */
	uint32_t *references;     /* how many contribute each prefix of list */
	char id[];
};

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

/* What a batch makes of one group, before it is committed. */
struct merged {
	struct member_group *group;
	struct member_list *list;
	uint32_t *references;
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

static struct member_list *list_new(size_t capacity)
{
	struct member_list *list = malloc(sizeof(*list) + capacity * sizeof(struct prefix));

	if (list != NULL)
		*list = (struct member_list){.references = 1};
	return list;
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

static struct member_change *batch_grow(struct member_batch *batch)
{
	if (batch->count == batch->capacity) {
		size_t capacity = batch->capacity != 0 ? batch->capacity * 2 : 256;
		struct member_change *changes =
			reallocarray(batch->changes, capacity, sizeof(*changes));

		if (changes == NULL) {
			batch->failed = true;
			return NULL;
		}
		batch->changes = changes;
		batch->capacity = capacity;
	}
	return &batch->changes[batch->count++];
}

static void batch_add(struct member_batch *batch, struct member_group *group,
                      const struct prefix *prefix, int by)
{
	struct member_change *change = batch_grow(batch);

	if (change != NULL)
		*change = (struct member_change){group, *prefix, (int8_t)by};
}

void member_batch_add(struct member_batch *batch, const char *group, const struct prefix *prefix,
                      int by)
{
	struct member_group *found = group_get(batch->members, group);

	if (found == NULL)
		batch->failed = true;
	else
		batch_add(batch, found, prefix, by);
}

static int change_compare(const void *a, const void *b)
{
	const struct member_change *left = a;
	const struct member_change *right = b;

	if (left->group != right->group)
		return left->group->serial < right->group->serial ? -1 : 1;
	return prefix_compare(&left->prefix, &right->prefix);
}

/* The run of changes of one prefix of one group that begins at `from`; *by is their sum. */
static size_t run_end(const struct member_batch *batch, size_t from, int *by)
{
	size_t end = from;

	*by = 0;
	for (; end < batch->count; end++) {
		if (change_compare(&batch->changes[end], &batch->changes[from]) != 0)
			break;
		*by += batch->changes[end].by;
	}
	return end;
}

static size_t group_end(const struct member_batch *batch, size_t from)
{
	size_t end = from;

	while (end < batch->count && batch->changes[end].group == batch->changes[from].group)
		end++;
	return end;
}

static bool group_changes(const struct member_batch *batch, size_t from, size_t end)
{
	int by;

	for (size_t next; from < end; from = next) {
		next = run_end(batch, from, &by);
		if (by != 0)
			return true;
	}
	return false;
}

static size_t lower_bound(const struct member_list *list, size_t low, const struct prefix *prefix)
{
	size_t high = list != NULL ? list->count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_compare(&list->prefixes[middle], prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void copy_members(struct merged *merged, const struct member_group *group, size_t from,
                         size_t to)
{
	size_t at = merged->list->count;

	if (to == from)
		return;
	memcpy(&merged->list->prefixes[at], &group->list->prefixes[from],
	       (to - from) * sizeof(struct prefix));
	memcpy(&merged->references[at], &group->references[from], (to - from) * sizeof(uint32_t));
	merged->list->count += to - from;
}

/* Copies what lies between the changes in one piece: a change costs a search, not a walk. */
static void merge_changes(struct merged *merged, const struct member_batch *batch, size_t from,
                          size_t end)
{
	const struct member_group *group = merged->group;
	size_t old_count = group->list != NULL ? group->list->count : 0;
	size_t old = 0;
	int by;

	for (size_t next; from < end; from = next) {
		const struct prefix *prefix = &batch->changes[from].prefix;
		size_t at = lower_bound(group->list, old, prefix);
		int64_t references = 0;

		next = run_end(batch, from, &by);
		copy_members(merged, group, old, at);
		old = at;
		if (at < old_count && prefix_compare(&group->list->prefixes[at], prefix) == 0)
			references = group->references[old++];
		if (references + by <= 0)
			continue;
		merged->list->prefixes[merged->list->count] = *prefix;
		merged->references[merged->list->count++] = (uint32_t)(references + by);
	}
	copy_members(merged, group, old, old_count);
}

/* A batch that replaces much asks for room that cancels out. A failure to shrink is none. */
static void merged_shrink(struct merged *merged)
{
	size_t count = merged->list->count != 0 ? merged->list->count : 1;
	void *list = realloc(merged->list, sizeof(*merged->list) + count * sizeof(struct prefix));
	void *references = reallocarray(merged->references, count, sizeof(uint32_t));

	if (list != NULL)
		merged->list = list;
	if (references != NULL)
		merged->references = references;
}

static int merge_group(struct merged *merged, const struct member_batch *batch, size_t from,
                       size_t end)
{
	struct member_group *group = batch->changes[from].group;
	size_t capacity = (group->list != NULL ? group->list->count : 0) + (end - from);

	*merged = (struct merged){.group = group};
	merged->list = list_new(capacity);
	merged->references = reallocarray(NULL, capacity, sizeof(uint32_t));
	if (merged->list == NULL || merged->references == NULL) {
		free(merged->list);
		free(merged->references);
		return -ENOMEM;
	}
	merge_changes(merged, batch, from, end);
	merged_shrink(merged);
	return 0;
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
		end = group_end(batch, from);
		if (!group_changes(batch, from, end))
			continue;

		struct merged *merged = merged_grow(groups);

		if (merged == NULL || merge_group(merged, batch, from, end) < 0)
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

/* Nobody is a member: forget the group, or a stream of ever new ids would fill the memory. */
static void free_empty_groups(struct members *members, const struct member_batch *batch)
{
	for (size_t from = 0, end; from < batch->count; from = end) {
		struct member_group *group = batch->changes[from].group;

		end = group_end(batch, from);
		if (group->list == NULL || group->list->count == 0)
			group_free(members, group);
	}
}

int members_apply(struct members *members, struct member_batch *batch)
{
	struct merged_groups groups = {0};
	int ret = -ENOMEM;

	if (batch->count > 0)
		qsort(batch->changes, batch->count, sizeof(*batch->changes), change_compare);
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
	for (size_t i = 0; i < old->count; i++)
		batch_add(batch, old->items[i].group, &old->items[i].prefix, -1);
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
