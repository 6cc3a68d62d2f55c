/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "dnscache/plugin/chase.h"
#include "dnscache/plugin/dns64.h"
#include "dnscache/plugin/template.h"
#include "dnscache/serve/task_parts.h"
#include "dnscache/tell/errors_log.h"

/* All that is made of one message of at most 64 KiB, taken apart and put together again. */
#define ARENA_MAX (4u << 20)

#define CNAME_TTL 600 /* seconds, of the PTR's way from one tree to the other */

static struct arena *arena_of(struct task *task)
{
	if (!task->arena)
		task->arena = arena_new(ARENA_MAX);
	return task->arena;
}

static void fail(struct task *task, enum dns_ede ede, const char *why, bool keep)
{
	static const struct dns_answer bare = {
		.size = sizeof(struct dns_answer),
		.flags = DNS_RCODE_SERVFAIL,
		.rcode = DNS_RCODE_SERVFAIL,
		.kind = DNS_KIND_FAILURE,
	};
	const struct cache_settings *cache = &task->zone->block->settings->cache;
	struct arena *arena = arena_of(task);
	struct dns_answer *answer = NULL;
	errors_log(task->zone->block->settings, &task->asked, why);
	task->ours_alone = !keep;
	if (arena)
		answer = dns_answer_failure(ede, why, keep ? cache->lifetimes.failure : 0,
		                            task->worker->now, arena);
	task_done(task, answer ? answer : &bare, COUNT_FROM_US);
}

/* r: of what was done with records. */
static void fail_here(struct task *task, int r)
{
	if (r == -ELOOP)
		fail(task, DNS_EDE_INVALID_DATA, "a chain of CNAMEs without an end", true);
	else if (r == -EMSGSIZE || r == -E2BIG)
		fail(task, DNS_EDE_INVALID_DATA, "an answer too large", true);
	else
		fail(task, DNS_EDE_OTHER, "no memory", false);
}

/* Scrubbed records, whole: the answer to the question that was asked. */
static void finish(struct task *task, struct dns_records *records)
{
	struct dns_answer *answer = NULL;
	const struct dns_lifetimes *lifetimes = &task->zone->block->settings->cache.lifetimes;
	int r = 0;
	if (task->rewrites)
		r = rewrite_answer_records(task->rewrites, &task->asked, records);
	if (r == 0)
		r = dns_answer_pack(records, lifetimes, task->worker->now, task->arena, &answer);
	if (r < 0)
		fail_here(task, r);
	else
		task_done(task, answer, task->source);
}

/* One more question, whose answer makes the records whole. */
static void ask_more(struct task *task, const struct dns_records *records, enum task_stage stage,
                     const struct dns_question *question)
{
	task->first = arena_alloc(task->arena, sizeof(*task->first));
	if (!task->first) {
		fail_here(task, -ENOMEM);
		return;
	}
	*task->first = *records;
	task->stage = stage;
	task->question = *question;
	ask_upstream(task);
}

static struct zone_counters *counters_of(const struct task *task)
{
	return task->zone->counters[task->worker->index];
}

static void ask_for_chain(struct task *task, struct dns_records *records)
{
	struct dns_question question;
	if (dns_chase_question(records, &question))
		ask_more(task, records, TASK_CHASES, &question);
	else
		finish(task, records);
}

/* What upstream said to the question as it went out. */
static void use_first(struct task *task, struct dns_records *records)
{
	struct dns_question question = task->question;
	int r = task->rewrites ? rewrite_cname(task->rewrites, records) : 0;
	question.type = DNS_TYPE_A;
	if (r < 0)
		fail_here(task, r);
	else if (r > 0)
		ask_for_chain(task, records);
	else if (task->key.flags & DNS_KEY_DNS64 &&
	         dns64_wanted(&task->zone->block->settings->dns64, records))
		ask_more(task, records, TASK_ASKS_A, &question);
	else
		finish(task, records);
}

static void use_records(struct task *task, struct dns_records *records)
{
	struct dns_records joined;
	int r = 0;
	switch (task->stage) {
	case TASK_ASKS:
		use_first(task, records);
		return;
	case TASK_ASKS_A:
		r = dns64_make(&task->zone->block->settings->dns64, task->first, records, &joined);
		tally_add(&counters_of(task)->dns64_translated, r == 0);
		break;
	case TASK_CHASES:
		joined = *task->first;
		r = dns_chase_add(&joined, records);
		break;
	}
	if (r < 0)
		fail_here(task, r);
	else
		finish(task, &joined);
}

static const char *failure_text(enum forward_outcome outcome, enum dns_ede *ede)
{
	*ede = DNS_EDE_NO_REACHABLE_AUTHORITY;
	switch (outcome) {
	case FORWARD_TIMED_OUT:
		return "upstream did not answer in time";
	case FORWARD_UNREACHABLE:
		*ede = DNS_EDE_NETWORK_ERROR;
		return "upstream cannot be reached";
	case FORWARD_GARBAGE:
		*ede = DNS_EDE_INVALID_DATA;
		return "upstream answers something else";
	case FORWARD_BUSY:
		*ede = DNS_EDE_NOT_READY;
		return "too many questions are in flight";
	case FORWARD_DOWN:
		return "all upstreams are down";
	case FORWARD_CANCELLED:
	case FORWARD_ANSWERED:
		break;
	}
	*ede = DNS_EDE_NOT_READY;
	return "stopping";
}

