/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_CRI_H
#define PODSG_GC_CRI_H

/* What a container runtime says of its sandboxes: ListPodSandbox of the CRI, runtime.v1 or, where
 * that is not known, runtime.v1alpha2. A list is complete or refused. */

#include "common/error.h"
#include "common/journal.h"
#include "common/vector.h"

#include <stdbool.h>
#include <stddef.h>

#define GC_CRI_SANDBOXES_MAX 16384

struct gc_sandbox {
	char id[JOURNAL_SANDBOX_MAX + 1];
	bool ready; /* whatever is not plainly SANDBOX_NOTREADY */
};

/* A zeroed one is empty. */
struct gc_sandboxes {
	struct vector list; /* of struct gc_sandbox; by id once it is sorted */
};

/* The message of one answer, added to the list. On failure the list is as before. -EBADMSG: no such
 * message; -EINVAL: an id that no runtime may give; -E2BIG: too many; -EAGAIN: a page of a longer
 * list. */
int gc_cri_parse(const char *what, const void *message, size_t length, struct gc_sandboxes *list,
                 struct error *err);

/* Asks the runtime behind a unix socket; bounded in time. */
int gc_cri_ask(const char *socket, struct gc_sandboxes *list, struct error *err);

void gc_cri_sort(struct gc_sandboxes *list);
/* In a sorted one. NULL: it is not there. */
const struct gc_sandbox *gc_cri_find(const struct gc_sandboxes *list, const char *id);
void gc_cri_done(struct gc_sandboxes *list);

#endif
