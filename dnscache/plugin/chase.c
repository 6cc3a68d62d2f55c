/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/plugin/chase.h"
#include "dnscache/wire/record_data.h"

static const struct dns_record *find(const struct dns_records *records,
                                     const struct dns_name *owner, uint16_t type)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->list[i];

		if (record->section == DNS_ANSWER && record->type == type &&
		    dns_name_equal(&record->owner, owner))
			return record;
	}
	return NULL;
}

bool dns_chase_question(const struct dns_records *records, struct dns_question *ret)
{
	const struct dns_question *question = &records->question;
	struct dns_name end = question->name;
	unsigned length = 0;

	if (question->type == DNS_TYPE_CNAME || question->type == DNS_TYPE_ANY)
		return false;
	for (; length < DNS_CHAIN_MAX; length++) {
		const struct dns_record *link = find(records, &end, DNS_TYPE_CNAME);

		if (!link || dns_data_target(link, &end) < 0)
			break;
	}
	if (length == 0 || length == DNS_CHAIN_MAX || find(records, &end, question->type))
		return false;
	*ret = *question;
	ret->name = end;
	return true;
}

int dns_chase_add(struct dns_records *records, const struct dns_records *found)
{
	for (size_t i = 0; i < found->count; i++) {
		int failed = found->list[i].section == DNS_ADDITIONAL
		                     ? 0
		                     : dns_records_add(records, &found->list[i]);

		if (failed < 0)
			return failed;
	}
	if (found->rcode == DNS_RCODE_NXDOMAIN)
		records->rcode = found->rcode;
	return 0;
}
