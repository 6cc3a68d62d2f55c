/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RULE_CACHE_H
#define PODSG_RULE_CACHE_H

/*
 * Compiled rule sets and member sets by what they were made from, so that a change costs what it
 * changes. The name of a compiled rule set is a digest of its content: a changed one is built
 * beside the old one and swapped in, and one that a restart finds in the kernel is recognised.
 */

#include "common/error.h"
#include "nft-sync/draw/rule_image.h"
#include "nft-sync/model/model.h"
#include "nft-sync/resolve/resolution.h"

struct rule_cache;

struct rule_cache *rule_cache_new(void);        /* NULL: no memory */
void rule_cache_free(struct rule_cache *cache); /* accepts NULL */

/* One rendering: what is not asked for between begin and end is forgotten at the end. */
int rule_cache_begin(struct rule_cache *cache, const struct resolution *resolution,
                     struct model *model);
void rule_cache_end(struct rule_cache *cache);

/*
 * Puts the rule set of these groups (unknown ones permit nothing) into the image, with the member
 * sets it refers to. chain: IMAGE_NAME_MAX bytes, gets the name of its chain.
 */
int rule_cache_render(struct rule_cache *cache, enum direction direction, enum rules_use use,
                      const char *const *groups, size_t group_count, struct image *image,
                      char *chain, struct error *err);

size_t rule_cache_count(const struct rule_cache *cache);    /* rule sets of this rendering */
size_t rule_cache_compiled(const struct rule_cache *cache); /* of these, compiled now */
size_t rule_cache_elements(const struct rule_cache *cache); /* boxes and spans of all of them */

#endif
