/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dnscache/wire/query.h"
#include "tests/unit/dns_messages.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define Q "question www.Example. A\n"
#define L60 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz12345678"
#define LONGEST L60 "abc." L60 "abc." L60 "abc." L60 "a."

static const struct {
	const char *sentence;
	const char *message;
	enum dns_query_verdict verdict;
} verdicts[] = {
	{"a plain query", "header 1 rd\n" Q, DNS_QUERY_GOOD},
	{"one for the root", "header 1\nquestion . NS\n", DNS_QUERY_GOOD},
	{"the longest name", "header 1\nquestion " LONGEST " A\n", DNS_QUERY_GOOD},
	{"with EDNS", "header 1\n" Q "opt 1232 do\n", DNS_QUERY_GOOD},
	{"an unknown option", "header 1\n" Q "opt 1232 option=65001:0102\n", DNS_QUERY_GOOD},
	{"ANY is a type that may be asked for", "header 1\nquestion a. ANY\n", DNS_QUERY_GOOD},
	{"so is one nobody knows", "header 1\nquestion a. TYPE65280\n", DNS_QUERY_GOOD},
	{"reserved flags don't matter", "header 1 z aa tc ra rcode=9\n" Q, DNS_QUERY_GOOD},
	{"a signature is a record like others",
         "header 1\n" Q "opt 1232\nadditional key. 0 TSIG 00\n", DNS_QUERY_GOOD},
	{"records in other sections are passed over",
         "header 1\n" Q "answer a. 1 A 1.2.3.4\nauthority a. 1 NS b.\n", DNS_QUERY_GOOD},
	{"the client's cookie", "header 1\n" Q "opt 1232 cookie=0001020304050607\n",
         DNS_QUERY_GOOD},

	{"an answer", "header 1 qr\n" Q, DNS_QUERY_DROP},
	{"an answer, broken as well", "header 1 qr\nhex ff\n", DNS_QUERY_DROP},

	{"no question", "header 1\n", DNS_QUERY_FORMERR},
	{"two questions", "header 1\n" Q Q, DNS_QUERY_FORMERR},
	{"bytes behind the question", "header 1\n" Q "hex 00\n", DNS_QUERY_FORMERR},
	{"bytes behind the OPT", "header 1\n" Q "opt 1232\nhex 00\n", DNS_QUERY_FORMERR},
	{"two OPT", "header 1\n" Q "opt 1232\nopt 1232\n", DNS_QUERY_FORMERR},
	{"an OPT that isn't the root's", "header 1\n" Q "additional a. 0 OPT -\n",
         DNS_QUERY_FORMERR},
	{"an OPT among the answers", "header 1\n" Q "answer . 0 OPT -\n", DNS_QUERY_FORMERR},
	{"half an option", "header 1\n" Q "additional . 0 OPT 000a00\n", DNS_QUERY_FORMERR},
	{"an option that is longer than the OPT", "header 1\n" Q "additional . 0 OPT 000a0001\n",
         DNS_QUERY_FORMERR},
	{"a cookie too short", "header 1\n" Q "opt 1232 cookie=00010203040506\n",
         DNS_QUERY_FORMERR},
	{"a cookie of a size between", "header 1\n" Q "opt 1232 cookie=000102030405060708\n",
         DNS_QUERY_FORMERR},
	{"a cookie too long",
         "header 1\n" Q "opt 1232 cookie=0001020304050607"
         "0001020304050607000102030405060700010203040506070001020304050607"
         "00\n",
         DNS_QUERY_FORMERR},

	{"a name that is too long", "header 1\nquestion a." LONGEST " A\n", DNS_QUERY_FORMERR},

	{"a status request", "header 1 opcode=2\n" Q, DNS_QUERY_NOTIMP},
	{"an update", "header 1 opcode=5\nquestion a. SOA\nauthority b.a. 0 A 1.2.3.4\n",
         DNS_QUERY_NOTIMP},
	{"stateful operations have no question", "header 1 opcode=6\n", DNS_QUERY_NOTIMP},

	{"class CHAOS", "header 1\nquestion version.bind. TXT CH\n", DNS_QUERY_REFUSED},
	{"class ANY", "header 1\nquestion a. A ANY\n", DNS_QUERY_REFUSED},
	{"a zone transfer", "header 1\nquestion a. AXFR\n", DNS_QUERY_REFUSED},
	{"an incremental one", "header 1\nquestion a. IXFR\nauthority a. 0 SOA a. a. 1 2 3 4 5\n",
         DNS_QUERY_REFUSED},
	{"OPT is nothing to ask for", "header 1\nquestion a. OPT\n", DNS_QUERY_REFUSED},
	{"nor is a transaction key", "header 1\nquestion a. TKEY\n", DNS_QUERY_REFUSED},
	{"nor is type 0", "header 1\nquestion a. TYPE0\n", DNS_QUERY_REFUSED},

	{"EDNS version 1", "header 1\n" Q "opt 1232 version=1\n", DNS_QUERY_BADVERS},
	{"whose options may look otherwise", "header 1\n" Q "opt 1232 version=1 cookie=00\n",
         DNS_QUERY_BADVERS},
};

