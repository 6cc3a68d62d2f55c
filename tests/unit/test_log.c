/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/run: waits */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"

#define LINE_SIZE 2048 /* as log.c has it */

/* What standard error gets from here on; its own file is kept. */
struct capture {
	int own;
	FILE *file;
	char text[64 * LINE_SIZE];
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
	(void)unsetenv("JOURNAL_STREAM");
	log_open();
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

/* Standard error's own name, moved by so many i-nodes. */
static void lead_to_journal(unsigned aside)
{
	struct stat status;
	char stream[64];

	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	(void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
	               (unsigned long long)status.st_ino + aside);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	log_open();
}

static void lines_for_the_journal_begin_with_their_priority(void **state)
{
	lead_to_journal(0);
	log_set_level(LOG_LEVEL_DEBUG);
	log_event(LOG_LEVEL_ERROR, "a", "x=%d", 1);
	log_event(LOG_LEVEL_WARNING, "b", "x=%d", 1);
	log_event(LOG_LEVEL_INFO, "c", "x=%d", 1);
	log_event(LOG_LEVEL_DEBUG, "d", "x=%d", 1);
	assert_string_equal(captured(*state), "<3>level=error event=a x=1\n"
	                                      "<4>level=warning event=b x=1\n"
	                                      "<6>level=info event=c x=1\n"
	                                      "<7>level=debug event=d x=1\n");
}

static void a_redirected_standard_error_is_not_the_journal(void **state)
{
	lead_to_journal(1);
	log_event(LOG_LEVEL_INFO, "plain", "x=%d", 1);
	assert_string_equal(captured(*state), "level=info event=plain x=1\n");
}

static unsigned occurrences(const char *text, const char *part)
{
	unsigned count = 0;

	while ((text = strstr(text, part)) != NULL) {
		count++;
		text++;
	}
	return count;
}

/* Of all lines "repeated". */
static unsigned left_out(const char *text)
{
	static const char line[] = "event=repeated of=flood count=";
	unsigned sum = 0;

	while ((text = strstr(text, line)) != NULL) {
		text += sizeof(line) - 1;
		sum += (unsigned)strtoul(text, NULL, 10);
	}
	return sum;
}

static void a_flood_of_one_event_is_cut_and_counted(void **state)
{
	const struct timespec second = {.tv_sec = 1, .tv_nsec = 10000000};
	const unsigned lines = 4 * LOG_PER_SECOND;
	const time_t begin = time(NULL);

	for (unsigned i = 0; i < lines; i++)
		log_event(LOG_LEVEL_INFO, "flood", "number=%u", i);
	log_event(LOG_LEVEL_INFO, "other", "number=%u", 1);
	const unsigned seconds = (unsigned)(time(NULL) - begin) + 2;
	(void)nanosleep(&second, NULL);
	log_settle();
	log_settle();

	const char *text = captured(*state);
	unsigned shown = occurrences(text, "event=flood ");

	/* A second may have ended on the way. */
	assert_in_range(shown, LOG_PER_SECOND, seconds * LOG_PER_SECOND);
	assert_int_equal(shown + left_out(text), lines);
	assert_int_equal(occurrences(text, "event=other "), 1);
}

static void what_was_left_out_is_said_when_the_event_comes_again(void **state)
{
	const struct timespec second = {.tv_sec = 1, .tv_nsec = 10000000};

	for (unsigned i = 0; i < 3 * LOG_PER_SECOND; i++)
		log_event(LOG_LEVEL_WARNING, "flood", "number=%u", i);
	(void)nanosleep(&second, NULL);
	log_event(LOG_LEVEL_WARNING, "flood", "again=%u", 1);

	const char *text = captured(*state);
	const char *repeated = strstr(text, "level=warning event=repeated of=flood");
	const char *again = strstr(text, "again=1");

	assert_true(repeated != NULL && again != NULL && repeated < again);
}

/* More names than are counted at a time: the oldest makes room, and what it left out is said. */
static void any_number_of_events_can_be_logged(void **state)
{
	char name[16];

	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "event-%u", i);
		log_event(LOG_LEVEL_INFO, name, "x=%u", i);
	}
	assert_int_equal(occurrences(captured(*state), "level=info"), 200);
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
		cmocka_unit_test_setup_teardown(lines_for_the_journal_begin_with_their_priority,
	                                        capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(a_redirected_standard_error_is_not_the_journal,
	                                        capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(a_flood_of_one_event_is_cut_and_counted,
	                                        capture_begin, capture_end),
		cmocka_unit_test_setup_teardown(
			what_was_left_out_is_said_when_the_event_comes_again, capture_begin,
			capture_end),
		cmocka_unit_test_setup_teardown(any_number_of_events_can_be_logged, capture_begin,
	                                        capture_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
