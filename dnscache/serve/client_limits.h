/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_CLIENT_LIMITS_H
#define PODSG_DNS_CLIENT_LIMITS_H

/*
 * How much one client may take, by its address (of a pod, which cannot be forged behind its veth).
 * Tables of a fixed size: two clients that share a place share its limit.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct client_limits;

/* per_second: queries, 0 = any number; bursts of as many at once are let pass. outstanding: that
 * wait for an upstream; 0 = any number. NULL: no memory. Shared by all workers, without a lock. */
struct client_limits *client_limits_new(uint32_t per_second, uint32_t outstanding);
void client_limits_free(struct client_limits *limits); /* accepts NULL */

/* 0 where nothing is limited. */
uint32_t client_hash(const struct client_limits *limits, const struct sockaddr *address);

/* now: milliseconds. false: one too many. */
bool client_limits_query(struct client_limits *limits, uint32_t hash, uint64_t now);
/* One more that waits; false: one too many. Every true is undone once. */
bool client_limits_wait(struct client_limits *limits, uint32_t hash);
void client_limits_waited(struct client_limits *limits, uint32_t hash);

#endif
