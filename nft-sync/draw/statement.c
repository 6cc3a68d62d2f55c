/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/draw/statement.h"

static struct statement *add(struct image_rule *rule, enum statement_kind kind)
{
	static struct statement scratch; /* takes what is said to a rule that is not there */
	if (!rule)
		return &scratch;
	assert(rule->count < IMAGE_STATEMENTS_MAX);
	struct statement *statement = &rule->statements[rule->count++];
	statement->kind = kind;
	return statement;
}

static void set_name(struct statement *statement, const char *name)
{
	snprintf(statement->name, sizeof(statement->name), "%s", name);
}

static struct image_rule *use_set(struct image_rule *rule, enum statement_kind kind,
                                  const char *set, const enum field fields[IMAGE_FIELDS_MAX])
{
	struct statement *statement = add(rule, kind);
	set_name(statement, set);
	for (unsigned i = 0; i < IMAGE_FIELDS_MAX; i++)
		statement->fields[i] = fields[i];
	return rule;
}

struct image_rule *match_set(struct image_rule *rule, const char *set, enum field first,
                             enum field second, enum field third)
{
	return use_set(rule, STATEMENT_LOOKUP, set, (enum field[]){first, second, third});
}

struct image_rule *mask_address(struct image_rule *rule, unsigned length)
{
	if (rule)
		rule->statements[rule->count - 1].mask = (uint8_t)length;
	return rule;
}

struct image_rule *verdict_map(struct image_rule *rule, const char *set, enum field first,
                               enum field second, enum field third)
{
	return use_set(rule, STATEMENT_VERDICT_MAP, set, (enum field[]){first, second, third});
}

static struct image_rule *with_name(struct image_rule *rule, enum statement_kind kind,
                                    const char *name)
{
	set_name(add(rule, kind), name);
	return rule;
}

struct image_rule *match_in(struct image_rule *rule, const char *interface)
{
	return with_name(rule, STATEMENT_IN, interface);
}

struct image_rule *match_out(struct image_rule *rule, const char *interface)
{
	return with_name(rule, STATEMENT_OUT, interface);
}

struct image_rule *match_in_prefix(struct image_rule *rule, const char *prefix)
{
	return with_name(rule, STATEMENT_IN_PREFIX, prefix);
}

struct image_rule *match_out_prefix(struct image_rule *rule, const char *prefix)
{
	return with_name(rule, STATEMENT_OUT_PREFIX, prefix);
}

struct image_rule *match_in_kind(struct image_rule *rule, const char *kind)
{
	return with_name(rule, STATEMENT_IN_KIND, kind);
}

struct image_rule *match_out_kind(struct image_rule *rule, const char *kind)
{
	return with_name(rule, STATEMENT_OUT_KIND, kind);
}

struct image_rule *match_udp_ports(struct image_rule *rule, uint8_t family, uint16_t source,
                                   uint16_t destination)
{
	struct statement *statement = add(rule, STATEMENT_UDP_PORTS);
	statement->family = family;
	statement->low = source;
	statement->high = destination;
	return rule;
}

static struct image_rule *with_number(struct image_rule *rule, enum statement_kind kind,
                                      uint32_t number)
{
	add(rule, kind)->number = number;
	return rule;
}

struct image_rule *match_hop_limit(struct image_rule *rule, uint8_t hops)
{
	return with_number(rule, STATEMENT_HOP_LIMIT, hops);
}

struct image_rule *match_original(struct image_rule *rule)
{
	return with_number(rule, STATEMENT_ORIGINAL, 0);
}

struct image_rule *match_from_node(struct image_rule *rule)
{
	return with_number(rule, STATEMENT_FROM_NODE, 0);
}

struct image_rule *match_reply(struct image_rule *rule)
{
	return with_number(rule, STATEMENT_REPLY, 0);
}

struct image_rule *match_dnated(struct image_rule *rule)
{
	return with_number(rule, STATEMENT_DNATED, 0);
}

struct image_rule *match_original_port(struct image_rule *rule, uint8_t protocol, uint16_t low,
                                       uint16_t high)
{
	struct statement *statement = add(rule, STATEMENT_ORIGINAL_PORT);
	statement->protocol = protocol;
	statement->low = low;
	statement->high = high;
	return rule;
}

struct image_rule *match_marked(struct image_rule *rule, uint32_t bits)
{
	return with_number(rule, STATEMENT_MARKED, bits);
}

struct image_rule *set_mark(struct image_rule *rule, uint32_t bits)
{
	return with_number(rule, STATEMENT_MARK, bits);
}

struct image_rule *count_packets(struct image_rule *rule)
{
	return with_number(rule, STATEMENT_COUNTER, 0);
}

struct image_rule *limit_rate(struct image_rule *rule, uint32_t per_second)
{
	return with_number(rule, STATEMENT_LIMIT, per_second);
}

struct image_rule *log_packets(struct image_rule *rule, uint16_t group, const char *prefix)
{
	struct statement *statement = add(rule, STATEMENT_LOG);
	statement->number = group;
	set_name(statement, prefix);
	return rule;
}

struct image_rule *snat_by_map(struct image_rule *rule, const char *map, uint8_t family)
{
	struct statement *statement = add(rule, STATEMENT_SNAT);
	statement->family = family;
	statement->fields[0] = family == AF_INET ? FIELD_SOURCE4 : FIELD_SOURCE6;
	set_name(statement, map);
	return rule;
}

struct image_rule *match_priority(struct image_rule *rule, uint32_t priority)
{
	return with_number(rule, STATEMENT_PRIORITY, priority);
}

struct image_rule *match_randomly(struct image_rule *rule, uint32_t times)
{
	return with_number(rule, STATEMENT_RANDOM, times);
}

void dnat_to(struct image_rule *rule, const struct prefix *address, uint8_t protocol, uint16_t port)
{
	struct statement *statement = add(rule, STATEMENT_DNAT);
	statement->family = address->family;
	memcpy(statement->address, address->address, sizeof(statement->address));
	statement->protocol = protocol;
	statement->low = port;
}

void give_verdict(struct image_rule *rule, enum verdict_code code, const char *chain)
{
	struct statement *statement = add(rule, STATEMENT_VERDICT);
	statement->verdict = code;
	set_name(statement, chain);
}
