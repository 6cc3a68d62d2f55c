/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/check/facts.h"
#include "nft-sync/check/facts_cluster.h"
#include "nft-sync/check/facts_groups.h"
#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/check/facts_kinds.h"
#include "nft-sync/check/facts_pods.h"
#include "nft-sync/check/facts_withheld.h"

#define FACTS_MEMORY_MAX (256U << 20) /* of what is found out at the end */

int facts_open(struct facts *facts, struct model *model, const struct config *config,
               struct error *err)
{
	*facts = (struct facts){
		.model = model, .config = config, .node = "", .namespace = "", .cluster = ""};
	for (size_t i = 0; i < FACT_KINDS; i++)
		facts->of[i].item_size = facts_kind_sizes[i];
	facts->documents.item_size = sizeof(struct document *);
	facts->withheld.item_size = sizeof(struct withheld);
	facts->arena = arena_new(FACTS_MEMORY_MAX);
	return facts->arena ? 0 : error_set(err, -ENOMEM, "no memory");
}

void facts_close(struct facts *facts)
{
	struct document **documents = facts->documents.items;
	for (size_t i = 0; i < facts->documents.count; i++)
		document_free(documents[i]);
	vector_done(&facts->documents);
	vector_done(&facts->withheld);
	for (size_t i = 0; i < FACT_KINDS; i++)
		vector_done(&facts->of[i]);
	arena_free(facts->arena);
}

struct fact_loader *fact_loader_of(struct loader *loader)
{
	return (struct fact_loader *)((char *)loader - offsetof(struct fact_loader, loader));
}

void *fact_push(struct loader *loader, enum fact_kind kind, const struct field *object,
                const struct object_name *name)
{
	struct facts *facts = fact_loader_of(loader)->facts;
	struct fact *fact = loader_push(loader, &facts->of[kind]);
	if (!fact)
		return NULL;
	facts->known[kind] = true;
	*fact = (struct fact){.namespace = name->namespace,
	                      .name = name->name,
	                      .file = facts->live ? facts->live : loader->document->name,
	                      .line = facts->live ? 0 : field_line(loader->item, object)};
	return fact;
}

void read_prefix_words(struct loader *loader, const char *text)
{
	while (*text) {
		char word[PREFIX_TEXT_MAX] = "";
		size_t length = strcspn(text, ", ");
		struct prefix prefix, *place;
		if (length < sizeof(word))
			memcpy(word, text, length);
		text += length + (text[length] != '\0');
		if (prefix_parse(word, &prefix, NULL) < 0)
			continue;
		place = loader_push(loader, &loader->prefixes);
		if (!place)
			return;
		*place = prefix;
	}
}

void *fact_push_id(struct loader *loader, enum fact_kind kind, const struct field *object,
                   const char *key)
{
	const struct field id = field_member(object, key);
	const struct object_name name = {.namespace = "", .name = read_name(loader, &id, REQUIRED)};
	return fact_push(loader, kind, object, &name);
}

void facts_know(struct loader *loader, enum fact_kind kind)
{
	fact_loader_of(loader)->facts->known[kind] = true;
}

static void read_tag(struct loader *loader, const struct field *element, void *context)
{
	const struct field key = field_member(element, "Key");
	const struct field value = field_member(element, "Value");
	struct label *tag = loader_push(loader, &loader->labels);
	(void)context;
	if (!tag)
		return;
	tag->key = read_string(loader, &key, OPTIONAL);
	tag->value = read_string(loader, &value, OPTIONAL);
}

struct labels read_tags(struct loader *loader, const struct field *object, const char *key)
{
	struct labels tags = {0};
	read_elements(loader, object, key, read_tag, NULL);
	loader_keep(loader, &loader->labels, &tags.items, &tags.count);
	return tags;
}

/* Of a refused document nothing stays. */
struct facts_mark {
	size_t counts[FACT_KINDS];
	bool known[FACT_KINDS];
};

