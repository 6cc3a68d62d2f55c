/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "common/exposition.h"
#include "common/log.h"
#include "dnscache/daemon_parts.h"

static bool is_looping(const struct plan *plan)
{
	for (size_t i = 0; i < plan->block_count; i++)
		if (atomic_load_explicit(&plan->blocks[i].looping, memory_order_relaxed))
			return true;
	return false;
}

static char *metrics(const struct dnscache *daemon, size_t *length)
{
	struct metrics_view view = {
		.counters = daemon->counters,
		.workers = daemon->workers,
		.worker_count = daemon->worker_count,
		.plan = daemon->plan,
		.cache = daemon->shared.cache,
		.permissions = daemon->permissions,
		.network = daemon->network,
		.config_errors = daemon->config_errors,
		.reloads_failed = daemon->reloads_failed,
		.health_failures = probe_failures(daemon->probe),
		.health_durations = probe_durations(daemon->probe),
		.looping = is_looping(daemon->plan),
		.legacy = daemon->options->legacy_metrics,
		.permissions_read_failures = daemon->permissions_read_failures,
	};
	memcpy(view.setup_errors, daemon->setup_errors, sizeof(view.setup_errors));
	return dns_metrics_page(&view, length);
}

static void say(struct http_reply *reply, int status, const char *text)
{
	reply->status = status;
	reply->body = strdup(text);
	reply->length = reply->body ? strlen(text) : 0;
}

static void health(const struct dnscache *daemon, struct http_reply *reply)
{
	const char *trouble = probe_trouble(daemon->probe);
	if (daemon->stopping)
		say(reply, 503, "stopping\n");
	else if (trouble[0])
		say(reply, 503, trouble);
	else
		say(reply, 200, "OK");
}

static void handle(void *context, const char *path, struct http_reply *reply)
{
	const struct dnscache *daemon = context;
	if (strcmp(path, "/metrics") == 0) {
		reply->body = metrics(daemon, &reply->length);
		reply->status = reply->body ? 200 : 500;
		reply->type = EXPOSITION_TYPE;
	} else if (strcmp(path, "/health") == 0 || strcmp(path, "/healthz") == 0) {
		health(daemon, reply);
	} else if (strcmp(path, "/ready") == 0) {
		/* Whoever can ask is served by workers that run. */
		say(reply, daemon->stopping ? 503 : 200, daemon->stopping ? "stopping" : "OK");
	}
}

static void add_page(struct dnscache *daemon, const char *address)
{
	if (!address || !address[0])
		return;
	for (size_t i = 0; i < daemon->page_count; i++)
		if (strcmp(daemon->pages[i].address, address) == 0)
			return;
	if (daemon->page_count == PAGES_MAX) {
		log_event(LOG_LEVEL_WARNING, "page-left-out", "address=%s most=%u", address,
		          PAGES_MAX);
		return;
	}
	snprintf(daemon->pages[daemon->page_count++].address, sizeof(daemon->pages[0].address),
	         "%s", address);
}

/* What is open already stays so; an address that somebody else has is tried again. */
static void open_page(struct dnscache *daemon, size_t i)
{
	struct error failure = {0};
	if (daemon->pages[i].server)
		return;
	(void)http_server_open(&daemon->loop, daemon->pages[i].address, handle, daemon, &failure,
	                       &daemon->pages[i].server);
	if (failure.code && strcmp(daemon->pages[i].problem, failure.text) != 0)
		log_text(LOG_LEVEL_ERROR, "page-unavailable", failure.text);
	snprintf(daemon->pages[i].problem, sizeof(daemon->pages[i].problem), "%s", failure.text);
}

static bool is_wanted(const struct dnscache *daemon, const char *address)
{
	const struct corefile *corefile = daemon->plan->corefile;
	bool wanted = strcmp(address, daemon->values.metrics_address) == 0;
	for (size_t i = 0; i < corefile->block_count && !wanted; i++) {
		const struct server_block *block = &corefile->blocks[i];
		const char *all[] = {block->prometheus.address, block->health.address,
		                     block->ready.address};
		for (size_t j = 0; j < 3; j++)
			wanted = wanted || (all[j] && strcmp(all[j], address) == 0);
	}
	return wanted;
}

static void close_unwanted(struct dnscache *daemon)
{
	size_t kept = 0;
	for (size_t i = 0; i < daemon->page_count; i++) {
		if (!is_wanted(daemon, daemon->pages[i].address)) {
			http_server_close(daemon->pages[i].server);
			continue;
		}
		daemon->pages[kept++] = daemon->pages[i];
	}
	memset(&daemon->pages[kept], 0, (daemon->page_count - kept) * sizeof(daemon->pages[0]));
	daemon->page_count = kept;
}

void daemon_open_pages(struct dnscache *daemon)
{
	const struct corefile *corefile = daemon->plan->corefile;
	close_unwanted(daemon);
	add_page(daemon, daemon->values.metrics_address);
	for (size_t i = 0; i < corefile->block_count; i++) {
		add_page(daemon, corefile->blocks[i].prometheus.address);
		add_page(daemon, corefile->blocks[i].health.address);
		add_page(daemon, corefile->blocks[i].ready.address);
	}
	for (size_t i = 0; i < daemon->page_count; i++)
		open_page(daemon, i);
}

void daemon_close_pages(struct dnscache *daemon)
{
	for (size_t i = 0; i < daemon->page_count; i++)
		http_server_close(daemon->pages[i].server);
	daemon->page_count = 0;
}
