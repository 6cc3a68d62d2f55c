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

struct control_stream {
	int fd;
	char *buffer; /* read and not yet taken; used bytes of capacity, of them taken are old */
	size_t capacity;
	size_t used;
	size_t taken;
};

static int stream_begin(struct control_stream *stream, const char *path, const cJSON *request,
                        unsigned seconds, struct error *err)
{
	memset(stream, 0, sizeof(*stream));
	stream->fd = connect_to(path, seconds, err);
	if (stream->fd < 0)
		return stream->fd;
	int r = send_request(stream->fd, request);
	return r < 0 ? error_set(err, r, "%s: the request can't be sent: %s", path, strerror(-r))
	             : 0;
}

static void stream_end(struct control_stream *stream)
{
	if (stream->fd >= 0)
		close(stream->fd);
	free(stream->buffer);
}

int control_stream_open(const char *path, const cJSON *request, unsigned seconds,
                        struct control_stream **ret, struct error *err)
{
	struct control_stream *stream = malloc(sizeof(*stream));
	if (!stream)
		return error_set(err, -ENOMEM, "no memory");
	int r = stream_begin(stream, path, request, seconds, err);
	if (r < 0) {
		control_stream_close(stream);
		return r;
	}
	*ret = stream;
	return 0;
}

void control_stream_close(struct control_stream *stream)
{
	if (!stream)
		return;
	stream_end(stream);
	free(stream);
}

int control_stream_fd(const struct control_stream *stream)
{
	return stream->fd;
}

/* Old lines make room for new ones before more memory does. */
static int make_room(struct control_stream *stream)
{
	stream->used -= stream->taken;
	if (stream->taken)
		memmove(stream->buffer, stream->buffer + stream->taken, stream->used);
	stream->taken = 0;
	if (stream->used < stream->capacity)
		return 0;
	size_t capacity = stream->capacity ? 2 * stream->capacity : 4096;
	if (capacity > CONTROL_ANSWER_MAX)
		return -EMSGSIZE;
	char *larger = realloc(stream->buffer, capacity);
	if (!larger)
		return -ENOMEM;
	stream->buffer = larger;
	stream->capacity = capacity;
	return 0;
}

/* Bytes that came, or a negative errno; flags are recv()'s. */
static ssize_t read_more(struct control_stream *stream, int flags)
{
	ssize_t got;
	int r = make_room(stream);
	if (r < 0)
		return r;
	do {
		got = recv(stream->fd, stream->buffer + stream->used,
		           stream->capacity - stream->used, flags);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got == 0 ? -ECONNRESET : -errno;
	stream->used += (size_t)got;
	return got;
}

/* The next line, its end a NUL, in the buffer until more is read; searched is where there is none
 * for sure. NULL: it is not yet whole. */
static char *take_line(struct control_stream *stream, size_t *searched)
{
	char *line = stream->buffer + stream->taken;
	size_t length = stream->used - stream->taken;
	char *end = length > *searched ? memchr(line + *searched, '\n', length - *searched) : NULL;
	*searched = length;
	if (!end)
		return NULL;
	*end = '\0';
	stream->taken += (size_t)(end - line) + 1;
	return line;
}

static int next_line(struct control_stream *stream, int flags, cJSON **ret, struct error *err)
{
	size_t searched = 0;
	char *line = take_line(stream, &searched);
	while (!line) {
		ssize_t got = read_more(stream, flags);
		if (got < 0)
			return (int)got;
		line = take_line(stream, &searched);
	}
	*ret = cJSON_Parse(line);
	return *ret ? 0 : error_set(err, -EBADMSG, "the answer is not JSON");
}

int control_stream_next(struct control_stream *stream, cJSON **ret, struct error *err)
{
	int r = next_line(stream, MSG_DONTWAIT, ret, err);
	if (r == -EAGAIN)
		return r;
	return r < 0 ? error_set(err, r, "%s", strerror(-r)) : 0;
}

int control_ask(const char *path, const cJSON *request, unsigned seconds, cJSON **ret,
                struct error *err)
{
	struct control_stream stream;
	int r = stream_begin(&stream, path, request, seconds, err);
	struct error failure = {0};
	if (r == 0) {
		r = next_line(&stream, 0, ret, &failure);
		if (r == -EBADMSG)
			error_set(err, r, "%s: %s", path, failure.text);
		else if (r < 0)
			r = error_set(err, r == -EAGAIN ? -ETIMEDOUT : r, "%s: no answer: %s", path,
			              r == -EAGAIN ? "timed out" : strerror(-r));
	}
	stream_end(&stream);
	return r;
}
