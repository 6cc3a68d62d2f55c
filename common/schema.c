/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/name_distance.h"
#include "common/schema.h"
#include "common/yaml.h"

#define KEY_PATH_MAX 96

void schema_refuse(struct schema *schema, const struct schema_value *value, const char *rule, ...)
{
	struct error_place place = {.file = schema->file, .item = value->path};
	char number[32];
	const char *shown = NULL;
	char text[256];
	va_list arguments;

	if (schema->failed < 0)
		return;
	place.line = yaml_line(value->tree);
	if (cJSON_IsString(value->tree))
		shown = value->tree->valuestring;
	if (cJSON_IsBool(value->tree))
		shown = cJSON_IsTrue(value->tree) ? "true" : "false";
	if (cJSON_IsNumber(value->tree)) {
		(void)snprintf(number, sizeof(number), "%.15g", value->tree->valuedouble);
		shown = number;
	}
	va_start(arguments, rule);
	(void)vsnprintf(text, sizeof(text), rule, arguments);
	va_end(arguments);
	schema->failed = error_at(schema->err, -EINVAL, &place, shown, "%s", text);
}

static void no_memory(struct schema *schema)
{
	if (schema->failed == 0)
		schema->failed = error_set(schema->err, -ENOMEM, "%s: out of memory", schema->file);
}

static void *slot(const struct schema *schema, size_t offset)
{
	return (char *)schema->target + offset;
}

static const char *checked_text(struct schema *schema, const struct schema_key *key,
                                const struct schema_value *value)
{
	const char *copy;

	if (!cJSON_IsString(value->tree) || !key->check(value->tree->valuestring)) {
		schema_refuse(schema, value, "expected %s", key->rule);
		return NULL;
	}
	copy = arena_strdup(schema->arena, value->tree->valuestring);
	if (copy == NULL)
		no_memory(schema);
	return copy;
}

void schema_set_text(struct schema *schema, const struct schema_key *key,
                     const struct schema_value *value)
{
	const char *text = checked_text(schema, key, value);

	if (text != NULL)
		*(const char **)slot(schema, key->offset) = text;
}

void schema_set_flag(struct schema *schema, const struct schema_key *key,
                     const struct schema_value *value)
{
	if (cJSON_IsBool(value->tree))
		*(bool *)slot(schema, key->offset) = cJSON_IsTrue(value->tree);
	else
		schema_refuse(schema, value, "expected true or false");
}

/* "a, b or c" */
static const char *join_choices(const char *const *choices, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; choices[i] != NULL && used < size; i++) {
		const char *before = i == 0 ? "" : choices[i + 1] == NULL ? " or " : ", ";

		used += (size_t)snprintf(buffer + used, size - used, "%s%s", before, choices[i]);
	}
	return buffer;
}

static int find_choice(struct schema *schema, const struct schema_key *key,
                       const struct schema_value *value)
{
	char joined[128];

	for (int i = 0; cJSON_IsString(value->tree) && key->choices[i] != NULL; i++) {
		if (strcmp(value->tree->valuestring, key->choices[i]) == 0)
			return i;
	}
	schema_refuse(schema, value, "expected %s",
	              join_choices(key->choices, joined, sizeof(joined)));
	return -EINVAL;
}

void schema_set_choice(struct schema *schema, const struct schema_key *key,
                       const struct schema_value *value)
{
	int choice = find_choice(schema, key, value);

	if (choice >= 0)
		memcpy(slot(schema, key->offset), &choice, sizeof(choice));
}

void schema_set_choice_flag(struct schema *schema, const struct schema_key *key,
                            const struct schema_value *value)
{
	int choice = find_choice(schema, key, value);

	if (choice >= 0)
		*(bool *)slot(schema, key->offset) = choice > 0;
}

static bool read_number(struct schema *schema, const struct schema_key *key,
                        const struct schema_value *value, uint32_t *ret)
{
	double number = value->tree->valuedouble;

	if (cJSON_IsNumber(value->tree) && number >= key->min && number <= key->max &&
	    number == (uint32_t)number) {
		*ret = (uint32_t)number;
		return true;
	}
	schema_refuse(schema, value, "expected a whole number, %u to %u", key->min, key->max);
	return false;
}

void schema_set_u16(struct schema *schema, const struct schema_key *key,
                    const struct schema_value *value)
{
	uint32_t number;

	if (read_number(schema, key, value, &number))
		*(uint16_t *)slot(schema, key->offset) = (uint16_t)number;
}

void schema_set_u32(struct schema *schema, const struct schema_key *key,
                    const struct schema_value *value)
{
	uint32_t number;

	if (read_number(schema, key, value, &number))
		*(uint32_t *)slot(schema, key->offset) = number;
}

