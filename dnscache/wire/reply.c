/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "dnscache/wire/reply.h"
#include "dnscache/wire/reply_parts.h"

/* Of the query's: what a reply says again. */
#define FLAGS_KEPT (DNS_FLAGS_OPCODE | DNS_FLAG_RD | DNS_FLAG_CD)

static uint16_t rcode_sayable(const struct dns_query *query, uint16_t rcode)
{
	return query->edns.present || rcode <= DNS_FLAGS_RCODE ? rcode : DNS_RCODE_SERVFAIL;
}

static void put_header(const struct dns_query *query, uint16_t flags, uint16_t rcode, uint8_t *out)
{
	dns_put_u16(out, query->id);
	dns_put_u16(out + 2, DNS_FLAG_QR | DNS_FLAG_RA | (query->flags & FLAGS_KEPT) | flags |
	                             (rcode & DNS_FLAGS_RCODE));
}

static void put_counts(const uint16_t counts[static DNS_SECTIONS], bool opt, uint8_t *out)
{
	dns_put_u16(out + 4, 1);
	dns_put_u16(out + 6, counts[DNS_ANSWER]);
	dns_put_u16(out + 8, counts[DNS_AUTHORITY]);
	dns_put_u16(out + 10, (uint16_t)(counts[DNS_ADDITIONAL] + opt));
}

static uint16_t flags_of(const struct dns_query *query, const struct dns_answer *answer,
                         const struct dns_reply_form *form)
{
	uint16_t passed = DNS_FLAG_TC;
	if (form->fresh)
		passed |= DNS_FLAG_AA;
	if (query->edns.dnssec_ok || query->flags & DNS_FLAG_AD)
		passed |= DNS_FLAG_AD;
	return answer->flags & passed;
}

static void put_stale_ttls(const struct dns_answer *answer, unsigned count, uint32_t age,
                           uint32_t most, uint8_t *out)
{
	const uint16_t *ttl_at = dns_answer_ttl_at(answer);
	for (unsigned i = 0; i < count; i++) {
		uint32_t ttl = dns_u32(out + ttl_at[i]);
		uint32_t left = ttl > age ? ttl - age : ttl;
		dns_put_u32(out + ttl_at[i], left < most ? left : most);
	}
}

/* The body is there as it was packed. */
static void put_ttls(const struct dns_answer *answer, unsigned count,
                     const struct dns_reply_form *form, uint8_t *out)
{
	uint32_t age = form->keep_ttl ? 0 : dns_answer_age(answer, form->now);
	const uint16_t *ttl_at = dns_answer_ttl_at(answer);
	if (form->stale_ttl > 0) {
		put_stale_ttls(answer, count, age, form->stale_ttl, out);
		return;
	}
	if (age == 0)
		return;
	for (unsigned i = 0; i < count; i++) {
		uint32_t ttl = dns_u32(out + ttl_at[i]);
		dns_put_u32(out + ttl_at[i], ttl > age ? ttl - age : 0);
	}
}

static void leave_whole(const struct dns_answer *answer, struct dns_cut *ret)
{
	memcpy(ret->counts, answer->counts, sizeof(ret->counts));
	ret->records = answer->ttl_count;
	ret->body_size = answer->body_size;
	ret->truncated = false;
}

size_t dns_reply(const struct dns_query *query, const struct dns_answer *answer,
                 const struct dns_reply_form *form, uint8_t *out)
{
	size_t body_at = dns_query_body(query);
	size_t room = form->limit - body_at - dns_opt_size(query, form);
	uint16_t rcode = rcode_sayable(query, answer->rcode);
	struct dns_cut cut;
	/* Pointers into a name of another length would lead anywhere. */
	if (answer->name_length != query->name.length && answer->name_length > 0)
		return dns_reply_empty(query, DNS_RCODE_SERVFAIL, false, form, out);
	if (answer->body_size <= room)
		leave_whole(answer, &cut);
	else
		dns_cut_answer(answer, query->edns.dnssec_ok, room, &cut);
	uint16_t flags = flags_of(query, answer, form) | (cut.truncated ? DNS_FLAG_TC : 0);
	put_header(query, flags, rcode, out);
	put_counts(cut.counts, query->edns.present, out);
	memcpy(out + DNS_HEADER_SIZE, query->packet + DNS_HEADER_SIZE, body_at - DNS_HEADER_SIZE);
	memcpy(out + body_at, dns_answer_body(answer), cut.body_size);
	put_ttls(answer, cut.records, form, out);
	size_t end = body_at + cut.body_size;
	return end + dns_opt_write(query, rcode, answer, form, form->limit - end, out + end);
}

size_t dns_reply_empty(const struct dns_query *query, uint16_t rcode, bool truncated,
                       const struct dns_reply_form *form, uint8_t *out)
{
	size_t end = query->name.length > 0 ? dns_query_body(query) : DNS_HEADER_SIZE;
	rcode = rcode_sayable(query, rcode);
	memset(out, 0, DNS_HEADER_SIZE);
	put_header(query, truncated ? DNS_FLAG_TC : 0, rcode, out);
	out[5] = query->name.length > 0;
	out[11] = query->edns.present;
	memcpy(out + DNS_HEADER_SIZE, query->packet + DNS_HEADER_SIZE, end - DNS_HEADER_SIZE);
	return end + dns_opt_write(query, rcode, NULL, form, form->limit - end, out + end);
}
