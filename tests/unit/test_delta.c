/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/images.h"
#include "tests/unit/kernel_model.h"
#include "tests/unit/random_world.h"

/* One step a word: "+set s" and the like, in order. */
static const char *step_words(const struct delta *delta)
{
	static const char *const kinds[] = {
		[DELTA_DELETE_TABLE] = "-table",
		[DELTA_ADD_TABLE] = "+table",
		[DELTA_ADD_SET] = "+set",
		[DELTA_ADD_CHAIN] = "+chain",
		[DELTA_FLUSH_CHAIN] = "flush",
		[DELTA_ADD_RULES] = "+rules",
		[DELTA_DELETE_ELEMENTS] = "-elements",
		[DELTA_ADD_ELEMENTS] = "+elements",
		[DELTA_DELETE_SET] = "-set",
		[DELTA_DELETE_CHAIN] = "-chain",
	};
	static char text[4096];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < delta->count; i++) {
		const struct delta_step *step = &delta->steps[i];
		const char *name = step->set != NULL     ? step->set->name
		                   : step->chain != NULL ? step->chain->name
		                                         : "";

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s%s",
		                         i > 0 ? ", " : "", kinds[step->kind],
		                         name[0] != '\0' ? " " : "", name);
	}
	return text;
}

/* Frees both images. */
static void assert_steps(struct image *from, struct image *to, const char *expected)
{
	struct delta *delta = NULL;

	assert_int_equal(delta_make(from, to, &delta), 0);
	assert_string_equal(step_words(delta), expected);
	delta_free(delta);
	image_free(from);
	image_free(to);
}

static void the_first_image_is_made_from_the_inside_out(void **state)
{
	(void)state;
	assert_steps(NULL,
	             image_of(SETS(SET("s", KEY_ADDRESS4, "10.0.0.1"), MAP("m", {"eni1", "x"})),
	                      CHAINS(chain_of("hook", "@m"), chain_of("x", "drop"))),
	             "+table, +set m, +set s, +elements s, +chain hook, +chain x, +rules hook, "
	             "+rules x, +elements m");
}

static void an_image_of_nothing_is_an_empty_table(void **state)
{
	(void)state;
	assert_steps(NULL, image_of(NO_SETS, NO_CHAINS), "+table");
}

static void a_table_that_is_not_there_is_made(void **state)
{
	struct image *from = image_new();

	(void)state;
	assert_steps(from, image_of(SETS(SET("s", KEY_PORT, "1")), NO_CHAINS),
	             "+table, +set s, +elements s");
}

static void a_table_that_is_not_to_be_is_deleted_once(void **state)
{
	(void)state;
	assert_steps(image_of(SETS(SET("s", KEY_PORT, "1")), NO_CHAINS), image_new(), "-table");
	assert_steps(image_new(), image_new(), "");
	assert_steps(NULL, image_new(), "");
}

static void equal_images_need_no_step(void **state)
{
	struct image *image =
		image_of(SETS(SET("s", KEY_ADDRESS4, "10.0.0.1"), MAP("m", {"eni1", "x"})),
	                 CHAINS(chain_of("x", "drop")));

	(void)state;
	assert_steps(image_copy(image, false), image, "");
}

static void a_member_that_comes_is_one_element(void **state)
{
	struct image *from =
		image_of(SETS(SET("s", KEY_ADDRESS4, "10.0.0.1", "10.0.0.3")), NO_CHAINS);
	struct image *to = image_of(
		SETS(SET("s", KEY_ADDRESS4, "10.0.0.1", "10.0.0.2", "10.0.0.3")), NO_CHAINS);
	struct delta *delta = NULL;

	(void)state;
	assert_int_equal(delta_make(from, to, &delta), 0);
	assert_string_equal(step_words(delta), "+elements s");
	assert_int_equal(delta->steps[0].count, 1);
	assert_int_equal(delta->steps[0].indexes[0], 1);
	assert_int_equal(delta->elements_added, 1);
	assert_int_equal(delta->elements_deleted, 0);
	delta_free(delta);
	image_free(from);
	image_free(to);
}

