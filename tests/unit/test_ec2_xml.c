/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/ec2_xml.h"
#include "common/xml.h"

#define GROUPS_HEAD "<DescribeSecurityGroupsResponse xmlns=\"x\"><requestId>r</requestId>"
#define GROUPS_TAIL "</DescribeSecurityGroupsResponse>"
#define GROUPS(items) GROUPS_HEAD "<securityGroupInfo>" items "</securityGroupInfo>" GROUPS_TAIL

struct reading {
	int code;
	struct error error;
	char token[256];
	char json[2048]; /* sorted; "" where it failed */
};

static int feed_pieces(struct ec2_page *page, const char *text, size_t length, size_t piece,
                       struct error *err)
{
	int r = 0;
	for (size_t at = 0; at < length && r == 0; at += piece) {
		size_t left = length - at;
		r = ec2_page_feed(page, text + at, left < piece ? left : piece, err);
	}
	return r;
}

static int add_page(struct ec2_items *items, const char *text, size_t length, size_t piece,
                    struct reading *reading)
{
	struct ec2_page *page;
	const char *token = "";
	assert_int_equal(ec2_page_open(items, &page, NULL), 0);
	int r = feed_pieces(page, text, length, piece, &reading->error);
	if (r == 0)
		r = ec2_page_finish(page, &token, &reading->error);
	snprintf(reading->token, sizeof(reading->token), "%s", token);
	ec2_page_close(page);
	return r;
}

static void note_json(struct ec2_items *items, struct reading *reading)
{
	struct buffer text = {.max = 1U << 20};
	ec2_items_sort(items);
	ec2_items_write(items, &text);
	assert_false(text.failed);
	assert_true(text.length < sizeof(reading->json));
	memcpy(reading->json, text.text, text.length + 1);
	buffer_done(&text);
}

static struct reading read_pages(enum ec2_kind kind, const char *const *pages, size_t piece)
{
	struct reading reading = {0};
	struct ec2_items *items;
	assert_int_equal(ec2_items_new(kind, &items, NULL), 0);
	for (size_t i = 0; pages[i] && reading.code == 0; i++)
		reading.code = add_page(items, pages[i], strlen(pages[i]), piece, &reading);
	if (reading.code == 0)
		note_json(items, &reading);
	ec2_items_free(items);
	return reading;
}

static void expect_json(enum ec2_kind kind, const char *page, const char *json)
{
	for (size_t piece = 1; piece < 1000; piece = piece * 3 + 1) {
		struct reading reading = read_pages(kind, (const char *const[]){page, NULL}, piece);
		assert_string_equal(reading.error.text, "");
		assert_string_equal(reading.json, json);
	}
}

static void expect_refusal(const char *page, int code, const char *words)
{
	struct reading reading =
		read_pages(EC2_SECURITY_GROUPS, (const char *const[]){page, NULL}, 1U << 20);
	assert_int_equal(reading.code, code);
	assert_int_equal(reading.error.code, code);
	if (!strstr(reading.error.text, words))
		fail_msg("expected \"%s\" in \"%s\"", words, reading.error.text);
	assert_string_equal(reading.json, "");
}

static void a_group_is_written_as_the_cli_writes_it(void **state)
{
	(void)state;
	expect_json(
		EC2_SECURITY_GROUPS,
		GROUPS("<item><ownerId>1</ownerId><groupId>sg-1</groupId><groupName>a &lt;b&gt; "
	               "&quot;c&quot;</groupName><groupDescription>d</groupDescription>"
	               "<vpcId>vpc-1</vpcId><ipPermissions><item><ipProtocol>tcp</ipProtocol>"
	               "<fromPort>1</fromPort><toPort>2</toPort><groups><item><userId>1</userId>"
	               "<groupId>sg-2</groupId><description>e</description></item></groups>"
	               "<ipRanges><item><cidrIp>10.0.0.0/8</cidrIp></item><item><cidrIp>0.0.0.0/0"
	               "</cidrIp><description>f</description></item></ipRanges><ipv6Ranges/>"
	               "<prefixListIds><item><prefixListId>pl-1</prefixListId></item>"
	               "</prefixListIds></item></ipPermissions><ipPermissionsEgress><item>"
	               "<ipProtocol>-1</ipProtocol><ipv6Ranges><item><cidrIpv6>::/0</cidrIpv6>"
	               "</item></ipv6Ranges></item></ipPermissionsEgress>"
	               "<tagSet><item><key>groupId</key><value>sg-9</value></item></tagSet></"
	               "item>"),
		"[\n{\"GroupId\":\"sg-1\",\"GroupName\":\"a <b> \\u0022c\\u0022\","
		"\"VpcId\":\"vpc-1\",\"IpPermissions\":[{\"IpProtocol\":\"tcp\",\"FromPort\":1,"
		"\"ToPort\":2,\"UserIdGroupPairs\":[{\"GroupId\":\"sg-2\",\"Description\":\"e\"}],"
		"\"IpRanges\":[{\"CidrIp\":\"10.0.0.0/8\"},{\"CidrIp\":\"0.0.0.0/0\","
		"\"Description\":\"f\"}],\"Ipv6Ranges\":[],\"PrefixListIds\":[{\"PrefixListId\":"
		"\"pl-1\"}]}],\"IpPermissionsEgress\":[{\"IpProtocol\":\"-1\",\"Ipv6Ranges\":"
		"[{\"CidrIpv6\":\"::/0\"}]}]}]");
}

