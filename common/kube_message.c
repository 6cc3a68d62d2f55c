/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/document.h"
#include "common/kube_message.h"
#include "common/siphash.h"

#define SHOWN_MAX 64

/* A member that is looked for. */
struct pick {
	const char *key;
	struct json_slice *ret; /* its length stays 0 where there is none; the first one counts */
};

/* What an object says of itself, and a digest of the rest that is read of it. */
struct object_parts {
	struct json_slice api_version, kind, metadata, name, namespace, version;
	struct siphash digest;
};

struct message {
	const char *what;
	struct error *err;
};

static int refuse(const struct message *message, const struct json_slice *value, const char *rule)
{
	const struct error_place place = {.file = message->what};
	struct json_slice inside = value ? *value : (struct json_slice){0};
	char shown[SHOWN_MAX + 1];

	if (inside.length == 0)
		return error_at(message->err, -EBADMSG, &place, NULL, "%s", rule);
	if (inside.length > 2 && inside.text[0] == '"') {
		inside.text++;
		inside.length -= 2;
	}
	(void)snprintf(shown, sizeof(shown), "%.*s",
	               (int)(inside.length < SHOWN_MAX ? inside.length : SHOWN_MAX), inside.text);
	return error_at(message->err, -EBADMSG, &place, shown, "%s", rule);
}

static struct json_slice *find_pick(const struct pick *picks, size_t count,
                                    const struct json_slice *key)
{
	for (size_t i = 0; i < count; i++)
		if (picks[i].ret->length == 0 && json_slice_is(key, picks[i].key))
			return picks[i].ret;
	return NULL;
}

/* The cursor stands at an object. In a text that was looked at before, what stands behind the last
 * member that is wanted need not be looked at again. */
static int pick_members(struct json_cursor *cursor, const struct pick *picks, size_t count,
                        bool whole, struct error *err)
{
	struct json_walk walk;
	struct json_slice key;
	size_t missing = count;
	int ret = json_enter(cursor, '{', &walk, err);

	while (ret >= 0 && (whole || missing > 0)) {
		ret = json_next_member(&walk, &key, err);
		if (ret <= 0)
			break;

		struct json_slice *slice = find_pick(picks, count, &key);

		missing -= slice != NULL;
		ret = json_skip(cursor, slice, err);
	}
	return ret < 0 ? ret : 0;
}

static int pick_of_text(const struct message *message, const char *text, size_t length,
                        const struct pick *picks, size_t count)
{
	struct json_cursor cursor;
	int ret;

	json_open(&cursor, message->what, text, length);
	ret = pick_members(&cursor, picks, count, true, message->err);
	return ret < 0 ? ret : json_finish(&cursor, message->err);
}

static int pick_of_slice(const struct message *message, const struct json_slice *slice,
                         const struct pick *picks, size_t count)
{
	struct json_cursor cursor;

	json_open(&cursor, message->what, slice->text, slice->length);
	return pick_members(&cursor, picks, count, false, message->err);
}

/* A string as it stands there: what the API server calls things by needs no escapes. */
static bool copy_plain(const struct json_slice *slice, char *ret, size_t size)
{
	ret[0] = '\0';
	if (slice->length == 0)
		return true;
	if (slice->length < 2 || slice->text[0] != '"' || slice->length - 2 >= size ||
	    memchr(slice->text, '\\', slice->length))
		return false;
	memcpy(ret, slice->text + 1, slice->length - 2);
	ret[slice->length - 2] = '\0';
	return true;
}

static bool is_string(const struct json_slice *slice, const char *text, const char *ending)
{
	size_t length = strlen(text);
	size_t ending_length = strlen(ending);

	return slice->text && slice->length == length + ending_length + 2 &&
	       slice->text[0] == '"' && memcmp(slice->text + 1, text, length) == 0 &&
	       memcmp(slice->text + 1 + length, ending, ending_length) == 0;
}

