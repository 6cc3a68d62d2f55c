/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/draw/statement.h"
#include "tests/unit/images.h"

/* Frees the image. */
static void assert_prints(struct image *image, const char *expected)
{
	char *text = image_text(image);

	assert_string_equal(text, expected);
	free(text);
	image_free(image);
}

static void an_empty_image_is_an_empty_table(void **state)
{
	(void)state;
	assert_prints(image_of(NO_SETS, NO_CHAINS), "table inet t {\n}\n");
}

static void a_set_shows_its_type_comment_and_elements(void **state)
{
	struct image_set *set = SET("members", KEY_ADDRESS4, "10.0.0.2", "10.0.0.1");

	(void)state;
	(void)snprintf(set->comment, sizeof(set->comment), "members of sg-1");
	assert_prints(image_of(SETS(set), NO_CHAINS), "table inet t {\n"
	                                              "\n"
	                                              "\tset members {\n"
	                                              "\t\ttype ipv4_addr\n"
	                                              "\t\tcomment \"members of sg-1\"\n"
	                                              "\t\telements = { 10.0.0.1,\n"
	                                              "\t\t             10.0.0.2 }\n"
	                                              "\t}\n"
	                                              "}\n");
}

static void a_set_that_counts_says_so_at_every_element(void **state)
{
	struct image_set *set = SET("drops", KEY_INTERFACE, "eni1");

	(void)state;
	set->counters = true;
	assert_prints(image_of(SETS(set), NO_CHAINS),
	              "table inet t {\n"
	              "\n"
	              "\tset drops {\n"
	              "\t\ttype ifname\n"
	              "\t\tcounter\n"
	              "\t\telements = { \"eni1\" counter packets 0 bytes 0 }\n"
	              "\t}\n"
	              "}\n");
}

static void a_verdict_map_shows_where_each_interface_goes(void **state)
{
	(void)state;
	assert_prints(image_of(SETS(MAP("egress", {"eni1", "standard-egress"})), NO_CHAINS),
	              "table inet t {\n"
	              "\n"
	              "\tmap egress {\n"
	              "\t\ttype ifname : verdict\n"
	              "\t\telements = { \"eni1\" : jump standard-egress }\n"
	              "\t}\n"
	              "}\n");
}

static void a_map_to_addresses_leads_each_to_itself(void **state)
{
	enum key_type type = KEY_ADDRESS6;
	struct image_set *map = image_set_new("unsourced6", &type, 1, DATA_ADDRESS6);
	struct prefix address;
	uint8_t key[IMAGE_KEY_MAX];
	unsigned offset = 0;

	(void)state;
	assert_int_equal(address_parse("2001:db8::5", &address), 0);
	key_put_address(key, &offset, &address);
	assert_int_equal(image_set_add(map, key, NULL, NULL, "ns/pod"), 0);
	assert_prints(image_of(SETS(map), NO_CHAINS),
	              "table inet t {\n"
	              "\n"
	              "\tmap unsourced6 {\n"
	              "\t\ttype ipv6_addr : ipv6_addr\n"
	              "\t\telements = { 2001:db8::5 comment \"ns/pod\" : 2001:db8::5 }\n"
	              "\t}\n"
	              "}\n");
}

