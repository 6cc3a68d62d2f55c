/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/backoff.h"
#include "common/clean_up_entry.h"
#include "common/log.h"
#include "nft-sync/clean_ups.h"
#include "nft-sync/model/index.h"

/* Milliseconds. A DEL that is at work needs nobody's help; it holds the journal's lock, too. */
#define GRACE 1000
#define BUSY_PAUSE 200
#define PAUSE_FIRST 1000
#define PAUSE_LAST 60000

struct item {
	struct index_entry index; /* the first member; by sandbox and interface */
	LIST_ENTRY(item) link;
	char sandbox[JOURNAL_SANDBOX_MAX + 1];
	char ifname[16];
	unsigned failures; /* in a row */
	uint64_t due;      /* on the loop's clock */
	bool listed;
};

/* One at a time; its own copies, as it is run beside the loop. */
struct job {
	uv_work_t work;
	char directory[4096];
	char sandbox[JOURNAL_SANDBOX_MAX + 1];
	char ifname[16];
	int result;
	struct error error;
};

struct clean_ups {
	uv_loop_t *loop;
	struct sync *sync;
	void (*finished)(void *context);
	void *context;
	uv_timer_t timer;
	struct index index;
	LIST_HEAD(items, item) items;
	struct job job;
	bool at_work;
	bool closing;
	unsigned references; /* the timer and the job */
};

static void unref(struct clean_ups *clean_ups)
{
	if (--clean_ups->references > 0)
		return;
	index_done(&clean_ups->index);
	free(clean_ups);
}

static struct item *find(const struct clean_ups *clean_ups, const char *sandbox, const char *ifname)
{
	const struct index_key key = index_key_strings(0, sandbox, ifname);
	return (struct item *)index_first(&clean_ups->index, &key);
}

static void drop(struct clean_ups *clean_ups, struct item *item)
{
	index_remove(&clean_ups->index, &item->index);
	LIST_REMOVE(item, link);
	clean_ups->sync->history.clean_ups.open--;
	free(item);
}

/* Somebody may have done it since, or the sandbox is not gone after all. */
static int finish(struct job *job)
{
	const struct clean_up_options options = {.journal = job->directory};
	struct attachment attachment;
	int r = journal_read(job->directory, job->sandbox, job->ifname, &attachment, &job->error);
	if (r == -ENOENT || (r == 0 && attachment.state != ATTACHMENT_GONE)) {
		job->error = (struct error){0};
		return 0;
	}
	return r < 0 ? r : clean_up_entry(&options, &attachment, &job->error);
}

static void job_run(uv_work_t *work)
{
	struct clean_ups *clean_ups = work->data;
	struct job *job = &clean_ups->job;
	int lock = journal_lock(job->directory, 0, &job->error);
	if (lock < 0) {
		job->result = lock;
		return;
	}
	job->result = finish(job);
	(void)close(lock);
}

static void note_result(struct clean_ups *clean_ups, const struct job *job)
{
	struct error *error = &clean_ups->sync->history.clean_ups.error;
	if (job->result == 0)
		log_event(LOG_LEVEL_INFO, "cleaned-up", "sandbox=%s interface=%s", job->sandbox,
		          job->ifname);
	else if (strcmp(error->text, job->error.text) != 0)
		log_text(LOG_LEVEL_ERROR, "not-cleaned-up", job->error.text);
	*error = job->error;
}

static void settle(struct clean_ups *clean_ups, const struct job *job)
{
	struct item *item = find(clean_ups, job->sandbox, job->ifname);
	uint64_t now = uv_now(clean_ups->loop);
	if (job->result != -ETIMEDOUT)
		note_result(clean_ups, job);
	if (!item)
		return;
	if (job->result == 0)
		drop(clean_ups, item);
	else if (job->result == -ETIMEDOUT)
		item->due = now + backoff_jitter(BUSY_PAUSE);
	else
		item->due = now + backoff_pause(++item->failures, PAUSE_FIRST, PAUSE_LAST);
}

static void go_on(struct clean_ups *clean_ups);

static void job_done(uv_work_t *work, int status)
{
	struct clean_ups *clean_ups = work->data;
	bool finished = status == 0 && clean_ups->job.result == 0;
	clean_ups->at_work = false;
	if (!clean_ups->closing) {
		if (status == 0)
			settle(clean_ups, &clean_ups->job);
		if (finished)
			clean_ups->finished(clean_ups->context);
		go_on(clean_ups);
	}
	unref(clean_ups);
}

