/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/backoff.h"
#include "common/kube_lines.h"
#include "common/kube_watch.h"

#define PAGE_OBJECTS 500
#define PAGES_MAX 4096 /* of a list: a server could always have one more */
#define PAGE_MAX (32U << 20)
#define EVENT_MAX (8U << 20)

/* Milliseconds */
#define LIST_IDLE 30000
#define LIST_TOTAL 120000
#define WATCH_SETTLED 5000 /* one that ends earlier is no success */
#define WATCH_IDLE 100000  /* a bookmark comes about every minute, from servers that send them */
#define WATCH_SECONDS_MIN 300
#define WATCH_SECONDS_MAX 600
#define WATCH_GRACE 30000 /* of a server that should have ended the watch by itself */

struct kube_watch {
	uv_timer_t timer; /* until the next request */
	struct kube_client *client;
	struct kube_call *call; /* under way */
	const char *kind;
	char *paths[KUBE_WATCH_FORMS];
	const char *api_versions[KUBE_WATCH_FORMS];
	struct kube_watch_handler handler;
	struct kube_progress progress;
	size_t form;
	bool closing;

	bool listed; /* the list is complete: version is where a watch begins */
	bool from_cache;
	unsigned pages;                /* of the list at hand */
	char next[KUBE_CONTINUE_SIZE]; /* "" = the first page */
	char version[KUBE_VERSION_SIZE];

	struct kube_lines lines;
	bool settled;   /* the watch goes well for a while */
	bool heard;     /* something came in it */
	bool expired;   /* the server said so in it */
	unsigned quiet; /* milliseconds of silence after which the connection is doubted */
};

static const char *path_of(const struct kube_watch *watch)
{
	return watch->paths[watch->form];
}

static void tell_news(struct kube_watch *watch)
{
	if (watch->closing || !watch->progress.news)
		return;
	watch->progress.news = false;
	watch->handler.news(watch->handler.context);
}

static void go_on(struct kube_watch *watch);

/* Pauses between requests; during a watch, it is what says that the watch goes well. */
static void timer_cb(uv_timer_t *timer)
{
	struct kube_watch *watch = timer->data;

	if (!watch->call) {
		go_on(watch);
		return;
	}
	watch->settled = true;
	kube_progress_settled(&watch->progress);
	tell_news(watch);
}

static void go_on_after(struct kube_watch *watch, uint64_t milliseconds)
{
	if (!watch->closing)
		uv_timer_start(&watch->timer, timer_cb, milliseconds, 0);
}

static void list_anew(struct kube_watch *watch)
{
	watch->listed = false;
	watch->pages = 0;
	watch->next[0] = '\0';
}

static bool is_success(const struct kube_outcome *outcome)
{
	return outcome->error.code == 0 && outcome->status >= 200 && outcome->status < 300;
}

/* What the server says of an answer that is none, for a person to read. */
static void explain_status(const struct kube_watch *watch, const struct http_answer *answer,
                           struct kube_outcome *outcome)
{
	const struct error_place place = {.file = path_of(watch)};
	struct kube_status status;
	bool is_status =
		answer->body && kube_status_read(answer->body, answer->body_length, &status);

	error_at(&outcome->error, -EPROTO, &place,
	         is_status || answer->body_length == 0 ? NULL : answer->body, "HTTP status %d%s%s",
	         answer->status, is_status ? ": " : "", is_status ? status.message : "");
}

static struct kube_outcome outcome_of(const struct kube_watch *watch,
                                      const struct http_answer *answer)
{
	struct kube_outcome outcome = {.status = answer->status,
	                               .retry_after = answer->retry_after,
	                               .error = answer->error,
	                               .expired = watch->listed && watch->expired,
	                               .listing = !watch->listed,
	                               .forms = watch->paths[1] ? 2 : 1,
	                               .now = uv_now(watch->timer.loop)};

	if (outcome.error.code == 0 && !is_success(&outcome))
		explain_status(watch, answer, &outcome);
	return outcome;
}

static void fail(struct kube_watch *watch, const struct kube_outcome *outcome)
{
	struct kube_next next = kube_progress_failed(&watch->progress, outcome);

	if (outcome->error.code == -EMSGSIZE)
		watch->from_cache = false;
	if (next.new_list)
		list_anew(watch);
	if (next.next_form)
		watch->form = (watch->form + 1) % outcome->forms;
	tell_news(watch);
	go_on_after(watch, next.pause);
}

