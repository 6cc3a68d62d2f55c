/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Asks an API server as the command line says, one step behind the other, and prints one line of
 * JSON for each answer: kube_get KUBECONFIG|- STEP...
 *   /PATH       GET, and wait for the answer
 *   +/PATH      GET together with the next step
 *   !MS/PATH    GET, cancelled after so many milliseconds
 *   =/PATH      POST of {}
 *   close       close the client, which goes on with nothing
 *   COMMAND     anything else runs in a shell
 * "-" is the service account of a pod.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/kube_client.h"

static uv_loop_t loop;
static struct kube_client *client;
static struct kube_call *cancelled;

static void print(int status, int code, const char *text, const char *body)
{
	cJSON *line = cJSON_CreateObject();
	cJSON_AddNumberToObject(line, "status", status);
	cJSON_AddStringToObject(line, "error", strerrorname_np(-code));
	cJSON_AddStringToObject(line, "text", text);
	cJSON_AddStringToObject(line, "body", body ? body : "");
	char *printed = cJSON_PrintUnformatted(line);
	puts(printed);
	(void)fflush(stdout);
	cJSON_free(printed);
	cJSON_Delete(line);
}

static void done(void *context, const struct http_answer *answer)
{
	(void)context;
	cancelled = NULL;
	print(answer->status, answer->error.code, answer->error.text, answer->body);
}

static void cancel(uv_timer_t *timer)
{
	kube_client_cancel(cancelled);
	cancelled = NULL;
	uv_close((uv_handle_t *)timer, NULL);
}

static struct kube_call *ask(const char *path, const char *body)
{
	const struct kube_request request = {.path = path,
	                                     .body = body,
	                                     .body_length = body ? strlen(body) : 0,
	                                     .total_timeout = 30000,
	                                     .done = done};
	struct kube_call *call = NULL;
	struct error err = {0};
	if (kube_client_start(client, &request, &call, &err) < 0)
		print(0, err.code, err.text, "");
	return call;
}

static void ask_and_cancel(const char *step)
{
	static uv_timer_t timer;
	char *path = NULL;
	unsigned long milliseconds = strtoul(step, &path, 10);
	cancelled = ask(path, NULL);
	uv_timer_init(&loop, &timer);
	uv_timer_start(&timer, cancel, milliseconds, 0);
}

static void take(const char *step)
{
	if (step[0] == '+') {
		ask(step + 1, NULL);
		return;
	}
	if (step[0] == '/') {
		ask(step, NULL);
	} else if (step[0] == '=') {
		ask(step + 1, "{}");
	} else if (step[0] == '!') {
		ask_and_cancel(step + 1);
	} else if (strcmp(step, "close") == 0) {
		kube_client_close(client);
		client = NULL;
	} else if (system(step) != 0) { // NOLINT(cert-env33-c): the test's own words
		abort();
	}
	uv_run(&loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
	struct error err = {0};
	if (argc < 3)
		return 2;
	uv_loop_init(&loop);
	int r = kube_client_open(&loop, strcmp(argv[1], "-") == 0 ? NULL : argv[1], &client, &err);
	if (r < 0)
		print(0, err.code, err.text, "");
	for (int i = 2; r == 0 && i < argc; i++)
		take(argv[i]);
	kube_client_close(client);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop) < 0 ? 1 : 0;
}
