/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/journal.h"
#include "hooks/eni-gc/gc_eni_delete.h"
#include "hooks/eni-gc/gc_eni_listing.h"
#include "hooks/eni-gc/gc_eni_sweep.h"
#include "hooks/eni-gc/gc_sightings.h"

#define SCOPE_SIZE (AWS_REGION_MAX + 200)
#define LOCK_PATIENCE 1000  /* milliseconds */
#define FAILURES_IN_A_ROW 5 /* then the rest is left: EC2 throttles us, or forbids it */
#define PROGRESS_STEP 250   /* milliseconds */

struct sweep {
	struct gc_ec2 *ec2;
	const struct gc_eni_options *options;
	struct gc_eni_report *report;
	char scope[SCOPE_SIZE];
	char path[PATH_MAX]; /* of the sightings */
	bool loaded;
	struct gc_sightings sightings;
	struct gc_listing listing;
	struct vector ripe;    /* struct gc_candidate */
	struct vector waiting; /* struct gc_finding */
	int64_t wait;          /* until the last one is ripe; milliseconds */
	size_t left;
	struct error failure;
};

static int list(struct sweep *sweep)
{
	const struct gc_eni_options *options = sweep->options;
	/* They point into the list before. */
	sweep->ripe.count = 0;
	sweep->waiting.count = 0;
	gc_listing_done(&sweep->listing);
	gc_progress_show(&sweep->report->progress, "reading interfaces", 0, 0);
	int r = options->job == GC_JOB_CLUSTER
	                ? gc_list_branches(sweep->ec2, options, &sweep->listing, &sweep->failure)
	                : gc_list_leftovers(sweep->ec2, options, &sweep->listing, &sweep->failure);
	if (r < 0)
		error_wrap(&sweep->failure, "nothing was done");
	return r;
}

/* A cluster's name can hold no colon. The region is known once EC2 has answered. */
static int name_scope(struct sweep *sweep)
{
	const struct gc_eni_options *options = sweep->options;
	snprintf(sweep->scope, sizeof(sweep->scope), "%s:%s:%s%s%s",
	         options->job == GC_JOB_CLUSTER ? "enis" : "deleted", gc_ec2_region(sweep->ec2),
	         options->subject, options->instance ? ":" : "",
	         options->instance ? options->instance : "");
	int length = snprintf(sweep->path, sizeof(sweep->path), "%s/%s.json", options->state,
	                      sweep->scope);
	if (length >= (int)sizeof(sweep->path))
		return error_set(&sweep->failure, -ENAMETOOLONG, "%.64s...: too long",
		                 options->state);
	return 0;
}

/* A file that is broken costs a cool-down; one that cannot be read could not be written either. */
static int load(struct sweep *sweep)
{
	struct error failure = {0};
	if (sweep->loaded)
		return 0;
	int r = name_scope(sweep);
	if (r < 0)
		return r;
	r = gc_sightings_load(sweep->path, sweep->scope, &sweep->sightings, &failure);
	if (r == -EBADMSG || r == -EFBIG) {
		error_wrap(&failure, "first sightings are lost, beginning anew");
		gc_eni_report_warning(sweep->report, failure.text);
	} else if (r < 0 && r != -ENOENT) {
		return error_set(&sweep->failure, r, "%s", failure.text);
	}
	sweep->loaded = true;
	return 0;
}

static int no_memory(struct sweep *sweep)
{
	return error_set(&sweep->failure, -ENOMEM, "out of memory");
}

static int add_ripe(struct sweep *sweep, const struct gc_candidate *candidate)
{
	struct gc_candidate *new = vector_push(&sweep->ripe);
	if (!new)
		return no_memory(sweep);
	*new = *candidate;
	return 0;
}

static int add_waiting(struct sweep *sweep, const struct gc_candidate *candidate, const char *why)
{
	struct gc_finding *new = vector_push(&sweep->waiting);
	if (!new)
		return no_memory(sweep);
	*new = (struct gc_finding){.action = GC_ENI_WAITS,
	                           .id = candidate->id,
	                           .eni = candidate->eni,
	                           .group = candidate->group,
	                           .why = why};
	return 0;
}

