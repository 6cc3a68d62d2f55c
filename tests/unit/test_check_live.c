/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "nft-sync/check/check_live.h"
#include "nft-sync/check/facts_kinds.h"

static const struct live_list *list_of(const char *kind)
{
	const struct live_list *list = live_lists;
	while (list->kind && strcmp(list->kind, kind) != 0)
		list++;
	return list->kind ? list : NULL;
}

static void expect_lists(const struct loader_kind *kinds)
{
	for (; kinds->kind; kinds++) {
		char group[256];
		const struct live_list *list = list_of(kinds->kind);
		if (!kinds->load)
			continue;
		if (!list) {
			fail_msg("%s is read of documents, but not asked for", kinds->kind);
			return;
		}
		snprintf(group, sizeof(group), kinds->group[0] ? "/apis/%s/v" : "/api/v1/",
		         kinds->group);
		for (size_t i = 0; i < LIVE_PATHS && list->paths[i]; i++)
			if (strncmp(list->paths[i], group, strlen(group)) != 0)
				fail_msg("%s: %s is not %s", kinds->kind, list->paths[i], group);
	}
}

static void test_every_kind_that_is_read_of_documents_is_asked_for(void **state)
{
	(void)state;
	expect_lists(facts_reading.kinds);
	expect_lists(kubernetes_kinds);
}

static void test_a_path_ends_in_its_list(void **state)
{
	(void)state;
	for (const struct live_list *list = live_lists; list->kind; list++)
		for (size_t i = 0; i < LIVE_PATHS && list->paths[i]; i++)
			assert_string_equal(strrchr(list->paths[i], '/') + 1, list->name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_that_is_read_of_documents_is_asked_for),
		cmocka_unit_test(test_a_path_ends_in_its_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
