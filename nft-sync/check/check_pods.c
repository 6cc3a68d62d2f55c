/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nft-sync/check/check_workloads.h"
#include "nft-sync/check/facts_cluster.h"
#include "nft-sync/check/facts_cni.h"
#include "nft-sync/check/placement.h"

#define YOUNG 30 /* seconds: the controller takes a few, more where many pods come at once */
#define NEEDS_TIME "another look: pods came to their nodes less than 30 seconds ago"
#define EKS_CONSIDERATIONS "EKS User Guide, Assign security groups to individual Pods"

static const struct check pod_host_network = {
	"pod-host-network",
	SEVERITY_WARNING,
	"policies that match pods of the host's network",
	"A pod in the host's network has the node's interface and the node's security groups. The "
	"policy is passed over without a word, and whoever reads it believes that it holds.",
	"amazon-vpc-resource-controller-k8s, webhooks/core/pod_webhook.go",
};

static const struct check pod_windows = {
	"pod-windows",
	SEVERITY_WARNING,
	"policies that match Windows pods",
	"Security groups for pods are not there on Windows: the policy is passed over, and the pod "
	"has the node's security groups.",
	EKS_CONSIDERATIONS,
};

static const struct check pod_auto_mode = {
	"pod-auto-mode",
	SEVERITY_WARNING,
	"policies that match pods on nodes of EKS Auto Mode",
	"Security groups for pods are not there on EKS Auto Mode: the controller passes over its "
	"nodes, and the pod has the groups of its NodeClass.",
	EKS_CONSIDERATIONS,
};

static const struct check pod_fargate_groups = {
	"pod-fargate-groups",
	SEVERITY_WARNING,
	"pods on Fargate whose groups are not those of their policies",
	"On Fargate a pod has no branch ENI: its own network interface gets the groups that the "
	"annotation fargate.amazonaws.com/pod-sg names. The annotation is written when the pod is "
	"made and never again.",
	EKS_CONSIDERATIONS,
};

static const struct check pod_without_trunk = {
	"pod-without-trunk",
	SEVERITY_WARNING,
	"pods with policies on nodes without a trunk interface",
	"Such a node cannot have branch ENIs. A pod that asked for one is never placed there; one "
	"that did not has the node's security groups as the VPC sees it, and only podsg-nft-sync "
	"on "
	"that node enforces the policy's, if it may (withoutEni: enforce).",
	EKS_CONSIDERATIONS,
};

static const struct check pod_not_admitted = {
	"pod-not-admitted",
	SEVERITY_ERROR,
	"pods with policies that asked for no branch ENI",
	"The request is written by an admission webhook when a pod is made. A pod that was there "
	"before its policy, or came while the webhook did not answer (it fails open), is an "
	"ordinary one with the node's security groups.",
	"amazon-vpc-resource-controller-k8s, config/webhook/manifests.yaml, failurePolicy: Ignore",
};

static const struct check pod_without_eni = {
	"pod-without-eni",
	SEVERITY_ERROR,
	"pods that asked for a branch ENI and have none",
	"The controller writes the annotation vpc.amazonaws.com/pod-eni once the ENI is there. "
	"Until then the CNI lets the pod hang in ContainerCreating; what hinders the controller is "
	"in the pod's events (BranchAllocationFailed), and on the nodes' (NodeTrunkFailedInit).",
	"amazon-vpc-resource-controller-k8s, pkg/provider/branch/provider.go",
};

static const struct check *const checks[] = {
	&pod_host_network,  &pod_windows,      &pod_auto_mode,   &pod_fargate_groups,
	&pod_without_trunk, &pod_not_admitted, &pod_without_eni, NULL,
};

static bool is_matched(const struct pod_facts *pod)
{
	return pod->groups.policy_count > 0;
}

static bool has_eni(const struct pod_facts *pod)
{
	return pod->pod && pod->pod->eni;
}

/* The controller would give it a branch ENI, were its node able to have one. */
static bool may_have_eni(const struct pod_facts *pod)
{
	return is_matched(pod) && !pod->host_network && !pod->fargate && !pod->windows &&
	       !pod->auto_mode;
}

static enum judgement judge_host_network(struct check_run *run, const struct pod_facts *pod,
                                         char *what)
{
	(void)run;
	if (!is_matched(pod))
		return NOT_JUDGED;
	(void)snprintf(what, WHAT_MAX, "hostNetwork is true, and a policy matches it");
	return pod->host_network ? JUDGED_WRONG : JUDGED_RIGHT;
}

static enum judgement judge_windows(struct check_run *run, const struct pod_facts *pod, char *what)
{
	(void)run;
	if (!is_matched(pod) || pod->host_network)
		return NOT_JUDGED;
	(void)snprintf(what, WHAT_MAX, "it is for Windows, and a policy matches it");
	return pod->windows ? JUDGED_WRONG : JUDGED_RIGHT;
}

