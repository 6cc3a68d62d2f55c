/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sys/stat.h>

#include "common/file_identity.h"

int file_identity_of(const char *path, struct file_identity *ret)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return -errno;
	*ret = (struct file_identity){.device = status.st_dev,
	                              .inode = status.st_ino,
	                              .size = status.st_size,
	                              .modified = status.st_mtim,
	                              .changed = status.st_ctim};
	return 0;
}

static bool time_equal(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool file_identity_equal(const struct file_identity *a, const struct file_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       time_equal(&a->modified, &b->modified) && time_equal(&a->changed, &b->changed);
}
