/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file_identity.h"
#include "common/log.h"
#include "nft-sync/digest.h"
#include "nft-sync/source/pod_events.h"
#include "nft-sync/source/source_kubernetes.h"
#include "nft-sync/source/source_kubernetes_remote.h"
#include "nft-sync/source/source_kubernetes_resources.h"
#include "nft-sync/source/source_kubernetes_store.h"

#define TEXT_QUOTED_SIZE 1100

/* Pods of other nodes are followed for a while after nobody needs them: to list all of a cluster
 * costs its API server more than to go on. Milliseconds. */
#define LINGER 300000

struct followed {
	struct source_kubernetes *source;
	enum kubernetes_resource resource;
	struct kube_watch *watch;   /* NULL: not followed */
	struct object_store *store; /* NULL: pods of other nodes, which the model keeps itself */
	char complaint[512];        /* likewise: the newest object that was refused */
	uint64_t failure;           /* digest of the one that was logged last */
	bool absent;                /* as logged */
};

struct source_kubernetes {
	uv_loop_t *loop;
	const struct config *config;
	struct model *model;
	void (*changed)(void *context);
	void *context;
	struct kube_client *client;
	struct file_identity kubeconfig; /* as it was opened */
	struct pod_events *events;
	struct followed followed[KUBERNETES_RESOURCES];
	bool members_wanted;
	bool synced;     /* as told */
	bool dirty;      /* the model is another one since it was told */
	bool review;     /* likewise, in what follow_wanted() looks at */
	uv_timer_t tell; /* when the loop comes round */
	uv_timer_t linger;
	unsigned open_handles;
};

static struct followed *remote_pods(struct source_kubernetes *source)
{
	return &source->followed[KUBERNETES_REMOTE_PODS];
}

