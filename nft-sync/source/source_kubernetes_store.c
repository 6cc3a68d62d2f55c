/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/log.h"
#include "nft-sync/model/index.h"
#include "nft-sync/source/document_same.h"
#include "nft-sync/source/source_kubernetes_store.h"

#define NAME_SIZE (KUBE_NAMESPACE_SIZE + KUBE_NAME_SIZE + 64)
#define TEXT_QUOTED_SIZE 1100

struct record {
	struct index_entry index; /* the first member; by name */
	LIST_ENTRY(record) link;
	unsigned mark;
	const struct document *document; /* in the model; NULL: none */
	char *complaint;                 /* why the newest version is refused; NULL: it is not */
	struct kube_deletion deletion;
	char version[KUBE_VERSION_SIZE];
	char name[];
};

struct object_store {
	struct model *model;
	const char *directory;
	const char *kind;
	struct index index;
	LIST_HEAD(record_list, record) records;
	size_t count;
	size_t refused;
	unsigned mark;
};

static void name_of(const struct object_store *store, const struct kube_object *object,
                    char name[static NAME_SIZE])
{
	(void)snprintf(name, NAME_SIZE, "kubernetes/%s/%s%s%s", store->directory, object->namespace,
	               object->namespace[0] ? "/" : "", object->name);
}

static struct record *find(const struct object_store *store, const char *name)
{
	const struct index_key key = index_key_string(0, name);

	return (struct record *)index_first(&store->index, &key);
}

static struct record *make(struct object_store *store, const char *name)
{
	struct record *record = find(store, name);
	size_t size = strlen(name) + 1;

	if (record)
		return record;
	record = calloc(1, sizeof(*record) + size);
	if (!record || index_reserve(&store->index, 1) < 0) {
		free(record);
		return NULL;
	}
	memcpy(record->name, name, size);
	record->index.key = index_key_string(0, record->name);
	index_insert(&store->index, &record->index);
	LIST_INSERT_HEAD(&store->records, record, link);
	store->count++;
	return record;
}

static void accept_object(struct object_store *store, struct record *record)
{
	if (!record->complaint)
		return;
	log_event(LOG_LEVEL_INFO, "object-accepted", "object=%s", record->name);
	free(record->complaint);
	record->complaint = NULL;
	store->refused--;
}

static void refuse_object(struct object_store *store, struct record *record, const char *text)
{
	char quoted[TEXT_QUOTED_SIZE];

	if (record->complaint && strcmp(record->complaint, text) == 0)
		return;
	log_event(LOG_LEVEL_ERROR, "object-refused", "object=%s in-force=%s text=%s", record->name,
	          record->document ? "earlier" : "none", log_quote(text, quoted, sizeof(quoted)));
	store->refused += !record->complaint;
	free(record->complaint);
	record->complaint = strdup(text);
	store->refused -= !record->complaint;
}

static void forget(struct object_store *store, struct record *record)
{
	index_remove(&store->index, &record->index);
	LIST_REMOVE(record, link);
	store->count--;
	store->refused -= record->complaint != NULL;
	free(record->complaint);
	free(record);
}

/* A document that cannot be removed for lack of memory is tried again after the next list. */
static bool drop(struct object_store *store, struct record *record)
{
	bool had = record->document != NULL;

	if (had && model_remove(store->model, record->name, NULL) < 0)
		return false;
	forget(store, record);
	return had;
}

static bool take(struct object_store *store, struct record *record, struct document *document)
{
	struct error failure = {0};

	if (record->document && document_same(record->document, document)) {
		document_free(document);
		accept_object(store, record);
		return false;
	}
	if (model_put(store->model, document, &failure) < 0) {
		/* Not the object's fault: the next list tries again. */
		record->version[0] = '\0';
		refuse_object(store, record, failure.text);
		return false;
	}
	record->document = document;
	accept_object(store, record);
	return true;
}

bool object_store_put(struct object_store *store, const struct kube_object *object,
                      const char *api_version)
{
	char name[NAME_SIZE];
	struct document *document;
	struct error failure = {0};
	struct record *record;

	name_of(store, object, name);
	record = make(store, name);
	if (!record)
		return false;
	record->mark = store->mark;
	if (object->version[0] && strcmp(record->version, object->version) == 0)
		return false;
	memcpy(record->version, object->version, sizeof(record->version));
	record->deletion = kube_object_deletion(object);
	if (document_parse_object(name, api_version, store->kind, object->text.text,
	                          object->text.length, &document, &failure) == 0)
		return take(store, record, document);
	refuse_object(store, record, failure.text);
	return false;
}

bool object_store_remove(struct object_store *store, const struct kube_object *object)
{
	char name[NAME_SIZE];
	struct record *record;

	name_of(store, object, name);
	record = find(store, name);
	return record && drop(store, record);
}

void object_store_begin(struct object_store *store)
{
	store->mark++;
}

bool object_store_sweep(struct object_store *store)
{
	struct record *next;
	bool changed = false;

	for (struct record *record = LIST_FIRST(&store->records); record; record = next) {
		next = LIST_NEXT(record, link);
		if (record->mark != store->mark && drop(store, record))
			changed = true;
	}
	return changed;
}

const struct document *object_store_document(const struct object_store *store,
                                             const struct kube_object *object,
                                             struct kube_deletion *deletion)
{
	char name[NAME_SIZE];
	const struct record *record;

	name_of(store, object, name);
	record = find(store, name);
	if (!record)
		return NULL;
	*deletion = record->deletion;
	return record->document;
}

size_t object_store_count(const struct object_store *store)
{
	return store->count;
}

void object_store_complaint(const struct object_store *store, char *ret, size_t size)
{
	const struct record *record = LIST_FIRST(&store->records);

	ret[0] = '\0';
	if (store->refused == 0)
		return;
	while (record && !record->complaint)
		record = LIST_NEXT(record, link);
	if (record)
		(void)snprintf(ret, size, "%zu refused, one is: %s", store->refused,
		               record->complaint);
}

/* The documents that an earlier source of this name has left. */
static int take_over(struct object_store *store)
{
	char directory[64];
	int length = snprintf(directory, sizeof(directory), "kubernetes/%s/", store->directory);

	for (size_t i = 0; i < model_document_count(store->model); i++) {
		const struct document *document = model_document(store->model, i);
		struct record *record;

		if (strncmp(document->name, directory, (size_t)length) != 0)
			continue;
		record = make(store, document->name);
		if (!record)
			return -1;
		record->document = document;
	}
	return 0;
}

struct object_store *object_store_new(struct model *model, const char *directory, const char *kind)
{
	struct object_store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	*store = (struct object_store){.model = model, .directory = directory, .kind = kind};
	LIST_INIT(&store->records);
	if (index_init(&store->index) < 0 || take_over(store) < 0) {
		object_store_free(store);
		return NULL;
	}
	return store;
}

void object_store_free(struct object_store *store)
{
	if (!store)
		return;
	while (!LIST_EMPTY(&store->records))
		forget(store, LIST_FIRST(&store->records));
	index_done(&store->index);
	free(store);
}
