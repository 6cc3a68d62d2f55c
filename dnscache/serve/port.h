/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_PORT_H
#define PODSG_DNS_PORT_H

/* A worker's share of a listener: its two sockets on its loop. */

#include "dnscache/serve/listener.h"

#include <uv.h>

struct worker;

struct port {
	struct port *next;
	uv_poll_t udp;
	uv_poll_t tcp;
	unsigned open_handles;
	bool accepts_later; /* descriptors have run out */
	struct worker *worker;
	const struct plan_endpoint *endpoint; /* of the worker's current plan */
	struct listener *listener;            /* held */
};

/* The worker listens where the plan does; NULL: nowhere. The sockets stay open: they are the
 * plan's, and queries go on queueing in them. -ENOMEM: not everywhere. */
int ports_follow(struct worker *worker, const struct plan *plan);

void ports_tick(struct worker *worker);

/* As much as is good for a turn; returns whether there may be more. */
bool port_read_udp(struct port *port);   /* udp.c */
bool port_accept_tcp(struct port *port); /* tcp.c */

#endif
