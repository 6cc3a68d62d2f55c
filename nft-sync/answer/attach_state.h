/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_ATTACH_STATE_H
#define PODSG_ATTACH_STATE_H

/* Whether a sandbox may start, as what is known and what is in force say now. */

#include "nft-sync/sync.h"

#define ATTACH_REASON_MAX 600

enum attach_state {
	ATTACH_ENFORCED,  /* its rules are in the kernel; those that close it count, too */
	ATTACH_UNMANAGED, /* podsg has nothing to do with it */
	ATTACH_WAITING,
};

struct attach_verdict {
	enum attach_state state;
	const struct branch *branch;    /* of an enforced one, until the next resolution */
	char reason[ATTACH_REASON_MAX]; /* a sentence for people; "" where it is enforced */
};

const char *attach_state_name(enum attach_state state);

/* Costs nothing of the kernel; what was not yet read does not count. */
void attach_judge(const struct sync *sync, const char *sandbox, const char *ifname,
                  struct attach_verdict *ret);

#endif
