/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "common/notify.h"

#define STATUS_PAUSE 1000 /* milliseconds */

struct notify {
	uv_timer_t watchdog;
	uv_timer_t pause; /* runs while a status would come too soon behind the one before */
	unsigned open_handles;
	bool ready;     /* has been told once */
	bool reloading; /* since then */
	char told[NOTIFY_STATUS_MAX];
	char status[NOTIFY_STATUS_MAX]; /* to be told */
};

static void watchdog_cb(uv_timer_t *timer)
{
	(void)timer;
	(void)sd_notify(0, "WATCHDOG=1");
}

static int start_watchdog(struct notify *notify)
{
	uint64_t microseconds = 0;
	int r = sd_watchdog_enabled(0, &microseconds);
	if (r <= 0)
		return r;
	uint64_t half = microseconds / 2000 > 0 ? microseconds / 2000 : 1;
	return uv_timer_start(&notify->watchdog, watchdog_cb, 0, half);
}

int notify_open(uv_loop_t *loop, struct notify **ret, struct error *err)
{
	const char *address = getenv("NOTIFY_SOCKET"); /* NOLINT(concurrency-mt-unsafe) */
	*ret = NULL;
	if (!address || !address[0])
		return 0;
	struct notify *notify = calloc(1, sizeof(*notify));
	if (!notify)
		return error_set(err, -ENOMEM, "no memory");
	notify->watchdog.data = notify;
	notify->pause.data = notify;
	notify->open_handles = 2;
	uv_timer_init(loop, &notify->watchdog);
	uv_timer_init(loop, &notify->pause);
	int r = start_watchdog(notify);
	if (r < 0) {
		notify_close(notify);
		return error_set(err, r, "systemd's watchdog: %s", strerror(-r));
	}
	*ret = notify;
	return 0;
}

static void closed_cb(uv_handle_t *handle)
{
	struct notify *notify = handle->data;
	if (--notify->open_handles == 0)
		free(notify);
}

void notify_close(struct notify *notify)
{
	if (!notify)
		return;
	uv_close((uv_handle_t *)&notify->watchdog, closed_cb);
	uv_close((uv_handle_t *)&notify->pause, closed_cb);
}

void notify_waiting(struct notify *notify)
{
	if (notify && !notify->ready)
		(void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%u", NOTIFY_PATIENCE * 1000000U);
}

void notify_ready(struct notify *notify)
{
	if (!notify || notify->ready)
		return;
	notify->ready = true;
	(void)sd_notify(0, "READY=1");
}

void notify_reloading(struct notify *notify)
{
	struct timespec now;
	if (!notify || !notify->ready)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	uint64_t microseconds = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	notify->reloading = true;
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, microseconds);
}

void notify_reloaded(struct notify *notify)
{
	if (!notify || !notify->reloading)
		return;
	notify->reloading = false;
	(void)sd_notify(0, "READY=1");
}

void notify_stopping(const struct notify *notify)
{
	if (notify)
		(void)sd_notify(0, "STOPPING=1");
}

static void tell_status(struct notify *notify);

static void pause_cb(uv_timer_t *timer)
{
	tell_status(timer->data);
}

static void tell_status(struct notify *notify)
{
	if (strcmp(notify->status, notify->told) == 0)
		return;
	memcpy(notify->told, notify->status, sizeof(notify->told));
	(void)sd_notifyf(0, "STATUS=%s", notify->told);
	uv_timer_start(&notify->pause, pause_cb, STATUS_PAUSE, 0);
}

void notify_status(struct notify *notify, const char *status)
{
	if (!notify)
		return;
	snprintf(notify->status, sizeof(notify->status), "%s", status);
	for (char *c = notify->status; *c; c++)
		if (*c == '\n')
			*c = ' ';
	if (!uv_is_active((uv_handle_t *)&notify->pause))
		tell_status(notify);
}
