/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_METRICS_H
#define PODSG_METRICS_H

/*
 * What /metrics shows. What was dropped and permitted is counted by the kernel: it goes on over
 * restarts of the daemon, begins at 0 where the table had to be made anew, and ends with the
 * interface. Everything else is counted by the daemon and begins at 0 with it.
 */

#include "nft-sync/sync.h"

#include <stdio.h>

#define METRICS_KEPT 500 /* milliseconds that a page is shown again before the kernel is asked */

struct metrics;

struct metrics *metrics_new(void);          /* NULL: no memory */
void metrics_free(struct metrics *metrics); /* accepts NULL */

/* Call it after sync_apply(): what it committed goes into the histograms. */
void metrics_committed(struct metrics *metrics, const struct sync *sync);

/* The page, malloc'd. now: milliseconds of any clock that does not go back. NULL: no memory. */
char *metrics_page(struct metrics *metrics, const struct sync *sync, uint64_t now, size_t *length);

/* Parts of the page. */
void metrics_counters(FILE *out, const struct sync *sync);

#endif
