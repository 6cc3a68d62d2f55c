/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dnscache/plugin/chase.h"
#include "dnscache/plugin/rewrite.h"
#include "tests/unit/dns_arena.h"
#include "tests/unit/dns_records_text.h"

static struct rewrite_rule name_rule(enum rewrite_match match, const char *from, const char *to)
{
	return (struct rewrite_rule){
		.field = REWRITE_NAME,
		.match = match,
		.from = from,
		.to = to,
		.pattern = match == REWRITE_REGEX ? pattern_of(from) : NULL,
	};
}

static void names_are_rewritten_as_CoreDNS_does(void **state)
{
	static const struct {
		enum rewrite_match match;
		const char *from, *to, *asked, *becomes;
	} cases[] = {
		{REWRITE_EXACT, "a.example", "b.example", "A.Example.", "b.example."},
		{REWRITE_EXACT, "a.example.", "b.example.", "a.example.", "b.example."},
		{REWRITE_EXACT, "a.example", "b.example", "x.a.example.", "x.a.example."},
		{REWRITE_PREFIX, "foo", "bar", "foo.example.com.", "bar.example.com."},
		{REWRITE_PREFIX, "foo.", "bar.", "foo.example.com.", "bar.example.com."},
		{REWRITE_PREFIX, "foo", "bar", "foobar.example.com.", "foobar.example.com."},
		{REWRITE_SUFFIX, "com", "org", "foo.example.com.", "foo.example.org."},
		{REWRITE_SUFFIX, ".schmoogle.com.", ".google.com.", "www.schmoogle.com.",
	         "www.google.com."},
		{REWRITE_SUFFIX, "foo.com", "bar.com", "xfoo.com.", "xbar.com."},
		{REWRITE_SUBSTRING, "service.us-west-1.example.org", "service.us-west-1.consul",
	         "ftp.service.us-west-1.example.org.", "ftp.service.us-west-1.consul."},
		{REWRITE_SUBSTRING, "a", "bb", "a.a.x.", "bb.bb.x."},
		{REWRITE_REGEX, "(.*)-(us-west-1)\\.example\\.org", "{1}.service.{2}.consul",
	         "ftp-us-west-1.example.org.", "ftp.service.us-west-1.consul."},
		{REWRITE_REGEX, "^(.*)\\.x\\.$", "{0}{1}.{2}.y.", "a.x.", "a.x.a.{2}.y."},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rewrite_rule rule =
			name_rule(cases[i].match, cases[i].from, cases[i].to);
		struct dns_question question = question_about(cases[i].asked, "A");
		struct rewrite_done done;
		char text[DNS_NAME_TEXT_MAX];

		assert_int_equal(rewrite_question(&rule, 1, &question, &done), 0);
		assert_string_equal(dns_name_text(&question.name, text), cases[i].becomes);
		assert_int_equal(done.count, strcmp(cases[i].asked, cases[i].becomes) != 0);
	}
}

static void what_a_client_puts_into_a_group_is_not_expanded(void **state)
{
	const struct rewrite_rule rule =
		name_rule(REWRITE_REGEX, "^(.*)\\.(.*)\\.x\\.$", "{1}.{2}.y.");
	struct dns_question question = question_about("{2}.secret.x.", "A");
	struct rewrite_done done;
	char text[DNS_NAME_TEXT_MAX];

	(void)state;
	assert_int_equal(rewrite_question(&rule, 1, &question, &done), 0);
	assert_string_equal(dns_name_text(&question.name, text), "{2}.secret.y.");
}

static void a_rule_stops_or_goes_on(void **state)
{
	struct rewrite_rule rules[] = {
		name_rule(REWRITE_EXACT, "a.example", "b.example"),
		name_rule(REWRITE_EXACT, "b.example", "c.example"),
	};
	struct dns_question question = question_about("a.example.", "A");
	struct rewrite_done done;
	char text[DNS_NAME_TEXT_MAX];

	(void)state;
	assert_int_equal(rewrite_question(rules, 2, &question, &done), 0);
	assert_string_equal(dns_name_text(&question.name, text), "b.example.");
	rules[0].go_on = true;
	question = question_about("a.example.", "A");
	assert_int_equal(rewrite_question(rules, 2, &question, &done), 0);
	assert_string_equal(dns_name_text(&question.name, text), "c.example.");
	assert_int_equal(done.count, 2);
}

