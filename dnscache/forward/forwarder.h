/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_FORWARDER_H
#define PODSG_DNS_FORWARDER_H

/* What the parts of a forwarder share. */

#include "dnscache/forward/upstream.h"

struct exchange;
STAILQ_HEAD(exchange_queue, exchange);

struct forwarder {
	uv_loop_t *loop;
	const struct forward_settings *settings;
	uint16_t udp_size;
	bool closing;
	bool inside; /* somebody above us on the stack runs what is due */
	int epoll;   /* one for all sockets: a uv_poll each would cost five system calls more */
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned open_handles;
	unsigned period; /* ms of the timer, 0: it stands */
	unsigned in_flight;
	unsigned in_flight_max;
	LIST_HEAD(, exchange) exchanges;
	struct exchange_queue due; /* to be sent, as soon as no c-ares is on the stack */
	unsigned turn;             /* round_robin */
	struct forward_random random;
	struct forward_counters counters;
	size_t upstream_count;
	struct upstream upstreams[];
};

bool forwarder_healthy(const struct forwarder *forwarder); /* any upstream is up */

/*
 * Which upstreams a question goes to, the first first. Those that are down are left out, those
 * that may be come last. All down: one, whichever, unless failfast. Returns how many.
 */
size_t forward_policy_order(struct forwarder *forwarder,
                            uint8_t order[static FORWARD_UPSTREAMS_MAX]);

#endif
