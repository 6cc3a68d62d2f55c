/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_LISTENER_H
#define PODSG_DNS_LISTENER_H

/*
 * The sockets of one address and port: one for UDP and one for TCP a worker (SO_REUSEPORT). Opened
 * by the main thread, so that a reload that cannot have them is refused as a whole; shared by the
 * plans that listen there, closed with the last of them.
 */

#include "common/error.h"
#include "dnscache/node/handover.h"
#include "dnscache/serve/plan.h"

#define WORKERS_MAX 64

struct listener {
	_Atomic unsigned references;
	struct prefix address;
	uint16_t port;
	bool everywhere; /* answers must say which address they come from */
	unsigned workers;
	int udp[WORKERS_MAX];
	int tcp[WORKERS_MAX];
};

struct listener *listener_hold(struct listener *listener);
void listener_release(struct listener *listener); /* accepts NULL */

/* Gives every endpoint of a plan its sockets: those of the plan before, those that a former process
 * has left (handover may be NULL), or new ones, which are stored with the service manager. */
int listeners_attach(struct plan *plan, const struct plan *before, unsigned workers,
                     struct handover *handover, struct error *err);

/* Packets that found the receive queue full, over all workers. */
uint64_t listener_queue_drops(const struct listener *listener);

#endif
