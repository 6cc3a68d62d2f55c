/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdio.h>

#include "nft-sync/answer/dns_permission.h"

#define DNS_PORT 53

struct question {
	const struct resolution *resolution;
	const struct branch *branch;
	const struct model *model;
	int protocol;
	int port;
	const struct prefix *server; /* NULL: anybody */
};

static bool list_permits(const struct question *question, const char *id)
{
	const struct prefix_list *list = model_prefix_list(question->model, id);

	if (list == NULL)
		return false;
	if (question->server == NULL)
		return list->entry_count > 0;
	for (size_t i = 0; i < list->entry_count; i++)
		if (prefix_contains(&list->entries[i], question->server))
			return true;
	return false;
}

static bool group_permits(const struct question *question, const char *id)
{
	const struct member_set *members = resolution_members(question->resolution, id);

	if (members == NULL)
		return false;
	if (question->server == NULL)
		return members->count > 0;
	return member_set_contains(members, question->server);
}

static bool rule_permits(const struct question *question, const struct sg_rule *rule)
{
	if (rule->protocol != PROTOCOL_ALL &&
	    (rule->protocol != question->protocol || rule->from > question->port ||
	     rule->to < question->port))
		return false;
	switch (rule->peer) {
	case RULE_PEER_PREFIX:
		return question->server == NULL || prefix_contains(&rule->prefix, question->server);
	case RULE_PEER_PREFIX_LIST:
		return list_permits(question, rule->peer_id);
	case RULE_PEER_GROUP:
		return group_permits(question, rule->peer_id);
	}
	return false;
}

static bool groups_permit(const struct question *question)
{
	for (size_t g = 0; g < question->branch->group_count; g++) {
		const struct security_group *group =
			model_group(question->model, question->branch->groups[g]);

		for (size_t i = 0; group != NULL && i < group->rule_count[DIRECTION_EGRESS]; i++)
			if (rule_permits(question, &group->rules[DIRECTION_EGRESS][i]))
				return true;
	}
	return false;
}

static bool all_servers(struct question question, int protocol)
{
	const struct resolution *resolution = question.resolution;

	question.protocol = protocol;
	question.port = DNS_PORT;
	if (resolution->dns_server_count == 0)
		return groups_permit(&question);
	for (size_t i = 0; i < resolution->dns_server_count; i++) {
		const struct dns_server *server = &resolution->dns_servers[i];

		question.server = &server->address;
		question.port = protocol == IPPROTO_UDP ? server->udp_port : server->tcp_port;
		if (!groups_permit(&question))
			return false;
	}
	return true;
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
	else
		(void)snprintf(ret->reason, sizeof(ret->reason), "no egress rule permits %s to %s",
		               what,
		               servers_known ? "the cluster DNS"
		                             : "anybody (the cluster DNS servers are not known)");
}

void dns_permission(const struct resolution *resolution, const struct branch *branch,
                    const struct model *model, struct dns_permission *ret)
{
	const struct question question = {
		.resolution = resolution, .branch = branch, .model = model};
	bool open = branch->state == BRANCH_OPEN;

	ret->udp = open && all_servers(question, IPPROTO_UDP);
	ret->tcp = open && all_servers(question, IPPROTO_TCP);
	explain(branch, resolution->dns_server_count > 0, ret);
}
