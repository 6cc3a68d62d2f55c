/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "nft-sync/judge/rule_match.h"
#include "nft-sync/judge/services.h"

#define PORT_LAST 65535
#define PING 8
#define PING6 128
/* Rules that are looked at for one pair of addresses, each a few nanoseconds. */
#define WORK_MAX 400000U
#define ASKED_LEAST 64U

/* The values where another answer may begin: ports, or each type or protocol that is named. */
struct marks {
	uint32_t *items;
	size_t count;
	size_t capacity;
	bool failed;
};

struct search {
	const struct passage_facts *facts;
	struct packet packet;
	struct services *services;
	struct marks marks[SERVICES_OTHER + 1];
	size_t rules;
	size_t left; /* packets that may still be judged */
};

static void mark(struct marks *marks, uint32_t value)
{
	if (value > PORT_LAST || marks->failed)
		return;
	if (marks->count == marks->capacity) {
		size_t capacity = marks->capacity ? 2 * marks->capacity : 64;
		uint32_t *items = realloc(marks->items, capacity * sizeof(*items));
		if (!items) {
			marks->failed = true;
			return;
		}
		marks->items = items;
		marks->capacity = capacity;
	}
	marks->items[marks->count++] = value;
}

static uint32_t icmp_mark(int32_t type, int32_t code)
{
	return (uint32_t)type << 8 | (uint32_t)(code < 0 ? 0 : code);
}

static uint8_t icmp_protocol(const struct services *services)
{
	return services->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
}

static void mark_rule(struct search *search, const struct sg_rule *rule)
{
	int protocol = rule->protocol;
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) {
		struct marks *marks =
			&search->marks[protocol == IPPROTO_TCP ? SERVICES_TCP : SERVICES_UDP];
		mark(marks, (uint32_t)rule->from);
		mark(marks, (uint32_t)rule->to + 1);
	} else if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
		if (protocol == icmp_protocol(search->services) && rule->from >= 0)
			mark(&search->marks[SERVICES_ICMP], icmp_mark(rule->from, rule->to));
	} else if (protocol != PROTOCOL_ALL) {
		mark(&search->marks[SERVICES_OTHER], (uint32_t)protocol);
	}
}

/* A rule for other peers permits nothing here, wherever its ports begin and end. */
static void mark_groups(struct search *search, const char *const *ids, size_t count,
                        enum direction direction)
{
	const struct packet *packet = &search->packet;
	const struct prefix *peer =
		direction == DIRECTION_EGRESS ? &packet->destination : &packet->source;
	const struct judge_rules rules = passage_rules(search->facts);
	for (size_t i = 0; i < count; i++) {
		const struct security_group *group = model_group(search->facts->model, ids[i]);
		if (!group)
			continue;
		search->rules += group->rule_count[direction];
		for (size_t j = 0; j < group->rule_count[direction]; j++)
			if (rule_matches_peer(&group->rules[direction][j],
			                      search->facts->resolution, &rules, peer))
				mark_rule(search, &group->rules[direction][j]);
	}
}

static void mark_end(struct search *search, const struct branch *branch, enum direction direction)
{
	const struct resolution *resolution = search->facts->resolution;
	if (!branch)
		return;
	mark_groups(search, branch->groups, branch->group_count, direction);
	mark_groups(search, resolution->node_groups, resolution->node_group_count, direction);
}

static void mark_port(struct search *search, uint16_t port)
{
	mark(&search->marks[SERVICES_TCP], port);
	mark(&search->marks[SERVICES_TCP], port + 1U);
	mark(&search->marks[SERVICES_UDP], port);
	mark(&search->marks[SERVICES_UDP], port + 1U);
}

