/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_MEMBER_MERGE_H
#define PODSG_MEMBER_MERGE_H

/* What a sorted batch makes of one group, before anything is committed. Part of members.c. */

#include "nft-sync/model/index.h"
#include "nft-sync/model/members.h"

struct member_group {
	struct index_entry entry; /* first: the index hands out entries */
	uint64_t serial;          /* order of creation, for sorting */
	uint64_t generation;
	struct member_list *list; /* NULL: empty */
	uint32_t *references;     /* how many contribute each prefix of list */
	char id[];
};

struct merged {
	struct member_group *group;
	struct member_list *list;
	uint32_t *references;
};

/* By group and prefix, for qsort(). */
int member_change_compare(const void *a, const void *b);

/* Behind the changes of the group of the change at `from`. */
size_t member_changes_end(const struct member_batch *batch, size_t from);

/* Whether anything is left of changes[from..end) once they are summed up. */
bool member_changes_matter(const struct member_batch *batch, size_t from, size_t end);

/* The group's list with changes[from..end). -ENOMEM. */
int member_merge(struct merged *merged, const struct member_batch *batch, size_t from, size_t end);

#endif
