/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/draw/render_members.h"
#include "nft-sync/judge/judge.h"
#include "tests/unit/drawing.h"

#define CONFIG                                                                                     \
	"version: 1\nnode: {name: n1, primaryInterface: eth0, securityGroups: [sg-n]}\n"           \
	"enforcingMode: standard\n"
#define TIME CREATED("2026-01-01T00:00:00Z")
#define PODS POD("pod", "u1", TIME ON("n1", "10.0.0.5")) POD("two", "u2", TIME ON("n1", "10.0.0.6"))
#define CLUSTER(groups) KUBERNETES(PODS POLICY("p", "podSelector: {}", groups))
#define TCP(low, high) "IpProtocol: tcp, FromPort: " low ", ToPort: " high
#define ANYWHERE "IpRanges: [{CidrIp: 0.0.0.0/0}]"
#define FROM(group) "UserIdGroupPairs: [{GroupId: " group "}]"

static struct drawing drawing;

static int open_drawing(void **state)
{
	(void)state;
	drawing_open(&drawing, CONFIG);
	return 0;
}

static int close_drawing(void **state)
{
	(void)state;
	drawing_close(&drawing);
	return 0;
}

static void draw(const char *cluster, const char *groups)
{
	setting_put(&drawing.setting, "cluster.yaml", cluster);
	setting_put(&drawing.setting, "groups.yaml", groups);
	drawing_draw(&drawing);
}

/* A block of the pod's ingress rules. */
static const char *rules_block(const char *kind, const char *ending)
{
	char head[IMAGE_NAME_MAX + 64];

	(void)snprintf(head, sizeof(head), "%s %s%s", kind,
	               drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod"), ending);
	const char *block = drawing_block(&drawing, head);
	if (block == NULL)
		fail_msg("there is no %s", head);
	return block;
}

/* Compares it, with "*" for the beginning that its names have in common. */
static void assert_rules(const char *kind, const char *ending, const char *expected)
{
	const char *prefix = drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod");
	const char *block = rules_block(kind, ending);
	char text[2048] = "";
	size_t used = 0;

	for (const char *next; (next = strstr(block, prefix)) != NULL; block = next) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%.*s*",
		                         (int)(next - block), block);
		next += strlen(prefix);
	}
	(void)snprintf(text + used, sizeof(text) - used, "%s", block);
	assert_string_equal(text, expected);
}

static void rules_become_sets_and_a_chain_that_ends_with_a_drop(void **state)
{
	(void)state;
	draw(CLUSTER("sg-1"),
	     GROUPS(GROUP(
		     "sg-1",
		     "{" TCP("443", "443") ", " ANYWHERE "}, "
					   "{IpProtocol: icmp, FromPort: 8, ToPort: -1, " ANYWHERE
					   "}, "
					   "{IpProtocol: '-1', Ipv6Ranges: [{CidrIpv6: "
					   "2001:db8::/32}]}")));
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1\"\n"
	             "\t\tip saddr . meta l4proto . th dport @*-ports4 goto permit-ingress\n"
	             "\t\tip saddr . icmp type . icmp code @*-icmp4 goto permit-ingress\n"
	             "\t\tip6 saddr @*-all6 goto permit-ingress\n"
	             "\t\tgoto drop-ingress-rules\n");
	assert_rules("set", "-ports4",
	             "\t\ttype ipv4_addr . inet_proto . inet_service\n"
	             "\t\tflags interval\n"
	             "\t\tcomment \"sg-1\"\n"
	             "\t\telements = { 0.0.0.0/0 . 6 . 443 }\n");
	assert_rules("set", "-icmp4",
	             "\t\ttype ipv4_addr . icmp_type . icmp_code\n"
	             "\t\tflags interval\n"
	             "\t\tcomment \"sg-1\"\n"
	             "\t\telements = { 0.0.0.0/0 . 8 . 0-255 }\n");
	assert_rules("set", "-all6",
	             "\t\ttype ipv6_addr\n"
	             "\t\tflags interval\n"
	             "\t\tcomment \"sg-1\"\n"
	             "\t\telements = { 2001:db8::/32 }\n");
}

