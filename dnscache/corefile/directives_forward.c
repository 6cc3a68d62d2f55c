/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "dnscache/corefile/directives.h"

#define SECOND 1000U
#define HOUR (3600 * SECOND)
#define MAX_FAILS 2
#define HEALTH_INTERVAL 500
#define EXPIRE (10 * SECOND)

static void set_except(struct corefile_reader *reader, const struct corefile_option *option,
                       const struct corefile_words *words, void *target)
{
	struct forward_settings *forward = target;

	(void)option;
	corefile_zones(reader, words, 1, &forward->except, &forward->except_count);
}

static void set_policy(struct corefile_reader *reader, const struct corefile_option *option,
                       const struct corefile_words *words, void *target)
{
	struct forward_settings *forward = target;
	const char *name = words->list[1].text;

	(void)option;
	if (strcmp(name, "random") == 0)
		forward->policy = FORWARD_RANDOM;
	else if (strcmp(name, "round_robin") == 0)
		forward->policy = FORWARD_ROUND_ROBIN;
	else if (strcmp(name, "sequential") == 0)
		forward->policy = FORWARD_SEQUENTIAL;
	else
		corefile_refuse(reader, words, 1, "expected random, round_robin or sequential");
}

static void set_health_check(struct corefile_reader *reader, const struct corefile_option *option,
                             const struct corefile_words *words, void *target)
{
	struct forward_settings *forward = target;

	(void)option;
	(void)corefile_duration(reader, words, 1, 1, HOUR, &forward->health_interval);
	for (size_t i = 2; i < words->count; i++) {
		if (strcmp(words->list[i].text, "no_rec") == 0) {
			forward->health_no_rec = true;
		} else if (strcmp(words->list[i].text, "domain") == 0 && i + 1 < words->count) {
			if (dns_name_parse(words->list[++i].text, &forward->health_domain) < 0)
				corefile_refuse(reader, words, i, "expected a domain name");
		} else {
			corefile_refuse(reader, words, i, "expected no_rec or domain NAME");
		}
	}
}

static void set_failover(struct corefile_reader *reader, const struct corefile_option *option,
                         const struct corefile_words *words, void *target)
{
	struct forward_settings *forward = target;

	(void)option;
	for (size_t i = 1; i < words->count; i++) {
		uint16_t *rcode = corefile_append(reader, &forward->failover,
		                                  &forward->failover_count, sizeof(*rcode));

		if (rcode && (dns_rcode_parse(words->list[i].text, rcode) < 0 ||
		              *rcode == DNS_RCODE_NOERROR))
			corefile_refuse(
				reader, words, i,
				"expected response codes other than NOERROR, like SERVFAIL");
	}
}

#define AT(member) offsetof(struct forward_settings, member)
#define NO_TLS "only plain DNS is spoken upstream"

static const struct corefile_option options[] = {
	COREFILE_OPTION("except", set_except, 1, COREFILE_MANY, "ZONES…"),
	COREFILE_FLAG("force_tcp", AT(force_tcp)),
	COREFILE_FLAG("prefer_udp", AT(prefer_udp)),
	COREFILE_DURATION("expire", AT(expire), 0, HOUR),
	COREFILE_NUMBER("max_fails", AT(max_fails), 0, UINT32_MAX),
	COREFILE_OPTION("policy", set_policy, 1, 1, "random|round_robin|sequential"),
	COREFILE_OPTION("health_check", set_health_check, 1, 4, "DURATION [no_rec] [domain NAME]"),
	COREFILE_NUMBER("max_concurrent", AT(max_concurrent), 0, UINT32_MAX),
	COREFILE_OPTION("failover", set_failover, 1, COREFILE_MANY, "RCODES…"),
	COREFILE_FLAG("failfast_all_unhealthy_upstreams", AT(failfast)),
	COREFILE_UNSUPPORTED("tls", NO_TLS),
	COREFILE_UNSUPPORTED("tls_servername", NO_TLS),
	COREFILE_UNSUPPORTED("doh_method", NO_TLS),
	COREFILE_UNSUPPORTED("next", "failover asks the next server of the same line"),
	COREFILE_UNSUPPORTED("next_on_nodata", "an empty answer is an answer"),
	COREFILE_UNSUPPORTED("max_age", "expire ends connections that idle"),
	COREFILE_UNSUPPORTED("max_idle_conns",
                             "there is one TCP connection an upstream and worker"),
	COREFILE_UNSUPPORTED("max_connect_attempts", "a query is tried for 5s"),
	COREFILE_UNSUPPORTED("read_timeout", "an upstream is waited for 2s"),
	COREFILE_UNSUPPORTED("resolver", "upstreams are addresses"),
	COREFILE_UNSUPPORTED("source_address", "the routing table chooses it"),
};

static void read_from(struct corefile_reader *reader, const struct corefile_words *line,
                      const struct server_block *block, struct forward_settings *forward)
{
	struct dns_name *zones = NULL;
	size_t count = 0;

	corefile_add_zone(reader, line, 1, &zones, &count);
	if (reader->failed < 0)
		return;
	if (count != 1) {
		corefile_refuse(reader, line, 1,
		                "expected one zone: write a forward line for each of the %zu",
		                count);
		return;
	}
	forward->from = zones[0];
	for (size_t i = 0; i + 1 < block->forward_count; i++) {
		if (dns_name_equal(&block->forwards[i].from, &forward->from))
			corefile_refuse(reader, line, 1, "is forwarded in this block already");
	}
}

void directive_forward(struct corefile_reader *reader, const struct corefile_directive *directive,
                       struct server_block *block)
{
	const struct corefile_words *line = &directive->line;
	struct forward_settings *forward =
		corefile_append(reader, &block->forwards, &block->forward_count, sizeof(*forward));

	if (!forward)
		return;
	*forward = (struct forward_settings){.max_fails = MAX_FAILS,
	                                     .health_interval = HEALTH_INTERVAL,
	                                     .health_domain = {.length = 1},
	                                     .expire = EXPIRE};
	read_from(reader, line, block, forward);
	directive_upstreams(reader, line, forward);
	corefile_read_options(reader, directive, options, sizeof(options) / sizeof(options[0]),
	                      forward);
	/* Servers that a kube-dns ConfigMap names need not speak TCP. */
	if (line->list[2].upstream && reader->values->upstream_servers_udp)
		forward->force_tcp = false;
}
