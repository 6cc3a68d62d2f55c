/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "common/kube_exec.h"
#include "common/process.h"

#define OUTPUT_MAX (1U << 20)
#define MARGIN 30 /* seconds before they expire, but at most half of their life */
#define PAUSE_FIRST 1000
#define PAUSE_LAST 60000
/* Credentials that are refused sooner than that are not the plugin's to mend. */
#define REFUSED_AGE_MIN 10000

struct kube_exec {
	uv_loop_t *loop;
	const struct kube_config *config;
	struct process *process; /* NULL: none runs */
	unsigned timeout;
	LIST_HEAD(kube_exec_waiters, kube_exec_waiter) waiters;
	struct kube_exec_waiters served; /* waiters of the run that is over */
	bool telling;
	bool closing;

	struct kube_credential credential;
	int64_t valid_until; /* seconds since 1970; 0 = until they are refused */
	unsigned run;
	uint64_t made;       /* uv_now() */
	uint64_t not_before; /* of the next run */
	unsigned pause;      /* milliseconds; 0 = the last run went well */
	struct error failure;
};

static bool have_credential(const struct kube_exec *exec)
{
	return exec->credential.token || exec->credential.certificate_pem;
}

static void free_exec(struct kube_exec *exec)
{
	kube_credential_done(&exec->credential);
	free(exec);
}

/* Waiters that come meanwhile wait for the next run. */
static void tell_waiters(struct kube_exec *exec, const struct error *failure)
{
	struct kube_exec_waiter *waiter;
	while ((waiter = LIST_FIRST(&exec->waiters))) {
		LIST_REMOVE(waiter, link);
		LIST_INSERT_HEAD(&exec->served, waiter, link);
	}
	exec->telling = true;
	while ((waiter = LIST_FIRST(&exec->served))) {
		kube_exec_forget(waiter);
		waiter->ready(waiter->context, failure);
	}
	exec->telling = false;
	if (exec->closing)
		free_exec(exec);
}

static int explain(const struct kube_exec *exec, struct error *err)
{
	const struct kube_config *config = exec->config;
	return error_wrap(err, "%s: user \"%.60s\": exec %.100s", config->file, config->user,
	                  config->plugin->command);
}

static void note_failure(struct kube_exec *exec, const struct error *failure)
{
	exec->pause = exec->pause == 0               ? PAUSE_FIRST
	              : exec->pause < PAUSE_LAST / 2 ? exec->pause * 2
	                                             : PAUSE_LAST;
	exec->not_before = uv_now(exec->loop) + exec->pause;
	exec->failure = *failure;
	explain(exec, &exec->failure);
}

static int take_lifetime(struct kube_exec *exec, int64_t expires, struct error *err)
{
	int64_t now = time(NULL);
	int64_t life = expires - now;
	exec->valid_until = 0;
	if (expires == 0)
		return 0;
	if (life <= 0)
		return error_set(err, -EKEYEXPIRED,
		                 "printed credentials that have expired: is the clock right?");
	exec->valid_until = expires - (life / 2 < MARGIN ? life / 2 : MARGIN);
	return 0;
}

static int check_result(const struct process_result *result, struct error *err)
{
	const char *colon = result->complaint[0] ? ": " : "";
	if (result->error.code < 0)
		return error_set(err, result->error.code, "%s%s%s", result->error.text, colon,
		                 result->complaint);
	if (result->signal > 0)
		return error_set(err, -EIO, "killed by signal %d%s%s", result->signal, colon,
		                 result->complaint);
	if (result->status != 0)
		return error_set(err, -EIO, "exit status %d%s%s", result->status, colon,
		                 result->complaint);
	return 0;
}

static void plugin_done(void *context, const struct process_result *result)
{
	struct kube_exec *exec = context;
	struct kube_credential credential = {0};
	struct error err = {0};
	exec->process = NULL;
	int r = check_result(result, &err);
	if (r == 0)
		r = kube_credential_parse(result->output, result->length,
		                          exec->config->plugin->api_version, &credential, &err);
	if (r == 0)
		r = take_lifetime(exec, credential.expires, &err);
	if (r < 0) {
		kube_credential_done(&credential);
		note_failure(exec, &err);
	} else {
		kube_credential_done(&exec->credential);
		exec->credential = credential;
		exec->made = uv_now(exec->loop);
		exec->run++;
		exec->pause = 0;
	}
	err = exec->failure;
	tell_waiters(exec, r < 0 ? &err : NULL);
}

static size_t count(const char *const *strings)
{
	size_t number = 0;
	while (strings[number])
		number++;
	return number;
}

static bool names_same(const char *a, const char *b)
{
	size_t length = strcspn(a, "=");
	return strncmp(a, b, length + 1) == 0;
}

static bool is_set_anew(const struct kube_plugin *plugin, const char *variable)
{
	for (size_t i = 0; plugin->environment[i]; i++)
		if (names_same(plugin->environment[i], variable))
			return true;
	return names_same("KUBERNETES_EXEC_INFO=", variable);
}

