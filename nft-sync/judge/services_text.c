/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft-sync/judge/services.h"

#define SENTENCE_MAX 512

static const char *const kind_names[] = {"tcp", "udp", "icmp", "other protocols"};

static const char *kind_name(const struct services *services, enum services_kind kind)
{
	return kind == SERVICES_ICMP && services->v6 ? "icmpv6" : kind_names[kind];
}

static void add_comma(struct buffer *text, size_t before)
{
	if (text->length > before)
		buffer_add_text(text, ", ");
}

static void add_run(const struct services *services, const struct services_run *run,
                    struct buffer *text)
{
	const char *name = kind_name(services, run->kind);
	if (run->kind == SERVICES_OTHER && run->first == SERVICES_UNUSED)
		buffer_add_text(text, "protocols without a rule");
	else if (run->kind == SERVICES_OTHER)
		buffer_add_format(text, "protocol %u", run->first);
	else if (run->kind == SERVICES_ICMP && run->first >> 8 == SERVICES_UNUSED)
		buffer_add_format(text, "%s types without a rule", name);
	else if (run->kind == SERVICES_ICMP)
		buffer_add_format(text, "%s/%u/%u", name, run->first >> 8, run->first & 0xffU);
	else if (run->first == run->last)
		buffer_add_format(text, "%s/%u", name, run->first);
	else
		buffer_add_format(text, "%s/%u-%u", name, run->first ? run->first : 1U, run->last);
}

static void add_kind(const struct services *services, enum services_kind kind, size_t outcome,
                     struct buffer *text, size_t before)
{
	bool all = true;
	for (size_t i = 0; i < services->run_count; i++)
		all = all &&
		      (services->runs[i].kind != kind || services->runs[i].outcome == outcome);
	if (all) {
		add_comma(text, before);
		buffer_add_text(text, kind_name(services, kind));
		return;
	}
	for (size_t i = 0; i < services->run_count; i++) {
		const struct services_run *run = &services->runs[i];
		if (run->kind != kind || run->outcome != outcome)
			continue;
		add_comma(text, before);
		add_run(services, run, text);
	}
}

void services_text(const struct services *services, size_t outcome, struct buffer *text)
{
	size_t before = text->length;
	if (services->outcome_count == 1) {
		buffer_add_text(text, "everything");
	} else if (outcome == services->rest) {
		buffer_add_text(text, "everything else");
	} else {
		for (enum services_kind kind = SERVICES_TCP; kind <= SERVICES_OTHER; kind++)
			add_kind(services, kind, outcome, text, before);
	}
}

void services_reason(const struct services_outcome *outcome, struct buffer *text)
{
	char sentence[SENTENCE_MAX];
	if (!outcome->asked)
		buffer_add_text(text, "not asked: the groups have too many rules");
	else if (outcome->end_count == 0)
		buffer_add_text(text, "neither end is a pod with security groups on this node");
	for (size_t i = 0; i < outcome->end_count; i++) {
		const struct judgement *end = &outcome->ends[i];
		buffer_add_format(text, "%s%s: %s", i ? "; " : "", direction_name(end->direction),
		                  judgement_text(end, sentence, sizeof(sentence)));
		if (end->permitted && end->node_group)
			buffer_add_format(text, "; the node's group %s too", end->node_group->id);
	}
}
