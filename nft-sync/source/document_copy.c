/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/file_replace.h"
#include "nft-sync/source/document_copy.h"

static int copy_path(const char *directory, const char *name, char path[static PATH_MAX])
{
	int length = snprintf(path, PATH_MAX, "%s/%s", directory, name);

	return length < 0 || length >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static bool is_kept(const char *path, size_t length, const struct timespec *modified)
{
	struct stat status;

	return stat(path, &status) == 0 && (size_t)status.st_size == length &&
	       status.st_mtim.tv_sec == modified->tv_sec &&
	       status.st_mtim.tv_nsec == modified->tv_nsec;
}

int document_copy_keep(const char *directory, const char *name, const char *text, size_t length,
                       const struct timespec *modified, struct error *err)
{
	const struct timespec times[2] = {*modified, *modified};
	char path[PATH_MAX];
	int ret = copy_path(directory, name, path);

	if (ret < 0)
		return error_set(err, ret, "%s: %s: name too long", directory, name);
	if (is_kept(path, length, modified))
		return 0;
	return file_replace(path, text, length, 0600, times, err);
}

int document_copy_load(const char *directory, const char *name, const char *path,
                       struct document **ret, struct timespec *modified, struct error *err)
{
	char copy[PATH_MAX];
	enum document_format format;
	struct stat status;
	char *text = NULL;
	size_t length = 0;
	int code = copy_path(directory, name, copy);

	if (code < 0)
		return error_set(err, code, "%s: %s: name too long", directory, name);
	code = document_format_of(name, &format);
	if (code < 0)
		return error_set(err, code, "%s: not a document", copy);
	code = file_read(copy, DOCUMENT_SIZE_MAX, &text, &length, err);
	if (code < 0)
		return code;
	if (stat(copy, &status) == 0)
		*modified = status.st_mtim;
	code = document_parse(path, format, text, length, ret, err);
	free(text);
	return code;
}

void document_copy_drop(const char *directory, const char *name)
{
	char path[PATH_MAX];

	if (copy_path(directory, name, path) == 0)
		(void)unlink(path);
}
