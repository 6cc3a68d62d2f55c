/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_PEER_PORTS_H
#define PODSG_PEER_PORTS_H

/*
 * Which peer groups of a rule set may use which ports, turned round: for every range of ports the
 * groups that may. A packet then asks the members of these groups only, however many groups the
 * rules refer to.
 */

#include "nft-sync/compile/rule_set.h"

#define PEER_PORTS_PEERS_MAX 64   /* bits of a mask */
#define PEER_PORTS_LISTED_MAX 512 /* groups in all lists together */

struct peer_segment {
	uint8_t protocol;
	uint16_t low;
	uint16_t high;
	uint64_t peers; /* bit n: the n-th peer group of the rule set */
};

struct peer_ports {
	struct peer_segment *segments; /* by protocol and port; disjoint; none without peers */
	size_t segment_count;
	uint64_t *lists; /* the masks that occur, ascending */
	size_t list_count;
};

/*
 * 0 and no segments: no peer group has ports. -E2BIG: too many groups or lists; each group has to
 * be asked by itself. -ENOMEM.
 */
int peer_ports_make(const struct rule_set *set, struct peer_ports *ret);
void peer_ports_done(struct peer_ports *ports);

#endif
