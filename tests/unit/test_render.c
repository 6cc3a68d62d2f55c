/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/drawing.h"

#define STRICT "version: 1\nnode: {name: n1, primaryInterface: eth0}\n"
#define STANDARD STRICT "enforcingMode: standard\n"
#define OLD CREATED("2026-01-01T00:00:00Z")
#define NEW CREATED("2026-01-02T00:00:00Z")
#define SG_1 POLICY("p", "podSelector: {}", "sg-1")
#define WITH_ENI(name, ip, vlan) POD(name, "u-" name, OLD ENI("eni-" name, ip, vlan) ON("n1", ip))
#define WITHOUT_ENI(name, ip) POD(name, "u-" name, OLD ON("n1", ip))
#define RULE_443 "{IpProtocol: tcp, FromPort: 443, ToPort: 443, IpRanges: [{CidrIp: 0.0.0.0/0}]}"

static struct drawing drawing;

static void draw(const char *config, const char *cluster, const char *groups)
{
	drawing_open(&drawing, config);
	setting_put(&drawing.setting, "cluster.yaml", cluster);
	setting_put(&drawing.setting, "groups.yaml", groups);
	drawing_draw(&drawing);
}

static int close_drawing(void **state)
{
	(void)state;
	drawing_close(&drawing);
	return 0;
}

