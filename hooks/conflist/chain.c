/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_pick.h"
#include "hooks/conflist/chain.h"

#define VERSION_PARTS 3
#define VERSION_DIGITS 3 /* of a part */
#define VERSION_PART_LIMIT 1000

/* What podsg-cni speaks. */
static const char *const spoken[] = {"0.3.1", "0.4.0", "1.0.0", "1.1.0"};

/* A reading of one file. */
struct reader {
	struct json_cursor cursor;
	struct conflist_chain *chain;
	struct error *err;
};

/* White space and punctuation of an object with at least one member. */
struct style {
	struct json_slice open;  /* behind the brace */
	struct json_slice colon; /* between a name and its value */
	struct json_slice close; /* before the brace */
};

static int refuse(const struct reader *reader, const char *item, const char *rule)
{
	struct error_place place = {
		.file = reader->cursor.file, .line = reader->cursor.line, .item = item};
	return error_at(reader->err, -EBADMSG, &place, NULL, "%s", rule);
}

static int skip_string(struct reader *reader, const char *item, struct json_slice *ret)
{
	if (json_peek(&reader->cursor) != '"')
		return refuse(reader, item, "a string is expected");
	return json_skip(&reader->cursor, ret, reader->err);
}

/* slice: a value with its quotes. */
static bool is_string(const struct json_slice *slice, const char *text)
{
	cJSON *tree = json_tree(slice);
	bool is = cJSON_IsString(tree) && strcmp(tree->valuestring, text) == 0;
	cJSON_Delete(tree);
	return is;
}

/* The string that is the object's type; the cursor stands at the object and is led behind it. Go
 * takes the last of members of one name. */
static int read_type(struct reader *reader, struct json_slice *ret)
{
	static const struct json_pick picks[] = {{"type", NULL}, {NULL, NULL}};
	struct json_walk walk;
	struct json_slice key;
	*ret = (struct json_slice){0};
	if (json_peek(&reader->cursor) != '{')
		return refuse(reader, "plugins", "an object is expected");
	int r = json_enter(&reader->cursor, '{', &walk, reader->err);
	while (r >= 0) {
		r = json_next_member(&walk, &key, reader->err);
		if (r <= 0)
			break;
		if (json_pick_find(picks, &key))
			r = skip_string(reader, "type", ret);
		else
			r = json_skip(&reader->cursor, NULL, reader->err);
	}
	if (r == 0 && (ret->length == 0 || is_string(ret, "")))
		return refuse(reader, "type", "a plugin without a type");
	return r;
}

static int read_plugin(struct reader *reader)
{
	struct conflist_chain *chain = reader->chain;
	struct json_slice type;
	(void)json_peek(&reader->cursor);
	const char *start = reader->cursor.at;
	if (chain->count == CONFLIST_PLUGINS_MAX)
		return refuse(reader, "plugins", "more plugins than are accepted");
	int r = read_type(reader, &type);
	if (r < 0)
		return r;
	chain->plugins[chain->count++] = (struct conflist_plugin){
		.text = start,
		.length = (size_t)(reader->cursor.at - start),
		.ours = is_string(&type, CONFLIST_PLUGIN),
	};
	return 0;
}

static int read_plugins(struct reader *reader)
{
	struct json_walk walk;
	/* Whose of two lists counts is not the same for all readers. */
	if (reader->chain->open)
		return refuse(reader, "plugins", "given twice");
	if (json_peek(&reader->cursor) != '[')
		return refuse(reader, "plugins", "an array is expected");
	int r = json_enter(&reader->cursor, '[', &walk, reader->err);
	reader->chain->open = reader->cursor.at;
	while (r >= 0) {
		r = json_next_element(&walk, reader->err);
		if (r <= 0)
			break;
		r = read_plugin(reader);
	}
	return r;
}

static int read_member(struct reader *reader, const struct json_slice *key)
{
	enum { PLUGINS, NAME, VERSION, VERSIONS };
	static const struct json_pick picks[] = {
		[PLUGINS] = {"plugins", NULL},
		[NAME] = {"name", NULL},
		[VERSION] = {"cniVersion", NULL},
		[VERSIONS] = {"cniVersions", NULL},
		{NULL, NULL},
	};
	const struct json_pick *pick = json_pick_find(picks, key);
	if (!pick)
		return json_skip(&reader->cursor, NULL, reader->err);
	switch (pick - picks) {
	case PLUGINS:
		return read_plugins(reader);
	case NAME:
		return skip_string(reader, pick->key, &reader->chain->name);
	case VERSION:
		return skip_string(reader, pick->key, &reader->chain->version);
	default:
		return json_skip(&reader->cursor, &reader->chain->versions, reader->err);
	}
}

