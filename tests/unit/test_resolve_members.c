/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/setting.h"

#define SG_1 POLICY("p", "podSelector: {}", "sg-1")

/* sg-1 lets in sg-2; ns/local, on this node, has sg-1. */
static int open_setting(void **state)
{
	static struct setting setting;

	setting_open(&setting, "version: 1\nnode: {name: n1}\n");
	setting_put(&setting, "g.yaml", GROUPS(GROUP("sg-1", FROM_GROUP("sg-2"))));
	setting_put(&setting, "a.yaml", KUBERNETES(POD("local", "u1", ON("n1", "10.0.0.1")) SG_1));
	*state = &setting;
	return 0;
}

static int close_setting(void **state)
{
	setting_close(*state);
	return 0;
}

static const char *members(struct setting *setting, const char *group)
{
	setting_resolve(setting);
	return setting_members(setting, group);
}

static uint64_t generation(const struct setting *setting, const char *group)
{
	return resolution_members(setting->resolution, group)->generation;
}

static void only_groups_that_rules_in_use_refer_to_have_a_set(void **state)
{
	struct setting *setting = *state;

	assert_string_equal(members(setting, "sg-2"), "");
	assert_string_equal(members(setting, "sg-1"), "(not referred to)");
	assert_true(setting_says(setting, "security group sg-2, which rules refer to, is not known "
	                                  "and has no members"));
	setting_put(setting, "h.yaml", GROUPS(GROUP("sg-9", FROM_GROUP("sg-8"))));
	assert_string_equal(members(setting, "sg-8"), "(not referred to)");
}

static void interfaces_that_list_the_group_are_members(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "e.yaml",
	            INTERFACES(INTERFACE("eni-1", IN("sg-2") ", " IN("sg-3"), "10.1.0.2")
	                               INTERFACE("eni-2", IN("sg-3"), "10.1.0.3")
	                                       INTERFACE("eni-3", IN("sg-2"), "10.1.0.1")));
	assert_string_equal(members(setting, "sg-2"), "10.1.0.1 10.1.0.2");
}

static void secondary_addresses_and_delegated_prefixes_count_and_public_ones_do_not(void **state)
{
	struct setting *setting = *state;

	setting_put(
		setting, "e.yaml",
		"NetworkInterfaces: [{NetworkInterfaceId: eni-1, Groups: [{GroupId: sg-2}], "
		"Association: {PublicIp: 3.3.3.3}, PrivateIpAddresses: [{PrivateIpAddress: "
		"10.1.0.1, Primary: true, Association: {PublicIp: 3.3.3.3}}, {PrivateIpAddress: "
		"10.1.0.2, Primary: false}], Ipv6Addresses: [{Ipv6Address: '2001:db8::1'}], "
		"Ipv4Prefixes: [{Ipv4Prefix: 10.1.1.16/28}], Ipv6Prefixes: [{Ipv6Prefix: "
		"'2001:db8:1::/80'}]}]");
	assert_string_equal(members(setting, "sg-2"),
	                    "10.1.0.1 10.1.0.2 10.1.1.16/28 2001:db8::1 2001:db8:1::/80");
}

static void an_interface_in_two_documents_counts_as_the_later_has_it(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "e1.yaml", INTERFACES(INTERFACE("eni-1", IN("sg-2"), "10.1.0.1")));
	setting_put(setting, "e2.yaml", INTERFACES(INTERFACE("eni-1", IN("sg-2"), "10.1.0.2")));
	assert_string_equal(members(setting, "sg-2"), "10.1.0.2");
	setting_put(setting, "e2.yaml", INTERFACES(INTERFACE("eni-1", IN("sg-3"), "10.1.0.2")));
	assert_string_equal(members(setting, "sg-2"), "");
	setting_remove(setting, "e2.yaml");
	assert_string_equal(members(setting, "sg-2"), "10.1.0.1");
}

static void pods_of_every_node_are_members(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "g.yaml", GROUPS(GROUP("sg-1", FROM_GROUP("sg-1"))));
	setting_put(setting, "r.yaml",
	            KUBERNETES(POD("r1", "u2", ON("n2", "10.0.0.2")) POD(
			    "r2", "u3",
			    "}, spec: {nodeName: n2, hostNetwork: true}, "
			    "status: {podIPs: [{ip: 10.0.0.3}]")
	                               POD("r3", "u4",
	                                   "}, spec: {nodeName: n2}, status: {phase: Failed, "
	                                   "podIPs: [{ip: 10.0.0.4}]")));
	assert_string_equal(members(setting, "sg-1"), "10.0.0.1 10.0.0.2");
	setting_remove(setting, "r.yaml");
	assert_string_equal(members(setting, "sg-1"), "10.0.0.1");
}

