/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SOURCE_STATUS_H
#define PODSG_SOURCE_STATUS_H

/* What a live source says of each thing that it follows: for podsgctl status, metrics, /healthz. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_STATUS_MAX 16 /* things that one source follows */

struct source_status {
	const char *source; /* "kubernetes", "ec2" */
	const char *what;   /* "pods of this node", "security groups" */
	bool synced;        /* has been read whole once: what it says may be acted on */
	bool current;       /* and is being followed now; false: the last good state stands */
	bool absent;        /* the server does not know such things: that is no error */
	int64_t fresh;      /* seconds since 1970 when it was last known to be current; 0 = never */
	size_t objects;
	uint64_t failures;
	/* Why it is not current, or what is missing though it is (ids that do not exist, objects
	 * that are refused); "" = nothing is wrong. */
	char error[512];
};

#endif
