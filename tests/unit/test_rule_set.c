/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "nft-sync/compile/rule_set.h"
#include "tests/unit/rule_set_check.h"

#define RULES_MAX 12
#define TEXT_MAX 1024
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* peer: a prefix, "pl-…" or "sg-…". */
struct rule_line {
	int16_t protocol;
	int32_t from;
	int32_t to;
	const char *peer;
};

#define RULE(...) ((struct rule_line){__VA_ARGS__})
#define ALL(peer) RULE(PROTOCOL_ALL, 0, 65535, peer)
#define TCP(from, to, peer) RULE(6, from, to, peer)
#define UDP(from, to, peer) RULE(17, from, to, peer)
#define ICMP(type, code, peer) RULE(1, type, code, peer)
#define ICMPV6(type, code, peer) RULE(58, type, code, peer)
#define PROTOCOL(number, peer) RULE(number, 0, 65535, peer)

struct row {
	const char *behaviour;
	struct rule_line rules[RULES_MAX];
	const char *sets; /* as print_set() writes them */
};

static const struct row rows[] = {
	{"no rule makes no set", {{0}}, ""},
	{"-1 is a prefix of the ALL set", {ALL("10.0.0.0/8")}, "v4 all 0: 10.0.0.0/8\n"},
	{"an ALL prefix inside another is left out",
         {ALL("10.1.0.0/16"), ALL("10.0.0.0/8"), ALL("10.0.0.0/8"), ALL("11.0.0.0/8")},
         "v4 all 0: 10.0.0.0/8, 11.0.0.0/8\n"},
	{"what lies in an ALL prefix is left out",
         {ALL("10.0.0.0/8"), TCP(80, 80, "10.1.0.0/16"), TCP(80, 80, "10.0.0.0/8"),
          PROTOCOL(47, "10.2.3.4")},
         "v4 all 0: 10.0.0.0/8\n"},
	{"what only encloses an ALL prefix stays",
         {ALL("10.0.0.0/8"), TCP(80, 80, "0.0.0.0/0")},
         "v4 all 0: 10.0.0.0/8\nv4 ports 0: 0.0.0.0/0 6 80-80\n"},
	{"an ALL prefix of one family says nothing about the other",
         {ALL("0.0.0.0/0"), TCP(80, 80, "::/0")},
         "v4 all 0: 0.0.0.0/0\nv6 ports 0: ::/0 6 80-80\n"},
	{"a duplicate rule is one box",
         {TCP(80, 80, "10.0.0.0/8"), TCP(80, 80, "10.0.0.0/8")},
         "v4 ports 0: 10.0.0.0/8 6 80-80\n"},
	{"overlapping port ranges of a prefix are merged",
         {TCP(80, 90, "10.0.0.0/8"), TCP(85, 100, "10.0.0.0/8"), TCP(1, 2, "10.0.0.0/8")},
         "v4 ports 0: 10.0.0.0/8 6 1-2, 10.0.0.0/8 6 80-100\n"},
	{"adjacent port ranges of a prefix are merged, up to the last port",
         {TCP(0, 79, "10.0.0.0/8"), TCP(80, 65535, "10.0.0.0/8")},
         "v4 ports 0: 10.0.0.0/8 6 0-65535\n"},
	{"a port range inside a wider one does not cut it short",
         {TCP(1, 100, "10.0.0.0/8"), TCP(2, 3, "10.0.0.0/8"), TCP(50, 60, "10.0.0.0/8")},
         "v4 ports 0: 10.0.0.0/8 6 1-100\n"},
	{"tcp and udp are apart",
         {TCP(53, 53, "10.0.0.0/8"), UDP(53, 54, "10.0.0.0/8"), UDP(53, 60, "10.1.0.0/16")},
         "v4 ports 0: 10.0.0.0/8 6 53-53, 10.0.0.0/8 17 53-54\n"
         "v4 ports 1: 10.1.0.0/16 17 53-60\n"},
	{"nested prefixes with disjoint ports share a depth",
         {TCP(80, 80, "0.0.0.0/0"), TCP(443, 443, "10.0.0.0/8"), TCP(22, 22, "10.1.2.3")},
         "v4 ports 0: 0.0.0.0/0 6 80-80, 10.0.0.0/8 6 443-443, 10.1.2.3 6 22-22\n"},
	{"a box covered by one of an enclosing prefix is left out",
         {TCP(80, 90, "0.0.0.0/0"), TCP(85, 85, "10.0.0.0/8"), TCP(80, 90, "10.1.0.0/16")},
         "v4 ports 0: 0.0.0.0/0 6 80-90\n"},
	{"a box that overlaps an enclosing one goes deeper, whole",
         {TCP(80, 90, "0.0.0.0/0"), TCP(85, 95, "10.0.0.0/8")},
         "v4 ports 0: 0.0.0.0/0 6 80-90\nv4 ports 1: 10.0.0.0/8 6 85-95\n"},
	{"a box goes to the lowest depth that is free",
         {TCP(1, 10, "0.0.0.0/0"), TCP(5, 20, "10.0.0.0/8"), TCP(15, 30, "10.1.0.0/16"),
          TCP(8, 40, "10.1.1.0/24")},
         "v4 ports 0: 0.0.0.0/0 6 1-10, 10.1.0.0/16 6 15-30\n"
         "v4 ports 1: 10.0.0.0/8 6 5-20\n"
         "v4 ports 2: 10.1.1.0/24 6 8-40\n"},
	{"a prefix that was left takes no room any more",
         {TCP(1, 10, "10.0.0.0/8"), TCP(5, 20, "11.0.0.0/8"), TCP(5, 20, "12.0.0.0/8")},
         "v4 ports 0: 10.0.0.0/8 6 1-10, 11.0.0.0/8 6 5-20, 12.0.0.0/8 6 5-20\n"},
	{"icmp type and code are two ranges",
         {ICMP(8, 0, "10.0.0.0/8"), ICMP(3, -1, "10.0.0.0/8")},
         "v4 icmp 0: 10.0.0.0/8 1 0x0300-0x03ff, 10.0.0.0/8 1 0x0800-0x0800\n"},
	{"icmp -1 is every type and code",
         {ICMP(-1, -1, "::/0"), ICMPV6(-1, -1, "::/0")},
         "v6 icmp 0: ::/0 58 0x0000-0xffff\n"},
	{"an icmp code inside all codes of its type is left out",
         {ICMP(3, 4, "10.0.0.0/8"), ICMP(3, -1, "0.0.0.0/0")},
         "v4 icmp 0: 0.0.0.0/0 1 0x0300-0x03ff\n"},
	{"all codes of adjacent types stay apart",
         {ICMP(3, -1, "10.0.0.0/8"), ICMP(4, -1, "10.0.0.0/8")},
         "v4 icmp 0: 10.0.0.0/8 1 0x0300-0x03ff, 10.0.0.0/8 1 0x0400-0x04ff\n"},
	{"all types of an inner prefix lie below one type of an outer one",
         {ICMP(8, -1, "0.0.0.0/0"), ICMP(-1, -1, "10.0.0.0/8")},
         "v4 icmp 0: 0.0.0.0/0 1 0x0800-0x08ff\nv4 icmp 1: 10.0.0.0/8 1 0x0000-0xffff\n"},
	{"icmp permits nothing in IPv6, icmpv6 nothing in IPv4",
         {ICMP(-1, -1, "::/0"), ICMPV6(-1, -1, "0.0.0.0/0")},
         ""},
	{"a protocol without ports is itself whole",
         {PROTOCOL(47, "10.0.0.0/8"), PROTOCOL(50, "10.1.0.0/16"), PROTOCOL(47, "10.1.0.0/16")},
         "v4 protocol 0: 10.0.0.0/8 47, 10.1.0.0/16 50\n"},
	{"what can't be is left out: ports reversed or too large, types and codes too large",
         {TCP(90, 80, "10.0.0.0/8"), TCP(80, 65536, "10.0.0.0/8"), TCP(-1, 80, "10.0.0.0/8"),
          ICMP(256, -1, "10.0.0.0/8"), ICMP(8, 256, "10.0.0.0/8"), PROTOCOL(256, "10.0.0.0/8")},
         ""},
	{"a prefix list is its entries, those of both families",
         {TCP(80, 80, "pl-both")},
         "v4 ports 0: 10.0.0.0/8 6 80-80, 11.0.0.0/8 6 80-80\n"
         "v6 ports 0: 2001:db8::/32 6 80-80\n"},
	{"a prefix list that is not known is named and permits nothing",
         {TCP(80, 80, "pl-unknown"), TCP(81, 81, "pl-unread"), UDP(1, 1, "pl-unknown")},
         "missing pl-unknown\nmissing pl-unread\n"},
	{"an empty prefix list is not missing", {TCP(80, 80, "pl-empty")}, ""},
	{"a referenced group keeps its spans, merged",
         {TCP(80, 90, "sg-b"), TCP(91, 95, "sg-b"), UDP(1, 1, "sg-b"), ICMP(8, 0, "sg-b"),
          ICMP(8, -1, "sg-b"), PROTOCOL(47, "sg-b")},
         "sg-b: 6 80-95, 17 1-1, 1 0x0800-0x08ff, 47\n"},
	{"every protocol from a group makes its spans pointless",
         {TCP(80, 90, "sg-b"), ALL("sg-b")},
         "sg-b: all\n"},
	{"groups are sorted and each is there once",
         {TCP(80, 80, "sg-c"), TCP(80, 80, "sg-a"), TCP(80, 80, "sg-c")},
         "sg-a: 6 80-80\nsg-c: 6 80-80\n"},
	{"families and classes are apart and in order",
         {PROTOCOL(47, "::/0"), TCP(1, 1, "::/0"), ICMP(0, 0, "0.0.0.0/0"), UDP(1, 1, "0.0.0.0/0"),
          ALL("2001:db8::/32")},
         "v4 ports 0: 0.0.0.0/0 17 1-1\nv4 icmp 0: 0.0.0.0/0 1 0x0000-0x0000\n"
         "v6 all 0: 2001:db8::/32\nv6 ports 0: ::/0 6 1-1\nv6 protocol 0: ::/0 47\n"},
};

