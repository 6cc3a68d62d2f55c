/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_PERMISSION_H
#define PODSG_DNS_PERMISSION_H

/*
 * Whether a pod's groups let it ask the cluster's DNS servers, and so the node's cache, which asks
 * them for it: judge, renderer and branches.json share the answer.
 */

#include "nft-sync/judge/judge.h"

#define DNS_REASON_MAX 192

struct dns_permission {
	bool udp;
	bool tcp;
	char reason[DNS_REASON_MAX]; /* why not; "" = both are permitted */
};

/*
 * Every server of one family must be permitted, for a resolver may ask any, but asks in its own
 * family. Where none is known, a rule that permits port 53 to anybody at all will do, and the
 * reason says so. The mode makes no difference.
 */
void dns_permission(const struct resolution *resolution, const struct branch *branch,
                    const struct judge_rules *rules, struct dns_permission *ret);

/* Whether a packet is a query to an address that the cache listens on (dns.listen). */
bool dns_is_query(const struct resolution *resolution, const struct packet *packet);
/* Whether it is an answer from one. */
bool dns_is_answer(const struct resolution *resolution, const struct packet *packet);

/*
 * The number-th of the cluster's servers of a family that a strict pod's query to a node-local
 * address is led to. False: there are no more.
 */
#define DNS_LED_SERVERS_MAX 16
bool dns_led_server(const struct resolution *resolution, uint8_t family, size_t number,
                    const struct dns_server **ret);

#endif
