/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TESTS_RANDOM_WORLD_H
#define PODSG_TESTS_RANDOM_WORLD_H

/* Random groups, all that their rules refer to, and packets at the edges of those rules. */

#include "nft-sync/resolve/resolution.h"
#include "tests/unit/naive.h"

#define WORLD_RULES_MAX 48
#define WORLD_GROUPS 4
#define WORLD_LISTS 4
#define WORLD_MEMBER_SETS 3
#define WORLD_PREFIXES_MAX 6 /* of a list or a member set */

/* Rules stand in one array, cut into groups, so that one can be taken out when a failure is
 * reduced. A copy shares the lists and members of its original. */
struct world {
	enum direction direction;
	struct sg_rule rules[WORLD_RULES_MAX];
	unsigned group_of[WORLD_RULES_MAX]; /* ascending */
	size_t rule_count;
	struct security_group groups[WORLD_GROUPS];
	const struct security_group *group_list[WORLD_GROUPS];
	struct prefix list_entries[WORLD_LISTS][WORLD_PREFIXES_MAX];
	struct prefix_list lists[WORLD_LISTS];
	struct prefix member_prefixes[WORLD_MEMBER_SETS][WORLD_PREFIXES_MAX];
	struct member_set members[WORLD_MEMBER_SETS];
	struct naive_members naive_members[WORLD_MEMBER_SETS];
};

/* From PODSG_SEED where that is set. Returns the seed. */
uint64_t random_begin(void);

void world_choose(struct world *world);
void world_take_out(struct world *world, size_t number);
struct naive_packet world_packet(const struct world *world);

const struct security_group *world_group(const struct world *world, const char *id);
const struct prefix_list *world_list(const struct world *world, const char *id);
const struct member_set *world_members(const struct world *world, const char *group);

void world_print(const struct world *world);

#endif
