/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/node/memory_limit.h"

/* Version 1 says "none" by the greatest number of whole pages, version 2 by "max". */
#define UNLIMITED ((uint64_t)1 << 62)

struct place {
	const char *directory; /* below the mount */
	const char *file;      /* NULL: none is known */
	char group[PATH_MAX];  /* "" = the topmost */
};

static bool lists(char *controllers, const char *name)
{
	const char *one;
	while ((one = strsep(&controllers, ",")) != NULL)
		if (strcmp(one, name) == 0)
			return true;
	return false;
}

/* "4:memory:/a" is of version 1; "0::/a" of version 2, and beside the other where that one has the
 * controller. */
static void read_line(char *line, struct place *place)
{
	const char *number = strsep(&line, ":");
	char *controllers = strsep(&line, ":");
	if (!line || line[0] != '/' || strlen(line) >= sizeof(place->group))
		return;
	line[strcspn(line, "\n")] = '\0';
	if (lists(controllers, "memory")) {
		place->directory = "/memory";
		place->file = "memory.limit_in_bytes";
	} else if (!place->file && strcmp(number, "0") == 0) {
		place->directory = "";
		place->file = "memory.max";
	} else {
		return;
	}
	snprintf(place->group, sizeof(place->group), "%s", line[1] ? line : "");
}

static bool find_place(const char *groups, struct place *ret)
{
	char line[PATH_MAX + 64];
	FILE *file = fopen(groups, "re");
	if (!file)
		return false;
	ret->file = NULL;
	while (fgets(line, sizeof(line), file))
		read_line(line, ret);
	(void)fclose(file);
	return ret->file;
}

static uint64_t read_limit(const char *path)
{
	char text[32] = "";
	char *end;
	FILE *file = fopen(path, "re");
	if (!file)
		return UNLIMITED;
	(void)!fgets(text, sizeof(text), file);
	(void)fclose(file);
	errno = 0;
	uint64_t bytes = strtoull(text, &end, 10);
	return end == text || errno ? UNLIMITED : bytes;
}

/* A container without a namespace of control groups is told of groups that it does not see: what it
 * takes for the topmost is its own. */
bool memory_limit_find(const char *groups, const char *mount, struct memory_limit *ret)
{
	struct place place;
	char path[2 * PATH_MAX];
	if (!find_place(groups, &place))
		return false;
	ret->bytes = UNLIMITED;
	for (;;) {
		snprintf(path, sizeof(path), "%s%s%s/%s", mount, place.directory, place.group,
		         place.file);
		uint64_t bytes = read_limit(path);
		if (bytes < ret->bytes) {
			ret->bytes = bytes;
			snprintf(ret->group, sizeof(ret->group), "%s",
			         place.group[0] ? place.group : "/");
		}
		char *last = strrchr(place.group, '/');
		if (!last)
			return ret->bytes < UNLIMITED;
		*last = '\0';
	}
}
