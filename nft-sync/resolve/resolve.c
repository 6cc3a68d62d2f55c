/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/resolve/resolver.h"

#define RESOLUTION_SIZE_MAX ((size_t)64 << 20)

/* A resolution and the member lists that it shows. */
struct kept_resolution {
	struct resolution resolution; /* first: it is what the callers hold */
	struct member_list **lists;
	size_t list_count;
	size_t list_capacity;
};

static struct kept_resolution *kept(struct resolution *resolution)
{
	void *whole = resolution;

	return whole;
}

struct resolution *resolution_new(const struct config *config)
{
	void *whole = calloc(1, sizeof(struct kept_resolution));
	struct resolution *resolution = whole;

	if (resolution == NULL)
		return NULL;
	resolution->config = config;
	resolution->primary_interface = "";
	resolution->arena = arena_new(RESOLUTION_SIZE_MAX);
	if (resolution->arena == NULL) {
		free(whole);
		return NULL;
	}
	return resolution;
}

int resolution_keep(struct resolution *resolution, struct member_list *list)
{
	struct kept_resolution *whole = kept(resolution);

	if (list == NULL)
		return 0;
	if (whole->list_count == whole->list_capacity) {
		size_t capacity = whole->list_capacity != 0 ? whole->list_capacity * 2 : 16;
		struct member_list **lists =
			reallocarray(whole->lists, capacity, sizeof(struct member_list *));

		if (lists == NULL) {
			member_list_unref(list);
			return -ENOMEM;
		}
		whole->lists = lists;
		whole->list_capacity = capacity;
	}
	whole->lists[whole->list_count++] = list;
	return 0;
}

void resolution_free(struct resolution *resolution)
{
	if (resolution == NULL)
		return;

	struct kept_resolution *whole = kept(resolution);

	for (size_t i = 0; i < whole->list_count; i++)
		member_list_unref(whole->lists[i]);
	free(whole->lists);
	arena_free(resolution->arena);
	free(whole);
}

bool resolver_is_local(const struct resolver *resolver, const struct pod *pod)
{
	return pod->node[0] != '\0' && strcmp(pod->node, resolver->config->node.name) == 0;
}

const char **resolver_copy_ids(struct resolver *resolver, const char *const *ids, size_t count)
{
	const char **copy = arena_array(resolver->arena, count != 0 ? count : 1, sizeof(*copy));

	for (size_t i = 0; copy != NULL && i < count; i++) {
		copy[i] = arena_strdup(resolver->arena, ids[i]);
		if (copy[i] == NULL)
			return NULL;
	}
	return copy;
}

static void say_duplicate(void *context, const char *sentence)
{
	problems_add(context, "%s", sentence);
}

static int prepare(struct resolver *resolver)
{
	struct pod_groups_input *input = &resolver->input;
	int ret = model_pods(resolver->model, &resolver->pods, &resolver->pod_count);

	if (ret < 0)
		return ret;
	input->model = resolver->model;
	input->enforce_without_eni = resolver->config->enforce_without_eni;
	return model_policies(resolver->model, &input->policies, &input->policy_count);
}

static int run_steps(struct resolver *resolver)
{
	struct resolution *out = resolver->out;
	int ret = prepare(resolver);

	if (ret < 0)
		return ret;
	ret = resolve_node(resolver);
	if (ret < 0)
		return ret;
	ret = resolve_dns(resolver);
	if (ret < 0)
		return ret;
	ret = resolve_attachments(resolver);
	if (ret < 0)
		return ret;
	ret = resolve_branches(resolver);
	if (ret < 0)
		return ret;
	ret = resolve_orphans(resolver);
	if (ret < 0)
		return ret;
	ret = resolve_claims(resolver);
	if (ret < 0)
		return ret;
	resolve_states(resolver);
	ret = resolve_members(resolver);
	if (ret < 0)
		return ret;
	model_duplicates(resolver->model, say_duplicate, &resolver->problems);
	out->problems = problems_finish(&resolver->problems, &out->problem_count);
	return out->problems != NULL ? 0 : -ENOMEM;
}

int resolve(struct model *model, const struct config *config, const struct host *host,
            const struct resolution *previous, struct resolution **ret, struct error *err)
{
	struct resolution *out = resolution_new(config);
	struct resolver resolver = {
		.model = model, .config = config, .host = host, .previous = previous, .out = out};
	int code;

	if (out == NULL)
		return error_set(err, -ENOMEM, "out of memory while resolving the documents");
	resolver.arena = out->arena;
	resolver.problems.arena = out->arena;
	code = run_steps(&resolver);
	if (code < 0) {
		resolution_free(out);
		if (code == -E2BIG)
			return error_set(err, code,
			                 "more than %d pods of node %s have security groups",
			                 BRANCHES_MAX, config->node.name);
		return error_set(err, code, "out of memory while resolving the documents");
	}
	out->documents_generation = model_documents_generation(model);
	*ret = out;
	return 0;
}

bool resolution_is_current(const struct resolution *resolution, struct model *model)
{
	if (resolution->documents_generation != model_documents_generation(model) ||
	    model_remote_apply(model, resolution->config->enforce_without_eni) < 0)
		return false;
	for (size_t i = 0; i < resolution->member_count; i++) {
		const struct member_set *set = &resolution->members[i];

		if (members_generation(model_members(model), set->group) != set->generation)
			return false;
	}
	return true;
}
