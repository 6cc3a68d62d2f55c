/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "common/json_pick.h"

struct picking {
	struct json_cursor *cursor;
	struct json_cursor start; /* of the outermost value */
	struct json_limit limit;
	struct error *err;
};

static bool is_within_limit(const struct picking *picking)
{
	const struct json_cursor *cursor = picking->cursor;

	return (size_t)(cursor->at - picking->start.at) <= picking->limit.length &&
	       cursor->values - picking->start.values <= picking->limit.values;
}

/* All of the value. The limit holds before the tree is made. */
static int pick_whole(const struct picking *picking, cJSON **ret)
{
	struct json_slice slice;
	int result = json_skip(picking->cursor, &slice, picking->err);

	if (result < 0)
		return result;
	if (!is_within_limit(picking))
		return -EFBIG;
	*ret = json_tree(&slice);
	return *ret != NULL ? 0 : -ENOMEM;
}

static const struct json_pick *find_name(const struct json_pick *picks, const char *name)
{
	for (; picks->key != NULL; picks++)
		if (strcmp(picks->key, name) == 0)
			return picks;
	return NULL;
}

/* A key that is written with escapes is still that key: nobody does so, and it may cost more. */
static const struct json_pick *find_escaped(const struct json_pick *picks,
                                            const struct json_slice *key)
{
	const struct json_slice quoted = {.text = key->text - 1, .length = key->length + 2};
	const struct json_pick *found = NULL;
	cJSON *tree = json_tree(&quoted);

	if (tree != NULL)
		found = find_name(picks, tree->valuestring);
	cJSON_Delete(tree);
	return found;
}

const struct json_pick *json_pick_find(const struct json_pick *picks, const struct json_slice *key)
{
	if (memchr(key->text, '\\', key->length) != NULL)
		return find_escaped(picks, key);
	for (; picks->key != NULL; picks++)
		if (picks->key[0] == key->text[0] && json_slice_is(key, picks->key))
			return picks;
	return NULL;
}

static int pick_value(const struct picking *picking, const struct json_pick *picks, cJSON **ret);

static int pick_member(const struct picking *picking, const struct json_pick *pick, cJSON *object)
{
	cJSON *tree = NULL;
	int ret;

	if (pick == NULL)
		return json_skip(picking->cursor, NULL, picking->err);
	ret = pick_value(picking, pick->members, &tree);
	if (ret < 0)
		return ret;
	if (cJSON_AddItemToObjectCS(object, pick->key, tree))
		return 0;
	cJSON_Delete(tree);
	return -ENOMEM;
}

static int pick_object(const struct picking *picking, const struct json_pick *picks, cJSON *object)
{
	struct json_walk walk;
	struct json_slice key;
	int ret = json_enter(picking->cursor, '{', &walk, picking->err);

	while (ret >= 0) {
		ret = json_next_member(&walk, &key, picking->err);
		if (ret <= 0)
			break;
		ret = pick_member(picking, json_pick_find(picks, &key), object);
	}
	return ret;
}

/* Recurses as deep as the tables of picks, not as the text. */
static int pick_value(const struct picking *picking, const struct json_pick *picks, cJSON **ret)
{
	cJSON *object;
	int result;

	if (picks == NULL || json_peek(picking->cursor) != '{')
		return pick_whole(picking, ret);
	object = cJSON_CreateObject();
	if (object == NULL)
		return -ENOMEM;
	result = pick_object(picking, picks, object);
	if (result == 0 && !is_within_limit(picking))
		result = -EFBIG;
	if (result == 0)
		*ret = object;
	else
		cJSON_Delete(object);
	return result;
}

struct visit {
	void (*picked)(void *context, const struct json_pick *pick, const struct json_slice *value);
	void *context;
	struct error *err;
};

static int visit_members(struct json_cursor *cursor, const struct json_pick *picks,
                         const struct visit *visit);

static int visit_value(struct json_cursor *cursor, const struct json_pick *pick,
                       const struct visit *visit)
{
	bool inside = json_peek(cursor) == '{' && pick->members != NULL;
	struct json_slice value = {.text = cursor->at, .line = cursor->line};
	size_t values = cursor->values;
	int ret = inside ? visit_members(cursor, pick->members, visit)
	                 : json_skip(cursor, NULL, visit->err);

	if (ret < 0)
		return ret;
	value.length = (size_t)(cursor->at - value.text);
	value.values = cursor->values - values;
	visit->picked(visit->context, pick, &value);
	return 0;
}

/* Recurses as deep as the tables of picks, not as the text. */
static int visit_members(struct json_cursor *cursor, const struct json_pick *picks,
                         const struct visit *visit)
{
	struct json_walk walk;
	struct json_slice key;
	int ret = json_enter(cursor, '{', &walk, visit->err);

	while (ret >= 0) {
		const struct json_pick *pick;

		ret = json_next_member(&walk, &key, visit->err);
		if (ret <= 0)
			break;
		pick = json_pick_find(picks, &key);
		ret = pick != NULL ? visit_value(cursor, pick, visit)
		                   : json_skip(cursor, NULL, visit->err);
	}
	return ret;
}

int json_pick_each(struct json_cursor *cursor, const struct json_pick *picks,
                   void (*picked)(void *context, const struct json_pick *pick,
                                  const struct json_slice *value),
                   void *context, struct error *err)
{
	const struct visit visit = {.picked = picked, .context = context, .err = err};

	return visit_members(cursor, picks, &visit);
}

int json_pick(struct json_cursor *cursor, const struct json_pick *picks,
              const struct json_limit *limit, struct json_slice *slice, cJSON **ret,
              struct error *err)
{
	struct picking picking = {.cursor = cursor, .limit = *limit, .err = err};
	int result;

	(void)json_peek(cursor);
	picking.start = *cursor;
	*slice = (struct json_slice){.text = cursor->at, .line = cursor->line};
	result = pick_value(&picking, picks, ret);
	slice->length = (size_t)(cursor->at - slice->text);
	slice->values = cursor->values - picking.start.values;
	return result;
}
