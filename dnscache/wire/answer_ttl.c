/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/wire/answer_ttl.h"

#define SOA_NUMBERS 20 /* bytes behind the names; the last number is MINIMUM */

static enum dns_answer_kind kind_of(const struct dns_records *records)
{
	uint16_t type = records->question.type;
	switch (records->rcode) {
	case DNS_RCODE_NXDOMAIN:
		return DNS_KIND_DENIAL;
	case DNS_RCODE_SERVFAIL:
	case DNS_RCODE_NOTIMP:
		return DNS_KIND_FAILURE;
	case DNS_RCODE_NOERROR:
		break;
	default:
		return DNS_KIND_OTHER;
	}
	for (size_t i = 0; i < records->count; i++)
		if (records->list[i].section == DNS_ANSWER &&
		    (type == DNS_TYPE_ANY || records->list[i].type == type))
			return DNS_KIND_SUCCESS;
	return DNS_KIND_DENIAL;
}

static bool is_soa_of_denial(const struct dns_record *record)
{
	return record->section == DNS_AUTHORITY && record->type == DNS_TYPE_SOA &&
	       record->data_size >= SOA_NUMBERS;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* How long there is nothing: 0 without a SOA. */
static uint32_t negative_ttl(const struct dns_records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->list[i];
		if (is_soa_of_denial(record))
			return smaller(record->ttl, dns_u32(record->data + record->data_size - 4));
	}
	return 0;
}

static uint32_t least_of_answers(const struct dns_records *records)
{
	uint32_t least = UINT32_MAX;
	for (size_t i = 0; i < records->count; i++)
		if (records->list[i].section == DNS_ANSWER)
			least = smaller(least, records->list[i].ttl);
	return least;
}

static bool has_soa(const struct dns_records *records)
{
	for (size_t i = 0; i < records->count; i++)
		if (is_soa_of_denial(&records->list[i]))
			return true;
	return false;
}

static uint32_t clamp(const struct dns_ttl_rule *rule, uint32_t ttl)
{
	return ttl < rule->least ? rule->least : smaller(ttl, rule->most);
}

void dns_ttl_judge(const struct dns_records *records, const struct dns_lifetimes *lifetimes,
                   struct dns_ttl_rule *ret)
{
	*ret = (struct dns_ttl_rule){
		.kind = kind_of(records),
		.most = UINT32_MAX,
		.soa_most = UINT32_MAX,
	};
	switch (ret->kind) {
	case DNS_KIND_SUCCESS:
		ret->least = lifetimes->success_min;
		ret->most = lifetimes->success_max;
		ret->lifetime = clamp(ret, least_of_answers(records));
		break;
	case DNS_KIND_DENIAL:
		ret->least = lifetimes->denial_min;
		ret->most = lifetimes->denial_max;
		ret->soa_most = negative_ttl(records);
		if (has_soa(records))
			ret->lifetime =
				clamp(ret, smaller(ret->soa_most, least_of_answers(records)));
		break;
	case DNS_KIND_FAILURE:
		ret->lifetime = lifetimes->failure;
		break;
	case DNS_KIND_OTHER:
		break;
	}
	if (records->flags & DNS_FLAG_TC)
		ret->lifetime = 0;
}

uint32_t dns_ttl_of(const struct dns_ttl_rule *rule, const struct dns_record *record)
{
	return clamp(rule,
	             is_soa_of_denial(record) ? smaller(record->ttl, rule->soa_most) : record->ttl);
}
