/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "nft-sync/check/check_documents.h"
#include "nft-sync/check/shown_text.h"

int check_documents_note(struct check_documents *documents, const char *what, bool lacking,
                         const struct error *why, struct error *err)
{
	const struct unread unread = {.what = shown_text(documents->arena, what, false),
	                              .why = shown_text(documents->arena, why->text, false),
	                              .lacking = lacking};
	struct unread *place = vector_push(&documents->unread);
	if (!unread.what || !unread.why || !place)
		return error_set(err, -ENOMEM, "no memory");
	*place = unread;
	return 0;
}

/* The model first: it warns of what nobody knows, and what it refuses is no fact. */
int check_documents_try(struct check_documents *documents, const char *name,
                        enum document_format format, const char *text, size_t length,
                        struct error *refused)
{
	struct document *document;
	int r = document_parse(name, format, text, length, &document, refused);
	if (r == 0)
		r = model_put(documents->facts->model, document, refused);
	if (r < 0)
		return r;
	r = facts_put(documents->facts, name, format, text, length, refused);
	if (r < 0)
		(void)model_remove(documents->facts->model, name, NULL);
	return r;
}

int check_documents_put(struct check_documents *documents, const char *name,
                        enum document_format format, const char *text, size_t length,
                        struct error *err)
{
	struct error refused = {0};
	int r = check_documents_try(documents, name, format, text, length, &refused);
	return r < 0 ? check_documents_note(documents, name, false, &refused, err) : 0;
}

static int read_file(struct check_documents *documents, const char *path, struct error *err)
{
	enum document_format format;
	struct error refused = {0};
	char *text = NULL;
	size_t length;
	int r = document_format_of(path, &format);
	if (r < 0)
		return error_set(err, r, "%s: expected a name ending in .json, .yaml or .yml",
		                 path);
	if (file_read(path, DOCUMENT_SIZE_MAX, &text, &length, &refused) < 0)
		return check_documents_note(documents, path, false, &refused, err);
	r = check_documents_put(documents, path, format, text, length, err);
	free(text);
	return r;
}

static int is_document(const struct dirent *entry)
{
	enum document_format ignored;
	return entry->d_name[0] != '.' && document_format_of(entry->d_name, &ignored) == 0;
}

static int read_directory(struct check_documents *documents, const char *path, struct error *err)
{
	struct dirent **names;
	int r = 0, count = scandir(path, &names, is_document, alphasort);
	if (count < 0)
		return error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (count == 0)
		r = error_set(err, -ENOENT, "%s: no file in it ends in .json, .yaml or .yml", path);
	for (int i = 0; i < count; i++) {
		char name[4096];
		(void)snprintf(name, sizeof(name), "%s/%s", path, names[i]->d_name);
		if (r == 0)
			r = read_file(documents, name, err);
		free(names[i]);
	}
	free(names);
	return r;
}

int check_documents_read(struct check_documents *documents, const char *path, struct error *err)
{
	struct stat status;
	if (stat(path, &status) < 0)
		return error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (S_ISDIR(status.st_mode))
		return read_directory(documents, path, err);
	return read_file(documents, path, err);
}
