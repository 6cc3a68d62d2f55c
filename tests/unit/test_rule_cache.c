/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/draw/rule_cache.h"
#include "tests/unit/images.h"
#include "tests/unit/setting.h"

#define PORT(number)                                                                               \
	"{IpProtocol: tcp, FromPort: " number ", ToPort: " number                                  \
	", IpRanges: [{CidrIp: 10.0.0.0/8}]}"
#define POLICIES                                                                                   \
	KUBERNETES(POD("a", "u1", ON("n1", "10.0.0.5")) POD("b", "u2", ON("n1", "10.0.0.6"))       \
	                   POLICY("a", "podSelector: {matchLabels: {app: a}}", "sg-a")             \
	                           POLICY("b", "podSelector: {matchLabels: {app: b}}", "sg-b"))

/* A node with pods a and b, each of its own group, and a rule cache. */
struct place {
	struct setting setting;
	struct rule_cache *cache;
	struct image *image; /* of the last rendering */
};

static int open_place(void **state)
{
	static struct place place;

	place = (struct place){.cache = rule_cache_new()};
	setting_open(&place.setting, "version: 1\nnode: {name: n1}\n");
	setting_put(&place.setting, "cluster.yaml", POLICIES);
	*state = &place;
	return place.cache != NULL ? 0 : -1;
}

static int close_place(void **state)
{
	struct place *place = *state;

	image_free(place->image);
	rule_cache_free(place->cache);
	setting_close(&place->setting);
	return 0;
}

static void ask(struct place *place, enum rules_use use, const char *first, const char *second,
                char *chain)
{
	const char *groups[] = {first, second};
	struct error err = {0};

	if (rule_cache_render(place->cache, DIRECTION_INGRESS, use, groups, second ? 2 : 1,
	                      place->image, chain, &err) < 0)
		fail_msg("%s", err.text);
}

static void begin(struct place *place)
{
	image_free(place->image);
	place->image = image_new();
	assert_non_null(place->image);
	setting_resolve(&place->setting);
	rule_cache_begin(place->cache, place->setting.resolution, place->setting.model);
}

static void end(struct place *place)
{
	image_finish(place->image);
	rule_cache_end(place->cache);
}

/* The ingress rules of both pods; returns how many rule sets were compiled for that. */
static size_t render_both(struct place *place, char a[IMAGE_NAME_MAX], char b[IMAGE_NAME_MAX])
{
	begin(place);
	ask(place, RULES_OF_BRANCH, "sg-a", NULL, a);
	ask(place, RULES_OF_BRANCH, "sg-b", NULL, b);
	end(place);
	return rule_cache_compiled(place->cache);
}

/* Keeps the image of the last rendering alive beside the next one. */
static struct image *keep(struct place *place)
{
	struct image *image = place->image;

	place->image = NULL;
	return image;
}

static size_t shared_sets(const struct image *a, const struct image *b)
{
	size_t count = 0;

	for (size_t i = 0; i < a->set_count; i++)
		count += image_find_set(b, a->sets[i]->name) == a->sets[i];
	return count;
}

static void unchanged_content_is_the_same_objects(void **state)
{
	struct place *place = *state;
	char a[IMAGE_NAME_MAX];
	char b[IMAGE_NAME_MAX];

	setting_put(&place->setting, "groups.yaml",
	            GROUPS(GROUP("sg-a", PORT("1")) GROUP("sg-b", FROM_GROUP("sg-a"))));
	assert_int_equal(render_both(place, a, b), 2);
	struct image *before = keep(place);
	assert_int_equal(render_both(place, a, b), 0);
	assert_int_equal(place->image->set_count, before->set_count);
	assert_int_equal(shared_sets(before, place->image), before->set_count);
	assert_ptr_equal(image_find_chain(place->image, a), image_find_chain(before, a));
	assert_ptr_equal(image_find_chain(place->image, b), image_find_chain(before, b));
	image_free(before);
}

static void a_document_written_again_with_the_same_rules_compiles_nothing(void **state)
{
	struct place *place = *state;
	const char *text = GROUPS(GROUP("sg-a", PORT("1")) GROUP("sg-b", PORT("2")));
	char a[IMAGE_NAME_MAX];
	char b[IMAGE_NAME_MAX];

	setting_put(&place->setting, "groups.yaml", text);
	assert_int_equal(render_both(place, a, b), 2);
	setting_put(&place->setting, "groups.yaml", text);
	assert_int_equal(render_both(place, a, b), 0);
}

