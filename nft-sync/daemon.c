/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/log.h"
#include "nft-sync/answer/commands.h"
#include "nft-sync/answer/control_server.h"
#include "nft-sync/answer/drop_monitor.h"
#include "nft-sync/answer/health.h"
#include "nft-sync/answer/pages.h"
#include "nft-sync/daemon.h"
#include "nft-sync/daemon_parts.h"
#include "common/notify.h"
#include "nft-sync/reload.h"
#include "nft-sync/source/live_kinds.h"
#include "nft-sync/sync.h"

static void read_files(struct daemon *daemon)
{
	struct error failure = {0};
	bool changed;
	if (sync_read_files(&daemon->sync, &changed, &failure) < 0)
		log_text(LOG_LEVEL_ERROR, "documents-not-read", failure.text);
	clean_ups_follow(daemon->clean_ups);
	if (changed)
		daemon_changed(daemon);
	else
		daemon_keep_copies(daemon);
}

static void read_journal(void *context)
{
	struct daemon *daemon = context;
	struct error failure = {0};
	bool changed;
	if (sync_read_journal(&daemon->sync, &changed, &failure) < 0)
		log_text(LOG_LEVEL_ERROR, "journal-not-read", failure.text);
	clean_ups_follow(daemon->clean_ups);
	if (changed)
		daemon_changed(daemon);
}

static void journal_cb(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	read_journal(poll->data);
}

static void files_cb(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	read_files(poll->data);
}

static void free_poll(uv_handle_t *handle)
{
	free(handle);
}

/* Before the source is closed, as its descriptor's number is somebody else's then. */
static void unwatch_files(struct daemon *daemon)
{
	if (daemon->files)
		uv_close((uv_handle_t *)daemon->files, free_poll);
	daemon->files = NULL;
}

static int watch_files(struct daemon *daemon)
{
	if (!daemon->sync.files)
		return 0;
	uv_poll_t *poll = malloc(sizeof(*poll));
	if (!poll)
		return -ENOMEM;
	int r = uv_poll_init(&daemon->loop, poll, source_files_fd(daemon->sync.files));
	if (r < 0) {
		free(poll);
		return r;
	}
	poll->data = daemon;
	daemon->files = poll;
	return uv_poll_start(poll, UV_READABLE, files_cb);
}

static cJSON *handle_request(void *context, const cJSON *request, struct control_client *client)
{
	struct daemon *daemon = context;
	if (drop_monitor_is_asked(request))
		return drop_monitor_answer(daemon->monitor, request, client);
	if (attach_is_asked(request))
		return attach_answer(daemon->attach, request, client);
	return command_answer(&daemon->sync, request);
}

/* Once for as long as it stays the same. */
static void note_unavailable(const char *event, struct error *before, const struct error *now)
{
	if (now->code && strcmp(before->text, now->text) != 0)
		log_text(LOG_LEVEL_ERROR, event, now->text);
	*before = *now;
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
	note_unavailable("control-unavailable", &daemon->control_error, &failure);
	return 0;
}

static void handle_page(void *context, const char *path, struct http_reply *reply)
{
	struct daemon *daemon = context;
	page_answer(&daemon->sync, daemon->metrics, uv_now(&daemon->loop), path, reply);
}

/* An address that somebody else has is tried again; the rules don't wait for it. */
static void open_pages(struct daemon *daemon)
{
	struct error failure = {0};
	const char *address = daemon->sync.config->nft_sync.metrics;
	if (daemon->pages || !address[0])
		return;
	(void)http_server_open(&daemon->loop, address, handle_page, daemon, &failure,
	                       &daemon->pages);
	note_unavailable("metrics-unavailable", &daemon->pages_error, &failure);
}

/* The next resolution tells a source that was opened what is wanted. */
static void configure_sources(struct daemon *daemon)
{
	if (live_sources_configure(&daemon->live, daemon->sync.config))
		daemon_changed(daemon);
}

static void period_cb(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	read_files(daemon);
	attach_settle(daemon->attach);
	sync_retry(&daemon->sync);
	configure_sources(daemon);
	(void)open_control(daemon, NULL);
	open_pages(daemon);
	if (!daemon->sync.image)
		daemon_changed(daemon);
	daemon_tell_status(daemon);
	log_settle();
}

/* Lost notifications (ENOBUFS) are an error of the descriptor, after which libuv has stopped. */
static void go_on(uv_poll_t *poll, int status, uv_poll_cb callback)
{
	if (status < 0)
		(void)uv_poll_start(poll, UV_READABLE, callback);
}

static void read_host(struct daemon *daemon)
{
	struct error failure = {0};
	bool changed;
	if (sync_read_host(&daemon->sync, &changed, &failure) < 0)
		log_text(LOG_LEVEL_ERROR, "host-not-read", failure.text);
	if (changed)
		daemon_changed(daemon);
}

static void host_cb(uv_poll_t *poll, int status, int events)
{
	(void)events;
	go_on(poll, status, host_cb);
	read_host(poll->data);
}

/* What was there before somebody asked goes into one commit. */
static void read_for_attach(void *context)
{
	read_journal(context);
	read_host(context);
}

static void watch_cb(uv_poll_t *poll, int status, int events)
{
	struct daemon *daemon = poll->data;
	bool changed;
	(void)events;
	go_on(poll, status, watch_cb);
	sync_read_watch(&daemon->sync, &changed);
	if (changed)
		daemon_repair_soon(daemon);
}

