/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CTL_MONITOR_H
#define PODSG_CTL_MONITOR_H

/* podsgctl monitor: prints dropped packets as they come, until interrupted. */

#include <cjson/cJSON.h>
#include <stdbool.h>

struct monitor_options {
	const char *path; /* the daemon's socket */
	const cJSON *request;
	unsigned long count; /* ends after so many dropped packets; 0: never */
	bool json;
};

/*
 * A daemon that goes away is waited for; one that is not there to begin with, or refuses, is not.
 * At the end standard error gets a line with what was seen and what was missed. Returns 0, or the
 * negative errno of the failure that was printed; -EINVAL: the daemon refused.
 */
int monitor_run(const struct monitor_options *options);

#endif
