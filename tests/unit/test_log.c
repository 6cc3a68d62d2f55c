/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"

#define LINE_SIZE 2048 /* as log.c has it */

/* What standard error gets from here on; its own file is kept. */
struct capture {
	int own;
	FILE *file;
	char text[4 * LINE_SIZE];
};

static int capture_begin(void **state)
{
	static struct capture capture;

	(void)fflush(stderr);
	capture.own = dup(STDERR_FILENO);
	capture.file = tmpfile();
	*state = &capture;
	if (capture.own < 0 || capture.file == NULL)
		return -1;
	return dup2(fileno(capture.file), STDERR_FILENO) < 0 ? -1 : 0;
}

static int capture_end(void **state)
{
	struct capture *capture = *state;

	log_set_level(LOG_LEVEL_INFO);
	if (capture->own >= 0)
		(void)close(capture->own);
	return fclose(capture->file);
}

static const char *captured(struct capture *capture)
{
	rewind(capture->file);
	size_t length = fread(capture->text, 1, sizeof(capture->text) - 1, capture->file);

	capture->text[length] = '\0';
	/* Failed assertions have something to say, too. */
	(void)dup2(capture->own, STDERR_FILENO);
	return capture->text;
}

static void an_event_is_one_line_with_level_and_name(void **state)
{
	log_event(LOG_LEVEL_WARNING, "committed", "elements=%d table=%s", 7, "podsg");
	assert_string_equal(captured(*state),
	                    "level=warning event=committed elements=7 table=podsg\n");
}

static void what_is_above_the_level_is_left_out(void **state)
{
	log_event(LOG_LEVEL_DEBUG, "hidden", "%s", "x");
	log_set_level(LOG_LEVEL_DEBUG);
	log_event(LOG_LEVEL_DEBUG, "shown", "%s", "x");
	log_set_level(LOG_LEVEL_ERROR);
	log_event(LOG_LEVEL_WARNING, "hidden", "%s", "x");
	assert_string_equal(captured(*state), "level=debug event=shown x\n");
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
	char *detail = calloc(1, 3 * LINE_SIZE);

	assert_non_null(detail);
	memset(detail, 'x', 3 * LINE_SIZE - 1);
	log_event(LOG_LEVEL_INFO, "long", "text=%s", detail);
	free(detail);
	const char *line = captured(*state);
	assert_in_range(strlen(line), LINE_SIZE - 8, LINE_SIZE);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void hostile_text_is_quoted_and_escaped(void **state)
{
	static const struct {
		const char *text;
		const char *expected;
	} rows[] = {
		{"", "\"\""},
		{"plain words", "\"plain words\""},
		{"say \"hi\"", "\"say \\\"hi\\\"\""},
		{"back\\slash", "\"back\\\\slash\""},
		{"two\nlines", "\"two\\x0alines\""},
		{"\033[31m", "\"\\x1b[31m\""},
		{"\x7f", "\"\\x7f\""},
		/* U+009B alone begins a control sequence on many terminals. */
		{"\xc2\x9b"
	         "31m",
	         "\"\\xc2\\x9b31m\""},
	};
	char buffer[64];

	(void)captured(*state);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(log_quote(rows[i].text, buffer, sizeof(buffer)),
		                    rows[i].expected);
}

static void a_quoted_text_never_leaves_its_buffer_and_is_closed(void **state)
{
	static const char text[] = "\n\"\\x\033\n\"\\y\033\n\"\\z";

	(void)captured(*state);
	for (unsigned size = 8; size < 64; size++) {
		char buffer[64];

		memset(buffer, '#', sizeof(buffer));
		(void)log_quote(text, buffer, size);
		assert_in_range(strlen(buffer), 2, size - 1);
		assert_int_equal(buffer[strlen(buffer) - 1], '"');
		for (size_t i = size; i < sizeof(buffer); i++)
			assert_int_equal(buffer[i], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_event_is_one_line_with_level_and_name,
	                                        capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(what_is_above_the_level_is_left_out, capture_begin,
	                                        capture_end),
		cmocka_unit_test_setup_teardown(a_long_line_is_cut_and_still_ends, capture_begin,
	                                        capture_end),
		cmocka_unit_test_setup_teardown(hostile_text_is_quoted_and_escaped, capture_begin,
	                                        capture_end),
		cmocka_unit_test_setup_teardown(a_quoted_text_never_leaves_its_buffer_and_is_closed,
	                                        capture_begin, capture_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
