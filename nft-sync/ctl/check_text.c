/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "nft-sync/ctl/check_output.h"
#include "nft-sync/ctl/ctl.h"

#define LINE_WIDTH 90

static enum colour severity_colour(enum severity severity)
{
	if (severity == SEVERITY_ERROR)
		return COLOUR_BAD;
	return severity == SEVERITY_WARNING ? COLOUR_WARN : COLOUR_DIM;
}

/* Every line of it below the first one's beginning. */
static void print_lines(const char *label, const char *text)
{
	const char *end;
	printf("      %-5s", label);
	while ((end = strchr(text, '\n'))) {
		printf("%.*s\n           ", (int)(end - text), text);
		text = end + 1;
	}
	printf("%s\n", text);
}

/* Sentences: broken between words, where lines get too long. */
static void print_sentences(const char *label, const char *text)
{
	printf("      %-5s", label);
	while (strlen(text) > LINE_WIDTH) {
		size_t length = LINE_WIDTH;
		while (length > 0 && text[length] != ' ')
			length--;
		if (length == 0)
			break;
		printf("%.*s\n           ", (int)length, text);
		text += length + 1;
	}
	printf("%s\n", text);
}

static void print_object(const struct finding *finding)
{
	const struct fact *object = &finding->object;
	printf("%s %s%s%s", finding->kind, object->namespace, object->namespace[0] ? "/" : "",
	       object->name);
	if (object->file && object->line)
		printf("  %s(%s:%u)%s", colour(COLOUR_DIM), object->file, object->line,
		       colour(COLOUR_OFF));
	putchar('\n');
}

/* The same of many objects, as of the pods of one node, is explained once. */
static bool says_same(const struct finding *a, const struct finding *b)
{
	return strcmp(a->what, b->what) == 0 && strcmp(a->fix, b->fix) == 0;
}

static void print_findings_of(const struct check_run *run, const struct check *check)
{
	const struct finding *findings = run->findings.items, *last = NULL;
	for (size_t i = 0; i < run->findings.count; i++) {
		const struct finding *finding = &findings[i];
		if (finding->check != check)
			continue;
		if (last && !says_same(last, finding)) {
			print_sentences("", last->what);
			if (last->fix[0])
				print_lines("fix:", last->fix);
		}
		printf("    ");
		print_object(finding);
		last = finding;
	}
	if (!last)
		return;
	print_sentences("", last->what);
	if (last->fix[0])
		print_lines("fix:", last->fix);
}

static void print_check(const struct check_run *run, size_t i)
{
	const struct check *check = run->all[i];
	const struct outcome *outcome = &run->outcomes[i];
	if (outcome->found == 0)
		return;
	printf("  %s%s%s %s: %s (%zu)\n", colour(severity_colour(check->severity)),
	       severity_name(check->severity), colour(COLOUR_OFF), check->id, check->title,
	       outcome->found);
	print_findings_of(run, check);
	print_sentences("why:", check->why);
}

static size_t found_in(const struct check_run *run, const struct check_group *group, size_t first)
{
	size_t found = 0;
	for (size_t i = 0; group->checks[i]; i++)
		found += run->outcomes[first + i].found;
	return found;
}

static void print_groups(const struct check_run *run)
{
	size_t first = 0;
	for (const struct check_group *const *group = check_groups; *group; group++) {
		size_t count = 0;
		bool any = found_in(run, *group, first) > 0;
		if (any)
			printf("%s\n", (*group)->name);
		for (; (*group)->checks[count]; count++)
			print_check(run, first + count);
		if (any)
			putchar('\n');
		first += count;
	}
}

static bool needs(const struct outcome *outcome, const char *need)
{
	for (size_t i = 0; i < outcome->need_count; i++)
		if (strcmp(outcome->needs[i], need) == 0)
			return true;
	return false;
}

/* Whether a check before this one has said that it needs the same. */
static bool is_repeated(const struct check_run *run, size_t check, const char *need)
{
	for (size_t i = 0; i < check; i++)
		if (!run->outcomes[i].skipped && needs(&run->outcomes[i], need))
			return true;
	return false;
}

/* "  a, b, c", lines of LINE_WIDTH. */
static void print_who_needs(const struct check_run *run, const char *need)
{
	size_t column = 0;
	for (size_t i = 0; i < run->check_count; i++) {
		const struct outcome *outcome = &run->outcomes[i];
		const char *partly = outcome->judged || outcome->found ? "*" : "";
		size_t length = strlen(run->all[i]->id) + strlen(partly) + 2;
		if (outcome->skipped || !needs(outcome, need))
			continue;
		bool breaks = column + length > LINE_WIDTH;
		printf("%s%s%s",
		       column == 0 ? "      "
		       : breaks    ? ",\n      "
		                   : ", ",
		       run->all[i]->id, partly);
		column = (breaks ? 0 : column) + length;
	}
	putchar('\n');
}

/* By what is needed: many checks need the same, and one command makes them judge. */
static void print_needs(const struct check_report *report)
{
	const struct check_run *run = report->run;
	if (report->summary.not_judged == 0)
		return;
	printf("Not judged, or (*) not of all, for want of\n");
	for (size_t i = 0; i < run->check_count; i++) {
		const struct outcome *outcome = &run->outcomes[i];
		for (size_t k = 0; k < outcome->need_count && !outcome->skipped; k++) {
			if (is_repeated(run, i, outcome->needs[k]))
				continue;
			printf("  %s\n", outcome->needs[k]);
			print_who_needs(run, outcome->needs[k]);
		}
	}
	putchar('\n');
}

static void print_unread(const struct check_report *report)
{
	if (report->unread_count > 0)
		printf("Not read\n");
	for (size_t i = 0; i < report->unread_count; i++)
		printf("  %s%s%s\n", colour(COLOUR_BAD), report->unread[i].why, colour(COLOUR_OFF));
	if (report->unread_count > 0)
		putchar('\n');
}

static void print_count(size_t count, const char *one, const char *many)
{
	printf("%zu %s", count, count == 1 ? one : many);
}

void check_print_text(const struct check_report *report)
{
	const struct check_summary *summary = &report->summary;
	print_groups(report->run);
	print_needs(report);
	print_unread(report);
	print_count(summary->errors, "error, ", "errors, ");
	print_count(summary->warnings, "warning, ", "warnings, ");
	printf("%zu for information; checks: %zu clean, %zu without anything to judge, "
	       "%zu not judged\n",
	       summary->infos, summary->clean, summary->idle, summary->not_judged);
}

void check_list_text(void)
{
	for (const struct check_group *const *group = check_groups; *group; group++) {
		printf("%s\n", (*group)->name);
		for (const struct check *const *check = (*group)->checks; *check; check++) {
			printf("  %s (%s): %s\n", (*check)->id, severity_name((*check)->severity),
			       (*check)->title);
			printf("      %s\n      %s\n", (*check)->why, (*check)->source);
		}
	}
}
