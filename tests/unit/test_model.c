/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/setting.h"

static int open_setting(void **state)
{
	static struct setting setting;

	setting_open(&setting, "version: 1\n");
	*state = &setting;
	return 0;
}

static int close_setting(void **state)
{
	setting_close(*state);
	return 0;
}

static const char *name_of_group(const struct setting *setting, const char *id)
{
	const struct security_group *group = model_group(setting->model, id);

	return group != NULL ? group->name : NULL;
}

struct said {
	size_t count;
	char last[512];
};

static void hear(void *context, const char *sentence)
{
	struct said *said = context;

	said->count++;
	(void)snprintf(said->last, sizeof(said->last), "%s", sentence);
}

static struct said duplicates(const struct setting *setting)
{
	struct said said = {0};

	model_duplicates(setting->model, hear, &said);
	return said;
}

#define NAMED(id, name) "SecurityGroups: [{GroupId: " id ", GroupName: " name "}]\n"

static void an_unknown_id_is_null(void **state)
{
	const struct setting *setting = *state;
	struct prefix address = prefix_of("10.0.0.1");

	assert_null(model_group(setting->model, "sg-1"));
	assert_null(model_interface(setting->model, "eni-1"));
	assert_null(model_interface_at(setting->model, &address));
	assert_null(model_prefix_list(setting->model, "pl-1"));
	assert_null(model_pod(setting->model, "ns", "a"));
	assert_null(model_group_peers(setting->model, "sg-1"));
}

static void a_put_document_replaces_the_one_of_its_name(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "a.yaml", NAMED("sg-1", "old"));
	setting_put(setting, "a.yaml", NAMED("sg-2", "new"));
	assert_null(model_group(setting->model, "sg-1"));
	assert_string_equal(name_of_group(setting, "sg-2"), "new");
	assert_int_equal(model_document_count(setting->model), 1);
}

static void of_two_documents_the_one_whose_name_sorts_last_wins(void **state)
{
	static const char *const orders[][2] = {{"a.yaml", "b.yaml"}, {"b.yaml", "a.yaml"}};
	struct setting *setting = *state;

	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < 2; j++)
			setting_put(setting, orders[i][j],
			            orders[i][j][0] == 'a' ? NAMED("sg-1", "first")
			                                   : NAMED("sg-1", "last"));
		assert_string_equal(name_of_group(setting, "sg-1"), "last");
		assert_int_equal(duplicates(setting).count, 1);
		assert_string_equal(duplicates(setting).last,
		                    "security group sg-1 is in a.yaml and in b.yaml: the latter "
		                    "is in force");
		setting_remove(setting, "a.yaml");
		setting_remove(setting, "b.yaml");
	}
}

static void removing_the_winner_brings_the_other_back(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "a.yaml", NAMED("sg-1", "first"));
	setting_put(setting, "b.yaml", NAMED("sg-1", "last"));
	setting_remove(setting, "b.yaml");
	assert_string_equal(name_of_group(setting, "sg-1"), "first");
	assert_int_equal(duplicates(setting).count, 0);
}

static void removing_what_is_not_there_is_enoent(void **state)
{
	const struct setting *setting = *state;

	assert_int_equal(model_remove(setting->model, "a.yaml", NULL), -ENOENT);
}

static void the_halves_of_a_prefix_list_complete_each_other(void **state)
{
	static const char names[] =
		"PrefixLists: [{PrefixListId: pl-1, PrefixListName: offices}]\n";
	static const char entries[] = "PrefixListId: pl-1\nEntries: [{Cidr: 10.1.0.0/16}]\n";
	struct setting *setting = *state;

	setting_put(setting, "m.yaml", names);
	assert_null(model_prefix_list(setting->model, "pl-1"));
	setting_put(setting, "a.yaml", entries);
	assert_non_null(model_prefix_list(setting->model, "pl-1"));
	assert_int_equal(model_prefix_list(setting->model, "pl-1")->entry_count, 1);
	assert_string_equal(model_prefix_list_name(setting->model, "pl-1"), "offices");
	assert_int_equal(duplicates(setting).count, 0);
}

