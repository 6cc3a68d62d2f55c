/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "hooks/conflist/names.h"
#include "hooks/conflist/watch.h"

#define EVENTS_SIZE 16384
#define WATCHED                                                                                    \
	(IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ATTRIB |        \
	 IN_DELETE_SELF | IN_MOVE_SELF)
/* Milliseconds. */
#define RESCAN 30000      /* links may lead to what nobody tells of */
#define RESCAN_ABSENT 500 /* while a directory is not there that could be watched */
#define CALM 20           /* writers that need several steps have done them */
#define CALM_MAX 200
#define MINUTE 60000
#define WRITES_PER_MINUTE 120 /* then somebody takes out whatever is put in */
#define PAUSE 5000            /* between looks until that minute is over */

struct watch {
	const struct conflist_options *options;
	const struct conflist_watch_options *how;
	int inotify;
	int signals;
	int directory_watch; /* -1: there is none */
	int binary_watch;
	char binary_directory[PATH_MAX];
	const char *binary_name;
	struct conflist_report last;
	int64_t changed; /* when, in milliseconds; CLOCK_MONOTONIC */
	int64_t minute;  /* when it began */
	unsigned writes; /* in it */
	bool ended;
};

static int64_t now(void)
{
	struct timespec time = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* A path may lead to another directory than before; the one that is left is not watched on. */
static void watch_path(const struct watch *watch, const char *path, int *descriptor)
{
	int fresh = inotify_add_watch(watch->inotify, path, WATCHED | IN_ONLYDIR);
	if (*descriptor >= 0 && fresh != *descriptor)
		(void)inotify_rm_watch(watch->inotify, *descriptor);
	*descriptor = fresh;
}

/* A file that just appeared is being written, and its end will be announced; a link is not. */
static bool is_complete(const struct watch *watch, const char *name)
{
	char path[PATH_MAX];
	struct stat status;
	(void)snprintf(path, sizeof(path), "%s/%s", watch->options->directory, name);
	return lstat(path, &status) == 0 && (S_ISLNK(status.st_mode) || status.st_nlink > 1);
}

/* ".." begins what a projected volume renames to change all its files at once. */
static bool matters(const struct watch *watch, const struct inotify_event *event)
{
	const char *name = event->len > 0 ? event->name : "";
	if (event->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT))
		return true;
	if (event->wd == watch->binary_watch && strcmp(name, watch->binary_name) == 0)
		return true;
	if (event->wd != watch->directory_watch)
		return false;
	if (event->mask & IN_CREATE)
		return conflist_name_is_configuration(name) && is_complete(watch, name);
	return conflist_name_is_configuration(name) || strncmp(name, "..", 2) == 0;
}

