/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/dns_packet.h"
#include "nft-sync/draw/chain_drawing.h"
#include "nft-sync/draw/names.h"
#include "nft-sync/draw/render_chains.h"
#include "nft-sync/draw/statement.h"

/* Before any masquerade at 100: the first NAT rule that matches binds the flow. */
#define PRIORITY_UNSOURCED 90

#define DHCP4_CLIENT 68
#define DHCP4_SERVER 67
#define DHCP6_CLIENT 546
#define DHCP6_SERVER 547

/*
 * Of a packet whose flow both ends of the node have permitted nothing more is asked: most packets
 * between pods of one node end here. An interface that has to be closed to all needs to be found.
 */
static void pass_known_flows(const struct chain_drawing *drawing, struct image_chain *chain)
{
	if (!drawing->plan->claimed)
		give_verdict(match_marked(image_chain_rule(chain),
		                          drawing->plan->config->nft_sync.connmark),
		             VERDICT_RETURN, "");
}

/*
 * Sets and a jump rather than a verdict map: before a commit kernels until 6.18 follow each element
 * of such a map through everything behind it, once more for every other way that leads there.
 */
static void judge_end(struct image_rule *rule, enum field interface, const char *chain)
{
	give_verdict(match_set(rule, SET_BRANCHES, interface, FIELD_NONE, FIELD_NONE), VERDICT_JUMP,
	             chain);
}

static void draw_forward(struct chain_drawing *drawing)
{
	struct image_chain *chain = chain_begin(CHAIN_FORWARD, "both ends of a packet");
	if (chain)
		chain->hook = HOOK_FORWARD;
	pass_known_flows(drawing, chain);
	judge_end(image_chain_rule(chain), FIELD_IN, CHAIN_EGRESS);
	judge_end(image_chain_rule(chain), FIELD_OUT, CHAIN_INGRESS);
	chain_end(drawing, chain);
}

/* The node itself is the other end. */
static void draw_local(struct chain_drawing *drawing)
{
	struct image_chain *input = chain_begin(CHAIN_INPUT, "from a pod to the node");
	if (input)
		input->hook = HOOK_INPUT;
	judge_end(image_chain_rule(input), FIELD_IN, CHAIN_EGRESS);
	chain_end(drawing, input);
	struct image_chain *output = chain_begin(CHAIN_OUTPUT, "from the node to a pod");
	if (output)
		output->hook = HOOK_OUTPUT;
	judge_end(image_chain_rule(output), FIELD_OUT, CHAIN_FROM_NODE);
	chain_end(drawing, output);
}

/* What every end asks first: has it permitted this flow before, is it neighbour discovery? */
static void ask_first(const struct chain_drawing *drawing, struct image_chain *chain,
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
	chain_pass_neighbours(chain);
}

static void draw_claimed(struct chain_drawing *drawing, enum direction direction)
{
	bool egress = direction == DIRECTION_EGRESS;
	struct image_chain *chain = chain_begin(egress ? "claimed-egress" : "claimed-ingress",
	                                        "a newer pod has the address or interface");
	chain_pass_neighbours(chain);
	chain_go_to(chain, egress ? "drop-egress-" DROP_CLAIMED : "drop-ingress-" DROP_CLAIMED);
	chain_end(drawing, chain);
}

static struct image_chain *begin_end(const struct chain_drawing *drawing, const char *name,
                                     const char *comment, enum direction direction)
{
	bool egress = direction == DIRECTION_EGRESS;
	struct image_chain *chain = chain_begin(name, comment);
	if (drawing->plan->claimed)
		give_verdict(match_set(image_chain_rule(chain), SET_CLAIMED,
		                       egress ? FIELD_IN : FIELD_OUT, FIELD_NONE, FIELD_NONE),
		             VERDICT_GOTO, egress ? "claimed-egress" : "claimed-ingress");
	ask_first(drawing, chain, direction);
	return chain;
}

/* Each kind of interface has a way of its own from here on. */
static void end_by_kind(struct chain_drawing *drawing, struct image_chain *chain,
                        enum direction direction, const char *standard)
{
	bool egress = direction == DIRECTION_EGRESS;
	enum field interface = egress ? FIELD_IN : FIELD_OUT;
	if (drawing->plan->strict) {
		give_verdict(match_set(image_chain_rule(chain), SET_ROUTED, interface, FIELD_NONE,
		                       FIELD_NONE),
		             VERDICT_GOTO,
		             egress ? "strict-egress-exempt" : "strict-ingress-exempt");
		give_verdict(match_set(image_chain_rule(chain), SET_STRICT, interface, FIELD_NONE,
		                       FIELD_NONE),
		             VERDICT_GOTO, egress ? "strict-egress" : "strict-ingress");
	}
	chain_go_to(chain, standard);
	chain_end(drawing, chain);
}

static void draw_egress(struct chain_drawing *drawing)
{
	struct image_chain *chain =
		begin_end(drawing, CHAIN_EGRESS, "from a pod", DIRECTION_EGRESS);
	give_verdict(image_chain_rule(chain), VERDICT_JUMP, CHAIN_SOURCE);
	end_by_kind(drawing, chain, DIRECTION_EGRESS, "standard-egress");
}