/* count IPv6 networks of /64, numbered from 1 on, behind other ranges. */
static const char *networks(unsigned count, const char *others)
{
	static char text[4096];
	size_t used = (size_t)snprintf(text, sizeof(text), "Ipv6Ranges: [%s", others);

	for (unsigned i = 1; i <= count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		                         "{CidrIpv6: '2001:db8:0:%x::/64'}, ", i);
	(void)snprintf(text + used, sizeof(text) - used, "]");
	return text;
}

static void draw_networks(const char *ports, const char *ranges, const char *other_permission)
{
	char groups[8192];

	(void)snprintf(groups, sizeof(groups), GROUPS(GROUP("sg-1", "{%s, %s}, %s")), ports, ranges,
	               other_permission);
	draw(CLUSTER("sg-1"), groups);
}

#define OF_LENGTH_64                                                                               \
	"\t\tip6 saddr & ffff:ffff:ffff:ffff:: . meta l4proto . th dport "                         \
	"@*-ports6-nets goto permit-ingress\n"

static void many_networks_of_one_length_and_a_single_port_are_hashes(void **state)
{
	(void)state;
	draw_networks(TCP("443", "443"), networks(16, ""), "");
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1\"\n" OF_LENGTH_64 "\t\tgoto drop-ingress-rules\n");
	assert_non_null(strstr(rules_block("set", "-ports6-nets"),
	                       "\t\ttype ipv6_addr . inet_proto . inet_service\n"
	                       "\t\tcomment \"sg-1\"\n"
	                       "\t\telements = { 2001:db8:0:1:: . 6 . 443,\n"));
}

static void lengths_that_few_have_join_where_no_interval_is_left_then(void **state)
{
	(void)state;
	draw_networks(
		TCP("443", "443"),
		networks(16, "{CidrIpv6: '2001:db8:f::/48'}, {CidrIpv6: '2001:db8::1/128'}, "), "");
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1\"\n" OF_LENGTH_64
	             "\t\tip6 saddr & ffff:ffff:ffff:: . meta l4proto . th dport "
	             "@*-ports6-nets goto permit-ingress\n"
	             "\t\tip6 saddr . meta l4proto . th dport "
	             "@*-ports6-nets goto permit-ingress\n"
	             "\t\tgoto drop-ingress-rules\n");
}

static void lengths_that_few_have_stay_intervals_beside_others(void **state)
{
	(void)state;
	draw_networks(TCP("443", "443"), networks(16, "{CidrIpv6: '2001:db8:f::/48'}, "),
	              "{" TCP("80", "80") ", Ipv6Ranges: [{CidrIpv6: '::/0'}]}");
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1\"\n" OF_LENGTH_64
	             "\t\tip6 saddr . meta l4proto . th dport @*-ports6 goto permit-ingress\n"
	             "\t\tgoto drop-ingress-rules\n");
	assert_rules("set", "-ports6",
	             "\t\ttype ipv6_addr . inet_proto . inet_service\n"
	             "\t\tflags interval\n"
	             "\t\tcomment \"sg-1\"\n"
	             "\t\telements = { ::/0 . 6 . 80,\n"
	             "\t\t             2001:db8:f::/48 . 6 . 443 }\n");
}

/* Masked to /48, every packet of 2001:db8::/48 would look like the first /64 of it. */
static void a_network_that_a_shorter_mask_would_widen_is_no_hash(void **state)
{
	char ranges[1024] = "{CidrIpv6: '2001:db8::/64'}, ";

	(void)state;
	for (unsigned i = 0; i < 13; i++)
		(void)snprintf(ranges + strlen(ranges), sizeof(ranges) - strlen(ranges),
		               "{CidrIpv6: '2001:db8:%x::/48'}, ", 0x100 + i);
	draw_networks(TCP("443", "443"), networks(16, ranges), "");
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1\"\n"
	             "\t\tip6 saddr & ffff:ffff:ffff:ffff:: . meta l4proto . th dport "
	             "@*-ports6-nets goto permit-ingress\n"
	             "\t\tip6 saddr & ffff:ffff:ffff:: . meta l4proto . th dport "
	             "@*-ports6-nets goto permit-ingress\n"
	             "\t\tip6 saddr . meta l4proto . th dport @*-ports6 goto permit-ingress\n"
	             "\t\tgoto drop-ingress-rules\n");
	assert_rules("set", "-ports6",
	             "\t\ttype ipv6_addr . inet_proto . inet_service\n"
	             "\t\tflags interval\n"
	             "\t\tcomment \"sg-1\"\n"
	             "\t\telements = { 2001:db8::/64 . 6 . 443 }\n");
}

