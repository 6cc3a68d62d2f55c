/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/setting.h"

#define STRICT "version: 1\nnode: {name: n1}\nenforcingMode: strict\n"
#define STANDARD "version: 1\nnode: {name: n1}\nenforcingMode: standard\n"
#define ALL_PODS "podSelector: {}"
/* sha1("ns.pod"), as amazon-vpc-cni-k8s names it */
#define HASH "e34aba5891b"

static int open_setting(void **state)
{
	static struct setting setting;

	setting_open(&setting, STRICT);
	*state = &setting;
	return 0;
}

static int close_setting(void **state)
{
	setting_close(*state);
	return 0;
}

static const struct branch *resolved(struct setting *setting, const char *pod)
{
	setting_resolve(setting);
	return setting_branch(setting, pod);
}

static void which_pods_have_a_branch_interface(void **state)
{
	static const struct {
		const char *behaviour;
		const char *pod;
		bool has;
	} rows[] = {
		{"matched", POD("pod", "u", ON("n1", "10.0.0.5")), true},
		{"another node's", POD("pod", "u", ON("n2", "10.0.0.5")), false},
		{"not scheduled", POD("pod", "u", "}, spec: {}, status: {"), false},
		{"hostNetwork", POD("pod", "u", "}, spec: {nodeName: n1, hostNetwork: true"),
	         false},
		{"Succeeded", POD("pod", "u", "}, spec: {nodeName: n1}, status: {phase: Succeeded"),
	         false},
		{"Failed", POD("pod", "u", "}, spec: {nodeName: n1}, status: {phase: Failed"),
	         false},
		{"Pending", POD("pod", "u", "}, spec: {nodeName: n1}, status: {phase: Pending"),
	         true},
	};
	struct setting *setting = *state;

	setting_put(setting, "policy.yaml", KUBERNETES(POLICY("p", ALL_PODS, "sg-1")));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024];

		(void)snprintf(text, sizeof(text), "%s%s", KUBERNETES(""), rows[i].pod);
		setting_put(setting, "pod.yaml", text);
		if ((resolved(setting, "ns/pod") != NULL) != rows[i].has)
			fail_msg("%s", rows[i].behaviour);
	}
}

static void a_pod_without_policy_and_annotation_is_none_of_ours(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "a.yaml", KUBERNETES(POD("pod", "u", ON("n1", "10.0.0.5"))));
	assert_null(resolved(setting, "ns/pod"));
}

static void without_eni_ignore_leaves_out_pods_that_are_not_annotated(void **state)
{
	struct setting *setting = *state;

	setting_configure(setting, STRICT "withoutEni: ignore\n");
	setting_put(setting, "a.yaml",
	            KUBERNETES(POD("plain", "u1", ON("n1", "10.0.0.5")) POD(
			    "branch", "u2", ENI("eni-1", "10.0.0.6", "3") ON("n1", "10.0.0.6"))
	                               POLICY("p", ALL_PODS, "sg-1")));
	assert_null(resolved(setting, "ns/plain"));
	assert_non_null(setting_branch(setting, "ns/branch"));
}

static void device_and_addresses_are_the_annotations(void **state)
{
	struct setting *setting = *state;
	const struct branch *branch;
	struct prefix address = prefix_of("10.0.0.6");

	setting_put(setting, "a.yaml",
	            KUBERNETES(POD("pod", "u", ENI("eni-1", "10.0.0.6", "3") ON("n1", "10.9.9.9"))
	                               POLICY("p", ALL_PODS, "sg-1")));
	branch = resolved(setting, "ns/pod");
	assert_string_equal(branch->device, "vlan.eth.3");
	assert_int_equal(branch->address_count, 1);
	assert_true(prefix_equal(&branch->addresses[0], &address));
	assert_true(branch->source_dest_check);
}

static void without_annotation_there_is_no_device_and_pod_ips_count(void **state)
{
	struct setting *setting = *state;
	const struct branch *branch;
	struct prefix address = prefix_of("10.0.0.5");

	setting_put(
		setting, "a.yaml",
		KUBERNETES(POD("pod", "u", ON("n1", "10.0.0.5")) POLICY("p", ALL_PODS, "sg-1")));
	branch = resolved(setting, "ns/pod");
	assert_string_equal(branch->device, "");
	assert_int_equal(branch->address_count, 1);
	assert_true(prefix_equal(&branch->addresses[0], &address));
}

