/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/json_pick.h"

static const struct json_pick inner[] = {{"x", NULL}, {"y", NULL}, {0}};
static const struct json_pick outer[] = {{"a", NULL}, {"b", inner}, {0}};
static const struct json_limit roomy = {1000, 1000};

/* What is picked, as text; NULL and the error where nothing is. The text is read from a block of
 * exactly its size. */
static char *pick(const char *text, const struct json_limit *limit, struct json_slice *slice,
                  int *code, struct error *err)
{
	size_t length = strlen(text);
	char *copy = malloc(length > 0 ? length : 1);
	struct json_cursor cursor;
	cJSON *tree = NULL;
	char *ret = NULL;

	assert_non_null(copy);
	memcpy(copy, text, length);
	json_open(&cursor, "f", copy, length);
	*code = json_pick(&cursor, outer, limit, slice, &tree, err);
	if (*code == 0)
		ret = cJSON_PrintUnformatted(tree);
	cJSON_Delete(tree);
	free(copy);
	return ret;
}

static void what_is_asked_for_is_picked_and_the_rest_passed_over(void **state)
{
	static const struct {
		const char *text;
		const char *picked;
	} cases[] = {
		{"{}", "{}"},
		{"{\"a\":1,\"c\":2}", "{\"a\":1}"},
		{"{\"c\":{\"a\":1},\"a\":[1,{\"c\":2}]}", "{\"a\":[1,{\"c\":2}]}"},
		{"{\"b\":{\"x\":1,\"z\":[{}],\"y\":{\"z\":2}},\"x\":3}",
	         "{\"b\":{\"x\":1,\"y\":{\"z\":2}}}"},
		{" { \"b\" : { \"z\" : \"}\" } , \"a\" : null } ", "{\"b\":{},\"a\":null}"},
		{"{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"},
		{"{\"a\":\"\\u00e9\\n\"}", "{\"a\":\"\xc3\xa9\\n\"}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_slice slice;
		struct error err = {0};
		int code;
		char *picked = pick(cases[i].text, &roomy, &slice, &code, &err);

		if (code < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_string_equal(picked, cases[i].picked);
		free(picked);
	}
}

static void what_is_no_object_is_picked_whole(void **state)
{
	static const char *const texts[] = {"5",     "null",          "[{\"c\":1}]",
	                                    "\"a\"", "{\"b\":[1,2]}", "{\"b\":\"x\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct json_slice slice;
		int code;
		char *picked = pick(texts[i], &roomy, &slice, &code, NULL);

		assert_int_equal(code, 0);
		assert_string_equal(picked, texts[i]);
		free(picked);
	}
}

static void a_key_may_be_written_with_escapes(void **state)
{
	struct json_slice slice;
	int code;
	char *picked = pick("{\"\\u0061\":1,\"\\u0062\":{\"\\u007a\":1,\"\\u0078\":2}}", &roomy,
	                    &slice, &code, NULL);

	(void)state;
	assert_string_equal(picked, "{\"a\":1,\"b\":{\"x\":2}}");
	free(picked);
}

static void the_slice_is_the_whole_value_with_all_its_values(void **state)
{
	struct json_slice slice;
	int code;

	(void)state;
	free(pick("\n {\"a\":1,\"c\":[1,2]}  ", &roomy, &slice, &code, NULL));
	assert_int_equal(slice.line, 2);
	assert_int_equal(slice.length, strlen("{\"a\":1,\"c\":[1,2]}"));
	assert_int_equal(slice.values, 5);
}

static void a_value_over_the_limit_is_refused_however_little_of_it_is_picked(void **state)
{
	static const char text[] = "{\"b\":{\"z\":[1,2,3]},\"c\":\"ccc\"}";
	static const size_t length = sizeof(text) - 1;
	static const struct {
		struct json_limit limit;
		int code;
	} cases[] = {
		{{length, 7}, 0},
		{{length - 1, 7}, -EFBIG},
		{{length, 6}, -EFBIG},
		{{0, 0}, -EFBIG},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_slice slice;
		struct error err = {0};
		int code;

		free(pick(text, &cases[i].limit, &slice, &code, &err));
		assert_int_equal(code, cases[i].code);
		assert_int_equal(err.code, 0);
	}
}

static void what_is_not_json_is_refused_wherever_it_stands(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"{\"a\"}",
		"{\"a\":}",
		"{\"c\":tru}",
		"{\"b\":{\"z\":[1,}}",
		"{\"b\":{\"x\":1]}",
		"{\"a\":1 \"c\":2}",
		"{\"c\":\"\\ud800\"}",
		"{\"c\":\"\\udc00\"}",
		"{\"c\":\"\\ud83d\\u0041\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct json_slice slice;
		struct error err = {0};
		int code;

		assert_null(pick(texts[i], &roomy, &slice, &code, &err));
		assert_int_equal(code, -EBADMSG);
		assert_non_null(strstr(err.text, "f:1: not JSON"));
	}
}

struct visited {
	char text[256];
	size_t used;
};

static void write_visit(void *context, const struct json_pick *which,
                        const struct json_slice *value)
{
	struct visited *visited = context;

	visited->used += (size_t)snprintf(
		visited->text + visited->used, sizeof(visited->text) - visited->used,
		"%s=%.*s/%zu;", which->key, (int)value->length, value->text, value->values);
}

static void each_member_that_is_picked_is_handed_over_as_it_stands(void **state)
{
	static const struct {
		const char *text;
		const char *visits;
	} cases[] = {
		{"{}", ""},
		{"{\"c\":{\"a\":1},\"a\":[1,{\"c\": 2}]}", "a=[1,{\"c\": 2}]/4;"},
		{"{\"b\": {\"x\":1,\"z\":[{}],\"y\":{\"z\":2}} ,\"x\":3}",
	         "x=1/1;y={\"z\":2}/2;b={\"x\":1,\"z\":[{}],\"y\":{\"z\":2}}/6;"},
		{"{\"b\":[{\"x\":1}],\"b\":null}", "b=[{\"x\":1}]/3;b=null/1;"},
		{"{\"\\u0061\":true}", "a=true/1;"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct visited visited = {.used = 0};
		struct json_cursor cursor;

		json_open(&cursor, "f", cases[i].text, strlen(cases[i].text));
		assert_int_equal(json_pick_each(&cursor, outer, write_visit, &visited, NULL), 0);
		assert_string_equal(visited.text, cases[i].visits);
		assert_ptr_equal(cursor.at, cursor.end);
	}
}

static void nothing_is_handed_over_of_what_is_not_json(void **state)
{
	static const char *const texts[] = {"5", "{", "{\"a\":}", "{\"a\":tru}", "{\"a\":[1,}"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct visited visited = {.used = 0};
		struct json_cursor cursor;

		json_open(&cursor, "f", texts[i], strlen(texts[i]));
		assert_int_equal(json_pick_each(&cursor, outer, write_visit, &visited, NULL),
		                 -EBADMSG);
		assert_string_equal(visited.text, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_for_is_picked_and_the_rest_passed_over),
		cmocka_unit_test(what_is_no_object_is_picked_whole),
		cmocka_unit_test(a_key_may_be_written_with_escapes),
		cmocka_unit_test(the_slice_is_the_whole_value_with_all_its_values),
		cmocka_unit_test(a_value_over_the_limit_is_refused_however_little_of_it_is_picked),
		cmocka_unit_test(what_is_not_json_is_refused_wherever_it_stands),
		cmocka_unit_test(each_member_that_is_picked_is_handed_over_as_it_stands),
		cmocka_unit_test(nothing_is_handed_over_of_what_is_not_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
