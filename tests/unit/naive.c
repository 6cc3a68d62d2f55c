/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/naive.h"

#define ICMP 1
#define TCP 6
#define UDP 17
#define ICMPV6 58

static unsigned bit(const uint8_t *address, unsigned number)
{
	return address[number / 8] >> (7 - number % 8) & 1;
}

static bool is_inside(const struct prefix *prefix, const struct naive_packet *packet)
{
	if (prefix->family != packet->family)
		return false;
	for (unsigned i = 0; i < prefix->length; i++) {
		if (bit(prefix->address, i) != bit(packet->peer, i))
			return false;
	}
	return true;
}

static bool is_inside_any(const struct prefix *prefixes, size_t count,
                          const struct naive_packet *packet)
{
	for (size_t i = 0; i < count; i++) {
		if (is_inside(&prefixes[i], packet))
			return true;
	}
	return false;
}

static bool is_in_list(const struct naive_world *world, const char *id,
                       const struct naive_packet *packet)
{
	for (size_t i = 0; i < world->list_count; i++) {
		const struct prefix_list *list = &world->lists[i];

		if (strcmp(list->id, id) == 0)
			return list->known &&
			       is_inside_any(list->entries, list->entry_count, packet);
	}
	return false;
}

static bool is_member(const struct naive_world *world, const char *group,
                      const struct naive_packet *packet)
{
	for (size_t i = 0; i < world->member_count; i++) {
		const struct naive_members *members = &world->members[i];

		if (strcmp(members->group, group) == 0)
			return is_inside_any(members->prefixes, members->count, packet);
	}
	return false;
}

static bool has_protocol(const struct sg_rule *rule, const struct naive_packet *packet)
{
	if (rule->protocol == -1)
		return true;
	if (rule->protocol == ICMP && packet->family != AF_INET)
		return false;
	if (rule->protocol == ICMPV6 && packet->family != AF_INET6)
		return false;
	return rule->protocol == packet->protocol;
}

static bool has_details(const struct sg_rule *rule, const struct naive_packet *packet)
{
	switch (rule->protocol) {
	case TCP:
	case UDP:
		return rule->from <= packet->port && packet->port <= rule->to;
	case ICMP:
	case ICMPV6:
		if (rule->from == -1)
			return true;
		if (rule->from != packet->icmp_type)
			return false;
		return rule->to == -1 || rule->to == packet->icmp_code;
	default:
		return true;
	}
}

static bool has_peer(const struct naive_world *world, const struct sg_rule *rule,
                     const struct naive_packet *packet)
{
	switch (rule->peer) {
	case RULE_PEER_PREFIX:
		return is_inside(&rule->prefix, packet);
	case RULE_PEER_PREFIX_LIST:
		return is_in_list(world, rule->peer_id, packet);
	case RULE_PEER_GROUP:
		return is_member(world, rule->peer_id, packet);
	}
	return false;
}

bool naive_permits(const struct naive_world *world, enum direction direction,
                   const struct naive_packet *packet)
{
	for (size_t i = 0; i < world->group_count; i++) {
		const struct security_group *group = world->groups[i];

		for (size_t j = 0; j < group->rule_count[direction]; j++) {
			const struct sg_rule *rule = &group->rules[direction][j];

			if (has_protocol(rule, packet) && has_details(rule, packet) &&
			    has_peer(world, rule, packet))
				return true;
		}
	}
	return false;
}
