/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/journal.h"
#include "nft-sync/model/holding.h"

#define HOLDING_SIZE_MAX ((size_t)512 << 20) /* what 64 MiB of text can at most ask for */

struct id_list {
	const char **ids;
	size_t count;
};

static int id_compare(const void *a, const void *b)
{
	const char *const *left = a;
	const char *const *right = b;

	return strcmp(*left, *right);
}

static void id_list_unique(struct id_list *list)
{
	size_t kept = 0;

	if (list->count > 1)
		qsort(list->ids, list->count, sizeof(*list->ids), id_compare);
	for (size_t i = 0; i < list->count; i++)
		if (kept == 0 || strcmp(list->ids[kept - 1], list->ids[i]) != 0)
			list->ids[kept++] = list->ids[i];
	list->count = kept;
}

static size_t count_peers(const struct security_group *group, enum rule_peer peer)
{
	size_t count = 0;

	for (unsigned d = 0; d < DIRECTIONS; d++)
		for (size_t i = 0; i < group->rule_count[d]; i++)
			count += group->rules[d][i].peer == peer;
	return count;
}

static int list_peers(struct arena *arena, const struct security_group *group, enum rule_peer peer,
                      struct id_list *ret)
{
	size_t count = count_peers(group, peer);

	*ret = (struct id_list){0};
	if (count == 0)
		return 0;
	ret->ids = arena_array(arena, count, sizeof(*ret->ids));
	if (ret->ids == NULL)
		return -ENOMEM;
	for (unsigned d = 0; d < DIRECTIONS; d++)
		for (size_t i = 0; i < group->rule_count[d]; i++)
			if (group->rules[d][i].peer == peer)
				ret->ids[ret->count++] = group->rules[d][i].peer_id;
	id_list_unique(ret);
	return 0;
}

static const struct group_peers *peers_new(struct arena *arena, const struct security_group *group)
{
	struct group_peers *peers = arena_alloc(arena, sizeof(*peers));
	struct id_list groups;
	struct id_list prefix_lists;

	if (peers == NULL || list_peers(arena, group, RULE_PEER_GROUP, &groups) < 0 ||
	    list_peers(arena, group, RULE_PEER_PREFIX_LIST, &prefix_lists) < 0)
		return NULL;
	*peers = (struct group_peers){groups.ids, groups.count, prefix_lists.ids,
	                              prefix_lists.count};
	return peers;
}

static void add(struct holding *holding, struct index_key key, const void *object)
{
	holding->entries[holding->entry_count++] =
		(struct entry){.index = {.key = key}, .owner = holding, .object = object};
}

static int add_groups(struct holding *holding)
{
	const struct document *document = holding->document;

	if (document->group_count == 0)
		return 0;
	holding->arena = arena_new(HOLDING_SIZE_MAX);
	if (holding->arena == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < document->group_count; i++) {
		const struct security_group *group = &document->groups[i];
		const struct group_peers *peers = peers_new(holding->arena, group);

		if (peers == NULL)
			return -ENOMEM;
		add(holding, index_key_string(KIND_GROUP, group->id), group);
		holding->entries[holding->entry_count - 1].peers = peers;
	}
	return 0;
}

static void add_interfaces(struct holding *holding)
{
	const struct document *document = holding->document;

	for (size_t i = 0; i < document->interface_count; i++)
		add(holding, index_key_string(KIND_INTERFACE, document->interfaces[i].id),
		    &document->interfaces[i]);
}

static void add_addresses(struct holding *holding)
{
	const struct document *document = holding->document;

	for (size_t i = 0; i < document->interface_count; i++) {
		const struct network_interface *interface = &document->interfaces[i];

		for (size_t j = 0; j < interface->address_count; j++) {
			struct index_key key = {.kind = KIND_INTERFACE_ADDRESS,
			                        .first = &interface->addresses[j],
			                        .first_size = sizeof(interface->addresses[j])};

			add(holding, key, interface);
		}
	}
}

/* Slices and services are different objects, and may have one name. */
static struct index_key dns_key(const struct cluster_dns *dns)
{
	return index_key_strings(KIND_CLUSTER_DNS, dns->endpoints ? "slice" : "service", dns->name);
}

