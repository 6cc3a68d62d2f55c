/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_HOST_SIGHT_H
#define PODSG_GC_HOST_SIGHT_H

/*
 * One look at the node: the journal, which network namespaces of its attachments are there, and the
 * kernel. The journal is read first: an interface that it names was there before, so that one that
 * the kernel does not show is gone, and not about to come.
 */

#include "common/error.h"
#include "common/journal.h"
#include "common/network_state.h"
#include "common/vector.h"

#include <stdbool.h>
#include <stddef.h>

enum gc_verdict {
	GC_LIVES,
	GC_DOUBTFUL, /* what is known contradicts itself, or is not enough: kept */
	GC_GONE,
};

struct gc_judgement {
	enum gc_verdict verdict;
	char why[384];
};

struct gc_attachment {
	struct attachment attachment;
	bool netns_there;              /* and is one, not this one */
	struct gc_judgement judgement; /* gc_judge_attachments() makes it */
};

struct gc_sight {
	char boot[BOOT_ID_SIZE];
	struct vector attachments; /* of struct gc_attachment */
	struct vector broken;      /* of struct error: files of the journal */
	struct network_state kernel;
};

/* A failure leaves nothing behind. */
int gc_sight_take(const char *journal, struct gc_sight *ret, struct error *err);
void gc_sight_done(struct gc_sight *sight); /* accepts a zeroed one */

#endif
