/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_INTERFACE_H
#define PODSG_DNS_INTERFACE_H

/* The portless interface that holds the listen addresses; network.c uses it. */

#include "common/address.h"
#include "common/error.h"
#include "common/netlink.h"

/*
 * Afterwards it is up and holds exactly these addresses (whole ones). One that is there is adopted,
 * with the addresses that are right, if it is of a type that we or node-cache make (dummy, ifb).
 * *added (may be NULL) says whether it had to be made. -EEXIST: there is one of another type;
 * -EOPNOTSUPP: the kernel has neither type.
 */
int dns_interface_set_up(struct netlink *netlink, const char *name, const struct prefix *addresses,
                         size_t count, bool *added, struct error *err);

/* None there is fine; one of another type is not ours and stays. */
int dns_interface_remove(struct netlink *netlink, const char *name, struct error *err);

#endif