static void draw_source(struct chain_drawing *drawing)
{
	struct image_chain *chain = chain_begin(CHAIN_SOURCE, "a pod sends from its own addresses");
	give_verdict(match_set(image_chain_rule(chain), SET_ADDRESSES4, FIELD_IN, FIELD_SOURCE4,
	                       FIELD_NONE),
	             VERDICT_RETURN, "");
	give_verdict(match_set(image_chain_rule(chain), SET_ADDRESSES6, FIELD_IN, FIELD_SOURCE6,
	                       FIELD_NONE),
	             VERDICT_RETURN, "");
	give_verdict(match_set(image_chain_rule(chain), SET_ANY_SOURCE, FIELD_IN, FIELD_NONE,
	                       FIELD_NONE),
	             VERDICT_RETURN, "");
	chain_go_to(chain, "drop-egress-" DROP_SOURCE);
	chain_end(drawing, chain);
}

static void draw_ingress(struct chain_drawing *drawing)
{
	struct image_chain *chain =
		begin_end(drawing, CHAIN_INGRESS, "to a pod", DIRECTION_INGRESS);
	end_by_kind(drawing, chain, DIRECTION_INGRESS, "standard-ingress");
}

static void draw_from_node(struct chain_drawing *drawing)
{
	struct image_chain *chain =
		begin_end(drawing, CHAIN_FROM_NODE, "from the node to a pod", DIRECTION_INGRESS);
	end_by_kind(drawing, chain, DIRECTION_INGRESS, "standard-from-node");
}

static void draw_path(struct chain_drawing *drawing, const char *name, const char *next,
                      const char *drop)
{
	struct image_chain *chain = chain_begin(name, "only to and from its own device, or itself");
	give_verdict(match_set(image_chain_rule(chain), SET_PATHS, FIELD_IN, FIELD_OUT, FIELD_NONE),
	             VERDICT_GOTO, next);
	chain_go_to(chain, drop);
	chain_end(drawing, chain);
}

static void allow_hairpin(const struct chain_drawing *drawing, struct image_chain *chain,
                          const char *exempt)
{
	if (drawing->plan->config->exempt[EXEMPT_HAIRPIN])
		give_verdict(match_set(image_chain_rule(chain), SET_HAIRPINS, FIELD_IN, FIELD_OUT,
		                       FIELD_NONE),
		             VERDICT_GOTO, exempt);
}

static void ask_services(struct image_chain *chain, const char *set4, const char *set6)
{
	verdict_map(image_chain_rule(chain), set4, FIELD_DESTINATION4, FIELD_PROTOCOL, FIELD_PORT);
	verdict_map(image_chain_rule(chain), set6, FIELD_DESTINATION6, FIELD_PROTOCOL, FIELD_PORT);
}

/*
 * The node's cache refuses who may not ask, with a reason (REFUSED, EDE 18), which is better than
 * silence: where it is there to do so, the query is let through to it. It says that it is there in
 * the packet's priority, which no pod can set. That the packet is untracked would say too little: a
 * cache that knows no modes makes it so, too, and so do rules that a dead one has left.
 */
static void draw_dns(struct chain_drawing *drawing, const char *name, const char *permitted)
{
	struct image_chain *chain =
		chain_begin(name, "who may ask the cluster's DNS may ask its cache");
	give_verdict(
		match_set(image_chain_rule(chain), permitted, FIELD_IN, FIELD_NONE, FIELD_NONE),
		VERDICT_GOTO, CHAIN_DNS_PERMITTED);
	give_verdict(count_packets(match_priority(image_chain_rule(chain), DNS_PACKET_PRIORITY)),
	             VERDICT_RETURN, "");
	chain_go_to(chain, "drop-egress-" DROP_RULES);
	chain_end(drawing, chain);
}

/* Exempt services serve new flows only: an answer that looks like one is judged. What conntrack
 * does not track has no direction, and counts as new. */
static void draw_exempt_egress(struct chain_drawing *drawing, const char *name, const char *next,
                               bool dns)
{
	struct image_chain *chain = chain_begin(name, "what EC2 never filters");
	allow_hairpin(drawing, chain, "exempt-hairpin-egress");
	give_verdict(match_reply(image_chain_rule(chain)), VERDICT_GOTO, next);
	ask_services(chain, SET_EXEMPT4, SET_EXEMPT6);
	if (dns)
		ask_services(chain, SET_DNS4, SET_DNS6);
	if (drawing->plan->config->exempt[EXEMPT_DHCP]) {
		give_verdict(match_udp_ports(image_chain_rule(chain), AF_INET, DHCP4_CLIENT,
		                             DHCP4_SERVER),
		             VERDICT_GOTO, "exempt-dhcp");
		give_verdict(match_udp_ports(image_chain_rule(chain), AF_INET6, DHCP6_CLIENT,
		                             DHCP6_SERVER),
		             VERDICT_GOTO, "exempt-dhcp");
	}
	chain_go_to(chain, next);
	chain_end(drawing, chain);
}

