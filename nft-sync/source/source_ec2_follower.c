/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/backoff.h"
#include "common/log.h"
#include "nft-sync/source/source_ec2_parts.h"

#define COALESCE 50       /* milliseconds: what is wanted comes in several pieces */
#define PACE 1000         /* milliseconds from one round to the next, whatever is wanted */
#define RETRY_FIRST 2000  /* milliseconds */
#define RETRY_LAST 120000 /* likewise */

static void start_round(uv_timer_t *timer);

static void schedule(struct ec2_follower *follower, uint64_t milliseconds)
{
	uv_timer_start(&follower->timer, start_round, milliseconds, 0);
}

/* What is new is asked for at once, but for the pace. */
static void schedule_soon(struct ec2_follower *follower)
{
	uint64_t now = uv_now(follower->source->loop);
	uint64_t next = follower->started ? follower->started + PACE : 0;
	schedule(follower, next > now + COALESCE ? next - now : COALESCE);
}

/* Where nothing is wanted there is no answer either. */
static bool is_answered(const struct ec2_follower *follower)
{
	return follower->wanted.count == 0 ||
	       (follower->answered_once && ec2_ids_within(&follower->wanted, &follower->answered));
}

static void schedule_next(struct ec2_follower *follower)
{
	uint64_t pause = backoff_pause(follower->failures, RETRY_FIRST, RETRY_LAST);
	if (pause < 1000ULL * follower->retry_after)
		pause = 1000ULL * follower->retry_after;
	if (follower->failures > 0)
		schedule(follower, pause);
	else if (!is_answered(follower))
		schedule_soon(follower);
	else if (follower->wanted.count > 0)
		schedule(follower, backoff_jitter(follower->source->config->ec2.refresh));
}

static void round_done(struct ec2_round *round)
{
	ec2_describe_cancel(round->describe);
	ec2_items_free(round->items);
	ec2_ids_done(&round->ids);
	ec2_ids_done(&round->missing);
	buffer_done(&round->lists);
	*round = (struct ec2_round){0};
}

static void set_error(struct ec2_follower *follower, const struct error *failure)
{
	struct source_status *status = &follower->status;
	if (failure->code && strcmp(follower->error.text, failure->text) != 0)
		log_text(LOG_LEVEL_WARNING, "ec2-not-read", failure->text);
	else if (!failure->code && follower->error.code)
		log_event(LOG_LEVEL_INFO, "ec2-read-again", "what=\"%s\"", status->what);
	follower->error = *failure;
	snprintf(status->error, sizeof(status->error), "%s", failure->text);
}

static void fail_round(struct ec2_follower *follower, const struct error *failure)
{
	follower->failures++;
	follower->status.failures++;
	follower->status.current = false;
	set_error(follower, failure);
	round_done(&follower->round);
	ec2_follower_restore(follower);
	schedule_next(follower);
	source_ec2_progress(follower->source);
}

static void write_document(const struct ec2_follower *follower, struct buffer *text)
{
	const struct ec2_round *round = &follower->round;
	buffer_add_text(text, "{");
	buffer_add_json(text, follower->kind->list);
	buffer_add_text(text, ":");
	if (follower->kind->kind == EC2_PREFIX_LIST_ENTRIES) {
		buffer_add_text(text, "[");
		buffer_add(text, round->lists.text ? round->lists.text : "", round->lists.length);
		buffer_add_text(text, "]");
	} else {
		ec2_items_sort(round->items);
		ec2_items_write(round->items, text);
	}
	buffer_add_text(text, "}\n");
	text->failed = text->failed || round->lists.failed;
}

/* The document into the model; the text is taken over. Asked NULL: whatever is in it was. */
static int put(struct ec2_follower *follower, char *text, size_t length,
               const struct wanted_ids *asked, struct error *err)
{
	const struct ec2_kind_of_source *kind = follower->kind;
	struct document *document = NULL;
	int r = document_parse(kind->document, DOCUMENT_JSON, text, length, &document, err);
	if (r == 0 && asked)
		r = kind->check(document, asked, err);
	if (r < 0) {
		document_free(document);
		return r;
	}
	size_t objects =
		document->group_count + document->interface_count + document->prefix_list_count;
	r = model_put(follower->source->model, document, err);
	if (r < 0)
		return r;
	free(follower->text);
	follower->text = text;
	follower->length = length;
	follower->status.objects = objects;
	return 0;
}

