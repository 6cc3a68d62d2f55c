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
#define Q "question a.example. A\n"
#define OK "header 1 qr ra\n" Q
#define A(ttl) "answer a.example. " ttl " A 10.0.0.1\n"
#define SOA(ttl, minimum) "authority example. " ttl " SOA n. r. 1 2 3 4 " minimum "\n"

static const struct {
	const char *sentence;
	const char *message;
	enum dns_answer_kind kind;
	unsigned lifetime; /* limits: success 10..1000, denial 20..100, failure 5 */
	unsigned first_ttl;
} kinds[] = {
	{"an address", OK A("60"), DNS_KIND_SUCCESS, 60, 60},
	{"the least TTL of the answer", OK A("60") "answer a.example. 50 A 10.0.0.2\n",
         DNS_KIND_SUCCESS, 50, 60},
	{"of a chain, too", OK "answer a.example. 40 CNAME b.\nanswer b. 60 A 10.0.0.1\n",
         DNS_KIND_SUCCESS, 40, 40},
	{"signatures count", OK A("60") "answer a.example. 30 RRSIG A 8 2 300 1 2 3 example. 00\n",
         DNS_KIND_SUCCESS, 30, 60},
	{"servers' TTLs don't", OK A("60") "authority example. 30 NS n.\n", DNS_KIND_SUCCESS, 60,
         60},
	{"no longer than the limit", OK A("5000"), DNS_KIND_SUCCESS, 1000, 1000},
	{"no less than the minimum", OK A("0"), DNS_KIND_SUCCESS, 10, 10},
	{"truncated", "header 1 qr tc\n" Q A("60"), DNS_KIND_SUCCESS, 0, 60},

	{"no data", OK SOA("60", "70"), DNS_KIND_DENIAL, 60, 60},
	{"the SOA's minimum", OK SOA("60", "50"), DNS_KIND_DENIAL, 50, 50},
	{"no longer than its limit", OK SOA("600", "500"), DNS_KIND_DENIAL, 100, 100},
	{"no less than its minimum", OK SOA("600", "5"), DNS_KIND_DENIAL, 20, 20},
	{"no data without a SOA", OK, DNS_KIND_DENIAL, 0, 0},
	{"a name that isn't there", "header 1 qr rcode=3\n" Q SOA("60", "70"), DNS_KIND_DENIAL, 60,
         60},
	{"without a SOA", "header 1 qr rcode=3\n" Q, DNS_KIND_DENIAL, 0, 0},
	{"at the end of a chain",
         "header 1 qr rcode=3\n" Q "answer a.example. 40 CNAME b.example.\n" SOA("60", "70"),
         DNS_KIND_DENIAL, 40, 40},
	{"no data at the end of a chain",
         OK "answer a.example. 40 CNAME b.example.\n" SOA("60", "30"), DNS_KIND_DENIAL, 30, 40},

	{"server failure", "header 1 qr rcode=2\n" Q, DNS_KIND_FAILURE, 5, 0},
	{"not implemented", "header 1 qr rcode=4\n" Q, DNS_KIND_FAILURE, 5, 0},
	{"refused", "header 1 qr rcode=5\n" Q, DNS_KIND_OTHER, 0, 0},
	{"an extended rcode", "header 1 qr rcode=3\n" Q "opt 512 high=1\n", DNS_KIND_OTHER, 0, 0},
};

static void kinds_and_lifetimes(void **state)
{
	static const struct dns_lifetimes lifetimes = {
		.success_min = 10,
		.success_max = 1000,
		.denial_min = 20,
		.denial_max = 100,
		.failure = 5,
	};
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct dns_records records;
		struct dns_answer *answer;
		records_of(kinds[i].message, arena, &records);
		assert_int_equal(dns_answer_pack(&records, &lifetimes, 7, arena, &answer), 0);
		if (answer->kind != kinds[i].kind || answer->lifetime != kinds[i].lifetime)
			fail_msg("%s: %u, %u s", kinds[i].sentence, answer->kind, answer->lifetime);
		if (answer->ttl_count > 0) {
			size_t at = dns_answer_ttl_at(answer)[0] -
			            (DNS_HEADER_SIZE + answer->name_length + 4u);
			assert_int_equal(dns_u32(dns_answer_body(answer) + at), kinds[i].first_ttl);
		}
		assert_int_equal(dns_answer_fresh(answer, 7), answer->lifetime > 0);
		assert_false(dns_answer_fresh(answer, 7 + answer->lifetime));
	}
}

