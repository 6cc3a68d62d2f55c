/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dnscache/plugin/chase.h"
#include "dnscache/plugin/record_text.h"
#include "dnscache/plugin/template.h"
#include "tests/unit/dns_arena.h"
#include "tests/unit/dns_records_text.h"

static struct dns_name root;

static int set_up(void **state)
{
	root = wire_name(".");
	return open_arena(state);
}

static int answer(const struct template_settings *templates, size_t count,
                  const struct dns_question *question, struct dns_records *records,
                  struct error *err)
{
	dns_records_begin(records, question, arena);
	return template_answer(templates, count, &root, 1, question, "10.1.2.3", records, err);
}

static void check(const struct template_settings *templates, size_t count, const char *name,
                  const char *type, const char *header, const char *lines)
{
	const struct dns_question question = question_about(name, type);
	struct dns_records records;
	struct error err = {0};

	assert_int_equal(answer(templates, count, &question, &records, &err), lines != NULL);
	assert_string_equal(err.text, "");
	if (lines)
		assert_records(&records, header, lines);
}

#define TEMPLATE .class = DNS_CLASS_IN, .ede = DNS_EDE_NONE

static void a_template_without_records_is_its_rcode(void **state)
{
	const struct template_settings template = {
		.class = DNS_CLASS_ANY,
		.type = DNS_TYPE_ANY,
		.rcode = DNS_RCODE_NXDOMAIN,
		.ede = DNS_EDE_NONE,
	};

	(void)state;
	check(&template, 1, "a.example.", "A", "aa rcode=3", "");
}

static void addresses_are_made_of_groups(void **state)
{
	const char *answers[] = {"{{ .Name }} 60 IN A "
	                         "{{ .Group.a }}.{{ .Group.b }}.{{.Group.c}}.{{ .Group.d}}"};
	const struct pattern *matches[] = {
		pattern_of("(^|[.])ip-(?P<a>[0-9]*)-(?P<b>[0-9]*)-(?P<c>[0-9]*)-(?P<d>[0-9]*)"
	                   "[.]example[.]$")};
	struct dns_name zone = wire_name("example.");
	const struct template_settings template = {
		TEMPLATE,           .type = DNS_TYPE_A, .zones = &zone,
		.zone_count = 1,    .matches = matches, .match_count = 1,
		.answers = answers, .answer_count = 1,  .fallthrough = true,
	};

	(void)state;
	check(&template, 1, "x.IP-10-0-0-7.example.", "A", "aa",
	      "answer x.IP-10-0-0-7.example. 60 A 10.0.0.7\n");
	check(&template, 1, "x.example.", "A", "", NULL);
	check(&template, 1, "ip-10-0-0-7.example.", "AAAA", "", NULL);
	check(&template, 1, "ip-10-0-0-7.elsewhere.", "A", "", NULL);
}

static void parseInt_reads_hexadecimal_groups(void **state)
{
	const char *answers[] = {"{{ .Name }} 60 IN A 10.{{ parseInt .Group.b 16 8 }}."
	                         "{{ parseInt (index .Match 2) 16 8 }}.{{ parseInt \"7\" 10 8 }}"};
	const struct pattern *matches[] = {
		pattern_of("^ip0a(?P<b>[a-f0-9]{2})(?P<c>[a-f0-9]{2})[.]example[.]$")};
	const struct template_settings template = {
		TEMPLATE,         .type = DNS_TYPE_A, .matches = matches,
		.match_count = 1, .answers = answers, .answer_count = 1,
	};

	(void)state;
	check(&template, 1, "ip0a7bff.example.", "A", "aa",
	      "answer ip0a7bff.example. 60 A 10.123.255.7\n");
}

static void every_field_has_its_value(void **state)
{
	const char *answers[] = {
		"{{ .Name }} IN TXT {{ .Type }} {{ .Class }} {{ .Zone }} {{ .Remote }} "
		"\"{{ .Regex }}\" {{ index .Match 0 }} {{ index .Group \"1\" }}x "
		"{{ index .Group \"none\" }}y {{/* nothing */}} {{- `z` -}}  z"};
	const struct pattern *matches[] = {pattern_of("^(.)[.]a")};
	struct dns_name zones[] = {wire_name("example."), wire_name("a.example.")};
	const struct template_settings template = {
		TEMPLATE,           .type = DNS_TYPE_ANY, .zones = zones,     .zone_count = 2,
		.matches = matches, .match_count = 1,     .answers = answers, .answer_count = 1,
	};
	const struct dns_question question = question_about("X.a.example.", "TXT");
	static const char wanted[] =
		"\3TXT\2IN\012a.example.\01010.1.2.3\10^(.)[.]a\3x.a\2xx\1y\2zz";
	struct dns_records records;
	struct error err = {0};

	(void)state;
	assert_int_equal(answer(&template, 1, &question, &records, &err), 1);
	assert_int_equal(records.count, 1);
	assert_int_equal(records.list[0].ttl, 3600);
	assert_int_equal(records.list[0].data_size, sizeof(wanted) - 1);
	assert_memory_equal(records.list[0].data, wanted, sizeof(wanted) - 1);
}

