/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "nft-sync/model/workload.h"

enum { ID_NAMESPACE, ID_SERVICE_ACCOUNT, ID_LABELS };

static struct id_key key_of(const struct id_entry *entry)
{
	const void *at = entry;
	const struct workload *workload = at;

	return (struct id_key){workload->ids, workload->count};
}

int workloads_init(struct workloads *workloads, struct strings *strings, struct group_lists *lists)
{
	*workloads = (struct workloads){.strings = strings,
	                                .lists = lists,
	                                .ids.item_size = sizeof(uint32_t),
	                                .labels.item_size = sizeof(struct label)};
	return id_index_init(&workloads->index, key_of);
}

void workloads_done(struct workloads *workloads)
{
	id_index_done(&workloads->index);
	pool_done(&workloads->pool);
	vector_done(&workloads->ids);
	vector_done(&workloads->labels);
}

static int push_ids(struct workloads *workloads, const struct pod *pod)
{
	struct strings *strings = workloads->strings;
	struct vector *ids = &workloads->ids;
	int ret = strings_push(strings, ids, pod->namespace);

	if (ret == 0)
		ret = strings_push(strings, ids, pod->service_account);
	for (size_t i = 0; ret == 0 && i < pod->labels.count; i++) {
		ret = strings_push(strings, ids, pod->labels.items[i].key);
		if (ret == 0)
			ret = strings_push(strings, ids, pod->labels.items[i].value);
	}
	return ret;
}

/* Takes over the references in workloads->ids. */
static struct workload *workload_new(struct workloads *workloads)
{
	size_t size = workloads->ids.count * sizeof(uint32_t);
	struct workload *workload = NULL;

	if (id_index_reserve(&workloads->index) == 0)
		workload = pool_take(&workloads->pool, sizeof(*workload) + size);
	if (!workload)
		return NULL;
	workload->count = (uint32_t)workloads->ids.count;
	memcpy(workload->ids, workloads->ids.items, size);
	id_index_insert(&workloads->index, &workload->entry);
	workloads->ids.count = 0;
	return workload;
}

static int find_or_make(struct workloads *workloads, struct workload **ret)
{
	const struct id_key key = {workloads->ids.items, workloads->ids.count};
	void *found = id_index_find(&workloads->index, key);
	struct workload *workload = found ? found : workload_new(workloads);

	if (!workload)
		return -ENOMEM;
	workload->references++;
	*ret = workload;
	return 0;
}

int workload_of(struct workloads *workloads, const struct pod *pod, struct workload **ret)
{
	int r;

	workloads->ids.count = 0;
	r = push_ids(workloads, pod);
	if (r == 0)
		r = find_or_make(workloads, ret);
	strings_unref_all(workloads->strings, workloads->ids.items, workloads->ids.count);
	return r;
}

void workload_unref(struct workloads *workloads, struct workload *workload)
{
	if (--workload->references > 0)
		return;
	id_index_remove(&workloads->index, &workload->entry);
	strings_unref_all(workloads->strings, workload->ids, workload->count);
	group_ids_unref(workloads->lists, workload->groups);
	pool_give(&workloads->pool, workload,
	          sizeof(*workload) + workload->count * sizeof(uint32_t));
}

static bool is_text(const struct workloads *workloads, uint32_t id, const char *text)
{
	return strcmp(strings_text(workloads->strings, id), text) == 0;
}

bool workload_is_of(const struct workloads *workloads, const struct workload *workload,
                    const struct pod *pod)
{
	const uint32_t *label = &workload->ids[ID_LABELS];

	if (workload->count != ID_LABELS + 2 * pod->labels.count ||
	    !is_text(workloads, workload->ids[ID_NAMESPACE], pod->namespace) ||
	    !is_text(workloads, workload->ids[ID_SERVICE_ACCOUNT], pod->service_account))
		return false;
	for (size_t i = 0; i < pod->labels.count; i++, label += 2)
		if (!is_text(workloads, label[0], pod->labels.items[i].key) ||
		    !is_text(workloads, label[1], pod->labels.items[i].value))
			return false;
	return true;
}

/* A pod that has what policies ask for, and nothing else. */
static int pod_of(struct workloads *workloads, const struct workload *workload, struct pod *ret)
{
	const struct strings *strings = workloads->strings;

	workloads->labels.count = 0;
	for (size_t i = ID_LABELS; i < workload->count; i += 2) {
		struct label *label = vector_push(&workloads->labels);

		if (!label)
			return -ENOMEM;
		label->key = strings_text(strings, workload->ids[i]);
		label->value = strings_text(strings, workload->ids[i + 1]);
	}
	*ret = (struct pod){.namespace = strings_text(strings, workload->ids[ID_NAMESPACE]),
	                    .service_account =
	                            strings_text(strings, workload->ids[ID_SERVICE_ACCOUNT]),
	                    .labels = {workloads->labels.items, workloads->labels.count}};
	return 0;
}

int workload_groups(struct workloads *workloads, struct workload *workload,
                    const struct pod_groups_input *input, uint64_t stamp, struct group_ids **ret)
{
	struct pod_groups groups = {0};
	struct group_ids *ids;
	struct pod pod;

	if (workload->stamp != stamp) {
		if (pod_of(workloads, workload, &pod) < 0)
			return -ENOMEM;
		pod_policy_groups(input, &pod, &groups);
		if (group_ids_of(workloads->lists, groups.policy_groups.ids,
		                 groups.policy_groups.count, &ids) < 0)
			return -ENOMEM;
		group_ids_unref(workloads->lists, workload->groups);
		workload->groups = ids;
		workload->stamp = stamp;
	}
	*ret = workload->groups;
	return 0;
}
