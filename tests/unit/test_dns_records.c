/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
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
#define HEAD "header 1 qr rd ra\n"
#define Q HEAD "question a.example. A\n"

static const struct {
	const char *message;
	const char *error;
} broken[] = {
	{"header 1 rd\nquestion a.example. A\n", "not an answer to a query"},
	{"header 1 qr opcode=5\nquestion a.example. A\n", "not an answer to a query"},
	{HEAD, "an answer with 0 questions"},
	{Q "question a.example. A\n", "an answer with 2 questions"},
	{HEAD "question b.example. A\n", "an answer to another question"},
	{HEAD "question a.example. AAAA\n", "an answer to another question"},
	{HEAD "question a.example. A CH\n", "an answer to another question"},
	{Q "answer a.example. 1 TYPE1 0a0000\n",
         "broken answer: byte 48: data that is not its type's"},
	{Q "answer a.example. 1 TYPE1 0a00000001\n",
         "broken answer: byte 48: data that is not its type's"},
	{Q "answer a.example. 1 TYPE28 0a000001\n",
         "broken answer: byte 48: data that is not its type's"},
	{Q "answer a.example. 1 TYPE5 c0\n", "broken answer: byte 48: data that is not its type's"},
	{Q "answer a.example. 1 TYPE5 c030\n",
         "broken answer: byte 48: data that is not its type's"},
	{Q "answer a.example. 1 TYPE33 00000000\n",
         "broken answer: byte 48: data that is not its type's"},
	{Q "answer a.example. 1 TYPE35 0000000005\n",
         "broken answer: byte 48: data that is not its type's"},
	{Q "opt 1232\nopt 1232\n", "broken answer: byte 38: an OPT where none may be"},
	{Q "answer . 0 TYPE41 -\n", "broken answer: byte 27: an OPT where none may be"},
	{Q "additional a. 0 TYPE41 -\n", "broken answer: byte 27: an OPT where none may be"},
	{Q "additional . 0 TYPE41 000f0003\n", "broken answer: byte 38: an option that is cut off"},
};

static void a_broken_message_is_refused_with_the_reason(void **state)
{
	struct dns_question question = {.type = DNS_TYPE_A};
	(void)state;
	assert_int_equal(dns_name_parse("a.example", &question.name), 0);
	for (size_t i = 0; i < COUNT(broken); i++) {
		struct dns_records records;
		struct error err = {0};
		size_t size;
		uint8_t *message = message_new(broken[i].message, &size);
		int r = dns_records_read(message, size, &question, arena, &records, &err);
		if (r != -EBADMSG || strcmp(err.text, broken[i].error) != 0)
			fail_msg("%s%d %s", broken[i].message, r, err.text);
		free(message);
	}
}

static void a_cut_message_is_refused(void **state)
{
	static const char text[] = Q "answer a.example. 1 CNAME b.example.\n"
				     "authority example. 1 SOA a. b. 1 2 3 4 5\n"
				     "opt 1232 ede=18:no\n";
	struct dns_question question = question_of(text);
	size_t size;
	uint8_t *message = message_new(text, &size);
	(void)state;
	for (size_t cut = 0; cut < size; cut++) {
		struct dns_records records;
		uint8_t *head = malloc(cut ? cut : 1);
		assert_non_null(head);
		memcpy(head, message, cut);
		assert_int_equal(dns_records_read(head, cut, &question, arena, &records, NULL),
		                 -EBADMSG);
		free(head);
	}
	free(message);
}

static void what_stands_behind_the_last_record_is_passed_over(void **state)
{
	struct dns_records records;
	(void)state;
	records_of(Q "answer a.example. 1 A 1.2.3.4\nhex 010203\n", arena, &records);
	assert_int_equal(records.count, 1);
}

static void the_question_may_come_back_in_another_case(void **state)
{
	static const char text[] = HEAD "question A.eXample. A\n";
	struct dns_question question = question_of(Q);
	struct dns_records records;
	size_t size;
	uint8_t *message = message_new(text, &size);
	(void)state;
	assert_int_equal(dns_records_read(message, size, &question, arena, &records, NULL), 0);
	assert_memory_equal(records.question.name.wire + 1, "a", 1);
	free(message);
}

/* RFC 2181 §8. */
static void a_ttl_with_the_sign_bit_is_0(void **state)
{
	struct dns_records records;
	(void)state;
	records_of(Q "answer a.example. 2147483647 A 1.2.3.4\n"
	             "answer a.example. 2147483648 A 1.2.3.5\n",
	           arena, &records);
	assert_int_equal(records.list[0].ttl, 2147483647);
	assert_int_equal(records.list[1].ttl, 0);
}

static void the_opt_gives_the_rcode_and_errors(void **state)
{
	struct dns_records records;
	(void)state;
	records_of("header 1 qr rcode=7\nquestion a.example. A\n"
	           "opt 1232 high=1 cookie=0001020304050607 ede=18:no ede=3:\n",
	           arena, &records);
	assert_true(records.edns);
	assert_int_equal(records.count, 0);
	assert_int_equal(records.rcode, DNS_RCODE_BADCOOKIE);
	assert_int_equal(records.ede_size, 8 + 6);
	assert_memory_equal(records.ede, "\0\17\0\4\0\22no\0\17\0\2\0\3", 14);
}

