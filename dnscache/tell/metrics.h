/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_METRICS_H
#define PODSG_DNS_METRICS_H

/* /metrics: CoreDNS's names and labels, as dashboards and alerts ask for them, and podsg_dns_* of
 * our own. For the main thread. */

#include "dnscache/node/network.h"
#include "dnscache/serve/worker.h"
#include "dnscache/tell/counter_table.h"

/* What the page is made of; everything is the daemon's. */
struct metrics_view {
	const struct counter_table *counters;
	struct worker *const *workers;
	unsigned worker_count;
	const struct plan *plan;
	struct cache *cache;
	const struct permissions *permissions; /* NULL: no branches.json */
	struct network *network;               /* NULL: none was set up */
	uint64_t setup_errors[NETWORK_TROUBLES];
	uint64_t config_errors; /* errortype="configmap" */
	uint64_t reloads_failed;
	uint64_t health_failures;
	const struct histogram *health_durations;
	bool looping;
	bool legacy; /* --legacy-metrics */
	uint64_t permissions_read_failures;
};

/* malloc'd; NULL: no memory. */
char *dns_metrics_page(const struct metrics_view *view, size_t *length);

#endif
