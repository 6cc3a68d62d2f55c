/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/draw/chain_drawing.h"
#include "nft-sync/draw/names.h"
#include "nft-sync/draw/render.h"
#include "nft-sync/draw/render_chains.h"
#include "nft-sync/draw/render_dns.h"
#include "nft-sync/draw/rule_cache.h"
#include "nft-sync/judge/judge.h"

struct renderer {
	struct rule_cache *cache;
};

struct renderer *renderer_new(void)
{
	struct renderer *renderer = calloc(1, sizeof(*renderer));
	if (renderer)
		renderer->cache = rule_cache_new();
	if (renderer && !renderer->cache) {
		free(renderer);
		return NULL;
	}
	return renderer;
}

void renderer_free(struct renderer *renderer)
{
	if (!renderer)
		return;
	rule_cache_free(renderer->cache);
	free(renderer);
}

/* The sets that hold something of every branch interface. */
enum branch_set {
	BRANCHES,
	CLAIMED,
	STRICT,
	ROUTED,
	ADDRESSES4,
	ADDRESSES6,
	ANY_SOURCE,
	PATHS,
	HAIRPINS,
	RULES_EGRESS,
	RULES_INGRESS,
	UNSOURCED4,
	UNSOURCED6,
};

static const struct {
	const char *name;
	const char *comment;
	enum key_type types[2];
	enum set_data data;
} branch_sets[] = {
	[BRANCHES] = {SET_BRANCHES, "branch interfaces, at the host", {KEY_INTERFACE}, DATA_NONE},
	[CLAIMED] = {SET_CLAIMED,
                     "a newer pod has the address or interface",
                     {KEY_INTERFACE},
                     DATA_NONE},
	[STRICT] = {SET_STRICT, "mode strict", {KEY_INTERFACE}, DATA_NONE},
	[ROUTED] = {SET_ROUTED, "mode strict without a device", {KEY_INTERFACE}, DATA_NONE},
	[ADDRESSES4] = {SET_ADDRESSES4, "source check", {KEY_INTERFACE, KEY_ADDRESS4}, DATA_NONE},
	[ADDRESSES6] = {SET_ADDRESSES6, "source check", {KEY_INTERFACE, KEY_ADDRESS6}, DATA_NONE},
	[ANY_SOURCE] = {SET_ANY_SOURCE, "SourceDestCheck is off", {KEY_INTERFACE}, DATA_NONE},
	[PATHS] = {SET_PATHS,
                   "strict interfaces and their devices",
                   {KEY_INTERFACE, KEY_INTERFACE},
                   DATA_NONE},
	[HAIRPINS] = {SET_HAIRPINS, "a pod to itself", {KEY_INTERFACE, KEY_INTERFACE}, DATA_NONE},
	[RULES_EGRESS] = {SET_RULES_EGRESS, "which rules", {KEY_INTERFACE}, DATA_VERDICT},
	[RULES_INGRESS] = {SET_RULES_INGRESS, "which rules", {KEY_INTERFACE}, DATA_VERDICT},
	[UNSOURCED4] = {SET_UNSOURCED4,
                        "strict pods keep their source",
                        {KEY_ADDRESS4},
                        DATA_ADDRESS4},
	[UNSOURCED6] = {SET_UNSOURCED6,
                        "strict pods keep their source",
                        {KEY_ADDRESS6},
                        DATA_ADDRESS6},
};
#define BRANCH_SETS (sizeof(branch_sets) / sizeof(branch_sets[0]))

struct rendering {
	struct resolution *resolution;
	struct rule_cache *cache;
	struct image *image;
	struct image_set *sets[BRANCH_SETS];
	void (*say)(void *context, const char *problem);
	void *context;
	struct error *err;
};

static int make_branch_sets(struct rendering *r)
{
	for (size_t i = 0; i < BRANCH_SETS; i++) {
		unsigned count = branch_sets[i].types[1] == KEY_NONE ? 1 : 2;
		r->sets[i] = image_set_for(branch_sets[i].name, branch_sets[i].comment,
		                           branch_sets[i].types, count, branch_sets[i].data);
		if (!r->sets[i])
			return -ENOMEM;
	}
	return 0;
}

static bool is_strict(const struct resolution *resolution)
{
	for (size_t i = 0; i < resolution->branch_count; i++)
		if (resolution->branches[i].mode == MODE_STRICT)
			return true;
	return false;
}

static bool has_claimed(const struct resolution *resolution)
{
	for (size_t i = 0; i < resolution->branch_count; i++)
		if (resolution->branches[i].state == BRANCH_CLAIMED)
			return true;
	return false;
}