static void a_member_that_goes_is_one_element(void **state)
{
	struct image *from =
		image_of(SETS(SET("s", KEY_ADDRESS4, "10.0.0.1", "10.0.0.2")), NO_CHAINS);
	struct image *to = image_of(SETS(SET("s", KEY_ADDRESS4, "10.0.0.2")), NO_CHAINS);
	struct delta *delta = NULL;

	(void)state;
	assert_int_equal(delta_make(from, to, &delta), 0);
	assert_string_equal(step_words(delta), "-elements s");
	assert_int_equal(delta->elements_added, 0);
	assert_int_equal(delta->elements_deleted, 1);
	delta_free(delta);
	image_free(from);
	image_free(to);
}

static void a_range_of_another_length_is_another_element(void **state)
{
	(void)state;
	assert_steps(image_of(SETS(INTERVALS("s", KEY_ADDRESS4, "10.0.0.0-10.0.0.15")), NO_CHAINS),
	             image_of(SETS(INTERVALS("s", KEY_ADDRESS4, "10.0.0.0-10.0.0.31")), NO_CHAINS),
	             "-elements s, +elements s");
}

static void an_interface_that_leads_elsewhere_is_deleted_before_it_is_added(void **state)
{
	(void)state;
	assert_steps(image_of(SETS(MAP("m", {"eni1", "x"}, {"eni2", "x"})),
	                      CHAINS(chain_of("x", "drop"))),
	             image_of(SETS(MAP("m", {"eni1", "y"}, {"eni2", "x"})),
	                      CHAINS(chain_of("x", "drop"), chain_of("y", "drop"))),
	             "+chain y, +rules y, -elements m, +elements m");
}

static void
a_changed_rule_set_is_built_before_it_is_swapped_in_and_the_old_one_goes_last(void **state)
{
	(void)state;
	assert_steps(image_of(SETS(MAP("m", {"eni1", "old"}), SET("old-ports", KEY_PORT, "1")),
	                      CHAINS(chain_of("old", "@old-ports"))),
	             image_of(SETS(MAP("m", {"eni1", "new"}), SET("new-ports", KEY_PORT, "2")),
	                      CHAINS(chain_of("new", "@new-ports"))),
	             "+set new-ports, +elements new-ports, +chain new, +rules new, -elements m, "
	             "+elements m, flush old, -set old-ports, -chain old");
}

static void a_chain_with_other_rules_is_rewritten_in_place(void **state)
{
	(void)state;
	assert_steps(image_of(NO_SETS, CHAINS(chain_of("x", "drop"), chain_of("y", "drop"))),
	             image_of(NO_SETS, CHAINS(chain_of("x", "drop\ndrop"), chain_of("y", "drop"))),
	             "flush x, +rules x");
}

static void a_chain_that_loses_all_rules_is_flushed(void **state)
{
	(void)state;
	assert_steps(image_of(NO_SETS, CHAINS(chain_of("x", "drop"))),
	             image_of(NO_SETS, CHAINS(chain_of("x", ""))), "flush x");
}

static void chains_that_go_are_all_flushed_before_any_is_deleted(void **state)
{
	(void)state;
	assert_steps(image_of(NO_SETS, CHAINS(chain_of("a", "goto b"), chain_of("b", "goto a"))),
	             image_of(NO_SETS, NO_CHAINS), "flush a, flush b, -chain a, -chain b");
}

static void a_set_of_another_definition_replaces_the_table(void **state)
{
	(void)state;
	assert_steps(image_of(SETS(SET("s", KEY_PORT, "1")), CHAINS(chain_of("x", "drop"))),
	             image_of(SETS(INTERVALS("s", KEY_PORT, "1")), CHAINS(chain_of("x", "drop"))),
	             "-table, +table, +set s, +elements s, +chain x, +rules x");
}

