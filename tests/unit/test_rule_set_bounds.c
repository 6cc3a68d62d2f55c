/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "nft-sync/compile/rule_set.h"
#include "tests/unit/rule_set_check.h"

#define ELEMENTS_MAX 20000 /* for what EC2 allows on an interface */
#define SECONDS_MAX 8.0    /* of the processor; many times the aim of 50 ms: sanitizers */
#define RULES 1000         /* EC2's limit */
#define LIST_ENTRIES 1000  /* EC2's limit */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A made-up set of rules, as bad as it can be in one way. */
struct hostile {
	const char *name;
	size_t rules;
	void (*make)(struct sg_rule *rule, size_t number);
};

static uint32_t scatter(size_t number)
{
	return (uint32_t)(number * 2654435761U) ^ (uint32_t)(number >> 7);
}

static struct prefix cut(uint8_t family, const uint8_t bytes[static 16], unsigned length)
{
	struct prefix prefix = {.family = family, .length = (uint8_t)length};

	memcpy(prefix.address, bytes, length / 8);
	if (length % 8 != 0)
		prefix.address[length / 8] = (uint8_t)(bytes[length / 8] & 0xff00 >> length % 8);
	return prefix;
}

/* Whatever the lengths, they nest. */
static struct prefix nested(uint8_t family, unsigned length)
{
	static const uint8_t bytes[16] = {0xaa, 0x55, 0xaa, 0x55, 0xaa, 0x55, 0xaa, 0x55,
	                                  0xaa, 0x55, 0xaa, 0x55, 0xaa, 0x55, 0xaa, 0x55};

	return cut(family, bytes, length);
}

/* Some short ones around everything, many long ones of which few are equal. */
static struct prefix scattered(size_t number)
{
	uint32_t random = scatter(number);
	uint8_t family = number % 2 ? AF_INET6 : AF_INET;
	uint8_t bytes[16] = {0xaa, random >> 8 & 1, random >> 16 & 0xff, random >> 24 & 0xff};

