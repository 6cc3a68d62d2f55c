/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/http_head.h"

static void a_head_ends_with_an_empty_line(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} rows[] = {
		{"", 0},
		{"GET / HTTP/1.1", 0},
		{"GET / HTTP/1.1\r\n", 0},
		{"GET / HTTP/1.1\r\nHost: x\r\n", 0},
		{"GET / HTTP/1.1\r\n\r", 0},
		{"GET / HTTP/1.1\r\n\r\n", 18},
		{"GET / HTTP/1.1\n\n", 16},
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /more", 27},
		{"\r\n\r\n", 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(http_head_length(rows[i].text, strlen(rows[i].text)),
		                 rows[i].length);
}

static void method_and_path_are_read(void **state)
{
	static const struct {
		const char *text;
		enum http_method method;
		const char *path;
	} rows[] = {
		{"GET / HTTP/1.1\r\n\r\n", HTTP_GET, "/"},
		{"GET / HTTP/1.0\n\n", HTTP_GET, "/"},
		{"HEAD /metrics HTTP/1.1\r\n\r\n", HTTP_HEAD, "/metrics"},
		{"POST /metrics HTTP/1.1\r\n\r\n", HTTP_OTHER, "/metrics"},
		{"GETS / HTTP/1.1\r\n\r\n", HTTP_OTHER, "/"},
		{"GET /metrics?collect=all HTTP/1.1\r\n\r\n", HTTP_GET, "/metrics"},
		{"GET /? HTTP/1.1\r\n\r\n", HTTP_GET, "/"},
		{"GET /a%20b HTTP/1.1\r\n\r\n", HTTP_GET, "/a%20b"},
	};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(http_head_parse(rows[i].text, strlen(rows[i].text), &head), 0);
		assert_int_equal(head.method, rows[i].method);
		assert_string_equal(head.path, rows[i].path);
	}
}

static void what_is_no_http_of_ours_is_refused(void **state)
{
	static const char *const rows[] = {
		"\r\n\r\n",
		" \r\n\r\n",
		"GET\r\n\r\n",
		"GET /\r\n\r\n",
		"GET  / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1 \r\n\r\n",
		"get / HTTP/1.1\r\n\r\n",
		"GET metrics HTTP/1.1\r\n\r\n",
		"GET * HTTP/1.1\r\n\r\n",
		"GET http://x/ HTTP/1.1\r\n\r\n",
		"GET /\t HTTP/1.1\r\n\r\n",
		"GET /\x01 HTTP/1.1\r\n\r\n",
		"GET /\xff HTTP/1.1\r\n\r\n",
		"GET / HTTP/2.0\r\n\r\n",
		"GET / HTTP/1.10\r\n\r\n",
		"GET / http/1.1\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"\x16\x03\x01\n\n",
	};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(http_head_parse(rows[i], strlen(rows[i]), &head), -EBADMSG);
}

static void a_path_too_long_to_be_one_of_ours_is_empty(void **state)
{
	char text[4 * HTTP_PATH_MAX];
	struct http_head head;

	(void)state;
	for (int length = HTTP_PATH_MAX - 4; length < HTTP_PATH_MAX + 4; length++) {
		int used =
			snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\n\r\n", length - 1, 0);

		assert_int_equal(http_head_parse(text, (size_t)used, &head), 0);
		assert_int_equal(strlen(head.path), length < HTTP_PATH_MAX ? length : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_ends_with_an_empty_line),
		cmocka_unit_test(method_and_path_are_read),
		cmocka_unit_test(what_is_no_http_of_ours_is_refused),
		cmocka_unit_test(a_path_too_long_to_be_one_of_ours_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