/* The body's bytes. 0c: the question's name, 0e: "example." in it. */
static const struct {
	const char *sentence;
	const char *records;
	const char *hex;
} bodies[] = {
	{"the owner is the question's name", A("1"), "c00c 0001 0001 00000001 0004 0a000001"},
	{"whatever its case", "answer A.EXAMPLE. 1 A 10.0.0.1\n",
         "c00c 0001 0001 00000001 0004 0a000001"},
	{"an alias inside the zone, and its address",
         "answer a.example. 1 CNAME b.example.\nanswer b.example. 1 A 10.0.0.1\n",
         "c00c 0005 0001 00000001 0004 0162c00e c027 0001 0001 00000001 0004 0a000001"},
	{"the names of a SOA", "authority example. 1 SOA n.example. r.n.example. 1 2 3 4 5\n",
         "c00e 0006 0001 00000001 001c 016ec00e 0172c027"
         "00000001 00000002 00000003 00000004 00000005"},
	{"the root is no pointer", "authority . 1 NS .\n", "00 0002 0001 00000001 0001 00"},
	{"names in newer types are written out",
         "answer a.example. 1 CNAME example.\nanswer example. 1 A 1.2.3.4\n"
         "authority example. 1 DS 1 2 3 aa\n",
         "c00c 0005 0001 00000001 0002 c00e c00e 0001 0001 00000001 0004 01020304"
         "c00e 002b 0001 00000001 0005 00010203aa"},
};

static void names_are_compressed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		char message[512];
		uint8_t bytes[256] = {0};
		size_t size = 0;
		(void)snprintf(message, sizeof(message), OK "%s", bodies[i].records);
		const struct dns_answer *answer = answer_of(message, arena);
		for (const char *at = bodies[i].hex; *at; at += 2 + strspn(at + 2, " ")) {
			char digits[3] = {at[0], at[1]};
			bytes[size++] = (uint8_t)strtoul(digits, NULL, 16);
		}
		if (answer->body_size != size || memcmp(dns_answer_body(answer), bytes, size) != 0)
			fail_msg("%s", bodies[i].sentence);
	}
}

/* RFC 2782, RFC 3597 §4. */
static void a_services_target_is_not_compressed(void **state)
{
	const struct dns_answer *answer = answer_of("header 1 qr\nquestion a.example. SRV\n"
	                                            "answer a.example. 1 SRV 1 2 3 a.example.\n",
	                                            arena);
	(void)state;
	assert_int_equal(answer->body_size, 2 + 10 + 6 + 11);
}

/* Offsets of more than 14 bits can't be pointed to: names further behind are written again. */
static void names_beyond_16_kib_are_no_targets(void **state)
{
	static char message[1 << 20];
	int used = snprintf(message, sizeof(message), "header 1 qr\nquestion a.example. MX\n");
	(void)state;
	for (unsigned i = 0; i < 1200; i++)
		used += snprintf(message + used, sizeof(message) - (size_t)used,
		                 "answer a.example. 1 MX %u mail%u.far.test.\n", i, i % 1100);
	const struct dns_answer *answer = answer_of(message, arena);
	const struct dns_reply_form form = {
		.now = 1000, .ede = DNS_EDE_NONE, .limit = DNS_MESSAGE_MAX};
	const char *text = reply_text("header 2\nquestion a.example. MX\n", answer, &form);
	assert_non_null(strstr(text, "MX 1099 mail1099.far.test.\n"));
	assert_non_null(strstr(text, "MX 1199 mail99.far.test.\n"));
	assert_true(answer->body_size > 0x4000);
}