static void a_chain_of_another_hook_or_priority_replaces_the_table(void **state)
{
	(void)state;
	for (int changed = 0; changed < 2; changed++) {
		struct image_chain *before = chain_of("x", "");
		struct image_chain *after = chain_of("x", "");

		before->hook = HOOK_FORWARD;
		after->hook = changed == 0 ? HOOK_INPUT : HOOK_FORWARD;
		after->priority = changed == 0 ? 0 : 10;
		assert_steps(image_of(NO_SETS, CHAINS(before)), image_of(NO_SETS, CHAINS(after)),
		             "-table, +table, +chain x");
	}
}

static void a_table_that_holds_something_foreign_is_replaced(void **state)
{
	struct image *from = image_of(NO_SETS, CHAINS(chain_of("x", "drop")));

	(void)state;
	from->foreign = true;
	assert_steps(from, image_of(NO_SETS, CHAINS(chain_of("x", "drop"))),
	             "-table, +table, +chain x, +rules x");
}

static void an_orphan_is_adopted_as_it_is(void **state)
{
	struct image *from = image_of(NO_SETS, CHAINS(chain_of("x", "drop")));

	(void)state;
	from->orphan = true;
	assert_steps(from, image_of(NO_SETS, CHAINS(chain_of("x", "drop"))), "+table");
}

/* The kernel refuses a new base chain in the transaction that adopts the table. */
static void an_orphan_that_lacks_a_base_chain_is_replaced(void **state)
{
	struct image *from = image_of(NO_SETS, CHAINS(chain_of("x", "drop")));
	struct image_chain *base = chain_of("y", "drop");

	(void)state;
	from->orphan = true;
	base->hook = HOOK_PREROUTING_NAT;
	assert_steps(from, image_of(NO_SETS, CHAINS(chain_of("x", "drop"), base)),
	             "-table, +table, +chain x, +chain y, +rules x, +rules y");
}

static void what_both_images_share_is_not_compared(void **state)
{
	struct image_set *set = SET("s", KEY_PORT, "1");
	struct image_chain *chain = chain_of("x", "drop");

	(void)state;
	assert_steps(image_of(SETS(image_set_ref(set)), CHAINS(image_chain_ref(chain))),
	             image_of(SETS(set), CHAINS(chain)), "");
}

/* Random images */

#define NAMES 8
#define WORDS 12
#define ROUNDS 3000

static uint64_t seed;
static uint64_t random_state;

static unsigned choose(unsigned count)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(random_state >> 33) % count;
}

static struct image_set *random_set(unsigned number)
{
	const char *words[WORDS + 1] = {NULL};
	char texts[WORDS][32];
	char name[32];
	unsigned count = 0;
	/* Now and then the definition changes, and with it the whole table. */
	bool interval = (number % 2 == 0) != (choose(40) == 0);

	(void)snprintf(name, sizeof(name), "set%u", number);
	for (unsigned i = 0; i < WORDS; i++) {
		if (choose(2) == 0)
			continue;
		(void)snprintf(texts[count], sizeof(texts[count]), "10.0.%u.0-10.0.%u.%u", i, i,
		               interval ? choose(2) : 0);
		words[count] = texts[count];
		count++;
	}
	return set_of(name, KEY_ADDRESS4, interval, words);
}

/* The numbers of the chains that an image has are bits. */
static struct image_set *random_map(unsigned number, unsigned chains)
{
	const char *elements[WORDS + 1][2] = {{NULL}};
	char interfaces[WORDS][16];
	char targets[WORDS][16];
	char name[32];
	unsigned count = 0;

	(void)snprintf(name, sizeof(name), "map%u", number);
	for (unsigned i = 0; i < WORDS; i++) {
		unsigned target = choose(NAMES);

		if ((chains & 1U << target) == 0)
			continue;
		(void)snprintf(interfaces[count], sizeof(interfaces[count]), "eni%u", i);
		(void)snprintf(targets[count], sizeof(targets[count]), "chain%u", target);
		elements[count][0] = interfaces[count];
		elements[count][1] = targets[count];
		count++;
	}
	return map_of(name, elements);
}

