/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "nft-sync/check/pod_bundles.h"

/* One pod, and its groups in an order that has nothing to do with who gave them. */
struct member {
	const char **groups;
	size_t group_count;
	const struct pod_facts *pod;
};

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_groups(const struct member *a, const struct member *b)
{
	int order = (a->group_count > b->group_count) - (a->group_count < b->group_count);
	for (size_t i = 0; order == 0 && i < a->group_count; i++)
		order = strcmp(a->groups[i], b->groups[i]);
	return order;
}

static int compare_members(const void *a, const void *b)
{
	const struct member *left = a, *right = b;
	int order = compare_groups(left, right);
	return order ? order : (left->pod > right->pod) - (left->pod < right->pod);
}

static bool take(struct check_run *run, const struct pod_facts *pod, struct member *ret)
{
	const struct pod_facts_groups *groups = &pod->groups;
	*ret = (struct member){.group_count = groups->count, .pod = pod};
	ret->groups = arena_array(run->arena, groups->count, sizeof(*ret->groups));
	if (!ret->groups)
		return false;
	memcpy(ret->groups, groups->ids, groups->count * sizeof(*ret->groups));
	qsort(ret->groups, ret->group_count, sizeof(*ret->groups), compare_ids);
	return true;
}

static bool take_all(struct check_run *run, bool (*wanted)(const struct pod_facts *pod),
                     struct vector *members)
{
	static const enum fact_kind kinds[] = {FACT_TEMPLATE, FACT_POD};
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		size_t count;
		const struct pod_facts *pods = facts_of(run->facts, kinds[k], &count);
		for (size_t i = 0; i < count; i++) {
			struct member *member;
			if (!has_groups(&pods[i]) || !is_judged(run->facts, &pods[i]) ||
			    (wanted && !wanted(&pods[i])))
				continue;
			member = vector_push(members);
			if (!member || !take(run, &pods[i], member))
				return false;
		}
	}
	return true;
}

static size_t count_bundles(const struct member *members, size_t count)
{
	size_t bundles = count > 0;
	for (size_t i = 1; i < count; i++)
		bundles += compare_groups(&members[i - 1], &members[i]) != 0;
	return bundles;
}

/* members are sorted. */
static bool bundle(struct check_run *run, const struct member *members, size_t count,
                   struct pod_bundles *ret)
{
	size_t bundle_count = count_bundles(members, count), at = 0;
	struct pod_bundle *items = arena_array(run->arena, bundle_count, sizeof(*items));
	const struct pod_facts **pods = arena_array(run->arena, count, sizeof(*pods));
	if (!items || !pods)
		return false;
	for (size_t i = 0; i < count; i++) {
		pods[i] = members[i].pod;
		if (i == 0 || compare_groups(&members[i - 1], &members[i]) != 0)
			items[at++] = (struct pod_bundle){
				.groups = (const char *const *)members[i].groups,
				.group_count = members[i].group_count,
				.pods = &pods[i]};
		items[at - 1].pod_count++;
	}
	*ret = (struct pod_bundles){items, bundle_count};
	return true;
}

struct pod_bundles pod_bundles_of(struct check_run *run,
                                  bool (*wanted)(const struct pod_facts *pod))
{
	struct vector members = {.item_size = sizeof(struct member)};
	struct pod_bundles bundles = {0};
	bool good = take_all(run, wanted, &members);
	if (good && members.count > 0) {
		qsort(members.items, members.count, sizeof(struct member), compare_members);
		good = bundle(run, members.items, members.count, &bundles);
	}
	if (!good)
		run->failed = true;
	vector_done(&members);
	return bundles;
}

bool is_named(const struct check_run *run, const struct pod_facts *pod)
{
	return !template_of(run->facts, pod);
}
