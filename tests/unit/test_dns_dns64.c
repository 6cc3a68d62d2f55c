/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dnscache/plugin/dns64.h"
#include "tests/unit/dns_arena.h"
#include "tests/unit/dns_records_text.h"

static struct dns64_settings settings_of(const char *prefix)
{
	struct dns64_settings settings = {.present = true};

	assert_int_equal(prefix_parse(prefix, &settings.prefix, NULL), 0);
	return settings;
}

static struct dns_records answer_to(const char *type, const char *header, const char *lines)
{
	const struct dns_question question = question_about("a.example.", type);
	struct dns_records records;

	records_answering(&question, header, lines, arena, &records);
	return records;
}

static void an_answer_without_AAAA_is_made_up_for(void **state)
{
	static const struct {
		const char *header, *lines;
		bool wanted, of_all;
	} cases[] = {
		{"", "", true, true},
		{"", "answer a.example. 9 AAAA 2001:db8::1\n", false, true},
		{"", "answer a.example. 9 CNAME b.example.\n", true, true},
		{"", "answer a.example. 9 AAAA ::ffff:10.0.0.1\n", true, true},
		{"", "additional a.example. 9 AAAA 2001:db8::1\n", true, true},
		{"rcode=3", "", false, false},
		{"rcode=2", "", true, true},
		{"rcode=5", "", true, true},
	};
	struct dns64_settings settings = settings_of("64:ff9b::/96");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct dns_records aaaa = answer_to("AAAA", cases[i].header, cases[i].lines);

		settings.translate_all = false;
		assert_int_equal(dns64_wanted(&settings, &aaaa), cases[i].wanted);
		settings.translate_all = true;
		assert_int_equal(dns64_wanted(&settings, &aaaa), cases[i].of_all);
	}
}

static void only_AAAA_questions_of_those_who_do_not_validate_are(void **state)
{
	struct dns64_settings settings = settings_of("64:ff9b::/96");
	struct dns_records aaaa = answer_to("AAAA", "", "");
	const struct dns_records a = answer_to("A", "", "");

	(void)state;
	assert_false(dns64_wanted(&settings, &a));
	aaaa.question.dnssec_ok = true;
	assert_true(dns64_wanted(&settings, &aaaa));
	aaaa.question.checking_disabled = true;
	assert_false(dns64_wanted(&settings, &aaaa));
	aaaa.question.dnssec_ok = false;
	assert_true(dns64_wanted(&settings, &aaaa));
	settings.present = false;
	assert_false(dns64_wanted(&settings, &aaaa));
}

/* RFC 6052 §2.4's table. */
static const struct {
	const char *prefix, *address;
} embedded[] = {
	{"2001:db8::/32", "2001:db8:c000:221::"},
	{"2001:db8:100::/40", "2001:db8:1c0:2:21::"},
	{"2001:db8:122::/48", "2001:db8:122:c000:2:2100::"},
	{"2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"},
	{"2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100:0"},
	{"2001:db8:122:344::/96", "2001:db8:122:344::c000:221"},
	{"64:ff9b::/96", "64:ff9b::c000:221"},
};

static void addresses_are_embedded_as_RFC_6052_has_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(embedded) / sizeof(embedded[0]); i++) {
		const struct dns64_settings settings = settings_of(embedded[i].prefix);
		const struct dns_records aaaa = answer_to("AAAA", "", "");
		const struct dns_records a =
			answer_to("A", "", "answer a.example. 9 A 192.0.2.33\n");
		struct dns_records made;
		struct prefix wanted;

		assert_int_equal(dns64_make(&settings, &aaaa, &a, &made), 0);
		assert_int_equal(made.count, 1);
		assert_int_equal(address_parse(embedded[i].address, &wanted), 0);
		assert_memory_equal(made.list[0].data, wanted.address, 16);
	}
}

