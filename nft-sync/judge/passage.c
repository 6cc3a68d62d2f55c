/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "nft-sync/judge/passage.h"
#include "nft-sync/judge/way.h"

static void add_pass(struct passage *passage, const char *in, const char *out)
{
	struct pass *pass = &passage->passes[passage->count++];
	snprintf(pass->in, sizeof(pass->in), "%s", in);
	snprintf(pass->out, sizeof(pass->out), "%s", out);
}

static int leave(const struct passage_facts *facts, const struct branch *source,
                 const struct packet *packet, char out[static INTERFACE_NAME_MAX],
                 struct error *err)
{
	if (source)
		return way_out(facts->resolution, facts->host, source, &packet->source,
		               &packet->destination, out, err);
	return host_route(facts->host, &packet->destination, &packet->source, "", 0, out, err);
}

/* The pass of a packet that begins on this node. */
static void first_pass(const struct passage_facts *facts, const struct packet *packet,
                       struct passage *passage)
{
	char out[INTERFACE_NAME_MAX];
	if (leave(facts, passage->source, packet, out, &passage->problem) < 0)
		(void)error_wrap(&passage->problem, "the node has no route");
	else
		add_pass(passage, passage->source ? passage->source->interface : "", out);
}

/* Where a packet for a pod of this node comes in again from the fabric. */
static const char *entry_again(const struct passage_facts *facts, const struct branch *destination)
{
	return destination->device[0] ? destination->device : facts->resolution->primary_interface;
}

void passage_find(const struct passage_facts *facts, const struct packet *packet, const char *in,
                  struct passage *ret)
{
	char room[INTERFACE_NAME_MAX];
	bool from_here;
	*ret = (struct passage){
		.source = resolution_branch_at(facts->resolution, &packet->source),
		.destination = resolution_branch_at(facts->resolution, &packet->destination)};
	if (!ret->source && !ret->destination)
		return;
	from_here = ret->source || way_is_from_node(facts->host, &packet->source);
	if (from_here)
		first_pass(facts, packet, ret);
	if (ret->problem.code || !ret->destination)
		return;
	/* Straight from end to end it was one pass; through the fabric it comes in once more. */
	if (from_here && strcmp(ret->passes[0].out, ret->destination->interface) == 0)
		return;
	if (!in[0] && from_here)
		in = entry_again(facts, ret->destination);
	else if (!in[0])
		in = way_in(facts->resolution, facts->host, ret->destination, &packet->source,
		            packet->original_port != packet->port, room);
	add_pass(ret, in, ret->destination->interface);
}

struct judge_rules passage_rules(const struct passage_facts *facts)
{
	return (struct judge_rules){.group = model_judge_group,
	                            .prefix_list = model_judge_prefix_list,
	                            .context = facts->model};
}

unsigned passage_judge(const struct passage_facts *facts, const struct passage *passage,
                       struct packet *packet, struct verdict ret[static PASSES_MAX])
{
	const struct judge_rules rules = passage_rules(facts);
	for (unsigned i = 0; i < passage->count; i++) {
		packet->in = passage->passes[i].in;
		packet->out = passage->passes[i].out;
		judge(facts->resolution, &rules, packet, &ret[i]);
		if (!ret[i].permitted)
			return i + 1;
	}
	return passage->count;
}

static void rule_sentence(const struct judgement *j, char *text, size_t size)
{
	char rule[RULE_TEXT_MAX];
	rule_text(j->rule, j->direction, rule, sizeof(rule));
	snprintf(text, size, "allowed by %s%s%s%s: %s", j->group->id, j->group->name[0] ? " (" : "",
	         j->group->name, j->group->name[0] ? ")" : "", rule);
}

static const char *const reason_texts[] = {
	[REASON_NOT_OURS] = "not ours",
	[REASON_DNS] = "allowed: it may ask the cluster's DNS, and so its cache on the node",
	[REASON_NEIGHBOUR] = "allowed: IPv6 neighbour discovery",
	[REASON_SOURCE] = "dropped: the source is not an address of the pod (source/dest check)",
	[REASON_PATH] = "dropped: a strict pod exchanges packets with its own branch device only",
	[REASON_NO_RULE] = "dropped: no rule of its groups allows it",
	[REASON_NODE_NO_RULE] = "dropped: no rule of the node's groups allows it",
	[REASON_CLOSED] = "dropped: none of its groups is known",
	[REASON_CLAIMED] = "dropped: a newer pod has its address or interface",
};

const char *judgement_text(const struct judgement *judgement, char *text, size_t size)
{
	const struct judgement *j = judgement;
	if (j->reason == REASON_RULE)
		rule_sentence(j, text, size);
	else if (j->reason == REASON_EXEMPT)
		snprintf(text, size, "allowed: exempt (%s)", exemption_names[j->exemption]);
	else if (j->reason == REASON_CLOSED && j->branch->too_many_rules[j->direction])
		snprintf(text, size, "dropped: its groups have too many rules, it is closed");
	else
		snprintf(text, size, "%s", reason_texts[j->reason]);
	return text;
}
