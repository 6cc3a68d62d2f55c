/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/document.h"
#include "common/json.h"
#include "hooks/eni-gc/gc_blocking.h"

#define TEXT_MAX (EC2_ITEMS_SIZE_MAX + (1U << 20))
#define VPCS_TEXT_MAX (1U << 20) /* bytes: of thousands of VPCs */
#define RULE_SIZE (RULE_TEXT_MAX + 16)

struct blocking {
	struct gc_ec2 *ec2;
	const char *group;       /* id */
	char vpc[GC_ID_MAX + 1]; /* its own; "" = not known */
	struct gc_eni_report *report;
	struct error failure;
};

static void say(struct blocking *blocking, const struct gc_finding *finding)
{
	gc_eni_report_finding(blocking->report, finding);
}

static void note_group(struct blocking *blocking, const struct gc_group *group)
{
	snprintf(blocking->vpc, sizeof(blocking->vpc), "%s", group->vpc);
	if (strcmp(group->name, "default") == 0)
		say(blocking,
		    &(struct gc_finding){.action = GC_ENI_BLOCKS,
		                         .id = blocking->group,
		                         .group = group,
		                         .why = "the default group of its VPC",
		                         .advice = "it cannot be deleted, and goes with the VPC"});
}

/* The group itself, by name: one that does not exist is an error. */
static int find_group(struct blocking *blocking)
{
	struct ec2_items *items = NULL;
	struct gc_groups groups = {0};
	int r = ec2_items_new(EC2_GROUP_USES, &items, &blocking->failure);
	if (r < 0)
		return r;
	const struct aws_answer *answer =
		gc_ec2_ask(blocking->ec2, items, EC2_BY_GROUP, blocking->group);
	if (answer->outcome != AWS_OK)
		r = error_set(&blocking->failure,
		              answer->outcome == AWS_NOT_FOUND ? -ENOENT : answer->error.code, "%s",
		              answer->error.text);
	else
		r = gc_groups_read(items, &groups, &blocking->failure);
	if (r == 0 && groups.count == 1)
		note_group(blocking, &groups.items[0]);
	arena_free(groups.arena);
	ec2_items_free(items);
	return r;
}

static int list(const struct blocking *blocking, enum ec2_kind kind, const char *filter,
                struct ec2_items **ret, struct error *err)
{
	const struct ec2_filter filters[] = {{filter, {blocking->group}}, {NULL, {NULL}}};
	struct ec2_items *items = NULL;
	int r = ec2_items_new(kind, &items, err);
	if (r == 0)
		r = gc_ec2_list(blocking->ec2, items, filters, err);
	if (r == 0)
		*ret = items;
	else
		ec2_items_free(items);
	return r;
}

static bool has_group(const struct gc_eni *eni, const char *group)
{
	for (size_t i = 0; i < eni->group_count; i++)
		if (strcmp(eni->groups[i], group) == 0)
			return true;
	return false;
}

static int find_interfaces(struct blocking *blocking)
{
	struct ec2_items *items = NULL;
	struct gc_enis enis = {0};
	char advice[GC_ADVICE_SIZE];
	int r = list(blocking, EC2_INTERFACE_USES, "group-id", &items, &blocking->failure);
	if (r == 0)
		r = gc_enis_read(items, &enis, &blocking->failure);
	for (size_t i = 0; i < enis.count; i++) {
		const struct gc_eni *eni = &enis.items[i];
		if (has_group(eni, blocking->group))
			say(blocking,
			    &(struct gc_finding){.action = GC_ENI_BLOCKS,
			                         .id = eni->id,
			                         .eni = eni,
			                         .advice = gc_blocking_advice(eni, advice)});
	}
	arena_free(enis.arena);
	ec2_items_free(items);
	return r;
}

/* The rule as the AWS CLI takes it. */
static void write_permission(const struct sg_rule *rule, const char *group, char *buffer,
                             size_t size)
{
	if (rule->protocol == PROTOCOL_ALL)
		snprintf(buffer, size, "IpProtocol=-1,UserIdGroupPairs=[{GroupId=%s}]", group);
	else if (rule->protocol == 6 || rule->protocol == 17 || rule->protocol == 1 ||
	         rule->protocol == 58)
		snprintf(buffer, size,
		         "IpProtocol=%d,FromPort=%d,ToPort=%d,UserIdGroupPairs=[{GroupId=%s}]",
		         rule->protocol, rule->from, rule->to, group);
	else
		snprintf(buffer, size, "IpProtocol=%d,UserIdGroupPairs=[{GroupId=%s}]",
		         rule->protocol, group);
}

/* A rule of a peered VPC does not keep the group from being deleted, and is stale afterwards. */
static bool is_elsewhere(const struct blocking *blocking, const struct security_group *other)
{
	return blocking->vpc[0] && other->vpc_id[0] && strcmp(blocking->vpc, other->vpc_id) != 0;
}

static void say_rule(struct blocking *blocking, const struct security_group *other,
                     enum direction direction, const struct sg_rule *rule)
{
	char text[RULE_TEXT_MAX];
	char shown[RULE_SIZE];
	char permission[GC_ADVICE_SIZE / 2];
	char advice[GC_ADVICE_SIZE];
	const struct gc_group group = {.id = other->id, .name = other->name};
	bool elsewhere = is_elsewhere(blocking, other);
	write_permission(rule, blocking->group, permission, sizeof(permission));
	snprintf(shown, sizeof(shown), "%s %s", direction_name(direction),
	         rule_text(rule, direction, text, sizeof(text)));
	snprintf(advice, sizeof(advice),
	         "aws ec2 revoke-security-group-%s --group-id %s --ip-permissions '%s'",
	         direction_name(direction), other->id, permission);
	say(blocking, &(struct gc_finding){.action = elsewhere ? GC_ENI_FOUND : GC_ENI_BLOCKS,
	                                   .id = other->id,
	                                   .group = &group,
	                                   .rule = shown,
	                                   .why = elsewhere ? "of another VPC: blocks nothing, and "
	                                                      "will be stale"
	                                                    : rule->description,
	                                   .advice = advice});
}

