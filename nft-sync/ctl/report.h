/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_REPORT_H
#define PODSG_REPORT_H

/* podsgctl report: what the daemon knows of this node, as one page without any other file. */

#include <stdbool.h>

#include "common/error.h"

#define REPORT_SECONDS 5 /* that dropped packets are watched for, if nothing else is said */
#define REPORT_SECONDS_MAX 600
#define REPORT_DROPS_MAX 200 /* packets that are shown */

struct report_options {
	const char *path;     /* the daemon's socket */
	const char *findings; /* a file of what podsgctl check -o json said; NULL: none */
	unsigned seconds;     /* 0: dropped packets are counted only */
	bool json;            /* the data of the page instead of the page */
};

/* Writes to standard output. err says what failed. */
int report_run(const struct report_options *options, struct error *err);

#endif
