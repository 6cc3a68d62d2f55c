/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/setting.h"

#define STRICT "version: 1\nnode: {name: n1}\n"
#define SG_1 POLICY("p", "podSelector: {}", "sg-1")
#define OLD CREATED("2026-01-01T00:00:00Z")
#define NEW CREATED("2026-01-02T00:00:00Z")
/* sha1("ns.pod"), as amazon-vpc-cni-k8s names it */
#define VETH "vlane34aba5891b"

static int open_setting(void **state)
{
	static struct setting setting;

	setting_open(&setting, STRICT);
	setting_put(&setting, "g.yaml", GROUPS(GROUP("sg-1", FROM_GROUP("sg-1"))));
	*state = &setting;
	return 0;
}

static int close_setting(void **state)
{
	setting_close(*state);
	return 0;
}

static int state_of(const struct setting *setting, const char *pod)
{
	const struct branch *branch = setting_branch(setting, pod);

	return branch != NULL ? (int)branch->state : -1;
}

static void of_two_pods_with_one_address_the_newer_wins(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "a.yaml",
	            KUBERNETES(POD("a", "u1", NEW ON("n1", "10.0.0.5"))
	                               POD("b", "u2", OLD ON("n1", "10.0.0.5")) SG_1));
	setting_resolve(setting);
	assert_int_equal(state_of(setting, "ns/a"), BRANCH_OPEN);
	assert_int_equal(state_of(setting, "ns/b"), BRANCH_CLAIMED);
	assert_true(setting_says(setting, "pod ns/b: 10.0.0.5 is held by the newer pod ns/a"));
}

static void of_two_pods_of_one_age_the_greater_uid_wins(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "a.yaml",
	            KUBERNETES(POD("a", "u1", OLD ON("n1", "10.0.0.5"))
	                               POD("b", "u2", OLD ON("n1", "10.0.0.5")) SG_1));
	setting_resolve(setting);
	assert_int_equal(state_of(setting, "ns/a"), BRANCH_CLAIMED);
	assert_int_equal(state_of(setting, "ns/b"), BRANCH_OPEN);
}

static void of_two_pods_with_one_vlan_the_newer_wins(void **state)
{
	struct setting *setting = *state;

	setting_put(
		setting, "a.yaml",
		KUBERNETES(POD("a", "u1", NEW ENI("eni-1", "10.0.0.5", "3") ON("n1", "10.0.0.5"))
	                           POD("b", "u2",
	                               OLD ENI("eni-2", "10.0.0.6", "3") ON("n1", "10.0.0.6"))
	                                   SG_1));
	setting_resolve(setting);
	assert_int_equal(state_of(setting, "ns/a"), BRANCH_OPEN);
	assert_int_equal(state_of(setting, "ns/b"), BRANCH_CLAIMED);
	assert_true(setting_says(setting, "vlan.eth.3 is held by the newer pod ns/a"));
}

static void a_claimed_pod_is_no_member_of_its_groups(void **state)
{
	struct setting *setting = *state;

	setting_put(
		setting, "a.yaml",
		KUBERNETES(POD("a", "u1", NEW ENI("eni-1", "10.0.0.5", "3") ON("n1", "10.0.0.5"))
	                           POD("b", "u2",
	                               OLD ENI("eni-2", "10.0.0.6", "3") ON("n1", "10.0.0.6"))
	                                   SG_1));
	setting_resolve(setting);
	assert_string_equal(setting_members(setting, "sg-1"), "10.0.0.5");
}

static void a_pod_that_is_gone_keeps_its_branch_while_its_veth_is_there(void **state)
{
	struct setting *setting = *state;
	const struct branch *branch;

	setting_links(setting, "eth0 " VETH);
	setting_put(setting, "a.yaml",
	            KUBERNETES(POD("pod", "u1",
	                           OLD ENI("eni-1", "10.0.0.5", "3") ON("n1", "10.0.0.5")) SG_1));
	setting_resolve(setting);
	setting_remove(setting, "a.yaml");
	for (size_t i = 0; i < 2; i++) {
		setting_resolve(setting);
		branch = setting_branch(setting, "ns/pod");
		assert_non_null(branch);
		assert_true(branch->orphan);
		assert_int_equal(branch->state, BRANCH_OPEN);
		assert_string_equal(branch->device, "vlan.eth.3");
		assert_string_equal(setting_groups(branch), "sg-1");
	}
	setting_links(setting, "eth0");
	setting_resolve(setting);
	assert_null(setting_branch(setting, "ns/pod"));
}

