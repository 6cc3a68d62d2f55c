/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/model/index.h"
#include "nft-sync/resolve/resolver.h"

/* Ids, each once. */
struct id_set {
	struct index index;
	const char **ids;
	size_t count;
	size_t capacity;
};

static void id_set_done(struct id_set *set)
{
	index_done(&set->index);
	free(set->ids);
}

static int id_set_grow(struct id_set *set)
{
	size_t capacity = set->capacity != 0 ? set->capacity * 2 : 64;
	const char **ids = reallocarray(set->ids, capacity, sizeof(*ids));

	if (ids == NULL)
		return -ENOMEM;
	set->ids = ids;
	set->capacity = capacity;
	return 0;
}

static int id_set_add(struct id_set *set, struct arena *arena, const char *id)
{
	struct index_key key = index_key_string(0, id);
	struct index_entry *entry;

	if (index_first(&set->index, &key) != NULL)
		return 0;
	entry = arena_alloc(arena, sizeof(*entry));
	if (entry == NULL || index_reserve(&set->index, 1) < 0)
		return -ENOMEM;
	if (set->count == set->capacity && id_set_grow(set) < 0)
		return -ENOMEM;
	entry->key = key;
	index_insert(&set->index, entry);
	set->ids[set->count++] = id;
	return 0;
}

static int id_compare(const void *a, const void *b)
{
	const char *const *left = a;
	const char *const *right = b;

	return strcmp(*left, *right);
}

static void id_set_sort(struct id_set *set)
{
	if (set->count > 1)
		qsort(set->ids, set->count, sizeof(*set->ids), id_compare);
}

/* The interfaces of this node's pods and the node itself. A claimed address belongs to the newer
 * pod, and a pod that is gone is no member any more. */
static int update_this_node(struct resolver *resolver)
{
	const struct resolution *out = resolver->out;
	struct members *members = model_members(resolver->model);
	struct member_batch batch = {.members = members};

	for (size_t i = 0; i < out->branch_count; i++) {
		const struct branch *branch = &out->branches[i];

		if (branch->orphan || branch->state == BRANCH_CLAIMED)
			continue;
		for (size_t g = 0; g < branch->group_count; g++)
			for (size_t a = 0; a < branch->address_count; a++)
				member_batch_add(&batch, branch->groups[g], &branch->addresses[a],
				                 1);
	}
	for (size_t g = 0; g < out->node_group_count; g++)
		for (size_t a = 0; a < out->node_address_count; a++)
			member_batch_add(&batch, out->node_groups[g], &out->node_addresses[a], 1);
	return members_replace(members, MEMBERS_THIS_NODE, &batch, 1);
}

static bool is_remote(const struct resolver *resolver, const struct pod *pod)
{
	return pod->node[0] != '\0' && !resolver_is_local(resolver, pod);
}

static void add_remote_pod(const struct resolver *resolver, const struct pod *pod,
                           struct pod_groups *groups, struct member_batch *batch)
{
	size_t count;
	const struct prefix *addresses = pod_addresses(pod, &count);

	pod_groups(&resolver->input, pod, groups);
	if (!groups->has_branch)
		return;
	for (size_t g = 0; g < groups->groups.count; g++)
		for (size_t a = 0; a < count; a++)
			member_batch_add(batch, groups->groups.ids[g], &addresses[a], 1);
}

/* FNV-1a over all that the layer of other nodes' pods is worked out from. */
static uint64_t remote_stamp(const struct resolver *resolver)
{
	uint64_t stamp = 0xcbf29ce484222325 ^ model_pods_generation(resolver->model);

	stamp = (stamp * 0x100000001b3) ^ resolver->input.enforce_without_eni;
	for (const char *c = resolver->config->node.name; *c != '\0'; c++)
		stamp = (stamp * 0x100000001b3) ^ (unsigned char)*c;
	return stamp != 0 ? stamp : 1;
}

/* Those of documents. The groups of pods of other nodes that have neither a policy nor a listed ENI
 * are those of their node, which is not known here: they are members of none. */
static int update_remote_pods(struct resolver *resolver)
{
	struct members *members = model_members(resolver->model);
	struct member_batch batch = {.members = members};
	struct pod_groups groups = {0};
	uint64_t stamp = remote_stamp(resolver);

	if (members_stamp(members, MEMBERS_REMOTE_PODS) == stamp)
		return 0;
	for (size_t i = 0; i < resolver->pod_count; i++) {
		const struct pod *pod = resolver->pods[i];

		if (is_remote(resolver, pod) &&
		    !model_remote_has(resolver->model, pod->namespace, pod->name))
			add_remote_pod(resolver, pod, &groups, &batch);
	}
	return members_replace(members, MEMBERS_REMOTE_PODS, &batch, stamp);
}

