/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NAME_DISTANCE_H
#define PODSG_NAME_DISTANCE_H

#include <stddef.h>

/* For "did you mean": Levenshtein's distance of a and the first b_length bytes of b, case ignored.
 * Names longer than 31 bytes are far from everything: SIZE_MAX. */
size_t name_distance(const char *a, const char *b, size_t b_length);

#endif