/* What the judge knows without rules: exempt services, the cluster's DNS. */
static void mark_known(struct search *search)
{
	static const uint16_t ports[] = {53, 67, 80, 123, 547};
	const struct resolution *resolution = search->facts->resolution;
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		mark_port(search, ports[i]);
	for (size_t i = 0; i < resolution->dns_server_count; i++) {
		mark_port(search, resolution->dns_servers[i].udp_port);
		mark_port(search, resolution->dns_servers[i].tcp_port);
	}
	mark(&search->marks[SERVICES_TCP], 0);
	mark(&search->marks[SERVICES_UDP], 0);
	mark(&search->marks[SERVICES_ICMP], icmp_mark(search->services->v6 ? PING6 : PING, 0));
	mark(&search->marks[SERVICES_ICMP], icmp_mark(SERVICES_UNUSED, 0));
	mark(&search->marks[SERVICES_OTHER], SERVICES_UNUSED);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static void sort(struct marks *marks)
{
	size_t kept = 0;
	qsort(marks->items, marks->count, sizeof(*marks->items), compare);
	for (size_t i = 0; i < marks->count; i++)
		if (kept == 0 || marks->items[kept - 1] != marks->items[i])
			marks->items[kept++] = marks->items[i];
	marks->count = kept;
}

static int prepare(struct search *search)
{
	const struct passage *passage = &search->services->passage;
	mark_known(search);
	mark_end(search, passage->source, DIRECTION_EGRESS);
	mark_end(search, passage->destination, DIRECTION_INGRESS);
	for (enum services_kind kind = SERVICES_TCP; kind <= SERVICES_OTHER; kind++) {
		if (search->marks[kind].failed)
			return -ENOMEM;
		sort(&search->marks[kind]);
	}
	search->left = WORK_MAX / (search->rules + 1);
	if (search->left < ASKED_LEAST)
		search->left = ASKED_LEAST;
	return 0;
}

static void address_packet(struct search *search, enum services_kind kind, uint32_t value)
{
	struct packet *packet = &search->packet;
	packet->port = packet->original_port = 0;
	packet->icmp_type = packet->icmp_code = 0;
	switch (kind) {
	case SERVICES_TCP:
	case SERVICES_UDP:
		packet->protocol = kind == SERVICES_TCP ? IPPROTO_TCP : IPPROTO_UDP;
		packet->port = packet->original_port = (uint16_t)value;
		break;
	case SERVICES_ICMP:
		packet->protocol = icmp_protocol(search->services);
		packet->icmp_type = (uint8_t)(value >> 8);
		packet->icmp_code = (uint8_t)value;
		break;
	case SERVICES_OTHER:
		packet->protocol = (uint8_t)value;
		break;
	}
}

/* Of a drop only the end that dropped counts: which rule of the other end had let it come so far
 * would make many answers of one. */
static void ask(struct search *search, struct services_outcome *ret)
{
	struct verdict verdicts[PASSES_MAX];
	unsigned count =
		passage_judge(search->facts, &search->services->passage, &search->packet, verdicts);
	*ret = (struct services_outcome){.permitted = true, .asked = true};
	for (unsigned i = 0; i < count; i++)
		for (size_t j = 0; j < verdicts[i].end_count; j++) {
			const struct judgement *end = &verdicts[i].ends[j];
			if (!end->permitted)
				ret->end_count = 0;
			ret->permitted = end->permitted;
			ret->ends[ret->end_count++] = *end;
		}
}

static bool same_judgement(const struct judgement *a, const struct judgement *b)
{
	return a->permitted == b->permitted && a->reason == b->reason && a->branch == b->branch &&
	       a->direction == b->direction && a->rule == b->rule && a->node_rule == b->node_rule &&
	       (a->reason != REASON_EXEMPT || a->exemption == b->exemption);
}

static bool same_outcome(const struct services_outcome *a, const struct services_outcome *b)
{
	if (a->asked != b->asked || a->permitted != b->permitted || a->end_count != b->end_count)
		return false;
	for (size_t i = 0; i < a->end_count; i++)
		if (!same_judgement(&a->ends[i], &b->ends[i]))
			return false;
	return true;
}

static size_t find_outcome(const struct services *services, const struct services_outcome *outcome)
{
	size_t i = 0;
	while (i < services->outcome_count && !same_outcome(&services->outcomes[i], outcome))
		i++;
	return i;
}

/* The last place is for what was not asked, and for more outcomes than are told apart. */
static size_t keep_outcome(struct services *services, const struct services_outcome *outcome)
{
	static const struct services_outcome unasked;
	size_t i = find_outcome(services, outcome);
	if (i == services->outcome_count && i >= SERVICES_OUTCOMES_MAX - 1) {
		outcome = &unasked;
		i = find_outcome(services, outcome);
	}
	if (i == services->outcome_count) {
		services->outcomes[i] = *outcome;
		services->outcome_count++;
	}
	return i;
}

static void add_run(struct services *services, enum services_kind kind, uint32_t first,
                    uint32_t last, size_t outcome)
{
	struct services_run *before =
		services->run_count ? &services->runs[services->run_count - 1] : NULL;
	bool ports = kind == SERVICES_TCP || kind == SERVICES_UDP;
	services->partial = services->partial || !services->outcomes[outcome].asked;
	if (ports && before && before->kind == kind && before->outcome == outcome &&
	    before->last + 1U == first) {
		before->last = (uint16_t)last;
	} else if (services->run_count == SERVICES_RUNS_MAX) {
		services->partial = true;
	} else {
		services->runs[services->run_count++] = (struct services_run){
			.kind = kind,
			.first = (uint16_t)first,
			.last = (uint16_t)last,
			.outcome = outcome,
		};
	}
}

static void ask_kind(struct search *search, enum services_kind kind)
{
	struct services *services = search->services;
	const struct marks *marks = &search->marks[kind];
	bool ports = kind == SERVICES_TCP || kind == SERVICES_UDP;
	for (size_t i = 0; i < marks->count; i++) {
		struct services_outcome outcome = {.asked = false};
		uint32_t first = marks->items[i];
		uint32_t last = !ports                 ? first
		                : i + 1 < marks->count ? marks->items[i + 1] - 1
		                                       : PORT_LAST;
		if (search->left > 0) {
			search->left--;
			address_packet(search, kind, first);
			ask(search, &outcome);
		}
		add_run(services, kind, first, last, keep_outcome(services, &outcome));
	}
}

static size_t widest_outcome(const struct services *services)
{
	size_t widths[SERVICES_OUTCOMES_MAX] = {0};
	size_t widest = 0;
	for (size_t i = 0; i < services->run_count; i++) {
		const struct services_run *run = &services->runs[i];
		widths[run->outcome] += run->last - run->first + 1U;
	}
	for (size_t i = 1; i < services->outcome_count; i++)
		if (widths[i] > widths[widest])
			widest = i;
	return widest;
}

static void sum_up(struct services *services)
{
	bool permitted = false;
	bool dropped = false;
	for (size_t i = 0; i < services->outcome_count; i++) {
		permitted = permitted || services->outcomes[i].permitted;
		dropped = dropped || !services->outcomes[i].permitted;
	}
	services->rest = widest_outcome(services);
	services->verdict = !permitted ? SERVICES_NONE : dropped ? SERVICES_SOME : SERVICES_ALL;
}

int services_find(const struct passage_facts *facts, const struct prefix *source,
                  const struct prefix *destination, struct services *ret)
{
	struct search search = {
		.facts = facts,
		.packet = {.source = *source, .destination = *destination, .hop_limit = 64},
		.services = ret};
	int r;
	ret->v6 = source->family == AF_INET6;
	ret->partial = false;
	ret->run_count = ret->outcome_count = ret->rest = 0;
	ret->verdict = SERVICES_NONE;
	passage_find(facts, &search.packet, "", &ret->passage);
	if (ret->passage.problem.code)
		return 0;
	r = prepare(&search);
	/* Few of the others there are; ports come last, should there be too many of them. */
	for (int kind = SERVICES_OTHER; r == 0 && kind >= SERVICES_TCP; kind--)
		ask_kind(&search, (enum services_kind)kind);
	sum_up(ret);
	for (int kind = SERVICES_TCP; kind <= SERVICES_OTHER; kind++)
		free(search.marks[kind].items);
	return r;
}
