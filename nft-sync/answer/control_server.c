/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/control.h"
#include "nft-sync/answer/control_queue.h"
#include "nft-sync/answer/control_server.h"

#define GROUPS_MAX 256
#define LINE_FIRST 512 /* bytes; most requests are short, and many may wait */

enum client_state {
	CLIENT_ASKS,
	CLIENT_WAITS,   /* for an answer that comes later */
	CLIENT_LISTENS, /* to a stream of lines */
};

struct control_client {
	struct control_server *server;
	uv_pipe_t pipe;
	uv_timer_t idle;
	unsigned open_handles;
	bool closing;
	bool deaf; /* until its answer is away */
	enum client_state state;
	char *line; /* what was read and not yet answered */
	size_t used;
	size_t capacity;
	char *answer; /* being written */
	uv_write_t write;
	struct control_queue *queue; /* of a stream, behind what is being written */
	void (*gone)(void *context); /* while it waits or listens */
	void *context;
};

struct control_server {
	uv_pipe_t pipe;
	control_handler *handler;
	void *context;
	struct control_client *clients[CONTROL_CLIENTS_MAX];
	bool closing;
	unsigned references; /* the listening handle and every client */
};

static void server_unref(struct control_server *server)
{
	if (--server->references == 0)
		free(server);
}

static void client_closed(uv_handle_t *handle)
{
	struct control_client *client = handle->data;
	if (--client->open_handles > 0)
		return;
	server_unref(client->server);
	if (client->queue)
		control_queue_clear(client->queue);
	free(client->queue);
	free(client->line);
	free(client->answer);
	free(client);
}

static void client_close(struct control_client *client)
{
	if (client->closing)
		return;
	client->closing = true;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (client->server->clients[i] == client)
			client->server->clients[i] = NULL;
	uv_close((uv_handle_t *)&client->pipe, client_closed);
	uv_close((uv_handle_t *)&client->idle, client_closed);
	if (client->state != CLIENT_ASKS)
		client->gone(client->context);
}

static void client_idle(uv_timer_t *timer)
{
	client_close(timer->data);
}

