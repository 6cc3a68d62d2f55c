/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hooks/eni-gc/gc_host_judge.h"

void gc_judge(struct gc_judgement *ret, enum gc_verdict verdict, const char *why, ...)
{
	va_list arguments;
	va_start(arguments, why);
	(void)vsnprintf(ret->why, sizeof(ret->why), why, arguments);
	va_end(arguments);
	ret->verdict = verdict;
}

const char *gc_verdict_name(enum gc_verdict verdict)
{
	static const char *const names[] = {
		[GC_LIVES] = "lives", [GC_DOUBTFUL] = "doubtful", [GC_GONE] = "gone"};
	return names[verdict];
}

bool gc_of_this_boot(const struct gc_sight *sight, const struct attachment *attachment)
{
	return !attachment->boot[0] || strcmp(attachment->boot, sight->boot) == 0;
}

/* What a complete list says against the sandbox; NULL: nothing. containerd lists one only when its
 * network is there. */
static const char *runtime_objection(const struct gc_evidence *evidence,
                                     const struct attachment *attachment)
{
	if (!evidence->runtimes_complete || attachment->state == ATTACHMENT_ADDING)
		return NULL;
	const struct gc_sandbox *known = gc_cri_find(&evidence->sandboxes, attachment->sandbox);
	if (!known)
		return "the runtime does not know the sandbox";
	return known->ready ? NULL : "the runtime says that the sandbox is not ready";
}

/* A later attachment says that the interface of that name is its own. */
static bool name_was_taken(const struct gc_sight *sight, const struct attachment *attachment)
{
	const struct gc_attachment *others = sight->attachments.items;
	for (size_t i = 0; i < sight->attachments.count; i++) {
		const struct attachment *other = &others[i].attachment;
		if (other->created > attachment->created && other->state != ATTACHMENT_GONE &&
		    strcmp(other->interface, attachment->interface) == 0)
			return true;
	}
	return false;
}

/* By its index, see sandbox_has_interface(). */
static bool has_number(const struct gc_sight *sight, const struct gc_attachment *subject)
{
	const struct attachment *attachment = &subject->attachment;
	const struct network_link *link =
		network_link_at(&sight->kernel, attachment->interface_index);
	return link && (strcmp(link->name, attachment->interface) == 0 || !attachment->netns[0] ||
	                subject->netns_there);
}

static bool has_interface(const struct gc_sight *sight, const struct gc_attachment *subject)
{
	const struct attachment *attachment = &subject->attachment;
	if (attachment->interface_index)
		return has_number(sight, subject);
	return attachment->interface[0] &&
	       network_link_named(&sight->kernel, attachment->interface) &&
	       !name_was_taken(sight, attachment);
}

/* A process that ended left its id, and with it this path, to whoever came next. */
static bool is_of_process(const char *netns)
{
	return strncmp(netns, "/proc/", strlen("/proc/")) == 0;
}

/* Its interface is not there, if it has one. */
static void judge_by_netns(const struct gc_attachment *subject, const char *objection,
                           struct gc_judgement *ret)
{
	const struct attachment *attachment = &subject->attachment;
	const char *interface = attachment->interface;
	if (!interface[0] && !attachment->netns[0])
		gc_judge(ret, GC_DOUBTFUL, "neither interface nor network namespace were recorded");
	else if (!interface[0] && subject->netns_there)
		gc_judge(ret, objection ? GC_DOUBTFUL : GC_LIVES,
		         "its network namespace is there%s%s", objection ? ", but " : "",
		         objection ? objection : "");
	else if (!interface[0])
		gc_judge(ret, GC_GONE, "its network namespace is gone");
	else if (!subject->netns_there)
		gc_judge(ret, GC_GONE, "its interface %s is gone, and so is its network namespace",
		         interface);
	else if (is_of_process(attachment->netns))
		gc_judge(ret, GC_GONE, "its interface %s is gone, and %s may be anybody's",
		         interface, attachment->netns);
	else if (objection)
		gc_judge(ret, GC_GONE, "its interface %s is gone, and %s", interface, objection);
	else
		gc_judge(ret, GC_DOUBTFUL,
		         "its interface %s is gone, but its network namespace is there", interface);
}

static void judge_by_kernel(const struct gc_sight *sight, const struct gc_attachment *subject,
                            const char *objection, struct gc_judgement *ret)
{
	const struct attachment *attachment = &subject->attachment;
	if (!has_interface(sight, subject))
		judge_by_netns(subject, objection, ret);
	else if (objection)
		gc_judge(ret, GC_DOUBTFUL, "its interface %s is there, but %s",
		         attachment->interface, objection);
	else
		gc_judge(ret, GC_LIVES, "its interface %s is there", attachment->interface);
}

/* Nobody but the runtime knows better: what it calls ready is kept, whatever else is true. */
static void judge_ready(const struct gc_sight *sight, const struct gc_attachment *subject,
                        struct gc_judgement *ret)
{
	const struct attachment *attachment = &subject->attachment;
	static const char ready[] = "the runtime says that the sandbox is ready";
	if (!gc_of_this_boot(sight, attachment))
		gc_judge(ret, GC_DOUBTFUL, "%s, but it is of an earlier boot", ready);
	else if (attachment->state == ATTACHMENT_GONE)
		gc_judge(ret, GC_DOUBTFUL, "%s, but it was deleted", ready);
	else if (attachment->interface[0] && !has_interface(sight, subject))
		gc_judge(ret, GC_DOUBTFUL, "%s, but its interface %s is gone", ready,
		         attachment->interface);
	else
		gc_judge(ret, GC_LIVES, "%s", ready);
}

static void judge_attachment(const struct gc_sight *sight, const struct gc_evidence *evidence,
                             const struct gc_attachment *subject, struct gc_judgement *ret)
{
	const struct attachment *attachment = &subject->attachment;
	const struct gc_sandbox *known = gc_cri_find(&evidence->sandboxes, attachment->sandbox);
	if (known && known->ready)
		judge_ready(sight, subject, ret);
	else if (!gc_of_this_boot(sight, attachment))
		gc_judge(ret, GC_GONE, "it is of an earlier boot");
	else if (attachment->state == ATTACHMENT_GONE)
		gc_judge(ret, GC_GONE, "it was deleted, and something was left: %s",
		         attachment->left[0] ? attachment->left : "nobody said what");
	else
		judge_by_kernel(sight, subject, runtime_objection(evidence, attachment), ret);
}

void gc_judge_attachments(struct gc_sight *sight, const struct gc_evidence *evidence)
{
	struct gc_attachment *items = sight->attachments.items;
	for (size_t i = 0; i < sight->attachments.count; i++)
		judge_attachment(sight, evidence, &items[i], &items[i].judgement);
}