static void few_networks_of_one_length_are_intervals(void **state)
{
	(void)state;
	draw_networks(TCP("443", "443"), networks(15, ""), "");
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1\"\n"
	             "\t\tip6 saddr . meta l4proto . th dport @*-ports6 goto permit-ingress\n"
	             "\t\tgoto drop-ingress-rules\n");
}

static void many_networks_with_a_range_of_ports_are_masked_too(void **state)
{
	(void)state;
	draw_networks(TCP("443", "444"), networks(16, ""), "");
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1\"\n" OF_LENGTH_64 "\t\tgoto drop-ingress-rules\n");
	assert_non_null(strstr(rules_block("set", "-ports6-nets"),
	                       "\t\ttype ipv6_addr . inet_proto . inet_service\n"
	                       "\t\tflags interval\n"
	                       "\t\tcomment \"sg-1\"\n"
	                       "\t\telements = { 2001:db8:0:1:: . 6 . 443-444,\n"));
}

static void few_networks_with_a_range_of_ports_leave_the_others_a_hash(void **state)
{
	(void)state;
	draw_networks(TCP("443", "443"), networks(16, ""),
	              "{" TCP("80", "81") ", Ipv6Ranges: [{CidrIpv6: '2001:db8:9::/48'}]}");
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1\"\n" OF_LENGTH_64
	             "\t\tip6 saddr . meta l4proto . th dport @*-ports6 goto permit-ingress\n"
	             "\t\tgoto drop-ingress-rules\n");
	assert_rules("set", "-ports6",
	             "\t\ttype ipv6_addr . inet_proto . inet_service\n"
	             "\t\tflags interval\n"
	             "\t\tcomment \"sg-1\"\n"
	             "\t\telements = { 2001:db8:9::/48 . 6 . 80-81 }\n");
}

static void boxes_that_overlap_go_into_a_set_for_each_depth(void **state)
{
	(void)state;
	draw(CLUSTER("sg-1"),
	     GROUPS(GROUP(
		     "sg-1",
		     "{" TCP("1", "10") ", " ANYWHERE "}, "
					"{" TCP("5", "20") ", IpRanges: [{CidrIp: 10.0.0.0/8}]}")));
	assert_rules("set", "-ports4",
	             "\t\ttype ipv4_addr . inet_proto . inet_service\n"
	             "\t\tflags interval\n"
	             "\t\tcomment \"sg-1\"\n"
	             "\t\telements = { 0.0.0.0/0 . 6 . 1-10 }\n");
	assert_rules("set", "-ports4-1",
	             "\t\ttype ipv4_addr . inet_proto . inet_service\n"
	             "\t\tflags interval\n"
	             "\t\tcomment \"sg-1\"\n"
	             "\t\telements = { 10.0.0.0/8 . 6 . 5-20 }\n");
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1\"\n"
	             "\t\tip saddr . meta l4proto . th dport @*-ports4 goto permit-ingress\n"
	             "\t\tip saddr . meta l4proto . th dport @*-ports4-1 goto permit-ingress\n"
	             "\t\tgoto drop-ingress-rules\n");
}

static void the_port_leads_to_the_groups_that_may_use_it(void **state)
{
	(void)state;
	setting_put(&drawing.setting, "eni.yaml",
	            INTERFACES(INTERFACE("eni-1", IN("sg-p"), "10.1.0.1")
	                               INTERFACE("eni-2", IN("sg-p"), "10.1.0.2")));
	draw(CLUSTER("sg-1"), GROUPS(GROUP("sg-1", "{" TCP("5432", "5433") ", " FROM("sg-p") "}")
	                                     GROUP("sg-p", "")));
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1\"\n"
	             "\t\tmeta l4proto . th dport vmap @*-peers\n"
	             "\t\tgoto drop-ingress-rules\n");
	assert_rules("map", "-peers",
	             "\t\ttype inet_proto . inet_service : verdict\n"
	             "\t\tflags interval\n"
	             "\t\tcomment \"sg-1\"\n"
	             "\t\telements = { 6 . 5432-5433 : goto from-sg-p }\n");
	assert_string_equal(drawing_block(&drawing, "chain from-sg-p"),
	                    "\t\tcomment \"members of sg-p\"\n"
	                    "\t\tip saddr @members-sg-p-4 goto permit-ingress\n"
	                    "\t\tip6 saddr @members-sg-p-6 goto permit-ingress\n"
	                    "\t\tgoto drop-ingress-rules\n");
	assert_string_equal(drawing_block(&drawing, "set members-sg-p-4"),
	                    "\t\ttype ipv4_addr\n"
	                    "\t\tcomment \"members of sg-p\"\n"
	                    "\t\telements = { 10.1.0.1,\n"
	                    "\t\t             10.1.0.2 }\n");
	assert_string_equal(drawing_block(&drawing, "set members-sg-p-6"),
	                    "\t\ttype ipv6_addr\n\t\tcomment \"members of sg-p\"\n");
}

