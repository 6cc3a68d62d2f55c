/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "nft-sync/draw/chain_drawing.h"
#include "nft-sync/draw/statement.h"

/* Behind destination NAT (-100), where others filter: our verdict never ends theirs. */
#define PRIORITY_FILTER 0

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
