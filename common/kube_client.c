/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/kube_client.h"
#include "common/kube_exec.h"
#include "common/kube_token.h"

struct kube_client {
	struct kube_config *config;
	struct http *http;
	struct kube_exec *exec;  /* NULL: no plugin */
	struct kube_token token; /* of a file; path NULL: no file */
	LIST_HEAD(kube_calls, kube_call) calls;
};

struct kube_call {
	LIST_ENTRY(kube_call) link;
	struct kube_client *client;
	struct kube_request request;
	char *url;
	char *method;
	char *content_type;
	char *body;
	struct http_call *http;         /* NULL: it waits for credentials */
	struct kube_exec_waiter waiter; /* while it waits */
	unsigned run;                   /* of the plugin, whose credentials it carries */
	char *token;                    /* of a file, that it carries */
	bool retried;
};

static void call_free(struct kube_call *call)
{
	if (!call)
		return;
	free(call->token);
	free(call->url);
	free(call->method);
	free(call->content_type);
	free(call->body);
	free(call);
}

static void call_end(struct kube_call *call, const struct http_answer *answer)
{
	void (*done)(void *, const struct http_answer *) = call->request.done;
	void *context = call->request.context;
	LIST_REMOVE(call, link);
	call_free(call);
	done(context, answer);
}

static void call_fail(struct kube_call *call, const struct error *failure)
{
	const struct http_answer answer = {.body = "", .error = *failure};
	call_end(call, &answer);
}

/* libcurl's words for a file that is not there name neither it nor who wants it. */
static int check_file(const struct kube_config *config, const char *what, const char *path,
                      struct error *err)
{
	if (!path || access(path, R_OK) == 0)
		return 0;
	int r = -errno;
	return error_set(err, r, "%s: user \"%.60s\": %s %s: %s", config->file, config->user, what,
	                 path, strerror(-r));
}

static int check_files(const struct kube_config *config, struct error *err)
{
	int r = check_file(config, "certificate-authority", config->ca_file, err);
	if (r == 0)
		r = check_file(config, "client-certificate", config->certificate_file, err);
	if (r == 0)
		r = check_file(config, "client-key", config->key_file, err);
	return r;
}

static void fill_tls(const struct kube_config *config, const struct kube_credential *credential,
                     struct http_tls *ret)
{
	bool made = credential && credential->certificate_pem;
	*ret = (struct http_tls){
		.ca_file = config->ca_file,
		.ca_pem = config->ca_pem,
		.certificate_file = config->certificate_file,
		.certificate_pem = made ? credential->certificate_pem : config->certificate_pem,
		.key_file = config->key_file,
		.key_pem = made ? credential->key_pem : config->key_pem,
		.server_name = config->server_name,
		.insecure = config->insecure,
	};
}

/* *ret NULL: no token is needed. */
static int find_token(struct kube_call *call, const struct kube_credential *credential,
                      const char **ret, struct error *err)
{
	struct kube_client *client = call->client;
	const struct kube_config *config = client->config;
	*ret = credential ? credential->token : config->token;
	if (!client->token.path)
		return 0;
	int r = kube_token_refresh(&client->token, false, err);
	if (r < 0 && config->token) {
		*err = (struct error){0};
		return 0;
	}
	if (r < 0) {
		error_wrap(err, "%s: user \"%.60s\": token", config->file, config->user);
		return r;
	}
	free(call->token);
	call->token = strdup(client->token.text);
	*ret = call->token;
	return call->token ? 0 : error_set(err, -ENOMEM, "out of memory");
}

static int make_header(char **ret, const char *start, const char *rest, struct error *err)
{
	if (asprintf(ret, "%s%s", start, rest) >= 0)
		return 0;
	*ret = NULL;
	return error_set(err, -ENOMEM, "out of memory");
}

static void on_begun(void *context)
{
	struct kube_call *call = context;
	call->request.begun(call->request.context);
}

static int on_received(void *context, const char *data, size_t length, struct error *err)
{
	struct kube_call *call = context;
	return call->request.received(call->request.context, data, length, err);
}

static void on_done(void *context, const struct http_answer *answer);

static int dispatch(struct kube_call *call, const struct kube_credential *credential,
                    struct error *err)
{
	const struct kube_request *wanted = &call->request;
	struct http_tls tls;
	struct http_request request = {
		.method = call->method,
		.url = call->url,
		.headers = {"Accept: application/json", "User-Agent: podsg/" PODSG_VERSION},
		.body = call->body,
		.body_length = wanted->body_length,
		.tls = &tls,
		.proxy = call->client->config->proxy,
		.body_max = wanted->body_max,
		.idle_timeout = wanted->idle_timeout,
		.total_timeout = wanted->total_timeout,
		.begun = wanted->begun ? on_begun : NULL,
		.received = wanted->received ? on_received : NULL,
		.done = on_done,
		.context = call,
	};
	size_t headers = 2;
	char *authorization = NULL;
	char *content_type = NULL;
	const char *token = NULL;
	int r = find_token(call, credential, &token, err);
	if (r == 0 && token)
		r = make_header(&authorization, "Authorization: Bearer ", token, err);
	if (r == 0 && call->body)
		r = make_header(&content_type, "Content-Type: ", call->content_type, err);
	if (authorization)
		request.headers[headers++] = authorization;
	if (content_type)
		request.headers[headers++] = content_type;
	fill_tls(call->client->config, credential, &tls);
	if (r == 0)
		r = http_start(call->client->http, &request, &call->http, err);
	free(authorization);
	free(content_type);
	return r;
}