static enum judgement judge_auto_mode(struct check_run *run, const struct pod_facts *pod,
                                      char *what)
{
	(void)run;
	if (!is_matched(pod) || pod->host_network)
		return NOT_JUDGED;
	(void)snprintf(what, WHAT_MAX, "it is on a node of EKS Auto Mode, and a policy matches it");
	return pod->auto_mode ? JUDGED_WRONG : JUDGED_RIGHT;
}

/* Whether "sg-1,sg-2" are the policies' groups, in any order. */
static bool has_policy_groups(const struct pod_facts *pod, const char *annotated)
{
	const struct pod_facts_groups *groups = &pod->groups;
	size_t count = 0;
	while (*annotated) {
		size_t length = strcspn(annotated, ","), i = 0;
		while (i < groups->policy_count &&
		       (strlen(groups->policy_ids[i]) != length ||
		        memcmp(groups->policy_ids[i], annotated, length) != 0))
			i++;
		if (i == groups->policy_count)
			return false;
		count++;
		annotated += length + (annotated[length] == ',');
	}
	return count == groups->policy_count;
}

static enum judgement judge_fargate(struct check_run *run, const struct pod_facts *pod, char *what)
{
	char ids[WHAT_MAX / 2];
	(void)run;
	if (!pod->fargate || (!is_matched(pod) && !pod->fargate_groups[0]) || pod->host_network)
		return NOT_JUDGED;
	ids_text(pod->groups.policy_ids, pod->groups.policy_count, ids, sizeof(ids));
	(void)snprintf(what, WHAT_MAX, "it was made with %s, its policies now give %s",
	               pod->fargate_groups[0] ? pod->fargate_groups : "no groups of its own",
	               ids[0] ? ids : "none");
	return has_policy_groups(pod, pod->fargate_groups) ? JUDGED_RIGHT : JUDGED_WRONG;
}

enum trunk { TRUNK_UNKNOWN, TRUNK_NONE, TRUNK_LATER, TRUNK_THERE };

/* The node's capacity is written once the trunk is attached; the feature is the request for it. */
static enum trunk trunk_of(const struct facts *facts, const char *name)
{
	const struct node_facts *node = facts_node(facts, name);
	const struct cninode_facts *cninode = facts_find(facts, FACT_CNINODE, "", name);
	if (node && node->pod_enis > 0)
		return TRUNK_THERE;
	if (!node)
		return !cninode                            ? TRUNK_UNKNOWN
		       : cninode->security_groups_for_pods ? TRUNK_THERE
		                                           : TRUNK_NONE;
	return cninode && cninode->security_groups_for_pods ? TRUNK_LATER : TRUNK_NONE;
}

static enum judgement judge_trunk(struct check_run *run, const struct pod_facts *pod, char *what)
{
	enum trunk trunk = pod->node[0] ? trunk_of(run->facts, pod->node) : TRUNK_UNKNOWN;
	if (!may_have_eni(pod) || trunk == TRUNK_UNKNOWN)
		return NOT_JUDGED;
	(void)snprintf(what, WHAT_MAX, "node %s %s", pod->node,
	               trunk == TRUNK_LATER ? "asked for a trunk interface and has none yet: its "
	                                      "capacity of vpc.amazonaws.com/pod-eni is 0"
	                                    : "has no trunk interface");
	return trunk == TRUNK_THERE ? JUDGED_RIGHT : JUDGED_WRONG;
}

static void fix_trunk(struct check_run *run, struct finding *finding, const struct pod_facts *pod)
{
	(void)pod;
	finding_fix(
		run, finding,
		"kubectl set env daemonset aws-node -n kube-system ENABLE_POD_ENI=true    # and "
		"nodes of a type that can have a trunk\n"
		"kubectl get cninodes -o yaml    # of a node with one: "
		"features: [{name: SecurityGroupsForPods}]");
}

/* Nodes that can have branch ENIs: all, and those that the pod may be on. */
struct trunks {
	size_t all, own;
	const struct node_facts *without; /* one that it may be on */
};

static struct trunks count_trunks(const struct facts *facts, const struct pod_facts *pod)
{
	struct trunks trunks = {0};
	size_t count;
	const struct node_facts *nodes = facts_of(facts, FACT_NODE, &count);
	for (size_t i = 0; i < count; i++) {
		enum trunk trunk = trunk_of(facts, nodes[i].fact.name);
		trunks.all += trunk == TRUNK_THERE;
		if (!is_vpc_cni_node(&nodes[i]) || !may_be_on(pod, &nodes[i]))
			continue;
		trunks.own += trunk == TRUNK_THERE || trunk == TRUNK_LATER;
		if (trunk == TRUNK_NONE)
			trunks.without = &nodes[i];
	}
	return trunks;
}

