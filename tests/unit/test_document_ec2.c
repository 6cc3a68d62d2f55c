/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/documents.h"

/* Every field that the AWS CLI writes; those not read must not disturb. */
static const char described_groups[] =
	"{\n"
	"    \"SecurityGroups\": [\n"
	"        {\n"
	"            \"GroupId\": \"sg-0a1\",\n"
	"            \"IpPermissionsEgress\": [\n"
	"                {\"IpProtocol\": \"-1\", \"UserIdGroupPairs\": [],\n"
	"                 \"IpRanges\": [{\"CidrIp\": \"0.0.0.0/0\"}],\n"
	"                 \"Ipv6Ranges\": [{\"CidrIpv6\": \"::/0\"}], \"PrefixListIds\": []}\n"
	"            ],\n"
	"            \"Tags\": [{\"Key\": \"Name\", \"Value\": \"web\"}],\n"
	"            \"VpcId\": \"vpc-1\",\n"
	"            \"SecurityGroupArn\": \"arn:aws:ec2:eu-central-1:1:security-group/sg-0a1\",\n"
	"            \"OwnerId\": \"111122223333\",\n"
	"            \"GroupName\": \"web servers\",\n"
	"            \"Description\": \"what serves\",\n"
	"            \"IpPermissions\": [\n"
	"                {\"IpProtocol\": \"tcp\", \"FromPort\": 443, \"ToPort\": 444,\n"
	"                 \"UserIdGroupPairs\": [{\"UserId\": \"1\", \"GroupId\": \"sg-0b2\",\n"
	"                                       \"Description\": \"callers\"}],\n"
	"                 \"IpRanges\": [{\"CidrIp\": \"10.0.0.0/8\", \"Description\": \"all\"},\n"
	"                              {\"CidrIp\": \"192.0.2.1/32\"}],\n"
	"                 \"Ipv6Ranges\": [],\n"
	"                 \"PrefixListIds\": [{\"PrefixListId\": \"pl-1\"}]}\n"
	"            ]\n"
	"        },\n"
	"        {\"GroupId\": \"sg-0b2\"}\n"
	"    ],\n"
	"    \"NextToken\": null\n"
	"}\n";

