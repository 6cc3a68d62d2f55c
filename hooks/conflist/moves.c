/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/file_replace.h"
#include "hooks/conflist/moves.h"

#define FILE_MAX (64U << 10) /* bytes */

/* A line of the file: when, in seconds since boot, and in which file. */
struct move {
	int64_t when;
	const char *name;
	size_t length;
};

static int64_t now(void)
{
	struct timespec time = {0};
	(void)clock_gettime(CLOCK_BOOTTIME, &time);
	return time.tv_sec;
}

/* Cuts the next line off. Lines that nobody wrote here are passed over. */
static bool next_move(const char **text, struct move *ret)
{
	while (**text != '\0') {
		const char *line = *text;
		size_t length = strcspn(line, "\n");
		char *end;
		*text = line + length + (line[length] == '\n');
		errno = 0;
		ret->when = strtoll(line, &end, 10);
		if (errno == 0 && end > line && end < line + length && *end == ' ') {
			ret->name = end + 1;
			ret->length = (size_t)(line + length - ret->name);
			return true;
		}
	}
	return false;
}

/* Copies what still counts; returns how many of it are of that name. */
static unsigned copy_recent(const char *text, const char *name, struct buffer *ret)
{
	unsigned count = 0;
	int64_t present = now();
	struct move move;
	while (next_move(&text, &move)) {
		if (move.when > present || present - move.when >= CONFLIST_MOVES_PERIOD)
			continue;
		buffer_add_format(ret, "%jd ", (intmax_t)move.when);
		buffer_add(ret, move.name, move.length);
		buffer_add_text(ret, "\n");
		count += move.length == strlen(name) && memcmp(move.name, name, move.length) == 0;
	}
	return count;
}

/* /run/podsg, which another part may not have made yet. */
static void make_directory(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	if (slash && slash > path &&
	    snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path) <
	            (int)sizeof(directory))
		(void)mkdir(directory, 0755);
}

static int read_moves(const char *path, char **ret, struct error *err)
{
	size_t length;
	struct error failure = {0};
	int r = file_read(path, FILE_MAX, ret, &length, &failure);
	if (r == 0 || r == -ENOENT)
		return 0;
	return error_set(err, r, "%s", failure.text);
}

bool conflist_moves_take(const char *path, const char *name, struct error *err)
{
	struct buffer text = {.max = FILE_MAX};
	char *old = NULL;
	bool may = false;
	if (strchr(name, '\n'))
		return error_set(err, -EINVAL, "a name of two lines") == 0;
	make_directory(path);
	if (read_moves(path, &old, err) < 0)
		goto free;
	may = copy_recent(old ? old : "", name, &text) < CONFLIST_MOVES_MAX;
	if (!may)
		goto free;
	buffer_add_format(&text, "%jd %s\n", (intmax_t)now(), name);
	if (text.failed)
		may = error_set(err, -ENOMEM, "%s: too much to remember", path) == 0;
	else
		may = file_replace(path, text.text, text.length, 0600, NULL, err) == 0;
free:
	buffer_done(&text);
	free(old);
	return may;
}
