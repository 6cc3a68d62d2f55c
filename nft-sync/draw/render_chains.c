/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/dns_packet.h"
#include "nft-sync/draw/names.h"
#include "nft-sync/draw/render_chains.h"
#include "nft-sync/draw/statement.h"

/* Behind destination NAT (-100), where others filter: our verdict never ends theirs. */
#define PRIORITY_FILTER 0
/* Before any masquerade at 100: the first NAT rule that matches binds the flow. */
#define PRIORITY_UNSOURCED 90

#define ND_HOP_LIMIT 255 /* RFC 4861 §7.1: anything else came through a router */
#define DHCP4_CLIENT 68
#define DHCP4_SERVER 67
#define DHCP6_CLIENT 546
#define DHCP6_SERVER 547

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

struct drawing {
	const struct chain_plan *plan;
	const struct image *previous;
	struct image *image;
	int status; /* the first failure */
};

static struct image_chain *begin(const char *name, const char *comment)
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

static void end(struct drawing *drawing, struct image_chain *chain)
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

static void go_to(struct image_chain *chain, const char *name)
{
	give_verdict(image_chain_rule(chain), VERDICT_GOTO, name);
}

/*
 * Of a packet whose flow both ends of the node have permitted nothing more is asked: most packets
 * between pods of one node end here. An interface that has to be closed to all needs to be found.
 */
static void pass_known_flows(const struct drawing *drawing, struct image_chain *chain)
{
	if (!drawing->plan->claimed)
		give_verdict(match_marked(image_chain_rule(chain),
		                          drawing->plan->config->nft_sync.connmark),
		             VERDICT_RETURN, "");
}

static void draw_forward(struct drawing *drawing)
{
	struct image_chain *chain = begin(CHAIN_FORWARD, "both ends of a packet");
	if (chain)
		chain->hook = HOOK_FORWARD;
	pass_known_flows(drawing, chain);
	verdict_map(image_chain_rule(chain), SET_EGRESS, FIELD_IN, FIELD_NONE, FIELD_NONE);
	verdict_map(image_chain_rule(chain), SET_INGRESS, FIELD_OUT, FIELD_NONE, FIELD_NONE);
	end(drawing, chain);
}

/* The node itself is the other end. */
static void draw_local(struct drawing *drawing, const char *name, enum image_hook hook,
                       const char *comment, const char *map, enum field interface)
{
	struct image_chain *chain = begin(name, comment);
	if (chain)
		chain->hook = hook;
	verdict_map(image_chain_rule(chain), map, interface, FIELD_NONE, FIELD_NONE);
	end(drawing, chain);
}

/* What every end asks first: has it permitted this flow before, is it neighbour discovery? */
static void ask_first(const struct drawing *drawing, struct image_chain *chain,
                      enum direction direction)
{
	uint32_t originator = mark_of_originator(drawing->plan->config);
	uint32_t responder = mark_of_responder(drawing->plan->config);
	bool egress = direction == DIRECTION_EGRESS;
	give_verdict(match_marked(match_original(image_chain_rule(chain)),
	                          egress ? originator : responder),
	             VERDICT_RETURN, "");
	give_verdict(
		match_marked(match_reply(image_chain_rule(chain)), egress ? responder : originator),
		VERDICT_RETURN, "");
	give_verdict(match_hop_limit(match_set(image_chain_rule(chain), SET_NEIGHBOUR,
	                                       FIELD_ICMPV6_TYPE, FIELD_NONE, FIELD_NONE),
	                             ND_HOP_LIMIT),
	             VERDICT_RETURN, "");
}

