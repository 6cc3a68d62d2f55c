/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/judge/near_rule.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RULES_MAX 8

/*
 * Rules are "PROTOCOL[/LOW[-HIGH]] PEER" with "; " between, all of group sg-a; a packet is
 * "PROTOCOL/PORT PEER" or "icmp/TYPE/CODE PEER". 10.5.0.5 is a member of sg-b and in pl-b.
 */
struct row {
	const char *sentence;
	const char *rules;
	const char *packet;
	const char *expected; /* "" = none is near */
};

static const struct row rows[] = {
	{"a packet to another port", "tcp/443 10.0.0.0/8", "tcp/80 10.1.1.1",
         "sg-a tcp/443 from 10.0.0.0/8: port 80 is not 443"},
	{"a packet beside a range", "tcp/8000-8100 10.0.0.0/8", "tcp/80 10.1.1.1",
         "sg-a tcp/8000-8100 from 10.0.0.0/8: port 80 is not in 8000-8100"},
	{"a peer outside a prefix", "tcp/443 10.0.0.0/8", "tcp/443 192.0.2.1",
         "sg-a tcp/443 from 10.0.0.0/8: 192.0.2.1 is not in 10.0.0.0/8"},
	{"a peer that is no member", "tcp/443 sg-b", "tcp/443 10.1.1.1",
         "sg-a tcp/443 from sg-b: 10.1.1.1 is not a member of sg-b"},
	{"a group of which nobody is known", "tcp/443 sg-x", "tcp/443 10.1.1.1",
         "sg-a tcp/443 from sg-x: 10.1.1.1 is not a member of sg-x"},
	{"a peer outside a prefix list", "tcp/443 pl-b", "tcp/443 10.1.1.1",
         "sg-a tcp/443 from pl-b: 10.1.1.1 is not in pl-b"},
	{"another protocol", "udp/53 10.0.0.0/8", "tcp/53 10.1.1.1",
         "sg-a udp/53 from 10.0.0.0/8: tcp is not udp"},
	{"a protocol without a name", "tcp/53 10.0.0.0/8", "47 10.1.1.1",
         "sg-a tcp/53 from 10.0.0.0/8: protocol 47 is not tcp"},
	{"another type", "icmp/8/0 10.0.0.0/8", "icmp/13/0 10.1.1.1",
         "sg-a icmp/8/0 from 10.0.0.0/8: type 13 is not 8"},
	{"another code", "icmp/3/4 10.0.0.0/8", "icmp/3/1 10.1.1.1",
         "sg-a icmp/3/4 from 10.0.0.0/8: code 1 is not 4"},
	{"port and peer", "tcp/443 sg-b", "tcp/80 10.1.1.1",
         "sg-a tcp/443 from sg-b: port 80 is not 443, 10.1.1.1 is not a member of sg-b"},
	{"nothing in common", "udp/53 sg-b", "tcp/443 10.1.1.1", ""},
	{"no rule at all", "", "tcp/443 10.1.1.1", ""},
	{"a rule that permits it by now", "tcp/443 10.0.0.0/8", "tcp/443 10.1.1.1",
         "sg-a tcp/443 from 10.0.0.0/8: permits it by now"},

	{"the service with another peer is nearer than the peer with another service",
         "tcp/22 10.0.0.0/8; tcp/5432 sg-b", "tcp/5432 10.1.1.1",
         "sg-a tcp/5432 from sg-b: 10.1.1.1 is not a member of sg-b"},
	{"the peer with another port is nearer than every protocol with another peer",
         "all sg-x; tcp/8080 sg-b", "tcp/8081 10.5.0.5",
         "sg-a tcp/8080 from sg-b: port 8081 is not 8080"},
	{"every port is no named service", "tcp/1-65535 sg-x; tcp/8080 sg-b", "tcp/8081 10.5.0.5",
         "sg-a tcp/8080 from sg-b: port 8081 is not 8080"},
	{"every protocol with another peer is nearer than another protocol",
         "udp/443 10.0.0.0/8; all sg-b", "tcp/443 10.1.1.1",
         "sg-a every protocol from sg-b: 10.1.1.1 is not a member of sg-b"},
	{"another protocol is nearer than port and peer", "tcp/80 sg-b; udp/1 10.0.0.0/8",
         "tcp/443 10.1.1.1", "sg-a udp/1 from 10.0.0.0/8: tcp is not udp"},
	{"of two protocols the one with the port", "udp/80 10.0.0.0/8; udp/443 10.0.0.0/8",
         "tcp/443 10.1.1.1", "sg-a udp/443 from 10.0.0.0/8: tcp is not udp"},
	{"of two ports the nearby one", "tcp/22 10.0.0.0/8; tcp/8443 10.0.0.0/8",
         "tcp/8080 10.1.1.1", "sg-a tcp/8443 from 10.0.0.0/8: port 8080 is not 8443"},
	{"of two services the narrow one", "tcp/1000-9000 sg-x; tcp/8080-8081 sg-b",
         "tcp/8080 10.1.1.1", "sg-a tcp/8080-8081 from sg-b: 10.1.1.1 is not a member of sg-b"},
	{"of two peers the one of the packet's family", "tcp/443 2001:db8::/32; tcp/443-444 sg-b",
         "tcp/443 10.1.1.1", "sg-a tcp/443-444 from sg-b: 10.1.1.1 is not a member of sg-b"},
	{"of two that are alike the first one", "tcp/443 sg-b; tcp/443 sg-x", "tcp/443 10.1.1.1",
         "sg-a tcp/443 from sg-b: 10.1.1.1 is not a member of sg-b"},
};

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix, NULL), 0);
	return prefix;
}

