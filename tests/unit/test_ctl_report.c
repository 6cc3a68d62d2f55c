/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/ctl/report_parts.h"

#define HOSTILE                                                                                    \
	"</title></script><script>alert(1)</script><img src=x onerror='alert(2)'>\\\"&\\u0001"

static struct buffer page_of(const char *json)
{
	struct buffer page = {.max = 1U << 20};
	struct report_texts *texts = report_texts_new();
	cJSON *report = cJSON_Parse(json);
	cJSON *row;

	assert_non_null(report);
	assert_non_null(texts);
	cJSON_ArrayForEach (row, cJSON_GetObjectItemCaseSensitive(report, "rows"))
		report_texts_take(texts, row);
	report_page(report, texts, &page);
	report_texts_free(texts);
	cJSON_Delete(report);
	assert_false(page.failed);
	return page;
}

static size_t count(const char *text, const char *part)
{
	size_t found = 0;

	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		found++;
	return found;
}

static void only_percent_s_is_escaped(void **state)
{
	struct buffer page = {.max = 4096};

	(void)state;
	html(&page, "<b>%s</b> %d%% <i>%s</i>", "<&>\"'\x01\t", 7, "ä✓");
	assert_string_equal(page.text,
	                    "<b>&lt;&amp;&gt;&quot;&#39;\xef\xbf\xbd\t</b> 7% <i>ä✓</i>");
	buffer_done(&page);
}

/* Every string of every answer at once. */
static void hostile_names_stay_text(void **state)
{
	static const char json[] =
		"{\"nodeMode\":\"" HOSTILE "\",\"time\":\"" HOSTILE "\",\"version\":\"" HOSTILE
		"\",\"left\":true,\"status\":{\"node\":\"" HOSTILE
		"\",\"health\":{\"failures\":[\"" HOSTILE "\"],\"warnings\":[\"" HOSTILE
		"\"]},\"problems\":[\"" HOSTILE "\"],\"sources\":[{\"kind\":\"" HOSTILE
		"\",\"name\":\"" HOSTILE "\",\"state\":\"" HOSTILE "\",\"error\":\"" HOSTILE
		"\"}]},\"pods\":[{\"namespace\":\"" HOSTILE "\",\"name\":\"" HOSTILE
		"\",\"state\":\"" HOSTILE "\",\"mode\":\"" HOSTILE "\",\"interface\":\"" HOSTILE
		"\",\"device\":\"" HOSTILE "\",\"addresses\":[\"" HOSTILE
		"\"],\"groups\":[\"" HOSTILE "\"],\"missing\":[\"" HOSTILE
		"\"],\"drops\":{\"" HOSTILE "\":3}}],\"groups\":[{\"id\":\"" HOSTILE
		"\",\"name\":\"" HOSTILE "\",\"usedBy\":[\"" HOSTILE "\"],\"ingress\":[\"" HOSTILE
		"\"],\"egress\":[\"" HOSTILE "\"]}],\"ends\":[{\"kind\":\"" HOSTILE
		"\",\"name\":\"" HOSTILE "\",\"text\":\"" HOSTILE "\",\"addresses\":[\"" HOSTILE
		"\"]}],\"rows\":[[{\"verdict\":\"" HOSTILE
		"\",\"families\":[{\"family\":4,\"problem\":\"" HOSTILE
		"\",\"answers\":[{\"what\":\"" HOSTILE "\",\"permitted\":true,\"text\":\"" HOSTILE
		"\"}]}]}]],\"drops\":{\"seconds\":1,\"problem\":\"" HOSTILE
		"\",\"events\":[{\"time\":\"" HOSTILE "\",\"pod\":\"" HOSTILE
		"\",\"direction\":\"" HOSTILE "\",\"what\":\"" HOSTILE "\",\"reason\":\"" HOSTILE
		"\",\"text\":\"" HOSTILE "\",\"peer\":{\"address\":\"" HOSTILE
		"\",\"pod\":\"" HOSTILE "\",\"node\":\"" HOSTILE "\",\"groups\":[{\"id\":\"" HOSTILE
		"\",\"name\":\"" HOSTILE "\"}]}}]}}";
	struct buffer page = page_of(json);

	(void)state;
	assert_int_equal(count(page.text, "<script"), 1);
	assert_int_equal(count(page.text, "</script"), 1);
	assert_int_equal(count(page.text, "</title"), 1);
	assert_int_equal(count(page.text, "<img"), 0);
	assert_int_equal(count(page.text, "onerror='"), 0);
	assert_true(count(page.text, "&lt;img src=x onerror=&#39;") >= 40);
	assert_null(memchr(page.text, 1, page.length));
	buffer_done(&page);
}

