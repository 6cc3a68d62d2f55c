/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "nft-sync/check/facts_groups.h"
#include "nft-sync/check/facts_interfaces.h"
#include "tests/unit/facts_place.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Facts and model; the document's name is its text. */
static void put(struct facts_place *place, const char *text)
{
	struct document *document;
	struct error err = {0};
	if (document_parse(text, DOCUMENT_YAML, text, strlen(text), &document, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(model_put(place->model, document, &err), 0);
	put_facts(place, text, text);
}

static void broken_documents_are_refused_whole(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} rows[] = {
		{"SecurityGroups: [{GroupId: sg-1, OwnerId: 5}]", "OwnerId"},
		{"SecurityGroups: [{GroupId: sg-1, Tags: {}}]", "Tags"},
		{"SecurityGroups: [{GroupId: sg-1, Tags: [{Key: 5}]}]", "Tags[0].Key"},
		{"SecurityGroups: [{GroupId: sg-1, IpPermissions: [{IpProtocol: tcp, FromPort: 1, "
	         "ToPort: 1, UserIdGroupPairs: [{GroupId: sg-2, UserId: [1]}]}]}]",
	         "UserId"},
		{"SecurityGroups: [{GroupId: sg-1, IpPermissions: [{IpProtocol: '47', FromPort: "
	         "70000, ToPort: 1}]}]",
	         "FromPort"},
		{"SecurityGroups: [{GroupId: sg-1}, {GroupId: ''}]", "SecurityGroups[1].GroupId"},
		{"StaleSecurityGroupSet: [{VpcId: v}]", "GroupId"},
		{"StaleSecurityGroupSet: 5", "expected an array"},
		{"PrefixLists: [{PrefixListId: pl-1, MaxEntries: many}]", "MaxEntries"},
		{"PrefixLists: [{PrefixListId: pl-1, MaxEntries: -1}]", "MaxEntries"},
		{"NetworkInterfaces: [{NetworkInterfaceId: eni-1, Attachment: 5}]", "Attachment"},
		{"NetworkInterfaces: [{NetworkInterfaceId: eni-1, Attachment: {DeviceIndex: -1}}]",
	         "DeviceIndex"},
		{"NetworkInterfaces: [{NetworkInterfaceId: eni-1, Status: 'in use'}]", "Status"},
	};
	struct facts_place *place = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *text = rows[i].text;
		struct error err = {0};
		print_message("%s\n", text);
		assert_true(facts_put(&place->facts, "d.yaml", DOCUMENT_YAML, text, strlen(text),
		                      &err) < 0);
		assert_non_null(strstr(err.text, rows[i].says));
		for (size_t k = 0; k < FACT_KINDS; k++)
			assert_false(place->facts.known[k] || place->facts.of[k].count > 0);
	}
}

static void an_empty_list_says_that_there_is_none(void **state)
{
	static const struct {
		const char *text;
		enum fact_kind kind;
	} rows[] = {
		{"SecurityGroups: []", FACT_GROUP},
		{"StaleSecurityGroupSet: []", FACT_STALE_GROUP},
		{"PrefixLists: []", FACT_PREFIX_LIST},
		{"NetworkInterfaces: []", FACT_INTERFACE},
	};
	struct facts_place *place = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_false(place->facts.known[rows[i].kind]);
		put(place, rows[i].text);
		assert_true(place->facts.known[rows[i].kind]);
	}
}

static void groups_are_read(void **state)
{
	struct facts_place *place = *state;
	const struct group_facts *group;
	put(place, "SecurityGroups: [{GroupId: sg-1, GroupName: my web, OwnerId: '111122223333', "
	           "VpcId: vpc-1, Tags: [{Key: kubernetes.io/cluster/shop, Value: owned}, {Key: "
	           "Name, Value: ''}], IpPermissions: [{IpProtocol: tcp, FromPort: 5, ToPort: 5, "
	           "UserIdGroupPairs: [{GroupId: sg-2, UserId: '444455556666', VpcId: vpc-2, "
	           "VpcPeeringConnectionId: pcx-1, PeeringStatus: deleted}]}], "
	           "IpPermissionsEgress: [{IpProtocol: -1, FromPort: 443, ToPort: 443, "
	           "UserIdGroupPairs: [{GroupId: sg-1}]}]}]");
	settle_facts(place);
	group = facts_group(&place->facts, "sg-1");
	assert_string_equal(group->title, "my web");
	assert_int_equal(group->tags.count, 2);
	assert_string_equal(group->tags.items[0].value, "owned");
	assert_int_equal(group->reference_count, 2);
	assert_string_equal(group->references[0].status, "deleted");
	assert_string_equal(group->references[0].peering, "pcx-1");
	assert_int_equal(group->references[1].direction, DIRECTION_EGRESS);
	assert_string_equal(group->references[1].owner, "");
	assert_int_equal(group->ignored_count, 1);
	assert_int_equal(group->ignored[0].protocol, PROTOCOL_ALL);
	assert_ptr_equal(group->group, model_group(place->model, "sg-1"));
	assert_null(facts_group(&place->facts, "sg-2"));
}

