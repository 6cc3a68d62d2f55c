/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/check/node_use.h"

#define INSTANCE_TAG "node.k8s.amazonaws.com/instance_id"

/* What it takes to see whose a branch interface is. */
struct holders {
	const char **live; /* ids of interfaces that pods have, sorted */
	size_t live_count;
	struct node_use **by_instance; /* sorted by instance id */
	size_t count;
};

/* How many it has, or will have once it is made again; it wants them where policies match it. */
static size_t branches_wanted(const struct pod_facts *pod)
{
	return pod->eni_wanted > 0 ? pod->eni_wanted : has_groups(pod);
}

/* What the node says it has is what the scheduler goes by. */
static int branches_of(const struct node_facts *node, const struct instance_limits *limits)
{
	if (!is_vpc_cni_node(node))
		return 0;
	return node->pod_enis > 0 ? node->pod_enis : limits->branches;
}

static void open_uses(struct check_run *run, struct node_uses *uses)
{
	const struct node_facts *nodes = facts_of(run->facts, FACT_NODE, &uses->count);
	uses->items = arena_array(run->arena, uses->count + 1, sizeof(*uses->items));
	if (!uses->items) {
		run->failed = true;
		uses->count = 0;
	}
	for (size_t i = 0; i < uses->count; i++) {
		struct node_use *use = &uses->items[i];
		use->node = &nodes[i];
		if (!instance_limits(run->facts, nodes[i].instance_type, &use->limits))
			use->limits.branches = -1;
		use->branches = branches_of(&nodes[i], &use->limits);
	}
}

static void count_pod(const struct facts *facts, struct node_uses *uses,
                      const struct pod_facts *pod)
{
	size_t wanted = branches_wanted(pod), ignored;
	const struct node_facts *node = pod->node[0] ? facts_node(facts, pod->node) : NULL;
	struct node_use *use;
	if (is_finished(pod))
		return;
	/* Only what the webhook has written makes it wait. */
	if (wanted > 0 && pod->eni_wanted > 0 && !pod->node[0]) {
		uses->waiting += wanted;
		if (!uses->first_waiting)
			uses->first_waiting = pod;
	}
	if (!node)
		return;
	use = &uses->items[node - (const struct node_facts *)facts_of(facts, FACT_NODE, &ignored)];
	use->pods++;
	use->with_branch += wanted;
	use->ordinary += wanted == 0 && !pod->host_network;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_instances(const void *a, const void *b)
{
	const struct node_use *const *left = a, *const *right = b;
	return strcmp((*left)->node->instance_id, (*right)->node->instance_id);
}

static int find_instance(const void *key, const void *item)
{
	const struct node_use *const *use = item;
	return strcmp(key, (*use)->node->instance_id);
}

static bool open_holders(struct check_run *run, struct node_uses *uses, struct holders *ret)
{
	size_t count;
	const struct pod_facts *pods = facts_of(run->facts, FACT_POD, &count);
	*ret = (struct holders){.count = uses->count};
	ret->live = arena_array(run->arena, count + 1, sizeof(*ret->live));
	ret->by_instance = arena_array(run->arena, uses->count + 1, sizeof(*ret->by_instance));
	if (!ret->live || !ret->by_instance) {
		run->failed = true;
		return false;
	}
	for (size_t i = 0; i < count; i++)
		if (!is_finished(&pods[i]) && pods[i].pod && pods[i].pod->eni)
			ret->live[ret->live_count++] = pods[i].pod->eni->id;
	for (size_t i = 0; i < uses->count; i++)
		ret->by_instance[i] = &uses->items[i];
	qsort(ret->live, ret->live_count, sizeof(*ret->live), compare_names);
	qsort(ret->by_instance, ret->count, sizeof(*ret->by_instance), compare_instances);
	return true;
}

static void count_interface(const struct holders *holders, const struct interface_facts *interface)
{
	const char *id = interface->fact.name;
	const char *instance = label_value(&interface->tags, INSTANCE_TAG);
	struct node_use **use;
	if (strcmp(interface->type, "branch") != 0 || !instance || !instance[0] ||
	    bsearch(&id, holders->live, holders->live_count, sizeof(id), compare_names))
		return;
	use = bsearch(instance, holders->by_instance, holders->count, sizeof(*use), find_instance);
	if (use)
		(*use)->cooling++;
}

static void count_cooling(struct check_run *run, struct node_uses *uses)
{
	struct holders holders;
	size_t count;
	const struct interface_facts *interfaces = facts_of(run->facts, FACT_INTERFACE, &count);
	if (count == 0 || !open_holders(run, uses, &holders))
		return;
	for (size_t i = 0; i < count; i++)
		count_interface(&holders, &interfaces[i]);
}

struct node_uses node_uses_of(struct check_run *run)
{
	struct node_uses uses = {0};
	size_t count;
	const struct pod_facts *pods = facts_of(run->facts, FACT_POD, &count);
	open_uses(run, &uses);
	for (size_t i = 0; uses.items && i < count; i++)
		count_pod(run->facts, &uses, &pods[i]);
	count_cooling(run, &uses);
	return uses;
}
