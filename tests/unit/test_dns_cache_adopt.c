/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/cached.h"

#define SMALL (1024 * 1024)
#define NAMES 3000
#define PAGE 4096

/* The cache's memory, as somebody sees it who has the descriptor, too. */
static uint8_t *map(const struct cache *cache, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cache_memfd(cache), 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static struct cache *filled(unsigned names)
{
	struct cache *cache = cached_open(SMALL);

	for (unsigned i = 0; i < names; i++)
		cached_put(cache, i, i * 16 + 1, i % 4);
	return cache;
}

static unsigned count(const struct cache *cache, unsigned names)
{
	unsigned found = 0;

	for (unsigned i = 0; i < names; i++)
		found += cached_get(cache, i) != 0;
	return found;
}

static void a_successor_has_the_same_answers(void **state)
{
	static unsigned versions[NAMES];
	struct cache *cache = filled(NAMES);
	struct cache_statistics before;
	struct cache_statistics after;
	bool adopted;

	(void)state;
	for (unsigned i = 0; i < NAMES; i += 3)
		cached_put(cache, i, i + 2, 1);
	for (unsigned i = 0; i < NAMES; i++)
		versions[i] = cached_get(cache, i);
	cache_statistics(cache, &before);
	cache = cached_succeed(cache, SMALL, &adopted);
	assert_true(adopted);
	cache_statistics(cache, &after);
	assert_true(after.entries[0] > NAMES / 10 * 7);
	assert_int_equal(after.entries[0], before.entries[0]);
	assert_int_equal(after.entries[1], before.entries[1]);
	assert_int_equal(after.bytes, before.bytes);
	for (unsigned i = 0; i < NAMES; i++)
		assert_int_equal(cached_get(cache, i), versions[i]);
	cache_close(cache);
}

static void a_successor_does_not_see_what_was_dropped_or_replaced_or_cleared(void **state)
{
	struct cache *cache = filled(100);
	struct cached_key key;
	bool adopted;

	(void)state;
	cache_clear(cache);
	cached_put(cache, 200, 1, 1);
	cached_put(cache, 201, 1, 1);
	cached_put(cache, 201, 2, 1);
	cached_key(cache, 200, &key);
	cache_drop(cache, &key.key);
	cache = cached_succeed(cache, SMALL, &adopted);
	assert_true(adopted);
	assert_int_equal(cached_entries(cache), 1);
	assert_int_equal(cached_get(cache, 201), 2);
	cache_close(cache);
}

static void assert_begun_anew(struct cache *cache, bool adopted)
{
	assert_false(adopted);
	assert_int_equal(cached_entries(cache), 0);
	assert_int_equal(cached_get(cache, 1), 0);
	cached_put(cache, 1, 1, 1);
	assert_int_equal(cached_get(cache, 1), 1);
	cache_close(cache);
}

/* Nobody proves it. */
static struct cache *taken_over(struct cache *cache, bool *adopted)
{
	int memfd = dup(cache_memfd(cache));

	cache_close(cache);
	assert_int_equal(cache_open(SMALL, memfd, &cache, adopted, NULL), 0);
	return cache;
}

static uint64_t pages_of(int memfd)
{
	struct stat status;

	assert_int_equal(fstat(memfd, &status), 0);
	return (uint64_t)status.st_blocks;
}

static void what_a_few_in_a_row_have_not_lived_with_is_emptied(void **state)
{
	struct cache *cache = filled(NAMES);
	bool adopted;

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < CACHE_TRIALS; i++) {
			cache = taken_over(cache, &adopted);
			assert_true(adopted);
		}
		if (round < 2)
			cache_prove(cache);
	}
	int kept = dup(cache_memfd(cache));
	assert_true(kept >= 0 && pages_of(kept) > 0);
	cache = taken_over(cache, &adopted);
	assert_begun_anew(cache, adopted);
	assert_int_equal(pages_of(kept), 0);
	(void)close(kept);
}

/* The tail is anywhere then, and the ring has been gone round a few times. */
static void a_full_cache_goes_on_where_the_former_process_was(void **state)
{
	struct cache *cache = filled(30000);
	uint64_t before = cached_entries(cache);
	bool adopted;

	(void)state;
	cache = cached_succeed(cache, SMALL, &adopted);
	assert_true(adopted);
	assert_int_equal(cached_entries(cache), before);
	assert_int_equal(count(cache, 30000), before);
	for (unsigned i = 30000; i < 60000; i++)
		cached_put(cache, i, 1, 1);
	for (unsigned i = 59000; i < 60000; i++)
		assert_int_equal(cached_get(cache, i), 1);
	cache_close(cache);
}

