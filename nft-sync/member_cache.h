/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_MEMBER_CACHE_H
#define PODSG_MEMBER_CACHE_H

/* The member sets of referenced groups, drawn again only where a group's generation changed. */

#include "nft-sync/render_members.h"
#include "nft-sync/resolution.h"

struct member_cache;

struct member_cache *member_cache_new(void);        /* NULL: no memory */
void member_cache_free(struct member_cache *cache); /* accepts NULL */

/* One rendering: groups not asked for between begin and end are forgotten at the end. */
void member_cache_begin(struct member_cache *cache, const struct resolution *resolution);
void member_cache_end(struct member_cache *cache);

/* The member sets of a group as they are now; good until the end of the rendering. NULL: no
 * memory. */
const struct member_image *member_cache_get(struct member_cache *cache, const char *group);

#endif