static void a_port_that_two_groups_may_use_leads_to_a_chain_of_both(void **state)
{
	(void)state;
	draw(CLUSTER("sg-1"),
	     GROUPS(GROUP("sg-1", "{" TCP("1", "10") ", " FROM("sg-p") "}, "
	                                                               "{" TCP("5", "20") ", " FROM(
									       "sg-q") "}")));
	char name[IMAGE_NAME_MAX + 16];
	(void)snprintf(name, sizeof(name), "map %s-peers",
	               drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod"));
	const char *map = drawing_block(&drawing, name);
	assert_non_null(map);
	assert_non_null(strstr(map, "6 . 1-4 : goto from-sg-p,"));
	assert_non_null(strstr(map, "6 . 11-20 : goto from-sg-q }"));
	const char *shared = strstr(map, "6 . 5-10 : goto from-");
	assert_non_null(shared);
	(void)snprintf(name, sizeof(name), "chain %.21s", shared + strlen("6 . 5-10 : goto "));
	assert_string_equal(drawing_block(&drawing, name),
	                    "\t\tcomment \"members of sg-p sg-q\"\n"
	                    "\t\tip saddr @members-sg-p-4 goto permit-ingress\n"
	                    "\t\tip6 saddr @members-sg-p-6 goto permit-ingress\n"
	                    "\t\tip saddr @members-sg-q-4 goto permit-ingress\n"
	                    "\t\tip6 saddr @members-sg-q-6 goto permit-ingress\n"
	                    "\t\tgoto drop-ingress-rules\n");
}

/* The map of ports has room for 64 groups; with more, each group is asked by itself. */
static void more_groups_than_the_map_holds_are_asked_one_by_one(void **state)
{
	char rules[8192] = "";
	char groups[10240];
	size_t used = 0;

	(void)state;
	for (int i = 0; i < 65; i++)
		used += (size_t)snprintf(rules + used, sizeof(rules) - used,
		                         "%s{" TCP("%d", "%d") ", " FROM("sg-p%02d") "}",
		                         i > 0 ? ", " : "", i + 1, i + 1, i);
	(void)snprintf(groups, sizeof(groups), GROUPS(GROUP("sg-1", "%s")), rules);
	draw(CLUSTER("sg-1"), groups);
	assert_rules("set", "-peer64-ports",
	             "\t\ttype inet_proto . inet_service\n"
	             "\t\tflags interval\n"
	             "\t\tcomment \"sg-p64\"\n"
	             "\t\telements = { 6 . 65 }\n");
	char name[IMAGE_NAME_MAX + 16];
	(void)snprintf(name, sizeof(name), "map %s-peers",
	               drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod"));
	assert_null(drawing_block(&drawing, name));
}

/* Prefixes that all hold one address, ports of their own: the port tells them apart at once. */
static void the_field_that_leaves_fewer_boxes_comes_first(void **state)
{
	(void)state;
	draw(CLUSTER("sg-1"),
	     GROUPS(GROUP(
		     "sg-1",
		     "{" TCP("1", "1") ", " ANYWHERE "}, "
				       "{" TCP("2", "2") ", IpRanges: [{CidrIp: 10.0.0.0/8}]}")));
	assert_rules("set", "-ports4",
	             "\t\ttype inet_service . inet_proto . ipv4_addr\n"
	             "\t\tflags interval\n"
	             "\t\tcomment \"sg-1\"\n"
	             "\t\telements = { 1 . 6 . 0.0.0.0/0,\n"
	             "\t\t             2 . 6 . 10.0.0.0/8 }\n");
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1\"\n"
	             "\t\tth dport . meta l4proto . ip saddr @*-ports4 goto permit-ingress\n"
	             "\t\tgoto drop-ingress-rules\n");
}

static void every_class_of_a_reference_has_its_own_set(void **state)
{
	(void)state;
	draw(CLUSTER("sg-1"),
	     GROUPS(GROUP(
		     "sg-1",
		     "{IpProtocol: icmp, FromPort: -1, ToPort: -1, " FROM(
			     "sg-p") "}, "
				     "{IpProtocol: icmpv6, FromPort: 128, ToPort: 0, " FROM(
					     "sg-p") "}, "
						     "{IpProtocol: '47', " FROM(
							     "sg-p") "}, "
								     "{IpProtocol: '-1', " FROM(
									     "sg-q") "}")));
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1\"\n"
	             "\t\tip saddr @members-sg-p-4 icmp type . icmp code @*-peer0-icmp4 "
	             "goto permit-ingress\n"
	             "\t\tip6 saddr @members-sg-p-6 icmpv6 type . icmpv6 code @*-peer0-icmp6 "
	             "goto permit-ingress\n"
	             "\t\tip saddr @members-sg-p-4 meta l4proto @*-peer0-protocols "
	             "goto permit-ingress\n"
	             "\t\tip6 saddr @members-sg-p-6 meta l4proto @*-peer0-protocols "
	             "goto permit-ingress\n"
	             "\t\tip saddr @members-sg-q-4 goto permit-ingress\n"
	             "\t\tip6 saddr @members-sg-q-6 goto permit-ingress\n"
	             "\t\tgoto drop-ingress-rules\n");
}

