/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/source/live_sources.h"
#include "tests/unit/documents.h"
#include "tests/unit/setting.h"

/* A source that does what the test says. It is on where the configuration has an EC2 region. */
struct fake {
	bool refuses;
	bool synced;
	unsigned opened, closed, wants;
	char region[16];
	char groups[64]; /* wanted last */
};

static struct fake fake;

static bool fake_enabled(const struct config *config)
{
	return config->ec2.enabled;
}

static bool fake_same(const void *source, const struct config *config)
{
	assert_ptr_equal(source, &fake);
	return strcmp(fake.region, config->ec2.region) == 0;
}

static int fake_open(uv_loop_t *loop, const struct config *config, struct model *model,
                     void (*changed)(void *context), void *context, void **ret, struct error *err)
{
	(void)loop;
	(void)model;
	(void)changed;
	(void)context;
	if (fake.refuses)
		return error_set(err, -ENOENT, "no credentials");
	fake.opened++;
	(void)snprintf(fake.region, sizeof(fake.region), "%s", config->ec2.region);
	*ret = &fake;
	return 0;
}

static void fake_close(void *source)
{
	assert_ptr_equal(source, &fake);
	fake.closed++;
}

static bool fake_synced(const void *source)
{
	assert_ptr_equal(source, &fake);
	return fake.synced;
}

static size_t fake_status(const void *source, struct source_status *ret, size_t max)
{
	assert_ptr_equal(source, &fake);
	assert_true(max >= 2);
	ret[0] = (struct source_status){.source = "fake", .what = "groups", .synced = true};
	ret[1] = (struct source_status){.source = "fake", .what = "members", .error = "throttled"};
	return 2;
}

static void fake_want(void *source, const struct wanted *wanted)
{
	assert_ptr_equal(source, &fake);
	fake.wants++;
	fake.groups[0] = '\0';
	for (size_t i = 0; i < wanted->groups.count; i++)
		(void)snprintf(fake.groups + strlen(fake.groups),
		               sizeof(fake.groups) - strlen(fake.groups), "%s%s", i > 0 ? " " : "",
		               wanted->groups.ids[i]);
}

static const struct live_kind fake_kind = {
	.name = "fake",
	.enabled = fake_enabled,
	.same = fake_same,
	.open = fake_open,
	.close = fake_close,
	.synced = fake_synced,
	.status = fake_status,
	.want = fake_want,
};
static const struct live_kind *const kinds[] = {&fake_kind, NULL};

#define OFF "version: 1\nnode: {name: n1}\n"
#define ON_IN(region) OFF "sources: {ec2: {region: " region "}}\n"

struct place {
	struct setting setting;
	struct live_sources live;
	unsigned changes;
};

static void count_change(void *context)
{
	struct place *place = context;

	place->changes++;
}

static int open_place(void **state)
{
	static struct place place;

	place = (struct place){.changes = 0};
	fake = (struct fake){.refuses = false};
	setting_open(&place.setting, OFF);
	live_sources_init(&place.live, kinds, NULL, place.setting.model, count_change, &place);
	*state = &place;
	return 0;
}

static int close_place(void **state)
{
	struct place *place = *state;

	live_sources_close(&place->live);
	setting_close(&place->setting);
	return 0;
}

static void configure(struct place *place, const char *text)
{
	setting_configure(&place->setting, text);
	live_sources_configure(&place->live, place->setting.config);
}

static void what_is_off_is_not_opened_and_not_waited_for(void **state)
{
	struct place *place = *state;

	configure(place, OFF);
	assert_int_equal(fake.opened, 0);
	assert_true(live_sources_synced(&place->live));
}

static void what_is_on_is_opened_once_and_waited_for(void **state)
{
	struct place *place = *state;

	configure(place, ON_IN("a"));
	live_sources_configure(&place->live, place->setting.config);
	assert_int_equal(fake.opened, 1);
	assert_false(live_sources_synced(&place->live));
	fake.synced = true;
	assert_true(live_sources_synced(&place->live));
	live_sources_close(&place->live);
	assert_int_equal(fake.closed, 1);
}

static void what_cannot_be_opened_is_tried_again_and_waited_for(void **state)
{
	struct place *place = *state;

	fake.refuses = true;
	configure(place, ON_IN("a"));
	assert_false(live_sources_synced(&place->live));
	fake.refuses = false;
	fake.synced = true;
	live_sources_configure(&place->live, place->setting.config);
	assert_int_equal(fake.opened, 1);
	assert_true(live_sources_synced(&place->live));
}

static void another_configuration_opens_it_anew_and_the_same_does_not(void **state)
{
	struct place *place = *state;
	struct config *first;
	struct config *second = NULL;
	struct error err = {0};

	configure(place, ON_IN("a"));
	first = place->setting.config;
	assert_true(live_sources_use(&place->live, first));
	assert_int_equal(config_parse("c", ON_IN("a"), strlen(ON_IN("a")), &second, &err), 0);
	live_sources_configure(&place->live, second);
	assert_int_equal(fake.opened, 1);
	/* It still goes by the one that it was opened with. */
	assert_true(live_sources_use(&place->live, first));
	assert_false(live_sources_use(&place->live, second));
	config_free(second);

	assert_int_equal(config_parse("c", ON_IN("b"), strlen(ON_IN("b")), &second, &err), 0);
	live_sources_configure(&place->live, second);
	assert_int_equal(fake.opened, 2);
	assert_int_equal(fake.closed, 1);
	assert_true(live_sources_use(&place->live, second));
	live_sources_close(&place->live);
	config_free(second);
}

