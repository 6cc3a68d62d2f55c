/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "common/loader.h"

static int finish_item(struct loader *loader, struct error *err)
{
	loader->item = NULL;
	return loader_finish(loader, err);
}

static int load_element(void *context, const struct item *item, struct error *err)
{
	struct loader *loader = context;
	const struct field field = field_of_item(item);

	loader->item = item;
	for (const struct loader_list *list = loader->reading->lists; list->name != NULL; list++) {
		if (strcmp(item->list, list->name) == 0)
			list->load_element(loader, &field);
	}
	return finish_item(loader, err);
}

/* What lists a document has, its elements being loaded already; true if any. */
static bool load_lists(struct loader *loader, const struct field *document)
{
	bool any = false;

	for (const struct loader_list *known = loader->reading->lists; known->name != NULL;
	     known++) {
		const struct field list = field_member(document, known->name);

		if (cJSON_GetObjectItemCaseSensitive(document->value, known->name) == NULL)
			continue;
		any = true;
		if (list.value != NULL && !cJSON_IsArray(list.value))
			loader_refuse(loader, -EINVAL, &list, "expected an array");
		if (known->load_document != NULL)
			known->load_document(loader, document);
	}
	return any;
}

static bool load_parts(struct loader *loader, const struct field *document)
{
	bool any = false;

	for (const struct loader_part *part = loader->reading->parts; part && part->name; part++) {
		if (!field_member(document, part->name).value)
			continue;
		any = true;
		part->load(loader, document);
	}
	return any;
}

static void load_object(struct loader *loader, const struct field *document)
{
	const struct field kind = field_member(document, "kind");

	if (!cJSON_IsObject(document->value))
		loader_refuse(loader, -EINVAL, document, "expected an object");
	else if (load_lists(loader, document))
		return;
	else if (kind.value != NULL || loader->kind != NULL)
		load_kubernetes(loader, document);
	else if (!load_parts(loader, document) && !loader->reading->quiet)
		loader_warn(loader, document, "holds nothing that podsg reads, skipped");
}

static int load_document(void *context, const struct item *item, struct error *err)
{
	struct loader *loader = context;
	const struct field field = field_of_item(item);

	loader->item = item;
	/* YAML has empty documents between its separators. */
	if (item->value != NULL && !cJSON_IsNull(item->value))
		load_object(loader, &field);
	return finish_item(loader, err);
}

int loader_open(struct loader *loader, const char *name, struct error *err)
{
	*loader = (struct loader){
		.names.item_size = sizeof(const char *),
		.prefixes.item_size = sizeof(struct prefix),
		.labels.item_size = sizeof(struct label),
		.requirements.item_size = sizeof(struct selector_requirement),
	};
	loader->document = document_new(name);
	if (loader->document != NULL)
		loader->intern = intern_new(loader->document->arena);
	if (loader->intern != NULL)
		return 0;
	document_free(loader->document);
	return error_set(err, -ENOMEM, "%s: out of memory", name);
}

void loader_close(struct loader *loader)
{
	vector_done(&loader->names);
	vector_done(&loader->prefixes);
	vector_done(&loader->labels);
	vector_done(&loader->requirements);
	intern_free(loader->intern);
	document_free(loader->document);
}

int loader_read(struct loader *loader, const struct loader_reading *reading,
                enum document_format format, const char *text, size_t length, struct error *err)
{
	const struct item_handler handler = {
		.lists = reading->picked_lists,
		.object = reading->picked_object,
		.element = load_element,
		.document = load_document,
		.context = loader,
	};
	const char *name = loader->document->name;

	if (length == 0)
		return error_set(err, -EBADMSG, "%s: is empty", name);
	if (length > DOCUMENT_SIZE_MAX)
		return error_set(err, -EFBIG, "%s: %zu bytes: at most %u are accepted", name,
		                 length, DOCUMENT_SIZE_MAX);
	loader->reading = reading;
	return items_read(name, format, text, length, &handler, err);
}

int loader_finish(const struct loader *loader, struct error *err)
{
	if (!loader_failed(loader))
		return 0;
	return error_set(err, loader->error.code, "%s", loader->error.text);
}