/* Whether one of those that were waiting matters. */
static bool take_events(const struct watch *watch)
{
	alignas(struct inotify_event) char buffer[EVENTS_SIZE];
	bool any = false;
	ssize_t size;
	while ((size = read(watch->inotify, buffer, sizeof(buffer))) > 0 ||
	       (size < 0 && errno == EINTR))
		for (ssize_t at = 0; at < size;) {
			const void *start = buffer + at;
			const struct inotify_event *event = start;
			any = matters(watch, event) || any;
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	return any;
}

/* Whether there were events within the time; a signal ends all. */
static bool wait_events(struct watch *watch, int64_t milliseconds, bool listen)
{
	struct pollfd files[] = {
		{.fd = watch->signals, .events = POLLIN},
		{.fd = listen ? watch->inotify : -1, .events = POLLIN},
	};
	int64_t end = now() + milliseconds;
	for (int64_t left = milliseconds; left > 0 && !watch->ended; left = end - now()) {
		int r = poll(files, 2, (int)left);
		if (r < 0 && errno != EINTR)
			break;
		watch->ended = r > 0 && files[0].revents;
		if (r > 0 && files[1].revents && take_events(watch))
			return true;
	}
	return false;
}

static void wait_calm(struct watch *watch)
{
	int64_t end = now() + CALM_MAX;
	bool calm = false;
	while (!calm && now() < end)
		calm = !wait_events(watch, CALM, true);
}

/* Somebody who rewrites the file at each of our writes is followed at a walk. */
static void keep_pace(struct watch *watch)
{
	if (now() - watch->minute >= MINUTE) {
		watch->minute = now();
		watch->writes = 0;
	}
	watch->writes += conflist_report_changed(&watch->last);
	if (watch->writes < WRITES_PER_MINUTE)
		return;
	if (watch->writes == WRITES_PER_MINUTE)
		log_text(LOG_LEVEL_ERROR, "contested",
		         "another agent rewrites the chain again and again: it is looked at every "
		         "5 s for a while");
	(void)wait_events(watch, PAUSE, false);
}

/* What was said before is not said again, except that something was done. */
static void look(struct watch *watch)
{
	const struct conflist_options *options = watch->options;
	struct conflist_report report;
	conflist_report_open(&report);
	conflist_round(options, &report);
	if (conflist_report_changed(&report) || !conflist_report_equal(&report, &watch->last)) {
		conflist_report_log(&report, options->directory, options->check);
		if (watch->how->json)
			conflist_report_print(&report, options->directory, options->check, stdout);
	}
	conflist_report_done(&watch->last);
	watch->last = report;
}

/* Whether a look is due; false: nothing has changed for as long as was asked for. */
static bool wait_turn(struct watch *watch)
{
	bool absent = watch->directory_watch < 0 || watch->binary_watch < 0;
	int64_t rescan = absent ? RESCAN_ABSENT : RESCAN;
	int64_t settle = watch->changed + (int64_t)watch->how->settle * 1000 - now();
	bool settles = watch->how->settle > 0 && settle < rescan;
	int64_t pause = settles ? settle : rescan;
	/* At least as long as it takes to see what happened meanwhile. */
	if (wait_events(watch, pause > 0 ? pause : 1, true)) {
		wait_calm(watch);
		watch->changed = now();
		return true;
	}
	return !settles;
}

/* Watched first, then looked at: what changes in between is an event. */
static void run(struct watch *watch)
{
	do {
		watch_path(watch, watch->options->directory, &watch->directory_watch);
		watch_path(watch, watch->binary_directory, &watch->binary_watch);
		look(watch);
		keep_pace(watch);
	} while (!watch->ended && wait_turn(watch) && !watch->ended);
}

static void find_binary(struct watch *watch)
{
	const char *path = watch->options->binary;
	const char *slash = strrchr(path, '/');
	watch->binary_name = slash ? slash + 1 : path;
	(void)snprintf(watch->binary_directory, sizeof(watch->binary_directory), "%.*s",
	               slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
}

static int open_files(struct watch *watch)
{
	sigset_t signals;
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	watch->signals = signalfd(-1, &signals, SFD_CLOEXEC);
	watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return watch->signals < 0 || watch->inotify < 0 ? -errno : 0;
}

enum conflist_exit conflist_watch(const struct conflist_options *options,
                                  const struct conflist_watch_options *how)
{
	struct watch watch = {.options = options,
	                      .how = how,
	                      .inotify = -1,
	                      .signals = -1,
	                      .directory_watch = -1,
	                      .binary_watch = -1,
	                      .changed = now(),
	                      .minute = now()};
	enum conflist_exit status = CONFLIST_EXIT_FAILED;
	conflist_report_open(&watch.last);
	find_binary(&watch);
	int r = open_files(&watch);
	if (r < 0) {
		log_text(LOG_LEVEL_ERROR, "failed", strerror(-r));
		goto close;
	}
	run(&watch);
	status = watch.ended ? CONFLIST_EXIT_DONE
	                     : conflist_report_exit(&watch.last, options->check);
close:
	conflist_report_done(&watch.last);
	if (watch.signals >= 0)
		(void)close(watch.signals);
	if (watch.inotify >= 0)
		(void)close(watch.inotify);
	return status;
}
