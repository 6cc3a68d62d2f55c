/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dnscache/serve/tcp_parts.h"

/* RFC 7766: queries one behind the other, answers in the order they come. */

#define PREFIX_SIZE 2     /* the length in front of every message */
#define QUERY_MAX 4096    /* a longer message is no query, and the end of its connection */
#define BUFFER_FIRST 1024 /* as most queries are small; grows to one whole message */
#define BUFFER_MAX (PREFIX_SIZE + QUERY_MAX)
#define PRESSED_IDLE 1000 /* milliseconds of idleness when connections run short */

struct tcp_connection {
	uv_tcp_t handle;
	struct tcp_connection *previous, *next; /* the longest idle first */
	struct worker *worker;
	struct listener *listener; /* held */
	struct client client;      /* of every query on it, but for the time */
	uint8_t *buffer;
	size_t size, room;
	size_t unsent;       /* bytes of answers that the kernel has not taken whole */
	size_t unread;       /* likewise, and those the client has not taken, at the last tick */
	unsigned references; /* queries that wait */
	bool paused;         /* not read: too much is unanswered or unsent */
	bool ended;          /* the client sends no more */
	bool answering;      /* messages of the buffer are being answered, further up the stack */
	bool closing;
	bool closed;     /* the handle is; the memory goes with the last reference */
	uint64_t active; /* milliseconds */
	uint64_t begun;  /* likewise: when a message that is not whole began to come; 0: none */
};

struct tcp_table {
	struct tcp_connection *oldest, *newest;
	unsigned count, most;
	size_t unsent; /* of all, those that are closing included */
};

struct tcp_write {
	uv_write_t request;
	struct tcp_connection *connection;
	size_t size;
	uint8_t bytes[];
};

/* Half of the descriptors are for all else: questions upstream need one each. */
static unsigned most_connections(const struct worker *worker)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return TCP_CONNECTIONS_MAX;
	rlim_t share = limit.rlim_cur / 2 / worker->shared->workers;
	return share < TCP_CONNECTIONS_MAX ? (unsigned)share + 1 : TCP_CONNECTIONS_MAX;
}

int tcp_table_open(struct worker *worker)
{
	worker->connections = calloc(1, sizeof(*worker->connections));
	if (!worker->connections)
		return -ENOMEM;
	worker->connections->most = most_connections(worker);
	return 0;
}

static void unlink_connection(struct tcp_connection *connection)
{
	struct tcp_table *table = connection->worker->connections;
	*(connection->previous ? &connection->previous->next : &table->oldest) = connection->next;
	*(connection->next ? &connection->next->previous : &table->newest) = connection->previous;
}

static void append_connection(struct tcp_connection *connection)
{
	struct tcp_table *table = connection->worker->connections;
	connection->previous = table->newest;
	connection->next = NULL;
	*(table->newest ? &table->newest->next : &table->oldest) = connection;
	table->newest = connection;
}

static void note_activity(struct tcp_connection *connection)
{
	connection->active = connection->worker->now_us / 1000;
	if (connection->closing)
		return;
	unlink_connection(connection);
	append_connection(connection);
}

static void free_connection(struct tcp_connection *connection)
{
	listener_release(connection->listener);
	free(connection->buffer);
	free(connection);
}

static void closed_cb(uv_handle_t *handle)
{
	struct tcp_connection *connection = handle->data;
	connection->closed = true;
	if (connection->references == 0)
		free_connection(connection);
}

static void count_connections(struct worker *worker)
{
	atomic_store_explicit(&worker->counters.connections, worker->connections->count,
	                      memory_order_relaxed);
}

static void close_connection(struct tcp_connection *connection)
{
	if (connection->closing)
		return;
	connection->closing = true;
	unlink_connection(connection);
	connection->worker->connections->count--;
	count_connections(connection->worker);
	uv_close((uv_handle_t *)&connection->handle, closed_cb);
}

