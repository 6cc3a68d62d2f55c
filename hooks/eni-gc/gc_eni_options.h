/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_ENI_OPTIONS_H
#define PODSG_GC_ENI_OPTIONS_H

/* The command line of "podsg-eni-gc enis", and what it ends with. */

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

#define GC_EXIT_DONE 0    /* or nothing was to be done */
#define GC_EXIT_FAILED 1  /* in part at least; --blocking: something blocks it */
#define GC_EXIT_USAGE 2   /* command line or configuration */
#define GC_EXIT_PARTIAL 3 /* EC2 did not say all of it: nothing was done */
#define GC_EXIT_WAITS 4   /* for the second sighting, or for another run */
#define GC_EXIT_LIVES 5   /* the cluster is not deleted: nothing was done */

enum gc_eni_job { GC_JOB_CLUSTER, GC_JOB_DELETED_CLUSTER, GC_JOB_BLOCKING };

/* Strings point into the command line; NULL = not given, where nothing else is said. */
struct gc_eni_options {
	enum gc_eni_job job;
	const char *subject; /* the cluster's name, or the group's id; NULL only with help */
	const char *instance;
	const char *config;
	const char *region;
	const char *endpoint;
	const char *state;  /* directory; never NULL */
	int64_t cool_down;  /* milliseconds */
	unsigned rate;      /* deletions a second */
	bool wait;          /* for the second sighting */
	bool delete_groups; /* of a deleted cluster */
	bool dry_run;
	bool json;
	bool help; /* whatever else is said */
};

extern const char gc_eni_usage[];

/* -EINVAL. */
int gc_eni_options_parse(int argc, char **argv, struct gc_eni_options *ret, struct error *err);

#endif
