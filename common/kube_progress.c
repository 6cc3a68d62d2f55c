/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "common/backoff.h"
#include "common/kube_progress.h"

/* Milliseconds */
#define PAUSE_FIRST 500
#define PAUSE_LAST 30000
#define PAUSE_REFUSED_FIRST 5000 /* nobody gets a right, or a new kind of object, in a second */
#define PAUSE_REFUSED_LAST 300000

/* A list that fails so often at one page begins anew. */
#define PAGE_TRIES 5

/* A server that has just started does not know who has which rights for some seconds: only from so
 * many refusals in a row on, it means what it says. */
#define REFUSALS_MEANT 2

/* What is worth a new word about a failure: which port was refused, or whether the server is away
 * or in trouble of its own, is not. */
static int trouble_of(const struct kube_outcome *outcome)
{
	if (outcome->status == 429 || outcome->status >= 500)
		return 500;
	if (outcome->status >= 300)
		return outcome->status;
	return outcome->error.code == -EBADMSG || outcome->error.code == -EMSGSIZE
	               ? outcome->error.code
	               : -EIO;
}

static void note_well(struct kube_progress *progress)
{
	struct kube_watch_state *state = &progress->state;

	state->fresh = time(NULL);
	state->current = true;
	state->forbidden = false;
	state->error[0] = '\0';
	progress->trouble = 0;
}

static void note_current(struct kube_progress *progress)
{
	struct kube_watch_state *state = &progress->state;

	progress->news = progress->news || !state->current || !state->synced || state->absent;
	note_well(progress);
	state->synced = true;
	state->absent = false;
}

static void note_absent(struct kube_progress *progress)
{
	progress->news = progress->news || !progress->state.absent;
	note_well(progress);
	progress->state.absent = true;
}

static void note_failure(struct kube_progress *progress, const struct kube_outcome *outcome)
{
	struct kube_watch_state *state = &progress->state;
	bool forbidden = outcome->status == 403 && progress->refusals >= REFUSALS_MEANT;
	int trouble = trouble_of(outcome);

	progress->news = progress->news || state->current || state->forbidden != forbidden ||
	                 progress->trouble != trouble;
	progress->trouble = trouble;
	state->failures++;
	state->current = false;
	state->forbidden = forbidden;
	(void)snprintf(state->error, sizeof(state->error), "%s", outcome->error.text);
}

/* Milliseconds until what was never seen counts as absent. A server that has just started does not
 * know its CRDs yet. Of what was seen before the last good state stands. */
static uint64_t time_to_absent(const struct kube_progress *progress, uint64_t now)
{
	uint64_t lasts = now - progress->unknown_since;

	if (progress->state.synced || progress->absent_after == 0)
		return UINT64_MAX;
	return lasts < progress->absent_after ? progress->absent_after - lasts : 0;
}

/* The other form is tried at once. The first answer of this kind is not worth a word. */
static struct kube_next after_unknown(struct kube_progress *progress,
                                      const struct kube_outcome *outcome)
{
	struct kube_next next = {.new_list = true, .next_form = true};
	uint64_t left;

	if (progress->unknown++ == 0)
		progress->unknown_since = outcome->now;
	if (progress->unknown % outcome->forms != 0)
		return next;
	progress->refusals++;
	left = time_to_absent(progress, outcome->now);
	if (left == 0)
		note_absent(progress);
	else if (progress->state.synced || progress->refusals > 1)
		note_failure(progress, outcome);
	next.pause = backoff_pause(progress->refusals, PAUSE_REFUSED_FIRST, PAUSE_REFUSED_LAST);
	if (left > 0 && next.pause > left)
		next.pause = left;
	return next;
}

static struct kube_next after_refusal(struct kube_progress *progress,
                                      const struct kube_outcome *outcome)
{
	progress->refusals++;
	progress->unknown = 0;
	note_failure(progress, outcome);
	return (struct kube_next){.pause = backoff_pause(progress->refusals, PAUSE_REFUSED_FIRST,
	                                                 PAUSE_REFUSED_LAST)};
}

/* 410: the version or the page is no longer there. 400, 504: the server does not understand them,
 * as after its store was set back. An event that is too large may be passed by in a list. */
static bool needs_new_list(const struct kube_progress *progress, const struct kube_outcome *outcome)
{
	return outcome->expired || outcome->status == 410 || outcome->status == 400 ||
	       outcome->status == 504 || outcome->error.code == -EBADMSG ||
	       outcome->error.code == -EMSGSIZE ||
	       (outcome->listing && progress->struggle % PAGE_TRIES == 0);
}

/* A version that got too old while all went well is nobody's fault, and is no news while something
 * else goes wrong. */
static bool is_blameless(const struct kube_progress *progress, const struct kube_outcome *outcome)
{
	return (outcome->expired || outcome->status == 410) &&
	       (progress->struggle == 1 || !progress->state.current);
}

static struct kube_next after_failure(struct kube_progress *progress,
                                      const struct kube_outcome *outcome)
{
	progress->struggle++;
	progress->refusals = 0;
	progress->unknown = 0;
	if (!is_blameless(progress, outcome))
		note_failure(progress, outcome);
	return (struct kube_next){
		.pause = backoff_pause(progress->struggle, PAUSE_FIRST, PAUSE_LAST),
		.new_list = needs_new_list(progress, outcome)};
}

/* After a failure it is the watch that shows whether all is well again. */
void kube_progress_listed(struct kube_progress *progress)
{
	struct kube_watch_state *state = &progress->state;

	progress->refusals = 0;
	progress->unknown = 0;
	if (progress->struggle == 0 || state->absent)
		note_current(progress);
	progress->news = progress->news || !state->synced;
	state->synced = true;
	state->fresh = time(NULL);
}

void kube_progress_heard(struct kube_progress *progress)
{
	progress->state.fresh = time(NULL);
}

void kube_progress_settled(struct kube_progress *progress)
{
	progress->struggle = 0;
	progress->refusals = 0;
	progress->unknown = 0;
	note_current(progress);
}

uint64_t kube_progress_short(struct kube_progress *progress)
{
	progress->struggle++;
	return backoff_pause(progress->struggle, PAUSE_FIRST, PAUSE_LAST);
}

struct kube_next kube_progress_failed(struct kube_progress *progress,
                                      const struct kube_outcome *outcome)
{
	uint64_t asked = outcome->retry_after * 1000ULL;
	struct kube_next next;

	if (outcome->status == 404)
		next = after_unknown(progress, outcome);
	else if (outcome->status == 401 || outcome->status == 403)
		next = after_refusal(progress, outcome);
	else
		next = after_failure(progress, outcome);
	if (next.pause < asked)
		next.pause = asked + backoff_random(1000);
	return next;
}
