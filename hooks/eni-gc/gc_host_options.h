/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_HOST_OPTIONS_H
#define PODSG_GC_HOST_OPTIONS_H

#include "common/error.h"
#include "hooks/eni-gc/gc_host_evidence.h"

#include <stdbool.h>
#include <stddef.h>

#define GC_SETTLE 5 /* seconds, by default */
#define GC_SETTLE_MAX 300

struct gc_host_options {
	const char *config;                    /* NULL: the default, which may be absent */
	const char *journal;                   /* NULL: the configuration's */
	const char *runtimes[GC_RUNTIMES_MAX]; /* paths of sockets */
	size_t runtime_count;                  /* 0: the usual ones */
	unsigned settle;                       /* seconds between the two looks */
	bool boot;
	bool dry_run;
	bool json;
	bool quiet;
	bool help;
};

extern const char gc_host_usage[];

/* Points into argv. -EINVAL: what is wrong, or err is empty where getopt has said it. */
int gc_host_options_parse(int argc, char **argv, struct gc_host_options *ret, struct error *err);

#endif
