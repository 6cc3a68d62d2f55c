/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/kube_progress.h"

static const struct kube_outcome cut = {.error = {-ECONNRESET, "cut"}, .forms = 1};
static const struct kube_outcome refused = {.error = {-ECONNREFUSED, "refused"}, .forms = 1};
static const struct kube_outcome garbage = {.error = {-EBADMSG, "garbage"}, .forms = 1};
static const struct kube_outcome large = {.error = {-EMSGSIZE, "large"}, .forms = 1};
static const struct kube_outcome expired = {
	.error = {-ESTALE, "too old"}, .expired = true, .forms = 1};

static struct kube_outcome status(int code)
{
	return (struct kube_outcome){.status = code, .error = {-EPROTO, "status"}, .forms = 1};
}

static struct kube_progress followed(void)
{
	struct kube_progress progress = {0};

	kube_progress_listed(&progress);
	progress.news = false;
	return progress;
}

static void fail_with(struct kube_progress *progress, const struct kube_outcome *outcome)
{
	progress->news = false;
	(void)kube_progress_failed(progress, outcome);
}

static void list_makes_it_synced_and_current(void **state)
{
	struct kube_progress progress = {0};

	(void)state;
	kube_progress_listed(&progress);
	assert_true(progress.news);
	assert_true(progress.state.synced);
	assert_true(progress.state.current);
	assert_true(progress.state.fresh > 0);
}

static void failure_leaves_it_synced_but_not_current(void **state)
{
	struct kube_progress progress = followed();

	(void)state;
	fail_with(&progress, &cut);
	assert_true(progress.news);
	assert_true(progress.state.synced);
	assert_false(progress.state.current);
	assert_string_equal(progress.state.error, "cut");
	assert_int_equal(progress.state.failures, 1);
}

