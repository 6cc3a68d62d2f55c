/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/answer/drop_event.h"
#include "nft-sync/answer/drop_filter.h"
#include "nft-sync/answer/drop_monitor.h"
#include "nft-sync/kernel/drop_counts.h"
#include "nft-sync/kernel/drop_log.h"
#include "nft-sync/kernel/nft_elements.h"

#define TICK 1000            /* milliseconds */
#define HEARTBEAT 5          /* ticks */
#define CLOCKS_DIFFER_MAX 60 /* seconds; beyond, the kernel's time stamp is of another clock */

struct viewer {
	struct drop_monitor *monitor;
	struct control_client *client; /* NULL: the place is free */
	struct drop_filter filter;
	bool fresh;    /* what was counted up to its first tick happened before it came */
	uint64_t more; /* untold */
	uint64_t lost; /* by the log when it was last told, and lines that it missed itself */
	uint64_t slow;
	unsigned silent; /* ticks */
};

/* While somebody wants to know; its handles outlive it by a turn of the loop. */
struct listener {
	struct drop_monitor *monitor;
	struct drop_log *log;
	struct drop_counts counts;
	uint16_t group;
	uv_poll_t poll;
	uv_timer_t tick;
	unsigned open_handles;
};

struct drop_monitor {
	uv_loop_t *loop;
	struct sync *sync;
	struct listener *listener; /* NULL: nobody wants to know */
	struct viewer viewers[DROP_MONITORS_MAX];
};

static void say(struct viewer *viewer, const cJSON *line)
{
	control_client_say(viewer->client, line);
	viewer->silent = 0;
}

/* The kernel's time, where it is of the clock that people read. */
static void settle_time(struct timespec *time)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (time->tv_sec < now.tv_sec - CLOCKS_DIFFER_MAX || time->tv_sec > now.tv_sec + 1)
		*time = now;
}

static void record_cb(const struct drop_record *seen, void *context)
{
	struct listener *listener = context;
	struct drop_monitor *monitor = listener->monitor;
	struct sync *sync = monitor->sync;
	const struct judge_rules rules = {.group = model_judge_group,
	                                  .prefix_list = model_judge_prefix_list,
	                                  .context = sync->model};
	const struct drop_facts facts = {.resolution = sync->resolution,
	                                 .model = sync->model,
	                                 .host = &sync->host,
	                                 .rules = &rules};
	struct drop_record record = *seen;
	struct drop_end end;
	cJSON *event = NULL;
	settle_time(&record.time);
	drop_event_end(&record, &facts, &end);
	drop_counts_seen(&listener->counts, record.reason, end.interface);
	for (size_t i = 0; i < DROP_MONITORS_MAX; i++) {
		struct viewer *viewer = &monitor->viewers[i];
		if (!viewer->client ||
		    !drop_filter_matches(&viewer->filter, record.reason, end.interface, end.branch))
			continue;
		if (!event)
			event = drop_event_object(&record, &end, &facts);
		say(viewer, event);
	}
	cJSON_Delete(event);
}

static void poll_cb(uv_poll_t *poll, int status, int events)
{
	struct listener *listener = poll->data;
	(void)events;
	/* libuv stops a handle that saw an error; the next message is awaited all the same. */
	if (status < 0)
		uv_poll_start(poll, UV_READABLE, poll_cb);
	drop_log_read(listener->log, record_cb, listener);
}

/* Where the elements of one set of counters go. */
struct counting {
	struct drop_counts *counts;
	const struct drop_reason *reason;
};

static int count_cb(const struct nft_element *element, void *context)
{
	struct counting *counting = context;
	char interface[INTERFACE_NAME_MAX] = "";
	size_t length =
		element->length < sizeof(interface) ? element->length : sizeof(interface) - 1;
	memcpy(interface, element->key, length);
	interface[sizeof(interface) - 1] = '\0';
	if (element->packets > 0)
		drop_counts_read(counting->counts, counting->reason, interface, element->packets);
	return 0;
}

