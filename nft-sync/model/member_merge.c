/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/model/member_merge.h"

static struct member_list *list_new(size_t capacity)
{
	struct member_list *list = malloc(sizeof(*list) + capacity * sizeof(struct prefix));

	if (list != NULL)
		*list = (struct member_list){.references = 1};
	return list;
}

int member_change_compare(const void *a, const void *b)
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
		if (member_change_compare(&batch->changes[end], &batch->changes[from]) != 0)
			break;
		*by += batch->changes[end].by;
	}
	return end;
}

size_t member_changes_end(const struct member_batch *batch, size_t from)
{
	size_t end = from;

	while (end < batch->count && batch->changes[end].group == batch->changes[from].group)
		end++;
	return end;
}

bool member_changes_matter(const struct member_batch *batch, size_t from, size_t end)
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

	if (group->list == NULL || to == from)
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

int member_merge(struct merged *merged, const struct member_batch *batch, size_t from, size_t end)
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
