/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "dnscache/tell/metrics_parts.h"

/* A row of the table, summed over the workers. */
struct zone_sum {
	const struct counter_row *row;
	struct zone_counters counters;
};

static const char *const protocols[] = {"udp", "tcp"};
static const char *const families[] = {"1", "2"};

static void sum_row(const struct metrics_view *view, size_t i, struct zone_sum *ret)
{
	tally_value *to = (tally_value *)&ret->counters;
	memset(ret, 0, sizeof(*ret));
	ret->row = counter_table_at(view->counters, i);
	for (unsigned w = 0; w < view->worker_count; w++) {
		const tally_value *from = (const tally_value *)ret->row->workers[w];
		for (size_t n = 0; n < sizeof(ret->counters) / sizeof(tally_value); n++)
			tally_add(&to[n], tally_read(&from[n]));
	}
}

/* server, zone and view, which every family of a zone has. */
static size_t zone_labels(const struct zone_sum *sum, struct sample_label *labels)
{
	labels[0] = (struct sample_label){"server", sum->row->server};
	labels[1] = (struct sample_label){"zone", sum->row->zone};
	labels[2] = (struct sample_label){"view", ""};
	return 3;
}

/* Queries of no zone. */
static bool is_dropped(const struct zone_sum *sum)
{
	return strcmp(sum->row->zone, COUNTER_DROPPED) == 0;
}

static bool is_used(const struct zone_sum *sum)
{
	uint64_t requests = 0;
	for (int p = 0; p < COUNT_PROTOCOLS; p++)
		for (int f = 0; f < COUNT_FAMILIES; f++)
			for (unsigned t = 0; t < COUNT_TYPES; t++)
				requests += tally_read(&sum->counters.requests[p][f][t]);
	return requests > 0;
}

static void expose_requests(FILE *out, const struct zone_sum *sum)
{
	struct sample_label labels[6];
	size_t count = zone_labels(sum, labels);
	for (int p = 0; p < COUNT_PROTOCOLS; p++)
		for (int f = 0; f < COUNT_FAMILIES; f++)
			for (unsigned t = 0; t < COUNT_TYPES; t++) {
				uint64_t value = tally_read(&sum->counters.requests[p][f][t]);
				if (value == 0)
					continue;
				labels[count] = (struct sample_label){"proto", protocols[p]};
				labels[count + 1] = (struct sample_label){"family", families[f]};
				labels[count + 2] =
					(struct sample_label){"type", count_type_name(t)};
				expose_sample(out, "coredns_dns_requests_total", labels, count + 3,
				              (double)value);
			}
}

static void expose_responses(FILE *out, const struct zone_sum *sum)
{
	struct sample_label labels[5];
	size_t count = zone_labels(sum, labels);
	for (int s = 0; s < COUNT_SOURCES; s++)
		for (uint16_t r = 0; r < COUNT_RCODES; r++) {
			char rcode[DNS_NUMBER_TEXT_MAX];
			uint64_t value = tally_read(&sum->counters.responses[s][r]);
			if (value == 0)
				continue;
			labels[count] = (struct sample_label){"rcode", dns_rcode_text(r, rcode)};
			labels[count + 1] = (struct sample_label){"plugin", count_source_names[s]};
			expose_sample(out, "coredns_dns_responses_total", labels, count + 2,
			              (double)value);
		}
}

static void expose_durations(FILE *out, const struct zone_sum *sum)
{
	struct sample_label labels[3];
	uint64_t counts[COUNT_DURATIONS];
	size_t count = zone_labels(sum, labels);
	for (size_t i = 0; i < COUNT_DURATIONS; i++)
		counts[i] = tally_read(&sum->counters.duration[i]);
	expose_buckets(out, "coredns_dns_request_duration_seconds", labels, count,
	               metrics_durations, COUNT_DURATIONS - 1, counts,
	               (double)tally_read(&sum->counters.duration_sum) / 1e6);
}

static void expose_sizes(FILE *out, const char *name, const struct zone_sum *sum,
                         const struct count_sizes *sizes)
{
	struct sample_label labels[4];
	size_t count = zone_labels(sum, labels);
	for (int p = 0; p < COUNT_PROTOCOLS; p++) {
		uint64_t counts[COUNT_SIZES];
		for (size_t i = 0; i < COUNT_SIZES; i++)
			counts[i] = tally_read(&sizes[p].bucket[i]);
		labels[count] = (struct sample_label){"proto", protocols[p]};
		expose_buckets(out, name, labels, count + 1, count_size_bounds, COUNT_SIZES - 1,
		               counts, (double)tally_read(&sizes[p].sum));
	}
}