/* The factor of a unit of time in milliseconds, 0 for anything else. */
static uint32_t duration_unit(const char *text)
{
	static const struct {
		const char *name;
		uint32_t milliseconds;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text, units[i].name) == 0)
			return units[i].milliseconds;
	}
	return 0;
}

void schema_set_duration(struct schema *schema, const struct schema_key *key,
                         const struct schema_value *value)
{
	const char *text = cJSON_IsString(value->tree) ? value->tree->valuestring : "";
	size_t digits = strspn(text, "0123456789");
	uint64_t number = digits > 0 && digits < 10 ? strtoul(text, NULL, 10) : 0;
	uint64_t milliseconds = number * duration_unit(text + digits);

	if (milliseconds >= key->min && milliseconds <= key->max && milliseconds > 0)
		*(uint32_t *)slot(schema, key->offset) = (uint32_t)milliseconds;
	else
		schema_refuse(schema, value,
		              "expected a time like 500ms, 30s or 5m, %u ms to %u ms", key->min,
		              key->max);
}

/* The factor of a unit of memory in bytes, 0 for anything else. */
static uint32_t size_unit(const char *text)
{
	static const struct {
		const char *name;
		uint32_t bytes;
	} units[] = {{"KiB", 1U << 10}, {"MiB", 1U << 20}, {"GiB", 1U << 30}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text, units[i].name) == 0)
			return units[i].bytes;
	}
	return 0;
}

void schema_set_size(struct schema *schema, const struct schema_key *key,
                     const struct schema_value *value)
{
	const char *text = cJSON_IsString(value->tree) ? value->tree->valuestring : "";
	size_t digits = strspn(text, "0123456789");
	uint64_t number = digits > 0 && digits < 10 ? strtoul(text, NULL, 10) : 0;
	uint64_t bytes = number * size_unit(text + digits);

	if (bytes >= (uint64_t)key->min << 20 && bytes <= (uint64_t)key->max << 20 && bytes > 0)
		*(uint64_t *)slot(schema, key->offset) = bytes;
	else
		schema_refuse(schema, value,
		              "expected a size like 512KiB, 64MiB or 1GiB, %u MiB to %u MiB",
		              key->min, key->max);
}

/* Room for the list in the arena; its elements are the tree's children. */
static void *open_list(struct schema *schema, const struct schema_value *value, size_t item_size,
                       size_t *count)
{
	void *items;

	*count = 0;
	if (!cJSON_IsArray(value->tree)) {
		schema_refuse(schema, value, "expected a list");
		return NULL;
	}
	*count = (size_t)cJSON_GetArraySize(value->tree);
	if (*count > SCHEMA_LIST_MAX) {
		schema_refuse(schema, value, "expected a list of at most %d", SCHEMA_LIST_MAX);
		return NULL;
	}
	items = arena_array(schema->arena, *count, item_size);
	if (items == NULL)
		no_memory(schema);
	return items;
}

void schema_set_names(struct schema *schema, const struct schema_key *key,
                      const struct schema_value *value)
{
	size_t count;
	const char **names = open_list(schema, value, sizeof(*names), &count);
	const cJSON *tree = value->tree->child;

	if (names == NULL)
		return;
	for (size_t i = 0; i < count; i++, tree = tree->next) {
		const struct schema_value element = {.path = value->path, .tree = tree};

		names[i] = checked_text(schema, key, &element);
		if (names[i] != NULL && names[i][0] == '\0')
			schema_refuse(schema, &element, "must not be empty");
	}
	*(const char ***)slot(schema, key->offset) = names;
	*(size_t *)slot(schema, key->count_offset) = count;
}

static void read_prefix(struct schema *schema, const struct schema_value *value, bool whole,
                        struct prefix *ret)
{
	const char *text = cJSON_IsString(value->tree) ? value->tree->valuestring : "";
	char masked_text[PREFIX_TEXT_MAX];
	bool masked = false;

	if (whole) {
		if (address_parse(text, ret) < 0)
			schema_refuse(schema, value, "expected an IPv4 or IPv6 address");
	} else if (prefix_parse(text, ret, &masked) < 0) {
		schema_refuse(schema, value, "expected an IPv4 or IPv6 prefix");
	} else if (masked) {
		schema_refuse(schema, value, "has bits behind its length: write %s",
		              prefix_text(ret, masked_text));
	}
}

static void set_prefix_list(struct schema *schema, const struct schema_key *key,
                            const struct schema_value *value, bool whole)
{
	size_t count;
	struct prefix *prefixes = open_list(schema, value, sizeof(*prefixes), &count);
	const cJSON *tree = value->tree->child;

	if (prefixes == NULL)
		return;
	for (size_t i = 0; i < count; i++, tree = tree->next) {
		const struct schema_value element = {.path = value->path, .tree = tree};

		read_prefix(schema, &element, whole, &prefixes[i]);
	}
	*(struct prefix **)slot(schema, key->offset) = prefixes;
	*(size_t *)slot(schema, key->count_offset) = count;
}

