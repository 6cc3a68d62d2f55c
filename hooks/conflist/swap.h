/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CONFLIST_SWAP_H
#define PODSG_CONFLIST_SWAP_H

/* A file that others rewrite at any moment is replaced without losing what they write. */

#include <stddef.h>
#include <time.h>

#include "common/error.h"

struct conflist_text {
	const char *text;
	size_t length;
};

/*
 * Replaces the text of path, which was old, keeping mode and owner; a symbolic link stays one, and
 * what it leads to is replaced. Readers see old or new, whole and synced. -EAGAIN: it was not
 * old any more, and what somebody else has written stands.
 */
int conflist_swap(const char *path, const struct conflist_text *old,
                  const struct conflist_text *new, struct error *err);

/* Removes the file if it is one that a conflist_swap() left which was killed a minute before now or
 * earlier. now: seconds since 1970. */
void conflist_swap_sweep(int directory, const char *name, time_t now);

#endif
