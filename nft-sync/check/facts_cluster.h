/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_CLUSTER_H
#define PODSG_FACTS_CLUSTER_H

/* What else the cluster holds that bears on pods with groups. */

#include "nft-sync/check/facts.h"

struct service_facts {
	struct fact fact;
	const char *type;      /* "ClusterIP" where it does not say */
	struct selector *pods; /* NULL: it selects none */
	bool external_local;   /* externalTrafficPolicy: Local */
	/* A load balancer's targets are addresses of pods; else ports of nodes. */
	bool ip_targets;
	/* The AWS Load Balancer Controller writes rules for a load balancer's way to its pods. */
	bool balances_pods;
};

struct target_group_binding_facts {
	struct fact fact;
	const char *service; /* of its namespace */
	bool ip_targets;
	bool networking; /* the controller is to write rules for it */
};

struct network_policy_facts {
	struct fact fact;
	struct selector *pods; /* without requirements: all of its namespace */
};

struct eni_config_facts {
	struct fact fact;
	const char **groups;
	size_t group_count;
	const char *subnet;
};

struct cninode_facts {
	struct fact fact;
	bool security_groups_for_pods; /* the node has a trunk, or is about to have one */
	const char *eni_config;        /* of the feature CustomNetworking; "" = none */
};

/* An empty selector is none. */
bool service_has_selector(const struct service_facts *service);
bool service_selects(const struct service_facts *service, const char *namespace,
                     const struct labels *labels);
/* The first one of a namespace, and behind the last one, of kinds that have namespaces. */
void facts_of_namespace(const struct facts *facts, enum fact_kind kind, const char *namespace,
                        const void **ret, size_t *count);

/* "" = they do not say. What EKS and the controller make, branch ENIs among it, has
 * "kubernetes.io/cluster/NAME" = "owned". */
const char *cluster_of_tags(const struct labels *tags);

/* The last to settle: finds out which Services balance pods, and what the cluster is called. */
void facts_settle_cluster(struct facts *facts);

void load_service_facts(struct loader *loader, const struct field *object);
void load_target_group_binding_facts(struct loader *loader, const struct field *object);
void load_network_policy_facts(struct loader *loader, const struct field *object);
void load_eni_config_facts(struct loader *loader, const struct field *object);
void load_cninode_facts(struct loader *loader, const struct field *object);
void load_service_account_facts(struct loader *loader, const struct field *object);

#define NEEDS_SERVICES "kubectl get services -A -o json"
#define NEEDS_TARGET_GROUP_BINDINGS "kubectl get targetgroupbindings -A -o json"
#define NEEDS_NETWORK_POLICIES "kubectl get networkpolicies -A -o json"
#define NEEDS_ENI_CONFIGS "kubectl get eniconfigs -o json"
#define NEEDS_CNINODES "kubectl get cninodes -o json"
#define NEEDS_SERVICE_ACCOUNTS "kubectl get serviceaccounts -A -o json"

#endif
