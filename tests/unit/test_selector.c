/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/objects.h"

static struct label web_labels[] = {{"app", "web"}, {"tier", ""}};
static const struct labels web = {web_labels, 2};
static const char *values_web[] = {"db", "web"};
static const char *values_db[] = {"db"};
static const char *values_empty[] = {""};

static void requirements_hold_as_kubernetes_has_them(void **state)
{
	static const struct {
		struct selector_requirement requirement;
		bool matches;
	} cases[] = {
		{{"app", SELECTOR_IN, values_web, 2}, true},
		{{"app", SELECTOR_IN, values_db, 1}, false},
		{{"absent", SELECTOR_IN, values_db, 1}, false},
		{{"absent", SELECTOR_IN, values_empty, 1}, false},
		{{"tier", SELECTOR_IN, values_empty, 1}, true},
		{{"app", SELECTOR_NOT_IN, values_web, 2}, false},
		{{"app", SELECTOR_NOT_IN, values_db, 1}, true},
		{{"absent", SELECTOR_NOT_IN, values_db, 1}, true},
		{{"app", SELECTOR_EXISTS, NULL, 0}, true},
		{{"tier", SELECTOR_EXISTS, NULL, 0}, true},
		{{"absent", SELECTOR_EXISTS, NULL, 0}, false},
		{{"app", SELECTOR_DOES_NOT_EXIST, NULL, 0}, false},
		{{"absent", SELECTOR_DOES_NOT_EXIST, NULL, 0}, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct selector_requirement requirement = cases[i].requirement;
		const struct selector selector = {.requirements = &requirement, .count = 1};

		if (selector_matches(&selector, &web) != cases[i].matches)
			fail_msg("case %zu: expected %d", i, cases[i].matches);
	}
}

static void all_requirements_must_hold(void **state)
{
	struct selector_requirement requirements[] = {
		{"app", SELECTOR_IN, values_web, 2},
		{"absent", SELECTOR_EXISTS, NULL, 0},
	};
	const struct selector both = {.requirements = requirements, .count = 2};
	const struct selector one = {.requirements = requirements, .count = 1};

	(void)state;
	assert_true(selector_matches(&one, &web));
	assert_false(selector_matches(&both, &web));
}

static void an_empty_selector_matches_everything(void **state)
{
	const struct selector selector = {0};
	const struct labels none = {0};

	(void)state;
	assert_true(selector_matches(&selector, &web));
	assert_true(selector_matches(&selector, &none));
}

static void an_invalid_selector_matches_nothing(void **state)
{
	const struct selector selector = {.invalid = true};

	(void)state;
	assert_false(selector_matches(&selector, &web));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requirements_hold_as_kubernetes_has_them),
		cmocka_unit_test(all_requirements_must_hold),
		cmocka_unit_test(an_empty_selector_matches_everything),
		cmocka_unit_test(an_invalid_selector_matches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