static bool is_in_group(uid_t uid, gid_t primary)
{
	struct group *group = getgrnam(CONTROL_GROUP);
	if (!group)
		return false;
	gid_t wanted = group->gr_gid;
	struct passwd *user = getpwuid(uid);
	gid_t groups[GROUPS_MAX];
	int count = GROUPS_MAX;
	if (primary == wanted)
		return true;
	if (!user || getgrouplist(user->pw_name, primary, groups, &count) < 0)
		return false;
	for (int i = 0; i < count; i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

/* The socket's mode says the same; this holds also where somebody changed it. */
static bool may_ask(const uv_pipe_t *pipe)
{
	uv_os_fd_t fd;
	struct ucred peer;
	socklen_t length = sizeof(peer);
	if (uv_fileno((const uv_handle_t *)pipe, &fd) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid() || is_in_group(peer.uid, peer.gid);
}

static void client_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer);

static int client_make_room(struct control_client *client)
{
	if (client->used < client->capacity)
		return 0;
	size_t capacity = client->capacity ? 4 * client->capacity : LINE_FIRST;
	if (capacity > CONTROL_REQUEST_MAX)
		capacity = CONTROL_REQUEST_MAX;
	char *line = capacity > client->used ? realloc(client->line, capacity) : NULL;
	if (!line)
		return -ENOMEM;
	client->line = line;
	client->capacity = capacity;
	return 0;
}

static void client_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct control_client *client = handle->data;
	(void)suggested;
	/* No room is an end of the reading, with UV_ENOBUFS. */
	buffer->base = NULL;
	buffer->len = 0;
	if (client_make_room(client) < 0)
		return;
	buffer->base = client->line + client->used;
	buffer->len = client->capacity - client->used;
}

static int client_listen(struct control_client *client)
{
	if (!client->deaf)
		return 0;
	client->deaf = false;
	return uv_read_start((uv_stream_t *)&client->pipe, client_buffer, client_read);
}

static void client_go_on(struct control_client *client);
static void client_answered(uv_write_t *write, int status);

/* Takes text. What can't be written is not: that its reader has left is told by the reading. */
static int client_write(struct control_client *client, char *text, size_t length)
{
	uv_buf_t buffer = uv_buf_init(text, (unsigned)length);
	client->answer = text;
	client->write.data = client;
	int r = uv_write(&client->write, (uv_stream_t *)&client->pipe, &buffer, 1, client_answered);
	if (r < 0) {
		free(text);
		client->answer = NULL;
	}
	return r;
}

static void client_write_queue(struct control_client *client)
{
	size_t length;
	char *text = client->answer || !client->queue ? NULL
	                                              : control_queue_take(client->queue, &length);
	if (text)
		(void)client_write(client, text, length);
}

static void client_answered(uv_write_t *write, int status)
{
	struct control_client *client = write->data;
	free(client->answer);
	client->answer = NULL;
	if (client->closing)
		return;
	if (status < 0 || client_listen(client) < 0)
		client_close(client);
	else if (client->state == CLIENT_LISTENS)
		client_write_queue(client);
	else
		client_go_on(client);
}

/* One value and nothing behind it but blanks; NULL where the line is something else. */
static cJSON *parse_line(const char *line, size_t length)
{
	const char *end = NULL;
	cJSON *request = cJSON_ParseWithLengthOpts(line, length, &end, false);
	while (request && end < line + length && strchr(" \t\r", *end) && *end)
		end++;
	if (request && end < line + length) {
		cJSON_Delete(request);
		return NULL;
	}
	return request;
}

static cJSON *handle_line(struct control_client *client, size_t length)
{
	cJSON *request = parse_line(client->line, length);
	cJSON *answer;
	if (cJSON_IsObject(request)) {
		answer = client->server->handler(client->server->context, request, client);
	} else {
		answer = cJSON_CreateObject();
		cJSON_AddBoolToObject(answer, "ok", false);
		cJSON_AddStringToObject(answer, "error", "expected a line that is a JSON object");
	}
	cJSON_Delete(request);
	return answer;
}

/* Takes the answer; reading goes on when it is away. */
static void client_send(struct control_client *client, cJSON *answer)
{
	char *text = cJSON_PrintUnformatted(answer);
	cJSON_Delete(answer);
	size_t size = text ? strlen(text) : 0;
	char *line = text ? realloc(text, size + 2) : NULL;
	if (!line) {
		cJSON_free(text);
		client_close(client);
		return;
	}
	memcpy(line + size, "\n", 2);
	uv_read_stop((uv_stream_t *)&client->pipe);
	client->deaf = true;
	if (client_write(client, line, size + 1) < 0)
		client_close(client);
}

/* Answers the first line in the buffer, now or later. */
static void client_ask(struct control_client *client, size_t length)
{
	cJSON *answer = handle_line(client, length);
	client->used -= length + 1;
	memmove(client->line, client->line + length + 1, client->used);
	if (client->state != CLIENT_WAITS)
		client_send(client, answer);
}

static void client_go_on(struct control_client *client)
{
	const char *end = client->used > 0 ? memchr(client->line, '\n', client->used) : NULL;
	if (end)
		client_ask(client, (size_t)(end - client->line));
	else if (client->used == CONTROL_REQUEST_MAX)
		client_close(client);
}

static void client_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
	struct control_client *client = stream->data;
	(void)buffer;
	if (got < 0) {
		client_close(client);
		return;
	}
	/* A stream's client has nothing more to ask; that it leaves is all we listen for. */
	if (client->state == CLIENT_LISTENS) {
		client->used = 0;
		return;
	}
	client->used += (size_t)got;
	if (client->state == CLIENT_WAITS)
		return;
	uv_timer_again(&client->idle);
	client_go_on(client);
}

static void client_become(struct control_client *client, enum client_state state,
                          void (*gone)(void *context), void *context)
{
	client->state = state;
	client->gone = gone;
	client->context = context;
	uv_timer_stop(&client->idle);
}

void control_client_defer(struct control_client *client, void (*gone)(void *context), void *context)
{
	client_become(client, CLIENT_WAITS, gone, context);
}

void control_client_answer(struct control_client *client, cJSON *answer)
{
	client->state = CLIENT_ASKS;
	uv_timer_again(&client->idle);
	client_send(client, answer);
}

void control_client_stream(struct control_client *client, void (*gone)(void *context),
                           void *context)
{
	client_become(client, CLIENT_LISTENS, gone, context);
}

void control_client_say(struct control_client *client, const cJSON *line)
{
	if (!client->closing && !client->queue)
		client->queue = calloc(1, sizeof(*client->queue));
	char *text = client->closing || !client->queue ? NULL : cJSON_PrintUnformatted(line);
	if (!text)
		return;
	control_queue_put(client->queue, text);
	client_write_queue(client);
}

