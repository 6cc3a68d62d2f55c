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
#define Q "question a.example. A\n"
#define A1 "answer a.example. 300 A 10.0.0.1\n"
#define A1_REPLY "header 7 qr rd ra\n" Q A1

static const struct dns_reply_form plain = {
	.now = 1000,
	.ede = DNS_EDE_NONE,
	.limit = DNS_UDP_DEFAULT,
	.udp_size = DNS_UDP_DEFAULT,
};

static void the_question_comes_back_as_it_was_asked(void **state)
{
	const struct dns_answer *answer = answer_of("header 1 qr ra\n" Q A1, arena);
	(void)state;
	assert_string_equal(reply_text("header 7 rd\nquestion A.eXAMPLE. A\n", answer, &plain),
	                    "header 7 qr rd ra\nquestion A.eXAMPLE. A\n"
	                    "answer A.eXAMPLE. 300 A 10.0.0.1\n");
}

/* Upstream's answer; the query; whether it is fresh; flags of the reply. */
static const struct {
	const char *upstream, *query;
	bool fresh;
	const char *flags;
} flag_rows[] = {
	{"qr ra", "", false, "qr ra"},
	{"qr ra", "rd", false, "qr rd ra"},
	{"qr rd", "cd", false, "qr ra cd"},
	{"qr aa ra", "", true, "qr aa ra"},
	{"qr aa ra", "", false, "qr ra"},
	{"qr ra ad", "", false, "qr ra"},
	{"qr ra ad", "ad", false, "qr ra ad"},
	{"qr ra", "ad", false, "qr ra"},
	{"qr ra cd", "", false, "qr ra"},
	{"qr tc ra", "", false, "qr tc ra"},
	{"qr ra rcode=3", "", false, "qr ra rcode=3"},
	{"qr ra", "z aa tc ra rcode=5", false, "qr ra"},
};

static void flags_are_the_clients_upstreams_and_ours(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(flag_rows); i++) {
		struct dns_reply_form form = plain;
		char upstream[128], query[128], expected[128];
		(void)snprintf(upstream, sizeof(upstream), "header 1 %s\n" Q,
		               flag_rows[i].upstream);
		(void)snprintf(query, sizeof(query), "header 7 %s\n" Q, flag_rows[i].query);
		(void)snprintf(expected, sizeof(expected), "header 7 %s\n" Q, flag_rows[i].flags);
		form.fresh = flag_rows[i].fresh;
		assert_string_equal(reply_text(query, answer_of(upstream, arena), &form), expected);
	}
}

static void ad_is_told_to_who_asks_for_dnssec(void **state)
{
	const struct dns_answer *answer = answer_of("header 1 qr ra ad\n" Q, arena);
	(void)state;
	assert_string_equal(reply_text("header 7\n" Q "opt 1232 do\n", answer, &plain),
	                    "header 7 qr ra ad\n" Q "opt 1232 do\n");
}

static const struct {
	const char *sentence;
	struct dns_reply_form form;
	unsigned ttls[3]; /* of records that came with 0, 30 and 300 at second 1000 */
} ttl_rows[] = {
	{"at once", {.now = 1000}, {0, 30, 300}},
	{"later", {.now = 1010}, {0, 20, 290}},
	{"in its last second", {.now = 1029}, {0, 1, 271}},
	{"when one is over", {.now = 1030}, {0, 0, 270}},
	{"much later", {.now = 90000}, {0, 0, 0}},
	{"keepttl", {.now = 1200, .keep_ttl = true}, {0, 30, 300}},
	{"stale, half of it", {.now = 1100, .stale_ttl = 25}, {0, 25, 25}},
	{"stale, nearly over", {.now = 1290, .stale_ttl = 25}, {0, 25, 10}},
	{"stale, all of it", {.now = 9000, .stale_ttl = 60}, {0, 30, 60}},
};

static void every_record_decays_by_itself(void **state)
{
	const struct dns_answer *answer =
		answer_of("header 1 qr ra\n" Q "answer a.example. 0 A 10.0.0.1\n"
	                  "answer a.example. 30 A 10.0.0.2\nanswer a.example. 300 A 10.0.0.3\n",
	                  arena);
	(void)state;
	for (size_t i = 0; i < COUNT(ttl_rows); i++) {
		struct dns_reply_form form = ttl_rows[i].form;
		char expected[256];
		form.ede = DNS_EDE_NONE;
		form.limit = DNS_UDP_PLAIN;
		(void)snprintf(expected, sizeof(expected),
		               "header 7 qr rd ra\n" Q "answer a.example. %u A 10.0.0.1\n"
		               "answer a.example. %u A 10.0.0.2\nanswer a.example. %u A 10.0.0.3\n",
		               ttl_rows[i].ttls[0], ttl_rows[i].ttls[1], ttl_rows[i].ttls[2]);
		const char *text = reply_text("header 7 rd\n" Q, answer, &form);
		if (strcmp(text, expected) != 0)
			fail_msg("%s:\n%s", ttl_rows[i].sentence, text);
	}
}

