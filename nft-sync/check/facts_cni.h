/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_CNI_H
#define PODSG_FACTS_CNI_H

/* How the cluster's VPC CNI is set up: the DaemonSet kube-system/aws-node, its image and its
 * environment (reference: amazon-vpc-cni-k8s, README, "CNI Configuration Variables"). */

#include "nft-sync/check/facts.h"

#define CNI_NAMESPACE "kube-system"
#define CNI_DAEMON_SET "aws-node"

struct cni_version {
	unsigned major, minor, patch;
};

struct cni_facts {
	struct fact fact;           /* of the DaemonSet */
	struct cni_version version; /* of the image's tag, else of VPC_CNI_VERSION; 0.0.0: neither
	                               says it */
	bool pod_eni;               /* ENABLE_POD_ENI */
	const char *mode_text;      /* POD_SECURITY_GROUP_ENFORCING_MODE as it is written */
	/* What the CNI makes of it: all but "standard" is strict, and so is all before 1.11.0. */
	enum mode mode;
	bool ipv6;               /* ENABLE_IPv6: its pods have IPv6 addresses */
	bool external_snat;      /* AWS_VPC_K8S_CNI_EXTERNALSNAT */
	struct prefix *excluded; /* AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS; IPv4 */
	size_t excluded_count;
	int max_enis;           /* MAX_ENI, the trunk among them; 0: as many as its type can have */
	bool prefix_delegation; /* ENABLE_PREFIX_DELEGATION */
	bool custom_networking; /* AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG */
	bool early_demux_off;   /* DISABLE_TCP_EARLY_DEMUX, of the init container */
	const char *veth_prefix; /* AWS_VPC_K8S_CNI_VETHPREFIX */
};

/* NULL: no document has the DaemonSet. */
const struct cni_facts *facts_cni(const struct facts *facts);
/* No node is an EC2 instance; or all DaemonSets of the cluster are known, or kube-system's and
 * another CNI's, and the VPC CNI's is not among them: nothing that the VPC CNI does happens there.
 */
bool facts_other_cni(const struct facts *facts);
/* The cluster's pods have IPv6 addresses, as EKS or the VPC CNI's own variable says. */
bool facts_ipv6(const struct facts *facts);
/* The first that knows POD_SECURITY_GROUP_ENFORCING_MODE. */
extern const struct cni_version cni_has_mode;
bool cni_has_version(const struct cni_facts *cni);
/* Its version is known, and older. */
bool cni_is_before(const struct cni_facts *cni, const struct cni_version *version);

void load_cni_facts(struct loader *loader, const struct field *daemon_set);

#define NEEDS_CNI "kubectl get daemonset aws-node -n kube-system -o json"

#endif