/* Rules name what the image has: its maps and, so that there is no loop, chains of higher numbers.
 */
static void random_rule(unsigned number, unsigned chains, unsigned maps, char *line, size_t size)
{
	unsigned target = choose(NAMES);

	if (target > number && (chains & 1U << target) != 0)
		(void)snprintf(line, size, "%s chain%u", choose(2) == 0 ? "jump" : "goto", target);
	else if ((maps & 1U << target) != 0)
		(void)snprintf(line, size, "@map%u", target);
	else
		(void)snprintf(line, size, "drop");
}

static struct image_chain *random_chain(unsigned number, unsigned chains, unsigned maps)
{
	char rules[256] = "";
	char name[32];
	size_t used = 0;

	(void)snprintf(name, sizeof(name), "chain%u", number);
	for (unsigned wanted = choose(4); wanted > 0; wanted--) {
		random_rule(number, chains, maps, rules + used, sizeof(rules) - used - 1);
		used = strlen(rules);
		rules[used++] = '\n';
		rules[used] = '\0';
	}
	return chain_of(name, rules);
}

static struct image *random_image(void)
{
	struct image *image = image_new();
	unsigned chains = choose(1U << NAMES);
	unsigned maps = choose(1U << NAMES);

	image->present = true;
	for (unsigned i = 0; i < NAMES; i++) {
		if (choose(3) > 0)
			assert_int_equal(image_add_set(image, random_set(i)), 0);
		if ((maps & 1U << i) != 0)
			assert_int_equal(image_add_set(image, random_map(i, chains)), 0);
		if ((chains & 1U << i) != 0)
			assert_int_equal(image_add_chain(image, random_chain(i, chains, maps)), 0);
	}
	image_finish(image);
	return image;
}

static size_t elements_not_in(const struct image *image, const struct image *other)
{
	size_t count = 0;

	for (size_t i = 0; i < image->set_count; i++) {
		const struct image_set *set = image->sets[i];
		const struct image_set *same = image_find_set(other, set->name);

		for (size_t j = 0; j < set->count; j++) {
			bool found = false;

			for (size_t k = 0; same != NULL && !found && k < same->count; k++)
				found = memcmp(image_set_key(set, j), image_set_key(same, k),
				               image_set_stride(set)) == 0 &&
				        (set->verdicts == NULL ||
				         strcmp(set->verdicts[j].chain, same->verdicts[k].chain) ==
				                 0);
			count += !found;
		}
	}
	return count;
}

static bool replaces_the_table(const struct delta *delta)
{
	return delta->count > 0 && delta->steps[0].kind == DELTA_DELETE_TABLE;
}

/* Elements of sets that go whole need no deletion of their own. */
static size_t elements_to_delete(const struct image *from, const struct image *to)
{
	size_t count = elements_not_in(from, to);

	for (size_t i = 0; i < from->set_count; i++)
		if (image_find_set(to, from->sets[i]->name) == NULL)
			count -= from->sets[i]->count;
	return count;
}

static void random_deltas_are_taken_and_give_the_wanted_image_with_no_element_too_many(void **state)
{
	struct kernel_model *kernel = kernel_model_new();
	struct image *from = NULL;
	size_t replaced = 0;

	(void)state;
	random_state = seed;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct image *to = random_image();
		struct image *read = from != NULL ? image_copy(from, choose(2) == 0) : NULL;
		struct delta *delta = NULL;

		assert_int_equal(delta_make(read, to, &delta), 0);
		const char *refused = kernel_model_apply(kernel, delta);
		if (refused == NULL)
			refused = kernel_model_differs(kernel, to);
		if (refused != NULL)
			fail_msg("round %u: %s\n%s", round, refused, step_words(delta));
		replaced += replaces_the_table(delta);
		if (from != NULL && !replaces_the_table(delta)) {
			assert_int_equal(delta->elements_added, elements_not_in(to, from));
			assert_int_equal(delta->elements_deleted, elements_to_delete(from, to));
		}
		delta_free(delta);
		image_free(read);
		image_free(from);
		from = to;
	}
	print_message("%d images, %zu replaced the table\n", ROUNDS, replaced);
	image_free(from);
	kernel_model_free(kernel);
}

