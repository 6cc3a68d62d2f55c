/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_MEMBERS_H
#define PODSG_MEMBERS_H

/*
 * Who belongs to which security group. Network interfaces, pods and the node each contribute, and
 * two of them may contribute the same address: a multiset. It changes by batches; only the groups
 * whose content really changes get a new list and a new generation.
 */

#include "common/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct members;
struct member_group;

/* Immutable, shared by the store and the resolutions that show it. */
struct member_list {
	unsigned references;
	size_t count;
	struct prefix prefixes[]; /* sorted by prefix_compare(), unique */
};

void member_list_unref(struct member_list *list); /* accepts NULL */

struct member_change {
	struct member_group *group;
	struct prefix prefix;
	int8_t by; /* +1 or -1 */
};

/* Zero to begin with. A failure to grow is remembered and reported by the one who applies it. */
struct member_batch {
	struct members *members;
	struct member_change *changes;
	size_t count;
	size_t capacity;
	bool failed;
};

struct members *members_new(void);
void members_free(struct members *members); /* accepts NULL */

void member_batch_add(struct member_batch *batch, const char *group, const struct prefix *prefix,
                      int by);

/* All or nothing, -ENOMEM; empties the batch in either case. */
int members_apply(struct members *members, struct member_batch *batch);

/*
 * A layer is a contribution that is worked out as a whole. Its former content goes, what the batch
 * (of +1 only) holds comes. stamp says from what it was worked out; 0 = never.
 */
enum member_layer { MEMBERS_REMOTE_PODS, MEMBERS_THIS_NODE };
#define MEMBER_LAYERS 2
int members_replace(struct members *members, enum member_layer layer, struct member_batch *batch,
                    uint64_t stamp);
uint64_t members_stamp(const struct members *members, enum member_layer layer);

/* A new reference, or NULL and generation 0 for a group without members. */
struct member_list *members_of(const struct members *members, const char *group,
                               uint64_t *generation);
uint64_t members_generation(const struct members *members, const char *group); /* 0 = none */

#endif
