/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/cached.h"

/* What was put last under every name, without any limit. */
#define MODEL_NAMES 3000

struct model {
	unsigned versions[MODEL_NAMES]; /* 0: never put, or dropped */
	unsigned sizes[MODEL_NAMES];
	unsigned last;
};

static unsigned random_size(void)
{
	unsigned choice = cached_random(100);

	if (choice < 80)
		return 1 + cached_random(3);
	return choice < 98 ? 1 + cached_random(60) : 1 + cached_random(CACHED_RECORDS_MAX);
}

static void put(struct cache *cache, struct model *model, unsigned number)
{
	model->versions[number] = ++model->last;
	model->sizes[number] = random_size();
	cached_put(cache, number, model->last, model->sizes[number]);
}

static void drop(struct cache *cache, struct model *model, unsigned number)
{
	struct cached_key key;

	cached_key(cache, number, &key);
	cache_drop(cache, &key.key);
	model->versions[number] = 0;
}

static void clear(struct cache *cache, struct model *model)
{
	cache_clear(cache);
	memset(model->versions, 0, sizeof(model->versions));
}

static bool is_as_put(const struct cache *cache, const struct model *model, unsigned number)
{
	unsigned version = cached_get(cache, number);

	if (version != 0)
		assert_int_equal(version, model->versions[number]);
	return version != 0;
}

/* The index holds nothing that nobody can find, and the sums are right. */
static void look_at_all(const struct cache *cache, const struct model *model)
{
	struct cache_statistics statistics;
	unsigned found = 0;

	for (unsigned i = 0; i < MODEL_NAMES; i++)
		found += is_as_put(cache, model, i);
	cache_statistics(cache, &statistics);
	assert_int_equal(statistics.entries[0] + statistics.entries[1], found);
	assert_true(statistics.bytes <= statistics.capacity);
	assert_true(statistics.bytes >= (uint64_t)found * sizeof(struct dns_answer));
}

static void a_hit_is_always_what_was_put_last(void **state)
{
	static struct model model;
	struct cache *cache = cached_open(CACHE_BYTES_MIN);
	unsigned hits = 0;

	(void)state;
	memset(&model, 0, sizeof(model));
	for (unsigned i = 0; i < 60000; i++) {
		unsigned number = cached_random(MODEL_NAMES);
		unsigned choice = cached_random(10000);

		if (choice < 4000)
			put(cache, &model, number);
		else if (choice < 4400)
			drop(cache, &model, number);
		else if (choice == 4400)
			clear(cache, &model);
		else
			hits += is_as_put(cache, &model, number);
		if (i % 5000 == 0)
			look_at_all(cache, &model);
	}
	look_at_all(cache, &model);
	assert_true(hits > 1000);
	cache_close(cache);
}

/* Requests for names of which the n-th is asked for 1/n as often as the first. */
#define NAMES 50000
#define REQUESTS 400000
#define CACHE_BYTES (1300 * 1024)

static double share_below[NAMES];
static unsigned requests[REQUESTS];

static void make_requests(void)
{
	double sum = 0;

	for (unsigned i = 0; i < NAMES; i++)
		share_below[i] = sum += 1 / (double)(i + 1);
	for (unsigned i = 0; i < REQUESTS; i++) {
		double wanted = cached_random(1u << 30) * sum / (1u << 30);
		unsigned low = 0;
		unsigned high = NAMES - 1;

		while (low < high) {
			unsigned middle = (low + high) / 2;

			if (share_below[middle] < wanted)
				low = middle + 1;
			else
				high = middle;
		}
		requests[i] = low;
	}
}

static unsigned hits_of_the_cache(unsigned *kept)
{
	struct cache *cache = cached_open(CACHE_BYTES);
	unsigned hits = 0;

	for (unsigned i = 0; i < REQUESTS; i++) {
		if (cached_get(cache, requests[i]) != 0)
			hits++;
		else
			cached_put(cache, requests[i], 1, 1);
	}
	*kept = (unsigned)cached_entries(cache);
	cache_close(cache);
	return hits;
}

/* A list through all names, the newest behind `end`; links of names that are not kept are `none`.
 */
struct list {
	unsigned next[NAMES + 1];
	unsigned before[NAMES + 1];
	unsigned count;
};

static void take_out(struct list *list, unsigned number)
{
	list->next[list->before[number]] = list->next[number];
	list->before[list->next[number]] = list->before[number];
	list->next[number] = NAMES + 1;
	list->count--;
}

static void put_in(struct list *list, unsigned number)
{
	list->next[number] = list->next[NAMES];
	list->before[number] = NAMES;
	list->before[list->next[NAMES]] = number;
	list->next[NAMES] = number;
	list->count++;
}

static unsigned hits_of_a_list(unsigned room, bool by_use)
{
	static struct list list;
	unsigned hits = 0;

	for (unsigned i = 0; i < NAMES; i++)
		list.next[i] = NAMES + 1;
	list.next[NAMES] = list.before[NAMES] = NAMES;
	list.count = 0;
	for (unsigned i = 0; i < REQUESTS; i++) {
		bool hit = list.next[requests[i]] <= NAMES;

		hits += hit;
		if (hit && !by_use)
			continue;
		if (hit)
			take_out(&list, requests[i]);
		else if (list.count == room)
			take_out(&list, list.before[NAMES]);
		put_in(&list, requests[i]);
	}
	return hits;
}

static double percent(unsigned hits)
{
	return 100.0 * hits / REQUESTS;
}

static void hits_are_nearer_to_lru_than_to_fifo(void **state)
{
	unsigned kept;
	unsigned hits;
	unsigned lru;
	unsigned fifo;

	(void)state;
	make_requests();
	hits = hits_of_the_cache(&kept);
	lru = hits_of_a_list(kept, true);
	fifo = hits_of_a_list(kept, false);
	print_message("%u of %u names, hits: FIFO %.2f %%, ours %.2f %%, LRU %.2f %%\n", kept,
	              NAMES, percent(fifo), percent(hits), percent(lru));
	assert_true(kept > 9000);
	assert_true(hits > (fifo + lru) / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hit_is_always_what_was_put_last),
		cmocka_unit_test(hits_are_nearer_to_lru_than_to_fifo),
	};

	cached_random_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
