/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/run: waits */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dns_forward_place.h"

#define TURNS_MAX 400 /* of 50 ms, until something must have happened */

/* Who is asked, who when that fails, and how upstreams go down and come back. */

static uint16_t port_of(const struct forward_place *place, unsigned upstream)
{
	return ntohs(place->upstreams[upstream].address.sin_port);
}

static void sequential_asks_the_first_one(void **state)
{
	struct forward_place *place = *state;
	forward_place_start(place, 3);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(forward_place_result(place, "a.example", false).port,
		                 port_of(place, 0));
}

static void round_robin_asks_one_after_the_other(void **state)
{
	struct forward_place *place = *state;
	place->settings.policy = FORWARD_ROUND_ROBIN;
	forward_place_start(place, 3);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(forward_place_result(place, "a.example", false).port,
		                 port_of(place, i % 3));
}

static void random_asks_everyone_now_and_then(void **state)
{
	struct forward_place *place = *state;
	place->settings.policy = FORWARD_RANDOM;
	forward_place_start(place, 3);
	for (unsigned i = 0; i < 300; i++)
		(void)forward_place_result(place, "a.example", false);
	for (unsigned i = 0; i < 3; i++) /* 100 expected; 50 is six standard deviations off */
		assert_in_range(place->upstreams[i].udp_queries, 50, 150);
}

/* Nothing listens where this upstream was. */
static void remove_upstream(struct forward_place *place, unsigned upstream)
{
	uv_udp_recv_stop(&place->upstreams[upstream].udp);
	uv_os_fd_t fd;
	assert_int_equal(uv_fileno((uv_handle_t *)&place->upstreams[upstream].udp, &fd), 0);
	const struct sockaddr_in elsewhere = {.sin_family = AF_INET,
	                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                                      .sin_port = htons(9)};
	/* Connected to somebody else, the socket is none for what others send. */
	assert_int_equal(connect(fd, (const struct sockaddr *)&elsewhere, sizeof(elsewhere)), 0);
}

static void where_nobody_listens_the_next_is_asked_at_once(void **state)
{
	struct forward_place *place = *state;
	remove_upstream(place, 0);
	forward_place_start(place, 2);
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	assert_int_equal(told.port, port_of(place, 1));
	assert_int_equal(forward_place_counters(place, 0)->timeouts, 0);
}

static void where_nobody_listens_anywhere_that_is_told_at_once(void **state)
{
	struct forward_place *place = *state;
	remove_upstream(place, 0);
	remove_upstream(place, 1);
	forward_place_start(place, 2);
	assert_int_equal(forward_place_result(place, "a.example", false).outcome,
	                 FORWARD_UNREACHABLE);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(forward_place_counters(place, i)->timeouts, 0);
}

static void silence_is_given_two_seconds_then_the_next_is_asked(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = NULL;
	forward_place_start(place, 2);
	uint64_t begin = uv_hrtime();
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	assert_int_equal(told.port, port_of(place, 1));
	assert_true(uv_hrtime() - begin >= FORWARD_READ_TIMEOUT * UINT64_C(1000000));
	assert_int_equal(forward_place_counters(place, 0)->timeouts, 1);
}

static void silence_of_all_ends_at_the_deadline(void **state)
{
	struct forward_place *place = *state;
	place->settings.max_fails = 0;
	place->upstreams[0].script = NULL;
	forward_place_start(place, 1);
	uint64_t begin = uv_hrtime();
	assert_int_equal(forward_place_result(place, "a.example", false).outcome,
	                 FORWARD_TIMED_OUT);
	uint64_t milliseconds = (uv_hrtime() - begin) / 1000000;
	assert_in_range(milliseconds, FORWARD_DEADLINE - 100, 2 * FORWARD_DEADLINE);
	/* After two seconds each; the third may be too late on a machine that stood still. */
	assert_in_range(place->upstreams[0].udp_queries, 2, 3);
}

/* A question that fails at once, so that the first upstream is looked at. */
static void wake_checks(struct forward_place *place)
{
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	assert_int_equal(told.port, port_of(place, 1));
}

static void who_failed_is_asked_last_until_it_answers_a_check(void **state)
{
	struct forward_place *place = *state;
	remove_upstream(place, 0);
	forward_place_start(place, 2);
	wake_checks(place);
	assert_int_equal(forward_place_counters(place, 0)->requests, 1);
	wake_checks(place);
	assert_int_equal(forward_place_counters(place, 0)->requests, 1);
}

static unsigned seen_rd, seen_type;

static void note_check(struct dns_upstream *upstream, const struct upstream_query *query)
{
	(void)upstream;
	if (query->bytes[DNS_HEADER_SIZE] != 4)
		return;
	seen_rd = dns_u16(query->bytes + 2) & DNS_FLAG_RD;
	seen_type = dns_u16(query->bytes + DNS_HEADER_SIZE + 6);
}

