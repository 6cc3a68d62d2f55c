/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_PROXY_H
#define PODSG_FACTS_PROXY_H

/* What stands between a pod and a Service on every node: kube-proxy, and a node-local DNS cache. */

#include "nft-sync/check/facts.h"

struct kube_proxy_facts {
	struct fact fact;
	const char *kind; /* "ConfigMap", "DaemonSet": where its mode is said */
	const char *mode; /* "iptables" where it does not say */
};

struct node_local_dns_facts {
	struct fact fact;         /* of the DaemonSet */
	struct prefix *addresses; /* that it listens on, the cluster's own among them */
	size_t address_count;
};

/* NULL: no document says how kube-proxy is set up. */
const struct kube_proxy_facts *facts_kube_proxy(const struct facts *facts);
/* NULL: no document has the DaemonSet. */
const struct node_local_dns_facts *facts_node_local_dns(const struct facts *facts);

void load_kube_proxy_map(struct loader *loader, const struct field *config_map);
void load_kube_proxy_set(struct loader *loader, const struct field *daemon_set);
void load_node_local_dns(struct loader *loader, const struct field *daemon_set);

#define NEEDS_KUBE_PROXY "kubectl get configmap kube-proxy-config -n kube-system -o json"

#endif
