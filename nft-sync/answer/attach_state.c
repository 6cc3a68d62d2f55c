/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "nft-sync/answer/attach_state.h"
#include "nft-sync/resolve/attachment_pod.h"
#include "nft-sync/resolve/pod_groups.h"
#include "nft-sync/resolve/resolve.h"

const char *attach_state_name(enum attach_state state)
{
	static const char *const names[] = {[ATTACH_ENFORCED] = "enforced",
	                                    [ATTACH_UNMANAGED] = "unmanaged",
	                                    [ATTACH_WAITING] = "waiting"};
	return names[state];
}

static void __attribute__((format(printf, 3, 4)))
say(struct attach_verdict *ret, enum attach_state state, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(ret->reason, sizeof(ret->reason), format, arguments);
	va_end(arguments);
	ret->state = state;
}

/* A source that has not been read whole: rather one that says why. */
static void find_unread(void *context, const struct source_status *status)
{
	struct source_status *found = context;
	if (status->synced || status->absent)
		return;
	if (!found->source || (status->error[0] && !found->error[0]))
		*found = *status;
}

static bool say_unread(const struct sync *sync, struct attach_verdict *ret)
{
	struct source_status unread = {0};
	live_sources_each(sync->live, find_unread, &unread);
	if (!unread.source)
		return false;
	say(ret, ATTACH_WAITING, "%s: %s not read in the %lld s since nft-sync started%s%s",
	    unread.source, unread.what, (long long)(time(NULL) - sync->history.started),
	    unread.error[0] ? ": " : "", unread.error);
	return true;
}

/* A source that is no longer followed may not have heard of the pod. */
static void find_stale(void *context, const struct source_status *status)
{
	struct source_status *found = context;
	if (!status->current && !status->absent && !found->source)
		*found = *status;
}

static void say_unknown_pod(const struct sync *sync, const struct attachment *attachment,
                            struct attach_verdict *ret)
{
	struct source_status stale = {0};
	const struct pod *other = model_pod(sync->model, attachment->namespace, attachment->pod);
	live_sources_each(sync->live, find_stale, &stale);
	if (stale.source)
		say(ret, ATTACH_WAITING,
		    "pod %s/%s is not known, and %s: %s are as of %lld s ago: %s",
		    attachment->namespace, attachment->pod, stale.source, stale.what,
		    (long long)(time(NULL) - stale.fresh), stale.error);
	else if (other)
		say(ret, ATTACH_WAITING,
		    "pod %s/%s is known with the uid %s only, the sandbox is of %s",
		    attachment->namespace, attachment->pod, other->uid, attachment->uid);
	else
		say(ret, ATTACH_WAITING, "pod %s/%s is not known from any source yet",
		    attachment->namespace, attachment->pod);
}

static void say_unmanaged(const struct sync *sync, const struct pod *pod,
                          struct attach_verdict *ret)
{
	const char *reason = "no policy selects it";
	if (pod->host_network)
		reason = "it is on the node's own network";
	else if (pod->finished)
		reason = "it has ended";
	else if (!sync->config->enforce_without_eni)
		reason = "it has no branch ENI, and withoutEni is ignore";
	say(ret, ATTACH_UNMANAGED, "%s", reason);
}

/* Its branch has another sandbox, or was left out for a newer pod's. */
static bool say_superseded(const struct sync *sync, const struct attachment *attachment,
                           const struct pod *pod, struct attach_verdict *ret)
{
	const struct resolution *resolution = sync->resolution;
	const struct branch *own =
		resolution_branch_of_pod(resolution, pod->namespace, pod->name, pod->uid);
	const struct branch *holder = resolution_branch(resolution, attachment->interface);
	if (own && own->orphan)
		own = NULL;
	if (own && strcmp(own->sandbox.sandbox, attachment->sandbox) == 0)
		say(ret, ATTACH_UNMANAGED,
		    "the security groups of %s/%s are enforced on its interface %s", pod->namespace,
		    pod->name, own->sandbox.ifname);
	else if (own)
		say(ret, ATTACH_WAITING, "pod %s/%s has the newer sandbox %s", pod->namespace,
		    pod->name, own->sandbox.sandbox);
	else if (holder && !holder->orphan && strcmp(holder->uid, pod->uid) != 0)
		say(ret, ATTACH_WAITING, "interface %s is claimed by the newer pod %s/%s",
		    attachment->interface, holder->namespace, holder->pod);
	else
		return false;
	return true;
}

static void judge_pod(const struct sync *sync, const struct attachment *attachment,
                      struct attach_verdict *ret)
{
	const char *node = sync->config->node.name;
	const struct pod *pod = attachment_pod(attachment, node, sync->model);
	if (!pod && attachment_has_pod(attachment))
		say_unknown_pod(sync, attachment, ret);
	else if (!pod)
		say(ret, ATTACH_UNMANAGED, "it is no pod, and no pod has its address");
	else if (strcmp(pod->node, node) != 0)
		say(ret, ATTACH_WAITING, "pod %s/%s is of node \"%s\", this node is \"%s\"",
		    pod->namespace, pod->name, pod->node, node);
	else if (!say_superseded(sync, attachment, pod, ret))
		say_unmanaged(sync, pod, ret);
}

/* What is not known, or not true yet, of all pods alike. */
static bool say_not_ready(const struct sync *sync, struct attach_verdict *ret)
{
	const struct error *error = &sync->history.error;
	if (say_unread(sync, ret))
		return true;
	if (error->code)
		say(ret, ATTACH_WAITING, "the rules are not in force: %s", error->text);
	else if (!sync->in_force)
		say(ret, ATTACH_WAITING, "the rules are not in force yet");
	else if (!resolution_is_current(sync->resolution, sync->model))
		say(ret, ATTACH_WAITING, "what changed is not in force yet");
	else
		return false;
	return true;
}

/* In the kernel, whatever else is not known or not true yet. */
static const struct branch *branch_in_force(const struct sync *sync,
                                            const struct attachment *attachment)
{
	if (!sync->in_force)
		return NULL;
	return resolution_branch_of_sandbox(sync->resolution, attachment->sandbox,
	                                    attachment->ifname);
}

static void judge(const struct sync *sync, const struct attachment *attachment,
                  struct attach_verdict *ret)
{
	const struct branch *branch = branch_in_force(sync, attachment);
	if (branch && branch->present) {
		ret->state = ATTACH_ENFORCED;
		ret->branch = branch;
	} else if (say_not_ready(sync, ret)) {
		return;
	} else if (branch) {
		say(ret, ATTACH_WAITING, "interface %s of pod %s/%s is not there",
		    branch->interface, branch->namespace, branch->pod);
	} else {
		judge_pod(sync, attachment, ret);
	}
}

static void say_no_attachment(const struct sync *sync, const char *sandbox, const char *ifname,
                              struct attach_verdict *ret)
{
	const struct journal_summary summary = source_journal_summary(sync->journal);
	say(ret, ATTACH_WAITING, "the journal has no good entry %s:%s of this boot%s%s", sandbox,
	    ifname, summary.problem[0] ? ": " : "", summary.problem);
}

void attach_judge(const struct sync *sync, const char *sandbox, const char *ifname,
                  struct attach_verdict *ret)
{
	const struct attachment *attachment = model_attachment(sync->model, sandbox, ifname);
	*ret = (struct attach_verdict){0};
	if (!attachment)
		say_no_attachment(sync, sandbox, ifname, ret);
	else if (attachment->state == ATTACHMENT_GONE)
		say(ret, ATTACH_WAITING, "sandbox %s is gone: its DEL has come", sandbox);
	else
		judge(sync, attachment, ret);
}
