/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SOURCE_JOURNAL_H
#define PODSG_SOURCE_JOURNAL_H

/*
 * The journal of podsg-cni as a source: every good file is a document that holds one attachment.
 * A broken one is reported, and its last good version stands. What an older boot has left holds
 * nothing.
 */

#include "common/error.h"
#include "nft-sync/model/model.h"
#include "nft-sync/source/source_files.h"

struct source_journal;

/* The directory need not be there. */
int source_journal_open(const char *directory, struct source_journal **ret, struct error *err);
void source_journal_close(struct source_journal *journal); /* accepts NULL */

/* To be read as a file source is: see source_files_read(). A file that was renamed into place is
 * known to the kernel's queue at once: whoever reads now has it. */
struct source_files *source_journal_files(struct source_journal *journal);

/* What is to be said of all files together. journal may be NULL: there are none. */
struct journal_summary {
	size_t files;
	size_t attachments; /* in force */
	size_t broken;
	int64_t newest;      /* seconds since 1970, 0 = there is none */
	const char *problem; /* of the directory, else of a broken file; "" = nothing is wrong */
};
struct journal_summary source_journal_summary(const struct source_journal *journal);

#endif
