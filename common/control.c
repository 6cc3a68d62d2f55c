/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/control.h"

static int connect_to(const char *path, unsigned seconds, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = seconds};
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, -ENAMETOOLONG, "%s: too long for a socket's path", path);
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, -errno, "cannot open a socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int r = error_set(err, -errno, "%s: %s", path, strerror(errno));
		close(fd);
		return r;
	}
	return fd;
}

static int send_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		data += sent;
		length -= (size_t)sent;
	}
	return 0;
}

static int send_request(int fd, const cJSON *request)
{
	char *text = cJSON_PrintUnformatted(request);
	if (!text)
		return -ENOMEM;
	int r = send_all(fd, text, strlen(text));
	if (r == 0)
		r = send_all(fd, "\n", 1);
	cJSON_free(text);
	return r;
}

/* One line, without its end. The caller frees it. */
static int read_line(int fd, char **ret)
{
	size_t capacity = 4096;
	size_t used = 0;
	char *line = NULL;
	int r = 0;
	for (;;) {
		char *larger = realloc(line, capacity);
		if (!larger) {
			r = -ENOMEM;
			break;
		}
		line = larger;
		ssize_t got = recv(fd, line + used, capacity - used - 1, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			r = got == 0 ? -ECONNRESET : -errno;
			break;
		}
		used += (size_t)got;
		line[used] = '\0';
		if (line[used - 1] == '\n') {
			*ret = line;
			return 0;
		}
		if (used + 1 == capacity && (capacity *= 2) > CONTROL_ANSWER_MAX) {
			r = -EMSGSIZE;
			break;
		}
	}
	free(line);
	return r;
}

int control_ask(const char *path, const cJSON *request, unsigned seconds, cJSON **ret,
                struct error *err)
{
	char *line = NULL;
	int fd = connect_to(path, seconds, err);
	if (fd < 0)
		return fd;
	int r = send_request(fd, request);
	if (r == 0)
		r = read_line(fd, &line);
	close(fd);
	if (r < 0)
		return error_set(err, r == -EAGAIN ? -ETIMEDOUT : r, "%s: no answer: %s", path,
		                 r == -EAGAIN ? "timed out" : strerror(-r));
	*ret = cJSON_Parse(line);
	free(line);
	return *ret ? 0 : error_set(err, -EBADMSG, "%s: the answer is not JSON", path);
}
