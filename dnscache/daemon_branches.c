/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "dnscache/daemon_parts.h"

/* Milliseconds; two short dumps of rules. */
#define RULES_PERIOD 1000

static void free_permissions(struct permissions *permissions)
{
	branches_free(permissions->branches);
	free(permissions);
}

/* Those that every worker has left. */
static void free_retired(struct dnscache *daemon)
{
	struct permissions **link = &daemon->retired;
	while (*link) {
		struct permissions *permissions = *link;
		if (atomic_load_explicit(&permissions->readers, memory_order_acquire) > 0) {
			link = &permissions->next;
			continue;
		}
		*link = permissions->next;
		free_permissions(permissions);
	}
}

void daemon_forget_branches(struct dnscache *daemon)
{
	free_retired(daemon);
	if (daemon->permissions)
		free_permissions(daemon->permissions);
	daemon->permissions = NULL;
}

/* What podsg.yaml names is right in any case. */
static void follow_servers(struct dnscache *daemon, const struct branches *branches)
{
	struct error failure = {0};
	size_t count;
	const struct cluster_server *servers = branches_servers(branches, &count);
	if (daemon->network && daemon->config->dns.cluster_server_count == 0 &&
	    network_set_servers(daemon->network, servers, count, &failure) < 0)
		log_text(LOG_LEVEL_ERROR, "network-not-set-up", failure.text);
}

static void spread(struct dnscache *daemon, struct permissions *permissions)
{
	for (unsigned i = 0; i < daemon->worker_count; i++)
		worker_set_permissions(daemon->workers[i], permissions);
	if (daemon->permissions) {
		daemon->permissions->next = daemon->retired;
		daemon->retired = daemon->permissions;
	}
	daemon->permissions = permissions;
	daemon_keep_rules(daemon, true);
}

static void read_new(struct dnscache *daemon, const char *path)
{
	struct error failure = {0};
	struct branches *branches;
	unsigned skipped = 0;
	const struct branches *before = daemon->permissions ? daemon->permissions->branches : NULL;
	struct permissions *permissions = calloc(1, sizeof(*permissions));
	int r = permissions ? branches_load(path, before, &branches, &skipped, &failure) : -ENOMEM;
	if (r < 0) {
		free(permissions);
		daemon->permissions_read_failures++;
		log_text(LOG_LEVEL_ERROR, "branches-refused",
		         failure.code ? failure.text : strerror(-r));
		return;
	}
	permissions->branches = branches;
	if (skipped > 0)
		log_event(LOG_LEVEL_WARNING, "branches-skipped", "file=%s items=%u", path, skipped);
	log_event(LOG_LEVEL_DEBUG, "branches-read", "clients=%zu", branches_client_count(branches));
	follow_servers(daemon, branches);
	spread(daemon, permissions);
}

/* A broken file leaves the one before in force; none at all restricts nobody: DESIGN §8. */
void daemon_read_branches(struct dnscache *daemon)
{
	const char *path = daemon->config->nft_sync.branches;
	struct file_identity now;
	memset(&now, 0, sizeof(now));
	free_retired(daemon);
	int r = file_identity_of(path, &now);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		return;
	if (file_identity_equal(&now, &daemon->branches_identity))
		return;
	daemon->branches_identity = now;
	if (r == 0)
		read_new(daemon, path);
	else
		spread(daemon, NULL);
}

/* Others' files in its directory are no reason to look. */
static void changed_cb(uv_fs_event_t *watch, const char *name, int events, int status)
{
	struct dnscache *daemon = watch->data;
	const char *path = daemon->config->nft_sync.branches;
	const char *slash = strrchr(path, '/');
	(void)events;
	(void)status;
	if (!name || strcmp(name, slash ? slash + 1 : path) == 0)
		daemon_read_branches(daemon);
}

/* The directory, for the file is renamed into place. Without it, the period looks. */
void daemon_watch_branches(struct dnscache *daemon)
{
	char *path = strdup(daemon->config->nft_sync.branches);
	if (daemon->branches_watched || !path) {
		free(path);
		return;
	}
	daemon->branches_watched =
		uv_fs_event_start(&daemon->branches_watch, changed_cb, dirname(path), 0) == 0;
	free(path);
}

void daemon_keep_rules(struct dnscache *daemon, bool now)
{
	struct error failure = {0};
	uint64_t time = uv_now(&daemon->loop);
	size_t count = 0;
	const char *const *strict = NULL;
	if (!daemon->network || daemon->stopping || (!now && time < daemon->next_rules))
		return;
	daemon->next_rules = time + RULES_PERIOD;
	if (daemon->permissions)
		strict = branches_strict(daemon->permissions->branches, &count);
	enum network_trouble trouble = NETWORK_INTERFACE_CHECK;
	int r = network_set_up_interface(daemon->network, &failure);
	if (r == 0) {
		trouble = NETWORK_RULES;
		r = network_set_up_rules(daemon->network, strict, count, &failure);
	}
	if (r < 0) {
		daemon->next_rules = time; /* again, a period from now */
		daemon->setup_errors[trouble]++;
		if (strcmp(daemon->last_trouble, failure.text) != 0)
			log_text(LOG_LEVEL_ERROR, "network-not-set-up", failure.text);
	}
	snprintf(daemon->last_trouble, sizeof(daemon->last_trouble), "%s", failure.text);
}