static void a_pod_with_a_listed_eni_is_a_member_of_that_enis_groups_only(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "g.yaml",
	            GROUPS(GROUP("sg-1", FROM_GROUP("sg-1") ", " FROM_GROUP("sg-2"))));
	setting_put(setting, "r.yaml",
	            KUBERNETES(POD("r", "u2", ENI("eni-1", "10.0.0.2", "3") ON("n2", "10.0.0.2"))));
	assert_string_equal(members(setting, "sg-1"), "10.0.0.1 10.0.0.2");
	setting_put(setting, "e.yaml", INTERFACES(INTERFACE("eni-1", IN("sg-2"), "10.0.0.2")));
	assert_string_equal(members(setting, "sg-1"), "10.0.0.1");
	assert_string_equal(members(setting, "sg-2"), "10.0.0.2");
}

static void the_node_is_a_member_of_its_groups(void **state)
{
	struct setting *setting = *state;

	setting_configure(setting, "version: 1\nnode: {name: n1, addresses: [10.0.0.9, "
	                           "'2001:db8::9'], securityGroups: [sg-2]}\n");
	assert_string_equal(members(setting, "sg-2"), "10.0.0.9 2001:db8::9");
}

static void groups_of_the_node_are_in_use(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "n.yaml", GROUPS(GROUP("sg-n", FROM_GROUP("sg-7"))));
	setting_configure(setting, "version: 1\nnode: {name: n1, securityGroups: [sg-n]}\n");
	assert_string_equal(members(setting, "sg-7"), "");
}

static void an_address_of_two_sources_is_listed_once(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "g.yaml", GROUPS(GROUP("sg-1", FROM_GROUP("sg-1"))));
	setting_put(setting, "e.yaml", INTERFACES(INTERFACE("eni-1", IN("sg-1"), "10.0.0.1")));
	assert_string_equal(members(setting, "sg-1"), "10.0.0.1");
}

static void the_generation_of_a_set_changes_with_its_content_only(void **state)
{
	struct setting *setting = *state;
	uint64_t before;

	setting_put(setting, "e.yaml", INTERFACES(INTERFACE("eni-1", IN("sg-2"), "10.1.0.1")));
	setting_resolve(setting);
	before = generation(setting, "sg-2");
	setting_put(setting, "e.yaml",
	            INTERFACES(INTERFACE("eni-1", IN("sg-2"), "10.1.0.1")
	                               INTERFACE("eni-2", IN("sg-3"), "10.1.0.2")));
	setting_put(setting, "x.yaml", GROUPS(GROUP("sg-5", "")));
	setting_resolve(setting);
	assert_int_equal(generation(setting, "sg-2"), before);
	setting_put(setting, "e.yaml", INTERFACES(INTERFACE("eni-1", IN("sg-2"), "10.1.0.3")));
	setting_resolve(setting);
	assert_true(generation(setting, "sg-2") > before);
}

static void with_another_node_name_remote_pods_become_local(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "g.yaml", GROUPS(GROUP("sg-1", FROM_GROUP("sg-1"))));
	setting_put(setting, "r.yaml", KUBERNETES(POD("r1", "u2", ON("n2", "10.0.0.2"))));
	assert_string_equal(members(setting, "sg-1"), "10.0.0.1 10.0.0.2");
	setting_configure(setting, "version: 1\nnode: {name: n2}\n");
	assert_string_equal(members(setting, "sg-1"), "10.0.0.1 10.0.0.2");
	assert_non_null(setting_branch(setting, "ns/r1"));
	assert_null(setting_branch(setting, "ns/local"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_setting, close_setting)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_groups_that_rules_in_use_refer_to_have_a_set),
		TEST(interfaces_that_list_the_group_are_members),
		TEST(secondary_addresses_and_delegated_prefixes_count_and_public_ones_do_not),
		TEST(an_interface_in_two_documents_counts_as_the_later_has_it),
		TEST(pods_of_every_node_are_members),
		TEST(a_pod_with_a_listed_eni_is_a_member_of_that_enis_groups_only),
		TEST(the_node_is_a_member_of_its_groups),
		TEST(groups_of_the_node_are_in_use),
		TEST(an_address_of_two_sources_is_listed_once),
		TEST(the_generation_of_a_set_changes_with_its_content_only),
		TEST(with_another_node_name_remote_pods_become_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
