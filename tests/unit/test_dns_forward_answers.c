/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/run: waits */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/dns_forward_place.h"

/* What upstreams may answer, and what is made of it. */

static uint8_t reply[UPSTREAM_REPLY_MAX];

static void reply_with(struct dns_upstream *upstream, const struct upstream_query *query,
                       unsigned flags, size_t size)
{
	size = dns_upstream_reply(query, (uint16_t)(DNS_FLAG_QR | flags), size, reply);
	dns_upstream_send(upstream, query, reply, size);
}

static void from_another_port(struct dns_upstream *upstream, const struct upstream_query *query)
{
	size_t size = dns_upstream_reply(query, DNS_FLAG_QR | DNS_RCODE_NXDOMAIN, 0, reply);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(sendto(fd, reply, size, 0, (const struct sockaddr *)&query->from,
	                        sizeof(query->from)),
	                 size);
	(void)close(fd);
	dns_upstream_answers(upstream, query);
}

static void an_answer_from_another_port_is_not_taken(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = from_another_port;
	forward_place_start(place, 1);
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	assert_int_equal(told.message[3] & DNS_FLAGS_RCODE, DNS_RCODE_NOERROR);
}

/* Which byte of a right answer is wrong; NXDOMAIN marks it. */
static const struct wrong {
	const char *what;
	size_t at;
	uint8_t flip;
} wrongs[] = {
	{"the id", 1, 0x01},
	{"that it is an answer", 2, 0x80},
	{"the opcode", 2, 0x10},
	{"the number of questions", 5, 0x02},
	{"a letter of the name", 13, 0x02},
	{"a letter and its case", 13, 0x60},
	{"the length of a label", 12, 0x02},
	{"the type", DNS_HEADER_SIZE + 11 + 1, 0x1d},
	{"the class", DNS_HEADER_SIZE + 11 + 3, 0x02},
};
static const struct wrong *wrong;

static void wrong_first(struct dns_upstream *upstream, const struct upstream_query *query)
{
	size_t size = dns_upstream_reply(query, DNS_FLAG_QR | DNS_RCODE_NXDOMAIN, 0, reply);
	reply[wrong->at] ^= wrong->flip;
	dns_upstream_send(upstream, query, reply, size);
	dns_upstream_answers(upstream, query);
}

static void answers_to_something_else_are_passed_over_and_counted(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = wrong_first;
	forward_place_start(place, 1);
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		wrong = &wrongs[i];
		struct told told = forward_place_result(place, "a.example", false);
		if (told.outcome != FORWARD_ANSWERED ||
		    (told.message[3] & DNS_FLAGS_RCODE) != DNS_RCODE_NOERROR)
			fail_msg("taken in spite of %s", wrong->what);
		assert_int_equal(forward_place_counters(place, 0)->mismatches, i + 1);
	}
}

static void other_case(struct dns_upstream *upstream, const struct upstream_query *query)
{
	size_t size = dns_upstream_reply(query, DNS_FLAG_QR, 0, reply);
	reply[13] ^= 0x20;
	dns_upstream_send(upstream, query, reply, size);
}

static void the_case_of_the_name_does_not_matter(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = other_case;
	forward_place_start(place, 1);
	assert_int_equal(forward_place_result(place, "a.example", false).outcome, FORWARD_ANSWERED);
}

static void names_of_any_bytes_are_asked_and_answered(void **state)
{
	struct forward_place *place = *state;
	forward_place_start(place, 1);
	for (unsigned byte = 0; byte < 256; byte++) {
		char name[64];
		(void)snprintf(name, sizeof(name), "x\\%03u\\%03u.example", byte, byte ^ 0x20);
		if (forward_place_result(place, name, byte % 16 == 15).outcome != FORWARD_ANSWERED)
			fail_msg("byte %u", byte);
	}
	assert_int_equal(forward_place_result(place, ".", false).outcome, FORWARD_ANSWERED);
	assert_int_equal(forward_place_counters(place, 0)->timeouts, 0);
}

static void runts(struct dns_upstream *upstream, const struct upstream_query *query)
{
	dns_upstream_send(upstream, query, reply, 0);
	for (size_t size = 1; size < 30; size++) {
		(void)dns_upstream_reply(query, DNS_FLAG_QR, 0, reply);
		if (size < DNS_HEADER_SIZE + 15)
			dns_upstream_send(upstream, query, reply, size);
	}
	dns_upstream_answers(upstream, query);
}

static void runts_and_empty_datagrams_are_passed_over(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = runts;
	forward_place_start(place, 1);
	assert_int_equal(forward_place_result(place, "a.example", false).outcome, FORWARD_ANSWERED);
	assert_int_equal(forward_place_counters(place, 0)->mismatches, DNS_HEADER_SIZE + 15);
}

static void twice(struct dns_upstream *upstream, const struct upstream_query *query)
{
	dns_upstream_answers(upstream, query);
	dns_upstream_answers(upstream, query);
}

static void an_answer_that_comes_twice_wakes_nobody_for_ever(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = twice;
	forward_place_start(place, 1);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(forward_place_result(place, "a.example", false).outcome,
		                 FORWARD_ANSWERED);
	forward_place_turn(place, 20);
	struct pollfd loop = {.fd = uv_backend_fd(&place->loop), .events = POLLIN};
	assert_int_equal(poll(&loop, 1, 0), 0);
}

static void only_garbage(struct dns_upstream *upstream, const struct upstream_query *query)
{
	(void)dns_upstream_reply(query, DNS_FLAG_QR, 0, reply);
	reply[0] ^= 0x55;
	dns_upstream_send(upstream, query, reply, DNS_HEADER_SIZE + 15);
}

