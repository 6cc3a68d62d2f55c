/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/plugin/loadbalance.h"
#include "dnscache/tell/errors_log.h"
#include "dnscache/tell/query_log.h"
#include "dnscache/serve/task_parts.h"

#define STALE_TTL 30 /* seconds: RFC 8767 §4 */
#define KEPT_OF_QUERY offsetof(struct dns_query, name)

int task_table_open(struct worker *worker)
{
	worker->tasks = calloc(1, sizeof(*worker->tasks));
	return worker->tasks ? 0 : -ENOMEM;
}

void task_table_close(struct worker *worker)
{
	free(worker->tasks);
	worker->tasks = NULL;
}

unsigned task_count(const struct worker *worker)
{
	return worker->tasks->count;
}

struct task **task_bucket(const struct task_table *table, const struct cache_key *key)
{
	/* Bits that the cache does not use for its own buckets are as good as any. */
	struct task *const *bucket = &table->buckets[key->hash >> 32 & (TASK_BUCKETS - 1)];
	return (struct task **)(uintptr_t)bucket;
}

/* Only of the plan in force: who waits refers to the endpoint he came by, which a task keeps alive
 * no longer than its own plan. */
static struct task *find_task(const struct worker *worker, const struct cache_key *key)
{
	struct task *task = *task_bucket(worker->tasks, key);
	while (task && !(task->plan == worker->current && cache_key_equal(&task->key, key)))
		task = task->next;
	return task;
}

static void free_task(struct task *task)
{
	free(task->rewrites);
	free(task->stale);
	arena_free(task->arena);
	free(task);
}

static struct task *new_task(struct worker *worker, const struct plan_zone *zone,
                             const struct cache_key *key, const struct dns_query *query)
{
	struct task_table *table = worker->tasks;
	if (table->count >= TASKS_MAX)
		return NULL;
	struct task *task = calloc(1, sizeof(*task));
	if (!task)
		return NULL;
	if (zone->block->settings->rewrite_count > 0) {
		task->rewrites = calloc(1, sizeof(*task->rewrites));
		if (!task->rewrites) {
			free(task);
			return NULL;
		}
	}
	task->worker = worker;
	task->zone = zone;
	task->asked.name = query->name;
	task->asked.type = query->type;
	task->asked.dnssec_ok = key->flags & DNS_KEY_DO;
	task->asked.checking_disabled = key->flags & DNS_KEY_CD;
	task->question = task->asked;
	task->key = *key;
	task->key.name = task->asked.name.wire;
	task->last_waiter = &task->waiters;
	task->began = worker->now_us;
	task->plan = worker->current;
	task->plan->tasks++;
	struct task **bucket = task_bucket(table, key);
	task->next = *bucket;
	*bucket = task;
	table->count++;
	atomic_store_explicit(&worker->counters.in_flight, table->count, memory_order_relaxed);
	return task;
}

static void unlink_task(struct task *task)
{
	struct task_table *table = task->worker->tasks;
	struct task **link = task_bucket(table, &task->key);
	while (*link != task)
		link = &(*link)->next;
	*link = task->next;
	table->count--;
	atomic_store_explicit(&task->worker->counters.in_flight, table->count,
	                      memory_order_relaxed);
}

static struct waiter *new_waiter(struct task_table *table, const struct dns_query *query)
{
	if (table->waiter_count >= WAITERS_MAX)
		return NULL;
	struct waiter *waiter = malloc(sizeof(*waiter) + KEPT_OF_QUERY + dns_query_body(query) +
	                               query->edns.cookie_size);
	if (waiter)
		table->waiter_count++;
	return waiter;
}

static void free_waiter(struct task_table *table, struct waiter *waiter)
{
	table->waiter_count--;
	free(waiter);
}

static void fill_waiter(struct waiter *waiter, const struct dns_query *query,
                        const struct client *client, uint32_t hash)
{
	uint8_t *packet = waiter->bytes + KEPT_OF_QUERY;
	waiter->next = NULL;
	waiter->client = *client;
	waiter->hash = hash;
	waiter->head_size = (uint16_t)dns_query_body(query);
	memcpy(waiter->bytes, query, KEPT_OF_QUERY);
	memcpy(packet, query->packet, waiter->head_size);
	if (query->edns.cookie)
		memcpy(packet + waiter->head_size, query->edns.cookie, query->edns.cookie_size);
	if (client->connection)
		tcp_hold(client->connection);
}

