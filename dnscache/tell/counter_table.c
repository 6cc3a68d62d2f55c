/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/tell/counter_table.h"

struct counter_table {
	unsigned workers;
	struct counter_row **rows; /* each stays where it is: workers point into it */
	size_t count;
};

struct counter_table *counter_table_new(unsigned workers)
{
	struct counter_table *table = calloc(1, sizeof(*table));
	if (table)
		table->workers = workers;
	return table;
}

static void free_row(struct counter_row *row, unsigned workers)
{
	for (unsigned i = 0; row->workers && i < workers; i++)
		free(row->workers[i]);
	free(row->workers);
	free(row->zone);
	free(row);
}

void counter_table_free(struct counter_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->count; i++)
		free_row(table->rows[i], table->workers);
	free(table->rows);
	free(table);
}

static struct counter_row *new_row(const char *server, const char *zone, unsigned workers)
{
	struct counter_row *row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	snprintf(row->server, sizeof(row->server), "%s", server);
	row->zone = strdup(zone);
	row->workers = calloc(workers, sizeof(*row->workers));
	bool failed = !row->zone || !row->workers;
	for (unsigned i = 0; !failed && i < workers; i++) {
		/* A line of its own: two workers never write to one. */
		size_t size = (sizeof(struct zone_counters) + 63) / 64 * 64;
		row->workers[i] = aligned_alloc(64, size);
		failed = !row->workers[i];
		if (!failed)
			memset(row->workers[i], 0, size);
	}
	if (!failed)
		return row;
	free_row(row, workers);
	return NULL;
}

const struct counter_row *counter_table_row(struct counter_table *table, const char *server,
                                            const char *zone)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->rows[i]->server, server) == 0 &&
		    strcmp(table->rows[i]->zone, zone) == 0)
			return table->rows[i];
	if (table->count == COUNTER_ROWS_MAX)
		return NULL;
	struct counter_row **rows =
		reallocarray(table->rows, table->count + 1, sizeof(*table->rows));
	if (!rows)
		return NULL;
	table->rows = rows;
	struct counter_row *row = new_row(server, zone, table->workers);
	if (row)
		table->rows[table->count++] = row;
	return row;
}

size_t counter_table_count(const struct counter_table *table)
{
	return table->count;
}

const struct counter_row *counter_table_at(const struct counter_table *table, size_t i)
{
	return table->rows[i];
}