static void delegated_prefixes_have_a_set_and_a_rule_of_their_own(void **state)
{
	(void)state;
	setting_put(&drawing.setting, "eni.yaml",
	            "NetworkInterfaces:\n- {NetworkInterfaceId: eni-1, Groups: [{GroupId: sg-p}], "
	            "PrivateIpAddresses: [{PrivateIpAddress: 10.1.0.1}], "
	            "Ipv4Prefixes: [{Ipv4Prefix: 10.1.2.16/28}]}\n");
	draw(CLUSTER("sg-1"), GROUPS(GROUP("sg-1", "{IpProtocol: '-1', " FROM("sg-p") "}")));
	assert_string_equal(drawing_block(&drawing, "set members-sg-p-net4"),
	                    "\t\ttype ipv4_addr\n"
	                    "\t\tflags interval\n"
	                    "\t\tcomment \"members of sg-p\"\n"
	                    "\t\telements = { 10.1.2.16/28 }\n");
	assert_null(drawing_block(&drawing, "set members-sg-p-net6"));
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1\"\n"
	             "\t\tip saddr @members-sg-p-4 goto permit-ingress\n"
	             "\t\tip6 saddr @members-sg-p-6 goto permit-ingress\n"
	             "\t\tip saddr @members-sg-p-net4 goto permit-ingress\n"
	             "\t\tgoto drop-ingress-rules\n");
}

static void the_nodes_rules_return_and_know_the_port_before_dnat(void **state)
{
	char *text;

	(void)state;
	draw(CLUSTER("sg-1"),
	     GROUPS(GROUP("sg-1", "") GROUP(
		     "sg-n", "{" TCP("30000", "32767") ", " ANYWHERE "}, "
						       "{" TCP("22", "22") ", " FROM("sg-p") "}")));
	text = image_text(drawing.image);
	assert_non_null(strstr(text, "ct status dnat ct direction original goto node-ingress-"));
	assert_non_null(strstr(text, "-dnat {\n\t\tcomment \"sg-n\"\n"));
	assert_non_null(strstr(text, "ip saddr @members-sg-p-4 meta l4proto tcp "
	                             "ct original proto-dst 22-22 return\n"));
	assert_non_null(strstr(text, "\t\tmeta l4proto tcp ct original proto-dst 30000-32767 "
	                             "ip saddr @node-ingress-"));
	assert_non_null(strstr(text, "-dnat4-tcp-30000-32767 return\n"));
	assert_non_null(strstr(text, "goto drop-ingress-node-groups\n"));
	free(text);
}

