/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "tests/unit/dns_answers.h"
#include "tests/unit/dns_arena.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SIG(type, signer) "RRSIG " type " 8 2 300 1 2 3 " signer " 00\n"
#define SOA "SOA ns.example. root.example. 1 2 3 4 5\n"

/* Records are written behind the question; what is kept, all of it or these. */
static const struct {
	const char *sentence;
	const char *question;
	const char *records;
	const char *kept; /* NULL: all */
} rows[] = {
	{"the records asked for", "a.example. A",
         "answer a.example. 1 A 10.0.0.1\nanswer A.Example. 1 A 10.0.0.2\n", NULL},
	{"another name", "a.example. A",
         "answer a.example. 1 A 10.0.0.1\nanswer b.example. 1 A 10.0.0.2\n",
         "answer a.example. 1 A 10.0.0.1\n"},
	{"another type", "a.example. A",
         "answer a.example. 1 AAAA ::1\nanswer a.example. 1 A 10.0.0.1\n",
         "answer a.example. 1 A 10.0.0.1\n"},
	{"signatures of what is kept", "a.example. A",
         "answer a.example. 1 A 10.0.0.1\nanswer a.example. 1 " SIG("A", "example."), NULL},
	{"signatures of nothing", "a.example. A",
         "answer a.example. 1 A 10.0.0.1\nanswer a.example. 1 " SIG("AAAA", "example."),
         "answer a.example. 1 A 10.0.0.1\n"},
	{"a signature too short to cover anything", "a.example. A",
         "answer a.example. 1 A 10.0.0.1\nanswer a.example. 1 TYPE46 0001\n",
         "answer a.example. 1 A 10.0.0.1\n"},

	{"a chain", "a.example. A",
         "answer a.example. 1 CNAME b.example.\nanswer b.example. 1 CNAME c.test.\n"
         "answer c.test. 1 A 10.0.0.1\n",
         NULL},
	{"a chain that comes in disorder is put in order", "a.example. A",
         "answer c.test. 1 A 10.0.0.1\nanswer b.example. 1 CNAME c.test.\n"
         "answer a.example. 1 CNAME b.example.\n",
         "answer a.example. 1 CNAME b.example.\nanswer b.example. 1 CNAME c.test.\n"
         "answer c.test. 1 A 10.0.0.1\n"},
	{"a chain signed link by link", "a.example. A",
         "answer a.example. 1 CNAME b.example.\nanswer a.example. 1 " SIG(
		 "CNAME",
		 "example.") "answer b.example. 1 A 10.0.0.1\nanswer b.example. 1 " SIG("A",
                                                                                        "example."),
         NULL},
	{"what doesn't hang on the chain", "a.example. A",
         "answer a.example. 1 CNAME b.example.\nanswer www.bank.test. 1 A 6.6.6.6\n"
         "answer b.example. 1 A 10.0.0.1\nanswer a.example. 1 A 6.6.6.6\n",
         "answer a.example. 1 A 6.6.6.6\n"},
	{"two CNAMEs of one name: the first", "a.example. A",
         "answer a.example. 1 CNAME b.example.\nanswer a.example. 1 CNAME c.example.\n"
         "answer c.example. 1 A 10.0.0.2\nanswer b.example. 1 A 10.0.0.1\n",
         "answer a.example. 1 CNAME b.example.\nanswer b.example. 1 A 10.0.0.1\n"},
	{"a CNAME asked for is not followed", "a.example. CNAME",
         "answer a.example. 1 CNAME b.example.\nanswer b.example. 1 CNAME c.example.\n",
         "answer a.example. 1 CNAME b.example.\n"},
	{"a DNAME and the CNAME made from it", "x.a.example. A",
         "answer a.example. 1 DNAME b.test.\nanswer a.example. 1 " SIG(
		 "DNAME", "example.") "answer x.a.example. 1 CNAME x.b.test.\nanswer x.b.test. 1 A "
                                      "10.0.0.1\n",
         NULL},
	{"a DNAME of a name beside", "x.a.example. A",
         "answer xa.example. 1 DNAME b.test.\nanswer x.a.example. 1 A 10.0.0.1\n",
         "answer x.a.example. 1 A 10.0.0.1\n"},
	{"a DNAME asked for", "a.example. DNAME", "answer a.example. 1 DNAME b.test.\n", NULL},
	{"a DNAME says nothing about its own name", "a.example. A",
         "answer a.example. 1 DNAME b.test.\n", ""},

	{"ANY: all of the name", "a.example. ANY",
         "answer a.example. 1 A 10.0.0.1\nanswer a.example. 1 " SIG(
		 "A", "example.") "answer a.example. 1 TXT x\nanswer b.example. 1 A 10.0.0.2\n",
         "answer a.example. 1 A 10.0.0.1\nanswer a.example. 1 " SIG(
		 "A", "example.") "answer a.example. 1 TXT x\n"},
	{"ANY of an alias isn't followed", "a.example. ANY",
         "answer a.example. 1 CNAME b.example.\nanswer b.example. 1 A 10.0.0.1\n",
         "answer a.example. 1 CNAME b.example.\n"},
	{"signatures asked for", "a.example. RRSIG",
         "answer a.example. 1 " SIG("A", "example.") "answer a.example. 1 " SIG(
		 "TXT", "example.") "answer a.example. 1 A 10.0.0.1\n",
         "answer a.example. 1 " SIG("A", "example.") "answer a.example. 1 " SIG("TXT", "example.")},

	{"the SOA of no data", "a.example. A", "authority example. 1 " SOA, NULL},
	{"of the name itself", "example. A", "authority example. 1 " SOA, NULL},
	{"of the chain's end", "a.example. A",
         "answer a.example. 1 CNAME b.test.\nauthority test. 1 " SOA "authority example. 1 " SOA,
         "answer a.example. 1 CNAME b.test.\nauthority test. 1 " SOA},
	{"one SOA", "a.example. A", "authority example. 1 " SOA "authority a.example. 1 " SOA,
         "authority example. 1 " SOA},
	{"a SOA that isn't above", "example. A", "authority a.example. 1 " SOA, ""},
	{"DS at the parent", "a.example. DS",
         "authority example. 1 " SOA "authority example. 1 " SIG(
		 "SOA", "example.") "authority a.example. 1 NSEC b.example. 00\n"
                                    "authority a.example. 1 " SIG("NSEC", "example."),
         NULL},
	{"proofs that are signed by a zone of the name", "a.example. A",
         "authority example. 1 " SOA "authority z.example. 1 NSEC example. 00\n"
         "authority z.example. 1 " SIG("NSEC", "example."),
         NULL},
	{"proofs of another zone", "a.example. A",
         "authority z.test. 1 NSEC test. 00\nauthority z.test. 1 " SIG("NSEC", "test."), ""},
	{"proofs of a zone they aren't in", "a.example. A",
         "authority z.test. 1 NSEC test. 00\nauthority z.test. 1 " SIG("NSEC", "example."), ""},
	{"proofs without signature", "a.example. A", "authority z.example. 1 NSEC example. 00\n",
         ""},
	{"a wildcard's proof for an alias", "a.example. A",
         "answer a.example. 1 CNAME b.test.\nanswer a.example. 1 " SIG(
		 "CNAME", "example.") "answer b.test. 1 A 10.0.0.1\n"
                                      "authority *.example. 1 NSEC z.example. 00\n"
                                      "authority *.example. 1 " SIG("NSEC", "example."),
         NULL},
	{"servers of the zone, and their addresses", "a.example. A",
         "answer a.example. 1 A 10.0.0.1\nauthority example. 1 NS ns.example.\n"
         "additional ns.example. 1 A 10.0.0.53\nadditional ns.example. 1 AAAA ::53\n",
         NULL},
	{"servers of another zone, and theirs", "a.example. A",
         "answer a.example. 1 A 10.0.0.1\nauthority test. 1 NS ns.test.\n"
         "additional ns.test. 1 A 6.6.6.6\n",
         "answer a.example. 1 A 10.0.0.1\n"},
	{"other things of the zone", "a.example. A",
         "answer a.example. 1 A 10.0.0.1\nauthority example. 1 TXT junk\n",
         "answer a.example. 1 A 10.0.0.1\n"},

	{"addresses of mail servers", "a.example. MX",
         "answer a.example. 1 MX 10 m.test.\nadditional M.test. 1 A 10.0.0.1\n"
         "additional n.test. 1 A 6.6.6.6\nadditional m.test. 1 TXT junk\n",
         "answer a.example. 1 MX 10 m.test.\nadditional M.test. 1 A 10.0.0.1\n"},
	{"of services", "_x._tcp.example. SRV",
         "answer _x._tcp.example. 1 SRV 0 0 80 s.test.\nadditional s.test. 1 AAAA ::1\n", NULL},
	{"of a web server that is the name itself", "a.example. HTTPS",
         "answer a.example. 1 HTTPS 1 . -\nadditional a.example. 1 A 10.0.0.1\n", NULL},
	{"of nobody", "a.example. A",
         "answer a.example. 1 A 10.0.0.1\nadditional b.example. 1 A 6.6.6.6\n",
         "answer a.example. 1 A 10.0.0.1\n"},
};