static void ports_are_ignored_where_the_protocol_has_none(void **state)
{
	static const struct {
		const char *permission;
		size_t ignored;
	} rows[] = {
		{"{IpProtocol: tcp, FromPort: 1, ToPort: 2}", 0},
		{"{IpProtocol: 6, FromPort: 1, ToPort: 2}", 0},
		{"{IpProtocol: '17', FromPort: 1, ToPort: 2}", 0},
		{"{IpProtocol: icmp, FromPort: 8, ToPort: 0}", 0},
		{"{IpProtocol: '58', FromPort: 2, ToPort: 0}", 0},
		{"{IpProtocol: '47'}", 0},
		{"{IpProtocol: '47', FromPort: -1, ToPort: -1}", 0},
		{"{IpProtocol: '47', FromPort: 0, ToPort: 0}", 0},
		{"{IpProtocol: '47', FromPort: 0, ToPort: 65535}", 0},
		{"{IpProtocol: '47', FromPort: 0, ToPort: 1023}", 1},
		{"{IpProtocol: 47, FromPort: 80, ToPort: 80}", 1},
		{"{IpProtocol: '-1', FromPort: 443}", 1},
		{"{IpProtocol: -1, FromPort: 0, ToPort: 0}", 0},
	};
	struct facts_place *place = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct group_facts *groups;
		char text[256];
		size_t count;
		(void)snprintf(text, sizeof(text),
		               "SecurityGroups: [{GroupId: sg-%zu, IpPermissions: [%s]}]", i,
		               rows[i].permission);
		print_message("%s\n", rows[i].permission);
		put(place, text);
		groups = facts_of(&place->facts, FACT_GROUP, &count);
		assert_int_equal(count, i + 1);
		assert_int_equal(groups[i].ignored_count, rows[i].ignored);
	}
}

static void prefix_lists_weigh(void **state)
{
	static const struct {
		const char *list;
		unsigned weight;
	} rows[] = {
		{"{OwnerId: AWS, PrefixListName: com.amazonaws.us-west-2.s3}", 1},
		{"{OwnerId: AWS, PrefixListName: com.amazonaws.us-west-2.s3express}", 6},
		{"{OwnerId: AWS, PrefixListName: com.amazonaws.us-west-2.dynamodb}", 1},
		{"{OwnerId: AWS, PrefixListName: com.amazonaws.global.cloudfront.origin-facing}",
	         55},
		{"{OwnerId: AWS, PrefixListName: "
	         "com.amazonaws.global.ipv6.cloudfront.origin-facing}",
	         55},
		{"{OwnerId: AWS, PrefixListName: com.amazonaws.us-west-2.ipv6.vpc-lattice}", 10},
		{"{OwnerId: AWS, PrefixListName: com.amazonaws.us-west-2.new-service}", 0},
		{"{OwnerId: '111122223333', PrefixListName: com.amazonaws.fake.s3, MaxEntries: 9}",
	         9},
		{"{OwnerId: '111122223333', PrefixListName: offices}", 0},
	};
	struct facts_place *place = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct prefix_list_facts *lists;
		char text[256];
		size_t count;
		(void)snprintf(text, sizeof(text), "PrefixLists: [{PrefixListId: pl-%zu, %s]", i,
		               rows[i].list + 1);
		put(place, text);
		lists = facts_of(&place->facts, FACT_PREFIX_LIST, &count);
		print_message("%s\n", rows[i].list);
		assert_int_equal(count, i + 1);
		assert_int_equal(prefix_list_weight(&lists[i]), rows[i].weight);
	}
}

