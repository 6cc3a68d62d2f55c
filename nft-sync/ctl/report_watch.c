/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/control.h"
#include "nft-sync/ctl/ctl.h"
#include "nft-sync/ctl/report_parts.h"

#define PATIENCE 15 /* seconds */

struct report_watch {
	struct control_stream *stream; /* NULL: nothing is watched */
	unsigned seconds;
	int64_t end; /* milliseconds */
	bool answered;
	cJSON *events;
	double unseen;
	struct error problem;
};

static int64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000) + time.tv_nsec / 1000000;
}

struct report_watch *report_watch_begin(const struct report_options *options)
{
	struct report_watch *watch = calloc(1, sizeof(*watch));
	cJSON *request = cJSON_CreateObject();
	if (!watch || !cJSON_AddStringToObject(request, "command", "monitor")) {
		cJSON_Delete(request);
		free(watch);
		return NULL;
	}
	watch->seconds = options->seconds;
	watch->end = now() + options->seconds * INT64_C(1000);
	watch->events = cJSON_CreateArray();
	if (options->seconds)
		(void)control_stream_open(options->path, request, PATIENCE, &watch->stream,
		                          &watch->problem);
	cJSON_Delete(request);
	return watch;
}

static void take_event(struct report_watch *watch, cJSON *event)
{
	const char *kind = text_of(event, "event");
	bool drop = strcmp(kind, "drop") == 0;
	if (drop && cJSON_GetArraySize(watch->events) < REPORT_DROPS_MAX) {
		cJSON_AddItemToArray(watch->events, event);
		return;
	}
	if (drop)
		watch->unseen++;
	else if (strcmp(kind, "missed") == 0)
		watch->unseen += number_of(event, "more") + number_of(event, "lost") +
		                 number_of(event, "slow");
	cJSON_Delete(event);
}

/* The first line says whether there will be others. Takes the line. */
static int take_line(struct report_watch *watch, cJSON *line)
{
	int r = 0;
	if (watch->answered) {
		take_event(watch, line);
		return 0;
	}
	watch->answered = true;
	if (!is_true(line, "ok"))
		r = error_set(&watch->problem, -EINVAL, "%s", text_of(line, "error"));
	cJSON_Delete(line);
	return r;
}

/* What there is by now; -EAGAIN: more may come. */
static int read_lines(struct report_watch *watch)
{
	int r = 0;
	while (r == 0) {
		cJSON *line = NULL;
		struct error err = {0};
		r = control_stream_next(watch->stream, &line, &err);
		if (r == 0)
			r = take_line(watch, line);
		else if (r != -EAGAIN)
			(void)error_set(&watch->problem, r, "%s", err.text);
	}
	return r;
}

static void read_rest(struct report_watch *watch)
{
	int r = read_lines(watch);
	while (r == -EAGAIN) {
		struct pollfd fd = {.fd = control_stream_fd(watch->stream), .events = POLLIN};
		int64_t left = watch->end - now();
		if (poll(&fd, 1, left > 0 ? (int)left : 0) == 0)
			break;
		r = read_lines(watch);
	}
}

cJSON *report_watch_end(struct report_watch *watch)
{
	cJSON *object;
	if (!watch)
		return NULL;
	if (watch->stream)
		read_rest(watch);
	object = cJSON_CreateObject();
	cJSON_AddNumberToObject(object, "seconds", watch->seconds);
	cJSON_AddItemToObject(object, "events", watch->events);
	cJSON_AddNumberToObject(object, "unseen", watch->unseen);
	if (watch->problem.code)
		cJSON_AddStringToObject(object, "problem", watch->problem.text);
	control_stream_close(watch->stream);
	free(watch);
	return object;
}
