/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/run: waits */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/dns_forward_place.h"

#define MANY 2000

static void an_answer_is_told_whole_with_who_gave_it(void **state)
{
	struct forward_place *place = *state;
	forward_place_start(place, 1);
	struct told told = forward_place_result(place, "www.example.com", false);

	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	assert_false(told.tcp);
	assert_int_equal(told.port, ntohs(place->upstreams[0].address.sin_port));
	assert_int_equal(dns_u16(told.message), place->upstreams[0].ids[0]);
	assert_int_equal(place->forwarder->in_flight, 0);
	assert_int_equal(forward_place_counters(place, 0)->requests, 1);
	assert_int_equal(forward_place_counters(place, 0)->responses[DNS_RCODE_NOERROR], 1);
}

static int compare_ports(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static unsigned distinct(uint16_t *list, unsigned count)
{
	unsigned result = 1;
	qsort(list, count, sizeof(*list), compare_ports);
	for (unsigned i = 1; i < count; i++)
		result += list[i] != list[i - 1];
	return result;
}

static void every_question_has_a_port_and_an_id_of_its_own(void **state)
{
	struct forward_place *place = *state;
	forward_place_start(place, 1);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(forward_place_result(place, "a.example", false).outcome,
		                 FORWARD_ANSWERED);
	assert_true(distinct(place->upstreams[0].ports, 100) > 90);
	assert_true(distinct(place->upstreams[0].ids, 100) > 90);
	assert_int_equal(forward_place_counters(place, 0)->connections_new[0], 100);
}

static void questions_in_flight_have_ports_of_their_own_up_to_32(void **state)
{
	struct forward_place *place = *state;
	struct told told[64];
	forward_place_start(place, 1);
	for (unsigned i = 0; i < 64; i++)
		forward_place_ask(place, "a.example", false, &told[i]);
	forward_place_wait(place, told, 64);
	assert_int_equal(place->outcomes[FORWARD_ANSWERED], 64);
	assert_int_equal(distinct(place->upstreams[0].ports, 64), FORWARD_CHANNELS_MAX);
	assert_int_equal(forward_place_counters(place, 0)->connections_new[0], 32);
	assert_int_equal(forward_place_counters(place, 0)->connections_reused[0], 32);
}

static void channels_are_no_more_than_the_worker_may_have(void **state)
{
	struct forward_place *place = *state;
	struct told told[64];
	place->share.channels_max = 3;
	forward_place_start(place, 1);
	for (unsigned i = 0; i < 64; i++)
		forward_place_ask(place, "a.example", false, &told[i]);
	assert_int_equal(place->share.channels, 3);
	forward_place_wait(place, told, 64);
	assert_int_equal(place->outcomes[FORWARD_ANSWERED], 64);
	assert_int_equal(distinct(place->upstreams[0].ports, 64), 3);
}

static void an_upstream_has_a_channel_though_others_have_them_all(void **state)
{
	struct forward_place *place = *state;
	place->share.channels_max = 0;
	forward_place_start(place, 1);
	assert_int_equal(forward_place_result(place, "a.example", false).outcome, FORWARD_ANSWERED);
	assert_int_equal(forward_place_result(place, "a.example", true).outcome, FORWARD_ANSWERED);
	forward_place_stop(place);
	forward_place_turn(place, 10);
	assert_int_equal(place->share.channels, 0);
}

static struct held {
	uint8_t bytes[512];
	struct upstream_query query;
} held[FORWARD_IN_FLIGHT_MAX];
static unsigned held_count;

static void hold(struct dns_upstream *upstream, const struct upstream_query *query)
{
	(void)upstream;
	assert_true(held_count < FORWARD_IN_FLIGHT_MAX && query->size <= sizeof(held[0].bytes));
	struct held *keep = &held[held_count++];
	keep->query = *query;
	keep->query.bytes = memcpy(keep->bytes, query->bytes, query->size);
}

static void what_is_more_than_can_be_in_flight_is_busy(void **state)
{
	struct forward_place *place = *state;
	static struct told told[MANY];
	held_count = 0;
	place->upstreams[0].script = hold;
	forward_place_start(place, 1);
	for (unsigned i = 0; i < MANY; i++) {
		forward_place_ask(place, "a.example", false, &told[i]);
		if (i % 25 == 24) /* the upstream reads 32 a turn, its socket has room for 250 */
			(void)uv_run(&place->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(place->forwarder->in_flight, FORWARD_IN_FLIGHT_MAX);
	assert_int_equal(place->outcomes[FORWARD_BUSY], MANY - FORWARD_IN_FLIGHT_MAX);
	for (unsigned i = 0; i < held_count; i++)
		dns_upstream_answers(&place->upstreams[0], &held[i].query);
	forward_place_wait(place, told, MANY);
	assert_int_equal(place->outcomes[FORWARD_ANSWERED], FORWARD_IN_FLIGHT_MAX);
	assert_int_equal(place->forwarder->in_flight, 0);
}

static void max_concurrent_is_a_limit_and_what_it_rejects_is_counted(void **state)
{
	struct forward_place *place = *state;
	struct told told[5];
	place->settings.max_concurrent = 3;
	forward_place_start(place, 1);
	for (unsigned i = 0; i < 5; i++)
		forward_place_ask(place, "a.example", false, &told[i]);
	assert_int_equal(place->outcomes[FORWARD_BUSY], 2);
	assert_int_equal(forwarder_counters(place->forwarder)->rejects, 2);
	forward_place_wait(place, told, 5);
}

static void closing_cancels_what_is_in_flight_at_once(void **state)
{
	struct forward_place *place = *state;
	struct told told[40];
	place->upstreams[0].script = NULL;
	forward_place_start(place, 1);
	for (unsigned i = 0; i < 40; i++)
		forward_place_ask(place, "a.example", i % 2 == 1, &told[i]);
	forward_place_turn(place, 20);
	forward_place_stop(place);
	assert_int_equal(place->outcomes[FORWARD_CANCELLED], 40);
}

struct chain {
	struct forward_place *place;
	unsigned left;
	bool close;
};

static void ask_on(void *context, const struct forward_result *result)
{
	struct chain *chain = context;
	const struct dns_question question = forward_question("a.example");
	chain->place->outcomes[result->outcome]++;
	if (chain->left > 0 && chain->left-- > 0)
		forwarder_ask(chain->place->forwarder, &question, false, ask_on, chain);
	else if (chain->close && chain->place->forwarder)
		forward_place_stop(chain->place);
}

static void the_next_may_be_asked_from_within_a_result(void **state)
{
	struct forward_place *place = *state;
	struct chain chain = {.place = place, .left = 50};
	const struct dns_question question = forward_question("a.example");
	forward_place_start(place, 1);
	forwarder_ask(place->forwarder, &question, false, ask_on, &chain);
	while (place->outcomes[FORWARD_ANSWERED] < 51)
		(void)uv_run(&place->loop, UV_RUN_ONCE);
	assert_true(distinct(place->upstreams[0].ports, 51) > 45);
}

static void the_forwarder_may_be_closed_from_within_a_result(void **state)
{
	struct forward_place *place = *state;
	struct chain chains[20];
	const struct dns_question question = forward_question("a.example");
	forward_place_start(place, 1);
	for (unsigned i = 0; i < 20; i++) {
		chains[i] = (struct chain){.place = place, .close = true};
		forwarder_ask(place->forwarder, &question, i % 2 == 1, ask_on, &chains[i]);
	}
	while (place->forwarder)
		(void)uv_run(&place->loop, UV_RUN_ONCE);
	assert_int_equal(place->outcomes[FORWARD_ANSWERED] + place->outcomes[FORWARD_CANCELLED],
	                 20);
	assert_true(place->outcomes[FORWARD_CANCELLED] > 0);
}

static void the_memory_of_channels_is_given_back(void **state)
{
	struct forward_place *place = *state;
	struct told told[100];
	forward_place_start(place, 1);
	for (unsigned i = 0; i < 100; i++)
		forward_place_ask(place, "a.example", false, &told[i]);
	forward_place_wait(place, told, 100);
	forward_place_turn(place, 12500);
	/* With no channel left the timer stands, and the loop waits for the upstreams' sockets. */
	uv_update_time(&place->loop);
	assert_int_equal(uv_backend_timeout(&place->loop), -1);
}

static void ipv6_upstreams_are_asked(void **state)
{
	struct forward_place *place = *state;
	uv_udp_t udp;
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int size = sizeof(address);
	if (uv_udp_init(&place->loop, &udp) < 0 ||
	    uv_udp_bind(&udp, (struct sockaddr *)&address, 0) < 0) {
		uv_close((uv_handle_t *)&udp, NULL);
		(void)uv_run(&place->loop, UV_RUN_NOWAIT);
		skip();
	}
	assert_int_equal(uv_udp_getsockname(&udp, (struct sockaddr *)&address, &size), 0);
	uv_os_fd_t fd;
	assert_int_equal(uv_fileno((uv_handle_t *)&udp, &fd), 0);
	place->addresses[0] = address;
	forward_place_start(place, 1);
	struct told told;
	forward_place_ask(place, "a.example", false, &told);

	uint8_t message[512];
	socklen_t length = sizeof(address);
	ssize_t got =
		recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&address, &length);
	assert_true(got > DNS_HEADER_SIZE);
	dns_put_u16(message + 2, DNS_FLAG_QR);
	assert_int_equal(sendto(fd, message, (size_t)got, 0, (struct sockaddr *)&address, length),
	                 got);
	forward_place_wait(place, &told, 1);
	assert_int_equal(told.outcome, FORWARD_ANSWERED);
	uv_close((uv_handle_t *)&udp, NULL);
	(void)uv_run(&place->loop, UV_RUN_NOWAIT);
}

static void without_descriptors_it_is_busy_and_nobody_is_suspected(void **state)
{
	struct forward_place *place = *state;
	struct rlimit before, none;
	forward_place_start(place, 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3; /* fewer than are open: no new ones */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	struct told told[2];
	forward_place_ask(place, "a.example", false, &told[0]);
	forward_place_ask(place, "a.example", true, &told[1]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(place->outcomes[FORWARD_BUSY], 2);
	forward_place_turn(place, 100);
	assert_int_equal(place->upstreams[0].udp_queries, 0);
	assert_int_equal(forward_place_result(place, "a.example", false).outcome, FORWARD_ANSWERED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, forward_place_open, forward_place_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_is_told_whole_with_who_gave_it),
		TEST(every_question_has_a_port_and_an_id_of_its_own),
		TEST(questions_in_flight_have_ports_of_their_own_up_to_32),
		TEST(channels_are_no_more_than_the_worker_may_have),
		TEST(an_upstream_has_a_channel_though_others_have_them_all),
		TEST(what_is_more_than_can_be_in_flight_is_busy),
		TEST(max_concurrent_is_a_limit_and_what_it_rejects_is_counted),
		TEST(closing_cancels_what_is_in_flight_at_once),
		TEST(the_next_may_be_asked_from_within_a_result),
		TEST(the_forwarder_may_be_closed_from_within_a_result),
		TEST(the_memory_of_channels_is_given_back),
		TEST(ipv6_upstreams_are_asked),
		TEST(without_descriptors_it_is_busy_and_nobody_is_suspected),
	};
	return cmocka_run_group_tests_name("dns_forward", tests, NULL, NULL);
}
