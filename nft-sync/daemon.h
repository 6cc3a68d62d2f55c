/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DAEMON_H
#define PODSG_DAEMON_H

#include "common/config.h"
#include "common/error.h"

/*
 * Runs until SIGTERM or SIGINT; SIGHUP reads the configuration and the documents again. The table
 * stays in force when it ends. path is where config came from, NULL: the default; config is taken
 * over. Returns 0, or the negative errno of what could not be set up.
 */
int daemon_run(const char *path, struct config *config, struct error *err);

#endif
