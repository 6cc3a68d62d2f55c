/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "dnscache/plugin/dns64.h"
#include "dnscache/plugin/reverse.h"

#define TTL_WITHOUT_SOA 600
#define RESERVED_OCTET 8 /* RFC 6052 §2.2: always 0, the address goes round it */

static bool is_answer(const struct dns_record *record, uint16_t type)
{
	return record->section == DNS_ANSWER && record->type == type;
}

static bool is_mapped(const struct dns_record *record)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return record->data_size == 16 && memcmp(record->data, mapped, sizeof(mapped)) == 0;
}

static bool has_aaaa(const struct dns_records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		if (is_answer(&records->list[i], DNS_TYPE_AAAA) && !is_mapped(&records->list[i]))
			return true;
	}
	return false;
}

bool dns64_wanted(const struct dns64_settings *settings, const struct dns_records *aaaa)
{
	const struct dns_question *question = &aaaa->question;

	if (!settings->present || question->type != DNS_TYPE_AAAA ||
	    aaaa->rcode == DNS_RCODE_NXDOMAIN ||
	    (question->dnssec_ok && question->checking_disabled))
		return false;
	return settings->translate_all || !has_aaaa(aaaa);
}

/* The prefix is 32 to 96 bits, whole bytes. */
static void embed(const struct prefix *prefix, const uint8_t address[static 4],
                  uint8_t ret[static 16])
{
	unsigned at = prefix->length / 8;

	memset(ret, 0, 16);
	memcpy(ret, prefix->address, at);
	for (unsigned i = 0; i < 4; i++) {
		if (at == RESERVED_OCTET)
			at++;
		ret[at++] = address[i];
	}
}

static void extract(const struct prefix *prefix, const uint8_t address[static 16],
                    uint8_t ret[static 4])
{
	unsigned at = prefix->length / 8;

	for (unsigned i = 0; i < 4; i++) {
		if (at == RESERVED_OCTET)
			at++;
		ret[i] = address[at++];
	}
}

static uint32_t ttl_limit(const struct dns_records *aaaa)
{
	for (size_t i = 0; i < aaaa->count; i++) {
		const struct dns_record *record = &aaaa->list[i];

		if (record->section == DNS_AUTHORITY && record->type == DNS_TYPE_SOA)
			return record->ttl;
	}
	return TTL_WITHOUT_SOA;
}

static bool has_a(const struct dns_records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		if (is_answer(&records->list[i], DNS_TYPE_A) && records->list[i].data_size == 4)
			return true;
	}
	return false;
}

static int add_made(const struct dns64_settings *settings, const struct dns_record *a,
                    uint32_t limit, struct dns_records *ret)
{
	uint8_t address[16];
	struct dns_record made = *a;

	embed(&settings->prefix, a->data, address);
	made.type = DNS_TYPE_AAAA;
	made.ttl = a->ttl < limit ? a->ttl : limit;
	made.data = address;
	made.data_size = sizeof(address);
	return dns_records_add(ret, &made);
}

int dns64_make(const struct dns64_settings *settings, const struct dns_records *aaaa,
               const struct dns_records *a, struct dns_records *ret)
{
	uint32_t limit = ttl_limit(aaaa);
	int failed = 0;

	if (!has_a(a)) {
		*ret = *aaaa;
		return 0;
	}
	dns_records_begin(ret, &aaaa->question, aaaa->arena);
	ret->flags |= a->flags & (DNS_FLAG_AA | DNS_FLAG_TC);
	ret->ede = a->ede;
	ret->ede_size = a->ede_size;
	for (size_t i = 0; failed == 0 && i < a->count; i++) {
		const struct dns_record *record = &a->list[i];

		if (is_answer(record, DNS_TYPE_A) && record->data_size == 4)
			failed = add_made(settings, record, limit, ret);
		else if (record->type != DNS_TYPE_RRSIG)
			failed = dns_records_add(ret, record);
	}
	return failed;
}

bool dns64_reverse(const struct dns64_settings *settings, const struct dns_name *name,
                   struct dns_name *ret)
{
	struct prefix address;
	uint8_t inner[4];

	if (!settings->present || !dns_reverse_address(name, &address) ||
	    address.family != AF_INET6 || !prefix_contains(&settings->prefix, &address) ||
	    (settings->prefix.length <= 64 && address.address[RESERVED_OCTET] != 0))
		return false;
	extract(&settings->prefix, address.address, inner);
	dns_reverse_name4(inner, ret);
	return true;
}
