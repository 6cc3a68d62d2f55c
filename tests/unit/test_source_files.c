/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "nft-sync/source/source_files.h"

#define PATH_SIZE 256
#define GROUP(id) "SecurityGroups: [{GroupId: " id "}]\n"
#define BROKEN "SecurityGroups: [{GroupId: 7"

/* base/documents is the directory, base/state holds the copies. */
struct place {
	char base[64];
	struct source_files *source;
	struct model *model;
	bool changed;
};

static const char *path_of(const struct place *place, const char *name)
{
	static char paths[4][PATH_SIZE];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, PATH_SIZE, "%s/%s", place->base, name);
	return path;
}

static void write_file(const struct place *place, const char *name, const char *text)
{
	FILE *file = fopen(path_of(place, name), "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void start(struct place *place)
{
	struct error err = {0};

	place->model = model_new();
	assert_non_null(place->model);
	assert_int_equal(source_files_open(path_of(place, "documents"), path_of(place, "state"),
	                                   &place->source, &err),
	                 0);
}

static void keep_copies(struct place *place)
{
	while (source_files_keep_copy(place->source)) {
	}
}

static void stop(struct place *place)
{
	keep_copies(place);
	source_files_close(place->source);
	model_free(place->model);
}

static void read_source(struct place *place)
{
	struct error err = {0};

	if (source_files_read(place->source, place->model, &place->changed, &err) < 0)
		fail_msg("%s", err.text);
}

static bool has_group(const struct place *place, const char *id)
{
	return model_group(place->model, id) != NULL;
}

static bool is_reported(const struct place *place)
{
	struct pollfd fd = {.fd = source_files_fd(place->source), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

static const struct source_file *only_file(const struct place *place)
{
	size_t count;
	const struct source_file *files = source_files_list(place->source, &count);

	assert_int_equal(count, 1);
	return files;
}

static int open_place(void **state)
{
	static struct place place;

	place = (struct place){.base = "/tmp/podsg-files-XXXXXX"};
	if (mkdtemp(place.base) == NULL || mkdir(path_of(&place, "documents"), 0700) < 0)
		return -1;
	start(&place);
	*state = &place;
	return 0;
}

static int remove_item(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int close_place(void **state)
{
	struct place *place = *state;

	stop(place);
	return nftw(place->base, remove_item, 8, FTW_DEPTH | FTW_PHYS);
}

static void documents_that_are_there_are_loaded_first(void **state)
{
	struct place *place = *state;

	write_file(place, "documents/a.yaml", GROUP("sg-1"));
	write_file(place, "documents/b.json", "{\"SecurityGroups\":[{\"GroupId\":\"sg-2\"}]}");
	read_source(place);
	assert_true(place->changed);
	assert_true(has_group(place, "sg-1"));
	assert_true(has_group(place, "sg-2"));
	read_source(place);
	assert_false(place->changed);
}

static void dotfiles_and_other_endings_are_no_documents(void **state)
{
	static const char *const names[] = {"documents/.a.yaml", "documents/a.txt",
	                                    "documents/a.yaml~", "documents/README"};
	struct place *place = *state;
	size_t count;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		write_file(place, names[i], BROKEN);
	read_source(place);
	(void)source_files_list(place->source, &count);
	assert_int_equal(count, 0);
	assert_false(place->changed);
}

static void a_file_that_is_written_or_renamed_into_place_is_reported_and_loaded(void **state)
{
	struct place *place = *state;

	read_source(place);
	write_file(place, "documents/a.yaml", GROUP("sg-1"));
	assert_true(is_reported(place));
	read_source(place);
	assert_true(has_group(place, "sg-1"));
	write_file(place, "documents/.new", GROUP("sg-2"));
	assert_int_equal(
		rename(path_of(place, "documents/.new"), path_of(place, "documents/a.yaml")), 0);
	read_source(place);
	assert_false(has_group(place, "sg-1"));
	assert_true(has_group(place, "sg-2"));
}

static void a_file_that_is_still_being_written_is_left_alone(void **state)
{
	struct place *place = *state;
	FILE *file;
	size_t count;

	read_source(place);
	file = fopen(path_of(place, "documents/a.yaml"), "we");
	assert_non_null(file);
	assert_true(fputs("SecurityGroups: [{GroupId: ", file) >= 0);
	assert_int_equal(fflush(file), 0);
	read_source(place);
	(void)source_files_list(place->source, &count);
	assert_int_equal(count, 0);
	assert_true(fputs("sg-1}]\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
	read_source(place);
	assert_true(has_group(place, "sg-1"));
}

static void a_removed_file_leaves_the_model_and_its_copy_goes(void **state)
{
	struct place *place = *state;

	write_file(place, "documents/a.yaml", GROUP("sg-1"));
	read_source(place);
	keep_copies(place);
	assert_int_equal(access(path_of(place, "state/a.yaml"), F_OK), 0);
	assert_int_equal(unlink(path_of(place, "documents/a.yaml")), 0);
	read_source(place);
	assert_true(place->changed);
	assert_false(has_group(place, "sg-1"));
	assert_int_equal(access(path_of(place, "state/a.yaml"), F_OK), -1);
}

static void the_last_good_version_of_a_broken_file_stays_in_force(void **state)
{
	struct place *place = *state;

	write_file(place, "documents/a.yaml", GROUP("sg-1"));
	read_source(place);
	assert_int_equal(only_file(place)->state, SOURCE_FILE_GOOD);
	write_file(place, "documents/a.yaml", BROKEN);
	read_source(place);
	assert_false(place->changed);
	assert_true(has_group(place, "sg-1"));
	assert_int_equal(only_file(place)->state, SOURCE_FILE_EARLIER);
	assert_non_null(strstr(only_file(place)->error, "a.yaml"));
	assert_true(only_file(place)->news);
	read_source(place);
	assert_false(only_file(place)->news);
	write_file(place, "documents/a.yaml", GROUP("sg-2"));
	read_source(place);
	assert_int_equal(only_file(place)->state, SOURCE_FILE_GOOD);
	assert_string_equal(only_file(place)->error, "");
	assert_true(has_group(place, "sg-2"));
}

static void a_broken_file_does_not_touch_the_others(void **state)
{
	struct place *place = *state;

	write_file(place, "documents/a.yaml", BROKEN);
	write_file(place, "documents/b.yaml", GROUP("sg-2"));
	read_source(place);
	assert_true(has_group(place, "sg-2"));
}

static void after_a_restart_the_copy_stands_in_for_a_broken_file(void **state)
{
	struct place *place = *state;

	write_file(place, "documents/a.yaml", GROUP("sg-1"));
	read_source(place);
	stop(place);
	write_file(place, "documents/a.yaml", BROKEN);
	start(place);
	read_source(place);
	assert_true(has_group(place, "sg-1"));
	assert_int_equal(only_file(place)->state, SOURCE_FILE_COPY);
	assert_true(only_file(place)->error[0] != '\0');
	assert_true(only_file(place)->loaded > 0);
}

static void without_a_copy_nothing_of_a_broken_file_is_in_force(void **state)
{
	struct place *place = *state;

	write_file(place, "documents/a.yaml", BROKEN);
	read_source(place);
	assert_false(place->changed);
	assert_int_equal(only_file(place)->state, SOURCE_FILE_BROKEN);
	assert_int_equal(only_file(place)->loaded, 0);
}

static void a_broken_copy_is_not_taken(void **state)
{
	struct place *place = *state;

	write_file(place, "state/a.yaml", BROKEN);
	write_file(place, "documents/a.yaml", BROKEN);
	read_source(place);
	assert_int_equal(only_file(place)->state, SOURCE_FILE_BROKEN);
}

static void a_copy_that_cannot_be_kept_is_only_reported(void **state)
{
	struct place *place = *state;

	assert_int_equal(rmdir(path_of(place, "state")), 0);
	write_file(place, "documents/a.yaml", GROUP("sg-1"));
	read_source(place);
	keep_copies(place);
	assert_true(has_group(place, "sg-1"));
	assert_int_equal(only_file(place)->state, SOURCE_FILE_GOOD);
	assert_true(only_file(place)->copy_error[0] != '\0');
}

static void a_copy_that_could_not_be_kept_is_tried_again(void **state)
{
	struct place *place = *state;

	assert_int_equal(rmdir(path_of(place, "state")), 0);
	write_file(place, "documents/a.yaml", GROUP("sg-1"));
	read_source(place);
	keep_copies(place);
	assert_true(only_file(place)->news);
	keep_copies(place);
	assert_false(only_file(place)->news);
	assert_int_equal(mkdir(path_of(place, "state"), 0700), 0);
	keep_copies(place);
	assert_true(only_file(place)->news);
	assert_string_equal(only_file(place)->copy_error, "");
	assert_int_equal(access(path_of(place, "state/a.yaml"), F_OK), 0);
}

static void copies_are_made_one_at_a_time_and_one_that_fails_holds_up_no_other(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkdir(path_of(place, "state/a.yaml"), 0700), 0);
	write_file(place, "documents/a.yaml", GROUP("sg-1"));
	write_file(place, "documents/b.yaml", GROUP("sg-2"));
	read_source(place);
	assert_true(source_files_keep_copy(place->source));
	assert_int_equal(access(path_of(place, "state/b.yaml"), F_OK), -1);
	assert_false(source_files_keep_copy(place->source));
	assert_int_equal(access(path_of(place, "state/b.yaml"), F_OK), 0);
	assert_int_equal(rmdir(path_of(place, "state/a.yaml")), 0);
	assert_false(source_files_keep_copy(place->source));
	assert_int_equal(access(path_of(place, "state/a.yaml"), F_OK), 0);
}

/* What was loaded is not what is there now: the copy must not be ahead of what is in force. */
static void a_file_that_changed_since_it_was_loaded_is_not_copied(void **state)
{
	struct place *place = *state;

	write_file(place, "documents/a.yaml", GROUP("sg-1"));
	read_source(place);
	write_file(place, "documents/a.yaml", "not: [a, document");
	keep_copies(place);
	assert_int_equal(access(path_of(place, "state/a.yaml"), F_OK), -1);
}

static void a_directory_that_comes_late_is_reported(void **state)
{
	struct place *place = *state;

	assert_int_equal(rmdir(path_of(place, "documents")), 0);
	read_source(place);
	assert_true(source_files_problem(place->source)[0] != '\0');
	assert_false(is_reported(place));
	assert_int_equal(mkdir(path_of(place, "documents"), 0700), 0);
	assert_true(is_reported(place));
	write_file(place, "documents/a.yaml", GROUP("sg-1"));
	read_source(place);
	assert_string_equal(source_files_problem(place->source), "");
	assert_true(has_group(place, "sg-1"));
	/* That its parent is no longer watched is an event, too. */
	read_source(place);
	assert_false(is_reported(place));
	assert_int_equal(mkdir(path_of(place, "others"), 0700), 0);
	assert_false(is_reported(place));
	write_file(place, "documents/b.yaml", GROUP("sg-2"));
	assert_true(is_reported(place));
}

static void a_directory_that_comes_late_with_its_parent_is_found_by_looking(void **state)
{
	struct place *place = *state;
	struct error err = {0};

	stop(place);
	place->model = model_new();
	assert_int_equal(
		source_files_open(path_of(place, "far/documents"), "", &place->source, &err), 0);
	read_source(place);
	assert_int_equal(mkdir(path_of(place, "far"), 0700), 0);
	assert_int_equal(mkdir(path_of(place, "far/documents"), 0700), 0);
	write_file(place, "far/documents/a.yaml", GROUP("sg-1"));
	read_source(place);
	assert_true(has_group(place, "sg-1"));
	write_file(place, "far/documents/b.yaml", GROUP("sg-2"));
	assert_true(is_reported(place));
}

static void of_a_directory_that_goes_away_everything_stays_in_force(void **state)
{
	struct place *place = *state;

	write_file(place, "documents/a.yaml", GROUP("sg-1"));
	read_source(place);
	assert_int_equal(rename(path_of(place, "documents"), path_of(place, "away")), 0);
	read_source(place);
	assert_false(place->changed);
	assert_true(has_group(place, "sg-1"));
	assert_int_equal(only_file(place)->state, SOURCE_FILE_EARLIER);
	assert_int_equal(rename(path_of(place, "away"), path_of(place, "documents")), 0);
	read_source(place);
	assert_int_equal(only_file(place)->state, SOURCE_FILE_GOOD);
}

static void after_a_restart_the_copies_stand_in_for_a_directory_that_is_away(void **state)
{
	struct place *place = *state;

	write_file(place, "documents/a.yaml", GROUP("sg-1"));
	read_source(place);
	stop(place);
	assert_int_equal(rename(path_of(place, "documents"), path_of(place, "away")), 0);
	start(place);
	read_source(place);
	assert_true(has_group(place, "sg-1"));
	assert_int_equal(only_file(place)->state, SOURCE_FILE_COPY);
	assert_int_equal(mkdir(path_of(place, "documents"), 0700), 0);
	read_source(place);
	assert_false(has_group(place, "sg-1"));
}

static void a_projected_volume_changes_all_its_files_at_once(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkdir(path_of(place, "documents/..1"), 0700), 0);
	assert_int_equal(mkdir(path_of(place, "documents/..2"), 0700), 0);
	write_file(place, "documents/..1/a.yaml", GROUP("sg-1"));
	write_file(place, "documents/..2/a.yaml", GROUP("sg-2"));
	assert_int_equal(symlink("..1", path_of(place, "documents/..data")), 0);
	assert_int_equal(symlink("..data/a.yaml", path_of(place, "documents/a.yaml")), 0);
	read_source(place);
	assert_true(has_group(place, "sg-1"));
	assert_int_equal(symlink("..2", path_of(place, "documents/..data_tmp")), 0);
	assert_int_equal(
		rename(path_of(place, "documents/..data_tmp"), path_of(place, "documents/..data")),
		0);
	assert_true(is_reported(place));
	read_source(place);
	assert_false(has_group(place, "sg-1"));
	assert_true(has_group(place, "sg-2"));
}

static void a_symbolic_link_that_is_laid_or_turned_is_followed(void **state)
{
	struct place *place = *state;

	read_source(place);
	write_file(place, "one", GROUP("sg-1"));
	write_file(place, "two", GROUP("sg-2"));
	assert_int_equal(symlink("../one", path_of(place, "documents/a.yaml")), 0);
	read_source(place);
	assert_true(has_group(place, "sg-1"));
	assert_int_equal(symlink("../two", path_of(place, "documents/.tmp")), 0);
	assert_int_equal(
		rename(path_of(place, "documents/.tmp"), path_of(place, "documents/a.yaml")), 0);
	read_source(place);
	assert_true(has_group(place, "sg-2"));
}

/* Nothing reports it; a version that is no longer fresh is taken by the next look. */
static void a_change_behind_a_link_is_found_by_looking(void **state)
{
	const struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
	struct place *place = *state;

	write_file(place, "one", GROUP("sg-1"));
	assert_int_equal(symlink("../one", path_of(place, "documents/a.yaml")), 0);
	read_source(place);
	write_file(place, "one", GROUP("sg-2"));
	assert_int_equal(utimensat(AT_FDCWD, path_of(place, "one"), times, 0), 0);
	assert_false(is_reported(place));
	read_source(place);
	assert_true(has_group(place, "sg-2"));
	assert_int_equal(only_file(place)->loaded, 1700000000);
}

static void what_is_no_regular_file_is_broken_and_does_not_block(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkfifo(path_of(place, "documents/a.yaml"), 0600), 0);
	read_source(place);
	assert_int_equal(only_file(place)->state, SOURCE_FILE_BROKEN);
}

static void files_beyond_the_maximum_are_a_problem(void **state)
{
	struct place *place = *state;
	char name[64];
	size_t count;

	for (unsigned i = 0; i <= SOURCE_FILES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "documents/%u.yaml", i);
		write_file(place, name, GROUP("sg-1"));
	}
	read_source(place);
	(void)source_files_list(place->source, &count);
	assert_int_equal(count, SOURCE_FILES_MAX);
	assert_non_null(strstr(source_files_problem(place->source), "more than"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(documents_that_are_there_are_loaded_first),
		TEST(dotfiles_and_other_endings_are_no_documents),
		TEST(a_file_that_is_written_or_renamed_into_place_is_reported_and_loaded),
		TEST(a_file_that_is_still_being_written_is_left_alone),
		TEST(a_removed_file_leaves_the_model_and_its_copy_goes),
		TEST(the_last_good_version_of_a_broken_file_stays_in_force),
		TEST(a_broken_file_does_not_touch_the_others),
		TEST(after_a_restart_the_copy_stands_in_for_a_broken_file),
		TEST(without_a_copy_nothing_of_a_broken_file_is_in_force),
		TEST(a_broken_copy_is_not_taken),
		TEST(a_copy_that_cannot_be_kept_is_only_reported),
		TEST(a_copy_that_could_not_be_kept_is_tried_again),
		TEST(copies_are_made_one_at_a_time_and_one_that_fails_holds_up_no_other),
		TEST(a_file_that_changed_since_it_was_loaded_is_not_copied),
		TEST(a_directory_that_comes_late_is_reported),
		TEST(a_directory_that_comes_late_with_its_parent_is_found_by_looking),
		TEST(of_a_directory_that_goes_away_everything_stays_in_force),
		TEST(after_a_restart_the_copies_stand_in_for_a_directory_that_is_away),
		TEST(a_projected_volume_changes_all_its_files_at_once),
		TEST(a_symbolic_link_that_is_laid_or_turned_is_followed),
		TEST(a_change_behind_a_link_is_found_by_looking),
		TEST(what_is_no_regular_file_is_broken_and_does_not_block),
		TEST(files_beyond_the_maximum_are_a_problem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