static void an_interface_has_all_its_private_addresses(void **state)
{
	(void)state;
	expect_json(
		EC2_NETWORK_INTERFACES,
		"<DescribeNetworkInterfacesResponse><networkInterfaceSet><item>"
		"<networkInterfaceId>eni-1</networkInterfaceId><sourceDestCheck>false"
		"</sourceDestCheck><privateIpAddress>10.0.0.5</privateIpAddress><groupSet><item>"
		"<groupId>sg-1</groupId><groupName>n</groupName></item></groupSet>"
		"<privateIpAddressesSet><item><privateIpAddress>10.0.0.5</privateIpAddress>"
		"<primary>true</primary><association><publicIp>198.51.100.1</publicIp>"
		"</association></item><item><privateIpAddress>10.0.0.6</privateIpAddress></item>"
		"</privateIpAddressesSet><ipv6AddressesSet><item><ipv6Address>2001:db8::5"
		"</ipv6Address></item></ipv6AddressesSet><ipv4PrefixSet><item><ipv4Prefix>"
		"10.1.0.16/28</ipv4Prefix></item></ipv4PrefixSet><ipv6PrefixSet><item><ipv6Prefix>"
		"2001:db8:1::/80</ipv6Prefix></item></ipv6PrefixSet></item></networkInterfaceSet>"
		"</DescribeNetworkInterfacesResponse>",
		"[\n{\"NetworkInterfaceId\":\"eni-1\",\"SourceDestCheck\":false,"
		"\"PrivateIpAddress\":\"10.0.0.5\",\"Groups\":[{\"GroupId\":\"sg-1\"}],"
		"\"PrivateIpAddresses\":[{\"PrivateIpAddress\":\"10.0.0.5\"},"
		"{\"PrivateIpAddress\":\"10.0.0.6\"}],"
		"\"Ipv6Addresses\":[{\"Ipv6Address\":\"2001:db8::5\"}],"
		"\"Ipv4Prefixes\":[{\"Ipv4Prefix\":\"10.1.0.16/28\"}],"
		"\"Ipv6Prefixes\":[{\"Ipv6Prefix\":\"2001:db8:1::/80\"}]}]");
}

static void entries_of_a_prefix_list_are_strings(void **state)
{
	(void)state;
	expect_json(EC2_PREFIX_LIST_ENTRIES,
	            "<GetManagedPrefixListEntriesResponse><entrySet><item><cidr>10.0.0.0/8</cidr>"
	            "<description>a</description></item><item><cidr>::/0</cidr></item></entrySet>"
	            "</GetManagedPrefixListEntriesResponse>",
	            "[\n\"10.0.0.0/8\",\n\"::/0\"]");
}

