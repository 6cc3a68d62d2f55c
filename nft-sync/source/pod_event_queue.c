/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "common/backoff.h"
#include "common/buffer.h"
#include "common/kube_message.h"
#include "common/log.h"
#include "nft-sync/source/pod_event_queue.h"

#define COMPONENT "podsg-nft-sync"

#define WAITING_MAX 512
#define EVENT_MAX (16U << 10)
#define ANSWER_MAX (64U << 10)
#define POD_NAME_KEPT 230 /* of the event's name, before its digest */

/* A node that boots says something of each of its pods; after that, one a second. */
#define AT_ONCE 150
#define REFILL 1000 /* milliseconds */

#define TRIES 4
#define PAUSE_FIRST 1000
#define PAUSE_LAST 60000
#define PAUSE_FORBIDDEN 600000
#define TIME_OUT 15000

struct waiting {
	STAILQ_ENTRY(waiting) link;
	char *path;
	struct buffer body;
	unsigned tries;
};

struct pod_event_queue {
	struct kube_client *client;
	struct kube_call *call; /* posts the first of the waiting */
	char *node;
	uv_timer_t timer;
	STAILQ_HEAD(waiting_list, waiting) waiting;
	size_t count;
	unsigned tokens;
	uint64_t refilled;   /* on the loop's clock */
	uint64_t silent_end; /* likewise: until then nothing is said */
	bool dropping;       /* as logged */
	bool forbidden;      /* as logged */
};

static void waiting_free(struct waiting *waiting)
{
	if (!waiting)
		return;
	buffer_done(&waiting->body);
	free(waiting->path);
	free(waiting);
}

static void drop_first(struct pod_event_queue *queue)
{
	struct waiting *first = STAILQ_FIRST(&queue->waiting);

	STAILQ_REMOVE_HEAD(&queue->waiting, link);
	queue->count--;
	waiting_free(first);
}

static void drop_all(struct pod_event_queue *queue)
{
	while (!STAILQ_EMPTY(&queue->waiting))
		drop_first(queue);
}

static bool take_token(struct pod_event_queue *queue)
{
	uint64_t now = uv_now(queue->timer.loop);
	uint64_t more = (now - queue->refilled) / REFILL;

	queue->refilled += more * REFILL;
	queue->tokens = more > AT_ONCE - queue->tokens ? AT_ONCE : queue->tokens + (unsigned)more;
	if (queue->tokens == 0)
		return false;
	queue->tokens--;
	return true;
}

static void send_first(struct pod_event_queue *queue);

static void timer_cb(uv_timer_t *timer)
{
	send_first(timer->data);
}

static void send_after(struct pod_event_queue *queue, uint64_t milliseconds)
{
	uv_timer_start(&queue->timer, timer_cb, milliseconds, 0);
}

/* A namespace that is being deleted forbids new objects, too, but only in itself. */
static bool is_forbidden(const struct http_answer *answer)
{
	struct kube_status status;

	return answer->status == 403 &&
	       !(answer->body && kube_status_read(answer->body, answer->body_length, &status) &&
	         strstr(status.message, "being terminated"));
}

static void note_forbidden(struct pod_event_queue *queue)
{
	if (!queue->forbidden)
		log_event(LOG_LEVEL_WARNING, "pod-events-forbidden",
		          "text=\"the API server lets nobody of this name create events\"");
	queue->forbidden = true;
	queue->silent_end = uv_now(queue->timer.loop) + PAUSE_FORBIDDEN;
	drop_all(queue);
}

/* No answer, or the server's own trouble: it may go better later. */
static bool is_passing(const struct http_answer *answer)
{
	return answer->error.code != 0 || answer->status == 429 || answer->status >= 500;
}

static void answered(void *context, const struct http_answer *answer)
{
	struct pod_event_queue *queue = context;
	struct waiting *first = STAILQ_FIRST(&queue->waiting);
	uint64_t pause = 0;

	queue->call = NULL;
	if (is_forbidden(answer)) {
		note_forbidden(queue);
		return;
	}
	if (is_passing(answer) && ++first->tries < TRIES) {
		pause = backoff_pause(first->tries, PAUSE_FIRST, PAUSE_LAST);
		if (pause < answer->retry_after * 1000ULL)
			pause = answer->retry_after * 1000ULL;
	} else {
		/* 409: said before, by this daemon's former life. */
		if (!is_passing(answer))
			queue->forbidden = false;
		drop_first(queue);
	}
	send_after(queue, pause);
}

