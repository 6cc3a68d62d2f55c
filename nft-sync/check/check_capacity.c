/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "nft-sync/check/check.h"
#include "nft-sync/check/facts_cni.h"
#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/check/check_workloads.h"
#include "nft-sync/check/node_use.h"
#include "nft-sync/check/placement.h"

#define COOL_DOWN 60 /* seconds, of the VPC resource controller */

static const struct check instance_cannot_trunk = {
	"instance-cannot-trunk",
	SEVERITY_WARNING,
	"a node whose instance type can't have branch interfaces",
	"Pods that ask for a branch interface are never placed on such a node: they wait in "
	"Pending "
	"while it has room. Where the VPC CNI's webhook is out of the way, podsg gives them their "
	"groups on the node itself, but EC2 does not know that they have them.",
	"EKS User Guide, Security groups for Pods, considerations; "
	"amazon-vpc-resource-controller-k8s, pkg/aws/vpc/limits.go",
};

static const struct check instance_type_unknown = {
	"instance-type-unknown",
	SEVERITY_WARNING,
	"a node whose instance type nobody knows",
	"The VPC resource controller attaches a trunk to types of its own table only, and reports "
	"\"unsupported instance type\" of others. How many pods with groups the node can hold is "
	"not known either.",
	"amazon-vpc-resource-controller-k8s, pkg/aws/vpc/limits.go",
};

static const struct check branch_capacity = {
	"branch-capacity",
	SEVERITY_ERROR,
	"more pods with groups than branch interfaces",
	"Each pod with groups has a branch interface of its own, and an instance type has a fixed "
	"number of them. Pods beyond it stay in Pending: Insufficient vpc.amazonaws.com/pod-eni.",
	"amazon-vpc-cni-k8s issue 3112; amazon-vpc-resource-controller-k8s, pkg/aws/vpc/limits.go",
};

static const struct check branch_capacity_replicas = {
	"branch-capacity-replicas",
	SEVERITY_WARNING,
	"more replicas with groups than branch interfaces",
	"Each replica has a branch interface of its own. Those beyond what the nodes have stay in "
	"Pending, unless something adds nodes that have more (an autoscaler that knows "
	"vpc.amazonaws.com/pod-eni).",
	"amazon-vpc-cni-k8s issue 3112; amazon-vpc-resource-controller-k8s, pkg/aws/vpc/limits.go",
};

static const struct check branch_capacity_tight = {
	"branch-capacity-tight",
	SEVERITY_WARNING,
	"a node without a free branch interface",
	"The branch interface of a deleted pod cools down for a minute before it is deleted, and "
	"counts meanwhile: a pod that is replaced on this node waits that long, or longer where "
	"interfaces have leaked.",
	"amazon-vpc-resource-controller-k8s, README (branch-eni-cooldown) and issue 595",
};

static const struct check branch_capacity_differs = {
	"branch-capacity-differs",
	SEVERITY_INFO,
	"a node with another number of branch interfaces than its type is known to have",
	"The scheduler goes by what the node says, which the VPC resource controller of the day "
	"wrote: that, or podsg's own table, is older than the other.",
	"amazon-vpc-resource-controller-k8s, pkg/aws/vpc/limits.go",
};

static const struct check *const checks[] = {
	&instance_cannot_trunk,
	&instance_type_unknown,
	&branch_capacity,
	&branch_capacity_replicas,
	&branch_capacity_tight,
	&branch_capacity_differs,
	NULL,
};

static const char *cluster_name(const struct check_run *run)
{
	const struct eks_facts *cluster = facts_eks(run->facts);
	return cluster ? cluster->fact.name : "CLUSTER";
}

/* One of the same size, where there is one. */
static void fix_by_other_type(struct check_run *run, struct finding *finding,
                              const struct node_facts *node)
{
	bool arm = strcmp(node_label(node, "kubernetes.io/arch"), "arm64") == 0;
	const char *family = arm ? "m6g" : "m5", *dot = strchr(node->instance_type, '.');
	struct instance_limits limits;
	char type[64];
	(void)snprintf(type, sizeof(type), "%s%s", family, dot ? dot : ".large");
	if (!branch_limits_find(type, &limits))
		(void)snprintf(type, sizeof(type), "%s.large", family);
	finding_fix(run, finding,
	            "aws eks create-nodegroup --cluster-name %s --nodegroup-name NAME \\\n"
	            "    --instance-types %s --subnets SUBNET --node-role ARN",
	            cluster_name(run), type);
}