/* Starts it, or has it wait for the plugin. */
static int go_on(struct kube_call *call, struct error *err)
{
	struct kube_client *client = call->client;
	const struct kube_credential *credential = NULL;
	int r = check_files(client->config, err);
	if (r < 0)
		return r;
	if (client->exec) {
		credential = kube_exec_credential(client->exec);
		if (!credential)
			return kube_exec_wait(client->exec, &call->waiter, err);
		call->run = kube_exec_run(client->exec);
	}
	return dispatch(call, credential, err);
}

static void on_ready(void *context, const struct error *failure)
{
	struct kube_call *call = context;
	struct error err = {0};
	if (failure)
		err = *failure;
	if (failure || go_on(call, &err) < 0)
		call_fail(call, &err);
}

/* Whether other credentials than the refused ones can be had. */
static bool can_renew(struct kube_call *call)
{
	struct kube_client *client = call->client;
	if (client->exec)
		return kube_exec_refused(client->exec, call->run);
	return client->token.path && call->token &&
	       kube_token_refresh(&client->token, true, NULL) == 0 &&
	       strcmp(client->token.text, call->token) != 0;
}

static void on_done(void *context, const struct http_answer *answer)
{
	struct kube_call *call = context;
	const struct kube_config *config = call->client->config;
	struct http_answer refused = *answer;
	struct error err = {0};
	call->http = NULL;
	if (answer->status != 401 || answer->error.code != 0) {
		call_end(call, answer);
		return;
	}
	if (!call->retried && can_renew(call)) {
		call->retried = true;
		if (go_on(call, &err) < 0)
			call_fail(call, &err);
		return;
	}
	error_set(&refused.error, -EACCES,
	          "%s: user \"%.60s\": the API server at %s refuses these credentials (401)",
	          config->file, config->user, config->server);
	call_end(call, &refused);
}

int kube_client_open(uv_loop_t *loop, const char *kubeconfig, struct kube_client **ret,
                     struct error *err)
{
	struct kube_client *client = calloc(1, sizeof(*client));
	if (!client)
		return error_set(err, -ENOMEM, "out of memory");
	LIST_INIT(&client->calls);
	int r = kubeconfig ? kube_config_load(kubeconfig, &client->config, err)
	                   : kube_config_in_cluster(KUBE_SERVICE_ACCOUNT, &client->config, err);
	if (r == 0)
		r = http_open(loop, &client->http, err);
	if (r == 0 && client->config->plugin)
		r = kube_exec_open(loop, client->config, KUBE_EXEC_TIMEOUT, &client->exec, err);
	if (r < 0) {
		kube_client_close(client);
		return r;
	}
	client->token.path = client->config->token_file;
	*ret = client;
	return 0;
}

void kube_client_close(struct kube_client *client)
{
	struct kube_call *next;
	if (!client)
		return;
	for (struct kube_call *call = LIST_FIRST(&client->calls); call; call = next) {
		next = LIST_NEXT(call, link);
		kube_client_cancel(call);
	}
	http_close(client->http);
	kube_exec_close(client->exec);
	kube_token_done(&client->token);
	kube_config_free(client->config);
	free(client);
}

const char *kube_client_server(const struct kube_client *client)
{
	return client->config->server;
}

static bool copy_text(char **ret, const char *text)
{
	*ret = text ? strdup(text) : NULL;
	return !text || *ret;
}

static bool copy_body(struct kube_call *call, const struct kube_request *request)
{
	const char *type = request->content_type ? request->content_type : "application/json";
	if (!request->body)
		return true;
	call->body = malloc(request->body_length + 1);
	if (!call->body)
		return false;
	memcpy(call->body, request->body, request->body_length);
	return copy_text(&call->content_type, type);
}

static struct kube_call *call_new(struct kube_client *client, const struct kube_request *request)
{
	struct kube_call *call = calloc(1, sizeof(*call));
	if (!call)
		return NULL;
	call->client = client;
	call->request = *request;
	call->waiter.ready = on_ready;
	call->waiter.context = call;
	if (asprintf(&call->url, "%s%s", client->config->server, request->path) < 0)
		call->url = NULL;
	if (!call->url || !copy_text(&call->method, request->method) || !copy_body(call, request)) {
		call_free(call);
		return NULL;
	}
	return call;
}

int kube_client_start(struct kube_client *client, const struct kube_request *request,
                      struct kube_call **ret, struct error *err)
{
	struct kube_call *call = call_new(client, request);
	if (!call)
		return error_set(err, -ENOMEM, "out of memory");
	int r = go_on(call, err);
	if (r < 0) {
		call_free(call);
		return r;
	}
	LIST_INSERT_HEAD(&client->calls, call, link);
	*ret = call;
	return 0;
}

void kube_client_cancel(struct kube_call *call)
{
	if (!call)
		return;
	if (call->http)
		http_cancel(call->http);
	else
		kube_exec_forget(&call->waiter);
	LIST_REMOVE(call, link);
	call_free(call);
}