static void another_size_begins_anew(void **state)
{
	bool adopted;
	struct cache *cache = cached_succeed(filled(10), 2 * SMALL, &adopted);

	(void)state;
	assert_begun_anew(cache, adopted);
}

/* Whatever of the first bytes differs: magic, layout, sizes, boot. */
static void another_layout_or_boot_begins_anew(void **state)
{
	(void)state;
	for (unsigned at = 0; at < 68; at++) {
		struct cache *cache = filled(10);
		uint8_t *memory = map(cache, PAGE);
		bool adopted;

		memory[at] ^= 1;
		(void)munmap(memory, PAGE);
		cache = cached_succeed(cache, SMALL, &adopted);
		assert_begun_anew(cache, adopted);
	}
}

static void a_descriptor_that_is_no_cache_begins_anew(void **state)
{
	int others[] = {open("/dev/null", O_RDWR | O_CLOEXEC), memfd_create("other", MFD_CLOEXEC),
	                memfd_create("unsealed", MFD_CLOEXEC)};

	(void)state;
	assert_int_equal(ftruncate(others[2], SMALL), 0);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct cache *cache;
		bool adopted;

		assert_int_equal(cache_open(SMALL, others[i], &cache, &adopted, NULL), 0);
		/* Closed; its number may have been given again. */
		assert_true(others[i] == cache_memfd(cache) || fcntl(others[i], F_GETFD) < 0);
		assert_begun_anew(cache, adopted);
	}
}

/* Where the only entry of this name begins. */
static uint8_t *find_name(struct cache *cache, uint8_t *memory, unsigned number)
{
	struct cached_key key;
	uint8_t *name;

	cached_key(cache, number, &key);
	name = memmem(memory, SMALL, key.name, key.key.name_length);
	assert_non_null(name);
	return name - 16;
}

static struct dns_answer *answer_in(struct cache *cache, uint8_t *entry, unsigned number)
{
	struct cached_key key;

	cached_key(cache, number, &key);
	return (struct dns_answer *)(void *)(entry + 16 + (key.key.name_length + 7) / 8 * 8);
}

static void a_broken_answer_is_left_out_and_all_others_are_kept(void **state)
{
	struct cache *cache = filled(101);
	uint8_t *memory = map(cache, SMALL);
	struct dns_answer *answer;
	bool adopted;

	(void)state;
	answer = answer_in(cache, find_name(cache, memory, 51), 51);
	assert_int_equal(answer->ttl_count, 51 % 4);
	answer->ttl_count++;
	answer = answer_in(cache, find_name(cache, memory, 61), 61);
	answer->size += 8;
	answer = answer_in(cache, find_name(cache, memory, 71), 71);
	answer->kind = 200;
	find_name(cache, memory, 81)[8 + (__BYTE_ORDER == __LITTLE_ENDIAN ? 0 : 7)] = 255;
	(void)munmap(memory, SMALL);
	cache = cached_succeed(cache, SMALL, &adopted);
	assert_true(adopted);
	assert_int_equal(cached_entries(cache), 97);
	for (unsigned i = 1; i < 101; i += 4)
		assert_int_equal(cached_get(cache, i) != 0,
		                 i != 51 && i != 61 && i != 71 && i != 81);
	cache_close(cache);
}

/* Sizes of entries lead from one to the next: where one is wrong the shard is not believed. */
static void a_ring_that_leads_nowhere_is_emptied(void **state)
{
	static const uint16_t sizes[] = {0, 1, 9, 65535};

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct cache *cache = filled(100);
		uint8_t *memory = map(cache, SMALL);
		bool adopted;

		memcpy(find_name(cache, memory, 50) + 4, &sizes[i], sizeof(sizes[i]));
		(void)munmap(memory, SMALL);
		cache = cached_succeed(cache, SMALL, &adopted);
		assert_true(adopted);
		assert_true(cached_entries(cache) < 75);
		assert_int_equal(cached_get(cache, 50), 0);
		for (unsigned j = 0; j < 30000; j++)
			cached_put(cache, j, 1, 1);
		assert_int_equal(cached_get(cache, 29999), 1);
		assert_int_equal(count(cache, 30000), cached_entries(cache));
		cache_close(cache);
	}
}

static bool get_anything(const struct cache *cache, unsigned number)
{
	static union cached_answer answer;
	struct cached_key key;

	cached_key(cache, number, &key);
	return cache_get(cache, &key.key, &answer.answer, sizeof(answer), NULL, NULL);
}

