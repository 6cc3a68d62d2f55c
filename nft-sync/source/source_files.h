/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SOURCE_FILES_H
#define PODSG_SOURCE_FILES_H

/*
 * The file source: every *.json, *.yaml and *.yml of a directory that is no dotfile is a document
 * of the model, under its path. A broken one is refused whole and its last good version stays in
 * force, over a restart, too: good versions are copied into a state directory.
 */

#include "common/error.h"
#include "nft-sync/model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_FILES_MAX 1024
#define SOURCE_FILES_PERIOD 5 /* seconds: how often to call source_files_read() unasked */

enum source_file_state {
	SOURCE_FILE_GOOD,
	SOURCE_FILE_EARLIER, /* broken or away; an earlier version is in force */
	SOURCE_FILE_COPY,    /* broken or away; the copy of an earlier version is in force */
	SOURCE_FILE_BROKEN,  /* nothing of it is in force */
};

struct source_file {
	const char *name; /* in the directory */
	const char *path; /* the document's name in the model */
	enum source_file_state state;
	const char *error;      /* "" = none */
	const char *copy_error; /* why its copy could not be kept, "" = it could */
	int64_t loaded; /* seconds since 1970: when what is in force was written; 0 = nothing is */
	size_t objects; /* in force */
	size_t warnings;
	bool news; /* state or error changed with the last source_files_read() */
};

/* What the files of a directory are. */
struct source_files_kind {
	size_t files_max;
	size_t size_max; /* bytes of one */
	/* A directory that was never there holds nothing, and nothing is wrong with that. */
	bool optional;
	/* path is the document's name. */
	int (*parse)(const void *context, const char *path, const char *text, size_t length,
	             struct document **ret, struct error *err);
};

struct source_files;

/* state_directory "" = no copies. It is made if it is not there, its parent is not. */
int source_files_open(const char *directory, const char *state_directory, struct source_files **ret,
                      struct error *err);
/* Other files than documents; kind and context, which is parse()'s, outlive the source. */
int source_files_open_kind(const struct source_files_kind *kind, const void *context,
                           const char *directory, const char *state_directory,
                           struct source_files **ret, struct error *err);
void source_files_close(struct source_files *source); /* accepts NULL */
int source_files_fd(const struct source_files *source);

/*
 * Call it once to begin with, when the fd is readable, and every SOURCE_FILES_PERIOD seconds: a
 * directory that comes late together with its parent, and a file that changed in place behind a
 * symbolic link, are found only by looking. Broken documents are no failure, nor is a directory
 * that is not there: what was in force, or the copies of it, stays. *changed: the model is another
 * one.
 */
int source_files_read(struct source_files *source, struct model *model, bool *changed,
                      struct error *err);

/* The same of what the kernel has reported by now; where that is nothing it costs nothing. */
int source_files_read_reported(struct source_files *source, struct model *model, bool *changed,
                               struct error *err);

/*
 * Copies one of the files that were loaded and have no copy yet; true: there are more, call again.
 * Call it when the rules are in force: they don't wait for a disk; and now and then, for copies
 * that failed. news says whether this copy failed now, or no longer does.
 */
bool source_files_keep_copy(struct source_files *source);

const struct source_file *source_files_list(const struct source_files *source, size_t *count);

/* What is wrong with the directory as such; "" = nothing. */
const char *source_files_problem(const struct source_files *source);
const char *source_file_state_name(enum source_file_state state);

#endif