static void errors_that_find_no_room_are_left_out(void **state)
{
	struct dns_records records;
	char text[1024];
	(void)state;
	(void)snprintf(text, sizeof(text), "%sopt 1232 ede=1:%0200d ede=2:%0100d ede=3:x\n", Q, 0,
	               0);
	records_of(text, arena, &records);
	assert_int_equal(records.ede_size, 6 + 200 + 7);
}

/* Data whose names point to the question at 12, "a.example.", and to "example." at 14. */
static void names_in_data_are_written_out(void **state)
{
	static const struct {
		const char *record, *data;
	} rows[] = {
		{"TYPE5 0162c00e", "CNAME b.example."},
		{"TYPE15 000ac00c", "MX 10 a.example."},
		{"TYPE6 c00c0162c00e0000000100000002000000030000000400000005",
	         "SOA a.example. b.example. 1 2 3 4 5"},
		{"TYPE33 000100020003c00c", "SRV 1 2 3 a.example."},
		{"TYPE35 00010002017301740172c00c", "NAPTR 1 2 s t r a.example."},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[256], expected[256];
		(void)snprintf(text, sizeof(text),
		               "header 1 qr\nquestion a.example. ANY\nanswer a.example. 9 %s\n",
		               rows[i].record);
		(void)snprintf(expected, sizeof(expected),
		               "header 2 qr ra\nquestion a.example. ANY\nanswer a.example. 9 %s\n",
		               rows[i].data);
		const struct dns_reply_form form = {.now = 1000, .ede = DNS_EDE_NONE, .limit = 512};
		const struct dns_answer *answer = answer_of(text, arena);
		assert_string_equal(
			reply_text("header 2\nquestion a.example. ANY\n", answer, &form), expected);
	}
}

static void more_records_than_4096_are_refused(void **state)
{
	static uint8_t message[MESSAGE_MAX];
	struct dns_question question = question_of("header 1 qr\nquestion . TXT\n");
	struct dns_records records;
	struct error err = {0};
	size_t size = message_write("header 1 qr\nquestion . TXT\n", message);
	(void)state;
	for (unsigned i = 0; i <= DNS_RECORDS_MAX; i++, size += 11) {
		memset(message + size, 0, 11);
		dns_put_u16(message + size + 1, DNS_TYPE_TXT);
		dns_put_u16(message + size + 3, DNS_CLASS_IN);
	}
	dns_put_u16(message + 6, DNS_RECORDS_MAX);
	assert_int_equal(dns_records_read(message, size, &question, arena, &records, &err), 0);
	assert_int_equal(records.count, DNS_RECORDS_MAX);
	dns_put_u16(message + 6, DNS_RECORDS_MAX + 1);
	assert_int_equal(dns_records_read(message, size, &question, arena, &records, &err),
	                 -EBADMSG);
	assert_non_null(strstr(err.text, "too many records"));
}

static void plugins_add_records_one_by_one(void **state)
{
	struct dns_question question = question_of(Q);
	struct dns_records records;
	uint8_t address[4] = {10, 0, 0, 1};
	struct dns_record record = {
		.owner = question.name,
		.type = DNS_TYPE_A,
		.class = DNS_CLASS_IN,
		.data = address,
		.data_size = sizeof(address),
	};
	(void)state;
	dns_records_begin(&records, &question, arena);
	for (unsigned i = 0; i < DNS_RECORDS_MAX; i++, address[3]++)
		assert_int_equal(dns_records_add(&records, &record), 0);
	assert_int_equal(dns_records_add(&records, &record), -E2BIG);
	for (unsigned i = 0; i < DNS_RECORDS_MAX; i++)
		assert_int_equal(records.list[i].data[3], (i + 1) & 0xff);
}

static void lack_of_memory_is_told(void **state)
{
	static const char text[] = Q "answer a.example. 1 CNAME b.example.\n";
	struct dns_question question = question_of(text);
	size_t size;
	uint8_t *message = message_new(text, &size);
	int r = -ENOMEM;
	(void)state;
	for (size_t ceiling = 0; r < 0; ceiling += 16) {
		struct arena *small = arena_new(ceiling);
		struct dns_records records;
		r = dns_records_read(message, size, &question, small, &records, NULL);
		if (r == 0)
			r = dns_records_scrub(&records);
		assert_true(r == 0 || r == -ENOMEM);
		arena_free(small);
	}
	free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broken_message_is_refused_with_the_reason),
		cmocka_unit_test(a_cut_message_is_refused),
		cmocka_unit_test(what_stands_behind_the_last_record_is_passed_over),
		cmocka_unit_test(the_question_may_come_back_in_another_case),
		cmocka_unit_test(a_ttl_with_the_sign_bit_is_0),
		cmocka_unit_test(the_opt_gives_the_rcode_and_errors),
		cmocka_unit_test(errors_that_find_no_room_are_left_out),
		cmocka_unit_test(names_in_data_are_written_out),
		cmocka_unit_test(more_records_than_4096_are_refused),
		cmocka_unit_test(plugins_add_records_one_by_one),
		cmocka_unit_test(lack_of_memory_is_told),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