static int check_kind(const struct message *message, const struct json_slice *kind,
                      const char *expected, const char *ending)
{
	char rule[SHOWN_MAX + 32];

	if (is_string(kind, expected, ending))
		return 0;
	(void)snprintf(rule, sizeof(rule), "expected a %s%s", expected, ending);
	return refuse(message, kind, rule);
}

/* A proxy's page of HTML is better shown than told that a brace is missing in it. */
static int check_object(const struct message *message, const char *text, size_t length,
                        const char *kind, const char *ending)
{
	const struct json_slice start = {.text = text, .length = length};
	char rule[SHOWN_MAX + 32];
	struct json_cursor cursor;

	json_open(&cursor, message->what, text, length);
	if (json_peek(&cursor) == '{')
		return 0;
	(void)snprintf(rule, sizeof(rule), "expected a %s%s in JSON", kind, ending);
	return refuse(message, &start, rule);
}

/* What an object says of itself is kept, the first of each. */
static bool keep_own_part(struct object_parts *parts, const char *key,
                          const struct json_slice *value)
{
	const struct pick own[] = {
		{"apiVersion", &parts->api_version}, {"kind", &parts->kind},
		{"metadata", &parts->metadata},      {"name", &parts->name},
		{"namespace", &parts->namespace},    {"resourceVersion", &parts->version},
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (strcmp(own[i].key, key) != 0)
			continue;
		if (own[i].ret->length == 0)
			*own[i].ret = *value;
		return true;
	}
	return false;
}

static void note_part(void *context, const struct json_pick *pick, const struct json_slice *value)
{
	struct object_parts *parts = context;

	if (keep_own_part(parts, pick->key, value) || (pick->members && value->text[0] == '{'))
		return;
	siphash_word(&parts->digest, (uintptr_t)pick);
	siphash_bytes(&parts->digest, value->text, value->length);
}

/* The value that is next, in one pass. */
static int scan_object(struct json_cursor *cursor, struct object_parts *parts,
                       struct json_slice *text, struct error *err)
{
	bool is_object = json_peek(cursor) == '{';
	const struct json_slice start = {.text = cursor->at, .line = cursor->line};
	int ret;

	*parts = (struct object_parts){.digest = siphash_begin(siphash_process_key())};
	ret = is_object ? json_pick_each(cursor, document_object, note_part, parts, err)
	                : json_skip(cursor, NULL, err);
	*text = start;
	text->length = (size_t)(cursor->at - start.text);
	return ret;
}

static int read_metadata(const struct message *message, const struct object_parts *parts,
                         struct kube_object *object)
{
	if (!copy_plain(&parts->name, object->name, sizeof(object->name)))
		return refuse(message, &parts->name, "expected the name of an object");
	if (!copy_plain(&parts->namespace, object->namespace, sizeof(object->namespace)))
		return refuse(message, &parts->namespace, "expected the name of a namespace");
	if (!copy_plain(&parts->version, object->version, sizeof(object->version)))
		return refuse(message, &parts->version, "expected a resourceVersion");
	return 0;
}

static int expect_object(const struct message *message, const struct json_slice *slice)
{
	if (slice->length > 0 && slice->text[0] == '{')
		return 0;
	return refuse(message, slice, "an object is expected");
}

/* Fills in what object->text says of itself. */
static int read_object(const struct message *message, struct object_parts *parts, const char *kind,
                       bool named, struct kube_object *object)
{
	int ret = expect_object(message, &object->text);

	if (ret == 0 && object->change != KUBE_LISTED)
		ret = check_kind(message, &parts->kind, kind, "");
	if (ret == 0 && parts->metadata.length == 0)
		ret = refuse(message, &object->text, "an object without metadata");
	if (ret == 0)
		ret = expect_object(message, &parts->metadata);
	if (ret == 0)
		ret = read_metadata(message, parts, object);
	if (ret == 0 && named && object->name[0] == '\0')
		ret = refuse(message, &parts->metadata, "an object without a name");
	object->digest = siphash_end(&parts->digest);
	return ret;
}

