/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/log.h"
#include "nft-sync/answer/health.h"
#include "nft-sync/answer/metrics.h"
#include "nft-sync/daemon_parts.h"
#include "nft-sync/resolve/resolve.h"

#define RETRY_FIRST 100 /* milliseconds, doubled up to the last */
#define RETRY_LAST 5000

/* Somebody who wants our table otherwise, time and again, is answered at this pace, after as many
 * repairs as that makes in a second have come at once. */
#define REPAIR_PACE 100 /* milliseconds */
#define REPAIRS_AT_ONCE 10

/* Not 0 milliseconds: libuv runs such a timer again before it looks at any descriptor. */
#define COPY_PAUSE 1

static void apply_cb(uv_timer_t *timer);

/* In so many milliseconds at the latest. */
static void apply_within(struct daemon *daemon, uint64_t pause)
{
	if (!uv_is_active((uv_handle_t *)&daemon->apply) ||
	    uv_timer_get_due_in(&daemon->apply) > pause)
		uv_timer_start(&daemon->apply, apply_cb, pause, 0);
}

void daemon_changed(void *context)
{
	apply_within(context, 0);
}

/* Most of what happens in a cluster changes nothing for this node. */
void daemon_sources_changed(void *context)
{
	struct daemon *daemon = context;
	struct sync *sync = &daemon->sync;
	if (!sync->image || !resolution_is_current(sync->resolution, sync->model))
		daemon_changed(daemon);
	else
		attach_settle(daemon->attach);
}

void daemon_repair_soon(struct daemon *daemon)
{
	const uint64_t credit = REPAIR_PACE * REPAIRS_AT_ONCE;
	uint64_t now = uv_now(&daemon->loop);
	uint64_t until = daemon->repaired_until > now ? daemon->repaired_until : now;
	uint64_t pause = until > now + credit ? until - now - credit : 0;
	if (uv_is_active((uv_handle_t *)&daemon->apply) &&
	    uv_timer_get_due_in(&daemon->apply) <= pause)
		return;
	daemon->repaired_until = until + REPAIR_PACE;
	apply_within(daemon, pause);
}

static void retry_later(struct daemon *daemon)
{
	daemon->retry_after = daemon->retry_after ? 2 * daemon->retry_after : RETRY_FIRST;
	if (daemon->retry_after > RETRY_LAST)
		daemon->retry_after = RETRY_LAST;
	apply_within(daemon, daemon->retry_after);
}

void daemon_tell_status(struct daemon *daemon)
{
	char line[NOTIFY_STATUS_MAX];
	notify_status(daemon->notify, health_line(&daemon->sync, line, sizeof(line)));
}

static void tell_sources(struct daemon *daemon)
{
	if (!live_sources_any(&daemon->live))
		return;
	if (live_sources_want(&daemon->live, daemon->sync.resolution) < 0)
		log_text(LOG_LEVEL_ERROR, "sources-not-told", "no memory");
}

/*
 * What a restart finds in the kernel is not taken apart because a source has not been heard yet.
 * Meanwhile the sources learn what they will be asked for, which may be more to wait for.
 */
static bool must_wait(struct daemon *daemon)
{
	struct error failure = {0};
	if (daemon->sync.image || !live_sources_any(&daemon->live))
		return false;
	if (sync_draw(&daemon->sync, &failure) < 0)
		log_text(LOG_LEVEL_ERROR, "not-resolved", failure.text);
	else
		tell_sources(daemon);
	if (live_sources_synced(&daemon->live))
		return false;
	notify_waiting(daemon->notify);
	return true;
}

static void keep_cb(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	if (sync_keep_copy(&daemon->sync))
		daemon_keep_copies(daemon);
}

void daemon_keep_copies(struct daemon *daemon)
{
	uv_timer_start(&daemon->keep, keep_cb, COPY_PAUSE, 0);
}

static void applied(struct daemon *daemon, bool tampered)
{
	daemon->retry_after = 0;
	uv_timer_stop(&daemon->apply);
	sync_tell(&daemon->sync);
	if (tampered)
		daemon_repair_soon(daemon);
	notify_ready(daemon->notify);
	tell_sources(daemon);
	live_sources_committed(&daemon->live, daemon->sync.resolution);
	daemon_keep_copies(daemon);
}

static void settle(struct daemon *daemon, int result)
{
	bool tampered;
	/* What somebody else did meanwhile was read, and repaired, on the way. */
	sync_read_watch(&daemon->sync, &tampered);
	metrics_committed(daemon->metrics, &daemon->sync);
	if (result == 0)
		applied(daemon, tampered);
	else
		retry_later(daemon);
}

void daemon_apply(struct daemon *daemon)
{
	struct error failure = {0};
	bool waits = must_wait(daemon);
	int r = waits ? 0 : sync_apply(&daemon->sync, &failure);
	attach_settle(daemon->attach);
	if (!waits)
		settle(daemon, r);
	daemon_tell_status(daemon);
}

static void apply_cb(uv_timer_t *timer)
{
	daemon_apply(timer->data);
}
