/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "dnscache/node/handover.h"
#include "dnscache/serve/loop_check.h"
#include "dnscache/serve/port.h"
#include "dnscache/serve/worker_parts.h"

#define LAST_TURNS 2   /* of the loop, when a worker is told to stop */
#define LAST_ACCEPTS 9 /* times port_accept_tcp(): more than a listener's backlog has */

static void permissions_leave(struct permissions *permissions)
{
	if (permissions)
		atomic_fetch_sub_explicit(&permissions->readers, 1, memory_order_release);
}

void worker_clock(struct worker *worker)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	worker->now = (uint32_t)now.tv_sec;
	worker->now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct past_upstream *past_upstream(struct worker *worker, const struct sockaddr *address)
{
	size_t size = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
	                                             : sizeof(struct sockaddr_in);
	struct past_upstream *past = worker->past;
	while (past && memcmp(&past->address, address, size) != 0)
		past = past->next;
	if (past)
		return past;
	past = calloc(1, sizeof(*past));
	if (!past)
		return NULL;
	memcpy(&past->address, address, size);
	past->next = worker->past;
	worker->past = past;
	return past;
}

/* All members of struct upstream_counters are counters. */
static void add_counters(struct upstream_counters *sum, const struct upstream_counters *more)
{
	tally_value *to = (tally_value *)sum;
	const tally_value *from = (const tally_value *)more;
	for (size_t i = 0; i < sizeof(*sum) / sizeof(tally_value); i++)
		tally_add(&to[i], tally_read(&from[i]));
}

static void remember_counters(struct worker *worker, const struct forwarder *forwarder)
{
	const struct forward_counters *counters = forwarder_counters(forwarder);
	worker->past_broken += tally_read(&counters->broken);
	worker->past_rejects += tally_read(&counters->rejects);
	for (size_t i = 0; i < forwarder_upstream_count(forwarder); i++) {
		const struct sockaddr *address;
		const struct upstream_counters *of = forwarder_upstream(forwarder, i, &address);
		struct past_upstream *past = past_upstream(worker, address);
		if (past)
			add_counters(&past->counters, of);
	}
}

static void close_forwarders(struct worker *worker, struct worker_plan *plan)
{
	pthread_mutex_lock(&worker->forwarders_lock);
	struct forwarder **forwarders = plan->forwarders;
	for (unsigned i = 0; forwarders && i < plan->plan->forwarder_count; i++)
		if (forwarders[i])
			remember_counters(worker, forwarders[i]);
	plan->forwarders = NULL;
	pthread_mutex_unlock(&worker->forwarders_lock);
	for (unsigned i = 0; forwarders && i < plan->plan->forwarder_count; i++)
		if (forwarders[i])
			forwarder_close(forwarders[i]);
	free(forwarders);
}

static void free_plan(struct worker *worker, struct worker_plan *plan)
{
	close_forwarders(worker, plan);
	plan_release(plan->plan);
	free(plan);
}

static void free_idle_plans(struct worker *worker)
{
	struct worker_plan **link = &worker->older;
	while (*link) {
		struct worker_plan *plan = *link;
		if (plan->tasks > 0) {
			link = &plan->next;
			continue;
		}
		pthread_mutex_lock(&worker->forwarders_lock);
		*link = plan->next;
		pthread_mutex_unlock(&worker->forwarders_lock);
		free_plan(worker, plan);
	}
}