static void an_interface_is_found_by_its_address_and_its_delegated_prefix(void **state)
{
	struct setting *setting = *state;
	struct prefix inside = prefix_of("10.0.8.17");
	struct prefix outside = prefix_of("10.0.8.32");

	setting_put(setting, "a.yaml",
	            "NetworkInterfaces: [{NetworkInterfaceId: eni-1, PrivateIpAddresses: "
	            "[{PrivateIpAddress: 10.0.0.5}], Ipv4Prefixes: [{Ipv4Prefix: 10.0.8.16/28}]}]");
	assert_non_null(model_interface_at(setting->model, &inside));
	assert_string_equal(model_interface_at(setting->model, &inside)->id, "eni-1");
	assert_null(model_interface_at(setting->model, &outside));
}

static void a_replaced_interface_no_longer_has_its_former_address(void **state)
{
	struct setting *setting = *state;
	struct prefix former = prefix_of("10.0.0.5");

	setting_put(setting, "a.yaml", INTERFACES(INTERFACE("eni-1", IN("sg-1"), "10.0.0.5")));
	setting_put(setting, "b.yaml", INTERFACES(INTERFACE("eni-1", IN("sg-1"), "10.0.0.6")));
	assert_null(model_interface_at(setting->model, &former));
	setting_remove(setting, "b.yaml");
	assert_non_null(model_interface_at(setting->model, &former));
}

static void pods_come_sorted_and_each_once(void **state)
{
	struct setting *setting = *state;
	const struct pod *const *pods;
	size_t count;

	setting_put(setting, "a.yaml",
	            KUBERNETES(POD("b", "u1", ON("n", "10.0.0.1"))
	                               POD("a", "u2", ON("n", "10.0.0.2"))));
	setting_put(setting, "b.yaml", KUBERNETES(POD("b", "u3", ON("n", "10.0.0.3"))));
	assert_int_equal(model_pods(setting->model, &pods, &count), 0);
	assert_int_equal(count, 2);
	assert_string_equal(pods[0]->uid, "u2");
	assert_string_equal(pods[1]->uid, "u3");
}

static void peers_of_a_group_are_listed_once_and_sorted(void **state)
{
	struct setting *setting = *state;
	const struct group_peers *peers;

	setting_put(setting, "a.yaml",
	            GROUPS(GROUP("sg-1", FROM_GROUP("sg-9") ", " FROM_GROUP("sg-2") ", " FROM_GROUP(
						 "sg-9"))));
	peers = model_group_peers(setting->model, "sg-1");
	assert_non_null(peers);
	assert_int_equal(peers->group_count, 2);
	assert_string_equal(peers->groups[0], "sg-2");
	assert_string_equal(peers->groups[1], "sg-9");
	assert_int_equal(peers->prefix_list_count, 0);
}

static void the_generation_rises_with_every_change(void **state)
{
	struct setting *setting = *state;
	uint64_t before = model_generation(setting->model);
	uint64_t pods = model_pods_generation(setting->model);

	setting_put(setting, "a.yaml", NAMED("sg-1", "a"));
	assert_true(model_generation(setting->model) > before);
	assert_true(model_pods_generation(setting->model) == pods);
	setting_put(setting, "p.yaml", KUBERNETES(POD("a", "u1", ON("n", "10.0.0.1"))));
	assert_true(model_pods_generation(setting->model) > pods);
}

static void documents_beyond_the_maximum_are_refused(void **state)
{
	struct setting *setting = *state;
	struct document *document = NULL;
	struct error err = {0};
	char name[32];

	for (unsigned i = 0; i < MODEL_DOCUMENTS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "%05u.yaml", i);
		setting_put(setting, name, NAMED("sg-1", "a"));
	}
	assert_int_equal(document_parse("z.yaml", DOCUMENT_YAML, NAMED("sg-2", "a"),
	                                strlen(NAMED("sg-2", "a")), &document, &err),
	                 0);
	assert_int_equal(model_put(setting->model, document, &err), -ENOSPC);
	assert_null(model_group(setting->model, "sg-2"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_setting, close_setting)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unknown_id_is_null),
		TEST(a_put_document_replaces_the_one_of_its_name),
		TEST(of_two_documents_the_one_whose_name_sorts_last_wins),
		TEST(removing_the_winner_brings_the_other_back),
		TEST(removing_what_is_not_there_is_enoent),
		TEST(the_halves_of_a_prefix_list_complete_each_other),
		TEST(an_interface_is_found_by_its_address_and_its_delegated_prefix),
		TEST(a_replaced_interface_no_longer_has_its_former_address),
		TEST(pods_come_sorted_and_each_once),
		TEST(peers_of_a_group_are_listed_once_and_sorted),
		TEST(the_generation_rises_with_every_change),
		TEST(documents_beyond_the_maximum_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
