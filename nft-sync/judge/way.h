/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_WAY_H
#define PODSG_WAY_H

/* Which interfaces a packet passes on this node: asked of the routing tables, with what the VPC
 * CNI's ip rules and marks do to them (reference: amazon-vpc-cni-k8s, pkg/networkutils). */

#include "common/error.h"
#include "nft-sync/host/host.h"
#include "nft-sync/resolve/resolution.h"

/*
 * By which interface a packet from a pod leaves: its device in mode strict; in mode standard the
 * route's, with the VPC CNI's mark where the destination lies outside the VPC's CIDRs
 * (its source NAT sends those by the primary interface). "" = to the node itself.
 */
int way_out(const struct resolution *resolution, const struct host *host, const struct branch *from,
            const struct prefix *source, const struct prefix *destination,
            char out[static INTERFACE_NAME_MAX], struct error *err);

/*
 * By which interface a packet for a pod comes in. translated: its destination was another one
 * before DNAT. "" = from the node itself. room is for a name that is neither to's nor the
 * resolution's.
 */
const char *way_in(const struct resolution *resolution, const struct host *host,
                   const struct branch *to, const struct prefix *source, bool translated,
                   char room[static INTERFACE_NAME_MAX]);

bool way_is_from_node(const struct host *host, const struct prefix *source);

#endif
