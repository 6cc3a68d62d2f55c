/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/draw/statement.h"
#include "tests/unit/images.h"

static void every_field_has_a_type_and_every_type_a_length(void **state)
{
	static const struct {
		enum field field;
		enum key_type type;
		unsigned length;
	} rows[] = {
		{FIELD_NONE, KEY_NONE, 0},
		{FIELD_IN, KEY_INTERFACE, 16},
		{FIELD_OUT, KEY_INTERFACE, 16},
		{FIELD_SOURCE4, KEY_ADDRESS4, 4},
		{FIELD_DESTINATION4, KEY_ADDRESS4, 4},
		{FIELD_SOURCE6, KEY_ADDRESS6, 16},
		{FIELD_DESTINATION6, KEY_ADDRESS6, 16},
		{FIELD_PROTOCOL, KEY_PROTOCOL, 1},
		{FIELD_PORT, KEY_PORT, 2},
		{FIELD_ICMP_TYPE, KEY_ICMP_TYPE, 1},
		{FIELD_ICMP_CODE, KEY_ICMP_CODE, 1},
		{FIELD_ICMPV6_TYPE, KEY_ICMPV6_TYPE, 1},
		{FIELD_ICMPV6_CODE, KEY_ICMPV6_CODE, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(field_type(rows[i].field), rows[i].type);
		assert_int_equal(key_type_length(rows[i].type), rows[i].length);
	}
}

static void fields_of_a_key_are_padded_to_four_bytes(void **state)
{
	static const uint8_t expected[] = {10, 0, 0, 1, 6, 0, 0, 0, 0x1f, 0x90, 0, 0};
	static const uint8_t port[] = {0x1f, 0x90};
	static const uint8_t tcp = 6;
	struct prefix address = {2, 32, {10, 0, 0, 1}};
	uint8_t key[IMAGE_KEY_MAX];
	unsigned offset = 0;

	(void)state;
	memset(key, 0xee, sizeof(key));
	key_put_address(key, &offset, &address);
	key_put(key, &offset, &tcp, sizeof(tcp));
	key_put(key, &offset, port, sizeof(port));
	assert_int_equal(offset, sizeof(expected));
	assert_memory_equal(key, expected, sizeof(expected));
}

static void interface_names_fill_sixteen_bytes_and_end_with_a_nul(void **state)
{
	uint8_t key[IMAGE_KEY_MAX];
	unsigned offset = 0;

	(void)state;
	memset(key, 0xee, sizeof(key));
	key_put_name(key, &offset, "eni0123456789ab-and-more");
	assert_int_equal(offset, 16);
	assert_memory_equal(key, "eni0123456789ab", 16);
}

static void a_finished_set_is_sorted_and_has_no_key_twice(void **state)
{
	struct image_set *set = SET("s", KEY_ADDRESS4, "10.0.0.3", "10.0.0.1", "10.0.0.3",
	                            "9.255.255.255", "10.0.0.1");

	(void)state;
	assert_int_equal(set->count, 3);
	for (size_t i = 1; i < set->count; i++)
		assert_true(memcmp(image_set_key(set, i - 1), image_set_key(set, i), 4) < 0);
	assert_true(set_has(set, "9.255.255.255"));
	assert_true(set_has(set, "10.0.0.1"));
	assert_true(set_has(set, "10.0.0.3"));
	image_set_unref(set);
}

static void of_equal_keys_the_first_stays_with_its_verdict_and_comment(void **state)
{
	static const struct {
		const char *interface;
		const char *chain;
		const char *comment;
	} rows[] = {{"eni2", "b", NULL},
	            {"eni1", "a", "first"},
	            {"eni1", "x", "second"},
	            {"eni2", "y", "late"}};
	enum key_type type = KEY_INTERFACE;
	struct image_set *set = image_set_new("m", &type, 1, DATA_VERDICT);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct verdict_to verdict = {.code = VERDICT_JUMP};
		uint8_t key[IMAGE_KEY_MAX];
		unsigned offset = 0;

		verdict.chain[0] = rows[i].chain[0];
		key_put_name(key, &offset, rows[i].interface);
		assert_int_equal(image_set_add(set, key, NULL, &verdict, rows[i].comment), 0);
	}
	assert_int_equal(image_set_finish(set), 0);
	assert_int_equal(set->count, 2);
	assert_string_equal(set->verdicts[0].chain, "a");
	assert_string_equal(set->comments[0], "first");
	assert_string_equal(set->verdicts[1].chain, "b");
	assert_null(set->comments[1]);
	image_set_unref(set);
}

static void an_interval_without_a_last_key_is_a_single_one(void **state)
{
	static const uint8_t key[] = {10, 0, 0, 1};
	enum key_type type = KEY_ADDRESS4;
	struct image_set *set = image_set_new("s", &type, 1, DATA_NONE);

	(void)state;
	set->interval = true;
	assert_int_equal(image_set_stride(set), 8);
	assert_int_equal(image_set_add(set, key, NULL, NULL, NULL), 0);
	assert_memory_equal(image_set_last(set, 0), key, sizeof(key));
	image_set_unref(set);
}

static void comments_are_cut_to_what_nft_shows(void **state)
{
	static const uint8_t key[16] = "eni1";
	enum key_type type = KEY_INTERFACE;
	struct image_set *set = image_set_new("s", &type, 1, DATA_NONE);
	char comment[2 * IMAGE_COMMENT_MAX];

	(void)state;
	memset(comment, 'c', sizeof(comment));
	comment[sizeof(comment) - 1] = '\0';
	assert_int_equal(image_set_add(set, key, NULL, NULL, comment), 0);
	assert_int_equal(strlen(set->comments[0]), IMAGE_COMMENT_MAX - 1);
	image_set_unref(set);
}