static void read_counters(struct listener *listener)
{
	char name[IMAGE_NAME_MAX];
	for (size_t i = 0; i < drop_reason_count; i++) {
		struct counting counting = {&listener->counts, &drop_reasons[i]};
		snprintf(name, sizeof(name), "drops-%s-%s",
		         direction_name(drop_reasons[i].direction), drop_reasons[i].reason);
		/* What can't be read now is told next time: counters only rise. */
		(void)nft_read_counters(listener->monitor->sync->nft, name, count_cb, &counting);
	}
	drop_counts_end(&listener->counts);
}

static uint64_t unseen(const struct listener *listener, const struct drop_filter *filter)
{
	const struct resolution *resolution = listener->monitor->sync->resolution;
	uint64_t sum = 0;
	for (size_t i = 0; i < listener->counts.count; i++) {
		const struct drop_count *count = &listener->counts.items[i];
		const struct branch *branch =
			resolution ? resolution_branch(resolution, count->interface) : NULL;
		if (count->news &&
		    drop_filter_matches(filter, count->reason, count->interface, branch))
			sum += count->news;
	}
	return sum;
}

static void add_count(cJSON *object, const char *key, uint64_t count)
{
	cJSON_AddNumberToObject(object, key, (double)count);
}

static void say_missed(struct viewer *viewer, uint64_t more, uint64_t lost, uint64_t slow)
{
	struct timespec now;
	char time[DROP_TIME_MAX];
	clock_gettime(CLOCK_REALTIME, &now);
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "event", "missed");
	cJSON_AddStringToObject(object, "time", drop_time_text(&now, time));
	add_count(object, "more", more);
	add_count(object, "lost", lost);
	add_count(object, "slow", slow);
	say(viewer, object);
	cJSON_Delete(object);
}

static void say_heartbeat(struct viewer *viewer)
{
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "event", "heartbeat");
	say(viewer, object);
	cJSON_Delete(object);
}

static void tell(const struct listener *listener, struct viewer *viewer)
{
	viewer->more += viewer->fresh ? 0 : unseen(listener, &viewer->filter);
	viewer->fresh = false;
	/* A line with counts must not be one of those that give way. */
	if (control_client_is_behind(viewer->client))
		return;
	uint64_t more = viewer->more;
	uint64_t lost = drop_log_lost(listener->log) - viewer->lost;
	uint64_t slow = control_client_missed(viewer->client) - viewer->slow;
	viewer->more = 0;
	viewer->lost += lost;
	viewer->slow += slow;
	if (more || lost || slow)
		say_missed(viewer, more, lost, slow);
	else if (++viewer->silent >= HEARTBEAT)
		say_heartbeat(viewer);
}

static void listener_closed(uv_handle_t *handle)
{
	struct listener *listener = handle->data;
	if (--listener->open_handles > 0)
		return;
	free(listener);
}

static void listener_close(struct drop_monitor *monitor)
{
	struct listener *listener = monitor->listener;
	if (!listener)
		return;
	monitor->listener = NULL;
	uv_close((uv_handle_t *)&listener->poll, listener_closed);
	uv_close((uv_handle_t *)&listener->tick, listener_closed);
	drop_log_close(listener->log);
	drop_counts_done(&listener->counts);
}

/* The configuration may have been reloaded. */
static bool is_elsewhere(const struct listener *listener)
{
	const struct config *config = listener->monitor->sync->config;
	return config->nft_sync.drop_log.group != listener->group ||
	       config->nft_sync.drop_log.per_second == 0;
}

/* Clients come again, and are told what they can expect now. */
static void end_all(struct drop_monitor *monitor)
{
	for (size_t i = 0; i < DROP_MONITORS_MAX; i++)
		if (monitor->viewers[i].client)
			control_client_end(monitor->viewers[i].client);
}

static void tick_cb(uv_timer_t *timer)
{
	struct listener *listener = timer->data;
	struct drop_monitor *monitor = listener->monitor;
	if (is_elsewhere(listener)) {
		end_all(monitor);
		return;
	}
	read_counters(listener);
	for (size_t i = 0; i < DROP_MONITORS_MAX; i++)
		if (monitor->viewers[i].client)
			tell(listener, &monitor->viewers[i]);
}

