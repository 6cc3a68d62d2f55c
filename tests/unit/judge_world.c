/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <string.h>

#include "tests/unit/judge_world.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ANYWHERE .prefix = {.family = AF_INET}
#define ANYWHERE_V6 .prefix = {.family = AF_INET6}

static struct sg_rule web_ingress[] = {
	{IPPROTO_TCP, 443, 443, RULE_PEER_PREFIX, {AF_INET, 8, {10}}, NULL, "first"},
	{IPPROTO_TCP, 443, 443, RULE_PEER_PREFIX, ANYWHERE, NULL, "second"},
	{IPPROTO_TCP, 81, 81, RULE_PEER_PREFIX_LIST, .peer_id = "pl-partners"},
	{IPPROTO_TCP, 82, 82, RULE_PEER_PREFIX_LIST, .peer_id = "pl-unknown"},
	{IPPROTO_TCP, 83, 83, RULE_PEER_GROUP, .peer_id = "sg-peer"},
	{IPPROTO_TCP, 84, 84, RULE_PEER_GROUP, .peer_id = "sg-unknown"},
	{IPPROTO_ICMP, 8, -1, RULE_PEER_PREFIX, ANYWHERE, NULL, ""},
	{IPPROTO_ICMP, -1, -1, RULE_PEER_PREFIX, ANYWHERE_V6, NULL, ""},
	{IPPROTO_GRE, 0, 65535, RULE_PEER_PREFIX, ANYWHERE, NULL, ""},
};

static struct sg_rule web_egress[] = {
	{IPPROTO_TCP, 443, 443, RULE_PEER_PREFIX, ANYWHERE, NULL, ""},
	{IPPROTO_TCP, 443, 443, RULE_PEER_PREFIX, ANYWHERE_V6, NULL, ""},
	{IPPROTO_TCP, 5432, 5432, RULE_PEER_PREFIX, {AF_INET, 8, {10}}, NULL, ""},
};

static struct sg_rule node_ingress[] = {
	{IPPROTO_TCP, 30443, 30443, RULE_PEER_PREFIX, ANYWHERE, NULL, "node port"},
};

static struct sg_rule node_egress[] = {
	{IPPROTO_TCP, 443, 444, RULE_PEER_PREFIX, {AF_INET, 8, {10}}, NULL, "inside"},
};

static const struct security_group groups[] = {
	{.id = "sg-web",
         .rules = {web_ingress, web_egress},
         .rule_count = {COUNT(web_ingress), COUNT(web_egress)}},
	{.id = "sg-node",
         .rules = {node_ingress, node_egress},
         .rule_count = {COUNT(node_ingress), COUNT(node_egress)}},
};

static struct prefix partners[] = {{AF_INET, 24, {198, 51, 100}}};

static const struct prefix_list lists[] = {
	{.id = "pl-partners", .entries = partners, .entry_count = COUNT(partners), .known = true},
};

static struct prefix peers[] = {
	{AF_INET, 32, {10, 3, 0, 1}},
	{AF_INET, 28, {10, 3, 0, 16}},
	{AF_INET, 32, {10, 3, 0, 17}},
	{AF_INET, 32, {10, 3, 0, 64}},
};

static struct member_set members[] = {{"sg-peer", peers, COUNT(peers), 1}};

static const char *web[] = {"sg-web"};
static const char *mixed[] = {"sg-unknown", "sg-web"};
static const char *node[] = {"sg-strange", "sg-node"};

#define WEB .source_dest_check = true, .groups = web, .group_count = 1
#define ADDRESS(last) .address_count = 1, .addresses = {{AF_INET, 32, {10, 0, 0, last}}}

static struct branch branches[] = {
	{"eni-a", "vlan.eth.1", .mode = MODE_STANDARD, WEB, .address_count = 2,
         .addresses = {{AF_INET, 32, {10, 0, 0, 5}},
                       {AF_INET6, 128, {0x20, 0x01, 0x0d, 0xb8, [15] = 5}}}},
	{"eni-b", "", .mode = MODE_STANDARD, .source_dest_check = true, .groups = mixed,
         .group_count = COUNT(mixed), ADDRESS(6)},
	{"eni-claimed", "", .mode = MODE_STANDARD, .state = BRANCH_CLAIMED, WEB, ADDRESS(9)},
	{"eni-closed", "", .mode = MODE_STANDARD, .state = BRANCH_CLOSED, WEB, ADDRESS(8)},
	{"eni-new", "", .mode = MODE_STANDARD, WEB},
	{"eni-router", "", .mode = MODE_STANDARD, .groups = web, .group_count = 1, ADDRESS(7)},
	{"vlan-a", "vlan.eth.3", .mode = MODE_STRICT, WEB, ADDRESS(10)},
	{"vlan-b", "vlan.eth.4", .mode = MODE_STRICT, WEB, ADDRESS(11)},
	{"vlan-free", "", .mode = MODE_STRICT, WEB, ADDRESS(12)},
};

static struct prefix vpc_cidrs[] = {{AF_INET, 16, {10, 0}}};

static const struct security_group *find_group(void *context, const char *id)
{
	(void)context;
	for (size_t i = 0; i < COUNT(groups); i++) {
		if (strcmp(groups[i].id, id) == 0)
			return &groups[i];
	}
	return NULL;
}

static const struct prefix_list *find_list(void *context, const char *id)
{
	(void)context;
	for (size_t i = 0; i < COUNT(lists); i++) {
		if (strcmp(lists[i].id, id) == 0)
			return &lists[i];
	}
	return NULL;
}

void judge_in_world(const struct judge_settings *settings, const struct packet *packet,
                    struct verdict *ret)
{
	const struct judge_rules rules = {find_group, find_list, NULL};
	struct config config = {
		.standard_node_groups = settings->policy,
	};
	struct resolution resolution = {
		.config = &config,
		.vpc_cidrs = vpc_cidrs,
		.vpc_cidr_count = COUNT(vpc_cidrs),
		.branches = branches,
		.branch_count = COUNT(branches),
		.members = members,
		.member_count = COUNT(members),
		.primary_interface = settings->no_primary ? "" : "eth0",
		.node_groups = node,
		.node_group_count = COUNT(node),
	};

	memset(config.exempt, !settings->nothing_exempt, sizeof(config.exempt));
	if (settings->strange_node_groups)
		resolution.node_group_count = 1;
	if (settings->no_node_groups)
		resolution.node_group_count = 0;
	judge(&resolution, &rules, packet, ret);
}