static void interfaces_with_the_same_groups_share_their_rules(void **state)
{
	char first[IMAGE_NAME_MAX];

	(void)state;
	draw(CLUSTER("sg-1, sg-2"),
	     GROUPS(GROUP("sg-1", "{" TCP("1", "1") ", " ANYWHERE "}") GROUP("sg-2", "")));
	(void)snprintf(first, sizeof(first), "%s",
	               drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod"));
	assert_string_equal(drawing_rules(&drawing, DIRECTION_INGRESS, "ns/two"), first);
	assert_int_equal(strncmp(first, "rules-ingress-", 14), 0);
	assert_int_equal(drawing.report.rule_sets, 2);
	assert_rules("chain", "",
	             "\t\tcomment \"sg-1 sg-2\"\n"
	             "\t\tip saddr . meta l4proto . th dport @*-ports4 goto permit-ingress\n"
	             "\t\tgoto drop-ingress-rules\n");
}

static void groups_of_other_ids_with_the_same_rules_have_the_same_chain(void **state)
{
	char first[IMAGE_NAME_MAX];
	const char *rules = GROUPS(GROUP("sg-1", "{" TCP("1", "1") ", " ANYWHERE "}")
	                                   GROUP("sg-2", "{" TCP("1", "1") ", " ANYWHERE "}"));

	(void)state;
	draw(CLUSTER("sg-1"), rules);
	(void)snprintf(first, sizeof(first), "%s",
	               drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod"));
	draw(CLUSTER("sg-2"), rules);
	assert_string_equal(drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod"), first);
}

static void other_rules_have_another_name(void **state)
{
	char first[IMAGE_NAME_MAX];

	(void)state;
	draw(CLUSTER("sg-1"), GROUPS(GROUP("sg-1", "{" TCP("1", "1") ", " ANYWHERE "}")));
	(void)snprintf(first, sizeof(first), "%s",
	               drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod"));
	draw(CLUSTER("sg-1"), GROUPS(GROUP("sg-1", "{" TCP("1", "2") ", " ANYWHERE "}")));
	assert_string_not_equal(drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod"), first);
	assert_null(image_find_chain(drawing.image, first));
}

static void ids_that_nft_cannot_read_are_replaced_in_names(void **state)
{
	static const struct {
		const char *group;
		const char *name; /* NULL: a digest */
	} rows[] = {
		{"sg-0a1", "members-sg-0a1-4"},
		{"sg_0.a-1", "members-sg_0.a-1-4"},
		{"sg:1", NULL},
		{"sg/\"1\"", NULL},
		{"", NULL},
		{"sg-01234567890123456789012345678901234567890123456789012345678901234", NULL},
	};
	char name[IMAGE_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		member_set_name(rows[i].group, MEMBERS4, name);
		if (rows[i].name != NULL)
			assert_string_equal(name, rows[i].name);
		else
			assert_int_equal(strlen(name), strlen("members-0123456789abcdef-4"));
		for (const char *c = name; *c != '\0'; c++)
			assert_non_null(strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", *c));
	}
}

/* More boxes than a rule set may have: many ports for every entry of a long list. */
static char *too_many_rules(const char *group)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	(void)fprintf(out,
	              "SecurityGroups:\n- {GroupId: %s, GroupName: g, IpPermissionsEgress: [], "
	              "IpPermissions: [",
	              group);
	for (unsigned port = 1; port <= 200; port++)
		(void)fprintf(out,
		              "%s{IpProtocol: tcp, FromPort: %u, ToPort: %u, "
		              "PrefixListIds: [{PrefixListId: pl-1}]}",
		              port > 1 ? ", " : "", 2 * port, 2 * port);
	(void)fputs("]}\n", out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static char *long_list(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	(void)fputs("PrefixListId: pl-1\nEntries:\n", out);
	for (unsigned i = 0; i < 1000; i++)
		(void)fprintf(out, "- {Cidr: 10.%u.%u.0/24}\n", i / 250, i % 250);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* A connection that the rules permit, by the primary interface. */
static void judge_connection(struct verdict *ret)
{
	const struct judge_rules rules = {.group = model_judge_group,
	                                  .prefix_list = model_judge_prefix_list,
	                                  .context = drawing.setting.model};
	struct packet packet = {.in = "eth0",
	                        .protocol = IPPROTO_TCP,
	                        .source_port = 40000,
	                        .port = 2,
	                        .original_port = 2,
	                        .hop_limit = 64};

	packet.out = setting_branch(&drawing.setting, "ns/pod")->interface;
	assert_int_equal(address_parse("10.0.0.9", &packet.source), 0);
	assert_int_equal(address_parse("10.0.0.5", &packet.destination), 0);
	judge(drawing.setting.resolution, &rules, &packet, ret);
}

static void an_interface_whose_rules_are_too_many_is_closed_and_somebody_is_told(void **state)
{
	char *groups = too_many_rules("sg-1");
	char *list = long_list();
	struct verdict verdict;

	(void)state;
	setting_put(&drawing.setting, "list.yaml", list);
	draw(CLUSTER("sg-1"), groups);
	assert_string_equal(drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod"), "");
	assert_int_not_equal(drawing_rules(&drawing, DIRECTION_EGRESS, "ns/pod")[0], '\0');
	assert_non_null(strstr(drawing.problem, "is closed for ingress: "));
	assert_non_null(strstr(drawing.problem, "pod ns/"));
	judge_connection(&verdict);
	assert_false(verdict.permitted);
	assert_int_equal(verdict.ends[0].reason, REASON_CLOSED);
	draw(CLUSTER("sg-1"), GROUPS(GROUP("sg-1", "")));
	assert_int_not_equal(drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod")[0], '\0');
	assert_string_equal(drawing.problem, "");
	free(groups);
	free(list);
}

#define DRAWN(test) cmocka_unit_test_setup_teardown(test, open_drawing, close_drawing)

static void node_groups_with_too_many_rules_permit_nothing_and_leave_the_rest_in_force(void **state)
{
	char *groups = too_many_rules("sg-n");
	char *list = long_list();
	struct verdict verdict;

	(void)state;
	setting_put(&drawing.setting, "list.yaml", list);
	setting_put(&drawing.setting, "node.yaml", groups);
	draw(CLUSTER("sg-1"), GROUPS(GROUP("sg-1", "{IpProtocol: '-1', " ANYWHERE "}")));
	assert_int_not_equal(drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod")[0], '\0');
	assert_non_null(strstr(drawing_block(&drawing, "chain standard-ingress-judge"),
	                       "iifname \"eth0\" jump drop-ingress-node-groups\n"));
	assert_non_null(strstr(drawing.problem, "the node's groups permit nothing for ingress: "));
	judge_connection(&verdict);
	assert_false(verdict.permitted);
	assert_int_equal(verdict.ends[0].reason, REASON_NODE_NO_RULE);
	free(groups);
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DRAWN(rules_become_sets_and_a_chain_that_ends_with_a_drop),
		DRAWN(boxes_that_overlap_go_into_a_set_for_each_depth),
		DRAWN(many_networks_of_one_length_and_a_single_port_are_hashes),
		DRAWN(lengths_that_few_have_join_where_no_interval_is_left_then),
		DRAWN(lengths_that_few_have_stay_intervals_beside_others),
		DRAWN(a_network_that_a_shorter_mask_would_widen_is_no_hash),
		DRAWN(few_networks_of_one_length_are_intervals),
		DRAWN(many_networks_with_a_range_of_ports_are_masked_too),
		DRAWN(few_networks_with_a_range_of_ports_leave_the_others_a_hash),
		DRAWN(the_port_leads_to_the_groups_that_may_use_it),
		DRAWN(a_port_that_two_groups_may_use_leads_to_a_chain_of_both),
		DRAWN(more_groups_than_the_map_holds_are_asked_one_by_one),
		DRAWN(the_field_that_leaves_fewer_boxes_comes_first),
		DRAWN(every_class_of_a_reference_has_its_own_set),
		DRAWN(delegated_prefixes_have_a_set_and_a_rule_of_their_own),
		DRAWN(the_nodes_rules_return_and_know_the_port_before_dnat),
		DRAWN(interfaces_with_the_same_groups_share_their_rules),
		DRAWN(groups_of_other_ids_with_the_same_rules_have_the_same_chain),
		DRAWN(other_rules_have_another_name),
		cmocka_unit_test(ids_that_nft_cannot_read_are_replaced_in_names),
		DRAWN(an_interface_whose_rules_are_too_many_is_closed_and_somebody_is_told),
		DRAWN(node_groups_with_too_many_rules_permit_nothing_and_leave_the_rest_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