static int16_t protocol_of(const char *text)
{
	static const struct {
		const char *name;
		int16_t number;
	} names[] = {{"tcp", IPPROTO_TCP},
	             {"udp", IPPROTO_UDP},
	             {"icmp", IPPROTO_ICMP},
	             {"all", PROTOCOL_ALL}};

	for (size_t i = 0; i < COUNT(names); i++)
		if (strncmp(text, names[i].name, strlen(names[i].name)) == 0)
			return names[i].number;
	return (int16_t)strtol(text, NULL, 10);
}

/* Two numbers behind the first slash; the second one is the first where there is none. */
static void numbers_of(const char *text, int32_t *low, int32_t *high)
{
	const char *slash = strchr(text, '/');
	char *end;

	*low = slash != NULL ? (int32_t)strtol(slash + 1, &end, 10) : 0;
	*high = slash == NULL ? UINT16_MAX : *low;
	if (slash != NULL && (*end == '-' || *end == '/'))
		*high = (int32_t)strtol(end + 1, NULL, 10);
}

/* peer is kept by the rule. */
static struct sg_rule rule_of(const char *service, const char *peer)
{
	struct sg_rule rule = {.protocol = protocol_of(service), .peer_id = peer};

	numbers_of(service, &rule.from, &rule.to);
	if (strncmp(peer, "sg-", 3) == 0)
		rule.peer = RULE_PEER_GROUP;
	else if (strncmp(peer, "pl-", 3) == 0)
		rule.peer = RULE_PEER_PREFIX_LIST;
	else
		rule = (struct sg_rule){rule.protocol,   rule.from, rule.to, RULE_PEER_PREFIX,
		                        prefix_of(peer), NULL,      NULL};
	return rule;
}

static size_t rules_of(char *text, struct sg_rule rules[RULES_MAX])
{
	size_t count = 0;
	char *rest = NULL;

	for (char *word = strtok_r(text, "; ", &rest); word != NULL;
	     word = strtok_r(NULL, "; ", &rest)) {
		assert_true(count < RULES_MAX);
		rules[count++] = rule_of(word, strtok_r(NULL, "; ", &rest));
	}
	return count;
}

static struct packet packet_of(const char *text)
{
	struct packet packet = {.in = "eth0", .out = "eni-a"};
	int32_t low;
	int32_t high;

	numbers_of(text, &low, &high);
	packet.protocol = (uint8_t)protocol_of(text);
	packet.source = prefix_of(strchr(text, ' ') + 1);
	packet.destination = prefix_of("10.0.0.1");
	if (packet.protocol == IPPROTO_ICMP) {
		packet.icmp_type = (uint8_t)low;
		packet.icmp_code = (uint8_t)high;
	} else {
		packet.port = packet.original_port = (uint16_t)low;
	}
	return packet;
}

