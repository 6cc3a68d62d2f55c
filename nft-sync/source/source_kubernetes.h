/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SOURCE_KUBERNETES_H
#define PODSG_SOURCE_KUBERNETES_H

/*
 * The Kubernetes source: what this node needs to know of its cluster, followed by list and watch.
 * Pods of this node, policies, the Node and CNINode, the cluster's DNS; ServiceAccounts only while
 * a policy selects by them; pods of other nodes only while rules refer to groups whose members no
 * network interface tells.
 */

#include "nft-sync/source/live_sources.h"

/*
 * What the model holds under "kubernetes/" when it is opened is taken over as an earlier state, and
 * stays when it is closed. changed() comes once for all that came together, and when the source has
 * become synced: all that is followed was read whole once, or is absent, or is forbidden and its
 * lack filters no less. What is wanted may make more of it: ask after want(). want() is to be
 * called after each resolution, since it looks at the model, too.
 */
extern const struct live_kind source_kubernetes_kind;

#endif