/* Borrows every string; info is "KUBERNETES_EXEC_INFO=…". */
static char **make_environment(const struct kube_plugin *plugin, char *info)
{
	size_t own = count(plugin->environment);
	size_t inherited = count((const char *const *)environ);
	char **variables = calloc(own + inherited + 2, sizeof(*variables));
	size_t used = 0;
	if (!variables)
		return NULL;
	variables[used++] = info;
	memcpy(variables + used, plugin->environment, own * sizeof(*variables));
	used += own;
	for (size_t i = 0; i < inherited; i++)
		if (!is_set_anew(plugin, environ[i]))
			variables[used++] = environ[i];
	return variables;
}

static char **make_arguments(const struct kube_plugin *plugin)
{
	size_t given = count(plugin->arguments);
	char **arguments = calloc(given + 2, sizeof(*arguments));
	if (!arguments)
		return NULL;
	memcpy(arguments, &plugin->command, sizeof(*arguments));
	memcpy(arguments + 1, plugin->arguments, given * sizeof(*arguments));
	return arguments;
}

static int start(struct kube_exec *exec, const struct process_request *request, struct error *err)
{
	const char *hint = exec->config->plugin->install_hint;
	struct error cause = {0};
	int r = process_start(exec->loop, request, &exec->process, &cause);
	if (r == 0)
		return 0;
	bool helps = r == -ENOENT && hint;
	return error_set(err, r, "cannot be run: %s%s%.200s", cause.text, helps ? ": " : "",
	                 helps ? hint : "");
}

static int run_plugin(struct kube_exec *exec, struct error *err)
{
	const struct kube_plugin *plugin = exec->config->plugin;
	char *text = NULL;
	char *info = NULL;
	char **environment = NULL;
	char **arguments = make_arguments(plugin);
	int r = kube_exec_info(exec->config, &text, err);
	if (r == 0 && asprintf(&info, "KUBERNETES_EXEC_INFO=%s", text) < 0)
		info = NULL;
	if (info)
		environment = make_environment(plugin, info);
	if (r == 0 && (!arguments || !environment))
		r = error_set(err, -ENOMEM, "out of memory");
	const struct process_request request = {.arguments = arguments,
	                                        .environment = environment,
	                                        .timeout = exec->timeout,
	                                        .output_max = OUTPUT_MAX,
	                                        .done = plugin_done,
	                                        .context = exec};
	if (r == 0)
		r = start(exec, &request, err);
	free(arguments);
	free(environment);
	free(info);
	cJSON_free(text);
	return r;
}

int kube_exec_open(uv_loop_t *loop, const struct kube_config *config, unsigned timeout,
                   struct kube_exec **ret, struct error *err)
{
	struct kube_exec *exec = calloc(1, sizeof(*exec));
	if (!exec)
		return error_set(err, -ENOMEM, "out of memory");
	exec->loop = loop;
	exec->config = config;
	exec->timeout = timeout;
	LIST_INIT(&exec->waiters);
	LIST_INIT(&exec->served);
	*ret = exec;
	return 0;
}

void kube_exec_close(struct kube_exec *exec)
{
	struct kube_exec_waiter *waiter;
	if (!exec || exec->closing)
		return;
	exec->closing = true;
	while ((waiter = LIST_FIRST(&exec->waiters)))
		kube_exec_forget(waiter);
	while ((waiter = LIST_FIRST(&exec->served)))
		kube_exec_forget(waiter);
	process_cancel(exec->process);
	if (!exec->telling)
		free_exec(exec);
}

const struct kube_credential *kube_exec_credential(const struct kube_exec *exec)
{
	if (!have_credential(exec) || (exec->valid_until > 0 && time(NULL) >= exec->valid_until))
		return NULL;
	return &exec->credential;
}

int kube_exec_wait(struct kube_exec *exec, struct kube_exec_waiter *waiter, struct error *err)
{
	struct error failure = {0};
	bool pausing = exec->pause > 0 && uv_now(exec->loop) < exec->not_before;
	if (!exec->process && pausing)
		return error_set(err, exec->failure.code, "%s", exec->failure.text);
	if (!exec->process && run_plugin(exec, &failure) < 0) {
		note_failure(exec, &failure);
		return error_set(err, exec->failure.code, "%s", exec->failure.text);
	}
	LIST_INSERT_HEAD(&exec->waiters, waiter, link);
	return 0;
}

void kube_exec_forget(struct kube_exec_waiter *waiter)
{
	LIST_REMOVE(waiter, link);
}

unsigned kube_exec_run(const struct kube_exec *exec)
{
	return exec->run;
}

bool kube_exec_refused(struct kube_exec *exec, unsigned run)
{
	if (run != exec->run || !have_credential(exec))
		return true;
	if (uv_now(exec->loop) - exec->made < REFUSED_AGE_MIN)
		return false;
	kube_credential_done(&exec->credential);
	return true;
}
