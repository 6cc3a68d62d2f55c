/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CONFLIST_WATCH_H
#define PODSG_CONFLIST_WATCH_H

/* Looks again whenever somebody has changed the directory, or the plugin's program. */

#include <stdbool.h>

#include "hooks/conflist/round.h"

#define CONFLIST_SETTLE_MAX 3600 /* seconds */

struct conflist_watch_options {
	unsigned settle; /* seconds without a change after which it ends; 0: never */
	bool json;       /* a line on standard output for each look that has news */
};

/* Until SIGTERM or SIGINT, or until nothing changes any more. The status of the last look; 0 after
 * a signal. */
enum conflist_exit conflist_watch(const struct conflist_options *options,
                                  const struct conflist_watch_options *how);

#endif
