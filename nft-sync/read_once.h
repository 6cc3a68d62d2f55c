/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_READ_ONCE_H
#define PODSG_READ_ONCE_H

/* All sources read whole once, for what ends afterwards: --check, --print, --once. */

#include "common/error.h"
#include "nft-sync/source/live_sources.h"
#include "nft-sync/sync.h"

#include <uv.h>

/* A server that does not know SecurityGroupPolicies is believed after a minute. */
#define READ_ONCE_PATIENCE 75 /* seconds */

struct read_once {
	struct sync *sync;
	uv_loop_t loop;
	struct live_sources live;
	uv_timer_t look;
	uint64_t deadline;
	int result;
	struct error error;
};

/*
 * Reads the documents and the live sources, as a daemon does before its first commit, and draws.
 * Until read_once_close() sync->live tells how it went with each live source. -ETIMEDOUT: some was
 * not read whole in time; what was drawn is what the others say. In any case it is to be closed,
 * before sync is.
 */
int read_once(struct read_once *once, struct sync *sync, struct error *err);
void read_once_close(struct read_once *once);

#endif
