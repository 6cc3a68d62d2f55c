/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dnscache/corefile/corefile.h"
#include "dnscache/serve/listener.h"
#include "dnscache/serve/plan.h"
#include "dnscache/tell/counter_table.h"

struct plan *plan_hold(struct plan *plan)
{
	atomic_fetch_add_explicit(&plan->references, 1, memory_order_relaxed);
	return plan;
}

static void plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->endpoint_count; i++) {
		listener_release(plan->endpoints[i].listener);
		free(plan->endpoints[i].zones);
	}
	for (size_t i = 0; i < plan->block_count; i++)
		hosts_free(plan->blocks[i].hosts);
	free(plan->endpoints);
	free(plan->blocks);
	corefile_free(plan->corefile);
	free(plan);
}

void plan_release(struct plan *plan)
{
	if (plan && atomic_fetch_sub_explicit(&plan->references, 1, memory_order_acq_rel) == 1)
		plan_free(plan);
}

/* "<random>.<random>.zone", which nobody else asks for. */
static void make_loop_name(const struct dns_name *zone, struct dns_name *ret)
{
	uint64_t random[2];
	char text[64];
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return;
	snprintf(text, sizeof(text), "%" PRIu64 ".%" PRIu64 ".", random[0], random[1]);
	if (dns_name_parse(text, ret) < 0 || ret->length + zone->length > DNS_NAME_MAX) {
		ret->length = 0;
		return;
	}
	memcpy(ret->wire + ret->length - 1, zone->wire, zone->length);
	ret->length = (uint8_t)(ret->length - 1 + zone->length);
	dns_name_lower(ret);
}