static int open_forwarders(struct worker *worker, struct worker_plan *made, struct error *err)
{
	const struct plan *plan = made->plan;
	made->forwarders = calloc(plan->forwarder_count + 1, sizeof(struct forwarder *));
	if (!made->forwarders)
		return error_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; i < plan->block_count; i++) {
		const struct plan_block *block = &plan->blocks[i];
		const struct server_block *settings = block->settings;
		for (size_t j = 0; j < settings->forward_count; j++) {
			int r = forwarder_open(&worker->loop, &settings->forwards[j],
			                       settings->bufsize, &worker->share,
			                       &made->forwarders[block->first_forwarder + j], err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Whatever goes wrong here, the plan before stays in force. */
static void follow_plan(struct worker *worker, struct plan *plan)
{
	struct error failure = {0};
	struct worker_plan *made = calloc(1, sizeof(*made));
	int r = -ENOMEM;
	if (made) {
		made->plan = plan;
		r = open_forwarders(worker, made, &failure);
	}
	if (r == 0)
		r = ports_follow(worker, plan);
	if (r < 0) {
		log_text(LOG_LEVEL_ERROR, "plan-not-followed",
		         failure.code ? failure.text : strerror(-r));
		(void)ports_follow(worker, worker->current ? worker->current->plan : NULL);
		if (made)
			free_plan(worker, made);
		else
			plan_release(plan);
		return;
	}
	pthread_mutex_lock(&worker->forwarders_lock);
	if (worker->current) {
		worker->current->next = worker->older;
		worker->older = worker->current;
	}
	worker->current = made;
	pthread_mutex_unlock(&worker->forwarders_lock);
	tcp_connections_follow(worker, plan);
}

static void take_orders(struct worker *worker)
{
	struct plan *plan = atomic_exchange(&worker->next_plan, NULL);
	if (plan)
		follow_plan(worker, plan);
	if (atomic_exchange(&worker->permissions_ordered, false)) {
		struct permissions *next = atomic_exchange(&worker->next_permissions, NULL);
		permissions_leave(worker->permissions);
		worker->permissions = next;
	}
}

static void empty_port(struct port *port)
{
	unsigned number = port->worker->index;
	if (atomic_load(&port->worker->successor)) {
		(void)port_read_udp(port);
		return;
	}
	for (unsigned i = 0; i < LAST_ACCEPTS && port_accept_tcp(port); i++) {
	}
	handover_silence(port->listener->tcp[number]);
	handover_silence(port->listener->udp[number]);
	while (port_read_udp(port)) {
	}
}

static void begin_to_stop(struct worker *worker)
{
	unsigned within = atomic_load(&worker->stop_within);
	if (within == 0 || worker->stopping)
		return;
	worker->stopping = true;
	worker->last_turns = LAST_TURNS;
	worker->stop_at = uv_now(&worker->loop) + within - 1;
	for (struct port *port = worker->ports; port; port = port->next)
		empty_port(port);
	(void)ports_follow(worker, NULL);
}

/* What has come on a connection is read when the loop turns. */
static void stop_when_done(struct worker *worker)
{
	if (!worker->stopping)
		return;
	if (worker->last_turns > 0) {
		worker->last_turns--;
		(void)uv_async_send(&worker->wake);
	} else if ((task_count(worker) == 0 && !tcp_busy(worker)) ||
	           uv_now(&worker->loop) >= worker->stop_at) {
		uv_stop(&worker->loop);
	}
}

static void wake_cb(uv_async_t *async)
{
	struct worker *worker = async->data;
	worker_clock(worker);
	take_orders(worker);
	task_news(worker);
	begin_to_stop(worker);
	stop_when_done(worker);
}

static void tick_cb(uv_timer_t *timer)
{
	struct worker *worker = timer->data;
	worker_clock(worker);
	tally_add(&worker->counters.ticks, 1);
	task_tick(worker);
	task_follow_tick(worker);
	tcp_tick(worker);
	ports_tick(worker);
	if (worker->index == 0)
		loop_check_tick(worker);
	free_idle_plans(worker);
	stop_when_done(worker);
}

static void close_walk(uv_handle_t *handle, void *context)
{
	(void)context;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* Questions in flight end with their forwarders; then nothing refers to a plan any more. */
static void worker_end(struct worker *worker)
{
	struct worker_plan *plans[2] = {worker->current, worker->older};
	(void)ports_follow(worker, NULL);
	for (int i = 0; i < 2; i++)
		for (struct worker_plan *plan = plans[i]; plan; plan = i ? plan->next : NULL)
			close_forwarders(worker, plan);
	task_follow_end(worker);
	flights_leave(worker->shared->flights, worker->index);
	tcp_close_all(worker);
	uv_close((uv_handle_t *)&worker->wake, NULL);
	uv_close((uv_handle_t *)&worker->tick, NULL);
	while (uv_run(&worker->loop, UV_RUN_DEFAULT) != 0) {
	}
	uv_walk(&worker->loop, close_walk, NULL);
	while (uv_run(&worker->loop, UV_RUN_DEFAULT) != 0) {
	}
	if (worker->current)
		free_plan(worker, worker->current);
	while (worker->older) {
		struct worker_plan *next = worker->older->next;
		free_plan(worker, worker->older);
		worker->older = next;
	}
	permissions_leave(worker->permissions);
}

static void wake(void *context)
{
	struct worker *worker = context;
	(void)uv_async_send(&worker->wake);
}

static void *worker_main(void *context)
{
	struct worker *worker = context;
	worker_clock(worker);
	flights_join(worker->shared->flights, worker->index, wake, worker);
	flights_beat(worker->shared->flights, worker->index, worker->now_us / 1000);
	take_orders(worker);
	(void)uv_run(&worker->loop, UV_RUN_DEFAULT);
	worker_end(worker);
	return NULL;
}

static void worker_free(struct worker *worker)
{
	task_table_close(worker);
	free(worker->connections);
	while (worker->past) {
		struct past_upstream *next = worker->past->next;
		free(worker->past);
		worker->past = next;
	}
	plan_release(atomic_load(&worker->next_plan));
	permissions_leave(atomic_load(&worker->next_permissions));
	free(worker->batch);
	free(worker->scratch);
	free(worker->reply);
	free(worker->tcp_reply);
	pthread_mutex_destroy(&worker->forwarders_lock);
	free(worker);
}

static int worker_loop_open(struct worker *worker)
{
	int r = uv_loop_init(&worker->loop);
	if (r < 0)
		return r;
	worker->wake.data = worker;
	worker->tick.data = worker;
	r = uv_async_init(&worker->loop, &worker->wake, wake_cb);
	if (r == 0)
		r = uv_timer_init(&worker->loop, &worker->tick);
	if (r == 0)
		r = uv_timer_start(&worker->tick, tick_cb, TICK_MILLISECONDS, TICK_MILLISECONDS);
	if (r == 0)
		r = -pthread_create(&worker->thread, NULL, worker_main, worker);
	return r;
}

static void order_permissions(struct worker *worker, struct permissions *permissions)
{
	if (permissions)
		atomic_fetch_add_explicit(&permissions->readers, 1, memory_order_relaxed);
	permissions_leave(atomic_exchange(&worker->next_permissions, permissions));
	atomic_store(&worker->permissions_ordered, true);
}

int worker_start(const struct worker_shared *shared, unsigned index, struct plan *plan,
                 struct permissions *permissions, struct worker **ret, struct error *err)
{
	struct worker *worker = aligned_alloc(64, (sizeof(*worker) + 63) / 64 * 64);
	if (!worker)
		return error_set(err, -ENOMEM, "no memory for a worker");
	memset(worker, 0, sizeof(*worker));
	pthread_mutex_init(&worker->forwarders_lock, NULL);
	worker->shared = shared;
	worker->index = index;
	worker->share =
		(struct forward_share){.workers = shared->workers, .channels_max = WORKER_CHANNELS};
	worker->scratch = aligned_alloc(64, (DNS_ANSWER_MAX + 63) / 64 * 64);
	worker->reply = malloc(DNS_MESSAGE_MAX);
	worker->tcp_reply = malloc(DNS_MESSAGE_MAX);
	worker->next_plan = plan_hold(plan);
	order_permissions(worker, permissions);
	worker->batch = udp_batch_new();
	bool failed = !worker->scratch || !worker->reply || !worker->tcp_reply || !worker->batch;
	int r = failed ? -ENOMEM : task_table_open(worker);
	if (r == 0)
		r = tcp_table_open(worker);
	if (r == 0)
		r = worker_loop_open(worker);
	if (r < 0) {
		worker_free(worker);
		return error_set(err, r, "worker %u: %s", index, strerror(-r));
	}
	*ret = worker;
	return 0;
}

void worker_set_plan(struct worker *worker, struct plan *plan)
{
	plan_release(atomic_exchange(&worker->next_plan, plan_hold(plan)));
	(void)uv_async_send(&worker->wake);
}

void worker_set_permissions(struct worker *worker, struct permissions *permissions)
{
	order_permissions(worker, permissions);
	(void)uv_async_send(&worker->wake);
}

void worker_stop(struct worker *worker, unsigned milliseconds, bool successor)
{
	atomic_store(&worker->successor, successor);
	atomic_store(&worker->stop_within, milliseconds + 1);
	(void)uv_async_send(&worker->wake);
}

void worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
	uv_loop_close(&worker->loop);
	worker_free(worker);
}

const struct worker_counters *worker_counters(const struct worker *worker)
{
	return &worker->counters;
}

static void visit_plan(const struct worker_plan *plan,
                       void (*visit)(void *context, const struct sockaddr *address,
                                     const struct upstream_counters *counters),
                       void *context)
{
	for (unsigned i = 0; plan->forwarders && i < plan->plan->forwarder_count; i++)
		for (size_t j = 0; j < forwarder_upstream_count(plan->forwarders[i]); j++) {
			const struct sockaddr *address;
			const struct upstream_counters *counters =
				forwarder_upstream(plan->forwarders[i], j, &address);
			visit(context, address, counters);
		}
}

void worker_each_upstream(struct worker *worker,
                          void (*visit)(void *context, const struct sockaddr *address,
                                        const struct upstream_counters *counters),
                          void *context)
{
	pthread_mutex_lock(&worker->forwarders_lock);
	if (worker->current)
		visit_plan(worker->current, visit, context);
	for (const struct worker_plan *plan = worker->older; plan; plan = plan->next)
		visit_plan(plan, visit, context);
	for (const struct past_upstream *past = worker->past; past; past = past->next)
		visit(context, (const struct sockaddr *)&past->address, &past->counters);
	pthread_mutex_unlock(&worker->forwarders_lock);
}

static void add_forward_counters(const struct worker_plan *plan, uint64_t *broken,
                                 uint64_t *rejects)
{
	for (unsigned i = 0; plan->forwarders && i < plan->plan->forwarder_count; i++) {
		const struct forward_counters *counters = forwarder_counters(plan->forwarders[i]);
		*broken += tally_read(&counters->broken);
		*rejects += tally_read(&counters->rejects);
	}
}

void worker_forward_counters(struct worker *worker, uint64_t *broken, uint64_t *rejects)
{
	pthread_mutex_lock(&worker->forwarders_lock);
	*broken = worker->past_broken;
	*rejects = worker->past_rejects;
	if (worker->current)
		add_forward_counters(worker->current, broken, rejects);
	for (const struct worker_plan *plan = worker->older; plan; plan = plan->next)
		add_forward_counters(plan, broken, rejects);
	pthread_mutex_unlock(&worker->forwarders_lock);
}
