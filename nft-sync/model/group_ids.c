/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/model/group_ids.h"

static struct id_key key_of(const struct id_entry *entry)
{
	const void *ids = entry;
	const struct group_ids *list = ids;

	return (struct id_key){list->ids, list->count};
}

int group_lists_init(struct group_lists *lists, struct strings *strings)
{
	*lists = (struct group_lists){.strings = strings, .ids.item_size = sizeof(uint32_t)};
	return id_index_init(&lists->index, key_of);
}

void group_lists_done(struct group_lists *lists)
{
	id_index_done(&lists->index);
	vector_done(&lists->ids);
}

/* Takes over the references in lists->ids. */
static struct group_ids *list_new(struct group_lists *lists)
{
	size_t size = lists->ids.count * sizeof(uint32_t);
	struct group_ids *list = NULL;

	if (id_index_reserve(&lists->index) == 0)
		list = malloc(sizeof(*list) + size);
	if (!list)
		return NULL;
	list->references = 1;
	list->count = (uint32_t)lists->ids.count;
	memcpy(list->ids, lists->ids.items, size);
	id_index_insert(&lists->index, &list->entry);
	lists->ids.count = 0;
	return list;
}

static int find_or_make(struct group_lists *lists, struct group_ids **ret)
{
	const struct id_key key = {lists->ids.items, lists->ids.count};
	void *found = id_index_find(&lists->index, key);

	*ret = found ? group_ids_ref(found) : list_new(lists);
	return *ret ? 0 : -ENOMEM;
}

int group_ids_of(struct group_lists *lists, const char *const *ids, size_t count,
                 struct group_ids **ret)
{
	int r = 0;

	*ret = NULL;
	lists->ids.count = 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = strings_push(lists->strings, &lists->ids, ids[i]);
	if (r == 0 && count > 0)
		r = find_or_make(lists, ret);
	strings_unref_all(lists->strings, lists->ids.items, lists->ids.count);
	return r;
}

struct group_ids *group_ids_ref(struct group_ids *ids)
{
	if (ids)
		ids->references++;
	return ids;
}

void group_ids_unref(struct group_lists *lists, struct group_ids *ids)
{
	if (!ids || --ids->references > 0)
		return;
	id_index_remove(&lists->index, &ids->entry);
	strings_unref_all(lists->strings, ids->ids, ids->count);
	free(ids);
}
