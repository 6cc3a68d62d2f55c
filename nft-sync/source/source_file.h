/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SOURCE_FILE_H
#define PODSG_SOURCE_FILE_H

/* One file of the file source, from its text to the model. Part of source_files.c. */

#include "common/file_identity.h"
#include "nft-sync/model/model.h"
#include "nft-sync/source/source_files.h"

/* The kind of file, as all of one source are. */
struct file_reader {
	const struct source_files_kind *kind;
	const void *context;
};

struct tracked_file {
	const struct file_reader *reader; /* the source's */
	char *name;
	char *path;
	const char *state_directory; /* the source's */
	struct file_identity identity;
	enum source_file_state state;
	bool in_force; /* the model has a version of it */
	char error[512];
	char copy_error[512];
	int64_t loaded;
	size_t objects;
	size_t warnings;
	bool news;
	bool copy_due; /* what is in force has no copy yet */
	bool listed;   /* seen in the directory */
	bool touched;  /* an event named it */
};

struct tracked_file *tracked_file_new(const struct file_reader *reader, const char *directory,
                                      const char *state_directory, const char *name);
void tracked_file_free(struct tracked_file *file); /* accepts NULL */

/* Into the model if it is good. 0, also if it is broken; -ENOENT if it is gone. */
int tracked_file_load(struct tracked_file *file, struct model *model, bool *changed);

/* The same where it is not the version known. patient: a file that was written to just now may be
 * half a file; leave it for the next look. */
int tracked_file_look(struct tracked_file *file, struct model *model, bool patient, bool *changed);

/* Copies the version in force, if it has no copy and is still the one in the directory. */
void tracked_file_keep_copy(struct tracked_file *file);

/* Its directory is away, why says so: what is in force stays, or the copy comes in. */
void tracked_file_miss(struct tracked_file *file, struct model *model, const char *why,
                       bool *changed);

/* Out of the model, and its copy goes, too. -ENOMEM: it is still there. */
int tracked_file_remove(struct tracked_file *file, struct model *model, bool *changed);

void tracked_file_show(const struct tracked_file *file, struct source_file *ret);

#endif