static void what_belongs_to_the_question_stays(void **state)
{
	static const struct dns_reply_form form = {
		.now = 1000,
		.ede = DNS_EDE_NONE,
		.limit = DNS_MESSAGE_MAX,
	};
	static const struct dns_lifetimes lifetimes = {.success_max = 9, .denial_max = 9};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char message[2048], query[256], expected[2048];
		struct dns_records records;
		struct dns_answer *answer;
		(void)snprintf(message, sizeof(message), "header 1 qr ra\nquestion %s\n%s",
		               rows[i].question, rows[i].records);
		(void)snprintf(query, sizeof(query), "header 1\nquestion %s\n", rows[i].question);
		(void)snprintf(expected, sizeof(expected), "header 1 qr ra\nquestion %s\n%s",
		               rows[i].question, rows[i].kept ? rows[i].kept : rows[i].records);
		records_of(message, arena, &records);
		assert_int_equal(dns_answer_pack(&records, &lifetimes, 1000, arena, &answer), 0);
		const char *text = reply_text(query, answer, &form);
		/* The question's name comes back as it was asked, wherever it stands. */
		if (strcasecmp(text, expected) != 0)
			fail_msg("%s:\n%s\ninstead of\n%s", rows[i].sentence, text, expected);
	}
}

/* A chain of n links, from "0." to "n.", and an address at its end. */
static int scrub_chain(unsigned links, const char *last)
{
	char message[4096];
	struct dns_records records;
	struct dns_question question = question_of("header 1 qr\nquestion 0. A\n");
	int used = snprintf(message, sizeof(message), "header 1 qr\nquestion 0. A\n");
	for (unsigned i = 0; i < links; i++)
		used += snprintf(message + used, sizeof(message) - (size_t)used,
		                 "answer %u. 1 CNAME %u.\n", i, i + 1);
	(void)snprintf(message + used, sizeof(message) - (size_t)used, "answer %u. 1 %s\n", links,
	               last);
	size_t size;
	uint8_t *bytes = message_new(message, &size);
	assert_int_equal(dns_records_read(bytes, size, &question, arena, &records, NULL), 0);
	free(bytes);
	int r = dns_records_scrub(&records);
	if (r == 0)
		assert_int_equal(records.count, links + 1);
	return r;
}

static void a_chain_has_16_links_at_most(void **state)
{
	(void)state;
	assert_int_equal(scrub_chain(0, "A 10.0.0.1"), 0);
	assert_int_equal(scrub_chain(16, "A 10.0.0.1"), 0);
	assert_int_equal(scrub_chain(17, "A 10.0.0.1"), -ELOOP);
}

static void a_chain_that_bites_its_tail_is_refused(void **state)
{
	(void)state;
	assert_int_equal(scrub_chain(0, "CNAME 0."), -ELOOP);
	assert_int_equal(scrub_chain(1, "CNAME 0."), -ELOOP);
	assert_int_equal(scrub_chain(3, "CNAME 2."), -ELOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_belongs_to_the_question_stays),
		cmocka_unit_test(a_chain_has_16_links_at_most),
		cmocka_unit_test(a_chain_that_bites_its_tail_is_refused),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