static int make_blocks(struct plan *plan, struct error *err)
{
	const struct corefile *corefile = plan->corefile;
	plan->blocks = calloc(corefile->block_count, sizeof(*plan->blocks));
	if (!plan->blocks)
		return error_set(err, -ENOMEM, "no memory");
	plan->block_count = corefile->block_count;
	for (size_t i = 0; i < plan->block_count; i++) {
		struct plan_block *block = &plan->blocks[i];
		const struct server_block *settings = &corefile->blocks[i];
		block->settings = settings;
		block->first_forwarder = plan->forwarder_count;
		plan->forwarder_count += (unsigned)settings->forward_count;
		if (settings->loop)
			make_loop_name(&settings->zones[0], &block->loop_name);
		if (settings->hosts) {
			int r = hosts_load(settings->hosts, settings->zones, settings->zone_count,
			                   &block->hosts, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static struct plan_endpoint *find_endpoint(const struct plan *plan, const struct prefix *address,
                                           uint16_t port)
{
	for (size_t i = 0; i < plan->endpoint_count; i++)
		if (plan->endpoints[i].port == port &&
		    prefix_equal(&plan->endpoints[i].address, address))
			return &plan->endpoints[i];
	return NULL;
}

const struct plan_endpoint *plan_endpoint(const struct plan *plan, const struct prefix *address,
                                          uint16_t port)
{
	return find_endpoint(plan, address, port);
}

static struct plan_endpoint *get_endpoint(struct plan *plan, const struct prefix *address,
                                          const struct server_block *block, struct error *err)
{
	struct plan_endpoint *endpoint = find_endpoint(plan, address, block->port);
	if (endpoint)
		return endpoint;
	if (plan->endpoint_count == PLAN_ENDPOINTS_MAX) {
		error_set(err, -E2BIG, "%s:%u: more than %u addresses and ports to listen on",
		          block->file, block->line, PLAN_ENDPOINTS_MAX);
		return NULL;
	}
	endpoint = &plan->endpoints[plan->endpoint_count++];
	endpoint->address = *address;
	endpoint->port = block->port;
	endpoint->first = block;
	return endpoint;
}

static const struct counter_row *counters_of(struct counter_table *counters,
                                             const struct plan_endpoint *endpoint, const char *zone)
{
	char address[PREFIX_TEXT_MAX], server[COUNTER_SERVER_MAX];
	bool six = endpoint->address.family == AF_INET6;
	snprintf(server, sizeof(server), "dns://%s%s%s:%u", six ? "[" : "",
	         prefix_text(&endpoint->address, address), six ? "]" : "", endpoint->port);
	return counter_table_row(counters, server, zone);
}

static int add_zone(struct plan_endpoint *endpoint, struct plan_block *block,
                    const struct dns_name *name, struct counter_table *counters, struct error *err)
{
	char text[DNS_NAME_TEXT_MAX];
	const struct counter_row *row = counters_of(counters, endpoint, dns_name_text(name, text));
	struct plan_zone *zones =
		reallocarray(endpoint->zones, endpoint->zone_count + 1, sizeof(*zones));
	if (zones)
		endpoint->zones = zones;
	if (!row || !zones)
		return error_set(err, -ENOMEM, "no memory for zones");
	unsigned labels = dns_name_labels(name);
	size_t at = endpoint->zone_count++;
	for (; at > 0 && zones[at - 1].labels < labels; at--)
		zones[at] = zones[at - 1];
	zones[at] = (struct plan_zone){
		.name = *name, .labels = labels, .block = block, .counters = row->workers};
	dns_name_lower(&zones[at].name);
	return 0;
}

static int count_dropped(struct plan_endpoint *endpoint, struct counter_table *counters,
                         struct error *err)
{
	const struct counter_row *row = counters_of(counters, endpoint, COUNTER_DROPPED);
	if (!row)
		return error_set(err, -ENOMEM, "no memory for an address");
	endpoint->dropped = row->workers;
	return 0;
}

static int add_block(struct plan *plan, struct plan_block *block, const struct prefix *addresses,
                     size_t address_count, struct counter_table *counters, struct error *err)
{
	const struct server_block *settings = block->settings;
	int r = 0;
	for (size_t i = 0; r == 0 && i < address_count; i++) {
		struct plan_endpoint *endpoint = get_endpoint(plan, &addresses[i], settings, err);
		r = endpoint ? count_dropped(endpoint, counters, err) : -E2BIG;
		for (size_t j = 0; r == 0 && j < settings->zone_count; j++)
			r = add_zone(endpoint, block, &settings->zones[j], counters, err);
	}
	return r;
}

int plan_make(struct corefile *corefile, const struct prefix *addresses, size_t address_count,
              struct counter_table *counters, struct plan **ret, struct error *err)
{
	static const struct prefix everywhere[] = {{.family = AF_INET, .length = 32},
	                                           {.family = AF_INET6, .length = 128}};
	struct plan *plan = calloc(1, sizeof(*plan));
	if (!plan) {
		corefile_free(corefile);
		return error_set(err, -ENOMEM, "no memory");
	}
	if (address_count == 0) {
		addresses = everywhere;
		address_count = 2;
	}
	plan->references = 1;
	plan->corefile = corefile;
	plan->endpoints = calloc(PLAN_ENDPOINTS_MAX, sizeof(*plan->endpoints));
	int r = plan->endpoints ? make_blocks(plan, err) : error_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; r == 0 && i < plan->block_count; i++) {
		const struct server_block *settings = plan->blocks[i].settings;
		bool bound = settings->bind_count > 0;
		r = add_block(plan, &plan->blocks[i], bound ? settings->binds : addresses,
		              bound ? settings->bind_count : address_count, counters, err);
	}
	if (r < 0) {
		plan_free(plan);
		return r;
	}
	*ret = plan;
	return 0;
}

const struct plan_zone *plan_zone_find(const struct plan_endpoint *endpoint,
                                       const struct dns_name *name, uint16_t type)
{
	const struct plan_zone *child = NULL;
	for (size_t i = 0; i < endpoint->zone_count; i++) {
		const struct plan_zone *zone = &endpoint->zones[i];
		if (!dns_name_under(name, &zone->name))
			continue;
		if (type != DNS_TYPE_DS || zone->name.length != name->length)
			return zone;
		child = zone;
	}
	return child;
}

static bool is_exception(const struct forward_settings *forward, const struct dns_name *name)
{
	for (size_t i = 0; i < forward->except_count; i++)
		if (dns_name_under(name, &forward->except[i]))
			return true;
	return false;
}

int plan_forwarder_find(const struct plan_block *block, const struct dns_name *name)
{
	const struct server_block *settings = block->settings;
	int best = -ENOENT;
	unsigned most = 0;
	for (size_t i = 0; i < settings->forward_count; i++) {
		const struct forward_settings *forward = &settings->forwards[i];
		unsigned labels = dns_name_labels(&forward->from);
		if (!dns_name_under(name, &forward->from) || is_exception(forward, name) ||
		    (best >= 0 && labels <= most))
			continue;
		best = (int)(block->first_forwarder + i);
		most = labels;
	}
	return best;
}

bool plan_is_cached(const struct plan_block *block, const struct dns_name *name)
{
	const struct cache_settings *cache = &block->settings->cache;
	for (size_t i = 0; i < cache->zone_count; i++)
		if (dns_name_under(name, &cache->zones[i]))
			return cache->present;
	return cache->present && cache->zone_count == 0;
}
