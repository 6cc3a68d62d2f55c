/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TESTS_NAIVE_H
#define PODSG_TESTS_NAIVE_H

/*
 * The independent evaluator: EC2's rules read one by one, bit by bit, as their definition says. It
 * shares the objects with the product and no code, so that what both get wrong is wrong twice.
 */

#include "common/objects.h"

struct naive_members {
	const char *group;
	const struct prefix *prefixes;
	size_t count;
};

struct naive_world {
	const struct security_group *const *groups;
	size_t group_count;
	const struct prefix_list *lists;
	size_t list_count;
	const struct naive_members *members;
	size_t member_count;
};

/* What a security group sees of a packet. */
struct naive_packet {
	uint8_t family;
	uint8_t peer[16];
	uint8_t protocol;
	uint16_t port; /* tcp, udp: destination */
	uint8_t icmp_type;
	uint8_t icmp_code;
};

bool naive_permits(const struct naive_world *world, enum direction direction,
                   const struct naive_packet *packet);

#endif