static int start(struct clean_ups *clean_ups, const struct item *item)
{
	struct job *job = &clean_ups->job;
	memset(job, 0, sizeof(*job));
	job->work.data = clean_ups;
	(void)snprintf(job->directory, sizeof(job->directory), "%s",
	               clean_ups->sync->config->hooks.journal);
	memcpy(job->sandbox, item->sandbox, sizeof(job->sandbox));
	memcpy(job->ifname, item->ifname, sizeof(job->ifname));
	int r = uv_queue_work(clean_ups->loop, &job->work, job_run, job_done);
	if (r < 0)
		return r;
	clean_ups->at_work = true;
	clean_ups->references++;
	return 0;
}

static void timer_cb(uv_timer_t *timer)
{
	go_on(timer->data);
}

/* The one that is due first: now, or later. */
static void go_on(struct clean_ups *clean_ups)
{
	const struct item *item;
	const struct item *first = NULL;
	uint64_t now = uv_now(clean_ups->loop);
	LIST_FOREACH(item, &clean_ups->items, link)
	if (!first || item->due < first->due)
		first = item;
	if (!first || clean_ups->at_work)
		uv_timer_stop(&clean_ups->timer);
	else if (first->due > now || start(clean_ups, first) < 0)
		uv_timer_start(&clean_ups->timer, timer_cb,
		               first->due > now ? first->due - now : PAUSE_FIRST, 0);
}

static void add(struct clean_ups *clean_ups, const struct attachment *attachment)
{
	bool room = index_reserve(&clean_ups->index, 1) == 0;
	struct item *item = room ? calloc(1, sizeof(*item)) : NULL;
	/* The next look at the journal tries again. */
	if (!item)
		return;
	memcpy(item->sandbox, attachment->sandbox, sizeof(item->sandbox));
	memcpy(item->ifname, attachment->ifname, sizeof(item->ifname));
	item->due = uv_now(clean_ups->loop) + GRACE;
	item->listed = true;
	item->index.key = index_key_strings(0, item->sandbox, item->ifname);
	index_insert(&clean_ups->index, &item->index);
	LIST_INSERT_HEAD(&clean_ups->items, item, link);
	clean_ups->sync->history.clean_ups.open++;
}

static void take(struct clean_ups *clean_ups, const struct attachment *attachment)
{
	struct item *item = find(clean_ups, attachment->sandbox, attachment->ifname);
	if (item)
		item->listed = true;
	else
		add(clean_ups, attachment);
}

static void drop_unlisted(struct clean_ups *clean_ups)
{
	struct item *next;
	for (struct item *item = LIST_FIRST(&clean_ups->items); item; item = next) {
		next = LIST_NEXT(item, link);
		if (!item->listed)
			drop(clean_ups, item);
		else
			item->listed = false;
	}
	if (LIST_EMPTY(&clean_ups->items))
		clean_ups->sync->history.clean_ups.error = (struct error){0};
}

void clean_ups_follow(struct clean_ups *clean_ups)
{
	const struct attachment *const *attachments;
	size_t count;
	if (model_attachments(clean_ups->sync->model, &attachments, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (attachments[i]->state == ATTACHMENT_GONE)
			take(clean_ups, attachments[i]);
	drop_unlisted(clean_ups);
	go_on(clean_ups);
}

struct clean_ups *clean_ups_new(uv_loop_t *loop, struct sync *sync, void (*finished)(void *context),
                                void *context)
{
	struct clean_ups *clean_ups = calloc(1, sizeof(*clean_ups));
	struct index index;
	if (!clean_ups || index_init(&index) < 0) {
		free(clean_ups);
		return NULL;
	}
	*clean_ups = (struct clean_ups){.loop = loop,
	                                .sync = sync,
	                                .finished = finished,
	                                .context = context,
	                                .index = index,
	                                .references = 1};
	LIST_INIT(&clean_ups->items);
	uv_timer_init(loop, &clean_ups->timer);
	clean_ups->timer.data = clean_ups;
	return clean_ups;
}

static void timer_closed(uv_handle_t *handle)
{
	unref(handle->data);
}

void clean_ups_free(struct clean_ups *clean_ups)
{
	if (!clean_ups)
		return;
	clean_ups->closing = true;
	while (!LIST_EMPTY(&clean_ups->items))
		drop(clean_ups, LIST_FIRST(&clean_ups->items));
	uv_close((uv_handle_t *)&clean_ups->timer, timer_closed);
}