static void a_group_has_a_rule_for_every_peer_of_every_permission(void **state)
{
	static const char *const ingress[] = {
		"tcp/443-444 from 10.0.0.0/8",
		"tcp/443-444 from 192.0.2.1",
		"tcp/443-444 from pl-1",
		"tcp/443-444 from sg-0b2",
	};
	static const char *const egress[] = {"every protocol to 0.0.0.0/0",
	                                     "every protocol to ::/0"};
	struct document *document = load_json(described_groups);
	const struct security_group *group = &document->groups[0];
	char text[RULE_TEXT_MAX];

	(void)state;
	assert_int_equal(document->group_count, 2);
	assert_string_equal(group->id, "sg-0a1");
	assert_string_equal(group->name, "web servers");
	assert_string_equal(group->vpc_id, "vpc-1");
	assert_int_equal(group->line, 3);
	assert_int_equal(group->rule_count[DIRECTION_INGRESS], 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(rule_text(&group->rules[DIRECTION_INGRESS][i],
		                              DIRECTION_INGRESS, text, sizeof(text)),
		                    ingress[i]);
	assert_int_equal(group->rule_count[DIRECTION_EGRESS], 2);
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(rule_text(&group->rules[DIRECTION_EGRESS][i], DIRECTION_EGRESS,
		                              text, sizeof(text)),
		                    egress[i]);
	assert_string_equal(group->rules[DIRECTION_INGRESS][0].description, "all");
	assert_string_equal(group->rules[DIRECTION_INGRESS][1].description, "");
	assert_string_equal(group->rules[DIRECTION_INGRESS][3].description, "callers");
	assert_int_equal(document->groups[1].rule_count[DIRECTION_INGRESS], 0);
	assert_string_equal(document->groups[1].name, "");
	assert_int_equal(document->groups[1].line, 26);
	assert_int_equal(document->warning_count, 0);
	document_free(document);
}

static void protocols_and_ports_are_ec2s(void **state)
{
	static const struct {
		const char *permission;
		int protocol;
		int from;
		int to;
	} cases[] = {
		{"\"IpProtocol\":\"tcp\",\"FromPort\":0,\"ToPort\":65535", 6, 0, 65535},
		{"\"IpProtocol\":\"6\",\"FromPort\":1,\"ToPort\":1", 6, 1, 1},
		{"\"IpProtocol\":17,\"FromPort\":53,\"ToPort\":53", 17, 53, 53},
		{"\"IpProtocol\":\"icmp\"", 1, -1, -1},
		{"\"IpProtocol\":\"icmp\",\"FromPort\":8,\"ToPort\":-1", 1, 8, -1},
		{"\"IpProtocol\":\"icmp\",\"FromPort\":3,\"ToPort\":4", 1, 3, 4},
		{"\"IpProtocol\":\"icmp\",\"FromPort\":-1,\"ToPort\":4", 1, -1, -1},
		{"\"IpProtocol\":\"1\",\"FromPort\":255,\"ToPort\":255", 1, 255, 255},
		{"\"IpProtocol\":\"icmpv6\"", 58, -1, -1},
		{"\"IpProtocol\":\"58\",\"FromPort\":128", 58, 128, -1},
		{"\"IpProtocol\":\"-1\",\"FromPort\":80,\"ToPort\":81", -1, 0, 65535},
		{"\"IpProtocol\":-1", -1, 0, 65535},
		{"\"IpProtocol\":\"47\",\"FromPort\":80,\"ToPort\":81", 47, 0, 65535},
		{"\"IpProtocol\":\"0\"", 0, 0, 65535},
		{"\"IpProtocol\":\"255\"", 255, 0, 65535},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct document *document;
		const struct sg_rule *rule;
		char text[256];

		(void)snprintf(text, sizeof(text),
		               "{\"SecurityGroups\":[{\"GroupId\":\"sg-1\",\"IpPermissions\":[{%s,"
		               "\"UserIdGroupPairs\":[{\"GroupId\":\"sg-1\"}]}]}]}",
		               cases[i].permission);
		document = load_json(text);
		rule = document->groups[0].rules[DIRECTION_INGRESS];
		assert_int_equal(rule->protocol, cases[i].protocol);
		assert_int_equal(rule->from, cases[i].from);
		assert_int_equal(rule->to, cases[i].to);
		document_free(document);
	}
}

static void an_interface_has_all_its_private_addresses(void **state)
{
	static const char *const addresses[] = {
		"10.0.0.5", "10.0.0.6", "2001:db8::5", "10.0.1.0/28", "2001:db8:0:1::/80",
	};
	struct document *document = load_json(
		"{\"NetworkInterfaces\":[{\"NetworkInterfaceId\":\"eni-1\",\"SourceDestCheck\":"
		"false,"
		"\"Association\":{\"PublicIp\":\"198.51.100.1\"},"
		"\"Groups\":[{\"GroupName\":\"a\",\"GroupId\":\"sg-1\"},{\"GroupId\":\"sg-2\"}],"
		"\"PrivateIpAddress\":\"10.0.0.5\",\"PrivateIpAddresses\":["
		"{\"Primary\":true,\"PrivateIpAddress\":\"10.0.0.5\"},"
		"{\"Primary\":false,\"PrivateIpAddress\":\"10.0.0.6\"}],"
		"\"Ipv6Addresses\":[{\"Ipv6Address\":\"2001:db8::5\"}],"
		"\"Ipv4Prefixes\":[{\"Ipv4Prefix\":\"10.0.1.0/28\"}],"
		"\"Ipv6Prefixes\":[{\"Ipv6Prefix\":\"2001:db8:0:1::/80\"}]},\n"
		"{\"NetworkInterfaceId\":\"eni-2\",\"PrivateIpAddress\":\"10.0.0.9\"}]}");
	const struct network_interface *interface = &document->interfaces[0];
	char text[PREFIX_TEXT_MAX];

	(void)state;
	assert_int_equal(document->interface_count, 2);
	assert_string_equal(interface->id, "eni-1");
	assert_false(interface->source_dest_check);
	assert_int_equal(interface->group_count, 2);
	assert_string_equal(interface->groups[1], "sg-2");
	assert_int_equal(interface->address_count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(prefix_text(&interface->addresses[i], text), addresses[i]);
	assert_true(interface[1].source_dest_check);
	assert_int_equal(interface[1].address_count, 1);
	assert_int_equal(interface[1].line, 2);
	document_free(document);
}

static void a_group_that_occurs_often_is_kept_once(void **state)
{
	struct document *document = load_json("{\"NetworkInterfaces\":[{\"NetworkInterfaceId\":"
	                                      "\"eni-1\",\"Groups\":[{\"GroupId\":"
	                                      "\"sg-1\"}]},{\"NetworkInterfaceId\":\"eni-2\","
	                                      "\"Groups\":[{\"GroupId\":\"sg-1\"}]}],"
	                                      "\"SecurityGroups\":[{\"GroupId\":\"sg-1\"}]}");

	(void)state;
	assert_ptr_equal(document->interfaces[0].groups[0], document->interfaces[1].groups[0]);
	assert_ptr_equal(document->interfaces[0].groups[0], document->groups[0].id);
	document_free(document);
}

static void a_described_prefix_list_is_not_known_by_its_entries(void **state)
{
	struct document *document = load_json(
		"{\"PrefixLists\":[{\"PrefixListId\":\"pl-1\",\"PrefixListName\":\"office\","
		"\"MaxEntries\":10},{\"PrefixListId\":\"pl-2\",\"Cidrs\":[\"10.0.0.0/8\"]}]}");

	(void)state;
	assert_int_equal(document->prefix_list_count, 2);
	assert_string_equal(document->prefix_lists[0].name, "office");
	assert_false(document->prefix_lists[0].known);
	assert_null(document->prefix_lists[0].entries);
	assert_true(document->prefix_lists[1].known);
	assert_int_equal(document->prefix_lists[1].entry_count, 1);
	document_free(document);
}

static void entries_belong_to_the_list_whose_id_was_added(void **state)
{
	static const char *const texts[] = {
		"{\"PrefixListId\":\"pl-1\",\"Entries\":[{\"Cidr\":\"10.0.0.0/8\",\"Description\":"
		"\"x\"},{\"Cidr\":\"2001:db8::/32\"}]}",
		"{\"Entries\":[{\"Cidr\":\"10.0.0.0/8\"},{\"Cidr\":\"2001:db8::/32\"}],"
		"\"PrefixListId\":\"pl-1\"}",
	};
	char text[PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct document *document = load_json(texts[i]);
		const struct prefix_list *list = document->prefix_lists;

		assert_int_equal(document->prefix_list_count, 1);
		assert_string_equal(list->id, "pl-1");
		assert_true(list->known);
		assert_int_equal(list->entry_count, 2);
		assert_string_equal(prefix_text(&list->entries[1], text), "2001:db8::/32");
		document_free(document);
	}
}

static void a_list_and_its_entries_may_stand_in_one_file(void **state)
{
	struct document *document = load_yaml("PrefixLists: [{PrefixListId: pl-1}]\n---\n"
	                                      "PrefixListId: pl-1\nEntries: [{Cidr: 10.0.0.0/8}]\n"
	                                      "---\nPrefixListId: pl-2\nEntries: []\n");

	(void)state;
	assert_int_equal(document->prefix_list_count, 3);
	assert_int_equal(document->prefix_lists[1].entry_count, 1);
	assert_int_equal(document->prefix_lists[2].entry_count, 0);
	assert_true(document->prefix_lists[2].known);
	document_free(document);
}

static void yaml_says_the_same(void **state)
{
	struct document *document = load_yaml("SecurityGroups:\n"
	                                      "- GroupId: sg-1\n"
	                                      "  IpPermissions:\n"
	                                      "  - IpProtocol: 6\n"
	                                      "    FromPort: 80\n"
	                                      "    ToPort: 80\n"
	                                      "    IpRanges:\n"
	                                      "    - CidrIp: 10.0.0.0/8\n"
	                                      "- GroupId: sg-2\n");

	(void)state;
	assert_int_equal(document->group_count, 2);
	assert_int_equal(document->groups[0].line, 2);
	assert_int_equal(document->groups[1].line, 9);
	assert_int_equal(document->groups[0].rules[DIRECTION_INGRESS][0].protocol, 6);
	document_free(document);
}

static void nothing_listed_is_not_an_error(void **state)
{
	static const char *const texts[] = {
		"{\"SecurityGroups\":[]}",
		"{\"SecurityGroups\":null}",
		"{\"NetworkInterfaces\":[],\"PrefixLists\":[]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct document *document = load_json(texts[i]);

		assert_int_equal(document->group_count + document->interface_count, 0);
		assert_int_equal(document->warning_count, 0);
		document_free(document);
	}
}

static void host_bits_are_masked_with_a_warning(void **state)
{
	const char *text =
		"{\"SecurityGroups\":[{\"GroupId\":\"sg-1\",\"IpPermissions\":[{"
		"\"IpProtocol\":\"-1\",\"IpRanges\":[\n{\"CidrIp\":\"10.1.2.3/8\"}]}]}]}";
	struct document *document = load_json(text);
	char rule[RULE_TEXT_MAX];

	(void)state;
	assert_string_equal(rule_text(document->groups[0].rules[DIRECTION_INGRESS],
	                              DIRECTION_INGRESS, rule, sizeof(rule)),
	                    "every protocol from 10.0.0.0/8");
	document_free(document);
	assert_warns(text, "d.json:2: SecurityGroups[0].IpPermissions[0].IpRanges[0].CidrIp: "
	                   "\"10.1.2.3/8\": has bits behind its length, read as 10.0.0.0/8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_has_a_rule_for_every_peer_of_every_permission),
		cmocka_unit_test(protocols_and_ports_are_ec2s),
		cmocka_unit_test(an_interface_has_all_its_private_addresses),
		cmocka_unit_test(a_group_that_occurs_often_is_kept_once),
		cmocka_unit_test(a_described_prefix_list_is_not_known_by_its_entries),
		cmocka_unit_test(entries_belong_to_the_list_whose_id_was_added),
		cmocka_unit_test(a_list_and_its_entries_may_stand_in_one_file),
		cmocka_unit_test(yaml_says_the_same),
		cmocka_unit_test(nothing_listed_is_not_an_error),
		cmocka_unit_test(host_bits_are_masked_with_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
