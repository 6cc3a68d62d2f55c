/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_PROBLEMS_H
#define PODSG_PROBLEMS_H

/* Sentences for the status, each once, at most PROBLEMS_MAX and one that counts the rest. */

#include "common/arena.h"

#include <stdbool.h>
#include <stddef.h>

#define PROBLEMS_MAX 100

struct problems {
	struct arena *arena;
	const char *sentences[PROBLEMS_MAX + 1];
	size_t count;
	size_t left_out;
	bool failed; /* out of memory */
};

void problems_add(struct problems *problems, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The sentences, in the arena; NULL when out of memory. */
const char **problems_finish(struct problems *problems, size_t *count);

#endif
