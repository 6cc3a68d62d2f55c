/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"

#define FIRST_CAPACITY 256
#define FORMATTED_MAX 1024

static bool reserve(struct buffer *buffer, size_t more)
{
	if (buffer->failed || more > buffer->max - buffer->length) {
		buffer->failed = true;
		return false;
	}
	size_t needed = buffer->length + more + 1;
	if (needed <= buffer->capacity)
		return true;
	size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
	while (capacity < needed)
		capacity *= 2;
	char *text = realloc(buffer->text, capacity);
	if (!text) {
		buffer->failed = true;
		return false;
	}
	buffer->text = text;
	buffer->capacity = capacity;
	return true;
}

void buffer_add(struct buffer *buffer, const char *text, size_t length)
{
	if (!reserve(buffer, length))
		return;
	memcpy(buffer->text + buffer->length, text, length);
	buffer->length += length;
	buffer->text[buffer->length] = '\0';
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
	buffer_add(buffer, text, strlen(text));
}

void buffer_add_format(struct buffer *buffer, const char *format, ...)
{
	char text[FORMATTED_MAX];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof(text))
		buffer->failed = true;
	else
		buffer_add(buffer, text, (size_t)length);
}

void buffer_add_json(struct buffer *buffer, const char *text)
{
	buffer_add(buffer, "\"", 1);
	while (*text) {
		size_t plain = 0;
		while ((unsigned char)text[plain] >= 0x20 && text[plain] != '"' &&
		       text[plain] != '\\')
			plain++;
		buffer_add(buffer, text, plain);
		text += plain;
		if (*text)
			buffer_add_format(buffer, "\\u%04x", (unsigned char)*text++);
	}
	buffer_add(buffer, "\"", 1);
}

void buffer_cut(struct buffer *buffer, size_t length)
{
	buffer->length = length;
	if (buffer->text)
		buffer->text[length] = '\0';
}

void buffer_clear(struct buffer *buffer)
{
	buffer_cut(buffer, 0);
	buffer->failed = false;
}

void buffer_done(struct buffer *buffer)
{
	free(buffer->text);
	*buffer = (struct buffer){.max = buffer->max};
}
