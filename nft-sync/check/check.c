/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/check/check.h"
#include "nft-sync/check/facts_withheld.h"
#include "nft-sync/check/shown_text.h"

#define TEXTS_MEMORY_MAX (128U << 20)
#define TEXT_MAX 2048 /* of one sentence, or one fix */

const char *severity_name(enum severity severity)
{
	static const char *const names[] = {"info", "warning", "error"};
	return names[severity];
}

static size_t count_checks(void)
{
	size_t count = 0;
	for (const struct check_group *const *group = check_groups; *group; group++)
		for (const struct check *const *check = (*group)->checks; *check; check++)
			count++;
	return count;
}

int check_run_open(struct check_run *run, const struct facts *facts)
{
	size_t i = 0;
	*run = (struct check_run){.facts = facts, .findings.item_size = sizeof(struct finding)};
	run->check_count = count_checks();
	run->arena = arena_new(TEXTS_MEMORY_MAX);
	if (run->arena) {
		run->all = arena_array(run->arena, run->check_count, sizeof(*run->all));
		run->outcomes = arena_array(run->arena, run->check_count, sizeof(*run->outcomes));
	}
	if (!run->all || !run->outcomes) {
		check_run_close(run);
		return -ENOMEM;
	}
	for (const struct check_group *const *group = check_groups; *group; group++)
		for (const struct check *const *check = (*group)->checks; *check; check++)
			run->all[i++] = *check;
	return 0;
}

void check_run_close(struct check_run *run)
{
	vector_done(&run->findings);
	arena_free(run->arena);
	*run = (struct check_run){0};
}

static struct outcome *outcome_of(const struct check_run *run, const struct check *check)
{
	size_t i = 0;
	while (run->all[i] != check)
		i++;
	return &run->outcomes[i];
}

void check_skip(struct check_run *run, const struct check *check)
{
	outcome_of(run, check)->skipped = true;
}

void check_judged(struct check_run *run, const struct check *check)
{
	outcome_of(run, check)->judged++;
}

/* lines: it may have several. */
static const char *keep_text(struct check_run *run, bool lines, const char *format,
                             va_list arguments)
{
	char text[TEXT_MAX];
	const char *kept;
	(void)vsnprintf(text, sizeof(text), format, arguments);
	kept = shown_text(run->arena, text, lines);
	if (!kept)
		run->failed = true;
	return kept ? kept : "";
}

/* Links and files of this machine have names that no API server has checked. */
static const char *show(struct check_run *run, const char *text)
{
	const char *shown = text ? shown_text(run->arena, text, false) : NULL;
	if (text && !shown)
		run->failed = true;
	return text && !shown ? "" : shown;
}

struct finding *check_found(struct check_run *run, const struct check *check, const char *kind,
                            const struct fact *object, const char *what, ...)
{
	struct outcome *outcome = outcome_of(run, check);
	struct finding *finding = NULL;
	va_list arguments;
	if (outcome->skipped)
		return NULL;
	outcome->found++;
	if (run->findings.count < FINDINGS_MAX)
		finding = vector_push(&run->findings);
	if (!finding) {
		run->failed |= run->findings.count < FINDINGS_MAX;
		return NULL;
	}
	*finding = (struct finding){.check = check, .kind = kind, .object = *object, .fix = ""};
	finding->object.name = show(run, object->name);
	finding->object.file = show(run, object->file);
	va_start(arguments, what);
	finding->what = keep_text(run, false, what, arguments);
	va_end(arguments);
	return finding;
}

void finding_fix(struct check_run *run, struct finding *finding, const char *fix, ...)
{
	va_list arguments;
	if (!finding)
		return;
	va_start(arguments, fix);
	finding->fix = keep_text(run, true, fix, arguments);
	va_end(arguments);
}

static void add_need(struct outcome *outcome, const char *what)
{
	for (size_t i = 0; i < outcome->need_count; i++)
		if (strcmp(outcome->needs[i], what) == 0)
			return;
	if (outcome->need_count < NEEDS_MAX)
		outcome->needs[outcome->need_count++] = what;
}

/* A command that would be refused just as well helps nobody. */
void check_needs(struct check_run *run, const struct check *check, const char *what)
{
	const struct withheld *withheld = run->facts->withheld.items;
	struct outcome *outcome = outcome_of(run, check);
	bool refused = false;
	for (size_t i = 0; i < run->facts->withheld.count; i++) {
		if (!is_withheld_by(&withheld[i], what))
			continue;
		add_need(outcome, withheld[i].needs);
		refused = true;
	}
	if (!refused)
		add_need(outcome, what);
}

void group_needs(struct check_run *run, const struct check_group *group, const char *what)
{
	for (const struct check *const *check = group->checks; *check; check++)
		check_needs(run, *check, what);
}