/* 1: the model is another one; 0: EC2 says what it said before. */
static int apply(struct ec2_follower *follower, struct error *err)
{
	struct buffer text = {.max = DOCUMENT_SIZE_MAX};
	int r = 0;
	write_document(follower, &text);
	if (text.failed)
		r = error_set(err, -EFBIG, "%s: too many, or out of memory",
		              follower->kind->document);
	else if (!follower->text || text.length != follower->length ||
	         memcmp(text.text, follower->text, text.length) != 0)
		r = put(follower, text.text, text.length, &follower->round.ids, err);
	else
		goto unchanged;
	if (r < 0)
		goto unchanged;
	follower->kept = false;
	return 1;
unchanged:
	buffer_done(&text);
	return r;
}

/* Each is logged when it is new, not with every round; the status names the first. */
static void report_missing(struct ec2_follower *follower)
{
	const struct wanted_ids *missing = &follower->round.missing;
	struct source_status *status = &follower->status;
	char quoted[512];
	for (size_t i = 0; i < missing->count; i++)
		if (!ec2_ids_has(&follower->missing, missing->ids[i]))
			log_event(LOG_LEVEL_WARNING, "ec2-not-found", "what=\"%s\" id=%s",
			          follower->kind->what,
			          log_quote(missing->ids[i], quoted, sizeof(quoted)));
	if (missing->count > 0 && !status->error[0])
		snprintf(status->error, sizeof(status->error),
		         "%zu do not exist, %.255s is the first of them", missing->count,
		         missing->ids[0]);
}

static void finish_round(struct ec2_follower *follower)
{
	struct ec2_round *round = &follower->round;
	struct error failure = {0};
	int r = apply(follower, &failure);
	if (r < 0) {
		fail_round(follower, &failure);
		return;
	}
	set_error(follower, &round->error);
	report_missing(follower);
	ec2_ids_done(&follower->missing);
	ec2_ids_done(&follower->answered);
	follower->missing = round->missing;
	follower->answered = round->ids;
	round->missing = (struct wanted_ids){0};
	round->ids = (struct wanted_ids){0};
	follower->answered_once = true;
	follower->failures = 0;
	follower->status.synced = true;
	follower->status.current = true;
	follower->status.fresh = round->began;
	follower->status.failures += round->error.code != 0;
	round_done(round);
	schedule_next(follower);
	if (r > 0)
		source_ec2_changed(follower->source);
	if (follower->source->in_force)
		ec2_copy_keep(follower);
	source_ec2_progress(follower->source);
}

static void advance(struct ec2_follower *follower)
{
	struct error failure = {0};
	int r = follower->kind->ask(follower, &failure);
	if (r < 0)
		fail_round(follower, &failure);
	else if (r > 0)
		finish_round(follower);
}

static void answered(void *context, const struct aws_answer *answer)
{
	struct ec2_follower *follower = context;
	struct error failure = {0};
	follower->round.describe = NULL;
	follower->retry_after = answer->retry_after;
	if (follower->kind->take(follower, answer, &failure) < 0)
		fail_round(follower, &failure);
	else
		advance(follower);
}

int ec2_follower_ask(struct ec2_follower *follower, enum ec2_question question, size_t from,
                     size_t count, struct error *err)
{
	struct ec2_round *round = &follower->round;
	const char *ids[EC2_IDS_MAX];
	for (size_t i = 0; i < count; i++)
		ids[i] = round->ids.ids[from + i];
	return ec2_describe_start(follower->source->ec2, round->items, question, ids, count,
	                          answered, follower, &round->describe, err);
}

static void start_round(uv_timer_t *timer)
{
	struct ec2_follower *follower = timer->data;
	struct ec2_round *round = &follower->round;
	struct error failure = {0};
	if (follower->wanted.count == 0)
		return;
	follower->started = uv_now(timer->loop);
	round->running = true;
	round->began = time(NULL);
	round->lists.max = DOCUMENT_SIZE_MAX;
	int r = ec2_items_new(follower->kind->kind, &round->items, &failure);
	if (r == 0 && ec2_ids_union(&follower->wanted, NULL, EC2_WANTED_MAX, &round->ids) < 0)
		r = error_set(&failure, -ENOMEM, "out of memory");
	if (r < 0)
		fail_round(follower, &failure);
	else
		advance(follower);
}

