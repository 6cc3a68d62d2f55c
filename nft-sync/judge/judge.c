/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <string.h>

#include "nft-sync/judge/dns_permission.h"
#include "nft-sync/judge/rule_match.h"

#define ND_FIRST 133 /* router solicitation */
#define ND_LAST 137  /* redirect */
#define ND_HOP_LIMIT 255

/* One end of a packet while it is judged. */
struct end {
	const struct resolution *resolution;
	const struct judge_rules *rules;
	const struct packet *packet;
	const struct prefix *peer;
	const char *other; /* the interface on the other side, "" = the node itself */
	struct judgement *judgement;
};

static bool is_in_range(int32_t value, int32_t low, int32_t high)
{
	return low <= value && value <= high;
}

static const struct sg_rule *find_rule(const struct end *end, const struct security_group *group,
                                       uint16_t port)
{
	enum direction direction = end->judgement->direction;

	for (size_t i = 0; i < group->rule_count[direction]; i++) {
		const struct sg_rule *rule = &group->rules[direction][i];

		if (rule_matches_service(rule, end->packet, port) &&
		    rule_matches_peer(rule, end->resolution, end->rules, end->peer))
			return rule;
	}
	return NULL;
}

static bool groups_permit(const struct end *end, const char *const *ids, size_t count,
                          uint16_t port, const struct security_group **ret_group,
                          const struct sg_rule **ret_rule)
{
	for (size_t i = 0; i < count; i++) {
		const struct security_group *group = end->rules->group(end->rules->context, ids[i]);
		const struct sg_rule *rule = group != NULL ? find_rule(end, group, port) : NULL;

		if (rule == NULL)
			continue;
		*ret_group = group;
		*ret_rule = rule;
		return true;
	}
	return false;
}

static bool settle(const struct end *end, bool permitted, enum verdict_reason reason)
{
	end->judgement->permitted = permitted;
	end->judgement->reason = reason;
	return true;
}

static bool settle_exempt(const struct end *end, enum exemption exemption)
{
	end->judgement->exemption = exemption;
	return settle(end, true, REASON_EXEMPT);
}

static bool judge_neighbour(const struct end *end)
{
	const struct packet *packet = end->packet;

	if (packet->source.family != AF_INET6 || packet->protocol != IPPROTO_ICMPV6 ||
	    !is_in_range(packet->icmp_type, ND_FIRST, ND_LAST) || packet->hop_limit != ND_HOP_LIMIT)
		return false;
	return settle(end, true, REASON_NEIGHBOUR);
}

static bool judge_claimed(const struct end *end)
{
	if (end->judgement->branch->state != BRANCH_CLAIMED)
		return false;
	return settle(end, false, REASON_CLAIMED);
}

static bool judge_source(const struct end *end)
{
	const struct branch *branch = end->judgement->branch;

	if (end->judgement->direction != DIRECTION_EGRESS || !branch->source_dest_check ||
	    branch_has_address(branch, &end->packet->source))
		return false;
	return settle(end, false, REASON_SOURCE);
}

static bool is_hairpin(const struct end *end)
{
	return strcmp(end->other, end->judgement->branch->interface) == 0;
}

static bool judge_path(const struct end *end)
{
	const struct branch *branch = end->judgement->branch;

	if (!branch_is_strict_path(branch) || strcmp(end->other, branch->device) == 0 ||
	    is_hairpin(end))
		return false;
	return settle(end, false, REASON_PATH);
}

static bool is_dhcp(const struct packet *packet)
{
	bool v4 = packet->source.family == AF_INET;

	return packet->protocol == IPPROTO_UDP && packet->source_port == (v4 ? 68 : 546) &&
	       packet->port == (v4 ? 67 : 547);
}

static bool is_node_probe(const struct end *end)
{
	return end->judgement->direction == DIRECTION_INGRESS && end->other[0] == '\0' &&
	       end->judgement->branch->mode == MODE_STANDARD;
}

static bool judge_exempt(const struct end *end)
{
	const struct config *config = end->resolution->config;
	const struct packet *packet = end->packet;
	enum exemption service;

	if (is_hairpin(end) && config->exempt[EXEMPT_HAIRPIN])
		return settle_exempt(end, EXEMPT_HAIRPIN);
	if (packet->answer)
		return false;
	if (is_node_probe(end) && config->exempt[EXEMPT_NODE_PROBE])
		return settle_exempt(end, EXEMPT_NODE_PROBE);
	if (end->judgement->direction != DIRECTION_EGRESS)
		return false;
	if (is_dhcp(packet) && config->exempt[EXEMPT_DHCP])
		return settle_exempt(end, EXEMPT_DHCP);
	if (exempt_service_find(end->resolution, &packet->destination, packet->protocol,
	                        packet->port, &service))
		return settle_exempt(end, service);
	return false;
}

/*
 * The cache on this node asks the cluster's servers in the pod's place: who may ask them may ask
 * it. A rule for the address that it listens on is not asked for, and does not help.
 */
