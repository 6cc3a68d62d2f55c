/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/digest.h"
#include "nft-sync/draw/rule_making.h"
#include "nft-sync/draw/statement.h"

static uint64_t digest_span(uint64_t digest, const struct span *span)
{
	return digest_u64(digest,
	                  (uint64_t)span->protocol << 32 | (uint32_t)span->low << 16 | span->high);
}

static uint64_t digest_box_set(uint64_t digest, const struct box_set *set)
{
	digest = digest_u64(digest,
	                    (uint64_t)set->family << 32 | (uint32_t)set->class << 16 | set->depth);
	for (size_t i = 0; i < set->count; i++) {
		const struct prefix *prefix = &set->boxes[i].prefix;
		digest = digest_u64(digest, prefix->length);
		digest = digest_bytes(digest, prefix->address, sizeof(prefix->address));
		digest = digest_span(digest, &set->boxes[i].span);
	}
	return digest;
}

static uint64_t digest_peer(uint64_t digest, const struct peer_group *peer,
                            const struct member_image *members)
{
	digest = digest_text(digest, peer->id);
	digest = digest_u64(digest, peer->all);
	/* Whether there are sets of prefixes decides which rules there are. */
	for (int kind = 0; kind < MEMBER_KINDS; kind++)
		digest = digest_u64(digest, members->sets[kind] != NULL);
	for (int class = 0; class < MATCH_CLASSES; class ++)
		for (size_t i = 0; i < peer->span_count[class]; i++)
			digest = digest_span(digest, &peer->spans[class][i]);
	return digest;
}

/*
 * How rules are drawn. It changes when the same rules become other sets: then an upgrade builds
 * them beside those of the version before and swaps them in, as no set can be changed into another
 * one.
 */
#define DRAWING 2

uint64_t rule_image_digest(const struct rule_set *set, const struct member_image *const *members)
{
	uint64_t digest = digest_u64(DIGEST_START, DRAWING);
	for (size_t i = 0; i < set->set_count; i++)
		digest = digest_box_set(digest, &set->sets[i]);
	for (size_t i = 0; i < set->peer_count; i++)
		digest = digest_peer(digest, &set->peers[i], members[i]);
	return digest;
}

void class_fields(enum match_class class, uint8_t family, enum field fields[static 2])
{
	bool v4 = family == AF_INET;
	fields[0] = fields[1] = FIELD_NONE;
	switch (class) {
	case MATCH_ALL:
		break;
	case MATCH_PORTS:
		fields[0] = FIELD_PROTOCOL;
		fields[1] = FIELD_PORT;
		break;
	case MATCH_ICMP:
		fields[0] = v4 ? FIELD_ICMP_TYPE : FIELD_ICMPV6_TYPE;
		fields[1] = v4 ? FIELD_ICMP_CODE : FIELD_ICMPV6_CODE;
		break;
	case MATCH_PROTOCOL:
		fields[0] = FIELD_PROTOCOL;
		break;
	}
}

const char *class_name(enum match_class class)
{
	static const char *const names[] = {"all", "ports", "icmp", "protocols"};
	return names[class];
}

void put_span(uint8_t *key, unsigned *offset, enum match_class class, const struct span *span,
              bool last)
{
	uint16_t value = last ? span->high : span->low;
	uint8_t type = (uint8_t)(value >> 8);
	uint8_t code = (uint8_t)value;
	uint16_t port = htons(value);
	if (class == MATCH_PORTS || class == MATCH_PROTOCOL)
		key_put(key, offset, &span->protocol, 1);
	if (class == MATCH_PORTS)
		key_put(key, offset, &port, sizeof(port));
	if (class == MATCH_ICMP) {
		key_put(key, offset, &type, 1);
		key_put(key, offset, &code, 1);
	}
}

static bool make_room(void **array, size_t count, size_t *capacity)
{
	if (count < *capacity)
		return true;
	size_t wanted = *capacity ? 2 * *capacity : 8;
	void *larger = reallocarray(*array, wanted, sizeof(void *));
	if (!larger)
		return false;
	*array = larger;
	*capacity = wanted;
	return true;
}

struct image_set *making_set(struct making *making, const char *name,
                             const enum field fields[static IMAGE_FIELDS_MAX], enum set_data data,
                             const char *comment)
{
	enum key_type types[IMAGE_FIELDS_MAX];
	unsigned count = 0;
	struct rule_image *image = making->image;
	void *sets = image->sets;
	for (unsigned i = 0; i < IMAGE_FIELDS_MAX; i++)
		if (fields[i] != FIELD_NONE)
			types[count++] = field_type(fields[i]);
	if (!make_room(&sets, image->set_count, &making->set_capacity))
		return NULL;
	image->sets = sets;
	struct image_set *set = image_set_for(name, comment, types, count, data);
	if (!set)
		return NULL;
	set->interval = true;
	image->sets[image->set_count++] = set;
	return set;
}

int making_chain(struct making *making, struct image_chain *chain)
{
	struct rule_image *image = making->image;
	void *chains = image->chains;
	if (!chain || chain->failed ||
	    !make_room(&chains, image->chain_count, &making->chain_capacity)) {
		image_chain_unref(chain);
		return -ENOMEM;
	}
	image->chains = chains;
	image->chains[image->chain_count++] = chain;
	return 0;
}

/* The chain where judging begins comes first; the others are found by their names. */
static int make_chain(struct making *making)
{
	bool node_ingress = making->use == RULES_OF_NODE && making->direction == DIRECTION_INGRESS;
	struct image_chain *chain = image_chain_new(making->prefix, making->groups);
	if (node_ingress) {
		char dnat[IMAGE_NAME_MAX];
		snprintf(dnat, sizeof(dnat), "%s-dnat", making->prefix);
		give_verdict(match_original(match_dnated(image_chain_rule(chain))), VERDICT_GOTO,
		             dnat);
	}
	add_box_rules(making, chain, true);
	add_peer_rules(making, chain, true);
	rules_drop(chain, making->direction, making->use);
	struct rule_image *image = making->image;
	int r = making_chain(making, chain);
	if (r == 0 && image->chain_count > 1) {
		struct image_chain *first = image->chains[0];
		image->chains[0] = chain;
		image->chains[image->chain_count - 1] = first;
	}
	if (r == 0 && node_ingress)
		r = make_dnat_chain(making);
	return r;
}

int rule_image_make(const struct rule_set *set, const struct member_image *const *members,
                    enum direction direction, enum rules_use use, uint64_t digest,
                    const char *groups, struct peer_chains *peer_chains, struct rule_image **ret)
{
	struct making making = {.rules = set,
	                        .members = members,
	                        .peer_chains = peer_chains,
	                        .direction = direction,
	                        .use = use,
	                        .groups = groups,
	                        .image = calloc(1, sizeof(struct rule_image))};
	if (!making.image)
		return -ENOMEM;
	snprintf(making.prefix, sizeof(making.prefix), "%s-%s-%016llx",
	         use == RULES_OF_NODE ? "node" : "rules", direction_name(direction),
	         (unsigned long long)digest);
	int r = make_box_sets(&making);
	if (r == 0)
		r = make_peer_sets(&making);
	if (r == 0)
		r = make_chain(&making);
	free(making.layouts);
	if (r < 0) {
		rule_image_free(making.image);
		return r;
	}
	*ret = making.image;
	return 0;
}

void rule_image_free(struct rule_image *image)
{
	if (!image)
		return;
	image_parts_free(image->sets, image->set_count, image->chains, image->chain_count);
	free(image);
}
