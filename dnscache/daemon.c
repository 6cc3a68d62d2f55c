/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/file_replace.h"
#include "common/log.h"
#include "dnscache/daemon.h"
#include "dnscache/daemon_parts.h"
#include "dnscache/node/memory_limit.h"
#include "dnscache/tell/errors_log.h"

/* Milliseconds that questions in flight have when the daemon ends; those that wait for a successor
 * fill the sockets' queues meanwhile. */
#define DRAIN 800
#define DRAIN_FOR_SUCCESSOR 300
/* Of `memory`, what is not the cache: program and libraries, and of each worker its questions in
 * flight and the answers that clients have not read yet, measured when both are at their most. */
#define MEMORY_PROGRAM (10u << 20)
#define MEMORY_WORKER (6u << 20)
/* Nobody's node asks more than these can answer, and each takes memory from the cache. */
#define WORKERS_USUAL 4
/* Of a control group's limit, what sockets and the kernel's own take besides. */
#define MEMORY_KERNEL 8
#define PROOF_PERIODS 10 /* that a cache of a former process is lived with */
#define DNS_PORT 53      /* of the cluster's servers where nobody says */

static uint64_t cache_bytes(const struct dnscache *daemon)
{
	uint64_t memory = daemon->config->dns.memory;
	uint64_t besides = MEMORY_PROGRAM + (uint64_t)daemon->shared.workers * MEMORY_WORKER;
	return memory > 2 * besides ? memory - besides : memory / 2;
}

static int open_cache(struct dnscache *daemon, struct error *err)
{
	bool adopted;
	int memfd = handover_take(daemon->handover, "cache");
	int r = cache_open(cache_bytes(daemon), memfd, &daemon->shared.cache, &adopted, err);
	if (r < 0)
		return r;
	/* Without a store the next start is a cold one. */
	if (!adopted) {
		(void)handover_forget("cache", NULL);
		(void)handover_store("cache", cache_memfd(daemon->shared.cache), NULL);
	}
	log_event(LOG_LEVEL_DEBUG, "cache-open", "adopted=%d", adopted);
	return 0;
}

static void warn_of_limit(uint64_t memory)
{
	struct memory_limit limit;
	char text[PATH_MAX + 256];
	if (!memory_limit_find(MEMORY_LIMIT_GROUPS, MEMORY_LIMIT_MOUNT, &limit) ||
	    memory <= limit.bytes - limit.bytes / MEMORY_KERNEL)
		return;
	snprintf(text, sizeof(text),
	         "dns.memory is %" PRIu64 " MiB, and the control group %s may have %" PRIu64
	         " MiB (MemoryMax=): the kernel will kill the cache before it is full",
	         memory >> 20, limit.group, limit.bytes >> 20);
	log_text(LOG_LEVEL_WARNING, "memory-limit-low", text);
}

