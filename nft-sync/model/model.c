/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/model/model_state.h"

/* A prefix list with entries beats one of which only the name is known. */
static bool outranks(const struct entry *a, const struct entry *b)
{
	if (a->index.key.kind == KIND_PREFIX_LIST) {
		const struct prefix_list *left = a->object;
		const struct prefix_list *right = b->object;

		if (left->known != right->known)
			return left->known;
	}
	return strcmp(holding_name(a->owner), holding_name(b->owner)) >= 0;
}

static struct entry *best_of(const struct model *model, const struct index_key *key)
{
	struct entry *best = NULL;

	for (struct entry *entry = model_first(model, key); entry != NULL;
	     entry = model_next(entry))
		if (best == NULL || outranks(entry, best))
			best = entry;
	return best;
}

/* Addresses are not counted: two interfaces, of different VPCs, may well have the same one. */
static void shadow(struct model *model, struct entry *entry, bool shadowed)
{
	entry->shadowed = shadowed;
	if (entry->index.key.kind == KIND_INTERFACE_ADDRESS)
		return;
	if (shadowed) {
		entry->owner->shadowed_count++;
		model->shadowed_count++;
	} else {
		entry->owner->shadowed_count--;
		model->shadowed_count--;
	}
}

static void add_memberships(struct member_batch *batch, const struct entry *entry, int by)
{
	if (entry == NULL || entry->index.key.kind != KIND_INTERFACE)
		return;

	const struct network_interface *interface = entry->object;

	for (size_t g = 0; g < interface->group_count; g++)
		for (size_t a = 0; a < interface->address_count; a++)
			member_batch_add(batch, interface->groups[g], &interface->addresses[a], by);
}

static void link_entry(struct model *model, struct entry *entry, struct member_batch *batch)
{
	struct entry *former = model_in_force(model, &entry->index.key);

	index_insert(&model->index, &entry->index);
	LIST_INSERT_HEAD(&model->kinds[entry->index.key.kind], entry, same_kind);
	if (former != NULL && !outranks(entry, former)) {
		shadow(model, entry, true);
		return;
	}
	if (former != NULL)
		shadow(model, former, true);
	add_memberships(batch, former, -1);
	add_memberships(batch, entry, 1);
}

static void unlink_entry(struct model *model, struct entry *entry, struct member_batch *batch)
{
	index_remove(&model->index, &entry->index);
	LIST_REMOVE(entry, same_kind);
	if (entry->shadowed) {
		shadow(model, entry, false);
		return;
	}

	struct entry *successor = best_of(model, &entry->index.key);

	if (successor != NULL)
		shadow(model, successor, false);
	add_memberships(batch, entry, -1);
	add_memberships(batch, successor, 1);
}

static void link_holding(struct model *model, struct holding *holding, struct member_batch *batch)
{
	for (size_t i = 0; holding != NULL && i < holding->entry_count; i++)
		link_entry(model, &holding->entries[i], batch);
}

static void unlink_holding(struct model *model, struct holding *holding, struct member_batch *batch)
{
	for (size_t i = 0; holding != NULL && i < holding->entry_count; i++)
		unlink_entry(model, &holding->entries[i], batch);
}

