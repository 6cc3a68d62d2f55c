/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/vector.h"
#include "nft-sync/resolve/wanted.h"

/* Ids that others own, while they are gathered. */
struct gathered {
	struct vector ids;
	bool failed;
};

static void gather(struct gathered *gathered, const char *const *ids, size_t count)
{
	for (size_t i = 0; i < count && !gathered->failed; i++) {
		const char **id = vector_push(&gathered->ids);
		if (id)
			*id = ids[i];
		else
			gathered->failed = true;
	}
}

static int compare(const void *a, const void *b)
{
	const char *const *left = a;
	const char *const *right = b;
	return strcmp(*left, *right);
}

static void sort_once_each(struct gathered *gathered)
{
	const char **ids = gathered->ids.items;
	size_t kept = 0;
	if (gathered->ids.count > 1)
		qsort(ids, gathered->ids.count, sizeof(*ids), compare);
	for (size_t i = 0; i < gathered->ids.count; i++)
		if (kept == 0 || strcmp(ids[kept - 1], ids[i]) != 0)
			ids[kept++] = ids[i];
	gathered->ids.count = kept;
}

static int take(const struct gathered *gathered, struct wanted_ids *ret)
{
	const char *const *ids = gathered->ids.items;
	if (gathered->failed)
		return -ENOMEM;
	ret->ids = calloc(gathered->ids.count + 1, sizeof(*ret->ids));
	if (!ret->ids)
		return -ENOMEM;
	for (; ret->count < gathered->ids.count; ret->count++) {
		ret->ids[ret->count] = strdup(ids[ret->count]);
		if (!ret->ids[ret->count])
			return -ENOMEM;
	}
	return 0;
}

static void gather_groups(const struct resolution *resolution, struct gathered *groups)
{
	gather(groups, resolution->node_groups, resolution->node_group_count);
	for (size_t i = 0; i < resolution->branch_count; i++)
		gather(groups, resolution->branches[i].groups, resolution->branches[i].group_count);
	sort_once_each(groups);
}

static void gather_peers(const struct model *model, const struct gathered *groups,
                         struct gathered *members, struct gathered *prefix_lists)
{
	const char *const *ids = groups->ids.items;
	for (size_t i = 0; i < groups->ids.count; i++) {
		const struct group_peers *peers = model_group_peers(model, ids[i]);
		if (!peers)
			continue;
		gather(members, peers->groups, peers->group_count);
		gather(prefix_lists, peers->prefix_lists, peers->prefix_list_count);
	}
	sort_once_each(members);
	sort_once_each(prefix_lists);
}

int wanted_make(const struct resolution *resolution, const struct model *model, struct wanted *ret)
{
	struct gathered groups = {.ids.item_size = sizeof(const char *)};
	struct gathered members = groups;
	struct gathered prefix_lists = groups;
	*ret = (struct wanted){0};
	gather_groups(resolution, &groups);
	gather_peers(model, &groups, &members, &prefix_lists);
	int r = take(&groups, &ret->groups);
	if (r == 0)
		r = take(&members, &ret->members);
	if (r == 0)
		r = take(&prefix_lists, &ret->prefix_lists);
	if (r < 0)
		wanted_done(ret);
	vector_done(&groups.ids);
	vector_done(&members.ids);
	vector_done(&prefix_lists.ids);
	return r;
}

static void ids_done(struct wanted_ids *ids)
{
	for (size_t i = 0; i < ids->count; i++)
		free(ids->ids[i]);
	free(ids->ids);
	*ids = (struct wanted_ids){0};
}

void wanted_done(struct wanted *wanted)
{
	ids_done(&wanted->groups);
	ids_done(&wanted->members);
	ids_done(&wanted->prefix_lists);
}

static bool ids_equal(const struct wanted_ids *a, const struct wanted_ids *b)
{
	for (size_t i = 0; a->count == b->count && i < a->count; i++)
		if (strcmp(a->ids[i], b->ids[i]) != 0)
			return false;
	return a->count == b->count;
}

bool wanted_equal(const struct wanted *a, const struct wanted *b)
{
	return ids_equal(&a->groups, &b->groups) && ids_equal(&a->members, &b->members) &&
	       ids_equal(&a->prefix_lists, &b->prefix_lists);
}