static void all_sections_have_records(void **state)
{
	const char *answers[] = {"{{ .Name }} 60 IN MX 10 {{ .Name }}"};
	const char *authorities[] = {"example. 60 IN NS ns0.example.",
	                             "example. 60 IN NS ns1.example."};
	const char *additionals[] = {"ns0.example. 60 IN A 203.0.113.8"};
	const struct template_settings template = {
		TEMPLATE,
		.type = DNS_TYPE_MX,
		.answers = answers,
		.answer_count = 1,
		.authorities = authorities,
		.authority_count = 2,
		.additionals = additionals,
		.additional_count = 1,
	};

	(void)state;
	check(&template, 1, "a.example.", "MX", "aa",
	      "answer a.example. 60 MX 10 a.example.\n"
	      "authority example. 60 NS ns0.example.\n"
	      "authority example. 60 NS ns1.example.\n"
	      "additional ns0.example. 60 A 203.0.113.8\n");
}

static void an_error_code_says_why(void **state)
{
	const char *authorities[] = {
		"invalid. 60 {{ .Class }} SOA ns.invalid. hostmaster.invalid. (1 60 60 60 60)"};
	const struct template_settings template = {
		.class = DNS_CLASS_ANY,
		.type = DNS_TYPE_ANY,
		.rcode = DNS_RCODE_NXDOMAIN,
		.authorities = authorities,
		.authority_count = 1,
		.ede = 21,
		.ede_text = "Blocked",
	};
	const struct dns_question question = question_about("a.invalid.", "A");
	struct dns_records records;
	struct error err = {0};

	(void)state;
	assert_int_equal(answer(&template, 1, &question, &records, &err), 1);
	assert_records(&records, "aa rcode=3",
	               "authority invalid. 60 SOA ns.invalid. hostmaster.invalid. 1 60 60 60 60\n");
	assert_non_null(strstr(records_text(&records), "ede=21:Blocked"));
}

static void the_first_template_that_fits_answers(void **state)
{
	const char *answers[2] = {"{{ .Name }} 1 IN A 10.0.0.1", "{{ .Name }} 1 IN A 10.0.0.2"};
	const struct pattern *matches[] = {pattern_of("^a[.]"), pattern_of("^b[.]")};
	struct template_settings templates[] = {
		{TEMPLATE, .type = DNS_TYPE_A, .matches = matches, .match_count = 2,
	         .answers = answers, .answer_count = 1, .fallthrough = true},
		{TEMPLATE, .type = DNS_TYPE_ANY, .answers = answers + 1, .answer_count = 1},
	};

	(void)state;
	check(templates, 2, "b.example.", "A", "aa", "answer b.example. 1 A 10.0.0.1\n");
	check(templates, 2, "c.example.", "A", "aa", "answer c.example. 1 A 10.0.0.2\n");
	templates[0].fallthrough = false;
	check(templates, 2, "c.example.", "A", "rcode=2", "");
	templates[0].class = 3;
	check(templates, 2, "c.example.", "A", "aa", "answer c.example. 1 A 10.0.0.2\n");
}

static void a_CNAME_wants_what_its_target_has(void **state)
{
	const char *answers[] = {"foogle.com 60 IN CNAME google.com"};
	const struct template_settings template = {TEMPLATE, .type = DNS_TYPE_ANY,
	                                           .answers = answers, .answer_count = 1};
	const struct dns_question question = question_about("foogle.com.", "A");
	struct dns_records records;
	struct dns_records found;
	struct dns_question next;
	struct error err = {0};

	(void)state;
	assert_int_equal(answer(&template, 1, &question, &records, &err), 1);
	assert_true(dns_chase_question(&records, &next));
	records_answering(&next, "", "answer google.com. 9 A 192.0.2.1\n", arena, &found);
	assert_int_equal(dns_chase_add(&records, &found), 0);
	assert_records(
		&records, "aa",
		"answer foogle.com. 60 CNAME google.com.\nanswer google.com. 9 A 192.0.2.1\n");
}