/* The label "zones", as CoreDNS's cache has it. */
static void expose_cache(FILE *out, const char *name, const struct zone_sum *sum, const char *type,
                         uint64_t value)
{
	struct sample_label labels[4] = {{"server", sum->row->server},
	                                 {"zones", sum->row->zone},
	                                 {"view", ""},
	                                 {"type", type}};
	if (!is_dropped(sum))
		expose_sample(out, name, labels, type ? 4 : 3, (double)value);
}

static void expose_hits(FILE *out, const struct zone_sum *sum)
{
	static const char *const types[] = {"success", "denial"};
	for (int i = 0; i < 2; i++)
		expose_cache(out, "coredns_cache_hits_total", sum, types[i],
		             tally_read(&sum->counters.cache_hits[i]));
}

static void each_zone(FILE *out, const struct zone_sum *sums, size_t count, const char *name,
                      const char *type, const char *help,
                      void (*expose)(FILE *out, const struct zone_sum *sum))
{
	expose_family(out, name, type, help);
	for (size_t i = 0; i < count; i++)
		expose(out, &sums[i]);
}

static void expose_dnssec_ok(FILE *out, const struct zone_sum *sum)
{
	struct sample_label labels[3];
	size_t count = zone_labels(sum, labels);
	expose_sample(out, "coredns_dns_do_requests_total", labels, count,
	              (double)tally_read(&sum->counters.dnssec_ok));
}

static void expose_request_sizes(FILE *out, const struct zone_sum *sum)
{
	expose_sizes(out, "coredns_dns_request_size_bytes", sum, sum->counters.request_size);
}

static void expose_response_sizes(FILE *out, const struct zone_sum *sum)
{
	expose_sizes(out, "coredns_dns_response_size_bytes", sum, sum->counters.response_size);
}

