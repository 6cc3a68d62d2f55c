/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/buffer.h"
#include "common/kube_message.h"
#include "nft-sync/check/check_live.h"

#define NAME_SIZE 400
#define NAMED_MAX 20 /* objects of a page that are refused one by one */

struct listed {
	const char *name; /* "shop/web" */
	struct json_slice text;
};

/* A page that was refused as a whole. */
struct torn {
	struct check_documents *documents;
	const struct live_list *list;
	const char *page;      /* its name */
	struct buffer opening; /* up to the objects */
	struct vector objects; /* struct listed */
	size_t named;
	struct error *err;
};

/* "/apis/apps/v1/deployments" is of "apps/v1", "/api/v1/pods" of "v1". */
static void write_opening(struct buffer *opening, const struct live_list *list)
{
	const char *path = list->paths[0] + strlen("/api");
	const char *version = path + (*path == 's') + 1;
	size_t length = strcspn(version, "/");
	if (*path == 's')
		length += 1 + strcspn(version + length + 1, "/");
	buffer_add_format(opening, "{\"kind\":\"%sList\",\"apiVersion\":\"%.*s\",\"items\":[",
	                  list->kind, (int)length, version);
}

static int try_page(struct check_documents *documents, const struct live_list *list,
                    const char *name, const char *text, size_t length, struct error *refused)
{
	char of[NAME_SIZE];
	(void)snprintf(of, sizeof(of), "kubernetes/%s", list->name);
	return check_live_try(documents, of, name, text, length, refused);
}

static int take_object(void *context, const struct kube_object *object)
{
	struct torn *torn = context;
	struct listed *listed = vector_push(&torn->objects);
	char name[NAME_SIZE];
	if (!listed)
		return -ENOMEM;
	(void)snprintf(name, sizeof(name), "%s%s%s", object->namespace,
	               object->namespace[0] ? "/" : "", object->name);
	*listed = (struct listed){arena_strdup(torn->documents->arena, name), object->text};
	return listed->name ? 0 : -ENOMEM;
}

/* So many from the first one on, as a document of their own. 0, or why it was refused. */
static int put_range(struct torn *torn, size_t first, size_t count, struct error *refused)
{
	const struct listed *objects = torn->objects.items;
	struct buffer text = {.max = DOCUMENT_SIZE_MAX};
	char name[NAME_SIZE];
	if (count == 1)
		(void)snprintf(name, sizeof(name), "kubernetes/%s/%s", torn->list->name,
		               objects[first].name);
	else
		(void)snprintf(name, sizeof(name), "%s[%zu]", torn->page, first);
	buffer_add(&text, torn->opening.text, torn->opening.length);
	for (size_t i = first; i < first + count; i++) {
		buffer_add_text(&text, i > first ? "," : "");
		buffer_add(&text, objects[i].text.text, objects[i].text.length);
	}
	buffer_add_text(&text, "]}");
	int r = text.failed ? error_set(refused, -ENOMEM, "no memory")
	                    : try_page(torn->documents, torn->list, name, text.text, text.length,
	                               refused);
	buffer_done(&text);
	return r;
}

static int note(struct torn *torn, size_t first, size_t count, const struct error *refused)
{
	const struct listed *objects = torn->objects.items;
	char what[NAME_SIZE];
	torn->named++;
	if (count == 1)
		(void)snprintf(what, sizeof(what), "kubernetes/%s/%s", torn->list->name,
		               objects[first].name);
	else
		(void)snprintf(what, sizeof(what), "kubernetes/%s: %zu objects from %s on",
		               torn->list->name, count, objects[first].name);
	return check_documents_note(torn->documents, what, false, refused, torn->err);
}

/* Halves, until what is refused stands alone: as deep as the page's count has bits. */
static int put_halves(struct torn *torn, size_t first, size_t count)
{
	struct error refused = {0};
	if (count == 0 || put_range(torn, first, count, &refused) == 0)
		return 0;
	if (count == 1 || torn->named >= NAMED_MAX)
		return note(torn, first, count, &refused);
	int r = put_halves(torn, first, count / 2);
	return r < 0 ? r : put_halves(torn, first + count / 2, count - count / 2);
}

static int put_one_by_one(struct torn *torn, const char *text, size_t length)
{
	struct error failure = {0};
	struct kube_page page;
	int r = kube_page_read(torn->page, torn->list->kind, text, length, &page, &failure);
	if (r == 0)
		r = kube_page_objects(torn->page, torn->list->kind, &page, take_object, torn,
		                      &failure);
	write_opening(&torn->opening, torn->list);
	if (r < 0 || torn->opening.failed)
		return error_set(torn->err, -ENOMEM, "no memory");
	return put_halves(torn, 0, torn->objects.count);
}

int check_live_put_page(struct check_documents *documents, const struct live_list *list,
                        const char *name, const char *text, size_t length, struct error *err)
{
	struct torn torn = {.documents = documents,
	                    .list = list,
	                    .page = name,
	                    .opening.max = NAME_SIZE,
	                    .objects.item_size = sizeof(struct listed),
	                    .err = err};
	struct error refused = {0};
	int r = try_page(documents, list, name, text, length, &refused);
	if (r < 0)
		r = put_one_by_one(&torn, text, length);
	buffer_done(&torn.opening);
	vector_done(&torn.objects);
	return r;
}