/* A connection takes a descriptor, as does a question upstream. */
static void raise_file_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static unsigned count_workers(const struct dnscache_options *options)
{
	cpu_set_t cpus;
	unsigned count = options->workers;
	if (count == 0 && sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		count = (unsigned)CPU_COUNT(&cpus) < WORKERS_USUAL ? (unsigned)CPU_COUNT(&cpus)
		                                                   : WORKERS_USUAL;
	if (count == 0)
		count = 1;
	return count < WORKERS_MAX ? count : WORKERS_MAX;
}

static int open_shared(struct dnscache *daemon, struct error *err)
{
	struct worker_shared *shared = &daemon->shared;
	const struct config *config = daemon->config;
	if (getrandom(shared->cookie_secret, sizeof(shared->cookie_secret), 0) !=
	    (ssize_t)sizeof(shared->cookie_secret))
		return error_set(err, -errno, "no random numbers: %s", strerror(errno));
	shared->limits = client_limits_new(config->dns.client_rate, config->dns.client_outstanding);
	shared->flights = flights_new();
	shared->failures = failures_new();
	shared->workers = count_workers(daemon->options);
	daemon->counters = counter_table_new(shared->workers);
	daemon->probe = probe_new();
	if (!shared->limits || !shared->flights || !shared->failures || !daemon->counters ||
	    !daemon->probe)
		return error_set(err, -ENOMEM, "no memory");
	return open_cache(daemon, err);
}

static int start_workers(struct dnscache *daemon, struct error *err)
{
	unsigned count = daemon->shared.workers;
	int r = 0;
	while (r == 0 && daemon->worker_count < count) {
		r = worker_start(&daemon->shared, daemon->worker_count, daemon->plan,
		                 daemon->permissions, &daemon->workers[daemon->worker_count], err);
		if (r == 0)
			daemon->worker_count++;
	}
	return r;
}

static struct network_settings network_settings(const struct dnscache_values *values,
                                                const struct dnscache_options *options)
{
	return (struct network_settings){
		.interface = options->interface,
		.addresses = values->listen,
		.address_count = values->listen_count,
		.port = options->port,
		.health_port = options->health_port,
		.interface_wanted = options->setup_interface,
		.rules_wanted = options->setup_rules,
	};
}

/* Those that are configured, or a Service's address until branches.json names better ones. */
static int set_first_servers(struct dnscache *daemon, struct error *err)
{
	const struct dnscache_values *values = &daemon->values;
	struct cluster_server *servers =
		arena_array(values->arena, values->cluster_server_count, sizeof(*servers));
	if (!servers)
		return error_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; i < values->cluster_server_count; i++)
		servers[i] =
			(struct cluster_server){values->cluster_servers[i], DNS_PORT, DNS_PORT};
	return network_set_servers(daemon->network, servers, values->cluster_server_count, err);
}

static int open_network(struct dnscache *daemon, struct error *err)
{
	const struct dnscache_options *options = daemon->options;
	struct network_settings settings = network_settings(&daemon->values, options);
	int r = network_open(&settings, &daemon->network, err);
	if (r == 0)
		r = set_first_servers(daemon, err);
	if (r < 0)
		return r;
	struct error failure = {0};
	/* The addresses may be somebody else's to make, or come later. */
	if (network_set_up_interface(daemon->network, &failure) < 0) {
		daemon->setup_errors[NETWORK_INTERFACE_ADD]++;
		log_text(LOG_LEVEL_ERROR, "interface-not-set-up", failure.text);
	}
	return 0;
}

static void write_pid(const struct dnscache_options *options)
{
	struct error failure = {0};
	char text[16];
	int length = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (options->pid_file &&
	    file_replace(options->pid_file, text, (size_t)length, 0644, NULL, &failure) < 0)
		log_text(LOG_LEVEL_WARNING, "pid-file-not-written", failure.text);
}

static void tell_status(struct dnscache *daemon)
{
	struct cache_statistics cache;
	char line[NOTIFY_STATUS_MAX];
	const char *trouble = probe_trouble(daemon->probe);
	cache_statistics(daemon->shared.cache, &cache);
	snprintf(line, sizeof(line), "%s%s%" PRIu64 " names cached in %" PRIu64 " KiB", trouble,
	         trouble[0] ? "; " : "", cache.entries[0] + cache.entries[1], cache.bytes / 1024);
	notify_status(daemon->notify, line);
}

/* Whatever would have ended it at once has had its time. */
static void prove_cache(struct dnscache *daemon)
{
	if (daemon->periods <= PROOF_PERIODS && daemon->periods++ == PROOF_PERIODS)
		cache_prove(daemon->shared.cache);
}

/* A worker that is stuck does not come back; another process does. */
static void give_up_if_stuck(struct dnscache *daemon)
{
	if (!probe_stuck(daemon->probe))
		return;
	log_text(LOG_LEVEL_ERROR, "stuck", probe_trouble(daemon->probe));
	abort();
}

