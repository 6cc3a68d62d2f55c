/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DROP_COUNTS_H
#define PODSG_DROP_COUNTS_H

/*
 * How many packets were dropped without being seen in the drop log: the kernel logs only so many a
 * second, but counts all, by interface, direction and reason.
 *
 * A count is compared with what had been seen a reading later, so that messages under way are not
 * taken for unseen ones: what is said is a lower bound, a reading late, and exact once it is quiet.
 */

#include "nft-sync/draw/render_chains.h"

#define DROP_COUNTS_MAX 4096 /* interfaces and reasons with drops; further ones are not told */

struct drop_count {
	const struct drop_reason *reason;
	char interface[INTERFACE_NAME_MAX];
	uint64_t kernel;  /* the counter when it was last read */
	uint64_t dropped; /* since the first reading, as of the last one */
	uint64_t due;     /* the same, as of the reading before it */
	uint64_t seen;    /* in the drop log */
	uint64_t told;    /* as unseen, so far */
	uint64_t news;    /* unseen, and told for the first time by the last reading */
};

struct drop_counts {
	struct drop_count *items; /* by reason, then interface */
	size_t count;
	size_t capacity;
	bool begun; /* what the counters were before counts for nothing */
};

void drop_counts_done(struct drop_counts *counts);

/* One packet was seen. */
void drop_counts_seen(struct drop_counts *counts, const struct drop_reason *reason,
                      const char *interface);

/* A reading: each counter that is not 0, then the end, which works out the news. */
void drop_counts_read(struct drop_counts *counts, const struct drop_reason *reason,
                      const char *interface, uint64_t packets);
void drop_counts_end(struct drop_counts *counts);

#endif
