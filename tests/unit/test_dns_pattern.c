/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/dns_arena.h"

static void goes_syntax_is_understood(void **state)
{
	static const struct {
		const char *pattern, *text;
		int matches;
	} cases[] = {
		{"^a\\.example\\.$", "a.example.", 1},
		{"^a\\.example\\.$", "axexample.", 0},
		{"(?i)^A\\.", "a.example.", 1},
		{"^\\d+\\.", "42.example.", 1},
		{"^\\w+[.]", "a_b.example.", 1},
		{"^a.*?e", "a.example.", 1},
		{"^(?:a|b)\\.", "b.", 1},
		{"^[[:alpha:]]+\\.$", "abc.", 1},
		{"^[0-9a-f]{2}\\.", "0a.", 1},
		{"^\\Qa.b\\E\\.", "a.b.", 1},
		{"\\bexample\\b", "a.example.", 1},
		{"a$", "a\n", 0},
		{"", "", 1},
	};
	struct pattern_groups groups;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(pattern_match(pattern_of(cases[i].pattern), cases[i].text,
		                               strlen(cases[i].text), &groups),
		                 cases[i].matches);
}

static void groups_have_numbers_and_names(void **state)
{
	const struct pattern *pattern = pattern_of("^(?P<a>[0-9]+)-(x)?(?P<last>[a-z]*)\\.");
	struct pattern_groups groups;

	(void)state;
	assert_int_equal(pattern_match(pattern, "10-abc.example.", 15, &groups), 1);
	assert_int_equal(groups.count, 4);
	assert_int_equal(pattern_group_count(pattern), 4);
	assert_int_equal(groups.list[0].length, 7);
	assert_memory_equal(groups.list[1].text, "10", 2);
	assert_int_equal(groups.list[2].length, 0);
	assert_int_equal(pattern_group_named(pattern, "last"), 3);
	assert_memory_equal(groups.list[3].text, "abc", 3);
	assert_int_equal(pattern_group_named(pattern, "none"), -ENOENT);
}

static void what_is_no_pattern_is_refused_with_the_place(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{"a(b", "at byte 3"}, {"[z-a]", "at byte 3"},
		{"*a", "at byte 0"},  {"(?P<a>x)(?P<a>y)", "at byte"},
		{"\\", "at byte 1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct pattern *pattern = NULL;
		struct error err = {0};

		assert_int_equal(pattern_compile(cases[i].text, arena, &pattern, &err), -EINVAL);
		assert_non_null(strstr(err.text, cases[i].reason));
		assert_null(pattern);
	}
}

static void patterns_have_limits(void **state)
{
	static char text[PATTERN_TEXT_MAX + 2];
	const struct pattern *pattern = NULL;
	struct error err = {0};

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	assert_int_equal(pattern_compile(text, arena, &pattern, &err), -EINVAL);
	for (size_t i = 0; i < PATTERN_GROUPS_MAX; i++)
		memcpy(text + 3 * i, "(a)", 4);
	err = (struct error){0};
	assert_int_equal(pattern_compile(text, arena, &pattern, &err), -EINVAL);
	err = (struct error){0};
	assert_int_equal(pattern_compile("((a{1000}){1000}){1000}", arena, &pattern, &err),
	                 -EINVAL);
}

static double microseconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Generous: 50 µs are meant, and this runs under sanitizers. */
static void a_pattern_that_never_ends_is_given_up(void **state)
{
	static const char *const patterns[] = {
		"^(a+)+$",
		"(a|aa)+$",
		"(.*)(.*)(.*)(.*)(.*)x",
		"^(([a-z])+.)+[A-Z]([a-z])+$",
	};
	char text[255];
	struct pattern_groups groups;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '!';
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		const struct pattern *pattern = pattern_of(patterns[i]);
		double before = microseconds();
		int matched = pattern_match(pattern, text, sizeof(text), &groups);

		assert_true(matched == -E2BIG || matched == 0);
		assert_true(microseconds() - before < 20000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_syntax_is_understood),
		cmocka_unit_test(groups_have_numbers_and_names),
		cmocka_unit_test(what_is_no_pattern_is_refused_with_the_place),
		cmocka_unit_test(patterns_have_limits),
		cmocka_unit_test(a_pattern_that_never_ends_is_given_up),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
