/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/check/facts_groups.h"
#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/check/rule_commands.h"
#include "tests/unit/documents.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TCP 6
#define UDP 17

static struct model *model_of(const char *text)
{
	struct model *model = model_new();
	struct error err = {0};
	assert_non_null(model);
	assert_int_equal(model_put(model, load_yaml(text), &err), 0);
	return model;
}

/* Asked of sg-1, with tcp/8080, from a peer in sg-node with 10.0.0.10, where a row says no more. */
static const struct {
	const char *says;
	const char *permissions;
	enum admission_answer answer;
	const char *needs;
	bool no_groups, no_address;
} rows[] = {
	{"no rule", "[]", REFUSED, NULL, false, false},
	{"its group",
         "[{IpProtocol: tcp, FromPort: 8080, ToPort: 8080, UserIdGroupPairs: [{GroupId: "
         "sg-node}]}]",
         ADMITTED, NULL, false, false},
	{"another group",
         "[{IpProtocol: tcp, FromPort: 8080, ToPort: 8080, UserIdGroupPairs: "
         "[{GroupId: sg-other}]}]",
         REFUSED, NULL, false, false},
	{"a group of one whose groups are not known",
         "[{IpProtocol: '-1', UserIdGroupPairs: [{GroupId: sg-node}]}]", ADMISSION_UNKNOWN,
         NEEDS_INTERFACES, true, false},
	{"its address",
         "[{IpProtocol: tcp, FromPort: 1, ToPort: 8080, IpRanges: [{CidrIp: "
         "10.0.0.0/24}]}]",
         ADMITTED, NULL, true, false},
	{"another address", "[{IpProtocol: '-1', IpRanges: [{CidrIp: 10.0.1.0/24}]}]", REFUSED,
         NULL, false, false},
	{"the other family", "[{IpProtocol: '-1', Ipv6Ranges: [{CidrIpv6: '::/0'}]}]", REFUSED,
         NULL, false, false},
	{"an address of one whose address is not known",
         "[{IpProtocol: '-1', IpRanges: [{CidrIp: 10.0.0.0/24}]}]", ADMISSION_UNKNOWN, NULL, false,
         true},
	{"everybody, of one whose address is not known",
         "[{IpProtocol: '-1', IpRanges: [{CidrIp: 0.0.0.0/0}]}]", ADMITTED, NULL, true, true},
	{"a list with it", "[{IpProtocol: '-1', PrefixListIds: [{PrefixListId: pl-1}]}]", ADMITTED,
         NULL, true, false},
	{"a list without it", "[{IpProtocol: '-1', PrefixListIds: [{PrefixListId: pl-2}]}]",
         REFUSED, NULL, true, false},
	{"a list of which only the name is known",
         "[{IpProtocol: '-1', PrefixListIds: [{PrefixListId: pl-3}]}]", ADMISSION_UNKNOWN,
         NEEDS_PREFIX_LIST_ENTRIES, true, false},
	{"a list that nobody knows, of another service",
         "[{IpProtocol: udp, FromPort: 53, ToPort: 53, PrefixListIds: [{PrefixListId: pl-9}]}]",
         REFUSED, NULL, true, false},
	{"another port",
         "[{IpProtocol: tcp, FromPort: 8081, ToPort: 9000, IpRanges: [{CidrIp: "
         "0.0.0.0/0}]}]",
         REFUSED, NULL, false, false},
	{"another protocol",
         "[{IpProtocol: udp, FromPort: 8080, ToPort: 8080, IpRanges: [{CidrIp: "
         "0.0.0.0/0}]}]",
         REFUSED, NULL, false, false},
	{"a doubt, and then a rule that settles it",
         "[{IpProtocol: '-1', PrefixListIds: [{PrefixListId: pl-3}]}, {IpProtocol: '-1', "
         "IpRanges: [{CidrIp: 10.0.0.10/32}]}]",
         ADMITTED, NULL, false, false},
};

static const char lists[] = "---\nPrefixLists: [{PrefixListId: pl-3, PrefixListName: x}]\n"
			    "---\n{PrefixListId: pl-1, Entries: [{Cidr: 10.0.0.0/16}]}\n"
			    "---\n{PrefixListId: pl-2, Entries: [{Cidr: 10.1.0.0/16}]}\n";

