/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/unit/facts_place.h"

#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/facts_nodes.h"
#include "nft-sync/check/facts_vpc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void broken_documents_are_refused_whole(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} rows[] = {
		{"Subnets: [{SubnetId: subnet-1}]", "Subnets[0].VpcId: is missing"},
		{"Subnets: [{SubnetId: subnet-1, VpcId: vpc-1, CidrBlock: 10.0.0.0/33}]",
	         "\"10.0.0.0/33\": expected an IPv4 prefix"},
		{"Subnets: [{SubnetId: s-0, VpcId: v}, {VpcId: v}]", "Subnets[1].SubnetId"},
		{"Subnets: [{SubnetId: s, VpcId: v, AvailableIpAddressCount: -1}]",
	         "AvailableIpAddressCount"},
		{"Subnets: 5", "expected an array"},
		{"Vpcs: [{VpcId: \"\"}]", "must not be empty"},
		{"Vpcs: [{VpcId: v, CidrBlockAssociationSet: {}}]", "expected an array"},
		{"RouteTables: [{RouteTableId: rtb-1}]", "VpcId: is missing"},
		{"cluster: []", "expected an object"},
		{"cluster: {name: c}", "resourcesVpcConfig: is missing"},
		{"cluster: {name: c, resourcesVpcConfig: {publicAccessCidrs: [x]}}", "\"x\""},
		{"{VpcId: v, EnableDnsSupport: {Value: 1}}", "expected true or false"},
		{"{EnableDnsSupport: {Value: true}}", "VpcId: is missing"},
		{"{kind: Node, apiVersion: v1, metadata: {name: n}, status: {capacity: {pods: "
	         "many}}}",
	         "\"many\": expected a whole number"},
		{"{kind: Node, apiVersion: v1, metadata: {name: n}, status: {capacity: {pods: "
	         "\"100001\"}}}",
	         "\"100001\": expected a whole number"},
		{"InstanceTypes: [{NetworkInfo: {}}]", "InstanceType: is missing"},
		{"RouteTables: [{RouteTableId: rtb-1, VpcId: v, Routes: [5]}]", ""},
		{"InstanceTypes: [{InstanceType: t, NetworkInfo: {NetworkCards: [5]}}]", ""},
	};
	struct facts_place *place = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = {0};
		const char *text = rows[i].text;
		print_message("%s\n", text);
		if (rows[i].says[0]) {
			assert_true(facts_put(&place->facts, "broken.yaml", DOCUMENT_YAML, text,
			                      strlen(text), &err) < 0);
			print_message("    %s\n", err.text);
			assert_non_null(strstr(err.text, "broken.yaml:1"));
			assert_non_null(strstr(err.text, rows[i].says));
			for (size_t k = 0; k < FACT_KINDS; k++) {
				assert_int_equal(place->facts.of[k].count, 0);
				assert_false(place->facts.known[k]);
			}
		} else {
			put_facts(place, "odd.yaml", text);
		}
	}
}

/* Each by the table that it is associated with, else by its VPC's main one. */
static void subnets_have_route_tables(void **state)
{
	static const struct {
		const char *subnet;
		const char *table; /* NULL: not known */
		bool public;
	} rows[] = {
		{"subnet-own", "rtb-own", true},
		{"subnet-main", "rtb-main", false},
		{"subnet-other", NULL, false},
	};
	struct facts_place *place = *state;
	put_facts(place, "a.yaml",
	          "Subnets: [{SubnetId: subnet-own, VpcId: vpc-1, CidrBlock: 10.0.1.0/24},"
	          " {SubnetId: subnet-main, VpcId: vpc-1, CidrBlock: 10.0.2.0/24},"
	          " {SubnetId: subnet-other, VpcId: vpc-2, CidrBlock: 10.0.1.0/24}]");
	put_facts(
		place, "b.yaml",
		"RouteTables: [{RouteTableId: rtb-main, VpcId: vpc-1, Associations: [{Main: true}],"
		" Routes: [{DestinationCidrBlock: 10.0.0.0/16, GatewayId: local},"
		"  {DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: nat-1}]},"
		" {RouteTableId: rtb-own, VpcId: vpc-1, Associations: [{SubnetId: subnet-own}],"
		" Routes: [{DestinationCidrBlock: 0.0.0.0/0, GatewayId: igw-1}]}]");
	settle_facts(place);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct subnet_facts *subnet = facts_subnet(&place->facts, rows[i].subnet);
		const struct route_table_facts *table = route_table_of(&place->facts, subnet);
		print_message("%s\n", rows[i].subnet);
		if (!rows[i].table) {
			assert_null(table);
			continue;
		}
		assert_string_equal(table->fact.name, rows[i].table);
		assert_int_equal(is_public(table), rows[i].public);
	}
}

