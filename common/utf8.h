/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_UTF8_H
#define PODSG_UTF8_H

#include <stddef.h>

/* The length of the UTF-8 sequence that begins here, 0 if it is none. Overlong forms, surrogates
 * and control characters, C1's among them, are none. */
size_t utf8_length(const char *begin);

#endif
