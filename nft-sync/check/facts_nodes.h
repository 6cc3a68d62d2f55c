/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_NODES_H
#define PODSG_FACTS_NODES_H

/* Nodes, as the API server knows them. */

#include "nft-sync/check/facts.h"

struct node_facts {
	struct fact fact;
	struct labels labels;
	const char *instance_type; /* node.kubernetes.io/instance-type; "" = not said */
	const char *zone;          /* topology.kubernetes.io/zone, likewise */
	const char *os;            /* kubernetes.io/os, likewise */
	const char
		*compute_type; /* eks.amazonaws.com/compute-type: "auto", "fargate", …; "" = EC2 */
	const char *instance_id;  /* of spec.providerID; "" = none */
	struct prefix *addresses; /* InternalIP */
	size_t address_count;
	bool public_address; /* ExternalIP */
	int pods;            /* how many kubelet takes: status.capacity.pods; below 0: not said */
	int pod_enis;        /* status.capacity of vpc.amazonaws.com/pod-eni, likewise */
};

/* "" = it has no such label. */
const char *node_label(const struct node_facts *node, const char *key);
/* NULL: no document has it. */
const struct node_facts *facts_node(const struct facts *facts, const char *name);
/* It is to be judged, of what --node says. */
bool is_node_judged(const struct facts *facts, const struct node_facts *node);
/* There are nodes, and none of them is an EC2 instance: what EC2 and EKS say is beside the point.
 */
bool is_elsewhere(const struct facts *facts);
/* EC2 instances that run Linux and that the VPC CNI serves: only these may have trunks. */
bool is_vpc_cni_node(const struct node_facts *node);

void load_node_facts(struct loader *loader, const struct field *object);

#define NEEDS_NODES "kubectl get nodes -o json"

#endif
