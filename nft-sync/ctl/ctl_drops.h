/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CTL_DROPS_H
#define PODSG_CTL_DROPS_H

/* Lines of podsgctl monitor. */

#include <cjson/cJSON.h>
#include <stdbool.h>

#define DROPS_COLUMNS 6

/* Zero to begin with. */
struct drops_view {
	bool json;
	int widths[DROPS_COLUMNS]; /* columns grow with what they hold, and stay so */
	unsigned lines;            /* since the header; 0: it is due */
};

/* An event of the daemon's, a dropped packet or how many were missed, as one line. */
void drops_show(struct drops_view *view, const cJSON *event, bool drop);

#endif
