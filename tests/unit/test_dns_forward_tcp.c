/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/run: waits */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/dns_forward_place.h"

static uint8_t reply[UPSTREAM_REPLY_MAX];

static void a_client_by_tcp_is_served_by_tcp(void **state)
{
	struct forward_place *place = *state;
	forward_place_start(place, 1);
	struct told told = forward_place_result(place, "a.example", true);
	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	assert_true(told.tcp);
	assert_int_equal(place->upstreams[0].udp_queries, 0);
}

static void prefer_udp_asks_by_udp_all_the_same(void **state)
{
	struct forward_place *place = *state;
	place->settings.prefer_udp = true;
	forward_place_start(place, 1);
	assert_false(forward_place_result(place, "a.example", true).tcp);
}

static void force_tcp_asks_by_tcp_always(void **state)
{
	struct forward_place *place = *state;
	place->settings.force_tcp = true;
	forward_place_start(place, 1);
	assert_true(forward_place_result(place, "a.example", false).tcp);
}

static struct {
	struct upstream_query query;
	uint8_t bytes[300];
} held[50];
static unsigned held_count;

static void backwards(struct dns_upstream *upstream, const struct upstream_query *query)
{
	assert_true(query->size <= sizeof(held[0].bytes));
	held[held_count].query = *query;
	held[held_count].query.bytes = memcpy(held[held_count].bytes, query->bytes, query->size);
	if (++held_count < 50)
		return;
	while (held_count > 0)
		dns_upstream_answers(upstream, &held[--held_count].query);
}

static void questions_share_a_connection_and_may_be_answered_in_any_order(void **state)
{
	struct forward_place *place = *state;
	struct told told[50];
	held_count = 0;
	place->upstreams[0].script = backwards;
	forward_place_start(place, 1);
	for (unsigned i = 0; i < 50; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		forward_place_ask(place, name, true, &told[i]);
	}
	forward_place_wait(place, told, 50);
	assert_int_equal(place->outcomes[FORWARD_ANSWERED], 50);
	assert_int_equal(place->upstreams[0].connections, 1);
	assert_int_equal(forward_place_counters(place, 0)->connections_new[1], 1);
	assert_int_equal(forward_place_counters(place, 0)->connections_reused[1], 49);
}

static void a_connection_is_replaced_after_200_questions(void **state)
{
	struct forward_place *place = *state;
	forward_place_start(place, 1);
	for (unsigned i = 0; i < 401; i++)
		assert_int_equal(forward_place_result(place, "a.example", true).outcome,
		                 FORWARD_ANSWERED);
	assert_int_equal(place->upstreams[0].connections, 3);
}

static void an_idle_connection_is_closed_after_expire(void **state)
{
	struct forward_place *place = *state;
	place->settings.expire = 500;
	forward_place_start(place, 1);
	(void)forward_place_result(place, "a.example", true);
	assert_false(LIST_EMPTY(&place->upstreams[0].clients));
	for (unsigned i = 0; i < 400 && !LIST_EMPTY(&place->upstreams[0].clients); i++)
		forward_place_turn(place, 50);
	assert_true(LIST_EMPTY(&place->upstreams[0].clients));
}

static void hangs_up_once(struct dns_upstream *upstream, const struct upstream_query *query)
{
	if (upstream->connections == 1)
		dns_upstream_hang_up(query->client);
	else
		dns_upstream_answers(upstream, query);
}

static void what_was_on_a_closed_connection_is_asked_again(void **state)
{
	struct forward_place *place = *state;
	struct told told[20];
	place->upstreams[0].script = hangs_up_once;
	forward_place_start(place, 1);
	for (unsigned i = 0; i < 20; i++)
		forward_place_ask(place, "a.example", true, &told[i]);
	forward_place_wait(place, told, 20);
	assert_int_equal(place->outcomes[FORWARD_ANSWERED], 20);
	assert_int_equal(place->upstreams[0].connections, 2);
}

static void hangs_up(struct dns_upstream *upstream, const struct upstream_query *query)
{
	(void)upstream;
	dns_upstream_hang_up(query->client);
}

