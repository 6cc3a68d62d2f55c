/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RELOAD_H
#define PODSG_RELOAD_H

/* The configuration's file read again while the daemon runs: taken whole, or refused whole. */

#include "common/config.h"
#include "nft-sync/source/live_sources.h"
#include "nft-sync/sync.h"

/* The new one, the one before, that of the resolution, those that live sources were opened with. */
#define CONFIGS_MAX (3 + LIVE_SOURCES_MAX)

/* The configuration in force and those before it that somebody still refers to. */
struct configs {
	const char *path; /* NULL: the default one, which may be absent */
	struct config *held[CONFIGS_MAX];
	size_t count;
};

/* Takes config over. */
void configs_init(struct configs *configs, const char *path, struct config *config);
void configs_free(struct configs *configs);

/*
 * Reads the file and hands what it says to sync_configure(). -EBUSY: something is another than
 * before that can only be had by a restart. On failure the one in force stays, and
 * history.config_error says why.
 */
int configs_reload(struct configs *configs, struct sync *sync, struct error *err);

#endif
