/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_HOST_ACT_H
#define PODSG_GC_HOST_ACT_H

/* Does what was judged, one subject at a time under the journal's lock, and says what became of it.
 * In a dry run nothing is locked and nothing is changed. */

#include "common/journal.h"
#include "common/vector.h"
#include "hooks/eni-gc/gc_host_evidence.h"
#include "hooks/eni-gc/gc_host_report.h"

#include <stdbool.h>

struct gc_act {
	const char *journal; /* directory */
	const struct gc_evidence *evidence;
	struct gc_report *report;
	bool locked_out; /* somebody holds the lock for so long that nobody waits for it again */
};

/* Of an attachment that was judged to be gone. What was written since is kept. */
void gc_act_attachment(struct gc_act *act, const struct attachment *gone);

/* Of a VLAN: what is gone in leftovers, and on a second look as well. */
void gc_act_leftovers(struct gc_act *act, const struct vector *leftovers, unsigned vlan);

#endif
