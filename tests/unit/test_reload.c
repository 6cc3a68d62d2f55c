/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "nft-sync/reload.h"

#define PATH_SIZE 64

/* A configuration, two directories of documents, and what was read from them. */
struct place {
	char directory[PATH_SIZE];
	char path[PATH_SIZE + 16];
	char first[PATH_SIZE + 16];
	char second[PATH_SIZE + 16];
	struct configs configs;
	struct sync sync;
};

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void write_document(const char *directory, const char *name, const char *text)
{
	char path[2 * PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	write_file(path, text);
}

/* more: further lines of the file. */
static void write_config(struct place *place, const char *directory, const char *more)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
	               "version: 1\nnode: {name: n1}\nsources: {files: {directory: %s}}\n%s",
	               directory, more);
	write_file(place->path, text);
}

static int open_place(void **state)
{
	static struct place place;
	struct config *config = NULL;
	struct error err = {0};
	bool changed;

	place = (struct place){.directory = "/tmp/podsg-reload-XXXXXX"};
	if (mkdtemp(place.directory) == NULL)
		return -1;
	(void)snprintf(place.path, sizeof(place.path), "%s/podsg.yaml", place.directory);
	(void)snprintf(place.first, sizeof(place.first), "%s/first", place.directory);
	(void)snprintf(place.second, sizeof(place.second), "%s/second", place.directory);
	*state = &place;
	if (mkdir(place.first, 0700) < 0 || mkdir(place.second, 0700) < 0)
		return -1;
	write_document(place.first, "a.yaml", "SecurityGroups: [{GroupId: sg-1}]\n");
	write_document(place.second, "b.yaml", "SecurityGroups: [{GroupId: sg-2}]\n");
	write_config(&place, place.first, "");
	if (config_load(place.path, &config, &err) < 0)
		return -1;
	configs_init(&place.configs, place.path, config);
	if (sync_open(&place.sync, config, false, &err) < 0)
		return -1;
	return sync_read_files(&place.sync, &changed, &err);
}

static int close_place(void **state)
{
	struct place *place = *state;
	char command[PATH_SIZE + 16];

	sync_close(&place->sync);
	configs_free(&place->configs);
	(void)snprintf(command, sizeof(command), "rm -r %s", place->directory);
	return system(command); /* NOLINT(cert-env33-c): a path of our own */
}