static void say_overlap(struct resolver *resolver)
{
	size_t count = model_remote_count(resolver->model) > 0 ? resolver->pod_count : 0;

	for (size_t i = 0; i < count; i++) {
		const struct pod *pod = resolver->pods[i];

		if (is_remote(resolver, pod) &&
		    model_remote_has(resolver->model, pod->namespace, pod->name))
			problems_add(&resolver->problems,
			             "pod %s/%s of another node is in a document, and the live "
			             "source has it: the latter is in force",
			             pod->namespace, pod->name);
	}
}

static int add_ids(struct resolver *resolver, struct id_set *set, const char *const *ids,
                   size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (id_set_add(set, resolver->arena, ids[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int groups_in_use(struct resolver *resolver, struct id_set *ret)
{
	const struct resolution *out = resolver->out;

	if (add_ids(resolver, ret, out->node_groups, out->node_group_count) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < out->branch_count; i++)
		if (add_ids(resolver, ret, out->branches[i].groups, out->branches[i].group_count) <
		    0)
			return -ENOMEM;
	id_set_sort(ret);
	return 0;
}

static void say_missing_lists(struct resolver *resolver, const char *group,
                              const struct group_peers *peers)
{
	for (size_t i = 0; i < peers->prefix_list_count; i++)
		if (model_prefix_list(resolver->model, peers->prefix_lists[i]) == NULL)
			problems_add(
				&resolver->problems,
				"prefix list %s in a rule of security group %s is not known: it "
				"permits nothing",
				peers->prefix_lists[i], group);
}

static int referenced_groups(struct resolver *resolver, const struct id_set *groups,
                             struct id_set *ret)
{
	for (size_t i = 0; i < groups->count; i++) {
		const struct group_peers *peers =
			model_group_peers(resolver->model, groups->ids[i]);

		if (peers == NULL)
			continue;
		say_missing_lists(resolver, groups->ids[i], peers);
		if (add_ids(resolver, ret, peers->groups, peers->group_count) < 0)
			return -ENOMEM;
	}
	id_set_sort(ret);
	return 0;
}

static int show_members(struct resolver *resolver, const char *group)
{
	struct resolution *out = resolver->out;
	struct member_set *set = &out->members[out->member_count];
	struct member_list *list =
		members_of(model_members(resolver->model), group, &set->generation);

	if (list != NULL) {
		set->prefixes = list->prefixes;
		set->count = list->count;
	} else if (model_group(resolver->model, group) == NULL) {
		problems_add(&resolver->problems,
		             "security group %s, which rules refer to, is not known and has no "
		             "members: the reference permits nothing",
		             group);
	}
	set->group = arena_strdup(resolver->arena, group);
	out->member_count++;
	if (resolution_keep(out, list) < 0 || set->group == NULL)
		return -ENOMEM;
	return 0;
}

static int collect_members(struct resolver *resolver, const struct id_set *referenced)
{
	struct resolution *out = resolver->out;

	out->members =
		arena_array(resolver->arena, referenced->count + 1, sizeof(struct member_set));
	if (out->members == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < referenced->count; i++)
		if (show_members(resolver, referenced->ids[i]) < 0)
			return -ENOMEM;
	return 0;
}

int resolve_members(struct resolver *resolver)
{
	struct id_set groups = {0};
	struct id_set referenced = {0};
	int ret = -ENOMEM;

	if (index_init(&groups.index) < 0 || index_init(&referenced.index) < 0)
		goto out;
	ret = update_this_node(resolver);
	if (ret < 0)
		goto out;
	ret = update_remote_pods(resolver);
	if (ret < 0)
		goto out;
	ret = model_remote_apply(resolver->model, resolver->config->enforce_without_eni);
	if (ret < 0)
		goto out;
	say_overlap(resolver);
	ret = groups_in_use(resolver, &groups);
	if (ret < 0)
		goto out;
	ret = referenced_groups(resolver, &groups, &referenced);
	if (ret < 0)
		goto out;
	ret = collect_members(resolver, &referenced);
out:
	id_set_done(&groups);
	id_set_done(&referenced);
	return ret;
}
