/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/document.h"
#include "common/kube_client.h"
#include "common/kube_watch.h"
#include "hooks/eni-gc/gc_pods.h"

#define PATIENCE 5000 /* milliseconds */
#define PATH_SIZE 1024
#define PODS_OF_NODE "/api/v1/pods?fieldSelector=spec.nodeName%3D"

struct question {
	uv_loop_t loop;
	uv_timer_t timer;
	struct kube_client *client;
	struct kube_watch *watch;
	struct gc_pods *pods;
	struct error error;
	int result; /* 1: not yet known */
};

static void answer(struct question *question, int result)
{
	if (question->result == 1)
		question->result = result;
	uv_stop(&question->loop);
}

static int add_pod(struct gc_pods *pods, const struct pod *pod, struct error *err)
{
	if (!pod->eni || pod->finished || pod->host_network)
		return 0;
	if (pods->list.count >= GC_PODS_MAX)
		return error_set(err, -E2BIG, "API server: more than %d pods", GC_PODS_MAX);
	struct gc_pod *added = vector_push(&pods->list);
	if (!added)
		return error_set(err, -ENOMEM, "API server: out of memory");
	(void)snprintf(added->name, sizeof(added->name), "%s/%s", pod->namespace, pod->name);
	added->vlan = pod->eni->vlan_id;
	return 0;
}

static void on_object(void *context, const struct kube_object *object, const char *api_version)
{
	struct question *question = context;
	struct document *document;
	if (object->change != KUBE_LISTED)
		return;
	if (document_parse_object(object->name, api_version, "Pod", object->text.text,
	                          object->text.length, &document, NULL) < 0) {
		question->pods->unread++;
		return;
	}
	int r = 0;
	for (size_t i = 0; i < document->pod_count && r == 0; i++)
		r = add_pod(question->pods, &document->pods[i], &question->error);
	document_free(document);
	if (r < 0)
		answer(question, r);
}

static void on_begin(void *context)
{
	struct question *question = context;
	question->pods->list.count = 0;
	question->pods->unread = 0;
}

static void on_end(void *context)
{
	answer(context, 0);
}

static void on_news(void *context)
{
	struct question *question = context;
	const struct kube_watch_state *state = kube_watch_state(question->watch);
	if (question->result != 1 || state->synced || !state->error[0])
		return;
	answer(question, error_set(&question->error, -EIO, "%s", state->error));
}

static void on_timer(uv_timer_t *timer)
{
	struct question *question = timer->data;
	answer(question, error_set(&question->error, -ETIMEDOUT, "%s: no list of pods in %d s",
	                           kube_client_server(question->client), PATIENCE / 1000));
}

static int begin(struct question *question, const struct config *config)
{
	const char *kubeconfig = config->kubernetes.kubeconfig;
	char node[PATH_SIZE / 2];
	char path[PATH_SIZE];
	kube_escape(config->node.name, node, sizeof(node));
	(void)snprintf(path, sizeof(path), "%s%s", PODS_OF_NODE, node);
	const struct kube_resource resource = {
		.kind = "Pod", .forms = {{path, "v1"}}, .from_cache = true};
	const struct kube_watch_handler handler = {.begin = on_begin,
	                                           .object = on_object,
	                                           .end = on_end,
	                                           .news = on_news,
	                                           .context = question};
	int r = kube_client_open(&question->loop, kubeconfig[0] ? kubeconfig : NULL,
	                         &question->client, &question->error);
	if (r < 0)
		return r;
	uv_timer_start(&question->timer, on_timer, PATIENCE, 0);
	return kube_watch_open(&question->loop, question->client, &resource, &handler,
	                       &question->watch, &question->error);
}

/* What is closed needs the loop once more. */
static void end(struct question *question)
{
	kube_watch_close(question->watch);
	kube_client_close(question->client);
	uv_close((uv_handle_t *)&question->timer, NULL);
	while (uv_run(&question->loop, UV_RUN_DEFAULT) != 0) {
	}
	uv_loop_close(&question->loop);
}

int gc_pods_ask(const struct config *config, struct gc_pods *ret, struct error *err)
{
	struct question question = {.pods = ret, .result = 1};
	*ret = (struct gc_pods){.list.item_size = sizeof(struct gc_pod)};
	if (!config->kubernetes.kubeconfig[0] && !config->kubernetes.in_cluster)
		return error_set(err, -EOPNOTSUPP, "sources.kubernetes is not configured");
	int r = uv_loop_init(&question.loop);
	if (r < 0)
		return error_set(err, r, "event loop: %s", uv_strerror(r));
	uv_timer_init(&question.loop, &question.timer);
	question.timer.data = &question;
	r = begin(&question, config);
	if (r == 0) {
		uv_run(&question.loop, UV_RUN_DEFAULT);
		r = question.result;
	}
	end(&question);
	if (r < 0)
		gc_pods_done(ret);
	return r < 0 ? error_set(err, r, "%s", question.error.text) : 0;
}

const struct gc_pod *gc_pods_find(const struct gc_pods *pods, unsigned vlan)
{
	const struct gc_pod *items = pods->list.items;
	for (size_t i = 0; i < pods->list.count; i++)
		if (items[i].vlan == vlan)
			return &items[i];
	return NULL;
}

void gc_pods_done(struct gc_pods *pods)
{
	vector_done(&pods->list);
	*pods = (struct gc_pods){0};
}
