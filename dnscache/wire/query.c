/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "dnscache/wire/query.h"

#define COUNTS_AT 4
#define RECORD_HEAD 10 /* type, class, TTL, size: behind a record's owner */
#define OPT_DO 0x8000u

enum count { QUESTIONS, ANSWERS, AUTHORITIES, ADDITIONAL };

static unsigned count_of(const struct dns_query *query, enum count which)
{
	return dns_u16(query->packet + COUNTS_AT + 2 * which);
}

/* Labels only, no pointers: there is nothing in front of the question to point to. */
static int read_question(struct dns_query *query, size_t *offset)
{
	const uint8_t *packet = query->packet;
	size_t at = DNS_HEADER_SIZE;
	if (count_of(query, QUESTIONS) != 1)
		return -EBADMSG;
	while (at < query->size && packet[at] > 0) {
		if (packet[at] > DNS_LABEL_MAX)
			return -EBADMSG;
		at += 1u + packet[at];
	}
	size_t length = at + 1 - DNS_HEADER_SIZE;
	if (length > DNS_NAME_MAX || at + 5 > query->size)
		return -EBADMSG;
	dns_wire_lower(query->name.wire, packet + DNS_HEADER_SIZE, length);
	query->name.length = (uint8_t)length;
	query->type = dns_u16(packet + at + 1);
	query->class = dns_u16(packet + at + 3);
	*offset = at + 5;
	return 0;
}

static int read_option(struct dns_query *query, unsigned code, const uint8_t *data, unsigned size)
{
	if (code == DNS_OPTION_KEEPALIVE && size == 0)
		query->edns.keepalive = true;
	if (code != DNS_OPTION_COOKIE || query->edns.cookie)
		return 0;
	if (size != 8 && (size < 16 || size > 40))
		return -EBADMSG;
	query->edns.cookie = data;
	query->edns.cookie_size = (uint8_t)size;
	return 0;
}

static int read_options(struct dns_query *query, const uint8_t *data, size_t size)
{
	size_t at = 0;
	while (at < size) {
		if (size - at < 4)
			return -EBADMSG;
		size_t length = dns_u16(data + at + 2);
		if (length > size - at - 4 ||
		    read_option(query, dns_u16(data + at), data + at + 4, (unsigned)length) < 0)
			return -EBADMSG;
		at += 4 + length;
	}
	return 0;
}

/* head: from the type on. The options of another version may have another form. */
static int read_opt(struct dns_query *query, const uint8_t *head, size_t data_size)
{
	uint16_t udp_size = dns_u16(head + 2);
	if (query->edns.present)
		return -EBADMSG;
	query->edns.present = true;
	query->edns.udp_size = udp_size > DNS_UDP_PLAIN ? udp_size : DNS_UDP_PLAIN;
	query->edns.version = head[5];
	query->edns.dnssec_ok = dns_u16(head + 6) & OPT_DO;
	return query->edns.version > 0 ? 0 : read_options(query, head + RECORD_HEAD, data_size);
}

static int read_record(struct dns_query *query, bool additional, size_t *offset)
{
	size_t at = *offset;
	if (dns_name_skip(query->packet, query->size, &at) < 0 || query->size - at < RECORD_HEAD)
		return -EBADMSG;
	const uint8_t *head = query->packet + at;
	size_t data_size = dns_u16(head + 8);
	if (data_size > query->size - at - RECORD_HEAD)
		return -EBADMSG;
	if (dns_u16(head) == DNS_TYPE_OPT) {
		bool root = query->packet[*offset] == 0;
		if (!additional || !root || read_opt(query, head, data_size) < 0)
			return -EBADMSG;
	}
	*offset = at + RECORD_HEAD + data_size;
	return 0;
}

/* A TSIG or SIG(0) is a record like others: nobody shares a key with us. */
static int read_records(struct dns_query *query, size_t offset)
{
	unsigned others = count_of(query, ANSWERS) + count_of(query, AUTHORITIES);
	unsigned count = others + count_of(query, ADDITIONAL);
	for (unsigned i = 0; i < count; i++)
		if (read_record(query, i >= others, &offset) < 0)
			return -EBADMSG;
	return offset == query->size ? 0 : -EBADMSG;
}

/* Types that are no data: RFC 6895 §3.1's range of question and meta types, OPT among the data
 * types, and 0. */
static bool is_meta(uint16_t type)
{
	return type == 0 || type == DNS_TYPE_OPT || (type >= 128 && type < DNS_TYPE_ANY);
}

enum dns_query_verdict dns_query_read(const uint8_t *packet, size_t size, struct dns_query *ret)
{
	if (size < DNS_HEADER_SIZE || size > DNS_MESSAGE_MAX || packet[2] & DNS_FLAG_QR >> 8)
		return DNS_QUERY_DROP;
	ret->packet = packet;
	ret->size = (uint16_t)size;
	ret->id = dns_u16(packet);
	ret->flags = dns_u16(packet + 2);
	ret->type = 0;
	ret->class = 0;
	ret->name.length = 0;
	memset(&ret->edns, 0, sizeof(ret->edns));
	ret->edns.udp_size = DNS_UDP_PLAIN;

	size_t offset;
	int r = read_question(ret, &offset);
	if (r == 0)
		r = read_records(ret, offset);
	if (ret->flags & DNS_FLAGS_OPCODE)
		return DNS_QUERY_NOTIMP;
	if (r < 0)
		return DNS_QUERY_FORMERR;
	if (ret->edns.version > 0)
		return DNS_QUERY_BADVERS;
	if (ret->class != DNS_CLASS_IN || is_meta(ret->type))
		return DNS_QUERY_REFUSED;
	return DNS_QUERY_GOOD;
}
