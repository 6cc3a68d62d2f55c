/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "nft-sync/source/live_sources.h"

void live_sources_init(struct live_sources *live, const struct live_kind *const *kinds,
                       uv_loop_t *loop, struct model *model, void (*changed)(void *context),
                       void *context)
{
	*live = (struct live_sources){
		.loop = loop, .model = model, .changed = changed, .context = context};
	while (live->count < LIVE_SOURCES_MAX && kinds[live->count]) {
		live->sources[live->count].kind = kinds[live->count];
		live->count++;
	}
}

static bool is_of(const struct document *document, const struct live_kind *kind)
{
	size_t length = strlen(kind->name);
	return strncmp(document->name, kind->name, length) == 0 && document->name[length] == '/';
}

/* What a source that is turned off has said is no longer said by anybody. */
static void forget(struct live_sources *live, const struct live_kind *kind)
{
	for (size_t i = model_document_count(live->model); i > 0; i--) {
		const struct document *document = model_document(live->model, i - 1);
		if (is_of(document, kind))
			(void)model_remove(live->model, document->name, NULL);
	}
	if (kind->forget)
		kind->forget(live->model);
}

static void source_close(struct live_source *source)
{
	if (source->source)
		source->kind->close(source->source);
	source->source = NULL;
	source->config = NULL;
}

static void source_turn_off(struct live_sources *live, struct live_source *source)
{
	bool was_on = source->source != NULL;
	source_close(source);
	source->error = (struct error){0};
	if (!was_on)
		return;
	forget(live, source->kind);
	live->changed(live->context);
}

static bool source_open(struct live_sources *live, struct live_source *source,
                        const struct config *config)
{
	struct error failure = {0};
	void *opened = NULL;
	int r = source->kind->open(live->loop, config, live->model, live->changed, live->context,
	                           &opened, &failure);
	if (r < 0 && strcmp(failure.text, source->error.text) != 0)
		log_text(LOG_LEVEL_ERROR, "source-not-opened", failure.text);
	source->error = failure;
	if (r < 0)
		return false;
	source_close(source);
	source->source = opened;
	source->config = config;
	source->opened = time(NULL);
	log_event(LOG_LEVEL_INFO, "source-opened", "source=%s", source->kind->name);
	return true;
}

static bool source_configure(struct live_sources *live, struct live_source *source,
                             const struct config *config)
{
	if (!source->kind->enabled(config)) {
		source_turn_off(live, source);
		return false;
	}
	if (!source->source || !source->kind->same(source->source, config))
		return source_open(live, source, config);
	source->error = (struct error){0};
	return false;
}

bool live_sources_configure(struct live_sources *live, const struct config *config)
{
	bool opened = false;
	for (size_t i = 0; i < live->count; i++)
		opened = source_configure(live, &live->sources[i], config) || opened;
	return opened;
}

void live_sources_close(struct live_sources *live)
{
	for (size_t i = 0; i < live->count; i++)
		source_close(&live->sources[i]);
}

bool live_sources_use(const struct live_sources *live, const struct config *config)
{
	for (size_t i = 0; i < live->count; i++)
		if (live->sources[i].config == config)
			return true;
	return false;
}

bool live_sources_any(const struct live_sources *live)
{
	for (size_t i = 0; i < live->count; i++)
		if (live->sources[i].source || live->sources[i].error.code)
			return true;
	return false;
}

bool live_sources_synced(const struct live_sources *live)
{
	for (size_t i = 0; i < live->count; i++) {
		const struct live_source *source = &live->sources[i];
		if (source->source ? !source->kind->synced(source->source) : source->error.code)
			return false;
	}
	return true;
}

int live_sources_want(struct live_sources *live, const struct resolution *resolution)
{
	struct wanted wanted;
	int r = wanted_make(resolution, live->model, &wanted);
	if (r < 0)
		return r;
	for (size_t i = 0; i < live->count; i++)
		if (live->sources[i].source)
			live->sources[i].kind->want(live->sources[i].source, &wanted);
	wanted_done(&wanted);
	return 0;
}

void live_sources_committed(struct live_sources *live, const struct resolution *resolution)
{
	for (size_t i = 0; i < live->count; i++)
		if (live->sources[i].source && live->sources[i].kind->committed)
			live->sources[i].kind->committed(live->sources[i].source, resolution);
}

static void show_error(const struct live_source *source, struct source_status *ret)
{
	*ret = (struct source_status){.source = source->kind->name,
	                              .what = "configuration",
	                              .synced = source->source != NULL,
	                              .fresh = source->source ? source->opened : 0};
	snprintf(ret->error, sizeof(ret->error), "%s", source->error.text);
}

void live_sources_each(const struct live_sources *live,
                       void (*visit)(void *context, const struct source_status *status),
                       void *context)
{
	struct source_status statuses[SOURCE_STATUS_MAX];
	for (size_t i = 0; live && i < live->count; i++) {
		const struct live_source *source = &live->sources[i];
		size_t count = 0;
		if (source->error.code)
			show_error(source, &statuses[count++]);
		if (source->source)
			count += source->kind->status(source->source, &statuses[count],
			                              SOURCE_STATUS_MAX - count);
		for (size_t j = 0; j < count; j++)
			visit(context, &statuses[j]);
	}
}
