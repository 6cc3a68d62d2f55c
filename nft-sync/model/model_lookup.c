/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/journal.h"
#include "nft-sync/model/model_state.h"

struct entry *model_first(const struct model *model, const struct index_key *key)
{
	void *entry = index_first(&model->index, key);

	return entry;
}

struct entry *model_next(const struct entry *entry)
{
	void *next = index_next(&entry->index);

	return next;
}

struct entry *model_in_force(const struct model *model, const struct index_key *key)
{
	struct entry *entry = model_first(model, key);

	while (entry != NULL && entry->shadowed)
		entry = model_next(entry);
	return entry;
}

static const void *find(const struct model *model, struct index_key key)
{
	const struct entry *entry = model_in_force(model, &key);

	return entry != NULL ? entry->object : NULL;
}

const struct security_group *model_group(const struct model *model, const char *id)
{
	return find(model, index_key_string(KIND_GROUP, id));
}

const struct group_peers *model_group_peers(const struct model *model, const char *id)
{
	struct index_key key = index_key_string(KIND_GROUP, id);
	const struct entry *entry = model_in_force(model, &key);

	return entry != NULL ? entry->peers : NULL;
}

const struct network_interface *model_interface(const struct model *model, const char *id)
{
	return find(model, index_key_string(KIND_INTERFACE, id));
}

const struct service_account *model_service_account(const struct model *model,
                                                    const char *namespace, const char *name)
{
	return find(model, index_key_strings(KIND_SERVICE_ACCOUNT, namespace, name));
}

const struct pod *model_pod(const struct model *model, const char *namespace, const char *name)
{
	return find(model, index_key_strings(KIND_POD, namespace, name));
}

const struct node *model_node(const struct model *model, const char *name)
{
	return find(model, index_key_string(KIND_NODE, name));
}

const struct instance *model_instance(const struct model *model)
{
	return find(model, index_key_string(KIND_INSTANCE, INSTANCE_KEY));
}

const struct attachment *model_attachment(const struct model *model, const char *sandbox,
                                          const char *ifname)
{
	return find(model, index_key_strings(KIND_ATTACHMENT, sandbox, ifname));
}

const struct prefix_list *model_prefix_list(const struct model *model, const char *id)
{
	const struct prefix_list *list = find(model, index_key_string(KIND_PREFIX_LIST, id));

	return list != NULL && list->known ? list : NULL;
}

const char *model_prefix_list_name(const struct model *model, const char *id)
{
	struct index_key key = index_key_string(KIND_PREFIX_LIST, id);

	for (struct entry *entry = model_first(model, &key); entry != NULL;
	     entry = model_next(entry)) {
		const struct prefix_list *list = entry->object;

		if (list->name[0] != '\0')
			return list->name;
	}
	return "";
}

/* An interface that a later document replaced no longer has its addresses. */
static const struct network_interface *interface_holding(const struct model *model,
                                                         const struct prefix *prefix)
{
	struct index_key key = {
		.kind = KIND_INTERFACE_ADDRESS, .first = prefix, .first_size = sizeof(*prefix)};

	for (struct entry *entry = model_first(model, &key); entry != NULL;
	     entry = model_next(entry)) {
		const struct network_interface *interface = entry->object;

		if (model_interface(model, interface->id) == interface)
			return interface;
	}
	return NULL;
}

static void cut_to(struct prefix *prefix, unsigned length)
{
	prefix->length = (uint8_t)length;
	prefix->address[length / 8] &= (uint8_t) ~(0xffU >> (length % 8));
}

const struct network_interface *model_interface_at(const struct model *model,
                                                   const struct prefix *address)
{
	const struct network_interface *interface = interface_holding(model, address);
	struct prefix prefix = *address;

	for (unsigned length = prefix.length; interface == NULL && length-- > 0;) {
		cut_to(&prefix, length);
		interface = interface_holding(model, &prefix);
	}
	return interface;
}

static int pod_compare(const void *a, const void *b)
{
	const struct pod *const *left = a;
	const struct pod *const *right = b;
	int order = strcmp((*left)->namespace, (*right)->namespace);

	return order != 0 ? order : strcmp((*left)->name, (*right)->name);
}

static int policy_compare(const void *a, const void *b)
{
	const struct security_group_policy *const *left = a;
	const struct security_group_policy *const *right = b;
	int order = strcmp((*left)->namespace, (*right)->namespace);

	return order != 0 ? order : strcmp((*left)->name, (*right)->name);
}

