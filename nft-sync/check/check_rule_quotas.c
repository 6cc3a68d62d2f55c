/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/check/judged_groups.h"
#include "nft-sync/check/pod_bundles.h"

#define RULES_QUOTA 60
#define PRODUCT_QUOTA 1000
/* A list that reserves that many rules more than it has entries is worth a word. */
#define SPARE_ENTRIES_MAX 10

#define NEEDS_WEIGHT                                                                               \
	"the weight of an AWS-managed prefix list that podsg does not know (Amazon VPC User "      \
	"Guide)"

static const struct check rule_quota = {
	"group-rules-quota",
	SEVERITY_WARNING,
	"more rules in a group than EC2's default quota of 60 a direction",
	"EC2 counts IPv4 and IPv6 apart, inbound and outbound too; a reference to a group counts "
	"as "
	"a rule in both families, a prefix list as its MaxEntries, or AWS's own as its weight. A "
	"rule beyond the quota is refused (RulesPerSecurityGroupLimitExceeded): only an account "
	"whose quota was raised can have these, and with a raised quota an interface can have "
	"fewer groups.",
	"Amazon VPC User Guide, Amazon VPC quotas, security groups",
};

static const struct check rule_product = {
	"group-rules-product",
	SEVERITY_ERROR,
	"groups of a pod times rules of a group above 1,000",
	"EC2 accepts at most 1,000 as the product of the quotas for groups an interface and rules "
	"a group, which are an account's, not a group's. No quotas allow an interface with these "
	"groups: the branch interface can't be made, and the pod hangs in ContainerCreating (event "
	"BranchAllocationFailed).",
	"Amazon VPC User Guide, Amazon VPC quotas, security groups",
};

static const struct check list_size = {
	"prefix-list-oversized",
	SEVERITY_INFO,
	"a prefix list that reserves many more rules than it has entries",
	"A rule that refers to a customer-managed prefix list counts as the list's MaxEntries, "
	"however few entries there are: the quota of 60 rules is used up by room that nobody "
	"needs.",
	"Amazon VPC User Guide, customer-managed prefix lists; "
	"re:Post, Managing prefix lists in security groups: quota considerations",
};

static const struct check *const checks[] = {&rule_quota, &rule_product, &list_size, NULL};

enum family { IPV4, IPV6 };
#define FAMILIES 2

static const char *const family_names[FAMILIES] = {"IPv4", "IPv6"};

struct rule_counts {
	unsigned of[DIRECTIONS][FAMILIES];
	const char *needs; /* NULL: all that the rules refer to is known */
};

static void count_list(const struct facts *facts, const char *id, unsigned counts[FAMILIES],
                       const char **needs)
{
	const struct prefix_list_facts *list = facts_prefix_list(facts, id);
	unsigned weight = list ? prefix_list_weight(list) : 0;
	if (weight == 0) {
		*needs = list ? NEEDS_WEIGHT : NEEDS_PREFIX_LISTS;
		weight = 1;
	}
	if (!list || list->family != AF_INET6)
		counts[IPV4] += weight;
	if (!list || list->family != AF_INET)
		counts[IPV6] += weight;
}

static void count_rule(const struct facts *facts, const struct sg_rule *rule,
                       unsigned counts[FAMILIES], const char **needs)
{
	switch (rule->peer) {
	case RULE_PEER_PREFIX:
		counts[rule->prefix.family == AF_INET6 ? IPV6 : IPV4]++;
		break;
	case RULE_PEER_GROUP:
		counts[IPV4]++;
		counts[IPV6]++;
		break;
	case RULE_PEER_PREFIX_LIST:
		count_list(facts, rule->peer_id, counts, needs);
		break;
	}
}

static struct rule_counts count_rules(const struct facts *facts, const struct security_group *group)
{
	struct rule_counts counts = {0};
	for (enum direction d = DIRECTION_INGRESS; d <= DIRECTION_EGRESS; d++)
		for (size_t i = 0; i < group->rule_count[d]; i++)
			count_rule(facts, &group->rules[d][i], counts.of[d], &counts.needs);
	return counts;
}

