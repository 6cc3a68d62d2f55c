/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clean_up.h"
#include "common/file.h"

/*
 * common/clean_up.h, driven by lines: "FILE" or "FILE dry", FILE being an attachment as the journal
 * has it. Answered by a line "removed THING", "kept THING\tWHY" or "failed THING\tWHY" for each
 * thing, then "done CODE MICROSECONDS TEXT".
 *
 *     clean_up JOURNAL
 */

static void say(void *context, enum clean_up_outcome outcome, const char *thing, const char *why)
{
	static const char *const names[] = {
		[CLEAN_UP_REMOVED] = "removed",
		[CLEAN_UP_KEPT] = "kept",
		[CLEAN_UP_FAILED] = "failed",
	};
	(void)context;
	printf("%s %s\t%s\n", names[outcome], thing, why);
}

static long microseconds_now(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int read_gone(const char *path, struct attachment *ret, struct error *err)
{
	char *text = NULL;
	size_t length = 0;
	int r = file_read(path, JOURNAL_FILE_MAX, &text, &length, err);
	if (r == 0)
		r = attachment_parse(path, text, length, ret, err);
	free(text);
	return r;
}

static void obey(const char *journal, char *line)
{
	struct clean_up_options options = {.journal = journal, .say = say};
	struct attachment gone;
	struct error err = {0};
	char *dry = strchr(line, ' ');
	line[strcspn(line, " \n")] = '\0';
	options.dry_run = dry && strncmp(dry + 1, "dry", 3) == 0;
	long begun = microseconds_now();
	int r = read_gone(line, &gone, &err);
	if (r == 0)
		r = clean_up(&options, &gone, &err);
	printf("done %d %ld %s\n", r, microseconds_now() - begun, err.text);
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[4096];
	if (argc != 2)
		return 2;
	while (fgets(line, sizeof(line), stdin))
		obey(argv[1], line);
	return 0;
}