static void a_default_route_leads_somewhere_even_if_nobody_knows_where(void **state)
{
	static const struct {
		const char *route;
		const char *gateway;
	} rows[] = {
		{"{DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: nat-1}", "nat-1"},
		{"{DestinationCidrBlock: 0.0.0.0/0, FutureGatewayId: fgw-1}", "other"},
		{"{DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: nat-1, State: blackhole}", ""},
		{"{DestinationCidrBlock: 10.0.0.0/8, NatGatewayId: nat-1}", ""},
		{"{DestinationIpv6CidrBlock: \"::/0\", GatewayId: igw-1}", ""},
	};
	struct facts_place *place = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct route_table_facts *table;
		char text[256];
		print_message("%s\n", rows[i].route);
		(void)snprintf(text, sizeof(text),
		               "RouteTables: [{RouteTableId: rtb-%zu, VpcId: v, Routes: [%s]}]", i,
		               rows[i].route);
		put_facts(place, "a.yaml", text);
		table = place->facts.of[FACT_ROUTE_TABLE].items;
		assert_string_equal(table[i].gateway, rows[i].gateway);
	}
}

static void an_address_is_in_a_subnet_of_the_clusters_vpc(void **state)
{
	struct facts_place *place = *state;
	struct prefix address;
	assert_int_equal(address_parse("10.0.1.7", &address), 0);
	put_facts(place, "a.yaml",
	          "Subnets: [{SubnetId: subnet-1, VpcId: vpc-1, CidrBlock: 10.0.1.0/24},"
	          " {SubnetId: subnet-2, VpcId: vpc-2, CidrBlock: 10.0.1.0/24}]");
	settle_facts(place);
	assert_string_equal(subnet_at(&place->facts, &address)->fact.name, "subnet-1");
	put_facts(place, "b.yaml", "cluster: {name: shop, resourcesVpcConfig: {vpcId: vpc-2}}");
	settle_facts(place);
	assert_string_equal(subnet_at(&place->facts, &address)->fact.name, "subnet-2");
	assert_int_equal(address_parse("10.0.2.7", &address), 0);
	assert_null(subnet_at(&place->facts, &address));
}

static void blocks_that_are_gone_do_not_count(void **state)
{
	struct facts_place *place = *state;
	const struct vpc_facts *vpc;
	put_facts(place, "a.yaml",
	          "Vpcs: [{VpcId: vpc-1, CidrBlock: 10.0.0.0/16, CidrBlockAssociationSet: ["
	          " {CidrBlock: 10.0.0.0/16, CidrBlockState: {State: associated}},"
	          " {CidrBlock: 10.1.0.0/16, CidrBlockState: {State: disassociated}}]}]");
	settle_facts(place);
	vpc = facts_vpc(&place->facts, "vpc-1");
	assert_int_equal(vpc->prefix_count, 1);
}