static unsigned most_rules(const struct rule_counts *counts)
{
	unsigned most = 0;
	for (enum direction d = DIRECTION_INGRESS; d <= DIRECTION_EGRESS; d++)
		for (enum family f = IPV4; f < FAMILIES; f++)
			if (counts->of[d][f] > most)
				most = counts->of[d][f];
	return most;
}

static void judge_quota(struct check_run *run, const struct group_facts *group)
{
	const struct rule_counts counts = count_rules(run->facts, group->group);
	check_judged(run, &rule_quota);
	if (counts.needs)
		check_needs(run, &rule_quota, counts.needs);
	for (enum direction d = DIRECTION_INGRESS; d <= DIRECTION_EGRESS; d++)
		for (enum family f = IPV4; f < FAMILIES; f++) {
			struct finding *finding;
			if (counts.of[d][f] <= RULES_QUOTA)
				continue;
			finding = check_found(run, &rule_quota, "SecurityGroup", &group->fact,
			                      "its %s rules count as %u for %s, %u more than the "
			                      "default quota",
			                      direction_name(d), counts.of[d][f], family_names[f],
			                      counts.of[d][f] - RULES_QUOTA);
			finding_fix(run, finding,
			            "aws service-quotas request-service-quota-increase "
			            "--service-code vpc --quota-code L-0EA8095F "
			            "--desired-value %u    # or move rules to a second group",
			            counts.of[d][f]);
		}
}

/* Of groups, the one with the most rules. */
static unsigned largest_group(struct check_run *run, const struct pod_bundle *bundle,
                              const char **ret_id)
{
	unsigned most = 0;
	for (size_t i = 0; i < bundle->group_count; i++) {
		const struct security_group *group =
			model_group(run->facts->model, bundle->groups[i]);
		if (!group) {
			check_needs(run, &rule_product, NEEDS_GROUPS);
			continue;
		}
		const struct rule_counts counts = count_rules(run->facts, group);
		unsigned rules = most_rules(&counts);
		if (counts.needs)
			check_needs(run, &rule_product, counts.needs);
		if (rules > most) {
			most = rules;
			*ret_id = group->id;
		}
	}
	return most;
}

/* True if something was found. */
static bool judge_product(struct check_run *run, const struct pod_bundle *bundle)
{
	const char *id = "";
	unsigned most = largest_group(run, bundle, &id);
	size_t product = bundle->group_count * most;
	for (size_t i = 0; i < bundle->pod_count; i++) {
		const struct pod_facts *pod = bundle->pods[i];
		struct finding *finding;
		if (!is_named(run, pod))
			continue;
		check_judged(run, &rule_product);
		if (product <= PRODUCT_QUOTA)
			continue;
		finding = check_found(run, &rule_product, pod->kind, &pod->fact,
		                      "its %zu groups times the %u rules of %s are %zu",
		                      bundle->group_count, most, id, product);
		finding_fix(run, finding,
		            "# at most %u rules a direction in %s, or at most %u groups in the "
		            "policies that match",
		            PRODUCT_QUOTA / (unsigned)bundle->group_count, id,
		            PRODUCT_QUOTA / most);
	}
	return product > PRODUCT_QUOTA;
}

static const struct pod_bundle *largest_bundle(const struct pod_bundles *bundles)
{
	const struct pod_bundle *largest = NULL;
	for (size_t i = 0; i < bundles->count; i++)
		if (!largest || bundles->items[i].group_count > largest->group_count)
			largest = &bundles->items[i];
	return largest;
}

/* Quotas are the account's: NULL: no group of the bundle is known, or its account has no other. */
static const struct group_facts *largest_of_account(const struct check_run *run,
                                                    const struct pod_bundle *bundle,
                                                    unsigned *ret_rules)
{
	const struct group_facts *own = facts_group(run->facts, bundle->groups[0]), *largest = NULL;
	size_t count;
	const struct group_facts *groups = facts_of(run->facts, FACT_GROUP, &count);
	*ret_rules = 0;
	for (size_t i = 0; own && i < count; i++) {
		if (!groups[i].group || strcmp(groups[i].owner, own->owner) != 0)
			continue;
		const struct rule_counts counts = count_rules(run->facts, groups[i].group);
		if (most_rules(&counts) <= *ret_rules)
			continue;
		*ret_rules = most_rules(&counts);
		largest = &groups[i];
	}
	return largest;
}

