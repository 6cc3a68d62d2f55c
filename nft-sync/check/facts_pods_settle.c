/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "nft-sync/check/facts_nodes.h"
#include "nft-sync/check/facts_pods.h"
#include "nft-sync/resolve/pod_groups.h"

bool has_groups(const struct pod_facts *pod)
{
	return pod->groups.count > 0 && !pod->host_network && !pod->windows && !pod->fargate &&
	       !pod->auto_mode;
}

bool is_finished(const struct pod_facts *pod)
{
	return strcmp(pod->phase, "Succeeded") == 0 || strcmp(pod->phase, "Failed") == 0;
}

bool is_judged(const struct facts *facts, const struct pod_facts *pod)
{
	if (facts->namespace[0] && strcmp(facts->namespace, pod->fact.namespace) != 0)
		return false;
	/* A template's pods, and those that wait, may come to any node. */
	if (facts->node[0] && pod->node[0] && strcmp(facts->node, pod->node) != 0)
		return false;
	return !is_finished(pod);
}

static const struct pod_facts *find_template(const struct facts *facts, const char *kind,
                                             const char *namespace, const char *name)
{
	size_t count;
	const struct pod_facts *templates = facts_of(facts, FACT_TEMPLATE, &count);
	const struct pod_facts *found = facts_find(facts, FACT_TEMPLATE, namespace, name);
	for (; found && found < templates + count; found++) {
		if (strcmp(found->fact.name, name) != 0 ||
		    strcmp(found->fact.namespace, namespace) != 0)
			return NULL;
		if (strcmp(found->kind, kind) == 0)
			return found;
	}
	return NULL;
}

/* A Deployment's ReplicaSets are called after it and the hash that their pods have as a label. */
static const struct pod_facts *deployment_of(const struct facts *facts, const struct pod_facts *pod)
{
	char name[NAME_MAX_LENGTH + 1];
	const char *dash = strrchr(pod->owner_name, '-');
	size_t length = dash ? (size_t)(dash - pod->owner_name) : 0;
	if (strcmp(pod->owner_kind, "ReplicaSet") != 0 || length == 0 || length >= sizeof(name))
		return NULL;
	memcpy(name, pod->owner_name, length);
	name[length] = '\0';
	return find_template(facts, "Deployment", pod->fact.namespace, name);
}

static const struct pod_facts *owner_of(const struct facts *facts, const struct pod_facts *pod)
{
	const struct pod_facts *owner =
		find_template(facts, pod->owner_kind, pod->fact.namespace, pod->owner_name);
	return owner ? owner : deployment_of(facts, pod);
}

const struct pod_facts *template_of(const struct facts *facts, const struct pod_facts *pod)
{
	const struct pod_facts *last = NULL;
	/* Pod, Job, CronJob; or Pod, ReplicaSet, Deployment. */
	for (int i = 0; i < 3 && pod && pod->owner_name[0]; i++) {
		pod = owner_of(facts, pod);
		if (pod)
			last = pod;
	}
	return last;
}

static const char **keep_ids(struct arena *arena, const struct group_list *list)
{
	const char **ids = arena_array(arena, list->count ? list->count : 1, sizeof(*ids));
	if (ids && list->count)
		memcpy(ids, list->ids, list->count * sizeof(*ids));
	return ids;
}

static int keep_groups(struct arena *arena, const struct pod_groups *groups,
                       struct pod_facts_groups *ret)
{
	ret->count = groups->groups.count;
	ret->policy_count = groups->policy_groups.count;
	ret->from_eni = groups->origin == GROUPS_FROM_ENI;
	ret->missing_service_account = groups->missing_service_account;
	if (ret->count + ret->policy_count == 0)
		return 0;
	ret->ids = keep_ids(arena, &groups->groups);
	ret->policy_ids = keep_ids(arena, &groups->policy_groups);
	return ret->ids && ret->policy_ids ? 0 : -ENOMEM;
}

/* Of a template: what its next pod would get. */
static int settle_template(const struct facts *facts, const struct pod_groups_input *input,
                           struct pod_facts *template)
{
	const struct pod pod = {.namespace = template->fact.namespace,
	                        .name = "",
	                        .service_account = template->service_account,
	                        .labels = template->labels};
	struct pod_groups groups = {0};
	pod_policy_groups(input, &pod, &groups);
	if (!template->host_network)
		groups.groups = groups.policy_groups;
	return keep_groups(facts->arena, &groups, &template->groups);
}

