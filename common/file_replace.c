/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_replace.h"

static int temporary_path(const char *path, char ret[static PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	int directory = slash != NULL ? (int)(slash - path) + 1 : 0;
	int length = snprintf(ret, PATH_MAX, "%.*s.%s.new", directory, path, path + directory);

	return length < 0 || length >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, text, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		text += written;
		length -= (size_t)written;
	}
	return 0;
}

/* O_EXCL after an unlink: a link that somebody laid there is not followed. */
static int write_new(const char *path, const char *text, size_t length, mode_t mode,
                     const struct timespec *times)
{
	int ret;
	int fd;

	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	ret = write_all(fd, text, length);
	if (ret == 0 && fchmod(fd, mode) < 0)
		ret = -errno;
	if (ret == 0 && times != NULL && futimens(fd, times) < 0)
		ret = -errno;
	if (close(fd) < 0 && ret == 0)
		ret = -errno;
	return ret;
}

int file_replace(const char *path, const char *text, size_t length, mode_t mode,
                 const struct timespec *times, struct error *err)
{
	char temporary[PATH_MAX];
	int ret = temporary_path(path, temporary);

	if (ret < 0)
		return error_set(err, ret, "%s: name too long", path);
	ret = write_new(temporary, text, length, mode, times);
	if (ret == 0 && rename(temporary, path) < 0)
		ret = -errno;
	if (ret < 0) {
		(void)unlink(temporary);
		return error_set(err, ret, "%s: cannot write: %s", path, strerror(-ret));
	}
	return 0;
}