/* No quotas allow both this pod's groups and that group's rules, though they never meet. */
static void judge_account(struct check_run *run, const struct pod_bundles *bundles)
{
	const struct pod_bundle *bundle = largest_bundle(bundles);
	const struct group_facts *group;
	const struct pod_facts *pod;
	struct finding *finding;
	unsigned rules;
	if (!bundle)
		return;
	group = largest_of_account(run, bundle, &rules);
	if (!group || bundle->group_count * rules <= PRODUCT_QUOTA)
		return;
	pod = template_of(run->facts, bundle->pods[0]);
	if (!pod)
		pod = bundle->pods[0];
	finding = check_found(run, &rule_product, pod->kind, &pod->fact,
	                      "it has %zu groups, and %s of the same account counts %u rules: "
	                      "quotas for both make %zu",
	                      bundle->group_count, group->fact.name, rules,
	                      bundle->group_count * rules);
	finding_fix(
		run, finding,
		"# at most %u rules a direction in %s, or at most %u groups in the policies that "
		"match",
		PRODUCT_QUOTA / (unsigned)bundle->group_count, group->fact.name,
		PRODUCT_QUOTA / rules);
}

static bool refers_to(const struct security_group *group, const char *list)
{
	for (enum direction d = DIRECTION_INGRESS; d <= DIRECTION_EGRESS; d++)
		for (size_t i = 0; i < group->rule_count[d]; i++)
			if (group->rules[d][i].peer == RULE_PEER_PREFIX_LIST &&
			    strcmp(group->rules[d][i].peer_id, list) == 0)
				return true;
	return false;
}

static bool is_referred_to(const struct judged_groups *groups, const char *list)
{
	for (size_t i = 0; i < groups->count; i++)
		if (refers_to(groups->items[i]->group, list))
			return true;
	return false;
}

static void judge_list(struct check_run *run, const struct prefix_list_facts *list)
{
	const struct prefix_list *entries = model_prefix_list(run->facts->model, list->fact.name);
	struct finding *finding;
	if (!entries || !entries->known) {
		check_needs(run, &list_size, NEEDS_PREFIX_LIST_ENTRIES);
		return;
	}
	check_judged(run, &list_size);
	if ((size_t)list->max_entries <= entries->entry_count + SPARE_ENTRIES_MAX)
		return;
	finding = check_found(run, &list_size, "PrefixList", &list->fact,
	                      "%zu %s, and each rule that refers to it counts as %d",
	                      entries->entry_count, entries->entry_count == 1 ? "entry" : "entries",
	                      list->max_entries);
	finding_fix(run, finding,
	            "aws ec2 modify-managed-prefix-list --prefix-list-id %s --max-entries %zu",
	            list->fact.name, entries->entry_count > 0 ? entries->entry_count : 1);
}

/* AWS's own can't be changed. */
static void judge_lists(struct check_run *run, const struct judged_groups *groups)
{
	size_t count;
	const struct prefix_list_facts *lists = facts_of(run->facts, FACT_PREFIX_LIST, &count);
	for (size_t i = 0; i < count; i++)
		if (lists[i].max_entries > 0 && is_referred_to(groups, lists[i].fact.name))
			judge_list(run, &lists[i]);
}

static void run_rule_quotas(struct check_run *run)
{
	if (!run->facts->known[FACT_GROUP]) {
		group_needs(run, &check_rule_quotas, NEEDS_GROUPS);
		return;
	}
	if (!run->facts->known[FACT_POD] && !run->facts->known[FACT_TEMPLATE])
		check_needs(run, &rule_product, NEEDS_PODS);
	const struct judged_groups groups = judged_groups_of(run);
	const struct pod_bundles bundles = pod_bundles_of(run, NULL);
	bool found = false;
	for (size_t i = 0; i < groups.count; i++)
		judge_quota(run, groups.items[i]);
	for (size_t i = 0; i < bundles.count; i++)
		found |= judge_product(run, &bundles.items[i]);
	if (!found)
		judge_account(run, &bundles);
	judge_lists(run, &groups);
}

const struct check_group check_rule_quotas = {"Rule quotas", checks, run_rule_quotas, false};
