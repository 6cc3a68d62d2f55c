/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/ctl/ctl.h"
#include "nft-sync/ctl/report_parts.h"
#include "nft-sync/digest.h"

#define TEXT_MAX (64U << 10)

struct text {
	uint64_t digest;
	char *html;
};

struct report_texts {
	struct text *items;
	size_t count;
	size_t capacity;
};

static void family_text(const cJSON *family, bool named, struct buffer *text)
{
	const cJSON *answer;
	if (named)
		html(text, "<li class=f>IPv%s", number_of(family, "family") == 6 ? "6" : "4");
	if (text_of(family, "problem")[0])
		html(text, "<li class=u><i>?</i> %s", text_of(family, "problem"));
	cJSON_ArrayForEach (answer, part(family, "answers")) {
		bool permitted = is_true(answer, "permitted");
		html(text, "<li class=%s><i>%s</i> <b>%s</b> %s", permitted ? "a" : "n",
		     permitted ? "✓" : "✕", text_of(answer, "what"), text_of(answer, "text"));
	}
}

static void cell_text(const cJSON *cell, struct buffer *text)
{
	const cJSON *families = part(cell, "families");
	const cJSON *family;
	if (cJSON_GetArraySize(families) == 0)
		html(text, "<li class=u><i>?</i> %s", "they have no addresses of one family");
	cJSON_ArrayForEach (family, families)
		family_text(family, cJSON_GetArraySize(families) > 1, text);
}

/* Its number; where memory is short, that of some other text would lie: -1. */
static int keep_text(struct report_texts *texts, const char *html_text)
{
	uint64_t digest = digest_text(DIGEST_START, html_text);
	for (size_t i = 0; i < texts->count; i++)
		if (texts->items[i].digest == digest &&
		    strcmp(texts->items[i].html, html_text) == 0)
			return (int)i;
	if (texts->count == texts->capacity) {
		size_t capacity = texts->capacity ? 2 * texts->capacity : 256;
		struct text *items = realloc(texts->items, capacity * sizeof(*items));
		if (!items)
			return -1;
		texts->items = items;
		texts->capacity = capacity;
	}
	char *copy = strdup(html_text);
	if (!copy)
		return -1;
	texts->items[texts->count] = (struct text){digest, copy};
	return (int)texts->count++;
}

void report_texts_take(struct report_texts *texts, cJSON *row)
{
	cJSON *cell;
	cJSON_ArrayForEach (cell, row) {
		struct buffer text = {.max = TEXT_MAX};
		if (!cJSON_IsObject(cell))
			continue;
		cell_text(cell, &text);
		cJSON_DeleteItemFromObjectCaseSensitive(cell, "families");
		cJSON_AddNumberToObject(
			cell, "text", keep_text(texts, text.text && !text.failed ? text.text : ""));
		buffer_done(&text);
	}
}

void report_texts_show(const struct report_texts *texts, struct buffer *page)
{
	html(page, "<div id=texts hidden>\n");
	for (size_t i = 0; i < texts->count; i++) {
		html(page, "<ul id=t%d>", (int)i);
		/* Made by html() already. */
		buffer_add_text(page, texts->items[i].html);
		html(page, "</ul>\n");
	}
	html(page, "</div>\n");
}

struct report_texts *report_texts_new(void)
{
	return calloc(1, sizeof(struct report_texts));
}

void report_texts_free(struct report_texts *texts)
{
	for (size_t i = 0; texts && i < texts->count; i++)
		free(texts->items[i].html);
	if (texts)
		free(texts->items);
	free(texts);
}
