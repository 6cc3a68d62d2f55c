/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CLEAN_UP_H
#define PODSG_CLEAN_UP_H

/*
 * The one routine that removes what a sandbox that is gone has left in this network namespace: its
 * branch device, the ip rules at 10, 512 and 1536, the routes of table 100 + vlan and to its
 * addresses, the conntrack entries of its addresses. (Objects of nftables are nft-sync's, who sees
 * the interface go.) It needs no API server, no netns and no CNI result. CNI DEL and GC, the OCI
 * hook, boot and podsg-eni-gc all end here.
 *
 * Every single thing is taken only if nobody newer holds it: another attachment of the journal, or
 * an owner that only the kernel shows (a device or veth of another index, a route to the address
 * through another living veth). Interfaces of pods themselves are never touched. What the VPC CNI
 * does with these things is described in its driver and network packages.
 */

#include "common/error.h"
#include "common/journal.h"

#include <stdbool.h>
#include <stddef.h>

enum clean_up_outcome {
	CLEAN_UP_REMOVED, /* in a dry run: would be */
	CLEAN_UP_KEPT,
	CLEAN_UP_FAILED,
};

struct clean_up_options {
	const char *journal; /* directory; others' attachments are read from it */
	bool dry_run;
	/* Says each thing that was found, as "ip rule 10 iif vlan.eth.3 lookup 103", with why it
	 * was kept or failed ("" = removed). A rule that an ADD took over meanwhile is said twice:
	 * removed, then kept. NULL: nobody asks. */
	void (*say)(void *context, enum clean_up_outcome outcome, const char *thing,
	            const char *why);
	void *context;
};

/*
 * Blocks: a few milliseconds as a rule; a tenth of a second where nobody wrote down the index of a
 * device that still exists; seconds where ten thousands of conntrack entries are to be deleted.
 *
 * gone: what is known of it; without a vlan, whatever the kernel shows of its interface and
 * addresses. Its own journal file is left to the caller, who holds the journal's lock where it
 * could be had. 0: nothing of it is left (or all that is has a newer owner). Else the first
 * failure, after everything else was tried; doing it again is right.
 */
int clean_up(const struct clean_up_options *options, const struct attachment *gone,
             struct error *err);

#endif
