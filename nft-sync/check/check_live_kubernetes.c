/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/backoff.h"
#include "common/buffer.h"
#include "common/kube_client.h"
#include "common/kube_message.h"
#include "common/vector.h"
#include "nft-sync/check/check_live.h"
#include "nft-sync/check/facts_kinds.h"

#define PAGE_OBJECTS 500
#define PAGE_MAX (32U << 20)
#define PAGES_MAX 400          /* of a list */
#define LIST_MAX (1024U << 20) /* bytes of its pages together: they are held until it is whole */
#define TRIES_MAX 4 /* of a page; lists that ran out of their server's patience likewise */
#define DOCUMENT_NAME_MAX 64
#define NEEDS_SIZE 80

/* Milliseconds */
#define PAGE_IDLE 30000
#define PAGE_TOTAL 120000
#define PAUSE_FIRST 500
#define PAUSE_LAST 8000
#define RETRY_AFTER_MAX 30 /* seconds: a person waits */

#define AWS_API "/apis/vpcresources.k8s.aws/"
#define IN_KUBE_SYSTEM "/namespaces/kube-system/"

const struct live_list live_lists[] = {
	{"Namespace", "namespaces", {"/api/v1/namespaces"}},
	{"Node", "nodes", {"/api/v1/nodes"}},
	{"Pod", "pods", {"/api/v1/pods"}},
	{"ServiceAccount", "serviceaccounts", {"/api/v1/serviceaccounts"}},
	{"Service", "services", {"/api/v1/services"}},
	{"Endpoints", "endpoints", {"/api/v1/endpoints"}},
	{"EndpointSlice",
         "endpointslices",
         {"/apis/discovery.k8s.io/v1/endpointslices",
          "/apis/discovery.k8s.io/v1beta1/endpointslices"}},
	{"NetworkPolicy", "networkpolicies", {"/apis/networking.k8s.io/v1/networkpolicies"}},
	{"Deployment", "deployments", {"/apis/apps/v1/deployments"}},
	{"StatefulSet", "statefulsets", {"/apis/apps/v1/statefulsets"}},
	{"DaemonSet", "daemonsets", {"/apis/apps/v1/daemonsets"}},
	{"ReplicaSet", "replicasets", {"/apis/apps/v1/replicasets"}},
	{"Job", "jobs", {"/apis/batch/v1/jobs"}},
	{"CronJob", "cronjobs", {"/apis/batch/v1/cronjobs", "/apis/batch/v1beta1/cronjobs"}},
	{"SecurityGroupPolicy", "securitygrouppolicies", {AWS_API "v1beta1/securitygrouppolicies"}},
	{"CNINode", "cninodes", {AWS_API "v1alpha1/cninodes"}},
	{"ENIConfig", "eniconfigs", {"/apis/crd.k8s.amazonaws.com/v1alpha1/eniconfigs"}},
	{"TargetGroupBinding",
         "targetgroupbindings",
         {"/apis/elbv2.k8s.aws/v1beta1/targetgroupbindings"}},
	{"ConfigMap", "configmaps", {"/api/v1" IN_KUBE_SYSTEM "configmaps"}},
	{0},
};

struct asking {
	uv_loop_t *loop;
	uv_timer_t timer; /* pauses */
	struct kube_client *client;
	struct check_documents *documents;
	bool away; /* it does not answer, or not to us: nothing more is asked */
	/* The answer at hand. */
	bool answered;
	int status;
	unsigned retry_after; /* seconds */
	struct buffer body;
	struct error error;
};

/* The pages of a list, until it is whole. */
struct pages {
	struct vector texts; /* struct buffer */
	size_t length;
	char next[KUBE_CONTINUE_SIZE];
};

/* What is to be done about an answer that is none. */
enum refusal {
	REFUSAL_LATER,
	REFUSAL_EXPIRED, /* the list has to be begun anew */
	REFUSAL_ABSENT,  /* the server does not know the kind: who needs it says so */
	REFUSAL_LACKING, /* it may not be read: the rest may */
	REFUSAL_AWAY,
};

static void take_answer(void *context, const struct http_answer *answer)
{
	struct asking *asking = context;
	asking->answered = true;
	asking->status = answer->status;
	asking->retry_after = answer->retry_after;
	asking->error = answer->error;
	if (answer->body)
		buffer_add(&asking->body, answer->body, answer->body_length);
	if (asking->body.failed)
		error_set(&asking->error, -ENOMEM, "out of memory");
}

