/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/json.h"

/* A copy that ends where the text ends: a read beyond it is seen by the sanitizer. */
static char *exact_copy(const char *text, size_t length)
{
	char *copy = malloc(length > 0 ? length : 1);

	assert_non_null(copy);
	memcpy(copy, text, length);
	return copy;
}

static int skip_all(const char *text, size_t length, struct json_slice *slice, struct error *err)
{
	char *copy = exact_copy(text, length);
	struct json_cursor cursor;
	int ret;

	json_open(&cursor, "f", copy, length);
	ret = json_skip(&cursor, slice, err);
	if (ret == 0)
		ret = json_finish(&cursor, err);
	free(copy);
	return ret;
}

static void every_kind_of_value_is_passed_and_counted(void **state)
{
	static const struct {
		const char *text;
		size_t values;
	} cases[] = {
		{"1", 1},
		{" \t\r\n-0.5e+10 ", 1},
		{"\"a\\u00e9\\n\\\"\"", 1},
		{"true", 1},
		{"false", 1},
		{"null", 1},
		{"[]", 1},
		{"{}", 1},
		{"[ ]", 1},
		{"[1,2,[3]]", 5},
		{"{\"a\":{\"b\":[{},{}]}}", 5},
		{"0", 1},
		{"[[[[[[[[1]]]]]]]]", 9},
		{"\"\xc3\xa9\"", 1},
		{"1E5", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_slice slice;
		struct error err = {0};

		if (skip_all(cases[i].text, strlen(cases[i].text), &slice, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_int_equal(slice.values, cases[i].values);
	}
}

static void what_is_not_json_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{"", "f:1: not JSON, truncated: a value is expected"},
		{"\n\n[1,\n2", "f:4: not JSON, truncated: a comma or ] is expected"},
		{"{\"a\":\n1", "f:2: not JSON, truncated: a comma or } is expected"},
		{"{\"a\"", "f:1: not JSON, truncated: a colon is expected behind a member's name"},
		{"\"abc", "f:1: not JSON, truncated: a string is not closed"},
		{"\"abc\\",
	         "f:1: not JSON, truncated: an escape of \" \\ / b f n r t u is expected"},
		{"\"\\u12", "f:1: not JSON, truncated: four hexadecimal digits are expected"},
		{"[1,]", "f:1: not JSON: a value is expected"},
		{"[1 2]", "f:1: not JSON: a comma or ] is expected"},
		{"{\"a\":1,}", "f:1: not JSON: a member's name in quotes is expected"},
		{"{a:1}", "f:1: not JSON: a member's name in quotes is expected"},
		{"{\"a\" 1}", "f:1: not JSON: a colon is expected behind a member's name"},
		{"[1}", "f:1: not JSON: a comma or ] is expected"},
		{"tru", "f:1: not JSON, truncated: a value is expected"},
		{"01", "f:1: not JSON: text behind the end of the document"},
		{"1.", "f:1: not JSON, truncated: a digit is expected behind the point"},
		{"1e", "f:1: not JSON, truncated: a digit is expected in the exponent"},
		{"+1", "f:1: not JSON: a value is expected"},
		{"NaN", "f:1: not JSON: a value is expected"},
		{"'a'", "f:1: not JSON: a value is expected"},
		{"\"a\nb\"", "f:1: not JSON: control character in a string"},
		{"\"\\x\"", "f:1: not JSON: an escape of \" \\ / b f n r t u is expected"},
		{"\"\\u0000\"", "f:1: not JSON: \\u0000 is not accepted"},
		{"{}\n{}", "f:2: not JSON: text behind the end of the document"},
		{"[]\n\n\nx", "f:4: not JSON: text behind the end of the document"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = {0};
		int ret = skip_all(cases[i].text, strlen(cases[i].text), NULL, &err);

		assert_int_equal(ret, -EBADMSG);
		assert_string_equal(err.text, cases[i].message);
	}
}

static void nesting_is_limited(void **state)
{
	char text[2 * JSON_DEPTH_MAX + 2];
	struct error err = {0};

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	assert_int_equal(skip_all(text, (size_t)2 * JSON_DEPTH_MAX, NULL, &err), 0);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	assert_int_equal(skip_all(text, JSON_DEPTH_MAX + 1, NULL, &err), -EBADMSG);
	assert_string_equal(err.text, "f:1: not JSON: nested too deep");
}

static const char sample[] = "{\n"
			     "  \"list\": [\n"
			     "    {\"a\": 1},\n"
			     "    {\"b\": {\n"
			     "      \"c\": [10,\n"
			     "        20]}}\n"
			     "  ],\n"
			     "  \"x\": null\n"
			     "}\n";

static void every_truncation_is_refused(void **state)
{
	size_t whole = strrchr(sample, '}') - sample + 1;

	(void)state;
	for (size_t length = 0; length < whole; length++) {
		struct error err = {0};

		assert_int_equal(skip_all(sample, length, NULL, &err), -EBADMSG);
		assert_non_null(strstr(err.text, "truncated"));
	}
}

static void members_and_elements_are_walked_one_by_one(void **state)
{
	struct json_cursor cursor;
	struct json_walk members;
	struct json_walk elements;
	struct json_slice key;
	struct json_slice slice;

	(void)state;
	json_open(&cursor, "f", sample, strlen(sample));
	assert_int_equal(json_enter(&cursor, '{', &members, NULL), 0);
	assert_int_equal(json_next_member(&members, &key, NULL), 1);
	assert_true(json_slice_is(&key, "list"));
	assert_int_equal(json_peek(&cursor), '[');
	assert_int_equal(json_enter(&cursor, '[', &elements, NULL), 0);
	assert_int_equal(json_next_element(&elements, NULL), 1);
	assert_int_equal(json_skip(&cursor, &slice, NULL), 0);
	assert_true(json_slice_is(&slice, "{\"a\": 1}"));
	assert_int_equal(slice.line, 3);
	assert_int_equal(json_next_element(&elements, NULL), 1);
	assert_int_equal(json_skip(&cursor, &slice, NULL), 0);
	assert_int_equal(slice.line, 4);
	assert_int_equal(json_next_element(&elements, NULL), 0);
	assert_int_equal(json_next_member(&members, &key, NULL), 1);
	assert_true(json_slice_is(&key, "x"));
	assert_int_equal(json_skip(&cursor, &slice, NULL), 0);
	assert_int_equal(json_next_member(&members, &key, NULL), 0);
	assert_int_equal(json_finish(&cursor, NULL), 0);
}

static void the_line_of_a_path_is_found_again(void **state)
{
	static const struct {
		struct json_step steps[5];
		size_t count;
		unsigned line;
	} cases[] = {
		{{{NULL, 0}}, 0, 1},
		{{{"list", 0}}, 1, 2},
		{{{"list", 0}, {NULL, 1}}, 2, 4},
		{{{"list", 0}, {NULL, 1}, {"b", 0}, {"c", 0}, {NULL, 1}}, 5, 6},
		{{{"x", 0}}, 1, 8},
		{{{"absent", 0}, {"b", 0}}, 2, 1},
		{{{"list", 0}, {NULL, 7}, {"b", 0}}, 3, 2},
		{{{"x", 0}, {"inside", 0}}, 2, 8},
	};
	struct json_slice slice;

	(void)state;
	assert_int_equal(skip_all(sample, strlen(sample), &slice, NULL), 0);
	slice.text = sample;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(json_line_of(&slice, cases[i].steps, cases[i].count),
		                 cases[i].line);
}

static void a_slice_becomes_a_tree(void **state)
{
	const struct json_slice slice = {.text = "{\"a\":7},{}", .length = 7};
	cJSON *tree = json_tree(&slice);

	(void)state;
	assert_non_null(tree);
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(tree, "a")->valuedouble, 7);
	cJSON_Delete(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_value_is_passed_and_counted),
		cmocka_unit_test(what_is_not_json_is_refused_with_its_line),
		cmocka_unit_test(nesting_is_limited),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(members_and_elements_are_walked_one_by_one),
		cmocka_unit_test(the_line_of_a_path_is_found_again),
		cmocka_unit_test(a_slice_becomes_a_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
