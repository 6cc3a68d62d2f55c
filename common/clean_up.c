/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clean_up.h"
#include "common/clean_up_evidence.h"
#include "common/conntrack_forget.h"
#include "common/netlink.h"

/* Nanoseconds. From making a device to making what shows whose it is the VPC CNI needs a few
 * milliseconds. */
#define SECOND_LOOK 100000000
#define ROUND_PAUSE 10000000
#define ROUNDS_MAX 5 /* each after an ADD of the same things has got further */

struct removed_rule {
	const struct network_rule *rule; /* of job.before */
	bool is_back;
};

struct job {
	const struct clean_up_options *options;
	struct attachment *gone;
	char boot[BOOT_ID_SIZE];
	struct netlink netlink;
	struct evidence before;
	struct evidence after;                    /* what was to be removed has been */
	unsigned first_seen[BRANCH_VLAN_MAX + 1]; /* devices in doubt, by their index */
	struct vector removed;                    /* struct removed_rule */
	bool changed;                             /* the kernel is not as it was before */
	int result;                               /* of the first failure */
	struct error *err;
};

static void say(const struct job *job, enum clean_up_outcome outcome, const char *thing,
                const char *why)
{
	if (job->options->say)
		job->options->say(job->options->context, outcome, thing, why);
}

static void fail(struct job *job, int code, const char *thing, const char *why)
{
	say(job, CLEAN_UP_FAILED, thing, why);
	if (job->result == 0)
		job->result = error_set(job->err, code, "%s: %s", thing, why);
}

static void report(struct job *job, int code, const char *thing)
{
	if (code < 0) {
		fail(job, code, thing, strerror(-code));
		return;
	}
	say(job, CLEAN_UP_REMOVED, thing, "");
	job->changed = !job->options->dry_run;
}

static int look(struct job *job, struct evidence *ret)
{
	return evidence_read(&job->netlink, job->options->journal, job->boot, job->gone, ret,
	                     job->err);
}

static void wait_nanoseconds(long nanoseconds)
{
	const struct timespec pause = {.tv_nsec = nanoseconds};
	(void)nanosleep(&pause, NULL);
}

/* Returns whether there is any. */
static bool note_doubtful_devices(struct job *job)
{
	bool any = false;
	for (unsigned vlan = 1; vlan <= BRANCH_VLAN_MAX; vlan++) {
		if (!job->before.is_ours[vlan] || !evidence_doubts_device(&job->before, vlan))
			continue;
		job->first_seen[vlan] = evidence_device(&job->before, vlan)->index;
		any = true;
	}
	return any;
}

/* A device whose index nobody wrote down, and that nothing leads to, may be in the making. */
static int look_before(struct job *job)
{
	int r = look(job, &job->before);
	if (r < 0 || !note_doubtful_devices(job))
		return r;
	evidence_done(&job->before);
	job->before = (struct evidence){0};
	wait_nanoseconds(SECOND_LOOK);
	return look(job, &job->before);
}

/* Why a device that nobody is known to hold is left alone all the same, or NULL. */
static const char *doubt(const struct job *job, const struct network_link *device, unsigned vlan)
{
	if (job->gone->device_index != 0)
		return NULL;
	if (job->before.journal.code != 0)
		return job->before.journal.text;
	return device->index == job->first_seen[vlan] ? NULL : "it was made just now";
}

static void clean_device(struct job *job, unsigned vlan)
{
	const struct network_link *device = evidence_device(&job->before, vlan);
	char holder[HOLDER_MAX];
	char thing[32];
	if (!device)
		return;
	(void)snprintf(thing, sizeof(thing), "link %s", device->name);
	if (evidence_device_held(&job->before, device, vlan, holder)) {
		say(job, CLEAN_UP_KEPT, thing, holder);
		return;
	}
	const char *why = doubt(job, device, vlan);
	if (why) {
		fail(job, -EAGAIN, thing, why);
		return;
	}
	int r = job->options->dry_run ? 0 : network_link_delete(&job->netlink, device->index);
	report(job, r, thing);
}

static int remember(struct job *job, const struct network_rule *rule)
{
	struct removed_rule *item = vector_push(&job->removed);
	if (!item)
		return -ENOMEM;
	item->rule = rule;
	return 0;
}

static void clean_rule(struct job *job, const struct network_rule *rule)
{
	char holder[HOLDER_MAX];
	char thing[NETWORK_TEXT_MAX];
	int r = 0;
	(void)network_rule_text(rule, thing);
	if (evidence_rule_held(&job->before, rule, holder)) {
		say(job, CLEAN_UP_KEPT, thing, holder);
		return;
	}
	if (network_rule_is_shadowed(&job->before.network, rule)) {
		fail(job, -EBUSY, thing,
		     "a rule with more conditions stands before it, and would be deleted instead");
		return;
	}
	if (!job->options->dry_run) {
		r = remember(job, rule);
		if (r == 0)
			r = network_rule_delete(&job->netlink, rule);
	}
	report(job, r, thing);
}

