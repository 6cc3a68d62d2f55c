/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/dns_arena.h"

struct arena *arena;

int open_arena(void **state)
{
	(void)state;
	arena = arena_new(32U << 20);
	return arena ? 0 : -1;
}

int close_arena(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

const struct pattern *pattern_of(const char *text)
{
	const struct pattern *pattern = NULL;
	struct error err = {0};
	assert_int_equal(pattern_compile(text, arena, &pattern, &err), 0);
	assert_string_equal(pattern_text(pattern), text);
	return pattern;
}
