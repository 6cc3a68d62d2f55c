/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNSCACHE_DAEMON_H
#define PODSG_DNSCACHE_DAEMON_H

/* What the command line asks for. */

#include "common/error.h"
#include "dnscache/corefile/corefile.h"
#include "dnscache/corefile/options.h"

/*
 * Answers until it is told to stop. SIGTERM, SIGINT: interface and tables go, then what is in
 * flight is answered, then it ends. SIGUSR2: it ends for a successor, who takes sockets, cache and
 * network over. SIGUSR1, SIGHUP: reads the Corefile again.
 */
int dnscache_run(const struct dnscache_options *options, struct error *err);

/* Reads configuration and Corefile and prints what is wrong. Returns the exit status. */
int dnscache_check(const struct dnscache_options *options);

/* Removes interface and tables of a daemon that is gone. */
int dnscache_clean_up(const struct dnscache_options *options, struct error *err);

#endif