static void types_are_rewritten(void **state)
{
	const struct rewrite_rule rule = {
		.field = REWRITE_TYPE, .from_number = DNS_TYPE_ANY, .to_number = DNS_TYPE_HINFO};
	struct dns_question question = question_about("a.example.", "ANY");
	struct rewrite_done done;

	(void)state;
	assert_int_equal(rewrite_question(&rule, 1, &question, &done), 0);
	assert_int_equal(question.type, DNS_TYPE_HINFO);
}

static void what_becomes_no_name_is_an_error_and_leaves_the_question(void **state)
{
	static char label[65];
	const struct rewrite_rule rules[] = {
		name_rule(REWRITE_SUBSTRING, "a", label),
		name_rule(REWRITE_PREFIX, "a", "."),
		name_rule(REWRITE_REGEX, "^a\\.$", "..x"),
	};

	(void)state;
	memset(label, 'x', sizeof(label) - 1);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct dns_question question = question_about("a.", "A");
		struct rewrite_done done;

		if (i == 1)
			question = question_about("a.b.", "A");
		assert_int_equal(rewrite_question(&rules[i], 1, &question, &done), -E2BIG);
		assert_int_equal(question.name.wire[1], 'a');
	}
}

static void a_name_that_grows_too_long_is_an_error(void **state)
{
	const struct rewrite_rule rule = name_rule(REWRITE_SUBSTRING, "a", "aaaaaaaa.bbbbbbbb");
	char text[DNS_NAME_TEXT_MAX] = "";
	struct dns_question question;
	struct rewrite_done done;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		memcpy(text + 2 * i, "a.", 3);
	question = question_about(text, "A");
	assert_int_equal(rewrite_question(&rule, 1, &question, &done), -E2BIG);
}

static void too_many_rules_at_once_are_an_error(void **state)
{
	struct rewrite_rule rules[REWRITES_APPLIED_MAX + 1];
	struct dns_question question = question_about("a.example.", "A");
	struct rewrite_done done;

	(void)state;
	for (size_t i = 0; i <= REWRITES_APPLIED_MAX; i++) {
		rules[i] = name_rule(REWRITE_EXACT, "a.example", "a.example");
		rules[i].go_on = true;
	}
	assert_int_equal(rewrite_question(rules, REWRITES_APPLIED_MAX, &question, &done), 0);
	assert_int_equal(rewrite_question(rules, REWRITES_APPLIED_MAX + 1, &question, &done),
	                 -E2BIG);
}

/* What the client gets: the question is asked as rewritten, and upstream answers with lines. */
static void check(const struct rewrite_rule *rules, size_t count, const char *name,
                  const char *type, const char *upstream, const char *lines)
{
	const struct dns_question asked = question_about(name, type);
	struct dns_question question = asked;
	struct dns_records records;
	struct rewrite_done done;

	assert_int_equal(rewrite_question(rules, count, &question, &done), 0);
	records_answering(&question, "", upstream, arena, &records);
	assert_int_equal(rewrite_answer_records(&done, &asked, &records), 0);
	assert_records(&records, "", lines);
}

static void an_exact_rule_turns_the_answer_back(void **state)
{
	const struct rewrite_rule rule = name_rule(REWRITE_EXACT, "red.example", "blue.example");

	(void)state;
	check(&rule, 1, "Red.example.", "A",
	      "answer blue.example. 30 CNAME x.blue.example.\n"
	      "answer x.blue.example. 30 A 10.0.0.1\n"
	      "additional other.example. 30 A 10.0.0.2\n",
	      "answer Red.example. 30 CNAME x.Red.example.\n"
	      "answer x.Red.example. 30 A 10.0.0.1\n"
	      "additional other.example. 30 A 10.0.0.2\n");
}

static void other_rules_turn_it_back_when_told_to(void **state)
{
	struct rewrite_rule rule = name_rule(REWRITE_PREFIX, "foo", "bar");

	(void)state;
	check(&rule, 1, "foo.example.", "A", "answer bar.example. 30 A 10.0.0.1\n",
	      "answer bar.example. 30 A 10.0.0.1\n");
	rule.answer_auto = true;
	check(&rule, 1, "foo.example.", "A", "answer bar.example. 30 A 10.0.0.1\n",
	      "answer foo.example. 30 A 10.0.0.1\n");
}

