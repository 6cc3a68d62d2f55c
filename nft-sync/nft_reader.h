/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NFT_READER_H
#define PODSG_NFT_READER_H

#include "common/netlink.h"
#include "nft-sync/image.h"

/* The generation of the rule set of this network namespace: it changes with every transaction,
 * whoever made it, in whatever table. */
int nft_read_generation(struct netlink *netlink, uint32_t *ret);

/*
 * What the kernel holds of our table, consistent: read again until no transaction came between.
 * Chains have a digest and no rules. -EBUSY where the rule set never holds still.
 */
int nft_read_image(struct netlink *netlink, const char *table, struct image **ret,
                   uint32_t *generation, struct error *err);

#endif
