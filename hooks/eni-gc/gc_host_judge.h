/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_HOST_JUDGE_H
#define PODSG_GC_HOST_JUDGE_H

/*
 * Which attachments of the journal are gone. The kernel decides; the runtime's list tips the scales
 * where the kernel is in two minds, and what it calls ready is never gone. A list that contradicts
 * what lives in the kernel is doubtful: there may be another runtime on the node, or the list may
 * be of another moment.
 */

#include "hooks/eni-gc/gc_host_evidence.h"
#include "hooks/eni-gc/gc_host_sight.h"

const char *gc_verdict_name(enum gc_verdict verdict); /* "lives", "doubtful", "gone" */

/* An attachment of an earlier boot says nothing of this kernel. */
bool gc_of_this_boot(const struct gc_sight *sight, const struct attachment *attachment);

/* why, as printf() has it. */
void gc_judge(struct gc_judgement *ret, enum gc_verdict verdict, const char *why, ...)
	__attribute__((format(printf, 3, 4)));

void gc_judge_attachments(struct gc_sight *sight, const struct gc_evidence *evidence);

#endif
