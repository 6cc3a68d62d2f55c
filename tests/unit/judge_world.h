/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TESTS_JUDGE_WORLD_H
#define PODSG_TESTS_JUDGE_WORLD_H

/* A node with one pod of every sort, for the tests of the judge. */

#include "nft-sync/judge/judge.h"

/* Zero: crossing, everything exempt that can be, eth0 is primary, the node's group is known. */
struct judge_settings {
	enum node_groups_policy policy;
	bool nothing_exempt;
	bool no_primary;
	bool no_node_groups;
	bool strange_node_groups;
};

void judge_in_world(const struct judge_settings *settings, const struct packet *packet,
                    struct verdict *ret);

#endif
