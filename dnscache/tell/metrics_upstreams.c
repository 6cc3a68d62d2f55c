/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/tell/metrics_parts.h"

#define UPSTREAMS_MAX 256 /* on the page; Corefiles name a handful */

struct upstream_sum {
	struct sockaddr_in6 address; /* either family's */
	char to[64];                 /* "10.0.0.10:53" */
	struct upstream_counters counters;
};

struct upstream_sums {
	struct upstream_sum *list;
	size_t count;
};

static void write_address(const struct sockaddr *address, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "";
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
		(void)inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
		snprintf(text, size, "%s:%u", host, ntohs(four->sin_port));
	} else {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
		(void)inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
		snprintf(text, size, "[%s]:%u", host, ntohs(six->sin6_port));
	}
}

static struct upstream_sum *sum_of(struct upstream_sums *sums, const char *to)
{
	for (size_t i = 0; i < sums->count; i++)
		if (strcmp(sums->list[i].to, to) == 0)
			return &sums->list[i];
	if (sums->count == UPSTREAMS_MAX)
		return NULL;
	struct upstream_sum *sum = &sums->list[sums->count++];
	snprintf(sum->to, sizeof(sum->to), "%s", to);
	return sum;
}

static void add(void *context, const struct sockaddr *address,
                const struct upstream_counters *counters)
{
	char to[64];
	write_address(address, to, sizeof(to));
	struct upstream_sum *sum = sum_of(context, to);
	tally_value *into = (tally_value *)(sum ? &sum->counters : NULL);
	const tally_value *from = (const tally_value *)counters;
	for (size_t i = 0; into && i < sizeof(*counters) / sizeof(tally_value); i++)
		tally_add(&into[i], tally_read(&from[i]));
}

static void expose_rcodes(FILE *out, const char *name, const struct upstream_sum *sum)
{
	for (uint16_t r = 0; r < FORWARD_RCODES; r++) {
		char rcode[DNS_NUMBER_TEXT_MAX];
		uint64_t value = tally_read(&sum->counters.responses[r]);
		struct sample_label labels[] = {{"to", sum->to},
		                                {"rcode", dns_rcode_text(r, rcode)}};
		if (value > 0)
			expose_sample(out, name, labels, 2, (double)value);
	}
}

static void expose_durations(FILE *out, const char *name, const struct upstream_sum *sum,
                             bool proxy)
{
	for (uint16_t r = 0; r < FORWARD_RCODES; r++) {
		uint64_t counts[FORWARD_BUCKETS];
		char rcode[DNS_NUMBER_TEXT_MAX];
		struct sample_label labels[] = {{"to", sum->to},
		                                {"rcode", dns_rcode_text(r, rcode)},
		                                {"proxy_name", "forward"}};
		if (tally_read(&sum->counters.responses[r]) == 0)
			continue;
		for (size_t i = 0; i < FORWARD_BUCKETS; i++)
			counts[i] = tally_read(&sum->counters.duration_bucket[r][i]);
		expose_buckets(out, name, labels, proxy ? 3 : 2, metrics_durations,
		               FORWARD_BUCKETS - 1, counts,
		               (double)tally_read(&sum->counters.duration_sum[r]) / 1e6);
	}
}

static void expose_tally(FILE *out, const char *name, const struct upstream_sum *sum, bool proxy,
                         const tally_value *value)
{
	struct sample_label labels[] = {{"to", sum->to}, {"proxy_name", "forward"}};
	expose_sample(out, name, labels, proxy ? 2 : 1, (double)tally_read(value));
}

static void expose_connections(FILE *out, const char *name, const struct upstream_sum *sum,
                               const tally_value *by_protocol)
{
	static const char *const protocols[] = {"udp", "tcp"};
	for (int p = 0; p < 2; p++) {
		struct sample_label labels[] = {
			{"proxy_name", "forward"}, {"to", sum->to}, {"proto", protocols[p]}};
		expose_sample(out, name, labels, 3, (double)tally_read(&by_protocol[p]));
	}
}

#define EACH_SUM                                                                                   \
	for (const struct upstream_sum *sum = sums->list; sum < sums->list + sums->count; sum++)

