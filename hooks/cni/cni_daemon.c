/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/control.h"
#include "hooks/cni/cni_daemon.h"

#define RETRY_PAUSE 50    /* milliseconds */
#define ANSWER_MARGIN 500 /* milliseconds that an answer may be late */
#define LONGEST_WAIT 60000

int64_t cni_now(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int left_until(int64_t deadline)
{
	int64_t left = deadline - cni_now();
	return left < 0 ? 0 : left > LONGEST_WAIT ? LONGEST_WAIT : (int)left;
}

static int next_answer(struct control_stream *stream, int64_t deadline, cJSON **ret,
                       struct error *err)
{
	struct pollfd poll_fd = {.fd = control_stream_fd(stream), .events = POLLIN};
	for (;;) {
		int r = control_stream_next(stream, ret, err);
		if (r != -EAGAIN)
			return r;
		r = poll(&poll_fd, 1, left_until(deadline));
		if (r == 0)
			return error_set(err, -ETIMEDOUT, "no answer in time");
		if (r < 0 && errno != EINTR)
			return error_set(err, -errno, "%s", strerror(errno));
	}
}

/* control_ask() bounds each wait for some bytes, not all of them together. To connect may take
 * whole seconds only, where a daemon that hangs has let its queue fill up. */
static int ask(const char *path, const cJSON *request, int64_t deadline, cJSON **ret,
               struct error *err)
{
	struct control_stream *stream;
	unsigned seconds = (unsigned)left_until(deadline) / 1000;
	int r = control_stream_open(path, request, seconds ? seconds : 1, &stream, err);
	if (r < 0)
		return r;
	r = next_answer(stream, deadline, ret, err);
	control_stream_close(stream);
	return r < 0 ? error_wrap(err, "%s", path) : 0;
}

static const char *text_of(const cJSON *answer, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, key));
	return text ? text : "";
}

static bool is_true(const cJSON *answer, const char *key)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, key));
}

static void give(struct cni_verdict *ret, enum cni_verdict_kind kind, const char *reason)
{
	ret->kind = kind;
	(void)snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}

static void judge_attach(const cJSON *answer, struct cni_verdict *ret)
{
	static const struct {
		const char *name;
		enum cni_verdict_kind kind;
	} states[] = {
		{"enforced", CNI_VERDICT_ENFORCED},
		{"unmanaged", CNI_VERDICT_UNMANAGED},
		{"waiting", CNI_VERDICT_WAITING},
	};
	const char *state = text_of(answer, "state");
	if (!is_true(answer, "ok")) {
		give(ret, CNI_VERDICT_REFUSED, text_of(answer, "error"));
		return;
	}
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(state, states[i].name) == 0) {
			give(ret, states[i].kind, text_of(answer, "reason"));
			return;
		}
	}
	give(ret, CNI_VERDICT_REFUSED, "it gives an answer of another version");
}

static int attach_once(const struct config *config, const struct attachment *attachment,
                       int64_t deadline, struct cni_verdict *ret, struct error *err)
{
	cJSON *request = cJSON_CreateObject();
	cJSON *answer = NULL;
	cJSON_AddStringToObject(request, "command", "attach");
	cJSON_AddStringToObject(request, "sandbox", attachment->sandbox);
	cJSON_AddStringToObject(request, "ifname", attachment->ifname);
	int r = cJSON_AddNumberToObject(request, "wait", left_until(deadline))
	                ? ask(config->nft_sync.socket, request, deadline + ANSWER_MARGIN, &answer,
	                      err)
	                : error_set(err, -ENOMEM, "no memory");
	if (r == 0)
		judge_attach(answer, ret);
	cJSON_Delete(answer);
	cJSON_Delete(request);
	return r;
}

static bool may_come_back(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED || error == -ECONNRESET ||
	       error == -EPIPE;
}

void cni_daemon_attach(const struct config *config, const struct attachment *attachment,
                       int64_t deadline, struct cni_verdict *ret)
{
	const struct timespec pause = {.tv_nsec = RETRY_PAUSE * 1000000L};
	for (;;) {
		struct error err = {0};
		int r = attach_once(config, attachment, deadline, ret, &err);
		if (r == 0)
			return;
		give(ret, CNI_VERDICT_AWAY, err.text);
		if (!may_come_back(r) || left_until(deadline) <= RETRY_PAUSE)
			return;
		(void)nanosleep(&pause, NULL);
	}
}

/* Why its rules are not in force, as far as it says. */
static void judge_status(const cJSON *answer, struct cni_verdict *ret)
{
	const cJSON *kernel = cJSON_GetObjectItemCaseSensitive(answer, "kernel");
	const cJSON *health = cJSON_GetObjectItemCaseSensitive(answer, "health");
	const char *failure = cJSON_GetStringValue(
		cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(health, "failures"), 0));
	if (!is_true(answer, "ok"))
		give(ret, CNI_VERDICT_REFUSED, text_of(answer, "error"));
	else if (is_true(kernel, "inForce"))
		give(ret, CNI_VERDICT_ENFORCED, "");
	else if (text_of(kernel, "error")[0])
		give(ret, CNI_VERDICT_WAITING, text_of(kernel, "error"));
	else
		give(ret, CNI_VERDICT_WAITING,
		     failure ? failure : "it has not read all of its sources yet");
}

void cni_daemon_status(const struct config *config, int64_t deadline, struct cni_verdict *ret)
{
	struct error err = {0};
	cJSON *request = cJSON_CreateObject();
	cJSON *answer = NULL;
	int r = cJSON_AddStringToObject(request, "command", "status")
	                ? ask(config->nft_sync.socket, request, deadline, &answer, &err)
	                : error_set(&err, -ENOMEM, "no memory");
	if (r == 0)
		judge_status(answer, ret);
	else
		give(ret, CNI_VERDICT_AWAY, err.text);
	cJSON_Delete(answer);
	cJSON_Delete(request);
}