static void nodes_say_what_they_can_hold(void **state)
{
	struct facts_place *place = *state;
	const struct node_facts *node;
	put_facts(
		place, "a.yaml",
		"{kind: Node, apiVersion: v1, metadata: {name: a, labels: "
		"{node.kubernetes.io/instance-type: m5.large, kubernetes.io/os: linux}}, "
		"spec: {providerID: aws:///us-west-2a/i-1}, status: {capacity: {pods: \"29\", "
		"vpc.amazonaws.com/pod-eni: \"9\"}, addresses: [{type: InternalIP, address: "
		"10.0.1.10}, "
		"{type: ExternalIP, address: 203.0.113.7}, {type: Hostname, address: a}]}}\n"
		"---\n{kind: Node, apiVersion: v1, metadata: {name: b}, status: {capacity: {pods: "
		"5}}}");
	settle_facts(place);
	node = facts_node(&place->facts, "a");
	assert_string_equal(node->instance_type, "m5.large");
	assert_string_equal(node->instance_id, "i-1");
	assert_int_equal(node->pods, 29);
	assert_int_equal(node->pod_enis, 9);
	assert_int_equal(node->address_count, 1);
	assert_true(node->public_address);
	assert_true(is_vpc_cni_node(node));
	node = facts_node(&place->facts, "b");
	assert_string_equal(node->instance_id, "");
	assert_int_equal(node->pods, 5);
	assert_int_equal(node->pod_enis, -1);
	assert_null(facts_node(&place->facts, "c"));
}

static void an_empty_list_says_that_there_is_none(void **state)
{
	static const struct {
		const char *text;
		enum fact_kind kind;
	} rows[] = {
		{"Subnets: []", FACT_SUBNET},
		{"Vpcs: []", FACT_VPC},
		{"RouteTables: []", FACT_ROUTE_TABLE},
		{"InstanceTypes: []", FACT_INSTANCE_TYPE},
		{"{kind: NodeList, apiVersion: v1, items: []}", FACT_NODE},
	};
	struct facts_place *place = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].text);
		assert_false(place->facts.known[rows[i].kind]);
		put_facts(place, rows[i].text, rows[i].text);
		assert_true(place->facts.known[rows[i].kind]);
	}
}

/* What has a kind is not told by its other members. */
static void an_object_with_a_member_called_cluster_is_no_cluster(void **state)
{
	struct facts_place *place = *state;
	put_facts(place, "a.yaml",
	          "{kind: Application, apiVersion: example.org/v1, metadata: {name: n}, cluster: "
	          "shop}");
	settle_facts(place);
	assert_null(facts_eks(&place->facts));
}

static void ways_to_other_networks(void **state)
{
	static const struct {
		const char *route;
		bool leads;
	} rows[] = {
		{"TransitGatewayId: tgw-1", true},
		{"GatewayId: vgw-1", true},
		{"VpcPeeringConnectionId: pcx-1", true},
		{"CoreNetworkArn: \"arn:aws:networkmanager::1:core-network/core-network-1\"", true},
		{"GatewayId: igw-1", false},
		{"NatGatewayId: nat-1", false},
		{"GatewayId: vpce-1", false},
		{"TransitGatewayId: tgw-1, State: blackhole", false},
	};
	struct facts_place *place = *state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct route_table_facts *table;
		char text[256];
		print_message("%s\n", rows[i].route);
		(void)snprintf(text, sizeof(text),
		               "RouteTables: [{RouteTableId: rtb-%zu, VpcId: v, Routes: "
		               "[{DestinationCidrBlock: 192.168.0.0/16, %s}]}]",
		               i, rows[i].route);
		put_facts(place, "a.yaml", text);
		table = place->facts.of[FACT_ROUTE_TABLE].items;
		assert_int_equal(table[i].leads_elsewhere, rows[i].leads);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_facts_place, close_facts_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(broken_documents_are_refused_whole),
		TEST(subnets_have_route_tables),
		TEST(a_default_route_leads_somewhere_even_if_nobody_knows_where),
		TEST(an_address_is_in_a_subnet_of_the_clusters_vpc),
		TEST(blocks_that_are_gone_do_not_count),
		TEST(nodes_say_what_they_can_hold),
		TEST(an_object_with_a_member_called_cluster_is_no_cluster),
		TEST(ways_to_other_networks),
		TEST(an_empty_list_says_that_there_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