/* The query points into the waiter. */
static void recall_query(const struct waiter *waiter, struct dns_query *ret)
{
	memcpy(ret, waiter->bytes, KEPT_OF_QUERY);
	ret->packet = waiter->bytes + KEPT_OF_QUERY;
	ret->name.length = (uint8_t)(waiter->head_size - DNS_HEADER_SIZE - 4);
	dns_wire_lower(ret->name.wire, ret->packet + DNS_HEADER_SIZE, ret->name.length);
	if (ret->edns.cookie)
		ret->edns.cookie = ret->packet + waiter->head_size;
}

static void release_waiter(struct worker *worker, struct waiter *waiter)
{
	struct task_table *table = worker->tasks;
	client_limits_waited(worker->shared->limits, waiter->hash);
	if (waiter->client.connection)
		tcp_release(waiter->client.connection);
	free_waiter(table, waiter);
	atomic_store_explicit(&worker->counters.waiting, table->waiter_count, memory_order_relaxed);
}

/* What the cache holds now, for as long as the question takes. */
static void keep_stale(struct task *task)
{
	const struct worker *worker = task->worker;
	const struct cache_settings *cache = &task->zone->block->settings->cache;
	task->stale = malloc(worker->scratch->size);
	if (!task->stale)
		return;
	memcpy(task->stale, worker->scratch, worker->scratch->size);
	task->stale_at = worker->now_us / 1000 + cache->stale.client_timeout;
	task->worker->tasks->stale_waiting++;
}

enum task_start task_wait(struct worker *worker, const struct plan_zone *zone,
                          const struct cache_key *key, const struct dns_query *query,
                          const struct client *client, bool stale)
{
	uint32_t hash = client_hash(worker->shared->limits, &client->address.any);
	if (!client_limits_wait(worker->shared->limits, hash))
		return TASK_NOT_THIS;
	struct waiter *waiter = new_waiter(worker->tasks, query);
	struct task *task = waiter ? find_task(worker, key) : NULL;
	bool joined = task;
	if (waiter && !task)
		task = new_task(worker, zone, key, query);
	if (!task) {
		client_limits_waited(worker->shared->limits, hash);
		if (waiter)
			free_waiter(worker->tasks, waiter);
		return TASK_NO_ROOM;
	}
	fill_waiter(waiter, query, client, hash);
	atomic_store_explicit(&worker->counters.waiting, worker->tasks->waiter_count,
	                      memory_order_relaxed);
	*task->last_waiter = waiter;
	task->last_waiter = &waiter->next;
	if (stale && !task->stale)
		keep_stale(task);
	if (joined) {
		tally_add(&worker->counters.coalesced, 1);
		return TASK_WAITING;
	}
	task->tcp = client->connection;
	if (zone->block->settings->template_count > 0) {
		const void *address = client->address.any.sa_family == AF_INET
		                              ? (const void *)&client->address.four.sin_addr
		                              : (const void *)&client->address.six.sin6_addr;
		(void)inet_ntop(client->address.any.sa_family, address, task->remote,
		                sizeof(task->remote));
	}
	ask_begin(task);
	return TASK_WAITING;
}

static unsigned count_following(const struct worker *worker)
{
	return worker->tasks->following;
}

bool task_refresh(struct worker *worker, const struct plan_zone *zone, const struct cache_key *key,
                  const struct dns_query *query)
{
	struct task *task = NULL;
	if (!find_task(worker, key) &&
	    !failures_hold(worker->shared->failures, key->hash, worker->now))
		task = new_task(worker, zone, key, query);
	if (!task)
		return false;
	unsigned following = count_following(worker);
	ask_begin(task);
	return count_following(worker) == following;
}

