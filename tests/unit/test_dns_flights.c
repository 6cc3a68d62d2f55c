/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dnscache/serve/flights.h"
#include "tests/unit/cached.h"

/* Workers as far as flights know them. */
struct crew {
	struct flights *flights;
	struct cache *cache;
	_Atomic unsigned woken[FLIGHTS_WORKERS];
};

static void wake(void *context)
{
	atomic_fetch_add((_Atomic unsigned *)context, 1);
}

static int assemble(void **state)
{
	struct crew *crew = calloc(1, sizeof(*crew));
	assert_non_null(crew);
	crew->flights = flights_new();
	crew->cache = cached_open(CACHE_BYTES_MIN);
	for (unsigned i = 0; i < FLIGHTS_WORKERS; i++)
		flights_join(crew->flights, i, wake, &crew->woken[i]);
	*state = crew;
	return 0;
}

static int dismiss(void **state)
{
	struct crew *crew = *state;
	for (unsigned i = 0; i < FLIGHTS_WORKERS; i++)
		flights_leave(crew->flights, i);
	flights_free(crew->flights);
	cache_close(crew->cache);
	free(crew);
	return 0;
}

static bool begin(struct crew *crew, struct flight *flight, struct cached_key *key, unsigned number,
                  unsigned worker)
{
	cached_key(crew->cache, number, key);
	return flight_begin(crew->flights, flight, &key->key, worker, 0);
}

static void end(struct crew *crew, struct flight *flight, unsigned number, unsigned records)
{
	static union cached_answer answer;
	cached_answer(number, 1, records, &answer);
	flight_end(crew->flights, flight, &answer.answer, COUNT_FROM_FORWARD, true);
}

/* The one thing that there is for a worker: the answer to this question. */
static void expect_answer(struct crew *crew, unsigned worker, unsigned number)
{
	bool lost;
	unsigned version;
	struct flight_news *news = flights_take(crew->flights, worker, &lost);
	assert_non_null(news);
	assert_null(news->next);
	assert_false(lost);
	struct cached_key key;
	cached_key(crew->cache, number, &key);
	assert_true(cache_key_equal(&key.key, &news->key));
	assert_true(cached_answer_is((const union cached_answer *)(const void *)news->answer,
	                             number, &version));
	assert_true(news->kept);
	assert_int_equal(news->source, COUNT_FROM_FORWARD);
	flight_news_free(crew->flights, news);
}

static void expect_nothing(struct crew *crew, unsigned worker)
{
	bool lost;
	assert_null(flights_take(crew->flights, worker, &lost));
	assert_false(lost);
}

static void expect_loss(struct crew *crew, unsigned worker)
{
	bool lost;
	assert_null(flights_take(crew->flights, worker, &lost));
	assert_true(lost);
	expect_nothing(crew, worker);
}

static void one_asks_and_all_are_told(void **state)
{
	struct crew *crew = *state;
	struct cached_key keys[FLIGHTS_WORKERS];
	struct flight flights[FLIGHTS_WORKERS] = {0};
	for (unsigned i = 0; i < FLIGHTS_WORKERS; i++)
		assert_int_equal(begin(crew, &flights[i], &keys[i], 5, i), i == 0);
	end(crew, &flights[0], 5, 3);
	for (unsigned i = 0; i < FLIGHTS_WORKERS; i++) {
		assert_int_equal(crew->woken[i], i > 0);
		if (i > 0)
			expect_answer(crew, i, 5);
		expect_nothing(crew, i);
	}
}

static void questions_are_told_apart(void **state)
{
	struct crew *crew = *state;
	struct cached_key keys[4];
	struct flight flights[4] = {0};
	assert_true(begin(crew, &flights[0], &keys[0], 1, 0));
	assert_true(begin(crew, &flights[1], &keys[1], 2, 1));
	assert_false(begin(crew, &flights[2], &keys[2], 1, 2));
	cached_key(crew->cache, 1, &keys[3]);
	keys[3].key.flags = DNS_KEY_DO;
	assert_true(flight_begin(crew->flights, &flights[3], &keys[3].key, 3, 0));
	end(crew, &flights[1], 2, 1);
	end(crew, &flights[3], 1, 1);
	expect_nothing(crew, 2);
	end(crew, &flights[0], 1, 1);
	expect_answer(crew, 2, 1);
}

