/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "nft-sync/draw/chain_drawing.h"
#include "nft-sync/draw/names.h"
#include "nft-sync/draw/statement.h"

/* Behind destination NAT (-100), where others filter: our verdict never ends theirs. */
#define PRIORITY_FILTER 0

/* ICMPv6 types of neighbour discovery, RFC 4861; of another hop limit it came through a router. */
#define ND_FIRST 133
#define ND_LAST 137
#define ND_HOP_LIMIT 255

struct image_chain *chain_begin(const char *name, const char *comment)
{
	struct image_chain *chain = image_chain_new(name, comment);
	if (chain)
		chain->priority = PRIORITY_FILTER;
	return chain;
}

static bool same_rules(const struct image_chain *a, const struct image_chain *b)
{
	return a->rules && a->rule_count == b->rule_count && a->hook == b->hook &&
	       a->priority == b->priority &&
	       memcmp(a->rules, b->rules, a->rule_count * sizeof(*a->rules)) == 0;
}

void chain_end(struct chain_drawing *drawing, struct image_chain *chain)
{
	struct image_chain *old = NULL;
	if (drawing->status < 0 || !chain || chain->failed) {
		drawing->status = -ENOMEM;
		image_chain_unref(chain);
		return;
	}
	if (drawing->previous)
		old = image_find_chain(drawing->previous, chain->name);
	if (old && same_rules(old, chain)) {
		image_chain_unref(chain);
		chain = image_chain_ref(old);
	}
	drawing->status = image_add_chain(drawing->image, chain);
}

void chain_go_to(struct image_chain *chain, const char *name)
{
	give_verdict(image_chain_rule(chain), VERDICT_GOTO, name);
}

void chain_pass_neighbours(struct image_chain *chain)
{
	give_verdict(match_hop_limit(match_set(image_chain_rule(chain), SET_NEIGHBOUR,
	                                       FIELD_ICMPV6_TYPE, FIELD_NONE, FIELD_NONE),
	                             ND_HOP_LIMIT),
	             VERDICT_RETURN, "");
}

int draw_neighbours(struct image *image)
{
	enum key_type type = KEY_ICMPV6_TYPE;
	struct image_set *set = image_set_for(SET_NEIGHBOUR, "RFC 4861", &type, 1, DATA_NONE);
	int status = set ? 0 : -ENOMEM;
	for (uint8_t value = ND_FIRST; status == 0 && value <= ND_LAST; value++) {
		uint8_t key[IMAGE_KEY_MAX];
		unsigned length = 0;
		key_put(key, &length, &value, 1);
		status = image_set_add(set, key, NULL, NULL, NULL);
	}
	return image_add_set(image, set) < 0 ? -ENOMEM : status;
}
