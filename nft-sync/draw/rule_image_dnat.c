/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "nft-sync/draw/rule_making.h"
#include "nft-sync/draw/statement.h"

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

static int add_prefix(struct image_set *set, const struct prefix *prefix)
{
	uint8_t key[IMAGE_KEY_MAX];
	uint8_t last[IMAGE_KEY_MAX];
	unsigned key_length = 0;
	unsigned last_length = 0;
	struct prefix end = prefix_last(prefix);
	key_put_address(key, &key_length, prefix);
	key_put_address(last, &last_length, &end);
	return image_set_add(set, key, last, NULL, NULL);
}

/* The prefixes of one port range: where two of them nest, the compiler left the inner one out. */
static int add_box(struct making *making, struct image_chain *chain, uint8_t family,
                   const struct box *box)
{
	char name[IMAGE_NAME_MAX];
	dnat_set_name(making, &box->span, family, name);
	struct image_set *set = find_set(making, name);
	if (!set) {
		enum field fields[IMAGE_FIELDS_MAX] = {peer_field(making->direction, family)};
		set = making_set(making, name, fields, DATA_NONE, making->groups);
		if (!set)
			return -ENOMEM;
		struct image_rule *rule = match_original_port(
			image_chain_rule(chain), box->span.protocol, box->span.low, box->span.high);
		rules_permit(match_set(rule, name, fields[0], FIELD_NONE, FIELD_NONE),
		             making->direction, making->use);
	}
	return add_prefix(set, &box->prefix);
}

static int add_boxes(struct making *making, struct image_chain *chain)
{
	int r = 0;
	for (size_t i = 0; i < making->rules->set_count; i++) {
		const struct box_set *boxes = &making->rules->sets[i];
		for (size_t j = 0; boxes->class == MATCH_PORTS && r == 0 && j < boxes->count; j++)
			r = add_box(making, chain, boxes->family, &boxes->boxes[j]);
	}
	for (size_t i = 0; r == 0 && i < making->image->set_count; i++)
		r = image_set_finish(making->image->sets[i]);
	return r;
}

static void add_peer(const struct making *making, struct image_chain *chain, size_t index)
{
	const struct peer_group *peer = &making->rules->peers[index];
	const struct member_image *members = making->members[index];
	for (size_t i = 0; i < peer->span_count[MATCH_PORTS]; i++) {
		const struct span *span = &peer->spans[MATCH_PORTS][i];
		for (enum member_kind kind = MEMBERS4; kind < MEMBER_KINDS; kind++)
			if (members->sets[kind])
				rules_permit(match_original_port(
						     match_member(image_chain_rule(chain),
				                                  making->direction, kind, members),
						     span->protocol, span->low, span->high),
				             making->direction, making->use);
	}
}

/*
 * The node's groups judge what the fabric sees: the port before DNAT, which conntrack remembers.
 * nft 1.0.6 can't read that port back as a field of a key, so each port range is a rule here. Only
 * flows to a node port of the node itself come this way.
 */
int make_dnat_chain(struct making *making)
{
	char name[IMAGE_NAME_MAX];
	snprintf(name, sizeof(name), "%s-dnat", making->prefix);
	struct image_chain *chain = image_chain_new(name, making->groups);
	if (!chain)
		return -ENOMEM;
	add_box_rules(making, chain, false);
	add_peer_rules(making, chain, false);
	int r = add_boxes(making, chain);
	for (size_t i = 0; i < making->rules->peer_count; i++)
		add_peer(making, chain, i);
	rules_drop(chain, making->direction, making->use);
	int added = making_chain(making, chain);
	return r == 0 ? added : r;
}
