/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/log.h"
#include "dnscache/serve/loop_check.h"
#include "dnscache/serve/worker_parts.h"

/* What the upstream says to it is all the same. */
static void asked(void *context, const struct forward_result *result)
{
	(void)context;
	(void)result;
}

static void say(const struct plan_block *block, const char *what)
{
	char zone[DNS_NAME_TEXT_MAX];
	log_event(LOG_LEVEL_ERROR, what, "zone=%s file=%s line=%u",
	          dns_name_text(&block->settings->zones[0], zone), block->settings->file,
	          block->settings->line);
}

/* What was seen since the last time decides; loop-found is said as soon as it was seen. */
static void check(struct worker *worker, struct plan_block *block)
{
	struct dns_question question = {.name = block->loop_name, .type = DNS_TYPE_HINFO};
	bool seen = atomic_exchange(&block->loop_seen, false);
	if (!seen && atomic_exchange(&block->looping, false))
		say(block, "loop-over");
	int index = plan_forwarder_find(block, &question.name);
	if (index >= 0)
		forwarder_ask(worker->current->forwarders[index], &question, false, asked, NULL);
}

/* Returns whether there is one. */
static bool note_loops(const struct plan *plan)
{
	bool looping = false;
	for (size_t i = 0; i < plan->block_count; i++) {
		struct plan_block *block = &plan->blocks[i];
		if (atomic_load(&block->loop_seen) && !atomic_exchange(&block->looping, true))
			say(block, "loop-found");
		looping = looping || atomic_load(&block->looping);
	}
	return looping;
}

void loop_check_tick(struct worker *worker)
{
	const struct plan *plan = worker->current ? worker->current->plan : NULL;
	uint64_t now = worker->now_us / 1000;
	if (plan != worker->loop_checked) {
		worker->loop_checked = plan;
		worker->next_loop_check = now + LOOP_CHECK_FIRST;
	}
	if (!plan)
		return;
	uint64_t pause = note_loops(plan) ? LOOP_CHECK_LOOPING : LOOP_CHECK_PERIOD;
	if (worker->next_loop_check > now + pause)
		worker->next_loop_check = now + pause;
	if (now < worker->next_loop_check)
		return;
	worker->next_loop_check = now + pause;
	for (size_t i = 0; i < plan->block_count; i++)
		if (plan->blocks[i].loop_name.length > 0)
			check(worker, &plan->blocks[i]);
}