/* Some of so many addresses; one in `rare` is left out. */
static struct image *image_of_most(unsigned addresses, unsigned rare)
{
	enum key_type type = KEY_ADDRESS4;
	struct image_set *set = image_set_new("s", &type, 1, DATA_NONE);

	assert_non_null(set);
	for (unsigned i = 0; i < addresses; i++) {
		const uint8_t key[IMAGE_KEY_MAX] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};
		if (choose(rare) != 0)
			assert_int_equal(image_set_add(set, key, NULL, NULL, NULL), 0);
	}
	assert_int_equal(image_set_finish(set), 0);
	return image_of(SETS(set), NO_CHAINS);
}

static void of_many_elements_exactly_those_that_differ_are_steps(void **state)
{
	(void)state;
	random_state = seed;
	for (unsigned round = 0; round < ROUNDS / 4; round++) {
		unsigned addresses = choose(600);
		struct kernel_model *kernel = kernel_model_new();
		struct image *from = image_of_most(addresses, 2 + choose(200));
		struct image *to = image_of_most(addresses, 2 + choose(200));
		struct delta *first = NULL;
		struct delta *delta = NULL;

		assert_int_equal(delta_make(NULL, from, &first), 0);
		assert_int_equal(delta_make(from, to, &delta), 0);
		assert_null(kernel_model_apply(kernel, first));
		assert_null(kernel_model_apply(kernel, delta));
		assert_null(kernel_model_differs(kernel, to));
		assert_int_equal(delta->elements_added, elements_not_in(to, from));
		assert_int_equal(delta->elements_deleted, elements_not_in(from, to));
		delta_free(first);
		delta_free(delta);
		image_free(from);
		image_free(to);
		kernel_model_free(kernel);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_image_is_made_from_the_inside_out),
		cmocka_unit_test(an_image_of_nothing_is_an_empty_table),
		cmocka_unit_test(a_table_that_is_not_there_is_made),
		cmocka_unit_test(a_table_that_is_not_to_be_is_deleted_once),
		cmocka_unit_test(equal_images_need_no_step),
		cmocka_unit_test(a_member_that_comes_is_one_element),
		cmocka_unit_test(a_member_that_goes_is_one_element),
		cmocka_unit_test(a_range_of_another_length_is_another_element),
		cmocka_unit_test(an_interface_that_leads_elsewhere_is_deleted_before_it_is_added),
		cmocka_unit_test(
			a_changed_rule_set_is_built_before_it_is_swapped_in_and_the_old_one_goes_last),
		cmocka_unit_test(a_chain_with_other_rules_is_rewritten_in_place),
		cmocka_unit_test(a_chain_that_loses_all_rules_is_flushed),
		cmocka_unit_test(chains_that_go_are_all_flushed_before_any_is_deleted),
		cmocka_unit_test(a_set_of_another_definition_replaces_the_table),
		cmocka_unit_test(a_chain_of_another_hook_or_priority_replaces_the_table),
		cmocka_unit_test(a_table_that_holds_something_foreign_is_replaced),
		cmocka_unit_test(an_orphan_is_adopted_as_it_is),
		cmocka_unit_test(an_orphan_that_lacks_a_base_chain_is_replaced),
		cmocka_unit_test(what_both_images_share_is_not_compared),
		cmocka_unit_test(of_many_elements_exactly_those_that_differ_are_steps),
		cmocka_unit_test(
			random_deltas_are_taken_and_give_the_wanted_image_with_no_element_too_many),
	};

	seed = random_begin();
	print_message("PODSG_SEED=%" PRIu64 "\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
