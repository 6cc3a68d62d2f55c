/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dns_answers.h"
#include "tests/unit/dns_arena.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define Q "question a.example. MX\n"
#define TEXT_MAX 8192

/* Records by the letter: M and m an MX and its RRSIG, N and n a server and its RRSIG, S and s the
 * SOA and its, X and Y addresses in the additional section, x and y their RRSIGs. */
static const struct {
	char letter;
	const char *line;
} lines[] = {
	{'M', "answer a.example. 60 MX 10 m.example.\n"},
	{'m', "answer a.example. 60 RRSIG MX 8 2 60 1 2 3 example. 0001020304050607\n"},
	{'N', "authority example. 60 NS m.example.\n"},
	{'n', "authority example. 60 RRSIG NS 8 2 60 1 2 3 example. 0001020304050607\n"},
	{'S', "authority example. 60 SOA m.example. m.example. 1 2 3 4 60\n"},
	{'s', "authority example. 60 RRSIG SOA 8 2 60 1 2 3 example. 0001020304050607\n"},
	{'X', "additional m.example. 60 A 10.0.0.1\n"},
	{'x', "additional m.example. 60 RRSIG A 8 2 60 1 2 3 example. 0001020304050607\n"},
	{'Y', "additional m.example. 60 AAAA ::1\n"},
	{'y', "additional m.example. 60 RRSIG AAAA 8 2 60 1 2 3 example. 0001020304050607\n"},
};

static const char *line_of(char letter)
{
	for (size_t i = 0; i < COUNT(lines); i++)
		if (lines[i].letter == letter)
			return lines[i].line;
	fail_msg("%c", letter);
	return "";
}

static void spell(const char *letters, const char *head, char ret[static TEXT_MAX])
{
	int used = snprintf(ret, TEXT_MAX, "%s" Q, head);
	for (; *letters; letters++)
		used += snprintf(ret + used, TEXT_MAX - (size_t)used, "%s", line_of(*letters));
}

static void letters_of(const char *text, char *ret)
{
	bool truncated = strncmp(text, "header 7 qr tc", 14) == 0;
	for (; *text; text += strcspn(text, "\n") + 1)
		for (size_t i = 0; i < COUNT(lines); i++)
			if (strncmp(text, lines[i].line, strlen(lines[i].line)) == 0)
				*ret++ = lines[i].letter;
	if (truncated)
		*ret++ = '!';
	*ret = '\0';
}

/* What is left of an answer, by how much room there is: smaller and smaller, "!" means TC. */
static const struct {
	const char *sentence;
	const char *records;
	bool dnssec_ok;
	const char *left[8];
} rows[] = {
	{"additional sets go first, then authority, then answers",
         "MMNXY",
         false,
         {"MMNXY", "MMNX", "MMN", "MM", "!"}},
	{"a set goes with its signatures",
         "MmNnXxYy",
         false,
         {"MmNnXxYy", "MmNnXx", "MmNn", "Mm", "!"}},
	{"with DNSSEC authority is needed", "MmNnXx", true, {"MmNnXx", "MmNn", "Mm!", "!"}},
	{"a denial needs it always", "NS", false, {"NS", "N!", "!"}},
	{"sets that come in pieces are put together",
         "mMnNXYxXYy",
         false,
         {"MmNnXXxYYy", "MmNnXXx", "MmNn", "Mm", "!"}},
};

