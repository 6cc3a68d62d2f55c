/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_PODS_H
#define PODSG_GC_PODS_H

/* Which VLANs the API server says are in use: pods of this node that have a branch ENI. One list,
 * complete or refused; nothing is tried twice. */

#include "common/config.h"
#include "common/error.h"
#include "common/kube_message.h"
#include "common/vector.h"

#include <stddef.h>

#define GC_PODS_MAX 4096 /* kubelet's own limit is some hundreds */

struct gc_pod {
	char name[KUBE_NAMESPACE_SIZE + KUBE_NAME_SIZE]; /* "namespace/name" */
	unsigned vlan;
};

/* A zeroed one is empty. */
struct gc_pods {
	struct vector list; /* of struct gc_pod */
	size_t unread;      /* pods that could not be understood, and were left out */
};

/* Bounded in time. -EOPNOTSUPP: the configuration names no API server. */
int gc_pods_ask(const struct config *config, struct gc_pods *ret, struct error *err);

/* NULL: none. */
const struct gc_pod *gc_pods_find(const struct gc_pods *pods, unsigned vlan);
void gc_pods_done(struct gc_pods *pods);

#endif
