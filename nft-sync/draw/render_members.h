/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RENDER_MEMBERS_H
#define PODSG_RENDER_MEMBERS_H

/*
 * The members of a referenced group as sets: one hash set of addresses a family, so that a member
 * that comes or goes is one element, and, where there are delegated prefixes, one of prefixes.
 */

#include "nft-sync/draw/image.h"
#include "nft-sync/resolve/resolution.h"

enum member_kind { MEMBERS4, MEMBERS6, MEMBERS_NET4, MEMBERS_NET6 };
#define MEMBER_KINDS 4

struct member_image {
	struct image_set *sets[MEMBER_KINDS]; /* those of prefixes are NULL where there are none */
};

/* Whether nft can read the text as part of an object's name. */
bool is_nft_name(const char *text);

/* Which field of a packet holds the peer's address. */
enum field peer_field(enum direction direction, uint8_t family);
uint8_t member_family(enum member_kind kind);

/* "the packet's peer is one of them"; the image must have sets of that kind. */
struct image_rule *match_member(struct image_rule *rule, enum direction direction,
                                enum member_kind kind, const struct member_image *members);

/* "members-sg-0a1-4"; an id that nft could not read as part of a name is replaced by a digest. */
void member_set_name(const char *group, enum member_kind kind, char name[static IMAGE_NAME_MAX]);

/* members NULL: nobody. -ENOMEM. */
int member_image_make(const char *group, const struct member_set *members,
                      struct member_image *ret);
void member_image_unref(struct member_image *image);

#endif