static const struct prefix_list *find_list(void *context, const char *id)
{
	static struct prefix both[3];
	static const struct prefix_list lists[] = {
		{.id = "pl-both", .entries = both, .entry_count = 3, .known = true},
		{.id = "pl-empty", .known = true},
		{.id = "pl-unread"},
	};

	(void)context;
	assert_int_equal(prefix_parse("10.0.0.0/8", &both[0], NULL), 0);
	assert_int_equal(prefix_parse("2001:db8::/32", &both[1], NULL), 0);
	assert_int_equal(prefix_parse("11.0.0.0/8", &both[2], NULL), 0);
	for (size_t i = 0; i < COUNT(lists); i++) {
		if (strcmp(lists[i].id, id) == 0)
			return &lists[i];
	}
	return NULL;
}

static struct sg_rule rule_of(const struct rule_line *line)
{
	struct sg_rule rule = {
		.protocol = line->protocol, .from = line->from, .to = line->to, .description = ""};

	if (strncmp(line->peer, "pl-", 3) == 0)
		rule.peer = RULE_PEER_PREFIX_LIST;
	else if (strncmp(line->peer, "sg-", 3) == 0)
		rule.peer = RULE_PEER_GROUP;
	else
		assert_int_equal(prefix_parse(line->peer, &rule.prefix, NULL), 0);
	if (rule.peer != RULE_PEER_PREFIX)
		rule.peer_id = line->peer;
	return rule;
}