static void say_rules(struct blocking *blocking, const struct security_group *other)
{
	if (strcmp(other->id, blocking->group) == 0)
		return;
	for (unsigned direction = 0; direction < DIRECTIONS; direction++)
		for (size_t i = 0; i < other->rule_count[direction]; i++) {
			const struct sg_rule *rule = &other->rules[direction][i];
			if (rule->peer == RULE_PEER_GROUP &&
			    strcmp(rule->peer_id, blocking->group) == 0)
				say_rule(blocking, other, direction, rule);
		}
}

/* EC2 knows no "or" of two filters. */
static int list_referring(struct blocking *blocking, struct ec2_items **ret)
{
	const struct ec2_filter ingress[] = {{"ip-permission.group-id", {blocking->group}},
	                                     {NULL, {NULL}}};
	const struct ec2_filter egress[] = {{"egress.ip-permission.group-id", {blocking->group}},
	                                    {NULL, {NULL}}};
	int r = ec2_items_new(EC2_SECURITY_GROUPS, ret, &blocking->failure);
	if (r == 0)
		r = gc_ec2_list(blocking->ec2, *ret, ingress, &blocking->failure);
	if (r == 0)
		r = gc_ec2_list(blocking->ec2, *ret, egress, &blocking->failure);
	return r;
}

/* The loader of documents knows what a rule may be. */
static int read_rules(struct blocking *blocking, const struct buffer *text)
{
	struct document *document;
	int r = document_parse("DescribeSecurityGroups", DOCUMENT_JSON, text->text, text->length,
	                       &document, &blocking->failure);
	if (r < 0)
		return r;
	for (size_t i = 0; i < document->group_count; i++)
		say_rules(blocking, &document->groups[i]);
	document_free(document);
	return 0;
}

static int find_rules(struct blocking *blocking)
{
	struct buffer text = {.max = TEXT_MAX};
	struct ec2_items *items = NULL;
	int r = list_referring(blocking, &items);
	if (r < 0)
		goto done;
	ec2_items_sort(items);
	buffer_add_text(&text, "{\"SecurityGroups\":");
	ec2_items_write(items, &text);
	buffer_add_text(&text, "}");
	if (text.failed)
		r = error_set(&blocking->failure, -ENOMEM, "out of memory");
	else
		r = read_rules(blocking, &text);
done:
	ec2_items_free(items);
	buffer_done(&text);
	return r;
}

static void say_vpc(struct blocking *blocking, const cJSON *tree)
{
	const char *vpc = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "VpcId"));
	const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "State"));
	char id[GC_ID_MAX + 1];
	char advice[GC_ADVICE_SIZE];
	snprintf(id, sizeof(id), "%s", vpc ? vpc : "");
	if (!id[0] || strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(id))
		return;
	snprintf(advice, sizeof(advice),
	         "aws ec2 disassociate-security-group-vpc --group-id %s --vpc-id %s",
	         blocking->group, id);
	say(blocking, &(struct gc_finding){.action = GC_ENI_BLOCKS,
	                                   .id = id,
	                                   .what = "vpc",
	                                   .why = state,
	                                   .advice = advice});
}

static int read_vpcs(struct blocking *blocking, const struct buffer *text)
{
	cJSON *tree = text->failed ? NULL : cJSON_ParseWithLength(text->text, text->length);
	const cJSON *vpc;
	if (!tree)
		return error_set(&blocking->failure, -EFBIG, "%s: too many VPCs, or out of memory",
		                 ec2_action(EC2_GROUP_VPCS));
	cJSON_ArrayForEach (vpc, tree)
		say_vpc(blocking, vpc);
	cJSON_Delete(tree);
	return 0;
}

static int find_vpcs(struct blocking *blocking)
{
	struct buffer text = {.max = VPCS_TEXT_MAX};
	struct ec2_items *items = NULL;
	struct error failure = {0};
	int r = list(blocking, EC2_GROUP_VPCS, "group-id", &items, &failure);
	/* Where EC2 has no associations it has none with this group. */
	if (r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		return error_set(&blocking->failure, r, "%s", failure.text);
	ec2_items_sort(items);
	ec2_items_write(items, &text);
	r = read_vpcs(blocking, &text);
	ec2_items_free(items);
	buffer_done(&text);
	return r;
}

/* All of it, as far as EC2 says: half of what blocks it is of use, too. The first failure stays in
 * blocking. */
static int run(struct blocking *blocking)
{
	static int (*const steps[])(struct blocking *) = {find_interfaces, find_rules, find_vpcs};
	int r = find_group(blocking);
	if (r == -ENOENT)
		return GC_EXIT_FAILED;
	bool partial = r < 0;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		partial = steps[i](blocking) < 0 || partial;
	if (partial)
		return GC_EXIT_PARTIAL;
	return blocking->report->counts[GC_ENI_BLOCKS] > 0 ? GC_EXIT_FAILED : GC_EXIT_DONE;
}

int gc_blocking(struct gc_ec2 *ec2, const struct gc_eni_options *options,
                struct gc_eni_report *report)
{
	struct blocking blocking = {.ec2 = ec2, .group = options->subject, .report = report};
	int status = run(&blocking);
	gc_eni_report_summary(report, &(struct gc_summary){.subject = options->subject,
	                                                   .region = gc_ec2_region(ec2),
	                                                   .status = status,
	                                                   .failure = &blocking.failure});
	return status;
}