static void send_first(struct pod_event_queue *queue)
{
	const struct waiting *first = STAILQ_FIRST(&queue->waiting);
	struct kube_request request = {
		.body_max = ANSWER_MAX,
		.idle_timeout = TIME_OUT,
		.total_timeout = TIME_OUT,
		.done = answered,
		.context = queue,
	};

	if (!first || queue->call)
		return;
	if (!take_token(queue)) {
		send_after(queue, REFILL);
		return;
	}
	request.path = first->path;
	request.body = first->body.text;
	request.body_length = first->body.length;
	if (kube_client_start(queue->client, &request, &queue->call, NULL) < 0)
		send_after(queue, PAUSE_LAST);
}

/* The name of an object begins and ends with a letter or digit. */
static int name_length(const char *pod)
{
	size_t length = strnlen(pod, POD_NAME_KEPT);

	while (length > 0 && (pod[length - 1] == '.' || pod[length - 1] == '-'))
		length--;
	return (int)length;
}

static void add_member(struct buffer *body, const char *before, const char *value)
{
	buffer_add_text(body, before);
	buffer_add_json(body, value);
}

static void write_event(struct buffer *body, const struct pod_event *event, const char *node)
{
	char now[32];
	time_t seconds = time(NULL);
	struct tm parts;

	(void)strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &parts));
	buffer_add_format(body,
	                  "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":"
	                  "\"%.*s.%016llx\"",
	                  name_length(event->pod), event->pod, (unsigned long long)event->digest);
	add_member(body, ",\"namespace\":", event->namespace);
	buffer_add_text(body, "},\"involvedObject\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\"");
	add_member(body, ",\"namespace\":", event->namespace);
	add_member(body, ",\"name\":", event->pod);
	add_member(body, ",\"uid\":", event->uid);
	add_member(body, "},\"reason\":", event->reason);
	add_member(body, ",\"message\":", event->message);
	add_member(body, ",\"type\":", event->warning ? "Warning" : "Normal");
	add_member(body, ",\"firstTimestamp\":", now);
	add_member(body, ",\"lastTimestamp\":", now);
	add_member(body,
	           ",\"count\":1,\"source\":{\"component\":\"" COMPONENT "\",\"host\":", node);
	add_member(body, "},\"reportingComponent\":\"" COMPONENT "\",\"reportingInstance\":", node);
	buffer_add_text(body, "}");
}

static struct waiting *waiting_new(const struct pod_event *event, const char *node)
{
	char namespace[3 * KUBE_NAMESPACE_SIZE];
	struct waiting *waiting = calloc(1, sizeof(*waiting));

	if (!waiting)
		return NULL;
	waiting->body.max = EVENT_MAX;
	kube_escape(event->namespace, namespace, sizeof(namespace));
	if (asprintf(&waiting->path, "/api/v1/namespaces/%s/events", namespace) < 0)
		waiting->path = NULL;
	write_event(&waiting->body, event, node);
	if (waiting->path && !waiting->body.failed)
		return waiting;
	waiting_free(waiting);
	return NULL;
}

static void note_dropped(struct pod_event_queue *queue, bool dropped)
{
	if (dropped && !queue->dropping)
		log_event(LOG_LEVEL_WARNING, "pod-events-dropped", "waiting=%zu", queue->count);
	queue->dropping = dropped;
}

void pod_event_queue_put(struct pod_event_queue *queue, const struct pod_event *event)
{
	struct waiting *waiting = NULL;

	if (uv_now(queue->timer.loop) < queue->silent_end)
		return;
	if (queue->count < WAITING_MAX)
		waiting = waiting_new(event, queue->node);
	note_dropped(queue, !waiting);
	if (!waiting)
		return;
	STAILQ_INSERT_TAIL(&queue->waiting, waiting, link);
	if (queue->count++ == 0)
		send_after(queue, 0);
}

int pod_event_queue_open(uv_loop_t *loop, struct kube_client *client, const char *node,
                         struct pod_event_queue **ret, struct error *err)
{
	struct pod_event_queue *queue = calloc(1, sizeof(*queue));

	if (queue)
		queue->node = strdup(node);
	if (!queue || !queue->node) {
		free(queue);
		return error_set(err, -ENOMEM, "out of memory");
	}
	queue->client = client;
	queue->tokens = AT_ONCE;
	queue->refilled = uv_now(loop);
	queue->timer.data = queue;
	STAILQ_INIT(&queue->waiting);
	uv_timer_init(loop, &queue->timer);
	*ret = queue;
	return 0;
}

static void closed_cb(uv_handle_t *handle)
{
	struct pod_event_queue *queue = handle->data;

	free(queue->node);
	free(queue);
}

void pod_event_queue_close(struct pod_event_queue *queue)
{
	if (!queue)
		return;
	kube_client_cancel(queue->call);
	drop_all(queue);
	uv_close((uv_handle_t *)&queue->timer, closed_cb);
}