struct seen {
	unsigned count;
	struct source_status first;
	struct source_status last;
};

static void see(void *context, const struct source_status *status)
{
	struct seen *seen = context;

	if (seen->count++ == 0)
		seen->first = *status;
	seen->last = *status;
}

static void what_cannot_take_its_place_leaves_it_open_and_says_why(void **state)
{
	struct place *place = *state;
	struct config *first;
	struct config *second = NULL;
	struct error err = {0};
	struct seen seen = {0};

	configure(place, ON_IN("a"));
	first = place->setting.config;
	fake.synced = true;
	fake.refuses = true;
	assert_int_equal(config_parse("c", ON_IN("b"), strlen(ON_IN("b")), &second, &err), 0);
	live_sources_configure(&place->live, second);
	assert_int_equal(fake.closed, 0);
	assert_true(live_sources_use(&place->live, first));
	assert_true(live_sources_synced(&place->live));
	live_sources_each(&place->live, see, &seen);
	assert_int_equal(seen.count, 3);
	assert_string_equal(seen.first.what, "configuration");
	assert_string_equal(seen.first.error, "no credentials");
	assert_true(seen.first.synced && !seen.first.current && seen.first.fresh > 0);

	live_sources_configure(&place->live, first);
	seen = (struct seen){0};
	live_sources_each(&place->live, see, &seen);
	assert_int_equal(seen.count, 2);
	config_free(second);
}

static void what_is_turned_off_is_forgotten_and_only_that(void **state)
{
	struct place *place = *state;

	configure(place, ON_IN("a"));
	setting_put(&place->setting, "fake/one", GROUPS(GROUP("sg-1", "")));
	setting_put(&place->setting, "fake/two", GROUPS(GROUP("sg-2", "")));
	setting_put(&place->setting, "fakes.yaml", GROUPS(GROUP("sg-3", "")));
	setting_put(&place->setting, "/d/fake/x", GROUPS(GROUP("sg-4", "")));
	live_sources_close(&place->live);
	assert_int_equal(model_document_count(place->setting.model), 4);
	assert_int_equal(place->changes, 0);

	configure(place, ON_IN("a"));
	configure(place, OFF);
	assert_int_equal(model_document_count(place->setting.model), 2);
	assert_null(model_group(place->setting.model, "sg-1"));
	assert_non_null(model_group(place->setting.model, "sg-3"));
	assert_int_equal(place->changes, 1);
	assert_true(live_sources_synced(&place->live));
}

static void each_resolution_tells_what_is_wanted(void **state)
{
	struct place *place = *state;

	configure(place, ON_IN("a"));
	setting_put(&place->setting, "cluster",
	            KUBERNETES(POD("p", "u", ON("n1", "10.0.0.5"))
	                               POLICY("q", "podSelector: {}", "sg-2, sg-1")));
	setting_resolve(&place->setting);
	assert_int_equal(live_sources_want(&place->live, place->setting.resolution), 0);
	assert_string_equal(fake.groups, "sg-1 sg-2");
}

static void opening_says_that_somebody_does_not_know_yet_what_is_wanted(void **state)
{
	struct place *place = *state;

	configure(place, ON_IN("a"));
	assert_false(live_sources_configure(&place->live, place->setting.config));
	fake_kind.close(place->live.sources[0].source);
	place->live.sources[0].source = NULL;
	assert_true(live_sources_configure(&place->live, place->setting.config));
}

static void each_thing_that_a_source_follows_is_shown(void **state)
{
	struct place *place = *state;
	struct seen seen = {0};

	live_sources_each(NULL, see, &seen);
	live_sources_each(&place->live, see, &seen);
	assert_int_equal(seen.count, 0);
	configure(place, ON_IN("a"));
	live_sources_each(&place->live, see, &seen);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.last.error, "throttled");
}

static void a_source_that_is_not_open_says_why(void **state)
{
	struct place *place = *state;
	struct seen seen = {0};

	fake.refuses = true;
	configure(place, ON_IN("a"));
	live_sources_each(&place->live, see, &seen);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.last.source, "fake");
	assert_string_equal(seen.last.error, "no credentials");
	assert_false(seen.last.synced);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)
	const struct CMUnitTest tests[] = {
		IN_PLACE(what_is_off_is_not_opened_and_not_waited_for),
		IN_PLACE(what_is_on_is_opened_once_and_waited_for),
		IN_PLACE(what_cannot_be_opened_is_tried_again_and_waited_for),
		IN_PLACE(another_configuration_opens_it_anew_and_the_same_does_not),
		IN_PLACE(what_cannot_take_its_place_leaves_it_open_and_says_why),
		IN_PLACE(what_is_turned_off_is_forgotten_and_only_that),
		IN_PLACE(each_resolution_tells_what_is_wanted),
		IN_PLACE(opening_says_that_somebody_does_not_know_yet_what_is_wanted),
		IN_PLACE(each_thing_that_a_source_follows_is_shown),
		IN_PLACE(a_source_that_is_not_open_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