/* A chain whose end cannot be had is answered as far as it goes. */
static void use_failure(struct task *task, enum forward_outcome outcome)
{
	enum dns_ede ede;
	const char *why = failure_text(outcome, &ede);
	if (task->stage == TASK_CHASES)
		finish(task, task->first);
	else
		fail(task, ede, why, outcome < FORWARD_BUSY);
}

void ask_give_up(struct task *task)
{
	use_failure(task, FORWARD_CANCELLED);
}

static void forwarded(void *context, const struct forward_result *result)
{
	struct task *task = context;
	struct dns_records records;
	struct error failure = {0};
	worker_clock(task->worker);
	if (result->outcome != FORWARD_ANSWERED) {
		use_failure(task, result->outcome);
		return;
	}
	if (!arena_of(task)) {
		fail_here(task, -ENOMEM);
		return;
	}
	int r = dns_records_read(result->message, result->size, &task->question, task->arena,
	                         &records, &failure);
	if (r < 0) {
		tally_add(&task->zone->counters[task->worker->index]->cache_drops, 1);
		fail(task, DNS_EDE_INVALID_DATA, failure.text, true);
		return;
	}
	r = dns_records_scrub(&records);
	if (r < 0)
		fail_here(task, r);
	else
		use_records(task, &records);
}

static void refuse(struct task *task)
{
	static const struct dns_answer refused = {
		.size = sizeof(struct dns_answer),
		.flags = DNS_RCODE_REFUSED,
		.rcode = DNS_RCODE_REFUSED,
		.kind = DNS_KIND_OTHER,
	};
	task_done(task, &refused, COUNT_FROM_US);
}

void ask_upstream(struct task *task)
{
	const struct plan_block *block = task->zone->block;
	int index = plan_forwarder_find(block, &task->question.name);
	if (index < 0) {
		refuse(task);
		return;
	}
	if (atomic_load_explicit(&block->looping, memory_order_relaxed)) {
		fail(task, DNS_EDE_NO_REACHABLE_AUTHORITY,
		     "the upstream sends questions back here: a loop", false);
		return;
	}
	if (task_take_off(task))
		forwarder_ask(task->plan->forwarders[index], &task->question, task->tcp, forwarded,
		              task);
}

/* RFC 6147 §5.3.1: the name that stands for an IPv4 address is that of the address. */
static int answer_reverse(struct task *task, struct dns_records *records)
{
	struct dns_name target;
	const struct dns64_settings *dns64 = &task->zone->block->settings->dns64;
	if (!dns64->present || task->question.type != DNS_TYPE_PTR ||
	    !dns64_reverse(dns64, &task->question.name, &target))
		return 0;
	const struct dns_record cname = {
		.owner = task->question.name,
		.section = DNS_ANSWER,
		.type = DNS_TYPE_CNAME,
		.class = DNS_CLASS_IN,
		.ttl = CNAME_TTL,
		.data = target.wire,
		.data_size = target.length,
	};
	int r = dns_records_add(records, &cname);
	return r < 0 ? r : 1;
}

/* r: of template_answer(). */
static void count_template(const struct task *task, int r)
{
	struct zone_counters *counters = counters_of(task);
	unsigned type = count_type(task->question.type);
	tally_add(&counters->template_matches[type], r != 0);
	tally_add(&counters->template_failures[type], r == -EDOM);
	tally_add(&counters->template_record_failures[type], r == -EBADMSG);
}

/* Answers that are made here. Returns 1: made; 0: it is to be forwarded; negative: it failed. */
static int ask_plugins(struct task *task, struct dns_records *records, struct error *err)
{
	const struct plan_block *block = task->zone->block;
	const struct server_block *settings = block->settings;
	task->source = COUNT_FROM_TEMPLATE;
	int r = template_answer(settings->templates, settings->template_count, settings->zones,
	                        settings->zone_count, &task->question, task->remote, records, err);
	count_template(task, r);
	if (r == 0 && block->hosts) {
		task->source = COUNT_FROM_HOSTS;
		r = hosts_answer(block->hosts, &task->question, records);
	}
	if (r == 0) {
		task->source = COUNT_FROM_FORWARD;
		r = answer_reverse(task, records);
	}
	return r;
}

static void ask_here(struct task *task)
{
	struct error failure = {0};
	struct dns_records records;
	if (!arena_of(task)) {
		fail_here(task, -ENOMEM);
		return;
	}
	dns_records_begin(&records, &task->question, task->arena);
	int r = ask_plugins(task, &records, &failure);
	if (r > 0)
		ask_for_chain(task, &records);
	else if (r == 0)
		ask_upstream(task);
	else if (failure.code)
		fail(task, DNS_EDE_OTHER, failure.text, true);
	else
		fail_here(task, r);
}

void ask_begin(struct task *task)
{
	const struct plan_block *block = task->zone->block;
	const struct server_block *settings = block->settings;
	task->source = COUNT_FROM_FORWARD;
	if (task->rewrites && rewrite_question(settings->rewrites, settings->rewrite_count,
	                                       &task->question, task->rewrites) < 0) {
		fail(task, DNS_EDE_OTHER, "rewritten to no name", true);
		return;
	}
	if (settings->template_count > 0 || block->hosts || settings->dns64.present)
		ask_here(task);
	else
		ask_upstream(task);
}
