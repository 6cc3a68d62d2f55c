/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_HEALTH_H
#define PODSG_HEALTH_H

/* Whether the kernel holds what it should, in sentences: for /healthz, podsgctl status, systemd. */

#include "nft-sync/sync.h"

#include <stdbool.h>

#define HEALTH_SENTENCE_MAX 1024

enum health_grade {
	HEALTH_WARNING, /* what was last known to be good stands */
	HEALTH_FAILURE, /* the kernel does not hold what it should, or nobody knows */
};

/* The failures first; none of either: all is well. Returns whether there is no failure. say may
 * be NULL. */
bool health_each(const struct sync *sync,
                 void (*say)(void *context, enum health_grade grade, const char *sentence),
                 void *context);

/* As /healthz shows it, a line each: "ok" or "failed: …", then "warning: …". malloc'd; NULL: no
 * memory. */
char *health_text(const struct sync *sync, bool *healthy);

/* The first failure or warning, if there is one, interfaces and commits. Returns line. */
const char *health_line(const struct sync *sync, char *line, size_t size);

#endif
