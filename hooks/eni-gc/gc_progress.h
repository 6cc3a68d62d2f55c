/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_PROGRESS_H
#define PODSG_GC_PROGRESS_H

/* How far it is, on the last line of standard error where that is a terminal; nothing elsewhere. */

#include <stdbool.h>
#include <stdint.h>

struct gc_progress {
	bool terminal;
	bool drawn; /* it stands there */
	const char *what;
	int64_t began;   /* of this what; milliseconds */
	int64_t changed; /* drawn last */
};

void gc_progress_open(struct gc_progress *progress);
/* Draws it, if the last drawing is not too new. total 0: nobody knows. */
void gc_progress_show(struct gc_progress *progress, const char *what, uint64_t done,
                      uint64_t total);
/* Before something else is written to the terminal, and in the end. */
void gc_progress_clear(struct gc_progress *progress);

bool gc_terminal(int fd); /* one that understands control sequences */
bool gc_coloured(int fd); /* one whose user has not set NO_COLOR */

#endif
