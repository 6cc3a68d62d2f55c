/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/cached.h"

#define SMALL (1024 * 1024)

static int open_small(void **state)
{
	*state = cached_open(SMALL);
	return 0;
}

static int close_cache(void **state)
{
	cache_close(*state);
	return 0;
}

static void what_was_never_put_is_not_there(void **state)
{
	size_t needed = 1;
	union cached_answer answer;
	struct cached_key key;

	cached_key(*state, 1, &key);
	assert_false(cache_get(*state, &key.key, &answer.answer, sizeof(answer), &needed, NULL));
	assert_int_equal(needed, 0);
}

static void an_answer_comes_back_as_it_was(void **state)
{
	static const unsigned sizes[] = {1, 2, 7, 100, CACHED_RECORDS_MAX};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		cached_put(*state, i, i + 1, sizes[i]);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_int_equal(cached_get(*state, i), i + 1);
}

static void everything_in_the_key_counts(void **state)
{
	union cached_answer answer;
	struct cached_key key;
	struct cache_key others[6];

	cached_key(*state, 1, &key);
	cached_answer(1, 1, 1, &answer);
	cache_put(*state, &key.key, &answer.answer);
	for (unsigned i = 0; i < 6; i++)
		others[i] = key.key;
	others[0].partition++;
	others[1].type++;
	others[2].flags = DNS_KEY_DO;
	others[3].flags = DNS_KEY_CD;
	others[4].name += 7; /* "example.com" */
	others[4].name_length -= 7;
	others[5].name = (const uint8_t *)"\6name-2\7example\3com";
	for (unsigned i = 0; i < 6; i++) {
		/* Even if the hashes were one. */
		assert_false(
			cache_get(*state, &others[i], &answer.answer, sizeof(answer), NULL, NULL));
		assert_int_not_equal(cache_key_hash(*state, &others[i]), key.key.hash);
	}
}

static void names_of_every_length_are_told_apart(void **state)
{
	union cached_answer answer;
	uint8_t names[2][DNS_NAME_MAX];

	for (unsigned length = 1; length <= DNS_NAME_MAX; length++) {
		struct cache_key key = {.name = names[0], .name_length = (uint8_t)length};

		memset(names, 'a', sizeof(names));
		key.hash = cache_key_hash(*state, &key);
		cached_answer(1, length, 1, &answer);
		cache_put(*state, &key, &answer.answer);
		assert_true(cache_get(*state, &key, &answer.answer, sizeof(answer), NULL, NULL));
		key.name = names[1];
		names[1][length - 1] = 'b';
		assert_false(cache_get(*state, &key, &answer.answer, sizeof(answer), NULL, NULL));
		assert_int_not_equal(cache_key_hash(*state, &key), key.hash);
	}
}

static void a_newer_answer_takes_the_place_of_the_older(void **state)
{
	cached_put(*state, 1, 1, 2);
	cached_put(*state, 1, 2, 1);
	assert_int_equal(cached_get(*state, 1), 2);
	assert_int_equal(cached_entries(*state), 1);
}

static void a_dropped_answer_is_gone(void **state)
{
	struct cached_key key;

	cached_put(*state, 1, 1, 1);
	cached_put(*state, 2, 1, 1);
	cached_key(*state, 1, &key);
	cache_drop(*state, &key.key);
	cache_drop(*state, &key.key);
	assert_int_equal(cached_get(*state, 1), 0);
	assert_int_equal(cached_get(*state, 2), 1);
	assert_int_equal(cached_entries(*state), 1);
}

static void a_cleared_cache_is_empty_and_gives_its_memory_back(void **state)
{
	struct stat full;
	struct stat empty;

	for (unsigned i = 0; i < 5000; i++)
		cached_put(*state, i, 1, 1);
	assert_int_equal(fstat(cache_memfd(*state), &full), 0);
	cache_clear(*state);
	assert_int_equal(fstat(cache_memfd(*state), &empty), 0);
	assert_true(empty.st_blocks < full.st_blocks / 10);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(cached_get(*state, i), 0);
	assert_int_equal(cached_entries(*state), 0);
	cached_put(*state, 1, 2, 1);
	assert_int_equal(cached_get(*state, 1), 2);
}

