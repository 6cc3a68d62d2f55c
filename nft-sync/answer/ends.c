/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/answer/ends.h"

#define TEXT_MAX 256
#define TRIES 8 /* addresses of a network that may be taken by pods of this node */

/* For documentation only (RFC 5737, RFC 9637): no rule names them but those for everybody. */
static const char *const internet[] = {"192.0.2.1", "3fff::1"};

struct ends {
	const struct sync *sync;
	cJSON *array;
	const cJSON *first_network;
	size_t groups, networks;
	bool left; /* something was left out */
};

/* One address of each family that stands for all. */
struct samples {
	struct prefix addresses[2];
	size_t count;
};

static bool is_of_this_node(const struct sync *sync, const struct prefix *address)
{
	if (resolution_branch_at(sync->resolution, address))
		return true;
	for (size_t i = 0; i < sync->host.address_count; i++)
		if (prefix_equal(&sync->host.addresses[i].address, address))
			return true;
	return false;
}

static void next_address(struct prefix *address)
{
	size_t i = prefix_family_bits(address->family) / 8;
	while (i > 0 && ++address->address[--i] == 0)
		;
}

/* An address of the network that belongs to nobody here; the first one of a longer one is its
 * network's own. */
static bool sample_of(const struct sync *sync, const struct prefix *network, struct prefix *ret)
{
	*ret = *network;
	ret->length = (uint8_t)prefix_family_bits(network->family);
	for (int i = 0; i < TRIES; i++) {
		if (network->length < ret->length && i == 0)
			next_address(ret);
		if (!prefix_contains(network, ret))
			return false;
		if (!is_of_this_node(sync, ret))
			return true;
		next_address(ret);
	}
	return false;
}

static void add_sample(const struct sync *sync, struct samples *samples,
                       const struct prefix *network)
{
	for (size_t i = 0; i < samples->count; i++)
		if (samples->addresses[i].family == network->family)
			return;
	if (samples->count < 2 && sample_of(sync, network, &samples->addresses[samples->count]))
		samples->count++;
}

static cJSON *add_end(struct ends *ends, const char *kind, const char *name, const char *text)
{
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "kind", kind);
	cJSON_AddStringToObject(object, "name", name);
	cJSON_AddStringToObject(object, "text", text);
	cJSON_AddArrayToObject(object, "addresses");
	cJSON_AddItemToArray(ends->array, object);
	return object;
}

/* What tells it apart for a person comes first: columns are narrow. */
static void title_name(const char *id, const char *title, char name[static TEXT_MAX])
{
	if (title[0])
		snprintf(name, TEXT_MAX, "%s (%s)", title, id);
	else
		snprintf(name, TEXT_MAX, "%s", id);
}

static void add_address(cJSON *end, const struct prefix *address)
{
	char text[PREFIX_TEXT_MAX];
	cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(end, "addresses"),
	                     cJSON_CreateString(prefix_text(address, text)));
}

static void add_samples(cJSON *end, const struct samples *samples)
{
	for (size_t i = 0; i < samples->count; i++)
		add_address(end, &samples->addresses[i]);
}

static void add_pods(struct ends *ends)
{
	const struct resolution *resolution = ends->sync->resolution;
	for (size_t i = 0; i < resolution->branch_count; i++) {
		const struct branch *branch = &resolution->branches[i];
		char name[2 * TEXT_MAX];
		snprintf(name, sizeof(name), "%s/%s", branch->namespace, branch->pod);
		cJSON *end = add_end(ends, "pod", name, branch->interface);
		for (size_t j = 0; j < branch->address_count; j++)
			add_address(end, &branch->addresses[j]);
	}
}

static void add_node(struct ends *ends)
{
	const struct resolution *resolution = ends->sync->resolution;
	cJSON *end = add_end(ends, "node", ends->sync->config->node.name,
	                     "this node: its own processes and pods in its network");
	for (size_t i = 0; i < resolution->node_address_count && i < POD_ADDRESSES_MAX; i++)
		add_address(end, &resolution->node_addresses[i]);
}

static void add_internet(struct ends *ends)
{
	struct prefix address;
	cJSON *end = add_end(ends, "internet", "internet",
	                     "an address that no rule names, but those for everybody");
	for (size_t i = 0; i < sizeof(internet) / sizeof(internet[0]); i++)
		if (address_parse(internet[i], &address) == 0)
			add_address(end, &address);
}