static void what_becomes_too_long_is_refused(void **state)
{
	static const uint8_t text[60000] = {0};
	struct dns_question question = question_of("header 1\nquestion a. TXT\n");
	const struct dns_lifetimes lifetimes = {.success_max = 1};
	struct dns_records records;
	struct dns_answer *answer;
	struct dns_record record = {
		.owner = question.name,
		.type = DNS_TYPE_TXT,
		.class = DNS_CLASS_IN,
		.data = text,
		.data_size = 60000,
	};
	(void)state;
	dns_records_begin(&records, &question, arena);
	assert_int_equal(dns_records_add(&records, &record), 0);
	record.data_size = DNS_MESSAGE_MAX - (DNS_HEADER_SIZE + 7) - (60000 + 12) - 12;
	assert_int_equal(dns_records_add(&records, &record), 0);
	assert_int_equal(dns_answer_pack(&records, &lifetimes, 0, arena, &answer), 0);
	assert_true(answer->size <= DNS_ANSWER_MAX);
	records.list[1].data_size++;
	assert_int_equal(dns_answer_pack(&records, &lifetimes, 0, arena, &answer), -EMSGSIZE);
}

static void only_answers_that_can_turn_are_marked(void **state)
{
	static const struct {
		const char *message;
		bool rotate;
	} rows[] = {
		{OK A("1"), false},
		{OK A("1") "answer a.example. 1 A 10.0.0.2\n", true},
		{OK "answer a.example. 1 CNAME b.\nanswer b. 1 A 10.0.0.1\n", false},
		{OK "authority example. 1 NS a.\nadditional a. 1 A 10.0.0.1\n"
	            "additional a. 1 A 10.0.0.2\n",
	         false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(answer_of(rows[i].message, arena)->rotate, rows[i].rotate);
}

/* One bit at a time. What is still called sane can be sent without reaching behind anything. */
static void a_block_that_memory_has_changed_is_not_believed(void **state)
{
	static const char message[] = OK "answer a.example. 30 CNAME b.example.\n"
					 "answer b.example. 60 A 10.0.0.1\nopt 512 ede=4:why\n";
	const struct dns_answer *answer = answer_of(message, arena);
	uint8_t query_bytes[64] = {0};
	struct dns_query query;
	unsigned refused = 0;
	(void)state;
	memcpy(query_bytes + 4, "\0\1\0\0\0\0\0\0\1a\7example\0\0\1\0\1", 23);
	assert_int_equal(dns_query_read(query_bytes, 27, &query), DNS_QUERY_GOOD);
	assert_false(dns_answer_sane(answer, answer->size - 8));
	for (size_t bit = 0; bit < 8u * answer->size; bit++) {
		struct dns_answer *copy = malloc(answer->size);
		assert_non_null(copy);
		memcpy(copy, answer, answer->size);
		((uint8_t *)copy)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (dns_answer_sane(copy, answer->size)) {
			const struct dns_reply_form form = {
				.now = 1010, .ede = DNS_EDE_NONE, .limit = 40 + bit % 500};
			uint8_t *out = malloc(form.limit);
			assert_non_null(out);
			assert_true(dns_reply(&query, copy, &form, out) <= form.limit);
			free(out);
		} else {
			refused++;
		}
		free(copy);
	}
	assert_true(refused > 100);
}

/* Each worker looks at the clock for itself: what another one has just put into the cache may have
 * come a moment after this one's. */
static void an_answer_that_comes_from_a_moment_ahead_is_new(void **state)
{
	(void)state;
	static const struct {
		const char *sentence;
		uint32_t now, age;
		bool fresh;
	} moments[] = {
		{"as it comes", 1000, 0, true},
		{"by a clock that is behind", 999, 0, true},
		{"by one that stood still for a while", 992, 0, true},
		{"a second later", 1001, 1, true},
		{"at the end of its time", 1060, 60, false},
		{"in memory that somebody has changed", 900, UINT32_MAX - 99, false},
	};
	const struct dns_answer answer = {.born = 1000, .lifetime = 60};
	for (size_t i = 0; i < COUNT(moments); i++) {
		if (dns_answer_age(&answer, moments[i].now) != moments[i].age ||
		    dns_answer_fresh(&answer, moments[i].now) != moments[i].fresh)
			fail_msg("%s", moments[i].sentence);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_and_lifetimes),
		cmocka_unit_test(names_are_compressed),
		cmocka_unit_test(a_services_target_is_not_compressed),
		cmocka_unit_test(names_beyond_16_kib_are_no_targets),
		cmocka_unit_test(what_becomes_too_long_is_refused),
		cmocka_unit_test(only_answers_that_can_turn_are_marked),
		cmocka_unit_test(a_block_that_memory_has_changed_is_not_believed),
		cmocka_unit_test(an_answer_that_comes_from_a_moment_ahead_is_new),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