static void a_changed_group_recompiles_only_what_uses_it(void **state)
{
	struct place *place = *state;
	char a[2][IMAGE_NAME_MAX];
	char b[2][IMAGE_NAME_MAX];

	setting_put(&place->setting, "groups.yaml",
	            GROUPS(GROUP("sg-a", PORT("1")) GROUP("sg-b", PORT("2"))));
	(void)render_both(place, a[0], b[0]);
	setting_put(&place->setting, "groups.yaml",
	            GROUPS(GROUP("sg-a", PORT("1")) GROUP("sg-b", PORT("3"))));
	assert_int_equal(render_both(place, a[1], b[1]), 1);
	assert_string_equal(a[1], a[0]);
	assert_string_not_equal(b[1], b[0]);
	assert_null(image_find_chain(place->image, b[0]));
}

static void what_changes_back_gets_its_old_name_back(void **state)
{
	static const char *const texts[] = {GROUPS(GROUP("sg-a", PORT("1")) GROUP("sg-b", "")),
	                                    GROUPS(GROUP("sg-a", PORT("2")) GROUP("sg-b", ""))};
	struct place *place = *state;
	char a[3][IMAGE_NAME_MAX];
	char b[IMAGE_NAME_MAX];

	for (size_t i = 0; i < 3; i++) {
		setting_put(&place->setting, "groups.yaml", texts[i % 2]);
		(void)render_both(place, a[i], b);
	}
	assert_string_not_equal(a[1], a[0]);
	assert_string_equal(a[2], a[0]);
}

static void a_prefix_lists_entries_are_content(void **state)
{
	struct place *place = *state;
	char a[2][IMAGE_NAME_MAX];
	char b[2][IMAGE_NAME_MAX];

	setting_put(
		&place->setting, "groups.yaml",
		GROUPS(GROUP("sg-a", "{IpProtocol: '-1', PrefixListIds: [{PrefixListId: pl-1}]}")
	                       GROUP("sg-b", PORT("2"))));
	for (size_t i = 0; i < 2; i++) {
		setting_put(&place->setting, "list.yaml",
		            i == 0 ? "PrefixListId: pl-1\nEntries: [{Cidr: 10.0.0.0/8}]\n"
		                   : "PrefixListId: pl-1\nEntries: [{Cidr: 10.0.0.0/9}]\n");
		assert_int_equal(render_both(place, a[i], b[i]), i == 0 ? 2 : 1);
	}
	assert_string_not_equal(a[1], a[0]);
	assert_string_equal(b[1], b[0]);
}

static void a_member_that_comes_changes_its_set_and_no_rules(void **state)
{
	struct place *place = *state;
	char a[2][IMAGE_NAME_MAX];
	char b[2][IMAGE_NAME_MAX];

	setting_put(&place->setting, "groups.yaml",
	            GROUPS(GROUP("sg-a", FROM_GROUP("sg-p")) GROUP("sg-b", FROM_GROUP("sg-q"))));
	(void)render_both(place, a[0], b[0]);
	struct image *before = keep(place);
	setting_put(&place->setting, "eni.yaml",
	            INTERFACES(INTERFACE("eni-1", IN("sg-p"), "10.1.0.1")));
	assert_int_equal(render_both(place, a[1], b[1]), 0);
	assert_string_equal(a[1], a[0]);
	assert_true(set_has(image_find_set(place->image, "members-sg-p-4"), "10.1.0.1"));
	assert_int_equal(image_find_set(before, "members-sg-p-4")->count, 0);
	assert_ptr_equal(image_find_set(place->image, "members-sg-q-4"),
	                 image_find_set(before, "members-sg-q-4"));
	image_free(before);
}

static const char with_prefix[] =
	"NetworkInterfaces:\n- {NetworkInterfaceId: eni-1, Groups: [{GroupId: sg-p}], "
	"PrivateIpAddresses: [{PrivateIpAddress: 10.1.0.1}], "
	"Ipv4Prefixes: [{Ipv4Prefix: 10.1.2.16/28}]}\n";

