/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "nft-sync/resolve/resolution.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MEMBERS_MAX 8

static struct branch branches[] = {
	{"eni-a", .uid = "a", .addresses = {{AF_INET, 32, {10, 0, 0, 1}}}, .address_count = 1},
	{"eni-b", .uid = "old b", .state = BRANCH_CLAIMED},
	{"eni-b", .uid = "new b"},
	{"eni-c", .uid = "old c", .state = BRANCH_CLAIMED},
	{"eni-d", .uid = "d", .state = BRANCH_CLAIMED, .addresses = {{AF_INET, 32, {10, 0, 0, 2}}},
         .address_count = 1},
	{"eni-e", .uid = "e", .addresses = {{AF_INET, 32, {10, 0, 0, 2}}}, .address_count = 1},
};

static struct member_set member_sets[] = {{.group = "sg-a"}, {.group = "sg-b"}, {.group = "sg-d"}};

static const struct resolution resolution = {
	.branches = branches,
	.branch_count = COUNT(branches),
	.members = member_sets,
	.member_count = COUNT(member_sets),
};

static struct prefix prefix(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix, NULL), 0);
	return prefix;
}

static void a_branch_is_found_by_its_interface(void **state)
{
	(void)state;
	assert_string_equal(resolution_branch(&resolution, "eni-a")->uid, "a");
	assert_string_equal(resolution_branch(&resolution, "eni-e")->uid, "e");
	assert_null(resolution_branch(&resolution, "eni-aa"));
	assert_null(resolution_branch(&resolution, "eni-z"));
}

static void the_node_itself_is_no_branch(void **state)
{
	static struct branch nameless[] = {{.uid = ""}};
	struct resolution odd = {.branches = nameless, .branch_count = 1};

	(void)state;
	assert_null(resolution_branch(&odd, ""));
}

static void the_newer_pod_of_an_interface_is_found_first(void **state)
{
	(void)state;
	assert_string_equal(resolution_branch(&resolution, "eni-b")->uid, "new b");
	assert_string_equal(resolution_branch(&resolution, "eni-c")->uid, "old c");
}

static void the_newer_pod_of_an_address_is_found_first(void **state)
{
	struct prefix one = prefix("10.0.0.1");
	struct prefix two = prefix("10.0.0.2");
	struct prefix three = prefix("10.0.0.3");

	(void)state;
	assert_string_equal(resolution_branch_at(&resolution, &one)->uid, "a");
	assert_string_equal(resolution_branch_at(&resolution, &two)->uid, "e");
	assert_null(resolution_branch_at(&resolution, &three));
}

static void members_are_found_by_their_group(void **state)
{
	(void)state;
	assert_ptr_equal(resolution_members(&resolution, "sg-a"), &member_sets[0]);
	assert_ptr_equal(resolution_members(&resolution, "sg-b"), &member_sets[1]);
	assert_ptr_equal(resolution_members(&resolution, "sg-d"), &member_sets[2]);
	assert_null(resolution_members(&resolution, "sg-c"));
	assert_null(resolution_members(&resolution, "sg-"));
}

struct row {
	const char *sentence;
	const char *members[MEMBERS_MAX];
	const char *address;
	bool expected;
};

static const struct row rows[] = {
	{"nobody is in an empty set", {NULL}, "10.0.0.1", false},
	{"a member is in it", {"10.0.0.1", "10.0.0.3"}, "10.0.0.3", true},
	{"who stands between two members is not", {"10.0.0.1", "10.0.0.3"}, "10.0.0.2", false},
	{"a delegated prefix holds its first address", {"10.0.0.16/28"}, "10.0.0.16", true},
	{"a delegated prefix holds its last address", {"10.0.0.16/28"}, "10.0.0.31", true},
	{"a delegated prefix ends", {"10.0.0.16/28"}, "10.0.0.32", false},
	{"a prefix is found behind the addresses that lie in it",
         {"10.0.0.16/28", "10.0.0.17", "10.0.0.18", "10.0.0.20/30"},
         "10.0.0.30",
         true},
	{"a prefix is found behind prefixes that lie in it",
         {"10.0.0.0/8", "10.0.0.0/16", "10.0.0.16/28", "10.1.0.0/16"},
         "10.2.0.1",
         true},
	{"neighbours that end before are no members",
         {"10.0.0.0/28", "10.0.0.1", "10.0.0.16/29", "10.0.0.17"},
         "10.0.0.25",
         false},
	{"IPv6 delegated prefixes",
         {"10.0.0.0/8", "2001:db8:0:0:1::/80", "2001:db8:0:0:1::5"},
         "2001:db8::1:2:3:4",
         true},
	{"one family's members are nobody in the other", {"0.0.0.0/0"}, "::1", false},
	{"everything", {"::/0"}, "ffff::", true},
};

static void check_row(void **state)
{
	const struct row *row = *state;
	struct prefix prefixes[MEMBERS_MAX] = {0};
	struct member_set members = {.group = "sg-a", .prefixes = prefixes};
	struct prefix address = prefix(row->address);

	while (members.count < MEMBERS_MAX && row->members[members.count] != NULL) {
		prefixes[members.count] = prefix(row->members[members.count]);
		members.count++;
	}
	qsort(prefixes, members.count, sizeof(*prefixes), prefix_compare);
	assert_int_equal(member_set_contains(&members, &address), row->expected);
}

int main(void)
{
	struct CMUnitTest row_tests[COUNT(rows)];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_branch_is_found_by_its_interface),
		cmocka_unit_test(the_node_itself_is_no_branch),
		cmocka_unit_test(the_newer_pod_of_an_interface_is_found_first),
		cmocka_unit_test(the_newer_pod_of_an_address_is_found_first),
		cmocka_unit_test(members_are_found_by_their_group),
	};
	int failed;

	for (size_t i = 0; i < COUNT(rows); i++)
		row_tests[i] = (struct CMUnitTest){rows[i].sentence, check_row, NULL, NULL,
		                                   (void *)(uintptr_t)&rows[i]};
	failed = cmocka_run_group_tests(row_tests, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL) + failed;
}
