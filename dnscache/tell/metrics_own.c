/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/plugin/hosts.h"
#include "dnscache/serve/listener.h"
#include "dnscache/tell/metrics_parts.h"
#include "dnscache/tell/query_log.h"

static uint64_t sum_workers(const struct metrics_view *view, size_t offset)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < view->worker_count; i++) {
		const uint8_t *base = (const uint8_t *)worker_counters(view->workers[i]);
		sum += tally_read((const tally_value *)(const void *)(base + offset));
	}
	return sum;
}

#define SUM(view, member) (double)sum_workers(view, offsetof(struct worker_counters, member))

static uint64_t sum_now(const struct metrics_view *view,
                        uint32_t (*now)(const struct worker_counters *counters))
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < view->worker_count; i++)
		sum += now(worker_counters(view->workers[i]));
	return sum;
}

static uint32_t in_flight(const struct worker_counters *counters)
{
	return atomic_load_explicit(&counters->in_flight, memory_order_relaxed);
}

static uint32_t waiting(const struct worker_counters *counters)
{
	return atomic_load_explicit(&counters->waiting, memory_order_relaxed);
}

static uint32_t connections(const struct worker_counters *counters)
{
	return atomic_load_explicit(&counters->connections, memory_order_relaxed);
}

/* By pod where a table says whose address it is, else with an empty one. */
static void expose_refused(FILE *out, const struct metrics_view *view)
{
	const char *name = "podsg_dns_refused_total";
	expose_family(out, name, "counter", "Queries that were refused, by reason and pod.");
	for (int i = REFUSAL_RATE; i < REFUSALS; i++) {
		struct sample_label labels[] = {{"reason", refusal_names[i]}, {"pod", ""}};
		expose_sample(out, name, labels, 2,
		              (double)sum_workers(view, offsetof(struct worker_counters, refused) +
		                                                (size_t)i * sizeof(tally_value)));
	}
	size_t count = view->permissions ? branches_client_count(view->permissions->branches) : 0;
	for (size_t i = 0; i < count; i++) {
		const struct branch_client *client =
			branches_client(view->permissions->branches, i);
		enum refusal why = client->strict ? REFUSAL_STRICT : REFUSAL_GROUPS;
		struct sample_label labels[] = {{"reason", refusal_names[why]},
		                                {"pod", client->pod}};
		if (client->first)
			expose_sample(out, name, labels, 2,
			              (double)atomic_load_explicit(client->refused,
			                                           memory_order_relaxed));
	}
}

static double queue_drops(const struct plan *plan)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < plan->endpoint_count; i++)
		sum += listener_queue_drops(plan->endpoints[i].listener);
	return (double)sum;
}

static void expose_hosts(FILE *out, const struct plan *plan)
{
	size_t entries = 0;
	time_t loaded = 0;
	for (size_t i = 0; i < plan->block_count; i++)
		if (plan->blocks[i].hosts) {
			entries += hosts_entry_count(plan->blocks[i].hosts);
			loaded = hosts_loaded_at(plan->blocks[i].hosts);
		}
	expose_one(out, "coredns_hosts_entries", "gauge", "Entries of hosts files.",
	           (double)entries);
	expose_one(out, "coredns_hosts_reload_timestamp_seconds", "gauge",
	           "When a hosts file was read last.", (double)loaded);
}

/* Without rules of ours, the kernel counts nothing. */
static void expose_network(FILE *out, struct network *network)
{
	struct network_counters counters;
	if (!network || network_counters(network, &counters, NULL) < 0)
		return;
	expose_one(out, "podsg_dns_intercepted_packets_total", "counter",
	           "Packets to the listen addresses, taken off connection tracking.",
	           (double)counters.queries);
	expose_one(out, "podsg_dns_answered_packets_total", "counter", "Packets that went back.",
	           (double)counters.answers);
	expose_one(out, "podsg_dns_passed_packets_total", "counter",
	           "Packets of strict interfaces, left alone.", (double)counters.passed);
}

static void expose_work(FILE *out, const struct metrics_view *view)
{
	expose_one(out, "podsg_dns_coalesced_total", "counter",
	           "Queries that waited for a question that was in flight already.",
	           SUM(view, coalesced));
	expose_one(out, "podsg_dns_overloaded_total", "counter",
	           "Queries answered SERVFAIL or stale because too much was in flight.",
	           SUM(view, overloaded));
	expose_one(out, "podsg_dns_dropped_total", "counter",
	           "Packets that are no queries and got no answer.", SUM(view, dropped));
	expose_one(out, "podsg_dns_malformed_total", "counter",
	           "Queries that were answered FORMERR, NOTIMP, BADVERS or REFUSED for their form.",
	           SUM(view, malformed));
	expose_one(out, "podsg_dns_send_failures_total", "counter",
	           "Answers that the kernel did not take.", SUM(view, send_failures));
	expose_one(out, "podsg_dns_receive_queue_drops_total", "counter",
	           "Packets that found the sockets' queues full.", queue_drops(view->plan));
	expose_one(out, "podsg_dns_questions_in_flight", "gauge", "Questions upstream.",
	           (double)sum_now(view, in_flight));
	expose_one(out, "podsg_dns_queries_waiting", "gauge", "Queries that wait for them.",
	           (double)sum_now(view, waiting));
	expose_one(out, "podsg_dns_tcp_connections", "gauge", "Connections of clients.",
	           (double)sum_now(view, connections));
	expose_one(out, "podsg_dns_tcp_connections_total", "counter", "Connections accepted.",
	           SUM(view, tcp_accepted));
}

void metrics_own(FILE *out, const struct metrics_view *view)
{
	struct cache_statistics cache;
	cache_statistics(view->cache, &cache);
	expose_refused(out, view);
	expose_work(out, view);
	expose_network(out, view->network);
	expose_one(out, "podsg_dns_cache_bytes", "gauge", "What answers take.",
	           (double)cache.bytes);
	expose_one(out, "podsg_dns_cache_capacity_bytes", "gauge", "What they may take.",
	           (double)cache.capacity);
	expose_one(out, "podsg_dns_forwarding_loop", "gauge",
	           "1: an upstream sends questions back; its zone is not forwarded.",
	           view->looping);
	expose_one(out, "podsg_dns_branches_refused_total", "counter",
	           "Versions of branches.json that could not be read.",
	           (double)view->permissions_read_failures);
	expose_one(out, "coredns_health_request_failures_total", "counter",
	           "Questions to itself without an answer.", (double)view->health_failures);
	expose_histogram(out, "coredns_health_request_duration_seconds",
	                 "From a question to itself to its answer.", view->health_durations);
	expose_one(out, "podsg_dns_log_lines_lost_total", "counter",
	           "Lines of `log` that nobody took.", (double)query_log_lost());
	expose_hosts(out, view->plan);
	expose_one(out, "go_goroutines", "gauge", "Threads: what dashboards of CoreDNS plot.",
	           view->worker_count + 1);
}
