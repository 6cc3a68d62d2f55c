/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NODE_LOCAL_H
#define PODSG_NODE_LOCAL_H

#include "common/address.h"

/*
 * Whether an address that the DNS cache listens on is the node's own business alone: link-local
 * (169.254.0.0/16, fe80::/10) or unique-local (fc00::/7). Any other one is a Service's, which
 * kube-proxy knows. A cluster may give its Services unique-local addresses, too: such a one is led
 * to the same servers as kube-proxy would lead it to.
 */
bool address_is_node_local(const struct prefix *address);

#endif
