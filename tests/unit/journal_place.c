/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/journal.h"
#include "tests/unit/journal_place.h"

static char base[64];
char journal_place[128];

int journal_place_open(void **state)
{
	(void)state;
	(void)snprintf(base, sizeof(base), "/tmp/podsg-journal-XXXXXX");
	if (!mkdtemp(base))
		return -1;
	(void)snprintf(journal_place, sizeof(journal_place), "%s/lib/podsg/journal", base);
	return 0;
}

int journal_place_close(void **state)
{
	char command[256];
	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", base);
	return system(command); /* NOLINT(cert-env33-c): the name is our own */
}

const char *journal_place_path(const char *name)
{
	static char path[PATH_MAX];
	(void)snprintf(path, sizeof(path), "%s/%s", journal_place, name);
	return path;
}

void journal_place_make(void)
{
	char command[256];
	(void)snprintf(command, sizeof(command), "mkdir -p '%s'", journal_place);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): the name is our own */
}

void journal_place_write(const char *name, const char *text)
{
	FILE *file = fopen(journal_place_path(name), "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

size_t journal_place_files(void)
{
	DIR *stream = opendir(journal_place);
	size_t count = 0;
	assert_non_null(stream);
	/* cppcheck-suppress readdirCalled ; the stream is nobody else's */
	while (readdir(stream))
		count++;
	closedir(stream);
	return count - 2;
}

void assert_same_attachment(const struct attachment *a, const struct attachment *b)
{
	char *texts[2] = {NULL};
	assert_int_equal(attachment_text(a, &texts[0], NULL), 0);
	assert_int_equal(attachment_text(b, &texts[1], NULL), 0);
	assert_string_equal(texts[0], texts[1]);
	free(texts[0]);
	free(texts[1]);
}

void journal_place_age(const char *name, time_t seconds)
{
	const struct timespec times[2] = {{.tv_sec = time(NULL) - seconds},
	                                  {.tv_sec = time(NULL) - seconds}};
	assert_int_equal(utimensat(AT_FDCWD, journal_place_path(name), times, 0), 0);
}

void pause_for(uint32_t microseconds)
{
	const struct timespec pause = {.tv_nsec = (long)microseconds * 1000};
	(void)nanosleep(&pause, NULL);
}
