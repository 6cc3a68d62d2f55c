/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

static int refuse_errno(struct error *err, const char *path, const char *what)
{
	int code = -errno;

	return error_set(err, code, "%s: cannot %s: %s", path, what, strerror(-code));
}

/* A FIFO must not block the open; what else is special is refused behind it. */
static int open_regular(const char *path, size_t max, size_t *size, struct error *err)
{
	struct stat status;
	int ret;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return refuse_errno(err, path, "open");
	if (fstat(fd, &status) < 0)
		ret = refuse_errno(err, path, "stat");
	else if (!S_ISREG(status.st_mode))
		ret = error_set(err, -EINVAL, "%s: not a regular file", path);
	else if ((uintmax_t)status.st_size > max)
		ret = error_set(err, -EFBIG, "%s: %jd bytes: at most %zu are accepted", path,
		                (intmax_t)status.st_size, max);
	else
		ret = 0;
	if (ret < 0) {
		close(fd);
		return ret;
	}
	*size = (size_t)status.st_size;
	return fd;
}

/* Reads until the end or until size bytes are there; the length, or a negative errno. */
static ssize_t read_up_to(int fd, char *buffer, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t got = read(fd, buffer + length, size - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		length += (size_t)got;
	}
	return (ssize_t)length;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_length, struct error *err)
{
	char *buffer = NULL;
	ssize_t length;
	size_t size = 0;
	int result;
	int fd = open_regular(path, max, &size, err);

	if (fd < 0)
		return fd;
	/* One byte more than there is tells a file that grew meanwhile. */
	buffer = malloc(size + 1);
	if (buffer == NULL) {
		result = error_set(err, -ENOMEM, "%s: out of memory", path);
		goto cleanup;
	}
	length = read_up_to(fd, buffer, size + 1);
	if (length < 0) {
		errno = (int)-length;
		result = refuse_errno(err, path, "read");
		goto cleanup;
	}
	if ((size_t)length > size) {
		result = error_set(err, -EAGAIN, "%s: changed while it was read", path);
		goto cleanup;
	}
	buffer[length] = '\0';
	*ret = buffer;
	*ret_length = (size_t)length;
	buffer = NULL;
	result = 0;
cleanup:
	free(buffer);
	close(fd);
	return result;
}