static void names_are_cut_and_end_with_a_nul(void **state)
{
	enum key_type type = KEY_ADDRESS4;
	char name[2 * IMAGE_NAME_MAX];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	struct image_set *set = image_set_new(name, &type, 1, DATA_NONE);
	struct image_chain *chain = image_chain_new(name, name);
	assert_int_equal(strlen(set->name), IMAGE_NAME_MAX - 1);
	assert_int_equal(strlen(chain->name), IMAGE_NAME_MAX - 1);
	assert_int_equal(strlen(chain->comment), IMAGE_COMMENT_MAX - 1);
	image_set_unref(set);
	image_chain_unref(chain);
}

static void a_definition_is_types_flags_and_data_but_not_content(void **state)
{
	struct image_set *set = SET("s", KEY_ADDRESS4, "10.0.0.1");
	struct {
		struct image_set *other;
		bool same;
	} rows[] = {
		{SET("t", KEY_ADDRESS4, "10.0.0.2", "10.0.0.3"), true},
		{INTERVALS("s", KEY_ADDRESS4, "10.0.0.1"), false},
		{SET("s", KEY_ADDRESS6, "::1"), false},
		{MAP("s", {"eni1", "a"}), false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(image_set_same_definition(set, rows[i].other), rows[i].same);
		image_set_unref(rows[i].other);
	}
	image_set_unref(set);
}

static void a_finished_image_finds_sets_and_chains_by_name(void **state)
{
	struct image *image =
		image_of(SETS(SET("b", KEY_PORT, "1"), SET("a", KEY_PORT, "2")),
	                 CHAINS(chain_of("y", ""), chain_of("x", ""), chain_of("z", "")));

	(void)state;
	assert_string_equal(image->sets[0]->name, "a");
	assert_string_equal(image_find_set(image, "b")->name, "b");
	assert_null(image_find_set(image, "c"));
	assert_string_equal(image_find_chain(image, "y")->name, "y");
	assert_null(image_find_chain(image, ""));
	image_free(image);
}

static void an_empty_image_finds_nothing(void **state)
{
	struct image *image = image_new();

	(void)state;
	image_finish(image);
	assert_null(image_find_set(image, "a"));
	assert_null(image_find_chain(image, "a"));
	image_free(image);
	image_free(NULL);
}

static void of_two_sets_or_chains_of_one_name_one_stays(void **state)
{
	struct image_set *set = SET("s", KEY_PORT, "1");
	struct image_chain *chain = chain_of("c", "drop");
	struct image *image =
		image_of(SETS(set, image_set_ref(set)), CHAINS(chain, image_chain_ref(chain)));

	(void)state;
	assert_int_equal(image->set_count, 1);
	assert_int_equal(image->chain_count, 1);
	assert_int_equal(set->references, 1);
	assert_int_equal(chain->references, 1);
	image_free(image);
}

static void a_shared_set_lives_as_long_as_its_last_image(void **state)
{
	struct image_set *set = SET("s", KEY_PORT, "1");
	struct image *older = image_of(SETS(image_set_ref(set)), NO_CHAINS);
	struct image *newer = image_of(SETS(set), NO_CHAINS);

	(void)state;
	image_free(older);
	assert_true(set_has(image_find_set(newer, "s"), "1"));
	image_free(newer);
}

static void what_memory_was_short_for_is_refused(void **state)
{
	struct image *image = image_new();
	struct image_chain *chain = image_chain_new("c", "");

	(void)state;
	chain->failed = true;
	assert_null(image_chain_rule(chain));
	assert_null(image_chain_rule(NULL));
	assert_int_equal(image_add_chain(image, chain), -ENOMEM);
	assert_int_equal(image_add_chain(image, NULL), -ENOMEM);
	assert_int_equal(image_add_set(image, NULL), -ENOMEM);
	assert_int_equal(image->set_count + image->chain_count, 0);
	image_free(image);
}

static void statements_for_a_missing_rule_go_nowhere(void **state)
{
	(void)state;
	assert_null(match_set(NULL, "s", FIELD_IN, FIELD_NONE, FIELD_NONE));
	assert_null(match_reply(count_packets(NULL)));
	give_verdict(match_in(NULL, "eth0"), VERDICT_DROP, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_has_a_type_and_every_type_a_length),
		cmocka_unit_test(fields_of_a_key_are_padded_to_four_bytes),
		cmocka_unit_test(interface_names_fill_sixteen_bytes_and_end_with_a_nul),
		cmocka_unit_test(a_finished_set_is_sorted_and_has_no_key_twice),
		cmocka_unit_test(of_equal_keys_the_first_stays_with_its_verdict_and_comment),
		cmocka_unit_test(an_interval_without_a_last_key_is_a_single_one),
		cmocka_unit_test(comments_are_cut_to_what_nft_shows),
		cmocka_unit_test(names_are_cut_and_end_with_a_nul),
		cmocka_unit_test(a_definition_is_types_flags_and_data_but_not_content),
		cmocka_unit_test(a_finished_image_finds_sets_and_chains_by_name),
		cmocka_unit_test(an_empty_image_finds_nothing),
		cmocka_unit_test(of_two_sets_or_chains_of_one_name_one_stays),
		cmocka_unit_test(a_shared_set_lives_as_long_as_its_last_image),
		cmocka_unit_test(what_memory_was_short_for_is_refused),
		cmocka_unit_test(statements_for_a_missing_rule_go_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