static int compile_rules(struct sg_rule *rules, size_t count, struct rule_set **ret,
                         struct error *err)
{
	struct security_group group = {
		.id = "sg-test", .rules = {rules}, .rule_count = {count}, .name = "", .vpc_id = ""};
	const struct security_group *groups[] = {&group};
	struct rule_set_input input = {
		.direction = DIRECTION_INGRESS,
		.groups = groups,
		.group_count = 1,
		.prefix_list = find_list,
	};

	return rule_set_compile(&input, ret, err);
}

static void print_span(FILE *out, enum match_class class, const struct span *span)
{
	if (class == MATCH_PROTOCOL)
		(void)fprintf(out, " %u", span->protocol);
	else if (class == MATCH_ICMP)
		(void)fprintf(out, " %u 0x%04x-0x%04x", span->protocol, span->low, span->high);
	else if (class == MATCH_PORTS)
		(void)fprintf(out, " %u %u-%u", span->protocol, span->low, span->high);
}

static void print_boxes(FILE *out, const struct box_set *set)
{
	static const char *const classes[] = {"all", "ports", "icmp", "protocol"};
	char buffer[PREFIX_TEXT_MAX];

	(void)fprintf(out, "v%d %s %u:", set->family == AF_INET ? 4 : 6, classes[set->class],
	              set->depth);
	for (size_t i = 0; i < set->count; i++) {
		(void)fprintf(out, "%s %s", i > 0 ? "," : "",
		              prefix_text(&set->boxes[i].prefix, buffer));
		print_span(out, set->class, &set->boxes[i].span);
	}
	(void)fprintf(out, "\n");
}

