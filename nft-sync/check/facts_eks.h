/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_EKS_H
#define PODSG_FACTS_EKS_H

/* The cluster, as `aws eks describe-cluster` writes it. */

#include "nft-sync/check/facts.h"

struct eks_facts {
	struct fact fact; /* name: the cluster's */
	const char *vpc;
	const char **subnets; /* where EKS puts its own network interfaces */
	size_t subnet_count;
	const char *group;   /* the cluster security group; "" = none */
	const char **groups; /* those that its interfaces have besides */
	size_t group_count;
	bool private_access, public_access; /* how its API server can be reached */
	struct prefix *public_prefixes;     /* from where, if publicly */
	size_t public_prefix_count;
	bool ipv6; /* its pods have IPv6 addresses */
};

/* NULL: no document has one. Where several do, the first by name. */
const struct eks_facts *facts_eks(const struct facts *facts);

void load_eks_facts(struct loader *loader, const struct field *document);

#define NEEDS_EKS "aws eks describe-cluster --name CLUSTER"

#endif
