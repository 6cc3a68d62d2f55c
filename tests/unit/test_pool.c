/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/model/pool.h"
#include "tests/unit/random_world.h"

static void a_piece_is_zeroed_also_when_it_is_used_again(void **state)
{
	struct pool pool = {0};
	unsigned char *piece = pool_take(&pool, 40);

	(void)state;
	memset(piece, 0xff, 40);
	pool_give(&pool, piece, 40);
	assert_ptr_equal(pool_take(&pool, 37), piece);
	for (size_t i = 0; i < 37; i++)
		assert_int_equal(piece[i], 0);
	pool_done(&pool);
}

static void a_piece_is_not_used_for_one_of_another_size(void **state)
{
	struct pool pool = {0};
	void *piece = pool_take(&pool, 40);

	(void)state;
	pool_give(&pool, piece, 40);
	assert_ptr_not_equal(pool_take(&pool, 48), piece);
	assert_ptr_not_equal(pool_take(&pool, 32), piece);
	pool_done(&pool);
}

#define PIECES 500
#define STEPS 50000

static void pieces_of_any_size_do_not_overlap(void **state)
{
	static unsigned char *pieces[PIECES];
	static size_t sizes[PIECES];
	struct pool pool = {0};
	uint64_t seed = random_begin();

	(void)state;
	print_message("PODSG_SEED=%llu\n", (unsigned long long)seed);
	srand((unsigned)seed);
	for (unsigned step = 0; step < STEPS; step++) {
		size_t i = (size_t)rand() % PIECES;

		if (pieces[i] == NULL) {
			sizes[i] = (size_t)rand() % (POOL_PIECE_MAX + 200);
			pieces[i] = pool_take(&pool, sizes[i]);
			assert_int_equal((uintptr_t)pieces[i] % sizeof(void *), 0);
			memset(pieces[i], (int)(i % 256), sizes[i]);
			continue;
		}
		for (size_t at = 0; at < sizes[i]; at++)
			assert_int_equal(pieces[i][at], i % 256);
		pool_give(&pool, pieces[i], sizes[i]);
		pieces[i] = NULL;
	}
	for (size_t i = 0; i < PIECES; i++)
		if (pieces[i] != NULL)
			pool_give(&pool, pieces[i], sizes[i]);
	pool_done(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_piece_is_zeroed_also_when_it_is_used_again),
		cmocka_unit_test(a_piece_is_not_used_for_one_of_another_size),
		cmocka_unit_test(pieces_of_any_size_do_not_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