static void once_and_no_more(void **state)
{
	struct forward_place *place = *state;
	place->settings.max_fails = 0;
	place->upstreams[0].script = hangs_up;
	forward_place_start(place, 1);
	assert_int_equal(forward_place_result(place, "a.example", true).outcome,
	                 FORWARD_UNREACHABLE);
	assert_int_equal(place->upstreams[0].tcp_queries, 2);
}

static void in_the_middle(struct dns_upstream *upstream, const struct upstream_query *query)
{
	if (upstream->connections > 1) {
		dns_upstream_answers(upstream, query);
		return;
	}
	/* A length of twice of what comes. */
	size_t size = dns_upstream_reply(query, DNS_FLAG_QR, 0, reply);
	uint8_t half[600];
	dns_put_u16(half, (uint16_t)(2 * size));
	memcpy(half + 2, reply, size);
	dns_upstream_write(query->client, half, size + 2);
	dns_upstream_hang_up(query->client);
}

static void a_connection_closed_within_an_answer_loses_nothing(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = in_the_middle;
	forward_place_start(place, 1);
	assert_int_equal(forward_place_result(place, "a.example", true).outcome, FORWARD_ANSWERED);
}

static void silent_at_first(struct dns_upstream *upstream, const struct upstream_query *query)
{
	if (upstream->connections > 1)
		dns_upstream_answers(upstream, query);
}

static void a_silent_connection_is_given_up_after_one_time_out_with_all_on_it(void **state)
{
	struct forward_place *place = *state;
	struct told told[2];
	place->settings.max_fails = 0;
	place->upstreams[0].script = silent_at_first;
	forward_place_start(place, 1);
	forward_place_ask(place, "a.example", true, &told[0]);
	forward_place_turn(place, 1500);
	forward_place_ask(place, "b.example", true, &told[1]);
	forward_place_wait(place, told, 2);
	/* The second has not waited for its own. */
	assert_int_equal(forward_place_counters(place, 0)->timeouts, 1);
	assert_int_equal(place->outcomes[FORWARD_ANSWERED], 2);
	assert_int_equal(place->upstreams[0].connections, 2);
}

static void slow_for_a(struct dns_upstream *upstream, const struct upstream_query *query)
{
	if (query->bytes[13] != 'a' || upstream->connections > 1)
		dns_upstream_answers(upstream, query);
}

static void a_connection_that_answers_others_is_left_to_them(void **state)
{
	struct forward_place *place = *state;
	struct told told[2];
	place->settings.max_fails = 0;
	place->upstreams[0].script = slow_for_a;
	forward_place_start(place, 1);
	forward_place_ask(place, "a.example", true, &told[0]);
	forward_place_turn(place, 20);
	forward_place_ask(place, "b.example", true, &told[1]);
	forward_place_wait(place, told, 2);
	assert_int_equal(place->outcomes[FORWARD_ANSWERED], 2);
	assert_int_equal(place->upstreams[0].tcp_queries, 3);
}

static void truncated_by_udp(struct dns_upstream *upstream, const struct upstream_query *query)
{
	if (query->client) {
		dns_upstream_answers(upstream, query);
		return;
	}
	size_t size = dns_upstream_reply(query, DNS_FLAG_QR | DNS_FLAG_TC, 0, reply);
	dns_upstream_send(upstream, query, reply, size);
}

static void a_truncated_answer_is_fetched_by_tcp(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = truncated_by_udp;
	forward_place_start(place, 1);
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	assert_true(told.tcp);
	assert_false(dns_u16(told.message + 2) & DNS_FLAG_TC);
}

static void truncated_and_no_tcp(struct dns_upstream *upstream, const struct upstream_query *query)
{
	if (query->client)
		dns_upstream_hang_up(query->client);
	else
		truncated_by_udp(upstream, query);
}

static void truncated_and_silent(struct dns_upstream *upstream, const struct upstream_query *query)
{
	if (!query->client)
		truncated_by_udp(upstream, query);
}

static void expect_truncated(struct forward_place *place, upstream_script *script)
{
	place->upstreams[0].script = script;
	forward_place_start(place, 2);
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	assert_false(told.tcp);
	assert_true(dns_u16(told.message + 2) & DNS_FLAG_TC);
	assert_int_equal(told.port, ntohs(place->upstreams[0].address.sin_port));
}