void tcp_hold(struct tcp_connection *connection)
{
	connection->references++;
}

static void go_on(struct tcp_connection *connection);

void tcp_release(struct tcp_connection *connection)
{
	connection->references--;
	if (connection->closed && connection->references == 0)
		free_connection(connection);
	else if (!connection->closing)
		go_on(connection);
}

static void written_cb(uv_write_t *request, int status)
{
	struct tcp_write *write = (struct tcp_write *)request;
	struct tcp_connection *connection = write->connection;
	connection->unsent -= write->size;
	connection->worker->connections->unsent -= write->size;
	free(write);
	if (status < 0)
		close_connection(connection);
	else if (!connection->closing)
		go_on(connection);
}

static struct tcp_connection *most_unsent(const struct tcp_table *table)
{
	struct tcp_connection *most = table->oldest;
	for (struct tcp_connection *at = most; at; at = at->next)
		if (at->unsent > most->unsent)
			most = at;
	return most;
}

/* Answers that nobody reads take no more memory than there is. Who reads least goes; what it leaves
 * is free when the loop has turned, which is too late for this one. */
static bool has_room(struct tcp_connection *connection, size_t size)
{
	struct tcp_table *table = connection->worker->connections;
	if (table->unsent + size <= TCP_UNSENT_MAX)
		return true;
	close_connection(most_unsent(table));
	close_connection(connection);
	return false;
}

static void send_rest(struct tcp_connection *connection, const uint8_t *head, size_t head_size,
                      const uint8_t *rest, size_t rest_size)
{
	size_t size = head_size + rest_size;
	if (!has_room(connection, size))
		return;
	struct tcp_write *write = malloc(sizeof(*write) + size);
	if (!write) {
		close_connection(connection);
		return;
	}
	memcpy(write->bytes, head, head_size);
	memcpy(write->bytes + head_size, rest, rest_size);
	write->connection = connection;
	write->size = size;
	uv_buf_t buffer = uv_buf_init((char *)write->bytes, (unsigned)size);
	if (uv_write(&write->request, (uv_stream_t *)&connection->handle, &buffer, 1, written_cb) <
	    0) {
		free(write);
		close_connection(connection);
		return;
	}
	connection->unsent += size;
	connection->worker->connections->unsent += size;
}

void tcp_send(struct tcp_connection *connection, const uint8_t *message, size_t size)
{
	uint8_t prefix[PREFIX_SIZE];
	if (connection->closing)
		return;
	dns_put_u16(prefix, (uint16_t)size);
	note_activity(connection);
	uv_buf_t buffers[] = {
		uv_buf_init((char *)prefix, sizeof(prefix)),
		uv_buf_init((char *)(uintptr_t)message, (unsigned)size),
	};
	int sent = uv_try_write((uv_stream_t *)&connection->handle, buffers, 2);
	if (sent == UV_EAGAIN)
		sent = 0;
	if (sent < 0) {
		tally_add(&connection->worker->counters.send_failures, 1);
		close_connection(connection);
	} else if ((size_t)sent < sizeof(prefix)) {
		send_rest(connection, prefix + sent, sizeof(prefix) - (size_t)sent, message, size);
	} else if ((size_t)sent < sizeof(prefix) + size) {
		size_t done = (size_t)sent - sizeof(prefix);
		send_rest(connection, prefix, 0, message + done, size - done);
	}
}

static bool is_full(const struct tcp_connection *connection)
{
	return connection->references >= TCP_IN_FLIGHT_MAX ||
	       connection->unsent >= TCP_BACKLOG_BYTES;
}

