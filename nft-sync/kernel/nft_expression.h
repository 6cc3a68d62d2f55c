/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NFT_EXPRESSION_H
#define PODSG_NFT_EXPRESSION_H

/* Statements of an image as nf_tables expressions. */

#include "nft-sync/draw/image.h"

#include <libnftnl/rule.h>

/* NULL when memory is short. */
struct nftnl_rule *nft_rule_make(const struct image_rule *rule, const char *table,
                                 const char *chain);

#endif