static void an_owned_group_has_owners_and_tags(void **state)
{
	(void)state;
	expect_json(
		EC2_OWNED_GROUPS,
		GROUPS("<item><ownerId>1</ownerId><groupId>sg-1</groupId>"
	               "<groupName>a</groupName><vpcId>vpc-1</vpcId><ipPermissions><item>"
	               "<ipProtocol>-1</ipProtocol><groups><item><userId>2</userId>"
	               "<groupId>sg-2</groupId><vpcId>vpc-2</vpcId><vpcPeeringConnectionId>pcx-1"
	               "</vpcPeeringConnectionId><peeringStatus>deleted</peeringStatus></item>"
	               "</groups></item></ipPermissions><tagSet><item><key>k</key><value>v"
	               "</value></item></tagSet></item>"),
		"[\n{\"OwnerId\":\"1\",\"GroupId\":\"sg-1\",\"GroupName\":\"a\","
		"\"VpcId\":\"vpc-1\",\"IpPermissions\":[{\"IpProtocol\":\"-1\","
		"\"UserIdGroupPairs\":[{\"UserId\":\"2\",\"GroupId\":\"sg-2\","
		"\"VpcId\":\"vpc-2\",\"VpcPeeringConnectionId\":\"pcx-1\","
		"\"PeeringStatus\":\"deleted\"}]}],"
		"\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]}]");
}

static void subnets_vpcs_and_route_tables_are_as_the_cli_writes_them(void **state)
{
	(void)state;
	expect_json(EC2_SUBNETS,
	            "<DescribeSubnetsResponse><subnetSet><item><availabilityZone>us-west-2a"
	            "</availabilityZone><availableIpAddressCount>251</availableIpAddressCount>"
	            "<cidrBlock>10.0.1.0/24</cidrBlock><mapPublicIpOnLaunch>true"
	            "</mapPublicIpOnLaunch><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId>"
	            "<ipv6CidrBlockAssociationSet><item><associationId>a</associationId>"
	            "<ipv6CidrBlock>2001:db8::/64</ipv6CidrBlock><ipv6CidrBlockState><state>"
	            "associated</state></ipv6CidrBlockState></item></ipv6CidrBlockAssociationSet>"
	            "</item></subnetSet></DescribeSubnetsResponse>",
	            "[\n{\"AvailabilityZone\":\"us-west-2a\",\"AvailableIpAddressCount\":251,"
	            "\"CidrBlock\":\"10.0.1.0/24\",\"MapPublicIpOnLaunch\":true,"
	            "\"SubnetId\":\"subnet-1\",\"VpcId\":\"vpc-1\","
	            "\"Ipv6CidrBlockAssociationSet\":[{\"Ipv6CidrBlock\":\"2001:db8::/64\","
	            "\"Ipv6CidrBlockState\":{\"State\":\"associated\"}}]}]");
	expect_json(EC2_VPCS,
	            "<DescribeVpcsResponse><vpcSet><item><cidrBlock>10.0.0.0/16</cidrBlock>"
	            "<vpcId>vpc-1</vpcId><cidrBlockAssociationSet><item><associationId>a"
	            "</associationId><cidrBlock>100.64.0.0/16</cidrBlock><cidrBlockState><state>"
	            "associated</state></cidrBlockState></item></cidrBlockAssociationSet>"
	            "<isDefault>false</isDefault></item></vpcSet></DescribeVpcsResponse>",
	            "[\n{\"CidrBlock\":\"10.0.0.0/16\",\"VpcId\":\"vpc-1\","
	            "\"CidrBlockAssociationSet\":[{\"CidrBlock\":\"100.64.0.0/16\","
	            "\"CidrBlockState\":{\"State\":\"associated\"}}],\"IsDefault\":false}]");
	expect_json(EC2_ROUTE_TABLES,
	            "<DescribeRouteTablesResponse><routeTableSet><item><associationSet><item><main>"
	            "true</main><routeTableAssociationId>a</routeTableAssociationId><subnetId>"
	            "subnet-1</subnetId></item></associationSet><routeTableId>rtb-1</routeTableId>"
	            "<routeSet><item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock>"
	            "<natGatewayId>nat-1</natGatewayId><state>blackhole</state></item>"
	            "<item><localGatewayId>lgw-1</localGatewayId></item>"
	            "<item><carrierGatewayId>cagw-1</carrierGatewayId></item>"
	            "<item><coreNetworkArn>arn:1</coreNetworkArn></item></routeSet>"
	            "<vpcId>vpc-1</vpcId></item></routeTableSet></DescribeRouteTablesResponse>",
	            "[\n{\"Associations\":[{\"Main\":true,\"SubnetId\":\"subnet-1\"}],"
	            "\"RouteTableId\":\"rtb-1\",\"Routes\":[{\"DestinationCidrBlock\":"
	            "\"0.0.0.0/0\",\"NatGatewayId\":\"nat-1\",\"State\":\"blackhole\"},"
	            "{\"LocalGatewayId\":\"lgw-1\"},{\"CarrierGatewayId\":\"cagw-1\"},"
	            "{\"CoreNetworkArn\":\"arn:1\"}],"
	            "\"VpcId\":\"vpc-1\"}]");
}

