/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <sys/socket.h>

#include "nft-sync/check/admission.h"
#include "nft-sync/check/facts_groups.h"
#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/judge/rule_match.h"

/* As far as its family is known. */
static bool may_have_peer(const struct admission_question *question, const struct sg_rule *rule)
{
	return rule->peer != RULE_PEER_PREFIX || question->peer_family == AF_UNSPEC ||
	       question->peer_family == rule->prefix.family;
}

static bool is_everybody(const struct sg_rule *rule)
{
	return rule->peer == RULE_PEER_PREFIX && rule->prefix.length == 0;
}

/* What a rule that does not match may yet do, if more were known. */
static struct admission doubt(const struct admission_question *question,
                              const struct judge_rules *rules, const struct sg_rule *rule)
{
	const struct prefix_list *list;
	switch (rule->peer) {
	case RULE_PEER_PREFIX:
		if (!question->peer_address)
			return (struct admission){ADMISSION_UNKNOWN, NULL};
		break;
	case RULE_PEER_PREFIX_LIST:
		list = rules->prefix_list(rules->context, rule->peer_id);
		if (!list || !list->known)
			return (struct admission){ADMISSION_UNKNOWN, NEEDS_PREFIX_LIST_ENTRIES};
		if (!question->peer_address)
			return (struct admission){ADMISSION_UNKNOWN, NULL};
		break;
	case RULE_PEER_GROUP:
		if (!question->peer_groups_known)
			return (struct admission){ADMISSION_UNKNOWN, NEEDS_INTERFACES};
		break;
	}
	return (struct admission){REFUSED, NULL};
}

static struct admission ask_rule(const struct admission_question *question,
                                 const struct judge_rules *rules, const struct sg_rule *rule)
{
	const struct packet packet = {.protocol = question->protocol};
	const struct rule_member peer = {question->peer_groups, question->peer_group_count,
	                                 question->peer_address};
	if (!rule_matches_service(rule, &packet, question->port))
		return (struct admission){REFUSED, NULL};
	if (rule_matches_member(rule, rules, &peer))
		return (struct admission){ADMITTED, NULL};
	if (!question->peer_address && !may_have_peer(question, rule))
		return (struct admission){REFUSED, NULL};
	if (!question->peer_address && is_everybody(rule))
		return (struct admission){ADMITTED, NULL};
	return doubt(question, rules, rule);
}

static struct admission ask_group(const struct admission_question *question,
                                  const struct judge_rules *rules, const char *id)
{
	const struct security_group *group = rules->group(rules->context, id);
	struct admission ret = {REFUSED, NULL};
	if (!group)
		return (struct admission){ADMISSION_UNKNOWN, NEEDS_GROUPS};
	for (size_t i = 0; i < group->rule_count[question->direction]; i++) {
		const struct admission one =
			ask_rule(question, rules, &group->rules[question->direction][i]);
		if (one.answer == ADMITTED)
			return one;
		if (one.answer == ADMISSION_UNKNOWN)
			ret = one;
	}
	return ret;
}

struct admission admission_of(const struct admission_question *question)
{
	const struct judge_rules rules = {.group = model_judge_group,
	                                  .prefix_list = model_judge_prefix_list,
	                                  .context = question->facts->model};
	struct admission ret = {REFUSED, NULL};
	for (size_t i = 0; i < question->group_count; i++) {
		const struct admission one = ask_group(question, &rules, question->groups[i]);
		if (one.answer == ADMITTED)
			return one;
		if (one.answer == ADMISSION_UNKNOWN)
			ret = one;
	}
	return ret;
}

const char *admission_protocol(uint8_t protocol)
{
	return protocol == IPPROTO_UDP ? "UDP" : "TCP";
}
