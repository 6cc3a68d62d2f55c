/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_ENI_REPORT_H
#define PODSG_GC_ENI_REPORT_H

/* What is found and done, a line each on standard output: for people, or JSON. */

#include "common/error.h"
#include "hooks/eni-gc/gc_eni.h"
#include "hooks/eni-gc/gc_progress.h"

enum gc_eni_action {
	GC_ENI_DELETED,
	GC_ENI_WOULD_DELETE,
	GC_ENI_GONE,  /* somebody else was faster */
	GC_ENI_WAITS, /* for its second sighting */
	GC_ENI_KEPT,
	GC_ENI_FAILED,
	GC_ENI_FOUND, /* only listed */
	GC_ENI_LIVES, /* shows that the cluster is not deleted */
	GC_ENI_BLOCKS,
};
#define GC_ENI_ACTIONS 9

/* Strings may be NULL = nothing to say. */
struct gc_finding {
	enum gc_eni_action action;
	const char *id;
	const struct gc_eni *eni;     /* NULL: it is no interface */
	const struct gc_group *group; /* NULL: it is no group */
	const char *rule;             /* of that group, whose id is given */
	const char *what;             /* it is, where it is none of these: "VPC", "instance" */
	const char *why;
	const char *advice; /* what to do about it */
};

struct gc_eni_report {
	bool json;
	bool coloured;
	struct gc_progress progress;
	size_t counts[GC_ENI_ACTIONS];
};

void gc_eni_report_open(struct gc_eni_report *report, bool json);
void gc_eni_report_finding(struct gc_eni_report *report, const struct gc_finding *finding);

/* The end. subject: the cluster or the group. others: passed over, of other clusters. left: not
 * tried any more. failure: why it was broken off; code 0: it was not. */
struct gc_summary {
	const char *subject;
	const char *region;
	bool dry_run;
	size_t others;
	size_t left;
	int64_t wait; /* milliseconds until nothing has to wait any more */
	int status;   /* the program's */
	const struct error *failure;
};
void gc_eni_report_summary(struct gc_eni_report *report, const struct gc_summary *summary);

/* Something that a person should know, on standard error. */
void gc_eni_report_warning(struct gc_eni_report *report, const char *text);

#endif
