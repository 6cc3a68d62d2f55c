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

#include "common/yaml.h"

#define SEEN_SIZE 4096

/* What the handler was given, as JSON, one value a line. */
struct seen {
	char text[SEEN_SIZE];
	size_t used;
	const char *line_of; /* note the line of this member instead */
};

static void see(struct seen *seen, const char *what, const cJSON *tree)
{
	char *json = cJSON_PrintUnformatted(tree);

	if (seen->line_of != NULL) {
		const cJSON *member = cJSON_GetObjectItemCaseSensitive(tree, seen->line_of);

		seen->used = member != NULL ? yaml_line(member) : 0;
	} else {
		int length = snprintf(seen->text + seen->used, SEEN_SIZE - seen->used, "%s%s\n",
		                      what, json != NULL ? json : "nothing");

		seen->used += (size_t)length;
		assert_true(seen->used < SEEN_SIZE);
	}
	free(json);
}

static bool is_items(void *context, const char *key)
{
	(void)context;
	return strcmp(key, "items") == 0;
}

static int see_element(void *context, const cJSON *document, const char *list, size_t index,
                       const cJSON *element, struct error *err)
{
	char what[64];

	(void)document;
	(void)err;
	(void)snprintf(what, sizeof(what), "%s[%zu] ", list, index);
	see(context, what, element);
	return 0;
}

static int see_document(void *context, const cJSON *document, struct error *err)
{
	(void)err;
	see(context, "", document);
	return 0;
}

static int read_text(const char *text, size_t length, struct seen *seen, struct error *err)
{
	const struct yaml_handler handler = {.is_list = is_items,
	                                     .element = see_element,
	                                     .document = see_document,
	                                     .context = seen};
	char *copy = malloc(length > 0 ? length : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, text, length);
	ret = yaml_read("f", copy, length, &handler, err);
	free(copy);
	return ret;
}

