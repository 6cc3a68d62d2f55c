/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/objects.h"

static void a_rule_reads_as_a_person_calls_it(void **state)
{
	static const struct {
		int16_t protocol;
		int32_t from;
		int32_t to;
		const char *prefix;
		const char *peer;
		enum direction direction;
		const char *text;
	} cases[] = {
		{6, 443, 443, "10.0.0.0/8", NULL, DIRECTION_INGRESS, "tcp/443 from 10.0.0.0/8"},
		{17, 1, 5, NULL, "sg-1", DIRECTION_EGRESS, "udp/1-5 to sg-1"},
		{1, 8, -1, "::/0", NULL, DIRECTION_INGRESS, "icmp/8/-1 from ::/0"},
		{58, -1, -1, NULL, "pl-1", DIRECTION_EGRESS, "icmpv6 to pl-1"},
		{-1, 0, 65535, "10.0.0.1", NULL, DIRECTION_EGRESS, "every protocol to 10.0.0.1"},
		{47, 0, 65535, NULL, "sg-1", DIRECTION_INGRESS, "protocol 47 from sg-1"},
	};
	char buffer[RULE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sg_rule rule = {.protocol = cases[i].protocol,
		                       .from = cases[i].from,
		                       .to = cases[i].to,
		                       .peer = RULE_PEER_GROUP,
		                       .peer_id = cases[i].peer};

		if (cases[i].prefix != NULL) {
			rule.peer = RULE_PEER_PREFIX;
			assert_int_equal(prefix_parse(cases[i].prefix, &rule.prefix, NULL), 0);
		}
		assert_string_equal(rule_text(&rule, cases[i].direction, buffer, sizeof(buffer)),
		                    cases[i].text);
	}
}

static void a_rule_is_cut_to_its_buffer(void **state)
{
	const struct sg_rule rule = {.protocol = -1, .peer = RULE_PEER_GROUP, .peer_id = "sg-1"};
	char buffer[8];

	(void)state;
	assert_string_equal(rule_text(&rule, DIRECTION_INGRESS, buffer, sizeof(buffer)), "every p");
}

static void directions_have_names(void **state)
{
	(void)state;
	assert_string_equal(direction_name(DIRECTION_INGRESS), "ingress");
	assert_string_equal(direction_name(DIRECTION_EGRESS), "egress");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_reads_as_a_person_calls_it),
		cmocka_unit_test(a_rule_is_cut_to_its_buffer),
		cmocka_unit_test(directions_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
