/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CONFLIST_NAMES_H
#define PODSG_CONFLIST_NAMES_H

/* The files of a directory that runtimes look at for network configurations. */

#include <limits.h>
#include <stdbool.h>

#include "common/error.h"
#include "common/vector.h"

struct conflist_name {
	char text[NAME_MAX + 1];
};

/* Adds them to names (of struct conflist_name), in the runtimes' order. A directory that is not
 * there has none. Leftovers of conflist_swap() are swept away. */
int conflist_names_read(const char *directory, size_t max, struct vector *names, struct error *err);

bool conflist_name_is_configuration(const char *name);
/* What may hold a chain. */
bool conflist_name_is_list(const char *name);

#endif
