/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "nft-sync/ctl/ctl.h"
#include "nft-sync/ctl/report_parts.h"

#define NONCE_BYTES 16
#define NONCE_TEXT (2 * NONCE_BYTES + 1)

/* Should a name get past the escaping all the same, the browser runs none of it: it can't know the
 * number that our own script has. "" where the kernel gives none: then no script runs at all. */
static void make_nonce(char nonce[static NONCE_TEXT])
{
	uint8_t bytes[NONCE_BYTES];
	nonce[0] = '\0';
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
}

static void add_head(const cJSON *report, const char *nonce, struct buffer *page)
{
	html(page,
	     "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
	     "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; "
	     "base-uri 'none'; form-action 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'\">\n"
	     "<meta name=viewport content=\"width=device-width, initial-scale=1\">\n"
	     "<meta name=color-scheme content=\"light dark\">\n"
	     "<title>podsg: %s</title>\n<style nonce=%s>\n",
	     nonce, nonce, text_of(part(report, "status"), "node"), nonce);
	buffer_add_text(page, report_style);
	html(page, "</style></head>\n<body>\n");
}

static void add_summary(const cJSON *report, struct buffer *page)
{
	static const char *const states[] = {"open", "closed", "claimed", "orphans", "absent"};
	const cJSON *status = part(report, "status");
	const cJSON *interfaces = part(status, "interfaces");
	bool in_force = is_true(part(status, "kernel"), "inForce");
	html(page, "<header><h1>Security groups on <bdi>%s</bdi></h1>\n<p>",
	     text_of(status, "node"));
	html(page, "<span class=%s><i>%s</i> %s</span>. Interfaces:", in_force ? "a" : "n",
	     in_force ? "✓" : "✕",
	     in_force ? "The rules are in force" : "The rules are NOT in force");
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		html(page, " %d %s%s", (int)number_of(interfaces, states[i]), states[i],
		     i + 1 < sizeof(states) / sizeof(states[0]) ? "," : ".");
	html(page, " New pods: mode %s. Seen by podsg %s at %s.</p>\n", text_of(report, "nodeMode"),
	     text_of(report, "version"), text_of(report, "time"));
	html(page,
	     "<label>Filter <input id=filter type=search autocomplete=off spellcheck=false "
	     "placeholder=\"shop/web > api\"></label> <span class=hint>words of names, groups, "
	     "addresses; <kbd>from &gt; to</kbd> for both sides of the matrix; <kbd>/</kbd> "
	     "comes here, <kbd>Esc</kbd> clears</span> <output id=shown></output></header>\n");
}

void report_page(const cJSON *report, const struct report_texts *texts, struct buffer *page)
{
	char nonce[NONCE_TEXT];
	make_nonce(nonce);
	add_head(report, nonce, page);
	add_summary(report, page);
	html(page, "<main>\n");
	report_matrix(report, texts, page);
	report_tables(report, page);
	html(page,
	     "</main>\n<aside id=detail aria-live=polite hidden></aside>\n<script nonce=%s>\n",
	     nonce);
	buffer_add_text(page, report_script);
	html(page, "</script></body></html>\n");
}