static bool is_needed(const struct chain_plan *plan, enum branch_set set)
{
	switch (set) {
	case CLAIMED:
		return plan->claimed;
	case STRICT:
	case ROUTED:
	case PATHS:
	case UNSOURCED4:
	case UNSOURCED6:
		return plan->strict;
	default:
		return true;
	}
}

/* Hands the sets that a rule asks over to the image. */
static int add_branch_sets(struct rendering *r, const struct chain_plan *plan)
{
	int status = 0;
	for (size_t i = 0; i < BRANCH_SETS; i++) {
		if (!is_needed(plan, i)) {
			image_set_unref(r->sets[i]);
			r->sets[i] = NULL;
			continue;
		}
		int added = image_set_finish(r->sets[i]);
		if (image_add_set(r->image, r->sets[i]) < 0 || added < 0)
			status = -ENOMEM;
		r->sets[i] = NULL;
	}
	return status;
}

/* "namespace/name", as comments have it. */
static void branch_comment(const struct branch *branch, char comment[static IMAGE_COMMENT_MAX])
{
	snprintf(comment, IMAGE_COMMENT_MAX, "%s/%s", branch->namespace, branch->pod);
}

static int add_interface(struct image_set *set, const struct branch *branch, enum verdict_code code,
                         const char *chain)
{
	uint8_t key[IMAGE_KEY_MAX];
	unsigned length = 0;
	char comment[IMAGE_COMMENT_MAX];
	struct verdict_to verdict = {.code = code};
	snprintf(verdict.chain, sizeof(verdict.chain), "%s", chain);
	branch_comment(branch, comment);
	key_put_name(key, &length, branch->interface);
	return image_set_add(set, key, NULL, &verdict, comment);
}

static int add_pair(struct image_set *set, const char *in, const char *out)
{
	uint8_t key[IMAGE_KEY_MAX];
	unsigned length = 0;
	key_put_name(key, &length, in);
	key_put_name(key, &length, out);
	return image_set_add(set, key, NULL, NULL, NULL);
}

static int add_addresses(struct rendering *r, const struct branch *branch)
{
	int status = 0;
	for (size_t i = 0; status == 0 && i < branch->address_count; i++) {
		const struct prefix *address = &branch->addresses[i];
		bool v4 = address->family == AF_INET;
		uint8_t key[IMAGE_KEY_MAX];
		unsigned length = 0;
		char comment[IMAGE_COMMENT_MAX];
		branch_comment(branch, comment);
		key_put_name(key, &length, branch->interface);
		key_put_address(key, &length, address);
		status = image_set_add(r->sets[v4 ? ADDRESSES4 : ADDRESSES6], key, NULL, NULL,
		                       comment);
		if (status < 0 || branch->mode != MODE_STRICT)
			continue;
		length = 0;
		key_put_address(key, &length, address);
		status = image_set_add(r->sets[v4 ? UNSOURCED4 : UNSOURCED6], key, NULL, NULL,
		                       comment);
	}
	if (status == 0 && !branch->source_dest_check)
		status = add_interface(r->sets[ANY_SOURCE], branch, VERDICT_NONE, "");
	return status;
}

static int add_paths(struct rendering *r, const struct branch *branch)
{
	int status = add_pair(r->sets[HAIRPINS], branch->interface, branch->interface);
	if (status < 0 || !branch_is_strict_path(branch))
		return status;
	status = add_pair(r->sets[PATHS], branch->interface, branch->interface);
	if (status == 0)
		status = add_pair(r->sets[PATHS], branch->interface, branch->device);
	if (status == 0)
		status = add_pair(r->sets[PATHS], branch->device, branch->interface);
	return status;
}

/* Which way a packet of the interface goes: a standard one is in no set of its own. */
static int add_kind(struct rendering *r, const struct branch *branch)
{
	int status = add_interface(r->sets[BRANCHES], branch, VERDICT_NONE, "");
	if (status == 0 && branch->state == BRANCH_CLAIMED)
		return add_interface(r->sets[CLAIMED], branch, VERDICT_NONE, "");
	if (status == 0 && branch->mode == MODE_STRICT)
		status = add_interface(r->sets[STRICT], branch, VERDICT_NONE, "");
	if (status == 0 && branch->mode == MODE_STRICT && !branch_is_strict_path(branch))
		status = add_interface(r->sets[ROUTED], branch, VERDICT_NONE, "");
	return status;
}