static void the_mode_is_read_from_the_interface_that_exists(void **state)
{
	static const struct {
		const char *config;
		const char *links;
		const char *interface;
		enum mode mode;
		bool present;
	} rows[] = {
		{STRICT, "", "vlan" HASH, MODE_STRICT, false},
		{STANDARD, "", "eni" HASH, MODE_STANDARD, false},
		{STANDARD "vethPrefix: abcd\n", "", "abcd" HASH, MODE_STANDARD, false},
		{STRICT, "eth0 eni" HASH, "eni" HASH, MODE_STANDARD, true},
		{STANDARD, "eth0 vlan" HASH, "vlan" HASH, MODE_STRICT, true},
		{STANDARD, "eni" HASH " vlan" HASH, "eni" HASH, MODE_STANDARD, true},
		{STRICT, "eth0 renamed:eni" HASH, "renamed", MODE_STANDARD, true},
		{STANDARD, "renamed:eni" HASH " eni" HASH ":eniother", "renamed", MODE_STANDARD,
	         true},
		{STANDARD, "eni" HASH ":eniother", "eni" HASH, MODE_STANDARD, false},
		{STANDARD, "eni" HASH " older:eni" HASH, "eni" HASH, MODE_STANDARD, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct setting setting;
		const struct branch *branch;

		setting_open(&setting, rows[i].config);
		setting_links(&setting, rows[i].links);
		setting_put(&setting, "a.yaml",
		            KUBERNETES(POD("pod", "u", ON("n1", "10.0.0.5"))
		                               POLICY("p", ALL_PODS, "sg-1")));
		branch = resolved(&setting, "ns/pod");
		assert_string_equal(branch->interface, rows[i].interface);
		assert_int_equal(branch->mode, rows[i].mode);
		assert_int_equal(branch->present, rows[i].present);
		setting_close(&setting);
	}
	(void)state;
}

static void a_changed_configuration_leaves_known_pods_their_mode(void **state)
{
	struct setting *setting = *state;

	setting_put(
		setting, "a.yaml",
		KUBERNETES(POD("pod", "u1", ON("n1", "10.0.0.5")) POLICY("p", ALL_PODS, "sg-1")));
	assert_int_equal(resolved(setting, "ns/pod")->mode, MODE_STRICT);
	setting_configure(setting, STANDARD);
	assert_int_equal(resolved(setting, "ns/pod")->mode, MODE_STRICT);
	setting_put(
		setting, "a.yaml",
		KUBERNETES(POD("pod", "u2", ON("n1", "10.0.0.5")) POLICY("p", ALL_PODS, "sg-1")));
	assert_int_equal(resolved(setting, "ns/pod")->mode, MODE_STANDARD);
}

static void groups_of_a_listed_eni_win_and_the_difference_is_reported(void **state)
{
	struct setting *setting = *state;
	const struct branch *branch;

	setting_put(setting, "a.yaml",
	            KUBERNETES(POD("pod", "u", ENI("eni-1", "10.0.0.6", "3") ON("n1", "10.0.0.6"))
	                               POLICY("p", ALL_PODS, "sg-1")));
	setting_put(setting, "e.yaml",
	            "NetworkInterfaces: [{NetworkInterfaceId: eni-1, SourceDestCheck: false, "
	            "Groups: [{GroupId: sg-2}, {GroupId: sg-3}], PrivateIpAddresses: []}]");
	branch = resolved(setting, "ns/pod");
	assert_int_equal(branch->origin, GROUPS_FROM_ENI);
	assert_string_equal(setting_groups(branch), "sg-2 sg-3");
	assert_false(branch->source_dest_check);
	assert_true(setting_says(
		setting, "pod ns/pod: its ENI eni-1 has the security groups sg-2, sg-3, its "
			 "policies say sg-1: the ENI's are in force"));
}

static void the_same_groups_in_another_order_are_no_difference(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "a.yaml",
	            KUBERNETES(POD("pod", "u", ENI("eni-1", "10.0.0.6", "3") ON("n1", "10.0.0.6"))
	                               POLICY("p", ALL_PODS, "sg-1, sg-2")));
	setting_put(setting, "e.yaml",
	            INTERFACES(INTERFACE("eni-1", IN("sg-2") ", " IN("sg-1"), "10.0.0.6")));
	setting_resolve(setting);
	assert_false(setting_says(setting, "its policies say"));
}

