/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "nft-sync/judge/rule_match.h"

static bool icmp_matches(const struct sg_rule *rule, const struct packet *packet)
{
	if (rule->from == -1)
		return true;
	return rule->from == packet->icmp_type && (rule->to == -1 || rule->to == packet->icmp_code);
}

bool rule_matches_service(const struct sg_rule *rule, const struct packet *packet, uint16_t port)
{
	uint8_t family = packet->source.family;

	if (rule->protocol == PROTOCOL_ALL)
		return true;
	if (rule->protocol != packet->protocol)
		return false;
	switch (rule->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return rule->from <= port && port <= rule->to;
	case IPPROTO_ICMP:
		return family == AF_INET && icmp_matches(rule, packet);
	case IPPROTO_ICMPV6:
		return family == AF_INET6 && icmp_matches(rule, packet);
	default:
		return true;
	}
}

static bool list_contains(const struct prefix_list *list, const struct prefix *address)
{
	if (!list || !list->known)
		return false;
	for (size_t i = 0; i < list->entry_count; i++)
		if (prefix_contains(&list->entries[i], address))
			return true;
	return false;
}

/* Unless the rule's peer is a group, of which the address says nothing. */
static bool matches_address(const struct sg_rule *rule, const struct judge_rules *rules,
                            const struct prefix *address)
{
	if (rule->peer == RULE_PEER_PREFIX)
		return prefix_contains(&rule->prefix, address);
	return rule->peer == RULE_PEER_PREFIX_LIST &&
	       list_contains(rules->prefix_list(rules->context, rule->peer_id), address);
}

bool rule_matches_peer(const struct sg_rule *rule, const struct resolution *resolution,
                       const struct judge_rules *rules, const struct prefix *peer)
{
	const struct member_set *members;

	if (rule->peer != RULE_PEER_GROUP)
		return matches_address(rule, rules, peer);
	members = resolution_members(resolution, rule->peer_id);
	return members && member_set_contains(members, peer);
}

bool rule_matches_member(const struct sg_rule *rule, const struct judge_rules *rules,
                         const struct rule_member *peer)
{
	if (rule->peer != RULE_PEER_GROUP)
		return peer->address && matches_address(rule, rules, peer->address);
	for (size_t i = 0; i < peer->group_count; i++)
		if (strcmp(peer->groups[i], rule->peer_id) == 0)
			return true;
	return false;
}

const char *protocol_text(int protocol, char buffer[static PROTOCOL_TEXT_MAX])
{
	switch (protocol) {
	case PROTOCOL_ALL:
		return "every protocol";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		(void)snprintf(buffer, PROTOCOL_TEXT_MAX, "protocol %d", protocol);
		return buffer;
	}
}
