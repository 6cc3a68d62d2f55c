/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DAEMON_PARTS_H
#define PODSG_DAEMON_PARTS_H

/* The inside of the daemon: what lives on its loop (daemon.c), and when what is known is made true
 * in the kernel (daemon_apply.c). */

#include "nft-sync/answer/attach.h"
#include "nft-sync/answer/control_server.h"
#include "nft-sync/answer/drop_monitor.h"
#include "nft-sync/answer/pages.h"
#include "common/notify.h"
#include "nft-sync/clean_ups.h"
#include "nft-sync/reload.h"
#include "nft-sync/source/live_sources.h"
#include "nft-sync/sync.h"

#include <uv.h>

/* Handles are members; each has data pointing to the daemon. */
struct daemon {
	uv_loop_t loop;
	struct configs configs;
	struct sync sync;
	struct live_sources live;
	struct notify *notify;
	struct metrics *metrics;
	struct control_server *control;
	struct http_server *pages;
	struct drop_monitor *monitor;
	struct attach *attach;
	struct clean_ups *clean_ups;
	uv_poll_t *files; /* NULL: there is no directory to watch */
	uv_poll_t journal;
	uv_poll_t host;
	uv_poll_t watch;
	uv_timer_t period; /* looks at the directory unasked, and tries again what failed */
	uv_timer_t apply;  /* runs while something is to be made true in the kernel */
	uv_timer_t keep;   /* copies documents once they are in force and said to be */
	uv_signal_t terminate;
	uv_signal_t interrupt;
	uv_signal_t hangup;
	uint64_t retry_after;
	uint64_t repaired_until;    /* on the loop's clock: repairs so far, each at its pace */
	struct error control_error; /* why nobody can ask; code 0: they can */
	struct error pages_error;   /* why nobody can scrape, likewise */
};

/* Makes the kernel right, now or a little later; daemon->apply runs while that is to be done. */
void daemon_apply(struct daemon *daemon);

/* context is the daemon. Whatever else changes in this turn of the loop goes into the same commit.
 */
void daemon_changed(void *context);
void daemon_sources_changed(void *context);

/* At once, but for the pace. */
void daemon_repair_soon(struct daemon *daemon);
void daemon_tell_status(struct daemon *daemon);

/* One after the other, with whatever else happens in between. */
void daemon_keep_copies(struct daemon *daemon);

#endif
