/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNSCACHE_DAEMON_PARTS_H
#define PODSG_DNSCACHE_DAEMON_PARTS_H

/* The inside of the daemon's main thread: its life (daemon.c), the Corefile and what is made of it
 * (daemon_plan.c), branches.json and the rules that follow it (daemon_branches.c), and what is told
 * over HTTP (daemon_pages.c). */

#include "common/config.h"
#include "common/file_identity.h"
#include "common/http_server.h"
#include "common/notify.h"
#include "dnscache/corefile/corefile.h"
#include "dnscache/corefile/options.h"
#include "dnscache/corefile/values.h"
#include "dnscache/node/handover.h"
#include "dnscache/node/network.h"
#include "dnscache/node/network_watch.h"
#include "dnscache/serve/listener.h"
#include "dnscache/serve/worker.h"
#include "dnscache/tell/counter_table.h"
#include "dnscache/tell/metrics.h"
#include "dnscache/tell/probe.h"

#include <uv.h>

#define PAGES_MAX 8 /* addresses that HTTP is served at */

/* Handles are members; each has data pointing to the daemon. */
struct dnscache {
	uv_loop_t loop;
	const struct dnscache_options *options;
	struct config *config;
	struct dnscache_values values; /* at the start: the network follows no reload */
	struct handover *handover;
	struct network *network;
	struct network_watch *network_watch; /* NULL: not watched */
	struct notify *notify;
	struct counter_table *counters;
	struct probe *probe;
	struct plan *plan;
	struct worker_shared shared;
	struct worker *workers[WORKERS_MAX];
	unsigned worker_count;

	uv_timer_t period; /* PROBE_PERIOD */
	unsigned periods;  /* until the cache is proven */
	uv_signal_t terminate, interrupt, reload, hangup, successor;
	uv_timer_t lame; /* runs while it answers, but says that it is about to go */
	bool leaving;    /* for a successor */
	bool stopping;
	bool started; /* it has been ready */

	uint64_t next_reload;          /* milliseconds of the loop */
	struct file_identity *sources; /* of the files that the Corefile was read from */
	size_t source_count;
	char last_refusal[512]; /* of a Corefile; said once */

	uv_fs_event_t branches_watch;
	bool branches_watched;
	struct file_identity branches_identity; /* that were read last; zero: none */
	struct permissions *permissions;
	struct permissions *retired; /* that a worker may still read */
	uint64_t next_rules;         /* milliseconds: they are looked at again then */
	char last_trouble[512];      /* of interface and rules, likewise */

	struct {
		char address[64];
		struct http_server *server;
		char problem[512];
	} pages[PAGES_MAX];
	size_t page_count;

	uint64_t setup_errors[NETWORK_TROUBLES];
	uint64_t config_errors, reloads_failed, permissions_read_failures;
};

/* daemon_plan.c */
int daemon_make_plan(struct dnscache *daemon, struct plan **ret, struct error *err);
int daemon_follow_first(struct dnscache *daemon, struct error *err);
void daemon_reload(struct dnscache *daemon);
void daemon_reload_if_changed(struct dnscache *daemon);

/* daemon_branches.c */
void daemon_watch_branches(struct dnscache *daemon);
void daemon_read_branches(struct dnscache *daemon);   /* if they are others now */
void daemon_forget_branches(struct dnscache *daemon); /* no worker runs any more */
void daemon_keep_rules(struct dnscache *daemon, bool now);

/* daemon_pages.c */
void daemon_open_pages(struct dnscache *daemon);
void daemon_close_pages(struct dnscache *daemon);

#endif
