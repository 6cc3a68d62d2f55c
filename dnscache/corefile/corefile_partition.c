/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "dnscache/corefile/corefile_reader.h"

/*
 * FNV-1a over what decides what an answer is. How it is asked for (TCP, policies, health checks)
 * and how long it is kept do not belong to it: changing these keeps the cache.
 */

static void add(uint32_t *hash, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++)
		*hash = (*hash ^ bytes[i]) * 16777619U;
}

static void add_number(uint32_t *hash, uint64_t number)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(number >> 8 * i);
	add(hash, bytes, sizeof(bytes));
}

static void add_text(uint32_t *hash, const char *text)
{
	add(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void add_texts(uint32_t *hash, const char *const *texts, size_t count)
{
	add_number(hash, count);
	for (size_t i = 0; i < count; i++)
		add_text(hash, texts[i]);
}

static void add_names(uint32_t *hash, const struct dns_name *names, size_t count)
{
	add_number(hash, count);
	for (size_t i = 0; i < count; i++)
		add(hash, names[i].wire, names[i].length);
}

static void add_upstream(uint32_t *hash, const struct sockaddr_in6 *upstream)
{
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)upstream;

	add_number(hash, upstream->sin6_family);
	if (upstream->sin6_family == AF_INET) {
		add(hash, &ipv4->sin_addr, sizeof(ipv4->sin_addr));
		add(hash, &ipv4->sin_port, sizeof(ipv4->sin_port));
		return;
	}
	add(hash, &upstream->sin6_addr, sizeof(upstream->sin6_addr));
	add(hash, &upstream->sin6_port, sizeof(upstream->sin6_port));
	add_number(hash, upstream->sin6_scope_id);
}

static void add_forward(uint32_t *hash, const struct forward_settings *forward)
{
	add_names(hash, &forward->from, 1);
	add_number(hash, forward->upstream_count);
	for (size_t i = 0; i < forward->upstream_count; i++)
		add_upstream(hash, &forward->upstreams[i]);
	add_names(hash, forward->except, forward->except_count);
	add_number(hash, forward->failover_count);
	for (size_t i = 0; i < forward->failover_count; i++)
		add_number(hash, forward->failover[i]);
}

static void add_rewrite(uint32_t *hash, const struct rewrite_rule *rule)
{
	add_number(hash, rule->go_on);
	add_number(hash, rule->field);
	add_number(hash, rule->match);
	add_text(hash, rule->from);
	add_text(hash, rule->to);
	add_number(hash, rule->answer_auto);
	add_number(hash, rule->answer_count);
	for (size_t i = 0; i < rule->answer_count; i++) {
		add_number(hash, rule->answers[i].value);
		add_text(hash, pattern_text(rule->answers[i].pattern));
		add_text(hash, rule->answers[i].replacement);
	}
	add_number(hash, rule->from_number);
	add_number(hash, rule->to_number);
	add_number(hash, rule->ttl_min);
	add_number(hash, rule->ttl_max);
}

static void add_fallthrough(uint32_t *hash, bool on, const struct dns_name *zones, size_t count)
{
	add_number(hash, on);
	add_names(hash, zones, count);
}

static void add_template(uint32_t *hash, const struct template_settings *template)
{
	add_number(hash, template->class);
	add_number(hash, template->type);
	add_names(hash, template->zones, template->zone_count);
	add_texts(hash, template->match_texts, template->match_count);
	add_texts(hash, template->answers, template->answer_count);
	add_texts(hash, template->authorities, template->authority_count);
	add_texts(hash, template->additionals, template->additional_count);
	add_number(hash, template->rcode);
	add_number(hash, (uint64_t) template->ede);
	add_text(hash, template->ede_text);
	add_fallthrough(hash, template->fallthrough, template->fallthrough_zones,
	                template->fallthrough_count);
}

static void add_hosts(uint32_t *hash, const struct hosts_settings *hosts)
{
	add_text(hash, hosts->path);
	add_texts(hash, hosts->inline_lines, hosts->inline_count);
	add_names(hash, hosts->origins, hosts->origin_count);
	add_number(hash, hosts->ttl);
	add_number(hash, hosts->no_reverse);
	add_fallthrough(hash, hosts->fallthrough, hosts->fallthrough_zones,
	                hosts->fallthrough_count);
}

static void add_dns64(uint32_t *hash, const struct dns64_settings *dns64)
{
	add_number(hash, dns64->present);
	add_number(hash, dns64->prefix.length);
	add(hash, dns64->prefix.address, sizeof(dns64->prefix.address));
	add_number(hash, dns64->translate_all);
}

uint32_t corefile_partition(const struct server_block *block)
{
	uint32_t hash = 2166136261U;

	add_number(&hash, block->port);
	add_names(&hash, block->zones, block->zone_count);
	add_number(&hash, block->forward_count);
	for (size_t i = 0; i < block->forward_count; i++)
		add_forward(&hash, &block->forwards[i]);
	add_number(&hash, block->rewrite_count);
	for (size_t i = 0; i < block->rewrite_count; i++)
		add_rewrite(&hash, &block->rewrites[i]);
	add_number(&hash, block->template_count);
	for (size_t i = 0; i < block->template_count; i++)
		add_template(&hash, &block->templates[i]);
	add_number(&hash, block->hosts != NULL);
	if (block->hosts)
		add_hosts(&hash, block->hosts);
	add_dns64(&hash, &block->dns64);
	return hash;
}
