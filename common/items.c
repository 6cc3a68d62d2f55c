/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/items.h"
#include "common/json_pick.h"
#include "common/yaml.h"

#define STEPS_MAX JSON_DEPTH_MAX

struct json_reader {
	const char *file;
	const struct item_handler *handler;
	struct json_cursor cursor;
	cJSON *document;
	struct error *err;
};

struct yaml_reader {
	const char *file;
	const struct item_handler *handler;
};

static int too_large(const struct json_reader *reader, unsigned line, const char *item)
{
	struct error_place place = {.file = reader->file, .line = line, .item = item};

	return error_at(reader->err, -EFBIG, &place, NULL,
	                "larger than one object may be: %u values, %u bytes", ITEM_VALUES_MAX,
	                ITEM_TEXT_MAX);
}

/* Says why json_pick() made no tree; what is not JSON has been said. */
static int no_tree(const struct json_reader *reader, int code, const struct json_slice *slice,
                   const char *item)
{
	struct error_place place = {.file = reader->file, .line = slice->line};

	if (code == -EFBIG)
		return too_large(reader, slice->line, item);
	return error_at(reader->err, code, &place, NULL, "a number is too long, or out of memory");
}

static int read_element(struct json_reader *reader, const struct json_pick *list, size_t index)
{
	static const struct json_limit limit = {ITEM_TEXT_MAX, ITEM_VALUES_MAX};
	struct item item = {.file = reader->file,
	                    .list = list->key,
	                    .index = index,
	                    .document = reader->document};
	char path[FIELD_PATH_MAX];
	cJSON *tree;
	int ret = json_pick(&reader->cursor, list->members, &limit, &item.text, &tree, reader->err);

	if (ret < 0)
		return no_tree(reader, ret, &item.text,
		               field_path(&item, &(struct field){0}, path));
	item.value = tree;
	ret = reader->handler->element(reader->handler->context, &item, reader->err);
	cJSON_Delete(tree);
	return ret;
}

static int read_list(struct json_reader *reader, const struct json_pick *list)
{
	struct json_walk walk;
	size_t index = 0;
	int ret;

	if (cJSON_AddArrayToObject(reader->document, list->key) == NULL)
		return error_set(reader->err, -ENOMEM, "%s: out of memory", reader->file);
	ret = json_enter(&reader->cursor, '[', &walk, reader->err);
	while (ret >= 0) {
		ret = json_next_element(&walk, reader->err);
		if (ret <= 0)
			break;
		ret = read_element(reader, list, index++);
	}
	return ret;
}

/* Members are few, but one may be given many times: the sum of them is limited. */
static int read_plain_member(struct json_reader *reader, const struct json_pick *pick,
                             struct json_limit *left)
{
	struct json_slice slice;
	cJSON *tree;
	int ret = json_pick(&reader->cursor, pick->members, left, &slice, &tree, reader->err);

	if (ret < 0)
		return no_tree(reader, ret, &slice, pick->key);
	left->length -= slice.length;
	left->values -= slice.values;
	if (cJSON_AddItemToObjectCS(reader->document, pick->key, tree))
		return 0;
	cJSON_Delete(tree);
	return no_tree(reader, -ENOMEM, &slice, pick->key);
}

static int read_member(struct json_reader *reader, const struct json_slice *key,
                       struct json_limit *left)
{
	const struct item_handler *handler = reader->handler;
	const struct json_pick *list = json_pick_find(handler->lists, key);
	const struct json_pick *pick = list != NULL ? list : json_pick_find(handler->object, key);

	if (list != NULL && json_peek(&reader->cursor) == '[') {
		if (left->values-- == 0)
			return too_large(reader, key->line, list->key);
		return read_list(reader, list);
	}
	if (pick != NULL)
		return read_plain_member(reader, pick, left);
	return json_skip(&reader->cursor, NULL, reader->err);
}

static int read_members(struct json_reader *reader)
{
	struct json_walk walk;
	struct json_slice key;
	struct json_limit left = {ITEM_TEXT_MAX, ITEM_VALUES_MAX};
	int ret = json_enter(&reader->cursor, '{', &walk, reader->err);

	while (ret >= 0) {
		ret = json_next_member(&walk, &key, reader->err);
		if (ret <= 0)
			break;
		ret = read_member(reader, &key, &left);
	}
	return ret < 0 ? ret : json_finish(&reader->cursor, reader->err);
}

static int read_json(const char *file, const char *text, size_t length,
                     const struct item_handler *handler, struct error *err)
{
	struct json_reader reader = {.file = file, .handler = handler, .err = err};
	struct item item = {.file = file, .text = {.text = text, .length = length, .line = 1}};
	int ret;

	reader.document = cJSON_CreateObject();
	if (reader.document == NULL)
		return error_set(err, -ENOMEM, "%s: out of memory", file);
	json_open(&reader.cursor, file, text, length);
	ret = read_members(&reader);
	if (ret == 0) {
		item.value = reader.document;
		item.document = reader.document;
		ret = handler->document(handler->context, &item, err);
	}
	cJSON_Delete(reader.document);
	return ret;
}

