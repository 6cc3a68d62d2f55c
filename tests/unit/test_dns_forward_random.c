/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/dns_forward_place.h"

/* Upstreams that do whatever comes to their mind: every question is told exactly one result. */

#define ROUNDS 30
#define ROUND_QUESTIONS 100

static unsigned short seed[3];

static long below(long limit)
{
	return nrand48(seed) % limit;
}

static void mutate(uint8_t *bytes, size_t size)
{
	for (long i = below(4); i >= 0; i--)
		bytes[below((long)size)] ^= (uint8_t)(1 << below(8));
}

static void broken_stream(struct upstream_client *client)
{
	const uint8_t bytes[] = {(uint8_t)below(3), (uint8_t)below(256), 0, 1, 2, 3};
	dns_upstream_write(client, bytes, (size_t)below(sizeof(bytes)) + 1);
	if (below(2))
		dns_upstream_hang_up(client);
}

static void whatever(struct dns_upstream *upstream, const struct upstream_query *query)
{
	static const uint16_t flags[] = {0, DNS_RCODE_FORMERR, DNS_RCODE_SERVFAIL, DNS_FLAG_TC,
	                                 DNS_RCODE_NOTIMP};
	static uint8_t reply[UPSTREAM_REPLY_MAX];
	long what = below(100);
	if (what < 5)
		return;
	if (what < 10 && query->client) {
		broken_stream(query->client);
		return;
	}
	size_t size = dns_upstream_reply(query, DNS_FLAG_QR | flags[below(5)], (size_t)below(1200),
	                                 reply);
	if (what < 30)
		mutate(reply, 40);
	if (what < 35)
		size = (size_t)below((long)size);
	for (int copies = what < 50 ? 2 : 1; copies > 0; copies--)
		dns_upstream_send(upstream, query, reply, size);
	if (what == 99 && query->client)
		dns_upstream_hang_up(query->client);
}

static void ask_round(struct forward_place *place, struct told *told)
{
	for (unsigned i = 0; i < ROUND_QUESTIONS; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		forward_place_ask(place, name, below(3) == 0, &told[i]);
		if (below(8) == 0)
			(void)uv_run(&place->loop, UV_RUN_NOWAIT);
	}
}

static void every_question_is_told_one_result(void **state)
{
	struct forward_place *place = *state;
	static struct told told[ROUNDS * ROUND_QUESTIONS];
	uint16_t failover[] = {DNS_RCODE_SERVFAIL};
	const char *given = getenv("PODSG_SEED");
	unsigned long value = given ? strtoul(given, NULL, 10) : (unsigned long)time(NULL);
	print_message("PODSG_SEED=%lu\n", value);
	memcpy(seed, &value, sizeof(seed));

	for (unsigned i = 0; i < PLACE_UPSTREAMS; i++)
		place->upstreams[i].script = whatever;
	place->settings.policy = FORWARD_RANDOM;
	place->settings.failover = failover;
	place->settings.failover_count = 1;
	forward_place_start(place, PLACE_UPSTREAMS);
	for (unsigned i = 0; i < ROUNDS; i++)
		ask_round(place, told + i * ROUND_QUESTIONS);
	/* Some are told by the deadline, the last by the end. */
	forward_place_turn(place, 2500);
	forward_place_stop(place);
	for (unsigned i = 0; i < ROUNDS * ROUND_QUESTIONS; i++)
		assert_int_equal(told[i].times, 1);
	assert_true(place->outcomes[FORWARD_ANSWERED] > ROUNDS * ROUND_QUESTIONS / 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, forward_place_open, forward_place_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_question_is_told_one_result),
	};
	return cmocka_run_group_tests_name("dns_forward_random", tests, NULL, NULL);
}
