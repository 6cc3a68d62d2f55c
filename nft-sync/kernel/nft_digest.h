/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NFT_DIGEST_H
#define PODSG_NFT_DIGEST_H

/* What proves that two chains have the same rules. */

#include "nft-sync/draw/image.h"

#include <libnftnl/rule.h>

/*
 * A digest of a chain's rules from their expressions as libnftnl prints them, counters' values
 * left out: the same for a chain that we are about to write and for one that the kernel lists.
 * Start with 0, feed every rule in order.
 */
uint64_t nft_rule_digest(const struct nftnl_rule *rule, uint64_t digest);

/* Once for every chain with rules; -ENOMEM. */
int nft_chain_digest(struct image_chain *chain);

#endif
