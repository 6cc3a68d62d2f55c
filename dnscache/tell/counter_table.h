/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_COUNTER_TABLE_H
#define PODSG_DNS_COUNTER_TABLE_H

/* The counters of all zones at all addresses that were ever served, by name: they go on over
 * reloads of the Corefile. For the main thread. */

#include "dnscache/tell/counters.h"

#define COUNTER_ROWS_MAX 4096
#define COUNTER_SERVER_MAX 64
#define COUNTER_DROPPED "dropped" /* what CoreDNS calls the zone of queries that are of none */

struct counter_row {
	char server[COUNTER_SERVER_MAX]; /* "dns://169.254.20.10:53" */
	char *zone;                      /* "cluster.local." */
	struct zone_counters **workers;
};

struct counter_table;

struct counter_table *counter_table_new(unsigned workers); /* NULL: no memory */
void counter_table_free(struct counter_table *table);      /* accepts NULL */

/* Makes the row where there is none. NULL: no memory, or COUNTER_ROWS_MAX. */
const struct counter_row *counter_table_row(struct counter_table *table, const char *server,
                                            const char *zone);
size_t counter_table_count(const struct counter_table *table);
const struct counter_row *counter_table_at(const struct counter_table *table, size_t i);

#endif
