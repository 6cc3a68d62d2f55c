/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_TASK_PARTS_H
#define PODSG_DNS_TASK_PARTS_H

/* The inside of tasks: who waits (task.c), and the way of a question through the plugins to an
 * answer (ask.c), unless another worker has gone it already (task_follow.c). */

#include "dnscache/plugin/rewrite.h"
#include "dnscache/serve/flights.h"
#include "dnscache/serve/worker_parts.h"
#include "dnscache/wire/reply.h"

#define TASK_BUCKETS 1024 /* a power of two */

/* A client and what its reply needs of its query. There may be many: of a query no more is kept
 * than it has. */
struct waiter {
	struct waiter *next;
	struct client client;
	uint32_t hash;      /* of the client's address, for its limit */
	uint16_t head_size; /* of the packet: header and question */
	uint8_t bytes[];    /* the query up to its name; the packet's head; the cookie */
};

/* What the question that is in flight is for. */
enum task_stage {
	TASK_ASKS,   /* the answer itself */
	TASK_ASKS_A, /* dns64: there was no AAAA */
	TASK_CHASES, /* the end of a chain of CNAMEs that was made here */
};

struct task {
	struct task *next; /* in its bucket */
	struct worker *worker;
	struct worker_plan *plan; /* held */
	const struct plan_zone *zone;
	struct cache_key key;          /* its name is asked.name */
	struct dns_question asked;     /* by the clients, lower case */
	struct dns_question question;  /* as it goes upstream, after rewrites */
	struct rewrite_done *rewrites; /* NULL: the block has no rules */
	struct waiter *waiters;
	struct waiter **last_waiter;
	struct dns_answer *stale;      /* malloc'd; told at stale_at, or when the question fails */
	uint64_t stale_at;             /* milliseconds */
	uint64_t began;                /* microseconds */
	char remote[INET6_ADDRSTRLEN]; /* who asked first; for templates */
	bool tcp;                      /* so did the first client come */
	bool kept;                     /* the answer is in the cache, if it may be */
	bool flies;                    /* it asks, and other workers may follow it */
	bool following;                /* it does not ask: another worker does */
	bool ours_alone;               /* it failed for a reason that others need not have */
	struct flight flight;
	uint64_t follow_until; /* milliseconds; then it looks whether that worker lives */
	struct task *after;    /* in a list of some that follow */
	enum task_stage stage;
	enum count_source source;
	struct arena *arena;       /* of all that is made of messages; NULL: nothing yet */
	struct dns_records *first; /* what waits for the stage's question; in arena */
};

struct task_table {
	struct task *buckets[TASK_BUCKETS];
	unsigned count;
	unsigned following;     /* tasks that do */
	unsigned stale_waiting; /* tasks with a stale answer that nobody was told yet */
	unsigned waiter_count;
};

/* ask.c: asks; ends with task_done(), now or later. */
void ask_begin(struct task *task);
/* Of a task that has begun: with its question as it stands. */
void ask_upstream(struct task *task);
void ask_give_up(struct task *task);

struct task **task_bucket(const struct task_table *table, const struct cache_key *key);

/* task_follow.c: before the first question goes upstream. Returns false: it doesn't; somebody else
 * asks, or the answer has come meanwhile and the task is gone. */
bool task_take_off(struct task *task);
/* Those who follow are told; what is to be kept is kept. */
void task_land(struct task *task, const struct dns_answer *answer, enum count_source source);

/* task.c: everybody who waits is told, the answer is kept if it may be. answer: in somebody's
 * arena. The task is gone then. */
void task_done(struct task *task, const struct dns_answer *answer, enum count_source source);

#endif
