/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dnscache/serve/client_limits.h"

static uint32_t hash_of(const struct client_limits *limits, const char *address)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	assert_int_equal(inet_pton(AF_INET, address, &four.sin_addr), 1);
	return client_hash(limits, (const struct sockaddr *)&four);
}

static unsigned let_pass(struct client_limits *limits, uint32_t hash, uint64_t now, unsigned tries)
{
	unsigned passed = 0;
	for (unsigned i = 0; i < tries; i++)
		passed += client_limits_query(limits, hash, now);
	return passed;
}

static void a_second_of_queries_may_come_at_once(void **state)
{
	(void)state;
	struct client_limits *limits = client_limits_new(100, 0);
	uint32_t hash = hash_of(limits, "10.0.0.1");
	assert_int_equal(let_pass(limits, hash, 5000, 1000), 100);
	client_limits_free(limits);
}

static void queries_come_back_at_the_rate_that_is_set(void **state)
{
	(void)state;
	struct client_limits *limits = client_limits_new(100, 0);
	uint32_t hash = hash_of(limits, "10.0.0.1");
	let_pass(limits, hash, 5000, 1000);
	assert_int_equal(let_pass(limits, hash, 5100, 1000), 10);
	assert_int_equal(let_pass(limits, hash, 5105, 1000), 0);
	assert_int_equal(let_pass(limits, hash, 5110, 1000), 1);
	assert_int_equal(let_pass(limits, hash, 900000, 1000), 100);
	client_limits_free(limits);
}

static void one_client_does_not_use_up_anothers(void **state)
{
	(void)state;
	struct client_limits *limits = client_limits_new(10, 0);
	/* Two that do not share a place: the key is random. */
	uint32_t first = hash_of(limits, "10.0.0.1"), second = first + 1;
	assert_int_equal(let_pass(limits, first, 5000, 100), 10);
	assert_int_equal(let_pass(limits, second, 5000, 100), 10);
	client_limits_free(limits);
}

static void without_a_limit_everything_passes(void **state)
{
	(void)state;
	struct client_limits *limits = client_limits_new(0, 0);
	uint32_t hash = hash_of(limits, "10.0.0.1");
	assert_int_equal(let_pass(limits, hash, 5000, 100000), 100000);
	for (int i = 0; i < 100000; i++)
		assert_true(client_limits_wait(limits, hash));
	client_limits_free(limits);
}

static void no_more_wait_than_may_and_one_that_is_answered_makes_room(void **state)
{
	(void)state;
	struct client_limits *limits = client_limits_new(0, 3);
	uint32_t hash = hash_of(limits, "10.0.0.1");
	for (int i = 0; i < 3; i++)
		assert_true(client_limits_wait(limits, hash));
	assert_false(client_limits_wait(limits, hash));
	assert_false(client_limits_wait(limits, hash));
	client_limits_waited(limits, hash);
	assert_true(client_limits_wait(limits, hash));
	assert_false(client_limits_wait(limits, hash));
	client_limits_free(limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_of_queries_may_come_at_once),
		cmocka_unit_test(queries_come_back_at_the_rate_that_is_set),
		cmocka_unit_test(one_client_does_not_use_up_anothers),
		cmocka_unit_test(without_a_limit_everything_passes),
		cmocka_unit_test(no_more_wait_than_may_and_one_that_is_answered_makes_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
