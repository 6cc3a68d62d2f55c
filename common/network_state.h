/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NETWORK_STATE_H
#define PODSG_NETWORK_STATE_H

/*
 * What the kernel holds of pods in this network namespace: links, the ip rules and the routes that
 * the VPC CNI makes, in both families. Plain data, with the means to take single things away.
 */

#include "common/address.h"
#include "common/arena.h"
#include "common/error.h"
#include "common/netlink.h"
#include "common/vector.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BRANCH_DEVICE_PREFIX "vlan.eth."
#define BRANCH_TABLE_BASE 100U /* VLAN n has table 100 + n */
#define BRANCH_VLAN_MAX 120U   /* of one trunk; 154 would be table main */
#define MAIN_TABLE 254U

enum pod_rule_priority {
	RULE_OF_INTERFACE = 10,   /* iif vlan.eth.N or the strict pod's veth, lookup 100 + N */
	RULE_TO_ADDRESS = 512,    /* lookup main */
	RULE_FROM_ADDRESS = 1536, /* lookup 100 + N, or the table of an ENI */
};

struct network_link {
	unsigned index;
	char name[16];
	bool is_veth;
	int peer_namespace; /* our number for the one that its other end is in; -1: this, or none */
};

/* Only what looks up a table and has no other conditions than these. */
struct network_rule {
	struct nlmsghdr *message; /* as the kernel wrote it */
	uint8_t family;
	uint32_t priority;
	uint32_t table;
	char in[16];               /* "" = any interface */
	struct prefix source;      /* length 0 = any */
	struct prefix destination; /* length 0 = any */
	size_t order;              /* of all rules */
};

struct network_route {
	struct nlmsghdr *message;
	uint32_t table;
	unsigned link; /* its index; 0 = none, or several */
	bool is_unicast;
	struct prefix destination;
};

/*
 * rules: of the three priorities. routes: of the tables of VLANs, and those of table main that lead
 * to one whole address. They were read in the order rules, routes, links, in the opposite of which
 * the VPC CNI makes them: the interfaces of a rule that is here are here if they exist.
 */
struct network_state {
	struct arena *arena;
	struct vector links;
	struct vector rules;
	struct vector routes;
	struct vector shadows; /* rules with more conditions, as far as they are understood */
};

/* -EINTR: it changed all the time. -EFBIG: more than anybody's node has. */
int network_state_read(struct netlink *netlink, struct network_state *ret, struct error *err);
/* All rules, but of the routes only those to the addresses, and of the links those that these
 * routes lead to and the one of that name: a node's other pods cost next to nothing. */
struct network_scope {
	const struct prefix *addresses;
	size_t address_count;
	const char *link;
	bool main_only; /* no routes of other tables */
};
int network_state_read_about(struct netlink *netlink, const struct network_scope *scope,
                             struct network_state *ret, struct error *err);
void network_state_done(struct network_state *state); /* accepts a zeroed one */

/* Our number for the network namespace that fd is open on, which the kernel has given when it first
 * showed a link into it; -1: none yet. */
int network_namespace_number(struct netlink *netlink, int fd, int *ret);

/* for (NETWORK_EACH(rule, item, state)): item is a const struct network_rule *. */
#define NETWORK_EACH(type, item, state)                                                            \
	const struct network_##type *item = (state)->type##s.items,                                \
				    *item##_end = item + (state)->type##s.count;                   \
	item < item##_end;                                                                         \
	item++

unsigned branch_table_vlan(uint32_t table); /* 0: not the table of a VLAN */
const struct network_link *network_link_named(const struct network_state *state, const char *name);
const struct network_link *network_link_at(const struct network_state *state, unsigned index);
bool network_rule_equal(const struct network_rule *a, const struct network_rule *b);

#define NETWORK_TEXT_MAX 192
/* As `ip` has it: "ip -6 rule 10 iif vlan.eth.3 lookup 103". Return buffer. */
const char *network_rule_text(const struct network_rule *rule,
                              char buffer[static NETWORK_TEXT_MAX]);
const char *network_route_text(const struct network_route *route, const struct network_state *state,
                               char buffer[static NETWORK_TEXT_MAX]);

/* The kernel deletes the first rule that has all that is asked for, whatever else it has. This says
 * whether that would be somebody else's. */
bool network_rule_is_shadowed(const struct network_state *state, const struct network_rule *rule);

/* 0 also where it is gone already. A link is found by its index alone, which no later one gets. */
int network_link_delete(struct netlink *netlink, unsigned index);
int network_rule_delete(struct netlink *netlink, const struct network_rule *rule);
int network_route_delete(struct netlink *netlink, const struct network_route *route);
int network_rule_add(struct netlink *netlink, const struct network_rule *rule); /* 0: it is there */

#endif