/* Answers may be wrong then, but nothing is read or written outside, and nothing takes for ever. */
static void any_bytes_can_be_taken_over(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		struct cache *cache = filled(10000);
		uint8_t *memory = map(cache, SMALL);
		unsigned changes = 1u << cached_random(14);
		bool adopted;

		for (unsigned i = 0; i < changes; i++) {
			size_t at = round % 4 == 0 ? 128 + cached_random(PAGE - 128)
			                           : 128 + cached_random(SMALL - 128);

			memory[at] = (uint8_t)cached_random(256);
		}
		(void)munmap(memory, SMALL);
		cache = cached_succeed(cache, SMALL, &adopted);
		for (unsigned i = 0; i < 10000; i += 3)
			(void)get_anything(cache, i);
		for (unsigned i = 10000; i < 20000; i++)
			cached_put(cache, i, 1, i % 4);
		assert_true(get_anything(cache, 19999));
		assert_true(cached_entries(cache) < 10000);
		cache_close(cache);
	}
}

/* What a writer that is about to be killed has done for certain. */
struct diary {
	_Atomic unsigned versions[NAMES];
	_Atomic unsigned puts;
};

static void write_until_killed(struct cache *cache, struct diary *diary)
{
	for (;;) {
		unsigned number = cached_random(NAMES);
		unsigned version = atomic_load(&diary->versions[number]) + 1;

		(void)cached_get(cache, cached_random(NAMES));
		cached_put(cache, number, version, 1 + cached_random(cached_random(2) ? 3 : 500));
		atomic_store(&diary->versions[number], version);
		atomic_fetch_add(&diary->puts, 1);
	}
}

static void kill_while_it_writes(struct cache *cache, struct diary *diary)
{
	struct timespec pause = {.tv_nsec = 1000 * (long)(200 + cached_random(5000))};
	pid_t pid;

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		write_until_killed(cache, diary);
	(void)nanosleep(&pause, NULL);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The put that was cut off may have come to be or not; all others have. */
static unsigned compare(const struct cache *cache, struct diary *diary)
{
	unsigned found = 0;

	for (unsigned i = 0; i < NAMES; i++) {
		unsigned version = cached_get(cache, i);

		if (version == 0)
			continue;
		found++;
		assert_in_range(version, diary->versions[i], diary->versions[i] + 1);
		diary->versions[i] = version;
	}
	return found;
}

static void a_writer_killed_at_any_moment_leaves_nothing_half_done(void **state)
{
	int memfd = memfd_create("diary", MFD_CLOEXEC);
	struct diary *diary;
	struct cache *cache = cached_open(SMALL);
	unsigned found = 0;

	(void)state;
	assert_int_equal(ftruncate(memfd, sizeof(*diary)), 0);
	diary = mmap(NULL, sizeof(*diary), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	(void)close(memfd);
	assert_true(diary != MAP_FAILED);
	for (unsigned round = 0; round < 100; round++) {
		bool adopted;

		kill_while_it_writes(cache, diary);
		cache = cached_succeed(cache, SMALL, &adopted);
		assert_true(adopted);
		found = compare(cache, diary);
		assert_int_equal(found, cached_entries(cache));
	}
	print_message("%u puts, %u names at the end\n", diary->puts, found);
	assert_true(found > 10);
	cache_close(cache);
	(void)munmap(diary, sizeof(*diary));
}

static double milliseconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void a_large_cache_is_taken_over_at_once(void **state)
{
	size_t bytes = (size_t)48 * 1024 * 1024;
	struct cache *cache = cached_open(bytes);
	double begin;
	bool adopted;

	(void)state;
	for (unsigned i = 0; i < 400000; i++)
		cached_put(cache, i, 1, 1);
	begin = milliseconds();
	cache = cached_succeed(cache, bytes, &adopted);
	print_message("%u answers: %.1f ms\n", (unsigned)cached_entries(cache),
	              milliseconds() - begin);
	assert_true(adopted);
	assert_true(milliseconds() - begin < 1000);
	cache_close(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_successor_has_the_same_answers),
		cmocka_unit_test(a_successor_does_not_see_what_was_dropped_or_replaced_or_cleared),
		cmocka_unit_test(a_full_cache_goes_on_where_the_former_process_was),
		cmocka_unit_test(another_size_begins_anew),
		cmocka_unit_test(what_a_few_in_a_row_have_not_lived_with_is_emptied),
		cmocka_unit_test(another_layout_or_boot_begins_anew),
		cmocka_unit_test(a_descriptor_that_is_no_cache_begins_anew),
		cmocka_unit_test(a_broken_answer_is_left_out_and_all_others_are_kept),
		cmocka_unit_test(a_ring_that_leads_nowhere_is_emptied),
		cmocka_unit_test(any_bytes_can_be_taken_over),
		cmocka_unit_test(a_writer_killed_at_any_moment_leaves_nothing_half_done),
		cmocka_unit_test(a_large_cache_is_taken_over_at_once),
	};

	cached_random_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
