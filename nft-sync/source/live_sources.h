/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_LIVE_SOURCES_H
#define PODSG_LIVE_SOURCES_H

/* The sources that the configuration turns on and that live on the event loop: opened, asked and
 * closed alike, whatever they read. */

#include "common/config.h"
#include "common/error.h"
#include "nft-sync/resolve/wanted.h"
#include "nft-sync/source/source_status.h"

#include <uv.h>

#define LIVE_SOURCES_MAX 2

/* What a source is to the rest. */
struct live_kind {
	const char *name; /* "kubernetes": its documents are called kubernetes/… */
	bool (*enabled)(const struct config *config);
	/* Whether it may stay open as it is with another configuration, or with its own. */
	bool (*same)(const void *source, const struct config *config);
	/* config outlives the source. changed: the model is another one. Another source of this
	 * kind may still be open, and is closed next. */
	int (*open)(uv_loop_t *loop, const struct config *config, struct model *model,
	            void (*changed)(void *context), void *context, void **ret, struct error *err);
	void (*close)(void *source); /* its memory goes when the loop has run once more */
	bool (*synced)(const void *source);
	size_t (*status)(const void *source, struct source_status *ret, size_t max);
	/* After each resolution: the model may be another one where wanted is the same. */
	void (*want)(void *source, const struct wanted *wanted);
	/* It is off: what it gave to the model beside documents goes. NULL: nothing. */
	void (*forget)(struct model *model);
	/* A resolution is in force in the kernel. NULL: it does not care. */
	void (*committed)(void *source, const struct resolution *resolution);
};

struct live_source {
	const struct live_kind *kind;
	void *source;                /* NULL: off, or it could not be opened */
	const struct config *config; /* that it was opened with */
	int64_t opened;              /* seconds since 1970 */
	struct error error;          /* why it is not open, or no newer one; code 0: nothing */
};

struct live_sources {
	struct live_source sources[LIVE_SOURCES_MAX];
	size_t count;
	uv_loop_t *loop;
	struct model *model;
	void (*changed)(void *context);
	void *context;
};

/* kinds: NULL behind the last. Nothing is opened yet. */
void live_sources_init(struct live_sources *live, const struct live_kind *const *kinds,
                       uv_loop_t *loop, struct model *model, void (*changed)(void *context),
                       void *context);
/* Opens, closes and leaves alone, as the configuration says; and tries again what could not be
 * opened, which is logged, and no failure: the one before stays open. What a source gave to the
 * model stays there until it is opened again and knows better, or is off. Returns whether one was
 * opened, which does not know yet what is wanted. */
bool live_sources_configure(struct live_sources *live, const struct config *config);
void live_sources_close(struct live_sources *live);

/* Whether some open source goes by this configuration. */
bool live_sources_use(const struct live_sources *live, const struct config *config);

/* Whether there is one that is open or should be. */
bool live_sources_any(const struct live_sources *live);

/* Each has read everything once: what is in the model may be acted on. */
bool live_sources_synced(const struct live_sources *live);

/* Tells them what is needed now. -ENOMEM. */
int live_sources_want(struct live_sources *live, const struct resolution *resolution);
void live_sources_committed(struct live_sources *live, const struct resolution *resolution);

/* live may be NULL: then there are none. */
void live_sources_each(const struct live_sources *live,
                       void (*visit)(void *context, const struct source_status *status),
                       void *context);

#endif