static void mark(const struct facts *facts, struct facts_mark *ret)
{
	for (size_t i = 0; i < FACT_KINDS; i++)
		ret->counts[i] = facts->of[i].count;
	memcpy(ret->known, facts->known, sizeof(ret->known));
}

static void go_back(struct facts *facts, const struct facts_mark *to)
{
	for (size_t i = 0; i < FACT_KINDS; i++)
		facts->of[i].count = to->counts[i];
	memcpy(facts->known, to->known, sizeof(facts->known));
}

static int keep_document(struct facts *facts, struct loader *loader, struct error *err)
{
	struct document **place;
	if (facts->documents.count >= FACTS_DOCUMENTS_MAX)
		return error_set(err, -ENOSPC, "%s: more than %d documents", loader->document->name,
		                 FACTS_DOCUMENTS_MAX);
	place = vector_push(&facts->documents);
	if (!place)
		return error_set(err, -ENOMEM, "%s: out of memory", loader->document->name);
	*place = loader->document;
	loader->document = NULL;
	return 0;
}

int facts_put(struct facts *facts, const char *name, enum document_format format, const char *text,
              size_t length, struct error *err)
{
	struct fact_loader fact_loader = {.facts = facts, .probes.item_size = sizeof(struct probe)};
	struct loader *loader = &fact_loader.loader;
	struct facts_mark before;
	int r = loader_open(loader, name, err);
	if (r < 0)
		return r;
	mark(facts, &before);
	r = loader_read(loader, &facts_reading, format, text, length, err);
	if (r == 0)
		r = keep_document(facts, loader, err);
	if (r < 0)
		go_back(facts, &before);
	vector_done(&fact_loader.probes);
	loader_close(loader);
	return r;
}

static int compare_names(const struct fact *a, const struct fact *b)
{
	int order = strcmp(a->namespace, b->namespace);
	return order ? order : strcmp(a->name, b->name);
}

/* Two of one name keep their order: the file's name stands for the document's. */
static int compare_facts(const void *a, const void *b)
{
	const struct fact *left = a, *right = b;
	int order = compare_names(left, right);
	return order ? order : strcmp(left->file, right->file);
}

/* The last one of a name stays. */
static void drop_duplicates(struct vector *facts)
{
	char *items = facts->items;
	size_t size = facts->item_size, kept = 0;
	for (size_t i = 0; i < facts->count; i++) {
		const struct fact *this = (const struct fact *)(items + i * size);
		const struct fact *next = (const struct fact *)(items + (i + 1) * size);
		if (i + 1 < facts->count && compare_names(this, next) == 0)
			continue;
		memmove(items + kept++ * size, this, size);
	}
	facts->count = kept;
}

int facts_settle(struct facts *facts, struct error *err)
{
	for (size_t i = 0; i < FACT_KINDS; i++) {
		struct vector *of = &facts->of[i];
		facts->known[i] &= !facts->missing[i] || facts->told[i];
		if (of->count > 1)
			qsort(of->items, of->count, of->item_size, compare_facts);
		/* Templates of two kinds may have one name. */
		if (i != FACT_TEMPLATE)
			drop_duplicates(of);
	}
	facts_settle_groups(facts);
	facts_settle_interfaces(facts);
	if (facts_settle_pods(facts) < 0)
		return error_set(err, -ENOMEM, "no memory");
	facts_settle_cluster(facts);
	return 0;
}

const void *facts_of(const struct facts *facts, enum fact_kind kind, size_t *count)
{
	*count = facts->of[kind].count;
	return facts->of[kind].items;
}

const void *facts_find(const struct facts *facts, enum fact_kind kind, const char *namespace,
                       const char *name)
{
	const struct fact key = {.namespace = namespace, .name = name};
	const struct vector *of = &facts->of[kind];
	const char *items = of->items;
	size_t low = 0, high = of->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare_names((const struct fact *)(items + middle * of->item_size), &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == of->count)
		return NULL;
	const void *found = items + low * of->item_size;
	return compare_names(found, &key) == 0 ? found : NULL;
}
