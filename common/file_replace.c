/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_replace.h"

static int temporary_path(const char *path, const char *suffix, char ret[static PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	int directory = slash != NULL ? (int)(slash - path) + 1 : 0;
	int length =
		snprintf(ret, PATH_MAX, "%.*s.%s%s", directory, path, path + directory, suffix);

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
static int open_new(const char *path)
{
	int fd;

	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	return fd;
}

static int fill(int fd, const char *text, size_t length, mode_t mode, const struct timespec *times)
{
	int ret = write_all(fd, text, length);

	if (ret == 0 && fchmod(fd, mode) < 0)
		ret = -errno;
	if (ret == 0 && times != NULL && futimens(fd, times) < 0)
		ret = -errno;
	return ret;
}

/* Closes it: what close() says of it counts, too. */
static int put_in_place(int fd, const char *temporary, const char *path, int ret)
{
	if (close(fd) < 0 && ret == 0)
		ret = -errno;
	if (ret == 0 && rename(temporary, path) < 0)
		ret = -errno;
	if (ret < 0)
		(void)unlink(temporary);
	return ret;
}

static int refuse(struct error *err, int code, const char *path)
{
	return error_set(err, code, "%s: cannot write: %s", path, strerror(-code));
}

int file_replace(const char *path, const char *text, size_t length, mode_t mode,
                 const struct timespec *times, struct error *err)
{
	char temporary[PATH_MAX];
	int ret = temporary_path(path, ".new", temporary);
	int fd;

	if (ret < 0)
		return error_set(err, ret, "%s: name too long", path);
	fd = open_new(temporary);
	if (fd < 0)
		return refuse(err, fd, path);
	ret = fill(fd, text, length, mode, times);
	ret = put_in_place(fd, temporary, path, ret);
	return ret < 0 ? refuse(err, ret, path) : 0;
}

/* Some file systems cannot sync a directory, and say EINVAL: they have nothing to lose. */
static int sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX] = ".";
	int ret = 0;
	int fd;

	if (slash != NULL)
		(void)snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path) + 1, path);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0 && errno != EINVAL)
		ret = -errno;
	(void)close(fd);
	return ret;
}

int file_replace_whole(const char *path, const char *text, size_t length, mode_t mode,
                       struct error *err)
{
	char temporary[PATH_MAX];
	int ret = temporary_path(path, ".XXXXXX", temporary);
	int fd;

	if (ret < 0)
		return error_set(err, ret, "%s: name too long", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return refuse(err, -errno, path);
	ret = fill(fd, text, length, mode, NULL);
	if (ret == 0 && fsync(fd) < 0)
		ret = -errno;
	ret = put_in_place(fd, temporary, path, ret);
	return ret < 0 ? refuse(err, ret, path) : 0;
}

int file_replace_synced(const char *path, const char *text, size_t length, mode_t mode,
                        struct error *err)
{
	int ret = file_replace_whole(path, text, length, mode, err);

	if (ret < 0)
		return ret;
	ret = sync_directory(path);
	return ret < 0 ? refuse(err, ret, path) : 0;
}
