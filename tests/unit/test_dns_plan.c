/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dnscache/corefile/corefile.h"
#include "dnscache/serve/plan.h"
#include "dnscache/tell/counter_table.h"

static struct counter_table *counters;

static int make_counters(void **state)
{
	(void)state;
	counters = counter_table_new(2);
	return counters ? 0 : -1;
}

static int free_counters(void **state)
{
	(void)state;
	counter_table_free(counters);
	return 0;
}

static struct prefix address(const char *text)
{
	struct prefix ret;
	assert_int_equal(address_parse(text, &ret), 0);
	return ret;
}

static struct plan *plan_of(const char *text)
{
	static const struct corefile_values values = {.cluster_dns = "",
	                                              .local_dns = "",
	                                              .upstream_servers = "",
	                                              .domain = "cluster.local",
	                                              .port = 53};
	const struct prefix listen = address("127.0.0.1");
	struct error failure = {0};
	struct corefile *corefile;
	struct plan *plan = NULL;
	int r = corefile_parse("Corefile", NULL, text, strlen(text), &values, &corefile, &failure);
	if (r == 0)
		r = plan_make(corefile, &listen, 1, counters, &plan, &failure);
	if (r < 0 || !plan) {
		fail_msg("%s", failure.text);
		abort(); /* for the analyzer, which does not know that it is not reached */
	}
	return plan;
}

static struct dns_name name_of(const char *text)
{
	struct dns_name name;
	assert_int_equal(dns_name_parse(text, &name), 0);
	return name;
}

static void the_zone_with_most_labels_serves(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		const char *zone;
	} cases[] = {
		{"www.example.com", DNS_TYPE_A, "."},
		{"cluster.local", DNS_TYPE_A, "cluster.local."},
		{"a.svc.cluster.local", DNS_TYPE_A, "svc.cluster.local."},
		{"xsvc.cluster.local", DNS_TYPE_A, "cluster.local."},
		{"notcluster.local", DNS_TYPE_A, "."},
		{"cluster.local", DNS_TYPE_DS, "."},
		{"svc.cluster.local", DNS_TYPE_DS, "cluster.local."},
		{"a.svc.cluster.local", DNS_TYPE_DS, "svc.cluster.local."},
		{".", DNS_TYPE_DS, "."},
	};
	(void)state;
	struct plan *plan = plan_of(".:53 {\n forward . 10.0.0.1\n}\n"
	                            "svc.cluster.local {\n forward . 10.0.0.2\n}\n"
	                            "cluster.local {\n forward . 10.0.0.3\n}\n");
	assert_int_equal(plan->endpoint_count, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_name name = name_of(cases[i].name);
		char zone[DNS_NAME_TEXT_MAX];
		const struct plan_zone *found =
			plan_zone_find(&plan->endpoints[0], &name, cases[i].type);
		assert_non_null(found);
		assert_string_equal(dns_name_text(&found->name, zone), cases[i].zone);
	}
	plan_release(plan);
}

static void a_name_outside_of_all_zones_has_none(void **state)
{
	(void)state;
	struct plan *plan = plan_of("cluster.local {\n forward . 10.0.0.3\n}\n");
	struct dns_name name = name_of("example.com");
	assert_null(plan_zone_find(&plan->endpoints[0], &name, DNS_TYPE_A));
	plan_release(plan);
}

static void blocks_listen_where_they_are_bound_and_else_where_the_node_says(void **state)
{
	(void)state;
	struct plan *plan = plan_of(".:53 {\n bind 169.254.20.10 fd00::10\n forward . 10.0.0.1\n}\n"
	                            "example {\n forward . 10.0.0.2\n}\n");
	const struct prefix bound = address("169.254.20.10"), six = address("fd00::10"),
			    given = address("127.0.0.1"), other = address("127.0.0.2");
	assert_int_equal(plan->endpoint_count, 3);
	assert_non_null(plan_endpoint(plan, &bound, 53));
	assert_non_null(plan_endpoint(plan, &six, 53));
	assert_non_null(plan_endpoint(plan, &given, 53));
	assert_null(plan_endpoint(plan, &given, 54));
	assert_null(plan_endpoint(plan, &other, 53));
	plan_release(plan);
}

static void the_longest_from_forwards_and_exceptions_do_not(void **state)
{
	(void)state;
	struct plan *plan = plan_of(".:53 {\n forward . 10.0.0.1 {\n except local\n }\n"
	                            " forward corp.example 10.0.0.2\n}\n");
	const struct plan_block *block = &plan->blocks[0];
	struct dns_name general = name_of("www.example"), corporate = name_of("a.corp.example"),
			local = name_of("printer.local");
	assert_int_equal(plan_forwarder_find(block, &general), 0);
	assert_int_equal(plan_forwarder_find(block, &corporate), 1);
	assert_int_equal(plan_forwarder_find(block, &local), -ENOENT);
	plan_release(plan);
}

static void counters_go_on_over_a_reload(void **state)
{
	(void)state;
	struct plan *before = plan_of(".:53 {\n forward . 10.0.0.1\n}\n");
	tally_add(&before->endpoints[0].zones[0].counters[1]->cache_misses, 3);
	struct plan *after = plan_of(".:53 {\n forward . 10.0.0.2\n}\n");
	plan_release(before);
	assert_int_equal(tally_read(&after->endpoints[0].zones[0].counters[1]->cache_misses), 3);
	plan_release(after);
}

static void every_loop_is_looked_for_under_a_name_of_its_own(void **state)
{
	(void)state;
	struct plan *plan = plan_of("cluster.local {\n loop\n forward . 10.0.0.1\n}\n"
	                            "example {\n loop\n forward . 10.0.0.1\n}\n"
	                            "test {\n forward . 10.0.0.1\n}\n");
	const struct dns_name *first = &plan->blocks[0].loop_name;
	const struct dns_name *second = &plan->blocks[1].loop_name;
	struct dns_name zone = name_of("cluster.local");
	assert_true(dns_name_under(first, &zone));
	assert_int_equal(dns_name_labels(first), 4);
	assert_false(dns_name_equal(first, second));
	assert_int_equal(plan->blocks[2].loop_name.length, 0);
	plan_release(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_zone_with_most_labels_serves),
		cmocka_unit_test(a_name_outside_of_all_zones_has_none),
		cmocka_unit_test(blocks_listen_where_they_are_bound_and_else_where_the_node_says),
		cmocka_unit_test(the_longest_from_forwards_and_exceptions_do_not),
		cmocka_unit_test(counters_go_on_over_a_reload),
		cmocka_unit_test(every_loop_is_looked_for_under_a_name_of_its_own),
	};
	return cmocka_run_group_tests(tests, make_counters, free_counters);
}
