/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/forward/upstream.h"

/*
 * Whether an upstream is up is judged by checks alone, not by the questions that failed: names
 * whose own servers are dead time out at the best of upstreams.
 */

bool upstream_suspected(const struct upstream *upstream)
{
	return upstream->check.wanted;
}

bool upstream_down(const struct upstream *upstream)
{
	return upstream->settings->max_fails > 0 &&
	       upstream->check.fails >= upstream->settings->max_fails;
}

void upstream_answered(struct upstream *upstream)
{
	upstream->check.wanted = false;
	upstream->check.fails = 0;
}

void upstream_suspect(struct upstream *upstream)
{
	if (upstream->check.wanted || upstream->settings->max_fails == 0)
		return;
	upstream->check.wanted = true;
	upstream->check.at = uv_now(upstream->place.loop);
}

static void check_failed(struct upstream *upstream)
{
	if (!upstream->check.wanted)
		return;
	forward_count(&upstream->counters.health_failures, 1);
	if (upstream->check.fails < UINT32_MAX)
		upstream->check.fails++;
}

static void check_done(void *context, enum flight_outcome outcome, const uint8_t *message,
                       size_t size)
{
	struct upstream *upstream = context;
	(void)message;
	(void)size;
	upstream->check.flight = NULL;
	if (outcome == FLIGHT_ANSWERED)
		upstream_answered(upstream);
	else
		check_failed(upstream);
}

static void check_send(struct upstream *upstream)
{
	const struct forward_settings *settings = upstream->settings;
	const struct dns_question question = {.name = settings->health_domain, .type = DNS_TYPE_NS};
	uint8_t bytes[DNS_UPSTREAM_QUERY_MAX];
	struct flight_query query = {
		.bytes = bytes,
		.size = dns_question_write(&question, 0, DNS_UDP_PLAIN, false, bytes),
		.question_size = question.name.length + 4u,
	};
	if (settings->health_no_rec)
		dns_put_u16(bytes + 2, dns_u16(bytes + 2) & (uint16_t)~DNS_FLAG_RD);
	upstream->check.at = uv_now(upstream->place.loop) + settings->health_interval;
	upstream->check.late_at = uv_now(upstream->place.loop) + UPSTREAM_CHECK_TIMEOUT;
	if (upstream_send(upstream, settings->force_tcp, &query, check_done, upstream,
	                  &upstream->check.flight) < 0)
		check_failed(upstream);
}

void upstream_check(struct upstream *upstream)
{
	uint64_t now = uv_now(upstream->place.loop);
	if (upstream->check.flight && now >= upstream->check.late_at) {
		upstream_give_up(upstream, upstream->check.flight);
		upstream->check.flight = NULL;
		check_failed(upstream);
	}
	if (upstream->check.wanted && !upstream->check.flight && now >= upstream->check.at)
		check_send(upstream);
}
