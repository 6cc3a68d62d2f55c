/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "dnscache/plugin/rewrite.h"
#include "dnscache/plugin/rewrite_text.h"
#include "dnscache/wire/record_data.h"

static int apply_rule(const struct rewrite_rule *rule, struct dns_question *question)
{
	struct dns_name other;
	int applied;

	switch (rule->field) {
	case REWRITE_NAME:
		applied = rewrite_text_rule(rule, &question->name, &other);
		if (applied > 0)
			question->name = other;
		return applied;
	case REWRITE_TYPE:
		if (question->type != rule->from_number)
			return 0;
		question->type = rule->to_number;
		return 1;
	case REWRITE_TTL:
	case REWRITE_RCODE:
		return rewrite_text_rule(rule, &question->name, NULL);
	case REWRITE_CNAME:
		return 1;
	case REWRITE_CLASS:
	case REWRITE_EDNS0:
		break;
	}
	return 0;
}

int rewrite_question(const struct rewrite_rule *rules, size_t count, struct dns_question *question,
                     struct rewrite_done *done)
{
	done->count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct dns_name before = question->name;
		int applied = apply_rule(&rules[i], question);

		if (applied < 0)
			return applied;
		if (applied == 0)
			continue;
		if (rules[i].field != REWRITE_TYPE) {
			if (done->count == REWRITES_APPLIED_MAX)
				return -E2BIG;
			done->rules[done->count] = &rules[i];
			done->before[done->count++] = before;
		}
		if (!rules[i].go_on)
			break;
	}
	return 0;
}

/* The types whose names CoreDNS calls the value; of an SOA it is the first. */
static bool has_value(const struct dns_record *record, const struct dns_data_shape **shape)
{
	switch (record->type) {
	case DNS_TYPE_NS:
	case DNS_TYPE_CNAME:
	case DNS_TYPE_SOA:
	case DNS_TYPE_PTR:
	case DNS_TYPE_MX:
	case DNS_TYPE_SRV:
	case DNS_TYPE_NAPTR:
	case DNS_TYPE_DNAME:
		*shape = dns_data_shape(record->type);
		return *shape;
	default:
		return false;
	}
}

/* Where the value begins and ends. */
static bool find_value(const struct dns_record *record, size_t *ret_start, size_t *ret_end,
                       struct dns_name *ret)
{
	const struct dns_data_shape *shape;

	if (!has_value(record, &shape) ||
	    dns_data_names(shape, record->data, record->data_size, ret_start) < 0)
		return false;
	*ret_end = *ret_start;
	return dns_name_read(record->data, record->data_size, ret_end, ret) == 0;
}

static int put_value(struct dns_records *records, struct dns_record *record, size_t start,
                     size_t end, const struct dns_name *value)
{
	size_t size = record->data_size - (end - start) + value->length;
	uint8_t *data = size <= UINT16_MAX ? arena_alloc(records->arena, size) : NULL;

	if (!data)
		return -ENOMEM;
	memcpy(data, record->data, start);
	memcpy(data + start, value->wire, value->length);
	memcpy(data + start + value->length, record->data + end, record->data_size - end);
	record->data = data;
	record->data_size = (uint16_t)size;
	return 0;
}

/* One way to change a name of an answer. */
struct change {
	const struct rewrite_answer *answer; /* a pattern, else: */
	const struct rewrite_rule *suffix;   /* this rule's suffixes the other way round, else: */
	const struct dns_name *from, *to;    /* from, and what is under it */
};

static int replace_tail(const struct change *change, const struct dns_name *name,
                        struct dns_name *ret)
{
	size_t head = name->length - change->from->length;

	if (!dns_name_under(name, change->from))
		return 0;
	if (head + change->to->length > DNS_NAME_MAX)
		return -E2BIG;
	memcpy(ret->wire, name->wire, head);
	memcpy(ret->wire + head, change->to->wire, change->to->length);
	ret->length = (uint8_t)(head + change->to->length);
	return 1;
}

/* What can't be changed into a name stays as it is. */
static int change_name(const struct change *change, const struct dns_name *name,
                       struct dns_name *ret)
{
	int changed;

	if (change->answer)
		changed = rewrite_text_answer(change->answer, name, ret);
	else if (change->suffix)
		changed = rewrite_text_suffix_back(change->suffix, name, ret);
	else
		changed = replace_tail(change, name, ret);
	return changed == -E2BIG ? 0 : changed;
}

