/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "common/buffer.h"
#include "nft-sync/ctl/check_output.h"
#include "nft-sync/ctl/report_parts.h"

/*
 * As JUnit's own and most pipelines read it: a suite a group, a case an object that something is
 * wrong with, and one case for a check that found nothing.
 */

#define JUNIT_SIZE_MAX (64U << 20)

static void object_name(struct buffer *page, const struct finding *finding)
{
	const struct fact *object = &finding->object;
	html(page, "%s %s%s%s", finding->kind, object->namespace, object->namespace[0] ? "/" : "",
	     object->name);
}

static bool is_same_object(const struct finding *a, const struct finding *b)
{
	return strcmp(a->kind, b->kind) == 0 &&
	       strcmp(a->object.namespace, b->object.namespace) == 0 &&
	       strcmp(a->object.name, b->object.name) == 0;
}

static void add_place(struct buffer *page, const struct fact *object)
{
	if (object->file)
		html(page, "%s", object->file);
	if (object->file && object->line)
		html(page, ":%d", (int)object->line);
}

/* What is for information fails nothing. nth: of those of one object, which come one behind the
 * other; pipelines show only one of several cases of one name. */
static void add_finding(struct buffer *page, const struct finding *finding, int nth)
{
	bool fails = finding->check->severity != SEVERITY_INFO;
	html(page, "    <testcase classname=\"%s\" name=\"", finding->check->id);
	object_name(page, finding);
	if (nth > 1)
		html(page, " (%d)", nth);
	html(page, "\">\n      <%s", fails ? "failure" : "system-out");
	if (fails)
		html(page, " type=\"%s\" message=\"%s\"", severity_name(finding->check->severity),
		     finding->what);
	html(page, ">%s\n%s\n%s\n", finding->what, finding->check->why, finding->fix);
	add_place(page, &finding->object);
	html(page, "</%s>\n    </testcase>\n", fails ? "failure" : "system-out");
}

static void add_needs(struct buffer *page, const struct check *check, const struct outcome *outcome)
{
	html(page, "    <testcase classname=\"%s\" name=\"%s\">\n", check->id, check->title);
	html(page, "      <skipped message=\"not judged: needs ");
	for (size_t i = 0; i < outcome->need_count; i++)
		html(page, "%s%s", i ? "; " : "", outcome->needs[i]);
	html(page, "\"/>\n    </testcase>\n");
}

static void add_check(struct buffer *page, const struct check_run *run, size_t i)
{
	const struct finding *findings = run->findings.items;
	const struct outcome *outcome = &run->outcomes[i];
	const struct finding *last = NULL;
	int nth = 1;
	for (size_t k = 0; k < run->findings.count; k++) {
		if (findings[k].check != run->all[i])
			continue;
		nth = last && is_same_object(last, &findings[k]) ? nth + 1 : 1;
		add_finding(page, &findings[k], nth);
		last = &findings[k];
	}
	if (outcome->need_count > 0)
		add_needs(page, run->all[i], outcome);
	else if (outcome->found == 0)
		html(page, "    <testcase classname=\"%s\" name=\"%s\"/>\n", run->all[i]->id,
		     run->all[i]->title);
}

/* Attributes that some readers insist on. */
struct totals {
	size_t tests, failures, skipped;
};

static void add_totals(struct totals *totals, const struct check *check,
                       const struct outcome *outcome)
{
	bool needs = outcome->need_count > 0;
	if (outcome->skipped)
		return;
	totals->tests += outcome->found + (needs || outcome->found == 0);
	totals->failures += check->severity != SEVERITY_INFO ? outcome->found : 0;
	totals->skipped += needs;
}

/* Jenkins' schema has skipped of a suite only. */
static void add_attributes(struct buffer *page, const struct totals *totals, bool of_all)
{
	buffer_add_format(page, " tests=\"%zu\" failures=\"%zu\" errors=\"0\"", totals->tests,
	                  totals->failures);
	if (!of_all)
		buffer_add_format(page, " skipped=\"%zu\"", totals->skipped);
	buffer_add_text(page, ">\n");
}

static size_t add_group(struct buffer *page, const struct check_run *run,
                        const struct check_group *group, size_t first)
{
	struct totals totals = {0};
	size_t count = 0;
	for (; group->checks[count]; count++)
		add_totals(&totals, group->checks[count], &run->outcomes[first + count]);
	html(page, "  <testsuite name=\"%s\"", group->name);
	add_attributes(page, &totals, false);
	for (size_t i = first; i < first + count; i++)
		if (!run->outcomes[i].skipped)
			add_check(page, run, i);
	html(page, "  </testsuite>\n");
	return first + count;
}

static void add_unread_totals(struct totals *totals, const struct check_report *report)
{
	for (size_t i = 0; i < report->unread_count; i++) {
		totals->failures += !report->unread[i].lacking;
		totals->skipped += report->unread[i].lacking;
	}
	totals->tests += report->unread_count;
}

/* What could not be read is a suite of its own: a pipeline must not pass for want of documents. */
static void add_unread(struct buffer *page, const struct check_report *report)
{
	struct totals totals = {0};
	if (report->unread_count == 0)
		return;
	add_unread_totals(&totals, report);
	html(page, "  <testsuite name=\"Documents\"");
	add_attributes(page, &totals, false);
	for (size_t i = 0; i < report->unread_count; i++)
		html(page,
		     "    <testcase classname=\"document\" name=\"%s\">\n"
		     "      <%s type=\"error\" message=\"%s\"/>\n    </testcase>\n",
		     report->unread[i].what, report->unread[i].lacking ? "skipped" : "failure",
		     report->unread[i].why);
	html(page, "  </testsuite>\n");
}

void check_print_junit(const struct check_report *report)
{
	struct buffer page = {.max = JUNIT_SIZE_MAX};
	const struct check_run *run = report->run;
	struct totals totals = {0};
	size_t first = 0;
	add_unread_totals(&totals, report);
	for (size_t i = 0; i < run->check_count; i++)
		add_totals(&totals, run->all[i], &run->outcomes[i]);
	html(&page,
	     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"podsgctl check\"");
	add_attributes(&page, &totals, true);
	for (const struct check_group *const *group = check_groups; *group; group++)
		first = add_group(&page, run, *group, first);
	add_unread(&page, report);
	html(&page, "</testsuites>\n");
	if (!page.failed)
		fwrite(page.text, 1, page.length, stdout);
	buffer_done(&page);
}
