/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_LIVE_DRIVER_H
#define PODSG_LIVE_DRIVER_H

/* A live source alone on a loop, for a test: what it knows goes to standard output, commands come
 * from standard input. */

#include <stddef.h>

#include <cjson/cJSON.h>
#include <uv.h>

#include "common/config.h"
#include "nft-sync/model/model.h"

struct driver {
	/* To be set before driver_start(). */
	cJSON *(*snapshot)(const struct driver *driver); /* what it knows, a new tree */
	void (*obey)(struct driver *driver, char *command);
	void (*close)(struct driver *driver); /* the source: standard input says so, or ends */
	void *context;                        /* the program's own */
	struct config *config;
	struct model *model;

	uv_loop_t loop;
	unsigned changes; /* how often the source told of one */
	uv_timer_t look;
	uv_pipe_t commands;
	char line[32768];
	size_t used;
	char *printed;
};

/* For a source to call back. */
void driver_changed(void *context);

/* From now on, a line of JSON whenever the snapshot is another one; commands are obeyed, one a
 * line, and "close" ends it all. */
void driver_start(struct driver *driver);
void driver_done(struct driver *driver); /* when the loop has come to its end */

#endif