static void cells_of_one_text_share_it(void **state)
{
	static const char cell[] = "{\"verdict\":\"some\",\"families\":[{\"family\":4,\"answers\":["
				   "{\"what\":\"tcp/1\","
				   "\"permitted\":true,\"text\":\"why\"}]}]}";
	char json[4096];

	(void)state;
	(void)snprintf(
		json, sizeof(json),
		"{\"ends\":[{\"kind\":\"pod\",\"name\":\"a\"},{\"kind\":\"node\",\"name\":\"b\"}],"
		"\"rows\":[[%s,%s],[%s,null]]}",
		cell, cell, cell);
	struct buffer page = page_of(json);
	assert_int_equal(count(page.text, "data-t=0>"), 3);
	assert_int_equal(count(page.text, "<ul id=t"), 1);
	assert_non_null(strstr(page.text, "<td class=s data-t=0>◐"));
	assert_non_null(strstr(page.text, "<td>"));
	buffer_done(&page);
}

static void verdicts_have_a_class_and_a_sign(void **state)
{
	static const struct {
		const char *verdict, *cell;
	} rows[] = {{"all", "class=a data-t=0>●"},
	            {"some", "class=s data-t=0>◐"},
	            {"none", "class=n data-t=0>✕"},
	            {"unknown", "class=u data-t=0>?"},
	            {"whatever", "class=u data-t=0>?"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char json[512];

		(void)snprintf(json, sizeof(json),
		               "{\"ends\":[{\"name\":\"a\"},{\"name\":\"b\"}],"
		               "\"rows\":[[null,{\"verdict\":\"%s\"}]]}",
		               rows[i].verdict);
		struct buffer page = page_of(json);
		if (strstr(page.text, rows[i].cell) == NULL)
			fail_msg("%s: no %s", rows[i].verdict, rows[i].cell);
		buffer_done(&page);
	}
}

static void answers_that_lack_things_make_a_page(void **state)
{
	static const char *const rows[] = {
		"{}",
		"{\"status\":7,\"pods\":{},\"groups\":[7,null],\"ends\":[],\"rows\":[[{}]]}",
		"{\"ends\":[{}],\"rows\":[7,[],[{}],[{}]],\"drops\":[]}",
		"{\"pods\":[{\"addresses\":[7],\"groups\":[{}],\"drops\":[1,2]}],\"drops\":{"
		"\"events\":[7]}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buffer page = page_of(rows[i]);

		assert_non_null(strstr(page.text, "</html>"));
		buffer_done(&page);
	}
}

static void nothing_is_loaded_from_anywhere(void **state)
{
	static const char *const parts[] = {"http:", "https:", "src=", "url(", "@import", "<link"};
	struct buffer page = page_of("{}");

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(page.text, parts[i]) != NULL)
			fail_msg("%s: %.60s", parts[i], strstr(page.text, parts[i]));
	assert_non_null(strstr(page.text, "default-src 'none'"));
	buffer_done(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_percent_s_is_escaped),
		cmocka_unit_test(hostile_names_stay_text),
		cmocka_unit_test(cells_of_one_text_share_it),
		cmocka_unit_test(verdicts_have_a_class_and_a_sign),
		cmocka_unit_test(answers_that_lack_things_make_a_page),
		cmocka_unit_test(nothing_is_loaded_from_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
