/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_JUDGED_GROUPS_H
#define PODSG_JUDGED_GROUPS_H

/* Which of the security groups that EC2 lists bear on what is judged. */

#include "nft-sync/check/check.h"
#include "nft-sync/check/facts_groups.h"

struct judged_groups {
	const struct group_facts **items; /* sorted by id; the model has the rules of each */
	size_t count;
};

/*
 * Those of policies, of pods' ENIs and of nodes; all where no document has pods or policies. In the
 * run's arena. On lack of memory there are none, and the run has failed.
 */
struct judged_groups judged_groups_of(struct check_run *run);

#endif
