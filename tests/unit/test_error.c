/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/error.h"

static void an_error_is_made_and_returned_in_one_statement(void **state)
{
	struct error err = {0};

	(void)state;
	assert_int_equal(error_set(&err, -ENOENT, "%s: %d", "x", 7), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.text, "x: 7");
}

static void the_first_error_stays(void **state)
{
	struct error err = {0};

	(void)state;
	error_set(&err, -ENOENT, "first");
	assert_int_equal(error_set(&err, -EINVAL, "second"), -EINVAL);
	assert_int_equal(error_at(&err, -EINVAL, &(struct error_place){0}, NULL, "third"), -EINVAL);
	assert_string_equal(err.text, "first");
	assert_int_equal(err.code, -ENOENT);
}

static void nobody_has_to_want_the_text(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, -EIO, "x"), -EIO);
	assert_int_equal(error_at(NULL, -EIO, &(struct error_place){0}, NULL, "x"), -EIO);
	assert_int_equal(error_wrap(NULL, "x"), 0);
}

static void a_place_names_what_is_known_of_it(void **state)
{
	static const struct {
		struct error_place place;
		const char *value;
		const char *text;
	} cases[] = {
		{{"f", 3, "a.b"}, "v", "f:3: a.b: \"v\": rule"},
		{{"f", 3, "a.b"}, NULL, "f:3: a.b: rule"},
		{{"f", 0, NULL}, "", "f: \"\": rule"},
		{{"f", 3, ""}, NULL, "f:3: rule"},
		{{NULL, 3, NULL}, NULL, "line 3: rule"},
		{{NULL, 0, NULL}, NULL, "rule"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = {0};

		error_at(&err, -EINVAL, &cases[i].place, cases[i].value, "%s", "rule");
		assert_string_equal(err.text, cases[i].text);
	}
}

static void hostile_text_cannot_draw_on_a_terminal(void **state)
{
	const struct error_place place = {.file = "\x1b]f", .line = 1, .item = "a\nb"};
	struct error err = {0};

	(void)state;
	error_at(&err, -EINVAL, &place, "\x1b[2J\xc2\x9b\x7f", "rule");
	assert_string_equal(err.text, "\\x1b]f:1: a\\x0ab: \"\\x1b[2J\\xc2\\x9b\\x7f\": rule");
}

static void long_values_are_shortened(void **state)
{
	struct error err = {0};
	char value[1000];

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	error_at(&err, -EINVAL, &(struct error_place){0}, value, "rule");
	assert_int_equal(strlen(err.text), strlen("\"...\": rule") + 64);
	assert_non_null(strstr(err.text, "vvv...\": rule"));
}

static void text_is_cut_at_its_buffer(void **state)
{
	const struct error_place place = {.file = "f", .line = 1};
	struct error err = {0};
	char rule[2000];

	(void)state;
	memset(rule, 'r', sizeof(rule) - 1);
	rule[sizeof(rule) - 1] = '\0';
	error_at(&err, -EINVAL, &place, "v", "%s", rule);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	error_wrap(&err, "%s", rule);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void a_context_is_put_in_front(void **state)
{
	struct error err = {0};

	(void)state;
	error_set(&err, -EIO, "inner");
	assert_int_equal(error_wrap(&err, "outer %d", 1), -EIO);
	assert_string_equal(err.text, "outer 1: inner");
}

static void what_did_not_fail_is_not_wrapped(void **state)
{
	struct error err = {0};

	(void)state;
	assert_int_equal(error_wrap(&err, "outer"), 0);
	assert_string_equal(err.text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_is_made_and_returned_in_one_statement),
		cmocka_unit_test(the_first_error_stays),
		cmocka_unit_test(nobody_has_to_want_the_text),
		cmocka_unit_test(a_place_names_what_is_known_of_it),
		cmocka_unit_test(hostile_text_cannot_draw_on_a_terminal),
		cmocka_unit_test(long_values_are_shortened),
		cmocka_unit_test(text_is_cut_at_its_buffer),
		cmocka_unit_test(a_context_is_put_in_front),
		cmocka_unit_test(what_did_not_fail_is_not_wrapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