/* What it does not say itself its node does. */
static void settle_place(const struct facts *facts, struct pod_facts *pod)
{
	const struct node_facts *node = pod->node[0] ? facts_node(facts, pod->node) : NULL;
	if (!node)
		return;
	pod->windows |= strcmp(node->os, "windows") == 0;
	pod->fargate |= strcmp(node->compute_type, "fargate") == 0;
	pod->auto_mode |= strcmp(node->compute_type, "auto") == 0;
}

static int settle_pod(const struct facts *facts, const struct pod_groups_input *input,
                      struct pod_facts *pod)
{
	struct pod_groups groups = {0};
	settle_place(facts, pod);
	pod->pod = model_pod(facts->model, pod->fact.namespace, pod->fact.name);
	if (!pod->pod)
		return 0;
	pod_groups(input, pod->pod, &groups);
	/* pod_groups() does not ask the policies of a pod that can't have groups. */
	if (pod->host_network && !pod->pod->finished)
		pod_policy_groups(input, pod->pod, &groups);
	return keep_groups(facts->arena, &groups, &pod->groups);
}

/* Where a template's pods are. */
struct places {
	size_t pods, windows, fargate, auto_mode;
};

static void count_place(struct places *places, const struct pod_facts *pod)
{
	places->pods++;
	places->windows += pod->windows;
	places->fargate += pod->fargate;
	places->auto_mode += pod->auto_mode;
}

/* Affinities, taints and Fargate profiles are nowhere in a template: where all of its pods went,
 * the next one goes. */
static int settle_template_places(struct facts *facts)
{
	const struct pod_facts *pods = facts->of[FACT_POD].items;
	struct pod_facts *templates = facts->of[FACT_TEMPLATE].items;
	size_t count = facts->of[FACT_TEMPLATE].count;
	struct places *places = arena_array(facts->arena, count + 1, sizeof(*places));
	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < facts->of[FACT_POD].count; i++) {
		const struct pod_facts *template = template_of(facts, &pods[i]);
		if (template && pods[i].node[0] && !is_finished(&pods[i]))
			count_place(&places[template - templates], &pods[i]);
	}
	for (size_t i = 0; i < count; i++) {
		bool placed = places[i].pods > 0;
		templates[i].placed = placed;
		templates[i].windows |= placed && places[i].windows == places[i].pods;
		templates[i].fargate |= placed && places[i].fargate == places[i].pods;
		templates[i].auto_mode |= placed && places[i].auto_mode == places[i].pods;
	}
	return 0;
}

/* Both are sorted by namespace and name, and of either the last of a name is in force. */
static void settle_policies(struct facts *facts, const struct pod_groups_input *input)
{
	struct policy_facts *of = facts->of[FACT_POLICY].items;
	size_t at = 0;
	for (size_t i = 0; i < facts->of[FACT_POLICY].count; i++) {
		int order = -1;
		for (; at < input->policy_count && order < 0; at += order < 0) {
			order = strcmp(input->policies[at]->namespace, of[i].fact.namespace);
			if (order == 0)
				order = strcmp(input->policies[at]->name, of[i].fact.name);
		}
		if (order == 0)
			of[i].policy = input->policies[at];
	}
}

int facts_settle_pods(struct facts *facts)
{
	struct pod_groups_input input = {.model = facts->model, .enforce_without_eni = true};
	struct vector *pods = &facts->of[FACT_POD], *templates = &facts->of[FACT_TEMPLATE];
	int r = model_policies(facts->model, &input.policies, &input.policy_count);
	if (r == 0)
		settle_policies(facts, &input);
	for (size_t i = 0; r == 0 && i < pods->count; i++)
		r = settle_pod(facts, &input, (struct pod_facts *)pods->items + i);
	for (size_t i = 0; r == 0 && i < templates->count; i++)
		r = settle_template(facts, &input, (struct pod_facts *)templates->items + i);
	return r < 0 ? r : settle_template_places(facts);
}