static void print_peer(FILE *out, const struct peer_group *peer)
{
	const char *separator = "";

	(void)fprintf(out, "%s:%s", peer->id, peer->all ? " all" : "");
	for (unsigned i = 0; i < MATCH_CLASSES; i++) {
		for (size_t j = 0; j < peer->span_count[i]; j++) {
			(void)fprintf(out, "%s", separator);
			print_span(out, (enum match_class)i, &peer->spans[i][j]);
			separator = ",";
		}
	}
	(void)fprintf(out, "\n");
}

static void print_set(char text[static TEXT_MAX], const struct rule_set *set)
{
	FILE *out = fmemopen(text, TEXT_MAX, "w");

	assert_non_null(out);
	for (size_t i = 0; i < set->set_count; i++)
		print_boxes(out, &set->sets[i]);
	for (size_t i = 0; i < set->peer_count; i++)
		print_peer(out, &set->peers[i]);
	for (size_t i = 0; i < set->missing_prefix_list_count; i++)
		(void)fprintf(out, "missing %s\n", set->missing_prefix_lists[i]);
	assert_int_equal(fclose(out), 0);
}

static void check_row(void **state)
{
	const struct row *row = *state;
	struct sg_rule rules[RULES_MAX];
	char text[TEXT_MAX] = "";
	struct rule_set *set = NULL;
	size_t count = 0;

	while (count < RULES_MAX && row->rules[count].peer != NULL) {
		rules[count] = rule_of(&row->rules[count]);
		count++;
	}
	assert_int_equal(compile_rules(rules, count, &set, NULL), 0);
	print_set(text, set);
	assert_string_equal(text, row->sets);
	assert_null(rule_set_broken_promise(set));
	rule_set_free(set);
}