static void draw_claimed(struct drawing *drawing, enum direction direction)
{
	bool egress = direction == DIRECTION_EGRESS;
	struct image_chain *chain = begin(egress ? "claimed-egress" : "claimed-ingress",
	                                  "a newer pod has the address or interface");
	give_verdict(match_hop_limit(match_set(image_chain_rule(chain), SET_NEIGHBOUR,
	                                       FIELD_ICMPV6_TYPE, FIELD_NONE, FIELD_NONE),
	                             ND_HOP_LIMIT),
	             VERDICT_RETURN, "");
	go_to(chain, egress ? "drop-egress-" DROP_CLAIMED : "drop-ingress-" DROP_CLAIMED);
	end(drawing, chain);
}

static void draw_egress(struct drawing *drawing, const char *name, const char *comment,
                        const char *next)
{
	struct image_chain *chain = begin(name, comment);
	ask_first(drawing, chain, DIRECTION_EGRESS);
	give_verdict(match_set(image_chain_rule(chain), SET_ADDRESSES4, FIELD_IN, FIELD_SOURCE4,
	                       FIELD_NONE),
	             VERDICT_GOTO, next);
	give_verdict(match_set(image_chain_rule(chain), SET_ADDRESSES6, FIELD_IN, FIELD_SOURCE6,
	                       FIELD_NONE),
	             VERDICT_GOTO, next);
	give_verdict(match_set(image_chain_rule(chain), SET_ANY_SOURCE, FIELD_IN, FIELD_NONE,
	                       FIELD_NONE),
	             VERDICT_GOTO, next);
	go_to(chain, "drop-egress-" DROP_SOURCE);
	end(drawing, chain);
}

static void draw_path(struct drawing *drawing, const char *name, const char *next, const char *drop)
{
	struct image_chain *chain = begin(name, "only to and from its own device, or itself");
	give_verdict(match_set(image_chain_rule(chain), SET_PATHS, FIELD_IN, FIELD_OUT, FIELD_NONE),
	             VERDICT_GOTO, next);
	go_to(chain, drop);
	end(drawing, chain);
}

static void allow_hairpin(const struct drawing *drawing, struct image_chain *chain,
                          const char *exempt)
{
	if (drawing->plan->config->exempt[EXEMPT_HAIRPIN])
		give_verdict(match_set(image_chain_rule(chain), SET_HAIRPINS, FIELD_IN, FIELD_OUT,
		                       FIELD_NONE),
		             VERDICT_GOTO, exempt);
}

/* Queries to the cache on this node. */
static void ask_dns(struct image_chain *chain)
{
	verdict_map(image_chain_rule(chain), SET_DNS4, FIELD_DESTINATION4, FIELD_PROTOCOL,
	            FIELD_PORT);
	verdict_map(image_chain_rule(chain), SET_DNS6, FIELD_DESTINATION6, FIELD_PROTOCOL,
	            FIELD_PORT);
}

/*
 * The node's cache refuses who may not ask, with a reason (REFUSED, EDE 18), which is better than
 * silence: where it is there to do so, the query is let through to it. It says that it is there in
 * the packet's priority, which no pod can set. That the packet is untracked would say too little: a
 * cache that knows no modes makes it so, too, and so do rules that a dead one has left.
 */
static void draw_dns(struct drawing *drawing, const char *name, const char *permitted)
{
	struct image_chain *chain = begin(name, "who may ask the cluster's DNS may ask its cache");
	give_verdict(
		match_set(image_chain_rule(chain), permitted, FIELD_IN, FIELD_NONE, FIELD_NONE),
		VERDICT_GOTO, CHAIN_DNS_PERMITTED);
	give_verdict(count_packets(match_priority(image_chain_rule(chain), DNS_PACKET_PRIORITY)),
	             VERDICT_RETURN, "");
	go_to(chain, "drop-egress-" DROP_RULES);
	end(drawing, chain);
}

