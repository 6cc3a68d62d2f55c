/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/control.h"
#include "nft-sync/ctl/ctl.h"
#include "nft-sync/ctl/ctl_drops.h"
#include "nft-sync/ctl/ctl_monitor.h"

#define PATIENCE 15     /* seconds without a line: heartbeats come more often */
#define RETRY_FIRST 250 /* milliseconds, doubled up to the last */
#define RETRY_LAST 5000

struct monitor {
	const struct monitor_options *options;
	struct control_stream *stream;
	struct drops_view view;
	int signals;   /* readable: the user has seen enough */
	bool answered; /* this connection */
	bool began;    /* some connection was answered */
	unsigned long seen;
	double more, lost, slow;
};

static bool is_enough(const struct monitor *monitor)
{
	return monitor->options->count && monitor->seen >= monitor->options->count;
}

/* Waits for fd (-1: for nothing), a signal or the time. 1: fd, 0: the time, -EINTR: a signal. */
static int wait_for(const struct monitor *monitor, int fd, int milliseconds)
{
	struct pollfd polled[] = {{.fd = monitor->signals, .events = POLLIN},
	                          {.fd = fd, .events = POLLIN}};
	int r = poll(polled, 2, milliseconds);
	if (r < 0 && errno != EINTR)
		return -errno;
	if (r > 0 && polled[0].revents)
		return -EINTR;
	return r > 0;
}

static void show_event(struct monitor *monitor, const cJSON *event)
{
	const char *kind = text_of(event, "event");
	bool drop = strcmp(kind, "drop") == 0;
	bool missed = strcmp(kind, "missed") == 0;
	monitor->seen += drop;
	if (missed) {
		monitor->more += number_of(event, "more");
		monitor->lost += number_of(event, "lost");
		monitor->slow += number_of(event, "slow");
	}
	if (drop || missed)
		drops_show(&monitor->view, event, drop);
}

/* The first line of a connection says whether there will be others. */
static int take_answer(struct monitor *monitor, const cJSON *answer, struct error *err)
{
	monitor->answered = true;
	if (is_true(answer, "ok"))
		return 0;
	return error_set(err, -EINVAL, "%s", text_of(answer, "error"));
}

static int take_line(struct monitor *monitor, struct error *err)
{
	cJSON *line = NULL;
	int r = control_stream_next(monitor->stream, &line, err);
	if (r < 0)
		return r;
	if (monitor->answered)
		show_event(monitor, line);
	else
		r = take_answer(monitor, line, err);
	cJSON_Delete(line);
	return r;
}

/* Waits for more of the connection. */
static int wait_for_line(const struct monitor *monitor, struct error *err)
{
	int r = wait_for(monitor, control_stream_fd(monitor->stream), PATIENCE * 1000);
	if (r == 0)
		return error_set(err, -ETIMEDOUT, "it says nothing any more");
	return r < 0 ? error_set(err, r, "%s", strerror(-r)) : 0;
}

/* Until the connection ends. 0, or -EINTR: the user has seen enough. */
static int follow(struct monitor *monitor, struct error *err)
{
	int r = 0;
	while (r == 0 && !is_enough(monitor)) {
		r = take_line(monitor, err);
		if (r == -EAGAIN)
			r = wait_for_line(monitor, err);
	}
	return r;
}

static int join(struct monitor *monitor, struct error *err)
{
	control_stream_close(monitor->stream);
	monitor->stream = NULL;
	monitor->answered = false;
	return control_stream_open(monitor->options->path, monitor->options->request, PATIENCE,
	                           &monitor->stream, err);
}

/* The daemon restarts, or is restarted: its rules stay in force meanwhile. */
static int join_again(struct monitor *monitor, const struct error *why)
{
	int pause = RETRY_FIRST;
	struct error failure = {0};
	fprintf(stderr, "podsgctl: the daemon is gone (%s), waiting for it\n", why->text);
	while (wait_for(monitor, -1, pause) == 0) {
		if (join(monitor, &failure) == 0) {
			fputs("podsgctl: the daemon is there again\n", stderr);
			return 0;
		}
		pause = 2 * pause < RETRY_LAST ? 2 * pause : RETRY_LAST;
	}
	return -EINTR;
}

static int watch_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	int fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void summarize(const struct monitor *monitor)
{
	fprintf(stderr,
	        "podsgctl: %lu dropped packets seen, at least %.0f more not seen "
	        "(%.0f messages lost by a busy daemon); %.0f lines lost by a slow reader\n",
	        monitor->seen, monitor->more, monitor->lost, monitor->slow);
}

/* Connection after connection; what ends the first one before its answer is a failure. */
static int watch(struct monitor *monitor, struct error *err)
{
	int r = join(monitor, err);
	while (r == 0) {
		r = follow(monitor, err);
		monitor->began |= monitor->answered;
		if (r == 0 || r == -EINTR || r == -EINVAL || !monitor->began)
			break;
		r = join_again(monitor, err);
		*err = (struct error){0};
	}
	control_stream_close(monitor->stream);
	return r == -EINTR ? 0 : r;
}

int monitor_run(const struct monitor_options *options)
{
	struct error err = {0};
	struct monitor monitor = {.options = options, .view = {.json = options->json}};
	monitor.signals = watch_signals();
	if (monitor.signals < 0) {
		fprintf(stderr, "podsgctl: signals: %s\n", strerror(-monitor.signals));
		return monitor.signals;
	}
	int r = watch(&monitor, &err);
	close(monitor.signals);
	if (r < 0)
		fprintf(stderr, "podsgctl: %s\n", err.text);
	else
		summarize(&monitor);
	return r;
}
