/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SOURCE_KUBERNETES_RESOURCES_H
#define PODSG_SOURCE_KUBERNETES_RESOURCES_H

/* What of a cluster is followed, and where the API server has it. */

#include "common/kube_watch.h"

enum kubernetes_resource {
	KUBERNETES_LOCAL_PODS,
	KUBERNETES_POLICIES,
	KUBERNETES_ACCOUNTS,
	KUBERNETES_NODE,
	KUBERNETES_CNINODE,
	KUBERNETES_DNS_SERVICE,
	KUBERNETES_DNS_ENDPOINTS,
	KUBERNETES_REMOTE_PODS,
};
#define KUBERNETES_RESOURCES 8

struct resource_facts {
	const char *what;      /* for people */
	const char *directory; /* of its documents; NULL: it has none */
	const char *kind;
	struct kube_form forms[KUBE_WATCH_FORMS];
	bool of_node; /* the node's name belongs behind the path */
	bool from_cache;
	bool essential;        /* to be forbidden is not to be read: it is waited for */
	unsigned absent_after; /* milliseconds, as struct kube_progress has it */
};

extern const struct resource_facts resource_facts[KUBERNETES_RESOURCES];

#define RESOURCE_PATH_SIZE 1024

struct resource_place {
	struct kube_resource resource; /* points into the paths */
	char paths[KUBE_WATCH_FORMS][RESOURCE_PATH_SIZE];
};

void resource_place(enum kubernetes_resource resource, const char *node,
                    struct resource_place *ret);

#endif
