/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "nft-sync/ctl/ctl.h"
#include "nft-sync/ctl/report_parts.h"

#define ANSWER_MAX (64U << 20) /* bytes of what podsgctl check -o json said */

int report_findings_read(const char *path, cJSON **ret, struct error *err)
{
	char *text;
	size_t length;
	int r = file_read(path, ANSWER_MAX, &text, &length, err);
	if (r < 0)
		return r;
	cJSON *answer = cJSON_ParseWithLength(text, length);
	free(text);
	if (!cJSON_IsArray(part(answer, "findings")) || !cJSON_IsObject(part(answer, "summary"))) {
		cJSON_Delete(answer);
		return error_set(err, -EBADMSG, "%s: expected what podsgctl check -o json says",
		                 path);
	}
	*ret = answer;
	return 0;
}

static void add_severity(const char *severity, struct buffer *page)
{
	bool error = strcmp(severity, "error") == 0, warning = strcmp(severity, "warning") == 0;
	html(page, "<td class=%s><i>%s</i> %s</td>",
	     error     ? "n"
	     : warning ? "s"
	               : "a",
	     error     ? "✕"
	     : warning ? "!"
	               : "●",
	     severity);
}

static void add_finding(const cJSON *finding, struct buffer *page)
{
	const cJSON *object = part(finding, "object");
	const char *namespace = text_of(object, "namespace");
	html(page, "<tr>");
	add_severity(text_of(finding, "severity"), page);
	html(page, "<td>%s</td><td><bdi>%s %s%s%s</bdi></td>", text_of(finding, "check"),
	     text_of(object, "kind"), namespace, namespace[0] ? "/" : "", text_of(object, "name"));
	html(page, "<td>%s</td><td>%s</td><td><pre>%s</pre></td></tr>\n", text_of(finding, "what"),
	     text_of(finding, "why"), text_of(finding, "fix"));
}

static void add_count(const cJSON *summary, const char *key, const char *words, struct buffer *page)
{
	char count[32];
	snprintf(count, sizeof(count), "%.0f", number_of(summary, key));
	html(page, "%s %s", count, words);
}

void report_findings(const cJSON *answer, struct buffer *page)
{
	static const char *const columns[] = {"Severity", "Check",          "Object", "What",
	                                      "Why",      "How to mend it", NULL};
	const cJSON *summary = part(answer, "summary"), *finding;
	if (!answer)
		return;
	report_open_table("Preflight findings", columns, page);
	cJSON_ArrayForEach (finding, part(answer, "findings"))
		add_finding(finding, page);
	html(page, "</tbody></table></div><p>");
	add_count(summary, "errors", "errors, ", page);
	add_count(summary, "warnings", "warnings, ", page);
	add_count(summary, "infos", "for information; checks: ", page);
	add_count(summary, "clean", "clean, ", page);
	add_count(summary, "nothingToJudge", "without anything to judge, ", page);
	add_count(summary, "notJudged", "not judged. ", page);
	html(page, "What <code>podsgctl check</code> said when it was asked.</p></section>\n");
}
