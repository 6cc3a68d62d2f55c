/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NFT_READER_H
#define PODSG_NFT_READER_H

#include "common/netlink.h"
#include "nft-sync/draw/image.h"
#include "nft-sync/kernel/nft_watch.h"

/* The generation of the rule set of this network namespace: it changes with every transaction,
 * whoever made it, in whatever table. */
int nft_read_generation(struct netlink *netlink, uint32_t *ret);

/*
 * What the kernel holds of our table, consistent: read again while the watch says that somebody
 * touches it. What others do to their own tables is no reason to. Chains have a digest and no
 * rules. -EBUSY where the table never holds still.
 */
int nft_read_image(struct netlink *netlink, struct nft_watch *watch, struct image **ret,
                   uint32_t *generation, struct error *err);

#endif
