/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_FORWARD_H
#define PODSG_DNS_FORWARD_H

/*
 * Questions to upstream servers, by c-ares on a worker's loop. One forwarder a worker and `forward`
 * block: nothing in it is shared between threads, but for its counters, which another thread may
 * read.
 *
 * UDP goes from a socket that serves this question (and, past FORWARD_CHANNELS_MAX questions in
 * flight, a few others) and loses its port when it is answered: a fresh random port, connected, a
 * random id. TCP is one connection an upstream and worker, questions pipelined. An upstream that
 * fails max_fails times in a row is left out and looked at every health_interval until it answers.
 */

#include "common/error.h"
#include "dnscache/corefile/settings.h"
#include "dnscache/wire/dns.h"
#include "dnscache/wire/query.h"

#include <stdatomic.h>
#include <uv.h>

#define FORWARD_CHANNELS_MAX 32   /* UDP, of an upstream and worker */
#define FORWARD_DEADLINE 5000     /* ms for all tries together */
#define FORWARD_READ_TIMEOUT 2000 /* ms for one try */
#define FORWARD_IN_FLIGHT_MAX 1024

struct forwarder;

enum forward_outcome {
	FORWARD_ANSWERED,    /* message is an answer to this question, whole; with TC only if TCP
	                        failed */
	FORWARD_TIMED_OUT,   /* nobody answered in time */
	FORWARD_UNREACHABLE, /* refused, reset, no route */
	FORWARD_GARBAGE,     /* answers came, none of which was one to the question */
	FORWARD_BUSY,        /* max_concurrent, or too many in flight */
	FORWARD_DOWN,        /* all upstreams are down, and failfast is on */
	FORWARD_CANCELLED,   /* the forwarder was closed */
};

struct forward_result {
	enum forward_outcome outcome;
	const uint8_t *message; /* ANSWERED: until the callback returns */
	size_t size;
	const struct sockaddr *upstream; /* that gave the result; NULL: none was asked */
	bool tcp;
};

typedef void forward_done(void *context, const struct forward_result *result);

/* What the forwarders of a worker have in common; it outlives them. */
struct forward_share {
	unsigned workers;      /* that max_concurrent is divided among */
	unsigned channels_max; /* each costs 75 KB; an upstream has one, however many there are */
	unsigned channels;     /* that are open now */
};

/* settings must outlive it. udp_size: of our OPT. */
int forwarder_open(uv_loop_t *loop, const struct forward_settings *settings, uint16_t udp_size,
                   struct forward_share *share, struct forwarder **ret, struct error *err);
/* What is in flight is told FORWARD_CANCELLED, now; the memory goes when the loop has run. */
void forwarder_close(struct forwarder *forwarder);

/* client_tcp: the client came by TCP, so do we, unless prefer_udp. done is called exactly once and
 * never before this returns... it may be called from within when the result is at hand (BUSY). */
void forwarder_ask(struct forwarder *forwarder, const struct dns_question *question,
                   bool client_tcp, forward_done *done, void *context);

#define FORWARD_BUCKETS 17 /* 0.25 ms * 2^n, n < 16, and +Inf */
#define FORWARD_RCODES 24
struct upstream_counters { /* of one upstream; only its worker writes */
	_Atomic uint64_t requests;
	_Atomic uint64_t responses[FORWARD_RCODES]; /* by rcode; the last: all others */
	_Atomic uint64_t duration_bucket[FORWARD_RCODES][FORWARD_BUCKETS]; /* not cumulated */
	_Atomic uint64_t duration_sum[FORWARD_RCODES];                     /* microseconds */
	_Atomic uint64_t timeouts;
	_Atomic uint64_t mismatches; /* answers to nothing that was asked: spoofing, or late */
	_Atomic uint64_t health_failures;
	_Atomic uint64_t connections_new[2], connections_reused[2]; /* udp, tcp */
};
struct forward_counters {
	_Atomic uint64_t broken;  /* all upstreams down: one was asked all the same */
	_Atomic uint64_t rejects; /* max_concurrent */
};
size_t forwarder_upstream_count(const struct forwarder *forwarder);
const struct upstream_counters *forwarder_upstream(const struct forwarder *forwarder, size_t i,
                                                   const struct sockaddr **address);
const struct forward_counters *forwarder_counters(const struct forwarder *forwarder);

#endif
