/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "nft-sync/read_once.h"
#include "nft-sync/source/live_kinds.h"

/* A source tells of changes; that it is at its end without one is looked for. Milliseconds. */
#define LOOK_EVERY 500

/* The one that is to blame: rather one that says why. */
struct blame {
	struct source_status status;
	bool found;
};

static void find_blame(void *context, const struct source_status *status)
{
	struct blame *blame = context;
	if (status->synced || status->absent)
		return;
	if (!blame->found || (status->error[0] && !blame->status.error[0]))
		blame->status = *status;
	blame->found = true;
}

static int not_read(struct read_once *once)
{
	struct blame blame = {.status = {.source = "sources", .what = "some"}};
	live_sources_each(&once->live, find_blame, &blame);
	const char *reason = blame.status.error;
	return error_set(&once->error, -ETIMEDOUT, "%s: %s: not read in %d s%s%s",
	                 blame.status.source, blame.status.what, READ_ONCE_PATIENCE,
	                 reason[0] ? ": " : "", reason);
}

/* One that could not be opened will not be read by waiting for it. */
static int not_opened(struct read_once *once)
{
	for (size_t i = 0; i < once->live.count; i++) {
		const struct live_source *source = &once->live.sources[i];
		if (!source->source && source->error.code)
			return error_set(&once->error, -ETIMEDOUT, "%s: %s", source->kind->name,
			                 source->error.text);
	}
	return 0;
}

/* What is drawn says what is wanted, and that may be more to wait for. */
static bool is_done(struct read_once *once)
{
	once->result = sync_draw(once->sync, &once->error);
	if (once->result == 0 && live_sources_want(&once->live, once->sync->resolution) < 0)
		once->result = error_set(&once->error, -ENOMEM, "no memory");
	if (once->result == 0)
		once->result = not_opened(once);
	if (once->result < 0 || live_sources_synced(&once->live))
		return true;
	if (uv_now(&once->loop) >= once->deadline)
		once->result = not_read(once);
	return once->result < 0;
}

static void look_cb(uv_timer_t *timer)
{
	struct read_once *once = timer->data;
	if (is_done(once))
		uv_stop(&once->loop);
}

/* All that changes in this turn of the loop is looked at together. */
static void changed(void *context)
{
	struct read_once *once = context;
	uv_timer_start(&once->look, look_cb, 0, LOOK_EVERY);
}

static int read_live(struct read_once *once)
{
	live_sources_configure(&once->live, once->sync->config);
	once->deadline = uv_now(&once->loop) + READ_ONCE_PATIENCE * 1000;
	changed(once);
	uv_run(&once->loop, UV_RUN_DEFAULT);
	return once->result;
}

int read_once(struct read_once *once, struct sync *sync, struct error *err)
{
	bool ignored;
	memset(once, 0, sizeof(*once));
	int r = uv_loop_init(&once->loop);
	if (r < 0)
		return error_set(err, r, "event loop: %s", uv_strerror(r));
	/* A server that hangs up is no reason to die. */
	(void)signal(SIGPIPE, SIG_IGN);
	once->sync = sync;
	once->look.data = once;
	uv_timer_init(&once->loop, &once->look);
	live_sources_init(&once->live, live_kinds, &once->loop, sync->model, changed, once);
	sync->live = &once->live;
	r = sync_read_files(sync, &ignored, err);
	if (r < 0)
		return r;
	r = read_live(once);
	if (r < 0 && err)
		*err = once->error;
	return r;
}

void read_once_close(struct read_once *once)
{
	if (!once->sync)
		return;
	live_sources_close(&once->live);
	once->sync->live = NULL;
	uv_close((uv_handle_t *)&once->look, NULL);
	/* uv_stop() may still be pending: then the first run returns at once. */
	while (uv_run(&once->loop, UV_RUN_DEFAULT) != 0) {
	}
	uv_loop_close(&once->loop);
}