static void what_has_ended_is_asked_anew(void **state)
{
	struct crew *crew = *state;
	struct cached_key keys[2];
	struct flight flights[2] = {0};
	assert_true(begin(crew, &flights[0], &keys[0], 1, 0));
	end(crew, &flights[0], 1, 1);
	assert_true(begin(crew, &flights[1], &keys[1], 1, 1));
	end(crew, &flights[1], 1, 1);
	expect_nothing(crew, 0);
	expect_nothing(crew, 1);
}

static void a_worker_can_follow_itself(void **state)
{
	struct crew *crew = *state;
	struct cached_key keys[2];
	struct flight flights[2] = {0};
	assert_true(begin(crew, &flights[0], &keys[0], 1, 7));
	assert_false(begin(crew, &flights[1], &keys[1], 1, 7));
	assert_false(begin(crew, &flights[1], &keys[1], 1, 7));
	end(crew, &flights[0], 1, 1);
	expect_answer(crew, 7, 1);
}

static void who_says_nothing_lets_others_look_for_themselves(void **state)
{
	struct crew *crew = *state;
	struct cached_key keys[2];
	struct flight flights[2] = {0};
	assert_true(begin(crew, &flights[0], &keys[0], 1, 0));
	assert_false(begin(crew, &flights[1], &keys[1], 1, 1));
	flight_end(crew->flights, &flights[0], NULL, COUNT_FROM_US, false);
	assert_int_equal(crew->woken[1], 1);
	expect_loss(crew, 1);
	assert_true(begin(crew, &flights[1], &keys[1], 1, 1));
	end(crew, &flights[1], 1, 1);
}

static void whose_worker_stands_is_taken_over_with_its_followers(void **state)
{
	struct crew *crew = *state;
	struct cached_key keys[3];
	struct flight flights[3] = {0};
	assert_true(begin(crew, &flights[0], &keys[0], 1, 0));
	assert_false(begin(crew, &flights[1], &keys[1], 1, 1));
	assert_false(begin(crew, &flights[2], &keys[2], 1, 2));
	flights_beat(crew->flights, 0, 1000);
	assert_false(flight_begin(crew->flights, &flights[1], &keys[1].key, 1, 1000));
	assert_true(flight_begin(crew->flights, &flights[1], &keys[1].key, 1, 1001));
	flight_end(crew->flights, &flights[0], NULL, COUNT_FROM_US, false);
	expect_nothing(crew, 2);
	assert_false(begin(crew, &flights[0], &keys[0], 1, 0));
	end(crew, &flights[1], 1, 1);
	expect_answer(crew, 0, 1);
	expect_answer(crew, 2, 1);
}

static void answers_on_their_way_have_a_limit(void **state)
{
	enum { QUESTIONS = 40 };
	struct crew *crew = *state;
	static struct cached_key keys[QUESTIONS];
	static struct flight flights[QUESTIONS];
	struct cached_key mine;
	struct flight none;
	bool lost;
	for (unsigned i = 0; i < QUESTIONS; i++) {
		assert_true(begin(crew, &flights[i], &keys[i], i, 0));
		assert_false(begin(crew, &none, &mine, i, 1));
	}
	for (unsigned i = 0; i < QUESTIONS; i++)
		end(crew, &flights[i], i, 2000);
	for (int round = 0; round < 2; round++) {
		struct flight_news *news = flights_take(crew->flights, 1, &lost);
		assert_int_equal(lost, round == 0);
		unsigned told = 0;
		for (; news; told++) {
			struct flight_news *next = news->next;
			flight_news_free(crew->flights, news);
			news = next;
		}
		assert_in_range(told, round ? 1 : FLIGHTS_NEWS_BYTES / 70000, round ? 1 : 18);
		/* There is room again. */
		assert_true(begin(crew, &flights[0], &keys[0], 0, 0));
		assert_false(begin(crew, &none, &mine, 0, 1));
		end(crew, &flights[0], 0, 2000);
	}
	expect_answer(crew, 1, 0);
}

static void who_has_left_is_not_told(void **state)
{
	struct crew *crew = *state;
	struct cached_key keys[3];
	struct flight flights[3] = {0};
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(begin(crew, &flights[i], &keys[i], 1, i), i == 0);
	flights_leave(crew->flights, 1);
	end(crew, &flights[0], 1, 1);
	assert_int_equal(crew->woken[1], 0);
	expect_nothing(crew, 1);
	expect_answer(crew, 2, 1);
}

