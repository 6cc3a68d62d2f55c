/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "nft-sync/draw/peer_ports.h"
#include "nft-sync/draw/rule_making.h"
#include "nft-sync/draw/statement.h"

static const uint8_t families[] = {AF_INET, AF_INET6};

/* ICMP is a protocol of its own in each family; the other classes serve both. */
static bool span_has_family(enum match_class class, const struct span *span, uint8_t family)
{
	if (class != MATCH_ICMP)
		return true;
	return span->protocol == (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

static bool peer_has_spans(const struct peer_group *peer, enum match_class class, uint8_t family)
{
	for (size_t i = 0; i < peer->span_count[class]; i++)
		if (span_has_family(class, &peer->spans[class][i], family))
			return true;
	return false;
}

static void peer_set_name(const struct making *making, size_t index, enum match_class class,
                          uint8_t family, char name[static IMAGE_NAME_MAX])
{
	const char *version = "";
	if (class == MATCH_ICMP)
		version = family == AF_INET ? "4" : "6";
	snprintf(name, IMAGE_NAME_MAX, "%s-peer%zu-%s%s", making->prefix, index, class_name(class),
	         version);
}

static int add_span(struct image_set *set, enum match_class class, const struct span *span,
                    const struct verdict_to *verdict)
{
	uint8_t key[IMAGE_KEY_MAX];
	uint8_t last[IMAGE_KEY_MAX];
	unsigned key_length = 0;
	unsigned last_length = 0;
	put_span(key, &key_length, class, span, false);
	put_span(last, &last_length, class, span, true);
	return image_set_add(set, key, last, verdict, NULL);
}

static int make_peer_set(struct making *making, size_t index, enum match_class class,
                         uint8_t family)
{
	const struct peer_group *peer = &making->rules->peers[index];
	char name[IMAGE_NAME_MAX];
	enum field fields[IMAGE_FIELDS_MAX] = {FIELD_NONE};
	class_fields(class, family, fields + 1);
	peer_set_name(making, index, class, family, name);
	struct image_set *set = making_set(making, name, fields, DATA_NONE, peer->id);
	if (!set)
		return -ENOMEM;
	set->interval = class != MATCH_PROTOCOL;
	int r = 0;
	for (size_t i = 0; r == 0 && i < peer->span_count[class]; i++)
		if (span_has_family(class, &peer->spans[class][i], family))
			r = add_span(set, class, &peer->spans[class][i], NULL);
	return r == 0 ? image_set_finish(set) : r;
}

/* One set serves both families, but where the class has a protocol in each. */
static int make_class_sets(struct making *making, size_t index, enum match_class class)
{
	const struct peer_group *peer = &making->rules->peers[index];
	int r = 0;
	for (size_t f = 0; r == 0 && f < 2; f++) {
		bool wanted = f == 0 || class == MATCH_ICMP;
		if (wanted && peer_has_spans(peer, class, families[f]))
			r = make_peer_set(making, index, class, families[f]);
	}
	return r;
}

static void ports_map_name(const struct making *making, char name[static IMAGE_NAME_MAX])
{
	snprintf(name, IMAGE_NAME_MAX, "%s-peers", making->prefix);
}

/* The groups of a mask, as the chain that asks their members. */
static struct image_chain *chain_of(const struct making *making, uint64_t peers)
{
	struct peer_list list = {.count = 0};
	for (size_t i = 0; i < making->rules->peer_count; i++)
		if (peers >> i & 1) {
			list.ids[list.count] = making->rules->peers[i].id;
			list.members[list.count++] = making->members[i];
		}
	return peer_chains_get(making->peer_chains, making->direction, making->use, &list);
}

static int add_segment(const struct making *making, struct image_set *map,
                       const struct peer_segment *segment)
{
	const struct span span = {segment->protocol, segment->low, segment->high};
	struct verdict_to verdict = {.code = VERDICT_GOTO};
	const struct image_chain *chain = chain_of(making, segment->peers);
	if (!chain)
		return -ENOMEM;
	memcpy(verdict.chain, chain->name, sizeof(verdict.chain));
	return add_span(map, MATCH_PORTS, &span, &verdict);
}

static int make_ports_map(struct making *making, const struct peer_ports *ports)
{
	char name[IMAGE_NAME_MAX];
	enum field fields[IMAGE_FIELDS_MAX] = {FIELD_NONE, FIELD_PROTOCOL, FIELD_PORT};
	int r = 0;
	ports_map_name(making, name);
	struct image_set *map = making_set(making, name, fields, DATA_VERDICT, making->groups);
	if (!map)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < ports->segment_count; i++)
		r = add_segment(making, map, &ports->segments[i]);
	for (size_t i = 0; r == 0 && i < ports->list_count; i++) {
		struct image_chain *chain = chain_of(making, ports->lists[i]);
		r = chain ? making_chain(making, image_chain_ref(chain)) : -ENOMEM;
	}
	return r == 0 ? image_set_finish(map) : r;
}

/* Ports by a map where there is a bounded number of lists of groups, else a set a group. */
static int make_port_sets(struct making *making)
{
	struct peer_ports ports;
	int r = peer_ports_make(making->rules, &ports);
	if (r == 0 && ports.segment_count > 0)
		r = make_ports_map(making, &ports);
	if (r == 0)
		peer_ports_done(&ports);
	if (r != -E2BIG)
		return r;
	r = 0;
	for (size_t i = 0; r == 0 && i < making->rules->peer_count; i++)
		r = make_class_sets(making, i, MATCH_PORTS);
	return r;
}

int make_peer_sets(struct making *making)
{
	int r = make_port_sets(making);
	for (size_t i = 0; r == 0 && i < making->rules->peer_count; i++)
		r = make_class_sets(making, i, MATCH_ICMP);
	for (size_t i = 0; r == 0 && i < making->rules->peer_count; i++)
		r = make_class_sets(making, i, MATCH_PROTOCOL);
	return r;
}

static bool has_set(const struct making *making, const char *name)
{
	for (size_t i = 0; i < making->image->set_count; i++)
		if (strcmp(making->image->sets[i]->name, name) == 0)
			return true;
	return false;
}

static void add_peer_class(const struct making *making, struct image_chain *chain, size_t index,
                           enum match_class class)
{
	const struct member_image *members = making->members[index];
	for (enum member_kind kind = MEMBERS4; kind < MEMBER_KINDS; kind++) {
		uint8_t family = member_family(kind);
		enum field fields[2];
		char name[IMAGE_NAME_MAX];
		peer_set_name(making, index, class, family, name);
		if (!members->sets[kind] || !has_set(making, name))
			continue;
		class_fields(class, family, fields);
		rules_permit(match_set(match_member(image_chain_rule(chain), making->direction,
		                                    kind, members),
		                       name, fields[0], fields[1], FIELD_NONE),
		             making->direction, making->use);
	}
}

static void add_peer_all(const struct making *making, struct image_chain *chain, size_t index)
{
	const struct member_image *members = making->members[index];
	for (enum member_kind kind = MEMBERS4; kind < MEMBER_KINDS; kind++)
		if (members->sets[kind])
			rules_permit(match_member(image_chain_rule(chain), making->direction, kind,
			                          members),
			             making->direction, making->use);
}

void add_peer_rules(const struct making *making, struct image_chain *chain, bool ports)
{
	char map[IMAGE_NAME_MAX];
	for (size_t i = 0; i < making->rules->peer_count; i++) {
		if (making->rules->peers[i].all)
			add_peer_all(making, chain, i);
		if (ports)
			add_peer_class(making, chain, i, MATCH_PORTS);
		add_peer_class(making, chain, i, MATCH_ICMP);
		add_peer_class(making, chain, i, MATCH_PROTOCOL);
	}
	ports_map_name(making, map);
	if (ports && has_set(making, map))
		verdict_map(image_chain_rule(chain), map, FIELD_PROTOCOL, FIELD_PORT, FIELD_NONE);
}