static void intervals_are_shown_as_prefixes_ranges_and_single_values(void **state)
{
	static const struct {
		enum key_type type;
		const char *element;
		const char *expected;
	} rows[] = {
		{KEY_ADDRESS4, "10.0.0.1", "10.0.0.1"},
		{KEY_ADDRESS4, "10.0.0.0-10.0.0.255", "10.0.0.0/24"},
		{KEY_ADDRESS4, "0.0.0.0-127.255.255.255", "0.0.0.0/1"},
		{KEY_ADDRESS4, "0.0.0.0-255.255.255.255", "0.0.0.0/0"},
		{KEY_ADDRESS6, "2001:db8::-2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"},
		{KEY_ADDRESS6, "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"},
		{KEY_PORT, "80", "80"},
		{KEY_PORT, "0-65535", "0-65535"},
		{KEY_ICMP_TYPE, "0-255", "0-255"},
		{KEY_ICMPV6_CODE, "4", "4"},
		{KEY_PROTOCOL, "6-17", "6-17"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct image *image =
			image_of(SETS(INTERVALS("s", rows[i].type, rows[i].element)), NO_CHAINS);
		char *text = image_text(image);
		char expected[128];

		(void)snprintf(expected, sizeof(expected), "elements = { %s }\n", rows[i].expected);
		if (strstr(text, expected) == NULL)
			fail_msg("%s is not in %s", expected, text);
		assert_non_null(strstr(text, "\t\tflags interval\n"));
		free(text);
		image_free(image);
	}
}

static void several_fields_are_joined_by_dots(void **state)
{
	static const enum key_type types[] = {KEY_ADDRESS4, KEY_PROTOCOL, KEY_PORT};
	static const uint8_t key[] = {10, 0, 0, 0, 6, 0, 0, 0, 0x1f, 0x90, 0, 0};
	static const uint8_t last[] = {10, 0, 0, 255, 6, 0, 0, 0, 0x1f, 0x9a, 0, 0};
	struct image_set *set = image_set_new("boxes", types, 3, DATA_NONE);

	(void)state;
	set->interval = true;
	assert_int_equal(image_set_add(set, key, last, NULL, NULL), 0);
	assert_prints(image_of(SETS(set), NO_CHAINS),
	              "table inet t {\n"
	              "\n"
	              "\tset boxes {\n"
	              "\t\ttype ipv4_addr . inet_proto . inet_service\n"
	              "\t\tflags interval\n"
	              "\t\telements = { 10.0.0.0/24 . 6 . 8080-8090 }\n"
	              "\t}\n"
	              "}\n");
}

static void quotes_and_control_characters_cannot_leave_a_comment(void **state)
{
	struct image_set *set = SET("s", KEY_PORT, "1");

	(void)state;
	(void)snprintf(set->comment, sizeof(set->comment), "a\" drop; \n\033[2J\t%s", "b");
	struct image *image = image_of(SETS(set), NO_CHAINS);
	char *text = image_text(image);
	assert_non_null(strstr(text, "\t\tcomment \"a? drop; ??[2J?b\"\n"));
	free(text);
	image_free(image);
}

static void hooked_chains_say_where_and_when_and_accept_by_default(void **state)
{
	static const struct {
		enum image_hook hook;
		int priority;
		const char *expected;
	} rows[] = {
		{HOOK_INPUT, 0, "type filter hook input priority 0; policy accept;\n"},
		{HOOK_FORWARD, -5, "type filter hook forward priority -5; policy accept;\n"},
		{HOOK_OUTPUT, 0, "type filter hook output priority 0; policy accept;\n"},
		{HOOK_POSTROUTING, 0, "type filter hook postrouting priority 0; policy accept;\n"},
		{HOOK_POSTROUTING_NAT, 90,
	         "type nat hook postrouting priority 90; policy accept;\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct image_chain *chain = chain_of("x", "drop");
		char expected[256];

		chain->hook = rows[i].hook;
		chain->priority = rows[i].priority;
		(void)snprintf(expected, sizeof(expected),
		               "table inet t {\n\n\tchain x {\n\t\t%s\t\tdrop\n\t}\n}\n",
		               rows[i].expected);
		assert_prints(image_of(NO_SETS, CHAINS(chain)), expected);
	}
}

static struct image_rule *from_node(struct image_rule *rule)
{
	return match_from_node(rule);
}

static struct image_rule *lookup(struct image_rule *rule)
{
	return match_set(rule, "s", FIELD_DESTINATION6, FIELD_PROTOCOL, FIELD_PORT);
}

static struct image_rule *vmap(struct image_rule *rule)
{
	return verdict_map(rule, "m", FIELD_OUT, FIELD_NONE, FIELD_NONE);
}

static struct image_rule *icmp(struct image_rule *rule)
{
	return match_set(rule, "s", FIELD_SOURCE4, FIELD_ICMP_TYPE, FIELD_ICMP_CODE);
}

static struct image_rule *in_and_out(struct image_rule *rule)
{
	return match_out(match_in(rule, "eth0"), "vlan.eth.3");
}

static struct image_rule *in_like(struct image_rule *rule)
{
	return match_in_kind(match_in_prefix(rule, "vlan"), "veth");
}

static struct image_rule *out_like(struct image_rule *rule)
{
	return match_out_kind(match_out_prefix(rule, "vlan"), "veth");
}

static struct image_rule *dhcp(struct image_rule *rule)
{
	return match_udp_ports(rule, AF_INET6, 546, 547);
}

static struct image_rule *hops(struct image_rule *rule)
{
	return match_hop_limit(rule, 255);
}

static struct image_rule *original_port(struct image_rule *rule)
{
	return match_original_port(match_dnated(match_original(rule)), IPPROTO_TCP, 30000, 32767);
}

static struct image_rule *marked(struct image_rule *rule)
{
	return set_mark(match_marked(match_reply(rule), 0x1000), 0x2000);
}

static struct image_rule *logged(struct image_rule *rule)
{
	return log_packets(limit_rate(count_packets(rule), 50), 100, "podsg egress rules: ");
}

static struct image_rule *sourced(struct image_rule *rule)
{
	return snat_by_map(rule, "unsourced4", AF_INET);
}

static void every_statement_reads_as_nft_writes_it(void **state)
{
	static const struct {
		struct image_rule *(*fill)(struct image_rule *rule);
		const char *expected;
	} rows[] = {
		{from_node, "iif 0"},
		{lookup, "ip6 daddr . meta l4proto . th dport @s"},
		{vmap, "oifname vmap @m"},
		{icmp, "ip saddr . icmp type . icmp code @s"},
		{in_and_out, "iifname \"eth0\" oifname \"vlan.eth.3\""},
		{in_like, "iifname \"vlan*\" meta iifkind \"veth\""},
		{out_like, "oifname \"vlan*\" meta oifkind \"veth\""},
		{dhcp, "meta nfproto ipv6 udp sport 546 udp dport 547"},
		{hops, "ip6 hoplimit 255"},
		{original_port, "ct direction original ct status dnat meta l4proto tcp "
	                        "ct original proto-dst 30000-32767"},
		{marked, "ct direction reply ct mark & 0x00001000 == 0x00001000 "
	                 "ct mark set ct mark | 0x00002000"},
		{logged, "counter limit rate 50/second burst 50 packets "
	                 "log prefix \"podsg egress rules: \" group 100 snaplen 128"},
		{sourced, "snat ip to ip saddr map @unsourced4"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct image_chain *chain = chain_of("x", "");
		char expected[256];

		(void)rows[i].fill(image_chain_rule(chain));
		(void)snprintf(expected, sizeof(expected),
		               "table inet t {\n\n\tchain x {\n\t\t%s\n\t}\n}\n", rows[i].expected);
		assert_prints(image_of(NO_SETS, CHAINS(chain)), expected);
	}
}

static void verdicts_read_as_nft_writes_them(void **state)
{
	static const struct {
		enum verdict_code code;
		const char *expected;
	} rows[] = {
		{VERDICT_DROP, "drop"},
		{VERDICT_RETURN, "return"},
		{VERDICT_JUMP, "jump y"},
		{VERDICT_GOTO, "goto y"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct image_chain *chain = chain_of("x", "");
		char expected[128];

		give_verdict(image_chain_rule(chain), rows[i].code, "y");
		(void)snprintf(expected, sizeof(expected),
		               "table inet t {\n\n\tchain x {\n\t\t%s\n\t}\n}\n", rows[i].expected);
		assert_prints(image_of(NO_SETS, CHAINS(chain)), expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_image_is_an_empty_table),
		cmocka_unit_test(a_set_shows_its_type_comment_and_elements),
		cmocka_unit_test(a_set_that_counts_says_so_at_every_element),
		cmocka_unit_test(a_verdict_map_shows_where_each_interface_goes),
		cmocka_unit_test(a_map_to_addresses_leads_each_to_itself),
		cmocka_unit_test(intervals_are_shown_as_prefixes_ranges_and_single_values),
		cmocka_unit_test(several_fields_are_joined_by_dots),
		cmocka_unit_test(quotes_and_control_characters_cannot_leave_a_comment),
		cmocka_unit_test(hooked_chains_say_where_and_when_and_accept_by_default),
		cmocka_unit_test(every_statement_reads_as_nft_writes_it),
		cmocka_unit_test(verdicts_read_as_nft_writes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