static void prefix_lists_and_their_entries_are_objects(void **state)
{
	(void)state;
	expect_json(EC2_PREFIX_LISTS,
	            "<DescribeManagedPrefixListsResponse><prefixListSet><item><addressFamily>IPv4"
	            "</addressFamily><maxEntries>20</maxEntries><prefixListId>pl-1</prefixListId>"
	            "<prefixListName>office</prefixListName></item></prefixListSet>"
	            "</DescribeManagedPrefixListsResponse>",
	            "[\n{\"AddressFamily\":\"IPv4\",\"MaxEntries\":20,\"PrefixListId\":\"pl-1\","
	            "\"PrefixListName\":\"office\"}]");
	expect_json(EC2_WHOLE_ENTRIES,
	            "<GetManagedPrefixListEntriesResponse><entrySet><item><cidr>10.0.0.0/8</cidr>"
	            "<description>a</description></item></entrySet>"
	            "</GetManagedPrefixListEntriesResponse>",
	            "[\n{\"Cidr\":\"10.0.0.0/8\",\"Description\":\"a\"}]");
}

static void pages_are_sorted_and_the_last_word_on_an_item_counts(void **state)
{
	static const char *const pages[] = {
		GROUPS_HEAD "<securityGroupInfo><item><groupId>sg-2</groupId><groupName>old"
			    "</groupName></item><item><groupId>sg-3</groupId></item>"
			    "</securityGroupInfo><nextToken>a/+=</nextToken>" GROUPS_TAIL,
		GROUPS("<item><groupId>sg-1</groupId></item><item><groupId>sg-2</groupId>"
	               "<groupName>new</groupName></item>"),
		NULL,
	};
	const char *const first[] = {pages[0], NULL};
	struct reading reading = read_pages(EC2_SECURITY_GROUPS, first, 7);
	(void)state;
	assert_string_equal(reading.token, "a/+=");
	reading = read_pages(EC2_SECURITY_GROUPS, pages, 7);
	assert_string_equal(reading.token, "");
	assert_string_equal(reading.json, "[\n{\"GroupId\":\"sg-1\"},\n{\"GroupId\":\"sg-2\","
	                                  "\"GroupName\":\"new\"},\n{\"GroupId\":\"sg-3\"}]");
}

static void an_item_is_found_by_its_id(void **state)
{
	static const char page[] = GROUPS("<item><groupId>sg-2</groupId></item>"
	                                  "<item><groupId>sg-1</groupId></item>");
	struct ec2_items *items;
	struct reading reading = {0};
	(void)state;
	assert_int_equal(ec2_items_new(EC2_SECURITY_GROUPS, &items, NULL), 0);
	ec2_items_sort(items);
	assert_false(ec2_items_has(items, "sg-1"));
	assert_int_equal(add_page(items, page, sizeof(page) - 1, 100, &reading), 0);
	ec2_items_sort(items);
	assert_true(ec2_items_has(items, "sg-1"));
	assert_true(ec2_items_has(items, "sg-2"));
	assert_false(ec2_items_has(items, "sg-"));
	assert_false(ec2_items_has(items, "sg-3"));
	ec2_items_free(items);
}

static void none_is_an_answer(void **state)
{
	(void)state;
	expect_json(EC2_SECURITY_GROUPS, GROUPS(""), "[]");
	expect_json(EC2_SECURITY_GROUPS, GROUPS_HEAD "<securityGroupInfo/>" GROUPS_TAIL, "[]");
}