static void options_are_answered(void **state)
{
	static const uint8_t cookie[16] = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
	                                   0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7};
	const struct dns_answer *bare = answer_of("header 1 qr ra\n" Q A1, arena);
	const struct dns_answer *full = answer_of(
		"header 1 qr ra\n" Q A1 "opt 512 cookie=00010203040506070809 ede=9:up\n", arena);
	struct dns_reply_form form = plain;
	(void)state;
	assert_string_equal(reply_text("header 7 rd\n" Q, full, &form), A1_REPLY);
	assert_string_equal(reply_text("header 7 rd\n" Q "opt 4096\n", bare, &form),
	                    A1_REPLY "opt 1232\n");
	assert_string_equal(reply_text("header 7 rd\n" Q "opt 4096\n", full, &form),
	                    A1_REPLY "opt 1232 ede=9:up\n");
	form.cookie = cookie;
	form.keepalive = 100;
	form.ede = DNS_EDE_STALE;
	assert_string_equal(reply_text("header 7 rd\n" Q "opt 4096\n", full, &form),
	                    A1_REPLY "opt 1232 keepalive=100 ede=3: ede=9:up\n");
	form.ede_text = "old";
	assert_string_equal(
		reply_text("header 7 rd\n" Q "opt 4096 do cookie=0001020304050607\n", full, &form),
		A1_REPLY "opt 1232 do cookie=0001020304050607a0a1a2a3a4a5a6a7b0b1b2b3b4b5b6b7"
			 " keepalive=100 ede=3:old ede=9:up\n");
	assert_string_equal(reply_text("header 7 rd\n" Q, full, &form), A1_REPLY);
}

static void an_extended_rcode_needs_edns(void **state)
{
	const struct dns_answer *answer =
		answer_of("header 1 qr ra rcode=7\n" Q "opt 1232 high=1\n", arena);
	(void)state;
	assert_string_equal(reply_text("header 7\n" Q "opt 1232\n", answer, &plain),
	                    "header 7 qr ra rcode=7\n" Q "opt 1232 high=1\n");
	assert_string_equal(reply_text("header 7\n" Q, answer, &plain),
	                    "header 7 qr ra rcode=2\n" Q);
}

static void an_answer_for_a_name_of_another_length_is_not_sent(void **state)
{
	const struct dns_answer *answer = answer_of("header 1 qr ra\n" Q A1, arena);
	(void)state;
	assert_string_equal(reply_text("header 7\nquestion ab.example. A\n", answer, &plain),
	                    "header 7 qr ra rcode=2\nquestion ab.example. A\n");
}

static void a_failure_goes_with_any_question(void **state)
{
	const struct dns_answer *answer =
		dns_answer_failure(DNS_EDE_NETWORK_ERROR, "timeout", 5, 1000, arena);
	(void)state;
	assert_true(dns_answer_sane(answer, answer->size));
	assert_string_equal(reply_text("header 7\n" Q "opt 1232\n", answer, &plain),
	                    "header 7 qr ra rcode=2\n" Q "opt 1232 ede=23:timeout\n");
	assert_string_equal(reply_text("header 7\nquestion . NS\n", answer, &plain),
	                    "header 7 qr ra rcode=2\nquestion . NS\n");
}

static const struct {
	const char *query;
	uint16_t rcode;
	bool truncated;
	const char *reply;
} empties[] = {
	{"header 7 rd\n" Q, DNS_RCODE_REFUSED, false, "header 7 qr rd ra rcode=5\n" Q},
	{"header 7 rd\n" Q, DNS_RCODE_NOERROR, true, "header 7 qr tc rd ra\n" Q},
	{"header 7 rd\n" Q Q, DNS_RCODE_FORMERR, false, "header 7 qr rd ra rcode=1\n"},
	{"header 7\n", DNS_RCODE_FORMERR, false, "header 7 qr ra rcode=1\n"},
	{"header 7 opcode=5\nquestion a. SOA\n", DNS_RCODE_NOTIMP, false,
         "header 7 qr ra opcode=5 rcode=4\nquestion a. SOA\n"},
	{"header 7\nquestion version.bind. TXT CH\n", DNS_RCODE_REFUSED, false,
         "header 7 qr ra rcode=5\nquestion version.bind. TXT CLASS3\n"},
	{"header 7\n" Q "opt 4096 version=3 do\n", DNS_RCODE_BADVERS, false,
         "header 7 qr ra\n" Q "opt 1232 do high=1 ede=18:no\n"},
	{"header 7\n" Q "opt 4096\n", DNS_RCODE_BADCOOKIE, false,
         "header 7 qr ra rcode=7\n" Q "opt 1232 high=1 ede=18:no\n"},
};

static void errors_are_answered_without_records(void **state)
{
	struct dns_reply_form form = plain;
	(void)state;
	form.ede = DNS_EDE_PROHIBITED;
	form.ede_text = "no";
	for (size_t i = 0; i < COUNT(empties); i++) {
		struct dns_query query;
		size_t size;
		uint8_t *bytes = message_new(empties[i].query, &size);
		uint8_t out[DNS_UDP_DEFAULT];
		(void)dns_query_read(bytes, size, &query);
		size = dns_reply_empty(&query, empties[i].rcode, empties[i].truncated, &form, out);
		assert_string_equal(message_text(out, size), empties[i].reply);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_question_comes_back_as_it_was_asked),
		cmocka_unit_test(flags_are_the_clients_upstreams_and_ours),
		cmocka_unit_test(ad_is_told_to_who_asks_for_dnssec),
		cmocka_unit_test(every_record_decays_by_itself),
		cmocka_unit_test(options_are_answered),
		cmocka_unit_test(an_extended_rcode_needs_edns),
		cmocka_unit_test(an_answer_for_a_name_of_another_length_is_not_sent),
		cmocka_unit_test(a_failure_goes_with_any_question),
		cmocka_unit_test(errors_are_answered_without_records),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