static void verdicts_are_given(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(verdicts); i++) {
		struct dns_query query;
		size_t size;
		uint8_t *message = message_new(verdicts[i].message, &size);
		enum dns_query_verdict verdict = dns_query_read(message, size, &query);
		if (verdict != verdicts[i].verdict)
			fail_msg("%s: %d", verdicts[i].sentence, verdict);
		free(message);
	}
}

static void names_that_are_none_are_format_errors(void **state)
{
	static const char *const names[] = {
		"c00c",               /* a pointer, even to itself */
		"01610161c00c",       /* behind labels */
		"4001020304",         /* 64 */
		"8061",               /* reserved */
		"0561",               /* behind the end */
		"",                   /* nothing */
		"0161",               /* no end */
		"016100",             /* no type */
		"01610000010001010a", /* something behind it */
	};
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		char text[128];
		struct dns_query query;
		size_t size;
		(void)snprintf(text, sizeof(text), "header 7 rd\nhex %s\n",
		               names[i][0] ? names[i] : "-");
		uint8_t *message = message_new(text, &size);
		dns_put_u16(message + 4, 1);
		assert_int_equal(dns_query_read(message, size, &query), DNS_QUERY_FORMERR);
		assert_int_equal(query.id, 7);
		free(message);
	}
}

static void runts_are_dropped(void **state)
{
	static const uint8_t zeros[DNS_HEADER_SIZE];
	struct dns_query query;
	(void)state;
	for (size_t size = 0; size < DNS_HEADER_SIZE; size++)
		assert_int_equal(dns_query_read(zeros, size, &query), DNS_QUERY_DROP);
}

/* No matter where: what is cut off is a format error, or a runt. */
static void cut_queries_are_format_errors(void **state)
{
	static const char *const texts[] = {
		"header 1 rd\n" Q "opt 1232 do cookie=0001020304050607 option=3:00\n",
		"header 1 rd\n" Q "answer a.b. 1 A 1.2.3.4\nadditional key. 0 TSIG 0001\n",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		size_t size;
		uint8_t *message = message_new(texts[i], &size);
		for (size_t cut = 0; cut < size; cut++) {
			struct dns_query query;
			uint8_t *head = malloc(cut ? cut : 1);
			assert_non_null(head);
			memcpy(head, message, cut);
			assert_int_equal(dns_query_read(head, cut, &query),
			                 cut < DNS_HEADER_SIZE ? DNS_QUERY_DROP
			                                       : DNS_QUERY_FORMERR);
			free(head);
		}
		free(message);
	}
}

