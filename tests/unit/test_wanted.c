/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/resolve/wanted.h"
#include "tests/unit/setting.h"

#define TO_LIST(id) "{IpProtocol: '-1', PrefixListIds: [{PrefixListId: " id "}]}"

static int open_setting(void **state)
{
	static struct setting setting;

	setting_open(&setting, "version: 1\nnode: {name: n1, securityGroups: [sg-node]}\n");
	setting_put(
		&setting, "p.yaml",
		KUBERNETES(POD("a", "u1", ON("n1", "10.0.0.1")) POD(
			"b", "u2", ON("n1", "10.0.0.2")) POD("far", "u3", ON("n2", "10.0.0.3"))
	                           POLICY("p", "podSelector: {matchLabels: {app: a}}", "sg-2, sg-1")
	                                   POLICY("q", "podSelector: {matchLabels: {app: b}}",
	                                          "sg-1, sg-3")
	                                           POLICY("r",
	                                                  "podSelector: {matchLabels: {app: "
	                                                  "far}}",
	                                                  "sg-far")));
	*state = &setting;
	return 0;
}

static int close_setting(void **state)
{
	setting_close(*state);
	return 0;
}

static struct wanted wanted_now(struct setting *setting)
{
	struct wanted wanted;

	setting_resolve(setting);
	assert_int_equal(wanted_make(setting->resolution, setting->model, &wanted), 0);
	return wanted;
}

/* With blanks between. */
static void assert_ids(const struct wanted_ids *ids, const char *expected)
{
	char text[256] = "";

	for (size_t i = 0; i < ids->count; i++) {
		size_t used = strlen(text);

		(void)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "",
		               ids->ids[i]);
	}
	assert_string_equal(text, expected);
}

static void groups_of_the_node_and_its_pods_are_wanted_known_or_not(void **state)
{
	struct wanted wanted = wanted_now(*state);

	assert_ids(&wanted.groups, "sg-1 sg-2 sg-3 sg-node");
	assert_ids(&wanted.members, "");
	assert_ids(&wanted.prefix_lists, "");
	wanted_done(&wanted);
}

static void what_their_rules_refer_to_is_wanted_and_nothing_behind_that(void **state)
{
	struct setting *setting = *state;
	struct wanted wanted;

	setting_put(setting, "g.yaml",
	            GROUPS(GROUP("sg-1", FROM_GROUP("sg-9") ", " TO_LIST("pl-2"))
	                           GROUP("sg-2", FROM_GROUP("sg-1") ", " FROM_GROUP("sg-9"))
	                                   GROUP("sg-node", TO_LIST("pl-1") ", " TO_LIST("pl-2"))
	                                           GROUP("sg-9", FROM_GROUP("sg-8"))
	                                                   GROUP("sg-far", FROM_GROUP("sg-7"))));
	wanted = wanted_now(setting);
	assert_ids(&wanted.members, "sg-1 sg-9");
	assert_ids(&wanted.prefix_lists, "pl-1 pl-2");
	wanted_done(&wanted);
}

static void a_node_without_pods_and_groups_wants_nothing(void **state)
{
	struct setting *setting = *state;
	struct wanted wanted;

	setting_configure(setting, "version: 1\nnode: {name: n7}\n");
	wanted = wanted_now(setting);
	assert_int_equal(wanted.groups.count, 0);
	wanted_done(&wanted);
}

static void two_are_equal_when_all_their_ids_are(void **state)
{
	struct setting *setting = *state;
	struct wanted before = wanted_now(setting);
	struct wanted same = wanted_now(setting);
	struct wanted other;

	assert_true(wanted_equal(&before, &same));
	setting_put(setting, "g.yaml", GROUPS(GROUP("sg-1", FROM_GROUP("sg-9"))));
	other = wanted_now(setting);
	assert_false(wanted_equal(&before, &other));
	wanted_done(&before);
	wanted_done(&same);
	wanted_done(&other);
	assert_true(wanted_equal(&before, &other));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_setting, close_setting)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(groups_of_the_node_and_its_pods_are_wanted_known_or_not),
		TEST(what_their_rules_refer_to_is_wanted_and_nothing_behind_that),
		TEST(a_node_without_pods_and_groups_wants_nothing),
		TEST(two_are_equal_when_all_their_ids_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