static void what_makes_no_record_is_an_error(void **state)
{
	static const struct {
		const char *text, *reason;
		int code;
	} cases[] = {
		{"{{ .Group.none }} 60 IN A 10.0.0.1", "no such group", -EDOM},
		{"{{ index .Match 3 }} 60 IN A 10.0.0.1", "no such group", -EDOM},
		{"{{ .Name }} 60 IN A {{ .Name }}", "expected a record", -EBADMSG},
		{"{{ .Name }} 60 IN A 10.0.0.{{ parseInt .Name 10 8 }}", "parseInt \"a.example.\"",
	         -EDOM},
		{"{{ .Name }} 60 IN A 10.0.0.{{ parseInt \"256\" 10 8 }}", "parseInt \"256\"",
	         -EDOM},
		{"", "expected a record", -EBADMSG},
	};
	const struct dns_question question = question_about("a.example.", "A");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *answers[] = {cases[i].text};
		const struct template_settings template = {TEMPLATE, .type = DNS_TYPE_A,
		                                           .answers = answers, .answer_count = 1};
		struct dns_records records;
		struct error err = {0};

		assert_int_equal(answer(&template, 1, &question, &records, &err), cases[i].code);
		assert_non_null(strstr(err.text, cases[i].reason));
	}
}

static void what_is_not_supported_is_refused_by_its_name(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{"{{ .Meta \"a/b\" }}", "not supported: \".Meta\""},
		{"{{ .Message.Id }}", "not supported: \".Message.Id\""},
		{"{{ .Var.ip }}", "not supported: \".Var.ip\""},
		{"{{ if .Name }}x{{ end }}", "not supported: \"if\""},
		{"{{ range .Match }}", "not supported: \"range\""},
		{"{{ $x := 1 }}", "not supported: \"$x\""},
		{"{{ printf \"%s\" .Name }}", "not supported: \"printf\""},
		{"{{ .Name | len }}", "expected }} instead of \"|\""},
		{"{{ .Namely }}", "not supported: \".Namely\""},
		{"{{ .Group }}", "not supported: \".Group\""},
		{"{{ .Group.a.b }}", "not supported: \".Group.a.b\""},
		{"{{ .Match.1 }}", "not supported: \".Match.1\""},
		{"{{ index .Name 1 }}", "index is for .Match and .Group, not for \".Name\""},
		{"{{ index .Match -1 }}", "expected a number instead of \"-1\""},
		{"{{ index .Group 1 }}", "expected a quoted text"},
		{"{{ parseInt .Name 1 8 }}", "base is 2 to 36"},
		{"{{ parseInt .Name 16 }}", "expected a number of bits"},
		{"{{ .Name", "expected }} instead of"},
		{"{{ }}", "not supported:"},
		{"{{", "not supported:"},
		{"{{ /* }}", "a comment does not end"},
		{"{{ \"a }}", "a quoted text does not end"},
		{"{{ (.Name }}", "closing bracket"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = {0};

		assert_int_equal(template_check(cases[i].text, &err), -EINVAL);
		if (!strstr(err.text, cases[i].reason))
			fail_msg("%s: %s", cases[i].text, err.text);
	}
}

static void a_template_cannot_grow_without_bound(void **state)
{
	static char text[9000];
	const char *answers[] = {text};
	const struct template_settings template = {TEMPLATE, .type = DNS_TYPE_A, .answers = answers,
	                                           .answer_count = 1};
	const struct dns_question question = question_about("a.example.", "A");
	struct dns_records records;
	struct error err = {0};

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(answer(&template, 1, &question, &records, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "more than 8192 bytes"));
}