static void where_tcp_fails_the_truncated_answer_is_told(void **state)
{
	expect_truncated(*state, truncated_and_no_tcp);
}

static void where_tcp_is_silent_the_truncated_answer_is_told(void **state)
{
	expect_truncated(*state, truncated_and_silent);
}

static void huge(struct dns_upstream *upstream, const struct upstream_query *query)
{
	size_t size = dns_upstream_reply(query, DNS_FLAG_QR, DNS_MESSAGE_MAX, reply);
	dns_upstream_send(upstream, query, reply, size);
}

static void answers_of_65535_bytes_come_whole(void **state)
{
	struct forward_place *place = *state;
	struct told told[5];
	place->upstreams[0].script = huge;
	forward_place_start(place, 1);
	for (unsigned i = 0; i < 5; i++)
		forward_place_ask(place, "a.example", true, &told[i]);
	forward_place_wait(place, told, 5);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(told[i].outcome, FORWARD_ANSWERED);
		assert_int_equal(told[i].size, DNS_MESSAGE_MAX);
	}
	assert_int_equal(told[0].message[DNS_MESSAGE_MAX - 1], 'x');
}

static void no_response(struct dns_upstream *upstream, const struct upstream_query *query)
{
	size_t size = dns_upstream_reply(query, 0, 0, reply);
	dns_upstream_send(upstream, query, reply, size);
}

static void what_is_no_response_is_garbage_and_the_next_is_asked(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = no_response;
	forward_place_start(place, 2);
	struct told told = forward_place_result(place, "a.example", true);
	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	assert_int_equal(told.port, ntohs(place->upstreams[1].address.sin_port));
	assert_int_equal(forward_place_counters(place, 0)->mismatches, 1);
}

static void empty_at_first(struct dns_upstream *upstream, const struct upstream_query *query)
{
	if (upstream->connections == 1)
		dns_upstream_send(upstream, query, reply, 0);
	dns_upstream_answers(upstream, query);
}

static void an_empty_message_costs_the_connection_only(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = empty_at_first;
	forward_place_start(place, 1);
	assert_int_equal(forward_place_result(place, "a.example", true).outcome, FORWARD_ANSWERED);
}

static void where_no_connection_is_taken_the_next_is_asked_at_once(void **state)
{
	struct forward_place *place = *state;
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* has a port, and never listens */
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	memcpy(&place->addresses[0], &address, sizeof(address));
	forward_place_start(place, 2);
	struct told told = forward_place_result(place, "a.example", true);
	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	assert_int_equal(told.port, ntohs(place->upstreams[1].address.sin_port));
	assert_int_equal(forward_place_counters(place, 0)->timeouts, 0);
	assert_int_equal(forward_place_counters(place, 0)->requests, 1);
	(void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, forward_place_open, forward_place_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_client_by_tcp_is_served_by_tcp),
		TEST(prefer_udp_asks_by_udp_all_the_same),
		TEST(force_tcp_asks_by_tcp_always),
		TEST(questions_share_a_connection_and_may_be_answered_in_any_order),
		TEST(a_connection_is_replaced_after_200_questions),
		TEST(an_idle_connection_is_closed_after_expire),
		TEST(what_was_on_a_closed_connection_is_asked_again),
		TEST(once_and_no_more),
		TEST(a_connection_closed_within_an_answer_loses_nothing),
		TEST(a_silent_connection_is_given_up_after_one_time_out_with_all_on_it),
		TEST(a_connection_that_answers_others_is_left_to_them),
		TEST(a_truncated_answer_is_fetched_by_tcp),
		TEST(where_tcp_fails_the_truncated_answer_is_told),
		TEST(where_tcp_is_silent_the_truncated_answer_is_told),
		TEST(answers_of_65535_bytes_come_whole),
		TEST(what_is_no_response_is_garbage_and_the_next_is_asked),
		TEST(an_empty_message_costs_the_connection_only),
		TEST(where_no_connection_is_taken_the_next_is_asked_at_once),
	};
	return cmocka_run_group_tests_name("dns_forward_tcp", tests, NULL, NULL);
}