static void stop_cb(uv_signal_t *handle, int number)
{
	struct daemon *daemon = handle->data;
	log_event(LOG_LEVEL_INFO, "stopping", "signal=%d", number);
	notify_stopping(daemon->notify);
	uv_stop(handle->loop);
}

/* What goes by the configuration besides the rules. */
static void follow_config(struct daemon *daemon, const struct config *before)
{
	const struct config *config = daemon->sync.config;
	log_event(LOG_LEVEL_INFO, "config-reloaded", "node=%s", config->node.name);
	configure_sources(daemon);
	if (strcmp(before->nft_sync.metrics, config->nft_sync.metrics) != 0) {
		http_server_close(daemon->pages);
		daemon->pages = NULL;
		open_pages(daemon);
	}
}

static void reload(struct daemon *daemon)
{
	struct error failure = {0};
	const struct config *before = daemon->sync.config;
	unwatch_files(daemon);
	if (configs_reload(&daemon->configs, &daemon->sync, &failure) < 0)
		log_text(LOG_LEVEL_ERROR, "config-refused", failure.text);
	else
		follow_config(daemon, before);
	/* Without a watch the directory is looked at every few seconds. */
	int r = watch_files(daemon);
	if (r < 0)
		log_text(LOG_LEVEL_ERROR, "documents-not-watched", uv_strerror(r));
}

static void hangup_cb(uv_signal_t *handle, int number)
{
	struct daemon *daemon = handle->data;
	(void)number;
	notify_reloading(daemon->notify);
	reload(daemon);
	read_files(daemon);
	daemon_apply(daemon);
	notify_reloaded(daemon->notify);
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
	daemon->apply.data = daemon;
	daemon->keep.data = daemon;
	uv_timer_init(&daemon->loop, &daemon->period);
	uv_timer_init(&daemon->loop, &daemon->apply);
	uv_timer_init(&daemon->loop, &daemon->keep);
	int r = signal_start(daemon, &daemon->terminate, SIGTERM, stop_cb);
	if (r == 0)
		r = signal_start(daemon, &daemon->interrupt, SIGINT, stop_cb);
	if (r == 0)
		r = signal_start(daemon, &daemon->hangup, SIGHUP, hangup_cb);
	if (r == 0)
		r = poll_start(daemon, &daemon->watch, nft_watch_fd(sync->nft), watch_cb);
	if (r == 0)
		r = poll_start(daemon, &daemon->host, host_watch_fd(sync->host_watch), host_cb);
	if (r == 0)
		r = watch_files(daemon);
	if (r == 0)
		r = poll_start(daemon, &daemon->journal,
		               source_files_fd(source_journal_files(sync->journal)), journal_cb);
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
	live_sources_close(&daemon->live);
	control_server_close(daemon->control);
	drop_monitor_free(daemon->monitor);
	attach_free(daemon->attach);
	clean_ups_free(daemon->clean_ups);
	http_server_close(daemon->pages);
	notify_close(daemon->notify);
	unwatch_files(daemon);
	uv_walk(&daemon->loop, close_walk, NULL);
	/* uv_stop() may still be pending: then the first run returns at once. */
	while (uv_run(&daemon->loop, UV_RUN_DEFAULT) != 0) {
	}
	uv_loop_close(&daemon->loop);
	sync_close(&daemon->sync);
	metrics_free(daemon->metrics);
}

/* What needs memory and nothing else. */
static int make_parts(struct daemon *daemon)
{
	live_sources_init(&daemon->live, live_kinds, &daemon->loop, daemon->sync.model,
	                  daemon_sources_changed, daemon);
	daemon->sync.live = &daemon->live;
	daemon->metrics = metrics_new();
	daemon->monitor = drop_monitor_new(&daemon->loop, &daemon->sync);
	daemon->attach = attach_new(&daemon->loop, &daemon->sync, read_for_attach, daemon);
	daemon->clean_ups = clean_ups_new(&daemon->loop, &daemon->sync, read_journal, daemon);
	return daemon->metrics && daemon->monitor && daemon->attach && daemon->clean_ups ? 0
	                                                                                 : -ENOMEM;
}

static int daemon_open(struct daemon *daemon, const struct config *config, struct error *err)
{
	int r = uv_loop_init(&daemon->loop);
	if (r < 0)
		return error_set(err, r, "event loop: %s", uv_strerror(r));
	r = notify_open(&daemon->loop, &daemon->notify, err);
	if (r == 0)
		r = sync_open(&daemon->sync, config, true, err);
	if (r == 0) {
		r = make_parts(daemon);
		if (r == 0)
			r = handles_start(daemon);
		if (r < 0)
			error_set(err, r, "event loop: %s", uv_strerror(r));
	}
	if (r == 0)
		r = open_control(daemon, err);
	if (r == 0)
		open_pages(daemon);
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
	if (r < 0)
		return r;
	configure_sources(daemon);
	daemon_apply(daemon);
	return 0;
}

int daemon_run(const char *path, struct config *config, struct error *err)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	if (!daemon) {
		config_free(config);
		return error_set(err, -ENOMEM, "no memory");
	}
	/* A client of the control socket that goes away while it is answered is no reason to die.
	 */
	(void)signal(SIGPIPE, SIG_IGN);
	configs_init(&daemon->configs, path, config);
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
	configs_free(&daemon->configs);
	log_settle();
	free(daemon);
	return r;
}