/* What is in the list now, with its first sighting, which may be this one. */
static int look_at(struct sweep *sweep, const struct gc_candidate *candidate,
                   const struct gc_moment *now, struct gc_sighting *ret)
{
	const struct gc_sighting *seen = gc_sightings_find(&sweep->sightings, candidate->id);
	int64_t wait;
	enum gc_sighting_state state = gc_sighting_judge(seen, candidate->fingerprint, now,
	                                                 sweep->options->cool_down, &wait);
	if (state == GC_SIGHTING_RIPE || state == GC_SIGHTING_YOUNG)
		*ret = *seen;
	else
		*ret = (struct gc_sighting){.fingerprint = candidate->fingerprint, .first = *now};
	snprintf(ret->id, sizeof(ret->id), "%s", candidate->id);
	if (wait > sweep->wait)
		sweep->wait = wait;
	return state == GC_SIGHTING_RIPE ? add_ripe(sweep, candidate)
	                                 : add_waiting(sweep, candidate, gc_sighting_doubt(state));
}

static int compare_sightings(const void *left, const void *right)
{
	const struct gc_sighting *a = left;
	const struct gc_sighting *b = right;
	return strcmp(a->id, b->id);
}

/* What the list does not have is forgotten: it has been used, or is gone. */
static int look(struct sweep *sweep)
{
	const struct gc_candidate *candidates = sweep->listing.candidates.items;
	size_t count = sweep->listing.candidates.count;
	struct gc_moment now;
	sweep->wait = 0;
	int r = gc_moment_now(&now, &sweep->failure);
	if (r < 0)
		return r;
	if (count > GC_SIGHTINGS_MAX)
		return error_set(&sweep->failure, -EFBIG, "more than %d to look at",
		                 GC_SIGHTINGS_MAX);
	struct gc_sightings new = {.items = calloc(count + 1, sizeof(*new.items)), .count = count};
	if (!new.items)
		return no_memory(sweep);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = look_at(sweep, &candidates[i], &now, &new.items[i]);
	qsort(new.items, count, sizeof(*new.items), compare_sightings);
	gc_sightings_done(&sweep->sightings);
	sweep->sightings = new;
	return r;
}

/* What cannot be written down is not acted upon: a later run would not know what was seen. */
static int remember(struct sweep *sweep)
{
	if (sweep->options->dry_run)
		return 0;
	return gc_sightings_save(sweep->path, sweep->scope, &sweep->sightings, &sweep->failure);
}

static void sleep_for(struct sweep *sweep, uint64_t milliseconds)
{
	for (uint64_t slept = 0; slept < milliseconds;) {
		uint64_t step = milliseconds - slept;
		if (sweep->report->progress.terminal && step > PROGRESS_STEP)
			step = PROGRESS_STEP;
		gc_progress_show(&sweep->report->progress, "waiting, seconds", slept / 1000,
		                 milliseconds / 1000);
		gc_ec2_sleep(sweep->ec2, step);
		slept += step;
	}
}

/* Sightings from before it was in use are no good any more. */
static int forget(struct sweep *sweep)
{
	if (name_scope(sweep) == 0 && !sweep->options->dry_run)
		(void)unlink(sweep->path);
	return error_set(&sweep->failure, -EEXIST,
	                 "nothing was done: cluster %s is not deleted, something of it is in use",
	                 sweep->options->subject);
}

/* One complete list, and what follows from it. *ret_status: what a failure makes of the run. */
static int phase(struct sweep *sweep, int *ret_status)
{
	*ret_status = GC_EXIT_PARTIAL;
	int r = list(sweep);
	if (r < 0)
		return r;
	if (sweep->listing.lives) {
		*ret_status = GC_EXIT_LIVES;
		return forget(sweep);
	}
	*ret_status = GC_EXIT_FAILED;
	r = load(sweep);
	if (r == 0)
		r = look(sweep);
	return r < 0 ? r : remember(sweep);
}

