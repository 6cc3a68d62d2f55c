/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TEST_DNS_ARENA_H
#define PODSG_TEST_DNS_ARENA_H

/* What all tests of a program may fill: setup and teardown of a cmocka group. */

#include "dnscache/plugin/pattern.h"

extern struct arena *arena;

int open_arena(void **state);
int close_arena(void **state);

/* In the arena; fails the test if it is not one. */
const struct pattern *pattern_of(const char *text);

#endif
