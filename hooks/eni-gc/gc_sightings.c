/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/file_replace.h"
#include "common/json.h"
#include "common/vector.h"
#include "hooks/eni-gc/gc_sightings.h"

#define VERSION 1
#define FINGERPRINT_LENGTH 16
#define TIME_MAX (1LL << 50) /* milliseconds; a double holds them exactly */

static int64_t milliseconds(clockid_t clock)
{
	struct timespec now = {0};
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int gc_moment_now(struct gc_moment *ret, struct error *err)
{
	ret->uptime = milliseconds(CLOCK_BOOTTIME);
	ret->time = milliseconds(CLOCK_REALTIME);
	return boot_id_read(ret->boot, err);
}

const char *gc_sighting_doubt(enum gc_sighting_state state)
{
	switch (state) {
	case GC_SIGHTING_CHANGED:
		return "it was changed since it was seen first";
	case GC_SIGHTING_FUTURE:
		return "it was seen first in the future: a clock was set";
	case GC_SIGHTING_OLD:
		return "it was seen first too long ago";
	default:
		return "";
	}
}

enum gc_sighting_state gc_sighting_judge(const struct gc_sighting *sighting, uint64_t fingerprint,
                                         const struct gc_moment *now, int64_t cool_down,
                                         int64_t *ret_wait)
{
	*ret_wait = cool_down;
	if (!sighting)
		return GC_SIGHTING_FIRST;
	bool same_boot = strcmp(sighting->first.boot, now->boot) == 0;
	int64_t age =
		same_boot ? now->uptime - sighting->first.uptime : now->time - sighting->first.time;
	if (sighting->fingerprint != fingerprint)
		return GC_SIGHTING_CHANGED;
	if (age < 0)
		return GC_SIGHTING_FUTURE;
	if (age > GC_SIGHTING_LASTS)
		return GC_SIGHTING_OLD;
	if (!same_boot && age > now->uptime)
		age = now->uptime;
	*ret_wait = age < cool_down ? cool_down - age : 0;
	return age < cool_down ? GC_SIGHTING_YOUNG : GC_SIGHTING_RIPE;
}

static int compare_ids(const void *left, const void *right)
{
	const struct gc_sighting *a = left;
	const struct gc_sighting *b = right;
	return strcmp(a->id, b->id);
}

static int compare_key(const void *key, const void *item)
{
	const struct gc_sighting *sighting = item;
	return strcmp(key, sighting->id);
}

const struct gc_sighting *gc_sightings_find(const struct gc_sightings *sightings, const char *id)
{
	if (sightings->count == 0)
		return NULL;
	return bsearch(id, sightings->items, sightings->count, sizeof(*sightings->items),
	               compare_key);
}

/* Reads what has to be there, as save() writes it. */
struct reader {
	const char *name;
	const char *scope;
	unsigned line;
	struct error *err;
	int failed;
};

static void refuse(struct reader *reader, const char *key, const char *rule)
{
	const struct error_place place = {.file = reader->name, .line = reader->line, .item = key};
	if (reader->failed == 0)
		reader->failed = error_at(reader->err, -EBADMSG, &place, NULL, "%s", rule);
}

static void take_text(struct reader *reader, const cJSON *tree, const char *key, char *ret,
                      size_t size)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(tree, key);
	if (!cJSON_IsString(value) || !value->valuestring[0] || strlen(value->valuestring) >= size)
		refuse(reader, key, "expected a short text");
	else
		memcpy(ret, value->valuestring, strlen(value->valuestring) + 1);
}

static int64_t take_time(struct reader *reader, const cJSON *tree, const char *key)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(tree, key);
	double number = cJSON_IsNumber(value) ? value->valuedouble : -1;
	if (number >= 0 && number <= (double)TIME_MAX)
		return (int64_t)number;
	refuse(reader, key, "expected milliseconds");
	return 0;
}

static uint64_t take_fingerprint(struct reader *reader, const cJSON *tree)
{
	char text[FINGERPRINT_LENGTH + 1] = "";
	take_text(reader, tree, "fingerprint", text, sizeof(text));
	if (strspn(text, "0123456789abcdef") != FINGERPRINT_LENGTH)
		refuse(reader, "fingerprint", "expected 16 hexadecimal digits");
	return strtoull(text, NULL, 16);
}

static void take_sighting(struct reader *reader, const cJSON *tree, struct gc_sighting *ret)
{
	take_text(reader, tree, "id", ret->id, sizeof(ret->id));
	take_text(reader, tree, "boot", ret->first.boot, sizeof(ret->first.boot));
	ret->first.uptime = take_time(reader, tree, "uptime");
	ret->first.time = take_time(reader, tree, "time");
	ret->fingerprint = take_fingerprint(reader, tree);
}

