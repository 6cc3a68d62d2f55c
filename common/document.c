/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/loader.h"

/* What the text of a document may leave out. */
struct assumed {
	const char *api_version;
	const char *kind;
};

static const struct {
	const char *name;
	void (*load_element)(struct loader *loader, const struct field *element);
	void (*load_document)(struct loader *loader, const struct field *document); /* or NULL */
} lists[] = {
	{"SecurityGroups", load_security_group, NULL},
	{"NetworkInterfaces", load_network_interface, NULL},
	{"PrefixLists", load_prefix_list, NULL},
	{"Entries", load_prefix_list_entry, load_prefix_list_entries},
	{"items", load_kubernetes, NULL},
};
#define LISTS (sizeof(lists) / sizeof(lists[0]))

static int finish_item(struct loader *loader, struct error *err)
{
	loader->item = NULL;
	if (!loader_failed(loader))
		return 0;
	return error_set(err, loader->error.code, "%s", loader->error.text);
}

static int load_element(void *context, const struct item *item, struct error *err)
{
	struct loader *loader = context;
	const struct field field = field_of_item(item);

	loader->item = item;
	for (size_t i = 0; i < LISTS; i++) {
		if (strcmp(item->list, lists[i].name) == 0)
			lists[i].load_element(loader, &field);
	}
	return finish_item(loader, err);
}

/* What lists a document has, its elements being loaded already; true if any. */
static bool load_lists(struct loader *loader, const struct field *document)
{
	bool any = false;

	for (size_t i = 0; i < LISTS; i++) {
		const struct field list = field_member(document, lists[i].name);

		if (cJSON_GetObjectItemCaseSensitive(document->value, lists[i].name) == NULL)
			continue;
		any = true;
		if (list.value != NULL && !cJSON_IsArray(list.value))
			loader_refuse(loader, -EINVAL, &list, "expected an array");
		if (lists[i].load_document != NULL)
			lists[i].load_document(loader, document);
	}
	return any;
}

static int load_document(void *context, const struct item *item, struct error *err)
{
	struct loader *loader = context;
	const struct field field = field_of_item(item);
	const struct field kind = field_member(&field, "kind");

	loader->item = item;
	/* YAML has empty documents between its separators. */
	if (item->value == NULL || cJSON_IsNull(item->value))
		return 0;
	if (!cJSON_IsObject(item->value)) {
		loader_refuse(loader, -EINVAL, &field, "expected an object");
	} else if (!load_lists(loader, &field)) {
		if (kind.value != NULL || loader->kind != NULL)
			load_kubernetes(loader, &field);
		else
			loader_warn(loader, &field, "holds nothing that podsg reads, skipped");
	}
	return finish_item(loader, err);
}

static int loader_open(struct loader *loader, const char *name)
{
	*loader = (struct loader){
		.groups.item_size = sizeof(struct security_group),
		.interfaces.item_size = sizeof(struct network_interface),
		.prefix_lists.item_size = sizeof(struct prefix_list),
		.pods.item_size = sizeof(struct pod),
		.service_accounts.item_size = sizeof(struct service_account),
		.policies.item_size = sizeof(struct security_group_policy),
		.nodes.item_size = sizeof(struct node),
		.cninodes.item_size = sizeof(struct cninode),
		.cluster_dns.item_size = sizeof(struct cluster_dns),
		.entries.item_size = sizeof(struct prefix),
		.rules.item_size = sizeof(struct sg_rule),
		.names.item_size = sizeof(const char *),
		.prefixes.item_size = sizeof(struct prefix),
		.labels.item_size = sizeof(struct label),
		.requirements.item_size = sizeof(struct selector_requirement),
	};
	loader->document = document_new(name);
	if (loader->document == NULL)
		return -ENOMEM;
	loader->intern = intern_new(loader->document->arena);
	return loader->intern != NULL ? 0 : -ENOMEM;
}