/* Returns when the answer is there, or why there is none. */
static void ask(struct asking *asking, const char *path)
{
	const struct kube_request request = {.path = path,
	                                     .body_max = PAGE_MAX,
	                                     .idle_timeout = PAGE_IDLE,
	                                     .total_timeout = PAGE_TOTAL,
	                                     .done = take_answer,
	                                     .context = asking};
	struct kube_call *call;
	buffer_clear(&asking->body);
	asking->answered = false;
	asking->status = 0;
	asking->error = (struct error){0};
	if (kube_client_start(asking->client, &request, &call, &asking->error) < 0)
		return;
	while (!asking->answered)
		uv_run(asking->loop, UV_RUN_ONCE);
}

static void wake(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static void pause_for(struct asking *asking, uint64_t milliseconds)
{
	bool awake = false;
	asking->timer.data = &awake;
	uv_update_time(asking->loop);
	uv_timer_start(&asking->timer, wake, milliseconds, 0);
	while (!awake)
		uv_run(asking->loop, UV_RUN_ONCE);
}

static bool is_good(const struct asking *asking)
{
	return !asking->error.code && asking->status >= 200 && asking->status < 300;
}

static enum refusal judge_refusal(const struct asking *asking)
{
	if (asking->status == 403)
		return REFUSAL_LACKING;
	if (asking->status == 404)
		return REFUSAL_ABSENT;
	if (asking->status == 410)
		return REFUSAL_EXPIRED;
	/* It broke off. */
	if (asking->status >= 200 && asking->status < 300 && asking->error.code != -EMSGSIZE)
		return REFUSAL_LATER;
	if (asking->status == 429 || asking->status >= 500)
		return asking->retry_after <= RETRY_AFTER_MAX ? REFUSAL_LATER : REFUSAL_AWAY;
	return REFUSAL_AWAY;
}

/* What the server says of an answer that is none. */
static void say_refusal(struct asking *asking, const char *path)
{
	struct kube_status status;
	bool said = asking->body.text &&
	            kube_status_read(asking->body.text, asking->body.length, &status);
	/* It must not draw on a terminal. */
	for (char *at = status.message; said && *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	error_at(&asking->error, -EPROTO, &(struct error_place){.file = path}, NULL,
	         "HTTP status %d%s%s", asking->status, said ? ": " : "",
	         said ? status.message : "");
}

static void pages_drop(struct pages *pages)
{
	struct buffer *texts = pages->texts.items;
	for (size_t i = 0; i < pages->texts.count; i++)
		buffer_done(&texts[i]);
	vector_done(&pages->texts);
	*pages = (struct pages){.texts.item_size = sizeof(struct buffer)};
}

/* The answer becomes the next page. */
static int keep_page(struct asking *asking, struct pages *pages, const struct live_list *list)
{
	struct error *err = &asking->error;
	struct kube_page page;
	struct buffer *kept;
	int r = asking->body.text ? kube_page_read(list->name, list->kind, asking->body.text,
	                                           asking->body.length, &page, err)
	                          : error_set(err, -EBADMSG, "%s: an empty answer", list->name);
	if (r < 0)
		return r;
	memcpy(pages->next, page.next, sizeof(pages->next));
	pages->length += asking->body.length;
	if (pages->length > LIST_MAX || pages->texts.count == PAGES_MAX)
		return error_set(err, -EFBIG, "%s: more than %d pages, or %u MiB", list->name,
		                 PAGES_MAX, LIST_MAX >> 20);
	kept = vector_push(&pages->texts);
	if (!kept)
		return error_set(err, -ENOMEM, "out of memory");
	*kept = asking->body;
	asking->body = (struct buffer){.max = PAGE_MAX + 1};
	return 0;
}

/* With patience for a server that asks for it. */
static void ask_patiently(struct asking *asking, const char *path)
{
	for (unsigned tries = 1;; tries++) {
		ask(asking, path);
		if (is_good(asking) || tries == TRIES_MAX || judge_refusal(asking) != REFUSAL_LATER)
			return;
		uint64_t asked = asking->retry_after * 1000ULL;
		uint64_t pause = backoff_pause(tries, PAUSE_FIRST, PAUSE_LAST);
		pause_for(asking, pause > asked ? pause : asked);
	}
}

static int ask_page(struct asking *asking, const char *path, const char *token)
{
	char next[3 * KUBE_CONTINUE_SIZE];
	char *whole;
	kube_escape(token, next, sizeof(next));
	if (asprintf(&whole, "%s?limit=%d%s%s", path, PAGE_OBJECTS, next[0] ? "&continue=" : "",
	             next) < 0)
		return error_set(&asking->error, -ENOMEM, "out of memory");
	ask_patiently(asking, whole);
	free(whole);
	if (!is_good(asking))
		say_refusal(asking, path);
	return asking->error.code;
}

static int read_pages(struct asking *asking, const struct live_list *list, const char *path,
                      struct pages *pages)
{
	int r = 0;
	do {
		r = ask_page(asking, path, pages->next);
		if (r == 0)
			r = keep_page(asking, pages, list);
	} while (r == 0 && pages->next[0]);
	return r;
}

/* A list whose pages take longer than the server keeps its past is begun anew. */
static int read_list(struct asking *asking, const struct live_list *list, const char *path,
                     struct pages *pages)
{
	for (unsigned tries = 1;; tries++) {
		int r = read_pages(asking, list, path, pages);
		if (r == 0 || tries == TRIES_MAX || judge_refusal(asking) != REFUSAL_EXPIRED)
			return r;
		pages_drop(pages);
	}
}

static int put_pages(struct check_documents *documents, const struct live_list *list,
                     const struct pages *pages, struct error *err)
{
	const struct buffer *texts = pages->texts.items;
	char name[DOCUMENT_NAME_MAX];
	int r = 0;
	for (size_t i = 0; i < pages->texts.count && r == 0; i++) {
		if (i == 0)
			(void)snprintf(name, sizeof(name), "kubernetes/%s", list->name);
		else
			(void)snprintf(name, sizeof(name), "kubernetes/%s/%zu", list->name, i + 1);
		r = check_live_put_page(documents, list, name, texts[i].text, texts[i].length, err);
	}
	return r;
}

/* Of what need not be there: a server that does not know the kind has none of it. */
static bool is_add_on(const char *kind)
{
	static const char *const kinds[] = {"ENIConfig", "TargetGroupBinding"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i], kind) == 0)
			return true;
	return false;
}

