/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dnscache/serve/failures.h"

#define HASH UINT64_C(0x123456789abcdef0)
#define NOW 1000

static int begin(void **state)
{
	*state = failures_new();
	assert_non_null(*state);
	return 0;
}

static int end(void **state)
{
	failures_free(*state);
	return 0;
}

static void what_never_failed_has_no_pause(void **state)
{
	assert_false(failures_hold(*state, HASH, NOW));
	assert_false(failures_hold(*state, 0, 0));
}

static void a_failure_holds_for_its_pause(void **state)
{
	failures_note(*state, HASH, NOW, true);
	assert_true(failures_hold(*state, HASH, NOW));
	assert_true(failures_hold(*state, HASH, NOW + FAILURES_PAUSE - 1));
	assert_false(failures_hold(*state, HASH, NOW + FAILURES_PAUSE));
}

static void one_more_failure_begins_a_new_pause(void **state)
{
	failures_note(*state, HASH, NOW, true);
	failures_note(*state, HASH, NOW + FAILURES_PAUSE, true);
	assert_true(failures_hold(*state, HASH, NOW + FAILURES_PAUSE + 1));
}

static void an_answer_ends_the_pause(void **state)
{
	failures_note(*state, HASH, NOW, true);
	failures_note(*state, HASH, NOW + 1, false);
	assert_false(failures_hold(*state, HASH, NOW + 1));
}

/* Hashes that differ in one bit, at the same place and elsewhere. */
static void a_pause_is_of_one_question(void **state)
{
	for (unsigned bit = 0; bit < 40; bit++) {
		uint64_t other = HASH ^ UINT64_C(1) << bit;
		failures_note(*state, HASH, NOW, true);
		assert_false(failures_hold(*state, other, NOW));
		failures_note(*state, HASH, NOW, false);
	}
}

static void anothers_answer_does_not_end_it(void **state)
{
	failures_note(*state, HASH, NOW, true);
	failures_note(*state, HASH ^ 1, NOW, false);
	assert_true(failures_hold(*state, HASH, NOW));
}

static void the_later_failure_has_the_place(void **state)
{
	failures_note(*state, HASH, NOW, true);
	failures_note(*state, HASH ^ 1, NOW, true);
	assert_false(failures_hold(*state, HASH, NOW));
	assert_true(failures_hold(*state, HASH ^ 1, NOW));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_never_failed_has_no_pause),      TEST(a_failure_holds_for_its_pause),
		TEST(one_more_failure_begins_a_new_pause), TEST(an_answer_ends_the_pause),
		TEST(a_pause_is_of_one_question),          TEST(anothers_answer_does_not_end_it),
		TEST(the_later_failure_has_the_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