static void same_kind_of_failure_is_no_news(void **state)
{
	const struct kube_outcome internal = status(500);
	const struct kube_outcome unavailable = status(503);
	const struct {
		const struct kube_outcome *first;
		const struct kube_outcome *second;
		bool news;
	} cases[] = {
		{&cut, &cut, false},         {&cut, &refused, false},
		{&cut, &internal, true},     {&internal, &unavailable, false},
		{&internal, &garbage, true}, {&garbage, &garbage, false},
		{&garbage, &refused, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kube_progress progress = followed();

		fail_with(&progress, cases[i].first);
		fail_with(&progress, cases[i].second);
		assert_int_equal(progress.news, cases[i].news);
	}
}

static void after_a_failure_only_a_watch_that_goes_well_makes_it_current(void **state)
{
	struct kube_progress progress = followed();

	(void)state;
	fail_with(&progress, &cut);
	progress.news = false;
	kube_progress_listed(&progress);
	assert_false(progress.state.current);
	assert_false(progress.news);
	kube_progress_settled(&progress);
	assert_true(progress.state.current);
	assert_true(progress.news);
	assert_string_equal(progress.state.error, "");
}

static void what_needs_a_new_list(void **state)
{
	const struct kube_outcome gone = status(410);
	const struct kube_outcome bad_request = status(400);
	const struct kube_outcome timeout = status(504);
	const struct kube_outcome internal = status(500);
	const struct {
		const struct kube_outcome *outcome;
		bool new_list;
	} cases[] = {
		{&gone, true},  {&bad_request, true}, {&timeout, true},   {&garbage, true},
		{&large, true}, {&expired, true},     {&internal, false}, {&cut, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kube_progress progress = followed();

		assert_int_equal(kube_progress_failed(&progress, cases[i].outcome).new_list,
		                 cases[i].new_list);
	}
}

static void page_is_tried_again_a_few_times_before_the_list_begins_anew(void **state)
{
	struct kube_progress progress = {0};
	struct kube_outcome page = cut;
	unsigned tries = 1;

	(void)state;
	page.listing = true;
	while (!kube_progress_failed(&progress, &page).new_list)
		tries++;
	assert_int_equal(tries, 5);
}

static void version_that_got_too_old_is_nobodys_fault_once(void **state)
{
	struct kube_progress progress = followed();

	(void)state;
	fail_with(&progress, &expired);
	assert_true(progress.state.current);
	assert_int_equal(progress.state.failures, 0);
	kube_progress_listed(&progress);
	fail_with(&progress, &expired);
	assert_false(progress.state.current);
	assert_true(progress.news);
	kube_progress_listed(&progress);
	fail_with(&progress, &expired);
	assert_false(progress.news);
}

static void refusal_is_meant_when_it_is_repeated(void **state)
{
	const struct kube_outcome forbidden = status(403);
	struct kube_progress progress = {0};

	(void)state;
	fail_with(&progress, &forbidden);
	assert_true(progress.news);
	assert_false(progress.state.forbidden);
	fail_with(&progress, &forbidden);
	assert_true(progress.news);
	assert_true(progress.state.forbidden);
	fail_with(&progress, &forbidden);
	assert_false(progress.news);
	kube_progress_listed(&progress);
	assert_false(progress.state.forbidden);
	assert_true(progress.state.current);
}

#define START 1000000U /* milliseconds */
#define ABSENT_AFTER 60000U

static struct kube_outcome unknown_at(uint64_t now)
{
	struct kube_outcome unknown = status(404);

	unknown.now = START + now;
	return unknown;
}

static bool is_absent_at(struct kube_progress *progress, uint64_t now)
{
	const struct kube_outcome unknown = unknown_at(now);

	fail_with(progress, &unknown);
	return progress->state.absent;
}

static void what_was_never_seen_is_absent_when_that_has_lasted(void **state)
{
	struct kube_progress progress = {.absent_after = ABSENT_AFTER};

	(void)state;
	for (uint64_t now = 0; now < ABSENT_AFTER; now += 5000)
		assert_false(is_absent_at(&progress, now));
	assert_false(progress.state.current);
	assert_string_equal(progress.state.error, "status");
	assert_true(is_absent_at(&progress, ABSENT_AFTER));
	assert_true(progress.news);
	assert_true(progress.state.current);
	assert_false(progress.state.synced);
	assert_string_equal(progress.state.error, "");
	kube_progress_listed(&progress);
	assert_false(progress.state.absent);
	assert_true(progress.state.synced);
}

static void what_is_known_to_exist_is_never_absent(void **state)
{
	struct kube_progress progress = {.absent_after = 0};

	(void)state;
	for (uint64_t hour = 0; hour < 100; hour++)
		assert_false(is_absent_at(&progress, hour * 3600000));
	assert_string_equal(progress.state.error, "status");
}

static void any_other_answer_begins_the_wait_for_absence_anew(void **state)
{
	const struct kube_outcome internal = status(500);
	const struct kube_outcome forbidden = status(403);
	const struct kube_outcome *const others[] = {&cut, &refused, &internal, &forbidden};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct kube_progress progress = {.absent_after = ABSENT_AFTER};

		assert_false(is_absent_at(&progress, 0));
		fail_with(&progress, others[i]);
		assert_false(is_absent_at(&progress, ABSENT_AFTER));
		assert_false(is_absent_at(&progress, 2 * ABSENT_AFTER - 1));
		assert_true(is_absent_at(&progress, 2 * ABSENT_AFTER));
	}
}

static void absence_is_not_found_later_than_it_may_be(void **state)
{
	struct kube_progress progress = {.absent_after = ABSENT_AFTER};
	uint64_t now = 0;

	(void)state;
	while (!progress.state.absent) {
		const struct kube_outcome unknown = unknown_at(now);
		uint64_t pause = kube_progress_failed(&progress, &unknown).pause;

		assert_true(pause > 0);
		if (!progress.state.absent)
			now += pause;
	}
	assert_int_equal(now, ABSENT_AFTER);
}

static void what_was_seen_before_is_not_absent_but_away(void **state)
{
	const struct kube_outcome unknown = status(404);
	struct kube_progress progress = followed();

	(void)state;
	progress.absent_after = 1;
	for (int i = 0; i < 5; i++) {
		fail_with(&progress, &unknown);
		assert_false(progress.state.absent);
		assert_false(progress.state.current);
		assert_true(progress.state.synced);
	}
}

static void other_form_is_tried_at_once(void **state)
{
	struct kube_outcome unknown = status(404);
	struct kube_progress progress = {0};

	(void)state;
	unknown.forms = 2;
	for (int round = 0; round < 2; round++) {
		assert_int_equal(kube_progress_failed(&progress, &unknown).pause, 0);
		assert_true(kube_progress_failed(&progress, &unknown).pause > 0);
	}
	assert_true(kube_progress_failed(&progress, &unknown).next_form);
}

static void long_outage_does_not_make_a_first_refusal_long(void **state)
{
	const struct kube_outcome forbidden = status(403);
	struct kube_progress progress = followed();

	(void)state;
	for (int i = 0; i < 100; i++)
		fail_with(&progress, &refused);
	assert_in_range(kube_progress_failed(&progress, &forbidden).pause, 3750, 6250);
}

static void pauses_grow_to_their_maximum(void **state)
{
	const struct kube_outcome forbidden = status(403);
	const struct {
		const struct kube_outcome *outcome;
		uint64_t first;
		uint64_t last;
	} cases[] = {{&cut, 500, 30000}, {&forbidden, 5000, 300000}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kube_progress progress = followed();
		uint64_t pause = kube_progress_failed(&progress, cases[i].outcome).pause;

		assert_in_range(pause, cases[i].first * 3 / 4, cases[i].first * 5 / 4);
		for (int j = 0; j < 20; j++)
			pause = kube_progress_failed(&progress, cases[i].outcome).pause;
		assert_in_range(pause, cases[i].last * 3 / 4, cases[i].last * 5 / 4);
	}
}

static void server_may_ask_for_a_longer_pause(void **state)
{
	struct kube_outcome busy = status(429);
	struct kube_progress progress = followed();

	(void)state;
	busy.retry_after = 100;
	assert_in_range(kube_progress_failed(&progress, &busy).pause, 100000, 101000);
}

static void watches_that_end_early_are_slowed_down_until_one_goes_well(void **state)
{
	struct kube_progress progress = followed();

	(void)state;
	for (int i = 0; i < 20; i++)
		(void)kube_progress_short(&progress);
	assert_true(progress.state.current);
	assert_in_range(kube_progress_short(&progress), 22500, 37500);
	kube_progress_settled(&progress);
	assert_in_range(kube_progress_short(&progress), 375, 625);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_makes_it_synced_and_current),
		cmocka_unit_test(failure_leaves_it_synced_but_not_current),
		cmocka_unit_test(same_kind_of_failure_is_no_news),
		cmocka_unit_test(after_a_failure_only_a_watch_that_goes_well_makes_it_current),
		cmocka_unit_test(what_needs_a_new_list),
		cmocka_unit_test(page_is_tried_again_a_few_times_before_the_list_begins_anew),
		cmocka_unit_test(version_that_got_too_old_is_nobodys_fault_once),
		cmocka_unit_test(refusal_is_meant_when_it_is_repeated),
		cmocka_unit_test(what_was_never_seen_is_absent_when_that_has_lasted),
		cmocka_unit_test(what_is_known_to_exist_is_never_absent),
		cmocka_unit_test(any_other_answer_begins_the_wait_for_absence_anew),
		cmocka_unit_test(absence_is_not_found_later_than_it_may_be),
		cmocka_unit_test(what_was_seen_before_is_not_absent_but_away),
		cmocka_unit_test(other_form_is_tried_at_once),
		cmocka_unit_test(long_outage_does_not_make_a_first_refusal_long),
		cmocka_unit_test(pauses_grow_to_their_maximum),
		cmocka_unit_test(server_may_ask_for_a_longer_pause),
		cmocka_unit_test(watches_that_end_early_are_slowed_down_until_one_goes_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