static void what_a_query_says_is_read(void **state)
{
	struct dns_query query;
	char text[DNS_NAME_TEXT_MAX];
	size_t size;
	uint8_t *message = message_new("header 4660 rd cd\nquestion wWw.EXAMPLE. AAAA\n"
	                               "opt 4096 do keepalive cookie=0001020304050607\n",
	                               &size);
	(void)state;
	assert_int_equal(dns_query_read(message, size, &query), DNS_QUERY_GOOD);
	assert_int_equal(query.id, 4660);
	assert_int_equal(query.flags, DNS_FLAG_RD | DNS_FLAG_CD);
	assert_int_equal(query.type, DNS_TYPE_AAAA);
	assert_string_equal(dns_name_text(&query.name, text), "www.example.");
	assert_memory_equal(message + DNS_HEADER_SIZE + 1, "wWw", 3);
	assert_true(query.edns.present && query.edns.dnssec_ok && query.edns.keepalive);
	assert_int_equal(query.edns.udp_size, 4096);
	assert_int_equal(query.edns.cookie_size, 8);
	assert_memory_equal(query.edns.cookie, "\0\1\2\3\4\5\6\7", 8);
	assert_int_equal(dns_query_body(&query), DNS_HEADER_SIZE + 13 + 4);
	free(message);
}

/* RFC 6891 §6.2.5; a query without EDNS, likewise. */
static void a_client_takes_512_bytes_at_least(void **state)
{
	static const char *const texts[] = {
		"header 1\n" Q,
		"header 1\n" Q "opt 0\n",
		"header 1\n" Q "opt 511\n",
		"header 1\n" Q "opt 512\n",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct dns_query query;
		size_t size;
		uint8_t *message = message_new(texts[i], &size);
		assert_int_equal(dns_query_read(message, size, &query), DNS_QUERY_GOOD);
		assert_int_equal(query.edns.udp_size, DNS_UDP_PLAIN);
		free(message);
	}
}

static void an_error_still_knows_the_question(void **state)
{
	static const char *const texts[] = {
		"header 1\n" Q "hex 00\n",
		"header 1 opcode=2\n" Q,
		"header 1\nquestion www.Example. A CH\n",
		"header 1\n" Q "opt 1232 version=9\n",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct dns_query query;
		size_t size;
		uint8_t *message = message_new(texts[i], &size);
		assert_int_not_equal(dns_query_read(message, size, &query), DNS_QUERY_GOOD);
		assert_int_equal(query.name.length, 13);
		assert_int_equal(query.type, DNS_TYPE_A);
		free(message);
	}
}

static void the_question_for_upstream_is_ours_alone(void **state)
{
	struct dns_question question = {.type = DNS_TYPE_AAAA};
	uint8_t out[DNS_UPSTREAM_QUERY_MAX];
	(void)state;
	assert_int_equal(dns_name_parse("wWw.example", &question.name), 0);
	size_t size = dns_question_write(&question, 4660, 1232, true, out);
	assert_string_equal(message_text(out, size),
	                    "header 4660 rd ad\nquestion wWw.example. AAAA\nopt 1232\n");
	question.dnssec_ok = true;
	question.checking_disabled = true;
	size = dns_question_write(&question, 4660, 4096, true, out);
	assert_string_equal(message_text(out, size),
	                    "header 4660 rd ad cd\nquestion wWw.example. AAAA\nopt 4096 do\n");
	size = dns_question_write(&question, 4660, 4096, false, out);
	assert_string_equal(message_text(out, size),
	                    "header 4660 rd ad cd\nquestion wWw.example. AAAA\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_are_given),
		cmocka_unit_test(names_that_are_none_are_format_errors),
		cmocka_unit_test(runts_are_dropped),
		cmocka_unit_test(cut_queries_are_format_errors),
		cmocka_unit_test(what_a_query_says_is_read),
		cmocka_unit_test(a_client_takes_512_bytes_at_least),
		cmocka_unit_test(an_error_still_knows_the_question),
		cmocka_unit_test(the_question_for_upstream_is_ours_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