/* The node's groups judge what crosses the primary interface. */
static void ask_node(const struct chain_drawing *drawing, struct image_chain *chain,
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
	chain_go_to(chain, direction == DIRECTION_EGRESS ? "drop-egress-" DROP_CLOSED
	                                                 : "drop-ingress-" DROP_CLOSED);
}

static void draw_judge(struct chain_drawing *drawing, const char *name, enum direction direction,
                       bool node)
{
	struct image_chain *chain =
		chain_begin(name, node ? "the node's groups, then its own" : "its own groups");
	if (node)
		ask_node(drawing, chain, direction);
	ask_rules(chain, direction);
	chain_end(drawing, chain);
}

static void draw_exempt_ingress(struct chain_drawing *drawing, const char *name, const char *next)
{
	struct image_chain *chain = chain_begin(name, "a pod to itself through a Service");
	allow_hairpin(drawing, chain, "exempt-hairpin-ingress");
	chain_go_to(chain, next);
	chain_end(drawing, chain);
}

/* kubelet's probes: new flows from the node itself to a standard pod. */
static void draw_standard_from_node(struct chain_drawing *drawing)
{
	struct image_chain *chain =
		chain_begin("standard-from-node", "kubelet's probes, and answers");
	give_verdict(match_reply(image_chain_rule(chain)), VERDICT_GOTO, "standard-ingress-judge");
	if (drawing->plan->config->exempt[EXEMPT_NODE_PROBE]) {
		chain_go_to(chain, "exempt-node-probe");
	} else {
		verdict_map(image_chain_rule(chain), SET_DNS_ANSWERS4, FIELD_SOURCE4,
		            FIELD_PROTOCOL, FIELD_SOURCE_PORT);
		verdict_map(image_chain_rule(chain), SET_DNS_ANSWERS6, FIELD_SOURCE6,
		            FIELD_PROTOCOL, FIELD_SOURCE_PORT);
		chain_go_to(chain, "standard-ingress-judge");
	}
	chain_end(drawing, chain);
}

/* A flow of a strict pod is bound to its own source before another tool's masquerade sees it. */
static void draw_unsourced(struct chain_drawing *drawing)
{
	struct image_chain *chain =
		chain_begin(CHAIN_UNSOURCED, "strict pods are never source-NATed");
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
	chain_end(drawing, chain);
}

/*
 * The node to a Service: DNAT in the output hook leads to another interface, which the chains
 * behind it in that hook don't see yet (nf_nat reroutes, the hook's state stays).
 */
static void draw_rerouted(struct chain_drawing *drawing)
{
	struct image_chain *chain =
		chain_begin(CHAIN_REROUTED, "from the node to a pod behind a Service");
	if (chain)
		chain->hook = HOOK_POSTROUTING;
	judge_end(match_dnated(match_from_node(image_chain_rule(chain))), FIELD_OUT,
	          CHAIN_FROM_NODE);
	chain_end(drawing, chain);
}

static void draw_standard(struct chain_drawing *drawing)
{
	draw_exempt_egress(drawing, "standard-egress", "standard-egress-judge", true);
	draw_dns(drawing, CHAIN_DNS_UDP, SET_DNS_UDP);
	draw_dns(drawing, CHAIN_DNS_TCP, SET_DNS_TCP);
	draw_judge(drawing, "standard-egress-judge", DIRECTION_EGRESS, true);
	draw_exempt_ingress(drawing, "standard-ingress", "standard-ingress-judge");
	draw_judge(drawing, "standard-ingress-judge", DIRECTION_INGRESS, true);
	draw_standard_from_node(drawing);
}

/* To interfaces of mode strict without a branch device no path is prescribed. */
static void draw_strict(struct chain_drawing *drawing)
{
	draw_path(drawing, "strict-egress", "strict-egress-exempt", "drop-egress-" DROP_PATH);
	draw_exempt_egress(drawing, "strict-egress-exempt", "strict-egress-judge", false);
	draw_judge(drawing, "strict-egress-judge", DIRECTION_EGRESS, false);
	draw_path(drawing, "strict-ingress", "strict-ingress-exempt", "drop-ingress-" DROP_PATH);
	draw_exempt_ingress(drawing, "strict-ingress-exempt", "strict-ingress-judge");
	draw_judge(drawing, "strict-ingress-judge", DIRECTION_INGRESS, false);
}

int render_chains(const struct chain_plan *plan, const struct image *previous, struct image *image)
{
	struct chain_drawing drawing = {.plan = plan, .previous = previous, .image = image};
	draw_forward(&drawing);
	draw_local(&drawing);
	draw_rerouted(&drawing);
	draw_egress(&drawing);
	draw_source(&drawing);
	draw_ingress(&drawing);
	draw_from_node(&drawing);
	draw_standard(&drawing);
	if (plan->strict) {
		draw_strict(&drawing);
		draw_unsourced(&drawing);
	}
	if (plan->claimed) {
		draw_claimed(&drawing, DIRECTION_EGRESS);
		draw_claimed(&drawing, DIRECTION_INGRESS);
	}
	draw_verdicts(&drawing);
	return drawing.status;
}
