/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "hooks/eni-gc/gc_eni_delete.h"
#include "hooks/eni-gc/gc_eni_judge.h"

#define ADVICE_SIZE 80
#define CHANGED "it was changed meanwhile"
#define OTHERS "EC2 spoke of others when it was asked again"

/* One candidate and what becomes of it. */
struct deletion {
	struct gc_ec2 *ec2;
	const struct gc_candidate *candidate;
	enum gc_eni_action action;
	struct error error; /* why; code 0: action says all */
};

static void decide(struct deletion *deletion, enum gc_eni_action action, const char *why)
{
	deletion->action = action;
	error_set(&deletion->error, -1, "%s", why);
}

static void judge_eni(struct deletion *deletion, struct ec2_items *items)
{
	struct gc_enis now = {0};
	struct error failure = {0};
	if (gc_enis_read(items, &now, &failure) < 0)
		decide(deletion, GC_ENI_FAILED, failure.text);
	else if (now.count != 1 || strcmp(now.items[0].id, deletion->candidate->id) != 0)
		decide(deletion, GC_ENI_FAILED, OTHERS);
	else if (gc_eni_use(&now.items[0])[0])
		decide(deletion, GC_ENI_KEPT, gc_eni_use(&now.items[0]));
	else if (now.items[0].fingerprint != deletion->candidate->fingerprint)
		decide(deletion, GC_ENI_KEPT, CHANGED);
	arena_free(now.arena);
}

static void judge_group(struct deletion *deletion, struct ec2_items *items)
{
	struct gc_groups now = {0};
	struct error failure = {0};
	if (gc_groups_read(items, &now, &failure) < 0)
		decide(deletion, GC_ENI_FAILED, failure.text);
	else if (now.count != 1 || strcmp(now.items[0].id, deletion->candidate->id) != 0)
		decide(deletion, GC_ENI_FAILED, OTHERS);
	else if (now.items[0].fingerprint != deletion->candidate->fingerprint)
		decide(deletion, GC_ENI_KEPT, CHANGED);
	arena_free(now.arena);
}

/* Leaves a reason in the deletion, unless the thing is as it was. */
static void ask_again(struct deletion *deletion)
{
	bool is_eni = deletion->candidate->eni != NULL;
	struct ec2_items *items = NULL;
	struct error failure = {0};
	if (ec2_items_new(is_eni ? EC2_INTERFACE_USES : EC2_GROUP_USES, &items, &failure) < 0) {
		decide(deletion, GC_ENI_FAILED, failure.text);
		return;
	}
	const struct aws_answer *answer =
		gc_ec2_ask(deletion->ec2, items, is_eni ? EC2_BY_INTERFACE : EC2_BY_GROUP,
	                   deletion->candidate->id);
	if (answer->outcome == AWS_NOT_FOUND)
		decide(deletion, GC_ENI_GONE, "");
	else if (answer->outcome != AWS_OK)
		decide(deletion, GC_ENI_FAILED, answer->error.text);
	else if (is_eni)
		judge_eni(deletion, items);
	else
		judge_group(deletion, items);
	ec2_items_free(items);
}

/* EC2 has the last word on whether something is in use; DeleteNetworkInterface says it with a code
 * that says much else, too. */
static bool is_in_use(const struct aws_answer *answer)
{
	return strcmp(answer->code, "DependencyViolation") == 0 ||
	       strcmp(answer->code, "InvalidNetworkInterface.InUse") == 0 ||
	       (strcmp(answer->code, "InvalidParameterValue") == 0 &&
	        strstr(answer->error.text, "currently in use"));
}

static void delete_now(struct deletion *deletion)
{
	bool is_eni = deletion->candidate->eni != NULL;
	struct ec2_items *nothing = NULL;
	struct error failure = {0};
	if (ec2_items_new(is_eni ? EC2_DELETE_INTERFACE : EC2_DELETE_GROUP, &nothing, &failure) <
	    0) {
		decide(deletion, GC_ENI_FAILED, failure.text);
		return;
	}
	const struct aws_answer *answer =
		gc_ec2_ask(deletion->ec2, nothing, is_eni ? EC2_THE_INTERFACE : EC2_THE_GROUP,
	                   deletion->candidate->id);
	if (answer->outcome == AWS_OK)
		decide(deletion, GC_ENI_DELETED, "");
	else if (answer->outcome == AWS_NOT_FOUND)
		decide(deletion, GC_ENI_GONE, "");
	else
		decide(deletion, is_in_use(answer) ? GC_ENI_KEPT : GC_ENI_FAILED,
		       answer->error.text);
	ec2_items_free(nothing);
}

enum gc_eni_action gc_delete(struct gc_ec2 *ec2, const struct gc_candidate *candidate, bool dry_run,
                             struct gc_eni_report *report)
{
	struct deletion deletion = {.ec2 = ec2, .candidate = candidate};
	char advice[ADVICE_SIZE];
	if (dry_run)
		decide(&deletion, GC_ENI_WOULD_DELETE, "");
	else
		ask_again(&deletion);
	if (!deletion.error.code)
		delete_now(&deletion);
	snprintf(advice, sizeof(advice), "podsg-eni-gc enis --blocking %s", candidate->id);
	bool blocked = candidate->group && deletion.action == GC_ENI_KEPT;
	gc_eni_report_finding(report, &(struct gc_finding){.action = deletion.action,
	                                                   .id = candidate->id,
	                                                   .eni = candidate->eni,
	                                                   .group = candidate->group,
	                                                   .why = deletion.error.text,
	                                                   .advice = blocked ? advice : NULL});
	return deletion.action;
}