static void where_only_garbage_came_that_is_told_at_the_deadline(void **state)
{
	struct forward_place *place = *state;
	place->settings.max_fails = 0;
	place->upstreams[0].script = only_garbage;
	forward_place_start(place, 1);
	assert_int_equal(forward_place_result(place, "a.example", false).outcome, FORWARD_GARBAGE);
}

static void twelve_hundred(struct dns_upstream *upstream, const struct upstream_query *query)
{
	reply_with(upstream, query, 0, DNS_UDP_DEFAULT);
}

static void answers_by_udp_come_whole(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = twelve_hundred;
	forward_place_start(place, 1);
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.size, DNS_UDP_DEFAULT);
	assert_int_equal(told.message[DNS_UDP_DEFAULT - 1], 'x');
}

static bool has_edns(const struct upstream_query *query)
{
	return dns_u16(query->bytes + 10) == 1;
}

static void formerr_to_edns(struct dns_upstream *upstream, const struct upstream_query *query)
{
	reply_with(upstream, query, has_edns(query) ? DNS_RCODE_FORMERR : DNS_RCODE_NOERROR, 0);
}

static void bare_formerr_to_edns(struct dns_upstream *upstream, const struct upstream_query *query)
{
	if (!has_edns(query)) {
		dns_upstream_answers(upstream, query);
		return;
	}
	(void)dns_upstream_reply(query, DNS_FLAG_QR | DNS_RCODE_FORMERR, 0, reply);
	dns_put_u16(reply + 4, 0);
	dns_upstream_send(upstream, query, reply, DNS_HEADER_SIZE);
}

static void expect_asked_without_edns(struct forward_place *place, upstream_script *script)
{
	place->upstreams[0].script = script;
	forward_place_start(place, 1);
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	assert_int_equal(told.message[3] & DNS_FLAGS_RCODE, DNS_RCODE_NOERROR);
	assert_int_equal(place->upstreams[0].udp_queries, 2);

	(void)forward_place_result(place, "b.example", false);
	assert_int_equal(place->upstreams[0].udp_queries, 3);
}

static void an_upstream_without_edns_is_asked_without_and_that_is_remembered(void **state)
{
	expect_asked_without_edns(*state, formerr_to_edns);
}

static void a_formerr_without_its_question_counts_as_well(void **state)
{
	expect_asked_without_edns(*state, bare_formerr_to_edns);
}

static void always_formerr(struct dns_upstream *upstream, const struct upstream_query *query)
{
	reply_with(upstream, query, DNS_RCODE_FORMERR, 0);
}

static void formerr_to_both_is_the_answer_and_not_remembered(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = always_formerr;
	forward_place_start(place, 1);
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.message[3] & DNS_FLAGS_RCODE, DNS_RCODE_FORMERR);
	(void)forward_place_result(place, "b.example", false);
	assert_int_equal(place->upstreams[0].udp_queries, 4);
}

static void servfail(struct dns_upstream *upstream, const struct upstream_query *query)
{
	reply_with(upstream, query, DNS_RCODE_SERVFAIL, 0);
}

static void servfail_is_an_answer(void **state)
{
	struct forward_place *place = *state;
	place->upstreams[0].script = servfail;
	forward_place_start(place, 2);
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.message[3] & DNS_FLAGS_RCODE, DNS_RCODE_SERVFAIL);
	assert_int_equal(place->upstreams[0].udp_queries, 1);
	assert_int_equal(place->upstreams[1].udp_queries, 0);
}

static void failover_asks_the_next_one(void **state)
{
	struct forward_place *place = *state;
	uint16_t rcodes[] = {DNS_RCODE_REFUSED, DNS_RCODE_SERVFAIL};
	place->settings.failover = rcodes;
	place->settings.failover_count = 2;
	place->upstreams[0].script = servfail;
	forward_place_start(place, 2);
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.message[3] & DNS_FLAGS_RCODE, DNS_RCODE_NOERROR);
	assert_int_equal(told.port, ntohs(place->upstreams[1].address.sin_port));

	place->upstreams[1].script = servfail;
	told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	assert_int_equal(told.message[3] & DNS_FLAGS_RCODE, DNS_RCODE_SERVFAIL);
}

static void a_servfail_is_better_than_the_time_out_of_the_next(void **state)
{
	struct forward_place *place = *state;
	uint16_t rcodes[] = {DNS_RCODE_SERVFAIL};
	place->settings.failover = rcodes;
	place->settings.failover_count = 1;
	place->upstreams[0].script = servfail;
	place->upstreams[1].script = NULL;
	forward_place_start(place, 2);
	struct told told = forward_place_result(place, "a.example", false);
	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	assert_int_equal(told.port, ntohs(place->upstreams[0].address.sin_port));
	assert_int_equal(place->upstreams[1].udp_queries, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, forward_place_open, forward_place_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_from_another_port_is_not_taken),
		TEST(answers_to_something_else_are_passed_over_and_counted),
		TEST(the_case_of_the_name_does_not_matter),
		TEST(names_of_any_bytes_are_asked_and_answered),
		TEST(runts_and_empty_datagrams_are_passed_over),
		TEST(an_answer_that_comes_twice_wakes_nobody_for_ever),
		TEST(where_only_garbage_came_that_is_told_at_the_deadline),
		TEST(answers_by_udp_come_whole),
		TEST(an_upstream_without_edns_is_asked_without_and_that_is_remembered),
		TEST(a_formerr_without_its_question_counts_as_well),
		TEST(formerr_to_both_is_the_answer_and_not_remembered),
		TEST(servfail_is_an_answer),
		TEST(failover_asks_the_next_one),
		TEST(a_servfail_is_better_than_the_time_out_of_the_next),
	};
	return cmocka_run_group_tests_name("dns_forward_answers", tests, NULL, NULL);
}
