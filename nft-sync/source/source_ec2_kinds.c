/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nft-sync/source/source_ec2_parts.h"

#define OPENING_MAX 320 /* of a prefix list in its document: an id has 255 bytes at most */

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "out of memory");
}

static int expect_good(const struct aws_answer *answer, struct error *err)
{
	if (answer->outcome == AWS_OK)
		return 0;
	return error_set(err, answer->error.code, "%s", answer->error.text);
}

/* 1: all have been asked for. */
static int ask_filtered(struct ec2_follower *follower, struct error *err)
{
	struct ec2_round *round = &follower->round;
	size_t from = round->asked;
	size_t count = round->ids.count - from;
	if (count == 0)
		return 1;
	if (count > EC2_IDS_MAX)
		count = EC2_IDS_MAX;
	round->asked += count;
	return ec2_follower_ask(follower, EC2_BY_FILTER, from, count, err);
}

/*
 * A filter passes over groups that do not exist, so one that is not among the answers is asked for
 * by name: only InvalidGroup.NotFound takes its rules away. What was not found once is asked for by
 * the filter alone, until it is among the answers again.
 */
static int confirm(struct ec2_follower *follower, struct error *err)
{
	struct ec2_round *round = &follower->round;
	if (!round->confirming) {
		ec2_items_sort(round->items);
		round->confirming = true;
		round->asked = 0;
	}
	for (; round->asked < round->ids.count; round->asked++) {
		const char *id = round->ids.ids[round->asked];
		if (ec2_items_has(round->items, id))
			continue;
		if (!ec2_ids_has(&follower->missing, id))
			return ec2_follower_ask(follower, EC2_BY_GROUP, round->asked, 1, err);
		if (ec2_ids_append(&round->missing, id) < 0)
			return no_memory(err);
	}
	return 1;
}

static int ask_groups(struct ec2_follower *follower, struct error *err)
{
	if (!follower->round.confirming) {
		int r = ask_filtered(follower, err);
		if (r <= 0)
			return r;
	}
	return confirm(follower, err);
}

static int take_groups(struct ec2_follower *follower, const struct aws_answer *answer,
                       struct error *err)
{
	struct ec2_round *round = &follower->round;
	if (!round->confirming)
		return expect_good(answer, err);
	const char *id = round->ids.ids[round->asked];
	if (answer->outcome == AWS_NOT_FOUND) {
		round->asked++;
		return ec2_ids_append(&round->missing, id) < 0 ? no_memory(err) : 0;
	}
	int r = expect_good(answer, err);
	if (r < 0)
		return r;
	ec2_items_sort(round->items);
	if (!ec2_items_has(round->items, id))
		return error_set(err, -EBADMSG,
		                 "DescribeSecurityGroups: %.64s is neither in the "
		                 "answer nor said not to exist",
		                 id);
	round->asked++;
	return 0;
}

static int check_groups(const struct document *document, const struct wanted_ids *asked,
                        struct error *err)
{
	for (size_t i = 0; i < document->group_count; i++)
		if (!ec2_ids_has(asked, document->groups[i].id))
			return error_set(err, -EBADMSG,
			                 "DescribeSecurityGroups: %.64s was not asked for",
			                 document->groups[i].id);
	return 0;
}

static bool knows_group(const struct model *model, const char *id)
{
	return model_group(model, id) != NULL;
}

static int take_interfaces(struct ec2_follower *follower, const struct aws_answer *answer,
                           struct error *err)
{
	(void)follower;
	return expect_good(answer, err);
}

static bool has_group_of(const struct network_interface *interface, const struct wanted_ids *asked)
{
	for (size_t i = 0; i < interface->group_count; i++)
		if (ec2_ids_has(asked, interface->groups[i]))
			return true;
	return false;
}

static int check_interfaces(const struct document *document, const struct wanted_ids *asked,
                            struct error *err)
{
	for (size_t i = 0; i < document->interface_count; i++)
		if (!has_group_of(&document->interfaces[i], asked))
			return error_set(err, -EBADMSG,
			                 "DescribeNetworkInterfaces: %.64s has no group that was "
			                 "asked for",
			                 document->interfaces[i].id);
	return 0;
}