static const struct security_group *group_in(void *context, const char *id)
{
	return strcmp(id, "sg-a") == 0 ? context : NULL;
}

static const struct prefix_list *list_in(void *context, const char *id)
{
	static struct prefix entries[1];
	static const struct prefix_list list = {
		.id = "pl-b", .entries = entries, .entry_count = 1, .known = true};

	(void)context;
	entries[0] = prefix_of("10.5.0.0/16");
	return strcmp(id, "pl-b") == 0 ? &list : NULL;
}

static const char *near_text(const struct near_question *question)
{
	static char text[NEAR_TEXT_MAX];
	struct near_rule near;

	text[0] = '\0';
	if (near_rule_find(question, &near))
		near_rule_text(question, &near, text);
	return text;
}

static void the_nearest_rule_and_what_it_lacks(void **state)
{
	struct prefix members[] = {prefix_of("10.5.0.5")};
	struct member_set sets[] = {{"sg-b", members, 1, 1}};
	const struct resolution resolution = {.members = sets, .member_count = 1};
	const char *groups[] = {"sg-unknown", "sg-a"};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[256];
		struct sg_rule rules[RULES_MAX];
		struct security_group group = {.id = "sg-a", .name = ""};
		const struct judge_rules asked = {group_in, list_in, &group};
		const struct packet packet = packet_of(rows[i].packet);
		const struct near_question question = {
			&resolution, &asked, &packet, DIRECTION_INGRESS, groups, 2, packet.port};

		(void)snprintf(text, sizeof(text), "%s", rows[i].rules);
		group.rule_count[DIRECTION_INGRESS] = rules_of(text, rules);
		group.rules[DIRECTION_INGRESS] = rules;
		if (strcmp(near_text(&question), rows[i].expected) != 0)
			fail_msg("%s: %s", rows[i].sentence, near_text(&question));
	}
}

static void egress_rules_are_about_the_destination(void **state)
{
	struct sg_rule rules[] = {rule_of("tcp/443", "10.0.0.0/8")};
	struct security_group group = {
		.id = "sg-a", .name = "web", .rules = {NULL, rules}, .rule_count = {0, 1}};
	const struct judge_rules asked = {group_in, list_in, &group};
	const struct resolution resolution = {0};
	const char *groups[] = {"sg-a"};
	struct packet packet = packet_of("tcp/443 10.0.0.1");
	const struct near_question question = {&resolution, &asked, &packet, DIRECTION_EGRESS,
	                                       groups,      1,      443};

	(void)state;
	packet.destination = prefix_of("192.0.2.1");
	assert_string_equal(near_text(&question),
	                    "sg-a (web) tcp/443 to 10.0.0.0/8: 192.0.2.1 is not in 10.0.0.0/8");
}

/* The fabric sees the port before DNAT, the pod's groups the one behind it. */
static void the_nodes_groups_see_the_original_port(void **state)
{
	const char *own[] = {"sg-own"};
	const char *node[] = {"sg-node"};
	const struct branch branch = {.groups = own, .group_count = 1};
	const struct resolution resolution = {.node_groups = node, .node_group_count = 1};
	const struct judge_rules asked = {0};
	struct packet packet = {.port = 8080, .original_port = 30080};
	static const struct {
		enum direction direction;
		bool answer, node;
		const char *group;
		uint16_t port;
	} cases[] = {
		{DIRECTION_INGRESS, false, false, "sg-own", 8080},
		{DIRECTION_INGRESS, false, true, "sg-node", 30080},
		{DIRECTION_INGRESS, true, true, "sg-node", 8080},
		{DIRECTION_EGRESS, false, true, "sg-node", 8080},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		packet.answer = cases[i].answer;
		const struct near_question question = near_question_of(
			&resolution, &asked, &packet, &branch, cases[i].direction, cases[i].node);
		assert_string_equal(question.groups[0], cases[i].group);
		assert_int_equal(question.port, cases[i].port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_rule_and_what_it_lacks),
		cmocka_unit_test(egress_rules_are_about_the_destination),
		cmocka_unit_test(the_nodes_groups_see_the_original_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
