/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_head.h"
#include "common/http_server.h"

#define ANSWER_HEAD_MAX 256

struct client {
	struct http_server *server;
	uv_tcp_t tcp;
	uv_timer_t deadline;
	uv_write_t write;
	uv_shutdown_t shutdown;
	unsigned open_handles;
	bool closing;
	bool answered; /* what comes now is read only to be thrown away */
	char head[HTTP_SERVER_HEAD_MAX];
	size_t used;
	char answer_head[ANSWER_HEAD_MAX];
	char *body;
};

struct http_server {
	uv_tcp_t tcp;
	http_handler *handler;
	void *context;
	struct client *clients[HTTP_SERVER_CLIENTS_MAX]; /* the oldest first */
	size_t client_count;
	bool closing;
	unsigned references; /* the listening handle and every client */
};

static void server_unref(struct http_server *server)
{
	if (--server->references == 0)
		free(server);
}

static void client_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;
	if (--client->open_handles > 0)
		return;
	server_unref(client->server);
	free(client->body);
	free(client);
}

static void forget_client(struct http_server *server, const struct client *client)
{
	size_t kept = 0;
	for (size_t i = 0; i < server->client_count; i++)
		if (server->clients[i] != client)
			server->clients[kept++] = server->clients[i];
	server->client_count = kept;
}

static void client_close(struct client *client)
{
	if (client->closing)
		return;
	client->closing = true;
	forget_client(client->server, client);
	uv_close((uv_handle_t *)&client->tcp, client_closed);
	uv_close((uv_handle_t *)&client->deadline, client_closed);
}

static void client_late(uv_timer_t *timer)
{
	client_close(timer->data);
}

static int client_patience(struct client *client)
{
	return uv_timer_start(&client->deadline, client_late, HTTP_SERVER_SECONDS * 1000, 0);
}

static const char *reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	default:
		return "Internal Server Error";
	}
}

/* A connection closed with something unread is reset, and the answer may be lost with it. So our
 * side ends first, and the client's end or the deadline is waited for. */
static void client_shut(uv_shutdown_t *shutdown, int status)
{
	struct client *client = shutdown->data;
	if (status < 0)
		client_close(client);
}

static void client_written(uv_write_t *write, int status)
{
	struct client *client = write->data;
	if (client->closing)
		return;
	client->shutdown.data = client;
	if (status < 0 ||
	    uv_shutdown(&client->shutdown, (uv_stream_t *)&client->tcp, client_shut) < 0)
		client_close(client);
}

static void client_send(struct client *client, struct http_reply *reply, bool with_body)
{
	int length = snprintf(client->answer_head, sizeof(client->answer_head),
	                      "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	                      "%sCache-Control: no-store\r\nConnection: close\r\n\r\n",
	                      reply->status, reason(reply->status), reply->type, reply->length,
	                      reply->status == 405 ? "Allow: GET, HEAD\r\n" : "");
	uv_buf_t buffers[] = {
		uv_buf_init(client->answer_head, (unsigned)length),
		uv_buf_init(reply->body, with_body ? (unsigned)reply->length : 0),
	};
	client->body = reply->body;
	client->answered = true;
	client->write.data = client;
	if (client_patience(client) < 0 ||
	    uv_write(&client->write, (uv_stream_t *)&client->tcp, buffers, 2, client_written) < 0)
		client_close(client);
}

static void say_status(struct http_reply *reply)
{
	int length = asprintf(&reply->body, "%d %s\n", reply->status, reason(reply->status));
	if (length < 0)
		reply->body = NULL;
	reply->length = length < 0 ? 0 : (size_t)length;
}

static void client_answer(struct client *client, int status, const struct http_head *head)
{
	struct http_reply reply = {.status = status, .type = "text/plain; charset=utf-8"};
	if (status == 0) {
		reply.status = 404;
		client->server->handler(client->server->context, head->path, &reply);
	}
	if (!reply.body)
		say_status(&reply);
	client_send(client, &reply, head->method != HTTP_HEAD);
}

/* 0: to be handled; else the status that refuses it. */
static int judge_head(const char *text, size_t length, struct http_head *head)
{
	if (http_head_parse(text, length, head) < 0)
		return 400;
	return head->method == HTTP_OTHER ? 405 : 0;
}

