/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/check/check_node.h"
#include "nft-sync/check/check_workloads.h"

const struct check node_mode_pinned = {
	"node-mode-pinned",
	SEVERITY_WARNING,
	"pods whose enforcing mode is not the node's",
	"A pod keeps the mode in which its network was made: its host interface, its ip rules and "
	"what podsg does with its packets. A changed mode holds for new pods only, and until the "
	"last old one is gone both are in force side by side.",
	"amazon-vpc-cni-k8s, README, POD_SECURITY_GROUP_ENFORCING_MODE",
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

void judge_node_mode(const struct node_run *node)
{
	const struct facts *facts = node->run->facts;
	size_t count;
	const struct pod_facts *pods = facts_of(facts, FACT_POD, &count);
	for (size_t i = 0; i < count; i++)
		if (is_node_pod(node, &pods[i]))
			judge_pod(node, &pods[i]);
}
