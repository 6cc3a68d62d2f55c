/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nft-sync/reload.h"

void configs_init(struct configs *configs, const char *path, struct config *config)
{
	*configs = (struct configs){.path = path, .held = {config}, .count = 1};
}

void configs_free(struct configs *configs)
{
	for (size_t i = 0; i < configs->count; i++)
		config_free(configs->held[i]);
	configs->count = 0;
}

static bool is_referred_to(const struct sync *sync, const struct config *config)
{
	return sync->config == config || (sync->resolution && sync->resolution->config == config) ||
	       (sync->live && live_sources_use(sync->live, config));
}

static void let_go(struct configs *configs, const struct sync *sync)
{
	size_t kept = 0;
	for (size_t i = 0; i < configs->count; i++)
		if (is_referred_to(sync, configs->held[i]))
			configs->held[kept++] = configs->held[i];
		else
			config_free(configs->held[i]);
	configs->count = kept;
}

/* What others know us by, and what the flows in the kernel are marked with. */
static int refuse_fixed(const char *path, const struct config *now, const struct config *wanted,
                        struct error *err)
{
	char marks[2][16];
	snprintf(marks[0], sizeof(marks[0]), "%#x", now->nft_sync.connmark);
	snprintf(marks[1], sizeof(marks[1]), "%#x", wanted->nft_sync.connmark);
	const struct {
		const char *key, *now, *wanted;
	} fixed[] = {
		{"nftSync.table", now->nft_sync.table, wanted->nft_sync.table},
		{"nftSync.socket", now->nft_sync.socket, wanted->nft_sync.socket},
		{"nftSync.branches", now->nft_sync.branches, wanted->nft_sync.branches},
		{"nftSync.connmark", marks[0], marks[1]},
		{"nftSync.ownTable", now->nft_sync.own_table ? "true" : "false",
	         wanted->nft_sync.own_table ? "true" : "false"},
		{"hooks.journal", now->hooks.journal, wanted->hooks.journal},
	};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		const struct error_place place = {.file = path ? path : CONFIG_PATH,
		                                  .item = fixed[i].key};
		if (strcmp(fixed[i].now, fixed[i].wanted) != 0)
			return error_at(err, -EBUSY, &place, fixed[i].wanted,
			                "was \"%s\": needs a restart", fixed[i].now);
	}
	return 0;
}

static int take(struct configs *configs, struct sync *sync, struct config *config,
                struct error *err)
{
	int r = refuse_fixed(configs->path, sync->config, config, err);
	if (r == 0)
		r = sync_configure(sync, config, err);
	if (r < 0)
		return r;
	configs->held[configs->count++] = config;
	return 0;
}

int configs_reload(struct configs *configs, struct sync *sync, struct error *err)
{
	struct config *config = NULL;
	struct error failure = {0};
	let_go(configs, sync);
	int r = config_find(configs->path, &config, &failure);
	if (r == 0) {
		r = take(configs, sync, config, &failure);
		if (r < 0)
			config_free(config);
	}
	sync->history.config_error = failure;
	return r < 0 ? error_set(err, r, "%s", failure.text) : 0;
}