static void client_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
	struct client *client = stream->data;
	struct http_head head = {.method = HTTP_OTHER};
	(void)buffer;
	if (got < 0)
		client_close(client);
	if (got < 0 || client->answered)
		return;
	client->used += (size_t)got;
	size_t length = http_head_length(client->head, client->used);
	if (length > 0)
		client_answer(client, judge_head(client->head, length, &head), &head);
	else if (client->used == sizeof(client->head))
		client_answer(client, 431, &head);
}

static void client_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct client *client = handle->data;
	size_t used = client->answered ? 0 : client->used;
	(void)suggested;
	buffer->base = client->head + used;
	buffer->len = sizeof(client->head) - used;
}

/* Whoever came first has had the longest time: with this, those who only hold connections can't
 * keep others out. */
static struct client *client_new(struct http_server *server)
{
	struct client *client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	if (server->client_count == HTTP_SERVER_CLIENTS_MAX)
		client_close(server->clients[0]);
	client->server = server;
	client->tcp.data = client;
	client->deadline.data = client;
	client->open_handles = 2;
	uv_tcp_init(server->tcp.loop, &client->tcp);
	uv_timer_init(server->tcp.loop, &client->deadline);
	server->references++;
	server->clients[server->client_count++] = client;
	return client;
}

static void server_connection(uv_stream_t *stream, int status)
{
	struct http_server *server = stream->data;
	struct client *client = status < 0 ? NULL : client_new(server);
	if (!client)
		return;
	if (uv_accept(stream, (uv_stream_t *)&client->tcp) < 0 || client_patience(client) < 0 ||
	    uv_read_start((uv_stream_t *)&client->tcp, client_buffer, client_read) < 0)
		client_close(client);
}

static int parse_address(const char *text, struct sockaddr_storage *ret)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	bool v6 = text[0] == '[';
	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	size_t length = (size_t)(colon - text);
	if (v6 && length < 2)
		return -EINVAL;
	memcpy(host, text + v6, length - 2 * (size_t)v6);
	host[length - 2 * (size_t)v6] = '\0';
	int port = (int)strtol(colon + 1, NULL, 10);
	return v6 ? uv_ip6_addr(host, port, (struct sockaddr_in6 *)ret)
	          : uv_ip4_addr(host, port, (struct sockaddr_in *)ret);
}

static int bind_to(struct http_server *server, const char *address)
{
	struct sockaddr_storage storage;
	int r = parse_address(address, &storage);
	return r < 0 ? r : uv_tcp_bind(&server->tcp, (const struct sockaddr *)&storage, 0);
}

/* Without a host it is every address of the node, IPv6 or not. */
static int bind_to_all(struct http_server *server, const char *port)
{
	char address[32];
	snprintf(address, sizeof(address), "[::]%s", port);
	int r = bind_to(server, address);
	if (r != UV_EAFNOSUPPORT)
		return r;
	snprintf(address, sizeof(address), "0.0.0.0%s", port);
	return bind_to(server, address);
}

static int bind_and_listen(struct http_server *server, const char *address)
{
	int r = address[0] == ':' ? bind_to_all(server, address) : bind_to(server, address);
	if (r == 0)
		r = uv_listen((uv_stream_t *)&server->tcp, HTTP_SERVER_CLIENTS_MAX,
		              server_connection);
	return r;
}

int http_server_open(uv_loop_t *loop, const char *address, http_handler *handler, void *context,
                     struct error *err, struct http_server **ret)
{
	struct http_server *server = calloc(1, sizeof(*server));
	if (!server)
		return error_set(err, -ENOMEM, "no memory");
	server->handler = handler;
	server->context = context;
	server->references = 1;
	server->tcp.data = server;
	uv_tcp_init(loop, &server->tcp);
	int r = bind_and_listen(server, address);
	if (r < 0) {
		http_server_close(server);
		return error_set(err, r, "cannot listen on %s: %s", address, uv_strerror(r));
	}
	*ret = server;
	return 0;
}

static void server_closed(uv_handle_t *handle)
{
	server_unref(handle->data);
}

void http_server_close(struct http_server *server)
{
	if (!server || server->closing)
		return;
	server->closing = true;
	while (server->client_count > 0)
		client_close(server->clients[0]);
	uv_close((uv_handle_t *)&server->tcp, server_closed);
}
