/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_CNI_H
#define PODSG_FACTS_CNI_H

/* How the cluster's VPC CNI is set up: the DaemonSet kube-system/aws-node, its image and its
 * environment (reference: amazon-vpc-cni-k8s, README, "CNI Configuration Variables"). */

#include "nft-sync/check/facts.h"

struct cni_facts {
	struct fact fact; /* of the DaemonSet */
	unsigned major, minor, patch; /* of the image's tag; 0.0.0: it does not say */
	bool pod_eni;                 /* ENABLE_POD_ENI */
	enum mode mode;               /* POD_SECURITY_GROUP_ENFORCING_MODE; strict where it is not set */
	bool external_snat;           /* AWS_VPC_K8S_CNI_EXTERNALSNAT */
	struct prefix *excluded;      /* AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS */
	size_t excluded_count;
	bool custom_networking;  /* AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG */
	bool early_demux_off;    /* DISABLE_TCP_EARLY_DEMUX, of the init container */
	const char *veth_prefix; /* AWS_VPC_K8S_CNI_VETHPREFIX */
};

/* NULL: no document has the DaemonSet. */
const struct cni_facts *facts_cni(const struct facts *facts);

#define NEEDS_CNI "kubectl get daemonset aws-node -n kube-system -o json"

#endif