static void judge_type(struct check_run *run, const struct node_use *use)
{
	const struct node_facts *node = use->node;
	struct finding *finding;
	if (!node->instance_type[0] || !is_vpc_cni_node(node))
		return;
	check_judged(run, &instance_type_unknown);
	check_judged(run, &instance_cannot_trunk);
	if (use->branches < 0) {
		finding = check_found(run, &instance_type_unknown, "Node", &node->fact,
		                      "%s is in no table of branch interfaces known here (of %s)",
		                      node->instance_type, branch_limits_date);
		finding_fix(run, finding,
		            "kubectl describe node %s    # an event \"Unsupported\": another type",
		            node->fact.name);
	} else if (use->branches == 0) {
		finding = check_found(run, &instance_cannot_trunk, "Node", &node->fact,
		                      "%s can't have branch interfaces", node->instance_type);
		fix_by_other_type(run, finding, node);
	}
}

static void judge_advertised(struct check_run *run, const struct node_use *use)
{
	const struct node_facts *node = use->node;
	if (node->pod_enis <= 0 || use->limits.branches < 0)
		return;
	check_judged(run, &branch_capacity_differs);
	if (node->pod_enis != use->limits.branches)
		(void)check_found(run, &branch_capacity_differs, "Node", &node->fact,
		                  "it has %d vpc.amazonaws.com/pod-eni; %s is known for %d (on %s)",
		                  node->pod_enis, node->instance_type, use->limits.branches,
		                  branch_limits_date);
}

/* node: one of those that there should be more of. */
static void fix_by_more_nodes(struct check_run *run, struct finding *finding,
                              const struct node_facts *node)
{
	const char *group = node ? node_label(node, "eks.amazonaws.com/nodegroup") : "";
	finding_fix(run, finding,
	            "aws eks update-nodegroup-config --cluster-name %s --nodegroup-name %s \\\n"
	            "    --scaling-config desiredSize=N    # or larger instances",
	            cluster_name(run), group[0] ? group : "NAME");
}

/* Those that cool down are free in a minute, unless they leaked. */
static void fix_tight(struct check_run *run, struct finding *finding, const struct node_use *use)
{
	if (use->cooling == 0)
		fix_by_more_nodes(run, finding, use->node);
	else
		finding_fix(run, finding,
		            "podsg-eni-gc enis --cluster %s --instance %s    # if they are still "
		            "there after %d s",
		            cluster_name(run), use->node->instance_id, COOL_DOWN);
}

/* 0: it can have none, or nobody hands them out. */
static size_t branches_of(const struct facts *facts, const struct node_use *use)
{
	const struct cni_facts *cni = facts_cni(facts);
	bool off = cni && !cni->pod_eni && use->node->pod_enis <= 0;
	return off || use->branches < 0 ? 0 : (size_t)use->branches;
}

static void judge_use(struct check_run *run, const struct node_use *use)
{
	size_t room = branches_of(run->facts, use);
	struct finding *finding;
	if (room == 0)
		return;
	check_judged(run, &branch_capacity);
	check_judged(run, &branch_capacity_tight);
	if (use->with_branch > room) {
		finding = check_found(run, &branch_capacity, "Node", &use->node->fact,
		                      "its pods want %zu branch interfaces; it can have %zu",
		                      use->with_branch, room);
		fix_by_more_nodes(run, finding, use->node);
	} else if (use->with_branch + use->cooling >= room) {
		finding = check_found(run, &branch_capacity_tight, "Node", &use->node->fact,
		                      "%zu of %zu branch interfaces are pods', and %zu more are "
		                      "not deleted yet",
		                      use->with_branch, room, use->cooling);
		fix_tight(run, finding, use);
	}
}

/* NULL: none that it may be on can have branch interfaces. */
static const struct node_facts *
find_node_for(const struct facts *facts, const struct node_uses *uses, const struct pod_facts *pod)
{
	for (size_t i = 0; i < uses->count; i++)
		if (may_be_on(pod, uses->items[i].node) && branches_of(facts, &uses->items[i]) > 0)
			return uses->items[i].node;
	return NULL;
}

/* All nodes together, for pods that have none yet. */
static void judge_waiting(struct check_run *run, const struct node_uses *uses)
{
	const struct pod_facts *pod = uses->first_waiting;
	size_t room = 0, taken = 0;
	struct finding *finding;
	if (!pod || run->facts->node[0])
		return;
	for (size_t i = 0; i < uses->count; i++) {
		const struct node_use *use = &uses->items[i];
		size_t of_node = branches_of(run->facts, use);
		room += of_node;
		taken += use->with_branch < of_node ? use->with_branch : of_node;
	}
	check_judged(run, &branch_capacity);
	if (uses->waiting <= room - taken)
		return;
	finding = check_found(run, &branch_capacity, pod->kind, &pod->fact,
	                      "pods without a node want %zu branch interfaces, of which it is the "
	                      "first; all nodes together have %zu, and %zu of them are taken",
	                      uses->waiting, room, taken);
	fix_by_more_nodes(run, finding, find_node_for(run->facts, uses, pod));
}

