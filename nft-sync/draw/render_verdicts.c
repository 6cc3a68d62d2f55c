/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "nft-sync/draw/chain_drawing.h"
#include "nft-sync/draw/names.h"
#include "nft-sync/draw/statement.h"

const struct drop_reason drop_reasons[] = {
	{DIRECTION_EGRESS, DROP_SOURCE},   {DIRECTION_EGRESS, DROP_PATH},
	{DIRECTION_EGRESS, DROP_RULES},    {DIRECTION_EGRESS, DROP_NODE},
	{DIRECTION_EGRESS, DROP_CLOSED},   {DIRECTION_EGRESS, DROP_CLAIMED},
	{DIRECTION_INGRESS, DROP_PATH},    {DIRECTION_INGRESS, DROP_RULES},
	{DIRECTION_INGRESS, DROP_NODE},    {DIRECTION_INGRESS, DROP_CLOSED},
	{DIRECTION_INGRESS, DROP_CLAIMED},
};
const size_t drop_reason_count = sizeof(drop_reasons) / sizeof(drop_reasons[0]);

const char *drop_prefix(const struct drop_reason *drop, char buffer[static DROP_PREFIX_MAX])
{
	snprintf(buffer, DROP_PREFIX_MAX, "podsg %s %s: ", direction_name(drop->direction),
	         drop->reason);
	return buffer;
}

/* The lower bit is the originator's. The configuration has made sure that there are two. */
uint32_t mark_of_originator(const struct config *config)
{
	return config->nft_sync.connmark & -config->nft_sync.connmark;
}

uint32_t mark_of_responder(const struct config *config)
{
	return config->nft_sync.connmark & ~mark_of_originator(config);
}

/* Counted by interface: most packets behind the first of a flow never come here. */
static void draw_permit(struct chain_drawing *drawing, enum direction direction, uint32_t original,
                        uint32_t reply)
{
	bool egress = direction == DIRECTION_EGRESS;
	struct image_chain *chain = chain_begin(egress ? CHAIN_PERMIT_EGRESS : CHAIN_PERMIT_INGRESS,
	                                        "this end remembers that it permitted the flow");
	match_set(image_chain_rule(chain), egress ? SET_PERMITS_EGRESS : SET_PERMITS_INGRESS,
	          egress ? FIELD_IN : FIELD_OUT, FIELD_NONE, FIELD_NONE);
	set_mark(match_original(image_chain_rule(chain)), original);
	set_mark(match_reply(image_chain_rule(chain)), reply);
	chain_end(drawing, chain);
}

static void draw_exemption(struct chain_drawing *drawing, const char *name, const char *permit)
{
	struct image_chain *chain = chain_begin(name, "");
	give_verdict(count_packets(image_chain_rule(chain)), VERDICT_GOTO, permit);
	chain_end(drawing, chain);
}

static void draw_exemptions(struct chain_drawing *drawing)
{
	const struct config *config = drawing->plan->config;
	for (int i = 0; i < EXEMPTIONS; i++) {
		char name[IMAGE_NAME_MAX];
		snprintf(name, sizeof(name), "exempt-%s", exemption_names[i]);
		if (config->exempt[i] && i != EXEMPT_HAIRPIN)
			draw_exemption(drawing, name,
			               i == EXEMPT_NODE_PROBE ? CHAIN_PERMIT_INGRESS
			                                      : CHAIN_PERMIT_EGRESS);
	}
	if (config->exempt[EXEMPT_HAIRPIN]) {
		draw_exemption(drawing, "exempt-hairpin-egress", CHAIN_PERMIT_EGRESS);
		draw_exemption(drawing, "exempt-hairpin-ingress", CHAIN_PERMIT_INGRESS);
	}
}

/* Counted by interface in a set of its own, offered to the drop log, dropped. */
static void draw_drop(struct chain_drawing *drawing, const struct drop_reason *drop)
{
	const struct config *config = drawing->plan->config;
	bool egress = drop->direction == DIRECTION_EGRESS;
	char name[IMAGE_NAME_MAX];
	char counters[IMAGE_NAME_MAX];
	char prefix[DROP_PREFIX_MAX];
	snprintf(name, sizeof(name), "drop-%s-%s", direction_name(drop->direction), drop->reason);
	snprintf(counters, sizeof(counters), "drops-%s-%s", direction_name(drop->direction),
	         drop->reason);
	struct image_chain *chain = chain_begin(name, "");
	match_set(image_chain_rule(chain), counters, egress ? FIELD_IN : FIELD_OUT, FIELD_NONE,
	          FIELD_NONE);
	if (config->nft_sync.drop_log.per_second > 0)
		log_packets(
			limit_rate(image_chain_rule(chain), config->nft_sync.drop_log.per_second),
			config->nft_sync.drop_log.group, drop_prefix(drop, prefix));
	give_verdict(image_chain_rule(chain), VERDICT_DROP, "");
	chain_end(drawing, chain);
}

void draw_verdicts(struct chain_drawing *drawing)
{
	uint32_t originator = mark_of_originator(drawing->plan->config);
	uint32_t responder = mark_of_responder(drawing->plan->config);
	draw_permit(drawing, DIRECTION_EGRESS, originator, responder);
	draw_permit(drawing, DIRECTION_INGRESS, responder, originator);
	draw_exemptions(drawing);
	draw_exemption(drawing, CHAIN_DNS_PERMITTED, CHAIN_PERMIT_EGRESS);
	for (size_t i = 0; i < drop_reason_count; i++)
		draw_drop(drawing, &drop_reasons[i]);
}
