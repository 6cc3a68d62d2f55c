/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/ec2_xml.h"

/* What is there of pages, whole lines; "" = one was refused. */
static void expect(enum ec2_kind kind, const char *const *pages, const char *expected)
{
	struct buffer text = {.max = 1 << 20};
	struct ec2_items *items;
	const char *token;
	int r = ec2_items_new(kind, &items, NULL);
	for (; r == 0 && *pages; pages++) {
		struct ec2_page *page;
		r = ec2_page_open(items, &page, NULL);
		assert_int_equal(r, 0);
		r = ec2_page_feed(page, *pages, strlen(*pages), NULL);
		if (r == 0)
			r = ec2_page_finish(page, &token, NULL);
		ec2_page_close(page);
	}
	if (r == 0) {
		ec2_items_sort(items);
		ec2_items_write(items, &text);
	}
	buffer_add_text(&text, "");
	assert_string_equal(r == 0 ? text.text : "", expected);
	buffer_done(&text);
	ec2_items_free(items);
}

#define ATTRIBUTE(inside)                                                                          \
	"<DescribeVpcAttributeResponse><requestId>1</requestId>" inside                            \
	"</DescribeVpcAttributeResponse>"

static void test_an_answer_may_be_the_only_item(void **state)
{
	static const struct {
		const char *page;
		const char *expected;
	} cases[] = {
		{ATTRIBUTE("<vpcId>vpc-1</vpcId><enableDnsSupport><value>true</value>"
	                   "</enableDnsSupport>"),
	         "[\n{\"VpcId\":\"vpc-1\",\"EnableDnsSupport\":{\"Value\":true}}]"},
		{ATTRIBUTE("<enableDnsHostnames><value>false</value></enableDnsHostnames>"
	                   "<vpcId>vpc-1</vpcId><other><vpcId>vpc-2</vpcId></other>"),
	         "[\n{\"EnableDnsHostnames\":{\"Value\":false},\"VpcId\":\"vpc-1\"}]"},
		{ATTRIBUTE(""), "[\n{}]"},
		{ATTRIBUTE("<enableDnsSupport><value>yes</value></enableDnsSupport>"), ""},
		{"<DescribeVpcAttributeResponse><vpcId>vpc-1</vpcId>", ""},
		{"<DescribeVpcsResponse><vpcId>vpc-1</vpcId></DescribeVpcsResponse>", ""},
		{"", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(EC2_VPC_DNS_SUPPORT, (const char *const[]){cases[i].page, NULL},
		       cases[i].expected);
}

#define ASSOCIATIONS(items)                                                                        \
	"<DescribeSecurityGroupVpcAssociationsResponse><securityGroupVpcAssociationSet>" items     \
	"</securityGroupVpcAssociationSet></DescribeSecurityGroupVpcAssociationsResponse>"
#define ASSOCIATION(group, vpc, state)                                                             \
	"<item><groupId>" group "</groupId><vpcId>" vpc "</vpcId><state>" state "</state></item>"
#define LINE(group, vpc, state)                                                                    \
	"\n{\"GroupId\":\"" group "\",\"VpcId\":\"" vpc "\",\"State\":\"" state "\"}"

static void test_an_association_is_of_a_group_and_a_vpc(void **state)
{
	static const char *const pages[] = {
		ASSOCIATIONS(ASSOCIATION("sg-2", "vpc-1", "associating")
	                             ASSOCIATION("sg-1", "vpc-1", "associated")),
		ASSOCIATIONS(ASSOCIATION("sg-1", "vpc-2", "associated")
	                             ASSOCIATION("sg-2", "vpc-1", "associated")),
		NULL,
	};
	(void)state;
	expect(EC2_OWNED_GROUP_VPCS, pages,
	       "[" LINE("sg-1", "vpc-1", "associated") "," LINE(
		       "sg-1", "vpc-2", "associated") "," LINE("sg-2", "vpc-1", "associated") "]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_may_be_the_only_item),
		cmocka_unit_test(test_an_association_is_of_a_group_and_a_vpc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
