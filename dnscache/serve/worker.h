/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_WORKER_H
#define PODSG_DNS_WORKER_H

/*
 * A worker: a thread with an event loop, its own sockets (listener.h), its own questions upstream.
 * Workers share the cache, the plan, the table of branch interfaces, that of questions in flight
 * (flights.h) and that of failures (failures.h), and wait for nobody. The main thread gives orders,
 * which a worker takes up when its loop turns.
 */

#include "dnscache/cache/cache.h"
#include "dnscache/forward/forward.h"
#include "dnscache/node/branches.h"
#include "dnscache/serve/client_limits.h"
#include "dnscache/serve/failures.h"
#include "dnscache/serve/flights.h"
#include "dnscache/serve/plan.h"
#include "dnscache/wire/cookie.h"

#include <stdatomic.h>

struct worker;

/* branches.json as it stands. The main thread makes and frees it: when no worker reads it any more.
 */
struct permissions {
	struct permissions *next; /* of those that are to be freed */
	_Atomic unsigned readers;
	struct branches *branches;
};

/* What all workers share; it outlives them. */
struct worker_shared {
	struct cache *cache;
	struct client_limits *limits;
	struct flights *flights;
	struct failures *failures;
	unsigned workers;
	uint8_t cookie_secret[DNS_COOKIE_SECRET];
};

/* The plan's endpoints have their sockets. The worker holds it for itself. permissions: as
 * worker_set_permissions() has it. */
int worker_start(const struct worker_shared *shared, unsigned index, struct plan *plan,
                 struct permissions *permissions, struct worker **ret, struct error *err);
void worker_set_plan(struct worker *worker, struct plan *plan);
/* Counted as its reader until it gets others; NULL: nothing is restricted. */
void worker_set_permissions(struct worker *worker, struct permissions *permissions);
/* Stops taking queries, but for those that are in its sockets already; questions in flight are
 * answered first, for at most so many milliseconds. What comes
 * then waits for a successor, or is refused. */
void worker_stop(struct worker *worker, unsigned milliseconds, bool successor);
void worker_join(struct worker *worker); /* waits for its end and frees it */

const struct worker_counters *worker_counters(const struct worker *worker);

/* Calls visit for every upstream of this worker, those of plans that are gone in one sum an
 * address. The worker opens no forwarder meanwhile. */
void worker_each_upstream(struct worker *worker,
                          void (*visit)(void *context, const struct sockaddr *address,
                                        const struct upstream_counters *counters),
                          void *context);
/* Sum over its forwarders, the past ones' included. */
void worker_forward_counters(struct worker *worker, uint64_t *broken, uint64_t *rejects);

#endif
