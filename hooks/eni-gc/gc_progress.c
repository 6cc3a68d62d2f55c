/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hooks/eni-gc/gc_progress.h"

#define WIDTH 30
#define PACE 100 /* milliseconds between two drawings */

static int64_t now(void)
{
	struct timespec time = {0};
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

bool gc_terminal(int fd)
{
	const char *term = getenv("TERM"); /* NOLINT(concurrency-mt-unsafe) */
	return isatty(fd) && term && strcmp(term, "dumb") != 0;
}

bool gc_coloured(int fd)
{
	const char *no_color = getenv("NO_COLOR"); /* NOLINT(concurrency-mt-unsafe) */
	return gc_terminal(fd) && !(no_color && no_color[0]);
}

void gc_progress_open(struct gc_progress *progress)
{
	*progress = (struct gc_progress){.terminal = gc_terminal(STDERR_FILENO)};
}

static void draw(const struct gc_progress *progress, uint64_t done, uint64_t total, int64_t time)
{
	static const char full[] = "##############################";
	static const char empty[] = "..............................";
	_Static_assert(sizeof(full) == WIDTH + 1 && sizeof(empty) == WIDTH + 1, "widths");
	if (total == 0) {
		fprintf(stderr, "\r\033[K%s ...", progress->what);
		return;
	}
	if (done > total)
		done = total;
	int filled = (int)(done * WIDTH / total);
	fprintf(stderr, "\r\033[K%s [%.*s%.*s] %" PRIu64 "/%" PRIu64, progress->what, filled, full,
	        WIDTH - filled, empty, done, total);
	if (done > 0 && done < total) {
		uint64_t spent = (uint64_t)(time - progress->began);
		fprintf(stderr, ", %" PRIu64 " s left", spent * (total - done) / done / 1000 + 1);
	}
}

void gc_progress_show(struct gc_progress *progress, const char *what, uint64_t done, uint64_t total)
{
	int64_t time = now();
	if (!progress->terminal)
		return;
	if (!progress->what || strcmp(progress->what, what) != 0)
		progress->began = time;
	else if (progress->drawn && time - progress->changed < PACE && done < total)
		return;
	progress->what = what;
	progress->changed = time;
	progress->drawn = true;
	draw(progress, done, total, time);
	fflush(stderr);
}

void gc_progress_clear(struct gc_progress *progress)
{
	if (progress->drawn)
		fputs("\r\033[K", stderr);
	progress->drawn = false;
}
