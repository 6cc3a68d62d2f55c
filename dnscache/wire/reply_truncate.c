/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "dnscache/wire/reply_parts.h"

/* Behind a record's owner, as seen from its TTL. */
#define TYPE_FROM_TTL (-4)
#define SIZE_FROM_TTL 4
#define DATA_FROM_TTL 6

/* A body by its records, which are found by their TTLs: no name is read but to compare. */
struct body {
	const struct dns_answer *answer;
	const uint8_t *bytes;
	const uint16_t *ttl_at;
	size_t begin; /* of the message */
};

static const uint8_t *ttl_of(const struct body *body, unsigned record)
{
	return body->bytes + body->ttl_at[record] - body->begin;
}

/* Where the record ends, in the body. */
static size_t end_of(const struct body *body, unsigned record)
{
	const uint8_t *ttl = ttl_of(body, record);
	return (size_t)(ttl - body->bytes) + DATA_FROM_TTL + dns_u16(ttl + SIZE_FROM_TTL);
}

static uint16_t covers(const struct body *body, unsigned record)
{
	const uint8_t *ttl = ttl_of(body, record);
	uint16_t type = dns_u16(ttl + TYPE_FROM_TTL);
	if (type == DNS_TYPE_RRSIG && dns_u16(ttl + SIZE_FROM_TTL) >= 2)
		return dns_u16(ttl + DATA_FROM_TTL);
	return type;
}

/*
 * Owners that are equal are written alike, but for the first of them, which is in full where the
 * others point to it; and names that no pointer reaches, behind 16 KiB.
 */
static bool same_owner(const struct body *body, unsigned a, unsigned b)
{
	const uint8_t *owner_a = body->bytes + (a > 0 ? end_of(body, a - 1) : 0);
	const uint8_t *owner_b = body->bytes + (b > 0 ? end_of(body, b - 1) : 0);
	size_t size_a = (size_t)(ttl_of(body, a) + TYPE_FROM_TTL - owner_a);
	size_t size_b = (size_t)(ttl_of(body, b) + TYPE_FROM_TTL - owner_b);
	if (size_b == 2 && owner_b[0] >= 0xc0) {
		size_t at = (size_t)(owner_a - body->bytes) + body->begin;
		if ((dns_u16(owner_b) & 0x3fff) == at)
			return true;
	}
	return size_a == size_b && memcmp(owner_a, owner_b, size_a) == 0;
}

static unsigned section_of(const struct dns_answer *answer, unsigned record)
{
	unsigned section = 0;
	while (section < DNS_ADDITIONAL && record >= answer->counts[section])
		record -= answer->counts[section++];
	return section;
}

static bool same_set(const struct body *body, unsigned a, unsigned b)
{
	return section_of(body->answer, a) == section_of(body->answer, b) &&
	       covers(body, a) == covers(body, b) && same_owner(body, a, b);
}

/* Records from the front that fit; no RRset is begun that isn't whole. */
static unsigned count_fitting(const struct body *body, size_t room)
{
	unsigned low = 0;
	unsigned high = body->answer->ttl_count;
	while (low < high) {
		unsigned middle = (low + high + 1) / 2;
		if (end_of(body, middle - 1) <= room)
			low = middle;
		else
			high = middle - 1;
	}
	while (low > 0 && low < body->answer->ttl_count && same_set(body, low - 1, low))
		low--;
	return low;
}

void dns_cut_answer(const struct dns_answer *answer, bool dnssec_ok, size_t room,
                    struct dns_cut *ret)
{
	const struct body body = {
		.answer = answer,
		.bytes = dns_answer_body(answer),
		.ttl_at = dns_answer_ttl_at(answer),
		.begin = DNS_HEADER_SIZE + answer->name_length + 4u,
	};
	unsigned left = count_fitting(&body, room);
	ret->records = (uint16_t)left;
	ret->body_size = (uint16_t)(left > 0 ? end_of(&body, left - 1) : 0);
	for (unsigned i = 0; i < DNS_SECTIONS; i++) {
		ret->counts[i] = (uint16_t)(left < answer->counts[i] ? left : answer->counts[i]);
		left -= ret->counts[i];
	}
	bool authority_needed = dnssec_ok || answer->kind == DNS_KIND_DENIAL;
	ret->truncated =
		ret->counts[DNS_ANSWER] < answer->counts[DNS_ANSWER] ||
		(authority_needed && ret->counts[DNS_AUTHORITY] < answer->counts[DNS_AUTHORITY]);
}