static void whole_sets_are_left_out_from_the_end(void **state)
{
	static uint8_t out[DNS_MESSAGE_MAX];
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char upstream[TEXT_MAX];
		char query_text[TEXT_MAX];
		struct dns_query query;
		size_t size;
		size_t step = 0;
		struct dns_reply_form form = {.now = 1000, .ede = DNS_EDE_NONE, .limit = 1000};
		spell(rows[i].records, "header 1 qr ra\n", upstream);
		(void)snprintf(query_text, sizeof(query_text), "header 7\n" Q "%s",
		               rows[i].dnssec_ok ? "opt 512 do\n" : "");
		const struct dns_answer *answer = answer_of(upstream, arena);
		uint8_t *bytes = message_new(query_text, &size);
		assert_int_equal(dns_query_read(bytes, size, &query), DNS_QUERY_GOOD);
		size_t least = dns_query_body(&query) + (rows[i].dnssec_ok ? 11 : 0);
		for (; form.limit >= least; form.limit--) {
			char letters[64];
			size = dns_reply(&query, answer, &form, out);
			assert_true(size <= form.limit);
			const char *text = message_text(out, size);
			letters_of(text, letters);
			if (strcmp(letters, rows[i].left[step]) != 0)
				step++;
			if (!rows[i].left[step] || strcmp(letters, rows[i].left[step]) != 0)
				fail_msg("%s: %zu bytes: %s", rows[i].sentence, form.limit,
				         letters);
		}
		assert_null(rows[i].left[step + 1]);
		free(bytes);
	}
}

/* RFC 8914 §3: an error's text isn't worth a truncated answer. */
static void errors_make_room_for_records(void **state)
{
	static const char query[] = "header 7\n" Q "opt 512\n";
	struct dns_reply_form form = {.now = 1000, .ede = DNS_EDE_STALE, .limit = 512};
	char upstream[TEXT_MAX];
	(void)state;
	spell("MMMMMMMMMMMMMMMMMMMM", "header 1 qr ra\n", upstream);
	size_t used = strlen(upstream);
	(void)snprintf(upstream + used, TEXT_MAX - used, "opt 512 ede=9:%0200d\n", 0);
	form.ede_text = "a text of some length";
	const struct dns_answer *answer = answer_of(upstream, arena);
	size_t records = DNS_HEADER_SIZE + answer->name_length + 4 + answer->body_size;

	form.limit = records + 11 + 6 + 21 + 206;
	const char *text = reply_text(query, answer, &form);
	assert_non_null(strstr(text, "ede=3:a text of some length ede=9:000"));
	form.limit--;
	text = reply_text(query, answer, &form);
	assert_non_null(strstr(text, "ede=3:a text of some length\n"));
	form.limit = records + 11 + 6 + 20;
	text = reply_text(query, answer, &form);
	assert_non_null(strstr(text, "ede=3:\n"));
	form.limit = records + 11 + 5;
	text = reply_text(query, answer, &form);
	assert_null(strstr(text, "ede"));
	assert_null(strstr(text, " tc"));
	form.limit = records + 10;
	assert_non_null(strstr(reply_text(query, answer, &form), " tc"));
}

/* More than fits into 16 KiB, where names can't be pointed to any more. */
static void long_answers_are_cut_as_well(void **state)
{
	static char upstream[1 << 20];
	struct dns_reply_form form = {.now = 1000, .ede = DNS_EDE_NONE, .limit = 1232};
	int used = snprintf(upstream, sizeof(upstream), "header 1 qr\nquestion a.example. TXT\n");
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		used += snprintf(upstream + used, sizeof(upstream) - (size_t)used,
		                 "answer a.example. 60 TXT %u-0123456789-0123456789-0123456789\n",
		                 i);
	const struct dns_answer *answer = answer_of(upstream, arena);
	assert_int_equal(answer->counts[DNS_ANSWER], 1000);
	assert_string_equal(reply_text("header 7\nquestion a.example. TXT\n", answer, &form),
	                    "header 7 qr tc ra\nquestion a.example. TXT\n");
	form.limit = DNS_MESSAGE_MAX;
	assert_non_null(
		strstr(reply_text("header 7\nquestion a.example. TXT\n", answer, &form), "999-"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_sets_are_left_out_from_the_end),
		cmocka_unit_test(errors_make_room_for_records),
		cmocka_unit_test(long_answers_are_cut_as_well),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
