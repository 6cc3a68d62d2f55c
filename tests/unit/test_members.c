/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "nft-sync/model/members.h"
#include "tests/unit/setting.h"

static int open_members(void **state)
{
	*state = members_new();
	return *state != NULL ? 0 : -1;
}

static int close_members(void **state)
{
	members_free(*state);
	return 0;
}

static void change(struct members *members, const char *group, const char *prefix, int by)
{
	struct member_batch batch = {.members = members};
	struct prefix parsed = prefix_of(prefix);

	member_batch_add(&batch, group, &parsed, by);
	assert_int_equal(members_apply(members, &batch), 0);
}

static uint64_t generation(const struct members *members, const char *group)
{
	uint64_t ret;

	member_list_unref(members_of(members, group, &ret));
	return ret;
}

static size_t count(const struct members *members, const char *group)
{
	uint64_t unused;
	struct member_list *list = members_of(members, group, &unused);
	size_t ret = list != NULL ? list->count : 0;

	member_list_unref(list);
	return ret;
}

static void a_group_without_members_has_generation_0(void **state)
{
	struct members *members = *state;

	assert_int_equal(generation(members, "sg-1"), 0);
	change(members, "sg-1", "10.0.0.1", 1);
	change(members, "sg-1", "10.0.0.1", -1);
	assert_int_equal(generation(members, "sg-1"), 0);
	assert_int_equal(count(members, "sg-1"), 0);
}

static void a_member_stays_until_all_who_contribute_it_are_gone(void **state)
{
	struct members *members = *state;

	change(members, "sg-1", "10.0.0.1", 1);
	change(members, "sg-1", "10.0.0.1", 1);
	change(members, "sg-1", "10.0.0.1", -1);
	assert_int_equal(count(members, "sg-1"), 1);
	change(members, "sg-1", "10.0.0.1", -1);
	assert_int_equal(count(members, "sg-1"), 0);
}

static void only_a_changed_group_gets_a_new_generation(void **state)
{
	struct members *members = *state;
	uint64_t before;

	change(members, "sg-1", "10.0.0.1", 1);
	change(members, "sg-2", "10.0.0.1", 1);
	before = generation(members, "sg-1");
	change(members, "sg-2", "10.0.0.2", 1);
	assert_int_equal(generation(members, "sg-1"), before);
	assert_true(generation(members, "sg-2") > before);
}

static void a_second_contribution_is_no_change(void **state)
{
	struct members *members = *state;
	uint64_t before;

	change(members, "sg-1", "10.0.0.1", 1);
	before = generation(members, "sg-1");
	change(members, "sg-1", "10.0.0.1", 1);
	assert_int_equal(generation(members, "sg-1"), before);
}

static void what_cancels_out_in_a_batch_is_no_change(void **state)
{
	struct members *members = *state;
	struct member_batch batch = {.members = members};
	struct prefix prefix = prefix_of("10.0.0.1");
	uint64_t before;

	change(members, "sg-1", "10.0.0.1", 1);
	before = generation(members, "sg-1");
	member_batch_add(&batch, "sg-1", &prefix, -1);
	member_batch_add(&batch, "sg-2", &prefix, 1);
	member_batch_add(&batch, "sg-1", &prefix, 1);
	assert_int_equal(members_apply(members, &batch), 0);
	assert_int_equal(generation(members, "sg-1"), before);
}

static void a_list_outlives_its_replacement(void **state)
{
	struct members *members = *state;
	struct member_list *list;
	uint64_t unused;

	change(members, "sg-1", "10.0.0.1", 1);
	list = members_of(members, "sg-1", &unused);
	change(members, "sg-1", "10.0.0.1", -1);
	assert_int_equal(list->count, 1);
	assert_int_equal(list->prefixes[0].address[3], 1);
	member_list_unref(list);
}