static int read_document(struct reader *reader)
{
	struct json_walk walk;
	struct json_slice key;
	int r = json_enter(&reader->cursor, '{', &walk, reader->err);
	while (r >= 0) {
		r = json_next_member(&walk, &key, reader->err);
		if (r <= 0)
			break;
		r = read_member(reader, &key);
	}
	return r < 0 ? r : json_finish(&reader->cursor, reader->err);
}

int conflist_chain_parse(const char *file, const char *text, size_t length,
                         struct conflist_chain *ret, struct error *err)
{
	struct reader reader = {.chain = ret, .err = err};
	memset(ret, 0, sizeof(*ret));
	ret->text = text;
	ret->length = length;
	json_open(&reader.cursor, file, text, length);
	int r = read_document(&reader);
	if (r < 0)
		return r;
	if (!ret->open)
		return refuse(&reader, "plugins", "not there: a list of plugins is expected");
	if (ret->count == 0)
		return refuse(&reader, "plugins", "an empty list");
	if (ret->name.length == 0)
		return refuse(&reader, "name", "not there");
	return 0;
}

int conflist_single_parse(const char *file, const char *text, size_t length, const char *name,
                          bool *ret_named, struct error *err)
{
	static const struct json_pick picks[] = {{"name", NULL}, {"type", NULL}, {NULL, NULL}};
	static const struct json_limit limit = {.length = CONFLIST_FILE_MAX, .values = 1024};
	struct reader reader = {.err = err};
	struct json_slice slice;
	cJSON *tree = NULL;
	json_open(&reader.cursor, file, text, length);
	int r = json_pick(&reader.cursor, picks, &limit, &slice, &tree, err);
	if (r == 0)
		r = json_finish(&reader.cursor, err);
	if (r < 0) {
		r = error_set(err, r, "%s: %s", file, strerror(-r));
		goto free;
	}
	const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "type"));
	const char *own = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "name"));
	if (!type || !type[0])
		r = refuse(&reader, "type", "not there: a single plugin is expected");
	*ret_named = own && strcmp(own, name) == 0;
free:
	cJSON_Delete(tree);
	return r;
}

bool conflist_chain_is_named(const struct conflist_chain *chain, const char *name)
{
	return is_string(&chain->name, name);
}

/* Comparable; -1 for what is no version. */
static int32_t version_number(const char *text)
{
	int32_t number = 0;
	for (int part = 0; part < VERSION_PARTS; part++) {
		size_t digits = strspn(text, "0123456789");
		char end = part < VERSION_PARTS - 1 ? '.' : '\0';
		if (digits == 0 || digits > VERSION_DIGITS || text[digits] != end)
			return -1;
		number = number * VERSION_PART_LIMIT + (int32_t)strtol(text, NULL, 10);
		text += digits + 1;
	}
	return number;
}

static bool is_spoken(const char *version)
{
	for (size_t i = 0; i < sizeof(spoken) / sizeof(spoken[0]); i++)
		if (strcmp(spoken[i], version) == 0)
			return true;
	return false;
}

/* The one that a runtime picks that knows all of them. */
static const char *highest_version(const cJSON *version, const cJSON *versions)
{
	const char *highest = cJSON_GetStringValue(version);
	const cJSON *other;
	cJSON_ArrayForEach (other, versions) {
		const char *text = cJSON_GetStringValue(other);
		if (text && (!highest || version_number(text) > version_number(highest)))
			highest = text;
	}
	return highest;
}

/* Runtimes before CNI 1.1 do not know cniVersions, so cniVersion has to do alone as well. */
int conflist_chain_check_version(const char *file, const struct conflist_chain *chain,
                                 struct error *err)
{
	cJSON *version = chain->version.length > 0 ? json_tree(&chain->version) : NULL;
	cJSON *versions = chain->versions.length > 0 ? json_tree(&chain->versions) : NULL;
	struct error_place place = {.file = file, .item = "cniVersion"};
	const char *doubtful = cJSON_GetStringValue(version);
	int r = 0;
	if (!doubtful || is_spoken(doubtful))
		doubtful = highest_version(version, versions);
	if (!doubtful || !is_spoken(doubtful))
		r = error_at(err, -ENOTSUP, &place, doubtful,
		             "%s" CONFLIST_PLUGIN " speaks 0.3.1, 0.4.0, 1.0.0 and 1.1.0",
		             doubtful ? "" : "not there: ");
	cJSON_Delete(version);
	cJSON_Delete(versions);
	return r;
}

