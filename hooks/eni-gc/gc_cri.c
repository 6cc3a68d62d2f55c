/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/eni-gc/gc_cri.h"
#include "hooks/eni-gc/gc_grpc.h"
#include "hooks/eni-gc/gc_protobuf.h"

#define PATIENCE 3000 /* milliseconds; a runtime that hangs is as good as away */
#define STATE_NOT_READY 1

/* Field numbers of kubernetes/cri-api's api.proto, alike in v1 and v1alpha2. */
enum list_field {
	LIST_ITEMS = 1,
	/* Planned: KEP "CRI list pagination". A list of which this is a page is not complete. */
	LIST_NEXT_PAGE = 2,
};
enum sandbox_field { SANDBOX_ID = 1, SANDBOX_STATE = 3 };

/* A text that cannot be an id is longer than that, or not made of these. */
static bool take_id(struct gc_sandbox *sandbox, const struct gc_protobuf_field *field)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";
	if (field->type != GC_PROTOBUF_BYTES || field->length > JOURNAL_SANDBOX_MAX)
		return false;
	for (size_t i = 0; i < field->length; i++)
		if (!field->data[i] || !strchr(allowed, field->data[i]))
			return false;
	memcpy(sandbox->id, field->data, field->length);
	sandbox->id[field->length] = '\0';
	return true;
}

static int read_sandbox(const char *what, const struct gc_protobuf_field *item,
                        struct gc_sandbox *ret, struct error *err)
{
	struct gc_protobuf message;
	struct gc_protobuf_field field;
	*ret = (struct gc_sandbox){.ready = true};
	gc_protobuf_open(&message, item->data, item->length);
	while (gc_protobuf_next(&message, &field)) {
		if (field.number == SANDBOX_ID && !take_id(ret, &field))
			return error_set(err, -EINVAL,
			                 "%s: a sandbox with an id that is none (%zu bytes)", what,
			                 field.length);
		if (field.number == SANDBOX_STATE)
			ret->ready =
				field.type != GC_PROTOBUF_VARINT || field.value != STATE_NOT_READY;
	}
	if (message.broken)
		return error_set(err, -EBADMSG, "%s: not a list of sandboxes", what);
	return ret->id[0] ? 0 : error_set(err, -EINVAL, "%s: a sandbox without an id", what);
}

static int add_sandbox(const char *what, const struct gc_protobuf_field *item,
                       struct gc_sandboxes *list, struct error *err)
{
	struct gc_sandbox sandbox;
	if (item->type != GC_PROTOBUF_BYTES)
		return error_set(err, -EBADMSG, "%s: not a list of sandboxes", what);
	int r = read_sandbox(what, item, &sandbox, err);
	if (r < 0)
		return r;
	if (list->list.count >= GC_CRI_SANDBOXES_MAX)
		return error_set(err, -E2BIG, "%s: more than %d sandboxes", what,
		                 GC_CRI_SANDBOXES_MAX);
	struct gc_sandbox *added = vector_push(&list->list);
	if (!added)
		return error_set(err, -ENOMEM, "%s: out of memory", what);
	*added = sandbox;
	return 0;
}

int gc_cri_parse(const char *what, const void *message, size_t length, struct gc_sandboxes *list,
                 struct error *err)
{
	struct gc_protobuf walk;
	struct gc_protobuf_field field;
	int r = 0;
	list->list.item_size = sizeof(struct gc_sandbox);
	size_t before = list->list.count;
	gc_protobuf_open(&walk, message, length);
	while (r == 0 && gc_protobuf_next(&walk, &field)) {
		if (field.number == LIST_ITEMS)
			r = add_sandbox(what, &field, list, err);
		else if (field.number == LIST_NEXT_PAGE && field.length > 0)
			r = error_set(err, -EAGAIN, "%s: only a page of the list came", what);
	}
	if (r == 0 && walk.broken)
		r = error_set(err, -EBADMSG, "%s: not a list of sandboxes", what);
	if (r < 0)
		list->list.count = before;
	return r;
}

int gc_cri_ask(const char *socket, struct gc_sandboxes *list, struct error *err)
{
	static const char *const methods[] = {
		"/runtime.v1.RuntimeService/ListPodSandbox",
		"/runtime.v1alpha2.RuntimeService/ListPodSandbox",
	};
	struct error failure = {0};
	int r = -EOPNOTSUPP;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]) && r == -EOPNOTSUPP; i++) {
		struct buffer message;
		failure = (struct error){0};
		r = gc_grpc_call(socket, methods[i], PATIENCE, &message, &failure);
		if (r == 0)
			r = gc_cri_parse(socket, message.text, message.length, list, &failure);
		buffer_done(&message);
	}
	if (r < 0)
		(void)error_set(err, r, "%s", failure.text);
	return r;
}

/* Of an id that is there twice the one that is ready comes first, for gc_cri_find(). */
static int compare(const void *a, const void *b)
{
	const struct gc_sandbox *left = a;
	const struct gc_sandbox *right = b;
	int order = strcmp(left->id, right->id);
	return order != 0 ? order : (int)right->ready - (int)left->ready;
}

void gc_cri_sort(struct gc_sandboxes *list)
{
	if (list->list.count > 1)
		qsort(list->list.items, list->list.count, sizeof(struct gc_sandbox), compare);
}

const struct gc_sandbox *gc_cri_find(const struct gc_sandboxes *list, const char *id)
{
	const struct gc_sandbox *items = list->list.items;
	size_t low = 0;
	size_t high = list->list.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(items[middle].id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list->list.count && strcmp(items[low].id, id) == 0 ? &items[low] : NULL;
}

void gc_cri_done(struct gc_sandboxes *list)
{
	vector_done(&list->list);
}
