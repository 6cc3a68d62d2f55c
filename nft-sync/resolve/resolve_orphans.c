/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "nft-sync/resolve/resolver.h"

/* Still in the documents: what they say of the pod holds, even that it is none of ours. */
static bool is_documented(const struct resolver *resolver, const struct branch *branch)
{
	const struct pod *pod = model_pod(resolver->model, branch->namespace, branch->pod);

	return pod != NULL && strcmp(pod->uid, branch->uid) == 0 && !pod->finished;
}

/* branches up to count are sorted by interface. */
static bool is_taken(const struct resolver *resolver, size_t count, const char *interface)
{
	size_t low = 0;
	size_t high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(resolver->out->branches[middle].interface, interface);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static int copy_orphan(struct resolver *resolver, const struct branch *former)
{
	struct branch *branch = resolver_add_branch(resolver);

	if (branch == NULL)
		return -E2BIG;
	*branch = *former;
	branch->orphan = true;
	branch->present = true;
	branch->state = BRANCH_OPEN;
	branch->namespace = arena_strdup(resolver->arena, former->namespace);
	branch->pod = arena_strdup(resolver->arena, former->pod);
	branch->uid = arena_strdup(resolver->arena, former->uid);
	if (branch->namespace == NULL || branch->pod == NULL || branch->uid == NULL)
		return -ENOMEM;
	if (former->origin == GROUPS_FROM_NODE && resolver->out->node_group_count > 0) {
		branch->groups = resolver->out->node_groups;
		branch->group_count = resolver->out->node_group_count;
		return 0;
	}
	branch->groups = resolver_copy_ids(resolver, former->groups, former->group_count);
	return branch->groups != NULL ? 0 : -ENOMEM;
}

int resolve_orphans(struct resolver *resolver)
{
	const struct resolution *previous = resolver->previous;
	size_t count = resolver->out->branch_count;

	resolver_sort_branches(resolver);
	for (size_t i = 0; previous != NULL && i < previous->branch_count; i++) {
		const struct branch *branch = &previous->branches[i];

		if (host_link(resolver->host, branch->interface) == NULL ||
		    is_documented(resolver, branch) || is_taken(resolver, count, branch->interface))
			continue;

		int ret = copy_orphan(resolver, branch);

		if (ret < 0)
			return ret;
	}
	return 0;
}
