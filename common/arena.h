/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_ARENA_H
#define PODSG_ARENA_H

#include <stddef.h>

/*
 * Memory for what dies together: allocations are never freed one by one. An arena has a ceiling;
 * an allocation that would pass it returns NULL, as does one that the system refuses.
 */
struct arena;

struct arena *arena_new(size_t ceiling);
void arena_free(struct arena *arena); /* accepts NULL */

void *arena_alloc(struct arena *arena, size_t size); /* zeroed, aligned for any type */
void *arena_array(struct arena *arena, size_t count, size_t size); /* NULL also on overflow */
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_strdup(struct arena *arena, const char *text);

size_t arena_size(const struct arena *arena); /* bytes handed out so far */

#endif