/* Of the nodes that it may be on; NULL: of all. */
static size_t room_for(const struct facts *facts, const struct node_uses *uses,
                       const struct pod_facts *template)
{
	size_t room = 0;
	for (size_t i = 0; i < uses->count; i++)
		if (!template || may_be_on(template, uses->items[i].node))
			room += branches_of(facts, &uses->items[i]);
	return room;
}

static bool wants_branches(const struct check_run *run, const struct pod_facts *template)
{
	return template->replicas > 0 && has_groups(template) && is_judged(run->facts, template) &&
	       !is_made_by_template(run->facts, template);
}

/* True if something was found. */
static bool judge_template(struct check_run *run, const struct node_uses *uses,
                           const struct pod_facts *template)
{
	size_t room = room_for(run->facts, uses, template);
	struct finding *finding;
	/* Where it can have none, that is what is wrong. */
	if (room == 0 || (size_t) template->replicas <= room)
		return false;
	finding = check_found(run, &branch_capacity_replicas, template->kind, &template->fact,
	                      "its %d replicas want a branch interface each; the nodes that it may "
	                      "be on can have %zu",
	                      template->replicas, room);
	fix_by_more_nodes(run, finding, find_node_for(run->facts, uses, template));
	return true;
}

static void judge_all_templates(struct check_run *run, const struct node_uses *uses,
                                const struct pod_facts *largest, size_t wanted)
{
	size_t room = room_for(run->facts, uses, NULL);
	struct finding *finding;
	if (room == 0 || wanted <= room)
		return;
	finding = check_found(run, &branch_capacity_replicas, largest->kind, &largest->fact,
	                      "its %d replicas and those of others want %zu branch interfaces; all "
	                      "nodes together can have %zu",
	                      largest->replicas, wanted, room);
	fix_by_more_nodes(run, finding, find_node_for(run->facts, uses, largest));
}

static void judge_replicas(struct check_run *run, const struct node_uses *uses)
{
	size_t count, wanted = 0;
	const struct pod_facts *templates = facts_of(run->facts, FACT_TEMPLATE, &count);
	const struct pod_facts *largest = NULL;
	/* What waits already is spoken of, and of one node only nobody can say what it gets. */
	bool found = uses->first_waiting || run->facts->node[0];
	for (size_t i = 0; i < count; i++) {
		if (!wants_branches(run, &templates[i]))
			continue;
		check_judged(run, &branch_capacity_replicas);
		wanted += (size_t)templates[i].replicas;
		if (!largest || templates[i].replicas > largest->replicas)
			largest = &templates[i];
		if (!uses->first_waiting)
			found |= judge_template(run, uses, &templates[i]);
	}
	if (largest && !found)
		judge_all_templates(run, uses, largest, wanted);
}

/* Without policies nobody wants branch interfaces, and any node will do. */
static bool know_enough(struct check_run *run)
{
	size_t policies;
	if (is_elsewhere(run->facts))
		return false;
	if (!run->facts->known[FACT_NODE])
		group_needs(run, &check_capacity, NEEDS_NODES);
	if (!run->facts->known[FACT_POLICY])
		group_needs(run, &check_capacity, NEEDS_POLICIES);
	if (!run->facts->known[FACT_POD]) {
		check_needs(run, &branch_capacity, NEEDS_PODS);
		check_needs(run, &branch_capacity_tight, NEEDS_PODS);
	}
	if (!run->facts->known[FACT_TEMPLATE])
		check_needs(run, &branch_capacity_replicas, NEEDS_TEMPLATES);
	if (!run->facts->known[FACT_INTERFACE])
		check_needs(run, &branch_capacity_tight, NEEDS_INTERFACES);
	(void)facts_of(run->facts, FACT_POLICY, &policies);
	return run->facts->known[FACT_NODE] && policies > 0;
}

static void run_capacity(struct check_run *run)
{
	struct node_uses uses;
	if (!know_enough(run))
		return;
	uses = node_uses_of(run);
	for (size_t i = 0; i < uses.count; i++) {
		if (!is_node_judged(run->facts, uses.items[i].node))
			continue;
		judge_type(run, &uses.items[i]);
		judge_advertised(run, &uses.items[i]);
		judge_use(run, &uses.items[i]);
	}
	judge_waiting(run, &uses);
	judge_replicas(run, &uses);
}

const struct check_group check_capacity = {"Capacity", checks, run_capacity, false};
