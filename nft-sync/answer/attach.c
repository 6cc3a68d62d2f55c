/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/journal.h"
#include "nft-sync/answer/attach.h"
#include "nft-sync/answer/attach_state.h"

struct question {
	char sandbox[JOURNAL_SANDBOX_MAX + 1];
	char ifname[INTERFACE_NAME_MAX];
	uint64_t asked; /* nanoseconds, uv_hrtime() */
	uint64_t until; /* milliseconds on the loop's clock */
};

struct waiter {
	LIST_ENTRY(waiter) link;
	struct attach *attach;
	struct control_client *client;
	struct question question;
};

struct attach {
	uv_loop_t *loop;
	struct sync *sync;
	void (*read)(void *context);
	void *context;
	uv_timer_t deadline; /* the earliest one */
	LIST_HEAD(waiters, waiter) waiters;
	size_t count;
};

static cJSON *refusal(const char *text)
{
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddBoolToObject(answer, "ok", false);
	cJSON_AddStringToObject(answer, "error", text);
	return answer;
}

static void add_branch(cJSON *answer, const struct attach *attach, const struct branch *branch)
{
	char pod[512];
	(void)snprintf(pod, sizeof(pod), "%s/%s", branch->namespace, branch->pod);
	cJSON_AddStringToObject(answer, "interface", branch->interface);
	cJSON_AddStringToObject(answer, "pod", pod);
	cJSON_AddStringToObject(answer, "mode", mode_name(branch->mode));
	cJSON_AddNumberToObject(answer, "generation", attach->sync->history.report.generation);
}

static cJSON *answer_of(struct attach *attach, const struct question *question,
                        const struct attach_verdict *verdict)
{
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddBoolToObject(answer, "ok", true);
	cJSON_AddStringToObject(answer, "state", attach_state_name(verdict->state));
	if (verdict->branch)
		add_branch(answer, attach, verdict->branch);
	else
		cJSON_AddStringToObject(answer, "reason", verdict->reason);
	histogram_observe(&attach->sync->history.attach_waits,
	                  (double)(uv_hrtime() - question->asked) / 1e9);
	return answer;
}

static void forget(struct waiter *waiter)
{
	LIST_REMOVE(waiter, link);
	waiter->attach->count--;
	free(waiter);
}

static void client_gone(void *context)
{
	forget(context);
}

static void deadline_cb(uv_timer_t *timer)
{
	attach_settle(timer->data);
}

static void set_deadline(struct attach *attach)
{
	const struct waiter *waiter;
	uint64_t first = UINT64_MAX;
	uint64_t now = uv_now(attach->loop);
	LIST_FOREACH(waiter, &attach->waiters, link)
	if (waiter->question.until < first)
		first = waiter->question.until;
	if (first == UINT64_MAX)
		uv_timer_stop(&attach->deadline);
	else
		uv_timer_start(&attach->deadline, deadline_cb, first > now ? first - now : 0, 0);
}

static void settle(struct attach *attach, struct waiter *waiter)
{
	struct attach_verdict verdict;
	const struct question *question = &waiter->question;
	attach_judge(attach->sync, question->sandbox, question->ifname, &verdict);
	if (verdict.state == ATTACH_WAITING && question->until > uv_now(attach->loop))
		return;
	cJSON *answer = answer_of(attach, question, &verdict);
	struct control_client *client = waiter->client;
	forget(waiter);
	control_client_answer(client, answer);
}

void attach_settle(struct attach *attach)
{
	struct waiter *next;
	for (struct waiter *waiter = LIST_FIRST(&attach->waiters); waiter; waiter = next) {
		next = LIST_NEXT(waiter, link);
		settle(attach, waiter);
	}
	set_deadline(attach);
}

/* Of a name that a journal's file can have; others are not found. */
static const char *read_name(const cJSON *request, const char *key, char *ret, size_t size)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, key));
	if (!text || !text[0] || strlen(text) >= size)
		return "expected a sandbox and the name of its interface";
	memcpy(ret, text, strlen(text) + 1);
	return NULL;
}

/* Returns what is wrong with it, or NULL. */
static const char *read_question(const struct attach *attach, const cJSON *request,
                                 struct question *ret)
{
	const cJSON *wait = cJSON_GetObjectItemCaseSensitive(request, "wait");
	double pause = cJSON_IsNumber(wait) ? wait->valuedouble : 0;
	if ((wait && !cJSON_IsNumber(wait)) || !(pause >= 0 && pause <= ATTACH_WAIT_MAX))
		return "wait: expected milliseconds, 0 to 60000";
	*ret = (struct question){.asked = uv_hrtime(),
	                         .until = uv_now(attach->loop) + (uint64_t)pause};
	const char *wrong = read_name(request, "sandbox", ret->sandbox, sizeof(ret->sandbox));
	return wrong ? wrong : read_name(request, "ifname", ret->ifname, sizeof(ret->ifname));
}

static cJSON *wait_for_it(struct attach *attach, const struct question *question,
                          struct control_client *client)
{
	struct waiter *waiter =
		attach->count < ATTACH_WAITERS_MAX ? calloc(1, sizeof(*waiter)) : NULL;
	if (!waiter)
		return refusal("too many are waiting already");
	*waiter = (struct waiter){.attach = attach, .client = client, .question = *question};
	LIST_INSERT_HEAD(&attach->waiters, waiter, link);
	attach->count++;
	control_client_defer(client, client_gone, waiter);
	set_deadline(attach);
	return NULL;
}

bool attach_is_asked(const cJSON *request)
{
	const char *name =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "command"));
	return name && strcmp(name, "attach") == 0;
}

/* Even who will not wait does so for what is made true in this turn of the loop. */
cJSON *attach_answer(struct attach *attach, const cJSON *request, struct control_client *client)
{
	struct question question;
	struct attach_verdict verdict;
	const char *wrong = read_question(attach, request, &question);
	if (wrong)
		return refusal(wrong);
	attach->read(attach->context);
	attach_judge(attach->sync, question.sandbox, question.ifname, &verdict);
	if (verdict.state != ATTACH_WAITING)
		return answer_of(attach, &question, &verdict);
	return wait_for_it(attach, &question, client);
}

struct attach *attach_new(uv_loop_t *loop, struct sync *sync, void (*read)(void *context),
                          void *context)
{
	struct attach *attach = calloc(1, sizeof(*attach));
	if (!attach)
		return NULL;
	*attach = (struct attach){.loop = loop, .sync = sync, .read = read, .context = context};
	LIST_INIT(&attach->waiters);
	uv_timer_init(loop, &attach->deadline);
	attach->deadline.data = attach;
	return attach;
}

static void closed(uv_handle_t *handle)
{
	free(handle->data);
}

void attach_free(struct attach *attach)
{
	if (attach)
		uv_close((uv_handle_t *)&attach->deadline, closed);
}