#define CACHE_FAMILY(member, help)                                                                 \
	{                                                                                          \
		offsetof(struct zone_counters, cache_##member), "coredns_cache_" #member "_total", \
			help                                                                       \
	}

static void expose_cache_families(FILE *out, const struct zone_sum *sums, size_t count)
{
	static const struct {
		size_t offset;
		const char *name;
		const char *help;
	} families_of_cache[] = {
		CACHE_FAMILY(requests, "Questions that were looked up."),
		CACHE_FAMILY(misses, "Questions that were not in the cache."),
		CACHE_FAMILY(drops, "Answers to another question."),
		{offsetof(struct zone_counters, cache_prefetches), "coredns_cache_prefetch_total",
	         "Answers that were asked for again before their end."},
		{offsetof(struct zone_counters, cache_stale), "coredns_cache_served_stale_total",
	         "Answers behind their end, in want of better ones."},
	};
	for (size_t f = 0; f < sizeof(families_of_cache) / sizeof(families_of_cache[0]); f++) {
		expose_family(out, families_of_cache[f].name, "counter", families_of_cache[f].help);
		for (size_t i = 0; i < count; i++) {
			const uint8_t *base = (const uint8_t *)&sums[i].counters;
			const tally_value *value =
				(const tally_value *)(const void *)(base +
			                                            families_of_cache[f].offset);
			expose_cache(out, families_of_cache[f].name, &sums[i], NULL,
			             tally_read(value));
		}
	}
	each_zone(out, sums, count, "coredns_cache_hits_total", "counter",
	          "Answers from the cache.", expose_hits);
}

/* One cache for all zones: its size stands under the first server and all zones. */
static void expose_cache_size(FILE *out, const struct metrics_view *view)
{
	static const char *const types[] = {"success", "denial"};
	struct cache_statistics cache;
	const char *server = counter_table_count(view->counters) > 0
	                             ? counter_table_at(view->counters, 0)->server
	                             : "";
	cache_statistics(view->cache, &cache);
	for (int family = 0; family < 2; family++) {
		const char *name =
			family ? "coredns_cache_evictions_total" : "coredns_cache_entries";
		expose_family(out, name, family ? "counter" : "gauge",
		              family ? "Answers that went for others." : "Answers in the cache.");
		for (int i = 0; i < 2; i++) {
			struct sample_label labels[] = {{"server", server},
			                                {"type", types[i]},
			                                {"zones", "."},
			                                {"view", ""}};
			expose_sample(out, name, labels, 4,
			              (double)(family ? cache.evictions[i] : cache.entries[i]));
		}
	}
}

static void expose_plugins(FILE *out, const struct plan *plan, const struct zone_sum *sums,
                           size_t count)
{
	expose_family(out, "coredns_plugin_enabled", "gauge", "Plugins of a zone.");
	for (size_t e = 0; e < plan->endpoint_count; e++)
		for (size_t z = 0; z < plan->endpoints[e].zone_count; z++) {
			const struct plan_zone *zone = &plan->endpoints[e].zones[z];
			const struct server_block *block = zone->block->settings;
			const struct {
				const char *name;
				bool enabled;
			} plugins[] = {
				{"cache", block->cache.present},
				{"forward", block->forward_count},
				{"errors", block->errors.present},
				{"log", block->log.present},
				{"loop", block->loop},
				{"reload", block->reload.present},
				{"prometheus", block->prometheus.address},
				{"health", block->health.address},
				{"hosts", block->hosts},
				{"rewrite", block->rewrite_count},
				{"template", block->template_count},
				{"dns64", block->dns64.present},
				{"loadbalance", block->loadbalance},
			};
			for (size_t i = 0; i < count; i++) {
				if (sums[i].row->workers != (void *)(uintptr_t)zone->counters)
					continue;
				struct sample_label labels[4];
				size_t n = zone_labels(&sums[i], labels);
				for (size_t p = 0; p < sizeof(plugins) / sizeof(plugins[0]); p++) {
					labels[n] = (struct sample_label){"name", plugins[p].name};
					if (plugins[p].enabled)
						expose_sample(out, "coredns_plugin_enabled", labels,
						              n + 1, 1);
				}
			}
		}
}

static void expose_by_type(FILE *out, const char *name, const struct zone_sum *sum,
                           const tally_value *values)
{
	struct sample_label labels[5];
	size_t count = zone_labels(sum, labels);
	labels[count] = (struct sample_label){"class", "IN"};
	for (unsigned t = 0; t < COUNT_TYPES; t++) {
		uint64_t value = tally_read(&values[t]);
		labels[count + 1] = (struct sample_label){"type", count_type_name(t)};
		if (value > 0)
			expose_sample(out, name, labels, count + 2, (double)value);
	}
}

static void expose_template_matches(FILE *out, const struct zone_sum *sum)
{
	expose_by_type(out, "coredns_template_matches_total", sum, sum->counters.template_matches);
}

static void expose_template_failures(FILE *out, const struct zone_sum *sum)
{
	expose_by_type(out, "coredns_template_template_failures_total", sum,
	               sum->counters.template_failures);
}

static void expose_record_failures(FILE *out, const struct zone_sum *sum)
{
	expose_by_type(out, "coredns_template_rr_failures_total", sum,
	               sum->counters.template_record_failures);
}

/* By server alone: the zones of one add up. */
static void expose_translated(FILE *out, const struct zone_sum *sums, size_t count)
{
	const char *name = "coredns_dns64_requests_translated_total";
	expose_family(out, name, "counter", "AAAA answers made from A records.");
	for (size_t i = 0; i < count; i++) {
		const char *server = sums[i].row->server;
		uint64_t value = 0;
		bool told = false;
		for (size_t j = 0; j < count; j++) {
			if (strcmp(sums[j].row->server, server) != 0)
				continue;
			told = told || j < i;
			value += tally_read(&sums[j].counters.dns64_translated);
		}
		struct sample_label label = {"server", server};
		if (!told)
			expose_sample(out, name, &label, 1, (double)value);
	}
}

void metrics_zones(FILE *out, const struct metrics_view *view)
{
	size_t rows = counter_table_count(view->counters);
	size_t count = 0;
	struct zone_sum *sums = calloc(rows + 1, sizeof(*sums));
	if (!sums)
		return;
	for (size_t i = 0; i < rows; i++) {
		sum_row(view, i, &sums[count]);
		if (!is_dropped(&sums[count]) || is_used(&sums[count]))
			count++;
	}
	each_zone(out, sums, count, "coredns_dns_requests_total", "counter", "Queries.",
	          expose_requests);
	each_zone(out, sums, count, "coredns_dns_responses_total", "counter",
	          "Answers by rcode and who made them.", expose_responses);
	each_zone(out, sums, count, "coredns_dns_request_duration_seconds", "histogram",
	          "From a query to its answer.", expose_durations);
	each_zone(out, sums, count, "coredns_dns_request_size_bytes", "histogram",
	          "Sizes of queries.", expose_request_sizes);
	each_zone(out, sums, count, "coredns_dns_response_size_bytes", "histogram",
	          "Sizes of answers.", expose_response_sizes);
	each_zone(out, sums, count, "coredns_dns_do_requests_total", "counter", "Queries with DO.",
	          expose_dnssec_ok);
	each_zone(out, sums, count, "coredns_template_matches_total", "counter",
	          "Questions that a template was for.", expose_template_matches);
	each_zone(out, sums, count, "coredns_template_template_failures_total", "counter",
	          "Templates that could not be expanded.", expose_template_failures);
	each_zone(out, sums, count, "coredns_template_rr_failures_total", "counter",
	          "Templates that became no record.", expose_record_failures);
	expose_translated(out, sums, count);
	expose_cache_families(out, sums, count);
	expose_cache_size(out, view);
	expose_plugins(out, view->plan, sums, count);
	free(sums);
}
