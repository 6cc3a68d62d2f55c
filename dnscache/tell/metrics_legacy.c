/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/tell/metrics_parts.h"

/* What one sample of a family counts of a worker's counters; at: a place among those of the family,
 * which label says. */
struct family {
	const char *name;
	const char *help;
	const char *label;
	unsigned places;
	const char *(*text)(unsigned at, char *buffer);
	uint64_t (*count)(const struct zone_counters *counters, unsigned at);
};

static uint64_t count_protocol(const struct zone_counters *counters, unsigned at)
{
	uint64_t sum = 0;
	for (int f = 0; f < COUNT_FAMILIES; f++)
		for (unsigned t = 0; t < COUNT_TYPES; t++)
			sum += tally_read(&counters->requests[at][f][t]);
	return sum;
}

static uint64_t count_of_type(const struct zone_counters *counters, unsigned at)
{
	uint64_t sum = 0;
	for (int p = 0; p < COUNT_PROTOCOLS; p++)
		for (int f = 0; f < COUNT_FAMILIES; f++)
			sum += tally_read(&counters->requests[p][f][at]);
	return sum;
}

static uint64_t count_rcode(const struct zone_counters *counters, unsigned at)
{
	uint64_t sum = 0;
	for (int s = 0; s < COUNT_SOURCES; s++)
		sum += tally_read(&counters->responses[s][at]);
	return sum;
}

static const char *protocol_text(unsigned at, char *buffer)
{
	(void)buffer;
	return at == COUNT_TCP ? "tcp" : "udp";
}

static const char *type_text(unsigned at, char *buffer)
{
	(void)buffer;
	return count_type_name(at);
}

static const char *rcode_text(unsigned at, char *buffer)
{
	return dns_rcode_text((uint16_t)at, buffer);
}

static void expose_row(FILE *out, const struct family *family, const struct counter_row *row,
                       unsigned workers)
{
	for (unsigned at = 0; at < family->places; at++) {
		char buffer[DNS_NUMBER_TEXT_MAX];
		uint64_t sum = 0;
		for (unsigned w = 0; w < workers; w++)
			sum += family->count(row->workers[w], at);
		if (sum == 0)
			continue;
		struct sample_label labels[] = {{"server", row->server},
		                                {"zone", row->zone},
		                                {family->label, family->text(at, buffer)}};
		expose_sample(out, family->name, labels, 3, (double)sum);
	}
}

static void expose_cache_size(FILE *out, const struct metrics_view *view)
{
	static const char *const types[] = {"success", "denial"};
	struct cache_statistics cache;
	cache_statistics(view->cache, &cache);
	expose_family(out, "coredns_cache_size", "gauge", "Answers in the cache.");
	for (int i = 0; i < 2; i++) {
		struct sample_label label = {"type", types[i]};
		expose_sample(out, "coredns_cache_size", &label, 1, (double)cache.entries[i]);
	}
}

void metrics_legacy(FILE *out, const struct metrics_view *view)
{
	static const struct family list[] = {
		{"coredns_dns_request_count_total", "Queries.", "proto", COUNT_PROTOCOLS,
	         protocol_text, count_protocol},
		{"coredns_dns_request_type_count_total", "Queries by type.", "type", COUNT_TYPES,
	         type_text, count_of_type},
		{"coredns_dns_response_rcode_count_total", "Answers by rcode.", "rcode",
	         COUNT_RCODES, rcode_text, count_rcode},
	};
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		expose_family(out, list[i].name, "counter", list[i].help);
		for (size_t row = 0; row < counter_table_count(view->counters); row++)
			expose_row(out, &list[i], counter_table_at(view->counters, row),
			           view->worker_count);
	}
	expose_cache_size(out, view);
	expose_one(out, "coredns_panic_count_total", "counter",
	           "Always 0: a crash ends the process.", 0);
}