static void a_suffix_rule_turns_every_such_suffix_back(void **state)
{
	struct rewrite_rule rule = name_rule(REWRITE_SUFFIX, ".coredns.rocks", ".service.consul");

	(void)state;
	rule.answer_auto = true;
	check(&rule, 1, "a.coredns.rocks.", "SRV",
	      "answer a.service.consul. 30 SRV 1 2 80 b.service.consul.\n"
	      "additional b.service.consul. 30 A 10.0.0.1\n",
	      "answer a.coredns.rocks. 30 SRV 1 2 80 b.coredns.rocks.\n"
	      "additional b.coredns.rocks. 30 A 10.0.0.1\n");
}

static void answers_are_rewritten_by_patterns(void **state)
{
	struct rewrite_answer answers[] = {
		{false, pattern_of("(.*)\\.service\\.(us-west-1)\\.consul"),
	         "{1}-{2}.coredns.rocks"},
		{true, pattern_of("(.*)\\.service\\.consul\\."), "{1}.coredns.rocks."},
	};
	struct rewrite_rule rule = name_rule(REWRITE_REGEX, "(.*)-(us-west-1)\\.coredns\\.rocks",
	                                     "{1}.service.{2}.consul");

	(void)state;
	rule.answers = answers;
	rule.answer_count = 2;
	check(&rule, 1, "ftp-us-west-1.coredns.rocks.", "MX",
	      "answer ftp.service.us-west-1.consul. 0 MX 10 mx.service.consul.\n"
	      "authority service.consul. 0 NS ns.service.consul.\n",
	      "answer ftp-us-west-1.coredns.rocks. 0 MX 10 mx.coredns.rocks.\n"
	      "authority service.consul. 0 NS ns.coredns.rocks.\n");
}

static void rules_are_undone_from_the_last_to_the_first(void **state)
{
	struct rewrite_rule rules[] = {
		name_rule(REWRITE_EXACT, "a.example", "b.example"),
		name_rule(REWRITE_SUFFIX, ".example", ".test"),
	};

	(void)state;
	rules[0].go_on = true;
	rules[1].answer_auto = true;
	check(rules, 2, "a.example.", "A", "answer b.test. 30 A 10.0.0.1\n",
	      "answer a.example. 30 A 10.0.0.1\n");
}

static void ttls_are_set_or_kept_within_bounds(void **state)
{
	static const struct {
		uint32_t min, max;
		const char *lines;
	} cases[] = {
		{15, 15, "answer a.example. 15 A 10.0.0.1\nadditional b.example. 15 A 10.0.0.2\n"},
		{30, 300,
	         "answer a.example. 30 A 10.0.0.1\nadditional b.example. 300 A 10.0.0.2\n"},
		{0, 20, "answer a.example. 10 A 10.0.0.1\nadditional b.example. 20 A 10.0.0.2\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rewrite_rule rule = {
			.field = REWRITE_TTL,
			.match = REWRITE_SUFFIX,
			.from = "example",
			.ttl_min = cases[i].min,
			.ttl_max = cases[i].max,
		};

		check(&rule, 1, "a.example.", "A",
		      "answer a.example. 10 A 10.0.0.1\nadditional b.example. 600 A 10.0.0.2\n",
		      cases[i].lines);
	}
}

static void an_rcode_is_another_one_for_the_names_that_match(void **state)
{
	const struct rewrite_rule rule = {
		.field = REWRITE_RCODE,
		.match = REWRITE_REGEX,
		.pattern = pattern_of("(.*)\\.coredns\\.rocks"),
		.from_number = DNS_RCODE_SERVFAIL,
		.to_number = DNS_RCODE_NOERROR,
	};
	static const struct {
		const char *name;
		uint16_t rcode;
	} cases[] = {{"a.coredns.rocks.", DNS_RCODE_NOERROR}, {"a.example.", DNS_RCODE_SERVFAIL}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct dns_question asked = question_about(cases[i].name, "A");
		struct dns_question question = asked;
		struct dns_records records;
		struct rewrite_done done;

		assert_int_equal(rewrite_question(&rule, 1, &question, &done), 0);
		records_answering(&question, "rcode=2", "", arena, &records);
		assert_int_equal(rewrite_answer_records(&done, &asked, &records), 0);
		assert_int_equal(records.rcode, cases[i].rcode);
	}
}