static void an_annotated_pod_that_nothing_matches_has_the_nodes_groups(void **state)
{
	struct setting *setting = *state;
	const struct branch *branch;

	setting_put(
		setting, "a.yaml",
		KUBERNETES(POD("pod", "u", ENI("eni-1", "10.0.0.6", "3") ON("n1", "10.0.0.6"))));
	branch = resolved(setting, "ns/pod");
	assert_int_equal(branch->state, BRANCH_CLOSED);
	assert_true(setting_says(setting, "the node's security groups, which are not known"));
	setting_configure(setting, "version: 1\nnode: {name: n1, securityGroups: [sg-n]}\n");
	setting_put(setting, "g.yaml", GROUPS(GROUP("sg-n", "")));
	branch = resolved(setting, "ns/pod");
	assert_int_equal(branch->origin, GROUPS_FROM_NODE);
	assert_int_equal(branch->state, BRANCH_OPEN);
	assert_string_equal(setting_groups(branch), "sg-n");
}

static void a_branch_none_of_whose_groups_is_known_is_closed(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "a.yaml",
	            KUBERNETES(POD("pod", "u", ON("n1", "10.0.0.5"))
	                               POLICY("p", ALL_PODS, "sg-1, sg-2")));
	assert_int_equal(resolved(setting, "ns/pod")->state, BRANCH_CLOSED);
	assert_true(setting_says(
		setting, "security group sg-1 of pod ns/pod is not known: it permits nothing"));
	setting_put(setting, "g.yaml", GROUPS(GROUP("sg-2", "")));
	assert_int_equal(resolved(setting, "ns/pod")->state, BRANCH_OPEN);
	assert_true(setting_says(setting, "security group sg-1 of pod ns/pod"));
	assert_false(setting_says(setting, "security group sg-2"));
}

static void an_unknown_prefix_list_is_named(void **state)
{
	struct setting *setting = *state;

	setting_put(
		setting, "a.yaml",
		KUBERNETES(POD("pod", "u", ON("n1", "10.0.0.5")) POLICY("p", ALL_PODS, "sg-1")));
	setting_put(
		setting, "g.yaml",
		GROUPS(GROUP("sg-1", "{IpProtocol: '-1', PrefixListIds: [{PrefixListId: pl-1}]}")));
	setting_resolve(setting);
	assert_true(setting_says(setting, "prefix list pl-1 in a rule of security group sg-1 is "
	                                  "not known: it permits nothing"));
	setting_put(setting, "l.yaml", "PrefixListId: pl-1\nEntries: [{Cidr: 10.1.0.0/16}]\n");
	setting_resolve(setting);
	assert_int_equal(setting->resolution->problem_count, 0);
}

static void add_link_address(struct setting *setting, unsigned link, const char *address)
{
	struct host_address *addresses;

	addresses = realloc(setting->host.addresses,
	                    (setting->host.address_count + 1) * sizeof(*addresses));
	assert_non_null(addresses);
	setting->host.addresses = addresses;
	addresses[setting->host.address_count++] = (struct host_address){link, prefix_of(address)};
}