/* Where the document of that name is, or would be. */
static size_t position(const struct model *model, const char *name)
{
	size_t low = 0;
	size_t high = model->holding_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(holding_name(model->holdings[middle]), name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct holding *holding_at(const struct model *model, size_t at, const char *name)
{
	if (at < model->holding_count && strcmp(holding_name(model->holdings[at]), name) == 0)
		return model->holdings[at];
	return NULL;
}

static void note_change(struct model *model, const struct holding *holding)
{
	for (unsigned kind = 0; holding != NULL && kind < KINDS; kind++)
		if (holding_has(holding, kind))
			model->generations[kind]++;
}

/* Either may be NULL. On failure everything is as before. */
static int exchange(struct model *model, struct holding *old, struct holding *new)
{
	struct member_batch batch = {.members = model->members};
	struct member_batch undone = {.members = model->members};
	int ret;

	if (new != NULL && index_reserve(&model->index, new->entry_count) < 0)
		return -ENOMEM;
	unlink_holding(model, old, &batch);
	link_holding(model, new, &batch);
	ret = members_apply(model->members, &batch);
	if (ret < 0) {
		unlink_holding(model, new, &undone);
		link_holding(model, old, &undone);
		undone.failed = true; /* nothing was applied, so nothing is to be undone */
		(void)members_apply(model->members, &undone);
		return ret;
	}
	note_change(model, old);
	note_change(model, new);
	return 0;
}

static int make_room(struct model *model)
{
	size_t capacity = model->holding_capacity != 0 ? model->holding_capacity * 2 : 64;
	struct holding **holdings;

	if (model->holding_count < model->holding_capacity)
		return 0;
	holdings = reallocarray(model->holdings, capacity, sizeof(struct holding *));
	if (holdings == NULL)
		return -ENOMEM;
	model->holdings = holdings;
	model->holding_capacity = capacity;
	return 0;
}

static void insert_at(struct model *model, size_t at, struct holding *holding)
{
	memmove(&model->holdings[at + 1], &model->holdings[at],
	        (model->holding_count - at) * sizeof(struct holding *));
	model->holdings[at] = holding;
	model->holding_count++;
}

int model_put(struct model *model, struct document *document, struct error *err)
{
	size_t at = position(model, document->name);
	struct holding *old = holding_at(model, at, document->name);
	struct holding *new = NULL;
	int ret;

	if (old == NULL && model->holding_count == MODEL_DOCUMENTS_MAX) {
		ret = error_set(err, -ENOSPC, "%s: more than %d documents", document->name,
		                MODEL_DOCUMENTS_MAX);
		document_free(document);
		return ret;
	}
	ret = make_room(model);
	if (ret == 0)
		ret = holding_new(document, &new);
	if (ret < 0) {
		error_set(err, ret, "%s: out of memory", document->name);
		document_free(document);
		return ret;
	}
	ret = exchange(model, old, new);
	if (ret < 0) {
		error_set(err, ret, "%s: out of memory", document->name);
		holding_free(new);
		return ret;
	}
	if (old != NULL)
		model->holdings[at] = new;
	else
		insert_at(model, at, new);
	holding_free(old);
	return 0;
}

int model_remove(struct model *model, const char *name, struct error *err)
{
	size_t at = position(model, name);
	struct holding *old = holding_at(model, at, name);
	int ret;

	if (old == NULL)
		return -ENOENT;
	ret = exchange(model, old, NULL);
	if (ret < 0)
		return error_set(err, ret, "%s: out of memory while it is removed", name);
	model->holding_count--;
	memmove(&model->holdings[at], &model->holdings[at + 1],
	        (model->holding_count - at) * sizeof(struct holding *));
	holding_free(old);
	return 0;
}

struct model *model_new(void)
{
	struct model *model = calloc(1, sizeof(*model));

	if (model == NULL)
		return NULL;
	model->members = members_new();
	model->remotes = remote_pods_new();
	if (model->members == NULL || model->remotes == NULL || index_init(&model->index) < 0) {
		model_free(model);
		return NULL;
	}
	for (unsigned kind = 0; kind < KINDS; kind++)
		model->generations[kind] = 1;
	return model;
}

void model_free(struct model *model)
{
	if (model == NULL)
		return;
	for (size_t i = 0; i < model->holding_count; i++)
		holding_free(model->holdings[i]);
	free(model->holdings);
	free(model->pods.objects);
	free(model->policies.objects);
	free(model->cluster_dns.objects);
	free(model->attachments.objects);
	remote_pods_free(model->remotes);
	members_free(model->members);
	index_done(&model->index);
	free(model);
}

size_t model_document_count(const struct model *model)
{
	return model->holding_count;
}

const struct document *model_document(const struct model *model, size_t i)
{
	return model->holdings[i]->document;
}
