/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TEST_JOURNAL_PLACE_H
#define PODSG_TEST_JOURNAL_PLACE_H

/* A journal in a directory that goes with the test. */

#include "common/journal.h"

#include <stddef.h>
#include <stdint.h>
#include <time.h>

extern char journal_place[128]; /* nobody has made it yet */

int journal_place_open(void **state);
int journal_place_close(void **state);
void journal_place_make(void);
/* Of a file in it; valid until the next call. */
const char *journal_place_path(const char *name);
void journal_place_write(const char *name, const char *text);
size_t journal_place_files(void);
/* The file was written so long ago. */
void journal_place_age(const char *name, time_t seconds);

void pause_for(uint32_t microseconds);

void assert_same_attachment(const struct attachment *a, const struct attachment *b);

#define IN_A_PLACE(test)                                                                           \
	cmocka_unit_test_setup_teardown(test, journal_place_open, journal_place_close)

#endif
