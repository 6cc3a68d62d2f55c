/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/model/workload.h"

#define TEXT_MAX (4U << 20) /* a pod's labels come from one object, and that is no larger */

struct group_ids *group_ids_new(const char *const *ids, size_t count)
{
	size_t size = sizeof(struct group_ids) + count * sizeof(char *);
	size_t used = size;

	for (size_t i = 0; i < count; i++)
		size += strlen(ids[i]) + 1;

	struct group_ids *ret = malloc(size);

	if (ret == NULL)
		return NULL;
	ret->references = 1;
	ret->count = count;
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(ids[i]) + 1;

		ret->ids[i] = memcpy((char *)ret + used, ids[i], length);
		used += length;
	}
	return ret;
}

struct group_ids *group_ids_ref(struct group_ids *ids)
{
	ids->references++;
	return ids;
}

void group_ids_unref(struct group_ids *ids)
{
	if (ids != NULL && --ids->references == 0)
		free(ids);
}

bool group_ids_equal(const struct group_ids *a, const struct group_ids *b)
{
	size_t count = a != NULL ? a->count : 0;

	if (a == b)
		return true;
	if (count != (b != NULL ? b->count : 0))
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(a->ids[i], b->ids[i]) != 0)
			return false;
	return true;
}

static void add_text(struct buffer *text, const char *string)
{
	buffer_add(text, string, strlen(string) + 1);
}

static bool write_text(struct buffer *text, const struct pod *pod)
{
	buffer_clear(text);
	add_text(text, pod->namespace);
	add_text(text, pod->service_account);
	for (size_t i = 0; i < pod->labels.count; i++) {
		add_text(text, pod->labels.items[i].key);
		add_text(text, pod->labels.items[i].value);
	}
	return !text->failed;
}

static struct workload *workload_new(struct workloads *workloads)
{
	size_t size = workloads->text.length;
	struct workload *workload = malloc(sizeof(*workload) + size);

	if (workload == NULL)
		return NULL;
	*workload = (struct workload){.size = size};
	memcpy(workload->text, workloads->text.text, size);
	workload->index.key = (struct index_key){.first = workload->text, .first_size = size};
	index_insert(&workloads->index, &workload->index);
	return workload;
}

int workloads_init(struct workloads *workloads)
{
	*workloads =
		(struct workloads){.text.max = TEXT_MAX, .labels.item_size = sizeof(struct label)};
	return index_init(&workloads->index);
}

void workloads_done(struct workloads *workloads)
{
	index_done(&workloads->index);
	buffer_done(&workloads->text);
	vector_done(&workloads->labels);
}

struct workload *workload_of(struct workloads *workloads, const struct pod *pod)
{
	if (!write_text(&workloads->text, pod) || index_reserve(&workloads->index, 1) < 0)
		return NULL;

	const struct index_key key = {.first = workloads->text.text,
	                              .first_size = workloads->text.length};
	void *found = index_first(&workloads->index, &key);
	struct workload *workload = found != NULL ? found : workload_new(workloads);

	if (workload != NULL)
		workload->references++;
	return workload;
}

void workload_unref(struct workloads *workloads, struct workload *workload)
{
	if (--workload->references > 0)
		return;
	index_remove(&workloads->index, &workload->index);
	group_ids_unref(workload->groups);
	free(workload);
}

static const char *next_text(const char **at)
{
	const char *text = *at;

	*at += strlen(text) + 1;
	return text;
}

/* A pod that has what policies ask for, and nothing else. */
static int pod_of(struct workloads *workloads, const struct workload *workload, struct pod *ret)
{
	const char *at = workload->text;
	const char *end = at + workload->size;

	*ret = (struct pod){.namespace = next_text(&at)};
	ret->service_account = next_text(&at);
	workloads->labels.count = 0;
	while (at < end) {
		struct label *label = vector_push(&workloads->labels);

		if (label == NULL)
			return -ENOMEM;
		label->key = next_text(&at);
		label->value = next_text(&at);
	}
	ret->labels = (struct labels){workloads->labels.items, workloads->labels.count};
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
		ids = group_ids_new(groups.policy_groups.ids, groups.policy_groups.count);
		if (ids == NULL)
			return -ENOMEM;
		group_ids_unref(workload->groups);
		workload->groups = ids;
		workload->stamp = stamp;
	}
	*ret = workload->groups;
	return 0;
}
