/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CONFLIST_REPORT_H
#define PODSG_CONFLIST_REPORT_H

/* What one look at the directory has found and done. */

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/vector.h"

enum conflist_exit {
	CONFLIST_EXIT_DONE = 0, /* or nothing to do */
	CONFLIST_EXIT_FAILED = 1,
	CONFLIST_EXIT_USAGE = 2,
	CONFLIST_EXIT_LEFT = 3,    /* a file was left alone that somebody has to look at */
	CONFLIST_EXIT_BINARY = 4,  /* the plugin's program is missing: out of all chains */
	CONFLIST_EXIT_PENDING = 5, /* --check: ours is not in place */
};

enum conflist_outcome {
	CONFLIST_IN_PLACE,
	CONFLIST_INSERTED,
	CONFLIST_MOVED,   /* to the end, or two made one */
	CONFLIST_YIELDED, /* in the chain, but another insists on the last place */
	CONFLIST_REMOVED,
	CONFLIST_LEFT,
	CONFLIST_NO_NETWORK,
	CONFLIST_NO_BINARY,
	CONFLIST_FAILED,
};

struct conflist_finding {
	enum conflist_outcome outcome;
	char file[NAME_MAX + 1]; /* in the directory; "": all of it */
	char why[512];
};

struct conflist_report {
	struct vector findings; /* struct conflist_finding */
	bool incomplete;        /* memory was short */
};

void conflist_report_open(struct conflist_report *report);
void conflist_report_done(struct conflist_report *report);
void conflist_report_add(struct conflist_report *report, enum conflist_outcome outcome,
                         const char *file, const char *why);

bool conflist_report_equal(const struct conflist_report *a, const struct conflist_report *b);
bool conflist_report_changed(const struct conflist_report *report); /* a file was written */
enum conflist_exit conflist_report_exit(const struct conflist_report *report, bool check);

/* check: nothing was done of it. */
void conflist_report_log(const struct conflist_report *report, const char *directory, bool check);
/* One JSON object and a newline. */
void conflist_report_print(const struct conflist_report *report, const char *directory, bool check,
                           FILE *stream);

#endif
