/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "hooks/conflist/chain.h"

#define HEAD "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":"

/* The text is read from a block of exactly its size. */
static char *exact(const char *text)
{
	size_t length = strlen(text);
	char *copy = malloc(length > 0 ? length : 1);
	assert_non_null(copy);
	memcpy(copy, text, length);
	return copy;
}

/* The caller frees it. */
static char *edit(const char *text, enum conflist_wish wish)
{
	struct conflist_chain chain;
	struct error err = {0};
	struct buffer out = {.max = CONFLIST_FILE_MAX};
	char *copy = exact(text);
	if (conflist_chain_parse("f", copy, strlen(text), &chain, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	conflist_chain_edit(&chain, wish, &out);
	assert_false(out.failed);
	free(copy);
	return out.text;
}

static void assert_edit(const char *text, enum conflist_wish wish, const char *expected)
{
	char *edited = edit(text, wish);
	assert_string_equal(edited, expected);
	free(edited);
}

static enum conflist_position position_of(const char *text)
{
	struct conflist_chain chain;
	char *copy = exact(text);
	assert_int_equal(conflist_chain_parse("f", copy, strlen(text), &chain, NULL), 0);
	enum conflist_position position = conflist_chain_position(&chain);
	free(copy);
	return position;
}

static void a_new_entry_is_written_as_its_neighbours_are(void **state)
{
	static const struct {
		const char *before;
		const char *after;
	} cases[] = {
		{HEAD "[{\"type\":\"a\"}]}", HEAD "[{\"type\":\"a\"},{\"type\":\"podsg-cni\"}]}"},
		{HEAD " [ { \"type\" : \"a\" } ] }\n",
	         HEAD " [ { \"type\" : \"a\" }, { \"type\" : \"podsg-cni\" } ] }\n"},
		{HEAD "[{\"type\": \"a\"}, {\"type\": \"b\"}]}",
	         HEAD "[{\"type\": \"a\"}, {\"type\": \"b\"}, {\"type\": \"podsg-cni\"}]}"},
		{HEAD " [\n\t{\n\t\t\"mtu\": 1.50e3,\n\t\t\"type\": \"a\"\n\t}\n]}",
	         HEAD " [\n\t{\n\t\t\"mtu\": 1.50e3,\n\t\t\"type\": \"a\"\n\t},\n\t{\n\t\t"
	              "\"type\": \"podsg-cni\"\n\t}\n]}"},
		{HEAD "[\r\n  {\"type\":\"a\"},\r\n  {\"type\":\"b\"}\r\n]}",
	         HEAD "[\r\n  {\"type\":\"a\"},\r\n  {\"type\":\"b\"},\r\n  "
	              "{\"type\":\"podsg-cni\"}\r\n]}"},
		/* The chain need not be the last member, nor its list be called without escapes. */
		{"{\"plu\\u0067ins\":[{\"type\":\"a\"}],\"name\":\"n\",\"x\":[1e400,-0.0]}",
	         "{\"plu\\u0067ins\":[{\"type\":\"a\"},{\"type\":\"podsg-cni\"}],\"name\":\"n\","
	         "\"x\":[1e400,-0.0]}"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(position_of(cases[i].before), CONFLIST_ABSENT);
		assert_edit(cases[i].before, CONFLIST_WANT_LAST, cases[i].after);
		assert_int_equal(position_of(cases[i].after), CONFLIST_LAST);
		assert_edit(cases[i].after, CONFLIST_WANT_NONE, cases[i].before);
		assert_edit(cases[i].after, CONFLIST_WANT_LAST, cases[i].after);
	}
}

#define OURS "{\"type\":\"podsg-cni\"}"
#define A "{\"type\":\"a\"}"
#define B "{\"type\":\"b\"}"

static void ours_is_moved_united_and_taken_out(void **state)
{
	static const struct {
		const char *before;
		enum conflist_position position;
		const char *last;
		const char *present;
		const char *none;
	} cases[] = {
		{"[" A ", " OURS ", " B "]", CONFLIST_EARLIER, "[" A ", " B ", " OURS "]",
	         "[" A ", " OURS ", " B "]", "[" A ", " B "]"},
		{"[ " OURS ", " A "]", CONFLIST_EARLIER, "[ " A ", " OURS "]", "[ " OURS ", " A "]",
	         "[ " A "]"},
		{"[" OURS "," A "," OURS "]", CONFLIST_REPEATED, "[" A "," OURS "]",
	         "[" A "," OURS "]", "[" A "]"},
		{"[" OURS "," OURS "," A "," B "]", CONFLIST_REPEATED, "[" A "," B "," OURS "]",
	         "[" OURS "," A "," B "]", "[" A "," B "]"},
		{"[ " OURS " ]", CONFLIST_LAST, "[ " OURS " ]", "[ " OURS " ]", "[ ]"},
		{"[" A "]", CONFLIST_ABSENT, "[" A "," OURS "]", "[" A "," OURS "]", "[" A "]"},
		/* What an administrator added to ours goes along. */
		{"[{\"x\": 1, \"type\": \"podsg\\u002dcni\"}, " A "]", CONFLIST_EARLIER,
	         "[" A ", {\"x\": 1, \"type\": \"podsg\\u002dcni\"}]",
	         "[{\"x\": 1, \"type\": \"podsg\\u002dcni\"}, " A "]", "[" A "]"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const texts[] = {cases[i].before, cases[i].last, cases[i].present,
		                             cases[i].none};
		char whole[4][512];
		for (size_t j = 0; j < 4; j++)
			(void)snprintf(whole[j], sizeof(whole[j]), HEAD "%s}", texts[j]);
		assert_int_equal(position_of(whole[0]), cases[i].position);
		assert_edit(whole[0], CONFLIST_WANT_LAST, whole[1]);
		assert_edit(whole[0], CONFLIST_WANT_PRESENT, whole[2]);
		assert_edit(whole[0], CONFLIST_WANT_NONE, whole[3]);
	}
}

static void what_runtimes_pass_over_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{"", "f:1: not JSON, truncated: an object is expected"},
		{"\xef\xbb\xbf{}", "f:1: not JSON: an object is expected"},
		{"[]", "f:1: not JSON: an object is expected"},
		{HEAD "[" A "]", "f:1: not JSON, truncated: a comma or } is expected"},
		{HEAD "[" A "]} x", "f:1: not JSON: text behind the end of the document"},
		{HEAD "[" A ",]}", "f:1: plugins: an object is expected"},
		{HEAD "[\n" A ",\n// b\n]}", "f:3: plugins: an object is expected"},
		{"{\"name\":\"n\"}", "f:1: plugins: not there: a list of plugins is expected"},
		{HEAD "{}}", "f:1: plugins: an array is expected"},
		{HEAD "[]}", "f:1: plugins: an empty list"},
		{HEAD "[\"a\"]}", "f:1: plugins: an object is expected"},
		{HEAD "[" A ",\n{\"name\":\"x\"}]}", "f:2: type: a plugin without a type"},
		{HEAD "[{\"type\":\"\"}]}", "f:1: type: a plugin without a type"},
		{HEAD "[{\"type\":1}]}", "f:1: type: a string is expected"},
		{HEAD "[" A "],\n\"plugins\":[" B "]}", "f:2: plugins: given twice"},
		{"{\"plugins\":[" A "]}", "f:1: name: not there"},
		{"{\"name\":1,\"plugins\":[" A "]}", "f:1: name: a string is expected"},
		{"{\"name\":\"n\",\"cniVersion\":1.0,\"plugins\":[" A "]}",
	         "f:1: cniVersion: a string is expected"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conflist_chain chain;
		struct error err = {0};
		char *copy = exact(cases[i].text);
		int r = conflist_chain_parse("f", copy, strlen(cases[i].text), &chain, &err);
		free(copy);
		assert_string_equal(err.text, cases[i].message);
		assert_int_equal(r, -EBADMSG);
	}
}

static void a_chain_has_a_limit(void **state)
{
	struct buffer text = {.max = 1U << 20};
	struct conflist_chain chain;
	(void)state;
	buffer_add_text(&text, HEAD "[" A);
	for (int i = 1; i < CONFLIST_PLUGINS_MAX; i++)
		buffer_add_text(&text, "," A);
	size_t full = text.length;
	buffer_add_text(&text, "]}");
	assert_int_equal(conflist_chain_parse("f", text.text, text.length, &chain, NULL), 0);
	assert_int_equal(chain.count, CONFLIST_PLUGINS_MAX);
	buffer_cut(&text, full);
	buffer_add_text(&text, "," A "]}");
	assert_int_equal(conflist_chain_parse("f", text.text, text.length, &chain, NULL), -EBADMSG);
	buffer_done(&text);
}

static void a_version_that_the_plugin_does_not_speak_is_refused(void **state)
{
	static const struct {
		const char *members;
		int code;
	} cases[] = {
		{"\"cniVersion\":\"0.3.1\"", 0},
		{"\"cniVersion\":\"0.4.0\"", 0},
		{"\"cniVersion\":\"1.0.0\"", 0},
		{"\"cniVersion\":\"1.1.0\"", 0},
		{"\"cniVersion\":\"0.3.0\"", -ENOTSUP},
		{"\"cniVersion\":\"1.2.0\"", -ENOTSUP},
		{"\"cniVersion\":\"\"", -ENOTSUP},
		{"\"cniVersion\":\"1.0.0x\"", -ENOTSUP},
		{"\"x\":1", -ENOTSUP},
		{"\"cniVersions\":[\"0.1.0\",\"0.4.0\",\"1.1.0\"]", 0},
		{"\"cniVersions\":[\"1.1.0\",\"1.2.0\"]", -ENOTSUP},
		{"\"cniVersions\":[]", -ENOTSUP},
		/* Runtimes that know one of the two, and those that know both. */
		{"\"cniVersion\":\"0.4.0\",\"cniVersions\":[\"1.0.0\",\"0.3.0\"]", 0},
		{"\"cniVersion\":\"1.0.0\",\"cniVersions\":[\"0.3.0\"]", 0},
		{"\"cniVersion\":\"0.2.0\",\"cniVersions\":[\"1.0.0\"]", -ENOTSUP},
		{"\"cniVersion\":\"1.0.0\",\"cniVersions\":[\"2.0.0\"]", -ENOTSUP},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conflist_chain chain;
		struct error err = {0};
		char text[256];
		(void)snprintf(text, sizeof(text), "{%s,\"name\":\"n\",\"plugins\":[" A "]}",
		               cases[i].members);
		assert_int_equal(conflist_chain_parse("f", text, strlen(text), &chain, NULL), 0);
		if (conflist_chain_check_version("f", &chain, &err) != cases[i].code)
			fail_msg("%s: %s", cases[i].members, err.text);
		if (cases[i].code < 0)
			assert_non_null(strstr(err.text, "podsg-cni speaks 0.3.1, 0.4.0"));
	}
}

static void a_single_plugin_is_told_from_a_list(void **state)
{
	static const struct {
		const char *text;
		int code;
		bool named;
	} cases[] = {
		{"{\"name\":\"n\",\"type\":\"a\",\"ipam\":{\"type\":\"\"}}", 0, true},
		{"{\"name\":\"m\",\"type\":\"a\"}", 0, false},
		{"{\"type\":\"a\"}", 0, false},
		{"{\"name\":\"n\"}", -EBADMSG, true},
		{HEAD "[" A "]}", -EBADMSG, true},
		{"{\"type\":1}", -EBADMSG, false},
		{"[]", -EBADMSG, false},
		{"1", -EBADMSG, false},
		{"", -EBADMSG, false},
		{"{\"type\":\"a\"}}", -EBADMSG, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = {0};
		char *copy = exact(cases[i].text);
		bool named = false;
		int r = conflist_single_parse("f", copy, strlen(cases[i].text), "n", &named, &err);
		free(copy);
		if (r != cases[i].code || named != cases[i].named)
			fail_msg("%s: %d %s", cases[i].text, r, err.text);
		assert_int_equal(r < 0, err.text[0] != '\0');
	}
}

static unsigned below(unsigned limit)
{
	return (unsigned)rand() % limit;
}

static void add_blanks(struct buffer *out)
{
	static const char *const blanks[] = {"", "", "", " ", "\n", "\t\t", "\r\n    "};
	buffer_add_text(out, blanks[below(sizeof(blanks) / sizeof(blanks[0]))]);
}

static void add_token(struct buffer *out, const char *text)
{
	add_blanks(out);
	buffer_add_text(out, text);
	add_blanks(out);
}

static void add_random_value(struct buffer *out)
{
	static const char *const values[] = {
		"1e40",
		"-0.0",
		"true",
		"null",
		"\"\"",
		"\"\\\"]},{\"",
		"{\"type\":\"podsg-cni\"}",
		"[[],{\"plugins\":[]}]",
	};
	add_token(out, values[below(sizeof(values) / sizeof(values[0]))]);
}

static void add_random_plugin(struct buffer *out, bool ours)
{
	buffer_add_text(out, "{");
	for (unsigned i = below(3); i > 0; i--) {
		/* Trees with a name twice cannot be compared. */
		add_token(out, i == 1 ? "\"ipam\"" : "\"plugins\"");
		buffer_add_text(out, ":");
		add_random_value(out);
		buffer_add_text(out, ",");
	}
	add_token(out, "\"type\"");
	buffer_add_text(out, ":");
	add_token(out, ours ? "\"podsg-cni\"" : "\"other\"");
	buffer_add_text(out, "}");
}

/* Returns how many of ours are in it. */
static unsigned add_random_list(struct buffer *out, unsigned one_of)
{
	unsigned count = 1 + below(6);
	unsigned found = 0;
	for (unsigned i = 0; i < count; i++) {
		bool ours = one_of > 0 && below(one_of) == 0;
		found += ours;
		if (i > 0)
			buffer_add_text(out, ",");
		add_blanks(out);
		add_random_plugin(out, ours);
		add_blanks(out);
	}
	return found;
}

static char *random_text(unsigned one_of, unsigned *ours)
{
	struct buffer out = {.max = 1U << 20};
	add_token(&out, "{");
	buffer_add_text(&out, "\"name\":\"n\",\"x\":");
	add_random_value(&out);
	buffer_add_text(&out, ",\"plugins\":[");
	*ours = add_random_list(&out, one_of);
	buffer_add_text(&out, "],");
	add_token(&out, "\"y\"");
	buffer_add_text(&out, ":");
	add_random_value(&out);
	add_token(&out, "}");
	assert_false(out.failed);
	return out.text;
}

static bool is_ours(const cJSON *plugin)
{
	return strcmp(cJSON_GetObjectItem(plugin, "type")->valuestring, "podsg-cni") == 0;
}

static int last_of_ours(const cJSON *list)
{
	int last = -1;
	for (int i = 0; i < cJSON_GetArraySize(list); i++)
		last = is_ours(cJSON_GetArrayItem(list, i)) ? i : last;
	return last;
}

/* What an edit means, done to a tree. */
static cJSON *model_edit(const char *text, enum conflist_wish wish)
{
	cJSON *tree = cJSON_Parse(text);
	cJSON *old = cJSON_DetachItemFromObject(tree, "plugins");
	cJSON *new = cJSON_AddArrayToObject(tree, "plugins");
	cJSON *end = wish == CONFLIST_WANT_NONE ? NULL : cJSON_Parse(OURS);
	int last = last_of_ours(old);
	for (int i = 0; i < cJSON_GetArraySize(old); i++) {
		cJSON *plugin = cJSON_Duplicate(cJSON_GetArrayItem(old, i), true);
		bool stays = i == last && wish == CONFLIST_WANT_PRESENT;
		if (!is_ours(plugin) || stays)
			cJSON_AddItemToArray(new, plugin);
		if (i == last && end) {
			cJSON_Delete(end);
			end = stays ? NULL : plugin;
		} else if (is_ours(plugin)) {
			cJSON_Delete(plugin);
		}
	}
	if (end)
		cJSON_AddItemToArray(new, end);
	cJSON_Delete(old);
	return tree;
}

static void assert_same_as_model(const char *text, enum conflist_wish wish)
{
	char *edited = edit(text, wish);
	cJSON *model = model_edit(text, wish);
	cJSON *tree = cJSON_Parse(edited);
	if (!tree || !cJSON_Compare(model, tree, true))
		fail_msg("wish %d:\n%s\nbecame\n%s", (int)wish, text, edited);
	cJSON_Delete(model);
	cJSON_Delete(tree);
	free(edited);
}

static void random_chains_become_what_a_tree_would(void **state)
{
	const char *given = getenv("PODSG_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	(void)state;
	print_message("# PODSG_SEED=%u\n", seed);
	srand(seed);
	for (int i = 0; i < 3000; i++) {
		unsigned ours;
		char *text = random_text(below(4), &ours);
		for (int wish = CONFLIST_WANT_LAST; wish <= CONFLIST_WANT_NONE; wish++)
			assert_same_as_model(text, (enum conflist_wish)wish);
		if (ours == 0) {
			char *with = edit(text, CONFLIST_WANT_LAST);
			assert_edit(with, CONFLIST_WANT_NONE, text);
			free(with);
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_entry_is_written_as_its_neighbours_are),
		cmocka_unit_test(ours_is_moved_united_and_taken_out),
		cmocka_unit_test(what_runtimes_pass_over_is_refused_with_its_line),
		cmocka_unit_test(a_chain_has_a_limit),
		cmocka_unit_test(a_version_that_the_plugin_does_not_speak_is_refused),
		cmocka_unit_test(a_single_plugin_is_told_from_a_list),
		cmocka_unit_test(random_chains_become_what_a_tree_would),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