static int take_listed(void *context, const struct kube_object *object)
{
	struct kube_watch *watch = context;

	watch->handler.object(watch->handler.context, object, watch->api_versions[watch->form]);
	return watch->closing ? -ECANCELED : 0;
}

static int take_page(struct kube_watch *watch, const struct http_answer *answer, struct error *err)
{
	const char *kind = watch->kind;
	struct kube_page page;
	int ret =
		kube_page_read(path_of(watch), kind, answer->body, answer->body_length, &page, err);

	if (ret < 0)
		return ret;
	if (watch->pages == 0)
		watch->handler.begin(watch->handler.context);
	if (!watch->closing)
		ret = kube_page_objects(path_of(watch), kind, &page, take_listed, watch, err);
	if (ret < 0 || watch->closing)
		return ret;
	if (++watch->pages == PAGES_MAX && page.next[0])
		return error_set(err, -EBADMSG, "%s: a list of more than %d pages", path_of(watch),
		                 PAGES_MAX);
	memcpy(watch->next, page.next, sizeof(watch->next));
	memcpy(watch->version, page.version, sizeof(watch->version));
	return 0;
}

static void list_done(void *context, const struct http_answer *answer)
{
	struct kube_watch *watch = context;
	struct kube_outcome outcome = outcome_of(watch, answer);

	watch->call = NULL;
	if (is_success(&outcome))
		outcome.error.code = take_page(watch, answer, &outcome.error);
	if (watch->closing)
		return;
	if (!is_success(&outcome)) {
		fail(watch, &outcome);
		return;
	}
	if (!watch->next[0]) {
		watch->listed = true;
		watch->from_cache = false;
		watch->handler.end(watch->handler.context);
		kube_progress_listed(&watch->progress);
		tell_news(watch);
	}
	go_on_after(watch, 0);
}

static int take_event(void *context, const char *line, size_t length, struct error *err)
{
	struct kube_watch *watch = context;
	struct kube_event event;
	int ret = kube_event_read(NULL, watch->kind, line, length, &event, err);

	if (ret < 0)
		return ret;
	if (event.type == KUBE_EVENT_ERROR) {
		watch->expired = true;
		return error_set(err, -ESTALE, "%s",
		                 event.status.message[0] ? event.status.message
		                                         : "the watch ended with an error");
	}
	if (event.object.version[0])
		memcpy(watch->version, event.object.version, sizeof(watch->version));
	kube_progress_heard(&watch->progress);
	if (event.type == KUBE_EVENT_OBJECT)
		return take_listed(watch, &event.object);
	return 0;
}

static void watch_begun(void *context)
{
	struct kube_watch *watch = context;

	uv_timer_start(&watch->timer, timer_cb, WATCH_SETTLED, 0);
}

static int watch_received(void *context, const char *data, size_t length, struct error *err)
{
	struct kube_watch *watch = context;

	watch->heard = true;
	return kube_lines_feed(&watch->lines, data, length, take_event, watch, err);
}

/* A server without bookmarks is quiet while nothing changes: that is not to be taken for a
 * connection that is gone, time and again. */
static void note_quiet(struct kube_watch *watch)
{
	if (watch->heard)
		watch->quiet = WATCH_IDLE;
	else if (watch->quiet < WATCH_SECONDS_MAX * 1000)
		watch->quiet *= 2;
}

static void watch_done(void *context, const struct http_answer *answer)
{
	struct kube_watch *watch = context;
	struct kube_outcome outcome = outcome_of(watch, answer);

	watch->call = NULL;
	kube_lines_done(&watch->lines);
	if (watch->settled && outcome.error.code == -ETIMEDOUT) {
		note_quiet(watch);
		go_on_after(watch, 0);
	} else if (!is_success(&outcome)) {
		fail(watch, &outcome);
	} else if (watch->settled) {
		kube_progress_heard(&watch->progress);
		go_on_after(watch, 0);
	} else {
		go_on_after(watch, kube_progress_short(&watch->progress));
	}
}

static char separator(const char *path)
{
	return strchr(path, '?') ? '&' : '?';
}

