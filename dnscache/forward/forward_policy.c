/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/forward/forwarder.h"

static void shuffle(struct forwarder *forwarder, uint8_t *list, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t other = forward_random_below(&forwarder->random, (unsigned)i);
		uint8_t kept = list[i - 1];
		list[i - 1] = list[other];
		list[other] = kept;
	}
}

static void by_policy(struct forwarder *forwarder, uint8_t *list)
{
	size_t count = forwarder->upstream_count;
	size_t first = 0;
	if (forwarder->settings->policy == FORWARD_ROUND_ROBIN && count > 0)
		first = forwarder->turn++ % count;
	for (size_t i = 0; i < count; i++)
		list[i] = (uint8_t)((first + i) % count);
	if (forwarder->settings->policy == FORWARD_RANDOM)
		shuffle(forwarder, list, count);
}

size_t forward_policy_order(struct forwarder *forwarder,
                            uint8_t order[static FORWARD_UPSTREAMS_MAX])
{
	uint8_t list[FORWARD_UPSTREAMS_MAX] = {0};
	size_t count = 0;
	by_policy(forwarder, list);
	for (int suspected = 0; suspected < 2; suspected++)
		for (size_t i = 0; i < forwarder->upstream_count; i++) {
			const struct upstream *upstream = &forwarder->upstreams[list[i]];
			if (!upstream_down(upstream) && upstream_suspected(upstream) == suspected)
				order[count++] = list[i];
		}
	if (count > 0 || forwarder->settings->failfast)
		return count;
	forward_count(&forwarder->counters.broken, 1);
	order[0] = (uint8_t)forward_random_below(&forwarder->random,
	                                         (unsigned)forwarder->upstream_count);
	return 1;
}