static int change_owners(const struct change *change, struct dns_records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		struct dns_record *record = &records->list[i];
		struct dns_name owner;
		int changed = change_name(change, &record->owner, &owner);

		if (changed < 0)
			return changed;
		if (changed > 0)
			record->owner = owner;
	}
	return 0;
}

static int change_values(const struct change *change, struct dns_records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		struct dns_record *record = &records->list[i];
		struct dns_name value;
		struct dns_name other;
		size_t start;
		size_t end;
		int changed = 0;

		if (find_value(record, &start, &end, &value))
			changed = change_name(change, &value, &other);
		if (changed > 0)
			changed = put_value(records, record, start, end, &other);
		if (changed < 0)
			return changed;
	}
	return 0;
}

static int put_names_back(const struct rewrite_rule *rule, const struct dns_name *before,
                          const struct dns_name *after, struct dns_records *records)
{
	bool suffix = rule->match == REWRITE_SUFFIX;
	const struct change back = {
		.suffix = suffix ? rule : NULL,
		.from = after,
		.to = before,
	};
	int failed = 0;

	for (size_t i = rule->answer_count; failed == 0 && i > 0; i--) {
		const struct change change = {.answer = &rule->answers[i - 1]};

		failed = rule->answers[i - 1].value ? change_values(&change, records)
		                                    : change_owners(&change, records);
	}
	if (rule->match != REWRITE_EXACT && !rule->answer_auto)
		return failed;
	if (failed == 0)
		failed = change_values(&back, records);
	return failed < 0 ? failed : change_owners(&back, records);
}

static void limit_ttls(const struct rewrite_rule *rule, struct dns_records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		struct dns_record *record = &records->list[i];

		if (record->ttl < rule->ttl_min)
			record->ttl = rule->ttl_min;
		else if (record->ttl > rule->ttl_max)
			record->ttl = rule->ttl_max;
	}
}

static void change_rcode(const struct rewrite_rule *rule, struct dns_records *records)
{
	if (records->rcode != rule->from_number)
		return;
	records->rcode = rule->to_number;
	records->flags = (uint16_t)((records->flags & ~DNS_FLAGS_RCODE) |
	                            (rule->to_number & DNS_FLAGS_RCODE));
}

int rewrite_answer_records(const struct rewrite_done *done, const struct dns_question *asked,
                           struct dns_records *records)
{
	const struct dns_name last = records->question.name;
	int failed = 0;

	for (size_t i = done->count; failed == 0 && i > 0; i--) {
		const struct rewrite_rule *rule = done->rules[i - 1];
		const struct dns_name *after = i == done->count ? &last : &done->before[i];

		if (rule->field == REWRITE_NAME)
			failed = put_names_back(rule, &done->before[i - 1], after, records);
		else if (rule->field == REWRITE_TTL)
			limit_ttls(rule, records);
		else if (rule->field == REWRITE_RCODE)
			change_rcode(rule, records);
	}
	records->question = *asked;
	return failed;
}

/* The CNAMEs of the answer up to this one are what stays. */
static void cut_behind(struct dns_records *records, size_t last)
{
	size_t kept = 0;

	for (size_t i = 0; i <= last; i++) {
		if (records->list[i].section == DNS_ANSWER &&
		    records->list[i].type == DNS_TYPE_CNAME)
			records->list[kept++] = records->list[i];
	}
	records->count = kept;
}

static int lead_elsewhere(const struct rewrite_rule *rule, struct dns_records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		struct dns_record *record = &records->list[i];
		struct dns_name target;
		struct dns_name other;
		size_t start;
		size_t end;
		int changed = 0;

		if (record->section == DNS_ANSWER && record->type == DNS_TYPE_CNAME &&
		    find_value(record, &start, &end, &target))
			changed = rewrite_text_rule(rule, &target, &other);
		if (changed > 0)
			changed = put_value(records, record, start, end, &other) < 0 ? -ENOMEM : 1;
		if (changed > 0)
			cut_behind(records, i);
		if (changed != 0)
			return changed;
	}
	return 0;
}

int rewrite_cname(const struct rewrite_done *done, struct dns_records *records)
{
	int changed = 0;

	for (size_t i = done->count; changed == 0 && i > 0; i--) {
		if (done->rules[i - 1]->field == REWRITE_CNAME)
			changed = lead_elsewhere(done->rules[i - 1], records);
	}
	return changed;
}
