/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "dnscache/corefile/corefile_placeholder.h"
#include "dnscache/corefile/corefile_reader.h"

#define FILE_SIZE_MAX (1U << 20)
#define FILES_MAX 64
#define DEPTH_MAX 16
#define EXPANSIONS_MAX 4096

/* What is being expanded, and what imported it. */
struct frame {
	const struct frame *parent;
	const char *name; /* path of a file, or a snippet's name */
	const char *base; /* directory that imports are relative to; NULL: none */
	const struct corefile_token *list;
	size_t count;
	unsigned depth;
};

struct snippet {
	struct snippet *next;
	const char *name;
	const char *base;
	const struct corefile_token *list;
	size_t count;
};

struct source {
	struct corefile_reader *reader;
	struct vector *tokens;
	struct snippet *snippets;
	unsigned braces; /* open ones */
	unsigned files;
	unsigned expansions;
};

static void expand(struct source *source, const struct frame *frame);

static void add_token(struct source *source, const struct corefile_token *token)
{
	struct corefile_reader *reader = source->reader;
	struct corefile_token filled = *token;
	struct corefile_token *place;

	filled.text = corefile_fill_environment(reader, token->text);
	if (!filled.text)
		return;
	if (corefile_fill_placeholders(reader, &filled, source->tokens))
		return;
	place = source->tokens->count < COREFILE_TOKENS_MAX ? vector_push(source->tokens) : NULL;
	if (place)
		*place = filled;
	else if (source->tokens->count < COREFILE_TOKENS_MAX)
		corefile_no_memory(reader);
	else
		corefile_refuse_at(reader, token, NULL, "more than %d words", COREFILE_TOKENS_MAX);
}

static void refuse_cycle(struct source *source, const struct corefile_token *token,
                         const struct frame *frame, const char *name)
{
	char chain[320];
	size_t used = (size_t)snprintf(chain, sizeof(chain), "%s", name);

	for (; frame && used < sizeof(chain); frame = frame->parent) {
		used += (size_t)snprintf(chain + used, sizeof(chain) - used, " in %s", frame->name);
		if (strcmp(frame->name, name) == 0)
			break;
	}
	corefile_refuse_at(source->reader, token, NULL, "import goes round in a circle: %s", chain);
}

static bool may_enter(struct source *source, const struct corefile_token *token,
                      const struct frame *parent, const char *name)
{
	unsigned depth = parent->depth;

	for (const struct frame *frame = parent; frame; frame = frame->parent) {
		if (strcmp(frame->name, name) == 0) {
			refuse_cycle(source, token, parent, name);
			return false;
		}
	}
	if (depth >= DEPTH_MAX)
		corefile_refuse_at(source->reader, token, NULL, "imports are nested deeper than %d",
		                   DEPTH_MAX);
	else if (++source->expansions > EXPANSIONS_MAX)
		corefile_refuse_at(source->reader, token, NULL, "more than %d imports",
		                   EXPANSIONS_MAX);
	return source->reader->failed == 0;
}

static const struct snippet *find_snippet(const struct source *source, const char *name)
{
	for (const struct snippet *snippet = source->snippets; snippet; snippet = snippet->next) {
		if (strcmp(snippet->name, name) == 0)
			return snippet;
	}
	return NULL;
}

/* "(name) {" where a server block could begin. */
static bool opens_snippet(const struct source *source, const struct frame *frame, size_t at)
{
	const struct corefile_token *token = &frame->list[at];
	size_t length = strlen(token->text);

	return source->braces == 0 && token->first && !token->quoted && length > 2 &&
	       token->text[0] == '(' && token->text[length - 1] == ')' && at + 1 < frame->count &&
	       !frame->list[at + 1].first && corefile_token_is(&frame->list[at + 1], "{");
}

/* Returns where the text goes on behind the snippet. */
static size_t define_snippet(struct source *source, const struct frame *frame, size_t at)
{
	struct corefile_reader *reader = source->reader;
	const struct corefile_token *token = &frame->list[at];
	const char *name = arena_strndup(reader->arena, token->text + 1, strlen(token->text) - 2);
	struct snippet *snippet = arena_alloc(reader->arena, sizeof(*snippet));
	size_t end = at + 2;

	if (!name || !snippet) {
		corefile_no_memory(reader);
		return frame->count;
	}
	if (find_snippet(source, name))
		corefile_refuse_at(reader, token, token->text, "a snippet of that name is there");
	for (unsigned open = 1; end < frame->count; end++) {
		if (corefile_token_is(&frame->list[end], "{"))
			open++;
		else if (corefile_token_is(&frame->list[end], "}") && --open == 0)
			break;
	}
	if (end == frame->count) {
		corefile_refuse_at(reader, token, token->text, "its { is not closed");
		return end;
	}
	*snippet = (struct snippet){.next = source->snippets,
	                            .name = name,
	                            .base = frame->base,
	                            .list = &frame->list[at + 2],
	                            .count = end - at - 2};
	source->snippets = snippet;
	return end + 1;
}

static void expand_text(struct source *source, const struct frame *parent, const char *name,
                        const char *text, size_t length)
{
	struct corefile_reader *reader = source->reader;
	struct vector tokens = {.item_size = sizeof(struct corefile_token)};
	struct corefile_token *list = NULL;
	struct frame frame = {.parent = parent,
	                      .name = name,
	                      .base = reader->base,
	                      .depth = parent ? parent->depth + 1 : 0};
	int r = corefile_lex(name, text, length, reader->arena, &tokens, reader->err);

	if (r == 0 && vector_move(&tokens, reader->arena, &list, &frame.count) < 0)
		corefile_no_memory(reader);
	vector_done(&tokens);
	if (r < 0 && reader->failed == 0)
		reader->failed = r;
	if (reader->failed < 0)
		return;
	frame.list = list;
	if (parent) {
		char *copy = arena_strdup(reader->arena, name);

		frame.base = copy ? dirname(copy) : NULL;
	}
	expand(source, &frame);
}

