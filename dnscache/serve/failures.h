/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_FAILURES_H
#define PODSG_DNS_FAILURES_H

/*
 * Questions that upstream had no answer for a short while ago, whichever worker asked: while their
 * pause lasts, who has an old answer tells it at once (RFC 8767 §5). A table of a fixed size: of
 * two questions that share a place the later one has it.
 */

#include <stdbool.h>
#include <stdint.h>

#define FAILURES_PAUSE 30 /* seconds */

struct failures;

struct failures *failures_new(void); /* NULL: no memory. Shared by all workers, without a lock */
void failures_free(struct failures *failures); /* accepts NULL */

/* hash: cache_key_hash(); now: seconds. */
void failures_note(struct failures *failures, uint64_t hash, uint32_t now, bool failed);
bool failures_hold(const struct failures *failures, uint64_t hash, uint32_t now);

#endif