void ec2_follower_open(struct ec2_follower *follower, struct source_ec2 *source,
                       const struct ec2_kind_of_source *kind)
{
	*follower = (struct ec2_follower){
		.source = source, .kind = kind, .status = {.source = "ec2", .what = kind->what}};
	follower->timer.data = follower;
	uv_timer_init(source->loop, &follower->timer);
}

void ec2_follower_stop(struct ec2_follower *follower)
{
	round_done(&follower->round);
}

void ec2_follower_done(struct ec2_follower *follower)
{
	ec2_ids_done(&follower->wanted);
	ec2_ids_done(&follower->answered);
	ec2_ids_done(&follower->missing);
	free(follower->text);
}

bool ec2_follower_want(struct ec2_follower *follower, struct wanted_ids *ids)
{
	if (follower->told && ids->count == follower->wanted.count &&
	    ec2_ids_within(ids, &follower->wanted))
		return false;
	ec2_ids_done(&follower->wanted);
	follower->wanted = *ids;
	*ids = (struct wanted_ids){0};
	follower->told = true;
	if (follower->wanted.count == 0 || follower->round.running)
		return true;
	/* Where the last round failed the next one is set, and no sooner for what is wanted. */
	if (!uv_is_active((uv_handle_t *)&follower->timer) ||
	    (follower->failures == 0 && !is_answered(follower)))
		schedule_soon(follower);
	return true;
}

bool ec2_follower_covers(const struct ec2_follower *follower)
{
	if (!follower->told)
		return false;
	if (follower->answered_once || follower->wanted.count == 0)
		return is_answered(follower);
	for (size_t i = 0; i < follower->wanted.count; i++)
		if (!follower->kind->known(follower->source->model, follower->wanted.ids[i]))
			return false;
	return follower->text != NULL;
}

void ec2_follower_restore(struct ec2_follower *follower)
{
	struct error failure = {0};
	char *text = NULL;
	size_t length = 0;
	if (follower->text)
		return;
	int r = ec2_copy_load(follower, &text, &length, &follower->status.fresh, &failure);
	if (r == 0)
		r = put(follower, text, length, NULL, &failure);
	if (r == 0) {
		follower->kept = true;
		follower->status.synced = true;
		log_event(LOG_LEVEL_WARNING, "ec2-copy-in-force", "what=\"%s\" objects=%zu",
		          follower->kind->what, follower->status.objects);
		source_ec2_changed(follower->source);
		return;
	}
	free(text);
	if (r != -ENOENT && strcmp(failure.text, follower->copy_error) != 0)
		log_text(LOG_LEVEL_WARNING, "ec2-copy-not-read", failure.text);
	snprintf(follower->copy_error, sizeof(follower->copy_error), "%.*s",
	         (int)sizeof(follower->copy_error) - 1, failure.text);
}

bool ec2_follower_waits(const struct ec2_follower *follower)
{
	return follower->wanted.count > 0 && !follower->text;
}

void ec2_follower_keep(struct ec2_follower *follower)
{
	if (follower->text && !follower->kept)
		ec2_copy_keep(follower);
}

void ec2_follower_forget(struct ec2_follower *follower)
{
	if (follower->wanted.count > 0 || !follower->text ||
	    model_remove(follower->source->model, follower->kind->document, NULL) < 0)
		return;
	ec2_copy_remove(follower);
	free(follower->text);
	follower->text = NULL;
	follower->kept = false;
	follower->answered_once = false;
	ec2_ids_done(&follower->answered);
	ec2_ids_done(&follower->missing);
	follower->status.objects = 0;
	source_ec2_changed(follower->source);
}

/* Of what nobody wants all is known that is needed. */
void ec2_follower_status(const struct ec2_follower *follower, struct source_status *ret)
{
	*ret = follower->status;
	if (!follower->told || follower->wanted.count > 0)
		return;
	ret->synced = true;
	ret->current = true;
	ret->fresh = time(NULL);
	ret->error[0] = '\0';
}