static void names_of_embedded_addresses_lead_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(embedded) / sizeof(embedded[0]); i++) {
		static const char hex[] = "0123456789abcdef";
		const struct dns64_settings settings = settings_of(embedded[i].prefix);
		char text[DNS_NAME_TEXT_MAX] = "";
		struct prefix address;
		struct dns_name name;
		struct dns_name back;

		assert_int_equal(address_parse(embedded[i].address, &address), 0);
		for (unsigned nibble = 0; nibble < 32; nibble++) {
			uint8_t byte = address.address[15 - nibble / 2];

			text[2 * nibble] = hex[nibble % 2 ? byte >> 4 : byte & 15];
			text[2 * nibble + 1] = '.';
		}
		memcpy(text + 64, "ip6.arpa", 9);
		name = wire_name(text);
		assert_true(dns64_reverse(&settings, &name, &back));
		assert_string_equal(dns_name_text(&back, text), "33.2.0.192.in-addr.arpa.");
	}
}

static void other_names_lead_nowhere(void **state)
{
	static const char *const names[] = {
		"1.2.0.192.in-addr.arpa.",
		"ip6.arpa.",
		"1.2.0.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa.",
		"1.2.0.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
		"x.2.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa.",
		"12.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa.",
		"2.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa.",
	};
	const struct dns64_settings settings = settings_of("64:ff9b::/96");
	struct dns_name back;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct dns_name name = wire_name(names[i]);
		bool inside = i == 2;

		assert_int_equal(dns64_reverse(&settings, &name, &back), inside);
	}
}

static void what_is_no_address_stays_and_TTLs_are_at_most_the_SOAs(void **state)
{
	const struct dns64_settings settings = settings_of("64:ff9b::/96");
	const struct dns_records aaaa =
		answer_to("AAAA", "",
	                  "answer a.example. 900 CNAME b.example.\n"
	                  "authority example. 60 SOA ns.example. x.example. 1 2 3 4 5\n");
	const struct dns_records a = answer_to("A", "aa",
	                                       "answer a.example. 900 CNAME b.example.\n"
	                                       "answer b.example. 900 A 10.0.0.1\n"
	                                       "answer b.example. 30 A 10.0.0.2\n"
	                                       "authority example. 700 NS ns.example.\n"
	                                       "additional ns.example. 800 A 10.0.0.3\n");
	struct dns_records made;

	(void)state;
	assert_int_equal(dns64_make(&settings, &aaaa, &a, &made), 0);
	assert_records(&made, "aa",
	               "answer a.example. 900 CNAME b.example.\n"
	               "answer b.example. 60 AAAA 64:ff9b::a00:1\n"
	               "answer b.example. 30 AAAA 64:ff9b::a00:2\n"
	               "authority example. 700 NS ns.example.\n"
	               "additional ns.example. 800 A 10.0.0.3\n");
}

static void without_an_SOA_they_live_ten_minutes_at_most(void **state)
{
	const struct dns64_settings settings = settings_of("64:ff9b::/96");
	const struct dns_records aaaa = answer_to("AAAA", "", "");
	const struct dns_records a = answer_to("A", "", "answer a.example. 900 A 10.0.0.1\n");
	struct dns_records made;

	(void)state;
	assert_int_equal(dns64_make(&settings, &aaaa, &a, &made), 0);
	assert_int_equal(made.list[0].ttl, 600);
}

static void where_there_is_no_A_either_the_answer_stays(void **state)
{
	const struct dns64_settings settings = settings_of("64:ff9b::/96");
	const struct dns_records aaaa = answer_to(
		"AAAA", "", "authority example. 60 SOA ns.example. x.example. 1 2 3 4 5\n");
	const struct dns_records a = answer_to("A", "rcode=2", "");
	struct dns_records made;

	(void)state;
	assert_int_equal(dns64_make(&settings, &aaaa, &a, &made), 0);
	assert_records(&made, "", "authority example. 5 SOA ns.example. x.example. 1 2 3 4 5\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_without_AAAA_is_made_up_for),
		cmocka_unit_test(only_AAAA_questions_of_those_who_do_not_validate_are),
		cmocka_unit_test(addresses_are_embedded_as_RFC_6052_has_it),
		cmocka_unit_test(names_of_embedded_addresses_lead_back),
		cmocka_unit_test(other_names_lead_nowhere),
		cmocka_unit_test(what_is_no_address_stays_and_TTLs_are_at_most_the_SOAs),
		cmocka_unit_test(without_an_SOA_they_live_ten_minutes_at_most),
		cmocka_unit_test(where_there_is_no_A_either_the_answer_stays),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
