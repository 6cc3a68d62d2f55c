/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/backoff.h"
#include "common/log.h"
#include "dnscache/daemon_parts.h"

#define RELOAD_PERIOD 10000 /* milliseconds: of a template and a ConfigMap, as node-cache looks */

int daemon_make_plan(struct dnscache *daemon, struct plan **ret, struct error *err)
{
	struct corefile *corefile;
	struct dnscache_values values;
	int r = dnscache_values_read(daemon->options, daemon->config, &values, err);
	if (r < 0) {
		daemon->config_errors++;
		return r;
	}
	r = dnscache_values_corefile(&values, &corefile, err);
	if (r == 0)
		r = plan_make(corefile, values.listen, values.listen_count, daemon->counters, ret,
		              err);
	dnscache_values_free(&values);
	return r;
}

/* What is looked at to see whether the Corefile is another one. */
static void remember_sources(struct dnscache *daemon)
{
	const struct corefile *corefile = daemon->plan->corefile;
	struct file_identity *sources = calloc(corefile->path_count + 1, sizeof(*sources));
	free(daemon->sources);
	daemon->sources = sources;
	daemon->source_count = sources ? corefile->path_count : 0;
	for (size_t i = 0; i < daemon->source_count; i++)
		(void)file_identity_of(corefile->paths[i], &sources[i]);
}

static void schedule(struct dnscache *daemon)
{
	const struct corefile *corefile = daemon->plan->corefile;
	uint64_t pause = RELOAD_PERIOD;
	for (size_t i = 0; i < corefile->block_count; i++) {
		const struct server_block *block = &corefile->blocks[i];
		if (block->reload.present)
			pause = block->reload.interval + backoff_random(block->reload.jitter + 1);
	}
	daemon->next_reload = uv_now(&daemon->loop) + pause;
}

static void note_warnings(const struct corefile *corefile)
{
	for (size_t i = 0; i < corefile->warning_count; i++)
		log_text(LOG_LEVEL_WARNING, "corefile", corefile->warnings[i]);
}

/* As long as any zone may serve it behind its end. */
static void keep_stale(const struct dnscache *daemon, const struct corefile *corefile)
{
	uint32_t longest = 0;
	for (size_t i = 0; i < corefile->block_count; i++) {
		const struct cache_settings *cache = &corefile->blocks[i].cache;
		if (cache->stale.present && cache->stale.duration > longest)
			longest = cache->stale.duration;
	}
	cache_keep_stale(daemon->shared.cache, longest);
}

/* `debug` in any block is for the whole daemon, as CoreDNS has it. */
static void set_log_level(const struct dnscache *daemon, const struct corefile *corefile)
{
	bool debug = daemon->options->debug;
	for (size_t i = 0; i < corefile->block_count; i++)
		debug |= corefile->blocks[i].debug;
	enum log_level usual = daemon->options->quiet ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
	log_set_level(debug ? LOG_LEVEL_DEBUG : usual);
}

static void follow(struct dnscache *daemon, struct plan *plan)
{
	struct plan *before = daemon->plan;
	daemon->plan = plan;
	for (unsigned i = 0; i < daemon->worker_count; i++)
		worker_set_plan(daemon->workers[i], plan);
	plan_release(before);
	keep_stale(daemon, plan->corefile);
	set_log_level(daemon, plan->corefile);
	remember_sources(daemon);
	schedule(daemon);
	note_warnings(plan->corefile);
}

int daemon_follow_first(struct dnscache *daemon, struct error *err)
{
	struct plan *plan;
	int r = daemon_make_plan(daemon, &plan, err);
	if (r != 0)
		return r;
	follow(daemon, plan);
	return 0;
}

/* Tools rename the same Corefile into place again and again. */
static bool is_same_text(const struct plan *a, const struct plan *b)
{
	return memcmp(a->corefile->sha512, b->corefile->sha512, sizeof(a->corefile->sha512)) == 0;
}

static void stay(struct dnscache *daemon, const char *refusal)
{
	if (refusal[0] && strcmp(daemon->last_refusal, refusal) != 0)
		log_text(LOG_LEVEL_ERROR, "corefile-refused", refusal);
	snprintf(daemon->last_refusal, sizeof(daemon->last_refusal), "%s", refusal);
	remember_sources(daemon);
	schedule(daemon);
}

static void refuse(struct dnscache *daemon, const struct error *failure)
{
	daemon->reloads_failed++;
	stay(daemon, failure->text);
}

/* All of it or nothing: what cannot be had leaves the one before in force. */
static void take(struct dnscache *daemon, struct plan *plan)
{
	struct error failure = {0};
	if (listeners_attach(plan, daemon->plan, daemon->worker_count, daemon->handover, &failure) <
	    0) {
		plan_release(plan);
		refuse(daemon, &failure);
		return;
	}
	daemon->last_refusal[0] = '\0';
	follow(daemon, plan);
	daemon_open_pages(daemon);
	log_event(LOG_LEVEL_INFO, "corefile-reloaded", "blocks=%zu", plan->block_count);
}

static void reload(struct dnscache *daemon, bool unchanged_too)
{
	struct error failure = {0};
	struct plan *plan;
	if (daemon_make_plan(daemon, &plan, &failure) != 0) {
		refuse(daemon, &failure);
	} else if (!unchanged_too && is_same_text(plan, daemon->plan)) {
		plan_release(plan);
		stay(daemon, "");
	} else {
		take(daemon, plan);
	}
}

void daemon_reload(struct dnscache *daemon)
{
	reload(daemon, true);
}

static bool are_hosts_changed(const struct plan *plan)
{
	for (size_t i = 0; i < plan->block_count; i++)
		if (plan->blocks[i].hosts && hosts_changed(plan->blocks[i].hosts))
			return true;
	return false;
}

static bool is_changed(const struct dnscache *daemon)
{
	const struct corefile *corefile = daemon->plan->corefile;
	for (size_t i = 0; i < daemon->source_count; i++) {
		struct file_identity now;
		memset(&now, 0, sizeof(now));
		(void)file_identity_of(corefile->paths[i], &now);
		if (!file_identity_equal(&now, &daemon->sources[i]))
			return true;
	}
	return false;
}

void daemon_reload_if_changed(struct dnscache *daemon)
{
	bool hosts = are_hosts_changed(daemon->plan);
	if (!hosts && uv_now(&daemon->loop) < daemon->next_reload)
		return;
	/* What was refused may have been so for an address that is free now, or for a file that
	 * only the refused Corefile imports. */
	if (hosts || daemon->last_refusal[0] || is_changed(daemon))
		reload(daemon, hosts);
	else
		schedule(daemon);
}