static void the_first_and_the_last_prefix_of_a_group_change_the_rules_that_refer_to_it(void **state)
{
	struct place *place = *state;
	char a[3][IMAGE_NAME_MAX];
	char b[3][IMAGE_NAME_MAX];

	setting_put(&place->setting, "groups.yaml",
	            GROUPS(GROUP("sg-a", FROM_GROUP("sg-p")) GROUP("sg-b", FROM_GROUP("sg-q"))));
	(void)render_both(place, a[0], b[0]);
	setting_put(&place->setting, "eni.yaml", with_prefix);
	assert_int_equal(render_both(place, a[1], b[1]), 1);
	assert_string_not_equal(a[1], a[0]);
	assert_true(
		set_has(image_find_set(place->image, "members-sg-p-net4"), "10.1.2.16-10.1.2.31"));
	setting_remove(&place->setting, "eni.yaml");
	assert_int_equal(render_both(place, a[2], b[2]), 1);
	assert_string_equal(a[2], a[0]);
	assert_null(image_find_set(place->image, "members-sg-p-net4"));
	assert_string_equal(b[2], b[0]);
}

static void the_order_of_groups_does_not_matter(void **state)
{
	struct place *place = *state;
	char first[IMAGE_NAME_MAX];
	char second[IMAGE_NAME_MAX];

	setting_put(&place->setting, "groups.yaml",
	            GROUPS(GROUP("sg-a", PORT("1")) GROUP("sg-b", PORT("9"))));
	begin(place);
	ask(place, RULES_OF_BRANCH, "sg-a", "sg-b", first);
	ask(place, RULES_OF_BRANCH, "sg-b", "sg-a", second);
	end(place);
	assert_string_equal(first, second);
	assert_int_equal(rule_cache_compiled(place->cache), 1);
	assert_int_equal(rule_cache_count(place->cache), 1);
	assert_int_equal(rule_cache_elements(place->cache), 2);
}

static void the_nodes_rules_are_others_than_a_branchs(void **state)
{
	struct place *place = *state;
	char branch[IMAGE_NAME_MAX];
	char node[IMAGE_NAME_MAX];

	setting_put(&place->setting, "groups.yaml", GROUPS(GROUP("sg-a", PORT("1"))));
	begin(place);
	ask(place, RULES_OF_BRANCH, "sg-a", NULL, branch);
	ask(place, RULES_OF_NODE, "sg-a", NULL, node);
	end(place);
	assert_int_equal(strncmp(branch, "rules-ingress-", 14), 0);
	assert_int_equal(strncmp(node, "node-ingress-", 13), 0);
	assert_int_equal(rule_cache_compiled(place->cache), 2);
}

static void unknown_groups_permit_nothing_and_the_known_ones_still_apply(void **state)
{
	struct place *place = *state;
	char known[IMAGE_NAME_MAX];
	char mixed[IMAGE_NAME_MAX];

	setting_put(&place->setting, "groups.yaml", GROUPS(GROUP("sg-a", PORT("1"))));
	begin(place);
	ask(place, RULES_OF_BRANCH, "sg-a", NULL, known);
	ask(place, RULES_OF_BRANCH, "sg-a", "sg-unknown", mixed);
	end(place);
	assert_string_equal(mixed, known);
}

static void what_is_not_asked_for_is_forgotten(void **state)
{
	struct place *place = *state;
	char a[IMAGE_NAME_MAX];
	char b[IMAGE_NAME_MAX];

	setting_put(&place->setting, "groups.yaml",
	            GROUPS(GROUP("sg-a", PORT("1")) GROUP("sg-b", PORT("2"))));
	(void)render_both(place, a, b);
	begin(place);
	ask(place, RULES_OF_BRANCH, "sg-a", NULL, a);
	end(place);
	assert_int_equal(rule_cache_count(place->cache), 1);
	assert_int_equal(render_both(place, a, b), 1);
}

#define PLACED(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(unchanged_content_is_the_same_objects),
		PLACED(a_document_written_again_with_the_same_rules_compiles_nothing),
		PLACED(a_changed_group_recompiles_only_what_uses_it),
		PLACED(what_changes_back_gets_its_old_name_back),
		PLACED(a_prefix_lists_entries_are_content),
		PLACED(a_member_that_comes_changes_its_set_and_no_rules),
		PLACED(the_first_and_the_last_prefix_of_a_group_change_the_rules_that_refer_to_it),
		PLACED(the_order_of_groups_does_not_matter),
		PLACED(the_nodes_rules_are_others_than_a_branchs),
		PLACED(unknown_groups_permit_nothing_and_the_known_ones_still_apply),
		PLACED(what_is_not_asked_for_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