static void interfaces_are_read(void **state)
{
	struct facts_place *place = *state;
	const struct interface_facts *interface;
	struct prefix address;
	put(place,
	    "NetworkInterfaces: [{NetworkInterfaceId: eni-1, OwnerId: '111122223333', SubnetId: "
	    "subnet-1, VpcId: vpc-1, Status: in-use, Description: aws-K8S-i-1 a b, InterfaceType: "
	    "interface, TagSet: [{Key: a, Value: b}], Attachment: {InstanceId: i-1, DeviceIndex: "
	    "1, NetworkCardIndex: 0}, PrivateIpAddress: 10.0.0.5, Groups: [{GroupId: sg-1}]}, "
	    "{NetworkInterfaceId: eni-2, Attachment: {InstanceId: i-1, DeviceIndex: 0}, "
	    "Ipv4Prefixes: [{Ipv4Prefix: 10.0.1.16/28}]}, "
	    "{NetworkInterfaceId: eni-3, Attachment: {DeviceIndex: 0, NetworkCardIndex: 1, "
	    "InstanceId: i-1}}, {NetworkInterfaceId: eni-4, InterfaceType: branch}]");
	settle_facts(place);
	interface = facts_interface(&place->facts, "eni-1");
	assert_string_equal(interface->description, "aws-K8S-i-1 a b");
	assert_int_equal(interface->device_index, 1);
	assert_int_equal(interface->group_count, 1);
	assert_int_equal(interface->tags.count, 1);
	assert_int_equal(facts_interface(&place->facts, "eni-4")->device_index, -1);
	assert_string_equal(facts_primary_interface(&place->facts, "i-1")->fact.name, "eni-2");
	assert_null(facts_primary_interface(&place->facts, "i-2"));
	assert_int_equal(address_parse("10.0.1.20", &address), 0);
	assert_string_equal(facts_interface_at(&place->facts, &address)->fact.name, "eni-2");
	assert_int_equal(address_parse("10.0.1.32", &address), 0);
	assert_null(facts_interface_at(&place->facts, &address));
}

static void nodes_have_the_groups_of_their_primary_interface(void **state)
{
	static const char *configured[] = {"sg-configured"};
	static const struct {
		const char *node;
		bool is_configured;
		const char *group; /* NULL: not known */
	} rows[] = {
		{"this-node", false, "sg-this"},   {"this-node", true, "sg-configured"},
		{"other-node", false, "sg-other"}, {"other-node", true, "sg-other"},
		{"unlisted-node", false, NULL},    {"unlisted-node", true, "sg-configured"},
		{"unknown-node", false, NULL},
	};
	struct facts_place *place = *state;
	put(place, "{kind: Node, apiVersion: v1, metadata: {name: this-node}, status: {addresses: "
	           "[{type: InternalIP, address: 10.0.0.1}]}}\n---\n"
	           "{kind: Node, apiVersion: v1, metadata: {name: other-node}, status: {addresses: "
	           "[{type: InternalIP, address: 10.0.0.2}]}}\n---\n"
	           "{kind: Node, apiVersion: v1, metadata: {name: unlisted-node}, status: "
	           "{addresses: [{type: InternalIP, address: 10.0.0.3}]}}");
	put(place, "NetworkInterfaces: [{NetworkInterfaceId: eni-1, PrivateIpAddress: 10.0.0.1, "
	           "Groups: [{GroupId: sg-this}]}, {NetworkInterfaceId: eni-2, PrivateIpAddress: "
	           "10.0.0.2, Groups: [{GroupId: sg-other}]}]");
	settle_facts(place);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct node_groups groups;
		place->config.node.name = "this-node";
		place->config.node.security_groups = configured;
		place->config.node.security_group_count = rows[i].is_configured;
		groups = facts_node_groups(&place->facts, rows[i].node);
		print_message("%s, %sconfigured\n", rows[i].node,
		              rows[i].is_configured ? "" : "not ");
		assert_int_equal(groups.count, rows[i].group ? 1 : 0);
		if (rows[i].group)
			assert_string_equal(groups.ids[0], rows[i].group);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_facts_place, close_facts_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(broken_documents_are_refused_whole),
		TEST(an_empty_list_says_that_there_is_none),
		TEST(groups_are_read),
		TEST(ports_are_ignored_where_the_protocol_has_none),
		TEST(prefix_lists_weigh),
		TEST(interfaces_are_read),
		TEST(nodes_have_the_groups_of_their_primary_interface),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
