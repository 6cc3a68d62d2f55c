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

#include "common/backoff.h"
#include "common/kube_lines.h"
#include "common/kube_message.h"

#define PATH "/api/v1/pods"
#define LINE_MAX_BYTES 16

struct heard {
	char text[256];
	int answer;
};

static int hear_line(void *context, const char *text, size_t length, struct error *err)
{
	struct heard *heard = context;
	size_t used = strlen(heard->text);

	(void)err;
	(void)snprintf(heard->text + used, sizeof(heard->text) - used, "[%.*s]", (int)length, text);
	return heard->answer;
}

static int feed(struct kube_lines *lines, struct heard *heard, const char *text)
{
	return kube_lines_feed(lines, text, strlen(text), hear_line, heard, NULL);
}

static struct kube_lines empty_lines(void)
{
	return (struct kube_lines){.rest.max = LINE_MAX_BYTES};
}

static void lines_are_the_same_however_they_were_cut(void **state)
{
	static const char stream[] = "one\ntwo\n\n\nthree and more\nx\nrest";

	(void)state;
	for (size_t piece = 1; piece < sizeof(stream); piece++) {
		struct kube_lines lines = empty_lines();
		struct heard heard = {0};

		for (size_t at = 0; at < sizeof(stream) - 1; at += piece) {
			size_t left = sizeof(stream) - 1 - at;

			assert_int_equal(kube_lines_feed(&lines, stream + at,
			                                 piece < left ? piece : left, hear_line,
			                                 &heard, NULL),
			                 0);
		}
		assert_string_equal(heard.text, "[one][two][three and more][x]");
		kube_lines_done(&lines);
	}
}