static void report_listing(struct sweep *sweep)
{
	const struct gc_finding *findings = sweep->listing.findings.items;
	const struct gc_finding *waiting = sweep->waiting.items;
	for (size_t i = 0; i < sweep->listing.findings.count; i++)
		gc_eni_report_finding(sweep->report, &findings[i]);
	for (size_t i = 0; i < sweep->waiting.count; i++)
		gc_eni_report_finding(sweep->report, &waiting[i]);
}

static void delete_ripe(struct sweep *sweep)
{
	const struct gc_candidate *ripe = sweep->ripe.items;
	const uint64_t pace = 1000 / sweep->options->rate;
	unsigned failures = 0;
	for (size_t i = 0; i < sweep->ripe.count; i++) {
		if (failures == FAILURES_IN_A_ROW) {
			sweep->left = sweep->ripe.count - i;
			return;
		}
		gc_progress_show(&sweep->report->progress, "deleting", i, sweep->ripe.count);
		uint64_t began = uv_hrtime();
		enum gc_eni_action action =
			gc_delete(sweep->ec2, &ripe[i], sweep->options->dry_run, sweep->report);
		uint64_t took = (uv_hrtime() - began) / 1000000;
		failures = action == GC_ENI_FAILED ? failures + 1 : 0;
		if (action != GC_ENI_WOULD_DELETE && took < pace)
			gc_ec2_sleep(sweep->ec2, pace - took);
	}
}

static int run(struct sweep *sweep)
{
	int status;
	int r = phase(sweep, &status);
	if (r == 0 && sweep->options->wait && sweep->waiting.count > 0) {
		sleep_for(sweep, (uint64_t)sweep->wait);
		r = phase(sweep, &status);
	}
	report_listing(sweep);
	if (r < 0)
		return status;
	delete_ripe(sweep);
	if (sweep->report->counts[GC_ENI_FAILED] > 0)
		return GC_EXIT_FAILED;
	return sweep->waiting.count > 0 ? GC_EXIT_WAITS : GC_EXIT_DONE;
}

static int make_directory(const char *path, struct error *err)
{
	char part[PATH_MAX];
	size_t length = strlen(path);
	if (length >= sizeof(part))
		return error_set(err, -ENAMETOOLONG, "%.64s...: too long", path);
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		/* Its parents are not ours alone. */
		if (mkdir(part, path[i] == '/' ? 0755 : 0700) < 0 && errno != EEXIST)
			return error_set(err, -errno, "%s: %s", part, strerror(errno));
	}
	return 0;
}

/* -1: a dry run takes none. */
static int lock(struct sweep *sweep, int *ret, int *ret_status)
{
	*ret = -1;
	*ret_status = GC_EXIT_FAILED;
	if (sweep->options->dry_run)
		return 0;
	int r = make_directory(sweep->options->state, &sweep->failure);
	if (r < 0)
		return r;
	*ret = journal_lock(sweep->options->state, LOCK_PATIENCE, &sweep->failure);
	if (*ret >= 0)
		return 0;
	if (*ret == -ETIMEDOUT) {
		*ret_status = GC_EXIT_WAITS;
		error_wrap(&sweep->failure, "nothing was done: another run is at work");
	}
	return *ret;
}

int gc_sweep(struct gc_ec2 *ec2, const struct gc_eni_options *options, struct gc_eni_report *report)
{
	struct sweep sweep = {.ec2 = ec2,
	                      .options = options,
	                      .report = report,
	                      .ripe.item_size = sizeof(struct gc_candidate),
	                      .waiting.item_size = sizeof(struct gc_finding)};
	int descriptor;
	int status;
	if (lock(&sweep, &descriptor, &status) == 0)
		status = run(&sweep);
	gc_eni_report_summary(report, &(struct gc_summary){.subject = options->subject,
	                                                   .region = gc_ec2_region(ec2),
	                                                   .dry_run = options->dry_run,
	                                                   .others = sweep.listing.others,
	                                                   .left = sweep.left,
	                                                   .wait = sweep.wait,
	                                                   .status = status,
	                                                   .failure = &sweep.failure});
	if (descriptor >= 0)
		close(descriptor);
	gc_listing_done(&sweep.listing);
	gc_sightings_done(&sweep.sightings);
	vector_done(&sweep.ripe);
	vector_done(&sweep.waiting);
	return status;
}