static int dns_compare(const void *a, const void *b)
{
	const struct cluster_dns *const *left = a;
	const struct cluster_dns *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

/* The newest first. */
static int attachment_compare(const void *a, const void *b)
{
	const struct attachment *const *left = a;
	const struct attachment *const *right = b;

	if ((*left)->created != (*right)->created)
		return (*left)->created > (*right)->created ? -1 : 1;
	int order = strcmp((*left)->sandbox, (*right)->sandbox);

	return order != 0 ? order : strcmp((*left)->ifname, (*right)->ifname);
}

static size_t collect(const struct model *model, enum kind kind, const void **objects)
{
	const struct entry *entry = LIST_FIRST(&model->kinds[kind]);
	size_t count = 0;

	for (; entry != NULL; entry = LIST_NEXT(entry, same_kind)) {
		if (entry->shadowed)
			continue;
		if (objects != NULL)
			objects[count] = entry->object;
		count++;
	}
	return count;
}

static int listing_update(const struct model *model, enum kind kind, struct listing *listing,
                          int (*compare)(const void *a, const void *b))
{
	size_t count;
	const void **objects;

	if (listing->generation == model->generations[kind])
		return 0;
	count = collect(model, kind, NULL);
	objects = calloc(count != 0 ? count : 1, sizeof(*objects));
	if (objects == NULL)
		return -ENOMEM;
	collect(model, kind, objects);
	if (count > 1)
		qsort(objects, count, sizeof(*objects), compare);
	free(listing->objects);
	*listing = (struct listing){objects, count, model->generations[kind]};
	return 0;
}

int model_pods(struct model *model, const struct pod *const **ret, size_t *count)
{
	if (listing_update(model, KIND_POD, &model->pods, pod_compare) < 0)
		return -ENOMEM;
	*ret = (const struct pod *const *)model->pods.objects;
	*count = model->pods.count;
	return 0;
}

int model_policies(struct model *model, const struct security_group_policy *const **ret,
                   size_t *count)
{
	if (listing_update(model, KIND_POLICY, &model->policies, policy_compare) < 0)
		return -ENOMEM;
	*ret = (const struct security_group_policy *const *)model->policies.objects;
	*count = model->policies.count;
	return 0;
}

int model_cluster_dns(struct model *model, const struct cluster_dns *const **ret, size_t *count)
{
	if (listing_update(model, KIND_CLUSTER_DNS, &model->cluster_dns, dns_compare) < 0)
		return -ENOMEM;
	*ret = (const struct cluster_dns *const *)model->cluster_dns.objects;
	*count = model->cluster_dns.count;
	return 0;
}

int model_attachments(struct model *model, const struct attachment *const **ret, size_t *count)
{
	if (listing_update(model, KIND_ATTACHMENT, &model->attachments, attachment_compare) < 0)
		return -ENOMEM;
	*ret = (const struct attachment *const *)model->attachments.objects;
	*count = model->attachments.count;
	return 0;
}

uint64_t model_documents_generation(const struct model *model)
{
	uint64_t sum = model->overlap_generation;

	for (unsigned kind = 0; kind < KINDS; kind++)
		sum += model->generations[kind];
	return sum;
}

uint64_t model_generation(const struct model *model)
{
	return model_documents_generation(model) + remote_pods_generation(model->remotes);
}

uint64_t model_rules_generation(const struct model *model)
{
	return model->generations[KIND_GROUP] + model->generations[KIND_PREFIX_LIST];
}

uint64_t model_pods_generation(const struct model *model)
{
	return model->generations[KIND_POD] + model->generations[KIND_POLICY] +
	       model->generations[KIND_SERVICE_ACCOUNT] + model->generations[KIND_INTERFACE] +
	       model->overlap_generation;
}

struct members *model_members(struct model *model)
{
	return model->members;
}

static const char *kind_name(unsigned kind)
{
	static const char *const names[KINDS] = {
		[KIND_GROUP] = "security group",
		[KIND_INTERFACE] = "network interface",
		[KIND_PREFIX_LIST] = "prefix list",
		[KIND_POD] = "pod",
		[KIND_SERVICE_ACCOUNT] = "service account",
		[KIND_POLICY] = "policy",
		[KIND_NODE] = "node",
		[KIND_CLUSTER_DNS] = "cluster DNS",
		[KIND_INSTANCE] = "EC2 instance",
		[KIND_ATTACHMENT] = "attachment",
	};

	return names[kind];
}

/* Halves of one prefix list complete each other; they are no duplicates. */
static bool is_duplicate(const struct entry *entry, const struct entry *winner)
{
	const struct prefix_list *loser_list = entry->object;
	const struct prefix_list *winner_list = winner->object;

	return entry->index.key.kind != KIND_PREFIX_LIST || loser_list->known == winner_list->known;
}

static void say_duplicate(const struct model *model, const struct entry *entry,
                          void (*say)(void *context, const char *sentence), void *context)
{
	const struct index_key *key = &entry->index.key;
	const struct entry *winner = model_in_force(model, key);
	char sentence[512];

	if (winner == NULL || !is_duplicate(entry, winner))
		return;
	(void)snprintf(
		sentence, sizeof(sentence), "%s %s%s%s is in %s and in %s: %s",
		kind_name(key->kind), (const char *)key->first, key->second != NULL ? "/" : "",
		key->second != NULL ? (const char *)key->second : "", holding_name(entry->owner),
		holding_name(winner->owner), "the latter is in force");
	say(context, sentence);
}

void model_duplicates(const struct model *model, void (*say)(void *context, const char *sentence),
                      void *context)
{
	for (size_t i = 0; model->shadowed_count > 0 && i < model->holding_count; i++) {
		const struct holding *holding = model->holdings[i];

		if (holding->shadowed_count == 0)
			continue;
		for (size_t j = 0; j < holding->entry_count; j++)
			if (holding->entries[j].shadowed &&
			    holding->entries[j].index.key.kind != KIND_INTERFACE_ADDRESS)
				say_duplicate(model, &holding->entries[j], say, context);
	}
}

const struct security_group *model_judge_group(void *model, const char *id)
{
	return model_group(model, id);
}

const struct prefix_list *model_judge_prefix_list(void *model, const char *id)
{
	return model_prefix_list(model, id);
}
