/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_KUBE_PROGRESS_H
#define PODSG_KUBE_PROGRESS_H

/* How it goes with one resource that is followed: its state, and what to do after a failure. Knows
 * neither requests nor the loop. */

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

struct kube_watch_state {
	bool synced;    /* was listed whole once */
	bool current;   /* and is being followed; false: the last good state stands */
	bool absent;    /* the server has not known it for long: looked for now and then */
	bool forbidden; /* to us, and that is meant */
	int64_t fresh;  /* seconds since 1970 when it was last known to be current; 0 = never */
	uint64_t failures;
	char error[512]; /* why it is not current; "" = it is */
};

struct kube_progress {
	struct kube_watch_state state;
	bool news;         /* the state is another one: to be told, and cleared */
	unsigned struggle; /* failures since something went well */
	unsigned refusals; /* in a row: 401, 403, 404 */
	unsigned unknown;  /* 404 in a row */
	uint64_t unknown_since;
	uint64_t absent_after; /* milliseconds of nothing but 404: then it is absent; 0: never */
	int trouble;           /* what the last failure was; 0 = all is well */
};

/* What became of a request. */
struct kube_outcome {
	int status;           /* of HTTP; 0 = no answer */
	unsigned retry_after; /* seconds */
	struct error error;   /* code 0: it went well */
	bool expired;         /* what was asked for is too old, as a watch event says it */
	bool listing;         /* it was a page of a list */
	unsigned forms;       /* in which the server may know the resource: 1 or 2 */
	uint64_t now;         /* milliseconds, of a clock that does not jump */
};

/* What to do next. */
struct kube_next {
	uint64_t pause; /* milliseconds */
	bool new_list;  /* from its first page */
	bool next_form; /* in the other form, if there is one */
};

void kube_progress_listed(struct kube_progress *progress);
void kube_progress_heard(struct kube_progress *progress);   /* something came in a watch */
void kube_progress_settled(struct kube_progress *progress); /* a watch goes well for a while */
/* A watch ended without an error, but too early: milliseconds to wait. */
uint64_t kube_progress_short(struct kube_progress *progress);
struct kube_next kube_progress_failed(struct kube_progress *progress,
                                      const struct kube_outcome *outcome);

#endif