static void tell_waiter(struct task *task, struct waiter *waiter, const struct dns_answer *answer,
                        bool stale, enum count_source source)
{
	struct worker *worker = task->worker;
	const struct server_block *block = task->zone->block->settings;
	struct zone_counters *counters = task->zone->counters[worker->index];
	uint8_t cookie[DNS_SERVER_COOKIE];
	struct dns_reply_form form;
	struct dns_query query;
	recall_query(waiter, &query);
	serve_form(worker, &waiter->client, &query, block->bufsize, cookie, &form);
	form.fresh = !stale;
	form.keep_ttl = block->cache.lifetimes.keep_ttl;
	if (stale) {
		form.stale_ttl = STALE_TTL;
		form.ede = answer->rcode == DNS_RCODE_NXDOMAIN ? DNS_EDE_STALE_NXDOMAIN
		                                               : DNS_EDE_STALE;
		tally_add(&counters->cache_stale, 1);
	}
	size_t size = dns_reply(&query, answer, &form, worker->reply);
	if (block->loadbalance)
		loadbalance_rotate(worker->reply, size, worker->turn++);
	uint64_t took = worker->now_us - waiter->client.received;
	serve_count_reply(counters, &waiter->client, size, answer->rcode, source);
	count_duration(counters, took, 1);
	if (block->log.present)
		query_log(&block->log, &waiter->client, &query, worker->reply, size, took);
	if (waiter->client.connection)
		tcp_send(waiter->client.connection, worker->reply, size);
	else
		udp_send(worker, &waiter->client, worker->reply, size);
	release_waiter(worker, waiter);
}

static void tell_all(struct task *task, const struct dns_answer *answer, bool stale,
                     enum count_source source)
{
	struct waiter *waiter = task->waiters;
	task->waiters = NULL;
	task->last_waiter = &task->waiters;
	while (waiter) {
		struct waiter *next = waiter->next;
		tell_waiter(task, waiter, answer, stale, source);
		waiter = next;
	}
}

static void drop_stale(struct task *task)
{
	if (!task->stale)
		return;
	task->worker->tasks->stale_waiting--;
	free(task->stale);
	task->stale = NULL;
}

static bool is_disabled(const struct task *task, enum dns_answer_kind kind)
{
	const struct cache_settings *cache = &task->zone->block->settings->cache;
	unsigned which = kind == DNS_KIND_SUCCESS ? 0 : 1;
	if (which == 0 ? !cache->disable_success : !cache->disable_denial)
		return false;
	if (cache->disabled_zone_count[which] == 0)
		return true;
	for (size_t i = 0; i < cache->disabled_zone_count[which]; i++)
		if (dns_name_under(&task->asked.name, &cache->disabled_zones[which][i]))
			return true;
	return false;
}

static void keep(struct task *task, const struct dns_answer *answer)
{
	if (plan_is_cached(task->zone->block, &task->asked.name) && answer->lifetime > 0 &&
	    !is_disabled(task, answer->kind))
		cache_put(task->worker->shared->cache, &task->key, answer);
}

/* A failure takes the place of nothing that is still good for something. */
void task_done(struct task *task, const struct dns_answer *answer, enum count_source source)
{
	bool failed = answer->kind == DNS_KIND_FAILURE;
	bool stale = failed && task->stale;
	bool refreshing = failed && !task->waiters;
	unlink_task(task);
	if (!task->ours_alone)
		failures_note(task->worker->shared->failures, task->key.hash, task->worker->now,
		              failed);
	if (task->zone->block->settings->debug)
		debug_log(&task->asked, answer->rcode, count_source_names[source],
		          task->worker->now_us - task->began);
	if (!stale && !refreshing && !task->kept) {
		keep(task, answer);
		task->kept = true;
	}
	task_land(task, answer, source);
	tell_all(task, stale ? task->stale : answer, stale, stale ? COUNT_FROM_CACHE : source);
	drop_stale(task);
	/* The worker frees it, but not under the feet of its forwarder. */
	task->plan->tasks--;
	free_task(task);
}

void task_tick(struct worker *worker)
{
	struct task_table *table = worker->tasks;
	uint64_t now = worker->now_us / 1000;
	if (table->stale_waiting == 0)
		return;
	for (size_t i = 0; i < TASK_BUCKETS; i++)
		for (struct task *task = table->buckets[i]; task; task = task->next)
			if (task->stale && task->stale_at <= now)
				tell_all(task, task->stale, true, COUNT_FROM_CACHE);
}