/* No answer says of a group that it has no members, other than by none. */
static bool knows_members(const struct model *model, const char *id)
{
	(void)model;
	(void)id;
	return true;
}

static int ask_list(struct ec2_follower *follower, struct error *err)
{
	struct ec2_round *round = &follower->round;
	if (round->asked == round->ids.count)
		return 1;
	ec2_items_free(round->items);
	round->items = NULL;
	int r = ec2_items_new(EC2_PREFIX_LIST_ENTRIES, &round->items, err);
	return r < 0 ? r : ec2_follower_ask(follower, EC2_BY_LIST, round->asked, 1, err);
}

static void opening_of(const char *id, struct buffer *opening)
{
	buffer_add_text(opening, "{\"PrefixListId\":");
	buffer_add_json(opening, id);
	buffer_add_text(opening, ",\"Cidrs\":");
}

static void begin_list(struct buffer *lists)
{
	buffer_add_text(lists, lists->length > 0 ? ",\n" : "\n");
}

static void add_list(struct ec2_round *round, const char *id)
{
	begin_list(&round->lists);
	opening_of(id, &round->lists);
	ec2_items_sort(round->items);
	ec2_items_write(round->items, &round->lists);
	buffer_add_text(&round->lists, "}");
}

/* What was said of a list before, word by word: in a document that was good no brace is text. */
static void keep_list(struct ec2_follower *follower, const char *id)
{
	struct buffer opening = {.max = OPENING_MAX};
	struct buffer *lists = &follower->round.lists;
	opening_of(id, &opening);
	if (!follower->text)
		ec2_follower_restore(follower);
	const char *begin = NULL;
	if (follower->text && !opening.failed)
		begin = strstr(follower->text, opening.text);
	if (begin) {
		begin_list(lists);
		buffer_add(lists, begin, strcspn(begin, "}") + 1);
	}
	buffer_done(&opening);
}

/* A list that may not be read, of another account perhaps, does not spoil the others. */
static int take_list(struct ec2_follower *follower, const struct aws_answer *answer,
                     struct error *err)
{
	struct ec2_round *round = &follower->round;
	const char *id = round->ids.ids[round->asked++];
	if (answer->outcome == AWS_NOT_FOUND)
		return ec2_ids_append(&round->missing, id) < 0 ? no_memory(err) : 0;
	if (answer->outcome == AWS_OK) {
		add_list(round, id);
	} else if (answer->outcome == AWS_REFUSED) {
		keep_list(follower, id);
		error_set(&round->error, answer->error.code, "%.64s: %s", id, answer->error.text);
	} else {
		return expect_good(answer, err);
	}
	return 0;
}

static int check_lists(const struct document *document, const struct wanted_ids *asked,
                       struct error *err)
{
	(void)document;
	(void)asked;
	(void)err;
	return 0;
}

static bool knows_list(const struct model *model, const char *id)
{
	return model_prefix_list(model, id) != NULL;
}

const struct ec2_kind_of_source ec2_groups = {
	.what = "security groups",
	.list = "SecurityGroups",
	.document = "ec2/security-groups",
	.copy = "security-groups.json",
	.kind = EC2_SECURITY_GROUPS,
	.ask = ask_groups,
	.take = take_groups,
	.check = check_groups,
	.known = knows_group,
};

const struct ec2_kind_of_source ec2_interfaces = {
	.what = "network interfaces",
	.list = "NetworkInterfaces",
	.document = "ec2/network-interfaces",
	.copy = "network-interfaces.json",
	.kind = EC2_NETWORK_INTERFACES,
	.ask = ask_filtered,
	.take = take_interfaces,
	.check = check_interfaces,
	.known = knows_members,
};

const struct ec2_kind_of_source ec2_prefix_lists = {
	.what = "prefix lists",
	.list = "PrefixLists",
	.document = "ec2/prefix-lists",
	.copy = "prefix-lists.json",
	.kind = EC2_PREFIX_LIST_ENTRIES,
	.ask = ask_list,
	.take = take_list,
	.check = check_lists,
	.known = knows_list,
};