struct kube_deletion kube_object_deletion(const struct kube_object *object)
{
	const struct message message = {0};
	struct json_slice metadata = {0};
	struct json_slice time = {0};
	struct json_slice grace = {0};
	const struct pick outer[] = {{"metadata", &metadata}};
	const struct pick inner[] = {{"deletionTimestamp", &time},
	                             {"deletionGracePeriodSeconds", &grace}};

	if (pick_of_slice(&message, &object->text, outer, 1) < 0 || metadata.length == 0 ||
	    pick_of_slice(&message, &metadata, inner, 2) < 0 || time.length == 0)
		return (struct kube_deletion){0};
	return (struct kube_deletion){.asked = true, .at_once = json_slice_is(&grace, "0")};
}

static int read_page_metadata(const struct message *message, const struct json_slice *metadata,
                              struct kube_page *page)
{
	struct json_slice version = {0};
	struct json_slice next = {0};
	const struct pick picks[] = {{"resourceVersion", &version}, {"continue", &next}};
	int ret = 0;

	if (metadata->length > 0)
		ret = pick_of_slice(message, metadata, picks, 2);
	if (ret < 0)
		return ret;
	if (!copy_plain(&version, page->version, sizeof(page->version)) || !page->version[0])
		return refuse(message, &version, "a list without a resourceVersion");
	if (!copy_plain(&next, page->next, sizeof(page->next)))
		return refuse(message, &next, "expected a continue token");
	return 0;
}

int kube_page_read(const char *what, const char *kind, const char *text, size_t length,
                   struct kube_page *ret, struct error *err)
{
	const struct message message = {.what = what, .err = err};
	struct json_slice own_kind = {0};
	struct json_slice metadata = {0};
	const struct pick picks[] = {
		{"kind", &own_kind}, {"metadata", &metadata}, {"items", &ret->items}};
	int code;

	*ret = (struct kube_page){0};
	code = check_object(&message, text, length, kind, "List");
	if (code == 0)
		code = pick_of_text(&message, text, length, picks, 3);
	if (code == 0)
		code = check_kind(&message, &own_kind, kind, "List");
	if (code == 0)
		code = read_page_metadata(&message, &metadata, ret);
	/* Go writes an empty list as null, too. */
	if (code == 0 && json_slice_is(&ret->items, "null"))
		ret->items.length = 0;
	if (code == 0 && ret->items.length > 0 && ret->items.text[0] != '[')
		code = refuse(&message, &ret->items, "expected a list of items");
	return code;
}

int kube_page_objects(const char *what, const char *kind, const struct kube_page *page,
                      int (*take)(void *context, const struct kube_object *object), void *context,
                      struct error *err)
{
	const struct message message = {.what = what, .err = err};
	struct json_cursor cursor;
	struct json_walk walk;
	int ret;

	if (page->items.length == 0)
		return 0;
	json_open(&cursor, what, page->items.text, page->items.length);
	ret = json_enter(&cursor, '[', &walk, err);
	while (ret >= 0) {
		struct kube_object object = {.change = KUBE_LISTED};
		struct object_parts parts;

		ret = json_next_element(&walk, err);
		if (ret <= 0)
			break;
		ret = scan_object(&cursor, &parts, &object.text, err);
		if (ret == 0)
			ret = read_object(&message, &parts, kind, true, &object);
		if (ret == 0)
			ret = take(context, &object);
	}
	return ret < 0 ? ret : 0;
}