static void what_is_no_answer_is_refused(void **state)
{
	static const struct {
		const char *page;
		int code;
		const char *words;
	} cases[] = {
		{"", -EBADMSG, "no element found"},
		{"not XML", -EBADMSG, "DescribeSecurityGroups:1: syntax error"},
		{"<html/>", -EBADMSG, "expected <DescribeSecurityGroupsResponse>, not <html>"},
		{GROUPS_HEAD GROUPS_TAIL, -EBADMSG, "no <securityGroupInfo>"},
		{GROUPS_HEAD "<securityGroupInfo>", -EBADMSG, "no element found"},
		{GROUPS("<item>"), -EBADMSG, "mismatched tag"},
		{GROUPS("<item><groupId>&x;</groupId></item>"), -EBADMSG, "undefined entity"},
		{"<!DOCTYPE r [<!ENTITY x \"y\">]><r>&x;</r>", -EBADMSG, "document type"},
		{"<!DOCTYPE r SYSTEM \"http://198.51.100.1/\"><r/>", -EBADMSG, "document type"},
		{GROUPS("<item><ipPermissions><item><fromPort>x</fromPort></item></ipPermissions>"
	                "</item>"),
	         -EBADMSG, "expected a whole number in <fromPort>"},
		{GROUPS("<item><ipPermissions><item><fromPort></fromPort></item></ipPermissions>"
	                "</item>"),
	         -EBADMSG, "expected a whole number in <fromPort>"},
		{GROUPS("<item><ipPermissions><item><toPort>007</toPort></item></ipPermissions>"
	                "</item>"),
	         -EBADMSG, "expected a whole number in <toPort>"},
		{GROUPS("<item/>") "x", -EBADMSG, "junk"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_refusal(cases[i].page, cases[i].code, cases[i].words);
}

static char *repeated(const char *head, const char *piece, size_t count, const char *tail)
{
	struct buffer text = {.max = 128U << 20};
	buffer_add_text(&text, head);
	for (size_t i = 0; i < count; i++)
		buffer_add_text(&text, piece);
	buffer_add_text(&text, tail);
	if (text.failed)
		abort();
	return text.text;
}

static void what_grows_has_a_limit(void **state)
{
	static const struct {
		const char *head;
		const char *piece;
		size_t count;
		const char *words;
	} cases[] = {
		{GROUPS_HEAD, "<a>", 100, "too deep"},
		{GROUPS_HEAD "<securityGroupInfo><item><groupId>", "0123456789", 500,
	         "too much text in <groupId>"},
		{GROUPS_HEAD "<a>", "0123456789abcdef", XML_SIZE_MAX / 16, "larger than"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *page = repeated(cases[i].head, cases[i].piece, cases[i].count,
		                      "</groupId></item></securityGroupInfo>" GROUPS_TAIL);
		expect_refusal(page, -EFBIG, cases[i].words);
		free(page);
	}
}

/* Expat looks at an unfinished tag from its beginning with every piece that comes. */
static void a_tag_without_end_does_not_take_time_without_end(void **state)
{
	char *page = repeated("<", "0123456789abcdef", (1U << 20) / 16, "");
	const char *const pages[] = {page, NULL};
	struct reading reading = read_pages(EC2_SECURITY_GROUPS, pages, 1000);
	(void)state;
	assert_int_not_equal(reading.code, 0);
	free(page);
	page = repeated("<DescribeSecurityGroupsResponse a='", "0123456789abcdef", (1U << 20) / 16,
	                "");
	const char *const long_tag[] = {page, NULL};
	reading = read_pages(EC2_SECURITY_GROUPS, long_tag, 1000);
	assert_int_equal(reading.code, -EFBIG);
	assert_non_null(strstr(reading.error.text, "tag or comment is too long"));
	free(page);
}

static void what_nobody_reads_may_be_long(void **state)
{
	char *page = repeated(GROUPS_HEAD "<securityGroupInfo><item><groupId>sg-1</groupId>"
	                                  "<groupDescription>",
	                      "0123456789", 1000,
	                      "</groupDescription></item></securityGroupInfo>" GROUPS_TAIL);
	(void)state;
	expect_json(EC2_SECURITY_GROUPS, page, "[\n{\"GroupId\":\"sg-1\"}]");
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_written_as_the_cli_writes_it),
		cmocka_unit_test(an_interface_has_all_its_private_addresses),
		cmocka_unit_test(entries_of_a_prefix_list_are_strings),
		cmocka_unit_test(an_owned_group_has_owners_and_tags),
		cmocka_unit_test(subnets_vpcs_and_route_tables_are_as_the_cli_writes_them),
		cmocka_unit_test(prefix_lists_and_their_entries_are_objects),
		cmocka_unit_test(pages_are_sorted_and_the_last_word_on_an_item_counts),
		cmocka_unit_test(an_item_is_found_by_its_id),
		cmocka_unit_test(none_is_an_answer),
		cmocka_unit_test(what_is_no_answer_is_refused),
		cmocka_unit_test(what_grows_has_a_limit),
		cmocka_unit_test(a_tag_without_end_does_not_take_time_without_end),
		cmocka_unit_test(what_nobody_reads_may_be_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
