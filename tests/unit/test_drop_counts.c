/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/answer/drop_filter.h"
#include "nft-sync/kernel/drop_counts.h"

#define RULES (&drop_reasons[2])
#define CLOSED (&drop_reasons[4])

/* One reading of a single counter; returns what is news of it. */
static uint64_t reading(struct drop_counts *counts, uint64_t packets)
{
	if (packets > 0)
		drop_counts_read(counts, RULES, "eni-a", packets);
	drop_counts_end(counts);
	return counts->count > 0 ? counts->items[0].news : 0;
}

static void see(struct drop_counts *counts, int times)
{
	for (int i = 0; i < times; i++)
		drop_counts_seen(counts, RULES, "eni-a");
}

static void what_was_dropped_before_is_not_missed(void **state)
{
	struct drop_counts counts = {0};

	(void)state;
	assert_int_equal(reading(&counts, 1000), 0);
	assert_int_equal(reading(&counts, 1000), 0);
	assert_int_equal(reading(&counts, 1000), 0);
	drop_counts_done(&counts);
}

static void unseen_packets_are_told_a_reading_later_and_once(void **state)
{
	struct drop_counts counts = {0};

	(void)state;
	assert_int_equal(reading(&counts, 0), 0);
	see(&counts, 50);
	assert_int_equal(reading(&counts, 150), 0);
	assert_int_equal(reading(&counts, 150), 100);
	assert_int_equal(reading(&counts, 150), 0);
	drop_counts_done(&counts);
}

static void messages_under_way_are_not_missed(void **state)
{
	struct drop_counts counts = {0};

	(void)state;
	assert_int_equal(reading(&counts, 0), 0);
	assert_int_equal(reading(&counts, 10), 0);
	see(&counts, 10);
	assert_int_equal(reading(&counts, 10), 0);
	assert_int_equal(reading(&counts, 10), 0);
	drop_counts_done(&counts);
}

static void what_is_told_adds_up_to_what_was_not_seen(void **state)
{
	struct drop_counts counts = {0};
	uint64_t dropped = 0;
	uint64_t told = 0;

	(void)state;
	told += reading(&counts, dropped);
	for (int i = 0; i < 20; i++) {
		dropped += 1000;
		see(&counts, i % 3 ? 50 : 20);
		told += reading(&counts, dropped);
		assert_true(told <= dropped);
	}
	told += reading(&counts, dropped);
	assert_int_equal(told + counts.items[0].seen, dropped);
	drop_counts_done(&counts);
}

static void a_counter_that_begins_anew_is_counted_from_nothing(void **state)
{
	struct drop_counts counts = {0};

	(void)state;
	assert_int_equal(reading(&counts, 500), 0);
	assert_int_equal(reading(&counts, 30), 0);
	assert_int_equal(reading(&counts, 30), 30);
	drop_counts_done(&counts);
}

static void interfaces_and_reasons_are_counted_apart(void **state)
{
	static const char *const names[] = {"eni-c", "eni-a", "eni-b"};
	struct drop_counts counts = {0};

	(void)state;
	drop_counts_end(&counts);
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 3; i++) {
			drop_counts_read(&counts, RULES, names[i], 10 + i);
			drop_counts_read(&counts, CLOSED, names[i], 20 + i);
		}
		drop_counts_end(&counts);
	}
	assert_int_equal(counts.count, 6);
	uint64_t sum = 0;
	for (size_t i = 0; i < counts.count; i++)
		sum += counts.items[i].news;
	assert_int_equal(sum, 3 * 10 + 3 + 3 * 20 + 3);
	assert_string_equal(counts.items[1].interface, "eni-b");
	assert_int_equal(counts.items[1].news, 12);
	drop_counts_done(&counts);
}

static void there_is_a_limit(void **state)
{
	struct drop_counts counts = {0};

	(void)state;
	for (unsigned i = 0; i < DROP_COUNTS_MAX + 10; i++) {
		char name[INTERFACE_NAME_MAX];

		(void)snprintf(name, sizeof(name), "eni%u", i);
		drop_counts_seen(&counts, RULES, name);
	}
	assert_int_equal(counts.count, DROP_COUNTS_MAX);
	drop_counts_done(&counts);
}

/* Filters */

static const struct branch web = {.namespace = "shop", .pod = "web-0", .interface = "eni-a"};

static int read_filter(const char *request, struct drop_filter *filter)
{
	struct error err = {0};
	cJSON *json = cJSON_Parse(request);
	int r = drop_filter_read(json, filter, &err);

	cJSON_Delete(json);
	assert_true(r == 0 || err.text[0]);
	return r;
}

static void filters_match_what_they_name(void **state)
{
	static const struct {
		const char *request;
		bool matches; /* an egress drop by the rules of shop/web-0 at eni-a */
	} rows[] = {
		{"{}", true},
		{"{\"pod\":\"shop/web-0\"}", true},
		{"{\"pod\":\"shop/web-1\"}", false},
		{"{\"pod\":\"shop/web\"}", false},
		{"{\"interface\":\"eni-a\"}", true},
		{"{\"interface\":\"eni-b\"}", false},
		{"{\"direction\":\"egress\"}", true},
		{"{\"direction\":\"ingress\"}", false},
		{"{\"reason\":\"rules\"}", true},
		{"{\"reason\":\"source\"}", false},
		{"{\"pod\":\"shop/web-0\",\"direction\":\"ingress\"}", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct drop_filter filter;

		assert_int_equal(read_filter(rows[i].request, &filter), 0);
		if (drop_filter_matches(&filter, RULES, "eni-a", &web) != rows[i].matches)
			fail_msg("%s", rows[i].request);
	}
}

static void an_interface_without_a_pod_is_nobodys(void **state)
{
	struct drop_filter filter;

	(void)state;
	assert_int_equal(read_filter("{}", &filter), 0);
	assert_true(drop_filter_matches(&filter, RULES, "eni-a", NULL));
	assert_int_equal(read_filter("{\"pod\":\"shop/web-0\"}", &filter), 0);
	assert_false(drop_filter_matches(&filter, RULES, "eni-a", NULL));
}

static void filters_that_nothing_can_match_are_refused(void **state)
{
	static const char *const requests[] = {
		"{\"direction\":\"up\"}",
		"{\"direction\":\"ingressingressingress\"}",
		"{\"direction\":1}",
		"{\"reason\":\"rule\"}",
		"{\"pod\":\"web-0\"}",
		"{\"pod\":[]}",
		"{\"interface\":\"an-interface-name-too-long\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct drop_filter filter;

		if (read_filter(requests[i], &filter) != -EINVAL)
			fail_msg("%s", requests[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_dropped_before_is_not_missed),
		cmocka_unit_test(unseen_packets_are_told_a_reading_later_and_once),
		cmocka_unit_test(messages_under_way_are_not_missed),
		cmocka_unit_test(what_is_told_adds_up_to_what_was_not_seen),
		cmocka_unit_test(a_counter_that_begins_anew_is_counted_from_nothing),
		cmocka_unit_test(interfaces_and_reasons_are_counted_apart),
		cmocka_unit_test(there_is_a_limit),
		cmocka_unit_test(filters_match_what_they_name),
		cmocka_unit_test(an_interface_without_a_pod_is_nobodys),
		cmocka_unit_test(filters_that_nothing_can_match_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
