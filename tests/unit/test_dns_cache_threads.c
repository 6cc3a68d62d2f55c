/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/cached.h"

#define NAMES 4000
#define WRITERS 2
#define ALWAYS 8 /* names that are asked for all the time, and replaced all the time */

/* Every name has one writer, so its versions only grow. */
struct play {
	struct cache *cache;
	unsigned puts; /* of every writer */
	unsigned least_records;
	unsigned more_records;            /* one answer out of fifty */
	_Atomic unsigned versions[NAMES]; /* of the last put that has returned */
	_Atomic unsigned writing;
	_Atomic unsigned hits;
	_Atomic unsigned wrong; /* not whole, or another name's */
	_Atomic unsigned older; /* than a put that had returned before it was asked for */
};

struct role {
	struct play *play;
	unsigned number;
	pthread_t thread;
	uint32_t state;
};

/* Threads don't share the random numbers of the test. */
static unsigned choose(struct role *role, unsigned below)
{
	role->state = role->state * 1664525 + 1013904223;
	return (role->state >> 8) % below;
}

static unsigned choose_name(struct role *role)
{
	return choose(role, 4) == 0 ? choose(role, ALWAYS) : choose(role, NAMES);
}

static void *write_names(void *argument)
{
	struct role *role = argument;
	struct play *play = role->play;

	for (unsigned i = 0; i < play->puts; i++) {
		unsigned number = choose_name(role) / WRITERS * WRITERS + role->number;
		unsigned version = atomic_load(&play->versions[number]) + 1;
		unsigned records = play->least_records + choose(role, 4);

		if (choose(role, 50) == 0)
			records = play->more_records;
		cached_put(play->cache, number, version, records);
		atomic_store(&play->versions[number], version);
	}
	atomic_fetch_sub(&play->writing, 1);
	return NULL;
}

static void read_name(struct play *play, unsigned number)
{
	static _Thread_local union cached_answer answer;
	unsigned least = atomic_load(&play->versions[number]);
	struct cached_key key;
	unsigned version;

	cached_key(play->cache, number, &key);
	if (!cache_get(play->cache, &key.key, &answer.answer, sizeof(answer), NULL, NULL))
		return;
	atomic_fetch_add(&play->hits, 1);
	if (!cached_answer_is(&answer, number, &version))
		atomic_fetch_add(&play->wrong, 1);
	else if (version < least)
		atomic_fetch_add(&play->older, 1);
}

static void *read_names(void *argument)
{
	struct role *role = argument;

	while (atomic_load(&role->play->writing) > 0)
		read_name(role->play, choose_name(role));
	return NULL;
}

static void start(struct play *play, struct role *role, unsigned number, void *(*act)(void *))
{
	*role = (struct role){.play = play, .number = number, .state = cached_random(1u << 30)};
	assert_int_equal(pthread_create(&role->thread, NULL, act, role), 0);
}

static void run(struct play *play, void *(*fourth)(void *))
{
	struct role roles[WRITERS + 2];

	play->cache = cached_open(CACHE_BYTES_MIN);
	play->writing = WRITERS;
	for (unsigned i = 0; i < WRITERS; i++)
		start(play, &roles[i], i, write_names);
	start(play, &roles[WRITERS], 0, read_names);
	start(play, &roles[WRITERS + 1], 0, fourth);
	for (unsigned i = 0; i < WRITERS + 2; i++)
		assert_int_equal(pthread_join(roles[i].thread, NULL), 0);
	print_message("%u hits while %u puts were made\n", play->hits, WRITERS * play->puts);
	assert_int_equal(play->wrong, 0);
	assert_int_equal(play->older, 0);
	assert_true(play->hits > 100);
	for (unsigned i = 0; i < NAMES; i++) {
		unsigned version = cached_get(play->cache, i);

		assert_true(version == 0 || version == play->versions[i]);
	}
	cache_close(play->cache);
}

static void readers_never_see_half_an_answer_nor_one_that_was_replaced(void **state)
{
	static struct play play = {.puts = 60000, .least_records = 1, .more_records = 200};

	(void)state;
	run(&play, read_names);
}

/* A few of these go round the ring: writers come by while readers copy. */
static void readers_never_see_half_of_a_large_answer(void **state)
{
	static struct play play = {
		.puts = 4000, .least_records = 2000, .more_records = CACHED_RECORDS_MAX};

	(void)state;
	run(&play, read_names);
}

/* Statistics, dropping and clearing go on beside. */
static void *disturb(void *argument)
{
	struct role *role = argument;
	struct play *play = role->play;

	while (atomic_load(&play->writing) > 0) {
		struct cache_statistics statistics;
		struct cached_key key;

		cached_key(play->cache, choose_name(role), &key);
		cache_drop(play->cache, &key.key);
		cache_statistics(play->cache, &statistics);
		if (statistics.bytes > statistics.capacity)
			atomic_fetch_add(&play->wrong, 1);
		if (choose(role, 2000) == 0)
			cache_clear(play->cache);
	}
	return NULL;
}

static void dropping_and_clearing_disturbs_no_reader(void **state)
{
	static struct play play = {.puts = 30000, .least_records = 1, .more_records = 200};

	(void)state;
	run(&play, disturb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_never_see_half_an_answer_nor_one_that_was_replaced),
		cmocka_unit_test(readers_never_see_half_of_a_large_answer),
		cmocka_unit_test(dropping_and_clearing_disturbs_no_reader),
	};

	cached_random_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
