/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/log.h"
#include "nft-sync/commands.h"
#include "nft-sync/control_server.h"
#include "nft-sync/daemon.h"
#include "nft-sync/sync.h"

#define RETRY_FIRST 100 /* milliseconds, doubled up to the last */
#define RETRY_LAST 5000

/* Somebody who wants our table otherwise, time and again, is answered at this pace, after as many
 * repairs as that makes in a second have come at once. */
#define REPAIR_PACE 100 /* milliseconds */
#define REPAIRS_AT_ONCE 10

/* Handles are members; each has data pointing to the daemon. */
struct daemon {
	uv_loop_t loop;
	struct sync sync;
	struct control_server *control;
	uv_poll_t files;
	uv_poll_t host;
	uv_poll_t watch;
	uv_timer_t period; /* looks at the directory unasked, and tries again what failed */
	uv_timer_t retry;
	uv_signal_t terminate;
	uv_signal_t interrupt;
	uv_signal_t hangup;
	uint64_t retry_after;
	uint64_t repaired_until;    /* on the loop's clock: repairs so far, each at its pace */
	struct error control_error; /* why nobody can ask; code 0: they can */
};

static void retry_cb(uv_timer_t *timer);

/* At once, but for the pace. */
static void repair_soon(struct daemon *daemon)
{
	const uint64_t credit = REPAIR_PACE * REPAIRS_AT_ONCE;
	uint64_t now = uv_now(&daemon->loop);
	uint64_t until = daemon->repaired_until > now ? daemon->repaired_until : now;
	uint64_t pause = until > now + credit ? until - now - credit : 0;
	if (uv_is_active((uv_handle_t *)&daemon->retry) &&
	    uv_timer_get_due_in(&daemon->retry) <= pause)
		return;
	daemon->repaired_until = until + REPAIR_PACE;
	uv_timer_start(&daemon->retry, retry_cb, pause, 0);
}

/* Makes the kernel right, now or a little later. */
static void daemon_apply(struct daemon *daemon)
{
	struct error failure = {0};
	bool tampered;
	int r = sync_apply(&daemon->sync, &failure);
	/* What somebody else did meanwhile was read, and repaired, on the way. */
	sync_read_watch(&daemon->sync, &tampered);
	if (r == 0) {
		daemon->retry_after = 0;
		uv_timer_stop(&daemon->retry);
		if (tampered)
			repair_soon(daemon);
		return;
	}
	daemon->retry_after = daemon->retry_after ? 2 * daemon->retry_after : RETRY_FIRST;
	if (daemon->retry_after > RETRY_LAST)
		daemon->retry_after = RETRY_LAST;
	uv_timer_start(&daemon->retry, retry_cb, daemon->retry_after, 0);
}

static void retry_cb(uv_timer_t *timer)
{
	daemon_apply(timer->data);
}

static void read_files(struct daemon *daemon)
{
	struct error failure = {0};
	bool changed;
	if (sync_read_files(&daemon->sync, &changed, &failure) < 0)
		log_text(LOG_LEVEL_ERROR, "documents-not-read", failure.text);
	if (changed)
		daemon_apply(daemon);
	sync_keep_copies(&daemon->sync);
}

static void files_cb(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	read_files(poll->data);
}

static cJSON *handle_request(void *context, const cJSON *request)
{
	struct daemon *daemon = context;
	return command_answer(&daemon->sync, request);
}

/* Rules are kept without a socket to ask about them, too; another daemon's socket is the end. */
static int open_control(struct daemon *daemon, struct error *err)
{
	struct error failure = {0};
	if (daemon->control)
		return 0;
	int r = control_server_open(&daemon->loop, daemon->sync.config->nft_sync.socket,
	                            handle_request, daemon, &failure, &daemon->control);
	if (r == -EADDRINUSE)
		return error_set(err, r, "%s", failure.text);
	if (strcmp(daemon->control_error.text, failure.text) != 0 && r < 0)
		log_text(LOG_LEVEL_ERROR, "control-unavailable", failure.text);
	daemon->control_error = failure;
	return 0;
}

static void period_cb(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	read_files(daemon);
	sync_retry(&daemon->sync);
	(void)open_control(daemon, NULL);
}

static void host_cb(uv_poll_t *poll, int status, int events)
{
	struct daemon *daemon = poll->data;
	struct error failure = {0};
	bool changed;
	(void)status;
	(void)events;
	if (sync_read_host(&daemon->sync, &changed, &failure) < 0)
		log_text(LOG_LEVEL_ERROR, "host-not-read", failure.text);
	if (changed)
		daemon_apply(daemon);
}

