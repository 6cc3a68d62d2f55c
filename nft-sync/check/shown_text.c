/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"
#include "nft-sync/check/shown_text.h"

#define ESCAPED_SIZE 5 /* "\x1b" and its NUL */

/* 0: it has to be escaped. */
static size_t length_of(const char *at, bool lines)
{
	return lines && *at == '\n' ? 1 : utf8_length(at);
}

static size_t count_bad(const char *text, bool lines)
{
	size_t count = 0, length;
	for (; *text; text += length > 0 ? length : 1) {
		length = length_of(text, lines);
		count += length == 0;
	}
	return count;
}

const char *shown_text(struct arena *arena, const char *text, bool lines)
{
	size_t size = strlen(text) + count_bad(text, lines) * (ESCAPED_SIZE - 1) + 1;
	char *shown = arena_alloc(arena, size), *end = shown;
	for (size_t length; shown && *text; text += length > 0 ? length : 1) {
		length = length_of(text, lines);
		memcpy(end, text, length);
		end += length;
		if (length == 0)
			end += snprintf(end, ESCAPED_SIZE, "\\x%02x", (unsigned char)*text);
	}
	return shown;
}
