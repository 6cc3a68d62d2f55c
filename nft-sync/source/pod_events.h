/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_POD_EVENTS_H
#define PODSG_POD_EVENTS_H

/*
 * What the users of a cluster see with `kubectl describe pod`:
 *   SecurityGroupsEnforced  the pod's rules are in force: its groups and mode
 *   SecurityGroupMissing    one of its groups is not known
 *   BranchInterfaceClosed   nothing, or only exempt traffic, passes
 *   EnforcingModeDiffers    the node is configured otherwise since the pod was made
 *   GracePeriodZero         deleted without a clean-up
 *   StartedUnfiltered       podsg-cni let it start before its rules were in force
 * Each is said once and not again while it lasts, nor within an hour after it.
 */

#include "nft-sync/model/model.h"
#include "nft-sync/resolve/resolution.h"
#include "nft-sync/source/pod_event_queue.h"

struct pod_events;

/* -ENOMEM. Loop and client outlive it. */
int pod_events_open(uv_loop_t *loop, struct kube_client *client, const char *node,
                    struct pod_events **ret, struct error *err);
void pod_events_close(struct pod_events *events); /* accepts NULL */

/* What is in the kernel now. */
void pod_events_committed(struct pod_events *events, const struct resolution *resolution,
                          const struct model *model);

/* It had a branch ENI and was deleted with a grace period of 0. */
void pod_events_deleted_at_once(struct pod_events *events, const struct pod *pod);

#endif