static void an_answer_larger_than_the_room_says_what_it_needs(void **state)
{
	union cached_answer answer;
	struct cached_key key;
	size_t needed;
	size_t size;

	cached_answer(1, 1, 10, &answer);
	size = answer.answer.size;
	cached_put(*state, 1, 1, 10);
	cached_key(*state, 1, &key);
	assert_false(cache_get(*state, &key.key, &answer.answer, size - 8, &needed, NULL));
	assert_int_equal(needed, size);
	assert_true(cache_get(*state, &key.key, &answer.answer, size, NULL, NULL));
}

static void an_answer_larger_than_a_quarter_of_a_shard_is_not_kept_nor_the_one_before(void **state)
{
	static _Alignas(8) uint8_t block[200 * 1024];
	struct dns_answer *answer = (struct dns_answer *)block;
	struct cached_key key;

	cached_put(*state, 1, 1, 1);
	cached_key(*state, 1, &key);
	*answer = (struct dns_answer){.size = sizeof(block), .lifetime = 1};
	cache_put(*state, &key.key, answer);
	assert_int_equal(cached_get(*state, 1), 0);
	assert_int_equal(cached_entries(*state), 0);
}

static void uses_are_counted_up_to_255(void **state)
{
	union cached_answer answer;
	struct cached_key key;
	unsigned uses = 0;

	cached_put(*state, 1, 1, 1);
	cached_key(*state, 1, &key);
	for (unsigned i = 1; i < 300; i++) {
		assert_true(
			cache_get(*state, &key.key, &answer.answer, sizeof(answer), NULL, &uses));
		assert_int_equal(uses, i < 255 ? i : 255);
	}
	cached_put(*state, 1, 2, 1);
	assert_true(cache_get(*state, &key.key, &answer.answer, sizeof(answer), NULL, &uses));
	assert_int_equal(uses, 1);
}

static void uses_go_on_counting_when_an_answer_is_spared(void **state)
{
	union cached_answer answer;
	struct cached_key key;
	unsigned uses = 0;

	cached_put(*state, 0, 1, 1);
	cached_key(*state, 0, &key);
	for (unsigned i = 1; i <= 200; i++) {
		assert_true(
			cache_get(*state, &key.key, &answer.answer, sizeof(answer), NULL, &uses));
		assert_int_equal(uses, i);
		for (unsigned j = 1; j < 500; j++)
			cached_put(*state, i * 500 + j, 1, 1);
	}
}

static void never_more_than_its_size(void **state)
{
	struct cache_statistics statistics;
	struct stat status;

	for (unsigned i = 0; i < 50000; i++) {
		cached_put(*state, i, 1, i % 7 == 0 ? 40 : 1);
		if (i % 1000 != 0)
			continue;
		cache_statistics(*state, &statistics);
		assert_true(statistics.bytes <= statistics.capacity);
		assert_true(statistics.capacity < SMALL);
	}
	assert_true(statistics.bytes > statistics.capacity / 10 * 9);
	assert_true(statistics.evictions[0] > 0);
	assert_int_equal(fstat(cache_memfd(*state), &status), 0);
	assert_int_equal(status.st_size, SMALL);
	assert_true(status.st_blocks * 512 <= SMALL);
}

static void successes_and_all_else_are_counted_apart(void **state)
{
	struct cache_statistics statistics;

	for (unsigned i = 0; i < 20; i++)
		cached_put(*state, i, 1, i < 5 ? 0 : 1);
	cache_statistics(*state, &statistics);
	assert_int_equal(statistics.entries[0], 15);
	assert_int_equal(statistics.entries[1], 5);
	for (unsigned i = 0; i < 10; i++)
		cached_put(*state, i, 2, 0);
	cache_statistics(*state, &statistics);
	assert_int_equal(statistics.entries[0], 10);
	assert_int_equal(statistics.entries[1], 10);
	assert_int_equal(statistics.evictions[0] + statistics.evictions[1], 0);
}