static void add_infrastructure(struct holding *holding)
{
	const struct document *document = holding->document;

	holding->first[KIND_CLUSTER_DNS] = (uint32_t)holding->entry_count;
	for (size_t i = 0; i < document->cluster_dns_count; i++)
		add(holding, dns_key(&document->cluster_dns[i]), &document->cluster_dns[i]);
	holding->first[KIND_INSTANCE] = (uint32_t)holding->entry_count;
	for (size_t i = 0; i < document->instance_count; i++)
		add(holding, index_key_string(KIND_INSTANCE, INSTANCE_KEY),
		    &document->instances[i]);
	holding->first[KIND_ATTACHMENT] = (uint32_t)holding->entry_count;
	for (size_t i = 0; i < document->attachment_count; i++)
		add(holding,
		    index_key_strings(KIND_ATTACHMENT, document->attachments[i].sandbox,
		                      document->attachments[i].ifname),
		    &document->attachments[i]);
	holding->first[KINDS] = (uint32_t)holding->entry_count;
}

static void add_kubernetes(struct holding *holding)
{
	const struct document *document = holding->document;

	holding->first[KIND_POD] = (uint32_t)holding->entry_count;
	for (size_t i = 0; i < document->pod_count; i++)
		add(holding,
		    index_key_strings(KIND_POD, document->pods[i].namespace,
		                      document->pods[i].name),
		    &document->pods[i]);
	holding->first[KIND_SERVICE_ACCOUNT] = (uint32_t)holding->entry_count;
	for (size_t i = 0; i < document->service_account_count; i++)
		add(holding,
		    index_key_strings(KIND_SERVICE_ACCOUNT, document->service_accounts[i].namespace,
		                      document->service_accounts[i].name),
		    &document->service_accounts[i]);
	holding->first[KIND_POLICY] = (uint32_t)holding->entry_count;
	for (size_t i = 0; i < document->policy_count; i++)
		add(holding,
		    index_key_strings(KIND_POLICY, document->policies[i].namespace,
		                      document->policies[i].name),
		    &document->policies[i]);
	holding->first[KIND_NODE] = (uint32_t)holding->entry_count;
	for (size_t i = 0; i < document->node_count; i++)
		add(holding, index_key_string(KIND_NODE, document->nodes[i].name),
		    &document->nodes[i]);
	add_infrastructure(holding);
}

static int fill(struct holding *holding)
{
	const struct document *document = holding->document;

	holding->first[KIND_GROUP] = 0;
	if (add_groups(holding) < 0)
		return -ENOMEM;
	holding->first[KIND_INTERFACE] = (uint32_t)holding->entry_count;
	add_interfaces(holding);
	holding->first[KIND_INTERFACE_ADDRESS] = (uint32_t)holding->entry_count;
	add_addresses(holding);
	holding->first[KIND_PREFIX_LIST] = (uint32_t)holding->entry_count;
	for (size_t i = 0; i < document->prefix_list_count; i++)
		add(holding, index_key_string(KIND_PREFIX_LIST, document->prefix_lists[i].id),
		    &document->prefix_lists[i]);
	add_kubernetes(holding);
	return 0;
}

static size_t count_objects(const struct document *document)
{
	size_t count = document->group_count + document->interface_count +
	               document->prefix_list_count + document->pod_count +
	               document->service_account_count + document->policy_count +
	               document->node_count + document->cluster_dns_count +
	               document->instance_count + document->attachment_count;

	for (size_t i = 0; i < document->interface_count; i++)
		count += document->interfaces[i].address_count;
	return count;
}

int holding_new(struct document *document, struct holding **ret)
{
	size_t count = count_objects(document);
	struct holding *holding = calloc(1, sizeof(*holding));

	if (holding == NULL)
		return -ENOMEM;
	holding->document = document;
	holding->entries = calloc(count != 0 ? count : 1, sizeof(struct entry));
	if (holding->entries == NULL || fill(holding) < 0) {
		holding->document = NULL;
		holding_free(holding);
		return -ENOMEM;
	}
	*ret = holding;
	return 0;
}

void holding_free(struct holding *holding)
{
	if (holding == NULL)
		return;
	document_free(holding->document);
	arena_free(holding->arena);
	free(holding->entries);
	free(holding);
}

const char *holding_name(const struct holding *holding)
{
	return holding->document->name;
}

bool holding_has(const struct holding *holding, enum kind kind)
{
	return holding->first[kind + 1] > holding->first[kind];
}
