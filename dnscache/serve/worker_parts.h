/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_WORKER_PARTS_H
#define PODSG_DNS_WORKER_PARTS_H

/* The inside of a worker, for the files of serve/ that make it up. */

#include "dnscache/serve/listener.h"
#include "dnscache/serve/task.h"
#include "dnscache/serve/worker.h"
#include "dnscache/tell/counters.h"
#include "dnscache/wire/reply.h"

#include <pthread.h>
#include <uv.h>

struct port;
struct tcp_connection;
struct udp_batch;

/* Where a query came from and its answer goes. */
struct client {
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} address;
	struct in6_addr local; /* where the listener is everywhere: the address that was asked */
	const struct plan_endpoint *endpoint;
	struct tcp_connection *connection; /* NULL: UDP */
	uint64_t received;                 /* microseconds of the worker's clock */
};

/* A plan at work: with the worker's own forwarders. It goes when it is not the current one and no
 * task of it is left. */
struct worker_plan {
	struct worker_plan *next;
	struct plan *plan; /* held */
	struct forwarder **forwarders;
	unsigned tasks;
};

/* Upstreams' counters that outlive their forwarders. */
struct past_upstream {
	struct past_upstream *next;
	struct sockaddr_in6 address;
	struct upstream_counters counters;
};

struct worker {
	const struct worker_shared *shared;
	unsigned index;
	pthread_t thread;
	uv_loop_t loop;
	uv_async_t wake;
	uv_timer_t tick; /* TICK_MILLISECONDS: idle connections, stale answers, the sign of life */

	/* Orders of the main thread; taken with an exchange. */
	_Atomic(struct plan *) next_plan;
	_Atomic(struct permissions *) next_permissions;
	_Atomic bool permissions_ordered;
	_Atomic unsigned stop_within; /* milliseconds and 1; 0: go on */
	_Atomic bool successor;       /* takes what comes from then on */

	struct forward_share share;
	struct worker_plan *current;
	struct worker_plan *older; /* that still have tasks */
	struct permissions *permissions;
	struct port *ports;
	struct udp_batch *batch;
	struct tcp_table *connections;
	struct task_table *tasks;
	struct dns_answer *scratch; /* DNS_ANSWER_MAX bytes: a copy out of the cache */
	uint8_t *reply;             /* DNS_MESSAGE_MAX bytes: an answer that goes out later */
	uint8_t *tcp_reply;         /* likewise: one that goes out at once */
	bool stopping;
	unsigned last_turns; /* before it does */
	uint64_t stop_at;    /* milliseconds of the loop */

	uint64_t now_us; /* CLOCK_MONOTONIC, when this turn of the loop began */
	uint32_t now;    /* its seconds */
	uint32_t turn;   /* of loadbalance */
	const struct plan *loop_checked;
	uint64_t next_loop_check; /* milliseconds */

	pthread_mutex_t
		forwarders_lock; /* while they are opened and closed, and while they are read */
	struct past_upstream *past;
	uint64_t past_broken, past_rejects;

	struct worker_counters counters;
};

#define TICK_MILLISECONDS 100
#define WORKER_CHANNELS 40 /* of c-ares, over all upstreams: 3 MB */

/* worker.c */
void worker_clock(struct worker *worker); /* once a turn of the loop, before work */

/* A query between serve_begin() and serve_end(), both of serve.c. */
struct serving {
	struct worker *worker;
	const struct client *client;
	const struct plan_zone *zone; /* NULL: none, or the query is no good */
	struct zone_counters *counters;
	enum dns_query_verdict verdict;
	struct dns_query query;
	struct cache_key key; /* where there is a zone */
	struct dns_reply_form form;
	uint8_t cookie[DNS_SERVER_COOKIE];
	uint32_t hash; /* of the client */
	uint8_t *out;
};

/* Reads the query, whose packet and client stay where they are until serve_end(). Who has several
 * begins all before the first is ended, and tells serve_prefetch() of each a little ahead: then
 * nobody waits for memory. */
void serve_begin(struct serving *serving, struct worker *worker, const struct client *client,
                 const uint8_t *packet, size_t size);
void serve_prefetch(const struct serving *serving);
/* Returns the size of the answer in out, or 0: none, or later. *counted gets the counters that its
 * duration goes to, or NULL. */
size_t serve_end(struct serving *serving, uint8_t *out, size_t room,
                 struct zone_counters **counted);

/* What a reply to this query looks like; cookie has DNS_SERVER_COOKIE bytes that form points to. */
void serve_form(const struct worker *worker, const struct client *client,
                const struct dns_query *query, uint16_t udp_size, uint8_t *cookie,
                struct dns_reply_form *ret);
void serve_count_reply(struct zone_counters *counters, const struct client *client, size_t size,
                       uint16_t rcode, enum count_source source);

/* udp.c */
struct udp_batch *udp_batch_new(void); /* freed with free(); NULL: no memory */
void udp_send(struct worker *worker, const struct client *client, const uint8_t *message,
              size_t size);

/* tcp_connection.c */
int tcp_table_open(struct worker *worker);
/* Connections go on under a new plan where it listens at their address, else they end. */
void tcp_connections_follow(struct worker *worker, const struct plan *plan);
void tcp_send(struct tcp_connection *connection, const uint8_t *message, size_t size);
void tcp_hold(struct tcp_connection *connection); /* a query of it waits */
void tcp_release(struct tcp_connection *connection);
void tcp_tick(struct worker *worker);
bool tcp_busy(const struct worker *worker);
void tcp_close_all(struct worker *worker);

#endif