static void line_of_the_maximum_is_taken_and_a_longer_one_is_not(void **state)
{
	static const struct {
		const char *pieces[3];
		int answer;
	} cases[] = {
		{{"0123456789abcdef\n"}, 0},
		{{"0123456789abcdefg\n"}, -EMSGSIZE},
		{{"01234567", "89abcdef", "\n"}, 0},
		{{"01234567", "89abcdef", "g\n"}, -EMSGSIZE},
		{{"01234567", "89abcdefg"}, -EMSGSIZE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kube_lines lines = empty_lines();
		struct heard heard = {0};
		int answer = 0;

		for (size_t j = 0; j < 3 && answer == 0 && cases[i].pieces[j]; j++)
			answer = feed(&lines, &heard, cases[i].pieces[j]);
		assert_int_equal(answer, cases[i].answer);
		assert_string_equal(heard.text, answer == 0 ? "[0123456789abcdef]" : "");
		kube_lines_done(&lines);
	}
}

static void reader_of_a_line_can_end_the_reading(void **state)
{
	struct kube_lines lines = empty_lines();
	struct heard heard = {.answer = -ESTALE};

	(void)state;
	assert_int_equal(feed(&lines, &heard, "one\ntwo\n"), -ESTALE);
	assert_string_equal(heard.text, "[one]");
	kube_lines_done(&lines);
}

static int hear_object(void *context, const struct kube_object *object)
{
	struct heard *heard = context;
	size_t used = strlen(heard->text);

	(void)snprintf(heard->text + used, sizeof(heard->text) - used, "[%s/%s@%s %zu]",
	               object->namespace, object->name, object->version, object->text.length);
	assert_int_equal(object->change, KUBE_LISTED);
	return heard->answer;
}

static int read_page(const char *text, struct kube_page *page, struct heard *heard,
                     struct error *err)
{
	int ret = kube_page_read(PATH, "Pod", text, strlen(text), page, err);

	return ret < 0 ? ret : kube_page_objects(PATH, "Pod", page, hear_object, heard, err);
}

static void page_has_its_version_its_token_and_its_objects(void **state)
{
	static const char text[] =
		"{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"selfLink\":\"/\","
		"\"resourceVersion\":\"42\",\"continue\":\"abc\",\"remainingItemCount\":3},"
		"\"items\":[{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\","
		"\"resourceVersion\":\"7\"}}, {\"kind\":\"Pod\",\"metadata\":{\"name\":\"b\"}}]}";
	struct kube_page page;
	struct heard heard = {0};

	(void)state;
	assert_int_equal(read_page(text, &page, &heard, NULL), 0);
	assert_string_equal(page.version, "42");
	assert_string_equal(page.next, "abc");
	assert_string_equal(heard.text, "[n/a@7 63][/b@ 38]");
}

static void page_may_have_its_members_in_any_order_and_no_items(void **state)
{
	static const char *const texts[] = {
		"{\"items\":[],\"metadata\":{\"resourceVersion\":\"1\"},\"kind\":\"PodList\"}",
		"{\"items\":null,\"metadata\":{\"resourceVersion\":\"1\"},\"kind\":\"PodList\"}",
		" {\"metadata\":{\"resourceVersion\":\"1\",\"continue\":\"\"},\"kind\":\"PodList\"}"
		"\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct kube_page page;
		struct heard heard = {0};

		assert_int_equal(read_page(texts[i], &page, &heard, NULL), 0);
		assert_string_equal(page.version, "1");
		assert_string_equal(page.next, "");
		assert_string_equal(heard.text, "");
	}
}

#define LIST(rest) "{\"kind\":\"PodList\"," rest "}"
#define META "\"metadata\":{\"resourceVersion\":\"1\"}"

static void page_that_is_none_is_refused_and_says_why(void **state)
{
	static const struct {
		const char *text;
		const char *complaint;
	} cases[] = {
		{"", "expected a PodList in JSON"},
		{"<html><body>login</body></html>",
	         "\"<html><body>login</body></html>\": expected a PodList in JSON"},
		{"{\"kind\":\"PodList\"", "truncated"},
		{LIST(META) "x", "behind the end"},
		{"{\"kind\":\"NodeList\"," META "}", "\"NodeList\": expected a PodList"},
		{"{\"kind\":\"Pod\"," META "}", "expected a PodList"},
		{"{" META "}", "expected a PodList"},
		{LIST("\"items\":[]"), "without a resourceVersion"},
		{LIST("\"metadata\":{\"resourceVersion\":1}"), "without a resourceVersion"},
		{LIST("\"metadata\":[]"), "an object is expected"},
		{LIST(META ",\"items\":{}"), "expected a list of items"},
		{LIST(META ",\"items\":[1]"), "an object is expected"},
		{LIST(META ",\"items\":[{}]"), "without metadata"},
		{LIST(META ",\"items\":[{\"metadata\":{}}]"), "without a name"},
		{LIST(META ",\"items\":[{\"metadata\":{\"name\":\"a\\u002fb\"}}]"),
	         "expected the name of an object"},
		{LIST("\"metadata\":{\"resourceVersion\":\"1\",\"continue\":7}"),
	         "expected a continue token"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kube_page page;
		struct heard heard = {0};
		struct error err = {0};

		assert_int_equal(read_page(cases[i].text, &page, &heard, &err), -EBADMSG);
		assert_string_equal(heard.text, "");
		if (!strstr(err.text, cases[i].complaint) || !strstr(err.text, PATH))
			fail_msg("%s: %s", cases[i].text, err.text);
	}
}

static void long_names_are_refused_and_not_cut(void **state)
{
	char text[1024];
	char name[KUBE_NAME_SIZE + 1];
	struct kube_page page;
	struct heard heard = {0};

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	(void)snprintf(text, sizeof(text),
	               LIST(META ",\"items\":[{\"metadata\":{\"name\":\"%s\"}}]"), name);
	assert_int_equal(read_page(text, &page, &heard, NULL), -EBADMSG);
	(void)snprintf(text, sizeof(text),
	               LIST(META ",\"items\":[{\"metadata\":{\"name\":\"%s\"}}]"), name + 1);
	assert_int_equal(read_page(text, &page, &heard, NULL), 0);
}

static void objects_end_when_the_reader_has_enough(void **state)
{
	static const char text[] = LIST(META ",\"items\":[{\"metadata\":{\"name\":\"a\"}},"
	                                     "{\"metadata\":{\"name\":\"b\"}}]");
	struct kube_page page;
	struct heard heard = {.answer = -ECANCELED};

	(void)state;
	assert_int_equal(read_page(text, &page, &heard, NULL), -ECANCELED);
	assert_string_equal(heard.text, "[/a@ 25]");
}

static int read_event(const char *line, struct kube_event *event, struct error *err)
{
	return kube_event_read(PATH, "Pod", line, strlen(line), event, err);
}

#define POD                                                                                        \
	"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"resourceVersion\":"  \
	"\"9\"}}"

static void event_has_its_change_and_its_object(void **state)
{
	static const struct {
		const char *line;
		enum kube_change change;
	} cases[] = {
		{"{\"type\":\"ADDED\",\"object\":" POD "}", KUBE_ADDED},
		{"{\"type\":\"MODIFIED\",\"object\":" POD "}", KUBE_MODIFIED},
		{"{\"object\":" POD ",\"type\":\"DELETED\"}\r", KUBE_DELETED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kube_event event;

		assert_int_equal(read_event(cases[i].line, &event, NULL), 0);
		assert_int_equal(event.type, KUBE_EVENT_OBJECT);
		assert_int_equal(event.object.change, cases[i].change);
		assert_string_equal(event.object.namespace, "n");
		assert_string_equal(event.object.name, "a");
		assert_string_equal(event.object.version, "9");
		assert_memory_equal(event.object.text.text, POD, sizeof(POD) - 1);
		assert_int_equal(event.object.text.length, sizeof(POD) - 1);
	}
}

static uint64_t digest_of(const char *metadata, const char *rest)
{
	struct kube_event event;
	struct error err = {0};
	char line[512];

	(void)snprintf(line, sizeof(line),
	               "{\"type\":\"MODIFIED\",\"object\":{\"kind\":\"Pod\",\"metadata\":"
	               "{\"name\":\"a\"%s}%s}}",
	               metadata, rest);
	if (read_event(line, &event, &err) < 0)
		fail_msg("%s: %s", line, err.text);
	return event.object.digest;
}

#define FULL_METADATA ",\"uid\":\"u\",\"labels\":{\"app\":\"web\"}"
#define FULL_REST ",\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Running\"}"

static void digest_is_of_all_that_is_read_and_of_nothing_else(void **state)
{
	static const struct {
		const char *metadata;
		const char *rest;
		bool same;
	} cases[] = {
		{FULL_METADATA, FULL_REST, true},
		{",\"resourceVersion\":\"7\"" FULL_METADATA ",\"managedFields\":[{}]", FULL_REST,
	         true},
		{FULL_METADATA, ",\"apiVersion\":\"v1\"" FULL_REST ",\"x\":{\"phase\":1}", true},
		{FULL_METADATA,
	         ",\"spec\":{\"containers\":[],\"nodeName\":\"n\"},"
	         "\"status\":{\"conditions\":[{\"type\":\"Ready\"}],\"phase\":\"Running\"}",
	         true},
		{",\"uid\":\"u\",\"labels\":{\"app\":\"db\"}", FULL_REST, false},
		{",\"labels\":{\"app\":\"web\"}", FULL_REST, false},
		{FULL_METADATA ",\"deletionTimestamp\":\"t\"", FULL_REST, false},
		{FULL_METADATA ",\"annotations\":{\"vpc.amazonaws.com/pod-eni\":\"[]\"}", FULL_REST,
	         false},
		{FULL_METADATA, ",\"spec\":{\"nodeName\":\"n\"}", false},
		{FULL_METADATA, ",\"spec\":{\"nodeName\":\"n\"},\"status\":{\"podIP\":\"Running\"}",
	         false},
	};
	uint64_t expected = digest_of(FULL_METADATA, FULL_REST);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if ((digest_of(cases[i].metadata, cases[i].rest) == expected) != cases[i].same)
			fail_msg("%s%s", cases[i].metadata, cases[i].rest);
}

static void bookmark_has_a_version_and_no_name(void **state)
{
	struct kube_event event;

	(void)state;
	assert_int_equal(read_event("{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\","
	                            "\"metadata\":{\"resourceVersion\":\"77\","
	                            "\"creationTimestamp\":null},\"spec\":{\"containers\":null}}}",
	                            &event, NULL),
	                 0);
	assert_int_equal(event.type, KUBE_EVENT_BOOKMARK);
	assert_string_equal(event.object.version, "77");
	assert_string_equal(event.object.name, "");
}

static void error_event_has_a_status(void **state)
{
	struct kube_event event;

	(void)state;
	assert_int_equal(read_event("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\","
	                            "\"message\":\"too old: \\\"5\\\" (9)\",\"reason\":\"Expired\","
	                            "\"code\":410}}",
	                            &event, NULL),
	                 0);
	assert_int_equal(event.type, KUBE_EVENT_ERROR);
	assert_int_equal(event.status.code, 410);
	assert_string_equal(event.status.reason, "Expired");
	assert_string_equal(event.status.message, "too old: \"5\" (9)");
}

static void deletion_is_what_the_metadata_say(void **state)
{
	static const struct {
		const char *text;
		struct kube_deletion deletion;
	} cases[] = {
		{"{\"metadata\":{\"name\":\"a\"}}", {false, false}},
		{"{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\","
	         "\"deletionGracePeriodSeconds\":30}}",
	         {true, false}},
		{"{\"metadata\":{\"deletionGracePeriodSeconds\":0,"
	         "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}",
	         {true, true}},
		{"{\"metadata\":{\"deletionGracePeriodSeconds\":0}}", {false, false}},
		{"{\"metadata\":7}", {false, false}},
		{"{}", {false, false}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct kube_object object = {
			.text = {.text = cases[i].text, .length = strlen(cases[i].text)}};
		struct kube_deletion deletion = kube_object_deletion(&object);

		assert_int_equal(deletion.asked, cases[i].deletion.asked);
		assert_int_equal(deletion.at_once, cases[i].deletion.at_once);
	}
}

static void event_that_is_none_is_refused_and_says_why(void **state)
{
	static const struct {
		const char *line;
		const char *complaint;
	} cases[] = {
		{"ADDED", "\"ADDED\": expected a watch event in JSON"},
		{"{\"type\":\"ADDED\"}", "without an object"},
		{"{\"object\":" POD "}", "expected the type of a watch event"},
		{"{\"type\":\"CHANGED\",\"object\":" POD "}", "expected the type of a watch event"},
		{"{\"type\":\"ADDED\",\"object\":" POD, "truncated"},
		{"{\"type\":\"ADDED\",\"object\":{\"kind\":\"Node\",\"metadata\":{\"name\":\"a\"}}"
	         "}",
	         "expected a Pod"},
		{"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}",
	         "expected a Pod"},
		{"{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"metadata\":{}}}",
	         "without a name"},
		{"{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\"}}", "without metadata"},
		{"{\"type\":\"ADDED\",\"object\":[]}", "an object is expected"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kube_event event;
		struct error err = {0};

		assert_int_equal(read_event(cases[i].line, &event, &err), -EBADMSG);
		if (!strstr(err.text, cases[i].complaint) || !strstr(err.text, PATH))
			fail_msg("%s: %s", cases[i].line, err.text);
	}
}

static void only_a_status_is_read_as_one(void **state)
{
	static const char *const texts[] = {
		"", "null", "<html>", "{}", "{\"kind\":\"Pod\"}", "{\"kind\":\"Status\"", "[[[[",
	};
	static const char status_text[] = "{\"kind\":\"Status\",\"code\":1e9,\"message\":7}";
	struct kube_status status;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_false(kube_status_read(texts[i], strlen(texts[i]), &status));
		assert_int_equal(status.code, 0);
	}
	assert_true(kube_status_read(status_text, strlen(status_text), &status));
	assert_int_equal(status.code, 0);
	assert_string_equal(status.message, "");
}

static void query_value_is_escaped(void **state)
{
	static const struct {
		const char *text;
		const char *escaped;
	} cases[] = {
		{"", ""},
		{"node-1.example_x", "node-1.example_x"},
		{"a&b=c d/\"\x80", "a%26b%3Dc%20d%2F%22%80"},
	};
	char escaped[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		kube_escape(cases[i].text, escaped, sizeof(escaped));
		assert_string_equal(escaped, cases[i].escaped);
	}
	kube_escape("&&&&", escaped, 8);
	assert_string_equal(escaped, "%26%26");
}

static void pause_doubles_up_to_its_last_with_a_quarter_of_jitter(void **state)
{
	static const struct {
		unsigned failures;
		uint64_t milliseconds;
	} cases[] = {{0, 500}, {1, 500}, {2, 1000}, {6, 16000}, {7, 30000}, {4000000000U, 30000}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int again = 0; again < 100; again++) {
			uint64_t pause = backoff_pause(cases[i].failures, 500, 30000);

			assert_in_range(pause, cases[i].milliseconds * 3 / 4,
			                cases[i].milliseconds * 5 / 4);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_the_same_however_they_were_cut),
		cmocka_unit_test(line_of_the_maximum_is_taken_and_a_longer_one_is_not),
		cmocka_unit_test(reader_of_a_line_can_end_the_reading),
		cmocka_unit_test(page_has_its_version_its_token_and_its_objects),
		cmocka_unit_test(page_may_have_its_members_in_any_order_and_no_items),
		cmocka_unit_test(page_that_is_none_is_refused_and_says_why),
		cmocka_unit_test(long_names_are_refused_and_not_cut),
		cmocka_unit_test(objects_end_when_the_reader_has_enough),
		cmocka_unit_test(event_has_its_change_and_its_object),
		cmocka_unit_test(digest_is_of_all_that_is_read_and_of_nothing_else),
		cmocka_unit_test(bookmark_has_a_version_and_no_name),
		cmocka_unit_test(error_event_has_a_status),
		cmocka_unit_test(deletion_is_what_the_metadata_say),
		cmocka_unit_test(event_that_is_none_is_refused_and_says_why),
		cmocka_unit_test(only_a_status_is_read_as_one),
		cmocka_unit_test(query_value_is_escaped),
		cmocka_unit_test(pause_doubles_up_to_its_last_with_a_quarter_of_jitter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
