/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/digest.h"
#include "nft-sync/names.h"
#include "nft-sync/rule_image.h"
#include "nft-sync/statement.h"

struct making {
	struct rule_image *image;
	const struct rule_set *rules;
	const struct member_image *const *members;
	enum direction direction;
	enum rules_use use;
	const char *groups;
	char prefix[64]; /* of all names: "rules-egress-0123456789abcdef" */
	size_t set_capacity;
};

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

uint64_t rule_image_digest(const struct rule_set *set, const struct member_image *const *members)
{
	uint64_t digest = DIGEST_START;
	for (size_t i = 0; i < set->set_count; i++)
		digest = digest_box_set(digest, &set->sets[i]);
	for (size_t i = 0; i < set->peer_count; i++)
		digest = digest_peer(digest, &set->peers[i], members[i]);
	return digest;
}

/* Where the peer's address is, and with it which fields of a packet a class is judged by. */
static enum field peer_field(enum direction direction, uint8_t family)
{
	if (family == AF_INET)
		return direction == DIRECTION_EGRESS ? FIELD_DESTINATION4 : FIELD_SOURCE4;
	return direction == DIRECTION_EGRESS ? FIELD_DESTINATION6 : FIELD_SOURCE6;
}

static void class_fields(enum match_class class, uint8_t family, enum field fields[2])
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

