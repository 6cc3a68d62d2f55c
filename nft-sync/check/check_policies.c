/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "nft-sync/check/check_workloads.h"
#include "nft-sync/check/facts_cluster.h"

#define CRD "SecurityGroupPolicy, vpcresources.k8s.aws/v1beta1"
#define HELPER "amazon-vpc-resource-controller-k8s, pkg/utils/helper.go"

static const struct check policy_no_selector = {
	"policy-no-selector",
	SEVERITY_ERROR,
	"policies without a selector",
	"A policy with neither a podSelector nor a serviceAccountSelector is passed over by the "
	"admission webhook and by the controller: the pods it is meant for have the node's groups.",
	HELPER,
};

static const struct check policy_selector_invalid = {
	"policy-selector-invalid",
	SEVERITY_ERROR,
	"policies with a selector that Kubernetes does not accept",
	"A selector that cannot be parsed matches nothing, and no event says so.",
	HELPER,
};

static const struct check policy_both_selectors = {
	"policy-both-selectors",
	SEVERITY_INFO,
	"policies with both selectors",
	"Both have to match: the pod by its labels, and its ServiceAccount by the labels of the "
	"ServiceAccount object. Who means either of them writes two policies.",
	CRD,
};

static const struct check policy_no_groups = {
	"policy-no-groups",
	SEVERITY_ERROR,
	"policies without security groups",
	"A policy without groups gives none and is passed over: the pods it is meant for have the "
	"node's groups.",
	HELPER,
};

static const struct check policy_matches_nothing = {
	"policy-matches-nothing",
	SEVERITY_WARNING,
	"policies that match no pod and no template",
	"A wrong label, or the wrong namespace, is said by nobody: a policy holds in its own "
	"namespace only, and its serviceAccountSelector matches labels of ServiceAccount objects, "
	"not their names.",
	HELPER,
};

static const struct check pod_service_account = {
	"pod-service-account",
	SEVERITY_ERROR,
	"pods whose ServiceAccount is not there, though policies ask for its labels",
	"The webhook that matches policies looks the ServiceAccount up and refuses the pod where "
	"it "
	"finds none; a pod that is there already has no such policy's groups.",
	"amazon-vpc-resource-controller-k8s, webhooks/core/pod_webhook.go",
};

static const struct check *const checks[] = {
	&policy_no_selector,
	&policy_selector_invalid,
	&policy_both_selectors,
	&policy_no_groups,
	&policy_matches_nothing,
	&pod_service_account,
	NULL,
};

static struct finding *found(struct check_run *run, const struct check *check,
                             const struct policy_facts *policy, const char *what)
{
	return check_found(run, check, "SecurityGroupPolicy", &policy->fact, "%s", what);
}

static void judge_selectors(struct check_run *run, const struct policy_facts *policy)
{
	const struct security_group_policy *spec = policy->policy;
	struct finding *finding;
	check_judged(run, &policy_no_selector);
	check_judged(run, &policy_both_selectors);
	if (!spec->pods && !spec->service_accounts) {
		finding = found(run, &policy_no_selector, policy, "it has no selector");
		finding_fix(run, finding,
		            "podSelector: {matchLabels: {app: %s}}    # in the policy's spec; {} "
		            "is every pod of the namespace",
		            policy->fact.name);
	}
	if (spec->pods && spec->service_accounts) {
		finding = found(run, &policy_both_selectors, policy,
		                "pods have to match its podSelector and, by their ServiceAccount, "
		                "its serviceAccountSelector");
		finding_fix(run, finding,
		            "# either is enough: two policies with one selector each");
	}
}

static void judge_syntax(struct check_run *run, const struct policy_facts *policy)
{
	const struct security_group_policy *spec = policy->policy;
	const struct selector *selectors[] = {spec->pods, spec->service_accounts};
	static const char *const names[] = {"podSelector", "serviceAccountSelector"};
	for (size_t i = 0; i < 2; i++) {
		struct finding *finding;
		if (!selectors[i])
			continue;
		check_judged(run, &policy_selector_invalid);
		if (!selectors[i]->invalid)
			continue;
		finding =
			check_found(run, &policy_selector_invalid, "SecurityGroupPolicy",
		                    &policy->fact, "its %s is none, and matches nothing", names[i]);
		finding_fix(run, finding,
		            "kubectl edit securitygrouppolicy %s -n %s    # In and NotIn have "
		            "values, Exists and DoesNotExist have none; keys and values are "
		            "labels'",
		            policy->fact.name, policy->fact.namespace);
	}
}

static void judge_groups(struct check_run *run, const struct policy_facts *policy)
{
	check_judged(run, &policy_no_groups);
	if (policy->policy->group_count == 0)
		finding_fix(run, found(run, &policy_no_groups, policy, "it lists no groups"),
		            "securityGroups: {groupIds: [sg-…]}    # in the policy's spec; one to "
		            "five");
}

