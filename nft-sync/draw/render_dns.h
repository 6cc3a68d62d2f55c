/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RENDER_DNS_H
#define PODSG_RENDER_DNS_H

/*
 * What the chains need for DNS on the node: who may ask its cache, where the cache listens, and
 * where strict pods' queries to its address are led instead. Behind the branches' rules, which say
 * who is closed. -ENOMEM.
 */

#include "nft-sync/draw/image.h"
#include "nft-sync/judge/judge.h"

int render_dns(const struct resolution *resolution, const struct judge_rules *rules,
               struct image *image);

#endif