static int start_list(struct kube_watch *watch, struct error *err)
{
	struct kube_request request = {
		.body_max = PAGE_MAX,
		.idle_timeout = LIST_IDLE,
		.total_timeout = LIST_TOTAL,
		.done = list_done,
		.context = watch,
	};
	const char *path = path_of(watch);
	char next[3 * KUBE_CONTINUE_SIZE];
	char *whole;
	int ret;

	kube_escape(watch->next, next, sizeof(next));
	if (asprintf(&whole, "%s%climit=%d%s%s%s", path, separator(path), PAGE_OBJECTS,
	             next[0] ? "&continue=" : "", next,
	             !next[0] && watch->from_cache ? "&resourceVersion=0" : "") < 0)
		return error_set(err, -ENOMEM, "%s: out of memory", path);
	request.path = whole;
	ret = kube_client_start(watch->client, &request, &watch->call, err);
	free(whole);
	return ret;
}

static int start_watch(struct kube_watch *watch, struct error *err)
{
	unsigned seconds =
		WATCH_SECONDS_MIN + backoff_random(WATCH_SECONDS_MAX - WATCH_SECONDS_MIN + 1);
	struct kube_request request = {
		.idle_timeout = watch->quiet,
		.total_timeout = seconds * 1000 + WATCH_GRACE,
		.begun = watch_begun,
		.received = watch_received,
		.done = watch_done,
		.context = watch,
	};
	const char *path = path_of(watch);
	char version[3 * KUBE_VERSION_SIZE];
	char *whole;
	int ret;

	watch->settled = false;
	watch->heard = false;
	watch->expired = false;
	kube_escape(watch->version, version, sizeof(version));
	if (asprintf(&whole,
	             "%s%cwatch=1&allowWatchBookmarks=true&timeoutSeconds=%u&resourceVersion=%s",
	             path, separator(path), seconds, version) < 0)
		return error_set(err, -ENOMEM, "%s: out of memory", path);
	request.path = whole;
	ret = kube_client_start(watch->client, &request, &watch->call, err);
	free(whole);
	return ret;
}

static void go_on(struct kube_watch *watch)
{
	struct kube_outcome outcome = {.listing = !watch->listed, .forms = 1};
	int ret = watch->listed ? start_watch(watch, &outcome.error)
	                        : start_list(watch, &outcome.error);

	if (ret < 0)
		fail(watch, &outcome);
}

static void watch_free(struct kube_watch *watch)
{
	if (!watch)
		return;
	for (size_t i = 0; i < KUBE_WATCH_FORMS; i++)
		free(watch->paths[i]);
	kube_lines_done(&watch->lines);
	free(watch);
}

static int copy_forms(struct kube_watch *watch, const struct kube_resource *resource)
{
	for (size_t i = 0; i < KUBE_WATCH_FORMS && resource->forms[i].path; i++) {
		watch->paths[i] = strdup(resource->forms[i].path);
		watch->api_versions[i] = resource->forms[i].api_version;
		if (!watch->paths[i])
			return -ENOMEM;
	}
	return 0;
}

int kube_watch_open(uv_loop_t *loop, struct kube_client *client,
                    const struct kube_resource *resource, const struct kube_watch_handler *handler,
                    struct kube_watch **ret, struct error *err)
{
	struct kube_watch *watch = calloc(1, sizeof(*watch));

	if (!watch || copy_forms(watch, resource) < 0) {
		watch_free(watch);
		return error_set(err, -ENOMEM, "%s: out of memory", resource->forms[0].path);
	}
	watch->client = client;
	watch->kind = resource->kind;
	watch->handler = *handler;
	watch->from_cache = resource->from_cache;
	watch->progress.absent_after = resource->absent_after;
	watch->quiet = WATCH_IDLE;
	watch->lines.rest.max = EVENT_MAX;
	watch->timer.data = watch;
	uv_timer_init(loop, &watch->timer);
	go_on_after(watch, 0);
	*ret = watch;
	return 0;
}

/* Only now: the watch may be closed by what reads a line of it. */
static void closed_cb(uv_handle_t *handle)
{
	watch_free(handle->data);
}

void kube_watch_close(struct kube_watch *watch)
{
	if (!watch || watch->closing)
		return;
	watch->closing = true;
	kube_client_cancel(watch->call);
	uv_close((uv_handle_t *)&watch->timer, closed_cb);
}

const struct kube_watch_state *kube_watch_state(const struct kube_watch *watch)
{
	return &watch->progress.state;
}