static int take_list(struct reader *reader, struct json_cursor *cursor, struct vector *items)
{
	struct json_walk walk;
	struct json_slice slice;
	int r = json_enter(cursor, '[', &walk, reader->err);
	while (r >= 0 && reader->failed == 0) {
		r = json_next_element(&walk, reader->err);
		if (r <= 0)
			break;
		r = json_skip(cursor, &slice, reader->err);
		reader->line = slice.line;
		cJSON *tree = r < 0 ? NULL : json_tree(&slice);
		struct gc_sighting *sighting = tree ? vector_push(items) : NULL;
		if (sighting)
			take_sighting(reader, tree, sighting);
		else if (r >= 0)
			r = error_set(reader->err, -ENOMEM, "%s: out of memory", reader->name);
		cJSON_Delete(tree);
		if (items->count > GC_SIGHTINGS_MAX)
			refuse(reader, NULL, "too many sightings");
	}
	return reader->failed < 0 ? reader->failed : r;
}

static void check_version(struct reader *reader, const cJSON *value)
{
	if (!cJSON_IsNumber(value) || value->valueint != VERSION)
		refuse(reader, "version", "expected 1");
}

static void check_scope(struct reader *reader, const cJSON *value)
{
	if (!cJSON_IsString(value) || strcmp(value->valuestring, reader->scope) != 0)
		refuse(reader, "scope", "it is of another one");
}

/* The list last, and so behind what says whether it can be read. */
static const struct {
	const char *key;
	void (*check)(struct reader *reader, const cJSON *value);
} members[] = {{"version", check_version}, {"scope", check_scope}, {"sightings", NULL}};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

static int take_member(struct reader *reader, struct json_cursor *cursor, size_t i,
                       struct vector *items)
{
	struct json_slice slice;
	if (!members[i].check)
		return take_list(reader, cursor, items);
	int r = json_skip(cursor, &slice, reader->err);
	if (r < 0)
		return r;
	cJSON *tree = json_tree(&slice);
	reader->line = slice.line;
	members[i].check(reader, tree);
	cJSON_Delete(tree);
	return 0;
}

static int parse(struct reader *reader, const char *text, size_t length, struct vector *items)
{
	struct json_cursor cursor;
	struct json_walk walk;
	struct json_slice key;
	size_t i = 0;
	json_open(&cursor, reader->name, text, length);
	int r = json_enter(&cursor, '{', &walk, reader->err);
	while (r >= 0 && reader->failed == 0) {
		r = json_next_member(&walk, &key, reader->err);
		if (r <= 0)
			break;
		reader->line = key.line;
		if (i == MEMBERS || !json_slice_is(&key, members[i].key))
			refuse(reader, NULL, "expected version, scope, sightings");
		else
			r = take_member(reader, &cursor, i++, items);
	}
	if (r >= 0 && i < MEMBERS)
		refuse(reader, NULL, "it is not whole");
	if (r >= 0 && reader->failed == 0)
		r = json_finish(&cursor, reader->err);
	return reader->failed < 0 ? reader->failed : r;
}

int gc_sightings_parse(const char *name, const char *scope, const char *text, size_t length,
                       struct gc_sightings *ret, struct error *err)
{
	struct vector items = {.item_size = sizeof(struct gc_sighting)};
	struct reader reader = {.name = name, .scope = scope, .err = err};
	int r = parse(&reader, text, length, &items);
	if (r < 0) {
		vector_done(&items);
		return r;
	}
	if (items.count > 0)
		qsort(items.items, items.count, items.item_size, compare_ids);
	*ret = (struct gc_sightings){.items = items.items, .count = items.count};
	return 0;
}

int gc_sightings_load(const char *path, const char *scope, struct gc_sightings *ret,
                      struct error *err)
{
	char *text = NULL;
	size_t length;
	int r = file_read(path, GC_SIGHTINGS_FILE_MAX, &text, &length, err);
	if (r == 0)
		r = gc_sightings_parse(path, scope, text, length, ret, err);
	free(text);
	return r;
}

static void write_sighting(struct buffer *text, const struct gc_sighting *sighting)
{
	buffer_add_text(text, "{\"id\":");
	buffer_add_json(text, sighting->id);
	buffer_add_format(text, ",\"fingerprint\":\"%0*" PRIx64 "\",\"boot\":", FINGERPRINT_LENGTH,
	                  sighting->fingerprint);
	buffer_add_json(text, sighting->first.boot);
	buffer_add_format(text, ",\"uptime\":%" PRId64 ",\"time\":%" PRId64 "}",
	                  sighting->first.uptime, sighting->first.time);
}

int gc_sightings_save(const char *path, const char *scope, const struct gc_sightings *sightings,
                      struct error *err)
{
	struct buffer text = {.max = GC_SIGHTINGS_FILE_MAX};
	int r = -EFBIG;
	buffer_add_format(&text, "{\"version\":%d,\"scope\":", VERSION);
	buffer_add_json(&text, scope);
	buffer_add_text(&text, ",\"sightings\":[");
	for (size_t i = 0; i < sightings->count; i++) {
		buffer_add_text(&text, i > 0 ? ",\n" : "\n");
		write_sighting(&text, &sightings->items[i]);
	}
	buffer_add_text(&text, "]}\n");
	if (text.failed)
		error_set(err, r, "%s: too many sightings, or out of memory", path);
	else
		r = file_replace_synced(path, text.text, text.length, 0600, err);
	if (r < 0)
		(void)unlink(path);
	buffer_done(&text);
	return r;
}

void gc_sightings_done(struct gc_sightings *sightings)
{
	free(sightings->items);
	*sightings = (struct gc_sightings){0};
}
