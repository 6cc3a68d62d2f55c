/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"
#include "nft-sync/source/source_ec2_parts.h"

/* Milliseconds: in which what was read has been resolved, and what is wanted now has been said. */
#define SETTLE 100
/* Milliseconds: as long as EC2 may take before the copies are in force. */
#define RESTORE_AFTER 3000

static const struct ec2_kind_of_source *const kinds[EC2_FOLLOWERS] = {&ec2_groups, &ec2_interfaces,
                                                                      &ec2_prefix_lists};

static void free_source(uv_handle_t *handle)
{
	struct source_ec2 *source = handle->data;
	if (--source->handles == 0)
		free(source);
}

static void close_timer(struct source_ec2 *source, uv_timer_t *timer)
{
	timer->data = source;
	uv_close((uv_handle_t *)timer, free_source);
}

static void source_close(void *handle)
{
	struct source_ec2 *source = handle;
	for (size_t i = 0; i < EC2_FOLLOWERS; i++)
		ec2_follower_stop(&source->followers[i]);
	ec2_instance_stop(&source->instance);
	ec2_close(source->ec2);
	imds_close(source->imds);
	http_close(source->http);
	for (size_t i = 0; i < EC2_FOLLOWERS; i++) {
		ec2_follower_done(&source->followers[i]);
		close_timer(source, &source->followers[i].timer);
	}
	ec2_instance_done(&source->instance);
	close_timer(source, &source->instance.timer);
	close_timer(source, &source->settle);
	close_timer(source, &source->restore);
}

static bool is_settled(const struct source_ec2 *source)
{
	bool settled = source->instance.answered;
	for (size_t i = 0; i < EC2_FOLLOWERS; i++)
		settled = settled && ec2_follower_covers(&source->followers[i]);
	return settled;
}

static void settle_cb(uv_timer_t *timer)
{
	struct source_ec2 *source = timer->data;
	if (!is_settled(source))
		return;
	if (!source->synced_once)
		log_event(LOG_LEVEL_INFO, "ec2-synced", "region=%s", ec2_region(source->ec2));
	source->synced = true;
	source->synced_once = true;
	source->changed(source->context);
}

static bool waits(const struct source_ec2 *source)
{
	for (size_t i = 0; i < EC2_FOLLOWERS; i++)
		if (ec2_follower_waits(&source->followers[i]))
			return true;
	return false;
}

static void restore_cb(uv_timer_t *timer)
{
	struct source_ec2 *source = timer->data;
	if (!waits(source))
		return;
	/* All of them: what is wanted of one comes from what another one says. */
	for (size_t i = 0; i < EC2_FOLLOWERS; i++)
		ec2_follower_restore(&source->followers[i]);
	source_ec2_progress(source);
}

static void open_copies(struct source_ec2 *source)
{
	const char *directory = source->config->files.directory;
	int length = snprintf(source->copies, sizeof(source->copies), "%s.ec2", directory);
	if (!directory[0] || length < 0 || (size_t)length >= sizeof(source->copies))
		source->copies[0] = '\0';
	else
		/* Where it cannot be made, each copy that fails says so. */
		(void)mkdir(source->copies, 0700);
}

static void open_timers(struct source_ec2 *source)
{
	for (size_t i = 0; i < EC2_FOLLOWERS; i++)
		ec2_follower_open(&source->followers[i], source, kinds[i]);
	ec2_instance_open(&source->instance, source);
	source->settle.data = source;
	source->restore.data = source;
	uv_timer_init(source->loop, &source->settle);
	uv_timer_init(source->loop, &source->restore);
	source->handles = EC2_FOLLOWERS + 3;
}

static int source_open(uv_loop_t *loop, const struct config *config, struct model *model,
                       void (*changed)(void *context), void *context, void **ret, struct error *err)
{
	struct source_ec2 *source = calloc(1, sizeof(*source));
	if (!source)
		return error_set(err, -ENOMEM, "out of memory");
	source->config = config;
	source->model = model;
	source->changed = changed;
	source->context = context;
	source->loop = loop;
	open_copies(source);
	int r = http_open(loop, &source->http, err);
	if (r == 0)
		r = imds_open(source->http, &source->imds, err);
	if (r == 0)
		r = ec2_open(loop, source->http, source->imds, config->ec2.region,
		             config->ec2.endpoint, &source->ec2, err);
	if (r < 0) {
		imds_close(source->imds);
		http_close(source->http);
		free(source);
		return r;
	}
	open_timers(source);
	*ret = source;
	return 0;
}