/* An interface whose rules can't be had stays without: closed, and somebody is told. */
static int add_rules(struct rendering *r, struct branch *branch, enum direction direction)
{
	char chain[IMAGE_NAME_MAX];
	char sentence[768];
	struct error failure = {0};
	enum branch_set set = direction == DIRECTION_EGRESS ? RULES_EGRESS : RULES_INGRESS;
	int status = rule_cache_render(r->cache, direction, RULES_OF_BRANCH, branch->groups,
	                               branch->group_count, r->image, chain, &failure);
	branch->too_many_rules[direction] = status == -E2BIG;
	if (status == -E2BIG) {
		snprintf(sentence, sizeof(sentence), "pod %s/%s is closed for %s: %s",
		         branch->namespace, branch->pod, direction_name(direction), failure.text);
		r->say(r->context, sentence);
		return 0;
	}
	if (status < 0)
		return error_set(r->err, status, "%s", failure.text);
	return add_interface(r->sets[set], branch, VERDICT_GOTO, chain);
}

/* Two pods may claim one interface: the older one has no way of its own then. */
static bool is_shadowed(const struct resolution *resolution, const struct branch *branch)
{
	return resolution_branch(resolution, branch->interface) != branch;
}

static int add_branch(struct rendering *r, struct branch *branch)
{
	if (is_shadowed(r->resolution, branch))
		return 0;
	int status = add_kind(r, branch);
	if (status == 0 && branch->state != BRANCH_CLAIMED)
		status = add_addresses(r, branch);
	if (status == 0)
		status = add_paths(r, branch);
	for (enum direction d = DIRECTION_INGRESS; status == 0 && d <= DIRECTION_EGRESS; d++)
		if (branch->state == BRANCH_OPEN)
			status = add_rules(r, branch, d);
	return status;
}

static int add_exempt_service(struct image_set *set, const struct exempt_service *service)
{
	uint8_t key[IMAGE_KEY_MAX];
	unsigned length = 0;
	uint16_t port = htobe16(service->port);
	struct verdict_to verdict = {.code = VERDICT_GOTO};
	snprintf(verdict.chain, sizeof(verdict.chain), "exempt-%s",
	         exemption_names[service->exemption]);
	key_put_address(key, &length, &service->address);
	key_put(key, &length, &service->protocol, 1);
	key_put(key, &length, &port, sizeof(port));
	return image_set_add(set, key, NULL, &verdict, NULL);
}

static int add_exempt_set(struct rendering *r, const struct exempt_service *services, size_t count,
                          uint8_t family)
{
	bool v4 = family == AF_INET;
	enum key_type types[] = {v4 ? KEY_ADDRESS4 : KEY_ADDRESS6, KEY_PROTOCOL, KEY_PORT};
	struct image_set *set = image_set_for(v4 ? SET_EXEMPT4 : SET_EXEMPT6,
	                                      "what EC2 never filters", types, 3, DATA_VERDICT);
	int status = set ? 0 : -ENOMEM;
	for (size_t i = 0; status == 0 && i < count; i++)
		if (services[i].address.family == family)
			status = add_exempt_service(set, &services[i]);
	if (status == 0)
		status = image_set_finish(set);
	return image_add_set(r->image, set) < 0 ? -ENOMEM : status;
}

static int add_exempt_sets(struct rendering *r)
{
	struct exempt_service *services = NULL;
	struct arena *arena = arena_new(1 << 20);
	int status = -ENOMEM;
	if (arena) {
		size_t count = exempt_services(r->resolution, arena, &services);
		status = services || count == 0 ? 0 : -ENOMEM;
		if (status == 0)
			status = add_exempt_set(r, services, count, AF_INET);
		if (status == 0)
			status = add_exempt_set(r, services, count, AF_INET6);
	}
	arena_free(arena);
	return status;
}

/* Counts packets by interface. */
static int add_counting_set(struct rendering *r, const char *name, const char *comment)
{
	enum key_type type = KEY_INTERFACE;
	struct image_set *set = image_set_for(name, comment, &type, 1, DATA_NONE);
	int status = set ? 0 : -ENOMEM;
	if (set)
		set->counters = true;
	for (size_t i = 0; status == 0 && i < r->resolution->branch_count; i++)
		status = add_interface(set, &r->resolution->branches[i], VERDICT_NONE, "");
	if (status == 0)
		status = image_set_finish(set);
	return image_add_set(r->image, set) < 0 ? -ENOMEM : status;
}