enum conflist_position conflist_chain_position(const struct conflist_chain *chain)
{
	size_t found = 0;
	for (size_t i = 0; i < chain->count; i++)
		found += chain->plugins[i].ours;
	if (found == 0)
		return CONFLIST_ABSENT;
	if (found > 1)
		return CONFLIST_REPEATED;
	return chain->plugins[chain->count - 1].ours ? CONFLIST_LAST : CONFLIST_EARLIER;
}

static struct json_slice between(const char *start, const char *end)
{
	return (struct json_slice){.text = start, .length = (size_t)(end - start)};
}

static void add_slice(struct buffer *out, const struct json_slice *slice)
{
	buffer_add(out, slice->text, slice->length);
}

static const char *end_of(const struct conflist_plugin *plugin)
{
	return plugin->text + plugin->length;
}

/* From the bracket or the plugin before up to this one; a comma and blanks, or blanks. */
static struct json_slice gap_before(const struct conflist_chain *chain, size_t at)
{
	const char *start = at > 0 ? end_of(&chain->plugins[at - 1]) : chain->open;
	return between(start, chain->plugins[at].text);
}

static void add_last_gap(const struct conflist_chain *chain, struct buffer *out)
{
	struct json_slice gap = gap_before(chain, chain->count - 1);
	if (chain->count == 1)
		buffer_add_text(out, ",");
	add_slice(out, &gap);
}

/* A plugin was read before and has a member, so nothing of this fails. */
static struct style style_of(const struct conflist_plugin *plugin)
{
	struct json_cursor cursor;
	struct json_walk walk;
	struct json_slice key;
	struct style style = {0};
	const char *end = plugin->text + 1;
	json_open(&cursor, NULL, plugin->text, plugin->length);
	if (json_enter(&cursor, '{', &walk, NULL) < 0)
		return style;
	while (json_next_member(&walk, &key, NULL) > 0) {
		if (!style.open.text) {
			style.open = between(plugin->text + 1, key.text - 1);
			(void)json_peek(&cursor);
			style.colon = between(key.text + key.length + 1, cursor.at);
		}
		if (json_skip(&cursor, NULL, NULL) < 0)
			return style;
		end = cursor.at;
	}
	style.close = between(end, end_of(plugin) - 1);
	return style;
}

/* A new one, written as the last of the others is. */
static void add_new(const struct conflist_chain *chain, struct buffer *out)
{
	struct style style = style_of(&chain->plugins[chain->count - 1]);
	buffer_add_text(out, "{");
	add_slice(out, &style.open);
	buffer_add_text(out, "\"type\"");
	add_slice(out, &style.colon);
	buffer_add_text(out, "\"" CONFLIST_PLUGIN "\"");
	add_slice(out, &style.close);
	buffer_add_text(out, "}");
}

/* The last one of ours; NULL: there is none. */
static const struct conflist_plugin *own_plugin(const struct conflist_chain *chain)
{
	const struct conflist_plugin *own = NULL;
	for (size_t i = 0; i < chain->count; i++)
		if (chain->plugins[i].ours)
			own = &chain->plugins[i];
	return own;
}

/* All that stay where they are; whether there were any. */
static bool add_kept(const struct conflist_chain *chain, const struct conflist_plugin *own,
                     struct buffer *out)
{
	bool any = false;
	for (size_t i = 0; i < chain->count; i++) {
		const struct conflist_plugin *plugin = &chain->plugins[i];
		if (plugin->ours && plugin != own)
			continue;
		struct json_slice gap = gap_before(chain, any ? i : 0);
		add_slice(out, &gap);
		buffer_add(out, plugin->text, plugin->length);
		any = true;
	}
	return any;
}

void conflist_chain_edit(const struct conflist_chain *chain, enum conflist_wish wish,
                         struct buffer *out)
{
	const struct conflist_plugin *own = own_plugin(chain);
	const char *end = end_of(&chain->plugins[chain->count - 1]);
	bool stays = wish == CONFLIST_WANT_PRESENT && own;
	buffer_add(out, chain->text, (size_t)(chain->open - chain->text));
	bool any = add_kept(chain, stays ? own : NULL, out);
	if (wish != CONFLIST_WANT_NONE && !stays) {
		struct json_slice first = gap_before(chain, 0);
		if (any)
			add_last_gap(chain, out);
		else
			add_slice(out, &first);
		if (own)
			buffer_add(out, own->text, own->length);
		else
			add_new(chain, out);
	}
	buffer_add(out, end, (size_t)(chain->text + chain->length - end));
}
