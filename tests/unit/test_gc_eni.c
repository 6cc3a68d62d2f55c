/* SPDX-License-Identifier: GPL-2.0-or-later */

/* From EC2's XML to what is known of interfaces, groups and instances; and whether it said that
 * something is deleted. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hooks/eni-gc/gc_eni.h"
#include "hooks/eni-gc/gc_eni_judge.h"

#define INTERFACES(items)                                                                          \
	"<DescribeNetworkInterfacesResponse><networkInterfaceSet>" items                           \
	"</networkInterfaceSet></DescribeNetworkInterfacesResponse>"
#define INTERFACE(inside) INTERFACES("<item>" inside "</item>")
#define TAG(key, value) "<item><key>" key "</key><value>" value "</value></item>"
#define ID "<networkInterfaceId>eni-1</networkInterfaceId>"
#define STATUS "<status>available</status>"

static int read_page(struct ec2_items *items, const char *text, struct error *err)
{
	struct ec2_page *page;
	const char *token;
	assert_int_equal(ec2_page_open(items, &page, NULL), 0);
	int r = ec2_page_feed(page, text, strlen(text), err);
	if (r == 0)
		r = ec2_page_finish(page, &token, err);
	ec2_page_close(page);
	return r;
}

static struct ec2_items *page_of(enum ec2_kind kind, const char *text)
{
	struct ec2_items *items;
	struct error err = {0};
	assert_int_equal(ec2_items_new(kind, &items, NULL), 0);
	if (read_page(items, text, &err) < 0)
		fail_msg("%s", err.text);
	return items;
}

static int read_enis(const char *text, struct gc_enis *ret, struct error *err)
{
	struct ec2_items *items = page_of(EC2_INTERFACE_USES, text);
	int r = gc_enis_read(items, ret, err);
	ec2_items_free(items);
	return r;
}

/* Of one interface. */
static uint64_t fingerprint_of(const char *text)
{
	struct gc_enis enis;
	struct error err = {0};
	if (read_enis(text, &enis, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(enis.count, 1);
	uint64_t fingerprint = enis.items[0].fingerprint;
	arena_free(enis.arena);
	return fingerprint;
}

static void an_interface_says_who_uses_it(void **state)
{
	struct gc_enis enis;
	struct error err = {0};
	(void)state;
	int r = read_enis(
		INTERFACES(
			"<item><networkInterfaceId>eni-2</networkInterfaceId>" STATUS "</item>"
			"<item>" ID "<status>in-use</status><description>d &amp; e</description>"
			"<interfaceType>trunk</interfaceType><requesterId>amazon-elb</requesterId>"
			"<requesterManaged>true</requesterManaged>"
			"<groupSet><item><groupId>sg-2</groupId></item>"
			"<item><groupId>sg-1</groupId></item></groupSet>"
			"<attachment><attachmentId>a</attachmentId><instanceId>i-1</instanceId>"
			"<deviceIndex>0</deviceIndex><status>attached</status></attachment>"
			"<tagSet>" TAG("b", "2") TAG("a", "") "</tagSet></item>"),
		&enis, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(r, 0);
	assert_int_equal(enis.count, 2);
	const struct gc_eni *eni = &enis.items[0];
	assert_string_equal(eni->id, "eni-1");
	assert_string_equal(eni->status, "in-use");
	assert_string_equal(eni->description, "d & e");
	assert_string_equal(eni->type, "trunk");
	assert_string_equal(eni->requester, "amazon-elb");
	assert_string_equal(eni->instance, "i-1");
	assert_true(eni->requester_managed && eni->attached && eni->primary);
	assert_int_equal(eni->group_count, 2);
	assert_string_equal(eni->groups[0], "sg-1");
	assert_int_equal(eni->tags.count, 2);
	assert_string_equal(gc_tag(&eni->tags, "a"), "");
	assert_string_equal(gc_tag(&eni->tags, "b"), "2");
	assert_null(gc_tag(&eni->tags, "c"));
	assert_false(enis.items[1].attached || enis.items[1].primary);
	assert_string_equal(enis.items[1].instance, "");
	arena_free(enis.arena);
}

static void what_an_interface_must_have(void **state)
{
	static const char *const cases[] = {
		INTERFACE(STATUS),
		INTERFACE(ID),
		INTERFACE(ID "<status/>"),
		INTERFACE("<networkInterfaceId>ENI-1</networkInterfaceId>" STATUS),
		INTERFACE("<networkInterfaceId>i-1</networkInterfaceId>" STATUS),
		INTERFACE("<networkInterfaceId>eni-1/../2</networkInterfaceId>" STATUS),
		INTERFACE("<networkInterfaceId>eni-0123456789012345678901234567"
	                  "</networkInterfaceId>" STATUS),
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gc_enis enis;
		struct error err = {0};
		if (read_enis(cases[i], &enis, &err) != -EBADMSG)
			fail_msg("case %zu: %s", i, err.text);
		assert_non_null(strstr(err.text, "DescribeNetworkInterfaces: item 1: "));
	}
}

static void the_fingerprint_is_of_what_a_user_would_change(void **state)
{
	const uint64_t base = fingerprint_of(
		INTERFACE(ID STATUS "<tagSet>" TAG("a", "1") TAG("b", "2") "</tagSet>"));
	static const struct {
		const char *text;
		bool same;
	} cases[] = {
		{INTERFACE(ID STATUS "<tagSet>" TAG("b", "2") TAG("a", "1") "</tagSet>"), true},
		{INTERFACE("<tagSet>" TAG("a", "1") TAG("b", "2") "</tagSet>" STATUS ID), true},
		{INTERFACE(ID STATUS "<tagSet>" TAG("a", "1") "</tagSet>"), false},
		{INTERFACE(ID STATUS "<tagSet>" TAG("a", "1") TAG("b", "3") "</tagSet>"), false},
		{INTERFACE(ID STATUS "<tagSet>" TAG("a", "1b") TAG("", "2") "</tagSet>"), false},
		{INTERFACE(ID STATUS "<tagSet>" TAG("a", "1") TAG("b", "2")
	                           TAG("c", "") "</tagSet>"),
	         false},
		{INTERFACE(ID STATUS "<description>x</description><tagSet>" TAG("a", "1")
	                           TAG("b", "2") "</tagSet>"),
	         false},
		{INTERFACE(ID STATUS "<interfaceType>branch</interfaceType><tagSet>" TAG("a", "1")
	                           TAG("b", "2") "</tagSet>"),
	         false},
		{INTERFACE(ID STATUS "<groupSet><item><groupId>sg-1</groupId></item></groupSet>"
	                             "<tagSet>" TAG("a", "1") TAG("b", "2") "</tagSet>"),
	         false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if ((fingerprint_of(cases[i].text) == base) != cases[i].same)
			fail_msg("case %zu: expected %s", i,
			         cases[i].same ? "the same" : "another");
}

static void too_many_tags_are_refused(void **state)
{
	struct buffer text = {.max = 1U << 20};
	struct gc_enis enis;
	struct error err = {0};
	(void)state;
	buffer_add_text(&text,
	                "<DescribeNetworkInterfacesResponse><networkInterfaceSet><item>" ID STATUS
	                "<tagSet>");
	for (int i = 0; i < 1000; i++)
		buffer_add_format(&text, "<item><key>%d</key><value/></item>", i);
	buffer_add_text(&text, "</tagSet></item></networkInterfaceSet>"
	                       "</DescribeNetworkInterfacesResponse>");
	assert_int_equal(read_enis(text.text, &enis, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "too many tags"));
	buffer_done(&text);
}

static void groups_and_instances_are_read(void **state)
{
	struct gc_groups groups;
	struct gc_instances instances;
	struct ec2_items *items =
		page_of(EC2_GROUP_USES,
	                "<DescribeSecurityGroupsResponse><securityGroupInfo><item>"
	                "<groupId>sg-1</groupId><groupName>n</groupName><vpcId>vpc-1</vpcId>"
	                "<ipPermissions><item><ipProtocol>-1</ipProtocol></item>"
	                "</ipPermissions><tagSet>" TAG(
				"a", "1") "</tagSet></item>"
	                                  "</securityGroupInfo></DescribeSecurityGroupsResponse>");
	(void)state;
	assert_int_equal(gc_groups_read(items, &groups, NULL), 0);
	assert_int_equal(groups.count, 1);
	assert_string_equal(groups.items[0].name, "n");
	assert_string_equal(gc_tag(&groups.items[0].tags, "a"), "1");
	arena_free(groups.arena);
	ec2_items_free(items);
	items = page_of(EC2_INSTANCES,
	                "<DescribeInstancesResponse><reservationSet><item>"
	                "<reservationId>r-1</reservationId><instancesSet>"
	                "<item><instanceId>i-1</instanceId><instanceState><code>16</code>"
	                "<name>running</name></instanceState></item>"
	                "<item><instanceId>i-2</instanceId></item></instancesSet></item>"
	                "</reservationSet></DescribeInstancesResponse>");
	assert_int_equal(gc_instances_read(items, &instances, NULL), 0);
	assert_int_equal(instances.count, 2);
	assert_string_equal(instances.items[0].state, "running");
	assert_string_equal(instances.items[1].state, "");
	arena_free(instances.arena);
	ec2_items_free(items);
}

static void only_true_says_that_it_is_deleted(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{"<DeleteNetworkInterfaceResponse><requestId>r</requestId><return>true</return>"
	         "</DeleteNetworkInterfaceResponse>",
	         0},
		{"<DeleteNetworkInterfaceResponse><return>false</return>"
	         "</DeleteNetworkInterfaceResponse>",
	         -EBADMSG},
		{"<DeleteNetworkInterfaceResponse><return/></DeleteNetworkInterfaceResponse>",
	         -EBADMSG},
		{"<DeleteNetworkInterfaceResponse/>", -EBADMSG},
		{"<DeleteNetworkInterfaceResponse><x><return>true</return></x>"
	         "</DeleteNetworkInterfaceResponse>",
	         -EBADMSG},
		{"<DeleteNetworkInterfaceResponse><return>true</return>", -EBADMSG},
		{"<DeleteSecurityGroupResponse><return>true</return>"
	         "</DeleteSecurityGroupResponse>",
	         -EBADMSG},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ec2_items *items;
		struct error err = {0};
		assert_int_equal(ec2_items_new(EC2_DELETE_INTERFACE, &items, NULL), 0);
		int r = read_page(items, cases[i].text, &err);
		if (r != cases[i].code)
			fail_msg("case %zu: %d, %s", i, r, err.text);
		ec2_items_free(items);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interface_says_who_uses_it),
		cmocka_unit_test(what_an_interface_must_have),
		cmocka_unit_test(the_fingerprint_is_of_what_a_user_would_change),
		cmocka_unit_test(too_many_tags_are_refused),
		cmocka_unit_test(groups_and_instances_are_read),
		cmocka_unit_test(only_true_says_that_it_is_deleted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