void schema_set_addresses(struct schema *schema, const struct schema_key *key,
                          const struct schema_value *value)
{
	set_prefix_list(schema, key, value, true);
}

void schema_set_prefixes(struct schema *schema, const struct schema_key *key,
                         const struct schema_value *value)
{
	set_prefix_list(schema, key, value, false);
}

static const struct schema_key *find_key(const struct schema *schema, const char *path)
{
	for (size_t i = 0; i < schema->key_count; i++) {
		if (strcmp(schema->keys[i].path, path) == 0)
			return &schema->keys[i];
	}
	return NULL;
}

/* The key lies in the section; its name there is *rest. */
static bool in_section(const struct schema_key *key, const char *section, const char **rest)
{
	size_t length = strlen(section);

	if (length == 0) {
		*rest = key->path;
		return true;
	}
	if (strncmp(key->path, section, length) != 0 || key->path[length] != '.')
		return false;
	*rest = key->path + length + 1;
	return true;
}

static bool is_section(const struct schema *schema, const char *path)
{
	const char *rest;

	for (size_t i = 0; i < schema->key_count; i++) {
		if (in_section(&schema->keys[i], path, &rest))
			return true;
	}
	return false;
}

static void refuse_unknown(struct schema *schema, const char *section,
                           const struct schema_value *value)
{
	const char *name = value->tree->string;
	const struct schema_value place = {.path = value->path, .tree = value->tree};
	const char *nearest = NULL;
	size_t nearest_length = 0;
	size_t nearest_distance = 3;

	for (size_t i = 0; i < schema->key_count; i++) {
		const char *rest;
		size_t length;
		size_t distance;

		if (!in_section(&schema->keys[i], section, &rest))
			continue;
		length = strcspn(rest, ".");
		distance = name_distance(name, rest, length);
		if (distance < nearest_distance && distance < length) {
			nearest = rest;
			nearest_length = length;
			nearest_distance = distance;
		}
	}
	if (nearest != NULL)
		schema_refuse(schema, &place, "unknown key, did you mean %.*s?",
		              (int)nearest_length, nearest);
	else
		schema_refuse(schema, &place, "unknown key");
}

static bool given_before(const cJSON *section, const cJSON *member)
{
	for (const cJSON *other = section->child; other != member; other = other->next) {
		if (strcmp(other->string, member->string) == 0)
			return true;
	}
	return false;
}

static void read_section(struct schema *schema, const char *section, const cJSON *tree);

static void read_member(struct schema *schema, const char *section, const cJSON *tree)
{
	char path[KEY_PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s%s%s", section, section[0] != '\0' ? "." : "",
	                      tree->string);
	const struct schema_value value = {.path = path, .tree = tree};
	const struct schema_key *key = find_key(schema, path);

	/* "node.name: x" at the top is not the key of that path. */
	if (length >= (int)sizeof(path) || strchr(tree->string, '.') != NULL ||
	    (key == NULL && !is_section(schema, path)))
		refuse_unknown(schema, section, &value);
	else if (cJSON_IsNull(tree))
		return;
	else if (key != NULL)
		key->set(schema, key, &value);
	else if (cJSON_IsObject(tree))
		read_section(schema, path, tree);
	else
		schema_refuse(schema, &value, "expected a section");
}

/* Goes no deeper than the paths of known keys do. */
static void read_section(struct schema *schema, const char *section, const cJSON *tree)
{
	for (const cJSON *member = tree->child; member != NULL; member = member->next) {
		if (given_before(tree, member)) {
			const struct schema_value value = {.path = member->string, .tree = member};

			schema_refuse(schema, &value, "given twice");
		}
		if (schema->failed < 0)
			return;
		read_member(schema, section, member);
	}
}

static int read_document(void *context, const cJSON *document, struct error *err)
{
	struct schema *schema = context;
	const struct schema_value root = {.path = NULL, .tree = document};

	(void)err;
	if (document == NULL || cJSON_IsNull(document))
		return 0;
	if (schema->read)
		schema_refuse(schema, &root, "a second document: expected one");
	else if (!cJSON_IsObject(document))
		schema_refuse(schema, &root, "expected sections and keys");
	else
		read_section(schema, "", document);
	schema->read = true;
	return schema->failed;
}

int schema_read(struct schema *schema, const char *text, size_t length)
{
	const struct yaml_handler handler = {.document = read_document, .context = schema};

	return yaml_read(schema->file, text, length, &handler, schema->err);
}
