/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft-sync/check/check.h"
#include "nft-sync/check/facts_pods.h"

static const struct check grace_period_zero = {
	"grace-period-zero",
	SEVERITY_WARNING,
	"a termination grace period of 0 seconds",
	"The API server forgets such a pod before the node has taken its network down: the VPC CNI "
	"may leave its VLAN device, ip rules and branch ENI behind, and the next pod of that name "
	"may find itself without a network.",
	"EKS User Guide, Security groups for Pods, considerations; "
	"amazon-vpc-cni-k8s issues 1313 and 1375",
};

static const struct check *const checks[] = {&grace_period_zero, NULL};

static void judge_pod(struct check_run *run, const struct pod_facts *pod)
{
	struct finding *finding;
	if (!is_judged(run->facts, pod) || !has_groups(pod))
		return;
	check_judged(run, &grace_period_zero);
	if (pod->grace != 0 || template_of(run->facts, pod))
		return;
	finding = check_found(run, &grace_period_zero, pod->kind, &pod->fact,
	                      "terminationGracePeriodSeconds is 0");
	finding_fix(run, finding,
	            "terminationGracePeriodSeconds: %d    # in the pod's spec; 1 is enough",
	            GRACE_PERIOD_DEFAULT);
}

static void judge_pods(struct check_run *run, enum fact_kind kind)
{
	size_t count;
	const struct pod_facts *pods = facts_of(run->facts, kind, &count);
	for (size_t i = 0; i < count; i++)
		judge_pod(run, &pods[i]);
}

static void run_teardown(struct check_run *run)
{
	if (!run->facts->known[FACT_POLICY])
		check_needs(run, &grace_period_zero, NEEDS_POLICIES);
	if (!run->facts->known[FACT_POD])
		check_needs(run, &grace_period_zero, NEEDS_PODS);
	if (!run->facts->known[FACT_TEMPLATE])
		check_needs(run, &grace_period_zero, NEEDS_TEMPLATES);
	judge_pods(run, FACT_POD);
	judge_pods(run, FACT_TEMPLATE);
}

const struct check_group check_teardown = {"Teardown", checks, run_teardown, false};
