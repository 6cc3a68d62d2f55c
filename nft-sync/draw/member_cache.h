/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_MEMBER_CACHE_H
#define PODSG_MEMBER_CACHE_H

/*
 * The member sets of referenced groups. Rule sets hold the groups that they refer to; a group is
 * drawn again only where its members changed, and forgotten when nobody holds it any more.
 */

#include "nft-sync/draw/render_members.h"
#include "nft-sync/resolve/resolution.h"

struct member_cache;

/* A group in the cache: its place stays, its image is that of the present rendering. */
struct member_entry {
	char *group;
	struct member_image image;
	uint64_t generation; /* of the members in the image */
	size_t holders;
};

struct member_cache *member_cache_new(void);        /* NULL: no memory */
void member_cache_free(struct member_cache *cache); /* accepts NULL */

/* Begins a rendering: every held group is brought up to date. -ENOMEM. */
int member_cache_begin(struct member_cache *cache, const struct resolution *resolution);

/* NULL: no memory. */
struct member_entry *member_cache_hold(struct member_cache *cache, const char *group);
void member_cache_release(struct member_entry *entry); /* accepts NULL */

/* Forgets the groups that nobody holds. */
void member_cache_tidy(struct member_cache *cache);

#endif