/* Those of a branch device go with it, or are its newer holder's. */
static void clean_route(struct job *job, const struct network_route *route)
{
	const struct network_link *link = network_link_at(&job->before.network, route->link);
	char holder[HOLDER_MAX];
	char thing[NETWORK_TEXT_MAX];
	if (link && strncmp(link->name, BRANCH_DEVICE_PREFIX, strlen(BRANCH_DEVICE_PREFIX)) == 0)
		return;
	(void)network_route_text(route, &job->before.network, thing);
	if (evidence_route_held(&job->before, route, holder)) {
		say(job, CLEAN_UP_KEPT, thing, holder);
		return;
	}
	int r = job->options->dry_run ? 0 : network_route_delete(&job->netlink, route);
	report(job, r, thing);
}

static void clean(struct job *job)
{
	for (unsigned vlan = 1; vlan <= BRANCH_VLAN_MAX; vlan++)
		if (job->before.is_ours[vlan])
			clean_device(job, vlan);
	for (NETWORK_EACH(rule, item, &job->before.network))
		if (evidence_concerns_rule(&job->before, item))
			clean_rule(job, item);
	for (NETWORK_EACH(route, item, &job->before.network))
		if (evidence_concerns_route(&job->before, item))
			clean_route(job, item);
}

static bool is_there(const struct evidence *evidence, const struct network_rule *rule)
{
	for (NETWORK_EACH(rule, item, &evidence->network))
		if (network_rule_equal(item, rule))
			return true;
	return false;
}

/* Returns whether anything was changed. */
static bool give_back_rule(struct job *job, struct removed_rule *removed)
{
	const struct network_rule *rule = removed->rule;
	char holder[HOLDER_MAX];
	char thing[NETWORK_TEXT_MAX];
	bool is_held = evidence_rule_held(&job->after, rule, holder);
	if (removed->is_back == is_held || is_there(&job->after, rule) == is_held)
		return false;
	int r = is_held ? network_rule_add(&job->netlink, rule)
	                : network_rule_delete(&job->netlink, rule);
	(void)network_rule_text(rule, thing);
	if (r < 0)
		fail(job, r, thing, strerror(-r));
	else if (is_held)
		say(job, CLEAN_UP_KEPT, thing, holder);
	removed->is_back = is_held;
	return r == 0;
}

/*
 * The VPC CNI takes a rule that is there already (EEXIST) for its own. An ADD that ran between our
 * look and our deletion has then lost it, and here gets it back. Whether it was right to do so is
 * seen when that ADD is further.
 */
static int give_back(struct job *job)
{
	struct removed_rule *rules = job->removed.items;
	bool changed = true;
	for (int round = 0; changed && round < ROUNDS_MAX; round++) {
		if (round > 0)
			wait_nanoseconds(ROUND_PAUSE);
		evidence_done(&job->after);
		job->after = (struct evidence){0};
		int r = look(job, &job->after);
		if (r < 0)
			return r;
		changed = false;
		for (size_t i = 0; i < job->removed.count; i++)
			changed = give_back_rule(job, &rules[i]) || changed;
	}
	return 0;
}

static void forget_flows(struct job *job, const struct evidence *evidence,
                         const struct prefix *address)
{
	struct error err = {0};
	char holder[HOLDER_MAX];
	char text[PREFIX_TEXT_MAX];
	char thing[PREFIX_TEXT_MAX + 48];
	size_t count = 0;
	(void)prefix_text(address, text);
	if (evidence_address_held(evidence, address, holder)) {
		(void)snprintf(thing, sizeof(thing), "conntrack entries of %s", text);
		say(job, CLEAN_UP_KEPT, thing, holder);
		return;
	}
	int r = conntrack_forget(address, job->options->dry_run, &count, &err);
	(void)snprintf(thing, sizeof(thing), "%zu conntrack entries of %s", count, text);
	if (r < 0)
		fail(job, r, thing, err.text);
	else if (count > 0)
		say(job, CLEAN_UP_REMOVED, thing, "");
}

static int run(struct job *job)
{
	const struct evidence *last = &job->before;
	int r = netlink_open(&job->netlink, NETLINK_ROUTE, job->err);
	if (r == 0)
		r = look_before(job);
	if (r < 0)
		return r;
	clean(job);
	if (job->removed.count > 0) {
		r = give_back(job);
		if (r < 0)
			return r;
		last = &job->after;
	}
	/* Flows that came up since are not of the gone one. */
	for (size_t i = 0; last->tracks && i < job->gone->address_count; i++)
		forget_flows(job, last, &job->gone->addresses[i]);
	return job->result;
}

/* The device's name holds the VLAN where nothing else does. */
static void complete(struct attachment *gone)
{
	size_t prefix = strlen(BRANCH_DEVICE_PREFIX);
	if (gone->vlan == 0 && strncmp(gone->device, BRANCH_DEVICE_PREFIX, prefix) == 0)
		gone->vlan = (unsigned)strtoul(gone->device + prefix, NULL, 10);
}

int clean_up(const struct clean_up_options *options, const struct attachment *gone,
             struct error *err)
{
	struct attachment copy = *gone;
	struct job job = {.options = options,
	                  .gone = &copy,
	                  .removed = {.item_size = sizeof(struct removed_rule)},
	                  .err = err};
	complete(&copy);
	int r = boot_id_read(job.boot, err);
	if (r < 0)
		return r;
	/* The kernel has begun anew since. */
	if (gone->boot[0] && strcmp(gone->boot, job.boot) != 0)
		return 0;
	r = run(&job);
	vector_done(&job.removed);
	evidence_done(&job.before);
	evidence_done(&job.after);
	netlink_close(&job.netlink);
	return r;
}