static bool accounts_selected(struct model *model)
{
	const struct security_group_policy *const *policies;
	size_t count;

	if (model_policies(model, &policies, &count) < 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if (policies[i]->service_accounts)
			return true;
	return false;
}

static bool has_interfaces(const struct model *model)
{
	for (size_t i = 0; i < model_document_count(model); i++)
		if (model_document(model, i)->interface_count > 0)
			return true;
	return false;
}

static bool needs_remote_pods(const struct source_kubernetes *source)
{
	return source->members_wanted && !source->config->ec2.enabled &&
	       !has_interfaces(source->model);
}

static void tell_cb(uv_timer_t *timer);

static void tell_soon(struct source_kubernetes *source)
{
	uv_timer_start(&source->tell, tell_cb, 0, 0);
}

/* Pods of other nodes come and go by the thousand, and make nobody follow anything else. */
static void note_change(struct followed *followed)
{
	followed->source->dirty = true;
	followed->source->review = followed->source->review || followed->store;
}

static void begin_cb(void *context)
{
	struct followed *followed = context;

	if (followed->store)
		object_store_begin(followed->store);
	else
		model_remote_begin(followed->source->model);
}

/* The API server removes such a pod from its store without a word before; with finalizers it says
 * so first. The kubelet, too, deletes with a period of 0 in the end, but only what was asked to go
 * before. */
static void look_at_deletion(struct followed *followed, const struct kube_object *object)
{
	struct kube_deletion now = kube_object_deletion(object);
	struct kube_deletion before;
	const struct document *document = object_store_document(followed->store, object, &before);
	const struct pod *pod = document && document->pod_count == 1 ? &document->pods[0] : NULL;
	bool at_once = object->change == KUBE_DELETED ? !now.asked : now.at_once;

	if (pod && !before.asked && at_once && pod->eni && !pod->finished && pod->address_count > 0)
		pod_events_deleted_at_once(followed->source->events, pod);
}

/* What a list says is told when it is complete: half of the policies are worse than those of
 * before. */
static void object_cb(void *context, const struct kube_object *object, const char *api_version)
{
	struct followed *followed = context;
	bool changed;

	if (followed->resource == KUBERNETES_LOCAL_PODS)
		look_at_deletion(followed, object);
	if (!followed->store)
		changed = remote_pod_take(followed->source->model, object, api_version,
		                          followed->complaint, sizeof(followed->complaint));
	else if (object->change == KUBE_DELETED)
		changed = object_store_remove(followed->store, object);
	else
		changed = object_store_put(followed->store, object, api_version);
	if (changed)
		note_change(followed);
	if (changed && object->change != KUBE_LISTED)
		tell_soon(followed->source);
}

static bool sweep(struct followed *followed)
{
	struct model *model = followed->source->model;
	uint64_t before = model_generation(model);

	if (followed->store)
		return object_store_sweep(followed->store);
	model_remote_sweep(model);
	return model_generation(model) != before;
}

static void end_cb(void *context)
{
	struct followed *followed = context;

	if (sweep(followed))
		note_change(followed);
	tell_soon(followed->source);
}

static size_t count_of(const struct followed *followed)
{
	return followed->store ? object_store_count(followed->store)
	                       : model_remote_count(followed->source->model);
}

static void news_cb(void *context)
{
	struct followed *followed = context;
	const struct kube_watch_state *state = kube_watch_state(followed->watch);
	const char *what = resource_facts[followed->resource].what;
	uint64_t failure = digest_text(DIGEST_START, state->error);
	char quoted[TEXT_QUOTED_SIZE];
	char quoted_what[64];

	log_quote(what, quoted_what, sizeof(quoted_what));
	if (state->absent && !followed->absent)
		log_event(LOG_LEVEL_INFO, "kubernetes-absent", "what=%s", quoted_what);
	else if (state->current && !state->absent)
		log_event(LOG_LEVEL_INFO, "kubernetes-current", "what=%s objects=%zu", quoted_what,
		          count_of(followed));
	else if (state->error[0] && failure != followed->failure)
		log_event(LOG_LEVEL_WARNING, "kubernetes-not-current", "what=%s text=%s",
		          quoted_what, log_quote(state->error, quoted, sizeof(quoted)));
	followed->absent = state->absent;
	followed->failure = failure;
	tell_soon(followed->source);
}

static void follow(struct followed *followed)
{
	struct source_kubernetes *source = followed->source;
	const struct kube_watch_handler handler = {
		.begin = begin_cb,
		.object = object_cb,
		.end = end_cb,
		.news = news_cb,
		.context = followed,
	};
	struct resource_place place;
	struct error failure = {0};

	if (followed->watch)
		return;
	resource_place(followed->resource, source->config->node.name, &place);
	followed->failure = 0;
	followed->absent = false;
	if (kube_watch_open(source->loop, source->client, &place.resource, &handler,
	                    &followed->watch, &failure) < 0)
		log_text(LOG_LEVEL_ERROR, "kubernetes-not-current", failure.text);
}

/* Also what an earlier source has left of it. */
static void unfollow(struct followed *followed)
{
	if (!followed->watch && count_of(followed) == 0)
		return;
	kube_watch_close(followed->watch);
	followed->watch = NULL;
	followed->complaint[0] = '\0';
	begin_cb(followed);
	if (!sweep(followed))
		return;
	note_change(followed);
	tell_soon(followed->source);
}

static void linger_cb(uv_timer_t *timer)
{
	struct source_kubernetes *source = timer->data;

	if (!needs_remote_pods(source))
		unfollow(remote_pods(source));
}

/* What depends on what else is known. */
static void follow_wanted(struct source_kubernetes *source)
{
	struct followed *accounts = &source->followed[KUBERNETES_ACCOUNTS];

	if (accounts_selected(source->model))
		follow(accounts);
	else
		unfollow(accounts);
	if (needs_remote_pods(source)) {
		uv_timer_stop(&source->linger);
		follow(remote_pods(source));
	} else if ((remote_pods(source)->watch || count_of(remote_pods(source)) > 0) &&
	           !uv_is_active((uv_handle_t *)&source->linger)) {
		uv_timer_start(&source->linger, linger_cb, LINGER, 0);
	}
}

static bool is_synced(const struct followed *followed)
{
	const struct kube_watch_state *state;

	if (!followed->watch)
		return true;
	state = kube_watch_state(followed->watch);
	return state->synced || state->absent ||
	       (state->forbidden && !resource_facts[followed->resource].essential);
}

static bool all_synced(const struct source_kubernetes *source)
{
	for (size_t i = 0; i < KUBERNETES_RESOURCES; i++)
		if (!is_synced(&source->followed[i]))
			return false;
	return true;
}

static void tell_cb(uv_timer_t *timer)
{
	struct source_kubernetes *source = timer->data;
	bool review = source->review;
	bool synced;

	source->review = false;
	if (review)
		follow_wanted(source);
	uv_timer_stop(timer);
	synced = all_synced(source);
	if (!source->dirty && synced == source->synced)
		return;
	source->dirty = false;
	source->synced = synced;
	source->changed(source->context);
}

static void closed_cb(uv_handle_t *handle)
{
	struct source_kubernetes *source = handle->data;

	if (--source->open_handles == 0)
		free(source);
}

static int open_stores(struct source_kubernetes *source)
{
	for (unsigned i = 0; i < KUBERNETES_RESOURCES; i++) {
		const struct resource_facts *facts = &resource_facts[i];
		struct followed *followed = &source->followed[i];

		*followed = (struct followed){.source = source, .resource = i};
		if (!facts->directory)
			continue;
		followed->store = object_store_new(source->model, facts->directory, facts->kind);
		if (!followed->store)
			return -ENOMEM;
	}
	return 0;
}

static int open_parts(struct source_kubernetes *source, struct error *err)
{
	const struct config *config = source->config;
	const char *kubeconfig = config->kubernetes.kubeconfig;
	int code = open_stores(source);

	if (code < 0)
		return error_set(err, code, "out of memory");
	(void)file_identity_of(kubeconfig, &source->kubeconfig);
	code = kube_client_open(source->loop, kubeconfig[0] ? kubeconfig : NULL, &source->client,
	                        err);
	if (code == 0)
		code = pod_events_open(source->loop, source->client, config->node.name,
		                       &source->events, err);
	return code;
}

static void source_close(void *handle)
{
	struct source_kubernetes *source = handle;

	for (size_t i = 0; i < KUBERNETES_RESOURCES; i++) {
		kube_watch_close(source->followed[i].watch);
		object_store_free(source->followed[i].store);
	}
	pod_events_close(source->events);
	kube_client_close(source->client);
	uv_close((uv_handle_t *)&source->tell, closed_cb);
	uv_close((uv_handle_t *)&source->linger, closed_cb);
}

static int source_open(uv_loop_t *loop, const struct config *config, struct model *model,
                       void (*changed)(void *context), void *context, void **ret, struct error *err)
{
	struct source_kubernetes *source = calloc(1, sizeof(*source));
	int code;

	if (!source)
		return error_set(err, -ENOMEM, "out of memory");
	*source = (struct source_kubernetes){.loop = loop,
	                                     .config = config,
	                                     .model = model,
	                                     .changed = changed,
	                                     .context = context,
	                                     .open_handles = 2};
	source->tell.data = source;
	source->linger.data = source;
	uv_timer_init(loop, &source->tell);
	uv_timer_init(loop, &source->linger);
	code = open_parts(source, err);
	if (code < 0) {
		source_close(source);
		return code;
	}
	for (size_t i = 0; i < KUBERNETES_RESOURCES; i++)
		if (i != KUBERNETES_ACCOUNTS && i != KUBERNETES_REMOTE_PODS)
			follow(&source->followed[i]);
	follow_wanted(source);
	*ret = source;
	return 0;
}

static bool source_enabled(const struct config *config)
{
	return config->kubernetes.kubeconfig[0] || config->kubernetes.in_cluster;
}

/* Files that it refers to are read when they are needed. One that is gone may come back. */
static bool kubeconfig_changed(const struct source_kubernetes *source)
{
	struct file_identity now;

	return file_identity_of(source->config->kubernetes.kubeconfig, &now) == 0 &&
	       !file_identity_equal(&now, &source->kubeconfig);
}

static bool source_same(const void *handle, const struct config *b)
{
	const struct source_kubernetes *source = handle;
	const struct config *a = source->config;

	return !kubeconfig_changed(source) &&
	       strcmp(a->kubernetes.kubeconfig, b->kubernetes.kubeconfig) == 0 &&
	       a->kubernetes.in_cluster == b->kubernetes.in_cluster &&
	       strcmp(a->node.name, b->node.name) == 0 && a->ec2.enabled == b->ec2.enabled;
}

static bool source_synced(const void *handle)
{
	const struct source_kubernetes *source = handle;

	return !uv_is_active((const uv_handle_t *)&source->tell) && all_synced(source);
}

static void show(const struct followed *followed, struct source_status *ret)
{
	const struct kube_watch_state *state = kube_watch_state(followed->watch);

	*ret = (struct source_status){
		.source = "kubernetes",
		.what = resource_facts[followed->resource].what,
		.synced = state->synced || state->absent,
		.current = state->current,
		.absent = state->absent,
		.fresh = state->fresh,
		.objects = count_of(followed),
		.failures = state->failures,
	};
	if (state->error[0])
		(void)snprintf(ret->error, sizeof(ret->error), "%s", state->error);
	else if (followed->store)
		object_store_complaint(followed->store, ret->error, sizeof(ret->error));
	else
		(void)snprintf(ret->error, sizeof(ret->error), "%s", followed->complaint);
}

static size_t source_status(const void *handle, struct source_status *ret, size_t max)
{
	const struct source_kubernetes *source = handle;
	size_t count = 0;

	for (size_t i = 0; i < KUBERNETES_RESOURCES && count < max; i++)
		if (source->followed[i].watch)
			show(&source->followed[i], &ret[count++]);
	return count;
}

static void source_want(void *handle, const struct wanted *wanted)
{
	struct source_kubernetes *source = handle;

	source->members_wanted = wanted->members.count > 0;
	follow_wanted(source);
	/* Whoever asks now whether it is synced hears of it when it is again. */
	source->synced = source->synced && all_synced(source);
}

static void source_committed(void *handle, const struct resolution *resolution)
{
	struct source_kubernetes *source = handle;

	pod_events_committed(source->events, resolution, source->model);
}

static void source_forget(struct model *model)
{
	model_remote_begin(model);
	model_remote_sweep(model);
}

const struct live_kind source_kubernetes_kind = {
	.name = "kubernetes",
	.enabled = source_enabled,
	.same = source_same,
	.open = source_open,
	.close = source_close,
	.synced = source_synced,
	.status = source_status,
	.want = source_want,
	.forget = source_forget,
	.committed = source_committed,
};
