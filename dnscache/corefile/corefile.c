/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "dnscache/corefile/corefile_reader.h"

#define FILE_SIZE_MAX (1U << 20)
#define MEMORY_MAX (64U << 20)

static struct corefile *new_corefile(void)
{
	struct arena *arena = arena_new(MEMORY_MAX);
	struct corefile *corefile = arena ? arena_alloc(arena, sizeof(*corefile)) : NULL;

	if (!corefile) {
		arena_free(arena);
		return NULL;
	}
	corefile->arena = arena;
	return corefile;
}

static void read_all(struct corefile_reader *reader, const char *name, const char *text,
                     size_t length)
{
	struct vector tokens = {.item_size = sizeof(struct corefile_token)};
	struct corefile *corefile = reader->corefile;
	const struct corefile_token *list;
	size_t own;

	corefile_expand(reader, name, text, length, &tokens);
	own = tokens.count;
	if (reader->failed == 0)
		corefile_add_stub_domains(reader, &tokens);
	list = tokens.items;
	corefile_read_blocks(reader, list, own);
	/* A block without braces ends with its own text. */
	if (tokens.count > own)
		corefile_read_blocks(reader, list + own, tokens.count - own);
	if (reader->failed == 0)
		corefile_check_overlaps(reader);
	if (reader->failed == 0 && corefile->block_count == 0)
		reader->failed = error_set(reader->err, -EINVAL, "%s: no server block", name);
	if (reader->failed == 0)
		corefile_seal(reader, tokens.items, tokens.count);
	vector_done(&tokens);
}

static void move_lists(struct corefile_reader *reader)
{
	struct corefile *corefile = reader->corefile;

	if (vector_move(&reader->paths, reader->arena, &corefile->paths, &corefile->path_count) <
	            0 ||
	    vector_move(&reader->warnings, reader->arena, &corefile->warnings,
	                &corefile->warning_count) < 0)
		corefile_no_memory(reader);
	vector_done(&reader->paths);
	vector_done(&reader->warnings);
}

/* A ConfigMap's directory changes when it does; its files are behind symbolic links. */
static void add_paths(struct corefile_reader *reader, const char *path)
{
	static const char *const files[] = {"", "/stubDomains", "/upstreamNameservers"};
	const char *directory = reader->values->directory;
	char whole[PATH_MAX];

	if (path)
		corefile_add_path(reader, path);
	for (size_t i = 0; directory && i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(whole, sizeof(whole), "%s%s", directory, files[i]);
		corefile_add_path(reader, whole);
	}
}

/* path NULL: the text is no file's. */
static int parse(const char *name, const char *path, const char *base, const char *text,
                 size_t length, const struct corefile_values *values, struct corefile **ret,
                 struct error *err)
{
	struct corefile_reader reader = {.corefile = new_corefile(),
	                                 .values = values,
	                                 .base = base,
	                                 .paths = {.item_size = sizeof(const char *)},
	                                 .warnings = {.item_size = sizeof(const char *)},
	                                 .err = err};

	if (!reader.corefile)
		return error_set(err, -ENOMEM, "%s: out of memory", name);
	reader.arena = reader.corefile->arena;
	add_paths(&reader, path);
	name = arena_strdup(reader.arena, name);
	if (name)
		read_all(&reader, name, text, length);
	else
		corefile_no_memory(&reader);
	move_lists(&reader);
	if (reader.failed < 0) {
		corefile_free(reader.corefile);
		return reader.failed;
	}
	*ret = reader.corefile;
	return 0;
}

int corefile_parse(const char *name, const char *base, const char *text, size_t length,
                   const struct corefile_values *values, struct corefile **ret, struct error *err)
{
	return parse(name, NULL, base, text, length, values, ret, err);
}

int corefile_load(const char *path, const struct corefile_values *values, struct corefile **ret,
                  struct error *err)
{
	char directory[PATH_MAX];
	char *text;
	size_t length;
	int r;

	if (strlen(path) >= sizeof(directory))
		return error_set(err, -ENAMETOOLONG, "%s: the path is too long", path);
	r = file_read(path, FILE_SIZE_MAX, &text, &length, err);
	if (r < 0)
		return r;
	memcpy(directory, path, strlen(path) + 1);
	r = parse(path, path, dirname(directory), text, length, values, ret, err);
	free(text);
	return r;
}

void corefile_free(struct corefile *corefile)
{
	if (corefile)
		arena_free(corefile->arena);
}