static int loader_finish(struct loader *loader, struct error *err)
{
	struct document *document = loader->document;

	loader_keep(loader, &loader->groups, &document->groups, &document->group_count);
	loader_keep(loader, &loader->interfaces, &document->interfaces, &document->interface_count);
	loader_keep(loader, &loader->prefix_lists, &document->prefix_lists,
	            &document->prefix_list_count);
	loader_keep(loader, &loader->pods, &document->pods, &document->pod_count);
	loader_keep(loader, &loader->service_accounts, &document->service_accounts,
	            &document->service_account_count);
	loader_keep(loader, &loader->policies, &document->policies, &document->policy_count);
	loader_keep(loader, &loader->nodes, &document->nodes, &document->node_count);
	loader_keep(loader, &loader->cninodes, &document->cninodes, &document->cninode_count);
	loader_keep(loader, &loader->cluster_dns, &document->cluster_dns,
	            &document->cluster_dns_count);
	return finish_item(loader, err);
}

static void loader_close(struct loader *loader)
{
	struct vector *const vectors[] = {
		&loader->groups,
		&loader->interfaces,
		&loader->prefix_lists,
		&loader->pods,
		&loader->service_accounts,
		&loader->policies,
		&loader->nodes,
		&loader->cninodes,
		&loader->cluster_dns,
		&loader->entries,
		&loader->rules,
		&loader->names,
		&loader->prefixes,
		&loader->labels,
		&loader->requirements,
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		vector_done(vectors[i]);
	intern_free(loader->intern);
	document_free(loader->document);
}

static bool ends_with(const char *text, const char *ending)
{
	size_t length = strlen(text);
	size_t ending_length = strlen(ending);

	return length >= ending_length && strcmp(text + length - ending_length, ending) == 0;
}

int document_format_of(const char *name, enum document_format *ret)
{
	if (ends_with(name, ".json"))
		*ret = DOCUMENT_JSON;
	else if (ends_with(name, ".yaml") || ends_with(name, ".yml"))
		*ret = DOCUMENT_YAML;
	else
		return -EINVAL;
	return 0;
}

static int parse(const char *name, const struct assumed *assumed, enum document_format format,
                 const char *text, size_t length, struct document **ret, struct error *err)
{
	struct loader loader;
	const struct item_handler handler = {
		.element = load_element, .document = load_document, .context = &loader};
	int result;

	if (length == 0)
		return error_set(err, -EBADMSG, "%s: is empty", name);
	if (length > DOCUMENT_SIZE_MAX)
		return error_set(err, -EFBIG, "%s: %zu bytes: at most %u are accepted", name,
		                 length, DOCUMENT_SIZE_MAX);
	result = loader_open(&loader, name);
	if (result < 0) {
		error_set(err, result, "%s: out of memory", name);
		goto cleanup;
	}
	loader.api_version = assumed->api_version;
	loader.kind = assumed->kind;
	result = items_read(name, format, text, length, &handler, err);
	if (result == 0)
		result = loader_finish(&loader, err);
	if (result == 0) {
		*ret = loader.document;
		loader.document = NULL;
	}
cleanup:
	loader_close(&loader);
	return result;
}

int document_parse(const char *name, enum document_format format, const char *text, size_t length,
                   struct document **ret, struct error *err)
{
	return parse(name, &(struct assumed){0}, format, text, length, ret, err);
}

int document_parse_object(const char *name, const char *api_version, const char *kind,
                          const char *text, size_t length, struct document **ret, struct error *err)
{
	const struct assumed assumed = {api_version, kind};

	return parse(name, &assumed, DOCUMENT_JSON, text, length, ret, err);
}

int document_load(const char *path, struct document **ret, struct error *err)
{
	enum document_format format;
	char *text;
	size_t length;
	int result;

	result = document_format_of(path, &format);
	if (result < 0)
		return error_set(err, result, "%s: expected a name ending in .json, .yaml or .yml",
		                 path);
	result = file_read(path, DOCUMENT_SIZE_MAX, &text, &length, err);
	if (result < 0)
		return result;
	result = document_parse(path, format, text, length, ret, err);
	free(text);
	return result;
}

struct document *document_new(const char *name)
{
	struct arena *arena = arena_new(DOCUMENT_MEMORY_MAX);
	struct document *document = NULL;

	if (arena != NULL)
		document = arena_alloc(arena, sizeof(*document));
	if (document == NULL) {
		arena_free(arena);
		return NULL;
	}
	document->arena = arena;
	document->name = arena_strdup(arena, name);
	if (document->name != NULL)
		return document;
	arena_free(arena);
	return NULL;
}

void document_free(struct document *document)
{
	if (document != NULL)
		arena_free(document->arena);
}
