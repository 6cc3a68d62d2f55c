/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/loader.h"
#include "common/utf8.h"

#define RULE_MAX 256
#define NUMBER_TEXT_MAX 32

static bool is_string(const char *text)
{
	const char *at = text;

	while (*at != '\0') {
		size_t length = utf8_length(at);

		if (length == 0)
			return false;
		at += length;
	}
	return at - text <= STRING_MAX_LENGTH;
}

static bool is_name(const char *text)
{
	size_t length = 0;

	while (text[length] > 0x20 && text[length] < 0x7f)
		length++;
	return length <= NAME_MAX_LENGTH && text[length] == '\0';
}

/* The sentence about a field: file, line, path, value, rule. */
static void __attribute__((format(printf, 5, 0)))
describe(const struct loader *loader, struct error *ret, int code, const struct field *field,
         const char *rule, va_list arguments)
{
	char path[FIELD_PATH_MAX];
	char number[NUMBER_TEXT_MAX];
	char text[RULE_MAX];
	struct error_place place = {.file = loader->item->file,
	                            .line = field_line(loader->item, field),
	                            .item = field_path(loader->item, field, path)};

	(void)vsnprintf(text, sizeof(text), rule, arguments);
	error_at(ret, code, &place, field_text(field, number, sizeof(number)), "%s", text);
}

bool loader_failed(const struct loader *loader)
{
	return loader->error.code != 0;
}

void loader_refuse(struct loader *loader, int code, const struct field *field, const char *rule,
                   ...)
{
	va_list arguments;

	if (loader_failed(loader))
		return;
	va_start(arguments, rule);
	describe(loader, &loader->error, code, field, rule, arguments);
	va_end(arguments);
}

void loader_warn(struct loader *loader, const struct field *field, const char *rule, ...)
{
	struct document *document = loader->document;
	struct error sentence = {0};
	va_list arguments;

	if (loader_failed(loader))
		return;
	if (document->warning_count == 0)
		document->warnings =
			arena_array(document->arena, DOCUMENT_WARNINGS_MAX, sizeof(char *));
	if (document->warnings == NULL) {
		loader_no_memory(loader);
		return;
	}
	if (document->warning_count < DOCUMENT_WARNINGS_MAX) {
		const char *text;

		va_start(arguments, rule);
		describe(loader, &sentence, -EINVAL, field, rule, arguments);
		va_end(arguments);
		text = arena_strdup(document->arena, sentence.text);
		if (text == NULL)
			loader_no_memory(loader);
		document->warnings[document->warning_count] = text;
	}
	document->warning_count++;
}

void loader_no_memory(struct loader *loader)
{
	error_set(&loader->error, -ENOMEM,
	          "%s: out of memory, or its objects need more than %u MiB", loader->document->name,
	          DOCUMENT_MEMORY_MAX >> 20);
}

void loader_define(struct loader *loader, enum definition kind, const char *outer, const char *name,
                   const struct field *field)
{
	struct field item;
	unsigned earlier = 0;
	int ret;

	if (loader_failed(loader))
		return;
	outer = intern_string(loader->intern, outer);
	if (outer == NULL) {
		loader_no_memory(loader);
		return;
	}
	/* The line of the item costs nothing; that of the field would cost a search in each. */
	item = field_of_item(loader->item);
	ret = intern_define(loader->intern, kind, outer, name, field_line(loader->item, &item),
	                    &earlier);
	if (ret < 0)
		loader_no_memory(loader);
	else if (ret > 0)
		loader_refuse(loader, -EEXIST, field, "already defined at line %u", earlier);
}

void *loader_push(struct loader *loader, struct vector *vector)
{
	void *item;

	if (loader_failed(loader))
		return NULL;
	if (vector->count >= DOCUMENT_MEMORY_MAX / vector->item_size) {
		loader_no_memory(loader);
		return NULL;
	}
	item = vector_push(vector);
	if (item == NULL)
		loader_no_memory(loader);
	return item;
}

void loader_keep(struct loader *loader, struct vector *vector, void *ret_items, size_t *ret_count)
{
	if (loader_failed(loader))
		return;
	if (vector_move(vector, loader->document->arena, ret_items, ret_count) < 0)
		loader_no_memory(loader);
}

/* The text of a string that is there; NULL otherwise, which is an error unless it is optional. */
static const char *present_text(struct loader *loader, const struct field *field,
                                enum presence presence)
{
	if (loader_failed(loader))
		return NULL;
	if (field->value == NULL) {
		if (presence == REQUIRED)
			loader_refuse(loader, -EINVAL, field, "is missing");
		return NULL;
	}
	if (!cJSON_IsString(field->value)) {
		loader_refuse(loader, -EINVAL, field, "expected a string");
		return NULL;
	}
	if (field->value->valuestring[0] == '\0' && presence == REQUIRED) {
		loader_refuse(loader, -EINVAL, field, "must not be empty");
		return NULL;
	}
	return field->value->valuestring;
}