static void a_node_without_branch_interfaces_has_no_hook(void **state)
{
	(void)state;
	draw(STRICT, KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5")), GROUPS(GROUP("sg-1", RULE_443)));
	assert_int_equal(drawing.image->set_count, 0);
	assert_int_equal(drawing.image->chain_count, 0);
}

static void assert_kinds(const char *expected)
{
	static const char *const sets[] = {"claimed", "routed", "strict"};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		assert_int_equal(drawing_holds(&drawing, sets[i], "ns/pod"),
		                 strstr(expected, sets[i]) != NULL);
}

static void each_kind_of_interface_goes_its_own_way(void **state)
{
	static const struct {
		const char *config;
		const char *cluster;
		const char *groups;
		const char *kinds;
	} rows[] = {
		{STANDARD, KUBERNETES(WITH_ENI("pod", "10.0.0.5", "3") SG_1),
	         GROUPS(GROUP("sg-1", "")), ""},
		{STANDARD, KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5") SG_1),
	         GROUPS(GROUP("sg-1", "")), ""},
		{STRICT, KUBERNETES(WITH_ENI("pod", "10.0.0.5", "3") SG_1),
	         GROUPS(GROUP("sg-1", "")), "strict"},
		{STRICT, KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5") SG_1), GROUPS(GROUP("sg-1", "")),
	         "routed strict"},
		{STRICT, KUBERNETES(WITH_ENI("pod", "10.0.0.5", "3") SG_1),
	         GROUPS(GROUP("sg-other", "")), "strict"},
		{STANDARD,
	         KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5")
	                            POD("newer", "u-2", NEW ON("n1", "10.0.0.5")) SG_1),
	         GROUPS(GROUP("sg-1", "")), "claimed"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (i > 0)
			drawing_close(&drawing);
		draw(rows[i].config, rows[i].cluster, rows[i].groups);
		assert_true(drawing_holds(&drawing, "branches", "ns/pod"));
		assert_kinds(rows[i].kinds);
	}
}

static void a_way_is_asked_for_only_where_an_interface_goes_it(void **state)
{
	static const char *const chains[] = {"chain egress", "chain ingress", "chain from-node"};

	(void)state;
	draw(STANDARD, KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5") SG_1), GROUPS(GROUP("sg-1", "")));
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		assert_null(strstr(drawing_block(&drawing, chains[i]), "@strict"));
		assert_null(strstr(drawing_block(&drawing, chains[i]), "@claimed"));
	}
}

/*
 * Kernels until 6.18 follow every way through the chains before each commit, the ways that elements
 * of verdict maps open one by one. Only the last of these maps may grow with the node's interfaces.
 */
static void no_map_of_interfaces_leads_to_another(void **state)
{
	static const char *const leading[] = {"chain forward",  "chain input",  "chain output",
	                                      "chain rerouted", "chain egress", "chain ingress",
	                                      "chain from-node"};

	(void)state;
	draw(STRICT, KUBERNETES(WITH_ENI("pod", "10.0.0.5", "3") SG_1), GROUPS(GROUP("sg-1", "")));
	for (size_t i = 0; i < sizeof(leading) / sizeof(leading[0]); i++)
		assert_null(strstr(drawing_block(&drawing, leading[i]), "vmap"));
}

static void a_closed_interface_is_judged_but_has_no_rules(void **state)
{
	(void)state;
	draw(STANDARD, KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5") SG_1),
	     GROUPS(GROUP("sg-other", "")));
	assert_string_equal(drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod"), "");
	assert_string_equal(drawing_rules(&drawing, DIRECTION_EGRESS, "ns/pod"), "");
	assert_non_null(strstr(drawing_block(&drawing, "chain standard-ingress-judge"),
	                       "oifname vmap @rules-ingress\n\t\tgoto drop-ingress-closed\n"));
}

static void a_claimed_interface_has_no_addresses_and_no_rules(void **state)
{
	(void)state;
	draw(STANDARD,
	     KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5") POD("newer", "u-2", NEW ON("n1", "10.0.0.5"))
	                        SG_1),
	     GROUPS(GROUP("sg-1", "")));
	assert_string_equal(drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod"), "");
	assert_int_not_equal(drawing_rules(&drawing, DIRECTION_INGRESS, "ns/newer")[0], '\0');
	assert_int_equal(image_find_set(drawing.image, "addresses4")->count, 1);
}

static void only_strict_interfaces_bring_paths_and_the_identity_mapping(void **state)
{
	static const char *const heads[] = {
		"set paths",  "map unsourced4",      "map unsourced6", "set strict",
		"set routed", "chain strict-egress", "chain unsourced"};

	(void)state;
	for (int strict = 0; strict < 2; strict++) {
		if (strict)
			drawing_close(&drawing);
		draw(strict ? STRICT : STANDARD, KUBERNETES(WITH_ENI("pod", "10.0.0.5", "3") SG_1),
		     GROUPS(GROUP("sg-1", "")));
		for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
			assert_int_equal(drawing_block(&drawing, heads[i]) != NULL, strict);
	}
}

static void a_strict_interface_may_reach_its_device_and_itself(void **state)
{
	(void)state;
	draw(STRICT, KUBERNETES(WITH_ENI("pod", "10.0.0.5", "3") SG_1), GROUPS(GROUP("sg-1", "")));
	assert_string_equal(drawing_block(&drawing, "set paths"),
	                    "\t\ttype ifname . ifname\n"
	                    "\t\tcomment \"strict interfaces and their devices\"\n"
	                    "\t\telements = { \"vlan.eth.3\" . \"vlane34aba5891b\",\n"
	                    "\t\t             \"vlane34aba5891b\" . \"vlan.eth.3\",\n"
	                    "\t\t             \"vlane34aba5891b\" . \"vlane34aba5891b\" }\n");
	assert_string_equal(drawing_block(&drawing, "map unsourced4"),
	                    "\t\ttype ipv4_addr : ipv4_addr\n"
	                    "\t\tcomment \"strict pods keep their source\"\n"
	                    "\t\telements = { 10.0.0.5 comment \"ns/pod\" : 10.0.0.5 }\n");
	assert_string_equal(drawing_block(&drawing, "chain strict-egress"),
	                    "\t\tcomment \"only to and from its own device, or itself\"\n"
	                    "\t\tiifname . oifname @paths goto strict-egress-exempt\n"
	                    "\t\tgoto drop-egress-path\n");
}

static void the_source_check_names_interface_address_and_pod(void **state)
{
	(void)state;
	draw(STANDARD, KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5") SG_1), GROUPS(GROUP("sg-1", "")));
	assert_string_equal(
		drawing_block(&drawing, "set addresses4"),
		"\t\ttype ifname . ipv4_addr\n"
		"\t\tcomment \"source check\"\n"
		"\t\telements = { \"enie34aba5891b\" . 10.0.0.5 comment \"ns/pod\" }\n");
	assert_string_equal(drawing_block(&drawing, "chain source"),
	                    "\t\tcomment \"a pod sends from its own addresses\"\n"
	                    "\t\tiifname . ip saddr @addresses4 return\n"
	                    "\t\tiifname . ip6 saddr @addresses6 return\n"
	                    "\t\tiifname @any-source return\n"
	                    "\t\tgoto drop-egress-source\n");
}

static void an_eni_without_source_check_may_send_from_anywhere(void **state)
{
	(void)state;
	draw(STRICT, KUBERNETES(WITH_ENI("pod", "10.0.0.5", "3") SG_1), GROUPS(GROUP("sg-1", "")));
	assert_int_equal(image_find_set(drawing.image, "any-source")->count, 0);
	setting_put(&drawing.setting, "eni.yaml",
	            "NetworkInterfaces:\n- {NetworkInterfaceId: eni-pod, SourceDestCheck: false, "
	            "Groups: [{GroupId: sg-1}], PrivateIpAddresses: [{PrivateIpAddress: "
	            "10.0.0.5}]}\n");
	drawing_draw(&drawing);
	assert_true(set_has(image_find_set(drawing.image, "any-source"), "vlane34aba5891b"));
}

static void an_interface_first_asks_what_it_permitted_before(void **state)
{
	(void)state;
	draw(STANDARD, KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5") SG_1), GROUPS(GROUP("sg-1", "")));
	assert_string_equal(drawing_block(&drawing, "chain ingress"),
	                    "\t\tcomment \"to a pod\"\n"
	                    "\t\tct direction original ct mark & 0x00002000 == 0x00002000 return\n"
	                    "\t\tct direction reply ct mark & 0x00001000 == 0x00001000 return\n"
	                    "\t\ticmpv6 type @neighbour-discovery ip6 hoplimit 255 return\n"
	                    "\t\tgoto standard-ingress\n");
	assert_string_equal(drawing_block(&drawing, "chain permit-ingress"),
	                    "\t\tcomment \"this end remembers that it permitted the flow\"\n"
	                    "\t\toifname @permits-ingress\n"
	                    "\t\tct direction original ct mark set ct mark | 0x00002000\n"
	                    "\t\tct direction reply ct mark set ct mark | 0x00001000\n");
}

static void the_bits_of_the_connection_mark_are_the_configured_ones(void **state)
{
	(void)state;
	draw(STANDARD "nftSync: {connmark: 0x80000001}\n",
	     KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5") SG_1), GROUPS(GROUP("sg-1", "")));
	assert_string_equal(drawing_block(&drawing, "chain permit-egress"),
	                    "\t\tcomment \"this end remembers that it permitted the flow\"\n"
	                    "\t\tiifname @permits-egress\n"
	                    "\t\tct direction original ct mark set ct mark | 0x00000001\n"
	                    "\t\tct direction reply ct mark set ct mark | 0x80000000\n");
}

static void the_nodes_groups_are_asked_as_the_policy_says(void **state)
{
	static const struct {
		const char *config;
		const char *rule; /* "%s": the node's rules; NULL: they are not asked */
	} rows[] = {
		{"version: 1\nnode: {name: n1, primaryInterface: eth0, securityGroups: [sg-n]}\n"
	         "enforcingMode: standard\n",
	         "\t\tiifname \"eth0\" jump node-ingress-"},
		{"version: 1\nnode: {name: n1, primaryInterface: eth0, securityGroups: [sg-n]}\n"
	         "enforcingMode: standard\nstandardNodeGroups: always\n",
	         "\t\tjump node-ingress-"},
		{"version: 1\nnode: {name: n1, primaryInterface: eth0, securityGroups: [sg-n]}\n"
	         "enforcingMode: standard\nstandardNodeGroups: never\n",
	         NULL},
		{"version: 1\nnode: {name: n1, primaryInterface: eth0, securityGroups: [sg-x]}\n"
	         "enforcingMode: standard\n",
	         NULL},
		{"version: 1\nnode: {name: n1, securityGroups: [sg-n]}\nenforcingMode: standard\n",
	         NULL},
		{STANDARD, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (i > 0)
			drawing_close(&drawing);
		draw(rows[i].config, KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5") SG_1),
		     GROUPS(GROUP("sg-1", "") GROUP("sg-n", RULE_443)));
		const char *judge = drawing_block(&drawing, "chain standard-ingress-judge");
		assert_int_equal(strstr(judge, "jump node-") != NULL, rows[i].rule != NULL);
		if (rows[i].rule != NULL)
			assert_non_null(strstr(judge, rows[i].rule));
	}
}

static void exemptions_that_are_switched_off_leave_nothing_behind(void **state)
{
	static const struct {
		const char *name;
		const char *head;
	} rows[] = {
		{"imds", "chain exempt-imds"},
		{"vpc-dns", "chain exempt-vpc-dns"},
		{"time", "chain exempt-time"},
		{"dhcp", "chain exempt-dhcp"},
		{"pod-identity", "chain exempt-pod-identity"},
		{"ecs", "chain exempt-ecs"},
		{"node-probe", "chain exempt-node-probe"},
		{"hairpin", "chain exempt-hairpin-egress"},
	};
	char config[256];
	char verdict[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int off = 0; off < 2; off++) {
			if (i + (size_t)off > 0)
				drawing_close(&drawing);
			(void)snprintf(config, sizeof(config), "%sexempt: {%s: %s}\n", STANDARD,
			               rows[i].name, off ? "false" : "true");
			draw(config, KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5") SG_1),
			     GROUPS(GROUP("sg-1", "")));
			char *text = image_text(drawing.image);
			(void)snprintf(verdict, sizeof(verdict), "goto %s", rows[i].head + 6);
			assert_int_equal(drawing_block(&drawing, rows[i].head) == NULL, off);
			assert_int_equal(strstr(text, verdict) == NULL, off);
			free(text);
		}
	}
}

static void drops_are_counted_logged_at_a_limit_and_dropped(void **state)
{
	(void)state;
	draw(STANDARD "nftSync: {dropLog: {group: 7, perSecond: 9}}\n",
	     KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5") SG_1), GROUPS(GROUP("sg-1", "")));
	assert_string_equal(drawing_block(&drawing, "chain drop-egress-rules"),
	                    "\t\tiifname @drops-egress-rules\n"
	                    "\t\tlimit rate 9/second burst 9 packets log prefix \"podsg egress "
	                    "rules: \" group 7 snaplen 128\n"
	                    "\t\tdrop\n");
	assert_non_null(strstr(drawing_block(&drawing, "set drops-egress-rules"),
	                       "\"enie34aba5891b\" counter packets 0 bytes 0 comment \"ns/pod\""));
}

static void without_a_rate_nothing_is_logged(void **state)
{
	(void)state;
	draw(STANDARD "nftSync: {dropLog: {perSecond: 0}}\n",
	     KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5") SG_1), GROUPS(GROUP("sg-1", "")));
	assert_string_equal(drawing_block(&drawing, "chain drop-ingress-rules"),
	                    "\t\toifname @drops-ingress-rules\n\t\tdrop\n");
}

static void what_does_not_change_is_the_same_object(void **state)
{
	(void)state;
	draw(STANDARD, KUBERNETES(WITHOUT_ENI("pod", "10.0.0.5") SG_1),
	     GROUPS(GROUP("sg-1", RULE_443)));
	struct image_chain *chain =
		image_chain_ref(image_find_chain(drawing.image, "standard-ingress"));
	struct image_chain *rules = image_chain_ref(image_find_chain(
		drawing.image, drawing_rules(&drawing, DIRECTION_INGRESS, "ns/pod")));
	drawing_draw(&drawing);
	assert_ptr_equal(image_find_chain(drawing.image, "standard-ingress"), chain);
	assert_ptr_equal(image_find_chain(drawing.image, rules->name), rules);
	assert_int_equal(drawing.report.rule_sets_compiled, 0);
	assert_int_equal(drawing.report.rule_sets, 2);
	image_chain_unref(chain);
	image_chain_unref(rules);
}

#define DRAWN(test) cmocka_unit_test_teardown(test, close_drawing)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DRAWN(a_node_without_branch_interfaces_has_no_hook),
		DRAWN(each_kind_of_interface_goes_its_own_way),
		DRAWN(a_way_is_asked_for_only_where_an_interface_goes_it),
		DRAWN(no_map_of_interfaces_leads_to_another),
		DRAWN(a_closed_interface_is_judged_but_has_no_rules),
		DRAWN(a_claimed_interface_has_no_addresses_and_no_rules),
		DRAWN(only_strict_interfaces_bring_paths_and_the_identity_mapping),
		DRAWN(a_strict_interface_may_reach_its_device_and_itself),
		DRAWN(the_source_check_names_interface_address_and_pod),
		DRAWN(an_eni_without_source_check_may_send_from_anywhere),
		DRAWN(an_interface_first_asks_what_it_permitted_before),
		DRAWN(the_bits_of_the_connection_mark_are_the_configured_ones),
		DRAWN(the_nodes_groups_are_asked_as_the_policy_says),
		DRAWN(exemptions_that_are_switched_off_leave_nothing_behind),
		DRAWN(drops_are_counted_logged_at_a_limit_and_dropped),
		DRAWN(without_a_rate_nothing_is_logged),
		DRAWN(what_does_not_change_is_the_same_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