enum { HANDS = 4, ROUNDS = 20000, NAMES = 40 };

/* Threads that ask for a few names all the time, each answer made up in passing. */
struct hand {
	struct crew *crew;
	unsigned number;
	pthread_t thread;
	uint32_t dice;
	struct flight flights[NAMES];
	struct cached_key keys[NAMES];
	bool asks[NAMES], follows[NAMES];
	unsigned answers, losses, wrong;
};

static _Atomic unsigned asking[NAMES];

static void listen_to_others(struct hand *hand)
{
	bool lost;
	struct flight_news *news = flights_take(hand->crew->flights, hand->number, &lost);
	while (news) {
		struct flight_news *next = news->next;
		unsigned version;
		unsigned number = 0;
		while (number < NAMES && !cache_key_equal(&hand->keys[number].key, &news->key))
			number++;
		hand->wrong += !cached_answer_is(
			(const union cached_answer *)(const void *)news->answer, number, &version);
		hand->answers++;
		hand->follows[number] = false;
		flight_news_free(hand->crew->flights, news);
		news = next;
	}
	for (unsigned i = 0; lost && i < NAMES; i++)
		hand->follows[i] = false;
	hand->losses += lost;
}

static void come_to_an_end(struct hand *hand, unsigned number)
{
	static _Thread_local union cached_answer answer;
	bool silent = (hand->dice >> 20) % 8 == 0;
	cached_answer(number, 1, 1 + (hand->dice >> 12) % 4, &answer);
	hand->asks[number] = false;
	atomic_fetch_sub(&asking[number], 1);
	flight_end(hand->crew->flights, &hand->flights[number], silent ? NULL : &answer.answer,
	           COUNT_FROM_FORWARD, true);
}

static void *work(void *context)
{
	struct hand *hand = context;
	for (unsigned i = 0; i < ROUNDS; i++) {
		hand->dice = hand->dice * 1664525 + 1013904223;
		unsigned number = (hand->dice >> 8) % NAMES;
		if (i % 4 == 0)
			(void)sched_yield();
		listen_to_others(hand);
		if (hand->asks[number]) {
			come_to_an_end(hand, number);
		} else if (!hand->follows[number]) {
			hand->asks[number] =
				flight_begin(hand->crew->flights, &hand->flights[number],
			                     &hand->keys[number].key, hand->number, 0);
			hand->follows[number] = !hand->asks[number];
			if (hand->asks[number])
				hand->wrong += atomic_fetch_add(&asking[number], 1) > 0;
		}
	}
	for (unsigned i = 0; i < NAMES; i++)
		if (hand->asks[i])
			come_to_an_end(hand, i);
	return NULL;
}

static void threads_never_ask_twice_and_all_hear_of_it(void **state)
{
	static struct hand hands[HANDS];
	unsigned answers = 0, losses = 0;
	for (unsigned i = 0; i < HANDS; i++) {
		hands[i] =
			(struct hand){.crew = *state, .number = i, .dice = cached_random(1u << 30)};
		for (unsigned j = 0; j < NAMES; j++)
			cached_key(hands[i].crew->cache, j, &hands[i].keys[j]);
	}
	for (unsigned i = 0; i < HANDS; i++)
		assert_int_equal(pthread_create(&hands[i].thread, NULL, work, &hands[i]), 0);
	for (unsigned i = 0; i < HANDS; i++)
		assert_int_equal(pthread_join(hands[i].thread, NULL), 0);
	for (unsigned i = 0; i < HANDS; i++) {
		listen_to_others(&hands[i]);
		assert_int_equal(hands[i].wrong, 0);
		for (unsigned j = 0; j < NAMES; j++)
			assert_false(hands[i].follows[j]);
		answers += hands[i].answers;
		losses += hands[i].losses;
	}
	print_message("%u answers and %u losses were told\n", answers, losses);
	assert_true(answers > 100);
	assert_true(losses > 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, assemble, dismiss)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_asks_and_all_are_told),
		TEST(questions_are_told_apart),
		TEST(what_has_ended_is_asked_anew),
		TEST(a_worker_can_follow_itself),
		TEST(who_says_nothing_lets_others_look_for_themselves),
		TEST(whose_worker_stands_is_taken_over_with_its_followers),
		TEST(answers_on_their_way_have_a_limit),
		TEST(who_has_left_is_not_told),
		TEST(threads_never_ask_twice_and_all_hear_of_it),
	};

	cached_random_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
