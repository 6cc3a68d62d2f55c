/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TESTS_DNS_UPSTREAM_H
#define PODSG_TESTS_DNS_UPSTREAM_H

/* A DNS server on 127.0.0.1, UDP and TCP at one port, that answers as the test scripts it. It runs
 * on the loop of what is tested, so that every run is the same. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#define UPSTREAM_SEEN_MAX 4096

struct dns_upstream;
struct upstream_client;

struct upstream_query {
	const uint8_t *bytes; /* until the script returns */
	size_t size;
	struct upstream_client *client; /* TCP; NULL: UDP */
	struct sockaddr_in from;
};

typedef void upstream_script(struct dns_upstream *upstream, const struct upstream_query *query);

struct dns_upstream {
	uv_loop_t *loop;
	uv_udp_t udp;
	uv_tcp_t tcp;
	struct sockaddr_in address;
	upstream_script *script; /* NULL: silence */
	unsigned udp_queries, tcp_queries, connections;
	uint16_t ports[UPSTREAM_SEEN_MAX]; /* of the first clients by UDP */
	uint16_t ids[UPSTREAM_SEEN_MAX];   /* of the first questions */
	LIST_HEAD(, upstream_client) clients;
};

void dns_upstream_open(struct dns_upstream *upstream, uv_loop_t *loop, upstream_script *script);
void dns_upstream_close(struct dns_upstream *upstream); /* done when the loop has run */
void dns_upstream_hang_up(struct upstream_client *client);
/* Bytes as they are, without a length before them; they must fit into the socket's buffer. */
void dns_upstream_write(struct upstream_client *client, const uint8_t *bytes, size_t size);

void dns_upstream_send(struct dns_upstream *upstream, const struct upstream_query *query,
                       const uint8_t *bytes, size_t size);
/* Header and question of the query with these flags, then filler bytes up to size (0: none). */
#define UPSTREAM_REPLY_MAX 65535
size_t dns_upstream_reply(const struct upstream_query *query, uint16_t flags, size_t size,
                          uint8_t ret[static UPSTREAM_REPLY_MAX]);

/* Scripts. */
upstream_script dns_upstream_answers;

#endif