	for (size_t i = 4; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(random >> i);
	return cut(family, bytes, 8 + random % (family == AF_INET ? 25 : 121));
}

static void nested_prefixes_with_staggered_ports(struct sg_rule *rule, size_t number)
{
	rule->protocol = number % 4 < 2 ? 6 : 17;
	rule->from = (int32_t)(number * 30);
	rule->to = rule->from + 30000;
	rule->prefix = number % 2 ? nested(AF_INET6, (unsigned)(number / 2 % 129))
	                          : nested(AF_INET, (unsigned)(number / 2 % 33));
}

static void ports_that_widen_inwards(struct sg_rule *rule, size_t number)
{
	unsigned length = (unsigned)(number % 129);

	rule->protocol = 6;
	rule->from = 30000 - (int32_t)length * 100;
	rule->to = 30000 + (int32_t)length * 100 + (int32_t)(number / 129);
	rule->prefix = nested(AF_INET6, length);
}

static void single_ports_everywhere_below_a_range(struct sg_rule *rule, size_t number)
{
	rule->protocol = 6;
	rule->from = number == 0 ? 1 : (int32_t)number * 2;
	rule->to = number == 0 ? 1500 : rule->from;
	rule->prefix = nested(AF_INET, number == 0 ? 0 : 8 + (unsigned)number % 25);
}

static void scattered_prefixes_ports_and_protocols(struct sg_rule *rule, size_t number)
{
	static const int16_t protocols[] = {6, 6, 17, 1, 58, 47, 50};
	uint32_t random = scatter(number * 31 + 7);

	rule->protocol = protocols[random % COUNT(protocols)];
	rule->prefix = scattered(number);
	rule->from = (int32_t)(random >> 8 & 0x7fff);
	rule->to = rule->from + rule->prefix.length * 100;
	if (rule->protocol == 1 || rule->protocol == 58) {
		rule->from = (int32_t)(random >> 8 & 0xff);
		rule->to = (int32_t)(random >> 20 & 0x1f) - 1;
	}
}

/* Every depth is taken where an inner box overlaps, and inner boxes come and go. */
static void single_addresses_below_a_deep_nest(struct sg_rule *rule, size_t number)
{
	rule->protocol = 6;
	if (number < 120) {
		rule->from = 30000 - (int32_t)number;
		rule->to = 30000 + (int32_t)number;
		rule->prefix = nested(AF_INET6, (unsigned)number);
		return;
	}
	rule->prefix = nested(AF_INET6, 128);
	rule->prefix.address[14] = (uint8_t)(number >> 8);
	rule->prefix.address[15] = (uint8_t)number;
	rule->to = 29000 + (int32_t)(number / 256);
	rule->from = rule->to - 1;
	if (number % 2) {
		rule->from = 100;
		rule->to = 65000;
	}
}

static void one_large_prefix_list_again_and_again(struct sg_rule *rule, size_t number)
{
	rule->protocol = 6;
	rule->from = (int32_t)number * 20;
	rule->to = rule->from + 15;
	rule->peer = RULE_PEER_PREFIX_LIST;
	rule->peer_id = "pl-large";
}

static const struct hostile hostiles[] = {
	{"nested prefixes with staggered ports", RULES, nested_prefixes_with_staggered_ports},
	{"ports that widen inwards", RULES, ports_that_widen_inwards},
	{"single ports everywhere below a range", RULES, single_ports_everywhere_below_a_range},
	{"scattered prefixes, ports and protocols", RULES, scattered_prefixes_ports_and_protocols},
	{"single addresses below a deep nest", RULES, single_addresses_below_a_deep_nest},
	{"one large prefix list again and again", 19, one_large_prefix_list_again_and_again},
};

/* As much as the compiler accepts at all. */
static const struct hostile extremes[] = {
	{"65,536 nested", RULE_SET_BOXES_MAX, nested_prefixes_with_staggered_ports},
	{"65,536 that widen inwards", RULE_SET_BOXES_MAX, ports_that_widen_inwards},
	{"65,536 scattered", RULE_SET_BOXES_MAX, scattered_prefixes_ports_and_protocols},
	{"65,536 below a deep nest", RULE_SET_BOXES_MAX, single_addresses_below_a_deep_nest},
	{"65 large prefix lists", 65, one_large_prefix_list_again_and_again},
};

static const struct prefix_list *find_list(void *context, const char *id)
{
	static struct prefix entries[LIST_ENTRIES];
	static const struct prefix_list list = {
		.entries = entries, .entry_count = LIST_ENTRIES, .known = true};

	(void)context;
	assert_string_equal(id, "pl-large");
	for (size_t i = 0; i < LIST_ENTRIES; i++)
		entries[i] = (struct prefix){AF_INET, 32, {10, 0, i >> 8 & 0xff, i & 0xff}};
	return &list;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct sg_rule *make_rules(const struct hostile *hostile)
{
	struct sg_rule *rules = calloc(hostile->rules, sizeof(*rules));

	assert_non_null(rules);
	for (size_t i = 0; i < hostile->rules; i++) {
		hostile->make(&rules[i], i);
		if (rules[i].to > UINT16_MAX)
			rules[i].to = UINT16_MAX;
		if (rules[i].from > rules[i].to && rules[i].protocol > 1)
			rules[i].from = rules[i].to;
	}
	return rules;
}

static struct rule_set *compile_in_time(const struct hostile *hostile)
{
	struct security_group group = {.id = "sg-hostile", .rule_count = {hostile->rules}};
	const struct security_group *groups[] = {&group};
	struct rule_set_input input = {DIRECTION_INGRESS, groups, 1, find_list, NULL};
	struct rule_set *set = NULL;
	double start;
	double duration;

	group.rules[DIRECTION_INGRESS] = make_rules(hostile);
	start = seconds_now();
	assert_int_equal(rule_set_compile(&input, &set, NULL), 0);
	duration = seconds_now() - start;
	print_message("%zu elements in %zu sets, %.1f ms\n", rule_set_elements(set), set->set_count,
	              duration * 1e3);
	assert_true(duration < SECONDS_MAX);
	free(group.rules[DIRECTION_INGRESS]);
	return set;
}

static void check_hostile(void **state)
{
	struct rule_set *set = compile_in_time(*state);

	assert_true(rule_set_elements(set) < ELEMENTS_MAX);
	if (rule_set_elements(set) <= RULES)
		assert_null(rule_set_broken_promise(set));
	rule_set_free(set);
}

static void check_extreme(void **state)
{
	struct rule_set *set = compile_in_time(*state);

	assert_true(rule_set_elements(set) <= RULE_SET_BOXES_MAX);
	rule_set_free(set);
}

static struct CMUnitTest test_of(const struct hostile *hostile, CMUnitTestFunction check)
{
	return (struct CMUnitTest){hostile->name, check, NULL, NULL, (void *)(uintptr_t)hostile};
}

int main(void)
{
	struct CMUnitTest tests[COUNT(hostiles) + COUNT(extremes)];

	for (size_t i = 0; i < COUNT(hostiles); i++)
		tests[i] = test_of(&hostiles[i], check_hostile);
	for (size_t i = 0; i < COUNT(extremes); i++)
		tests[COUNT(hostiles) + i] = test_of(&extremes[i], check_extreme);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
