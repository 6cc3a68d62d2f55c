/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_PLACEMENT_H
#define PODSG_PLACEMENT_H

/* Which nodes the scheduler may put pods on, as far as labels decide it; taints and room are not
 * looked at. */

#include "nft-sync/check/facts_nodes.h"
#include "nft-sync/check/facts_pods.h"

/* Its nodeSelector and what its affinity requires let it be there. */
bool may_be_on(const struct pod_facts *pod, const struct node_facts *node);
/* It asks for some nodes rather than others. */
bool is_choosy(const struct pod_facts *pod);

/* Of the fact_loader's object at hand: a pod's spec. */
void read_placement(struct loader *loader, const struct field *spec, struct pod_facts *pod);

#endif
