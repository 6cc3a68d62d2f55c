/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "nft-sync/answer/command_parts.h"
#include "nft-sync/draw/render_chains.h"
#include "nft-sync/kernel/nft_elements.h"

static const char *origin_name(enum groups_origin origin)
{
	switch (origin) {
	case GROUPS_FROM_POLICIES:
		return "policies";
	case GROUPS_FROM_ENI:
		return "eni";
	case GROUPS_FROM_NODE:
		return "node";
	}
	return "";
}

static void add_addresses(cJSON *object, const struct branch *branch)
{
	char text[PREFIX_TEXT_MAX];
	cJSON *array = cJSON_AddArrayToObject(object, "addresses");
	for (size_t i = 0; i < branch->address_count; i++)
		cJSON_AddItemToArray(array,
		                     cJSON_CreateString(prefix_text(&branch->addresses[i], text)));
}

static void add_groups(cJSON *object, const struct branch *branch, const struct model *model)
{
	cJSON *groups = cJSON_AddArrayToObject(object, "groups");
	cJSON *missing = cJSON_AddArrayToObject(object, "missing");
	for (size_t i = 0; i < branch->group_count; i++) {
		cJSON_AddItemToArray(groups, cJSON_CreateString(branch->groups[i]));
		if (!model_group(model, branch->groups[i]))
			cJSON_AddItemToArray(missing, cJSON_CreateString(branch->groups[i]));
	}
}

/* "" and null: the journal does not say. */
static void add_sandbox(cJSON *object, const struct branch_sandbox *sandbox)
{
	cJSON_AddStringToObject(object, "sandbox", sandbox->sandbox);
	if (sandbox->sandbox[0])
		cJSON_AddStringToObject(object, "attachment",
		                        attachment_state_name(sandbox->state));
	else
		cJSON_AddNullToObject(object, "attachment");
}

static cJSON *pod_object(const struct branch *branch, const struct model *model)
{
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "namespace", branch->namespace);
	cJSON_AddStringToObject(object, "name", branch->pod);
	cJSON_AddStringToObject(object, "uid", branch->uid);
	add_sandbox(object, &branch->sandbox);
	cJSON_AddStringToObject(object, "interface", branch->interface);
	cJSON_AddStringToObject(object, "device", branch->device);
	cJSON_AddStringToObject(object, "mode", mode_name(branch->mode));
	cJSON_AddStringToObject(object, "state", branch_state_name(branch));
	cJSON_AddBoolToObject(object, "present", branch->present);
	cJSON_AddBoolToObject(object, "orphan", branch->orphan);
	cJSON_AddBoolToObject(object, "sourceDestCheck", branch->source_dest_check);
	cJSON_AddStringToObject(object, "groupsFrom", origin_name(branch->origin));
	add_addresses(object, branch);
	add_groups(object, branch, model);
	cJSON_AddObjectToObject(object, "drops");
	return object;
}

/* Where the counters of one set of drops go: to the pods of the answer, by interface. */
struct drops_visit {
	cJSON *pods;
	const struct drop_reason *drop;
};

static int add_drops(const struct nft_element *element, void *context)
{
	struct drops_visit *visit = context;
	cJSON *pod;
	char key[64];
	if (element->packets == 0)
		return 0;
	snprintf(key, sizeof(key), "%s-%s", direction_name(visit->drop->direction),
	         visit->drop->reason);
	cJSON_ArrayForEach (pod, visit->pods) {
		const char *interface =
			cJSON_GetObjectItemCaseSensitive(pod, "interface")->valuestring;
		if (strncmp(interface, (const char *)element->key, element->length) == 0)
			cJSON_AddNumberToObject(cJSON_GetObjectItemCaseSensitive(pod, "drops"), key,
			                        (double)element->packets);
	}
	return 0;
}

cJSON *pods_object(struct sync *sync)
{
	const struct resolution *resolution = sync->resolution;
	cJSON *array = cJSON_CreateArray();
	for (size_t i = 0; resolution && i < resolution->branch_count; i++)
		cJSON_AddItemToArray(array, pod_object(&resolution->branches[i], sync->model));
	for (size_t i = 0; cJSON_GetArraySize(array) > 0 && i < drop_reason_count; i++) {
		char name[IMAGE_NAME_MAX];
		struct drops_visit visit = {.pods = array, .drop = &drop_reasons[i]};
		snprintf(name, sizeof(name), "drops-%s-%s",
		         direction_name(drop_reasons[i].direction), drop_reasons[i].reason);
		/* Counters that can't be read are left out: the rest of the answer is true. */
		(void)nft_read_counters(sync->nft, name, add_drops, &visit);
	}
	return array;
}

static bool uses_group(const struct branch *branch, const char *id)
{
	for (size_t i = 0; i < branch->group_count; i++)
		if (strcmp(branch->groups[i], id) == 0)
			return true;
	return false;
}

static void add_users(cJSON *object, const struct resolution *resolution, const char *id)
{
	cJSON *array = cJSON_AddArrayToObject(object, "usedBy");
	for (size_t i = 0; i < resolution->branch_count; i++) {
		const struct branch *branch = &resolution->branches[i];
		char name[512];
		snprintf(name, sizeof(name), "%s/%s", branch->namespace, branch->pod);
		if (uses_group(branch, id))
			cJSON_AddItemToArray(array, cJSON_CreateString(name));
	}
}

static void add_rules(cJSON *object, const struct security_group *group, enum direction direction)
{
	char text[RULE_TEXT_MAX];
	cJSON *array = cJSON_AddArrayToObject(object, direction_name(direction));
	for (size_t i = 0; i < group->rule_count[direction]; i++)
		cJSON_AddItemToArray(array,
		                     cJSON_CreateString(rule_text(&group->rules[direction][i],
		                                                  direction, text, sizeof(text))));
}

static cJSON *group_object(const struct sync *sync, const char *id)
{
	const struct security_group *group = model_group(sync->model, id);
	const struct member_set *members = resolution_members(sync->resolution, id);
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "id", id);
	cJSON_AddStringToObject(object, "name", group ? group->name : "");
	cJSON_AddBoolToObject(object, "known", group != NULL);
	if (members)
		cJSON_AddNumberToObject(object, "members", (double)members->count);
	for (enum direction d = DIRECTION_INGRESS; group && d <= DIRECTION_EGRESS; d++)
		add_rules(object, group, d);
	add_users(object, sync->resolution, id);
	return object;
}

static bool has_group(const cJSON *array, const char *id)
{
	const cJSON *group;
	cJSON_ArrayForEach (group, array) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(group, "id");
		if (cJSON_IsString(item) && strcmp(item->valuestring, id) == 0)
			return true;
	}
	return false;
}

static void add_group_once(cJSON *array, const struct sync *sync, const char *id)
{
	if (!has_group(array, id))
		cJSON_AddItemToArray(array, group_object(sync, id));
}

/* Groups of branch interfaces and of the node, and those that their rules refer to. */
cJSON *groups_object(struct sync *sync)
{
	const struct resolution *resolution = sync->resolution;
	cJSON *array = cJSON_CreateArray();
	if (!resolution)
		return array;
	for (size_t i = 0; i < resolution->branch_count; i++)
		for (size_t j = 0; j < resolution->branches[i].group_count; j++)
			add_group_once(array, sync, resolution->branches[i].groups[j]);
	for (size_t i = 0; i < resolution->node_group_count; i++)
		add_group_once(array, sync, resolution->node_groups[i]);
	for (size_t i = 0; i < resolution->member_count; i++)
		add_group_once(array, sync, resolution->members[i].group);
	return array;
}
