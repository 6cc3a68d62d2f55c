/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RULE_SET_H
#define PODSG_RULE_SET_H

/*
 * The compiler: the rules of all groups of an interface, one direction, become normalised sets
 * that a kernel set with intervals can hold. It knows no kernel, no netlink and no JSON.
 *
 * A packet has one match class: PORTS (tcp, udp), ICMP (icmp in IPv4, icmpv6 in IPv6) or PROTOCOL
 * (everything else). It is permitted if
 *   - its peer address lies in a prefix of the ALL set of its family, or
 *   - a box of a set of its family and class contains (peer address, match), or
 *   - for some peer group, its peer address is a member and (all, or a span of its class contains
 *     the match).
 *
 * Boxes of one set never overlap: prefixes nest or are disjoint, and a box that overlaps one of a
 * shorter prefix sits in the set of the next depth. So there are never more boxes than pairs of a
 * rule and a prefix, however the rules overlap, and what another box covers whole is left out.
 */

#include "common/arena.h"
#include "common/error.h"
#include "common/objects.h"

enum match_class { MATCH_ALL, MATCH_PORTS, MATCH_ICMP, MATCH_PROTOCOL };
#define MATCH_CLASSES 4

/*
 * PORTS:    protocol 6 or 17, low..high the port range
 * ICMP:     protocol 1 or 58; high bytes the range of types, low bytes that of codes, each by
 *           itself: low 0x0800, high 0x08ff is type 8, all codes; 0x0000..0xffff is everything
 * PROTOCOL: the protocol number; low 0, high 0xffff
 * ALL:      protocol 0, low 0, high 0xffff
 */
struct span {
	uint8_t protocol;
	uint16_t low;
	uint16_t high;
};

struct box {
	struct prefix prefix;
	struct span span;
};

/* Boxes sorted by prefix_compare(), then protocol, then low. No two overlap. */
struct box_set {
	uint8_t family;
	enum match_class class;
	unsigned depth; /* 0 = outermost */
	struct box *boxes;
	size_t count;
};

/* A referenced group. Spans are sorted by protocol and low; none contains or, for PORTS, touches
 * another. MATCH_ALL is the flag and has no spans. */
struct peer_group {
	const char *id;
	bool all;
	struct span *spans[MATCH_CLASSES];
	size_t span_count[MATCH_CLASSES];
};

struct rule_set {
	struct arena *arena;  /* owns everything below, the ids too */
	struct box_set *sets; /* ordered by family, class, depth; none is empty */
	size_t set_count;
	struct peer_group *peers; /* by id; references to unknown groups are here too: no members */
	size_t peer_count;
	const char **missing_prefix_lists; /* referenced, not known, permit nothing; by id */
	size_t missing_prefix_list_count;
};

struct rule_set_input {
	enum direction direction;
	const struct security_group *const *groups;
	size_t group_count;
	/* The list of that id, or NULL where it is unknown. */
	const struct prefix_list *(*prefix_list)(void *context, const char *id);
	void *context;
};

#define RULE_SET_BOXES_MAX 65536 /* before normalisation, prefix lists expanded */

/* -E2BIG beyond the maximum, -ENOMEM. */
int rule_set_compile(const struct rule_set_input *input, struct rule_set **ret, struct error *err);
void rule_set_free(struct rule_set *set); /* accepts NULL */

size_t rule_set_elements(const struct rule_set *set); /* boxes and spans */

/* Membership by the definition above, for the daemon's own consistency checks and tests.
 * is_member may be NULL: nobody is. */
struct match {
	struct prefix peer; /* a whole address */
	uint8_t protocol;
	uint16_t value; /* tcp, udp: the destination port; icmp, icmpv6: type << 8 | code; else 0 */
};
bool rule_set_permits(const struct rule_set *set, const struct match *match,
                      bool (*is_member)(void *context, const char *group,
                                        const struct prefix *address),
                      void *context);

#endif