static int put_none(struct asking *asking, const struct live_list *list, const char *name,
                    struct error *err)
{
	char text[DOCUMENT_NAME_MAX];
	int length =
		snprintf(text, sizeof(text),
	                 "{\"kind\":\"%sList\",\"apiVersion\":\"v1\",\"items\":[]}", list->kind);
	return check_live_put(asking->documents, name, name, text, (size_t)length, err);
}

static int note_lacking(struct asking *asking, const struct live_list *list, const char *name,
                        struct error *err)
{
	char needs[NEEDS_SIZE];
	(void)snprintf(needs, sizeof(needs), "permission to list %s (RBAC)", list->name);
	facts_miss(asking->documents->facts, list->kind);
	return check_live_withhold(asking->documents, name, list->name, needs, &asking->error, err);
}

static int note_refusal(struct asking *asking, const struct live_list *list, struct error *err)
{
	char name[DOCUMENT_NAME_MAX];
	enum refusal refusal = judge_refusal(asking);
	asking->away = refusal == REFUSAL_AWAY;
	(void)snprintf(name, sizeof(name), "kubernetes/%s", list->name);
	if (refusal == REFUSAL_ABSENT)
		return is_add_on(list->kind) ? put_none(asking, list, name, err) : 0;
	if (refusal == REFUSAL_LACKING)
		return note_lacking(asking, list, name, err);
	return check_documents_note(asking->documents, name, false, &asking->error, err);
}

static int read_kind(struct asking *asking, const struct live_list *list, struct error *err)
{
	struct pages pages = {.texts.item_size = sizeof(struct buffer)};
	int r = read_list(asking, list, list->paths[0], &pages);
	if (r < 0 && asking->status == 404 && list->paths[1])
		r = read_list(asking, list, list->paths[1], &pages);
	if (r == 0)
		r = put_pages(asking->documents, list, &pages, err);
	else
		r = note_refusal(asking, list, err);
	pages_drop(&pages);
	return r;
}

static bool reads(const struct loader_kind *kinds, const char *kind)
{
	for (; kinds->kind; kinds++)
		if (strcmp(kinds->kind, kind) == 0)
			return kinds->load;
	return false;
}

int check_live_kubernetes(struct check_documents *documents, uv_loop_t *loop, struct error *err)
{
	const char *kubeconfig = documents->facts->config->kubernetes.kubeconfig;
	struct asking asking = {.loop = loop, .documents = documents, .body.max = PAGE_MAX + 1};
	struct error refused = {0};
	int r = kube_client_open(loop, kubeconfig[0] ? kubeconfig : NULL, &asking.client, &refused);
	if (r < 0)
		return check_documents_note(documents, "kubernetes", false, &refused, err);
	uv_timer_init(loop, &asking.timer);
	for (const struct live_list *list = live_lists; list->kind && r == 0 && !asking.away;
	     list++)
		if (reads(facts_reading.kinds, list->kind) || reads(kubernetes_kinds, list->kind))
			r = read_kind(&asking, list, err);
	kube_client_close(asking.client);
	uv_close((uv_handle_t *)&asking.timer, NULL);
	/* The timer is on this stack. */
	uv_run(loop, UV_RUN_DEFAULT);
	buffer_done(&asking.body);
	return r;
}