static void assert_reloads(struct place *place)
{
	struct error err = {0};

	if (configs_reload(&place->configs, &place->sync, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(place->sync.history.config_error.code, 0);
}

/* Refused, with this in the message; what was in force still is. */
static void assert_refuses(struct place *place, const char *part)
{
	const struct config *before = place->sync.config;
	struct error err = {0};

	assert_true(configs_reload(&place->configs, &place->sync, &err) < 0);
	if (strstr(err.text, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, err.text);
	assert_string_equal(place->sync.history.config_error.text, err.text);
	assert_ptr_equal(place->sync.config, before);
	assert_non_null(model_group(place->sync.model, "sg-1"));
	assert_null(model_group(place->sync.model, "sg-2"));
}

static void draw(struct place *place)
{
	struct error err = {0};

	if (sync_draw(&place->sync, &err) < 0)
		fail_msg("%s", err.text);
}

static void what_the_rules_go_by_changes(void **state)
{
	struct place *place = *state;

	write_config(place, place->first,
	             "enforcingMode: standard\nstandardNodeGroups: never\nvpcCidrs: [10.0.0.0/16]\n"
	             "exempt: {imds: false}\nnftSync: {dropLog: {perSecond: 7}}\n");
	assert_reloads(place);
	assert_int_equal(place->sync.config->enforcing_mode, MODE_STANDARD);
	assert_int_equal(place->sync.config->standard_node_groups, NODE_GROUPS_NEVER);
	assert_int_equal(place->sync.config->vpc_cidr_count, 1);
	assert_false(place->sync.config->exempt[EXEMPT_IMDS]);
	assert_int_equal(place->sync.config->nft_sync.drop_log.per_second, 7);
	draw(place);
	assert_ptr_equal(place->sync.resolution->config, place->sync.config);
}

static void a_broken_file_is_refused_with_its_line(void **state)
{
	struct place *place = *state;

	write_config(place, place->first, "enforcingMode: strikt\n");
	assert_refuses(place,
	               "podsg.yaml:4: enforcingMode: \"strikt\": expected strict or standard");
	write_config(place, place->first, "unknown: 1\n");
	assert_refuses(place, "unknown key");
	write_file(place->path, "{{{");
	assert_refuses(place, "podsg.yaml");
	assert_int_equal(unlink(place->path), 0);
	assert_refuses(place, "podsg.yaml");
}

static void what_needs_a_restart_is_refused_as_a_whole(void **state)
{
	static const struct {
		const char *line;
		const char *part;
	} rows[] = {
		{"nftSync: {table: other}\n",
	         "nftSync.table: \"other\": was \"podsg\": needs a restart"},
		{"nftSync: {socket: /tmp/other}\n", "nftSync.socket: \"/tmp/other\""},
		{"nftSync: {branches: /tmp/other}\n", "nftSync.branches: \"/tmp/other\""},
		{"nftSync: {connmark: 0xc000}\n",
	         "nftSync.connmark: \"0xc000\": was \"0x3000\": needs a restart"},
		{"nftSync: {ownTable: false}\n", "nftSync.ownTable: \"false\": was \"true\""},
		{"hooks: {journal: /tmp/other}\n", "hooks.journal: \"/tmp/other\""},
	};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_config(place, place->second, rows[i].line);
		assert_refuses(place, rows[i].part);
	}
}

static void after_a_refusal_a_good_file_is_taken(void **state)
{
	struct place *place = *state;

	write_config(place, place->first, "unknown: 1\n");
	assert_refuses(place, "unknown key");
	write_config(place, place->first, "enforcingMode: standard\n");
	assert_reloads(place);
}

static void another_directory_takes_the_place_of_the_first(void **state)
{
	struct place *place = *state;

	write_config(place, place->second, "");
	assert_reloads(place);
	assert_null(model_group(place->sync.model, "sg-1"));
	assert_non_null(model_group(place->sync.model, "sg-2"));
	assert_int_equal(model_document_count(place->sync.model), 1);
}

static void a_directory_that_is_not_there_is_refused(void **state)
{
	struct place *place = *state;

	write_config(place, "/nowhere/at/all", "");
	assert_refuses(place, "/nowhere/at/all");
	assert_int_equal(model_document_count(place->sync.model), 1);
}

static void without_a_directory_there_are_no_documents(void **state)
{
	struct place *place = *state;

	write_config(place, "\"\"", "");
	assert_reloads(place);
	assert_null(place->sync.files);
	assert_int_equal(model_document_count(place->sync.model), 0);
	write_config(place, place->first, "");
	assert_reloads(place);
	assert_non_null(model_group(place->sync.model, "sg-1"));
}

/* The sanitizers look for what is freed too early or never. */
static void configurations_live_as_long_as_somebody_refers_to_them(void **state)
{
	struct place *place = *state;

	draw(place);
	for (int i = 0; i < 100; i++) {
		write_config(place, place->first, i % 2 == 0 ? "vpcCidrs: [10.0.0.0/16]\n" : "");
		assert_reloads(place);
		assert_in_range(place->configs.count, 2, CONFIGS_MAX);
		assert_ptr_not_equal(place->sync.resolution->config, place->sync.config);
		assert_string_equal(place->sync.resolution->config->node.name, "n1");
		if (i % 3 == 0)
			draw(place);
	}
}

/* What is in force in the kernel has not changed by reading a file. */
static void the_resolution_stays_until_the_next_drawing(void **state)
{
	struct place *place = *state;
	const struct resolution *before;

	draw(place);
	before = place->sync.resolution;
	write_config(place, place->second, "");
	assert_reloads(place);
	assert_ptr_equal(place->sync.resolution, before);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)
	const struct CMUnitTest tests[] = {
		IN_PLACE(what_the_rules_go_by_changes),
		IN_PLACE(a_broken_file_is_refused_with_its_line),
		IN_PLACE(what_needs_a_restart_is_refused_as_a_whole),
		IN_PLACE(after_a_refusal_a_good_file_is_taken),
		IN_PLACE(another_directory_takes_the_place_of_the_first),
		IN_PLACE(a_directory_that_is_not_there_is_refused),
		IN_PLACE(without_a_directory_there_are_no_documents),
		IN_PLACE(configurations_live_as_long_as_somebody_refers_to_them),
		IN_PLACE(the_resolution_stays_until_the_next_drawing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
