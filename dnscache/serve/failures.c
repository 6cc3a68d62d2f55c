/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdatomic.h>
#include <stdlib.h>

#include "dnscache/serve/failures.h"

#define PLACES 8192 /* a power of two */

/* A hash's lower half, and behind it the second in which its pause ends: one word, so that nobody
 * sees half of it. */
struct failures {
	_Atomic uint64_t places[PLACES];
};

struct failures *failures_new(void)
{
	return calloc(1, sizeof(struct failures));
}

void failures_free(struct failures *failures)
{
	free(failures);
}

static size_t place_of(uint64_t hash)
{
	return hash >> 32 & (PLACES - 1);
}

static bool is_of(uint64_t place, uint64_t hash)
{
	return place >> 32 == (hash & UINT32_MAX);
}

void failures_note(struct failures *failures, uint64_t hash, uint32_t now, bool failed)
{
	_Atomic uint64_t *place = &failures->places[place_of(hash)];
	if (failed) {
		*place = hash << 32 | (now + FAILURES_PAUSE);
		return;
	}
	uint64_t seen = *place;
	if (is_of(seen, hash))
		atomic_compare_exchange_strong(place, &seen, 0);
}

bool failures_hold(const struct failures *failures, uint64_t hash, uint32_t now)
{
	uint64_t place = failures->places[place_of(hash)];
	return is_of(place, hash) && now < (uint32_t)place;
}
