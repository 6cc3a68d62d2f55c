/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/draw/box_order.h"
#include "nft-sync/draw/peer_ports.h"
#include "tests/unit/random_world.h"

#define PEERS 12
#define SPANS 6
#define PORTS 40 /* few, so that ranges meet */
#define ROUNDS 3000

static struct span spans[PEERS][SPANS];
static struct peer_group peers[PEERS];

/* Spans of one peer as the compiler leaves them: ascending, none touches the next. */
static void random_peer(size_t index, unsigned *seed)
{
	size_t count = 0;
	for (int protocol = IPPROTO_TCP; protocol <= IPPROTO_UDP;
	     protocol += IPPROTO_UDP - IPPROTO_TCP)
		for (unsigned port = (unsigned)rand_r(seed) % 10;
		     count < SPANS && port < PORTS && rand_r(seed) % 4;) {
			unsigned high = port + (unsigned)rand_r(seed) % 8;
			spans[index][count++] =
				(struct span){(uint8_t)protocol, (uint16_t)port, (uint16_t)high};
			port = high + 2 + (unsigned)rand_r(seed) % 8;
		}
	peers[index] = (struct peer_group){.id = "sg"};
	peers[index].spans[MATCH_PORTS] = spans[index];
	peers[index].span_count[MATCH_PORTS] = count;
}

static uint64_t peers_at(const struct rule_set *set, uint8_t protocol, unsigned port)
{
	uint64_t mask = 0;
	for (size_t i = 0; i < set->peer_count; i++)
		for (size_t j = 0; j < set->peers[i].span_count[MATCH_PORTS]; j++) {
			const struct span *span = &set->peers[i].spans[MATCH_PORTS][j];
			if (span->protocol == protocol && span->low <= port && port <= span->high)
				mask |= UINT64_C(1) << i;
		}
	return mask;
}

static uint64_t mapped_at(const struct peer_ports *ports, uint8_t protocol, unsigned port)
{
	uint64_t mask = 0;
	unsigned found = 0;
	for (size_t i = 0; i < ports->segment_count; i++) {
		const struct peer_segment *segment = &ports->segments[i];
		if (segment->protocol == protocol && segment->low <= port &&
		    port <= segment->high) {
			mask = segment->peers;
			found++;
		}
	}
	assert_true(found <= 1);
	return mask;
}

static void every_port_leads_to_exactly_the_groups_whose_ranges_hold_it(void **state)
{
	uint64_t begin = random_begin();
	unsigned seed = (unsigned)begin;
	(void)state;
	print_message("PODSG_SEED=%llu\n", (unsigned long long)begin);
	for (int round = 0; round < ROUNDS; round++) {
		struct rule_set set = {.peers = peers, .peer_count = 1 + (size_t)round % PEERS};
		struct peer_ports ports;
		for (size_t i = 0; i < set.peer_count; i++)
			random_peer(i, &seed);
		assert_int_equal(peer_ports_make(&set, &ports), 0);
		for (unsigned port = 0; port < PORTS + 10; port++) {
			assert_int_equal(mapped_at(&ports, IPPROTO_TCP, port),
			                 peers_at(&set, IPPROTO_TCP, port));
			assert_int_equal(mapped_at(&ports, IPPROTO_UDP, port),
			                 peers_at(&set, IPPROTO_UDP, port));
		}
		peer_ports_done(&ports);
	}
}

static void the_last_port_ends_a_segment(void **state)
{
	struct span all = {IPPROTO_UDP, 0, 65535};
	struct peer_group peer = {.id = "sg"};
	struct rule_set set = {.peers = &peer, .peer_count = 1};
	struct peer_ports ports;
	(void)state;
	peer.spans[MATCH_PORTS] = &all;
	peer.span_count[MATCH_PORTS] = 1;
	assert_int_equal(peer_ports_make(&set, &ports), 0);
	assert_int_equal(ports.segment_count, 1);
	assert_int_equal(ports.segments[0].low, 0);
	assert_int_equal(ports.segments[0].high, 65535);
	peer_ports_done(&ports);
}

static void groups_without_ports_make_no_segment(void **state)
{
	struct peer_group peer = {.id = "sg", .all = true};
	struct rule_set set = {.peers = &peer, .peer_count = 1};
	struct peer_ports ports;
	(void)state;
	assert_int_equal(peer_ports_make(&set, &ports), 0);
	assert_int_equal(ports.segment_count, 0);
}

static void more_than_64_groups_are_too_many(void **state)
{
	static struct peer_group many[65];
	struct span span = {IPPROTO_TCP, 1, 1};
	struct rule_set set = {.peers = many, .peer_count = 65};
	struct peer_ports ports;
	(void)state;
	for (size_t i = 0; i < 65; i++) {
		many[i].spans[MATCH_PORTS] = &span;
		many[i].span_count[MATCH_PORTS] = 1;
	}
	assert_int_equal(peer_ports_make(&set, &ports), -E2BIG);
}

static struct box box(const char *prefix, uint16_t low, uint16_t high)
{
	struct box made = {.span = {IPPROTO_TCP, low, high}};
	assert_int_equal(prefix_parse(prefix, &made.prefix, NULL), 0);
	return made;
}

static void the_field_comes_first_that_fewer_boxes_share(void **state)
{
	struct box nested[] = {box("0.0.0.0/0", 1, 1), box("10.0.0.0/8", 2, 2),
	                       box("10.0.0.0/16", 3, 9)};
	struct box apart[] = {box("10.0.0.0/16", 443, 443), box("10.1.0.0/16", 443, 443),
	                      box("10.2.0.0/16", 400, 500)};
	struct box beside[] = {box("10.0.0.0/8", 1, 1), box("10.0.0.0/8", 2, 2),
	                       box("11.0.0.0/8", 2, 2), box("12.0.0.0/8", 2, 2)};
	const struct {
		struct box *boxes;
		size_t count;
		bool port_first;
	} rows[] = {
		{nested, 3, true},  {apart, 3, false}, {beside, 4, false},
		{beside, 3, false}, {beside, 2, true}, {apart, 1, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct box_set set = {.family = AF_INET,
		                      .class = MATCH_PORTS,
		                      .boxes = rows[i].boxes,
		                      .count = rows[i].count};
		assert_int_equal(box_set_port_first(&set), rows[i].port_first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_port_leads_to_exactly_the_groups_whose_ranges_hold_it),
		cmocka_unit_test(the_last_port_ends_a_segment),
		cmocka_unit_test(groups_without_ports_make_no_segment),
		cmocka_unit_test(more_than_64_groups_are_too_many),
		cmocka_unit_test(the_field_comes_first_that_fewer_boxes_share),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