static void period_cb(uv_timer_t *timer)
{
	struct dnscache *daemon = timer->data;
	probe_turn(daemon->probe, daemon->plan, daemon->workers, daemon->worker_count);
	give_up_if_stuck(daemon);
	prove_cache(daemon);
	daemon_reload_if_changed(daemon);
	daemon_watch_branches(daemon);
	daemon_read_branches(daemon);
	daemon_keep_rules(daemon, false);
	daemon_open_pages(daemon);
	tell_status(daemon);
	errors_log_settle();
	log_settle();
}

static void lame_cb(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

static uint32_t lame_time(const struct plan *plan)
{
	uint32_t most = 0;
	for (size_t i = 0; i < plan->corefile->block_count; i++)
		if (plan->corefile->blocks[i].health.lameduck > most)
			most = plan->corefile->blocks[i].health.lameduck;
	return most;
}

static void stop_cb(uv_signal_t *handle, int number)
{
	struct dnscache *daemon = handle->data;
	if (daemon->stopping)
		return;
	daemon->stopping = true;
	daemon->leaving = number == SIGUSR2;
	log_event(LOG_LEVEL_INFO, "stopping", "signal=%d successor=%d", number, daemon->leaving);
	notify_stopping(daemon->notify);
	uv_timer_start(&daemon->lame, lame_cb, daemon->leaving ? 0 : lame_time(daemon->plan), 0);
}

static void reload_cb(uv_signal_t *handle, int number)
{
	struct dnscache *daemon = handle->data;
	(void)number;
	notify_reloading(daemon->notify);
	daemon_reload(daemon);
	notify_reloaded(daemon->notify);
}

static int start_signal(struct dnscache *daemon, uv_signal_t *handle, int number,
                        uv_signal_cb callback)
{
	handle->data = daemon;
	int r = uv_signal_init(&daemon->loop, handle);
	return r < 0 ? r : uv_signal_start(handle, callback, number);
}

static int start_handles(struct dnscache *daemon)
{
	daemon->period.data = daemon;
	daemon->lame.data = daemon;
	daemon->branches_watch.data = daemon;
	uv_timer_init(&daemon->loop, &daemon->period);
	uv_timer_init(&daemon->loop, &daemon->lame);
	uv_fs_event_init(&daemon->loop, &daemon->branches_watch);
	int r = start_signal(daemon, &daemon->terminate, SIGTERM, stop_cb);
	if (r == 0)
		r = start_signal(daemon, &daemon->interrupt, SIGINT, stop_cb);
	if (r == 0)
		r = start_signal(daemon, &daemon->successor, SIGUSR2, stop_cb);
	if (r == 0)
		r = start_signal(daemon, &daemon->reload, SIGUSR1, reload_cb);
	if (r == 0)
		r = start_signal(daemon, &daemon->hangup, SIGHUP, reload_cb);
	if (r == 0)
		r = uv_timer_start(&daemon->period, period_cb, 0, PROBE_PERIOD);
	return r;
}

static void network_cb(void *context)
{
	daemon_keep_rules(context, true);
}

/* Without it, the period looks. */
static void watch_network(struct dnscache *daemon)
{
	const struct dnscache_options *options = daemon->options;
	struct error failure = {0};
	if (!options->setup_interface)
		return;
	if (network_watch_open(&daemon->loop, options->interface, network_cb, daemon,
	                       &daemon->network_watch, &failure) < 0)
		log_text(LOG_LEVEL_WARNING, "network-not-watched", failure.text);
}

/* Queries are sent here once there are sockets in which they can wait, and they are answered once
 * answers take the right way and it is known who may ask. */
static int open_doors(struct dnscache *daemon, struct error *err)
{
	int r = open_network(daemon, err);
	if (r == 0)
		r = listeners_attach(daemon->plan, NULL, daemon->shared.workers, daemon->handover,
		                     err);
	if (r < 0)
		return r;
	handover_close(daemon->handover);
	daemon->handover = NULL;
	daemon_read_branches(daemon);
	daemon_keep_rules(daemon, true);
	return start_workers(daemon, err);
}

static int daemon_open(struct dnscache *daemon, struct error *err)
{
	int r = handover_open(&daemon->handover, err);
	if (r == 0)
		r = dnscache_values_read(daemon->options, daemon->config, &daemon->values, err);
	if (r == 0)
		r = open_shared(daemon, err);
	if (r == 0)
		r = daemon_follow_first(daemon, err);
	if (r == 0)
		r = open_doors(daemon, err);
	if (r < 0)
		return r;
	r = start_handles(daemon);
	watch_network(daemon);
	if (r == 0)
		r = notify_open(&daemon->loop, &daemon->notify, err);
	return r < 0 ? error_set(err, r, "event loop: %s", uv_strerror(r)) : 0;
}

static void close_walk(uv_handle_t *handle, void *context)
{
	(void)context;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void stop_workers(struct dnscache *daemon)
{
	unsigned drain = daemon->leaving ? DRAIN_FOR_SUCCESSOR : DRAIN;
	for (unsigned i = 0; i < daemon->worker_count; i++)
		worker_stop(daemon->workers[i], drain, daemon->leaving);
	for (unsigned i = 0; i < daemon->worker_count; i++)
		worker_join(daemon->workers[i]);
	daemon->worker_count = 0;
}

/* Who could not start has not made it, as far as it knows: there may be somebody who uses it. */
static bool keeps_network(const struct dnscache *daemon)
{
	return daemon->leaving || !daemon->started || daemon->options->skip_teardown;
}

/* Whoever asks is sent to the cluster's DNS before nobody answers here; the addresses go last, for
 * answers that are still on their way come from them. */
static void daemon_close(struct dnscache *daemon)
{
	struct error failure = {0};
	int r = 0;
	if (daemon->network && !keeps_network(daemon))
		r = network_tear_down_rules(daemon->network, &failure);
	stop_workers(daemon);
	if (daemon->network && !keeps_network(daemon))
		r = network_tear_down_interface(daemon->network, &failure);
	if (failure.code || r < 0)
		log_text(LOG_LEVEL_ERROR, "network-left-behind", failure.text);
	network_watch_close(daemon->network_watch);
	network_close(daemon->network);
	handover_close(daemon->handover);
	daemon_close_pages(daemon);
	notify_close(daemon->notify);
	uv_walk(&daemon->loop, close_walk, NULL);
	while (uv_run(&daemon->loop, UV_RUN_DEFAULT) != 0) {
	}
	uv_loop_close(&daemon->loop);
	daemon_forget_branches(daemon);
	plan_release(daemon->plan);
	dnscache_values_free(&daemon->values);
	if (daemon->shared.cache)
		cache_prove(daemon->shared.cache);
	cache_close(daemon->shared.cache);
	client_limits_free(daemon->shared.limits);
	failures_free(daemon->shared.failures);
	flights_free(daemon->shared.flights);
	counter_table_free(daemon->counters);
	probe_free(daemon->probe);
	free(daemon->sources);
}

static void run(struct dnscache *daemon)
{
	daemon->started = true;
	daemon_open_pages(daemon);
	write_pid(daemon->options);
	notify_ready(daemon->notify);
	log_event(LOG_LEVEL_INFO, "running", "workers=%u endpoints=%zu", daemon->worker_count,
	          daemon->plan->endpoint_count);
	uv_run(&daemon->loop, UV_RUN_DEFAULT);
}

int dnscache_run(const struct dnscache_options *options, struct error *err)
{
	struct dnscache *daemon = calloc(1, sizeof(*daemon));
	if (!daemon)
		return error_set(err, -ENOMEM, "no memory");
	daemon->options = options;
	(void)signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	int r = config_find(options->config, &daemon->config, err);
	if (r < 0) {
		free(daemon);
		return r;
	}
	warn_of_limit(daemon->config->dns.memory);
	r = uv_loop_init(&daemon->loop);
	if (r == 0) {
		r = daemon_open(daemon, err);
		if (r == 0)
			run(daemon);
		daemon_close(daemon);
	}
	config_free(daemon->config);
	free(daemon);
	return r;
}