static void put_span(uint8_t *key, unsigned *offset, enum match_class class,
                     const struct span *span, bool high)
{
	uint16_t value = high ? span->high : span->low;
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

/* A new set of the image for fields of which the first may be none; NULL: no memory. */
static struct image_set *new_set(struct making *making, const char *name,
                                 const enum field fields[IMAGE_FIELDS_MAX], const char *comment)
{
	enum key_type types[IMAGE_FIELDS_MAX];
	unsigned count = 0;
	struct rule_image *image = making->image;
	for (unsigned i = 0; i < IMAGE_FIELDS_MAX; i++)
		if (fields[i] != FIELD_NONE)
			types[count++] = field_type(fields[i]);
	if (image->set_count == making->set_capacity) {
		size_t capacity = making->set_capacity ? 2 * making->set_capacity : 8;
		void *sets = reallocarray(image->sets, capacity, sizeof(struct image_set *));
		if (!sets)
			return NULL;
		image->sets = sets;
		making->set_capacity = capacity;
	}
	struct image_set *set = image_set_new(name, types, count, DATA_NONE);
	if (!set)
		return NULL;
	set->interval = true;
	snprintf(set->comment, sizeof(set->comment), "%s", comment);
	image->sets[image->set_count++] = set;
	return set;
}

static const char *class_name(enum match_class class)
{
	static const char *const names[] = {"all", "ports", "icmp", "protocols"};
	return names[class];
}

static void box_set_name(const struct making *making, const struct box_set *boxes,
                         char name[static IMAGE_NAME_MAX])
{
	int used = snprintf(name, IMAGE_NAME_MAX, "%s-%s%d", making->prefix,
	                    class_name(boxes->class), boxes->family == AF_INET ? 4 : 6);
	if (boxes->depth > 0)
		snprintf(name + used, IMAGE_NAME_MAX - (size_t)used, "-%u", boxes->depth);
}

static int add_box(struct image_set *set, enum match_class class, const struct box *box)
{
	uint8_t key[IMAGE_KEY_MAX];
	uint8_t last[IMAGE_KEY_MAX];
	unsigned key_length = 0;
	unsigned last_length = 0;
	struct prefix end = prefix_last(&box->prefix);
	key_put_address(key, &key_length, &box->prefix);
	key_put_address(last, &last_length, &end);
	put_span(key, &key_length, class, &box->span, false);
	put_span(last, &last_length, class, &box->span, true);
	return image_set_add(set, key, last, NULL, NULL);
}

static int make_box_set(struct making *making, const struct box_set *boxes)
{
	char name[IMAGE_NAME_MAX];
	enum field fields[IMAGE_FIELDS_MAX] = {peer_field(making->direction, boxes->family)};
	class_fields(boxes->class, boxes->family, fields + 1);
	box_set_name(making, boxes, name);
	struct image_set *set = new_set(making, name, fields, making->groups);
	if (!set)
		return -ENOMEM;
	int r = 0;
	for (size_t i = 0; r == 0 && i < boxes->count; i++)
		r = add_box(set, boxes->class, &boxes->boxes[i]);
	return r == 0 ? image_set_finish(set) : r;
}

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

static int make_peer_set(struct making *making, size_t index, enum match_class class,
                         uint8_t family)
{
	const struct peer_group *peer = &making->rules->peers[index];
	char name[IMAGE_NAME_MAX];
	enum field fields[IMAGE_FIELDS_MAX] = {FIELD_NONE};
	class_fields(class, family, fields + 1);
	peer_set_name(making, index, class, family, name);
	struct image_set *set = new_set(making, name, fields, peer->id);
	if (!set)
		return -ENOMEM;
	set->interval = class != MATCH_PROTOCOL;
	int r = 0;
	for (size_t i = 0; r == 0 && i < peer->span_count[class]; i++) {
		const struct span *span = &peer->spans[class][i];
		uint8_t key[IMAGE_KEY_MAX];
		uint8_t last[IMAGE_KEY_MAX];
		unsigned key_length = 0;
		unsigned last_length = 0;
		if (!span_has_family(class, span, family))
			continue;
		put_span(key, &key_length, class, span, false);
		put_span(last, &last_length, class, span, true);
		r = image_set_add(set, key, last, NULL, NULL);
	}
	return r == 0 ? image_set_finish(set) : r;
}

static int make_peer_sets(struct making *making, size_t index)
{
	const struct peer_group *peer = &making->rules->peers[index];
	int r = 0;
	for (enum match_class class = MATCH_PORTS; r == 0 && class <= MATCH_PROTOCOL; class ++)
		for (size_t f = 0; r == 0 && f < 2; f++)
			if (peer_has_spans(peer, class, families[f]) &&
			    (f == 0 || class == MATCH_ICMP ||
			     !peer_has_spans(peer, class, AF_INET)))
				r = make_peer_set(making, index, class, families[f]);
	return r;
}

static void permit(const struct making *making, struct image_rule *rule)
{
	bool egress = making->direction == DIRECTION_EGRESS;
	if (making->use == RULES_OF_NODE)
		give_verdict(rule, VERDICT_RETURN, "");
	else
		give_verdict(rule, VERDICT_GOTO,
		             egress ? CHAIN_PERMIT_EGRESS : CHAIN_PERMIT_INGRESS);
}

static void add_box_rule(const struct making *making, struct image_chain *chain,
                         const struct box_set *boxes)
{
	char name[IMAGE_NAME_MAX];
	enum field fields[2];
	struct image_rule *rule = image_chain_rule(chain);
	class_fields(boxes->class, boxes->family, fields);
	box_set_name(making, boxes, name);
	permit(making, match_set(rule, name, peer_field(making->direction, boxes->family),
	                         fields[0], fields[1]));
}

static uint8_t member_family(enum member_kind kind)
{
	return kind == MEMBERS4 || kind == MEMBERS_NET4 ? AF_INET : AF_INET6;
}

/* A rule that begins with "the peer is a member". */
static struct image_rule *member_rule(const struct making *making, struct image_chain *chain,
                                      size_t index, enum member_kind kind)
{
	const struct image_set *set = making->members[index]->sets[kind];
	return match_set(image_chain_rule(chain), set->name,
	                 peer_field(making->direction, member_family(kind)), FIELD_NONE,
	                 FIELD_NONE);
}

static void add_peer_class(const struct making *making, struct image_chain *chain, size_t index,
                           enum match_class class)
{
	const struct peer_group *peer = &making->rules->peers[index];
	for (enum member_kind kind = MEMBERS4; kind < MEMBER_KINDS; kind++) {
		uint8_t family = member_family(kind);
		enum field fields[2];
		char name[IMAGE_NAME_MAX];
		if (!making->members[index]->sets[kind])
			continue;
		if (class == MATCH_ALL) {
			permit(making, member_rule(making, chain, index, kind));
			continue;
		}
		if (!peer_has_spans(peer, class, family))
			continue;
		class_fields(class, family, fields);
		peer_set_name(making, index, class, family, name);
		permit(making, match_set(member_rule(making, chain, index, kind), name, fields[0],
		                         fields[1], FIELD_NONE));
	}
}

static void add_peer_rules(const struct making *making, struct image_chain *chain, size_t index,
                           bool ports)
{
	if (making->rules->peers[index].all)
		add_peer_class(making, chain, index, MATCH_ALL);
	if (ports)
		add_peer_class(making, chain, index, MATCH_PORTS);
	add_peer_class(making, chain, index, MATCH_ICMP);
	add_peer_class(making, chain, index, MATCH_PROTOCOL);
}

static void add_rules(const struct making *making, struct image_chain *chain, bool ports)
{
	for (size_t i = 0; i < making->rules->set_count; i++)
		if (ports || making->rules->sets[i].class != MATCH_PORTS)
			add_box_rule(making, chain, &making->rules->sets[i]);
	for (size_t i = 0; i < making->rules->peer_count; i++)
		add_peer_rules(making, chain, i, ports);
}

static void add_final_drop(const struct making *making, struct image_chain *chain)
{
	char name[IMAGE_NAME_MAX];
	snprintf(name, sizeof(name), "drop-%s-%s", direction_name(making->direction),
	         making->use == RULES_OF_NODE ? DROP_NODE : DROP_RULES);
	give_verdict(image_chain_rule(chain), VERDICT_GOTO, name);
}

static void dnat_set_name(const struct making *making, const struct span *span, uint8_t family,
                          char name[static IMAGE_NAME_MAX])
{
	snprintf(name, IMAGE_NAME_MAX, "%s-dnat%d-%s-%u-%u", making->prefix,
	         family == AF_INET ? 4 : 6, span->protocol == IPPROTO_TCP ? "tcp" : "udp",
	         span->low, span->high);
}

static struct image_set *find_set(const struct making *making, const char *name)
{
	for (size_t i = 0; i < making->image->set_count; i++)
		if (strcmp(making->image->sets[i]->name, name) == 0)
			return making->image->sets[i];
	return NULL;
}

/* The prefixes of one port range: where two of them nest, the compiler left the inner one out. */
static int add_dnat_box(struct making *making, struct image_chain *chain, uint8_t family,
                        const struct box *box)
{
	char name[IMAGE_NAME_MAX];
	dnat_set_name(making, &box->span, family, name);
	struct image_set *set = find_set(making, name);
	if (!set) {
		enum field fields[IMAGE_FIELDS_MAX] = {peer_field(making->direction, family)};
		set = new_set(making, name, fields, making->groups);
		if (!set)
			return -ENOMEM;
		struct image_rule *rule = match_original_port(
			image_chain_rule(chain), box->span.protocol, box->span.low, box->span.high);
		permit(making, match_set(rule, name, fields[0], FIELD_NONE, FIELD_NONE));
	}
	return add_box(set, MATCH_ALL, box);
}

static int add_dnat_boxes(struct making *making, struct image_chain *chain)
{
	int r = 0;
	for (size_t i = 0; i < making->rules->set_count; i++) {
		const struct box_set *boxes = &making->rules->sets[i];
		for (size_t j = 0; boxes->class == MATCH_PORTS && r == 0 && j < boxes->count; j++)
			r = add_dnat_box(making, chain, boxes->family, &boxes->boxes[j]);
	}
	for (size_t i = 0; r == 0 && i < making->image->set_count; i++)
		r = image_set_finish(making->image->sets[i]);
	return r;
}

static void add_dnat_peer(const struct making *making, struct image_chain *chain, size_t index)
{
	const struct peer_group *peer = &making->rules->peers[index];
	for (size_t i = 0; i < peer->span_count[MATCH_PORTS]; i++) {
		const struct span *span = &peer->spans[MATCH_PORTS][i];
		for (enum member_kind kind = MEMBERS4; kind < MEMBER_KINDS; kind++)
			if (making->members[index]->sets[kind])
				permit(making,
				       match_original_port(member_rule(making, chain, index, kind),
				                           span->protocol, span->low, span->high));
	}
}

/*
 * The node's groups judge what the fabric sees: the port before DNAT, which conntrack remembers.
 * nft 1.0.6 can't read that port back as a field of a key, so each port range is a rule here. Only
 * flows to a node port of the node itself come this way.
 */
static int make_dnat_chain(struct making *making)
{
	char name[IMAGE_NAME_MAX];
	snprintf(name, sizeof(name), "%s-dnat", making->prefix);
	struct image_chain *chain = image_chain_new(name, making->groups);
	if (!chain)
		return -ENOMEM;
	making->image->chains[1] = chain;
	add_rules(making, chain, false);
	int r = add_dnat_boxes(making, chain);
	for (size_t i = 0; i < making->rules->peer_count; i++)
		add_dnat_peer(making, chain, i);
	add_final_drop(making, chain);
	return r;
}

static int make_chain(struct making *making)
{
	struct image_chain *chain = image_chain_new(making->prefix, making->groups);
	if (!chain)
		return -ENOMEM;
	making->image->chains[0] = chain;
	if (making->image->chains[1])
		give_verdict(match_original(match_dnated(image_chain_rule(chain))), VERDICT_GOTO,
		             making->image->chains[1]->name);
	add_rules(making, chain, true);
	add_final_drop(making, chain);
	return 0;
}

int rule_image_make(const struct rule_set *set, const struct member_image *const *members,
                    enum direction direction, enum rules_use use, uint64_t digest,
                    const char *groups, struct rule_image **ret)
{
	struct making making = {.rules = set,
	                        .members = members,
	                        .direction = direction,
	                        .use = use,
	                        .groups = groups,
	                        .image = calloc(1, sizeof(struct rule_image))};
	if (!making.image)
		return -ENOMEM;
	snprintf(making.prefix, sizeof(making.prefix), "%s-%s-%016llx",
	         use == RULES_OF_NODE ? "node" : "rules", direction_name(direction),
	         (unsigned long long)digest);
	int r = 0;
	for (size_t i = 0; r == 0 && i < set->set_count; i++)
		r = make_box_set(&making, &set->sets[i]);
	for (size_t i = 0; r == 0 && i < set->peer_count; i++)
		r = make_peer_sets(&making, i);
	if (r == 0 && use == RULES_OF_NODE && direction == DIRECTION_INGRESS)
		r = make_dnat_chain(&making);
	if (r == 0)
		r = make_chain(&making);
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
	for (size_t i = 0; i < image->set_count; i++)
		image_set_unref(image->sets[i]);
	image_chain_unref(image->chains[0]);
	image_chain_unref(image->chains[1]);
	free(image->sets);
	free(image);
}