static void expect_check_of(struct forward_place *place, unsigned rd)
{
	assert_int_equal(dns_name_parse("live", &place->settings.health_domain), 0);
	place->upstreams[0].script = note_check;
	forward_place_start(place, 2);
	seen_rd = 1;
	seen_type = 0;
	wake_checks(place);
	for (unsigned i = 0; i < TURNS_MAX && seen_type == 0; i++)
		forward_place_turn(place, 50);
	assert_int_equal(seen_type, DNS_TYPE_NS);
	assert_int_equal(seen_rd, rd);
}

static void checks_ask_for_the_ns_of_the_health_domain(void **state)
{
	expect_check_of(*state, DNS_FLAG_RD);
}

static void checks_may_ask_without_recursion(void **state)
{
	struct forward_place *place = *state;
	place->settings.health_no_rec = true;
	expect_check_of(place, 0);
}

static void turn_until_healthy(struct forward_place *place, bool healthy)
{
	for (unsigned i = 0; i < TURNS_MAX && forwarder_healthy(place->forwarder) != healthy; i++)
		forward_place_turn(place, 50);
	assert_int_equal(forwarder_healthy(place->forwarder), healthy);
}

static void refused_everything(struct dns_upstream *upstream, const struct upstream_query *query)
{
	static uint8_t reply[UPSTREAM_REPLY_MAX];
	size_t size = dns_upstream_reply(query, DNS_FLAG_QR | DNS_RCODE_REFUSED, 0, reply);
	dns_upstream_send(upstream, query, reply, size);
}

static void who_does_not_answer_checks_goes_down_and_comes_back(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = NULL;
	forward_place_start(place, 1);
	struct told told;
	forward_place_ask(place, "a.example", false, &told);
	turn_until_healthy(place, false);
	assert_true(forward_place_counters(place, 0)->health_failures >= 2);

	place->upstreams[0].script = refused_everything;
	turn_until_healthy(place, true);
	forward_place_wait(place, &told, 1);
	assert_int_equal(told.times, 1);

	/* And checks are over. */
	unsigned queries = place->upstreams[0].udp_queries;
	forward_place_turn(place, 500);
	assert_int_equal(place->upstreams[0].udp_queries, queries);
}

static void wait_until_down(struct forward_place *place)
{
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.outcome, FORWARD_UNREACHABLE);
	turn_until_healthy(place, false);
}

static void with_all_down_one_is_asked_all_the_same(void **state)
{
	struct forward_place *place = *state;
	remove_upstream(place, 0);
	remove_upstream(place, 1);
	forward_place_start(place, 2);
	wait_until_down(place);
	assert_int_equal(forwarder_counters(place->forwarder)->broken, 0);
	assert_int_equal(forward_place_result(place, "a.example", false).outcome,
	                 FORWARD_UNREACHABLE);
	assert_int_equal(forwarder_counters(place->forwarder)->broken, 1);
}

static void with_failfast_none_is_asked(void **state)
{
	struct forward_place *place = *state;
	place->settings.failfast = true;
	remove_upstream(place, 0);
	remove_upstream(place, 1);
	forward_place_start(place, 2);
	wait_until_down(place);
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.outcome, FORWARD_DOWN);
	assert_int_equal(told.port, 0);
	assert_int_equal(forwarder_counters(place->forwarder)->broken, 0);
}

static void max_fails_of_0_is_for_ever_up(void **state)
{
	struct forward_place *place = *state;
	place->settings.max_fails = 0;
	remove_upstream(place, 0);
	forward_place_start(place, 1);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(forward_place_result(place, "a.example", false).outcome,
		                 FORWARD_UNREACHABLE);
	forward_place_turn(place, 300);
	assert_true(forwarder_healthy(place->forwarder));
	assert_int_equal(forward_place_counters(place, 0)->health_failures, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, forward_place_open, forward_place_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sequential_asks_the_first_one),
		TEST(round_robin_asks_one_after_the_other),
		TEST(random_asks_everyone_now_and_then),
		TEST(where_nobody_listens_the_next_is_asked_at_once),
		TEST(where_nobody_listens_anywhere_that_is_told_at_once),
		TEST(silence_is_given_two_seconds_then_the_next_is_asked),
		TEST(silence_of_all_ends_at_the_deadline),
		TEST(who_failed_is_asked_last_until_it_answers_a_check),
		TEST(checks_ask_for_the_ns_of_the_health_domain),
		TEST(checks_may_ask_without_recursion),
		TEST(who_does_not_answer_checks_goes_down_and_comes_back),
		TEST(with_all_down_one_is_asked_all_the_same),
		TEST(with_failfast_none_is_asked),
		TEST(max_fails_of_0_is_for_ever_up),
	};
	return cmocka_run_group_tests_name("dns_forward_health", tests, NULL, NULL);
}
