/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/draw/peer_ports.h"

/* Where a peer's range begins, or the first port behind it. Spans of one peer never touch, so at
 * no port does one begin twice. */
struct edge {
	uint8_t protocol;
	uint32_t port; /* up to 65536 */
	uint64_t peer;
};

static int compare_edges(const void *a, const void *b)
{
	const struct edge *x = a;
	const struct edge *y = b;
	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	return x->port < y->port ? -1 : x->port > y->port;
}

static int compare_masks(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;
	return *x < *y ? -1 : *x > *y;
}

static size_t count_spans(const struct rule_set *set)
{
	size_t count = 0;
	for (size_t i = 0; i < set->peer_count; i++)
		count += set->peers[i].span_count[MATCH_PORTS];
	return count;
}

static void collect_edges(const struct rule_set *set, struct edge *edges)
{
	for (size_t i = 0; i < set->peer_count; i++)
		for (size_t j = 0; j < set->peers[i].span_count[MATCH_PORTS]; j++) {
			const struct span *span = &set->peers[i].spans[MATCH_PORTS][j];
			uint64_t peer = UINT64_C(1) << i;
			*edges++ = (struct edge){span->protocol, span->low, peer};
			*edges++ = (struct edge){span->protocol, span->high + 1U, peer};
		}
}

static void add_segment(struct peer_ports *ports, const struct edge *from, uint32_t behind,
                        uint64_t peers)
{
	struct peer_segment *last =
		ports->segment_count ? &ports->segments[ports->segment_count - 1] : NULL;
	if (last && last->protocol == from->protocol && last->high + 1U == from->port &&
	    last->peers == peers)
		last->high = (uint16_t)(behind - 1);
	else
		ports->segments[ports->segment_count++] =
			(struct peer_segment){.protocol = from->protocol,
		                              .low = (uint16_t)from->port,
		                              .high = (uint16_t)(behind - 1),
		                              .peers = peers};
}

/* Every edge turns its peer on or off; between two edges nothing changes. */
static void sweep(struct peer_ports *ports, const struct edge *edges, size_t count)
{
	uint64_t peers = 0;
	for (size_t i = 0; i < count; i++) {
		peers ^= edges[i].peer;
		if (peers && edges[i + 1].port != edges[i].port)
			add_segment(ports, &edges[i], edges[i + 1].port, peers);
	}
}

static int list_masks(struct peer_ports *ports)
{
	size_t listed = 0;
	ports->lists = calloc(ports->segment_count + 1, sizeof(*ports->lists));
	if (!ports->lists)
		return -ENOMEM;
	for (size_t i = 0; i < ports->segment_count; i++)
		ports->lists[i] = ports->segments[i].peers;
	qsort(ports->lists, ports->segment_count, sizeof(*ports->lists), compare_masks);
	for (size_t i = 0; i < ports->segment_count; i++)
		if (ports->list_count == 0 ||
		    ports->lists[ports->list_count - 1] != ports->lists[i])
			ports->lists[ports->list_count++] = ports->lists[i];
	for (size_t i = 0; i < ports->list_count; i++)
		listed += (size_t)__builtin_popcountll(ports->lists[i]);
	return listed <= PEER_PORTS_LISTED_MAX ? 0 : -E2BIG;
}

int peer_ports_make(const struct rule_set *set, struct peer_ports *ret)
{
	struct peer_ports ports = {0};
	size_t count = 2 * count_spans(set);
	memset(ret, 0, sizeof(*ret));
	if (count == 0)
		return 0;
	if (set->peer_count > PEER_PORTS_PEERS_MAX)
		return -E2BIG;
	int r = -ENOMEM;
	struct edge *edges = calloc(count, sizeof(*edges));
	ports.segments = calloc(count, sizeof(*ports.segments));
	if (edges && ports.segments) {
		collect_edges(set, edges);
		qsort(edges, count, sizeof(*edges), compare_edges);
		sweep(&ports, edges, count);
		r = list_masks(&ports);
	}
	free(edges);
	if (r < 0)
		peer_ports_done(&ports);
	else
		*ret = ports;
	return r;
}

void peer_ports_done(struct peer_ports *ports)
{
	free(ports->segments);
	free(ports->lists);
	memset(ports, 0, sizeof(*ports));
}
