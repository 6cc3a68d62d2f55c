/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dnscache/wire/dns.h"
#include "tests/unit/dns_upstream.h"

#define STREAM_MAX 65536
#define PORT_TRIES 50

struct upstream_client {
	struct dns_upstream *upstream;
	uv_tcp_t tcp;
	LIST_ENTRY(upstream_client) link;
	bool closing;
	size_t used;
	uint8_t stream[STREAM_MAX];
};

struct writing {
	uv_write_t write;
	uint8_t bytes[];
};

static void note(struct dns_upstream *upstream, const struct upstream_query *query)
{
	unsigned all = upstream->udp_queries + upstream->tcp_queries;
	if (all < UPSTREAM_SEEN_MAX)
		upstream->ids[all] = dns_u16(query->bytes);
	if (query->client) {
		upstream->tcp_queries++;
	} else {
		if (upstream->udp_queries < UPSTREAM_SEEN_MAX)
			upstream->ports[upstream->udp_queries] = ntohs(query->from.sin_port);
		upstream->udp_queries++;
	}
	if (upstream->script)
		upstream->script(upstream, query);
}

static void udp_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	static char room[STREAM_MAX];
	(void)handle;
	(void)suggested;
	*buffer = uv_buf_init(room, sizeof(room));
}

static void udp_received(uv_udp_t *udp, ssize_t got, const uv_buf_t *buffer,
                         const struct sockaddr *from, unsigned flags)
{
	(void)flags;
	if (got < DNS_HEADER_SIZE || !from)
		return;
	struct upstream_query query = {.bytes = (uint8_t *)buffer->base, .size = (size_t)got};
	memcpy(&query.from, from, sizeof(query.from));
	note(udp->data, &query);
}

static void client_closed(uv_handle_t *handle)
{
	struct upstream_client *client = handle->data;
	LIST_REMOVE(client, link);
	free(client);
}

void dns_upstream_hang_up(struct upstream_client *client)
{
	if (client->closing)
		return;
	client->closing = true;
	uv_close((uv_handle_t *)&client->tcp, client_closed);
}

void dns_upstream_write(struct upstream_client *client, const uint8_t *bytes, size_t size)
{
	uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)size);
	/* It may have hung up already. */
	(void)uv_try_write((uv_stream_t *)&client->tcp, &buffer, 1);
}

static void client_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct upstream_client *client = handle->data;
	(void)suggested;
	*buffer = uv_buf_init((char *)client->stream + client->used,
	                      (unsigned)(sizeof(client->stream) - client->used));
}

static void client_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
	struct upstream_client *client = stream->data;
	(void)buffer;
	if (got < 0) {
		dns_upstream_hang_up(client);
		return;
	}
	client->used += (size_t)got;
	size_t at = 0;
	while (!client->closing && client->used - at >= 2 &&
	       client->used - at - 2 >= dns_u16(client->stream + at)) {
		struct upstream_query query = {.bytes = client->stream + at + 2,
		                               .size = dns_u16(client->stream + at),
		                               .client = client};
		at += 2 + query.size;
		note(client->upstream, &query);
	}
	client->used -= at;
	memmove(client->stream, client->stream + at, client->used);
}

static void connected(uv_stream_t *stream, int status)
{
	struct dns_upstream *upstream = stream->data;
	struct upstream_client *client = calloc(1, sizeof(*client));
	assert_int_equal(status, 0);
	assert_non_null(client);
	client->upstream = upstream;
	client->tcp.data = client;
	upstream->connections++;
	LIST_INSERT_HEAD(&upstream->clients, client, link);
	assert_int_equal(uv_tcp_init(upstream->loop, &client->tcp), 0);
	assert_int_equal(uv_accept(stream, (uv_stream_t *)&client->tcp), 0);
	assert_int_equal(uv_read_start((uv_stream_t *)&client->tcp, client_buffer, client_read), 0);
}

