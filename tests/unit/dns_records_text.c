/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dnscache/wire/answer.h"
#include "dnscache/wire/reply.h"
#include "tests/unit/dns_messages.h"
#include "tests/unit/dns_records_text.h"

#define TEXT_MAX 65536

struct dns_name wire_name(const char *text)
{
	struct dns_name name;

	assert_int_equal(dns_name_parse(text, &name), 0);
	return name;
}

struct dns_question question_about(const char *name, const char *type)
{
	struct dns_question question = {.name = wire_name(name)};

	assert_int_equal(dns_type_parse(type, &question.type), 0);
	return question;
}

void records_answering(const struct dns_question *question, const char *header, const char *lines,
                       struct arena *arena, struct dns_records *ret)
{
	static char text[TEXT_MAX];
	char name[DNS_NAME_TEXT_MAX];
	char type[DNS_NUMBER_TEXT_MAX];
	struct error err = {0};
	uint8_t *message;
	size_t size;

	(void)snprintf(text, sizeof(text), "header 1 qr %s\nquestion %s %s\n%s", header,
	               dns_name_text(&question->name, name), dns_type_text(question->type, type),
	               lines);
	message = message_new(text, &size);
	assert_int_equal(dns_records_read(message, size, question, arena, ret, &err), 0);
	free(message);
}

uint8_t *records_message(const struct dns_records *records, size_t *size)
{
	static const struct dns_lifetimes lifetimes = {
		.success_max = 100000, .denial_max = 100000, .failure = 5};
	static uint8_t message[DNS_MESSAGE_MAX];
	const struct dns_reply_form form = {
		.fresh = true,
		.ede = DNS_EDE_NONE,
		.limit = sizeof(message),
		.udp_size = DNS_UDP_DEFAULT,
	};
	uint8_t asked[DNS_UPSTREAM_QUERY_MAX];
	size_t asked_size = dns_question_write(&records->question, 1, DNS_UDP_DEFAULT, true, asked);
	struct arena *arena = arena_new(1 << 20);
	struct dns_answer *answer;
	struct dns_query query;

	assert_int_equal(dns_query_read(asked, asked_size, &query), DNS_QUERY_GOOD);
	if (dns_answer_pack(records, &lifetimes, 0, arena, &answer) < 0)
		fail_msg("records that can't be packed");
	asked_size = dns_reply(&query, answer, &form, message);
	arena_free(arena);
	if (size)
		*size = asked_size;
	return message;
}

const char *records_text(const struct dns_records *records)
{
	size_t size;
	const uint8_t *message = records_message(records, &size);

	return message_text(message, size);
}

void assert_records(const struct dns_records *records, const char *header, const char *lines)
{
	static char wanted[TEXT_MAX];
	char name[DNS_NAME_TEXT_MAX];
	char type[DNS_NUMBER_TEXT_MAX];
	const char *text = records_text(records);
	const char *rcode = strstr(header, "rcode");
	int length = snprintf(wanted, sizeof(wanted), "header 1 qr %srd ra%s%s\nquestion %s %s\n%s",
	                      strncmp(header, "aa", 2) == 0 ? "aa " : "", rcode ? " " : "",
	                      rcode ? rcode : "", dns_name_text(&records->question.name, name),
	                      dns_type_text(records->question.type, type), lines);

	if (strncmp(text, wanted, (size_t)length) != 0 || strncmp(text + length, "opt ", 4) != 0)
		assert_string_equal(text, wanted);
}
