/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "nft-sync/kernel/drop_counts.h"

void drop_counts_done(struct drop_counts *counts)
{
	free(counts->items);
	memset(counts, 0, sizeof(*counts));
}

static int compare(const struct drop_count *item, const struct drop_reason *reason,
                   const char *interface)
{
	if (item->reason != reason)
		return item->reason < reason ? -1 : 1;
	return strncmp(item->interface, interface, sizeof(item->interface) - 1);
}

static size_t lower_bound(const struct drop_counts *counts, const struct drop_reason *reason,
                          const char *interface)
{
	size_t low = 0;
	size_t high = counts->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare(&counts->items[middle], reason, interface) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool make_room(struct drop_counts *counts)
{
	if (counts->count < counts->capacity)
		return true;
	if (counts->count == DROP_COUNTS_MAX)
		return false;
	size_t capacity = counts->capacity ? 2 * counts->capacity : 32;
	void *larger = reallocarray(counts->items, capacity, sizeof(*counts->items));
	if (!larger)
		return false;
	counts->items = larger;
	counts->capacity = capacity;
	return true;
}

/* NULL: there is no room for it. */
static struct drop_count *find_or_add(struct drop_counts *counts, const struct drop_reason *reason,
                                      const char *interface)
{
	size_t at = lower_bound(counts, reason, interface);
	if (at < counts->count && compare(&counts->items[at], reason, interface) == 0)
		return &counts->items[at];
	if (!make_room(counts))
		return NULL;
	struct drop_count *item = &counts->items[at];
	memmove(item + 1, item, (counts->count - at) * sizeof(*item));
	counts->count++;
	*item = (struct drop_count){.reason = reason};
	strncpy(item->interface, interface, sizeof(item->interface) - 1);
	return item;
}

void drop_counts_seen(struct drop_counts *counts, const struct drop_reason *reason,
                      const char *interface)
{
	struct drop_count *item = find_or_add(counts, reason, interface);
	if (item)
		item->seen++;
}

void drop_counts_read(struct drop_counts *counts, const struct drop_reason *reason,
                      const char *interface, uint64_t packets)
{
	struct drop_count *item = find_or_add(counts, reason, interface);
	if (!item)
		return;
	/* A counter that is smaller than it was has begun anew, with its set. */
	uint64_t before = packets < item->kernel ? 0 : item->kernel;
	if (counts->begun)
		item->dropped += packets - before;
	item->kernel = packets;
}

void drop_counts_end(struct drop_counts *counts)
{
	counts->begun = true;
	for (size_t i = 0; i < counts->count; i++) {
		struct drop_count *item = &counts->items[i];
		uint64_t unseen = item->due > item->seen ? item->due - item->seen : 0;
		item->news = unseen > item->told ? unseen - item->told : 0;
		item->told += item->news;
		item->due = item->dropped;
	}
}