static bool can_match(const struct security_group_policy *spec)
{
	return spec->group_count > 0 && (spec->pods || spec->service_accounts) &&
	       !(spec->pods && spec->pods->invalid) &&
	       !(spec->service_accounts && spec->service_accounts->invalid);
}

static bool selects_any(const struct facts *facts, const struct policy_facts *policy,
                        enum fact_kind kind)
{
	const void *of_namespace;
	size_t count;
	facts_of_namespace(facts, kind, policy->fact.namespace, &of_namespace, &count);
	const struct pod_facts *pods = of_namespace;
	for (size_t i = 0; i < count; i++)
		if (policy_selects(facts, policy, &pods[i]) &&
		    (kind == FACT_POD || !is_made_by_template(facts, &pods[i])))
			return true;
	return false;
}

static void judge_match(struct check_run *run, const struct policy_facts *policy)
{
	const struct facts *facts = run->facts;
	const struct security_group_policy *spec = policy->policy;
	struct finding *finding;
	/* Of one that can't match that is what is wrong. */
	if (!facts->known[FACT_POD] || !facts->known[FACT_TEMPLATE] || !can_match(spec) ||
	    (spec->service_accounts && !facts->known[FACT_SERVICE_ACCOUNT]))
		return;
	check_judged(run, &policy_matches_nothing);
	/* Templates are few, and what they match their pods do. */
	if (selects_any(facts, policy, FACT_TEMPLATE) || selects_any(facts, policy, FACT_POD))
		return;
	finding = found(run, &policy_matches_nothing, policy, "it matches no pod and no template");
	finding_fix(run, finding, "kubectl get %s -n %s --show-labels    # and compare",
	            spec->service_accounts ? "pods,serviceaccounts" : "pods",
	            policy->fact.namespace);
}

static bool is_account_asked(const struct facts *facts, const struct pod_facts *pod)
{
	const void *of_namespace;
	size_t count;
	facts_of_namespace(facts, FACT_POLICY, pod->fact.namespace, &of_namespace, &count);
	const struct policy_facts *policies = of_namespace;
	for (size_t i = 0; i < count; i++)
		if (policies[i].policy && policies[i].policy->service_accounts)
			return true;
	return false;
}

static enum judgement judge_account(struct check_run *run, const struct pod_facts *pod, char *what)
{
	if (pod->host_network || !is_account_asked(run->facts, pod))
		return NOT_JUDGED;
	(void)snprintf(what, WHAT_MAX, "its ServiceAccount %s is not there", pod->service_account);
	return pod->groups.missing_service_account ? JUDGED_WRONG : JUDGED_RIGHT;
}

static void fix_account(struct check_run *run, struct finding *finding, const struct pod_facts *pod)
{
	finding_fix(run, finding,
	            "kubectl create serviceaccount %s -n %s    # and the labels that the policy "
	            "asks for",
	            pod->service_account, pod->fact.namespace);
}

static void say_needs(struct check_run *run, bool asks_for_accounts)
{
	const struct facts *facts = run->facts;
	if (!facts->known[FACT_POLICY])
		group_needs(run, &check_policies, NEEDS_POLICIES);
	if (!facts->known[FACT_POD]) {
		check_needs(run, &policy_matches_nothing, NEEDS_PODS);
		check_needs(run, &pod_service_account, NEEDS_PODS);
	}
	if (!facts->known[FACT_TEMPLATE]) {
		check_needs(run, &policy_matches_nothing, NEEDS_TEMPLATES);
		check_needs(run, &pod_service_account, NEEDS_TEMPLATES);
	}
	if (asks_for_accounts && !facts->known[FACT_SERVICE_ACCOUNT]) {
		check_needs(run, &policy_matches_nothing, NEEDS_SERVICE_ACCOUNTS);
		check_needs(run, &pod_service_account, NEEDS_SERVICE_ACCOUNTS);
	}
}

static void run_policies(struct check_run *run)
{
	const struct facts *facts = run->facts;
	bool asks_for_accounts = false;
	size_t count;
	const struct policy_facts *policies = facts_of(facts, FACT_POLICY, &count);
	for (size_t i = 0; i < count; i++) {
		if (!is_policy_judged(facts, &policies[i]))
			continue;
		judge_selectors(run, &policies[i]);
		judge_syntax(run, &policies[i]);
		judge_groups(run, &policies[i]);
		judge_match(run, &policies[i]);
		asks_for_accounts |= policies[i].policy->service_accounts != NULL;
	}
	if (facts->known[FACT_SERVICE_ACCOUNT])
		judge_workloads(run, &pod_service_account, judge_account, fix_account);
	say_needs(run, asks_for_accounts);
}

const struct check_group check_policies = {"Policies", checks, run_policies, false};
