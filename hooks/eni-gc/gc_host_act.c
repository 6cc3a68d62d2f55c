/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clean_up.h"
#include "hooks/eni-gc/gc_host_act.h"
#include "hooks/eni-gc/gc_host_judge.h"
#include "hooks/eni-gc/gc_host_leftovers.h"

#define LOCK_PATIENCE 5000 /* milliseconds; a holder needs some */
#define JOURNAL_ENTRY "journal entry"

struct leftover_context {
	struct gc_report *report;
	const struct attachment *gone;
};

/* Locked, or allowed to go on without: where the file system is full or read-only nobody can lock,
 * and the kernel has to be cleaned up all the same. *ret is negative where there is no lock. */
static int lock(struct gc_act *act, int *ret, struct error *err)
{
	struct error failure = {0};
	*ret = -1;
	if (act->report->dry_run)
		return 0;
	int fd = journal_lock(act->journal, act->locked_out ? 0 : LOCK_PATIENCE, &failure);
	act->locked_out = fd == -ETIMEDOUT;
	if (act->locked_out)
		return error_set(err, fd, "%s", failure.text);
	*ret = fd;
	return 0;
}

static void unlock(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

static int clean(const struct gc_act *act, const struct attachment *gone,
                 void (*tell)(void *context, enum clean_up_outcome outcome, const char *thing,
                              const char *why),
                 void *context, struct error *err)
{
	const struct clean_up_options options = {.journal = act->journal,
	                                         .dry_run = act->report->dry_run,
	                                         .say = tell,
	                                         .context = context};
	return clean_up(&options, gone, err);
}

/* 1: the entry is as it was judged; 0: it is not, and that was said. */
static int is_unchanged(const struct gc_act *act, const struct attachment *gone, struct error *err)
{
	struct attachment now;
	int r = journal_read(act->journal, gone->sandbox, gone->ifname, &now, err);
	if (r == 0 && now.created == gone->created)
		return 1;
	if (r < 0 && r != -ENOENT)
		return r;
	gc_report_thing(act->report, CLEAN_UP_KEPT, JOURNAL_ENTRY,
	                r == 0 ? "it was written anew" : "somebody else has removed it");
	return 0;
}

static int remove_entry(const struct gc_act *act, const struct attachment *gone, struct error *err)
{
	int r = act->report->dry_run
	                ? 0
	                : journal_remove(act->journal, gone->sandbox, gone->ifname, err);
	if (r == 0)
		gc_report_thing(act->report, CLEAN_UP_REMOVED, JOURNAL_ENTRY, "");
	return r;
}

void gc_act_attachment(struct gc_act *act, const struct attachment *gone)
{
	struct error failure = {0};
	int fd = -1;
	int r = lock(act, &fd, &failure);
	if (r == 0)
		r = is_unchanged(act, gone, &failure);
	if (r == 1) {
		r = clean(act, gone, gc_report_thing, act->report, &failure);
		if (r == 0)
			r = remove_entry(act, gone, &failure);
	}
	unlock(fd);
	if (r < 0)
		gc_report_thing(act->report, CLEAN_UP_FAILED, JOURNAL_ENTRY, failure.text);
}

/* The device of a living pod, beside which something of an older one was left. */
static bool is_device_of_another(const struct attachment *gone, const char *thing)
{
	char device[32];
	(void)snprintf(device, sizeof(device), "link %s", gone->device);
	return gone->device_index == GC_NO_DEVICE && strcmp(thing, device) == 0;
}

static void say_leftover(void *context, enum clean_up_outcome outcome, const char *thing,
                         const char *why)
{
	const struct leftover_context *leftover = context;
	if (outcome != CLEAN_UP_KEPT || !is_device_of_another(leftover->gone, thing))
		gc_report_thing(leftover->report, outcome, thing, why);
}

static int clean_leftovers(const struct gc_act *act, const struct vector *leftovers, unsigned vlan,
                           const char *boot, struct error *err)
{
	struct attachment gone;
	struct leftover_context context = {.report = act->report, .gone = &gone};
	size_t at = 0;
	int r = 0;
	while (gc_leftovers_gather(leftovers, vlan, &at, boot, &gone)) {
		int code = clean(act, &gone, say_leftover, &context, err);
		r = r < 0 ? r : code;
	}
	return r;
}

/* One subject for all of the VLAN that is gone; its device comes first. */
static void report_leftovers(const struct gc_act *act, const struct vector *leftovers,
                             unsigned vlan)
{
	const struct gc_leftover *items = leftovers->items;
	const struct gc_leftover *gone = NULL;
	for (size_t i = 0; i < leftovers->count; i++) {
		if (items[i].vlan != vlan)
			continue;
		if (items[i].judgement.verdict == GC_DOUBTFUL)
			gc_report_leftover(act->report, &items[i]);
		else if (items[i].judgement.verdict == GC_GONE && !gone)
			gone = &items[i];
	}
	if (gone)
		gc_report_leftover(act->report, gone);
}

static int look_again(const struct gc_act *act, const struct vector *leftovers,
                      struct gc_sight *sight, struct vector *ret, struct error *err)
{
	int r = gc_sight_take(act->journal, sight, err);
	if (r < 0)
		return r;
	gc_judge_attachments(sight, act->evidence);
	r = gc_leftovers_find(sight, act->evidence, ret, err);
	if (r < 0)
		return r;
	gc_leftovers_confirm(leftovers, ret);
	return 0;
}

void gc_act_leftovers(struct gc_act *act, const struct vector *leftovers, unsigned vlan)
{
	struct error failure = {0};
	struct gc_sight sight = {0};
	struct vector now = {0};
	size_t failed = act->report->failed;
	int fd = -1;
	int r = lock(act, &fd, &failure);
	if (r == 0)
		r = look_again(act, leftovers, &sight, &now, &failure);
	if (r == 0) {
		report_leftovers(act, &now, vlan);
		r = clean_leftovers(act, &now, vlan, sight.boot, &failure);
	}
	unlock(fd);
	/* clean_up() has said of which thing it was, if it was one. */
	if (r < 0 && act->report->failed == failed)
		gc_report_failure(act->report, &failure);
	vector_done(&now);
	gc_sight_done(&sight);
}