static void a_failed_batch_changes_nothing(void **state)
{
	struct members *members = *state;
	struct member_batch batch = {.members = members};
	struct prefix prefix = prefix_of("10.0.0.1");

	change(members, "sg-1", "10.0.0.1", 1);
	member_batch_add(&batch, "sg-1", &prefix, -1);
	member_batch_add(&batch, "sg-2", &prefix, 1);
	batch.failed = true;
	assert_true(members_apply(members, &batch) < 0);
	assert_int_equal(count(members, "sg-1"), 1);
	assert_int_equal(count(members, "sg-2"), 0);
}

static void a_layer_is_replaced_as_a_whole(void **state)
{
	struct members *members = *state;
	struct member_batch batch = {.members = members};
	struct prefix one = prefix_of("10.0.0.1");
	struct prefix two = prefix_of("10.0.0.2");

	member_batch_add(&batch, "sg-1", &one, 1);
	assert_int_equal(members_replace(members, MEMBERS_THIS_NODE, &batch, 7), 0);
	assert_int_equal(members_stamp(members, MEMBERS_THIS_NODE), 7);
	assert_int_equal(members_stamp(members, MEMBERS_REMOTE_PODS), 0);
	member_batch_add(&batch, "sg-2", &two, 1);
	assert_int_equal(members_replace(members, MEMBERS_THIS_NODE, &batch, 8), 0);
	assert_int_equal(count(members, "sg-1"), 0);
	assert_int_equal(count(members, "sg-2"), 1);
}

#define RANDOM_GROUPS 4
#define RANDOM_ADDRESSES 64
#define RANDOM_BATCHES 3000

static struct prefix numbered(unsigned number)
{
	return (struct prefix){.family = 2, .length = 32, .address = {10, 0, 0, (uint8_t)number}};
}

static void compare(const struct members *members, const char *group,
                    const unsigned references[static RANDOM_ADDRESSES])
{
	uint64_t unused;
	struct member_list *list = members_of(members, group, &unused);
	size_t at = 0;

	for (unsigned i = 0; i < RANDOM_ADDRESSES; i++) {
		struct prefix expected = numbered(i);

		if (references[i] == 0)
			continue;
		assert_non_null(list);
		assert_true(at < list->count);
		assert_true(prefix_equal(&list->prefixes[at++], &expected));
	}
	assert_int_equal(at, list != NULL ? list->count : 0);
	member_list_unref(list);
}

static void random_batches_agree_with_plain_counters(void **state)
{
	struct members *members = *state;
	unsigned references[RANDOM_GROUPS][RANDOM_ADDRESSES] = {{0}};
	const char *given = getenv("PODSG_SEED");
	unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL);
	char group[8];

	print_message("PODSG_SEED=%u\n", seed);
	for (unsigned b = 0; b < RANDOM_BATCHES; b++) {
		struct member_batch batch = {.members = members};

		for (int n = rand_r(&seed) % 20; n >= 0; n--) {
			unsigned g = (unsigned)rand_r(&seed) % RANDOM_GROUPS;
			unsigned a = (unsigned)rand_r(&seed) % RANDOM_ADDRESSES;
			int by = references[g][a] > 0 && rand_r(&seed) % 5 < 3 ? -1 : 1;
			struct prefix prefix = numbered(a);

			(void)snprintf(group, sizeof(group), "sg-%u", g);
			member_batch_add(&batch, group, &prefix, by);
			references[g][a] += (unsigned)by;
		}
		assert_int_equal(members_apply(members, &batch), 0);
		for (unsigned g = 0; g < RANDOM_GROUPS; g++) {
			(void)snprintf(group, sizeof(group), "sg-%u", g);
			compare(members, group, references[g]);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_members, close_members)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_group_without_members_has_generation_0),
		TEST(a_member_stays_until_all_who_contribute_it_are_gone),
		TEST(only_a_changed_group_gets_a_new_generation),
		TEST(a_second_contribution_is_no_change),
		TEST(what_cancels_out_in_a_batch_is_no_change),
		TEST(a_list_outlives_its_replacement),
		TEST(a_failed_batch_changes_nothing),
		TEST(a_layer_is_replaced_as_a_whole),
		TEST(random_batches_agree_with_plain_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
