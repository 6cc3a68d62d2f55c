/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_PLAN_H
#define PODSG_DNS_PLAN_H

/*
 * A Corefile as the workers see it: which zones are served at which address. Made by the main
 * thread, never changed, shared by counting references; a reload makes another one.
 */

#include "dnscache/corefile/settings.h"
#include "dnscache/plugin/hosts.h"
#include "dnscache/tell/counters.h"

#define PLAN_ENDPOINTS_MAX 64

/* A server block and what was read for it. */
struct plan_block {
	const struct server_block *settings;
	struct hosts *hosts;       /* NULL: none */
	unsigned first_forwarder;  /* of its `forward` lines among all of the plan */
	_Atomic bool loop_seen;    /* a question of its own came back */
	_Atomic bool looping;      /* so nothing is forwarded */
	struct dns_name loop_name; /* that is asked to find out; length 0: no `loop` line */
};

/* A zone at an address. */
struct plan_zone {
	struct dns_name name; /* lower case */
	unsigned labels;
	struct plan_block *block;
	struct zone_counters *const *counters; /* of each worker */
};

struct plan_endpoint {
	struct prefix address; /* the unspecified one: all of the node's */
	uint16_t port;
	struct listener *listener;        /* its sockets; held. NULL: not opened yet */
	const struct server_block *first; /* whose `timeouts` count for connections */
	struct plan_zone *zones;          /* those with more labels first */
	size_t zone_count;
	struct zone_counters *const *dropped; /* of each worker: of queries of no zone */
};

struct plan {
	_Atomic unsigned references;
	struct corefile *corefile; /* the plan's own */
	struct plan_block *blocks;
	size_t block_count;
	struct plan_endpoint *endpoints;
	size_t endpoint_count;
	unsigned forwarder_count;
};

/* Takes the corefile, on failure too. counters outlive plans, so that a reload resets none.
 * addresses: where blocks without `bind` listen; none: everywhere. */
struct counter_table;
int plan_make(struct corefile *corefile, const struct prefix *addresses, size_t address_count,
              struct counter_table *counters, struct plan **ret, struct error *err);
struct plan *plan_hold(struct plan *plan);
void plan_release(struct plan *plan); /* accepts NULL */

const struct plan_endpoint *plan_endpoint(const struct plan *plan, const struct prefix *address,
                                          uint16_t port);

/* The zone with the most labels that the name is in; DS is asked of the parent's (RFC 4035
 * §3.1.4.1), if that is served here. NULL: none. */
const struct plan_zone *plan_zone_find(const struct plan_endpoint *endpoint,
                                       const struct dns_name *name, uint16_t type);

/* The index among the plan's forwarders of that which a name belongs to: the longest `forward FROM`
 * that it is under and not an exception of. -ENOENT: none. */
int plan_forwarder_find(const struct plan_block *block, const struct dns_name *name);

/* `cache` holds for this name. */
bool plan_is_cached(const struct plan_block *block, const struct dns_name *name);

#endif
