/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdio.h>

#include "nft-sync/judge/near_rule.h"
#include "nft-sync/judge/rule_match.h"

#define ANOTHER_FAMILY (1U << 20) /* beyond every difference of ports */

enum distance { NAMED_SERVICE, PEER_ONLY, ANY_SERVICE, OTHER_PROTOCOL, SAME_PROTOCOL, FAR };

struct candidate {
	struct near_rule near;
	enum distance distance;
	uint32_t detail; /* orders rules of the same distance */
};

static const struct prefix *peer_of(const struct near_question *question)
{
	return question->direction == DIRECTION_EGRESS ? &question->packet->destination
	                                               : &question->packet->source;
}

static bool has_ports(int protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static bool names_service(const struct sg_rule *rule)
{
	if (rule->protocol == PROTOCOL_ALL)
		return false;
	return !has_ports(rule->protocol) || rule->from > 1 || rule->to < UINT16_MAX;
}

static uint32_t port_distance(const struct sg_rule *rule, uint16_t port)
{
	if (!has_ports(rule->protocol))
		return 0;
	if (port < rule->from)
		return (uint32_t)(rule->from - port);
	return port > rule->to ? (uint32_t)(port - rule->to) : 0;
}

static uint32_t port_width(const struct sg_rule *rule)
{
	return has_ports(rule->protocol) ? (uint32_t)(rule->to - rule->from) : 0;
}

static void measure_service(struct candidate *c, uint16_t port)
{
	const struct near_rule *near = &c->near;
	if (near->peer && !near->port) {
		c->distance = names_service(near->rule) ? NAMED_SERVICE : ANY_SERVICE;
		c->detail = port_width(near->rule);
	} else {
		c->distance = near->peer ? SAME_PROTOCOL : PEER_ONLY;
		c->detail = port_distance(near->rule, port);
	}
}

static void measure_protocol(struct candidate *c, const struct packet *packet, uint16_t port)
{
	const struct sg_rule *rule = c->near.rule;
	bool same_port = has_ports(rule->protocol) && has_ports(packet->protocol) &&
	                 port_distance(rule, port) == 0;
	c->distance = c->near.peer ? FAR : OTHER_PROTOCOL;
	c->detail = !same_port;
}

static struct candidate measure(const struct near_question *question,
                                const struct security_group *group, const struct sg_rule *rule)
{
	const struct packet *packet = question->packet;
	const struct prefix *peer = peer_of(question);
	struct candidate c = {.near = {.group = group, .rule = rule}};
	c.near.peer = !rule_matches_peer(rule, question->resolution, question->rules, peer);
	c.near.protocol = rule->protocol != PROTOCOL_ALL && rule->protocol != packet->protocol;
	c.near.port = !c.near.protocol && !rule_matches_service(rule, packet, question->port);
	if (c.near.protocol)
		measure_protocol(&c, packet, question->port);
	else
		measure_service(&c, question->port);
	if (rule->peer == RULE_PEER_PREFIX && rule->prefix.family != peer->family)
		c.detail += ANOTHER_FAMILY;
	return c;
}

static bool is_nearer(const struct candidate *a, const struct candidate *b)
{
	return a->distance != b->distance ? a->distance < b->distance : a->detail < b->detail;
}

bool near_rule_find(const struct near_question *question, struct near_rule *ret)
{
	const struct judge_rules *rules = question->rules;
	struct candidate best = {.distance = FAR};
	for (size_t i = 0; i < question->group_count; i++) {
		const struct security_group *group =
			rules->group(rules->context, question->groups[i]);
		for (size_t j = 0; group && j < group->rule_count[question->direction]; j++) {
			struct candidate c =
				measure(question, group, &group->rules[question->direction][j]);
			if (is_nearer(&c, &best))
				best = c;
		}
	}
	*ret = best.near;
	return best.distance != FAR;
}

static void port_sentence(const struct near_question *question, const struct sg_rule *rule,
                          char *text, size_t size)
{
	const struct packet *packet = question->packet;
	if (has_ports(rule->protocol) && rule->from == rule->to)
		snprintf(text, size, "port %u is not %d", question->port, rule->from);
	else if (has_ports(rule->protocol))
		snprintf(text, size, "port %u is not in %d-%d", question->port, rule->from,
		         rule->to);
	else if (rule->from != packet->icmp_type)
		snprintf(text, size, "type %u is not %d", packet->icmp_type, rule->from);
	else
		snprintf(text, size, "code %u is not %d", packet->icmp_code, rule->to);
}

static void protocol_sentence(const struct near_question *question, const struct sg_rule *rule,
                              char *text, size_t size)
{
	char ours[PROTOCOL_TEXT_MAX];
	char its[PROTOCOL_TEXT_MAX];
	snprintf(text, size, "%s is not %s", protocol_text(question->packet->protocol, ours),
	         protocol_text(rule->protocol, its));
}

static void peer_sentence(const struct near_question *question, const struct sg_rule *rule,
                          char *text, size_t size)
{
	char peer[PREFIX_TEXT_MAX];
	char prefix[PREFIX_TEXT_MAX];
	prefix_text(peer_of(question), peer);
	if (rule->peer == RULE_PEER_GROUP)
		snprintf(text, size, "%s is not a member of %s", peer, rule->peer_id);
	else
		snprintf(text, size, "%s is not in %s", peer,
		         rule->peer == RULE_PEER_PREFIX ? prefix_text(&rule->prefix, prefix)
		                                        : rule->peer_id);
}

const char *near_rule_text(const struct near_question *question, const struct near_rule *near,
                           char buffer[static NEAR_TEXT_MAX])
{
	char rule[RULE_TEXT_MAX];
	char service[64] = "";
	char peer[RULE_TEXT_MAX] = "";
	bool named = near->group->name[0] != '\0';
	rule_text(near->rule, question->direction, rule, sizeof(rule));
	if (near->protocol)
		protocol_sentence(question, near->rule, service, sizeof(service));
	else if (near->port)
		port_sentence(question, near->rule, service, sizeof(service));
	if (near->peer)
		peer_sentence(question, near->rule, peer, sizeof(peer));
	/* The documents have changed since the packet was dropped. */
	if (!near->protocol && !near->port && !near->peer)
		snprintf(service, sizeof(service), "permits it by now");
	snprintf(buffer, NEAR_TEXT_MAX, "%.64s%s%.100s%s %s: %s%s%s", near->group->id,
	         named ? " (" : "", near->group->name, named ? ")" : "", rule, service,
	         service[0] && peer[0] ? ", " : "", peer);
	return buffer;
}

struct near_question near_question_of(const struct resolution *resolution,
                                      const struct judge_rules *rules, const struct packet *packet,
                                      const struct branch *branch, enum direction direction,
                                      bool node_groups)
{
	struct near_question question = {.resolution = resolution,
	                                 .rules = rules,
	                                 .packet = packet,
	                                 .direction = direction,
	                                 .groups = branch->groups,
	                                 .group_count = branch->group_count,
	                                 .port = packet->port};
	if (node_groups) {
		question.groups = resolution->node_groups;
		question.group_count = resolution->node_group_count;
		if (direction == DIRECTION_INGRESS && !packet->answer)
			question.port = packet->original_port;
	}
	return question;
}
