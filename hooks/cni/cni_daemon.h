/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CNI_DAEMON_H
#define PODSG_CNI_DAEMON_H

/* What podsg-nft-sync says, asked until a deadline and not a second longer. */

#include "common/config.h"
#include "common/journal.h"

#include <stdint.h>

enum cni_verdict_kind {
	CNI_VERDICT_AWAY, /* nobody answers */
	CNI_VERDICT_REFUSED,
	CNI_VERDICT_WAITING,
	CNI_VERDICT_UNMANAGED, /* known to have no rules */
	CNI_VERDICT_ENFORCED,
};

struct cni_verdict {
	enum cni_verdict_kind kind;
	char reason[512]; /* a clause for people */
};

int64_t cni_now(void); /* milliseconds, of a clock that nobody sets */

/*
 * Asks for the rules of a journalled attachment; deadline by cni_now(). A daemon that is away, or
 * goes away meanwhile, is asked again until then, since it may be restarting.
 */
void cni_daemon_attach(const struct config *config, const struct attachment *attachment,
                       int64_t deadline, struct cni_verdict *ret);

/* ENFORCED: it does its work; WAITING: it is there, but its rules are not in force. */
void cni_daemon_status(const struct config *config, int64_t deadline, struct cni_verdict *ret);

#endif