/* What comes out is looked at by another reader, with text that it writes itself. */
static void records_are_read_as_zone_files_have_them(void **state)
{
	static const struct {
		const char *text, *line;
	} cases[] = {
		{"a.example 1h30m IN A 10.0.0.1", "answer a.example. 5400 A 10.0.0.1\n"},
		{"a.example IN 60 A 10.0.0.1 ; why", "answer a.example. 60 A 10.0.0.1\n"},
		{"a.example. A 10.0.0.1", "answer a.example. 3600 A 10.0.0.1\n"},
		{"a.example. 1 aaaa 2001:db8::1", "answer a.example. 1 AAAA 2001:db8::1\n"},
		{"a.example. 1 CNAME b.example", "answer a.example. 1 CNAME b.example.\n"},
		{"a.example. 1 NS @", "answer a.example. 1 NS .\n"},
		{"a.example. 1 PTR b.example.", "answer a.example. 1 PTR b.example.\n"},
		{"a.example. 1 MX 10 b.example.", "answer a.example. 1 MX 10 b.example.\n"},
		{"a.example. 1 SRV 1 2 3 b.example.", "answer a.example. 1 SRV 1 2 3 b.example.\n"},
		{"a.example. 1 SOA ns.example. x.example. (\n 1 ; serial\n 2h 3 4 1w )",
	         "answer a.example. 1 SOA ns.example. x.example. 1 7200 3 4 604800\n"},
		{"a.example. 1 TXT abc", "answer a.example. 1 TXT abc\n"},
		{"a.example. 1 TXT \"a\\\"b\\067\"", "answer a.example. 1 TXT a\"bC\n"},
		{"a.example. 1 HINFO cpu os", "answer a.example. 1 HINFO 03637075026f73\n"},
		{"a.example. 1 CAA 128 issue \"ca.example\"",
	         "answer a.example. 1 CAA 80056973737565"
	         "63612e6578616d706c65\n"},
		{"a.example. 1 NAPTR 1 2 \"u\" \"s\" \"\" b.example.",
	         "answer a.example. 1 NAPTR 1 2 u s  b.example.\n"},
		{"a.example. 1 TYPE65280 \\# 4 0a0B 0c0d",
	         "answer a.example. 1 TYPE65280 0a0b0c0d\n"},
		{"a.example. 1 A \\# 4 0a000001", "answer a.example. 1 A 10.0.0.1\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_record record = {.section = DNS_ANSWER};
		struct dns_question question = {.name = wire_name("a.example.")};
		struct dns_records records;
		uint8_t data[RDATA_MAX];

		assert_int_equal(record_text_parse(cases[i].text, data, &record), 0);
		question.type = record.type;
		dns_records_begin(&records, &question, arena);
		assert_int_equal(dns_records_add(&records, &record), 0);
		assert_records(&records, "", cases[i].line);
	}
}

static void what_is_no_record_is_refused(void **state)
{
	static const char *const texts[] = {
		"a.example.",
		"a.example. 60",
		"a.example. 60 IN",
		"a.example. 60 IN A",
		"a.example. 60 IN A 10.0.0",
		"a.example. 60 IN A 10.0.0.1 10.0.0.2",
		"a.example. 60 CH A 10.0.0.1",
		"a.example. 60 60 A 10.0.0.1",
		"a..example. 60 IN A 10.0.0.1",
		"a.example. 4294967296 IN A 10.0.0.1",
		"a.example. 60 IN AAAA 10.0.0.1",
		"a.example. 60 IN MX b.example.",
		"a.example. 60 IN MX 65536 b.example.",
		"a.example. 60 IN SOA a. b. 1 2 3 4",
		"a.example. 60 IN SOA a. b. (1 2 3 4 5",
		"a.example. 60 IN A 10.0.0.1 )",
		"a.example. 60 IN TXT",
		"a.example. 60 IN TXT \"open",
		"a.example. 60 IN TXT \\256",
		"a.example. 60 IN HINFO one",
		"a.example. 60 IN CAA 256 issue x",
		"a.example. 60 IN CAA 0 is-sue x",
		"a.example. 60 IN A \\# 3 0a0000",
		"a.example. 60 IN A \\# 4 0a0000",
		"a.example. 60 IN CNAME \\# 2 c00c",
		"a.example. 60 IN TYPE65280 \\# 1 0",
		"a.example. 60 IN TYPE65280 \\# 1 0g",
		"a.example. 60 IN TYPE65280 aa",
		"a.example. 60 IN OPT \\# 0",
		"a.example. 60 IN ANY \\# 0",
		"a.example. 60 IN NOTYPE x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct dns_record record;
		uint8_t data[RDATA_MAX];

		if (record_text_parse(texts[i], data, &record) != -EBADMSG)
			fail_msg("%s", texts[i]);
	}
}

static void a_long_text_becomes_several_strings(void **state)
{
	char text[400] = "a. TXT ";
	struct dns_record record;
	uint8_t data[RDATA_MAX];

	(void)state;
	memset(text + 7, 'x', 300);
	assert_int_equal(record_text_parse(text, data, &record), 0);
	assert_int_equal(record.data_size, 302);
	assert_int_equal(record.data[0], 255);
	assert_int_equal(record.data[256], 45);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_template_without_records_is_its_rcode),
		cmocka_unit_test(addresses_are_made_of_groups),
		cmocka_unit_test(parseInt_reads_hexadecimal_groups),
		cmocka_unit_test(every_field_has_its_value),
		cmocka_unit_test(all_sections_have_records),
		cmocka_unit_test(an_error_code_says_why),
		cmocka_unit_test(the_first_template_that_fits_answers),
		cmocka_unit_test(a_CNAME_wants_what_its_target_has),
		cmocka_unit_test(what_makes_no_record_is_an_error),
		cmocka_unit_test(what_is_not_supported_is_refused_by_its_name),
		cmocka_unit_test(a_template_cannot_grow_without_bound),
		cmocka_unit_test(records_are_read_as_zone_files_have_them),
		cmocka_unit_test(what_is_no_record_is_refused),
		cmocka_unit_test(a_long_text_becomes_several_strings),
	};

	return cmocka_run_group_tests(tests, set_up, close_arena);
}