static bool source_enabled(const struct config *config)
{
	return config->ec2.enabled;
}

static bool source_same(const void *handle, const struct config *b)
{
	const struct source_ec2 *source = handle;
	const struct config *a = source->config;
	return strcmp(a->ec2.region, b->ec2.region) == 0 &&
	       strcmp(a->ec2.endpoint, b->ec2.endpoint) == 0 && a->ec2.refresh == b->ec2.refresh &&
	       strcmp(a->files.directory, b->files.directory) == 0;
}

static bool source_synced(const void *handle)
{
	const struct source_ec2 *source = handle;
	return source->synced;
}

static size_t source_status(const void *handle, struct source_status *ret, size_t max)
{
	const struct source_ec2 *source = handle;
	size_t count = 0;
	for (size_t i = 0; i < EC2_FOLLOWERS && count < max; i++)
		ec2_follower_status(&source->followers[i], &ret[count++]);
	if (count < max)
		ret[count++] = source->instance.status;
	return count;
}

/* Members are asked for of all groups: a pod's own interface is found by the pod's groups. */
static int take_wanted(const struct wanted *wanted, struct wanted_ids ret[static EC2_FOLLOWERS])
{
	int r = ec2_ids_union(&wanted->groups, NULL, EC2_WANTED_MAX, &ret[0]);
	if (r == 0)
		r = ec2_ids_union(&wanted->groups, &wanted->members, EC2_WANTED_MAX, &ret[1]);
	if (r == 0)
		r = ec2_ids_union(&wanted->prefix_lists, NULL, EC2_WANTED_MAX, &ret[2]);
	return r;
}

static void source_want(void *handle, const struct wanted *wanted)
{
	struct source_ec2 *source = handle;
	struct wanted_ids ids[EC2_FOLLOWERS] = {0};
	bool news = false;
	if (take_wanted(wanted, ids) < 0)
		log_text(LOG_LEVEL_ERROR, "ec2-not-asked", "out of memory");
	else
		for (size_t i = 0; i < EC2_FOLLOWERS; i++)
			news |= ec2_follower_want(&source->followers[i], &ids[i]);
	for (size_t i = 0; i < EC2_FOLLOWERS; i++)
		ec2_ids_done(&ids[i]);
	if (!news)
		return;
	if (wanted->groups.count > EC2_WANTED_MAX || wanted->members.count > EC2_WANTED_MAX ||
	    wanted->prefix_lists.count > EC2_WANTED_MAX)
		log_event(LOG_LEVEL_ERROR, "ec2-too-much-wanted", "max=%d", EC2_WANTED_MAX);
	if (waits(source) && !uv_is_active((uv_handle_t *)&source->restore))
		uv_timer_start(&source->restore, restore_cb, RESTORE_AFTER, 0);
	source->synced = source->synced && is_settled(source);
	source_ec2_progress(source);
}

static bool has_answers(const struct source_ec2 *source)
{
	for (size_t i = 0; i < EC2_FOLLOWERS; i++)
		if (source->followers[i].wanted.count > 0 &&
		    ec2_follower_covers(&source->followers[i]) &&
		    source->followers[i].answered_once)
			return true;
	return false;
}

/*
 * Before that, what is wanted may come from half of what there is: after a restart pods and rules
 * are not known yet, and the copies must outlast that. Where nothing at all is wanted, or EC2 does
 * not answer, what it said last is not given up either.
 */
static void source_committed(void *handle, const struct resolution *resolution)
{
	struct source_ec2 *source = handle;
	(void)resolution;
	source->in_force = true;
	if (has_answers(source))
		for (size_t i = 0; i < EC2_FOLLOWERS; i++)
			ec2_follower_forget(&source->followers[i]);
	for (size_t i = 0; i < EC2_FOLLOWERS; i++)
		ec2_follower_keep(&source->followers[i]);
}

void source_ec2_changed(struct source_ec2 *source)
{
	source->changed(source->context);
}

void source_ec2_progress(struct source_ec2 *source)
{
	if (!source->synced)
		uv_timer_start(&source->settle, settle_cb, SETTLE, 0);
}

const struct live_kind source_ec2_kind = {
	.name = "ec2",
	.enabled = source_enabled,
	.same = source_same,
	.open = source_open,
	.close = source_close,
	.synced = source_synced,
	.status = source_status,
	.want = source_want,
	.committed = source_committed,
};