/* Of what is on no node yet, and may only come to nodes without: the scheduler never places it. */
static enum judgement judge_reach(struct check_run *run, const struct pod_facts *pod, char *what)
{
	struct trunks trunks;
	if (pod->node[0] || pod->placed || !may_have_eni(pod) || !is_choosy(pod))
		return NOT_JUDGED;
	trunks = count_trunks(run->facts, pod);
	if (trunks.all == 0 || (trunks.own == 0 && !trunks.without))
		return NOT_JUDGED;
	(void)snprintf(
		what, WHAT_MAX,
		"its nodeSelector or affinity asks for nodes that have no trunk interface, as %s",
		trunks.without ? trunks.without->fact.name : "");
	return trunks.own > 0 ? JUDGED_RIGHT : JUDGED_WRONG;
}

static void fix_reach(struct check_run *run, struct finding *finding, const struct pod_facts *pod)
{
	(void)pod;
	finding_fix(run, finding,
	            "kubectl get nodes -o custom-columns=NAME:.metadata.name,"
	            "ENIS:.status.capacity.vpc\\.amazonaws\\.com/pod-eni    # which have one");
}

static enum judgement judge_admission(struct check_run *run, const struct pod_facts *pod,
                                      char *what)
{
	enum trunk trunk = pod->node[0] ? trunk_of(run->facts, pod->node) : TRUNK_UNKNOWN;
	/* What is wrong without a trunk is said above. */
	if (!may_have_eni(pod) || trunk == TRUNK_NONE || trunk == TRUNK_LATER)
		return NOT_JUDGED;
	(void)snprintf(what, WHAT_MAX, "it never asked for vpc.amazonaws.com/pod-eni");
	return pod->eni_wanted > 0 || has_eni(pod) ? JUDGED_RIGHT : JUDGED_WRONG;
}

/* By this machine's clock: of documents of other days no pod is. */
static bool is_young(const struct pod_facts *pod)
{
	int64_t created = pod->pod ? pod->pod->created : 0;
	int64_t age = time(NULL) - (pod->started > created ? pod->started : created);
	return llabs(age) < YOUNG;
}

static enum judgement judge_eni(struct check_run *run, const struct pod_facts *pod, char *what)
{
	if (pod->eni_wanted == 0 || !pod->node[0] || pod->host_network)
		return NOT_JUDGED;
	if (!has_eni(pod) && is_young(pod)) {
		check_needs(run, &pod_without_eni, NEEDS_TIME);
		return NOT_JUDGED;
	}
	(void)snprintf(what, WHAT_MAX, "it is on node %s and waits for its branch ENI", pod->node);
	return has_eni(pod) ? JUDGED_RIGHT : JUDGED_WRONG;
}

static void fix_eni(struct check_run *run, struct finding *finding, const struct pod_facts *pod)
{
	finding_fix(run, finding,
	            "kubectl get events -n %s --field-selector "
	            "reason=BranchAllocationFailed    # says why",
	            pod->fact.namespace);
}

static void fix_host_network(struct check_run *run, struct finding *finding,
                             const struct pod_facts *pod)
{
	(void)pod;
	finding_fix(run, finding,
	            "hostNetwork: false    # in the pod's spec, or another podSelector in the "
	            "policy: nobody enforces it here");
}

/* What every check of the group goes by. */
static void say_needs(struct check_run *run)
{
	static const struct check *const of_templates[] = {&pod_host_network, &pod_windows,
	                                                   &pod_auto_mode};
	if (!run->facts->known[FACT_POLICY])
		group_needs(run, &check_pods, NEEDS_POLICIES);
	if (!run->facts->known[FACT_POD])
		group_needs(run, &check_pods, NEEDS_PODS);
	for (size_t i = 0; i < sizeof(of_templates) / sizeof(of_templates[0]); i++)
		if (!run->facts->known[FACT_TEMPLATE])
			check_needs(run, of_templates[i], NEEDS_TEMPLATES);
	if (!run->facts->known[FACT_NODE]) {
		check_needs(run, &pod_windows, NEEDS_NODES);
		check_needs(run, &pod_auto_mode, NEEDS_NODES);
	}
	if (!run->facts->known[FACT_NODE] && !run->facts->known[FACT_CNINODE] &&
	    !facts_other_cni(run->facts))
		check_needs(run, &pod_without_trunk, NEEDS_NODES);
}

static void run_pods(struct check_run *run)
{
	say_needs(run);
	judge_workloads(run, &pod_host_network, judge_host_network, fix_host_network);
	judge_workloads(run, &pod_windows, judge_windows, fix_by_selector);
	judge_workloads(run, &pod_auto_mode, judge_auto_mode, fix_by_selector);
	judge_pods(run, &pod_fargate_groups, judge_fargate, fix_by_restart);
	/* Where the VPC CNI is not, podsg gives pods their groups without ENIs. */
	if (facts_other_cni(run->facts))
		return;
	judge_pods(run, &pod_without_trunk, judge_trunk, fix_trunk);
	judge_workloads(run, &pod_without_trunk, judge_reach, fix_reach);
	judge_pods(run, &pod_not_admitted, judge_admission, fix_by_restart);
	judge_pods(run, &pod_without_eni, judge_eni, fix_eni);
}

const struct check_group check_pods = {"Pods", checks, run_pods, false};
