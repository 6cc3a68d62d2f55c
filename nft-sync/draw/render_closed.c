/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "common/network_state.h"
#include "nft-sync/draw/chain_drawing.h"
#include "nft-sync/draw/names.h"
#include "nft-sync/draw/render_closed.h"
#include "nft-sync/draw/statement.h"
#include "nft-sync/resolve/interface_name.h"

/* What a person who looks for the reason reads in the listing. */
#define CLOSED_COMMENT "until podsg-nft-sync has rules; podsg-nft-sync --clean-up opens it"

static int draw_there_before(const char *const *names, size_t count, struct image *image)
{
	enum key_type type = KEY_INTERFACE;
	if (count == 0)
		return 0;
	struct image_set *set = image_set_for(SET_THERE_BEFORE, "were there when all others closed",
	                                      &type, 1, DATA_NONE);
	int status = set ? 0 : -ENOMEM;
	for (size_t i = 0; status == 0 && i < count; i++) {
		uint8_t key[IMAGE_KEY_MAX];
		unsigned length = 0;
		key_put_name(key, &length, names[i]);
		status = image_set_add(set, key, NULL, NULL, NULL);
	}
	if (status == 0)
		status = image_set_finish(set);
	return image_add_set(image, set) < 0 ? -ENOMEM : status;
}

/* A device that somebody calls vlan10 is no pod's: those are veths. */
static void close_end(struct image_chain *chain, bool egress)
{
	if (egress)
		give_verdict(match_in_kind(match_in_prefix(image_chain_rule(chain), STRICT_PREFIX),
		                           "veth"),
		             VERDICT_JUMP, CHAIN_CLOSED_EGRESS);
	else
		give_verdict(
			match_out_kind(match_out_prefix(image_chain_rule(chain), STRICT_PREFIX),
		                       "veth"),
			VERDICT_JUMP, CHAIN_CLOSED_INGRESS);
}

static void draw_hook(struct chain_drawing *drawing, const char *name, enum image_hook hook,
                      bool in, bool out)
{
	struct image_chain *chain = chain_begin(name, "strict pods only");
	if (chain)
		chain->hook = hook;
	if (in)
		close_end(chain, true);
	if (out)
		close_end(chain, false);
	chain_end(drawing, chain);
}

/* A pod's own device, the name of which begins as its interface's does, is no end of a packet. */
static void draw_closed(struct chain_drawing *drawing, bool egress, bool some_before)
{
	struct image_chain *chain =
		chain_begin(egress ? CHAIN_CLOSED_EGRESS : CHAIN_CLOSED_INGRESS, CLOSED_COMMENT);
	struct image_rule *device = image_chain_rule(chain);
	give_verdict(egress ? match_in_prefix(device, BRANCH_DEVICE_PREFIX)
	                    : match_out_prefix(device, BRANCH_DEVICE_PREFIX),
	             VERDICT_RETURN, "");
	if (some_before)
		give_verdict(match_set(image_chain_rule(chain), SET_THERE_BEFORE,
		                       egress ? FIELD_IN : FIELD_OUT, FIELD_NONE, FIELD_NONE),
		             VERDICT_RETURN, "");
	chain_pass_neighbours(chain);
	give_verdict(count_packets(image_chain_rule(chain)), VERDICT_DROP, "");
	chain_end(drawing, chain);
}

int render_closed(const char *const *there_before, size_t count, struct image **ret)
{
	struct chain_drawing drawing = {.image = image_new()};
	if (!drawing.image)
		return -ENOMEM;
	drawing.status = draw_there_before(there_before, count, drawing.image);
	if (drawing.status == 0)
		drawing.status = draw_neighbours(drawing.image);
	draw_hook(&drawing, CHAIN_FORWARD, HOOK_FORWARD, true, true);
	draw_hook(&drawing, CHAIN_INPUT, HOOK_INPUT, true, false);
	draw_hook(&drawing, CHAIN_OUTPUT, HOOK_OUTPUT, false, true);
	draw_closed(&drawing, true, count > 0);
	draw_closed(&drawing, false, count > 0);
	if (drawing.status < 0) {
		image_free(drawing.image);
		return drawing.status;
	}
	image_finish(drawing.image);
	drawing.image->present = true;
	*ret = drawing.image;
	return 0;
}