static void watch_cb(uv_poll_t *poll, int status, int events)
{
	struct daemon *daemon = poll->data;
	bool changed;
	(void)status;
	(void)events;
	sync_read_watch(&daemon->sync, &changed);
	if (changed)
		repair_soon(daemon);
}

static void stop_cb(uv_signal_t *handle, int number)
{
	log_event(LOG_LEVEL_INFO, "stopping", "signal=%d", number);
	uv_stop(handle->loop);
}

static void hangup_cb(uv_signal_t *handle, int number)
{
	(void)number;
	read_files(handle->data);
}

static int poll_start(struct daemon *daemon, uv_poll_t *poll, int fd, uv_poll_cb callback)
{
	poll->data = daemon;
	int r = uv_poll_init(&daemon->loop, poll, fd);
	return r < 0 ? r : uv_poll_start(poll, UV_READABLE, callback);
}

static int signal_start(struct daemon *daemon, uv_signal_t *handle, int number,
                        uv_signal_cb callback)
{
	handle->data = daemon;
	int r = uv_signal_init(&daemon->loop, handle);
	return r < 0 ? r : uv_signal_start(handle, callback, number);
}

static int handles_start(struct daemon *daemon)
{
	struct sync *sync = &daemon->sync;
	daemon->period.data = daemon;
	daemon->retry.data = daemon;
	uv_timer_init(&daemon->loop, &daemon->period);
	uv_timer_init(&daemon->loop, &daemon->retry);
	int r = signal_start(daemon, &daemon->terminate, SIGTERM, stop_cb);
	if (r == 0)
		r = signal_start(daemon, &daemon->interrupt, SIGINT, stop_cb);
	if (r == 0)
		r = signal_start(daemon, &daemon->hangup, SIGHUP, hangup_cb);
	if (r == 0)
		r = poll_start(daemon, &daemon->watch, nft_watch_fd(sync->nft), watch_cb);
	if (r == 0)
		r = poll_start(daemon, &daemon->host, host_watch_fd(sync->host_watch), host_cb);
	if (r == 0 && sync->files)
		r = poll_start(daemon, &daemon->files, source_files_fd(sync->files), files_cb);
	if (r == 0)
		r = uv_timer_start(&daemon->period, period_cb, 0, SOURCE_FILES_PERIOD * 1000);
	return r;
}

static void close_walk(uv_handle_t *handle, void *context)
{
	(void)context;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void daemon_close(struct daemon *daemon)
{
	control_server_close(daemon->control);
	uv_walk(&daemon->loop, close_walk, NULL);
	/* uv_stop() may still be pending: then the first run returns at once. */
	while (uv_run(&daemon->loop, UV_RUN_DEFAULT) != 0) {
	}
	uv_loop_close(&daemon->loop);
	sync_close(&daemon->sync);
}

static int daemon_open(struct daemon *daemon, const struct config *config, struct error *err)
{
	int r = uv_loop_init(&daemon->loop);
	if (r < 0)
		return error_set(err, r, "event loop: %s", uv_strerror(r));
	r = sync_open(&daemon->sync, config, true, err);
	if (r == 0) {
		r = handles_start(daemon);
		if (r < 0)
			error_set(err, r, "event loop: %s", uv_strerror(r));
	}
	if (r == 0)
		r = open_control(daemon, err);
	if (r < 0)
		daemon_close(daemon);
	return r;
}

/* Everything is read before the first commit, so that what a restart finds is not taken apart. */
static int first_commit(struct daemon *daemon, struct error *err)
{
	bool changed;
	int r = sync_read_host(&daemon->sync, &changed, err);
	if (r == 0)
		r = sync_read_files(&daemon->sync, &changed, err);
	if (r == 0)
		daemon_apply(daemon);
	return r;
}

int daemon_run(const struct config *config, struct error *err)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	if (!daemon)
		return error_set(err, -ENOMEM, "no memory");
	/* A client of the control socket that goes away while it is answered is no reason to die.
	 */
	(void)signal(SIGPIPE, SIG_IGN);
	int r = daemon_open(daemon, config, err);
	if (r == 0) {
		r = first_commit(daemon, err);
		if (r == 0) {
			log_event(LOG_LEVEL_INFO, "running", "node=%s table=%s", config->node.name,
			          config->nft_sync.table);
			uv_run(&daemon->loop, UV_RUN_DEFAULT);
		}
		daemon_close(daemon);
	}
	free(daemon);
	return r;
}
