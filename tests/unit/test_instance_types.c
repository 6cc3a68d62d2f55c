/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/facts_place.h"

#include "nft-sync/check/instance_types.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void limits_of_a_type(void **state)
{
	static const struct {
		const char *type;
		struct instance_limits limits;
	} rows[] = {
		{"m5.large", {9, 3, 10}},
		{"m5.metal", {120, 15, 50}},
		{"c5.metal", {107, 15, 50}},
		{"c5a.large", {9, 3, 10}},
		{"m7i.metal-24xl", {107, 15, 50}},
		{"t3.large", {0, 3, 12}},
		{"u7in-16tb.224xlarge", {106, 8, 50}},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct instance_limits limits;
		print_message("%s\n", rows[i].type);
		assert_true(branch_limits_find(rows[i].type, &limits));
		assert_int_equal(limits.branches, rows[i].limits.branches);
		assert_int_equal(limits.interfaces, rows[i].limits.interfaces);
		assert_int_equal(limits.addresses, rows[i].limits.addresses);
	}
}

static void what_is_no_type_is_not_found(void **state)
{
	static const char *const types[] = {
		"",           ".",
		"m5",         "m5.",
		".large",     "m5.lar",
		"m5.larger",  "m.large",
		"m55.large",  "m5 .large",
		"m5.large=9", "m5.metal-24xl",
		"M5.large",   "c5 c5d.large",
		"m5.large ",  "9/3/10.large",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct instance_limits limits;
		print_message("\"%s\"\n", types[i]);
		assert_false(branch_limits_find(types[i], &limits));
	}
}

/* Of one row: every family with every size. */
static size_t walk_row(const struct branch_limits *row)
{
	char families[512], sizes[1024], type[128], *next_family = NULL, *next_size = NULL;
	size_t count = 0;
	assert_true(strlen(row->families) < sizeof(families));
	(void)snprintf(families, sizeof(families), "%s", row->families);
	for (char *family = strtok_r(families, " ", &next_family); family;
	     family = strtok_r(NULL, " ", &next_family)) {
		assert_true(strlen(row->sizes) < sizeof(sizes));
		(void)snprintf(sizes, sizeof(sizes), "%s", row->sizes);
		for (char *size = strtok_r(sizes, " ", &next_size); size;
		     size = strtok_r(NULL, " ", &next_size)) {
			struct instance_limits limits;
			size_t name = strcspn(size, "=");
			assert_int_equal(size[name], '=');
			(void)snprintf(type, sizeof(type), "%s.%.*s", family, (int)name, size);
			assert_true(branch_limits_find(type, &limits));
			assert_int_equal(limits.branches, strtol(size + name + 1, NULL, 10));
			count++;
		}
	}
	return count;
}

static void every_type_of_the_table_is_found(void **state)
{
	size_t count = 0;
	(void)state;
	for (const struct branch_limits *row = branch_limits; row->families; row++)
		count += walk_row(row);
	assert_int_equal(count, 1164);
}

/* EC2 says how many interfaces and addresses there are, and nothing of branches. */
static void documents_go_before_the_table(void **state)
{
	static const char document[] =
		"{\"InstanceTypes\": ["
		"{\"InstanceType\": \"m5.large\", \"NetworkInfo\": {\"MaximumNetworkInterfaces\": "
		"4,"
		" \"Ipv4AddressesPerInterface\": 12}},"
		"{\"InstanceType\": \"m99.large\", \"NetworkInfo\": {\"MaximumNetworkInterfaces\": "
		"64,"
		" \"DefaultNetworkCardIndex\": 1, \"Ipv4AddressesPerInterface\": 50,"
		" \"NetworkCards\": [{\"NetworkCardIndex\": 0, \"MaximumNetworkInterfaces\": 60},"
		" {\"NetworkCardIndex\": 1, \"MaximumNetworkInterfaces\": 4}]}},"
		"{\"InstanceType\": \"c5.large\"}]}";
	static const struct {
		const char *type;
		bool known;
		struct instance_limits limits;
	} rows[] = {
		{"m5.large", true, {9, 4, 12}},   {"m99.large", true, {-1, 4, 50}},
		{"c5.large", true, {9, 3, 10}},   {"r5.large", true, {9, 3, 10}},
		{"m98.large", false, {-1, 0, 0}},
	};
	struct facts_place *place = *state;
	put_facts(place, "types.json", document);
	settle_facts(place);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct instance_limits limits;
		print_message("%s\n", rows[i].type);
		assert_int_equal(instance_limits(&place->facts, rows[i].type, &limits),
		                 rows[i].known);
		assert_int_equal(limits.branches, rows[i].limits.branches);
		assert_int_equal(limits.interfaces, rows[i].limits.interfaces);
		assert_int_equal(limits.addresses, rows[i].limits.addresses);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_of_a_type),
		cmocka_unit_test(what_is_no_type_is_not_found),
		cmocka_unit_test(every_type_of_the_table_is_found),
		cmocka_unit_test_setup_teardown(documents_go_before_the_table, open_facts_place,
	                                        close_facts_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