static void import_file(struct source *source, const struct frame *frame,
                        const struct corefile_token *token, const char *path)
{
	struct corefile_reader *reader = source->reader;
	const char *name = arena_strdup(reader->arena, path);
	struct error why = {0};
	char *text;
	size_t length;

	if (!name) {
		corefile_no_memory(reader);
		return;
	}
	if (!may_enter(source, token, frame, name))
		return;
	if (++source->files > FILES_MAX) {
		corefile_refuse_at(reader, token, NULL, "more than %d files", FILES_MAX);
		return;
	}
	if (file_read(path, FILE_SIZE_MAX, &text, &length, &why) < 0) {
		corefile_refuse_at(reader, token, NULL, "import: %s", why.text);
		return;
	}
	corefile_add_path(reader, path);
	expand_text(source, frame, name, text, length);
	free(text);
}

/* One * and one ? at most, as in CoreDNS: more can take for ever. */
static bool is_pattern(struct source *source, const struct corefile_token *token, const char *path)
{
	const char *star = strchr(path, '*');
	const char *mark = strchr(path, '?');

	if ((star && strchr(star + 1, '*')) || (mark && strchr(mark + 1, '?')) ||
	    strpbrk(path, "[]"))
		corefile_refuse_at(source->reader, token, path,
		                   "expected a path with at most one * and one ?");
	return star || mark;
}

static void import_pattern(struct source *source, const struct frame *frame,
                           const struct corefile_token *token, const char *path)
{
	char directory[PATH_MAX];
	glob_t found = {0};
	int r = glob(path, GLOB_NOESCAPE, NULL, &found);

	if (r == GLOB_NOMATCH)
		corefile_warn(source->reader, token, "import: no file matches %s", path);
	else if (r != 0)
		corefile_refuse_at(source->reader, token, path, "cannot be searched");
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
		import_file(source, frame, token, found.gl_pathv[i]);
	globfree(&found);
	/* Where a file may come, reload has to look, too. */
	(void)snprintf(directory, sizeof(directory), "%s", path);
	corefile_add_path(source->reader, dirname(directory));
}

static void import_path(struct source *source, const struct frame *frame,
                        const struct corefile_token *token, const char *pattern)
{
	char path[PATH_MAX];
	int length = pattern[0] == '/' ? snprintf(path, sizeof(path), "%s", pattern)
	                               : snprintf(path, sizeof(path), "%s/%s",
	                                          frame->base ? frame->base : "", pattern);

	if (!source->reader->base)
		corefile_refuse_at(source->reader, token, pattern, "no file can be imported here");
	else if (length >= (int)sizeof(path))
		corefile_refuse_at(source->reader, token, pattern, "the path is too long");
	else if (is_pattern(source, token, path) && source->reader->failed == 0)
		import_pattern(source, frame, token, path);
	else if (source->reader->failed == 0)
		import_file(source, frame, token, path);
}

static void import_snippet(struct source *source, const struct frame *parent,
                           const struct corefile_token *token, const struct snippet *snippet)
{
	const struct frame frame = {.parent = parent,
	                            .name = snippet->name,
	                            .base = snippet->base,
	                            .list = snippet->list,
	                            .count = snippet->count,
	                            .depth = parent->depth + 1};

	if (may_enter(source, token, parent, snippet->name))
		expand(source, &frame);
}

/* Returns where the text goes on behind the line. */
static size_t import(struct source *source, const struct frame *frame, size_t at)
{
	const struct corefile_token *token = &frame->list[at];
	const char *what;
	const struct snippet *snippet;

	if (at + 1 >= frame->count || frame->list[at + 1].first ||
	    (at + 2 < frame->count && !frame->list[at + 2].first)) {
		corefile_refuse_at(source->reader, token, NULL,
		                   "import: expected a snippet's name or one path");
		return frame->count;
	}
	what = corefile_fill_environment(source->reader, token[1].text);
	if (!what)
		return frame->count;
	snippet = find_snippet(source, what);
	if (what[0] == '\0')
		corefile_refuse_at(source->reader, token, NULL, "import: the path is empty");
	else if (snippet)
		import_snippet(source, frame, token, snippet);
	else
		import_path(source, frame, token, what);
	return at + 2;
}

/* Goes no deeper than DEPTH_MAX. */
static void expand(struct source *source, const struct frame *frame)
{
	size_t at = 0;

	while (at < frame->count && source->reader->failed == 0) {
		const struct corefile_token *token = &frame->list[at];

		if (token->first && corefile_token_is(token, "import")) {
			at = import(source, frame, at);
		} else if (opens_snippet(source, frame, at)) {
			at = define_snippet(source, frame, at);
		} else {
			if (corefile_token_is(token, "{"))
				source->braces++;
			else if (corefile_token_is(token, "}") && source->braces > 0)
				source->braces--;
			add_token(source, token);
			at++;
		}
	}
}

void corefile_expand(struct corefile_reader *reader, const char *name, const char *text,
                     size_t length, struct vector *tokens)
{
	struct source source = {.reader = reader, .tokens = tokens};

	if (length > FILE_SIZE_MAX) {
		reader->failed = error_set(reader->err, -EFBIG, "%s: more than 1 MiB", name);
		return;
	}
	expand_text(&source, NULL, name, text, length);
}