/* Exempt services serve new flows only: an answer that looks like one is judged. */
static void draw_exempt_egress(struct drawing *drawing, const char *name, const char *next,
                               bool dns)
{
	struct image_chain *chain = begin(name, "what EC2 never filters");
	allow_hairpin(drawing, chain, "exempt-hairpin-egress");
	give_verdict(match_reply(image_chain_rule(chain)), VERDICT_GOTO, next);
	verdict_map(image_chain_rule(chain), SET_EXEMPT4, FIELD_DESTINATION4, FIELD_PROTOCOL,
	            FIELD_PORT);
	verdict_map(image_chain_rule(chain), SET_EXEMPT6, FIELD_DESTINATION6, FIELD_PROTOCOL,
	            FIELD_PORT);
	if (dns)
		ask_dns(chain);
	if (drawing->plan->config->exempt[EXEMPT_DHCP]) {
		give_verdict(match_udp_ports(image_chain_rule(chain), AF_INET, DHCP4_CLIENT,
		                             DHCP4_SERVER),
		             VERDICT_GOTO, "exempt-dhcp");
		give_verdict(match_udp_ports(image_chain_rule(chain), AF_INET6, DHCP6_CLIENT,
		                             DHCP6_SERVER),
		             VERDICT_GOTO, "exempt-dhcp");
	}
	go_to(chain, next);
	end(drawing, chain);
}

/* The node's groups judge what crosses the primary interface. */
static void ask_node(const struct drawing *drawing, struct image_chain *chain,
                     enum direction direction)
{
	const char *node = drawing->plan->node_chains[direction];
	const char *primary = drawing->plan->primary_interface;
	enum node_groups_policy policy = drawing->plan->config->standard_node_groups;
	if (!node[0] || policy == NODE_GROUPS_NEVER)
		return;
	if (policy == NODE_GROUPS_ALWAYS)
		give_verdict(image_chain_rule(chain), VERDICT_JUMP, node);
	else if (!primary[0])
		return;
	else if (direction == DIRECTION_EGRESS)
		give_verdict(match_out(image_chain_rule(chain), primary), VERDICT_JUMP, node);
	else
		give_verdict(match_in(image_chain_rule(chain), primary), VERDICT_JUMP, node);
}

/* The end of the way: the interface's own rules. One without rules is closed. */
static void ask_rules(struct image_chain *chain, enum direction direction)
{
	if (direction == DIRECTION_EGRESS)
		verdict_map(image_chain_rule(chain), SET_RULES_EGRESS, FIELD_IN, FIELD_NONE,
		            FIELD_NONE);
	else
		verdict_map(image_chain_rule(chain), SET_RULES_INGRESS, FIELD_OUT, FIELD_NONE,
		            FIELD_NONE);
	go_to(chain, direction == DIRECTION_EGRESS ? "drop-egress-" DROP_CLOSED
	                                           : "drop-ingress-" DROP_CLOSED);
}

static void draw_judge(struct drawing *drawing, const char *name, enum direction direction,
                       bool node)
{
	struct image_chain *chain =
		begin(name, node ? "the node's groups, then its own" : "its own groups");
	if (node)
		ask_node(drawing, chain, direction);
	ask_rules(chain, direction);
	end(drawing, chain);
}

static void draw_ingress(struct drawing *drawing, const char *name, const char *comment,
                         const char *next)
{
	struct image_chain *chain = begin(name, comment);
	ask_first(drawing, chain, DIRECTION_INGRESS);
	go_to(chain, next);
	end(drawing, chain);
}

static void draw_exempt_ingress(struct drawing *drawing, const char *name, const char *next)
{
	struct image_chain *chain = begin(name, "a pod to itself through a Service");
	allow_hairpin(drawing, chain, "exempt-hairpin-ingress");
	go_to(chain, next);
	end(drawing, chain);
}

