/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_TABLE_STATE_H
#define PODSG_DNS_TABLE_STATE_H

/*
 * What stands in the kernel of a table of ours, asked of the kernel itself: libnftables reads the
 * sets of every table for that, which costs memory on a node with many Services, and an old one
 * stumbles over what a newer one has written.
 */

#include "common/netlink.h"

#include <stdint.h>

/* Of the rules of a table; 0: there are none, or they cannot be had. netfilter is a socket of
 * NETLINK_NETFILTER. */
uint64_t dns_table_digest(struct netlink *netfilter, const char *table);

/* Packets of a named counter. A negative errno: -ENOENT where there is none. */
int dns_table_counter(struct netlink *netfilter, const char *table, const char *name,
                      uint64_t *ret);

#endif
