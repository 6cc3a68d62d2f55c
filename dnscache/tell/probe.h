/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_PROBE_H
#define PODSG_DNS_PROBE_H

/*
 * Whether the daemon answers: it asks itself, over the sockets and the path that clients use, and
 * looks whether every worker's loop turns. A port that is open says neither (kdns#586).
 */

#include "common/exposition.h"
#include "dnscache/serve/worker.h"

#define PROBE_PERIOD 1000 /* milliseconds between two calls of probe_turn() */
#define PROBE_PATIENCE 3  /* probes in a row that may fail */
#define PROBE_STUCK 5     /* periods that a worker's loop may stand still before it is given up */

struct probe;

struct probe *probe_new(void);        /* NULL: no memory */
void probe_free(struct probe *probe); /* accepts NULL */

/* Looks at the answers to the probes before and sends the next ones. */
void probe_turn(struct probe *probe, const struct plan *plan, struct worker *const *workers,
                unsigned worker_count);

/* "" or the first thing that is wrong. */
const char *probe_trouble(const struct probe *probe);
bool probe_stuck(const struct probe *probe); /* a worker will not come back */
uint64_t probe_failures(const struct probe *probe);
const struct histogram *probe_durations(const struct probe *probe); /* seconds until an answer */

#endif
