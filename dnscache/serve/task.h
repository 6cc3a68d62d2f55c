/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_TASK_H
#define PODSG_DNS_TASK_H

/*
 * A question that is being asked, and everybody who waits for its answer: identical questions are
 * one task (the key of the cache says what is identical). Of a worker; bounded in number. Of the
 * tasks that several workers have for one question, one asks upstream, the others follow it.
 */

#include "dnscache/cache/cache.h"
#include "dnscache/wire/query.h"

#define TASKS_MAX 1024   /* of a worker */
#define WAITERS_MAX 8192 /* likewise, over all tasks */

struct worker;
struct client;
struct plan_zone;
struct task;
struct task_table;

int task_table_open(struct worker *worker);
void task_table_close(struct worker *worker); /* no task is left */

enum task_start {
	TASK_WAITING,  /* the client will be answered later */
	TASK_NO_ROOM,  /* too much is in flight */
	TASK_NOT_THIS, /* this client has too much in flight */
};

/* The client waits for the answer to its query, which starts a task or joins one. stale: the
 * worker's scratch holds an answer that may be told if the new one doesn't come in time. */
enum task_start task_wait(struct worker *worker, const struct plan_zone *zone,
                          const struct cache_key *key, const struct dns_query *query,
                          const struct client *client, bool stale);
/* Nobody waits: the cached answer is made new. Returns false and asks nothing where that is being
 * done already, by any worker, or has failed a short while ago (RFC 8767 §5). */
bool task_refresh(struct worker *worker, const struct plan_zone *zone, const struct cache_key *key,
                  const struct dns_query *query);

void task_tick(struct worker *worker); /* answers stale what waits too long */

/* task_follow.c: what other workers say of the questions that this one follows. */
void task_news(struct worker *worker);
/* Says that this worker lives, and asks what others who don't have not asked to the end. */
void task_follow_tick(struct worker *worker);
/* They are given up. */
void task_follow_end(struct worker *worker);

unsigned task_count(const struct worker *worker);

#endif