/* kubelet's probes: new flows from the node itself to a standard pod. */
static void draw_from_node(struct drawing *drawing)
{
	struct image_chain *chain = begin("standard-from-node", "from the node itself");
	ask_first(drawing, chain, DIRECTION_INGRESS);
	give_verdict(match_reply(image_chain_rule(chain)), VERDICT_GOTO, "standard-ingress-judge");
	if (drawing->plan->config->exempt[EXEMPT_NODE_PROBE]) {
		go_to(chain, "exempt-node-probe");
	} else {
		verdict_map(image_chain_rule(chain), SET_DNS_ANSWERS4, FIELD_SOURCE4,
		            FIELD_PROTOCOL, FIELD_SOURCE_PORT);
		verdict_map(image_chain_rule(chain), SET_DNS_ANSWERS6, FIELD_SOURCE6,
		            FIELD_PROTOCOL, FIELD_SOURCE_PORT);
		go_to(chain, "standard-ingress-judge");
	}
	end(drawing, chain);
}

/* Counted by interface: most packets behind the first of a flow never come here. */
static void draw_permit(struct drawing *drawing, enum direction direction, uint32_t original,
                        uint32_t reply)
{
	bool egress = direction == DIRECTION_EGRESS;
	struct image_chain *chain = begin(egress ? CHAIN_PERMIT_EGRESS : CHAIN_PERMIT_INGRESS,
	                                  "this end remembers that it permitted the flow");
	match_set(image_chain_rule(chain), egress ? SET_PERMITS_EGRESS : SET_PERMITS_INGRESS,
	          egress ? FIELD_IN : FIELD_OUT, FIELD_NONE, FIELD_NONE);
	set_mark(match_original(image_chain_rule(chain)), original);
	set_mark(match_reply(image_chain_rule(chain)), reply);
	end(drawing, chain);
}

static void draw_exemption(struct drawing *drawing, const char *name, const char *permit)
{
	struct image_chain *chain = begin(name, "");
	give_verdict(count_packets(image_chain_rule(chain)), VERDICT_GOTO, permit);
	end(drawing, chain);
}

static void draw_exemptions(struct drawing *drawing)
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
static void draw_drop(struct drawing *drawing, const struct drop_reason *drop)
{
	const struct config *config = drawing->plan->config;
	bool egress = drop->direction == DIRECTION_EGRESS;
	char name[IMAGE_NAME_MAX];
	char counters[IMAGE_NAME_MAX];
	char prefix[DROP_PREFIX_MAX];
	snprintf(name, sizeof(name), "drop-%s-%s", direction_name(drop->direction), drop->reason);
	snprintf(counters, sizeof(counters), "drops-%s-%s", direction_name(drop->direction),
	         drop->reason);
	struct image_chain *chain = begin(name, "");
	match_set(image_chain_rule(chain), counters, egress ? FIELD_IN : FIELD_OUT, FIELD_NONE,
	          FIELD_NONE);
	if (config->nft_sync.drop_log.per_second > 0)
		log_packets(
			limit_rate(image_chain_rule(chain), config->nft_sync.drop_log.per_second),
			config->nft_sync.drop_log.group, drop_prefix(drop, prefix));
	give_verdict(image_chain_rule(chain), VERDICT_DROP, "");
	end(drawing, chain);
}

/* A flow of a strict pod is bound to its own source before another tool's masquerade sees it. */
static void draw_unsourced(struct drawing *drawing)
{
	struct image_chain *chain = begin(CHAIN_UNSOURCED, "strict pods are never source-NATed");
	if (chain) {
		chain->hook = HOOK_POSTROUTING_NAT;
		chain->priority = PRIORITY_UNSOURCED;
	}
	/* A pod that reached itself would take the answer to its own address for a forgery. */
	give_verdict(
		match_set(image_chain_rule(chain), SET_HAIRPINS, FIELD_IN, FIELD_OUT, FIELD_NONE),
		VERDICT_RETURN, "");
	snat_by_map(image_chain_rule(chain), SET_UNSOURCED4, AF_INET);
	snat_by_map(image_chain_rule(chain), SET_UNSOURCED6, AF_INET6);
	end(drawing, chain);
}

/*
 * The node to a Service: DNAT in the output hook leads to another interface, which the chains
 * behind it in that hook don't see yet (nf_nat reroutes, the hook's state stays).
 */
