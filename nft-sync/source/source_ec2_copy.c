/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/file_replace.h"
#include "common/log.h"
#include "nft-sync/source/source_ec2_parts.h"

static int copy_path(const struct ec2_follower *follower, char ret[static PATH_MAX])
{
	const char *directory = follower->source->copies;
	if (!directory[0])
		return -ENOENT;
	int length = snprintf(ret, PATH_MAX, "%s/%s", directory, follower->kind->copy);
	return length < 0 || length >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int ec2_copy_load(const struct ec2_follower *follower, char **ret_text, size_t *ret_length,
                  int64_t *ret_time, struct error *err)
{
	char path[PATH_MAX];
	struct stat status = {0};
	int r = copy_path(follower, path);
	if (r == 0)
		r = file_read(path, DOCUMENT_SIZE_MAX, ret_text, ret_length, err);
	if (r == 0 && stat(path, &status) == 0)
		*ret_time = status.st_mtim.tv_sec;
	return r;
}

/* Its time says when EC2 last said so. */
static int keep(const struct ec2_follower *follower, struct error *err)
{
	char path[PATH_MAX];
	const struct timespec times[2] = {{.tv_sec = follower->status.fresh},
	                                  {.tv_sec = follower->status.fresh}};
	int r = copy_path(follower, path);
	if (r < 0)
		return r == -ENOENT ? 0 : error_set(err, r, "%s: name too long", path);
	if (follower->kept && utimensat(AT_FDCWD, path, times, 0) == 0)
		return 0;
	return file_replace(path, follower->text, follower->length, 0600, times, err);
}

void ec2_copy_keep(struct ec2_follower *follower)
{
	struct error failure = {0};
	follower->kept = keep(follower, &failure) == 0;
	if (failure.code && strcmp(failure.text, follower->copy_error) != 0)
		log_text(LOG_LEVEL_WARNING, "ec2-copy-not-kept", failure.text);
	snprintf(follower->copy_error, sizeof(follower->copy_error), "%.*s",
	         (int)sizeof(follower->copy_error) - 1, failure.text);
}

void ec2_copy_remove(const struct ec2_follower *follower)
{
	char path[PATH_MAX];
	if (copy_path(follower, path) == 0)
		(void)unlink(path);
}
