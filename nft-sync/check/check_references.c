/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "nft-sync/check/judged_groups.h"
#include "nft-sync/check/rule_commands.h"

static const struct check reference_gone = {
	"rule-reference-gone",
	SEVERITY_WARNING,
	"a rule refers to a group that is not there",
	"A reference matches the private addresses of the interfaces that have the group. Where "
	"the "
	"group is gone there are none, and the rule permits nobody: what relied on it is dropped "
	"without a word.",
	"Amazon EC2 User Guide, Security group rules, referencing",
};

static const struct check reference_stale = {
	"rule-reference-stale",
	SEVERITY_WARNING,
	"a rule refers to a group behind a VPC peering that is gone",
	"When a peering or the group on its other side is deleted, rules that refer to it stay and "
	"are stale: they permit nobody and count against the quota until somebody removes them.",
	"Amazon VPC Peering Guide, Update your security groups to reference peer groups, "
	"stale security group rules",
};

static const struct check list_gone = {
	"rule-prefix-list-gone",
	SEVERITY_WARNING,
	"a rule refers to a prefix list that is not there",
	"A prefix list that nobody knows permits nothing, here and in EC2; one that was shared and "
	"is no longer keeps its place in the rule.",
	"Amazon VPC User Guide, managed prefix lists, shared prefix lists",
};

static const struct check *const checks[] = {&reference_gone, &reference_stale, &list_gone, NULL};

/* The account to name beside the group's id: "" = the referrer's own. */
static const char *foreign_owner(const struct group_facts *referrer,
                                 const struct group_reference *reference)
{
	return strcmp(reference->owner, referrer->owner) == 0 ? "" : reference->owner;
}

static const struct group_reference *reference_of(const struct group_reference *references,
                                                  size_t count, enum direction direction,
                                                  const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (references[i].direction == direction && strcmp(references[i].group, id) == 0)
			return &references[i];
	return NULL;
}

/* The documents hold groups of that account; of a VPC, where the reference says which. */
static bool would_be_listed(const struct facts *facts, const struct group_facts *referrer,
                            const struct group_reference *reference)
{
	size_t count;
	const struct group_facts *groups = facts_of(facts, FACT_GROUP, &count);
	const char *owner = reference->owner[0] ? reference->owner : referrer->owner;
	const char *vpc = reference->vpc_id[0] ? reference->vpc_id : referrer->vpc_id;
	for (size_t i = 0; i < count; i++)
		if (strcmp(groups[i].owner, owner) == 0 && strcmp(groups[i].vpc_id, vpc) == 0)
			return true;
	return false;
}

static bool is_stale_status(const char *status)
{
	static const char *const stale[] = {"deleted", "deleting", "expired", "failed", "rejected"};
	for (size_t i = 0; i < sizeof(stale) / sizeof(stale[0]); i++)
		if (strcmp(status, stale[i]) == 0)
			return true;
	return false;
}

/* As describe-stale-security-groups says; it is not asked for where references say it themselves.
 */
static bool is_listed_stale(const struct facts *facts, const struct group_facts *group,
                            enum direction direction, const char *id)
{
	const struct stale_group_facts *stale =
		facts_find(facts, FACT_STALE_GROUP, "", group->fact.name);
	return stale && reference_of(stale->references, stale->reference_count, direction, id);
}

/* Sentence cut to size. */
static const char *stale_text(const struct group_reference *reference, char *buffer, size_t size)
{
	if (reference->status[0])
		(void)snprintf(buffer, size, "the peering %s is %s", reference->peering,
		               reference->status);
	else
		(void)snprintf(buffer, size, "the group, or the peering to it, is gone");
	return buffer;
}

static bool judge_stale(struct check_run *run, const struct group_facts *group,
                        enum direction direction, const struct sg_rule *rule,
                        const struct group_reference *reference)
{
	char text[RULE_TEXT_MAX], why[128];
	struct finding *finding;
	if (reference->peering[0] || run->facts->known[FACT_STALE_GROUP])
		check_judged(run, &reference_stale);
	if (!is_stale_status(reference->status) &&
	    !is_listed_stale(run->facts, group, direction, rule->peer_id))
		return false;
	finding = check_found(run, &reference_stale, "SecurityGroup", &group->fact,
	                      "its %s rule %s is stale: %s", direction_name(direction),
	                      rule_text(rule, direction, text, sizeof(text)),
	                      stale_text(reference, why, sizeof(why)));
	fix_by_revoking(run, finding, group->fact.name, direction, rule,
	                foreign_owner(group, reference));
	return true;
}

static void judge_gone(struct check_run *run, const struct group_facts *group,
                       enum direction direction, const struct sg_rule *rule,
                       const struct group_reference *reference)
{
	char text[RULE_TEXT_MAX];
	struct finding *finding;
	if (!facts_group(run->facts, rule->peer_id) &&
	    !would_be_listed(run->facts, group, reference))
		return;
	check_judged(run, &reference_gone);
	if (facts_group(run->facts, rule->peer_id))
		return;
	finding = check_found(run, &reference_gone, "SecurityGroup", &group->fact,
	                      "its %s rule %s: there is no such group among those of account %s",
	                      direction_name(direction),
	                      rule_text(rule, direction, text, sizeof(text)),
	                      reference->owner[0] ? reference->owner : group->owner);
	fix_by_revoking(run, finding, group->fact.name, direction, rule,
	                foreign_owner(group, reference));
}

static void judge_reference(struct check_run *run, const struct group_facts *group,
                            enum direction direction, const struct sg_rule *rule)
{
	const struct group_reference *reference =
		reference_of(group->references, group->reference_count, direction, rule->peer_id);
	if (reference && !judge_stale(run, group, direction, rule, reference))
		judge_gone(run, group, direction, rule, reference);
}

static void judge_list(struct check_run *run, const struct group_facts *group,
                       enum direction direction, const struct sg_rule *rule)
{
	char text[RULE_TEXT_MAX];
	struct finding *finding;
	bool there = facts_prefix_list(run->facts, rule->peer_id) ||
	             model_prefix_list(run->facts->model, rule->peer_id);
	if (!there && !run->facts->known[FACT_PREFIX_LIST]) {
		check_needs(run, &list_gone, NEEDS_PREFIX_LISTS);
		return;
	}
	check_judged(run, &list_gone);
	if (there)
		return;
	finding = check_found(run, &list_gone, "SecurityGroup", &group->fact,
	                      "its %s rule %s: there is no such prefix list",
	                      direction_name(direction),
	                      rule_text(rule, direction, text, sizeof(text)));
	fix_by_revoking(run, finding, group->fact.name, direction, rule, "");
}

static void judge_rules(struct check_run *run, const struct group_facts *group,
                        enum direction direction)
{
	for (size_t i = 0; i < group->group->rule_count[direction]; i++) {
		const struct sg_rule *rule = &group->group->rules[direction][i];
		if (rule->peer == RULE_PEER_GROUP)
			judge_reference(run, group, direction, rule);
		else if (rule->peer == RULE_PEER_PREFIX_LIST)
			judge_list(run, group, direction, rule);
	}
}

static void run_references(struct check_run *run)
{
	if (!run->facts->known[FACT_GROUP]) {
		group_needs(run, &check_references, NEEDS_GROUPS);
		return;
	}
	const struct judged_groups groups = judged_groups_of(run);
	for (size_t i = 0; i < groups.count; i++) {
		judge_rules(run, groups.items[i], DIRECTION_INGRESS);
		judge_rules(run, groups.items[i], DIRECTION_EGRESS);
	}
}

const struct check_group check_references = {"Rule references", checks, run_references, false};