static void rules_admit_refuse_or_leave_in_doubt(void **state)
{
	static const char *asked[] = {"sg-1"}, *peer[] = {"sg-node"};
	struct prefix address;
	(void)state;
	assert_int_equal(address_parse("10.0.0.10", &address), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[1024];
		struct admission admission;
		struct facts facts = {0};
		(void)snprintf(text, sizeof(text),
		               "SecurityGroups: [{GroupId: sg-1, IpPermissions: %s}]\n%s",
		               rows[i].permissions, lists);
		facts.model = model_of(text);
		admission = admission_of(&(struct admission_question){
			.facts = &facts,
			.direction = DIRECTION_INGRESS,
			.groups = asked,
			.group_count = 1,
			.protocol = TCP,
			.port = 8080,
			.peer_groups = peer,
			.peer_group_count = rows[i].no_groups ? 0 : 1,
			.peer_groups_known = !rows[i].no_groups,
			.peer_address = rows[i].no_address ? NULL : &address,
		});
		print_message("%s\n", rows[i].says);
		assert_int_equal(admission.answer, rows[i].answer);
		if (rows[i].needs)
			assert_string_equal(admission.needs, rows[i].needs);
		else
			assert_null(admission.needs);
		model_free(facts.model);
	}
}

static void a_group_that_is_not_known_leaves_in_doubt(void **state)
{
	static const char *asked[] = {"sg-1", "sg-2"};
	struct facts facts = {
		.model = model_of("SecurityGroups: [{GroupId: sg-1, IpPermissionsEgress: "
	                          "[{IpProtocol: udp, FromPort: 53, ToPort: 53, IpRanges: "
	                          "[{CidrIp: 0.0.0.0/0}]}]}]")};
	struct admission_question question = {.facts = &facts,
	                                      .direction = DIRECTION_EGRESS,
	                                      .groups = asked,
	                                      .group_count = 2,
	                                      .protocol = UDP,
	                                      .port = 53};
	struct admission admission;
	(void)state;
	assert_int_equal(admission_of(&question).answer, ADMITTED);
	question.protocol = TCP;
	admission = admission_of(&question);
	assert_int_equal(admission.answer, ADMISSION_UNKNOWN);
	assert_string_equal(admission.needs, NEEDS_GROUPS);
	question.group_count = 1;
	assert_int_equal(admission_of(&question).answer, REFUSED);
	question.direction = DIRECTION_INGRESS;
	question.protocol = UDP;
	assert_int_equal(admission_of(&question).answer, REFUSED);
	model_free(facts.model);
}

static void rules_are_spelt_as_the_aws_cli_takes_them(void **state)
{
	static const struct {
		const char *permission;
		const char *owner;
		const char *text;
	} spelt[] = {
		{"{IpProtocol: tcp, FromPort: 443, ToPort: 443, IpRanges: [{CidrIp: 10.0.0.0/8}]}",
	         "", "IpProtocol=tcp,FromPort=443,ToPort=443,IpRanges=[{CidrIp=10.0.0.0/8}]"},
		{"{IpProtocol: udp, FromPort: 53, ToPort: 54, IpRanges: [{CidrIp: 10.0.0.1/32}]}",
	         "", "IpProtocol=udp,FromPort=53,ToPort=54,IpRanges=[{CidrIp=10.0.0.1/32}]"},
		{"{IpProtocol: '-1', Ipv6Ranges: [{CidrIpv6: '::/0'}]}", "",
	         "IpProtocol=-1,Ipv6Ranges=[{CidrIpv6=::/0}]"},
		{"{IpProtocol: icmpv6, FromPort: 2, ToPort: -1, Ipv6Ranges: [{CidrIpv6: "
	         "'2001:db8::1/128'}]}",
	         "",
	         "IpProtocol=icmpv6,FromPort=2,ToPort=-1,Ipv6Ranges=[{CidrIpv6=2001:db8::1/128}]"},
		{"{IpProtocol: icmp, FromPort: -1, ToPort: -1, UserIdGroupPairs: [{GroupId: "
	         "sg-2}]}",
	         "", "IpProtocol=icmp,FromPort=-1,ToPort=-1,UserIdGroupPairs=[{GroupId=sg-2}]"},
		{"{IpProtocol: '47', UserIdGroupPairs: [{GroupId: sg-2}]}", "111122223333",
	         "IpProtocol=47,UserIdGroupPairs=[{GroupId=sg-2,UserId=111122223333}]"},
		{"{IpProtocol: tcp, FromPort: 0, ToPort: 65535, PrefixListIds: [{PrefixListId: "
	         "pl-1}]}",
	         "", "IpProtocol=tcp,FromPort=0,ToPort=65535,PrefixListIds=[{PrefixListId=pl-1}]"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(spelt); i++) {
		char text[512], permission[PERMISSION_TEXT_MAX];
		struct model *model;
		(void)snprintf(text, sizeof(text),
		               "SecurityGroups: [{GroupId: sg-1, IpPermissions: [%s]}]",
		               spelt[i].permission);
		model = model_of(text);
		assert_string_equal(
			permission_text(&model_group(model, "sg-1")->rules[DIRECTION_INGRESS][0],
		                        spelt[i].owner, permission),
			spelt[i].text);
		model_free(model);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_admit_refuse_or_leave_in_doubt),
		cmocka_unit_test(a_group_that_is_not_known_leaves_in_doubt),
		cmocka_unit_test(rules_are_spelt_as_the_aws_cli_takes_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
