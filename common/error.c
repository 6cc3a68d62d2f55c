/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"

#define VALUE_SHOWN_MAX 64
#define ITEM_SHOWN_MAX 192
#define FILE_SHOWN_MAX 160

/* Appends to a buffer of fixed size; what does not fit is cut. */
struct text {
	char *buffer;
	size_t size;
	size_t used;
};

static void __attribute__((format(printf, 2, 0)))
text_vappend(struct text *text, const char *format, va_list arguments)
{
	size_t room = text->size - text->used;
	int length = vsnprintf(text->buffer + text->used, room, format, arguments);

	if (length > 0)
		text->used += (size_t)length < room ? (size_t)length : room - 1;
}

static void __attribute__((format(printf, 2, 3)))
text_append(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_vappend(text, format, arguments);
	va_end(arguments);
}

/* Only printable ASCII is shown as it is: C1 control characters hide in UTF-8, too. */
static void text_append_escaped(struct text *text, const char *value, size_t max)
{
	size_t i;

	for (i = 0; i < max && value[i] != '\0'; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c < 0x20 || c >= 0x7f)
			text_append(text, "\\x%02x", (unsigned)c);
		else
			text_append(text, "%c", c);
	}
	if (value[i] != '\0')
		text_append(text, "...");
}

static void text_append_place(struct text *text, const struct error_place *place)
{
	if (place->file != NULL) {
		text_append_escaped(text, place->file, FILE_SHOWN_MAX);
		if (place->line > 0)
			text_append(text, ":%u", place->line);
		text_append(text, ": ");
	} else if (place->line > 0) {
		text_append(text, "line %u: ", place->line);
	}
	if (place->item != NULL && place->item[0] != '\0') {
		text_append_escaped(text, place->item, ITEM_SHOWN_MAX);
		text_append(text, ": ");
	}
}

int error_set(struct error *err, int code, const char *format, ...)
{
	va_list arguments;

	if (err == NULL || err->code != 0)
		return code;
	err->code = code;
	va_start(arguments, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, arguments);
	va_end(arguments);
	return code;
}

int error_at(struct error *err, int code, const struct error_place *place, const char *value,
             const char *rule, ...)
{
	struct text text;
	va_list arguments;

	if (err == NULL || err->code != 0)
		return code;
	err->code = code;
	text = (struct text){.buffer = err->text, .size = sizeof(err->text)};
	text_append_place(&text, place);
	if (value != NULL) {
		text_append(&text, "\"");
		text_append_escaped(&text, value, VALUE_SHOWN_MAX);
		text_append(&text, "\": ");
	}
	va_start(arguments, rule);
	text_vappend(&text, rule, arguments);
	va_end(arguments);
	return code;
}

int error_wrap(struct error *err, const char *format, ...)
{
	struct error inner;
	struct text text;
	va_list arguments;

	if (err == NULL || err->code == 0)
		return 0;
	inner = *err;
	text = (struct text){.buffer = err->text, .size = sizeof(err->text)};
	va_start(arguments, format);
	text_vappend(&text, format, arguments);
	va_end(arguments);
	text_append(&text, ": %s", inner.text);
	return err->code;
}
