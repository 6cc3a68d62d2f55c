/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/items.h"
#include "common/yaml.h"

#define STEPS_MAX JSON_DEPTH_MAX

static const char *const list_names[] = {
	"SecurityGroups", "NetworkInterfaces", "PrefixLists", "Entries", "items", NULL,
};

/* What podsg reads of a document besides its lists; the rest is passed over. */
static const char *const member_names[] = {
	"apiVersion", "kind", "metadata", "spec", "status", "PrefixListId", NULL,
};

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

static const char *find_name(const char *const *names, const struct json_slice *key)
{
	for (; *names != NULL; names++) {
		if (json_slice_is(key, *names))
			return *names;
	}
	return NULL;
}

static int too_large(const struct json_reader *reader, unsigned line, const char *item)
{
	struct error_place place = {.file = reader->file, .line = line, .item = item};

	return error_at(reader->err, -EFBIG, &place, NULL,
	                "larger than one object may be: %u values, %u bytes", ITEM_VALUES_MAX,
	                ITEM_TEXT_MAX);
}

static bool is_too_large(const struct json_slice *slice)
{
	return slice->values > ITEM_VALUES_MAX || slice->length > ITEM_TEXT_MAX;
}

static int no_tree(const struct json_reader *reader, const struct json_slice *slice)
{
	struct error_place place = {.file = reader->file, .line = slice->line};

	return error_at(reader->err, -EBADMSG, &place, NULL,
	                "not JSON: half a surrogate pair in a string, or out of memory");
}

static int read_element(struct json_reader *reader, const char *list, size_t index)
{
	struct item item = {
		.file = reader->file, .list = list, .index = index, .document = reader->document};
	char path[FIELD_PATH_MAX];
	cJSON *tree;
	int ret = json_skip(&reader->cursor, &item.text, reader->err);

	if (ret < 0)
		return ret;
	if (is_too_large(&item.text))
		return too_large(reader, item.text.line,
		                 field_path(&item, &(struct field){0}, path));
	tree = json_tree(&item.text);
	if (tree == NULL)
		return no_tree(reader, &item.text);
	item.value = tree;
	ret = reader->handler->element(reader->handler->context, &item, reader->err);
	cJSON_Delete(tree);
	return ret;
}

static int read_list(struct json_reader *reader, const char *list)
{
	struct json_walk walk;
	size_t index = 0;
	int ret;

	if (cJSON_AddArrayToObject(reader->document, list) == NULL)
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
static int read_plain_member(struct json_reader *reader, const char *name, struct json_slice *sum)
{
	struct json_slice slice;
	cJSON *tree;
	int ret = json_skip(&reader->cursor, &slice, reader->err);

	if (ret < 0)
		return ret;
	sum->length += slice.length;
	sum->values += slice.values;
	if (is_too_large(sum))
		return too_large(reader, slice.line, name);
	tree = json_tree(&slice);
	if (tree == NULL || !cJSON_AddItemToObject(reader->document, name, tree)) {
		cJSON_Delete(tree);
		return no_tree(reader, &slice);
	}
	return 0;
}

static int read_member(struct json_reader *reader, const struct json_slice *key,
                       struct json_slice *sum)
{
	const char *list = find_name(list_names, key);
	const char *name = list != NULL ? list : find_name(member_names, key);

	if (list != NULL && json_peek(&reader->cursor) == '[') {
		if (++sum->values > ITEM_VALUES_MAX)
			return too_large(reader, key->line, list);
		return read_list(reader, list);
	}
	if (name != NULL)
		return read_plain_member(reader, name, sum);
	return json_skip(&reader->cursor, NULL, reader->err);
}

static int read_members(struct json_reader *reader)
{
	struct json_walk walk;
	struct json_slice key;
	struct json_slice sum = {0};
	int ret = json_enter(&reader->cursor, '{', &walk, reader->err);

	while (ret >= 0) {
		ret = json_next_member(&walk, &key, reader->err);
		if (ret <= 0)
			break;
		ret = read_member(reader, &key, &sum);
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

static bool is_yaml_list(const char *key)
{
	const struct json_slice slice = {.text = key, .length = strlen(key)};

	return find_name(list_names, &slice) != NULL;
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
