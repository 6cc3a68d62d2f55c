/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "nft-sync/check/check_workloads.h"

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

static enum judgement judge_grace(struct check_run *run, const struct pod_facts *pod, char *what)
{
	(void)run;
	if (!has_groups(pod))
		return NOT_JUDGED;
	if (pod->grace != 0)
		return JUDGED_RIGHT;
	(void)snprintf(what, WHAT_MAX, "terminationGracePeriodSeconds is 0");
	return JUDGED_WRONG;
}

static void fix_grace(struct check_run *run, struct finding *finding, const struct pod_facts *pod)
{
	(void)pod;
	finding_fix(run, finding,
	            "terminationGracePeriodSeconds: %d    # in the pod's spec; 1 is enough",
	            GRACE_PERIOD_DEFAULT);
}

static void run_teardown(struct check_run *run)
{
	if (!run->facts->known[FACT_POLICY])
		check_needs(run, &grace_period_zero, NEEDS_POLICIES);
	if (!run->facts->known[FACT_POD])
		check_needs(run, &grace_period_zero, NEEDS_PODS);
	if (!run->facts->known[FACT_TEMPLATE])
		check_needs(run, &grace_period_zero, NEEDS_TEMPLATES);
	judge_workloads(run, &grace_period_zero, judge_grace, fix_grace);
}

const struct check_group check_teardown = {"Teardown", checks, run_teardown, false};
