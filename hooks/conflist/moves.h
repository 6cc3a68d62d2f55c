/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CONFLIST_MOVES_H
#define PODSG_CONFLIST_MOVES_H

/*
 * How often ours was moved to the end of a chain again because another agent had put itself behind
 * it. Both may insist on the last place; then they would rewrite the file forever. Kept in a file,
 * because a run that a path unit starts remembers nothing.
 */

#include <stdbool.h>

#include "common/error.h"

#define CONFLIST_MOVES_MAX 3
#define CONFLIST_MOVES_PERIOD 3600 /* seconds */

/*
 * Whether ours may be moved in the file of that name once more; counted where it may. What cannot
 * be remembered may not be done: err says why it cannot, and is empty where it was done too often.
 */
bool conflist_moves_take(const char *path, const char *name, struct error *err);

#endif
