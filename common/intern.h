/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_INTERN_H
#define PODSG_INTERN_H

#include <stddef.h>

#include "common/arena.h"

/*
 * Strings kept once, however often they occur: the same group is listed by every interface that
 * has it. Equal strings are the same pointer, valid as long as the arena.
 */
struct intern;

struct intern *intern_new(struct arena *arena);
void intern_free(struct intern *intern); /* accepts NULL; the strings stay */
/* NULL on lack of memory, or of room: half a million strings are kept. */
const char *intern_string(struct intern *intern, const char *text);

/*
 * Notes that the thing of this kind and name (of this outer name, "" = none) is defined at line.
 * The names are interned strings. Returns 0 the first time, 1 with the earlier line in *ret_line
 * if it was noted before, or -ENOMEM.
 */
int intern_define(struct intern *intern, unsigned kind, const char *outer, const char *name,
                  unsigned line, unsigned *ret_line);

#endif
