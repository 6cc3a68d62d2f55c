/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdio.h>

#include "nft-sync/judge/dns_permission.h"
#include "nft-sync/judge/rule_match.h"

#define DNS_PORT 53

struct question {
	const struct resolution *resolution;
	const struct branch *branch;
	const struct judge_rules *rules;
	struct packet packet;
	bool anybody; /* no server is known: is there anyone it may ask? */
};

static bool permits_somebody(const struct question *question, const struct sg_rule *rule)
{
	const struct prefix_list *list;
	const struct member_set *members;

	switch (rule->peer) {
	case RULE_PEER_PREFIX:
		return true;
	case RULE_PEER_PREFIX_LIST:
		list = question->rules->prefix_list(question->rules->context, rule->peer_id);
		return list && list->known && list->entry_count > 0;
	case RULE_PEER_GROUP:
		members = resolution_members(question->resolution, rule->peer_id);
		return members && members->count > 0;
	}
	return false;
}

static bool rule_permits(const struct question *question, const struct sg_rule *rule)
{
	if (!rule_matches_service(rule, &question->packet, question->packet.port))
		return false;
	return question->anybody ? permits_somebody(question, rule)
	                         : rule_matches_peer(rule, question->resolution, question->rules,
	                                             &question->packet.destination);
}

static bool groups_permit(const struct question *question)
{
	const struct branch *branch = question->branch;

	for (size_t g = 0; g < branch->group_count; g++) {
		const struct security_group *group =
			question->rules->group(question->rules->context, branch->groups[g]);

		for (size_t i = 0; group && i < group->rule_count[DIRECTION_EGRESS]; i++)
			if (rule_permits(question, &group->rules[DIRECTION_EGRESS][i]))
				return true;
	}
	return false;
}

/* There are servers of that family, and each may be asked. */
static bool family_permitted(struct question *question, uint8_t family)
{
	const struct resolution *resolution = question->resolution;
	bool any = false;

	for (size_t i = 0; i < resolution->dns_server_count; i++) {
		const struct dns_server *server = &resolution->dns_servers[i];

		if (server->address.family != family)
			continue;
		any = true;
		question->packet.source.family = family;
		question->packet.destination = server->address;
		question->packet.port = question->packet.protocol == IPPROTO_UDP ? server->udp_port
		                                                                 : server->tcp_port;
		if (!groups_permit(question))
			return false;
	}
	return any;
}

static bool protocol_permitted(struct question question, uint8_t protocol)
{
	question.packet = (struct packet){.protocol = protocol, .port = DNS_PORT};
	question.anybody = question.resolution->dns_server_count == 0;
	if (question.anybody)
		return groups_permit(&question);
	return family_permitted(&question, AF_INET) || family_permitted(&question, AF_INET6);
}

static void explain(const struct branch *branch, bool servers_known, struct dns_permission *ret)
{
	const char *what = ret->udp ? "tcp/53" : ret->tcp ? "udp/53" : "udp/53 or tcp/53";

	ret->reason[0] = '\0';
	if (ret->udp && ret->tcp)
		return;
	if (branch->state == BRANCH_CLAIMED)
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "a newer pod has its address or VLAN");
	else if (branch->state == BRANCH_CLOSED)
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "none of its security groups is known");
	else if (branch->too_many_rules[DIRECTION_EGRESS])
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "its security groups have too many rules");
	else
		(void)snprintf(ret->reason, sizeof(ret->reason), "no egress rule permits %s to %s",
		               what,
		               servers_known ? "the cluster DNS"
		                             : "anybody (the cluster DNS servers are not known)");
}

void dns_permission(const struct resolution *resolution, const struct branch *branch,
                    const struct judge_rules *rules, struct dns_permission *ret)
{
	const struct question question = {
		.resolution = resolution, .branch = branch, .rules = rules};
	bool open = branch->state == BRANCH_OPEN && !branch->too_many_rules[DIRECTION_EGRESS];

	ret->udp = open && protocol_permitted(question, IPPROTO_UDP);
	ret->tcp = open && protocol_permitted(question, IPPROTO_TCP);
	explain(branch, resolution->dns_server_count > 0, ret);
}

static bool is_listened_on(const struct resolution *resolution, const struct prefix *address)
{
	const struct config *config = resolution->config;

	for (size_t i = 0; i < config->dns.listen_count; i++)
		if (prefix_equal(&config->dns.listen[i], address))
			return true;
	return false;
}

static bool has_ports(const struct packet *packet)
{
	return packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_TCP;
}

bool dns_is_query(const struct resolution *resolution, const struct packet *packet)
{
	return has_ports(packet) && packet->port == DNS_PORT &&
	       is_listened_on(resolution, &packet->destination);
}

bool dns_is_answer(const struct resolution *resolution, const struct packet *packet)
{
	return has_ports(packet) && packet->source_port == DNS_PORT &&
	       is_listened_on(resolution, &packet->source);
}

bool dns_led_server(const struct resolution *resolution, uint8_t family, size_t number,
                    const struct dns_server **ret)
{
	if (number >= DNS_LED_SERVERS_MAX)
		return false;
	for (size_t i = 0; i < resolution->dns_server_count; i++) {
		*ret = &resolution->dns_servers[i];
		if ((*ret)->address.family == family && number-- == 0)
			return true;
	}
	return false;
}
