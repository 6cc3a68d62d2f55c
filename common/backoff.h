/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_BACKOFF_H
#define PODSG_BACKOFF_H

/* How long to wait before something is tried again, so that the nodes of a cluster do not all come
 * at once. */

#include <stdint.h>

uint32_t backoff_random(uint32_t limit); /* 0 … limit - 1 */

/* A quarter less or more. */
uint64_t backoff_jitter(uint64_t milliseconds);

/* first, doubled for every failure in a row after the first one up to last; with jitter. */
uint64_t backoff_pause(unsigned failures, uint64_t first, uint64_t last);

#endif