uint64_t control_client_missed(const struct control_client *client)
{
	return client->queue ? client->queue->dropped : 0;
}

bool control_client_is_behind(const struct control_client *client)
{
	return client->answer || (client->queue && client->queue->count > 0);
}

void control_client_end(struct control_client *client)
{
	client_close(client);
}

static struct control_client **free_place(struct control_server *server)
{
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (!server->clients[i])
			return &server->clients[i];
	return NULL;
}

static void refuse(uv_handle_t *handle)
{
	free(handle);
}

/* More clients than places: the connection must be taken to be closed. */
static void accept_and_refuse(struct control_server *server)
{
	uv_pipe_t *pipe = calloc(1, sizeof(*pipe));
	if (!pipe)
		return;
	uv_pipe_init(server->pipe.loop, pipe, 0);
	(void)uv_accept((uv_stream_t *)&server->pipe, (uv_stream_t *)pipe);
	uv_close((uv_handle_t *)pipe, refuse);
}

static void server_connection(uv_stream_t *stream, int status)
{
	struct control_server *server = stream->data;
	struct control_client **place = free_place(server);
	struct control_client *client = place ? calloc(1, sizeof(*client)) : NULL;
	if (status < 0 || !client) {
		if (status == 0)
			accept_and_refuse(server);
		free(client);
		return;
	}
	client->server = server;
	client->pipe.data = client;
	client->idle.data = client;
	client->open_handles = 2;
	uv_pipe_init(stream->loop, &client->pipe, 0);
	uv_timer_init(stream->loop, &client->idle);
	server->references++;
	*place = client;
	if (uv_accept(stream, (uv_stream_t *)&client->pipe) < 0 || !may_ask(&client->pipe) ||
	    uv_timer_start(&client->idle, client_idle, CONTROL_IDLE_SECONDS * 1000,
	                   CONTROL_IDLE_SECONDS * 1000) < 0 ||
	    uv_read_start((uv_stream_t *)&client->pipe, client_buffer, client_read) < 0)
		client_close(client);
}

/* A path that a dead process left behind is free; one where somebody answers is not. */
static int clear_path(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat status;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	/* A living process may be too busy to take the connection: that is answer enough. */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int r = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	int reason = errno;
	close(fd);
	if (r == 0 || reason != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(path) < 0 ? -errno : 0;
}

/* libuv calls a directory that is not there forbidden, as Windows does. */
static int bind_error(const char *path, int r)
{
	char directory[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *slash = strrchr(path, '/');
	if (r != UV_EACCES || !slash)
		return r;
	memcpy(directory, path, (size_t)(slash - path) + 1);
	directory[slash - path + 1] = '\0';
	return access(directory, F_OK) < 0 ? -errno : r;
}

static int bind_and_listen(struct control_server *server, const char *path)
{
	struct group *group = getgrnam(CONTROL_GROUP);
	mode_t mask = umask(0117);
	int r = uv_pipe_bind(&server->pipe, path);
	umask(mask);
	if (r < 0)
		return bind_error(path, r);
	if (group && chown(path, (uid_t)-1, group->gr_gid) < 0)
		r = -errno;
	if (r == 0)
		r = uv_listen((uv_stream_t *)&server->pipe, CONTROL_CLIENTS_MAX, server_connection);
	return r;
}

int control_server_open(uv_loop_t *loop, const char *path, control_handler *handler, void *context,
                        struct error *err, struct control_server **ret)
{
	int r = clear_path(path);
	if (r < 0)
		return error_set(err, r, "control socket %s: %s", path, strerror(-r));
	struct control_server *server = calloc(1, sizeof(*server));
	if (!server)
		return error_set(err, -ENOMEM, "no memory");
	server->handler = handler;
	server->context = context;
	server->references = 1;
	server->pipe.data = server;
	uv_pipe_init(loop, &server->pipe, 0);
	r = bind_and_listen(server, path);
	if (r < 0) {
		control_server_close(server);
		return error_set(err, r, "control socket %s: %s", path, strerror(-r));
	}
	*ret = server;
	return 0;
}

static void server_closed(uv_handle_t *handle)
{
	server_unref(handle->data);
}

void control_server_close(struct control_server *server)
{
	if (!server || server->closing)
		return;
	server->closing = true;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (server->clients[i])
			client_close(server->clients[i]);
	uv_close((uv_handle_t *)&server->pipe, server_closed);
}