static void draw_rerouted(struct drawing *drawing)
{
	struct image_chain *chain =
		begin(CHAIN_REROUTED, "from the node to a pod behind a Service");
	if (chain)
		chain->hook = HOOK_POSTROUTING;
	verdict_map(match_dnated(match_from_node(image_chain_rule(chain))), SET_FROM_NODE,
	            FIELD_OUT, FIELD_NONE, FIELD_NONE);
	end(drawing, chain);
}

static void draw_standard(struct drawing *drawing)
{
	draw_egress(drawing, "standard-egress", "mode standard, from the pod",
	            "standard-egress-exempt");
	draw_exempt_egress(drawing, "standard-egress-exempt", "standard-egress-judge", true);
	draw_dns(drawing, CHAIN_DNS_UDP, SET_DNS_UDP);
	draw_dns(drawing, CHAIN_DNS_TCP, SET_DNS_TCP);
	draw_exemption(drawing, CHAIN_DNS_PERMITTED, CHAIN_PERMIT_EGRESS);
	draw_judge(drawing, "standard-egress-judge", DIRECTION_EGRESS, true);
	draw_ingress(drawing, "standard-ingress", "mode standard, to the pod",
	             "standard-ingress-exempt");
	draw_exempt_ingress(drawing, "standard-ingress-exempt", "standard-ingress-judge");
	draw_judge(drawing, "standard-ingress-judge", DIRECTION_INGRESS, true);
	draw_from_node(drawing);
}

/* Strict interfaces, and those of mode strict without a branch device: no path is prescribed. */
static void draw_strict(struct drawing *drawing)
{
	draw_egress(drawing, "strict-egress", "mode strict, from the pod", "strict-egress-path");
	draw_path(drawing, "strict-egress-path", "strict-egress-exempt", "drop-egress-" DROP_PATH);
	draw_egress(drawing, "routed-egress", "mode strict without a device, from the pod",
	            "strict-egress-exempt");
	draw_exempt_egress(drawing, "strict-egress-exempt", "strict-egress-judge", false);
	draw_judge(drawing, "strict-egress-judge", DIRECTION_EGRESS, false);
	draw_ingress(drawing, "strict-ingress", "mode strict, to the pod", "strict-ingress-path");
	draw_path(drawing, "strict-ingress-path", "strict-ingress-exempt",
	          "drop-ingress-" DROP_PATH);
	draw_ingress(drawing, "routed-ingress", "mode strict without a device, to the pod",
	             "strict-ingress-exempt");
	draw_exempt_ingress(drawing, "strict-ingress-exempt", "strict-ingress-judge");
	draw_judge(drawing, "strict-ingress-judge", DIRECTION_INGRESS, false);
}

int render_chains(const struct chain_plan *plan, const struct image *previous, struct image *image)
{
	struct drawing drawing = {.plan = plan, .previous = previous, .image = image};
	uint32_t originator = mark_of_originator(plan->config);
	uint32_t responder = mark_of_responder(plan->config);
	draw_forward(&drawing);
	draw_local(&drawing, CHAIN_INPUT, HOOK_INPUT, "from a pod to the node", SET_EGRESS,
	           FIELD_IN);
	draw_local(&drawing, CHAIN_OUTPUT, HOOK_OUTPUT, "from the node to a pod", SET_FROM_NODE,
	           FIELD_OUT);
	draw_rerouted(&drawing);
	draw_standard(&drawing);
	if (plan->strict) {
		draw_strict(&drawing);
		draw_unsourced(&drawing);
	}
	draw_claimed(&drawing, DIRECTION_EGRESS);
	draw_claimed(&drawing, DIRECTION_INGRESS);
	draw_permit(&drawing, DIRECTION_EGRESS, originator, responder);
	draw_permit(&drawing, DIRECTION_INGRESS, responder, originator);
	draw_exemptions(&drawing);
	for (size_t i = 0; i < drop_reason_count; i++)
		draw_drop(&drawing, &drop_reasons[i]);
	return drawing.status;
}
