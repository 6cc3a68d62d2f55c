/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_HOST_EVIDENCE_H
#define PODSG_GC_HOST_EVIDENCE_H

/* What others say of this node's pods: container runtimes and the API server. A list that could not
 * be had whole counts for nothing, and why is noted. */

#include "common/config.h"
#include "common/error.h"
#include "hooks/eni-gc/gc_cri.h"
#include "hooks/eni-gc/gc_pods.h"

#include <stdbool.h>
#include <stddef.h>

#define GC_RUNTIMES_MAX 8

struct gc_evidence {
	/* At least one runtime answered, and every one that is there: what they do not know is not
	 * in this list. */
	bool runtimes_complete;
	struct gc_sandboxes sandboxes; /* sorted */
	struct gc_pods pods;
	struct error notes[GC_RUNTIMES_MAX + 2];
	size_t note_count;
};

/* sockets: of runtimes; none: the usual ones, where they are. */
void gc_evidence_gather(const struct config *config, const char *const *sockets, size_t count,
                        struct gc_evidence *ret);
void gc_evidence_done(struct gc_evidence *evidence);

#endif