static void rules_of_all_groups_and_one_direction_count(void **state)
{
	struct rule_line lines[] = {TCP(1, 1, "10.0.0.0/8"), TCP(2, 2, "10.0.0.0/8"),
	                            TCP(9, 9, "10.0.0.0/8")};
	struct sg_rule rules[] = {rule_of(&lines[0]), rule_of(&lines[1]), rule_of(&lines[2])};
	struct security_group a = {
		.id = "sg-a",
		.rules = {[DIRECTION_EGRESS] = &rules[0]},
		.rule_count = {[DIRECTION_EGRESS] = 1},
	};
	struct security_group b = {
		.id = "sg-b",
		.rules = {[DIRECTION_INGRESS] = &rules[2], [DIRECTION_EGRESS] = &rules[1]},
		.rule_count = {[DIRECTION_INGRESS] = 1, [DIRECTION_EGRESS] = 1},
	};
	const struct security_group *groups[] = {&a, &b};
	struct rule_set_input input = {DIRECTION_EGRESS, groups, 2, find_list, NULL};
	char text[TEXT_MAX] = "";
	struct rule_set *set = NULL;

	(void)state;
	assert_int_equal(rule_set_compile(&input, &set, NULL), 0);
	print_set(text, set);
	assert_string_equal(text, "v4 ports 0: 10.0.0.0/8 6 1-2\n");
	rule_set_free(set);
}

static void elements_are_boxes_and_spans(void **state)
{
	struct rule_line lines[] = {TCP(1, 1, "10.0.0.0/8"), TCP(1, 1, "::/0"), TCP(3, 3, "sg-a"),
	                            UDP(3, 3, "sg-a"), ALL("sg-b")};
	struct sg_rule rules[COUNT(lines)];
	struct rule_set *set = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		rules[i] = rule_of(&lines[i]);
	assert_int_equal(compile_rules(rules, COUNT(lines), &set, NULL), 0);
	assert_int_equal(rule_set_elements(set), 4);
	rule_set_free(set);
}

static void nobody_is_a_member_where_nobody_is_asked(void **state)
{
	struct rule_line line = ALL("sg-a");
	struct sg_rule rule = rule_of(&line);
	struct match match = {.protocol = 6, .value = 80};
	struct rule_set *set = NULL;

	(void)state;
	assert_int_equal(address_parse("10.0.0.1", &match.peer), 0);
	assert_int_equal(compile_rules(&rule, 1, &set, NULL), 0);
	assert_false(rule_set_permits(set, &match, NULL, NULL));
	rule_set_free(set);
}

static void too_many_boxes_are_refused_and_nothing_is_made(void **state)
{
	size_t count = RULE_SET_BOXES_MAX + 1;
	struct rule_line line = TCP(80, 80, "10.0.0.0/8");
	struct sg_rule *rules = calloc(count, sizeof(*rules));
	struct rule_set *set = NULL;
	struct error err = {0};

	(void)state;
	assert_non_null(rules);
	for (size_t i = 0; i < count; i++)
		rules[i] = rule_of(&line);
	assert_int_equal(compile_rules(rules, count, &set, &err), -E2BIG);
	assert_int_equal(err.code, -E2BIG);
	assert_non_null(strstr(err.text, "sg-test"));
	assert_null(set);
	assert_int_equal(compile_rules(rules, count - 1, &set, NULL), 0);
	assert_int_equal(rule_set_elements(set), 1);
	rule_set_free(set);
	free(rules);
}

static void nothing_is_freed_without_complaint(void **state)
{
	(void)state;
	rule_set_free(NULL);
}

int main(void)
{
	struct CMUnitTest row_tests[COUNT(rows)];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_of_all_groups_and_one_direction_count),
		cmocka_unit_test(elements_are_boxes_and_spans),
		cmocka_unit_test(nobody_is_a_member_where_nobody_is_asked),
		cmocka_unit_test(too_many_boxes_are_refused_and_nothing_is_made),
		cmocka_unit_test(nothing_is_freed_without_complaint),
	};
	int failed;

	for (size_t i = 0; i < COUNT(rows); i++)
		row_tests[i] = (struct CMUnitTest){rows[i].behaviour, check_row, NULL, NULL,
		                                   (void *)(uintptr_t)&rows[i]};
	failed = cmocka_run_group_tests(row_tests, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL) + failed;
}
