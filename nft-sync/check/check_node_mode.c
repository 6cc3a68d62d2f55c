/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/check/check_node.h"
#include "nft-sync/check/check_workloads.h"
#include "nft-sync/check/facts_cni.h"

const struct check node_mode_pinned = {
	"node-mode-pinned",
	SEVERITY_WARNING,
	"pods whose enforcing mode is not the node's",
	"A pod keeps the mode in which its network was made: its host interface, its ip rules and "
	"what podsg does with its packets. A changed mode holds for new pods only, and until the "
	"last old one is gone both are in force side by side.",
	"amazon-vpc-cni-k8s, README, POD_SECURITY_GROUP_ENFORCING_MODE",
};

const struct check node_veth_prefix = {
	"node-veth-prefix",
	SEVERITY_ERROR,
	"interfaces of standard pods that podsg looks for by another name",
	"The VPC CNI calls a standard pod's interface by AWS_VPC_K8S_CNI_VETHPREFIX and a hash. "
	"Where podsg-cni has kept no note of a pod, podsg-nft-sync goes by vethPrefix of "
	"podsg.yaml: with another one it finds no interface, and filters nothing of such a pod.",
	"podsg.yaml(5), vethPrefix; amazon-vpc-cni-k8s, README, AWS_VPC_K8S_CNI_VETHPREFIX",
};

static void judge_pod(const struct node_run *node, const struct pod_facts *pod)
{
	const struct pod_facts *template = template_of(node->run->facts, pod);
	enum mode pinned, mode = node_mode(node);
	struct finding *finding;
	if (!node_pinned_mode(node, pod, &pinned))
		return;
	check_judged(node->run, &node_mode_pinned);
	if (pinned == mode)
		return;
	finding = check_found(node->run, &node_mode_pinned, pod->kind, &pod->fact,
	                      "it is %s, and the node is %s", mode_name(pinned), mode_name(mode));
	fix_by_restart(node->run, finding, template ? template : pod);
}

static void judge_veth_prefix(const struct node_run *node)
{
	const char *own = node->run->facts->config->veth_prefix, *veth = node_veth(node);
	struct finding *finding;
	if (!facts_cni(node->run->facts))
		return;
	check_judged(node->run, &node_veth_prefix);
	if (strcmp(own, veth) == 0)
		return;
	finding = check_found(
		node->run, &node_veth_prefix, "DaemonSet", &facts_cni(node->run->facts)->fact,
		"AWS_VPC_K8S_CNI_VETHPREFIX is %s, and vethPrefix of podsg.yaml %s", veth, own);
	finding_fix(node->run, finding,
	            "vethPrefix: %s    # in podsg.yaml; then systemctl reload podsg-nft-sync",
	            veth);
}

void judge_node_mode(const struct node_run *node)
{
	const struct facts *facts = node->run->facts;
	size_t count;
	const struct pod_facts *pods = facts_of(facts, FACT_POD, &count);
	judge_veth_prefix(node);
	for (size_t i = 0; i < count; i++)
		if (is_node_pod(node, &pods[i]))
			judge_pod(node, &pods[i]);
}
