/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file_identity.h"

struct place {
	char directory[32];
	char path[64];
	char other[64];
};

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int open_place(void **state)
{
	static struct place place;

	place = (struct place){.directory = "/tmp/podsg-identity-XXXXXX"};
	if (!mkdtemp(place.directory))
		return -1;
	(void)snprintf(place.path, sizeof(place.path), "%s/file", place.directory);
	(void)snprintf(place.other, sizeof(place.other), "%s/other", place.directory);
	write_file(place.path, "abc");
	*state = &place;
	return 0;
}

static int close_place(void **state)
{
	struct place *place = *state;

	(void)unlink(place->path);
	(void)unlink(place->other);
	return rmdir(place->directory);
}

static bool is_same(const char *path, const struct file_identity *before)
{
	struct file_identity now;

	assert_int_equal(file_identity_of(path, &now), 0);
	return file_identity_equal(&now, before);
}

static void file_that_nobody_wrote_is_the_same(void **state)
{
	const struct place *place = *state;
	struct file_identity before;

	assert_int_equal(file_identity_of(place->path, &before), 0);
	assert_true(is_same(place->path, &before));
	assert_int_equal(symlink(place->path, place->other), 0);
	assert_true(is_same(place->other, &before));
}

static void file_that_takes_its_place_is_another(void **state)
{
	const struct place *place = *state;
	struct file_identity before;

	assert_int_equal(file_identity_of(place->path, &before), 0);
	write_file(place->other, "abc");
	assert_int_equal(rename(place->other, place->path), 0);
	assert_false(is_same(place->path, &before));
}

static void file_of_another_size_is_another(void **state)
{
	const struct place *place = *state;
	struct file_identity before;

	assert_int_equal(file_identity_of(place->path, &before), 0);
	write_file(place->path, "abcd");
	assert_false(is_same(place->path, &before));
}

static void file_that_is_not_there_has_none(void **state)
{
	const struct place *place = *state;
	struct file_identity now;

	assert_int_equal(file_identity_of(place->other, &now), -ENOENT);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)
	const struct CMUnitTest tests[] = {
		IN_PLACE(file_that_nobody_wrote_is_the_same),
		IN_PLACE(file_that_takes_its_place_is_another),
		IN_PLACE(file_of_another_size_is_another),
		IN_PLACE(file_that_is_not_there_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