static void node_addresses_are_configured_else_the_hosts_else_the_node_objects(void **state)
{
	struct setting *setting = *state;
	struct prefix configured = prefix_of("10.0.0.1");
	struct prefix host = prefix_of("10.0.0.2");
	struct prefix object = prefix_of("10.0.0.3");

	setting_put(
		setting, "n.yaml",
		"{kind: Node, apiVersion: v1, metadata: {name: n1}, status: {addresses: "
		"[{type: InternalIP, address: 10.0.0.3}, {type: ExternalIP, address: 1.2.3.4}]}}");
	setting_resolve(setting);
	assert_int_equal(setting->resolution->node_address_count, 1);
	assert_true(prefix_equal(&setting->resolution->node_addresses[0], &object));

	setting_links(setting, "eth0 eth1");
	memcpy(setting->host.default_interface, "eth1", sizeof("eth1"));
	add_link_address(setting, 1, "10.0.0.9");
	add_link_address(setting, 2, "10.0.0.2");
	setting_resolve(setting);
	assert_string_equal(setting->resolution->primary_interface, "eth1");
	assert_int_equal(setting->resolution->node_address_count, 1);
	assert_true(prefix_equal(&setting->resolution->node_addresses[0], &host));

	setting_configure(setting, "version: 1\nnode: {name: n1, addresses: [10.0.0.1], "
	                           "primaryInterface: eth0}\n");
	setting_resolve(setting);
	assert_string_equal(setting->resolution->primary_interface, "eth0");
	assert_int_equal(setting->resolution->node_address_count, 1);
	assert_true(prefix_equal(&setting->resolution->node_addresses[0], &configured));
}

static void node_groups_are_those_of_the_eni_that_holds_the_nodes_address(void **state)
{
	struct setting *setting = *state;

	setting_configure(setting, "version: 1\nnode: {name: n1, addresses: [10.0.0.1]}\n");
	setting_resolve(setting);
	assert_int_equal(setting->resolution->node_group_count, 0);
	setting_put(setting, "e.yaml", INTERFACES(INTERFACE("eni-p", IN("sg-n"), "10.0.0.1")));
	setting_resolve(setting);
	assert_int_equal(setting->resolution->node_group_count, 1);
	assert_string_equal(setting->resolution->node_groups[0], "sg-n");
	assert_true(setting_says(setting, "security group sg-n of the node is not known"));
}

static void an_object_in_two_documents_is_a_problem(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "a.yaml", GROUPS(GROUP("sg-1", "")));
	setting_put(setting, "b.yaml", GROUPS(GROUP("sg-1", "")));
	setting_resolve(setting);
	assert_true(setting_says(setting, "sg-1 is in a.yaml and in b.yaml"));
}

static void a_resolution_outlives_its_documents(void **state)
{
	struct setting *setting = *state;

	setting_put(
		setting, "a.yaml",
		KUBERNETES(POD("pod", "u", ON("n1", "10.0.0.5")) POLICY("p", ALL_PODS, "sg-1")));
	setting_put(setting, "g.yaml", GROUPS(GROUP("sg-1", FROM_GROUP("sg-1"))));
	setting_resolve(setting);
	setting_remove(setting, "a.yaml");
	setting_remove(setting, "g.yaml");
	assert_string_equal(setting_branch(setting, "ns/pod")->uid, "u");
	assert_string_equal(setting_groups(setting_branch(setting, "ns/pod")), "sg-1");
	assert_string_equal(setting_members(setting, "sg-1"), "10.0.0.5");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_setting, close_setting)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(which_pods_have_a_branch_interface),
		TEST(a_pod_without_policy_and_annotation_is_none_of_ours),
		TEST(without_eni_ignore_leaves_out_pods_that_are_not_annotated),
		TEST(device_and_addresses_are_the_annotations),
		TEST(without_annotation_there_is_no_device_and_pod_ips_count),
		TEST(the_mode_is_read_from_the_interface_that_exists),
		TEST(a_changed_configuration_leaves_known_pods_their_mode),
		TEST(groups_of_a_listed_eni_win_and_the_difference_is_reported),
		TEST(the_same_groups_in_another_order_are_no_difference),
		TEST(an_annotated_pod_that_nothing_matches_has_the_nodes_groups),
		TEST(a_branch_none_of_whose_groups_is_known_is_closed),
		TEST(an_unknown_prefix_list_is_named),
		TEST(node_addresses_are_configured_else_the_hosts_else_the_node_objects),
		TEST(node_groups_are_those_of_the_eni_that_holds_the_nodes_address),
		TEST(an_object_in_two_documents_is_a_problem),
		TEST(a_resolution_outlives_its_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
