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

#include "nft-sync/model/strings.h"
#include "tests/unit/random_world.h"

static int open_strings(void **state)
{
	static struct strings strings;

	*state = &strings;
	return strings_init(&strings);
}

static int close_strings(void **state)
{
	strings_done(*state);
	return 0;
}

static uint32_t ref(struct strings *strings, const char *text)
{
	uint32_t id = 0;

	assert_int_equal(strings_ref(strings, text, &id), 0);
	assert_int_not_equal(id, 0);
	return id;
}

static void equal_strings_have_one_number(void **state)
{
	char same[] = "web";

	assert_int_equal(ref(*state, "web"), ref(*state, same));
	assert_int_not_equal(ref(*state, "web"), ref(*state, "db"));
	assert_string_equal(strings_text(*state, ref(*state, "")), "");
}

static void a_string_is_there_as_long_as_somebody_refers_to_it(void **state)
{
	uint32_t id = ref(*state, "web");

	assert_int_equal(ref(*state, "web"), id);
	assert_int_equal(strings_find(*state, "web"), id);
	strings_unref(*state, id);
	assert_int_equal(strings_find(*state, "web"), id);
	strings_unref(*state, id);
	assert_int_equal(strings_find(*state, "web"), 0);
}

static void memory_of_a_string_that_is_gone_is_for_others_of_its_size(void **state)
{
	uint32_t id = ref(*state, "web-1");

	strings_unref(*state, id);
	assert_int_not_equal(ref(*state, "a string that is a good deal longer"), id);
	assert_int_equal(ref(*state, "web-2"), id);
	assert_string_equal(strings_text(*state, id), "web-2");
}

static void a_string_has_a_greatest_length(void **state)
{
	char text[STRING_MAX + 2];
	uint32_t id = 0;

	memset(text, 'x', sizeof(text));
	text[STRING_MAX + 1] = '\0';
	assert_int_equal(strings_ref(*state, text, &id), -ENAMETOOLONG);
	text[STRING_MAX] = '\0';
	id = ref(*state, text);
	assert_string_equal(strings_text(*state, id), text);
	strings_unref(*state, id);
	assert_int_equal(ref(*state, text), id);
}

#define NAMES 3000
#define STEPS 60000

static void name_of(unsigned number, char room[static STRING_MAX + 1])
{
	int length = snprintf(room, STRING_MAX, "%u-", number);

	memset(room + length, 'x', number * 7 % 800);
	room[length + (int)(number * 7 % 800)] = '\0';
}

static void many_that_come_and_go_keep_their_text(void **state)
{
	static uint32_t ids[NAMES];
	static unsigned references[NAMES];
	char name[STRING_MAX + 1];
	uint64_t seed = random_begin();

	print_message("PODSG_SEED=%llu\n", (unsigned long long)seed);
	srand((unsigned)seed);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = (unsigned)rand() % NAMES;

		name_of(i, name);
		assert_int_equal(strings_find(*state, name), references[i] > 0 ? ids[i] : 0);
		if (references[i] > 0)
			assert_string_equal(strings_text(*state, ids[i]), name);
		if (rand() % 2 == 0) {
			ids[i] = ref(*state, name);
			references[i]++;
		} else if (references[i] > 0) {
			strings_unref(*state, ids[i]);
			references[i]--;
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_strings, close_strings)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(equal_strings_have_one_number),
		TEST(a_string_is_there_as_long_as_somebody_refers_to_it),
		TEST(memory_of_a_string_that_is_gone_is_for_others_of_its_size),
		TEST(a_string_has_a_greatest_length),
		TEST(many_that_come_and_go_keep_their_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
