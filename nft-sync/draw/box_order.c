/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "nft-sync/draw/box_order.h"

/* A prefix that holds the present one, and its boxes so far. */
struct level {
	const struct prefix *prefix;
	size_t boxes;
};

/* The most boxes that hold one address: prefixes nest or are disjoint, and are sorted so. */
static size_t most_at_an_address(const struct box_set *set)
{
	struct level levels[129]; /* one for each length there is */
	unsigned depth = 0;
	size_t here = 0;
	size_t most = 0;
	for (size_t i = 0; i < set->count; i++) {
		const struct prefix *prefix = &set->boxes[i].prefix;
		while (depth > 0 && !prefix_contains(levels[depth - 1].prefix, prefix))
			here -= levels[--depth].boxes;
		if (depth == 0 || !prefix_equal(levels[depth - 1].prefix, prefix))
			levels[depth++] = (struct level){.prefix = prefix};
		levels[depth - 1].boxes++;
		here++;
		most = here > most ? here : most;
	}
	return most;
}

static int compare_edges(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;
	return *x < *y ? -1 : *x > *y;
}

/* The most boxes that hold one port, whatever the protocol. An edge is twice the port, where a
 * range ends one more: so that it ends behind those that begin there. */
static size_t most_at_a_port(const struct box_set *set)
{
	uint32_t *edges = reallocarray(NULL, 2 * set->count, sizeof(*edges));
	size_t now = 0;
	size_t most = 0;
	if (!edges)
		return SIZE_MAX;
	for (size_t i = 0; i < set->count; i++) {
		edges[2 * i] = 2U * set->boxes[i].span.low;
		edges[2 * i + 1] = 2U * set->boxes[i].span.high + 1;
	}
	qsort(edges, 2 * set->count, sizeof(*edges), compare_edges);
	for (size_t i = 0; i < 2 * set->count; i++) {
		now += edges[i] % 2 ? (size_t)-1 : 1;
		most = now > most ? now : most;
	}
	free(edges);
	return most;
}

bool box_set_port_first(const struct box_set *set)
{
	return set->class == MATCH_PORTS && set->count > 1 &&
	       most_at_a_port(set) < most_at_an_address(set);
}