/* CoreDNS's own example. */
static void the_target_of_a_CNAME_is_another_one_and_is_asked_for(void **state)
{
	const struct rewrite_rule rule = {
		.field = REWRITE_CNAME,
		.match = REWRITE_REGEX,
		.pattern = pattern_of("(.*).cdn.example.net."),
		.to = "{1}.other.cdn.com.",
	};
	const struct dns_question asked = question_about("my-app.com.", "A");
	struct dns_question question = asked;
	struct dns_question next;
	struct dns_records records;
	struct dns_records found;
	struct rewrite_done done;
	char text[DNS_NAME_TEXT_MAX];

	(void)state;
	assert_int_equal(rewrite_question(&rule, 1, &question, &done), 0);
	records_answering(&question, "",
	                  "answer my-app.com. 200 CNAME my-app.example.\n"
	                  "answer my-app.example. 200 CNAME my-app.com.cdn.example.net.\n"
	                  "answer my-app.com.cdn.example.net. 300 A 20.2.0.1\n"
	                  "answer my-app.com.cdn.example.net. 300 A 20.2.0.2\n",
	                  arena, &records);
	assert_int_equal(rewrite_cname(&done, &records), 1);
	assert_true(dns_chase_question(&records, &next));
	assert_string_equal(dns_name_text(&next.name, text), "my-app.com.other.cdn.com.");
	records_answering(&next, "", "answer my-app.com.other.cdn.com. 100 A 30.3.1.2\n", arena,
	                  &found);
	assert_int_equal(dns_chase_add(&records, &found), 0);
	assert_false(dns_chase_question(&records, &next));
	assert_int_equal(rewrite_answer_records(&done, &asked, &records), 0);
	assert_records(&records, "",
	               "answer my-app.com. 200 CNAME my-app.example.\n"
	               "answer my-app.example. 200 CNAME my-app.com.other.cdn.com.\n"
	               "answer my-app.com.other.cdn.com. 100 A 30.3.1.2\n");
}

static void an_answer_without_such_a_CNAME_stays(void **state)
{
	const struct rewrite_rule rule = {.field = REWRITE_CNAME,
	                                  .match = REWRITE_EXACT,
	                                  .from = "x.example",
	                                  .to = "y.example"};
	struct dns_question question = question_about("a.example.", "A");
	struct dns_question next;
	struct dns_records records;
	struct rewrite_done done;

	(void)state;
	assert_int_equal(rewrite_question(&rule, 1, &question, &done), 0);
	records_answering(&question, "", "answer a.example. 200 A 20.2.0.1\n", arena, &records);
	assert_int_equal(rewrite_cname(&done, &records), 0);
	assert_false(dns_chase_question(&records, &next));
}

static void a_chain_that_bites_its_tail_is_not_chased(void **state)
{
	const struct dns_question question = question_about("a.example.", "A");
	struct dns_question next;
	struct dns_records records;

	(void)state;
	records_answering(
		&question, "",
		"answer a.example. 1 CNAME b.example.\nanswer b.example. 1 CNAME a.example.\n",
		arena, &records);
	assert_false(dns_chase_question(&records, &next));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_rewritten_as_CoreDNS_does),
		cmocka_unit_test(what_a_client_puts_into_a_group_is_not_expanded),
		cmocka_unit_test(a_rule_stops_or_goes_on),
		cmocka_unit_test(types_are_rewritten),
		cmocka_unit_test(what_becomes_no_name_is_an_error_and_leaves_the_question),
		cmocka_unit_test(a_name_that_grows_too_long_is_an_error),
		cmocka_unit_test(too_many_rules_at_once_are_an_error),
		cmocka_unit_test(an_exact_rule_turns_the_answer_back),
		cmocka_unit_test(other_rules_turn_it_back_when_told_to),
		cmocka_unit_test(a_suffix_rule_turns_every_such_suffix_back),
		cmocka_unit_test(answers_are_rewritten_by_patterns),
		cmocka_unit_test(rules_are_undone_from_the_last_to_the_first),
		cmocka_unit_test(ttls_are_set_or_kept_within_bounds),
		cmocka_unit_test(an_rcode_is_another_one_for_the_names_that_match),
		cmocka_unit_test(the_target_of_a_CNAME_is_another_one_and_is_asked_for),
		cmocka_unit_test(an_answer_without_such_a_CNAME_stays),
		cmocka_unit_test(a_chain_that_bites_its_tail_is_not_chased),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
