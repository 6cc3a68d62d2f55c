/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/check/facts_pods.h"
#include "nft-sync/check/judged_groups.h"

struct marks {
	const struct facts *facts;
	const struct group_facts *groups;
	bool *marked; /* of each group */
};

static void mark(const struct marks *marks, const char *const *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct group_facts *group = facts_group(marks->facts, ids[i]);
		if (group)
			marks->marked[group - marks->groups] = true;
	}
}

/* The real groups of their ENIs; what policies give them is marked with these. */
static void mark_pods(const struct marks *marks)
{
	size_t count;
	const struct pod_facts *pods = facts_of(marks->facts, FACT_POD, &count);
	for (size_t i = 0; i < count; i++)
		if (is_judged(marks->facts, &pods[i]))
			mark(marks, pods[i].groups.ids, pods[i].groups.count);
}

static void mark_policies(const struct marks *marks)
{
	const char *namespace = marks->facts->namespace;
	size_t count;
	const struct policy_facts *policies = facts_of(marks->facts, FACT_POLICY, &count);
	for (size_t i = 0; i < count; i++) {
		const struct security_group_policy *policy = policies[i].policy;
		if (policy && (!namespace[0] || strcmp(namespace, policy->namespace) == 0))
			mark(marks, policy->groups, policy->group_count);
	}
}

static void mark_nodes(const struct marks *marks)
{
	size_t count;
	const struct pod_facts *pods = facts_of(marks->facts, FACT_POD, &count);
	const char *last = "";
	for (size_t i = 0; i < count; i++) {
		if (!is_judged(marks->facts, &pods[i]) || strcmp(last, pods[i].node) == 0)
			continue;
		last = pods[i].node;
		const struct node_groups groups = facts_node_groups(marks->facts, last);
		mark(marks, groups.ids, groups.count);
	}
}

static void mark_all(const struct marks *marks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		marks->marked[i] = true;
}

static bool has_users(const struct facts *facts)
{
	return facts->known[FACT_POD] || facts->known[FACT_TEMPLATE] || facts->known[FACT_POLICY];
}

static void mark_used(const struct marks *marks)
{
	mark_pods(marks);
	mark_policies(marks);
	mark_nodes(marks);
}

struct judged_groups judged_groups_of(struct check_run *run)
{
	struct judged_groups ret = {0};
	struct marks marks = {.facts = run->facts};
	size_t count;
	marks.groups = facts_of(run->facts, FACT_GROUP, &count);
	if (count == 0)
		return ret;
	marks.marked = arena_array(run->arena, count, sizeof(*marks.marked));
	ret.items = arena_array(run->arena, count, sizeof(*ret.items));
	if (!marks.marked || !ret.items) {
		run->failed = true;
		return (struct judged_groups){0};
	}
	if (has_users(run->facts))
		mark_used(&marks);
	else
		mark_all(&marks, count);
	for (size_t i = 0; i < count; i++)
		if (marks.marked[i] && marks.groups[i].group)
			ret.items[ret.count++] = &marks.groups[i];
	return ret;
}
