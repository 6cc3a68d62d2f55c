/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GROUP_IDS_H
#define PODSG_GROUP_IDS_H

/* Lists of ids of security groups, each kept once: equal ones are the same pointer. NULL is the
 * empty one. */

#include "common/vector.h"
#include "nft-sync/model/id_index.h"
#include "nft-sync/model/strings.h"

struct group_ids {
	struct id_entry entry; /* first: the index hands out entries */
	uint32_t references;
	uint32_t count;
	uint32_t ids[]; /* of group_lists.strings */
};

struct group_lists {
	struct strings *strings;
	struct id_index index;
	struct vector ids; /* of the one that is looked for */
};

int group_lists_init(struct group_lists *lists, struct strings *strings); /* -ENOMEM */
void group_lists_done(struct group_lists *lists);

/* *ret is a new reference. -ENOMEM, -ENAMETOOLONG. */
int group_ids_of(struct group_lists *lists, const char *const *ids, size_t count,
                 struct group_ids **ret);
struct group_ids *group_ids_ref(struct group_ids *ids);                 /* accepts NULL */
void group_ids_unref(struct group_lists *lists, struct group_ids *ids); /* accepts NULL */

#endif