static int handles_start(uv_loop_t *loop, struct listener *listener, struct error *err)
{
	int r = uv_poll_init(loop, &listener->poll, drop_log_fd(listener->log));
	if (r < 0)
		return error_set(err, r, "event loop: %s", uv_strerror(r));
	uv_timer_init(loop, &listener->tick);
	listener->poll.data = listener;
	listener->tick.data = listener;
	listener->open_handles = 2;
	uv_poll_start(&listener->poll, UV_READABLE, poll_cb);
	uv_timer_start(&listener->tick, tick_cb, TICK, TICK);
	return 0;
}

static int listener_open(struct drop_monitor *monitor, struct error *err)
{
	uint16_t group = monitor->sync->config->nft_sync.drop_log.group;
	if (monitor->listener)
		return 0;
	if (monitor->sync->config->nft_sync.drop_log.per_second == 0)
		return error_set(err, -ENOENT, "nftSync.dropLog.perSecond is 0: nothing is logged");
	struct listener *listener = calloc(1, sizeof(*listener));
	if (!listener)
		return error_set(err, -ENOMEM, "no memory for the drop log");
	listener->monitor = monitor;
	listener->group = group;
	int r = drop_log_open(group, &listener->log, err);
	if (r == 0)
		r = handles_start(monitor->loop, listener, err);
	if (r < 0) {
		drop_log_close(listener->log);
		free(listener);
		return r;
	}
	monitor->listener = listener;
	read_counters(listener);
	return 0;
}

static void viewer_gone(void *context)
{
	struct viewer *viewer = context;
	struct drop_monitor *monitor = viewer->monitor;
	viewer->client = NULL;
	for (size_t i = 0; i < DROP_MONITORS_MAX; i++)
		if (monitor->viewers[i].client)
			return;
	listener_close(monitor);
}

static struct viewer *free_place(struct drop_monitor *monitor, struct error *err)
{
	for (size_t i = 0; i < DROP_MONITORS_MAX; i++)
		if (!monitor->viewers[i].client)
			return &monitor->viewers[i];
	error_set(err, -EBUSY, "%d monitors are connected already", DROP_MONITORS_MAX);
	return NULL;
}

static int begin(struct drop_monitor *monitor, const cJSON *request, struct control_client *client,
                 struct error *err)
{
	struct drop_filter filter;
	struct viewer *viewer;
	int r = drop_filter_read(request, &filter, err);
	if (r < 0)
		return r;
	viewer = free_place(monitor, err);
	if (!viewer)
		return -EBUSY;
	r = listener_open(monitor, err);
	if (r < 0)
		return r;
	*viewer = (struct viewer){.monitor = monitor,
	                          .client = client,
	                          .filter = filter,
	                          .fresh = true,
	                          .lost = drop_log_lost(monitor->listener->log)};
	control_client_stream(client, viewer_gone, viewer);
	return 0;
}

bool drop_monitor_is_asked(const cJSON *request)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(request, "command");
	return cJSON_IsString(item) && strcmp(item->valuestring, "monitor") == 0;
}

cJSON *drop_monitor_answer(struct drop_monitor *monitor, const cJSON *request,
                           struct control_client *client)
{
	struct error failure = {0};
	int r = begin(monitor, request, client, &failure);
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddBoolToObject(answer, "ok", r == 0);
	if (r < 0)
		cJSON_AddStringToObject(answer, "error", failure.text);
	else
		cJSON_AddNumberToObject(answer, "perSecond",
		                        monitor->sync->config->nft_sync.drop_log.per_second);
	return answer;
}

struct drop_monitor *drop_monitor_new(uv_loop_t *loop, struct sync *sync)
{
	struct drop_monitor *monitor = calloc(1, sizeof(*monitor));
	if (!monitor)
		return NULL;
	monitor->loop = loop;
	monitor->sync = sync;
	return monitor;
}

void drop_monitor_free(struct drop_monitor *monitor)
{
	if (!monitor)
		return;
	listener_close(monitor);
	free(monitor);
}
