/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nft-sync/answer/health.h"

#define LINES_MAX 64 /* of /healthz */

struct check {
	enum health_grade asked; /* the others are passed over */
	bool found;
	void (*say)(void *context, enum health_grade grade, const char *sentence);
	void *context;
};

static void __attribute__((format(printf, 3, 4)))
find(struct check *check, enum health_grade grade, const char *format, ...)
{
	char sentence[HEALTH_SENTENCE_MAX];
	va_list arguments;
	if (grade != check->asked)
		return;
	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	check->found = true;
	if (check->say)
		check->say(check->context, grade, sentence);
}

static void check_kernel(struct check *check, const struct sync *sync)
{
	const struct sync_history *history = &sync->history;
	if (history->error.code)
		find(check, HEALTH_FAILURE, "not in force: %s", history->error.text);
	else if (!sync->image)
		find(check, HEALTH_FAILURE,
		     "nothing has been committed yet; strict pods closed at boot stay so "
		     "(podsg-nft-sync --clean-up opens them)");
}

static void check_live(void *context, const struct source_status *status)
{
	struct check *check = context;
	const char *because = status->error[0] ? ": " : "";
	if (!status->synced && !status->absent)
		find(check, HEALTH_FAILURE, "%s: %s: not read yet%s%s", status->source,
		     status->what, because, status->error);
	else if (!status->current && !status->absent)
		find(check, HEALTH_WARNING, "%s: %s: as of %" PRId64 " seconds ago%s%s",
		     status->source, status->what, (int64_t)time(NULL) - status->fresh, because,
		     status->error);
}

static void check_files(struct check *check, const struct source_files *files)
{
	size_t count = 0;
	const struct source_file *list = files ? source_files_list(files, &count) : NULL;
	if (files && source_files_problem(files)[0])
		find(check, HEALTH_WARNING, "%s", source_files_problem(files));
	for (size_t i = 0; i < count; i++)
		if (list[i].state != SOURCE_FILE_GOOD)
			find(check, HEALTH_WARNING, "%s: %s: %s", list[i].name,
			     source_file_state_name(list[i].state), list[i].error);
}

static void check_hooks(struct check *check, const struct sync *sync)
{
	const struct journal_summary journal = source_journal_summary(sync->journal);
	const struct clean_up_history *clean_ups = &sync->history.clean_ups;
	if (journal.problem[0])
		find(check, HEALTH_WARNING, "%s", journal.problem);
	if (clean_ups->error.code)
		find(check, HEALTH_WARNING, "%zu sandboxes that are gone are not cleaned up: %s",
		     clean_ups->open, clean_ups->error.text);
	for (size_t i = 0; sync->resolution && i < sync->resolution->unfiltered_count; i++)
		find(check, HEALTH_WARNING, "pod %s/%s runs unfiltered",
		     sync->resolution->unfiltered[i].namespace,
		     sync->resolution->unfiltered[i].pod);
}

static void check_all(struct check *check, const struct sync *sync)
{
	check_kernel(check, sync);
	live_sources_each(sync->live, check_live, check);
	check_files(check, sync->files);
	check_hooks(check, sync);
	if (sync->history.config_error.code)
		find(check, HEALTH_WARNING, "the configuration in force is an earlier one: %s",
		     sync->history.config_error.text);
	if (sync->history.branches_error.code)
		find(check, HEALTH_WARNING, "%s", sync->history.branches_error.text);
}

bool health_each(const struct sync *sync,
                 void (*say)(void *context, enum health_grade grade, const char *sentence),
                 void *context)
{
	struct check check = {.asked = HEALTH_FAILURE, .say = say, .context = context};
	check_all(&check, sync);
	bool healthy = !check.found;
	check.asked = HEALTH_WARNING;
	check_all(&check, sync);
	return healthy;
}

struct lines {
	FILE *file;
	unsigned count;
};

static void say_line(void *context, enum health_grade grade, const char *sentence)
{
	struct lines *lines = context;
	if (++lines->count <= LINES_MAX)
		fprintf(lines->file, "%s: %s\n", grade == HEALTH_FAILURE ? "failed" : "warning",
		        sentence);
}

char *health_text(const struct sync *sync, bool *healthy)
{
	char *text = NULL;
	size_t size = 0;
	struct lines lines = {.file = open_memstream(&text, &size)};
	if (!lines.file)
		return NULL;
	*healthy = health_each(sync, NULL, NULL);
	if (*healthy)
		fputs("ok\n", lines.file);
	(void)health_each(sync, say_line, &lines);
	if (lines.count > LINES_MAX)
		fprintf(lines.file, "warning: and %u more\n", lines.count - LINES_MAX);
	if (fclose(lines.file) == 0)
		return text;
	free(text);
	return NULL;
}

static void keep_first(void *context, enum health_grade grade, const char *sentence)
{
	char *first = context;
	(void)grade;
	if (!first[0])
		snprintf(first, HEALTH_SENTENCE_MAX, "%s; ", sentence);
}

const char *health_line(const struct sync *sync, char *line, size_t size)
{
	const struct resolution *resolution = sync->resolution;
	const struct sync_history *history = &sync->history;
	char first[HEALTH_SENTENCE_MAX] = "";
	char last[64] = "";
	size_t states[BRANCH_CLAIMED + 1] = {0};
	for (size_t i = 0; resolution && i < resolution->branch_count; i++)
		states[resolution->branches[i].state]++;
	if (history->commits > 0)
		snprintf(last, sizeof(last), ", the last took %.1f ms",
		         history->commit_milliseconds);
	(void)health_each(sync, keep_first, first);
	snprintf(line, size,
	         "%.300s%zu interfaces open, %zu closed, %zu claimed; %" PRIu64 " commits%s", first,
	         states[BRANCH_OPEN], states[BRANCH_CLOSED], states[BRANCH_CLAIMED],
	         history->commits, last);
	return line;
}