static void answer_one(struct tcp_connection *connection, const uint8_t *message, size_t size)
{
	struct worker *worker = connection->worker;
	struct zone_counters *counted;
	struct serving serving;
	connection->client.received = worker->now_us;
	serve_begin(&serving, worker, &connection->client, message, size);
	/* A task that ends at once writes its answer into worker->reply: so this one is another. */
	size_t written = serve_end(&serving, worker->tcp_reply, DNS_MESSAGE_MAX, &counted);
	if (written == 0)
		return;
	tcp_send(connection, worker->tcp_reply, written);
	if (counted)
		count_duration(counted, 0, 1);
}

/* What it has asked is answered all the same. */
static void listen_no_more(struct tcp_connection *connection)
{
	connection->ended = true;
	connection->size = 0;
	(void)uv_read_stop((uv_stream_t *)&connection->handle);
}

/* Whole messages of the buffer, as long as there is room for their answers. */
static void answer_all(struct tcp_connection *connection)
{
	size_t at = 0;
	while (!connection->closing && !is_full(connection) &&
	       connection->size - at >= PREFIX_SIZE) {
		size_t length = dns_u16(connection->buffer + at);
		if (length > QUERY_MAX) {
			listen_no_more(connection);
			return;
		}
		if (connection->size - at < PREFIX_SIZE + length)
			break;
		answer_one(connection, connection->buffer + at + PREFIX_SIZE, length);
		at += PREFIX_SIZE + length;
	}
	connection->size -= at;
	memmove(connection->buffer, connection->buffer + at, connection->size);
	if (connection->size == 0)
		connection->begun = 0;
	else if (at > 0 || connection->begun == 0)
		connection->begun = connection->worker->now_us / 1000;
}

static bool grow(struct tcp_connection *connection)
{
	size_t room = connection->room ? connection->room * 4 : BUFFER_FIRST;
	if (room > BUFFER_MAX)
		room = BUFFER_MAX;
	uint8_t *buffer = realloc(connection->buffer, room);
	if (!buffer)
		return false;
	connection->buffer = buffer;
	connection->room = room;
	return true;
}

static void room_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct tcp_connection *connection = handle->data;
	(void)suggested;
	if (connection->size == connection->room && !grow(connection)) {
		*buffer = uv_buf_init(NULL, 0); /* read_cb gets UV_ENOBUFS */
		return;
	}
	*buffer = uv_buf_init((char *)connection->buffer + connection->size,
	                      (unsigned)(connection->room - connection->size));
}

static void read_cb(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
	struct tcp_connection *connection = stream->data;
	(void)buffer;
	if (count == 0)
		return;
	worker_clock(connection->worker);
	if (count < 0 && count != UV_EOF) {
		close_connection(connection);
		return;
	}
	if (count == UV_EOF) {
		connection->ended = true;
		(void)uv_read_stop(stream);
	} else {
		connection->size += (size_t)count;
		note_activity(connection);
	}
	go_on(connection);
}

/* Whoever has sent all it wants is answered all it asked, and then the connection ends. */
static void go_on(struct tcp_connection *connection)
{
	uv_stream_t *stream = (uv_stream_t *)&connection->handle;
	if (connection->answering)
		return;
	connection->answering = true;
	answer_all(connection);
	connection->answering = false;
	if (connection->closing)
		return;
	if (connection->ended) {
		if (connection->references == 0 && connection->unsent == 0)
			close_connection(connection);
		return;
	}
	bool full = is_full(connection);
	if (full && !connection->paused)
		(void)uv_read_stop(stream);
	else if (!full && connection->paused)
		(void)uv_read_start(stream, room_cb, read_cb);
	/* It could not go on while it was not read. */
	if (full || connection->paused)
		connection->begun = connection->size > 0 ? connection->worker->now_us / 1000 : 0;
	connection->paused = full;
}

bool tcp_close_idlest(struct worker *worker)
{
	struct tcp_connection *connection = worker->connections->oldest;
	while (connection && connection->references > 0)
		connection = connection->next;
	if (!connection)
		return false;
	close_connection(connection);
	return true;
}

