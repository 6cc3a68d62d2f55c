/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DAEMON_H
#define PODSG_DAEMON_H

#include "common/config.h"
#include "common/error.h"

/*
 * Runs until SIGTERM or SIGINT; SIGHUP looks at the documents at once. The table stays in force
 * when it ends. Returns 0, or the negative errno of what could not be set up.
 */
int daemon_run(const struct config *config, struct error *err);

#endif
