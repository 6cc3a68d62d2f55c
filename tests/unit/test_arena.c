/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/arena.h"
#include "common/intern.h"
#include "common/vector.h"

static void pieces_are_zeroed_and_aligned_and_do_not_overlap(void **state)
{
	static const size_t sizes[] = {1, 7, 16, 100, 5000, 70000, 3, 200000, 24};
	struct arena *arena = arena_new(SIZE_MAX);
	unsigned char *pieces[9];

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		pieces[i] = arena_alloc(arena, sizes[i]);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(pieces[i][k], 0);
		memset(pieces[i], (int)i + 1, sizes[i]);
		assert_non_null(arena_strdup(arena, "odd"));
	}
	for (size_t i = 0; i < 9; i++) {
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(pieces[i][k], i + 1);
	}
	arena_free(arena);
}

static void the_ceiling_holds_and_what_fits_still_fits(void **state)
{
	struct arena *arena = arena_new(100);

	(void)state;
	assert_non_null(arena_alloc(arena, 60));
	assert_null(arena_alloc(arena, 41));
	assert_int_equal(arena_size(arena), 60);
	assert_non_null(arena_alloc(arena, 40));
	assert_null(arena_alloc(arena, 1));
	assert_null(arena_strdup(arena, ""));
	arena_free(arena);
}

static void sizes_that_overflow_are_refused(void **state)
{
	struct arena *arena = arena_new(SIZE_MAX);

	(void)state;
	assert_null(arena_array(arena, SIZE_MAX / 2, 3));
	assert_null(arena_alloc(arena, SIZE_MAX - 8));
	assert_null(arena_strndup(arena, "", SIZE_MAX));
	arena_free(arena);
}

static void an_empty_array_is_not_a_failure(void **state)
{
	struct arena *arena = arena_new(SIZE_MAX);

	(void)state;
	assert_non_null(arena_array(arena, 0, 16));
	arena_free(arena);
}

static void strings_are_copied_and_ended(void **state)
{
	struct arena *arena = arena_new(SIZE_MAX);

	(void)state;
	assert_string_equal(arena_strdup(arena, "whole"), "whole");
	assert_string_equal(arena_strndup(arena, "whole", 2), "wh");
	arena_free(arena);
}

static void nothing_can_be_freed(void **state)
{
	(void)state;
	arena_free(NULL);
	intern_free(NULL);
}

static void equal_strings_are_kept_once(void **state)
{
	struct arena *arena = arena_new(SIZE_MAX);
	struct intern *intern = intern_new(arena);
	const char *kept[1000];
	char text[16];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "sg-%d", i);
		kept[i] = intern_string(intern, text);
		assert_string_equal(kept[i], text);
	}
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "sg-%d", i);
		assert_ptr_equal(intern_string(intern, text), kept[i]);
	}
	intern_free(intern);
	assert_string_equal(kept[999], "sg-999");
	arena_free(arena);
}

static void a_second_definition_knows_the_first(void **state)
{
	struct arena *arena = arena_new(SIZE_MAX);
	struct intern *intern = intern_new(arena);
	const char *a = intern_string(intern, "a");
	const char *b = intern_string(intern, "b");
	unsigned line = 0;

	(void)state;
	assert_int_equal(intern_define(intern, 0, a, b, 5, &line), 0);
	assert_int_equal(intern_define(intern, 0, b, a, 6, &line), 0);
	assert_int_equal(intern_define(intern, 1, a, b, 7, &line), 0);
	assert_int_equal(line, 0);
	assert_int_equal(intern_define(intern, 0, a, b, 8, &line), 1);
	assert_int_equal(line, 5);
	intern_free(intern);
	arena_free(arena);
}

static void a_vector_grows_and_moves_into_an_arena(void **state)
{
	struct arena *arena = arena_new(SIZE_MAX);
	struct vector vector = {.item_size = sizeof(int)};
	int *items;
	size_t count;

	(void)state;
	for (int i = 0; i < 100; i++)
		*(int *)vector_push(&vector) += i;
	assert_int_equal(vector_move(&vector, arena, &items, &count), 0);
	assert_int_equal(count, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(items[i], i);
	assert_int_equal(*(int *)vector_push(&vector), 0);
	vector_done(&vector);
	assert_int_equal(vector_move(&vector, arena, &items, &count), 0);
	assert_int_equal(count, 0);
	assert_null(items);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_and_aligned_and_do_not_overlap),
		cmocka_unit_test(the_ceiling_holds_and_what_fits_still_fits),
		cmocka_unit_test(sizes_that_overflow_are_refused),
		cmocka_unit_test(an_empty_array_is_not_a_failure),
		cmocka_unit_test(strings_are_copied_and_ended),
		cmocka_unit_test(nothing_can_be_freed),
		cmocka_unit_test(equal_strings_are_kept_once),
		cmocka_unit_test(a_second_definition_knows_the_first),
		cmocka_unit_test(a_vector_grows_and_moves_into_an_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