static const char *keep_text(struct loader *loader, const char *text)
{
	const char *kept;

	if (text[0] == '\0')
		return "";
	kept = intern_string(loader->intern, text);
	if (kept != NULL)
		return kept;
	loader_no_memory(loader);
	return "";
}

const char *read_name(struct loader *loader, const struct field *field, enum presence presence)
{
	const char *text = present_text(loader, field, presence);

	if (text == NULL)
		return "";
	if (is_name(text))
		return keep_text(loader, text);
	loader_refuse(loader, -EINVAL, field,
	              "expected at most %d printable characters without spaces", NAME_MAX_LENGTH);
	return "";
}

const char *read_string(struct loader *loader, const struct field *field, enum presence presence)
{
	const char *text = present_text(loader, field, presence);

	if (text == NULL)
		return "";
	if (is_string(text))
		return keep_text(loader, text);
	loader_refuse(loader, -EINVAL, field,
	              "expected at most %d bytes of UTF-8 without control characters",
	              STRING_MAX_LENGTH);
	return "";
}

bool read_flag(struct loader *loader, const struct field *field, bool absent)
{
	if (loader_failed(loader) || field->value == NULL)
		return absent;
	if (!cJSON_IsBool(field->value))
		loader_refuse(loader, -EINVAL, field, "expected true or false");
	return cJSON_IsTrue(field->value);
}

int read_integer(struct loader *loader, const struct field *field, int min, int max, int absent)
{
	double value;

	if (loader_failed(loader) || field->value == NULL)
		return absent;
	value = field->value->valuedouble;
	if (cJSON_IsNumber(field->value) && value >= min && value <= max && value == (int)value)
		return (int)value;
	loader_refuse(loader, -EINVAL, field, "expected a whole number, %d to %d", min, max);
	return absent;
}

static const char *family_rule(int family)
{
	if (family == AF_INET)
		return "expected an IPv4 prefix, length 0 to 32";
	if (family == AF_INET6)
		return "expected an IPv6 prefix, length 0 to 128";
	return "expected an IPv4 or IPv6 prefix";
}

bool read_prefix(struct loader *loader, const struct field *field, int family, struct prefix *ret)
{
	const char *text = present_text(loader, field, REQUIRED);
	char kept[PREFIX_TEXT_MAX];
	struct prefix prefix;
	bool masked;

	if (text == NULL)
		return false;
	if (prefix_parse(text, &prefix, &masked) < 0 ||
	    (family != AF_UNSPEC && prefix.family != family)) {
		loader_refuse(loader, -EINVAL, field, "%s", family_rule(family));
		return false;
	}
	if (masked)
		loader_warn(loader, field, "has bits behind its length, read as %s",
		            prefix_text(&prefix, kept));
	*ret = prefix;
	return true;
}

bool read_address(struct loader *loader, const struct field *field, int family, struct prefix *ret)
{
	const char *text = present_text(loader, field, REQUIRED);
	struct prefix address;

	if (text == NULL)
		return false;
	if (address_parse(text, &address) < 0 ||
	    (family != AF_UNSPEC && address.family != family)) {
		loader_refuse(loader, -EINVAL, field, "expected an %s address",
		              family == AF_INET    ? "IPv4"
		              : family == AF_INET6 ? "IPv6"
		                                   : "IPv4 or IPv6");
		return false;
	}
	*ret = address;
	return true;
}

void read_elements(struct loader *loader, const struct field *parent, const char *key,
                   void (*read)(struct loader *loader, const struct field *element, void *context),
                   void *context)
{
	const struct field array = field_member(parent, key);
	size_t index = 0;

	if (loader_failed(loader) || array.value == NULL)
		return;
	if (!cJSON_IsArray(array.value)) {
		loader_refuse(loader, -EINVAL, &array, "expected an array");
		return;
	}
	for (const cJSON *value = array.value->child; value != NULL; value = value->next) {
		const struct field element = field_element(&array, index++, value);

		read(loader, &element, context);
		if (loader_failed(loader))
			return;
	}
}

void read_name_element(struct loader *loader, const struct field *element, void *context)
{
	const char *text = read_name(loader, element, REQUIRED);
	const char **name = loader_push(loader, &loader->names);

	(void)context;
	if (name != NULL)
		*name = text;
}

struct field read_object(struct loader *loader, const struct field *parent, const char *key,
                         enum presence presence)
{
	struct field object = field_member(parent, key);

	if (object.value == NULL && presence == REQUIRED)
		loader_refuse(loader, -EINVAL, &object, "is missing");
	if (object.value != NULL && !cJSON_IsObject(object.value))
		loader_refuse(loader, -EINVAL, &object, "expected an object");
	return object;
}
