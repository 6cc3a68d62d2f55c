/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "nft-sync/source/source_kubernetes_resources.h"

#define AWS_API "vpcresources.k8s.aws/"
#define SLICES_OF_DNS                                                                              \
	"/namespaces/kube-system/"                                                                 \
	"endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dkube-"                        \
	"dns"

/* Milliseconds: twice unknown, seconds apart; and what a server takes to know its CRDs. */
#define ABSENT_SOON 3000
#define ABSENT_LATE 60000

/*
 * At the start a resource that is forbidden, or that the server does not know, could be taken for
 * empty. What that would do decides:
 * - pods of this node, policies, accounts that policies select by: pods would have no groups, so
 *   nothing would be filtered. They are waited for; only policies may be absent, as their CRD may.
 * - pods of other nodes: rules would lack members, and permit less. The rights of a kubelet do not
 *   include them, so that to wait would be for ever, and after a boot nothing would be filtered.
 * - this node: its addresses count only where its primary interface has none.
 * - CNINode: no rule comes from it.
 * - the cluster's DNS: branches.json would say what the groups permit to anybody; the rules judge.
 *
 * The API server keeps pods by namespace: to find those of a node it reads all of them, unless its
 * cache will do.
 */
const struct resource_facts resource_facts[KUBERNETES_RESOURCES] = {
	[KUBERNETES_LOCAL_PODS] = {.what = "pods of this node",
                                   .directory = "pods",
                                   .kind = "Pod",
                                   .forms = {{"/api/v1/pods?fieldSelector=spec.nodeName%3D", "v1"}},
                                   .of_node = true,
                                   .from_cache = true,
                                   .essential = true},
	[KUBERNETES_POLICIES] = {.what = "security group policies",
                                 .directory = "policies",
                                 .kind = "SecurityGroupPolicy",
                                 .forms = {{"/apis/" AWS_API "v1beta1/securitygrouppolicies",
                                            AWS_API "v1beta1"}},
                                 .essential = true,
                                 .absent_after = ABSENT_LATE},
	[KUBERNETES_ACCOUNTS] = {.what = "service accounts",
                                 .directory = "serviceaccounts",
                                 .kind = "ServiceAccount",
                                 .forms = {{"/api/v1/serviceaccounts", "v1"}},
                                 .essential = true},
	[KUBERNETES_NODE] = {.what = "this node",
                             .directory = "nodes",
                             .kind = "Node",
                             .forms = {{"/api/v1/nodes?fieldSelector=metadata.name%3D", "v1"}},
                             .of_node = true,
                             .absent_after = ABSENT_SOON},
	[KUBERNETES_CNINODE] = {.what = "CNINode of this node",
                                .directory = "cninodes",
                                .kind = "CNINode",
                                .forms = {{"/apis/" AWS_API
                                           "v1alpha1/cninodes?fieldSelector=metadata.name%3D",
                                           AWS_API "v1alpha1"}},
                                .of_node = true,
                                .absent_after = ABSENT_SOON},
	[KUBERNETES_DNS_SERVICE] = {.what = "service of the cluster DNS",
                                    .directory = "services",
                                    .kind = "Service",
                                    .forms = {{"/api/v1/namespaces/kube-system/services"
                                               "?fieldSelector=metadata.name%3Dkube-dns",
                                               "v1"}},
                                    .absent_after = ABSENT_SOON},
	[KUBERNETES_DNS_ENDPOINTS] = {.what = "endpoints of the cluster DNS",
                                      .directory = "endpointslices",
                                      .kind = "EndpointSlice",
                                      .forms = {{"/apis/discovery.k8s.io/v1" SLICES_OF_DNS,
                                                 "discovery.k8s.io/v1"},
                                                {"/apis/discovery.k8s.io/v1beta1" SLICES_OF_DNS,
                                                 "discovery.k8s.io/v1beta1"}},
                                      .absent_after = ABSENT_SOON},
	[KUBERNETES_REMOTE_PODS] = {.what = "pods of other nodes",
                                    .kind = "Pod",
                                    .forms = {{"/api/v1/pods?fieldSelector=spec.nodeName%21%3D",
                                               "v1"}},
                                    .of_node = true,
                                    .absent_after = ABSENT_SOON},
};

void resource_place(enum kubernetes_resource resource, const char *node, struct resource_place *ret)
{
	const struct resource_facts *facts = &resource_facts[resource];
	char name[RESOURCE_PATH_SIZE / 2];

	/* A DNS name; whatever else the configuration may say must not end the query. */
	kube_escape(facts->of_node ? node : "", name, sizeof(name));
	*ret = (struct resource_place){.resource = {.kind = facts->kind,
	                                            .from_cache = facts->from_cache,
	                                            .absent_after = facts->absent_after}};
	for (size_t i = 0; i < KUBE_WATCH_FORMS && facts->forms[i].path; i++) {
		(void)snprintf(ret->paths[i], sizeof(ret->paths[i]), "%s%s", facts->forms[i].path,
		               name);
		ret->resource.forms[i] =
			(struct kube_form){ret->paths[i], facts->forms[i].api_version};
	}
}