/* Those of its members that are not shown already, as pods of this node. */
static void add_group(struct ends *ends, const struct member_set *members)
{
	struct samples samples = {.count = 0};
	const struct security_group *group = model_group(ends->sync->model, members->group);
	char text[TEXT_MAX];
	char name[TEXT_MAX];
	for (size_t i = 0; i < members->count; i++)
		add_sample(ends->sync, &samples, &members->prefixes[i]);
	if (samples.count == 0)
		return;
	if (ends->groups++ >= ENDS_GROUPS_MAX) {
		ends->left = true;
		return;
	}
	title_name(members->group, group ? group->name : "", name);
	snprintf(text, sizeof(text), "asked for one of its %zu members that is not of this node",
	         members->count);
	add_samples(add_end(ends, "group", name, text), &samples);
}

static bool is_there(const struct ends *ends, const char *name)
{
	for (const cJSON *end = ends->first_network; end; end = end->next)
		if (strcmp(cJSON_GetObjectItemCaseSensitive(end, "name")->valuestring, name) == 0)
			return true;
	return false;
}

static void add_network(struct ends *ends, const char *name, const char *text,
                        const struct samples *samples)
{
	cJSON *end;
	if (samples->count == 0 || is_there(ends, name))
		return;
	end = add_end(ends, "network", name, text);
	add_samples(end, samples);
	ends->networks++;
	if (!ends->first_network)
		ends->first_network = end;
}

static void add_prefix_list(struct ends *ends, const char *id)
{
	const struct prefix_list *list = model_prefix_list(ends->sync->model, id);
	struct samples samples = {.count = 0};
	char text[TEXT_MAX];
	char name[TEXT_MAX];
	for (size_t i = 0; list && i < list->entry_count; i++)
		add_sample(ends->sync, &samples, &list->entries[i]);
	if (samples.count == 0)
		return;
	title_name(id, model_prefix_list_name(ends->sync->model, id), name);
	snprintf(text, sizeof(text), "asked for one address of its %zu entries", list->entry_count);
	add_network(ends, name, text, &samples);
}

static void add_rule_network(struct ends *ends, const struct sg_rule *rule)
{
	struct samples samples = {.count = 0};
	char name[PREFIX_TEXT_MAX];
	if (ends->networks >= ENDS_NETWORKS_MAX) {
		ends->left = ends->left || rule->peer != RULE_PEER_GROUP;
	} else if (rule->peer == RULE_PEER_PREFIX_LIST) {
		add_prefix_list(ends, rule->peer_id);
	} else if (rule->peer == RULE_PEER_PREFIX && rule->prefix.length > 0) {
		add_sample(ends->sync, &samples, &rule->prefix);
		add_network(ends, prefix_text(&rule->prefix, name), "asked for one address of it",
		            &samples);
	}
}

static void add_group_networks(struct ends *ends, const char *id)
{
	const struct security_group *group = model_group(ends->sync->model, id);
	for (enum direction d = DIRECTION_INGRESS; group && d <= DIRECTION_EGRESS; d++)
		for (size_t i = 0; i < group->rule_count[d]; i++)
			add_rule_network(ends, &group->rules[d][i]);
}

static bool is_used_before(const struct resolution *resolution, size_t branch, const char *id)
{
	for (size_t i = 0; i < branch; i++)
		for (size_t j = 0; j < resolution->branches[i].group_count; j++)
			if (strcmp(resolution->branches[i].groups[j], id) == 0)
				return true;
	return false;
}

/* Those that rules of the pods' groups name. */
static void add_networks(struct ends *ends)
{
	const struct resolution *resolution = ends->sync->resolution;
	for (size_t i = 0; i < resolution->branch_count; i++)
		for (size_t j = 0; j < resolution->branches[i].group_count; j++) {
			const char *id = resolution->branches[i].groups[j];
			if (!is_used_before(resolution, i, id))
				add_group_networks(ends, id);
		}
}

cJSON *ends_answer(const struct sync *sync)
{
	cJSON *answer = cJSON_CreateObject();
	struct ends ends = {.sync = sync, .array = cJSON_AddArrayToObject(answer, "ends")};
	add_pods(&ends);
	add_node(&ends);
	add_internet(&ends);
	for (size_t i = 0; i < sync->resolution->member_count; i++)
		add_group(&ends, &sync->resolution->members[i]);
	add_networks(&ends);
	cJSON_AddStringToObject(answer, "node", sync->config->node.name);
	cJSON_AddBoolToObject(answer, "left", ends.left);
	return answer;
}