static int add_counting_sets(struct rendering *r)
{
	int status = add_counting_set(r, SET_PERMITS_EGRESS, "permitted flows");
	if (status == 0)
		status = add_counting_set(r, SET_PERMITS_INGRESS, "permitted flows");
	for (size_t i = 0; status == 0 && i < drop_reason_count; i++) {
		char name[IMAGE_NAME_MAX];
		snprintf(name, sizeof(name), "drops-%s-%s",
		         direction_name(drop_reasons[i].direction), drop_reasons[i].reason);
		status = add_counting_set(r, name, "dropped packets");
	}
	return status;
}

static bool node_groups_known(const struct resolution *resolution, struct model *model)
{
	for (size_t i = 0; i < resolution->node_group_count; i++)
		if (model_group(model, resolution->node_groups[i]))
			return true;
	return false;
}

/* The rules of the node's own groups, where standard interfaces are to be judged by them. */
static int add_node_rules(struct rendering *r, struct model *model, enum direction direction,
                          char chain[static IMAGE_NAME_MAX])
{
	struct resolution *resolution = r->resolution;
	char sentence[768];
	chain[0] = '\0';
	if (resolution->config->standard_node_groups == NODE_GROUPS_NEVER ||
	    !node_groups_known(resolution, model))
		return 0;
	struct error failure = {0};
	int status = rule_cache_render(r->cache, direction, RULES_OF_NODE, resolution->node_groups,
	                               resolution->node_group_count, r->image, chain, &failure);
	resolution->node_too_many_rules[direction] = status == -E2BIG;
	if (status == -E2BIG) {
		snprintf(sentence, sizeof(sentence), "the node's groups permit nothing for %s: %s",
		         direction_name(direction), failure.text);
		r->say(r->context, sentence);
		snprintf(chain, IMAGE_NAME_MAX, "drop-%s-" DROP_NODE, direction_name(direction));
		return 0;
	}
	return status < 0 ? error_set(r->err, status, "the node's groups: %s", failure.text) : 0;
}

static int draw(struct rendering *r, struct model *model, const struct image *previous)
{
	char egress[IMAGE_NAME_MAX];
	char ingress[IMAGE_NAME_MAX];
	const struct judge_rules rules = {.group = model_judge_group,
	                                  .prefix_list = model_judge_prefix_list,
	                                  .context = model};
	struct chain_plan plan = {.config = r->resolution->config,
	                          .primary_interface = r->resolution->primary_interface,
	                          .node_chains = {ingress, egress},
	                          .strict = is_strict(r->resolution),
	                          .claimed = has_claimed(r->resolution)};
	int status = make_branch_sets(r);
	for (size_t i = 0; status == 0 && i < r->resolution->branch_count; i++)
		status = add_branch(r, &r->resolution->branches[i]);
	if (status == 0)
		status = add_branch_sets(r, &plan);
	if (status == 0)
		status = draw_neighbours(r->image);
	if (status == 0)
		status = add_exempt_sets(r);
	if (status == 0)
		status = render_dns(r->resolution, &rules, r->image);
	if (status == 0)
		status = add_counting_sets(r);
	if (status == 0)
		status = add_node_rules(r, model, DIRECTION_INGRESS, ingress);
	if (status == 0)
		status = add_node_rules(r, model, DIRECTION_EGRESS, egress);
	if (status == 0)
		status = render_chains(&plan, previous, r->image);
	return status;
}

int render(struct renderer *renderer, struct resolution *resolution, struct model *model,
           const struct image *previous, struct image **ret, struct render_report *report,
           void (*say)(void *context, const char *problem), void *context, struct error *err)
{
	struct rendering r = {.resolution = resolution,
	                      .cache = renderer->cache,
	                      .image = image_new(),
	                      .say = say,
	                      .context = context,
	                      .err = err};
	int status = r.image ? 0 : -ENOMEM;
	if (status == 0)
		status = rule_cache_begin(renderer->cache, resolution, model);
	/* A node without branch interfaces: an empty table, no hook, no packet is looked at. */
	if (status == 0 && resolution->branch_count > 0)
		status = draw(&r, model, previous);
	for (size_t i = 0; i < BRANCH_SETS; i++)
		image_set_unref(r.sets[i]);
	if (status < 0) {
		image_free(r.image);
		return error_set(err, status, "no memory to draw the rule set");
	}
	image_finish(r.image);
	r.image->present = true;
	report->rule_sets = rule_cache_count(renderer->cache);
	report->rule_sets_compiled = rule_cache_compiled(renderer->cache);
	report->elements = rule_cache_elements(renderer->cache);
	rule_cache_end(renderer->cache);
	*ret = r.image;
	return 0;
}