#define REGULARS 100

/* Asks for the first hundred every now and then while thousands go by that nobody asks for. */
static unsigned regulars_after_a_flood(struct cache *cache)
{
	unsigned found = 0;

	for (unsigned i = 0; i < 60000; i++) {
		if (i % 1000 == 0) {
			for (unsigned j = 0; j < REGULARS; j++)
				(void)cached_get(cache, j);
		}
		cached_put(cache, REGULARS + i, 1, 1);
	}
	for (unsigned i = 0; i < REGULARS; i++)
		found += cached_get(cache, i) == 1;
	return found;
}

static void what_is_used_survives_a_flood_of_what_is_not(void **state)
{
	for (unsigned i = 0; i < REGULARS; i++)
		cached_put(*state, i, 1, 1);
	assert_int_equal(regulars_after_a_flood(*state), REGULARS);
}

static void put_expired(struct cache *cache, unsigned number)
{
	union cached_answer answer;
	struct cached_key key;

	cached_key(cache, number, &key);
	cached_answer(number, 1, 1, &answer);
	answer.answer.born -= 100;
	answer.answer.lifetime = 50;
	cache_put(cache, &key.key, &answer.answer);
}

static void what_has_expired_is_not_spared(void **state)
{
	struct cache_statistics statistics;

	for (unsigned i = 0; i < REGULARS; i++)
		put_expired(*state, i);
	assert_int_equal(regulars_after_a_flood(*state), 0);
	cache_statistics(*state, &statistics);
	assert_int_equal(statistics.evictions[0] + statistics.entries[0], 60000);
}

static void what_may_be_served_stale_is_spared(void **state)
{
	cache_keep_stale(*state, 51);
	for (unsigned i = 0; i < REGULARS; i++)
		put_expired(*state, i);
	assert_int_equal(regulars_after_a_flood(*state), REGULARS);
}

/* Workers look at the clock one after the other. */
static void a_clock_that_is_a_second_behind_expires_nothing(void **state)
{
	union cached_answer answer;
	struct cached_key key;

	for (unsigned i = 0; i < REGULARS; i++) {
		cached_key(*state, i, &key);
		cached_answer(i, 1, 1, &answer);
		answer.answer.born += 1;
		cache_put(*state, &key.key, &answer.answer);
	}
	assert_int_equal(regulars_after_a_flood(*state), REGULARS);
}

static void a_hundred_thousand_names_take_less_than_25_mib(void **state)
{
	struct cache *cache = cached_open((size_t)48 * 1024 * 1024);
	struct stat status;

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		cached_put(cache, i, 1, 1 + i % 2);
	assert_int_equal(fstat(cache_memfd(cache), &status), 0);
	print_message("100,000 names: %u KiB\n", (unsigned)(status.st_blocks / 2));
	assert_true(status.st_blocks * 512 < 25 * 1024 * 1024);
	cache_close(cache);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_small, close_cache)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_never_put_is_not_there),
		TEST(an_answer_comes_back_as_it_was),
		TEST(everything_in_the_key_counts),
		TEST(names_of_every_length_are_told_apart),
		TEST(a_newer_answer_takes_the_place_of_the_older),
		TEST(a_dropped_answer_is_gone),
		TEST(a_cleared_cache_is_empty_and_gives_its_memory_back),
		TEST(an_answer_larger_than_the_room_says_what_it_needs),
		TEST(an_answer_larger_than_a_quarter_of_a_shard_is_not_kept_nor_the_one_before),
		TEST(uses_are_counted_up_to_255),
		TEST(uses_go_on_counting_when_an_answer_is_spared),
		TEST(never_more_than_its_size),
		TEST(successes_and_all_else_are_counted_apart),
		TEST(what_is_used_survives_a_flood_of_what_is_not),
		TEST(what_has_expired_is_not_spared),
		TEST(what_may_be_served_stale_is_spared),
		TEST(a_clock_that_is_a_second_behind_expires_nothing),
		cmocka_unit_test(a_hundred_thousand_names_take_less_than_25_mib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