static int read_event_type(const struct message *message, const struct json_slice *type,
                           struct kube_event *event)
{
	static const struct {
		const char *name;
		enum kube_event_type type;
		enum kube_change change;
	} types[] = {
		{"ADDED", KUBE_EVENT_OBJECT, KUBE_ADDED},
		{"MODIFIED", KUBE_EVENT_OBJECT, KUBE_MODIFIED},
		{"DELETED", KUBE_EVENT_OBJECT, KUBE_DELETED},
		{"BOOKMARK", KUBE_EVENT_BOOKMARK, KUBE_MODIFIED},
		{"ERROR", KUBE_EVENT_ERROR, KUBE_MODIFIED},
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!is_string(type, types[i].name, ""))
			continue;
		event->type = types[i].type;
		event->object.change = types[i].change;
		return 0;
	}
	return refuse(message, type, "expected the type of a watch event");
}

/* An event in one pass. */
static int scan_event(const struct message *message, struct json_cursor *cursor,
                      struct json_slice *type, struct object_parts *parts,
                      struct json_slice *object)
{
	struct json_walk walk;
	struct json_slice key;
	int ret = json_enter(cursor, '{', &walk, message->err);

	while (ret >= 0) {
		ret = json_next_member(&walk, &key, message->err);
		if (ret <= 0)
			break;
		if (object->length == 0 && json_slice_is(&key, "object"))
			ret = scan_object(cursor, parts, object, message->err);
		else if (type->length == 0 && json_slice_is(&key, "type"))
			ret = json_skip(cursor, type, message->err);
		else
			ret = json_skip(cursor, NULL, message->err);
	}
	return ret < 0 ? ret : json_finish(cursor, message->err);
}

int kube_event_read(const char *what, const char *kind, const char *line, size_t length,
                    struct kube_event *ret, struct error *err)
{
	const struct message message = {.what = what, .err = err};
	struct json_slice type = {0};
	struct object_parts parts = {0};
	struct json_cursor cursor;
	int code;

	*ret = (struct kube_event){0};
	json_open(&cursor, what, line, length);
	code = check_object(&message, line, length, "watch event", "");
	if (code == 0)
		code = scan_event(&message, &cursor, &type, &parts, &ret->object.text);
	if (code == 0)
		code = read_event_type(&message, &type, ret);
	if (code < 0)
		return code;
	if (ret->object.text.length == 0)
		return refuse(&message, &type, "a watch event without an object");
	if (ret->type != KUBE_EVENT_ERROR)
		return read_object(&message, &parts, kind, ret->type == KUBE_EVENT_OBJECT,
		                   &ret->object);
	(void)kube_status_read(ret->object.text.text, ret->object.text.length, &ret->status);
	return 0;
}

static void copy_member(const cJSON *tree, const char *key, char *ret, size_t size)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(tree, key);

	(void)snprintf(ret, size, "%s", cJSON_IsString(value) ? value->valuestring : "");
}

bool kube_status_read(const char *text, size_t length, struct kube_status *ret)
{
	struct json_slice slice;
	struct json_cursor cursor;
	cJSON *tree = NULL;
	char kind[16];

	*ret = (struct kube_status){0};
	json_open(&cursor, NULL, text, length);
	if (length > KUBE_STATUS_MAX || json_skip(&cursor, &slice, NULL) < 0)
		return false;
	tree = json_tree(&slice);
	copy_member(tree, "kind", kind, sizeof(kind));
	if (strcmp(kind, "Status") != 0) {
		cJSON_Delete(tree);
		return false;
	}

	const cJSON *code = cJSON_GetObjectItemCaseSensitive(tree, "code");

	if (cJSON_IsNumber(code) && code->valuedouble >= 100 && code->valuedouble < 600)
		ret->code = code->valueint;
	copy_member(tree, "reason", ret->reason, sizeof(ret->reason));
	copy_member(tree, "message", ret->message, sizeof(ret->message));
	cJSON_Delete(tree);
	return true;
}

void kube_escape(const char *text, char *ret, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._";
	size_t used = 0;

	ret[0] = '\0';
	for (; *text && used + 4 <= size; text++) {
		bool is_plain = strchr(plain, *text);

		used += (size_t)snprintf(ret + used, size - used, is_plain ? "%c" : "%%%02X",
		                         (unsigned char)*text);
	}
}
