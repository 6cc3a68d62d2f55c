/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/ctl/ctl.h"
#include "nft-sync/ctl/report_parts.h"

static const struct verdict_sign {
	const char *verdict;
	const char *class;
	const char *sign;
	const char *meaning;
} signs[] = {
	{"all", "a", "●", "everything passes"},
	{"some", "s", "◐", "some services pass"},
	{"none", "n", "✕", "nothing passes"},
	{"unknown", "u", "?", "can’t be told"},
};

static const struct verdict_sign *sign_of(const cJSON *cell)
{
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]) - 1; i++)
		if (strcmp(text_of(cell, "verdict"), signs[i].verdict) == 0)
			return &signs[i];
	return &signs[sizeof(signs) / sizeof(signs[0]) - 1];
}

static void add_words(const cJSON *end, struct buffer *page)
{
	const cJSON *address;
	html(page, " data-w=\"%s %s", text_of(end, "kind"), text_of(end, "name"));
	cJSON_ArrayForEach (address, part(end, "addresses"))
		html(page, " %s", cJSON_GetStringValue(address));
	html(page, "\"");
}

static void add_header(const cJSON *ends, struct buffer *page)
{
	const cJSON *end;
	html(page, "<thead><tr><th scope=col class=c><span>from ↓ &emsp; to →</span></th>");
	cJSON_ArrayForEach (end, ends) {
		html(page, "<th scope=col class=%s title=\"%s\"", text_of(end, "kind"),
		     text_of(end, "text"));
		add_words(end, page);
		html(page, "><span><bdi>%s</bdi></span></th>", text_of(end, "name"));
	}
	html(page, "</tr></thead>\n");
}

static void add_cell(const cJSON *cell, const cJSON *source, const cJSON *end, struct buffer *page)
{
	const struct verdict_sign *sign = sign_of(cell);
	if (cJSON_IsNull(cell))
		html(page, "<td>");
	else
		html(page, "<td class=%s data-t=%d>%s", source == end ? "o" : sign->class,
		     (int)number_of(cell, "text"), sign->sign);
}

static void add_row(const cJSON *row, const cJSON *source, const cJSON *ends, struct buffer *page)
{
	const cJSON *end = ends->child;
	html(page, "<tr><th scope=row class=%s title=\"%s\"", text_of(source, "kind"),
	     text_of(source, "text"));
	add_words(source, page);
	html(page, "><bdi>%s</bdi></th>", text_of(source, "name"));
	for (const cJSON *cell = row->child; cell && end; cell = cell->next, end = end->next)
		add_cell(cell, source, end, page);
	html(page, "</tr>\n");
}

static void add_legend(const cJSON *report, struct buffer *page)
{
	html(page, "<p class=legend>");
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		html(page, "<span class=%s>%s</span> %s &ensp; ", signs[i].class, signs[i].sign,
		     signs[i].meaning);
	html(page,
	     "Point at a cell, or go there with Tab and the arrow keys, to see which services "
	     "pass and by which rule.</p>\n");
	if (is_true(report, "left"))
		html(page, "<p>There are more groups or networks than are shown.</p>\n");
}

void report_matrix(const cJSON *report, const struct report_texts *texts, struct buffer *page)
{
	const cJSON *ends = part(report, "ends");
	const cJSON *source = ends ? ends->child : NULL;
	const cJSON *row;
	html(page, "<section id=matrix-section><h2>Who may talk to whom</h2>\n");
	add_legend(report, page);
	html(page, "<div class=scroll><table id=matrix>");
	add_header(ends, page);
	html(page, "<tbody>\n");
	cJSON_ArrayForEach (row, part(report, "rows")) {
		if (!source)
			break;
		add_row(row, source, ends, page);
		source = source->next;
	}
	html(page, "</tbody></table></div></section>\n");
	report_texts_show(texts, page);
}
