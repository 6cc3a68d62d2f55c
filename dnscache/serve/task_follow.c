/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/serve/task_parts.h"

/* Milliseconds without a turn of its loop, after which a worker has lost its questions to those who
 * follow: before the daemon gives it up, and before their clients do. */
#define PATIENCE 2000

_Static_assert(WORKERS_MAX <= FLIGHTS_WORKERS, "every worker has a bit");

static void follow(struct task *task)
{
	struct worker *worker = task->worker;
	if (task->waiters && task->follow_until == 0)
		tally_add(&worker->counters.coalesced, 1);
	task->following = true;
	task->follow_until = worker->now_us / 1000 + PATIENCE;
	worker->tasks->following++;
}

static void stop_following(struct task *task)
{
	task->following = false;
	task->worker->tasks->following--;
}

/* Between this worker's look at the cache and now, another one's question may have ended. */
static bool is_answered(struct task *task)
{
	struct worker *worker = task->worker;
	if (!task->waiters || !plan_is_cached(task->zone->block, &task->asked.name) ||
	    !cache_get(worker->shared->cache, &task->key, worker->scratch, DNS_ANSWER_MAX, NULL,
	               NULL) ||
	    !dns_answer_fresh(worker->scratch, worker->now))
		return false;
	task->kept = true;
	task_done(task, worker->scratch, COUNT_FROM_CACHE);
	return true;
}

bool task_take_off(struct task *task)
{
	const struct worker *worker = task->worker;
	uint64_t now = worker->now_us / 1000;
	uint64_t since = now > PATIENCE ? now - PATIENCE : 0;
	if (task->flies)
		return true;
	if (!flight_begin(worker->shared->flights, &task->flight, &task->key, worker->index,
	                  since)) {
		follow(task);
		return false;
	}
	task->flies = true;
	return !is_answered(task);
}

void task_land(struct task *task, const struct dns_answer *answer, enum count_source source)
{
	if (task->flies)
		flight_end(task->worker->shared->flights, &task->flight,
		           task->ours_alone ? NULL : answer, source, task->kept);
}

/* Tasks of several plans may follow one question. */
static struct task *find_follower(const struct worker *worker, const struct cache_key *key)
{
	struct task *task = *task_bucket(worker->tasks, key);
	while (task && !(task->following && cache_key_equal(&task->key, key)))
		task = task->next;
	return task;
}

/* Calls act for those that follow and whose time is over at now (milliseconds); it ends some. */
static void each_follower(struct worker *worker, uint64_t now, void (*act)(struct task *task))
{
	struct task *first = NULL;
	for (size_t i = 0; i < TASK_BUCKETS; i++)
		for (struct task *task = worker->tasks->buckets[i]; task; task = task->next)
			if (task->following && task->follow_until <= now) {
				task->after = first;
				first = task;
			}
	while (first) {
		struct task *task = first;
		first = task->after;
		stop_following(task);
		act(task);
	}
}

void task_news(struct worker *worker)
{
	bool lost;
	struct flights *flights = worker->shared->flights;
	struct flight_news *news = flights_take(flights, worker->index, &lost);
	while (news) {
		struct flight_news *next = news->next;
		struct task *task;
		while ((task = find_follower(worker, &news->key))) {
			stop_following(task);
			task->kept = news->kept;
			task_done(task, news->answer, news->source);
		}
		flight_news_free(flights, news);
		news = next;
	}
	if (lost)
		each_follower(worker, UINT64_MAX, ask_upstream);
}

void task_follow_tick(struct worker *worker)
{
	uint64_t now = worker->now_us / 1000;
	flights_beat(worker->shared->flights, worker->index, now);
	if (worker->tasks->following > 0)
		each_follower(worker, now, ask_upstream);
}

void task_follow_end(struct worker *worker)
{
	each_follower(worker, UINT64_MAX, ask_give_up);
}
