/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft-sync/check/check.h"
#include "nft-sync/check/facts_cni.h"
#include "nft-sync/check/node_use.h"

#define PREFIX_ADDRESSES 16 /* of a /28, which prefix delegation assigns in place of an address */
#define HOST_PODS 2         /* aws-node and kube-proxy, which have the node's own address */

static const struct check max_pods_high = {
	"max-pods-high",
	SEVERITY_WARNING,
	"a node that takes more pods than it has addresses for",
	"The scheduler fills a node up to max-pods. Pods beyond its addresses hang in "
	"ContainerCreating: \"failed to assign an IP address to container\". The trunk that pods "
	"with groups need takes the place of an interface with addresses for others.",
	"amazon-vpc-cni-k8s, README (max-pods) and pkg/ipamd/datastore (no addresses on the trunk)",
};

static const struct check max_pods_low = {
	"max-pods-low",
	SEVERITY_INFO,
	"a node that is full while it has branch interfaces left",
	"Pods with groups count against max-pods, but not in the formula that it is mostly set by, "
	"which knows the node's own addresses only.",
	"EKS Best Practices Guide, Security Groups Per Pod; amazon-vpc-cni-k8s, README (max-pods)",
};

static const struct check *const checks[] = {&max_pods_high, &max_pods_low, NULL};

/* For pods that have no branch interface. */
static int addresses_of(const struct node_use *use, const struct cni_facts *cni)
{
	bool trunk = cni->pod_eni && use->branches > 0;
	bool fewer = cni->max_enis > 0 && cni->max_enis < use->limits.interfaces;
	int all = fewer ? cni->max_enis : use->limits.interfaces;
	int interfaces = all - trunk - cni->custom_networking;
	int each = use->limits.addresses - 1; /* the first is the interface's own */
	if (interfaces <= 0 || each <= 0)
		return 0;
	return interfaces * each * (cni->prefix_delegation ? PREFIX_ADDRESSES : 1);
}

static void fix_max_pods(struct check_run *run, struct finding *finding, int pods)
{
	finding_fix(run, finding,
	            "apiVersion: node.eks.aws/v1alpha1    # user data of the launch template\n"
	            "kind: NodeConfig\n"
	            "spec: {kubelet: {config: {maxPods: %d}}}",
	            pods);
}

/* How many pods can be on a node. */
struct room {
	int addresses; /* of those that need one */
	int branches;
	int all;
};

static struct room room_of(const struct node_use *use, const struct cni_facts *cni)
{
	struct room room = {.addresses = addresses_of(use, cni),
	                    .branches = cni->pod_eni && use->branches > 0 ? use->branches : 0};
	room.all = room.addresses + room.branches + HOST_PODS;
	return room;
}

static void judge_high(struct check_run *run, const struct node_use *use, const struct room *room)
{
	const struct node_facts *node = use->node;
	struct finding *finding = NULL;
	check_judged(run, &max_pods_high);
	if (node->pods > room->all)
		finding = check_found(run, &max_pods_high, "Node", &node->fact,
		                      "it takes %d pods; %s has addresses for %d, branch "
		                      "interfaces for %d, and %d need neither",
		                      node->pods, node->instance_type, room->addresses,
		                      room->branches, HOST_PODS);
	else if (use->ordinary > (size_t)room->addresses)
		finding = check_found(run, &max_pods_high, "Node", &node->fact,
		                      "%zu pods without groups are on it; %s has addresses for %d",
		                      use->ordinary, node->instance_type, room->addresses);
	fix_max_pods(run, finding,
	             node->pods > room->all ? room->all : room->addresses + HOST_PODS);
}

static void judge_low(struct check_run *run, const struct node_use *use, const struct room *room)
{
	const struct node_facts *node = use->node;
	struct finding *finding;
	check_judged(run, &max_pods_low);
	if (use->pods < (size_t)node->pods || use->with_branch >= (size_t)room->branches ||
	    use->ordinary > (size_t)room->addresses || node->pods >= room->all)
		return;
	finding =
		check_found(run, &max_pods_low, "Node", &node->fact,
	                    "it takes %d pods and has as many; %zu of its %d branch interfaces "
	                    "are free",
	                    node->pods, (size_t)room->branches - use->with_branch, room->branches);
	fix_max_pods(run, finding, room->all);
}

/* Neither our table nor a document knows its type. */
static void need_limits(struct check_run *run, const struct node_use *use)
{
	if (is_node_judged(run->facts, use->node) && is_vpc_cni_node(use->node) &&
	    use->node->instance_type[0] && use->limits.interfaces == 0)
		group_needs(run, &check_max_pods, NEEDS_INSTANCE_TYPES);
}

/* Where pods have IPv6 addresses, a node has more of them than pods. */
static bool has_limit(const struct check_run *run, const struct node_use *use)
{
	return is_node_judged(run->facts, use->node) && is_vpc_cni_node(use->node) &&
	       use->node->pods > 0 && use->limits.interfaces > 0 && use->limits.addresses > 0 &&
	       !facts_ipv6(run->facts);
}

static void run_max_pods(struct check_run *run)
{
	const struct cni_facts *cni = facts_cni(run->facts);
	struct node_uses uses;
	if (is_elsewhere(run->facts) || facts_other_cni(run->facts))
		return;
	if (!cni)
		group_needs(run, &check_max_pods, NEEDS_CNI);
	if (!run->facts->known[FACT_NODE])
		group_needs(run, &check_max_pods, NEEDS_NODES);
	if (!run->facts->known[FACT_POD])
		group_needs(run, &check_max_pods, NEEDS_PODS);
	if (!cni)
		return;
	uses = node_uses_of(run);
	for (size_t i = 0; i < uses.count; i++) {
		const struct room room = room_of(&uses.items[i], cni);
		need_limits(run, &uses.items[i]);
		if (!has_limit(run, &uses.items[i]))
			continue;
		judge_high(run, &uses.items[i], &room);
		judge_low(run, &uses.items[i], &room);
	}
}

const struct check_group check_max_pods = {"Max pods", checks, run_max_pods, false};