/* One more than there may be: the one that nobody has used for the longest time goes. */
static bool make_room(struct worker *worker)
{
	return worker->connections->count < worker->connections->most || tcp_close_idlest(worker);
}

int tcp_connection_open(struct worker *worker, int fd, struct listener *listener,
                        const struct client *client)
{
	struct tcp_connection *connection = NULL;
	if (make_room(worker))
		connection = calloc(1, sizeof(*connection));
	if (!connection || uv_tcp_init(&worker->loop, &connection->handle) < 0) {
		free(connection);
		(void)close(fd);
		return -ENOMEM;
	}
	connection->handle.data = connection;
	connection->worker = worker;
	connection->listener = listener_hold(listener);
	connection->client = *client;
	connection->client.connection = connection;
	connection->active = worker->now_us / 1000;
	append_connection(connection);
	worker->connections->count++;
	count_connections(worker);
	int r = uv_tcp_open(&connection->handle, fd);
	if (r < 0)
		(void)close(fd);
	else
		r = uv_read_start((uv_stream_t *)&connection->handle, room_cb, read_cb);
	if (r < 0)
		close_connection(connection);
	return r;
}

/* Whether nothing has happened for as long as that; less long when connections run short. */
static bool rests(const struct tcp_connection *connection, uint64_t now, uint32_t limit)
{
	const struct tcp_table *table = connection->worker->connections;
	if (table->count > table->most / 4 * 3 && limit > PRESSED_IDLE)
		limit = PRESSED_IDLE;
	return now - connection->active > limit;
}

/* Whoever writes a byte now and then is not busy, nor is who doesn't read its answers. */
static bool is_over(const struct tcp_connection *connection, uint64_t now)
{
	const struct server_block *block = connection->client.endpoint->first;
	bool late = connection->begun > 0 && !connection->paused &&
	            now - connection->begun > block->timeouts.read;
	if (connection->unsent > 0 && rests(connection, now, block->timeouts.write))
		return true;
	return connection->references == 0 &&
	       (late || (connection->unsent == 0 && rests(connection, now, block->timeouts.idle)));
}

/* A client that reads slowly is one that reads. The kernel takes more in large pieces only, and may
 * hold megabytes meanwhile. */
static void watch_reading(struct tcp_connection *connection)
{
	int fd, held;
	if (connection->unsent == 0 || uv_fileno((uv_handle_t *)&connection->handle, &fd) < 0 ||
	    ioctl(fd, SIOCOUTQ, &held) < 0)
		return;
	size_t unread =
		uv_stream_get_write_queue_size((uv_stream_t *)&connection->handle) + (size_t)held;
	if (unread < connection->unread)
		note_activity(connection);
	connection->unread = unread;
}

void tcp_tick(struct worker *worker)
{
	uint64_t now = worker->now_us / 1000;
	struct tcp_connection *next;
	for (struct tcp_connection *connection = worker->connections->oldest; connection;
	     connection = next) {
		next = connection->next;
		watch_reading(connection);
		if (is_over(connection, now))
			close_connection(connection);
	}
}

bool tcp_busy(const struct worker *worker)
{
	for (const struct tcp_connection *connection = worker->connections->oldest; connection;
	     connection = connection->next)
		if (connection->references > 0 || connection->unsent > 0)
			return true;
	return false;
}

void tcp_close_all(struct worker *worker)
{
	while (worker->connections && worker->connections->oldest)
		close_connection(worker->connections->oldest);
}

void tcp_connections_follow(struct worker *worker, const struct plan *plan)
{
	struct tcp_connection *next;
	for (struct tcp_connection *connection = worker->connections->oldest; connection;
	     connection = next) {
		const struct listener *listener = connection->listener;
		next = connection->next;
		const struct plan_endpoint *endpoint =
			plan ? plan_endpoint(plan, &listener->address, listener->port) : NULL;
		if (endpoint)
			connection->client.endpoint = endpoint;
		else
			close_connection(connection);
	}
}