static bool judge_dns(const struct end *end)
{
	const struct branch *branch = end->judgement->branch;
	const struct packet *packet = end->packet;
	struct dns_permission dns;

	if (branch->mode != MODE_STANDARD || packet->answer)
		return false;
	if (end->judgement->direction == DIRECTION_INGRESS)
		return end->other[0] == '\0' && dns_is_answer(end->resolution, packet) &&
		       settle(end, true, REASON_DNS);
	if (!dns_is_query(end->resolution, packet))
		return false;
	dns_permission(end->resolution, branch, end->rules, &dns);
	if (packet->protocol == IPPROTO_UDP ? dns.udp : dns.tcp)
		return settle(end, true, REASON_DNS);
	return settle(end, false, REASON_NO_RULE);
}

static bool node_groups_are_known(const struct end *end)
{
	for (size_t i = 0; i < end->resolution->node_group_count; i++) {
		if (end->rules->group(end->rules->context, end->resolution->node_groups[i]) != NULL)
			return true;
	}
	return false;
}

static bool node_groups_are_asked(const struct end *end)
{
	if (end->judgement->branch->mode != MODE_STANDARD || !node_groups_are_known(end))
		return false;
	switch (end->resolution->config->standard_node_groups) {
	case NODE_GROUPS_CROSSING:
		return end->other[0] != '\0' &&
		       strcmp(end->other, end->resolution->primary_interface) == 0;
	case NODE_GROUPS_ALWAYS:
		return true;
	case NODE_GROUPS_NEVER:
		return false;
	}
	return false;
}

/* The fabric sees what comes in before the node's DNAT. */
static uint16_t port_in_fabric(const struct end *end)
{
	const struct packet *packet = end->packet;

	if (end->judgement->direction == DIRECTION_INGRESS && !packet->answer)
		return packet->original_port;
	return packet->port;
}

static bool judge_node_groups(const struct end *end)
{
	const struct resolution *resolution = end->resolution;
	struct judgement *judgement = end->judgement;

	if (!node_groups_are_asked(end))
		return false;
	if (!resolution->node_too_many_rules[judgement->direction] &&
	    groups_permit(end, resolution->node_groups, resolution->node_group_count,
	                  port_in_fabric(end), &judgement->node_group, &judgement->node_rule))
		return false;
	return settle(end, false, REASON_NODE_NO_RULE);
}

static bool judge_closed(const struct end *end)
{
	const struct judgement *judgement = end->judgement;

	if (judgement->branch->state != BRANCH_CLOSED &&
	    !judgement->branch->too_many_rules[judgement->direction])
		return false;
	return settle(end, false, REASON_CLOSED);
}

static bool judge_groups(const struct end *end)
{
	struct judgement *judgement = end->judgement;
	const struct branch *branch = judgement->branch;

	if (groups_permit(end, branch->groups, branch->group_count, end->packet->port,
	                  &judgement->group, &judgement->rule))
		return settle(end, true, REASON_RULE);
	return settle(end, false, REASON_NO_RULE);
}

/* In the order in which the kernel's chains ask; each says whether that settles it. */
static bool (*const steps[])(const struct end *end) = {
	judge_neighbour, judge_claimed,     judge_source, judge_path,   judge_exempt,
	judge_dns,       judge_node_groups, judge_closed, judge_groups,
};

static void judge_end(const struct resolution *resolution, const struct judge_rules *rules,
                      const struct packet *packet, enum direction direction,
                      struct verdict *verdict)
{
	bool egress = direction == DIRECTION_EGRESS;
	const struct branch *branch =
		resolution_branch(resolution, egress ? packet->in : packet->out);
	struct judgement *judgement = &verdict->ends[verdict->end_count];
	struct end end = {
		.resolution = resolution,
		.rules = rules,
		.packet = packet,
		.peer = egress ? &packet->destination : &packet->source,
		.other = egress ? packet->out : packet->in,
		.judgement = judgement,
	};

	if (branch == NULL)
		return;
	judgement->branch = branch;
	judgement->direction = direction;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i](&end))
			break;
	}
	verdict->end_count++;
	verdict->permitted = judgement->permitted;
}

void judge(const struct resolution *resolution, const struct judge_rules *rules,
           const struct packet *packet, struct verdict *ret)
{
	*ret = (struct verdict){.permitted = true};
	judge_end(resolution, rules, packet, DIRECTION_EGRESS, ret);
	if (ret->permitted)
		judge_end(resolution, rules, packet, DIRECTION_INGRESS, ret);
}

const char *verdict_reason_name(enum verdict_reason reason)
{
	static const char *const names[] = {
		[REASON_NOT_OURS] = "not-ours",
		[REASON_RULE] = "rule",
		[REASON_EXEMPT] = "exempt",
		[REASON_NEIGHBOUR] = "neighbour",
		[REASON_SOURCE] = "source",
		[REASON_PATH] = "path",
		[REASON_DNS] = "dns",
		[REASON_NO_RULE] = "rules",
		[REASON_NODE_NO_RULE] = "node-groups",
		[REASON_CLOSED] = "closed",
		[REASON_CLAIMED] = "claimed",
	};

	return names[reason];
}
