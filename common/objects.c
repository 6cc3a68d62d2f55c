/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdio.h>

#include "common/objects.h"

#define MATCH_TEXT_MAX 40

static void ports_text(const struct sg_rule *rule, const char *name, char *buffer, size_t size)
{
	if (rule->from == rule->to)
		(void)snprintf(buffer, size, "%s/%d", name, rule->from);
	else
		(void)snprintf(buffer, size, "%s/%d-%d", name, rule->from, rule->to);
}

static void icmp_text(const struct sg_rule *rule, const char *name, char *buffer, size_t size)
{
	if (rule->from < 0)
		(void)snprintf(buffer, size, "%s", name);
	else
		(void)snprintf(buffer, size, "%s/%d/%d", name, rule->from, rule->to);
}

static void match_text(const struct sg_rule *rule, char *buffer, size_t size)
{
	switch (rule->protocol) {
	case PROTOCOL_ALL:
		(void)snprintf(buffer, size, "every protocol");
		break;
	case IPPROTO_TCP:
		ports_text(rule, "tcp", buffer, size);
		break;
	case IPPROTO_UDP:
		ports_text(rule, "udp", buffer, size);
		break;
	case IPPROTO_ICMP:
		icmp_text(rule, "icmp", buffer, size);
		break;
	case IPPROTO_ICMPV6:
		icmp_text(rule, "icmpv6", buffer, size);
		break;
	default:
		(void)snprintf(buffer, size, "protocol %d", rule->protocol);
	}
}

const char *direction_name(enum direction direction)
{
	return direction == DIRECTION_INGRESS ? "ingress" : "egress";
}

const char *rule_text(const struct sg_rule *rule, enum direction direction, char *buffer,
                      size_t size)
{
	char match[MATCH_TEXT_MAX];
	char prefix[PREFIX_TEXT_MAX];
	const char *peer = rule->peer_id;

	match_text(rule, match, sizeof(match));
	if (rule->peer == RULE_PEER_PREFIX)
		peer = prefix_text(&rule->prefix, prefix);
	(void)snprintf(buffer, size, "%s %s %s", match,
	               direction == DIRECTION_INGRESS ? "from" : "to", peer);
	return buffer;
}
