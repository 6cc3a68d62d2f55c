/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SHOWN_TEXT_H
#define PODSG_SHOWN_TEXT_H

#include <stdbool.h>

#include "common/arena.h"

/* A copy of what others chose, names of files and of links among it, as a terminal and every form
 * of output bears it: UTF-8 without control characters, but for the ends of lines where there may
 * be several; what is none is written as "\x1b". NULL: no memory. */
const char *shown_text(struct arena *arena, const char *text, bool lines);

#endif