static bool is_yaml_list(void *context, const char *key)
{
	const struct yaml_reader *reader = context;

	for (const struct json_pick *list = reader->handler->lists; list->key != NULL; list++)
		if (strcmp(list->key, key) == 0)
			return true;
	return false;
}

static int yaml_element(void *context, const cJSON *document, const char *list, size_t index,
                        const cJSON *element, struct error *err)
{
	const struct yaml_reader *reader = context;
	const struct item item = {.file = reader->file,
	                          .list = list,
	                          .index = index,
	                          .value = element,
	                          .document = document};

	return reader->handler->element(reader->handler->context, &item, err);
}

static int yaml_document(void *context, const cJSON *document, struct error *err)
{
	const struct yaml_reader *reader = context;
	const struct item item = {.file = reader->file, .value = document, .document = document};

	return reader->handler->document(reader->handler->context, &item, err);
}

int items_read(const char *file, enum document_format format, const char *text, size_t length,
               const struct item_handler *handler, struct error *err)
{
	struct yaml_reader reader = {.file = file, .handler = handler};
	const struct yaml_handler yaml = {.is_list = is_yaml_list,
	                                  .element = yaml_element,
	                                  .document = yaml_document,
	                                  .context = &reader};

	if (format == DOCUMENT_JSON)
		return read_json(file, text, length, handler, err);
	return yaml_read(file, text, length, &yaml, err);
}

struct field field_of_item(const struct item *item)
{
	return (struct field){.value = item->value};
}

struct field field_member(const struct field *parent, const char *key)
{
	const cJSON *value = NULL;

	if (cJSON_IsObject(parent->value))
		value = cJSON_GetObjectItemCaseSensitive(parent->value, key);
	return (struct field){.parent = parent,
	                      .key = key,
	                      .value = cJSON_IsNull(value) ? NULL : value,
	                      .origin = parent->origin};
}

struct field field_element(const struct field *parent, size_t index, const cJSON *value)
{
	return (struct field){
		.parent = parent, .index = index, .value = value, .origin = parent->origin};
}

/* The fields from below the item down to this one; too long a way is cut at its end. */
static size_t field_way(const struct field *field, const struct field *way[static STEPS_MAX])
{
	const struct field *step;
	size_t depth = 0;
	size_t i;

	for (step = field; step->parent != NULL; step = step->parent)
		depth++;
	i = depth;
	for (step = field; step->parent != NULL; step = step->parent) {
		if (--i < STEPS_MAX)
			way[i] = step;
	}
	return depth < STEPS_MAX ? depth : STEPS_MAX;
}

static unsigned json_field_line(const struct item *item, const struct field *field)
{
	const struct field *way[STEPS_MAX];
	struct json_step steps[STEPS_MAX];
	size_t count = field_way(field, way);

	for (size_t i = 0; i < count; i++)
		steps[i] = (struct json_step){.key = way[i]->key, .index = way[i]->index};
	return json_line_of(&item->text, steps, count);
}

unsigned field_line(const struct item *item, const struct field *field)
{
	if (item->text.text != NULL)
		return json_field_line(item, field);
	if (field->origin != NULL)
		return yaml_line(field->origin);
	while (field->parent != NULL && field->value == NULL)
		field = field->parent;
	return field->value != NULL ? yaml_line(field->value) : 0;
}

static void __attribute__((format(printf, 3, 4)))
append(char buffer[static FIELD_PATH_MAX], size_t *used, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(buffer + *used, FIELD_PATH_MAX - *used, format, arguments);
	va_end(arguments);
	if (length > 0)
		*used += (size_t)length;
	if (*used > FIELD_PATH_MAX - 1)
		*used = FIELD_PATH_MAX - 1;
}

const char *field_path(const struct item *item, const struct field *field,
                       char buffer[static FIELD_PATH_MAX])
{
	const struct field *way[STEPS_MAX];
	size_t count = field_way(field, way);
	size_t used = 0;

	buffer[0] = '\0';
	if (item->list != NULL)
		append(buffer, &used, "%s[%zu]", item->list, item->index);
	for (size_t i = 0; i < count; i++) {
		if (way[i]->key == NULL)
			append(buffer, &used, "[%zu]", way[i]->index);
		else
			append(buffer, &used, "%s%s", used > 0 ? "." : "", way[i]->key);
	}
	return buffer;
}

const char *field_text(const struct field *field, char *buffer, size_t size)
{
	if (cJSON_IsString(field->value))
		return field->value->valuestring;
	if (cJSON_IsBool(field->value))
		return cJSON_IsTrue(field->value) ? "true" : "false";
	if (!cJSON_IsNumber(field->value))
		return NULL;
	(void)snprintf(buffer, size, "%.15g", field->value->valuedouble);
	return buffer;
}
