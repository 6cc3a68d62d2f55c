/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nft-sync/check/shown_text.h"

static void test_what_draws_on_a_terminal_is_escaped(void **state)
{
	static const struct {
		const char *text;
		bool lines;
		const char *shown;
	} cases[] = {
		{"", false, ""},
		{"pods.json", false, "pods.json"},
		{"Prüfung €.json", false, "Prüfung €.json"},
		{"\033[31m\a\177", false, "\\x1b[31m\\x07\\x7f"},
		{"a\nb\tc\r", false, "a\\x0ab\\x09c\\x0d"},
		{"a\nb\tc\r", true, "a\nb\\x09c\\x0d"},
		{"\302\233m", false, "\\xc2\\x9bm"},
		{"\377\303", false, "\\xff\\xc3"},
		{"\300\257", false, "\\xc0\\xaf"},
	};
	struct arena *arena = arena_new(1 << 16);
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(shown_text(arena, cases[i].text, cases[i].lines),
		                    cases[i].shown);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_draws_on_a_terminal_is_escaped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