static void expose_proxy(FILE *out, const struct upstream_sums *sums)
{
	expose_family(out, "coredns_proxy_request_duration_seconds", "histogram",
	              "From a question to the upstream's answer.");
	EACH_SUM
	expose_durations(out, "coredns_proxy_request_duration_seconds", sum, true);
	expose_family(out, "coredns_proxy_healthcheck_failures_total", "counter",
	              "Health checks without an answer.");
	EACH_SUM
	expose_tally(out, "coredns_proxy_healthcheck_failures_total", sum, true,
	             &sum->counters.health_failures);
	expose_family(out, "coredns_proxy_conn_cache_hits_total", "counter",
	              "Questions over a socket that was open.");
	EACH_SUM
	expose_connections(out, "coredns_proxy_conn_cache_hits_total", sum,
	                   sum->counters.connections_reused);
	expose_family(out, "coredns_proxy_conn_cache_misses_total", "counter",
	              "Questions that a socket was opened for.");
	EACH_SUM
	expose_connections(out, "coredns_proxy_conn_cache_misses_total", sum,
	                   sum->counters.connections_new);
}

/* Names of older CoreDNS that the common dashboards ask for. */
static void expose_forward(FILE *out, const struct upstream_sums *sums)
{
	expose_family(out, "coredns_forward_requests_total", "counter", "Questions sent.");
	EACH_SUM
	expose_tally(out, "coredns_forward_requests_total", sum, false, &sum->counters.requests);
	expose_family(out, "coredns_forward_responses_total", "counter", "Answers by rcode.");
	EACH_SUM
	expose_rcodes(out, "coredns_forward_responses_total", sum);
	expose_family(out, "coredns_forward_request_duration_seconds", "histogram",
	              "From a question to the upstream's answer.");
	EACH_SUM
	expose_durations(out, "coredns_forward_request_duration_seconds", sum, false);
	expose_family(out, "coredns_forward_healthcheck_failures_total", "counter",
	              "Health checks without an answer.");
	EACH_SUM
	expose_tally(out, "coredns_forward_healthcheck_failures_total", sum, false,
	             &sum->counters.health_failures);
}

/* And of the oldest. */
static void expose_oldest(FILE *out, const struct upstream_sums *sums)
{
	expose_family(out, "coredns_forward_request_count_total", "counter", "Questions sent.");
	EACH_SUM
	expose_tally(out, "coredns_forward_request_count_total", sum, false,
	             &sum->counters.requests);
	expose_family(out, "coredns_forward_response_rcode_count_total", "counter",
	              "Answers by rcode.");
	EACH_SUM
	expose_rcodes(out, "coredns_forward_response_rcode_count_total", sum);
}

static void expose_own(FILE *out, const struct upstream_sums *sums)
{
	expose_family(out, "podsg_dns_upstream_timeouts_total", "counter",
	              "Questions that an upstream did not answer in time.");
	EACH_SUM
	expose_tally(out, "podsg_dns_upstream_timeouts_total", sum, false, &sum->counters.timeouts);
	expose_family(out, "podsg_dns_upstream_mismatches_total", "counter",
	              "Messages from an upstream that answer nothing that was asked.");
	EACH_SUM
	expose_tally(out, "podsg_dns_upstream_mismatches_total", sum, false,
	             &sum->counters.mismatches);
}

void metrics_upstreams(FILE *out, const struct metrics_view *view)
{
	struct upstream_sums sums = {.list = calloc(UPSTREAMS_MAX, sizeof(*sums.list))};
	uint64_t broken = 0, rejects = 0;
	if (!sums.list)
		return;
	for (unsigned i = 0; i < view->worker_count; i++) {
		uint64_t more_broken, more_rejects;
		worker_each_upstream(view->workers[i], add, &sums);
		worker_forward_counters(view->workers[i], &more_broken, &more_rejects);
		broken += more_broken;
		rejects += more_rejects;
	}
	expose_proxy(out, &sums);
	expose_forward(out, &sums);
	if (view->legacy)
		expose_oldest(out, &sums);
	expose_own(out, &sums);
	expose_one(out, "coredns_forward_healthcheck_broken_total", "counter",
	           "Questions while all upstreams were down.", (double)broken);
	expose_one(out, "coredns_forward_max_concurrent_rejects_total", "counter",
	           "Questions refused for max_concurrent.", (double)rejects);
	free(sums.list);
}
