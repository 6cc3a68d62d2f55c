/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/dns_answers.h"

struct dns_question question_of(const char *message)
{
	struct dns_question question = {.type = 0};
	size_t size;
	size_t at = DNS_HEADER_SIZE;
	uint8_t *bytes = message_new(message, &size);
	assert_int_equal(dns_name_read(bytes, size, &at, &question.name), 0);
	assert_true(size >= at + 4);
	question.type = dns_u16(bytes + at);
	free(bytes);
	return question;
}

void records_of(const char *message, struct arena *arena, struct dns_records *ret)
{
	struct dns_question question = question_of(message);
	struct error err = {0};
	size_t size;
	uint8_t *bytes = message_new(message, &size);
	if (dns_records_read(bytes, size, &question, arena, ret, &err) < 0)
		fail_msg("%s", err.text);
	/* What was read needs the message no more. */
	free(bytes);
	assert_int_equal(dns_records_scrub(ret), 0);
}

struct dns_answer *answer_of(const char *message, struct arena *arena)
{
	static const struct dns_lifetimes lifetimes = {
		.success_max = 86400,
		.denial_max = 86400,
		.failure = 5,
	};
	struct dns_records records;
	struct dns_answer *answer;
	records_of(message, arena, &records);
	assert_int_equal(dns_answer_pack(&records, &lifetimes, 1000, arena, &answer), 0);
	assert_true(dns_answer_sane(answer, answer->size));
	return answer;
}

const char *reply_text(const char *query, const struct dns_answer *answer,
                       const struct dns_reply_form *form)
{
	struct dns_query read;
	size_t size;
	uint8_t *bytes = message_new(query, &size);
	uint8_t *out = malloc(form->limit);
	assert_non_null(out);
	assert_int_equal(dns_query_read(bytes, size, &read), DNS_QUERY_GOOD);
	size = dns_reply(&read, answer, form, out);
	assert_true(size <= form->limit);
	const char *text = message_text(out, size);
	free(out);
	free(bytes);
	return text;
}
