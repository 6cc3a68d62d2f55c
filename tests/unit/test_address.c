/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <cmocka.h>

#include "common/address.h"

#define CHECK_PAIRS 20000

static struct prefix prefix(const char *text)
{
	struct prefix ret = {0};

	if (prefix_parse(text, &ret, NULL) < 0)
		fail_msg("not a prefix: %s", text);
	return ret;
}

static void prefixes_are_read_masked_and_written(void **state)
{
	static const struct {
		const char *text;
		const char *written;
		bool masked;
	} cases[] = {
		{"10.0.0.0/8", "10.0.0.0/8", false},
		{"10.1.2.3/8", "10.0.0.0/8", true},
		{"10.1.2.3", "10.1.2.3", false},
		{"10.1.2.3/32", "10.1.2.3", false},
		{"10.1.2.3/31", "10.1.2.2/31", true},
		{"0.0.0.0/0", "0.0.0.0/0", false},
		{"255.255.255.255/0", "0.0.0.0/0", true},
		{"2001:db8::/32", "2001:db8::/32", false},
		{"2001:db8::1/32", "2001:db8::/32", true},
		{"2001:DB8::1", "2001:db8::1", false},
		{"::/0", "::/0", false},
		{"::1/127", "::/127", true},
		{"::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104", false},
	};
	char buffer[PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix ret;
		bool masked = !cases[i].masked;

		assert_int_equal(prefix_parse(cases[i].text, &ret, &masked), 0);
		assert_string_equal(prefix_text(&ret, buffer), cases[i].written);
		assert_int_equal(masked, cases[i].masked);
	}
}

static void what_is_no_prefix_is_refused_and_nothing_written(void **state)
{
	static const char *const cases[] = {
		"",
		"/",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0/8",
		"10.0.0.0/08",
		"10.0.0.0/8 ",
		" 10.0.0.0/8",
		"10.0.0.0/8/8",
		"10.0.0.256",
		"010.0.0.1",
		"::/129",
		"::/1280",
		"2001:db8::1::/64",
		"g::/16",
		"10.0.0.0/+8",
		"10.0.0.0/0x8",
		"fe80::1%eth0",
		"10.0.0.0/999999999999",
		"1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21:22:23:24:25:26",
	};
	const struct prefix untouched = {.family = 99, .length = 7};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix ret = untouched;

		if (prefix_parse(cases[i], &ret, NULL) != -EINVAL)
			fail_msg("accepted: \"%s\"", cases[i]);
		assert_memory_equal(&ret, &untouched, sizeof(ret));
	}
}

static void an_address_has_no_slash(void **state)
{
	struct prefix ret;

	(void)state;
	assert_int_equal(address_parse("10.0.0.1/32", &ret), -EINVAL);
	assert_int_equal(address_parse("10.0.0.1", &ret), 0);
	assert_true(prefix_is_address(&ret));
	assert_int_equal(address_parse("2001:db8::1", &ret), 0);
	assert_int_equal(ret.length, 128);
}

static void a_prefix_contains_itself_and_what_is_inside(void **state)
{
	static const struct {
		const char *outer;
		const char *inner;
		bool contains;
	} cases[] = {
		{"10.0.0.0/8", "10.255.0.0/16", true},
		{"10.0.0.0/8", "10.0.0.0/8", true},
		{"10.0.0.0/8", "11.0.0.0/16", false},
		{"10.0.0.0/16", "10.0.0.0/8", false},
		{"0.0.0.0/0", "1.2.3.4", true},
		{"0.0.0.0/0", "::1", false},
		{"::/0", "10.0.0.0/8", false},
		{"10.0.0.0/9", "10.128.0.0", false},
		{"2001:db8::/33", "2001:db8:8000::", false},
		{"2001:db8::/33", "2001:db8:7fff::", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix outer = prefix(cases[i].outer);
		struct prefix inner = prefix(cases[i].inner);

		assert_int_equal(prefix_contains(&outer, &inner), cases[i].contains);
	}
}

static void a_prefix_sorts_before_everything_inside_it(void **state)
{
	static const char *const sorted[] = {
		"0.0.0.0/0",   "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0", "10.0.0.1",
		"10.1.0.0/16", "11.0.0.0/8", "::/0",        "::",       "2001:db8::/32",
	};

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		for (size_t k = 0; k < 10; k++) {
			struct prefix a = prefix(sorted[i]);
			struct prefix b = prefix(sorted[k]);
			int order = prefix_compare(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
			assert_int_equal(prefix_equal(&a, &b), i == k);
		}
	}
}

static void the_last_address_is_known(void **state)
{
	static const char *const cases[][2] = {
		{"10.0.0.0/8", "10.255.255.255"},
		{"10.0.0.0/31", "10.0.0.1"},
		{"10.0.0.1", "10.0.0.1"},
		{"0.0.0.0/0", "255.255.255.255"},
		{"2001:db8::/33", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"},
	};
	char buffer[PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix of = prefix(cases[i][0]);
		struct prefix last = prefix_last(&of);

		assert_string_equal(prefix_text(&last, buffer), cases[i][1]);
	}
}

static struct prefix random_prefix(void)
{
	struct prefix ret;
	char text[PREFIX_TEXT_MAX];

	/* Few bits differ, so that prefixes often nest. */
	if (rand() % 2)
		(void)snprintf(text, sizeof(text), "10.%d.0.%d/%d", rand() % 4, rand() % 4,
		               rand() % 33);
	else
		(void)snprintf(text, sizeof(text), "2001:db8:%x::%x/%d", rand() % 4, rand() % 4,
		               rand() % 129);
	ret = prefix(text);
	return ret;
}

static bool bit(const struct prefix *of, unsigned i)
{
	return of->address[i / 8] >> (7 - i % 8) & 1;
}

static bool contains_bit_by_bit(const struct prefix *outer, const struct prefix *inner)
{
	if (outer->family != inner->family || outer->length > inner->length)
		return false;
	for (unsigned i = 0; i < outer->length; i++) {
		if (bit(outer, i) != bit(inner, i))
			return false;
	}
	return true;
}

static void random_prefixes_agree_with_a_comparison_bit_by_bit(void **state)
{
	const char *given = getenv("PODSG_SEED");
	unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL);

	(void)state;
	print_message("# seed %u\n", seed);
	srand(seed);
	for (int i = 0; i < CHECK_PAIRS; i++) {
		struct prefix a = random_prefix();
		struct prefix b = random_prefix();
		struct prefix last = prefix_last(&a);
		struct prefix again;
		char text[PREFIX_TEXT_MAX];

		assert_int_equal(prefix_contains(&a, &b), contains_bit_by_bit(&a, &b));
		assert_true(prefix_contains(&a, &last));
		again = prefix(prefix_text(&a, text));
		assert_true(prefix_equal(&a, &again));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_are_read_masked_and_written),
		cmocka_unit_test(what_is_no_prefix_is_refused_and_nothing_written),
		cmocka_unit_test(an_address_has_no_slash),
		cmocka_unit_test(a_prefix_contains_itself_and_what_is_inside),
		cmocka_unit_test(a_prefix_sorts_before_everything_inside_it),
		cmocka_unit_test(the_last_address_is_known),
		cmocka_unit_test(random_prefixes_agree_with_a_comparison_bit_by_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