static void a_finished_pod_is_an_orphan_and_no_member(void **state)
{
	struct setting *setting = *state;

	setting_links(setting, VETH);
	setting_put(setting, "a.yaml", KUBERNETES(POD("pod", "u1", ON("n1", "10.0.0.5")) SG_1));
	setting_resolve(setting);
	assert_string_equal(setting_members(setting, "sg-1"), "10.0.0.5");
	setting_put(setting, "a.yaml",
	            KUBERNETES(POD("pod", "u1", "}, spec: {nodeName: n1}, status: {phase: Failed")
	                               SG_1));
	setting_resolve(setting);
	assert_true(setting_branch(setting, "ns/pod")->orphan);
	assert_string_equal(setting_members(setting, "sg-1"), "");
}

static void a_pod_that_no_policy_matches_any_more_is_no_orphan(void **state)
{
	struct setting *setting = *state;

	setting_links(setting, VETH);
	setting_put(setting, "a.yaml", KUBERNETES(POD("pod", "u1", ON("n1", "10.0.0.5"))));
	setting_put(setting, "p.yaml", KUBERNETES(SG_1));
	setting_resolve(setting);
	setting_remove(setting, "p.yaml");
	setting_resolve(setting);
	assert_null(setting_branch(setting, "ns/pod"));
}

static void a_new_pod_of_the_same_name_takes_the_interface_over(void **state)
{
	struct setting *setting = *state;

	setting_links(setting, VETH);
	setting_put(setting, "a.yaml", KUBERNETES(POD("pod", "u1", ON("n1", "10.0.0.5")) SG_1));
	setting_resolve(setting);
	setting_put(setting, "a.yaml", KUBERNETES(POD("pod", "u2", ON("n1", "10.0.0.6")) SG_1));
	setting_resolve(setting);
	assert_int_equal(setting->resolution->branch_count, 1);
	assert_string_equal(setting_branch(setting, "ns/pod")->uid, "u2");
	assert_false(setting_branch(setting, "ns/pod")->orphan);
}

/* The veth of the orphan is still there: were it forgotten, its packets would be nobody's. */
static void an_orphan_whose_address_or_vlan_a_pod_has_is_claimed(void **state)
{
	static const char *const newcomers[] = {
		KUBERNETES(POD("next", "u2", OLD ON("n1", "10.0.0.5")) SG_1),
		KUBERNETES(POD("next", "u2", OLD ENI("eni-2", "10.0.0.6", "3") ON("n1", "10.0.0.6"))
	                           SG_1),
	};
	struct setting *setting = *state;

	setting_links(setting, VETH);
	for (size_t i = 0; i < 2; i++) {
		setting_put(setting, "a.yaml",
		            KUBERNETES(POD("pod", "u1",
		                           NEW ENI("eni-1", "10.0.0.5", "3") ON("n1", "10.0.0.5"))
		                               SG_1));
		setting_resolve(setting);
		setting_put(setting, "a.yaml", newcomers[i]);
		setting_resolve(setting);
		assert_int_equal(state_of(setting, "ns/pod"), BRANCH_CLAIMED);
		assert_true(setting_branch(setting, "ns/pod")->orphan);
		assert_int_equal(state_of(setting, "ns/next"), BRANCH_OPEN);
	}
}

static void branches_are_sorted_by_interface(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "a.yaml",
	            KUBERNETES(POD("a", "u1", ON("n1", "10.0.0.1")) POD(
			    "b", "u2", ON("n1", "10.0.0.2")) POD("c", "u3", ON("n1", "10.0.0.3"))
	                               POD("d", "u4", ON("n1", "10.0.0.4")) SG_1));
	setting_resolve(setting);
	assert_int_equal(setting->resolution->branch_count, 4);
	for (size_t i = 1; i < 4; i++)
		assert_true(strcmp(setting->resolution->branches[i - 1].interface,
		                   setting->resolution->branches[i].interface) < 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_setting, close_setting)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_two_pods_with_one_address_the_newer_wins),
		TEST(of_two_pods_of_one_age_the_greater_uid_wins),
		TEST(of_two_pods_with_one_vlan_the_newer_wins),
		TEST(a_claimed_pod_is_no_member_of_its_groups),
		TEST(a_pod_that_is_gone_keeps_its_branch_while_its_veth_is_there),
		TEST(a_finished_pod_is_an_orphan_and_no_member),
		TEST(a_pod_that_no_policy_matches_any_more_is_no_orphan),
		TEST(a_new_pod_of_the_same_name_takes_the_interface_over),
		TEST(an_orphan_whose_address_or_vlan_a_pod_has_is_claimed),
		TEST(branches_are_sorted_by_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
