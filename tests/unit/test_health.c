/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "nft-sync/answer/health.h"
#include "tests/unit/setting.h"

/* A live source of one thing. */
static struct source_status live_status;

static size_t show_status(const void *source, struct source_status *ret, size_t max)
{
	(void)source;
	(void)max;
	ret[0] = live_status;
	return 1;
}

static const struct live_kind live_kind = {.name = "ec2", .status = show_status};

struct place {
	struct setting setting;
	struct sync sync;
	struct live_sources live;
	struct image *image;
	char directory[32];
	char *text;
};

/* Everything as it should be. */
static int open_place(void **state)
{
	static struct place place;

	live_status = (struct source_status){
		.source = "ec2", .what = "groups", .synced = true, .current = true};
	place = (struct place){.directory = "/tmp/podsg-health-XXXXXX", .image = image_new()};
	place.live = (struct live_sources){
		.sources = {{.kind = &live_kind, .source = &live_status}}, .count = 1};
	if (mkdtemp(place.directory) == NULL || place.image == NULL)
		return -1;
	setting_open(&place.setting, "version: 1\nnode: {name: n1}\n");
	setting_resolve(&place.setting);
	place.sync = (struct sync){.config = place.setting.config,
	                           .model = place.setting.model,
	                           .resolution = place.setting.resolution,
	                           .live = &place.live,
	                           .image = place.image};
	*state = &place;
	return source_files_open(place.directory, "", &place.sync.files, NULL);
}

static int close_place(void **state)
{
	struct place *place = *state;

	free(place->text);
	source_files_close(place->sync.files);
	image_free(place->image);
	setting_close(&place->setting);
	return access(place->directory, F_OK) == 0 ? rmdir(place->directory) : 0;
}

static const char *text_of(struct place *place, bool *healthy)
{
	free(place->text);
	place->text = health_text(&place->sync, healthy);
	assert_non_null(place->text);
	return place->text;
}

static void assert_healthy(struct place *place, const char *expected)
{
	bool healthy;

	assert_string_equal(text_of(place, &healthy), expected);
	assert_true(healthy);
}

static void assert_ill(struct place *place, const char *expected)
{
	bool healthy;

	assert_string_equal(text_of(place, &healthy), expected);
	assert_false(healthy);
}

static void all_is_well(void **state)
{
	assert_healthy(*state, "ok\n");
}

static void nothing_committed_yet_is_a_failure(void **state)
{
	struct place *place = *state;

	place->sync.image = NULL;
	assert_ill(place,
	           "failed: nothing has been committed yet; strict pods closed at boot stay so "
	           "(podsg-nft-sync --clean-up opens them)\n");
}

static void a_kernel_that_is_not_as_it_should_be_is_a_failure(void **state)
{
	struct place *place = *state;

	error_set(&place->sync.history.error, -EPERM, "table podsg: not permitted");
	assert_ill(place, "failed: not in force: table podsg: not permitted\n");
}

static void a_source_that_was_never_read_is_a_failure(void **state)
{
	live_status.synced = false;
	live_status.current = false;
	assert_ill(*state, "failed: ec2: groups: not read yet\n");
	(void)snprintf(live_status.error, sizeof(live_status.error), "no credentials");
	assert_ill(*state, "failed: ec2: groups: not read yet: no credentials\n");
}

static void a_stale_source_is_a_warning_with_its_age(void **state)
{
	struct place *place = *state;
	bool healthy;
	const char *text;

	live_status.current = false;
	live_status.fresh = time(NULL) - 90;
	(void)snprintf(live_status.error, sizeof(live_status.error), "throttled");
	text = text_of(place, &healthy);
	assert_true(healthy);
	assert_non_null(strstr(text, "ok\nwarning: ec2: groups: as of 9"));
	assert_non_null(strstr(text, " seconds ago: throttled\n"));
}

static void what_the_server_does_not_know_is_no_news(void **state)
{
	live_status.synced = false;
	live_status.current = false;
	live_status.absent = true;
	assert_healthy(*state, "ok\n");
}

static void what_the_last_good_version_stands_for_is_a_warning(void **state)
{
	struct place *place = *state;

	error_set(&place->sync.history.config_error, -EINVAL, "podsg.yaml:3: unknown key");
	error_set(&place->sync.history.branches_error, -EROFS, "branches.json: read-only");
	assert_healthy(place, "ok\n"
	                      "warning: the configuration in force is an earlier one: "
	                      "podsg.yaml:3: unknown key\n"
	                      "warning: branches.json: read-only\n");
}

static void a_directory_that_is_gone_is_a_warning(void **state)
{
	struct place *place = *state;
	bool healthy;
	bool changed;

	assert_int_equal(rmdir(place->directory), 0);
	(void)source_files_read(place->sync.files, place->setting.model, &changed, NULL);
	assert_non_null(strstr(text_of(place, &healthy), place->directory));
	assert_true(healthy);
}

static void what_the_hooks_left_is_a_warning(void **state)
{
	struct place *place = *state;
	struct unfiltered unfiltered = {.namespace = "ns", .pod = "web"};

	place->sync.history.clean_ups.open = 2;
	error_set(&place->sync.history.clean_ups.error, -EROFS, "journal: read-only");
	place->setting.resolution->unfiltered = &unfiltered;
	place->setting.resolution->unfiltered_count = 1;
	assert_healthy(place, "ok\n"
	                      "warning: 2 sandboxes that are gone are not cleaned up: journal: "
	                      "read-only\n"
	                      "warning: pod ns/web runs unfiltered\n");
}

static void failures_come_before_warnings(void **state)
{
	struct place *place = *state;

	error_set(&place->sync.history.config_error, -EINVAL, "c");
	error_set(&place->sync.history.error, -EPERM, "k");
	live_status.synced = false;
	assert_ill(place, "failed: not in force: k\n"
	                  "failed: ec2: groups: not read yet\n"
	                  "warning: the configuration in force is an earlier one: c\n");
}

static void the_line_has_what_matters_most_in_front(void **state)
{
	struct place *place = *state;
	char line[512];

	assert_string_equal(health_line(&place->sync, line, sizeof(line)),
	                    "0 interfaces open, 0 closed, 0 claimed; 0 commits");
	place->sync.history.commits = 3;
	place->sync.history.commit_milliseconds = 5.12;
	assert_string_equal(
		health_line(&place->sync, line, sizeof(line)),
		"0 interfaces open, 0 closed, 0 claimed; 3 commits, the last took 5.1 ms");
	error_set(&place->sync.history.error, -EPERM, "k");
	assert_non_null(strstr(health_line(&place->sync, line, sizeof(line)),
	                       "not in force: k; 0 interfaces open"));
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)
	const struct CMUnitTest tests[] = {
		IN_PLACE(all_is_well),
		IN_PLACE(nothing_committed_yet_is_a_failure),
		IN_PLACE(a_kernel_that_is_not_as_it_should_be_is_a_failure),
		IN_PLACE(a_source_that_was_never_read_is_a_failure),
		IN_PLACE(a_stale_source_is_a_warning_with_its_age),
		IN_PLACE(what_the_server_does_not_know_is_no_news),
		IN_PLACE(what_the_last_good_version_stands_for_is_a_warning),
		IN_PLACE(a_directory_that_is_gone_is_a_warning),
		IN_PLACE(what_the_hooks_left_is_a_warning),
		IN_PLACE(failures_come_before_warnings),
		IN_PLACE(the_line_has_what_matters_most_in_front),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
