/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hooks/conflist/names.h"
#include "hooks/conflist/swap.h"

static bool has_end(const char *name, const char *end)
{
	const char *dot = strrchr(name, '.');
	return dot && strcmp(dot, end) == 0;
}

bool conflist_name_is_list(const char *name)
{
	return has_end(name, ".conflist");
}

/* A dotfile counts as any other: libcni looks at nothing but the end. */
bool conflist_name_is_configuration(const char *name)
{
	return conflist_name_is_list(name) || has_end(name, ".conf") || has_end(name, ".json");
}

static int compare(const void *a, const void *b)
{
	const struct conflist_name *one = a;
	const struct conflist_name *other = b;
	return strcmp(one->text, other->text);
}

static int read_stream(DIR *stream, size_t max, struct vector *names)
{
	const struct dirent *item;
	time_t now = time(NULL);
	/* cppcheck-suppress readdirCalled ; the stream is nobody else's */
	while ((item = readdir(stream))) { /* NOLINT(concurrency-mt-unsafe) */
		conflist_swap_sweep(dirfd(stream), item->d_name, now);
		if (item->d_type == DT_DIR || !conflist_name_is_configuration(item->d_name))
			continue;
		struct conflist_name *name = names->count < max ? vector_push(names) : NULL;
		if (!name)
			return names->count < max ? -ENOMEM : -E2BIG;
		(void)snprintf(name->text, sizeof(name->text), "%s", item->d_name);
	}
	return 0;
}

int conflist_names_read(const char *directory, size_t max, struct vector *names, struct error *err)
{
	DIR *stream = opendir(directory);
	if (!stream && errno == ENOENT)
		return 0;
	if (!stream)
		return error_set(err, -errno, "cannot be read: %s", strerror(errno));
	int r = read_stream(stream, max, names);
	(void)closedir(stream);
	if (r == -E2BIG)
		return error_set(err, r, "more than %zu configurations", max);
	if (r < 0)
		return error_set(err, r, "%s", strerror(-r));
	if (names->count > 0)
		qsort(names->items, names->count, sizeof(struct conflist_name), compare);
	return 0;
}