static int open_port(struct dns_upstream *upstream)
{
	int size = sizeof(upstream->address);
	upstream->address = (struct sockaddr_in){.sin_family = AF_INET,
	                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(uv_tcp_init(upstream->loop, &upstream->tcp), 0);
	assert_int_equal(uv_udp_init(upstream->loop, &upstream->udp), 0);
	assert_int_equal(uv_tcp_bind(&upstream->tcp, (struct sockaddr *)&upstream->address, 0), 0);
	assert_int_equal(
		uv_tcp_getsockname(&upstream->tcp, (struct sockaddr *)&upstream->address, &size),
		0);
	return uv_udp_bind(&upstream->udp, (struct sockaddr *)&upstream->address, 0);
}

void dns_upstream_open(struct dns_upstream *upstream, uv_loop_t *loop, upstream_script *script)
{
	(void)signal(SIGPIPE, SIG_IGN); /* libuv writes without MSG_NOSIGNAL */
	memset(upstream, 0, sizeof(*upstream));
	upstream->loop = loop;
	upstream->script = script;
	LIST_INIT(&upstream->clients);
	/* A port that is free for TCP may be taken for UDP. */
	for (int i = 0; open_port(upstream) < 0; i++) {
		assert_true(i < PORT_TRIES);
		uv_close((uv_handle_t *)&upstream->tcp, NULL);
		uv_close((uv_handle_t *)&upstream->udp, NULL);
		(void)uv_run(loop, UV_RUN_NOWAIT);
	}
	upstream->tcp.data = upstream;
	upstream->udp.data = upstream;
	assert_int_equal(uv_listen((uv_stream_t *)&upstream->tcp, 128, connected), 0);
	assert_int_equal(uv_udp_recv_start(&upstream->udp, udp_buffer, udp_received), 0);
}

void dns_upstream_close(struct dns_upstream *upstream)
{
	struct upstream_client *client;
	LIST_FOREACH(client, &upstream->clients, link)
	dns_upstream_hang_up(client);
	uv_close((uv_handle_t *)&upstream->tcp, NULL);
	uv_close((uv_handle_t *)&upstream->udp, NULL);
}

static void written(uv_write_t *write, int status)
{
	(void)status;
	free(write->data);
}

void dns_upstream_send(struct dns_upstream *upstream, const struct upstream_query *query,
                       const uint8_t *bytes, size_t size)
{
	if (!query->client) {
		uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)size);
		(void)uv_udp_try_send(&upstream->udp, &buffer, 1,
		                      (const struct sockaddr *)&query->from);
		return;
	}
	struct writing *writing = malloc(sizeof(*writing) + size + 2);
	assert_non_null(writing);
	dns_put_u16(writing->bytes, (uint16_t)size);
	memcpy(writing->bytes + 2, bytes, size);
	writing->write.data = writing;
	uv_buf_t buffer = uv_buf_init((char *)writing->bytes, (unsigned)size + 2);
	assert_int_equal(
		uv_write(&writing->write, (uv_stream_t *)&query->client->tcp, &buffer, 1, written),
		0);
}

size_t dns_upstream_reply(const struct upstream_query *query, uint16_t flags, size_t size,
                          uint8_t ret[static UPSTREAM_REPLY_MAX])
{
	size_t head = DNS_HEADER_SIZE;
	while (query->bytes[head] != 0)
		head += query->bytes[head] + 1U;
	head += 5;
	memcpy(ret, query->bytes, head);
	dns_put_u16(ret + 2, flags);
	dns_put_u16(ret + 10, 0);
	if (size <= head)
		return head;
	memset(ret + head, 'x', size - head);
	return size;
}

void dns_upstream_answers(struct dns_upstream *upstream, const struct upstream_query *query)
{
	uint8_t reply[UPSTREAM_REPLY_MAX];
	size_t size = dns_upstream_reply(query, DNS_FLAG_QR | DNS_FLAG_RA, 0, reply);
	dns_upstream_send(upstream, query, reply, size);
}
