/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/journal.h"
#include "nft-sync/source/source_journal.h"

struct source_journal {
	struct source_files *files;
	char boot[BOOT_ID_SIZE];
};

static int add_attachment(struct document *document, const struct attachment *attachment)
{
	document->attachments = arena_alloc(document->arena, sizeof(*attachment));
	if (!document->attachments)
		return -ENOMEM;
	document->attachments[0] = *attachment;
	document->attachment_count = 1;
	return 0;
}

/* What its file is called is how everybody finds it. */
static bool is_named(const char *path, const struct attachment *attachment)
{
	char name[JOURNAL_SANDBOX_MAX + 64];
	const char *slash = strrchr(path, '/');
	(void)snprintf(name, sizeof(name), "%s:%s.json", attachment->sandbox, attachment->ifname);
	return strcmp(slash ? slash + 1 : path, name) == 0;
}

/* Another boot's interfaces and addresses are gone, and so are its sandboxes. */
static int parse_file(const void *context, const char *path, const char *text, size_t length,
                      struct document **ret, struct error *err)
{
	const struct source_journal *journal = context;
	struct attachment attachment;
	int r = attachment_parse(path, text, length, &attachment, err);
	if (r < 0)
		return r;
	if (!is_named(path, &attachment))
		return error_set(err, -EBADMSG, "%s: is of sandbox %s, interface %s", path,
		                 attachment.sandbox, attachment.ifname);
	struct document *document = document_new(path);
	if (!document)
		return error_set(err, -ENOMEM, "%s: no memory", path);
	if (strcmp(attachment.boot, journal->boot) == 0)
		r = add_attachment(document, &attachment);
	if (r < 0) {
		document_free(document);
		return error_set(err, r, "%s: no memory", path);
	}
	*ret = document;
	return 0;
}

int source_journal_open(const char *directory, struct source_journal **ret, struct error *err)
{
	static const struct source_files_kind kind = {.files_max = JOURNAL_FILES_MAX,
	                                              .size_max = JOURNAL_FILE_MAX,
	                                              .optional = true,
	                                              .parse = parse_file};
	struct source_journal *journal = calloc(1, sizeof(*journal));
	if (!journal)
		return error_set(err, -ENOMEM, "%s: no memory", directory);
	int r = boot_id_read(journal->boot, err);
	if (r == 0)
		r = source_files_open_kind(&kind, journal, directory, "", &journal->files, err);
	if (r < 0) {
		free(journal);
		return r;
	}
	*ret = journal;
	return 0;
}

void source_journal_close(struct source_journal *journal)
{
	if (!journal)
		return;
	source_files_close(journal->files);
	free(journal);
}

struct source_files *source_journal_files(struct source_journal *journal)
{
	return journal->files;
}

struct journal_summary source_journal_summary(const struct source_journal *journal)
{
	struct journal_summary summary = {.problem = ""};
	if (!journal)
		return summary;
	const struct source_file *files = source_files_list(journal->files, &summary.files);
	summary.problem = source_files_problem(journal->files);
	for (size_t i = 0; i < summary.files; i++) {
		summary.attachments += files[i].objects;
		if (files[i].loaded > summary.newest)
			summary.newest = files[i].loaded;
		if (files[i].state == SOURCE_FILE_GOOD)
			continue;
		summary.broken++;
		if (!summary.problem[0])
			summary.problem = files[i].error;
	}
	return summary;
}