static void assert_reads(const char *text, const char *json)
{
	struct seen seen = {.used = 0};
	struct error err = {0};

	if (read_text(text, strlen(text), &seen, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	assert_string_equal(seen.text, json);
}

static void assert_refused(const char *text, int code, const char *message)
{
	struct seen seen = {.used = 0};
	struct error err = {0};

	if (read_text(text, strlen(text), &seen, &err) == 0)
		fail_msg("accepted: %s", text);
	assert_string_equal(err.text, message);
	assert_int_equal(err.code, code);
}

static void plain_text_has_the_types_of_the_core_schema(void **state)
{
	static const char *const cases[][2] = {
		{"", "null"},
		{"~", "null"},
		{"null", "null"},
		{"NULL", "null"},
		{"nul", "\"nul\""},
		{"true", "true"},
		{"False", "false"},
		{"yes", "\"yes\""},
		{"on", "\"on\""},
		{"no", "\"no\""},
		{"0", "0"},
		{"-1", "-1"},
		{"+12", "12"},
		{"012", "12"},
		{"0x1F", "31"},
		{"0o17", "15"},
		{"0x", "\"0x\""},
		{"0o8", "\"0o8\""},
		{"1.5", "1.5"},
		{".5", "0.5"},
		{"1.", "1"},
		{"1e3", "1000"},
		{"1e", "\"1e\""},
		{".", "\".\""},
		{"1_000", "\"1_000\""},
		{".inf", "null"},
		{"10.0.0.1", "\"10.0.0.1\""},
		{"2026-01-31T12:00:00Z", "\"2026-01-31T12:00:00Z\""},
		{"\"5\"", "\"5\""},
		{"'true'", "\"true\""},
		{"!!str 5", "\"5\""},
		{"! 5", "\"5\""},
		{"!!int 5", "5"},
		{"|\n  5\n", "\"5\\n\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];
		char json[64];

		(void)snprintf(text, sizeof(text), "k: %s", cases[i][0]);
		(void)snprintf(json, sizeof(json), "{\"k\":%s}\n", cases[i][1]);
		assert_reads(text, json);
	}
}

static void collections_nest_in_both_styles(void **state)
{
	(void)state;
	assert_reads("a:\n- 1\n- b: {c: [2, 3]}\n- []\n", "{\"a\":[1,{\"b\":{\"c\":[2,3]}},[]]}\n");
	assert_reads("{\"a\": [1, {\"b\": null}]}", "{\"a\":[1,{\"b\":null}]}\n");
}

static void every_document_of_a_text_is_handed_over(void **state)
{
	(void)state;
	assert_reads("a: 1\n---\nb: 2\n---\n...\n", "{\"a\":1}\n{\"b\":2}\nnull\n");
	assert_reads("# a comment\n", "");
	assert_reads("", "");
}

static void the_elements_of_a_list_come_one_by_one(void **state)
{
	(void)state;
	assert_reads("kind: L\nitems:\n- a: 1\n- 2\n- [3]\nrest: 4\n",
	             "items[0] {\"a\":1}\nitems[1] 2\nitems[2] [3]\n"
	             "{\"kind\":\"L\",\"items\":[],\"rest\":4}\n");
	assert_reads("deeper: {items: [1]}\n", "{\"deeper\":{\"items\":[1]}}\n");
}

static void an_alias_is_a_copy(void **state)
{
	(void)state;
	assert_reads("a: &x {b: 1}\nc: *x\nlist: [*x, &y 5, *y]\n",
	             "{\"a\":{\"b\":1},\"c\":{\"b\":1},\"list\":[{\"b\":1},5,5]}\n");
	assert_reads("items:\n- &x {b: 1}\n- *x\nz: *x\n",
	             "items[0] {\"b\":1}\nitems[1] {\"b\":1}\n{\"items\":[],\"z\":{\"b\":1}}\n");
	assert_reads("a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}\n");
}

static void what_is_not_yaml_is_refused_with_its_line(void **state)
{
	static const char *const cases[][2] = {
		{"a: 1\nb: [1\nc: 2\n", "f:3: not YAML: did not find expected ',' or ']'"},
		{"a:\n\tb: 1\n", "f:2: not YAML: found character that cannot start any token"},
		{"a: \"open\n", "f:2: not YAML: found unexpected end of stream"},
		{"a: \x01\n", "f:1: not YAML: control characters are not allowed"},
		{"a: \xff\n", "f:1: not YAML: invalid leading UTF-8 octet"},
		{"a: *x\n", "f:1: \"x\": no complete value has that anchor"},
		{"a: &x [*x]\n", "f:1: \"x\": no complete value has that anchor"},
		{"a: &x 1\n---\nb: *x\n", "f:3: \"x\": no complete value has that anchor"},
		{"? [a]\n: b\n", "f:1: a key must be plain text"},
		{"? {a: b}\n: b\n", "f:1: a key must be plain text"},
		{"a: &x 1\n*x : 2\n", "f:2: \"x\": a key must be plain text"},
		{"&x a: 1\n", "f:1: \"a\": an anchor on a key is not supported"},
		{"a: !custom 1\n", "f:1: \"!custom\": not a tag of YAML's core schema"},
		{"a: !custom [1]\n", "f:1: \"!custom\": not a tag of YAML's core schema"},
		{"a: \"x\\0y\"\n", "f:1: \"x\": a NUL character is not accepted"},
		{"a: &x []\nitems: *x\n", "f:2: \"x\": a list of objects must be written out"},
		{"items: &x []\n", "f:1: \"x\": an anchor on a list of objects is not supported"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cases[i][0], -EBADMSG, cases[i][1]);
}

static void a_billion_laughs_are_refused(void **state)
{
	char text[4096] = "a0: &a0 [l,l,l,l,l,l,l,l,l,l]\n";

	(void)state;
	for (int i = 1; i < 12; i++) {
		size_t used = strlen(text);

		(void)snprintf(text + used, sizeof(text) - used,
		               "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i,
		               i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	}
	assert_refused(text, -EFBIG, "f:5: \"a4\": anchors and aliases hold too much");
}

static void nesting_and_anchors_are_limited(void **state)
{
	char text[4096] = "";

	(void)state;
	memset(text, '[', YAML_DEPTH_MAX + 1);
	assert_refused(text, -EFBIG, "f:1: nested too deep");
	text[0] = '\0';
	for (int i = 0; i <= YAML_ANCHORS_MAX; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "- &a%d 1\n", i);
	assert_refused(text, -EFBIG, "f:129: \"a128\": too many anchors");
}

static void one_tree_is_limited_but_not_the_list(void **state)
{
	enum { ELEMENTS = YAML_VALUES_MAX + 10 };
	const struct yaml_handler handler = {.is_list = is_items,
	                                     .element = see_element,
	                                     .document = see_document,
	                                     .context = &(struct seen){.line_of = "x"}};
	char *text = malloc((size_t)ELEMENTS * 4 + 16);
	size_t used;

	(void)state;
	assert_non_null(text);
	for (int listed = 0; listed < 2; listed++) {
		used = (size_t)sprintf(text, listed ? "items:\n" : "other:\n");
		for (int i = 0; i < ELEMENTS; i++, used += 4)
			memcpy(text + used, "- 1\n", 4);
		assert_int_equal(yaml_read("f", text, used, &handler, NULL), listed ? 0 : -EFBIG);
	}
	free(text);
}

static void the_line_of_a_key_is_known(void **state)
{
	static const char text[] = "a: 1\nb:\n  - 1\nc: {d: 5}\ne:\n\n  text\n";
	static const struct {
		const char *key;
		size_t line;
	} cases[] = {{"a", 1}, {"b", 2}, {"c", 4}, {"e", 5}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen seen = {.line_of = cases[i].key};

		assert_int_equal(read_text(text, strlen(text), &seen, NULL), 0);
		assert_int_equal(seen.used, cases[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_has_the_types_of_the_core_schema),
		cmocka_unit_test(collections_nest_in_both_styles),
		cmocka_unit_test(every_document_of_a_text_is_handed_over),
		cmocka_unit_test(the_elements_of_a_list_come_one_by_one),
		cmocka_unit_test(an_alias_is_a_copy),
		cmocka_unit_test(what_is_not_yaml_is_refused_with_its_line),
		cmocka_unit_test(a_billion_laughs_are_refused),
		cmocka_unit_test(nesting_and_anchors_are_limited),
		cmocka_unit_test(one_tree_is_limited_but_not_the_list),
		cmocka_unit_test(the_line_of_a_key_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
